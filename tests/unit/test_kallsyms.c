/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that kernels carry: tables of each layout, made here from a list of names by a compressor
 * of our own, give back that list, wherever they lie; damaged ones do no harm. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "prof/kallsyms.h"
#include "prof/prof.h"

enum { NAMES = 700, NAME_ROOM = 400, PIECES = 256 };

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* -- Names to pack ----------------------------------------------------------------------------- */

struct name {
    uint64_t address;
    char text[NAME_ROOM]; /* the type comes first */
};

/* Words of a few syllables; one in a hundred is longer than a byte can say. */
static void name_draw(struct name *name, uint64_t *random) {
    static const char *const syllables[] = {"_",   "do", "get",  "set", "in", "it", "page",
                                            "_re", "x9", "lock", "sk",  "b.", "ZN", "vm"};
    size_t count = random_next(random) % 100 == 0 ? 80 : 1 + random_next(random) % 8;
    size_t length = 0;
    name->text[length++] = "TtDdWrB"[random_next(random) % 7];
    for (size_t i = 0; i < count; i++) {
        const char *syllable = syllables[random_next(random) % COUNT(syllables)];
        memcpy(name->text + length, syllable, strlen(syllable));
        length += strlen(syllable);
    }
    name->text[length] = '\0';
}

/* @param absolute  So many come first, with small addresses, as the per-CPU ones of some. */
static void names_draw(struct name *names, uint64_t base, unsigned absolute, uint64_t *random) {
    uint64_t address = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        if (i == absolute) {
            address = base;
        } else if (i > 0) {
            address += random_next(random) % 5 * 0x24;
        }
        name_draw(&names[i], random);
        names[i].address = address;
    }
    strcpy(names[absolute].text, random_next(random) % 2 ? "T_text" : "T_stext");
    strcpy(names[NAMES - 1].text, random_next(random) % 2 ? "B_end" : "T_etext");
}

/* -- Packing ----------------------------------------------------------------------------------- */

struct packed {
    uint8_t bytes[NAME_ROOM];
    size_t length;
};

struct tokens {
    char text[PIECES][64];
};

static void pair_replace(struct packed *name, uint8_t first, uint8_t second, uint8_t token) {
    size_t kept = 0;
    for (size_t i = 0; i < name->length; i++) {
        bool pair = i + 1 < name->length && name->bytes[i] == first && name->bytes[i + 1] == second;
        name->bytes[kept++] = pair ? token : name->bytes[i];
        i += pair;
    }
    name->length = kept;
}

/* The pair of tokens that is seen most and spells no more than there is room for. */
static unsigned pair_best(const struct packed *names, const struct tokens *tokens) {
    static unsigned seen[PIECES * PIECES];
    memset(seen, 0, sizeof seen);
    unsigned best = 0;
    for (size_t i = 0; i < NAMES; i++) {
        for (size_t j = 0; j + 1 < names[i].length; j++) {
            unsigned pair = (unsigned)names[i].bytes[j] * PIECES + names[i].bytes[j + 1];
            size_t length =
                strlen(tokens->text[pair / PIECES]) + strlen(tokens->text[pair % PIECES]);
            if (length < sizeof tokens->text[0] && ++seen[pair] > seen[best]) {
                best = pair;
            }
        }
    }
    return best;
}

/* Characters stand for themselves; each free byte becomes the pair that is seen most by then. */
static void names_pack(const struct name *names, struct packed *packed, struct tokens *tokens) {
    bool used[PIECES] = {false};
    memset(tokens, 0, sizeof *tokens);
    for (size_t i = 0; i < NAMES; i++) {
        packed[i].length = strlen(names[i].text);
        memcpy(packed[i].bytes, names[i].text, packed[i].length);
        for (size_t j = 0; j < packed[i].length; j++) {
            uint8_t byte = packed[i].bytes[j];
            used[byte] = true;
            tokens->text[byte][0] = (char)byte;
        }
    }
    for (unsigned token = 0; token < PIECES; token++) {
        if (used[token]) {
            continue;
        }
        unsigned pair = pair_best(packed, tokens);
        uint8_t first = (uint8_t)(pair / PIECES), second = (uint8_t)(pair % PIECES);
        snprintf(tokens->text[token], sizeof tokens->text[0], "%.31s%.31s", tokens->text[first],
                 tokens->text[second]);
        for (size_t i = 0; i < NAMES; i++) {
            pair_replace(&packed[i], first, second, (uint8_t)token);
        }
    }
}

