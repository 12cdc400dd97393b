/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Branches: a random one of seven ways, each time. */
#include "kernel.h"

enum { STEPS = 80000000 };

void kernel_prepare(void) {}

static uint64_t turn(uint64_t way, uint64_t sum, uint64_t step) {
    switch (way & 7) {
    case 0: return sum + way;
    case 1: return sum ^ way;
    case 2: return sum - 3;
    case 3: return sum * 5;
    case 4: return sum & 1 ? sum >> 1 : sum;
    case 5: return sum | 4;
    default: return sum + step;
    }
}

uint64_t kernel_work(void) {
    uint64_t sum = 0;
    uint64_t random = 88172645463325252;
    for (uint64_t step = 0; step < STEPS; step++) {
        sum = turn(random_next(&random), sum, step);
    }
    return sum;
}
