/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 9P device: its tag, messages through a queue, what breaks it, its reset. What the messages
 * do is test_share.c's. */
#include "virtio_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint8_t version[] = {21, 0, 0,   0,   100, 255, 255, 0,   32,  0,  0,
                                  8,  0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
enum { RVERSION = 101, RLERROR = 7, MESSAGE_BYTES = 21 };

struct fixture {
    struct driver driver;
    struct share *share;
    char folder[64];
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *tmp = getenv("TMPDIR");
    snprintf(fixture->folder, sizeof fixture->folder, "%s/share.XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(fixture->folder));
    fixture->share = share_open(&(struct share_options){.path = fixture->folder}, NULL);
    assert_non_null(fixture->share);
    driver_init(&fixture->driver);
    driver_attach(&fixture->driver, virtio_9p_new(&fixture->driver.bus.ram, &fixture->driver.sched,
                                                  fixture->share, "source"));
    driver_start(&fixture->driver, BIT_VERSION_1 | BIT_INDIRECT, 1);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    driver_free(&fixture->driver);
    share_close(fixture->share);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static void put(struct driver *driver, paddr at, const uint8_t *bytes, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++) {
        poke(driver, at + i, bytes[i], 1);
    }
}

/** Sends @p size_bytes of buffer 0, with room for the reply in buffer 1. */
static void send(struct driver *driver, uint32_t size_bytes, uint32_t room_bytes) {
    desc_put(driver, 0, 0, (struct desc){buffer(0), size_bytes, DESC_NEXT, 1});
    desc_put(driver, 0, 1, (struct desc){buffer(1), room_bytes, DESC_WRITE, 0});
    announce(driver, 0, 0);
    notify(driver, 0);
}

static void test_says_its_tag(void **state) {
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    assert_int_equal(reg_get(driver, 0x008), 9);
    assert_int_equal(driver_offered(driver) & 1, 1);
    assert_int_equal(virtio_mmio_ops.read(driver->mmio, REG_CONFIG, 2), 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(virtio_mmio_ops.read(driver->mmio, REG_CONFIG + 2 + i, 1), "source"[i]);
    }
    assert_int_equal(virtio_mmio_ops.read(driver->mmio, REG_CONFIG + 8, 1), 0);
    virtio_mmio_ops.write(driver->mmio, REG_CONFIG + 2, 'x', 1);
    assert_int_equal(virtio_mmio_ops.read(driver->mmio, REG_CONFIG + 2, 1), 's');
}

static void test_answers(void **state) {
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    put(driver, buffer(0), version, sizeof version);
    send(driver, sizeof version, 4096);
    assert_int_equal(used_count(driver, 0), 1);
    assert_int_equal(used_bytes(driver, 0, 0), MESSAGE_BYTES);
    assert_int_equal(peek(driver, buffer(1), 4), MESSAGE_BYTES);
    assert_int_equal(peek(driver, buffer(1) + 4, 1), RVERSION);
    assert_int_equal(peek(driver, buffer(1) + 7, 4), 8192);
    assert_int_equal(peek(driver, buffer(1) + MESSAGE_BYTES, 8), 0); /* nothing behind it */
    assert_int_equal(reg_get(driver, REG_CAUSES), 1);
}

/* In pieces both ways, through an indirect table. */
static void test_answers_in_pieces(void **state) {
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    unsigned parts = 0;
    for (unsigned i = 0; i < sizeof version; i++, parts++) {
        poke(driver, buffer(2) + 16 * i, version[i], 1);
        desc_write(driver, buffer(4), parts,
                   (struct desc){buffer(2) + 16 * i, 1, DESC_NEXT, (uint16_t)(parts + 1)});
    }
    for (unsigned i = 0; i < MESSAGE_BYTES; i++, parts++) {
        uint16_t flags = i + 1 < MESSAGE_BYTES ? DESC_WRITE | DESC_NEXT : DESC_WRITE;
        desc_write(driver, buffer(4), parts,
                   (struct desc){buffer(3) + 16 * i, 1, flags, (uint16_t)(parts + 1)});
    }
    desc_put(driver, 0, 0, (struct desc){buffer(4), 16 * parts, DESC_INDIRECT, 0});
    announce(driver, 0, 0);
    notify(driver, 0);
    assert_int_equal(used_bytes(driver, 0, 0), MESSAGE_BYTES);
    static const uint8_t reply[MESSAGE_BYTES] = {21, 0, 0, 0, 101, 255, 255, 0, 32, 0, 0};
    for (unsigned i = 0; i < 11; i++) {
        assert_int_equal(peek(driver, buffer(3) + 16 * i, 1), reply[i]);
    }
}

static void test_bad_message_is_answered(void **state) {
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    static const uint8_t bad[] = {200, 0, 0, 0, 100, 9, 0};
    put(driver, buffer(0), bad, sizeof bad);
    send(driver, sizeof bad, 11);
    assert_int_equal(used_bytes(driver, 0, 0), 11);
    assert_int_equal(peek(driver, buffer(1) + 4, 1), RLERROR);
    assert_false(device_broken(driver));
}

static void test_no_header_breaks_and_reset_mends(void **state) {
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    static const uint32_t sizes[][2] = {{6, 4096}, {0, 4096}, {MESSAGE_BYTES, 10}};
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        put(driver, buffer(0), version, sizeof version);
        send(driver, sizes[i][0], sizes[i][1]);
        assert_true(device_broken(driver));
        assert_int_equal(used_count(driver, 0), 0);
        driver_start(driver, BIT_VERSION_1, 1);
        send(driver, sizeof version, 4096);
        assert_false(device_broken(driver));
        assert_int_equal(used_count(driver, 0), 1);
        driver_start(driver, BIT_VERSION_1, 1);
    }
}

