/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run executed, as a profile: counts from the harts (hart/tally.c), names and tasks from
 * prof/, which knows no hart.
 *
 *      hart: ecall, return to U, tp changed --> prof/linux.c --> whose steps these are
 *      hart: how often each instruction     --> here: task, function --> prof/profile.c
 *
 * 1. A user's code is told by its file, which the map of the process where it was first met says.
 *    That holds for all processes that share the page. The map is asked as late as can be, when it
 *    is about to change, because what is mapped is found out bit by bit.
 * 2. The kernel's code is told by its address; before it has a page table, by where its image lies.
 * 3. Firmware has no names, and is one function. What nobody knows is told by its page. */
#include "machine/image.h"
#include "machine/machine.h"
#include "prof/prof.h"

#include <stdlib.h>
#include <string.h>

#define KERNEL_BASE (BOARD_RAM_BASE + 0x200000)

enum { SATP_ROOT_BITS = 44, PLACES_MIN = 4096 };

/** Where a run of a user's code comes from. */
struct user_place {
    const struct binary *binary; /* NULL: not known */
    uint64_t minus;              /* pc less this is an offset in the file */
    vaddr pc;                    /* where it was met */
};

/** Runs that were met in a space and are not told yet. */
struct pending {
    const struct space *space;
    uint32_t *runs;
    size_t count, room;
};

struct profiling {
    struct machine *machine;
    struct symbols *symbols;
    struct linux_view *view;   /* NULL: what runs is no kernel */
    uint64_t kernel_virtual;   /* where the kernel's image begins; 0: not known */
    struct user_place *places; /* by number of the run */
    size_t place_room;
    struct pending *pending; /* one a space */
    size_t pending_count, pending_room;
};

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

static bool kernel_read(void *owner, uint64_t address, void *bytes, size_t size_bytes) {
    return guest_read(owner, 0, address, bytes, size_bytes);
}

/** 0: not known; else 1 and its index. */
static void task_set(struct profiling *profiling, struct hart *hart) {
    const struct linux_task *task = linux_current(profiling->view, hart->id);
    tally_set_task(hart, task == NULL ? 0 : task->idx + 1);
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
}

static void enter_note(void *owner, struct hart *hart) {
    struct profiling *profiling = owner;
    struct linux_border border = border_here(hart);
    linux_return(profiling->view, &border);
    task_set(profiling, hart);
}

/* In the kernel tp is the present task, but for the moments around user mode. */
static void thread_note(void *owner, struct hart *hart) {
    struct profiling *profiling = owner;
    if (hart->x[4] >> 63 != 0) {
        linux_switch(profiling->view, hart->id, hart->x[4]);
        task_set(profiling, hart);
    }
}

/** The runs that wait for a space. */
static struct pending *pending_of(struct profiling *profiling, const struct space *space) {
    for (size_t i = 0; i < profiling->pending_count; i++) {
        if (profiling->pending[i].space == space) {
            return &profiling->pending[i];
        }
    }
    if (profiling->pending_count == profiling->pending_room) {
        profiling->pending_room = 2 * profiling->pending_room + 16;
        profiling->pending =
            realloc(profiling->pending, profiling->pending_room * sizeof *profiling->pending);
        ensure(profiling->pending != NULL);
    }
    struct pending *pending = &profiling->pending[profiling->pending_count++];
    *pending = (struct pending){.space = space};
    return pending;
}

static void pending_add(struct pending *pending, uint32_t run) {
    if (pending->count == pending->room) {
        pending->room = 2 * pending->room + 64;
        pending->runs = realloc(pending->runs, pending->room * sizeof *pending->runs);
        ensure(pending->runs != NULL);
    }
    pending->runs[pending->count++] = run;
}

/** Asks the map for all that wait for it. */
static void pending_tell(struct profiling *profiling, struct pending *pending) {
    for (size_t i = 0; i < pending->count; i++) {
        struct user_place *place = &profiling->places[pending->runs[i]];
        const struct range *range = space_at(pending->space, place->pc);
        if (range != NULL) {
            place->binary = range->binary;
            place->minus = range->start - range->offset;
        }
    }
    free(pending->runs);
    *pending = profiling->pending[--profiling->pending_count];
}

