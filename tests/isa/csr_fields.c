/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What control and status registers keep of what is written: fields that cannot be changed, values
 * that are not legal, registers that are views of others. And the six CSR instructions themselves.
 *
 * peer:   no, has more fields, a hypervisor among them */
#include "isa.h"

#define UXL_64 (2ul << 32)
#define SXL_64 (2ul << 34)
#define SD (1ul << 63)
#define SSTATUS (SIE_BIT | SPIE | SPP | FS | SUM | MXR)
#define ONES (-1ul)

static uint64_t letters(const char *text) {
    uint64_t set = 0;
    for (; *text != 0; text++) {
        set |= 1ul << (*text - 'A');
    }
    return set;
}

static void what_the_hart_is(void) {
    uint64_t misa = 2ul << 62 | letters("ABCDFIMSU");
    check(read_csr(misa) == misa);
    write_csr(misa, 0);
    check(read_csr(misa) == misa);
    write_csr(misa, ONES);
    check(read_csr(misa) == misa);
    check(read_csr(mhartid) == 0);
    check(read_csr(mconfigptr) == 0);
    check(read_csr(mvendorid) == 0); /* non-commercial */
}

static void status(void) {
    uint64_t all = SSTATUS | MIE_BIT | MPIE | MPP | MPRV | TVM | TW | TSR;
    uint64_t fixed = UXL_64 | SXL_64;
    /* MPRV with MPP = M changes nothing for loads. Big-endian, VS and XS are not there. */
    check(kept_csr(mstatus, ONES & ~MIE_BIT) == ((all & ~MIE_BIT) | fixed | SD));
    check(kept_csr(mstatus, MIE_BIT) == (MIE_BIT | fixed));
    check(kept_csr(mstatus, 0) == fixed);
    check(kept_csr(mstatus, MPP_S) == (MPP_S | fixed));
    check((kept_csr(mstatus, 2ul << 11) & MPP) != 2ul << 11); /* there is no such mode */
    check(kept_csr(mstatus, MPP) == (MPP | fixed));
    check(kept_csr(mstatus, 1ul << 13) == (1ul << 13 | fixed)); /* FS initial: SD off */
    check(kept_csr(mstatus, 2ul << 13) == (2ul << 13 | fixed));
    check(kept_csr(mstatus, 3ul << 13) == (3ul << 13 | SD | fixed));
    write_csr(mstatus, MPP | MPIE | TSR);
    check(read_csr(sstatus) == UXL_64);
    check(kept_csr(sstatus, ONES) == (SSTATUS | UXL_64 | SD));
    check(read_csr(mstatus) == (SSTATUS | MPP | MPIE | TSR | fixed | SD));
    check(kept_csr(sstatus, 0) == UXL_64);
    check(read_csr(mstatus) == (MPP | MPIE | TSR | fixed));
    write_csr(mstatus, 0);
}

static void trap_registers(void) {
    check(kept_csr(mscratch, ONES) == ONES);
    check(kept_csr(sscratch, 0x123456789abcdef0) == 0x123456789abcdef0);
    check(kept_csr(mtval, ONES) == ONES);
    check(kept_csr(stval, ONES) == ONES);
    check(kept_csr(mepc, ONES) == ONES - 1);
    check(kept_csr(sepc, ONES) == ONES - 1);
    check(kept_csr(mepc, 0x80000002) == 0x80000002);
    check(kept_csr(mcause, INTERRUPT | 11) == (INTERRUPT | 11));
    check(kept_csr(scause, INTERRUPT | 9) == (INTERRUPT | 9));
    check(kept_csr(scause, 15) == 15);
    uint64_t mtvec = read_csr(mtvec), stvec = read_csr(stvec);
    check(kept_csr(mtvec, 0x80000105) == 0x80000105); /* vectored */
    check((kept_csr(mtvec, 0x80000106) & 3) < 2);     /* modes 2 and 3 are reserved */
    check((kept_csr(mtvec, 0x80000107) & 3) < 2);
    write_csr(mtvec, mtvec);
    check(kept_csr(stvec, 0xffffffffc0000004) == 0xffffffffc0000004); /* Sstvecd */
    check(kept_csr(stvec, 0x80000105) == 0x80000105);
    check((kept_csr(stvec, 0x80000106) & 3) < 2);
    write_csr(stvec, stvec);
    check(kept_csr(medeleg, ONES) == 0xb3ff); /* not the call from M, not what is reserved */
    check(kept_csr(medeleg, 0) == 0);
}

