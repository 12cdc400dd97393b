/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point operations on the host's unit, with RISC-V's results and flags.
 *
 * What makes a host operation the guest's:
 *
 * 1. It rounds as frm says, for MXCSR is given frm's mode whenever code is entered, and after each
 *    call of the interpreter, which alone can change it. So an instruction with a mode of its own
 *    looks whether frm is the same, one without whether frm is a mode the host has: ties away from
 *    zero, and what is reserved, are the interpreter's. Code itself never writes MXCSR.
 * 2. Exceptions gather in MXCSR and are added to fflags when somebody else may look: at each call
 *    of the interpreter and at each way back to C. Both machines detect tininess after rounding.
 * 3. A result that is a NaN is made again by the interpreter, which knows the canonical one; the
 *    host has raised invalid in no other case than RISC-V does, so the flags it left are right.
 * 4. A single is boxed; an operand that may not be is looked at.
 *
 * Along a block it is known that FS is on, once that was looked at, that it is dirty, and which
 * registers hold boxed singles, once something was written. That a look found frm or a box as
 * wanted is not known behind it: the detour of those that were not comes back there, too. */
#include <string.h>

#include "jit/emit.h"

enum { FS_BYTE = 1, FS_BITS = 0x60 }; /* mstatus.FS, bits 14:13 */

static struct x64_mem fs_at(void) {
    return x64_at(RBP, (int32_t)offsetof(struct hart, mstatus) + FS_BYTE);
}

static struct x64_mem box_at(unsigned number) {
    struct x64_mem at = float_at(number);
    at.disp += 4;
    return at;
}

static void want_on(struct emit *e, struct detour *off) {
    if (!e->float_on) {
        x64_test_mi(e->x, 1, fs_at(), FS_BITS);
        x64_jcc(e->x, X64_E, &off->there);
        e->float_on = true;
    }
}

static void want_rounding(struct emit *e, struct detour *other) {
    struct x64_mem frm = x64_at(RBP, offsetof(struct hart, frm));
    bool dynamic = e->ir->rounding == ROUND_DYNAMIC;
    x64_alu_mi(e->x, X64_CMP, 1, frm, dynamic ? ROUND_UP : e->ir->rounding);
    x64_jcc(e->x, dynamic ? X64_A : X64_NE, &other->there);
}

static void want_boxed(struct emit *e, unsigned number, struct detour *unboxed) {
    if (e->ir->size == 4 && (e->boxed >> number & 1) == 0) {
        x64_alu_mi(e->x, X64_CMP, 4, box_at(number), -1);
        x64_jcc(e->x, X64_NE, &unboxed->there);
    }
}

static void mark_dirty(struct emit *e) {
    if (!e->float_dirty) {
        x64_alu_mi(e->x, X64_OR, 1, fs_at(), FS_BITS);
        e->float_dirty = true;
    }
}

/** After the low @p size bytes of f[rd] have been written. */
static void close_float(struct emit *e, unsigned size) {
    unsigned rd = e->ir->rd;
    if (size == 4 && (e->boxed >> rd & 1) == 0) {
        x64_mov_mi(e->x, 4, box_at(rd), -1);
    }
    e->boxed = (e->boxed & ~((uint32_t)1 << rd)) | (uint32_t)(size == 4) << rd;
    mark_dirty(e);
}

static void put_float(struct emit *e, unsigned size, enum x64_xmm from) {
    x64_movs_mx(e->x, size, float_at(e->ir->rd), from);
    close_float(e, size);
}

static void not_a_number(struct emit *e, unsigned size, enum x64_xmm result, struct detour *nan) {
    x64_ucomis(e->x, size, result, result);
    x64_jcc(e->x, X64_P, &nan->there);
}

/** XMM0 and XMM1 = both operands of what rounds nothing. */
static void take_two(struct emit *e, struct detour *rare) {
    const struct ir *ir = e->ir;
    want_on(e, rare);
    want_boxed(e, ir->ra, rare);
    want_boxed(e, ir->rb, rare);
    x64_movs_xm(e->x, ir->size, XMM0, float_at(ir->ra));
    x64_movs_xm(e->x, ir->size, XMM1, float_at(ir->rb));
}

