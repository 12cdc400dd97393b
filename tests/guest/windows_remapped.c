/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page that a loop loads from and stores to gets another frame or other permissions between two
 * accesses off one register, without any fence: the next access feels it (law 13).
 *
 * A translator that has looked the page up for the first access would like to spare itself the look
 * for the next (src/jit/window.c).
 *
 * expect: exit 0 */
#include "paging.h"

enum { ROUNDS = 200 };

static volatile uint64_t frames[2][512] __attribute__((aligned(4096)));
static volatile uint64_t other_leaves[512] __attribute__((aligned(4096)));
static volatile uint64_t other_middle[512] __attribute__((aligned(4096)));

/** What loads and stores met in the rounds' three parts. */
struct seen {
    uint64_t before, between, behind;
};

/** Each round changes an entry to @p there and @p back again. */
struct change {
    volatile uint64_t *slot;
    uint64_t there, back;
};

HOT static struct seen loop(volatile uint64_t *at, const struct change *change) {
    struct seen seen = {0, 0, 0};
    uint64_t left = ROUNDS;
    __asm__ volatile(LONG("1:  ld    t0, 0(%[at])\n"
                          "    add   %[before], %[before], t0\n"
                          "    sd    %[there], 0(%[slot])\n"
                          "    li    t0, 0\n"
                          "    ld    t0, 8(%[at])\n"
                          "    add   %[between], %[between], t0\n"
                          "    sd    %[left], 24(%[at])\n"
                          "    sd    %[back], 0(%[slot])\n"
                          "    ld    t0, 16(%[at])\n"
                          "    add   %[behind], %[behind], t0\n"
                          "    sd    %[left], 32(%[at])\n"
                          "    addi  %[left], %[left], -1\n"
                          "    bnez  %[left], 1b\n")
                     : [before] "+r"(seen.before), [between] "+r"(seen.between),
                       [behind] "+r"(seen.behind), [left] "+r"(left)
                     : [at] "r"(at), [slot] "r"(change->slot), [there] "r"(change->there),
                       [back] "r"(change->back)
                     : "t0", "t5", "t6", "memory");
    return seen;
}

static void frames_fill(void) {
    for (unsigned frame = 0; frame < 2; frame++) {
        for (unsigned word = 0; word < 5; word++) {
            frames[frame][word] = word < 3 ? 10 * (frame + 1) + word : 0;
        }
    }
    faults.count = 0;
}

/* The page is frame 0, but frame 1 while the entry is changed. */
static void frame_changes(volatile uint64_t *at, const struct change *change) {
    frames_fill();
    *change->slot = change->back;
    struct seen seen = loop(at, change);
    check(faults.count == 0);
    check(seen.before == ROUNDS * 10);
    check(seen.between == ROUNDS * 21);
    check(seen.behind == ROUNDS * 12);
    check(frames[0][3] == 0 && frames[1][3] == 1);
    check(frames[0][4] == 1 && frames[1][4] == 0);
}

/* The page always is frame 0, and while the entry is changed, loads and stores get through (1) or
 * not (0). */
static void access_is_lost(const struct change *change, uint64_t loads, uint64_t stores) {
    frames_fill();
    *change->slot = change->back;
    struct seen seen = loop(page(0), change);
    check(faults.count == ROUNDS * (2 - loads - stores));
    check(seen.before == ROUNDS * 10);
    check(seen.between == ROUNDS * loads * 11);
    check(seen.behind == ROUNDS * 12);
    check(frames[0][3] == stores && frames[0][4] == 1);
}

static void all_levels(void) {
    uint64_t first = entry(frames[0], ALL);
    uint64_t second = entry(frames[1], ALL);
    other_leaves[0] = second;
    other_middle[0] = entry(other_leaves, V);
    leaves[0] = first;
    frame_changes(page(0), &(struct change){&leaves[0], second, first});
    frame_changes(page(0), &(struct change){&middle[0], entry(other_leaves, V), entry(leaves, V)});
    frame_changes(page(0),
                  &(struct change){&root[SPACE >> 30], entry(other_middle, V), entry(middle, V)});
}

/* The table lies in a page that another table maps, or it maps itself, or it is its own next table:
 * part 2 of the space is all of the middle table, taken for leaves. */
static void tables_as_memory(void) {
    uint64_t first = entry(frames[0], ALL);
    uint64_t second = entry(frames[1], ALL);
    middle[1] = entry(other_leaves, V);
    other_leaves[7] = entry(leaves, ALL);
    frame_changes(page(0), &(struct change){page(512 + 7), second, first});
    leaves[7] = entry(leaves, ALL);
    frame_changes(page(0), &(struct change){page(7), second, first});
    middle[2] = entry(middle, V);
    frame_changes(page(2 * 512 + 9), &(struct change){&middle[9], second, first});
    middle[9] = first;
    other_leaves[9] = second;
    frame_changes(page(2 * 512 + 9),
                  &(struct change){&middle[2], entry(other_leaves, V), entry(middle, V)});
}

/* An entry that maps 2 MiB, the start of RAM, changes places with a pointer to a table. */
static void spans(void) {
    enum { PART = 300 }; /* a page's place in RAM says nothing about the place of its entry */
    uint64_t offset = (uint64_t)frames[0] - 0x80000000;
    check(offset < PART_BYTES);
    other_leaves[offset / 4096] = entry(frames[1], ALL);
    frame_changes(
        page(PART * 512 + offset / 4096),
        &(struct change){&middle[PART], entry(other_leaves, V), entry((void *)0x80000000, ALL)});
}

static void permissions(void) {
    static const struct {
        uint64_t bits, loads, stores;
    } kinds[] = {{ALL & ~W, 1, 0},      {ALL & ~D, 1, 0}, {ALL & ~A, 0, 0},
                 {V | X | A | D, 0, 0}, {ALL | U, 0, 0},  {0, 0, 0}};
    uint64_t whole = entry(frames[0], ALL);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t there = entry(frames[0], kinds[i].bits);
        access_is_lost(&(struct change){&leaves[0], there, whole}, kinds[i].loads, kinds[i].stores);
    }
}

/* Pages and tables behind the end of RAM. */
static void nowhere(void) {
    const volatile void *end = (void *)0x84000000;
    access_is_lost(&(struct change){&leaves[0], entry(end, ALL), entry(frames[0], ALL)}, 0, 0);
    access_is_lost(&(struct change){&middle[0], entry(end, V), entry(leaves, V)}, 0, 0);
}

static void supervisor_main(void) {
    all_levels();
    spans();
    tables_as_memory();
    permissions();
    nowhere();
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    paging_start(supervisor_main);
    return 1;
}
