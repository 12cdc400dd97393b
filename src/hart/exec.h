/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bodies of all instructions share. Private to hart/: included by interp.c and the
 * exec_*.h files. */
#ifndef HART_EXEC_H
#define HART_EXEC_H

#include <string.h>

#include "hart/code.h"
#include "hart/mmu.h"

/*
 * Each row of insn.def has a body `exec_NAME(hart, insn)` in one of the exec_*.h files. A body
 * either retires its instruction (FLOW_NEXT, FLOW_JUMP, FLOW_LEAVE) or takes an exception
 * (FLOW_TRAP), and changes nothing else then. On entry hart->pc and clock->steps are stale: they
 * stand at the block's start. A body that calls anything which can see them calls exec_sync()
 * first.
 */

/** Address of an instruction of the present block; see struct block for `length`. */
static ALWAYS_INLINE uint64_t exec_pc(const struct hart *hart, const struct insn *insn) {
    return hart->block_pc + (insn->length & 0xfeU);
}

static ALWAYS_INLINE uint64_t exec_next_pc(const struct hart *hart, const struct insn *insn) {
    return exec_pc(hart, insn) + 2 + ((insn->length & 1U) << 1);
}

/** Makes pc and position those of @p insn. */
static inline void exec_sync(struct hart *hart, const struct insn *insn) {
    hart->pc = exec_pc(hart, insn);
    hart->clock->steps = hart->block_steps + (uint64_t)(insn - hart->block_insns);
}

static inline enum flow exec_trap(struct hart *hart, const struct insn *insn, enum cause cause,
                                  uint64_t tval) {
    exec_sync(hart, insn);
    hart_exception(hart, cause, tval);
    return FLOW_TRAP;
}

static inline enum flow exec_illegal(struct hart *hart, const struct insn *insn) {
    return exec_trap(hart, insn, CAUSE_ILLEGAL, insn->bits);
}

static ALWAYS_INLINE enum flow exec_jump(struct hart *hart, const struct insn *insn,
                                         uint64_t target) {
    if (unlikely((target & hart->target_mask) != 0)) {
        return exec_trap(hart, insn, CAUSE_FETCH_MISALIGNED, target);
    }
    hart->pc = target;
    return FLOW_JUMP;
}

static ALWAYS_INLINE enum flow exec_load(struct hart *hart, const struct insn *insn,
                                         unsigned size_bytes, uint64_t *value) {
    vaddr address = hart->x[insn->rs1] + (uint64_t)(int64_t)insn->imm;
    const struct tlb_entry *entry = mmu_entry(hart, address);
    if (likely(entry->read_page == mmu_tag(address, size_bytes))) {
        *value = ram_load(mmu_host(entry, address), size_bytes);
        return FLOW_NEXT;
    }
    exec_sync(hart, insn);
    return mmu_load(hart, address, size_bytes, value);
}

static ALWAYS_INLINE enum flow exec_store(struct hart *hart, const struct insn *insn,
                                          unsigned size_bytes, uint64_t value) {
    vaddr address = hart->x[insn->rs1] + (uint64_t)(int64_t)insn->imm;
    const struct tlb_entry *entry = mmu_entry(hart, address);
    if (likely(entry->write_page == mmu_tag(address, size_bytes))) {
        ram_store(mmu_host(entry, address), value, size_bytes);
        return FLOW_NEXT;
    }
    exec_sync(hart, insn);
    return mmu_store(hart, address, size_bytes, value);
}

#endif
