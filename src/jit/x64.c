/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encoder for x86-64.
 *
 * An instruction is one word `op` and its operands. The word holds everything that the manual
 * writes in the opcode column:
 *
 *   bits 7:0    opcode                       bit 12      REX.W or VEX.W
 *   bits 9:8    opcode map                   bit 13, 14  reg, rm is a register of one byte
 *   bits 11:10  prefix 66, F3 or F2          bit 15      VEX, with its third register in 19:16
 *
 * Four functions turn a word into bytes: by what follows the opcode, encode_rr (ModRM with two
 * registers), encode_rm (ModRM with memory), encode_o (register inside the opcode) and put (nothing
 * more). An immediate follows by itself. All functions of the header are a word put together from
 * the operand's size and one of these calls: `add rbx, rcx` is sized(0x00, 8), which makes 01 with
 * REX.W, and encode_rr with RCX in reg and RBX in rm: 48 01 cb.
 *
 * The bytes up to an 8-bit displacement fit 64 bits, so that they are gathered in a register and
 * stored at once. Every store takes 8 bytes, of which the next one overwrites what was too much:
 * one comparison guards all of it, and once a store has not fit, no later one does.
 *
 * A table of instructions that one function interprets was rejected: callers know operand kinds
 * when they are compiled, and would only hide them from the compiler. */
#include "jit/x64.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum {
    MAP_0F = 1 << 8,
    MAP_0F38 = 2 << 8,
    MAP_0F3A = 3 << 8,
    P_66 = 1 << 10,
    P_F3 = 2 << 10,
    P_F2 = 3 << 10,
    W = 1 << 12,
    BYTE_REG = 1 << 13,
    BYTE_RM = 1 << 14,
    VEX = 1 << 15,
    VEX_REG_SHIFT = 16,
    STORE_BYTES = 8,
    NOP_BYTES_MAX = 8,
    REL_BYTES = 4
};

/** Bytes of an instruction under construction, the first in the low bits. */
struct bytes {
    uint64_t word;
    unsigned count;
};

/* -- Words and bytes --------------------------------------------------------------------------- */

static inline void put(struct x64 *x, uint64_t word, unsigned count) {
    if (unlikely(x->end - x->at < STORE_BYTES)) {
        x->full = true;
        return;
    }
    memcpy(x->at, &word, STORE_BYTES);
    x->at += count;
}

static inline void append(struct bytes *bytes, unsigned more, unsigned count) {
    bytes->word |= (uint64_t)more << (8 * bytes->count);
    bytes->count += count;
}

/** Completes the word of an instruction whose opcode without bit 0 is the form for bytes. */
static inline unsigned sized(unsigned op, unsigned size) {
    static const uint16_t bits[] = {[1] = BYTE_REG | BYTE_RM, [2] = P_66 | 1, [4] = 1, [8] = W | 1};
    return op | bits[size];
}

/** The same where reg is no register but a part of the opcode. */
static inline unsigned sized_group(unsigned op, unsigned size) {
    return sized(op, size) & ~(unsigned)BYTE_REG;
}

/** Completes the word of an instruction that has no form for bytes. */
static inline unsigned wide(unsigned op, unsigned size) {
    static const uint16_t bits[] = {[2] = P_66, [4] = 0, [8] = W};
    return op | bits[size];
}

/** Scalar instructions have F3 for single and F2 for double, ... */
static inline unsigned scalar(unsigned op, unsigned size) {
    return op | MAP_0F | (size == 4 ? P_F3 : P_F2);
}

/** ... and those that stem from packed ones nothing and 66. */
static inline unsigned packed(unsigned op, unsigned size) {
    return op | MAP_0F | (size == 4 ? 0 : P_66);
}

/** VEX instruction of 4 or 8 bytes with a third register. */
static inline unsigned vex(unsigned op, unsigned size, unsigned reg) {
    return wide(op, size) | VEX | reg << VEX_REG_SHIFT;
}

static inline bool fits_8(int64_t value) {
    return value == (int8_t)value;
}

/* -- The parts of an instruction --------------------------------------------------------------- */

