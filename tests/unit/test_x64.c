/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The encoder against the system's assembler, byte for byte, over registers, widths, operands and
 * constants; then what the assembler can't judge by running it: labels, patches, a full buffer.
 *
 * Beside each instruction that is encoded stands the text that it has to equal. All texts of a test
 * are assembled at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "jit/x64.h"

enum { REGS = 16, CODE_BYTES = 1 << 20, INSNS_MAX = 1 << 16, PLACE_BYTES = 64 };

static const unsigned sizes[] = {1, 2, 4, 8};

/** Everything that displacements and constants distinguish. */
static const int32_t spread[] = {0,     1,     -1,     127,    -128,  128,       -129,
                                 32767, 65535, -32768, -65536, 65536, 305419896, INT32_MIN};

/** Operands in memory with each special case; the spread proper is in test_operands. */
static const struct x64_mem places[] = {
    {RAX, X64_NONE, 1, 0},    {RSP, X64_NONE, 1, 0},
    {RBP, X64_NONE, 1, 0},    {R12, X64_NONE, 1, 0},
    {R13, X64_NONE, 1, 0},    {RSP, X64_NONE, 1, 8},
    {R12, X64_NONE, 1, -128}, {RBX, X64_NONE, 1, 128},
    {R13, X64_NONE, 1, -129}, {RBP, RAX, 1, 0},
    {R15, R14, 8, 16},        {X64_NONE, R9, 4, 100},
    {RDI, RBP, 2, 305419896}, {X64_NONE, X64_NONE, 1, 4096},
};

/* -- Texts and the comparison ------------------------------------------------------------------ */

struct fixture {
    struct x64 x;
    uint8_t *code;
    FILE *text; /* what the assembler gets */
    char *text_bytes;
    size_t text_size;
    unsigned count;           /* instructions */
    uint32_t ends[INSNS_MAX]; /* byte in code behind each */
    uint32_t texts[INSNS_MAX];
};

static int fixture_new(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->code = malloc(CODE_BYTES);
    assert_non_null(fixture->code);
    fixture->x = x64_into(fixture->code, CODE_BYTES);
    fixture->text = open_memstream(&fixture->text_bytes, &fixture->text_size);
    fputs(".intel_syntax noprefix\nstart:\n", fixture->text);
    *state = fixture;
    return 0;
}

static int fixture_free(void **state) {
    struct fixture *fixture = *state;
    free(fixture->code);
    free(fixture->text_bytes);
    free(fixture);
    return 0;
}

/** The instruction that was encoded last is this one. */
__attribute__((format(printf, 2, 3))) static void same(struct fixture *fixture, const char *format,
                                                       ...) {
    va_list arguments;
    assert_true(fixture->count < INSNS_MAX);
    assert_false(fixture->x.full);
    fixture->texts[fixture->count] = (uint32_t)ftell(fixture->text);
    fixture->ends[fixture->count++] = (uint32_t)(fixture->x.at - fixture->x.start);
    va_start(arguments, format);
    vfprintf(fixture->text, format, arguments);
    va_end(arguments);
    fputc('\n', fixture->text);
}

static size_t file_read(const char *path, uint8_t *bytes, size_t size_bytes) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(bytes, 1, size_bytes, file);
    assert_int_equal(fclose(file), 0);
    return length;
}

/** Runs the texts through the assembler. @return number of bytes. */
static size_t assemble(const struct fixture *fixture, uint8_t *bytes) {
    char folder[] = "/tmp/test_x64.XXXXXX", command[256], path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/texts.s", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(fixture->text_bytes, 1, fixture->text_size, file), fixture->text_size);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command,
             "cd %s && as -W -o texts.o texts.s && objcopy -O binary -j .text texts.o texts.bin",
             folder);
    int status = system(command);
    size_t length = 0;
    if (status == 0) {
        snprintf(path, sizeof path, "%s/texts.bin", folder);
        length = file_read(path, bytes, CODE_BYTES);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(status, 0);
    return length;
}

