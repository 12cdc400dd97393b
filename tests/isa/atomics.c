/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The A extension: every AMO against C, and the rules of LR and SC with their 64-byte reservation
 * (docs/time.md, law 10: only an SC, or a write there by someone else, ends it).
 *
 * peer:   no, compares values where we keep reservations */
#include "isa.h"

enum { LR = 2, SC = 3, SWAP = 1, ADD = 0, XOR = 4, AND = 12, OR = 8, MIN = 16, MAX = 20 };
enum { MINU = 24, MAXU = 28, WORD = 2, DOUBLE = 3 };

static uint64_t cell[32] __attribute__((aligned(64)));

static uint32_t amo_bits(uint32_t funct5, uint32_t order, uint32_t width, uint32_t rs2,
                         uint32_t rd) {
    return funct5 << 27 | order << 25 | rs2 << 20 | 10 << 15 | width << 12 | rd << 7 | 0x2f;
}

static uint64_t result_of(uint32_t funct5, uint64_t a, uint64_t b, uint32_t width) {
    if (width == WORD) { /* compared as words */
        a = (uint64_t)(int32_t)a;
        b = (uint64_t)(int32_t)b;
    }
    switch (funct5) {
    case SWAP:
        return b;
    case ADD:
        return a + b;
    case XOR:
        return a ^ b;
    case AND:
        return a & b;
    case OR:
        return a | b;
    case MIN:
        return (int64_t)a < (int64_t)b ? a : b;
    case MAX:
        return (int64_t)a > (int64_t)b ? a : b;
    case MINU:
        return a < b ? a : b;
    default:
        return a > b ? a : b;
    }
}

static void check_amo(uint32_t funct5, uint32_t width, uint64_t a, uint64_t b) {
    for (unsigned half = 0; half < (width == WORD ? 2 : 1); half++) {
        unsigned shift = 32 * half;
        uint64_t mask = width == WORD ? 0xfffffffful << shift : -1ul;
        uint64_t old = width == WORD ? (uint64_t)(int32_t)(a >> shift) : a;
        uint64_t wanted = (a & ~mask) | (result_of(funct5, old, b, width) << shift & mask);
        uint64_t arguments[8] = {(uint64_t)cell + 8 + 4 * half, b, 0x77};
        cell[0] = cell[2] = 0x5555;
        cell[1] = a;
        uint32_t order = (uint32_t)(a ^ b) & 3; /* aq and rl change nothing here */
        struct run run = run_bits(M, amo_bits(funct5, order, width, 11, 12), arguments);
        check(run.cause == ECALL + M && run.a[2] == old && run.a[1] == b);
        check(cell[1] == wanted && cell[0] == 0x5555 && cell[2] == 0x5555);
    }
}

static void amos(void) {
    static const uint8_t functions[] = {SWAP, ADD, XOR, AND, OR, MIN, MAX, MINU, MAXU};
    static const uint64_t values[] = {0,          1,           0x7fffffff,         0x80000000,
                                      0xffffffff, 0x100000000, 0x7fffffffffffffff, 1ul << 63,
                                      -1ul,       -2ul,        0x89abcdef01234567, 3ul << 30};
    for (unsigned i = 0; i < sizeof functions; i++) {
        for (unsigned j = 0; j < 144; j++) {
            isa_item = i << 8 | j;
            check_amo(functions[i], WORD, values[j / 12], values[j % 12]);
            check_amo(functions[i], DOUBLE, values[j / 12], values[j % 12]);
        }
    }
    isa_item = 0;
}

/* rd may be the address, the operand or x0. */
static void registers(void) {
    uint64_t at = (uint64_t)cell;
    cell[0] = 5;
    struct run run = run_bits(M, amo_bits(ADD, 0, DOUBLE, 11, 10), (uint64_t[8]){at, 7});
    check(run.a[0] == 5 && cell[0] == 12);
    run = run_bits(M, amo_bits(SWAP, 0, DOUBLE, 11, 11), (uint64_t[8]){at, 9});
    check(run.a[1] == 12 && run.a[0] == at && cell[0] == 9);
    run = run_bits(M, amo_bits(OR, 0, WORD, 11, 0), (uint64_t[8]){at, 6});
    check(run.cause == ECALL + M && cell[0] == 15);
    run = run_bits(M, amo_bits(SWAP, 0, DOUBLE, 10, 12), (uint64_t[8]){at});
    check(run.a[2] == 15 && cell[0] == at);
    run = run_bits(M, amo_bits(ADD, 0, DOUBLE, 0, 12), (uint64_t[8]){at});
    check(run.a[2] == at && cell[0] == at);
}

/* a0: address of LR, a1: address of SC, a2: value; a3: loaded, a4: result. */
STUB(pair_word, "lr.w a3, (a0)\n sc.w a4, a2, (a1)");
STUB(pair_double, "lr.d a3, (a0)\n sc.d a4, a2, (a1)");
STUB(pair_mixed, "lr.w a3, (a0)\n sc.d a4, a2, (a1)");
STUB(pair_ordered, "lr.d.aq a3, (a0)\n sc.d.rl a4, a2, (a1)");
STUB(pair_stored, "lr.d a3, (a0)\n sd zero, 0(a0)\n amoadd.d zero, a2, (a0)\n sc.d a4, a2, (a1)");
STUB(pair_twice, "lr.d a3, (a0)\n lr.d a3, (a1)\n sc.d a4, a2, (a0)");
STUB(again, "lr.d a3, (a0)\n sc.d a5, a2, (a0)\n sc.d a4, a2, (a1)");
STUB(load_reserved, "lr.d a3, (a0)");
STUB(store_conditional, "sc.d a4, a2, (a1)");
STUB(same_target, "lr.d a3, (a0)\n sc.d a2, a2, (a1)\n mv a4, a2");

