/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory order between two harts: message passing, store buffering with fences, coherence. What
 * RVWMO forbids is seen under no policy (law 10, DESIGN section 3).
 *
 * expect: exit 0
 * harts: 2
 * policies: token free */
#include "guest.h"

enum { ROUNDS = 20000 };

/* Each on a line of its own, so that only the harts' order is in play. */
static volatile struct {
    uint64_t value;
    uint64_t line[7];
} data, flag, x, y, seen[2], arrived[2], grows;

#define fence(before, after) __asm__ volatile("fence " #before ", " #after ::: "memory")

/** Both wait for each other. */
static void meet(uint64_t hart, uint64_t round) {
    fence(rw, rw);
    arrived[hart].value = round;
    while (arrived[1 - hart].value < round) {
    }
    fence(rw, rw);
}

static void pass_messages(uint64_t hart) {
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        if (hart == 0) {
            data.value = round;
            fence(w, w);
            flag.value = round;
        } else {
            uint64_t told = flag.value;
            fence(r, r);
            check(data.value >= told);
        }
    }
}

/* Without the fence a store may wait in a buffer while the load behind it is done. */
static void buffer_stores(uint64_t hart) {
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        x.value = y.value = 0;
        meet(hart, 3 * round);
        if (hart == 0) {
            x.value = 1;
            fence(w, r);
            seen[0].value = y.value;
        } else {
            y.value = 1;
            fence(rw, rw);
            seen[1].value = x.value;
        }
        meet(hart, 3 * round + 1);
        check(seen[0].value + seen[1].value != 0);
        meet(hart, 3 * round + 2);
    }
}

static void read_in_order(uint64_t hart) {
    uint64_t last = 0;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        if (hart == 0) {
            grows.value = round;
        } else {
            uint64_t now = grows.value;
            check(now >= last);
            last = now;
        }
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    meet(hart, 1); /* so that both are at it at once */
    pass_messages(hart);
    meet(hart, 2);
    read_in_order(hart);
    buffer_stores(hart);
    meet(hart, UINT64_MAX - 1);
    for (;;) {
        if (hart == 0) {
            return 0;
        }
    }
}
