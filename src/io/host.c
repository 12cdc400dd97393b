/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's clocks and its entropy, read in one place. */
#include "io/io.h"

#include <sys/random.h>
#include <time.h>

static int64_t clock_ns(clockid_t id) {
    struct timespec now;
    ensure(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct host_time host_time_read(void) {
    return (struct host_time){
        .monotonic_ns = clock_ns(CLOCK_MONOTONIC),
        .wall_ns = clock_ns(CLOCK_REALTIME),
    };
}

int64_t host_monotonic_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t host_entropy(void) {
    uint64_t value = 0;
    ensure(getrandom(&value, sizeof value, 0) == (ssize_t)sizeof value);
    return value;
}

void host_sleep_ns(int64_t ns) {
    nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}
