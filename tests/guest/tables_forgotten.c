/* SPDX-License-Identifier: GPL-2.0-or-later */
/* However long a table has not been walked, a store to it acts on the next access (law 13).
 *
 * The emulator forgets a table in which no TLB entry rests any more (src/hart/mmu.c), and code may
 * still hold what the TLB has forgotten. So here one loop looks at a page for good, crowds it out
 * of the TLB with two others of its slot, stores to the table's free entries until the table is
 * reviewed, and only then to the page's own entry.
 *
 * expect: exit 0 */
#include "paging.h"

enum { ROUNDS = 1500, CHANGED_ROUNDS = 100, PARTS = 3 };

static volatile uint64_t frames[PARTS + 1][512] __attribute__((aligned(4096)));
static volatile uint64_t rival_leaves[PARTS][512] __attribute__((aligned(4096)));

/**
 * @param at     The page, two others of whose slot lie PART_BYTES and twice as far on.
 * @param spare  A free entry; that of the page lies behind it, and becomes @p change when
 *               CHANGED_ROUNDS are left.
 * @return       Sum of what the page's loads gave.
 */
HOT static uint64_t loop(volatile uint64_t *at, volatile uint64_t *spare, uint64_t change) {
    uint64_t sum = 0;
    uint64_t left = ROUNDS;
    __asm__ volatile(
        LONG("1:  ld    t0, 0(%[at])\n"
             "    add   %[sum], %[sum], t0\n"
             "    ld    t0, 8(%[at])\n"
             "    add   %[sum], %[sum], t0\n"
             "    ld    t0, 0(%[rival])\n"
             "    ld    t0, 0(%[other])\n"
             "    sltiu t0, %[left], %[changed]\n"
             "    slli  t1, t0, 3\n"
             "    add   t1, t1, %[spare]\n" /* one further on when few are left */
             "    neg   t0, t0\n"
             "    and   t0, t0, %[change]\n" /* 0 until then */
             "    sd    t0, 0(t1)\n"
             "    addi  %[left], %[left], -1\n"
             "    bnez  %[left], 1b\n")
        : [sum] "+r"(sum), [left] "+r"(left)
        : [at] "r"(at), [rival] "r"(at + PART_BYTES / 8), [other] "r"(at + 2 * PART_BYTES / 8),
          [spare] "r"(spare), [change] "r"(change), [changed] "i"(CHANGED_ROUNDS + 1)
        : "t0", "t1", "memory");
    return sum;
}

static void supervisor_main(void) {
    enum { PAGE = 5, BEFORE = 1, AFTER = 1000 };
    for (unsigned word = 0; word < 2; word++) {
        frames[0][word] = BEFORE;
        frames[PARTS][word] = AFTER;
    }
    for (unsigned part = 1; part < PARTS; part++) {
        rival_leaves[part][PAGE] = entry(frames[part], ALL);
        middle[part] = entry(rival_leaves[part], V);
    }
    leaves[PAGE] = entry(frames[0], ALL);
    uint64_t sum = loop(page(PAGE), &leaves[PAGE - 1], entry(frames[PARTS], ALL));
    uint64_t after_rounds = CHANGED_ROUNDS - 1; /* the change comes behind its round's loads */
    check(sum == 2 * ((ROUNDS - after_rounds) * BEFORE + after_rounds * AFTER));
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    paging_start(supervisor_main);
    return 1;
}
