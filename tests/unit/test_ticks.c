/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's time base: a grid that never moves, levels that change at one exact position. */
#include "memory_test.h"
#include "vtime_test.h"

#include <gmp.h>

/** A rate as written, and as over/under steps a second for the reference. */
struct ips {
    const char *text;
    uint64_t over;
    uint64_t under;
};

static const struct ips SHIFT_3 = {"125000000", 125000000, 1};

static void sched_start(struct sched *sched, struct ips ips, vtime quantum_ns, bool monotonic) {
    struct rate rates[2];
    assert_int_equal(rate_parse_ips(ips.text, &rates[0], NULL), STATUS_OK);
    rates[1] = rates[0];
    assert_true(sched_init(sched, &(struct sched_options){.vcpu_count = 2,
                                                          .rates = rates,
                                                          .quantum_ns = quantum_ns,
                                                          .tick_ns = 100,
                                                          .monotonic = monotonic}));
}

/** A comparator and what it has said. */
struct line {
    struct comparator comparator;
    bool level;
    unsigned changes;
    uint64_t steps; /* of its vCPU, at the last change */
};

static void line_change(void *owner, bool level) {
    struct line *line = owner;
    assert_true(level != line->level);
    line->level = level;
    line->changes++;
    line->steps = line->comparator.sched->vcpus[line->comparator.vcpu].clock.steps;
}

static void line_attach(struct line *line, struct sched *sched, unsigned vcpu) {
    *line = (struct line){.level = false};
    assert_true(comparator_attach(sched, vcpu, &line->comparator, line_change, line));
}

static void expect_line(const struct line *line, bool level, unsigned changes) {
    assert_int_equal(line->level, level);
    assert_int_equal(line->comparator.level, level);
    assert_int_equal(line->changes, changes);
}

/** Runs vCPU 0 to position @p steps; the others run as the rounds want it. */
static void run_to(struct sched *sched, uint64_t steps) {
    while (sched->vcpus[0].clock.steps < steps) {
        struct turn turn = sched_next(sched);
        if (turn.kind == TURN_RUN) {
            struct clock *clock = &sched->vcpus[turn.vcpu].clock;
            clock->steps += turn.vcpu > 0 ? turn.budget_steps
                                          : min_u64(turn.budget_steps, steps - clock->steps);
        }
    }
    while (sched_next(sched).kind != TURN_RUN) {
    }
}

/* -- By example -------------------------------------------------------------------------------- */

static void a_written_time_stays_on_the_grid(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, SHIFT_3, 10000, false);
    run_to(&sched, 12);
    assert_int_equal(ticks_read(&sched, 0), 0); /* 96 ns */
    run_to(&sched, 20);
    assert_int_equal(ticks_read(&sched, 0), 1); /* 160 ns */
    ticks_set(&sched, 0, 5000);
    assert_int_equal(ticks_read(&sched, 0), 5000);
    run_to(&sched, 24);
    assert_int_equal(ticks_read(&sched, 0), 5000); /* 192 ns */
    run_to(&sched, 25);
    assert_int_equal(ticks_read(&sched, 0), 5001); /* 200 ns: on the grid, not at 260 */
    assert_int_equal(ticks_read(&sched, 1), 0);
    ticks_set_offset(&sched, 1, sched.vcpus[0].tick_offset);
    assert_int_equal(ticks_read(&sched, 1), 4999);
    sched_free(&sched);
}

