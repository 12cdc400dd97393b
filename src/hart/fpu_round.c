/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rounding and packing: every inexact result of the floating-point unit is made here. */
#include "hart/fpu_round.h"

#include <assert.h>

const struct fp_layout fp_layouts[] = {
    [FP_HALF] = {11, 15, 0x7c00, 0x7e00, 0x8000},
    [FP_SINGLE] = {24, 127, 0x7f800000, 0x7fc00000, 0x80000000},
    [FP_DOUBLE] = {53, 1023, 0x7ff0000000000000, 0x7ff8000000000000, 0x8000000000000000},
};

/* Infinity, or the largest finite number where the mode does not round away from zero. */
static uint64_t overflow(struct fp_env *env, const struct fp_layout *layout, bool sign) {
    fp_raise(env, FP_OF | FP_NX);
    bool away =
        env->round == FP_RNE || env->round == FP_RMM || env->round == (sign ? FP_RDN : FP_RUP);
    return fp_signed(layout, sign, away ? layout->infinity : layout->infinity - 1);
}

/*
 * The kept bits are added to the exponent field less one: their leading one completes the field,
 * and a carry out of the fraction moves on into it, from subnormal to normal, from the largest to
 * infinity.
 */
uint64_t fp_round_pack(struct fp_env *env, const struct fp_layout *layout, bool sign, int exponent,
                       uint64_t significand) {
    assert(significand >> 63 == 1);
    const int precision = layout->precision;
    int field = exponent + layout->bias;
    bool tiny = false;
    if (unlikely(field < 1)) {
        /* Tiny, unless rounding with an unbounded exponent carries to the smallest normal. */
        uint64_t rest = significand << precision;
        bool all_ones = ~significand >> (64 - precision) == 0;
        tiny = field < 0 || !all_ones || !fp_rounds_up(env->round, sign, true, rest);
        significand = fp_shift_right_sticky(significand, 1 - field);
        field = 1;
    }
    if (unlikely(field > 2 * layout->bias)) {
        return overflow(env, layout, sign);
    }
    uint64_t kept = significand >> (64 - precision);
    uint64_t rest = significand << precision;
    uint64_t magnitude = ((uint64_t)(field - 1) << (precision - 1)) + kept;
    if (rest != 0) {
        magnitude += fp_rounds_up(env->round, sign, kept & 1, rest);
        if (unlikely(magnitude == layout->infinity)) {
            return overflow(env, layout, sign);
        }
        fp_raise(env, tiny ? FP_UF | FP_NX : FP_NX);
    }
    return fp_signed(layout, sign, magnitude);
}
