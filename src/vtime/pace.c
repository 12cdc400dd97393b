/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pace: VIRTUAL beside the host's clock, for align=on and shift=auto.
 *
 * align=on never changes what a step costs: whoever is ahead of the host's clock is told how long
 * to wait. shift=auto changes it, now and then, so that VIRTUAL meets the host's clock one interval
 * later if the host keeps up the speed of the last one; but never so that VIRTUAL goes at less than
 * a quarter of the host's speed or more than four times it, or a round would take too long, and a
 * hiccup of the host would throw it about. An interval in which little ran says nothing about the
 * speed, and changes nothing. */
#include "vtime/vtime.h"

enum {
    FIRST_INTERVAL_NS = 1000000,
    INTERVAL_NS = 20000000,
    BEND = 4,
    STEPS_MIN = 100000,
    PARTS = 1000000,       /* of a nanosecond, in which rates are found */
    COST_MIN_PARTS = 1000, /* 0.001 ns */
    COST_MAX_NS = 1024
};

vtime pace_lead(struct pace *pace, vtime virtual_ns, int64_t virtual_rt_ns) {
    vtime lead = add_sat_i64(virtual_ns, -virtual_rt_ns);
    pace->ahead_max_ns = max_i64(pace->ahead_max_ns, lead);
    pace->behind_max_ns = max_i64(pace->behind_max_ns, -lead);
    return lead;
}

static struct rate rate_of(int64_t ns, uint64_t steps) {
    uint64_t whole = (uint64_t)ns / steps;
    uint64_t part = (uint64_t)((unsigned __int128)((uint64_t)ns % steps) * PARTS / steps);
    if (whole >= COST_MAX_NS) {
        return (struct rate){.whole_ns = COST_MAX_NS, .parts = 1};
    }
    part = whole == 0 && part < COST_MIN_PARTS ? COST_MIN_PARTS : part;
    return (struct rate){.whole_ns = whole, .part = part, .parts = PARTS};
}

bool pace_adapt(struct pace *pace, vtime virtual_ns, int64_t virtual_rt_ns, uint64_t steps,
                struct rate *rate) {
    int64_t passed_ns = virtual_rt_ns - pace->since_rt_ns;
    uint64_t ran_steps = steps - pace->since_steps;
    if (passed_ns < (pace->adapted ? INTERVAL_NS : FIRST_INTERVAL_NS)) {
        return false;
    }
    pace->since_rt_ns = virtual_rt_ns;
    pace->since_steps = steps;
    vtime wanted_ns = passed_ns - pace_lead(pace, virtual_ns, virtual_rt_ns);
    if (ran_steps < STEPS_MIN) {
        return false;
    }
    wanted_ns = max_i64(min_i64(wanted_ns, BEND * passed_ns), passed_ns / BEND);
    *rate = rate_of(wanted_ns, ran_steps);
    pace->adapted = true;
    return true;
}
