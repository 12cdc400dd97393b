/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lockstep by example: who runs which positions, and where each deadline and message comes.
 * link: -Wl,--wrap=calloc,--wrap=realloc */
#define _POSIX_C_SOURCE 200809L

#include "vtime_test.h"

#include <sys/wait.h>
#include <unistd.h>

static bool memory_is_out;

void *__real_calloc(size_t count, size_t size_bytes);
void *__wrap_calloc(size_t count, size_t size_bytes);
void *__real_realloc(void *old, size_t size_bytes);
void *__wrap_realloc(void *old, size_t size_bytes);

void *__wrap_calloc(size_t count, size_t size_bytes) {
    return memory_is_out ? NULL : __real_calloc(count, size_bytes);
}

void *__wrap_realloc(void *old, size_t size_bytes) {
    return memory_is_out ? NULL : __real_realloc(old, size_bytes);
}

/* -- A schedule and what it does ---------------------------------------------------------------- */

/** Starts a schedule of @p count vCPUs of 8 ns a step; those from @p slow_idx on take 3 steps a second. */
static void sched_start(struct sched *sched, unsigned count, unsigned slow_idx, vtime quantum_ns) {
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
                                                          .tick_ns = 100}));
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

static void probe_fire(void *owner) {
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

static void probe_arrive(void *owner, uint64_t value) {
    struct probe *probe = owner;
    char name = probe->name;
    probe->name = (char)value;
    probe_fire(probe);
    probe->name = name;
}

static struct probe probe_of(struct sched *sched, struct trace *trace, char name) {
    return (struct probe){.sched = sched, .trace = trace, .name = name};
}

static void probe_attach(struct probe *probe, struct timers *timers) {
    assert_true(timer_attach(timers, &probe->timer, probe_fire, probe));
}

static void probe_post(struct probe *probe, unsigned target, char name) {
    struct post post = {.arrive = probe_arrive, .owner = probe, .value = (uint64_t)name};
    sched_post(probe->sched, target, &post);
}

/** Fails unless the oldest row is this one, and takes it off. */
static void expect_row(struct trace *trace, char name, unsigned vcpu, uint64_t steps, vtime now) {
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
static void expect_run(struct sched *sched, unsigned vcpu, uint64_t budget, uint64_t steps) {
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

static void expect_round_end(struct sched *sched, vtime now) {
    struct turn turn = sched_next(sched);
    assert_int_equal(turn.kind, TURN_ROUND_END);
    assert_int_equal(turn.vcpu, VCPU_NONE);
    assert_int_equal(turn.until_ns, now);
    assert_int_equal(sched_virtual(sched), now);
    assert_int_equal(sched_now(sched), now);
}

static void expect_idle(struct sched *sched, vtime until) {
    struct turn turn = sched_next(sched);
    assert_int_equal(turn.kind, TURN_IDLE);
    assert_int_equal(turn.vcpu, VCPU_NONE);
    assert_int_equal(turn.until_ns, until);
}

/* -- Rounds ------------------------------------------------------------------------------------- */

static void a_round_runs_the_steps_before_its_end(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 100);
    expect_run(&sched, 0, 13, 13);
    expect_run(&sched, 1, 13, 13);
    expect_round_end(&sched, 100);
    expect_run(&sched, 0, 12, 5); /* stopping early loses nothing */
    assert_int_equal(sched_now(&sched), 144);
    expect_run(&sched, 0, 7, 7);
    expect_run(&sched, 1, 12, 12);
    assert_int_equal(sched_steps(&sched), 50);
    assert_int_equal(sched_virtual(&sched), 100);
    expect_round_end(&sched, 200);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

static void a_device_deadline_ends_the_round(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 100);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'd');
    probe_attach(&probe, &sched.timers);
    timer_arm(&probe.timer, 150);
    expect_run(&sched, 0, 13, 13);
    expect_run(&sched, 1, 13, 13);
    expect_round_end(&sched, 100);
    expect_run(&sched, 0, 6, 6);
    expect_run(&sched, 1, 6, 6);
    expect_round_end(&sched, 150);
    expect_row(&trace, 'd', VCPU_NONE, 0, 150);
    assert_int_equal(clock_now(&sched.vcpus[0].clock), 152);
    expect_run(&sched, 0, 13, 0);
    assert_int_equal(sched.fired_count, 1);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

static void a_slow_vcpu_waits_for_the_rounds(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 1, 250000000);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'm');
    expect_run(&sched, 0, 31250000, 125); /* at 1000 ns: a message, to arrive at 250001000 */
    probe_post(&probe, 1, 'm');
    expect_run(&sched, 0, 31249875, 31249875);
    expect_run(&sched, 1, 1, 1); /* position 0; position 1 lies at 333333333 */
    expect_round_end(&sched, 250000000);
    expect_run(&sched, 0, 31250000, 31250000);
    assert_int_equal(trace.count, 0);
    expect_run(&sched, 1, 1, 1);
    expect_row(&trace, 'm', 1, 1, 333333333); /* in its round, at the first position after it */
    expect_round_end(&sched, 500000000);
    expect_run(&sched, 0, 31250000, 31250000);
    expect_run(&sched, 1, 1, 1);
    expect_round_end(&sched, 750000000);
    expect_run(&sched, 0, 31250000, 31250000);
    expect_round_end(&sched, 1000000000); /* position 3 lies at 10^9: none in this round */
    expect_run(&sched, 0, 31250000, 0);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

static void rounds_without_a_step_are_passed_in_one(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 1, 1000);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'w');
    probe.wakes = &sched.vcpus[0];
    probe_attach(&probe, &sched.vcpus[0].timers);
    vcpu_sleep(&sched.vcpus[0]);
    expect_run(&sched, 1, 1, 1);
    expect_round_end(&sched, 1000);
    expect_round_end(&sched, 333333000);
    expect_run(&sched, 1, 1, 1);
    expect_round_end(&sched, 333334000);
    timer_arm(&probe.timer, 400000000);
    expect_round_end(&sched, 400000000); /* up to a sleeper's deadline, and not one round more */
    expect_row(&trace, 'w', VCPU_NONE, 0, 400000000);
    expect_run(&sched, 0, 125, 125);
    expect_round_end(&sched, 400001000);
    vcpu_sleep(&sched.vcpus[0]);
    sched.stop_ns = 600000001;
    expect_round_end(&sched, 600000000);
    expect_round_end(&sched, 600000001);
    assert_int_equal(sched.vcpus[0].idle_ns, 600000001 - 1000);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

