/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of integer instructions: RV64I, M, Zb*, Zicond, Zimop. Included by interp.c. */
#ifndef HART_EXEC_INT_H
#define HART_EXEC_INT_H

#include "hart/exec.h"
#include "hart/integer.h"

/* A body that computes rd from a = x[rs1], b = x[rs2], i = the immediate. */
#define ALU(name, expression)                                                                \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {        \
        const uint64_t a = hart->x[insn->rs1];                                               \
        const uint64_t b = hart->x[insn->rs2];                                               \
        const uint64_t i = (uint64_t)(int64_t)insn->imm;                                     \
        (void)a, (void)b, (void)i;                                                           \
        hart->x[insn->rd] = (uint64_t)(expression);                                          \
        return FLOW_NEXT;                                                                    \
    }

/* A conditional branch on a = x[rs1], b = x[rs2]. */
#define BRANCH(name, condition)                                                              \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {        \
        const uint64_t a = hart->x[insn->rs1];                                               \
        const uint64_t b = hart->x[insn->rs2];                                               \
        if (condition) {                                                                     \
            return exec_jump(hart, insn, exec_pc(hart, insn) + (uint64_t)(int64_t)insn->imm); \
        }                                                                                    \
        hart->pc = exec_next_pc(hart, insn);                                                 \
        return FLOW_JUMP;                                                                    \
    }

#define S(value) ((int64_t)(value))
#define W(value) ((int64_t)(int32_t)(uint32_t)(value))
#define U32(value) ((uint64_t)(uint32_t)(value))

/* -- RV64I -------------------------------------------------------------------------------- */

ALU(lui, i)
ALU(auipc, exec_pc(hart, insn) + i)
ALU(addi, a + i)
ALU(slti, S(a) < S(i))
ALU(sltiu, a < i)
ALU(xori, a ^ i)
ALU(ori, a | i)
ALU(andi, a & i)
ALU(slli, a << (i & 63))
ALU(srli, a >> (i & 63))
ALU(srai, S(a) >> (i & 63))
ALU(addiw, W(a + i))
ALU(slliw, W(a << (i & 31)))
ALU(srliw, W(U32(a) >> (i & 31)))
ALU(sraiw, W(a) >> (i & 31))
ALU(add, a + b)
ALU(sub, a - b)
ALU(sll, a << (b & 63))
ALU(slt, S(a) < S(b))
ALU(sltu, a < b)
ALU(xor, a ^ b)
ALU(srl, a >> (b & 63))
ALU(sra, S(a) >> (b & 63))
ALU(or, a | b)
ALU(and, a & b)
ALU(addw, W(a + b))
ALU(subw, W(a - b))
ALU(sllw, W(a << (b & 31)))
ALU(srlw, W(U32(a) >> (b & 31)))
ALU(sraw, W(a) >> (b & 31))

BRANCH(beq, a == b)
BRANCH(bne, a != b)
BRANCH(blt, S(a) < S(b))
BRANCH(bge, S(a) >= S(b))
BRANCH(bltu, a < b)
BRANCH(bgeu, a >= b)

static inline enum flow exec_jal(struct hart *hart, const struct insn *insn) {
    enum flow flow = exec_jump(hart, insn, exec_pc(hart, insn) + (uint64_t)(int64_t)insn->imm);
    if (flow == FLOW_JUMP) {
        hart->x[insn->rd] = exec_next_pc(hart, insn);
    }
    return flow;
}

static inline enum flow exec_jalr(struct hart *hart, const struct insn *insn) {
    uint64_t target = (hart->x[insn->rs1] + (uint64_t)(int64_t)insn->imm) & ~UINT64_C(1);
    enum flow flow = exec_jump(hart, insn, target);
    if (flow == FLOW_JUMP) {
        hart->x[insn->rd] = exec_next_pc(hart, insn);
    }
    return flow;
}

/* -- M ------------------------------------------------------------------------------------ */

