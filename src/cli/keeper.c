/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second, small process beside a run that is shut in: it writes the files that appear at the end,
 * gives the terminal back, and takes away the file of a socket or the link to a pseudo-terminal.
 *
 * A file that appears whole is written under another name and renamed. Whoever can rename can
 * replace any file of the user's by words of his own: so the sandbox has no rename, and a process
 * outside of it has to do that, which knows the few paths before the guest's first step.
 *
 *      user's shell -- run (shut in) --- "output 0, 812 bytes", the bytes --> keeper -- stats.json
 *                                    <-- struct error: done, or why not ----
 *
 * 1. The run is the process that the user started, and the keeper its child. So signals, job
 *    control, exit status and resource usage are the run's own; nothing is passed on.
 * 2. The keeper believes nothing: of an errand it takes the number of an output that was asked for
 *    on the command line, and bytes. A run that was taken over can spoil its own outputs, which it
 *    could anyway.
 * 3. It has the bytes whole before it touches the file: a run that is killed leaves a whole file,
 *    old or new. A snapshot is too large for that: the run writes it, under another name, and the
 *    errand, without bytes, is to rename it. What was not renamed goes away with the run.
 * 4. It lives as long as the run: when no one can write to its pipe any more, the run has ended,
 *    however that was. Only then the terminal and names are looked at. Signals do not reach it,
 *    and it has left the session, so that neither Ctrl-C, Ctrl-Z nor the end of the terminal do.
 *    It holds nothing of the run's: the lock of a disk, say, ends when the run does.
 * 5. Where there is nothing to look after there is no keeper; nor for a run that is not shut in,
 *    unless it makes a snapshot.
 *
 * Considered and dropped: the keeper as the parent, with the run as its child (then it has to pass
 * on signals, stops and statuses, and everybody who measures or debugs the program's process looks
 * at the wrong one); files opened before and written in place (a run that is killed leaves half of
 * one); nameless files that are linked at the end (linking is as strong as renaming, and not all
 * file systems have them); a thread (it would be inside, or share its memory with what is). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

struct keeper {
    pid_t pid;
    int requests, replies; /* ends of pipes; requests is -1 when it answers no more */
    struct outputs outputs;
};

/** So many bytes follow. */
struct errand {
    uint64_t output;
    uint64_t size_bytes;
};

/* -- Pipes ------------------------------------------------------------------------------------- */

/** @param patient  Goes on after a signal. @return false with errno set; 0 at the other's end. */
static bool all_read(int pipe, void *bytes, size_t size_bytes, bool patient) {
    for (size_t done = 0; done < size_bytes;) {
        ssize_t count = read(pipe, (char *)bytes + done, size_bytes - done);
        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 || errno != EINTR || !patient) {
            errno = count == 0 ? 0 : errno;
            return false;
        }
    }
    return true;
}

