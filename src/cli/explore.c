/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --chaos FIRST..LAST: one run a seed, until one fails.
 *
 * Each run is a process of its own, made by fork from the options that are parsed already, with its
 * seed put in. What it says, stats included, goes to nameless files, and its log to a file beside
 * the one that was asked for: of a run that fails they are shown, written and renamed, of others
 * thrown away.
 *
 * 1. Seeds begin in ascending order. When one fails, those below it that still run are waited for,
 *    and those above it ended. So it is the lowest failing seed that is found, whatever --jobs is.
 * 2. A run that could not be (a missing file, a full disk, an error of ours) says nothing about
 *    its seed: it ends the exploration, with its own message and status.
 * 3. Nothing waits but explore_wait(), for an end of a process or a signal. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEED_CHARS = 24, WORDS_MAX = 1024, STATUS_SAID = 1 };
enum { SAID_OUTPUT, SAID_ERRORS, SAID_STATS, SAID_COUNT };

/** A run of one seed. */
struct trial {
    pid_t pid; /* 0: there is none */
    uint64_t seed;
    FILE *said[SAID_COUNT];
    int status;
};

struct explore {
    struct run_options *options;
    char **argv;
    struct trial trials[JOBS_MAX];
    unsigned running_count;
    uint64_t next;       /* seed */
    bool begun_all;      /* no seed is left */
    struct trial failed; /* the lowest seed that did, by its seed; pid 0: none */
    uint64_t done_count, failed_count;
    int broken; /* status of a run that could not be, or 128 and a signal; 0: go on */
    sigset_t signals, before;
    bool shows; /* somebody looks at standard error */
};

/* -- Files of a run ---------------------------------------------------------------------------- */

/** Where the log is while it is not known whether it is kept. @return false: there is none. */
static bool trial_log(const struct explore *explore, uint64_t seed, char path[PATH_MAX]) {
    bool records = explore->options->command == COMMAND_RECORD;
    if (records) {
        snprintf(path, PATH_MAX, "%.4000s.%" PRIu64, explore->options->log_path, seed);
    }
    return records;
}

static void trial_close(struct explore *explore, struct trial *trial) {
    char path[PATH_MAX];
    if (trial->pid != 0 && trial_log(explore, trial->seed, path)) {
        unlink(path);
    }
    for (unsigned i = 0; i < SAID_COUNT; i++) {
        if (trial->said[i] != NULL) {
            fclose(trial->said[i]);
        }
    }
    *trial = (struct trial){0};
}

static bool trial_open(struct trial *trial) {
    for (unsigned i = 0; i < SAID_COUNT; i++) {
        trial->said[i] = tmpfile();
        if (trial->said[i] == NULL) {
            return false;
        }
    }
    return true;
}

static void said_show(FILE *said, FILE *to) {
    char bytes[1 << 14];
    rewind(said);
    for (size_t count; (count = fread(bytes, 1, sizeof bytes, said)) > 0;) {
        (void)fwrite(bytes, 1, count, to);
    }
    fflush(to);
}

/** All of it, mapped. @return NULL: there is nothing. */
static char *said_map(FILE *said, size_t *size_bytes) {
    struct stat stat;
    if (fstat(fileno(said), &stat) != 0 || stat.st_size == 0) {
        return NULL;
    }
    *size_bytes = (size_t)stat.st_size;
    void *bytes = mmap(NULL, *size_bytes, PROT_READ, MAP_PRIVATE, fileno(said), 0);
    return bytes == MAP_FAILED ? NULL : bytes;
}

static bool said_holds(FILE *said, const char *text) {
    size_t size_bytes = 0;
    char *bytes = said_map(said, &size_bytes);
    bool holds = bytes != NULL && memmem(bytes, size_bytes, text, strlen(text)) != NULL;
    if (bytes != NULL) {
        munmap(bytes, size_bytes);
    }
    return holds;
}

static enum status log_keep(const struct explore *explore, uint64_t seed, struct error *error) {
    char path[PATH_MAX];
    const char *wanted = explore->options->log_path;
    if (trial_log(explore, seed, path) && rename(path, wanted) != 0) {
        return error_set(error, STATUS_HOST_IO, "--log %s: is left at %s (%s)", wanted, path,
                         strerror(errno));
    }
    return STATUS_OK;
}

static enum status stats_keep(const struct explore *explore, FILE *said, struct error *error) {
    size_t size_bytes = 0;
    char *bytes = said_map(said, &size_bytes);
    if (bytes == NULL) {
        return STATUS_OK;
    }
    char *text = strndup(bytes, size_bytes);
    munmap(bytes, size_bytes);
    enum status status = text == NULL
                             ? error_set(error, STATUS_HOST_IO, "--stats: out of memory")
                             : output_write(&explore->options->outputs, OUTPUT_STATS, text, error);
    free(text);
    return status;
}

