/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine in a file: the state at one place of a run, to go on from there elsewhere.
 *
 * A snapshot is a log (io/io.h) that holds a state instead of inputs: the same header, which says
 * how to build the machine, the same compressed and checksummed frames, and the same answer to a
 * file that was cut or damaged. The state is cut into pieces:
 *
 *     LOG_STATE ... LOG_STATE   what disks differ in, all but memory, counts, memory: one walk
 *     LOG_HASH                  of the state, to compare when it is set
 *     LOG_END
 *
 * To restore is to build the machine, boot it, and set its state over that: so what a later reset
 * needs is there, and the images are known to be those of then. Nothing of an engine or a host is
 * in it, so any can go on. */
#include "machine/gate.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 32 << 10 };

/** A walk on its way into a log, or out of it. */
struct pieces {
    struct machine *machine;
    struct log *log;
    uint8_t bytes[PIECE_BYTES];
    size_t count;
    const uint8_t *piece; /* being read; LOG_STATE's */
    size_t left_bytes;
};

/* -- The walk ---------------------------------------------------------------------------------- */

/* Disks come first: what follows only compares them. */
static void snapshot_walk(struct machine *machine, struct stream *stream) {
    const struct machine_options *options = &machine->options;
    for (size_t i = 0; i < sizeof machine->target.digest; i++) {
        stream_constant(stream, machine->target.digest[i],
                        "is of a machine that boots other files");
    }
    for (unsigned i = 0; i < options->drive_count; i++) {
        disk_contents(options->drives[i].disk, stream);
    }
    machine_state(machine, stream);
    sched_counts_state(&machine->sched, stream);
}

/* -- Writing ----------------------------------------------------------------------------------- */

static void event_add(const struct pieces *pieces, enum log_kind kind, const void *bytes,
                      size_t size_bytes) {
    log_append(pieces->log, &(struct log_event){.kind = kind,
                                                .at = gate_place(pieces->machine),
                                                .bytes = bytes,
                                                .size_bytes = size_bytes});
}

static void piece_add(struct pieces *pieces) {
    event_add(pieces, LOG_STATE, pieces->bytes, pieces->count);
    pieces->count = 0;
}

static void pieces_put(void *owner, const void *bytes, size_t size_bytes) {
    struct pieces *pieces = owner;
    const uint8_t *at = bytes;
    while (size_bytes > 0) {
        size_t part = min_u64(size_bytes, PIECE_BYTES - pieces->count);
        memcpy(pieces->bytes + pieces->count, at, part);
        pieces->count += part;
        at += part;
        size_bytes -= part;
        if (pieces->count == PIECE_BYTES) {
            piece_add(pieces);
        }
    }
}

enum status machine_snapshot(struct machine *machine, struct log *log, struct error *error) {
    char hash[STATE_HASH_CHARS];
    struct pieces *pieces = calloc(1, sizeof *pieces);
    if (pieces == NULL) {
        return error_set(error, STATUS_USAGE, "snapshot: out of memory; free some and try again");
    }
    pieces->machine = machine;
    pieces->log = log;
    struct stream stream = {.put = pieces_put, .owner = pieces};
    snapshot_walk(machine, &stream);
    piece_add(pieces);
    machine_state_hash(machine, hash);
    event_add(pieces, LOG_HASH, hash, STATE_HASH_CHARS - 1);
    event_add(pieces, LOG_END, NULL, 0);
    free(pieces);
    return log_failed(log, error) ? error->status : STATUS_OK;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static bool piece_next(struct pieces *pieces) {
    if (pieces->piece != NULL) {
        log_pass(pieces->log);
        pieces->piece = NULL;
    }
    const struct log_event *event = log_peek(pieces->log);
    if (event == NULL || event->kind != LOG_STATE) {
        return false;
    }
    pieces->piece = event->bytes;
    pieces->left_bytes = event->size_bytes;
    return true;
}

static bool pieces_take(void *owner, void *bytes, size_t size_bytes) {
    struct pieces *pieces = owner;
    uint8_t *at = bytes;
    while (size_bytes > 0) {
        if (pieces->left_bytes == 0 && !piece_next(pieces)) {
            return false;
        }
        size_t part = min_u64(size_bytes, pieces->left_bytes);
        memcpy(at, pieces->piece, part);
        pieces->piece += part;
        pieces->left_bytes -= part;
        at += part;
        size_bytes -= part;
    }
    return true;
}

bool log_is_snapshot(struct log *log) {
    const struct log_event *event = log_peek(log);
    return event != NULL && event->kind == LOG_STATE;
}

/** The machine beside it (--engine check) gets the same state. */
static void shadow_set(struct machine *machine, struct machine *shadow) {
    struct buffer whole = {0};
    struct stream told = buffer_tell(&whole);
    snapshot_walk(machine, &told);
    struct stream set = buffer_set(&whole);
    snapshot_walk(shadow, &set);
    ensure(stream_sound(&set));
    machine_settle(shadow);
    buffer_free(&whole);
}

/** @return What is wrong with it, or NULL. */
static const char *snapshot_set(struct machine *machine, struct pieces *pieces) {
    char hash[STATE_HASH_CHARS];
    struct stream stream = {.take = pieces_take, .owner = pieces};
    snapshot_walk(machine, &stream);
    if (!stream_sound(&stream)) {
        return stream.defect;
    }
    machine_settle(machine);
    if (pieces->left_bytes > 0 || piece_next(pieces)) {
        return "holds more than a state";
    }
    const struct log_event *event = log_peek(pieces->log);
    machine_state_hash(machine, hash);
    bool same = event != NULL && event->kind == LOG_HASH &&
                event->size_bytes == STATE_HASH_CHARS - 1 &&
                memcmp(event->bytes, hash, STATE_HASH_CHARS - 1) == 0;
    return same ? NULL : "holds another state than it says";
}

enum status machine_restore(struct machine *machine, struct log *log, struct error *error) {
    struct pieces *pieces = calloc(1, sizeof *pieces);
    if (pieces == NULL) {
        return error_set(error, STATUS_USAGE, "restore: out of memory; free some and try again");
    }
    pieces->machine = machine;
    pieces->log = log;
    const char *defect = log_defect(log);
    defect = defect == NULL ? snapshot_set(machine, pieces) : defect;
    free(pieces);
    if (defect == NULL && machine->check != NULL) {
        shadow_set(machine, check_shadow(machine->check));
    }
    return defect == NULL
               ? STATUS_OK
               : error_set(error, STATUS_BAD_INPUT, "%.300s: %s; restore another snapshot",
                           log_name(log), defect);
}
