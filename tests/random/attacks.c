/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What loops are made of that attack what a translator relies on: that what was true of a page, of
 * the mode or of the code a moment ago still is.
 *
 * Each item does one such thing, now and then or each time around, and most look at once whether it
 * has been felt. Loops mix them, and a page table that changes under a frame's loads and stores is
 * a page-table store from one item and a frame from another.
 *
 * The anchors (program.h) tell where things lie, in whatever mode the loop runs: X_FRAME is near a
 * boundary between two pages, X_LEAVES and X_POINTERS point at the middle of tables, X_RECIPES at
 * the middle of a page with words to be written there, or to CSRs. */
#include "generate.h"

enum { MIDDLE = 2048, LEAVES_USED = LEAF_SLOTS };

/* -- Pieces ------------------------------------------------------------------------------------ */

/** Any recipe of a kind to T1: always the same one, or another each time around. */
static void load_recipe(struct writer *w, unsigned kind) {
    int32_t first = (int32_t)(8 * kind * RECIPES_EACH) - MIDDLE;
    if (one_in(w->random, 2)) {
        unsigned offset = 8 * random_below(w->random, RECIPES_EACH);
        emit(w, insn_i(OP_ld, T1, X_RECIPES, first + (int32_t)offset));
        return;
    }
    emit(w, insn_i(OP_andi, T0, w->counter, RECIPES_EACH - 1));
    emit(w, insn_i(OP_slli, T0, T0, 3));
    emit(w, insn_add(T0, T0, X_RECIPES));
    emit(w, insn_i(OP_ld, T1, T0, first));
}

/** T1 to a slot of a table; sometimes a part of it. */
static void store_entry(struct writer *w, unsigned table, unsigned slot) {
    static const enum op ops[] = {OP_sd, OP_sd, OP_sd, OP_sd, OP_sd, OP_sw, OP_sb};
    enum op op = ops[random_below(w->random, COUNT(ops))];
    int32_t offset = 8 * (int32_t)slot - MIDDLE;
    if (one_in(w->random, 10)) {
        uint32_t word = words_op(w->words, OP_amoswap_d, w->random);
        emit(w, insn_i(OP_addi, T0, table, offset));
        emit(w, with_rd(with_rs1(with_rs2(word, T1), T0), T2));
        return;
    }
    emit(w, insn_s(op, T1, table, offset));
}

/** An entry of a leaf table. */
static void write_leaf(struct writer *w) {
    static const uint8_t slots[] = {SLOT_DATA, SLOT_DATA, SLOT_NEXT, SLOT_NEXT, SLOT_NEXT};
    unsigned slot = slots[random_below(w->random, COUNT(slots))];
    unsigned kind = RECIPE_DATA;
    if (one_in(w->random, 6)) {
        slot = random_below(w->random, LEAVES_USED);
        kind = slot < SLOT_USER ? RECIPE_SUPERVISOR : slot < SLOT_DATA ? RECIPE_USER : RECIPE_DATA;
    }
    load_recipe(w, kind);
    store_entry(w, X_LEAVES, slot);
}

/** An entry of another table: a pointer or a leaf. */
static void write_pointer(struct writer *w) {
    static const uint8_t kinds[] = {RECIPE_TO_LEAVES, RECIPE_TO_LEAVES, RECIPE_TO_LEAVES,
                                    RECIPE_SPAN, RECIPE_TO_POINTERS};
    load_recipe(w, kinds[random_below(w->random, COUNT(kinds))]);
    store_entry(w, X_POINTERS, random_below(w->random, TIDY_SLOTS));
}

static uint32_t base_register(struct writer *w) {
    static const uint8_t bases[] = {2, 8, 9, 10, 11};
    return bases[random_below(w->random, COUNT(bases))];
}

