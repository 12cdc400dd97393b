/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of names for addresses.
 *
 * All symbols lie in one array, sorted by address, and at one address by rank: the best name first.
 * Whose an address is has to be the same in every run and report, so it is worked out once, when
 * something was added (symbols_settle), and written into the entries:
 *
 *   1. The first at an address owns it; the others are aliases.
 *   2. A label (a symbol without a size) inside a sized symbol owns nothing: what is executed
 *      behind it still belongs to the function around it.
 *   3. Any other label reaches up to the next owner, or the end of its section.
 *   4. An address belongs to the owner that begins nearest before it, and reaches it.
 *
 *      sized  f  [------------------)        sized  g  [------)
 *      labels       inner                                         after   ....
 *      owner     ffffffffffffffffffff        ggggggggg            after   after
 *
 * Owners nest only in odd files, so a search is a binary one and a few steps back: `reach`, the
 * furthest end of all owners up to an entry, says when to give up. Symbols that are no addresses
 * (type A) own nothing.
 *
 * Names lie in blocks that never move, and are found by hash: symbols of one name lie behind each
 * other in the order of their addresses.
 */
#include "prof/prof.h"
#include "prof/intern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct entry {
    struct symbol symbol;
    uint64_t end;   /* of a label, at the latest; 0: not said */
    uint64_t reach; /* furthest end of all owners up to here */
    bool sized;
};

struct module {
    const char *name;
    uint64_t start, end;
};

struct symbols {
    struct entry *entries;
    size_t count, room;
    uint32_t *by_name; /* 1 + index by hash, or 0; at most half full */
    size_t name_slots; /* a power of two */
    struct module *modules;
    unsigned module_count;
    struct texts names; /* copies, each text as often as it was added */
};

/* -- Building ---------------------------------------------------------------------------------- */

struct symbols *symbols_new(void) {
    struct symbols *symbols = calloc(1, sizeof *symbols);
    ensure(symbols != NULL);
    return symbols;
}

void symbols_free(struct symbols *symbols) {
    if (symbols == NULL) {
        return;
    }
    texts_free(&symbols->names);
    free(symbols->entries);
    free(symbols->by_name);
    free(symbols->modules);
    free(symbols);
}

unsigned symbols_add_module(struct symbols *symbols, const char *name, uint64_t start,
                            uint64_t end) {
    symbols->modules =
        realloc(symbols->modules, (symbols->module_count + 1) * sizeof *symbols->modules);
    ensure(symbols->modules != NULL);
    symbols->modules[symbols->module_count] =
        (struct module){.name = texts_copy(&symbols->names, name), .start = start, .end = end};
    return symbols->module_count++;
}

