/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Token by example: who holds it, who waits for whom, and when deadlines come; then at random. */
#include "sched_test.h"

/** A token over @p count vCPUs of 8 ns a step, quantum 1000 ns. */
static void token_start(struct token *token, struct sched *sched, unsigned count, vtime skew_ns) {
    sched_start(sched, count, count, 1000);
    assert_true(token_init(token, sched, &(struct token_options){.max_skew_ns = skew_ns}));
}

static void token_stop(struct token *token) {
    token_free(token);
    sched_free(token->sched);
}

/** Fails unless the vCPU is now granted exactly this; then runs it, or @p steps of it. */
static void expect_grant(struct token *token, unsigned vcpu, uint64_t budget, uint64_t steps) {
    struct turn turn = token_next(token, vcpu, 0);
    assert_int_equal(turn.kind, TURN_RUN);
    assert_int_equal(turn.vcpu, vcpu);
    assert_int_equal(turn.budget_steps, budget);
    assert_int_equal(turn.loose, budget == 125); /* a whole quantum */
    token->sched->vcpus[vcpu].clock.steps += steps;
    token_ran(token, vcpu, steps);
}

static void expect_rest(struct token *token, unsigned vcpu, vtime until) {
    struct turn turn = token_next(token, vcpu, 0);
    assert_int_equal(turn.kind, TURN_IDLE);
    assert_int_equal(turn.until_ns, until);
}

static vtime local(const struct token *token, unsigned vcpu) {
    return clock_now(&token->sched->vcpus[vcpu].clock);
}

static void note_posted(void *owner, unsigned target) {
    *(unsigned *)owner = target;
}

/* -- The token --------------------------------------------------------------------------------- */

static void who_runs_first_moves_virtual(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 2, VTIME_NEVER);
    assert_int_equal(token.holder, VCPU_NONE);
    expect_grant(&token, 1, 125, 125);
    assert_int_equal(token.holder, 1);
    assert_int_equal(sched_virtual(&sched), 1000);
    expect_grant(&token, 0, 125, 125); /* it has caught up, and runs ahead */
    assert_int_equal(local(&token, 0), 2000);
    assert_int_equal(sched_virtual(&sched), 1000);
    expect_grant(&token, 1, 125, 100);
    assert_int_equal(sched_virtual(&sched), 1800);
    assert_int_equal(token.racers[0].held, 0);
    assert_int_equal(token.racers[1].held, 2);
    token_stop(&token);
}

static void it_goes_to_the_most_active(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 4, VTIME_NEVER);
    expect_grant(&token, 0, 125, 125);
    expect_grant(&token, 1, 125, 10);
    expect_grant(&token, 2, 125, 90);
    expect_grant(&token, 3, 125, 90);
    vcpu_sleep(&sched.vcpus[0]);
    expect_rest(&token, 0, VTIME_NEVER);
    assert_int_equal(token.holder, 2); /* the lower of two */
    vcpu_sleep(&sched.vcpus[3]);
    expect_rest(&token, 3, VTIME_NEVER);
    assert_int_equal(token.holder, 2); /* it still runs */
    vcpu_sleep(&sched.vcpus[2]);
    expect_rest(&token, 2, VTIME_NEVER);
    assert_int_equal(token.holder, 1);
    vcpu_sleep(&sched.vcpus[1]);
    expect_rest(&token, 1, VTIME_NEVER);
    assert_int_equal(token.holder, VCPU_NONE);
    assert_int_equal(token.running_count, 0);
    assert_int_equal(token_horizon(&token), VTIME_NEVER);
    token_stop(&token);
}

static void virtual_waits_for_a_holder_that_is_behind(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 2, VTIME_NEVER);
    expect_grant(&token, 0, 125, 0);
    expect_grant(&token, 1, 125, 20);
    for (unsigned i = 0; i < 3; i++) {
        expect_grant(&token, 0, 125, 125);
    }
    assert_int_equal(sched_virtual(&sched), 3000);
    vcpu_sleep(&sched.vcpus[0]);
    expect_rest(&token, 0, VTIME_NEVER);
    assert_int_equal(token.holder, 1);
    expect_grant(&token, 1, 125, 125);
    assert_int_equal(local(&token, 1), 1160);
    sched.posted = note_posted; /* without turns nobody is passed over: it is behind indeed */
    assert_int_equal(local_now(&sched, 1), 1160);
    assert_int_equal(sched_virtual(&sched), 3000);
    expect_grant(&token, 1, 125, 125);
    expect_grant(&token, 1, 125, 125);
    assert_int_equal(sched_virtual(&sched), 3160);
    token_stop(&token);
}

