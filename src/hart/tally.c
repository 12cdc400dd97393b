/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where harts go: engines tell it here, and it is told on to those who watch, and to what counts
 * steps, by run (runs.c) or by function and caller (calls.c).
 *
 * 1. Both engines tell the same at the same positions, whatever blocks and grants they cut code
 *    into. What a trap, a return or a new task means is dealt with at once, where pc and position
 *    are exact. What a jump leads to is dealt with when code is executed there, and not before: an
 *    interrupt may come in between, and what it finds there be changed.
 * 2. Whatever may write tp ends a block (code.c), so that a task has its first step where the
 *    kernel takes it for the present one. */
#include <stdlib.h>

#include "hart/counts.h"
#include "hart/mmu.h"

/* -- Birth and death --------------------------------------------------------------------------- */

/* Blocks that count, or do not, are not to be found any more. */
static void blocks_change(struct harts *harts) {
    const struct tally *tally = harts->tally;
    harts_drop_caches(harts);
    harts->code->threads_end = tally != NULL;
    harts->code->starts = tally != NULL && tally->calls != NULL ? tally->watch.starts : NULL;
    harts->code->starts_owner = tally != NULL ? tally->watch.owner : NULL;
}

static bool counts_make(struct tally *tally, const struct harts *harts) {
    size_t page_count = harts->bus->ram.size_bytes >> PAGE_SHIFT;
    tally->first = tally->watch.one_address ? calloc(page_count, sizeof *tally->first) : NULL;
    if (tally->watch.one_address && tally->first == NULL) {
        return false;
    }
    tally->runs_kept = tally->kind == TALLY_RUNS ? runs_new() : NULL;
    tally->calls_kept = tally->kind == TALLY_CALLS ? calls_new(harts->count) : NULL;
    return tally->kind == TALLY_WATCHED || tally->runs_kept != NULL || tally->calls_kept != NULL;
}

static bool is_paused(const struct tally *tally) {
    return tally->runs != tally->runs_kept || tally->calls != tally->calls_kept;
}

void tally_resume(struct harts *harts) {
    struct tally *tally = harts->tally;
    if (!is_paused(tally)) {
        return;
    }
    tally->runs = tally->runs_kept;
    tally->calls = tally->calls_kept;
    blocks_change(harts);
    for (unsigned i = 0; i < harts->count; i++) {
        harts->hart[i]->counted = true;
        if (tally->runs != NULL) {
            runs_select(harts->hart[i]);
        }
        if (tally->calls != NULL) {
            calls_begin(harts->hart[i]);
        }
    }
}

void tally_pause(struct harts *harts) {
    struct tally *tally = harts->tally;
    if (is_paused(tally) || tally->kind == TALLY_WATCHED) {
        return;
    }
    for (unsigned i = 0; i < harts->count; i++) {
        if (tally->calls != NULL) {
            calls_end(harts->hart[i]);
        }
        harts->hart[i]->counted = false;
        harts->hart[i]->sheet = NULL;
        harts->hart[i]->tally.block_sheet = NULL;
    }
    if (tally->calls != NULL) {
        calls_forget(tally->calls);
    }
    tally->runs = NULL;
    tally->calls = NULL;
    blocks_change(harts);
}

enum status tally_begin(struct harts *harts, enum tally_kind kind, const struct tally_watch *watch,
                        struct error *error) {
    struct tally *tally = calloc(1, sizeof *tally);
    harts->tally = tally;
    if (tally != NULL) {
        tally->kind = kind;
        tally->watch = watch == NULL ? (struct tally_watch){0} : *watch;
    }
    if (tally == NULL || !counts_make(tally, harts)) {
        tally_end(harts);
        return error_set(error, STATUS_USAGE, "profile: out of memory; free some and try again");
    }
    for (unsigned i = 0; i < harts->count; i++) {
        harts->hart[i]->watched = true;
        harts->hart[i]->tally = (struct hart_tally){.priv = harts->hart[i]->priv};
    }
    blocks_change(harts);
    return STATUS_OK;
}

