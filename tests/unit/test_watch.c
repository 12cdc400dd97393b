/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting: for descriptors, for no longer than was asked, and until somebody wakes it. */
#include "dev_test.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { MS = 1000000 };

static int64_t wait_took_ns(struct watch *watch, int64_t timeout_ns) {
    int64_t start_ns = host_monotonic_ns();
    assert_false(watch_wait(watch, timeout_ns));
    return host_monotonic_ns() - start_ns;
}

static void test_nothing_to_wait_for(void **state) {
    (void)state;
    struct watch *watch = watch_new();
    assert_non_null(watch);
    assert_true(wait_took_ns(watch, 20 * MS) >= 20 * MS);
    assert_true(wait_took_ns(watch, 0) < 50 * MS);
    assert_true(wait_took_ns(watch, -5) < 50 * MS);
    /* Soon enough for a caller to look at its signals. */
    assert_true(wait_took_ns(watch, INT64_MAX) < 2000 * (int64_t)MS);
    watch_limit(watch, 10 * MS);
    watch_limit(watch, 30 * MS);
    int64_t took_ns = wait_took_ns(watch, INT64_MAX);
    assert_true(took_ns >= 10 * MS && took_ns < 90 * MS);
    watch_begin(watch);
    assert_true(wait_took_ns(watch, 20 * MS) >= 20 * MS);
    watch_limit(watch, -1);
    assert_true(wait_took_ns(watch, INT64_MAX) < 50 * MS);
    watch_free(watch);
    watch_free(NULL);
}

static void test_something_is_there(void **state) {
    (void)state;
    struct watch *watch = watch_new();
    int64_t start_ns = host_monotonic_ns();
    watch_ready(watch);
    assert_true(watch_wait(watch, INT64_MAX));
    assert_true(host_monotonic_ns() - start_ns < 50 * MS);
    watch_begin(watch);
    assert_false(watch_wait(watch, 0));
    watch_free(watch);
}

/** More than a first allocation holds; every third has something to read. */
static void test_many_descriptors(void **state) {
    (void)state;
    enum { PIPES = 50 };
    int ends[PIPES][2];
    size_t idx[PIPES];
    struct watch *watch = watch_new();
    for (unsigned round = 0; round < 2; round++) {
        watch_begin(watch);
        for (unsigned i = 0; i < PIPES; i++) {
            if (round == 0) {
                assert_int_equal(pipe(ends[i]), 0);
            } else if (i % 3 == 0) {
                assert_int_equal(write(ends[i][1], "x", 1), 1);
            }
            idx[i] = watch_add(watch, ends[i][0], POLLIN);
        }
        assert_int_equal(watch_wait(watch, 0), round == 1);
        for (unsigned i = 0; i < PIPES; i++) {
            assert_int_equal(watch_seen(watch, idx[i]), round == 1 && i % 3 == 0 ? POLLIN : 0);
        }
    }
    watch_begin(watch);
    assert_false(watch_wait(watch, 0));
    for (unsigned i = 0; i < PIPES; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
    watch_free(watch);
}

static void test_a_wake_ends_one_wait(void **state) {
    (void)state;
    struct watch *watch = watch_new();
    watch_wake(watch);
    watch_wake(watch);
    assert_true(wait_took_ns(watch, 90 * MS) < 80 * MS);
    assert_true(wait_took_ns(watch, 20 * MS) >= 20 * MS);
    watch_wake(watch);
    assert_true(wait_took_ns(watch, 90 * MS) < 80 * MS);
    watch_free(watch);
}

static void *wake_later(void *watch) {
    usleep(10000);
    watch_wake(watch);
    return NULL;
}

static void test_another_thread_wakes(void **state) {
    (void)state;
    struct watch *watch = watch_new();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_later, watch), 0);
    assert_true(wait_took_ns(watch, INT64_MAX) < 90 * MS);
    pthread_join(thread, NULL);
    watch_free(watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_wait_for),  cmocka_unit_test(test_something_is_there),
        cmocka_unit_test(test_many_descriptors),     cmocka_unit_test(test_a_wake_ends_one_wait),
        cmocka_unit_test(test_another_thread_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
