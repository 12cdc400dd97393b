/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts between harts that work and harts that sleep: none is lost, none comes twice, and a
 * hart's own time never goes back.
 *
 * expect: exit 0
 * harts: 2 4
 * policies: token free */
#include "guest.h"

enum { ROUNDS = 300 * SCALE, HARTS = 4 };

static volatile uint64_t sent[HARTS], timers[HARTS], finished;
static uint64_t harts;

static uint64_t handle(uint64_t hart) {
    uint64_t pending = csr_read(mip) & csr_read(mie);
    if ((pending & 8) != 0) {
        MSIP(hart) = 0;
        __asm__ volatile("fence iorw, iorw" ::: "memory");
        sent[hart]++;
    }
    if ((pending & 128) != 0) {
        MTIMECMP(hart) = -1;
        timers[hart]++;
    }
    return pending;
}

/* Interrupts stay off: WFI falls through when one is pending, and it is handled here. */
static void wait_until(uint64_t hart, volatile uint64_t *count, uint64_t wanted) {
    uint64_t last = csr_read(time);
    while (*count < wanted) {
        __asm__ volatile("wfi" ::: "memory");
        handle(hart);
        uint64_t now = csr_read(time);
        check(now >= last);
        last = now;
    }
    check(*count == wanted);
}

/** A word goes around: each hart waits for it, and wakes the next. */
static void relay(uint64_t hart) {
    uint64_t next = (hart + 1) % harts;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        if (hart == 0) {
            MSIP(next) = 1;
        }
        wait_until(hart, &sent[hart], round);
        if (hart != 0) {
            MSIP(next) = 1;
        }
    }
}

static void alarms(uint64_t hart) {
    uint64_t seed = 88172645463325252 + hart;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        uint64_t due = csr_read(time) + random_next(&seed) % 200;
        MTIMECMP(hart) = due;
        wait_until(hart, &timers[hart], round);
        check(csr_read(time) >= due);
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    harts = harts_count(device_tree);
    csr_write(mie, 8 | 128);
    relay(hart);
    alarms(hart);
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (hart != 0 || finished < harts) {
    }
    return 0;
}