/* -- Layouts ----------------------------------------------------------------------------------- */

struct layout {
    const char *what;
    bool addresses_last; /* since 6.4 */
    bool order;          /* since 6.2 */
    enum kallsyms_form form;
};

static const struct layout layouts[] = {
    {"6.1", false, false, KALLSYMS_RELATIVE},
    {"6.1 absolute", false, false, KALLSYMS_ABSOLUTE},
    {"6.1 percpu", false, false, KALLSYMS_PERCPU},
    {"6.2", false, true, KALLSYMS_RELATIVE},
    {"6.2 absolute", false, true, KALLSYMS_ABSOLUTE},
    {"6.4", true, true, KALLSYMS_RELATIVE},
    {"6.4 absolute", true, true, KALLSYMS_ABSOLUTE},
    {"6.4 percpu", true, true, KALLSYMS_PERCPU},
};

struct image {
    uint8_t bytes[256 << 10];
    size_t size_bytes;
    size_t tables_at, tables_end; /* what is needed lies between them */
};

static void put(struct image *image, uint64_t value, unsigned size_bytes) {
    for (unsigned i = 0; i < size_bytes; i++) {
        assert_true(image->size_bytes < sizeof image->bytes);
        image->bytes[image->size_bytes++] = (uint8_t)(value >> (8 * i));
    }
}

static void align(struct image *image) {
    while (image->size_bytes % 8 != 0) {
        put(image, 0, 1);
    }
}

static void junk_put(struct image *image, size_t size_bytes, uint64_t *random) {
    for (size_t i = 0; i < size_bytes; i++) {
        put(image, random_next(random) % 3 == 0 ? 0 : random_next(random), 1);
    }
    align(image);
}

static void addresses_put(struct image *image, const struct layout *layout,
                          const struct name *names, uint64_t base) {
    for (unsigned i = 0; i < NAMES; i++) {
        uint64_t address = names[i].address;
        if (layout->form == KALLSYMS_ABSOLUTE) {
            put(image, address, 8);
        } else if (layout->form == KALLSYMS_RELATIVE) {
            put(image, address - base, 4);
        } else {
            put(image, address < base ? address : base - 1 - address, 4);
        }
    }
    align(image);
    if (layout->form != KALLSYMS_ABSOLUTE) {
        put(image, base, 8);
    }
}

static void names_put(struct image *image, const struct packed *packed) {
    uint32_t markers[NAMES / 256 + 1];
    put(image, NAMES, 4);
    align(image);
    size_t start = image->size_bytes;
    for (unsigned i = 0; i < NAMES; i++) {
        if (i % 256 == 0) {
            markers[i / 256] = (uint32_t)(image->size_bytes - start);
        }
        if (packed[i].length >= 128) {
            put(image, (packed[i].length & 0x7f) | 0x80, 1);
            put(image, packed[i].length >> 7, 1);
        } else {
            put(image, packed[i].length, 1);
        }
        for (size_t j = 0; j < packed[i].length; j++) {
            put(image, packed[i].bytes[j], 1);
        }
    }
    align(image);
    for (size_t i = 0; i < COUNT(markers); i++) {
        put(image, markers[i], 4);
    }
    align(image);
}

static void order_put(struct image *image, uint64_t *random) {
    for (unsigned i = 0; i < NAMES; i++) {
        put(image, random_next(random) % NAMES, 3);
    }
    align(image);
}

static void tokens_put(struct image *image, const struct tokens *tokens) {
    size_t start = image->size_bytes;
    uint64_t index[PIECES];
    for (unsigned i = 0; i < PIECES; i++) {
        index[i] = image->size_bytes - start;
        for (const char *text = tokens->text[i]; *text != '\0'; text++) {
            put(image, (uint8_t)*text, 1);
        }
        put(image, 0, 1);
    }
    align(image);
    for (unsigned i = 0; i < PIECES; i++) {
        put(image, index[i], 2);
    }
}