#define check_pair(stub, from, to, fails)                                                          \
    do {                                                                                           \
        cell[(from) / 8] = 0xfedcba9876543210;                                                     \
        cell[(to) / 8] = 0xfedcba9876543210;                                                       \
        struct run result = run_stub(M, stub, (uint64_t)cell + (from), (uint64_t)cell + (to), 42); \
        check(ended(&result, M, (uint64_t)stub##_end) && result.a[4] == (fails));                  \
        check((fails) == 0 ? cell[(to) / 8] == 42 : cell[(to) / 8] == 0xfedcba9876543210);         \
    } while (0)

static void reservations(void) {
    uint64_t at = (uint64_t)cell;
    struct run run = run_stub(M, store_conditional, 0, at, 1); /* at reset there is none */
    check(run.a[4] == 1);
    check_pair(pair_double, 0, 0, 0);
    check_pair(pair_ordered, 8, 8, 0);
    check_pair(pair_double, 0, 56, 0); /* anywhere in the 64 bytes */
    check_pair(pair_double, 56, 0, 0);
    check_pair(pair_mixed, 16, 16, 0);
    check_pair(pair_double, 56, 64, 1);
    check_pair(pair_double, 64, 56, 1);
    check_pair(same_target, 0, 0, 0);
    run = run_stub(M, again, at, at, 42);
    check(run.a[5] == 0 && run.a[4] == 1); /* the first SC has ended it */
    cell[0] = 0x11111111ffffffff;
    run = run_stub(M, pair_word, at, at, 0x1234567800000042);
    check(run.a[3] == -1ul && run.a[4] == 0 && cell[0] == 0x1111111100000042);
    run = run_stub(M, pair_word, at + 4, at + 4, 7);
    check(run.a[3] == 0x11111111 && run.a[4] == 0 && cell[0] == 0x700000042);
    cell[0] = 5;
    run = run_stub(M, pair_stored, at, at, 42); /* the hart's own stores do not end it */
    check(run.a[3] == 5 && run.a[4] == 0 && cell[0] == 42);
    cell[0] = 5;
    run = run_stub(M, pair_twice, at, at + 64, 42); /* there is one reservation */
    check(run.a[4] == 1 && cell[0] == 5);
}

/* Traps do not end a reservation; an SC does, also one that fails. */
static void traps(void) {
    uint64_t at = (uint64_t)cell;
    for (unsigned i = 0; i < 2; i++) {
        isa_item = i;
        run_stub(i == 0 ? M : U, load_reserved, at);
        struct run run = run_stub(i == 0 ? U : S, store_conditional, 0, at, 42);
        check(run.a[4] == 0 && cell[0] == 42);
        run_stub(M, load_reserved, at);
        run = run_stub(M, store_conditional, 0, at + 128, 43);
        check(run.a[4] == 1);
        run = run_stub(M, store_conditional, 0, at, 43);
        check(run.a[4] == 1 && cell[0] == 42);
    }
    isa_item = 0;
}

static void misaligned(void) {
    static const uint8_t functions[] = {LR, SC, SWAP, ADD, XOR, AND, OR, MIN, MAX, MINU, MAXU};
    for (unsigned i = 0; i < sizeof functions; i++) {
        for (uint64_t offset = 1; offset < 8; offset++) {
            isa_item = i << 4 | offset;
            uint64_t at = (uint64_t)cell + offset;
            uint64_t cause = functions[i] == LR ? LOAD_MISALIGNED : STORE_MISALIGNED;
            uint32_t rs2 = functions[i] == LR ? 0 : 11;
            struct run run =
                run_bits(M, amo_bits(functions[i], 0, DOUBLE, rs2, 12), (uint64_t[8]){at});
            check(trapped(&run, cause, (uint64_t)scratch_code, at));
            run = run_bits(M, amo_bits(functions[i], 0, WORD, rs2, 12), (uint64_t[8]){at});
            check(offset == 4 ? run.cause == ECALL + M
                              : trapped(&run, cause, (uint64_t)scratch_code, at));
        }
    }
    isa_item = 0;
}

/* Everything in the opcode that is not an instruction of A: Zabha's widths, Zacas, what is free. */
static void reserved(void) {
    for (uint32_t funct5 = 0; funct5 < 32; funct5++) {
        for (uint32_t width = 0; width < 8; width++) {
            int exists = (funct5 % 4 == 0 || funct5 <= 3) && (width == WORD || width == DOUBLE);
            isa_item = funct5 << 4 | width;
            if (!exists) {
                check(is_illegal(M, amo_bits(funct5, 0, width, 11, 12)));
            }
        }
    }
    check(is_illegal(M, amo_bits(LR, 0, WORD, 1, 12)));
    check(is_illegal(M, amo_bits(LR, 3, DOUBLE, 31, 12)));
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    reservations();
    amos();
    registers();
    traps();
    misaligned();
    reserved();
}
