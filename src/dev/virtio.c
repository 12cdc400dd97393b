/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a virtio device: agreed features, status, configuration, interrupt. */
#include "dev/virtio.h"

#include <string.h>

/* -- Status ------------------------------------------------------------------------------------ */

void virtio_interrupt(struct virtio *virtio, enum virtio_cause cause) {
    virtio->causes |= (uint8_t)cause;
    line_set(&virtio->line, true);
}

uint8_t virtio_acknowledge(struct virtio *virtio, uint8_t causes) {
    uint8_t before = virtio->causes;
    virtio->causes &= (uint8_t)~causes;
    line_set(&virtio->line, virtio->causes != 0);
    return before;
}

/* Section 2.1.2: the driver is told of it only if it has come as far as DRIVER_OK. */
void virtio_break(struct virtio *virtio) {
    virtio->status |= VIRTIO_NEEDS_RESET;
    if ((virtio->status & VIRTIO_DRIVER_OK) != 0) {
        virtio_interrupt(virtio, VIRTIO_CONFIG);
    }
}

static void queue_rest(struct virtqueue *queue) {
    *queue = (struct virtqueue){.size = VIRTIO_QUEUE_SIZE_MAX};
}

static void queues_rest(struct virtio *virtio) {
    for (unsigned i = 0; i < virtio->queue_count; i++) {
        queue_rest(&virtio->queues[i]);
    }
}

void virtio_reset(struct virtio *virtio) {
    virtio->accepted = 0;
    virtio->status = 0;
    queues_rest(virtio);
    virtio->kind->reset(virtio);
    virtio_acknowledge(virtio, UINT8_MAX);
}

/* Bits that were set stay set until a reset. The device agrees to the features by letting
 * FEATURES_OK stand: only to what it offered, and to nothing before version 1 (section 6.2). */
void virtio_set_status(struct virtio *virtio, uint8_t status) {
    const uint8_t driver_bits =
        VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | VIRTIO_FAILED;
    if (status == 0) {
        virtio_reset(virtio);
        return;
    }
    bool agrees =
        (virtio->accepted & ~virtio->offered) == 0 && (virtio->accepted & VIRTIO_VERSION_1) != 0;
    status &= driver_bits;
    if (!agrees) {
        status &= (uint8_t) ~(VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    }
    virtio->status |= status;
}

/* -- Features ---------------------------------------------------------------------------------- */

uint32_t virtio_features(uint64_t features, uint32_t half) {
    return half < 2 ? (uint32_t)(features >> 32 * half) : 0;
}

void virtio_accept(struct virtio *virtio, uint32_t half, uint32_t bits) {
    if (half < 2 && (virtio->status & VIRTIO_FEATURES_OK) == 0) {
        unsigned shift = 32 * half;
        virtio->accepted &= ~((uint64_t)UINT32_MAX << shift);
        virtio->accepted |= (uint64_t)bits << shift;
    }
}

/* -- Queues ------------------------------------------------------------------------------------ */

struct virtqueue *virtio_queue(struct virtio *virtio, uint32_t idx) {
    return idx < virtio->queue_count ? &virtio->queues[idx] : NULL;
}

void virtqueue_set_size(struct virtqueue *queue, uint32_t size) {
    bool good = size > 0 && size <= VIRTIO_QUEUE_SIZE_MAX && (size & (size - 1)) == 0;
    if (good && !queue->ready) {
        queue->size = (uint16_t)size;
    }
}

/* Section 2.7: what each of the three takes, and how it is aligned. */
static bool rings_fit(const struct virtio *virtio, const struct virtqueue *queue) {
    uint64_t size = queue->size;
    return queue->descriptors % 16 == 0 && queue->available % 2 == 0 && queue->used % 4 == 0 &&
           ram_holds(virtio->ram, queue->descriptors, 16 * size) &&
           ram_holds(virtio->ram, queue->available, 6 + 2 * size) &&
           ram_holds(virtio->ram, queue->used, 6 + 8 * size);
}

void virtio_queue_enable(struct virtio *virtio, struct virtqueue *queue) {
    if (queue->ready) {
        return;
    }
    if (!rings_fit(virtio, queue)) {
        virtio_break(virtio);
        return;
    }
    queue->ready = true;
    queue->taken = 0;
    queue->given = 0;
}

void virtio_queue_rest(struct virtio *virtio, uint32_t idx) {
    struct virtqueue *queue = virtio_queue(virtio, idx);
    if (queue == NULL || !queue->ready) {
        return;
    }
    queue->ready = false;
    if (virtio->kind->rested != NULL) {
        virtio->kind->rested(virtio, idx);
    }
}

void virtio_notify(struct virtio *virtio, uint32_t queue_idx) {
    const struct virtqueue *queue = virtio_queue(virtio, queue_idx);
    if (queue != NULL && queue->ready && virtio_works(virtio) && virtio->kind->notified != NULL) {
        virtio->kind->notified(virtio, queue_idx);
    }
}

/* -- Configuration ----------------------------------------------------------------------------- */

void virtio_config_put(struct virtio *virtio, unsigned offset, uint64_t value,
                       unsigned size_bytes) {
    ensure(offset + size_bytes <= virtio->config_bytes);
    for (unsigned i = 0; i < size_bytes; i++) {
        virtio->config[offset + i] = (uint8_t)(value >> 8 * i);
    }
}

uint64_t virtio_config_read(const struct virtio *virtio, uint64_t offset, unsigned size_bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes && offset + i < virtio->config_bytes; i++) {
        value |= (uint64_t)virtio->config[offset + i] << 8 * i;
    }
    return value;
}

