/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four clocks under pause and resume, and sleeps that follow real time. */
#include "vtime_test.h"

static struct host_time host_at(int64_t monotonic_ns) {
    return (struct host_time){.monotonic_ns = monotonic_ns, .wall_ns = monotonic_ns + 5000000};
}

static int64_t virtual_rt(const struct clocks *clocks, int64_t monotonic_ns) {
    return clocks_read(clocks, CLOCKS_VIRTUAL_RT, host_at(monotonic_ns), 77);
}

static void each_clock_reads_its_own(void **state) {
    (void)state;
    struct clocks clocks;
    clocks_init(&clocks, host_at(1000));
    clocks_resume(&clocks, host_at(1000));
    assert_int_equal(clocks_read(&clocks, CLOCKS_REALTIME, host_at(1500), 77), 1500);
    assert_int_equal(clocks_read(&clocks, CLOCKS_HOST, host_at(1500), 77), 5001500);
    assert_int_equal(clocks_read(&clocks, CLOCKS_VIRTUAL, host_at(1500), 77), 77);
    assert_int_equal(clocks_read(&clocks, CLOCKS_VIRTUAL_RT, host_at(1500), 77), 500);
}

static void virtual_rt_runs_only_while_the_machine_does(void **state) {
    (void)state;
    struct clocks clocks;
    clocks_init(&clocks, host_at(1000));
    assert_int_equal(virtual_rt(&clocks, 1000), 0);
    assert_int_equal(virtual_rt(&clocks, 1300), 0);
    clocks_resume(&clocks, host_at(1400));
    assert_int_equal(virtual_rt(&clocks, 1400), 0);
    assert_int_equal(virtual_rt(&clocks, 1410), 10);
    clocks_resume(&clocks, host_at(1420));
    assert_int_equal(virtual_rt(&clocks, 1430), 30);
    clocks_pause(&clocks, host_at(1440));
    clocks_pause(&clocks, host_at(1450));
    assert_int_equal(virtual_rt(&clocks, 2000), 40);
    clocks_resume(&clocks, host_at(2000));
    assert_int_equal(virtual_rt(&clocks, 2005), 45);
}

static void a_sleep_follows_real_time_up_to_its_deadline(void **state) {
    (void)state;
    struct idle idle = {.from_ns = 100, .from_rt_ns = 7000, .until_ns = 150};
    assert_int_equal(idle_now(&idle, 6000), 100);
    assert_int_equal(idle_left_ns(&idle, 6000), 50);
    assert_int_equal(idle_now(&idle, 7000), 100);
    assert_int_equal(idle_now(&idle, 7030), 130);
    assert_int_equal(idle_left_ns(&idle, 7030), 20);
    assert_int_equal(idle_now(&idle, 7050), 150);
    assert_int_equal(idle_left_ns(&idle, 7050), 0);
    assert_int_equal(idle_now(&idle, 9000), 150);
    assert_int_equal(idle_left_ns(&idle, 9000), 0);
}

static void a_sleep_without_deadline_goes_on(void **state) {
    (void)state;
    struct idle idle = {.from_ns = VTIME_NEVER - 10, .from_rt_ns = 0, .until_ns = VTIME_NEVER};
    assert_int_equal(idle_now(&idle, 3), VTIME_NEVER - 7);
    assert_int_equal(idle_now(&idle, 3000), VTIME_NEVER);
    assert_int_equal(idle_left_ns(&idle, 3), INT64_MAX);
    assert_int_equal(idle_left_ns(&idle, 3000), INT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_clock_reads_its_own),
        cmocka_unit_test(virtual_rt_runs_only_while_the_machine_does),
        cmocka_unit_test(a_sleep_follows_real_time_up_to_its_deadline),
        cmocka_unit_test(a_sleep_without_deadline_goes_on),
    };
    return cmocka_run_group_tests_name("clocks", tests, NULL, NULL);
}