static void print_bytes(const char *whose, const uint8_t *bytes, size_t count) {
    print_error("%s:", whose);
    for (size_t n = 0; n < count; n++) {
        print_error(" %02x", bytes[n]);
    }
    print_error("\n");
}

static void check_same(struct fixture *fixture) {
    fclose(fixture->text);
    assert_false(fixture->x.full);
    uint8_t *bytes = calloc(CODE_BYTES, 1);
    assert_non_null(bytes);
    size_t length = assemble(fixture, bytes);
    for (unsigned n = 0, from = 0; n < fixture->count; from = fixture->ends[n++]) {
        unsigned count = fixture->ends[n] - from;
        if (memcmp(fixture->code + from, bytes + from, count) != 0) {
            const char *text = fixture->text_bytes + fixture->texts[n];
            print_error("instruction %u: %.*s\n", n, (int)strcspn(text, "\n"), text);
            print_bytes("encoder  ", fixture->code + from, count);
            print_bytes("assembler", bytes + from, 16);
            fail();
        }
    }
    assert_int_equal(length, fixture->x.at - fixture->x.start);
    free(bytes);
}

/* -- Operands as text -------------------------------------------------------------------------- */

static const char *r(unsigned size, unsigned reg) {
    static const char *const names[][REGS] = {
        {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
         "r13b", "r14b", "r15b"},
        {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w",
         "r13w", "r14w", "r15w"},
        {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d",
         "r12d", "r13d", "r14d", "r15d"},
        {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
         "r13", "r14", "r15"}};
    return names[__builtin_ctz(size)][reg];
}

struct text {
    char s[PLACE_BYTES];
};

/** @param size  0 = without the operand's width. */
static struct text m(unsigned size, struct x64_mem mem) {
    static const char *const widths[] = {
        [0] = "", [1] = "byte ptr ", [2] = "word ptr ", [4] = "dword ptr ", [8] = "qword ptr "};
    struct text text;
    char base[8] = "", index[16] = "";
    if (mem.base != X64_NONE) {
        snprintf(base, sizeof base, "%s", r(8, mem.base));
    }
    if (mem.index != X64_NONE) {
        snprintf(index, sizeof index, "+%s*%u", r(8, mem.index), mem.scale);
    }
    bool absolute = mem.base == X64_NONE && mem.index == X64_NONE;
    snprintf(text.s, sizeof text.s, "%s%s[%s%s%+" PRId32 "]", widths[size], absolute ? "ds:" : "",
             base, index, mem.disp);
    return text;
}

/** Does @p value stand for itself in @p size bytes? */
static bool fits(unsigned size, int32_t value) {
    return sign_extend((uint64_t)value, size >= 4 ? 31 : 8 * size - 1) == value;
}

static const char *const cond_names[] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                         "s", "ns", "p", "np", "l", "ge", "le", "g"};
static const char *const alu_names[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};

/* Loops over what each group needs. */
#define EACH_SIZE(from)                                                                            \
    for (unsigned at_ = (from), size; at_ < 4 && (size = sizes[at_], true); at_++)
#define EACH_REG(reg) for (enum x64_reg reg = RAX; reg <= R15; reg++)
#define EACH_XMM(xmm) for (enum x64_xmm xmm = XMM0; xmm <= XMM15; xmm++)
#define EACH_PLACE(place)                                                                          \
    for (const struct x64_mem *place = places; place < places + COUNT(places); place++)
#define EACH_VALUE(value)                                                                          \
    for (const int32_t *value = spread; value < spread + COUNT(spread); value++)

/* -- Groups ------------------------------------------------------------------------------------ */

