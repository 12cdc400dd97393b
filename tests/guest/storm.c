/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trap whose handler traps: time must move, and a timer gets through at its step all the same.
 * The trap vector is an illegal instruction until the timer's interrupt (vectored) ends the storm.
 *
 * expect: exit 0 */
#include "guest.h"

__asm__(
    ".option push\n.option norvc\n.balign 256\n"
    "storm_vectors:\n"
    "    .word 0xffffffff\n" /* exceptions land here, for ever */
    "    .rept 6\n    .word 0xffffffff\n    .endr\n"
    "    csrr  a0, mcycle\n" /* interrupt 7 */
    "    csrr  a1, minstret\n"
    "    csrr  a2, mcause\n"
    "    csrr  a3, mepc\n"
    "    j     storm_over\n"
    "storm_enter:\n" /* a0: compare */
    "    li    t0, 0x2004000\n"
    "    sd    a0, 0(t0)\n"
    "    .word 0xffffffff\n"
    ".option pop\n");
void storm_enter(uint64_t compare);
extern char storm_vectors[];

/* In M mode a trap clears mstatus.MIE, so the storm must rage in a lower mode: S mode with
 * everything delegated. */
void storm_over(uint64_t cycles, uint64_t retired, uint64_t cause, uint64_t epc) {
    uint64_t compare = MTIMECMP(0);
    check(cause == (1ul << 63 | 7));
    check(epc == (uint64_t)storm_vectors);
    check(cycles == law_position(compare));
    check(cycles - retired > 1000); /* steps that did not retire */
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    csr_write(pmpaddr0, -1);
    csr_write(pmpcfg0, 0x1f);
    csr_write(mtvec, (uint64_t)storm_vectors | 1);
    csr_write(stvec, storm_vectors);
    csr_write(medeleg, 0xb3ff);
    csr_write(mie, 128);
    csr_write(mepc, storm_enter);
    csr_clear(mstatus, 3 << 11);
    csr_set(mstatus, 1 << 11);
    register uint64_t a0 __asm__("a0") = MTIME + 500;
    __asm__ volatile("mret" ::"r"(a0));
    return 1;
}
