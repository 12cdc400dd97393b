/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose steps a hart takes: what it sees at the border of user mode and where its kernel switches
 * tasks goes to prof/linux.c, which knows no hart; what that says goes back to the counts. */
#include <stdlib.h>
#include <string.h>

#include "machine/profiling.h"

enum { SATP_ROOT_BITS = 44 };

/* -- Watching ---------------------------------------------------------------------------------- */

/** As the kernel of a hart sees it. */
static bool guest_read(void *owner, unsigned idx, uint64_t address, void *bytes,
                       size_t size_bytes) {
    struct machine *machine = owner;
    struct hart *hart = machine->harts.hart[idx];
    const struct ram *ram = &machine->bus.ram;
    uint8_t *to = bytes;
    while (size_bytes > 0) {
        size_t part = min_u64(size_bytes, PAGE_BYTES - address % PAGE_BYTES);
        paddr at;
        if (!mmu_peek_as(hart, PRIV_S, address, &at) || !ram_holds(ram, at, part)) {
            return false;
        }
        memcpy(to, ram_at(ram, at), part);
        to += part;
        address += part;
        size_bytes -= part;
    }
    return true;
}

bool tasks_kernel_read(void *owner, uint64_t address, void *bytes, size_t size_bytes) {
    return guest_read(owner, 0, address, bytes, size_bytes);
}

uint32_t strand_of_task(const struct linux_task *task) {
    return 2 * (uint32_t)HARTS_MAX + task->idx;
}

uint32_t tasks_strand(const struct profiling *profiling, const struct hart *hart) {
    bool firmware = profiling->view == NULL || hart->priv == PRIV_M;
    return firmware ? hart->id : profiling->present[hart->id];
}

/** From position @p steps on. */
static void strand_set(struct profiling *profiling, const struct hart *hart, uint32_t strand,
                       uint64_t steps) {
    uint32_t *present = &profiling->present[hart->id];
    if (*present != strand) {
        if (profiling->probes != NULL) {
            probes_switch(profiling->probes, hart, *present);
        }
        if (profiling->timeline != NULL) {
            timeline_switch(profiling, hart, strand, steps);
        }
        *present = strand;
    }
}

/** 0: not known; else 1 and its index. */
static void task_set(struct profiling *profiling, struct hart *hart) {
    const struct linux_task *task = linux_current(profiling->view, hart->id);
    tally_set_task(hart, task == NULL ? 0 : task->idx + 1);
    if (task != NULL) {
        strand_set(profiling, hart, strand_of_task(task), hart->clock->steps);
    }
}

static struct linux_border border_here(const struct hart *hart) {
    struct linux_border border = {
        .hart = hart->id,
        .task = hart->sscratch,
        .root = hart->satp & ~(((uint64_t)1 << 60) - ((uint64_t)1 << SATP_ROOT_BITS)),
        .pc = hart->pc,
        .sp = hart->x[2],
    };
    memcpy(border.a, &hart->x[10], sizeof border.a);
    return border;
}

static void call_note(void *owner, struct hart *hart) {
    struct profiling *profiling = owner;
    struct linux_border border = border_here(hart);
    linux_call(profiling->view, &border);
    task_set(profiling, hart);
    if (profiling->probes != NULL) {
        probes_call(profiling->probes, hart);
    }
}

static void enter_note(void *owner, struct hart *hart) {
    struct profiling *profiling = owner;
    struct linux_border border = border_here(hart);
    linux_return(profiling->view, &border);
    task_set(profiling, hart);
    if (profiling->probes != NULL) {
        probes_back(profiling->probes, hart);
    }
}

/** Linux calls them ret_from_fork, and something behind that. */
static void births_find(struct births *births, const struct symbols *symbols) {
    static const char name[] = "ret_from_fork";
    for (size_t i = 0; i < symbols_count(symbols) && births->count < BIRTH_PLACES_MAX; i++) {
        const struct symbol *symbol = symbols_get(symbols, i);
        if (strncmp(symbol->name, name, sizeof name - 1) == 0) {
            births->places[births->count++] = symbol->address;
        }
    }
}

static bool is_born(const struct births *births, const struct hart *hart) {
    bool born = false;
    for (unsigned i = 0; i < births->count; i++) {
        born = born || births->places[i] == hart->x[1];
    }
    return born;
}

/* In the kernel tp is the present task, but for the moments around user mode. */
static void thread_note(void *owner, struct hart *hart) {
    struct profiling *profiling = owner;
    if (hart->x[4] >> 63 != 0) {
        if (is_born(&profiling->births, hart)) {
            linux_begin(profiling->view, hart->x[4]);
        }
        linux_switch(profiling->view, hart->id, hart->x[4]);
        task_set(profiling, hart);
    }
}

