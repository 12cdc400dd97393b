/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rates: exact both ways, adjoint, saturating; compared with big integers. */
#include "vtime_test.h"

#include <gmp.h>
#include <string.h>

/* -- The big-integer reference ----------------------------------------------------------------- */

/** A rate of over/under steps a second. */
struct ips {
    uint64_t over;
    uint64_t under;
};

/** floor(steps x 10^9 x under / over), or VTIME_NEVER. */
static vtime reference_ns(struct ips ips, uint64_t steps) {
    mpz_t ns;
    mpz_init_set_ui(ns, steps);
    mpz_mul_ui(ns, ns, 1000000000);
    mpz_mul_ui(ns, ns, ips.under);
    mpz_fdiv_q_ui(ns, ns, ips.over);
    vtime result = mpz_cmp_ui(ns, INT64_MAX) >= 0 ? VTIME_NEVER : (vtime)mpz_get_ui(ns);
    mpz_clear(ns);
    return result;
}

/** ceil(ns x over / (10^9 x under)), or UINT64_MAX. */
static uint64_t reference_steps(struct ips ips, vtime ns) {
    mpz_t steps, cost;
    mpz_init_set_ui(steps, ns > 0 ? (uint64_t)ns : 0);
    mpz_init_set_ui(cost, 1000000000);
    mpz_mul_ui(steps, steps, ips.over);
    mpz_mul_ui(cost, cost, ips.under);
    mpz_cdiv_q(steps, steps, cost);
    uint64_t result = mpz_cmp_ui(steps, UINT64_MAX) >= 0 ? UINT64_MAX : mpz_get_ui(steps);
    mpz_clears(steps, cost, NULL);
    return result;
}

static struct rate rate_of(struct ips ips) {
    char text[64];
    struct rate rate;
    struct error error = {STATUS_OK, ""};
    snprintf(text, sizeof text, "%llu/%llu", (unsigned long long)ips.over,
             (unsigned long long)ips.under);
    if (rate_parse_ips(text, &rate, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return rate;
}

static struct ips random_ips(struct random *random) {
    const uint64_t limit = 1000000000000;
    switch (random_below(random, 4)) {
    case 0: /* shift=0 to 10 */
        return (struct ips){1000000000, UINT64_C(1) << random_below(random, 11)};
    case 1:
        return (struct ips){limit - random_below(random, 3), 1 + random_below(random, 3)};
    case 2:
        return (struct ips){1 + random_wide(random) % limit, 1};
    default:;
        uint64_t under = 1 + random_wide(random) % limit;
        uint64_t over = 1 + random_wide(random) % limit;
        return over >= under ? (struct ips){over, under} : (struct ips){under, over};
    }
}

/* -- Text -------------------------------------------------------------------------------------- */

static void shifts_are_powers_of_two(void **state) {
    (void)state;
    for (unsigned shift = 0; shift <= 10; shift++) {
        struct rate rate = rate_from_shift(shift);
        assert_int_equal(rate.whole_ns, 1 << shift);
        assert_int_equal(rate.part, 0);
        assert_int_equal(rate.parts, 1);
    }
}

static void text_is_kept_exactly(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct rate rate;
    } rows[] = {
        {"1", {1000000000, 0, 1}},
        {"3", {333333333, 1, 3}},
        {"125000000", {8, 0, 1}},
        {"1234567891", {0, 1000000000, 1234567891}},
        {"1000000000000", {0, 1, 1000}},
        {"2e9", {0, 1, 2}},
        {"2E9", {0, 1, 2}},
        {"2e+09", {0, 1, 2}},
        {"2.5e9", {0, 2, 5}},
        {"2G", {0, 1, 2}},
        {"2.5G", {0, 2, 5}},
        {"1T", {0, 1, 1000}},
        {"125M", {8, 0, 1}},
        {"4k", {250000, 0, 1}},
        {"0.5k", {2000000, 0, 1}},
        {"1.5", {666666666, 2, 3}},
        {"000000000000000000000000000003", {333333333, 1, 3}},
        {"0.000000000000000001e18", {1000000000, 0, 1}},
        {"10/3", {300000000, 0, 1}},
        {"00000000000000000010/00000000000000000003", {300000000, 0, 1}},
        {"1000000000000/999999999999", {999999999, 999, 1000}},
        {"1000000000000/1", {0, 1, 1000}},
        {"7/7", {1000000000, 0, 1}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rate rate;
        if (rate_parse_ips(rows[i].text, &rate, NULL) != STATUS_OK) {
            fail_msg("'%s' was refused", rows[i].text);
        }
        if (memcmp(&rate, &rows[i].rate, sizeof rate) != 0) {
            fail_msg("'%s' gave %llu %llu/%llu", rows[i].text, (unsigned long long)rate.whole_ns,
                     (unsigned long long)rate.part, (unsigned long long)rate.parts);
        }
    }
}

static void anything_else_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " 1",
        "1 ",
        "-1",
        "+1",
        "0",
        "0.0",
        "0e99",
        "0.5",
        "x",
        "1x",
        "1.",
        ".5",
        "1.5.5",
        "1e",
        "1e+",
        "1e-3",
        "1ee3",
        "1e3k",
        "1K",
        "1kk",
        "1e13",
        "1.1T",
        "1001G",
        "1/0",
        "0/1",
        "0/0",
        "1/2",
        "1/",
        "/1",
        "3/1/1",
        "3/1k",
        "3k/1",
        "3.5/1",
        "0x10",
        "1e99999",
        "inf",
        "nan",
        "1,5",
        "1_000",
        "9e30",
        "2/-1",
        "1000000000001",
        "999999999999.7",
        "1000000000001/1000000000000",
        "1000000000000000000000000000000",
        "1000000000000000000000000000001",
        "1.00000000000000000000000000001",
        "1.000000000000000000000000000",
        "99999999999999999999999999999999999999999",
        "1/99999999999999999999999999999999",
        "2e99999999999999999999999999999999",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct rate rate = {1, 2, 3};
        struct error error = {STATUS_OK, ""};
        if (rate_parse_ips(texts[i], &rate, &error) != STATUS_USAGE) {
            fail_msg("'%s' was accepted", texts[i]);
        }
        assert_int_equal(error.status, STATUS_USAGE);
        assert_non_null(strstr(error.text, "is not a rate: give "));
        assert_null(strchr(error.text, '\n'));
        assert_memory_equal(&rate, (&(struct rate){1, 2, 3}), sizeof rate);
    }
}

