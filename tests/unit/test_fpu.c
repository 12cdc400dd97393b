/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point unit against MPFR, the host's FPU and known answers. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"
#include "fpu_oracle.h"
#include "hart/fpu.h"

/*
 * One trial is one operation on given operands. Up to four outcomes (result and flags) of it are
 * compared:
 *
 * 1. the unit with no flag set before, which computes on integers;
 * 2. the unit with NX set before, which may let the host compute: same bits, same flags and NX;
 * 3. MPFR, for all formats and modes: it rounds to the precision itself, then to a subnormal; RMM,
 *    which MPFR's operations lack, is a truncation to many bits, scaled so that mpfr_round() rounds
 *    it;
 * 4. the host's FPU, for single and double and the modes it has. This also tests 3.
 *
 * Usage: test_fpu [SEED [SCALE]]; SCALE multiplies the number of random trials.
 */
struct bench {
    struct oracle oracle;
    uint64_t seed;
    uint64_t scale;
    uint64_t random; /* state of draw() */
};

/* -- Trials ------------------------------------------------------------------------------------ */

static uint64_t unit_bits(const struct trial *t, struct fp_env *env) {
    switch (t->op) {
    case ADD:
        return fp_add(env, t->format, t->a, t->b);
    case SUB:
        return fp_sub(env, t->format, t->a, t->b);
    case MUL:
        return fp_mul(env, t->format, t->a, t->b);
    case DIV:
        return fp_div(env, t->format, t->a, t->b);
    case SQRT:
        return fp_sqrt(env, t->format, t->a);
    case FMA:
        return fp_fma(env, t->format, t->a, t->b, t->c);
    case CONVERT:
        return fp_convert(env, t->format, t->to, t->a);
    case ROUND:
    case ROUNDNX:
        return fp_round_int(env, t->format, t->a, t->op == ROUNDNX);
    case TO_INT:
        return fp_to_int(env, t->format, t->a, t->is_signed, t->bits);
    case FROM_INT:
        return fp_from_int(env, t->format, t->a, t->is_signed, t->bits);
    case OP_COUNT:
        break;
    }
    return 0;
}

static struct outcome unit_outcome(const struct trial *t, uint8_t flags_before) {
    struct fp_env env = {.round = t->round, .flags = flags_before};
    uint64_t bits = unit_bits(t, &env);
    return (struct outcome){bits, env.flags};
}

static void expect(const struct bench *bench, const struct trial *t, const char *oracle,
                   struct outcome expected, struct outcome actual) {
    if (expected.bits == actual.bits && expected.flags == actual.flags) {
        return;
    }
    fail_msg("fp_%s %s to=%s %s a=%#" PRIx64 " b=%#" PRIx64 " c=%#" PRIx64
             " signed=%d bits=%u: %#" PRIx64 " flags %#x, but %s says %#" PRIx64
             " flags %#x (seed %" PRIu64 ")",
             op_names[t->op], format_names[t->format], format_names[t->to], round_names[t->round],
             t->a, t->b, t->c, t->is_signed, t->bits, actual.bits, actual.flags, oracle,
             expected.bits, expected.flags, bench->seed);
}

static void try(struct bench *bench, const struct trial *t) {
    struct outcome soft = unit_outcome(t, 0);
    struct outcome with_nx = {soft.bits, soft.flags | FP_NX};
    expect(bench, t, "the soft way", with_nx, unit_outcome(t, FP_NX));
    expect(bench, t, "MPFR", mpfr_outcome(&bench->oracle, t), soft);
    if (!host_has(t)) {
        return;
    }
    struct outcome host = host_outcome(t);
    host.flags |= is_zero_by_infinity(t) ? FP_NV : 0;
    if (!bench->oracle.host_tiny_after) {
        host.flags = (host.flags & ~(unsigned)FP_UF) | (soft.flags & FP_UF);
    }
    expect(bench, t, "the host", host, soft);
}

static void try_all_rounds(struct bench *bench, struct trial trial) {
    for (trial.round = FP_RNE; trial.round <= FP_RMM; trial.round++) {
        try(bench, &trial);
    }
}

/* Every conversion to an integer and to another format, rounding, and the square root of a. */
static void try_unary(struct bench *bench, enum fp_format format, uint64_t a) {
    struct trial trial = {.format = format, .to = format, .a = a};
    static const enum op simple[] = {SQRT, ROUND, ROUNDNX};
    for (size_t i = 0; i < COUNT(simple); i++) {
        trial.op = simple[i];
        try_all_rounds(bench, trial);
    }
    trial.op = TO_INT;
    for (unsigned i = 0; i < 4; i++) {
        trial.is_signed = i & 1;
        trial.bits = i & 2 ? 64 : 32;
        try_all_rounds(bench, trial);
    }
    trial.op = CONVERT;
    for (trial.to = FP_HALF; trial.to <= FP_DOUBLE; trial.to++) {
        if (trial.to != format) {
            try_all_rounds(bench, trial);
        }
    }
}

