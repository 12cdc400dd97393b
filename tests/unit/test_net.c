/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network of user mode, spoken to in frames made by hand on one side and by sockets of the host
 * on the other. */
#include "net_test.h"

#include <dirent.h>

enum { PATIENCE_MS = 3000, STILLNESS_MS = 60 };

static const struct net_options plain = {
    .restricted = true, .network = 0x0a000200, .mask = 0xffffff00};

static struct net *open_net(const struct net_options *options) {
    struct error error = {0};
    struct net *net = net_open(options, &error);
    if (net == NULL) {
        fail_msg("%s", error.text);
    }
    return net;
}

static void send_packet(struct net *net, const struct packet *packet) {
    net_send(net, packet->bytes, packet->size_bytes);
}

/** The next frame, if one comes in time. */
static bool next_packet(struct net *net, struct packet *packet, unsigned patience_ms) {
    for (unsigned ms = 0; ms <= patience_ms; ms++) {
        net_serve(net);
        packet->size_bytes = net_take(net, packet->bytes, sizeof packet->bytes);
        if (packet->size_bytes > 0) {
            return true;
        }
        host_sleep_ns(1000000);
    }
    return false;
}

/** The next TCP segment; tells who asks that the guest is there. */
static bool next_segment(struct net *net, struct packet *packet, unsigned patience_ms) {
    struct packet answer;
    while (next_packet(net, packet, patience_ms)) {
        if (is_tcp(packet)) {
            return true;
        }
        if (is_arp_for_guest(packet)) {
            arp_make(&answer, 2, ROUTER_IP);
            send_packet(net, &answer);
        }
    }
    return false;
}

/* -- The network itself ------------------------------------------------------------------------ */

static void test_router_answers(void **state) {
    (void)state;
    struct packet packet;
    struct net *net = open_net(&plain);
    arp_make(&packet, 1, ROUTER_IP);
    send_packet(net, &packet);
    size_t size_bytes = net_take(net, packet.bytes, sizeof packet.bytes);
    assert_true(size_bytes >= ETHER_BYTES + ARP_BYTES); /* at once, without waiting */
    assert_int_equal(get16(packet.bytes + 12), 0x0806);
    assert_int_equal(get16(packet.bytes + ETHER_BYTES + 6), 2);
    assert_int_equal(get32(packet.bytes + ETHER_BYTES + 14), ROUTER_IP);
    assert_memory_equal(packet.bytes, guest_mac, 6);
    arp_make(&packet, 1, 0x0a000263); /* nobody */
    send_packet(net, &packet);
    assert_false(next_packet(net, &packet, STILLNESS_MS));
    net_close(net);
}

/** Where a network is, and what its router offers. */
static void dhcp_check(const struct net_options *options, uint32_t offered) {
    uint8_t request[300] = {1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef};
    struct packet packet;
    struct net *net = open_net(options);
    memcpy(request + 28, guest_mac, 6);
    static const uint8_t options_of_it[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255};
    memcpy(request + 236, options_of_it, sizeof options_of_it);
    udp_make(&packet, &(struct datagram){0, 0xffffffff, 68, 67, request, sizeof request});
    send_packet(net, &packet);
    assert_true(next_packet(net, &packet, PATIENCE_MS));
    const uint8_t *offer = packet.bytes + PAYLOAD_AT + 8;
    assert_int_equal(packet.bytes[IP_AT + 9], PROTOCOL_UDP);
    assert_int_equal(get16(packet.bytes + PAYLOAD_AT + 2), 68);
    assert_int_equal(offer[0], 2);
    assert_int_equal(get32(offer + 4), 0xdeadbeef);
    assert_int_equal(get32(offer + 16), offered);
    net_close(net);
}

static void test_dhcp(void **state) {
    (void)state;
    struct net_options other = plain;
    dhcp_check(&plain, GUEST_IP);
    other.network = 0xc0a84c00;
    dhcp_check(&other, 0xc0a84c0f);
}

