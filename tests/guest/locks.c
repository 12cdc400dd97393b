/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Harts share a counter by LR/SC and another by AMO; no increment is lost.
 *
 * expect: exit 0
 * harts: 1 2 4 8 */
#include "guest.h"

enum { INCREMENTS = 3000 };

static uint64_t by_reservation, by_atomic;
static volatile uint64_t arrived, finished;

static void increment_by_reservation(void) {
    uint64_t old, failed;
    do {
        __asm__ volatile("lr.d %0, (%2)\n addi %0, %0, 1\n sc.d %1, %0, (%2)"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(&by_reservation)
                         : "memory");
    } while (failed != 0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < INCREMENTS; i++) {
        increment_by_reservation();
        __atomic_fetch_add(&by_atomic, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    if (hart != 0) {
        for (;;) {
        }
    }
    uint64_t start = csr_read(mcycle);
    while (finished != arrived || csr_read(mcycle) - start < 100000) {
    }
    check(by_reservation == finished * INCREMENTS && by_atomic == finished * INCREMENTS);
    return 0;
}
