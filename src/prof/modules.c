/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols of the modules that a running Linux kernel has loaded, out of its memory.
 *
 * The kernel keeps them in a list that begins at its symbol `modules`. Of struct module only the
 * beginning has never changed: the state, the list, the name. Where it keeps its symbols hangs on
 * version and configuration, but not what they look like: a pointer to the structure right behind
 * it, and that structure is a symbol table of ELF, its length, its names and its types.
 *
 *      modules ──> list of struct module                  at some multiple of 8
 *                  +0   state, 0: it lives                 ┌─ kallsyms  (points behind itself)
 *                  +8   next ──> (of the next one)         └> symtab ──> Elf64_Sym × n
 *                  +24  name, 56 bytes                        n
 *                                                             strtab ──> names
 *                                                             typetab ──> a letter for each
 *
 * A module that is being loaded still uses other tables, and is left for the next time.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "prof/prof.h"

enum {
    MODULES_MAX = 1024,
    MODULE_BYTES = 4096, /* its symbols are nearer to its start than this */
    MODULE_STEP_BYTES = 64,
    MODULE_NEXT = 8,
    MODULE_NAME = 24,
    MODULE_NAME_BYTES = 56,
    NAME_CHARS_MAX = 512,
    SYMBOLS_MAX = 1 << 18,
    PAGE_BYTES = 4096
};

/* What a module has of its symbols. */
struct tables {
    uint64_t symtab, count, strtab, typetab;
};

/* One module, on the way. */
struct loaded {
    const struct kernel_memory *memory;
    uint64_t address;
    char name[MODULE_NAME_BYTES];
    struct tables tables;
    Elf64_Sym *symbols; /* count */
    char *types;        /* count */
};

static bool memory_read(const struct kernel_memory *memory, uint64_t address, void *bytes,
                        size_t size_bytes) {
    return memory->read(memory->owner, address, bytes, size_bytes);
}

/* -- Finding ----------------------------------------------------------------------------------- */

static bool name_sound(const char *name, size_t size_bytes) {
    size_t length = strnlen(name, size_bytes);
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] >= 0x7f) {
            return false;
        }
    }
    return length > 0 && length < size_bytes;
}

/* Reads a string, of which only as much need be there as it is long. */
static bool text_read(const struct kernel_memory *memory, uint64_t address,
                      char text[NAME_CHARS_MAX]) {
    enum { PIECE_BYTES = 32 };
    for (size_t have = 0; have < NAME_CHARS_MAX;) {
        size_t piece = PIECE_BYTES - (address + have) % PIECE_BYTES;
        piece = min_u64(piece, NAME_CHARS_MAX - have);
        if (!memory_read(memory, address + have, text + have, piece)) {
            return false;
        }
        if (memchr(text + have, '\0', piece) != NULL) {
            return true;
        }
        have += piece;
    }
    return false;
}

/* Are these tables? The first symbol of any is empty. */
static bool tables_sound(const struct loaded *module, const struct tables *tables) {
    Elf64_Sym first;
    static const Elf64_Sym empty;
    char letter;
    return tables->count > 1 && tables->count <= SYMBOLS_MAX && tables->symtab % 8 == 0 &&
           memory_read(module->memory, tables->symtab, &first, sizeof first) &&
           memcmp(&first, &empty, sizeof empty) == 0 &&
           memory_read(module->memory, tables->strtab, &letter, 1) && letter == '\0' &&
           memory_read(module->memory, tables->typetab + tables->count - 1, &letter, 1);
}

static bool tables_find(struct loaded *module) {
    uint64_t words[MODULE_BYTES / 8];
    size_t have = 0;
    while (have < MODULE_BYTES && memory_read(module->memory, module->address + have,
                                              (uint8_t *)words + have, MODULE_STEP_BYTES)) {
        have += MODULE_STEP_BYTES;
    }
    for (size_t i = 0; i + 4 < have / 8; i++) {
        if (words[i] != module->address + 8 * (i + 1)) {
            continue;
        }
        struct tables tables = {.symtab = words[i + 1],
                                .count = words[i + 2] & UINT32_MAX,
                                .strtab = words[i + 3],
                                .typetab = words[i + 4]};
        if (tables_sound(module, &tables)) {
            module->tables = tables;
            return true;
        }
    }
    return false;
}

