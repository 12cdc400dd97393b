/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One page of code runs at several addresses in turn: what depends on pc is right in each, a store
 * through one mapping changes the code of all, and a mapping goes away alone, even under the loop
 * that runs there (law 13).
 *
 * Code is translated once for the page (src/jit/region.h), and here it is hot before it is run
 * elsewhere.
 *
 * expect: exit 0 */
#include "paging.h"

enum { ROUNDS = 100, ALIASES = 5 };
enum { ADDI_1 = 0x00150513, ADDI_2 = 0x00250513 }; /* addi a0, a0, … */

/* a0: sum, a1: rounds; in each, a3 is stored to a2. Adds three addresses of the page, and 1. */
__asm__(".option push\n.option norvc\n.balign 4096\n"
        "aliased:\n"
        "    auipc t0, 0\n"
        "    add   a0, a0, t0\n"
        "    jal   t0, 1f\n"
        "    .word 0\n"
        "1:  add   a0, a0, t0\n" /* 12 */
        "    auipc t1, 0\n"
        "    jalr  t0, 8(t1)\n"
        "    add   a0, a0, t0\n" /* 28 */
        "    sd    a3, 0(a2)\n"
        "aliased_addi:\n"
        "    addi  a0, a0, 1\n"
        "    addi  a1, a1, -1\n"
        "    bnez  a1, aliased\n"
        "    ret\n"
        ".balign 4096\n"
        ".option pop\n");
extern char aliased[], aliased_addi[];
typedef uint64_t aliased_fn(uint64_t sum, uint64_t rounds, volatile void *to, uint64_t value);

static volatile uint64_t more_leaves[2][512] __attribute__((aligned(4096)));
static volatile uint64_t beside;

static unsigned alias_idx(unsigned i) {
    static const unsigned pages[ALIASES] = {0, 3, 5, 512 + 3, 2 * 512 + 3}; /* some share slots */
    return pages[i];
}

static volatile uint64_t *alias_entry(unsigned i) {
    static volatile uint64_t *const tables[] = {leaves, more_leaves[0], more_leaves[1]};
    return &tables[alias_idx(i) / 512][alias_idx(i) % 512];
}

static uint64_t call(unsigned alias, volatile void *to, uint64_t value) {
    return ((aliased_fn *)(uintptr_t)page(alias_idx(alias)))(0, ROUNDS, to, value);
}

static uint64_t expected(unsigned alias, uint64_t number) {
    return ROUNDS * (3 * (uint64_t)page(alias_idx(alias)) + 12 + 28 + number);
}

static void everywhere(uint64_t number) {
    for (unsigned i = 0; i < 3 * ALIASES; i++) {
        check(call(i % ALIASES, &beside, 0) == expected(i % ALIASES, number));
    }
}

/* The loop at each address rewrites itself at the next; the instruction is the first of two in the
 * stored word. */
static void rewritten_elsewhere(void) {
    uint64_t word = *(volatile uint64_t *)aliased_addi;
    for (unsigned i = 0; i < ALIASES; i++) {
        volatile char *other = (volatile char *)page(alias_idx((i + 1) % ALIASES));
        volatile char *at = other + (aliased_addi - aliased);
        everywhere(1);
        check(call(i, at, word - ADDI_1 + ADDI_2) == expected(i, 2));
        everywhere(2);
        check(call(i, at, word) == expected(i, 1));
    }
}

/* The loop takes its own page away in the first round: it never gets to the next instruction. */
static void taken_away(void) {
    for (unsigned i = 0; i < ALIASES; i++) {
        uint64_t mapped = *alias_entry(i);
        everywhere(1);
        faults.count = 0;
        call(i, alias_entry(i), 0);
        check(faults.count == 1 && faults.cause == CAUSE_FETCH);
        check(faults.address == (uint64_t)page(alias_idx(i)) + (uint64_t)(aliased_addi - aliased));
        call(i, &beside, 0);
        check(faults.count == 2 && faults.address == (uint64_t)page(alias_idx(i)));
        check(call((i + 1) % ALIASES, alias_entry(i), mapped) == expected((i + 1) % ALIASES, 1));
    }
}

static void supervisor_main(void) {
    middle[1] = entry(more_leaves[0], V);
    middle[2] = entry(more_leaves[1], V);
    for (unsigned i = 0; i < ALIASES; i++) {
        *alias_entry(i) = entry(aliased, ALL);
    }
    everywhere(1);
    rewritten_elsewhere();
    taken_away();
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    paging_start(supervisor_main);
    return 1;
}