/** All of base, index, scale and displacement. */
static void test_operands(void **state) {
    struct fixture *f = *state;
    for (enum x64_reg base = RAX; base <= X64_NONE; base++) {
        for (enum x64_reg index = RAX; index <= X64_NONE; index++) {
            for (unsigned scale = 1; scale <= 8 && index != RSP; scale *= 2) {
                int32_t disp = spread[(base * 5 + index * 3 + scale) % COUNT(spread)];
                struct x64_mem mem = x64_at_index(base, index, index == X64_NONE ? 1 : scale, disp);
                x64_lea(&f->x, 8, (base + index) & 15, mem);
                same(f, "lea %s, %s", r(8, (base + index) & 15), m(0, mem).s);
            }
        }
        EACH_VALUE(value) {
            struct x64_mem mem = x64_at(base, *value);
            x64_lea(&f->x, 4, R9, mem);
            same(f, "lea r9d, %s", m(0, mem).s);
            mem = x64_at_index(base, R13, 4, *value);
            x64_mov_rm(&f->x, 8, RBX, mem);
            same(f, "mov rbx, %s", m(0, mem).s);
        }
    }
    check_same(f);
}

static void test_mov_registers(void **state) {
    struct fixture *f = *state;
    EACH_REG(to) {
        EACH_REG(from) {
            for (unsigned size = 1; size <= 2; size++) {
                x64_mov_rr(&f->x, size, to, from);
                same(f, "movzx %s, %s", r(4, to), r(size, from));
                x64_movsx_rr(&f->x, size, to, from);
                same(f, "movsx %s, %s", r(8, to), r(size, from));
            }
            x64_mov_rr(&f->x, 4, to, from);
            same(f, "{load} mov %s, %s", r(4, to), r(4, from));
            x64_mov_rr(&f->x, 8, to, from);
            same(f, "{load} mov %s, %s", r(8, to), r(8, from));
            x64_movsx_rr(&f->x, 4, to, from);
            same(f, "movsxd %s, %s", r(8, to), r(4, from));
            for (enum x64_cond cond = X64_O; cond <= X64_G; cond++) {
                unsigned size = sizes[1 + cond % 3];
                x64_cmov(&f->x, cond, size, to, from);
                same(f, "cmov%s %s, %s", cond_names[cond], r(size, to), r(size, from));
            }
        }
        for (enum x64_cond cond = X64_O; cond <= X64_G; cond++) {
            x64_set(&f->x, cond, to);
            same(f, "set%s %s", cond_names[cond], r(1, to));
        }
        x64_push(&f->x, to);
        same(f, "push %s", r(8, to));
        x64_pop(&f->x, to);
        same(f, "pop %s", r(8, to));
    }
    check_same(f);
}

/** The shortest form that leaves flags alone, for each range of values. */
static void test_mov_constants(void **state) {
    static const uint64_t low[] = {0, 1, 0x7fffffff, 0x80000000, UINT32_MAX};
    static const int64_t negative[] = {-1, -129, INT32_MIN};
    static const uint64_t wide[] = {UINT64_C(1) << 32, UINT64_C(0x8000000000000000),
                                    UINT64_C(0xffffffff7fffffff), UINT64_C(0x123456789abcdef0)};
    struct fixture *f = *state;
    EACH_REG(to) {
        for (unsigned n = 0; n < COUNT(low); n++) {
            x64_mov_ri(&f->x, to, low[n]);
            same(f, "mov %s, %" PRIu64, r(4, to), low[n]);
        }
        for (unsigned n = 0; n < COUNT(negative); n++) {
            x64_mov_ri(&f->x, to, (uint64_t)negative[n]);
            same(f, "mov %s, %" PRId64, r(8, to), negative[n]);
        }
        for (unsigned n = 0; n < COUNT(wide); n++) {
            x64_mov_ri(&f->x, to, wide[n]);
            same(f, "movabs %s, %" PRIu64, r(8, to), wide[n]);
        }
    }
    check_same(f);
}

