/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk as its driver sees it: what requests do, and when they complete. */
#include <unistd.h>

#include "virtio_test.h"

enum { SECTORS = 1024, LATENCY_NS = 20000, LATENCY_STEPS = LATENCY_NS / STEP_NS };
enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK = 0, IO_ERROR = 1, UNSUPPORTED = 2, NONE = 0xee };

struct fixture {
    struct driver driver;
    struct disk *disk;
};

/** An image whose sectors each hold their number in every byte. */
static void image_make(char *path) {
    uint8_t sector[SECTOR_BYTES];
    int file = mkstemp(path);
    assert_true(file >= 0);
    for (unsigned i = 0; i < SECTORS; i++) {
        memset(sector, (int)(i & 0xff), sizeof sector);
        assert_int_equal(write(file, sector, sizeof sector), sizeof sector);
    }
    close(file);
}

static void fixture_init(struct fixture *fixture, bool read_only) {
    char path[] = "/tmp/sandglass-blk-XXXXXX";
    struct error error;
    image_make(path);
    driver_init(&fixture->driver);
    fixture->disk = disk_open(&(struct disk_options){.path = path, .read_only = read_only}, &error);
    assert_non_null(fixture->disk);
    unlink(path);
    struct virtio_blk_options options = {
        .disk = fixture->disk, .latency_ns = LATENCY_NS, .serial = "twenty characters and more"};
    driver_attach(&fixture->driver,
                  virtio_blk_new(&fixture->driver.bus.ram, &fixture->driver.sched, &options));
    driver_start(&fixture->driver, BIT_VERSION_1, 1);
}

static void fixture_free(struct fixture *fixture) {
    struct error error;
    driver_free(&fixture->driver);
    assert_true(disk_close(fixture->disk, &error));
}

/** A request: its header in buffer 3n, its data in 3n + 1, its status in 3n + 2. */
struct ask {
    uint32_t type;
    uint64_t sector;
    uint32_t size_bytes; /* of the data; 0: none */
    bool writable;       /* the device writes the data */
};

static paddr status_at(unsigned n) {
    return buffer(3 * n + 2);
}

static void ask(struct fixture *fixture, unsigned n, struct ask ask) {
    struct driver *driver = &fixture->driver;
    uint16_t first = (uint16_t)(n == 0 ? 0 : 4); /* room for two at once */
    poke(driver, buffer(3 * n), ask.type, 4);
    poke(driver, buffer(3 * n) + 8, ask.sector, 8);
    poke(driver, status_at(n), NONE, 1);
    uint16_t next = (uint16_t)(first + (ask.size_bytes == 0 ? 2 : 1));
    desc_put(driver, 0, first, (struct desc){buffer(3 * n), 16, DESC_NEXT, next});
    desc_put(driver, 0, first + 1u,
             (struct desc){buffer(3 * n + 1), ask.size_bytes,
                           (uint16_t)(DESC_NEXT | (ask.writable ? DESC_WRITE : 0)),
                           (uint16_t)(first + 2)});
    desc_put(driver, 0, first + 2u, (struct desc){status_at(n), 1, DESC_WRITE, 0});
    announce(driver, 0, first);
    notify(driver, 0);
}

static void run_on(struct fixture *fixture, uint64_t steps) {
    struct sched *sched = &fixture->driver.sched;
    run_to(sched, 0, sched->vcpus[0].clock.steps + steps);
}

static unsigned status_of(struct fixture *fixture, unsigned n) {
    return (unsigned)peek(&fixture->driver, status_at(n), 1);
}

/** Asks, waits, and tells the status. */
static unsigned answer(struct fixture *fixture, struct ask what) {
    ask(fixture, 0, what);
    run_on(fixture, LATENCY_STEPS);
    return status_of(fixture, 0);
}

static void test_says_how_large_it_is(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, false);
    assert_int_equal(reg_get(&fixture.driver, 0x008), 2);
    assert_int_equal(reg_get(&fixture.driver, REG_CONFIG), SECTORS);
    assert_int_equal(reg_get(&fixture.driver, REG_CONFIG + 12), 254);
    assert_int_equal(reg_get(&fixture.driver, REG_CONFIG + 20), SECTOR_BYTES);
    assert_int_equal(driver_offered(&fixture.driver) & 0x6620, 0x6200 | 0x400);
    fixture_free(&fixture);
    fixture_init(&fixture, true);
    assert_int_equal(driver_offered(&fixture.driver) & 0x6020, 0x20);
    fixture_free(&fixture);
}

