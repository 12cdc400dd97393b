/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows: which loads and stores share one look at the TLB.
 *
 * Most accesses of a region go through few registers: the stack pointer, a pointer to a struct. If
 * all of a register's accesses in the region, from the lowest byte to the highest, lie in one page,
 * one look answers them all. So such a register gets a window: that range, and a slot in the frame
 * for what turns an address of its page into one of the host. The slot is 0 while nothing is known:
 * at each way in, and after each instruction that changes the register. The first access that finds
 * 0 looks the whole range up; when the range crosses a page, or the page may not be written, each
 * access has to look for itself.
 *
 * What a slot says stays true until the region is left: whatever takes a permission away, on any
 * hart, sets hart->check (hart/mmu.c, rule 5), and code leaves the region behind an instruction
 * that set it. A mere eviction from the TLB takes nothing away.
 *
 * Rejected: one look a block, which needs no slot; blocks are short, and a function's accesses to
 * its stack lie in many of them. */
#include "jit/region.h"

#include <string.h>

enum {
    WINDOW_BYTES_MAX = 1024, /* the wider, the more often a page's end lies in it */
    CHANGE_COST = 2          /* accesses that must be saved for a change of the register */
};

/** What is known of a register as a base. */
struct base {
    uint64_t accesses, changes; /* weights */
    int64_t first, end;         /* [bytes] range of the accesses from the register's value */
    bool writes;
};

bool ir_uses_window(const struct ir *ir) {
    return ir->op == IR_load || ir->op == IR_store || ir->op == IR_fload || ir->op == IR_fstore;
}

static void base_widen(struct base *base, const struct ir *ir, unsigned weight) {
    bool fresh = base->accesses == 0;
    base->first = fresh || ir->imm < base->first ? ir->imm : base->first;
    base->end = fresh || ir->imm + ir->size > base->end ? ir->imm + ir->size : base->end;
    base->writes |= ir->op == IR_store || ir->op == IR_fstore;
    base->accesses += weight;
}

static void bases_find(const struct jit_region *region, struct base bases[33]) {
    for (unsigned i = 0; i < region->block_count; i++) {
        const struct region_block *block = &region->blocks[i];
        for (unsigned j = 0; j < block->ir_count; j++) {
            const struct ir *ir = &region->ir[block->ir_start + j];
            if (ir_uses_window(ir)) {
                base_widen(&bases[ir->ra], ir, block->weight);
            }
            if (ir_changes(ir) != 0) {
                bases[ir_changes(ir)].changes += block->weight;
            }
        }
    }
}

static bool pays(const struct base *base) {
    return base->accesses >= 3 && base->accesses > CHANGE_COST * base->changes &&
           base->end - base->first <= WINDOW_BYTES_MAX;
}

void region_windows(struct jit_region *region) {
    struct base bases[33] = {{0}};
    memset(region->window_of, NO_WINDOW, sizeof region->window_of);
    region->window_count = 0;
    bases_find(region, bases);
    while (region->window_count < WINDOWS_MAX) {
        unsigned best = 0;
        for (unsigned guest = 1; guest < 32; guest++) {
            bool free = region->map.host[guest] != NO_HOST && region->window_of[guest] == NO_WINDOW;
            if (free && pays(&bases[guest]) && bases[guest].accesses > bases[best].accesses) {
                best = guest;
            }
            bases[0].accesses = 0; /* x0 is no base worth a window */
        }
        if (best == 0) {
            break;
        }
        const struct base *base = &bases[best];
        region->window_of[best] = (uint8_t)region->window_count;
        region->windows[region->window_count++] =
            (struct window){(uint8_t)best, base->writes, (int32_t)base->first, (int32_t)base->end};
    }
}
