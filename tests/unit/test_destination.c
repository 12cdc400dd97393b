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

/* What is written is read as the same place, and written so again. */
static void test_texts(void **state) {
    static const char *const texts[] = {
        "0",           "18446744073709551615", "3:5",        "vtime:77", "symbol:main",
        "symbol:a#12", "line:login: ",         "line:a#b#1", "marker",   "marker#4",
        "marker:0",    "marker:2047#3",        "line:..",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        char text[DESTINATION_CHARS];
        struct destination destination = parsed(texts[i]);
        assert_string_equal(destination_text(&destination, text), texts[i]);
    }
    struct destination once = parsed("symbol:main#1"), none = {.kind = DESTINATION_NONE};
    char text[DESTINATION_CHARS];
    assert_string_equal(destination_text(&once, text), "symbol:main");
    assert_string_equal(destination_text(&none, text), "");
}

static void expect_window(const char *value, const char *from, const char *to) {
    struct window window;
    char text[DESTINATION_CHARS];
    assert_true(window_parse(value, &window));
    assert_string_equal(destination_text(&window.from, text), from);
    assert_string_equal(destination_text(&window.to, text), to);
}

static void test_windows(void **state) {
    (void)state;
    struct window window;
    expect_window("..", "", "");
    expect_window("5..", "5", "");
    expect_window("..vtime:5", "", "vtime:5");
    expect_window("marker:7#2..symbol:f", "marker:7#2", "symbol:f");
    expect_window("line:Starting...line:done..", "line:Starting.", "line:done..");
    expect_window("line:a..b..5", "line:a..b", "5");
    expect_window("symbol:a..line:wait...", "symbol:a", "line:wait...");
    assert_false(window_parse("", &window) || window_parse("5", &window) ||
                 window_parse("5..x", &window) || window_parse("5.6", &window));
}

static bool disordered(const char *const *texts, unsigned count) {
    struct window windows[WINDOWS_MAX];
    for (unsigned i = 0; i < count; i++) {
        assert_true(window_parse(texts[i], &windows[i]));
    }
    return windows_disordered(windows, count);
}

static void test_order(void **state) {
    (void)state;
    assert_false(disordered((const char *[]){"5..5", "5..6", "..", "7.."}, 4));
    assert_false(disordered((const char *[]){"5..vtime:2", "3:1..2:0", "symbol:b..symbol:a"}, 3));
    assert_true(disordered((const char *[]){"5..4"}, 1));
    assert_true(disordered((const char *[]){"..9", "symbol:a..8"}, 2));
    assert_true(disordered((const char *[]){"vtime:5..", "0:7..1:3", "vtime:4.."}, 3));
    assert_true(disordered((const char *[]){"1:7..0:3", "1:6.."}, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_counted),
        cmocka_unit_test(test_others),  cmocka_unit_test(test_texts),
        cmocka_unit_test(test_windows), cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
