/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modules of a running kernel: their symbols are found in a list made here, wherever struct module
 * has them; what is damaged is left out. */
#include <elf.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/prof.h"

#define BASE ((uint64_t)0xff20000000100000)
#define CODE_OF(at) ((uint64_t)0xffffffff01e6b000 + 16 * (at))

enum { LIST = 0, FIRST = 0x1000, SECOND = 0x3000, TABLES = 0x5000, MEMORY_BYTES = 0x6000 };

struct memory {
    uint8_t bytes[MEMORY_BYTES];
};

static bool memory_read(void *owner, uint64_t address, void *bytes, size_t size_bytes) {
    const struct memory *memory = owner;
    uint64_t at = address - BASE;
    if (at > MEMORY_BYTES || size_bytes > MEMORY_BYTES - at) {
        return false;
    }
    memcpy(bytes, memory->bytes + at, size_bytes);
    return true;
}

static void word_put(struct memory *memory, size_t at, uint64_t value) {
    memcpy(memory->bytes + at, &value, sizeof value);
}

/* A module at @p at, linked behind @p before, whose tables lie at @p tables and are told of at @p
 * told from its start. */
static void module_put(struct memory *memory, size_t at, size_t before, const char *name,
                       size_t told) {
    size_t tables = TABLES + (at == SECOND ? 0x400 : 0);
    static const char names[] = "\0work\0table\0$x\0.L1\0init\0alias";
    const uint64_t code = CODE_OF(at);
    const Elf64_Sym symbols[] = {
        {0},
        {1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, code, 0x20},
        {6, ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), 0, 2, code + 0x8000, 8},
        {12, ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE), 0, 1, code, 0},
        {15, ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE), 0, 1, code, 0},
        {19, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, SHN_UNDEF, 0, 0},
        {24, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, code + 0x1fe0, 0x40},
    };
    word_put(memory, at + 8, BASE + LIST); /* the end, until another is linked behind it */
    word_put(memory, before, BASE + at + 8);
    strcpy((char *)memory->bytes + at + 24, name);
    word_put(memory, at + told, BASE + at + told + 8);
    word_put(memory, at + told + 8, BASE + tables);
    word_put(memory, at + told + 16, COUNT(symbols));
    word_put(memory, at + told + 24, BASE + tables + 0x200);
    word_put(memory, at + told + 32, BASE + tables + 0x300);
    memcpy(memory->bytes + tables, symbols, sizeof symbols);
    memcpy(memory->bytes + tables + 0x200, names, sizeof names);
    memcpy(memory->bytes + tables + 0x300, "?Tdttut", COUNT(symbols));
}

static void memory_make(struct memory *memory) {
    memset(memory, 0, sizeof *memory);
    word_put(memory, LIST, BASE + LIST);
    word_put(memory, FIRST + 0x100, BASE + FIRST + 0x108); /* a list that is empty looks alike */
    module_put(memory, FIRST, LIST, "virtio_blk", 0x3a8);
    module_put(memory, SECOND, FIRST + 8, "ext4", 0xf00);
}

static struct symbols *kernel_symbols(void) {
    struct symbols *symbols = symbols_new();
    unsigned kernel = symbols_add_module(symbols, "kernel", BASE, BASE + 0x1000);
    symbols_add(symbols, kernel,
                &(struct symbol_entry){.name = "modules", .address = BASE + LIST, .type = 'd'});
    symbols_settle(symbols);
    return symbols;
}

static size_t modules_add(struct symbols *symbols, struct memory *memory) {
    return symbols_add_modules(symbols,
                               &(struct kernel_memory){.read = memory_read, .owner = memory});
}

static void assert_place(const struct symbols *symbols, uint64_t address, const char *wanted) {
    char text[PLACE_CHARS_MAX];
    struct place place = symbols_at(symbols, address);
    assert_string_equal(place_text(&place, text), wanted);
}

static void test_symbols_of_modules_are_found(void **state) {
    (void)state;
    static struct memory memory;
    memory_make(&memory);
    struct symbols *symbols = kernel_symbols();
    assert_int_equal(modules_add(symbols, &memory), 2);
    assert_int_equal(symbols_count(symbols), 1 + 2 * 3);
    assert_place(symbols, CODE_OF(FIRST) + 4, "work+0x4");
    assert_string_equal(symbols_at(symbols, CODE_OF(FIRST) + 4).module, "virtio_blk");
    assert_string_equal(symbols_at(symbols, CODE_OF(SECOND) + 4).module, "ext4");
    assert_place(symbols, CODE_OF(FIRST) + 0x20, "[virtio_blk]+0x20");
    assert_place(symbols, CODE_OF(FIRST) + 0x2000, "alias+0x20");
    assert_place(symbols, CODE_OF(SECOND) + 0x2fff, "[ext4]+0x2fff");
    assert_place(symbols, CODE_OF(SECOND) + 0x8000, "table");
    assert_int_equal(symbols_find(symbols, "work", 0)->type, 'T');
    assert_int_equal(symbols_find(symbols, "table", 0)->type, 'd');
    assert_null(symbols_find(symbols, "init", 0));
    assert_int_equal(modules_add(symbols, &memory), 0); /* they are there */
    assert_int_equal(symbols_count(symbols), 1 + 2 * 3);
    symbols_free(symbols);
}

static void test_modules_come_later_too(void **state) {
    (void)state;
    static struct memory memory;
    memory_make(&memory);
    struct symbols *symbols = kernel_symbols();
    memory.bytes[SECOND] = 1; /* it is being loaded */
    assert_int_equal(modules_add(symbols, &memory), 1);
    memory.bytes[SECOND] = 0;
    assert_int_equal(modules_add(symbols, &memory), 1);
    assert_string_equal(symbols_at(symbols, CODE_OF(SECOND)).module, "ext4");
    symbols_free(symbols);
}

static void test_kernels_without_modules_have_none(void **state) {
    (void)state;
    static struct memory memory;
    memset(&memory, 0, sizeof memory);
    struct symbols *symbols = symbols_new(), *listed = kernel_symbols();
    assert_int_equal(modules_add(symbols, &memory), 0);
    assert_int_equal(modules_add(listed, &memory), 0);
    word_put(&memory, LIST, BASE + LIST);
    assert_int_equal(modules_add(listed, &memory), 0);
    symbols_free(symbols);
    symbols_free(listed);
}

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Damaged lists end, also those that go round, and what is found can be asked. */
static void test_damage_does_no_harm(void **state) {
    (void)state;
    static struct memory memory;
    unsigned fewer = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
        static const size_t places[] = {FIRST, FIRST + 0x3a8, SECOND, SECOND + 0xf00, TABLES};
        memory_make(&memory);
        for (int i = 0; i < 4; i++) {
            size_t at = places[random_next(&random) % COUNT(places)];
            memory.bytes[at + random_next(&random) % 40] = (uint8_t)random_next(&random);
        }
        if (seed % 10 == 0) {
            word_put(&memory, SECOND + 8, BASE + FIRST + 8); /* round and round */
        }
        struct symbols *symbols = kernel_symbols();
        fewer += modules_add(symbols, &memory) < 2;
        for (size_t i = 0; i < symbols_count(symbols); i++) {
            if (symbols_get(symbols, i)->name[0] == '\0') {
                fail_msg("seed %" PRIu64 ": a name of nothing", seed);
            }
        }
        symbols_free(symbols);
    }
    assert_in_range(fewer, 100, 300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols_of_modules_are_found),
        cmocka_unit_test(test_modules_come_later_too),
        cmocka_unit_test(test_kernels_without_modules_have_none),
        cmocka_unit_test(test_damage_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