static void try_from_int(struct bench *bench, uint64_t value) {
    struct trial trial = {.op = FROM_INT, .a = value};
    for (trial.format = FP_HALF; trial.format <= FP_DOUBLE; trial.format++) {
        for (unsigned i = 0; i < 4; i++) {
            trial.is_signed = i & 1;
            trial.bits = i & 2 ? 64 : 32;
            try_all_rounds(bench, trial);
        }
    }
}

/* -- Operands ---------------------------------------------------------------------------------- */

enum { CORNERS_MAX = 64 };

/* Fills corners with both signs of the values where cases meet. @return How many. */
static size_t corner_values(enum fp_format format, uint64_t corners[CORNERS_MAX]) {
    const int bias = biases[format];
    const int precision = precisions[format];
    const uint64_t fraction = fraction_mask(format);
    const uint64_t half_fraction = (fraction + 1) >> 1;
    const uint64_t positive[] = {
        0,
        1,
        2,
        half_fraction,             /* half the smallest normal */
        fraction,                  /* largest subnormal */
        pack(format, false, 1, 0), /* smallest normal */
        pack(format, false, 1, 1),
        pack(format, false, bias - precision - 1, 0), /* half and quarter unit of 1 */
        pack(format, false, bias - precision, 0),
        pack(format, false, bias - 1, 0), /* one half */
        pack(format, false, bias - 1, fraction),
        pack(format, false, bias, 0), /* one */
        pack(format, false, bias, 1),
        pack(format, false, bias, half_fraction),
        pack(format, false, bias, fraction),
        pack(format, false, bias + 1, half_fraction), /* three */
        pack(format, false, bias + 31, 0),            /* ends of the integers, or infinity */
        pack(format, false, bias + 63, 0),
        pack(format, false, bias + precision - 1, 1), /* odd integer, unit one */
        pack(format, false, bias + precision - 2, 1), /* unit one half */
        pack(format, false, 2 * bias, 0),
        pack(format, false, 2 * bias, fraction), /* largest */
        infinity(format),
        infinity(format) + 1, /* signalling */
        canonical_nan(format) - 1,
        canonical_nan(format),
        sign_bit(format) - 1, /* quiet, all ones */
    };
    size_t count = 0;
    for (size_t i = 0; i < COUNT(positive); i++) {
        corners[count++] = positive[i];
        corners[count++] = positive[i] | sign_bit(format);
    }
    return count;
}

