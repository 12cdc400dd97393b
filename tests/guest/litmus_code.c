/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One hart changes code and page tables that another uses. Behind fence.i and sfence.vma the other
 * sees what was changed, under every policy.
 *
 * expect: exit 0
 * harts: 2
 * policies: token free */
#include "paging.h"

enum { ROUNDS = 1000 * SCALE, CALLS = 60 };

static volatile uint64_t turn, mapped;
static volatile uint32_t function[2] __attribute__((aligned(4096)));
static volatile uint64_t pages[2][512] __attribute__((aligned(4096)));

static void wait_for(uint64_t wanted) {
    while (turn != wanted) {
    }
    __asm__ volatile("fence rw, rw" ::: "memory");
}

static void hand_over(uint64_t to) {
    __asm__ volatile("fence rw, rw" ::: "memory");
    turn = to;
}

/* li a0, number; ret. And another page behind the same address. */
static void change(uint64_t round) {
    function[0] = 0x00000513 | (uint32_t)(round % 1024) << 20;
    function[1] = 0x00008067;
    pages[round % 2][0] = round;
    leaves[0] = entry(pages[round % 2], ALL);
}

/* Often enough that the old code has been translated when the new one comes. */
static void use(uint64_t round) {
    uint64_t (*call)(void) = (uint64_t(*)(void))(uintptr_t)function;
    __asm__ volatile("fence.i\n sfence.vma" ::: "memory");
    for (unsigned i = 0; i < CALLS; i++) {
        check(call() == round % 1024);
        check(*page(0) == round);
    }
}

static void supervise(void) {
    uint64_t hart = csr_read(sscratch);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        if (hart == 0) {
            wait_for(2 * round - 2);
            change(round);
            hand_over(2 * round - 1);
        } else {
            wait_for(2 * round - 1);
            use(round);
            hand_over(2 * round);
        }
    }
    wait_for(2 * ROUNDS);
    if (hart == 0) {
        guest_end(0);
    }
    for (;;) {
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    csr_write(sscratch, hart);
    if (hart == 0) {
        paging_map();
        __asm__ volatile("fence rw, rw" ::: "memory");
        mapped = 1;
    }
    while (mapped == 0) {
    }
    paging_start(supervise);
    return 1;
}
