/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one place where the program waits for the outside: every endpoint says what it waits for. */
#include "io/io.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_NS_MAX = 100000000, POLLS_FIRST = 16 };

struct watch {
    struct pollfd *polls; /* [0] is the descriptor that wakes */
    size_t count, room;
    int64_t limit_ns;
    bool ready;        /* something is there without a descriptor */
    atomic_uint woken; /* spares the second of two wakes its system call; 0 or 1 */
};

struct watch *watch_new(void) {
    struct watch *watch = calloc(1, sizeof *watch);
    struct pollfd *polls = calloc(POLLS_FIRST, sizeof *polls);
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch == NULL || polls == NULL || wake < 0) {
        free(watch);
        free(polls);
        if (wake >= 0) {
            close(wake);
        }
        return NULL;
    }
    polls[0] = (struct pollfd){.fd = wake, .events = POLLIN};
    watch->polls = polls;
    watch->room = POLLS_FIRST;
    watch_begin(watch);
    return watch;
}

void watch_free(struct watch *watch) {
    if (watch != NULL) {
        close(watch->polls[0].fd);
        free(watch->polls);
        free(watch);
    }
}

void watch_begin(struct watch *watch) {
    watch->count = 1;
    watch->limit_ns = WAIT_NS_MAX;
    watch->ready = false;
}

/* What finds no room is not waited for, only looked at later: waits are short. */
size_t watch_add(struct watch *watch, int fd, short events) {
    if (watch->count == watch->room) {
        struct pollfd *polls = realloc(watch->polls, 2 * watch->room * sizeof *polls);
        if (polls == NULL) {
            return 0;
        }
        watch->polls = polls;
        watch->room *= 2;
    }
    watch->polls[watch->count] = (struct pollfd){.fd = fd, .events = events};
    return watch->count++;
}

void watch_limit(struct watch *watch, int64_t ns) {
    watch->limit_ns = min_i64(watch->limit_ns, max_i64(ns, 0));
}

void watch_ready(struct watch *watch) {
    watch->ready = true;
    watch->limit_ns = 0;
}

short watch_seen(const struct watch *watch, size_t idx) {
    return idx == 0 ? 0 : watch->polls[idx].revents;
}

void watch_wake(struct watch *watch) {
    static const uint64_t one = 1;
    if (!atomic_exchange(&watch->woken, 1)) {
        ensure(write(watch->polls[0].fd, &one, sizeof one) == sizeof one);
    }
}

/* The flag goes last: a wake that it swallows meanwhile is for a wait that is over, and what it was
 * about was there before. */
static void wake_take(struct watch *watch) {
    uint64_t count;
    ensure(read(watch->polls[0].fd, &count, sizeof count) == sizeof count);
    atomic_store(&watch->woken, 0);
}

/* A signal that comes between the caller's look at its flag and ppoll() would go unnoticed until
 * the end of the wait: hence the upper limit on one wait. */
bool watch_wait(struct watch *watch, int64_t timeout_ns) {
    int64_t wait_ns = max_i64(0, min_i64(timeout_ns, watch->limit_ns));
    struct timespec wait = {.tv_nsec = (long)wait_ns};
    int ready = ppoll(watch->polls, watch->count, &wait, NULL);
    if (ready <= 0) {
        for (size_t i = 0; i < watch->count; i++) {
            watch->polls[i].revents = 0;
        }
        return watch->ready;
    }
    bool woken = (watch->polls[0].revents & POLLIN) != 0;
    if (woken) {
        wake_take(watch);
    }
    return watch->ready || ready > (woken ? 1 : 0);
}