static void a_stop_ends_a_round_and_holds_all(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 100);
    sched.stop_ns = 0;
    expect_round_end(&sched, 0);
    sched.stop_ns = 42;
    expect_run(&sched, 0, 6, 6);
    expect_run(&sched, 1, 6, 6);
    expect_round_end(&sched, 42);
    expect_round_end(&sched, 42);
    sched.stop_ns = VTIME_NEVER;
    expect_run(&sched, 0, 12, 12); /* positions 6 to 17: 48 to 136 ns */
    expect_run(&sched, 1, 12, 12);
    expect_round_end(&sched, 142);
    sched_free(&sched);
}

static void time_ends_before_never(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 1, 1, 100);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'm');
    vcpu_sleep(&sched.vcpus[0]);
    expect_idle(&sched, VTIME_NEVER);
    sched_skip(&sched, VTIME_NEVER - 30);
    vcpu_wake(&sched.vcpus[0]);
    expect_run(&sched, 0, 4, 4);
    expect_round_end(&sched, VTIME_NEVER - 1);
    expect_idle(&sched, VTIME_NEVER);
    expect_idle(&sched, VTIME_NEVER);
    probe_post(&probe, 0, 'm');
    expect_row(&trace, 'm', VCPU_NONE, 0, VTIME_NEVER - 1);
    sched_free(&sched);
}

