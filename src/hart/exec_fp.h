/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of floating-point instructions: F, D, Zfh, Zfa. Included by interp.c. */
#ifndef HART_EXEC_FP_H
#define HART_EXEC_FP_H

#include "hart/exec.h"
#include "hart/fpu.h"

/* -- Registers, boxing, state ------------------------------------------------------------------ */

/* A block replaces rd of x0 by X_SINK; for an f register that is 0 again. */
enum { F_MASK = 31 };

static inline bool exec_fp_off(const struct hart *hart) {
    return (hart->mstatus & MSTATUS_FS) == 0;
}

/** Value of an f register as @p format: anything not properly boxed is the canonical NaN. */
static inline uint64_t exec_fp_get(const struct hart *hart, unsigned number,
                                   enum fp_format format) {
    uint64_t value = hart->f[number];
    switch (format) {
    case FP_HALF:
        return value >> 16 == UINT64_MAX >> 16 ? (uint16_t)value : 0x7e00;
    case FP_SINGLE:
        return value >> 32 == UINT32_MAX ? (uint32_t)value : 0x7fc00000;
    default:
        return value;
    }
}

/** Writes an f register, boxed. */
static inline void exec_fp_set(struct hart *hart, unsigned number, enum fp_format format,
                               uint64_t value) {
    static const uint64_t box[] = {UINT64_MAX << 16, UINT64_MAX << 32, 0};
    hart->f[number & F_MASK] = value | box[format];
    hart->mstatus |= MSTATUS_FS;
}

/** Accrues exceptions; only a change makes the state dirty. */
static inline void exec_fp_accrue(struct hart *hart, const struct fp_env *env) {
    if ((env->flags | hart->fflags) != hart->fflags) {
        hart->fflags |= env->flags;
        hart->mstatus |= MSTATUS_FS;
    }
}

/** Environment for an instruction with a rounding-mode field. @return false: illegal. */
static inline bool exec_fp_env(const struct hart *hart, const struct insn *insn,
                               struct fp_env *env) {
    unsigned round;
    if (exec_fp_off(hart) || !fp_round_mode(hart, insn->rm, &round)) {
        return false;
    }
    *env = (struct fp_env){.round = (enum fp_round)round, .flags = hart->fflags};
    return true;
}

/* -- Shapes of bodies
 * ---------------------------------------------------------------------------------- a, b, c are
 * rs1, rs2, rs3 in format `from`; env is at hand. ROUNDED bodies have a rm field, the others
 * none. */

#define FP_OPERANDS(from)                                                                          \
    const uint64_t a = exec_fp_get(hart, insn->rs1, from);                                         \
    const uint64_t b = exec_fp_get(hart, insn->rs2, from);                                         \
    const uint64_t c = exec_fp_get(hart, insn->rs3, from);                                         \
    (void)a, (void)b, (void)c;

#define FP_ROUNDED(name, from, to, expression)                                                     \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {              \
        struct fp_env env;                                                                         \
        if (unlikely(!exec_fp_env(hart, insn, &env))) {                                            \
            return exec_illegal(hart, insn);                                                       \
        }                                                                                          \
        FP_OPERANDS(from)                                                                          \
        exec_fp_set(hart, insn->rd, to, (expression));                                             \
        exec_fp_accrue(hart, &env);                                                                \
        return FLOW_NEXT;                                                                          \
    }

#define FP_PLAIN(name, from, to, expression)                                                       \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {              \
        struct fp_env env = {.round = FP_RNE, .flags = hart->fflags};                              \
        if (unlikely(exec_fp_off(hart))) {                                                         \
            return exec_illegal(hart, insn);                                                       \
        }                                                                                          \
        FP_OPERANDS(from)                                                                          \
        exec_fp_set(hart, insn->rd, to, (expression));                                             \
        exec_fp_accrue(hart, &env);                                                                \
        return FLOW_NEXT;                                                                          \
    }

#define FP_ROUNDED_TO_X(name, from, expression)                                                    \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {              \
        struct fp_env env;                                                                         \
        if (unlikely(!exec_fp_env(hart, insn, &env))) {                                            \
            return exec_illegal(hart, insn);                                                       \
        }                                                                                          \
        FP_OPERANDS(from)                                                                          \
        hart->x[insn->rd] = (expression);                                                          \
        exec_fp_accrue(hart, &env);                                                                \
        return FLOW_NEXT;                                                                          \
    }

