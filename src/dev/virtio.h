/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio 1.2, the part that devices and transports share; private to dev/.
 *
 * A device (virtio_blk.c, virtio_rng.c, ...) is a struct virtio with its own fields behind it, and
 * sees chains of buffers. A transport (virtio_mmio.c, virtio_pci.c) turns register accesses into
 * the calls of the section virtio.c. Neither knows the other.
 *
 * What the driver wrote wrong breaks its own device, and nothing else: virtio_break(). A broken
 * device asks to be reset (DEVICE_NEEDS_RESET) and does nothing more until it is.
 *
 * Single-threaded, as all devices.
 * @spec Virtual I/O Device (VIRTIO) 1.2, chapters 2 (facilities), 3 (operation), 4 (transports)
 */
#ifndef DEV_VIRTIO_H
#define DEV_VIRTIO_H

#include "dev/dev.h"

enum {
    VIRTIO_QUEUES_MAX = 12,
    VIRTIO_QUEUE_SIZE_MAX = 256, /* a power of two; also the most parts of a chain */
    VIRTIO_CONFIG_BYTES_MAX = 128
};

/** Device status, section 2.1. */
enum virtio_status {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128
};

/** Why the device interrupts: bits of the interrupt status, sections 4.1.4.5 and 4.2.2. */
enum virtio_cause { VIRTIO_USED = 1, VIRTIO_CONFIG = 2 };

/** Features that every device offers, section 6; those of a kind lie below. */
#define VIRTIO_INDIRECT ((uint64_t)1 << 28)
#define VIRTIO_EVENT_IDX ((uint64_t)1 << 29)
#define VIRTIO_VERSION_1 ((uint64_t)1 << 32)

/** A split virtqueue, section 2.7. The rings lie in RAM as a whole while it is ready. */
struct virtqueue {
    uint16_t size; /* entries: a power of two, at most VIRTIO_QUEUE_SIZE_MAX */
    bool ready;
    paddr descriptors; /* the driver's table of descriptors */
    paddr available;   /* the driver's ring */
    paddr used;        /* the device's ring */
    uint16_t taken;    /* heads taken from the driver's ring, modulo 2^16 */
    uint16_t given;    /* entries put into the device's ring, modulo 2^16 */
};

struct virtio;

/** What a device does that others don't. Constant. Each but reset and free may be NULL. */
struct virtio_kind {
    const char *name;
    uint16_t id; /* device ID, section 5 */
    /** The driver says that there is something in a queue. Only of a device that works. */
    void (*notified)(struct virtio *virtio, unsigned queue);
    /** The driver has put a queue to rest: what is under way there is forgotten. */
    void (*rested)(struct virtio *virtio, unsigned queue);
    /** The driver writes into the configuration, inside it; NULL: it is for reading only. */
    void (*configured)(struct virtio *virtio, unsigned offset, uint64_t value, unsigned size_bytes);
    void (*reset)(struct virtio *virtio);
    void (*state)(struct virtio *virtio, struct stream *stream);
    void (*free)(struct virtio *virtio);
};

/** What all devices have. First member of each device's own struct. */
struct virtio {
    const struct virtio_kind *kind;
    struct ram *ram;
    struct line line; /* set by the transport */
    uint64_t offered;
    uint64_t accepted;
    uint8_t status;
    uint8_t causes; /* enum virtio_cause, not acknowledged: the line is high while there is one */
    unsigned config_bytes;
    uint8_t config[VIRTIO_CONFIG_BYTES_MAX]; /* never changes, so neither does its generation */
    unsigned queue_count;
    struct virtqueue queues[VIRTIO_QUEUES_MAX];
};

/* -- virtio.c: the life of a device ------------------------------------------------------------ */

/** What virtio_start() needs to know. */
struct virtio_shape {
    const struct virtio_kind *kind;
    uint64_t features;     /* of this kind; those of all are added */
    unsigned queue_count;  /* [1, VIRTIO_QUEUES_MAX] */
    unsigned config_bytes; /* [0, VIRTIO_CONFIG_BYTES_MAX] */
};

/** For constructors. @param ram  Outlives the device. */
void virtio_start(struct virtio *virtio, struct ram *ram, const struct virtio_shape *shape);

/** Writes a little-endian number into the configuration. */
void virtio_config_put(struct virtio *virtio, unsigned offset, uint64_t value, unsigned size_bytes);