/* -- Deadlines ---------------------------------------------------------------------------------- */

static void a_device_deadline_armed_in_a_turn_fires_in_it(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct trace trace = {.count = 0};
    struct probe in = probe_of(&sched, &trace, 'i');
    struct probe end = probe_of(&sched, &trace, 'e');
    struct probe past = probe_of(&sched, &trace, 'p');
    probe_attach(&in, &sched.timers);
    probe_attach(&end, &sched.timers);
    probe_attach(&past, &sched.timers);
    expect_run(&sched, 0, 125, 10);
    timer_arm(&in.timer, 199);   /* position 25, at 200 ns */
    timer_arm(&end.timer, 1000); /* the end of the round: for all */
    sched.vcpus[0].clock.steps++;
    expect_run(&sched, 0, 14, 14);
    expect_run(&sched, 0, 100, 5);
    expect_row(&trace, 'i', 0, 25, 200);
    timer_arm(&past.timer, 17); /* by the instruction at position 30: fires before the next */
    sched.vcpus[0].clock.steps++;
    expect_run(&sched, 0, 94, 94);
    expect_row(&trace, 'p', 0, 31, 248);
    expect_run(&sched, 1, 125, 124);
    timer_arm(&in.timer, 999); /* by the last instruction of the turn */
    sched.vcpus[1].clock.steps++;
    expect_round_end(&sched, 1000);
    expect_row(&trace, 'i', 1, 125, 1000);
    expect_row(&trace, 'e', VCPU_NONE, 0, 1000);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

static void deadlines_of_devices_and_of_the_vcpu_keep_arming_order(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct trace trace = {.count = 0};
    struct probe device = probe_of(&sched, &trace, 'd');
    struct probe local = probe_of(&sched, &trace, 'l');
    struct probe other = probe_of(&sched, &trace, 'o');
    probe_attach(&device, &sched.timers);
    probe_attach(&local, &sched.vcpus[0].timers);
    probe_attach(&other, &sched.vcpus[1].timers);
    timer_arm(&other.timer, 100);
    expect_run(&sched, 0, 125, 0);
    timer_arm(&device.timer, 100);
    timer_arm(&local.timer, 100);
    expect_run(&sched, 0, 13, 13);
    expect_run(&sched, 0, 112, 0);
    expect_row(&trace, 'd', 0, 13, 104);
    expect_row(&trace, 'l', 0, 13, 104);
    timer_arm(&local.timer, 200);
    timer_arm(&device.timer, 200);
    expect_run(&sched, 0, 12, 12);
    expect_run(&sched, 0, 100, 100);
    expect_row(&trace, 'l', 0, 25, 200);
    expect_row(&trace, 'd', 0, 25, 200);
    expect_run(&sched, 1, 13, 13);
    expect_run(&sched, 1, 112, 112);
    expect_row(&trace, 'o', 1, 13, 104);
    expect_round_end(&sched, 1000);
    timer_arm(&other.timer, 1000); /* between rounds: at once, by order over all heaps */
    timer_arm(&device.timer, 900);
    timer_arm(&local.timer, 1000);
    expect_run(&sched, 0, 125, 0);
    expect_row(&trace, 'd', VCPU_NONE, 0, 1000);
    expect_row(&trace, 'o', VCPU_NONE, 0, 1000);
    expect_row(&trace, 'l', VCPU_NONE, 0, 1000);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

/* -- Messages ----------------------------------------------------------------------------------- */

static void a_message_takes_one_quantum(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 100);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    probe_post(&probe, 1, 'b'); /* between rounds: at once */
    expect_row(&trace, 'b', VCPU_NONE, 0, 0);
    expect_run(&sched, 0, 13, 3);
    probe_post(&probe, 0, 's'); /* to oneself: at once */
    expect_row(&trace, 's', 0, 3, 24);
    probe_post(&probe, 1, 'x'); /* sent at 24, arrives at 124: position 16, at 128 */
    expect_run(&sched, 0, 10, 10);
    expect_run(&sched, 1, 13, 0);
    probe_post(&probe, 0, 'y'); /* sent at 0, arrives at 100: at the round's end */
    expect_run(&sched, 1, 13, 12);
    probe_post(&probe, 0, 'z'); /* sent at 96, arrives at 196: position 25, at 200 */
    expect_run(&sched, 1, 1, 1);
    assert_int_equal(trace.count, 0);
    expect_round_end(&sched, 100);
    expect_row(&trace, 'y', VCPU_NONE, 0, 100);
    expect_run(&sched, 0, 12, 12);
    expect_run(&sched, 1, 3, 3);
    expect_row(&trace, 'z', 0, 25, 200);
    expect_run(&sched, 1, 9, 9);
    expect_row(&trace, 'x', 1, 16, 128);
    expect_round_end(&sched, 200);
    assert_int_equal(trace.count, 0);
    sched_free(&sched);
}

/** Four vCPUs; the first three send to the last, so that the heap is not sorted by chance. */
static void send_four(struct sched *sched, struct probe *probe) {
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

static void messages_arrive_by_time_sender_and_order(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 4, 4, 1000);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    struct probe local = probe_of(&sched, &trace, 'l');
    send_four(&sched, &probe);
    expect_run(&sched, 3, 125, 0);
    probe_attach(&local, &sched.vcpus[3].timers);
    timer_arm(&local.timer, 1016);
    expect_run(&sched, 3, 125, 125);
    expect_round_end(&sched, 1000);
    expect_row(&trace, 'a', VCPU_NONE, 0, 1000);
    expect_row(&trace, 'b', VCPU_NONE, 0, 1000);
    expect_row(&trace, 'c', VCPU_NONE, 0, 1000);
    vcpu_sleep(&sched.vcpus[0]);
    vcpu_sleep(&sched.vcpus[1]);
    vcpu_sleep(&sched.vcpus[2]);
    expect_run(&sched, 3, 2, 2);
    expect_run(&sched, 3, 3, 3);
    expect_row(&trace, 'l', 3, 127, 1016); /* deadlines before messages */
    expect_row(&trace, 'd', 3, 127, 1016);
    expect_row(&trace, 'e', 3, 127, 1016);
    expect_run(&sched, 3, 120, 120);
    expect_row(&trace, 'f', 3, 130, 1040);
    sched_free(&sched);
}

/** Where the relay hears of it, it sends on to vCPU 2. */
struct relay {
    struct probe probe;
    char name;
};

static void relay_fire(void *owner) {
    struct relay *relay = owner;
    probe_post(&relay->probe, 2, relay->name);
}

static void at_one_time_the_lower_sender_comes_first(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 3, 1, 100000000);
    struct trace trace = {.count = 0};
    struct relay fast = {probe_of(&sched, &trace, '-'), 'f'};
    struct relay slow = {probe_of(&sched, &trace, '-'), 's'};
    assert_true(timer_attach(&sched.vcpus[0].timers, &fast.probe.timer, relay_fire, &fast));
    assert_true(timer_attach(&sched.vcpus[1].timers, &slow.probe.timer, relay_fire, &slow));
    timer_arm(&fast.probe.timer, 333333333); /* both send at this time, */
    timer_arm(&slow.probe.timer, 150000000); /* but this one in an earlier round */
    vcpu_sleep(&sched.vcpus[0]);
    vcpu_sleep(&sched.vcpus[2]);
    expect_run(&sched, 1, 1, 1);
    expect_round_end(&sched, 100000000);
    expect_round_end(&sched, 200000000);
    expect_round_end(&sched, 300000000);
    expect_run(&sched, 1, 1, 1);
    expect_round_end(&sched, 400000000);
    expect_round_end(&sched, 500000000);
    expect_row(&trace, 'f', 2, 0, 433333333);
    expect_row(&trace, 's', 2, 0, 433333333);
    sched_free(&sched);
}