static void emit_arithmetic(struct emit *e, enum x64_fp op) {
    const struct ir *ir = e->ir;
    struct detour *rare = detour(e);
    want_on(e, rare);
    want_rounding(e, rare);
    want_boxed(e, ir->ra, rare);
    if (op == X64_SQRTS) {
        x64_fp_xm(e->x, op, ir->size, XMM0, float_at(ir->ra));
    } else {
        want_boxed(e, ir->rb, rare);
        x64_movs_xm(e->x, ir->size, XMM0, float_at(ir->ra));
        x64_fp_xm(e->x, op, ir->size, XMM0, float_at(ir->rb));
    }
    not_a_number(e, ir->size, XMM0, rare);
    put_float(e, ir->size, XMM0);
    x64_bind(e->x, &rare->back);
}

typedef void fused_fn(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a,
                      enum x64_xmm b);

static void emit_fused(struct emit *e, fused_fn *op) {
    const struct ir *ir = e->ir;
    struct detour *rare = detour(e);
    want_on(e, rare);
    want_rounding(e, rare);
    want_boxed(e, ir->ra, rare);
    want_boxed(e, ir->rb, rare);
    want_boxed(e, ir->rc, rare);
    x64_movs_xm(e->x, ir->size, XMM0, float_at(ir->rc));
    x64_movs_xm(e->x, ir->size, XMM1, float_at(ir->ra));
    x64_movs_xm(e->x, ir->size, XMM2, float_at(ir->rb));
    op(e->x, ir->size, XMM0, XMM1, XMM2);
    not_a_number(e, ir->size, XMM0, rare);
    put_float(e, ir->size, XMM0);
    x64_bind(e->x, &rare->back);
}

/* The host answers with its second operand where both are zeros, whatever their signs; so both are
 * asked in both orders, and the lesser zero is the one with a sign. A NaN is the interpreter's. */
static void emit_float_choice(struct emit *e, enum x64_fp op) {
    const struct ir *ir = e->ir;
    struct detour *rare = detour(e);
    take_two(e, rare);
    x64_ucomis(e->x, ir->size, XMM0, XMM1);
    x64_jcc(e->x, X64_P, &rare->there);
    x64_movaps_xx(e->x, XMM2, XMM0);
    x64_fp_xx(e->x, op, ir->size, XMM0, XMM1);
    x64_fp_xx(e->x, op, ir->size, XMM1, XMM2);
    x64_logic_xx(e->x, op == X64_MINS ? X64_ORPS : X64_ANDPS, XMM0, XMM1);
    put_float(e, ir->size, XMM0);
    x64_bind(e->x, &rare->back);
}

static void emit_sign(struct emit *e) {
    const struct ir *ir = e->ir;
    unsigned top = ir->size * 8U - 1;
    struct detour *rare = detour(e);
    want_on(e, rare);
    want_boxed(e, ir->ra, rare);
    want_boxed(e, ir->rb, rare);
    x64_mov_rm(e->x, ir->size, RAX, float_at(ir->ra));
    if (ir->op == IR_fsgnjx) {
        x64_mov_rm(e->x, ir->size, RDX, float_at(ir->rb));
        x64_shift_ri(e->x, X64_SHR, ir->size, RDX, top);
        x64_shift_ri(e->x, X64_SHL, ir->size, RDX, top);
        x64_alu_rr(e->x, X64_XOR, ir->size, RAX, RDX);
    } else if (ir->op == IR_fsgnjn || ir->ra != ir->rb) {
        x64_mov_rm(e->x, ir->size, RDX, float_at(ir->rb));
        if (ir->op == IR_fsgnjn) {
            x64_unary(e->x, X64_NOT, ir->size, RDX);
        }
        x64_shift_ri(e->x, X64_SHR, ir->size, RDX, top);
        x64_shift_ri(e->x, X64_SHL, ir->size, RDX, top);
        x64_bit_ri(e->x, X64_BTR, ir->size, RAX, top);
        x64_alu_rr(e->x, X64_OR, ir->size, RAX, RDX);
    }
    x64_mov_mr(e->x, ir->size, float_at(ir->rd), RAX);
    close_float(e, ir->size);
    x64_bind(e->x, &rare->back);
}

static void put_truth(struct emit *e, enum x64_cond cond) {
    x64_set(e->x, cond, RAX);
    x64_mov_rr(e->x, 1, RAX, RAX);
}

