/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What code is called.
 *
 * 1. A user's code is told by its file, which the map of its process says. That is asked as late as
 *    can be, when it is about to change, because what is mapped is found out bit by bit.
 * 2. One file can have several paths, and engines differ in who is the first to run a piece of a
 *    page that processes share. So of runs of code the file is that of the process which was the
 *    first to execute anything in such a page: one with the same bytes.
 * 3. The kernel's code is told by its address; before it has a page table, by where its image lies.
 * 4. Firmware has no names, and is one function. What nobody knows is told by its page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "machine/profiling.h"

/** What a function is told from others by. */
struct code_key {
    const struct binary *binary; /* of a user's code; NULL: not known, or no user's */
    uint64_t address;            /* of its symbol, or of its page */
    uint32_t process;            /* 1 + index, of a user's code without a file; else 0 */
    uint8_t priv;
    bool named; /* there is a symbol */
};

/** A page of code. */
struct code_page_seen {
    uint64_t hash;  /* of its bytes */
    uint32_t place; /* 1 + index; 0: none */
};

#define VDSO "[vdso]"
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

static void pages_grow(struct code_pages *pages) {
    struct code_pages larger = {.count = pages->count,
                                .room = pages->room == 0 ? 1024 : 2 * pages->room};
    larger.seen = calloc(larger.room, sizeof *larger.seen);
    ensure(larger.seen != NULL);
    for (size_t i = 0; i < pages->room; i++) {
        size_t slot = pages->seen[i].hash % larger.room;
        while (pages->seen[i].place != 0 && larger.seen[slot].place != 0) {
            slot = (slot + 1) % larger.room;
        }
        if (pages->seen[i].place != 0) {
            larger.seen[slot] = pages->seen[i];
        }
    }
    free(pages->seen);
    *pages = larger;
}

/** The place that was the first in a page of these bytes. @return 1 + its index. */
static uint32_t page_first(struct code_pages *pages, const uint8_t *bytes, uint32_t place) {
    if (2 * pages->count >= pages->room) {
        pages_grow(pages);
    }
    uint64_t hash = XXH3_64bits(bytes, PAGE_BYTES);
    size_t slot = hash % pages->room;
    while (pages->seen[slot].place != 0 && pages->seen[slot].hash != hash) {
        slot = (slot + 1) % pages->room;
    }
    if (pages->seen[slot].place == 0) {
        pages->seen[slot] = (struct code_page_seen){hash, 1 + place};
        pages->count++;
    }
    return pages->seen[slot].place;
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
        profiling->places[idx].like = page_first(&profiling->pages, ram_at(ram, page), idx);
    }
}

/* -- Functions by id --------------------------------------------------------------------------- */

enum { IDS_BITS = 20, IDS_MAX = 1 << (IDS_BITS - 1) };

static vaddr page_of(vaddr address) {
    return address & ~(uint64_t)(PAGE_BYTES - 1);
}

static bool keys_same(const struct code_key *a, const struct code_key *b) {
    return a->binary == b->binary && a->address == b->address && a->process == b->process &&
           a->priv == b->priv && a->named == b->named;
}

/** Where the symbols have it that an address is: before it has a page table, a kernel runs where
 * its image lies. */
static vaddr linked_address(const struct profiling *profiling, vaddr pc, paddr at) {
    bool moved =
        pc >> 63 == 0 && profiling->kernel_virtual != 0 && at >= KERNEL_BASE && at != TALLY_NOWHERE;
    return moved ? at - KERNEL_BASE + profiling->kernel_virtual : pc;
}

