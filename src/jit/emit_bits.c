/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bit operations that take more than one of the host's instructions, or an optional one. */
#include "jit/emit.h"

/** rd = bits of ra counted; the host's instructions give the width for 0, as RISC-V's do. */
static void emit_scan(struct emit *e, enum x64_scan op) {
    x64_scan(e->x, op, e->ir->size, RAX, use(e, e->ir->ra, RAX));
    put(e, RAX);
}

/** Bytes are compared with 0, and the outcome inverted. */
static void emit_or_combine(struct emit *e) {
    x64_mov_xr(e->x, 8, XMM0, use(e, e->ir->ra, RAX));
    x64_logic_xx(e->x, X64_XORPS, XMM1, XMM1);
    x64_pcmpeqb(e->x, XMM0, XMM1);
    x64_mov_rx(e->x, 8, RAX, XMM0);
    x64_unary(e->x, X64_NOT, 8, RAX);
    put(e, RAX);
}

static void emit_carryless(struct emit *e) {
    const struct ir *ir = e->ir;
    x64_mov_xr(e->x, 8, XMM0, use(e, ir->ra, RAX));
    x64_mov_xr(e->x, 8, XMM1, use(e, ir->rb, RAX));
    x64_pclmulqdq(e->x, XMM0, XMM1, 0);
    if (ir->op == IR_clmul) {
        x64_mov_rx(e->x, 8, RAX, XMM0);
        put(e, RAX);
        return;
    }
    x64_movaps_xx(e->x, XMM1, XMM0);
    x64_punpckhqdq(e->x, XMM1, XMM1);
    x64_mov_rx(e->x, 8, RAX, XMM1);
    if (ir->op == IR_clmulr) {
        x64_mov_rx(e->x, 8, RDX, XMM0);
        x64_shift_ri(e->x, X64_SHR, 8, RDX, 63);
        x64_lea(e->x, 8, RAX, x64_at_index(RDX, RAX, 2, 0));
    }
    put(e, RAX);
}

void emit_bits(struct emit *e) {
    switch ((enum ir_op)e->ir->op) {
    case IR_ctz:
        emit_scan(e, X64_TZCNT);
        break;
    case IR_clz:
        emit_scan(e, X64_LZCNT);
        break;
    case IR_cpop:
        emit_scan(e, X64_POPCNT);
        break;
    case IR_orcb:
        emit_or_combine(e);
        break;
    default:
        emit_carryless(e);
        break;
    }
}