ALU(mul, a * b)
ALU(mulh, (__int128)S(a) * S(b) >> 64)
ALU(mulhsu, (__int128)S(a) * (__int128)b >> 64)
ALU(mulhu, (unsigned __int128)a * b >> 64)
ALU(div, int_div(S(a), S(b)))
ALU(divu, b == 0 ? UINT64_MAX : a / b)
ALU(rem, int_rem(S(a), S(b)))
ALU(remu, b == 0 ? a : a % b)
ALU(mulw, W(a * b))
ALU(divw, W(int_div(W(a), W(b))))
ALU(divuw, U32(b) == 0 ? UINT64_MAX : (uint64_t)W(U32(a) / U32(b)))
ALU(remw, W(int_rem(W(a), W(b))))
ALU(remuw, W(U32(b) == 0 ? U32(a) : U32(a) % U32(b)))

/* -- Zba, Zbb, Zbs ------------------------------------------------------------------------ */

ALU(add_uw, U32(a) + b)
ALU(sh1add, (a << 1) + b)
ALU(sh2add, (a << 2) + b)
ALU(sh3add, (a << 3) + b)
ALU(sh1add_uw, (U32(a) << 1) + b)
ALU(sh2add_uw, (U32(a) << 2) + b)
ALU(sh3add_uw, (U32(a) << 3) + b)
ALU(slli_uw, U32(a) << (i & 63))
ALU(andn, a & ~b)
ALU(orn, a | ~b)
ALU(xnor, ~(a ^ b))
ALU(clz, a == 0 ? 64 : __builtin_clzll(a))
ALU(clzw, U32(a) == 0 ? 32 : __builtin_clz((uint32_t)a))
ALU(ctz, a == 0 ? 64 : __builtin_ctzll(a))
ALU(ctzw, U32(a) == 0 ? 32 : __builtin_ctz((uint32_t)a))
ALU(cpop, __builtin_popcountll(a))
ALU(cpopw, __builtin_popcount((uint32_t)a))
ALU(max, S(a) > S(b) ? a : b)
ALU(maxu, a > b ? a : b)
ALU(min, S(a) < S(b) ? a : b)
ALU(minu, a < b ? a : b)
ALU(sext_b, (int64_t)(int8_t)(uint8_t)a)
ALU(sext_h, (int64_t)(int16_t)(uint16_t)a)
ALU(zext_h, (uint16_t)a)
ALU(rol, int_rotate_right(a, 64 - (b & 63)))
ALU(ror, int_rotate_right(a, b & 63))
ALU(rori, int_rotate_right(a, i & 63))
ALU(rolw, W(int_rotate_right_w(a, 32 - (b & 31))))
ALU(rorw, W(int_rotate_right_w(a, b & 31)))
ALU(roriw, W(int_rotate_right_w(a, i & 31)))
ALU(rev8, __builtin_bswap64(a))
ALU(orc_b, int_orc_b(a))
ALU(bclr, a & ~(UINT64_C(1) << (b & 63)))
ALU(bclri, a & ~(UINT64_C(1) << (i & 63)))
ALU(bext, a >> (b & 63) & 1)
ALU(bexti, a >> (i & 63) & 1)
ALU(binv, a ^ UINT64_C(1) << (b & 63))
ALU(binvi, a ^ UINT64_C(1) << (i & 63))
ALU(bset, a | UINT64_C(1) << (b & 63))
ALU(bseti, a | UINT64_C(1) << (i & 63))

/* -- Zbc, Zbkb, Zbkx, Zicond, Zimop ------------------------------------------------------- */

ALU(clmul, int_clmul(a, b))
ALU(clmulh, int_clmul_high(a, b))
ALU(clmulr, int_clmul_high(a, b) << 1 | int_clmul(a, b) >> 63)
ALU(pack, U32(a) | b << 32)
ALU(packh, (a & 0xff) | (b & 0xff) << 8)
ALU(packw, W((a & 0xffff) | b << 16))
ALU(brev8, int_brev8(a))
ALU(xperm4, int_xperm(a, b, 4))
ALU(xperm8, int_xperm(a, b, 8))
ALU(czero_eqz, b == 0 ? 0 : a)
ALU(czero_nez, b != 0 ? 0 : a)
ALU(mop_r, 0)
ALU(mop_rr, 0)

#undef ALU
#undef BRANCH
#undef S
#undef W
#undef U32

#endif
