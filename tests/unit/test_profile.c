/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles: sums against a slow reference, one order whatever they were built in, files that come
 * back as they went and are refused otherwise, timelines that stay small. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile_test.h"

static uint64_t seed_get(void) {
    const char *text = getenv("SANDGLASS_SEED");
    uint64_t seed = text == NULL ? 1 : strtoull(text, NULL, 10);
    print_message("SANDGLASS_SEED=%" PRIu64 "\n", seed);
    return seed * 0x9e3779b97f4a7c15 | 1;
}

/* -- Sums -------------------------------------------------------------------------------------- */

static uint32_t function_of(struct profile *profile, const char *name, uint32_t module) {
    return profile_add_function(
        profile,
        &(struct profile_function){.name = name, .module = module, .address = 16 * (uint8_t)*name});
}

/* Calls along a path of letters, and counts at its end. */
static void path_count(struct profile *profile, uint32_t root, const char *path, uint64_t steps) {
    uint32_t module = profile_add_module(profile, &(struct profile_module){"program", ""});
    uint32_t context = root;
    for (; *path != '\0'; path++) {
        char name[2] = {*path, '\0'};
        uint32_t function = function_of(profile, name, module);
        context = profile_add_call(profile, context, function, PROFILE_USER);
    }
    profile_count(profile, context, &(struct profile_counts){steps, steps - 1, 1});
}

static uint32_t bare_root(struct profile *profile, uint16_t hart) {
    return profile_add_root(
        profile, hart,
        profile_add_task(profile, &(struct profile_task){.kind = PROFILE_TASK_BARE}));
}

static const struct profile_row *row_of(const struct profile_rows *rows, const char *name) {
    for (uint32_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->rows[i].name, name) == 0) {
            return &rows->rows[i];
        }
    }
    fail_msg("no row %s", name);
    return NULL;
}

/* f calls itself, and g calls f back: each total has every step once. */
static void test_recursion_counts_once(void **state) {
    (void)state;
    struct profile *profile = profile_new();
    uint32_t root = bare_root(profile, 0);
    path_count(profile, root, "m", 1);
    path_count(profile, root, "mf", 10);
    path_count(profile, root, "mff", 100);
    path_count(profile, root, "mffg", 1000);
    path_count(profile, root, "mffgf", 10000);
    path_count(profile, root, "mg", 100000);
    profile_settle(profile);
    struct profile_rows rows;
    profile_sum(profile, PROFILE_FUNCTIONS, &rows);
    assert_int_equal(rows.self, 111111);
    assert_int_equal(row_of(&rows, "m")->total, 111111);
    assert_int_equal(row_of(&rows, "f")->self, 10110);
    assert_int_equal(row_of(&rows, "f")->total, 11110);
    assert_int_equal(row_of(&rows, "f")->calls, 3);
    assert_int_equal(row_of(&rows, "g")->self, 101000);
    assert_int_equal(row_of(&rows, "g")->total, 111000);
    profile_rows_free(&rows);
    profile_free(profile);
}

/* The same in a call graph: of f's calls of itself the outermost costs all, the inner one nothing
 * more; and of those that f and g make in turn. */
static void test_recursion_costs_once_in_call_graphs(void **state) {
    (void)state;
    struct profile *profile = profile_new();
    uint32_t root = bare_root(profile, 0);
    path_count(profile, root, "f", 1);
    path_count(profile, root, "ff", 10);
    path_count(profile, root, "fff", 100);
    path_count(profile, root, "fffg", 1000);
    path_count(profile, root, "fffgf", 10000);
    path_count(profile, root, "fffgfg", 100000);
    profile_settle(profile);
    struct buffer text = {0};
    struct stream stream = buffer_tell(&text);
    profile_callgrind(profile, &stream);
    stream_put(&stream, "", 1);
    static const char *const wanted[] = {
        "\nsummary: 111111 111105\n",
        "\nfn=(1) f\n0 10111 10107\n",
        "\ncfn=(1)\ncalls=2 0\n0 111110 111105\n", /* f of f */
        "\ncfn=(2) g\ncalls=2 0\n0 111000 110997\n",
        "\nfn=(2)\n0 101000 100998\n",
        "\ncfn=(1)\ncalls=1 0\n0 110000 109998\n", /* f of g */
    };
    for (size_t i = 0; i < COUNT(wanted); i++) {
        if (strstr((const char *)text.bytes, wanted[i]) == NULL) {
            fail_msg("no '%s' in:\n%s", wanted[i], (const char *)text.bytes);
        }
    }
    buffer_free(&text);
    profile_free(profile);
}

