/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jumps and branches: when they are taken, how far they reach, what they link; lui and auipc.
 *
 * Code is written into a far place: the instruction, and an ecall where it must lead. */
#include "isa.h"

#define PLACE 0x81000000ul /* in the middle of RAM, 16 MiB from its ends */

static void put16(uint64_t at, uint32_t bits) {
    *(volatile uint16_t *)at = (uint16_t)bits;
}

static void put32(uint64_t at, uint32_t bits) {
    put16(at, bits & 0xffff);
    put16(at + 2, bits >> 16);
}

enum { ECALL_BITS = 0x73 };

/* Runs `bits` at PLACE; it must lead to @p target. */
static struct run check_leads(uint32_t bits, uint64_t target, const uint64_t *arguments) {
    unsigned length = (bits & 3) == 3 ? 4 : 2;
    put32(PLACE + length, ECALL_BITS);
    put32(target, ECALL_BITS);
    if (length == 4) { /* last: a target may lie on it */
        put32(PLACE, bits);
    } else {
        put16(PLACE, bits);
    }
    __asm__ volatile("fence.i" ::: "memory");
    struct run run = run_code(M, PLACE, arguments);
    check(run.cause == ECALL + M && run.epc == target);
    return run;
}

static uint32_t field(int64_t value, unsigned high, unsigned low) {
    return (uint32_t)(value >> low) & ((1u << (high - low + 1)) - 1);
}

static uint32_t branch_bits(uint32_t funct3, int64_t to) {
    return field(to, 12, 12) << 31 | field(to, 10, 5) << 25 | 11 << 20 | 10 << 15 | funct3 << 12 |
           field(to, 4, 1) << 8 | field(to, 11, 11) << 7 | 0x63;
}

static uint32_t jal_bits(uint32_t rd, int64_t to) {
    return field(to, 20, 20) << 31 | field(to, 10, 1) << 21 | field(to, 11, 11) << 20 |
           field(to, 19, 12) << 12 | rd << 7 | 0x6f;
}

static uint32_t short_jump_bits(int64_t to) {
    return 0xa001 | field(to, 11, 11) << 12 | field(to, 4, 4) << 11 | field(to, 9, 8) << 9 |
           field(to, 10, 10) << 8 | field(to, 6, 6) << 7 | field(to, 7, 7) << 6 |
           field(to, 3, 1) << 3 | field(to, 5, 5) << 2;
}

/* c.beqz or c.bnez of a0 */
static uint32_t short_branch_bits(int nonzero, int64_t to) {
    return (nonzero ? 0xe001 : 0xc001) | field(to, 8, 8) << 12 | field(to, 4, 3) << 10 | 2 << 7 |
           field(to, 7, 6) << 5 | field(to, 2, 1) << 3 | field(to, 5, 5) << 2;
}

static int is_taken(uint32_t funct3, uint64_t a, uint64_t b) {
    int results[] = {a == b, a != b, 0, 0, (int64_t)a < (int64_t)b, (int64_t)a >= (int64_t)b,
                     a < b,  a >= b};
    return results[funct3];
}

static void conditions(void) {
    static const uint64_t values[] = {0,           1,         -1ul,       0x7fffffff,
                                      0x80000000,  1ul << 63, ~0ul >> 1,  -2ul,
                                      0xffffffff, 0x100000000};
    for (uint32_t funct3 = 0; funct3 < 8; funct3++) {
        for (unsigned i = 0; i < 100; i++) {
            uint64_t operands[8] = {values[i / 10], values[i % 10]};
            isa_item = funct3 << 8 | i;
            if (funct3 != 2 && funct3 != 3) {
                int taken = is_taken(funct3, operands[0], operands[1]);
                check_leads(branch_bits(funct3, 16), PLACE + (taken ? 16 : 4), operands);
            }
        }
    }
    for (unsigned i = 0; i < 10; i++) {
        uint64_t operands[8] = {values[i]};
        isa_item = i;
        check_leads(short_branch_bits(0, 16), PLACE + (values[i] == 0 ? 16 : 2), operands);
        check_leads(short_branch_bits(1, 16), PLACE + (values[i] != 0 ? 16 : 2), operands);
    }
    check(is_illegal(M, branch_bits(2, 16)) && is_illegal(M, branch_bits(3, 16)));
}