/* splitmix64 */
static uint64_t draw(struct bench *bench) {
    uint64_t z = bench->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* In [0, limit), limit small. */
static int draw_below(struct bench *bench, int limit) {
    return (int)(draw(bench) % (uint64_t)limit);
}

/* Random, a few bits, or runs of equal bits: the last two meet ties and long carries. */
static uint64_t draw_fraction(struct bench *bench, enum fp_format format) {
    const int bits = precisions[format] - 1;
    uint64_t run = (UINT64_C(1) << draw_below(bench, bits + 1)) - 1;
    switch (draw_below(bench, 5)) {
    case 0:
        return UINT64_C(1) << draw_below(bench, bits) | UINT64_C(1) << draw_below(bench, bits);
    case 1:
        return run ^ ((UINT64_C(1) << draw_below(bench, bits + 1)) - 1);
    case 2:
        return run ^ UINT64_C(1) << draw_below(bench, bits);
    default:
        return draw(bench) & fraction_mask(format);
    }
}

static uint64_t draw_with_field(struct bench *bench, enum fp_format format, int field) {
    return pack(format, draw(bench) & 1, field, draw_fraction(bench, format));
}

static uint64_t draw_operand(struct bench *bench, enum fp_format format) {
    const int bias = biases[format];
    uint64_t corners[CORNERS_MAX];
    switch (draw_below(bench, 16)) {
    case 0:
        return corners[draw(bench) % corner_values(format, corners)];
    case 1:
    case 2:
        return draw_with_field(bench, format, draw_below(bench, 3));
    case 3:
        return draw_with_field(bench, format, 2 * bias - draw_below(bench, 3));
    case 4:
    case 5:
        return draw_with_field(bench, format, bias + 66 - draw_below(bench, 132));
    case 6:
    case 7:
    case 8:
        return draw(bench) & (sign_bit(format) | (sign_bit(format) - 1));
    default:
        return draw_with_field(bench, format, bias + 8 - draw_below(bench, 16));
    }
}

/*
 * A second operand that brings the result of op with a near an edge: cancellation, the smallest
 * normal number or the largest number.
 */
static uint64_t draw_partner(struct bench *bench, enum op op, enum fp_format format, uint64_t a) {
    const int bias = biases[format];
    const int jitter = draw_below(bench, 6) - 3;
    const int field = field_of(format, a);
    const int edge = draw(bench) & 1 ? 2 * bias + 1 : -draw_below(bench, precisions[format] + 3);
    switch (draw_below(bench, 3)) {
    case 0:
        return draw_operand(bench, format);
    case 1:
        if (op == MUL || op == FMA) {
            return draw_with_field(bench, format, edge + bias - field + jitter);
        }
        if (op == DIV) {
            return draw_with_field(bench, format, field + bias - edge + jitter);
        }
        return a ^ sign_bit(format) ^ (draw(bench) & 7);
    default:
        return draw_with_field(bench, format, field + jitter);
    }
}

/* An addend for FMA: any, close to the product, or a distance away that leaves it just in reach. */
static uint64_t draw_addend(struct bench *bench, enum fp_format format, uint64_t a, uint64_t b) {
    const int precision = precisions[format];
    int field = field_of(format, a) + field_of(format, b) - biases[format];
    struct fp_env env = {.round = FP_RTZ};
    switch (draw_below(bench, 4)) {
    case 0:
        return draw_operand(bench, format);
    case 1:
        return fp_mul(&env, format, a, b) ^ sign_bit(format) ^ (draw(bench) & 3);
    case 2:
        return draw_with_field(bench, format, field + draw_below(bench, 5) - 2);
    default:
        field += draw_below(bench, 6 * precision) - 3 * precision;
        return draw_with_field(bench, format, field);
    }
}

/* -- Tests against the oracles ----------------------------------------------------------------- */

static void test_corners(void **state) {
    struct bench *bench = *state;
    for (enum fp_format format = FP_HALF; format <= FP_DOUBLE; format++) {
        uint64_t corners[CORNERS_MAX];
        size_t count = corner_values(format, corners);
        for (size_t i = 0; i < count; i++) {
            try_unary(bench, format, corners[i]);
            for (size_t j = 0; j < count; j++) {
                struct trial trial = {.format = format, .a = corners[i], .b = corners[j]};
                for (trial.op = ADD; trial.op <= DIV; trial.op++) {
                    try_all_rounds(bench, trial);
                }
            }
        }
    }
}

static void test_fma_corners(void **state) {
    struct bench *bench = *state;
    for (enum fp_format format = FP_HALF; format <= FP_DOUBLE; format++) {
        uint64_t corners[CORNERS_MAX];
        size_t count = corner_values(format, corners);
        for (size_t i = 0; i < count * count * count; i++) {
            struct trial trial = {.op = FMA, .format = format, .round = (enum fp_round)(i % 5)};
            trial.a = corners[i % count];
            trial.b = corners[i / count % count];
            trial.c = corners[i / count / count];
            try(bench, &trial);
        }
    }
}

/* All half-precision operands of everything that takes one. */
static void test_half_unary(void **state) {
    for (uint64_t a = 0; a <= UINT16_MAX; a++) {
        try_unary(*state, FP_HALF, a);
    }
}

static void test_random(void **state) {
    struct bench *bench = *state;
    for (uint64_t i = 0; i < 2000000 * bench->scale; i++) {
        struct trial trial = {.op = (enum op)(i % (FMA + 1)), .round = (enum fp_round)(i % 5)};
        trial.format = (enum fp_format)draw_below(bench, 3);
        trial.a = draw_operand(bench, trial.format);
        trial.b = draw_partner(bench, trial.op, trial.format, trial.a);
        trial.c = draw_addend(bench, trial.format, trial.a, trial.b);
        try(bench, &trial);
    }
}

static void test_random_conversions(void **state) {
    struct bench *bench = *state;
    for (int bit = 0; bit < 64; bit++) {
        try_from_int(bench, UINT64_C(1) << bit);
        try_from_int(bench, (UINT64_C(1) << bit) - 1);
        try_from_int(bench, -(UINT64_C(1) << bit) - 1);
    }
    for (uint64_t i = 0; i < 20000 * bench->scale; i++) {
        enum fp_format format = i & 1 ? FP_SINGLE : FP_DOUBLE;
        try_unary(bench, format, draw_operand(bench, format));
        uint64_t run = draw(bench) >> draw_below(bench, 64) << draw_below(bench, 64);
        try_from_int(bench, run);
        try_from_int(bench, run + (uint64_t)draw_below(bench, 5) - 2);
        try_from_int(bench, -run);
    }
}

/* -- Known answers ----------------------------------------------------------------------------- */

/* Also known answers for the oracles: each row is tried against them too. */
static void test_arithmetic_known(void **state) {
    static const struct {
        enum op op;
        enum fp_round round;
        uint64_t a, b, c;
        struct outcome expected;
    } rows[] = {
        /* 1 + 2^-24 and 1 + 3 * 2^-24: ties */
        {ADD, FP_RNE, 0x3f800000, 0x33800000, 0, {0x3f800000, FP_NX}},
        {ADD, FP_RMM, 0x3f800000, 0x33800000, 0, {0x3f800001, FP_NX}},
        {ADD, FP_RMM, 0xbf800000, 0xb3800000, 0, {0xbf800001, FP_NX}},
        {FMA, FP_RNE, 0x34c00000, 0x3f000000, 0x3f800000, {0x3f800002, FP_NX}},
        /* the largest number and half a unit, then a unit of the next size below */
        {ADD, FP_RNE, 0x7f7fffff, 0x73000000, 0, {0x7f800000, FP_OF | FP_NX}},
        {ADD, FP_RMM, 0x7f7fffff, 0x73000000, 0, {0x7f800000, FP_OF | FP_NX}},
        {ADD, FP_RTZ, 0x7f7fffff, 0x73000000, 0, {0x7f7fffff, FP_NX}},
        {ADD, FP_RMM, 0x7f7fffff, 0x72ffffff, 0, {0x7f7fffff, FP_NX}},
        {ADD, FP_RUP, 0xff7fffff, 0xff7fffff, 0, {0xff7fffff, FP_OF | FP_NX}},
        {ADD, FP_RDN, 0xff7fffff, 0xff7fffff, 0, {0xff800000, FP_OF | FP_NX}},
        /* the smallest normal times 1 - 2^-24 (tiny) and 1 - 2^-46 (not tiny after rounding) */
        {MUL, FP_RNE, 0x3f7fffff, 0x00800000, 0, {0x00800000, FP_UF | FP_NX}},
        {MUL, FP_RNE, 0x3f7ffffe, 0x00800001, 0, {0x00800000, FP_NX}},
        {MUL, FP_RMM, 0x3f7ffffe, 0x00800001, 0, {0x00800000, FP_NX}},
        {MUL, FP_RTZ, 0x3f7ffffe, 0x00800001, 0, {0x007fffff, FP_UF | FP_NX}},
        /* tiny and exact: no UF */
        {MUL, FP_RNE, 0x3f000000, 0x00800000, 0, {0x00400000, 0}},
        /* signs of zero */
        {ADD, FP_RNE, 0x3f800000, 0xbf800000, 0, {0x00000000, 0}},
        {SUB, FP_RDN, 0x3f800000, 0x3f800000, 0, {0x80000000, 0}},
        {FMA, FP_RDN, 0x3f800000, 0x3f800000, 0xbf800000, {0x80000000, 0}},
        {SQRT, FP_RNE, 0x80000000, 0, 0, {0x80000000, 0}},
        {DIV, FP_RNE, 0xbf800000, 0x7f800000, 0, {0x80000000, 0}},
        /* invalid, divided by zero */
        {DIV, FP_RNE, 0xbf800000, 0x00000000, 0, {0xff800000, FP_DZ}},
        {DIV, FP_RMM, 0x00000000, 0x80000000, 0, {0x7fc00000, FP_NV}},
        {FMA, FP_RNE, 0x7f800000, 0x00000000, 0xffc00001, {0x7fc00000, FP_NV}},
        {FMA, FP_RNE, 0xffc00001, 0x00000000, 0x3f800000, {0x7fc00000, 0}},
        {FMA, FP_RNE, 0x7f800000, 0x3f800000, 0xff800000, {0x7fc00000, FP_NV}},
        {ADD, FP_RNE, 0xffc12345, 0x7f800001, 0, {0x7fc00000, FP_NV}},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct trial trial = {.op = rows[i].op, .format = FP_SINGLE, .round = rows[i].round};
        trial.a = rows[i].a;
        trial.b = rows[i].b;
        trial.c = rows[i].c;
        expect(bench, &trial, "the table", rows[i].expected, unit_outcome(&trial, 0));
        try(bench, &trial);
    }
}

static void test_classify(void **state) {
    (void)state;
    for (enum fp_format format = FP_HALF; format <= FP_DOUBLE; format++) {
        const uint64_t negative = sign_bit(format);
        const uint64_t smallest_normal = fraction_mask(format) + 1;
        const uint64_t members[10][2] = {
            {negative | infinity(format), negative | infinity(format)},
            {negative | smallest_normal, negative | (infinity(format) - 1)},
            {negative | 1, negative | (smallest_normal - 1)},
            {negative, negative},
            {0, 0},
            {1, smallest_normal - 1},
            {smallest_normal, infinity(format) - 1},
            {infinity(format), infinity(format)},
            {infinity(format) + 1, negative | (canonical_nan(format) - 1)},
            {canonical_nan(format), negative | (negative - 1)},
        };
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(fp_classify(format, members[i][0]), 1 << i);
            assert_int_equal(fp_classify(format, members[i][1]), 1 << i);
        }
    }
}

