/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Going to other places of a run: back to a moment before them, and forth again (travel.c).
 *
 * To go back is to run again, so what is met on the way is met as it was the first time; the last
 * of it before here is what a debugger asks for. The way is searched from its end, the stretch
 * behind one moment after the other, so each is run at most twice.
 *
 * Where one stands, having gone back to something, is before it: before the instruction of a
 * breakpoint, and before the one that touched what is watched, once gdb has taken its step. */
#include "machine/debug.h"
#include "machine/past.h"

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

/* -- Steps and places -------------------------------------------------------------------------- */

enum status debug_seek(struct machine *machine, uint64_t steps, struct error *error) {
    struct goal goal = goal_none;
    struct position before = {.steps = steps, .virtual_ns = VTIME_NEVER};
    goal.steps = steps;
    if (steps < machine->steps && (!machine->travels || !travel_back(machine, before))) {
        return refused(error);
    }
    (void)travel_forth(machine, &goal, steps);
    return STATUS_OK;
}

/** Could some hart be past that time? Inside a round one may be a quantum ahead. */
static bool time_passed(const struct machine *machine, vtime at_ns) {
    vtime ahead_ns = sched_virtual(&machine->sched) + machine->sched.quantum_ns;
    return ahead_ns > at_ns;
}

enum status debug_seek_time(struct machine *machine, vtime at_ns, struct error *error) {
    struct goal goal = goal_none;
    goal.at_ns = at_ns;
    while (time_passed(machine, at_ns) && machine->steps > 0) {
        if (!machine->travels) {
            return refused(error);
        }
        if (!travel_back(machine, machine_position(machine))) {
            travel_first(machine);
            break;
        }
    }
    (void)machine_go(machine, &goal);
    return STATUS_OK;
}

enum status debug_snapshot(struct machine *machine, struct error *error) {
    if (!machine->travels) {
        return refused(error);
    }
    travel_mark(machine);
    return STATUS_OK;
}

static uint64_t hart_steps(const struct machine *machine, unsigned hart) {
    return machine->sched.vcpus[hart].clock.steps;
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
    bool more = travel_back(machine, machine_position(machine));
    while (more && hart_steps(machine, hart) > goal.hart_steps) {
        more = travel_back(machine, machine_position(machine));
    }
    if (more) {
        (void)travel_forth(machine, &goal, here_steps - 1);
    }
    hits_pass(machine, false);
    return more ? REVERSE_DONE : REVERSE_BEGIN;
}

/* -- Back to the last hit ---------------------------------------------------------------------- */

/** The last hit of a stretch, among those before its end. */
struct search {
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
 * Goes back to the moment before @p end, and from there to it, which becomes where it began.
 * @return false: there is no moment before; then the machine is at the first of all.
 */
static bool stretch_search(struct machine *machine, struct search *search, struct position *end) {
    struct goal goal = goal_none;
    if (!travel_back(machine, *end)) {
        travel_first(machine);
        return false;
    }
    struct position start = machine_position(machine);
    *search = (struct search){.end_steps = end->steps};
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
    struct search search = {.any = false};
    if (!machine->travels) {
        refused(error);
        return REVERSE_REFUSED;
    }
    while (stretch_search(machine, &search, &end)) {
        if (search.any) {
            hit_revisit(machine, &search);
            return REVERSE_HIT;
        }
        if (machine->pause == PAUSE_ASKED || machine->exit.reason != EXIT_NONE) {
            return REVERSE_DONE;
        }
    }
    return REVERSE_BEGIN;
}