static void interrupt_registers(void) {
    enum { SUPERVISOR = 0x222, MACHINE = 0x888 };
    write_csr(mstatus, 0);
    check(kept_csr(mideleg, ONES) == SUPERVISOR);
    check(kept_csr(mie, ONES) == (SUPERVISOR | MACHINE));
    check(kept_csr(sie, 0) == 0);
    check(read_csr(mie) == MACHINE); /* the supervisor's write leaves the others alone */
    check(kept_csr(sie, ONES) == SUPERVISOR);
    check(kept_csr(mideleg, 1 << SSI) == 1 << SSI);
    check(read_csr(sie) == 1 << SSI); /* what is not delegated reads as zero */
    write_csr(sie, 0);
    check(read_csr(mie) == (SUPERVISOR | MACHINE) - (1 << SSI));
    check(kept_csr(mip, ONES) == SUPERVISOR);
    check(read_csr(sip) == 1 << SSI);
    write_csr(mideleg, SUPERVISOR);
    check(kept_csr(sip, 0) == SUPERVISOR - (1 << SSI)); /* STIP and SEIP are the machine's */
    check(kept_csr(mip, 0) == 0);
    check(kept_csr(sip, ONES) == 1 << SSI);
    write_csr(mideleg, 0);
    check(kept_csr(sip, 0) == 0);
    check(read_csr(mip) == 1 << SSI); /* not delegated, not cleared */
    write_csr(mip, 0);
    set_csr(menvcfg, STCE); /* now stimecmp alone drives STIP */
    write_csr(stimecmp, ONES);
    check(kept_csr(mip, ONES) == SUPERVISOR - (1 << STI));
    write_csr(stimecmp, 0);
    check(kept_csr(mip, 0) == 1 << STI);
    clear_csr(menvcfg, STCE);
    check(kept_csr(mip, 0) == 0);
    write_csr(mie, 0);
}

static void environment(void) {
    uint64_t low = 1 | CBIE_INVAL | CBCFE | CBZE;
    check(read_csr(menvcfg) == 0); /* at reset: ADUE off */
    check(kept_csr(menvcfg, ONES) == (low | ADUE | PBMTE | STCE));
    check((kept_csr(menvcfg, 2ul << 4) & CBIE_INVAL) != 2ul << 4); /* reserved */
    check(kept_csr(menvcfg, 0) == 0);
    check(kept_csr(senvcfg, ONES) == low);
    check((kept_csr(senvcfg, 2ul << 4) & CBIE_INVAL) != 2ul << 4);
    check(kept_csr(senvcfg, 0) == 0);
    check((kept_csr(mcounteren, ONES) & 7) == 7);
    check((kept_csr(scounteren, ONES) & 7) == 7);
    check(kept_csr(mcounteren, 0) == 0);
    check(kept_csr(scounteren, 0) == 0);
    check((kept_csr(mcountinhibit, ONES) & 7) == 5); /* time never stops */
    check(kept_csr(mcountinhibit, 0) == 0);
}

