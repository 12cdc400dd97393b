/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's end of a byte stream of the guest's: a terminal, a file, a socket, or nowhere.
 *
 * What the guest says is queued, and goes out when there is time; the device never waits. What is
 * typed is read when there is time, and waits here until the gate takes it.
 *
 * Readers are of two kinds:
 *  - Standard output and files have been given for the whole run. When they are slow, the guest
 *    stands still; when they fail, the run does.
 *  - Clients of a socket or a pseudo-terminal come and go. What is said while nobody is there is
 *    lost, as on a real line. When one is slow, the guest stands still, too; but one that takes
 *    nothing for PATIENCE_NS is given up: a socket's is disconnected, to a pseudo-terminal's
 *    nothing more is said until it takes something again.
 * None of this can be felt by the guest: sending takes it no time. */
#include "io/console.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    OUT_BYTES = 4096,   /* at most PIPE_BUF: a write to a pipe is done as a whole or not at all */
    TYPED_BYTES = 4096, /* read from the host, not yet taken */
    DROP_BYTES = 256,   /* read at once from a person though there is no room */
    WAIT_MS = 50,       /* for a reader who has been given */
    ESCAPE = 'A' & 0x1f /* Ctrl-A */
};
#define FNV_PRIME UINT64_C(0x100000001b3)
static const int64_t PATIENCE_NS = INT64_C(5000000000);

struct console {
    int input, output;         /* descriptors; -1: none, or none any more */
    char *path;                /* of a file, else NULL */
    struct terminal *terminal; /* NULL unless interactive */
    struct listener *listener; /* of sockets, else NULL: input and output are the client's */
    uint64_t client_count;     /* that have come so far */
    struct pty *pty;           /* of a pseudo-terminal, else NULL */
    int output_errno;          /* of the first write that failed, 0 for none */
    uint8_t *queue;
    size_t queue_count;
    size_t queue_room;
    int64_t stuck_ns; /* when the queue last moved, if it is not empty; else 0 */
    bool deaf;        /* the pseudo-terminal's reader has been given up */
    bool escaped;     /* the last byte typed was the escape */
    bool left;
    bool muted;
    console_fn *heard; /* told of each byte; or NULL */
    void *heard_owner;
    uint64_t said; /* a digest of all that the guest has said (FNV-1a) */
    uint8_t typed[TYPED_BYTES];
    size_t typed_count;
};

/** Do readers come and go? */
static bool is_visited(const struct console *console) {
    return console->listener != NULL || console->pty != NULL;
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static enum status open_file(struct console *console, const char *path, struct error *error) {
    console->path = strdup(path);
    if (console->path == NULL) {
        return error_set(error, STATUS_USAGE, "file:%s: out of memory; free some and try again",
                         path);
    }
    console->output = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (console->output < 0) {
        return error_set(error, STATUS_HOST_IO,
                         "file:%s: cannot be written (%s); name a file that can", path,
                         strerror(errno));
    }
    return STATUS_OK;
}

static void open_stdio(struct console *console) {
    console->input = STDIN_FILENO;
    console->output = STDOUT_FILENO;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        console->terminal = terminal_make_raw();
    }
}

static enum status open_pty(struct console *console, const char *link, struct error *error) {
    console->pty = pty_open(link, error);
    if (console->pty == NULL) {
        return STATUS_HOST_IO;
    }
    console->input = console->output = pty_descriptor(console->pty);
    return STATUS_OK;
}

static enum status open_listener(struct console *console, const char *spec, struct error *error) {
    console->listener = listener_open(spec, error);
    return console->listener == NULL ? STATUS_HOST_IO : STATUS_OK;
}

static enum status open_spec(struct console *console, const char *spec, struct error *error) {
    if (strcmp(spec, "null") == 0) {
        return STATUS_OK;
    }
    if (strcmp(spec, "stdio") == 0) {
        open_stdio(console);
        return STATUS_OK;
    }
    if (strcmp(spec, "stdout") == 0) {
        console->output = STDOUT_FILENO;
        return STATUS_OK;
    }
    if (strncmp(spec, "file:", 5) == 0 && spec[5] != '\0') {
        return open_file(console, spec + 5, error);
    }
    if (listener_wanted(spec)) {
        return open_listener(console, spec, error);
    }
    if (strcmp(spec, "pty") == 0) {
        return open_pty(console, NULL, error);
    }
    if (strncmp(spec, "pty:", 4) == 0 && spec[4] != '\0') {
        return open_pty(console, spec + 4, error);
    }
    return error_set(error, STATUS_USAGE,
                     "%s: unknown; use stdio, stdout, null, file:PATH, unix:PATH, tcp:PORT, "
                     "tcp:HOST:PORT, pty or pty:LINK",
                     spec);
}

