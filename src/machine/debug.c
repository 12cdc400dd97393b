/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Going to other places of a run. */
#include "machine/debug.h"

static enum status refused(struct error *error) {
    return error_set(error, STATUS_USAGE, "there are no snapshots to go back to");
}

enum reverse debug_reverse_step(struct machine *machine, unsigned hart, struct error *error) {
    (void)machine, (void)hart;
    refused(error);
    return REVERSE_REFUSED;
}

enum reverse debug_reverse_continue(struct machine *machine, struct error *error) {
    (void)machine;
    refused(error);
    return REVERSE_REFUSED;
}

/* Forwards is only a goal. What is met on the way pauses it as well. */
enum status debug_seek(struct machine *machine, uint64_t steps, struct error *error) {
    struct goal goal = goal_none;
    goal.steps = steps;
    if (steps < machine->steps) {
        return refused(error);
    }
    machine_go(machine, &goal);
    return STATUS_OK;
}

enum status debug_snapshot(struct machine *machine, struct error *error) {
    (void)machine;
    return refused(error);
}