/** A sender's time, itself and its count: what decides when its message arrives. */
struct key {
    vtime at_ns;
    uint64_t count;
    struct sched *sched;
    unsigned arrived_count;
};

static void key_arrive(void *owner, uint64_t value) {
    struct key *last = owner;
    vtime at = (vtime)(value >> 20);
    assert_true(last->arrived_count == 0 || at > last->at_ns ||
                (at == last->at_ns && value % (1 << 20) > last->count));
    last->at_ns = at;
    last->count = value % (1 << 20);
    last->arrived_count++;
}

static void crowded_inboxes_keep_their_order(void **state) {
    (void)state;
    struct random random = random_start(9);
    struct key last = {.arrived_count = 0};
    struct post post = {.arrive = key_arrive, .owner = &last};
    struct sched sched;
    uint64_t count = 0;
    sched_start(&sched, 8, 8, 1000);
    while (sched.start_ns < 100000) {
        struct turn turn = sched_next(&sched);
        if (turn.kind != TURN_RUN) {
            continue;
        }
        struct clock *clock = &sched.vcpus[turn.vcpu].clock;
        clock->steps += 1 + random_below(&random, turn.budget_steps);
        if (turn.vcpu != 7 && clock_now(clock) < sched.end_ns) {
            post.value = (uint64_t)(clock_now(clock) + 1000) << 20 | count++;
            sched_post(&sched, 7, &post);
        }
    }
    expect(last.arrived_count > 1000, &random, "only %u messages", last.arrived_count);
    sched_free(&sched);
}

