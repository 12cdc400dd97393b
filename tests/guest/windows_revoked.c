/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that a loop stores to becomes a page table in the middle of the loop: the very next store
 * acts on the next access (law 13).
 *
 * Nothing tells the loop but a walk that passes by. Its stores go off one register, so a translator
 * that has found the page writable would like to go on storing unseen (src/jit/window.c).
 *
 * expect: exit 0 */
#include "paging.h"

enum { ROUNDS = 300, WALKED_ROUNDS = 40, TABLES = 9 };
enum { FIRST = 100, SECOND = 200 }; /* what the two entries lead to */

static volatile uint64_t fresh[TABLES][512] __attribute__((aligned(4096)));
static volatile uint64_t frames[2][512] __attribute__((aligned(4096)));
static volatile uint64_t frames_leaves[2][512] __attribute__((aligned(4096)));
static volatile uint64_t beside;

struct pair {
    uint64_t first, second;
};

typedef struct pair loop_fn(volatile uint64_t *table, volatile uint64_t *mapped,
                            struct pair entries);

/* Each round stores one entry and looks, stores the other and looks. The looks go to a word beside,
 * and in the last rounds to what the entry maps: the first of these walks through the table. */
#define STORES_AND_LOOKS(name, look)                                                               \
    HOT static struct pair name(volatile uint64_t *table, volatile uint64_t *mapped,               \
                                struct pair entries) {                                             \
        struct pair seen = {0, 0};                                                                 \
        volatile uint64_t *at = &beside;                                                           \
        uint64_t left = ROUNDS;                                                                    \
        __asm__ volatile(                                                                          \
            LONG("1:  sd    %[one], 0(%[table])\n" look                                            \
                 "    add   %[first], %[first], t0\n"                                              \
                 "    sd    %[two], 0(%[table])\n" look                                            \
                 "    add   %[second], %[second], t0\n"                                            \
                 "    addi  %[left], %[left], -1\n"                                                \
                 "    addi  t0, %[left], -%[walked]\n"                                             \
                 "    bnez  t0, 2f\n"                                                              \
                 "    mv    %[at], %[mapped]\n"                                                    \
                 "2:  bnez  %[left], 1b\n")                                                        \
            :                                                                                      \
            [first] "+r"(seen.first), [second] "+r"(seen.second), [at] "+r"(at), [left] "+r"(left) \
            : [table] "r"(table), [mapped] "r"(mapped), [one] "r"(entries.first),                  \
              [two] "r"(entries.second), [walked] "i"(WALKED_ROUNDS)                               \
            : "t0", "t5", "t6", "memory");                                                         \
        return seen;                                                                               \
    }

STORES_AND_LOOKS(by_loads, "ld t0, 0(%[at])\n")
STORES_AND_LOOKS(by_atomics, "amoor.d t0, zero, (%[at])\n")
STORES_AND_LOOKS(by_stores, "sd zero, 8(%[at])\n ld t0, 0(%[at])\n")

static void expect_both(struct pair seen) {
    check(seen.first == WALKED_ROUNDS * FIRST);
    check(seen.second == WALKED_ROUNDS * SECOND);
    check(faults.count == 0);
}

static void becomes_leaves(loop_fn *loop, volatile uint64_t *table) {
    struct pair entries = {entry(frames[0], ALL), entry(frames[1], ALL)};
    middle[1] = entry(table, V);
    expect_both(loop(table, page(512), entries));
}

static void becomes_pointers(loop_fn *loop, volatile uint64_t *table) {
    struct pair entries = {entry(frames_leaves[0], V), entry(frames_leaves[1], V)};
    frames_leaves[0][0] = entry(frames[0], ALL);
    frames_leaves[1][0] = entry(frames[1], ALL);
    root[3] = entry(table, V);
    expect_both(loop(table, (volatile uint64_t *)(3ul << 30), entries));
}

/* Entries that map 2 MiB each, of RAM that nothing else uses. */
static void becomes_spans(loop_fn *loop, volatile uint64_t *table) {
    volatile uint64_t *far[2] = {(void *)0x82000000, (void *)0x82200000};
    struct pair entries = {entry(far[0], ALL), entry(far[1], ALL)};
    far[0][0] = FIRST;
    far[1][0] = SECOND;
    root[4] = entry(table, V);
    expect_both(loop(table, (volatile uint64_t *)(4ul << 30), entries));
}

static void supervisor_main(void) {
    static loop_fn *const loops[] = {by_loads, by_atomics, by_stores};
    frames[0][0] = FIRST;
    frames[1][0] = SECOND;
    for (unsigned i = 0; i < 3; i++) {
        becomes_leaves(loops[i], fresh[3 * i]);
        becomes_pointers(loops[i], fresh[3 * i + 1]);
        becomes_spans(loops[i], fresh[3 * i + 2]);
    }
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    paging_start(supervisor_main);
    return 1;
}
