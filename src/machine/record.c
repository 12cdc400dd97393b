/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes down what comes in, and now and then a hash of the state: see gate.c. */
#include "machine/gate.h"

#include <string.h>

enum { HASH_SHARE = 200, HASH_FIRST_NS = 1000000000 }; /* half a percent of the run's time */

static void event_add(struct machine *machine, enum log_kind kind, uint8_t idx, const void *bytes,
                      size_t size_bytes) {
    struct gate *gate = &machine->gate;
    log_append(gate->log, &(struct log_event){.kind = kind,
                                              .fresh = gate->fresh,
                                              .idx = idx,
                                              .at = gate_place(machine),
                                              .bytes = bytes,
                                              .size_bytes = size_bytes});
    gate->fresh = false;
}

void record_begin(struct machine *machine) {
    machine->gate.hash_due_ns = host_monotonic_ns() + HASH_FIRST_NS;
    machine->gate.hash_due_steps = machine->steps;
}

void record_arrival(struct machine *machine, unsigned inlet_idx, const uint8_t *bytes,
                    size_t size_bytes) {
    if (machine->gate.mode == GATE_RECORDS) {
        event_add(machine, LOG_ARRIVAL, (uint8_t)inlet_idx, bytes, size_bytes);
    }
}

void record_rate(struct machine *machine, struct rate rate) {
    struct recorded_rate recorded = {rate.whole_ns, rate.part, rate.parts};
    if (machine->gate.mode == GATE_RECORDS) {
        event_add(machine, LOG_RATE, 0, &recorded, sizeof recorded);
    }
}

void record_answer(struct machine *machine, unsigned share_idx, const uint8_t *reply,
                   size_t reply_bytes) {
    if (machine->gate.mode == GATE_RECORDS) {
        event_add(machine, LOG_ANSWER, (uint8_t)share_idx, reply, reply_bytes);
    }
}

/* A hash costs what the guest has touched of its memory, so that is what its cadence follows. */
static void hash_look(struct machine *machine) {
    struct gate *gate = &machine->gate;
    uint64_t every_steps = machine->options.gate.hash_steps;
    char hash[STATE_HASH_CHARS];
    int64_t now_ns = machine->stopwatch.since_ns;
    bool by_time = every_steps == HASH_AT_EASE;
    if (every_steps == HASH_NEVER ||
        (by_time ? now_ns < gate->hash_due_ns : machine->steps < gate->hash_due_steps)) {
        return;
    }
    int64_t start_ns = host_monotonic_ns();
    machine_state_hash(machine, hash);
    event_add(machine, LOG_HASH, 0, hash, STATE_HASH_CHARS - 1);
    gate->hash_due_ns =
        start_ns + max_i64(HASH_SHARE * (host_monotonic_ns() - start_ns), HASH_FIRST_NS);
    gate->hash_due_steps = machine->steps + every_steps;
}

void record_look(struct machine *machine) {
    struct gate *gate = &machine->gate;
    struct error error;
    if (machine->exit.reason == EXIT_NONE) {
        hash_look(machine);
    }
    log_reach(gate->log, gate_place(machine), machine->stopwatch.since_ns);
    if (log_failed(gate->log, &error)) {
        machine_fail(machine, &error);
    }
}

void record_end(struct machine *machine) {
    const struct machine_exit *end = &machine->exit;
    struct recorded_end recorded = {
        .code = end->code,
        .said = gate_said(machine),
        .reason = (uint32_t)end->reason,
        .status = (uint32_t)end->status,
    };
    uint8_t bytes[sizeof recorded + sizeof end->error.text];
    char hash[STATE_HASH_CHARS];
    size_t length = end->reason == EXIT_ERROR ? strlen(end->error.text) : 0;
    machine_state_hash(machine, hash);
    memcpy(recorded.hash, hash, sizeof recorded.hash);
    memcpy(bytes, &recorded, sizeof recorded);
    memcpy(bytes + sizeof recorded, end->error.text, length);
    event_add(machine, LOG_END, 0, bytes, sizeof recorded + length);
}