/* -- Examples of docs/time.md ------------------------------------------------------------------ */

static void three_steps_a_second(void **state) {
    (void)state;
    struct rate rate = rate_of((struct ips){3, 1});
    assert_int_equal(rate_ns(&rate, 1), 333333333);
    assert_int_equal(rate_ns(&rate, 2), 666666666);
    assert_int_equal(rate_ns(&rate, 3), 1000000000);
    assert_int_equal(rate_ns(&rate, 3000000), 1000000000000000);
    assert_int_equal(rate_steps(&rate, 333333333), 1);
    assert_int_equal(rate_steps(&rate, 333333334), 2);
    assert_int_equal(rate_steps(&rate, 1000000000), 3);
    assert_int_equal(rate_steps(&rate, 1000000001), 4);
}

static void eight_nanoseconds_a_step(void **state) {
    (void)state;
    struct rate rate = rate_from_shift(3);
    assert_int_equal(rate_ns(&rate, 125000000), 1000000000);
    assert_int_equal(rate_steps(&rate, 1000), 125);
    assert_int_equal(rate_steps(&rate, 1001), 126);
    assert_int_equal(rate_ns(&rate, 126), 1008);
}

static void several_steps_in_one_nanosecond(void **state) {
    (void)state;
    struct rate rate = rate_of((struct ips){2500000000, 1});
    static const vtime times[] = {0, 0, 0, 1, 1, 2, 2, 2, 3};
    for (unsigned steps = 0; steps < COUNT(times); steps++) {
        assert_int_equal(rate_ns(&rate, steps), times[steps]);
    }
    assert_int_equal(rate_steps(&rate, 1), 3);
    assert_int_equal(rate_steps(&rate, 2), 5);
    assert_int_equal(rate_steps(&rate, 3), 8);
}

