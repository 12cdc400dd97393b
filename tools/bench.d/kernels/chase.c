/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory: follows a chain of pointers, in random order, through 16 MiB. */
#include "kernel.h"

enum { COUNT = 1 << 18, STEPS = 8000000 };

struct link {
    struct link *next;
    uint64_t value;
    uint64_t unused[6]; /* one cache line for each */
};

static struct link chain[COUNT];
static uint32_t order[COUNT];

void kernel_prepare(void) {
    uint64_t random = 1;
    for (uint32_t i = 0; i < COUNT; i++) {
        order[i] = i;
    }
    for (uint32_t i = COUNT - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(random_next(&random) % (i + 1));
        uint32_t swapped = order[i];
        order[i] = order[other];
        order[other] = swapped;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        chain[order[i]].next = &chain[order[(i + 1) % COUNT]];
        chain[order[i]].value = random_next(&random);
    }
}

uint64_t kernel_work(void) {
    uint64_t sum = 0;
    const struct link *at = chain;
    for (int step = 0; step < STEPS; step++) {
        sum = sum * 3 + at->value;
        at = at->next;
    }
    return sum;
}
