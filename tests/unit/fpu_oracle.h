/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the floating-point unit ought to answer: outcomes of trials by MPFR and by the host. */
#ifndef TESTS_FPU_ORACLE_H
#define TESTS_FPU_ORACLE_H

#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#define MPFR_USE_INTMAX_T
#include <mpfr.h>

#include "base/base.h"
#include "hart/fpu.h"

enum op { ADD, SUB, MUL, DIV, SQRT, FMA, CONVERT, ROUND, ROUNDNX, TO_INT, FROM_INT, OP_COUNT };

static const char *const op_names[] = {"add",     "sub",   "mul",     "div",    "sqrt",    "fma",
                                       "convert", "round", "roundnx", "to_int", "from_int"};
static const char *const format_names[] = {"half", "single", "double"};
static const char *const round_names[] = {"RNE", "RTZ", "RDN", "RUP", "RMM"};

static const int precisions[] = {11, 24, 53};
static const int biases[] = {15, 127, 1023};

struct trial {
    enum op op;
    enum fp_format format; /* of the operands; of the result of FROM_INT */
    enum fp_format to;     /* of the result of CONVERT */
    enum fp_round round;
    uint64_t a, b, c;
    bool is_signed; /* TO_INT, FROM_INT */
    unsigned bits;
};

struct outcome {
    uint64_t bits;
    unsigned flags;
};

/* Variables of MPFR, which are expensive to make, and what the host is like. */
struct oracle {
    bool host_tiny_after; /* host detects tininess after rounding, as RISC-V does */
    mpfr_t a, b, c;
    mpfr_t rounded[3]; /* by format, of its precision */
    mpfr_t wide, scaled, unit;
};

/* -- Bit patterns, without help from the code under test --------------------------------------- */

static inline uint64_t fraction_mask(enum fp_format format) {
    return (UINT64_C(1) << (precisions[format] - 1)) - 1;
}

static inline uint64_t sign_bit(enum fp_format format) {
    return UINT64_C(1) << ((16 << format) - 1);
}

static inline uint64_t infinity(enum fp_format format) {
    return sign_bit(format) - 1 - fraction_mask(format);
}

static inline uint64_t canonical_nan(enum fp_format format) {
    return infinity(format) | (fraction_mask(format) + 1) >> 1;
}

static inline bool is_nan(enum fp_format format, uint64_t a) {
    return (a & ~sign_bit(format)) > infinity(format);
}

static inline bool is_signalling(enum fp_format format, uint64_t a) {
    return is_nan(format, a) && (a & (fraction_mask(format) + 1) >> 1) == 0;
}

static inline bool is_zero(enum fp_format format, uint64_t a) {
    return (a & ~sign_bit(format)) == 0;
}

static inline bool is_infinite(enum fp_format format, uint64_t a) {
    return (a & ~sign_bit(format)) == infinity(format);
}

static inline uint64_t pack(enum fp_format format, bool sign, int field, uint64_t fraction) {
    int field_max = 2 * biases[format] + 1;
    field = field < 0 ? 0 : field > field_max ? field_max : field;
    return (sign ? sign_bit(format) : 0) | (uint64_t)field << (precisions[format] - 1) |
           (fraction & fraction_mask(format));
}

static inline int field_of(enum fp_format format, uint64_t a) {
    return (int)((a & ~sign_bit(format)) >> (precisions[format] - 1));
}

static inline enum fp_format result_format(const struct trial *trial) {
    return trial->op == CONVERT ? trial->to : trial->format;
}

/* -- MPFR -------------------------------------------------------------------------------------- */

static inline void mpfr_decode(mpfr_t x, enum fp_format format, uint64_t bits) {
    int field = field_of(format, bits);
    uint64_t fraction = bits & fraction_mask(format);
    if (is_nan(format, bits)) {
        mpfr_set_nan(x);
    } else if (is_infinite(format, bits)) {
        mpfr_set_inf(x, 1);
    } else {
        uint64_t significand = field == 0 ? fraction : fraction + fraction_mask(format) + 1;
        int quantum = (field == 0 ? 1 : field) - biases[format] - (precisions[format] - 1);
        assert_int_equal(mpfr_set_uj_2exp(x, significand, quantum, MPFR_RNDN), 0);
    }
    mpfr_setsign(x, x, (bits & sign_bit(format)) != 0, MPFR_RNDN);
}