static void space_change(void *owner, const struct space *space) {
    struct machine *machine = owner;
    pending_tell(machine->profiling, pending_of(machine->profiling, space));
}

static void met_note(void *owner, struct hart *hart, uint32_t run, vaddr pc) {
    struct profiling *profiling = owner;
    const struct linux_task *task = linux_current(profiling->view, hart->id);
    if (run >= profiling->place_room) {
        size_t room = 2 * (size_t)run + PLACES_MIN;
        profiling->places = realloc(profiling->places, room * sizeof *profiling->places);
        ensure(profiling->places != NULL);
        memset(profiling->places + profiling->place_room, 0,
               (room - profiling->place_room) * sizeof *profiling->places);
        profiling->place_room = room;
    }
    profiling->places[run].pc = pc;
    if (task != NULL && task->process != NULL && task->process->space != NULL) {
        pending_add(pending_of(profiling, task->process->space), run);
    }
}

/* -- Birth and death --------------------------------------------------------------------------- */

/** What symbols say of the kernel itself. */
static void kernel_view(struct profiling *profiling) {
    struct machine *machine = profiling->machine;
    const struct symbol *init = symbols_find(profiling->symbols, "init_task", 0);
    const struct symbol *start = symbols_find(profiling->symbols, "_start", 0);
    profiling->kernel_virtual = start == NULL ? 0 : start->address;
    profiling->view =
        linux_view_new(&(struct linux_guest){.read = guest_read,
                                             .change = space_change,
                                             .owner = machine,
                                             .init_task = init == NULL ? 0 : init->address,
                                             .hart_count = machine->harts.count});
}

enum status machine_profile(struct machine *machine, struct error *error) {
    struct profiling *profiling = calloc(1, sizeof *profiling);
    struct error why;
    if (profiling == NULL) {
        return error_set(error, STATUS_USAGE, "profile: out of memory; free some and try again");
    }
    machine->profiling = profiling;
    profiling->machine = machine;
    profiling->symbols = symbols_new();
    (void)machine_names(machine, profiling->symbols,
                        &why); /* without names it is told by address */
    struct tally_watch watch = {.owner = profiling};
    if (machine->options.kernel != NULL) {
        kernel_view(profiling);
        watch = (struct tally_watch){call_note, enter_note, thread_note, met_note, profiling};
    }
    return tally_begin(&machine->harts, &watch, error);
}

void profiling_free(struct profiling *profiling) {
    if (profiling != NULL) {
        linux_view_free(profiling->view);
        symbols_free(profiling->symbols);
        for (size_t i = 0; i < profiling->pending_count; i++) {
            free(profiling->pending[i].runs);
        }
        free(profiling->pending);
        free(profiling->places);
        free(profiling);
    }
}

/* -- Telling ----------------------------------------------------------------------------------- */

/** Of a context. Counts of runs that were left early are less than 0; their sums are not. */
struct sum {
    int64_t steps, unretired;
};

/** Into which profile. */
struct telling {
    struct profiling *profiling;
    struct profile *profile;
    struct sum *sums; /* by context */
    size_t sum_count;
};