/** Prefixes and opcode with VEX, which none of our instructions with memory has. */
static inline struct bytes head_vex(unsigned op, unsigned reg, unsigned rm) {
    unsigned inverted = (reg >> 3) << 7 | (rm >> 3) << 5;
    unsigned third = (op >> VEX_REG_SHIFT & 15) << 3;
    struct bytes head = {0xc4, 1};
    append(&head, (inverted ^ 0xe0) | (op >> 8 & 3), 1);
    append(&head, (op & W) >> 5 | (third ^ 0x78) | (op >> 10 & 3), 1);
    append(&head, op & 0xff, 1);
    return head;
}

/** Prefixes, escapes and opcode with or without VEX. Registers in [0, 15]. */
static inline struct bytes head(unsigned op, unsigned reg, unsigned index, unsigned base) {
    static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
    static const struct {
        uint16_t bytes, count;
    } maps[] = {{0, 0}, {0x0f, 1}, {0x380f, 2}, {0x3a0f, 2}};
    if ((op & VEX) != 0) {
        return head_vex(op, reg, base);
    }
    unsigned prefix = prefixes[op >> 10 & 3];
    struct bytes head = {prefix, prefix != 0};
    unsigned rex = (op & W) >> 9 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
    /* Without REX, bytes 4 to 7 are AH to BH. */
    bool low_byte = ((op & BYTE_REG) != 0 && reg > 3) || ((op & BYTE_RM) != 0 && base > 3);
    if (rex != 0 || low_byte) {
        append(&head, 0x40 | rex, 1);
    }
    append(&head, maps[op >> 8 & 3].bytes, maps[op >> 8 & 3].count);
    append(&head, op & 0xff, 1);
    return head;
}

static inline unsigned modrm(unsigned mod, unsigned reg, unsigned rm) {
    return mod << 6 | (reg & 7) << 3 | (rm & 7);
}

static void encode_rr(struct x64 *x, unsigned op, unsigned reg, unsigned rm) {
    struct bytes bytes = head(op, reg, 0, rm);
    append(&bytes, modrm(3, reg, rm), 1);
    put(x, bytes.word, bytes.count);
}

/** Where ModRM has no code for an operand, another stands in: rm of RSP and R12 means that a SIB
 * byte follows, which has to name them; RBP and R13 without displacement mean that there is no
 * base; RSP as index means that there is none. */
static void encode_rm(struct x64 *x, unsigned op, unsigned reg, struct x64_mem mem) {
    bool based = mem.base != X64_NONE, indexed = mem.index != X64_NONE;
    ensure(mem.index != RSP);
    unsigned base = based ? mem.base : RBP, index = indexed ? mem.index : RSP;
    bool sib = indexed || !based || (base & 7) == RSP;
    unsigned mod = !based || (mem.disp == 0 && (base & 7) != RBP) ? 0 : fits_8(mem.disp) ? 1 : 2;

    struct bytes bytes = head(op & ~(unsigned)BYTE_RM, reg, index, base);
    append(&bytes, modrm(mod, reg, sib ? RSP : base), 1);
    if (sib) {
        append(&bytes, modrm((unsigned)__builtin_ctz(mem.scale), index, base), 1);
    }
    if (mod == 1) {
        append(&bytes, (uint8_t)mem.disp, 1);
    }
    put(x, bytes.word, bytes.count);
    if (mod == 2 || !based) {
        put(x, (uint32_t)mem.disp, 4);
    }
}

static void encode_o(struct x64 *x, unsigned op, unsigned reg) {
    struct bytes bytes = head(op + (reg & 7), 0, 0, reg);
    put(x, bytes.word, bytes.count);
}

/** Immediate of an instruction of @p size, which has none of 8 bytes. */
static inline void put_imm(struct x64 *x, unsigned size, int32_t value) {
    put(x, (uint32_t)value, size == 8 ? 4 : size);
}

/* -- Moves ------------------------------------------------------------------------------------- */

