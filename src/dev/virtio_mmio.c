/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio over MMIO: a page of registers, and an interrupt. A place may stay empty. */
#include "dev/virtio.h"

#include <stdlib.h>

/** Section 4.2.2. */
enum mmio_register {
    MMIO_MAGIC = 0x000,
    MMIO_VERSION = 0x004,
    MMIO_DEVICE_ID = 0x008,
    MMIO_VENDOR_ID = 0x00c,
    MMIO_DEVICE_FEATURES = 0x010,
    MMIO_DEVICE_FEATURES_SEL = 0x014,
    MMIO_DRIVER_FEATURES = 0x020,
    MMIO_DRIVER_FEATURES_SEL = 0x024,
    MMIO_QUEUE_SEL = 0x030,
    MMIO_QUEUE_SIZE_MAX = 0x034,
    MMIO_QUEUE_SIZE = 0x038,
    MMIO_QUEUE_READY = 0x044,
    MMIO_QUEUE_NOTIFY = 0x050,
    MMIO_INTERRUPT_STATUS = 0x060,
    MMIO_INTERRUPT_ACK = 0x064,
    MMIO_STATUS = 0x070,
    MMIO_QUEUE_DESCRIPTORS = 0x080, /* low half, high half */
    MMIO_QUEUE_AVAILABLE = 0x090,
    MMIO_QUEUE_USED = 0x0a0,
    MMIO_SHM_LENGTH = 0x0b0, /* of shared memory regions: there are none */
    MMIO_SHM_BASE_END = 0x0c0,
    MMIO_CONFIG = 0x100
};

enum { MAGIC = 0x74726976, VERSION = 2, VENDOR = 0x554d4551 /* what drivers know from QEMU */ };

struct virtio_mmio {
    struct virtio *virtio; /* owned; NULL: the place is empty */
    uint32_t device_features_sel;
    uint32_t driver_features_sel;
    uint32_t queue_sel;
};

static uint32_t queue_register_read(struct virtio_mmio *mmio, uint64_t offset) {
    const struct virtqueue *queue = virtio_queue(mmio->virtio, mmio->queue_sel);
    if (queue == NULL) {
        return 0;
    }
    return offset == MMIO_QUEUE_SIZE_MAX ? VIRTIO_QUEUE_SIZE_MAX : queue->ready;
}

static uint32_t register_read(struct virtio_mmio *mmio, uint64_t offset) {
    struct virtio *virtio = mmio->virtio;
    switch (offset) {
    case MMIO_DEVICE_ID:
        return virtio->kind->id;
    case MMIO_DEVICE_FEATURES:
        return virtio_features(virtio->offered, mmio->device_features_sel);
    case MMIO_QUEUE_SIZE_MAX:
    case MMIO_QUEUE_READY:
        return queue_register_read(mmio, offset);
    case MMIO_INTERRUPT_STATUS:
        return virtio->causes;
    case MMIO_STATUS:
        return virtio->status;
    default: /* a shared memory region that does not exist has length and base -1 */
        return offset >= MMIO_SHM_LENGTH && offset < MMIO_SHM_BASE_END ? UINT32_MAX : 0;
    }
}

static uint64_t mmio_read(void *device, uint64_t offset, unsigned size_bytes) {
    struct virtio_mmio *mmio = device;
    if (offset >= MMIO_CONFIG) {
        return mmio->virtio == NULL
                   ? 0
                   : virtio_config_read(mmio->virtio, offset - MMIO_CONFIG, size_bytes);
    }
    if (size_bytes != 4) {
        return 0;
    }
    switch (offset) {
    case MMIO_MAGIC:
        return MAGIC;
    case MMIO_VERSION:
        return VERSION;
    case MMIO_VENDOR_ID:
        return VENDOR;
    default:
        return mmio->virtio == NULL ? 0 : register_read(mmio, offset);
    }
}

static void half_write(uint64_t *whole, bool high, uint32_t value) {
    *whole =
        high ? (uint32_t)*whole | (uint64_t)value << 32 : (*whole & ~(uint64_t)UINT32_MAX) | value;
}

