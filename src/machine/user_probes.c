/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions of a Linux guest's programs and libraries that are measured: where processes have them.
 *
 *      FILE:SYMBOL --> offset in FILE --> a process maps FILE --> address --> notice
 *      notice, in U --> what this process has there --> offset in FILE --> the function
 *
 * 1. What is measured is known before the run, by the sysroot's files. Where it lies is known when
 *    a process has mapped the file, which is looked at when it comes back from the kernel and what
 *    it has mapped has grown: before it can execute any of it.
 * 2. A notice is of an address in any space, and processes differ. So it says only that one of
 *    them has a function there; which, if any, is asked of the space of the present one.
 * 3. Files are told by their build-ids, which are known a little later than what is mapped. So a
 *    file counts as the one that is meant until its build-id says otherwise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/profiling.h"

enum { NEAR_MAX = 1, USER_ENTRIES_MAX = 4 * PROBES_MAX };

struct user_entry {
    struct probe_entry entry;
    const struct program *program;
    uint64_t offset; /* in its file */
};

struct user_probes {
    struct profiling *profiling;
    struct user_entry entries[USER_ENTRIES_MAX];
    unsigned count;
    struct pairs matches; /* of binaries and programs: 1 and enum program_match */
    bool mapped[PROBES_MAX], rebuilt[PROBES_MAX]; /* a process had its file; another build of it */
    uint32_t *seen; /* by process: gains of its space when that was looked at */
    size_t seen_room;
    uint64_t homeless; /* places for which there was no room */
};

/* -- Adding ------------------------------------------------------------------------------------ */

static bool is_code(const struct symbol *symbol) {
    return strchr("TtWw", symbol->type) != NULL;
}

/** @return Whether nothing is measured there yet. */
static bool entry_add(struct user_probes *probes, const struct user_entry *entry) {
    for (unsigned i = 0; i < probes->count; i++) {
        const struct user_entry *other = &probes->entries[i];
        if (other->program == entry->program && other->offset == entry->offset) {
            return false;
        }
    }
    if (probes->count == USER_ENTRIES_MAX) {
        return false;
    }
    probes->entries[probes->count++] = *entry;
    return true;
}

/** Adds all places of a name. @param places  Set: how many there are, old and new. @return How many
 * are new. */
static unsigned entries_add(struct user_probes *probes, const struct program *program,
                            const char *name, unsigned probe, unsigned *places) {
    const struct symbol *symbol;
    unsigned fresh = 0;
    *places = 0;
    for (size_t i = 0; (symbol = symbols_find(program_symbols(program), name, i)) != NULL; i++) {
        uint64_t offset;
        if (is_code(symbol) && program_offset(program, symbol->address, &offset)) {
            ++*places;
            fresh +=
                entry_add(probes, &(struct user_entry){.entry = {.size_bytes = symbol->size_bytes,
                                                                 .probe = (uint16_t)probe},
                                                       .program = program,
                                                       .offset = offset});
        }
    }
    return fresh;
}

static enum status name_unknown(const struct program *program, const char *probe, const char *name,
                                struct error *error) {
    const struct symbols *symbols = program_symbols(program);
    const char *near[NEAR_MAX];
    if (symbols_count(symbols) == 0) {
        return error_set(
            error, STATUS_USAGE,
            "--probe %.200s: the file has no symbols; put it there unstripped, or what "
            "was stripped under /usr/lib/debug/.build-id",
            probe);
    }
    if (symbols_find(symbols, name, 0) != NULL) {
        return error_set(error, STATUS_USAGE,
                         "--probe %.200s: is no code of the file; use the name of a function",
                         probe);
    }
    size_t count = symbols_near(symbols, name, near, NEAR_MAX);
    return error_set(error, STATUS_USAGE, "--probe %.200s: the file has no such symbol; %s%.100s%s",
                     probe, count > 0 ? "did you mean " : "see sandglass symbols",
                     count > 0 ? near[0] : "", count > 0 ? "?" : "");
}

struct user_probes *user_probes_new(struct profiling *profiling) {
    struct user_probes *probes = calloc(1, sizeof *probes);
    ensure(probes != NULL);
    probes->profiling = profiling;
    return probes;
}

void user_probes_free(struct user_probes *probes) {
    if (probes != NULL) {
        pairs_free(&probes->matches);
        free(probes->seen);
        free(probes);
    }
}

