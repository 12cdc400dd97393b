/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point values taken apart, and the one place that rounds them. Private to fpu*.c. */
#ifndef HART_FPU_ROUND_H
#define HART_FPU_ROUND_H

#include "base/base.h"
#include "hart/fpu.h"

/** What tells one format from another. The patterns have a clear sign, except sign itself. */
struct fp_layout {
    int precision;      /* [bits] of the significand, the implied one included */
    int bias;           /* exponent field of 1.0 */
    uint64_t infinity;  /* exponent field all ones, fraction zero */
    uint64_t quiet_nan; /* the canonical NaN */
    uint64_t sign;      /* the sign bit */
};

/** Indexed by enum fp_format. */
extern const struct fp_layout fp_layouts[3];

/** What an operand is. ORDER: as it decides among several, see fp_worse(). */
enum fp_kind { FP_KIND_FINITE, FP_KIND_INFINITE, FP_KIND_QUIET_NAN, FP_KIND_SIGNALLING_NAN };

/**
 * An operand taken apart. When finite it is ±significand × 2^(exponent - 63), and bit 63 of the
 * significand is set, also for subnormal operands; or it is zero, and then the significand is 0 and
 * the exponent FP_EXPONENT_OF_ZERO.
 */
struct fp_parts {
    uint64_t significand;
    int exponent;
    bool sign;
    enum fp_kind kind;
};

/** Far below all others, those of products included: zero needs no case of its own in sums. */
enum { FP_EXPONENT_OF_ZERO = -100000 };

static inline void fp_raise(struct fp_env *env, unsigned flags) {
    env->flags = (uint8_t)(env->flags | flags);
}

/** Raises NV and returns the canonical NaN. */
static inline uint64_t fp_invalid(struct fp_env *env, const struct fp_layout *layout) {
    fp_raise(env, FP_NV);
    return layout->quiet_nan;
}

/** The kind that decides: signalling before quiet NaN, NaN before infinity. */
static inline enum fp_kind fp_worse(enum fp_kind a, enum fp_kind b) {
    return a > b ? a : b;
}

/** Canonical NaN, for an operand that is a NaN of kind @p worst; raises NV if that signals. */
static inline uint64_t fp_nan(struct fp_env *env, const struct fp_layout *layout,
                              enum fp_kind worst) {
    return worst == FP_KIND_SIGNALLING_NAN ? fp_invalid(env, layout) : layout->quiet_nan;
}

static inline uint64_t fp_signed(const struct fp_layout *layout, bool sign, uint64_t magnitude) {
    return sign ? magnitude | layout->sign : magnitude;
}

static inline bool fp_is_nan(const struct fp_layout *layout, uint64_t a) {
    return (a & ~layout->sign) > layout->infinity;
}

/** A quiet NaN has the top bit of its fraction set, so signalling NaNs are the lower ones. */
static inline bool fp_is_signalling(const struct fp_layout *layout, uint64_t a) {
    return fp_is_nan(layout, a) && (a & ~layout->sign) < layout->quiet_nan;
}

/** Takes an operand apart; of infinities and NaNs only sign and kind count. */
static inline struct fp_parts fp_unpack(const struct fp_layout *layout, uint64_t a) {
    uint64_t magnitude = a & ~layout->sign;
    struct fp_parts parts = {.sign = a != magnitude, .kind = FP_KIND_FINITE};
    uint64_t field = magnitude >> (layout->precision - 1);
    parts.significand = magnitude << (64 - layout->precision);
    parts.exponent = (int)field - layout->bias;
    if (unlikely(magnitude >= layout->infinity)) {
        parts.kind = magnitude == layout->infinity   ? FP_KIND_INFINITE
                     : magnitude < layout->quiet_nan ? FP_KIND_SIGNALLING_NAN
                                                     : FP_KIND_QUIET_NAN;
    } else if (likely(field != 0)) {
        parts.significand |= UINT64_C(1) << 63;
    } else if (magnitude == 0) {
        parts.exponent = FP_EXPONENT_OF_ZERO;
    } else {
        int shift = __builtin_clzll(parts.significand);
        parts.significand <<= shift;
        parts.exponent += 1 - shift;
    }
    return parts;
}

/**
 * value >> distance, with bit 0 ("sticky") set when a one was shifted out: the result stays on the
 * value's side of every boundary above bit 0. distance >= 0.
 */
static inline uint64_t fp_shift_right_sticky(uint64_t value, int distance) {
    if (distance > 63) {
        return value != 0;
    }
    uint64_t lost = value & ((UINT64_C(1) << distance) - 1);
    return value >> distance | (lost != 0);
}

/**
 * Whether a magnitude cut to whole units moves up by one: whether the rest, pushed up by an amount
 * that depends on the mode, carries. The rest is as random as the data, so no branch depends on it.
 * @param odd   Whether the number of whole units is odd.
 * @param rest  What was cut off, in units of 2^-64; bit 0 may be sticky.
 */
static inline bool fp_rounds_up(enum fp_round round, bool sign, bool odd, uint64_t rest) {
    const uint64_t half = UINT64_C(1) << 63;
    uint64_t push = 0;
    switch (round) {
    case FP_RNE:
        push = half - 1 + odd;
        break;
    case FP_RTZ:
        break;
    case FP_RDN:
        push = sign ? UINT64_MAX : 0;
        break;
    case FP_RUP:
        push = sign ? 0 : UINT64_MAX;
        break;
    case FP_RMM:
        push = half;
        break;
    }
    return rest > UINT64_MAX - push;
}

/**
 * Rounds ±significand × 2^(exponent - 63) to the format, raising OF, UF and NX as due.
 * @param significand  Bit 63 set; bit 0 may be sticky.
 * @return             The packed result.
 */
uint64_t fp_round_pack(struct fp_env *env, const struct fp_layout *layout, bool sign, int exponent,
                       uint64_t significand);

#endif
