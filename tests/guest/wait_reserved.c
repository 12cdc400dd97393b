/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrs with a reservation waits for an interrupt or its turn's end; without one it costs its step
 * and nothing else (law 7).
 *
 * expect: exit 0
 * harts: 2 3
 * chaos: no
 * rates: shift=3 ips=3e7
 * args: --quantum 10000 */
#include "guest.h"

enum { QUANTUM_NS = 10000, TICK_NS = 100, ROUNDS = 50, LATE_TICKS = 3 };

static volatile uint64_t started, flag, done, other __attribute__((aligned(64)));

static void wait_reserved(volatile uint64_t *at, uint64_t *seen) {
    __asm__ volatile("lr.d %0, (%1)\n bnez %0, 1f\n .word 0x01d00073\n1:" /* wrs.sto */
                     : "=&r"(*seen)
                     : "r"(at)
                     : "memory");
}

/** An SC that follows no LR: whatever it does, no reservation is left. */
static void reservation_drop(void) {
    uint64_t failed;
    __asm__ volatile("sc.d %0, zero, (%1)" : "=r"(failed) : "r"(&other) : "memory");
}

static void check_without(void) {
    uint64_t before, after;
    reservation_drop();
    uint64_t ticks = csr_read(time);
    __asm__ volatile("csrr %0, mcycle\n .word 0x00d00073\n .word 0x01d00073\n csrr %1, mcycle"
                     : "=&r"(before), "=&r"(after)::"memory");
    check(after - before == 3);
    check(csr_read(time) - ticks <= 1 + 8 * law_ns(1) / TICK_NS);
}

/* Its turn ends with the round; the next one begins where that did. */
static void check_turns(void) {
    uint64_t waits = 0, seen = 0;
    started = 1;
    for (; seen == 0; waits++) {
        uint64_t before = csr_read(time), steps = csr_read(mcycle);
        wait_reserved(&flag, &seen);
        uint64_t after = csr_read(time);
        check(csr_read(mcycle) - steps <= 8);
        check(seen != 0 || after / (QUANTUM_NS / TICK_NS) == before / (QUANTUM_NS / TICK_NS) + 1 ||
              before % (QUANTUM_NS / TICK_NS) >= QUANTUM_NS / TICK_NS - LATE_TICKS);
    }
    check(waits >= ROUNDS - 2 && waits <= ROUNDS + 3);
}

/* An interrupt that mie enables ends the wait at its position, whatever mstatus says. */
static void check_interrupt(uint64_t hart) {
    uint64_t ticks, seen, compare;
    csr_write(mie, 128);
    do { /* until the deadline lies inside a turn */
        compare = csr_read(time) + 30;
    } while (compare % (QUANTUM_NS / TICK_NS) < 40);
    MTIMECMP(hart) = compare;
    wait_reserved(&other, &seen);
    ticks = csr_read(time);
    check(ticks >= compare && ticks - compare <= LATE_TICKS);
    MTIMECMP(hart) = -1;
}

static void waiter(uint64_t hart) {
    check_without();
    check_turns();
    check_interrupt(hart);
    done = 1;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    if (hart > 1) {
        for (;;) {
            __asm__ volatile("wfi");
        }
    }
    if (hart == 1) {
        waiter(hart);
        for (;;) {
        }
    }
    while (started == 0) {
    }
    for (uint64_t from = csr_read(time);
         csr_read(time) - from < ROUNDS * QUANTUM_NS / TICK_NS;) {
    }
    flag = 1;
    while (done == 0) {
    }
    return 0;
}
