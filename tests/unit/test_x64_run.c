/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the encoder makes, run: labels, jumps redirected while they exist, arithmetic that follows
 * the contract; and buffers that are too small. Code is written and run through two views of the
 * same memory, as a translator does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "jit/x64.h"

enum { CODE_BYTES = 1 << 18 };

/** Arguments in RDI and RSI, result in RAX. */
typedef uint64_t code_fn(uint64_t a, uint64_t b);

struct fixture {
    struct x64 x;
    uint8_t *written, *run; /* the two views */
};

static int fixture_new(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    int file = memfd_create("code", 0);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, CODE_BYTES), 0);
    fixture->written = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    fixture->run = mmap(NULL, CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    assert_ptr_not_equal(fixture->written, MAP_FAILED);
    assert_ptr_not_equal(fixture->run, MAP_FAILED);
    assert_int_equal(close(file), 0);
    fixture->x = x64_into(fixture->written, CODE_BYTES);
    *state = fixture;
    return 0;
}

static int fixture_free(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(munmap(fixture->written, CODE_BYTES), 0);
    assert_int_equal(munmap(fixture->run, CODE_BYTES), 0);
    free(fixture);
    return 0;
}

/** Calls the code that was written at @p place. */
static uint64_t call(const struct fixture *fixture, const uint8_t *place, uint64_t a, uint64_t b) {
    assert_false(fixture->x.full);
    const uint8_t *address = fixture->run + (place - fixture->written);
    code_fn *code;
    memcpy(&code, &address, sizeof code);
    return code(a, b);
}

/* -- Labels and jumps -------------------------------------------------------------------------- */

/** Sum of 1 to n: one label behind, one ahead. */
static void test_loop(void **state) {
    struct fixture *f = *state;
    struct x64_label loop = {0}, done = {0};
    x64_mov_ri(&f->x, RAX, 0);
    x64_bind(&f->x, &loop);
    x64_test_rr(&f->x, 8, RDI, RDI);
    x64_jcc(&f->x, X64_E, &done);
    x64_alu_rr(&f->x, X64_ADD, 8, RAX, RDI);
    x64_alu_ri(&f->x, X64_SUB, 8, RDI, 1);
    x64_jmp(&f->x, &loop);
    x64_bind(&f->x, &done);
    x64_ret(&f->x);
    assert_int_equal(call(f, f->written, 0, 0), 0);
    assert_int_equal(call(f, f->written, 1000, 0), 500500);
}

/** Jumps near and far to one label ahead; which of them is taken changes nothing. */
static void test_chain(void **state) {
    enum { JUMPS = 20, FAR_BYTES = 70000 };
    struct fixture *f = *state;
    struct x64_label done = {0}, unused = {0};
    for (int n = 0; n < JUMPS; n++) {
        x64_mov_ri(&f->x, RAX, (uint64_t)n);
        x64_alu_ri(&f->x, X64_CMP, 8, RDI, n);
        x64_jcc(&f->x, X64_E, &done);
        x64_nop(&f->x, (size_t)n);
    }
    x64_bind(&f->x, &unused);
    x64_nop(&f->x, FAR_BYTES); /* more than 16 bits between fields, ... */
    x64_jmp(&f->x, &done);
    x64_nop(&f->x, FAR_BYTES); /* ... and to the label */
    x64_ud2(&f->x);
    x64_bind(&f->x, &done);
    x64_ret(&f->x);
    assert_null(done.last);
    for (uint64_t n = 0; n < JUMPS; n++) {
        assert_int_equal(call(f, f->written, n, 0), n);
    }
    assert_int_equal(call(f, f->written, JUMPS, 0), JUMPS - 1);
}

