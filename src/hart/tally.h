/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What harts in turns execute: who is told, and what is counted. A part of hart/hart.h, which
 * others include. Nothing of it is state: a run that is watched ends like one that is not. */
#ifndef HART_TALLY_H
#define HART_TALLY_H

#include "base/base.h"
#include "isa/isa.h"

struct block;
struct hart;
struct harts;

enum tally_kind {
    TALLY_WATCHED, /* nothing is counted */
    TALLY_RUNS,    /* how often each instruction was executed: runs.c */
    TALLY_CALLS    /* steps by function, and who called it: calls.c */
};

/** What is known of the code at an address. */
struct tally_code_place {
    uint32_t function; /* below TALLY_FUNCTIONS_MAX */
    bool starts;       /* it is where that begins */
    bool whole;        /* it has a name; that holds for wherever else a kernel's page is mapped */
};

enum { TALLY_FUNCTIONS_MAX = 1 << 30 };

/** Into a handler, or back from it. */
struct tally_passage {
    uint64_t cause;   /* as in mcause; of a trap or interrupt only */
    uint64_t steps;   /* position at which the handler begins; or what it returns to goes on */
    uint8_t from, to; /* enum privilege */
};

/** Who watches. Each may be NULL; all is told between two steps, with registers as they are then.
 * None changes anything of the hart but the task. */
struct tally_watch {
    void (*call)(void *owner, struct hart *hart);   /* pc is that of an ecall in U */
    void (*enter)(void *owner, struct hart *hart);  /* U was entered: pc is where */
    void (*thread)(void *owner, struct hart *hart); /* tp has changed, in S */
    /** A handler is about to be entered: pc is where it will return to. */
    void (*trap)(void *owner, struct hart *hart, const struct tally_passage *passage);
    /** MRET or SRET is being executed: pc is where to. */
    void (*back)(void *owner, struct hart *hart, const struct tally_passage *passage);
    /** TALLY_RUNS: a run of code in U is new: @p pc is where it was met. */
    void (*met)(void *owner, struct hart *hart, uint32_t run, uint64_t pc);
    /** TALLY_CALLS: what is at an address in the hart's present mode and space? The same question
     * has the same answer until tally_stale(). @param at  Where it lies, or TALLY_NOWHERE. */
    struct tally_code_place (*function)(void *owner, struct hart *hart, uint64_t pc, uint64_t at);
    /** TALLY_CALLS: sets bit n where a function that is known beforehand begins at the n-th half
     * word of the page of RAM of that number. */
    void (*starts)(void *owner, uint64_t page, uint64_t bits[]);
    bool firmware_apart; /* M is no part of what its tasks do */
    bool one_address;    /* a page of code is told by where it was first met, wherever else it is
                            mapped: engines differ in who comes to which mapping */
    void *owner;
};

/**
 * From now on what harts in turns execute is watched; and from tally_resume() on it is counted,
 * exactly, whatever the engine and the grants. Caches are dropped.
 * @param watch  Copied; NULL: nobody is told. TALLY_CALLS requires function.
 * @errors STATUS_USAGE: out of memory.
 */
enum status tally_begin(struct harts *harts, enum tally_kind kind, const struct tally_watch *watch,
                        struct error *error);
/** No more. What was counted is gone. */
void tally_end(struct harts *harts);
/**
 * Between turns: from now on nothing is counted, and code is translated as if nobody ever would.
 * What was counted stays, and whoever watches is told as before. Caches are dropped, in both.
 */
void tally_pause(struct harts *harts);
/** Between turns: everything is counted again. TALLY_CALLS: by calls that begin from here on. */
void tally_resume(struct harts *harts);
/** For a watch: what the hart executes from now on, outside of firmware that is apart, is of this
 * task. @param task  Counts from 1; 0: of none. */
void tally_set_task(struct hart *hart, uint32_t task);
/** Of which task that is; 0 in firmware that is apart. */
uint32_t tally_task(const struct hart *hart);
/** For a watch: what function() says may be something else from here on. */
void tally_stale(struct harts *harts);

/* -- runs.c: how often each instruction was executed ------------------------------------------- */

#define TALLY_NOWHERE UINT64_MAX
#define TALLY_OTHERS UINT64_MAX

/** Where code runs: what counts are kept apart by. */
struct tally_context {
    unsigned hart;
    uint8_t priv;  /* enum privilege */
    uint32_t task; /* as tally_set_task() said; 0 in M */
    uint64_t satp; /* of code in U; and in S without a task. Else 0. TALLY_OTHERS: of contexts that
                      there was no room to tell apart */
};

/** Straight-line instructions. */
struct tally_code {
    uint64_t pc;    /* where that is, or was when it was met: pages that spaces share may lie
                       elsewhere in another */
    uint64_t at;    /* where it lies in memory; TALLY_NOWHERE where a fetch found nothing, and for
                       whatever there was no room to tell apart */
    unsigned count; /* [1, 64] */
    uint64_t wide;  /* bit n: the n-th has four bytes, not two */
};

static inline uint64_t tally_code_bytes(const struct tally_code *code) {
    return 2 * ((uint64_t)code->count + (unsigned)__builtin_popcountll(code->wide));
}

