/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of names: who owns an address, by the rules and by a slow reference; what is near. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/prof.h"

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static struct symbols *table_of(const struct symbol_entry *entries, size_t count) {
    struct symbols *symbols = symbols_new();
    unsigned module = symbols_add_module(symbols, "program", 0x1000, 0x9000);
    for (size_t i = 0; i < count; i++) {
        symbols_add(symbols, module, &entries[i]);
    }
    symbols_settle(symbols);
    return symbols;
}

static void assert_place(const struct symbols *symbols, uint64_t address, const char *wanted) {
    char text[PLACE_CHARS_MAX];
    struct place place = symbols_at(symbols, address);
    assert_string_equal(place_text(&place, text), wanted);
}

/* -- Rules ------------------------------------------------------------------------------------- */

/* Each name comes before all that follow it, whatever order they are added in. */
static void test_best_name_of_an_address_owns_it(void **state) {
    (void)state;
    static const struct symbol_entry ranked[] = {
        {.name = "zz_sized", .size_bytes = 8, .type = 't'},
        {.name = "open", .type = 'T'},
        {.name = "open64", .type = 'T'},
        {.name = "zpen64", .type = 'T'},
        {.name = "creat", .type = 'W'},
        {.name = "c", .type = 't'},
        {.name = "_a", .type = 'T'},
        {.name = "_b", .type = 'W'},
        {.name = "__a", .type = 'T'},
        {.name = "a_start", .type = 'T'},
        {.name = "_text", .type = 'T'},
        {.name = "_stext", .type = 'T'},
        {.name = "__stop_rodata", .type = 'R'},
        {.name = "a", .type = 'A'},
    };
    for (size_t shift = 0; shift < COUNT(ranked); shift++) {
        struct symbol_entry entries[COUNT(ranked)];
        for (size_t i = 0; i < COUNT(ranked); i++) {
            entries[i] = ranked[(i * 5 + shift) % COUNT(ranked)];
            entries[i].address = 0x2000;
        }
        struct symbols *symbols = table_of(entries, COUNT(entries));
        for (size_t i = 0; i < COUNT(ranked); i++) {
            assert_string_equal(symbols_get(symbols, i)->name, ranked[i].name);
            assert_int_equal(symbols_get(symbols, i)->owner, i == 0);
        }
        symbols_free(symbols);
    }
}

static void test_addresses_have_owners(void **state) {
    (void)state;
    static const struct symbol_entry entries[] = {
        {.name = "sized", .address = 0x2000, .size_bytes = 0x100, .type = 'T'},
        {.name = "inner", .address = 0x2010, .type = 't'},
        {.name = "nested", .address = 0x2020, .size_bytes = 0x10, .type = 't'},
        {.name = "label", .address = 0x2200, .end = 0x3000, .type = 'T'},
        {.name = "last", .address = 0x2300, .end = 0x3000, .type = 'T'},
        {.name = "limit", .address = 0x2280, .type = 'a'},
        {.name = "open", .address = 0x4000, .type = 'T'},
    };
    struct symbols *symbols = table_of(entries, COUNT(entries));
    assert_place(symbols, 0xfff, "0xfff");
    assert_place(symbols, 0x1000, "[program]");
    assert_place(symbols, 0x1fff, "[program]+0xfff");
    assert_place(symbols, 0x2000, "sized");
    assert_place(symbols, 0x2018, "sized+0x18");
    assert_place(symbols, 0x2020, "nested");
    assert_place(symbols, 0x202f, "nested+0xf");
    assert_place(symbols, 0x2030, "sized+0x30");
    assert_place(symbols, 0x20ff, "sized+0xff");
    assert_place(symbols, 0x2100, "[program]+0x1100");
    assert_place(symbols, 0x22ff, "label+0xff");
    assert_place(symbols, 0x2300, "last");
    assert_place(symbols, 0x2fff, "last+0xcff");
    assert_place(symbols, 0x3000, "[program]+0x2000");
    assert_place(symbols, 0x4000, "[program]+0x3000"); /* nothing says where it ends */
    assert_place(symbols, 0x9000, "0x9000");
    assert_int_equal(symbols_find(symbols, "label", 0)->size_bytes, 0x100);
    assert_int_equal(symbols_find(symbols, "last", 0)->size_bytes, 0xd00);
    assert_int_equal(symbols_find(symbols, "inner", 0)->size_bytes, 0);
    symbols_free(symbols);
}

