/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one order of a profile.
 *
 * Engines, replays and views find the same things in another order each. So that equal profiles are
 * equal bytes, all gets the order of what it is, not of when it came: names by their bytes, then
 * what refers to them. A tree is written root by root, each node before what is below it. What
 * nobody refers to is left out: whether it was ever added hangs on how somebody counts. */
#include <stdlib.h>
#include <string.h>

#include "prof/model.h"

/* -- What comes first -------------------------------------------------------------------------- */

static int number_compare(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b;
}

int module_compare(const struct profile_module *a, const struct profile_module *b) {
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : strcmp(a->build, b->build);
}

int function_compare(const struct profile_function *a, const struct profile_function *b) {
    int order = number_compare(a->module, b->module);
    order = order != 0 ? order : number_compare(a->address, b->address);
    order = order != 0 ? order : strcmp(a->name, b->name);
    return order != 0 ? order : number_compare(a->size_bytes, b->size_bytes);
}

int task_compare(const struct profile_task *a, const struct profile_task *b) {
    int order = number_compare(a->kind, b->kind);
    order = order != 0 ? order : number_compare(a->pid, b->pid);
    order = order != 0 ? order : number_compare(a->tid, b->tid);
    order = order != 0 ? order : number_compare((uint64_t)a->since_ns, (uint64_t)b->since_ns);
    order = order != 0 ? order : strcmp(a->process, b->process);
    return order != 0 ? order : strcmp(a->thread, b->thread);
}

int context_compare(const struct profile_context *a, const struct profile_context *b) {
    if (a->parent == PROFILE_NONE) {
        int order = number_compare(a->hart, b->hart);
        return order != 0 ? order : number_compare(a->task, b->task);
    }
    int order = number_compare(a->function, b->function);
    return order != 0 ? order : number_compare(a->mode, b->mode);
}

int interval_compare(const struct profile_interval *a, const struct profile_interval *b) {
    int order = number_compare(a->probe, b->probe);
    order = order != 0 ? order : strcmp(a->name, b->name);
    return order != 0 ? order : number_compare(a->task, b->task);
}

int address_compare(const struct profile_address *a, const struct profile_address *b) {
    int order = number_compare(a->function, b->function);
    return order != 0 ? order : number_compare(a->offset, b->offset);
}

int region_compare(const struct profile_region *a, const struct profile_region *b) {
    int order = number_compare(add_sat_u64(b->translate_ns, b->execute_ns),
                               add_sat_u64(a->translate_ns, a->execute_ns));
    order = order != 0 ? order : number_compare(b->translate_ns, a->translate_ns);
    order = order != 0 ? order : strcmp(a->module, b->module);
    order = order != 0 ? order : strcmp(a->function, b->function);
    return order != 0 ? order : number_compare(a->address, b->address);
}

/* -- New places -------------------------------------------------------------------------------- */

/* Elements that stay, and where they go. */
struct order {
    uint32_t *from; /* by new place */
    uint32_t *to;   /* by old place; PROFILE_NONE: left out */
    uint32_t count; /* of new places */
};

static struct order order_new(uint32_t room, const bool *kept) {
    struct order order = {.from = calloc(room + 1, sizeof *order.from),
                          .to = calloc(room + 1, sizeof *order.to)};
    ensure(order.from != NULL && order.to != NULL);
    for (uint32_t i = 0; i < room; i++) {
        if (kept[i]) {
            order.from[order.count++] = i;
        }
    }
    memset(order.to, 0xff, room * sizeof *order.to);
    return order;
}

static void order_invert(const struct order *order) {
    for (uint32_t i = 0; i < order->count; i++) {
        order->to[order->from[i]] = i;
    }
}

/* @return The array in the order; the old one is gone. */
static void *order_apply(struct order *order, void *array, size_t size_bytes) {
    uint8_t *moved = pages_alloc((order->count + (size_t)1) * size_bytes);
    ensure(moved != NULL);
    for (uint32_t i = 0; i < order->count; i++) {
        memcpy(moved + i * size_bytes, (uint8_t *)array + order->from[i] * size_bytes, size_bytes);
    }
    free(array);
    return moved;
}

static void order_free(struct order *order) {
    free(order->from);
    free(order->to);
}

static void refer(const struct order *order, uint32_t *idx) {
    *idx = *idx == PROFILE_NONE ? PROFILE_NONE : order->to[*idx];
}

static bool *flags_new(uint32_t count) {
    bool *flags = calloc(count + 1, sizeof *flags);
    ensure(flags != NULL);
    return flags;
}

static void flag(bool *flags, uint32_t idx) {
    if (idx != PROFILE_NONE) {
        flags[idx] = true;
    }
}