static void test_calls(void **state) {
    struct fixture *f = *state;
    struct x64_label main_code = {0}, ahead = {0}, here = {0};
    struct x64_label behind = x64_label_at(f->x.at);
    x64_alu_ri(&f->x, X64_ADD, 8, RDI, 1);
    x64_ret(&f->x);
    x64_align(&f->x, 16);
    x64_bind(&f->x, &main_code);
    x64_call(&f->x, &ahead);
    x64_call(&f->x, &behind);
    x64_lea_label(&f->x, RCX, &behind);
    x64_call_r(&f->x, RCX);
    x64_push(&f->x, RCX);
    x64_call_m(&f->x, x64_at(RSP, 0));
    x64_pop(&f->x, RDX);
    x64_lea_label(&f->x, RDX, &here);
    x64_jmp_r(&f->x, RDX);
    x64_ud2(&f->x);
    x64_bind(&f->x, &here);
    x64_lea(&f->x, 8, RAX, x64_at_index(RDI, RDI, 8, -7));
    x64_ret(&f->x);
    x64_bind(&f->x, &ahead);
    x64_alu_rr(&f->x, X64_ADD, 8, RDI, RSI);
    x64_ret(&f->x);
    assert_int_equal(call(f, main_code.at, 5, 100), (5 + 100 + 3) * 9 - 7);
}

/** A jump at each alignment goes to two places by turns. */
static void test_patch(void **state) {
    struct fixture *f = *state;
    uint8_t *fields[8], *entries[8];
    struct x64_label targets[2] = {{0}, {0}};
    for (unsigned n = 0; n < COUNT(fields); n++) {
        entries[n] = f->x.at;
        fields[n] = x64_jmp_patchable(&f->x, &targets[0]);
        assert_int_equal((uintptr_t)fields[n] % 4, 0);
        assert_true(fields[n] - entries[n] <= 4);
        assert_ptr_equal(fields[n] + 4, f->x.at);
        x64_nop(&f->x, n % 4);
    }
    for (unsigned n = 0; n < COUNT(targets); n++) {
        x64_bind(&f->x, &targets[n]);
        x64_mov_ri(&f->x, RAX, 100 + n);
        x64_ret(&f->x);
    }
    for (unsigned n = 0; n < COUNT(fields); n++) {
        assert_int_equal(call(f, entries[n], 0, 0), 100);
        x64_jmp_patch(fields[n], targets[1].at);
        assert_int_equal(call(f, entries[n], 0, 0), 101);
        x64_jmp_patch(fields[n], targets[0].at);
        assert_int_equal(call(f, entries[n], 0, 0), 100);
    }
    uint8_t *entry = f->x.at;
    uint8_t *field = x64_jmp_patchable(&f->x, &targets[1]);
    assert_int_equal(call(f, entry, 0, 0), 101);
    x64_jmp_patch(field, targets[0].at);
    assert_int_equal(call(f, entry, 0, 0), 100);
}

/* -- Values ------------------------------------------------------------------------------------ */

static void emit_shl(struct x64 *x) {
    x64_mov_rr(x, 8, RCX, RSI);
    x64_mov_rr(x, 8, RAX, RDI);
    x64_shift_rc(x, X64_SHL, 8, RAX);
}

static uint64_t want_shl(uint64_t a, uint64_t b) {
    return a << (b & 63);
}

static void emit_sar_w(struct x64 *x) {
    x64_sarx(x, 4, RAX, RDI, RSI);
    x64_movsx_rr(x, 4, RAX, RAX);
}

static uint64_t want_sar_w(uint64_t a, uint64_t b) {
    return (uint64_t)(int64_t)((int32_t)a >> (b & 31));
}

static void emit_rotate(struct x64 *x) {
    x64_rorx(x, 8, RAX, RDI, 13);
    x64_shift_ri(x, X64_ROL, 8, RAX, 1);
}

static uint64_t want_rotate(uint64_t a, uint64_t b) {
    (void)b;
    return a >> 12 | a << 52;
}

static void emit_andn(struct x64 *x) {
    x64_andn(x, 8, RAX, RSI, RDI);
}

static uint64_t want_andn(uint64_t a, uint64_t b) {
    return a & ~b;
}

static void emit_mul_high(struct x64 *x) {
    x64_mov_rr(x, 8, RAX, RDI);
    x64_unary(x, X64_MUL, 8, RSI);
    x64_mov_rr(x, 8, RAX, RDX);
}

