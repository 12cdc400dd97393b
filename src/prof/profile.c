/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a profile, and asking what is in it. */
#include <stdlib.h>
#include <string.h>

#include "prof/model.h"

struct profile *profile_new(void) {
    struct profile *profile = calloc(1, sizeof *profile);
    ensure(profile != NULL);
    profile_set_run(profile, &(struct profile_run){.hart_count = 1});
    return profile;
}

void profile_free(struct profile *profile) {
    if (profile == NULL) {
        return;
    }
    for (uint32_t i = 0; i < profile->track_count; i++) {
        free(profile->tracks[i].spans);
    }
    void *const arrays[] = {profile->inputs,    profile->windows,   profile->modules,
                            profile->functions, profile->tasks,     profile->contexts,
                            profile->addresses, profile->intervals, profile->tracks,
                            profile->regions};
    for (size_t i = 0; i < COUNT(arrays); i++) {
        free(arrays[i]);
    }
    struct keys *const keys[] = {&profile->module_keys,  &profile->function_keys,
                                 &profile->task_keys,    &profile->context_keys,
                                 &profile->address_keys, &profile->interval_keys,
                                 &profile->region_keys};
    for (size_t i = 0; i < COUNT(keys); i++) {
        keys_free(keys[i]);
    }
    texts_free(&profile->texts);
    free(profile);
}

/* -- The run ----------------------------------------------------------------------------------- */

static const char *keep(struct profile *profile, const char *text) {
    return texts_keep(&profile->texts, text);
}

void profile_set_run(struct profile *profile, const struct profile_run *run) {
    ensure(run->hart_count > 0 && run->hart_count <= PROFILE_HARTS_MAX);
    profile->run = *run;
    const char **const texts[] = {&profile->run.command, &profile->run.version,
                                  &profile->run.exactness, &profile->run.schedule,
                                  &profile->run.end};
    for (size_t i = 0; i < COUNT(texts); i++) {
        *texts[i] = keep(profile, *texts[i]);
    }
}

void profile_add_input(struct profile *profile, const struct profile_input *input) {
    profile->inputs = array_grow(profile->inputs, profile->input_count, sizeof *input);
    profile->inputs[profile->input_count++] =
        (struct profile_input){.role = keep(profile, input->role),
                               .path = keep(profile, input->path),
                               .digest = keep(profile, input->digest)};
}

void profile_add_window(struct profile *profile, const struct profile_window *window) {
    profile->windows = array_grow(profile->windows, profile->window_count, sizeof *window);
    struct profile_window *added = &profile->windows[profile->window_count++];
    *added = *window;
    added->from = keep(profile, window->from);
    added->to = keep(profile, window->to);
}

/* -- Names ------------------------------------------------------------------------------------- */

static uint64_t word(const char *text) {
    return (uint64_t)(uintptr_t)text;
}

uint32_t profile_add_module(struct profile *profile, const struct profile_module *module) {
    struct profile_module added = {keep(profile, module->name), keep(profile, module->build)};
    bool fresh;
    uint32_t idx = keys_get(&profile->module_keys,
                            (uint64_t[KEY_WORDS]){word(added.name), word(added.build)}, &fresh);
    if (fresh) {
        profile->modules = array_grow(profile->modules, profile->module_count++, sizeof added);
        profile->modules[idx] = added;
    }
    return idx;
}

uint32_t profile_add_function(struct profile *profile, const struct profile_function *function) {
    ensure(function->module == PROFILE_NONE || function->module < profile->module_count);
    struct profile_function added = *function;
    added.name = keep(profile, function->name);
    bool fresh;
    uint32_t idx = keys_get(
        &profile->function_keys,
        (uint64_t[KEY_WORDS]){word(added.name), added.module, added.address, added.size_bytes},
        &fresh);
    if (fresh) {
        profile->functions =
            array_grow(profile->functions, profile->function_count++, sizeof added);
        profile->functions[idx] = added;
    }
    return idx;
}

uint32_t profile_add_task(struct profile *profile, const struct profile_task *task) {
    ensure(task->kind < PROFILE_TASK_KINDS);
    struct profile_task added = *task;
    added.process = keep(profile, task->process);
    added.thread = keep(profile, task->thread);
    uint64_t numbers = (uint64_t)added.pid << 32 | added.tid;
    /* The names of two kinds may be the same: there are few kinds, and names lie apart. */
    uint64_t names[2] = {word(added.process), word(added.thread)};
    bool fresh;
    uint32_t idx = keys_get(&profile->task_keys,
                            (uint64_t[KEY_WORDS]){numbers, (uint64_t)added.since_ns,
                                                  names[0] << 3 | added.kind, names[1]},
                            &fresh);
    if (fresh) {
        profile->tasks = array_grow(profile->tasks, profile->task_count++, sizeof added);
        profile->tasks[idx] = added;
    }
    return idx;
}

