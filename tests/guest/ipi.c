/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A software interrupt from one hart to another arrives at the sender's time + quantum, at the
 * receiver's first position at or after that; to itself at once (law 10). The quantum is 20,000 ns,
 * a step 8 ns.
 *
 * expect: exit 0
 * harts: 2 3 4
 * chaos: no
 * args: --quantum 20000 */
#include "guest.h"

enum { ROUNDS = 200, QUANTUM_NS = 20000 };

static volatile uint64_t received[4]; /* position at which each hart's handler began */
static volatile uint64_t ready[4];    /* rounds for which each hart waits */

__asm__(".option push\n.option norvc\n.balign 4\n"
        "ipi_handler:\n"
        "    csrr  t0, mcycle\n"
        "    csrr  t1, mhartid\n"
        "    slli  t1, t1, 2\n"
        "    li    t2, 0x2000000\n"
        "    add   t2, t2, t1\n"
        "    sw    zero, 0(t2)\n"
        "    la    t2, received\n"
        "    slli  t1, t1, 1\n"
        "    add   t2, t2, t1\n"
        "    sd    t0, 0(t2)\n"
        "    mret\n"
        ".option pop\n");
extern char ipi_handler[];

/** Sends, and returns the position of the instruction that did. */
static uint64_t send(uint64_t target) {
    uint64_t position;
    __asm__ volatile(".option push\n.option norvc\n csrr %0, mcycle\n sw %1, 0(%2)\n.option pop"
                     : "=&r"(position)
                     : "r"(1), "r"(&MSIP(target))
                     : "t0", "t1", "t2", "memory");
    return position + 1;
}

/** Spins in registers that the handler leaves alone, until round @p round has come in. */
static void receive(uint64_t hart, uint64_t round) {
    ready[hart] = round;
    while (received[hart] == 0) {
        __asm__ volatile("" ::: "t0", "t1", "t2", "memory");
    }
}

static void receiver(uint64_t hart) {
    for (uint64_t round = 1;; round++) {
        receive(hart, round);
        while (received[hart] != 0) { /* until hart 0 has looked */
            __asm__ volatile("" ::: "t0", "t1", "t2", "memory");
        }
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    csr_write(mtvec, ipi_handler);
    csr_write(mie, 8);
    csr_set(mstatus, 8);
    if (hart != 0) {
        receiver(hart);
    }
    uint64_t sent = send(0);
    check(received[0] == sent + 1);
    uint64_t seed = 521288629;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        while (ready[1] != round) {
        }
        for (uint64_t pause = random_next(&seed) % 5000; pause > 0; pause--) {
            __asm__ volatile("");
        }
        sent = send(1);
        while (received[1] == 0) {
        }
        /* Both clocks started together and nobody sleeps: 8 ns a step on both sides. */
        check(received[1] * 8 == sent * 8 + QUANTUM_NS);
        received[1] = 0;
    }
    return 0;
}