/** A load, store or both, of any size. */
static uint32_t access_word(struct writer *w, unsigned base, int32_t offset) {
    static const struct {
        enum op op;
        uint8_t bytes;
    } accesses[] = {
        {OP_lb, 1}, {OP_lbu, 1}, {OP_lh, 2},  {OP_lhu, 2}, {OP_lw, 4},  {OP_lwu, 4}, {OP_ld, 8},
        {OP_ld, 8}, {OP_ld, 8},  {OP_sb, 1},  {OP_sh, 2},  {OP_sw, 4},  {OP_sd, 8},  {OP_sd, 8},
        {OP_sd, 8}, {OP_flw, 4}, {OP_fld, 8}, {OP_fsw, 4}, {OP_fsd, 8},
    };
    unsigned n = random_below(w->random, (uint32_t)COUNT(accesses) - (w->floats == 0 ? 4 : 0));
    uint16_t op = (uint16_t)accesses[n].op;
    uint32_t word = with_rs1(one_of(w, &op, 1), base);
    if (!one_in(w->random, 8)) {
        offset &= -(int32_t)accesses[n].bytes;
    }
    uint32_t bits = (uint32_t)offset & 0xfff;
    if ((op_traits(accesses[n].op) & T_STORE) != 0) {
        return (word & 0x01fff07f) | (bits >> 5) << 25 | (bits & 31) << 7;
    }
    return (word & 0xfffff) | bits << 20;
}

/** Emits a load or store; what is loaded is added to the sum, once in @p often times. */
static void emit_summed(struct writer *w, uint32_t word, uint32_t often) {
    struct insn insn = words_decode(w->words, word);
    unsigned traits = op_traits((enum op)insn.op);
    emit(w, word);
    if ((traits & (T_LOAD | T_FP)) == T_LOAD && one_in(w->random, often)) {
        emit(w, insn_add(X_SUM, X_SUM, insn.rd));
    }
}

static int32_t clamp_offset(int32_t offset) {
    return offset < -2048 ? -2048 : offset > 2047 ? 2047 : offset;
}

/* -- Frames ------------------------------------------------------------------------------------ */

/* What happens between a frame's accesses. */
static void frame_event(struct writer *w, unsigned base) {
    switch (random_below(w->random, 7)) {
    case 0:
        write_leaf(w);
        break;
    case 1:
        emit(w, words_kind(w->words, KIND_ATOMIC, w->random));
        break;
    case 2:
        emit(w, insn_i(OP_ld, T1, X_FRAME, 8 * (int32_t)random_below(w->random, 8)));
        break;
    case 3:
        emit(w, insn_s(OP_sd, T1, X_LEAVES, 8 * (int32_t)random_below(w->random, LEAF_SLOTS)));
        break;
    default:
        if (base == T2) {
            static const int16_t moves[] = {8, -8, 16, 64, -64, 2032, -2048, 1, 4};
            emit(w, insn_i(OP_addi, T2, T2, moves[random_below(w->random, COUNT(moves))]));
        } else {
            emit(w, straight(w));
        }
        break;
    }
}

/* Loads and stores off one base, in one page or two. */
static void item_frame(struct writer *w) {
    static const int16_t spreads[] = {16, 64, 64, 256, 512};
    unsigned base = one_in(w->random, 4) ? base_register(w) : X_FRAME;
    if (one_in(w->random, 2)) {
        emit(w, insn_i(OP_addi, T2, base, 8 * (int32_t)random_below(w->random, 512) - 2048));
        base = T2;
    }
    bool wide = one_in(w->random, 10);
    int32_t spread = wide ? 4095 : spreads[random_below(w->random, COUNT(spreads))];
    int32_t centre = one_in(w->random, 12) ? (int32_t)random_below(w->random, 4096) - 2048 : 0;
    bool eventful = one_in(w->random, 3);
    for (unsigned n = 2 + random_below(w->random, 11); n > 0; n--) {
        int32_t offset = centre + (int32_t)random_below(w->random, (uint32_t)spread) - spread / 2;
        uint32_t word = access_word(w, base, clamp_offset(offset));
        bool chases = base == T2 && one_in(w->random, 30);
        bool fits = may_write(w, word) && (chases || words_decode(w->words, word).rd != base);
        emit_summed(w, fits ? word : straight(w), 3);
        if (eventful && one_in(w->random, 5)) {
            frame_event(w, base);
        }
    }
}

