/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queues as drivers fill them, well and badly; the entropy device takes what they hold. */
#include "virtio_test.h"

static void fixture_init(struct driver *driver) {
    driver_init(driver);
    driver_attach(driver, virtio_rng_new(&driver->bus.ram, 7));
}

/** One writable buffer as descriptor @p idx. */
static void offer(struct driver *driver, unsigned idx, uint32_t size_bytes) {
    desc_put(driver, 0, idx, (struct desc){buffer(idx), size_bytes, DESC_WRITE, 0});
    announce(driver, 0, (uint16_t)idx);
}

static bool is_filled(const struct driver *driver, paddr at, unsigned size_bytes) {
    unsigned set = 0;
    for (unsigned i = 0; i < size_bytes; i++) {
        set += peek(driver, at + i, 1) != 0;
    }
    return set > size_bytes / 2;
}

/* -- Getting going ----------------------------------------------------------------------------- */

static void test_says_what_it_is(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    assert_int_equal(reg_get(&driver, 0x000), 0x74726976);
    assert_int_equal(reg_get(&driver, 0x004), 2);
    assert_int_equal(reg_get(&driver, 0x008), 4);
    assert_true(driver_offered(&driver) == (BIT_INDIRECT | BIT_EVENT_IDX | BIT_VERSION_1));
    reg_put(&driver, REG_QUEUE_SEL, 0);
    assert_int_equal(reg_get(&driver, REG_QUEUE_SIZE_MAX), 256);
    reg_put(&driver, REG_QUEUE_SEL, 1);
    assert_int_equal(reg_get(&driver, REG_QUEUE_SIZE_MAX), 0);
    driver_free(&driver);
}

static void test_agrees_only_to_what_it_offers(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    static const uint64_t refused[] = {0, BIT_EVENT_IDX, BIT_VERSION_1 | 1, BIT_VERSION_1 << 1};
    for (size_t i = 0; i < COUNT(refused); i++) {
        reg_put(&driver, REG_STATUS, 0);
        reg_put(&driver, REG_STATUS, 3);
        for (unsigned half = 0; half < 2; half++) {
            reg_put(&driver, REG_DRIVER_FEATURES_SEL, half);
            reg_put(&driver, REG_DRIVER_FEATURES, refused[i] >> 32 * half);
        }
        reg_put(&driver, REG_STATUS, 11);
        assert_int_equal(reg_get(&driver, REG_STATUS), 3);
    }
    driver_start(&driver, BIT_VERSION_1, 1);
    reg_put(&driver, REG_DRIVER_FEATURES_SEL, 1);
    reg_put(&driver, REG_DRIVER_FEATURES, 0); /* too late */
    reg_put(&driver, REG_STATUS, STATUS_ALL);
    assert_int_equal(reg_get(&driver, REG_STATUS), STATUS_ALL);
    driver_free(&driver);
}

static void test_gives_back_what_it_took(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    driver_start(&driver, BIT_VERSION_1, 1);
    for (unsigned i = 0; i < 3; i++) {
        offer(&driver, i, 64 + i);
    }
    assert_int_equal(used_count(&driver, 0), 0);
    notify(&driver, 0);
    assert_int_equal(used_count(&driver, 0), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(used_head(&driver, 0, i), i);
        assert_int_equal(used_bytes(&driver, 0, i), 64 + i);
        assert_true(is_filled(&driver, buffer(i), 64 + i));
        assert_int_equal(peek(&driver, buffer(i) + 64 + i, 1), 0);
    }
    assert_int_equal(reg_get(&driver, REG_CAUSES), 1);
    assert_true(driver.wires.level[0]);
    reg_put(&driver, REG_ACK, 1);
    assert_int_equal(reg_get(&driver, REG_CAUSES), 0);
    assert_false(driver.wires.level[0]);
    driver_free(&driver);
}

static void test_nothing_before_it_works(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    queue_place(&driver, 0, QUEUE_ENTRIES);
    reg_put(&driver, REG_QUEUE_READY, 1);
    offer(&driver, 0, 64);
    notify(&driver, 0);
    assert_int_equal(used_count(&driver, 0), 0);
    driver_start(&driver, BIT_VERSION_1, 1);
    reg_put(&driver, REG_QUEUE_READY, 0);
    offer(&driver, 0, 64);
    notify(&driver, 0);
    notify(&driver, 1); /* a queue that there is not */
    notify(&driver, UINT32_MAX);
    assert_int_equal(used_count(&driver, 0), 0);
    assert_false(device_broken(&driver));
    driver_free(&driver);
}

