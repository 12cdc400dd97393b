/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atomics, reservations, cache blocks.
 *
 * Harts take turns on one host thread, so an atomic is a load and a store. What it needs besides is
 * alignment, which the TLB's tag checks in passing, and for a reservation the physical line, which
 * follows from the host address: RAM is one piece in both. That nobody else's reservation is missed
 * is the TLB's affair: pages with reservations of other harts are never writable in it. */
#include "jit/emit.h"

enum { LINE_MASK = -CACHE_LINE_BYTES };

/** @p to = the line that host address RAX lies in. */
static void emit_line(struct emit *e, enum x64_reg to) {
    const struct ram *ram = e->region->ram;
    x64_mov_ri(e->x, to, ram->base - (uint64_t)(uintptr_t)ram->bytes);
    x64_alu_rr(e->x, X64_ADD, 8, to, RAX);
    x64_alu_ri(e->x, X64_AND, 8, to, LINE_MASK);
}

/** @p to = the old value, sign-extended. */
static void emit_old(struct emit *e, enum x64_reg to) {
    if (e->ir->size == 4) {
        x64_movsx_rm(e->x, 4, to, x64_at(RAX, 0));
    } else {
        x64_mov_rm(e->x, 8, to, x64_at(RAX, 0));
    }
}

/** Closes with the result in RCX, unless nobody wants it. */
static void close_atomic(struct emit *e, struct detour *miss) {
    if (e->ir->rd < 32) {
        put(e, RCX);
    }
    x64_bind(e->x, &miss->back);
}

static void emit_lr(struct emit *e) {
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_READ, true, miss));
    emit_line(e, RDX);
    x64_mov_mr(e->x, 8, x64_at(RBP, offsetof(struct hart, reservation)), RDX);
    x64_mov_mi(e->x, 1, x64_at(RBP, offsetof(struct hart, reserved)), 1);
    emit_old(e, RCX);
    close_atomic(e, miss);
}

static void emit_sc(struct emit *e) {
    struct x64 *x = e->x;
    struct detour *miss = detour(e);
    struct x64_label fails = {0};
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, miss));
    emit_line(e, RDX);
    x64_mov_ri(x, RCX, 1);
    x64_alu_rm(x, X64_CMP, 8, RDX, x64_at(RBP, offsetof(struct hart, reservation)));
    x64_jcc(x, X64_NE, &fails);
    x64_alu_mi(x, X64_CMP, 1, x64_at(RBP, offsetof(struct hart, reserved)), 0);
    x64_jcc(x, X64_E, &fails);
    x64_mov_mr(x, e->ir->size, x64_at(RAX, 0), use(e, e->ir->rb, RDX));
    x64_mov_ri(x, RCX, 0);
    x64_bind(x, &fails);
    x64_mov_mi(x, 1, x64_at(RBP, offsetof(struct hart, reserved)), 0);
    close_atomic(e, miss);
}

static void emit_swap(struct emit *e) {
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, miss));
    emit_old(e, RCX);
    x64_mov_mr(e->x, e->ir->size, x64_at(RAX, 0), use(e, e->ir->rb, RDX));
    close_atomic(e, miss);
}

static void emit_fetch_op(struct emit *e, enum x64_alu op) {
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, miss));
    emit_old(e, RCX);
    fetch(e, e->ir->rb, RDX);
    x64_alu_mr(e->x, op, e->ir->size, x64_at(RAX, 0), RDX);
    close_atomic(e, miss);
}

/** The old value stays when old @p stays rb. */
static void emit_fetch_choice(struct emit *e, enum x64_cond stays) {
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, miss));
    emit_old(e, RCX);
    fetch(e, e->ir->rb, RDX);
    x64_alu_rr(e->x, X64_CMP, e->ir->size, RCX, RDX);
    x64_cmov(e->x, stays, e->ir->size, RDX, RCX);
    x64_mov_mr(e->x, e->ir->size, x64_at(RAX, 0), RDX);
    close_atomic(e, miss);
}

static void emit_zero(struct emit *e) {
    struct x64 *x = e->x;
    struct detour *rare = detour(e);
    x64_alu_mi(x, X64_CMP, 1, x64_at(RBP, offsetof(struct hart, zeroes_blocks)), 0);
    x64_jcc(x, X64_E, &rare->there);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, rare));
    x64_alu_ri(x, X64_AND, 8, RAX, LINE_MASK);
    for (unsigned at_bytes = 0; at_bytes < CACHE_LINE_BYTES; at_bytes += 8) {
        x64_mov_mi(x, 8, x64_at(RAX, (int32_t)at_bytes), 0);
    }
    x64_bind(x, &rare->back);
}

void emit_atomic(struct emit *e) {
    switch ((enum ir_op)e->ir->op) {
    case IR_zero:
        emit_zero(e);
        break;
    case IR_lr:
        emit_lr(e);
        break;
    case IR_sc:
        emit_sc(e);
        break;
    case IR_swap:
        emit_swap(e);
        break;
    case IR_fetchadd:
        emit_fetch_op(e, X64_ADD);
        break;
    case IR_fetchxor:
        emit_fetch_op(e, X64_XOR);
        break;
    case IR_fetchand:
        emit_fetch_op(e, X64_AND);
        break;
    case IR_fetchor:
        emit_fetch_op(e, X64_OR);
        break;
    case IR_fetchmin:
        emit_fetch_choice(e, X64_L);
        break;
    case IR_fetchmax:
        emit_fetch_choice(e, X64_G);
        break;
    case IR_fetchminu:
        emit_fetch_choice(e, X64_B);
        break;
    default:
        emit_fetch_choice(e, X64_A);
        break;
    }
}