struct console *console_open(const char *spec, struct error *error) {
    struct console *console = calloc(1, sizeof *console);
    uint8_t *queue = malloc(OUT_BYTES);
    if (console == NULL || queue == NULL) {
        free(console);
        free(queue);
        error_set(error, STATUS_USAGE, "%s: out of memory; free some and try again", spec);
        return NULL;
    }
    console->queue = queue;
    console->queue_room = OUT_BYTES;
    console->said = UINT64_C(0xcbf29ce484222325);
    console->input = console->output = -1;
    if (open_spec(console, spec, error) != STATUS_OK) {
        console_close(console);
        return NULL;
    }
    return console;
}

/* Not when it is opened: the file may be one that the machine is still to be made from. Devices
 * and pipes cannot be emptied. */
static void console_begin(void *of) {
    struct console *console = of;
    if (console->path != NULL && ftruncate(console->output, 0) != 0 && errno != EINVAL) {
        console->output_errno = errno;
    }
}

static void client_leave(struct console *console) {
    if (console->output >= 0) {
        close(console->output);
    }
    console->input = console->output = -1;
    console->queue_count = 0;
}

void console_close(struct console *console) {
    if (console == NULL) {
        return;
    }
    console_flush(console);
    terminal_restore(console->terminal);
    if (console->path != NULL && console->output >= 0) {
        close(console->output);
    }
    if (console->listener != NULL) {
        client_leave(console);
    }
    listener_close(console->listener);
    pty_close(console->pty);
    free(console->path);
    free(console->queue);
    free(console);
}

bool console_interactive(const struct console *console) {
    return console->terminal != NULL;
}

bool console_listens(const struct console *console) {
    return console->listener != NULL;
}

uint64_t console_clients(const struct console *console) {
    return console->client_count;
}

bool console_attended(const struct console *console) {
    return console->output >= 0;
}

bool console_marks(const struct console *console) {
    return console->terminal != NULL || is_visited(console);
}

void console_entrust(struct console *console) {
    listener_entrust(console->listener);
    pty_entrust(console->pty);
}

void console_rescue(struct console *console) {
    terminal_rescue(console->terminal);
    listener_close(console->listener);
    pty_close(console->pty);
    console->terminal = NULL;
    console->listener = NULL;
    console->pty = NULL;
}

const char *console_place(const struct console *console) {
    return console->pty == NULL ? NULL : pty_name(console->pty);
}

/* -- Output ------------------------------------------------------------------------------------ */

/** Can the output take PIPE_BUF bytes without making us wait? May wait a little for that. */
static bool output_has_room(const struct console *console) {
    struct pollfd room = {.fd = console->output, .events = POLLOUT};
    return poll(&room, 1, is_visited(console) ? 0 : WAIT_MS) > 0;
}

/** The reader is gone, as @p error says. */
static void output_lose(struct console *console, int error) {
    if (console->listener != NULL) {
        client_leave(console);
    } else if (console->pty != NULL) {
        console->queue_count = 0;
    } else {
        console->output_errno = error;
    }
}

/** One write. @return Bytes written; 0: none now, or the reader is lost. */
static size_t output_write(struct console *console, const uint8_t *bytes, size_t size_bytes) {
    ssize_t count = console->listener != NULL
                        ? send(console->output, bytes, size_bytes, MSG_NOSIGNAL)
                        : write(console->output, bytes, size_bytes);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        output_lose(console, count < 0 ? errno : EIO);
    }
    return count < 0 ? 0 : (size_t)count;
}

/** Takes note of whether the reader takes anything, and gives up one who doesn't. */
static void reader_judge(struct console *console, bool moved) {
    if (!is_visited(console) || console->queue_count == 0) {
        console->stuck_ns = 0;
    } else if (moved || console->stuck_ns == 0) {
        console->stuck_ns = host_monotonic_ns();
    } else if (host_monotonic_ns() - console->stuck_ns >= PATIENCE_NS) {
        output_lose(console, 0);
        console->deaf = console->pty != NULL;
        console->stuck_ns = 0;
    }
}

