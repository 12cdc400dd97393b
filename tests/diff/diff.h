/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the differential test's host program: random numbers, instruction words, cases. */
#ifndef DIFF_DIFF_H
#define DIFF_DIFF_H

#include <stdio.h>

#include "case.h"
#include "isa/isa.h"

enum { CODE_BYTES_MAX = 3072 };

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

/** mstatus: UXL and SXL are 64 bits. */
#define STATUS_XL (UINT64_C(10) << 32)

/** A case while it is made. */
struct plan {
    const struct words *words;
    struct random random;
    uint64_t head[CASE_CODE];      /* the case's fixed part */
    uint8_t code[CODE_BYTES_MAX];
    unsigned code_bytes;
    uint64_t patches[512][2];
    unsigned patch_count;
    unsigned mode;                 /* 0 U, 1 S, 3 M */
    bool translated;               /* data addresses are virtual */
    bool mprv;                     /* M mode that takes data as a lower mode does */
    bool writable_code;
    bool empty_pages;              /* some pages have no memory behind them */
    bool keeps_aligned;            /* no access is misaligned */
    bool fine_borders;             /* of PMP entries, inside of cache blocks */
    bool leaves_mode;              /* from here on the mode may be a lower one */
    uint8_t pool[POOL_SIZE];       /* registers that hold data addresses */
    unsigned drift[POOL_SIZE];     /* by how much each may be off by now */
    uint8_t lone;                  /* register that points to the page of lone SCs */
    uint64_t good[POOL_SIZE];
};

/** Chooses mode, CSRs, page tables, memory and registers. */
void place_choose(struct plan *plan, uint64_t number);
bool plan_in_pool(const struct plan *plan, unsigned reg);

/* -- emit.c: instructions one by one ----------------------------------------------------------- */

/** Appends one instruction to the code. */
void emit(struct plan *plan, uint32_t bits);
/** rd = sign-extended 32 bits, in two instructions. */
void emit_constant(struct plan *plan, unsigned rd, uint32_t value);
/** rd = 64 bits, in two or eight. */
void emit_value(struct plan *plan, unsigned rd, uint64_t value);

uint32_t insn_i(uint32_t match, unsigned rd, unsigned rs1, int imm);
uint32_t addi(unsigned rd, unsigned rs1, int imm);
uint32_t auipc(unsigned rd);
uint32_t lui(unsigned rd, uint32_t value);
/** @param operation  1 csrrw, 2 csrrs, 3 csrrc; 5 to 7 the same with rs1 as the value. */
uint32_t csr(unsigned operation, unsigned rd, unsigned number, unsigned rs1);

/** A register that holds no address. */
unsigned spare(struct plan *plan);
unsigned spare_but(struct plan *plan, unsigned other);

/* -- csrs.c: units that access a CSR ----------------------------------------------------------- */

void csr_access(struct plan *plan);

/* -- diff.c ------------------------------------------------------------------------------------ */

/** The instruction that the case has at @p pc. @return false if that is not its code. */
bool plan_insn(const struct plan *plan, uint64_t pc, struct insn *insn);

/* -- agree.c: QEMU's mistakes ------------------------------------------------------------------ */

/** Puts right in QEMU's record what the manual says otherwise, where Sandglass has it right. */
void record_correct(const struct plan *plan, const uint64_t *ours, uint64_t *theirs);

/* -- sequence.c: what a case executes ---------------------------------------------------------- */

/** Fills in the code, its entry and its exit. */
void sequence_make(struct plan *plan);

/** May QEMU be given this word? False for encodings that it takes otherwise than the manual. */
bool sequence_comparable(uint32_t bits);

#endif
