/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions to operations. */
#include "jit/region.h"

enum shape {
    SHAPE_CALL,
    SHAPE_RR,
    SHAPE_RI,
    SHAPE_R,
    SHAPE_LD,
    SHAPE_LDU,
    SHAPE_ST,
    SHAPE_AT,
    SHAPE_FLD,
    SHAPE_FST,
    SHAPE_BR,
    SHAPE_F,
    SHAPE_FX,
    SHAPE_FXW,
    SHAPE_FXL,
    SHAPE_XF,
    SHAPE_XFW,
    SHAPE_XFL
};

static const struct row {
    uint8_t shape, op, size;
} rows[OP_COUNT] = {
#define LIFT(name, shape, op, size) [OP_##name] = {SHAPE_##shape, IR_##op, size},
#include "jit/lift.def"
#undef LIFT
};

/** One block under way. */
struct lift {
    struct jit *jit;
    struct jit_region *region;
    struct region_block *block;
    const struct insn *insn;
    uint32_t map;
    uint32_t narrow; /* bit n: x[n] is known to be its low half, sign-extended */
};

/* -- Values that are sign-extended words anyway ------------------------------------------------ */

static bool is_narrow(const struct lift *lift, unsigned guest) {
    return guest == 0 || (lift->narrow >> guest & 1) != 0;
}

static bool fits_word(int64_t value) {
    return value >= INT32_MIN && value <= INT32_MAX;
}

/** Is the result sure to be a sign-extended word? */
static bool gives_narrow(const struct lift *lift, const struct ir *ir) {
    switch ((enum ir_op)ir->op) {
    case IR_const:
        return fits_word(ir->imm);
    case IR_move:
        return is_narrow(lift, ir->ra);
    case IR_and:
    case IR_or:
    case IR_xor:
        return is_narrow(lift, ir->ra) && (ir->immediate || is_narrow(lift, ir->rb));
    case IR_shr:
    case IR_sar:
        return ir->size == 4 || (ir->immediate && ir->imm > 32);
    case IR_add:
    case IR_sub:
    case IR_shl:
    case IR_mul:
        return ir->size == 4;
    case IR_zext:
        return ir->size < 4;
    case IR_load:
        return ir->size < 4 || (ir->size == 4 && ir->is_signed);
    case IR_sext:
    case IR_slt:
    case IR_sltu:
        return true;
    default:
        return false;
    }
}

static void note_narrow(struct lift *lift, const struct ir *ir) {
    unsigned rd = ir_changes(ir);
    bool narrow = rd != 0 && gives_narrow(lift, ir);
    lift->narrow &= ~((uint32_t)1 << rd);
    lift->narrow |= (uint32_t)narrow << rd;
}

/* -- Operations -------------------------------------------------------------------------------- */

static struct ir *append(struct lift *lift, struct ir ir) {
    struct jit_region *region = lift->region;
    note_narrow(lift, &ir);
    region->ir[region->ir_count] = ir;
    return &region->ir[region->ir_count++];
}

static unsigned insn_offset(const struct lift *lift) {
    return lift->block->offset + (lift->insn->length & 0xfeU);
}

static unsigned next_offset(const struct lift *lift) {
    return insn_offset(lift) + ((lift->insn->length & 1U) != 0 ? 4 : 2);
}

static uint32_t site(struct lift *lift) {
    const struct block *block = lift->block->block;
    unsigned idx = (unsigned)(lift->insn - block_insns(block));
    unsigned left = block->count - idx;
    return jit_site(lift->jit, &(struct site){
                                   .insn = *lift->insn,
                                   .offset = (uint16_t)insn_offset(lift),
                                   .left = (uint16_t)left,
                                   .map = lift->map,
                                   .idx = (uint8_t)idx,
                                   .run = lift->block->run,
                               });
}

static int16_t block_at(const struct jit_region *region, int64_t offset) {
    for (unsigned i = 0; i < region->block_count; i++) {
        if ((int64_t)region->blocks[i].offset == offset) {
            return (int16_t)i;
        }
    }
    return -1;
}

static struct ir to_place(const struct lift *lift, struct ir ir, int64_t offset) {
    ir.target = block_at(lift->region, offset);
    ir.place = (int32_t)offset;
    return ir;
}

static void lift_constant(struct lift *lift, uint8_t op, int64_t imm) {
    if (lift->insn->rd != X_SINK) {
        append(lift, (struct ir){.op = op, .size = 8, .rd = lift->insn->rd, .imm = imm});
    }
}

static void lift_shladd(struct lift *lift, uint8_t size, unsigned shift) {
    const struct insn *insn = lift->insn;
    if (insn->rd != X_SINK) {
        append(lift, (struct ir){.op = IR_shladd,
                                 .size = size,
                                 .rd = insn->rd,
                                 .ra = insn->rs1,
                                 .rb = insn->rs2,
                                 .imm = shift});
    }
}

