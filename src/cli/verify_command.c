/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass verify: records a run, replays it, and says whether both were the same.
 *
 * Each is a process of its own, so that nothing of the first can be left over in the second, and
 * each is shut in as ever. What is compared, the replay compares (machine/replay.c). */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 1024 };

/** A command line that is put together. */
struct words {
    char *at[WORDS_MAX + 1]; /* ends with NULL */
    int count;
};

static void words_add(struct words *words, char *word) {
    if (words->count < WORDS_MAX) {
        words->at[words->count++] = word;
    }
    words->at[words->count] = NULL;
}

/** How many words from there on give --against, whose value is @p engine; NULL: nowhere. A value of
 * another option that looks like it is not it. */
static int against_words(char *const *word, const char *engine) {
    if (engine != NULL && word[1] == engine) {
        return 2;
    }
    return engine != NULL && engine > word[0] && engine <= word[0] + strlen(word[0]);
}

/* -- Processes --------------------------------------------------------------------------------- */

/* Ctrl-C reaches both; the child ends by it, and what it has recorded is replayed. One whose parent
 * is gone has nobody to tell. */
static int run_apart(int (*command)(int, char **), struct words *words) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        signal(SIGINT, SIG_DFL);
        int result = command(words->count, words->at);
        _exit(fflush(stdout) == 0 ? result : STATUS_HOST_IO);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child < 0) {
        struct error error;
        error_set(&error, STATUS_HOST_IO, "verify: cannot start a process (%s); end some",
                  strerror(errno));
        return cli_fail(&error);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_STATUS_SIGNAL + WTERMSIG(status);
}

/** A file for the log. @return false with @p error. */
static bool log_place_make(char path[PATH_MAX], struct error *error) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, PATH_MAX, "%s/sandglass-XXXXXX",
             folder == NULL || folder[0] == '\0' ? "/var/tmp" : folder);
    int descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor < 0) {
        error_set(error, STATUS_HOST_IO,
                  "verify: %s: no log can be made (%s); name a folder in "
                  "TMPDIR",
                  path, strerror(errno));
        return false;
    }
    close(descriptor);
    return true;
}

/* -- Both runs --------------------------------------------------------------------------------- */

static int record_apart(int argc, char **argv, const char *engine, char *log_path) {
    struct words words = {.count = 0};
    char option[] = "--log";
    words_add(&words, argv[0]);
    words_add(&words, option);
    words_add(&words, log_path);
    for (int i = 1; i < argc;) {
        int skipped = against_words(&argv[i], engine);
        if (skipped == 0) {
            words_add(&words, argv[i]);
        }
        i += skipped == 0 ? 1 : skipped;
    }
    return run_apart(record_command, &words);
}

static int replay_apart(const struct run_options *options, char *log_path) {
    char name[] = "replay", verify[] = "--verify", console[] = "--console", null[] = "null";
    char engine[] = "--engine", shown[64];
    struct words words = {.at = {name, log_path, verify, console, null}, .count = 5};
    if (options->against != NULL) {
        snprintf(shown, sizeof shown, "%s", options->against);
        words_add(&words, engine);
        words_add(&words, shown);
    }
    return run_apart(replay_command, &words);
}

/** Did the first run come to an end, so that there is something to replay? */
static bool is_recorded(const char *log_path, uint64_t *steps) {
    struct error error;
    struct log *log = log_open(log_path, &error);
    bool whole = log != NULL && log_defect(log) == NULL;
    *steps = log == NULL ? 0 : log_reached(log).steps;
    (void)log_close(log, &error);
    return whole;
}

static int verify(int argc, char **argv, const struct run_options *options) {
    char path[PATH_MAX];
    struct error error;
    uint64_t steps;
    if (!log_place_make(path, &error)) {
        return cli_fail(&error);
    }
    int first = record_apart(argc, argv, options->against, path);
    int result = first;
    if (is_recorded(path, &steps)) {
        int second = replay_apart(options, path);
        if (second == first) {
            fprintf(stderr,
                    "sandglass: exact: twice the same state, words and end, after %" PRIu64
                    " steps\n",
                    steps);
        } else {
            fprintf(stderr, "sandglass: verify: ended with %d, and with %d when it was replayed\n",
                    first, second);
            result = STATUS_INTERNAL;
        }
    }
    unlink(path);
    return result;
}

int verify_command(int argc, char **argv) {
    struct run_options options;
    struct options_source source = {.command = COMMAND_VERIFY, .argc = argc, .argv = argv};
    struct error error;
    int result = (int)options_parse(&source, &options, &error);
    if (result != 0) {
        cli_fail(&error);
    } else if (options.help) {
        run_options_help(COMMAND_VERIFY);
    } else {
        signal(SIGINT, SIG_IGN);
        result = verify(argc, argv, &options);
    }
    run_options_free(&options);
    return result;
}