static void between_rounds_all_receivers_are_one_queue(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 3, 3, 100);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    expect_run(&sched, 0, 13, 0);
    probe_post(&probe, 2, 'a');
    probe_post(&probe, 1, 'b');
    expect_run(&sched, 0, 13, 13);
    expect_run(&sched, 1, 13, 0);
    probe_post(&probe, 0, 'c');
    probe_post(&probe, 2, 'd');
    expect_run(&sched, 1, 13, 13);
    expect_run(&sched, 2, 13, 13);
    expect_round_end(&sched, 100);
    for (char name = 'a'; name <= 'd'; name++) {
        expect_row(&trace, name, VCPU_NONE, 0, 100);
    }
    sched_free(&sched);
}

/* -- Sleeping ----------------------------------------------------------------------------------- */

static void a_vcpu_sleeps_and_wakes_inside_its_turn(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'w');
    probe.wakes = &sched.vcpus[0];
    probe_attach(&probe, &sched.vcpus[0].timers);
    expect_run(&sched, 0, 125, 10);
    timer_arm(&probe.timer, 333);
    vcpu_sleep(&sched.vcpus[0]);
    expect_run(&sched, 0, 84, 84); /* from 333: positions 10 to 93, the last at 997 */
    expect_row(&trace, 'w', 0, 10, 333);
    assert_int_equal(sched.vcpus[0].idle_ns, 253);
    vcpu_sleep(&sched.vcpus[0]);
    expect_run(&sched, 1, 125, 125);
    assert_int_equal(clock_now(&sched.vcpus[0].clock), 1005);
    expect_round_end(&sched, 1000);
    expect_run(&sched, 1, 125, 125); /* vCPU 0 sleeps on: to the end of the round */
    assert_int_equal(clock_now(&sched.vcpus[0].clock), 2000);
    assert_int_equal(sched.vcpus[0].idle_ns, 253 + 995);
    assert_int_equal(sched.vcpus[0].clock.steps, 94);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