/** @return Its status, if its files are where they were asked for. */
static int trial_keep(const struct explore *explore, const struct trial *trial) {
    struct error error;
    bool done = log_keep(explore, trial->seed, &error) == STATUS_OK &&
                stats_keep(explore, trial->said[SAID_STATS], &error) == STATUS_OK;
    return done ? trial->status : cli_fail(&error);
}

/* -- A run ------------------------------------------------------------------------------------- */

/** What a log's header is to say instead of the range. */
static void seed_give(struct run_options *options, const char *seed) {
    for (unsigned i = 0; i < options->given_count; i++) {
        if (strcmp(options->given[i].name, "chaos") == 0) {
            options->given[i].value = seed;
        }
    }
}

/* Stats go to a stream of ours, which no keeper is needed for, and which a run that is ended early
 * leaves nothing of behind. It is named, lest it be closed with what is nobody's. */
static int trial_run(struct explore *explore, const struct trial *trial) {
    struct run_options *options = explore->options;
    char path[PATH_MAX], seed[SEED_CHARS], stats[SEED_CHARS];
    char *words[WORDS_MAX + 2] = {stats};
    int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(none, STDIN_FILENO);
    dup2(fileno(trial->said[SAID_OUTPUT]), STDOUT_FILENO);
    dup2(fileno(trial->said[SAID_ERRORS]), STDERR_FILENO);
    if (trial_log(explore, trial->seed, path)) {
        options->log_path = path;
    }
    options->outputs.files[OUTPUT_STATS].stream = fileno(trial->said[SAID_STATS]);
    snprintf(stats, sizeof stats, "/fd/%d", fileno(trial->said[SAID_STATS]));
    for (size_t i = 0; i < WORDS_MAX && explore->argv[i] != NULL; i++) {
        words[i + 1] = explore->argv[i];
    }
    snprintf(seed, sizeof seed, "%" PRIu64, trial->seed);
    seed_give(options, seed);
    options->machine.chaos.seed = trial->seed;
    int result = run_options_run(options, words);
    return fflush(NULL) == 0 ? result : STATUS_HOST_IO;
}

static void explore_break(struct explore *explore, int status) {
    if (explore->broken == 0) {
        explore->broken = status;
    }
}

static void trials_end(struct explore *explore, uint64_t from) {
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        if (explore->trials[i].pid != 0 && explore->trials[i].seed >= from) {
            kill(explore->trials[i].pid, SIGTERM);
        }
    }
}

static void trial_begin(struct explore *explore, struct trial *trial) {
    trial->seed = explore->next++;
    explore->begun_all = trial->seed == explore->options->exploration.last;
    fflush(NULL);
    trial->pid = trial_open(trial) ? fork() : -1;
    if (trial->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        sigprocmask(SIG_SETMASK, &explore->before, NULL);
        _exit(trial_run(explore, trial));
    }
    if (trial->pid > 0) {
        explore->running_count++;
        return;
    }
    struct error error;
    error_set(&error, STATUS_HOST_IO, "--chaos: cannot start a run (%s); use less --jobs",
              strerror(errno));
    trial_close(explore, trial);
    explore_break(explore, cli_fail(&error));
    trials_end(explore, 0);
}

/* -- What came of it --------------------------------------------------------------------------- */

/** Is it the guest's failure? */
static bool status_fails(int status) {
    return (status >= 1 && status <= EXIT_STATUS_GUEST_MAX) || status == EXIT_STATUS_STOPPED ||
           status == EXIT_STATUS_DEADLOCK;
}

static void trial_failed(struct explore *explore, struct trial *trial) {
    const struct exploration *wanted = &explore->options->exploration;
    explore->failed_count++;
    if (!wanted->until_fail) {
        fprintf(stderr, "%ssandglass: --chaos %" PRIu64 " fails with status %d\n",
                explore->shows ? "\r\033[K" : "", trial->seed, trial->status);
    }
    if (explore->failed.pid == 0 || trial->seed < explore->failed.seed) {
        struct trial before = explore->failed;
        explore->failed = *trial;
        *trial = before;
    }
    trial_close(explore, trial);
    if (wanted->until_fail) {
        explore->begun_all = true;
        trials_end(explore, explore->failed.seed + 1);
    }
}

