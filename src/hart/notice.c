/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that somebody wants to be told of on the way, thousands of times a second.
 *
 * They are marked as breakpoints are (point.c, 1 and 4), so each has a block of its own, and that
 * is where it is told. What differs from a point:
 *
 * 1. The engine does not leave: who is told looks, then the instruction is executed. That is what
 *    makes it cheap enough for what is hit often.
 * 2. One more costs nothing but a mark on the code pages that TLBs lead to now; all others get
 *    theirs when they are found. So addresses can be added from inside the telling, and nobody has
 *    to know beforehand where a function will return to.
 * 3. None is taken away before all are: a place that has been noticed once stays noticed.
 *
 * Nothing of this is state. */
#include <stdlib.h>
#include <string.h>

#include "hart/code.h"
#include "hart/mmu.h"

enum { BUCKET_BITS = 16, BUCKETS = 1 << BUCKET_BITS, NOTICES_MAX = 1 << 20, ROOM_FIRST = 64 };

struct notice {
    vaddr address;
    uint64_t what;
    uint32_t next; /* in the page's bucket: 1 + index, or 0 */
};

struct notices {
    notice_fn *tell;
    void *owner;
    struct notice *list;
    size_t count, room;
    uint32_t buckets[BUCKETS]; /* by page: 1 + index, or 0 */
};

static uint32_t *bucket_of(struct notices *notices, vaddr address) {
    uint64_t mixed = (address >> PAGE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15);
    return &notices->buckets[mixed >> (64 - BUCKET_BITS)];
}

static struct notice *notice_find(struct notices *notices, vaddr address) {
    for (uint32_t at = *bucket_of(notices, address); at != 0; at = notices->list[at - 1].next) {
        if (notices->list[at - 1].address == address) {
            return &notices->list[at - 1];
        }
    }
    return NULL;
}

bool notices_begin(struct harts *harts, notice_fn *tell, void *owner, bool markers) {
    struct notices *notices = calloc(1, sizeof *notices);
    if (notices == NULL) {
        return false;
    }
    notices->tell = tell;
    notices->owner = owner;
    harts->notices = notices;
    harts->notices_markers = markers;
    harts_drop_caches(harts);
    harts->code->markers_alone = markers || harts->points.markers > 0;
    return true;
}

void notices_end(struct harts *harts) {
    struct notices *notices = harts->notices;
    if (notices != NULL) {
        harts->notices = NULL;
        harts->notices_markers = false;
        harts_drop_caches(harts);
        harts->code->markers_alone = harts->points.markers > 0;
        free(notices->list);
        free(notices);
    }
}

/** Marks the address if a set of a TLB leads to it. */
static void mark_in(const struct fetch_entry *set, vaddr address) {
    unsigned slot = (unsigned)(address >> PAGE_SHIFT) % TLB_ENTRIES;
    for (unsigned way = slot; way < TLB_SLOTS; way += TLB_ENTRIES) {
        if (set[way].page == mmu_page(address)) {
            code_mark(set[way].code, (unsigned)(address & (PAGE_BYTES - 1)));
        }
    }
}

/** Marks it wherever a TLB leads to it. */
static void mark_found(struct harts *harts, vaddr address) {
    for (unsigned i = 0; i < harts->count; i++) {
        const struct hart *hart = harts->hart[i];
        for (unsigned set = 0; set < TLB_SETS; set++) {
            if (hart->fetch_set_context[set] != TLB_EMPTY) {
                mark_in(hart->fetch[set], address);
            }
        }
    }
}

bool notices_add(struct harts *harts, vaddr address, uint64_t what) {
    struct notices *notices = harts->notices;
    struct notice *known = notice_find(notices, address);
    if (known != NULL) {
        known->what |= what;
        return true;
    }
    if (notices->count == NOTICES_MAX) {
        return false;
    }
    if (notices->count == notices->room) {
        notices->room = notices->room == 0 ? ROOM_FIRST : 2 * notices->room;
        notices->list = realloc(notices->list, notices->room * sizeof *notices->list);
        ensure(notices->list != NULL);
    }
    uint32_t *bucket = bucket_of(notices, address);
    notices->list[notices->count++] =
        (struct notice){.address = address, .what = what, .next = *bucket};
    *bucket = (uint32_t)notices->count;
    mark_found(harts, address);
    return true;
}

void notices_mark(struct harts *harts, struct code_page *code, vaddr page) {
    struct notices *notices = harts->notices;
    for (uint32_t at = *bucket_of(notices, page); at != 0; at = notices->list[at - 1].next) {
        if (mmu_page(notices->list[at - 1].address) == page) {
            code_mark(code, (unsigned)(notices->list[at - 1].address & (PAGE_BYTES - 1)));
        }
    }
}

void notices_look(struct hart *hart) {
    struct harts *harts = hart->harts;
    const struct notice *notice = notice_find(harts->notices, hart->pc);
    uint32_t marker = 0;
    if (harts->notices_markers && !points_marker_bits(hart, &marker)) {
        marker = 0;
    }
    if (notice != NULL || marker != 0) {
        harts->notices->tell(harts->notices->owner, hart, notice == NULL ? 0 : notice->what,
                             marker);
    }
}