/** Who is there to be told? A pseudo-terminal's readers don't announce themselves. */
static void reader_look(struct console *console) {
    if (console->pty != NULL) {
        console->deaf = console->deaf && !output_has_room(console);
        console->queue_count = pty_attached(console->pty) ? console->queue_count : 0;
    }
}

/* Never waits long, so that a reader who doesn't read cannot keep the run from being stopped. What
 * is left stays queued. */
bool console_flush(struct console *console) {
    size_t done = 0;
    bool stuck = false;
    if (console->queue_count > 0 || console->deaf) {
        reader_look(console);
    }
    while (done < console->queue_count && !stuck && output_has_room(console)) {
        size_t part = min_u64(console->queue_count - done, PIPE_BUF);
        size_t count = output_write(console, console->queue + done, part);
        done += count;
        stuck = count == 0 && (is_visited(console) || console->output_errno != 0);
    }
    if (console->output_errno != 0) {
        done = console->queue_count;
    }
    done = min_u64(done, console->queue_count); /* nothing is left when the reader is lost */
    console->queue_count -= done;
    memmove(console->queue, console->queue + done, console->queue_count);
    reader_judge(console, done > 0);
    return console->queue_count == 0;
}

/* Room for one more byte. The queue grows when the reader is slow: by what the guest still says
 * until the run loop looks at console_state(). */
static bool queue_make_room(struct console *console) {
    console_flush(console);
    if (console->queue_count < console->queue_room) {
        return true;
    }
    uint8_t *queue = realloc(console->queue, 2 * console->queue_room);
    if (queue == NULL) {
        console->output_errno = ENOMEM;
        return false;
    }
    console->queue = queue;
    console->queue_room *= 2;
    return true;
}

void console_hear(struct console *console, console_fn *heard, void *owner) {
    console->heard = heard;
    console->heard_owner = owner;
}

void console_put(struct console *console, uint8_t byte) {
    if (console->heard != NULL) {
        console->heard(console->heard_owner, byte);
    }
    if (console->muted) {
        return;
    }
    console->said = (console->said ^ byte) * FNV_PRIME;
    if (console->output < 0 || console->output_errno != 0 || console->deaf) {
        return;
    }
    if (console->queue_count == console->queue_room && !queue_make_room(console)) {
        return;
    }
    console->queue[console->queue_count++] = byte;
    if (byte == '\n' && console_interactive(console)) {
        console_flush(console);
    }
}

uint64_t console_said(const struct console *console) {
    return console->said;
}

void console_set_said(struct console *console, uint64_t said) {
    console->said = said;
}

enum endpoint_state console_state(const struct console *console, struct error *error) {
    if (console->output_errno != 0) {
        const char *name = console->path != NULL ? console->path : "standard output";
        error_set(error, STATUS_HOST_IO,
                  "console: cannot write to %s (%s); give it a reader or room, or use --console "
                  "null",
                  name, strerror(console->output_errno));
        return ENDPOINT_FAILED;
    }
    if (console->left) {
        return ENDPOINT_LEFT;
    }
    return console->queue_count >= OUT_BYTES ? ENDPOINT_FULL : ENDPOINT_READY;
}

/* -- Input ------------------------------------------------------------------------------------- */

static void console_command(struct console *console, uint8_t byte) {
    if (byte == 'x' || byte == 'X') {
        console->left = true;
    } else if (byte == 'h' || byte == 'H' || byte == '?') {
        fputs("\nsandglass: Ctrl-A X leaves, Ctrl-A H shows this, Ctrl-A Ctrl-A sends Ctrl-A\n",
              stderr);
    }
}

/* A terminal can't be made to wait, so what finds no room is lost, as on a real line. */
static void console_type(struct console *console, uint8_t byte) {
    bool escaped = console->escaped;
    console->escaped = console_interactive(console) && byte == ESCAPE && !escaped;
    if (console->escaped) {
        return;
    }
    if (escaped && byte != ESCAPE) {
        console_command(console, byte);
    } else if (console->typed_count < sizeof console->typed) {
        console->typed[console->typed_count++] = byte;
    }
}

