/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point arithmetic: add, multiply, divide, square root, fused multiply-add. */
#include "hart/fpu.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "hart/fpu_round.h"

/*
 * There are two ways to one result.
 *
 * The soft way works on integers alone. An operand is taken apart into a 64-bit significand with
 * its leading one at bit 63 (fp_unpack), the operation yields another such significand, whose
 * lowest bit is "sticky" (set when a one was lost below it), and fp_round_pack() rounds once. What
 * makes it right:
 *
 * 1. At most 53 of the 64 bits are in use, so an operand ends in at least 11 zeros: moving it down
 *    by two places, to make room for a carry and a sign, is exact.
 * 2. A sticky bit stands for a remainder between 0 and 1, both excluded. It is only ever added to
 *    or subtracted from a value that ends in more zeros than the sum then moves left by. So it
 *    stays below the bit worth half a unit of the result, and tells less, exactly and more than
 *    half apart.
 * 3. Zero is significand 0 with an exponent below all others. In sums it needs no case of its own,
 *    except that a sum of exactly zero takes its sign from the rounding mode.
 *
 * The host's way lets the host's FPU compute. Its flags are not read (that costs more than the
 * operation), so it is taken only when they can't matter, and what decides is guest state alone:
 *
 * 4. The mode is RNE, which is the mode the host is always in, and NX is already set in env->flags.
 *    Most operations are inexact, so this holds soon after a program has cleared its flags.
 * 5. The result is finite: then no operand was a NaN, and nothing was invalid, divided by zero or
 *    overflowed. Else the soft way repeats the operation, with its flags.
 * 6. UF is out of the question: tiny sums and roots are exact; other results must lie above the
 *    smallest normal number (at that number itself the unrounded result may have been tiny).
 * 7. What is left is a correctly rounded IEEE operation, whose result is unique. The host computes
 *    in the format's own precision (asserted below) and one operation at a time: operands come and
 *    results leave as bit patterns, so a compiler has nothing to contract.
 *
 * Example, single precision, RNE: 1 + 2^-24. The significands are 2^63 each, the exponents 0 and
 * -24. Moved down and aligned: 2^61 + 2^37; moved up again: 2^63 + 2^39, exponent 0. The upper 24
 * bits are kept; the rest is 2^39 units of 2^-40, exactly half, and the kept number is even.
 * Result: 1 and NX.
 *
 * Rejected: reading the host's flags (slower than the soft way on most hosts); the C library's
 * fma() for doubles (where the host lacks it, it is a slow piece of software); conversions through
 * the host (an integer shift is cheaper than the checks); one copy of the code for each format (a
 * tenth faster).
 */

_Static_assert(FLT_EVAL_METHOD == 0, "the host must not compute with excess precision");
_Static_assert(FLT_RADIX == 2, "binary formats");
_Static_assert(FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128, "float is IEEE binary32");
_Static_assert(DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024, "double is IEEE binary64");

typedef unsigned __int128 uint128;
typedef __int128 int128;

/* -- The host's way ---------------------------------------------------------------------------- */

static inline double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t bits_of_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

static inline uint64_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Invariant 4. */
static inline bool host_serves(const struct fp_env *env, enum fp_format format) {
    return env->round == FP_RNE && (env->flags & FP_NX) != 0 && format != FP_HALF;
}

/* Invariant 5. */
static inline bool is_finite(const struct fp_layout *layout, uint64_t bits) {
    return (bits & ~layout->sign) < layout->infinity;
}

/* Invariants 5 and 6. The smallest normal number is one unit of the exponent field. */
static inline bool is_well_normal(const struct fp_layout *layout, uint64_t bits) {
    uint64_t smallest_normal = UINT64_C(1) << (layout->precision - 1);
    uint64_t magnitude = bits & ~layout->sign;
    return magnitude > smallest_normal && magnitude < layout->infinity;
}

/*
 * a * b + c in single precision. The product of two 24-bit significands is exact in double. The sum
 * is rounded twice, to 53 bits and then to 24. A midpoint between two singles is a double, so the
 * first rounding can take a sum onto a midpoint but never across: only there the second may go
 * wrong.
 * @return false where it may, and when invariants 5 or 6 do not hold.
 */
