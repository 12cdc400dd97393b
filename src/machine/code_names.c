/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What code is called: what symbols say of a place, and that in a model.
 *
 * 1. A user's code is told by its file: by the symbols that the guest's files have, in a sysroot.
 * 2. The kernel's code is told by its address; before it has a page table, by where its image lies.
 * 3. Firmware is told by its address; without names it is one function. What nobody knows is told
 *    by its page. */
#include <stdlib.h>
#include <string.h>

#include "machine/profiling.h"

#define VDSO "[vdso]"
#define KERNEL_BASE (BOARD_RAM_BASE + 0x200000)

/* -- Symbols ----------------------------------------------------------------------------------- */

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

/** Firmware under an operating system. */
static struct place firmware_place(const struct profiling *profiling, vaddr pc) {
    struct place place = symbols_at(profiling->besides, pc);
    if (place.symbol == NULL) {
        place.module = "firmware";
        place.offset = 0;
    }
    return place;
}

/** What was booted, and what there are symbol files for besides. */
static struct place booted_place(const struct profiling *profiling, vaddr address) {
    struct place place = symbols_at(profiling->symbols, address);
    if (place.module == NULL) {
        uint64_t same_bytes = place.same_bytes;
        place = symbols_at(profiling->besides, address);
        place.same_bytes = min_u64(place.same_bytes, same_bytes);
    }
    return place;
}

vaddr code_linked(const struct profiling *profiling, vaddr pc, paddr at) {
    bool moved =
        pc >> 63 == 0 && profiling->kernel_virtual != 0 && at >= KERNEL_BASE && at != TALLY_NOWHERE;
    return moved ? at - KERNEL_BASE + profiling->kernel_virtual : pc;
}

struct place code_symbol(struct profiling *profiling, const struct code_place *place) {
    if (profiling->view != NULL && place->priv == PRIV_U) {
        return place->binary != NULL
                   ? user_place(profiling, place->binary, place->pc - place->minus)
                   : (struct place){.offset = place->pc, .same_bytes = UINT64_MAX - place->pc};
    }
    if (profiling->view != NULL && place->priv == PRIV_M) {
        return firmware_place(profiling, place->pc);
    }
    return booted_place(profiling, code_linked(profiling, place->pc, place->at));
}

/* -- Telling ----------------------------------------------------------------------------------- */

/** What has no name is told by the page of its offset. @param module  PROFILE_NONE: not known. */
static struct function_place function_nameless(const struct telling *telling, uint32_t module,
                                               const struct place *place) {
    return (struct function_place){
        .function = profile_add_function(
            telling->profile,
            &(struct profile_function){.module = module, .address = page_of(place->offset)}),
        .same_bytes = min_u64(place->same_bytes, PAGE_BYTES - place->offset % PAGE_BYTES),
        .offset = place->offset % PAGE_BYTES};
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
                                   .same_bytes = place->same_bytes,
                                   .offset = place->offset};
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

enum { BUILD_CHARS_MAX = 2 * BUILD_ID_BYTES_MAX + 1 };

/** In hex. Too many are asked for to print them. @param binary  NULL: none. */
static const char *build_text(const struct binary *binary, char text[BUILD_CHARS_MAX]) {
    static const char digits[] = "0123456789abcdef";
    char *to = text;
    for (size_t i = 0; binary != NULL && i < binary->build_id_bytes; i++) {
        *to++ = digits[binary->build_id[i] >> 4];
        *to++ = digits[binary->build_id[i] & 15];
    }
    *to = '\0';
    return text;
}

struct function_place functions_tell(const struct telling *telling, const struct code_place *met) {
    struct code_place place = *met;
    place_first(telling->profiling, &place);
    struct place known = code_symbol(telling->profiling, &place);
    char build[BUILD_CHARS_MAX];
    uint32_t module =
        known.module == NULL
            ? PROFILE_NONE
            : profile_add_module(telling->profile, &(struct profile_module){
                                                       .name = known.module,
                                                       .build = build_text(place.binary, build),
                                                   });
    struct function_place found = function_in(telling, module, &known);
    bool firmware = telling->profiling->view != NULL && place.priv == PRIV_M;
    if (firmware && known.symbol == NULL) { /* all of it is one function, which begins at 0 */
        found.offset = place.pc;
    }
    return found;
}
