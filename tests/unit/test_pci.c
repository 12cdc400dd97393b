/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI bus as a guest explores it, and virtio through it. */
#include "virtio_test.h"

#define WINDOW ((paddr)0x40000000)
enum { SLOT = 5, BAR_BYTES = 0x4000 };

struct fixture {
    struct driver driver;
    struct pci *pci;
};

static void fixture_init(struct fixture *fixture) {
    struct line lines[PCI_LINES];
    driver_init(&fixture->driver);
    for (unsigned i = 0; i < PCI_LINES; i++) {
        lines[i] = wire(&fixture->driver.wires, i);
    }
    fixture->pci = pci_new(WINDOW, lines);
    assert_non_null(fixture->pci);
    assert_true(pci_plug_virtio(fixture->pci, SLOT, virtio_rng_new(&fixture->driver.bus.ram, 7)));
    pci_ecam_ops.reset(fixture->pci);
}

static void fixture_free(struct fixture *fixture) {
    pci_ecam_ops.free(fixture->pci);
    bus_free(&fixture->driver.bus);
    sched_free(&fixture->driver.sched);
}

static uint32_t config_get(struct fixture *fixture, unsigned slot, unsigned at, unsigned bytes) {
    return (uint32_t)pci_ecam_ops.read(fixture->pci, slot << 15 | at, bytes);
}

static void config_put(struct fixture *fixture, unsigned at, uint32_t value, unsigned bytes) {
    pci_ecam_ops.write(fixture->pci, SLOT << 15 | at, value, bytes);
}

static uint64_t bar_get(struct fixture *fixture, uint64_t at, unsigned bytes) {
    return pci_window_ops.read(fixture->pci, at, bytes);
}

static void bar_put(struct fixture *fixture, uint64_t at, uint64_t value, unsigned bytes) {
    pci_window_ops.write(fixture->pci, at, value, bytes);
}

static void test_finds_what_is_there(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    assert_int_equal(config_get(&fixture, 0, 0, 4), 0x00081b36);
    assert_int_equal(config_get(&fixture, SLOT, 0, 4), 0x10441af4);
    assert_int_equal(config_get(&fixture, SLOT, 8, 4), 0x00ff0001);
    assert_int_equal(config_get(&fixture, SLOT, 0x3d, 1), 1);
    assert_int_equal(config_get(&fixture, 1, 0, 4), UINT32_MAX);
    assert_int_equal(config_get(&fixture, 1, 0, 2), UINT16_MAX);
    assert_int_equal(config_get(&fixture, 32 + SLOT, 0, 4), UINT32_MAX); /* another bus */
    assert_int_equal(config_get(&fixture, SLOT, 0x100, 4), 0);
    assert_int_equal(pci_ecam_ops.read(fixture.pci, SLOT << 15 | 1 << 12, 4), UINT32_MAX);
    fixture_free(&fixture);
}

/* A BAR answers ones with its size; what is for reading stays as it is. */
static void test_bar_tells_its_size(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    config_put(&fixture, 0x10, UINT32_MAX, 4);
    assert_int_equal(config_get(&fixture, SLOT, 0x10, 4), (uint32_t)-BAR_BYTES);
    config_put(&fixture, 0x14, UINT32_MAX, 4);
    assert_int_equal(config_get(&fixture, SLOT, 0x14, 4), 0);
    config_put(&fixture, 0x00, 0, 4);
    assert_int_equal(config_get(&fixture, SLOT, 0, 4), 0x10441af4);
    config_put(&fixture, 0x3c, 0xffff, 2);
    assert_int_equal(config_get(&fixture, SLOT, 0x3c, 2), 0x01ff);
    fixture_free(&fixture);
}

/** Maps the BAR at the window's second MiB and switches the function on. */
static void function_open(struct fixture *fixture) {
    config_put(fixture, 0x10, WINDOW + 0x100000, 4);
    config_put(fixture, 0x04, 6, 2);
}

