/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places as users name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "machine/machine.h"

static struct destination parsed(const char *text) {
    struct destination destination;
    assert_true(destination_parse(text, &destination));
    return destination;
}

static void expect_counted(const char *text, enum destination_kind kind, const char *name,
                           uint64_t nth) {
    struct destination destination = parsed(text);
    assert_int_equal(destination.kind, kind);
    assert_string_equal(destination.text, name);
    assert_true(destination.nth == nth && destination_counted(&destination));
}

static void test_numbers(void **state) {
    (void)state;
    struct destination destination = parsed("18446744073709551615");
    assert_true(destination.kind == DESTINATION_STEPS && destination.number == UINT64_MAX);
    assert_false(destination_counted(&destination));
    destination = parsed("3:0");
    assert_true(destination.kind == DESTINATION_HART_STEPS && destination.hart == 3 &&
                destination.number == 0);
    destination = parsed("vtime:9223372036854775806");
    assert_true(destination.kind == DESTINATION_VTIME &&
                destination.number == (uint64_t)VTIME_NEVER - 1);
}

static void test_counted(void **state) {
    (void)state;
    expect_counted("symbol:main", DESTINATION_SYMBOL, "main", 1);
    expect_counted("symbol:a:b#12", DESTINATION_SYMBOL, "a:b", 12);
    expect_counted("line:login: ", DESTINATION_LINE, "login: ", 1);
    expect_counted("line:#5#1", DESTINATION_LINE, "#5", 1);
    expect_counted("line:a#", DESTINATION_LINE, "a#", 1);
    expect_counted("line:a#0", DESTINATION_LINE, "a#0", 1);
    expect_counted("line:a#-1", DESTINATION_LINE, "a#-1", 1);
    assert_true(parsed("marker").number == MARKER_ANY);
    assert_true(parsed("marker#4").number == MARKER_ANY && parsed("marker#4").nth == 4);
    assert_true(parsed("marker:0").number == 0 && parsed("marker:2047#3").number == 2047);
    assert_true(parsed("marker:2047#3").nth == 3);
}

static void test_others(void **state) {
    static const char *const others[] = {
        "",        "x",           "-1",       "1:",        "1:2:3",
        ":5",      "9999:5",      "0x10",     "vtime:",    "vtime:9223372036854775807",
        "vtime:x", "vtime:5#1",   "symbol:",  "symbol:#1", "symbol",
        "line:",   "marker:2048", "marker:x", "markers",   "18446744073709551616",
    };
    struct destination destination;
    char text[5 + DESTINATION_TEXT_MAX + 2];
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(destination_parse(others[i], &destination));
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "line:", 5);
    text[sizeof text - 1] = '\0';
    assert_false(destination_parse(text, &destination));
    text[sizeof text - 2] = '\0';
    assert_true(destination_parse(text, &destination));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_counted),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