/** Word of a load that extends to 64 bits, or of a move. */
static inline unsigned extend_zero(unsigned size) {
    static const uint16_t ops[] = {
        [1] = MAP_0F | 0xb6 | BYTE_RM, [2] = MAP_0F | 0xb7, [4] = 0x8b, [8] = W | 0x8b};
    return ops[size];
}

static inline unsigned extend_sign(unsigned size) {
    static const uint16_t ops[] = {
        [1] = W | MAP_0F | 0xbe | BYTE_RM, [2] = W | MAP_0F | 0xbf, [4] = W | 0x63};
    return ops[size];
}

void x64_mov_rr(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from) {
    encode_rr(x, extend_zero(size), to, from);
}

void x64_mov_ri(struct x64 *x, enum x64_reg to, uint64_t value) {
    if (value <= UINT32_MAX) {
        encode_o(x, 0xb8, to);
        put(x, value, 4);
    } else if ((int64_t)value == (int32_t)value) {
        encode_rr(x, W | 0xc7, 0, to);
        put(x, (uint32_t)value, 4);
    } else {
        encode_o(x, W | 0xb8, to);
        put(x, value, 8);
    }
}

void x64_mov_rm(struct x64 *x, unsigned size, enum x64_reg to, struct x64_mem from) {
    encode_rm(x, extend_zero(size), to, from);
}

void x64_mov_mr(struct x64 *x, unsigned size, struct x64_mem to, enum x64_reg from) {
    encode_rm(x, sized(0x88, size), from, to);
}

void x64_mov_mi(struct x64 *x, unsigned size, struct x64_mem to, int32_t value) {
    encode_rm(x, sized_group(0xc6, size), 0, to);
    put_imm(x, size, value);
}

void x64_movsx_rr(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from) {
    encode_rr(x, extend_sign(size), to, from);
}

void x64_movsx_rm(struct x64 *x, unsigned size, enum x64_reg to, struct x64_mem from) {
    encode_rm(x, extend_sign(size), to, from);
}

void x64_lea(struct x64 *x, unsigned size, enum x64_reg to, struct x64_mem from) {
    encode_rm(x, wide(0x8d, size), to, from);
}

void x64_cmov(struct x64 *x, enum x64_cond cond, unsigned size, enum x64_reg to,
              enum x64_reg from) {
    encode_rr(x, wide(MAP_0F | 0x40 | cond, size), to, from);
}

void x64_set(struct x64 *x, enum x64_cond cond, enum x64_reg to) {
    encode_rr(x, MAP_0F | 0x90 | cond | BYTE_RM, 0, to);
}

void x64_push(struct x64 *x, enum x64_reg from) {
    encode_o(x, 0x50, from);
}

void x64_pop(struct x64 *x, enum x64_reg to) {
    encode_o(x, 0x58, to);
}

/* -- Arithmetic -------------------------------------------------------------------------------- */

void x64_alu_rr(struct x64 *x, enum x64_alu op, unsigned size, enum x64_reg to, enum x64_reg from) {
    encode_rr(x, sized(op << 3, size), from, to);
}

void x64_alu_ri(struct x64 *x, enum x64_alu op, unsigned size, enum x64_reg to, int32_t value) {
    if (size > 1 && fits_8(value)) {
        encode_rr(x, wide(0x83, size), op, to);
        put(x, (uint8_t)value, 1);
    } else if (to == RAX) {
        encode_o(x, sized(op << 3 | 4, size), RAX);
        put_imm(x, size, value);
    } else {
        encode_rr(x, sized_group(0x80, size), op, to);
        put_imm(x, size, value);
    }
}

void x64_alu_rm(struct x64 *x, enum x64_alu op, unsigned size, enum x64_reg to,
                struct x64_mem from) {
    encode_rm(x, sized(op << 3 | 2, size), to, from);
}

void x64_alu_mr(struct x64 *x, enum x64_alu op, unsigned size, struct x64_mem to,
                enum x64_reg from) {
    encode_rm(x, sized(op << 3, size), from, to);
}

