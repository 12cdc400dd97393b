/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lets in again what a log says, and has the run end where it says: see gate.c. */
#include "machine/gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- What comes next --------------------------------------------------------------------------- */

/** The place of the next event; behind the last one, how far the log is complete. */
static struct log_place next_place(struct machine *machine) {
    struct log *log = machine->gate.log;
    const struct log_event *event = log_peek(log);
    return event == NULL ? log_reached(log) : event->at;
}

/* What lies inside a round is found there. Between rounds it is only seen when it was missed. */
static vtime place_due(struct log_place place) {
    return add_sat_i64(place.virtual_ns, place.in_round);
}

static void due_find(struct machine *machine) {
    struct gate *gate = &machine->gate;
    struct error error;
    gate->due_ns = min_i64(place_due(next_place(machine)), machine->options.gate.to_ns);
    if (log_failed(gate->log, &error)) {
        machine_fail(machine, &error);
    }
}

/* -- When it is not the same ------------------------------------------------------------------- */

/** Ends the run. @param what  Was recorded, and is not so. */
static void replay_differs(struct machine *machine, const char *what) {
    struct log_place same = machine->gate.same;
    struct log_place here = gate_place(machine);
    struct error error;
    error_set(&error, STATUS_INTERNAL,
              "replay: is not the run that was recorded: between steps %" PRIu64 " and %" PRIu64
              " (VIRTUAL %" PRId64 " and %" PRId64 " ns): %s",
              same.steps, here.steps, same.virtual_ns, here.virtual_ns, what);
    machine->gate.differs = true;
    machine_fail(machine, &error);
}

/** The place of the next event was missed. */
static void place_differs(struct machine *machine, struct log_place wanted) {
    char what[160];
    snprintf(what, sizeof what,
             "the log goes on after %" PRIu64 " steps at VIRTUAL %" PRId64 " ns%s", wanted.steps,
             wanted.virtual_ns, wanted.in_round ? ", inside a round" : "");
    replay_differs(machine, what);
}

static void hash_compare(struct machine *machine, const char *recorded) {
    char hash[STATE_HASH_CHARS];
    if (!machine->options.gate.verifies || machine->interprets) {
        return;
    }
    machine_state_hash(machine, hash);
    if (memcmp(hash, recorded, STATE_HASH_CHARS - 1) != 0) {
        replay_differs(machine, "the state has another hash");
    } else {
        machine->gate.same = gate_place(machine);
        machine->gate.sound = true;
    }
}

/* -- Events ------------------------------------------------------------------------------------ */

static bool arrival_take(struct machine *machine, const struct log_event *event) {
    const struct inlet *inlet = &machine->inlets[event->idx];
    if (event->idx >= machine->inlet_count || event->size_bytes == 0 ||
        event->size_bytes > inlet->room(inlet->device)) {
        replay_differs(machine, "what came in then finds no room");
        return false;
    }
    inlet_enter(machine, event->idx, event->bytes, event->size_bytes);
    return true;
}

static void rate_take(struct machine *machine, const struct log_event *event) {
    struct recorded_rate recorded;
    if (event->size_bytes != sizeof recorded) {
        replay_differs(machine, "the log holds no rate");
        return;
    }
    memcpy(&recorded, event->bytes, sizeof recorded);
    struct rate rate = {recorded.whole_ns, recorded.part, recorded.parts};
    if (rate.parts == 0 || rate.part >= rate.parts || (rate.whole_ns | rate.part) == 0) {
        replay_differs(machine, "the log holds no rate");
        return;
    }
    rates_change(machine, rate);
}

/** @return false: the log holds no end. */
static bool end_read(const struct log_event *event, struct recorded_end *end) {
    if (event->size_bytes < sizeof *end) {
        return false;
    }
    memcpy(end, event->bytes, sizeof *end);
    return end->reason > EXIT_NONE && end->reason <= EXIT_ERROR;
}

/** Does the guest, or the machine's options, end a run so: without the log? */
static bool ends_by_itself(enum exit_reason reason) {
    return reason == EXIT_POWER_OFF || reason == EXIT_FAIL || reason == EXIT_TOHOST ||
           reason == EXIT_NO_REBOOT || reason == EXIT_STOPPED;
}

static void end_hash_compare(struct machine *machine, const struct recorded_end *end) {
    hash_compare(machine, end->hash);
    if (machine->options.gate.verifies && end->said != gate_said(machine)) {
        replay_differs(machine, "the guest has said something else");
    }
}

/** What ended the run was not its own doing. */
static void end_take(struct machine *machine, const struct log_event *event) {
    struct recorded_end end;
    bool counted = destination_counted(&machine->options.stop); /* by the recording alone */
    if (!end_read(event, &end) ||
        (ends_by_itself(end.reason) && !(counted && end.reason == EXIT_STOPPED))) {
        replay_differs(machine, "the recorded run ended here by itself, and this one does not");
        return;
    }
    end_hash_compare(machine, &end);
    machine_end(machine, end.reason, end.code);
    machine->gate.ended = true;
    if (machine->exit.reason != end.reason) {
        return;
    }
    machine->exit.status = (int)end.status;
    if (end.reason == EXIT_ERROR) {
        int length = (int)min_u64(event->size_bytes - sizeof end, 400);
        error_set(&machine->exit.error, (enum status)end.status, "the recorded run ended so: %.*s",
                  length, (const char *)event->bytes + sizeof end);
    }
}