static void test_a_network_that_leads_nowhere(void **state) {
    (void)state;
    struct packet packet;
    struct net *net = net_open(NULL, NULL);
    assert_non_null(net);
    arp_make(&packet, 1, ROUTER_IP);
    send_packet(net, &packet);
    assert_false(next_packet(net, &packet, 5));
    assert_false(net_endpoint.can_come(net, true));
    assert_true(net_endpoint.flush(net));
    assert_int_equal(net_endpoint.state(net, NULL), ENDPOINT_READY);
    net_endpoint.begin(net);
    net_close(net);
    net_close(NULL);
}

/* -- From the host to the guest ---------------------------------------------------------------- */

static struct net *open_forwarding(struct net_forward *forward, bool udp) {
    struct net_options options = plain;
    *forward =
        (struct net_forward){.udp = udp,
                             .host_address = LOOPBACK_IP,
                             .host_port = (uint16_t)free_port(udp ? SOCK_DGRAM : SOCK_STREAM),
                             .guest_port = 22};
    options.forwards = forward;
    options.forward_count = 1;
    return open_net(&options);
}

/** Waits until the host's socket has something to read. */
static ssize_t read_soon(struct net *net, int fd, char *text, size_t size_bytes) {
    for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
        ssize_t count = read(fd, text, size_bytes);
        if (count >= 0) {
            return count;
        }
        net_serve(net);
        host_sleep_ns(1000000);
    }
    return -1;
}

/** A connection of the host's reaches the guest, and bytes go both ways, restricted or not. */
static void test_forwarded_connection(void **state) {
    (void)state;
    struct net_forward forward;
    struct packet packet, answer;
    char text[16] = {0};
    struct net *net = open_forwarding(&forward, false);
    assert_true(net_endpoint.can_come(net, true));
    assert_false(net_endpoint.can_come(net, false));
    int fd = host_connect(forward.host_port);
    assert_true(next_segment(net, &packet, PATIENCE_MS));
    const uint8_t *tcp = packet.bytes + PAYLOAD_AT;
    assert_int_equal(tcp[13], TCP_SYN);
    assert_int_equal(get16(tcp + 2), 22);
    assert_int_equal(get32(packet.bytes + IP_AT + 16), GUEST_IP);
    struct tcp guest = {.peer = get32(packet.bytes + IP_AT + 12),
                        .port = 22,
                        .peer_port = get16(tcp),
                        .sent = 1000,
                        .received = get32(tcp + 4) + 1};
    tcp_make(&answer, &guest, TCP_SYN | TCP_ACK, "");
    send_packet(net, &answer);
    assert_int_equal(write(fd, "hello", 5), 5);
    bool came = false;
    while (!came && next_segment(net, &packet, PATIENCE_MS)) {
        came = packet.size_bytes >= TCP_DATA_AT + 5 &&
               memcmp(packet.bytes + TCP_DATA_AT, "hello", 5) == 0;
    }
    assert_true(came);
    guest.received += 5;
    tcp_make(&answer, &guest, TCP_ACK, "world");
    send_packet(net, &answer);
    assert_int_equal(read_soon(net, fd, text, sizeof text), 5);
    assert_string_equal(text, "world");
    tcp_make(&answer, &guest, TCP_FIN | TCP_ACK, "");
    send_packet(net, &answer);
    assert_int_equal(read_soon(net, fd, text, sizeof text), 0);
    close(fd);
    net_close(net);
}

