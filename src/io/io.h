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
/** Draws a number from the host's entropy. */
uint64_t host_entropy(void);
/** Waits for so long. @thread any */
void host_sleep_ns(int64_t ns);

/* -- watch.c: waiting for the outside ---------------------------------------------------------- */

/** What is waited for: begun, filled by endpoints, waited on; and again. */
struct watch;

/** @return Watch, owned by the caller; NULL when the host has no memory or descriptor for it. */
struct watch *watch_new(void);
/** NULL is fine. */
void watch_free(struct watch *watch);

/** Nothing is waited for yet. */
void watch_begin(struct watch *watch);
/** Waits for @p events, poll()'s, of a descriptor. @return Index for watch_seen(). */
size_t watch_add(struct watch *watch, int fd, short events);
/** The wait is to be no longer than that. */
void watch_limit(struct watch *watch, int64_t ns);
/** Something is there already: no wait is needed to see it. */
void watch_ready(struct watch *watch);
/** What the last wait has seen of a descriptor: poll()'s revents. */
short watch_seen(const struct watch *watch, size_t idx);
/**
 * Waits until a descriptor is ready, somebody wakes it, a signal comes, or @p timeout_ns of host
 * time have passed (INT64_MAX: no limit). May also return early: look at the clock, and wait again.
 * @return Is something ready?
 */
bool watch_wait(struct watch *watch, int64_t timeout_ns);
/** Ends the wait under way, or the next one. @thread any */
void watch_wake(struct watch *watch);

/* -- Endpoints: the host's ends of what comes in and goes out ---------------------------------- */

/**
 * Ethernet, without its checksum: a header of 14 bytes, 1500 of payload. What goes out may be more,
 * up to the most that IPv4 can tell the size of: a piece of TCP that a wire would carry as many.
 */
enum { FRAME_BYTES_MAX = 1514, FRAME_OUT_BYTES_MAX = 14 + 65535 };

/** How an endpoint is. */
enum endpoint_state {
    ENDPOINT_READY,
    ENDPOINT_FULL,  /* the guest should say no more until its reader has taken some */
    ENDPOINT_LEFT,  /* a person has asked to leave (Ctrl-A X) */
    ENDPOINT_FAILED /* the host has failed: the run ends */
};

/** What each kind of endpoint does. None of it waits longer than moments. */
struct endpoint_ops {
    /** The run begins. */
    void (*begin)(void *endpoint);
    /** Does what can be done on the host now: output goes out, input is fetched. */
    void (*serve)(void *endpoint);
    /** Output alone. @return Nothing is left. */
    bool (*flush)(void *endpoint);
    /** @param error  Filled in when ENDPOINT_FAILED; may be NULL. */
    enum endpoint_state (*state)(const void *endpoint, struct error *error);
    /** Adds what it waits for. @param admits  Input is of interest now: the device has room. */
    void (*watch)(void *endpoint, struct watch *watch, bool admits);
    /**
     * Takes what has been fetched: bytes of a stream, as many as there are, or one frame.
     * @return Bytes stored, at most @p room_bytes; 0: there is nothing.
     */
    size_t (*take)(void *endpoint, uint8_t *bytes, size_t room_bytes);
    /** Output is lost from now on, or goes out again; what is queued does in any case. */
    void (*mute)(void *endpoint, bool mutes);
    /** Can anything ever come again, for a device that has room as @p admits says? */
    bool (*can_come)(const void *endpoint, bool admits);
};

/* -- console.c: where the guest's console goes ------------------------------------------------- */

struct console;

/** A console as an endpoint. */
extern const struct endpoint_ops console_endpoint;

