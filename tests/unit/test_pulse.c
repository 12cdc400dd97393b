/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pulse: it fires at multiples of its period, and its numbers are those of what its handler saw. */
#include "machine/machine.h"
#include "sched_test.h"

/** One vCPU runs for @p steps, whatever is granted. */
static void run_steps(struct sched *sched, uint64_t steps) {
    uint64_t end = sched->vcpus[0].clock.steps + steps;
    while (sched->vcpus[0].clock.steps < end) {
        struct turn turn = sched_next(sched);
        if (turn.kind == TURN_RUN) {
            uint64_t left = end - sched->vcpus[0].clock.steps;
            sched->vcpus[0].clock.steps += min_u64(turn.budget_steps, left);
        }
    }
    sched_next(sched);
}

static void periods_of_lockstep_are_all_the_same(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 1, 1, 3000);
    struct pulse *pulse = pulse_new(&sched, 1001);
    assert_non_null(pulse);
    assert_int_equal(pulse_stats(pulse).count, 0);
    run_steps(&sched, 12513); /* 100104 ns: 100 periods take 100100 */
    struct pulse_stats stats = pulse_stats(pulse);
    assert_int_equal(stats.period_ns, 1001);
    assert_int_equal(stats.count, 100);
    assert_int_equal(stats.off_count, 0);
    assert_int_equal(stats.sum_ns, 100100);
    assert_int_equal(stats.median_ns, 1001);
    assert_int_equal(stats.min_ns, 1001);
    assert_int_equal(stats.max_ns, 1001);
    pulse_free(pulse);
    sched_free(&sched);
}

/* Where VIRTUAL moves in leaps, as the token may make it, the handler comes late. */
static void what_comes_late_is_counted_as_it_came(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 1, 1, 100);
    struct pulse *pulse = pulse_new(&sched, 100);
    assert_non_null(pulse);
    static const vtime starts[] = {100, 230, 300, 400, 510, 600};
    for (size_t i = 0; i < COUNT(starts); i++) {
        sched.start_ns = starts[i];
        for (struct timer *timer = timers_first(&sched.timers); timer->due_ns <= starts[i];
             timer = timers_first(&sched.timers)) {
            timer_fire(&sched, timer);
        }
    }
    struct pulse_stats stats = pulse_stats(pulse);
    assert_int_equal(stats.count, 6); /* 100 130 70 100 110 90 */
    assert_int_equal(stats.off_count, 4);
    assert_int_equal(stats.sum_ns, 600);
    assert_int_equal(stats.min_ns, 70);
    assert_int_equal(stats.median_ns, 100);
    assert_int_equal(stats.max_ns, 130);
    pulse_free(pulse);
    sched_free(&sched);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periods_of_lockstep_are_all_the_same),
        cmocka_unit_test(what_comes_late_is_counted_as_it_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