static void test_finds_each_of_a_name(void **state) {
    (void)state;
    static const struct symbol_entry entries[] = {
        {.name = "dup", .address = 0x3000, .type = 't'},
        {.name = "b", .address = 0x2000, .type = 't'},
        {.name = "dup", .address = 0x2100, .type = 't'},
        {.name = "dupe", .address = 0x2200, .type = 't'},
    };
    struct symbols *symbols = table_of(entries, COUNT(entries));
    assert_int_equal(symbols_find(symbols, "dup", 0)->address, 0x2100);
    assert_int_equal(symbols_find(symbols, "dup", 1)->address, 0x3000);
    assert_null(symbols_find(symbols, "dup", 2));
    assert_null(symbols_find(symbols, "du", 0));
    assert_null(symbols_find(symbols, "z", 0));
    assert_null(symbols_find(symbols, "", 0));
    symbols_free(symbols);
}

static void test_empty_tables_answer(void **state) {
    (void)state;
    struct symbols *symbols = symbols_new();
    const char *near[1];
    symbols_settle(symbols);
    assert_int_equal(symbols_count(symbols), 0);
    assert_null(symbols_find(symbols, "a", 0));
    assert_int_equal(symbols_near(symbols, "a", near, 1), 0);
    assert_place(symbols, 0, "0x0");
    symbols_free(symbols);
    symbols_free(NULL);
}

static void test_settles_again_after_more(void **state) {
    (void)state;
    struct symbols *symbols = symbols_new();
    unsigned one = symbols_add_module(symbols, "one", 0x1000, 0x2000);
    symbols_add(symbols, one,
                &(struct symbol_entry){.name = "a", .address = 0x1000, .end = 0x2000, .type = 'T'});
    symbols_settle(symbols);
    assert_int_equal(symbols_find(symbols, "a", 0)->size_bytes, 0x1000);
    unsigned two = symbols_add_module(symbols, "two", 0x1800, 0x2000);
    symbols_add(symbols, two,
                &(struct symbol_entry){.name = "b", .address = 0x1800, .end = 0x2000, .type = 'T'});
    symbols_settle(symbols);
    assert_int_equal(symbols_find(symbols, "a", 0)->size_bytes, 0x800);
    assert_string_equal(symbols_at(symbols, 0x1900).module, "two");
    assert_int_equal(symbols_at(symbols, 0xf00).same_bytes, 0x100);
    assert_int_equal(symbols_at(symbols, 0x1000).same_bytes, 0x800);
    assert_int_equal(symbols_at(symbols, UINT64_MAX).same_bytes, 0);
    symbols_free(symbols);
}

/* -- Against a reference ----------------------------------------------------------------------- */

enum { RANDOM_SYMBOLS = 60, RANDOM_SPAN = 400 };

/* The owner by the rules as the header words them, looked for among all. */
static const struct symbol *slow_owner(const struct symbols *symbols, uint64_t address) {
    const struct symbol *best = NULL;
    for (size_t i = 0; i < symbols_count(symbols); i++) {
        const struct symbol *symbol = symbols_get(symbols, i);
        if (symbol->owner && symbol->address <= address &&
            address - symbol->address < symbol->size_bytes) {
            best = symbol;
        }
    }
    return best;
}

static void entry_draw(struct symbol_entry *entry, char name[8], size_t idx, uint64_t *random) {
    static const char types[] = "TtWwDdAa";
    snprintf(name, 8, "n%zu", idx);
    *entry = (struct symbol_entry){
        .name = name,
        .address = 0x1000 + random_next(random) % RANDOM_SPAN,
        .size_bytes = random_next(random) % 3 == 0 ? 0 : random_next(random) % 60,
        .type = types[random_next(random) % 8],
    };
    if (random_next(random) % 2 == 0) {
        entry->end = entry->address + random_next(random) % 100;
    }
}

