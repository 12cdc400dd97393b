/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One number for the whole state of a machine. */
#include "machine/machine.h"

#include <stdio.h>
#include <xxhash.h>

static void digest_put(void *owner, const void *bytes, size_t size_bytes) {
    ensure(XXH3_128bits_update(owner, bytes, size_bytes) == XXH_OK);
}

/* Exactly what a snapshot has to hold, in its order. A machine that has switched itself off
 * differs from the same machine one instruction earlier, hence the last byte. */
static void machine_state(const struct machine *machine, struct stream *stream) {
    enum exit_reason reason = machine->exit.reason;
    sched_state(&machine->sched, stream);
    harts_state(&machine->harts, stream);
    bus_state(&machine->bus, stream);
    tohost_state(machine, stream);
    if (machine->pulse != NULL) {
        pulse_state(machine->pulse, stream);
    }
    stream_bool(stream, reason == EXIT_POWER_OFF || reason == EXIT_FAIL || reason == EXIT_TOHOST ||
                            reason == EXIT_NO_REBOOT);
}

void machine_state_hash(const struct machine *machine, char hash[STATE_HASH_CHARS]) {
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
