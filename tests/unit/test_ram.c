/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM: lazy, bounded, honest about which pages hold something, and tells of writes to
 * pages. */
#include "dev_test.h"

#include <sys/mman.h>
#include <unistd.h>

static const paddr BASE = 0x80000000;

static struct ram ram_of(uint64_t size_bytes) {
    struct ram ram;
    assert_int_equal(ram_init(&ram, BASE, size_bytes, NULL), STATUS_OK);
    return ram;
}

/* -- Reading and writing ----------------------------------------------------------------------- */

static void test_reads_back_across_pages(void **state) {
    (void)state;
    struct ram ram = ram_of(16 * PAGE_BYTES);
    uint8_t wrote[3 * PAGE_BYTES];
    uint8_t read[sizeof wrote];
    for (size_t i = 0; i < sizeof wrote; i++) {
        wrote[i] = (uint8_t)(i * 7 + 1);
    }
    assert_true(ram_write(&ram, BASE + 100, wrote, sizeof wrote));
    assert_true(ram_read(&ram, BASE + 100, read, sizeof read));
    assert_memory_equal(read, wrote, sizeof wrote);
    assert_memory_equal(ram_at(&ram, BASE + 100), wrote, sizeof wrote);
    assert_int_equal(ram_touched_pages(&ram), 4);
    assert_true(ram_read(&ram, BASE, read, 101));
    assert_int_equal(read[99], 0);
    assert_int_equal(read[100], wrote[0]);
    ram_free(&ram);
}

static void test_refuses_what_is_not_all_ram(void **state) {
    (void)state;
    static const uint64_t size = 4 * PAGE_BYTES;
    struct ram ram = ram_of(size);
    const struct {
        paddr address;
        uint64_t size_bytes;
    } bad[] = {
        {BASE - 1, 1},        {BASE - 1, 2},    {BASE + size, 1},   {BASE + size - 1, 2},
        {BASE + 1, size},     {0, BASE + size}, {BASE, UINT64_MAX}, {UINT64_MAX, 2},
        {BASE - 8, size + 8}, {BASE, size + 1}, {BASE + size, 0},
    };
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(ram_holds(&ram, bad[i].address, bad[i].size_bytes));
        assert_false(ram_write(&ram, bad[i].address, bytes, bad[i].size_bytes));
        assert_false(ram_read(&ram, bad[i].address, bytes, bad[i].size_bytes));
    }
    assert_int_equal(ram_touched_pages(&ram), 0);
    assert_int_equal(*ram_at(&ram, BASE + size - 1), 0);
    assert_true(ram_holds(&ram, BASE, size));
    assert_true(ram_write(&ram, BASE + size - 8, bytes, 8));
    assert_true(ram_write(&ram, BASE, bytes, 0));
    assert_int_equal(ram_touched_pages(&ram), 1);
    ram_free(&ram);
}

static void test_memory_that_cannot_be_had(void **state) {
    (void)state;
    struct ram ram;
    struct error error = {0};
    assert_int_equal(ram_init(&ram, 0, UINT64_C(1) << 60, &error), STATUS_USAGE);
    assert_int_equal(error.status, STATUS_USAGE);
    assert_non_null(strstr(error.text, "--memory"));
    assert_null(ram.bytes);
    ram_free(&ram);
}

/* -- Laziness ---------------------------------------------------------------------------------- */

/** Pages of the host that hold a mapping of ours. */
static uint64_t resident_pages(uint8_t *bytes, uint64_t size_bytes) {
    static unsigned char resident[1 << 18];
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t step_bytes = page_bytes * sizeof resident;
    uint64_t count = 0;
    for (uint64_t at = 0; at < size_bytes; at += step_bytes) {
        uint64_t part_bytes = size_bytes - at < step_bytes ? size_bytes - at : step_bytes;
        assert_int_equal(mincore(bytes + at, part_bytes, resident), 0);
        for (uint64_t i = 0; i < (part_bytes + page_bytes - 1) / page_bytes; i++) {
            count += resident[i] & 1;
        }
    }
    return count;
}

static void test_64_gib_cost_what_is_touched(void **state) {
    (void)state;
    static const uint64_t gib = UINT64_C(1) << 30;
    struct ram ram = ram_of(64 * gib);
    for (uint64_t i = 0; i < 64; i++) {
        assert_true(ram_write(&ram, BASE + i * gib + i * PAGE_BYTES, "x", 1));
    }
    assert_int_equal(ram_touched_pages(&ram), 64);
    struct state_hash hash = {0};
    struct stream stream = {.put = state_hash_put, .owner = &hash};
    ram_state(&ram, &stream);
    assert_int_equal(hash.size_bytes, 8 + 8 + 64 * (8 + PAGE_BYTES) + 8);
    uint64_t pages = ram.size_bytes >> PAGE_SHIFT;
    assert_int_equal(resident_pages(ram.bytes, ram.size_bytes), 64);
    assert_int_equal(resident_pages(ram.page_touched, pages), 64);
    assert_in_range(resident_pages(ram.page_flags, pages), 0, 64);
    ram_free(&ram);
}

/* -- State ------------------------------------------------------------------------------------- */

static struct state_hash walk(struct ram *ram) {
    struct state_hash hash = {0};
    struct stream stream = {.put = state_hash_put, .owner = &hash};
    ram_state(ram, &stream);
    return hash;
}

