/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest to be debugged: each hart sums up squares in an account of its own, then one waits. */
#include "../../guest/marker.h"
#include "guest.h"

enum { ROUNDS = 1000, ACCOUNTS = 8, NAP_TICKS = 100000 };

/** How long it waits at the end [mtime]. */
#ifndef WAIT_TICKS
#define WAIT_TICKS 0
#endif

struct account {
    uint64_t sum;
    uint32_t calls;
};

struct account accounts[ACCOUNTS];
uint64_t finished;
volatile uint64_t looked_at;
const char greeting[] = "executed instructions are the clock";

__attribute__((noipa)) uint64_t square(uint64_t number) {
    return number * number;
}

__attribute__((noipa)) void work(uint64_t hart, uint64_t round) {
    struct account *account = &accounts[hart];
    account->sum += square(round);
    account->calls++;
    SANDGLASS_MARKER(3);
}

static void rest(void) {
    uint64_t until = MTIME + WAIT_TICKS;
    csr_set(mie, 1 << 7);
    while (MTIME < until) {
        MTIMECMP(0) = MTIME + NAP_TICKS;
        __asm__ volatile("wfi");
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    for (uint64_t round = 0; round < ROUNDS; round++) {
        work(hart, round);
        looked_at = looked_at;
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (hart != 0) {
        __asm__ volatile("wfi");
    }
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < harts_count(device_tree)) {
    }
    rest();
    for (uint64_t i = 0; i < finished; i++) {
        check(accounts[i].sum == 332833500 && accounts[i].calls == ROUNDS);
    }
    return 0;
}