bool symbols_has_module(const struct symbols *symbols, const char *name, uint64_t start) {
    for (unsigned i = 0; i < symbols->module_count; i++) {
        if (symbols->modules[i].start == start && strcmp(symbols->modules[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void symbols_add(struct symbols *symbols, unsigned module, const struct symbol_entry *entry) {
    ensure(module < symbols->module_count);
    if (symbols->count == symbols->room) {
        symbols->room = symbols->room == 0 ? 1024 : 2 * symbols->room;
        ensure(symbols->room <= UINT32_MAX);
        symbols->entries = realloc(symbols->entries, symbols->room * sizeof *symbols->entries);
        ensure(symbols->entries != NULL);
    }
    symbols->entries[symbols->count++] = (struct entry){
        .symbol = {.address = entry->address,
                   .size_bytes = entry->size_bytes,
                   .name = texts_copy(&symbols->names, entry->name),
                   .module = symbols->modules[module].name,
                   .type = entry->type},
        .end = entry->end,
        .sized = entry->size_bytes > 0,
    };
}

/* -- Which name is the best -------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *end) {
    size_t length = strlen(name), end_length = strlen(end);
    return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* Does it look like a place that a linker script names? It need not be one: this only decides
 * between names of one address. */
static bool linker_mark(const char *name) {
    return ends_in(name, "_start") || ends_in(name, "_end") || ends_in(name, "_begin") ||
           strcmp(name, "_text") == 0 || strcmp(name, "_stext") == 0 ||
           strcmp(name, "_etext") == 0 || strncmp(name, "__start_", 8) == 0 ||
           strncmp(name, "__stop_", 7) == 0;
}

static int binding_rank(char type) {
    if (type >= 'a') {
        return type == 'w' || type == 'v' ? 1 : 2;
    }
    return type == 'W' || type == 'V' ? 1 : 0;
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

static int name_order(const struct entry *a, const struct entry *b) {
    const char *one = a->symbol.name, *other = b->symbol.name;
    int order = ORDER(b->sized, a->sized);
    if (order == 0) {
        order = ORDER(linker_mark(one), linker_mark(other));
    }
    if (order == 0) {
        order = ORDER(strspn(one, "_"), strspn(other, "_"));
    }
    if (order == 0) {
        order = ORDER(binding_rank(a->symbol.type), binding_rank(b->symbol.type));
    }
    if (order == 0) {
        order = ORDER(strlen(one), strlen(other));
    }
    return order != 0 ? order : strcmp(one, other);
}

static bool is_address(const struct entry *entry) {
    return entry->symbol.type != 'A' && entry->symbol.type != 'a';
}

/* By address, the best name first, and whatever else can differ after that. */
static int entry_order(const void *one, const void *other) {
    const struct entry *a = one, *b = other;
    int order = ORDER(a->symbol.address, b->symbol.address);
    if (order == 0) {
        order = ORDER(is_address(b), is_address(a));
    }
    if (order == 0) {
        order = name_order(a, b);
    }
    if (order == 0) {
        order = ORDER(b->symbol.size_bytes, a->symbol.size_bytes);
    }
    if (order == 0) {
        order = ORDER(a->symbol.type, b->symbol.type);
    }
    return order != 0 ? order : strcmp(a->symbol.module, b->symbol.module);
}

/* -- Whose an address is ----------------------------------------------------------------------- */

static uint64_t end_of(const struct entry *entry) {
    return add_sat_u64(entry->symbol.address, entry->symbol.size_bytes);
}

/* Owners by rules 1 and 2, and how far the sized ones reach. */
static void owners_find(struct symbols *symbols) {
    uint64_t reach = 0;
    for (size_t i = 0; i < symbols->count; i++) {
        struct entry *entry = &symbols->entries[i];
        bool first = i == 0 || symbols->entries[i - 1].symbol.address != entry->symbol.address;
        bool inside = !entry->sized && entry->symbol.address < reach;
        entry->symbol.owner = first && !inside && is_address(entry);
        if (entry->symbol.owner && entry->sized) {
            reach = end_of(entry) > reach ? end_of(entry) : reach;
        }
    }
}

/* Ends of labels, from the back, where the next owner is known: rule 3. */
static void labels_end(struct symbols *symbols) {
    uint64_t next = UINT64_MAX, after = UINT64_MAX; /* owners: at this address or behind, behind */
    for (size_t i = symbols->count; i-- > 0;) {
        struct entry *entry = &symbols->entries[i];
        uint64_t address = entry->symbol.address;
        if (address < next) {
            after = next;
        }
        if (!entry->sized) {
            uint64_t end = entry->end == 0 ? UINT64_MAX : entry->end;
            end = min_u64(end, after);
            bool known = is_address(entry) && end != UINT64_MAX && end > address;
            entry->symbol.size_bytes = known && entry->symbol.owner ? end - address : 0;
        }
        if (entry->symbol.owner) {
            next = address;
        }
    }
}

/* A kernel's tables are sorted by address, and only names of one address are in another order than
 * ours: so runs of neighbours that are not in order are sorted for themselves as long as that does
 * it. */
static void entries_sort(struct symbols *symbols) {
    struct entry *entries = symbols->entries;
    bool rises = true;
    for (size_t i = 1; i < symbols->count; i++) {
        rises = rises && entries[i - 1].symbol.address <= entries[i].symbol.address;
    }
    for (size_t first = 0, end; first < symbols->count; first = end) {
        for (end = first + 1; end < symbols->count; end++) {
            if (rises && entries[end].symbol.address != entries[first].symbol.address) {
                break;
            }
        }
        if (end - first > 1) {
            qsort(&entries[first], end - first, sizeof *entries, entry_order);
        }
    }
}

/* Where the search for a name begins. */
static size_t name_slot(const struct symbols *symbols, const char *name) {
    return (size_t)XXH3_64bits(name, strlen(name)) & (symbols->name_slots - 1);
}

static void names_settle(struct symbols *symbols) {
    free(symbols->by_name);
    symbols->name_slots = 1024;
    while (symbols->name_slots < 2 * symbols->count) {
        symbols->name_slots *= 2;
    }
    symbols->by_name = calloc(symbols->name_slots, sizeof *symbols->by_name);
    ensure(symbols->by_name != NULL);
    for (size_t i = 0; i < symbols->count; i++) {
        size_t slot = name_slot(symbols, symbols->entries[i].symbol.name);
        while (symbols->by_name[slot] != 0) {
            slot = (slot + 1) & (symbols->name_slots - 1);
        }
        symbols->by_name[slot] = (uint32_t)i + 1;
    }
}

void symbols_settle(struct symbols *symbols) {
    for (size_t i = 0; i < symbols->count; i++) {
        struct entry *entry = &symbols->entries[i];
        entry->symbol.size_bytes = entry->sized ? entry->symbol.size_bytes : 0;
    }
    entries_sort(symbols);
    owners_find(symbols);
    labels_end(symbols);
    uint64_t reach = 0;
    for (size_t i = 0; i < symbols->count; i++) {
        struct entry *entry = &symbols->entries[i];
        if (entry->symbol.owner && end_of(entry) > reach) {
            reach = end_of(entry);
        }
        entry->reach = reach;
    }
    names_settle(symbols);
}

/* -- Asking ------------------------------------------------------------------------------------ */

size_t symbols_count(const struct symbols *symbols) {
    return symbols->count;
}

const struct symbol *symbols_get(const struct symbols *symbols, size_t idx) {
    ensure(idx < symbols->count);
    return &symbols->entries[idx].symbol;
}

const struct symbol *symbols_find(const struct symbols *symbols, const char *name, size_t nth) {
    if (symbols->count == 0) {
        return NULL;
    }
    size_t slot = name_slot(symbols, name);
    for (; symbols->by_name[slot] != 0; slot = (slot + 1) & (symbols->name_slots - 1)) {
        const struct symbol *symbol = &symbols->entries[symbols->by_name[slot] - 1].symbol;
        if (strcmp(symbol->name, name) == 0 && nth-- == 0) {
            return symbol;
        }
    }
    return NULL;
}

/* The first that begins behind the address. */
static size_t idx_behind(const struct symbols *symbols, uint64_t address) {
    size_t low = 0, high = symbols->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (symbols->entries[middle].symbol.address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The owner that begins nearest before the address and reaches it: rule 4.
 * @param behind  The first that begins behind the address. */
static const struct entry *owner_of(const struct symbols *symbols, uint64_t address,
                                    size_t behind) {
    while (behind > 0 && symbols->entries[behind - 1].reach > address) {
        const struct entry *entry = &symbols->entries[--behind];
        if (entry->symbol.owner && end_of(entry) > address) {
            return entry;
        }
    }
    return NULL;
}

/* What no symbol holds, and nothing from behind it on. */
static struct place module_at(const struct symbols *symbols, uint64_t address, uint64_t end) {
    for (unsigned i = 0; i < symbols->module_count; i++) {
        const struct module *module = &symbols->modules[i];
        if (address >= module->start && address < module->end) {
            return (struct place){.module = module->name,
                                  .offset = address - module->start,
                                  .same_bytes = min_u64(end, module->end) - address};
        }
        end = address < module->start ? min_u64(end, module->start) : end;
    }
    return (struct place){.offset = address, .same_bytes = end - address};
}

struct place symbols_at(const struct symbols *symbols, uint64_t address) {
    size_t behind = idx_behind(symbols, address);
    uint64_t end = behind < symbols->count ? symbols->entries[behind].symbol.address : UINT64_MAX;
    const struct entry *owner = owner_of(symbols, address, behind);
    if (owner == NULL) {
        return module_at(symbols, address, end);
    }
    return (struct place){.symbol = &owner->symbol,
                          .module = owner->symbol.module,
                          .offset = address - owner->symbol.address,
                          .same_bytes = min_u64(end, end_of(owner)) - address};
}

const char *place_text(const struct place *place, char text[PLACE_CHARS_MAX]) {
    const char *name = place->symbol != NULL ? place->symbol->name : place->module;
    if (name == NULL) {
        snprintf(text, PLACE_CHARS_MAX, "0x%" PRIx64, place->offset);
        return text;
    }
    bool plain = place->symbol != NULL || name[0] == '[';
    int length = snprintf(text, PLACE_CHARS_MAX, plain ? "%.600s" : "[%.600s]", name);
    if (place->offset != 0) {
        snprintf(text + length, PLACE_CHARS_MAX - (size_t)length, "+0x%" PRIx64, place->offset);
    }
    return text;
}

/* -- What may have been meant ------------------------------------------------------------------ */

enum { NEAR_CHARS_MAX = 128, NEAR_ERRORS_MAX = 3 };

/* Typing errors between two names: letters that are missing, too many, other or swapped. Gives up
 * with limit + 1. */
static unsigned errors_between(const char *one, const char *other, unsigned limit) {
    size_t length = strlen(one), width = strlen(other);
    unsigned rows[3][NEAR_CHARS_MAX + 1];
    if (length > NEAR_CHARS_MAX || width > NEAR_CHARS_MAX || length > width + limit ||
        width > length + limit) {
        return limit + 1;
    }
    for (unsigned j = 0; j <= width; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= length; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3], *above_that = rows[(i + 1) % 3];
        unsigned least = row[0] = (unsigned)i;
        for (size_t j = 1; j <= width; j++) {
            bool same = one[i - 1] == other[j - 1];
            unsigned best = above[j - 1] + !same;
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            bool swapped =
                i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
            best = swapped && above_that[j - 2] + 1 < best ? above_that[j - 2] + 1 : best;
            row[j] = best;
            least = best < least ? best : least;
        }
        if (least > limit) {
            return limit + 1;
        }
    }
    return rows[length % 3][width];
}

/* The same name with what a compiler adds counts as one error. */
static unsigned distance(const char *name, const char *candidate, unsigned limit) {
    size_t length = strlen(name);
    if (strncmp(name, candidate, length) == 0 && candidate[length] == '.') {
        return 1;
    }
    return errors_between(name, candidate, limit);
}

size_t symbols_near(const struct symbols *symbols, const char *name, const char **near,
                    size_t max) {
    unsigned limit = (unsigned)min_u64(NEAR_ERRORS_MAX, (strlen(name) + 2) / 3);
    size_t count = 0;
    for (unsigned errors = 1; errors <= limit && count < max; errors++) {
        for (size_t i = 0; i < symbols->count && count < max; i++) {
            const char *candidate = symbols->entries[i].symbol.name;
            bool first = symbols_find(symbols, candidate, 0) == &symbols->entries[i].symbol;
            if (distance(name, candidate, errors) == errors && first) {
                near[count++] = candidate;
            }
        }
    }
    return count;
}