/* -- Sleep ------------------------------------------------------------------------------------- */

static void a_sleeper_wakes_at_its_deadline_and_catches_up(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 2, VTIME_NEVER);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'w');
    probe.wakes = &sched.vcpus[1];
    probe_attach(&probe, &sched.vcpus[1].timers);
    expect_grant(&token, 0, 125, 0);
    timer_arm(&probe.timer, 1500);
    vcpu_sleep(&sched.vcpus[1]);
    expect_rest(&token, 1, 1500);
    expect_grant(&token, 0, 125, 125);
    assert_false(token_wakes(&token, 1));
    expect_grant(&token, 0, 63, 63); /* the holder's grant ends there */
    assert_true(token_wakes(&token, 1));
    assert_int_equal(sched_virtual(&sched), 1504);
    expect_grant(&token, 0, 125, 125); /* a deadline that has come cuts no grant */
    expect_grant(&token, 1, 125, 1);
    expect_row(&trace, 'w', 1, 0, 2504);
    assert_int_equal(local(&token, 1), 2512);
    assert_int_equal(sched.vcpus[1].idle_ns, 2504);
    token_stop(&token);
}

static void when_all_sleep_time_is_moved(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 2, VTIME_NEVER);
    struct trace trace = {.count = 0};
    struct probe own = probe_of(&sched, &trace, 'o');
    struct probe device = probe_of(&sched, &trace, 'd');
    own.wakes = &sched.vcpus[0];
    probe_attach(&own, &sched.vcpus[0].timers);
    probe_attach(&device, &sched.timers);
    timer_arm(&own.timer, 5000);
    timer_arm(&device.timer, 3000);
    vcpu_sleep(&sched.vcpus[0]);
    vcpu_sleep(&sched.vcpus[1]);
    expect_rest(&token, 0, 5000);
    expect_rest(&token, 1, VTIME_NEVER);
    assert_int_equal(token_horizon(&token), 3000);
    token_skip(&token, 3000);
    expect_row(&trace, 'd', VCPU_NONE, 0, 3000);
    assert_int_equal(token_horizon(&token), 5000);
    token_skip(&token, 5000);
    assert_true(token_wakes(&token, 0));
    expect_grant(&token, 0, 125, 5);
    expect_row(&trace, 'o', 0, 0, 5000);
    assert_int_equal(token.holder, 0);
    assert_int_equal(sched_virtual(&sched), 5040);
    token_stop(&token);
}

static void a_doze_ends_with_the_grant(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 1, VTIME_NEVER);
    assert_int_equal(token_next(&token, 0, 0).kind, TURN_RUN);
    vcpu_doze(&sched.vcpus[0]);
    token_ran(&token, 0, 0);
    expect_grant(&token, 0, 125, 125);
    token_stop(&token);
}

static void they_may_begin_again(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 2, VTIME_NEVER);
    expect_grant(&token, 0, 125, 125);
    expect_grant(&token, 1, 125, 125);
    token_rest(&token);
    assert_int_equal(token.running_count, 0);
    assert_int_equal(token.holder, VCPU_NONE);
    expect_grant(&token, 1, 125, 0);
    assert_int_equal(token.holder, 1);
    assert_int_equal(token.running_count, 1);
    token_stop(&token);
}

/* -- Deadlines and messages -------------------------------------------------------------------- */

static void own_deadlines_are_exact_and_devices_follow_virtual(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 2, VTIME_NEVER);
    struct trace trace = {.count = 0};
    struct probe own = probe_of(&sched, &trace, 'o');
    struct probe device = probe_of(&sched, &trace, 'd');
    probe_attach(&own, &sched.vcpus[1].timers);
    probe_attach(&device, &sched.timers);
    expect_grant(&token, 0, 125, 0);
    expect_grant(&token, 1, 125, 0);
    timer_arm(&own.timer, 300);
    timer_arm(&device.timer, 700);
    expect_grant(&token, 1, 38, 38);
    expect_grant(&token, 1, 125, 125);
    expect_row(&trace, 'o', 1, 38, 304);
    expect_grant(&token, 1, 125, 0); /* past 700, but VIRTUAL is not */
    assert_int_equal(trace.count, 0);
    expect_grant(&token, 0, 88, 88);
    expect_grant(&token, 0, 125, 0);
    expect_row(&trace, 'd', 0, 88, 704);
    assert_int_equal(sched.late_steps_max, 0);
    token_stop(&token);
}

