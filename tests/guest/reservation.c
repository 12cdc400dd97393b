/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ends a reservation, which is the aligned 64 bytes (law 10): an SC of its hart, or a write
 * there by another hart or by what answers at tohost, even of the same value. Own stores, traps,
 * turns and other lines do not.
 *
 * expect: exit 0
 * harts: 2 */
#include "guest.h"

static struct { _Alignas(64) volatile uint64_t word[16]; } line;
static volatile uint64_t request,
    served; /* request: index in word[] that hart 1 shall store to, plus 1 */

static uint64_t load_reserved(volatile uint64_t *at) {
    uint64_t value;
    __asm__ volatile("lr.d %0, (%1)" : "=r"(value) : "r"(at) : "memory");
    return value;
}

/** 0 on success. */
static uint64_t store_conditional(volatile uint64_t *at, uint64_t value) {
    uint64_t failed;
    __asm__ volatile("sc.d %0, %2, (%1)" : "=&r"(failed) : "r"(at), "r"(value) : "memory");
    return failed;
}

static void other_stores(uint64_t word_idx) {
    uint64_t before = served;
    request = word_idx + 1;
    while (served == before) {
    }
}

static void hart_1(void) {
    for (;;) {
        while (request == 0) {
        }
        line.word[request - 1] = line.word[request - 1]; /* the value that stands there */
        request = 0;
        served = served + 1;
    }
}

/* A write call, whose result is written over its first word: 64 again. */
static void host_writes(volatile uint64_t *call) {
    extern volatile uint64_t tohost, fromhost;
    fromhost = 0;
    tohost = (uint64_t)(uintptr_t)call;
    while (fromhost == 0) {
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    if (hart == 1) {
        hart_1();
    }
    check(store_conditional(&line.word[0], 1) != 0); /* none held */
    load_reserved(&line.word[0]);
    check(store_conditional(&line.word[0], 2) == 0 && line.word[0] == 2);
    check(store_conditional(&line.word[0], 3) != 0 && line.word[0] == 2); /* used up */

    line.word[0] = 64; /* write(1, the first bytes of RAM, 0) */
    line.word[1] = 1;
    line.word[2] = 0x80000000;
    line.word[3] = 0;
    load_reserved(&line.word[0]);
    host_writes(&line.word[0]);
    check(store_conditional(&line.word[0], 6) != 0);

    load_reserved(&line.word[0]);
    line.word[0] = 9; /* own stores leave it */
    check(store_conditional(&line.word[7], 4) == 0 &&
          line.word[7] == 4); /* same line, another word */

    load_reserved(&line.word[0]);
    check(store_conditional(&line.word[8], 5) != 0); /* another line */

    load_reserved(&line.word[0]);
    other_stores(8); /* another line, and many turns */
    check(store_conditional(&line.word[0], 6) == 0);

    load_reserved(&line.word[0]);
    other_stores(5); /* same line, same value */
    check(store_conditional(&line.word[0], 7) != 0);
    return 0;
}