/* Not a step before the latency has passed, and then at once. */
static void test_completes_at_its_step(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, false);
    ask(&fixture, 0, (struct ask){IN, 7, 512, true});
    run_on(&fixture, 100);
    ask(&fixture, 1, (struct ask){IN, 9, 512, true});
    run_on(&fixture, LATENCY_STEPS - 101);
    assert_int_equal(used_count(&fixture.driver, 0), 0);
    assert_false(fixture.driver.wires.level[0]);
    run_on(&fixture, 1);
    assert_int_equal(used_count(&fixture.driver, 0), 1);
    assert_true(fixture.driver.wires.level[0]);
    assert_int_equal(used_bytes(&fixture.driver, 0, 0), 513);
    assert_int_equal(status_of(&fixture, 0), OK);
    assert_int_equal(status_of(&fixture, 1), NONE);
    assert_int_equal(peek(&fixture.driver, buffer(1), 8), 0x0707070707070707);
    run_on(&fixture, 99);
    assert_int_equal(used_count(&fixture.driver, 0), 1);
    run_on(&fixture, 1);
    assert_int_equal(used_head(&fixture.driver, 0, 1), 4);
    assert_int_equal(peek(&fixture.driver, buffer(4), 8), 0x0909090909090909);
    fixture_free(&fixture);
}

static void test_keeps_what_is_written(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, false);
    for (unsigned i = 0; i < 1024; i += 8) {
        poke(&fixture.driver, buffer(1) + i, 0x1122334455667788 + i, 8);
    }
    assert_int_equal(answer(&fixture, (struct ask){OUT, 100, 1024, false}), OK);
    assert_int_equal(used_bytes(&fixture.driver, 0, 0), 1);
    assert_int_equal(answer(&fixture, (struct ask){FLUSH, 0, 0, false}), OK);
    assert_int_equal(answer(&fixture, (struct ask){IN, 99, 4 * 512, true}), OK);
    assert_int_equal(peek(&fixture.driver, buffer(1) + 511, 1), 99);
    assert_true(peek(&fixture.driver, buffer(1) + 512, 8) == 0x1122334455667788);
    assert_true(peek(&fixture.driver, buffer(1) + 512 + 1016, 8) == 0x1122334455667788 + 1016);
    assert_int_equal(peek(&fixture.driver, buffer(1) + 3 * 512, 1), 102);
    fixture_free(&fixture);
}

static void test_zeroes_and_discards(void **state) {
    static const uint32_t types[] = {DISCARD, WRITE_ZEROES};
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, false);
    for (unsigned i = 0; i < 2; i++) {
        paddr range = buffer(1);
        poke(&fixture.driver, range, 50 + 20 * i, 8);
        poke(&fixture.driver, range + 8, 3, 4);
        poke(&fixture.driver, range + 12, i, 4);
        assert_int_equal(answer(&fixture, (struct ask){types[i], 0, 16, false}), OK);
        assert_int_equal(answer(&fixture, (struct ask){IN, 49 + 20 * i, 5 * 512, true}), OK);
        assert_int_equal(peek(&fixture.driver, range, 1), 49 + 20 * i);
        for (unsigned at = 512; at < 4 * 512; at += 8) {
            assert_int_equal(peek(&fixture.driver, range + at, 8), 0);
        }
        assert_int_equal(peek(&fixture.driver, range + 4 * 512, 1), 53 + 20 * i);
    }
    poke(&fixture.driver, buffer(1), 0, 8);
    poke(&fixture.driver, buffer(1) + 8, 1, 4);
    poke(&fixture.driver, buffer(1) + 12, 1, 4); /* a flag that discards don't have */
    assert_int_equal(answer(&fixture, (struct ask){DISCARD, 0, 16, false}), UNSUPPORTED);
    poke(&fixture.driver, buffer(1) + 12, 0, 4);
    poke(&fixture.driver, buffer(1) + 8, SECTORS + 1, 4);
    assert_int_equal(answer(&fixture, (struct ask){DISCARD, 0, 16, false}), IO_ERROR);
    assert_int_equal(answer(&fixture, (struct ask){DISCARD, 0, 20, false}), IO_ERROR);
    fixture_free(&fixture);
}

static void test_tells_its_serial_number(void **state) {
    char serial[21] = {0};
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, false);
    assert_int_equal(answer(&fixture, (struct ask){GET_ID, 0, 20, true}), OK);
    assert_true(ram_read(&fixture.driver.bus.ram, buffer(1), serial, 20));
    assert_string_equal(serial, "twenty characters an");
    fixture_free(&fixture);
}