static void when_all_sleep_the_next_deadline_is_named(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 1, 100);
    struct trace trace = {.count = 0};
    struct probe device = probe_of(&sched, &trace, 'd');
    struct probe local = probe_of(&sched, &trace, 'l');
    probe_attach(&device, &sched.timers);
    probe_attach(&local, &sched.vcpus[1].timers);
    expect_run(&sched, 0, 13, 12);
    probe_post(&local, 1, 'm'); /* arrives at 196, where vCPU 1 is at 333333333 */
    vcpu_sleep(&sched.vcpus[0]);
    expect_run(&sched, 1, 1, 1);
    vcpu_sleep(&sched.vcpus[1]);
    expect_round_end(&sched, 100);
    expect_idle(&sched, 196);
    sched_skip(&sched, 196);
    expect_row(&trace, 'm', VCPU_NONE, 0, 196);
    expect_idle(&sched, VTIME_NEVER);
    sched.stop_ns = 900;
    expect_idle(&sched, 900);
    timer_arm(&device.timer, 800);
    expect_idle(&sched, 800);
    timer_arm(&local.timer, 700);
    expect_idle(&sched, 700);
    sched_skip(&sched, 650); /* earlier is allowed: an input came */
    assert_int_equal(sched_now(&sched), 650);
    assert_int_equal(sched.end_ns, 650);
    expect_idle(&sched, 700);
    sched_skip(&sched, 700);
    expect_row(&trace, 'l', VCPU_NONE, 0, 700);
    assert_int_equal(clock_now(&sched.vcpus[0].clock), 700);
    assert_int_equal(clock_now(&sched.vcpus[1].clock), 333333333);
    assert_int_equal(sched.vcpus[0].idle_ns, 604);
    assert_int_equal(sched.vcpus[1].idle_ns, 0);
    device.wakes = &sched.vcpus[0];
    sched_skip(&sched, 800);
    expect_row(&trace, 'd', VCPU_NONE, 0, 800);
    expect_run(&sched, 0, 13, 13);
    expect_round_end(&sched, 900);
    vcpu_sleep(&sched.vcpus[0]);
    expect_round_end(&sched, 900);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

static void a_message_wakes_all_sleepers_in_time(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 100);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    probe.wakes = &sched.vcpus[0];
    vcpu_sleep(&sched.vcpus[0]);
    expect_run(&sched, 1, 13, 12);
    probe_post(&probe, 0, 'm');
    vcpu_sleep(&sched.vcpus[1]);
    expect_round_end(&sched, 100);
    expect_idle(&sched, 196);
    sched_skip(&sched, 196);
    expect_row(&trace, 'm', VCPU_NONE, 0, 196);
    expect_run(&sched, 0, 13, 13);
    sched_free(&sched);
}

/* -- Lateness ----------------------------------------------------------------------------------- */

static void an_overrun_grant_is_counted(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct trace trace = {.count = 0};
    struct probe local = probe_of(&sched, &trace, 'l');
    struct probe other = probe_of(&sched, &trace, 'o');
    struct probe device = probe_of(&sched, &trace, 'd');
    probe_attach(&local, &sched.vcpus[0].timers);
    probe_attach(&other, &sched.vcpus[1].timers);
    probe_attach(&device, &sched.timers);
    timer_arm(&local.timer, 160);
    expect_run(&sched, 0, 20, 27);
    sched_next(&sched);
    expect_row(&trace, 'l', 0, 27, 216);
    assert_int_equal(sched.late_steps_max, 7);
    timer_arm(&device.timer, 160); /* by the instruction at 27, that is too late for 20 */
    sched.vcpus[0].clock.steps += 1 + 8;
    sched_next(&sched);
    expect_row(&trace, 'd', 0, 36, 288);
    assert_int_equal(sched.late_steps_max, 8);
    timer_arm(&device.timer, 2500);
    expect_run(&sched, 0, 89, 89 + 9);
    expect_run(&sched, 1, 125, 125);
    expect_round_end(&sched, 1000);
    assert_int_equal(sched.late_steps_max, 9);
    vcpu_sleep(&sched.vcpus[0]);
    vcpu_sleep(&sched.vcpus[1]);
    expect_idle(&sched, 2500);
    sched_skip(&sched, 2580);
    expect_row(&trace, 'd', VCPU_NONE, 0, 2580);
    assert_int_equal(sched.late_steps_max, 10);
    timer_arm(&other.timer, 2600);
    sched_skip(&sched, 2688);
    expect_row(&trace, 'o', VCPU_NONE, 0, 2688);
    assert_int_equal(sched.late_steps_max, 11);
    assert_int_equal(sched.fired_count, 4);
    sched_free(&sched);
}

