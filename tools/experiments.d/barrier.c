/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Harts that keep waiting for each other: ROUNDS barriers, with a few microseconds of work between
 * them, not the same for all. Whoever comes early spins, so the steps that a run takes tell how
 * long harts wait to see each other's stores. */
#include "say.h"

enum { ROUNDS = 20000, WORK_MAX = 1024 };

static uint64_t arrived, passed;

static void barrier(uint64_t round) {
    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == HARTS) {
        arrived = 0;
        __atomic_store_n(&passed, round + 1, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&passed, __ATOMIC_ACQUIRE) == round) {
        __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x10"); /* pause */
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    uint64_t random = hart + 1;
    uint64_t worked = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t loops = random_next(&random) % WORK_MAX;
        worked += loops;
        for (uint64_t i = 0; i < loops; i++) {
            __asm__ volatile("");
        }
        barrier(round);
    }
    if (hart == 0) {
        say("barrier:");
        say_number("worked", worked);
        say("\n");
        power_off();
    }
    for (;;) {
        __asm__ volatile("wfi");
    }
}
