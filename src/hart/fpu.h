/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IEEE 754 arithmetic as RISC-V wants it: F, D, Zfh and Zfa on bit patterns. Private to hart/. */
#ifndef HART_FPU_H
#define HART_FPU_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The rules that hold for every function below:
 *
 * - Operands and results are bit patterns in the low 16, 32 or 64 bits of a uint64_t; the bits
 *   above are zero on the way in and on the way out. NaN boxing and sign injection are the
 *   caller's.
 * - A NaN result is the canonical NaN. A signalling NaN operand raises NV. The contracts list under
 *   @errors what is raised besides.
 * - Flags are only ever added to env->flags. Tininess is detected after rounding.
 * - Nothing else is read or written: same operands, mode and flags, same result, on any host.
 *
 * @spec   Unprivileged ISA 20240411, chapters F, D, Zfh and Zfa
 * @thread Any, each with its own env.
 */

/** Operand widths. ORDER: by size, the width in bits is 16 << format. */
enum fp_format { FP_HALF, FP_SINGLE, FP_DOUBLE };

/** Rounding modes as in frm and in the rm field. @spec Unprivileged ISA 20240411, table 25 */
enum fp_round { FP_RNE = 0, FP_RTZ = 1, FP_RDN = 2, FP_RUP = 3, FP_RMM = 4 };

/** Accrued exception bits as they stand in fflags. */
enum { FP_NX = 1, FP_UF = 2, FP_OF = 4, FP_DZ = 8, FP_NV = 16 };

/** What an operation needs besides its operands: rounding in, exceptions accrued (ORed) out. */
struct fp_env {
    enum fp_round round;
    uint8_t flags;
};

/** The sign bit of @p format alone; `a ^ fp_sign_mask(format)` is -a. */
static inline uint64_t fp_sign_mask(enum fp_format format) {
    return UINT64_C(1) << ((16u << format) - 1);
}

/* -- fpu.c: arithmetic ------------------------------------------------------------------------- */

/** a + b. @errors NV for infinities that cancel; OF, NX. A tiny sum is exact, so never UF. */
uint64_t fp_add(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** a - b. @errors As fp_add(). */
uint64_t fp_sub(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** a * b. @errors NV for 0 * infinity; OF, UF, NX. */
uint64_t fp_mul(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** a / b. @errors NV for 0 / 0 and infinity / infinity; DZ for finite / 0; OF, UF, NX. */
uint64_t fp_div(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** Square root of a. The root of -0 is -0. @errors NV when a < 0; NX. */
uint64_t fp_sqrt(struct fp_env *env, enum fp_format format, uint64_t a);

/**
 * a * b + c, rounded once. FMSUB, FNMSUB and FNMADD are this with c, a, or both negated by the
 * caller.
 * @errors NV for 0 * infinity (also when c is a quiet NaN) and for infinities that cancel; OF, UF,
 *         NX.
 */
uint64_t fp_fma(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b, uint64_t c);

/* -- fpu_compare.c: order and classes ---------------------------------------------------------- */

/** FMIN. @return The smaller number, -0 being below +0; the number when only one operand is one. */
uint64_t fp_min(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FMAX. @return The larger number, -0 being below +0; the number when only one operand is one. */
uint64_t fp_max(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FMINM. @return As fp_min(), but NaN when either operand is a NaN. */
uint64_t fp_minm(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FMAXM. @return As fp_max(), but NaN when either operand is a NaN. */
uint64_t fp_maxm(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FEQ: a == b, quiet; false with a NaN. */
bool fp_eq(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FLT: a < b, signalling; false with a NaN. @errors NV for any NaN. */
bool fp_lt(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FLE: a <= b, signalling; false with a NaN. @errors NV for any NaN. */
bool fp_le(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FLTQ: a < b, quiet; false with a NaN. */
bool fp_ltq(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FLEQ: a <= b, quiet; false with a NaN. */
bool fp_leq(struct fp_env *env, enum fp_format format, uint64_t a, uint64_t b);

/** FCLASS. @return Exactly one of bits 0 (-infinity) to 9 (quiet NaN). Raises nothing. */
uint64_t fp_classify(enum fp_format format, uint64_t a);

/* -- fpu_convert.c: conversions ---------------------------------------------------------------- */

/**
 * FCVT.{W,WU,L,LU}.fmt: a rounded to an integer of @p bits bits.
 * @param bits  32 or 64.
 * @return      Sign-extended from @p bits to 64 bits, unsigned results too, as the registers want
 *              it. The nearest end of the range when out of it; the upper end for NaN.
 * @errors      NV when out of range after rounding, and for any NaN; else NX.
 */
uint64_t fp_to_int(struct fp_env *env, enum fp_format format, uint64_t a, bool is_signed,
                   unsigned bits);

/**
 * FCVT.fmt.{W,WU,L,LU}: the integer in the low @p bits bits of @p value. Zero gives +0.
 * @param bits  32 or 64; with 32 the upper half of value is ignored.
 * @errors      NX; to half precision also OF.
 */
uint64_t fp_from_int(struct fp_env *env, enum fp_format format, uint64_t value, bool is_signed,
                     unsigned bits);

/** FCVT between formats; widening is exact. @errors OF, UF, NX. */
uint64_t fp_convert(struct fp_env *env, enum fp_format from, enum fp_format to, uint64_t a);

/**
 * FROUND, or FROUNDNX when @p exact: a rounded to an integral number of the same format and sign.
 * @errors NX only when exact and the result differs from a.
 */
uint64_t fp_round_int(struct fp_env *env, enum fp_format format, uint64_t a, bool exact);

/**
 * FCVTMOD.W.D: double @p a truncated, modulo 2^32, whatever env->round is.
 * @return Sign-extended from 32 bits; 0 for infinities and NaN.
 * @errors Those of fp_to_int() to a signed 32-bit integer, truncating.
 */
uint64_t fp_cvtmod(struct fp_env *env, uint64_t a);

/** FLI: constant @p index, in [0, 31], of the table in chapter Zfa. Raises nothing. */
uint64_t fp_load_immediate(enum fp_format format, unsigned index);

#endif