static uint64_t want_mul_high(uint64_t a, uint64_t b) {
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

/** By b | 1, which makes neither zero nor overflow but for -1. */
static void emit_div(struct x64 *x) {
    x64_mov_rr(x, 8, RAX, RDI);
    x64_alu_ri(x, X64_OR, 4, RSI, 1);
    x64_cqo(x, 8);
    x64_unary(x, X64_IDIV, 8, RSI);
    x64_imul_rri(x, 8, RDX, RDX, 1000);
    x64_alu_rr(x, X64_XOR, 8, RAX, RDX);
}

static uint64_t want_div(uint64_t a, uint64_t b) {
    int64_t by = (int64_t)(uint32_t)(b | 1);
    return (uint64_t)((int64_t)a / by) ^ (uint64_t)((int64_t)a % by) * 1000;
}

/** A byte register that needs REX: SIL, not DH. */
static void emit_set(struct x64 *x) {
    x64_alu_rr(x, X64_CMP, 8, RDI, RSI);
    x64_set(x, X64_L, RSI);
    x64_set(x, X64_B, RDX);
    x64_mov_rr(x, 1, RAX, RSI);
    x64_mov_rr(x, 1, RDX, RDX);
    x64_lea(x, 4, RAX, x64_at_index(RAX, RDX, 2, 0));
}

static uint64_t want_set(uint64_t a, uint64_t b) {
    return ((int64_t)a < (int64_t)b) + 2U * (a < b);
}

static void emit_select(struct x64 *x) {
    x64_mov_rr(x, 8, RAX, RDI);
    x64_bit_ri(x, X64_BT, 8, RSI, 40);
    x64_cmov(x, X64_B, 8, RAX, RSI);
    x64_bswap(x, 8, RAX);
}

static uint64_t want_select(uint64_t a, uint64_t b) {
    return __builtin_bswap64((b >> 40 & 1) != 0 ? b : a);
}

static void emit_counts(struct x64 *x) {
    x64_scan(x, X64_LZCNT, 8, RAX, RDI);
    x64_scan(x, X64_TZCNT, 4, RCX, RSI);
    x64_scan(x, X64_POPCNT, 8, RDX, RDI);
    x64_lea(x, 8, RAX, x64_at_index(RAX, RCX, 8, 0));
    x64_lea(x, 8, RAX, x64_at_index(RDX, RAX, 8, 0));
}

static uint64_t want_counts(uint64_t a, uint64_t b) {
    unsigned leading = a != 0 ? (unsigned)__builtin_clzll(a) : 64;
    unsigned trailing = (uint32_t)b != 0 ? (unsigned)__builtin_ctz((uint32_t)b) : 32;
    return (leading + trailing * 8) * 8 + (unsigned)__builtin_popcountll(a);
}

/** xchg takes another form in the assembler where RAX is one of the two. */
static void emit_xchg(struct x64 *x) {
    x64_mov_rr(x, 8, RAX, RDI);
    x64_xchg_rr(x, 8, RAX, RSI);
    x64_xchg_rr(x, 4, RSI, RAX);
    x64_alu_rr(x, X64_SUB, 8, RAX, RSI);
}

static uint64_t want_xchg(uint64_t a, uint64_t b) {
    return (uint64_t)(uint32_t)a - (uint32_t)b;
}

/** Through memory, where old values come back. */
static void emit_atomics(struct x64 *x) {
    x64_push(x, RDI);
    x64_lock(x);
    x64_xadd_mr(x, 8, x64_at(RSP, 0), RSI); /* RSI = a, memory = a + b */
    x64_mov_rr(x, 8, RAX, RSI);
    x64_lock(x);
    x64_cmpxchg_mr(x, 8, x64_at(RSP, 0), RDI); /* RAX = a + b unless b = 0 */
    x64_xchg_mr(x, 2, x64_at(RSP, 0), RSI);    /* swaps the low 16 bits */
    x64_pop(x, RCX);
    x64_alu_rr(x, X64_ADD, 8, RAX, RCX);
    x64_alu_rr(x, X64_ADD, 8, RAX, RSI);
}

static uint64_t want_atomics(uint64_t a, uint64_t b) {
    uint64_t sum = a + b;
    return sum + ((sum & ~UINT64_C(0xffff)) | (a & 0xffff)) +
           ((a & ~UINT64_C(0xffff)) | (sum & 0xffff));
}

static void emit_memory(struct x64 *x) {
    x64_push(x, RDI);
    x64_mov_mr(x, 1, x64_at(RSP, 3), RSI);
    x64_mov_mi(x, 2, x64_at(RSP, 6), -2);
    x64_mov_rm(x, 2, RAX, x64_at(RSP, 2));
    x64_movsx_rm(x, 1, RCX, x64_at(RSP, 3));
    x64_alu_rm(x, X64_ADD, 8, RAX, x64_at(RSP, 0));
    x64_alu_rr(x, X64_ADD, 8, RAX, RCX);
    x64_pop(x, RDX);
}

static uint64_t want_memory(uint64_t a, uint64_t b) {
    uint64_t word = (a & UINT64_C(0x0000ffff00ffffff)) | UINT64_C(0xfffe) << 48 | (b & 0xff) << 24;
    return (word >> 16 & 0xffff) + word + (uint64_t)(int64_t)(int8_t)b;
}

static uint64_t as_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/** (double)a / (float)b, to a whole number towards zero. */
static void emit_convert(struct x64 *x) {
    x64_cvtsi2s(x, 8, 8, XMM9, RDI);
    x64_cvtsi2s(x, 8, 4, XMM1, RSI);
    x64_cvts2s(x, 4, XMM1, XMM1);
    x64_fp_xx(x, X64_DIVS, 8, XMM9, XMM1);
    x64_cvtts2si(x, 8, 8, RAX, XMM9);
}

static uint64_t want_convert(uint64_t a, uint64_t b) {
    double quotient = (double)(int64_t)a / (double)(float)(int64_t)b;
    bool fits = quotient >= -0x1p63 && quotient < 0x1p63;
    return fits ? (uint64_t)(int64_t)quotient : UINT64_C(1) << 63;
}

/** Whole part of the root of max(a - b, a), with NaN in the low byte. */
static void emit_float(struct x64 *x) {
    x64_cvtsi2s(x, 4, 8, XMM0, RDI);
    x64_cvtsi2s(x, 4, 8, XMM15, RSI);
    x64_movaps_xx(x, XMM2, XMM0);
    x64_fp_xx(x, X64_SUBS, 8, XMM2, XMM15);
    x64_fp_xx(x, X64_MAXS, 8, XMM2, XMM0);
    x64_fp_xx(x, X64_SQRTS, 8, XMM3, XMM2);
    x64_rounds(x, 8, XMM4, XMM3, 3);
    x64_ucomis(x, 8, XMM4, XMM4);
    x64_mov_rx(x, 8, RAX, XMM4);
    x64_set(x, X64_P, RAX);
}

static uint64_t want_float(uint64_t a, uint64_t b) {
    double x = (double)(int32_t)a, y = x - (double)(int32_t)b;
    double root = __builtin_trunc(__builtin_sqrt(y > x ? y : x));
    return (as_bits(root) & ~UINT64_C(0xff)) | (root != root);
}

/** a * b - a in one rounding. */
static void emit_fma(struct x64 *x) {
    x64_cvtsi2s(x, 4, 8, XMM0, RDI);
    x64_cvtsi2s(x, 8, 8, XMM1, RSI);
    x64_movaps_xx(x, XMM8, XMM0);
    x64_fmsub231(x, 8, XMM8, XMM0, XMM1);
    x64_mov_rx(x, 8, RAX, XMM8);
}

static uint64_t want_fma(uint64_t a, uint64_t b) {
    double x = (double)(int32_t)a, y = (double)(int64_t)b;
    return as_bits(fma(x, y, -x));
}

static void emit_clmul(struct x64 *x) {
    x64_mov_xr(x, 8, XMM5, RDI);
    x64_mov_xr(x, 8, XMM12, RSI);
    x64_pclmulqdq(x, XMM5, XMM12, 0);
    x64_mov_rx(x, 8, RAX, XMM5);
}

static uint64_t want_clmul(uint64_t a, uint64_t b) {
    uint64_t product = 0;
    for (unsigned n = 0; n < 64; n++) {
        product ^= (b >> n & 1) != 0 ? a << n : 0;
    }
    return product;
}

/** MXCSR rounding up and back. */
static void emit_rounding(struct x64 *x) {
    x64_push(x, RDI);
    x64_stmxcsr(x, x64_at(RSP, 0));
    x64_mov_rm(x, 4, RCX, x64_at(RSP, 0));
    x64_bit_ri(x, X64_BTS, 4, RCX, 14); /* rounding control = 10b: up */
    x64_mov_mr(x, 4, x64_at(RSP, 4), RCX);
    x64_ldmxcsr(x, x64_at(RSP, 4));
    x64_cvtsi2s(x, 8, 8, XMM0, RDI);
    x64_ldmxcsr(x, x64_at(RSP, 0));
    x64_mov_rx(x, 8, RAX, XMM0);
    x64_pop(x, RCX);
}

static uint64_t want_rounding(uint64_t a, uint64_t b) {
    (void)b;
    double nearest = (double)(int64_t)a;
    if ((__int128)nearest >= (int64_t)a) {
        return as_bits(nearest);
    }
    return as_bits(nearest) + (nearest > 0 ? 1 : UINT64_MAX);
}

static void test_values(void **state) {
    static const struct {
        const char *name;
        void (*emit)(struct x64 *);
        code_fn *want;
        size_t needs; /* offset of a feature, 0 = none */
    } cases[] = {
#define NEEDS(feature) (1 + offsetof(struct x64_features, feature))
        {"shl", emit_shl, want_shl, 0},
        {"sarx", emit_sar_w, want_sar_w, NEEDS(bmi2)},
        {"rotate", emit_rotate, want_rotate, NEEDS(bmi2)},
        {"andn", emit_andn, want_andn, NEEDS(bmi1)},
        {"mul", emit_mul_high, want_mul_high, 0},
        {"div", emit_div, want_div, 0},
        {"set", emit_set, want_set, 0},
        {"select", emit_select, want_select, 0},
        {"counts", emit_counts, want_counts, NEEDS(lzcnt)},
        {"xchg", emit_xchg, want_xchg, 0},
        {"atomics", emit_atomics, want_atomics, 0},
        {"memory", emit_memory, want_memory, 0},
        {"convert", emit_convert, want_convert, 0},
        {"float", emit_float, want_float, NEEDS(sse41)},
        {"fma", emit_fma, want_fma, NEEDS(fma)},
        {"clmul", emit_clmul, want_clmul, NEEDS(pclmulqdq)},
        {"rounding", emit_rounding, want_rounding, 0},
    };
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      63,
                                      64,
                                      1000,
                                      0x7fffffff,
                                      0x80000000,
                                      UINT32_MAX,
                                      UINT64_C(0x123456789abcdef0),
                                      INT64_MAX,
                                      UINT64_C(1) << 63,
                                      (UINT64_C(1) << 63) + 1,
                                      UINT64_MAX - 63,
                                      UINT64_MAX};
    struct fixture *f = *state;
    struct x64_features features = x64_features_read();
    for (unsigned n = 0; n < COUNT(cases); n++) {
        if (cases[n].needs != 0 && !((const bool *)&features)[cases[n].needs - 1]) {
            print_message("%s: not on this processor\n", cases[n].name);
            continue;
        }
        uint8_t *code = f->x.at;
        cases[n].emit(&f->x);
        x64_ret(&f->x);
        for (unsigned at = 0; at < COUNT(values) * COUNT(values); at++) {
            uint64_t a = values[at / COUNT(values)], b = values[at % COUNT(values)];
            uint64_t got = call(f, code, a, b), want = cases[n].want(a, b);
            if (got != want) {
                fail_msg("%s(%#lx, %#lx) = %#lx, not %#lx", cases[n].name, a, b, got, want);
            }
        }
    }
}

