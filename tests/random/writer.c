/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions for loops: put together by hand, or taken at random with care. */
#include <string.h>

#include "generate.h"

/* -- Words ----------------------------------------------------------------------- */

void emit(struct writer *w, uint32_t word) {
    unsigned bytes = insn_length(word);
    if (w->at + bytes <= w->limit) {
        memcpy(w->code + w->at, &word, bytes);
        w->at += bytes;
    }
}

uint32_t insn_i(enum op op, unsigned rd, unsigned rs1, int32_t imm) {
    static const uint32_t codes[OP_COUNT] = {
        [OP_addi] = 0x13,  [OP_andi] = 0x7013,        [OP_xori] = 0x4013, [OP_slli] = 0x1013,
        [OP_lw] = 0x2003,  [OP_ld] = 0x3003,          [OP_jalr] = 0x67,   [OP_lhu] = 0x5003,
        [OP_addiw] = 0x1b, [OP_slli_uw] = 0x0800101b, [OP_lwu] = 0x6003,
    };
    return codes[op] | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

uint32_t insn_s(enum op op, unsigned rs2, unsigned rs1, int32_t imm) {
    uint32_t bits = (uint32_t)imm;
    uint32_t code = op == OP_sd ? 0x3023 : op == OP_sw ? 0x2023 : op == OP_sh ? 0x1023 : 0x23;
    return code | rs2 << 20 | rs1 << 15 | (bits & 31) << 7 | (bits >> 5) << 25;
}

uint32_t insn_add(unsigned rd, unsigned rs1, unsigned rs2) {
    return 0x33 | rd << 7 | rs1 << 15 | rs2 << 20;
}

uint32_t insn_auipc(unsigned rd, uint32_t pages) {
    return 0x17 | rd << 7 | pages << 12;
}

uint32_t insn_lui(unsigned rd, uint32_t pages) {
    return 0x37 | rd << 7 | pages << 12;
}

uint32_t insn_branch(enum op op, unsigned rs1, unsigned rs2) {
    static const uint16_t codes[OP_COUNT] = {
        [OP_beq] = 0x0063, [OP_bne] = 0x1063,  [OP_blt] = 0x4063,
        [OP_bge] = 0x5063, [OP_bltu] = 0x6063, [OP_bgeu] = 0x7063,
    };
    return codes[op] | rs1 << 15 | rs2 << 20;
}

uint32_t insn_jal(unsigned rd) {
    return 0x6f | rd << 7;
}

uint32_t insn_csr(unsigned funct3, unsigned rd, unsigned csr, unsigned rs1) {
    return 0x73 | funct3 << 12 | rd << 7 | rs1 << 15 | csr << 20;
}

void emit_to(struct writer *w, uint32_t word, unsigned target) {
    bool reaches = words_aim(w->words, &word, (int32_t)target - (int32_t)w->at);
    emit(w, reaches ? word : insn_i(OP_addi, 0, 0, 0));
}

bool may_write(const struct writer *w, uint32_t word) {
    return (w->kept >> words_decode(w->words, word).rd & 1) == 0;
}

static enum kind straight_kind(const struct writer *w) {
    if (random_below(w->random, 8) < w->floats) {
        return one_in(w->random, 5) ? KIND_MEMORY : KIND_FLOAT;
    }
    unsigned roll = random_below(w->random, 16);
    return roll == 0 ? KIND_ATOMIC : roll < 5 ? KIND_MEMORY : KIND_INTEGER;
}

bool is_tame(const struct writer *w, uint32_t word) {
    struct insn insn = words_decode(w->words, word);
    unsigned traits = op_traits((enum op)insn.op);
    bool is_near = (BASES >> insn.rs1 & 1) != 0 && insn.imm >= -64 && insn.imm <= 64;
    return ((traits & (T_LOAD | T_STORE | T_AMO)) == 0 || is_near) &&
           ((traits & T_RM) == 0 || insn.rm < 5 || insn.rm == 7);
}

uint32_t straight(const struct writer *w) {
    uint32_t word;
    do {
        word = words_kind(w->words, straight_kind(w), w->random);
    } while (!may_write(w, word) || (w->tame && !is_tame(w, word)));
    return word;
}

uint32_t straight_long(const struct writer *w) {
    uint32_t word;
    do {
        word = straight(w);
    } while (insn_length(word) != 4);
    return word;
}

uint32_t with_rd(uint32_t word, unsigned rd) {
    return (word & ~(UINT32_C(31) << 7)) | rd << 7;
}

uint32_t with_rs1(uint32_t word, unsigned rs1) {
    return (word & ~(UINT32_C(31) << 15)) | rs1 << 15;
}

uint32_t with_rs2(uint32_t word, unsigned rs2) {
    return (word & ~(UINT32_C(31) << 20)) | rs2 << 20;
}

uint32_t one_of(const struct writer *w, const uint16_t *ops, unsigned count) {
    enum op op = (enum op)ops[random_below(w->random, count)];
    if (!words_have(w->words, op)) {
        return straight_long(w);
    }
    uint32_t word;
    do {
        word = words_op(w->words, op, w->random);
    } while (insn_length(word) != 4);
    return word;
}

/* -- Loops ------------------------------------------------------------------------------------- */

void emit_back(struct writer *w, unsigned counter, unsigned head) {
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

/* Once in 4, 32 or 128 times around, or each time. */
unsigned rarely_begin(struct writer *w) {
    static const uint8_t masks[] = {0, 3, 31, 31, 127};
    int32_t mask = masks[random_below(w->random, COUNT(masks))];
    if (mask != 0) {
        emit(w, insn_i(OP_andi, T0, w->counter, mask));
        w->at += 4;
        return w->at - 4;
    }
    return 0;
}

void rarely_end(struct writer *w, unsigned from) {
    unsigned end = w->at;
    if (from != 0) {
        w->at = from;
        emit_to(w, insn_branch(OP_bne, T0, 0), end);
        w->at = end;
    }
}
