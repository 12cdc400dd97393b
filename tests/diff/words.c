/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instruction words at random. A new row of insn.def is covered as soon as it stands there. */
#include <stdlib.h>
#include <string.h>

#include "diff.h"

struct row {
    const char *name;
    uint32_t mask;
    uint32_t match;
    unsigned length; /* [bytes] */
};

static const struct {
    const char *name;
    const char *pattern;
} patterns[] = {
#define INSN(name, format, pattern, ext, traits) {#name, pattern},
#define COMP(name, format, pattern, ext, traits, expands) {#name, pattern},
#include "isa/insn.def"
#undef INSN
#undef COMP
};

struct words {
    struct decoder *decoder;
    struct row rows[COUNT(patterns)];
    size_t row_count;
};

static struct row row_read(const char *name, const char *pattern) {
    struct row row = {.name = name};
    unsigned bits = 0;
    for (const char *bit = pattern; *bit != '\0'; bit++) {
        if (*bit != ' ') {
            row.mask = row.mask << 1 | (*bit != '.');
            row.match = row.match << 1 | (*bit == '1');
            bits++;
        }
    }
    row.length = bits / 8;
    return row;
}

static uint32_t row_word(const struct row *row, struct random *random);

/* What a row's condition says is the decoder's business: some word of a row that is there is
 * legal. */
static bool row_is_there(const struct words *words, const struct row *row) {
    struct random random = random_of_case(0, 0);
    for (unsigned tries = 0; tries < 100; tries++) {
        if (decode(words->decoder, row_word(row, &random)).op != OP_illegal) {
            return true;
        }
    }
    return false;
}

struct words *words_new(ext_set set) {
    struct words *words = calloc(1, sizeof *words);
    ensure(words != NULL);
    words->decoder = decoder_new(set);
    ensure(words->decoder != NULL);
    for (size_t i = 0; i < COUNT(patterns); i++) {
        struct row row = row_read(patterns[i].name, patterns[i].pattern);
        if (row_is_there(words, &row)) {
            words->rows[words->row_count++] = row;
        }
    }
    return words;
}

void words_free(struct words *words) {
    decoder_free(words->decoder);
    free(words);
}

const struct decoder *words_decoder(const struct words *words) {
    return words->decoder;
}

/* Free bits, one run after the other: anything, nothing, all, or a single bit. */
static uint32_t row_word(const struct row *row, struct random *random) {
    unsigned bits = 8 * row->length;
    uint32_t word = row->match;
    unsigned bit = 0;
    while (bit < bits) {
        unsigned end = bit;
        while (end < bits && (row->mask >> end & 1) == 0) {
            end++;
        }
        unsigned width = end - bit;
        /* a run of more than 5 bits is several fields: cut it where fields usually end */
        width = width > 5 && row->length == 4 ? 5 : width;
        if (width > 0) {
            uint32_t all = (UINT32_C(1) << width) - 1;
            uint32_t any = (uint32_t)random_u64(random);
            unsigned kind = (unsigned)random_below(random, 12);
            uint32_t field = kind == 0 ? 0 : kind == 1 ? all : kind == 2 ? 1U << any % width : any;
            word |= (field & all) << bit;
        }
        bit += width > 0 ? width : 1;
    }
    return word;
}

uint32_t words_any(const struct words *words, struct random *random) {
    return row_word(&words->rows[random_below(random, words->row_count)], random);
}

static const struct row *row_named(const struct words *words, const char *name) {
    for (size_t i = 0; i < words->row_count; i++) {
        if (strcmp(words->rows[i].name, name) == 0) {
            return &words->rows[i];
        }
    }
    return NULL;
}

bool words_have(const struct words *words, const char *name) {
    return row_named(words, name) != NULL;
}

uint32_t words_named(const struct words *words, const char *name, struct random *random) {
    const struct row *row = row_named(words, name);
    ensure(row != NULL);
    return row_word(row, random);
}
