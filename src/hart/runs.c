/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often each instruction was executed.
 *
 * Engines run straight-line code: blocks, or parts of them where a grant ends. Each such run gets a
 * number when it is first met, and each context (hart, privilege, task, space) a sheet with a count
 * for every number. So translated code that counts is one increment a block, of the sheet that
 * hart->sheet points to:
 *
 *     run 17 = 5 instructions from 0x80200100     sheet of hart 0, S, task 4:  [17] = 1204
 *
 * 1. What an instruction was executed is the sum over all runs that hold it. So it does not matter
 *    how an engine cuts code into runs, and both engines come to the same numbers.
 * 2. A run that is left in the middle (a trap, a store to code, a deadline that came nearer) has
 *    been counted as a whole, so what lies behind gets one less: counts may be negative, sums never
 *    are.
 * 3. A step that traps is executed, and does not retire: that is counted apart, by run and place in
 *    it. A fetch that faults is a step without an instruction.
 * 4. The context of a run is that of its first instruction. Whatever changes it ends a block, and
 *    hart->sheet moves with it; so the interpreter, which counts behind a block, remembers the
 *    sheet from before (hart->tally.block_sheet).
 * 5. Code is translated by physical page, whatever lies where in virtual memory, and so it is
 *    counted. A run knows where it lies, and at which address it was met.
 * 6. A kernel's code lies at the same place in each of its tasks' spaces. So there the task alone
 *    is the context, and the kernel's runs have one number each.
 * 7. Numbers stay as long as the counts. The same code that is decoded again gets the same number,
 *    so dropped caches do not fill the table.
 * 8. Sheets have room for all runs, and hold few. So there are SHEETS_MAX of them; whichever has
 *    not been in use for the longest is packed to make room for another: its counts other than 0
 *    are put aside, and it begins anew when its context comes back.
 * 9. What a guest can make more of than there is room for is still counted, but not told apart:
 *    code that it writes again and again as TALLY_ANY, contexts as TALLY_OTHERS.
 *
 * Rejected: counts by half word of each page of code (two increments a block, and a page in each
 * space); counting instructions one by one (three times as slow). */
#include <stdlib.h>
#include <string.h>

#include "hart/counts.h"

enum {
    RUNS_MAX = 1 << 21,
    RUN_SLOTS_BITS = 14, /* to begin with; at most half of the slots are used */
    SHEETS_MAX = 256,    /* and four a hart, which may be in use */
    CONTEXTS_MAX = 1 << 15,
    CONTEXT_SLOTS_BITS = 17
};

enum run_kind {
    RUN_CODE,
    RUN_CUT,  /* the end of another */
    RUN_TRAP, /* a place in another where steps trap */
    RUN_FETCH
};

/** Straight-line code, or a part of it, or a place where fetches fault. */
struct run {
    uint64_t pc; /* RUN_CUT, RUN_TRAP: number of the run that holds it */
    uint64_t at;
    uint64_t wide;  /* bit n: the n-th instruction has four bytes, not two */
    uint16_t count; /* instructions; RUN_CUT, RUN_TRAP: those before it */
    uint8_t priv;
    uint8_t kind;
};

/** A count that was put aside. */
struct packed {
    uint32_t number;
    int64_t count;
};

struct context {
    struct tally_context shown;
    struct sheet *sheet;   /* NULL: it is not in use */
    struct packed *packed; /* the same number may come several times */
    size_t packed_count;
    int64_t any_unretired;
};

struct sheet {
    struct context *context;
    uint64_t used;    /* when it was last selected */
    int64_t counts[]; /* RUNS_MAX */
};

#define SHEET_BYTES (sizeof(struct sheet) + RUNS_MAX * sizeof(int64_t))

struct runs {
    struct run *list; /* by number; TALLY_ANY is none of them */
    uint32_t count;
    uint32_t *slots; /* numbers by hash, or 0 */
    unsigned slot_bits;
    struct context **contexts;
    size_t context_count;
    uint32_t *context_slots; /* 1 + index by hash, or 0 */
    struct sheet **sheets;
    size_t sheet_count;
    uint64_t selections;
};

/* -- Birth and death --------------------------------------------------------------------------- */

struct runs *runs_new(void) {
    struct runs *runs = calloc(1, sizeof *runs);
    if (runs == NULL) {
        return NULL;
    }
    runs->list = pages_map(RUNS_MAX * sizeof *runs->list, PAGES_FILLED);
    runs->slot_bits = RUN_SLOTS_BITS;
    runs->slots = calloc((size_t)1 << RUN_SLOTS_BITS, sizeof *runs->slots);
    runs->contexts = calloc(CONTEXTS_MAX, sizeof *runs->contexts);
    runs->context_slots = calloc((size_t)1 << CONTEXT_SLOTS_BITS, sizeof *runs->context_slots);
    runs->sheets = calloc(SHEETS_MAX + 4 * HARTS_MAX, sizeof *runs->sheets);
    runs->count = 1;
    if (runs->list == NULL || runs->slots == NULL || runs->contexts == NULL ||
        runs->context_slots == NULL || runs->sheets == NULL) {
        runs_free(runs);
        return NULL;
    }
    return runs;
}

