/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Destinations that are noticed when the run comes by. Private to machine/. */
#ifndef MACHINE_SIGHT_H
#define MACHINE_SIGHT_H

#include "machine/machine.h"

/** What a destination that is counted is wanted for. */
enum sight_role {
    SIGHT_STOP,
    SIGHT_TO,
    /* Those from here on are not of the past: who goes back keeps them as they are. */
    SIGHT_SEEK,   /* of a debugger */
    SIGHT_WINDOW, /* the next place of a profile's windows */
    SIGHT_ROLES
};
enum { SIGHT_ADDRESSES_MAX = 16 };

/** One that is looked out for: see sight.c. */
struct sight {
    struct destination wanted; /* DESTINATION_NONE: nothing is */
    uint64_t left;             /* how many more times */
    bool met;
    unsigned last_hart; /* who came by last, and when: nobody does twice at one position */
    uint64_t last_hart_steps;
    uint64_t addresses[SIGHT_ADDRESSES_MAX]; /* of a symbol */
    unsigned address_count;
    char line[DESTINATION_TEXT_MAX]; /* its last bytes */
    size_t line_count;
    bool line_counted; /* this line holds the text */
};

/**
 * From now on it is counted how often the run comes by.
 * @param wanted  destination_counted()
 * @errors STATUS_USAGE: no such symbol; STATUS_BAD_INPUT: a boot file without symbols.
 */
enum status sight_set(struct machine *machine, enum sight_role role,
                      const struct destination *wanted, struct error *error);
/** The first half of that: finds out what to look for. */
enum status sight_find(struct machine *machine, const struct destination *wanted,
                       struct sight *sight, struct error *error);
/** The second. @param sight  As found; copied. */
void sight_start(struct machine *machine, enum sight_role role, const struct sight *sight);
/** Nothing is looked out for yet. NULL: out of memory. */
struct sight *sights_new(void);
/** Looks out for what the options want, once the machine is booted. */
enum status sights_begin(struct machine *machine, struct error *error);
/** The machine is about to be freed. */
void sights_end(struct machine *machine);
/** No longer. */
void sight_clear(struct machine *machine, enum sight_role role);
/** Is anything counted whose count would be wrong where nothing was run? */
bool sights_count(const struct machine *machine);
/** All points have been removed: those that are needed are added. */
void sights_arm(struct machine *machine);
/** A point was met. @return It is one of a user's, too. */
bool sights_hit(struct machine *machine, struct hit *hit);
/** After a turn: ends the run or has it pause where it has come to what was wanted. */
void sights_look(struct machine *machine);

#endif
