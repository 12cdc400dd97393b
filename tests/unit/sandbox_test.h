/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does something inside the sandbox, in a process of its own, and tells how that ended. */
#ifndef TESTS_UNIT_SANDBOX_TEST_H
#define TESTS_UNIT_SANDBOX_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

enum { NO_SANDBOX_HERE = 77, WORKED = 0, FAILED = 1 };

/** Something to do inside. */
struct deed {
    void (*prepare)(void *owner); /* outside, just before; may be NULL */
    int (*inside)(void *owner);   /* its result is the exit status */
    void *owner;
};

/** How a process ended that did something inside, and what it said. */
struct ending {
    int status; /* as from wait() */
    char said[256];
};

static inline _Noreturn void go_inside(const struct sandbox *sandbox, const struct deed *deed) {
    struct error error;
    signal(SIGALRM, SIG_DFL);
    alarm(60);
    if (deed->prepare != NULL) {
        deed->prepare(deed->owner);
    }
    if (!sandbox_enter(sandbox, &error)) {
        dprintf(STDERR_FILENO, "%s", error.text);
        _exit(NO_SANDBOX_HERE);
    }
    _exit(deed->inside(deed->owner));
}

static inline struct ending do_inside(const struct sandbox *sandbox, const struct deed *deed) {
    struct ending ending = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        go_inside(sandbox, deed);
    }
    close(ends[1]);
    size_t have = 0;
    ssize_t count;
    while (have + 1 < sizeof ending.said &&
           (count = read(ends[0], ending.said + have, sizeof ending.said - 1 - have)) > 0) {
        have += (size_t)count;
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, &ending.status, 0), pid);
    return ending;
}

static inline bool ended_with(const struct ending *ending, int status) {
    return WIFEXITED(ending->status) && WEXITSTATUS(ending->status) == status;
}

static inline int do_nothing(void *owner) {
    (void)owner;
    return WORKED;
}

static inline bool works_here(void) {
    struct ending ending = do_inside(&(struct sandbox){0}, &(struct deed){.inside = do_nothing});
    assert_false(WIFSIGNALED(ending.status));
    return !ended_with(&ending, NO_SANDBOX_HERE);
}

#define SKIP_WITHOUT_SANDBOX()                                                                     \
    do {                                                                                           \
        if (!sandbox_possible() || !works_here()) {                                                \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