void tally_end(struct harts *harts) {
    struct tally *tally = harts->tally;
    if (tally == NULL) {
        return;
    }
    harts->tally = NULL;
    for (unsigned i = 0; i < harts->count; i++) {
        harts->hart[i]->watched = harts->hart[i]->counted = false;
        harts->hart[i]->sheet = NULL;
    }
    blocks_change(harts);
    free(tally->first);
    runs_free(tally->runs_kept);
    calls_free(tally->calls_kept);
    free(tally);
}

enum tally_kind tally_kind(const struct hart *hart) {
    return hart->counted ? hart->harts->tally->kind : TALLY_WATCHED;
}

/* -- Tasks ------------------------------------------------------------------------------------- */

void tally_set_task(struct hart *hart, uint32_t task) {
    const struct tally *tally = hart->harts->tally;
    hart->tally.task = task;
    if (tally->runs != NULL) {
        runs_select(hart);
    }
    if (tally->calls != NULL) {
        calls_task(hart);
    }
}

uint32_t tally_task(const struct hart *hart) {
    bool firmware = hart->priv == PRIV_M && hart->harts->tally->watch.firmware_apart;
    return firmware ? 0 : hart->tally.task;
}

void tally_stale(struct harts *harts) {
    for (unsigned i = 0; i < harts->count && harts->tally->calls != NULL; i++) {
        calls_stale(harts->hart[i]);
    }
}

void tally_thread(struct hart *hart, uint64_t at) {
    const struct tally *tally = hart->harts->tally;
    bool changed = hart->x[REGISTER_TP] != hart->tally.thread;
    hart->tally.thread = hart->x[REGISTER_TP];
    if (changed && hart->priv == PRIV_S && tally->watch.thread != NULL) {
        if (tally->calls != NULL) {
            calls_settle(hart, at);
        }
        hart->clock->steps = at;
        tally->watch.thread(tally->watch.owner, hart);
    }
}

/* -- Places ------------------------------------------------------------------------------------ */

uint64_t tally_place(struct hart *hart, uint64_t pc) {
    const struct fetch_entry *entry = mmu_fetch_find(hart, pc);
    paddr at = TALLY_NOWHERE;
    if (entry != NULL) {
        return entry->base + pc % PAGE_BYTES;
    }
    bool known = mmu_peek_as(hart, (enum privilege)hart->priv, pc, &at);
    return known && !ram_holds(&hart->harts->bus->ram, at, 1) ? at : TALLY_NOWHERE; /* no cache */
}

uint64_t tally_told(struct hart *hart, uint64_t pc, uint64_t at) {
    const struct tally *tally = hart->harts->tally;
    const struct ram *ram = &hart->harts->bus->ram;
    if (tally->first == NULL || at == TALLY_NOWHERE || !ram_holds(ram, at, 1)) {
        return pc;
    }
    uint64_t *first = &tally->first[ram_page(ram, at)];
    if (*first == 0) {
        *first = 1 + (pc >> PAGE_SHIFT);
    }
    return ((*first - 1) << PAGE_SHIFT) + pc % PAGE_BYTES;
}

/* -- Code -------------------------------------------------------------------------------------- */

uint32_t tally_jump(const struct insn *insn) {
    enum { RA = 1, T0 = 5 };
    bool jumps = insn->op == OP_jal || insn->op == OP_jalr;
    if (jumps && (insn->rd == RA || insn->rd == T0)) {
        return insn->rd == RA ? LABEL_CALL_RA : LABEL_CALL_T0;
    }
    return insn->op == OP_jalr && insn->rs1 == RA ? LABEL_RETURN : 0;
}

void tally_jumped(struct hart *hart, const struct insn *insn) {
    uint32_t label = tally_jump(insn);
    hart->label = label != 0 ? label : hart->label;
}

