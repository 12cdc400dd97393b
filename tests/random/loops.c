/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loops at random, each run often enough to be translated.
 *
 * A page begins with functions, FUNCTION_BYTES each, at the same places in every page: a call may
 * go to any page. Behind them lies one loop after the other, at a multiple of LOOP_BYTES if there
 * is room, so that the guest finds its start:
 *
 *         addi  counter, x0, times
 *   head: items: straight code, branches forward, calls, jump tables, inner loops, ...
 *         addi  counter, counter, -1
 *         bne   counter, x0, head     or another condition
 *         the next loop, a trap, or a jump
 *
 * Nothing else writes the counters and the link register, or no loop would end as planned, and
 * seldom addresses; all other registers are everybody's. A loop may also write itself: two of its
 * instructions change places now and then, so that what was translated is wrong, and what is
 * written is legal. */
#include <string.h>

#include "generate.h"

enum {
    PAGE = 4096,
    FUNCTION_BYTES = 64,
    FUNCTIONS = LOOP_BYTES / FUNCTION_BYTES,
    ITEM_BYTES_MAX = 96, /* room that any item, or a loop's end, fits in */
    MARKS_MAX = 32,
    BASES = 1 << 2 | 15 << 8, /* registers that the guest points at data */
    C_NOP = 1,
    LINK = 1,
    T0 = 5, /* scratch within an item */
    T1 = 6,
    T2 = 7
};

struct writer {
    const struct words *words;
    struct random *random;
    uint8_t *code; /* of the page */
    unsigned at, limit;
    uint32_t kept; /* bit n: straight code does not write xn */
    unsigned counter, inner;
    bool tame;                 /* see is_tame */
    bool has_short;            /* instructions of two bytes; else targets between words trap */
    unsigned floats;           /* of 8 instructions, so many are floating point */
    unsigned marks[MARKS_MAX]; /* instructions of four bytes that may change places */
    unsigned mark_count;
};

/* -- Single instructions ----------------------------------------------------------------------- */

static void emit(struct writer *w, uint32_t word) {
    unsigned bytes = insn_length(word);
    if (w->at + bytes <= w->limit) {
        memcpy(w->code + w->at, &word, bytes);
        w->at += bytes;
    }
}

