/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atomics of several harts on the same words: nothing is lost, whoever runs when.
 *
 * expect: exit 0
 * harts: 1 2 4
 * policies: token free */
#include "guest.h"

enum { ROUNDS = 4000 * SCALE };

static volatile uint64_t count, by_reservation, lock, guarded, bits, most, finished;
static volatile uint32_t words[2];

static void increment_reserved(void) {
    uint64_t old, failed;
    do {
        __asm__ volatile("lr.d.aq %0, (%2)\n addi %0, %0, 1\n sc.d.rl %1, %0, (%2)"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(&by_reservation)
                         : "memory");
    } while (failed != 0);
}

static void increment_locked(void) {
    uint64_t taken;
    do {
        __asm__ volatile("amoswap.d.aq %0, %1, (%2)"
                         : "=r"(taken)
                         : "r"(1l), "r"(&lock)
                         : "memory");
    } while (taken != 0);
    guarded++;
    __asm__ volatile("amoswap.d.rl zero, zero, (%0)" ::"r"(&lock) : "memory");
}

/* The words are neighbours: a carry must not reach from one to the other. */
static void atomics(uint64_t hart, uint64_t round) {
    uint64_t before;
    __asm__ volatile("amoadd.d zero, %1, (%0)" ::"r"(&count), "r"(1l) : "memory");
    __asm__ volatile("amoadd.w zero, %1, (%0)" ::"r"(&words[hart & 1]), "r"(-1l) : "memory");
    __asm__ volatile("amomaxu.d %0, %2, (%1)"
                     : "=r"(before)
                     : "r"(&most), "r"(round * 8 + hart)
                     : "memory");
    check(most >= round * 8 + hart && most >= before);
    __asm__ volatile("amoxor.d zero, %1, (%0)" ::"r"(&bits), "r"(1ul << hart) : "memory");
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        increment_reserved();
        increment_locked();
        atomics(hart, round);
    }
    __asm__ volatile("amoadd.d.aqrl zero, %1, (%0)" ::"r"(&finished), "r"(1l) : "memory");
    if (hart != 0) {
        for (;;) {
        }
    }
    uint64_t harts = harts_count(device_tree);
    while (finished != harts) {
    }
    __asm__ volatile("fence rw, rw" ::: "memory");
    check(count == harts * ROUNDS && by_reservation == count && guarded == count);
    check(words[0] + words[1] == (uint32_t) - (int64_t)count);
    check(bits == 0);
    return 0;
}