/* More than 2^16 entries: all indices wrap. */
static void test_indices_wrap(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    driver_start(&driver, BIT_VERSION_1, 1);
    for (unsigned i = 0; i < 70000; i++) {
        offer(&driver, i % QUEUE_ENTRIES, 1);
        notify(&driver, 0);
        assert_int_equal(used_count(&driver, 0), (uint16_t)(i + 1));
        assert_int_equal(used_head(&driver, 0, i), i % QUEUE_ENTRIES);
    }
    driver_free(&driver);
}

/* -- Interrupts -------------------------------------------------------------------------------- */

static bool interrupted(struct driver *driver) {
    bool high = driver->wires.level[0];
    reg_put(driver, REG_ACK, 3);
    return high;
}

static void test_driver_may_wish_no_interrupt(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    driver_start(&driver, BIT_VERSION_1, 1);
    poke(&driver, ring(0, AT_AVAILABLE), 1, 2);
    offer(&driver, 0, 8);
    notify(&driver, 0);
    assert_false(interrupted(&driver));
    poke(&driver, ring(0, AT_AVAILABLE), 0, 2);
    offer(&driver, 1, 8);
    notify(&driver, 0);
    assert_true(interrupted(&driver));
    driver_free(&driver);
}

/* Section 2.7.10: after the entry that used_event names, and no other. */
static void test_event_index(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    driver_start(&driver, BIT_VERSION_1 | BIT_EVENT_IDX, 1);
    for (unsigned i = 0; i < 100; i++) {
        unsigned event = i % 3 == 0 ? i : i + 5;
        poke(&driver, ring(0, AT_AVAILABLE) + 4 + 2 * QUEUE_ENTRIES, event, 2);
        offer(&driver, i % QUEUE_ENTRIES, 8);
        notify(&driver, 0);
        assert_int_equal(interrupted(&driver), i % 3 == 0);
        /* avail_event: tell of the next one */
        assert_int_equal(peek(&driver, ring(0, AT_USED) + 4 + 8 * QUEUE_ENTRIES, 2), i + 1);
    }
    driver_free(&driver);
}

/* -- Chains ------------------------------------------------------------------------------------ */

static void test_chains_and_indirect_tables(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    driver_start(&driver, BIT_VERSION_1 | BIT_INDIRECT, 1);
    desc_put(&driver, 0, 0, (struct desc){buffer(0), 10, DESC_WRITE | DESC_NEXT, 5});
    desc_put(&driver, 0, 5, (struct desc){buffer(1), 0, DESC_WRITE | DESC_NEXT, 2});
    desc_put(&driver, 0, 2, (struct desc){buffer(2), 20, DESC_WRITE, 0});
    announce(&driver, 0, 0);
    desc_write(&driver, buffer(8), 0, (struct desc){buffer(3), 30, DESC_WRITE | DESC_NEXT, 1});
    desc_write(&driver, buffer(8), 1, (struct desc){buffer(4), 40, DESC_WRITE, 0});
    desc_put(&driver, 0, 1, (struct desc){buffer(8), 32, DESC_INDIRECT, 0});
    announce(&driver, 0, 1);
    /* a part of its own, then a table */
    desc_put(&driver, 0, 3, (struct desc){buffer(6), 50, DESC_WRITE | DESC_NEXT, 1});
    announce(&driver, 0, 3);
    notify(&driver, 0);
    assert_false(device_broken(&driver));
    assert_int_equal(used_count(&driver, 0), 3);
    assert_int_equal(used_bytes(&driver, 0, 0), 30);
    assert_int_equal(used_bytes(&driver, 0, 1), 70);
    assert_int_equal(used_bytes(&driver, 0, 2), 120);
    assert_true(is_filled(&driver, buffer(0), 10) && is_filled(&driver, buffer(2), 20));
    assert_true(is_filled(&driver, buffer(3), 30) && is_filled(&driver, buffer(4), 40));
    assert_true(is_filled(&driver, buffer(6), 50));
    assert_int_equal(peek(&driver, buffer(1), 8), 0);
    driver_free(&driver);
}

/* -- What breaks it ---------------------------------------------------------------------------- */

