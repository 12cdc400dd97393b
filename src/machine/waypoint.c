/* SPDX-License-Identifier: GPL-2.0-or-later */
/* States on the way: a recording leaves them in its log, so that who replays it need not run all
 * that is before the place that he wants to see.
 *
 * While recording, one begins whenever enough steps have gone by since the last one. The run stands
 * still for what is small: everything but memory, and what has changed on disks. Memory follows,
 * a few pages a millisecond, as it was then (bus/copy.c), while the run goes on; the log's own
 * thread compresses and writes. So
 *
 *      run   | steps | begin | steps, pages, steps, pages, steps, last page | steps | begin ...
 *      log   [events][state: the small][pages][events][pages][last pages]    [events][state ...
 *
 * 1. A state holds what has changed since the one before it in the log, or since the machine was
 *    built of its images. So what images put into memory, and nobody changes, is in none.
 * 2. It counts once its last piece is there. A log that ends before, in a crash or at a cut, holds
 *    a state less.
 * 3. Writing one changes nothing in the run, and reading inputs passes over it.
 * 4. When the next is due and this one is not written, it waits: a host whose disk is slow gets
 *    fewer states, and no memory full of them.
 * 5. To jump is to set what the states between here and there hold, in their order. It works from
 *    any place of the run, not only from a state: what differs between there and a place between
 *    two states is in the second of these, and in those behind it. So moments that are kept in
 *    memory (past.c) stay, and jumping goes forward only.
 *
 * Rejected: whole states (a gigabyte each); trees of differences, so that fewer need to be read for
 * one place (the sum of all is what the guest has written, and a disk reads it faster than any
 * engine makes it); a second file (it would be lost first). */
#include "machine/check.h"
#include "machine/waypoint.h"
#include "machine/gate.h"
#include "machine/past.h"

#include <stdlib.h>

enum { PAGES_AT_ONCE = 64, PAGES_EACH_NS = 1000000 };

/** A state in the log that is whole. */
struct waypoint {
    struct log_place at;
    struct log_cursor first; /* its first piece; of inputs, those that come behind it */
};

struct waypoints {
    struct pieces *pieces;

    /* Recording. */
    uint64_t due_steps;
    bool busy; /* one is being written */
    int64_t wrote_ns;

    /* Replaying. */
    bool listed;
    struct waypoint *list;
    size_t count, room;
};

static bool waypoints_new(struct machine *machine) {
    struct waypoints *waypoints = calloc(1, sizeof *waypoints);
    if (waypoints == NULL) {
        return false;
    }
    machine->waypoints = waypoints;
    waypoints->pieces = pieces_new(machine, machine->gate.log, LOG_WAYPOINT);
    return waypoints->pieces != NULL;
}

void waypoints_free(struct waypoints *waypoints) {
    if (waypoints != NULL) {
        free(waypoints->pieces);
        free(waypoints->list);
        free(waypoints);
    }
}

/* -- Recording --------------------------------------------------------------------------------- */

void waypoints_begin(struct machine *machine) {
    if (machine->waypoints != NULL || machine->options.gate.waypoint_steps == 0) {
        return;
    }
    if (!waypoints_new(machine) || !machine_follow(machine)) {
        machine_fail(machine, &(struct error){.status = STATUS_USAGE,
                                              .text = "--snapshot-every: out of memory; free some, "
                                                      "or record without"});
        return;
    }
    machine->waypoints->due_steps =
        add_sat_u64(machine->steps, machine->options.gate.waypoint_steps);
}

static void pages_write(struct waypoints *waypoints, unsigned count) {
    waypoints->busy = pieces_go_on(waypoints->pieces, count);
}

void waypoints_look(struct machine *machine) {
    struct waypoints *waypoints = machine->waypoints;
    if (waypoints == NULL || machine->gate.mode != GATE_RECORDS) {
        return;
    }
    bool goes_on = waypoints->busy &&
                   machine->stopwatch.since_ns - waypoints->wrote_ns >= PAGES_EACH_NS &&
                   log_has_room(machine->gate.log);
    if (!waypoints->busy && machine->steps >= waypoints->due_steps) {
        waypoints->due_steps = add_sat_u64(machine->steps, machine->options.gate.waypoint_steps);
        pieces_begin(waypoints->pieces);
        goes_on = true;
    }
    if (goes_on) {
        waypoints->wrote_ns = machine->stopwatch.since_ns;
        pages_write(waypoints, PAGES_AT_ONCE);
    }
}

void waypoints_finish(struct machine *machine) {
    struct waypoints *waypoints = machine->waypoints;
    while (waypoints != NULL && waypoints->busy) {
        pages_write(waypoints, UINT32_MAX);
    }
}

bool waypoints_busy(const struct machine *machine) {
    return machine->waypoints != NULL && machine->waypoints->busy;
}

/* -- What is there ----------------------------------------------------------------------------- */

