/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The goldfish clock from outside: virtual time in, wall time and one alarm out. */
#include "dev_test.h"

static const uint64_t BASE_NS = UINT64_C(1767225600000000000); /* 2026-01-01 */

enum {
    TIME_LOW = 0x00,
    TIME_HIGH = 0x04,
    ALARM_LOW = 0x08,
    ALARM_HIGH = 0x0c,
    IRQ_ENABLED = 0x10,
    CLEAR_ALARM = 0x14,
    ALARM_STATUS = 0x18,
    CLEAR_INTERRUPT = 0x1c
};

struct fixture {
    struct sched sched;
    struct wires out;
    void *rtc;
};

static void fixture_init(struct fixture *fixture) {
    memset(fixture, 0, sizeof *fixture);
    sched_start(&fixture->sched, 1, 1000);
    fixture->rtc = rtc_new(&fixture->sched, wire(&fixture->out, 0), BASE_NS);
    assert_non_null(fixture->rtc);
    run_to(&fixture->sched, 0, 0);
}

static void fixture_free(struct fixture *fixture) {
    rtc_ops.free(fixture->rtc);
    sched_free(&fixture->sched);
}

static uint64_t get(const struct fixture *fixture, uint64_t offset) {
    uint64_t value = rtc_ops.read(fixture->rtc, offset, 4);
    assert_true(value <= UINT32_MAX);
    return value;
}

static void put(const struct fixture *fixture, uint64_t offset, uint64_t value) {
    rtc_ops.write(fixture->rtc, offset, (uint32_t)value, 4);
}

static uint64_t get_time(const struct fixture *fixture) {
    uint64_t low = get(fixture, TIME_LOW);
    return get(fixture, TIME_HIGH) << 32 | low;
}

static void set_time(const struct fixture *fixture, uint64_t wall_ns) {
    put(fixture, TIME_HIGH, wall_ns >> 32);
    put(fixture, TIME_LOW, wall_ns);
}

static void set_alarm(const struct fixture *fixture, uint64_t wall_ns) {
    put(fixture, ALARM_HIGH, wall_ns >> 32);
    put(fixture, ALARM_LOW, wall_ns);
}

/* -- Time -------------------------------------------------------------------------------------- */

static void test_time_is_base_plus_virtual(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    assert_int_equal(get_time(&fixture), BASE_NS);
    static const uint64_t steps[] = {1, 2, 1000, 12345, 10000019};
    for (unsigned i = 0; i < COUNT(steps); i++) {
        run_to(&fixture.sched, 0, steps[i]);
        assert_int_equal(get_time(&fixture), BASE_NS + steps[i] * STEP_NS);
    }
    fixture_free(&fixture);
}

static void test_low_latches_high(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    set_time(&fixture, UINT64_C(0x5fffffff0));
    assert_int_equal(get(&fixture, TIME_LOW), 0xfffffff0);
    run_to(&fixture.sched, 0, 2);
    assert_int_equal(get(&fixture, TIME_HIGH), 5);
    assert_int_equal(get(&fixture, TIME_LOW), 0);
    assert_int_equal(get(&fixture, TIME_HIGH), 6);
    fixture_free(&fixture);
}

static void test_time_can_be_set_and_survives_reset(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    static const uint64_t times[] = {0, 1, UINT64_C(0x123456789abcdef0), UINT64_MAX, BASE_NS};
    for (unsigned i = 0; i < COUNT(times); i++) {
        run_to(&fixture.sched, 0, 100 * (i + 1));
        set_time(&fixture, times[i]);
        assert_int_equal(get_time(&fixture), times[i]);
        run_to(&fixture.sched, 0, 100 * (i + 1) + 10);
        assert_int_equal(get_time(&fixture), times[i] + 80);
    }
    rtc_ops.reset(fixture.rtc);
    assert_int_equal(get_time(&fixture), BASE_NS + 80);
    fixture_free(&fixture);
}

/* -- Alarm ------------------------------------------------------------------------------------- */

/* The deadline lies inside an instruction, on its end, and one nanosecond after. */
static void test_alarm_comes_at_its_step(void **state) {
    (void)state;
    static const struct {
        uint64_t in_ns;
        uint64_t steps;
    } rows[] = {{1, 1},     {7, 1},     {8, 1},          {9, 2},
                {799, 100}, {800, 100}, {100000, 12500}, {123456789, 15432099}};
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct fixture fixture;
        fixture_init(&fixture);
        put(&fixture, IRQ_ENABLED, 1);
        set_alarm(&fixture, BASE_NS + rows[i].in_ns);
        assert_int_equal(get(&fixture, ALARM_STATUS), 1);
        run_to(&fixture.sched, 0, rows[i].steps - 1);
        assert_false(fixture.out.level[0]);
        assert_int_equal(get(&fixture, ALARM_STATUS), 1);
        run_to(&fixture.sched, 0, rows[i].steps);
        assert_true(fixture.out.level[0]);
        assert_int_equal(get(&fixture, ALARM_STATUS), 0);
        assert_int_equal(fixture.sched.late_steps_max, 0);
        put(&fixture, CLEAR_INTERRUPT, 1);
        assert_false(fixture.out.level[0]);
        run_to(&fixture.sched, 0, rows[i].steps + 1000);
        assert_int_equal(fixture.out.changes[0], 2);
        fixture_free(&fixture);
    }
}

