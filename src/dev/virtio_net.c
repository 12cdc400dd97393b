/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network card. Frames to the outside leave at once; frames from outside enter by the gate, and
 * only when the driver has a buffer for them.
 *
 * It can finish checksums of frames to the outside. That spares the guest more than the sums: where
 * a card cannot, Linux copies each frame into one piece first, and all of that is instructions. */
#include "dev/virtio.h"

#include <stdlib.h>
#include <string.h>

enum { DEVICE_ID = 1, CONFIG_BYTES = 12 };
enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUES };

/** Section 5.1.3. */
enum feature {
    FEATURE_CHECKSUM = 1 << 0,
    FEATURE_MTU = 1 << 3,
    FEATURE_MAC = 1 << 5,
    FEATURE_SEGMENTATION = 1 << 11, /* of TCP over IPv4, to the outside */
    FEATURE_STATUS = 1 << 16
};

/** Section 5.1.4. */
enum config { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10 };

enum { LINK_UP = 1, ETHERNET_HEADER_BYTES = 14 };

/** Before each frame, section 5.1.6; little-endian. */
struct header {
    uint8_t flags, segmentation;
    uint16_t headers_bytes, segment_bytes;
    uint16_t checksum_start, checksum_offset; /* the field's, behind the start */
    uint16_t buffers;
};
_Static_assert(sizeof(struct header) == 12, "the header has no gaps");

enum { HEADER_NEEDS_CHECKSUM = 1 };
enum segmentation { SEGMENTATION_NONE = 0, SEGMENTATION_TCP4 = 1 };

struct virtio_net {
    struct virtio virtio;
    struct net *net;
};

/* -- To the outside ---------------------------------------------------------------------------- */

/** Of all that it gets, as 16-bit numbers, the most significant byte first (RFC 1071). */
static uint16_t checksum(const uint8_t *bytes, size_t size_bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i + 1 < size_bytes; i += 2) {
        sum += (uint64_t)bytes[i] << 8 | bytes[i + 1];
    }
    sum += size_bytes % 2 == 0 ? 0 : (uint64_t)bytes[size_bytes - 1] << 8;
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* The driver has left the sum of the pseudo-header in the field. 0 would mean that there is no
 * checksum, and 0xffff is the same number. Section 5.1.6.2.1. */
static void checksum_finish(const struct header *header, uint8_t *frame, uint64_t size_bytes) {
    uint64_t start = header->checksum_start;
    uint64_t field = start + header->checksum_offset;
    if (field + 2 <= size_bytes) {
        uint16_t sum = checksum(frame + start, size_bytes - start);
        sum = sum == 0 ? 0xffff : sum;
        frame[field] = (uint8_t)(sum >> 8);
        frame[field + 1] = (uint8_t)sum;
    }
}

/* A frame that no network would carry is lost, as on a wire. */
static void frame_send(struct virtio_net *net, const struct chain *chain) {
    struct header header;
    uint8_t frame[FRAME_OUT_BYTES_MAX];
    if (chain_read(&net->virtio, chain, 0, &header, sizeof header) != sizeof header) {
        return;
    }
    uint64_t size_bytes = chain->readable_bytes - sizeof header;
    bool whole = header.segmentation != SEGMENTATION_TCP4;
    if (size_bytes > (whole ? FRAME_BYTES_MAX : FRAME_OUT_BYTES_MAX)) {
        return;
    }
    chain_read(&net->virtio, chain, sizeof header, frame, size_bytes);
    if ((header.flags & HEADER_NEEDS_CHECKSUM) != 0) {
        checksum_finish(&header, frame, size_bytes);
    }
    net_send(net->net, frame, size_bytes);
}

static void net_notified(struct virtio *virtio, unsigned queue) {
    struct chain chain;
    while (queue == QUEUE_TRANSMIT && virtqueue_take(virtio, queue, &chain)) {
        frame_send((struct virtio_net *)virtio, &chain);
        virtqueue_give(virtio, queue, chain.head, 0);
    }
}

/* -- From outside ------------------------------------------------------------------------------ */

size_t virtio_net_room(void *device) {
    const struct virtio *virtio = device;
    return virtqueue_waiting(virtio, QUEUE_RECEIVE) ? FRAME_BYTES_MAX : 0;
}

/* A buffer that is too small for the frame comes back empty, and the frame is lost: the driver has
 * promised larger ones (section 5.1.6.3.1). */
void virtio_net_deliver(void *device, const uint8_t *bytes, size_t size_bytes) {
    struct virtio *virtio = device;
    static const struct header header = {.buffers = 1};
    struct chain chain;
    if (!virtqueue_take(virtio, QUEUE_RECEIVE, &chain)) {
        return;
    }
    uint32_t written_bytes = 0;
    if (chain.writable_bytes >= sizeof header + size_bytes) {
        chain_write(virtio, &chain, 0, &header, sizeof header);
        chain_write(virtio, &chain, sizeof header, bytes, size_bytes);
        written_bytes = (uint32_t)(sizeof header + size_bytes);
    }
    virtqueue_give(virtio, QUEUE_RECEIVE, chain.head, written_bytes);
}

/* -- Life -------------------------------------------------------------------------------------- */

static void net_reset(struct virtio *virtio) {
    (void)virtio;
}

static void net_free(struct virtio *virtio) {
    free(virtio);
}

struct virtio *virtio_net_new(struct ram *ram, struct net *net, const uint8_t mac[6]) {
    static const struct virtio_kind kind = {
        .name = "virtio-net",
        .id = DEVICE_ID,
        .notified = net_notified,
        .reset = net_reset,
        .free = net_free,
    };
    struct virtio_net *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return NULL;
    }
    virtio_start(&device->virtio, ram,
                 &(struct virtio_shape){.kind = &kind,
                                        .features = FEATURE_CHECKSUM | FEATURE_MTU | FEATURE_MAC |
                                                    FEATURE_SEGMENTATION | FEATURE_STATUS,
                                        .queue_count = QUEUES,
                                        .config_bytes = CONFIG_BYTES});
    device->net = net;
    for (unsigned i = 0; i < 6; i++) {
        virtio_config_put(&device->virtio, CONFIG_MAC + i, mac[i], 1);
    }
    virtio_config_put(&device->virtio, CONFIG_STATUS, LINK_UP, 2);
    virtio_config_put(&device->virtio, CONFIG_MTU, FRAME_BYTES_MAX - ETHERNET_HEADER_BYTES, 2);
    return &device->virtio;
}