static inline bool fma_single_on_host(uint64_t a, uint64_t b, uint64_t c, uint64_t *result) {
    const uint64_t below_single = (UINT64_C(1) << (53 - 24)) - 1;
    const uint64_t midpoint = UINT64_C(1) << (53 - 24 - 1);
    double product = (double)float_of(a) * (double)float_of(b);
    double sum = product + (double)float_of(c);
    if ((bits_of_double(sum) & below_single) == midpoint) {
        return false;
    }
    *result = bits_of_float((float)sum);
    return is_well_normal(&fp_layouts[FP_SINGLE], *result);
}

/* -- Sums -------------------------------------------------------------------------------------- */

/* An exact sum of zero: operands of one sign keep it, else the rounding mode decides. */
static uint64_t zero_sum(const struct fp_env *env, const struct fp_layout *layout, bool a_sign,
                         bool b_sign) {
    bool sign = a_sign == b_sign ? a_sign : env->round == FP_RDN;
    return fp_signed(layout, sign, 0);
}

/* The sum of two numbers of which at least one is not finite. */
static uint64_t add_special(struct fp_env *env, const struct fp_layout *layout, struct fp_parts a,
                            struct fp_parts b) {
    enum fp_kind worst = fp_worse(a.kind, b.kind);
    if (worst >= FP_KIND_QUIET_NAN) {
        return fp_nan(env, layout, worst);
    }
    if (a.kind == b.kind && a.sign != b.sign) {
        return fp_invalid(env, layout);
    }
    bool sign = a.kind == FP_KIND_INFINITE ? a.sign : b.sign;
    return fp_signed(layout, sign, layout->infinity);
}

static uint64_t add_soft(struct fp_env *env, enum fp_format format, uint64_t a_bits,
                         uint64_t b_bits) {
    const struct fp_layout *layout = &fp_layouts[format];
    struct fp_parts a = fp_unpack(layout, a_bits);
    struct fp_parts b = fp_unpack(layout, b_bits);
    if (unlikely(fp_worse(a.kind, b.kind) > FP_KIND_FINITE)) {
        return add_special(env, layout, a, b);
    }
    if (a.exponent < b.exponent) {
        struct fp_parts swap = a;
        a = b;
        b = swap;
    }
    int64_t addend = (int64_t)fp_shift_right_sticky(b.significand >> 2, a.exponent - b.exponent);
    int64_t sum = (int64_t)(a.significand >> 2) + (a.sign == b.sign ? addend : -addend);
    if (sum == 0) {
        return zero_sum(env, layout, a.sign, b.sign);
    }
    bool sign = a.sign != (sum < 0);
    uint64_t magnitude = (uint64_t)(sum < 0 ? -sum : sum);
    int shift = __builtin_clzll(magnitude);
    return fp_round_pack(env, layout, sign, a.exponent + 2 - shift, magnitude << shift);
}

uint64_t fp_add(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    if (likely(host_serves(env, format))) {
        uint64_t sum = format == FP_DOUBLE ? bits_of_double(double_of(a) + double_of(b))
                                           : bits_of_float(float_of(a) + float_of(b));
        if (likely(is_finite(&fp_layouts[format], sum))) {
            return sum;
        }
    }
    return add_soft(env, format, a, b);
}

/* Negating b is exact, and a NaN's sign shows nowhere. */
uint64_t fp_sub(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    return fp_add(env, format, a, b ^ fp_sign_mask(format));
}

/* -- Products ---------------------------------------------------------------------------------- */

static uint64_t mul_special(struct fp_env *env, const struct fp_layout *layout, struct fp_parts a,
                            struct fp_parts b) {
    enum fp_kind worst = fp_worse(a.kind, b.kind);
    if (worst >= FP_KIND_QUIET_NAN) {
        return fp_nan(env, layout, worst);
    }
    bool has_zero = (a.kind == FP_KIND_FINITE && a.significand == 0) ||
                    (b.kind == FP_KIND_FINITE && b.significand == 0);
    return has_zero ? fp_invalid(env, layout)
                    : fp_signed(layout, a.sign != b.sign, layout->infinity);
}

static uint64_t mul_soft(struct fp_env *env, enum fp_format format, uint64_t a_bits,
                         uint64_t b_bits) {
    const struct fp_layout *layout = &fp_layouts[format];
    struct fp_parts a = fp_unpack(layout, a_bits);
    struct fp_parts b = fp_unpack(layout, b_bits);
    bool sign = a.sign != b.sign;
    if (unlikely(fp_worse(a.kind, b.kind) > FP_KIND_FINITE)) {
        return mul_special(env, layout, a, b);
    }
    if (a.significand == 0 || b.significand == 0) {
        return fp_signed(layout, sign, 0);
    }
    uint128 product = (uint128)a.significand * b.significand;
    int shift = product >> 127 == 0; /* the product of two numbers in [1, 2) is in [1, 4) */
    product <<= shift;
    uint64_t significand = (uint64_t)(product >> 64) | ((uint64_t)product != 0);
    return fp_round_pack(env, layout, sign, a.exponent + b.exponent + 1 - shift, significand);
}