static void test_loads_stores(void **state) {
    static const char *const zero[] = {[1] = "movzx", [2] = "movzx", [4] = "mov", [8] = "mov"};
    static const char *const sign[] = {[1] = "movsx", [2] = "movsx", [4] = "movsxd"};
    struct fixture *f = *state;
    EACH_PLACE(place) {
        EACH_SIZE(0) {
            EACH_REG(reg) {
                x64_mov_rm(&f->x, size, reg, *place);
                same(f, "%s %s, %s", zero[size], r(size == 8 ? 8 : 4, reg), m(size, *place).s);
                x64_mov_mr(&f->x, size, *place, reg);
                same(f, "mov %s, %s", m(size, *place).s, r(size, reg));
                if (size < 8) {
                    x64_movsx_rm(&f->x, size, reg, *place);
                    same(f, "%s %s, %s", sign[size], r(8, reg), m(size, *place).s);
                }
            }
            EACH_VALUE(value) {
                x64_mov_mi(&f->x, size, *place, *value);
                same(f, "mov %s, %" PRId64, m(size, *place).s,
                     fits(size, *value) ? *value : *value & ((INT64_C(1) << 8 * size) - 1));
            }
        }
    }
    check_same(f);
}

static void test_alu(void **state) {
    struct fixture *f = *state;
    for (enum x64_alu op = X64_ADD; op <= X64_CMP; op++) {
        const char *name = alu_names[op];
        EACH_SIZE(0) {
            EACH_REG(to) {
                for (unsigned from = op % 3; from < REGS; from += 3) {
                    x64_alu_rr(&f->x, op, size, to, from);
                    same(f, "%s %s, %s", name, r(size, to), r(size, from));
                }
                EACH_VALUE(value) {
                    if (fits(size, *value)) {
                        x64_alu_ri(&f->x, op, size, to, *value);
                        same(f, "%s %s, %" PRId32, name, r(size, to), *value);
                    }
                }
                EACH_PLACE(place) {
                    x64_alu_rm(&f->x, op, size, to, *place);
                    same(f, "%s %s, %s", name, r(size, to), m(size, *place).s);
                    x64_alu_mr(&f->x, op, size, *place, to);
                    same(f, "%s %s, %s", name, m(size, *place).s, r(size, to));
                }
            }
        }
    }
    check_same(f);
}

static void test_alu_memory_constants(void **state) {
    struct fixture *f = *state;
    EACH_PLACE(place) {
        EACH_SIZE(0) {
            EACH_VALUE(value) {
                for (enum x64_alu op = X64_ADD; op <= X64_CMP && fits(size, *value); op++) {
                    x64_alu_mi(&f->x, op, size, *place, *value);
                    same(f, "%s %s, %" PRId32, alu_names[op], m(size, *place).s, *value);
                }
                if (fits(size, *value)) {
                    x64_test_mi(&f->x, size, *place, *value);
                    same(f, "test %s, %" PRId32, m(size, *place).s, *value);
                }
            }
        }
    }
    x64_alu_ri(&f->x, X64_AND, 1, RSI, 0xf0);
    same(f, "and sil, 0xf0");
    x64_lock(&f->x);
    x64_alu_mi(&f->x, X64_OR, 4, x64_at(RSP, 0), 0);
    same(f, "lock or dword ptr [rsp], 0");
    x64_lock(&f->x);
    x64_alu_mr(&f->x, X64_AND, 8, x64_at(R8, 4), R9);
    same(f, "lock and [r8+4], r9");
    check_same(f);
}

static void test_multiply_divide(void **state) {
    static const char *const names[] = {
        [X64_NOT] = "not",   [X64_NEG] = "neg", [X64_MUL] = "mul",
        [X64_IMUL] = "imul", [X64_DIV] = "div", [X64_IDIV] = "idiv"};
    struct fixture *f = *state;
    EACH_REG(to) {
        EACH_SIZE(0) {
            for (enum x64_unary op = X64_NOT; op <= X64_IDIV; op++) {
                x64_unary(&f->x, op, size, to);
                same(f, "%s %s", names[op], r(size, to));
            }
            EACH_VALUE(value) {
                if (fits(size, *value)) {
                    x64_test_ri(&f->x, size, to, *value);
                    same(f, "test %s, %" PRId32, r(size, to), *value);
                }
            }
            EACH_REG(from) {
                x64_test_rr(&f->x, size, to, from);
                same(f, "test %s, %s", r(size, to), r(size, from));
            }
        }
        EACH_SIZE(1) {
            EACH_REG(from) {
                x64_imul_rr(&f->x, size, to, from);
                same(f, "imul %s, %s", r(size, to), r(size, from));
            }
            EACH_VALUE(value) {
                if (fits(size, *value)) {
                    x64_imul_rri(&f->x, size, to, REGS - 1 - to, *value);
                    same(f, "imul %s, %s, %" PRId32, r(size, to), r(size, REGS - 1 - to), *value);
                }
            }
        }
    }
    x64_cqo(&f->x, 4);
    same(f, "cdq");
    x64_cqo(&f->x, 8);
    same(f, "cqo");
    check_same(f);
}

