/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each hart does the same fixed work on memory of its own; the last to be done switches off. */
#include "say.h"

enum { ROUNDS = 40000000, HARTS_MAX = 128 };

static struct { uint64_t words[2048]; } own[HARTS_MAX];
static uint64_t done;

static uint64_t work(uint64_t *words, uint64_t random) {
    uint64_t sum = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < 16; i++) {
            uint64_t *at = &words[random_next(&random) % 2048];
            *at += random >> 3 ^ sum;
            sum = sum * 31 + *at;
        }
        sum = sum % 1000003 == 0 ? sum ^ random : sum;
    }
    return sum;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    uint64_t sum = work(own[hart].words, hart + 1);
    if (__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL) == HARTS) {
        say("compute:");
        say_number("sum", sum);
        say("\n");
        power_off();
    }
    csr_write(mie, 0);
    for (;;) {
        __asm__ volatile("wfi");
    }
}
