/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Through memory a hart can meet a time up to one quantum ahead of its own, and no further (law
 * 10). Each hart publishes its clock and looks at the other's.
 *
 * expect: exit 0
 * harts: 2
 * chaos: no
 * args: --quantum 10000 */
#include "guest.h"

static volatile uint64_t published[2], ahead_max[2];

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t theirs = published[hart ^ 1];
        uint64_t mine = csr_read(mcycle);
        published[hart] = mine;
        if (theirs > mine && theirs - mine > ahead_max[hart]) {
            ahead_max[hart] = theirs - mine;
        }
    }
    for (; hart == 1;) {
    }
    /* Hart 0 goes first in each round, so it finds the other behind. Hart 1 goes second: at the
     * start of its turn it finds hart 0 nearly a quantum (1250 steps) ahead. */
    check(ahead_max[0] == 0);
    check(ahead_max[1] > 1200 && ahead_max[1] <= 1250);
    return 0;
}
