/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the directed tests share.
 *
 * A test is a list of stubs (a few instructions each) and of what each must do in a mode.
 * isa_enter() runs a stub until it traps and tells how; a stub that does what it should ends in its
 * own ecall. The first check that does not hold ends the test; its line and item tell which. */
#ifndef ISA_H
#define ISA_H

#include <stdint.h>

enum mode { U = 0, S = 1, M = 3 };

enum {
    FETCH_MISALIGNED,
    FETCH_ACCESS,
    ILLEGAL,
    BREAKPOINT,
    LOAD_MISALIGNED,
    LOAD_ACCESS,
    STORE_MISALIGNED,
    STORE_ACCESS,
    ECALL, /* from U; + mode for the others */
    FETCH_PAGE = 12,
    LOAD_PAGE,
    STORE_PAGE = 15
};
#define INTERRUPT (1ul << 63)

enum { SSI = 1, MSI = 3, STI = 5, MTI = 7, SEI = 9, MEI = 11 };

#define SIE_BIT (1ul << 1)
#define MIE_BIT (1ul << 3)
#define SPIE (1ul << 5)
#define MPIE (1ul << 7)
#define SPP (1ul << 8)
#define MPP (3ul << 11)
#define MPP_S (1ul << 11)
#define FS (3ul << 13)
#define MPRV (1ul << 17)
#define SUM (1ul << 18)
#define MXR (1ul << 19)
#define TVM (1ul << 20)
#define TW (1ul << 21)
#define TSR (1ul << 22)

/* menvcfg, and the low ones also senvcfg. GNU as 2.40 knows both by name. */
#define CBIE_FLUSH (1ul << 4)
#define CBIE_INVAL (3ul << 4)
#define CBCFE (1ul << 6)
#define CBZE (1ul << 7)
#define ADUE (1ul << 61)
#define PBMTE (1ul << 62)
#define STCE (1ul << 63)

/** Registers a0 to a7 before and after, and the trap that ended it. ORDER: start.S. */
struct run {
    uint64_t a[8];
    uint64_t cause, epc, tval, status;
    uint64_t level; /* whose handler: M or S */
    uint64_t entry; /* of the vector table */
};

/** Runs the code at @p pc in @p mode with run->a until a trap. M mode only. */
void isa_enter(struct run *run, uint64_t mode, uint64_t pc);

/** Ends the test: 0 passes, else line | item << 16 of the check that failed. */
_Noreturn void isa_end(uint64_t code);

/** The test. Returning passes. */
void isa_main(uint64_t hart);

/** Numbers the rounds of a loop over checks, to tell which one failed. */
extern uint64_t isa_item;
/** 1: the supervisor's handler reaches the machine's by ebreak, not by ecall. */
extern int isa_leave_by_ebreak;
extern char machine_vector[], supervisor_vector[];

#define check(condition) ((condition) ? (void)0 : isa_end(__LINE__ | isa_item << 16))

