/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who called what a hart is about to execute, by frame pointers.
 *
 *      s0 -->  +-------------------+  sp of the caller, when it called
 *       -8     | ra                |  where the call returns to
 *      -16     | s0 of the caller  | --> its frame
 *
 * 1. Nothing that stands in the guest's memory is believed. A walk reads, through the page table in
 *    force, and writes nothing; it is bounded, and stops where a link cannot be one.
 * 2. A function has its frame from behind its prologue up to its epilogue. Before and after, and in
 *    functions that have none, s0 is still the caller's, and who called is in ra. Which it is
 *    follows from the code: from the function's first instruction to pc, and from pc on. That is
 *    looked at once for each pc.
 * 3. A leaf may keep s0 alone, in the place of ra.
 * 4. The kernel's frames are all there, so its chains are believed as far as they look like some.
 *    They go on over the border of a trap, whose registers lie where the frame of its handler ends
 *    (struct pt_regs: pc, ra, sp, gp, tp, t0 to t2, s0), and from one stack to another.
 * 5. Other programs may use s0 for anything. There a return address has to stand behind a call,
 *    frames lie above sp, and without a frame nothing is said. On the bare machine 0 marks the
 *    outermost.
 * 6. Firmware under a kernel has no names, so no callers either. */
#include <string.h>

#include "machine/profiling.h"

enum {
    REGISTER_RA = 1,
    REGISTER_SP = 2,
    REGISTER_FP = 8,
    PROLOGUE_INSNS_MAX = 256, /* prologues may come behind tests */
    EPILOGUE_INSNS_MAX = 32,
    KERNEL_STACK_BYTES = 16 << 10,
    USER_STACK_BYTES = 8 << 20,
    CROSSINGS_MAX = 2,
    TRAP_RA = 8, /* [bytes] in struct pt_regs */
    TRAP_FP = 64
};

/** What is known of code: numbers in a struct pairs, so not 0. */
enum kind {
    KIND_NONE,
    KIND_FRAMED, /* s0 is the function's own */
    KIND_BARE,   /* s0 is the caller's */
    KIND_CALLED, /* behind a call */
    KIND_UNCALLED
};

/* -- Code -------------------------------------------------------------------------------------- */

/** Code as a hart has it mapped now; the page that was looked at last. */
struct code {
    struct hart *hart;
    vaddr page;
    const uint8_t *bytes; /* NULL: none was */
};

/** @return false: there is nothing, or pc is odd. */
static bool half_at(struct code *code, vaddr pc, uint16_t *half) {
    const struct ram *ram = &code->hart->harts->bus->ram;
    if (code->bytes == NULL || code->page != page_of(pc)) {
        paddr at;
        if (!mmu_peek(code->hart, pc, &at) || !ram_holds(ram, page_of(at), PAGE_BYTES)) {
            return false;
        }
        code->page = page_of(pc);
        code->bytes = ram_at(ram, page_of(at));
    }
    if (pc % sizeof *half != 0) {
        return false;
    }
    memcpy(half, code->bytes + pc % PAGE_BYTES, sizeof *half);
    return true;
}

static bool insn_at(struct code *code, vaddr pc, struct insn *insn) {
    uint16_t low, high = 0;
    if (!half_at(code, pc, &low) || (insn_length(low) == 4 && !half_at(code, pc + 2, &high))) {
        return false;
    }
    *insn = decode(code->hart->harts->decoder, low | (uint32_t)high << 16);
    return true;
}

/** addi s0, sp, SIZE */
static bool insn_frames(const struct insn *insn) {
    return insn->op == OP_addi && insn->rd == REGISTER_FP && insn->rs1 == REGISTER_SP &&
           insn->imm > 0;
}

/** ld s0, OFFSET(sp), or ld ra, OFFSET(sp): what was kept until then was not the caller's. */
static bool insn_unframes(const struct insn *insn) {
    return insn->op == OP_ld && (insn->rd == REGISTER_FP || insn->rd == REGISTER_RA) &&
           insn->rs1 == REGISTER_SP;
}

