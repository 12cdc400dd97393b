/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split virtqueues: what a driver leaves in RAM, read with suspicion.
 *
 * 1. The rings lie in RAM: that was looked at when the queue was enabled, and RAM never moves. All
 *    else that stands there may change at any moment, so each field is read once, into a local
 *    variable or a chain, and checked there.
 * 2. A chain has at most as many parts as a queue has entries. That ends loops too.
 * 3. Whatever is wrong breaks the device: an index that ran ahead by more than the queue holds, a
 *    head or a next that names no descriptor, a buffer outside RAM, an indirect table of another
 *    length than whole descriptors or inside another one, a readable buffer behind a writable one.
 * 4. With the event index, each side says how far the other may go without telling. Ours always
 *    says "tell me of the next one", because chains are taken as soon as they are announced. */
#include "dev/virtio.h"

#include <string.h>

enum {
    DESCRIPTOR_BYTES = 16,
    DESCRIPTOR_NEXT = 1,
    DESCRIPTOR_WRITE = 2,
    DESCRIPTOR_INDIRECT = 4,

    RING_IDX = 2, /* of both rings: flags, idx, entries, event index of the other side */
    RING_ENTRIES = 4,
    USED_ENTRY_BYTES = 8,
    AVAILABLE_NO_INTERRUPT = 1
};

struct descriptor {
    paddr address;
    uint32_t size_bytes;
    uint16_t flags;
    uint16_t next;
};

/** Descriptors that name each other: the queue's own, or an indirect table. */
struct table {
    paddr base;
    uint32_t count;
};

/* -- Fields in RAM ----------------------------------------------------------------------------- */

static uint64_t field_read(const struct virtio *virtio, paddr address, unsigned size_bytes) {
    return ram_load(ram_at(virtio->ram, address), size_bytes);
}

static void field_write(const struct virtio *virtio, paddr address, uint64_t value,
                        unsigned size_bytes) {
    ensure(ram_write(virtio->ram, address, &value, size_bytes));
}

static uint16_t available_idx(const struct virtio *virtio, const struct virtqueue *queue) {
    return (uint16_t)field_read(virtio, queue->available + RING_IDX, 2);
}

/** Where the driver says of which used entry it wants to be told. */
static paddr used_event_at(const struct virtqueue *queue) {
    return queue->available + RING_ENTRIES + 2 * (paddr)queue->size;
}

static paddr available_event_at(const struct virtqueue *queue) {
    return queue->used + RING_ENTRIES + USED_ENTRY_BYTES * (paddr)queue->size;
}

static struct descriptor descriptor_read(const struct virtio *virtio, const struct table *table,
                                         uint16_t idx) {
    paddr at = table->base + DESCRIPTOR_BYTES * (paddr)idx;
    uint64_t rest = field_read(virtio, at + 8, 8);
    return (struct descriptor){
        .address = field_read(virtio, at, 8),
        .size_bytes = (uint32_t)rest,
        .flags = (uint16_t)(rest >> 32),
        .next = (uint16_t)(rest >> 48),
    };
}

/* -- Chains ------------------------------------------------------------------------------------ */

static bool chain_add(const struct virtio *virtio, struct chain *chain,
                      const struct descriptor *descriptor) {
    bool writable = (descriptor->flags & DESCRIPTOR_WRITE) != 0;
    if (chain->part_count == VIRTIO_QUEUE_SIZE_MAX ||
        !ram_holds(virtio->ram, descriptor->address, descriptor->size_bytes) ||
        (!writable && chain->readable_count < chain->part_count)) {
        return false;
    }
    chain->parts[chain->part_count++] =
        (struct virtio_part){descriptor->address, descriptor->size_bytes};
    if (writable) {
        chain->writable_bytes += descriptor->size_bytes;
    } else {
        chain->readable_count++;
        chain->readable_bytes += descriptor->size_bytes;
    }
    return true;
}

/* The table that an indirect descriptor names. It counts as no part itself. */
static bool table_open(const struct virtio *virtio, const struct descriptor *descriptor,
                       struct table *table) {
    table->base = descriptor->address;
    table->count = descriptor->size_bytes / DESCRIPTOR_BYTES;
    return (virtio->accepted & VIRTIO_INDIRECT) != 0 && descriptor->size_bytes > 0 &&
           descriptor->size_bytes % DESCRIPTOR_BYTES == 0 &&
           (descriptor->flags & DESCRIPTOR_NEXT) == 0 &&
           ram_holds(virtio->ram, table->base, descriptor->size_bytes);
}

static bool chain_follow(const struct virtio *virtio, const struct virtqueue *queue,
                         struct chain *chain) {
    struct table table = {queue->descriptors, queue->size};
    uint16_t idx = chain->head;
    bool indirect = false;
    for (unsigned i = 0; i <= VIRTIO_QUEUE_SIZE_MAX; i++) {
        if (idx >= table.count) {
            return false;
        }
        struct descriptor descriptor = descriptor_read(virtio, &table, idx);
        if ((descriptor.flags & DESCRIPTOR_INDIRECT) != 0) {
            if (indirect || !table_open(virtio, &descriptor, &table)) {
                return false;
            }
            indirect = true;
            idx = 0;
            continue;
        }
        if (!chain_add(virtio, chain, &descriptor)) {
            return false;
        }
        if ((descriptor.flags & DESCRIPTOR_NEXT) == 0) {
            return true;
        }
        idx = descriptor.next;
    }
    return false;
}