static uint32_t insn_i(enum op op, unsigned rd, unsigned rs1, int32_t imm) {
    static const uint16_t codes[OP_COUNT] = {
        [OP_addi] = 0x13, [OP_andi] = 0x7013, [OP_xori] = 0x4013, [OP_slli] = 0x1013,
        [OP_lw] = 0x2003, [OP_ld] = 0x3003,   [OP_jalr] = 0x67,
    };
    return codes[op] | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

static uint32_t insn_s(enum op op, unsigned rs2, unsigned rs1, int32_t imm) {
    uint32_t bits = (uint32_t)imm;
    return (op == OP_sd ? 0x3023U : 0x2023U) | rs2 << 20 | rs1 << 15 | (bits & 31) << 7 |
           (bits >> 5) << 25;
}

static uint32_t insn_add(unsigned rd, unsigned rs1, unsigned rs2) {
    return 0x33 | rd << 7 | rs1 << 15 | rs2 << 20;
}

static uint32_t insn_auipc(unsigned rd, uint32_t pages) {
    return 0x17 | rd << 7 | pages << 12;
}

static uint32_t insn_lui(unsigned rd, uint32_t pages) {
    return 0x37 | rd << 7 | pages << 12;
}

/** To be aimed. */
static uint32_t insn_branch(enum op op, unsigned rs1, unsigned rs2) {
    static const uint16_t codes[OP_COUNT] = {
        [OP_beq] = 0x0063, [OP_bne] = 0x1063,  [OP_blt] = 0x4063,
        [OP_bge] = 0x5063, [OP_bltu] = 0x6063, [OP_bgeu] = 0x7063,
    };
    return codes[op] | rs1 << 15 | rs2 << 20;
}

static uint32_t insn_jal(unsigned rd) {
    return 0x6f | rd << 7;
}

static uint32_t insn_csr(unsigned funct3, unsigned rd, unsigned csr, unsigned rs1) {
    return 0x73 | funct3 << 12 | rd << 7 | rs1 << 15 | csr << 20;
}

/** Emits a jump or branch to @p target; something else when it does not reach. */
static void emit_to(struct writer *w, uint32_t word, unsigned target) {
    bool reaches = words_aim(w->words, &word, (int32_t)target - (int32_t)w->at);
    emit(w, reaches ? word : insn_i(OP_addi, 0, 0, 0));
}

static bool may_write(const struct writer *w, uint32_t word) {
    return (w->kept >> words_decode(w->words, word).rd & 1) == 0;
}

static enum kind straight_kind(const struct writer *w) {
    if (random_below(w->random, 8) < w->floats) {
        return one_in(w->random, 5) ? KIND_MEMORY : KIND_FLOAT;
    }
    unsigned roll = random_below(w->random, 16);
    return roll == 0 ? KIND_ATOMIC : roll < 5 ? KIND_MEMORY : KIND_INTEGER;
}

/* Of what may trap each time around, a loop has little, or it would hardly run. */
static bool is_tame(const struct writer *w, uint32_t word) {
    struct insn insn = words_decode(w->words, word);
    unsigned traits = op_traits((enum op)insn.op);
    bool is_near = (BASES >> insn.rs1 & 1) != 0 && insn.imm >= -64 && insn.imm <= 64;
    return ((traits & (T_LOAD | T_STORE | T_AMO)) == 0 || is_near) &&
           ((traits & T_RM) == 0 || insn.rm < 5 || insn.rm == 7);
}

static uint32_t straight(const struct writer *w) {
    uint32_t word;
    do {
        word = words_kind(w->words, straight_kind(w), w->random);
    } while (!may_write(w, word) || (w->tame && !is_tame(w, word)));
    return word;
}

static uint32_t straight_long(const struct writer *w) {
    uint32_t word;
    do {
        word = straight(w);
    } while (insn_length(word) != 4);
    return word;
}

/* -- Items ------------------------------------------------------------------------------------- */

static void item_straight(struct writer *w) {
    for (unsigned n = 1 + random_below(w->random, 6); n > 0; n--) {
        uint32_t word = straight(w);
        if (insn_length(word) == 4 && w->mark_count < MARKS_MAX && one_in(w->random, 3)) {
            w->marks[w->mark_count++] = w->at;
        }
        emit(w, word);
    }
}

/* Without a break, on few registers: what one knows of a register, the next may rely on. */
static void item_floats(struct writer *w) {
    static const enum op ops[] = {
        OP_fadd_s,   OP_fsub_s,   OP_fmul_s,   OP_fdiv_s,   OP_fsqrt_s, OP_fmadd_s, OP_fsgnjn_s,
        OP_feq_s,    OP_flt_s,    OP_fmv_w_x,  OP_fmv_x_w,  OP_flw,     OP_fsw,     OP_fcvt_s_l,
        OP_fadd_d,   OP_fsub_d,   OP_fmul_d,   OP_fdiv_d,   OP_fsqrt_d, OP_fmadd_d, OP_fsgnjn_d,
        OP_feq_d,    OP_fle_d,    OP_fmv_d_x,  OP_fmv_x_d,  OP_fld,     OP_fsd,     OP_fcvt_d_w,
        OP_fcvt_s_d, OP_fcvt_d_s, OP_fcvt_w_s, OP_fcvt_l_d,
    };
    for (unsigned n = 4 + random_below(w->random, 9); n > 0; n--) {
        enum op op = ops[random_below(w->random, COUNT(ops))];
        uint32_t word = one_in(w->random, 8) ? words_kind(w->words, KIND_FLOAT, w->random)
                                             : words_op(w->words, op, w->random);
        uint32_t few = word & ~(UINT32_C(0x1c) << 7 | UINT32_C(0x1c) << 15 | UINT32_C(0x1c) << 20);
        bool same = words_decode(w->words, few).op == words_decode(w->words, word).op;
        word = same && insn_length(word) == 4 && !one_in(w->random, 3) ? few : word;
        emit(w, may_write(w, word) && is_tame(w, word) ? word : straight(w));
    }
    if (one_in(w->random, 2)) { /* read and cleared, or soon all flags would be up */
        emit(w, insn_csr(1, T2, CSR_FFLAGS, 0));
    }
}

/* Operands of which the manual speaks: 0, 1, -1, the lowest integers, odd amounts of shifts. */
static void item_corners(struct writer *w) {
    static const enum op ops[] = {OP_div,   OP_divu, OP_rem,   OP_remu, OP_divw,
                                  OP_divuw, OP_remw, OP_remuw, OP_mulh, OP_sraw};
    static const int16_t corners[] = {0, 1, -1, -1, 31, 32, 63, 64, 2047};
    emit(w, insn_i(OP_addi, T0, 0, corners[random_below(w->random, COUNT(corners))]));
    emit(w, insn_lui(T1, 0x80000));
    if (one_in(w->random, 2)) {
        emit(w, insn_i(OP_slli, T1, T1, 32));
    }
    for (unsigned n = 2 + random_below(w->random, 6); n > 0; n--) {
        enum op op = ops[random_below(w->random, COUNT(ops))];
        uint32_t word = one_in(w->random, 2) ? words_kind(w->words, KIND_INTEGER, w->random)
                                             : words_op(w->words, op, w->random);
        uint32_t bent = (word & ~(UINT32_C(31) << 20)) | T0 << 20;
        bent = one_in(w->random, 3) ? (bent & ~(UINT32_C(31) << 15)) | T1 << 15 : bent;
        bool fits = insn_length(word) == 4 && may_write(w, bent) &&
                    words_decode(w->words, bent).op == words_decode(w->words, word).op;
        emit(w, fits ? bent : straight(w));
    }
}

static void item_branch(struct writer *w) {
    static const enum op ops[] = {OP_beq, OP_bne, OP_blt, OP_bge, OP_bltu, OP_bgeu, OP_jal};
    uint32_t word = words_op(w->words, ops[random_below(w->random, COUNT(ops))], w->random);
    if (words_decode(w->words, word).op == OP_jal && insn_length(word) == 4) {
        word = insn_jal(0);
    }
    unsigned from = w->at;
    emit(w, word);
    for (unsigned n = random_below(w->random, 5); n > 0; n--) {
        emit(w, straight(w));
    }
    unsigned to = w->at;
    w->at = from;
    emit_to(w, word, to + (one_in(w->random, w->has_short ? 40 : 8) ? 2 : 0));
    w->at = to;
}

static void item_call(struct writer *w) {
    int32_t function = (int32_t)random_below(w->random, FUNCTIONS) * FUNCTION_BYTES;
    int32_t far = function - (int32_t)w->at;
    if (far < -2048 || one_in(w->random, 3)) {
        emit_to(w, insn_jal(LINK), (unsigned)function);
        return;
    }
    emit(w, insn_auipc(LINK, random_below(w->random, 2))); /* this page or the next */
    emit(w, insn_i(OP_jalr, LINK, LINK, far));
}

/* Four places, four bytes each, by two bits of a register. */
static void item_table(struct writer *w) {
    emit(w, insn_auipc(T0, 0));
    bool odd = !w->has_short && one_in(w->random, 2);
    emit(w, insn_i(OP_andi, T1, random_below(w->random, 32), odd ? 14 : 12));
    emit(w, insn_add(T0, T0, T1));
    emit(w, insn_i(OP_jalr, 0, T0, 16));
    for (unsigned n = 0; n < 4; n++) {
        emit(w, straight_long(w));
    }
}

/** Counts down, and goes around again unless the counter is 0: with each of the conditions. */
static void emit_back(struct writer *w, unsigned counter, unsigned head) {
    emit(w, insn_i(OP_addi, counter, counter, -1));
    switch (random_below(w->random, 6)) {
    case 0:
        emit_to(w, insn_branch(OP_blt, 0, counter), head);
        break;
    case 1:
        emit_to(w, insn_branch(OP_bltu, 0, counter), head);
        break;
    case 2:
        emit(w, insn_i(OP_addi, T0, 0, 1));
        emit_to(w, insn_branch(OP_bge, counter, T0), head);
        break;
    case 3:
        emit(w, insn_i(OP_addi, T0, 0, 1));
        emit_to(w, insn_branch(OP_bgeu, counter, T0), head);
        break;
    case 4:
        emit_to(w, insn_branch(OP_beq, counter, 0), w->at + 8);
        emit_to(w, insn_jal(0), head);
        break;
    default:
        emit_to(w, insn_branch(OP_bne, counter, 0), head);
        break;
    }
}

static void item_inner(struct writer *w) {
    emit(w, insn_i(OP_addi, w->inner, 0, 2 + (int32_t)random_below(w->random, 30)));
    unsigned head = w->at;
    for (unsigned n = 1 + random_below(w->random, 5); n > 0; n--) {
        emit(w, straight(w));
    }
    emit_back(w, w->inner, head);
}

/* Fresh values each time around, or soon all registers would be 0 or -1. */
static void item_values(struct writer *w) {
    unsigned base = 8 + random_below(w->random, 4);
    for (unsigned n = 1 + random_below(w->random, 3); n > 0; n--) {
        uint32_t load = insn_i(one_in(w->random, 3) ? OP_lw : OP_ld, random_below(w->random, 32),
                               base, 8 * (int32_t)random_below(w->random, 32));
        emit(w, may_write(w, load) ? load : straight(w));
    }
    emit(w, insn_i(OP_xori, base, base, 8 * (int32_t)random_below(w->random, 128)));
}

static void item_csr(struct writer *w) {
    static const uint16_t csrs[] = {CSR_FFLAGS, CSR_FRM,     CSR_FCSR,    CSR_CYCLE,
                                    CSR_TIME,   CSR_INSTRET, CSR_SSCRATCH};
    uint32_t word;
    do {
        word = words_kind(w->words, KIND_CSR, w->random);
        word = (word & 0xfffff) | (uint32_t)csrs[random_below(w->random, COUNT(csrs))] << 20;
    } while (!may_write(w, word));
    emit(w, word);
    int32_t csr = words_decode(w->words, word).imm;
    if (csr == CSR_FRM || csr == CSR_FCSR) {
        emit(w, insn_csr(5, 0, CSR_FRM, one_in(w->random, 4) ? random_below(w->random, 5) : 0));
    }
}

/* Two instructions of the loop change places, once in 32 or 128 times. */
static void item_swap(struct writer *w) {
    int32_t rare = one_in(w->random, 2) ? 31 : 127;
    if (w->mark_count < 2) {
        return;
    }
    unsigned one = w->marks[random_below(w->random, w->mark_count)];
    unsigned other = w->marks[random_below(w->random, w->mark_count)];
    emit(w, insn_i(OP_andi, T0, w->counter, rare));
    emit_to(w, insn_branch(OP_bne, T0, 0), w->at + 24);
    int32_t base = (int32_t)w->at;
    emit(w, insn_auipc(T0, 0));
    emit(w, insn_i(OP_lw, T1, T0, (int32_t)one - base));
    emit(w, insn_i(OP_lw, T2, T0, (int32_t)other - base));
    emit(w, insn_s(OP_sw, T2, T0, (int32_t)one - base));
    emit(w, insn_s(OP_sw, T1, T0, (int32_t)other - base));
}

/* The timer at the exact place, and an interrupt of it a few steps ahead. */
static void item_timer(struct writer *w) {
    emit(w, insn_lui(T0, 0x200c));
    emit(w, insn_i(OP_ld, T1, T0, -8));
    if (one_in(w->random, 8)) {
        emit(w, insn_i(OP_addi, T1, T1, (int32_t)random_below(w->random, 8)));
        emit(w, insn_lui(T0, 0x2004));
        emit(w, insn_s(OP_sd, T1, T0, 8 * (int32_t)random_below(w->random, HARTS_MAX)));
    }
}

/* M mode's loads and stores with another mode's eyes. */
static void item_mprv(struct writer *w) {
    emit(w, insn_lui(T0, 0x20));
    emit(w, insn_csr(2, 0, CSR_MSTATUS, T0));
    emit(w, words_kind(w->words, KIND_MEMORY, w->random));
    emit(w, words_kind(w->words, KIND_MEMORY, w->random));
    emit(w, insn_csr(3, 0, CSR_MSTATUS, T0));
}

static void item_reserve(struct writer *w) {
    uint32_t base = 8 + random_below(w->random, 4);
    uint32_t size = 2 + random_below(w->random, 2);
    emit(w, 0x1000002f | size << 12 | T0 << 7 | base << 15);
    if (one_in(w->random, 2)) {
        emit(w, straight(w));
    }
    emit(w, 0x1800002f | size << 12 | T1 << 7 | base << 15 | T0 << 20);
}

static void item_system(struct writer *w) {
    emit(w, words_kind(w->words, KIND_SYSTEM, w->random));
}

static void item_any(struct writer *w) {
    static const struct {
        void (*emit)(struct writer *w);
        unsigned weight;
    } items[] = {
        {item_straight, 30}, {item_branch, 20}, {item_floats, 14}, {item_values, 10},
        {item_corners, 5},   {item_call, 6},    {item_table, 4},   {item_inner, 4},
        {item_csr, 5},       {item_swap, 4},    {item_timer, 2},   {item_reserve, 2},
        {item_mprv, 1},      {item_system, 1},
    };
    unsigned sum = 0;
    for (unsigned i = 0; i < COUNT(items); i++) {
        sum += items[i].weight;
    }
    unsigned roll = random_below(w->random, sum);
    unsigned i = 0;
    while (roll >= items[i].weight) {
        roll -= items[i++].weight;
    }
    items[i].emit(w);
}

/* -- Loops, functions, pages ------------------------------------------------------------------- */

static void functions(struct writer *w) {
    for (unsigned n = 1; n <= FUNCTIONS; n++) {
        unsigned end = n * FUNCTION_BYTES - 4 - 2 * random_below(w->random, 16);
        while (w->at + 4 <= end) {
            emit(w, straight(w));
        }
        emit(w, insn_i(OP_jalr, 0, LINK, 0));
        w->at = n * FUNCTION_BYTES;
    }
}

static void loop_end(struct writer *w) {
    switch (random_below(w->random, 8)) {
    case 0:
        emit(w, words_op(w->words, OP_ecall, w->random));
        break;
    case 1:
        emit(w, words_op(w->words, OP_ebreak, w->random));
        break;
    case 2:
        emit_to(w, insn_jal(0), LOOP_BYTES * (1 + random_below(w->random, PAGE / LOOP_BYTES - 1)));
        break;
    case 3:
        emit(w, insn_i(OP_jalr, 0, LINK, 0));
        break;
    default:
        break;
    }
}

static void loop(struct writer *w) {
    static const uint8_t counters[] = {3, 4, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31};
    w->counter = counters[random_below(w->random, COUNT(counters) / 2)];
    w->inner = counters[COUNT(counters) / 2 + random_below(w->random, COUNT(counters) / 2)];
    w->kept = UINT32_C(1) << w->counter | UINT32_C(1) << w->inner | UINT32_C(1) << LINK;
    w->kept |= one_in(w->random, 4) ? 0 : BASES;
    w->tame = !one_in(w->random, 6);
    w->floats = one_in(w->random, 3) ? random_below(w->random, 8) : 1;
    w->mark_count = 0;
    int32_t times = one_in(w->random, 4) ? 3 : 45 + (int32_t)random_below(w->random, 300);
    emit(w, insn_i(OP_addi, w->counter, 0, times));
    unsigned head = w->at;
    for (unsigned n = 2 + random_below(w->random, 9); n > 0; n--) {
        if (w->at + 2 * ITEM_BYTES_MAX < w->limit) {
            item_any(w);
        }
    }
    emit_back(w, w->counter, head);
    loop_end(w);
}

/* The last instruction of a page may reach into the next. */
static void page(struct writer *w, bool is_last) {
    functions(w);
    while (w->at + 3 * ITEM_BYTES_MAX < PAGE) {
        loop(w);
        unsigned next = (w->at + LOOP_BYTES - 1) & ~(LOOP_BYTES - 1U);
        while (w->at < next && next + LOOP_BYTES <= PAGE) {
            emit(w, straight(w));
        }
    }
    w->limit += is_last ? 0 : 2;
    while (w->at < PAGE) {
        emit(w, straight(w));
        if (w->at + 2 == w->limit) {
            break;
        }
    }
}

void loops_fill(const struct words *words, struct random *random, uint8_t *code) {
    for (unsigned i = AREA_PAGES; i-- > 0;) {
        struct writer w = {.words = words,
                           .random = random,
                           .code = code + i * PAGE,
                           .limit = PAGE,
                           .has_short = words_decode(words, C_NOP).op != OP_illegal,
                           .kept = UINT32_C(1) << LINK,
                           .tame = true,
                           .floats = 1};
        page(&w, i == AREA_PAGES - 1);
    }
}