static void a_message_waits_for_its_receiver(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 2, VTIME_NEVER);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 'm');
    unsigned told = VCPU_NONE;
    sched.posted = note_posted;
    sched.posted_owner = &told;
    probe.wakes = &sched.vcpus[1];
    vcpu_sleep(&sched.vcpus[1]);
    expect_rest(&token, 1, VTIME_NEVER);
    expect_grant(&token, 0, 125, 125);
    assert_int_equal(token_next(&token, 0, 0).kind, TURN_RUN);
    probe_post(&probe, 1, 'm');
    assert_int_equal(told, 1);
    assert_int_equal(trace.count, 0);
    assert_true(token_wakes(&token, 1));
    expect_grant(&token, 1, 125, 0);
    expect_row(&trace, 'm', 1, 0, 1000);
    told = VCPU_NONE;
    sched.current = VCPU_NONE; /* from the outside: it waits just the same */
    probe_post(&probe, 1, 'm');
    assert_int_equal(told, 1);
    assert_int_equal(trace.count, 0);
    expect_grant(&token, 1, 125, 0);
    expect_row(&trace, 'm', 1, 0, 1000);
    token_stop(&token);
}

/* Who wakes with a clock that is ahead of VIRTUAL, and takes the token, must not run past
 * a sleeper that is due in between. */
static void a_holder_ahead_keeps_no_sleeper_waiting(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 3, VTIME_NEVER);
    struct trace trace = {.count = 0};
    struct probe own = probe_of(&sched, &trace, 'o');
    probe_attach(&own, &sched.vcpus[2].timers);
    timer_arm(&own.timer, 1500);
    vcpu_sleep(&sched.vcpus[2]);
    expect_rest(&token, 2, 1500);
    expect_grant(&token, 0, 125, 1);
    expect_grant(&token, 1, 125, 125);
    expect_grant(&token, 1, 125, 125);
    vcpu_sleep(&sched.vcpus[1]);
    expect_rest(&token, 1, VTIME_NEVER);
    vcpu_sleep(&sched.vcpus[0]);
    expect_rest(&token, 0, VTIME_NEVER);
    assert_int_equal(token_limit(&token), VTIME_NEVER);
    assert_int_equal(sched_virtual(&sched), 8);
    vcpu_wake(&sched.vcpus[1]);
    expect_grant(&token, 1, 1, 1);
    assert_int_equal(token.holder, 1);
    assert_int_equal(sched_virtual(&sched), 2016); /* it began at 8 */
    assert_true(token_wakes(&token, 2));
    token_stop(&token);
}

/* -- Skew -------------------------------------------------------------------------------------- */

static void who_is_too_far_ahead_waits(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    token_start(&token, &sched, 3, 1500);
    expect_grant(&token, 0, 125, 0);
    expect_grant(&token, 1, 125, 1);
    expect_grant(&token, 0, 125, 125);
    expect_grant(&token, 0, 125, 125);
    struct turn turn = token_next(&token, 0, 0);
    assert_int_equal(turn.kind, TURN_ROUND_END);
    assert_int_equal(turn.until_ns, 1508);
    assert_int_equal(token_limit(&token), 1508);
    assert_int_equal(token.racers[0].ahead_max_ns, 1992);
    expect_grant(&token, 1, 125, 100);
    expect_grant(&token, 0, 125, 1);
    vcpu_sleep(&sched.vcpus[1]);
    expect_rest(&token, 1, VTIME_NEVER);
    for (unsigned i = 0; i < 5; i++) {
        expect_grant(&token, 0, 125, 125); /* sleepers hold up nobody */
    }
    token_stop(&token);
}

/* -- Free -------------------------------------------------------------------------------------- */

static void free_clocks_are_the_hosts(void **state) {
    (void)state;
    struct sched sched;
    struct token token;
    sched_start(&sched, 1, 1, 1000);
    struct token_options options = {
        .max_skew_ns = VTIME_NEVER, .follows_host = true, .grant_steps = 77};
    assert_true(token_init(&token, &sched, &options));
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, 't');
    probe_attach(&probe, &sched.vcpus[0].timers);
    timer_arm(&probe.timer, 6000);
    struct turn turn = token_next(&token, 0, 5000);
    assert_int_equal(turn.budget_steps, 77);
    assert_true(turn.loose);
    assert_int_equal(token.holder, VCPU_NONE);
    assert_int_equal(local(&token, 0), 5000);
    token_ran(&token, 0, 0);
    token_next(&token, 0, 9000);
    expect_row(&trace, 't', 0, 0, 9000);
    assert_int_equal(sched_virtual(&sched), 9000);
    token_stop(&token);
}

