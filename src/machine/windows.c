/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where in a run a profile counts: between two places, and again between two others.
 *
 * 1. Places are looked for in turn, each from where the one before was found: so one that is
 *    counted ("the third time that") is counted from there.
 * 2. A place is one in the order of execution, in which harts take turns. When the run comes to it,
 *    it pauses, as it does for a debugger, and what is counted changes between two steps. So the
 *    counts of a window add up to the steps between its ends, whatever the engine and the grants;
 *    and a hart whose turn was before has taken its steps of that round outside, however its own
 *    time compares.
 * 3. Harts tell of their tasks all the time, and only counting is switched.
 *
 * Rejected: a window for each hart by its own time (its ends would be in as many places as there
 * are harts, and what was executed in between in no order). */
#include "machine/profiling.h"

/* What is done between windows. */
static void counting_set(struct machine *machine, bool on) {
    machine->profiling->on = on;
    timeline_window(machine->profiling, on);
    if (machine->profiling->sampler != NULL) {
        machine->samples = on;
    } else if (on) {
        tally_resume(&machine->harts);
    } else {
        tally_pause(&machine->harts);
    }
}

static struct position position_here(const struct machine *machine) {
    return (struct position){machine->steps, sched_now(&machine->sched)};
}

static const struct destination *place_at(const struct windows *windows, unsigned idx) {
    const struct window *window = &windows->list[idx / 2];
    return idx % 2 == 0 ? &window->from : &window->to;
}

/** The place that is looked for; NULL: none is. */
static const struct destination *place_next(const struct windows *windows) {
    return windows->next == 2 * windows->count ? NULL : place_at(windows, windows->next);
}

static bool is_open(const struct windows *windows) {
    return windows->next % 2 == 1;
}

/* -- Places ------------------------------------------------------------------------------------ */

enum status windows_find(struct profiling *profiling, struct error *error) {
    struct windows *windows = &profiling->windows;
    const struct profile_plan *plan = &profiling->plan;
    windows->count = plan->window_count == 0 ? 1 : plan->window_count;
    windows->list = plan->windows;
    enum status status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK && i < 2 * windows->count; i++) {
        const struct destination *place = place_at(windows, i);
        if (destination_counted(place)) {
            status = sight_find(profiling->machine, place, &windows->sights[i], error);
        }
    }
    return status;
}

/** The next place is looked for from here on. */
static void place_seek(struct machine *machine) {
    struct windows *windows = &machine->profiling->windows;
    const struct destination *place = place_next(windows);
    sight_clear(machine, SIGHT_WINDOW);
    windows->since = place == NULL ? 0 : headway_passed(machine, place);
    if (place != NULL && destination_counted(place)) {
        sight_start(machine, SIGHT_WINDOW, &windows->sights[windows->next]);
    }
}

static bool place_reached(const struct machine *machine, const struct destination *place) {
    const struct windows *windows = &machine->profiling->windows;
    if (place->kind == DESTINATION_NONE) {
        return !is_open(windows);
    }
    if (destination_counted(place)) {
        return machine->sights[SIGHT_WINDOW].met;
    }
    struct goal goal = destination_goal(place);
    bool due = machine->goal_due && machine->goal.at_ns == goal.at_ns;
    return goal_reached(machine, &goal) || due;
}

/* -- The run ----------------------------------------------------------------------------------- */

static void place_pass(struct machine *machine) {
    struct windows *windows = &machine->profiling->windows;
    struct window_span *span = &windows->spans[windows->next / 2];
    bool ends = is_open(windows);
    if (ends) {
        span->to = position_here(machine);
        span->to.virtual_ns = max_i64(span->to.virtual_ns, span->from.virtual_ns);
        span->reached = true;
    } else {
        span->from = position_here(machine);
    }
    counting_set(machine, !ends);
    windows->next++;
    place_seek(machine);
}

void windows_begin(struct machine *machine) {
    if (machine->profiling == NULL) {
        return;
    }
    struct windows *windows = &machine->profiling->windows;
    windows->first = position_here(machine);
    tasks_begin(machine->profiling);
    place_seek(machine);
    windows_look(machine);
}

void windows_limit(const struct machine *machine, struct goal *goal) {
    const struct destination *place =
        machine->profiling == NULL ? NULL : place_next(&machine->profiling->windows);
    if (place == NULL) {
        return;
    }
    struct goal ours = destination_goal(place);
    goal->steps = min_u64(goal->steps, ours.steps);
    if (ours.hart_steps != UINT64_MAX) {
        goal->hart = ours.hart;
        goal->hart_steps = ours.hart_steps;
    }
    if (ours.at_ns != VTIME_NEVER) {
        goal->at_ns = ours.at_ns;
    }
}

void windows_look(struct machine *machine) {
    const struct destination *place;
    while (machine->profiling != NULL &&
           (place = place_next(&machine->profiling->windows)) != NULL &&
           place_reached(machine, place)) {
        place_pass(machine);
    }
}

void windows_end(struct machine *machine) {
    if (machine->profiling == NULL) {
        return;
    }
    struct windows *windows = &machine->profiling->windows;
    if (is_open(windows)) {
        struct window_span *span = &windows->spans[windows->next / 2];
        span->to = position_here(machine);
        span->to.virtual_ns = max_i64(span->to.virtual_ns, span->from.virtual_ns);
    }
    counting_set(machine, false);
}

unsigned machine_windows_missed(const struct machine *machine) {
    const struct windows *windows = &machine->profiling->windows;
    return windows->count - (windows->next + 1) / 2;
}

void windows_live(const struct machine *machine, struct profile_live *live) {
    const struct profiling *profiling = machine->profiling;
    const struct windows *windows = &profiling->windows;
    const struct destination *place = place_next(windows);
    live->window_count = profiling->plan.window_count;
    live->window = (unsigned)min_u64(windows->next / 2 + 1, windows->count);
    live->counts = is_open(windows);
    if (place == NULL || place->kind == DESTINATION_NONE) {
        machine_headway(machine, &live->headway);
    } else {
        headway_to(machine, place, SIGHT_WINDOW, windows->since, &live->headway);
    }
}

/* -- Telling ----------------------------------------------------------------------------------- */

static const char *from_text(const struct windows *windows, unsigned idx,
                             char text[DESTINATION_CHARS]) {
    const struct destination *from = &windows->list[idx].from;
    if (from->kind != DESTINATION_NONE) {
        return destination_text(from, text);
    }
    return idx > 0                     ? "the end of the one before"
           : windows->first.steps == 0 ? "the first step"
                                       : "the state that it began with";
}

void windows_tell(const struct profiling *profiling, struct profile *profile) {
    const struct windows *windows = &profiling->windows;
    for (unsigned i = 0; i < (windows->next + 1) / 2; i++) {
        const struct window_span *span = &windows->spans[i];
        char from[DESTINATION_CHARS], to[DESTINATION_CHARS];
        profile_add_window(
            profile,
            &(struct profile_window){
                .from_steps = span->from.steps,
                .to_steps = span->to.steps,
                .from_ns = span->from.virtual_ns,
                .to_ns = span->to.virtual_ns,
                .from = from_text(windows, i, from),
                .to = span->reached ? destination_text(&windows->list[i].to, to) : "the end",
            });
    }
}