#define read_csr(name)                                                                             \
    ({                                                                                             \
        uint64_t csr_value;                                                                        \
        __asm__ volatile("csrr %0, " #name : "=r"(csr_value)::"memory");                           \
        csr_value;                                                                                 \
    })
#define change_csr(how, name, value)                                                               \
    __asm__ volatile(how " " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define write_csr(name, value) change_csr("csrw", name, value)
#define set_csr(name, value) change_csr("csrs", name, value)
#define clear_csr(name, value) change_csr("csrc", name, value)

/** A write, and what the register then holds. */
#define kept_csr(name, value)                                                                      \
    ({                                                                                             \
        write_csr(name, value);                                                                    \
        read_csr(name);                                                                            \
    })

/** A stub: `name` is its first instruction, `name_end` the ecall behind its last one. */
#define STUB(name, text)                                                                           \
    __asm__(".pushsection .text.stubs, \"ax\"\n.option push\n.option norvc\n.balign 64\n"          \
            ".globl " #name ", " #name "_end\n" #name ":\n" text "\n" #name "_end: ecall\n"        \
            ".option pop\n.popsection");                                                           \
    extern const uint32_t name[], name##_end[]

/** Runs a stub; the arguments behind it are a0, a1, ... */
#define run_stub(mode, stub, ...)                                                                  \
    run_code(mode, (uint64_t)(stub), (const uint64_t[8]){__VA_ARGS__})

static inline struct run run_code(enum mode mode, uint64_t pc, const uint64_t *arguments) {
    struct run run;
    for (unsigned i = 0; i < 8; i++) {
        run.a[i] = arguments[i];
    }
    isa_enter(&run, mode, pc);
    return run;
}

/** Did it end in the ecall at @p end? */
static inline int ended(const struct run *run, enum mode mode, uint64_t end) {
    return run->cause == (uint64_t)ECALL + mode && run->epc == end && run->tval == 0;
}

static inline int trapped(const struct run *run, uint64_t cause, uint64_t epc, uint64_t tval) {
    return run->cause == cause && run->epc == epc && run->tval == tval;
}

/** The stub must run to its end. */
#define check_runs(mode, stub, ...)                                                                \
    do {                                                                                           \
        struct run result = run_stub(mode, stub, __VA_ARGS__);                                     \
        check(ended(&result, mode, (uint64_t)stub##_end));                                         \
    } while (0)

/** The stub must run to its end, leaving @p value in a0. */
#define check_value(mode, stub, value, ...)                                                        \
    do {                                                                                           \
        struct run result = run_stub(mode, stub, __VA_ARGS__);                                     \
        check(ended(&result, mode, (uint64_t)stub##_end) && result.a[0] == (uint64_t)(value));     \
    } while (0)

/** Instruction number @p idx of the stub must trap so, and leave a0 as it was. */
#define check_trap(mode, stub, idx, cause, tval, ...)                                              \
    do {                                                                                           \
        struct run result = run_stub(mode, stub, __VA_ARGS__);                                     \
        const uint64_t before[8] = {__VA_ARGS__};                                                  \
        check(trapped(&result, cause, (uint64_t)((stub) + (idx)), tval));                          \
        check(result.a[0] == before[0]);                                                           \
    } while (0)

/** Instruction number @p idx of the stub must be illegal, with its bits in tval. */
#define check_illegal(mode, stub, idx, ...)                                                        \
    check_trap(mode, stub, idx, ILLEGAL, (stub)[idx], __VA_ARGS__)

/** Code that tests write themselves: an instruction, of 2 or 4 bytes, and an ecall behind it. */
static uint16_t scratch_code[8] __attribute__((aligned(64), unused));

static inline struct run run_bits(enum mode mode, uint32_t bits, const uint64_t *arguments) {
    unsigned length = (bits & 3) == 3 ? 2 : 1;
    scratch_code[0] = (uint16_t)bits;
    scratch_code[1] = (uint16_t)(bits >> 16);
    scratch_code[length] = 0x73; /* ecall */
    scratch_code[length + 1] = 0;
    __asm__ volatile("fence.i" ::: "memory");
    return run_code(mode, (uint64_t)scratch_code, arguments);
}

/** Does it retire in this mode, or else: is it illegal, with the right tval? */
static inline int behaves_with(enum mode mode, uint32_t bits, int legal, const void *a0) {
    uint64_t start = (uint64_t)scratch_code;
    int is_long = (bits & 3) == 3;
    struct run run = run_bits(mode, bits, (const uint64_t[8]){(uint64_t)a0});
    return legal ? ended(&run, mode, start + (is_long ? 4 : 2))
                 : trapped(&run, ILLEGAL, start, is_long ? bits : bits & 0xffff);
}

static inline int behaves(enum mode mode, uint32_t bits, int legal) {
    return behaves_with(mode, bits, legal, 0);
}

static inline int is_legal(enum mode mode, uint32_t bits) {
    return behaves(mode, bits, 1);
}

static inline int is_illegal(enum mode mode, uint32_t bits) {
    return behaves(mode, bits, 0);
}

/** All of memory for S and U mode: PMP entry 15, so that tests may use the entries before it. */
static inline void open_memory(void) {
    write_csr(pmpaddr15, -1);
    write_csr(pmpcfg2, 0x1ful << 56);
}

#endif