uint64_t fp_mul(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    if (likely(host_serves(env, format))) {
        uint64_t product = format == FP_DOUBLE ? bits_of_double(double_of(a) * double_of(b))
                                               : bits_of_float(float_of(a) * float_of(b));
        if (likely(is_well_normal(&fp_layouts[format], product))) {
            return product;
        }
    }
    return mul_soft(env, format, a, b);
}

/* -- Fused multiply-add ------------------------------------------------------------------------ */

/* Requires: an operand that is not finite. 0 * infinity is invalid whatever c is. */
static uint64_t fma_special(struct fp_env *env, const struct fp_layout *layout, struct fp_parts a,
                            struct fp_parts b, struct fp_parts c) {
    enum fp_kind worst = fp_worse(a.kind, b.kind);
    if (worst == FP_KIND_INFINITE && mul_special(env, layout, a, b) == layout->quiet_nan) {
        return layout->quiet_nan;
    }
    if (fp_worse(worst, c.kind) >= FP_KIND_QUIET_NAN) {
        return fp_nan(env, layout, fp_worse(worst, c.kind));
    }
    struct fp_parts product = {.sign = a.sign != b.sign, .kind = worst};
    return add_special(env, layout, product, c);
}

static inline uint128 shift_right_sticky_128(uint128 value, int distance) {
    if (distance > 127) {
        return value != 0;
    }
    uint128 lost = value & (((uint128)1 << distance) - 1);
    return value >> distance | (lost != 0);
}

/*
 * Product and addend meet in 128 signed bits, bit 125 weighing 2^exponent. The product has 106 bits
 * and the addend 53: below them are at least 20 zeros, so what loses bits is out of reach of the
 * other's leading one. That of the product may be at bit 124; it is aligned by bit 125 all the
 * same.
 */
static uint64_t fma_soft(struct fp_env *env, enum fp_format format, uint64_t a_bits,
                         uint64_t b_bits, uint64_t c_bits) {
    const struct fp_layout *layout = &fp_layouts[format];
    struct fp_parts a = fp_unpack(layout, a_bits);
    struct fp_parts b = fp_unpack(layout, b_bits);
    struct fp_parts c = fp_unpack(layout, c_bits);
    if (unlikely(fp_worse(fp_worse(a.kind, b.kind), c.kind) > FP_KIND_FINITE)) {
        return fma_special(env, layout, a, b, c);
    }
    bool product_sign = a.sign != b.sign;
    uint128 product = (uint128)(a.significand >> 1) * (b.significand >> 1);
    uint128 addend = (uint128)c.significand << 62;
    int exponent = a.exponent + b.exponent + 1;
    if (exponent >= c.exponent) {
        addend = shift_right_sticky_128(addend, exponent - c.exponent);
    } else {
        product = shift_right_sticky_128(product, c.exponent - exponent);
        exponent = c.exponent;
    }
    int128 sum = (int128)product + (product_sign == c.sign ? (int128)addend : -(int128)addend);
    if (sum == 0) {
        return zero_sum(env, layout, product_sign, c.sign);
    }
    bool sign = product_sign != (sum < 0);
    uint128 magnitude = (uint128)(sum < 0 ? -sum : sum);
    uint64_t high = (uint64_t)(magnitude >> 64);
    int shift = high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)magnitude);
    magnitude <<= shift;
    uint64_t significand = (uint64_t)(magnitude >> 64) | ((uint64_t)magnitude != 0);
    return fp_round_pack(env, layout, sign, exponent + 2 - shift, significand);
}

uint64_t fp_fma(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b, uint64_t c) {
    uint64_t result;
    if (format == FP_SINGLE && host_serves(env, format) &&
        likely(fma_single_on_host(a, b, c, &result))) {
        return result;
    }
    return fma_soft(env, format, a, b, c);
}

/* -- Quotients --------------------------------------------------------------------------------- */

