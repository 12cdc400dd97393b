/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instruction words at random, from the rows of insn.def: a new row is run as soon as it is there.
 *
 * A row's free bits are filled at random, then bent: towards few registers, so that one instruction
 * meets what another has left; towards x2 and x8 to x11 as addresses, which the guest keeps
 * pointing somewhere; towards short offsets, CSRs that exist, and rounding to nearest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"

enum { PLACE_RD = 7, PLACE_RS1 = 15, PLACE_RS2 = 20, PLACE_RM = 12, FIELD = 31, TRIES = 200 };

struct row {
    uint32_t mask, match;
    unsigned bytes;
    enum kind kind;
    enum op op;
    unsigned traits;
};

static const struct {
    const char *pattern;
    enum op op;
    unsigned traits;
} patterns[] = {
#define INSN(name, format, pattern, ext, traits) {pattern, OP_##name, traits},
#define COMP(name, format, pattern, ext, traits, expands) {pattern, OP_##expands, traits},
#include "isa/insn.def"
#undef INSN
#undef COMP
};

struct words {
    struct decoder *decoder;
    struct row rows[COUNT(patterns)];
    unsigned row_count;
};

static const unsigned csrs[] = {
#define CSR(name, number, ext, what) number,
#include "isa/csr.def"
#undef CSR
};

static enum kind kind_of(enum op op) {
    unsigned traits = op_traits(op);
    if ((traits & T_CSR) != 0) {
        return KIND_CSR;
    }
    if ((traits & T_SYSTEM) != 0) {
        return KIND_SYSTEM;
    }
    if ((traits & T_AMO) != 0) {
        return KIND_ATOMIC;
    }
    if ((traits & (T_LOAD | T_STORE)) != 0 || strncmp(op_name(op), "cbo", 3) == 0) {
        return KIND_MEMORY;
    }
    if ((traits & T_BRANCH) != 0 || op == OP_jal) {
        return KIND_BRANCH;
    }
    return op == OP_jalr ? KIND_JUMP : (traits & T_FP) != 0 ? KIND_FLOAT : KIND_INTEGER;
}

static struct row row_read(const char *pattern, enum op op) {
    struct row row = {.op = op, .kind = kind_of(op), .traits = op_traits(op)};
    unsigned bits = 0;
    for (const char *bit = pattern; *bit != '\0'; bit++) {
        if (*bit != ' ') {
            bool is_free = *bit == '.' || *bit == '_';
            row.mask = row.mask << 1 | !is_free;
            row.match = row.match << 1 | (*bit == '1');
            bits++;
        }
    }
    row.bytes = bits / 8;
    return row;
}

/* -- Bending ----------------------------------------------------------------------------------- */

static uint32_t with_field(uint32_t word, unsigned place, uint32_t value) {
    return (word & ~((uint32_t)FIELD << place)) | value << place;
}

static uint32_t base_register(struct random *random) {
    static const uint8_t bases[] = {2, 8, 9, 10, 11};
    return bases[random_below(random, COUNT(bases))];
}

static uint32_t short_immediate(struct random *random) {
    static const int16_t near[] = {0, 0, 8, 4, -8, 1, 16, -4, 64};
    return (uint32_t)near[random_below(random, COUNT(near))] & 0xfff;
}

unsigned words_csr(struct random *random) {
    static const unsigned vital[] = {CSR_MTVEC, CSR_PMPCFG0, CSR_PMPCFG2};
    unsigned csr = csrs[random_below(random, COUNT(csrs))];
    for (unsigned i = 0; i < COUNT(vital); i++) {
        if (csr == vital[i] && !one_in(random, 1000)) {
            return CSR_SSCRATCH;
        }
    }
    bool event = (csr & 0x1f) >= 3 &&
                 ((csr & 0xfe0) == 0xc00 || (csr & 0xfe0) == 0xb00 || (csr & 0xfe0) == 0x320);
    return event && !one_in(random, 16) ? (unsigned)CSR_INSTRET : csr;
}

static uint32_t bend_memory(struct random *random, uint32_t word, unsigned traits) {
    if (!one_in(random, 6)) {
        word = with_field(word, PLACE_RS1, base_register(random));
    }
    bool plain_load = (traits & (T_LOAD | T_AMO)) == T_LOAD;
    if (plain_load && !one_in(random, 3)) {
        word = (word & 0xfffff) | short_immediate(random) << 20;
    }
    return word;
}

/* Some that write nothing: csrrs and csrrc of x0 read only, and need no right to write. */
static uint32_t bend_csr(struct random *random, uint32_t word) {
    word = (word & 0xfffff) | words_csr(random) << 20;
    return one_in(random, 2) ? with_field(word, PLACE_RS1, 0) : word;
}