/** Bit operations with an immediate are logic with a constant, or stay what they are. */
static void lift_bit(struct lift *lift, uint8_t op) {
    const struct insn *insn = lift->insn;
    if (insn->rd != X_SINK) {
        append(lift, (struct ir){.op = op,
                                 .size = 8,
                                 .rd = insn->rd,
                                 .ra = insn->rs1,
                                 .immediate = true,
                                 .imm = insn->imm});
    }
}

static void lift_jal(struct lift *lift) {
    lift_constant(lift, IR_place, next_offset(lift));
    append(lift, to_place(lift, (struct ir){.op = IR_jump},
                          (int64_t)insn_offset(lift) + lift->insn->imm));
}

static void lift_jalr(struct lift *lift) {
    append(lift, (struct ir){.op = IR_jumpreg,
                             .size = 8,
                             .rd = lift->insn->rd,
                             .ra = lift->insn->rs1,
                             .imm = lift->insn->imm,
                             .place = (int32_t)next_offset(lift)});
}

/* Harts that take turns see memory in order. The host's own order is that of all fences but those
 * that keep a load behind a store. */
static void lift_fence(struct lift *lift) {
    enum { WRITES_BEFORE = 1 << 24, READS_BEHIND = 1 << 21 };
    uint32_t both = WRITES_BEFORE | READS_BEHIND;
    if (lift->region->parallel && (lift->insn->bits & both) == both) {
        append(lift, (struct ir){.op = IR_fence});
    }
}

/* A load-reserved is a load: rl keeps it behind stores before it. */
static void lift_release(struct lift *lift) {
    bool loads = lift->insn->op == OP_lr_w || lift->insn->op == OP_lr_d;
    if (lift->region->parallel && loads && (lift->insn->imm & INSN_RL) != 0) {
        append(lift, (struct ir){.op = IR_fence});
    }
}

/** @return false: it is in no special form. */
static bool lift_special(struct lift *lift) {
    switch (lift->insn->op) {
    case OP_lui:
        lift_constant(lift, IR_const, lift->insn->imm);
        return true;
    case OP_auipc:
        lift_constant(lift, IR_place, (int64_t)insn_offset(lift) + lift->insn->imm);
        return true;
    case OP_jal:
        lift_jal(lift);
        return true;
    case OP_jalr:
        lift_jalr(lift);
        return true;
    case OP_sh1add:
    case OP_sh2add:
    case OP_sh3add:
        lift_shladd(lift, 8,
                    1U + (lift->insn->op == OP_sh2add) + 2U * (lift->insn->op == OP_sh3add));
        return true;
    case OP_add_uw:
        lift_shladd(lift, 4, 0);
        return true;
    case OP_sh1add_uw:
    case OP_sh2add_uw:
    case OP_sh3add_uw:
        lift_shladd(lift, 4,
                    1U + (lift->insn->op == OP_sh2add_uw) + 2U * (lift->insn->op == OP_sh3add_uw));
        return true;
    case OP_slli_uw:
        lift_bit(lift, IR_shluw);
        return true;
    case OP_bseti:
        lift_bit(lift, IR_bset);
        return true;
    case OP_bclri:
        lift_bit(lift, IR_bclr);
        return true;
    case OP_binvi:
        lift_bit(lift, IR_binv);
        return true;
    case OP_fence:
        lift_fence(lift);
        return true;
    case OP_pause:
        return true;
    default:
        return false;
    }
}

static struct ir lift_row(struct lift *lift, const struct row *row) {
    const struct insn *insn = lift->insn;
    struct ir ir = {.op = row->op,
                    .rounding = insn->rm,
                    .size = row->size,
                    .rd = insn->rd,
                    .ra = insn->rs1,
                    .rb = insn->rs2,
                    .imm = insn->imm,
                    .target = -1};
    switch (row->shape) {
    case SHAPE_RI:
    case SHAPE_R:
        ir.rb = 0;
        ir.immediate = row->shape == SHAPE_RI;
        break;
    case SHAPE_LD:
    case SHAPE_LDU:
    case SHAPE_FLD:
        ir.rb = 0;
        ir.is_signed = row->shape == SHAPE_LD;
        ir.rd = row->shape == SHAPE_FLD ? insn->rd & 31 : insn->rd;
        ir.site = site(lift);
        break;
    case SHAPE_AT:
        ir.imm = 0;
        ir.site = site(lift);
        break;
    case SHAPE_ST:
    case SHAPE_FST:
        ir.rd = 0;
        ir.site = site(lift);
        break;
    case SHAPE_F:
        ir.rd = insn->rd & 31;
        ir.rc = insn->rs3;
        ir.site = site(lift);
        break;
    case SHAPE_XF:
    case SHAPE_XFW:
    case SHAPE_XFL:
        ir.rd = insn->rd & 31;
        ir.rb = 0;
        ir.imm = row->shape == SHAPE_XFW ? 4 : 8;
        ir.site = site(lift);
        break;
    case SHAPE_FX:
    case SHAPE_FXW:
    case SHAPE_FXL:
        ir.imm = row->shape == SHAPE_FXW ? 4 : 8;
        ir.site = site(lift);
        break;
    case SHAPE_BR:
        ir.rd = 0;
        ir.size = 8;
        ir.cond = row->size;
        ir = to_place(lift, ir, (int64_t)insn_offset(lift) + insn->imm);
        break;
    }
    return ir;
}