/** Something that no driver may do, done to queue 0. */
typedef void spoil_fn(struct driver *driver);

static void spoil_head(struct driver *driver) {
    announce(driver, 0, QUEUE_ENTRIES);
}

static void spoil_next(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){buffer(0), 8, DESC_WRITE | DESC_NEXT, QUEUE_ENTRIES});
    announce(driver, 0, 0);
}

static void spoil_loop(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){buffer(0), 8, DESC_WRITE | DESC_NEXT, 1});
    desc_put(driver, 0, 1, (struct desc){buffer(0), 8, DESC_WRITE | DESC_NEXT, 0});
    announce(driver, 0, 0);
}

static void spoil_empty_loop(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){buffer(0), 0, DESC_WRITE | DESC_NEXT, 0});
    announce(driver, 0, 0);
}

static void spoil_address(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){DRIVER_RAM + DRIVER_RAM_BYTES - 4, 8, DESC_WRITE, 0});
    announce(driver, 0, 0);
}

static void spoil_wrapped_address(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){UINT64_MAX - 3, 8, DESC_WRITE, 0});
    announce(driver, 0, 0);
}

static void spoil_length(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){buffer(0), UINT32_MAX, DESC_WRITE, 0});
    announce(driver, 0, 0);
}

static void spoil_order(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){buffer(0), 8, DESC_WRITE | DESC_NEXT, 1});
    desc_put(driver, 0, 1, (struct desc){buffer(1), 8, 0, 0});
    announce(driver, 0, 0);
}

static void spoil_table_length(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){buffer(0), 24, DESC_INDIRECT, 0});
    announce(driver, 0, 0);
}

static void spoil_table_empty(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){buffer(0), 0, DESC_INDIRECT, 0});
    announce(driver, 0, 0);
}

static void spoil_table_address(struct driver *driver) {
    desc_put(driver, 0, 0, (struct desc){DRIVER_RAM - 16, 16, DESC_INDIRECT, 0});
    announce(driver, 0, 0);
}

static void spoil_table_in_table(struct driver *driver) {
    desc_write(driver, buffer(0), 0, (struct desc){buffer(0), 16, DESC_INDIRECT, 0});
    desc_put(driver, 0, 0, (struct desc){buffer(0), 16, DESC_INDIRECT, 0});
    announce(driver, 0, 0);
}

static void spoil_table_and_next(struct driver *driver) {
    desc_write(driver, buffer(0), 0, (struct desc){buffer(1), 16, DESC_WRITE, 0});
    desc_put(driver, 0, 0, (struct desc){buffer(0), 16, DESC_INDIRECT | DESC_NEXT, 1});
    desc_put(driver, 0, 1, (struct desc){buffer(1), 16, DESC_WRITE, 0});
    announce(driver, 0, 0);
}

static void spoil_index(struct driver *driver) {
    poke(driver, ring(0, AT_AVAILABLE) + 2, QUEUE_ENTRIES + 1, 2);
}

static void spoil_index_backwards(struct driver *driver) {
    poke(driver, ring(0, AT_AVAILABLE) + 2, UINT16_MAX, 2);
}

static void test_bad_drivers_break_only_their_device(void **state) {
    static spoil_fn *const spoils[] = {
        spoil_head,           spoil_next,          spoil_loop,
        spoil_empty_loop,     spoil_address,       spoil_wrapped_address,
        spoil_length,         spoil_order,         spoil_table_length,
        spoil_table_empty,    spoil_table_address, spoil_table_in_table,
        spoil_table_and_next, spoil_index,         spoil_index_backwards,
    };
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    for (size_t i = 0; i < COUNT(spoils); i++) {
        driver_start(&driver, BIT_VERSION_1 | BIT_INDIRECT, 1);
        spoils[i](&driver);
        assert_false(device_broken(&driver));
        notify(&driver, 0);
        assert_true(device_broken(&driver));
        assert_int_equal(used_count(&driver, 0), 0);
        assert_int_equal(reg_get(&driver, REG_CAUSES), 2); /* the configuration's interrupt */
        notify(&driver, 0);
        assert_int_equal(used_count(&driver, 0), 0);
        driver_start(&driver, BIT_VERSION_1, 1); /* after a reset it works again */
        assert_false(driver.wires.level[0]);
        offer(&driver, 0, 8);
        notify(&driver, 0);
        assert_int_equal(used_count(&driver, 0), 1);
    }
    driver_free(&driver);
}