/* -- Comparing by index, for qsort_r ----------------------------------------------------------- */

static int modules_order(const void *a, const void *b, void *owner) {
    const struct profile *profile = owner;
    return module_compare(&profile->modules[*(const uint32_t *)a],
                          &profile->modules[*(const uint32_t *)b]);
}

static int functions_order(const void *a, const void *b, void *owner) {
    const struct profile *profile = owner;
    return function_compare(&profile->functions[*(const uint32_t *)a],
                            &profile->functions[*(const uint32_t *)b]);
}

static int tasks_order(const void *a, const void *b, void *owner) {
    const struct profile *profile = owner;
    return task_compare(&profile->tasks[*(const uint32_t *)a],
                        &profile->tasks[*(const uint32_t *)b]);
}

static int contexts_order(const void *a, const void *b, void *owner) {
    const struct profile *profile = owner;
    const struct profile_context *left = &profile->contexts[*(const uint32_t *)a];
    const struct profile_context *right = &profile->contexts[*(const uint32_t *)b];
    int order = number_compare(left->parent, right->parent);
    return order != 0 ? order : context_compare(left, right);
}

static int intervals_order(const void *a, const void *b, void *owner) {
    const struct profile *profile = owner;
    const struct profile_interval *left = &profile->intervals[*(const uint32_t *)a];
    const struct profile_interval *right = &profile->intervals[*(const uint32_t *)b];
    int order = number_compare(left->parent, right->parent);
    return order != 0 ? order : interval_compare(left, right);
}

static int addresses_order(const void *a, const void *b) {
    return address_compare(a, b);
}

static int regions_order(const void *a, const void *b) {
    return region_compare(a, b);
}

/* -- Trees ------------------------------------------------------------------------------------- */

typedef uint32_t parent_fn(const struct profile *profile, uint32_t idx);

static uint32_t context_parent(const struct profile *profile, uint32_t idx) {
    return profile->contexts[idx].parent;
}

static uint32_t interval_parent(const struct profile *profile, uint32_t idx) {
    return profile->intervals[idx].parent;
}

/* From an order by parent (none comes last) and rank to one in which each is followed by all below
 * it. */
static void tree_order(const struct profile *profile, struct order *order, uint32_t room,
                       parent_fn *parent) {
    uint32_t *sorted = order->from;
    uint32_t *first = calloc(room + 1, sizeof *first); /* child, as a place in sorted; +1 */
    uint32_t *waiting = calloc(order->count + 1, sizeof *waiting);
    uint32_t *walk = calloc(room + 1, sizeof *walk);
    ensure(first != NULL && waiting != NULL && walk != NULL);
    uint32_t depth = 0, done = 0;
    for (uint32_t i = order->count; i-- > 0;) {
        uint32_t of = parent(profile, sorted[i]);
        if (of == PROFILE_NONE) {
            waiting[depth++] = sorted[i];
        } else {
            first[of] = i + 1;
        }
    }
    while (depth > 0) {
        uint32_t idx = walk[done++] = waiting[--depth];
        uint32_t from = first[idx], count = 0;
        while (from > 0 && from - 1 + count < order->count &&
               parent(profile, sorted[from - 1 + count]) == idx) {
            count++;
        }
        while (count > 0) {
            waiting[depth++] = sorted[from - 1 + --count];
        }
    }
    ensure(done == order->count);
    free(first);
    free(waiting);
    free(order->from);
    order->from = walk;
}

/* -- What is kept ------------------------------------------------------------------------------ */

/* A context that counted something, and all that led to it. Parents were added first. */
static bool *contexts_used(const struct profile *profile) {
    bool *used = flags_new(profile->context_count);
    for (uint32_t i = profile->context_count; i-- > 0;) {
        const struct profile_context *context = &profile->contexts[i];
        const struct profile_counts *counts = &context->counts;
        used[i] = used[i] || counts->self > 0 || counts->instructions > 0 || counts->calls > 0;
        if (used[i]) {
            flag(used, context->parent);
        }
    }
    return used;
}

static bool *functions_used(const struct profile *profile, const bool *contexts) {
    bool *used = flags_new(profile->function_count);
    for (uint32_t i = 0; i < profile->context_count; i++) {
        if (contexts[i]) {
            flag(used, profile->contexts[i].function);
        }
    }
    for (uint32_t i = 0; i < profile->address_count; i++) {
        flag(used, profile->addresses[i].function);
    }
    return used;
}