/* addi rd, rs, 0 and add rd, x0, rs are how registers are moved; addiw rd, rs, 0 sign-extends. */
static void simplify(const struct lift *lift, struct ir *ir) {
    if (ir->op == IR_add && ir->size == 8 && !ir->immediate && (ir->ra == 0 || ir->rb == 0)) {
        ir->op = IR_move;
        ir->ra = ir->ra == 0 ? ir->rb : ir->ra;
        ir->rb = 0;
    }
    if (ir->op == IR_add && ir->immediate && ir->ra == 0) {
        ir->op = IR_const;
    } else if (ir->op == IR_add && ir->immediate && ir->imm == 0) {
        ir->op = ir->size == 8 ? IR_move : IR_sext;
    }
    if (ir->op == IR_sext && ir->size == 4 && is_narrow(lift, ir->ra)) {
        ir->op = IR_move;
    }
}

/** A shift left by @p left, then one right: what is left of a word, a half or a byte. */
static bool merge_shifts(struct ir *before, const struct ir *ir) {
    unsigned left = (unsigned)before->imm;
    unsigned right = (unsigned)ir->imm;
    struct ir merged = {.rd = ir->rd, .ra = before->ra};
    if (left == right && (left == 32 || left == 48 || left == 56)) {
        merged.op = ir->op == IR_shr ? IR_zext : IR_sext;
        merged.size = (uint8_t)(8 - left / 8);
    } else if (left == 32 && right < 32 && ir->op == IR_shr) {
        merged.op = IR_shluw;
        merged.size = 8;
        merged.immediate = true;
        merged.imm = left - right;
    } else if (left == 32 && right > 32) {
        merged.op = ir->op;
        merged.size = 4;
        merged.immediate = true;
        merged.imm = right - left;
    } else {
        return false;
    }
    *before = merged;
    return true;
}

/** A shift by up to 3, then the sum with another register: an address. */
static bool merge_shifted_add(struct ir *before, const struct ir *ir) {
    bool shifts = before->immediate && before->imm >= 1 && before->imm <= 3 &&
                  (before->op == IR_shluw || (before->op == IR_shl && before->size == 8));
    bool one = ir->ra != ir->rb && (ir->ra == before->rd || ir->rb == before->rd);
    if (!shifts || !one || ir->rd != before->rd) {
        return false;
    }
    *before = (struct ir){.op = IR_shladd,
                          .size = before->op == IR_shl ? 8 : 4,
                          .rd = ir->rd,
                          .ra = before->ra,
                          .rb = ir->ra == before->rd ? ir->rb : ir->ra,
                          .imm = before->imm};
    return true;
}

/**
 * Merges an operation into the one before it, whose result it replaces: lui and auipc with the addi
 * behind them, pairs of shifts, an index that is shifted and added.
 * @return false: they are no such pair.
 */
static bool merge(struct ir *before, const struct ir *ir) {
    bool replaces = ir->rd == before->rd && ir->ra == before->rd && ir->immediate;
    if (replaces && ir->op == IR_add && before->op == IR_const) {
        int64_t sum = (int64_t)((uint64_t)before->imm + (uint64_t)ir->imm);
        before->imm = ir->size == 8 ? sum : (int32_t)(uint32_t)sum;
        return true;
    }
    if (replaces && ir->op == IR_add && ir->size == 8 && before->op == IR_place) {
        before->imm += ir->imm;
        return true;
    }
    bool shifts_left = before->op == IR_shl && before->size == 8 && before->immediate;
    if (replaces && (ir->op == IR_shr || ir->op == IR_sar) && ir->size == 8 && shifts_left) {
        return merge_shifts(before, ir);
    }
    return ir->op == IR_add && ir->size == 8 && !ir->immediate && merge_shifted_add(before, ir);
}