void virtio_config_write(struct virtio *virtio, uint64_t offset, uint64_t value,
                         unsigned size_bytes) {
    bool within = offset < virtio->config_bytes && size_bytes <= virtio->config_bytes - offset;
    if (within && virtio->kind->configured != NULL) {
        virtio->kind->configured(virtio, (unsigned)offset, value, size_bytes);
    }
}

/* -- Birth and state --------------------------------------------------------------------------- */

void virtio_start(struct virtio *virtio, struct ram *ram, const struct virtio_shape *shape) {
    ensure(shape->queue_count >= 1 && shape->queue_count <= VIRTIO_QUEUES_MAX);
    ensure(shape->config_bytes <= VIRTIO_CONFIG_BYTES_MAX);
    virtio->kind = shape->kind;
    virtio->ram = ram;
    virtio->offered = shape->features | VIRTIO_INDIRECT | VIRTIO_EVENT_IDX | VIRTIO_VERSION_1;
    virtio->config_bytes = shape->config_bytes;
    virtio->queue_count = shape->queue_count;
    queues_rest(virtio);
}

void virtio_free(struct virtio *virtio) {
    if (virtio != NULL) {
        virtio->kind->free(virtio);
    }
}

static void queue_state(const struct virtio *virtio, struct virtqueue *queue,
                        struct stream *stream) {
    virtqueue_state(queue, stream);
    uint32_t size = queue->size;
    bool sound = size >= 1 && size <= VIRTIO_QUEUE_SIZE_MAX && (size & (size - 1)) == 0 &&
                 (!queue->ready || rings_fit(virtio, queue));
    if (!stream_expect(stream, sound, "holds a queue that no driver can make")) {
        queue_rest(queue);
    }
}

void virtio_state(struct virtio *virtio, struct stream *stream) {
    stream_u64(stream, &virtio->accepted);
    stream_u8(stream, &virtio->status);
    stream_u8(stream, &virtio->causes);
    for (unsigned i = 0; i < virtio->config_bytes; i++) {
        stream_constant(stream, virtio->config[i], "is of a machine with another virtio device");
    }
    for (unsigned i = 0; i < virtio->queue_count; i++) {
        queue_state(virtio, &virtio->queues[i], stream);
    }
    if (virtio->kind->state != NULL) {
        virtio->kind->state(virtio, stream);
    }
}