/* -- Room and features ------------------------------------------------------------------------- */

static void emit_everything(struct x64 *x) {
    struct x64_label ahead = {0}, behind = {0};
    x64_bind(x, &behind);
    x64_mov_ri(x, R10, UINT64_C(0x123456789abcdef0));
    x64_jcc(x, X64_A, &ahead);
    x64_alu_mi(x, X64_CMP, 8, x64_at_index(R12, R13, 8, 1000), 100000);
    x64_jmp_patchable(x, &ahead);
    x64_fmadd231(x, 8, XMM1, XMM2, XMM3);
    x64_align(x, 16);
    x64_lea_label(x, RAX, &ahead);
    x64_jmp(x, &behind);
    x64_bind(x, &ahead);
    x64_call(x, &behind);
    x64_ret(x);
}

/** Of each size from nothing to enough: nothing is written outside, and `full` tells the truth. */
static void test_full(void **state) {
    enum { GUARD = 64, ROOM = 256, SLACK = 7 };
    (void)state;
    _Alignas(16) uint8_t whole[ROOM], part[GUARD + ROOM + GUARD];
    struct x64 x = x64_into(whole, sizeof whole);
    emit_everything(&x);
    assert_false(x.full);
    size_t need_bytes = (size_t)(x.at - x.start);
    assert_true(need_bytes > 60 && need_bytes < ROOM - SLACK);
    for (size_t size = 0; size <= need_bytes + SLACK; size++) {
        memset(part, 0xa5, sizeof part);
        x = x64_into(part + GUARD, size);
        emit_everything(&x);
        assert_true(x.at <= x.end);
        assert_true(x.full || size >= need_bytes);
        assert_true(!x.full || size < need_bytes + SLACK);
        assert_true(x.full || memcmp(part + GUARD, whole, need_bytes) == 0);
        for (size_t n = 0; n < sizeof part; n++) {
            bool inside = n >= GUARD && n < GUARD + size;
            assert_true(inside || part[n] == 0xa5);
        }
    }
}