void tally_block(struct hart *hart, uint64_t at) {
    const struct tally *tally = hart->harts->tally;
    bool ran = hart->block_insns != NULL && at > hart->block_steps;
    if (tally->runs != NULL) {
        runs_block(hart, at);
    } else if (tally->calls != NULL && ran && !hart->tally.trapped) {
        tally_jumped(hart, &hart->block_insns[at - hart->block_steps - 1]);
    }
    hart->block_insns = NULL;
    hart->tally.block_told = hart->tally.trapped = false;
    tally_thread(hart, at);
}

void tally_execute(struct hart *hart, uint64_t at, struct block *block) {
    const struct tally *tally = hart->harts->tally;
    hart->tally.block_sheet = hart->sheet;
    hart->tally.block = block;
    if (tally->runs != NULL) {
        hart->tally.block_at = tally_place(hart, hart->pc);
    } else if (tally->calls != NULL) {
        calls_arrive(hart, at);
    }
}

/* -- Traps ------------------------------------------------------------------------------------- */

/** Counts a step that traps. */
static void trap_count(struct hart *hart, bool fetches) {
    const struct tally *tally = hart->harts->tally;
    if (tally->runs != NULL && fetches) {
        runs_fetch_trapped(hart);
    }
    if (tally->calls != NULL) {
        if (fetches) {
            calls_miss(hart, hart->clock->steps);
        }
        calls_settle(hart, hart->clock->steps + 1);
        calls_unretired(hart);
    }
}

void tally_trap(struct hart *hart, uint64_t cause) {
    const struct tally *tally = hart->harts->tally;
    bool fetches = cause == CAUSE_FETCH_ACCESS || cause == CAUSE_FETCH_PAGE;
    hart->tally.trapped = !fetches;
    trap_count(hart, fetches);
    if (cause == CAUSE_ECALL_U && tally->watch.call != NULL) {
        /* What is told may end the task that ran the block. */
        if (tally->runs != NULL && hart->tally.block_sheet != NULL) {
            runs_block(hart, hart->clock->steps + 1);
            hart->tally.block_told = true;
        }
        tally->watch.call(tally->watch.owner, hart);
    }
}

void tally_switch(struct hart *hart) {
    const struct tally *tally = hart->harts->tally;
    enum privilege before = (enum privilege)hart->tally.priv;
    bool traps = hart->tally.traps, returns = hart->tally.returns;
    hart->tally.traps = hart->tally.returns = false;
    hart->tally.priv = hart->priv;
    if (tally->runs != NULL) {
        runs_select(hart);
    }
    if (tally->calls != NULL && traps) {
        calls_trapped(hart, before);
    }
    if (tally->calls != NULL && returns) {
        calls_returned(hart, before);
    }
    if (hart->priv == PRIV_U && before != PRIV_U && tally->watch.enter != NULL) {
        tally->watch.enter(tally->watch.owner, hart);
    }
}

/* -- Handlers ---------------------------------------------------------------------------------- */

/* What traps takes a step first, and has been told as that; an interrupt takes none. */
void tally_enter(struct hart *hart, uint64_t cause, enum privilege target) {
    const struct tally *tally = hart->harts->tally;
    const struct tally_watch *watch = &tally->watch;
    bool interrupt = (cause & CAUSE_INTERRUPT) != 0;
    hart->tally.traps = true;
    if (interrupt && tally->calls != NULL) {
        calls_settle(hart, hart->clock->steps);
    }
    if (watch->trap != NULL) {
        watch->trap(watch->owner, hart,
                    &(struct tally_passage){.cause = cause,
                                            .steps = hart->clock->steps + !interrupt,
                                            .from = hart->priv,
                                            .to = (uint8_t)target});
    }
}

void tally_back(struct hart *hart, enum privilege from) {
    const struct tally *tally = hart->harts->tally;
    const struct tally_watch *watch = &tally->watch;
    hart->tally.returns = true;
    if (tally->calls != NULL) {
        calls_settle(hart, hart->clock->steps + 1);
    }
    if (watch->back != NULL) {
        watch->back(watch->owner, hart,
                    &(struct tally_passage){
                        .steps = hart->clock->steps + 1, .from = (uint8_t)from, .to = hart->priv});
    }
}