/** @return Something has come in. */
static bool event_take(struct machine *machine, const struct log_event *event) {
    switch (event->kind) {
    case LOG_ARRIVAL:
        return arrival_take(machine, event);
    case LOG_RATE:
        rate_take(machine, event);
        return false;
    case LOG_HASH:
        if (event->size_bytes == STATE_HASH_CHARS - 1) {
            hash_compare(machine, (const char *)event->bytes);
        }
        return false;
    case LOG_END:
        end_take(machine, event);
        return false;
    default:
        replay_differs(machine, "what was asked for then is not asked for");
        return false;
    }
}

/** Behind the last event, where the log stops being complete: it goes on, or it was cut. */
static void over_take(struct machine *machine) {
    struct gate *gate = &machine->gate;
    if (gate->goes_on) {
        gate->mode = GATE_RECORDS;
        gate->due_ns = VTIME_NEVER;
        gate->fresh = true;
        gate_rest_shares(machine, false);
        record_begin(machine);
        return;
    }
    struct log_place here = gate_place(machine);
    struct error error;
    const char *defect = log_defect(gate->log);
    error_set(&error, STATUS_BAD_INPUT,
              "%.200s: %s: intact up to step %" PRIu64 ", VIRTUAL %" PRId64 " ns, and replayed up "
              "to there; --to stops before",
              log_name(gate->log), defect == NULL ? "it goes no further" : defect, here.steps,
              here.virtual_ns);
    gate->ended = true;
    machine_fail(machine, &error);
}

bool replay_answer(struct machine *machine, unsigned share_idx, struct answer *answer) {
    struct log *log = machine->gate.log;
    const struct log_event *event = log_peek(log);
    answer->size_bytes = 0;
    if (event == NULL) {
        over_take(machine);
        return !machine->gate.goes_on;
    }
    if (event->kind != LOG_ANSWER || event->idx != share_idx ||
        event->size_bytes > answer->room_bytes || !log_place_same(event->at, gate_place(machine))) {
        replay_differs(machine, "the guest asks a shared folder for something else");
        return true;
    }
    memcpy(answer->bytes, event->bytes, event->size_bytes);
    answer->size_bytes = event->size_bytes;
    log_pass(log);
    due_find(machine);
    return true;
}

/* -- For the run loop -------------------------------------------------------------------------- */

void replay_begin(struct machine *machine) {
    struct sched *sched = &machine->sched;
    sched->stop_ns = min_i64(sched->stop_ns, machine->options.gate.to_ns);
    due_find(machine);
    if (machine->steps >= machine->options.gate.to_steps) {
        machine_end(machine, EXIT_STOPPED, 0);
    }
}

bool replay_admit(struct machine *machine) {
    struct gate *gate = &machine->gate;
    struct log_place here = gate_place(machine);
    bool came = false;
    bool first = true;
    if (here.virtual_ns >= machine->options.gate.to_ns) {
        machine_end(machine, EXIT_STOPPED, 0);
        return false;
    }
    const struct log_event *event = log_peek(gate->log);
    while (event != NULL && here.virtual_ns >= place_due(event->at) && (first || !event->fresh) &&
           machine->exit.reason == EXIT_NONE) {
        if (!log_place_same(event->at, here)) {
            place_differs(machine, event->at);
            return came;
        }
        came = event_take(machine, event) || came;
        log_pass(gate->log);
        first = false;
        event = log_peek(gate->log);
    }
    due_find(machine);
    struct log_place reached = log_reached(gate->log);
    if (event != NULL || gate->ended || here.virtual_ns < place_due(reached)) {
        return came;
    }
    if (log_place_same(here, reached)) {
        over_take(machine);
    } else {
        place_differs(machine, reached);
    }
    return came;
}

void replay_look_inside(struct machine *machine) {
    struct gate *gate = &machine->gate;
    if (machine->steps >= machine->options.gate.to_steps) {
        machine_end(machine, EXIT_STOPPED, 0);
        return;
    }
    if (machine->steps < log_reached(gate->log).steps) {
        return;
    }
    const struct log_event *event = log_peek(gate->log);
    struct log_place here = gate_place(machine);
    if (event == NULL && log_place_same(here, log_reached(gate->log))) {
        over_take(machine);
    } else if (event != NULL && event->kind == LOG_END && log_place_same(event->at, here)) {
        end_take(machine, event);
        log_pass(gate->log);
    }
}

/** The run has ended by itself: as it was recorded? */
static void end_compare(struct machine *machine) {
    const struct log_event *event = log_peek(machine->gate.log);
    struct log_place here = gate_place(machine);
    struct recorded_end end;
    if (event == NULL && log_place_same(here, log_reached(machine->gate.log))) {
        return;
    }
    if (event == NULL || event->kind != LOG_END || !end_read(event, &end) ||
        !log_place_same(event->at, here)) {
        place_differs(machine, next_place(machine));
    } else if (end.reason != EXIT_ERROR &&
               (end.reason != machine->exit.reason || end.code != machine->exit.code)) {
        replay_differs(machine, "it ended otherwise");
    } else if (end.reason != EXIT_ERROR) {
        end_hash_compare(machine, &end);
    }
}

bool machine_came_to(const struct machine *machine) {
    const struct gate_options *options = &machine->options.gate;
    return machine->gate.stopped || machine->steps >= options->to_steps ||
           sched_virtual(&machine->sched) >= options->to_ns;
}

void replay_end(struct machine *machine) {
    enum exit_reason reason = machine->exit.reason;
    bool asked = reason == EXIT_STOPPED && machine_came_to(machine);
    if (!machine->gate.ended && !asked && ends_by_itself(reason)) {
        end_compare(machine);
    }
}
