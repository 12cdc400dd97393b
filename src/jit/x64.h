/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes x86-64 instructions into a buffer: the only place that knows their bytes. Private to jit/.
 *
 * Names are Intel's mnemonics and operands stand in Intel's order, the destination first. Letters
 * behind a name tell the kinds of its operands: r general register, x XMM register, m memory,
 * i immediate, c the register CL. `size` is the operand's width in bytes: 1, 2, 4 or 8 where
 * nothing else is said; results of 4 bytes clear the upper half of a general register, results of
 * 1 and 2 leave the rest as it was. Values in the enums are those of the encoding. Each instruction
 * comes in its shortest form that has this effect; none but those that have to touches the flags.
 *
 * @spec Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2 */
#ifndef JIT_X64_H
#define JIT_X64_H

#include "base/base.h"

enum x64_reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    X64_NONE /* only in struct x64_mem */
};

enum x64_xmm {
    XMM0,
    XMM1,
    XMM2,
    XMM3,
    XMM4,
    XMM5,
    XMM6,
    XMM7,
    XMM8,
    XMM9,
    XMM10,
    XMM11,
    XMM12,
    XMM13,
    XMM14,
    XMM15
};

/** Conditions; neighbours are each other's opposites. */
enum x64_cond {
    X64_O,
    X64_NO,
    X64_B,
    X64_AE,
    X64_E,
    X64_NE,
    X64_BE,
    X64_A,
    X64_S,
    X64_NS,
    X64_P,
    X64_NP,
    X64_L,
    X64_GE,
    X64_LE,
    X64_G
};

enum x64_alu { X64_ADD, X64_OR, X64_ADC, X64_SBB, X64_AND, X64_SUB, X64_XOR, X64_CMP };
enum x64_shift { X64_ROL = 0, X64_ROR = 1, X64_SHL = 4, X64_SHR = 5, X64_SAR = 7 };
enum x64_unary { X64_NOT = 2, X64_NEG, X64_MUL, X64_IMUL, X64_DIV, X64_IDIV };
enum x64_bit { X64_BT = 4, X64_BTS, X64_BTR, X64_BTC };
enum x64_scan { X64_BSF, X64_BSR, X64_TZCNT, X64_LZCNT, X64_POPCNT };

/** Scalar floating point: ...SS or ...SD by size. */
enum x64_fp {
    X64_SQRTS = 0x51,
    X64_ADDS = 0x58,
    X64_MULS = 0x59,
    X64_SUBS = 0x5c,
    X64_MINS = 0x5d,
    X64_DIVS = 0x5e,
    X64_MAXS = 0x5f
};

/** Bitwise on all 128 bits. */
enum x64_logic { X64_ANDPS = 0x54, X64_ANDNPS, X64_ORPS, X64_XORPS };

/** base + index * scale + disp. */
struct x64_mem {
    uint8_t base, index; /* enum x64_reg; X64_NONE = left out; index never RSP */
    uint8_t scale;       /* 1, 2, 4 or 8 */
    int32_t disp;        /* without base: an address in the lowest or highest 2 GiB */
};

/**
 * A buffer that instructions are appended to. Whatever does not fit is dropped and sets `full`; the
 * caller looks once at the end and throws the code away. The last 7 bytes may stay unused, and
 * bytes from `at` on may be overwritten.
 */
struct x64 {
    uint8_t *start, *at, *end;
    bool full;
};

/**
 * A place in the code; fresh when all zero. Until it is bound, the distance fields of instructions
 * that refer to it form a chain: each holds how far back the one before lies, 0 in the first.
 */
struct x64_label {
    uint8_t *at;   /* the place; NULL = not bound yet */
    uint8_t *last; /* last field of the chain; NULL = none */
};

/** What this host's processor and system support beyond SSE2. */
struct x64_features {
    bool x64; /* the host is one at all */
    bool sse41, popcnt, lzcnt, bmi1, bmi2, pclmulqdq;
    bool fma; /* with AVX state kept by the system */
};

/** Asks the processor. All false on a host that is no x86-64. */
struct x64_features x64_features_read(void);

static inline struct x64 x64_into(uint8_t *start, size_t size_bytes) {
    return (struct x64){start, start, start + size_bytes, false};
}

