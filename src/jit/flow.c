/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What flows between the blocks of a region: which homes hold something that hart->x does not, and
 * which have to be loaded on the way in.
 *
 * A home is *dirty* at a place if some way there, from some way in, writes it. Whoever leaves the
 * region, or has an instruction interpreted, writes back what is dirty there, and nothing else. So
 * a home that no way has written need not hold anything: a way in loads only what is *live*, that
 * is read before it is written, or dirty, because it was written on another way to the same place.
 *
 * Both are sets of homes, found by passing over the blocks until nothing changes. */
#include "jit/region.h"

/** Homes that a block reads first, and that it writes. */
struct block_sets {
    uint16_t reads, writes;
};

static struct block_sets sets_of(const struct jit_region *region,
                                 const struct region_block *block) {
    struct block_sets sets = {0, 0};
    for (unsigned j = 0; j < block->ir_count; j++) {
        const struct ir *ir = &region->ir[block->ir_start + j];
        unsigned read[2];
        ir_reads(ir, read);
        uint16_t reads = home_bit(&region->map, read[0]) | home_bit(&region->map, read[1]);
        sets.reads |= reads & (uint16_t)~sets.writes;
        sets.writes |= ir_writes(ir) != 0 ? home_bit(&region->map, ir_writes(ir)) : 0;
    }
    return sets;
}

/** One pass along all edges. @return Whether anything changed. */
static bool pass_dirty(struct jit_region *region, const struct block_sets sets[]) {
    bool changed = false;
    for (unsigned i = 0; i < region->block_count; i++) {
        const struct region_block *block = &region->blocks[i];
        uint16_t out = block->dirty | sets[i].writes;
        for (unsigned j = 0; j < block->ir_count; j++) {
            int target = ir_target(&region->ir[block->ir_start + j]);
            if (target >= 0 &&
                (region->blocks[target].dirty | out) != region->blocks[target].dirty) {
                region->blocks[target].dirty |= out;
                changed = true;
            }
        }
    }
    return changed;
}

static bool pass_live(struct jit_region *region, const struct block_sets sets[]) {
    bool changed = false;
    for (unsigned i = region->block_count; i-- > 0;) {
        struct region_block *block = &region->blocks[i];
        uint16_t out = 0;
        for (unsigned j = 0; j < block->ir_count; j++) {
            int target = ir_target(&region->ir[block->ir_start + j]);
            out |= target >= 0 ? region->blocks[target].live : 0;
        }
        uint16_t live = block->dirty | sets[i].reads | (out & (uint16_t)~sets[i].writes);
        changed |= live != block->live;
        block->live = live;
    }
    return changed;
}

void region_flow(struct jit_region *region) {
    struct block_sets sets[REGION_BLOCKS_MAX];
    for (unsigned i = 0; i < region->block_count; i++) {
        sets[i] = sets_of(region, &region->blocks[i]);
        region->blocks[i].dirty = region->blocks[i].live = 0;
    }
    while (pass_dirty(region, sets)) {
    }
    while (pass_live(region, sets)) {
    }
}
