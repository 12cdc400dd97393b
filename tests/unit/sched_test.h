/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A schedule to try out: probes that write down where they fire, and what the next turn must be. */
#ifndef TESTS_UNIT_SCHED_TEST_H
#define TESTS_UNIT_SCHED_TEST_H

#include "vtime_test.h"

/**
 * Starts a schedule of @p count vCPUs of 8 ns a step; those from @p slow_idx on take 3 steps a
 * second.
 */
static inline void sched_start(struct sched *sched, unsigned count, unsigned slow_idx,
                               vtime quantum_ns) {
    struct rate rates[8];
    for (unsigned i = 0; i < count; i++) {
        rates[i] = rate_from_shift(3);
        if (i >= slow_idx && rate_parse_ips("3", &rates[i], NULL) != STATUS_OK) {
            fail_msg("no rate");
        }
    }
    assert_true(sched_init(sched, &(struct sched_options){.vcpu_count = count,
                                                          .rates = rates,
                                                          .quantum_ns = quantum_ns,
                                                          .tick_ns = 100,
                                                          .kind_count = 65536}));
}

/** Local time of a vCPU, whether it has been passed over or not. */
static inline vtime local_now(const struct sched *sched, unsigned vcpu) {
    struct clock clock = sched_clock(sched, vcpu);
    return clock_now(&clock);
}

/** What happened, and where: a line for each firing and arrival. */
struct trace {
    struct {
        char name;
        unsigned vcpu;
        uint64_t steps; /* of that vCPU; 0 between rounds */
        vtime now;
    } rows[32];
    size_t count;
};

/** Something that happens: a timer, or the end of a message. */
struct probe {
    struct timer timer;
    struct sched *sched;
    struct trace *trace;
    char name;
    struct vcpu *wakes; /* may be NULL */
};

static inline void probe_fire(void *owner) {
    struct probe *probe = owner;
    struct trace *trace = probe->trace;
    assert_true(trace->count < COUNT(trace->rows));
    unsigned current = probe->sched->current;
    trace->rows[trace->count].name = probe->name;
    trace->rows[trace->count].vcpu = current;
    trace->rows[trace->count].now = sched_now(probe->sched);
    trace->rows[trace->count++].steps =
        current == VCPU_NONE ? 0 : probe->sched->vcpus[current].clock.steps;
    if (probe->wakes != NULL) {
        vcpu_wake(probe->wakes);
    }
}

static inline void probe_arrive(void *owner, uint64_t value) {
    struct probe *probe = owner;
    char name = probe->name;
    probe->name = (char)value;
    probe_fire(probe);
    probe->name = name;
}

static inline struct probe probe_of(struct sched *sched, struct trace *trace, char name) {
    return (struct probe){.sched = sched, .trace = trace, .name = name};
}

static inline void probe_attach(struct probe *probe, struct timers *timers) {
    assert_true(timer_attach(timers, &probe->timer, probe_fire, probe));
}

static inline void probe_post(struct probe *probe, unsigned target, char name) {
    sched_connect(probe->sched, target, (uint16_t)name, probe_arrive, probe);
    sched_post(probe->sched, target, (uint16_t)name, (uint64_t)name);
}

/** Two such messages are about the same thing, whatever their values. */
static inline void probe_post_value(struct probe *probe, unsigned target, char value) {
    sched_connect(probe->sched, target, 0, probe_arrive, probe);
    sched_post(probe->sched, target, 0, (uint64_t)value);
}

/** Fails unless the oldest row is this one, and takes it off. */
static inline void expect_row(struct trace *trace, char name, unsigned vcpu, uint64_t steps,
                              vtime now) {
    if (trace->count == 0) {
        fail_msg("%c did not happen", name);
    }
    if (trace->rows[0].name != name || trace->rows[0].vcpu != vcpu ||
        trace->rows[0].steps != steps || trace->rows[0].now != now) {
        fail_msg("%c on %u at step %llu, %lld ns instead of %c on %u at step %llu, %lld ns",
                 trace->rows[0].name, trace->rows[0].vcpu, (unsigned long long)trace->rows[0].steps,
                 (long long)trace->rows[0].now, name, vcpu, (unsigned long long)steps,
                 (long long)now);
    }
    trace->count--;
    for (size_t i = 0; i < trace->count; i++) {
        trace->rows[i] = trace->rows[i + 1];
    }
}

/** Fails unless the schedule now grants exactly this; then runs @p steps of it. */
static inline void expect_run(struct sched *sched, unsigned vcpu, uint64_t budget, uint64_t steps) {
    struct turn turn = sched_next(sched);
    struct turn again = sched_next(sched);
    assert_int_equal(turn.kind, TURN_RUN);
    assert_int_equal(turn.vcpu, vcpu);
    assert_int_equal(turn.budget_steps, budget);
    assert_int_equal(again.kind, TURN_RUN);
    assert_int_equal(again.vcpu, vcpu);
    assert_int_equal(again.budget_steps, budget);
    sched->vcpus[vcpu].clock.steps += steps;
}

static inline void expect_round_end(struct sched *sched, vtime now) {
    struct turn turn = sched_next(sched);
    assert_int_equal(turn.kind, TURN_ROUND_END);
    assert_int_equal(turn.vcpu, VCPU_NONE);
    assert_int_equal(turn.until_ns, now);
    assert_int_equal(sched_virtual(sched), now);
    assert_int_equal(sched_now(sched), now);
}

static inline void expect_idle(struct sched *sched, vtime until) {
    struct turn turn = sched_next(sched);
    assert_int_equal(turn.kind, TURN_IDLE);
    assert_int_equal(turn.vcpu, VCPU_NONE);
    assert_int_equal(turn.until_ns, until);
}

/** Four vCPUs; the first three send to the last, so that the heap is not sorted by chance. */
static inline void send_four(struct sched *sched, struct probe *probe) {
    expect_run(sched, 0, 125, 0);
    probe_post(probe, 3, 'a'); /* 1000, from 0, first */
    probe_post(probe, 3, 'b'); /* 1000, from 0, second */
    sched->vcpus[0].clock.steps += 5;
    probe_post(probe, 3, 'f'); /* 1040 */
    expect_run(sched, 0, 120, 120);
    expect_run(sched, 1, 125, 2);
    probe_post(probe, 3, 'd'); /* 1016, from 1 */
    expect_run(sched, 1, 123, 123);
    expect_run(sched, 2, 125, 0);
    probe_post(probe, 3, 'c'); /* 1000, from 2 */
    sched->vcpus[2].clock.steps += 2;
    probe_post(probe, 3, 'e'); /* 1016, from 2 */
    expect_run(sched, 2, 123, 123);
}

#endif