/** Operand [base + disp]. */
static inline struct x64_mem x64_at(enum x64_reg base, int32_t disp) {
    return (struct x64_mem){(uint8_t)base, X64_NONE, 1, disp};
}

/** Operand [base + index * scale + disp]. */
static inline struct x64_mem x64_at_index(enum x64_reg base, enum x64_reg index, unsigned scale,
                                          int32_t disp) {
    return (struct x64_mem){(uint8_t)base, (uint8_t)index, (uint8_t)scale, disp};
}

static inline enum x64_cond x64_cond_not(enum x64_cond cond) {
    return (enum x64_cond)(cond ^ 1);
}

/* -- Moves ------------------------------------------------------------------------------------- */

/** Zero-extends the low @p size bytes to 64 bits: mov or movzx. */
void x64_mov_rr(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from);
/** All 64 bits, in 5, 7 or 10 bytes of code. */
void x64_mov_ri(struct x64 *x, enum x64_reg to, uint64_t value);
/** Loads @p size bytes, zero-extended to 64 bits: mov or movzx. */
void x64_mov_rm(struct x64 *x, unsigned size, enum x64_reg to, struct x64_mem from);
/** Stores the low @p size bytes. */
void x64_mov_mr(struct x64 *x, unsigned size, struct x64_mem to, enum x64_reg from);
/** Stores the low @p size bytes of the sign-extended @p value. */
void x64_mov_mi(struct x64 *x, unsigned size, struct x64_mem to, int32_t value);
/** Sign-extends the low @p size bytes (1, 2, 4) to 64 bits: movsx or movsxd. */
void x64_movsx_rr(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from);
/** Loads @p size bytes (1, 2, 4), sign-extended to 64 bits. */
void x64_movsx_rm(struct x64 *x, unsigned size, enum x64_reg to, struct x64_mem from);
/** The operand's address; size 4 or 8. */
void x64_lea(struct x64 *x, unsigned size, enum x64_reg to, struct x64_mem from);
/** The label's address, wherever the code runs. */
void x64_lea_label(struct x64 *x, enum x64_reg to, struct x64_label *label);
/** Moves if @p cond holds; size 2, 4 or 8. With size 4 the upper half is cleared in any case. */
void x64_cmov(struct x64 *x, enum x64_cond cond, unsigned size, enum x64_reg to, enum x64_reg from);
/** The low byte becomes 1 if @p cond holds, else 0. */
void x64_set(struct x64 *x, enum x64_cond cond, enum x64_reg to);
void x64_push(struct x64 *x, enum x64_reg from);
void x64_pop(struct x64 *x, enum x64_reg to);

/* -- Arithmetic -------------------------------------------------------------------------------- */

void x64_alu_rr(struct x64 *x, enum x64_alu op, unsigned size, enum x64_reg to, enum x64_reg from);
/** @param value  Sign-extended to @p size, or its low bytes. */
void x64_alu_ri(struct x64 *x, enum x64_alu op, unsigned size, enum x64_reg to, int32_t value);
void x64_alu_rm(struct x64 *x, enum x64_alu op, unsigned size, enum x64_reg to,
                struct x64_mem from);
void x64_alu_mr(struct x64 *x, enum x64_alu op, unsigned size, struct x64_mem to,
                enum x64_reg from);
/** @param value  Sign-extended to @p size, or its low bytes. */
void x64_alu_mi(struct x64 *x, enum x64_alu op, unsigned size, struct x64_mem to, int32_t value);
void x64_test_rr(struct x64 *x, unsigned size, enum x64_reg a, enum x64_reg b);
void x64_test_ri(struct x64 *x, unsigned size, enum x64_reg a, int32_t value);
void x64_test_mi(struct x64 *x, unsigned size, struct x64_mem a, int32_t value);
/** not, neg; mul, imul, div, idiv of RDX:RAX (AX if size is 1) by @p reg. */
void x64_unary(struct x64 *x, enum x64_unary op, unsigned size, enum x64_reg reg);
/** Low half of the product; size 2, 4 or 8. */
void x64_imul_rr(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from);
/** to = from * value; size 2, 4 or 8. */
void x64_imul_rri(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from, int32_t value);
/** Fills RDX with RAX's sign: cdq (size 4) or cqo (size 8). */
void x64_cqo(struct x64 *x, unsigned size);

