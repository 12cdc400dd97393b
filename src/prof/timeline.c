/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spans of time by hart, exact as long as there is room for them.
 *
 * A track may get millions of spans: every system call is one. So when there are twice as many as
 * it may hold, neighbours that are short become one, which knows how many it stands for and how
 * much of its time was theirs; "short" doubles until there is room. What is left looks the same
 * from afar: long spans are as they were, and no merged one is much longer than "short". The
 * outcome hangs on the track's own spans alone, so it is the same in every run. */
#include <stdlib.h>
#include <string.h>

#include "prof/model.h"

/* How many times "short" a merged span may be. */
enum { MERGED_GRAINS = 4 };

static enum profile_track track_of(enum profile_span_kind kind) {
    switch (kind) {
    case PROFILE_SPAN_TASK:
    case PROFILE_SPAN_IDLE:
        return PROFILE_TRACK_TASKS;
    case PROFILE_SPAN_TRAP:
    case PROFILE_SPAN_INTERRUPT:
        return PROFILE_TRACK_TRAPS;
    default:
        return PROFILE_TRACK_EVENTS;
    }
}

/* May the next span become one with what has been gathered so far? */
static bool joins(const struct profile_span *sum, const struct profile_span *next, vtime grain_ns) {
    return next->to_ns - next->from_ns < grain_ns && next->from_ns - sum->to_ns < grain_ns &&
           next->to_ns - sum->from_ns < MERGED_GRAINS * grain_ns;
}

static void join(struct profile_span *sum, const struct profile_span *next, uint64_t *most_ns) {
    struct profile_span joined = next->busy_ns > *most_ns ? *next : *sum;
    *most_ns = next->busy_ns > *most_ns ? next->busy_ns : *most_ns;
    joined.from_ns = sum->from_ns;
    joined.to_ns = next->to_ns;
    joined.count = (uint32_t)min_u64((uint64_t)sum->count + next->count, UINT32_MAX);
    joined.busy_ns = sum->busy_ns + next->busy_ns;
    *sum = joined;
}

static void pass(struct track *track, vtime grain_ns) {
    struct profile_span *spans = track->spans;
    uint32_t count = 0;
    uint64_t most_ns = 0; /* of those in the last span */
    for (uint32_t i = 0; i < track->count; i++) {
        struct profile_span *last = &spans[count - 1];
        if (count > 0 && last->to_ns - last->from_ns < MERGED_GRAINS * grain_ns &&
            most_ns < (uint64_t)grain_ns && joins(last, &spans[i], grain_ns)) {
            join(last, &spans[i], &most_ns);
        } else {
            most_ns = spans[i].to_ns - spans[i].from_ns < grain_ns ? spans[i].busy_ns : UINT64_MAX;
            spans[count++] = spans[i];
        }
    }
    track->count = count;
    track->grain_ns = grain_ns;
}

void track_thin(struct track *track) {
    enum { GRAIN_MIN_NS = 64 };
    /* First as far as was done before: what came since may be enough. */
    for (vtime grain_ns = max_i64(track->grain_ns, GRAIN_MIN_NS); track->count > PROFILE_SPANS_MAX;
         grain_ns *= 2) {
        pass(track, grain_ns);
    }
}

static struct track *track_get(struct profile *profile, uint16_t hart, enum profile_track which) {
    uint32_t count = ((uint32_t)hart + 1) * PROFILE_TRACKS;
    if (count > profile->track_count) {
        profile->tracks = reallocarray(profile->tracks, count, sizeof *profile->tracks);
        ensure(profile->tracks != NULL);
        memset(profile->tracks + profile->track_count, 0,
               (count - profile->track_count) * sizeof *profile->tracks);
        profile->track_count = count;
    }
    return &profile->tracks[hart * PROFILE_TRACKS + which];
}

static void span_append(struct track *track, const struct profile_span *span) {
    if (track->spans == NULL) {
        track->spans = calloc(2 * PROFILE_SPANS_MAX, sizeof *track->spans);
        ensure(track->spans != NULL);
    }
    track->spans[track->count++] = *span;
    if (track->count == 2 * PROFILE_SPANS_MAX) {
        track_thin(track);
    }
}

void profile_add_span(struct profile *profile, uint16_t hart, const struct profile_span *span) {
    ensure(hart < PROFILE_HARTS_MAX && span->kind < PROFILE_SPAN_KINDS && span->from_ns >= 0);
    ensure(span->task == PROFILE_NONE || span->task < profile->task_count);
    struct track *track = track_get(profile, hart, track_of(span->kind));
    struct profile_span added = *span;
    if (track->count > 0) {
        added.from_ns = max_i64(added.from_ns, track->spans[track->count - 1].to_ns);
    }
    added.to_ns = max_i64(added.to_ns, added.from_ns);
    added.name = texts_keep(&profile->texts, span->name);
    added.count = 1;
    added.busy_ns = (uint64_t)(added.to_ns - added.from_ns);
    span_append(track, &added);
}

void profile_take_spans(struct profile *profile, const struct profile *from,
                        const uint32_t *tasks) {
    for (uint32_t i = 0; i < from->track_count; i++) {
        const struct track *given = &from->tracks[i];
        struct track *track = track_get(profile, (uint16_t)(i / PROFILE_TRACKS),
                                        (enum profile_track)(i % PROFILE_TRACKS));
        track->grain_ns = max_i64(track->grain_ns, given->grain_ns);
        for (uint32_t at = 0; at < given->count; at++) {
            struct profile_span span = given->spans[at];
            span.name = texts_keep(&profile->texts, span.name);
            span.task = span.task == PROFILE_NONE ? PROFILE_NONE : tasks[span.task];
            ensure(span.task == PROFILE_NONE || span.task < profile->task_count);
            span_append(track, &span);
        }
    }
}

static const struct track *track_find(const struct profile *profile, uint16_t hart,
                                      enum profile_track which) {
    static const struct track none;
    uint32_t idx = (uint32_t)hart * PROFILE_TRACKS + which;
    return idx < profile->track_count ? &profile->tracks[idx] : &none;
}

const struct profile_span *profile_spans(const struct profile *profile, uint16_t hart,
                                         enum profile_track track, uint32_t *count) {
    *count = track_find(profile, hart, track)->count;
    return track_find(profile, hart, track)->spans;
}

vtime profile_spans_grain(const struct profile *profile, uint16_t hart, enum profile_track track) {
    return track_find(profile, hart, track)->grain_ns;
}
