/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts: priority, delegation, what holds them back in which mode, vectored mode, stimecmp,
 * and that what makes one takeable acts before the next instruction.
 *
 * Lines come from where a program gets them: MSIP and MTIP from the ACLINT, MEIP from the PLIC with
 * the UART's idle transmitter behind it, the rest from mip.
 *
 * peer:   no, lets stimecmp raise STIP with STCE off */
#include "isa.h"

enum { ALL = 0xaaa, SUPERVISOR = 0x222, MACHINE = 0x888 };

static volatile uint32_t *const msip = (volatile uint32_t *)0x2000000;
static volatile uint64_t *const mtimecmp = (volatile uint64_t *)0x2004000;
static volatile uint32_t *const plic = (volatile uint32_t *)0xc000000;
static volatile uint8_t *const uart = (volatile uint8_t *)0x10000000;
enum { UART_LINE = 10, PLIC_ENABLE = 0x2000 / 4, PLIC_CLAIM = 0x200004 / 4 };

static void machine_lines(uint64_t bits) {
    *msip = (bits & 1 << MSI) != 0;
    *mtimecmp = (bits & 1 << MTI) != 0 ? 0 : -1ul;
    uart[1] = 0;
    plic[UART_LINE] = 1;
    plic[PLIC_ENABLE] = 1 << UART_LINE;
    plic[PLIC_CLAIM] = plic[PLIC_CLAIM]; /* what was latched is done with */
    uart[1] = (bits & 1 << MEI) != 0 ? 2 : 0;
}

static void lines(uint64_t bits) {
    machine_lines(bits);
    write_csr(mip, bits & SUPERVISOR);
    check((read_csr(mip) & ALL) == bits);
}

/* The highest of a set: MEI, MSI, MTI, SEI, SSI, STI. */
static uint64_t highest(uint64_t set) {
    static const uint8_t order[] = {MEI, MSI, MTI, SEI, SSI, STI};
    for (unsigned i = 0; i < sizeof order; i++) {
        if ((set >> order[i] & 1) != 0) {
            return order[i];
        }
    }
    return 64;
}

STUB(idle, "nop");

/* What must happen when code starts in a mode with these registers: no interrupt is 64. */
static uint64_t wanted(enum mode mode, uint64_t pending, uint64_t mideleg, uint64_t status) {
    uint64_t machine = mode != M || (status & MIE_BIT) != 0 ? pending & ~mideleg : 0;
    uint64_t supervisor =
        mode == U || (mode == S && (status & SIE_BIT) != 0) ? pending & mideleg : 0;
    return machine != 0 ? highest(machine) : highest(supervisor);
}

static void check_start(enum mode mode, uint64_t set, uint64_t mie, uint64_t mideleg,
                        uint64_t enables) {
    uint64_t taken = wanted(mode, set & mie, mideleg, enables);
    uint64_t handler = (mideleg >> taken & 1) != 0 ? S : M;
    lines(set);
    write_csr(mideleg, mideleg);
    /* isa_enter's mret moves MPIE to MIE */
    write_csr(mstatus, ((enables & MIE_BIT) != 0 ? MPIE : 0) | (enables & SIE_BIT));
    write_csr(mie, mie);
    struct run run = run_stub(mode, idle);
    write_csr(mie, 0);
    if (taken == 64) {
        check(ended(&run, mode, (uint64_t)idle_end));
    } else {
        check(trapped(&run, INTERRUPT | taken, (uint64_t)idle, 0)); /* before the first one */
        check(run.level == handler);
        check(run.entry == taken); /* both vectors are in vectored mode */
        check((run.status & (handler == M ? MIE_BIT : SIE_BIT)) == 0);
    }
}

/* All sets of lines in a few settings, then random settings. */
static void priorities(void) {
    static const enum mode modes[] = {U, S, M};
    for (uint64_t i = 0; i < 64; i++) {
        uint64_t set = 0;
        for (unsigned bit = 0; bit < 6; bit++) {
            static const uint8_t places[] = {SSI, MSI, STI, MTI, SEI, MEI};
            set |= (i >> bit & 1) << places[bit];
        }
        for (unsigned j = 0; j < 3; j++) {
            isa_item = set << 4 | modes[j];
            check_start(modes[j], set, ALL, 0, 0);
            check_start(modes[j], set, ALL, 0, MIE_BIT);
            check_start(modes[j], set, ALL, SUPERVISOR, SIE_BIT);
            check_start(modes[j], set, ALL, SUPERVISOR, MIE_BIT);
            check_start(modes[j], set, 0, SUPERVISOR, MIE_BIT | SIE_BIT);
        }
    }
    uint64_t seed = 1;
    for (unsigned i = 0; i < 2000; i++) {
        isa_item = i;
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        check_start(modes[seed >> 62 == 3 ? 2 : seed >> 62], seed & ALL, seed >> 12 & ALL,
                    seed >> 24 & SUPERVISOR, seed >> 36 & (MIE_BIT | SIE_BIT));
    }
    isa_item = 0;
    lines(0);
}

/* -- What a write makes takeable acts before the next instruction (law 6) ---------------------- */

STUB(by_mip, "csrw mip, a1\n nop");
STUB(by_mie, "csrw mie, a1\n nop");
STUB(by_mstatus, "csrw mstatus, a1\n nop");
STUB(by_mideleg, "csrw mideleg, a1\n nop");
STUB(by_sip, "csrw sip, a1\n nop");
STUB(by_sie, "csrw sie, a1\n nop");
STUB(by_sstatus, "csrsi sstatus, 2\n nop");
STUB(by_store, "sw a1, 0(a0)\n nop");
STUB(by_store_double, "sd a1, 0(a0)\n nop");
STUB(by_store_byte, "sb a1, 0(a0)\n nop");
STUB(by_stimecmp, "csrw stimecmp, a1\n nop");

