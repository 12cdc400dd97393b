/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atomics of two harts on words of a page that is watched, here for tohost: no update is lost.
 *
 * expect: exit 0
 * harts: 2
 * policies: token free */
#include "guest.h"

enum { ROUNDS = 100000 };

extern char tohost[];
static uint64_t here, done;

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    uint64_t *added = (uint64_t *)(tohost + 128);
    uint64_t *reserved = (uint64_t *)(tohost + 192);
    __atomic_fetch_add(&here, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&here, __ATOMIC_ACQUIRE) < 2) {
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t old, failed;
        __asm__ volatile("amoadd.d zero, %1, (%0)" ::"r"(added), "r"(1l) : "memory");
        do {
            __asm__ volatile("lr.d %0, (%2)\n addi %0, %0, 1\n sc.d %1, %0, (%2)"
                             : "=&r"(old), "=&r"(failed)
                             : "r"(reserved)
                             : "memory");
        } while (failed != 0);
    }
    __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
    while (hart != 0 || __atomic_load_n(&done, __ATOMIC_ACQUIRE) < 2) {
    }
    check(*added == 2 * ROUNDS && *reserved == 2 * ROUNDS);
    return 0;
}