static void image_make(struct image *image, const struct layout *layout, struct name *names,
                       uint64_t seed) {
    static struct packed packed[NAMES];
    static struct tokens tokens;
    uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
    uint64_t base = seed % 2 ? 0xffffffff80000000 : 0xffffffc008000000;
    names_draw(names, base, layout->form == KALLSYMS_PERCPU ? 20 : 0, &random);
    names_pack(names, packed, &tokens);
    image->size_bytes = 0;
    junk_put(image, random_next(&random) % 3000, &random);
    if (seed % 3 == 0) {
        tokens_put(image, &tokens); /* a decoy, with nothing around it */
        junk_put(image, 100, &random);
    }
    image->tables_at = image->size_bytes;
    if (!layout->addresses_last) {
        addresses_put(image, layout, names, base);
    }
    names_put(image, packed);
    if (layout->order && !layout->addresses_last) {
        order_put(image, &random);
    }
    tokens_put(image, &tokens);
    if (layout->addresses_last) {
        addresses_put(image, layout, names, base);
    }
    image->tables_end = image->size_bytes;
    if (layout->order && layout->addresses_last) {
        order_put(image, &random);
    }
    junk_put(image, random_next(&random) % 3000, &random);
}

/* -- Tests ------------------------------------------------------------------------------------- */

static void names_compare(const struct kallsyms *kallsyms, const struct name *names,
                          const char *what, uint64_t seed) {
    struct kallsyms_walk walk = {0};
    for (unsigned i = 0; i < NAMES; i++) {
        if (!kallsyms_next(kallsyms, &walk)) {
            fail_msg("%s, seed %" PRIu64 ": only %u names", what, seed, i);
        }
        if (walk.type != names[i].text[0] || strcmp(walk.name, names[i].text + 1) != 0 ||
            walk.address != names[i].address) {
            fail_msg("%s, seed %" PRIu64 ": name %u is %" PRIx64 " %c%s, not %" PRIx64 " %s", what,
                     seed, i, walk.address, walk.type, walk.name, names[i].address, names[i].text);
        }
    }
    assert_false(kallsyms_next(kallsyms, &walk));
}

static void test_finds_tables_of_each_layout(void **state) {
    (void)state;
    static struct image image;
    static struct name names[NAMES];
    for (uint64_t seed = 1; seed <= 4 * COUNT(layouts); seed++) {
        const struct layout *layout = &layouts[seed % COUNT(layouts)];
        struct kallsyms kallsyms;
        image_make(&image, layout, names, seed);
        if (!kallsyms_find(&kallsyms, image.bytes, image.size_bytes)) {
            fail_msg("%s, seed %" PRIu64 ": not found", layout->what, seed);
        }
        names_compare(&kallsyms, names, layout->what, seed);
    }
}

static void test_tables_that_are_cut_are_none(void **state) {
    (void)state;
    static struct image image;
    static struct name names[NAMES];
    for (size_t i = 0; i < COUNT(layouts); i++) {
        uint64_t random = 77 + i;
        image_make(&image, &layouts[i], names, 1 + i);
        for (int cut = 0; cut < 20; cut++) {
            size_t room = image.tables_end - image.tables_at;
            size_t size_bytes = image.tables_at + random_next(&random) % room;
            uint8_t *bytes = malloc(size_bytes); /* so that a look beyond it shows */
            assert_non_null(bytes);
            memcpy(bytes, image.bytes, size_bytes);
            struct kallsyms kallsyms;
            if (kallsyms_find(&kallsyms, bytes, size_bytes)) {
                fail_msg("%s: found in %zu bytes of %zu", layouts[i].what, size_bytes,
                         image.tables_end);
            }
            free(bytes);
        }
    }
}