/* Loads at an index from a base that stays: through one page, into the next, and back. */
static void item_index(struct writer *w) {
    static const uint8_t bases[] = {X_FRAME, X_FRAME, X_FRAME, X_RECIPES, 8, 9};
    static const uint16_t sums[] = {OP_add, OP_sh1add, OP_sh3add, OP_add_uw, OP_sh2add_uw};
    static const uint16_t loads[] = {OP_lbu, OP_lhu, OP_lw, OP_ld, OP_ld, OP_fld};
    unsigned base = bases[random_below(w->random, COUNT(bases))];
    if (one_in(w->random, 4)) {
        emit(w, insn_i(OP_andi, T1, random_below(w->random, 32), 255));
        emit(w, insn_i(OP_slli, T1, T1, (int32_t)random_below(w->random, 5)));
    } else {
        emit(w, insn_i(OP_slli, T1, w->counter, (int32_t)random_below(w->random, 7)));
    }
    emit(w, with_rd(with_rs1(with_rs2(one_of(w, sums, COUNT(sums)), base), T1), T0));
    for (unsigned n = 1 + random_below(w->random, 4); n > 0; n--) {
        uint32_t load = with_rs1(one_of(w, loads, COUNT(loads)), T0) & 0xfffff;
        load |= (8 * random_below(w->random, 4) + (one_in(w->random, 12) ? 3 : 0)) << 20;
        bool fits = may_write(w, load) && words_decode(w->words, load).rd != T0;
        emit_summed(w, fits ? load : straight(w), 1);
        if (one_in(w->random, 12)) {
            write_leaf(w);
        }
    }
    if (one_in(w->random, 4)) {
        emit(w, insn_s(OP_sd, T1, T0, 0));
    }
}

/* -- Page tables ------------------------------------------------------------------------------- */

static void look(struct writer *w) {
    for (unsigned n = 1 + random_below(w->random, 3); n > 0; n--) {
        unsigned base = one_in(w->random, 2) ? base_register(w) : X_FRAME;
        uint32_t word = access_word(w, base, (int32_t)random_below(w->random, 256) - 128);
        emit_summed(w, may_write(w, word) ? word : straight(w), 2);
    }
}

static void item_leaf(struct writer *w) {
    unsigned from = rarely_begin(w);
    write_leaf(w);
    rarely_end(w, from);
    look(w);
}

static void item_pointer(struct writer *w) {
    unsigned from = rarely_begin(w);
    write_pointer(w);
    rarely_end(w, from);
    look(w);
}

/* A leaf table is taken out, used as ordinary memory, filled again and put back. */
static void item_reuse(struct writer *w) {
    unsigned from = rarely_begin(w);
    load_recipe(w, RECIPE_TO_LEAVES);
    unsigned slot = random_below(w->random, TIDY_SLOTS);
    store_entry(w, X_POINTERS, slot);
    for (unsigned n = 1 + random_below(w->random, 3); n > 0; n--) {
        int32_t offset = 8 * (int32_t)random_below(w->random, 512) - MIDDLE;
        emit(w, insn_s(OP_sd, w->counter, X_LEAVES, offset));
    }
    write_leaf(w);
    load_recipe(w, RECIPE_TO_LEAVES);
    store_entry(w, X_POINTERS, slot);
    rarely_end(w, from);
}

/* A leaf table that nothing rests on is ordinary memory; then a load's walk makes it a table, amid
 * stores to it. */
static void item_walk(struct writer *w) {
    unsigned from = rarely_begin(w);
    load_recipe(w, RECIPE_TO_LEAVES);
    store_entry(w, X_POINTERS, random_below(w->random, TIDY_SLOTS));
    rarely_end(w, from);
    load_recipe(w, RECIPE_DATA);
    for (unsigned n = 2 + random_below(w->random, 3); n > 0; n--) {
        int32_t slot = LEAF_SLOTS + (int32_t)random_below(w->random, 16);
        emit(w, insn_s(OP_sd, w->counter, X_LEAVES, 8 * slot - MIDDLE));
    }
    emit(w, insn_i(OP_ld, T2, X_FRAME, 0));
    emit(w, insn_s(OP_sd, T1, X_LEAVES, 8 * (SLOT_DATA + one_in(w->random, 2)) - MIDDLE));
    emit(w, insn_i(OP_ld, T2, X_FRAME, 0));
    look(w);
}

/* Another space: more of them than there are TLB sets. */
static void item_space(struct writer *w) {
    unsigned from = rarely_begin(w);
    load_recipe(w, RECIPE_SATP);
    emit(w, insn_csr(1, T2, CSR_SATP, T1));
    look(w);
    if (one_in(w->random, 2)) {
        emit(w, insn_csr(1, T1, CSR_SATP, T2));
        look(w);
    }
    rarely_end(w, from);
}

