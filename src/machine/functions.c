/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What code is called.
 *
 * 1. A user's code is told by its file, which the map of the process where it was first met says.
 *    That holds for all processes that share the page. The map is asked as late as can be, when it
 *    is about to change, because what is mapped is found out bit by bit.
 * 2. The kernel's code is told by its address; before it has a page table, by where its image lies.
 * 3. Firmware has no names, and is one function. What nobody knows is told by its page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/profiling.h"

#define KERNEL_BASE (BOARD_RAM_BASE + 0x200000)

/* -- Meeting ----------------------------------------------------------------------------------- */

/** The places that wait for a space. */
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

static void pending_add(struct pending *pending, uint32_t place) {
    if (pending->count == pending->room) {
        pending->room = 2 * pending->room + 64;
        pending->places = realloc(pending->places, pending->room * sizeof *pending->places);
        ensure(pending->places != NULL);
    }
    pending->places[pending->count++] = place;
}

/** Asks the map for all that wait for it. */
static void pending_tell(struct profiling *profiling, struct pending *pending) {
    for (size_t i = 0; i < pending->count; i++) {
        struct code_place *place = &profiling->places[pending->places[i]];
        const struct range *range = space_at(pending->space, place->pc);
        if (range != NULL) {
            place->binary = range->binary;
            place->minus = range->start - range->offset;
        }
    }
    free(pending->places);
    *pending = profiling->pending[--profiling->pending_count];
}

void functions_space_change(struct profiling *profiling, const struct space *space) {
    pending_tell(profiling, pending_of(profiling, space));
}

void functions_met(struct profiling *profiling, struct hart *hart, uint32_t idx, vaddr pc) {
    const struct linux_task *task = linux_current(profiling->view, hart->id);
    profiling->places =
        zeroed_room(profiling->places, &profiling->place_room, idx, sizeof *profiling->places);
    profiling->places[idx].pc = pc;
    if (task != NULL && task->process != NULL && task->process->space != NULL) {
        pending_add(pending_of(profiling, task->process->space), idx);
    }
}

void functions_settle(struct profiling *profiling) {
    while (profiling->pending_count > 0) {
        pending_tell(profiling, &profiling->pending[0]);
    }
    if (profiling->view != NULL) {
        (void)symbols_add_modules(profiling->symbols,
                                  &(struct kernel_memory){tasks_kernel_read, profiling->machine});
    }
}

void functions_free(struct profiling *profiling) {
    for (size_t i = 0; i < profiling->pending_count; i++) {
        free(profiling->pending[i].places);
    }
    free(profiling->pending);
    free(profiling->places);
}

const struct code_place *functions_place(const struct profiling *profiling, uint32_t idx) {
    static const struct code_place unknown = {0};
    return idx < profiling->place_room ? &profiling->places[idx] : &unknown;
}

/* -- Telling ----------------------------------------------------------------------------------- */

static vaddr page_of(vaddr address) {
    return address & ~(uint64_t)(PAGE_BYTES - 1);
}

/** @param module  PROFILE_NONE: not known. */
static uint32_t function_nameless(const struct telling *telling, uint32_t module,
                                  uint64_t address) {
    return profile_add_function(
        telling->profile,
        &(struct profile_function){.module = module, .address = page_of(address)});
}

/** What symbols say of a place in a module. */
static uint32_t function_in(const struct telling *telling, uint32_t module,
                            const struct place *place) {
    if (place->symbol == NULL) {
        return function_nameless(telling, module, place->offset);
    }
    return profile_add_function(telling->profile, &(struct profile_function){
                                                      .name = place->symbol->name,
                                                      .module = module,
                                                      .address = place->symbol->address,
                                                      .size_bytes = place->symbol->size_bytes,
                                                  });
}

static uint32_t module_tell(const struct telling *telling, const char *name, const char *build) {
    return profile_add_module(telling->profile,
                              &(struct profile_module){.name = name, .build = build});
}

static uint32_t function_user(const struct telling *telling, const struct code_place *place) {
    const struct binary *binary = place->binary;
    if (binary == NULL) {
        return function_nameless(telling, PROFILE_NONE, place->pc);
    }
    char build[2 * BUILD_ID_BYTES_MAX + 1] = "";
    for (size_t i = 0; i < binary->build_id_bytes; i++) {
        snprintf(build + 2 * i, 3, "%02x", binary->build_id[i]);
    }
    struct place there =
        sysroot_at(telling->profiling->plan.sysroot, binary, place->pc - place->minus);
    return function_in(telling, module_tell(telling, there.module, build), &there);
}

/* Without an operating system firmware and program are one. */
uint32_t functions_tell(const struct telling *telling, const struct code_place *place) {
    const struct profiling *profiling = telling->profiling;
    vaddr address = place->pc;
    if (profiling->view != NULL && place->priv == PRIV_U) {
        return function_user(telling, place);
    }
    if (profiling->view != NULL && place->priv == PRIV_M) {
        return function_nameless(telling, module_tell(telling, "firmware", NULL), 0);
    }
    if (address >> 63 == 0 && profiling->kernel_virtual != 0 && place->at >= KERNEL_BASE &&
        place->at != TALLY_NOWHERE) {
        address = place->at - KERNEL_BASE + profiling->kernel_virtual;
    }
    struct place there = symbols_at(profiling->symbols, address);
    return there.module == NULL
               ? function_nameless(telling, PROFILE_NONE, address)
               : function_in(telling, module_tell(telling, there.module, NULL), &there);
}
