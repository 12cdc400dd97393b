/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run with a debugger at the other end of a line: brings what it sends to its session
 * (machine/gdb.h), and does what that wishes.
 *
 * While the machine runs, nothing but Ctrl-C is expected, or a debugger that has just come, for
 * whom it stops. While it stands still, its output still goes out. A debugger that is gone leaves
 * it as it is, standing or running; one that has said that it leaves lets it run.
 *
 * A run that has ended while somebody debugs it stands still at its last step: the way back is what
 * is wanted most there. It ends for good when it is let go once more, or nobody is there. */
#include "machine/gdb.h"
#include "machine/past.h"
#include "machine/waypoint.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4096, LOOK_NS = 1000000, ALIVE_NS = 700000000, CTRL_C = 3 };

/** The line, and whom the run asks besides. */
struct remote {
    struct gdb gdb;
    struct console *console;
    const struct run_callbacks *outer;
    uint64_t clients;  /* that have come so far */
    int64_t looked_ns; /* host time of the last look at the console */
    int64_t alive_ns;  /* of the last sign of life */
    uint8_t bytes[LINE_BYTES];
    size_t first, count; /* of bytes: those that have come and are not yet looked at */
};

static void remote_put(void *console, const void *bytes, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++) {
        console_put(console, ((const uint8_t *)bytes)[i]);
    }
}

/** Fetches what has come. @return Is there something to look at? */
static bool remote_fetch(struct remote *remote) {
    remote->looked_ns = host_monotonic_ns();
    console_serve(remote->console);
    if (console_clients(remote->console) != remote->clients) {
        remote->clients = console_clients(remote->console);
        remote->count = 0;
        gdb_renew(&remote->gdb);
    }
    memmove(remote->bytes, remote->bytes + remote->first, remote->count);
    remote->first = 0;
    remote->count += console_take(remote->console, remote->bytes + remote->count,
                                  sizeof remote->bytes - remote->count);
    return remote->count > 0;
}

/**
 * Brings the session what has come, up to the first wish. A byte counts as looked at before it is:
 * what it asks for may make the machine run, which pauses for any other.
 */
static void remote_read(struct remote *remote) {
    remote->alive_ns = host_monotonic_ns();
    while (remote->count > 0 && remote->gdb.wish == GDB_STAY) {
        remote->count--;
        gdb_take(&remote->gdb, remote->bytes[remote->first++]);
    }
    console_flush(remote->console);
}

/* -- What the run asks ------------------------------------------------------------------------- */

static int outer_signal(void *owner) {
    const struct run_callbacks *outer = ((struct remote *)owner)->outer;
    return outer->signal == NULL ? 0 : outer->signal(outer->owner);
}

static void outer_hash(void *owner, uint64_t steps, const char *hash) {
    const struct run_callbacks *outer = ((struct remote *)owner)->outer;
    if (outer->hash_taken != NULL) {
        outer->hash_taken(outer->owner, steps, hash);
    }
}

static void outer_progress(void *owner, const struct machine *machine) {
    const struct run_callbacks *outer = ((struct remote *)owner)->outer;
    if (outer->progress != NULL) {
        outer->progress(outer->owner, machine);
    }
}

/** In the middle of a command: only Ctrl-C ends it, and gdb has little patience. */
static bool busy_ends(struct remote *remote) {
    if (remote->looked_ns - remote->alive_ns >= ALIVE_NS) {
        remote->alive_ns = remote->looked_ns;
        gdb_alive(&remote->gdb);
    }
    return memchr(remote->bytes + remote->first, CTRL_C, remote->count) != NULL;
}

/* Asked after every round, and most are too short for a system call. */
static bool pause_wanted(void *owner) {
    struct remote *remote = owner;
    bool due = host_monotonic_ns() - remote->looked_ns >= LOOK_NS;
    bool came = remote->count > 0;
    if (due) {
        came = remote_fetch(remote) || came;
    }
    return remote->gdb.busy ? due && busy_ends(remote) : came;
}

static void pause_watch(void *owner, struct watch *watch) {
    struct remote *remote = owner;
    console_endpoint.watch(remote->console, watch, true);
    if (remote->count > 0) {
        watch_ready(watch);
    }
}

/* -- Wishes ------------------------------------------------------------------------------------ */

/**
 * The machine has paused because something came: Ctrl-C stops it, and so does a packet, which
 * nobody sends to a machine that runs but a debugger that has just come. Anything else means
 * nothing.
 */