/* Whatever is found can be walked; and a kernel whose tables were hurt is often none. */
static void test_damage_does_no_harm(void **state) {
    (void)state;
    static struct image image;
    static struct name names[NAMES];
    unsigned refused = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
        if (seed % 25 == 1) {
            image_make(&image, &layouts[seed / 25 % COUNT(layouts)], names, seed);
        }
        uint8_t *bytes = malloc(image.size_bytes);
        assert_non_null(bytes);
        memcpy(bytes, image.bytes, image.size_bytes);
        for (int i = 0; i < 8; i++) {
            size_t room = image.tables_end - image.tables_at;
            size_t at = image.tables_at + random_next(&random) % room;
            bytes[at] ^= (uint8_t)(1 << random_next(&random) % 8);
        }
        struct kallsyms kallsyms;
        bool found = kallsyms_find(&kallsyms, bytes, image.size_bytes);
        refused += !found;
        for (struct kallsyms_walk walk = {0}; found && kallsyms_next(&kallsyms, &walk);) {
            assert_true(walk.idx <= kallsyms.count && walk.name[0] != '\0');
        }
        free(bytes);
    }
    assert_in_range(refused, 100, 200);
}

static enum status kernel_add(struct symbols *symbols, const void *bytes, size_t size_bytes,
                              uint64_t bias, struct error *error) {
    return symbols_add_kernel(symbols,
                              &(struct symbol_source){.path = "some/kernel",
                                                      .module = "kernel",
                                                      .bytes = bytes,
                                                      .size_bytes = size_bytes,
                                                      .bias = bias},
                              error);
}

static void test_kernels_give_symbols(void **state) {
    (void)state;
    static struct image image;
    static struct name names[NAMES];
    image_make(&image, &layouts[5], names, 1);
    struct symbols *symbols = symbols_new();
    assert_int_equal(kernel_add(symbols, image.bytes, image.size_bytes, 0x1000, NULL), STATUS_OK);
    assert_int_equal(symbols_count(symbols), NAMES);
    for (unsigned i = 0; i < NAMES; i++) {
        bool known = false;
        const struct symbol *symbol;
        for (size_t j = 0; (symbol = symbols_find(symbols, names[i].text + 1, j)) != NULL; j++) {
            known = known || (symbol->address == names[i].address + 0x1000 &&
                              symbol->type == names[i].text[0]);
        }
        assert_true(known);
        struct place place = symbols_at(symbols, names[i].address + 0x1000);
        assert_true(place.offset == 0 || names[i].address == names[NAMES - 1].address);
    }
    symbols_free(symbols);
}

static void test_packed_kernels_are_unpacked(void **state) {
    (void)state;
    static struct image image;
    static struct name names[NAMES];
    static uint8_t packed[sizeof image.bytes];
    image_make(&image, &layouts[0], names, 1);
    z_stream stream = {.next_in = image.bytes,
                       .avail_in = (uInt)image.size_bytes,
                       .next_out = packed,
                       .avail_out = sizeof packed};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    struct symbols *symbols = symbols_new();
    struct error error;
    assert_int_equal(kernel_add(symbols, packed, stream.total_out, 0, NULL), STATUS_OK);
    assert_int_equal(symbols_count(symbols), NAMES);
    assert_int_equal(kernel_add(symbols, packed, stream.total_out - 9, 0, &error),
                     STATUS_BAD_INPUT);
    assert_string_equal(error.text,
                        "some/kernel: has a damaged gzip stream; build or copy it again");
    deflateEnd(&stream);
    symbols_free(symbols);
}

static void test_says_that_there_are_none(void **state) {
    (void)state;
    static const uint8_t zeros[4096];
    struct symbols *symbols = symbols_new();
    struct error error;
    assert_int_equal(kernel_add(symbols, zeros, sizeof zeros, 0, &error), STATUS_BAD_INPUT);
    assert_string_equal(error.text, "some/kernel: has no symbols of a kernel in it; name an Image "
                                    "or vmlinux built with CONFIG_KALLSYMS");
    assert_int_equal(symbols_count(symbols), 0);
    symbols_free(symbols);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_tables_of_each_layout),
        cmocka_unit_test(test_tables_that_are_cut_are_none),
        cmocka_unit_test(test_damage_does_no_harm),
        cmocka_unit_test(test_kernels_give_symbols),
        cmocka_unit_test(test_packed_kernels_are_unpacked),
        cmocka_unit_test(test_says_that_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