/* -- At random --------------------------------------------------------------------------------- */

enum { RACERS = 5, ACTS = 20000, SKEW_NS = 3000 };

/** What must hold between any two acts. */
static void invariants(const struct token *token, vtime *virtual_seen, vtime seen[RACERS]) {
    unsigned running = 0;
    for (unsigned i = 0; i < RACERS; i++) {
        assert_true(local(token, i) >= seen[i]);
        seen[i] = local(token, i);
        running += token->racers[i].running;
    }
    assert_int_equal(running, token->running_count);
    assert_true((token->holder == VCPU_NONE) == (running == 0));
    assert_true(token->holder == VCPU_NONE || token->racers[token->holder].running);
    assert_true(sched_virtual(token->sched) >= *virtual_seen);
    *virtual_seen = sched_virtual(token->sched);
}

/** One vCPU's turn; sometimes it sleeps, or arms its own deadline. @return Did it run? */
static bool act(struct token *token, struct random *random, struct probe *own, unsigned vcpu) {
    struct turn turn = token_next(token, vcpu, 0);
    if (turn.kind != TURN_RUN) {
        return false;
    }
    assert_true(turn.budget_steps >= 1);
    uint64_t steps = random_u64(random) % (turn.budget_steps + 1);
    token->sched->vcpus[vcpu].clock.steps += steps;
    if (random_u64(random) % 4 == 0) {
        timer_arm(&own->timer, local(token, vcpu) + (vtime)(random_u64(random) % 4000));
        vcpu_sleep(&token->sched->vcpus[vcpu]);
    }
    token_ran(token, vcpu, steps);
    return true;
}

static void time_never_goes_back(void **state) {
    (void)state;
    struct random random = random_start(1);
    struct sched sched;
    struct token token;
    token_start(&token, &sched, RACERS, SKEW_NS);
    struct trace trace = {.count = 0};
    struct probe own[RACERS];
    vtime seen[RACERS] = {0};
    vtime virtual_seen = 0;
    unsigned ran = 0;
    print_message("seed %llu\n", (unsigned long long)random.seed);
    for (unsigned i = 0; i < RACERS; i++) {
        own[i] = probe_of(&sched, &trace, 'o');
        own[i].wakes = &sched.vcpus[i];
        probe_attach(&own[i], &sched.vcpus[i].timers);
    }
    for (unsigned n = 0; n < ACTS; n++) {
        unsigned vcpu = (unsigned)(random_u64(&random) % RACERS);
        ran += act(&token, &random, &own[vcpu], vcpu);
        trace.count = 0;
        invariants(&token, &virtual_seen, seen);
        if (token.running_count == 0 && token_horizon(&token) != VTIME_NEVER) {
            token_skip(&token, max_i64(token_horizon(&token), sched_virtual(&sched)));
        }
    }
    print_message("%u grants\n", ran);
    assert_true(ran > ACTS / 10);
    for (unsigned i = 0; i < RACERS; i++) {
        assert_true(token.racers[i].ahead_max_ns <= SKEW_NS + 1000);
    }
    assert_int_equal(sched.late_steps_max, 0);
    token_stop(&token);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_runs_first_moves_virtual),
        cmocka_unit_test(it_goes_to_the_most_active),
        cmocka_unit_test(virtual_waits_for_a_holder_that_is_behind),
        cmocka_unit_test(a_sleeper_wakes_at_its_deadline_and_catches_up),
        cmocka_unit_test(when_all_sleep_time_is_moved),
        cmocka_unit_test(a_doze_ends_with_the_grant),
        cmocka_unit_test(they_may_begin_again),
        cmocka_unit_test(own_deadlines_are_exact_and_devices_follow_virtual),
        cmocka_unit_test(a_message_waits_for_its_receiver),
        cmocka_unit_test(a_holder_ahead_keeps_no_sleeper_waiting),
        cmocka_unit_test(who_is_too_far_ahead_waits),
        cmocka_unit_test(free_clocks_are_the_hosts),
        cmocka_unit_test(time_never_goes_back),
    };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
