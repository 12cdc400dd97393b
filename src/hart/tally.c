/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often each instruction was executed.
 *
 * Engines run straight-line code: blocks, or parts of them where a grant ends. Each such run gets a
 * number when it is first met, and each context (hart, privilege, space) a sheet with a count for
 * every number. So translated code that counts is one increment a block, of the sheet that
 * hart->sheet points to:
 *
 *     run 17 = 5 instructions from 0x80200100     sheet of hart 0, S, satp 8…81a3:  [17] = 1204
 *
 * 1. What an instruction was executed is the sum over all runs that hold it. So it does not matter
 *    how an engine cuts code into runs, and both engines come to the same numbers.
 * 2. A run that is left in the middle (a trap, a store to code, a deadline that came nearer) has
 *    been counted as a whole, so what lies behind is a run of its own that gets one less: counts
 *    may be negative, sums never are.
 * 3. A step that traps is executed, and does not retire: that is counted apart, by address. A fetch
 *    that faults is a step without an instruction.
 * 4. The context of a run is that of its first instruction. Whatever changes it ends a block, and
 *    hart->sheet moves with it; so the interpreter, which counts behind a block, remembers the
 *    sheet from before (hart->tally.block_sheet).
 * 5. Code is translated by physical page, whatever lies where in virtual memory, and so it is
 *    counted. A run knows its physical address, and where it was when it was first met.
 * 6. Whatever may write tp ends a block, so that a task has its first step where the kernel takes
 *    it for the present one, in both engines.
 * 7. Numbers stay as long as the tally. The same code that is decoded again gets the same number,
 *    so dropped caches do not fill the table.
 * 8. What a guest can make more of than there is room for is still counted, but not told apart:
 *    code that it writes again and again as TALLY_ANY, spaces as TALLY_OTHERS.
 *
 * Rejected: counts by half word of each page of code (two increments a block, and a page in each
 * space); counting instructions one by one (three times as slow). */
#include <stdlib.h>
#include <string.h>

#include "hart/code.h"

enum {
    RUNS_MAX = 1 << 21,
    RUN_SLOTS_BITS = 22, /* at most half of the slots are used */
    SHEETS_MAX = 2048,
    SHEET_SLOTS_BITS = 13
};

enum run_kind { RUN_CODE, RUN_TRAP, RUN_FETCH };

/** Straight-line code, or a place where steps trap. */
struct run {
    vaddr pc;
    paddr at;       /* follows from the others */
    uint64_t satp;  /* of the context that it was met in */
    uint64_t wide;  /* bit n: the n-th instruction has four bytes, not two */
    uint16_t count; /* instructions */
    uint8_t priv;
    uint8_t kind;
};

struct sheet {
    struct tally_context context;
    int64_t any_unretired; /* of counts[TALLY_ANY] */
    int64_t counts[];      /* RUNS_MAX: memory is the host's until it is touched */
};

struct tally {
    struct run *runs; /* by number; TALLY_ANY is none of them */
    uint32_t run_count;
    uint32_t *slots; /* numbers by hash, or 0 */
    struct tally_watch watch;
    struct sheet *sheets[SHEETS_MAX];
    size_t sheet_count;
    uint16_t sheet_slots[1 << SHEET_SLOTS_BITS]; /* 1 + index by hash, or 0 */
};

/* -- Birth and death --------------------------------------------------------------------------- */

/* Blocks that count, or do not, are not to be found any more. */
static void blocks_change(struct harts *harts, bool threads_end) {
    harts_drop_caches(harts);
    harts->code->threads_end = threads_end;
}

enum status tally_begin(struct harts *harts, const struct tally_watch *watch, struct error *error) {
    struct tally *tally = calloc(1, sizeof *tally);
    if (tally != NULL) {
        tally->runs = calloc(RUNS_MAX, sizeof *tally->runs);
        tally->slots = calloc((size_t)1 << RUN_SLOTS_BITS, sizeof *tally->slots);
        tally->run_count = 1;
        tally->watch = watch == NULL ? (struct tally_watch){0} : *watch;
    }
    harts->tally = tally;
    if (tally == NULL || tally->runs == NULL || tally->slots == NULL) {
        tally_end(harts);
        return error_set(error, STATUS_USAGE, "profile: out of memory; free some and try again");
    }
    blocks_change(harts, true);
    for (unsigned i = 0; i < harts->count; i++) {
        tally_switch(harts->hart[i]);
    }
    return STATUS_OK;
}

void tally_end(struct harts *harts) {
    struct tally *tally = harts->tally;
    if (tally == NULL) {
        return;
    }
    harts->tally = NULL;
    for (unsigned i = 0; i < harts->count; i++) {
        harts->hart[i]->sheet = NULL;
    }
    blocks_change(harts, false);
    for (size_t i = 0; i < tally->sheet_count; i++) {
        free(tally->sheets[i]);
    }
    free(tally->slots);
    free(tally->runs);
    free(tally);
}

/* -- Runs -------------------------------------------------------------------------------------- */