void runs_free(struct runs *runs) {
    if (runs == NULL) {
        return;
    }
    for (size_t i = 0; i < runs->context_count; i++) {
        free(runs->contexts[i]->packed);
        free(runs->contexts[i]);
    }
    for (size_t i = 0; i < runs->sheet_count; i++) {
        pages_unmap(runs->sheets[i], SHEET_BYTES);
    }
    free(runs->sheets);
    free(runs->context_slots);
    free(runs->contexts);
    free(runs->slots);
    pages_unmap(runs->list, RUNS_MAX * sizeof *runs->list);
    free(runs);
}

/* -- Runs -------------------------------------------------------------------------------------- */

static bool runs_same(const struct run *a, const struct run *b) {
    return a->pc == b->pc && a->at == b->at && a->wide == b->wide && a->count == b->count &&
           a->priv == b->priv && a->kind == b->kind;
}

/** Where a run's number stands, or will. */
static uint32_t *slot_of(const struct runs *runs, const struct run *run) {
    uint32_t mask = (1U << runs->slot_bits) - 1;
    uint64_t mixed = run->pc * UINT64_C(0x9e3779b97f4a7c15) + run->at + run->count * 77777U +
                     run->wide * UINT64_C(0xbf58476d1ce4e5b9) + run->kind * 31U + run->priv;
    mixed ^= mixed >> 29;
    uint32_t slot = (uint32_t)(mixed * UINT64_C(0x94d049bb133111eb) >> (64 - runs->slot_bits));
    while (runs->slots[slot] != 0 && !runs_same(&runs->list[runs->slots[slot]], run)) {
        slot = (slot + 1) & mask;
    }
    return &runs->slots[slot];
}

static void slots_grow(struct runs *runs) {
    free(runs->slots);
    runs->slots = calloc((size_t)1 << ++runs->slot_bits, sizeof *runs->slots);
    ensure(runs->slots != NULL);
    for (uint32_t number = 1; number < runs->count; number++) {
        *slot_of(runs, &runs->list[number]) = number;
    }
}

