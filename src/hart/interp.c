/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interpreter: the semantics of every instruction, and the engine that other engines are
 * compared with.
 *
 * It runs blocks of decoded instructions (code.h). Nothing is counted per instruction: at a block's
 * start the position is known, and inside it the position is that plus the distance from the
 * block's first instruction, which exec_sync() works out when somebody wants to know. The same goes
 * for pc.
 *
 * 1. A block that would overrun the budget is not entered; as much of it as fits is copied, and run
 * as a block of its own.
 * 2. Interrupts are looked for where blocks begin, and only after hart->check was set. Whatever can
 * make one takeable sets it, and ends the block, so none is ever taken late.
 * 3. Whatever can bring a deadline nearer or stop the machine sets hart->leave; the engine returns
 * after that instruction, and the caller works out a new budget.
 * 4. Each block is found through the fetch TLB, so a change of a page table or of code acts on the
 * next instruction.
 * 5. An instruction with a breakpoint has a block of its own, with less heat than any floor; or
 * none. So these come by where something is looked at anyway.
 *
 * Bodies are inlined into one function, and each jumps straight to the next one's address (labels
 * as values, which gcc and clang share): the host predicts such jumps by the path that led to them,
 * where the single jump of a switch had to serve every instruction. */
#include "hart/exec.h"
#include "hart/exec_fp.h"
#include "hart/exec_int.h"
#include "hart/exec_mem.h"
#include "hart/exec_sys.h"

/* -- Finding code ------------------------------------------------------------------------------ */

/** The block at pc, from the fetch TLB alone, or NULL. */
static ALWAYS_INLINE struct block *block_at(struct hart *hart) {
    const struct fetch_entry *entry = mmu_fetch_entry(hart, hart->pc);
    if (unlikely(entry->page != mmu_page(hart->pc))) {
        return NULL;
    }
    uint32_t at = entry->code->at[(hart->pc & (PAGE_BYTES - 1)) / 2];
    return at == 0 ? NULL : code_block(hart->code, at);
}

/** The first two bytes of a page, as RAM has them now. */
static uint16_t next_page_half(const struct ram *ram, const struct fetch_entry *next) {
    return (uint16_t)ram_load(ram_at(ram, next->base), sizeof(uint16_t));
}

/** Makes the block at pc findable, if its code can be kept. @return false: the fetch trapped. */
static bool block_make(struct hart *hart) {
    struct harts *harts = hart->harts;
    if (!code_has_room(hart->code)) {
        hart_drop_code(hart);
    }
    if (mmu_fetch_find(hart, hart->pc) == NULL && !mmu_fetch_fill(hart)) {
        return false;
    }
    const struct fetch_entry *entry = mmu_fetch_find(hart, hart->pc);
    unsigned offset = (unsigned)(hart->pc & (PAGE_BYTES - 1));
    if (entry != NULL && entry->code->at[offset / 2] == 0) {
        const struct ram *ram = &harts->bus->ram;
        const struct fetch_entry *next = mmu_fetch_find(hart, mmu_page(hart->pc) + PAGE_BYTES);
        uint16_t high = next != NULL ? next_page_half(ram, next) : 0;
        const uint8_t *copy = entry->code->copy;
        const uint8_t *const bytes[2] = {copy != NULL ? copy : ram_at(ram, entry->base),
                                         next != NULL ? (const uint8_t *)&high : NULL};
        code_mark_marker(entry->code, bytes, offset);
        code_build(hart->code, entry->code, harts->decoder, bytes, offset);
    }
    return true;
}

/** A block of one instruction, for the end of a budget and for code that cannot be kept. NULL: the
 * fetch trapped. */
static const struct insn *single_make(struct hart *hart) {
    uint32_t bits;
    if (!mmu_fetch_bits(hart, &bits)) {
        return NULL;
    }
    struct insn insn = decode(hart->harts->decoder, bits);
    hart->single[0] = code_placed(insn, 0);
    hart->single[1] = code_placed((struct insn){.op = OP_block_end, .length = 2}, insn.length);
    return hart->single;
}

/** Is the upper half of @p insn, which straddles the end of pc's page, what lies in the next page?
 */
static bool straddle_holds(struct hart *hart, const struct insn *insn) {
    const struct fetch_entry *next = mmu_fetch_find(hart, mmu_page(hart->pc) + PAGE_BYTES);
    return next != NULL && insn->bits >> 16 == next_page_half(&hart->harts->bus->ram, next);
}

/** Of a block as much as there is room for, which is less than it has; without one, the instruction
 * at pc. A block that straddles always has room. */
static const struct insn *part_at(struct hart *hart, const struct block *block, uint64_t room) {
    if (block == NULL) {
        return single_make(hart);
    }
    memcpy(hart->single, block->insns, room * sizeof *hart->single);
    hart->single[room] = code_placed((struct insn){.op = OP_block_end, .length = 2},
                                     block->insns[room].length & 0xfeU);
    return hart->single;
}

/* -- Running ----------------------------------------------------------------------------------- */