static bool all_written(int pipe, const void *bytes, size_t size_bytes) {
    for (size_t done = 0; done < size_bytes;) {
        ssize_t count = write(pipe, (const char *)bytes + done, size_bytes - done);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

/* -- The keeper's side ------------------------------------------------------------------------- */

/** @return false when there is no next one. */
static bool errand_run(const struct keeper *keeper) {
    struct errand errand;
    struct error error = {.status = STATUS_HOST_IO};
    if (!all_read(keeper->requests, &errand, sizeof errand, true) ||
        errand.output >= OUTPUT_COUNT || errand.size_bytes == UINT64_MAX) {
        return false;
    }
    const struct output_file *file = &keeper->outputs.files[errand.output];
    char *bytes = malloc(errand.size_bytes + 1);
    if (file->path == NULL || bytes == NULL ||
        !all_read(keeper->requests, bytes, errand.size_bytes, true)) {
        free(bytes);
        return false;
    }
    error.status = output_place(file, (struct content){bytes, errand.size_bytes}, &error);
    free(bytes);
    return all_written(keeper->replies, &error, sizeof error);
}

static void wake(int number) {
    (void)number;
}

/* Deaf to all but the end of the run, which ends a wait for a reader of a named pipe. */
static void signals_refuse(void) {
    struct sigaction ended = {.sa_handler = wake};
    sigset_t all;
    sigaction(SIGALRM, &ended, NULL);
    prctl(PR_SET_PDEATHSIG, SIGALRM, 0, 0, 0);
    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Whatever else is open is the run's: the lock of a disk goes with it, and whoever reads its output
 * waits for nobody else. A path may name a descriptor. */
static void descriptors_leave(const struct keeper *keeper) {
    char requests[24], replies[24];
    const char *words[OUTPUT_COUNT + 3] = {requests, replies};
    size_t count = 2;
    snprintf(requests, sizeof requests, "/fd/%d", keeper->requests);
    snprintf(replies, sizeof replies, "/fd/%d", keeper->replies);
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        if (keeper->outputs.files[i].path != NULL) {
            words[count++] = keeper->outputs.files[i].path;
        }
    }
    sandbox_shed(words);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (int stream = STDOUT_FILENO; nowhere >= 0 && stream <= STDERR_FILENO; stream++) {
        dup2(nowhere, stream);
    }
    close(nowhere);
}

static _Noreturn void keep(const struct keeper *keeper, const struct outside *outside) {
    struct console *consoles[OUTSIDE_CONSOLES_MAX];
    setsid();
    signals_refuse();
    descriptors_leave(keeper);
    prctl(PR_SET_NAME, "sandglass-keep", 0, 0, 0);
    while (errand_run(keeper)) {
    }
    outputs_drop(&keeper->outputs);
    for (size_t i = outside_consoles(outside, consoles); i > 0; i--) {
        console_rescue(consoles[i - 1]);
    }
    _exit(0);
}

/* -- The run's side ---------------------------------------------------------------------------- */

static bool keeper_wanted(const struct outputs *outputs, const struct outside *outside) {
    struct console *consoles[OUTSIDE_CONSOLES_MAX];
    bool wanted = false;
    for (size_t i = outside_consoles(outside, consoles); i > 0; i--) {
        wanted = wanted || console_marks(consoles[i - 1]);
    }
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        wanted = wanted || (outputs->files[i].path != NULL && outputs->files[i].stream < 0);
    }
    return wanted;
}

/* Each side closes the ends that are the other's: else neither would see the other go. */
static bool keeper_fork(struct keeper *keeper, const struct outside *outside) {
    int requests[2], replies[2];
    if (pipe2(requests, O_CLOEXEC) != 0) {
        return false;
    }
    if (pipe2(replies, O_CLOEXEC) != 0) {
        close(requests[0]);
        close(requests[1]);
        return false;
    }
    keeper->pid = fork();
    bool child = keeper->pid == 0;
    close(requests[child]);
    close(replies[!child]);
    keeper->requests = requests[!child];
    keeper->replies = replies[child];
    if (child) {
        keep(keeper, outside);
    }
    if (keeper->pid < 0) {
        close(keeper->requests);
        close(keeper->replies);
    }
    return keeper->pid > 0;
}

enum status keeper_start(struct outputs *outputs, const struct outside *outside,
                         struct error *error) {
    struct console *consoles[OUTSIDE_CONSOLES_MAX];
    if (!keeper_wanted(outputs, outside)) {
        return STATUS_OK;
    }
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper != NULL) {
        keeper->outputs = *outputs;
    }
    if (keeper == NULL || !keeper_fork(keeper, outside)) {
        free(keeper);
        return error_set(error, STATUS_HOST_IO,
                         "sandbox: cannot start a second process (%s); end some, or use "
                         "--no-sandbox",
                         strerror(errno));
    }
    outputs->keeper = keeper;
    for (size_t i = outside_consoles(outside, consoles); i > 0; i--) {
        console_entrust(consoles[i - 1]);
    }
    return STATUS_OK;
}

/* A signal while the keeper works is a user who has no patience with it. */
enum status keeper_write(struct keeper *keeper, enum output output, struct content content,
                         struct error *error) {
    const struct output_file *file = &keeper->outputs.files[output];
    struct errand errand = {.output = output, .size_bytes = content.size_bytes};
    struct error reply;
    errno = 0;
    bool done = keeper->requests >= 0 && all_written(keeper->requests, &errand, sizeof errand) &&
                all_written(keeper->requests, content.bytes, content.size_bytes) &&
                all_read(keeper->replies, &reply, sizeof reply, false);
    if (!done) {
        int first = errno;
        close(keeper->requests);
        keeper->requests = -1;
        return error_set(error, STATUS_HOST_IO, "%s %s: cannot be written (%s); run it again",
                         file->option, file->path,
                         first == EINTR ? strerror(first) : "the process that does it is gone");
    }
    *error = reply;
    return reply.status;
}

void keeper_end(struct keeper *keeper) {
    if (keeper == NULL) {
        return;
    }
    if (keeper->requests >= 0) {
        close(keeper->requests);
        while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    free(keeper);
}