/* -- Contexts ---------------------------------------------------------------------------------- */

static uint32_t context_add(struct profile *profile, const struct profile_context *context) {
    uint64_t key[KEY_WORDS] = {context->parent, context->function, context->mode,
                               (uint64_t)context->task << 16 | context->hart};
    bool fresh;
    uint32_t idx = keys_get(&profile->context_keys, key, &fresh);
    if (fresh) {
        profile->contexts =
            array_grow(profile->contexts, profile->context_count++, sizeof *context);
        profile->contexts[idx] = *context;
    }
    return idx;
}

uint32_t profile_add_root(struct profile *profile, uint16_t hart, uint32_t task) {
    ensure(hart < PROFILE_HARTS_MAX && task < profile->task_count);
    struct profile_context root = {.parent = PROFILE_NONE,
                                   .function = PROFILE_NONE,
                                   .task = task,
                                   .hart = hart,
                                   .first_ns = -1,
                                   .last_ns = -1};
    return context_add(profile, &root);
}

uint32_t profile_add_call(struct profile *profile, uint32_t context, uint32_t function,
                          enum profile_mode mode) {
    ensure(context < profile->context_count && function < profile->function_count);
    struct profile_context call = {.parent = context,
                                   .function = function,
                                   .task = profile->contexts[context].task,
                                   .hart = profile->contexts[context].hart,
                                   .mode = (uint8_t)mode,
                                   .first_ns = -1,
                                   .last_ns = -1};
    return context_add(profile, &call);
}

static void counts_add(struct profile_counts *sum, const struct profile_counts *counts) {
    bool lost = __builtin_add_overflow(sum->self, counts->self, &sum->self);
    lost |= __builtin_add_overflow(sum->instructions, counts->instructions, &sum->instructions);
    lost |= __builtin_add_overflow(sum->calls, counts->calls, &sum->calls);
    ensure(!lost);
}

void profile_count(struct profile *profile, uint32_t context, const struct profile_counts *counts) {
    ensure(context < profile->context_count && profile->contexts[context].parent != PROFILE_NONE);
    counts_add(&profile->contexts[context].counts, counts);
}

void profile_seen(struct profile *profile, uint32_t context, vtime first_ns, vtime last_ns) {
    ensure(context < profile->context_count && first_ns >= 0 && first_ns <= last_ns);
    struct profile_context *seen = &profile->contexts[context];
    seen->first_ns = seen->first_ns < 0 ? first_ns : min_i64(seen->first_ns, first_ns);
    seen->last_ns = max_i64(seen->last_ns, last_ns);
}

void profile_count_address(struct profile *profile, uint32_t function, uint64_t offset,
                           const struct profile_counts *counts) {
    ensure(function < profile->function_count);
    bool fresh;
    uint32_t idx =
        keys_get(&profile->address_keys, (uint64_t[KEY_WORDS]){function, offset}, &fresh);
    if (fresh) {
        profile->addresses =
            array_grow(profile->addresses, profile->address_count++, sizeof *profile->addresses);
        profile->addresses[idx] = (struct profile_address){.function = function, .offset = offset};
    }
    counts_add(&profile->addresses[idx].counts, counts);
}

/* -- Intervals --------------------------------------------------------------------------------- */

uint32_t profile_add_interval(struct profile *profile, const struct profile_interval *interval) {
    ensure(interval->parent == PROFILE_NONE || interval->parent < profile->interval_count);
    ensure(interval->task == PROFILE_NONE || interval->task < profile->task_count);
    const char *name = keep(profile, interval->name);
    bool fresh;
    uint32_t idx = keys_get(
        &profile->interval_keys,
        (uint64_t[KEY_WORDS]){interval->parent, interval->task, interval->probe, word(name)},
        &fresh);
    if (fresh) {
        profile->intervals =
            array_grow(profile->intervals, profile->interval_count++, sizeof *interval);
        profile->intervals[idx] = (struct profile_interval){.parent = interval->parent,
                                                            .task = interval->task,
                                                            .probe = interval->probe,
                                                            .name = name};
    }
    return idx;
}