/* What a function and all below its outermost calls have, found by going up from each context. */
static uint64_t total_slowly(const struct profile *profile, const char *name, const char *module) {
    uint32_t count, function_count, module_count;
    const struct profile_context *contexts = profile_contexts(profile, &count);
    const struct profile_function *functions = profile_functions(profile, &function_count);
    const struct profile_module *modules = profile_modules(profile, &module_count);
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool under = false;
        for (uint32_t at = i; contexts[at].parent != PROFILE_NONE; at = contexts[at].parent) {
            const struct profile_function *function = &functions[contexts[at].function];
            char text[PROFILE_NAME_CHARS];
            under = under || (strcmp(profile_function_text(profile, contexts[at].function, text),
                                     name) == 0 &&
                              strcmp(modules[function->module].name, module) == 0);
        }
        total += under ? contexts[i].counts.self : 0;
    }
    return total;
}

static void test_sums_are_those_of_a_reference(void **state) {
    (void)state;
    struct boot boot = {.random = seed_get(),
                        .harts = 3,
                        .processes = 5,
                        .stacks = 200,
                        .spans = 5,
                        .kind = PROFILE_CALLERS};
    boot_make(&boot);
    struct profile_rows rows;
    profile_sum(boot.profile, PROFILE_FUNCTIONS, &rows);
    assert_int_equal(rows.self, boot.steps);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rows.count; i++) {
        const struct profile_row *row = &rows.rows[i];
        assert_int_equal(row->total, total_slowly(boot.profile, row->name, row->module));
        sum += row->self;
    }
    assert_int_equal(sum, boot.steps);
    profile_rows_free(&rows);
    for (enum profile_by by = PROFILE_PROCESSES; by < PROFILE_BYS; by++) {
        profile_sum(boot.profile, by, &rows);
        sum = 0;
        for (uint32_t i = 0; i < rows.count; i++) {
            sum += rows.rows[i].self;
        }
        assert_int_equal(sum, boot.steps);
        assert_true(rows.count > 1);
        profile_rows_free(&rows);
    }
    profile_free(boot.profile);
}

/* -- Order ------------------------------------------------------------------------------------- */

enum { PATHS = 300 };

static void assert_same_bytes(const struct profile *a, const struct profile *b) {
    struct buffer left = {0}, right = {0};
    profile_save(a, &left);
    profile_save(b, &right);
    assert_int_equal(left.size_bytes, right.size_bytes);
    assert_int_equal(memcmp(left.bytes, right.bytes, left.size_bytes), 0);
    buffer_free(&left);
    buffer_free(&right);
}

static void test_order_of_building_does_not_show(void **state) {
    (void)state;
    uint64_t random = seed_get();
    char paths[PATHS][8];
    uint64_t steps[PATHS];
    uint32_t order[PATHS];
    for (uint32_t i = 0; i < PATHS; i++) {
        size_t length = 1 + random_below(&random, 7);
        for (size_t c = 0; c < length; c++) {
            paths[i][c] = (char)('a' + random_below(&random, 4));
        }
        paths[i][length] = '\0';
        steps[i] = 1 + random_below(&random, 1000);
        order[i] = i;
    }
    struct profile *profiles[2];
    for (size_t p = 0; p < 2; p++) {
        profiles[p] = profile_new();
        uint32_t roots[2];
        if (p == 1) { /* of no use to anybody */
            struct profile_task task = {.kind = PROFILE_TASK_USER, .process = "x"};
            profile_add_module(profiles[p], &(struct profile_module){"unused", ""});
            profile_add_root(profiles[p], 9, profile_add_task(profiles[p], &task));
        }
        for (uint32_t i = PATHS; p == 1 && i > 1; i--) {
            uint32_t other = (uint32_t)random_below(&random, i), kept = order[i - 1];
            order[i - 1] = order[other];
            order[other] = kept;
        }
        roots[p] = bare_root(profiles[p], (uint16_t)p);
        roots[!p] = bare_root(profiles[p], !p);
        for (uint32_t i = 0; i < PATHS; i++) {
            path_count(profiles[p], roots[order[i] % 2], paths[order[i]], steps[order[i]]);
        }
        profile_settle(profiles[p]);
    }
    assert_same_bytes(profiles[0], profiles[1]);
    char digests[2][PROFILE_DIGEST_CHARS];
    profile_digest(profiles[0], digests[0]);
    profile_set_host(profiles[1], &(struct profile_host){.wall_ns = 12345});
    profile_digest(profiles[1], digests[1]);
    assert_string_equal(digests[0], digests[1]);
    profile_free(profiles[0]);
    profile_free(profiles[1]);
}

