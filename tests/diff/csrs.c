/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Units that access a CSR: which values are written, and of which registers a value is compared.
 *
 * The table below says for each register of which bits both machines have to make the same. The
 * others are WARL or WLRL fields and optional registers, in which the manual lets implementations
 * differ and these two do; a case does not write those bits, and all that remains is compared. By
 * section of the Privileged ISA:
 *
 *  1. mstatus, sstatus: UXL and SXL are always 2 here, QEMU would follow a write (3.1.6.3), to
 *     either or, from 10.0.13 on, to both: they are written as 2 or not at all. The fields of
 *     extensions that are off (VS, SPELP, SDT, MBE and so on) stay 0 in both.
 *     FS is written as off or dirty, since QEMU does not see all changes of fflags (see place.c).
 *  2. mepc, sepc: bit 0 is always 0 here, as 3.1.14 has it; QEMU 10 keeps it and jumps there.
 *  3. medeleg, mideleg, mie, mip: QEMU has more causes that can be delegated, and interrupts of the
 *     hypervisor and of counter overflow (3.1.8, 3.1.9). STIP is written only while stimecmp does
 *     not drive it: then it is hidden here (Sstc), and kept by QEMU.
 *  4. menvcfg, senvcfg: the fields of extensions that both have. CBIE = 2 is reserved (3.1.18);
 *     here it keeps the old value.
 *  5. mcounteren, scounteren: 32 bits (3.1.11).
 *  6. pmpaddr: 54 bits (3.7.1), pmpcfg: bits 5 and 6 are 0, and W without R is reserved, here taken
 *     as no permission at all. No lock: only a reset would end it.
 *  7. mcountinhibit: cycle and instret; QEMU has event counters, too (3.1.12).
 *  8. Counters, and the names of the implementation: only whether the access traps.
 *  9. Triggers: there are none here (tselect and tdata read 0), QEMU has some: not accessed at all,
 *     nor are mcontext and scontext. Nor is what AIA adds, which is on in QEMU because without it
 *     QEMU takes interrupts in the order of their numbers.
 * 10. CSRs of floating point while FS is not dirty: csrrw only. Whether setting or clearing no bit
 *     makes it dirty is left open. */
#include "diff.h"

#define STATUS_BITS (UINT64_MAX & ~(UINT64_C(15) << 32))
#define STATUS_FS (UINT64_C(3) << 13)
#define STCE (UINT64_C(1) << 63)
#define ENVCFG_BITS UINT64_C(0xf1)
#define MENVCFG_BITS (ENVCFG_BITS | UINT64_C(3) << 61)
#define STIP UINT64_C(0x20)
#define PMP_BITS UINT64_C(0x1f1f1f1f1f1f1f1f)

enum use {
    USE_FREE,    /* any access with any value */
    USE_MASKED,  /* any access, with these bits of a value */
    USE_WHOLE,   /* reads, and writes of all of it, with these bits of a value */
    USE_SWAPPED, /* the same, and the old value comes back at once: the harness depends on it */
    USE_READ,    /* reads */
    USE_BLIND    /* reads without a look at the value */
};

struct csr_row {
    unsigned first;
    unsigned last;
    enum use use;
    uint64_t bits;
};

static const struct csr_row rows[] = {
    {CSR_FFLAGS,        CSR_FCSR,       USE_FREE,    0},
    {CSR_SSTATUS,       CSR_SSTATUS,    USE_MASKED,  STATUS_BITS},
    {CSR_SIE,           CSR_SIE,        USE_MASKED,  0x222},
    {CSR_STVEC,         CSR_STVEC,      USE_SWAPPED, UINT64_MAX},
    {CSR_SCOUNTEREN,    CSR_SCOUNTEREN, USE_MASKED,  UINT32_MAX},
    {CSR_SENVCFG,       CSR_SENVCFG,    USE_WHOLE,   ENVCFG_BITS},
    {CSR_SSCRATCH,      CSR_SSCRATCH,   USE_SWAPPED, UINT64_MAX},
    {CSR_SEPC,          CSR_SEPC,       USE_MASKED,  UINT64_MAX - 1},
    {CSR_SCAUSE,        CSR_STVAL,      USE_FREE,    0},
    {CSR_SIP,           CSR_SIP,        USE_MASKED,  0x222},
    {CSR_STIMECMP,      CSR_STIMECMP,   USE_READ,    0},
    {CSR_SATP,          CSR_SATP,       USE_SWAPPED, UINT64_MAX},
    {CSR_MHARTID,       CSR_MCONFIGPTR, USE_READ,    0},
    {CSR_MSTATUS,       CSR_MSTATUS,    USE_MASKED,  STATUS_BITS},
    {CSR_MISA,          CSR_MISA,       USE_READ,    0},
    {CSR_MEDELEG,       CSR_MEDELEG,    USE_SWAPPED, 0xb3ff},
    {CSR_MIDELEG,       CSR_MIDELEG,    USE_MASKED,  0x222},
    {CSR_MIE,           CSR_MIE,        USE_MASKED,  0xaaa},
    {CSR_MTVEC,         CSR_MTVEC,      USE_SWAPPED, UINT64_MAX},
    {CSR_MCOUNTEREN,    CSR_MCOUNTEREN, USE_MASKED,  UINT32_MAX},
    {CSR_MENVCFG,       CSR_MENVCFG,    USE_SWAPPED, MENVCFG_BITS},
    {CSR_MCOUNTINHIBIT, CSR_MCOUNTINHIBIT, USE_SWAPPED, 5},
    {CSR_MSCRATCH,      CSR_MSCRATCH,   USE_SWAPPED, UINT64_MAX},
    {CSR_MEPC,          CSR_MEPC,       USE_MASKED,  UINT64_MAX - 1},
    {CSR_MCAUSE,        CSR_MTVAL,      USE_FREE,    0},
    {CSR_MIP,           CSR_MIP,        USE_MASKED,  0x222},
    {CSR_PMPCFG0,       CSR_PMPCFG0,    USE_SWAPPED, PMP_BITS},
    {CSR_PMPCFG2,       CSR_PMPCFG2,    USE_SWAPPED, PMP_BITS},
    {CSR_PMPADDR0,      CSR_PMPADDR15,  USE_SWAPPED, UINT64_MAX >> 10},
    {CSR_CYCLE,         CSR_INSTRET,    USE_BLIND,   0},
    {CSR_HPMCOUNTER3,   CSR_HPMCOUNTER31, USE_BLIND, 0},
};

