/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local clock of one vCPU: a function of its steps and its sleeps, and of nothing else. */
#include "vtime/vtime.h"

#include <assert.h>

void clock_init(struct clock *clock, struct rate rate) {
    assert(rate.part < rate.parts && rate.whole_ns + rate.part > 0);
    *clock = (struct clock){.rate = rate};
}

vtime clock_now(const struct clock *clock) {
    assert(clock->steps >= clock->base_steps);
    return add_sat_i64(clock->base_ns, rate_ns(&clock->rate, clock->steps - clock->base_steps));
}

/* A sleep adds to base_ns, so the present line of time, drawn back to before the sleep, lies too
 * high: it may claim that `due` came earlier than it did. The position of the sleep itself is then
 * the true answer. */
uint64_t clock_arrival(const struct clock *clock, vtime due) {
    if (due == VTIME_NEVER) {
        return UINT64_MAX;
    }
    uint64_t steps = rate_steps(&clock->rate, add_sat_i64(due, -clock->base_ns));
    uint64_t position = add_sat_u64(clock->base_steps, steps);
    return position > clock->slept_steps ? position : clock->slept_steps;
}

uint64_t clock_position(const struct clock *clock, vtime due) {
    uint64_t position = clock_arrival(clock, due);
    return position > clock->steps ? position : clock->steps;
}

void clock_sleep(struct clock *clock, vtime until) {
    vtime now = clock_now(clock);
    if (until > now) {
        clock->base_ns += until - now;
        clock->slept_steps = clock->steps;
    }
}

void clock_set_rate(struct clock *clock, struct rate rate) {
    clock->base_ns = clock_now(clock);
    clock->base_steps = clock->steps;
    clock->rate = rate;
}

/* What came before is not asked again, so a clock that is set has slept last where it stands. */
void clock_state(struct clock *clock, struct stream *stream) {
    struct rate *rate = &clock->rate;
    stream_u64(stream, &rate->whole_ns);
    stream_u64(stream, &rate->part);
    stream_u64(stream, &rate->parts);
    stream_u64(stream, &clock->steps);
    stream_u64(stream, &clock->base_steps);
    stream_s64(stream, &clock->base_ns);
    if (stream_sets(stream)) {
        clock->slept_steps = clock->steps;
        if (!stream_expect(stream, rate_valid(rate) && clock->base_steps <= clock->steps,
                           "holds a clock that runs backwards")) {
            clock_init(clock, rate_from_shift(3));
        }
    }
}