#define FP_PLAIN_TO_X(name, from, expression)                                                      \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {              \
        struct fp_env env = {.round = FP_RTZ, .flags = hart->fflags};                              \
        if (unlikely(exec_fp_off(hart))) {                                                         \
            return exec_illegal(hart, insn);                                                       \
        }                                                                                          \
        FP_OPERANDS(from)                                                                          \
        hart->x[insn->rd] = (expression);                                                          \
        exec_fp_accrue(hart, &env);                                                                \
        return FLOW_NEXT;                                                                          \
    }

/* -- The same for each format: s is the suffix, f the format ----------------------------------- */

#define FP_FORMAT(s, f)                                                                            \
    FP_ROUNDED(fmadd_##s, f, f, fp_fma(&env, f, a, b, c))                                          \
    FP_ROUNDED(fmsub_##s, f, f, fp_fma(&env, f, a, b, c ^ fp_sign_mask(f)))                        \
    FP_ROUNDED(fnmsub_##s, f, f, fp_fma(&env, f, a ^ fp_sign_mask(f), b, c))                       \
    FP_ROUNDED(fnmadd_##s, f, f, fp_fma(&env, f, a ^ fp_sign_mask(f), b, c ^ fp_sign_mask(f)))     \
    FP_ROUNDED(fadd_##s, f, f, fp_add(&env, f, a, b))                                              \
    FP_ROUNDED(fsub_##s, f, f, fp_sub(&env, f, a, b))                                              \
    FP_ROUNDED(fmul_##s, f, f, fp_mul(&env, f, a, b))                                              \
    FP_ROUNDED(fdiv_##s, f, f, fp_div(&env, f, a, b))                                              \
    FP_ROUNDED(fsqrt_##s, f, f, fp_sqrt(&env, f, a))                                               \
    FP_PLAIN(fsgnj_##s, f, f, (a & ~fp_sign_mask(f)) | (b & fp_sign_mask(f)))                      \
    FP_PLAIN(fsgnjn_##s, f, f, (a & ~fp_sign_mask(f)) | (~b & fp_sign_mask(f)))                    \
    FP_PLAIN(fsgnjx_##s, f, f, a ^ (b & fp_sign_mask(f)))                                          \
    FP_PLAIN(fmin_##s, f, f, fp_min(&env, f, a, b))                                                \
    FP_PLAIN(fmax_##s, f, f, fp_max(&env, f, a, b))                                                \
    FP_PLAIN(fminm_##s, f, f, fp_minm(&env, f, a, b))                                              \
    FP_PLAIN(fmaxm_##s, f, f, fp_maxm(&env, f, a, b))                                              \
    FP_ROUNDED(fround_##s, f, f, fp_round_int(&env, f, a, false))                                  \
    FP_ROUNDED(froundnx_##s, f, f, fp_round_int(&env, f, a, true))                                 \
    FP_PLAIN(fli_##s, f, f, fp_load_immediate(f, insn->rs1))                                       \
    FP_PLAIN_TO_X(feq_##s, f, fp_eq(&env, f, a, b))                                                \
    FP_PLAIN_TO_X(flt_##s, f, fp_lt(&env, f, a, b))                                                \
    FP_PLAIN_TO_X(fle_##s, f, fp_le(&env, f, a, b))                                                \
    FP_PLAIN_TO_X(fltq_##s, f, fp_ltq(&env, f, a, b))                                              \
    FP_PLAIN_TO_X(fleq_##s, f, fp_leq(&env, f, a, b))                                              \
    FP_PLAIN_TO_X(fclass_##s, f, fp_classify(f, a))                                                \
    FP_ROUNDED_TO_X(fcvt_w_##s, f, fp_to_int(&env, f, a, true, 32))                                \
    FP_ROUNDED_TO_X(fcvt_wu_##s, f, fp_to_int(&env, f, a, false, 32))                              \
    FP_ROUNDED_TO_X(fcvt_l_##s, f, fp_to_int(&env, f, a, true, 64))                                \
    FP_ROUNDED_TO_X(fcvt_lu_##s, f, fp_to_int(&env, f, a, false, 64))                              \
    FP_ROUNDED(fcvt_##s##_w, f, f, fp_from_int(&env, f, hart->x[insn->rs1], true, 32))             \
    FP_ROUNDED(fcvt_##s##_wu, f, f, fp_from_int(&env, f, hart->x[insn->rs1], false, 32))           \
    FP_ROUNDED(fcvt_##s##_l, f, f, fp_from_int(&env, f, hart->x[insn->rs1], true, 64))             \
    FP_ROUNDED(fcvt_##s##_lu, f, f, fp_from_int(&env, f, hart->x[insn->rs1], false, 64))

FP_FORMAT(h, FP_HALF)
FP_FORMAT(s, FP_SINGLE)
FP_FORMAT(d, FP_DOUBLE)

/* -- Between formats and registers ------------------------------------------------------------- */

FP_ROUNDED(fcvt_s_d, FP_DOUBLE, FP_SINGLE, fp_convert(&env, FP_DOUBLE, FP_SINGLE, a))
FP_ROUNDED(fcvt_d_s, FP_SINGLE, FP_DOUBLE, fp_convert(&env, FP_SINGLE, FP_DOUBLE, a))
FP_ROUNDED(fcvt_s_h, FP_HALF, FP_SINGLE, fp_convert(&env, FP_HALF, FP_SINGLE, a))
FP_ROUNDED(fcvt_h_s, FP_SINGLE, FP_HALF, fp_convert(&env, FP_SINGLE, FP_HALF, a))
FP_ROUNDED(fcvt_d_h, FP_HALF, FP_DOUBLE, fp_convert(&env, FP_HALF, FP_DOUBLE, a))
FP_ROUNDED(fcvt_h_d, FP_DOUBLE, FP_HALF, fp_convert(&env, FP_DOUBLE, FP_HALF, a))
FP_PLAIN_TO_X(fcvtmod_w_d, FP_DOUBLE, fp_cvtmod(&env, a))
FP_PLAIN_TO_X(fmv_x_h, FP_HALF, (uint64_t)(int64_t)(int16_t)(uint16_t)hart->f[insn->rs1])
FP_PLAIN_TO_X(fmv_x_w, FP_SINGLE, (uint64_t)(int64_t)(int32_t)(uint32_t)hart->f[insn->rs1])
FP_PLAIN_TO_X(fmv_x_d, FP_DOUBLE, hart->f[insn->rs1])
FP_PLAIN(fmv_h_x, FP_HALF, FP_HALF, (uint16_t)hart->x[insn->rs1])
FP_PLAIN(fmv_w_x, FP_SINGLE, FP_SINGLE, (uint32_t)hart->x[insn->rs1])
FP_PLAIN(fmv_d_x, FP_DOUBLE, FP_DOUBLE, hart->x[insn->rs1])

/* -- Loads and stores -------------------------------------------------------------------------- */

static inline enum flow exec_fp_load(struct hart *hart, const struct insn *insn,
                                     enum fp_format format) {
    if (unlikely(exec_fp_off(hart))) {
        return exec_illegal(hart, insn);
    }
    uint64_t value;
    enum flow flow = exec_load(hart, insn, 2U << format, &value);
    if (likely(flow != FLOW_TRAP)) {
        exec_fp_set(hart, insn->rd, format, value);
    }
    return flow;
}

static inline enum flow exec_fp_store(struct hart *hart, const struct insn *insn,
                                      enum fp_format format) {
    if (unlikely(exec_fp_off(hart))) {
        return exec_illegal(hart, insn);
    }
    return exec_store(hart, insn, 2U << format, hart->f[insn->rs2]);
}

static inline enum flow exec_flh(struct hart *hart, const struct insn *insn) {
    return exec_fp_load(hart, insn, FP_HALF);
}

static inline enum flow exec_flw(struct hart *hart, const struct insn *insn) {
    return exec_fp_load(hart, insn, FP_SINGLE);
}

static inline enum flow exec_fld(struct hart *hart, const struct insn *insn) {
    return exec_fp_load(hart, insn, FP_DOUBLE);
}

static inline enum flow exec_fsh(struct hart *hart, const struct insn *insn) {
    return exec_fp_store(hart, insn, FP_HALF);
}

static inline enum flow exec_fsw(struct hart *hart, const struct insn *insn) {
    return exec_fp_store(hart, insn, FP_SINGLE);
}

static inline enum flow exec_fsd(struct hart *hart, const struct insn *insn) {
    return exec_fp_store(hart, insn, FP_DOUBLE);
}

#undef FP_OPERANDS
#undef FP_ROUNDED
#undef FP_PLAIN
#undef FP_ROUNDED_TO_X
#undef FP_PLAIN_TO_X
#undef FP_FORMAT

#endif
