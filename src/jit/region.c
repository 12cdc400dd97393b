/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is translated together: finding a region, and giving its registers homes. */
#include "jit/region.h"

#include <stdlib.h>
#include <string.h>

static const struct insn *last_insn(const struct block *block) {
    return &block_insns(block)[block->count - 1];
}

static unsigned insn_offset(const struct region_block *block, const struct insn *insn) {
    return block->offset + (insn->length & 0xfeU);
}

/** The block at @p offset, unless it never ran, which costs time and space for nothing, or has been
 * translated. */
static struct block *block_wanted(const struct code_cache *code, const struct code_page *page,
                                  int64_t offset) {
    if (offset < 0 || offset >= PAGE_BYTES || page->at[offset / 2] == 0 ||
        page->entry[offset / 2] != 0) {
        return NULL;
    }
    struct block *block = code_block(code, page->at[offset / 2]);
    bool hot = block->heat < code->heat && block->heat != INT64_MAX && !block->alone;
    return hot ? block : NULL;
}

static bool region_holds(const struct jit_region *region, unsigned offset) {
    for (unsigned i = 0; i < region->block_count; i++) {
        if (region->blocks[i].offset == offset) {
            return true;
        }
    }
    return false;
}

static void region_add(struct jit_region *region, const struct code_cache *code, int64_t offset,
                       unsigned *insns) {
    struct block *block = block_wanted(code, region->page, offset);
    if (block == NULL || region_holds(region, (unsigned)offset) ||
        region->block_count == REGION_BLOCKS_MAX || *insns + block->count > REGION_INSNS_MAX) {
        return;
    }
    *insns += block->count;
    region->blocks[region->block_count++] = (struct region_block){
        .block = block, .offset = (unsigned)offset, .weight = (unsigned)(code->heat - block->heat)};
}

static int by_offset(const void *a, const void *b) {
    const struct region_block *left = a;
    const struct region_block *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

/** A jump back makes a loop of what lies between. */
static void weigh_loops(struct jit_region *region) {
    enum { LOOP_WEIGHT = 8, WEIGHT_MAX = 1 << 20 };
    for (unsigned i = 0; i < region->block_count; i++) {
        const struct region_block *block = &region->blocks[i];
        const struct insn *insn = last_insn(block->block);
        if ((op_traits(insn->op) & T_BRANCH) == 0 && (insn->op != OP_jal || insn->rd != X_SINK)) {
            continue;
        }
        int64_t target = (int64_t)insn_offset(block, insn) + insn->imm;
        for (unsigned j = 0; j <= i && target <= (int64_t)block->offset; j++) {
            struct region_block *inside = &region->blocks[j];
            if ((int64_t)inside->offset >= target && inside->weight < WEIGHT_MAX) {
                inside->weight *= LOOP_WEIGHT;
            }
        }
    }
}

bool region_find(struct jit_region *region, const struct code_cache *code, struct code_page *page,
                 unsigned offset) {
    unsigned insns = 0;
    region->code = code;
    region->page = page;
    region->block_count = 0;
    region_add(region, code, offset, &insns);
    for (unsigned i = 0; i < region->block_count; i++) {
        const struct region_block *block = &region->blocks[i];
        const struct insn *insn = last_insn(block->block);
        unsigned traits = op_traits(insn->op);
        if ((traits & T_BRANCH) != 0 || insn->op == OP_jal) {
            region_add(region, code, (int64_t)insn_offset(block, insn) + insn->imm, &insns);
        }
        bool returns = (insn->op == OP_jal || insn->op == OP_jalr) && insn->rd != X_SINK;
        if ((traits & T_JUMP) == 0 || returns) {
            region_add(region, code, block->offset + block->block->bytes, &insns);
        }
    }
    qsort(region->blocks, region->block_count, sizeof region->blocks[0], by_offset);
    weigh_loops(region);
    return region->block_count > 0;
}

/* -- Homes ------------------------------------------------------------------------------------- */

/** Which operands of an operation are general registers. */
enum { KIND_A = 1, KIND_B = 2, KIND_D = 4 };

static unsigned ir_kinds(unsigned op) {
    switch (op) {
    case IR_store:
    case IR_branch:
        return KIND_A | KIND_B;
    case IR_lr:
    case IR_load:
    case IR_jumpreg:
        return KIND_A | KIND_D;
    case IR_zero:
    case IR_fload:
    case IR_fstore:
    case IR_fcvt_x:
    case IR_fcvt_ux:
    case IR_fmove_to:
        return KIND_A;
    case IR_feq:
    case IR_flt:
    case IR_fle:
    case IR_fround_x:
    case IR_fround_ux:
    case IR_fmove_from:
        return KIND_D;
    default:
        return op < IR_branch ? KIND_A | KIND_B | KIND_D : 0;
    }
}

unsigned ir_changes(const struct ir *ir) {
    bool writes = ir->op == IR_call || (ir_kinds(ir->op) & KIND_D) != 0;
    return writes && ir->rd < 32 ? ir->rd : 0;
}

unsigned ir_writes(const struct ir *ir) {
    return ir->op != IR_call ? ir_changes(ir) : 0;
}

void ir_reads(const struct ir *ir, unsigned read[2]) {
    unsigned kinds = ir_kinds(ir->op);
    read[0] = (kinds & KIND_A) != 0 ? ir->ra : 0;
    read[1] = (kinds & KIND_B) != 0 && !ir->immediate ? ir->rb : 0;
}

int ir_target(const struct ir *ir) {
    return ir->op == IR_branch || ir->op == IR_jump ? ir->target : -1;
}

static void count_uses(const struct jit_region *region, uint64_t uses[33]) {
    for (unsigned i = 0; i < region->block_count; i++) {
        const struct region_block *block = &region->blocks[i];
        for (unsigned j = 0; j < block->ir_count; j++) {
            const struct ir *ir = &region->ir[block->ir_start + j];
            unsigned read[2];
            ir_reads(ir, read);
            uses[read[0]] += block->weight;
            uses[read[1]] += block->weight;
            uses[ir_writes(ir)] += block->weight;
        }
    }
}

void region_allocate(struct jit_region *region) {
    static const uint8_t homes[HOST_REGISTERS] = {RBX, RSI, RDI, R8, R9, R10, R11, R12, R13};
    struct register_map *map = &region->map;
    uint64_t uses[33] = {0};
    memset(map->host, NO_HOST, sizeof map->host);
    map->count = 0;
    count_uses(region, uses);
    while (map->count < HOST_REGISTERS) {
        unsigned best = 0;
        for (unsigned guest = 1; guest < 32; guest++) {
            if (map->host[guest] == NO_HOST && uses[guest] > (best == 0 ? 0 : uses[best])) {
                best = guest;
            }
        }
        if (best == 0) {
            break;
        }
        map->guest[map->count] = (uint8_t)best;
        map->idx[best] = (uint8_t)map->count;
        map->host[best] = homes[map->count++];
    }
}
