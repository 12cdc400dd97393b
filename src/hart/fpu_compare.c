/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point order: minimum, maximum, comparisons, classes. */
#include "hart/fpu.h"
#include "hart/fpu_round.h"

/*
 * A number's place in the order of the reals, -0 just below +0. Below the sign bit the patterns of
 * negative numbers count the wrong way, so these bits are inverted.
 */
static inline int64_t total_rank(enum fp_format format, uint64_t a) {
    int64_t rank = sign_extend(a, (16u << format) - 1);
    return rank < 0 ? rank ^ (int64_t)(fp_sign_mask(format) - 1) : rank;
}

/* The same with both zeros at 0: negative numbers move up by one. */
static inline int64_t value_rank(enum fp_format format, uint64_t a) {
    int64_t rank = total_rank(format, a);
    return rank + (rank < 0);
}

static inline bool has_nan(const struct fp_layout *layout, uint64_t a, uint64_t b) {
    return fp_is_nan(layout, a) || fp_is_nan(layout, b);
}

static void raise_if_signalling(struct fp_env *env, const struct fp_layout *layout, uint64_t a,
                                uint64_t b) {
    if (fp_is_signalling(layout, a) || fp_is_signalling(layout, b)) {
        fp_raise(env, FP_NV);
    }
}

/* -- Minimum and maximum ----------------------------------------------------------------------- */

/* FMIN and FMAX with a NaN: the other operand, if that is a number. */
static uint64_t number_among(struct fp_env *env, const struct fp_layout *layout, uint64_t a,
                             uint64_t b) {
    raise_if_signalling(env, layout, a, b);
    if (!fp_is_nan(layout, a)) {
        return a;
    }
    return fp_is_nan(layout, b) ? layout->quiet_nan : b;
}

uint64_t fp_min(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    const struct fp_layout *layout = &fp_layouts[format];
    if (unlikely(has_nan(layout, a, b))) {
        return number_among(env, layout, a, b);
    }
    return total_rank(format, a) < total_rank(format, b) ? a : b;
}

uint64_t fp_max(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    const struct fp_layout *layout = &fp_layouts[format];
    if (unlikely(has_nan(layout, a, b))) {
        return number_among(env, layout, a, b);
    }
    return total_rank(format, a) > total_rank(format, b) ? a : b;
}

uint64_t fp_minm(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    uint64_t smaller = fp_min(env, format, a, b);
    const struct fp_layout *layout = &fp_layouts[format];
    return unlikely(has_nan(layout, a, b)) ? layout->quiet_nan : smaller;
}

uint64_t fp_maxm(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    uint64_t larger = fp_max(env, format, a, b);
    const struct fp_layout *layout = &fp_layouts[format];
    return unlikely(has_nan(layout, a, b)) ? layout->quiet_nan : larger;
}

/* -- Comparisons ------------------------------------------------------------------------------- */

bool fp_eq(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    const struct fp_layout *layout = &fp_layouts[format];
    if (unlikely(has_nan(layout, a, b))) {
        raise_if_signalling(env, layout, a, b);
        return false;
    }
    return value_rank(format, a) == value_rank(format, b);
}

bool fp_ltq(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    const struct fp_layout *layout = &fp_layouts[format];
    if (unlikely(has_nan(layout, a, b))) {
        raise_if_signalling(env, layout, a, b);
        return false;
    }
    return value_rank(format, a) < value_rank(format, b);
}

bool fp_leq(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    const struct fp_layout *layout = &fp_layouts[format];
    if (unlikely(has_nan(layout, a, b))) {
        raise_if_signalling(env, layout, a, b);
        return false;
    }
    return value_rank(format, a) <= value_rank(format, b);
}

bool fp_lt(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    const struct fp_layout *layout = &fp_layouts[format];
    if (unlikely(has_nan(layout, a, b))) {
        fp_raise(env, FP_NV);
        return false;
    }
    return value_rank(format, a) < value_rank(format, b);
}

bool fp_le(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    const struct fp_layout *layout = &fp_layouts[format];
    if (unlikely(has_nan(layout, a, b))) {
        fp_raise(env, FP_NV);
        return false;
    }
    return value_rank(format, a) <= value_rank(format, b);
}

/* -- Classes ----------------------------------------------------------------------------------- */

/* The masks are mirrored: -infinity is bit 0 and +infinity bit 7, down to -0 bit 3 and +0 bit 4. */
uint64_t fp_classify(enum fp_format format, uint64_t a) {
    const struct fp_layout *layout = &fp_layouts[format];
    if (fp_is_nan(layout, a)) {
        return fp_is_signalling(layout, a) ? 1u << 8 : 1u << 9;
    }
    uint64_t smallest_normal = UINT64_C(1) << (layout->precision - 1);
    uint64_t magnitude = a & ~layout->sign;
    unsigned size = magnitude == 0                 ? 0
                    : magnitude < smallest_normal  ? 1
                    : magnitude < layout->infinity ? 2
                                                   : 3;
    return a & layout->sign ? 1u << (3 - size) : 1u << (4 + size);
}
