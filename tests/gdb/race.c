/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A defect to be found: harts increment a counter that is not theirs alone, and some increments are
 * lost where a turn ends between a load and its store. */
#include "guest.h"

enum { INCREMENTS = 2000 };

volatile uint64_t counter;
uint64_t finished;

__attribute__((noipa)) void increment(void) {
    uint64_t loaded = counter;
    counter = loaded + 1;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    for (unsigned i = 0; i < INCREMENTS; i++) {
        increment();
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (hart != 0 || __atomic_load_n(&finished, __ATOMIC_SEQ_CST) < harts_count(device_tree)) {
    }
    check(counter == finished * INCREMENTS);
    return 0;
}