void x64_alu_mi(struct x64 *x, enum x64_alu op, unsigned size, struct x64_mem to, int32_t value) {
    if (size > 1 && fits_8(value)) {
        encode_rm(x, wide(0x83, size), op, to);
        put(x, (uint8_t)value, 1);
    } else {
        encode_rm(x, sized_group(0x80, size), op, to);
        put_imm(x, size, value);
    }
}

void x64_test_rr(struct x64 *x, unsigned size, enum x64_reg a, enum x64_reg b) {
    encode_rr(x, sized(0x84, size), b, a);
}

void x64_test_ri(struct x64 *x, unsigned size, enum x64_reg a, int32_t value) {
    if (a == RAX) {
        encode_o(x, sized(0xa8, size), RAX);
    } else {
        encode_rr(x, sized_group(0xf6, size), 0, a);
    }
    put_imm(x, size, value);
}

void x64_test_mi(struct x64 *x, unsigned size, struct x64_mem a, int32_t value) {
    encode_rm(x, sized_group(0xf6, size), 0, a);
    put_imm(x, size, value);
}

void x64_unary(struct x64 *x, enum x64_unary op, unsigned size, enum x64_reg reg) {
    encode_rr(x, sized_group(0xf6, size), op, reg);
}

void x64_imul_rr(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from) {
    encode_rr(x, wide(MAP_0F | 0xaf, size), to, from);
}

void x64_imul_rri(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from, int32_t value) {
    if (fits_8(value)) {
        encode_rr(x, wide(0x6b, size), to, from);
        put(x, (uint8_t)value, 1);
    } else {
        encode_rr(x, wide(0x69, size), to, from);
        put_imm(x, size, value);
    }
}

void x64_cqo(struct x64 *x, unsigned size) {
    encode_o(x, wide(0x99, size), 0);
}

/* -- Shifts and bits --------------------------------------------------------------------------- */

void x64_shift_ri(struct x64 *x, enum x64_shift op, unsigned size, enum x64_reg to,
                  unsigned count) {
    if (count == 1) {
        encode_rr(x, sized_group(0xd0, size), op, to);
    } else {
        encode_rr(x, sized_group(0xc0, size), op, to);
        put(x, count, 1);
    }
}

void x64_shift_rc(struct x64 *x, enum x64_shift op, unsigned size, enum x64_reg to) {
    encode_rr(x, sized_group(0xd2, size), op, to);
}

void x64_shlx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from,
              enum x64_reg count) {
    encode_rr(x, vex(P_66 | MAP_0F38 | 0xf7, size, count), to, from);
}

void x64_shrx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from,
              enum x64_reg count) {
    encode_rr(x, vex(P_F2 | MAP_0F38 | 0xf7, size, count), to, from);
}

void x64_sarx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from,
              enum x64_reg count) {
    encode_rr(x, vex(P_F3 | MAP_0F38 | 0xf7, size, count), to, from);
}

void x64_rorx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg from, unsigned count) {
    encode_rr(x, vex(P_F2 | MAP_0F3A | 0xf0, size, 0), to, from);
    put(x, count, 1);
}

void x64_andn(struct x64 *x, unsigned size, enum x64_reg to, enum x64_reg inverted,
              enum x64_reg other) {
    encode_rr(x, vex(MAP_0F38 | 0xf2, size, inverted), to, other);
}

void x64_bswap(struct x64 *x, unsigned size, enum x64_reg reg) {
    encode_o(x, wide(MAP_0F | 0xc8, size), reg);
}

void x64_scan(struct x64 *x, enum x64_scan op, unsigned size, enum x64_reg to, enum x64_reg from) {
    static const uint16_t ops[] = {[X64_BSF] = MAP_0F | 0xbc,
                                   [X64_BSR] = MAP_0F | 0xbd,
                                   [X64_TZCNT] = P_F3 | MAP_0F | 0xbc,
                                   [X64_LZCNT] = P_F3 | MAP_0F | 0xbd,
                                   [X64_POPCNT] = P_F3 | MAP_0F | 0xb8};
    encode_rr(x, wide(ops[op], size), to, from);
}