static uint32_t bend(const struct row *row, struct random *random, uint32_t word) {
    if (row->bytes == 2) {
        return word;
    }
    if (!one_in(random, 3)) {
        /* x0 to x7, f0 to f7 or f3 */
        uint32_t beyond = (row->traits & T_FP) != 0 && one_in(random, 2) ? 0x1c : 0x18;
        word &= ~(beyond << PLACE_RD | beyond << PLACE_RS1 | beyond << PLACE_RS2);
    }
    if (row->kind == KIND_MEMORY || row->kind == KIND_ATOMIC) {
        word = bend_memory(random, word, row->traits);
    }
    if (row->kind == KIND_CSR) {
        word = bend_csr(random, word);
    }
    if ((row->traits & T_RM) != 0 && !one_in(random, 4)) {
        uint32_t rm = one_in(random, 2) ? 7 : one_in(random, 4);
        word = (word & ~(UINT32_C(7) << PLACE_RM)) | rm << PLACE_RM;
    }
    return word;
}

/* -- Words ------------------------------------------------------------------------------------- */

struct insn words_decode(const struct words *words, uint32_t word) {
    return decode(words->decoder, word);
}

static uint32_t row_word(const struct words *words, const struct row *row, struct random *random) {
    uint32_t word = row->match;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        uint32_t any = (uint32_t)(random_u64(random) >> 16);
        word = bend(row, random, any);
        word = (word & ~row->mask) | row->match;
        word &= row->bytes == 2 ? 0xffff : UINT32_MAX;
        if (words_decode(words, word).op == row->op) {
            break;
        }
    }
    return word;
}

/* What all programs are made of is wanted more often than its share of the table. */
static bool is_common(const struct row *row) {
    static const enum ext common[] = {EXT_i, EXT_m, EXT_a, EXT_f, EXT_d, EXT_zicsr};
    for (unsigned i = 0; i < COUNT(common); i++) {
        if (op_ext(row->op) == common[i]) {
            return true;
        }
    }
    return row->kind == KIND_SYSTEM;
}

uint32_t words_kind(const struct words *words, enum kind kind, struct random *random) {
    const struct row *row;
    bool any = one_in(random, 2);
    do {
        row = &words->rows[random_below(random, words->row_count)];
    } while (row->kind != kind || !(any || is_common(row)));
    return row_word(words, row, random);
}

uint32_t words_op(const struct words *words, enum op op, struct random *random) {
    const struct row *found = NULL;
    for (unsigned i = 0; i < words->row_count; i++) {
        const struct row *row = &words->rows[i];
        if (row->op == op && (found == NULL || one_in(random, 3))) {
            found = row;
        }
    }
    ensure(found != NULL);
    return row_word(words, found, random);
}

bool words_have(const struct words *words, enum op op) {
    for (unsigned i = 0; i < words->row_count; i++) {
        if (words->rows[i].op == op && words->rows[i].bytes == 4) {
            return true;
        }
    }
    return false;
}

/* -- Aiming ------------------------------------------------------------------------------------ */

static uint32_t bits_of(int32_t value, unsigned high, unsigned low) {
    return ((uint32_t)value >> low) & ((UINT32_C(1) << (high - low + 1)) - 1);
}

static uint32_t aim_long(uint32_t word, enum op op, int32_t offset) {
    if (op == OP_jal) {
        return (word & 0xfff) | bits_of(offset, 20, 20) << 31 | bits_of(offset, 10, 1) << 21 |
               bits_of(offset, 11, 11) << 20 | bits_of(offset, 19, 12) << 12;
    }
    return (word & 0x01fff07f) | bits_of(offset, 12, 12) << 31 | bits_of(offset, 10, 5) << 25 |
           bits_of(offset, 4, 1) << 8 | bits_of(offset, 11, 11) << 7;
}

/* The bits of a compressed offset stand in no order; so all are tried. */
static uint32_t aim_short(const struct words *words, uint32_t word, enum op op, int32_t offset) {
    uint32_t field = op == OP_jal ? 0x1ffc : 0x1c7c;
    uint32_t bits = 0;
    do {
        bits = (bits - field) & field; /* the next subset */
        uint32_t aimed = (word & ~field) | bits;
        if (words_decode(words, aimed).imm == offset) {
            return aimed;
        }
    } while (bits != 0);
    return word;
}

bool words_aim(const struct words *words, uint32_t *word, int32_t offset) {
    struct insn insn = words_decode(words, *word);
    *word = insn.length == 4 ? aim_long(*word, (enum op)insn.op, offset)
                             : aim_short(words, *word, (enum op)insn.op, offset);
    return words_decode(words, *word).imm == offset;
}

/* -- Rows -------------------------------------------------------------------------------------- */

struct words *words_new(ext_set set) {
    struct words *words = calloc(1, sizeof *words);
    ensure(words != NULL);
    words->decoder = decoder_new(set);
    ensure(words->decoder != NULL);
    for (unsigned i = 0; i < COUNT(patterns); i++) {
        struct row row = row_read(patterns[i].pattern, patterns[i].op);
        struct random random = {(i + 1) * UINT64_C(0x9e3779b97f4a7c15)};
        uint32_t word = row_word(words, &row, &random);
        if (words_decode(words, word).op == row.op) { /* else this CPU lacks it */
            words->rows[words->row_count++] = row;
        }
    }
    return words;
}

void words_free(struct words *words) {
    decoder_free(words->decoder);
    free(words);
}