static void test_bar_answers_where_it_is_mapped(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    config_put(&fixture, 0x10, WINDOW + 0x100000, 4);
    assert_int_equal(bar_get(&fixture, 0x100012, 2), UINT16_MAX); /* memory is off */
    function_open(&fixture);
    assert_int_equal(bar_get(&fixture, 0x100012, 2), 1); /* queues */
    assert_int_equal(bar_get(&fixture, 0x100012 - BAR_BYTES, 2), UINT16_MAX);
    assert_int_equal(bar_get(&fixture, 0x100000 + BAR_BYTES, 8) == UINT64_MAX, 1);
    config_put(&fixture, 0x10, WINDOW, 4);
    assert_int_equal(bar_get(&fixture, 0x12, 2), 1);
    assert_int_equal(bar_get(&fixture, 0x100012, 2), UINT16_MAX);
    config_put(&fixture, 0x10, 0xffffffff, 4); /* partly beyond the addresses that there are */
    assert_int_equal(bar_get(&fixture, 0x3ffffff8, 8) == UINT64_MAX, 1);
    fixture_free(&fixture);
}

/** Where the structure of a type lies in the BAR; its capability's place in *at. */
static uint32_t structure(struct fixture *fixture, unsigned type, unsigned *at) {
    *at = config_get(fixture, SLOT, 0x34, 1);
    for (unsigned i = 0; i < 8 && *at != 0; i++) {
        if (config_get(fixture, SLOT, *at, 1) == 9 &&
            config_get(fixture, SLOT, *at + 3, 1) == type) {
            return config_get(fixture, SLOT, *at + 8, 4);
        }
        *at = config_get(fixture, SLOT, *at + 1, 1);
    }
    fail_msg("no capability %u", type);
    return 0;
}

/** One entropy request through the common structure, as a driver does it. */
static void request_make(struct fixture *fixture, uint64_t bar) {
    struct driver *driver = &fixture->driver;
    unsigned cap;
    uint64_t common = bar + structure(fixture, 1, &cap);
    uint64_t notify_at = bar + structure(fixture, 2, &cap);
    uint32_t multiplier = config_get(fixture, SLOT, cap + 16, 4);
    bar_put(fixture, common + 20, 0, 1);
    bar_put(fixture, common + 20, 3, 1);
    bar_put(fixture, common + 8, 1, 4);
    bar_put(fixture, common + 12, 1, 4); /* version 1 */
    bar_put(fixture, common + 20, 11, 1);
    assert_int_equal(bar_get(fixture, common + 20, 1), 11);
    bar_put(fixture, common + 22, 0, 2);
    assert_int_equal(bar_get(fixture, common + 24, 2), 256);
    bar_put(fixture, common + 24, QUEUE_ENTRIES, 2);
    bar_put(fixture, common + 32, ring(0, AT_DESCRIPTORS), 8);
    bar_put(fixture, common + 40, (uint32_t)ring(0, AT_AVAILABLE), 4);
    bar_put(fixture, common + 44, ring(0, AT_AVAILABLE) >> 32, 4);
    bar_put(fixture, common + 48, ring(0, AT_USED), 8);
    assert_true(bar_get(fixture, common + 48, 8) == ring(0, AT_USED));
    bar_put(fixture, common + 28, 1, 2);
    assert_int_equal(bar_get(fixture, common + 28, 2), 1);
    bar_put(fixture, common + 20, 15, 1);
    desc_put(driver, 0, 0, (struct desc){buffer(0), 8, DESC_WRITE, 0});
    announce(driver, 0, 0);
    bar_put(fixture, notify_at + (uint64_t)multiplier * bar_get(fixture, common + 30, 2), 0, 2);
}

