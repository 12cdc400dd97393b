/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the generator share. */
#ifndef RANDOM_GENERATE_H
#define RANDOM_GENERATE_H

#include "isa/isa.h"
#include "rubbish.h"

/* -- words.c: single instructions -------------------------------------------------------------- */

/** Kinds of rows of insn.def, so that the rare ones are not lost among the many. */
enum kind {
    KIND_INTEGER,
    KIND_FLOAT,
    KIND_MEMORY, /* loads, stores, cache blocks */
    KIND_ATOMIC,
    KIND_BRANCH, /* branches and jal */
    KIND_JUMP,   /* jalr */
    KIND_CSR,
    KIND_SYSTEM,
    KIND_COUNT
};

struct words;

struct words *words_new(ext_set set);
void words_free(struct words *words);

/** A legal word of any row of @p kind: low half alone when it is a compressed one. */
uint32_t words_kind(const struct words *words, enum kind kind, struct random *random);

/** The same, of one operation; of any of its compressed forms one time in three. */
uint32_t words_op(const struct words *words, enum op op, struct random *random);

struct insn words_decode(const struct words *words, uint32_t word);

/** The branch or jump @p word with another offset. @return false when it does not reach. */
bool words_aim(const struct words *words, uint32_t *word, int32_t offset);

/** A CSR that some mode may touch; seldom one that keeps the trap handler alive. */
unsigned words_csr(struct random *random);

/* -- loops.c: code that runs often ------------------------------------------------------------- */

/** Fills the code area with loops, one or more to each multiple of LOOP_BYTES. */
void loops_fill(const struct words *words, struct random *random, uint8_t *code);

enum { LOOP_BYTES = 256 };

#endif