static void test_forwarded_datagram(void **state) {
    (void)state;
    struct net_forward forward;
    struct packet packet, answer;
    unsigned port;
    struct net *net = open_forwarding(&forward, true);
    int fd = host_socket(SOCK_DGRAM, &port);
    struct sockaddr_in to = loopback(forward.host_port);
    assert_int_equal(sendto(fd, "ping", 4, 0, (struct sockaddr *)&to, sizeof to), 4);
    bool came = false;
    while (!came && next_packet(net, &packet, PATIENCE_MS)) {
        came = packet.size_bytes >= PAYLOAD_AT + 12 && packet.bytes[IP_AT + 9] == PROTOCOL_UDP;
        if (is_arp_for_guest(&packet)) {
            arp_make(&answer, 2, ROUTER_IP);
            send_packet(net, &answer);
        }
    }
    assert_true(came);
    assert_int_equal(get16(packet.bytes + PAYLOAD_AT + 2), 22);
    assert_memory_equal(packet.bytes + PAYLOAD_AT + 8, "ping", 4);
    close(fd);
    net_close(net);
}

static void test_port_in_use(void **state) {
    (void)state;
    unsigned port;
    char number[16];
    struct error error = {0};
    int taken = host_socket(SOCK_STREAM, &port);
    struct net_forward forward = {
        .host_address = LOOPBACK_IP, .host_port = (uint16_t)port, .guest_port = 22};
    struct net_options options = plain;
    options.forwards = &forward;
    options.forward_count = 1;
    assert_null(net_open(&options, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    snprintf(number, sizeof number, "127.0.0.1:%u", port);
    assert_non_null(strstr(error.text, number));
    close(taken);
}

/* -- From the guest to the host ---------------------------------------------------------------- */

/** Does a connection of the guest's to the router's address come out at the host's loopback? */
static bool reaches_stream(bool restricted) {
    struct net_options options = plain;
    struct packet packet;
    unsigned port;
    int listener = host_socket(SOCK_STREAM, &port);
    options.restricted = restricted;
    struct net *net = open_net(&options);
    struct tcp guest = {.peer = ROUTER_IP, .port = 40000, .peer_port = port, .sent = 77};
    tcp_make(&packet, &guest, TCP_SYN, "");
    send_packet(net, &packet);
    bool answered = next_segment(net, &packet, restricted ? STILLNESS_MS : PATIENCE_MS);
    bool connected = answered && packet.bytes[PAYLOAD_AT + 13] == (TCP_SYN | TCP_ACK);
    int fd = accept(listener, NULL, NULL);
    assert_int_equal(connected, fd >= 0);
    if (fd >= 0) {
        close(fd);
    }
    close(listener);
    net_close(net);
    return connected;
}

static bool reaches_datagram(bool restricted) {
    struct net_options options = plain;
    struct packet packet;
    char text[8];
    unsigned port;
    int fd = host_socket(SOCK_DGRAM, &port);
    options.restricted = restricted;
    struct net *net = open_net(&options);
    udp_make(&packet, &(struct datagram){GUEST_IP, ROUTER_IP, 40000, port, "ping", 4});
    send_packet(net, &packet);
    bool came = false;
    for (unsigned ms = 0; ms < (restricted ? STILLNESS_MS : PATIENCE_MS) && !came; ms++) {
        net_serve(net);
        came = read(fd, text, sizeof text) == 4;
        host_sleep_ns(1000000);
    }
    close(fd);
    net_close(net);
    return came;
}

static void test_what_the_guest_reaches(void **state) {
    (void)state;
    assert_true(reaches_stream(false));
    assert_false(reaches_stream(true));
    assert_true(reaches_datagram(false));
    assert_false(reaches_datagram(true));
}

static void test_who_can_speak_first(void **state) {
    (void)state;
    struct packet packet;
    struct net_options options = plain;
    struct net *net = open_net(&options);
    assert_false(net_endpoint.can_come(net, true));
    arp_make(&packet, 1, ROUTER_IP);
    send_packet(net, &packet);
    assert_true(net_endpoint.can_come(net, true)); /* the answer is there */
    assert_false(net_endpoint.can_come(net, false));
    net_close(net);
    options.restricted = false;
    net = open_net(&options);
    assert_true(net_endpoint.can_come(net, true));
    net_close(net);
}

/* -- Bounds ------------------------------------------------------------------------------------ */

static void test_frames_of_no_use_are_lost(void **state) {
    (void)state;
    struct packet packet;
    static uint8_t large[FRAME_OUT_BYTES_MAX + 1];
    struct net *net = open_net(&plain);
    arp_make(&packet, 1, ROUTER_IP);
    for (size_t size = 0; size < packet.size_bytes; size++) {
        net_send(net, packet.bytes, size);
    }
    memcpy(large, packet.bytes, packet.size_bytes);
    net_send(net, large, sizeof large);
    assert_false(next_packet(net, &packet, 5));
    net_send(net, large, FRAME_OUT_BYTES_MAX);
    assert_true(next_packet(net, &packet, PATIENCE_MS));
    /* What does not fit is no obstacle for what comes behind it. */
    net_send(net, large, FRAME_OUT_BYTES_MAX);
    assert_int_equal(net_take(net, packet.bytes, 20), 0);
    assert_false(next_packet(net, &packet, 5));
    net_close(net);
}

static void test_a_guest_that_takes_nothing(void **state) {
    (void)state;
    enum { ASKED = 5000 };
    struct packet packet;
    unsigned answered = 0;
    struct net *net = open_net(&plain);
    for (unsigned i = 0; i < ASKED; i++) {
        arp_make(&packet, 1, ROUTER_IP);
        send_packet(net, &packet);
    }
    while (next_packet(net, &packet, 5)) {
        answered++;
    }
    assert_true(answered >= 512 && answered < ASKED);
    arp_make(&packet, 1, ROUTER_IP);
    send_packet(net, &packet);
    assert_true(next_packet(net, &packet, PATIENCE_MS));
    net_close(net);
}

static bool waits(struct net *net, bool admits, bool *ready) {
    struct watch *watch = watch_new();
    int64_t start_ns = host_monotonic_ns();
    watch_begin(watch);
    net_endpoint.watch(net, watch, admits);
    *ready = watch_wait(watch, 30000000);
    watch_free(watch);
    return host_monotonic_ns() - start_ns >= 30000000;
}

static void test_what_it_waits_for(void **state) {
    (void)state;
    struct net_forward forward;
    struct packet packet;
    bool ready;
    struct net *net = open_forwarding(&forward, false);
    assert_true(waits(net, true, &ready));
    int fd = host_connect(forward.host_port);
    assert_false(waits(net, true, &ready));
    assert_true(ready);
    net_serve(net);
    assert_false(waits(net, true, &ready)); /* a frame is there */
    assert_true(ready);
    assert_true(waits(net, false, &ready)); /* but nobody takes it */
    while (net_take(net, packet.bytes, sizeof packet.bytes) > 0) {
    }
    close(fd);
    net_close(net);
}

static unsigned open_files(void) {
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void test_nothing_stays_open(void **state) {
    (void)state;
    struct net_forward forward;
    struct packet packet;
    unsigned before = open_files();
    for (unsigned i = 0; i < 3; i++) {
        struct net *net = open_forwarding(&forward, false);
        int fd = host_connect(forward.host_port);
        next_segment(net, &packet, PATIENCE_MS);
        assert_true(open_files() > before + 2);
        net_close(net);
        close(fd);
    }
    assert_int_equal(open_files(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router_answers),
        cmocka_unit_test(test_dhcp),
        cmocka_unit_test(test_a_network_that_leads_nowhere),
        cmocka_unit_test(test_forwarded_connection),
        cmocka_unit_test(test_forwarded_datagram),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_what_the_guest_reaches),
        cmocka_unit_test(test_who_can_speak_first),
        cmocka_unit_test(test_frames_of_no_use_are_lost),
        cmocka_unit_test(test_a_guest_that_takes_nothing),
        cmocka_unit_test(test_what_it_waits_for),
        cmocka_unit_test(test_nothing_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
