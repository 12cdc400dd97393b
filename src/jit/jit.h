/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The translator: the interpreter's contract, at the host's speed. */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "hart/hart.h"

struct jit;

enum {
    JIT_CACHE_MIN_BYTES = 1 << 20,
    JIT_CACHE_DEFAULT_BYTES = 16 << 20,
    JIT_CACHE_MAX_BYTES = 1 << 30
};

struct jit_options {
    struct hart *hart;  /* the one that it serves, or NULL: all of them */
    size_t cache_bytes; /* room for code, [JIT_CACHE_MIN_BYTES, JIT_CACHE_MAX_BYTES] */
    void (*translating)(void *owner, bool begins); /* told when translation begins and ends */
    void *owner;
    unsigned dump_items; /* enum jit_dump: written as each region is made */
    struct stream *dump; /* where to */
    bool remembers;      /* keeps what jit_region_dump() needs */
    bool uncounted;      /* a yardstick: code counts no steps, and runs until jit_stop() */
};

/** What a dump shows of a region. */
enum jit_dump {
    JIT_DUMP_ISA = 1, /* guest instructions */
    JIT_DUMP_IR = 2,  /* operations */
    JIT_DUMP_X64 = 4  /* host code */
};

/** What a translator has done so far. */
struct jit_stats {
    uint64_t regions;    /* translated */
    uint64_t code_bytes; /* made for them */
    uint64_t resets;     /* times that all code was dropped */
    uint64_t links;      /* ways out of regions that led to other code when they were made */
    uint64_t entries;    /* times that code was entered from C; all other ways in are chained */
    uint64_t calls;      /* instructions that code left to the interpreter */
    uint64_t tail_steps; /* run by the interpreter because a grant ended inside a block */
};

/**
 * Makes a translator for the harts of one machine, which outlive it.
 * @return NULL when the host is no x86-64 or has no memory for it.
 */
struct jit *jit_new(struct harts *harts, const struct jit_options *options);
void jit_free(struct jit *jit);

/** As interp_run: the same steps, state and results. */
uint64_t jit_run(struct jit *jit, struct hart *hart, uint64_t budget_steps);
/**
 * The same, but it may leave out the last steps, fewer than a block has: then the next run begins
 * with code. It takes one step at least.
 */
uint64_t jit_run_loosely(struct jit *jit, struct hart *hart, uint64_t budget_steps);

/**
 * Uncounted: the grant that is under way, or the next one, ends soon, and counts as used up.
 * @thread any
 */
void jit_stop(struct jit *jit);

struct jit_stats jit_stats(const struct jit *jit);

/* -- dump.c: what was made, as text ------------------------------------------------------------ */

enum { JIT_NO_REGION = -1 };

/**
 * Number of the region whose code runs when a hart jumps to physical address @p address, or
 * JIT_NO_REGION. Requires options.remembers.
 */
int64_t jit_region_at(const struct jit *jit, paddr address);

/** Writes all items of a region that jit_region_at() has named. */
void jit_region_dump(const struct jit *jit, int64_t region, struct stream *to);

#endif
