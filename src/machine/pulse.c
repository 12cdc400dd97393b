/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device that does nothing but fire, and notes when: what a device's timer is worth under a
 * policy of time.
 *
 * It is armed on VIRTUAL for multiples of its period, as any device would be, and so it ends rounds
 * and wakes the schedule as any device would. The time it notes is the one its handler would read.
 *
 * Periods are kept as counts of the values that came, in order: exact whatever the length of the
 * run, and in lockstep a single value. */
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

struct span_count {
    vtime span_ns;
    uint64_t count;
};

struct pulse {
    const struct sched *sched;
    struct timer timer;
    vtime period_ns;
    vtime next_ns;
    vtime last_ns; /* when it fired last; 0 before */
    struct span_count *spans;
    size_t span_count, span_room;
    uint64_t total;
};

/** The first place whose span is not below @p span_ns. */
static size_t span_place(const struct pulse *pulse, vtime span_ns) {
    size_t from = 0;
    size_t to = pulse->span_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (pulse->spans[middle].span_ns < span_ns) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static void span_add(struct pulse *pulse, vtime span_ns) {
    size_t at = span_place(pulse, span_ns);
    pulse->total++;
    if (at < pulse->span_count && pulse->spans[at].span_ns == span_ns) {
        pulse->spans[at].count++;
        return;
    }
    if (pulse->span_count == pulse->span_room) {
        size_t room = 2 * pulse->span_room + 16;
        struct span_count *spans = realloc(pulse->spans, room * sizeof *spans);
        ensure(spans != NULL);
        pulse->spans = spans;
        pulse->span_room = room;
    }
    struct span_count *place = &pulse->spans[at];
    memmove(place + 1, place, (pulse->span_count - at) * sizeof *place);
    *place = (struct span_count){.span_ns = span_ns, .count = 1};
    pulse->span_count++;
}

static void pulse_fire(void *owner) {
    struct pulse *pulse = owner;
    vtime now = max_i64(sched_now(pulse->sched), pulse->last_ns); /* free: clocks of two harts */
    span_add(pulse, now - pulse->last_ns);
    pulse->last_ns = now;
    pulse->next_ns = add_sat_i64(pulse->next_ns, pulse->period_ns);
    timer_arm(&pulse->timer, pulse->next_ns);
}

struct pulse *pulse_new(struct sched *sched, vtime period_ns) {
    struct pulse *pulse = calloc(1, sizeof *pulse);
    if (pulse == NULL) {
        return NULL;
    }
    pulse->sched = sched;
    pulse->period_ns = pulse->next_ns = period_ns;
    if (!timer_attach(&sched->timers, &pulse->timer, pulse_fire, pulse)) {
        free(pulse);
        return NULL;
    }
    timer_arm(&pulse->timer, pulse->next_ns);
    return pulse;
}

void pulse_free(struct pulse *pulse) {
    if (pulse != NULL) {
        free(pulse->spans);
        free(pulse);
    }
}

/* What it has measured is no part of the machine. */
void pulse_state(struct pulse *pulse, struct stream *stream) {
    timer_state(&pulse->timer, stream);
    if (stream_sets(stream)) {
        pulse->next_ns = pulse->timer.due_ns;
        pulse->last_ns = pulse->next_ns - pulse->period_ns;
    }
}

struct pulse_stats pulse_stats(const struct pulse *pulse) {
    struct pulse_stats stats = {.period_ns = pulse->period_ns, .count = pulse->total};
    if (pulse->total == 0) {
        return stats;
    }
    stats.sum_ns = pulse->last_ns;
    stats.min_ns = pulse->spans[0].span_ns;
    stats.max_ns = pulse->spans[pulse->span_count - 1].span_ns;
    uint64_t below = 0;
    for (size_t i = 0; i < pulse->span_count; i++) {
        const struct span_count *span = &pulse->spans[i];
        bool holds_middle =
            below <= (pulse->total - 1) / 2 && (pulse->total - 1) / 2 < below + span->count;
        stats.median_ns = holds_middle ? span->span_ns : stats.median_ns;
        stats.off_count += span->span_ns == pulse->period_ns ? 0 : span->count;
        below += span->count;
    }
    return stats;
}
