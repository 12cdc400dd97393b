/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper writes what the command line asked for and nothing else, whatever it is told. */
#include "boot_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "pty_test.h"

/** A run's outputs in a folder, and their keeper. */
struct rig {
    char *stats;
    struct outputs outputs;
    struct outside outside;
    int requests; /* our end of the pipe to it */
};

/* The lowest free descriptors are the two ends of the pipe for requests. */
static void rig_start(struct rig *rig, const struct folder *folder) {
    struct error error;
    *rig = (struct rig){.stats = folder_path(folder, "stats")};
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        rig->outputs.files[i].stream = -1;
    }
    rig->outputs.files[OUTPUT_STATS] =
        (struct output_file){.option = "--stats", .path = rig->stats, .stream = -1};
    rig->outside.console = console_open("null", &error);
    rig->requests = dup(STDERR_FILENO) + 1;
    close(rig->requests - 1);
    assert_int_equal(keeper_start(&rig->outputs, &rig->outside, &error), STATUS_OK);
    assert_non_null(rig->outputs.keeper);
    signal(SIGPIPE, SIG_IGN);
}

static void rig_end(struct rig *rig) {
    keeper_end(rig->outputs.keeper);
    console_close(rig->outside.console);
    assert_int_equal(wait(NULL), -1);
    assert_int_equal(errno, ECHILD);
    free(rig->stats);
}

static enum status rig_write(struct rig *rig, enum output output, const char *text) {
    struct error error = {0};
    enum status status =
        keeper_write(rig->outputs.keeper, output, (struct content){text, strlen(text)}, &error);
    if (status != STATUS_OK) {
        assert_int_equal(error.status, status);
        assert_non_null(strstr(error.text, "cannot be written ("));
    }
    return status;
}

static void expect_contents(const char *path, const char *want) {
    char *have = calloc(1, strlen(want) + 2);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(have, 1, strlen(want) + 1, file), strlen(want));
    assert_string_equal(have, want);
    fclose(file);
    free(have);
}

static unsigned files_in(const struct folder *folder) {
    char command[PATH_MAX];
    unsigned count = 0;
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder->path);
    FILE *file = popen(command, "r");
    assert_int_equal(fscanf(file, "%u", &count), 1);
    pclose(file);
    return count;
}

static void test_writes_texts_of_any_size(void **state) {
    struct rig rig;
    rig_start(&rig, *state);
    for (size_t size = 0; size <= (size_t)1 << 20; size = 8 * size + 1) {
        char *text = calloc(1, size + 1);
        memset(text, 'x', size);
        assert_int_equal(rig_write(&rig, OUTPUT_STATS, text), STATUS_OK);
        expect_contents(rig.stats, text);
        assert_int_equal(files_in(*state), 1);
        free(text);
    }
    rig_end(&rig);
}

static void test_tells_what_is_wrong(void **state) {
    struct rig rig;
    rig_start(&rig, *state);
    assert_int_equal(mkdir(rig.stats, 0700), 0);
    assert_int_equal(rig_write(&rig, OUTPUT_STATS, "text"), STATUS_HOST_IO);
    assert_int_equal(rmdir(rig.stats), 0);
    assert_int_equal(rig_write(&rig, OUTPUT_STATS, "text"), STATUS_OK);
    expect_contents(rig.stats, "text");
    rig_end(&rig);
}

/** What somebody who has taken over the run could send instead. */
static void test_nonsense_ends_it(void **state) {
    static const struct {
        uint64_t words[2];
        size_t size_bytes;
    } cases[] = {
        {{OUTPUT_COUNT, 4}, 16},
        {{UINT64_MAX, 4}, 16},
        {{1ULL << 32, 4}, 16},
        {{OUTPUT_SIGNATURE, 4}, 16},
        {{OUTPUT_STATS, UINT64_MAX}, 16},
        {{OUTPUT_STATS, UINT64_MAX - 1}, 16},
        {{OUTPUT_STATS, 1ULL << 60}, 16},
        {{OUTPUT_STATS, 4}, 15},
        {{OUTPUT_STATS, 4}, 16},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        rig_start(&rig, *state);
        assert_int_equal(write(rig.requests, cases[i].words, cases[i].size_bytes),
                         cases[i].size_bytes);
        assert_int_equal(write(rig.requests, "tex", 3), 3);
        rig_end(&rig);
        assert_int_equal(files_in(*state), 0);
    }
}

static void test_its_death_is_noticed(void **state) {
    struct rig rig;
    rig_start(&rig, *state);
    uint64_t nonsense[2] = {OUTPUT_COUNT, 0};
    assert_int_equal(write(rig.requests, nonsense, sizeof nonsense), sizeof nonsense);
    assert_int_equal(rig_write(&rig, OUTPUT_STATS, "text"), STATUS_HOST_IO);
    assert_int_equal(rig_write(&rig, OUTPUT_STATS, "text"), STATUS_HOST_IO);
    while (wait(NULL) < 0 && errno == EINTR) {
    }
    rig_end(&rig);
    assert_int_equal(files_in(*state), 0);
}

static void test_is_not_there_for_nothing(void **state) {
    (void)state;
    struct error error;
    struct outputs outputs = {.files = {{.option = "--stats", .path = "/dev/stdout", .stream = 1}}};
    struct outside outside = {.console = console_open("null", &error)};
    assert_int_equal(keeper_start(&outputs, &outside, &error), STATUS_OK);
    assert_null(outputs.keeper);
    keeper_end(outputs.keeper);
    console_close(outside.console);
}

/* Files and links of consoles are there until the run's end, and the run takes none away. */
static void test_takes_away_what_consoles_leave(void **state) {
    pty_needed();
    struct error error;
    struct outputs outputs = {0};
    struct outside outside = {0};
    char *socket = folder_path(*state, "socket"), *link = folder_path(*state, "link");
    char spec[2][PATH_MAX];
    snprintf(spec[0], PATH_MAX, "unix:%s", socket);
    snprintf(spec[1], PATH_MAX, "pty:%s", link);
    outside.serials[0] = console_open(spec[0], &error);
    outside.virtconsoles[0] = console_open(spec[1], &error);
    assert_non_null(outside.serials[0]);
    assert_non_null(outside.virtconsoles[0]);
    assert_int_equal(files_in(*state), 2);
    assert_int_equal(keeper_start(&outputs, &outside, &error), STATUS_OK);
    assert_non_null(outputs.keeper);
    console_close(outside.serials[0]);
    console_close(outside.virtconsoles[0]);
    assert_int_equal(files_in(*state), 2);
    keeper_end(outputs.keeper);
    assert_int_equal(files_in(*state), 0);
    free(socket);
    free(link);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_writes_texts_of_any_size), TEST(test_tells_what_is_wrong),
        TEST(test_nonsense_ends_it),         TEST(test_its_death_is_noticed),
        TEST(test_is_not_there_for_nothing), TEST(test_takes_away_what_consoles_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
