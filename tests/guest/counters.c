/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters and what they count: a write to minstret or mcycle is what the very next instruction
 * reads; rdinstret does not count itself; traps are steps that do not retire; mcountinhibit stops
 * counters and never time.
 *
 * expect: exit 0 */
#include "guest.h"

__asm__(".option push\n.option norvc\n.balign 4\n"
        "skip_handler:\n" /* t5, t6 are its own; skips the instruction that trapped */
        "    csrr  t5, mepc\n"
        "    addi  t5, t5, 4\n"
        "    csrw  mepc, t5\n"
        "    mret\n"
        ".option pop\n");
extern char skip_handler[];

/** Distance between two reads of a counter with @p body between them; handlers may use t5 and t6.
 */
#define distance(counter, body)                                                                    \
    ({                                                                                             \
        uint64_t first, second;                                                                    \
        __asm__ volatile(".option push\n.option norvc\n"                                           \
                         "csrr %0, " #counter "\n" body "csrr %1, " #counter "\n.option pop"       \
                         : "=&r"(first), "=&r"(second)::"t5", "t6", "memory");                     \
        second - first;                                                                            \
    })

static void writes_are_read_next(void) {
    uint64_t retired, cycles, after;
    __asm__ volatile("csrw minstret, %3\n csrr %0, minstret\n csrr %2, minstret\n csrw mcycle, "
                     "%3\n csrr %1, mcycle"
                     : "=&r"(retired), "=&r"(cycles), "=&r"(after)
                     : "r"((uint64_t)1000));
    check(retired == 1000 && after == 1001 && cycles == 1000);
}

static void traps_do_not_retire(void) {
    csr_write(mtvec, skip_handler);
    check(distance(minstret, "nop\n") == 2);
    check(distance(mcycle, "nop\n") == 2);
    /* ecall: one step that does not retire, then the handler's four instructions, which do. */
    check(distance(mcycle, "ecall\n") == 6);
    check(distance(minstret, "ecall\n") == 5);
    check(distance(minstret, "ebreak\n") == 5);
    check(distance(minstret, ".word 0xffffffff\n") == 5);
    check(distance(minstret, "ld zero, 0(zero)\n") == 5);
}

static void inhibit_stops_counters(void) {
    uint64_t ticks = MTIME;
    /* The instruction that sets the bit is counted, the one that clears it is not. */
    check(distance(minstret, "csrwi mcountinhibit, 4\n nop\n nop\n csrwi mcountinhibit, 0\n") == 2);
    check(distance(mcycle, "csrwi mcountinhibit, 1\n nop\n nop\n csrwi mcountinhibit, 0\n") == 2);
    csr_write(mcountinhibit, 5);
    uint64_t before = csr_read(minstret);
    while (MTIME == ticks) { /* time goes on */
    }
    check(csr_read(minstret) == before);
    csr_write(minstret, 77);
    check(csr_read(minstret) == 77);
    csr_write(mcountinhibit, 0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    writes_are_read_next();
    traps_do_not_retire();
    inhibit_stops_counters();
    return 0;
}
