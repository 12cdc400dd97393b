/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations to x86-64.
 *
 * Registers while translated code runs:
 *
 *   rbp  the hart            r14  its TLB set (data_tlb)
 *   r15  steps left of the grant, those of the block under way already taken off
 *   rax, rcx, rdx            scratch, never live from one operation to the next
 *   the other nine           homes of guest registers (region_allocate)
 *
 * A guest register without a home lives in hart->x. Code that leaves the region writes the homes
 * back; each way in loads them. What can fail, or is rare, leaves for the cold part behind the
 * region, calls the interpreter for that one instruction (stubs.interpret), and comes back. */
#include "jit/emit.h"

#include <string.h>

/* -- Ways out ---------------------------------------------------------------------------------- */

/** Writes the homes in a set back. */
static void write_back(struct emit *e, uint16_t homes) {
    for (unsigned i = 0; i < e->map->count; i++) {
        unsigned guest = e->map->guest[i];
        if ((homes >> i & 1) != 0) {
            x64_mov_mr(e->x, 8, guest_at(guest), (enum x64_reg)e->map->host[guest]);
        }
    }
}

/** To other code of the same page; to C when there is none. */
static void leave_near(struct emit *e, unsigned offset) {
    write_back(e, e->dirty);
    x64_mov_ri(e->x, RCX, offset);
    x64_mov_ri(e->x, RAX, (uint64_t)(uintptr_t)&e->region->page->entry[offset / 2]);
    x64_mov_rm(e->x, 4, RAX, x64_at(RAX, 0));
    x64_alu_rm(e->x, X64_ADD, 8, RAX, x64_at(RBP, offsetof(struct hart, region.code)));
    x64_jmp_r(e->x, RAX);
}

static void leave_far(struct emit *e, int32_t place) {
    write_back(e, e->dirty);
    x64_mov_rm(e->x, 8, RAX, x64_at(RBP, offsetof(struct hart, region.page)));
    x64_alu_ri(e->x, X64_ADD, 8, RAX, place);
    emit_lookup(e->x, e->stubs);
}

static void leave_to(struct emit *e, int32_t place) {
    if (place >= 0 && place < PAGE_BYTES) {
        leave_near(e, (unsigned)place);
    } else {
        leave_far(e, place);
    }
}

/* -- Values ------------------------------------------------------------------------------------ */

void close_result(struct emit *e, enum x64_reg at) {
    if (e->ir->size == 4) {
        x64_movsx_rr(e->x, 4, at, at);
    }
    put(e, at);
}

static void emit_alu(struct emit *e, enum x64_alu op) {
    const struct ir *ir = e->ir;
    unsigned ra = ir->ra;
    unsigned rb = ir->rb;
    if (!ir->immediate && ir->rd == rb && op != X64_SUB) {
        unsigned swap = ra;
        ra = rb;
        rb = swap;
    }
    enum x64_reg to = !ir->immediate && rb != ra ? result_beside(e, rb, RAX) : result(e, RAX);
    if (op == X64_ADD && ir->immediate && has_home(e, ra) && ir->rd != ra) {
        x64_lea(e->x, ir->size, to, x64_at((enum x64_reg)e->map->host[ra], (int32_t)ir->imm));
    } else if (op == X64_ADD && !ir->immediate && has_home(e, ra) && has_home(e, rb) &&
               ir->rd != ra) {
        x64_lea(e->x, ir->size, to,
                x64_at_index((enum x64_reg)e->map->host[ra], (enum x64_reg)e->map->host[rb], 1, 0));
    } else if (ir->immediate) {
        fetch(e, ra, to);
        x64_alu_ri(e->x, op, ir->size, to, (int32_t)ir->imm);
    } else {
        fetch(e, ra, to);
        apply(e, op, ir->size, to, rb);
    }
    close_result(e, to);
}

/** and, or, xor with one operand inverted, or the result. */
static void emit_inverted(struct emit *e, enum x64_alu op) {
    fetch(e, e->ir->rb, RAX);
    x64_unary(e->x, X64_NOT, 8, RAX);
    apply(e, op, 8, RAX, e->ir->ra);
    put(e, RAX);
}

