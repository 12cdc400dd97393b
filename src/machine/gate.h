/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording and replaying. Private to machine/. */
#ifndef MACHINE_GATE_H
#define MACHINE_GATE_H

#include "machine/machine.h"

/* -- gate.c: what recording and replaying have in common --------------------------------------- */

/** The run begins. */
void gate_begin(struct machine *machine);
/** It has ended, whatever ended it. */
void gate_end(struct machine *machine);
/** Where the run is now. Exact also while an instruction is under way. */
struct log_place gate_place(const struct machine *machine);
/** The schedule is asked. */
void gate_turn(struct machine *machine);
/** Does something have to be looked at between rounds at this VIRTUAL? */
bool gate_due(const struct machine *machine);
/** Is nobody outside to be asked? */
bool gate_replays(const struct machine *machine);
/** After inlets_admit(), between rounds or while all sleep. */
void gate_look(struct machine *machine);
/** After a turn: the round may be long, and the log may have the run end inside it. */
void gate_look_inside(struct machine *machine);
/** Steps that may still be taken before somebody must look; at least 1. */
uint64_t gate_left_steps(const struct machine *machine);
/** A digest of what has been said on all consoles. */
uint64_t gate_said(const struct machine *machine);
/** The longest wait for the outside, so that a log stays up to date. */
int64_t gate_patience_ns(const struct machine *machine);

/* Going back: a recording replays what it has written, up to where it was, and goes on there. */

/** Before the machine is put back: that it was here. */
void gate_leave(struct machine *machine);
/** After that: what comes next is what came when the cursor was read. */
void gate_return(struct machine *machine, struct log_cursor cursor);
/** Do shared folders answer by themselves, or does the log? */
void gate_rest_shares(struct machine *machine, bool rests);
/** Where in the log the machine is now, to come back to. Of no use without a log. */
struct log_cursor gate_cursor(const struct machine *machine);

/* -- record.c: what came in is written down ---------------------------------------------------- */

void record_begin(struct machine *machine);
void record_arrival(struct machine *machine, unsigned inlet_idx, const uint8_t *bytes,
                    size_t size_bytes);
void record_rate(struct machine *machine, struct rate rate);
void record_answer(struct machine *machine, unsigned share_idx, const uint8_t *reply,
                   size_t reply_bytes);
/** Between rounds. */
void record_look(struct machine *machine);
void record_end(struct machine *machine);

/* -- replay.c: it comes in again --------------------------------------------------------------- */

void replay_begin(struct machine *machine);
/** Lets in what came at this place. @return Something has. */
bool replay_admit(struct machine *machine);
/** What a shared folder answered here. @return false: the log has come to its end, and goes on. */
bool replay_answer(struct machine *machine, unsigned share_idx, struct answer *answer);
void replay_look_inside(struct machine *machine);
void replay_end(struct machine *machine);

/* narrow.c: where a replay differs, to the instruction. */

/** Is a moment kept wherever the state was as it was recorded? */
bool narrow_possible(const struct machine *machine);
/** Between turns: the state is as it was recorded. */
void narrow_mark(struct machine *machine);
/** The run has ended because it differs: adds to the error in which step, if that can be found. */
void narrow(struct machine *machine);

/** How LOG_END says it; a text follows. */
struct recorded_end {
    uint64_t code;
    uint64_t said; /* on all consoles */
    uint32_t reason, status; /* enum exit_reason */
    char hash[STATE_HASH_CHARS - 1];
};
/** And LOG_RATE. */
struct recorded_rate {
    uint64_t whole_ns, part, parts;
};

#endif
