/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate: where what comes from outside enters the machine, and nowhere else.
 *
 * An inlet joins an endpoint (io/io.h), the host's end of a byte stream or a network, with the
 * device that its input is for.
 *
 * 1. Input is fetched from the host whenever there is time; it enters only in inlets_admit(), which
 *    the run loop calls between rounds or while all harts sleep.
 * 2. Inlets are asked in the order of their indices, which the board fixes at construction: so what
 *    enters at one instant has an order, and an arrival is {inlet's index, bytes}.
 * 3. No more is taken from an endpoint than its device has room for, so nothing lies between the
 *    two: what has not entered is the host's, what has entered is the device's state.
 * 4. The shadow of --engine check gets the very bytes at the very moment.
 * 5. What is let in can be recorded, and then be let in again at the very place where it was:
 *    gate.c. */
#include "machine/check.h"
#include "machine/gate.h"
#include "machine/machine.h"

enum {
    ARRIVAL_BYTES_MAX = 4096, /* more than a frame */
    ARRIVALS_MAX = 64         /* of one inlet at one instant, so that none shuts out the others */
};
_Static_assert((int)ARRIVAL_BYTES_MAX >= (int)FRAME_BYTES_MAX, "a frame enters as a whole");

void inlet_add(struct machine *machine, const struct inlet *inlet) {
    ensure(machine->inlet_count < INLETS_MAX);
    machine->inlets[machine->inlet_count++] = *inlet;
}

static bool inlet_admits(const struct inlet *inlet) {
    return inlet->room(inlet->device) > 0;
}

void inlet_deliver(struct machine *machine, unsigned idx, const uint8_t *bytes, size_t size_bytes) {
    ensure(idx < machine->inlet_count);
    const struct inlet *inlet = &machine->inlets[idx];
    ensure(size_bytes <= inlet->room(inlet->device));
    inlet->deliver(inlet->device, bytes, size_bytes);
}

void inlet_enter(struct machine *machine, unsigned idx, const uint8_t *bytes, size_t size_bytes) {
    if (machine->check != NULL) {
        check_admit(machine->check, idx, bytes, size_bytes);
    }
    inlet_deliver(machine, idx, bytes, size_bytes);
}

/** One arrival. @return false when there is none, or no room for one. */
static bool inlet_admit(struct machine *machine, unsigned idx) {
    const struct inlet *inlet = &machine->inlets[idx];
    uint8_t bytes[ARRIVAL_BYTES_MAX];
    size_t room_bytes = min_u64(inlet->room(inlet->device), sizeof bytes);
    size_t size_bytes = room_bytes == 0 ? 0 : inlet->ops->take(inlet->endpoint, bytes, room_bytes);
    if (size_bytes == 0) {
        return false;
    }
    record_arrival(machine, idx, bytes, size_bytes);
    inlet_enter(machine, idx, bytes, size_bytes);
    return true;
}

bool inlets_admit(struct machine *machine) {
    bool came = false;
    if (gate_replays(machine)) {
        return replay_admit(machine);
    }
    for (unsigned idx = 0; !machine->retraces && idx < machine->inlet_count; idx++) {
        unsigned left = ARRIVALS_MAX;
        while (left > 0 && inlet_admit(machine, idx)) {
            came = true;
            left--;
        }
    }
    return came;
}

/* -- All endpoints ----------------------------------------------------------------------------- */

void inlets_begin(struct machine *machine) {
    for (unsigned i = 0; i < machine->inlet_count; i++) {
        machine->inlets[i].ops->begin(machine->inlets[i].endpoint);
    }
}

void inlets_mute(struct machine *machine, bool mutes) {
    for (unsigned i = 0; i < machine->inlet_count; i++) {
        machine->inlets[i].ops->mute(machine->inlets[i].endpoint, mutes);
    }
}

void inlets_serve(struct machine *machine) {
    if (gate_replays(machine)) {
        (void)inlets_flush(machine);
        return;
    }
    for (unsigned i = 0; i < machine->inlet_count; i++) {
        machine->inlets[i].ops->serve(machine->inlets[i].endpoint);
    }
}

bool inlets_flush(struct machine *machine) {
    bool done = true;
    for (unsigned i = 0; i < machine->inlet_count; i++) {
        done = machine->inlets[i].ops->flush(machine->inlets[i].endpoint) && done;
    }
    return done;
}

bool inlets_full(const struct machine *machine) {
    bool full = false;
    for (unsigned i = 0; i < machine->inlet_count && !full; i++) {
        const struct inlet *inlet = &machine->inlets[i];
        full = inlet->ops->state(inlet->endpoint, NULL) == ENDPOINT_FULL;
    }
    return full;
}

void inlets_look(struct machine *machine) {
    struct error error;
    for (unsigned i = 0; i < machine->inlet_count; i++) {
        const struct inlet *inlet = &machine->inlets[i];
        enum endpoint_state state = inlet->ops->state(inlet->endpoint, &error);
        if (state == ENDPOINT_FAILED) {
            machine_fail(machine, &error);
        } else if (state == ENDPOINT_LEFT) {
            machine_end(machine, EXIT_USER, 0);
        }
    }
}

bool inlets_can_come(const struct machine *machine) {
    bool can_come = gate_replays(machine);
    for (unsigned i = 0; i < machine->inlet_count && !can_come; i++) {
        const struct inlet *inlet = &machine->inlets[i];
        can_come = inlet->ops->can_come(inlet->endpoint, inlet_admits(inlet));
    }
    return can_come;
}

void inlets_watch(struct machine *machine, bool admits) {
    watch_begin(machine->watch);
    for (unsigned i = 0; i < machine->inlet_count; i++) {
        const struct inlet *inlet = &machine->inlets[i];
        inlet->ops->watch(inlet->endpoint, machine->watch,
                           admits && !gate_replays(machine) && inlet_admits(inlet));
    }
}
