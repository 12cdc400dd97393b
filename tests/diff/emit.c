/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that the generator asks for by name, and the registers they may use. */
#include <string.h>

#include "diff.h"

void emit(struct plan *plan, uint32_t bits) {
    unsigned length = insn_length(bits);
    ensure(plan->code_bytes + length <= CODE_BYTES_MAX);
    memcpy(plan->code + plan->code_bytes, &bits, length);
    plan->code_bytes += length;
}

uint32_t insn_i(uint32_t match, unsigned rd, unsigned rs1, int imm) {
    return match | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

uint32_t addi(unsigned rd, unsigned rs1, int imm) {
    return insn_i(0x13, rd, rs1, imm);
}

uint32_t auipc(unsigned rd) {
    return 0x17 | rd << 7;
}

uint32_t lui(unsigned rd, uint32_t value) {
    return 0x37 | rd << 7 | (value & 0xfffff000);
}

uint32_t csr(unsigned operation, unsigned rd, unsigned number, unsigned rs1) {
    return insn_i(0x73 | operation << 12, rd, rs1, (int)number);
}

unsigned spare(struct plan *plan) {
    unsigned reg;
    do {
        reg = (unsigned)(1 + random_below(&plan->random, 31));
    } while (plan_in_pool(plan, reg));
    return reg;
}

unsigned spare_but(struct plan *plan, unsigned other) {
    unsigned reg;
    do {
        reg = spare(plan);
    } while (reg == other);
    return reg;
}

void emit_constant(struct plan *plan, unsigned rd, uint32_t value) {
    emit(plan, lui(rd, value + 0x800));
    emit(plan, 0x1b | rd << 7 | rd << 15 | value << 20); /* addiw */
}

void emit_value(struct plan *plan, unsigned rd, uint64_t value) {
    if (value == (uint64_t)(int64_t)(int32_t)value) {
        emit_constant(plan, rd, (uint32_t)value);
        return;
    }
    static const struct {
        unsigned shift; /* left, then these bits of value */
        unsigned high;
        unsigned low;
    } parts[] = {{11, 31, 21}, {11, 20, 10}, {10, 9, 0}};
    emit_constant(plan, rd, (uint32_t)(value >> 32));
    for (unsigned i = 0; i < COUNT(parts); i++) {
        emit(plan, insn_i(0x1013, rd, rd, (int)parts[i].shift)); /* slli */
        emit(plan, addi(rd, rd, (int)bits_get(value, parts[i].high, parts[i].low)));
    }
}
