/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Going to other places of a run: back to a moment before them, and forth again (travel.c).
 *
 * To go back is to run again, so what is met on the way is met as it was the first time; the last
 * of it before here is what a debugger asks for. The way is searched from its end, one stretch
 * behind a moment after the other, so each is run at most twice.
 *
 * Where one stands, having gone back to something, is before it: before the instruction of a
 * breakpoint, and before the one that touched what is watched, once gdb has taken its step. */
#include "machine/debug.h"
#include "machine/past.h"
#include "machine/sight.h"

#include <inttypes.h>

static enum status refused(struct error *error) {
    return error_set(error, STATUS_USAGE,
                     "this run cannot go back: it writes to a disk image itself (persist), or the "
                     "host has no memory for it; run it without, or with a smaller --memory");
}

static bool hit_passed(void *owner, const struct hit *hit, uint64_t steps) {
    (void)owner, (void)hit, (void)steps;
    return false;
}

/** What is met from now on stops nobody, or does again. */
static void hits_pass(struct machine *machine, bool pass) {
    machine->hit_told = pass ? hit_passed : NULL;
}

bool debug_cut_short(const struct machine *machine) {
    enum exit_reason reason = machine->exit.reason;
    bool outside = reason == EXIT_ERROR || reason == EXIT_SIGNAL || reason == EXIT_USER;
    return outside && !machine->gate.ended; /* else it was the log that had it end so */
}

/* -- Steps and places -------------------------------------------------------------------------- */

static enum status seek_steps(struct machine *machine, uint64_t steps, struct error *error) {
    struct goal goal = goal_none;
    struct position before = {.steps = steps, .virtual_ns = VTIME_NEVER};
    goal.steps = steps;
    if (steps < machine->steps && (!machine->travels || !travel_back(machine, before))) {
        return refused(error);
    }
    hits_pass(machine, true);
    (void)travel_forth(machine, &goal, steps);
    hits_pass(machine, false);
    return STATUS_OK;
}

/** Could some hart be past that time? Inside a round one may be a quantum ahead. */
static bool time_passed(const struct machine *machine, vtime at_ns) {
    vtime ahead_ns = sched_virtual(&machine->sched) + machine->sched.quantum_ns;
    return ahead_ns > at_ns;
}

static enum status seek_time(struct machine *machine, vtime at_ns, struct error *error) {
    struct goal goal = goal_none;
    struct position before = {UINT64_MAX, at_ns - machine->sched.quantum_ns};
    goal.at_ns = at_ns;
    if (time_passed(machine, at_ns) && machine->steps > 0) {
        if (!machine->travels) {
            return refused(error);
        }
        if (!travel_back(machine, before)) {
            travel_first(machine);
        }
    }
    hits_pass(machine, true);
    (void)travel_forth(machine, &goal, UINT64_MAX);
    hits_pass(machine, false);
    return STATUS_OK;
}

static uint64_t hart_steps(const struct machine *machine, unsigned hart) {
    return machine->sched.vcpus[hart].clock.steps;
}

/**
 * Goes back to where a hart has taken less than so many steps. Which moment that is, nobody knows
 * before he is there; so each time it is as far again as all the way back so far.
 * @return false: it never has; then the machine is at the first moment.
 */
static bool hart_back(struct machine *machine, unsigned hart, uint64_t steps) {
    uint64_t here_steps = machine->steps;
    struct position before = machine_position(machine);
    while (hart_steps(machine, hart) >= steps) {
        if (!travel_back(machine, before)) {
            travel_first(machine);
            return hart_steps(machine, hart) < steps;
        }
        before = machine_position(machine);
        before.steps -= min_u64(here_steps - before.steps, before.steps);
    }
    return true;
}

static enum status seek_hart(struct machine *machine, const struct destination *destination,
                             struct error *error) {
    struct goal goal = destination_goal(destination);
    if (goal.hart >= machine->harts.count) {
        return error_set(error, STATUS_USAGE, "there is no hart %u", goal.hart);
    }
    if (hart_steps(machine, goal.hart) >= goal.hart_steps) { /* others may have gone on since */
        if (!machine->travels) {
            return refused(error);
        }
        (void)hart_back(machine, goal.hart, goal.hart_steps);
    }
    hits_pass(machine, true);
    (void)travel_forth(machine, &goal, UINT64_MAX);
    hits_pass(machine, false);
    return STATUS_OK;
}

/* Counted from where the past begins, so it is the same place wherever one comes from. */
static enum status seek_counted(struct machine *machine, const struct destination *destination,
                                struct error *error) {
    if (!machine->travels) {
        return refused(error);
    }
    enum status status = sight_set(machine, SIGHT_SEEK, destination, error);
    if (status != STATUS_OK) {
        return status;
    }
    travel_first(machine);
    hits_pass(machine, true);
    (void)machine_go(machine, &goal_none);
    hits_pass(machine, false);
    if (!machine->sights[SIGHT_SEEK].met) {
        uint64_t came = destination->nth - machine->sights[SIGHT_SEEK].left;
        status = error_set(error, STATUS_USAGE,
                           "the run comes by %" PRIu64 " times up to here, after %" PRIu64 " steps",
                           came, machine->steps);
    }
    sight_clear(machine, SIGHT_SEEK);
    return status;
}