/* Exponent of the unit in the last place of subnormal numbers. */
static inline int smallest_quantum(enum fp_format format) {
    return 2 - biases[format] - precisions[format];
}

static inline uint64_t mpfr_encode(struct oracle *oracle, enum fp_format format, mpfr_t x) {
    uint64_t sign = mpfr_signbit(x) ? sign_bit(format) : 0;
    if (mpfr_nan_p(x)) {
        return canonical_nan(format);
    }
    if (mpfr_inf_p(x)) {
        return sign | infinity(format);
    }
    if (mpfr_zero_p(x)) {
        return sign;
    }
    int quantum = (int)mpfr_get_exp(x) - precisions[format];
    quantum = quantum < smallest_quantum(format) ? smallest_quantum(format) : quantum;
    mpfr_mul_2si(oracle->scaled, x, -quantum, MPFR_RNDN);
    mpfr_abs(oracle->scaled, oracle->scaled, MPFR_RNDN);
    assert_true(mpfr_integer_p(oracle->scaled));
    uint64_t significand = mpfr_get_uj(oracle->scaled, MPFR_RNDN);
    uint64_t steps = (uint64_t)(quantum - smallest_quantum(format));
    return sign | ((steps << (precisions[format] - 1)) + significand);
}

/* The operation with an unbounded exponent, at the precision of result. @return As MPFR's own. */
static inline int mpfr_apply(struct oracle *oracle, const struct trial *t, mpfr_t result,
                             mpfr_rnd_t round) {
    switch (t->op) {
    case ADD:
        return mpfr_add(result, oracle->a, oracle->b, round);
    case SUB:
        return mpfr_sub(result, oracle->a, oracle->b, round);
    case MUL:
        return mpfr_mul(result, oracle->a, oracle->b, round);
    case DIV:
        return mpfr_div(result, oracle->a, oracle->b, round);
    case SQRT:
        return mpfr_sqrt(result, oracle->a, round);
    case FMA:
        return mpfr_fma(result, oracle->a, oracle->b, oracle->c, round);
    case CONVERT:
        return mpfr_set(result, oracle->a, round);
    case FROM_INT:
        if (t->is_signed) {
            return mpfr_set_sj(result, t->bits == 32 ? (int32_t)t->a : (int64_t)t->a, round);
        }
        return mpfr_set_uj(result, t->bits == 32 ? (uint32_t)t->a : t->a, round);
    default:
        fail_msg("%s is not for mpfr_apply", op_names[t->op]);
        return 0;
    }
}

/* Rounds a truncated, non-zero finite number to multiples of 2^quantum, halves away from zero. */
static inline bool mpfr_round_away(struct oracle *oracle, mpfr_t result, mpfr_t truncated,
                                   int quantum) {
    mpfr_mul_2si(oracle->scaled, truncated, -quantum, MPFR_RNDN);
    mpfr_round(result, oracle->scaled);
    bool is_inexact = !mpfr_equal_p(result, oracle->scaled);
    mpfr_mul_2si(result, result, quantum, MPFR_RNDN);
    return is_inexact;
}

static inline struct outcome mpfr_outcome_rmm(struct oracle *oracle, const struct trial *t) {
    enum fp_format format = result_format(t);
    const int smallest_normal_exp = 2 - biases[format];
    bool is_inexact = mpfr_apply(oracle, t, oracle->wide, MPFR_RNDZ) != 0;
    if (!mpfr_regular_p(oracle->wide)) {
        return (struct outcome){mpfr_encode(oracle, format, oracle->wide), 0};
    }
    int quantum = (int)mpfr_get_exp(oracle->wide) - precisions[format];
    mpfr_round_away(oracle, oracle->unit, oracle->wide, quantum);
    bool is_tiny = mpfr_get_exp(oracle->unit) < smallest_normal_exp;
    quantum = quantum < smallest_quantum(format) ? smallest_quantum(format) : quantum;
    is_inexact |= mpfr_round_away(oracle, oracle->unit, oracle->wide, quantum);
    unsigned flags = is_inexact ? is_tiny ? FP_UF | FP_NX : FP_NX : 0;
    if (mpfr_regular_p(oracle->unit) && mpfr_get_exp(oracle->unit) > biases[format] + 1) {
        mpfr_set_inf(oracle->unit, mpfr_signbit(oracle->unit) ? -1 : 1);
        flags = FP_OF | FP_NX;
    }
    mpfr_setsign(oracle->unit, oracle->unit, mpfr_signbit(oracle->wide), MPFR_RNDN);
    return (struct outcome){mpfr_encode(oracle, format, oracle->unit), flags};
}