static void test_reset_ends_the_session(void **state) {
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    static const uint8_t attach[] = {23,  0,   0,   0, 104, 1, 0, 0, 0, 0, 0, 255,
                                     255, 255, 255, 0, 0,   0, 0, 0, 0, 0, 0};
    for (unsigned session = 0; session < 2; session++) {
        put(driver, buffer(0), attach, sizeof attach);
        send(driver, sizeof attach, 4096);
        assert_int_equal(peek(driver, buffer(1) + 4, 1), RLERROR); /* no Tversion yet */
        put(driver, buffer(0), version, sizeof version);
        send(driver, sizeof version, 4096);
        put(driver, buffer(0), attach, sizeof attach);
        send(driver, sizeof attach, 4096);
        assert_int_equal(peek(driver, buffer(1) + 4, 1), 105);
        driver_start(driver, BIT_VERSION_1, 1);
    }
}

/* A chain that feeds itself: what is read from a file goes to the ring's index and to the offset of
 * the next read. However long the file, each instruction and each deadline has an end. */
static void test_requests_without_end(void **state) {
    enum { RECORDS = 500, RECORD_BYTES = 10, BATCH = 64, PAUSE_STEPS = 20000 / STEP_NS };
    struct fixture *fixture = *state;
    struct driver *driver = &fixture->driver;
    static const uint8_t attach[] = {23,  0,   0,   0, 104, 1, 0, 0, 0, 0, 0, 255,
                                     255, 255, 255, 0, 0,   0, 0, 0, 0, 0, 0};
    static const uint8_t walk[] = {20, 0, 0, 0, 110, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 'f'};
    static const uint8_t open[] = {15, 0, 0, 0, 12, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t read[] = {23, 0, 0, 0, 116, 1, 0, 1,  0, 0, 0, 0,
                                   0,  0, 0, 0, 0,   0, 0, 10, 0, 0, 0};
    static const struct {
        const uint8_t *bytes;
        uint32_t size_bytes;
    } first[] = {{version, sizeof version}, {attach, sizeof attach}, {walk, 20}, {open, 15}};
    char path[80];
    snprintf(path, sizeof path, "%s/f", fixture->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (uint64_t i = 0; i < RECORDS; i++) {
        /* The index after this read, and where the next one is. */
        uint16_t idx = (uint16_t)(COUNT(first) + (i + 1 < RECORDS ? i + 2 : i + 1));
        uint64_t next = (i + 1) * RECORD_BYTES;
        fwrite(&idx, sizeof idx, 1, file);
        fwrite(&next, sizeof next, 1, file);
    }
    fclose(file);
    for (size_t i = 0; i < COUNT(first); i++) {
        put(driver, buffer(0), first[i].bytes, first[i].size_bytes);
        send(driver, first[i].size_bytes, 4096);
        assert_int_equal(peek(driver, buffer(1) + 4, 1), first[i].bytes[4] + 1);
    }
    paddr idx_at = ring(0, AT_AVAILABLE) + 2;
    put(driver, buffer(0), read, sizeof read);
    desc_put(driver, 0, 0, (struct desc){buffer(0), sizeof read, DESC_NEXT, 1});
    desc_put(driver, 0, 1, (struct desc){buffer(1), 11, DESC_NEXT | DESC_WRITE, 2});
    desc_put(driver, 0, 2, (struct desc){idx_at, 2, DESC_NEXT | DESC_WRITE, 3});
    desc_put(driver, 0, 3, (struct desc){buffer(0) + 11, 8, DESC_WRITE, 0});
    announce(driver, 0, 0);
    notify(driver, 0);
    unsigned done = COUNT(first) + BATCH;
    assert_int_equal(used_count(driver, 0), done);
    for (uint64_t steps = PAUSE_STEPS; done < RECORDS; steps += PAUSE_STEPS) {
        notify(driver, 0); /* changes nothing in a pause */
        assert_int_equal(used_count(driver, 0), done);
        run_to(&driver->sched, 0, steps);
        assert_true(used_count(driver, 0) == done + BATCH ||
                    used_count(driver, 0) == RECORDS + COUNT(first));
        done = used_count(driver, 0);
    }
    assert_int_equal(done, RECORDS + COUNT(first));
    assert_false(device_broken(driver));
    assert_int_equal(unlink(path), 0);
}

#define p9_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        p9_test(test_says_its_tag),
        p9_test(test_answers),
        p9_test(test_answers_in_pieces),
        p9_test(test_bad_message_is_answered),
        p9_test(test_no_header_breaks_and_reset_mends),
        p9_test(test_reset_ends_the_session),
        p9_test(test_requests_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
