/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine in a file: the state at one place of a run, to go on from there elsewhere.
 *
 * A snapshot is a log (io/io.h) that holds a state instead of inputs: the same header, which says
 * how to build the machine, the same compressed and checksummed frames, and the same answer to a
 * file that was cut or damaged:
 *
 *     LOG_STATE ... LOG_STATE   what has changed since the machine was built (pieces.c)
 *     LOG_HASH                  of the state, to compare when it is set
 *     LOG_END
 *
 * Its base are the images that the machine is built of: what they put into memory or hold of a
 * disk, and nobody has changed, is not in it. The header has their hashes, so to restore is to
 * build the machine, boot it, and set its state over that; what a later reset needs is there as
 * well. Nothing of an engine or a host is in it, so any can go on. */
#include "machine/check.h"
#include "machine/gate.h"
#include "machine/waypoint.h"

#include <stdlib.h>
#include <string.h>

/* -- Writing ----------------------------------------------------------------------------------- */

void snapshot_prepare(struct machine *machine) {
    struct error error;
    if (machine->options.kept && machine->bus.ram.copy == NULL && !machine_follow(machine)) {
        error_set(&error, STATUS_USAGE, "snapshot: out of memory; free some and try again");
        machine_fail(machine, &error);
    }
}

static void event_add(struct machine *machine, struct log *log, enum log_kind kind,
                      const char *text) {
    log_append(log, &(struct log_event){.kind = kind,
                                        .at = gate_place(machine),
                                        .bytes = (const uint8_t *)text,
                                        .size_bytes = strlen(text)});
}

enum status machine_snapshot(struct machine *machine, struct log *log, struct error *error) {
    char hash[STATE_HASH_CHARS];
    struct pieces *pieces = pieces_new(machine, log, LOG_STATE);
    if (pieces == NULL) {
        return error_set(error, STATUS_USAGE, "snapshot: out of memory; free some and try again");
    }
    pieces_begin(pieces);
    (void)pieces_go_on(pieces, UINT32_MAX);
    free(pieces);
    machine_state_hash(machine, hash);
    event_add(machine, log, LOG_HASH, hash);
    event_add(machine, log, LOG_END, "");
    return log_failed(log, error) ? error->status : STATUS_OK;
}

/* -- Reading ----------------------------------------------------------------------------------- */

bool log_is_snapshot(struct log *log) {
    const struct log_event *event = log_peek(log);
    return event != NULL && event->kind == LOG_STATE;
}

/* Disks come first: what follows only compares them. */
static void whole_walk(struct machine *machine, struct stream *stream) {
    for (unsigned i = 0; i < machine->options.drive_count; i++) {
        disk_contents(machine->options.drives[i].disk, stream);
    }
    machine_state(machine, stream);
    sched_counts_state(&machine->sched, stream);
}

void snapshot_twin(struct machine *machine, struct machine *twin) {
    struct buffer whole = {0};
    struct stream told = buffer_tell(&whole);
    whole_walk(machine, &told);
    struct stream set = buffer_set(&whole);
    whole_walk(twin, &set);
    ensure(stream_sound(&set));
    machine_settle(twin);
    buffer_free(&whole);
}

/** @return What is wrong with it, or NULL. */
static const char *snapshot_set(struct machine *machine, struct pieces *pieces,
                                struct parts *parts) {
    char hash[STATE_HASH_CHARS];
    harts_still(&machine->harts);
    const char *defect = pieces_take(pieces, parts);
    defect = defect == NULL ? parts_take(machine, parts) : defect;
    if (defect != NULL) {
        return defect;
    }
    const struct log_event *event = log_peek(pieces->log);
    machine_state_hash(machine, hash);
    bool same = event != NULL && event->kind == LOG_HASH &&
                event->size_bytes == STATE_HASH_CHARS - 1 &&
                memcmp(event->bytes, hash, STATE_HASH_CHARS - 1) == 0;
    return same ? NULL : "holds another state than it says";
}

enum status machine_restore(struct machine *machine, struct log *log, struct error *error) {
    struct pieces *pieces = pieces_new(machine, log, LOG_STATE);
    struct parts *parts = calloc(1, sizeof *parts);
    const char *defect = log_defect(log);
    if (pieces == NULL || parts == NULL) {
        defect = "finds no memory";
    }
    defect = defect == NULL ? snapshot_set(machine, pieces, parts) : defect;
    if (parts != NULL) {
        buffer_free(&parts->state);
    }
    free(parts);
    free(pieces);
    if (defect == NULL && machine->check != NULL) {
        snapshot_twin(machine, check_shadow(machine->check));
    }
    return defect == NULL
               ? STATUS_OK
               : error_set(error, STATUS_BAD_INPUT, "%.300s: %s; restore another snapshot",
                           log_name(log), defect);
}
