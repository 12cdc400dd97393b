/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a profile lies in memory. Private to prof/. */
#ifndef PROF_MODEL_H
#define PROF_MODEL_H

#include "prof/intern.h"
#include "prof/profile.h"

struct track {
    struct profile_span *spans;
    uint32_t count;
    vtime grain_ns; /* spans shorter than this may have been made one; 0: none was */
};

/* Arrays with their counts. Their texts are those of `texts`. Keys number what is built; they are
 * of no more use behind profile_settle(). */
struct profile {
    struct profile_run run;
    struct profile_input *inputs;
    struct profile_window *windows;
    struct profile_module *modules;
    struct profile_function *functions;
    struct profile_task *tasks;
    struct profile_context *contexts;
    struct profile_address *addresses;
    struct profile_interval *intervals;
    struct track *tracks; /* of hart h: PROFILE_TRACKS from h * PROFILE_TRACKS on */
    uint32_t input_count, window_count, module_count, function_count, task_count, context_count,
        address_count, interval_count, track_count;

    bool hosted; /* host is set */
    struct profile_host host;
    struct profile_region *regions;
    uint32_t region_count;

    struct texts texts;
    struct keys module_keys, function_keys, task_keys, context_keys, address_keys, interval_keys,
        region_keys;
};

/** Makes spans of a track one with others, until there are at most PROFILE_SPANS_MAX. */
void track_thin(struct track *track);

/* -- settle.c: the one order ------------------------------------------------------------------- */

/* Each is negative, 0 or positive, as strcmp() is. In a settled profile everything that comes later
 * is greater; the same is asked of a file. */

int module_compare(const struct profile_module *a, const struct profile_module *b);
int function_compare(const struct profile_function *a, const struct profile_function *b);
int task_compare(const struct profile_task *a, const struct profile_task *b);
/** Of two with the same parent. */
int context_compare(const struct profile_context *a, const struct profile_context *b);
int interval_compare(const struct profile_interval *a, const struct profile_interval *b);
int address_compare(const struct profile_address *a, const struct profile_address *b);
int region_compare(const struct profile_region *a, const struct profile_region *b);

#endif