/** Does it work: driver there, not broken? */
static inline bool virtio_works(const struct virtio *virtio) {
    return (virtio->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}
/** The driver has done what it must not: the device stops until it is reset. */
void virtio_break(struct virtio *virtio);
/** Raises the interrupt. */
void virtio_interrupt(struct virtio *virtio, enum virtio_cause cause);

/* For transports. Queues that do not exist have size 0. */

void virtio_reset(struct virtio *virtio);
/** The driver writes the device status; 0 is a reset. */
void virtio_set_status(struct virtio *virtio, uint8_t status);
/** Bits 32 * @p half to 32 * half + 31; 0 beyond 63. */
uint32_t virtio_features(uint64_t features, uint32_t half);
/** Ignored once the features are agreed. */
void virtio_accept(struct virtio *virtio, uint32_t half, uint32_t bits);
/** NULL when there is none. */
struct virtqueue *virtio_queue(struct virtio *virtio, uint32_t idx);
/** Ignored unless it is a power of two up to VIRTIO_QUEUE_SIZE_MAX and the queue is at rest. */
void virtqueue_set_size(struct virtqueue *queue, uint32_t size);
/** Rings that do not lie in RAM, aligned, break the device. */
void virtio_queue_enable(struct virtio *virtio, struct virtqueue *queue);
/** The device lets go of the rings. */
void virtio_queue_rest(struct virtio *virtio, uint32_t idx);
void virtio_notify(struct virtio *virtio, uint32_t queue_idx);
/** Bytes beyond the end read as 0, and writes there are ignored. @param size_bytes  1, 2, 4 or 8 */
uint64_t virtio_config_read(const struct virtio *virtio, uint64_t offset, unsigned size_bytes);
void virtio_config_write(struct virtio *virtio, uint64_t offset, uint64_t value,
                         unsigned size_bytes);
/** Clears causes, and with the last one the line. @return Those that stood before. */
uint8_t virtio_acknowledge(struct virtio *virtio, uint8_t causes);
void virtio_state(struct virtio *virtio, struct stream *stream);

/* -- virtqueue.c: chains of buffers ------------------------------------------------------------ */

/** A buffer of a chain. It lies in RAM as a whole. */
struct virtio_part {
    paddr address;
    uint32_t size_bytes;
};

/** A chain of buffers as it was when it was read: what the driver writes later changes nothing. */
struct chain {
    uint16_t head;
    unsigned part_count;
    unsigned readable_count; /* parts that the device reads; it writes the others */
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    struct virtio_part parts[VIRTIO_QUEUE_SIZE_MAX];
};

/** Has the driver put something into the queue that was not taken? A look, no more. */
bool virtqueue_waiting(const struct virtio *virtio, unsigned queue_idx);
/**
 * Takes the next chain. With none left, the driver is asked to notify of the next one.
 * @return false when there is none, or what there is has broken the device.
 */
bool virtqueue_take(struct virtio *virtio, unsigned queue_idx, struct chain *chain);
/** Reads again the chain that begins at @p head. @return false: there is no queue any more, or the
 * chain has broken the device. */
bool virtqueue_look(struct virtio *virtio, unsigned queue_idx, uint16_t head, struct chain *chain);
/**
 * Gives a chain back to the driver, and interrupts if it wants to know. Nothing happens when the
 * queue has been put to rest.
 * @param written_bytes  How many the device has written, from the start of the writable ones.
 */
void virtqueue_give(struct virtio *virtio, unsigned queue_idx, uint16_t head,
                    uint32_t written_bytes);
/** Puts the last chain taken back: it will be taken again. */
void virtqueue_untake(struct virtio *virtio, unsigned queue_idx);

/**
 * Copies from the readable bytes of a chain, from @p offset on.
 * @return Bytes copied: fewer than asked for where the chain ends.
 */
size_t chain_read(const struct virtio *virtio, const struct chain *chain, uint64_t offset,
                  void *bytes, size_t size_bytes);
/** The same for the writable bytes. */
size_t chain_write(const struct virtio *virtio, const struct chain *chain, uint64_t offset,
                   const void *bytes, size_t size_bytes);

/** A port of the console device: what the gate delivers to. */
struct virtio_port {
    struct virtio_console *console;
    unsigned idx;
    struct console *outside;
};

/** Walks one queue. */
void virtqueue_state(struct virtqueue *queue, struct stream *stream);

#endif