static void owners_check(const struct symbols *symbols, uint64_t seed) {
    struct place same = {0};
    for (uint64_t address = 0xff0; address < 0x1010 + RANDOM_SPAN + 100; address++) {
        struct place place = symbols_at(symbols, address);
        if (place.symbol != slow_owner(symbols, address)) {
            fail_msg("seed %" PRIu64 ": another owner of %" PRIx64, seed, address);
        }
        assert_true(place.same_bytes > 0);
        if (same.same_bytes > 1) { /* what was said of the address before holds for this one */
            assert_ptr_equal(place.symbol, same.symbol);
            assert_ptr_equal(place.module, same.module);
            assert_int_equal(place.offset, same.offset + 1);
            same = (struct place){same.symbol, same.module, place.offset, same.same_bytes - 1};
        } else {
            same = place;
        }
    }
    /* Labels never reach over the next owner, and never own what lies in a sized one. */
    for (size_t i = 0; i + 1 < symbols_count(symbols); i++) {
        const struct symbol *symbol = symbols_get(symbols, i), *next = symbols_get(symbols, i + 1);
        assert_true(symbol->address <= next->address);
        if (symbol->address == next->address) {
            assert_false(next->owner);
        }
    }
}

static void test_random_tables_agree_with_a_slow_search(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
        struct symbol_entry entries[RANDOM_SYMBOLS], mixed[RANDOM_SYMBOLS];
        char names[RANDOM_SYMBOLS][8];
        for (size_t i = 0; i < RANDOM_SYMBOLS; i++) {
            entry_draw(&entries[i], names[i], i, &random);
            mixed[i] = entries[i];
        }
        for (size_t i = RANDOM_SYMBOLS; i > 1; i--) {
            size_t other = random_next(&random) % i;
            struct symbol_entry kept = mixed[i - 1];
            mixed[i - 1] = mixed[other];
            mixed[other] = kept;
        }
        struct symbols *symbols = table_of(entries, RANDOM_SYMBOLS);
        struct symbols *other = table_of(mixed, RANDOM_SYMBOLS);
        owners_check(symbols, seed);
        for (size_t i = 0; i < RANDOM_SYMBOLS; i++) {
            const struct symbol *a = symbols_get(symbols, i), *b = symbols_get(other, i);
            if (strcmp(a->name, b->name) != 0 || a->size_bytes != b->size_bytes ||
                a->owner != b->owner) {
                fail_msg("seed %" PRIu64 ": the order of adding shows", seed);
            }
        }
        symbols_free(symbols);
        symbols_free(other);
    }
}

/* -- What is near ------------------------------------------------------------------------------ */

static void test_suggests_what_was_meant(void **state) {
    (void)state;
    static const char *const names[] = {
        "do_sys_open", "do_sys_openat2",  "schedule",      "reschedule",
        "vfs_read",    "vfs_read.isra.0", "vfs_write",     "x",
        "vfs_write",   "copy_process",    "copy_page.cold"};
    static const struct {
        const char *name, *near; /* joined by spaces */
    } cases[] = {
        {"do_sys_opne", "do_sys_open"},       /* swapped */
        {"do_sysopen", "do_sys_open"},        /* missing */
        {"shcedulle", "schedule"},            /* swapped, too many */
        {"vfs_wrate", "vfs_write"},           /* other, and only once */
        {"vfs_reed", "vfs_read"},             /* other */
        {"vfs_reads", "vfs_read"},            /* too many */
        {"copy_page", "copy_page.cold"},      /* a compiler's part */
        {"eschedule", "schedule reschedule"}, /* by address */
        {"y", "x"},
        {"completely_else", ""},
        {"", ""},
    };
    struct symbol_entry entries[COUNT(names)];
    for (size_t i = 0; i < COUNT(names); i++) {
        entries[i] =
            (struct symbol_entry){.name = names[i], .address = 0x1000 + 16 * i, .type = 'T'};
    }
    struct symbols *symbols = table_of(entries, COUNT(entries));
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *near[3];
        char joined[100] = "";
        size_t count = symbols_near(symbols, cases[i].name, near, COUNT(near));
        for (size_t j = 0; j < count; j++) {
            strcat(strcat(joined, j > 0 ? " " : ""), near[j]);
        }
        assert_string_equal(joined, cases[i].near);
    }
    const char *one[1];
    assert_int_equal(symbols_near(symbols, "eschedule", one, 1), 1);
    char longest[600];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(symbols_near(symbols, longest, one, 1), 0);
    symbols_free(symbols);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best_name_of_an_address_owns_it),
        cmocka_unit_test(test_addresses_have_owners),
        cmocka_unit_test(test_finds_each_of_a_name),
        cmocka_unit_test(test_empty_tables_answer),
        cmocka_unit_test(test_settles_again_after_more),
        cmocka_unit_test(test_random_tables_agree_with_a_slow_search),
        cmocka_unit_test(test_suggests_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