static void waypoint_add(struct waypoints *waypoints, const struct waypoint *waypoint) {
    if (waypoints->count == waypoints->room) {
        waypoints->room = 2 * waypoints->room + 16;
        waypoints->list = realloc(waypoints->list, waypoints->room * sizeof *waypoints->list);
        ensure(waypoints->list != NULL);
    }
    waypoints->list[waypoints->count++] = *waypoint;
}

/** Finds all that are whole. They follow one another, so a second beginning is a defect. */
static void waypoints_list(struct machine *machine) {
    struct waypoints *waypoints = machine->waypoints;
    struct log *log = machine->gate.log;
    struct log_cursor here = log_cursor(log);
    struct waypoint begun = {.at = {0}};
    bool open = false;
    const struct log_event *event;
    log_seek_states(log, (struct log_cursor){.frame_idx = 1});
    while ((event = log_peek_landmark(log)) != NULL && event->kind == LOG_WAYPOINT) {
        bool first = (event->idx & WAYPOINT_FIRST) != 0;
        if (first == open) {
            break;
        }
        if (first) {
            begun = (struct waypoint){event->at, log_cursor(log)};
        }
        open = (event->idx & WAYPOINT_LAST) == 0;
        if (!open) {
            waypoint_add(waypoints, &begun);
        }
        log_pass(log);
    }
    log_seek(log, here);
    waypoints->listed = true;
}

static struct position waypoint_position(const struct waypoint *waypoint) {
    return (struct position){waypoint->at.steps, waypoint->at.virtual_ns};
}

/** How many lie before a place. */
static size_t waypoints_before(const struct waypoints *waypoints, struct position before) {
    size_t count = 0;
    while (count < waypoints->count &&
           position_before(waypoint_position(&waypoints->list[count]), before)) {
        count++;
    }
    return count;
}

/* -- Jumping ----------------------------------------------------------------------------------- */

static void jump_fail(struct machine *machine, const struct waypoint *waypoint,
                      const char *defect) {
    struct error error;
    error_set(&error, STATUS_BAD_INPUT, "%.300s: the state at step %llu %s; replay without --from",
              log_name(machine->gate.log), (unsigned long long)waypoint->at.steps, defect);
    machine_fail(machine, &error);
}

/** What was said before is known now, if nobody has heard further. */
static void said_set(struct machine *machine, const struct parts *parts) {
    past_look(machine);
    for (unsigned i = 0; !machine->retraces && i < machine->inlet_count; i++) {
        const struct inlet *inlet = &machine->inlets[i];
        if (inlet->ops == &console_endpoint) {
            console_set_said(inlet->endpoint, parts->said[i]);
        }
    }
}

/** Takes the states from @p first up to before @p end. @return What is wrong, or NULL. */
static const char *waypoints_take(struct machine *machine, size_t first, size_t end) {
    struct waypoints *waypoints = machine->waypoints;
    struct parts *parts = calloc(1, sizeof *parts);
    const char *defect = parts == NULL ? "finds no memory" : NULL;
    harts_still(&machine->harts);
    for (size_t i = first; defect == NULL && i < end; i++) {
        log_seek_states(machine->gate.log, waypoints->list[i].first);
        defect = pieces_take(waypoints->pieces, parts);
    }
    defect = defect == NULL ? parts_take(machine, parts) : defect;
    harts_still(&machine->harts);
    gate_return(machine, waypoints->list[end - 1].first);
    if (defect == NULL) {
        said_set(machine, parts);
    }
    if (parts != NULL) {
        buffer_free(&parts->state);
        free(parts);
    }
    return defect;
}

bool waypoint_jump(struct machine *machine, struct position before) {
    if (!gate_replays(machine) || machine->gate.goes_on ||
        (machine->waypoints == NULL && !waypoints_new(machine))) {
        return false;
    }
    struct waypoints *waypoints = machine->waypoints;
    if (!waypoints->listed) {
        waypoints_list(machine);
    }
    /* One at this very place may lie behind what came in here, so what it holds is taken, too. */
    struct position here = machine_position(machine);
    size_t first = waypoints_before(waypoints, here);
    size_t end = waypoints_before(waypoints, before);
    if (end <= first || !position_before(here, waypoint_position(&waypoints->list[end - 1]))) {
        return false;
    }
    const char *defect = waypoints_take(machine, first, end);
    if (defect != NULL) {
        jump_fail(machine, &waypoints->list[end - 1], defect);
        return false;
    }
    while (machine->hash_next_idx < machine->options.hash_at_count &&
           machine->options.hash_at[machine->hash_next_idx] < machine->steps) {
        machine->hash_next_idx++;
    }
    return true;
}

void waypoint_start(struct machine *machine) {
    const struct gate_options *options = &machine->options.gate;
    uint64_t steps = min_u64(options->from_steps, options->to_steps);
    struct position before = {steps, options->to_ns};
    bool known = options->to.kind != DESTINATION_HART_STEPS; /* which states come before it */
    if (options->mode == GATE_REPLAYS && options->from_steps > 0 && known) {
        (void)waypoint_jump(machine, before);
        if (machine->check != NULL && machine->exit.reason == EXIT_NONE) {
            snapshot_twin(machine, check_shadow(machine->check));
        }
    }
}
