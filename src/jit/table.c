/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables: accesses that stay in one page for long, though nobody can prove it.
 *
 * `table[index]` adds an index to a register that the region never changes. Often the table is a
 * page or less: a CRC's, a cipher's, an interpreter's jumps. Such accesses remember the page of the
 * last one. Comparing with it needs no address to be worked out first, so the processor can start
 * the access at once; the TLB costs it a load whose address is known late.
 *
 * Where a table turns out to be large, each miss is dearer than no memory at all. So misses that
 * follow each other closely are counted, a strike each, and a page of code with too many strikes is
 * translated again, without tables. Strikes are the host's affair and nobody else's. */
#include "jit/region.h"

/** A register that is added to others. */
struct adder {
    uint64_t weight;
    bool changes;
};

/** The register that the address of access @p at is made with, by the operation that made it; 0 for
 * none. */
static unsigned added_register(const struct jit_region *region, unsigned start, unsigned at) {
    unsigned base = region->ir[at].ra;
    for (unsigned i = at; i-- > start;) {
        const struct ir *ir = &region->ir[i];
        if (ir_changes(ir) == base) {
            bool sum = (ir->op == IR_add && ir->size == 8 && !ir->immediate) || ir->op == IR_shladd;
            return sum ? ir->rb : 0;
        }
    }
    return 0;
}

static bool is_load(const struct ir *ir) {
    return ir->op == IR_load || ir->op == IR_fload;
}

static void adders_find(struct jit_region *region, struct adder adders[32]) {
    for (unsigned i = 0; i < region->block_count; i++) {
        const struct region_block *block = &region->blocks[i];
        for (unsigned j = block->ir_start; j < block->ir_start + block->ir_count; j++) {
            struct ir *ir = &region->ir[j];
            ir->table = 0;
            adders[ir_changes(ir)].changes = true;
            if (is_load(ir)) {
                adders[added_register(region, block->ir_start, j)].weight += block->weight;
            }
        }
    }
}

static void table_give(struct jit_region *region, unsigned guest, unsigned table) {
    for (unsigned i = 0; i < region->block_count; i++) {
        const struct region_block *block = &region->blocks[i];
        for (unsigned j = block->ir_start; j < block->ir_start + block->ir_count; j++) {
            struct ir *ir = &region->ir[j];
            if (is_load(ir) && added_register(region, block->ir_start, j) == guest) {
                ir->table = (uint8_t)table;
            }
        }
    }
}

void region_tables(struct jit_region *region) {
    struct adder adders[32] = {{0}};
    adders_find(region, adders);
    region->table_count = 0;
    while (region->page->strikes < STRIKES_MAX && region->table_count < TABLES_USED_MAX) {
        unsigned best = 0;
        adders[0].weight = 0; /* no register */
        for (unsigned guest = 1; guest < 32; guest++) {
            if (!adders[guest].changes && adders[guest].weight > adders[best].weight) {
                best = guest;
            }
        }
        if (best == 0) {
            break;
        }
        table_give(region, best, ++region->table_count);
        adders[best].weight = 0;
    }
}
