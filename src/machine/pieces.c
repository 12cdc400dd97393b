/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One state of a machine, in a log: what has changed since the one before, cut into pieces.
 *
 * In this order, each little-endian (docs/record.md has it in a table):
 *
 *     digest of the boot files, place and size of RAM    only compared
 *     what has been said on each console so far          as a digest
 *     what has changed on each disk
 *     all but memory, and counts                         its size before it
 *     number and contents of each page that has changed, and the end
 *
 * All but memory is always whole, as it is small. So to have the state of some place is to take the
 * changes of all states up to there, and set the rest once: pages that were written often are taken
 * as often, and the last one counts. */
#include "machine/waypoint.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_BYTES_MAX ((uint64_t)64 << 20)
static const uint64_t NO_PAGE = UINT64_MAX;

/* -- Pieces ------------------------------------------------------------------------------------ */

static void piece_add(struct pieces *pieces, bool last) {
    const struct sched *sched = &pieces->machine->sched;
    unsigned idx = (pieces->inside ? 0 : WAYPOINT_FIRST) | (last ? WAYPOINT_LAST : 0);
    struct log_place at = {sched_steps(sched), sched_virtual(sched), sched->in_round};
    log_append(pieces->log, &(struct log_event){.kind = pieces->kind,
                                                .idx = (uint8_t)idx,
                                                .at = at,
                                                .bytes = pieces->bytes,
                                                .size_bytes = pieces->count});
    pieces->inside = true;
    pieces->over = last;
    pieces->count = 0;
}

static void pieces_put(void *owner, const void *bytes, size_t size_bytes) {
    struct pieces *pieces = owner;
    const uint8_t *at = bytes;
    while (size_bytes > 0) {
        if (pieces->count == PIECE_BYTES) {
            piece_add(pieces, false);
        }
        size_t part = min_u64(size_bytes, PIECE_BYTES - pieces->count);
        memcpy(pieces->bytes + pieces->count, at, part);
        pieces->count += part;
        at += part;
        size_bytes -= part;
    }
}

/** @return false: there is no other piece of this state. */
static bool piece_next(struct pieces *pieces) {
    if (pieces->piece != NULL) {
        log_pass(pieces->log);
        pieces->piece = NULL;
    }
    const struct log_event *event = pieces->over ? NULL : log_peek(pieces->log);
    bool first = event != NULL && (event->idx & WAYPOINT_FIRST) != 0;
    if (event == NULL || event->kind != pieces->kind || first == pieces->inside) {
        return false;
    }
    pieces->inside = true;
    pieces->over = (event->idx & WAYPOINT_LAST) != 0;
    pieces->piece = event->bytes;
    pieces->left_bytes = event->size_bytes;
    return true;
}