enum status debug_seek(struct machine *machine, const struct destination *destination,
                       struct error *error) {
    switch (destination->kind) {
    case DESTINATION_STEPS:
        return seek_steps(machine, destination->number, error);
    case DESTINATION_HART_STEPS:
        return seek_hart(machine, destination, error);
    case DESTINATION_VTIME:
        return seek_time(machine, (vtime)destination->number, error);
    default:
        return seek_counted(machine, destination, error);
    }
}

enum status debug_snapshot(struct machine *machine, struct error *error) {
    if (!machine->travels) {
        return refused(error);
    }
    travel_mark(machine);
    return STATUS_OK;
}

/**
 * From where a hart first has so many steps, to where it is about to take the next: others may have
 * had their turns in between, and have changed what it will find.
 */
static void step_approach(struct machine *machine, unsigned hart) {
    struct goal goal = goal_none;
    goal.hart = hart;
    goal.hart_steps = hart_steps(machine, hart) + 1;
    (void)machine_go(machine, &goal);
    goal = goal_none;
    goal.steps = machine->steps - 1;
    struct position before = {.steps = goal.steps, .virtual_ns = VTIME_NEVER};
    ensure(travel_back(machine, before));
    (void)machine_go(machine, &goal);
}

enum reverse debug_reverse_step(struct machine *machine, unsigned hart, struct error *error) {
    struct goal goal = goal_none;
    uint64_t here_steps = machine->steps;
    goal.hart = hart;
    goal.hart_steps = hart_steps(machine, hart) - 1;
    if (!machine->travels) {
        refused(error);
        return REVERSE_REFUSED;
    }
    if (hart_steps(machine, hart) == 0) {
        return REVERSE_BEGIN;
    }
    hits_pass(machine, true);
    bool more = hart_back(machine, hart, hart_steps(machine, hart));
    if (more) {
        (void)travel_forth(machine, &goal, here_steps - 1);
        if (machine->steps != here_steps - 1) {
            step_approach(machine, hart);
        }
    }
    hits_pass(machine, false);
    return more ? REVERSE_DONE : REVERSE_BEGIN;
}

/* -- Back to the last hit ---------------------------------------------------------------------- */

/** The last hit of a stretch, among those before its end. */
struct search {
    uint64_t here_steps; /* where it all began */
    uint64_t end_steps;
    bool any;
    uint64_t steps; /* where one stands before it */
    struct hit hit;
};

/* A breakpoint is met before its instruction, everything else behind it. */
static uint64_t steps_before(const struct hit *hit, uint64_t steps) {
    bool behind = hit->point.kind != POINT_BREAK && hit->hart != HIT_BY_DEVICE;
    return behind ? steps - 1 : steps;
}

/* RISC-V's watchpoints strike before their access, so gdb takes one more step by itself to see what
 * it did. Backwards, that is the step from behind the access to before it. */
static uint64_t steps_to_stand(const struct hit *hit, uint64_t steps) {
    return hit->point.kind == POINT_PHYSICAL ? steps_before(hit, steps) : steps;
}

static bool search_note(void *owner, const struct hit *hit, uint64_t steps) {
    struct search *search = owner;
    uint64_t before = steps_before(hit, steps);
    if (before < search->end_steps) {
        search->any = true;
        search->steps = steps_to_stand(hit, steps);
        search->hit = *hit;
    }
    return false;
}

/**
 * Goes back to a moment before @p end, and from there to it, which becomes where it began. To go
 * back has a price of its own, where states are read from a log; so a stretch is at least half as
 * long as the way back so far.
 * @return false: there is no moment before; then the machine is at the first of all.
 */
static bool stretch_search(struct machine *machine, struct search *search, struct position *end) {
    struct goal goal = goal_none;
    struct position before = *end;
    before.steps -= min_u64((search->here_steps - end->steps) / 2, end->steps);
    if (!travel_back(machine, before)) {
        travel_first(machine);
        if (!position_before(machine_position(machine), *end)) {
            return false;
        }
    }
    struct position start = machine_position(machine);
    search->end_steps = end->steps;
    search->any = false;
    goal.steps = end->steps;
    machine->hit_told = search_note;
    machine->hit_owner = search;
    (void)machine_go(machine, &goal);
    machine->hit_told = NULL;
    *end = start;
    return true;
}

/**
 * Goes to where a hit is about to happen, meeting nothing on the way. A breakpoint is met there
 * once more: it may lie in the handler of an interrupt, which is taken only when the run goes on,
 * and takes no step.
 */
static void hit_revisit(struct machine *machine, const struct search *search) {
    bool breaks = search->hit.point.kind == POINT_BREAK;
    struct goal goal = goal_none;
    struct position before = {.steps = search->steps, .virtual_ns = VTIME_NEVER};
    goal.steps = search->steps;
    ensure(travel_back(machine, before));
    hits_pass(machine, true);
    (void)travel_forth(machine, &goal, search->steps);
    hits_pass(machine, false);
    goal.steps++;
    while (breaks && machine_go(machine, &goal) == PAUSE_HIT && machine->hit.pc != search->hit.pc) {
    }
    machine->hit = search->hit;
}

enum reverse debug_reverse_continue(struct machine *machine, struct error *error) {
    struct position end = machine_position(machine);
    struct search search = {.here_steps = machine->steps};
    if (!machine->travels) {
        refused(error);
        return REVERSE_REFUSED;
    }
    while (stretch_search(machine, &search, &end)) {
        if (search.any) {
            hit_revisit(machine, &search);
            return REVERSE_HIT;
        }
        if (machine->pause == PAUSE_ASKED || debug_cut_short(machine)) {
            return REVERSE_DONE;
        }
    }
    return REVERSE_BEGIN;
}