/* -- Files ------------------------------------------------------------------------------------- */

static struct profile *small_profile(bool hostile) {
    struct boot boot = {.random = 1,
                        .harts = 2,
                        .processes = 12,
                        .stacks = 12,
                        .spans = 3,
                        .kind = PROFILE_CALLERS,
                        .hostile = hostile};
    boot_make(&boot);
    return boot.profile;
}

static struct profile *loaded(const struct buffer *bytes) {
    struct profile *profile;
    struct error error = {0};
    assert_int_equal(profile_load("x.sgp", bytes->bytes, bytes->size_bytes, &profile, &error), 0);
    return profile;
}

static void test_files_come_back_as_they_went(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < 2 * PROFILE_KINDS; kind++) {
        struct boot boot = {.random = seed_get(),
                            .harts = 4,
                            .processes = 20,
                            .stacks = 300,
                            .spans = 200,
                            .kind = (enum profile_kind)(kind / 2),
                            .hostile = kind % 2 == 1,
                            .addressed = kind % 2 == 1};
        boot_make(&boot);
        struct buffer bytes = {0};
        profile_save(boot.profile, &bytes);
        struct profile *again = loaded(&bytes);
        assert_same_bytes(boot.profile, again);
        assert_string_equal(profile_run(again)->command, profile_run(boot.profile)->command);
        assert_int_equal(profile_host(again)->execute_ns, profile_host(boot.profile)->execute_ns);
        profile_free(again);
        profile_free(boot.profile);
        buffer_free(&bytes);
    }
    struct profile *empty = profile_new();
    struct buffer bytes = {0};
    profile_settle(empty);
    profile_save(empty, &bytes);
    struct profile *again = loaded(&bytes);
    assert_null(profile_host(again));
    profile_free(again);
    profile_free(empty);
    buffer_free(&bytes);
}

static void assert_refused(const uint8_t *bytes, size_t size_bytes, const char *why, size_t at) {
    struct profile *profile;
    struct error error = {0};
    uint8_t *copy = malloc(size_bytes + 1); /* so that a step beyond it shows */
    memcpy(copy, bytes, size_bytes);
    enum status status = profile_load("x.sgp", copy, size_bytes, &profile, &error);
    free(copy);
    if (status != STATUS_BAD_INPUT || strncmp(error.text, "x.sgp: ", 7) != 0 ||
        strstr(error.text, "; ") == NULL || strchr(error.text, '\n') != NULL || profile != NULL) {
        fail_msg("%s at %zu: status %d, '%s'", why, at, status, error.text);
    }
}

static void test_damage_is_refused(void **state) {
    (void)state;
    struct profile *profile = small_profile(true);
    struct buffer bytes = {0};
    profile_save(profile, &bytes);
    for (size_t i = 0; i < bytes.size_bytes; i++) {
        assert_refused(bytes.bytes, i, "cut", i);
        uint8_t flip = (uint8_t)(1u << i % 8);
        bytes.bytes[i] ^= flip;
        assert_refused(bytes.bytes, bytes.size_bytes, "flipped", i);
        bytes.bytes[i] ^= flip;
    }
    struct buffer longer = {0};
    struct stream stream = buffer_tell(&longer);
    stream_put(&stream, bytes.bytes, bytes.size_bytes);
    stream_put(&stream, "", 1);
    assert_refused(longer.bytes, longer.size_bytes, "longer", 0);
    profile_free(loaded(&bytes));
    buffer_free(&longer);
    buffer_free(&bytes);
    profile_free(profile);
}

