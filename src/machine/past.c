/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Going back in time: moments of a run that it can be put back to.
 *
 * A moment is a mark in memory and on each disk (bus/past.c, io/disk_past.c), which cost what is
 * written behind them, and a walk of everything else, which is small. So one takes microseconds,
 * and being put back takes as long as what has changed since. Whoever wants to be somewhere in
 * between goes back to the moment before and runs: a run is its inputs, so it runs the same.
 *
 * 1. Moments are taken and gone back to between turns, also in the middle of a round: the place in
 *    the round is state.
 * 2. What runs again has been heard before: until it is where it has been, the outside hears
 *    nothing.
 * 3. With a log, what came in on the way comes in again (gate.c). Without one it is lost, and the
 *    way is another.
 * 4. The moments' number in the stack is that of the marks everywhere. If any of these is lost for
 *    want of memory, all moments are. */
#include "machine/gate.h"
#include "machine/past.h"
#include "machine/sight.h"

#include <stdlib.h>
#include <string.h>

struct moment {
    struct position at;
    struct log_cursor heard; /* where in the log, if there is one */
    struct buffer parts;
    struct sight sights[SIGHT_SEEK]; /* who seeks goes on from where it is */
};

struct past {
    struct moment *moments;
    size_t count, room;
};

/* -- Positions --------------------------------------------------------------------------------- */

struct position machine_position(const struct machine *machine) {
    return (struct position){machine->steps, sched_virtual(&machine->sched)};
}

/* Steps and time never go back, so on the way of a run this is the order of places. It holds for
 * bounds as well, of which one or both are far off. */
bool position_before(struct position a, struct position b) {
    return a.steps <= b.steps && a.virtual_ns <= b.virtual_ns &&
           (a.steps != b.steps || a.virtual_ns != b.virtual_ns);
}

/* -- Birth and death --------------------------------------------------------------------------- */

static const struct drive *drives_end(const struct machine *machine) {
    return machine->options.drives + machine->options.drive_count;
}

bool past_possible(const struct machine *machine) {
    const struct machine_options *options = &machine->options;
    bool possible =
        options->time == TIME_LOCKSTEP && options->engine != ENGINE_CHECK && !options->uncounted;
    bool logged = options->gate.mode != GATE_OPEN; /* then rates and answers come again */
    possible = possible && (logged || (!options->adapts && options->share_count == 0));
    for (const struct drive *drive = machine->options.drives; drive < drives_end(machine);
         drive++) {
        possible = possible && disk_can_mark(drive->disk);
    }
    return possible;
}

void past_forget_all(struct machine *machine) {
    struct past *past = machine->past;
    if (past == NULL) {
        return;
    }
    for (size_t i = 0; i < past->count; i++) {
        buffer_free(&past->moments[i].parts);
    }
    free(past->moments);
    free(past);
    machine->past = NULL;
    ram_forget_all(&machine->bus.ram);
    for (const struct drive *drive = machine->options.drives; drive < drives_end(machine);
         drive++) {
        disk_forget_all(drive->disk);
    }
}

/** Are the marks of all moments still there? */
static bool past_whole(const struct machine *machine) {
    bool whole = ram_marks(&machine->bus.ram) == machine->past->count;
    for (const struct drive *drive = machine->options.drives; drive < drives_end(machine);
         drive++) {
        whole = whole && disk_marked(drive->disk);
    }
    return whole;
}

/* -- Marking ----------------------------------------------------------------------------------- */

static bool moments_grow(struct past *past) {
    if (past->count < past->room) {
        return true;
    }
    size_t room = 2 * past->room + 16;
    struct moment *moments = realloc(past->moments, room * sizeof *moments);
    if (moments == NULL) {
        return false;
    }
    past->moments = moments;
    past->room = room;
    return true;
}

static bool marks_set(struct machine *machine) {
    bool good = harts_mark(&machine->harts);
    for (const struct drive *drive = machine->options.drives; drive < drives_end(machine);
         drive++) {
        good = good && disk_mark(drive->disk);
    }
    return good;
}