/* -- Shifts and bits --------------------------------------------------------------------------- */

/** @param count  [bits] in [0, 8 * size). */
void x64_shift_ri(struct x64 *x, enum x64_shift op, unsigned size, enum x64_reg to, unsigned count);
/** By CL modulo 64 (size 8) or 32. Leaves the flags alone when that is 0. */
void x64_shift_rc(struct x64 *x, enum x64_shift op, unsigned size, enum x64_reg to);
/** BMI2; size 4 or 8; by @p count modulo 8 * size; no flags. */
void x64_shlx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from, enum x64_reg count);
void x64_shrx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from, enum x64_reg count);
void x64_sarx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from, enum x64_reg count);
/** BMI2; rotates right; size 4 or 8; no flags. */
void x64_rorx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from, unsigned count);
/** BMI1; to = ~inverted & other; size 4 or 8. */
void x64_andn(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg inverted,
              enum x64_reg other);
/** Reverses the bytes; size 4 or 8. */
void x64_bswap(struct x64 *x, unsigned size, enum x64_reg reg);
/** Size 4 or 8. bsf and bsr of zero leave @p to as it was; tzcnt (BMI1), lzcnt, popcnt are
 * features of the processor. */
void x64_scan(struct x64 *x, enum x64_scan op, unsigned size, enum x64_reg to, enum x64_reg from);
/** CF = the bit; then bt leaves it, bts sets, btr clears, btc flips it. Size 2, 4 or 8; the index
 * is taken modulo 8 * size. */
void x64_bit_rr(struct x64 *x, enum x64_bit op, unsigned size, enum x64_reg to, enum x64_reg idx);
void x64_bit_ri(struct x64 *x, enum x64_bit op, unsigned size, enum x64_reg to, unsigned idx);

/* -- Atomics ----------------------------------------------------------------------------------- */

/** Makes the next instruction atomic: alu_mr and alu_mi but for cmp, xadd, cmpxchg. */
void x64_lock(struct x64 *x);
void x64_xchg_rr(struct x64 *x, unsigned size, enum x64_reg a, enum x64_reg b);
/** Atomic as it is. */
void x64_xchg_mr(struct x64 *x, unsigned size, struct x64_mem mem, enum x64_reg reg);
/** mem += reg; reg = what mem was. */
void x64_xadd_mr(struct x64 *x, unsigned size, struct x64_mem mem, enum x64_reg reg);
/** If mem is RAX: mem = reg, ZF = 1; else RAX = mem, ZF = 0. */
void x64_cmpxchg_mr(struct x64 *x, unsigned size, struct x64_mem mem, enum x64_reg reg);

/* -- Jumps ------------------------------------------------------------------------------------- */

/** The label is here from now on; completes what referred to it. */
void x64_bind(struct x64 *x, struct x64_label *label);
/** A label that is bound to code made before, at most 2 GiB from the jumps that use it. @p place in
 * the view that is written. */
static inline struct x64_label x64_label_at(uint8_t *place) {
    return (struct x64_label){place, NULL};
}

void x64_jmp(struct x64 *x, struct x64_label *label);
void x64_jcc(struct x64 *x, enum x64_cond cond, struct x64_label *label);
void x64_call(struct x64 *x, struct x64_label *label);
/** To the address in the register or in memory. */
void x64_jmp_r(struct x64 *x, enum x64_reg target);
void x64_jmp_m(struct x64 *x, struct x64_mem target);
void x64_call_r(struct x64 *x, enum x64_reg target);
void x64_call_m(struct x64 *x, struct x64_mem target);
void x64_ret(struct x64 *x);

/**
 * A jump that x64_jmp_patch may redirect: its distance field lies on 4 bytes, by no-operations
 * before it.
 * @return  The field, in the view that is written. Void when the buffer is full.
 */
uint8_t *x64_jmp_patchable(struct x64 *x, struct x64_label *label);

/**
 * Redirects a jump to @p target, in one store that other threads see as a whole.
 * @param field   From x64_jmp_patchable. Both addresses in the view that is written.
 * @thread        Any; code that runs at the time takes the old or the new way.
 */