/** Is there anything to tell of the block that has ended? */
static inline bool tally_due(const struct hart *hart) {
    return hart->counted || hart->x[REGISTER_TP] != hart->tally.thread;
}

__attribute__((flatten)) uint64_t interp_blocks(struct hart *hart, uint64_t at, uint64_t end) {
    static const void *const bodies[OP_COUNT + 2] = {
        [OP_illegal] = &&do_illegal_op,
        [OP_block_end] = &&do_block_end,
        [OP_straddle] = &&do_straddle,
#define COMP(name, format, pattern, ext, traits, expands)
#define INSN(name, format, pattern, ext, traits) [OP_##name] = &&do_##name,
#include "isa/insn.def"
#undef INSN
    };
    const struct insn *insn;
    enum flow flow;

    hart->block_insns = NULL;
next_block:
    if (unlikely(hart->watched && tally_due(hart))) {
        tally_block(hart, at);
    }
    if (unlikely(at >= end || hart->check || hart->leave)) {
        return at;
    }
    struct block *block = block_at(hart);
    if (unlikely(block == NULL)) {
        hart->clock->steps = at;
        if (!block_make(hart)) {
            at++;
            goto next_block;
        }
        block = block_at(hart);
    }
    if (likely(block != NULL && block->count <= end - at)) {
        if (unlikely(--block->heat < hart->heat_floor)) {
            if (!block->alone) {
                return at;
            }
            hart->clock->steps = at;
            if (points_break(hart)) {
                return at;
            }
        }
        insn = block->insns;
    } else {
        hart->clock->steps = at;
        if (unlikely(hart->leave || (block == NULL && points_break(hart)))) {
            return at;
        }
        insn = part_at(hart, block, end - at);
        if (insn == NULL) {
            at++;
            goto next_block;
        }
    }
    if (unlikely(hart->counted)) {
        tally_execute(hart, at, insn == hart->single ? NULL : block);
    }
    hart->block_insns = insn;
    hart->block_pc = hart->pc;
    hart->block_steps = at;
    goto *bodies[insn->op];

#define INSN(name, format, pattern, ext, traits)                                                   \
    do_##name : flow = exec_##name(hart, insn);                                                    \
    if (likely(flow == FLOW_NEXT)) {                                                               \
        insn++;                                                                                    \
        goto *bodies[insn->op];                                                                    \
    }                                                                                              \
    goto left;
#include "isa/insn.def"
#undef INSN
#undef COMP

do_illegal_op:
    flow = exec_illegal_op(hart, insn);
    goto left;

do_block_end:
    hart->pc = exec_pc(hart, insn);
    at += (uint64_t)(insn - hart->block_insns);
    goto next_block;

do_straddle:
    insn++;
    if (unlikely(!straddle_holds(hart, insn))) {
        hart->clock->steps = at;
        insn = single_make(hart);
        if (insn == NULL) {
            hart->block_insns = NULL;
            at++;
            goto next_block;
        }
    }
    hart->block_insns = insn;
    goto *bodies[insn->op];

left:
    if (flow == FLOW_LEAVE) {
        hart->pc = exec_next_pc(hart, insn);
    }
    at += (uint64_t)(insn - hart->block_insns) + 1;
    goto next_block;
}

uint64_t interp_run(struct hart *hart, uint64_t budget_steps) {
    uint64_t start = hart->clock->steps;
    uint64_t end = start + budget_steps;
    uint64_t at = start;
    hart->leave = false;
    hart->heat_floor = HEAT_FLOOR_NONE; /* nothing is too hot to be interpreted */
    do {
        hart->check = false;
        hart_take_interrupt(hart);
        hart->check = false;
        at = interp_blocks(hart, at, end);
        hart->clock->steps = at;
    } while (at < end && !hart->leave);
    return at - start;
}

/* -- One instruction, for translators ---------------------------------------------------------- */

#define COMP(name, format, pattern, ext, traits, expands)
#define INSN(name, format, pattern, ext, traits)                                                   \
    static enum flow one_##name(struct hart *hart, const struct insn *insn) {                      \
        return exec_##name(hart, insn);                                                            \
    }
#include "isa/insn.def"
#undef INSN

static enum flow one_illegal(struct hart *hart, const struct insn *insn) {
    return exec_illegal_op(hart, insn);
}

unsigned interp_one(struct hart *hart, const struct insn *insn, uint64_t at) {
    static enum flow (*const bodies[OP_COUNT])(struct hart *, const struct insn *) = {
        [OP_illegal] = one_illegal,
#define INSN(name, format, pattern, ext, traits) [OP_##name] = one_##name,
#include "isa/insn.def"
#undef INSN
#undef COMP
    };
    hart->block_insns = insn;
    hart->block_pc = hart->pc - (insn->length & 0xfeU);
    hart->block_steps = at;
    enum flow flow = bodies[insn->op](hart, insn);
    if (flow == FLOW_LEAVE) {
        hart->pc = exec_next_pc(hart, insn);
    }
    return flow;
}
