/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory: copies 8 MiB back and forth, four doublewords a turn. */
#include "kernel.h"

enum { COUNT = 1 << 20, ROUNDS = 40 };

static uint64_t here[COUNT];
static uint64_t there[COUNT];

void kernel_prepare(void) {
    uint64_t random = 1;
    for (int i = 0; i < COUNT; i++) {
        here[i] = random_next(&random);
    }
}

/* The empty statement keeps the compiler from calling memcpy. */
static void copy(uint64_t *to, const uint64_t *from) {
    for (int i = 0; i < COUNT; i += 4) {
        uint64_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
        __asm__ volatile("");
        to[i] = a;
        to[i + 1] = b;
        to[i + 2] = c;
        to[i + 3] = d;
    }
}

uint64_t kernel_work(void) {
    for (int round = 0; round < ROUNDS; round++) {
        copy(there, here);
        there[round]++;
        copy(here, there);
    }
    uint64_t sum = 0;
    for (int i = 0; i < COUNT; i++) {
        sum = sum * 31 + here[i];
    }
    return sum;
}
