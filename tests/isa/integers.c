/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of all integer instructions that only compute: RV64I, M, C, Zba, Zbb, Zbc, Zbs, Zbkb,
 * Zbkx, Zicond, Zcb, Zimop and Zcmop, against a table that tests/isa/vectors.py works out.
 *
 * table:  vectors.py int */
#include "vectors.h"

void isa_main(uint64_t hart) {
    (void)hart;
    vectors_check(0);
}
