/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run executed, as a profile: counts from the harts (hart/tally.c), names and tasks from
 * prof/, which knows no hart.
 *
 *      hart: ecall, return to U, tp changed --> prof/linux.c --> whose steps these are
 *      hart: how often each instruction     --> here: task, function --> prof/profile.c
 *
 */
#include <stdlib.h>
#include <string.h>

#include "machine/image.h"
#include "machine/profiling.h"

void *zeroed_room(void *entries, size_t *room, size_t idx, size_t entry_bytes) {
    enum { ENTRIES_MIN = 4096 };
    if (idx < *room) {
        return entries;
    }
    size_t count = 2 * idx + ENTRIES_MIN;
    char *bytes = realloc(entries, count * entry_bytes);
    ensure(bytes != NULL);
    memset(bytes + *room * entry_bytes, 0, (count - *room) * entry_bytes);
    *room = count;
    return bytes;
}

/** Begins to watch and to measure; what is counted is up to windows. */
static enum status measures_begin(struct profiling *profiling, struct error *error) {
    static const enum tally_kind kinds[PROFILE_KINDS] = {[PROFILE_UNCOUNTED] = TALLY_WATCHED,
                                                         [PROFILE_FLAT] = TALLY_RUNS,
                                                         [PROFILE_CALLERS] = TALLY_CALLS,
                                                         [PROFILE_SAMPLED] = TALLY_WATCHED};
    struct machine *machine = profiling->machine;
    const struct profile_plan *plan = &profiling->plan;
    struct tally_watch watch = tasks_none(profiling);
    if (machine->options.kernel != NULL) {
        const struct symbol *start = symbols_find(profiling->symbols, "_start", 0);
        profiling->kernel_virtual = start == NULL ? 0 : start->address;
        watch = tasks_follow(profiling);
    }
    watch.function = functions_at;
    watch.starts = functions_starts;
    watch.owner = profiling;
    bool samples = plan->kind == PROFILE_SAMPLED;
    profiling->sampler = samples ? sampler_new(profiling) : NULL;
    if (samples && profiling->sampler == NULL) {
        return error_set(error, STATUS_USAGE, "profile: out of memory; free some and try again");
    }
    if ((!plan->no_timeline && timeline_begin(profiling, error) != STATUS_OK) ||
        probes_begin(profiling, error) != STATUS_OK) {
        return error->status;
    }
    return tally_begin(&machine->harts, kinds[plan->kind], &watch, error);
}

static bool probes_need_names(const struct profile_plan *plan) {
    bool need = false;
    for (unsigned i = 0; i < plan->probe_count; i++) {
        need = need || !probe_is_user(plan->probes[i]);
    }
    return need;
}

/** Names; and what of them is wanted. */
static enum status look_begin(struct profiling *profiling, struct error *error) {
    struct machine *machine = profiling->machine;
    struct error why;
    /* Without names it is told by address. */
    if (machine_names(machine, profiling->symbols, &why) != STATUS_OK &&
        probes_need_names(&profiling->plan)) {
        *error = why;
        return why.status;
    }
    if (machine_names_besides(machine, profiling->besides, error) != STATUS_OK ||
        windows_find(profiling, error) != STATUS_OK) {
        return error->status;
    }
    return measures_begin(profiling, error);
}

enum status machine_profile(struct machine *machine, const struct profile_plan *plan,
                            struct error *error) {
    struct profiling *profiling = calloc(1, sizeof *profiling);
    uint32_t *present = calloc(machine->harts.count, sizeof *present);
    struct host_costs *costs = costs_new();
    if (profiling == NULL || present == NULL || costs == NULL) {
        free(profiling);
        free(present);
        costs_free(costs);
        return error_set(error, STATUS_USAGE, "profile: out of memory; free some and try again");
    }
    for (unsigned i = 0; i < machine->harts.count; i++) {
        present[i] = i;
    }
    profiling->machine = machine;
    profiling->plan = *plan;
    profiling->symbols = symbols_new();
    profiling->besides = symbols_new();
    profiling->present = present;
    profiling->costs = costs;
    machine->profiling = profiling;
    if (look_begin(profiling, error) != STATUS_OK) {
        machine->profiling = NULL;
        machine->sched.comparator_told = NULL;
        notices_end(&machine->harts);
        profiling_free(profiling);
        return error->status;
    }
    return STATUS_OK;
}

bool machine_profiled(const struct machine *machine) {
    return machine->profiling != NULL;
}

void profiling_turn(struct profiling *profiling, const struct hart *hart, bool begins) {
    if (profiling->timeline != NULL) {
        timeline_turn(profiling, hart, begins);
    }
}

void profiling_free(struct profiling *profiling) {
    if (profiling != NULL) {
        linux_view_free(profiling->view);
        symbols_free(profiling->symbols);
        symbols_free(profiling->besides);
        symbols_free(profiling->vdso);
        functions_free(profiling);
        sampler_free(profiling->sampler);
        probes_free(profiling->probes);
        timeline_free(profiling->timeline);
        costs_free(profiling->costs);
        free(profiling->present);
        free(profiling);
    }
}