/* Every format's numbers are doubles, so the host's comparison of doubles gives the order. */
static double value_of(enum fp_format format, uint64_t a) {
    struct fp_env env = {.round = FP_RNE};
    return double_of(fp_convert(&env, format, FP_DOUBLE, a));
}

typedef bool compare_fn(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

static void expect_compare(compare_fn *compare, enum fp_format format, const uint64_t operands[2],
                           bool expected, unsigned flags) {
    struct fp_env env = {.round = FP_RNE};
    bool actual = compare(&env, format, operands[0], operands[1]);
    if (actual != expected || env.flags != flags) {
        fail_msg("comparison of %s %#" PRIx64 " and %#" PRIx64 ": %d flags %#x, not %d flags %#x",
                 format_names[format], operands[0], operands[1], actual, env.flags, expected,
                 flags);
    }
}

static void test_comparisons(void **state) {
    (void)state;
    for (enum fp_format format = FP_HALF; format <= FP_DOUBLE; format++) {
        uint64_t corners[CORNERS_MAX];
        size_t count = corner_values(format, corners);
        for (size_t i = 0; i < count * count; i++) {
            const uint64_t pair[] = {corners[i % count], corners[i / count]};
            double a = value_of(format, pair[0]);
            double b = value_of(format, pair[1]);
            bool signalling = is_signalling(format, pair[0]) || is_signalling(format, pair[1]);
            unsigned quiet_flags = signalling ? FP_NV : 0;
            unsigned flags = isunordered(a, b) ? FP_NV : 0;
            expect_compare(fp_eq, format, pair, a == b, quiet_flags);
            expect_compare(fp_lt, format, pair, isless(a, b), flags);
            expect_compare(fp_le, format, pair, islessequal(a, b), flags);
            expect_compare(fp_ltq, format, pair, isless(a, b), quiet_flags);
            expect_compare(fp_leq, format, pair, islessequal(a, b), quiet_flags);
        }
    }
}

typedef uint64_t binary_fn(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

static void expect_extreme(binary_fn *extreme, enum fp_format format, const uint64_t operands[2],
                           uint64_t expected) {
    bool signalling = is_signalling(format, operands[0]) || is_signalling(format, operands[1]);
    unsigned flags = signalling ? FP_NV : 0;
    struct fp_env env = {.round = FP_RNE};
    uint64_t actual = extreme(&env, format, operands[0], operands[1]);
    if (actual != expected || env.flags != flags) {
        fail_msg("extreme of %s %#" PRIx64 " and %#" PRIx64 ": %#" PRIx64
                 " flags %#x, not %#" PRIx64 " flags %#x",
                 format_names[format], operands[0], operands[1], actual, env.flags, expected,
                 flags);
    }
}

static void test_min_max(void **state) {
    (void)state;
    for (enum fp_format format = FP_HALF; format <= FP_DOUBLE; format++) {
        uint64_t corners[CORNERS_MAX];
        size_t count = corner_values(format, corners);
        for (size_t i = 0; i < count * count; i++) {
            const uint64_t pair[] = {corners[i % count], corners[i / count]};
            double a = value_of(format, pair[0]);
            double b = value_of(format, pair[1]);
            bool a_first = isless(a, b) || (a == b && signbit(a)); /* -0 below +0 */
            uint64_t smaller = a_first ? pair[0] : pair[1];
            uint64_t larger = a_first ? pair[1] : pair[0];
            if (isunordered(a, b)) {
                smaller = isnan(a) ? pair[1] : pair[0];
                smaller = isnan(a) && isnan(b) ? canonical_nan(format) : smaller;
                larger = smaller;
            }
            expect_extreme(fp_min, format, pair, smaller);
            expect_extreme(fp_max, format, pair, larger);
            bool has_nan = isunordered(a, b);
            expect_extreme(fp_minm, format, pair, has_nan ? canonical_nan(format) : smaller);
            expect_extreme(fp_maxm, format, pair, has_nan ? canonical_nan(format) : larger);
        }
    }
}

static void test_to_int_known(void **state) {
    (void)state;
    static const struct {
        enum fp_format format;
        uint64_t a;
        bool is_signed;
        unsigned bits;
        enum fp_round round;
        uint64_t expected;
        unsigned flags;
    } rows[] = {
        {FP_SINGLE, 0x4f000000, true, 32, FP_RNE, 0x7fffffff, FP_NV},      /* 2^31 */
        {FP_SINGLE, 0xcf000000, true, 32, FP_RNE, 0xffffffff80000000, 0},  /* -2^31 */
        {FP_SINGLE, 0x4f7fffff, false, 32, FP_RNE, 0xffffffffffffff00, 0}, /* 2^32 - 256 */
        {FP_SINGLE, 0x4f800000, false, 32, FP_RNE, UINT64_MAX, FP_NV},     /* 2^32 */
        {FP_SINGLE, 0xbf000000, false, 32, FP_RNE, 0, FP_NX},              /* -0.5 to even */
        {FP_SINGLE, 0xbf000000, false, 32, FP_RMM, 0, FP_NV},              /* -0.5 away: -1 */
        {FP_SINGLE, 0xbf7fffff, false, 64, FP_RTZ, 0, FP_NX},              /* just above -1 */
        {FP_SINGLE, 0xbf800000, false, 64, FP_RTZ, 0, FP_NV},              /* -1 */
        {FP_SINGLE, 0x80000000, false, 64, FP_RDN, 0, 0},                  /* -0 */
        {FP_SINGLE, 0x80000001, true, 64, FP_RDN, UINT64_MAX, FP_NX},      /* tiny: -1 */
        {FP_SINGLE, 0x7f800000, true, 64, FP_RNE, INT64_MAX, FP_NV},       /* infinities */
        {FP_SINGLE, 0xff800000, true, 64, FP_RNE, (uint64_t)INT64_MIN, FP_NV},
        {FP_SINGLE, 0xff800000, false, 64, FP_RNE, 0, FP_NV},
        {FP_SINGLE, 0xffc00000, true, 32, FP_RNE, 0x7fffffff, FP_NV}, /* NaN of any sign */
        {FP_SINGLE, 0xffc00000, false, 32, FP_RNE, UINT64_MAX, FP_NV},
        {FP_SINGLE, 0x7f800001, true, 64, FP_RNE, INT64_MAX, FP_NV},
        {FP_DOUBLE, 0x41dfffffffe00000, true, 32, FP_RNE, 0x7fffffff, FP_NV}, /* 2^31 - 0.5 */
        {FP_DOUBLE, 0x41dfffffffe00000, true, 32, FP_RTZ, 0x7fffffff, FP_NX},
        /* -2^31 - 0.5 */
        {FP_DOUBLE, 0xc1e0000000100000, true, 32, FP_RNE, 0xffffffff80000000, FP_NX},
        {FP_DOUBLE, 0xc1e0000000100000, true, 32, FP_RDN, 0xffffffff80000000, FP_NV},
        {FP_DOUBLE, 0x43dfffffffffffff, true, 64, FP_RNE, 0x7ffffffffffffc00, 0},
        {FP_DOUBLE, 0x43e0000000000000, true, 64, FP_RNE, INT64_MAX, FP_NV}, /* 2^63 */
        {FP_DOUBLE, 0x43e0000000000000, false, 64, FP_RNE, UINT64_C(1) << 63, 0},
        {FP_DOUBLE, 0x43f0000000000000, false, 64, FP_RNE, UINT64_MAX, FP_NV}, /* 2^64 */
        {FP_HALF, 0x7bff, true, 32, FP_RNE, 65504, 0},
        {FP_HALF, 0x4100, true, 32, FP_RNE, 2, FP_NX}, /* 2.5 */
        {FP_HALF, 0x4100, true, 32, FP_RMM, 3, FP_NX},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fp_env env = {.round = rows[i].round};
        uint64_t actual =
            fp_to_int(&env, rows[i].format, rows[i].a, rows[i].is_signed, rows[i].bits);
        if (actual != rows[i].expected || env.flags != rows[i].flags) {
            fail_msg("row %zu: %#" PRIx64 " flags %#x", i, actual, env.flags);
        }
    }
}

static void test_round_known(void **state) {
    (void)state;
    static const struct {
        enum fp_format format;
        uint64_t a;
        enum fp_round round;
        uint64_t expected;
        unsigned flags; /* of FROUNDNX; FROUND raises only NV of them */
    } rows[] = {
        {FP_SINGLE, 0x3f000000, FP_RNE, 0x00000000, FP_NX}, /* 0.5 */
        {FP_SINGLE, 0x3f000000, FP_RMM, 0x3f800000, FP_NX},
        {FP_SINGLE, 0xbf000000, FP_RNE, 0x80000000, FP_NX}, /* the sign stays on zero */
        {FP_SINGLE, 0xbf000000, FP_RUP, 0x80000000, FP_NX},
        {FP_SINGLE, 0x3fc00000, FP_RNE, 0x40000000, FP_NX}, /* 1.5 */
        {FP_SINGLE, 0x40200000, FP_RNE, 0x40000000, FP_NX}, /* 2.5 */
        {FP_SINGLE, 0x80000000, FP_RUP, 0x80000000, 0},
        {FP_SINGLE, 0x00000001, FP_RUP, 0x3f800000, FP_NX}, /* no UF */
        {FP_SINGLE, 0x4b7fffff, FP_RNE, 0x4b7fffff, 0},     /* 2^24 - 1 */
        {FP_SINGLE, 0xff800000, FP_RNE, 0xff800000, 0},
        {FP_SINGLE, 0xffc12345, FP_RNE, 0x7fc00000, 0},
        {FP_SINGLE, 0x7f800001, FP_RNE, 0x7fc00000, FP_NV},
        {FP_DOUBLE, 0x432fffffffffffff, FP_RNE, 0x4330000000000000, FP_NX}, /* 2^52 - 0.5 */
        {FP_DOUBLE, 0x432fffffffffffff, FP_RTZ, 0x432ffffffffffffe, FP_NX},
        {FP_DOUBLE, 0x7ff0000000000001, FP_RNE, 0x7ff8000000000000, FP_NV},
        {FP_HALF, 0x63ff, FP_RNE, 0x6400, FP_NX}, /* 1023.5 */
        {FP_HALF, 0x7c01, FP_RNE, 0x7e00, FP_NV},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fp_env quiet = {.round = rows[i].round};
        struct fp_env exact = {.round = rows[i].round};
        uint64_t silently = fp_round_int(&quiet, rows[i].format, rows[i].a, false);
        uint64_t loudly = fp_round_int(&exact, rows[i].format, rows[i].a, true);
        if (silently != rows[i].expected || quiet.flags != (rows[i].flags & FP_NV) ||
            loudly != rows[i].expected || exact.flags != rows[i].flags) {
            fail_msg("row %zu: %#" PRIx64 " flags %#x, FROUNDNX %#" PRIx64 " flags %#x", i,
                     silently, quiet.flags, loudly, exact.flags);
        }
    }
}

static void test_cvtmod_known(void **state) {
    (void)state;
    static const struct {
        uint64_t a;
        uint64_t expected;
        unsigned flags;
    } rows[] = {
        {0x0000000000000000, 0, 0},
        {0x8000000000000000, 0, 0},
        {0xbfe0000000000000, 0, FP_NX},                  /* -0.5 */
        {0xbff8000000000000, UINT64_MAX, FP_NX},         /* -1.5 */
        {0x41dfffffffc00000, 0x7fffffff, 0},             /* 2^31 - 1 */
        {0x41dfffffffffffff, 0x7fffffff, FP_NX},         /* just below 2^31 */
        {0x41e0000000000000, 0xffffffff80000000, FP_NV}, /* 2^31 */
        {0xc1e0000000000000, 0xffffffff80000000, 0},     /* -2^31 */
        {0xc1e0000000100000, 0xffffffff80000000, FP_NX}, /* -2^31 - 0.5 */
        {0xc1e0000000200000, 0x7fffffff, FP_NV},         /* -2^31 - 1 */
        {0x41f0000000500000, 5, FP_NV},                  /* 2^32 + 5 */
        {0x41f0000000580000, 5, FP_NV},                  /* 2^32 + 5.5: NV alone */
        {0xc1f0000000500000, 0xfffffffffffffffb, FP_NV},
        {0x43e0000000000001, 0x800, FP_NV},                              /* 2^63 + 2^11 */
        {0x43f0000000000001, 0x1000, FP_NV},                             /* 2^64 + 2^12 */
        {0x4520000000000001, 0x80000000 | ~UINT64_C(0xffffffff), FP_NV}, /* 2^83 + 2^31 */
        {0x4530000000000001, 0, FP_NV},                                  /* 2^84 + 2^32 */
        {0x47e0000000000001, 0, FP_NV},                                  /* 2^127 and up */
        {0x7fefffffffffffff, 0, FP_NV},
        {0x7ff0000000000000, 0, FP_NV},
        {0xfff0000000000000, 0, FP_NV},
        {0x7ff8000000000000, 0, FP_NV},
        {0x7ff0000000000001, 0, FP_NV},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (enum fp_round round = FP_RNE; round <= FP_RMM; round++) {
            struct fp_env env = {.round = round};
            uint64_t actual = fp_cvtmod(&env, rows[i].a);
            if (actual != rows[i].expected || env.flags != rows[i].flags || env.round != round) {
                fail_msg("row %zu: %#" PRIx64 " flags %#x", i, actual, env.flags);
            }
        }
    }
}

/* FCVTMOD against truncation by MPFR, modulo 2^32. */
static void test_cvtmod_random(void **state) {
    struct bench *bench = *state;
    for (uint64_t i = 0; i < 50000 * bench->scale; i++) {
        int exponent = draw_below(bench, 140) - 3;
        uint64_t a = draw_with_field(bench, FP_DOUBLE, biases[FP_DOUBLE] + exponent);
        struct trial trial = {.op = TO_INT, .format = FP_DOUBLE, .round = FP_RTZ, .a = a};
        trial.is_signed = true;
        trial.bits = 32;
        struct fp_env env = {.round = FP_RUP};
        struct outcome actual = {fp_cvtmod(&env, a), 0};
        actual.flags = env.flags;
        struct outcome expected = mpfr_outcome(&bench->oracle, &trial);
        expected.bits = mpfr_modulo_32(&bench->oracle, a);
        expect(bench, &trial, "MPFR (fcvtmod)", expected, actual);
    }
}

static void test_load_immediate(void **state) {
    (void)state;
    static const double values[] = {-1,   0,     0x1p-16, 0x1p-15, 0x1p-8, 0x1p-7, 0.0625,  0.125,
                                    0.25, .3125, .375,    .4375,   .5,     .625,   .75,     .875,
                                    1,    1.25,  1.5,     1.75,    2,      2.5,    3,       4,
                                    8,    16,    128,     256,     0x1p15, 0x1p16, INFINITY};
    for (unsigned i = 0; i < COUNT(values); i++) {
        if (i != 1) {
            assert_int_equal(fp_load_immediate(FP_DOUBLE, i), bits_of_double(values[i]));
            assert_int_equal(fp_load_immediate(FP_SINGLE, i), bits_of_float((float)values[i]));
        }
    }
    static const uint16_t halves[] = {
        0xbc00, 0x0400, 0x0100, 0x0200, 0x1c00, 0x2000, 0x2c00, 0x3000, 0x3400, 0x3500, 0x3600,
        0x3700, 0x3800, 0x3900, 0x3a00, 0x3b00, 0x3c00, 0x3d00, 0x3e00, 0x3f00, 0x4000, 0x4100,
        0x4200, 0x4400, 0x4800, 0x4c00, 0x5800, 0x5c00, 0x7800, 0x7c00, 0x7c00, 0x7e00};
    for (unsigned i = 0; i < COUNT(halves); i++) {
        assert_int_equal(fp_load_immediate(FP_HALF, i), halves[i]);
    }
    assert_int_equal(fp_load_immediate(FP_SINGLE, 1), 0x00800000);
    assert_int_equal(fp_load_immediate(FP_DOUBLE, 1), 0x0010000000000000);
    assert_int_equal(fp_load_immediate(FP_SINGLE, 31), 0x7fc00000);
    assert_int_equal(fp_load_immediate(FP_DOUBLE, 31), 0x7ff8000000000000);
}

/* Flags set before stay, and change nothing. */
static void test_flags_accrue(void **state) {
    (void)state;
    for (unsigned before = 0; before < 32; before++) {
        struct fp_env env = {.round = FP_RNE, .flags = (uint8_t)before};
        assert_int_equal(fp_div(&env, FP_SINGLE, 0x3f800000, 0x00000000), 0x7f800000);
        assert_int_equal(env.flags, before | FP_DZ);
        assert_int_equal(fp_mul(&env, FP_SINGLE, 0x7f7fffff, 0x40000000), 0x7f800000);
        assert_int_equal(env.flags, before | FP_DZ | FP_OF | FP_NX);
        assert_int_equal(fp_mul(&env, FP_SINGLE, 0x00800001, 0x3f000000), 0x00400000);
        assert_int_equal(env.flags, before | FP_DZ | FP_OF | FP_UF | FP_NX);
        assert_int_equal(fp_sqrt(&env, FP_SINGLE, 0xbf800000), 0x7fc00000);
        assert_int_equal(env.flags, 31);
    }
}

int main(int argc, char **argv) {
    struct bench bench = {.seed = 20240411, .scale = 1};
    bench.seed = argc > 1 ? strtoull(argv[1], NULL, 0) : bench.seed;
    bench.scale = argc > 2 ? strtoull(argv[2], NULL, 0) : bench.scale;
    bench.random = bench.seed;
    oracle_init(&bench.oracle);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_arithmetic_known, &bench),
        cmocka_unit_test(test_classify),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_min_max),
        cmocka_unit_test(test_to_int_known),
        cmocka_unit_test(test_round_known),
        cmocka_unit_test(test_cvtmod_known),
        cmocka_unit_test(test_load_immediate),
        cmocka_unit_test(test_flags_accrue),
        cmocka_unit_test_prestate(test_corners, &bench),
        cmocka_unit_test_prestate(test_fma_corners, &bench),
        cmocka_unit_test_prestate(test_half_unary, &bench),
        cmocka_unit_test_prestate(test_random, &bench),
        cmocka_unit_test_prestate(test_random_conversions, &bench),
        cmocka_unit_test_prestate(test_cvtmod_random, &bench),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    oracle_free(&bench.oracle);
    return failed;
}
