/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where walks set A and D (menvcfg.ADUE), each access that must set a bit sets it at once, and a
 * load of the entry sees that: also when a bit has been cleared in a hot loop, and when the page
 * could be read before, but not be written (law 13).
 *
 * expect: exit 0 */
#include "paging.h"

enum { ROUNDS = 200, ADUE_BIT = 61 };

static volatile uint64_t frame[512] __attribute__((aligned(4096)));

/** Sums of the entry as loaded after a load, and after a store behind it. */
struct seen {
    uint64_t loaded, stored;
};

/* The entry is clean at the start of each round. The page's accesses go off one register, the
 * entry's off another. */
HOT static struct seen loop(volatile uint64_t *at, volatile uint64_t *slot, uint64_t clean) {
    struct seen seen = {0, 0};
    uint64_t left = ROUNDS;
    __asm__ volatile(LONG("1:  sd    %[clean], 0(%[slot])\n"
                          "    ld    t0, 0(%[at])\n"
                          "    ld    t0, 0(%[slot])\n"
                          "    add   %[loaded], %[loaded], t0\n"
                          "    ld    t0, 8(%[at])\n"
                          "    sd    %[left], 16(%[at])\n"
                          "    ld    t0, 0(%[slot])\n"
                          "    add   %[stored], %[stored], t0\n"
                          "    sd    %[left], 24(%[at])\n"
                          "    addi  %[left], %[left], -1\n"
                          "    bnez  %[left], 1b\n")
                     : [loaded] "+r"(seen.loaded), [stored] "+r"(seen.stored), [left] "+r"(left)
                     : [at] "r"(at), [slot] "r"(slot), [clean] "r"(clean)
                     : "t0", "t5", "t6", "memory");
    return seen;
}

static void expect(volatile uint64_t *at, volatile uint64_t *slot, uint64_t clean) {
    struct seen seen = loop(at, slot, clean);
    check(seen.loaded == ROUNDS * (clean | A));
    check(seen.stored == ROUNDS * (clean | A | D));
    check(faults.count == 0);
    check(frame[2] == 1 && frame[3] == 1);
}

static void supervisor_main(void) {
    expect(page(0), &leaves[0], entry(frame, ALL & ~(A | D)));
    expect(page(0), &leaves[0], entry(frame, ALL & ~D));
    expect(page(0), &leaves[0], entry(frame, ALL & ~A));
    leaves[7] = entry(leaves, ALL);
    expect(page(1), page(7) + 1, entry(frame, ALL & ~(A | D)));
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    csr_write(menvcfg, 1ul << ADUE_BIT);
    check(csr_read(menvcfg) >> ADUE_BIT & 1);
    paging_start(supervisor_main);
    return 1;
}
