/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local clocks: steps and sleeps add up exactly, deadlines fall at one position, nothing drifts. */
#include "vtime_test.h"

#include <gmp.h>

static struct rate rate_of(const char *text) {
    struct rate rate;
    struct error error = {STATUS_OK, ""};
    if (rate_parse_ips(text, &rate, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return rate;
}

static struct clock clock_of(struct rate rate) {
    struct clock clock;
    clock_init(&clock, rate);
    return clock;
}

static vtime time_at(struct clock clock, uint64_t steps) {
    clock.steps = steps;
    return clock_now(&clock);
}

/* -- Examples of docs/time.md ------------------------------------------------------------------ */

static void a_deadline_falls_at_one_position(void **state) {
    (void)state;
    struct clock clock = clock_of(rate_from_shift(3));
    assert_int_equal(clock_now(&clock), 0);
    assert_int_equal(clock_position(&clock, 0), 0);
    assert_int_equal(clock_position(&clock, -5), 0);
    assert_int_equal(clock_position(&clock, INT64_MIN), 0);
    assert_int_equal(clock_position(&clock, 1000), 125);
    assert_int_equal(clock_position(&clock, 1001), 126);
    clock.steps = 126;
    assert_int_equal(clock_now(&clock), 1008);
    assert_int_equal(clock_position(&clock, 1000), 126);
    assert_int_equal(clock_arrival(&clock, 1000), 125);
    assert_true(clock_position(&clock, VTIME_NEVER) == UINT64_MAX);
    assert_true(clock_arrival(&clock, VTIME_NEVER) == UINT64_MAX);
}

static void a_sleep_adds_exactly_what_it_sleeps(void **state) {
    (void)state;
    struct clock clock = clock_of(rate_of("3"));
    clock.steps = 1; /* 333333333 1/3 */
    clock_sleep(&clock, 400000000);
    assert_int_equal(clock_now(&clock), 400000000);
    assert_int_equal(clock.base_ns, 400000000 - 333333333);
    assert_int_equal(clock.steps, 1);
    clock_sleep(&clock, 400000000);
    clock_sleep(&clock, 399999999);
    assert_int_equal(clock_now(&clock), 400000000);
    clock.steps = 3; /* the thirds that the sleep found half-way are still there: 10^9 + 66666667 */
    assert_int_equal(clock_now(&clock), 1066666667);
}

static void a_deadline_inside_a_sleep_came_where_it_slept(void **state) {
    (void)state;
    struct clock clock = clock_of(rate_of("2500000000")); /* 5 steps in 2 ns */
    clock.steps = 4;
    assert_int_equal(clock_now(&clock), 1);
    clock_sleep(&clock, 100);
    assert_int_equal(clock_arrival(&clock, 100), 4); /* at 3, the time was 1 and not 100 */
    assert_int_equal(clock_arrival(&clock, 50), 4);
    assert_int_equal(clock_arrival(&clock, 101), 5);
    clock.steps = 9;
    assert_int_equal(clock_arrival(&clock, 50), 4);
    assert_int_equal(clock_arrival(&clock, 101), 5);
    assert_int_equal(clock_position(&clock, 101), 9);
}

static void a_change_of_rate_keeps_time_continuous(void **state) {
    (void)state;
    struct clock clock = clock_of(rate_from_shift(3));
    clock.steps = 125;
    clock_set_rate(&clock, rate_of("3"));
    assert_int_equal(clock_now(&clock), 1000);
    assert_int_equal(clock_position(&clock, 2000), 126);
    clock.steps = 128;
    assert_int_equal(clock_now(&clock), 1000001000);
    assert_int_equal(clock_arrival(&clock, 1000001000), 128);
    assert_int_equal(clock_arrival(&clock, 500), 125);
    clock_set_rate(&clock, rate_from_shift(0));
    assert_int_equal(clock_position(&clock, 1000001001), 129);
}

static void the_ends_saturate(void **state) {
    (void)state;
    struct clock clock = clock_of(rate_of("1"));
    clock.steps = 9223372037;
    assert_int_equal(clock_now(&clock), VTIME_NEVER);
    clock_sleep(&clock, VTIME_NEVER);
    assert_int_equal(clock.base_ns, 0);
    clock_set_rate(&clock, rate_from_shift(0));
    clock.steps++;
    assert_int_equal(clock_now(&clock), VTIME_NEVER);

    clock = clock_of(rate_of("1e12"));
    clock.steps = 12345;
    clock_set_rate(&clock, clock.rate);
    assert_true(clock_position(&clock, 18446744073709540) == 18446744073709540000u - 12000 + 12345);
    assert_true(clock_position(&clock, 18446744073709552) == UINT64_MAX);
    clock_sleep(&clock, VTIME_NEVER - 1);
    assert_int_equal(clock_now(&clock), VTIME_NEVER - 1);
    assert_int_equal(clock_arrival(&clock, VTIME_NEVER - 1), 12345);
}

static void the_state_walk_names_all_that_decides(void **state) {
    (void)state;
    struct clock clock = clock_of(rate_of("3"));
    struct state_hash base = {0, 0};
    struct stream stream = {.put = state_hash_put, .owner = &base};
    clock_state(&clock, &stream);
    assert_int_equal(base.size_bytes, 48);
    struct clock others[6];
    for (size_t i = 0; i < COUNT(others); i++) {
        others[i] = clock;
    }
    others[0].rate.whole_ns++;
    others[1].rate.part++;
    others[2].rate.parts++;
    others[3].steps++;
    others[4].base_steps++;
    others[5].base_ns++;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct state_hash hash = {0, 0};
        stream.owner = &hash;
        clock_state(&others[i], &stream);
        assert_true(hash.value != base.value);
    }
}

/* -- Properties -------------------------------------------------------------------------------- */

/** A clock as the law writes it, in big integers: time = floor(steps x 10^9 x under / over) + rest.
 */
struct reference {
    uint64_t over;
    uint64_t under;
    mpz_t steps; /* since the last change of rate */
    mpz_t rest;  /* sleeps, and the time at that change */
};

static vtime reference_now(const struct reference *reference) {
    mpz_t ns;
    mpz_init_set(ns, reference->steps);
    mpz_mul_ui(ns, ns, 1000000000);
    mpz_mul_ui(ns, ns, reference->under);
    mpz_fdiv_q_ui(ns, ns, reference->over);
    mpz_add(ns, ns, reference->rest);
    vtime now = mpz_cmp_si(ns, INT64_MAX) >= 0 ? VTIME_NEVER : (vtime)mpz_get_ui(ns);
    mpz_clear(ns);
    return now;
}

static struct rate reference_set_rate(struct reference *reference, struct random *random) {
    char text[64];
    vtime now = reference_now(reference);
    mpz_set_ui(reference->rest, (uint64_t)now);
    mpz_set_ui(reference->steps, 0);
    reference->under = 1 + random_below(random, 1000);
    reference->over = reference->under * (1 + random_wide(random) % 1000000000) +
                      random_below(random, reference->under);
    snprintf(text, sizeof text, "%llu/%llu", (unsigned long long)reference->over,
             (unsigned long long)reference->under);
    return rate_of(text);
}

/** Where the law wants a deadline: before it no time has reached it, and at it the time has. */
static void check_position(const struct clock *clock, struct random *random) {
    vtime now = clock_now(clock);
    vtime due = add_sat_i64(now, 1 + (vtime)(random_wide(random) >> 8));
    uint64_t position = clock_position(clock, due);
    if (due == VTIME_NEVER || position == UINT64_MAX) {
        return;
    }
    expect(position > clock->steps && time_at(*clock, position) >= due &&
               time_at(*clock, position - 1) < due,
           random, "position %llu for %lld", (unsigned long long)position, (long long)due);
    expect(clock_arrival(clock, due) == position, random, "arrival of %lld", (long long)due);
}

static void long_runs_do_not_drift(void **state) {
    (void)state;
    struct random random = random_start(4);
    for (unsigned run = 0; run < 20; run++) {
        struct reference reference = {.over = 1000000000, .under = 8};
        struct clock clock = clock_of(rate_from_shift(3));
        mpz_inits(reference.steps, reference.rest, NULL);
        for (unsigned i = 0; i < 10000; i++) {
            uint64_t steps = random_below(&random, 1000);
            clock.steps += steps;
            mpz_add_ui(reference.steps, reference.steps, steps);
            if (random_below(&random, 10) == 0) {
                uint64_t asleep_ns = random_wide(&random) >> 14;
                mpz_add_ui(reference.rest, reference.rest, asleep_ns);
                clock_sleep(&clock, clock_now(&clock) + (vtime)asleep_ns);
            }
            if (random_below(&random, 1000) == 0) {
                clock_set_rate(&clock, reference_set_rate(&reference, &random));
            }
            vtime want = reference_now(&reference);
            expect(clock_now(&clock) == want, &random, "time %lld instead of %lld",
                   (long long)clock_now(&clock), (long long)want);
            check_position(&clock, &random);
        }
        mpz_clears(reference.steps, reference.rest, NULL);
    }
}

static void a_million_small_advances_are_one_large(void **state) {
    (void)state;
    struct random random = random_start(5);
    struct clock clock = clock_of(rate_of("1234567891"));
    uint64_t asleep_ns = 0;
    for (unsigned i = 0; i < 1000000; i++) {
        uint64_t sleep_ns = random_below(&random, 3);
        clock.steps += 1 + random_below(&random, 7);
        clock_sleep(&clock, clock_now(&clock) + (vtime)sleep_ns);
        asleep_ns += sleep_ns;
    }
    struct clock once = clock_of(clock.rate);
    once.steps = clock.steps;
    expect(clock_now(&clock) - clock_now(&once) == (vtime)asleep_ns, &random, "drift of %lld ns",
           (long long)(clock_now(&clock) - clock_now(&once)) - (long long)asleep_ns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_falls_at_one_position),
        cmocka_unit_test(a_sleep_adds_exactly_what_it_sleeps),
        cmocka_unit_test(a_deadline_inside_a_sleep_came_where_it_slept),
        cmocka_unit_test(a_change_of_rate_keeps_time_continuous),
        cmocka_unit_test(the_ends_saturate),
        cmocka_unit_test(the_state_walk_names_all_that_decides),
        cmocka_unit_test(long_runs_do_not_drift),
        cmocka_unit_test(a_million_small_advances_are_one_large),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
