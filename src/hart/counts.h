/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ways to count that tally.c feeds. Private to hart/. */
#ifndef HART_COUNTS_H
#define HART_COUNTS_H

#include "hart/code.h"

struct tally {
    enum tally_kind kind;
    uint64_t *first; /* of one_address: by page of RAM, 1 + the number of the page it was met at */
    struct tally_watch watch;
    struct runs *runs;   /* TALLY_RUNS, unless paused, else NULL */
    struct calls *calls; /* TALLY_CALLS, likewise */
    struct runs *runs_kept;
    struct calls *calls_kept; /* the same, paused or not */
};

/* -- tally.c ----------------------------------------------------------------------------------- */

/** Where code lies that the hart has fetched. @return TALLY_NOWHERE: it has not. */
uint64_t tally_place(struct hart *hart, uint64_t pc);
/** The address that code at @p pc, which lies at @p at, is told by. */
uint64_t tally_told(struct hart *hart, uint64_t pc, uint64_t at);

/* -- runs.c ------------------------------------------------------------------------------------ */

/** @return NULL: out of memory. */
struct runs *runs_new(void);
void runs_free(struct runs *runs);
/** The context has changed, or its task: hart->sheet is that of the present one. */
void runs_select(struct hart *hart);
/** Counts the block that the interpreter has run, if it has, up to position @p at. */
void runs_block(struct hart *hart, uint64_t at);
/** A fetch at hart->pc faults: a step without an instruction. */
void runs_fetch_trapped(struct hart *hart);

/* -- calls.c ----------------------------------------------------------------------------------- */

/** @return NULL: out of memory. */
struct calls *calls_new(unsigned hart_count);
void calls_free(struct calls *calls);
/** Counting begins at the hart's position; nothing has been called. */
void calls_begin(struct hart *hart);
/** It ends there. */
void calls_end(struct hart *hart);
/** All stacks are empty. */
void calls_forget(struct calls *calls);
/** Steps up to position @p at are of the function that ran. */
void calls_settle(struct hart *hart, uint64_t at);
/** The hart is at hart->pc between two steps, @p at is its position: what it jumped to is known. */
void calls_arrive(struct hart *hart, uint64_t at);
/** The same, but nothing can be fetched there. */
void calls_miss(struct hart *hart, uint64_t at);
/** The hart's task is another. */
void calls_task(struct hart *hart);
/** It has taken a trap out of mode @p before, or has returned from one. */
void calls_trapped(struct hart *hart, enum privilege before);
void calls_returned(struct hart *hart, enum privilege before);
/** A step did not retire. */
void calls_unretired(struct hart *hart);
/** What is remembered of places is forgotten. */
void calls_stale(struct hart *hart);

#endif
