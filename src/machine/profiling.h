/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a profile that grows. Private to machine/.
 *
 *      profile.c       begins and ends it
 *      tasks.c         whose steps a hart takes: what the harts see, to prof/linux.c
 *      functions.c     what code is called: symbols, and files that processes have mapped
 *      profile_tell.c  counts (hart/tally.c) with those names into a model (prof/profile.c) */
#ifndef MACHINE_PROFILING_H
#define MACHINE_PROFILING_H

#include "machine/machine.h"

/** Code that was met. */
struct code_place {
    vaddr pc;                    /* where it was met */
    paddr at;                    /* the same in memory, or TALLY_NOWHERE */
    uint8_t priv;                /* in which mode */
    const struct binary *binary; /* of a user's code; NULL: not known */
    uint64_t minus;              /* if it is: pc less this is an offset in the file */
};

/** Places that were met in a space whose files are not asked for yet. */
struct pending {
    const struct space *space;
    uint32_t *places;
    size_t count, room;
};

struct profiling {
    struct machine *machine;
    struct profile_plan plan;
    struct symbols *symbols;
    struct linux_view *view; /* NULL: what runs is no kernel */
    uint64_t kernel_virtual; /* where the kernel's image begins; 0: not known */
    struct code_place *places;
    size_t place_room;
    struct pending *pending; /* one a space */
    size_t pending_count, pending_room;
};

/** Into which profile. */
struct telling {
    struct profiling *profiling;
    struct profile *profile;
    struct sum *sums; /* by context */
    size_t sum_room;
};

/** An array whose entries are all zeros until they are set: makes room for that of index @p idx.
 * @return The array. */
void *zeroed_room(void *entries, size_t *room, size_t idx, size_t entry_bytes);

/* -- tasks.c ----------------------------------------------------------------------------------- */

/** The kernel's memory, as hart 0 has it mapped: struct kernel_memory's read. @param owner  The
 * machine. */
bool tasks_kernel_read(void *owner, uint64_t address, void *bytes, size_t size_bytes);
/** Begins to follow the guest's tasks. @return What harts are to tell of. */
struct tally_watch tasks_follow(struct profiling *profiling);
/** The model's task for a context's number and mode. */
uint32_t tasks_tell(const struct telling *telling, uint32_t task, enum privilege priv);

/* -- functions.c ------------------------------------------------------------------------------- */

/** Code in U was met for the first time. @param idx  Of its place. */
void functions_met(struct profiling *profiling, struct hart *hart, uint32_t idx, vaddr pc);
/** What lies in this space is about to change, or the space to go. */
void functions_space_change(struct profiling *profiling, const struct space *space);
/** All that can be known of places is known by now: no code runs any more. */
void functions_settle(struct profiling *profiling);
void functions_free(struct profiling *profiling);
/** The model's function for a place. */
uint32_t functions_tell(const struct telling *telling, const struct code_place *place);
/** The file of the place of that index, if it has one. */
const struct code_place *functions_place(const struct profiling *profiling, uint32_t idx);

#endif
