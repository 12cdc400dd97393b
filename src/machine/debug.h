/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a debugger does to a machine that stands still: goes to other places of its run, and changes
 * things. Private to machine/. */
#ifndef MACHINE_DEBUG_H
#define MACHINE_DEBUG_H

#include "machine/machine.h"

/* -- Other places of the run ------------------------------------------------------------------- */

/** Where going back has led. */
enum reverse {
    REVERSE_DONE,   /* to the step that was asked for */
    REVERSE_HIT,    /* to a point: see machine_hit() */
    REVERSE_BEGIN,  /* to the first step there is: nothing was met on the way */
    REVERSE_REFUSED /* nowhere */
};

/** Did something outside end the run, here and now, so that there is no way back? */
bool debug_cut_short(const struct machine *machine);
/** To where hart @p hart had taken one step less. @errors in REVERSE_REFUSED */
enum reverse debug_reverse_step(struct machine *machine, unsigned hart, struct error *error);
/** To the last hit before here. @errors in REVERSE_REFUSED */
enum reverse debug_reverse_continue(struct machine *machine, struct error *error);
/**
 * Forwards or back. What is counted is counted from where the past begins.
 * @errors STATUS_USAGE: this run cannot go back; there is no such hart or symbol; the run has
 *         ended, or somebody wanted it to pause, before it came there.
 */
enum status debug_seek(struct machine *machine, const struct destination *destination,
                       struct error *error);
/** Keeps what seeking back to here would need. */
enum status debug_snapshot(struct machine *machine, struct error *error);

/* -- Changes ----------------------------------------------------------------------------------- */

enum edit_kind { EDIT_REGISTER, EDIT_MEMORY };

/** A change that comes from a user, so an input. */
struct edit {
    enum edit_kind kind;
    unsigned hart, number; /* EDIT_REGISTER: as gdb numbers them */
    uint64_t value;
    paddr address; /* EDIT_MEMORY */
    const uint8_t *bytes;
    uint64_t size_bytes;
};

/**
 * The one way for edits. The run is marked as edited.
 * @return false: there is no such register, or no such RAM; then nothing has changed.
 */
bool debug_edit(struct machine *machine, const struct edit *edit);

#endif
