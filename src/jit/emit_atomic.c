/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atomics, reservations, cache blocks.
 *
 * Each finds its bytes by the TLB, whose tag checks alignment in passing, and leaves what misses to
 * the interpreter. RAM is one piece on the host and in the guest, so the host address gives the
 * physical one. A page that the TLB allows to be written has no flags: nobody has to be told.
 *
 * Where harts take turns on one host thread, an atomic is a load and a store. That nobody else's
 * reservation is missed is the TLB's affair: pages with reservations of other harts are never
 * writable in it.
 *
 * Where harts run at the same time, memory is changed by the host's own atomics:
 *
 * 1. Add and swap are xadd and xchg. Where nobody wants the old value, add, and, or and xor are
 * locked forms of themselves. The rest is computed from what was read, and stored by a cmpxchg,
 * again and again until nobody came between.
 * 2. LR notes where and what it read, in the same fields as the interpreter, and SC is a cmpxchg of
 * that with the new value. So either engine may run either half.
 * 3. Locked operations are full fences, so aq and rl ask for no more. LR is a plain load, which
 * the host keeps before all that follows; that rl keeps it behind stores before it takes a fence of
 * its own (lift.c).
 *
 * Example: amomax.w a0, a1, (a2), with a1 in rsi and a0 in rdi, behind the look at the TLB:
 *
 *        lea rcx, [rcx + r8]
 *        mov eax, [rcx]
 * again: mov rdx, rsi
 *        cmp eax, edx
 *        cmovg edx, eax
 *        lock cmpxchg [rcx], edx        fails: eax is what stands there now
 *        jne again
 *        movsxd rax, eax
 *        mov rdi, rax
 *
 * Rejected: a lock around a load and a store, as no plain store of another hart would see it. */
#include "jit/emit.h"

enum { LINE_MASK = -CACHE_LINE_BYTES };

/** @p to = the physical address of host address @p at. */
static void emit_physical(struct emit *e, enum x64_reg to, enum x64_reg at) {
    const struct ram *ram = e->region->ram;
    x64_mov_ri(e->x, to, ram->base - (uint64_t)(uintptr_t)ram->bytes);
    x64_alu_rr(e->x, X64_ADD, 8, to, at);
}

/** Reserves the line of physical address RDX. */
static void emit_reserve(struct emit *e) {
    x64_alu_ri(e->x, X64_AND, 8, RDX, LINE_MASK);
    x64_mov_mr(e->x, 8, x64_at(RBP, offsetof(struct hart, reservation)), RDX);
    x64_mov_mi(e->x, 1, x64_at(RBP, offsetof(struct hart, reserved)), 1);
}

/** @p to = the old value, sign-extended. */
static void emit_old(struct emit *e, enum x64_reg to) {
    if (e->ir->size == 4) {
        x64_movsx_rm(e->x, 4, to, x64_at(RAX, 0));
    } else {
        x64_mov_rm(e->x, 8, to, x64_at(RAX, 0));
    }
}

/** Closes with the result in @p at, unless nobody wants it. */
static void close_atomic(struct emit *e, enum x64_reg at, struct detour *miss) {
    if (e->ir->rd < 32) {
        put(e, at);
    }
    x64_bind(e->x, &miss->back);
}

/* -- Harts at the same time -------------------------------------------------------------------- */

/** Places in the hart. */
enum linked_field {
    LINKED_ADDRESS = offsetof(struct hart, linked.address),
    LINKED_SIZE = offsetof(struct hart, linked.size_bytes),
    LINKED_VALUE = offsetof(struct hart, linked.value)
};

static void emit_shared_lr(struct emit *e) {
    struct x64 *x = e->x;
    struct detour *miss = detour(e);
    x64_lea(x, 8, RAX, emit_access(e, TLB_READ, true, miss));
    emit_old(e, RCX);
    emit_physical(e, RDX, RAX);
    x64_mov_mr(x, 8, x64_at(RBP, LINKED_ADDRESS), RDX);
    x64_mov_mi(x, 4, x64_at(RBP, LINKED_SIZE), e->ir->size);
    x64_mov_mr(x, 8, x64_at(RBP, LINKED_VALUE), RCX);
    emit_reserve(e);
    close_atomic(e, RCX, miss);
}