static void test_other_versions_are_named(void **state) {
    (void)state;
    struct profile *profile = small_profile(false), *none;
    struct buffer bytes = {0};
    struct error error;
    profile_save(profile, &bytes);
    bytes.bytes[8]++;
    assert_int_equal(profile_load("x", bytes.bytes, bytes.size_bytes, &none, &error),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "another format version"));
    bytes.bytes[8]--;
    bytes.bytes[12] = 4;
    assert_int_equal(profile_load("x", bytes.bytes, bytes.size_bytes, &none, &error),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "features"));
    assert_int_equal(profile_load("x", "text", 4, &none, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "is no profile"));
    buffer_free(&bytes);
    profile_free(profile);
}

/* -- Intervals and the timeline ---------------------------------------------------------------- */

static void test_intervals_add_up(void **state) {
    (void)state;
    struct profile *profile = profile_new();
    struct profile_interval key = {.parent = PROFILE_NONE, .task = PROFILE_NONE, .name = "work"};
    uint32_t outer = profile_add_interval(profile, &key);
    key.parent = outer;
    uint32_t inner = profile_add_interval(profile, &key);
    assert_int_not_equal(outer, inner);
    assert_int_equal(profile_add_interval(profile, &key), inner);
    static const uint64_t values[] = {5, 0, 1, 7, 8, 1024, UINT64_MAX};
    for (size_t i = 0; i < COUNT(values) - 1; i++) {
        profile_measure(profile, outer, values[i], values[i] * 8);
    }
    profile_leave_open(profile, inner);
    profile_settle(profile);
    uint32_t count;
    const struct profile_interval *found = profile_intervals(profile, &count);
    assert_int_equal(count, 2);
    assert_int_equal(found[0].count, 6);
    assert_int_equal(found[0].steps_sum, 1045);
    assert_int_equal(found[0].steps_min, 0);
    assert_int_equal(found[0].steps_max, 1024);
    assert_int_equal(found[0].ns_sum, 8360);
    assert_int_equal(found[0].steps_spread[0], 1);  /* 0 */
    assert_int_equal(found[0].steps_spread[1], 1);  /* 1 */
    assert_int_equal(found[0].steps_spread[3], 2);  /* 5, 7 */
    assert_int_equal(found[0].steps_spread[4], 1);  /* 8 */
    assert_int_equal(found[0].steps_spread[11], 1); /* 1024 */
    assert_int_equal(profile_bucket(UINT64_MAX), 64);
    assert_int_equal(found[1].parent, 0);
    assert_int_equal(found[1].open_count, 1);
    profile_free(profile);
}

/* However many spans there are, few are kept, none overlap, and no time or span is lost. */
static void test_long_timelines_stay_small(void **state) {
    (void)state;
    uint64_t random = seed_get(), busy_ns = 0, added = 0;
    struct profile *profile = profile_new();
    uint64_t long_count = 0;
    vtime now_ns = 0;
    for (uint32_t i = 0; i < 30 * PROFILE_SPANS_MAX; i++) {
        bool long_one = random_below(&random, 5000) == 0;
        vtime length_ns = long_one ? 100000000 : 100 + (vtime)random_skewed(&random, 1 << 12);
        struct profile_span span = {.kind = PROFILE_SPAN_TRAP,
                                    .from_ns = now_ns,
                                    .to_ns = now_ns + length_ns,
                                    .task = PROFILE_NONE,
                                    .name = long_one ? "long" : "short"};
        profile_add_span(profile, 0, &span);
        long_count += long_one;
        busy_ns += (uint64_t)length_ns;
        added++;
        now_ns += length_ns + (vtime)random_skewed(&random, 1 << 14);
    }
    profile_settle(profile);
    uint32_t count;
    const struct profile_span *spans = profile_spans(profile, 0, PROFILE_TRACK_TRAPS, &count);
    assert_in_range(count, PROFILE_SPANS_MAX / 8, PROFILE_SPANS_MAX);
    assert_true(profile_spans_grain(profile, 0, PROFILE_TRACK_TRAPS) > 0);
    uint64_t found_ns = 0, found = 0, found_long = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || spans[i].from_ns >= spans[i - 1].to_ns);
        found_ns += spans[i].busy_ns;
        found += spans[i].count;
        found_long += spans[i].count == 1 && strcmp(spans[i].name, "long") == 0;
    }
    assert_int_equal(found, added);
    assert_int_equal(found_ns, busy_ns);
    assert_int_equal(found_long, long_count);
    profile_free(profile);
}

