/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one door to the outside: console bytes, host clocks. What comes in is an input (law 9). */
#ifndef IO_IO_H
#define IO_IO_H

#include "base/base.h"
#include "vtime/vtime.h"

/* -- host.c: the host's clocks ----------------------------------------------------------------- */

/** Reads both host clocks. */
struct host_time host_time_read(void);
/** Host monotonic clock [ns]; cheap enough to read around every grant. */
int64_t host_monotonic_ns(void);

/** Waits for so long. @thread any */
void host_sleep_ns(int64_t ns);

/* -- console.c: where the guest's console goes ------------------------------------------------- */

enum console_kind { CONSOLE_STDIO, CONSOLE_NULL, CONSOLE_FILE };

struct console;

/**
 * Opens the guest's console from the value of --console: "stdio", "null" or "file:PATH".
 * stdio: output to standard output, input from standard input. When both are a terminal it is
 * interactive: the terminal goes raw (Ctrl-C goes to the guest), Ctrl-A X leaves, Ctrl-A H helps,
 * Ctrl-A Ctrl-A is a Ctrl-A.
 * file:PATH: output only, PATH is created or emptied.
 *
 * @errors STATUS_USAGE for another word, STATUS_HOST_IO when PATH cannot be written.
 * @return Console, owned by the caller; NULL on error.
 */
struct console *console_open(const char *spec, struct error *error);

/** Flushes, restores the terminal, closes. NULL is fine. */
void console_close(struct console *console);
/** The run begins: a file is emptied. */
void console_begin(struct console *console);

/** Is a person at the other end (terminal in raw mode)? */
bool console_interactive(const struct console *console);

/** Queues output, and flushes when enough is queued. Failed writes show in console_failed. */
void console_put(struct console *console, uint8_t byte);
/** Writes what is queued; waits at most moments for the reader. @return Nothing is queued. */
bool console_flush(struct console *console);
/** So much is queued that the run should wait for the reader. */
bool console_full(const struct console *console);
/** Has a write to the host failed (closed pipe, full disk)? Then fills error: STATUS_HOST_IO. */
bool console_failed(const struct console *console, struct error *error);
/** Did the user ask to leave (Ctrl-A X)? */
bool console_left(const struct console *console);

/**
 * Takes what has arrived from the host, without waiting.
 * @return Bytes stored in @p bytes, at most @p size_bytes; 0 when there is nothing now.
 */
size_t console_take(struct console *console, uint8_t *bytes, size_t size_bytes);
/** Can input still come? false at the end of standard input, for null and file consoles. */
bool console_open_for_input(const struct console *console);
/**
 * Flushes, then waits until input is there, a signal comes, or @p timeout_ns of host time have
 * passed (INT64_MAX: no limit). May also return early: look at the clock, and wait again.
 * @return true when input is there.
 */
bool console_wait(struct console *console, int64_t timeout_ns);

/* -- port.c: a byte port of a device, with the gate in front ----------------------------------- */

/** What a serial device sees of the outside. Output goes out at once; input waits for the gate. */
struct port {
    struct console *console; /* not owned */
    uint8_t held[256];       /* arrived and stamped, not yet taken by the device */
    size_t held_count;
    uint64_t out_bytes;
    uint64_t in_bytes;
};

void port_init(struct port *port, struct console *console);
/** Device to outside. */
void port_put(struct port *port, uint8_t byte);
/**
 * Gate: lets in what has arrived on the host. Only between rounds or while all harts sleep.
 * @return Bytes let in.
 */
size_t port_admit(struct port *port);
/** Device side: next byte that is in. @return false when there is none. */
bool port_get(struct port *port, uint8_t *byte);
/** Walks what is held. */
void port_state(const struct port *port, struct stream *stream);

#endif
