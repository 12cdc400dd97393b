/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters: when they count, what a write does to the very next instruction, who may read them.
 *
 * peer:   no, counts otherwise */
#include "isa.h"

/* An instruction reads what has been counted before it; a write holds for the next one. */
STUB(write_instret, "csrw minstret, a0\n csrr a0, minstret\n csrr a1, instret\n csrr a2, minstret");
STUB(write_cycle, "csrw mcycle, a0\n csrr a0, mcycle\n csrr a1, cycle\n csrr a2, mcycle");
STUB(add_instret, "csrw minstret, a0\n csrrs a0, minstret, a1\n csrr a1, minstret");
STUB(count_branches, "csrr a0, minstret\n j 1f\n 1: beqz zero, 2f\n 2: csrr a1, minstret");

/* Of what traps: ecall does not retire, a fetch that faults is a step. The trap goes to label 1. */
STUB(count_ecall, "la t0, 1f\n csrrw t1, mtvec, t0\n"
                  "csrr a0, minstret\n csrr a1, mcycle\n ecall\n"
                  "1: csrr a2, minstret\n csrr a3, mcycle\n csrw mtvec, t1");
STUB(count_fetch, "la t0, 1f\n csrrw t1, mtvec, t0\n"
                  "csrr a0, minstret\n csrr a1, mcycle\n jr zero\n"
                  "1: csrr a2, minstret\n csrr a3, mcycle\n csrw mtvec, t1");

static void counting(void) {
    static const uint64_t values[] = {0, 1, 12345, 0x7fffffffffffffff, -3ul};
    for (unsigned i = 0; i < 5; i++) {
        isa_item = i;
        struct run run = run_stub(M, write_instret, values[i]);
        check(run.a[0] == values[i]);
        check(run.a[1] == values[i] + 1 && run.a[2] == values[i] + 2);
        run = run_stub(M, write_cycle, values[i]);
        check(run.a[0] == values[i]);
        check(run.a[1] == values[i] + 1 && run.a[2] == values[i] + 2);
    }
    struct run run = run_stub(M, add_instret, 0x100, 0xf00);
    check(run.a[0] == 0x100 && run.a[1] == 0xf00);
    run = run_stub(M, count_branches);
    check(run.a[1] == run.a[0] + 3);
    run = run_stub(M, count_ecall);
    check(run.a[2] == run.a[0] + 2 && run.a[3] == run.a[1] + 3);
    run = run_stub(M, count_fetch);
    check(run.a[2] == run.a[0] + 3 && run.a[3] == run.a[1] + 4);
}

/* The instruction that stops a counter is still counted; the one that starts it is not. */
STUB(stop_both, "csrr a0, minstret\n csrr a1, mcycle\n csrwi mcountinhibit, 5\n nop\n"
                "csrr a2, minstret\n csrr a3, mcycle");
STUB(start_both, "csrr a0, minstret\n csrr a1, mcycle\n csrwi mcountinhibit, 0\n"
                 "csrr a2, minstret\n csrr a3, mcycle");
STUB(stop_cycle, "csrwi mcountinhibit, 1\n csrr a0, mcycle\n csrr a1, minstret\n"
                 "csrr a2, mcycle\n csrr a3, minstret\n csrwi mcountinhibit, 0");
STUB(write_stopped, "csrwi mcountinhibit, 5\n csrw minstret, a0\n csrw mcycle, a0\n nop\n"
                    "csrr a1, minstret\n csrr a2, mcycle\n csrwi mcountinhibit, 0");
STUB(read_time, "csrr a0, time\n csrr a1, time");

static void stopping(void) {
    struct run run = run_stub(M, stop_both);
    check(run.a[2] == run.a[0] + 3 && run.a[3] == run.a[1] + 2);
    uint64_t instret = run.a[2], cycle = run.a[3];
    check(read_csr(instret) == instret && read_csr(cycle) == cycle);
    run = run_stub(M, start_both);
    check(run.a[0] == instret && run.a[1] == cycle); /* nothing in between was counted */
    check(run.a[2] == instret && run.a[3] == cycle + 1);
    run = run_stub(M, stop_cycle);
    check(run.a[2] == run.a[0] && run.a[3] == run.a[1] + 2);
    run = run_stub(M, write_stopped, 777);
    check(run.a[1] == 777 && run.a[2] == 777);
    write_csr(mcountinhibit, 5);
    uint64_t time = read_csr(time);
    for (volatile int i = 0; i < 100; i++) {
    }
    check(read_csr(time) > time); /* time never stops */
    write_csr(mcountinhibit, 0);
    for (unsigned i = 0; i < 100; i++) {
        run = run_stub(M, read_time);
        check(run.a[1] - run.a[0] <= 1); /* one step is less than a tick */
    }
}

STUB(time_and_mtime, "li t0, 0x200bff8\n csrr a0, time\n ld a1, 0(t0)");

/* One bit a counter: M always, S with mcounteren, U with scounteren, too. */
static void gates(void) {
    for (uint32_t counter = 0; counter < 32; counter++) {
        isa_item = counter;
        uint32_t bits = (0xc00 + counter) << 20 | 2 << 12 | 10 << 7 | 0x73;
        for (unsigned i = 0; i < 4; i++) {
            write_csr(mcounteren, (i & 1) != 0 ? 1ul << counter : ~(1ul << counter));
            write_csr(scounteren, (i & 2) != 0 ? 1ul << counter : ~(1ul << counter));
            uint64_t open = (read_csr(mcounteren) >> counter & 1) != 0;
            uint64_t user = (read_csr(scounteren) >> counter & 1) != 0;
            check(counter > 2 || (open == (i & 1) && user == i >> 1));
            check(is_legal(M, bits));
            check(behaves(S, bits, open));
            check(behaves(U, bits, open && user));
        }
    }
    isa_item = 0;
}

STUB(use_stimecmp, "csrr a0, stimecmp\n csrw stimecmp, a0");

static void compare_gates(void) {
    write_csr(menvcfg, 0);
    write_csr(mcounteren, -1);
    write_csr(scounteren, -1);
    check_illegal(S, use_stimecmp, 0, 0);
    check_illegal(U, use_stimecmp, 0, 0);
    check_runs(M, use_stimecmp, 0);
    write_csr(menvcfg, STCE);
    check_runs(S, use_stimecmp, 0);
    check_illegal(U, use_stimecmp, 0, 0);
    write_csr(mcounteren, ~2ul);
    check_illegal(S, use_stimecmp, 0, 0);
    check_runs(M, use_stimecmp, 0);
    write_csr(menvcfg, 0);
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    counting();
    stopping();
    struct run run = run_stub(M, time_and_mtime);
    check(run.a[1] - run.a[0] <= 1);
    gates();
    compare_gates();
}