/* -- Modes ------------------------------------------------------------------------------------- */

static unsigned status_csr(const struct writer *w) {
    return w->mode == MODE_MACHINE ? CSR_MSTATUS : CSR_SSTATUS;
}

/* SUM and MXR, back and forth. */
static void item_permission(struct writer *w) {
    unsigned set = 2 + one_in(w->random, 2);
    emit(w, insn_lui(T0, one_in(w->random, 2) ? 0x40 : 0x80));
    emit(w, insn_csr(set, 0, status_csr(w), T0));
    look(w);
    emit(w, insn_lui(T0, one_in(w->random, 3) ? 0xc0 : 0x40));
    emit(w, insn_csr(5 - set, 0, status_csr(w), T0));
    look(w);
}

/* M mode's loads and stores with another mode's eyes, and protection that changes under them. */
static void item_mprv(struct writer *w) {
    emit(w, insn_lui(T0, one_in(w->random, 2) ? 0x21 : 0x20)); /* MPRV, with MPP of S or U */
    emit(w, insn_csr(2, 0, CSR_MSTATUS, T0));
    look(w);
    if (one_in(w->random, 3)) { /* entry 0 alone: nothing may lock M mode out */
        emit(w,
             insn_csr(5 + random_below(w->random, 3), 0, CSR_PMPCFG0, random_below(w->random, 32)));
        look(w);
    } else if (one_in(w->random, 2)) {
        emit(w, insn_lui(T1, 0x20));
        emit(w, insn_csr(3, 0, CSR_MSTATUS, T1));
        load_recipe(w, RECIPE_PROTECTION);
        emit(w, insn_csr(1, 0, CSR_PMPADDR0 + random_below(w->random, 4), T1));
        emit(w, insn_lui(T0, 0x20));
        emit(w, insn_csr(2, 0, CSR_MSTATUS, T0));
        look(w);
    }
    emit(w, insn_lui(T0, 0x23));
    emit(w, insn_csr(3, 0, CSR_MSTATUS, T0));
}

/* Interrupts that software raises and allows. */
static void item_interrupt(struct writer *w) {
    bool machine = w->mode == MODE_MACHINE;
    unsigned pending = machine ? CSR_MIP : CSR_SIP;
    unsigned enable = machine ? CSR_MIE : CSR_SIE;
    unsigned bit = machine ? 8 : 2; /* MIE, SIE */
    unsigned from = rarely_begin(w);
    for (unsigned n = 2 + random_below(w->random, 4); n > 0; n--) {
        unsigned change = 6 + one_in(w->random, 3);
        unsigned csr = one_in(w->random, 2)   ? pending
                       : one_in(w->random, 3) ? enable
                                              : status_csr(w);
        emit(w,
             insn_csr(change, one_in(w->random, 2) ? T1 : 0, csr, csr == status_csr(w) ? bit : 2));
        if (one_in(w->random, 2)) {
            emit(w, straight(w));
        }
    }
    emit(w, insn_csr(6, 0, enable, 2));
    emit(w, insn_csr(6, 0, status_csr(w), bit));
    rarely_end(w, from);
}

static void item_ecall(struct writer *w) {
    unsigned from = rarely_begin(w);
    emit(w, words_op(w->words, OP_ecall, w->random));
    rarely_end(w, from);
}

static void item_zero(struct writer *w) {
    static const uint16_t ops[] = {OP_cbo_zero};
    unsigned base = one_in(w->random, 2) ? X_FRAME : base_register(w);
    emit(w, insn_s(OP_sd, w->counter, base, 0));
    emit(w, with_rs1(one_of(w, ops, 1), base));
    look(w);
    if (w->mode == MODE_MACHINE && one_in(w->random, 3)) {
        emit(w, insn_i(OP_addi, T0, 0, 0x80));
        emit(w, insn_csr(2 + one_in(w->random, 2), 0, CSR_MENVCFG, T0));
    }
}

/* -- Floating point ---------------------------------------------------------------------------- */

static void fresh_floats(struct writer *w) {
    unsigned base = base_register(w);
    for (unsigned n = 0; n < 2 + random_below(w->random, 2); n++) {
        static const uint16_t ops[] = {OP_fld, OP_fld, OP_flw};
        uint32_t load = with_rd(with_rs1(one_of(w, ops, COUNT(ops)), base), n);
        emit(w, (load & 0xfffff) | 8 * random_below(w->random, 64) << 20);
    }
    emit(w, insn_i(OP_xori, base, base, 8 * (int32_t)random_below(w->random, 128)));
}

