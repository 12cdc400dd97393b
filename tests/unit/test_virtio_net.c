/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network card: frames that a driver puts into its queues, and a network of user mode behind
 * it, whose router drops what has a wrong checksum. */
#include "net_test.h"
#include "virtio_test.h"

enum { RECEIVE, TRANSMIT, QUEUES };
enum { BIT_CHECKSUM = 1 << 0, BIT_MTU = 1 << 3, BIT_MAC = 1 << 5, BIT_TSO4 = 1 << 11 };
enum { BIT_STATUS = 1 << 16 };
enum { HEADER_BYTES = 12, NEEDS_CHECKSUM = 1, TCP4 = 1, UDP_CHECKSUM = 6 };
enum { FRAME_AT = 0x10, PATIENCE_MS = 3000 };

struct fixture {
    struct driver driver;
    struct virtio *card;
    struct net *net;
    int socket; /* of the host, where datagrams arrive */
    unsigned port;
    uint8_t frame[FRAME_OUT_BYTES_MAX + 1];
    size_t size_bytes;
};

static void fixture_init(struct fixture *fixture) {
    static const struct net_options open = {.network = 0x0a000200, .mask = 0xffffff00};
    struct error error = {0};
    struct driver *driver = &fixture->driver;
    memset(fixture, 0, sizeof *fixture);
    driver_init(driver);
    fixture->net = net_open(&open, &error);
    assert_non_null(fixture->net);
    fixture->card = virtio_net_new(&driver->bus.ram, fixture->net, guest_mac);
    driver_attach(driver, fixture->card);
    driver_start(driver, BIT_VERSION_1 | BIT_CHECKSUM | BIT_TSO4, QUEUES);
    fixture->socket = host_socket(SOCK_DGRAM, &fixture->port);
}

static void fixture_free(struct fixture *fixture) {
    driver_free(&fixture->driver);
    net_close(fixture->net);
    close(fixture->socket);
}

/** A datagram to the host, of bytes that tell its size. */
static void datagram_make(struct fixture *fixture, size_t size_bytes) {
    uint8_t *ip = fixture->frame + IP_AT, *udp = fixture->frame + PAYLOAD_AT;
    struct packet packet;
    udp_make(&packet, &(struct datagram){GUEST_IP, ROUTER_IP, 1000, fixture->port, "", 0});
    memcpy(fixture->frame, packet.bytes, packet.size_bytes);
    memset(udp + 8, (int)(size_bytes % 251), size_bytes);
    fixture->size_bytes = PAYLOAD_AT + 8 + size_bytes;
    put16(ip + 2, (unsigned)(fixture->size_bytes - IP_AT));
    put16(ip + 10, 0);
    put16(ip + 10, sum_fold(sum_of(ip, 20, 0)));
    put16(udp + 4, (unsigned)size_bytes + 8);
    put16(udp + UDP_CHECKSUM, 0);
}

/** Over the pseudo-header alone, not inverted: what drivers leave to the card. */
static unsigned pseudo_sum(const struct fixture *fixture) {
    uint32_t length = (uint32_t)(fixture->size_bytes - PAYLOAD_AT);
    return sum_fold(sum_of(fixture->frame + IP_AT + 12, 8, PROTOCOL_UDP + length)) ^ 0xffff;
}

struct header {
    uint8_t flags, segmentation;
    uint16_t unused[2];
    uint16_t start, offset;
    uint16_t buffers;
};
_Static_assert(sizeof(struct header) == HEADER_BYTES, "as in the specification");

/** Sends the fixture's frame: header and frame in buffers of their own. */
static void transmit(struct fixture *fixture, const struct header *header) {
    struct driver *driver = &fixture->driver;
    uint32_t size_bytes = (uint32_t)fixture->size_bytes;
    uint16_t count = used_count(driver, TRANSMIT);
    assert_true(ram_write(&driver->bus.ram, buffer(0), header, sizeof *header));
    assert_true(ram_write(&driver->bus.ram, buffer(FRAME_AT), fixture->frame, size_bytes));
    desc_put(driver, TRANSMIT, 0, (struct desc){buffer(0), HEADER_BYTES, DESC_NEXT, 1});
    desc_put(driver, TRANSMIT, 1, (struct desc){buffer(FRAME_AT), size_bytes, 0, 0});
    announce(driver, TRANSMIT, 0);
    notify(driver, TRANSMIT);
    assert_int_equal(used_count(driver, TRANSMIT), count + 1);
    assert_false(device_broken(driver));
}

/** The next datagram has to be one of @p size_bytes, and what was sent before it is lost. */
static void arrives(struct fixture *fixture, size_t size_bytes) {
    static uint8_t bytes[FRAME_OUT_BYTES_MAX];
    ssize_t got = -1;
    for (unsigned ms = 0; got < 0 && ms < PATIENCE_MS; ms++) {
        got = recv(fixture->socket, bytes, sizeof bytes, 0);
        if (got < 0) {
            host_sleep_ns(1000000);
        }
    }
    assert_int_equal(got, size_bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        assert_int_equal(bytes[i], size_bytes % 251);
    }
}

/* -- To the outside ---------------------------------------------------------------------------- */