/* Few spans are as they were. */
static void test_short_timelines_are_exact(void **state) {
    (void)state;
    struct profile *profile = profile_new();
    for (uint32_t i = 0; i < PROFILE_SPANS_MAX; i++) {
        struct profile_span span = {.kind = PROFILE_SPAN_IDLE,
                                    .from_ns = 2 * (vtime)i,
                                    .to_ns = 2 * (vtime)i + 1,
                                    .task = PROFILE_NONE};
        profile_add_span(profile, 1, &span);
    }
    profile_settle(profile);
    uint32_t count;
    const struct profile_span *spans = profile_spans(profile, 1, PROFILE_TRACK_TASKS, &count);
    assert_int_equal(count, PROFILE_SPANS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(spans[i].from_ns, 2 * i);
        assert_int_equal(spans[i].count, 1);
    }
    assert_int_equal(profile_spans_grain(profile, 1, PROFILE_TRACK_TASKS), 0);
    assert_null(profile_spans(profile, 0, PROFILE_TRACK_TASKS, &count));
    assert_null(profile_spans(profile, 5, PROFILE_TRACK_TASKS, &count));
    profile_free(profile);
}

/* What is measured in parts elsewhere is the same as what is measured here. */
static void test_sums_of_intervals_are_added(void **state) {
    (void)state;
    uint64_t random = seed_get();
    struct profile *profile = profile_new();
    struct profile_interval key = {.parent = PROFILE_NONE, .task = PROFILE_NONE, .name = "here"};
    uint32_t here = profile_add_interval(profile, &key);
    key.name = "there";
    uint32_t there = profile_add_interval(profile, &key);
    for (unsigned part = 0; part < 4; part++) {
        struct profile_interval sum = {.open_count = part};
        for (unsigned i = 0; i < 100 * part; i++) {
            uint64_t steps = random_skewed(&random, UINT64_MAX), ns = random_skewed(&random, 1000);
            profile_measure(profile, here, steps, ns);
            profile_interval_add(&sum, steps, ns);
        }
        profile_measure_all(profile, there, &sum);
    }
    for (unsigned i = 0; i < 6; i++) {
        profile_leave_open(profile, here);
    }
    profile_settle(profile);
    uint32_t count;
    struct profile_interval found[2];
    memcpy(found, profile_intervals(profile, &count), sizeof found);
    assert_int_equal(count, 2);
    assert_string_not_equal(found[0].name, found[1].name);
    found[0].name = found[1].name;
    assert_memory_equal(&found[0], &found[1], sizeof found[0]);
    profile_free(profile);
}

/* Spans that were gathered elsewhere come with other tasks' numbers, and are thinned out alike. */
static void test_spans_are_taken_over(void **state) {
    (void)state;
    uint64_t random = seed_get();
    struct profile *direct = profile_new(), *parts = profile_new(), *taken = profile_new();
    uint32_t tasks[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct profile_task task = {.tid = i, .process = i == 0 ? "a" : "b"};
        (void)profile_add_task(parts, &(struct profile_task){.tid = 7 - i});
        (void)profile_add_task(direct, &task);
        task.tid = 1 - i;
        task.process = i == 0 ? "b" : "a";
        (void)profile_add_task(taken, &task);
        tasks[i] = 1 - i;
    }
    vtime now_ns = 0;
    for (uint32_t i = 0; i < 5 * PROFILE_SPANS_MAX; i++) {
        struct profile_span span = {.kind = i % 3 == 0 ? PROFILE_SPAN_WAKE : PROFILE_SPAN_TASK,
                                    .from_ns = now_ns,
                                    .to_ns = now_ns + (vtime)random_skewed(&random, 1 << 12),
                                    .task = i % 2,
                                    .name = i % 5 == 0 ? "five" : "",
                                    .value = i};
        profile_add_span(direct, 2, &span);
        profile_add_span(parts, 2, &span);
        now_ns = span.to_ns + (vtime)random_skewed(&random, 1 << 12);
    }
    profile_take_spans(taken, parts, tasks);
    char digests[2][PROFILE_DIGEST_CHARS];
    profile_settle(direct);
    profile_settle(taken);
    profile_digest(direct, digests[0]);
    profile_digest(taken, digests[1]);
    assert_string_equal(digests[0], digests[1]);
    profile_free(direct);
    profile_free(parts);
    profile_free(taken);
}

