/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording and replaying: a run is its inputs, so they are written down and come in again.
 *
 * All that is not a consequence of the steps enters at the gate (inlet.c), between rounds or while
 * all harts sleep. So a log of these entries, each with its place, is a log of the run:
 *
 *      recording    the outside --> gate --> device
 *                                    `-----> log: {place, inlet, bytes}
 *      replaying    log -----------> gate --> device     (nobody outside is asked)
 *
 * A place is {total steps, VIRTUAL, inside a round or not}. VIRTUAL alone names it, because rounds
 * end where the state says; the steps are there to find out at once when a replay is not the same.
 *
 * 1. In a replay the next entry is a deadline like any other: no sleep passes it, and a round
 *    cannot, since it ended there when it was recorded. It enters at the first look at that
 *    VIRTUAL. The recording may have looked there several times, and asked the schedule in between:
 *    entries behind such a question are marked as fresh, and each look lets in those up to the
 *    next mark.
 * 2. What an instruction asks the outside for (a shared folder) is answered at its place inside the
 *    round: the answer is the next entry when it is asked for, or the replay is not the same.
 * 3. Rates that follow the host's clock (shift=auto) are entries. Sleeping and waiting in real time
 *    are not, so a replay does neither.
 * 4. How the run ended is the last entry: what the guest did itself happens again and is only
 *    compared; a signal, a person who left, a host that failed come from the log. It may lie inside
 *    a round: then the last grant is cut there.
 * 5. A log without that entry was cut. It says up to which place it is complete, and there the
 *    replay ends.
 * 6. Hashes of the state are entries, too. They say nothing to the machine.
 *
 * For instance, a shell waits and all harts sleep. At VIRTUAL 5,000,123,456 somebody types: the
 * recording skips there, because that is what the host's clock says, and lets "l" in. The replay's
 * sleep until the next timer at 5,004,000,000 is cut at 5,000,123,456, where "l" enters at once.
 *
 * Rejected: stamps in steps alone (in a sleep no step passes, and an input ends it somewhere); an
 * entry for each round (it would only say what the state says already); recording what devices do
 * to the guest's memory (much more, and each device would have to take part). */
#include "machine/check.h"
#include "machine/gate.h"
#include "machine/waypoint.h"

static const int64_t PATIENCE_NS = INT64_C(250000000);
static const int64_t PAGES_PATIENCE_NS = INT64_C(1000000);

/* -- Shared folders ---------------------------------------------------------------------------- */

static void share_told(void *owner, const uint8_t *reply, size_t reply_bytes) {
    const struct share_way *way = owner;
    struct machine *machine = way->machine;
    record_answer(machine, way->idx, reply, reply_bytes);
    if (machine->check != NULL) {
        check_answer(machine->check, way->idx, reply, reply_bytes);
    }
}

static bool share_tell(void *owner, uint8_t *reply, size_t room_bytes, size_t *reply_bytes) {
    const struct share_way *way = owner;
    struct machine *machine = way->machine;
    struct answer answer = {.bytes = reply, .room_bytes = room_bytes};
    if (!gate_replays(machine) || !replay_answer(machine, way->idx, &answer)) {
        return false;
    }
    *reply_bytes = answer.size_bytes;
    if (machine->check != NULL) {
        check_answer(machine->check, way->idx, reply, *reply_bytes);
    }
    return true;
}

static void shares_join(struct machine *machine) {
    for (unsigned i = 0; i < machine->options.share_count; i++) {
        struct share_way *way = &machine->gate.ways[i];
        *way = (struct share_way){machine, i};
        share_set_gate(machine->options.shares[i].share,
                       &(struct share_gate){.tell = share_tell,
                                            .told = share_told,
                                            .owner = way,
                                            .logged = machine->gate.mode != GATE_OPEN});
    }
}

/* A folder that rests is not looked at; those without a folder always do. */
void gate_rest_shares(struct machine *machine, bool rests) {
    for (unsigned i = 0; i < machine->options.share_count; i++) {
        share_rest(machine->options.shares[i].share, rests);
    }
}

/* -- The run ----------------------------------------------------------------------------------- */

void gate_begin(struct machine *machine) {
    const struct gate_options *options = &machine->options.gate;
    machine->gate = (struct gate){.mode = options->mode,
                                  .log = options->log,
                                  .fresh = true,
                                  .due_ns = VTIME_NEVER,
                                  .same = gate_place(machine)};
    shares_join(machine);
    if (options->mode == GATE_RECORDS) {
        log_begin(options->log);
        record_begin(machine);
        waypoints_begin(machine);
    } else if (options->mode == GATE_REPLAYS) {
        replay_begin(machine);
        machine->gate.sound = true;
    }
}

void gate_end(struct machine *machine) {
    struct gate *gate = &machine->gate;
    if (gate->mode == GATE_REPLAYS && gate->goes_on &&
        log_place_same(gate_place(machine), log_reached(gate->log))) {
        gate->mode = GATE_RECORDS; /* it went back from its end, and came there again */
    }
    if (machine->gate.mode == GATE_RECORDS) {
        waypoints_finish(machine);
        record_end(machine);
    } else if (machine->gate.mode == GATE_REPLAYS) {
        replay_end(machine);
        if (machine->gate.differs) {
            narrow(machine);
        }
    }
}

struct log_place gate_place(const struct machine *machine) {
    const struct sched *sched = &machine->sched;
    return (struct log_place){sched_steps(sched), sched_virtual(sched), sched->in_round};
}

void gate_turn(struct machine *machine) {
    machine->gate.fresh = true;
    if (machine->gate.sound) {
        machine->gate.sound = false;
        narrow_mark(machine);
    }
}

bool gate_due(const struct machine *machine) {
    return sched_virtual(&machine->sched) >= machine->gate.due_ns;
}

bool gate_replays(const struct machine *machine) {
    return machine->gate.mode == GATE_REPLAYS;
}

void gate_look(struct machine *machine) {
    if (machine->gate.mode == GATE_RECORDS) {
        record_look(machine);
    }
}

void gate_look_inside(struct machine *machine) {
    if (machine->gate.mode == GATE_REPLAYS && machine->exit.reason == EXIT_NONE) {
        replay_look_inside(machine);
    }
}

uint64_t gate_left_steps(const struct machine *machine) {
    const struct gate *gate = &machine->gate;
    if (gate->mode != GATE_REPLAYS) {
        return UINT64_MAX;
    }
    uint64_t until = min_u64(log_reached(gate->log).steps, machine->options.gate.to_steps);
    return until > machine->steps ? until - machine->steps : 1;
}

uint64_t gate_said(const struct machine *machine) {
    uint64_t said = 0;
    for (unsigned i = 0; i < machine->inlet_count; i++) {
        const struct inlet *inlet = &machine->inlets[i];
        bool speaks = inlet->ops == &console_endpoint;
        said = said * 31 + (speaks ? console_said(inlet->endpoint) : 0);
    }
    return said;
}

int64_t gate_patience_ns(const struct machine *machine) {
    int64_t recording_ns = waypoints_busy(machine) ? PAGES_PATIENCE_NS : PATIENCE_NS;
    return machine->gate.mode == GATE_RECORDS ? recording_ns : INT64_MAX;
}

/* -- Going back -------------------------------------------------------------------------------- */

void gate_leave(struct machine *machine) {
    if (machine->gate.mode == GATE_RECORDS) {
        waypoints_finish(machine);
        log_reach(machine->gate.log, gate_place(machine), machine->stopwatch.since_ns);
    }
}

void gate_return(struct machine *machine, struct log_cursor cursor) {
    struct gate *gate = &machine->gate;
    if (gate->mode == GATE_OPEN) {
        return;
    }
    log_seek(gate->log, cursor);
    gate->goes_on = gate->goes_on || gate->mode == GATE_RECORDS;
    gate->mode = GATE_REPLAYS;
    gate->ended = false;
    gate->same = gate_place(machine);
    gate_rest_shares(machine, true);
    replay_begin(machine);
}

struct log_cursor gate_cursor(const struct machine *machine) {
    const struct gate *gate = &machine->gate;
    switch (gate->mode) {
    case GATE_RECORDS:
        return log_cursor_end(gate->log);
    case GATE_REPLAYS:
        return log_cursor(gate->log);
    case GATE_OPEN:
        break;
    }
    return (struct log_cursor){0};
}