static const uint16_t numbers[] = {
#define CSR(name, number, ext, what) number,
#include "isa/csr.def"
#undef CSR
};

/* Triggers with their contexts, and AIA with its windows and masks (1.0, chapter 2). */
static bool is_left_out(unsigned number) {
    static const uint16_t interrupts[] = {
        0x150, 0x151, 0x15c, 0xdb0, 0x308, 0x309, 0x350, 0x351, 0x35c, 0xfb0, 0x5a8,
    };
    for (unsigned i = 0; i < COUNT(interrupts); i++) {
        if (number == interrupts[i]) {
            return true;
        }
    }
    return number >= CSR_TSELECT && number <= 0x7af;
}

static unsigned number_choose(struct random *random) {
    unsigned number;
    do {
        unsigned kind = (unsigned)random_below(random, 10);
        const struct csr_row *row = &rows[random_below(random, COUNT(rows))];
        if (kind < 2) {
            row = &rows[0];
        }
        unsigned span = row->last - row->first + 1;
        number = kind < 7   ? row->first + (unsigned)random_below(random, span)
                 : kind < 8 ? (unsigned)random_below(random, 4096)
                            : numbers[random_below(random, COUNT(numbers))];
    } while (is_left_out(number));
    return number;
}

/* How to use it: freely where it traps for want of privilege. */
static struct csr_row row_of(const struct plan *plan, unsigned number) {
    if (plan->mode < (number >> 8 & 3)) {
        return (struct csr_row){number, number, USE_FREE, 0};
    }
    for (unsigned i = 0; i < COUNT(rows); i++) {
        if (number >= rows[i].first && number <= rows[i].last) {
            struct csr_row row = rows[i];
            /* what a lower mode executes lies behind satp */
            bool translated = plan->mode != 3 || plan->leaves_mode;
            row.use = number == CSR_SATP && translated ? USE_READ : row.use;
            return row;
        }
    }
    return (struct csr_row){number, number, USE_BLIND, 0};
}

/* What both machines are to make the same of. */
static uint64_t value_choose(struct plan *plan, const struct csr_row *row, unsigned number) {
    uint64_t value = random_value(&plan->random);
    if (random_chance(&plan->random, 40)) {
        value = random_u64(&plan->random);
    }
    value &= row->bits;
    uint64_t menvcfg = plan->head[CASE_MENVCFG];
    if ((number == CSR_MENVCFG || number == CSR_SENVCFG) && (value & 0x30) == 0x20) {
        value ^= 0x30;
    }
    if (row->bits == STATUS_BITS) { /* FS: off or dirty */
        value = (value & STATUS_FS) == STATUS_FS ? value : value & ~STATUS_FS;
    }
    if (number == CSR_MENVCFG) { /* STIP may be pending */
        value |= menvcfg & STCE;
    }
    if (number == CSR_MIP && (menvcfg & STCE) != 0) {
        value &= ~STIP;
    }
    if (row->bits == PMP_BITS) {
        value &= ~((value & ~(value << 1) & 0x0202020202020202)); /* no W without R */
    }
    return value;
}

void csr_access(struct plan *plan) {
    struct random *random = &plan->random;
    unsigned number = number_choose(random);
    struct csr_row row = row_of(plan, number);
    unsigned operation = 1 + (unsigned)random_below(random, 3);
    unsigned old = random_chance(random, 10) ? 0 : spare(plan);
    unsigned value = spare_but(plan, old);
    if (row.use == USE_MASKED || row.use == USE_WHOLE || row.use == USE_SWAPPED) {
        uint64_t chosen = value_choose(plan, &row, number);
        bool clears = operation == 3;
        emit_value(plan, value, row.bits == STATUS_BITS && !clears ? chosen | STATUS_XL : chosen);
    }
    uint64_t fs = plan->head[CASE_MSTATUS] & STATUS_FS;
    if (number <= CSR_FCSR && fs != STATUS_FS) {
        operation = 1;
    }
    switch (row.use) {
    case USE_FREE:
        value = (unsigned)random_below(random, 32);
        emit(plan, csr(operation + (random_chance(random, 30) ? 4 : 0), old, number, value));
        break;
    case USE_MASKED:
        emit(plan, csr(operation, old, number, value));
        break;
    case USE_WHOLE:
        emit(plan, csr(1, old, number, value));
        break;
    case USE_SWAPPED:
        old = old == 0 ? spare_but(plan, value) : old;
        emit(plan, csr(1, old, number, value));
        emit(plan, csr(2, spare_but(plan, old), number, 0));
        emit(plan, csr(1, 0, number, old));
        break;
    case USE_READ:
        emit(plan, csr(2 + (operation & 1), old, number, 0));
        break;
    case USE_BLIND: /* a write to what is read-only traps */
        value = (number >> 10) == 3 && random_chance(random, 30) ? value : 0;
        emit(plan, csr(2 + (operation & 1), 0, number, value));
        break;
    }
}