static void translation(void) {
    uint64_t rest = 0x5a5aul << 44 | 0xabcdef01234;
    write_csr(satp, 0);
    for (uint64_t mode = 1; mode < 16; mode++) {
        isa_item = mode;
        uint64_t wanted = mode >= 8 && mode <= 10 ? mode << 60 | rest : 0;
        check(kept_csr(satp, mode << 60 | rest) == wanted); /* unknown: the whole write is lost */
        write_csr(satp, 0);
    }
    isa_item = 0;
    check(kept_csr(satp, 9ul << 60 | ONES >> 4) == (9ul << 60 | ONES >> 4)); /* 16 bits of ASID */
    write_csr(satp, 0);
}

static void protection(void) {
    check(kept_csr(pmpaddr3, ONES) == ONES >> 10);
    check(kept_csr(pmpcfg0, 0x7f7f7f7f) == 0x1f1f1f1f); /* bits 5 and 6 are reserved */
    check((kept_csr(pmpcfg0, 0x1a) & 7) != 2);          /* W without R is reserved */
    check(kept_csr(pmpcfg0, 0) == 0);
    check(kept_csr(pmpcfg2, 0) == 0);
    write_csr(pmpaddr3, 0);
}

static void triggers_and_events(void) {
    write_csr(tselect, 0);
    check(read_csr(tdata1) >> 60 == 0); /* no trigger */
    check(kept_csr(mhpmcounter3, ONES) == 0 && read_csr(hpmcounter3) == 0);
    check(kept_csr(mhpmevent31, ONES) == 0 && kept_csr(mhpmcounter31, 5) == 0);
}

static void floating_point(void) {
    set_csr(mstatus, FS);
    check(kept_csr(fcsr, ONES) == 0xff);
    check(read_csr(frm) == 7 && read_csr(fflags) == 31);
    check(kept_csr(frm, 0xfa) == 2);
    check(read_csr(fcsr) == (2 << 5 | 31));
    check(kept_csr(fflags, 0x2a) == 10);
    check(read_csr(fcsr) == (2 << 5 | 10));
    write_csr(fcsr, 0);
}

STUB(set, "csrrs a0, stval, a1\n csrr a1, stval");
STUB(clear, "csrrc a0, stval, a1\n csrr a1, stval");
STUB(swap_constant, "csrrwi a0, stval, 31\n csrr a1, stval");
STUB(set_constant, "csrrsi a0, stval, 17\n csrr a1, stval");
STUB(clear_constant, "csrrci a0, stval, 17\n csrr a1, stval");
STUB(same_register, "csrrs a1, stval, a1\n csrr a0, stval");
STUB(no_source, "csrrs a0, stval, x0\n csrrc a0, stval, x0\n csrrw x0, stval, x0\n"
                "csrr a1, stval");

/* stval is free while nothing is delegated. */
#define check_instruction(stub, before, operand, after)                                            \
    do {                                                                                           \
        write_csr(stval, before);                                                               \
        struct run result = run_stub(M, stub, 0, operand);                                         \
        check(ended(&result, M, (uint64_t)stub##_end));                                            \
        check(result.a[0] == (uint64_t)(before) && result.a[1] == (uint64_t)(after));              \
        write_csr(stval, before);                                                               \
    } while (0)

static void instructions(void) {
    check_instruction(set, 0xf0f0, 0x0ff0, 0xfff0);
    check_instruction(clear, 0xf0f0, 0x0ff0, 0xf000);
    check_instruction(swap_constant, 0xffff, 0, 31);
    check_instruction(set_constant, 0xff00, 0, 0xff11);
    check_instruction(clear_constant, 0xffff, 0, 0xffee);
    check_instruction(no_source, 0x1234, 0, 0);
    write_csr(stval, 0xf0);
    struct run result = run_stub(M, same_register, 0, 0x0f);
    check(result.a[0] == 0xff && result.a[1] == 0xf0);
}

void isa_main(uint64_t hart) {
    (void)hart;
    what_the_hart_is();
    environment();
    status();
    trap_registers();
    interrupt_registers();
    translation();
    protection();
    triggers_and_events();
    floating_point();
    instructions();
}