void x64_bit_rr(struct x64 *x, enum x64_bit op, unsigned size, enum x64_reg to, enum x64_reg idx) {
    encode_rr(x, wide(MAP_0F | 0x83 | op << 3, size), idx, to);
}

void x64_bit_ri(struct x64 *x, enum x64_bit op, unsigned size, enum x64_reg to, unsigned idx) {
    encode_rr(x, wide(MAP_0F | 0xba, size), op, to);
    put(x, idx, 1);
}

/* -- Atomics ----------------------------------------------------------------------------------- */

void x64_lock(struct x64 *x) {
    put(x, 0xf0, 1);
}

void x64_xchg_rr(struct x64 *x, unsigned size, enum x64_reg a, enum x64_reg b) {
    encode_rr(x, sized(0x86, size), b, a);
}

void x64_xchg_mr(struct x64 *x, unsigned size, struct x64_mem mem, enum x64_reg reg) {
    encode_rm(x, sized(0x86, size), reg, mem);
}

void x64_xadd_mr(struct x64 *x, unsigned size, struct x64_mem mem, enum x64_reg reg) {
    encode_rm(x, sized(MAP_0F | 0xc0, size), reg, mem);
}

void x64_cmpxchg_mr(struct x64 *x, unsigned size, struct x64_mem mem, enum x64_reg reg) {
    encode_rm(x, sized(MAP_0F | 0xb0, size), reg, mem);
}

/* -- Jumps ------------------------------------------------------------------------------------- */

/** Distance that a field at @p field holds for @p target: from the instruction's end. */
static inline uint32_t rel_to(const uint8_t *field, const uint8_t *target) {
    ptrdiff_t distance = target - (field + REL_BYTES);
    ensure(distance == (int32_t)distance);
    return (uint32_t)distance;
}

/** An instruction that ends in a distance of 4 bytes; @p op has @p op_bytes, at most 4. */
static void put_rel(struct x64 *x, unsigned op, unsigned op_bytes, struct x64_label *label) {
    uint8_t *field = x->at + op_bytes;
    uint32_t distance = 0;
    if (label->at != NULL) {
        distance = rel_to(field, label->at);
    } else if (label->last != NULL) {
        distance = (uint32_t)(field - label->last);
    }
    put(x, op | (uint64_t)distance << (8 * op_bytes), op_bytes + REL_BYTES);
    if (label->at == NULL && !x->full) {
        label->last = field;
    }
}

/** Does an instruction of 2 bytes with a distance of one reach it? */
static bool is_near(const struct x64 *x, const struct x64_label *label) {
    return label->at != NULL && fits_8(label->at - (x->at + 2));
}

static void put_near(struct x64 *x, unsigned op, const struct x64_label *label) {
    put(x, op | (unsigned)(uint8_t)(label->at - (x->at + 2)) << 8, 2);
}

void x64_bind(struct x64 *x, struct x64_label *label) {
    label->at = x->at;
    uint8_t *field = label->last;
    while (field != NULL) {
        uint32_t back, distance = rel_to(field, x->at);
        memcpy(&back, field, REL_BYTES);
        memcpy(field, &distance, REL_BYTES);
        field = back != 0 ? field - back : NULL;
    }
    label->last = NULL;
}

void x64_lea_label(struct x64 *x, enum x64_reg to, struct x64_label *label) {
    struct bytes bytes = head(W | 0x8d, to, 0, 0);
    append(&bytes, modrm(0, to, RBP), 1); /* which means RIP */
    put_rel(x, (unsigned)bytes.word, bytes.count, label);
}

void x64_jmp(struct x64 *x, struct x64_label *label) {
    if (is_near(x, label)) {
        put_near(x, 0xeb, label);
    } else {
        put_rel(x, 0xe9, 1, label);
    }
}

void x64_jcc(struct x64 *x, enum x64_cond cond, struct x64_label *label) {
    if (is_near(x, label)) {
        put_near(x, 0x70 | cond, label);
    } else {
        put_rel(x, 0x800f | cond << 8, 2, label);
    }
}

