/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lockstep by example: who runs which positions, and where each deadline and message comes. */
#include "sched_test.h"

/* -- Rounds ------------------------------------------------------------------------------------ */

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
    assert_int_equal(local_now(&sched, 0), 152);
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
    assert_int_equal(sched_idle_ns(&sched, 0), 600000001 - 1000);
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

/* -- Deadlines --------------------------------------------------------------------------------- */

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

/* -- Messages ---------------------------------------------------------------------------------- */

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

/** What has been felt is not undone by an older word about the same thing. */
static void newer_messages_drop_older_ones(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 100);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    expect_run(&sched, 0, 13, 0);
    probe_post(&probe, 1, 'k');       /* of another kind: stays */
    probe_post_value(&probe, 1, 'a'); /* sent at 0, would arrive at 100 */
    expect_run(&sched, 0, 13, 13);
    expect_run(&sched, 1, 13, 5);
    probe_post_value(&probe, 1, 'b'); /* to oneself: at once */
    expect_row(&trace, 'b', 1, 5, 40);
    expect_run(&sched, 1, 8, 8);
    expect_round_end(&sched, 100);
    expect_row(&trace, 'k', VCPU_NONE, 0, 100);
    assert_int_equal(trace.count, 0);
    sched_free(&sched);
}

static void a_felt_message_drops_no_newer_one_and_no_other_kind(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 100);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    struct probe other = probe_of(&sched, &trace, '-');
    expect_run(&sched, 0, 13, 0);
    probe_post_value(&probe, 1, 'a'); /* 100 */
    sched.vcpus[0].clock.steps += 4;
    probe_post(&other, 1, 'o');       /* 132 */
    probe_post_value(&probe, 1, 'b'); /* 132 */
    expect_run(&sched, 0, 9, 9);
    expect_run(&sched, 1, 13, 13);
    expect_round_end(&sched, 100);
    expect_row(&trace, 'a', VCPU_NONE, 0, 100);
    expect_run(&sched, 0, 12, 12);
    expect_run(&sched, 1, 4, 4);
    expect_run(&sched, 1, 8, 0);
    expect_row(&trace, 'o', 1, 17, 136);
    expect_row(&trace, 'b', 1, 17, 136);
    assert_int_equal(trace.count, 0);
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

/* -- Sleeping ---------------------------------------------------------------------------------- */

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
    assert_int_equal(sched_idle_ns(&sched, 0), 253);
    vcpu_sleep(&sched.vcpus[0]);
    expect_run(&sched, 1, 125, 125);
    assert_int_equal(local_now(&sched, 0), 1005);
    expect_round_end(&sched, 1000);
    expect_run(&sched, 1, 125, 125); /* vCPU 0 sleeps on: to the end of the round */
    assert_int_equal(local_now(&sched, 0), 2000);
    assert_int_equal(sched_idle_ns(&sched, 0), 253 + 995);
    assert_int_equal(sched.vcpus[0].clock.steps, 94);
    assert_int_equal(sched.late_steps_max, 0);
    sched_free(&sched);
}

static void a_vcpu_dozes_until_its_turn_ends(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    expect_run(&sched, 0, 125, 10);
    vcpu_doze(&sched.vcpus[0]);
    expect_run(&sched, 1, 125, 125); /* vCPU 0 does nothing more in this round */
    expect_round_end(&sched, 1000);
    expect_run(&sched, 0, 125, 10); /* and is awake in the next */
    assert_int_equal(sched_idle_ns(&sched, 0), 920);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'w');
    probe.wakes = &sched.vcpus[0];
    probe_attach(&probe, &sched.vcpus[0].timers);
    timer_arm(&probe.timer, 1500);
    vcpu_doze(&sched.vcpus[0]);
    expect_run(&sched, 0, 63, 63); /* woken inside its turn, from 1500 on */
    expect_row(&trace, 'w', 0, 20, 1500);
    sched_free(&sched);
}

