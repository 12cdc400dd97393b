/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reset (law 14): harts, devices, mtime, mcycle and minstret get their reset values, images are
 * loaded again, other RAM stays. The guest counts its lives in RAM that no image covers.
 *
 * expect: exit 0
 * harts: 1 2 */
#include "guest.h"

#define LIVES (*(volatile uint64_t *)0x82000000)
#define FINISHER (*(volatile uint32_t *)0x100000)

static volatile uint64_t image_word = 42;
static volatile uint64_t zeroed_word;

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    check(csr_read(mcycle) < 1000 && csr_read(minstret) < 1000 && MTIME < 1000);
    check(MTIMECMP(hart) == UINT64_MAX && csr_read(mie) == 0 && csr_read(mip) == 0);
    for (; hart != 0;) {
    }
    check(image_word == 42 && zeroed_word == 0);
    check(csr_read(mscratch) == 0);
    if (LIVES == 3) {
        return 0;
    }
    LIVES = LIVES + 1;
    image_word = 1;
    zeroed_word = 1;
    MTIMECMP(0) = 5;
    csr_write(mscratch, 1);
    for (volatile unsigned i = 0; i < 5000; i++) {
    }
    FINISHER = 0x7777;
    check(0); /* nothing runs behind it */
    return 1;
}