/** How far into a function its frame begins, [bytes]. @return UINT32_MAX: nowhere. */
static uint32_t frame_find(struct code *code, const struct symbol *symbol) {
    struct insn insn;
    uint32_t offset = 0;
    for (unsigned i = 0; i < PROLOGUE_INSNS_MAX && offset < symbol->size_bytes &&
                         insn_at(code, symbol->address + offset, &insn);
         i++) {
        offset += insn.length;
        if (insn_frames(&insn)) {
            return offset;
        }
    }
    return UINT32_MAX;
}

/** Straight on from @p pc: does the function begin or end without giving a frame back? */
static bool bare_from(struct code *code, const struct symbol *symbol, vaddr pc) {
    struct insn insn;
    for (unsigned i = 0; i < EPILOGUE_INSNS_MAX && insn_at(code, pc, &insn); i++) {
        if (insn_frames(&insn)) {
            return true;
        }
        if (insn.op == OP_jalr) {
            return insn.rd == 0 && insn.rs1 == REGISTER_RA;
        }
        if (insn.op == OP_jal) { /* to another function, or on in this one */
            vaddr to = pc + (uint64_t)(int64_t)insn.imm;
            return insn.rd == 0 && symbol != NULL && to - symbol->address >= symbol->size_bytes;
        }
        if (insn_unframes(&insn) || insn.op == OP_illegal) {
            return false;
        }
        pc += insn.length;
    }
    return false;
}

/** Does the function's frame begin before @p pc? */
static bool framed_before(struct stacks *stacks, struct code *code, const struct symbol *symbol,
                          vaddr pc) {
    uint32_t *offset = pairs_at(&stacks->frames, 0, symbol->address);
    if (*offset == 0) {
        *offset = frame_find(code, symbol);
    }
    return pc - symbol->address >= *offset;
}

static enum kind frame_look(struct stacks *stacks, struct code *code, uint64_t scope, vaddr pc) {
    const struct symbol *symbol = NULL;
    if (scope == 0) {
        symbol = symbols_at(stacks->symbols, pc).symbol;
    }
    bool before = symbol == NULL || framed_before(stacks, code, symbol, pc);
    return before && !bare_from(code, symbol, pc) ? KIND_FRAMED : KIND_BARE;
}

static enum kind call_look(struct code *code, vaddr pc) {
    struct insn insn;
    bool called = insn_at(code, pc - 4, &insn) && insn.length == 4 &&
                  (insn.op == OP_jal || insn.op == OP_jalr) && insn.rd == REGISTER_RA;
    called = called || (insn_at(code, pc - 2, &insn) && insn.length == 2 && insn.op == OP_jalr &&
                        insn.rd == REGISTER_RA);
    return called ? KIND_CALLED : KIND_UNCALLED;
}

/* -- Walking ----------------------------------------------------------------------------------- */

/** On its way out. */
struct walk {
    struct stacks *stacks;
    struct hart *hart;
    struct code *code;
    struct stack *stack;
    uint64_t scope;
    bool kernel;
    vaddr fp;   /* of the next frame */
    bool found; /* a frame, or the mark of the outermost */
    unsigned crossings;
};

static enum kind frame_kind(const struct walk *walk, vaddr pc) {
    uint32_t *kind = pairs_at(&walk->stacks->kinds, walk->scope, pc);
    if (*kind == KIND_NONE) {
        *kind = frame_look(walk->stacks, walk->code, walk->scope, pc);
    }
    return (enum kind) * kind;
}

/* Odd keys are those of returns. */
static bool behind_call(const struct walk *walk, vaddr pc) {
    uint32_t *kind = pairs_at(&walk->stacks->kinds, walk->scope, pc | 1);
    if (*kind == KIND_NONE) {
        *kind = call_look(walk->code, pc);
    }
    return *kind == KIND_CALLED;
}

static bool frame_push(const struct walk *walk, vaddr pc) {
    struct stack *stack = walk->stack;
    if (stack->count > STACK_CALLERS_MAX) {
        return false;
    }
    stack->pc[stack->count++] = pc;
    return true;
}

/** @param ra  Where the call returns to; the call may be the last of its function. */
static bool caller_push(const struct walk *walk, vaddr ra) {
    bool possible = ra > 4 && (ra & 1) == 0 && (ra ^ walk->stack->pc[0]) >> 63 == 0;
    return possible && (walk->kernel || behind_call(walk, ra)) && frame_push(walk, ra - 1);
}