void x64_call(struct x64 *x, struct x64_label *label) {
    put_rel(x, 0xe8, 1, label);
}

void x64_jmp_r(struct x64 *x, enum x64_reg target) {
    encode_rr(x, 0xff, 4, target);
}

void x64_jmp_m(struct x64 *x, struct x64_mem target) {
    encode_rm(x, 0xff, 4, target);
}

void x64_call_r(struct x64 *x, enum x64_reg target) {
    encode_rr(x, 0xff, 2, target);
}

void x64_call_m(struct x64 *x, struct x64_mem target) {
    encode_rm(x, 0xff, 2, target);
}

void x64_ret(struct x64 *x) {
    put(x, 0xc3, 1);
}

uint8_t *x64_jmp_patchable(struct x64 *x, struct x64_label *label) {
    x64_nop(x, -((uintptr_t)x->at + 1) % REL_BYTES);
    put_rel(x, 0xe9, 1, label);
    return x->at - REL_BYTES;
}

void x64_jmp_patch(uint8_t *field, const uint8_t *target) {
    __atomic_store_n((uint32_t *)(void *)field, rel_to(field, target), __ATOMIC_RELEASE);
}

void x64_nop(struct x64 *x, size_t count_bytes) {
    static const uint64_t nops[NOP_BYTES_MAX + 1] = {
        [1] = 0x90,         [2] = 0x9066,         [3] = 0x001f0f,         [4] = 0x00401f0f,
        [5] = 0x0000441f0f, [6] = 0x0000441f0f66, [7] = 0x00000000801f0f, [8] = 0x0000000000841f0f};
    for (; count_bytes > NOP_BYTES_MAX; count_bytes -= NOP_BYTES_MAX) {
        put(x, nops[NOP_BYTES_MAX], NOP_BYTES_MAX);
    }
    put(x, nops[count_bytes], (unsigned)count_bytes);
}

void x64_align(struct x64 *x, size_t bytes) {
    x64_nop(x, -(uintptr_t)x->at & (bytes - 1));
}

void x64_ud2(struct x64 *x) {
    put(x, 0x0b0f, 2);
}

/* -- Floating point ---------------------------------------------------------------------------- */

void x64_movaps_xx(struct x64 *x, enum x64_xmm to, enum x64_xmm from) {
    encode_rr(x, MAP_0F | 0x28, to, from);
}

void x64_movs_xx(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm from) {
    encode_rr(x, scalar(0x10, size), to, from);
}

void x64_movs_xm(struct x64 *x, unsigned size, enum x64_xmm to, struct x64_mem from) {
    encode_rm(x, scalar(0x10, size), to, from);
}

void x64_movs_mx(struct x64 *x, unsigned size, struct x64_mem to, enum x64_xmm from) {
    encode_rm(x, scalar(0x11, size), from, to);
}

void x64_mov_xr(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_reg from) {
    encode_rr(x, wide(P_66 | MAP_0F | 0x6e, size), to, from);
}

void x64_mov_rx(struct x64 *x, unsigned size, enum x64_reg to, enum x64_xmm from) {
    encode_rr(x, wide(P_66 | MAP_0F | 0x7e, size), from, to);
}

void x64_fp_xx(struct x64 *x, enum x64_fp op, unsigned size, enum x64_xmm to, enum x64_xmm from) {
    encode_rr(x, scalar(op, size), to, from);
}

void x64_fp_xm(struct x64 *x, enum x64_fp op, unsigned size, enum x64_xmm to, struct x64_mem from) {
    encode_rm(x, scalar(op, size), to, from);
}

void x64_logic_xx(struct x64 *x, enum x64_logic op, enum x64_xmm to, enum x64_xmm from) {
    encode_rr(x, MAP_0F | op, to, from);
}

void x64_logic_xm(struct x64 *x, enum x64_logic op, enum x64_xmm to, struct x64_mem from) {
    encode_rm(x, MAP_0F | op, to, from);
}

void x64_ucomis(struct x64 *x, unsigned size, enum x64_xmm a, enum x64_xmm b) {
    encode_rr(x, packed(0x2e, size), a, b);
}