/* -- Adding ------------------------------------------------------------------------------------ */

static bool symbol_told(const struct loaded *module, const Elf64_Sym *symbol, char *name) {
    unsigned kind = ELF64_ST_TYPE(symbol->st_info);
    bool place = kind == STT_NOTYPE || kind == STT_OBJECT || kind == STT_FUNC;
    return place && symbol->st_shndx != SHN_UNDEF &&
           text_read(module->memory, module->tables.strtab + symbol->st_name, name) &&
           name_sound(name, NAME_CHARS_MAX) && name[0] != '$' && strncmp(name, ".L", 2) != 0;
}

/* The kernel's letter, in upper case for what other files may use. */
static char letter_of(const struct loaded *module, size_t idx) {
    char letter = module->types[idx];
    bool local = ELF64_ST_BIND(module->symbols[idx].st_info) == STB_LOCAL;
    letter = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
    if (letter < 'a' || letter > 'z') {
        letter = 'd';
    }
    return local ? letter : (char)(letter - 'a' + 'A');
}

/* The pages that its functions are in. */
static void extent_find(const struct loaded *module, uint64_t *start, uint64_t *end) {
    *start = UINT64_MAX;
    *end = 0;
    for (size_t i = 0; i < module->tables.count; i++) {
        const Elf64_Sym *symbol = &module->symbols[i];
        if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_UNDEF) {
            uint64_t last = add_sat_u64(symbol->st_value, symbol->st_size);
            *start = min_u64(*start, symbol->st_value - symbol->st_value % PAGE_BYTES);
            *end = last > *end ? last : *end;
        }
    }
    *end = add_sat_u64(*end, PAGE_BYTES - 1);
    *end -= *end % PAGE_BYTES;
}

/* @return false: it is there already. */
static bool module_add(struct symbols *symbols, const struct loaded *module) {
    uint64_t start, end;
    extent_find(module, &start, &end);
    if (start >= end || symbols_has_module(symbols, module->name, start)) {
        return false;
    }
    unsigned idx = symbols_add_module(symbols, module->name, start, end);
    for (size_t i = 0; i < module->tables.count; i++) {
        const Elf64_Sym *symbol = &module->symbols[i];
        char name[NAME_CHARS_MAX];
        if (symbol_told(module, symbol, name)) {
            symbols_add(symbols, idx,
                        &(struct symbol_entry){
                            .name = name,
                            .address = symbol->st_value,
                            .size_bytes = symbol->st_size,
                            .end = symbol->st_value, /* a label need not reach further */
                            .type = letter_of(module, i),
                        });
        }
    }
    return true;
}

static bool module_read(struct symbols *symbols, struct loaded *module) {
    uint32_t live;
    if (!memory_read(module->memory, module->address, &live, sizeof live) || live != 0 ||
        !memory_read(module->memory, module->address + MODULE_NAME, module->name,
                     sizeof module->name) ||
        !name_sound(module->name, sizeof module->name) || !tables_find(module)) {
        return false;
    }
    size_t count = module->tables.count;
    module->symbols = calloc(count, sizeof *module->symbols);
    module->types = calloc(count, 1);
    ensure(module->symbols != NULL && module->types != NULL);
    bool added = memory_read(module->memory, module->tables.symtab, module->symbols,
                             count * sizeof *module->symbols) &&
                 memory_read(module->memory, module->tables.typetab, module->types, count) &&
                 module_add(symbols, module);
    free(module->symbols);
    free(module->types);
    return added;
}

size_t symbols_add_modules(struct symbols *symbols, const struct kernel_memory *memory) {
    const struct symbol *list = symbols_find(symbols, "modules", 0);
    uint64_t head = list == NULL ? 0 : list->address, next;
    size_t added = 0, seen = 0;
    bool there = list != NULL && memory_read(memory, head, &next, sizeof next);
    for (; there && next != head && seen < MODULES_MAX; seen++) {
        struct loaded module = {.memory = memory, .address = next - MODULE_NEXT};
        added += module_read(symbols, &module);
        there = memory_read(memory, next, &next, sizeof next);
    }
    if (added > 0) {
        symbols_settle(symbols);
    }
    return added;
}