/**
 * Opens the host's end of a byte stream:
 *   stdio             standard output and input. When both are a terminal it is interactive: the
 *                     terminal goes raw (Ctrl-C goes to the guest), Ctrl-A X leaves, Ctrl-A H
 *                     helps, Ctrl-A Ctrl-A is a Ctrl-A
 *   stdout            standard output alone: nothing comes
 *   null              nothing comes, what goes is lost
 *   file:PATH         output only; the file is made, and emptied when the run begins
 *   unix:PATH         a socket that waits for clients, one at a time
 *   tcp:[HOST:]PORT   likewise; HOST is 127.0.0.1 unless given
 *   pty[:LINK]        a pseudo-terminal; LINK is made a symbolic link to it
 * Output for nobody is lost, as is what a client does not take for seconds.
 *
 * @errors STATUS_USAGE for another word, STATUS_HOST_IO for what cannot be had. The line begins
 *         with what was asked for.
 * @return Console, owned by the caller; NULL on error.
 */
struct console *console_open(const char *spec, struct error *error);

/** Flushes, restores the terminal, closes, removes a socket's file or a link. NULL is fine. */
void console_close(struct console *console);
/** Is a person at the other end (terminal in raw mode)? */
bool console_interactive(const struct console *console);
/** Path of the pseudo-terminal that the other end is; NULL for other consoles. */
const char *console_place(const struct console *console);
/** How many clients have come to its socket so far. */
uint64_t console_clients(const struct console *console);
/** Is one there now, as far as is known? */
bool console_attended(const struct console *console);
/** Do clients come to it on a socket? */
bool console_listens(const struct console *console);

/* For a run that may not change the host: another process, forked from this one, does at the end
 * what console_close() would. */

/** Is there anything that would stay behind: a raw terminal, a socket's file, a link? */
bool console_marks(const struct console *console);
/** In this process: from now on the file or link is not ours to take away. */
void console_entrust(struct console *console);
/**
 * In the other process, when this one has ended, however it did: takes the file or link away, and
 * gives the terminal its modes back unless that was done.
 */
void console_rescue(struct console *console);

/** Told of each byte that is put, also while the console is muted. */
typedef void console_fn(void *owner, uint8_t byte);
/** @param heard  NULL: nobody is told any more. */
void console_hear(struct console *console, console_fn *heard, void *owner);
/** Queues output, and flushes when enough is queued. Failed writes show in console_state(). */
void console_put(struct console *console, uint8_t byte);
/** A digest of all that was put, wherever it went; not of what was put while it was muted. */
uint64_t console_said(const struct console *console);
/** All that was said elsewhere before has that digest. */
void console_set_said(struct console *console, uint64_t said);
/** Writes what is queued; waits at most moments for the reader. @return Nothing is queued. */
bool console_flush(struct console *console);
/** Flushes, and reads what has come from the host, without waiting. */
void console_serve(struct console *console);
/** STATUS_HOST_IO in @p error, which may be NULL: a closed pipe, a full disk. */
enum endpoint_state console_state(const struct console *console, struct error *error);
/**
 * Takes what has been read.
 * @return Bytes stored in @p bytes, at most @p size_bytes; 0 when there is nothing now.
 */
size_t console_take(struct console *console, uint8_t *bytes, size_t size_bytes);
/** Can input still come? Not at the end of standard input, nor from null and files. */
bool console_open_for_input(const struct console *console);

/* -- net.c: the guest's network --------------------------------------------------------------- */

/** A port of the host that leads to one of the guest. */
struct net_forward {
    bool udp;
    uint32_t host_address, guest_address; /* IPv4, as numbers; guest: 0 is what DHCP gives first */
    uint16_t host_port, guest_port;
};

/** A network of user mode. */
struct net_options {
    bool restricted;        /* the guest reaches nobody but the router and who connects to it */
    uint32_t network, mask; /* IPv4, as numbers, of 5 bits at least: in it 2 is the router, 3 the
                               name server, from 15 on DHCP */
    const struct net_forward *forwards;
    unsigned forward_count;
};

struct net;

/** A network as an endpoint. */
extern const struct endpoint_ops net_endpoint;

/**
 * Opens a network, and the ports that are forwarded.
 * @param options  NULL: a network that leads nowhere.
 * @errors STATUS_HOST_IO when a port cannot be had, STATUS_USAGE when out of memory.
 * @return Network, owned by the caller; NULL on error.
 */