/* Each is answered, and the disk goes on. */
static void test_answers_what_cannot_be(void **state) {
    static const struct {
        struct ask ask;
        unsigned status;
    } rows[] = {
        {{IN, SECTORS, 512, true}, IO_ERROR},    {{IN, SECTORS - 1, 1024, true}, IO_ERROR},
        {{IN, UINT64_MAX, 512, true}, IO_ERROR}, {{IN, UINT64_MAX / 512, 512, true}, IO_ERROR},
        {{IN, 0, 511, true}, IO_ERROR},          {{OUT, SECTORS, 512, false}, IO_ERROR},
        {{OUT, 0, 100, false}, IO_ERROR},        {{77, 0, 512, true}, UNSUPPORTED},
        {{IN, SECTORS - 1, 512, true}, OK},
    };
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, false);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(answer(&fixture, rows[i].ask), rows[i].status);
        assert_false(device_broken(&fixture.driver));
    }
    fixture_free(&fixture);
    fixture_init(&fixture, true);
    assert_int_equal(answer(&fixture, (struct ask){OUT, 0, 512, false}), IO_ERROR);
    assert_int_equal(answer(&fixture, (struct ask){WRITE_ZEROES, 0, 16, false}), IO_ERROR);
    fixture_free(&fixture);
}

/* No header, no status, more requests than descriptors: no driver of disks does that. */
static void test_breaks_where_it_is_no_request(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, false);
    struct driver *driver = &fixture.driver;
    desc_put(driver, 0, 0, (struct desc){buffer(0), 15, DESC_NEXT, 1});
    desc_put(driver, 0, 1, (struct desc){buffer(1), 1, DESC_WRITE, 0});
    announce(driver, 0, 0);
    notify(driver, 0);
    run_on(&fixture, LATENCY_STEPS);
    assert_true(device_broken(driver));
    driver_start(driver, BIT_VERSION_1, 1);
    desc_put(driver, 0, 0, (struct desc){buffer(0), 16, 0, 0});
    announce(driver, 0, 0);
    notify(driver, 0);
    run_on(&fixture, LATENCY_STEPS);
    assert_true(device_broken(driver));
    driver_start(driver, BIT_VERSION_1, 1);
    for (unsigned i = 0; i <= QUEUE_ENTRIES; i++) {
        assert_false(device_broken(driver));
        ask(&fixture, 0, (struct ask){IN, 0, 512, true});
    }
    assert_true(device_broken(driver));
    run_on(&fixture, 2 * LATENCY_STEPS);
    assert_int_equal(used_count(driver, 0), 0);
    driver_start(driver, BIT_VERSION_1, 1);
    assert_int_equal(answer(&fixture, (struct ask){IN, 3, 512, true}), OK);
    fixture_free(&fixture);
}

/* What was under way is forgotten by a reset, and by a queue that is put to rest. */
static void test_reset_forgets_requests(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, false);
    ask(&fixture, 0, (struct ask){IN, 7, 512, true});
    driver_start(&fixture.driver, BIT_VERSION_1, 1);
    run_on(&fixture, 2 * LATENCY_STEPS);
    assert_int_equal(status_of(&fixture, 0), NONE);
    assert_int_equal(used_count(&fixture.driver, 0), 0);
    ask(&fixture, 0, (struct ask){IN, 7, 512, true});
    reg_put(&fixture.driver, REG_QUEUE_SEL, 0);
    reg_put(&fixture.driver, REG_QUEUE_READY, 0);
    reg_put(&fixture.driver, REG_USED, 0); /* outside RAM: nothing may be written there */
    run_on(&fixture, 2 * LATENCY_STEPS);
    assert_int_equal(status_of(&fixture, 0), NONE);
    driver_start(&fixture.driver, BIT_VERSION_1, 1);
    ask(&fixture, 0, (struct ask){IN, 7, 512, true});
    reg_put(&fixture.driver, REG_QUEUE_READY, 0);
    reg_put(&fixture.driver, REG_QUEUE_READY, 1);
    run_on(&fixture, 2 * LATENCY_STEPS);
    assert_int_equal(status_of(&fixture, 0), NONE);
    assert_int_equal(used_count(&fixture.driver, 0), 0);
    fixture_free(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_how_large_it_is),
        cmocka_unit_test(test_completes_at_its_step),
        cmocka_unit_test(test_keeps_what_is_written),
        cmocka_unit_test(test_zeroes_and_discards),
        cmocka_unit_test(test_tells_its_serial_number),
        cmocka_unit_test(test_answers_what_cannot_be),
        cmocka_unit_test(test_breaks_where_it_is_no_request),
        cmocka_unit_test(test_reset_forgets_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