static bool runs_same(const struct run *a, const struct run *b) {
    return a->pc == b->pc && a->satp == b->satp && a->wide == b->wide && a->count == b->count &&
           a->priv == b->priv && a->kind == b->kind;
}

static uint32_t slot_of(const struct run *run) {
    uint64_t mixed = run->pc * UINT64_C(0x9e3779b97f4a7c15) + run->satp + run->count * 77777U +
                     run->wide * UINT64_C(0xbf58476d1ce4e5b9) + run->kind * 31U + run->priv;
    mixed ^= mixed >> 29;
    return (uint32_t)(mixed * UINT64_C(0x94d049bb133111eb) >> (64 - RUN_SLOTS_BITS));
}

/** Where a run lies. Its space may be another than the present one by now. */
static paddr run_address(struct hart *hart, const struct run *run) {
    paddr at = TALLY_NOWHERE;
    uint64_t satp = hart->satp;
    hart->satp = run->satp;
    (void)mmu_peek_as(hart, (enum privilege)run->priv, run->pc, &at);
    hart->satp = satp;
    return at;
}

/** The number of a run, which is new if it was never met. */
static uint32_t run_number(struct hart *hart, const struct run *run) {
    struct tally *tally = hart->harts->tally;
    uint32_t slot = slot_of(run);
    while (tally->slots[slot] != 0) {
        if (runs_same(&tally->runs[tally->slots[slot]], run)) {
            return tally->slots[slot];
        }
        slot = (slot + 1) % (1U << RUN_SLOTS_BITS);
    }
    if (tally->run_count == RUNS_MAX) {
        return TALLY_ANY;
    }
    tally->slots[slot] = tally->run_count;
    tally->runs[tally->run_count] = *run;
    tally->runs[tally->run_count].at = run_address(hart, run);
    if (run->priv == PRIV_U && tally->watch.met != NULL) {
        tally->watch.met(tally->watch.owner, hart, tally->run_count, run->pc);
    }
    return tally->run_count++;
}

static struct sheet *sheet_of(int64_t *counts) {
    return (struct sheet *)(void *)((char *)counts - offsetof(struct sheet, counts));
}

/** What a run's count grows by when it is executed once. */
static int64_t weight(uint32_t number, unsigned count) {
    return number == TALLY_ANY ? (int64_t)count : 1;
}

/** The number of code that is met in a sheet's context. */
static uint32_t run_of(struct hart *hart, int64_t *counts, const struct tally_code *code) {
    const struct tally_context *context = &sheet_of(counts)->context;
    return run_number(hart, &(struct run){.pc = code->pc,
                                          .satp = context->satp,
                                          .wide = code->wide,
                                          .count = (uint16_t)code->count,
                                          .priv = context->priv,
                                          .kind = RUN_CODE});
}

uint64_t tally_wide(const struct insn *insns, unsigned count) {
    uint64_t wide = 0;
    for (unsigned i = 0; i < count; i++) {
        wide |= (uint64_t)(insns[i].length & 1U) << i;
    }
    return wide;
}

uint32_t tally_run(struct hart *hart, const struct tally_code *code) {
    return run_of(hart, hart->sheet, code);
}

/* -- Sheets ------------------------------------------------------------------------------------ */

static bool contexts_same(const struct tally_context *a, const struct tally_context *b) {
    return a->hart == b->hart && a->priv == b->priv && a->task == b->task && a->satp == b->satp;
}

static uint16_t *sheet_slot(struct tally *tally, const struct tally_context *context) {
    uint64_t mixed =
        (context->satp ^ (uint64_t)context->task << 20 ^ context->hart << 2 ^ context->priv) *
        UINT64_C(0x9e3779b97f4a7c15);
    uint32_t slot = (uint32_t)(mixed >> (64 - SHEET_SLOTS_BITS));
    while (tally->sheet_slots[slot] != 0 &&
           !contexts_same(&tally->sheets[tally->sheet_slots[slot] - 1]->context, context)) {
        slot = (slot + 1) % (1U << SHEET_SLOTS_BITS);
    }
    return &tally->sheet_slots[slot];
}

static struct sheet *sheet_new(struct tally *tally, const struct tally_context *context) {
    struct sheet *sheet = calloc(1, sizeof *sheet + RUNS_MAX * sizeof sheet->counts[0]);
    ensure(sheet != NULL);
    sheet->context = *context;
    tally->sheets[tally->sheet_count++] = sheet;
    return sheet;
}

/** @param spare  Sheets that have to stay: for each hart and mode, one of other spaces. */
static struct sheet *sheet_find(struct tally *tally, struct tally_context *context, size_t spare) {
    uint16_t *slot = sheet_slot(tally, context);
    if (*slot == 0 && tally->sheet_count + spare >= SHEETS_MAX) {
        context->satp = TALLY_OTHERS;
        slot = sheet_slot(tally, context);
    }
    if (*slot == 0) {
        (void)sheet_new(tally, context);
        *slot = (uint16_t)tally->sheet_count;
    }
    return tally->sheets[*slot - 1];
}

