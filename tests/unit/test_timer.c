/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heap of deadlines: ties keep their order, whatever is armed, cancelled and armed again. */
#include "memory_test.h"
#include "vtime_test.h"

static void never_fired(void *owner) {
    (void)owner;
    fail_msg("a heap fires nothing by itself");
}

static void attaching_can_fail(void **state) {
    (void)state;
    uint64_t order = 0;
    struct timers timers;
    struct timer one, two;
    timers_init(&timers, &order);
    assert_true(timer_attach(&timers, &one, never_fired, NULL));
    memory_is_out = true;
    assert_false(timer_attach(&timers, &two, never_fired, NULL));
    memory_is_out = false;
    timer_arm(&one, 5);
    assert_ptr_equal(timers_first(&timers), &one);
    assert_int_equal(timers.attached_count, 1);
    timers_free(&timers);
    assert_null(timers_first(&timers));
}

static void an_empty_heap_is_never_due(void **state) {
    (void)state;
    uint64_t order = 0;
    struct timers timers;
    struct timer timer;
    timers_init(&timers, &order);
    assert_true(timer_attach(&timers, &timer, never_fired, NULL));
    assert_null(timers_first(&timers));
    assert_int_equal(timers_due(&timers), VTIME_NEVER);
    assert_false(timer_armed(&timer));
    timer_cancel(&timer);
    timer_arm(&timer, VTIME_NEVER);
    assert_false(timer_armed(&timer));
    assert_int_equal(order, 0);
    timer_arm(&timer, 9);
    assert_true(timer_armed(&timer));
    assert_int_equal(timers_due(&timers), 9);
    timer_arm(&timer, VTIME_NEVER);
    assert_int_equal(timers_due(&timers), VTIME_NEVER);
    timer_arm(&timer, -9);
    assert_int_equal(timers_due(&timers), 0);
    timers_free(&timers);
}

static void arming_notes_the_position_of_its_clock(void **state) {
    (void)state;
    uint64_t order = 0;
    struct timers timers;
    struct timer timer;
    struct clock clock;
    timers_init(&timers, &order);
    assert_true(timer_attach(&timers, &timer, never_fired, NULL));
    timer_arm(&timer, 9);
    assert_int_equal(timer.armed_steps, 0);
    clock_init(&clock, rate_from_shift(3));
    clock.steps = 42;
    timers.clock = &clock;
    timer_arm(&timer, 9);
    assert_int_equal(timer.armed_steps, 42);
    timers_free(&timers);
}

static struct state_hash hash_of(struct timer *timer) {
    struct state_hash hash = {0, 0};
    struct stream stream = {.put = state_hash_put, .owner = &hash};
    timer_state(timer, &stream);
    return hash;
}

static void the_state_walk_forgets_what_is_over(void **state) {
    (void)state;
    uint64_t order = 0;
    struct timers timers;
    struct timer timer;
    timers_init(&timers, &order);
    assert_true(timer_attach(&timers, &timer, never_fired, NULL));
    struct state_hash fresh = hash_of(&timer);
    assert_int_equal(fresh.size_bytes, 17);
    timer_arm(&timer, 7);
    struct state_hash armed = hash_of(&timer);
    timer_arm(&timer, 7);
    struct state_hash later = hash_of(&timer);
    timer_arm(&timer, 8);
    assert_true(armed.value != fresh.value && later.value != armed.value);
    assert_true(hash_of(&timer).value != later.value);
    timer_cancel(&timer);
    assert_true(hash_of(&timer).value == fresh.value);
    timers_free(&timers);
}

/* -- Against a list ---------------------------------------------------------------------------- */

#define TIMERS 40

/** The naive reference: a row for each timer, searched from end to end. */
struct row {
    bool armed;
    vtime due_ns;
    uint64_t order;
};

static int rows_first(const struct row rows[TIMERS]) {
    int first = -1;
    for (int i = 0; i < TIMERS; i++) {
        if (rows[i].armed &&
            (first < 0 || rows[i].due_ns < rows[first].due_ns ||
             (rows[i].due_ns == rows[first].due_ns && rows[i].order < rows[first].order))) {
            first = i;
        }
    }
    return first;
}

static void check_first(const struct timers *timers, const struct timer all[TIMERS],
                        const struct row rows[TIMERS], const struct random *random) {
    int want = rows_first(rows);
    const struct timer *first = timers_first(timers);
    expect(want < 0 ? first == NULL : first == &all[want], random, "the first is %td, not %d",
           first == NULL ? -1 : first - all, want);
    expect(timers_due(timers) == (want < 0 ? VTIME_NEVER : rows[want].due_ns), random, "due");
}

static void ties_keep_their_order(void **state) {
    (void)state;
    struct random random = random_start(6);
    struct timer all[TIMERS];
    struct row rows[TIMERS] = {{false, 0, 0}};
    struct timers timers;
    uint64_t order = 0;
    uint64_t count = 0;
    timers_init(&timers, &order);
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_true(timer_attach(&timers, &all[i], never_fired, NULL));
    }
    for (unsigned i = 0; i < 300000; i++) {
        int idx = (int)random_below(&random, TIMERS);
        unsigned kinds = i / 1000 % 2 == 0 ? 4 : 10; /* fuller and emptier by turns */
        if (random_below(&random, kinds) < 2) {
            int first = rows_first(rows);
            idx = first >= 0 && random_below(&random, 2) == 0 ? first : idx;
            timer_cancel(&all[idx]);
            rows[idx].armed = false;
        } else {
            vtime due = (vtime)random_below(&random, 12);
            timer_arm(&all[idx], due);
            rows[idx] = (struct row){true, due, count++};
        }
        check_first(&timers, all, rows, &random);
    }
    expect(order == count, &random, "every arming takes one order");
    timers_free(&timers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attaching_can_fail),
        cmocka_unit_test(an_empty_heap_is_never_due),
        cmocka_unit_test(arming_notes_the_position_of_its_clock),
        cmocka_unit_test(the_state_walk_forgets_what_is_over),
        cmocka_unit_test(ties_keep_their_order),
    };
    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