/* @param at  The stub's instruction before which it must be taken. */
#define check_taken(mode, stub, at, interrupt, handler, ...)                                       \
    do {                                                                                           \
        struct run result = run_stub(mode, stub, __VA_ARGS__);                                     \
        write_csr(mie, 0);                                                                         \
        check(trapped(&result, INTERRUPT | (interrupt), (uint64_t)((stub) + (at)), 0));            \
        check(result.level == (handler));                                                          \
        lines(0);                                                                                  \
    } while (0)

static void at_once(void) {
    write_csr(mideleg, 0);
    write_csr(mstatus, MPIE);
    write_csr(mie, ALL);
    check_taken(M, by_mip, 1, SSI, M, 0, 1 << SSI);
    lines(1 << STI);
    write_csr(mstatus, MPIE);
    check_taken(M, by_mie, 1, STI, M, 0, 1 << STI);
    lines(1 << MSI);
    write_csr(mie, ALL);
    write_csr(mstatus, 0);
    check_taken(M, by_mstatus, 1, MSI, M, 0, MIE_BIT);
    lines(1 << SEI);
    write_csr(mie, ALL);
    write_csr(mstatus, MPIE);
    write_csr(mideleg, SUPERVISOR);
    check_taken(M, by_mideleg, 1, SEI, M, 0, 0);
    write_csr(mideleg, SUPERVISOR);
    write_csr(mstatus, SIE_BIT);
    write_csr(mie, ALL);
    check_taken(S, by_sip, 1, SSI, S, 0, 1 << SSI);
    lines(1 << STI);
    write_csr(mstatus, SIE_BIT);
    check_taken(S, by_sie, 1, STI, S, 0, 1 << STI);
    lines(1 << STI);
    write_csr(mie, ALL);
    write_csr(mstatus, 0);
    check_taken(S, by_sstatus, 1, STI, S, 0);
    write_csr(mstatus, MPIE);
    write_csr(mie, ALL);
    check_taken(M, by_store, 1, MSI, M, (uint64_t)msip, 1);
    write_csr(mstatus, 0);
    write_csr(mie, ALL);
    check_taken(U, by_store_double, 1, MTI, M, (uint64_t)mtimecmp, 0);
    write_csr(mie, ALL);
    check_taken(S, by_store_byte, 1, MEI, M, (uint64_t)(uart + 1), 2);
}

/* -- Sstc -------------------------------------------------------------------------------------- */

STUB(spin, "1: rdtime t0\n bltu t0, a0, 1b\n rdtime a0\n nop");

static void supervisor_timer(void) {
    write_csr(mcounteren, -1);
    write_csr(scounteren, -1);
    write_csr(stimecmp, 0);
    check((read_csr(mip) & 1 << STI) == 0); /* without STCE it compares nothing */
    set_csr(menvcfg, STCE);
    check((read_csr(mip) & 1 << STI) != 0);
    write_csr(mideleg, SUPERVISOR);
    check((read_csr(sip) & 1 << STI) != 0);
    write_csr(stimecmp, -1);
    check((read_csr(sip) & 1 << STI) == 0);
    write_csr(mip, 1 << STI); /* no effect: stimecmp owns it */
    check((read_csr(mip) & 1 << STI) == 0);
    write_csr(mie, ALL);
    write_csr(mstatus, SIE_BIT);
    struct run run = run_stub(S, by_stimecmp, 0, 0);
    check(trapped(&run, INTERRUPT | STI, (uint64_t)(by_stimecmp + 1), 0) && run.level == S);
    uint64_t due = read_csr(time) + 100;
    write_csr(stimecmp, due);
    check((read_csr(mip) & 1 << STI) == 0);
    write_csr(mstatus, 0);
    run = run_stub(U, spin, due + 100);
    check(run.cause == (INTERRUPT | STI) && run.level == S);
    check(run.epc < (uint64_t)(spin + 2)); /* while it was spinning */
    check(read_csr(time) >= due && read_csr(time) < due + 50);
    write_csr(mie, 0);
    clear_csr(menvcfg, STCE);
    check((read_csr(mip) & 1 << STI) == 0);
    write_csr(stimecmp, -1);
}

/* -- Waiting ----------------------------------------------------------------------------------- */

STUB(wait, "wfi\n nop");

/* wfi ends for what is enabled in mie, also when mstatus or delegation holds it back. */
static void waiting(void) {
    lines(1 << MSI);
    write_csr(mie, 1 << MSI);
    write_csr(mstatus, 0);
    check_runs(M, wait, 0); /* held back by MIE: goes on behind wfi */
    lines(1 << SSI);
    write_csr(mie, 1 << SSI);
    write_csr(mideleg, SUPERVISOR);
    write_csr(mstatus, 0);
    check_runs(S, wait, 0);
    lines(0);
    write_csr(mie, 1 << MTI);
    write_csr(mstatus, MPIE);
    *mtimecmp = *(volatile uint64_t *)0x200bff8 + 1000;
    check_taken(M, wait, 1, MTI, M, 0); /* sleeps first; epc is behind wfi */
    write_csr(mie, 1 << MTI);
    write_csr(mstatus, 0);
    *mtimecmp = *(volatile uint64_t *)0x200bff8 + 1000;
    check_runs(M, wait, 0);
    write_csr(mie, 0);
    lines(0);
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    set_csr(mtvec, 1);
    set_csr(stvec, 1);
    lines(0);
    priorities();
    at_once();
    supervisor_timer();
    waiting();
}
