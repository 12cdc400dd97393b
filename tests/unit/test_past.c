/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marks in memory: whatever is written, marked, forgotten and gone back to, in any order, memory is
 * what a stack of whole copies says. */
#include "dev_test.h"
#include "memory_test.h"
#include "vtime_test.h"

static const paddr BASE = 0x80000000;
enum { PAGES = 24, SIZE = PAGES * PAGE_BYTES, MARKS = 6 };

struct copies {
    uint8_t *bytes[MARKS];
    size_t count;
};

static uint8_t *copy_of(const struct ram *ram) {
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    memcpy(bytes, ram->bytes, SIZE);
    return bytes;
}

static void some_write(struct ram *ram, struct random *random) {
    uint8_t bytes[2 * PAGE_BYTES];
    uint64_t at = random_below(random, SIZE);
    uint64_t size_bytes = 1 + random_below(random, min_u64(sizeof bytes, SIZE - at));
    memset(bytes, (int)random_below(random, 3), size_bytes);
    assert_true(ram_write(ram, BASE + at, bytes, size_bytes));
}

static void copy_drop(struct copies *copies, size_t idx) {
    free(copies->bytes[idx]);
    copies->count--;
    for (size_t i = idx; i < copies->count; i++) {
        copies->bytes[i] = copies->bytes[i + 1];
    }
}

static void act(struct ram *ram, struct copies *copies, struct random *random) {
    size_t idx = copies->count == 0 ? 0 : random_below(random, copies->count);
    switch (random_below(random, 12)) {
    case 0:
    case 1:
        if (copies->count < MARKS) {
            assert_true(ram_mark(ram));
            copies->bytes[copies->count++] = copy_of(ram);
        }
        break;
    case 2:
        if (copies->count > 0) {
            ram_back(ram, idx);
            while (copies->count > idx + 1) {
                copy_drop(copies, copies->count - 1);
            }
            expect(memcmp(ram->bytes, copies->bytes[idx], SIZE) == 0, random, "back to %zu", idx);
        }
        break;
    case 3:
        if (copies->count > 0) {
            ram_forget(ram, idx);
            copy_drop(copies, idx);
        }
        break;
    default:
        some_write(ram, random);
    }
    assert_int_equal(ram_marks(ram), copies->count);
}

static void memory_is_as_it_was(void **state) {
    (void)state;
    struct random random = random_start(20);
    for (unsigned run = 0; run < 60; run++) {
        struct ram ram;
        struct copies copies = {.count = 0};
        assert_int_equal(ram_init(&ram, BASE, SIZE, NULL), STATUS_OK);
        for (unsigned i = 0; i < 400; i++) {
            act(&ram, &copies, &random);
        }
        while (copies.count > 0) {
            copy_drop(&copies, copies.count - 1);
        }
        ram_free(&ram);
    }
}

/* Pages of zeros cost next to nothing, others a copy at their first write behind each mark. */
static void marks_cost_what_is_written(void **state) {
    (void)state;
    struct ram ram;
    uint64_t word = 1;
    assert_int_equal(ram_init(&ram, BASE, SIZE, NULL), STATUS_OK);
    assert_int_equal(ram_past_bytes(&ram), 0);
    assert_true(ram_mark(&ram));
    uint64_t first_bytes = ram_past_bytes(&ram);
    assert_true(ram_write(&ram, BASE, &word, 8));
    assert_true(ram_past_bytes(&ram) - first_bytes < PAGE_BYTES);
    assert_true(ram_mark(&ram));
    uint64_t second_bytes = ram_past_bytes(&ram);
    for (unsigned i = 0; i < 512; i++) {
        assert_true(ram_write(&ram, BASE + 8 * (paddr)i, &word, 8));
    }
    assert_true(ram_past_bytes(&ram) - second_bytes >= PAGE_BYTES);
    assert_true(ram_past_bytes(&ram) - second_bytes < 2 * PAGE_BYTES);
    ram_forget_all(&ram);
    assert_int_equal(ram_past_bytes(&ram), 0);
    ram_free(&ram);
}

/* A host without memory takes the marks, and nothing else. */
static void without_memory_there_is_no_past(void **state) {
    (void)state;
    for (unsigned when = 0; when < 3; when++) {
        struct ram ram;
        uint64_t word = 1;
        assert_int_equal(ram_init(&ram, BASE, SIZE, NULL), STATUS_OK);
        memory_is_out = when == 0;
        assert_true(ram_mark(&ram) == (when > 0));
        memory_is_out = when == 1;
        assert_true(ram_write(&ram, BASE, &word, 8));
        memory_is_out = false;
        assert_true(ram_marks(&ram) == (when == 2 ? 1 : 0));
        assert_int_equal(*ram_at(&ram, BASE), 1);
        ram_free(&ram);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_as_it_was),
        cmocka_unit_test(marks_cost_what_is_written),
        cmocka_unit_test(without_memory_there_is_no_past),
    };
    return cmocka_run_group_tests_name("past", tests, NULL, NULL);
}