static const uint16_t inexact[] = {OP_fadd_s,   OP_fsub_s,   OP_fmul_s,   OP_fdiv_s,
                                   OP_fsqrt_s,  OP_fadd_d,   OP_fsub_d,   OP_fmul_d,
                                   OP_fdiv_d,   OP_fsqrt_d,  OP_fmadd_s,  OP_fmadd_d,
                                   OP_fcvt_s_d, OP_fcvt_s_w, OP_fcvt_s_l, OP_fcvt_d_l};

/** One of few registers, rounded as frm says. */
static uint32_t rounded(struct writer *w) {
    uint32_t word = one_of(w, inexact, COUNT(inexact)) | 7 << 12;
    word = with_rd(word, random_below(w->random, 4));
    word = with_rs1(word, random_below(w->random, 4));
    uint32_t both = with_rs2(word, random_below(w->random, 4));
    bool two = words_decode(w->words, both).op == words_decode(w->words, word).op;
    return two && words_decode(w->words, word).op < OP_fcvt_s_w ? both : word;
}

static void item_rounding(struct writer *w) {
    fresh_floats(w);
    unsigned mode =
        one_in(w->random, 8) ? random_below(w->random, 8) : 1 + random_below(w->random, 4);
    emit(w, insn_csr(5, 0, CSR_FRM, mode));
    for (unsigned n = 2 + random_below(w->random, 4); n > 0; n--) {
        emit(w, rounded(w));
    }
    emit(w, insn_csr(5, 0, CSR_FRM, 0));
    emit(w, rounded(w));
}

/* Whether the float state was changed, from clean or initial on; or the unit is off. */
static void item_dirty(struct writer *w) {
    static const uint16_t ops[] = {OP_fadd_d,  OP_fsgnj_s,  OP_fsgnjx_d, OP_fmv_w_x, OP_fmv_d_x,
                                   OP_fld,     OP_flw,      OP_fcvt_d_w, OP_feq_d,   OP_fmadd_d,
                                   OP_fmv_x_d, OP_fcvt_d_s, OP_fle_s,    OP_fsd};
    emit(w, insn_lui(T0, one_in(w->random, 8) ? 6U : one_in(w->random, 3) ? 4U : 2U));
    emit(w, insn_csr(3, 0, status_csr(w), T0));
    for (unsigned n = 1 + random_below(w->random, 2); n > 0; n--) {
        uint32_t word = one_of(w, ops, COUNT(ops));
        word = may_write(w, word) && is_tame(w, word) ? word : straight_long(w);
        emit(w, word);
    }
    emit(w, insn_csr(2, T2, status_csr(w), 0));
    if (one_in(w->random, 2)) {
        emit(w, insn_lui(T0, 6));
        emit(w, insn_csr(2, 0, status_csr(w), T0));
    }
}

/* To integers that are too small for them. */
static void item_convert(struct writer *w) {
    static const uint16_t ops[] = {OP_fcvt_w_s,  OP_fcvt_l_s,  OP_fcvt_w_d,  OP_fcvt_l_d,
                                   OP_fcvt_w_s,  OP_fcvt_l_s,  OP_fcvt_w_d,  OP_fcvt_l_d,
                                   OP_fcvt_wu_s, OP_fcvt_lu_s, OP_fcvt_wu_d, OP_fcvt_lu_d};
    fresh_floats(w);
    for (unsigned n = 2 + random_below(w->random, 4); n > 0; n--) {
        uint32_t word = one_of(w, ops, COUNT(ops));
        word = (word & ~(UINT32_C(7) << 12)) | UINT32_C(1) << 12;
        word = with_rs1(word, random_below(w->random, 4));
        word = may_write(w, word) ? word : with_rd(word, T1);
        emit(w, word);
        emit(w, insn_add(X_SUM, X_SUM, words_decode(w->words, word).rd));
    }
    if (one_in(w->random, 2)) {
        emit(w, insn_csr(1, T2, CSR_FFLAGS, 0));
    }
}

/* -- Pairs of instructions that are one to a translator ---------------------------------------- */

