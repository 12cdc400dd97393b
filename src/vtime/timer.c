/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Armed deadlines in a binary heap, ordered by (due, arming order), which no two timers share. */
#include "vtime/vtime.h"

#include <assert.h>
#include <stdlib.h>

void timers_init(struct timers *timers, uint64_t *order) {
    *timers = (struct timers){.order = order};
}

void timers_free(struct timers *timers) {
    free(timers->heap);
    timers_init(timers, timers->order);
}

bool timer_attach(struct timers *timers, struct timer *timer, timer_fn *fire, void *owner) {
    struct timer **heap = realloc(timers->heap, (timers->attached_count + 1) * sizeof *heap);
    if (heap == NULL) {
        return false;
    }
    timers->heap = heap;
    timers->attached_count++;
    *timer = (struct timer){.timers = timers, .fire = fire, .owner = owner, .heap_idx = TIMER_IDLE};
    return true;
}

/* -- The heap ---------------------------------------------------------------------------------- */

bool timer_before(const struct timer *a, const struct timer *b) {
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_place(struct timers *timers, size_t idx, struct timer *timer) {
    timers->heap[idx] = timer;
    timer->heap_idx = idx;
}

/** Moves @p timer from the free place @p idx towards the root, as far as it belongs. */
static void heap_rise(struct timers *timers, size_t idx, struct timer *timer) {
    while (idx > 0) {
        struct timer *parent = timers->heap[(idx - 1) / 2];
        if (timer_before(parent, timer)) {
            break;
        }
        heap_place(timers, idx, parent);
        idx = (idx - 1) / 2;
    }
    heap_place(timers, idx, timer);
}

/** Moves the free place @p idx down to a leaf, always by the earlier child. @return Where it ends.
 */
static size_t heap_sink(struct timers *timers, size_t idx) {
    for (size_t child = 2 * idx + 1; child < timers->armed_count; child = 2 * idx + 1) {
        if (child + 1 < timers->armed_count &&
            timer_before(timers->heap[child + 1], timers->heap[child])) {
            child++;
        }
        heap_place(timers, idx, timers->heap[child]);
        idx = child;
    }
    return idx;
}

/* -- Arming and cancelling --------------------------------------------------------------------- */

void timer_cancel(struct timer *timer) {
    if (!timer_armed(timer)) {
        return;
    }
    struct timers *timers = timer->timers;
    struct timer *last = timers->heap[--timers->armed_count];
    if (last != timer) {
        heap_rise(timers, heap_sink(timers, timer->heap_idx), last);
    }
    timer->heap_idx = TIMER_IDLE;
}

static void timer_place(struct timer *timer, vtime due_ns, uint64_t order) {
    struct timers *timers = timer->timers;
    assert(timers->armed_count < timers->attached_count);
    timer->due_ns = due_ns;
    timer->order = order;
    timer->armed_steps = timers->clock == NULL ? 0 : timers->clock->steps;
    if (timers->due_ns != NULL) {
        *timers->due_ns = min_i64(*timers->due_ns, timer->due_ns);
    }
    heap_rise(timers, timers->armed_count++, timer);
}

void timer_arm(struct timer *timer, vtime due) {
    struct timers *timers = timer->timers;
    timer_cancel(timer);
    if (due == VTIME_NEVER) {
        return;
    }
    timer_place(timer, max_i64(due, 0), (*timers->order)++);
}

/* -- Looking ----------------------------------------------------------------------------------- */

struct timer *timers_first(const struct timers *timers) {
    return timers->armed_count == 0 ? NULL : timers->heap[0];
}

vtime timers_due(const struct timers *timers) {
    return timers->armed_count == 0 ? VTIME_NEVER : timers->heap[0]->due_ns;
}

/* Deadlines that are set keep the order in which they were armed. */
void timer_state(struct timer *timer, struct stream *stream) {
    bool armed = timer_armed(timer);
    vtime due_ns = armed ? timer->due_ns : 0;
    uint64_t order = armed ? timer->order : 0;
    stream_bool(stream, &armed);
    stream_s64(stream, &due_ns);
    stream_u64(stream, &order);
    if (!stream_sets(stream)) {
        return;
    }
    timer_cancel(timer);
    if (armed && stream_expect(stream, due_ns >= 0, "holds a deadline before time 0")) {
        timer_place(timer, due_ns, order);
    }
}