static void test_offers(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    uint64_t rings = BIT_INDIRECT | BIT_EVENT_IDX | BIT_VERSION_1;
    assert_true(driver_offered(&fixture.driver) ==
                (rings | BIT_CHECKSUM | BIT_MTU | BIT_MAC | BIT_TSO4 | BIT_STATUS));
    assert_int_equal(virtio_mmio_ops.read(fixture.driver.mmio, REG_CONFIG + 10, 2), 1500);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(virtio_mmio_ops.read(fixture.driver.mmio, REG_CONFIG + i, 1),
                         guest_mac[i]);
    }
    fixture_free(&fixture);
}

static void test_finishes_checksums(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    for (size_t size_bytes = 1; size_bytes <= 1472; size_bytes += size_bytes < 20 ? 1 : 121) {
        datagram_make(&fixture, size_bytes);
        put16(fixture.frame + PAYLOAD_AT + UDP_CHECKSUM, pseudo_sum(&fixture));
        transmit(&fixture, &(struct header){.buffers = 0}); /* as it is, it is wrong */
        transmit(&fixture, &(struct header){NEEDS_CHECKSUM, .start = PAYLOAD_AT, .offset = 6});
        arrives(&fixture, size_bytes);
    }
    fixture_free(&fixture);
}

/* A field outside the frame is no field, wherever it is; the next frame is as good as ever. */
static void test_checksums_stay_inside(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    for (unsigned i = 0; i < 6; i++) {
        datagram_make(&fixture, 100 + i);
        uint16_t end = (uint16_t)fixture.size_bytes;
        const uint16_t fields[][2] = {{end, 0},         {(uint16_t)(end - 1), 0},
                                      {0xffff, 1},      {0, (uint16_t)(end - 1)},
                                      {0xffff, 0xffff}, {PAYLOAD_AT, 0xffff}};
        transmit(&fixture,
                 &(struct header){NEEDS_CHECKSUM, .start = fields[i][0], .offset = fields[i][1]});
        arrives(&fixture, 100 + i);
    }
    fixture_free(&fixture);
}

static void test_large_frames(void **state) {
    (void)state;
    static const size_t large[] = {1473, 4000, 9000};
    struct fixture fixture;
    fixture_init(&fixture);
    for (size_t i = 0; i < COUNT(large); i++) {
        datagram_make(&fixture, large[i]);
        transmit(&fixture, &(struct header){.segmentation = 0});
        transmit(&fixture, &(struct header){.segmentation = TCP4 + 2});
        datagram_make(&fixture, large[i] + 1);
        transmit(&fixture, &(struct header){.segmentation = TCP4});
        arrives(&fixture, large[i] + 1);
    }
    fixture.size_bytes = FRAME_OUT_BYTES_MAX + 1;
    transmit(&fixture, &(struct header){NEEDS_CHECKSUM, TCP4, .start = 14, .offset = 10});
    fixture.size_bytes = FRAME_OUT_BYTES_MAX;
    transmit(&fixture, &(struct header){NEEDS_CHECKSUM, TCP4, .start = 14, .offset = 10});
    fixture_free(&fixture);
}

/* Less than a header, and a header of no frame. */
static void test_no_frame_at_all(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    for (uint32_t size_bytes = 1; size_bytes <= HEADER_BYTES; size_bytes++) {
        desc_put(&fixture.driver, TRANSMIT, 0, (struct desc){buffer(0), size_bytes, 0, 0});
        announce(&fixture.driver, TRANSMIT, 0);
        notify(&fixture.driver, TRANSMIT);
        assert_int_equal(used_count(&fixture.driver, TRANSMIT), size_bytes);
    }
    assert_false(device_broken(&fixture.driver));
    fixture_free(&fixture);
}

/* -- From outside ------------------------------------------------------------------------------ */

static void test_receives_into_buffers(void **state) {
    (void)state;
    struct fixture fixture;
    struct driver *driver = &fixture.driver;
    uint8_t frame[60];
    fixture_init(&fixture);
    memset(frame, 0x5a, sizeof frame);
    assert_int_equal(virtio_net_room(fixture.card), 0);
    for (uint16_t i = 0; i < 2; i++) {
        desc_put(driver, RECEIVE, i, (struct desc){buffer(i), i == 0 ? 71 : 72, DESC_WRITE, 0});
        announce(driver, RECEIVE, i);
        assert_int_equal(virtio_net_room(fixture.card), FRAME_BYTES_MAX);
        virtio_net_deliver(fixture.card, frame, sizeof frame);
        assert_int_equal(virtio_net_room(fixture.card), 0);
        assert_int_equal(used_head(driver, RECEIVE, i), i);
        assert_int_equal(used_bytes(driver, RECEIVE, i), i == 0 ? 0 : 72);
    }
    assert_int_equal(peek(driver, buffer(1), 8), 0);
    assert_int_equal(peek(driver, buffer(1) + 8, 4), 1 << 16); /* in one buffer */
    assert_int_equal(peek(driver, buffer(1) + 71, 2), 0x5a);
    assert_int_equal(reg_get(driver, REG_CAUSES), 1);
    virtio_net_deliver(fixture.card, frame, sizeof frame); /* nobody waits: it is lost */
    assert_int_equal(used_count(driver, RECEIVE), 2);
    fixture_free(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_finishes_checksums),
        cmocka_unit_test(test_checksums_stay_inside),
        cmocka_unit_test(test_large_frames),
        cmocka_unit_test(test_no_frame_at_all),
        cmocka_unit_test(test_receives_into_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
