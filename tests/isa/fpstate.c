/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point state: with FS off every instruction is illegal, what changes a register or flag
 * makes FS dirty, rounding modes that are reserved, flags that add up, and registers f0 to f31. */
#include "isa.h"

#define SD (1ul << 63)
#define FS_INITIAL (1ul << 13)
#define FS_CLEAN (2ul << 13)

/* opcode OP-FP with a0/fa0 and fa1 */
static uint32_t fp_bits(uint32_t funct7, uint32_t rs2, uint32_t rm) {
    return funct7 << 25 | rs2 << 20 | 10 << 15 | rm << 12 | 10 << 7 | 0x53;
}

enum { SINGLE, DOUBLE, HALF };
#define DYNAMIC 7

/* One of each kind of instruction; most take a format in the lowest two bits of funct7. */
static const struct {
    uint32_t funct7, rs2, rm;
    int rounds, changes_f;
} rows[] = {
    {0x00, 11, DYNAMIC, 1, 1}, {0x04, 11, DYNAMIC, 1, 1}, {0x08, 11, DYNAMIC, 1, 1},
    {0x0c, 11, DYNAMIC, 1, 1}, {0x2c, 0, DYNAMIC, 1, 1},  {0x10, 11, 0, 0, 1},
    {0x10, 11, 1, 0, 1},       {0x10, 11, 2, 0, 1},       {0x14, 11, 0, 0, 1},
    {0x14, 11, 1, 0, 1},       {0x14, 11, 2, 0, 1},       {0x14, 11, 3, 0, 1},
    {0x50, 11, 0, 0, 0},       {0x50, 11, 1, 0, 0},       {0x50, 11, 2, 0, 0},
    {0x50, 11, 4, 0, 0},       {0x50, 11, 5, 0, 0},       {0x70, 0, 0, 0, 0},
    {0x70, 0, 1, 0, 0},        {0x78, 0, 0, 0, 1},        {0x78, 1, 0, 0, 1},
    {0x60, 0, DYNAMIC, 1, 0},  {0x60, 1, DYNAMIC, 1, 0},  {0x60, 2, DYNAMIC, 1, 0},
    {0x60, 3, DYNAMIC, 1, 0},  {0x68, 0, DYNAMIC, 1, 1},  {0x68, 1, DYNAMIC, 1, 1},
    {0x68, 2, DYNAMIC, 1, 1},  {0x68, 3, DYNAMIC, 1, 1},  {0x20, 4, DYNAMIC, 1, 1},
    {0x20, 5, DYNAMIC, 1, 1},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* The same table for all formats, and conversions between them. */
static void each(void (*function)(uint32_t bits, int rounds, int changes_f)) {
    for (unsigned i = 0; i < ROWS; i++) {
        for (uint32_t format = 0; format < 3; format++) {
            function(fp_bits(rows[i].funct7 | format, rows[i].rs2, rows[i].rm), rows[i].rounds,
                     rows[i].changes_f);
        }
    }
    for (uint32_t to = 0; to < 3; to++) {
        for (uint32_t from = 0; from < 3; from++) {
            if (to != from) {
                function(fp_bits(0x20 | to, from, DYNAMIC), 1, 1);
            }
        }
    }
    for (uint32_t format = 0; format < 3; format++) {
        for (uint32_t opcode = 0x43; opcode <= 0x4f; opcode += 4) { /* fmadd ... fnmadd */
            function(fp_bits(12 << 2 | format, 11, DYNAMIC) - 0x53 + opcode, 1, 1);
        }
    }
    function(fp_bits(0x61, 8, 1), 0, 0); /* fcvtmod.w.d */
}

/* In mode U: FS counts everywhere. */
static uint64_t status_after(uint32_t bits, uint64_t fs, uint64_t frm) {
    set_csr(mstatus, FS);
    __asm__ volatile("fmv.d.x fa0, zero\n fmv.d.x fa1, zero\n fmv.d.x fa2, zero");
    write_csr(fcsr, frm << 5);
    clear_csr(mstatus, FS);
    set_csr(mstatus, fs);
    check(is_legal(U, bits));
    return read_csr(mstatus) & (FS | SD);
}

static void check_state(uint32_t bits, int rounds, int changes_f) {
    isa_item = bits;
    clear_csr(mstatus, FS);
    check(is_illegal(U, bits));
    check(is_illegal(S, bits));
    check(is_illegal(M, bits));
    uint64_t status = status_after(bits, FS_INITIAL, 0);
    check(!changes_f || status == (FS | SD));
    status = status_after(bits, FS_CLEAN, 4);
    check(!changes_f || status == (FS | SD));
    if (rounds) { /* 5 and 6 are reserved, and so is what frm may not hold */
        uint32_t plain = bits & ~(7u << 12);
        for (uint32_t rm = 0; rm < 5; rm++) {
            check(is_legal(U, plain | rm << 12));
        }
        check(is_illegal(U, plain | 5 << 12));
        check(is_illegal(U, plain | 6 << 12));
        for (uint64_t frm = 0; frm < 8; frm++) {
            set_csr(mstatus, FS);
            write_csr(frm, frm);
            check(behaves(U, bits, frm <= 4));
            check(is_legal(U, plain));
        }
        write_csr(frm, 0);
    }
}

/* Format 3 is Q, which is not there; D's widening conversions have a mode, too. */
static void check_quad(uint32_t bits, int rounds, int changes_f) {
    (void)rounds, (void)changes_f;
    set_csr(mstatus, FS);
    isa_item = bits;
    check(is_illegal(M, bits | 3 << 25));
}

STUB(load_half, ".option arch, +zfh\n flh fa0, 0(a0)");
STUB(load_single, "flw fa0, 0(a0)");
STUB(load_double, "fld fa0, 0(a0)");
STUB(load_short, ".2byte 0x2108, 0x0001"); /* c.fld fa0, 0(a0) */
STUB(store_half, ".option arch, +zfh\n fsh fa0, 0(a0)");
STUB(store_single, "fsw fa0, 0(a0)");
STUB(store_double, "fsd fa0, 0(a0)");
STUB(store_short, ".2byte 0xa108, 0x0001"); /* c.fsd fa0, 0(a0) */
STUB(read_fcsr, "csrr a1, fcsr");
STUB(write_flags, "csrwi fflags, 0");
STUB(write_mode, "csrwi frm, 0");

static uint64_t cell[2];

#define check_access(stub, changes)                                                                \
    do {                                                                                           \
        uint32_t bits = (stub)[0] & ((stub)[0] % 4 == 3 ? -1u : 0xffff);                           \
        clear_csr(mstatus, FS);                                                                    \
        check_trap(U, stub, 0, ILLEGAL, bits, (uint64_t)cell);                                     \
        check_trap(M, stub, 0, ILLEGAL, bits, (uint64_t)cell);                                     \
        set_csr(mstatus, FS_INITIAL);                                                              \
        check_runs(S, stub, (uint64_t)cell);                                                       \
        check(!(changes) || (read_csr(mstatus) & (FS | SD)) == (FS | SD));                         \
    } while (0)

static void accesses(void) {
    isa_item = 0;
    check_access(load_half, 1);
    check_access(load_single, 1);
    check_access(load_double, 1);
    check_access(load_short, 1);
    check_access(store_half, 0);
    check_access(store_single, 0);
    check_access(store_double, 0);
    check_access(store_short, 0);
    check_access(read_fcsr, 0);
    check_access(write_flags, 1);
    check_access(write_mode, 1);
    /* A load that traps changes nothing. */
    clear_csr(mstatus, FS);
    set_csr(mstatus, FS_CLEAN);
    check_trap(M, load_double, 0, LOAD_ACCESS, 0x20000, 0x20000);
    check((read_csr(mstatus) & (FS | SD)) == FS_CLEAN);
}

STUB(divide, "fcvt.d.l fa0, a0\n fmv.d.x fa1, zero\n fdiv.d fa0, fa0, fa1\n csrr a0, fflags");
STUB(third, "li t0, 3\n fcvt.d.l fa0, a0\n fcvt.d.l fa1, t0\n fdiv.d fa0, fa0, fa1\n"
            "csrr a0, fflags");
STUB(equal_signaling, "li t0, 0x7ff4\n slli t0, t0, 48\n fmv.d.x fa0, t0\n"
                      "feq.d zero, fa0, fa0\n csrr a0, fflags");

/* Flags add up, also when the result goes to x0; a clean state gets dirty with them. */
static void flags(void) {
    enum { NX = 1, DZ = 8, NV = 16 };
    set_csr(mstatus, FS);
    write_csr(fcsr, 0);
    check_value(M, third, NX, 1);
    check_value(M, divide, NX | DZ, 1);
    check_value(M, third, NX | DZ, 3); /* exact: takes none away */
    write_csr(fflags, 0);
    clear_csr(mstatus, FS);
    set_csr(mstatus, FS_CLEAN);
    check_value(M, equal_signaling, NV);
    check((read_csr(mstatus) & (FS | SD)) == (FS | SD));
    write_csr(fflags, 0);
}

/* All 32 registers are apart, f0 among them: a sum of the others shows up in each alone. */
static void registers(void) {
    set_csr(mstatus, FS);
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t next = (i + 1) % 32;
        isa_item = i;
        uint32_t write = 0x79u << 25 | 10 << 15 | i << 7 | 0x53;             /* fmv.d.x fi, a0 */
        uint32_t negate = 0x11u << 25 | i << 20 | i << 15 | 1 << 12 | 0x53;  /* fneg.d */
        uint32_t read = 0x71u << 25 | 12 << 7 | 0x53;                        /* fmv.x.d a2, f? */
        run_bits(M, write, (uint64_t[8]){0x4000000000000000ul + i});
        run_bits(M, negate | next << 7, (uint64_t[8]){0});
        check(run_bits(M, read | i << 15, (uint64_t[8]){0}).a[2] == 0x4000000000000000ul + i);
        check(run_bits(M, read | next << 15, (uint64_t[8]){0}).a[2] == 0xc000000000000000ul + i);
    }
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    each(check_state);
    each(check_quad);
    accesses();
    flags();
    registers();
}
