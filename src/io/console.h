/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What consoles are made of. Private to io/. */
#ifndef IO_CONSOLE_H
#define IO_CONSOLE_H

#include "io/io.h"

/* -- terminal.c: standard input as a person's terminal ----------------------------------------- */

struct terminal;

/** Makes the terminal raw; it is restored at the latest when the program exits. NULL: it cannot. */
struct terminal *terminal_make_raw(void);
/** NULL is fine. */
void terminal_restore(struct terminal *terminal);
/** From another process: only if its modes still are ours. NULL is fine. */
void terminal_rescue(const struct terminal *terminal);

/* -- listener.c: a socket that waits for clients ----------------------------------------------- */

struct listener;

/** Is that the word for one? */
bool listener_wanted(const char *spec);
/**
 * Opens "unix:PATH", "tcp:PORT" or "tcp:HOST:PORT", HOST a number (127.0.0.1) or localhost. QEMU's
 * words for what is so anyway may follow (",server=on,wait=off").
 * @errors STATUS_USAGE, STATUS_HOST_IO.
 */
struct listener *listener_open(const char *spec, struct error *error);
/** Takes a socket's file away, too. NULL is fine. */
void listener_close(struct listener *listener);
/** Leaves the file to others. NULL is fine. */
void listener_entrust(struct listener *listener);
int listener_descriptor(const struct listener *listener);
/** A new client's descriptor, which never waits; -1 when there is none. */
int listener_accept(const struct listener *listener);

/* -- pty.c: a pseudo-terminal ------------------------------------------------------------------ */

struct pty;

/**
 * Opens a pseudo-terminal in raw mode.
 * @param link  A symbolic link to make to it, in the place of another one if need be; or NULL.
 * @errors STATUS_HOST_IO.
 */
struct pty *pty_open(const char *link, struct error *error);
/** Takes the link away, too. NULL is fine. */
void pty_close(struct pty *pty);
/** Leaves the link to others. NULL is fine. */
void pty_entrust(struct pty *pty);
/** Our end; it never waits. */
int pty_descriptor(const struct pty *pty);
/** Path of the other end. */
const char *pty_name(const struct pty *pty);
/** Has anybody opened the other end? */
bool pty_attached(const struct pty *pty);

#endif
