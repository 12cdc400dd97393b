/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A driver for tests of virtio devices: it lays rings into a small RAM and talks through MMIO. */
#ifndef TESTS_UNIT_VIRTIO_TEST_H
#define TESTS_UNIT_VIRTIO_TEST_H

#include "dev_test.h"

#define DRIVER_RAM ((paddr)0x80000000)
enum {
    DRIVER_RAM_BYTES = 1 << 20,
    QUEUE_ENTRIES = 8,
    QUEUE_STRIDE = 0x1000, /* rings of queue n at n times that */
    AT_DESCRIPTORS = 0x000,
    AT_AVAILABLE = 0x400,
    AT_USED = 0x800,
    AT_BUFFERS = 0x20000
};

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

#define BIT_INDIRECT ((uint64_t)1 << 28)
#define BIT_EVENT_IDX ((uint64_t)1 << 29)
#define BIT_VERSION_1 ((uint64_t)1 << 32)

/** Registers of virtio over MMIO. */
enum {
    REG_DEVICE_FEATURES = 0x10,
    REG_DEVICE_FEATURES_SEL = 0x14,
    REG_DRIVER_FEATURES = 0x20,
    REG_DRIVER_FEATURES_SEL = 0x24,
    REG_QUEUE_SEL = 0x30,
    REG_QUEUE_SIZE_MAX = 0x34,
    REG_QUEUE_SIZE = 0x38,
    REG_QUEUE_READY = 0x44,
    REG_NOTIFY = 0x50,
    REG_CAUSES = 0x60,
    REG_ACK = 0x64,
    REG_STATUS = 0x70,
    REG_DESCRIPTORS = 0x80,
    REG_AVAILABLE = 0x90,
    REG_USED = 0xa0,
    REG_CONFIG = 0x100
};

enum { STATUS_ALL = 15, STATUS_NEEDS_RESET = 64 };

struct driver {
    struct bus bus;
    struct sched sched;
    struct wires wires;
    void *mmio;
    uint16_t available[12]; /* by queue: what the driver has announced */
};

static inline paddr ring(unsigned queue, unsigned at) {
    return DRIVER_RAM + (paddr)queue * QUEUE_STRIDE + at;
}

static inline paddr buffer(unsigned idx) {
    return DRIVER_RAM + AT_BUFFERS + (paddr)idx * 0x1000;
}

static inline void poke(struct driver *driver, paddr at, uint64_t value, unsigned size_bytes) {
    assert_true(ram_write(&driver->bus.ram, at, &value, size_bytes));
}

static inline uint64_t peek(const struct driver *driver, paddr at, unsigned size_bytes) {
    uint64_t value = 0;
    assert_true(ram_read(&driver->bus.ram, at, &value, size_bytes));
    return value;
}

static inline uint32_t reg_get(const struct driver *driver, uint64_t offset) {
    return (uint32_t)virtio_mmio_ops.read(driver->mmio, offset, 4);
}

static inline void reg_put(const struct driver *driver, uint64_t offset, uint64_t value) {
    virtio_mmio_ops.write(driver->mmio, offset, (uint32_t)value, 4);
}

/** RAM and a schedule, for the device to be made of. */
static inline void driver_init(struct driver *driver) {
    memset(driver, 0, sizeof *driver);
    sched_start(&driver->sched, 1, 100000);
    assert_int_equal(bus_init(&driver->bus, DRIVER_RAM, DRIVER_RAM_BYTES, NULL), STATUS_OK);
    run_to(&driver->sched, 0, 0);
}

static inline void driver_attach(struct driver *driver, struct virtio *virtio) {
    assert_non_null(virtio);
    driver->mmio = virtio_mmio_new(wire(&driver->wires, 0), virtio);
    assert_non_null(driver->mmio);
    virtio_mmio_ops.reset(driver->mmio);
}

static inline void driver_free(struct driver *driver) {
    virtio_mmio_ops.free(driver->mmio);
    bus_free(&driver->bus);
    sched_free(&driver->sched);
}

static inline uint64_t driver_offered(const struct driver *driver) {
    reg_put(driver, REG_DEVICE_FEATURES_SEL, 1);
    uint64_t offered = (uint64_t)reg_get(driver, REG_DEVICE_FEATURES) << 32;
    reg_put(driver, REG_DEVICE_FEATURES_SEL, 0);
    return offered | reg_get(driver, REG_DEVICE_FEATURES);
}