struct net *net_open(const struct net_options *options, struct error *error);
/** NULL is fine. */
void net_close(struct net *net);
/** Guest to outside: one Ethernet frame without checksum, at once. Never waits; may lose it. */
void net_send(struct net *net, const uint8_t *frame, size_t size_bytes);
/** Does what can be done on the host now, without waiting. */
void net_serve(struct net *net);
/**
 * Outside to guest: takes the next frame. What is greater than @p room_bytes is lost.
 * @return Its size; 0 when there is none. At most FRAME_BYTES_MAX.
 */
size_t net_take(struct net *net, uint8_t *bytes, size_t room_bytes);

/* -- disk.c: what the guest's disks are kept in ----------------------------------------------- */

enum { SECTOR_BYTES = 512 };

struct disk;

/** What to open. */
struct disk_options {
    const char *path;    /* raw image; its size is a multiple of SECTOR_BYTES, not 0 */
    bool raw;            /* it is raw even if it begins like another format */
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
 * Walks what differs from the image, contents and all. Sets that of a fresh disk. Of an image or
 * overlay that keeps what is written, it walks nothing: its file is where it is.
 */
void disk_contents(struct disk *disk, struct stream *stream);

/**
 * From now on it is known what changes: disk_changes() can be walked. For a disk whose writes are
 * temporary; others change nothing that a replay would need.
 * @return false: out of memory.
 */
bool disk_follow(struct disk *disk);
/** Walks what has changed since the last such walk, or since disk_follow(); sets it on a disk that
 * is as this one was then. */
void disk_changes(struct disk *disk, struct stream *stream);

/* Marks, as of memory: a stack, numbered from 0. */

/** Can it have marks? Not an image that is written to itself. */
bool disk_can_mark(const struct disk *disk);
/** What the disk holds now can be had back. @return false: out of memory, and there is no mark. */
bool disk_mark(struct disk *disk);
/** Are its marks still there? They are lost when the host has no memory to keep what they need. */
bool disk_marked(const struct disk *disk);
/** It holds what it did at mark @p idx; later marks are gone. @return false: see disk_failed(). */
bool disk_back(struct disk *disk, size_t idx);
/** One mark is not needed any more; those behind it move down by one. */
void disk_forget(struct disk *disk, size_t idx);
void disk_forget_all(struct disk *disk);
/** What the marks cost the host [bytes]. */
uint64_t disk_past_size(const struct disk *disk);

/**
 * Walks size, and a digest over number and contents of each 4 KiB block that has been written (in
 * the overlay's or the run's life). Cost in proportion to these. Sets nothing: the contents must be
 * there already.
 */
void disk_state(struct disk *disk, struct stream *stream);

/* -- share.c: a folder of the host's, seen by the guest through 9P2000.L ---------------------- */

enum { SHARE_MESSAGE_MIN_BYTES = 4096, SHARE_MESSAGE_MAX_BYTES = 512 << 10 };

struct share;

/** What to share. */
struct share_options {
    const char *path;  /* a folder */
    bool writable;     /* else every change is refused with EROFS */
    uint32_t uid, gid; /* who owns every file, as the guest sees it */
};

/**
 * Opens a folder. What the guest sees of a file: its name, contents, permissions without
 * set-user-ID and set-group-ID, when its contents were changed, its links. Whatever else hosts and
 * file systems differ in is constant: see the essay in share.c.
 * May raise the soft limit on descriptors to the hard one.
 * @errors STATUS_BAD_INPUT (no folder, or not to be read or written), STATUS_HOST_IO (no /proc)
 * @return Share, owned by the caller; NULL on error.
 */
struct share *share_open(const struct share_options *options, struct error *error);
/** A share without a folder: its gate has to answer. NULL: out of memory. */
struct share *share_hollow(void);
/** NULL is fine. */
void share_close(struct share *share);

/** A message from the guest: lies still while it is answered. */
struct share_request {
    const uint8_t *bytes;
    size_t size_bytes; /* of the buffer; the message may be shorter */
};

/**
 * Answers one message of 9P2000.L. Whatever it holds, nothing outside the folder is touched.
 * Depends on the share, the folder and the message alone, or on the gate that answers; never waits
 * for another program.
 * @param reply  Overwritten up to @p room_bytes, also behind what is returned.
 * @return       Bytes of the reply: at most room_bytes and SHARE_MESSAGE_MAX_BYTES; 0 when
 *               there is not even a header to answer, or no room for an error.
 * @errors       Go to the guest, as Rlerror with an errno of Linux; EPROTO for what is no message.
 */
size_t share_answer(struct share *share, struct share_request request, uint8_t *reply,
                    size_t room_bytes);
/** The guest's device is reset: all fids are gone, files are numbered anew. */
void share_reset(struct share *share);
/**
 * Walks a digest of what the guest has asked since the reset, and what it was answered: all that
 * the folder is to a guest. Sets it where answers are in a log, which then has to give those that
 * follow. Elsewhere the host's side would be missing: that is a defect.
 */
void share_state(struct share *share, struct stream *stream);

/** Who stands between the guest and the folder. */
struct share_gate {
    /** Answers in the folder's place. @return false: the folder has to, after all. */
    bool (*tell)(void *owner, uint8_t *reply, size_t room_bytes, size_t *reply_bytes);
    /** The folder has answered. */
    void (*told)(void *owner, const uint8_t *reply, size_t reply_bytes);
    void *owner;
    bool logged; /* answers are in a log */
};

/** From now on all answers pass there. */
void share_set_gate(struct share *share, const struct share_gate *gate);
/** From now on the gate answers, and the folder stays as it is, with all that is open in it. */
void share_rest(struct share *share, bool rests);

/* -- log.c, log_read.c: what came from outside, in a file (docs/record.md) --------------------- */

struct log;

/** A place in a run, as the log stamps things with it. */
struct log_place {
    uint64_t steps;   /* of all harts */
    vtime virtual_ns; /* where the last round ended */
    bool in_round;    /* a round is under way: some of the steps are its own */
};

/** Are they the same? */
bool log_place_same(struct log_place a, struct log_place b);

enum log_kind {
    LOG_ARRIVAL,  /* idx: inlet; the bytes that it let in */
    LOG_ANSWER,   /* idx: shared folder; its reply to the instruction at this place */
    LOG_RATE,     /* what a step costs from now on */
    LOG_HASH,     /* of the state */
    LOG_STATE,    /* of snapshots: a piece of the machine's state */
    LOG_END,      /* how the run ended: nothing comes behind it */
    LOG_WAYPOINT, /* a piece of a state on the way; idx: of enum waypoint_piece */
    LOG_KINDS
};

enum { LOG_BYTES_MAX = 1 << 20 }; /* of one event */
/** Which piece of a state it is; 0: one in between. */
enum waypoint_piece { WAYPOINT_FIRST = 1, WAYPOINT_LAST = 2 };

struct log_event {
    enum log_kind kind;
    bool fresh;  /* the schedule was asked since the event before */
    uint8_t idx; /* 0 unless the kind says what it is */
    struct log_place at;
    const uint8_t *bytes; /* of a reader: until its next call */
    size_t size_bytes;    /* [0, LOG_BYTES_MAX] */
};

/** Between two events. To be kept and given back; what is inside is the log's affair. */
struct log_cursor {
    uint64_t frame_idx;
    size_t offset_bytes;
    struct log_place before; /* of the event before it */
};

/**
 * Makes a log. Nothing is safe on the host's disk before log_begin().
 * @param path    Emptied if it is there, unless another run writes to it. NULL: a file without a
 *                name, which is gone when it is closed.
 * @param header  What whoever reads it wants to know first, at most LOG_BYTES_MAX.
 * @errors STATUS_HOST_IO, one line that begins with the path.
 * @return Log, owned by the caller; NULL on error.
 */
struct log *log_create(const char *path, const void *header, size_t size_bytes,
                       struct error *error);
/**
 * Opens a log to read. All of it is checked now; what is behind the first defect is not there.
 * @errors STATUS_BAD_INPUT: no log, of another version, not even its header is whole.
 * @return Log, owned by the caller; NULL on error.
 */
struct log *log_open(const char *path, struct error *error);
/** Writes what is left, waits until it is safe, closes. NULL is fine. @return false: it is lost. */
bool log_close(struct log *log, struct error *error);

/** As it was opened. */
const char *log_name(const struct log *log);
const void *log_header(const struct log *log, size_t *size_bytes);
/** How far it is complete: nothing came in before this place that is not in it. */
struct log_place log_reached(const struct log *log);
/** NULL when the log was closed at the end of its run; else what is wrong, to follow its name. */
const char *log_defect(const struct log *log);
/** So far on the host's disk. */
uint64_t log_size_bytes(const struct log *log);

/* Writing: of a log that log_create() made, always at its end. */

/** Starts the thread that writes. Before, and without it, whoever appends does. */
void log_begin(struct log *log);
/** Events come in the order of their places. */
void log_append(struct log *log, const struct log_event *event);
/**
 * The run has come here, and all before has been appended. Twice a second of @p host_ns, and when
 * enough has come together, what has been appended goes to the host's disk. Cheap otherwise.
 */
void log_reach(struct log *log, struct log_place place, int64_t host_ns);
/** Is there room for much, so that who has time had better wait with it? */
bool log_has_room(struct log *log);
/** Waits until all that was appended is safe. @return false when the host has failed. */
bool log_flush(struct log *log);
/** @return true with @p error when the host has failed to read or write. */
bool log_failed(struct log *log, struct error *error);

/* Reading. What is appended meanwhile is read when its turn comes. */

/** The next event, which stays the next one; NULL behind the last. @see log_failed() */
const struct log_event *log_peek(struct log *log);
/** Passes over it. Requires: there is one. */
void log_pass(struct log *log);
/** Where the next event is. */
struct log_cursor log_cursor(const struct log *log);
/** Where the next event that is appended will be. */
struct log_cursor log_cursor_end(const struct log *log);
/** @param cursor  Of this very log. */
void log_seek(struct log *log, struct log_cursor cursor);

/* States on the way lie beside what else is read: log_peek() passes over their pieces. */

/** From @p cursor on log_peek() gives pieces of states and nothing else, until log_seek(). */
void log_seek_states(struct log *log, struct log_cursor cursor);
/** Then: the next piece that is a state's first or last; the others are passed. NULL: no more. */
const struct log_event *log_peek_landmark(struct log *log);

/* -- digest.c: is a file what it was? ---------------------------------------------------------- */

struct file_digest {
    uint64_t size_bytes;
    uint8_t digest[16]; /* XXH3-128 over what is not zero, and where it is */
};

/**
 * Reads a file or a block device; holes cost nothing.
 * @errors STATUS_BAD_INPUT, one line that begins with the path.
 */
enum status file_digest(const char *path, struct file_digest *digest, struct error *error);

/* -- port.c: a byte port of a device ----------------------------------------------------------- */

/** What a serial device sees of the outside: output goes out at once, input waits for it. */
struct port {
    struct console *console; /* not owned */
    uint8_t held[256];       /* let in by the gate, not yet taken by the device */
    uint32_t held_count;
    uint64_t out_bytes;
};

void port_init(struct port *port, struct console *console);
/** Device to outside. */
void port_put(struct port *port, uint8_t byte);
/** How many more bytes can be let in. */
size_t port_room(const struct port *port);
/** Lets bytes in: at most port_room(). */
void port_admit(struct port *port, const uint8_t *bytes, size_t size_bytes);
/** Device side: next byte that is in. @return false when there is none. */
bool port_get(struct port *port, uint8_t *byte);
/** Walks what is held. */
void port_state(struct port *port, struct stream *stream);

#endif
