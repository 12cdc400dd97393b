/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run executed, and what of it is looked at. A part of machine/machine.h, which others
 * include. */
#ifndef MACHINE_PROFILE_H
#define MACHINE_PROFILE_H

#include <string.h>

#include "machine/destination.h"
#include "prof/prof.h"

struct machine;

enum { SYMBOL_FILES_MAX = 8 };

/** An ELF file with names for code that the machine is not given as an ELF file. */
struct symbol_file {
    const char *path;
    bool placed;      /* it lies elsewhere than it was linked to lie: */
    uint64_t address; /* where its first segment does */
};

enum { PROBES_MAX = 32 };

/** What of a run is looked at. */
struct profile_plan {
    enum profile_kind kind;  /* how steps are counted */
    struct sysroot *sysroot; /* symbols of user programs; NULL: there are none. Not owned. */
    uint64_t sample_steps;   /* of PROFILE_SAMPLED: mean distance, at least 1 */
    uint64_t sample_seed;    /* what distances are drawn from */
    struct window windows[WINDOWS_MAX]; /* where it is looked at, one behind the other */
    unsigned window_count;              /* [0, WINDOWS_MAX]; 0: everywhere */
    const char *probes[PROBES_MAX];     /* functions that are measured from entry to exit: SYMBOL,
                                           FILE:SYMBOL of programs, MODULE:SYMBOL of a kernel */
    unsigned probe_count;
    bool markers;     /* what the guest marks is measured, and shown when it happens */
    bool no_timeline; /* what happened when is not kept */
    bool by_address;  /* PROFILE_FLAT: each instruction's counts are kept apart */
};

/**
 * Before the first step: from now on what is executed is counted, by task and function.
 * @param plan  Copied; what it points to outlives the machine.
 * @errors STATUS_USAGE: out of memory, a window at a symbol that there is not, or such a probe.
 *         STATUS_BAD_INPUT: a probe in a file that there is not.
 */
enum status machine_profile(struct machine *machine, const struct profile_plan *plan,
                            struct error *error);
/** How many samples were taken, and of how many callers are known. */
void machine_profile_samples(const struct machine *machine, uint64_t *count, uint64_t *deep_count);
/** Is it looked at? */
bool machine_profiled(const struct machine *machine);
/** When it has ended: adds all that was counted, and the windows where that was, but not what the
 * run was (profile_set_run()). */
void machine_profile_tell(struct machine *machine, struct profile *profile);
/** How many windows never began, since the run did not come to them: the last ones of the plan.
 * Requires: machine_profiled(). */
unsigned machine_windows_missed(const struct machine *machine);

enum { PROBE_LINE_CHARS = 400 };

/** What probes could not measure, a line each. @return false: @p idx is not below their number.
 * Requires: machine_profiled(). */
bool machine_probes_missed(const struct machine *machine, unsigned idx,
                           char line[PROBE_LINE_CHARS]);

/** Is a probe one of a process's functions? */
static inline bool probe_is_user(const char *probe) {
    return strchr(probe, '/') != NULL;
}

/* -- live.c: what it sees while it grows ------------------------------------------------------- */

enum { PROFILE_LIVE_CHARS = 40 };

struct profile_live {
    char function[PROFILE_LIVE_CHARS]; /* where harts were, in most of the last looks; "": none */
    unsigned in_percent;               /* of these */
    unsigned window, window_count;     /* which one, from 1; how many, 0 if none was asked for */
    bool counts;                       /* it has begun, and has not ended */
    struct headway headway;            /* to where it ends, or begins if it has not */
};

/** Looks at the harts; for who is told of progress. Nothing that is counted is another for it. */
void machine_profile_live(const struct machine *machine, struct profile_live *live);

#endif