bool virtqueue_look(struct virtio *virtio, unsigned queue_idx, uint16_t head, struct chain *chain) {
    chain->head = head;
    chain->part_count = 0;
    chain->readable_count = 0;
    chain->readable_bytes = 0;
    chain->writable_bytes = 0;
    if (!virtio->queues[queue_idx].ready) {
        return false;
    }
    if (!chain_follow(virtio, &virtio->queues[queue_idx], chain)) {
        virtio_break(virtio);
        return false;
    }
    return true;
}

/* -- Taking and giving ------------------------------------------------------------------------- */

bool virtqueue_waiting(const struct virtio *virtio, unsigned queue_idx) {
    const struct virtqueue *queue = &virtio->queues[queue_idx];
    return virtio_works(virtio) && queue->ready && available_idx(virtio, queue) != queue->taken;
}

/* Between our word and our second look the driver may have put something there without telling:
 * it had not seen the word yet. */
static bool queue_empty(const struct virtio *virtio, const struct virtqueue *queue) {
    if (available_idx(virtio, queue) != queue->taken) {
        return false;
    }
    if ((virtio->accepted & VIRTIO_EVENT_IDX) == 0) {
        return true;
    }
    field_write(virtio, available_event_at(queue), queue->taken, 2);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return available_idx(virtio, queue) == queue->taken;
}

bool virtqueue_take(struct virtio *virtio, unsigned queue_idx, struct chain *chain) {
    struct virtqueue *queue = &virtio->queues[queue_idx];
    if (!virtio_works(virtio) || !queue->ready || queue_empty(virtio, queue)) {
        return false;
    }
    if ((uint16_t)(available_idx(virtio, queue) - queue->taken) > queue->size) {
        virtio_break(virtio);
        return false;
    }
    paddr entry = queue->available + RING_ENTRIES + 2 * (paddr)(queue->taken % queue->size);
    uint16_t head = (uint16_t)field_read(virtio, entry, 2);
    queue->taken++;
    return virtqueue_look(virtio, queue_idx, head, chain);
}

void virtqueue_untake(struct virtio *virtio, unsigned queue_idx) {
    virtio->queues[queue_idx].taken--;
}

/* Section 2.7.10: with the event index, the driver names the entry after which it wants to know. */
static bool driver_wants(const struct virtio *virtio, const struct virtqueue *queue) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if ((virtio->accepted & VIRTIO_EVENT_IDX) != 0) {
        uint16_t event = (uint16_t)field_read(virtio, used_event_at(queue), 2);
        return (uint16_t)(queue->given - 1) == event;
    }
    return (field_read(virtio, queue->available, 2) & AVAILABLE_NO_INTERRUPT) == 0;
}

void virtqueue_give(struct virtio *virtio, unsigned queue_idx, uint16_t head,
                    uint32_t written_bytes) {
    struct virtqueue *queue = &virtio->queues[queue_idx];
    if (!queue->ready) {
        return; /* the driver has put it to rest meanwhile, and its rings may lie anywhere */
    }
    paddr entry =
        queue->used + RING_ENTRIES + USED_ENTRY_BYTES * (paddr)(queue->given % queue->size);
    field_write(virtio, entry, head, 4);
    field_write(virtio, entry + 4, written_bytes, 4);
    queue->given++;
    field_write(virtio, queue->used + RING_IDX, queue->given, 2);
    if (driver_wants(virtio, queue)) {
        virtio_interrupt(virtio, VIRTIO_USED);
    }
}

/* -- Copying ----------------------------------------------------------------------------------- */

/** A stretch of a chain: parts [first, end), and how far into them. */
struct stretch {
    unsigned part, end;
    uint64_t offset;
};

/** The rest of the part that the stretch stands in. @return false at the end. */
static bool stretch_next(const struct chain *chain, struct stretch *stretch,
                         struct virtio_part *rest) {
    while (stretch->part < stretch->end) {
        const struct virtio_part *part = &chain->parts[stretch->part];
        if (stretch->offset < part->size_bytes) {
            rest->address = part->address + stretch->offset;
            rest->size_bytes = part->size_bytes - (uint32_t)stretch->offset;
            return true;
        }
        stretch->offset -= part->size_bytes;
        stretch->part++;
    }
    return false;
}

size_t chain_read(const struct virtio *virtio, const struct chain *chain, uint64_t offset,
                  void *bytes, size_t size_bytes) {
    struct stretch stretch = {0, chain->readable_count, offset};
    struct virtio_part rest;
    size_t done = 0;
    while (done < size_bytes && stretch_next(chain, &stretch, &rest)) {
        size_t part_bytes = min_u64(rest.size_bytes, size_bytes - done);
        ensure(ram_read(virtio->ram, rest.address, (uint8_t *)bytes + done, part_bytes));
        stretch.offset += part_bytes;
        done += part_bytes;
    }
    return done;
}

size_t chain_write(const struct virtio *virtio, const struct chain *chain, uint64_t offset,
                   const void *bytes, size_t size_bytes) {
    struct stretch stretch = {chain->readable_count, chain->part_count, offset};
    struct virtio_part rest;
    size_t done = 0;
    while (done < size_bytes && stretch_next(chain, &stretch, &rest)) {
        size_t part_bytes = min_u64(rest.size_bytes, size_bytes - done);
        ensure(ram_write(virtio->ram, rest.address, (const uint8_t *)bytes + done, part_bytes));
        stretch.offset += part_bytes;
        done += part_bytes;
    }
    return done;
}

/* -- State ------------------------------------------------------------------------------------- */

void virtqueue_state(struct virtqueue *queue, struct stream *stream) {
    stream_u16(stream, &queue->size);
    stream_bool(stream, &queue->ready);
    stream_u64(stream, &queue->descriptors);
    stream_u64(stream, &queue->available);
    stream_u64(stream, &queue->used);
    stream_u16(stream, &queue->taken);
    stream_u16(stream, &queue->given);
}