/* Every bit of an offset, both ways, and the ends of the range. */
static void reach(void) {
    uint64_t none[8] = {0, 0};
    for (unsigned bit = 2; bit <= 20; bit++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            int64_t to = sign * (1l << bit);
            int fits20 = bit < 20 || sign < 0, fits12 = bit < 12 || (bit == 12 && sign < 0);
            isa_item = (uint64_t)to & 0xffffff;
            if (fits20) {
                struct run run = check_leads(jal_bits(12, to), PLACE + (uint64_t)to, none);
                check(run.a[2] == PLACE + 4);
                check_leads(jal_bits(0, to), PLACE + (uint64_t)to, none);
            }
            if (fits12) {
                check_leads(branch_bits(0, to), PLACE + (uint64_t)to, none);
            }
            if (bit < 11 || (bit == 11 && sign < 0)) {
                check_leads(short_jump_bits(to), PLACE + (uint64_t)to, none);
            }
            if (bit < 8 || (bit == 8 && sign < 0)) {
                check_leads(short_branch_bits(0, to), PLACE + (uint64_t)to, none);
            }
        }
    }
    isa_item = 0;
    check_leads(jal_bits(12, 0xffffe), PLACE + 0xffffe, none);
    check_leads(branch_bits(0, 4094), PLACE + 4094, none);
    check_leads(branch_bits(0, -6), PLACE - 6, none);
    check_leads(short_jump_bits(2046), PLACE + 2046, none);
    check_leads(short_branch_bits(0, 254), PLACE + 254, none);
    check_leads(short_branch_bits(0, -6), PLACE - 6, none);
}

static uint32_t jalr_bits(uint32_t rd, int32_t imm) {
    return (uint32_t)imm << 20 | 10 << 15 | rd << 7 | 0x67;
}

static void indirect(void) {
    static const int32_t immediates[] = {-2048, -1, 0, 1, 6, 2047};
    for (unsigned i = 0; i < 6; i++) {
        uint64_t target = PLACE + 0x10002;
        uint64_t base = target - (uint64_t)(int64_t)immediates[i];
        isa_item = i;
        struct run run = check_leads(jalr_bits(12, immediates[i]), target, (uint64_t[8]){base});
        check(run.a[2] == PLACE + 4 && run.a[0] == base);
        run = check_leads(jalr_bits(10, immediates[i]), target, (uint64_t[8]){base});
        check(run.a[0] == PLACE + 4); /* the target is that of the old value */
        check_leads(jalr_bits(0, immediates[i]), target, (uint64_t[8]){base + 1}); /* bit 0 */
    }
    isa_item = 0;
    check_leads(0x8502, PLACE + 0x22, (uint64_t[8]){PLACE + 0x23}); /* c.jr a0 */
    /* c.jalr a0 writes ra, which the handler takes for itself: link by c.mv behind the jump. */
    put16(PLACE, 0x9502);
    put16(PLACE + 0x20, 0x8586); /* c.mv a1, ra */
    put32(PLACE + 0x22, ECALL_BITS);
    __asm__ volatile("fence.i" ::: "memory");
    struct run run = run_code(M, PLACE, (uint64_t[8]){PLACE + 0x20});
    check(run.cause == ECALL + M && run.a[1] == PLACE + 2);
    for (uint32_t funct3 = 1; funct3 < 8; funct3++) {
        check(is_illegal(M, jalr_bits(12, 0) | funct3 << 12));
    }
}

static void upper_immediates(void) {
    static const uint32_t values[] = {0, 1, 0x7ffff, 0x80000, 0xfffff, 0x12345};
    for (unsigned i = 0; i < 6; i++) {
        uint64_t value = (uint64_t)(int32_t)(values[i] << 12);
        isa_item = i;
        uint64_t none[8] = {0};
        check(check_leads(values[i] << 12 | 12 << 7 | 0x37, PLACE + 4, none).a[2] == value);
        check(check_leads(values[i] << 12 | 12 << 7 | 0x17, PLACE + 4, none).a[2] == PLACE + value);
    }
    isa_item = 0;
}

void isa_main(uint64_t hart) {
    (void)hart;
    conditions();
    reach();
    indirect();
    upper_immediates();
}
