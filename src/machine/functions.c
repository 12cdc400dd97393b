/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code that is met, and which function it is of.
 *
 * 1. A user's code is told by its file, which the map of its process says. That is asked as late as
 *    can be, when it is about to change, because what is mapped is found out bit by bit.
 * 2. One file can have several paths, and engines differ in who is the first to run a piece of a
 *    page that processes share. So of runs of code the file is that of the process which was the
 *    first to execute anything in such a page: one with the same bytes.
 * 3. With callers each process's code is told by its own files, and a function is what symbols say
 *    (code_names.c) when it is met: it has to be known where one ends. */
#include <stdlib.h>

#include <xxhash.h>

#include "machine/profiling.h"

/** What a function is told from others by. */
struct code_key {
    const struct binary *binary; /* of a user's code; NULL: not known, or no user's */
    uint64_t address;            /* of its symbol, or of its page */
    uint32_t process;            /* 1 + index, of a user's code without a file; else 0 */
    uint8_t priv;
    bool named;  /* there is a symbol */
    bool module; /* it is in something: the address is in there */
};

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

static paddr memory_at(struct hart *hart, vaddr pc) {
    paddr at = TALLY_NOWHERE;
    (void)mmu_peek_as(hart, (enum privilege)hart->priv, pc, &at);
    return at;
}

/** Keeps a place until the map of its process is asked. */
static void place_note(struct profiling *profiling, const struct hart *hart, uint32_t idx,
                       vaddr pc) {
    const struct linux_task *task = linux_current(profiling->view, hart->id);
    profiling->places[idx].pc = pc;
    if (task != NULL && task->process != NULL && task->process->space != NULL) {
        pending_add(pending_of(profiling, task->process->space), idx);
    }
}

void functions_met(struct profiling *profiling, struct hart *hart, uint32_t idx, vaddr pc) {
    const struct ram *ram = &profiling->machine->bus.ram;
    paddr page = memory_at(hart, pc) & ~(paddr)(PAGE_BYTES - 1);
    profiling->places =
        zeroed_room(profiling->places, &profiling->place_room, idx, sizeof *profiling->places);
    place_note(profiling, hart, idx, pc);
    if (ram_holds(ram, page, PAGE_BYTES)) {
        uint32_t *first =
            pairs_at(&profiling->pages, XXH3_64bits(ram_at(ram, page), PAGE_BYTES), 0);
        *first = *first == 0 ? 1 + idx : *first;
        profiling->places[idx].like = *first;
    }
}

/* -- Functions by id --------------------------------------------------------------------------- */

enum { IDS_BITS = 20, IDS_MAX = 1 << (IDS_BITS - 1) };

static bool keys_same(const struct code_key *a, const struct code_key *b) {
    return a->binary == b->binary && a->address == b->address && a->process == b->process &&
           a->priv == b->priv && a->named == b->named && a->module == b->module;
}

static struct code_place place_here(struct profiling *profiling, struct hart *hart, vaddr pc,
                                    paddr at) {
    struct code_place place = {
        .pc = pc, .at = at == TALLY_NOWHERE ? memory_at(hart, pc) : at, .priv = hart->priv};
    bool user = hart->priv == PRIV_U && profiling->view != NULL;
    const struct linux_task *task = user ? linux_current(profiling->view, hart->id) : NULL;
    const struct linux_process *process = task == NULL ? NULL : task->process;
    const struct range *range =
        process == NULL || process->space == NULL ? NULL : space_at(process->space, pc);
    place.process = process == NULL ? 0 : process->idx + 1;
    if (range != NULL) {
        place.binary = range->binary;
        place.minus = range->start - range->offset;
    }
    return place;
}

struct code_place functions_here(struct profiling *profiling, struct hart *hart) {
    return place_here(profiling, hart, hart->pc, TALLY_NOWHERE);
}

/** @param known  What its symbols say. */
static struct code_key key_of(const struct code_place *place, const struct place *known) {
    bool named = known->symbol != NULL;
    return (struct code_key){.binary = place->binary,
                             .address = named ? known->symbol->address : page_of(known->offset),
                             .process = place->binary == NULL ? place->process : 0,
                             .priv = place->priv,
                             .named = named,
                             .module = known->module != NULL};
}