static void a_level_rises_at_its_position(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, SHIFT_3, 10000, false);
    struct line line;
    line_attach(&line, &sched, 0);
    comparator_set(&line.comparator, 3, false);
    expect_line(&line, false, 0);
    assert_null(timers_first(&sched.vcpus[0].timers));
    comparator_set(&line.comparator, 3, true);
    run_to(&sched, 37); /* 296 ns */
    expect_line(&line, false, 0);
    run_to(&sched, 38); /* 304 ns: the first at or after 300 */
    expect_line(&line, true, 1);
    assert_int_equal(line.steps, 38);
    comparator_set(&line.comparator, 2, true);
    expect_line(&line, true, 1);
    comparator_set(&line.comparator, 4, false);
    expect_line(&line, false, 2);
    comparator_set(&line.comparator, 4, true);
    assert_true(timer_armed(&line.comparator.timer));
    comparator_set(&line.comparator, 4, false);
    assert_false(timer_armed(&line.comparator.timer));
    comparator_set(&line.comparator, 3, true);
    expect_line(&line, true, 3); /* already there: told inside the call */
    comparator_set(&line.comparator, 4, true);
    expect_line(&line, false, 4);
    sched_free(&sched);
}

static void a_level_past_the_end_of_time_is_never(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, SHIFT_3, 10000, false);
    struct line line;
    line_attach(&line, &sched, 0);
    comparator_set(&line.comparator, 92233720368547758, true);
    assert_int_equal(timers_due(&sched.vcpus[0].timers), 9223372036854775800);
    comparator_set(&line.comparator, 92233720368547759, true);
    assert_false(timer_armed(&line.comparator.timer));
    sched_free(&sched);
}

static void a_level_falls_when_ticks_wrap(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, SHIFT_3, 10000, false);
    struct line last, some, zero;
    line_attach(&last, &sched, 0);
    line_attach(&some, &sched, 0);
    line_attach(&zero, &sched, 0);
    ticks_set(&sched, 0, UINT64_MAX - 1);
    comparator_set(&last.comparator, UINT64_MAX, true);
    comparator_set(&some.comparator, 2, true);
    comparator_set(&zero.comparator, 0, true);
    expect_line(&some, true, 1);
    expect_line(&zero, true, 1);
    assert_false(timer_armed(&zero.comparator.timer));
    run_to(&sched, 13);
    expect_line(&last, true, 1);
    assert_int_equal(last.steps, 13);
    run_to(&sched, 25);
    assert_int_equal(ticks_read(&sched, 0), 0);
    expect_line(&last, false, 2);
    expect_line(&some, false, 2);
    assert_int_equal(last.steps, 25);
    run_to(&sched, 50);
    expect_line(&some, true, 3);
    assert_int_equal(some.steps, 50);
    expect_line(&zero, true, 1);
    assert_false(timer_armed(&last.comparator.timer)); /* 2^64 ticks on: past the end of time */
    sched_free(&sched);
}

static void comparators_follow_a_written_time(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, SHIFT_3, 10000, false);
    struct line first, second;
    line_attach(&first, &sched, 0);
    line_attach(&second, &sched, 0);
    comparator_set(&first.comparator, 1000, true);
    comparator_set(&second.comparator, 1001, true);
    ticks_set(&sched, 0, 1000);
    expect_line(&first, true, 1);
    expect_line(&second, false, 0);
    ticks_set(&sched, 0, 999);
    expect_line(&first, false, 2);
    run_to(&sched, 13);
    expect_line(&first, true, 3);
    run_to(&sched, 25);
    expect_line(&second, true, 1);
    ticks_set(&sched, 0, 0);
    expect_line(&first, false, 4);
    expect_line(&second, false, 2);
    sched_free(&sched);
}

static void set_again(void *owner, bool level) {
    struct line *line = owner;
    line_change(owner, level);
    if (level) { /* a guest's handler at work: the next deadline, from inside the change */
        comparator_set(&line->comparator, line->comparator.compare + 2, true);
    }
}

static void a_change_may_set_the_comparator(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, SHIFT_3, 10000, false);
    struct line line = {.level = false};
    assert_true(comparator_attach(&sched, 0, &line.comparator, set_again, &line));
    comparator_set(&line.comparator, 1, true);
    run_to(&sched, 100); /* 800 ns: at ticks 1, 3, 5 and 7 */
    expect_line(&line, false, 8);
    assert_int_equal(line.comparator.compare, 9);
    assert_int_equal(line.steps, 88); /* 704 ns: the first at or after 700 */
    sched_free(&sched);
}