static void emit_float_compare(struct emit *e) {
    const struct ir *ir = e->ir;
    struct detour *rare = detour(e);
    take_two(e, rare);
    if (ir->op == IR_feq) {
        x64_ucomis(e->x, ir->size, XMM0, XMM1);
        x64_mov_ri(e->x, RDX, 0);
        put_truth(e, X64_E);
        x64_cmov(e->x, X64_P, 4, RAX, RDX); /* unordered */
    } else {
        x64_comis(e->x, ir->size, XMM1, XMM0);
        put_truth(e, ir->op == IR_flt ? X64_A : X64_AE);
    }
    if (ir->rd < 32) {
        put(e, RAX);
    }
    x64_bind(e->x, &rare->back);
}

static void emit_resize(struct emit *e) {
    const struct ir *ir = e->ir;
    unsigned from = ir->op == IR_fwiden ? 4 : 8;
    struct detour *rare = detour(e);
    want_on(e, rare);
    if (from == 4 && (e->boxed >> ir->ra & 1) == 0) {
        x64_alu_mi(e->x, X64_CMP, 4, box_at(ir->ra), -1);
        x64_jcc(e->x, X64_NE, &rare->there);
    }
    want_rounding(e, rare); /* widening rounds nothing, but traps when frm is reserved */
    x64_movs_xm(e->x, from, XMM1, float_at(ir->ra));
    x64_logic_xx(e->x, X64_XORPS, XMM0, XMM0);
    x64_cvts2s(e->x, from, XMM0, XMM1);
    not_a_number(e, ir->size, XMM0, rare);
    put_float(e, ir->size, XMM0);
    x64_bind(e->x, &rare->back);
}

/** Closes with an integer of @p bytes in RAX. */
static void put_integer(struct emit *e, unsigned bytes, struct detour *rare) {
    if (bytes == 4) {
        x64_movsx_rr(e->x, 4, RAX, RAX);
    }
    if (e->ir->rd < 32) {
        put(e, RAX);
    }
    x64_bind(e->x, &rare->back);
}

/* The host answers what does not fit with the lowest integer; that is looked at again. */
static void emit_to_integer(struct emit *e) {
    const struct ir *ir = e->ir;
    unsigned bytes = (unsigned)ir->imm;
    struct detour *rare = detour(e);
    want_on(e, rare);
    want_boxed(e, ir->ra, rare);
    if (ir->rounding == ROUND_TOWARDS_ZERO) {
        x64_movs_xm(e->x, ir->size, XMM0, float_at(ir->ra));
        x64_cvtts2si(e->x, bytes, ir->size, RAX, XMM0);
    } else {
        want_rounding(e, rare);
        x64_movs_xm(e->x, ir->size, XMM0, float_at(ir->ra));
        x64_cvts2si(e->x, bytes, ir->size, RAX, XMM0);
    }
    x64_mov_ri(e->x, RDX, (uint64_t)1 << (bytes * 8 - 1));
    x64_alu_rr(e->x, X64_CMP, bytes, RAX, RDX);
    x64_jcc(e->x, X64_E, &rare->there);
    put_integer(e, bytes, rare);
}

static void constant_float(struct emit *e, unsigned size, enum x64_xmm to, double value) {
    float single = (float)value;
    uint64_t bits = 0;
    memcpy(&bits, size == 4 ? (const void *)&single : (const void *)&value, size);
    x64_mov_ri(e->x, RAX, bits);
    x64_mov_xr(e->x, 8, to, RAX);
}

/* What fits, by the host's conversion to a signed integer of 8 bytes: more than -1, and less than
 * 2^32 or, as half of what would, 2^63. It is looked at before, as the host would call inexact what
 * is out of range to RISC-V. */
static void emit_to_unsigned(struct emit *e) {
    const struct ir *ir = e->ir;
    unsigned bytes = (unsigned)ir->imm;
    struct detour *rare = detour(e);
    want_on(e, rare);
    want_boxed(e, ir->ra, rare);
    x64_movs_xm(e->x, ir->size, XMM0, float_at(ir->ra));
    constant_float(e, ir->size, XMM1, bytes == 4 ? 0x1p32 : 0x1p63);
    x64_ucomis(e->x, ir->size, XMM1, XMM0);
    x64_jcc(e->x, X64_BE, &rare->there);
    constant_float(e, ir->size, XMM1, -1);
    x64_ucomis(e->x, ir->size, XMM0, XMM1);
    x64_jcc(e->x, X64_BE, &rare->there);
    x64_cvtts2si(e->x, 8, ir->size, RAX, XMM0);
    put_integer(e, bytes, rare);
}

