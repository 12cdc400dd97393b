/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Going back in time within a run. Private to machine/. */
#ifndef MACHINE_PAST_H
#define MACHINE_PAST_H

#include "machine/machine.h"

/* -- past.c: moments of a run that it can be put back to --------------------------------------- */

struct position machine_position(const struct machine *machine);
bool position_before(struct position a, struct position b);

/** Can this machine go back at all: one thread, no disk that is written to itself? */
bool past_possible(const struct machine *machine);
/** Between turns: makes now a moment to go back to. @return false: out of memory, no moments. */
bool past_mark(struct machine *machine);
/** Moments, numbered from 0, the oldest. None once the host had no memory to keep them. */
size_t past_count(struct machine *machine);
struct position past_position(const struct machine *machine, size_t idx);
/** What the moments cost the host [bytes]. */
uint64_t past_bytes(const struct machine *machine);
/**
 * Between turns: the machine is as it was at a moment, which stays; later ones are gone. What it
 * does again, up to where it has been, nobody hears.
 */
void past_back(struct machine *machine, size_t idx);
/** A moment is not needed any more; those behind it move down by one. */
void past_forget(struct machine *machine, size_t idx);
void past_forget_all(struct machine *machine);
/** Steps until the run is where it has been; UINT64_MAX when it is. */
uint64_t past_left_steps(const struct machine *machine);
/** To be called when the position has moved: is it there? */
void past_look(struct machine *machine);

/* -- travel.c: moments kept while a run goes on, and going to places near them ----------------- */

/**
 * From now on moments are kept, the first one here; those there were are gone.
 * @return false: the run cannot go back, or the host has no memory for it.
 */
bool travel_begin(struct machine *machine);
/** Between turns: takes a moment when it is time to. */
void travel_look(struct machine *machine);
/** Between turns: takes one, unless there is one here. */
void travel_mark(struct machine *machine);
/** Goes back to the last moment before a place. @return false: there is none. */
bool travel_back(struct machine *machine, struct position before);
/** Goes back to the first moment. */
void travel_first(struct machine *machine);
/** Goes to @p goal, which lies about @p steps after the start of the run. */
enum pause travel_forth(struct machine *machine, const struct goal *goal, uint64_t steps);

#endif
