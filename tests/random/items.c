/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ordinary loops are made of. */
#include "generate.h"

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
        OP_fadd_s,    OP_fsub_s,    OP_fmul_s,    OP_fdiv_s,    OP_fsqrt_s,   OP_fmadd_s,
        OP_fsgnjn_s,  OP_feq_s,     OP_flt_s,     OP_fmv_w_x,   OP_fmv_x_w,   OP_flw,
        OP_fsw,       OP_fcvt_s_l,  OP_fadd_d,    OP_fsub_d,    OP_fmul_d,    OP_fdiv_d,
        OP_fsqrt_d,   OP_fmadd_d,   OP_fsgnjn_d,  OP_feq_d,     OP_fle_d,     OP_fmv_d_x,
        OP_fmv_x_d,   OP_fld,       OP_fsd,       OP_fcvt_d_w,  OP_fcvt_s_d,  OP_fcvt_d_s,
        OP_fcvt_w_s,  OP_fcvt_l_d,  OP_fmin_s,    OP_fmax_s,    OP_fmin_d,    OP_fmax_d,
        OP_fcvt_wu_s, OP_fcvt_lu_d, OP_fcvt_wu_d, OP_fcvt_s_wu, OP_fcvt_d_lu, OP_fcvt_s_lu,
    };
    if (one_in(w->random, 4)) {
        emit(w, insn_csr(5, 0, CSR_FRM, random_below(w->random, 5)));
    }
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
    if (one_in(w->random, 2)) {
        emit(w, insn_csr(5, 0, CSR_FRM, 0));
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
    int32_t function = (int32_t)(1 + random_below(w->random, FUNCTIONS)) * FUNCTION_BYTES;
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

static void item_system(struct writer *w) {
    emit(w, words_kind(w->words, KIND_SYSTEM, w->random));
}

unsigned items_plain(const struct item **list) {
    static const struct item items[] = {
        {item_straight, 30, MODE_ANY, false}, {item_branch, 20, MODE_ANY, false},
        {item_floats, 14, MODE_ANY, false},   {item_values, 10, MODE_ANY, false},
        {item_corners, 5, MODE_ANY, false},   {item_call, 6, MODE_ANY, false},
        {item_table, 4, MODE_ANY, false},     {item_inner, 4, MODE_ANY, false},
        {item_csr, 5, MODE_ANY, false},       {item_swap, 4, MODE_ANY, true},
        {item_timer, 2, MODE_ANY, false},     {item_system, 1, MODE_ANY, false},
    };
    *list = items;
    return COUNT(items);
}