static void disturbed(struct remote *remote) {
    struct gdb *gdb = &remote->gdb;
    struct goal goal = gdb->goal;
    bool attached = gdb->told;
    gdb->broken = gdb->told = false;
    gdb->wish = GDB_STAY;
    remote_read(remote);
    bool packet = gdb->told;
    gdb->told = gdb->told || attached;
    if (gdb->broken && !packet && attached) {
        gdb_stopped(gdb, PAUSE_ASKED);
    } else if (!packet && gdb->wish == GDB_STAY) {
        gdb->goal = goal;
        gdb->wish = GDB_GO;
    }
}

static void go_on(struct remote *remote) {
    enum pause pause = machine_go(remote->gdb.machine, &remote->gdb.goal);
    if (pause == PAUSE_ASKED) {
        disturbed(remote);
    } else if (pause != PAUSE_NONE) {
        gdb_stopped(&remote->gdb, pause);
    }
}

static void go_back(struct remote *remote) {
    struct gdb *gdb = &remote->gdb;
    struct error error;
    enum reverse reverse = gdb->wish == GDB_BACK
                               ? debug_reverse_continue(gdb->machine, &error)
                               : debug_reverse_step(gdb->machine, gdb->hart_run, &error);
    if (reverse == REVERSE_REFUSED) {
        gdb->wish = GDB_STAY;
        text_clear(&gdb->reply);
        text_add(&gdb->reply, "E.%s", error.text);
        gdb_reply(gdb);
    } else {
        gdb_stopped_back(gdb, reverse);
    }
}

static void wish_do(struct remote *remote) {
    struct gdb *gdb = &remote->gdb;
    switch (gdb->wish) {
    case GDB_STAY:
        if (remote_fetch(remote)) {
            remote_read(remote);
        } else {
            machine_rest(gdb->machine, INT64_MAX);
        }
        break;
    case GDB_GO:
        go_on(remote);
        break;
    case GDB_BACK_STEP:
    case GDB_BACK:
        go_back(remote);
        break;
    case GDB_DETACH:
        gdb->told = false;
        gdb->goal = goal_none;
        gdb->wish = GDB_GO;
        break;
    case GDB_KILL:
        machine_end(gdb->machine, EXIT_USER, 0);
        break;
    }
}

/** The run has ended. @return Does it stand still there, for a debugger that may go back? */
static bool end_stays(struct remote *remote) {
    struct gdb *gdb = &remote->gdb;
    bool leaves = gdb->wish == GDB_DETACH || gdb->wish == GDB_KILL ||
                  (gdb->wish == GDB_GO && gdb->at_end && gdb->goal.hart_steps == UINT64_MAX);
    if (leaves || !gdb->told || !console_attended(remote->console) ||
        debug_cut_short(gdb->machine) || outer_signal(remote) != 0) {
        return false;
    }
    if (gdb->wish == GDB_GO) {
        gdb_stopped_at_end(gdb);
    }
    gdb->at_end = true;
    return true;
}

/** Is there still something to do? */
static bool remote_goes_on(struct remote *remote) {
    if (remote->gdb.machine->exit.reason != EXIT_NONE) {
        return end_stays(remote);
    }
    remote->gdb.at_end = false;
    return true;
}

struct machine_exit machine_debug(struct machine *machine, struct console *console, bool waits,
                                  const struct run_callbacks *callbacks) {
    struct remote *remote = calloc(1, sizeof *remote);
    ensure(remote != NULL);
    remote->console = console;
    remote->outer = callbacks;
    struct run_callbacks inner = {
        .signal = outer_signal,
        .hash_taken = outer_hash,
        .progress = outer_progress,
        .pause = pause_wanted,
        .pause_watch = pause_watch,
        .owner = remote,
    };
    gdb_init(&remote->gdb, machine, &(struct stream){.put = remote_put, .owner = console});
    remote->gdb.wish = waits ? GDB_STAY : GDB_GO;
    machine_begin(machine, &inner);
    (void)travel_begin(machine);
    waypoint_start(machine);
    while (remote_goes_on(remote)) {
        wish_do(remote);
    }
    struct machine_exit end = machine_finish(machine);
    if (remote->gdb.told) {
        gdb_ended(&remote->gdb, &end);
    }
    console_flush(console);
    machine->callbacks = callbacks;
    gdb_free(&remote->gdb);
    free(remote);
    return end;
}