static void test_zero_pages_are_alike(void **state) {
    (void)state;
    static const uint8_t zeros[2 * PAGE_BYTES];
    struct ram untouched = ram_of(8192 * PAGE_BYTES);
    struct ram zeroed = ram_of(8192 * PAGE_BYTES);
    assert_true(ram_write(&untouched, BASE + 4096 * PAGE_BYTES, "a", 1));
    assert_true(ram_write(&zeroed, BASE + 4096 * PAGE_BYTES, "a", 1));
    assert_true(ram_write(&zeroed, BASE + PAGE_BYTES / 2, zeros, sizeof zeros));
    assert_true(ram_write(&zeroed, BASE + 8191 * PAGE_BYTES, "bc", 2));
    assert_int_not_equal(walk(&untouched).value, walk(&zeroed).value);
    assert_true(ram_write(&zeroed, BASE + 8191 * PAGE_BYTES, zeros, 2));
    assert_int_equal(walk(&untouched).value, walk(&zeroed).value);
    assert_int_equal(ram_touched_pages(&untouched), 1);
    assert_int_equal(ram_touched_pages(&zeroed), 5);
    ram_free(&untouched);
    ram_free(&zeroed);
}

static void test_every_byte_and_place_counts(void **state) {
    (void)state;
    static const uint64_t offsets[] = {0, 1, PAGE_BYTES - 1, PAGE_BYTES, 3 * PAGE_BYTES + 77};
    struct ram ram = ram_of(4 * PAGE_BYTES);
    uint64_t seen[COUNT(offsets) + 1] = {walk(&ram).value};
    for (size_t i = 0; i < COUNT(offsets); i++) {
        assert_true(ram_write(&ram, BASE + offsets[i], "z", 1));
        seen[i + 1] = walk(&ram).value;
        assert_true(ram_write(&ram, BASE + offsets[i], "", 1));
        assert_int_equal(walk(&ram).value, seen[0]);
        for (size_t j = 0; j <= i; j++) {
            assert_int_not_equal(seen[i + 1], seen[j]);
        }
    }
    ram_free(&ram);
}

/* -- Flagged pages ----------------------------------------------------------------------------- */

struct told {
    struct ram *ram;
    unsigned before_count, after_count;
    struct {
        paddr address;
        uint64_t size_bytes;
        uint8_t first; /* contents at that moment */
    } before[8], after[8];
};

static void told_before(void *owner, paddr address, uint64_t size_bytes) {
    struct told *told = owner;
    assert_true(told->before_count < 8 && told->before_count == told->after_count);
    told->before[told->before_count].address = address;
    told->before[told->before_count].size_bytes = size_bytes;
    told->before[told->before_count++].first = *ram_at(told->ram, address);
}

static void told_after(void *owner, paddr address, uint64_t size_bytes) {
    struct told *told = owner;
    assert_true(told->after_count < 8);
    told->after[told->after_count].address = address;
    told->after[told->after_count].size_bytes = size_bytes;
    told->after[told->after_count++].first = *ram_at(told->ram, address);
}

static void test_tells_of_each_page(void **state) {
    (void)state;
    struct ram ram = ram_of(8 * PAGE_BYTES);
    struct told told = {.ram = &ram};
    uint8_t bytes[4 * PAGE_BYTES];
    memset(bytes, 0x55, sizeof bytes);
    ram.before_write = told_before;
    ram.after_write = told_after;
    ram.owner = &told;
    assert_true(ram_write(&ram, BASE + PAGE_BYTES + 16, bytes, 3 * PAGE_BYTES));
    assert_int_equal(told.before_count, 4);
    assert_int_equal(told.after_count, 4);
    const struct {
        paddr address;
        uint64_t size_bytes;
    } parts[] = {{BASE + PAGE_BYTES + 16, PAGE_BYTES - 16},
                 {BASE + 2 * PAGE_BYTES, PAGE_BYTES},
                 {BASE + 3 * PAGE_BYTES, PAGE_BYTES},
                 {BASE + 4 * PAGE_BYTES, 16}};
    for (unsigned i = 0; i < COUNT(parts); i++) {
        assert_int_equal(told.before[i].address, parts[i].address);
        assert_int_equal(told.before[i].size_bytes, parts[i].size_bytes);
        assert_int_equal(told.before[i].first, 0);
        assert_int_equal(told.after[i].address, parts[i].address);
        assert_int_equal(told.after[i].size_bytes, parts[i].size_bytes);
        assert_int_equal(told.after[i].first, 0x55);
    }
    assert_true(ram_write(&ram, BASE + 5 * PAGE_BYTES, bytes, PAGE_BYTES));
    assert_false(ram_write(&ram, BASE + 7 * PAGE_BYTES, bytes, 2 * PAGE_BYTES));
    assert_int_equal(told.before_count, 5);
    ram.before_write = NULL;
    ram.after_write = NULL;
    assert_true(ram_write(&ram, BASE + PAGE_BYTES, bytes, 1));
    assert_int_equal(told.before_count, 5);
    ram_free(&ram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_back_across_pages),
        cmocka_unit_test(test_refuses_what_is_not_all_ram),
        cmocka_unit_test(test_memory_that_cannot_be_had),
        cmocka_unit_test(test_64_gib_cost_what_is_touched),
        cmocka_unit_test(test_zero_pages_are_alike),
        cmocka_unit_test(test_every_byte_and_place_counts),
        cmocka_unit_test(test_tells_of_each_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
