/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's time base: a grid of ticks on VIRTUAL plus an offset, and levels that follow it
 * exactly.
 *
 * The grid never moves: tick g covers [g x tick_ns, (g + 1) x tick_ns) of VIRTUAL. A guest that
 * writes the time base changes the offset, nothing else. Offsets and ticks are 64-bit and wrap; the
 * grid does not. */
#include "vtime/vtime.h"

#include <assert.h>

/* -- Reading and writing ----------------------------------------------------------------------- */

static uint64_t grid_now(const struct sched *sched, unsigned vcpu) {
    assert(vcpu < sched->vcpu_count);
    return (uint64_t)(clock_now(&sched->vcpus[vcpu].clock) / sched->tick_ns);
}

/* What must not fall is the place on the grid. So a write, or a wrap, is not mistaken for time
 * going back. */
uint64_t ticks_read(struct sched *sched, unsigned vcpu) {
    uint64_t grid = grid_now(sched, vcpu);
    if (sched->monotonic) {
        grid = grid > sched->ticks_seen ? grid : sched->ticks_seen;
        sched->ticks_seen = grid;
    }
    return grid + sched->vcpus[vcpu].tick_offset;
}

uint64_t ticks_peek(const struct sched *sched, unsigned vcpu) {
    struct clock clock = sched_clock(sched, vcpu);
    uint64_t grid = (uint64_t)(clock_now(&clock) / sched->tick_ns);
    bool seen = sched->monotonic && sched->ticks_seen > grid;
    return (seen ? sched->ticks_seen : grid) + sched->vcpus[vcpu].tick_offset;
}

void ticks_set(struct sched *sched, unsigned vcpu, uint64_t value) {
    ticks_set_offset(sched, vcpu, value - grid_now(sched, vcpu));
}

/* -- Comparators ------------------------------------------------------------------------------- */

/* Ticks on the grid until the level changes. While it is false, compare lies ahead without a wrap
 * in between. While it is true, only the wrap to 0 ends it; with compare = 0 nothing does. */
static uint64_t ticks_to_change(const struct comparator *comparator, uint64_t ticks) {
    if (ticks < comparator->compare) {
        return comparator->compare - ticks;
    }
    return comparator->compare == 0 ? UINT64_MAX : 0 - ticks;
}

/** Time of a place on the grid, VTIME_NEVER past the end. */
static vtime grid_time(const struct sched *sched, uint64_t grid) {
    if (grid > (uint64_t)(VTIME_NEVER / sched->tick_ns)) {
        return VTIME_NEVER;
    }
    return (vtime)grid * sched->tick_ns;
}

/* The level is told last, when all is in place: who is told may set the comparator again. */
static void comparator_update(struct comparator *comparator) {
    struct sched *sched = comparator->sched;
    uint64_t grid = grid_now(sched, comparator->vcpu);
    uint64_t ticks = grid + sched->vcpus[comparator->vcpu].tick_offset;
    bool level = false;
    timer_cancel(&comparator->timer);
    if (comparator->enabled) {
        level = ticks >= comparator->compare;
        uint64_t change = add_sat_u64(grid, ticks_to_change(comparator, ticks));
        timer_arm(&comparator->timer, grid_time(sched, change));
    }
    if (level != comparator->level) {
        comparator->level = level;
        comparator->change(comparator->owner, level);
    }
}

/** @param due_ns  When the level was, or is, to become true. */
static void comparator_tell(const struct comparator *comparator, bool fired, vtime due_ns) {
    const struct sched *sched = comparator->sched;
    if (sched->comparator_told != NULL) {
        sched->comparator_told(sched->comparator_owner, comparator, fired, due_ns);
    }
}

static void comparator_fire(void *owner) {
    struct comparator *comparator = owner;
    bool was = comparator->level;
    vtime due_ns = comparator->timer.due_ns;
    comparator_update(comparator);
    if (!was && comparator->level) {
        comparator_tell(comparator, true, due_ns);
    }
}

bool comparator_attach(struct sched *sched, unsigned vcpu, struct comparator *comparator,
                       comparator_fn *change, void *owner) {
    *comparator = (struct comparator){
        .sched = sched, .vcpu = vcpu, .compare = UINT64_MAX, .change = change, .owner = owner};
    struct vcpu *on = &sched->vcpus[vcpu];
    if (!timer_attach(&on->timers, &comparator->timer, comparator_fire, comparator)) {
        return false;
    }
    struct comparator **end = &on->comparators;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = comparator;
    return true;
}

void comparator_set(struct comparator *comparator, uint64_t compare, bool enabled) {
    comparator->compare = compare;
    comparator->enabled = enabled;
    bool was = comparator->level;
    comparator_update(comparator);
    if (!comparator->level && timer_armed(&comparator->timer)) {
        comparator_tell(comparator, false, comparator->timer.due_ns);
    } else if (!was && comparator->level) {
        comparator_tell(comparator, true,
                        clock_now(&comparator->sched->vcpus[comparator->vcpu].clock));
    }
}

void ticks_set_offset(struct sched *sched, unsigned vcpu, uint64_t offset) {
    sched->vcpus[vcpu].tick_offset = offset;
    for (struct comparator *at = sched->vcpus[vcpu].comparators; at != NULL; at = at->next) {
        comparator_update(at);
    }
}