/** Against what the kernel found. */
static void test_features(void **state) {
    (void)state;
    FILE *file = fopen("/proc/cpuinfo", "r");
    assert_non_null(file);
    char line[8192];
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL) {
        found = strncmp(line, "flags", 5) == 0;
    }
    fclose(file);
    assert_true(found);
    line[strcspn(line, "\n")] = ' ';
    struct x64_features features = x64_features_read();
    assert_int_equal(features.sse41, strstr(line, " sse4_1 ") != NULL);
    assert_int_equal(features.popcnt, strstr(line, " popcnt ") != NULL);
    assert_int_equal(features.lzcnt, strstr(line, " abm ") != NULL);
    assert_int_equal(features.bmi1, strstr(line, " bmi1 ") != NULL);
    assert_int_equal(features.bmi2, strstr(line, " bmi2 ") != NULL);
    assert_int_equal(features.pclmulqdq, strstr(line, " pclmulqdq ") != NULL);
    assert_int_equal(features.fma, strstr(line, " fma ") != NULL);
}

static void test_conditions(void **state) {
    (void)state;
    assert_int_equal(x64_cond_not(X64_O), X64_NO);
    assert_int_equal(x64_cond_not(X64_A), X64_BE);
    assert_int_equal(x64_cond_not(X64_GE), X64_L);
    assert_int_equal(x64_cond_not(X64_LE), X64_G);
}

int main(void) {
    struct utsname host;
    if (uname(&host) != 0 || strcmp(host.machine, "x86_64") != 0) {
        print_message("no x86-64 host: nothing to run\n");
        return 0;
    }
#define RUNS(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
    const struct CMUnitTest tests[] = {
        RUNS(test_loop),
        RUNS(test_chain),
        RUNS(test_calls),
        RUNS(test_patch),
        RUNS(test_values),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