static void emit_shift(struct emit *e, enum x64_shift op) {
    const struct ir *ir = e->ir;
    if (ir->immediate) {
        enum x64_reg to = result(e, RAX);
        fetch(e, ir->ra, to);
        x64_shift_ri(e->x, op, ir->size, to, (unsigned)ir->imm & (ir->size * 8U - 1));
        close_result(e, to);
        return;
    }
    fetch(e, ir->rb, RCX);
    fetch(e, ir->ra, RAX);
    x64_shift_rc(e->x, op, ir->size, RAX);
    close_result(e, RAX);
}

static void emit_shladd(struct emit *e) {
    const struct ir *ir = e->ir;
    enum x64_reg a = use(e, ir->ra, RAX);
    if (ir->size == 4) {
        x64_mov_rr(e->x, 4, RAX, a);
        a = RAX;
    }
    enum x64_reg b = use(e, ir->rb, RDX);
    enum x64_reg to = result(e, RAX);
    x64_lea(e->x, 8, to, x64_at_index(b, a, 1U << ir->imm, 0));
    put(e, to);
}

static void emit_compare(struct emit *e, enum x64_cond cond) {
    const struct ir *ir = e->ir;
    enum x64_reg a = use(e, ir->ra, RAX);
    if (ir->immediate) {
        x64_alu_ri(e->x, X64_CMP, 8, a, (int32_t)ir->imm);
    } else {
        apply(e, X64_CMP, 8, a, ir->rb);
    }
    enum x64_reg to = result(e, RAX);
    x64_set(e->x, cond, to);
    x64_mov_rr(e->x, 1, to, to);
    put(e, to);
}

static void emit_extend(struct emit *e) {
    const struct ir *ir = e->ir;
    enum x64_reg a = use(e, ir->ra, RAX);
    enum x64_reg to = result(e, RAX);
    if (ir->op == IR_zext) {
        x64_mov_rr(e->x, ir->size, to, a);
    } else {
        x64_movsx_rr(e->x, ir->size, to, a);
    }
    put(e, to);
}

/** The lesser or greater of two: b replaces a when a cond b. */
static void emit_choice(struct emit *e, enum x64_cond cond) {
    fetch(e, e->ir->ra, RAX);
    enum x64_reg b = use(e, e->ir->rb, RDX);
    x64_alu_rr(e->x, X64_CMP, 8, RAX, b);
    x64_cmov(e->x, cond, 8, RAX, b);
    put(e, RAX);
}

static void emit_zero_if(struct emit *e, enum x64_cond cond) {
    fetch(e, e->ir->ra, RAX);
    enum x64_reg b = use(e, e->ir->rb, RDX);
    x64_mov_ri(e->x, RCX, 0);
    x64_test_rr(e->x, 8, b, b);
    x64_cmov(e->x, cond, 8, RAX, RCX);
    put(e, RAX);
}

static void emit_bit(struct emit *e, enum x64_bit op) {
    const struct ir *ir = e->ir;
    fetch(e, ir->ra, RAX);
    if (ir->immediate) {
        x64_bit_ri(e->x, op, 8, RAX, (unsigned)ir->imm & 63);
    } else {
        x64_bit_rr(e->x, op, 8, RAX, use(e, ir->rb, RDX));
    }
    if (op == X64_BT) {
        x64_set(e->x, X64_B, RAX);
        x64_mov_rr(e->x, 1, RAX, RAX);
    }
    put(e, RAX);
}

static void emit_shluw(struct emit *e) {
    enum x64_reg a = use(e, e->ir->ra, RAX);
    enum x64_reg to = result(e, RAX);
    x64_mov_rr(e->x, 4, to, a);
    x64_shift_ri(e->x, X64_SHL, 8, to, (unsigned)e->ir->imm & 63);
    put(e, to);
}

static void emit_mul(struct emit *e) {
    enum x64_reg to = result_beside(e, e->ir->rb, RAX);
    fetch(e, e->ir->ra, to);
    x64_imul_rr(e->x, e->ir->size, to, use(e, e->ir->rb, RDX));
    close_result(e, to);
}

static void emit_mul_high(struct emit *e, enum x64_unary op) {
    fetch(e, e->ir->ra, RAX);
    x64_unary(e->x, op, 8, use(e, e->ir->rb, RCX));
    put(e, RDX);
}

/* A divisor of 0 or -1 is kept from the host, which would trap: by 0 the quotient is all ones and
 * the remainder the dividend; by -1 they are its negative and 0. */