static void trial_judge(struct explore *explore, struct trial *trial, int status) {
    const char *text = explore->options->exploration.fail_on;
    bool surplus = explore->failed.pid != 0 && explore->options->exploration.until_fail &&
                   trial->seed > explore->failed.seed;
    trial->status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_STATUS_SIGNAL + WTERMSIG(status);
    explore->running_count--;
    if (surplus || explore->broken != 0) {
        trial_close(explore, trial);
        return;
    }
    explore->done_count++;
    if (trial->status == 0 && text != NULL && said_holds(trial->said[SAID_OUTPUT], text)) {
        trial->status = STATUS_SAID;
    }
    if (status_fails(trial->status)) {
        trial_failed(explore, trial);
        return;
    }
    if (trial->status != 0) {
        explore_break(explore, trial->status);
        said_show(trial->said[SAID_ERRORS], stderr);
    }
    trial_close(explore, trial);
    if (explore->broken != 0) {
        trials_end(explore, 0);
    }
}

/* -- All of them ------------------------------------------------------------------------------- */

static void progress_tell(const struct explore *explore) {
    const struct exploration *wanted = &explore->options->exploration;
    if (explore->shows) {
        fprintf(stderr,
                "\rsandglass: seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " done, %" PRIu64
                " failed\033[K",
                wanted->first, wanted->last, explore->done_count, explore->failed_count);
    }
}

/** Until a run has ended, or a signal has come. */
static void explore_wait(struct explore *explore) {
    int signal = sigwaitinfo(&explore->signals, NULL);
    if (signal == SIGINT || signal == SIGTERM) {
        explore_break(explore, EXIT_STATUS_SIGNAL + signal);
        trials_end(explore, 0);
    }
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        struct trial *trial = &explore->trials[i];
        int status;
        if (trial->pid > 0 && waitpid(trial->pid, &status, WNOHANG) == trial->pid) {
            trial_judge(explore, trial, status);
        }
    }
}

static void explore_all(struct explore *explore) {
    const struct exploration *wanted = &explore->options->exploration;
    do {
        for (unsigned i = 0; i < wanted->jobs; i++) {
            if (explore->trials[i].pid == 0 && !explore->begun_all && explore->broken == 0) {
                trial_begin(explore, &explore->trials[i]);
            }
        }
        progress_tell(explore);
        if (explore->running_count > 0) {
            explore_wait(explore);
        }
    } while (explore->running_count > 0 || (!explore->begun_all && explore->broken == 0));
    if (explore->shows) {
        fputs("\r\033[K", stderr);
    }
}

/** Says what came of all, and keeps the run that failed. @return Exit status. */
static int explore_tell(struct explore *explore) {
    const struct exploration *wanted = &explore->options->exploration;
    const struct trial *failed = &explore->failed;
    if (explore->broken != 0) {
        return explore->broken;
    }
    if (failed->pid == 0) {
        fprintf(stderr, "sandglass: none of the seeds %" PRIu64 " to %" PRIu64 " fails\n",
                wanted->first, wanted->last);
        return 0;
    }
    int result = trial_keep(explore, failed);
    if (wanted->until_fail) {
        said_show(failed->said[SAID_OUTPUT], stdout);
        said_show(failed->said[SAID_ERRORS], stderr);
        fprintf(stderr,
                "sandglass: seed %" PRIu64 " fails with status %d, after %" PRIu64
                " that do not; --chaos %" PRIu64 " repeats it\n",
                failed->seed, failed->status, failed->seed - wanted->first, failed->seed);
    } else {
        fprintf(stderr,
                "sandglass: of the seeds %" PRIu64 " to %" PRIu64 " %" PRIu64
                " fail, the first is %" PRIu64 "\n",
                wanted->first, wanted->last, explore->failed_count, failed->seed);
    }
    return result;
}

int explore_run(struct run_options *options, char **argv) {
    struct error error;
    struct explore *explore = calloc(1, sizeof *explore);
    if (explore == NULL) {
        error_set(&error, STATUS_USAGE, "--chaos: out of memory; free some and try again");
        return cli_fail(&error);
    }
    explore->options = options;
    explore->argv = argv;
    explore->next = options->exploration.first;
    explore->shows = isatty(STDERR_FILENO);
    if (options->exploration.jobs == 0) {
        long processors = max_i64(sysconf(_SC_NPROCESSORS_ONLN), 1);
        options->exploration.jobs = (unsigned)min_i64(processors, JOBS_MAX);
    }
    signal(SIGCHLD, SIG_DFL); /* who started this may have ignored it, and then nobody waits */
    sigemptyset(&explore->signals);
    sigaddset(&explore->signals, SIGCHLD);
    sigaddset(&explore->signals, SIGINT);
    sigaddset(&explore->signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &explore->signals, &explore->before);
    explore_all(explore);
    int result = explore_tell(explore);
    if (explore->failed.pid != 0) {
        trial_close(explore, &explore->failed);
    }
    sigprocmask(SIG_SETMASK, &explore->before, NULL);
    free(explore);
    return result;
}