static void trap_note(void *owner, struct hart *hart, const struct tally_passage *passage) {
    timeline_trap(owner, hart, passage);
}

/* Firmware has handed over to the kernel when it first leaves M. */
static void back_note(void *owner, struct hart *hart, const struct tally_passage *passage) {
    struct profiling *profiling = owner;
    if (profiling->timeline != NULL) {
        timeline_back(profiling, hart, passage);
    }
    if (profiling->view != NULL && passage->from == PRIV_M && passage->to != PRIV_M &&
        profiling->present[hart->id] < HARTS_MAX) {
        strand_set(profiling, hart, HARTS_MAX + hart->id, passage->steps);
    }
}

static void met_note(void *owner, struct hart *hart, uint32_t run, vaddr pc) {
    functions_met(owner, hart, run, pc);
}

static void space_change(void *owner, const struct space *space) {
    struct machine *machine = owner;
    functions_space_change(machine->profiling, space);
    tally_stale(&machine->harts);
}

/* What was asked of code before its file was known is asked again. */
static void space_gain(void *owner, const struct space *space) {
    struct machine *machine = owner;
    (void)space;
    tally_stale(&machine->harts);
}

void tasks_begin(struct profiling *profiling) {
    struct harts *harts = &profiling->machine->harts;
    for (unsigned i = 0; i < harts->count && profiling->view != NULL; i++) {
        struct hart *hart = harts->hart[i];
        if (hart->priv == PRIV_U) {
            linux_switch(profiling->view, i, hart->sscratch); /* reads its name */
            enter_note(profiling, hart);
        } else if (hart->priv == PRIV_S) {
            thread_note(profiling, hart);
        }
    }
}

struct tally_watch tasks_follow(struct profiling *profiling) {
    struct machine *machine = profiling->machine;
    const struct symbol *init = symbols_find(profiling->symbols, "init_task", 0);
    births_find(&profiling->births, profiling->symbols);
    profiling->view =
        linux_view_new(&(struct linux_guest){.read = guest_read,
                                             .change = space_change,
                                             .gain = space_gain,
                                             .owner = machine,
                                             .init_task = init == NULL ? 0 : init->address,
                                             .hart_count = machine->harts.count});
    return (struct tally_watch){.call = call_note,
                                .enter = enter_note,
                                .thread = thread_note,
                                .met = met_note,
                                .trap = profiling->plan.no_timeline ? NULL : trap_note,
                                .back = back_note,
                                .firmware_apart = true};
}

struct tally_watch tasks_none(const struct profiling *profiling) {
    bool watches = !profiling->plan.no_timeline;
    return (struct tally_watch){.one_address = true,
                                .trap = watches ? trap_note : NULL,
                                .back = watches ? back_note : NULL};
}

/* -- Telling ----------------------------------------------------------------------------------- */

static const char *path_end(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

static uint32_t task_bare(const struct telling *telling, enum profile_task_kind kind,
                          const char *name) {
    return profile_add_task(telling->profile,
                            &(struct profile_task){.kind = kind, .process = name, .thread = name});
}

uint32_t tasks_tell(const struct telling *telling, uint32_t idx, enum privilege priv) {
    const struct profiling *profiling = telling->profiling;
    if (profiling->view == NULL) {
        return task_bare(telling, PROFILE_TASK_BARE, "program");
    }
    if (priv == PRIV_M) {
        return task_bare(telling, PROFILE_TASK_FIRMWARE, "firmware");
    }
    if (idx == 0) {
        return task_bare(telling, PROFILE_TASK_KERNEL, "kernel, before its first task");
    }
    const struct linux_task *task = linux_task_get(profiling->view, idx - 1);
    bool user = task->process != NULL;
    bool idle = !user && strncmp(task->name, "swapper", 7) == 0;
    const char *path = user ? path_end(task->process->path) : task->name;
    return profile_add_task(telling->profile,
                            &(struct profile_task){
                                .kind = user   ? PROFILE_TASK_USER
                                        : idle ? PROFILE_TASK_IDLE
                                               : PROFILE_TASK_KERNEL,
                                .pid = user ? (uint32_t)task->process->pid : (uint32_t)task->tid,
                                .tid = (uint32_t)task->tid,
                                .process = path[0] == '\0' ? task->name : path,
                                .thread = task->name,
                            });
}

uint32_t strand_tell(const struct telling *telling, uint32_t strand) {
    if (strand_moves(strand)) {
        return tasks_tell(telling, strand - 2 * (uint32_t)HARTS_MAX + 1, PRIV_S);
    }
    return tasks_tell(telling, 0, strand < HARTS_MAX ? PRIV_M : PRIV_S);
}