static void emit_divide(struct emit *e, bool is_signed, bool remainder) {
    struct x64 *x = e->x;
    unsigned size = e->ir->size;
    struct x64_label by_zero = {0}, by_minus_one = {0}, done = {0};
    fetch(e, e->ir->rb, RCX);
    fetch(e, e->ir->ra, RAX);
    x64_test_rr(x, size, RCX, RCX);
    x64_jcc(x, X64_E, &by_zero);
    if (is_signed) {
        x64_alu_ri(x, X64_CMP, size, RCX, -1);
        x64_jcc(x, X64_E, &by_minus_one);
        x64_cqo(x, size);
        x64_unary(x, X64_IDIV, size, RCX);
    } else {
        x64_alu_rr(x, X64_XOR, 4, RDX, RDX);
        x64_unary(x, X64_DIV, size, RCX);
    }
    if (remainder) {
        x64_mov_rr(x, 8, RAX, RDX);
    }
    x64_jmp(x, &done);
    if (is_signed) {
        x64_bind(x, &by_minus_one);
        if (remainder) {
            x64_alu_rr(x, X64_XOR, 4, RAX, RAX);
        } else {
            x64_unary(x, X64_NEG, size, RAX);
        }
        x64_jmp(x, &done);
    }
    x64_bind(x, &by_zero);
    if (!remainder) {
        x64_mov_ri(x, RAX, UINT64_MAX);
    }
    x64_bind(x, &done);
    close_result(e, RAX);
}

static void emit_place(struct emit *e) {
    enum x64_reg to = result(e, RAX);
    x64_mov_rm(e->x, 8, to, x64_at(RBP, offsetof(struct hart, region.page)));
    if (e->ir->imm >= INT32_MIN && e->ir->imm <= INT32_MAX) {
        x64_alu_ri(e->x, X64_ADD, 8, to, (int32_t)e->ir->imm);
    } else {
        x64_mov_ri(e->x, RDX, (uint64_t)e->ir->imm);
        x64_alu_rr(e->x, X64_ADD, 8, to, RDX);
    }
    put(e, to);
}

static void emit_constant(struct emit *e) {
    enum x64_reg to = result(e, RAX);
    x64_mov_ri(e->x, to, (uint64_t)e->ir->imm);
    put(e, to);
}

static void emit_move(struct emit *e) {
    enum x64_reg to = result(e, RAX);
    fetch(e, e->ir->ra, to);
    put(e, to);
}

static void emit_rev8(struct emit *e) {
    enum x64_reg to = result(e, RAX);
    fetch(e, e->ir->ra, to);
    x64_bswap(e->x, 8, to);
    put(e, to);
}

/* -- Control ----------------------------------------------------------------------------------- */

static void emit_call(struct emit *e) {
    struct detour *there = detour(e);
    x64_jmp(e->x, &there->there);
    x64_bind(e->x, &there->back);
    e->boxed = 0;
}

static void emit_branch(struct emit *e) {
    const struct ir *ir = e->ir;
    enum x64_reg a = use(e, ir->ra, RAX);
    if (ir->rb == 0) {
        x64_test_rr(e->x, 8, a, a);
    } else {
        apply(e, X64_CMP, 8, a, ir->rb);
    }
    enum x64_cond cond = (enum x64_cond)ir->cond;
    if (ir->target >= 0) {
        x64_jcc(e->x, cond, &e->region->blocks[ir->target].head);
        return;
    }
    struct x64_label stays = {0};
    x64_jcc(e->x, x64_cond_not(cond), &stays);
    leave_to(e, ir->place);
    x64_bind(e->x, &stays);
}

static void emit_jump(struct emit *e) {
    const struct ir *ir = e->ir;
    if (ir->target < 0) {
        leave_to(e, ir->place);
    } else if ((unsigned)ir->target != e->block_idx + 1) {
        x64_jmp(e->x, &e->region->blocks[ir->target].head);
    }
}

enum { REGISTER_RA = 1 };

/** To the code for address RDX, if that is in the same page; else goes on. What jumps and is
 * neither call nor return is mostly a switch, whose places lie together, and hard to predict: the
 * sooner its target is known, the better. */