/** RCX = where the bytes to be changed lie on the host. */
static struct detour *emit_shared(struct emit *e) {
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RCX, emit_access(e, TLB_WRITE, true, miss));
    return miss;
}

/** Closes with the low bytes of @p old for a result. */
static void close_shared(struct emit *e, enum x64_reg old, struct detour *miss) {
    if (e->ir->size == 4 && e->ir->rd < 32) {
        x64_movsx_rr(e->x, 4, old, old);
    }
    close_atomic(e, old, miss);
}

/* The link's address is in the line that is reserved: both are of the last LR. */
static void emit_shared_sc(struct emit *e) {
    struct x64 *x = e->x;
    struct x64_label fails = {0};
    struct detour *miss = emit_shared(e);
    emit_physical(e, RDX, RCX);
    x64_alu_rm(x, X64_CMP, 8, RDX, x64_at(RBP, LINKED_ADDRESS));
    x64_jcc(x, X64_NE, &fails);
    x64_alu_mi(x, X64_CMP, 4, x64_at(RBP, LINKED_SIZE), e->ir->size);
    x64_jcc(x, X64_NE, &fails);
    x64_alu_mi(x, X64_CMP, 1, x64_at(RBP, offsetof(struct hart, reserved)), 1);
    x64_jcc(x, X64_NE, &fails);
    enum x64_reg value = use(e, e->ir->rb, RDX);
    x64_mov_rm(x, 8, RAX, x64_at(RBP, LINKED_VALUE));
    x64_lock(x);
    x64_cmpxchg_mr(x, e->ir->size, x64_at(RCX, 0), value);
    x64_bind(x, &fails); /* with ZF = 0 */
    x64_mov_mi(x, 1, x64_at(RBP, offsetof(struct hart, reserved)), 0);
    x64_set(x, X64_NE, RCX);
    x64_mov_rr(x, 1, RCX, RCX);
    close_atomic(e, RCX, miss);
}

static void emit_shared_swap(struct emit *e) {
    struct detour *miss = emit_shared(e);
    fetch(e, e->ir->rb, RDX);
    x64_xchg_mr(e->x, e->ir->size, x64_at(RCX, 0), RDX);
    close_shared(e, RDX, miss);
}

/** RDX = what the old value, RAX, becomes. */
static void emit_change(struct emit *e, enum x64_alu op) {
    x64_mov_rr(e->x, 8, RDX, RAX);
    apply(e, op, e->ir->size, RDX, e->ir->rb);
}

/** The same: itself if it @p stays rb, else rb. */
static void emit_change_or_stay(struct emit *e, enum x64_cond stays) {
    fetch(e, e->ir->rb, RDX);
    x64_alu_rr(e->x, X64_CMP, e->ir->size, RAX, RDX);
    x64_cmov(e->x, stays, e->ir->size, RDX, RAX);
}

/** Stores RDX, or goes @p again with RAX what stands there now. */
static void emit_attempt(struct emit *e, struct x64_label *again) {
    x64_lock(e->x);
    x64_cmpxchg_mr(e->x, e->ir->size, x64_at(RCX, 0), RDX);
    x64_jcc(e->x, X64_NE, again);
}

