/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus: who is where, which accesses pass, and what each device is told. */
#include "dev_test.h"

#include <stdlib.h>

static const paddr RAM_BASE = 0x80000000;

/** A device that remembers what reached it. */
struct probe {
    unsigned reads, writes, resets;
    uint64_t offset, value;
    unsigned size_bytes;
    unsigned *frees;
    uint8_t **reset_log; /* each reset appends the id */
    uint8_t id;
};

static uint64_t probe_read(void *device, uint64_t offset, unsigned size_bytes) {
    struct probe *probe = device;
    probe->reads++;
    probe->offset = offset;
    probe->size_bytes = size_bytes;
    return 0x1122334455667788;
}

static void probe_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    struct probe *probe = device;
    probe->writes++;
    probe->offset = offset;
    probe->value = value;
    probe->size_bytes = size_bytes;
}

static void probe_reset(void *device) {
    struct probe *probe = device;
    probe->resets++;
    if (probe->reset_log != NULL) {
        *(*probe->reset_log)++ = probe->id;
    }
}

static void probe_state(void *device, struct stream *stream) {
    stream_u8(stream, &((struct probe *)device)->id);
}

static void probe_free(void *device) {
    struct probe *probe = device;
    (*probe->frees)++;
    free(probe);
}

static const struct device_ops probe_ops = {
    .name = "probe",
    .read = probe_read,
    .write = probe_write,
    .reset = probe_reset,
    .state = probe_state,
    .free = probe_free,
};

struct fixture {
    struct bus bus;
    unsigned frees;
};

static void fixture_init(struct fixture *fixture) {
    fixture->frees = 0;
    assert_int_equal(bus_init(&fixture->bus, RAM_BASE, 1 << 20, NULL), STATUS_OK);
}

/** @return The device, or NULL when the bus refused it: then it is freed here. */
static struct probe *probe_map(struct fixture *fixture, paddr base, uint64_t size_bytes) {
    struct probe *probe = calloc(1, sizeof *probe);
    assert_non_null(probe);
    probe->frees = &fixture->frees;
    struct region region = {.base = base,
                            .size_bytes = size_bytes,
                            .width_min = 2,
                            .width_max = 4,
                            .ops = &probe_ops,
                            .device = probe};
    if (bus_map(&fixture->bus, &region)) {
        return probe;
    }
    free(probe);
    return NULL;
}

static void test_refuses_overlap(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    assert_non_null(probe_map(&fixture, 0x1000, 0x1000));
    assert_null(probe_map(&fixture, 0x1000, 0x1000));
    assert_null(probe_map(&fixture, 0x1ffc, 8));
    assert_null(probe_map(&fixture, 0xffc, 8));
    assert_null(probe_map(&fixture, 0x1800, 4));
    assert_null(probe_map(&fixture, 0, 0x10000));
    assert_null(probe_map(&fixture, RAM_BASE - 4, 8));
    assert_null(probe_map(&fixture, RAM_BASE + (1 << 20) - 4, 4));
    assert_null(probe_map(&fixture, 0x3000, 0));
    assert_null(probe_map(&fixture, UINT64_MAX - 7, 16));
    assert_non_null(probe_map(&fixture, UINT64_MAX - 7, 8));
    assert_non_null(probe_map(&fixture, 0xff8, 8));
    assert_non_null(probe_map(&fixture, 0x2000, 8));
    assert_non_null(probe_map(&fixture, RAM_BASE - 8, 8));
    assert_non_null(probe_map(&fixture, RAM_BASE + (1 << 20), 8));
    assert_non_null(probe_map(&fixture, 0x5000, 0xd));
    assert_null(probe_map(&fixture, 0x500c, 4)); /* one byte in common */
    assert_null(probe_map(&fixture, 0x4ffc, 5));
    assert_int_equal(fixture.bus.region_count, 7);
    bus_free(&fixture.bus);
    assert_int_equal(fixture.frees, 7);
}

