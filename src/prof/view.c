/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of a profile, as profiles: so nobody who shows one has to know of filters. */
#include <stdlib.h>
#include <string.h>

#include "prof/model.h"

/* A part in the making. */
struct part {
    const struct profile *from;
    const struct profile_view *view;
    struct profile *to;
    uint32_t *functions; /* by index in from; PROFILE_NONE: not there yet */
};

static uint32_t function_take(struct part *part, uint32_t idx) {
    if (part->functions[idx] == PROFILE_NONE) {
        struct profile_function function = part->from->functions[idx];
        if (function.module != PROFILE_NONE) {
            function.module = profile_add_module(part->to, &part->from->modules[function.module]);
        }
        part->functions[idx] = profile_add_function(part->to, &function);
    }
    return part->functions[idx];
}

static bool root_wanted(const struct part *part, const struct profile_context *root) {
    const struct profile_view *view = part->view;
    const char *process = profile_process_text(&part->from->tasks[root->task]);
    return (!view->one_hart || root->hart == view->hart) &&
           (view->process == NULL || strcmp(process, view->process) == 0);
}

static uint32_t root_take(struct part *part, const struct profile_context *root) {
    struct profile_task task = part->from->tasks[root->task];
    uint16_t hart = root->hart;
    if (part->view->roots == PROFILE_BY_PROCESS) {
        const char *process = profile_process_text(&task);
        task = (struct profile_task){.kind = PROFILE_TASK_USER, .process = process};
        hart = 0;
    }
    return profile_add_root(part->to, hart, profile_add_task(part->to, &task));
}

static bool view_is_whole(const struct profile_view *view) {
    return view->modes == 0 && view->process == NULL && !view->one_hart;
}

/* What is not of contexts belongs to the whole: of a part it would be wrong. */
static void rest_take(struct part *part) {
    const struct profile *from = part->from;
    for (uint32_t i = 0; i < from->input_count; i++) {
        profile_add_input(part->to, &from->inputs[i]);
    }
    for (uint32_t i = 0; i < from->window_count; i++) {
        profile_add_window(part->to, &from->windows[i]);
    }
    for (uint32_t i = 0; view_is_whole(part->view) && i < from->address_count; i++) {
        const struct profile_address *address = &from->addresses[i];
        profile_count_address(part->to, function_take(part, address->function), address->offset,
                              &address->counts);
    }
}

static void contexts_take(struct part *part) {
    const struct profile *from = part->from;
    uint32_t *places = calloc((size_t)from->context_count + 1, sizeof *places);
    ensure(places != NULL);
    for (uint32_t i = 0; i < from->context_count; i++) {
        const struct profile_context *context = &from->contexts[i];
        if (context->parent == PROFILE_NONE) {
            places[i] = root_wanted(part, context) ? root_take(part, context) : PROFILE_NONE;
            continue;
        }
        places[i] = places[context->parent];
        bool wanted = part->view->modes == 0 || (part->view->modes >> context->mode & 1) != 0;
        if (places[i] == PROFILE_NONE || !wanted) {
            continue;
        }
        uint32_t function = function_take(part, context->function);
        places[i] = profile_add_call(part->to, places[i], function, context->mode);
        profile_count(part->to, places[i], &context->counts);
        if (context->first_ns >= 0) {
            profile_seen(part->to, places[i], context->first_ns, context->last_ns);
        }
    }
    free(places);
}

struct profile *profile_part(const struct profile *profile, const struct profile_view *view) {
    struct part part = {.from = profile, .view = view, .to = profile_new()};
    part.functions = malloc((profile->function_count + 1) * sizeof *part.functions);
    ensure(part.functions != NULL);
    memset(part.functions, 0xff, (profile->function_count + 1) * sizeof *part.functions);
    profile_set_run(part.to, &profile->run);
    contexts_take(&part);
    rest_take(&part);
    profile_settle(part.to);
    free(part.functions);
    return part.to;
}