static void test_virtio_works_through_the_bar(void **state) {
    struct fixture fixture;
    unsigned cap;
    (void)state;
    fixture_init(&fixture);
    function_open(&fixture);
    request_make(&fixture, 0x100000);
    assert_int_equal(used_count(&fixture.driver, 0), 1);
    assert_true(peek(&fixture.driver, buffer(0), 8) != 0);
    /* slot 5, pin A: line 1 */
    assert_true(fixture.driver.wires.level[SLOT % PCI_LINES]);
    assert_int_equal(config_get(&fixture, SLOT, 6, 2) & 8, 8);
    config_put(&fixture, 4, 6 | 1 << 10, 2);
    assert_false(fixture.driver.wires.level[SLOT % PCI_LINES]);
    config_put(&fixture, 4, 6, 2);
    assert_true(fixture.driver.wires.level[SLOT % PCI_LINES]);
    uint64_t causes = 0x100000 + structure(&fixture, 3, &cap);
    assert_int_equal(bar_get(&fixture, causes, 1), 1);
    assert_int_equal(bar_get(&fixture, causes, 1), 0); /* reading has cleared it */
    assert_false(fixture.driver.wires.level[SLOT % PCI_LINES]);
    assert_int_equal(config_get(&fixture, SLOT, 6, 2) & 8, 0);
    fixture_free(&fixture);
}

/* Without bus mastering the function does not touch memory. */
static void test_no_work_without_mastering(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    function_open(&fixture);
    config_put(&fixture, 4, 2, 2);
    request_make(&fixture, 0x100000);
    assert_int_equal(used_count(&fixture.driver, 0), 0);
    fixture_free(&fixture);
}

/* Section 4.1.4.9: the BAR through the configuration space, memory switched on or not. */
static void test_way_in_through_configuration(void **state) {
    struct fixture fixture;
    unsigned cap;
    (void)state;
    fixture_init(&fixture);
    structure(&fixture, 5, &cap);
    config_put(&fixture, cap + 8, 0x12, 4);
    config_put(&fixture, cap + 12, 2, 4);
    assert_int_equal(config_get(&fixture, SLOT, cap + 16, 4), 1);
    config_put(&fixture, cap + 8, 0x14, 4);
    config_put(&fixture, cap + 12, 1, 4);
    config_put(&fixture, cap + 16, 3, 4);
    assert_int_equal(config_get(&fixture, SLOT, cap + 16, 4), 3);
    static const uint32_t wrong[][2] = {{0x13, 2}, {0x4000, 1},     {0x3fff, 2},        {0, 3},
                                        {0, 8},    {UINT32_MAX, 1}, {UINT32_MAX - 3, 4}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        config_put(&fixture, cap + 8, wrong[i][0], 4);
        config_put(&fixture, cap + 12, wrong[i][1], 4);
        config_put(&fixture, cap + 16, 0x5a, 4);
        assert_int_equal(config_get(&fixture, SLOT, cap + 16, 4), 0x5a); /* plain bytes */
    }
    fixture_free(&fixture);
}

static void test_reset_takes_all_back(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture);
    uint64_t before = device_state_hash(&pci_ecam_ops, fixture.pci);
    function_open(&fixture);
    request_make(&fixture, 0x100000);
    assert_true(device_state_hash(&pci_ecam_ops, fixture.pci) != before);
    pci_ecam_ops.reset(fixture.pci);
    assert_false(fixture.driver.wires.level[SLOT % PCI_LINES]);
    assert_int_equal(config_get(&fixture, SLOT, 4, 2), 0);
    assert_int_equal(config_get(&fixture, SLOT, 0x10, 4), 0);
    fixture_free(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_is_there),
        cmocka_unit_test(test_bar_tells_its_size),
        cmocka_unit_test(test_bar_answers_where_it_is_mapped),
        cmocka_unit_test(test_virtio_works_through_the_bar),
        cmocka_unit_test(test_no_work_without_mastering),
        cmocka_unit_test(test_way_in_through_configuration),
        cmocka_unit_test(test_reset_takes_all_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
