/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two harts move money between two accounts, one there, one back, and each locks first what it
 * takes from: sooner or later each holds one lock and waits for the other. Who waits sleeps until
 * whoever unlocks wakes it, or with SPINS tries again and again. */
#include "guest.h"

enum { MOVES = 2, WORK = 2000 };

struct account {
    volatile int32_t holder; /* -1: nobody */
    volatile uint32_t waiting[2];
    uint64_t balance;
};

struct account accounts[2] = {{.holder = -1, .balance = 1000}, {.holder = -1, .balance = 1000}};
static uint64_t finished;

static int try_lock(struct account *account, int32_t hart) {
    int32_t nobody = -1;
    return __atomic_compare_exchange_n(&account->holder, &nobody, hart, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* It says that it waits before it looks, so whoever unlocks in between wakes it. */
__attribute__((noipa)) static void account_lock(struct account *account, int32_t hart) {
    while (!try_lock(account, hart)) {
#ifndef SPINS
        MSIP(hart) = 0;
        __atomic_store_n(&account->waiting[hart], 1, __ATOMIC_SEQ_CST);
        if (try_lock(account, hart)) {
            break;
        }
        __asm__ volatile("wfi");
#endif
    }
    account->waiting[hart] = 0;
}

__attribute__((noipa)) static void account_unlock(struct account *account, int32_t hart) {
    __atomic_store_n(&account->holder, -1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&account->waiting[hart ^ 1], __ATOMIC_SEQ_CST) != 0) {
        MSIP(hart ^ 1) = 1;
    }
}

__attribute__((noipa)) static void move(struct account *from, struct account *to, int32_t hart) {
    account_lock(from, hart);
    account_lock(to, hart);
    from->balance--;
    to->balance++;
    account_unlock(to, hart);
    account_unlock(from, hart);
}

__attribute__((noipa)) static void work(uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; i++) {
        __asm__ volatile("");
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    uint64_t random = hart + 1;
    csr_write(mie, 8); /* software interrupts end a wfi; mstatus.MIE stays 0, so none is taken */
    for (unsigned i = 0; i < MOVES; i++) {
        work(random_next(&random) % WORK);
        move(&accounts[hart], &accounts[hart ^ 1], (int32_t)hart);
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (hart != 0 || __atomic_load_n(&finished, __ATOMIC_SEQ_CST) < 2) {
    }
    return accounts[0].balance + accounts[1].balance == 2000 ? 0 : 1;
}
