/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a run is on its way to a place: for who is told of progress. */
#include <stdio.h>

#include "machine/machine.h"
#include "machine/sight.h"

uint64_t headway_passed(const struct machine *machine, const struct destination *place) {
    switch (place->kind) {
    case DESTINATION_STEPS:
        return machine->steps;
    case DESTINATION_HART_STEPS:
        return machine_hart_stats(machine, place->hart).steps;
    case DESTINATION_VTIME:
        return (uint64_t)sched_now(&machine->sched);
    default:
        return 0;
    }
}

static void headway_measure(struct headway *headway, uint64_t from, uint64_t now, uint64_t end) {
    headway->measured = end > from && now >= from;
    if (headway->measured) {
        headway->percent =
            (unsigned)(100 * (double)(min_u64(now, end) - from) / (double)(end - from));
    }
}

void headway_to(const struct machine *machine, const struct destination *place, unsigned role,
                uint64_t from, struct headway *headway) {
    destination_text(place, headway->place);
    if (destination_counted(place)) {
        if (place->nth > 1) { /* what has to come once is not approached */
            headway_measure(headway, from, place->nth - machine->sights[role].left, place->nth);
        }
    } else if (place->kind != DESTINATION_NONE) {
        headway_measure(headway, from, headway_passed(machine, place), place->number);
    }
}

static struct destination replay_end_place(const struct gate_options *gate) {
    if (gate->to_steps != UINT64_MAX) {
        return (struct destination){.kind = DESTINATION_STEPS, .number = gate->to_steps};
    }
    if (gate->to_ns != VTIME_NEVER) {
        return (struct destination){.kind = DESTINATION_VTIME, .number = (uint64_t)gate->to_ns};
    }
    return gate->to;
}

void machine_headway(const struct machine *machine, struct headway *headway) {
    const struct machine_options *options = &machine->options;
    *headway = (struct headway){0};
    if (options->gate.mode != GATE_REPLAYS) {
        headway_to(machine, &options->stop, SIGHT_STOP, 0, headway);
        return;
    }
    struct destination to = replay_end_place(&options->gate);
    if (to.kind != DESTINATION_NONE) {
        headway_to(machine, &to, SIGHT_TO, 0, headway);
    } else {
        snprintf(headway->place, sizeof headway->place, "the end of the log");
        headway_measure(headway, 0, machine->steps, log_reached(machine->gate.log).steps);
    }
}