/* Requires: an operand that is not finite, or a divisor of zero. */
static uint64_t div_special(struct fp_env *env, const struct fp_layout *layout, struct fp_parts a,
                            struct fp_parts b) {
    enum fp_kind worst = fp_worse(a.kind, b.kind);
    bool sign = a.sign != b.sign;
    if (worst >= FP_KIND_QUIET_NAN) {
        return fp_nan(env, layout, worst);
    }
    if (b.kind == FP_KIND_INFINITE) {
        return a.kind == FP_KIND_INFINITE ? fp_invalid(env, layout) : fp_signed(layout, sign, 0);
    }
    if (a.kind == FP_KIND_FINITE) {
        if (a.significand == 0) {
            return fp_invalid(env, layout);
        }
        fp_raise(env, FP_DZ);
    }
    return fp_signed(layout, sign, layout->infinity);
}

static uint64_t div_soft(struct fp_env *env, enum fp_format format, uint64_t a_bits,
                         uint64_t b_bits) {
    const struct fp_layout *layout = &fp_layouts[format];
    struct fp_parts a = fp_unpack(layout, a_bits);
    struct fp_parts b = fp_unpack(layout, b_bits);
    if (unlikely(fp_worse(a.kind, b.kind) > FP_KIND_FINITE || b.significand == 0)) {
        return div_special(env, layout, a, b);
    }
    bool sign = a.sign != b.sign;
    if (a.significand == 0) {
        return fp_signed(layout, sign, 0);
    }
    int shift = a.significand < b.significand; /* makes the quotient fill 64 bits exactly */
    uint128 dividend = (uint128)a.significand << (63 + shift);
    uint64_t quotient = (uint64_t)(dividend / b.significand);
    bool is_exact = (uint128)quotient * b.significand == dividend;
    int exponent = a.exponent - b.exponent - shift;
    return fp_round_pack(env, layout, sign, exponent, quotient | !is_exact);
}

uint64_t fp_div(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b) {
    if (likely(host_serves(env, format))) {
        uint64_t quotient = format == FP_DOUBLE ? bits_of_double(double_of(a) / double_of(b))
                                                : bits_of_float(float_of(a) / float_of(b));
        if (likely(is_well_normal(&fp_layouts[format], quotient))) {
            return quotient;
        }
    }
    return div_soft(env, format, a, b);
}

/* -- Square root ------------------------------------------------------------------------------- */

/*
 * Digit by digit, as on paper: each step brings down two bits of the radicand and finds one bit of
 * the root. One bit beyond the precision, and what remains as the sticky bit, suffice to round.
 */
static uint64_t sqrt_soft(struct fp_env *env, enum fp_format format, uint64_t a_bits) {
    const struct fp_layout *layout = &fp_layouts[format];
    struct fp_parts a = fp_unpack(layout, a_bits);
    if (a.kind >= FP_KIND_QUIET_NAN) {
        return fp_nan(env, layout, a.kind);
    }
    if (a.kind == FP_KIND_FINITE && a.significand == 0) {
        return a_bits;
    }
    if (a.sign) {
        return fp_invalid(env, layout);
    }
    if (a.kind == FP_KIND_INFINITE) {
        return a_bits;
    }
    bool is_odd = a.exponent & 1;
    uint64_t radicand = is_odd ? a.significand : a.significand >> 1; /* bit 62 weighs 1 */
    uint64_t root = 0;
    uint64_t remainder = 0;
    const int root_bits = layout->precision + 1;
    for (int i = 0; i < root_bits; i++) {
        remainder = remainder << 2 | radicand >> 62;
        radicand <<= 2;
        uint64_t trial = root << 2 | 1;
        uint64_t digit = remainder >= trial;
        remainder -= digit ? trial : 0;
        root = root << 1 | digit;
    }
    int exponent = (a.exponent - is_odd) / 2;
    uint64_t significand = root << (64 - root_bits) | (remainder != 0);
    return fp_round_pack(env, layout, false, exponent, significand);
}

uint64_t fp_sqrt(struct fp_env *env, enum fp_format format, uint64_t a) {
    bool is_negative = (a & fp_sign_mask(format)) != 0;
    if (likely(host_serves(env, format)) && !is_negative) {
        uint64_t root = format == FP_DOUBLE ? bits_of_double(sqrt(double_of(a)))
                                            : bits_of_float(sqrtf(float_of(a)));
        if (likely(is_finite(&fp_layouts[format], root))) {
            return root;
        }
    }
    return sqrt_soft(env, format, a);
}
