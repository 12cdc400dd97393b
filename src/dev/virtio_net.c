/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network card. Frames to the outside leave at once; frames from outside enter by the gate, and
 * only when the driver has a buffer for them. */
#include "dev/virtio.h"

#include <stdlib.h>
#include <string.h>

enum { DEVICE_ID = 1, CONFIG_BYTES = 12 };
enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUES };

/** Section 5.1.3. */
enum feature { FEATURE_MTU = 1 << 3, FEATURE_MAC = 1 << 5, FEATURE_STATUS = 1 << 16 };

/** Section 5.1.4. */
enum config { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10 };

enum {
    HEADER_BYTES = 12, /* before each frame, section 5.1.6: of what it tells nothing is offered */
    HEADER_BUFFERS = 10,
    LINK_UP = 1,
    ETHERNET_HEADER_BYTES = 14
};

struct virtio_net {
    struct virtio virtio;
    struct net *net;
};

/* -- To the outside ---------------------------------------------------------------------------- */

/* A frame that no network would carry is lost, as on a wire. */
static void frame_send(struct virtio_net *net, const struct chain *chain) {
    uint8_t frame[FRAME_BYTES_MAX];
    uint64_t size_bytes = chain->readable_bytes - HEADER_BYTES;
    if (chain->readable_bytes <= HEADER_BYTES || size_bytes > sizeof frame) {
        return;
    }
    chain_read(&net->virtio, chain, HEADER_BYTES, frame, size_bytes);
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
    uint8_t header[HEADER_BYTES] = {[HEADER_BUFFERS] = 1};
    struct chain chain;
    if (!virtqueue_take(virtio, QUEUE_RECEIVE, &chain)) {
        return;
    }
    uint32_t written_bytes = 0;
    if (chain.writable_bytes >= sizeof header + size_bytes) {
        chain_write(virtio, &chain, 0, header, sizeof header);
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
                                        .features = FEATURE_MTU | FEATURE_MAC | FEATURE_STATUS,
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