static const mpfr_rnd_t mpfr_rounds[] = {MPFR_RNDN, MPFR_RNDZ, MPFR_RNDD, MPFR_RNDU};

static inline struct outcome mpfr_outcome_native(struct oracle *oracle, const struct trial *t) {
    enum fp_format format = result_format(t);
    mpfr_rnd_t round = mpfr_rounds[t->round];
    mpfr_ptr r = oracle->rounded[format];
    mpfr_clear_flags();
    int ternary = mpfr_apply(oracle, t, r, round);
    unsigned flags = mpfr_divby0_p() ? FP_DZ : 0;
    bool is_tiny = mpfr_regular_p(r) && mpfr_get_exp(r) < 2 - biases[format];
    mpfr_exp_t emin = mpfr_get_emin();
    mpfr_exp_t emax = mpfr_get_emax();
    mpfr_set_emin(smallest_quantum(format) + 1);
    mpfr_set_emax(biases[format] + 1);
    ternary = mpfr_check_range(r, ternary, round);
    flags |= mpfr_overflow_p() ? FP_OF : 0;
    ternary = mpfr_subnormalize(r, ternary, round);
    mpfr_set_emin(emin);
    mpfr_set_emax(emax);
    if (ternary != 0) {
        flags |= is_tiny ? FP_UF | FP_NX : FP_NX;
    }
    return (struct outcome){mpfr_encode(oracle, format, r), flags};
}

/* Rounds operand a to an integral value in oracle->wide. @return Whether that changed it. */
static inline bool mpfr_round_integral(struct oracle *oracle, enum fp_round round) {
    if (round == FP_RMM) {
        mpfr_round(oracle->wide, oracle->a);
    } else {
        mpfr_rint(oracle->wide, oracle->a, mpfr_rounds[round]);
    }
    return !mpfr_nan_p(oracle->a) && !mpfr_equal_p(oracle->wide, oracle->a);
}

static inline bool mpfr_fits(const struct trial *t, mpfr_t x) {
    if (t->bits == 32) {
        return t->is_signed ? mpfr_fits_sint_p(x, MPFR_RNDZ) : mpfr_fits_uint_p(x, MPFR_RNDZ);
    }
    return t->is_signed ? mpfr_fits_intmax_p(x, MPFR_RNDZ) : mpfr_fits_uintmax_p(x, MPFR_RNDZ);
}

/* End of the integers that a number out of range saturates to, before the extension to 64 bits. */
static inline uint64_t range_end(const struct trial *t, bool is_low_end) {
    if (is_low_end) {
        return !t->is_signed ? 0 : t->bits == 32 ? (uint32_t)INT32_MIN : (uint64_t)INT64_MIN;
    }
    if (t->bits == 32) {
        return t->is_signed ? INT32_MAX : UINT32_MAX;
    }
    return t->is_signed ? INT64_MAX : UINT64_MAX;
}

static inline struct outcome mpfr_outcome_to_int(struct oracle *oracle, const struct trial *t) {
    bool is_inexact = mpfr_round_integral(oracle, t->round);
    bool fits = mpfr_fits(t, oracle->wide);
    uint64_t value;
    if (!fits) {
        value = range_end(t, !mpfr_nan_p(oracle->wide) && mpfr_signbit(oracle->wide));
    } else if (t->is_signed) {
        value = (uint64_t)mpfr_get_sj(oracle->wide, MPFR_RNDZ);
    } else {
        value = mpfr_get_uj(oracle->wide, MPFR_RNDZ);
    }
    value = t->bits == 32 ? (uint64_t)(int64_t)(int32_t)value : value;
    return (struct outcome){value, !fits ? FP_NV : is_inexact ? FP_NX : 0};
}

