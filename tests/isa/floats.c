/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results and flags of all floating-point instructions that only compute: F, D, Zfh and Zfa in
 * every rounding mode, also with operands that are not boxed, against a table that
 * tests/isa/vectors.py works out.
 *
 * table:  vectors.py float */
#include "vectors.h"

void isa_main(uint64_t hart) {
    (void)hart;
    set_csr(mstatus, FS);
    vectors_check(1);
}
