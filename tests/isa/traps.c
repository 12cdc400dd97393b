/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions, delegation, returns to lower modes, and what TVM, TW and TSR forbid: who handles a
 * trap, with which cause, pc and value, and what becomes of mstatus.
 *
 * peer:   no, its AMOs may be misaligned */
#include "isa.h"

STUB(call, "nop\n ecall");
STUB(illegal, "nop\n .word 0xffffffff");
STUB(illegal_short, "nop\n .2byte 0\n .2byte 0");
STUB(breakpoint, "nop\n ebreak");
STUB(breakpoint_short, "nop\n .2byte 0x9002\n .2byte 1");
STUB(load, "nop\n ld a1, 0(a0)");
STUB(store, "nop\n sd a1, 0(a0)");
STUB(amo, "nop\n amoadd.d a2, a1, (a0)");
STUB(reserve, "nop\n lr.d a2, (a0)");
STUB(jump, "nop\n jr a0");

enum { NOWHERE = 0x20000 }; /* no device, no RAM */

/* One exception from each mode. */
static const struct {
    const uint32_t *stub;
    uint64_t cause, argument, tval; /* tval: 1 address of the instruction */
} exceptions[] = {
    {illegal, ILLEGAL, 0, 0xffffffff},
    {illegal_short, ILLEGAL, 0, 0},
    {breakpoint, BREAKPOINT, 0, 1},
    {breakpoint_short, BREAKPOINT, 0, 1},
    {load, LOAD_ACCESS, NOWHERE, NOWHERE},
    {store, STORE_ACCESS, NOWHERE + 8, NOWHERE + 8},
    {amo, STORE_ACCESS, NOWHERE, NOWHERE},
    {amo, STORE_MISALIGNED, 0x80000004, 0x80000004},
    {reserve, LOAD_ACCESS, NOWHERE, NOWHERE},
    {reserve, LOAD_MISALIGNED, 0x80000001, 0x80000001},
};

/* Delegated and taken in S mode? Then it comes back by ebreak when calls are delegated, too. */
static void check_one(unsigned i, enum mode mode, uint64_t medeleg) {
    uint64_t epc = (uint64_t)(exceptions[i].stub + 1);
    uint64_t cause = exceptions[i].cause;
    write_csr(medeleg, medeleg);
    write_csr(mstatus, MIE_BIT | (mode == S ? SIE_BIT : 0));
    struct run run = run_stub(mode, exceptions[i].stub, exceptions[i].argument);
    write_csr(medeleg, 0);
    check(trapped(&run, cause, epc, exceptions[i].tval == 1 ? epc : exceptions[i].tval));
    int delegated = mode != M && (medeleg >> cause & 1) != 0;
    check(run.level == (uint64_t)(delegated ? S : M));
    check(run.entry == 0);
    if (delegated) {
        check((run.status & (SPP | SIE_BIT)) == (mode == S ? SPP : 0));
        check((run.status & SPIE) == (mode == S ? SPIE : 0));
    } else {
        check((run.status & MPP) == (uint64_t)mode << 11);
        /* isa_enter's mret has put MPIE, which was 0, in MIE; the trap moves it back. */
        check((run.status & (MIE_BIT | MPIE)) == 0);
        check((run.status & SIE_BIT) == (mode == S ? SIE_BIT : 0));
    }
}

static void delegation(void) {
    static const enum mode modes[] = {U, S, M};
    for (unsigned i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        for (unsigned j = 0; j < 3; j++) {
            isa_item = 10 * i + j;
            check_one(i, modes[j], 0);
            check_one(i, modes[j], 1ul << exceptions[i].cause);
            isa_leave_by_ebreak = 1;
            check_one(i, modes[j], 0xb3ff & ~(1ul << exceptions[i].cause) & ~(1ul << BREAKPOINT));
            isa_leave_by_ebreak = 0;
        }
    }
}

static void calls(void) {
    for (unsigned delegated = 0; delegated < 2; delegated++) {
        isa_item = delegated;
        isa_leave_by_ebreak = (int)delegated;
        write_csr(medeleg, delegated != 0 ? 0x300 : 0);
        struct run run = run_stub(U, call);
        check(trapped(&run, ECALL + U, (uint64_t)(call + 1), 0));
        check(run.level == (delegated != 0 ? (uint64_t)S : (uint64_t)M));
        run = run_stub(S, call);
        check(trapped(&run, ECALL + S, (uint64_t)(call + 1), 0));
        check(run.level == (delegated != 0 ? (uint64_t)S : (uint64_t)M));
        run = run_stub(M, call);
        check(trapped(&run, ECALL + M, (uint64_t)(call + 1), 0) && run.level == M);
    }
    isa_leave_by_ebreak = 0;
    write_csr(medeleg, 0);
}

/* A jump to what cannot be fetched retires; the fetch there traps. */
static void fetches(void) {
    struct run run = run_stub(M, jump, NOWHERE);
    check(trapped(&run, FETCH_ACCESS, NOWHERE, NOWHERE));
    run = run_stub(U, jump, NOWHERE + 2);
    check(trapped(&run, FETCH_ACCESS, NOWHERE + 2, NOWHERE + 2));
    run = run_stub(M, jump, NOWHERE + 5); /* jalr clears bit 0 */
    check(trapped(&run, FETCH_ACCESS, NOWHERE + 4, NOWHERE + 4));
    run = run_stub(S, jump, 0x10000000); /* the UART holds no code */
    check(trapped(&run, FETCH_ACCESS, 0x10000000, 0x10000000));
}