static void emit_from_integer(struct emit *e) {
    const struct ir *ir = e->ir;
    struct detour *rare = detour(e);
    want_on(e, rare);
    want_rounding(e, rare); /* likewise where nothing is rounded */
    x64_logic_xx(e->x, X64_XORPS, XMM0, XMM0);
    x64_cvtsi2s(e->x, (unsigned)ir->imm, ir->size, XMM0, use(e, ir->ra, RAX));
    put_float(e, ir->size, XMM0);
    x64_bind(e->x, &rare->back);
}

/* As a signed integer of 8 bytes; what is none is the interpreter's. */
static void emit_from_unsigned(struct emit *e) {
    const struct ir *ir = e->ir;
    struct detour *rare = detour(e);
    want_on(e, rare);
    want_rounding(e, rare);
    x64_mov_rr(e->x, (unsigned)ir->imm, RAX, use(e, ir->ra, RAX));
    if (ir->imm == 8) {
        x64_test_rr(e->x, 8, RAX, RAX);
        x64_jcc(e->x, X64_S, &rare->there);
    }
    x64_logic_xx(e->x, X64_XORPS, XMM0, XMM0);
    x64_cvtsi2s(e->x, 8, ir->size, XMM0, RAX);
    put_float(e, ir->size, XMM0);
    x64_bind(e->x, &rare->back);
}

static void emit_move_to(struct emit *e) {
    struct detour *rare = detour(e);
    want_on(e, rare);
    x64_mov_mr(e->x, e->ir->size, float_at(e->ir->rd), use(e, e->ir->ra, RAX));
    close_float(e, e->ir->size);
    x64_bind(e->x, &rare->back);
}

static void emit_move_from(struct emit *e) {
    struct detour *rare = detour(e);
    want_on(e, rare);
    if (e->ir->size == 4) {
        x64_movsx_rm(e->x, 4, RAX, float_at(e->ir->ra));
    } else {
        x64_mov_rm(e->x, 8, RAX, float_at(e->ir->ra));
    }
    if (e->ir->rd < 32) {
        put(e, RAX);
    }
    x64_bind(e->x, &rare->back);
}

static void emit_fload(struct emit *e) {
    struct detour *rare = detour(e);
    want_on(e, rare);
    emit_float_load(e, rare);
    x64_mov_mr(e->x, e->ir->size, float_at(e->ir->rd), RAX);
    close_float(e, e->ir->size);
    x64_bind(e->x, &rare->back);
}

static void emit_fstore(struct emit *e) {
    struct detour *rare = detour(e);
    want_on(e, rare);
    emit_float_store(e, rare);
    x64_bind(e->x, &rare->back);
}

/* clang-format off */
void emit_float(struct emit *e) {
    switch ((enum ir_op)e->ir->op) {
    case IR_fload: emit_fload(e); break;
    case IR_fstore: emit_fstore(e); break;
    case IR_fadd: emit_arithmetic(e, X64_ADDS); break;
    case IR_fsub: emit_arithmetic(e, X64_SUBS); break;
    case IR_fmul: emit_arithmetic(e, X64_MULS); break;
    case IR_fdiv: emit_arithmetic(e, X64_DIVS); break;
    case IR_fsqrt: emit_arithmetic(e, X64_SQRTS); break;
    case IR_fmadd: emit_fused(e, x64_fmadd231); break;
    case IR_fmsub: emit_fused(e, x64_fmsub231); break;
    case IR_fnmsub: emit_fused(e, x64_fnmadd231); break;
    case IR_fnmadd: emit_fused(e, x64_fnmsub231); break;
    case IR_fsgnj:
    case IR_fsgnjn:
    case IR_fsgnjx: emit_sign(e); break;
    case IR_fmin: emit_float_choice(e, X64_MINS); break;
    case IR_fmax: emit_float_choice(e, X64_MAXS); break;
    case IR_feq:
    case IR_flt:
    case IR_fle: emit_float_compare(e); break;
    case IR_fwiden:
    case IR_fnarrow: emit_resize(e); break;
    case IR_fround_x: emit_to_integer(e); break;
    case IR_fround_ux: emit_to_unsigned(e); break;
    case IR_fcvt_x: emit_from_integer(e); break;
    case IR_fcvt_ux: emit_from_unsigned(e); break;
    case IR_fmove_to: emit_move_to(e); break;
    case IR_fmove_from: emit_move_from(e); break;
    default: break;
    }
}
/* clang-format on */