static void a_sleep_makes_nothing_late(void **state) {
    (void)state;
    struct sched sched;
    struct rate rate;
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'w');
    assert_int_equal(rate_parse_ips("100G", &rate, NULL), STATUS_OK); /* 100 steps in 1 ns */
    assert_true(sched_init(&sched, &(struct sched_options){1, &rate, 1000, 100, false}));
    probe.wakes = &sched.vcpus[0];
    probe_attach(&probe, &sched.vcpus[0].timers);
    expect_run(&sched, 0, 100000, 250);
    timer_arm(&probe.timer, 500);
    vcpu_sleep(&sched.vcpus[0]);
    expect_run(&sched, 0, 49950, 49950); /* the half nanosecond at 250 is still there */
    expect_row(&trace, 'w', 0, 250, 500);
    expect_round_end(&sched, 1000);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

/* -- Memory ------------------------------------------------------------------------------------- */

static void a_schedule_needs_memory(void **state) {
    (void)state;
    struct sched sched;
    struct rate rate = rate_from_shift(3);
    memory_is_out = true;
    bool had = sched_init(&sched, &(struct sched_options){1, &rate, 1000, 100, false});
    memory_is_out = false;
    assert_false(had);
}

static void a_lost_message_is_a_defect(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct probe probe = {.sched = &sched};
    expect_run(&sched, 0, 125, 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        assert_non_null(freopen("/dev/null", "w", stderr));
        memory_is_out = true;
        probe_post(&probe, 1, 'm');
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), STATUS_INTERNAL);
    sched_free(&sched);
}

static void inboxes_grow(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    expect_run(&sched, 0, 125, 0);
    for (char name = 'A'; name <= 'Z'; name++) {
        probe_post(&probe, 1, name);
    }
    expect_run(&sched, 0, 125, 125);
    expect_run(&sched, 1, 125, 125);
    expect_round_end(&sched, 1000);
    for (char name = 'A'; name <= 'Z'; name++) {
        expect_row(&trace, name, VCPU_NONE, 0, 1000);
    }
    sched_free(&sched);
}

/* -- State -------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct sched *sched) {
    struct state_hash hash = {0, 0};
    struct stream stream = {state_hash_put, &hash};
    sched_state(sched, &stream);
    return hash.value;
}

static void the_state_does_not_know_the_layout_of_a_heap(void **state) {
    (void)state;
    struct sched one, two;
    sched_start(&one, 4, 4, 1000);
    sched_start(&two, 4, 4, 1000);
    struct trace trace = {.count = 0};
    struct probe probe_one = probe_of(&one, &trace, '-');
    struct probe probe_two = probe_of(&two, &trace, '-');
    send_four(&one, &probe_one);
    send_four(&two, &probe_two);
    struct post *inbox = two.vcpus[3].inbox;
    assert_int_equal(two.vcpus[3].inbox_count, 6);
    assert_true(inbox[4].at_ns < inbox[3].at_ns);
    struct post swap = inbox[4]; /* two leaves of one parent: any order is a heap */
    inbox[4] = inbox[3];
    inbox[3] = swap;
    assert_true(hash_of(&one) == hash_of(&two));
    assert_true(hash_of(&one) == hash_of(&one));
    inbox[5].value++;
    assert_true(hash_of(&one) != hash_of(&two));
    sched_free(&one);
    sched_free(&two);
}