void x64_jmp_patch(uint8_t *field, const uint8_t *target);

/** Instructions of @p count_bytes in all that do nothing, as few as there can be. */
void x64_nop(struct x64 *x, size_t count_bytes);
/** Pads with x64_nop. @param bytes  A power of two. */
void x64_align(struct x64 *x, size_t bytes);
/** Raises an invalid-opcode exception. */
void x64_ud2(struct x64 *x);

/* -- Floating point: size 4 = single, 8 = double ----------------------------------------------- */

/** All 128 bits. */
void x64_movaps_xx(struct x64 *x, enum x64_xmm to, enum x64_xmm from);
/** Replaces the low @p size bytes. */
void x64_movs_xx(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm from);
/** Loads @p size bytes and clears the others. */
void x64_movs_xm(struct x64 *x, unsigned size, enum x64_xmm to, struct x64_mem from);
void x64_movs_mx(struct x64 *x, unsigned size, struct x64_mem to, enum x64_xmm from);
/** Bits of a general register; clears the others: movd or movq. */
void x64_mov_xr(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_reg from);
void x64_mov_rx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_xmm from);

void x64_fp_xx(struct x64 *x, enum x64_fp op, unsigned size, enum x64_xmm to, enum x64_xmm from);
void x64_fp_xm(struct x64 *x, enum x64_fp op, unsigned size, enum x64_xmm to, struct x64_mem from);
void x64_logic_xx(struct x64 *x, enum x64_logic op, enum x64_xmm to, enum x64_xmm from);
/** Memory of 16 bytes on an address that 16 divides. */
void x64_logic_xm(struct x64 *x, enum x64_logic op, enum x64_xmm to, struct x64_mem from);
/** Compare into ZF, PF, CF; unordered sets all three. comis raises invalid for quiet NaNs too. */
void x64_ucomis(struct x64 *x, unsigned size, enum x64_xmm a, enum x64_xmm b);
void x64_comis(struct x64 *x, unsigned size, enum x64_xmm a, enum x64_xmm b);
/** FMA; to = ±(a * b) ± to, rounded once: a*b + to, a*b - to, -(a*b) + to, -(a*b) - to. */
void x64_fmadd231(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b);
void x64_fmsub231(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b);
void x64_fnmadd231(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b);
void x64_fnmsub231(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b);
/** SSE4.1; to an integral value. @param mode  Bits 1:0 rounding as in MXCSR, bit 2: MXCSR's own,
 * bit 3: without the inexact flag. */
void x64_rounds(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm from, unsigned mode);

/** From a signed integer of @p int_size bytes (4, 8); the rest of @p to stays. */
void x64_cvtsi2s(struct x64 *x, unsigned int_size, unsigned size, enum x64_xmm to,
                 enum x64_reg from);
/** To a signed integer, rounded by MXCSR; what does not fit gives the lowest integer. */
void x64_cvts2si(struct x64 *x, unsigned int_size, unsigned size, enum x64_reg to,
                 enum x64_xmm from);
/** The same, rounded towards zero. */
void x64_cvtts2si(struct x64 *x, unsigned int_size, unsigned size, enum x64_reg to,
                  enum x64_xmm from);
/** From single to double (@p size 4) or from double to single (8); the rest of @p to stays. */
void x64_cvts2s(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm from);
/** Loads behind it are done after stores before it. */
void x64_mfence(struct x64 *x);
void x64_ldmxcsr(struct x64 *x, struct x64_mem from);
void x64_stmxcsr(struct x64 *x, struct x64_mem to);
/** Each byte becomes all ones where both are equal, else 0. */
void x64_pcmpeqb(struct x64 *x, enum x64_xmm to, enum x64_xmm from);
/** Upper halves: of @p to into its lower, of @p from into its upper half. */
void x64_punpckhqdq(struct x64 *x, enum x64_xmm to, enum x64_xmm from);
/** Carry-less product of two 64-bit halves. @param halves  Bit 0: upper one of @p to, bit 4: of
 * @p from. A feature of the processor. */
void x64_pclmulqdq(struct x64 *x, enum x64_xmm to, enum x64_xmm from, unsigned halves);

#endif