/** Left, then right: the upper half cleared, a half or a byte extended, a word made an index. */
static void pair_of_shifts(struct writer *w, unsigned rd, unsigned other) {
    static const uint8_t lefts[] = {32, 32, 32, 48, 56, 31, 33};
    static const uint8_t rights[] = {32, 32, 48, 56, 31, 33, 29, 30, 40, 63};
    static const uint16_t ops[] = {OP_srli, OP_srli, OP_srai};
    unsigned left = lefts[random_below(w->random, COUNT(lefts))];
    unsigned right = one_in(w->random, 3) ? left : rights[random_below(w->random, COUNT(rights))];
    uint32_t shift = one_of(w, ops, COUNT(ops)) & ~(UINT32_C(63) << 20);
    emit(w, insn_i(OP_slli, rd, random_below(w->random, 32), (int32_t)left));
    emit(w, with_rd(with_rs1(shift | right << 20, rd), other));
    if (one_in(w->random, 2)) {
        emit(w, insn_add(other, other, random_below(w->random, 32)));
    }
}

/** An index, shifted and added to a base, in either order. */
static void pair_of_address(struct writer *w, unsigned rd, unsigned other) {
    unsigned base = random_below(w->random, 32);
    bool first = one_in(w->random, 2);
    enum op shift = one_in(w->random, 2) ? OP_slli : OP_slli_uw;
    emit(w, insn_i(shift, rd, random_below(w->random, 32), (int32_t)random_below(w->random, 5)));
    emit(w, insn_add(other, first ? rd : base, first ? base : rd));
}

/** What gives a word, or seems to, and is then sign-extended. */
static void pair_of_words(struct writer *w, unsigned rd, unsigned other) {
    static const uint16_t loads[] = {OP_lw, OP_lwu, OP_lwu, OP_lhu, OP_ld};
    static const uint16_t ops[] = {OP_addw, OP_srliw, OP_sraiw, OP_mulw,   OP_slt,
                                   OP_srli, OP_srai,  OP_sub,   OP_sext_h, OP_zext_h};
    static const uint16_t logic[] = {OP_and, OP_andi, OP_xor, OP_or, OP_xori, OP_srli};
    uint32_t load = insn_i((enum op)loads[random_below(w->random, COUNT(loads))], rd,
                           base_register(w), 8 * (int32_t)random_below(w->random, 32));
    emit(w, one_in(w->random, 2) ? load : with_rd(one_of(w, ops, COUNT(ops)), rd));
    if (one_in(w->random, 2)) {
        emit(w, with_rd(with_rs1(one_of(w, logic, COUNT(logic)), rd), rd));
    }
    emit(w, insn_i(OP_addiw, other, rd, 0));
}

static void one_pair(struct writer *w) {
    static const uint16_t adds[] = {OP_addi, OP_addiw};
    unsigned rd = T0 + random_below(w->random, 3);
    unsigned other = one_in(w->random, 6) ? (unsigned)T1 : rd;
    uint32_t add = with_rd(with_rs1(one_of(w, adds, COUNT(adds)), rd), other);
    switch (random_below(w->random, 5)) {
    case 0:
        emit(w, insn_lui(rd, one_in(w->random, 3) ? random_below(w->random, 0x100000)
                                                  : 0x7ffff + random_below(w->random, 2)));
        emit(w, add);
        break;
    case 1:
        emit(w, insn_auipc(rd, random_below(w->random, 0x100000)));
        emit(w, add);
        break;
    case 2:
        pair_of_shifts(w, rd, other);
        break;
    case 3:
        pair_of_address(w, rd, other);
        break;
    default:
        pair_of_words(w, rd, other);
        break;
    }
    emit(w, insn_add(X_SUM, X_SUM, other));
}

static void item_pairs(struct writer *w) {
    for (unsigned n = 1 + random_below(w->random, 6); n > 0; n--) {
        one_pair(w);
    }
}

/* -- Bits and atomics -------------------------------------------------------------------------- */

