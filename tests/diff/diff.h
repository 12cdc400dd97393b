/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the differential test's host program: random numbers, instruction words, cases. */
#ifndef DIFF_DIFF_H
#define DIFF_DIFF_H

#include <stdio.h>

#include "case.h"
#include "isa/isa.h"

enum { CASE_WORDS_MAX = 4096, CODE_BYTES_MAX = 1024 };

/* -- random.c: all chance comes from one state, seeded anew for each case ---------------------- */

struct random {
    uint64_t state;
};

/** The stream of case @p number under @p seed; no other case influences it. */
struct random random_of_case(uint64_t seed, uint64_t number);
uint64_t random_u64(struct random *random);
/** Below @p limit, which is at least 1. */
uint64_t random_below(struct random *random, uint64_t limit);
/** True in @p percent of all calls. */
bool random_chance(struct random *random, unsigned percent);
/** A value with which instructions go wrong: 0, ±1, extremes, single bits, runs, or any. */
uint64_t random_value(struct random *random);
/** The same for f registers: also halves and singles, boxed or not, NaNs, subnormals. */
uint64_t random_float(struct random *random);

/* -- words.c: instruction words from insn.def -------------------------------------------------- */

/** Rows of insn.def that a CPU has. */
struct words;
struct words *words_new(ext_set set);
void words_free(struct words *words);
const struct decoder *words_decoder(const struct words *words);

/** A random word of a random row; its free fields at random, with a bias to extremes. */
uint32_t words_any(const struct words *words, struct random *random);
/** A random word of the row named @p name, dots as underscores. */
uint32_t words_named(const struct words *words, const char *name, struct random *random);
/** Is it there? */
bool words_have(const struct words *words, const char *name);

/* -- place.c: what state a case starts in ------------------------------------------------------ */

enum { POOL_SIZE = 7 };

/** A case while it is made. */
struct plan {
    const struct words *words;
    struct random random;
    uint64_t head[CASE_CODE];      /* the case's fixed part */
    uint8_t code[CODE_BYTES_MAX];
    unsigned code_bytes;
    unsigned insn_count;
    uint64_t patches[512][2];
    unsigned patch_count;
    unsigned mode;                 /* 0 U, 1 S, 3 M */
    bool translated;               /* data addresses are virtual */
    bool mprv;                     /* M mode that takes data as a lower mode does */
    bool writable_code;
    uint8_t pool[POOL_SIZE];       /* registers that hold data addresses */
    unsigned drift[POOL_SIZE];     /* by how much each may be off by now */
    uint8_t lone;                  /* register that points to the page of lone SCs */
    uint64_t good[POOL_SIZE];
};

/** Chooses mode, CSRs, page tables, memory and registers. */
void place_choose(struct plan *plan, uint64_t number);
bool plan_in_pool(const struct plan *plan, unsigned reg);

/* -- sequence.c: what a case executes ---------------------------------------------------------- */

/** Fills in the code, its entry and its exit. */
void sequence_make(struct plan *plan);

/** May QEMU be given this word? False for encodings that it takes otherwise than the manual. */
bool sequence_comparable(uint32_t bits);

#endif
