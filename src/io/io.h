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

/* -- disk.c: what the guest's disks are kept in ----------------------------------------------- */

enum { SECTOR_BYTES = 512 };

struct disk;

/** What to open. */
struct disk_options {
    const char *path;    /* raw image; its size is a multiple of SECTOR_BYTES, not 0 */
    bool read_only;      /* ro: writes are refused */
    bool persist;        /* writes go to the image itself */
    const char *overlay; /* writes go to this file, made if need be; NULL: to a temporary one */
};

/**
 * Opens a disk. The image is written to only with persist; without persist and overlay, writes go
 * to a temporary file that nobody else sees and that is gone at the end.
 * @errors STATUS_BAD_INPUT (missing, of a wrong size, another format, a damaged overlay or one of
 *         another image), STATUS_USAGE (contradictions), STATUS_HOST_IO (in use by another run).
 * @return Disk, owned by the caller; NULL on error.
 */
struct disk *disk_open(const struct disk_options *options, struct error *error);
/**
 * A second disk with the same contents as when @p disk was opened, whose writes are temporary.
 * @errors STATUS_USAGE when @p disk is not temporary or read-only itself.
 */
struct disk *disk_twin(const struct disk *disk, struct error *error);
/** Makes written sectors safe, closes. NULL is fine. @return false when that failed. */
bool disk_close(struct disk *disk, struct error *error);

uint64_t disk_sectors(const struct disk *disk);
bool disk_read_only(const struct disk *disk);

/* Offsets and sizes [bytes] are multiples of SECTOR_BYTES inside the disk: callers have checked.
 * They return false when the host has failed, from then on always: see disk_failed(). */
bool disk_read(struct disk *disk, uint64_t offset_bytes, void *bytes, size_t size_bytes);
bool disk_write(struct disk *disk, uint64_t offset_bytes, const void *bytes, size_t size_bytes);
/** The range reads as zeros from now on, and takes no room on the host where it can be helped. */
bool disk_zero(struct disk *disk, uint64_t offset_bytes, uint64_t size_bytes);
/** What was written before is on the host's disk when this returns (temporary ones: nothing). */
bool disk_flush(struct disk *disk);

/** Has the host failed to read or write? Then fills error: STATUS_HOST_IO, or STATUS_BAD_INPUT for
 * an overlay whose contents are damaged. */
bool disk_failed(const struct disk *disk, struct error *error);
/**
 * Walks size, and number and digest of the contents of each 4 KiB block that has been written
 * (in the overlay's or the run's life), in order. Cost in proportion to these.
 */
void disk_state(struct disk *disk, struct stream *stream);

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