/** What each of them was counted. */
struct tally_count {
    struct tally_code code;
    int64_t steps;     /* that it took, trapped or not: to be added up, and less than 0 at times */
    int64_t unretired; /* of these */
    uint32_t run;      /* number of the run that holds them */
};

typedef void tally_fn(void *owner, const struct tally_context *context,
                      const struct tally_count *count);
/** Paused, TALLY_RUNS: tells all that was counted; the same instruction may come several
 * times, and in any order. */
void tally_walk(const struct harts *harts, tally_fn *tell, void *owner);

/* -- calls.c: who called whom ------------------------------------------------------------------ */

#define TALLY_ROOT UINT32_MAX

/** A function as it was called, or a root: a task on a hart. */
struct tally_node {
    uint32_t parent;   /* index; TALLY_ROOT: it is a root */
    uint32_t function; /* of a root: its task */
    unsigned hart;
    uint8_t priv; /* enum privilege; of a root M: the firmware's, else whatever */
    uint64_t steps, unretired, calls;
};

typedef void tally_node_fn(void *owner, uint32_t idx, const struct tally_node *node);
/** Paused, TALLY_CALLS: tells all nodes in which, or below which, there are steps; parents
 * first. */
void tally_walk_calls(struct harts *harts, tally_node_fn *tell, void *owner);

/* -- For engines ------------------------------------------------------------------------------- */

/** What a hart's watch needs. */
struct hart_tally {
    int64_t *block_sheet; /* the sheet when the block began; NULL in translated code */
    uint64_t block_at;    /* where the block lies */
    struct block *block;  /* NULL: it is only a part of one */
    bool block_told;      /* it is counted already */
    bool trapped;         /* the step under way, or the last one, trapped inside its run */
    bool traps, returns;  /* a trap is being taken; one is being returned from */
    uint8_t priv;         /* as it was last looked at */
    uint64_t thread;      /* tp, likewise */
    uint32_t task;
    uint32_t node; /* TALLY_CALLS: what steps from from_steps on are of */
    uint64_t from_steps;
    bool called; /* and there it was called */
    struct call_stack *stack;
};

/** What code that the hart runs has to tell; TALLY_WATCHED: nothing. */
enum tally_kind tally_kind(const struct hart *hart);
/** The interpreter has come to position @p at: of a hart that is counted, or has another tp. */
void tally_block(struct hart *hart, uint64_t at);
/** There it is about to execute a block: of a hart that is counted. @param block  NULL: only a part
 * of one. */
void tally_execute(struct hart *hart, uint64_t at, struct block *block);
/** An instruction that a translator has executed by the interpreter has jumped. */
void tally_jumped(struct hart *hart, const struct insn *insn);
/** The context has changed. */
void tally_switch(struct hart *hart);
/** An instruction that may have written tp has been executed; the position is @p at now. */
void tally_thread(struct hart *hart, uint64_t at);
/** The step under way traps at hart->pc. @param cause  enum cause. */
void tally_trap(struct hart *hart, uint64_t cause);
/* TALLY_RUNS. A run is straight-line code, known by a number; a sheet has a count for each. */

/** Which of the instructions of a block have four bytes. */
uint64_t tally_wide(const struct insn *insns, unsigned count);
enum { TALLY_ANY = 0 };

/** The number of a run in the present context. TALLY_ANY, when there are too many: then what is
 * added to its count is not one, but the instructions. */
uint32_t tally_run(struct hart *hart, const struct tally_code *code);
/** If the last step trapped, that was at instruction @p idx of run @p number. */
void tally_trapped(struct hart *hart, int64_t *sheet, uint32_t number, unsigned idx);
/** A run was counted in @p sheet, and left before instruction @p idx, with @p rest to go. */
void tally_cut(struct hart *hart, int64_t *sheet, uint32_t number, unsigned idx, unsigned rest);

/* TALLY_CALLS. Code has a label: functions' have theirs. Who comes to code of another label than
 * hart->label tells so; before a call or a return it is set to one of the LABEL_... */

#define LABEL_CALL_T0 (UINT32_MAX - 4) /* a call whose return address is in x5 */
#define LABEL_CALL_RA (UINT32_MAX - 3) /* in x1 */
#define LABEL_RETURN (UINT32_MAX - 2)
#define LABEL_TRAP (UINT32_MAX - 1) /* the code is what a trap has led to */
#define LABEL_STALE UINT32_MAX      /* nobody jumped, and yet it may be elsewhere */

struct tally_label {
    uint32_t value;
    bool starts; /* a function starts here */
    bool whole;  /* it has a label of its own: the value is its number */
};

/** The label of code that is about to be translated: only of its pc and at. */
struct tally_label tally_label(struct hart *hart, const struct tally_code *code);
/** What a jump sets hart->label to; 0: nothing. */
uint32_t tally_jump(const struct insn *insn);
/** The hart has come to code of another label, at position @p at; registers are exact. */
void tally_moved(struct hart *hart, uint64_t pc, uint64_t at, const struct tally_label *label);

#endif