/** Is there something to read, the end included? From a pseudo-terminal: while it is attached. */
static bool input_is_ready(const struct console *console) {
    struct pollfd input = {.fd = console->input, .events = POLLIN};
    return console->input >= 0 && poll(&input, 1, 0) > 0 &&
           (console->pty == NULL || (input.revents & POLLIN) != 0);
}

/* Polls first, because standard input may be shared, so O_NONBLOCK is not ours to set. From a
 * person it reads even when there is no room: an escape must be seen though the guest sleeps.
 * Whatever fails (a closed descriptor, a lost terminal) is the end of input, which is no error. A
 * client that says no more may still listen. */
static void console_fill(struct console *console) {
    uint8_t bytes[TYPED_BYTES];
    size_t want = sizeof console->typed - console->typed_count;
    if (console_interactive(console) && want == 0) {
        want = DROP_BYTES;
    }
    if (want == 0 || !input_is_ready(console)) {
        return;
    }
    ssize_t count = read(console->input, bytes, want);
    if (count <= 0 && console->pty == NULL && (count == 0 || (errno != EINTR && errno != EAGAIN))) {
        console->input = -1;
    }
    for (ssize_t i = 0; i < count; i++) {
        console_type(console, bytes[i]);
    }
}

/* One client at a time. One that has said its last makes way for the next, and goes when it no
 * longer listens either. */
static void client_look(struct console *console) {
    struct pollfd client = {.fd = console->output};
    if (console->listener == NULL || console->input >= 0) {
        return;
    }
    if (console->output >= 0 && poll(&client, 1, 0) > 0) {
        client_leave(console);
    }
    int fd = listener_accept(console->listener);
    if (fd >= 0) {
        client_leave(console);
        console->input = console->output = fd;
        console->client_count++;
    }
}

void console_serve(struct console *console) {
    console_flush(console);
    console_fill(console);
    client_look(console);
}

size_t console_take(struct console *console, uint8_t *bytes, size_t size_bytes) {
    size_t count = min_u64(size_bytes, console->typed_count);
    if (count > 0) {
        memcpy(bytes, console->typed, count);
        console->typed_count -= count;
        memmove(console->typed, console->typed + count, console->typed_count);
    }
    return count;
}

bool console_open_for_input(const struct console *console) {
    return console->input >= 0 || console->listener != NULL || console->typed_count > 0;
}

/* -- As an endpoint ---------------------------------------------------------------------------- */

static void endpoint_serve(void *console) {
    console_serve(console);
}

static bool endpoint_flush(void *console) {
    return console_flush(console);
}

static enum endpoint_state endpoint_state(const void *console, struct error *error) {
    return console_state(console, error);
}

/* A person may wish to leave though the guest takes nothing. A pseudo-terminal that nobody has
 * opened would end every wait; who opens it is found at the next look. */
static void endpoint_watch(void *of, struct watch *watch, bool admits) {
    struct console *console = of;
    bool room = admits && console->typed_count < sizeof console->typed;
    bool here = console->pty == NULL || pty_attached(console->pty);
    if (console->input >= 0 && here && (room || console_interactive(console))) {
        watch_add(watch, console->input, POLLIN);
    }
    if (console->listener != NULL && console->input < 0) {
        watch_add(watch, listener_descriptor(console->listener), POLLIN);
    }
    if (admits && console->typed_count > 0) {
        watch_ready(watch);
    }
    if (console->queue_count > 0 && here && console->output_errno == 0) {
        watch_add(watch, console->output, POLLOUT);
    }
}

static size_t endpoint_take(void *console, uint8_t *bytes, size_t room_bytes) {
    return console_take(console, bytes, room_bytes);
}

static void endpoint_mute(void *of, bool mutes) {
    struct console *console = of;
    console->muted = mutes;
}

static bool endpoint_can_come(const void *console, bool admits) {
    return console_interactive(console) || (admits && console_open_for_input(console));
}

const struct endpoint_ops console_endpoint = {
    .begin = console_begin,
    .serve = endpoint_serve,
    .flush = endpoint_flush,
    .state = endpoint_state,
    .watch = endpoint_watch,
    .take = endpoint_take,
    .mute = endpoint_mute,
    .can_come = endpoint_can_come,
};
