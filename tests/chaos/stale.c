/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small kernel that uses memory after it has been freed. Hart 0 counts what goes through
 * connections; hart 1 closes them and opens others. Both find a connection under the lock of the
 * table, but hart 0 lets go of it before it is done. */
#include "guest.h"

enum { SLOTS = 4, POOL = 8, PACKETS = 60, REOPENINGS = 20, WORK = 300 };
enum { MAGIC_OPEN = 0x6e65706f, MAGIC_FREE = 0x65657266 };

struct connection {
    volatile uint32_t magic;
    uint32_t packets;
    struct connection *next; /* in the pool */
};

static struct connection pool[POOL], *unused;
static struct connection *table[SLOTS];
static uint32_t pool_lock, table_lock;
static volatile uint32_t ready, finished;

/* -- Locks ------------------------------------------------------------------------------------- */

static void lock(uint32_t *lock) {
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0) {
    }
}

static void unlock(uint32_t *lock) {
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* -- The pool ---------------------------------------------------------------------------------- */

__attribute__((noipa)) static struct connection *connection_new(void) {
    lock(&pool_lock);
    struct connection *connection = unused;
    unused = connection->next;
    unlock(&pool_lock);
    connection->packets = 0;
    connection->magic = MAGIC_OPEN;
    return connection;
}

__attribute__((noipa)) static void connection_free(struct connection *connection) {
    connection->magic = MAGIC_FREE;
    lock(&pool_lock);
    connection->next = unused;
    unused = connection;
    unlock(&pool_lock);
}

/* -- What the harts do ------------------------------------------------------------------------- */

__attribute__((noipa)) static void work(uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; i++) {
        __asm__ volatile("");
    }
}

__attribute__((noipa)) static void packet_count(unsigned slot) {
    lock(&table_lock);
    struct connection *connection = table[slot];
    unlock(&table_lock); /* too early */
    connection->packets++;
    if (connection->magic != MAGIC_OPEN) {
        guest_end(2);
    }
}

__attribute__((noipa)) static void reopen(unsigned slot) {
    struct connection *fresh = connection_new();
    lock(&table_lock);
    struct connection *closed = table[slot];
    table[slot] = fresh;
    unlock(&table_lock);
    connection_free(closed);
}

static void prepare(void) {
    for (unsigned i = 0; i < POOL; i++) {
        connection_free(&pool[i]);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        table[i] = connection_new();
    }
    ready = 1;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    uint64_t random = hart + 1;
    if (hart == 0) {
        prepare();
    }
    while (ready == 0) {
    }
    for (unsigned i = 0; i < (hart == 0 ? PACKETS : REOPENINGS); i++) {
        work(random_next(&random) % (hart == 0 ? WORK : 3 * WORK));
        if (hart == 0) {
            packet_count((unsigned)(random_next(&random) % SLOTS));
        } else {
            reopen((unsigned)(random_next(&random) % SLOTS));
        }
    }
    for (finished = finished + hart; hart != 0;) {
    }
    while (finished == 0) {
    }
    return 0;
}