static void follow_near(struct emit *e) {
    struct x64 *x = e->x;
    struct x64_label far = {0};
    x64_mov_rr(x, 8, RCX, RDX);
    x64_alu_rm(x, X64_SUB, 8, RCX, x64_at(RBP, offsetof(struct hart, region.page)));
    x64_mov_ri(x, RAX, (uint64_t)(uintptr_t)e->region->page->entry);
    x64_alu_ri(x, X64_CMP, 8, RCX, PAGE_BYTES);
    x64_jcc(x, X64_AE, &far);
    x64_mov_rm(x, 4, RAX, x64_at_index(RAX, RCX, 2, 0));
    x64_alu_rm(x, X64_ADD, 8, RAX, x64_at(RBP, offsetof(struct hart, region.code)));
    x64_jmp_r(x, RAX);
    x64_bind(x, &far);
}

static void emit_jump_register(struct emit *e) {
    const struct ir *ir = e->ir;
    enum x64_reg base = use(e, ir->ra, RDX);
    take_address(e, 8, RDX, x64_at(base, (int32_t)ir->imm));
    x64_alu_ri(e->x, X64_AND, 8, RDX, -2);
    if (ir->rd < 32) {
        enum x64_reg to = result(e, RAX);
        x64_mov_rm(e->x, 8, to, x64_at(RBP, offsetof(struct hart, region.page)));
        x64_alu_ri(e->x, X64_ADD, 8, to, ir->place);
        put(e, to);
        e->dirty |= home_bit(e->map, ir->rd);
    }
    write_back(e, e->dirty);
    if (ir->rd == X_SINK && ir->ra != REGISTER_RA) {
        follow_near(e);
    }
    x64_mov_rr(e->x, 8, RAX, RDX);
    emit_lookup(e->x, e->stubs);
}

static void emit_note(struct emit *e) {
    x64_mov_mi(e->x, 4, x64_at(RBP, offsetof(struct hart, label)), (int32_t)e->ir->imm);
}

/* The other half of an instruction is looked at each time: nothing tells this page when that one is
 * written, or another takes its place. */
static void emit_straddle(struct emit *e) {
    const struct ram *ram = e->region->ram;
    struct x64 *x = e->x;
    struct x64_label *other = &e->short_of[e->block_idx];
    x64_mov_rm(x, 8, RAX, x64_at(RBP, offsetof(struct hart, region.page)));
    x64_alu_ri(x, X64_ADD, 8, RAX, PAGE_BYTES);
    x64_mov_rr(x, 4, RDX, RAX);
    x64_shift_ri(x, X64_SHR, 4, RDX, TAG_SHIFT);
    x64_alu_ri(x, X64_AND, 4, RDX, TAG_MASK);
    x64_alu_rm(x, X64_ADD, 8, RDX, x64_at(RBP, offsetof(struct hart, fetch_tlb)));
    x64_alu_rm(x, X64_CMP, 8, RAX, x64_at(RDX, offsetof(struct fetch_entry, page)));
    x64_jcc(x, X64_NE, other);
    x64_mov_rm(x, 8, RDX, x64_at(RDX, offsetof(struct fetch_entry, base)));
    x64_mov_ri(x, RAX, (uint64_t)(uintptr_t)ram->bytes - ram->base);
    x64_alu_rr(x, X64_ADD, 8, RDX, RAX);
    x64_alu_mi(x, X64_CMP, 2, x64_at(RDX, 0), (int16_t)(uint16_t)e->ir->imm);
    x64_jcc(x, X64_NE, other);
}

static void emit_elsewhere(struct emit *e) {
    if (e->ir->op >= IR_fload) {
        emit_float(e);
    } else if (e->ir->op >= IR_zero) {
        emit_atomic(e);
    } else {
        emit_bits(e);
    }
}