/* An indirect table needs the feature. */
static void test_tables_need_their_feature(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    driver_start(&driver, BIT_VERSION_1, 1);
    desc_write(&driver, buffer(0), 0, (struct desc){buffer(1), 16, DESC_WRITE, 0});
    desc_put(&driver, 0, 0, (struct desc){buffer(0), 16, DESC_INDIRECT, 0});
    announce(&driver, 0, 0);
    notify(&driver, 0);
    assert_true(device_broken(&driver));
    driver_free(&driver);
}

static void test_rings_outside_ram(void **state) {
    static const paddr wrong[] = {0,
                                  DRIVER_RAM - 8,
                                  DRIVER_RAM + 1,
                                  DRIVER_RAM + DRIVER_RAM_BYTES,
                                  DRIVER_RAM + DRIVER_RAM_BYTES - 8,
                                  UINT64_MAX - 15};
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        for (unsigned which = 0; which < 3; which++) {
            unsigned at = REG_DESCRIPTORS + 0x10 * which;
            reg_put(&driver, REG_STATUS, 0);
            queue_place(&driver, 0, QUEUE_ENTRIES);
            reg_put(&driver, at, wrong[i]);
            reg_put(&driver, at + 4, wrong[i] >> 32);
            reg_put(&driver, REG_QUEUE_READY, 1);
            assert_int_equal(reg_get(&driver, REG_QUEUE_READY), 0);
            assert_true(device_broken(&driver));
        }
    }
    driver_free(&driver);
}

/* Sizes that no queue can have are not taken, and rings in use stay where they are. */
static void test_queue_registers(void **state) {
    struct driver driver;
    (void)state;
    fixture_init(&driver);
    driver_start(&driver, BIT_VERSION_1, 1);
    reg_put(&driver, REG_QUEUE_SEL, 0);
    reg_put(&driver, REG_QUEUE_SIZE, 16);
    reg_put(&driver, REG_USED, 0);
    offer(&driver, 0, 8);
    notify(&driver, 0);
    assert_int_equal(used_count(&driver, 0), 1);
    static const uint32_t sizes[] = {0, 3, 257, 512, UINT32_MAX};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        reg_put(&driver, REG_QUEUE_READY, 0);
        reg_put(&driver, REG_QUEUE_SIZE, sizes[i]);
        reg_put(&driver, REG_QUEUE_READY, 1);
        poke(&driver, ring(0, AT_AVAILABLE) + 2, 0, 2); /* both begin at zero again */
        poke(&driver, ring(0, AT_USED) + 2, 0, 2);
        driver.available[0] = 0;
        offer(&driver, 0, 8);
        notify(&driver, 0);
        assert_int_equal(used_count(&driver, 0), 1);
    }
    driver_free(&driver);
}

/* The same seed gives the same bytes, another one others; reading goes on over a reset. */
static void test_entropy_follows_the_seed(void **state) {
    uint64_t drawn[3][2];
    static const uint64_t seeds[] = {1, 1, 2};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct driver driver;
        driver_init(&driver);
        driver_attach(&driver, virtio_rng_new(&driver.bus.ram, seeds[i]));
        for (unsigned j = 0; j < 2; j++) {
            driver_start(&driver, BIT_VERSION_1, 1);
            offer(&driver, 0, 8);
            notify(&driver, 0);
            drawn[i][j] = peek(&driver, buffer(0), 8);
        }
        driver_free(&driver);
    }
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
    assert_true(drawn[0][0] != drawn[0][1] && drawn[0][0] != drawn[2][0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_it_is),
        cmocka_unit_test(test_agrees_only_to_what_it_offers),
        cmocka_unit_test(test_gives_back_what_it_took),
        cmocka_unit_test(test_nothing_before_it_works),
        cmocka_unit_test(test_indices_wrap),
        cmocka_unit_test(test_driver_may_wish_no_interrupt),
        cmocka_unit_test(test_event_index),
        cmocka_unit_test(test_chains_and_indirect_tables),
        cmocka_unit_test(test_bad_drivers_break_only_their_device),
        cmocka_unit_test(test_tables_need_their_feature),
        cmocka_unit_test(test_rings_outside_ram),
        cmocka_unit_test(test_queue_registers),
        cmocka_unit_test(test_entropy_follows_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
