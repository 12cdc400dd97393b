/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shared folder for the guest: carries the messages of 9P between a queue and the share.
 *
 * Requests are answered as they are announced, but only so many at once: what a reply writes may
 * be the very ring that says how many requests there are, and a driver that means harm could make
 * one that never ends. The rest comes a little later, so that the run goes on. */
#include "dev/virtio.h"

#include <stdlib.h>
#include <string.h>

enum { DEVICE_ID = 9, FEATURE_MOUNT_TAG = 1, CONFIG_TAG_LENGTH = 0, CONFIG_TAG = 2 };
enum { BATCH_REQUESTS = 64, PAUSE_NS = 20000 };

struct virtio_9p {
    struct virtio virtio;
    struct share *share;
    struct sched *sched;
    struct timer timer;                       /* armed while there is a rest */
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

static void batch_answer(struct virtio_9p *device) {
    enum { QUEUE = 0 };
    struct virtio *virtio = &device->virtio;
    struct chain chain;
    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        if (!virtqueue_take(virtio, QUEUE, &chain)) {
            return;
        }
        chain_answer(device, &chain, QUEUE);
    }
    if (virtqueue_waiting(virtio, QUEUE)) {
        timer_arm(&device->timer, add_sat_i64(sched_now(device->sched), PAUSE_NS));
    }
}

static void pause_ended(void *owner) {
    batch_answer(owner);
}

/* In a pause there is nothing to be told: what is announced now belongs to the rest. */
static void p9_notified(struct virtio *virtio, unsigned queue) {
    struct virtio_9p *device = (struct virtio_9p *)virtio;
    (void)queue;
    if (!timer_armed(&device->timer)) {
        batch_answer(device);
    }
}

static void p9_reset(struct virtio *virtio) {
    struct virtio_9p *device = (struct virtio_9p *)virtio;
    timer_cancel(&device->timer);
    share_reset(device->share);
}

static void p9_state(struct virtio *virtio, struct stream *stream) {
    struct virtio_9p *device = (struct virtio_9p *)virtio;
    timer_state(&device->timer, stream);
    share_state(device->share, stream);
}

static void p9_free(struct virtio *virtio) {
    timer_cancel(&((struct virtio_9p *)virtio)->timer);
    free(virtio);
}

struct virtio *virtio_9p_new(struct ram *ram, struct sched *sched, struct share *share,
                             const char *tag) {
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
    if (!timer_attach(&sched->timers, &device->timer, pause_ended, device)) {
        free(device);
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
    device->sched = sched;
    device->share = share;
    return &device->virtio;
}