static const char *path_end(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

static uint32_t task_bare(struct telling *telling, enum profile_task_kind kind, const char *name) {
    return profile_add_task(telling->profile,
                            &(struct profile_task){.kind = kind, .process = name, .thread = name});
}

static uint32_t task_of(struct telling *telling, const struct tally_context *context) {
    struct profiling *profiling = telling->profiling;
    if (profiling->view == NULL) {
        return task_bare(telling, PROFILE_TASK_BARE, "program");
    }
    if (context->priv == PRIV_M) {
        return task_bare(telling, PROFILE_TASK_FIRMWARE, "firmware");
    }
    if (context->task == 0) {
        return task_bare(telling, PROFILE_TASK_KERNEL, "kernel, before its first task");
    }
    const struct linux_task *task = linux_task_get(profiling->view, context->task - 1);
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

static uint32_t function_nameless(struct telling *telling, const char *module, uint64_t address) {
    struct profile_function function = {.module = PROFILE_NONE, .address = address};
    if (module != NULL) {
        function.module =
            profile_add_module(telling->profile, &(struct profile_module){.name = module});
    }
    return profile_add_function(telling->profile, &function);
}

/** What symbols say. @return PROFILE_NONE: nothing. */
static uint32_t function_named(struct telling *telling, vaddr address) {
    struct place place = symbols_at(telling->profiling->symbols, address);
    if (place.module == NULL) {
        return PROFILE_NONE;
    }
    if (place.symbol == NULL) {
        return function_nameless(telling, place.module, place.offset & ~(uint64_t)(PAGE_BYTES - 1));
    }
    uint32_t module =
        profile_add_module(telling->profile, &(struct profile_module){.name = place.module});
    return profile_add_function(telling->profile,
                                &(struct profile_function){.name = place.symbol->name,
                                                           .module = module,
                                                           .address = place.symbol->address,
                                                           .size_bytes = place.symbol->size_bytes});
}

static uint32_t function_user(struct telling *telling, const struct tally_count *count) {
    const struct profiling *profiling = telling->profiling;
    const struct binary *binary =
        count->run < profiling->place_room ? profiling->places[count->run].binary : NULL;
    if (binary == NULL) {
        return function_nameless(telling, NULL, count->pc & ~(uint64_t)(PAGE_BYTES - 1));
    }
    uint64_t offset = count->pc - profiling->places[count->run].minus;
    return function_nameless(telling, path_end(binary->path), offset & ~(uint64_t)(PAGE_BYTES - 1));
}

static uint32_t function_of(struct telling *telling, const struct tally_context *context,
                            const struct tally_count *count) {
    const struct profiling *profiling = telling->profiling;
    vaddr address = count->pc;
    if (context->priv == PRIV_U && profiling->view != NULL) {
        return function_user(telling, count);
    }
    if (context->priv == PRIV_M && profiling->view != NULL) {
        return function_nameless(telling, "firmware", 0);
    }
    if (address >> 63 == 0 && profiling->kernel_virtual != 0 && count->at >= KERNEL_BASE &&
        count->at != TALLY_NOWHERE) {
        address = count->at - KERNEL_BASE + profiling->kernel_virtual;
    }
    uint32_t function = function_named(telling, address);
    return function != PROFILE_NONE
               ? function
               : function_nameless(telling, NULL, address & ~(uint64_t)(PAGE_BYTES - 1));
}

/** Room for the sum of a context. */
static struct sum *sum_at(struct telling *telling, uint32_t context) {
    if (context >= telling->sum_count) {
        size_t count = 2 * (size_t)context + PLACES_MIN;
        telling->sums = realloc(telling->sums, count * sizeof *telling->sums);
        ensure(telling->sums != NULL);
        memset(telling->sums + telling->sum_count, 0,
               (count - telling->sum_count) * sizeof *telling->sums);
        telling->sum_count = count;
    }
    return &telling->sums[context];
}

static void count_tell(void *owner, const struct tally_context *context,
                       const struct tally_count *count) {
    struct telling *telling = owner;
    uint32_t root =
        profile_add_root(telling->profile, (uint16_t)context->hart, task_of(telling, context));
    uint32_t call = profile_add_call(telling->profile, root, function_of(telling, context, count),
                                     (enum profile_mode)context->priv);
    struct sum *sum = sum_at(telling, call);
    sum->steps += count->steps;
    sum->unretired += count->unretired;
}

void machine_profile_tell(struct machine *machine, struct profile *profile) {
    struct profiling *profiling = machine->profiling;
    struct telling telling = {.profiling = profiling, .profile = profile};
    if (profiling == NULL) {
        return;
    }
    if (profiling->view != NULL) {
        (void)symbols_add_modules(profiling->symbols,
                                  &(struct kernel_memory){kernel_read, machine});
    }
    while (profiling->pending_count > 0) {
        pending_tell(profiling, &profiling->pending[0]);
    }
    tally_walk(&machine->harts, count_tell, &telling);
    for (size_t i = 0; i < telling.sum_count; i++) {
        const struct sum *sum = &telling.sums[i];
        ensure(sum->steps >= sum->unretired && sum->unretired >= 0);
        if (sum->steps > 0) {
            struct profile_counts counts = {.self = (uint64_t)sum->steps,
                                            .instructions =
                                                (uint64_t)(sum->steps - sum->unretired)};
            profile_count(profile, (uint32_t)i, &counts);
        }
    }
    free(telling.sums);
}