static void monotonic_reads_never_fall(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, SHIFT_3, 1000, true);
    struct line line;
    line_attach(&line, &sched, 1);
    comparator_set(&line.comparator, 7, true);
    run_to(&sched, 100); /* 800 ns; vCPU 1 has not run */
    assert_int_equal(ticks_peek(&sched, 0), 8);
    assert_int_equal(ticks_peek(&sched, 1), 0); /* peeks are no reads */
    assert_int_equal(ticks_read(&sched, 0), 8);
    assert_int_equal(ticks_read(&sched, 1), 8);
    expect_line(&line, false, 0); /* levels follow the clock, not the reads */
    assert_int_equal(ticks_peek(&sched, 1), 8);
    ticks_set(&sched, 1, 3); /* a write is not time going back, but reads stay ahead by 8 */
    assert_int_equal(ticks_read(&sched, 1), 11);
    ticks_set(&sched, 1, UINT64_MAX - 7);
    assert_true(ticks_read(&sched, 1) == 0);
    run_to(&sched, 125 + 38); /* 1304 ns */
    assert_int_equal(ticks_read(&sched, 0), 13);
    sched_free(&sched);

    sched_start(&sched, SHIFT_3, 1000, false);
    run_to(&sched, 100);
    assert_int_equal(ticks_read(&sched, 0), 8);
    assert_int_equal(ticks_read(&sched, 1), 0);
    sched_free(&sched);
}

static void attaching_can_fail(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, SHIFT_3, 1000, false);
    struct line line;
    memory_is_out = true;
    bool had = comparator_attach(&sched, 0, &line.comparator, line_change, &line);
    memory_is_out = false;
    assert_false(had);
    assert_null(sched.vcpus[0].comparators);
    sched_free(&sched);
}

/* -- Exactness --------------------------------------------------------------------------------- */

/** ceil(ns x over / (10^9 x under)): the position that the law names for a time. */
static uint64_t reference_position(struct ips ips, vtime ns) {
    mpz_t steps, cost;
    mpz_init_set_ui(steps, (uint64_t)ns);
    mpz_init_set_ui(cost, 1000000000);
    mpz_mul_ui(steps, steps, ips.over);
    mpz_mul_ui(cost, cost, ips.under);
    mpz_cdiv_q(steps, steps, cost);
    uint64_t position = mpz_get_ui(steps);
    mpz_clears(steps, cost, NULL);
    return position;
}

/** Runs until the level changes, in pieces of any size. */
static void run_to_change(struct sched *sched, const struct line *line, struct random *random) {
    static const uint64_t grants[] = {1, 2, 7, 100, UINT64_MAX};
    unsigned changes = line->changes;
    uint64_t grant = grants[random_below(random, COUNT(grants))];
    for (;;) {
        struct turn turn = sched_next(sched);
        if (line->changes != changes) {
            break;
        }
        if (turn.kind == TURN_RUN) {
            sched->vcpus[0].clock.steps += min_u64(turn.budget_steps, grant);
        }
    }
}

/* Each round sets the comparator from the place where the last one ended. Every tenth time the
 * ticks are written first, often so that they are about to wrap; then the fall is checked as
 * well. */