/** Of the file that the kernel has for processes there is one, in its own data. */
static void vdso_read(struct profiling *profiling) {
    enum { VDSO_BYTES_MAX = 256 << 10 };
    profiling->vdso = symbols_new();
    const struct symbol *start = symbols_find(profiling->symbols, "vdso_start", 0);
    const struct symbol *end = symbols_find(profiling->symbols, "vdso_end", 0);
    if (start == NULL || end == NULL || end->address <= start->address ||
        end->address - start->address > VDSO_BYTES_MAX) {
        return;
    }
    struct symbol_source source = {
        .path = VDSO, .module = VDSO, .size_bytes = end->address - start->address};
    uint8_t *bytes = malloc(source.size_bytes);
    ensure(bytes != NULL);
    source.bytes = bytes;
    if (tasks_kernel_read(profiling->machine, start->address, bytes, source.size_bytes)) {
        (void)symbols_add_elf(profiling->vdso, &source, NULL);
    }
    free(bytes);
}

/** It is linked to begin at 0. */
static struct place vdso_at(struct profiling *profiling, uint64_t offset) {
    if (profiling->vdso == NULL) {
        vdso_read(profiling);
    }
    struct place place = symbols_at(profiling->vdso, offset);
    return place.symbol != NULL
               ? place
               : (struct place){.module = VDSO, .offset = offset, .same_bytes = place.same_bytes};
}

/** What is at an offset into a file that processes have mapped. */
static struct place user_place(struct profiling *profiling, const struct binary *binary,
                               uint64_t offset) {
    return strcmp(binary->path, VDSO) == 0 ? vdso_at(profiling, offset)
                                           : sysroot_at(profiling->plan.sysroot, binary, offset);
}

static void key_user(struct profiling *profiling, const struct hart *hart, vaddr pc,
                     struct code_key *key, struct tally_code_place *told) {
    const struct linux_task *task = linux_current(profiling->view, hart->id);
    const struct linux_process *process = task == NULL ? NULL : task->process;
    const struct range *range =
        process == NULL || process->space == NULL ? NULL : space_at(process->space, pc);
    *key = (struct code_key){.address = page_of(pc), .priv = PRIV_U};
    if (range == NULL) {
        key->process = process == NULL ? 0 : process->idx + 1;
        return;
    }
    uint64_t offset = pc - range->start + range->offset;
    struct place place = user_place(profiling, range->binary, offset);
    key->binary = range->binary;
    key->named = place.symbol != NULL;
    key->address = key->named ? place.symbol->address : page_of(offset);
    told->starts = key->named && place.offset == 0;
    told->whole = true;
}