static void sheet_select(struct hart *hart) {
    struct harts *harts = hart->harts;
    bool firmware = hart->priv == PRIV_M;
    struct tally_context context = {.hart = hart->id,
                                    .priv = hart->priv,
                                    .task = firmware ? 0 : hart->tally.task,
                                    .satp = firmware ? 0 : hart->satp};
    hart->sheet = sheet_find(harts->tally, &context, (size_t)3 * harts->count)->counts;
    hart->tally.priv = hart->priv;
}

void tally_set_task(struct hart *hart, uint32_t task) {
    hart->tally.task = task;
    sheet_select(hart);
}

void tally_switch(struct hart *hart) {
    const struct tally_watch *watch = &hart->harts->tally->watch;
    bool enters = hart->priv == PRIV_U && hart->tally.priv != PRIV_U;
    sheet_select(hart);
    if (enters && watch->enter != NULL) {
        watch->enter(watch->owner, hart);
    }
}

void tally_thread(struct hart *hart) {
    const struct tally_watch *watch = &hart->harts->tally->watch;
    bool changed = hart->x[REGISTER_TP] != hart->tally.thread;
    hart->tally.thread = hart->x[REGISTER_TP];
    if (changed && hart->priv == PRIV_S && watch->thread != NULL) {
        watch->thread(watch->owner, hart);
    }
}

/* -- Counting ---------------------------------------------------------------------------------- */

void tally_cut(struct hart *hart, int64_t *sheet, const struct tally_code *rest) {
    if (rest->count > 0) {
        uint32_t number = run_of(hart, sheet, rest);
        sheet[number] -= weight(number, rest->count);
    }
}

/** Counts the block that the interpreter has run, if it has, up to position @p at. */
static void block_count(struct hart *hart, uint64_t at) {
    if (!hart->tally.block_told && hart->block_insns != NULL && at > hart->block_steps) {
        unsigned count = (unsigned)(at - hart->block_steps);
        struct tally_code code = {hart->block_pc, count, tally_wide(hart->block_insns, count)};
        uint32_t number = run_of(hart, hart->tally.block_sheet, &code);
        hart->tally.block_sheet[number] += weight(number, count);
    }
}

void tally_block(struct hart *hart, uint64_t at) {
    block_count(hart, at);
    hart->block_insns = NULL;
    hart->tally.block_told = false;
    tally_thread(hart);
    hart->tally.block_sheet = hart->sheet;
}

void tally_trap(struct hart *hart, enum cause cause) {
    const struct tally_watch *watch = &hart->harts->tally->watch;
    struct run run = {.pc = hart->pc,
                      .satp = sheet_of(hart->sheet)->context.satp,
                      .priv = hart->priv,
                      .kind = RUN_TRAP};
    if (cause == CAUSE_FETCH_ACCESS || cause == CAUSE_FETCH_PAGE) {
        run.kind = RUN_FETCH;
    }
    uint32_t number = run_number(hart, &run);
    if (number != TALLY_ANY) {
        hart->sheet[number]++;
    } else {
        sheet_of(hart->sheet)->any_unretired++;
        hart->sheet[TALLY_ANY] += run.kind == RUN_FETCH;
    }
    if (cause == CAUSE_ECALL_U && watch->call != NULL) {
        if (hart->tally.block_sheet != NULL) { /* what is told may end the task that ran it */
            block_count(hart, hart->clock->steps + 1);
            hart->tally.block_told = true;
        }
        watch->call(watch->owner, hart);
    }
}

/* -- Telling ----------------------------------------------------------------------------------- */

struct walk {
    const struct tally *tally;
    tally_fn *tell;
    void *owner;
};

static void run_tell(const struct walk *walk, const struct tally_context *context, uint32_t number,
                     int64_t count) {
    const struct run *run = &walk->tally->runs[number];
    struct tally_count told = {.at = run->at, .pc = run->pc, .satp = run->satp, .run = number};
    if (run->kind != RUN_CODE) {
        told.steps = run->kind == RUN_FETCH ? count : 0;
        told.unretired = count;
        walk->tell(walk->owner, context, &told);
        return;
    }
    for (unsigned i = 0; i < run->count; i++) {
        told.steps = count;
        walk->tell(walk->owner, context, &told);
        told.pc += 2 + 2 * (run->wide >> i & 1);
        told.at += 2 + 2 * (run->wide >> i & 1);
    }
}

void tally_walk(const struct harts *harts, tally_fn *tell, void *owner) {
    const struct tally *tally = harts->tally;
    struct walk walk = {tally, tell, owner};
    for (size_t i = 0; i < tally->sheet_count; i++) {
        const struct sheet *sheet = tally->sheets[i];
        struct tally_count any = {.at = TALLY_NOWHERE,
                                  .satp = sheet->context.satp,
                                  .steps = sheet->counts[TALLY_ANY],
                                  .unretired = sheet->any_unretired};
        if (any.steps != 0) {
            tell(owner, &sheet->context, &any);
        }
        for (uint32_t number = 1; number < tally->run_count; number++) {
            if (sheet->counts[number] != 0) {
                run_tell(&walk, &sheet->context, number, sheet->counts[number]);
            }
        }
    }
}
