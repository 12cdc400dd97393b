/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With monotonic=on no hart reads less from time or mtime than what any hart has read before (law
 * 10), although the positions that they read at do go back by up to a quantum: they are published
 * beside, and show that the rule had something to do.
 *
 * expect: exit 0
 * harts: 2 4
 * args: --quantum 10000 --time lockstep,monotonic=on */
#include "guest.h"

enum { READS = 20000 };

/* In lockstep a turn is never interrupted by another hart, but it may end between a read and its
 * store: what is published then is old, never wrong. */
static volatile uint64_t last_read, last_position;
static volatile uint64_t behind_max;

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    for (unsigned i = 0; i < READS; i++) {
        uint64_t before = last_read;
        uint64_t now = i % 2 == 0 ? csr_read(time) : MTIME;
        uint64_t position = csr_read(mcycle);
        check(now >= before);
        if (position < last_position && last_position - position > behind_max) {
            behind_max = last_position - position;
        }
        last_position = position;
        if (now > last_read) {
            last_read = now;
        }
    }
    for (; hart != 0;) {
    }
    check(behind_max > 1000 && behind_max <= 1250);
    return 0;
}
