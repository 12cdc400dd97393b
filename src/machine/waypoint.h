/* SPDX-License-Identifier: GPL-2.0-or-later */
/* States of a machine in a log. Private to machine/. */
#ifndef MACHINE_WAYPOINT_H
#define MACHINE_WAYPOINT_H

#include "machine/machine.h"

/* -- pieces.c: one state, in pieces ------------------------------------------------------------ */

enum { PIECE_BYTES = 32 << 10 };

/** A state on its way into a log, or out of it. */
struct pieces {
    struct machine *machine;
    struct log *log;
    enum log_kind kind; /* LOG_STATE or LOG_WAYPOINT */
    bool inside;        /* some piece has been written, or read */
    bool over;          /* the last one has */
    uint8_t bytes[PIECE_BYTES];
    size_t count;
    const uint8_t *piece; /* being read; the log's */
    size_t left_bytes;
};

/** NULL: out of memory. */
struct pieces *pieces_new(struct machine *machine, struct log *log, enum log_kind kind);

/**
 * Between turns: begins to write what has changed since the state before, or since the machine was
 * built; memory comes behind. Requires: machine_follow().
 */
void pieces_begin(struct pieces *pieces);
/** Writes up to @p count_max pages of memory, as it was then. @return false: that was all. */
bool pieces_go_on(struct pieces *pieces, unsigned count_max);

/** What a state sets at the end, when memory and disks are set. */
struct parts {
    struct buffer state;
    uint64_t said[INLETS_MAX]; /* digests */
};

/**
 * Reads a state into memory and disks that are as they were when it was begun to be written, or as
 * any between that and its end. Requires: harts_still().
 * @return What is wrong with it, or NULL.
 */
const char *pieces_take(struct pieces *pieces, struct parts *parts);
/** Sets the rest. @return What is wrong with it, or NULL; then the machine can only be freed. */
const char *parts_take(struct machine *machine, struct parts *parts);

/** From now on it is known what changes. @return false: out of memory. */
bool machine_follow(struct machine *machine);

/* -- snapshot.c -------------------------------------------------------------------------------- */

/** The run begins: machine_snapshot() may come. */
void snapshot_prepare(struct machine *machine);
/** A machine that was built alike gets the same state. */
void snapshot_twin(struct machine *machine, struct machine *twin);

/* -- waypoint.c: states on the way ------------------------------------------------------------- */

/** Recording begins. */
void waypoints_begin(struct machine *machine);
/** Between turns: begins one when it is time to, and goes on writing it. */
void waypoints_look(struct machine *machine);
/** Writes all of the one under way. */
void waypoints_finish(struct machine *machine);
void waypoints_free(struct waypoints *waypoints);
/** Is one under way, so that nobody should wait long? */
bool waypoints_busy(const struct machine *machine);

/**
 * Replaying, between turns: goes on to the last state on the way that lies before a place, if that
 * is ahead. What the guest says in between is not heard.
 * @param before  Its steps, its VIRTUAL, or both; UINT64_MAX and VTIME_NEVER bound nothing.
 * @return The machine is there.
 */
bool waypoint_jump(struct machine *machine, struct position before);
/** The same when a replay begins: as near before options.gate.from_steps as can be. */
void waypoint_start(struct machine *machine);

#endif