static void test_finds_regions_in_any_order_of_mapping(void **state) {
    (void)state;
    struct fixture fixture;
    struct probe *probes[BUS_REGIONS_MAX];
    fixture_init(&fixture);
    for (unsigned i = 0; i < BUS_REGIONS_MAX; i++) {
        unsigned place = i * 37 % BUS_REGIONS_MAX; /* each place once */
        probes[place] = probe_map(&fixture, 0x1000 * (place + 1), 0x10);
        assert_non_null(probes[place]);
    }
    assert_null(probe_map(&fixture, 0x100000, 0x10));
    for (unsigned i = 0; i < BUS_REGIONS_MAX; i++) {
        paddr base = 0x1000 * (i + 1);
        assert_ptr_equal(bus_region(&fixture.bus, base)->device, probes[i]);
        assert_ptr_equal(bus_region(&fixture.bus, base + 0xf)->device, probes[i]);
        assert_null(bus_region(&fixture.bus, base + 0x10));
        assert_null(bus_region(&fixture.bus, base - 1));
    }
    assert_null(bus_region(&fixture.bus, 0));
    assert_null(bus_region(&fixture.bus, UINT64_MAX));
    assert_null(bus_region(&fixture.bus, RAM_BASE));
    bus_free(&fixture.bus);
}

static void test_width_rule(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    struct probe *probe = probe_map(&fixture, 0x1000, 0x16);
    uint64_t value = 0;
    for (unsigned offset = 0; offset < 0x20; offset++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            bool passes = size >= 2 && size <= 4 && offset % size == 0 && offset + size <= 0x16;
            unsigned before = probe->reads + probe->writes;
            assert_int_equal(bus_read(&fixture.bus, 0x1000 + offset, size, &value), passes);
            assert_int_equal(bus_write(&fixture.bus, 0x1000 + offset, size, offset), passes);
            assert_int_equal(probe->reads + probe->writes - before, passes ? 2 : 0);
            if (passes) {
                assert_int_equal(probe->offset, offset);
                assert_int_equal(probe->value, offset);
                assert_int_equal(probe->size_bytes, size);
                assert_int_equal(value, 0x1122334455667788);
            }
        }
    }
    assert_false(bus_read(&fixture.bus, RAM_BASE, 4, &value));
    assert_false(bus_write(&fixture.bus, 0x5000, 4, 0));
    bus_free(&fixture.bus);
}

struct spans {
    const struct probe *probe;
    unsigned count;
    unsigned accesses[8]; /* that the device had seen at each mark */
    bool enters[8];
};

static void span_marked(void *owner, bool enters) {
    struct spans *spans = owner;
    assert_true(spans->count < 8);
    spans->enters[spans->count] = enters;
    spans->accesses[spans->count++] = spans->probe->reads + spans->probe->writes;
}

static void test_spans_enclose_accesses(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    struct spans spans = {.probe = probe_map(&fixture, 0x1000, 0x10)};
    uint64_t value;
    fixture.bus.span = span_marked;
    fixture.bus.span_owner = &spans;
    assert_true(bus_read(&fixture.bus, 0x1000, 4, &value));
    assert_true(bus_write(&fixture.bus, 0x1004, 4, 1));
    assert_false(bus_write(&fixture.bus, 0x1004, 8, 1));
    assert_int_equal(spans.count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(spans.enters[i], i % 2 == 0);
        assert_int_equal(spans.accesses[i], (i + 1) / 2);
    }
    bus_free(&fixture.bus);
}

static void test_reset_and_state_go_in_address_order(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    uint8_t log[4] = {0};
    uint8_t *log_end = log;
    static const paddr bases[] = {0x3000, 0x1000, 0x4000, 0x2000};
    for (unsigned i = 0; i < 4; i++) {
        struct probe *probe = probe_map(&fixture, bases[i], 0x10);
        probe->reset_log = &log_end;
        probe->id = (uint8_t)(bases[i] >> 12);
    }
    bus_reset(&fixture.bus);
    static const uint8_t order[] = {1, 2, 3, 4};
    assert_memory_equal(log, order, 4);

    struct state_hash expected = {0}, walked = {0};
    struct stream expect_stream = {.put = state_hash_put, .owner = &expected};
    struct stream walk_stream = {.put = state_hash_put, .owner = &walked};
    for (uint8_t id = 1; id <= 4; id++) {
        uint64_t base = (uint64_t)id << 12;
        stream_u64(&expect_stream, &base);
        stream_u8(&expect_stream, &id);
    }
    bus_state(&fixture.bus, &walk_stream);
    assert_int_equal(walked.value, expected.value);
    assert_int_equal(walked.size_bytes, expected.size_bytes);
    bus_free(&fixture.bus);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_overlap),
        cmocka_unit_test(test_finds_regions_in_any_order_of_mapping),
        cmocka_unit_test(test_width_rule),
        cmocka_unit_test(test_spans_enclose_accesses),
        cmocka_unit_test(test_reset_and_state_go_in_address_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