/* The rings of a queue that is in use stay where they are. */
static void queue_register_write(struct virtio_mmio *mmio, uint64_t offset, uint32_t value) {
    struct virtqueue *queue = virtio_queue(mmio->virtio, mmio->queue_sel);
    if (queue == NULL) {
        return;
    }
    if (offset == MMIO_QUEUE_READY && value == 0) {
        virtio_queue_rest(mmio->virtio, mmio->queue_sel);
    } else if (offset == MMIO_QUEUE_READY) {
        virtio_queue_enable(mmio->virtio, queue);
    } else if (queue->ready) {
        return;
    } else if (offset == MMIO_QUEUE_SIZE) {
        virtqueue_set_size(queue, value);
    } else {
        bool high = (offset & 4) != 0;
        uint64_t *ring = (offset & ~(uint64_t)4) == MMIO_QUEUE_DESCRIPTORS ? &queue->descriptors
                         : (offset & ~(uint64_t)4) == MMIO_QUEUE_AVAILABLE ? &queue->available
                                                                           : &queue->used;
        half_write(ring, high, value);
    }
}

static void register_write(struct virtio_mmio *mmio, uint64_t offset, uint32_t value) {
    struct virtio *virtio = mmio->virtio;
    switch (offset) {
    case MMIO_DEVICE_FEATURES_SEL:
        mmio->device_features_sel = value;
        break;
    case MMIO_DRIVER_FEATURES:
        virtio_accept(virtio, mmio->driver_features_sel, value);
        break;
    case MMIO_DRIVER_FEATURES_SEL:
        mmio->driver_features_sel = value;
        break;
    case MMIO_QUEUE_SEL:
        mmio->queue_sel = value;
        break;
    case MMIO_QUEUE_NOTIFY:
        virtio_notify(virtio, value);
        break;
    case MMIO_INTERRUPT_ACK:
        virtio_acknowledge(virtio, (uint8_t)value);
        break;
    case MMIO_STATUS:
        virtio_set_status(virtio, (uint8_t)value);
        break;
    case MMIO_QUEUE_SIZE:
    case MMIO_QUEUE_READY:
    case MMIO_QUEUE_DESCRIPTORS:
    case MMIO_QUEUE_DESCRIPTORS + 4:
    case MMIO_QUEUE_AVAILABLE:
    case MMIO_QUEUE_AVAILABLE + 4:
    case MMIO_QUEUE_USED:
    case MMIO_QUEUE_USED + 4:
        queue_register_write(mmio, offset, value);
        break;
    default:
        break;
    }
}

static void mmio_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    struct virtio_mmio *mmio = device;
    if (mmio->virtio == NULL) {
        return;
    }
    if (offset >= MMIO_CONFIG) {
        virtio_config_write(mmio->virtio, offset - MMIO_CONFIG, value, size_bytes);
    } else if (size_bytes == 4) {
        register_write(mmio, offset, (uint32_t)value);
    }
}

static void mmio_reset(void *device) {
    struct virtio_mmio *mmio = device;
    mmio->device_features_sel = 0;
    mmio->driver_features_sel = 0;
    mmio->queue_sel = 0;
    if (mmio->virtio != NULL) {
        virtio_reset(mmio->virtio);
    }
}

static void mmio_state(void *device, struct stream *stream) {
    struct virtio_mmio *mmio = device;
    stream_u32(stream, &mmio->device_features_sel);
    stream_u32(stream, &mmio->driver_features_sel);
    stream_u32(stream, &mmio->queue_sel);
    if (mmio->virtio != NULL) {
        virtio_state(mmio->virtio, stream);
    }
}

static void mmio_free(void *device) {
    struct virtio_mmio *mmio = device;
    virtio_free(mmio->virtio);
    free(mmio);
}

void *virtio_mmio_new(struct line line, struct virtio *virtio) {
    struct virtio_mmio *mmio = calloc(1, sizeof *mmio);
    if (mmio == NULL) {
        virtio_free(virtio);
        return NULL;
    }
    mmio->virtio = virtio;
    if (virtio != NULL) {
        virtio->line = line;
    }
    return mmio;
}

const struct device_ops virtio_mmio_ops = {
    .name = "virtio-mmio",
    .read = mmio_read,
    .write = mmio_write,
    .reset = mmio_reset,
    .state = mmio_state,
    .free = mmio_free,
};
