/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's console on the host: a terminal, a pipe, a file, or nowhere. */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum {
    OUT_BYTES = 4096,   /* at most PIPE_BUF: a write to a pipe is done as a whole or not at all */
    TYPED_BYTES = 4096, /* read from the host, not yet taken */
    READ_BYTES = 256,
    ESCAPE = 'A' & 0x1f /* Ctrl-A */
};

/* What the terminal was like before. Outlives its console: see terminal_make_raw(). */
struct terminal {
    bool raw;
    struct termios before;
};

struct console {
    enum console_kind kind;
    char *path;       /* of a file console, else NULL */
    int output;       /* file descriptor, -1 for none */
    int output_errno; /* of the first write that failed, 0 for none */
    uint8_t *queue;
    size_t queue_count;
    size_t queue_room;
    struct terminal *terminal; /* NULL unless interactive */
    bool input_open;
    bool escaped; /* the last byte typed was the escape */
    bool left;
    uint8_t typed[TYPED_BYTES];
    size_t typed_count;
};

/* -- Terminal ---------------------------------------------------------------------------------- */

static void terminal_restore(struct terminal *terminal) {
    if (terminal->raw) {
        terminal->raw = false;
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
    }
}

static void terminal_restore_at_exit(int status, void *terminal) {
    (void)status;
    terminal_restore(terminal);
}

/* Bytes come in one by one and as typed, signals included. Output keeps its newline translation,
 * so that messages on standard error stay readable meanwhile. The exit hook is for exits that
 * never get to console_close(), such as a failed ensure(). Hooks can't be taken back, so what it
 * looks at is never freed. */
static struct terminal *terminal_make_raw(void) {
    struct terminal *terminal = calloc(1, sizeof *terminal);
    if (terminal == NULL || tcgetattr(STDIN_FILENO, &terminal->before) != 0 ||
        on_exit(terminal_restore_at_exit, terminal) != 0) {
        free(terminal);
        return NULL;
    }
    struct termios raw = terminal->before;
    raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    terminal->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    return terminal;
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static enum status console_open_file(struct console *console, const char *path,
                                     struct error *error) {
    console->kind = CONSOLE_FILE;
    console->path = strdup(path);
    if (console->path == NULL) {
        return error_set(error, STATUS_USAGE, "console: out of memory; free some and try again");
    }
    console->output = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (console->output < 0) {
        return error_set(error, STATUS_HOST_IO,
                         "console: cannot write %s (%s); name a file that can be written", path,
                         strerror(errno));
    }
    return STATUS_OK;
}

static void console_open_stdio(struct console *console) {
    console->kind = CONSOLE_STDIO;
    console->output = STDOUT_FILENO;
    console->input_open = true;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        console->terminal = terminal_make_raw();
    }
}

struct console *console_open(const char *spec, struct error *error) {
    struct console *console = calloc(1, sizeof *console);
    uint8_t *queue = malloc(OUT_BYTES);
    if (console == NULL || queue == NULL) {
        free(console);
        free(queue);
        error_set(error, STATUS_USAGE, "console: out of memory; free some and try again");
        return NULL;
    }
    console->queue = queue;
    console->queue_room = OUT_BYTES;
    console->output = -1;
    enum status status = STATUS_OK;
    if (strcmp(spec, "stdio") == 0) {
        console_open_stdio(console);
    } else if (strcmp(spec, "null") == 0) {
        console->kind = CONSOLE_NULL;
    } else if (strncmp(spec, "file:", 5) == 0 && spec[5] != '\0') {
        status = console_open_file(console, spec + 5, error);
    } else {
        status = error_set(error, STATUS_USAGE,
                           "--console %s: unknown; use stdio, null or file:PATH", spec);
    }
    if (status != STATUS_OK) {
        console_close(console);
        return NULL;
    }
    return console;
}

/* Not when it is opened: the file may be one that the machine is still to be made from. Devices
 * and pipes cannot be emptied. */
void console_begin(struct console *console) {
    if (console->kind == CONSOLE_FILE && ftruncate(console->output, 0) != 0 && errno != EINVAL) {
        console->output_errno = errno;
    }
}