void x64_comis(struct x64 *x, unsigned size, enum x64_xmm a, enum x64_xmm b) {
    encode_rr(x, packed(0x2f, size), a, b);
}

void x64_fmadd231(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b) {
    encode_rr(x, vex(P_66 | MAP_0F38 | 0xb9, size, a), to, b);
}

void x64_fmsub231(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b) {
    encode_rr(x, vex(P_66 | MAP_0F38 | 0xbb, size, a), to, b);
}

void x64_fnmadd231(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b) {
    encode_rr(x, vex(P_66 | MAP_0F38 | 0xbd, size, a), to, b);
}

void x64_fnmsub231(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b) {
    encode_rr(x, vex(P_66 | MAP_0F38 | 0xbf, size, a), to, b);
}

void x64_rounds(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm from, unsigned mode) {
    encode_rr(x, P_66 | MAP_0F3A | (size == 4 ? 0x0a : 0x0b), to, from);
    put(x, mode, 1);
}

void x64_cvtsi2s(struct x64 *x, unsigned int_size, unsigned size, enum x64_xmm to,
                 enum x64_reg from) {
    encode_rr(x, wide(scalar(0x2a, size), int_size), to, from);
}

void x64_cvts2si(struct x64 *x, unsigned int_size, unsigned size, enum x64_reg to,
                 enum x64_xmm from) {
    encode_rr(x, wide(scalar(0x2d, size), int_size), to, from);
}

void x64_cvtts2si(struct x64 *x, unsigned int_size, unsigned size, enum x64_reg to,
                  enum x64_xmm from) {
    encode_rr(x, wide(scalar(0x2c, size), int_size), to, from);
}

void x64_cvts2s(struct x64 *x, unsigned size, enum x64_xmm to, enum x64_xmm from) {
    encode_rr(x, scalar(0x5a, size), to, from);
}

void x64_mfence(struct x64 *x) {
    put(x, 0xf0ae0f, 3);
}

void x64_ldmxcsr(struct x64 *x, struct x64_mem from) {
    encode_rm(x, MAP_0F | 0xae, 2, from);
}

void x64_stmxcsr(struct x64 *x, struct x64_mem to) {
    encode_rm(x, MAP_0F | 0xae, 3, to);
}

void x64_pcmpeqb(struct x64 *x, enum x64_xmm to, enum x64_xmm from) {
    encode_rr(x, P_66 | MAP_0F | 0x74, to, from);
}

void x64_punpckhqdq(struct x64 *x, enum x64_xmm to, enum x64_xmm from) {
    encode_rr(x, P_66 | MAP_0F | 0x6d, to, from);
}

void x64_pclmulqdq(struct x64 *x, enum x64_xmm to, enum x64_xmm from, unsigned halves) {
    encode_rr(x, P_66 | MAP_0F3A | 0x44, to, from);
    put(x, halves, 1);
}

/* -- What the host has ------------------------------------------------------------------------- */

#if defined(__x86_64__)

/** Does the system keep SSE and AVX state when it switches threads? */
static bool keeps_avx(void) {
    enum { XCR0_SSE_AVX = 6 };
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & XCR0_SSE_AVX) == XCR0_SSE_AVX;
}

struct x64_features x64_features_read(void) {
    unsigned a, b, c, d;
    struct x64_features features = {.x64 = true};
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        features.pclmulqdq = (c & bit_PCLMUL) != 0;
        features.sse41 = (c & bit_SSE4_1) != 0;
        features.popcnt = (c & bit_POPCNT) != 0;
        bool avx = (c & bit_OSXSAVE) != 0 && (c & bit_AVX) != 0 && keeps_avx();
        features.fma = avx && (c & bit_FMA) != 0;
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        features.bmi1 = (b & bit_BMI) != 0;
        features.bmi2 = (b & bit_BMI2) != 0;
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
        features.lzcnt = (c & bit_LZCNT) != 0;
    }
    return features;
}

#else

struct x64_features x64_features_read(void) {
    return (struct x64_features){0};
}

#endif