static void test_shifts(void **state) {
    static const enum x64_shift ops[] = {X64_ROL, X64_ROR, X64_SHL, X64_SHR, X64_SAR};
    static const char *const names[] = {"rol", "ror", "shl", "shr", "sar"};
    struct fixture *f = *state;
    EACH_REG(to) {
        EACH_SIZE(0) {
            for (unsigned n = 0; n < COUNT(ops); n++) {
                for (unsigned count = 0; count < 8 * size; count++) {
                    x64_shift_ri(&f->x, ops[n], size, to, count);
                    same(f, "%s %s, %u", names[n], r(size, to), count);
                }
                x64_shift_rc(&f->x, ops[n], size, to);
                same(f, "%s %s, cl", names[n], r(size, to));
            }
        }
        EACH_SIZE(2) {
            EACH_REG(from) {
                enum x64_reg third = (to * 5 + from * 3) % REGS;
                x64_shlx(&f->x, size, to, from, third);
                same(f, "shlx %s, %s, %s", r(size, to), r(size, from), r(size, third));
                x64_shrx(&f->x, size, to, from, third);
                same(f, "shrx %s, %s, %s", r(size, to), r(size, from), r(size, third));
                x64_sarx(&f->x, size, to, from, third);
                same(f, "sarx %s, %s, %s", r(size, to), r(size, from), r(size, third));
                x64_andn(&f->x, size, to, from, third);
                same(f, "andn %s, %s, %s", r(size, to), r(size, from), r(size, third));
                x64_rorx(&f->x, size, to, from, third + 1);
                same(f, "rorx %s, %s, %u", r(size, to), r(size, from), third + 1);
            }
        }
    }
    check_same(f);
}

static void test_bits(void **state) {
    static const char *const scans[] = {"bsf", "bsr", "tzcnt", "lzcnt", "popcnt"};
    static const char *const bits[] = {"bt", "bts", "btr", "btc"};
    struct fixture *f = *state;
    EACH_REG(to) {
        EACH_REG(from) {
            EACH_SIZE(2) {
                for (enum x64_scan op = X64_BSF; op <= X64_POPCNT; op++) {
                    x64_scan(&f->x, op, size, to, from);
                    same(f, "%s %s, %s", scans[op], r(size, to), r(size, from));
                }
            }
            EACH_SIZE(1) {
                for (enum x64_bit op = X64_BT; op <= X64_BTC; op++) {
                    const char *name = bits[op - X64_BT];
                    x64_bit_rr(&f->x, op, size, to, from);
                    same(f, "%s %s, %s", name, r(size, to), r(size, from));
                    x64_bit_ri(&f->x, op, size, to, from * size / 2);
                    same(f, "%s %s, %u", name, r(size, to), from * size / 2);
                }
            }
        }
        x64_bswap(&f->x, 4, to);
        same(f, "bswap %s", r(4, to));
        x64_bswap(&f->x, 8, to);
        same(f, "bswap %s", r(8, to));
    }
    check_same(f);
}

