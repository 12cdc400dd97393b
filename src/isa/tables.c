/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tables say of an operation or a CSR: its traits, its extension, its name. */
#include "isa/isa.h"

#include <string.h>

enum { NAME_BYTES = 16 };

/* Identifiers hold no dots, and enumerators of CSRs are in capitals. So the compiler writes names
 * letter by letter: LETTERS(DOTTED, "fmv_x_w") is {'f', 'm', 'v', '.', 'x', '.', 'w', 0, ...}. */
#define LETTER(text, i) ((text)[(i) < sizeof(text) ? (i) : sizeof(text) - 1])
#define LETTERS(spell, text)                                                                       \
    {                                                                                              \
        spell(LETTER(text, 0)), spell(LETTER(text, 1)), spell(LETTER(text, 2)),                    \
            spell(LETTER(text, 3)), spell(LETTER(text, 4)), spell(LETTER(text, 5)),                \
            spell(LETTER(text, 6)), spell(LETTER(text, 7)), spell(LETTER(text, 8)),                \
            spell(LETTER(text, 9)), spell(LETTER(text, 10)), spell(LETTER(text, 11)),              \
            spell(LETTER(text, 12)), spell(LETTER(text, 13)), spell(LETTER(text, 14)), '\0'        \
    }
#define DOTTED(letter) ((letter) == '_' ? '.' : (letter))
#define LOWER(letter) ((char)((letter) >= 'A' && (letter) <= 'Z' ? (letter) - 'A' + 'a' : (letter)))

/** One row of insn.def for an operation. */
struct operation {
    char name[NAME_BYTES];
    const char *ext; /* the condition as text; its first word is the operation's extension */
    unsigned traits;
};

static const struct operation operations[OP_COUNT] = {
    [OP_illegal] = {"illegal", "i", T_ENDS},
#define INSN(name, format, pattern, ext, traits)                                                   \
    [OP_##name] = {LETTERS(DOTTED, #name), #ext, traits},
#define COMP(name, format, pattern, ext, traits, expands)
#include "isa/insn.def"
#undef INSN
#undef COMP
};

/* Names have at most 15 letters. */
#define INSN(name, format, pattern, ext, traits)                                                   \
    _Static_assert(sizeof #name <= NAME_BYTES, "name of " #name " too long");
#define COMP(name, format, pattern, ext, traits, expands)
#include "isa/insn.def"
#undef INSN
#undef COMP

unsigned op_traits(enum op op) {
    return operations[op].traits;
}

const char *op_name(enum op op) {
    return operations[op].name;
}

enum ext op_ext(enum op op) {
    const char *word = operations[op].ext;
    size_t length = strcspn(word, " ");
    for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
        const char *name = ext_name((enum ext)ext);
        if (strlen(name) == length && memcmp(name, word, length) == 0) {
            return (enum ext)ext;
        }
    }
    panic(__FILE__, __LINE__, "insn.def names an extension that ext.def lacks");
}

const char *csr_name(unsigned number) {
    static const struct {
        unsigned number;
        char name[NAME_BYTES];
    } csrs[] = {
#define CSR(name, number, ext, what) {number, LETTERS(LOWER, #name)},
#include "isa/csr.def"
#undef CSR
    };
    for (size_t i = 0; i < COUNT(csrs); i++) {
        if (csrs[i].number == number) {
            return csrs[i].name;
        }
    }
    return NULL;
}
