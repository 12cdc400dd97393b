/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 10,000 timers at pseudo-random deadlines, half through mtimecmp in M mode, half through stimecmp
 * in S mode. For each, the step at which the trap was taken must be the one that law 5 names: the
 * first position whose mtime has reached the deadline, and not before the instruction behind the
 * one that armed it.
 *
 * expect: exit 0; the same steps and hash under every grant and with caches dropped
 * rates: shift=0 shift=3 shift=10 ips=1234567891 ips=3 */
#include "guest.h"

/* What the handlers see. The first instruction of a handler reads the cycle counter: it has not
 * been written, so it counts this hart's steps, and gives the position of the trap itself. */
struct sight {
    uint64_t armed;   /* position of the instruction that armed the timer */
    uint64_t trapped; /* position of the handler's first instruction */
    uint64_t retired; /* minstret one step later */
    uint64_t epc;
    uint64_t mtime; /* read from memory three steps after the trap */
    uint64_t time;  /* the CSR, four steps after */
};

void machine_spin(uint64_t compare, struct sight *sight);
void supervisor_spin(uint64_t compare, struct sight *sight);
extern char machine_spins[], supervisor_spins[];
void to_supervisor(void (*function)(void));

/* Instructions between the labels take one step each and four bytes each, so that epc tells the
 * position too. */
__asm__(".option push\n.option norvc\n"
        ".globl machine_spin, machine_spins, supervisor_spin, supervisor_spins, to_supervisor\n"
        "machine_spin:\n"
        "    la    t0, machine_handler\n"
        "    csrw  mtvec, t0\n"
        "    mv    t6, a1\n"
        "    li    t1, 0x2004000\n"
        "    li    t2, 0x200bff8\n"
        "    li    t0, 128\n"
        "    csrw  mie, t0\n"
        "    csrsi mstatus, 8\n"
        "    csrr  t0, mcycle\n" /* at armed - 1 */
        "    sd    a0, 0(t1)\n"
        "machine_spins:\n"
        "    addi  t3, t3, 1\n"
        "    j     machine_spins\n"
        ".balign 4\n"
        "machine_handler:\n"
        "    csrr  t3, mcycle\n"
        "    csrr  t4, minstret\n"
        "    csrr  t5, mepc\n"
        "    ld    t2, 0(t2)\n"
        "    csrr  a2, time\n"
        "    addi  t0, t0, 1\n"
        "    sd    t0, 0(t6)\n"
        "    sd    t3, 8(t6)\n"
        "    sd    t4, 16(t6)\n"
        "    sd    t5, 24(t6)\n"
        "    sd    t2, 32(t6)\n"
        "    sd    a2, 40(t6)\n"
        "    li    t0, -1\n"
        "    sd    t0, 0(t1)\n"
        "    ret\n" /* stay in the handler's mode, interrupts off */
        "supervisor_spin:\n"
        "    la    t0, supervisor_handler\n"
        "    csrw  stvec, t0\n"
        "    mv    t6, a1\n"
        "    li    t2, 0x200bff8\n"
        "    li    t0, 32\n"
        "    csrw  sie, t0\n"
        "    csrsi sstatus, 2\n"
        "    csrr  t0, cycle\n"
        "    csrw  0x14d, a0\n" /* stimecmp */
        "supervisor_spins:\n"
        "    addi  t3, t3, 1\n"
        "    j     supervisor_spins\n"
        ".balign 4\n"
        "supervisor_handler:\n"
        "    csrr  t3, cycle\n"
        "    csrr  t4, instret\n"
        "    csrr  t5, sepc\n"
        "    ld    t2, 0(t2)\n"
        "    csrr  a2, time\n"
        "    addi  t0, t0, 1\n"
        "    sd    t0, 0(t6)\n"
        "    sd    t3, 8(t6)\n"
        "    sd    t4, 16(t6)\n"
        "    sd    t5, 24(t6)\n"
        "    sd    t2, 32(t6)\n"
        "    sd    a2, 40(t6)\n"
        "    li    t0, -1\n"
        "    csrw  0x14d, t0\n"
        "    ret\n"
        "to_supervisor:\n" /* calls a function in S mode; nobody comes back */
        "    csrw  mepc, a0\n"
        "    li    t0, 3 << 11\n"
        "    csrc  mstatus, t0\n"
        "    li    t0, 1 << 11\n"
        "    csrs  mstatus, t0\n"
        "    mret\n"
        ".option pop\n");

enum { TIMERS_EACH = 5000 };

static uint64_t seed = 88172645463325252u;

static void timers_check(void (*spin)(uint64_t, struct sight *), const char *spins) {
    uint64_t span_ticks = 20 + 50 * (uint64_t)RATE_NS / RATE_STEPS / 100;
    for (unsigned i = 0; i < TIMERS_EACH; i++) {
        struct sight sight;
        uint64_t compare = MTIME + random_next(&seed) % span_ticks;
        spin(compare, &sight);
        uint64_t due = law_position(compare);
        uint64_t law = due > sight.armed + 1 ? due : sight.armed + 1;
        check(sight.trapped == law);
        check(sight.retired == sight.trapped + 1);
        check(sight.epc == (uint64_t)spins + 4 * ((law - sight.armed - 1) % 2));
        check(sight.mtime == law_ns(law + 3) / 100);
        check(sight.time == law_ns(law + 4) / 100);
    }
}

static void supervisor_main(void) {
    timers_check(supervisor_spin, supervisor_spins);
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    timers_check(machine_spin, machine_spins);
    csr_write(mie, 0);
    csr_write(mideleg, 0x222);
    csr_write(mcounteren, 7);
    csr_write(0x30a, (uint64_t)1 << 63); /* menvcfg.STCE */
    csr_write(pmpaddr0, -1);
    csr_write(pmpcfg0, 0x1f);
    to_supervisor(supervisor_main);
    return 1;
}