static void test_atomics(void **state) {
    struct fixture *f = *state;
    EACH_SIZE(0) {
        EACH_REG(reg) {
            /* RAX has a shorter form that the assembler takes. */
            for (enum x64_reg other = RCX; other <= R15 && reg != RAX; other++) {
                x64_xchg_rr(&f->x, size, reg, other);
                same(f, "xchg %s, %s", r(size, reg), r(size, other));
            }
            EACH_PLACE(place) {
                x64_xchg_mr(&f->x, size, *place, reg);
                same(f, "xchg %s, %s", m(size, *place).s, r(size, reg));
                x64_lock(&f->x);
                x64_xadd_mr(&f->x, size, *place, reg);
                same(f, "lock\nxadd %s, %s", m(size, *place).s, r(size, reg));
                x64_lock(&f->x);
                x64_cmpxchg_mr(&f->x, size, *place, reg);
                same(f, "lock\ncmpxchg %s, %s", m(size, *place).s, r(size, reg));
            }
        }
    }
    check_same(f);
}

/** Jumps elsewhere, back, near and far; the forward ones to a label with a chain. */
static void test_jumps(void **state) {
    struct fixture *f = *state;
    struct x64_label later = {0}, start = x64_label_at(f->x.start);
    EACH_REG(reg) {
        x64_jmp_r(&f->x, reg);
        same(f, "jmp %s", r(8, reg));
        x64_call_r(&f->x, reg);
        same(f, "call %s", r(8, reg));
        x64_lea_label(&f->x, reg, &later);
        same(f, "lea %s, [rip+later]", r(8, reg));
        x64_jmp(&f->x, &start);
        same(f, "jmp start");
        x64_jcc(&f->x, (enum x64_cond)reg, &start);
        same(f, "j%s start", cond_names[reg]);
        x64_jcc(&f->x, (enum x64_cond)reg, &later);
        same(f, "{disp32} j%s later", cond_names[reg]);
        x64_call(&f->x, &start);
        same(f, "call start");
        x64_call(&f->x, &later);
        same(f, "call later");
        x64_jmp(&f->x, &later);
        same(f, "{disp32} jmp later");
    }
    EACH_PLACE(place) {
        x64_jmp_m(&f->x, *place);
        same(f, "jmp %s", m(8, *place).s);
        x64_call_m(&f->x, *place);
        same(f, "call %s", m(8, *place).s);
    }
    x64_bind(&f->x, &later);
    fputs("later:\n", f->text);
    x64_ret(&f->x);
    same(f, "ret");
    x64_ud2(&f->x);
    same(f, "ud2");
    x64_lea_label(&f->x, R11, &later);
    same(f, "lea r11, [rip+later]");
    check_same(f);
}

/** The last distance of one byte and the first of four. */
static void test_jump_reach(void **state) {
    struct fixture *f = *state;
    for (unsigned fill_bytes = 124; fill_bytes <= 129; fill_bytes++) {
        for (unsigned conditional = 0; conditional < 2; conditional++) {
            struct x64_label back = {0};
            x64_bind(&f->x, &back);
            for (unsigned n = 0; n < fill_bytes; n++) {
                x64_ret(&f->x);
            }
            unsigned number = fill_bytes * 2 + conditional;
            same(f, "back%u: .fill %u, 1, 0xc3", number, fill_bytes);
            if (conditional != 0) {
                x64_jcc(&f->x, X64_LE, &back);
                same(f, "jle back%u", number);
            } else {
                x64_jmp(&f->x, &back);
                same(f, "jmp back%u", number);
            }
        }
    }
    check_same(f);
}