/* Double a truncated, modulo 2^32, sign-extended: what FCVTMOD.W.D gives for a finite a. */
static inline uint64_t mpfr_modulo_32(struct oracle *oracle, uint64_t a) {
    mpfr_decode(oracle->a, FP_DOUBLE, a);
    mpfr_trunc(oracle->wide, oracle->a);
    mpfr_set_ui_2exp(oracle->unit, 1, 32, MPFR_RNDN);
    mpfr_fmod(oracle->scaled, oracle->wide, oracle->unit, MPFR_RNDN);
    return (uint64_t)(int64_t)(int32_t)mpfr_get_sj(oracle->scaled, MPFR_RNDZ);
}

static inline int operand_count(enum op op) {
    return op == FMA ? 3 : op <= DIV ? 2 : op == FROM_INT ? 0 : 1;
}

/* Such an FMA is invalid in RISC-V even when c is a quiet NaN; IEEE 754 leaves that open. */
static inline bool is_zero_by_infinity(const struct trial *t) {
    return t->op == FMA && ((is_infinite(t->format, t->a) && is_zero(t->format, t->b)) ||
                            (is_zero(t->format, t->a) && is_infinite(t->format, t->b)));
}

static inline struct outcome mpfr_outcome(struct oracle *oracle, const struct trial *t) {
    enum fp_format format = t->format;
    int count = operand_count(t->op);
    mpfr_ptr variables[] = {oracle->a, oracle->b, oracle->c};
    const uint64_t operands[] = {t->a, t->b, t->c};
    bool has_nan = false;
    unsigned flags = 0;
    for (int i = 0; i < count; i++) {
        mpfr_decode(variables[i], format, operands[i]);
        has_nan |= is_nan(format, operands[i]);
        flags |= is_signalling(format, operands[i]) ? FP_NV : 0;
    }
    if (t->op == TO_INT) {
        struct outcome integer = mpfr_outcome_to_int(oracle, t);
        return (struct outcome){integer.bits, integer.flags | flags};
    }
    if (t->op == ROUND || t->op == ROUNDNX) {
        bool is_inexact = mpfr_round_integral(oracle, t->round);
        flags |= is_inexact && t->op == ROUNDNX ? FP_NX : 0;
        return (struct outcome){mpfr_encode(oracle, format, oracle->wide), flags};
    }
    flags |= is_zero_by_infinity(t) ? FP_NV : 0;
    if (t->op == DIV && t->round == FP_RMM && is_zero(format, t->b) && !is_zero(format, t->a) &&
        !is_infinite(format, t->a) && !has_nan) {
        flags |= FP_DZ;
    }
    struct outcome outcome =
        t->round == FP_RMM ? mpfr_outcome_rmm(oracle, t) : mpfr_outcome_native(oracle, t);
    if (!has_nan && outcome.bits == canonical_nan(result_format(t))) {
        flags |= FP_NV;
    }
    outcome.flags |= flags;
    return outcome;
}

/* -- The host ---------------------------------------------------------------------------------- */

static inline double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float float_of(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

static inline uint64_t bits_of_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? canonical_nan(FP_DOUBLE) : bits;
}

static inline uint64_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? canonical_nan(FP_SINGLE) : bits;
}

/*
 * Volatile operands and a call that is not inlined keep the compiler from computing before the mode
 * is set or after the flags are read.
 */