static inline void queue_place(struct driver *driver, unsigned queue, uint32_t entries) {
    reg_put(driver, REG_QUEUE_SEL, queue);
    reg_put(driver, REG_QUEUE_SIZE, entries);
    reg_put(driver, REG_DESCRIPTORS, ring(queue, AT_DESCRIPTORS));
    reg_put(driver, REG_AVAILABLE, ring(queue, AT_AVAILABLE));
    reg_put(driver, REG_USED, ring(queue, AT_USED));
    reg_put(driver, REG_DESCRIPTORS + 4, 0);
    reg_put(driver, REG_AVAILABLE + 4, 0);
    reg_put(driver, REG_USED + 4, 0);
}

/** From reset to a working device with empty queues, as section 3.1 tells. */
static inline void driver_start(struct driver *driver, uint64_t features, unsigned queues) {
    reg_put(driver, REG_STATUS, 0);
    reg_put(driver, REG_STATUS, 1);
    reg_put(driver, REG_STATUS, 3);
    reg_put(driver, REG_DRIVER_FEATURES_SEL, 0);
    reg_put(driver, REG_DRIVER_FEATURES, features);
    reg_put(driver, REG_DRIVER_FEATURES_SEL, 1);
    reg_put(driver, REG_DRIVER_FEATURES, features >> 32);
    reg_put(driver, REG_STATUS, 11);
    assert_int_equal(reg_get(driver, REG_STATUS), 11);
    for (unsigned queue = 0; queue < queues; queue++) {
        for (unsigned at = 0; at < QUEUE_STRIDE; at += 8) {
            poke(driver, ring(queue, at), 0, 8);
        }
        queue_place(driver, queue, QUEUE_ENTRIES);
        reg_put(driver, REG_QUEUE_READY, 1);
        assert_int_equal(reg_get(driver, REG_QUEUE_READY), 1);
        driver->available[queue] = 0;
    }
    reg_put(driver, REG_STATUS, STATUS_ALL);
    assert_int_equal(reg_get(driver, REG_STATUS), STATUS_ALL);
}

static inline bool device_broken(const struct driver *driver) {
    return (reg_get(driver, REG_STATUS) & STATUS_NEEDS_RESET) != 0;
}

/** A descriptor. */
struct desc {
    paddr address;
    uint32_t size_bytes;
    uint16_t flags, next;
};

static inline void desc_write(struct driver *driver, paddr table, unsigned idx, struct desc desc) {
    poke(driver, table + 16 * idx, desc.address, 8);
    poke(driver, table + 16 * idx + 8, desc.size_bytes, 4);
    poke(driver, table + 16 * idx + 12, desc.flags, 2);
    poke(driver, table + 16 * idx + 14, desc.next, 2);
}

static inline void desc_put(struct driver *driver, unsigned queue, unsigned idx, struct desc desc) {
    desc_write(driver, ring(queue, AT_DESCRIPTORS), idx, desc);
}

/** Announces a chain, without telling the device. */
static inline void announce(struct driver *driver, unsigned queue, uint16_t head) {
    unsigned entry = driver->available[queue]++ % QUEUE_ENTRIES;
    poke(driver, ring(queue, AT_AVAILABLE) + 4 + 2 * entry, head, 2);
    poke(driver, ring(queue, AT_AVAILABLE) + 2, driver->available[queue], 2);
}

static inline void notify(struct driver *driver, unsigned queue) {
    reg_put(driver, REG_NOTIFY, queue);
}

static inline uint16_t used_count(const struct driver *driver, unsigned queue) {
    return (uint16_t)peek(driver, ring(queue, AT_USED) + 2, 2);
}

static inline uint32_t used_head(const struct driver *driver, unsigned queue, unsigned idx) {
    return (uint32_t)peek(driver, ring(queue, AT_USED) + 4 + 8 * (idx % QUEUE_ENTRIES), 4);
}

static inline uint32_t used_bytes(const struct driver *driver, unsigned queue, unsigned idx) {
    return (uint32_t)peek(driver, ring(queue, AT_USED) + 8 + 8 * (idx % QUEUE_ENTRIES), 4);
}

#endif