enum status user_probes_add(struct user_probes *probes, const char *text, unsigned probe,
                            struct error *error) {
    struct sysroot *sysroot = probes->profiling->plan.sysroot;
    const char *name = strrchr(text, ':') + 1;
    char *path = strndup(text, (size_t)(name - 1 - text));
    ensure(path != NULL);
    const struct program *program = sysroot_program(sysroot, path);
    free(path);
    const char *defect = program_defect(program);
    if (defect != NULL) {
        return error_set(error, STATUS_BAD_INPUT, "--probe: %s", defect);
    }
    unsigned places, fresh = entries_add(probes, program, name, probe, &places);
    if (places == 0) {
        return name_unknown(program, text, name, error);
    }
    return fresh > 0
               ? STATUS_OK
               : error_set(error, STATUS_USAGE,
                           "--probe %.200s: is where another probe is already; drop one", text);
}

/* -- In processes ------------------------------------------------------------------------------ */

static enum program_match match_of(struct user_probes *probes, const struct user_entry *entry,
                                   const struct binary *binary) {
    uint32_t *known = pairs_at(&probes->matches, (uintptr_t)binary, (uintptr_t)entry->program);
    if (*known == 0) {
        *known = 1 + sysroot_match(probes->profiling->plan.sysroot, entry->program, binary);
    }
    enum program_match match = (enum program_match)(*known - 1);
    probes->rebuilt[entry->entry.probe] |= match == PROGRAM_REBUILT;
    return match;
}

static bool range_has(const struct range *range, uint64_t offset) {
    return offset >= range->offset && offset - range->offset < range->end - range->start;
}

/** Sets notices for what is measured where the range has it. */
static void range_look(struct user_probes *probes, const struct range *range) {
    struct harts *harts = &probes->profiling->machine->harts;
    for (unsigned i = 0; i < probes->count; i++) {
        const struct user_entry *entry = &probes->entries[i];
        if (!range_has(range, entry->offset)) {
            continue;
        }
        if (match_of(probes, entry, range->binary) == PROGRAM_SAME) {
            vaddr address = range->start + (entry->offset - range->offset);
            probes->mapped[entry->entry.probe] = true;
            probes->homeless += !notices_add(harts, address, NOTICE_USER);
        }
    }
}

static const struct linux_process *process_of(const struct user_probes *probes,
                                              const struct hart *hart) {
    const struct linux_task *task = linux_current(probes->profiling->view, hart->id);
    return task == NULL || task->process == NULL || task->process->space == NULL ? NULL
                                                                                 : task->process;
}

void user_probes_look(struct user_probes *probes, const struct hart *hart) {
    const struct linux_process *process = process_of(probes, hart);
    if (process == NULL) {
        return;
    }
    const struct space *space = process->space;
    probes->seen =
        zeroed_room(probes->seen, &probes->seen_room, process->idx, sizeof *probes->seen);
    if (probes->seen[process->idx] != space->gains) {
        probes->seen[process->idx] = space->gains;
        for (size_t i = 0; i < space->count; i++) {
            range_look(probes, &space->ranges[i]);
        }
    }
}

struct probe_entry *user_probes_at(struct user_probes *probes, const struct hart *hart) {
    const struct linux_process *process = process_of(probes, hart);
    const struct range *range = process == NULL ? NULL : space_at(process->space, hart->pc);
    if (range == NULL) {
        return NULL;
    }
    uint64_t offset = range->offset + (hart->pc - range->start);
    for (unsigned i = 0; i < probes->count; i++) {
        struct user_entry *entry = &probes->entries[i];
        if (entry->offset == offset && match_of(probes, entry, range->binary) == PROGRAM_SAME) {
            return &entry->entry;
        }
    }
    return NULL;
}

/* -- The end ----------------------------------------------------------------------------------- */

const char *user_probes_missed(const struct user_probes *probes, unsigned probe) {
    return probes->rebuilt[probe] ? "the guest has another build of that file, in which nothing is "
                                    "measured; give the sysroot that the guest was made from"
           : probes->mapped[probe] ? NULL
                                   : "no process had that file";
}

uint64_t user_probes_homeless(const struct user_probes *probes) {
    return probes->homeless;
}