/** The id of a key. @param fresh  Set: nobody has asked for it before. */
static uint32_t key_id(struct code_ids *ids, const struct code_key *key, bool *fresh) {
    uint64_t mixed = key->address * UINT64_C(0x9e3779b97f4a7c15) +
                     (key->binary == NULL ? 0 : (uint64_t)(uintptr_t)key->binary >> 4) +
                     key->process * 77777U + key->priv;
    uint32_t slot = (uint32_t)(mixed * UINT64_C(0xbf58476d1ce4e5b9) >> (64 - IDS_BITS));
    if (ids->slots == NULL) {
        ids->slots = calloc((size_t)1 << IDS_BITS, sizeof *ids->slots);
        ensure(ids->slots != NULL);
    }
    *fresh = false;
    for (; ids->slots[slot] != 0; slot = (slot + 1) % (1U << IDS_BITS)) {
        if (keys_same(&ids->keys[ids->slots[slot] - 1], key)) {
            return ids->slots[slot] - 1;
        }
    }
    if (ids->count == IDS_MAX) {
        return 0;
    }
    *fresh = true;
    ids->keys = zeroed_room(ids->keys, &ids->key_room, ids->count, sizeof *ids->keys);
    ids->keys[ids->count] = *key;
    ids->slots[slot] = ids->count + 1;
    return ids->count++;
}

/** Modules that have been loaded since are looked for where a kernel's code has no name. */
static bool modules_seen(struct profiling *profiling, struct hart *hart, vaddr pc) {
    bool kernel = profiling->view != NULL && hart->priv == PRIV_S && pc >> 63 != 0;
    return kernel &&
           symbols_add_modules(profiling->symbols,
                               &(struct kernel_memory){tasks_kernel_read, profiling->machine}) > 0;
}

/* Whoever shares a kernel's page has it at the same place; a user's file can have several paths,
 * but the same symbols. */
struct tally_code_place functions_at(void *owner, struct hart *hart, uint64_t pc, uint64_t at) {
    struct profiling *profiling = owner;
    struct code_place place = place_here(profiling, hart, pc, at);
    struct place known = code_symbol(profiling, &place);
    struct code_key key = key_of(&place, &known);
    bool fresh;
    uint32_t id = key_id(&profiling->ids, &key, &fresh);
    if (fresh && !key.named && modules_seen(profiling, hart, pc)) {
        return functions_at(owner, hart, pc, at);
    }
    if (fresh) {
        profiling->places =
            zeroed_room(profiling->places, &profiling->place_room, id, sizeof *profiling->places);
        profiling->places[id] = place;
        if (place.process != 0) {
            place_note(profiling, hart, id, pc);
        }
    }
    return (struct tally_code_place){.function = id,
                                     .starts = key.named && known.offset == 0,
                                     .whole =
                                         key.named || place.binary != NULL || place.priv == PRIV_M};
}

/** The first symbol that does not lie before an address. */
static size_t symbol_from(const struct symbols *symbols, uint64_t address) {
    size_t low = 0, high = symbols_count(symbols);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (symbols_get(symbols, middle)->address < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void functions_starts(void *owner, uint64_t page, uint64_t bits[]) {
    const struct profiling *profiling = owner;
    const struct symbols *symbols = profiling->symbols;
    paddr at = BOARD_RAM_BASE + (page << PAGE_SHIFT);
    vaddr start = code_linked(profiling, at, at);
    for (size_t i = symbol_from(symbols, start); i < symbols_count(symbols); i++) {
        const struct symbol *symbol = symbols_get(symbols, i);
        if (symbol->address >= start + PAGE_BYTES) {
            break;
        }
        uint64_t half = (symbol->address - start) / 2;
        bits[half / 64] |= symbol->owner ? (uint64_t)1 << half % 64 : 0;
    }
}

/* -- The end ----------------------------------------------------------------------------------- */

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
    pairs_free(&profiling->pages);
    free(profiling->ids.keys);
    free(profiling->ids.slots);
    free(profiling->places);
}

const struct code_place *functions_place(const struct profiling *profiling, uint32_t idx) {
    static const struct code_place unknown = {0};
    return idx < profiling->place_room ? &profiling->places[idx] : &unknown;
}