static void item_bits(struct writer *w) {
    static const uint16_t ops[] = {
        OP_clz,    OP_ctz,    OP_cpop,      OP_clzw,      OP_ctzw,      OP_cpopw,  OP_clmul,
        OP_clmulh, OP_clmulr, OP_orc_b,     OP_rev8,      OP_andn,      OP_orn,    OP_xnor,
        OP_rol,    OP_rorw,   OP_rori,      OP_roriw,     OP_min,       OP_maxu,   OP_bset,
        OP_bext,   OP_binv,   OP_bclri,     OP_bexti,     OP_sh1add_uw, OP_add_uw, OP_slli_uw,
        OP_sext_b, OP_zext_h, OP_czero_eqz, OP_czero_nez, OP_bclr,      OP_sh3add, OP_clzw,
        OP_ctzw,   OP_cpopw,  OP_clmulr,
    };
    static const uint8_t shifts[] = {32, 32, 31, 33, 63, 1, 16};
    static const int16_t corners[] = {0, 0, 1, -1, -2048, 64, 255};
    emit(w, insn_i(OP_addi, T0, 0, corners[random_below(w->random, COUNT(corners))]));
    emit(w, insn_i(one_in(w->random, 3) ? OP_lw : OP_ld, T1, base_register(w), 0));
    emit(w, insn_i(OP_slli, T2, T1, shifts[random_below(w->random, COUNT(shifts))]));
    for (unsigned n = 3 + random_below(w->random, 6); n > 0; n--) {
        uint32_t word = one_of(w, ops, COUNT(ops));
        uint32_t bent = with_rs1(word, T0 + random_below(w->random, 3));
        uint32_t both = with_rs2(bent, T0 + random_below(w->random, 3));
        unsigned op = words_decode(w->words, word).op;
        word = words_decode(w->words, both).op == op   ? both
               : words_decode(w->words, bent).op == op ? bent
                                                       : word;
        word = may_write(w, word) ? word : with_rd(word, T1);
        emit(w, word);
        emit(w, insn_add(X_SUM, X_SUM, words_decode(w->words, word).rd));
    }
}

/** lr, sc or another atomic operation at (rs1). */
static uint32_t atomic_at(struct writer *w, enum op op, unsigned rd, unsigned rs1) {
    uint32_t word = with_rd(with_rs1(words_op(w->words, op, w->random), rs1), rd);
    return op == OP_lr_w || op == OP_lr_d ? word : with_rs2(word, 5 + random_below(w->random, 8));
}

/* A reservation, and what may come between it and its use. */
static void item_reserve(struct writer *w) {
    static const int16_t aways[] = {0, 4, 8, 60, 64, -64, 128, 2040};
    bool wide = one_in(w->random, 2);
    unsigned base = one_in(w->random, 3) ? X_FRAME : base_register(w);
    if (one_in(w->random, 6)) {
        base = base_register(w);
    } else {
        emit(w, insn_i(OP_andi, T0, base, -8));
        base = T0;
    }
    emit(w, atomic_at(w, wide ? OP_lr_d : OP_lr_w, T1, base));
    emit(w, insn_i(OP_addi, T2, base, aways[random_below(w->random, COUNT(aways))]));
    switch (random_below(w->random, 10)) {
    case 0:
        emit(w, words_op(w->words, OP_ecall, w->random));
        break;
    case 1:
        emit(w, insn_s(OP_sd, T1, base, 0));
        break;
    case 2:
        emit(w, insn_lui(T2, 1));
        emit(w, insn_add(T2, T2, base));
        break;
    case 3:
        emit(w, atomic_at(w, OP_amoadd_w, T1, T2));
        break;
    case 4:
        emit(w, atomic_at(w, OP_lr_w, T1, T2));
        break;
    case 5:
        emit(w, atomic_at(w, OP_sc_d, T1, T2));
        break;
    case 6:
        write_leaf(w);
        emit(w, insn_i(OP_andi, T0, base == T0 ? X_FRAME : base, -8));
        break;
    default:
        emit(w, straight(w));
        break;
    }
    unsigned to = one_in(w->random, 3) ? (unsigned)T2 : base;
    emit(w, atomic_at(w, wide != one_in(w->random, 6) ? OP_sc_d : OP_sc_w, T1, to));
    if (one_in(w->random, 3)) {
        emit(w, atomic_at(w, wide ? OP_sc_d : OP_sc_w, T2, base));
    }
}