static bool *tasks_used(const struct profile *profile, const bool *contexts) {
    bool *used = flags_new(profile->task_count);
    for (uint32_t i = 0; i < profile->context_count; i++) {
        if (contexts[i]) {
            flag(used, profile->contexts[i].task);
        }
    }
    for (uint32_t i = 0; i < profile->interval_count; i++) {
        flag(used, profile->intervals[i].task);
    }
    for (uint32_t i = 0; i < profile->track_count; i++) {
        for (uint32_t j = 0; j < profile->tracks[i].count; j++) {
            flag(used, profile->tracks[i].spans[j].task);
        }
    }
    return used;
}

/* -- One after the other ----------------------------------------------------------------------- */

static void modules_settle(struct profile *profile, const bool *functions) {
    bool *used = flags_new(profile->module_count);
    for (uint32_t i = 0; i < profile->function_count; i++) {
        if (functions[i]) {
            flag(used, profile->functions[i].module);
        }
    }
    struct order order = order_new(profile->module_count, used);
    qsort_r(order.from, order.count, sizeof *order.from, modules_order, profile);
    order_invert(&order);
    for (uint32_t i = 0; i < profile->function_count; i++) {
        refer(&order, &profile->functions[i].module);
    }
    profile->modules = order_apply(&order, profile->modules, sizeof *profile->modules);
    profile->module_count = order.count;
    order_free(&order);
    free(used);
}

static void functions_settle(struct profile *profile, const bool *used) {
    struct order order = order_new(profile->function_count, used);
    qsort_r(order.from, order.count, sizeof *order.from, functions_order, profile);
    order_invert(&order);
    for (uint32_t i = 0; i < profile->context_count; i++) {
        refer(&order, &profile->contexts[i].function);
    }
    for (uint32_t i = 0; i < profile->address_count; i++) {
        refer(&order, &profile->addresses[i].function);
    }
    profile->functions = order_apply(&order, profile->functions, sizeof *profile->functions);
    profile->function_count = order.count;
    order_free(&order);
}

static void tasks_settle(struct profile *profile, const bool *used) {
    struct order order = order_new(profile->task_count, used);
    qsort_r(order.from, order.count, sizeof *order.from, tasks_order, profile);
    order_invert(&order);
    for (uint32_t i = 0; i < profile->context_count; i++) {
        refer(&order, &profile->contexts[i].task);
    }
    for (uint32_t i = 0; i < profile->interval_count; i++) {
        refer(&order, &profile->intervals[i].task);
    }
    for (uint32_t i = 0; i < profile->track_count; i++) {
        for (uint32_t j = 0; j < profile->tracks[i].count; j++) {
            refer(&order, &profile->tracks[i].spans[j].task);
        }
    }
    profile->tasks = order_apply(&order, profile->tasks, sizeof *profile->tasks);
    profile->task_count = order.count;
    order_free(&order);
}

static void contexts_settle(struct profile *profile, const bool *used) {
    struct order order = order_new(profile->context_count, used);
    qsort_r(order.from, order.count, sizeof *order.from, contexts_order, profile);
    tree_order(profile, &order, profile->context_count, context_parent);
    order_invert(&order);
    for (uint32_t i = 0; i < profile->context_count; i++) {
        refer(&order, &profile->contexts[i].parent);
    }
    profile->contexts = order_apply(&order, profile->contexts, sizeof *profile->contexts);
    profile->context_count = order.count;
    order_free(&order);
}

static void intervals_settle(struct profile *profile) {
    bool *used = flags_new(profile->interval_count);
    memset(used, true, profile->interval_count);
    struct order order = order_new(profile->interval_count, used);
    qsort_r(order.from, order.count, sizeof *order.from, intervals_order, profile);
    tree_order(profile, &order, profile->interval_count, interval_parent);
    order_invert(&order);
    for (uint32_t i = 0; i < profile->interval_count; i++) {
        refer(&order, &profile->intervals[i].parent);
    }
    profile->intervals = order_apply(&order, profile->intervals, sizeof *profile->intervals);
    profile->interval_count = order.count;
    order_free(&order);
    free(used);
}

void profile_settle(struct profile *profile) {
    for (uint32_t i = 0; i < profile->track_count; i++) {
        track_thin(&profile->tracks[i]);
    }
    bool *contexts = contexts_used(profile);
    bool *functions = functions_used(profile, contexts);
    bool *tasks = tasks_used(profile, contexts);
    modules_settle(profile, functions);
    functions_settle(profile, functions);
    tasks_settle(profile, tasks);
    contexts_settle(profile, contexts);
    intervals_settle(profile);
    if (profile->address_count > 0) {
        qsort(profile->addresses, profile->address_count, sizeof *profile->addresses,
              addresses_order);
    }
    if (profile->region_count > 0) {
        qsort(profile->regions, profile->region_count, sizeof *profile->regions, regions_order);
    }
    free(contexts);
    free(functions);
    free(tasks);
}
