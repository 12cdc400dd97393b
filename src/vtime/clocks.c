/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four clocks, and how a sleep of the whole machine follows real time. Host readings come in as
 * arguments. */
#include "vtime/vtime.h"

#include <assert.h>

void clocks_init(struct clocks *clocks, struct host_time host) {
    *clocks = (struct clocks){
        .running = false,
        .paused_ns = host.monotonic_ns,
        .pause_from_ns = host.monotonic_ns,
    };
}

void clocks_resume(struct clocks *clocks, struct host_time host) {
    if (!clocks->running) {
        clocks->paused_ns += host.monotonic_ns - clocks->pause_from_ns;
        clocks->running = true;
    }
}

void clocks_pause(struct clocks *clocks, struct host_time host) {
    if (clocks->running) {
        clocks->pause_from_ns = host.monotonic_ns;
        clocks->running = false;
    }
}

static int64_t virtual_rt(const struct clocks *clocks, struct host_time host) {
    return (clocks->running ? host.monotonic_ns : clocks->pause_from_ns) - clocks->paused_ns;
}

int64_t clocks_read(const struct clocks *clocks, enum clock_kind kind, struct host_time host,
                    vtime virtual_now) {
    const int64_t readings[] = {
        [CLOCKS_REALTIME] = host.monotonic_ns,
        [CLOCKS_HOST] = host.wall_ns,
        [CLOCKS_VIRTUAL] = virtual_now,
        [CLOCKS_VIRTUAL_RT] = virtual_rt(clocks, host),
    };
    assert((size_t)kind < COUNT(readings));
    return readings[kind];
}

vtime idle_now(const struct idle *idle, int64_t virtual_rt_ns) {
    assert(idle->from_ns <= idle->until_ns);
    int64_t elapsed_ns = max_i64(virtual_rt_ns - idle->from_rt_ns, 0);
    return min_i64(add_sat_i64(idle->from_ns, elapsed_ns), idle->until_ns);
}

int64_t idle_left_ns(const struct idle *idle, int64_t virtual_rt_ns) {
    if (idle->until_ns == VTIME_NEVER) {
        return INT64_MAX;
    }
    return idle->until_ns - idle_now(idle, virtual_rt_ns);
}
