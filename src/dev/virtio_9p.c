/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shared folder for the guest: carries the messages of 9P between a queue and the share. */
#include "dev/virtio.h"

#include <stdlib.h>
#include <string.h>

enum { DEVICE_ID = 9, FEATURE_MOUNT_TAG = 1, CONFIG_TAG_LENGTH = 0, CONFIG_TAG = 2 };

struct virtio_9p {
    struct virtio virtio;
    struct share *share;
    uint8_t request[SHARE_MESSAGE_MAX_BYTES]; /* a copy: the driver may change its own meanwhile */
    uint8_t reply[SHARE_MESSAGE_MAX_BYTES];
};

/* A request without a header has nobody who could be told. */
static void chain_answer(struct virtio_9p *device, const struct chain *chain, unsigned queue) {
    struct virtio *virtio = &device->virtio;
    struct share_request request = {.bytes = device->request};
    request.size_bytes = chain_read(virtio, chain, 0, device->request, sizeof device->request);
    size_t room_bytes = min_u64(chain->writable_bytes, sizeof device->reply);
    size_t reply_bytes = share_answer(device->share, request, device->reply, room_bytes);
    if (reply_bytes == 0) {
        virtio_break(virtio);
        return;
    }
    chain_write(virtio, chain, 0, device->reply, reply_bytes);
    virtqueue_give(virtio, queue, chain->head, (uint32_t)reply_bytes);
}

static void p9_notified(struct virtio *virtio, unsigned queue) {
    struct chain chain;
    while (virtqueue_take(virtio, queue, &chain)) {
        chain_answer((struct virtio_9p *)virtio, &chain, queue);
    }
}

static void p9_reset(struct virtio *virtio) {
    share_reset(((struct virtio_9p *)virtio)->share);
}

static void p9_state(const struct virtio *virtio, struct stream *stream) {
    share_state(((const struct virtio_9p *)virtio)->share, stream);
}

static void p9_free(struct virtio *virtio) {
    free(virtio);
}

struct virtio *virtio_9p_new(struct ram *ram, struct share *share, const char *tag) {
    static const struct virtio_kind kind = {
        .name = "virtio-9p",
        .id = DEVICE_ID,
        .notified = p9_notified,
        .reset = p9_reset,
        .state = p9_state,
        .free = p9_free,
    };
    size_t length = strlen(tag);
    ensure(length >= 1 && length <= VIRTIO_9P_TAG_MAX);
    struct virtio_9p *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return NULL;
    }
    virtio_start(&device->virtio, ram,
                 &(struct virtio_shape){.kind = &kind,
                                        .features = FEATURE_MOUNT_TAG,
                                        .queue_count = 1,
                                        .config_bytes = CONFIG_TAG + (unsigned)length});
    virtio_config_put(&device->virtio, CONFIG_TAG_LENGTH, length, 2);
    for (unsigned i = 0; i < length; i++) {
        virtio_config_put(&device->virtio, CONFIG_TAG + i, (uint8_t)tag[i], 1);
    }
    device->share = share;
    return &device->virtio;
}