/* clang-format off */
static void emit_op(struct emit *e) {
    switch ((enum ir_op)e->ir->op) {
    case IR_const: emit_constant(e); break;
    case IR_place: emit_place(e); break;
    case IR_move: emit_move(e); break;
    case IR_add: emit_alu(e, X64_ADD); break;
    case IR_sub: emit_alu(e, X64_SUB); break;
    case IR_and: emit_alu(e, X64_AND); break;
    case IR_or: emit_alu(e, X64_OR); break;
    case IR_xor: emit_alu(e, X64_XOR); break;
    case IR_andn: emit_inverted(e, X64_AND); break;
    case IR_orn: emit_inverted(e, X64_OR); break;
    case IR_xnor: emit_inverted(e, X64_XOR); break;
    case IR_shl: emit_shift(e, X64_SHL); break;
    case IR_shr: emit_shift(e, X64_SHR); break;
    case IR_sar: emit_shift(e, X64_SAR); break;
    case IR_ror: emit_shift(e, X64_ROR); break;
    case IR_rol: emit_shift(e, X64_ROL); break;
    case IR_shladd: emit_shladd(e); break;
    case IR_shluw: emit_shluw(e); break;
    case IR_slt: emit_compare(e, X64_L); break;
    case IR_sltu: emit_compare(e, X64_B); break;
    case IR_zext:
    case IR_sext: emit_extend(e); break;
    case IR_min: emit_choice(e, X64_G); break;
    case IR_max: emit_choice(e, X64_L); break;
    case IR_minu: emit_choice(e, X64_A); break;
    case IR_maxu: emit_choice(e, X64_B); break;
    case IR_rev8: emit_rev8(e); break;
    case IR_bset: emit_bit(e, X64_BTS); break;
    case IR_bclr: emit_bit(e, X64_BTR); break;
    case IR_binv: emit_bit(e, X64_BTC); break;
    case IR_bext: emit_bit(e, X64_BT); break;
    case IR_czeqz: emit_zero_if(e, X64_E); break;
    case IR_cznez: emit_zero_if(e, X64_NE); break;
    case IR_mul: emit_mul(e); break;
    case IR_mulh: emit_mul_high(e, X64_IMUL); break;
    case IR_mulhu: emit_mul_high(e, X64_MUL); break;
    case IR_div: emit_divide(e, true, false); break;
    case IR_divu: emit_divide(e, false, false); break;
    case IR_rem: emit_divide(e, true, true); break;
    case IR_remu: emit_divide(e, false, true); break;
    case IR_load: emit_load(e); break;
    case IR_store: emit_store(e); break;
    case IR_branch: emit_branch(e); break;
    case IR_jump: emit_jump(e); break;
    case IR_jumpreg: emit_jump_register(e); break;
    case IR_fence: x64_mfence(e->x); break;
    case IR_straddle: emit_straddle(e); break;
    case IR_note: emit_note(e); break;
    case IR_call: emit_call(e); break;
    default: emit_elsewhere(e); break;
    }
}
/* clang-format on */

/* -- The region -------------------------------------------------------------------------------- */

/** May code behind the present operation use the window of the register that it changes? */
static bool accesses_follow(const struct emit *e, const struct region_block *block, unsigned at) {
    unsigned guest = ir_changes(e->ir);
    for (unsigned i = at + 1; i < block->ir_count; i++) {
        const struct ir *ir = &e->region->ir[block->ir_start + i];
        if (ir_target(ir) >= 0 || (ir_uses_window(ir) && ir->ra == guest)) {
            return true;
        }
        if (ir_changes(ir) == guest) {
            return false;
        }
    }
    return false;
}

/** Counts the block. */
static void emit_run(struct emit *e, const struct region_block *block) {
    struct x64_mem count = x64_at(RAX, (int32_t)(block->run * sizeof(int64_t)));
    x64_mov_rm(e->x, 8, RAX, x64_at(RBP, offsetof(struct hart, sheet)));
    x64_alu_mi(e->x, X64_ADD, 8, count,
               block->run == TALLY_ANY ? (int32_t)block->block->count : 1);
}

/** Tells who watches of the block, behind all that may keep it from being entered. */
static void emit_tally(struct emit *e, unsigned idx) {
    const struct region_block *block = &e->region->blocks[idx];
    if (e->region->tallies == TALLY_RUNS) {
        emit_run(e, block);
    } else if (e->region->tallies == TALLY_CALLS) {
        x64_alu_mi(e->x, X64_CMP, 4, x64_at(RBP, offsetof(struct hart, label)),
                   (int32_t)block->label.value);
        x64_jcc(e->x, X64_NE, &e->moved[idx]);
        x64_bind(e->x, &e->stays[idx]);
    }
}

static void emit_moved(struct emit *e, unsigned idx) {
    const struct region_block *block = &e->region->blocks[idx];
    x64_bind(e->x, &e->moved[idx]);
    write_back(e, block->dirty);
    x64_mov_ri(e->x, RCX,
               block->offset | (uint32_t)block->block->count << MOVED_COUNT_SHIFT |
                   (block->label.starts ? MOVED_STARTS : 0U) |
                   (block->label.whole ? MOVED_WHOLE : 0U));
    x64_mov_ri(e->x, RDX, block->label.value);
    x64_call(e->x, &e->stubs->moved);
    x64_jmp(e->x, &e->stays[idx]);
}