__attribute__((noinline)) static uint64_t host_double(const struct trial *t) {
    volatile double a = double_of(t->a), b = double_of(t->b), c = double_of(t->c);
    volatile int64_t integer = (int64_t)t->a;
    switch (t->op) {
    case ADD:
        return bits_of_double(a + b);
    case SUB:
        return bits_of_double(a - b);
    case MUL:
        return bits_of_double(a * b);
    case DIV:
        return bits_of_double(a / b);
    case SQRT:
        return bits_of_double(sqrt(a));
    case FMA:
        return bits_of_double(fma(a, b, c));
    case CONVERT:
        return bits_of_float((float)a);
    case TO_INT:
        return (uint64_t)llrint(a);
    case FROM_INT:
        return bits_of_double((double)integer);
    default:
        break;
    }
    return 0;
}

__attribute__((noinline)) static uint64_t host_single(const struct trial *t) {
    volatile float a = float_of(t->a), b = float_of(t->b), c = float_of(t->c);
    volatile int64_t integer = (int64_t)t->a;
    switch (t->op) {
    case ADD:
        return bits_of_float(a + b);
    case SUB:
        return bits_of_float(a - b);
    case MUL:
        return bits_of_float(a * b);
    case DIV:
        return bits_of_float(a / b);
    case SQRT:
        return bits_of_float(sqrtf(a));
    case FMA:
        return bits_of_float(fmaf(a, b, c));
    case CONVERT:
        return bits_of_double((double)a);
    case TO_INT:
        return (uint64_t)llrintf(a);
    case FROM_INT:
        return bits_of_float((float)integer);
    default:
        break;
    }
    return 0;
}

/*
 * Whether the host has the operation, in this mode and with results that C defines. Of rint()
 * compilers make code that is right to nearest only.
 */
static inline bool host_has(const struct trial *t) {
    if (t->format == FP_HALF || t->round == FP_RMM || t->op == ROUND || t->op == ROUNDNX) {
        return false;
    }
    if (t->op == CONVERT) {
        return t->to != FP_HALF && t->to != t->format;
    }
    if (t->op == TO_INT) {
        int exponent = field_of(t->format, t->a) - biases[t->format];
        return t->is_signed && t->bits == 64 && exponent < 62;
    }
    return t->op != FROM_INT || (t->is_signed && t->bits == 64);
}

static inline struct outcome host_outcome(const struct trial *t) {
    static const int rounds[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    fesetround(rounds[t->round]);
    feclearexcept(FE_ALL_EXCEPT);
    uint64_t bits = t->format == FP_DOUBLE ? host_double(t) : host_single(t);
    int raised = fetestexcept(FE_ALL_EXCEPT);
    fesetround(FE_TONEAREST);
    unsigned flags = (raised & FE_INEXACT ? FP_NX : 0) | (raised & FE_UNDERFLOW ? FP_UF : 0) |
                     (raised & FE_OVERFLOW ? FP_OF : 0) | (raised & FE_DIVBYZERO ? FP_DZ : 0) |
                     (raised & FE_INVALID ? FP_NV : 0);
    return (struct outcome){bits, flags};
}

/* (1 - 2^-52) * (1 + 2^-52) of the smallest normal number is below it, but rounds to it. */
static inline bool host_is_tiny_after(void) {
    struct trial trial = {.op = MUL, .format = FP_DOUBLE, .round = FP_RNE};
    trial.a = 0x3feffffffffffffe;
    trial.b = 0x0010000000000001;
    return (host_outcome(&trial).flags & FP_UF) == 0;
}

/* -- Life -------------------------------------------------------------------------------------- */

static inline void oracle_init(struct oracle *oracle) {
    mpfr_inits2(64, oracle->a, oracle->b, oracle->c, (mpfr_ptr)0);
    mpfr_inits2(160, oracle->wide, oracle->scaled, oracle->unit, (mpfr_ptr)0);
    for (enum fp_format format = FP_HALF; format <= FP_DOUBLE; format++) {
        mpfr_init2(oracle->rounded[format], precisions[format]);
    }
    oracle->host_tiny_after = host_is_tiny_after();
}

static inline void oracle_free(struct oracle *oracle) {
    mpfr_clears(oracle->a, oracle->b, oracle->c, oracle->wide, oracle->scaled, oracle->unit,
                oracle->rounded[FP_HALF], oracle->rounded[FP_SINGLE], oracle->rounded[FP_DOUBLE],
                (mpfr_ptr)0);
    mpfr_free_cache();
}

#endif