/* -- Parts ------------------------------------------------------------------------------------- */

static void test_parts_have_what_was_asked_for(void **state) {
    (void)state;
    struct boot boot = {.random = seed_get(),
                        .harts = 3,
                        .processes = 5,
                        .stacks = 400,
                        .spans = 5,
                        .kind = PROFILE_CALLERS};
    boot_make(&boot);
    struct profile_rows modes, rows;
    profile_sum(boot.profile, PROFILE_MODES, &modes);
    static const unsigned wanted[] = {PROFILE_USER, PROFILE_KERNEL, PROFILE_FIRMWARE};
    for (size_t i = 0; i < COUNT(wanted); i++) {
        struct profile *part =
            profile_part(boot.profile, &(struct profile_view){.modes = 1u << wanted[i]});
        profile_sum(part, PROFILE_FUNCTIONS, &rows);
        assert_int_equal(rows.self, row_of(&modes, profile_mode_text(wanted[i]))->self);
        profile_rows_free(&rows);
        profile_free(part);
    }
    profile_rows_free(&modes);
    struct profile *whole = profile_part(boot.profile, &(struct profile_view){0});
    profile_sum(whole, PROFILE_HARTS, &rows);
    assert_int_equal(rows.self, boot.steps);
    struct profile *hart = profile_part(whole, &(struct profile_view){.one_hart = true, .hart = 1});
    struct profile_rows one;
    profile_sum(hart, PROFILE_HARTS, &one);
    assert_int_equal(one.count, 1);
    assert_int_equal(one.self, row_of(&rows, "hart 1")->self);
    profile_rows_free(&rows);
    profile_rows_free(&one);
    profile_free(hart);
    profile_free(whole);
    profile_free(boot.profile);
}

/* What a left-out function called stands below its caller. */
static void test_left_out_callers_are_passed_over(void **state) {
    (void)state;
    struct profile *profile = profile_new();
    uint32_t a = function_of(profile, "a", PROFILE_NONE),
             b = function_of(profile, "b", PROFILE_NONE);
    uint32_t c = function_of(profile, "c", PROFILE_NONE);
    uint32_t user = profile_add_call(profile, bare_root(profile, 0), a, PROFILE_USER);
    uint32_t kernel = profile_add_call(profile, user, b, PROFILE_KERNEL);
    uint32_t handler = profile_add_call(profile, kernel, c, PROFILE_USER);
    profile_count(profile, user, &(struct profile_counts){1, 1, 1});
    profile_count(profile, kernel, &(struct profile_counts){2, 2, 1});
    profile_count(profile, handler, &(struct profile_counts){4, 4, 1});
    profile_settle(profile);
    struct profile *part =
        profile_part(profile, &(struct profile_view){.modes = 1u << PROFILE_USER});
    uint32_t count;
    const struct profile_context *contexts = profile_contexts(part, &count);
    assert_int_equal(count, 3);
    assert_int_equal(contexts[2].parent, 1);
    assert_int_equal(contexts[2].counts.self, 4);
    profile_free(part);
    profile_free(profile);
}

static void test_errors_of_shares(void **state) {
    (void)state;
    assert_int_equal(profile_error(0, 0), 0);
    assert_int_equal(profile_error(0, 100), 0);
    assert_int_equal(profile_error(50, 100), 200000); /* 4 * sqrt(0.25 / 100) */
    assert_int_equal(profile_error(5000, 10000), 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recursion_counts_once),
        cmocka_unit_test(test_recursion_costs_once_in_call_graphs),
        cmocka_unit_test(test_sums_are_those_of_a_reference),
        cmocka_unit_test(test_order_of_building_does_not_show),
        cmocka_unit_test(test_files_come_back_as_they_went),
        cmocka_unit_test(test_damage_is_refused),
        cmocka_unit_test(test_other_versions_are_named),
        cmocka_unit_test(test_intervals_add_up),
        cmocka_unit_test(test_long_timelines_stay_small),
        cmocka_unit_test(test_short_timelines_are_exact),
        cmocka_unit_test(test_sums_of_intervals_are_added),
        cmocka_unit_test(test_spans_are_taken_over),
        cmocka_unit_test(test_parts_have_what_was_asked_for),
        cmocka_unit_test(test_left_out_callers_are_passed_over),
        cmocka_unit_test(test_errors_of_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
