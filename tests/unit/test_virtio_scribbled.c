/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings, tables and buffers that change while devices read them: another hart writes at random into
 * all of them, all the time. Whatever a device makes of it, it stays within RAM, gives no more than
 * it has taken, comes to an end, and works again after a reset.
 *
 * Threads make no two runs alike; what fails here fails under the sanitizers or by an assertion. */
#include "virtio_test.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "dev/virtio.h"

enum { ROUNDS = 2000, NOTIFICATIONS = 40, SCRIBBLED_BYTES = 0x40000, DISK_BYTES = 1 << 20 };
enum { LATENCY_NS = 1000 };

struct scribbler {
    struct ram *ram;
    bool stop;
    uint64_t random;
};

static uint64_t next(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    return *random ^= *random << 17;
}

/* Mostly fields of descriptors and indices that nearly make sense. */
static void scribble(struct scribbler *scribbler) {
    uint64_t draw = next(&scribbler->random);
    unsigned queue = draw % 4, idx = draw >> 8 & 7, kind = draw >> 16 & 7;
    paddr table = ring(queue, AT_DESCRIPTORS + 16 * idx);
    uint64_t value = next(&scribbler->random);
    switch (kind) {
    case 0:
        ram_store(ram_at(scribbler->ram, table), buffer(value & 15) + (value >> 8 & 0xfff), 8);
        break;
    case 1:
        ram_store(ram_at(scribbler->ram, table), ring(queue, value & 0xffe), 8);
        break;
    case 2:
        ram_store(ram_at(scribbler->ram, table + 8), value & 0x1fff, 4);
        break;
    case 3:
        ram_store(ram_at(scribbler->ram, table + 12), value & 7, 2);
        break;
    case 4:
        ram_store(ram_at(scribbler->ram, table + 14), value & 7, 2);
        break;
    case 5:
        ram_store(ram_at(scribbler->ram, ring(queue, AT_AVAILABLE + 2)), value & 0xff, 2);
        break;
    case 6:
        ram_store(ram_at(scribbler->ram, ring(queue, AT_AVAILABLE + 4 + 2 * idx)), value & 7, 2);
        break;
    default:
        ram_store(ram_at(scribbler->ram, DRIVER_RAM + (value % SCRIBBLED_BYTES & ~7ull)), draw, 8);
    }
}

static void *scribbler_run(void *owner) {
    struct scribbler *scribbler = owner;
    while (!__atomic_load_n(&scribbler->stop, __ATOMIC_RELAXED)) {
        scribble(scribbler);
    }
    return NULL;
}

static void check(const struct virtio *virtio) {
    for (unsigned i = 0; i < virtio->queue_count; i++) {
        const struct virtqueue *queue = &virtio->queues[i];
        uint16_t under_way = (uint16_t)(queue->taken - queue->given);
        assert_true(!queue->ready || under_way <= queue->size + 1);
    }
}

static void attack(struct driver *driver, struct virtio *virtio, size_t (*room)(void *),
                   void (*deliver)(void *, const uint8_t *, size_t), void *inlet) {
    static const uint8_t bytes[FRAME_BYTES_MAX];
    struct scribbler scribbler = {.ram = &driver->bus.ram, .random = 0x9e3779b97f4a7c15};
    pthread_t thread;
    uint64_t steps = 0, features = BIT_VERSION_1 | BIT_INDIRECT | BIT_EVENT_IDX;
    unsigned queues = virtio->queue_count;
    driver_attach(driver, virtio);
    assert_int_equal(pthread_create(&thread, NULL, scribbler_run, &scribbler), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        driver_start(driver, features & (round % 2 == 0 ? features : BIT_VERSION_1), queues);
        for (unsigned i = 0; i < NOTIFICATIONS && !device_broken(driver); i++) {
            unsigned queue = i % queues;
            announce(driver, queue, (uint16_t)(i % QUEUE_ENTRIES));
            notify(driver, queue);
            size_t room_bytes = room == NULL ? 0 : room(inlet);
            if (room_bytes > 0) {
                deliver(inlet, bytes, room_bytes < sizeof bytes ? room_bytes : sizeof bytes);
            }
            check(virtio);
            steps += 100;
            run_to(&driver->sched, 0, steps);
        }
    }
    __atomic_store_n(&scribbler.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    driver_start(driver, features, queues);
    assert_false(device_broken(driver));
    driver_free(driver);
}

static void test_rng(void **state) {
    struct driver driver;
    (void)state;
    driver_init(&driver);
    attack(&driver, virtio_rng_new(&driver.bus.ram, 1), NULL, NULL, NULL);
}

static void test_net(void **state) {
    static const uint8_t mac[6] = {2};
    struct driver driver;
    struct net *net = net_open(NULL, NULL);
    (void)state;
    driver_init(&driver);
    struct virtio *virtio = virtio_net_new(&driver.bus.ram, net, mac);
    attack(&driver, virtio, virtio_net_room, virtio_net_deliver, virtio);
    net_close(net);
}

static void test_console(void **state) {
    struct driver driver;
    struct console *console = console_open("null", NULL);
    (void)state;
    driver_init(&driver);
    struct virtio *virtio = virtio_console_new(&driver.bus.ram, &console, 1);
    attack(&driver, virtio, virtio_port_room, virtio_port_deliver, virtio_console_port(virtio, 0));
    console_close(console);
}

/** A folder for what the test keeps on the host. */
static void folder_make(char folder[64]) {
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, 64, "%.40s/virtio.XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(folder));
}

static void test_blk(void **state) {
    struct driver driver;
    char folder[64], path[80];
    (void)state;
    folder_make(folder);
    snprintf(path, sizeof path, "%s/disk", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), DISK_BYTES), 0);
    fclose(file);
    struct disk *disk = disk_open(&(struct disk_options){.path = path, .persist = true}, NULL);
    assert_non_null(disk);
    driver_init(&driver);
    attack(&driver,
           virtio_blk_new(&driver.bus.ram, &driver.sched,
                          &(struct virtio_blk_options){.disk = disk, .latency_ns = LATENCY_NS}),
           NULL, NULL, NULL);
    assert_true(disk_close(disk, NULL));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_9p(void **state) {
    struct driver driver;
    char folder[64];
    (void)state;
    folder_make(folder);
    struct share *share = share_open(&(struct share_options){.path = folder}, NULL);
    assert_non_null(share);
    driver_init(&driver);
    attack(&driver, virtio_9p_new(&driver.bus.ram, &driver.sched, share, "tag"), NULL, NULL, NULL);
    share_close(share);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rng), cmocka_unit_test(test_net), cmocka_unit_test(test_console),
        cmocka_unit_test(test_blk), cmocka_unit_test(test_9p),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