static void emit_shared_op(struct emit *e, enum x64_alu op) {
    struct x64 *x = e->x;
    unsigned size = e->ir->size;
    struct detour *miss = emit_shared(e);
    enum x64_reg old = RAX;
    if (e->ir->rd >= 32) {
        enum x64_reg operand = use(e, e->ir->rb, RDX);
        x64_lock(x);
        x64_alu_mr(x, op, size, x64_at(RCX, 0), operand);
    } else if (op == X64_ADD) {
        old = RDX;
        fetch(e, e->ir->rb, RDX);
        x64_lock(x);
        x64_xadd_mr(x, size, x64_at(RCX, 0), RDX);
    } else {
        struct x64_label again = {0};
        x64_mov_rm(x, size, RAX, x64_at(RCX, 0));
        x64_bind(x, &again);
        emit_change(e, op);
        emit_attempt(e, &again);
    }
    close_shared(e, old, miss);
}

static void emit_shared_choice(struct emit *e, enum x64_cond stays) {
    struct detour *miss = emit_shared(e);
    struct x64_label again = {0};
    x64_mov_rm(e->x, e->ir->size, RAX, x64_at(RCX, 0));
    x64_bind(e->x, &again);
    emit_change_or_stay(e, stays);
    emit_attempt(e, &again);
    close_shared(e, RAX, miss);
}

/* -- Operations -------------------------------------------------------------------------------- */

static void emit_lr(struct emit *e) {
    if (e->region->parallel) {
        emit_shared_lr(e);
        return;
    }
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_READ, true, miss));
    emit_physical(e, RDX, RAX);
    emit_reserve(e);
    emit_old(e, RCX);
    close_atomic(e, RCX, miss);
}

static void emit_sc(struct emit *e) {
    if (e->region->parallel) {
        emit_shared_sc(e);
        return;
    }
    struct x64 *x = e->x;
    struct detour *miss = detour(e);
    struct x64_label fails = {0};
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, miss));
    emit_physical(e, RDX, RAX);
    x64_alu_ri(x, X64_AND, 8, RDX, LINE_MASK);
    x64_mov_ri(x, RCX, 1);
    x64_alu_rm(x, X64_CMP, 8, RDX, x64_at(RBP, offsetof(struct hart, reservation)));
    x64_jcc(x, X64_NE, &fails);
    x64_alu_mi(x, X64_CMP, 1, x64_at(RBP, offsetof(struct hart, reserved)), 0);
    x64_jcc(x, X64_E, &fails);
    x64_mov_mr(x, e->ir->size, x64_at(RAX, 0), use(e, e->ir->rb, RDX));
    x64_mov_ri(x, RCX, 0);
    x64_bind(x, &fails);
    x64_mov_mi(x, 1, x64_at(RBP, offsetof(struct hart, reserved)), 0);
    close_atomic(e, RCX, miss);
}

static void emit_swap(struct emit *e) {
    if (e->region->parallel) {
        emit_shared_swap(e);
        return;
    }
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, miss));
    emit_old(e, RCX);
    x64_mov_mr(e->x, e->ir->size, x64_at(RAX, 0), use(e, e->ir->rb, RDX));
    close_atomic(e, RCX, miss);
}

static void emit_fetch_op(struct emit *e, enum x64_alu op) {
    if (e->region->parallel) {
        emit_shared_op(e, op);
        return;
    }
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, miss));
    emit_old(e, RCX);
    fetch(e, e->ir->rb, RDX);
    x64_alu_mr(e->x, op, e->ir->size, x64_at(RAX, 0), RDX);
    close_atomic(e, RCX, miss);
}

/** The old value stays when old @p stays rb. */
static void emit_fetch_choice(struct emit *e, enum x64_cond stays) {
    if (e->region->parallel) {
        emit_shared_choice(e, stays);
        return;
    }
    struct detour *miss = detour(e);
    x64_lea(e->x, 8, RAX, emit_access(e, TLB_WRITE, true, miss));
    emit_old(e, RCX);
    fetch(e, e->ir->rb, RDX);
    x64_alu_rr(e->x, X64_CMP, e->ir->size, RCX, RDX);
    x64_cmov(e->x, stays, e->ir->size, RDX, RCX);
    x64_mov_mr(e->x, e->ir->size, x64_at(RAX, 0), RDX);
    close_atomic(e, RCX, miss);
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
