/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bare-metal kernel that tools/bench measures: kernel.c calls these two, in this order. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>

/** Makes the input; not measured. */
void kernel_prepare(void);

/**
 * The work that is measured.
 *
 * @return  A number that depends on all of it, to be compared between emulators.
 */
uint64_t kernel_work(void);

static inline uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

#endif
