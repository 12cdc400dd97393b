/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of bus and devices share: wires that remember, a schedule to stand on, state
 * walks. */
#ifndef TESTS_UNIT_DEV_TEST_H
#define TESTS_UNIT_DEV_TEST_H

#include <string.h>

#include "dev/dev.h"
#include "vtime_test.h"

/* -- Wires ------------------------------------------------------------------------------------- */

enum { WIRES_MAX = 64 };

/** The far ends of lines: what they were last told. */
struct wires {
    bool level[WIRES_MAX];
    unsigned changes[WIRES_MAX];
    unsigned calls[WIRES_MAX];
};

static inline void wire_set(void *owner, unsigned number, bool level) {
    struct wires *wires = owner;
    assert_true(number < WIRES_MAX);
    wires->changes[number] += wires->level[number] != level;
    wires->calls[number]++;
    wires->level[number] = level;
}

static inline struct line wire(struct wires *wires, unsigned number) {
    return (struct line){.set = wire_set, .owner = wires, .number = number};
}

/* -- Time -------------------------------------------------------------------------------------- */

enum { STEP_NS = 8, TICK_NS = 100 };

/** A schedule in which every vCPU takes 8 ns a step. */
static inline void sched_start(struct sched *sched, unsigned vcpu_count, vtime quantum_ns) {
    struct rate rates[8];
    assert_true(vcpu_count <= COUNT(rates));
    for (unsigned i = 0; i < vcpu_count; i++) {
        rates[i] = rate_from_shift(3);
    }
    struct sched_options options = {.vcpu_count = vcpu_count,
                                    .rates = rates,
                                    .quantum_ns = quantum_ns,
                                    .tick_ns = TICK_NS,
                                    .kind_count = 128};
    assert_true(sched_init(sched, &options));
}

/** Runs until @p vcpu holds the turn at position @p steps, everything due there having fired. */
static inline void run_to(struct sched *sched, unsigned vcpu, uint64_t steps) {
    for (;;) {
        struct turn turn = sched_next(sched);
        assert_true(turn.kind != TURN_IDLE);
        if (turn.kind != TURN_RUN) {
            continue;
        }
        struct clock *clock = &sched->vcpus[turn.vcpu].clock;
        if (turn.vcpu == vcpu) {
            assert_true(clock->steps <= steps);
            if (clock->steps == steps) {
                return;
            }
            turn.budget_steps = min_u64(turn.budget_steps, steps - clock->steps);
        }
        clock->steps += turn.budget_steps;
    }
}

/* -- State ------------------------------------------------------------------------------------- */

static inline uint64_t device_state_hash(const struct device_ops *ops, void *device) {
    struct state_hash hash = {0};
    struct stream stream = {.put = state_hash_put, .owner = &hash};
    ops->state(device, &stream);
    return hash.value;
}

#endif