static void item_atomics(struct writer *w) {
    unsigned base = one_in(w->random, 2) ? X_FRAME : base_register(w);
    emit(w, insn_i(OP_andi, T0, base, one_in(w->random, 6) ? -4 : -8));
    unsigned fresh = base_register(w);
    for (unsigned n = 2 + random_below(w->random, 5); n > 0; n--) {
        uint32_t word;
        do {
            word = words_kind(w->words, KIND_ATOMIC, w->random);
        } while (!may_write(w, word));
        if (one_in(w->random, 2)) {
            static const uint16_t loads[] = {OP_ld, OP_lw, OP_lwu};
            uint32_t load = with_rd(with_rs1(one_of(w, loads, COUNT(loads)), fresh), T2);
            emit(w, (load & 0xfffff) | 8 * random_below(w->random, 128) << 20);
            uint32_t bent = with_rs2(word, T2);
            word = words_decode(w->words, bent).op == words_decode(w->words, word).op ? bent : word;
        }
        emit(w, one_in(w->random, 12) ? word : with_rs1(word, T0));
        emit(w, insn_add(X_SUM, X_SUM, words_decode(w->words, word).rd));
    }
    emit(w, insn_i(OP_xori, fresh, fresh, 8 * (int32_t)random_below(w->random, 128)));
}

/* -- Code that is data, too -------------------------------------------------------------------- */

/* The immediate of an instruction of this loop counts, or that of one that is jumped over; in
 * steps that are seen, or are none. */
static void item_count(struct writer *w) {
    bool over = one_in(w->random, 2);
    unsigned from = rarely_begin(w);
    unsigned base = w->at;
    emit(w, insn_auipc(T0, 0));
    emit(w, insn_i(OP_lw, T1, T0, 24));
    emit(w, insn_lui(T2, one_in(w->random, 4) ? 0 : 0x100));
    emit(w, insn_add(T1, T1, T2));
    emit(w, insn_s(OP_sw, T1, T0, 24));
    if (over) {
        emit_to(w, insn_jal(0), base + 28);
    } else {
        emit(w, straight_long(w));
    }
    emit(w, insn_i(OP_addi, T2, T2, (int32_t)random_below(w->random, 2048)));
    rarely_end(w, from);
}

/* Many stores into their own code, which is decoded again behind each of them, until there is no
 * room for more. */
static void item_churn(struct writer *w) {
    emit(w, insn_auipc(T0, 0));
    emit(w, insn_i(OP_lw, T1, T0, 4));
    for (unsigned n = 4 + random_below(w->random, 20); n > 0; n--) {
        emit(w, insn_s(OP_sw, T1, T0, 4));
    }
}

/* The next page begins with the upper half of an instruction (loops.c). */
static void item_half(struct writer *w) {
    unsigned from = rarely_begin(w);
    int32_t far = PAGE - (int32_t)w->at;
    if (far > 2000) {
        rarely_end(w, from);
        return;
    }
    emit(w, insn_auipc(T0, 0));
    emit(w, insn_i(OP_lhu, T1, T0, far));
    emit(w, insn_i(OP_xori, T1, T1, 16 << random_below(w->random, 6)));
    emit(w, insn_s(OP_sh, T1, T0, far));
    rarely_end(w, from);
}

unsigned items_attack(const struct item **list) {
    enum { PRIVILEGED = MODE_SUPERVISOR | MODE_MACHINE };
    static const struct item items[] = {
        {item_frame, 24, MODE_ANY, false},       {item_index, 8, MODE_ANY, false},
        {item_pairs, 6, MODE_ANY, false},        {item_leaf, 6, MODE_ANY, false},
        {item_pointer, 4, MODE_ANY, false},      {item_reuse, 3, MODE_ANY, false},
        {item_walk, 4, MODE_ANY, false},         {item_space, 4, MODE_SUPERVISOR, false},
        {item_permission, 4, PRIVILEGED, false}, {item_mprv, 10, MODE_MACHINE, false},
        {item_interrupt, 5, PRIVILEGED, false},  {item_ecall, 4, MODE_USER, false},
        {item_zero, 4, MODE_ANY, false},         {item_rounding, 5, MODE_ANY, false},
        {item_dirty, 5, PRIVILEGED, false},      {item_convert, 5, MODE_ANY, false},
        {item_bits, 6, MODE_ANY, false},         {item_reserve, 5, MODE_ANY, false},
        {item_atomics, 6, MODE_ANY, false},      {item_count, 4, MODE_ANY, true},
        {item_churn, 1, MODE_ANY, false},        {item_half, 4, MODE_ANY, true},
    };
    *list = items;
    return COUNT(items);
}