bool past_mark(struct machine *machine) {
    ensure(past_possible(machine));
    if (past_count(machine) == 0 && machine->past == NULL) {
        machine->past = calloc(1, sizeof *machine->past);
    }
    struct past *past = machine->past;
    if (past == NULL || !moments_grow(past) || !marks_set(machine)) {
        past_forget_all(machine);
        return false;
    }
    struct moment *moment = &past->moments[past->count++];
    *moment = (struct moment){.at = machine_position(machine), .heard = gate_cursor(machine)};
    memcpy(moment->sights, machine->sights, sizeof moment->sights);
    struct stream stream = buffer_tell(&moment->parts);
    machine_parts_state(machine, &stream);
    sched_counts_state(&machine->sched, &stream);
    return true;
}

size_t past_count(struct machine *machine) {
    bool any = machine->past != NULL && machine->past->count > 0;
    if (any && !past_whole(machine)) {
        past_forget_all(machine);
    }
    return machine->past == NULL ? 0 : machine->past->count;
}

struct position past_position(const struct machine *machine, size_t idx) {
    ensure(machine->past != NULL && idx < machine->past->count);
    return machine->past->moments[idx].at;
}

uint64_t past_bytes(const struct machine *machine) {
    uint64_t bytes = ram_past_bytes(&machine->bus.ram);
    for (const struct drive *drive = machine->options.drives; drive < drives_end(machine);
         drive++) {
        bytes += disk_past_size(drive->disk);
    }
    for (size_t i = 0; machine->past != NULL && i < machine->past->count; i++) {
        bytes += machine->past->moments[i].parts.room_bytes;
    }
    return bytes;
}

/* -- Going back -------------------------------------------------------------------------------- */

static void parts_set(struct machine *machine, struct buffer *parts) {
    struct stream stream = buffer_set(parts);
    machine->exit = (struct machine_exit){0};
    machine_parts_state(machine, &stream);
    sched_counts_state(&machine->sched, &stream);
    ensure(stream_sound(&stream) && parts->taken_bytes == parts->size_bytes);
    machine_settle(machine);
}

void past_back(struct machine *machine, size_t idx) {
    struct past *past = machine->past;
    struct position now = machine_position(machine);
    ensure(past != NULL && idx < past->count);
    gate_leave(machine);
    machine->furthest = position_before(machine->furthest, now) ? now : machine->furthest;
    harts_back(&machine->harts, idx);
    for (const struct drive *drive = machine->options.drives; drive < drives_end(machine);
         drive++) {
        (void)disk_back(drive->disk, idx); /* a failure ends the run: see disks_look() */
    }
    while (past->count > idx + 1) {
        buffer_free(&past->moments[--past->count].parts);
    }
    parts_set(machine, &past->moments[idx].parts);
    memcpy(machine->sights, past->moments[idx].sights, sizeof past->moments[idx].sights);
    machine->retraces = true;
    gate_return(machine, past->moments[idx].heard);
    inlets_mute(machine, true);
    past_look(machine);
}

void past_forget(struct machine *machine, size_t idx) {
    struct past *past = machine->past;
    ensure(past != NULL && idx < past->count);
    ram_forget(&machine->bus.ram, idx);
    for (const struct drive *drive = machine->options.drives; drive < drives_end(machine);
         drive++) {
        disk_forget(drive->disk, idx);
    }
    buffer_free(&past->moments[idx].parts);
    memmove(&past->moments[idx], &past->moments[idx + 1],
            (past->count - idx - 1) * sizeof past->moments[0]);
    past->count--;
    if (past->count == 0) {
        past_forget_all(machine);
    }
}

/* -- Being where one has been ------------------------------------------------------------------ */

uint64_t past_left_steps(const struct machine *machine) {
    bool left = machine->retraces && machine->furthest.steps > machine->steps;
    return left ? machine->furthest.steps - machine->steps : UINT64_MAX;
}

void past_look(struct machine *machine) {
    if (machine->retraces && !position_before(machine_position(machine), machine->furthest)) {
        machine->retraces = false;
        inlets_mute(machine, false);
    }
}
