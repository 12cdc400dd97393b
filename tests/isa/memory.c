/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads and stores of every width and form at every offset, also misaligned and across pages, in
 * which bytes count: what is loaded is put together here byte by byte. */
#include "isa.h"

static uint8_t arena[3 * 4096] __attribute__((aligned(4096)));
static uint8_t copy[sizeof arena];

static void fill(void) {
    uint64_t seed = 7;
    for (unsigned i = 0; i < sizeof arena; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        arena[i] = copy[i] = (uint8_t)(seed >> 56);
    }
}

static uint64_t bytes_at(uint64_t offset, unsigned size_bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes; i++) {
        value |= (uint64_t)copy[offset + i] << (8 * i);
    }
    return value;
}

static uint64_t extended(uint64_t value, unsigned size_bytes, int is_signed) {
    unsigned shift = 64 - 8 * size_bytes;
    return is_signed ? (uint64_t)((int64_t)(value << shift) >> shift) : value;
}

/* Only the bytes of the access may have changed. */
static void check_arena(uint64_t offset) {
    uint64_t from = offset < 64 ? 0 : offset - 64;
    for (uint64_t i = from; i < from + 192; i++) {
        check(arena[i] == copy[i]);
    }
}

static uint32_t load_bits(uint32_t funct3, uint32_t opcode, int32_t imm) {
    return (uint32_t)imm << 20 | 10 << 15 | funct3 << 12 | 12 << 7 | opcode;
}

static uint32_t store_bits(uint32_t funct3, uint32_t opcode, int32_t imm) {
    uint32_t bits = (uint32_t)imm & 0xfff;
    return (bits >> 5) << 25 | 12 << 20 | 10 << 15 | funct3 << 12 | (bits & 31) << 7 | opcode;
}

static const int32_t immediates[] = {-2048, -5, 0, 3, 2047};

static void check_load(uint64_t offset, uint32_t funct3, int32_t imm) {
    unsigned size_bytes = 1u << (funct3 & 3);
    uint64_t base = (uint64_t)arena + offset - (uint64_t)(int64_t)imm;
    struct run run = run_bits(M, load_bits(funct3, 0x03, imm), (uint64_t[8]){base, 0, 0x99});
    check(run.cause == ECALL + M && run.a[0] == base);
    check(run.a[2] == extended(bytes_at(offset, size_bytes), size_bytes, funct3 < 4));
}

static void check_store(uint64_t offset, uint32_t funct3, int32_t imm) {
    unsigned size_bytes = 1u << funct3;
    uint64_t base = (uint64_t)arena + offset - (uint64_t)(int64_t)imm;
    uint64_t value = 0x0123456789abcdef * (offset * 8 + funct3 + 1);
    struct run run = run_bits(M, store_bits(funct3, 0x23, imm), (uint64_t[8]){base, 0, value});
    check(run.cause == ECALL + M);
    for (unsigned i = 0; i < size_bytes; i++) {
        copy[offset + i] = (uint8_t)(value >> (8 * i));
    }
    check_arena(offset);
}

/* A float in memory is as wide as it is; in a register it is boxed. */
STUB(float_load_h, ".option arch, +zfh\n flh fa0, 0(a0)\n fmv.x.d a0, fa0");
STUB(float_load_s, "flw fa0, 0(a0)\n fmv.x.d a0, fa0");
STUB(float_load_d, "fld fa0, 0(a0)\n fmv.x.d a0, fa0");
STUB(float_store_h, ".option arch, +zfh\n fmv.d.x fa0, a1\n fsh fa0, 0(a0)");
STUB(float_store_s, "fmv.d.x fa0, a1\n fsw fa0, 0(a0)");
STUB(float_store_d, "fmv.d.x fa0, a1\n fsd fa0, 0(a0)");

static void check_floats(uint64_t offset) {
    uint64_t at = (uint64_t)arena + offset;
    check_value(M, float_load_h, bytes_at(offset, 2) | -1ul << 16, at);
    check_value(M, float_load_s, bytes_at(offset, 4) | -1ul << 32, at);
    check_value(M, float_load_d, bytes_at(offset, 8), at);
    uint64_t value = 0xfedcba9876543210 + offset; /* not boxed: bits go out as they are */
    check_runs(M, float_store_h, at, value);
    check(*(volatile uint16_t *)at == (uint16_t)value);
    check_runs(M, float_store_s, at, value);
    check(*(volatile uint32_t *)at == (uint32_t)value);
    check_runs(M, float_store_d, at, value);
    for (unsigned i = 0; i < 8; i++) {
        copy[offset + i] = (uint8_t)(value >> (8 * i));
    }
    check_arena(offset);
}

static void check_offset(uint64_t offset) {
    isa_item = offset;
    for (unsigned i = 0; i < sizeof immediates / sizeof immediates[0]; i++) {
        for (uint32_t funct3 = 0; funct3 < 7; funct3++) {
            check_load(offset, funct3, immediates[i]);
        }
        for (uint32_t funct3 = 0; funct3 < 4; funct3++) {
            check_store(offset, funct3, immediates[i]);
        }
    }
    check_floats(offset);
}

/* -- 16-bit forms: a0 is the address, a1 and a2 the values; sp is put back --------------------- */