static void check_rate(struct ips ips, struct random *random) {
    struct sched sched;
    sched_start(&sched, ips, 1 + (vtime)random_below(random, 1000000), false);
    uint64_t span = 10 + 300 * (1000000000 * ips.under / ips.over / 100); /* [ticks] */
    struct line line;
    line_attach(&line, &sched, 0);
    vcpu_sleep(&sched.vcpus[1]);
    for (unsigned i = 0; i < 2000; i++) {
        run_to(&sched, 0);
        struct clock *clock = &sched.vcpus[0].clock;
        uint64_t grid = (uint64_t)clock_now(clock) / 100;
        comparator_set(&line.comparator, 0, false);
        if (i % 10 == 0) {
            ticks_set(&sched, 0, random_wide(random) - random_below(random, 3));
        }
        uint64_t ticks = ticks_read(&sched, 0);
        uint64_t ahead = random_below(random, span);
        uint64_t compare = ticks + ahead;
        uint64_t change = compare >= ticks ? ahead : 0 - ticks; /* past the wrap: it falls first */
        uint64_t want = reference_position(ips, (vtime)((grid + change) * 100));
        comparator_set(&line.comparator, compare, true);
        expect(line.level == (ticks >= compare), random, "level at once, ips=%s", ips.text);
        if (change == 0 || compare == 0) { /* there already, and always there */
            continue;
        }
        clock->steps++; /* the instruction that set it */
        run_to_change(&sched, &line, random);
        expect(line.steps == want, random, "ips=%s: level changed at step %llu, not %llu", ips.text,
               (unsigned long long)line.steps, (unsigned long long)want);
    }
    expect(sched.late_steps_max == 0, random, "ips=%s: late", ips.text);
    sched_free(&sched);
}

static void levels_change_at_exact_positions(void **state) {
    (void)state;
    static const struct ips rates[] = {
        {"1000000000", 1000000000, 1},
        {"1000000000/8", 1000000000, 8},
        {"1000000000/1024", 1000000000, 1024},
        {"1234567891", 1234567891, 1},
        {"3", 3, 1},
    };
    struct random random = random_start(7);
    for (size_t i = 0; i < COUNT(rates); i++) {
        check_rate(rates[i], &random);
    }
}

/** What was told of a comparator last. */
struct told {
    unsigned armed, fired;
    vtime due_ns;
};

static void note(void *owner, const struct comparator *comparator, bool fired, vtime due_ns) {
    struct told *told = owner;
    (void)comparator;
    told->armed += !fired;
    told->fired += fired;
    told->due_ns = due_ns;
}

static void expect_told(const struct told *told, unsigned armed, unsigned fired, vtime due_ns) {
    assert_int_equal(told->armed, armed);
    assert_int_equal(told->fired, fired);
    assert_int_equal(told->due_ns, due_ns);
}

static void who_asks_is_told_of_deadlines(void **state) {
    (void)state;
    struct sched sched;
    struct line line;
    struct told told = {0};
    sched_start(&sched, SHIFT_3, 1000, false);
    line_attach(&line, &sched, 0);
    sched.comparator_told = note;
    sched.comparator_owner = &told;
    comparator_set(&line.comparator, 50, true);
    expect_told(&told, 1, 0, 5000);
    run_to(&sched, 624);
    expect_told(&told, 1, 0, 5000);
    run_to(&sched, 626);
    expect_told(&told, 1, 1, 5000);
    comparator_set(&line.comparator, 3, true); /* its level stays */
    expect_told(&told, 1, 1, 5000);
    comparator_set(&line.comparator, 3, false);
    comparator_set(&line.comparator, 3, true); /* it has come already */
    expect_told(&told, 1, 2, clock_now(&sched.vcpus[0].clock));
    comparator_set(&line.comparator, UINT64_MAX, true); /* past the end of time */
    assert_int_equal(told.armed, 1);
    sched_free(&sched);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_time_stays_on_the_grid),
        cmocka_unit_test(a_level_rises_at_its_position),
        cmocka_unit_test(a_level_past_the_end_of_time_is_never),
        cmocka_unit_test(a_level_falls_when_ticks_wrap),
        cmocka_unit_test(comparators_follow_a_written_time),
        cmocka_unit_test(a_change_may_set_the_comparator),
        cmocka_unit_test(monotonic_reads_never_fall),
        cmocka_unit_test(attaching_can_fail),
        cmocka_unit_test(levels_change_at_exact_positions),
        cmocka_unit_test(who_asks_is_told_of_deadlines),
    };
    return cmocka_run_group_tests_name("ticks", tests, NULL, NULL);
}
