/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a profile is shown while it grows. Adding up what was counted takes as long as telling
 * all of it; so somebody who asks ten times a second gets where the harts are right now, and what
 * they were in most of the last times. That is no part of the profile. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine/profiling.h"

enum { HARTS_AT_ONCE = 4 };

/** Where a hart is. */
static void place_name(const struct profiling *profiling, const struct hart *hart,
                       char name[PROFILE_LIVE_CHARS]) {
    bool kernel = profiling->view != NULL;
    const struct linux_task *task = kernel ? linux_current(profiling->view, hart->id) : NULL;
    struct place place = {0};
    if (kernel && hart->priv == PRIV_M) {
        snprintf(name, PROFILE_LIVE_CHARS, "[firmware]");
        return;
    }
    if (kernel && hart->priv == PRIV_U) {
        snprintf(name, PROFILE_LIVE_CHARS, "[%s]",
                 task == NULL || task->name[0] == '\0' ? "user" : task->name);
        return;
    }
    place = symbols_at(profiling->symbols, hart->pc);
    if (place.symbol != NULL) {
        snprintf(name, PROFILE_LIVE_CHARS, "%s", place.symbol->name);
    } else {
        snprintf(name, PROFILE_LIVE_CHARS, "0x%" PRIx64, hart->pc & ~(uint64_t)(PAGE_BYTES - 1));
    }
}

/** Control characters of a guest's names are not for the terminal. */
static void name_clean(char *name) {
    for (; *name != '\0'; name++) {
        *name = (unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name;
    }
}

static char *look_new(struct looks *looks) {
    char *name = looks->functions[looks->next];
    looks->next = (looks->next + 1) % LOOKS_MAX;
    looks->count += looks->count < LOOKS_MAX;
    return name;
}

/* Those that sleep are nowhere, unless all do. */
static void harts_look(const struct machine *machine, struct profiling *profiling) {
    struct looks *looks = &profiling->looks;
    unsigned count = machine->harts.count, seen = 0;
    for (unsigned i = 0; i < count && seen < HARTS_AT_ONCE; i++) {
        unsigned idx = (looks->hart + i) % count;
        if (!machine->sched.vcpus[idx].asleep) {
            char *name = look_new(looks);
            place_name(profiling, machine->harts.hart[idx], name);
            name_clean(name);
            seen++;
        }
    }
    if (seen == 0) {
        strcpy(look_new(looks), "idle");
    }
    looks->hart = (looks->hart + HARTS_AT_ONCE) % count;
}

/** The most frequent one; of equal ones any that is always the same. */
static void top_find(const struct looks *looks, struct profile_live *live) {
    unsigned most = 0;
    for (unsigned i = 0; i < looks->count; i++) {
        unsigned times = 0;
        for (unsigned other = 0; other < looks->count; other++) {
            times += strcmp(looks->functions[i], looks->functions[other]) == 0;
        }
        if (times > most) {
            most = times;
            strcpy(live->function, looks->functions[i]);
        }
    }
    live->in_percent = looks->count == 0 ? 0 : 100 * most / looks->count;
}

void machine_profile_live(const struct machine *machine, struct profile_live *live) {
    struct profiling *profiling = machine->profiling;
    *live = (struct profile_live){0};
    harts_look(machine, profiling);
    top_find(&profiling->looks, live);
    windows_live(machine, live);
}
