/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory order between two harts: message passing, store buffering with fences and with rl,
 * coherence. What RVWMO forbids is seen under no policy (law 10, DESIGN section 3).
 *
 * expect: exit 0
 * harts: 2
 * policies: token free */
#include "guest.h"

enum { ROUNDS = 20000 * SCALE };

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

enum way { BY_FENCE, BY_RELEASE, WAYS };

/* Without the fence, or rl of the load-reserved, a store may wait in a buffer while the load behind
 * it is done. */
static uint64_t load_behind(volatile uint64_t *at, enum way way, uint64_t hart) {
    uint64_t value;
    if (way == BY_RELEASE) {
        __asm__ volatile("lr.d.aqrl %0, (%1)" : "=r"(value) : "r"(at) : "memory");
        return value;
    }
    if (hart == 0) {
        fence(w, r);
    } else {
        fence(rw, rw);
    }
    return *at;
}

static void buffer_stores(uint64_t hart, enum way way) {
    uint64_t rounds = way == BY_FENCE ? ROUNDS : ROUNDS / 5;
    for (uint64_t round = 1; round <= rounds; round++) {
        uint64_t now = 3 * (round + way * ROUNDS);
        x.value = y.value = 0;
        meet(hart, now);
        if (hart == 0) {
            x.value = 1;
            seen[0].value = load_behind(&y.value, way, hart);
        } else {
            y.value = 1;
            seen[1].value = load_behind(&x.value, way, hart);
        }
        meet(hart, now + 1);
        check(seen[0].value + seen[1].value != 0);
        meet(hart, now + 2);
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
    buffer_stores(hart, BY_FENCE);
    buffer_stores(hart, BY_RELEASE);
    meet(hart, UINT64_MAX - 1);
    for (;;) {
        if (hart == 0) {
            return 0;
        }
    }
}