static void the_ends_saturate(void **state) {
    (void)state;
    struct rate slow = rate_of((struct ips){1, 1});
    struct rate even = rate_from_shift(0);
    struct rate fast = rate_of((struct ips){1000000000000, 1});
    assert_int_equal(rate_ns(&slow, UINT64_MAX), VTIME_NEVER);
    assert_int_equal(rate_ns(&slow, 9223372036), 9223372036000000000);
    assert_int_equal(rate_ns(&slow, 9223372037), VTIME_NEVER);
    assert_int_equal(rate_steps(&slow, VTIME_NEVER), 9223372037);
    assert_int_equal(rate_ns(&even, INT64_MAX - 1), INT64_MAX - 1);
    assert_int_equal(rate_ns(&even, INT64_MAX), VTIME_NEVER);
    assert_int_equal(rate_ns(&even, UINT64_MAX), VTIME_NEVER);
    assert_int_equal(rate_ns(&fast, UINT64_MAX), 18446744073709551);
    assert_true(rate_steps(&fast, 18446744073709551) == 18446744073709551000u);
    assert_true(rate_steps(&fast, 18446744073709552) == UINT64_MAX);
    assert_true(rate_steps(&fast, VTIME_NEVER) == UINT64_MAX);
    assert_int_equal(rate_steps(&slow, 0), 0);
    assert_int_equal(rate_steps(&slow, -1), 0);
    assert_int_equal(rate_steps(&fast, INT64_MIN), 0);
}

/* -- Properties -------------------------------------------------------------------------------- */

static void big_integers_agree(void **state) {
    (void)state;
    struct random random = random_start(1);
    for (unsigned i = 0; i < 200000; i++) {
        struct ips ips = random_ips(&random);
        struct rate rate = rate_of(ips);
        uint64_t steps = random_wide(&random);
        vtime ns = (vtime)(random_wide(&random) >> 1);
        expect(rate_ns(&rate, steps) == reference_ns(ips, steps), &random,
               "time of %llu at %llu/%llu", (unsigned long long)steps, (unsigned long long)ips.over,
               (unsigned long long)ips.under);
        expect(rate_steps(&rate, ns) == reference_steps(ips, ns), &random,
               "steps to %lld at %llu/%llu", (long long)ns, (unsigned long long)ips.over,
               (unsigned long long)ips.under);
    }
}

static void conversions_are_adjoint(void **state) {
    (void)state;
    struct random random = random_start(2);
    for (unsigned i = 0; i < 200000; i++) {
        struct rate rate = rate_of(random_ips(&random));
        vtime due = (vtime)(random_wide(&random) >> 1);
        uint64_t steps = rate_steps(&rate, due);
        if (steps == UINT64_MAX) { /* no 64-bit position is late enough */
            expect(rate_ns(&rate, UINT64_MAX - 1) < due, &random, "%lld is not never",
                   (long long)due);
            continue;
        }
        expect(rate_ns(&rate, steps) >= due, &random, "%lld came too early", (long long)due);
        expect(steps == 0 || rate_ns(&rate, steps - 1) < due, &random, "%lld came too late",
               (long long)due);
    }
}

static void conversions_invert_up_to_one_step_a_nanosecond(void **state) {
    (void)state;
    struct random random = random_start(3);
    for (unsigned i = 0; i < 200000; i++) {
        struct rate rate = rate_of(random_ips(&random));
        uint64_t steps = random_wide(&random);
        vtime ns = rate_ns(&rate, steps);
        if (ns == VTIME_NEVER) {
            continue;
        }
        uint64_t back = rate_steps(&rate, ns);
        bool one_each = rate.whole_ns >= 1; /* at most 10^9 steps a second */
        expect(one_each ? back == steps : back <= steps, &random, "%llu came back as %llu",
               (unsigned long long)steps, (unsigned long long)back);
        expect(rate_ns(&rate, back) == ns, &random, "time %lld came back changed", (long long)ns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shifts_are_powers_of_two),
        cmocka_unit_test(text_is_kept_exactly),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(three_steps_a_second),
        cmocka_unit_test(eight_nanoseconds_a_step),
        cmocka_unit_test(several_steps_in_one_nanosecond),
        cmocka_unit_test(the_ends_saturate),
        cmocka_unit_test(big_integers_agree),
        cmocka_unit_test(conversions_are_adjoint),
        cmocka_unit_test(conversions_invert_up_to_one_step_a_nanosecond),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