/** The number of a run, which is new if it was never met. */
static uint32_t run_number(struct hart *hart, const struct run *run) {
    const struct tally_watch *watch = &hart->harts->tally->watch;
    struct runs *runs = hart->harts->tally->runs;
    uint32_t *slot = slot_of(runs, run);
    if (*slot != 0) {
        return *slot;
    }
    if (runs->count == RUNS_MAX) {
        return TALLY_ANY;
    }
    uint32_t number = runs->count++;
    *slot = number;
    runs->list[number] = *run;
    if (runs->count >> (runs->slot_bits - 1) != 0) {
        slots_grow(runs);
    }
    bool code = run->kind == RUN_CODE || run->kind == RUN_FETCH;
    if (code && run->priv == PRIV_U && watch->met != NULL) {
        watch->met(watch->owner, hart, number, run->pc);
    }
    return number;
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
    const struct tally_context *context = &sheet_of(counts)->context->shown;
    return run_number(hart, &(struct run){.pc = tally_told(hart, code->pc, code->at),
                                          .at = code->at,
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

/* -- Contexts and their sheets ----------------------------------------------------------------- */

static bool contexts_same(const struct tally_context *a, const struct tally_context *b) {
    return a->hart == b->hart && a->priv == b->priv && a->task == b->task && a->satp == b->satp;
}

static uint32_t *context_slot(struct runs *runs, const struct tally_context *context) {
    uint64_t mixed =
        (context->satp ^ (uint64_t)context->task << 20 ^ context->hart << 2 ^ context->priv) *
        UINT64_C(0x9e3779b97f4a7c15);
    uint32_t slot = (uint32_t)(mixed >> (64 - CONTEXT_SLOTS_BITS));
    while (runs->context_slots[slot] != 0 &&
           !contexts_same(&runs->contexts[runs->context_slots[slot] - 1]->shown, context)) {
        slot = (slot + 1) % (1U << CONTEXT_SLOTS_BITS);
    }
    return &runs->context_slots[slot];
}

/** @param spare  How many contexts there has to be room for: for each hart and mode, others. */
static struct context *context_find(struct runs *runs, struct tally_context *shown, size_t spare) {
    uint32_t *slot = context_slot(runs, shown);
    if (*slot == 0 && runs->context_count + spare >= CONTEXTS_MAX) {
        shown->task = 0;
        shown->satp = TALLY_OTHERS;
        slot = context_slot(runs, shown);
    }
    if (*slot == 0) {
        struct context *context = calloc(1, sizeof *context);
        ensure(context != NULL);
        context->shown = *shown;
        runs->contexts[runs->context_count++] = context;
        *slot = (uint32_t)runs->context_count;
    }
    return runs->contexts[*slot - 1];
}

/** It is about to be read as a whole. */
static void sheet_look(const struct runs *runs, struct sheet *sheet) {
    pages_look(sheet->counts, runs->count * sizeof sheet->counts[0]);
}

/** Puts a sheet's counts aside, and makes all of them 0. */
static void sheet_pack(const struct runs *runs, struct sheet *sheet) {
    struct context *context = sheet->context;
    size_t used = 0;
    sheet_look(runs, sheet);
    for (uint32_t number = 0; number < runs->count; number++) {
        used += sheet->counts[number] != 0;
    }
    context->packed =
        realloc(context->packed, (context->packed_count + used + 1) * sizeof *context->packed);
    ensure(context->packed != NULL);
    for (uint32_t number = 0; number < runs->count; number++) {
        if (sheet->counts[number] != 0) {
            context->packed[context->packed_count++] =
                (struct packed){number, sheet->counts[number]};
            sheet->counts[number] = 0;
        }
    }
    context->sheet = NULL;
    sheet->context = NULL;
}

/** A sheet that nothing is counted in: a new one, or the one that was in use the longest ago. */
static struct sheet *sheet_free(struct runs *runs, size_t sheets_max) {
    struct sheet *oldest = NULL;
    if (runs->sheet_count < sheets_max) {
        oldest = pages_map(SHEET_BYTES, PAGES_SPARSE);
        ensure(oldest != NULL);
        runs->sheets[runs->sheet_count++] = oldest;
        return oldest;
    }
    for (size_t i = 0; i < runs->sheet_count; i++) {
        if (oldest == NULL || runs->sheets[i]->used < oldest->used) {
            oldest = runs->sheets[i];
        }
    }
    sheet_pack(runs, oldest);
    return oldest;
}

void runs_select(struct hart *hart) {
    struct harts *harts = hart->harts;
    struct runs *runs = harts->tally->runs;
    bool firmware = hart->priv == PRIV_M;
    bool task_alone = hart->priv == PRIV_S && hart->tally.task != 0;
    struct tally_context shown = {.hart = hart->id,
                                  .priv = hart->priv,
                                  .task = firmware ? 0 : hart->tally.task,
                                  .satp = firmware || task_alone ? 0 : hart->satp};
    struct context *context = context_find(runs, &shown, (size_t)3 * harts->count);
    if (context->sheet == NULL) {
        context->sheet = sheet_free(runs, SHEETS_MAX + (size_t)4 * harts->count);
        context->sheet->context = context;
    }
    context->sheet->used = ++runs->selections;
    hart->sheet = context->sheet->counts;
}

/* -- Counting ---------------------------------------------------------------------------------- */

/** The number of a part of another run. */
static uint32_t part_number(struct hart *hart, uint32_t number, unsigned idx, enum run_kind kind) {
    struct run part = {.pc = number, .count = (uint16_t)idx, .kind = (uint8_t)kind};
    return number == TALLY_ANY ? TALLY_ANY : run_number(hart, &part);
}

void tally_cut(struct hart *hart, int64_t *sheet, uint32_t number, unsigned idx, unsigned rest) {
    if (rest > 0) {
        uint32_t cut = part_number(hart, number, idx, RUN_CUT);
        sheet[cut] -= weight(cut, rest);
    }
}

void tally_trapped(struct hart *hart, int64_t *sheet, uint32_t number, unsigned idx) {
    if (!hart->tally.trapped) {
        return;
    }
    hart->tally.trapped = false;
    uint32_t trap = part_number(hart, number, idx, RUN_TRAP);
    if (trap == TALLY_ANY) {
        sheet_of(sheet)->context->any_unretired++;
    } else {
        sheet[trap]++;
    }
}

/** Of the first instructions of the block that was executed. Blocks keep the last one, as long as
 * they come back in the same way. */
static uint32_t block_run(struct hart *hart, int64_t *sheet, unsigned count) {
    const struct runs *runs = hart->harts->tally->runs;
    struct block *block = hart->tally.block;
    struct tally_code code = {hart->block_pc, hart->tally.block_at, count, 0};
    if (block != NULL && block->count != count) {
        block = NULL;
    }
    if (block != NULL && block->run != 0) {
        const struct run *run = &runs->list[block->run];
        if (run->pc == tally_told(hart, code.pc, code.at) && run->at == code.at &&
            run->priv == sheet_of(sheet)->context->shown.priv) {
            return block->run;
        }
    }
    code.wide = tally_wide(hart->block_insns, count);
    uint32_t number = run_of(hart, sheet, &code);
    if (block != NULL) {
        block->run = number;
    }
    return number;
}

void runs_block(struct hart *hart, uint64_t at) {
    int64_t *sheet = hart->tally.block_sheet;
    if (hart->tally.block_told || hart->block_insns == NULL || at <= hart->block_steps) {
        return;
    }
    unsigned count = (unsigned)(at - hart->block_steps);
    uint32_t number = block_run(hart, sheet, count);
    sheet[number] += weight(number, count);
    tally_trapped(hart, sheet, number, count - 1);
}

void runs_fetch_trapped(struct hart *hart) {
    struct context *context = sheet_of(hart->sheet)->context;
    uint32_t number = run_number(
        hart,
        &(struct run){.pc = hart->pc, .at = TALLY_NOWHERE, .priv = hart->priv, .kind = RUN_FETCH});
    hart->sheet[number]++;
    context->any_unretired += number == TALLY_ANY;
}

/* -- Telling ----------------------------------------------------------------------------------- */

struct walk {
    const struct runs *runs;
    const struct tally_context *context;
    tally_fn *tell;
    void *owner;
    struct tally_count any; /* what is not told apart */
};

/** Some of the instructions of a run, from the @p first on. */
static struct tally_code part_of(const struct run *run, unsigned first, unsigned count) {
    uint64_t before = ((uint64_t)1 << first) - 1, those = UINT64_MAX >> (64 - count);
    struct tally_code skipped = {.count = first, .wide = run->wide & before};
    uint64_t bytes = tally_code_bytes(&skipped);
    return (struct tally_code){.pc = run->pc + bytes,
                               .at = run->at == TALLY_NOWHERE ? run->at : run->at + bytes,
                               .count = count,
                               .wide = run->wide >> first & those};
}

/** What there was no room to tell apart: only how many steps it is. */
static void any_add(struct walk *walk, const struct run *run, const struct run *holder,
                    int64_t count) {
    bool traps = run->kind == RUN_TRAP || run->kind == RUN_FETCH;
    int64_t insns = run->kind == RUN_CODE    ? run->count
                    : run->kind == RUN_CUT   ? holder->count - run->count
                    : run->kind == RUN_FETCH ? 1
                                             : 0;
    walk->any.steps += count * insns;
    walk->any.unretired += traps ? count : 0;
}

static void run_tell(struct walk *walk, uint32_t number, int64_t count) {
    const struct run *run = &walk->runs->list[number];
    bool part = run->kind == RUN_CUT || run->kind == RUN_TRAP;
    const struct run *holder = part ? &walk->runs->list[run->pc] : run;
    bool traps = run->kind == RUN_TRAP || run->kind == RUN_FETCH;
    if (number == TALLY_ANY) {
        walk->any.steps += count;
    } else if (walk->context->satp == TALLY_OTHERS) {
        any_add(walk, run, holder, count);
    } else {
        unsigned first = part ? run->count : 0;
        walk->tell(
            walk->owner, walk->context,
            &(struct tally_count){.code = part_of(holder, first, traps ? 1 : holder->count - first),
                                  .steps = run->kind == RUN_TRAP ? 0 : count,
                                  .unretired = traps ? count : 0,
                                  .run = (uint32_t)(holder - walk->runs->list)});
    }
}

static void context_tell(const struct runs *runs, const struct context *context, tally_fn *tell,
                         void *owner) {
    struct walk walk = {
        .runs = runs,
        .context = &context->shown,
        .tell = tell,
        .owner = owner,
        .any = {.code = {.at = TALLY_NOWHERE, .count = 1}, .unretired = context->any_unretired}};
    for (size_t i = 0; i < context->packed_count; i++) {
        run_tell(&walk, context->packed[i].number, context->packed[i].count);
    }
    if (context->sheet != NULL) {
        sheet_look(runs, context->sheet);
    }
    for (uint32_t number = 0; context->sheet != NULL && number < runs->count; number++) {
        if (context->sheet->counts[number] != 0) {
            run_tell(&walk, number, context->sheet->counts[number]);
        }
    }
    if (walk.any.steps != 0 || walk.any.unretired != 0) {
        tell(owner, &context->shown, &walk.any);
    }
}

void tally_walk(const struct harts *harts, tally_fn *tell, void *owner) {
    const struct runs *runs = harts->tally->runs_kept;
    for (size_t i = 0; i < runs->context_count; i++) {
        context_tell(runs, runs->contexts[i], tell, owner);
    }
}