static bool pieces_give(void *owner, void *bytes, size_t size_bytes) {
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

struct pieces *pieces_new(struct machine *machine, struct log *log, enum log_kind kind) {
    struct pieces *pieces = calloc(1, sizeof *pieces);
    if (pieces != NULL) {
        pieces->machine = machine;
        pieces->log = log;
        pieces->kind = kind;
    }
    return pieces;
}

/* -- The walk, up to memory -------------------------------------------------------------------- */

static void said_walk(const struct machine *machine, struct stream *stream,
                      uint64_t said[INLETS_MAX]) {
    for (unsigned i = 0; i < machine->inlet_count; i++) {
        const struct inlet *inlet = &machine->inlets[i];
        if (inlet->ops == &console_endpoint) {
            said[i] = console_said(inlet->endpoint);
            stream_u64(stream, &said[i]);
        }
    }
}

static void disks_walk(const struct machine *machine, struct stream *stream) {
    for (unsigned i = 0; i < machine->options.drive_count; i++) {
        disk_changes(machine->options.drives[i].disk, stream);
    }
}

static void parts_walk(struct machine *machine, struct stream *stream) {
    machine_parts_state(machine, stream);
    sched_counts_state(&machine->sched, stream);
}

/** All before the parts. Disks come first: what follows only compares them. */
static void head_walk(const struct machine *machine, struct stream *stream,
                      uint64_t said[INLETS_MAX]) {
    const struct ram *ram = &machine->bus.ram;
    for (size_t i = 0; i < sizeof machine->target.digest; i++) {
        stream_constant(stream, machine->target.digest[i],
                        "is of a machine that boots other files");
    }
    stream_constant(stream, ram->base, "is of a machine with memory elsewhere");
    stream_constant(stream, ram->size_bytes, "is of a machine with another --memory");
    said_walk(machine, stream, said);
    disks_walk(machine, stream);
}

/* -- Telling ----------------------------------------------------------------------------------- */

bool machine_follow(struct machine *machine) {
    bool good = ram_follow(&machine->bus.ram);
    for (unsigned i = 0; i < machine->options.drive_count; i++) {
        good = good && disk_follow(machine->options.drives[i].disk);
    }
    return good;
}

void pieces_begin(struct pieces *pieces) {
    struct machine *machine = pieces->machine;
    struct stream stream = {.put = pieces_put, .owner = pieces};
    struct buffer parts = {0};
    struct stream told = buffer_tell(&parts);
    uint64_t said[INLETS_MAX];
    ensure(machine->bus.ram.copy != NULL);
    pieces->inside = pieces->over = false;
    pieces->count = 0;
    head_walk(machine, &stream, said);
    parts_walk(machine, &told);
    uint64_t size_bytes = parts.size_bytes;
    stream_u64(&stream, &size_bytes);
    stream_put(&stream, parts.bytes, parts.size_bytes);
    buffer_free(&parts);
    if (!pieces->inside) {
        piece_add(pieces, false); /* where it begins is where this state is */
    }
    harts_copy(&machine->harts);
}

bool pieces_go_on(struct pieces *pieces, unsigned count_max) {
    struct ram *ram = &pieces->machine->bus.ram;
    struct stream stream = {.put = pieces_put, .owner = pieces};
    uint8_t bytes[PAGE_BYTES];
    uint64_t page = NO_PAGE;
    for (unsigned i = 0; i < count_max; i++) {
        if (!ram_copy_next(ram, &page, bytes)) {
            page = NO_PAGE;
            stream_u64(&stream, &page);
            piece_add(pieces, true);
            return false;
        }
        stream_u64(&stream, &page);
        stream_bytes(&stream, bytes, sizeof bytes);
    }
    return true;
}

/* -- Setting ----------------------------------------------------------------------------------- */

/* What is there already is not written, so that code which was made from it stays. */
static void page_set(struct ram *ram, uint64_t page, const uint8_t *bytes) {
    paddr address = ram->base + (page << PAGE_SHIFT);
    if (memcmp(ram_at(ram, address), bytes, PAGE_BYTES) != 0) {
        ensure(ram_write(ram, address, bytes, PAGE_BYTES));
    }
}

static void pages_take(struct ram *ram, struct stream *stream) {
    uint8_t bytes[PAGE_BYTES];
    uint64_t count = ram->size_bytes >> PAGE_SHIFT;
    for (;;) {
        uint64_t page = NO_PAGE;
        stream_u64(stream, &page);
        bool ends = page == NO_PAGE || !stream_sound(stream);
        if (ends || !stream_expect(stream, page < count, "holds a page that is not in memory")) {
            return;
        }
        stream_bytes(stream, bytes, sizeof bytes);
        if (stream_sound(stream)) {
            page_set(ram, page, bytes);
        }
    }
}

const char *pieces_take(struct pieces *pieces, struct parts *parts) {
    struct machine *machine = pieces->machine;
    struct stream stream = {.take = pieces_give, .owner = pieces};
    uint8_t bytes[512];
    uint64_t left_bytes = 0;
    pieces->inside = pieces->over = false;
    head_walk(machine, &stream, parts->said);
    stream_u64(&stream, &left_bytes);
    (void)stream_expect(&stream, left_bytes <= PARTS_BYTES_MAX, "holds a state that is too large");
    struct stream told = buffer_tell(&parts->state);
    while (left_bytes > 0 && stream_sound(&stream)) {
        size_t part = min_u64(left_bytes, sizeof bytes);
        stream_bytes(&stream, bytes, part);
        stream_put(&told, bytes, part);
        left_bytes -= part;
    }
    pages_take(&machine->bus.ram, &stream);
    if (stream_sound(&stream) && (pieces->left_bytes > 0 || piece_next(pieces) || !pieces->over)) {
        return "holds more than a state";
    }
    return stream.defect;
}

const char *parts_take(struct machine *machine, struct parts *parts) {
    struct stream stream = buffer_set(&parts->state);
    machine->exit = (struct machine_exit){0};
    parts_walk(machine, &stream);
    (void)stream_expect(&stream, parts->state.taken_bytes == parts->state.size_bytes,
                        "holds more than a state");
    if (stream_sound(&stream)) {
        machine_settle(machine);
    }
    return stream.defect;
}
