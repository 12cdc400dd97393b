/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of isa/ share: random numbers, CPUs by name, insn.def read in the plain way. */
#ifndef TESTS_UNIT_ISA_TEST_H
#define TESTS_UNIT_ISA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "isa/isa.h"

/* -- Random numbers ---------------------------------------------------------------------------- */

/** Seed of this run: SANDGLASS_SEED, or 1. Failures print it. */
static inline uint64_t random_seed(void) {
    const char *text = getenv("SANDGLASS_SEED");
    return text != NULL ? strtoull(text, NULL, 0) : 1;
}

/** Next number of a xorshift sequence; @p state is not 0. */
static inline uint64_t random_u64(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint32_t random_u32(uint64_t *state) {
    return (uint32_t)(random_u64(state) >> 32);
}

/* -- CPUs -------------------------------------------------------------------------------------- */

/** Extensions of a value of --cpu that has to be right. */
static inline ext_set ext_of(const char *cpu) {
    ext_set set = 0;
    struct error error = {STATUS_OK, ""};
    if (ext_parse(cpu, &set, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return set;
}

static inline struct decoder *decoder_of(ext_set set) {
    struct decoder *decoder = decoder_new(set);
    assert_non_null(decoder);
    return decoder;
}

/* -- insn.def ---------------------------------------------------------------------------------- */

/** A row of insn.def. */
struct test_row {
    const char *name;
    enum op op;
    unsigned traits;
    unsigned length; /* [bytes] */
    uint32_t mask, match;
};

enum {
#define INSN(name, format, pattern, ext, traits) TEST_ROW_##name,
#define COMP(name, format, pattern, ext, traits, expands) TEST_ROW_##name,
#include "isa/insn.def"
#undef INSN
#undef COMP
    TEST_ROW_COUNT
};

static inline struct test_row test_row(unsigned row_idx) {
    static const struct {
        const char *name, *pattern;
        enum op op;
        unsigned traits;
    } rows[TEST_ROW_COUNT] = {
#define INSN(name, format, pattern, ext, traits) {#name, pattern, OP_##name, traits},
#define COMP(name, format, pattern, ext, traits, expands) {#name, pattern, OP_##expands, traits},
#include "isa/insn.def"
#undef INSN
#undef COMP
    };
    struct test_row row = {rows[row_idx].name, rows[row_idx].op, rows[row_idx].traits, 0, 0, 0};
    unsigned bit_count = 0;
    for (const char *bit = rows[row_idx].pattern; *bit != '\0'; bit++) {
        if (strchr("01.", *bit) != NULL) {
            row.mask = row.mask * 2 + (*bit != '.');
            row.match = row.match * 2 + (*bit == '1');
            bit_count++;
        }
    }
    row.length = bit_count / 8;
    return row;
}

#endif
