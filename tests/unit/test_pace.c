/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pace: the lead of one clock over another, and rates that bring them together. */
#include "vtime_test.h"

static void the_lead_is_remembered(void **state) {
    (void)state;
    struct pace pace = {0};
    assert_int_equal(pace_lead(&pace, 700, 500), 200);
    assert_int_equal(pace_lead(&pace, 700, 1000), -300);
    assert_int_equal(pace_lead(&pace, 1000, 1000), 0);
    assert_int_equal(pace.ahead_max_ns, 200);
    assert_int_equal(pace.behind_max_ns, 300);
}

static void little_says_nothing(void **state) {
    (void)state;
    struct pace pace = {0};
    struct rate rate;
    assert_false(pace_adapt(&pace, 0, 999999, 1000000, &rate)); /* too soon */
    assert_false(pace_adapt(&pace, 0, 1000000, 99999, &rate));  /* too few */
    assert_true(pace_adapt(&pace, 2000000, 2000000, 199999, &rate));
    assert_false(pace_adapt(&pace, 2000000, 21999999, 1000000, &rate)); /* from now on 20 ms */
    assert_true(pace_adapt(&pace, 2000000, 22000000, 1000000, &rate));
}

/** Costs of a step [1/1000 ns]. */
static uint64_t cost(struct rate rate) {
    assert_true(rate.part < rate.parts && rate.whole_ns + rate.part > 0);
    return rate.whole_ns * 1000 + rate.part * 1000 / rate.parts;
}

static void a_rate_stays_in_its_bounds(void **state) {
    (void)state;
    struct rate rate;
    struct pace even = {.adapted = true};
    assert_true(pace_adapt(&even, 20000000, 20000000, 10000000, &rate));
    assert_int_equal(cost(rate), 2000);
    struct pace ahead = {.adapted = true};
    assert_true(pace_adapt(&ahead, 900000000, 20000000, 10000000, &rate));
    assert_int_equal(cost(rate), 500);
    struct pace behind = {.adapted = true};
    assert_true(pace_adapt(&behind, 0, 20000000, 10000000, &rate));
    assert_int_equal(cost(rate), 4000);
    struct pace far = {.since_rt_ns = 1000000000, .adapted = true};
    assert_true(pace_adapt(&far, 0, 1020000000, 10000000, &rate));
    assert_int_equal(cost(rate), 8000);
    struct pace fast = {.adapted = true};
    assert_true(pace_adapt(&fast, 20000000, 20000000, UINT64_C(1) << 62, &rate));
    assert_int_equal(cost(rate), 1);
    struct pace slow = {.adapted = true};
    assert_true(pace_adapt(&slow, 0, 4000000000, 100000, &rate));
    assert_int_equal(cost(rate), 1024000);
}

/* A host whose speed changes by up to two within each interval: VIRTUAL stays with it. */
static void virtual_follows_the_host(void **state) {
    (void)state;
    struct random random = random_start(7);
    struct pace pace = {0};
    struct clock clock;
    int64_t host_ns = 0;
    clock_init(&clock, rate_from_shift(3));
    print_message("seed %llu\n", (unsigned long long)random.seed);
    for (unsigned i = 0; i < 3000; i++) {
        struct rate rate;
        uint64_t steps_a_us = 600 + random_u64(&random) % 600;
        host_ns += 1000000;
        clock.steps += 1000 * steps_a_us;
        if (pace_adapt(&pace, clock_now(&clock), host_ns, clock.steps, &rate)) {
            clock_set_rate(&clock, rate);
        }
        if (i > 100) {
            vtime apart = clock_now(&clock) - host_ns;
            assert_true(apart < 20000000 && apart > -20000000);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lead_is_remembered),
        cmocka_unit_test(little_says_nothing),
        cmocka_unit_test(a_rate_stays_in_its_bounds),
        cmocka_unit_test(virtual_follows_the_host),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
