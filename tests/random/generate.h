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

/** Does the CPU have the operation? */
bool words_have(const struct words *words, enum op op);

/* -- writer.c: code that is put together ------------------------------------------------------- */

enum {
    PAGE = 4096,
    ITEM_BYTES_MAX = 160, /* room that any item, or a loop's end, fits in */
    MARKS_MAX = 32,
    LINK = 1,
    BASES = 1 << 2 | 15 << 8, /* registers that the guest points at data */
    ANCHORS = 31 << X_SUM,    /* and the sum */
    T0 = 5,                   /* scratch within an item */
    T1 = 6,
    T2 = 7
};

/** Kinds of pages, by the mode that their code is for. */
enum mode { MODE_USER = 1, MODE_SUPERVISOR = 2, MODE_MACHINE = 4, MODE_ANY = 7 };

struct writer {
    const struct words *words;
    struct random *random;
    uint8_t *code;          /* of the page */
    const uint8_t *weights; /* of items, by number */
    unsigned at, limit;
    enum mode mode;
    uint32_t kept; /* bit n: straight code does not write xn */
    unsigned counter, inner;
    bool tame;                 /* see is_tame */
    bool has_short;            /* instructions of two bytes; else targets between words trap */
    unsigned floats;           /* of 8 instructions, so many are floating point */
    unsigned marks[MARKS_MAX]; /* instructions of four bytes that may change places */
    unsigned mark_count;
};

void emit(struct writer *w, uint32_t word);

/* Words; those of branches and jal are to be aimed. */
uint32_t insn_i(enum op op, unsigned rd, unsigned rs1, int32_t imm);
uint32_t insn_s(enum op op, unsigned rs2, unsigned rs1, int32_t imm);
uint32_t insn_add(unsigned rd, unsigned rs1, unsigned rs2);
uint32_t insn_auipc(unsigned rd, uint32_t pages);
uint32_t insn_lui(unsigned rd, uint32_t pages);
uint32_t insn_branch(enum op op, unsigned rs1, unsigned rs2);
uint32_t insn_jal(unsigned rd);
/** csrrw 1, csrrs 2, csrrc 3; with an immediate 5, 6, 7. */
uint32_t insn_csr(unsigned funct3, unsigned rd, unsigned csr, unsigned rs1);

/** Emits a jump or branch to @p target; something else when it does not reach. */
void emit_to(struct writer *w, uint32_t word, unsigned target);

/** Counts down, and goes around again unless the counter is 0: with each of the conditions. */
void emit_back(struct writer *w, unsigned counter, unsigned head);

/** Begins something that is done once in many times around, most often. @return What to close. */
unsigned rarely_begin(struct writer *w);
void rarely_end(struct writer *w, unsigned from);

bool may_write(const struct writer *w, uint32_t word);

/** Of what may trap each time around, a tame loop has little, or it would hardly run. */
bool is_tame(const struct writer *w, uint32_t word);

/** A word for straight code; straight_long: one of four bytes. */
uint32_t straight(const struct writer *w);
uint32_t straight_long(const struct writer *w);

/** A long word of one of @p count operations that the CPU has; else straight. */
uint32_t one_of(const struct writer *w, const uint16_t *ops, unsigned count);

uint32_t with_rd(uint32_t word, unsigned rd);
uint32_t with_rs1(uint32_t word, unsigned rs1);
uint32_t with_rs2(uint32_t word, unsigned rs2);

/* -- items.c, attacks.c: what loops are made of ------------------------------------------------ */

struct item {
    void (*emit)(struct writer *w);
    uint8_t weight;
    uint8_t modes; /* enum mode: where it is of use */
    bool rewrites; /* code, so that it has to be translated again */
};

enum { ITEMS_MAX = 64 };

/** Items of ordinary code; of code that attacks what a translator relies on. */
unsigned items_plain(const struct item **items);
unsigned items_attack(const struct item **items);

/* -- loops.c: code that runs often ------------------------------------------------------------- */

/**
 * Fills the code area with loops, one or more to each multiple of LOOP_BYTES.
 * @param rewrites  Most of them write themselves.
 */
void loops_fill(const struct words *words, struct random *random, uint8_t *code, bool rewrites);

enum {
    LOOP_BYTES = 256,
    FUNCTION_BYTES = 64, /* of those before the handler; where the first would be, a loop goes on */
    FUNCTIONS = HANDLER_OFFSET / FUNCTION_BYTES - 1
};

#endif
