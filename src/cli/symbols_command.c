/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass symbols: names of kernels and programs, and names for addresses. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/prof.h"

/* -- Files ------------------------------------------------------------------------------------- */

typedef enum status add_fn(struct symbols *symbols, const struct symbol_source *source,
                           struct error *error);

static enum status file_add(struct symbols *symbols, const char *path, add_fn *add,
                            struct error *error) {
    const char *slash = strrchr(path, '/');
    struct symbol_source source = {.path = path, .module = slash == NULL ? path : slash + 1};
    uint8_t *bytes;
    enum status status = symbols_read_file(path, &bytes, &source.size_bytes, error);
    if (status == STATUS_OK) {
        source.bytes = bytes;
        status = add(symbols, &source, error);
        free(bytes);
    }
    return status;
}

/* -- Lines ------------------------------------------------------------------------------------- */

static void line_print(const struct symbol *symbol, uint64_t address, const char *name) {
    printf("%016" PRIx64 " %8" PRIx64 " %c %s [%s]\n", address, symbol->size_bytes, symbol->type,
           name, symbol->module);
}

static enum status list(const struct symbols *symbols, const char *path, struct error *error) {
    if (symbols_count(symbols) == 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%.200s: has no symbols; name a file that is not stripped", path);
    }
    for (size_t i = 0; i < symbols_count(symbols); i++) {
        const struct symbol *symbol = symbols_get(symbols, i);
        line_print(symbol, symbol->address, symbol->name);
    }
    return STATUS_OK;
}

/* Behind 0x, or as tables of symbols have them: 16 digits. */
static bool address_of(const char *text, uint64_t *address) {
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    bool bare = digits == 16 && text[16] == '\0';
    if (!bare && strncmp(text, "0x", 2) != 0) {
        return false;
    }
    char *end;
    errno = 0;
    *address = strtoull(text, &end, 16);
    return errno == 0 && *end == '\0' && end != text;
}

static enum status address_tell(const struct symbols *symbols, uint64_t address,
                                struct error *error) {
    struct place place = symbols_at(symbols, address);
    char text[PLACE_CHARS_MAX];
    if (place.module == NULL) {
        return error_set(error, STATUS_USAGE,
                         "symbols: 0x%" PRIx64 " lies in none of the files; give an address of one",
                         address);
    }
    struct symbol nameless = {.module = place.module, .type = '?'};
    line_print(place.symbol == NULL ? &nameless : place.symbol, address, place_text(&place, text));
    return STATUS_OK;
}

static enum status name_tell(const struct symbols *symbols, const char *name, struct error *error) {
    const struct symbol *symbol;
    size_t count = 0;
    while ((symbol = symbols_find(symbols, name, count)) != NULL) {
        line_print(symbol, symbol->address, symbol->name);
        count++;
    }
    const char *near[3] = {"", "", ""};
    size_t near_count = count > 0 ? 0 : symbols_near(symbols, name, near, COUNT(near));
    if (count == 0 && near_count == 0) {
        return error_set(error, STATUS_USAGE,
                         "symbols: no symbol '%.100s', nor one like it; list all by giving none",
                         name);
    }
    return count > 0
               ? STATUS_OK
               : error_set(error, STATUS_USAGE,
                           "symbols: no symbol '%.100s'; did you mean %.100s%s%.100s%s%.100s?",
                           name, near[0],
                           near_count == 3   ? ", "
                           : near_count == 2 ? " or "
                                             : "",
                           near[1], near_count == 3 ? " or " : "", near[2]);
}

static enum status query(const struct symbols *symbols, const char *what, struct error *error) {
    uint64_t address;
    return address_of(what, &address) ? address_tell(symbols, address, error)
                                      : name_tell(symbols, what, error);
}

/* -- The command ------------------------------------------------------------------------------- */

static void help(void) {
    puts("usage: sandglass symbols FILE [ADDRESS|NAME]...\n"
         "       sandglass symbols [--kernel FILE|--elf FILE]... [ADDRESS|NAME]...\n\n"
         "Lists the symbols of kernels, also stripped ones, and of programs; or looks up some.\n"
         "An address is 0x... or has 16 digits. One line each: address, size, type, name, file.\n\n"
         "  --kernel FILE  a Linux kernel: Image or ELF, may be gzip'ed\n"
         "  --elf FILE     an ELF file");
}

struct symbols_asked {
    struct symbols *symbols;
    char **queries;
    int query_count;
    bool help;
};

/* Takes one option and its value. @return How many words that were; 0: it is none. */
static int option_take(struct symbols_asked *asked, char *const *words, enum status *status,
                       struct error *error) {
    static const struct {
        const char *name;
        add_fn *add;
    } options[] = {{"kernel", symbols_add_kernel}, {"elf", symbols_add_elf}};
    const char *name = words[0] + strspn(words[0], "-");
    for (size_t i = 0; i < COUNT(options); i++) {
        size_t length = strlen(options[i].name);
        if (strncmp(name, options[i].name, length) != 0 ||
            (name[length] != '\0' && name[length] != '=')) {
            continue;
        }
        const char *path = name[length] == '=' ? name + length + 1 : words[1];
        *status = path == NULL ? error_set(error, STATUS_USAGE, "symbols: --%s needs a FILE", name)
                               : file_add(asked->symbols, path, options[i].add, error);
        return name[length] == '=' || path == NULL ? 1 : 2;
    }
    return 0;
}

static enum status asked_parse(struct symbols_asked *asked, int argc, char **argv,
                               struct error *error) {
    int at = 1;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && at < argc && argv[at][0] == '-') {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-help") == 0) {
            asked->help = true;
            return STATUS_OK;
        }
        int taken = option_take(asked, argv + at, &status, error);
        if (taken == 0) {
            return error_set(error, STATUS_USAGE,
                             "symbols: unknown option '%.100s'; see sandglass symbols --help",
                             argv[at]);
        }
        at += taken;
    }
    if (status == STATUS_OK && at == 1) {
        if (at == argc) {
            return error_set(error, STATUS_USAGE,
                             "symbols: give a FILE; see sandglass symbols --help");
        }
        status = file_add(asked->symbols, argv[at++], symbols_add_file, error);
    }
    asked->queries = argv + at;
    asked->query_count = argc - at;
    return status;
}

int symbols_command(int argc, char **argv) {
    struct error error;
    struct symbols_asked asked = {.symbols = symbols_new()};
    enum status status = asked_parse(&asked, argc, argv, &error);
    if (status == STATUS_OK && asked.help) {
        help();
    } else if (status == STATUS_OK && asked.query_count == 0) {
        status = list(asked.symbols, argv[argc - 1], &error);
    }
    for (int i = 0; status == STATUS_OK && i < asked.query_count; i++) {
        status = query(asked.symbols, asked.queries[i], &error);
    }
    symbols_free(asked.symbols);
    return status == STATUS_OK ? 0 : cli_fail(&error);
}
