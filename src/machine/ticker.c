/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that calls again and again. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "io/io.h"
#include "machine/ticker.h"

enum { TICK_NS = 1000000 };

struct ticker {
    void (*tick)(void *owner);
    void *owner;
    atomic_bool ends;
    pthread_t thread;
};

static void *ticker_run(void *of) {
    struct ticker *ticker = of;
    while (!atomic_load(&ticker->ends)) {
        host_sleep_ns(TICK_NS);
        ticker->tick(ticker->owner);
    }
    return NULL;
}

struct ticker *ticker_new(void (*tick)(void *owner), void *owner) {
    struct ticker *ticker = calloc(1, sizeof *ticker);
    if (ticker == NULL) {
        return NULL;
    }
    ticker->tick = tick;
    ticker->owner = owner;
    if (pthread_create(&ticker->thread, NULL, ticker_run, ticker) != 0) {
        free(ticker);
        return NULL;
    }
    return ticker;
}

void ticker_free(struct ticker *ticker) {
    if (ticker != NULL) {
        atomic_store(&ticker->ends, true);
        pthread_join(ticker->thread, NULL);
        free(ticker);
    }
}