static void no_change(void *owner, bool level) {
    (void)owner;
    (void)level;
}

static void the_state_walk_names_all_that_decides(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct comparator comparator;
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    assert_true(comparator_attach(&sched, 0, &comparator, no_change, NULL));
    comparator_set(&comparator, 5, true);
    expect_run(&sched, 0, 63, 0);
    probe_post(&probe, 1, 'm');
    uint64_t *const words[] = {
        (uint64_t *)&sched.quantum_ns,
        (uint64_t *)&sched.tick_ns,
        &sched.ticks_seen,
        (uint64_t *)&sched.start_ns,
        (uint64_t *)&sched.end_ns,
        &sched.arming_order,
        &sched.post_order,
        &sched.vcpus[1].clock.steps,
        &sched.vcpus[1].tick_offset,
        &comparator.compare,
        &comparator.timer.order,
        (uint64_t *)&sched.vcpus[1].inbox->at_ns,
        &sched.vcpus[1].inbox->order,
        &sched.vcpus[1].inbox->value,
    };
    bool *const flags[] = {&sched.monotonic, &sched.vcpus[1].asleep, &comparator.enabled,
                           &comparator.level};
    uint64_t base = hash_of(&sched);
    for (size_t i = 0; i < COUNT(words); i++) {
        *words[i] ^= 1;
        assert_true(hash_of(&sched) != base);
        *words[i] ^= 1;
    }
    for (size_t i = 0; i < COUNT(flags); i++) {
        *flags[i] = !*flags[i];
        assert_true(hash_of(&sched) != base);
        *flags[i] = !*flags[i];
    }
    sched.vcpus[1].inbox->sender ^= 1;
    assert_true(hash_of(&sched) != base);
    sched.vcpus[1].inbox->sender ^= 1;
    sched.vcpus[1].inbox->kind ^= 1;
    assert_true(hash_of(&sched) != base);
    sched.vcpus[1].inbox->kind ^= 1;
    sched.current = 1;
    assert_true(hash_of(&sched) != base);
    sched.current = 0;
    assert_true(hash_of(&sched) == base);
    sched_free(&sched);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_runs_the_steps_before_its_end),
        cmocka_unit_test(a_device_deadline_ends_the_round),
        cmocka_unit_test(a_slow_vcpu_waits_for_the_rounds),
        cmocka_unit_test(rounds_without_a_step_are_passed_in_one),
        cmocka_unit_test(a_stop_ends_a_round_and_holds_all),
        cmocka_unit_test(time_ends_before_never),
        cmocka_unit_test(a_device_deadline_armed_in_a_turn_fires_in_it),
        cmocka_unit_test(deadlines_of_devices_and_of_the_vcpu_keep_arming_order),
        cmocka_unit_test(a_message_takes_one_quantum),
        cmocka_unit_test(messages_arrive_by_time_sender_and_order),
        cmocka_unit_test(at_one_time_the_lower_sender_comes_first),
        cmocka_unit_test(crowded_inboxes_keep_their_order),
        cmocka_unit_test(between_rounds_all_receivers_are_one_queue),
        cmocka_unit_test(a_vcpu_sleeps_and_wakes_inside_its_turn),
        cmocka_unit_test(when_all_sleep_the_next_deadline_is_named),
        cmocka_unit_test(a_message_wakes_all_sleepers_in_time),
        cmocka_unit_test(an_overrun_grant_is_counted),
        cmocka_unit_test(a_sleep_makes_nothing_late),
        cmocka_unit_test(a_schedule_needs_memory),
        cmocka_unit_test(a_lost_message_is_a_defect),
        cmocka_unit_test(inboxes_grow),
        cmocka_unit_test(the_state_does_not_know_the_layout_of_a_heap),
        cmocka_unit_test(the_state_walk_names_all_that_decides),
    };
    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