/** The next frame. @return false: it cannot be one. */
static bool frame_move(struct walk *walk, vaddr fp) {
    uint64_t room_bytes = walk->kernel ? KERNEL_STACK_BYTES : USER_STACK_BYTES;
    bool near = fp > walk->fp && fp - walk->fp <= room_bytes;
    walk->found = walk->found || (fp == 0 && !walk->stacks->linux_guest);
    if (!near && (!walk->kernel || fp >> 63 == 0 || walk->crossings++ == CROSSINGS_MAX)) {
        return false;
    }
    walk->fp = fp;
    return (fp & (walk->kernel ? 7U : 15U)) == 0;
}

/** Begins where code was about to be executed: at a function that may have no frame. @param fp  s0
 * then. @return false: that is all. */
static bool walk_from(struct walk *walk, vaddr pc, vaddr ra, vaddr fp) {
    uint64_t saved;
    if (frame_kind(walk, pc) == KIND_BARE) {
        return caller_push(walk, ra) && frame_move(walk, fp);
    }
    if (!frame_move(walk, fp) || !mmu_peek_word(walk->hart, fp - 8, &saved)) {
        return false;
    }
    bool alone = saved > fp && saved - fp <= KERNEL_STACK_BYTES;
    return !alone || (caller_push(walk, ra) && frame_move(walk, saved));
}

/** Over a trap into the kernel. @param regs  Where registers were saved. */
static bool walk_trap(struct walk *walk, vaddr regs) {
    uint64_t pc, ra, fp;
    return mmu_peek_word(walk->hart, regs, &pc) && mmu_peek_word(walk->hart, regs + TRAP_RA, &ra) &&
           mmu_peek_word(walk->hart, regs + TRAP_FP, &fp) && pc >> 63 != 0 &&
           frame_push(walk, pc) && walk_from(walk, pc, ra, fp);
}

static bool walk_frame(struct walk *walk) {
    const struct stacks *stacks = walk->stacks;
    vaddr frame = walk->fp;
    uint64_t ra, fp;
    if (!mmu_peek_word(walk->hart, frame - 8, &ra) || !caller_push(walk, ra)) {
        return false;
    }
    walk->found = true;
    if (walk->kernel && ra - stacks->traps_first < stacks->traps_end - stacks->traps_first) {
        return walk_trap(walk, frame);
    }
    return mmu_peek_word(walk->hart, frame - 16, &fp) && frame_move(walk, fp);
}

void stack_walk(struct stacks *stacks, struct hart *hart, uint64_t scope, struct stack *stack) {
    struct code code = {.hart = hart};
    struct walk walk = {.stacks = stacks,
                        .hart = hart,
                        .code = &code,
                        .stack = stack,
                        .scope = scope,
                        .kernel = stacks->linux_guest && hart->priv == PRIV_S,
                        .fp = hart->x[REGISTER_SP]};
    bool firmware = stacks->linux_guest && hart->priv == PRIV_M;
    bool traps = hart->pc - stacks->traps_first < stacks->traps_end - stacks->traps_first;
    stack->count = 0;
    (void)frame_push(&walk, firmware ? 0 : hart->pc);
    if (firmware || (walk.kernel && traps)) {
        return;
    }
    vaddr fp = hart->x[REGISTER_FP];
    if (hart->priv == PRIV_U && stacks->linux_guest && fp - walk.fp > USER_STACK_BYTES) {
        return; /* nearly always, and there is nothing to be found */
    }
    bool more = walk_from(&walk, hart->pc, hart->x[REGISTER_RA], fp);
    while (more) {
        more = walk_frame(&walk);
    }
    stack->count = walk.kernel || walk.found ? stack->count : 1;
}

void stacks_init(struct stacks *stacks, const struct profiling *profiling) {
    const struct symbol *first = symbols_find(profiling->symbols, "handle_exception", 0);
    const struct symbol *last = symbols_find(profiling->symbols, "ret_from_exception", 0);
    *stacks =
        (struct stacks){.symbols = profiling->symbols, .linux_guest = profiling->view != NULL};
    if (stacks->linux_guest && first != NULL && last != NULL && first->address < last->address) {
        stacks->traps_first = first->address;
        stacks->traps_end = last->address + last->size_bytes;
    }
}

void stacks_free(struct stacks *stacks) {
    pairs_free(&stacks->kinds);
    pairs_free(&stacks->frames);
}