/** A clock lags until its vCPU is needed; that it does cannot be seen. */
static void who_is_passed_over_catches_up(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 3, 3, 1000);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'w');
    vcpu_sleep(&sched.vcpus[0]);
    vcpu_sleep(&sched.vcpus[2]);
    expect_run(&sched, 1, 125, 125);
    expect_round_end(&sched, 1000);
    expect_run(&sched, 1, 125, 125);
    const struct clock *passed[] = {&sched.vcpus[0].clock, &sched.vcpus[2].clock};
    assert_int_equal(clock_now(passed[0]), 1000);
    assert_int_equal(clock_now(passed[1]), 1000);
    assert_int_equal(local_now(&sched, 0), 2000); /* its place in the round is over, */
    assert_int_equal(local_now(&sched, 2), 1000); /* that of the other is not */
    expect_round_end(&sched, 2000);
    expect_run(&sched, 1, 125, 0);
    assert_int_equal(sched_idle_ns(&sched, 0), 3000);
    assert_int_equal(sched_idle_ns(&sched, 2), 2000);
    assert_int_equal(clock_now(passed[0]), 1000);
    sched_catch_up(&sched);
    assert_int_equal(clock_now(passed[0]), 3000);
    assert_int_equal(clock_now(passed[1]), 2000);
    expect_run(&sched, 1, 125, 125);
    expect_round_end(&sched, 3000);
    expect_run(&sched, 1, 125, 125);
    expect_round_end(&sched, 4000);
    probe.wakes = &sched.vcpus[2];
    probe_post(&probe, 2, 'm'); /* from outside, and at once */
    assert_int_equal(clock_now(passed[1]), 4000);
    expect_run(&sched, 1, 125, 125);
    expect_run(&sched, 2, 125, 125);
    expect_row(&trace, 'm', VCPU_NONE, 0, 4000);
    assert_int_equal(sched_idle_ns(&sched, 2), 4000);
    expect_round_end(&sched, 5000);
    vcpu_wake(&sched.vcpus[0]);
    expect_run(&sched, 0, 125, 125);
    assert_int_equal(clock_now(passed[0]), 6000);
    assert_int_equal(sched_idle_ns(&sched, 0), 5000);
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
    assert_int_equal(local_now(&sched, 0), 700);
    assert_int_equal(local_now(&sched, 1), 333333333);
    assert_int_equal(sched_idle_ns(&sched, 0), 604);
    assert_int_equal(sched_idle_ns(&sched, 1), 0);
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

/* -- Lateness ---------------------------------------------------------------------------------- */

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
    timer_arm(&local.timer, 2700);
    sched_skip(&sched, 2796);
    expect_row(&trace, 'l', VCPU_NONE, 0, 2796);
    assert_int_equal(sched.late_steps_max, 12);
    assert_int_equal(sched.fired_count, 5);
    sched_free(&sched);
}

static void a_sleep_makes_nothing_late(void **state) {
    (void)state;
    struct sched sched;
    struct rate rate;
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'w');
    assert_int_equal(rate_parse_ips("100G", &rate, NULL), STATUS_OK); /* 100 steps in 1 ns */
    struct sched_options options = {
        .vcpu_count = 1, .rates = &rate, .quantum_ns = 1000, .tick_ns = 100};
    assert_true(sched_init(&sched, &options));
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
        cmocka_unit_test(newer_messages_drop_older_ones),
        cmocka_unit_test(a_felt_message_drops_no_newer_one_and_no_other_kind),
        cmocka_unit_test(at_one_time_the_lower_sender_comes_first),
        cmocka_unit_test(between_rounds_all_receivers_are_one_queue),
        cmocka_unit_test(a_vcpu_sleeps_and_wakes_inside_its_turn),
        cmocka_unit_test(a_vcpu_dozes_until_its_turn_ends),
        cmocka_unit_test(who_is_passed_over_catches_up),
        cmocka_unit_test(when_all_sleep_the_next_deadline_is_named),
        cmocka_unit_test(a_message_wakes_all_sleepers_in_time),
        cmocka_unit_test(an_overrun_grant_is_counted),
        cmocka_unit_test(a_sleep_makes_nothing_late),
    };
    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
