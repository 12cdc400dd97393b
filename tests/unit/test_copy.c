/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of what changes in memory: however writes and taking pages fall together, the pages of a
 * copy make the memory of the one before it that of the moment at which it began. */
#include "dev_test.h"
#include "vtime_test.h"

static const paddr BASE = 0x80000000;
enum { PAGES = 40, SIZE = PAGES * PAGE_BYTES };

/** Memory, and what its copies say that it was. */
struct pair {
    struct ram ram;
    uint8_t *then;   /* when the copy under way began */
    uint8_t *copied; /* all pages of all copies so far */
    bool marked;
};

static void some_write(struct pair *pair, struct random *random) {
    uint8_t bytes[2 * PAGE_BYTES];
    uint64_t at = random_below(random, SIZE);
    uint64_t size_bytes = 1 + random_below(random, min_u64(sizeof bytes, SIZE - at));
    memset(bytes, (int)random_below(random, 256), size_bytes);
    assert_true(ram_write(&pair->ram, BASE + at, bytes, size_bytes));
}

/** @return false: the copy is at its end. */
static bool some_take(struct pair *pair) {
    uint8_t bytes[PAGE_BYTES];
    uint64_t page;
    if (!ram_copy_next(&pair->ram, &page, bytes)) {
        return false;
    }
    assert_true(page < PAGES);
    memcpy(pair->copied + page * PAGE_BYTES, bytes, PAGE_BYTES);
    return true;
}

static void act(struct pair *pair, struct random *random) {
    switch (random_below(random, 8)) {
    case 0:
        while (some_take(pair)) {
        }
        expect(memcmp(pair->copied, pair->then, SIZE) == 0, random, "a copy");
        memcpy(pair->then, pair->ram.bytes, SIZE);
        ram_copy_begin(&pair->ram);
        break;
    case 1:
        if (pair->marked && random_below(random, 4) == 0) {
            ram_back(&pair->ram, 0); /* which writes as well */
        } else if (!pair->marked) {
            pair->marked = ram_mark(&pair->ram);
            assert_true(pair->marked);
        }
        break;
    case 2:
    case 3:
        (void)some_take(pair);
        break;
    default:
        some_write(pair, random);
    }
}

static void copies_are_of_their_moment(void **state) {
    (void)state;
    struct random random = random_start(30);
    for (unsigned run = 0; run < 40; run++) {
        struct pair pair = {.marked = false};
        assert_int_equal(ram_init(&pair.ram, BASE, SIZE, NULL), STATUS_OK);
        for (unsigned i = 0; i < 20; i++) {
            some_write(&pair, &random);
        }
        pair.then = malloc(SIZE);
        pair.copied = malloc(SIZE);
        assert_true(pair.then != NULL && pair.copied != NULL && ram_follow(&pair.ram));
        memcpy(pair.then, pair.ram.bytes, SIZE);
        memcpy(pair.copied, pair.ram.bytes, SIZE);
        for (unsigned i = 0; i < 500; i++) {
            act(&pair, &random);
        }
        ram_free(&pair.ram);
        free(pair.then);
        free(pair.copied);
    }
}

/* A page that nobody has written since is in none. */
static void copies_hold_what_changed(void **state) {
    (void)state;
    struct ram ram;
    uint8_t bytes[PAGE_BYTES];
    uint64_t page;
    assert_int_equal(ram_init(&ram, BASE, SIZE, NULL), STATUS_OK);
    assert_true(ram_write(&ram, BASE, "a", 1) && ram_follow(&ram));
    ram_copy_begin(&ram);
    assert_false(ram_copy_next(&ram, &page, bytes));
    assert_true(ram_write(&ram, BASE + 5 * PAGE_BYTES, "b", 1));
    ram_copy_begin(&ram);
    assert_true(ram_write(&ram, BASE + 5 * PAGE_BYTES, "c", 1));
    assert_true(ram_copy_next(&ram, &page, bytes));
    assert_true(page == 5 && bytes[0] == 'b');
    assert_false(ram_copy_next(&ram, &page, bytes));
    ram_copy_begin(&ram);
    assert_true(ram_copy_next(&ram, &page, bytes));
    assert_true(page == 5 && bytes[0] == 'c');
    assert_false(ram_copy_next(&ram, &page, bytes));
    ram_free(&ram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_of_their_moment),
        cmocka_unit_test(copies_hold_what_changed),
    };
    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