STUB(short_loads, ".option rvc\n c.lw a1, 4(a0)\n c.lw a2, 124(a0)\n c.ld a3, 8(a0)\n"
                  "c.ld a4, 248(a0)\n c.nop\n c.nop\n .option norvc");
STUB(short_stores, ".option rvc\n c.sw a1, 4(a0)\n c.sw a1, 124(a0)\n c.sd a1, 8(a0)\n"
                   "c.sd a1, 248(a0)\n .option norvc");
STUB(stack_loads, "mv t0, sp\n mv sp, a0\n .option rvc\n c.lwsp a1, 4(sp)\n c.lwsp a2, 252(sp)\n"
                  "c.ldsp a3, 8(sp)\n c.ldsp a4, 504(sp)\n .option norvc\n mv sp, t0");
STUB(stack_stores, "mv t0, sp\n mv sp, a0\n .option rvc\n c.swsp a1, 4(sp)\n c.swsp a1, 252(sp)\n"
                   "c.sdsp a1, 8(sp)\n c.sdsp a1, 504(sp)\n .option norvc\n mv sp, t0");
STUB(short_floats, "mv t0, sp\n mv sp, a0\n .option rvc\n c.fld fa1, 8(a0)\n c.fsd fa1, 248(a0)\n"
                   "c.fldsp fa2, 16(sp)\n c.fsdsp fa2, 504(sp)\n .option norvc\n mv sp, t0");
STUB(stack_adds, "mv t0, sp\n mv sp, a0\n .option rvc\n c.addi4spn a1, sp, 4\n"
                 "c.addi4spn a2, sp, 1020\n c.addi16sp sp, -512\n mv a3, sp\n"
                 "c.addi16sp sp, 496\n mv a4, sp\n .option norvc\n mv sp, t0");
/* Zcb: c.lbu a1, 3(a0); c.lhu a2, 2(a0); c.lh a3, 2(a0); c.lbu a4, 0(a0) */
STUB(byte_loads, ".2byte 0x816c, 0x8530, 0x8574, 0x8118");
/* c.sb a1, 3(a0); c.sb a1, 1(a0); c.sh a2, 2(a0) -- the last one over the first */
STUB(byte_stores, ".2byte 0x896c, 0x894c, 0x8d30, 0x0001");

static void short_forms(void) {
    uint64_t at = (uint64_t)arena + 1024;
    struct run run = run_stub(M, short_loads, at);
    check(run.a[1] == extended(bytes_at(1028, 4), 4, 1));
    check(run.a[2] == extended(bytes_at(1024 + 124, 4), 4, 1));
    check(run.a[3] == bytes_at(1032, 8) && run.a[4] == bytes_at(1024 + 248, 8));
    run = run_stub(M, stack_loads, at);
    check(run.a[1] == extended(bytes_at(1028, 4), 4, 1));
    check(run.a[2] == extended(bytes_at(1024 + 252, 4), 4, 1));
    check(run.a[3] == bytes_at(1032, 8) && run.a[4] == bytes_at(1024 + 504, 8));
    run = run_stub(M, byte_loads, at);
    check(run.a[1] == bytes_at(1027, 1) && run.a[2] == bytes_at(1026, 2));
    check(run.a[3] == extended(bytes_at(1026, 2), 2, 1) && run.a[4] == bytes_at(1024, 1));
    volatile uint64_t *cell = (volatile uint64_t *)at;
    check_runs(M, short_floats, at);
    check(cell[248 / 8] == bytes_at(1032, 8) && cell[504 / 8] == bytes_at(1040, 8));
    run = run_stub(M, stack_adds, at);
    check(run.a[1] == at + 4 && run.a[2] == at + 1020);
    check(run.a[3] == at - 512 && run.a[4] == at - 16);
    cell[0] = cell[15] = 0;
    check_runs(M, short_stores, at, 0x1122334455667788);
    check(cell[0] == 0x5566778800000000 && cell[15] == 0x5566778800000000);
    check(cell[1] == 0x1122334455667788 && cell[31] == 0x1122334455667788);
    cell[0] = cell[31] = 0;
    check_runs(M, stack_stores, at, 0xaabbccdd11223344);
    check(cell[0] == 0x1122334400000000 && cell[31] == 0x1122334400000000);
    check(cell[1] == 0xaabbccdd11223344 && cell[63] == 0xaabbccdd11223344);
    cell[0] = 0;
    check_runs(M, byte_stores, at, 0x42, 0xbeef);
    check(cell[0] == 0xbeef4200);
}

STUB(load_to_zero, "ld zero, 0(a0)\n mv a0, zero");
STUB(load_over_base, "ld a0, 0(a0)");

void isa_main(uint64_t hart) {
    (void)hart;
    set_csr(mstatus, FS);
    fill();
    for (uint64_t offset = 64; offset < 80; offset++) {
        check_offset(offset);
    }
    for (uint64_t offset = 4096 - 8; offset <= 4096; offset++) { /* over the end of a page */
        check_offset(offset);
    }
    isa_item = 0;
    short_forms();
    check_value(M, load_to_zero, 0, (uint64_t)arena);
    check_trap(M, load_to_zero, 0, LOAD_ACCESS, 0x20000, 0x20000);
    check_value(M, load_over_base, bytes_at(64, 8), (uint64_t)arena + 64);
    check_trap(M, load_over_base, 0, LOAD_ACCESS, 0x20000, 0x20000); /* rd keeps its value */
}