/** Can the jump's target be one that the CPU, being without C, does not take? */
static bool jump_may_trap(const struct lift *lift) {
    const struct insn *insn = lift->insn;
    unsigned mask = lift->region->target_mask;
    if (insn->op == OP_jalr) {
        return mask != 0;
    }
    bool direct = insn->op == OP_jal || (op_traits(insn->op) & T_BRANCH) != 0;
    return direct && ((insn_offset(lift) + (unsigned)insn->imm) & mask) != 0;
}

static bool host_has(const struct x64_features *features, enum ir_op op) {
    switch (op) {
    case IR_fmadd:
    case IR_fmsub:
    case IR_fnmsub:
    case IR_fnmadd:
        return features->fma;
    case IR_clmul:
    case IR_clmulh:
    case IR_clmulr:
        return features->pclmulqdq;
    case IR_ctz:
        return features->bmi1;
    case IR_clz:
        return features->lzcnt;
    case IR_cpop:
        return features->popcnt;
    default:
        return true;
    }
}

/** Can code be made for the instruction and its rounding mode? */
static bool host_can(const struct lift *lift, const struct row *row) {
    if (jump_may_trap(lift)) {
        return false;
    }
    const struct insn *insn = lift->insn;
    if (!host_has(&lift->region->features, (enum ir_op)row->op)) {
        return false;
    }
    if ((op_traits(insn->op) & T_RM) == 0) {
        return true;
    }
    if (row->op == IR_fround_ux) {
        return insn->rm == ROUND_TOWARDS_ZERO;
    }
    return insn->rm <= ROUND_UP || insn->rm == ROUND_DYNAMIC;
}

/** Who watches calls is told of those. */
static void lift_note(struct lift *lift) {
    uint32_t label = lift->region->tallies == TALLY_CALLS ? tally_jump(lift->insn) : 0;
    if (label != 0 && !jump_may_trap(lift)) {
        append(lift, (struct ir){.op = IR_note, .imm = (int32_t)label, .target = -1});
    }
}

/** What the block's code tells of it. */
static void block_tally(const struct jit_region *region, struct region_block *at) {
    struct hart *hart = region->hart;
    const struct block *block = at->block;
    uint64_t page = hart->harts->bus->ram.base + (region->page->page << PAGE_SHIFT);
    uint64_t pc = (hart->pc & ~(uint64_t)(PAGE_BYTES - 1)) + at->offset;
    struct tally_code code = {pc, page + at->offset, block->count, 0};
    if (region->tallies == TALLY_RUNS) {
        code.wide = tally_wide(block_insns(block), block->count);
        at->run = tally_run(hart, &code);
    } else if (region->tallies == TALLY_CALLS) {
        at->label = tally_label(hart, &code);
    }
}

static void lift_insn(struct lift *lift) {
    const struct row *row = &rows[lift->insn->op];
    bool thread = lift->region->hart->watched && lift->insn->rd == REGISTER_TP;
    lift_note(lift);
    if (!jump_may_trap(lift) && !thread && lift_special(lift)) {
        return;
    }
    if (row->shape == SHAPE_CALL || thread || !host_can(lift, row)) {
        /* rd may be that of an f register: then x[rd] stays, which nobody has to know. */
        append(lift, (struct ir){.op = IR_call, .rd = lift->insn->rd, .site = site(lift)});
        return;
    }
    lift_release(lift);
    struct ir ir = lift_row(lift, row);
    if (ir.op < IR_load && ir.rd == X_SINK) {
        return;
    }
    simplify(lift, &ir);
    struct jit_region *region = lift->region;
    bool first = region->ir_count == lift->block->ir_start;
    struct ir *before = first ? NULL : &region->ir[region->ir_count - 1];
    if (ir.op == IR_move && ir.ra == ir.rd) {
        return;
    }
    if (first || !merge(before, &ir)) {
        append(lift, ir);
    } else {
        note_narrow(lift, before);
    }
}

void region_lift(struct jit *jit, struct jit_region *region, uint32_t map) {
    region->ir_count = 0;
    for (unsigned i = 0; i < region->block_count; i++) {
        struct region_block *at = &region->blocks[i];
        struct lift lift = {.jit = jit, .region = region, .block = at, .map = map};
        at->ir_start = region->ir_count;
        block_tally(region, at);
        if (at->block->insns[0].op == OP_straddle) {
            append(&lift,
                   (struct ir){.op = IR_straddle, .imm = block_insns(at->block)->bits >> 16});
        }
        for (unsigned j = 0; j < at->block->count; j++) {
            lift.insn = &block_insns(at->block)[j];
            lift_insn(&lift);
        }
        if (lift.insn->op != OP_jal && lift.insn->op != OP_jalr) {
            append(&lift,
                   to_place(&lift, (struct ir){.op = IR_jump}, at->offset + at->block->bytes));
        }
        at->ir_count = region->ir_count - at->ir_start;
    }
}
