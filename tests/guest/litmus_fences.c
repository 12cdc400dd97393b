/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An sfence.vma of an address makes seen what its hart did to the leaf that maps it, whatever that
 * maps: a page, or pages of which some were used and others not. The address may be any of them.
 *
 * expect: exit 0
 * harts: 1
 * policies: token free */
#include "paging.h"

enum { ROUNDS = 300, USED = 40 };

static volatile uint64_t pages[2][512] __attribute__((aligned(4096)));
static volatile uint64_t *const parts[2] = {(void *)0x81000000, (void *)0x81200000};
static volatile uint64_t *const giant = (void *)(3ul << 30); /* RAM once more */

#define fence_of(address) __asm__ volatile("sfence.vma %0" ::"r"(address) : "memory")

/* Each use may be the one that the TLB remembers. */
HOT static uint64_t sum(volatile uint64_t *from, unsigned stride) {
    uint64_t all = 0;
    for (unsigned i = 0; i < USED; i++) {
        all += from[512 * stride * i];
    }
    return all;
}

/* Known to the TLB in its first way, or behind another page of the same slot. */
static void remap_page(unsigned round) {
    if (round % 3 == 0) {
        (void)*(parts[0] + 3 * 512);
    }
    leaves[3] = entry(pages[round % 2], ALL);
    fence_of(page(3));
    check(sum(page(3), 0) == USED * (round % 2 + 1));
}

/* 2 MiB, of which every other page is used. */
static void remap_part(unsigned round) {
    middle[1] = entry(parts[round % 2], ALL);
    fence_of(page(512 + 2 * (round % 200) + 1));
    check(sum(page(512), 2) == USED * (round % 2 + 7));
}

/* 1 GiB that comes and goes. */
static void remap_giant(unsigned round) {
    uint64_t before = faults.count;
    root[3] = round % 2 == 0 ? entry((void *)0x80000000, ALL) : 0;
    fence_of(giant + (round << 16));
    for (unsigned i = 0; i < 4; i++) {
        __asm__ volatile(LONG("ld t0, 0(%0)\n")::"r"(giant + 512 * i) : "t0", "t5", "t6");
    }
    check(faults.count == before + (round % 2 == 0 ? 0 : 4));
}

static void supervise(void) {
    for (unsigned i = 0; i < 2; i++) {
        pages[i][0] = i + 1;
        for (unsigned j = 0; j < USED; j++) {
            parts[i][1024 * j] = i + 7;
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        remap_page(round);
        remap_part(round);
        remap_page(round + 1); /* with entries of the part about */
        remap_page(round + 2); /* and of itself */
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        remap_giant(round);
    }
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    paging_start(supervise);
    return 1;
}