static void key_other(struct profiling *profiling, struct hart *hart, vaddr pc,
                      struct code_key *key, struct tally_code_place *told) {
    vaddr address = linked_address(profiling, pc, memory_at(hart, pc));
    struct place place = symbols_at(profiling->symbols, address);
    key->priv = hart->priv;
    key->named = place.symbol != NULL;
    key->address = key->named ? place.symbol->address : page_of(address);
    told->starts = key->named && place.offset == 0;
    told->whole = key->named;
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

struct tally_code_place functions_at(void *owner, struct hart *hart, uint64_t pc) {
    struct profiling *profiling = owner;
    struct tally_code_place told = {0};
    struct code_key key = {0};
    bool fresh;
    if (profiling->view != NULL && hart->priv == PRIV_M) {
        key.priv = PRIV_M;
        told.whole = true;
    } else if (profiling->view != NULL && hart->priv == PRIV_U) {
        key_user(profiling, hart, pc, &key, &told);
    } else {
        key_other(profiling, hart, pc, &key, &told);
    }
    told.function = key_id(&profiling->ids, &key, &fresh);
    if (!fresh) {
        return told;
    }
    if (!key.named && modules_seen(profiling, hart, pc)) {
        return functions_at(owner, hart, pc);
    }
    profiling->places = zeroed_room(profiling->places, &profiling->place_room, told.function,
                                    sizeof *profiling->places);
    if (profiling->view != NULL && hart->priv == PRIV_U) {
        place_note(profiling, hart, told.function, pc);
    }
    struct code_place *place = &profiling->places[told.function];
    place->pc = pc;
    place->at = memory_at(hart, pc);
    place->priv = hart->priv;
    return told;
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
    vaddr start = linked_address(profiling, at, at);
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
    free(profiling->pages.seen);
    free(profiling->ids.keys);
    free(profiling->ids.slots);
    free(profiling->places);
}

const struct code_place *functions_place(const struct profiling *profiling, uint32_t idx) {
    static const struct code_place unknown = {0};
    return idx < profiling->place_room ? &profiling->places[idx] : &unknown;
}

/* -- Telling ----------------------------------------------------------------------------------- */

/** What has no name is told by the page of its offset. @param module  PROFILE_NONE: not known. */
static struct function_place function_nameless(const struct telling *telling, uint32_t module,
                                               const struct place *place) {
    return (struct function_place){
        .function = profile_add_function(
            telling->profile,
            &(struct profile_function){.module = module, .address = page_of(place->offset)}),
        .same_bytes = min_u64(place->same_bytes, PAGE_BYTES - place->offset % PAGE_BYTES)};
}

/** What symbols say of a place in a module. */
static struct function_place function_in(const struct telling *telling, uint32_t module,
                                         const struct place *place) {
    const struct symbol *symbol = place->symbol;
    if (symbol == NULL) {
        return function_nameless(telling, module, place);
    }
    return (struct function_place){.function =
                                       profile_add_function(telling->profile,
                                                            &(struct profile_function){
                                                                .name = symbol->name,
                                                                .module = module,
                                                                .address = symbol->address,
                                                                .size_bytes = symbol->size_bytes,
                                                            }),
                                   .same_bytes = place->same_bytes};
}

static struct function_place function_unknown(const struct telling *telling, uint64_t address) {
    struct place nowhere = {.offset = address, .same_bytes = UINT64_MAX - address};
    return function_nameless(telling, PROFILE_NONE, &nowhere);
}

static uint32_t module_tell(const struct telling *telling, const char *name, const char *build) {
    return profile_add_module(telling->profile,
                              &(struct profile_module){.name = name, .build = build});
}

/** The place in the file that was met first. */
static void place_first(const struct profiling *profiling, struct code_place *place) {
    const struct code_place *first =
        place->like == 0 ? place : functions_place(profiling, place->like - 1);
    if (first != place) {
        place->binary = first->binary;
        place->minus = first->minus;
        place->pc = page_of(first->pc) + place->pc % PAGE_BYTES;
    }
}

static struct function_place function_user(const struct telling *telling,
                                           const struct code_place *met) {
    struct code_place found = *met;
    const struct code_place *place = &found;
    place_first(telling->profiling, &found);
    const struct binary *binary = place->binary;
    if (binary == NULL) {
        return function_unknown(telling, place->pc);
    }
    char build[2 * BUILD_ID_BYTES_MAX + 1] = "";
    for (size_t i = 0; i < binary->build_id_bytes; i++) {
        snprintf(build + 2 * i, 3, "%02x", binary->build_id[i]);
    }
    struct place there = user_place(telling->profiling, binary, place->pc - place->minus);
    return function_in(telling, module_tell(telling, there.module, build), &there);
}

/* Without an operating system firmware and program are one. */
struct function_place functions_tell(const struct telling *telling,
                                     const struct code_place *place) {
    const struct profiling *profiling = telling->profiling;
    if (profiling->view != NULL && place->priv == PRIV_U) {
        return function_user(telling, place);
    }
    if (profiling->view != NULL && place->priv == PRIV_M) {
        struct place firmware = {.same_bytes = UINT64_MAX};
        return function_nameless(telling, module_tell(telling, "firmware", NULL), &firmware);
    }
    vaddr address = linked_address(profiling, place->pc, place->at);
    struct place there = symbols_at(profiling->symbols, address);
    return there.module == NULL
               ? function_nameless(telling, PROFILE_NONE, &there)
               : function_in(telling, module_tell(telling, there.module, NULL), &there);
}
