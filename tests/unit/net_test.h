/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest made by hand: Ethernet, ARP, IPv4, UDP and TCP, as far as tests of the network go. */
#ifndef TESTS_UNIT_NET_TEST_H
#define TESTS_UNIT_NET_TEST_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io.h"
#include "vtime_test.h"

enum {
    GUEST_IP = 0x0a00020f,
    ROUTER_IP = 0x0a000202,
    LOOPBACK_IP = 0x7f000001,
    ETHER_BYTES = 14,
    ARP_BYTES = 28,
    IP_AT = ETHER_BYTES,
    PAYLOAD_AT = ETHER_BYTES + 20,
    TCP_DATA_AT = PAYLOAD_AT + 20,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_ACK = 16
};

static const uint8_t guest_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

struct packet {
    uint8_t bytes[FRAME_BYTES_MAX];
    size_t size_bytes;
};

/* -- Fields, most significant byte first ------------------------------------------------------- */

static inline void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static inline unsigned get16(const uint8_t *at) {
    return (unsigned)at[0] << 8 | at[1];
}

static inline uint32_t get32(const uint8_t *at) {
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/** Ones' complement sum, from @p sum on. */
static inline uint32_t sum_of(const uint8_t *bytes, size_t size_bytes, uint32_t sum) {
    for (size_t i = 0; i < size_bytes; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    return sum;
}

static inline unsigned sum_fold(uint32_t sum) {
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum & 0xffff;
}

/* -- Frames of the guest ----------------------------------------------------------------------- */

static inline void ether_begin(struct packet *packet, unsigned type) {
    memset(packet, 0, sizeof *packet);
    memset(packet->bytes, 0xff, 6); /* to all: the router listens */
    memcpy(packet->bytes + 6, guest_mac, 6);
    put16(packet->bytes + 12, type);
    packet->size_bytes = ETHER_BYTES;
}

/** @param operation  1 asks who has @p target, 2 tells it that the guest is GUEST_IP. */
static inline void arp_make(struct packet *packet, unsigned operation, uint32_t target) {
    uint8_t *arp = packet->bytes + ETHER_BYTES;
    ether_begin(packet, 0x0806);
    put16(arp, 1);
    put16(arp + 2, 0x0800);
    put16(arp + 4, 0x0604);
    put16(arp + 6, operation);
    memcpy(arp + 8, guest_mac, 6);
    put32(arp + 14, GUEST_IP);
    put32(arp + 24, target);
    packet->size_bytes += ARP_BYTES;
}

/** Header before a payload that stands at PAYLOAD_AT already. */
static inline void ip_make(struct packet *packet, uint32_t from, uint32_t to, unsigned protocol) {
    uint8_t *ip = packet->bytes + IP_AT;
    size_t total = packet->size_bytes - IP_AT;
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)total);
    ip[8] = 64;
    ip[9] = (uint8_t)protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    put16(ip + 10, sum_fold(sum_of(ip, 20, 0)));
}

/** Checksum of TCP or UDP, over the addresses, too. */
static inline unsigned payload_sum(const struct packet *packet, unsigned protocol) {
    size_t size_bytes = packet->size_bytes - PAYLOAD_AT;
    uint32_t sum = sum_of(packet->bytes + IP_AT + 12, 8, protocol + (uint32_t)size_bytes);
    return sum_fold(sum_of(packet->bytes + PAYLOAD_AT, size_bytes, sum));
}

struct datagram {
    uint32_t from, to;
    unsigned from_port, to_port;
    const void *bytes;
    size_t size_bytes;
};

static inline void udp_make(struct packet *packet, const struct datagram *datagram) {
    uint8_t *udp = packet->bytes + PAYLOAD_AT;
    ether_begin(packet, 0x0800);
    put16(udp, datagram->from_port);
    put16(udp + 2, datagram->to_port);
    put16(udp + 4, (unsigned)datagram->size_bytes + 8);
    memcpy(udp + 8, datagram->bytes, datagram->size_bytes);
    packet->size_bytes = PAYLOAD_AT + 8 + datagram->size_bytes;
    ip_make(packet, datagram->from, datagram->to, PROTOCOL_UDP);
    put16(udp + 6, payload_sum(packet, PROTOCOL_UDP));
}

/** The guest's end of a TCP connection. */
struct tcp {
    uint32_t peer;
    unsigned port, peer_port;
    uint32_t sent, received; /* next sequence numbers */
};

static inline void tcp_make(struct packet *packet, struct tcp *tcp, unsigned flags,
                            const char *text) {
    uint8_t *at = packet->bytes + PAYLOAD_AT;
    size_t size_bytes = strlen(text);
    ether_begin(packet, 0x0800);
    put16(at, tcp->port);
    put16(at + 2, tcp->peer_port);
    put32(at + 4, tcp->sent);
    put32(at + 8, tcp->received);
    at[12] = 5 << 4;
    at[13] = (uint8_t)flags;
    put16(at + 14, 0xffff);
    memcpy(at + 20, text, size_bytes);
    packet->size_bytes = TCP_DATA_AT + size_bytes;
    ip_make(packet, GUEST_IP, tcp->peer, PROTOCOL_TCP);
    put16(at + 16, payload_sum(packet, PROTOCOL_TCP));
    tcp->sent += (uint32_t)size_bytes + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

static inline bool is_tcp(const struct packet *packet) {
    return packet->size_bytes >= TCP_DATA_AT && get16(packet->bytes + 12) == 0x0800 &&
           packet->bytes[IP_AT + 9] == PROTOCOL_TCP;
}

static inline bool is_arp_for_guest(const struct packet *packet) {
    const uint8_t *arp = packet->bytes + ETHER_BYTES;
    return packet->size_bytes >= ETHER_BYTES + ARP_BYTES && get16(packet->bytes + 12) == 0x0806 &&
           get16(arp + 6) == 1 && get32(arp + 24) == GUEST_IP;
}

/* -- Sockets of the host ----------------------------------------------------------------------- */

static inline struct sockaddr_in loopback(unsigned port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(LOOPBACK_IP)};
}

/** Bound to a free port of 127.0.0.1, and listening if it is a stream. */
static inline int host_socket(int type, unsigned *port) {
    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    assert_true(type != SOCK_STREAM || listen(fd, 4) == 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/** A port that was free a moment ago. */
static inline unsigned free_port(int type) {
    unsigned port;
    close(host_socket(type, &port));
    return port;
}

static inline int host_connect(unsigned port) {
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

#endif
