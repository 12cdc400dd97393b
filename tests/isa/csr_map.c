/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which control and status registers exist, which mode may touch them, and which cannot be written:
 * all 4096 numbers in all three modes. The list below is the manual's (Privileged ISA, chapter 2),
 * for a CPU with F, S, U, Zicntr, Zihpm, Sstc and sixteen PMP entries.
 *
 * peer:   no, has more registers */
#include "isa.h"

static const struct {
    uint16_t first, last;
} present[] = {
    {0x001, 0x003}, /* fflags, frm, fcsr */
    {0x100, 0x100}, {0x104, 0x106}, {0x10a, 0x10a}, /* sstatus; sie, stvec, scounteren; senvcfg */
    {0x140, 0x144}, {0x14d, 0x14d}, {0x180, 0x180}, /* sscratch to sip; stimecmp; satp */
    {0x300, 0x306}, {0x30a, 0x30a}, /* mstatus to mcounteren; menvcfg */
    {0x320, 0x320}, {0x323, 0x33f}, /* mcountinhibit; mhpmevent3 to 31 */
    {0x340, 0x344}, /* mscratch to mip */
    {0x3a0, 0x3a0}, {0x3a2, 0x3a2}, {0x3b0, 0x3bf}, /* pmpcfg: even ones on RV64; pmpaddr */
    {0x7a0, 0x7a4}, /* tselect to tinfo */
    {0xb00, 0xb00}, {0xb02, 0xb1f}, /* mcycle, minstret, mhpmcounter3 to 31 */
    {0xc00, 0xc1f}, /* cycle, time, instret, hpmcounter3 to 31 */
    {0xf11, 0xf15}, /* mvendorid to mconfigptr */
};

static int exists(uint32_t number) {
    for (unsigned i = 0; i < sizeof present / sizeof present[0]; i++) {
        if (present[i].first <= number && number <= present[i].last) {
            return 1;
        }
    }
    return 0;
}

/* A CSR instruction with rd = a0; `source` is a register, or five bits of constant. */
static uint32_t csr_bits(uint32_t number, uint32_t funct3, uint32_t source) {
    return number << 20 | source << 15 | funct3 << 12 | 10 << 7 | 0x73;
}

enum { CSRRS = 2, CSRRC, CSRRSI = 6, CSRRCI };
enum { ZERO_IN_REGISTER = 11 }; /* a1 holds 0: a write that changes nothing */

static void check_number(enum mode mode, uint32_t number) {
    int readable = exists(number) && (number >> 8 & 3) <= mode;
    int writable = readable && number >> 10 != 3;
    check(behaves(mode, csr_bits(number, CSRRS, 0), readable));
    check(behaves(mode, csr_bits(number, CSRRSI, 0), readable));
    check(behaves(mode, csr_bits(number, CSRRS, ZERO_IN_REGISTER), writable));
    if (!writable) { /* these would write ones */
        check(is_illegal(mode, csr_bits(number, CSRRSI, 1)));
        check(is_illegal(mode, csr_bits(number, CSRRCI, 31)));
        check(is_illegal(mode, csr_bits(number, 1, ZERO_IN_REGISTER))); /* csrrw */
        check(is_illegal(mode, csr_bits(number, 5, 0)));                /* csrrwi */
    }
    check(behaves(mode, csr_bits(number, CSRRC, ZERO_IN_REGISTER), writable));
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    set_csr(mstatus, FS);
    set_csr(menvcfg, STCE);
    write_csr(mcounteren, -1);
    write_csr(scounteren, -1);
    static const enum mode modes[] = {U, S, M};
    for (unsigned i = 0; i < 3; i++) {
        for (uint32_t number = 0; number < 4096; number++) {
            isa_item = (uint64_t)modes[i] << 12 | number;
            check_number(modes[i], number);
        }
    }
    /* funct3 4 of SYSTEM belongs to Zimop and to the hypervisor's loads; what is neither traps. */
    check(is_illegal(M, csr_bits(0x340, 4, 0)));
    check(is_illegal(M, 0x60004073)); /* hlv.b x0, (x0) */
}