void console_close(struct console *console) {
    if (console == NULL) {
        return;
    }
    console_flush(console);
    if (console->terminal != NULL) {
        terminal_restore(console->terminal);
    }
    if (console->kind == CONSOLE_FILE && console->output >= 0) {
        close(console->output);
    }
    free(console->path);
    free(console->queue);
    free(console);
}

bool console_interactive(const struct console *console) {
    return console->terminal != NULL;
}

/* -- Output ------------------------------------------------------------------------------------ */

/** Can the output take PIPE_BUF bytes without making us wait? Waits a little for that. */
static bool output_has_room(const struct console *console) {
    enum { WAIT_MS = 50 };
    struct pollfd room = {.fd = console->output, .events = POLLOUT};
    return poll(&room, 1, WAIT_MS) > 0;
}

/* Never waits long, so that a reader who doesn't read cannot keep the run from being stopped. What
 * is left stays queued. */
bool console_flush(struct console *console) {
    size_t done = 0;
    while (done < console->queue_count && console->output_errno == 0 && output_has_room(console)) {
        size_t part = min_u64(console->queue_count - done, PIPE_BUF);
        ssize_t count = write(console->output, console->queue + done, part);
        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            console->output_errno = count < 0 ? errno : EIO;
        }
    }
    if (console->output_errno != 0) {
        done = console->queue_count;
    }
    console->queue_count -= done;
    memmove(console->queue, console->queue + done, console->queue_count);
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

void console_put(struct console *console, uint8_t byte) {
    if (console->output < 0 || console->output_errno != 0) {
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

/* Reads what is there now. Polls first, because standard input may be shared, so O_NONBLOCK is
 * not ours to set. From a person it reads even when there is no room: an escape must be seen
 * though the guest sleeps. */
static void console_fill(struct console *console) {
    uint8_t bytes[READ_BYTES];
    size_t want = sizeof console->typed - console->typed_count;
    if (console_interactive(console) || want > sizeof bytes) {
        want = sizeof bytes;
    }
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (!console->input_open || want == 0 || poll(&input, 1, 0) <= 0) {
        return;
    }
    ssize_t count = read(STDIN_FILENO, bytes, want);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    /* Whatever else fails (a closed descriptor, a lost terminal) is the end of input, which is
     * no error. */
    console->input_open = count > 0;
    for (ssize_t i = 0; i < count; i++) {
        console_type(console, bytes[i]);
    }
}

void console_serve(struct console *console) {
    console_flush(console);
    console_fill(console);
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
    return console->input_open || console->typed_count > 0;
}

/* -- As an endpoint ---------------------------------------------------------------------------- */

static void endpoint_begin(void *console) {
    console_begin(console);
}

static void endpoint_serve(void *console) {
    console_serve(console);
}

static bool endpoint_flush(void *console) {
    return console_flush(console);
}

static enum endpoint_state endpoint_state(const void *console, struct error *error) {
    return console_state(console, error);
}

/* A person may wish to leave though the guest takes nothing. */
static void endpoint_watch(void *of, struct watch *watch, bool admits) {
    struct console *console = of;
    bool room = admits && console->typed_count < sizeof console->typed;
    if (console->input_open && (room || console_interactive(console))) {
        watch_add(watch, STDIN_FILENO, POLLIN);
    }
    if (admits && console->typed_count > 0) {
        watch_limit(watch, 0);
    }
    if (console->queue_count > 0 && console->output_errno == 0) {
        watch_add(watch, console->output, POLLOUT);
    }
}

static size_t endpoint_take(void *console, uint8_t *bytes, size_t room_bytes) {
    return console_take(console, bytes, room_bytes);
}

static bool endpoint_can_come(const void *console, bool admits) {
    return console_interactive(console) || (admits && console_open_for_input(console));
}

const struct endpoint_ops console_endpoint = {
    .begin = endpoint_begin,
    .serve = endpoint_serve,
    .flush = endpoint_flush,
    .state = endpoint_state,
    .watch = endpoint_watch,
    .take = endpoint_take,
    .can_come = endpoint_can_come,
};