static void test_alarm_in_the_past_rings_at_once(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    run_to(&fixture.sched, 0, 10);
    set_alarm(&fixture, BASE_NS + 80);
    assert_int_equal(get(&fixture, ALARM_STATUS), 0);
    assert_false(fixture.out.level[0]); /* pending, not enabled */
    put(&fixture, IRQ_ENABLED, 1);
    assert_true(fixture.out.level[0]);
    put(&fixture, IRQ_ENABLED, 2); /* bit 0 is what counts */
    assert_false(fixture.out.level[0]);
    assert_int_equal(get(&fixture, IRQ_ENABLED), 0);
    put(&fixture, CLEAR_INTERRUPT, 0);
    put(&fixture, IRQ_ENABLED, 1);
    assert_false(fixture.out.level[0]);
    fixture_free(&fixture);
}

static void test_alarm_can_be_cleared_and_moved(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, IRQ_ENABLED, 1);
    set_alarm(&fixture, BASE_NS + 800);
    assert_int_equal(get(&fixture, ALARM_HIGH) << 32 | get(&fixture, ALARM_LOW), BASE_NS + 800);
    put(&fixture, CLEAR_ALARM, 1);
    assert_int_equal(get(&fixture, ALARM_STATUS), 0);
    run_to(&fixture.sched, 0, 200);
    assert_false(fixture.out.level[0]);
    set_alarm(&fixture, BASE_NS + 8000);
    set_alarm(&fixture, BASE_NS + 4000);
    run_to(&fixture.sched, 0, 499);
    assert_false(fixture.out.level[0]);
    run_to(&fixture.sched, 0, 500);
    assert_true(fixture.out.level[0]);
    fixture_free(&fixture);
}

static void test_alarm_follows_a_new_time(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, IRQ_ENABLED, 1);
    set_alarm(&fixture, BASE_NS + 8000);
    set_time(&fixture, BASE_NS + 7200); /* closer */
    run_to(&fixture.sched, 0, 99);
    assert_false(fixture.out.level[0]);
    run_to(&fixture.sched, 0, 100);
    assert_true(fixture.out.level[0]);
    put(&fixture, CLEAR_INTERRUPT, 1);
    set_alarm(&fixture, BASE_NS + 80000);
    set_time(&fixture, BASE_NS + 80000); /* there */
    assert_true(fixture.out.level[0]);
    fixture_free(&fixture);
}

static void test_alarm_at_the_end_of_time_never_comes(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, IRQ_ENABLED, 1);
    set_alarm(&fixture, UINT64_MAX);
    assert_int_equal(get(&fixture, ALARM_STATUS), 1);
    run_to(&fixture.sched, 0, 100000);
    assert_false(fixture.out.level[0]);
    rtc_ops.reset(fixture.rtc);
    assert_int_equal(get(&fixture, ALARM_STATUS), 0);
    assert_int_equal(get(&fixture, IRQ_ENABLED), 0);
    assert_int_equal(get(&fixture, ALARM_LOW) | get(&fixture, ALARM_HIGH), 0);
    fixture_free(&fixture);
}

static void test_reset_silences(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, IRQ_ENABLED, 1);
    set_alarm(&fixture, BASE_NS);
    assert_true(fixture.out.level[0]);
    set_alarm(&fixture, BASE_NS + 80);
    rtc_ops.reset(fixture.rtc);
    assert_false(fixture.out.level[0]);
    put(&fixture, IRQ_ENABLED, 1);
    run_to(&fixture.sched, 0, 100);
    assert_false(fixture.out.level[0]);
    fixture_free(&fixture);
}

static void test_other_offsets_are_empty(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    uint64_t before = device_state_hash(&rtc_ops, fixture.rtc);
    for (uint64_t offset = 0x20; offset < RTC_SIZE_BYTES; offset += 4) {
        put(&fixture, offset, UINT32_MAX);
        assert_int_equal(get(&fixture, offset), 0);
    }
    put(&fixture, ALARM_STATUS, 1);
    assert_int_equal(device_state_hash(&rtc_ops, fixture.rtc), before);
    get(&fixture, TIME_LOW);
    assert_int_not_equal(device_state_hash(&rtc_ops, fixture.rtc), before);
    fixture_free(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_is_base_plus_virtual),
        cmocka_unit_test(test_low_latches_high),
        cmocka_unit_test(test_time_can_be_set_and_survives_reset),
        cmocka_unit_test(test_alarm_comes_at_its_step),
        cmocka_unit_test(test_alarm_in_the_past_rings_at_once),
        cmocka_unit_test(test_alarm_can_be_cleared_and_moved),
        cmocka_unit_test(test_alarm_follows_a_new_time),
        cmocka_unit_test(test_alarm_at_the_end_of_time_never_comes),
        cmocka_unit_test(test_reset_silences),
        cmocka_unit_test(test_other_offsets_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
