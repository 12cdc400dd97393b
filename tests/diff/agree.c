/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where QEMU 10 is known to be wrong: its record is put right before it is compared.
 *
 * Each rule names instruction and field and holds only when Sandglass has the manual's value, so
 * that anything else in that place is still a difference. What cannot be put right afterwards,
 * because all that follows depends on it, is not generated: see csrs.c and sequence.c. */
#include <string.h>

#include "diff.h"

enum { CAUSE_ILLEGAL = 2 };

static bool is_block_management(unsigned op) {
    return op == OP_cbo_inval || op == OP_cbo_clean || op == OP_cbo_flush;
}

/* 1. xtval of an illegal instruction holds its bits (both machines do so elsewhere), but QEMU
 *    leaves 0 or those of an earlier one when the mode or an environment bit forbids these.
 * 2. xtval of a fault is the effective address rs1 (CMO 1.0, 2.5.2); QEMU gives the block's. */
static uint64_t trap_value(const struct insn *insn, const uint64_t *ours, uint64_t theirs) {
    bool forbidden = insn->op == OP_mret || insn->op == OP_sret || insn->op == OP_wrs_nto ||
                     insn->op == OP_cbo_zero || is_block_management(insn->op);
    uint64_t cause = ours[0] & 0xff;
    if (cause == CAUSE_ILLEGAL && forbidden && ours[2] == insn->bits) {
        return ours[2];
    }
    bool block = is_block_management(insn->op) || insn->op == OP_cbo_zero;
    if (cause != CAUSE_ILLEGAL && block && theirs == (ours[2] & ~63ULL)) {
        return ours[2];
    }
    return theirs;
}

void record_correct(const struct plan *plan, const uint64_t *ours, uint64_t *theirs) {
    theirs[RECORD_RETIRED] = ours[RECORD_RETIRED]; /* of use, but QEMU does not count exactly */
    for (unsigned i = 0; i < RECORD_TRAP_MAX; i++) {
        const uint64_t *our_trap = ours + RECORD_TRAP + 4 * i;
        uint64_t *their_trap = theirs + RECORD_TRAP + 4 * i;
        struct insn insn;
        if (our_trap[0] == their_trap[0] && our_trap[1] == their_trap[1] &&
            plan_insn(plan, our_trap[1], &insn)) {
            their_trap[2] = trap_value(&insn, our_trap, their_trap[2]);
        }
    }
}