static void test_nops(void **state) {
    static const char *const texts[] = {"nop",
                                        "xchg ax, ax",
                                        "nop dword ptr [rax]",
                                        "{disp8} nop dword ptr [rax]",
                                        "{disp8} nop dword ptr [rax+rax]",
                                        "{disp8} nop word ptr [rax+rax]",
                                        "{disp32} nop dword ptr [rax]",
                                        "{disp32} nop dword ptr [rax+rax]"};
    struct fixture *f = *state;
    for (unsigned n = 0; n < COUNT(texts); n++) {
        x64_nop(&f->x, n + 1);
        assert_int_equal(f->x.at - f->x.start, (n + 1) * (n + 2) / 2);
        same(f, "%s", texts[n]);
    }
    uint8_t *before = f->x.at;
    x64_nop(&f->x, 0);
    assert_ptr_equal(f->x.at, before);
    x64_nop(&f->x, 19);
    same(f, "{disp32} nop dword ptr [rax+rax]\n{disp32} nop dword ptr [rax+rax]\n"
            "nop dword ptr [rax]");
    for (size_t bytes = 1; bytes <= 64; bytes *= 2) {
        x64_align(&f->x, bytes);
        assert_int_equal((uintptr_t)f->x.at % bytes, 0);
        before = f->x.at;
        x64_align(&f->x, bytes);
        assert_ptr_equal(f->x.at, before);
    }
    f->x.at = f->x.start + f->ends[f->count - 1];
    check_same(f);
}

static void test_float_moves(void **state) {
    struct fixture *f = *state;
    EACH_XMM(to) {
        EACH_XMM(from) {
            x64_movaps_xx(&f->x, to, from);
            same(f, "movaps xmm%u, xmm%u", to, from);
            x64_movs_xx(&f->x, 4, to, from);
            same(f, "movss xmm%u, xmm%u", to, from);
            x64_movs_xx(&f->x, 8, to, from);
            same(f, "movsd xmm%u, xmm%u", to, from);
            enum x64_reg reg = (enum x64_reg)from;
            x64_mov_xr(&f->x, 4, to, reg);
            same(f, "movd xmm%u, %s", to, r(4, reg));
            x64_mov_xr(&f->x, 8, to, reg);
            same(f, "movq xmm%u, %s", to, r(8, reg));
            x64_mov_rx(&f->x, 4, reg, to);
            same(f, "movd %s, xmm%u", r(4, reg), to);
            x64_mov_rx(&f->x, 8, reg, to);
            same(f, "movq %s, xmm%u", r(8, reg), to);
        }
        EACH_PLACE(place) {
            EACH_SIZE(2) {
                const char *name = size == 4 ? "movss" : "movsd";
                x64_movs_xm(&f->x, size, to, *place);
                same(f, "%s xmm%u, %s", name, to, m(size, *place).s);
                x64_movs_mx(&f->x, size, *place, to);
                same(f, "%s %s, xmm%u", name, m(size, *place).s, to);
            }
        }
    }
    EACH_PLACE(place) {
        x64_ldmxcsr(&f->x, *place);
        same(f, "ldmxcsr %s", m(4, *place).s);
        x64_stmxcsr(&f->x, *place);
        same(f, "stmxcsr %s", m(4, *place).s);
    }
    check_same(f);
}

static void test_float_arithmetic(void **state) {
    static const enum x64_fp ops[] = {X64_ADDS,  X64_SUBS, X64_MULS, X64_DIVS,
                                      X64_SQRTS, X64_MINS, X64_MAXS};
    static const char *const names[] = {"add", "sub", "mul", "div", "sqrt", "min", "max"};
    static const char *const logic[] = {"andps", "andnps", "orps", "xorps"};
    struct fixture *f = *state;
    EACH_XMM(to) {
        EACH_XMM(from) {
            for (unsigned n = 0; n < 2 * COUNT(ops); n++) {
                unsigned size = n % 2 == 0 ? 4 : 8;
                x64_fp_xx(&f->x, ops[n / 2], size, to, from);
                same(f, "%ss%c xmm%u, xmm%u", names[n / 2], size == 4 ? 's' : 'd', to, from);
            }
            for (unsigned n = 0; n < COUNT(logic); n++) {
                x64_logic_xx(&f->x, X64_ANDPS + n, to, from);
                same(f, "%s xmm%u, xmm%u", logic[n], to, from);
            }
        }
        EACH_PLACE(place) {
            for (unsigned n = 0; n < 2 * COUNT(ops); n++) {
                unsigned size = n % 2 == 0 ? 4 : 8;
                x64_fp_xm(&f->x, ops[n / 2], size, to, *place);
                same(f, "%ss%c xmm%u, %s", names[n / 2], size == 4 ? 's' : 'd', to,
                     m(size, *place).s);
            }
            for (unsigned n = 0; n < COUNT(logic); n++) {
                x64_logic_xm(&f->x, X64_ANDPS + n, to, *place);
                same(f, "%s xmm%u, %s", logic[n], to, m(0, *place).s);
            }
        }
    }
    check_same(f);
}