static void emit_block(struct emit *e, unsigned idx) {
    struct region_block *block = &e->region->blocks[idx];
    e->block_idx = idx;
    e->short_of[idx] = e->moved[idx] = e->stays[idx] = (struct x64_label){0};
    e->float_on = e->float_dirty = false;
    e->boxed = 0;
    e->dirty = block->dirty;
    x64_bind(e->x, &block->head);
    if (e->region->uncounted) {
        x64_alu_mi(e->x, X64_CMP, 1, x64_at(RBP, offsetof(struct hart, region.stop)), 0);
        x64_jcc(e->x, X64_NE, &e->short_of[idx]);
    } else {
        x64_alu_ri(e->x, X64_SUB, 8, R15, (int32_t)block->block->count);
        x64_jcc(e->x, X64_S, &e->short_of[idx]);
    }
    unsigned checks = e->region->ir[block->ir_start].op == IR_straddle;
    for (unsigned i = 0; i < block->ir_count; i++) {
        e->ir = &e->region->ir[block->ir_start + i];
        if (i == checks) {
            emit_tally(e, idx);
        }
        emit_op(e);
        e->dirty |= ir_writes(e->ir) != 0 ? home_bit(e->map, ir_writes(e->ir)) : 0;
        emit_window_moved(e, ir_changes(e->ir), accesses_follow(e, block, i));
    }
}

static void emit_cold(struct emit *e) {
    emit_window_looks(e);
    emit_table_looks(e);
    for (unsigned i = 0; i < e->detour_count; i++) {
        struct detour *there = &e->detours[i];
        emit_miss(e, there);
        x64_bind(e->x, &there->there);
        x64_mov_ri(e->x, RCX, there->site | (uint32_t)there->dirty << SITE_BITS);
        x64_call(e->x, &e->stubs->interpret);
        x64_jmp(e->x, &there->back);
    }
    for (unsigned i = 0; i < e->region->block_count; i++) {
        const struct region_block *block = &e->region->blocks[i];
        if (e->region->tallies == TALLY_CALLS) {
            emit_moved(e, i);
        }
        x64_bind(e->x, &e->short_of[i]);
        if (!e->region->uncounted) {
            x64_alu_ri(e->x, X64_ADD, 8, R15, (int32_t)block->block->count);
        }
        write_back(e, block->dirty);
        x64_mov_ri(e->x, RCX, block->offset);
        x64_jmp(e->x, &e->stubs->leave_at);
    }
}

/** Ways in: each loads the homes. @return Where the first lies. */
static void emit_entries(struct emit *e, const uint8_t *base) {
    uint32_t entries[REGION_BLOCKS_MAX];
    for (unsigned i = 0; i < e->region->block_count; i++) {
        entries[i] = (uint32_t)(e->x->at - base);
        for (unsigned j = 0; j < e->region->window_count; j++) {
            emit_window_closed(e, e->region->windows[j].guest);
        }
        emit_tables_closed(e);
        for (unsigned j = 0; j < e->map->count; j++) {
            unsigned guest = e->map->guest[j];
            if ((e->region->blocks[i].live >> j & 1) != 0) {
                x64_mov_rm(e->x, 8, (enum x64_reg)e->map->host[guest], guest_at(guest));
            }
        }
        x64_jmp(e->x, &e->region->blocks[i].head);
    }
    for (unsigned i = 0; i < e->region->block_count && !e->x->full; i++) {
        e->region->page->entry[e->region->blocks[i].offset / 2] = entries[i];
        e->region->blocks[i].block->heat = 0; /* the interpreter stops before it */
    }
}

bool region_emit(struct jit_region *region, struct x64 *x, struct stubs *stubs,
                 const uint8_t *base) {
    struct emit e;
    memset(&e, 0, offsetof(struct emit, short_of));
    e.x = x;
    e.region = region;
    e.map = &region->map;
    e.stubs = stubs;
    for (unsigned i = 0; i < region->block_count; i++) {
        emit_block(&e, i);
    }
    emit_cold(&e);
    emit_entries(&e, base);
    return !x->full;
}