/* Vectored mode moves interrupts only. */
static void vectors(void) {
    uint64_t mtvec = read_csr(mtvec);
    write_csr(mtvec, mtvec | 1);
    struct run run = run_stub(U, illegal);
    check(run.cause == ILLEGAL && run.entry == 0);
    write_csr(mtvec, mtvec);
}

/* -- xRET -------------------------------------------------------------------------------------- */

STUB(machine_return, "la t0, machine_return_end\n csrw mepc, t0\n csrw mstatus, a0\n mret");
STUB(supervisor_return, "la t0, supervisor_return_end\n csrw sepc, t0\n csrw mstatus, a0\n sret");
STUB(supervisor_self, "la t0, supervisor_self_end\n csrw sepc, t0\n csrs sstatus, a0\n sret");
STUB(only_mret, "mret");
STUB(only_sret, "sret");

/* Where it went is the mode of the ecall; the status is that behind the call's trap: MPIE holds
 * MIE as the return left it. */
static void check_return(const uint32_t *stub, uint64_t status, enum mode mode, uint64_t after) {
    struct run run = run_stub(M, stub, status);
    check(run.cause == (uint64_t)ECALL + mode);
    check((run.status & ~(MPP | 0xful << 32)) == after);
}

static void returns(void) {
    check_return(machine_return, 0, U, 0);
    check_return(machine_return, MPIE, U, MPIE);
    check_return(machine_return, MIE_BIT, U, 0);
    check_return(machine_return, MPP_S | MPIE | MPRV, S, MPIE); /* MPRV does not outlive M */
    check_return(machine_return, MPP | MPRV, M, MPRV);
    check_return(machine_return, MPP | SPIE | SPP, M, SPIE | SPP);
    check_return(supervisor_return, 0, U, SPIE);
    check_return(supervisor_return, SPP | MPRV, S, SPIE); /* SPP goes to U, MPRV off */
    check_return(supervisor_return, SPP | SPIE, S, SPIE | SIE_BIT);
    check_return(supervisor_return, SIE_BIT | MIE_BIT | TSR, U, SPIE | MPIE | TSR);
    write_csr(mstatus, 0);
    struct run run = run_stub(S, supervisor_self, SPP | SPIE);
    check(run.cause == ECALL + S);
    write_csr(mstatus, 0);
    run = run_stub(S, supervisor_self, 0);
    check(run.cause == ECALL + U);
    /* mret leaves the least mode in MPP. */
    write_csr(mstatus, MPP | MPIE);
    __asm__ volatile("la t0, 1f\n csrw mepc, t0\n mret\n 1:" ::: "t0", "memory");
    check((read_csr(mstatus) & (MPP | MPIE | MIE_BIT)) == (MPIE | MIE_BIT));
    write_csr(mstatus, 0);
}

/* -- What lower modes may not do --------------------------------------------------------------- */

STUB(fence_all, "sfence.vma");
STUB(fence_one, "sfence.vma a0, a1");
STUB(invalidate, ".word 0x16b50073"); /* sinval.vma a0, a1 */
STUB(invalidate_before, ".word 0x18000073"); /* sfence.w.inval */
STUB(invalidate_after, ".word 0x18100073");  /* sfence.inval.ir */
STUB(root, "csrr a0, satp");
STUB(set_root, "csrw satp, zero");
STUB(wait, "wfi");

#define check_modes(stub, user, supervisor)                                                        \
    do {                                                                                           \
        check_runs(M, stub, 0);                                                                    \
        if (supervisor) {                                                                          \
            check_runs(S, stub, 0);                                                                \
        } else {                                                                                   \
            check_illegal(S, stub, 0, 0);                                                          \
        }                                                                                          \
        if (user) {                                                                                \
            check_runs(U, stub, 0);                                                                \
        } else {                                                                                   \
            check_illegal(U, stub, 0, 0);                                                          \
        }                                                                                          \
    } while (0)

static void forbidden(void) {
    check_illegal(S, only_mret, 0, 0);
    check_illegal(U, only_mret, 0, 0);
    check_illegal(U, only_sret, 0, 0);
    for (unsigned i = 0; i < 8; i++) { /* each of TVM, TW, TSR alone and with the others */
        isa_item = i;
        int tvm = (i & 1) != 0, tw = (i & 2) != 0, tsr = (i & 4) != 0;
        write_csr(mstatus, (tvm ? TVM : 0) | (tw ? TW : 0) | (tsr ? TSR : 0));
        check_modes(fence_all, 0, !tvm);
        check_modes(fence_one, 0, !tvm);
        check_modes(invalidate, 0, !tvm);
        check_modes(invalidate_before, 0, 1);
        check_modes(invalidate_after, 0, 1);
        check_modes(root, 0, !tvm);
        check_modes(set_root, 0, !tvm);
        write_csr(mie, 1 << SSI); /* pending: no mode waits long */
        write_csr(mip, 1 << SSI);
        write_csr(mideleg, 1 << SSI);
        check_runs(M, wait, 0);
        write_csr(mideleg, 0);
        write_csr(mie, 0);
        write_csr(mip, 0);
        if (tw) {
            check_illegal(S, wait, 0, 0);
        }
        check_illegal(U, wait, 0, 0); /* with S mode there is no waiting in U mode */
        if (tsr) {
            check_illegal(S, only_sret, 0, 0);
        } else {
            check_value(S, supervisor_self, SPP, SPP);
        }
    }
    write_csr(mstatus, 0);
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    delegation();
    calls();
    fetches();
    vectors();
    returns();
    forbidden();
}