static void test_float_others(void **state) {
    struct fixture *f = *state;
    EACH_XMM(a) {
        EACH_XMM(b) {
            unsigned c = (a * 7 + b * 3) % REGS;
            EACH_SIZE(2) {
                char s = size == 4 ? 's' : 'd';
                x64_ucomis(&f->x, size, a, b);
                same(f, "ucomis%c xmm%u, xmm%u", s, a, b);
                x64_comis(&f->x, size, a, b);
                same(f, "comis%c xmm%u, xmm%u", s, a, b);
                x64_fmadd231(&f->x, size, a, b, c);
                same(f, "vfmadd231s%c xmm%u, xmm%u, xmm%u", s, a, b, c);
                x64_fmsub231(&f->x, size, a, b, c);
                same(f, "vfmsub231s%c xmm%u, xmm%u, xmm%u", s, a, b, c);
                x64_fnmadd231(&f->x, size, a, b, c);
                same(f, "vfnmadd231s%c xmm%u, xmm%u, xmm%u", s, a, b, c);
                x64_fnmsub231(&f->x, size, a, b, c);
                same(f, "vfnmsub231s%c xmm%u, xmm%u, xmm%u", s, a, b, c);
                x64_rounds(&f->x, size, a, b, c);
                same(f, "rounds%c xmm%u, xmm%u, %u", s, a, b, c);
                for (unsigned int_size = 4; int_size <= 8; int_size += 4) {
                    x64_cvtsi2s(&f->x, int_size, size, a, (enum x64_reg)b);
                    same(f, "cvtsi2s%c xmm%u, %s", s, a, r(int_size, b));
                    x64_cvts2si(&f->x, int_size, size, (enum x64_reg)a, b);
                    same(f, "cvts%c2si %s, xmm%u", s, r(int_size, a), b);
                    x64_cvtts2si(&f->x, int_size, size, (enum x64_reg)a, b);
                    same(f, "cvtts%c2si %s, xmm%u", s, r(int_size, a), b);
                }
            }
            x64_cvts2s(&f->x, 4, a, b);
            same(f, "cvtss2sd xmm%u, xmm%u", a, b);
            x64_cvts2s(&f->x, 8, a, b);
            same(f, "cvtsd2ss xmm%u, xmm%u", a, b);
            x64_mfence(&f->x);
            same(f, "mfence");
            x64_pcmpeqb(&f->x, a, b);
            same(f, "pcmpeqb xmm%u, xmm%u", a, b);
            x64_punpckhqdq(&f->x, a, b);
            same(f, "punpckhqdq xmm%u, xmm%u", a, b);
            x64_pclmulqdq(&f->x, a, b, c & 0x11);
            same(f, "pclmulqdq xmm%u, xmm%u, %u", a, b, c & 0x11);
        }
    }
    check_same(f);
}

int main(void) {
    struct utsname host;
    if (uname(&host) != 0 || strcmp(host.machine, "x86_64") != 0) {
        print_message("no x86-64 host: its assembler is not here\n");
        return 0;
    }
#define GROUP(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
    const struct CMUnitTest tests[] = {
        GROUP(test_operands),
        GROUP(test_mov_registers),
        GROUP(test_mov_constants),
        GROUP(test_loads_stores),
        GROUP(test_alu),
        GROUP(test_alu_memory_constants),
        GROUP(test_multiply_divide),
        GROUP(test_shifts),
        GROUP(test_bits),
        GROUP(test_atomics),
        GROUP(test_jumps),
        GROUP(test_jump_reach),
        GROUP(test_nops),
        GROUP(test_float_moves),
        GROUP(test_float_arithmetic),
        GROUP(test_float_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
