/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One number for the whole state of a machine. */
#include "machine/machine.h"

#include <stdio.h>
#include <xxhash.h>

static void digest_put(void *owner, const void *bytes, size_t size_bytes) {
    ensure(XXH3_128bits_update(owner, bytes, size_bytes) == XXH_OK);
}

/* A machine that has switched itself off differs from the same machine one instruction earlier,
 * hence the last field. */
void machine_parts_state(struct machine *machine, struct stream *stream) {
    enum exit_reason reason = machine->exit.reason;
    bool off = reason == EXIT_POWER_OFF || reason == EXIT_FAIL || reason == EXIT_TOHOST ||
               reason == EXIT_NO_REBOOT;
    sched_state(&machine->sched, stream);
    harts_state(&machine->harts, stream);
    bus_state(&machine->bus, stream);
    tohost_state(machine, stream);
    if (machine->pulse != NULL) {
        pulse_state(machine->pulse, stream);
    }
    stream_constant(stream, off, "is of a machine that is switched off");
}

/* What setting memory has stirred up does not count. */
void machine_settle(struct machine *machine) {
    machine->asked = (struct asked){0};
    machine->turn_vcpu = VCPU_NONE;
    machine->steps = sched_steps(&machine->sched);
    for (unsigned i = 0; i < machine->harts.count; i++) {
        harts_end_turn(&machine->harts, i);
    }
}

void machine_state(struct machine *machine, struct stream *stream) {
    machine_parts_state(machine, stream);
    ram_state(&machine->bus.ram, stream);
}

void machine_state_hash(struct machine *machine, char hash[STATE_HASH_CHARS]) {
    XXH3_state_t *digest = XXH3_createState();
    ensure(digest != NULL && XXH3_128bits_reset(digest) == XXH_OK);
    struct stream stream = {.put = digest_put, .owner = digest};
    machine_state(machine, &stream);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(digest));
    XXH3_freeState(digest);
    for (unsigned i = 0; i < sizeof canonical.digest; i++) {
        snprintf(hash + 2 * (size_t)i, 3, "%02x", canonical.digest[i]);
    }
}
