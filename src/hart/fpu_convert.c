/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point conversions: integers, other formats, integral numbers, constants. */
#include <assert.h>

#include "hart/fpu.h"
#include "hart/fpu_round.h"

/* A magnitude rounded to an integer. */
struct whole {
    uint64_t magnitude;
    bool is_inexact;
};

/*
 * Requires: a finite, exponent <= 63. What lies below the point is aligned to bit 63 to decide how
 * to round. The sum can't wrap: at exponent 63 nothing lies below the point.
 */
static struct whole round_to_whole(enum fp_round round, struct fp_parts a) {
    assert(a.kind == FP_KIND_FINITE && a.exponent <= 63);
    uint64_t units = 0;
    uint64_t rest = a.significand;
    if (a.exponent >= 0) {
        units = a.significand >> (63 - a.exponent);
        rest = a.exponent == 63 ? 0 : a.significand << (a.exponent + 1);
    } else {
        rest = fp_shift_right_sticky(a.significand, -1 - a.exponent);
    }
    units += fp_rounds_up(round, a.sign, units & 1, rest);
    return (struct whole){.magnitude = units, .is_inexact = rest != 0};
}

/* -- Integers ---------------------------------------------------------------------------------- */

/* Largest magnitude that an integer of that sign can have. */
static uint64_t magnitude_limit(bool is_negative, bool is_signed, unsigned bits) {
    uint64_t unsigned_max = UINT64_MAX >> (64 - bits);
    if (is_signed) {
        return (unsigned_max >> 1) + is_negative;
    }
    return is_negative ? 0 : unsigned_max;
}

uint64_t fp_to_int(struct fp_env *env, enum fp_format format, uint64_t a_bits, bool is_signed,
                   unsigned bits) {
    assert(bits == 32 || bits == 64);
    struct fp_parts a = fp_unpack(&fp_layouts[format], a_bits);
    bool is_negative = a.sign && a.kind < FP_KIND_QUIET_NAN;
    uint64_t limit = magnitude_limit(is_negative, is_signed, bits);
    struct whole whole = {.magnitude = limit};
    bool is_valid = a.kind == FP_KIND_FINITE && a.exponent <= 63;
    if (is_valid) {
        whole = round_to_whole(env->round, a);
        is_valid = whole.magnitude <= limit;
    }
    if (!is_valid) {
        fp_raise(env, FP_NV);
        whole.magnitude = limit;
    } else if (whole.is_inexact) {
        fp_raise(env, FP_NX);
    }
    uint64_t result = is_negative ? -whole.magnitude : whole.magnitude;
    return (uint64_t)sign_extend(result, bits - 1);
}

uint64_t fp_from_int(struct fp_env *env, enum fp_format format, uint64_t value, bool is_signed,
                     unsigned bits) {
    assert(bits == 32 || bits == 64);
    bool is_negative = is_signed && (value >> (bits - 1) & 1) != 0;
    uint64_t magnitude = (is_negative ? -value : value) & UINT64_MAX >> (64 - bits);
    if (magnitude == 0) {
        return 0;
    }
    int shift = __builtin_clzll(magnitude);
    return fp_round_pack(env, &fp_layouts[format], is_negative, 63 - shift, magnitude << shift);
}

/*
 * Where FCVT.W.D is in range the two agree. Elsewhere the low 32 bits of a number from 2^31 up are
 * wanted; they are zero once its lowest bit weighs more than 2^63.
 */
uint64_t fp_cvtmod(struct fp_env *env, uint64_t a_bits) {
    struct fp_env truncating = {.round = FP_RTZ};
    uint64_t saturated = fp_to_int(&truncating, FP_DOUBLE, a_bits, true, 32);
    fp_raise(env, truncating.flags);
    if ((truncating.flags & FP_NV) == 0) {
        return saturated;
    }
    struct fp_parts a = fp_unpack(&fp_layouts[FP_DOUBLE], a_bits);
    if (a.kind != FP_KIND_FINITE || a.exponent > 126) {
        return 0;
    }
    uint64_t magnitude =
        a.exponent > 63 ? a.significand << (a.exponent - 63) : a.significand >> (63 - a.exponent);
    return (uint64_t)sign_extend(a.sign ? -magnitude : magnitude, 31);
}

/* -- Floating-point formats -------------------------------------------------------------------- */

uint64_t fp_convert(struct fp_env *env, enum fp_format from, enum fp_format to, uint64_t a_bits) {
    const struct fp_layout *layout = &fp_layouts[to];
    struct fp_parts a = fp_unpack(&fp_layouts[from], a_bits);
    if (a.kind >= FP_KIND_QUIET_NAN) {
        return fp_nan(env, layout, a.kind);
    }
    if (a.kind == FP_KIND_INFINITE) {
        return fp_signed(layout, a.sign, layout->infinity);
    }
    if (a.significand == 0) {
        return fp_signed(layout, a.sign, 0);
    }
    return fp_round_pack(env, layout, a.sign, a.exponent, a.significand);
}

uint64_t fp_round_int(struct fp_env *env, enum fp_format format, uint64_t a_bits, bool exact) {
    const struct fp_layout *layout = &fp_layouts[format];
    struct fp_parts a = fp_unpack(layout, a_bits);
    if (a.kind >= FP_KIND_QUIET_NAN) {
        return fp_nan(env, layout, a.kind);
    }
    if (a.kind == FP_KIND_INFINITE || a.exponent >= layout->precision - 1) {
        return a_bits;
    }
    struct whole whole = round_to_whole(env->round, a);
    if (exact && whole.is_inexact) {
        fp_raise(env, FP_NX);
    }
    if (whole.magnitude == 0) {
        return fp_signed(layout, a.sign, 0);
    }
    int shift = __builtin_clzll(whole.magnitude);
    return fp_round_pack(env, layout, a.sign, 63 - shift, whole.magnitude << shift);
}

/* -- Constants --------------------------------------------------------------------------------- */

/* All are singles; the other formats get them by conversion, half 2^16 as infinity. */
uint64_t fp_load_immediate(enum fp_format format, unsigned index) {
    static const uint32_t singles[32] = {
        0xbf800000, 0x00800000, 0x37800000, 0x38000000, /* -1, smallest normal, 2^-16, 2^-15 */
        0x3b800000, 0x3c000000, 0x3d800000, 0x3e000000, /* 2^-8, 2^-7, 2^-4, 2^-3 */
        0x3e800000, 0x3ea00000, 0x3ec00000, 0x3ee00000, /* 1/4 and on, by quarters of it */
        0x3f000000, 0x3f200000, 0x3f400000, 0x3f600000, /* 1/2 */
        0x3f800000, 0x3fa00000, 0x3fc00000, 0x3fe00000, /* 1 */
        0x40000000, 0x40200000, 0x40400000, 0x40800000, /* 2, 2.5, 3, 4 */
        0x41000000, 0x41800000, 0x43000000, 0x43800000, /* 8, 16, 2^7, 2^8 */
        0x47000000, 0x47800000, 0x7f800000, 0x7fc00000, /* 2^15, 2^16, infinity, canonical NaN */
    };
    assert(index < COUNT(singles));
    if (index == 1) {
        return UINT64_C(1) << (fp_layouts[format].precision - 1);
    }
    struct fp_env unseen = {.round = FP_RNE};
    return fp_convert(&unseen, FP_SINGLE, format, singles[index]);
}
