/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A defect that hardly ever shows: two harts pay into one account, now and then, and nothing keeps
 * one from paying between the other's load and its store. Hart 0 pays ones, hart 1 hundreds. */
#include "guest.h"

enum { PAYMENTS = 3, WORK = 1500 };

volatile uint64_t balance;
static uint64_t finished;

__attribute__((noipa)) static void work(uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; i++) {
        __asm__ volatile("");
    }
}

__attribute__((noipa)) static void pay(uint64_t amount) {
    uint64_t loaded = balance;
    balance = loaded + amount;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    uint64_t random = hart + 1;
    for (unsigned i = 0; i < PAYMENTS; i++) {
        work(random_next(&random) % WORK);
        pay(hart == 0 ? 1 : 100);
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (hart != 0 || __atomic_load_n(&finished, __ATOMIC_SEQ_CST) < 2) {
    }
    return balance == PAYMENTS * 101 ? 0 : 1;
}
