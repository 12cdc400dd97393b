/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of fences, CSR instructions and everything privileged. Included by interp.c. */
#ifndef HART_EXEC_SYS_H
#define HART_EXEC_SYS_H

#include "hart/exec.h"

/** Retires the last instruction of a block. */
static inline enum flow exec_done(struct hart *hart, const struct insn *insn) {
    hart->pc = exec_next_pc(hart, insn);
    return FLOW_JUMP;
}

static inline enum flow exec_illegal_op(struct hart *hart, const struct insn *insn) {
    return exec_illegal(hart, insn);
}

/* -- Fences ------------------------------------------------------------------------------------ */

/* While harts take turns, memory is in order, and neither code nor translations are ever stale (law
 * 13). Among harts that run at the same time, fences do what the architecture says. */

static inline enum flow exec_fence(struct hart *hart, const struct insn *insn) {
    (void)insn;
    if (hart->harts->parallel) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    return FLOW_NEXT;
}

static inline enum flow exec_pause(struct hart *hart, const struct insn *insn) {
    (void)hart, (void)insn;
    return FLOW_NEXT;
}

static inline enum flow exec_fence_i(struct hart *hart, const struct insn *insn) {
    if (hart->harts->parallel) {
        hart_suspect_code(hart);
    }
    return exec_done(hart, insn);
}

static inline enum flow exec_sfence_vma(struct hart *hart, const struct insn *insn) {
    if (hart->priv == PRIV_U || (hart->priv == PRIV_S && (hart->mstatus & MSTATUS_TVM) != 0)) {
        return exec_illegal(hart, insn);
    }
    if (hart->harts->parallel && insn->rs1 != 0) {
        mmu_flush_page(hart, hart->x[insn->rs1]);
    } else if (hart->harts->parallel) {
        mmu_flush(hart);
    }
    return exec_done(hart, insn);
}

static inline enum flow exec_sinval_vma(struct hart *hart, const struct insn *insn) {
    return exec_sfence_vma(hart, insn);
}

/* These two order sinval.vma with what comes before and behind: a hart walks in program order. */

static inline enum flow exec_sfence_w_inval(struct hart *hart, const struct insn *insn) {
    return hart->priv == PRIV_U ? exec_illegal(hart, insn) : exec_done(hart, insn);
}

static inline enum flow exec_sfence_inval_ir(struct hart *hart, const struct insn *insn) {
    return exec_sfence_w_inval(hart, insn);
}

/* -- Calls and returns ------------------------------------------------------------------------- */

static inline enum flow exec_ecall(struct hart *hart, const struct insn *insn) {
    return exec_trap(hart, insn, (enum cause)(CAUSE_ECALL_U + hart->priv), 0);
}

static inline enum flow exec_ebreak(struct hart *hart, const struct insn *insn) {
    return exec_trap(hart, insn, CAUSE_BREAKPOINT, exec_pc(hart, insn));
}

static inline enum flow exec_mret(struct hart *hart, const struct insn *insn) {
    if (hart->priv != PRIV_M) {
        return exec_illegal(hart, insn);
    }
    exec_sync(hart, insn);
    hart_mret(hart);
    return FLOW_JUMP;
}

static inline enum flow exec_sret(struct hart *hart, const struct insn *insn) {
    bool trapped = hart->priv == PRIV_S && (hart->mstatus & MSTATUS_TSR) != 0;
    if (hart->priv == PRIV_U || trapped) {
        return exec_illegal(hart, insn);
    }
    exec_sync(hart, insn);
    hart_sret(hart);
    return FLOW_JUMP;
}

/* -- Waiting ----------------------------------------------------------------------------------- */

static inline enum flow exec_wfi(struct hart *hart, const struct insn *insn) {
    bool supervisor = (hart->harts->ext & ext_bit(EXT_s)) != 0;
    bool trapped = hart->priv != PRIV_M && (hart->mstatus & MSTATUS_TW) != 0;
    if (trapped || (hart->priv == PRIV_U && supervisor)) {
        return exec_illegal(hart, insn);
    }
    if (!hart_wake_pending(hart)) {
        vcpu_sleep(hart->vcpu);
        hart->leave = true;
    }
    return exec_done(hart, insn);
}

/* While it has its turn nobody else can write what it has reserved; so it waits for an interrupt or
 * the turn's end, and looks again in the next one. @spec Zawrs 1.01 */
static inline enum flow exec_wrs_sto(struct hart *hart, const struct insn *insn) {
    if (hart->reserved && !hart_wake_pending(hart)) {
        vcpu_doze(hart->vcpu);
        hart->leave = true;
    }
    return exec_done(hart, insn);
}

static inline enum flow exec_wrs_nto(struct hart *hart, const struct insn *insn) {
    if (hart->priv != PRIV_M && (hart->mstatus & MSTATUS_TW) != 0) {
        return exec_illegal(hart, insn);
    }
    return exec_wrs_sto(hart, insn);
}

/* -- CSRs -------------------------------------------------------------------------------------- */

/** How a CSR instruction makes the new value from the old one and its operand. */
enum csr_change { CSR_CHANGE_WRITE, CSR_CHANGE_SET, CSR_CHANGE_CLEAR };

static inline enum flow exec_csr(struct hart *hart, const struct insn *insn, enum csr_change change,
                                 uint64_t operand, bool writes) {
    unsigned number = (unsigned)insn->imm & 0xfff;
    uint64_t old;
    exec_sync(hart, insn);
    if (!csr_read(hart, number, writes, &old)) {
        return exec_illegal(hart, insn);
    }
    if (writes) {
        uint64_t base = change == CSR_CHANGE_WRITE ? 0 : csr_modify_base(hart, number, old);
        csr_write(hart, number, change == CSR_CHANGE_CLEAR ? base & ~operand : base | operand);
    }
    hart->x[insn->rd] = old;
    return exec_done(hart, insn);
}

static inline enum flow exec_csrrw(struct hart *hart, const struct insn *insn) {
    return exec_csr(hart, insn, CSR_CHANGE_WRITE, hart->x[insn->rs1], true);
}

static inline enum flow exec_csrrs(struct hart *hart, const struct insn *insn) {
    return exec_csr(hart, insn, CSR_CHANGE_SET, hart->x[insn->rs1], insn->rs1 != 0);
}

static inline enum flow exec_csrrc(struct hart *hart, const struct insn *insn) {
    return exec_csr(hart, insn, CSR_CHANGE_CLEAR, hart->x[insn->rs1], insn->rs1 != 0);
}

static inline enum flow exec_csrrwi(struct hart *hart, const struct insn *insn) {
    return exec_csr(hart, insn, CSR_CHANGE_WRITE, insn->rs1, true);
}

static inline enum flow exec_csrrsi(struct hart *hart, const struct insn *insn) {
    return exec_csr(hart, insn, CSR_CHANGE_SET, insn->rs1, insn->rs1 != 0);
}

static inline enum flow exec_csrrci(struct hart *hart, const struct insn *insn) {
    return exec_csr(hart, insn, CSR_CHANGE_CLEAR, insn->rs1, insn->rs1 != 0);
}

#endif
