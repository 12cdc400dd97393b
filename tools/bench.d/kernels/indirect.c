/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Indirect calls: interprets a random program, one small function an operation. */
#include "kernel.h"

enum { LENGTH = 32, ROUNDS = 2000000 };

static uint64_t triple(uint64_t x) {
    return x * 3 + 1;
}

static uint64_t fold(uint64_t x) {
    return x ^ x >> 7;
}

static uint64_t scale(uint64_t x) {
    return x + (x << 3);
}

static uint64_t lower(uint64_t x) {
    return x - 17;
}

/* Volatile, so that the compiler cannot know whom it calls. */
static uint64_t (*volatile operations[])(uint64_t) = {triple, fold, scale, lower};
static uint8_t program[LENGTH];

void kernel_prepare(void) {
    uint64_t random = 1;
    for (int i = 0; i < LENGTH; i++) {
        program[i] = random_next(&random) >> 32 & 3;
    }
}

uint64_t kernel_work(void) {
    uint64_t x = 12345;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LENGTH; i++) {
            x = operations[program[i]](x);
        }
    }
    return x;
}