void profile_interval_add(struct profile_interval *measured, uint64_t steps, uint64_t ns) {
    bool first = measured->count++ == 0;
    measured->steps_min = first ? steps : min_u64(measured->steps_min, steps);
    measured->ns_min = first ? ns : min_u64(measured->ns_min, ns);
    measured->steps_max = measured->steps_max > steps ? measured->steps_max : steps;
    measured->ns_max = measured->ns_max > ns ? measured->ns_max : ns;
    measured->steps_sum = add_sat_u64(measured->steps_sum, steps);
    measured->ns_sum = add_sat_u64(measured->ns_sum, ns);
    measured->steps_spread[profile_bucket(steps)]++;
    measured->ns_spread[profile_bucket(ns)]++;
}

void profile_measure(struct profile *profile, uint32_t interval, uint64_t steps, uint64_t ns) {
    ensure(interval < profile->interval_count);
    profile_interval_add(&profile->intervals[interval], steps, ns);
}

void profile_measure_all(struct profile *profile, uint32_t interval,
                         const struct profile_interval *sum) {
    ensure(interval < profile->interval_count);
    struct profile_interval *all = &profile->intervals[interval];
    if (sum->count > 0) {
        bool first = all->count == 0;
        all->steps_min = first ? sum->steps_min : min_u64(all->steps_min, sum->steps_min);
        all->ns_min = first ? sum->ns_min : min_u64(all->ns_min, sum->ns_min);
        all->steps_max = all->steps_max > sum->steps_max ? all->steps_max : sum->steps_max;
        all->ns_max = all->ns_max > sum->ns_max ? all->ns_max : sum->ns_max;
    }
    all->count += sum->count;
    all->open_count += sum->open_count;
    all->steps_sum = add_sat_u64(all->steps_sum, sum->steps_sum);
    all->ns_sum = add_sat_u64(all->ns_sum, sum->ns_sum);
    for (unsigned i = 0; i < PROFILE_BUCKETS; i++) {
        all->steps_spread[i] += sum->steps_spread[i];
        all->ns_spread[i] += sum->ns_spread[i];
    }
}

void profile_leave_open(struct profile *profile, uint32_t interval) {
    ensure(interval < profile->interval_count);
    profile->intervals[interval].open_count++;
}

/* -- The host's cost --------------------------------------------------------------------------- */

void profile_set_host(struct profile *profile, const struct profile_host *host) {
    profile->hosted = true;
    profile->host = *host;
}

void profile_add_region(struct profile *profile, const struct profile_region *region) {
    struct profile_region added = *region;
    added.function = keep(profile, region->function);
    added.module = keep(profile, region->module);
    bool fresh;
    uint32_t idx = keys_get(
        &profile->region_keys,
        (uint64_t[KEY_WORDS]){word(added.function), word(added.module), added.address}, &fresh);
    if (fresh) {
        profile->regions = array_grow(profile->regions, profile->region_count++, sizeof added);
        profile->regions[idx] = added;
        return;
    }
    struct profile_region *sum = &profile->regions[idx];
    sum->translate_ns = add_sat_u64(sum->translate_ns, added.translate_ns);
    sum->execute_ns = add_sat_u64(sum->execute_ns, added.execute_ns);
    sum->translations = add_sat_u64(sum->translations, added.translations);
}

/* -- What there is ----------------------------------------------------------------------------- */

const struct profile_run *profile_run(const struct profile *profile) {
    return &profile->run;
}

const char *profile_unit(const struct profile *profile) {
    return profile->run.kind == PROFILE_SAMPLED ? "samples" : "steps";
}

const struct profile_input *profile_inputs(const struct profile *profile, uint32_t *count) {
    *count = profile->input_count;
    return profile->inputs;
}

const struct profile_window *profile_windows(const struct profile *profile, uint32_t *count) {
    *count = profile->window_count;
    return profile->windows;
}

const struct profile_module *profile_modules(const struct profile *profile, uint32_t *count) {
    *count = profile->module_count;
    return profile->modules;
}

const struct profile_function *profile_functions(const struct profile *profile, uint32_t *count) {
    *count = profile->function_count;
    return profile->functions;
}

const struct profile_task *profile_tasks(const struct profile *profile, uint32_t *count) {
    *count = profile->task_count;
    return profile->tasks;
}

const struct profile_context *profile_contexts(const struct profile *profile, uint32_t *count) {
    *count = profile->context_count;
    return profile->contexts;
}

const struct profile_address *profile_addresses(const struct profile *profile, uint32_t *count) {
    *count = profile->address_count;
    return profile->addresses;
}

const struct profile_interval *profile_intervals(const struct profile *profile, uint32_t *count) {
    *count = profile->interval_count;
    return profile->intervals;
}

const struct profile_host *profile_host(const struct profile *profile) {
    return profile->hosted ? &profile->host : NULL;
}

const struct profile_region *profile_regions(const struct profile *profile, uint32_t *count) {
    *count = profile->region_count;
    return profile->regions;
}
