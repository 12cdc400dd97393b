/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a kernel or program whose symbols are asked for: found or refused in one line, and
 * what was found is in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/prof.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_symbols: %s\n", what);
        abort();
    }
}

/* Is the symbol where it says that it is? */
static void symbol_check(const struct symbols *symbols, const struct symbol *symbol) {
    struct place place = symbols_at(symbols, symbol->address);
    char text[PLACE_CHARS_MAX];
    demand(symbol->name[0] != '\0', "a name of nothing");
    demand(strlen(place_text(&place, text)) < PLACE_CHARS_MAX, "a place without words");
    demand(!symbol->owner || symbol->size_bytes == 0 || place.symbol == symbol,
           "an owner that does not own");
    size_t nth = 0;
    const struct symbol *found;
    while ((found = symbols_find(symbols, symbol->name, nth)) != symbol && nth < 1000) {
        demand(found != NULL, "a name that is not found");
        nth++;
    }
}

static void table_check(const struct symbols *symbols) {
    size_t count = symbols_count(symbols), step = 1 + count / 50;
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        demand(symbols_get(symbols, i)->address >= last, "addresses out of order");
        last = symbols_get(symbols, i)->address;
    }
    for (size_t i = 0; i < count; i += step) {
        symbol_check(symbols, symbols_get(symbols, i));
    }
    const char *near[3];
    demand(symbols_near(symbols, "t_wrok", near, 3) <= 3, "more names than there is room for");
}

typedef enum status add_fn(struct symbols *symbols, const struct symbol_source *source,
                           struct error *error);

static void try_as(add_fn *add, const uint8_t *bytes, size_t size_bytes) {
    struct symbols *symbols = symbols_new();
    struct symbol_source source = {.path = "some/file",
                                   .module = "file",
                                   .bytes = bytes,
                                   .size_bytes = size_bytes,
                                   .bias = 0x1000};
    struct error error = {0};
    enum status status = add(symbols, &source, &error);
    if (status == STATUS_OK) {
        table_check(symbols);
    } else {
        demand(status == STATUS_BAD_INPUT && error.status == status, "another status");
        demand(strchr(error.text, '\n') == NULL && strstr(error.text, "; ") != NULL,
               "line without remedy");
        demand(symbols_count(symbols) == 0, "refused, but something was added");
    }
    symbols_free(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    try_as(symbols_add_file, bytes, size_bytes);
    try_as(symbols_add_kernel, bytes, size_bytes);
    try_as(symbols_add_elf, bytes, size_bytes);
    return 0;
}
