/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moments kept while a run goes on, so that every place of it is near one of them.
 *
 * A moment is taken whenever the host has worked for MOMENT_NS since the last one: what lies
 * between two neighbours takes about as long to run again. Behind, they get thinner: a moment goes
 * when the gap that it leaves is small beside the way from there to here. So there are about GAPS
 * times the logarithm of the run's length of them, the near past is at hand, and the far past is a
 * fixed part of the way to it off. When they cost more memory than they may, the one that leaves
 * the least gap, seen from here, goes before its time. The first is where travelling began, and
 * stays.
 *
 * Where a log is replayed that holds states (waypoint.c), the way from the moment before a place to
 * the place is cut short by the last of them. So it need not have been run at all before. */
#include "machine/machine.h"
#include "machine/past.h"
#include "machine/sight.h"
#include "machine/waypoint.h"

enum {
    MOMENT_NS = 50000000,
    GAPS = 8,           /* a gap is at most this part of the way from there to here */
    NEAR_STEPS = 200000 /* how far before a place that was asked for a moment is worth while */
};

bool travel_begin(struct machine *machine) {
    past_forget_all(machine);
    machine->travels = past_possible(machine) && past_mark(machine);
    machine->marked_ns = host_monotonic_ns();
    machine->furthest = machine_position(machine);
    past_look(machine);
    return machine->travels;
}

/* -- Thinning ---------------------------------------------------------------------------------- */

/** What would be missing between the neighbours of a moment [steps]. */
static uint64_t gap_without(const struct machine *machine, size_t idx) {
    return past_position(machine, idx + 1).steps - past_position(machine, idx - 1).steps;
}

/** How far back its later neighbour is [steps]. */
static uint64_t way_to(const struct machine *machine, size_t idx) {
    return machine->steps - past_position(machine, idx + 1).steps;
}

static void moments_thin(struct machine *machine) {
    for (size_t idx = past_count(machine); idx-- > 2;) {
        if (gap_without(machine, idx - 1) < way_to(machine, idx - 1) / GAPS) {
            past_forget(machine, idx - 1);
        }
    }
}

/** Forgets the moment that is missed least. @return false: there is none to spare. */
static bool moment_spare(struct machine *machine) {
    size_t count = past_count(machine);
    size_t least = 0;
    double least_part = 0;
    for (size_t idx = 1; idx + 1 < count; idx++) {
        double part = (double)gap_without(machine, idx) / (double)(way_to(machine, idx) + 1);
        if (least == 0 || part < least_part) {
            least = idx;
            least_part = part;
        }
    }
    if (least != 0) {
        past_forget(machine, least);
    }
    return least != 0;
}

void travel_mark(struct machine *machine) {
    size_t count = past_count(machine);
    machine->marked_ns = host_monotonic_ns();
    if (count > 0 && past_position(machine, count - 1).steps == machine->steps) {
        return;
    }
    if (count == 0 || !past_mark(machine)) { /* the host had no memory for them */
        (void)travel_begin(machine);
        return;
    }
    moments_thin(machine);
    while (past_bytes(machine) > machine->options.snapshot_bytes && moment_spare(machine)) {
    }
}

void travel_look(struct machine *machine) {
    if (machine->travels && machine->stopwatch.since_ns - machine->marked_ns >= MOMENT_NS) {
        travel_mark(machine);
    }
}

/* -- Going ------------------------------------------------------------------------------------- */

/** To the last state in the log before a place, which becomes a moment like others. */
static void jump_on(struct machine *machine, struct position before) {
    if (!sights_count(machine) && waypoint_jump(machine, before)) {
        travel_mark(machine);
    }
}

bool travel_back(struct machine *machine, struct position before) {
    size_t idx = past_count(machine);
    while (idx > 0 && !position_before(past_position(machine, idx - 1), before)) {
        idx--;
    }
    if (idx == 0) {
        return false;
    }
    past_back(machine, idx - 1);
    machine->marked_ns = host_monotonic_ns();
    jump_on(machine, before);
    return true;
}

void travel_first(struct machine *machine) {
    if (past_count(machine) > 0) {
        past_back(machine, 0);
        machine->marked_ns = host_monotonic_ns();
    }
}

/** What surely lies before a goal. Inside a round harts may be a quantum ahead. */
static struct position goal_before(const struct machine *machine, const struct goal *goal) {
    bool timed = goal->at_ns != VTIME_NEVER;
    vtime quantum_ns = machine->sched.quantum_ns;
    return (struct position){goal->steps, timed ? goal->at_ns - quantum_ns : VTIME_NEVER};
}

/* A moment shortly before: who asks for one place often asks for its neighbours next. */
enum pause travel_forth(struct machine *machine, const struct goal *goal, uint64_t steps) {
    if (goal->hart_steps == UINT64_MAX) { /* else nobody knows which state comes before it */
        jump_on(machine, goal_before(machine, goal));
    }
    if (steps > machine->steps + 2 * NEAR_STEPS) {
        struct goal near = *goal;
        near.steps = steps - NEAR_STEPS;
        enum pause pause = machine_go(machine, &near);
        if (pause != PAUSE_GOAL || machine->steps < near.steps) {
            return pause;
        }
        travel_mark(machine);
    }
    return machine_go(machine, goal);
}
