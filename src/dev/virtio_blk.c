/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk. When its requests complete follows from when they were announced, and from nothing else.
 *
 * 1. A notification takes all chains that wait and gives each a time: now plus the latency. That
 *    is all a request is until then, a head and a time; so it is all that has to be saved.
 * 2. When the time has come, the chain is read again, checked, and done as a whole: memory and disk
 *    change at that moment. If the host's disk takes long, the machine stands still meanwhile.
 * 3. All requests have the same latency, so they complete in the order of their arrival. With chaos
 *    each takes up to twice as long, as is drawn for it, and one may overtake another.
 * 4. What a request asks for that cannot be is answered with an error status (section 5.2.6); what
 *    is no request at all (no header, no room for a status, more under way than descriptors exist)
 *    breaks the device.
 * 5. When the host fails, the request stays unanswered: the run is about to end, and the guest must
 *    not see what happens to the host. */
#include "dev/virtio.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEVICE_ID = 2,
    CONFIG_BYTES = 60,
    SEGMENT_BYTES_MAX = 1 << 16,
    SEGMENTS_MAX = VIRTIO_QUEUE_SIZE_MAX - 2, /* header and status take one each */
    REQUEST_BYTES_MAX = SEGMENT_BYTES_MAX * SEGMENTS_MAX,
    RANGE_SECTORS_MAX = 1 << 22, /* to discard or zero at once: 2 GiB */
    RANGES_MAX = 16,
    PIECE_BYTES = 1 << 18,
    SERIAL_BYTES = 20
};

/** Section 5.2.3. */
enum feature {
    FEATURE_SIZE_MAX = 1 << 1,
    FEATURE_SEG_MAX = 1 << 2,
    FEATURE_READ_ONLY = 1 << 5,
    FEATURE_BLOCK_SIZE = 1 << 6,
    FEATURE_FLUSH = 1 << 9,
    FEATURE_TOPOLOGY = 1 << 10,
    FEATURE_DISCARD = 1 << 13,
    FEATURE_WRITE_ZEROES = 1 << 14
};

/** Section 5.2.6. */
enum request_type {
    REQUEST_IN = 0,
    REQUEST_OUT = 1,
    REQUEST_FLUSH = 4,
    REQUEST_GET_ID = 8,
    REQUEST_DISCARD = 11,
    REQUEST_WRITE_ZEROES = 13
};

enum request_status { REQUEST_OK = 0, REQUEST_IO_ERROR = 1, REQUEST_UNSUPPORTED = 2 };

/** As it stands at the start of each request, little-endian. */
struct header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

/** A range to discard or zero. */
struct range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags; /* 1: may be unmapped */
};

/** Under way. */
struct request {
    uint16_t head;
    vtime due_ns;
};

struct virtio_blk {
    struct virtio virtio;
    struct sched *sched;
    struct disk *disk;
    struct timer timer; /* armed for the first request */
    vtime latency_ns;
    char serial[SERIAL_BYTES];
    uint32_t request_count;
    struct request requests[VIRTIO_QUEUE_SIZE_MAX]; /* in the order of their arrival */
    uint8_t piece[PIECE_BYTES];
};

static struct virtio_blk *of(struct virtio *virtio) {
    return (struct virtio_blk *)virtio;
}

/* -- Doing ------------------------------------------------------------------------------------- */

/** What came of a request. */
struct outcome {
    enum request_status status;
    uint64_t written_bytes; /* to the guest, without the status */
    bool host_failed;
};

static bool range_fits(const struct virtio_blk *blk, uint64_t sector, uint64_t size_bytes) {
    uint64_t sectors = disk_sectors(blk->disk);
    return size_bytes % SECTOR_BYTES == 0 && sector <= sectors &&
           size_bytes / SECTOR_BYTES <= sectors - sector;
}

/* Piece by piece, so that what the host has to hold does not depend on what the guest asks for. */
static struct outcome do_in(struct virtio_blk *blk, const struct chain *chain, uint64_t sector) {
    uint64_t size_bytes = chain->writable_bytes - 1;
    if (size_bytes > REQUEST_BYTES_MAX || !range_fits(blk, sector, size_bytes)) {
        return (struct outcome){.status = REQUEST_IO_ERROR};
    }
    for (uint64_t done = 0; done < size_bytes; done += PIECE_BYTES) {
        size_t part_bytes = min_u64(PIECE_BYTES, size_bytes - done);
        if (!disk_read(blk->disk, sector * SECTOR_BYTES + done, blk->piece, part_bytes)) {
            return (struct outcome){.host_failed = true};
        }
        chain_write(&blk->virtio, chain, done, blk->piece, part_bytes);
    }
    return (struct outcome){.status = REQUEST_OK, .written_bytes = size_bytes};
}

static struct outcome do_out(struct virtio_blk *blk, const struct chain *chain, uint64_t sector) {
    uint64_t size_bytes = chain->readable_bytes - sizeof(struct header);
    if (disk_read_only(blk->disk) || size_bytes > REQUEST_BYTES_MAX ||
        !range_fits(blk, sector, size_bytes)) {
        return (struct outcome){.status = REQUEST_IO_ERROR};
    }
    for (uint64_t done = 0; done < size_bytes; done += PIECE_BYTES) {
        size_t part_bytes = min_u64(PIECE_BYTES, size_bytes - done);
        chain_read(&blk->virtio, chain, sizeof(struct header) + done, blk->piece, part_bytes);
        if (!disk_write(blk->disk, sector * SECTOR_BYTES + done, blk->piece, part_bytes)) {
            return (struct outcome){.host_failed = true};
        }
    }
    return (struct outcome){.status = REQUEST_OK};
}

static struct outcome do_flush(struct virtio_blk *blk) {
    return (struct outcome){.status = REQUEST_OK, .host_failed = !disk_flush(blk->disk)};
}

static struct outcome do_get_id(struct virtio_blk *blk, const struct chain *chain) {
    uint64_t room_bytes = min_u64(SERIAL_BYTES, chain->writable_bytes - 1);
    uint64_t done = chain_write(&blk->virtio, chain, 0, blk->serial, room_bytes);
    return (struct outcome){.status = REQUEST_OK, .written_bytes = done};
}

static enum request_status range_check(const struct virtio_blk *blk, const struct range *range,
                                       uint32_t flags_known) {
    if ((range->flags & ~flags_known) != 0) {
        return REQUEST_UNSUPPORTED;
    }
    bool fits = range->sectors <= RANGE_SECTORS_MAX &&
                range_fits(blk, range->sector, (uint64_t)range->sectors * SECTOR_BYTES);
    return fits ? REQUEST_OK : REQUEST_IO_ERROR;
}

/* All ranges are looked at before the first one changes anything. */
static struct outcome do_zero(struct virtio_blk *blk, const struct chain *chain,
                              enum request_type type) {
    struct range ranges[RANGES_MAX];
    uint64_t size_bytes = chain->readable_bytes - sizeof(struct header);
    uint64_t count = size_bytes / sizeof ranges[0];
    if (disk_read_only(blk->disk) || size_bytes % sizeof ranges[0] != 0 || count > RANGES_MAX) {
        return (struct outcome){.status = REQUEST_IO_ERROR};
    }
    chain_read(&blk->virtio, chain, sizeof(struct header), ranges, size_bytes);
    for (uint64_t i = 0; i < count; i++) {
        enum request_status status =
            range_check(blk, &ranges[i], type == REQUEST_WRITE_ZEROES ? 1 : 0);
        if (status != REQUEST_OK) {
            return (struct outcome){.status = status};
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t range_bytes = (uint64_t)ranges[i].sectors * SECTOR_BYTES;
        if (!disk_zero(blk->disk, ranges[i].sector * SECTOR_BYTES, range_bytes)) {
            return (struct outcome){.host_failed = true};
        }
    }
    return (struct outcome){.status = REQUEST_OK};
}

static struct outcome do_request(struct virtio_blk *blk, const struct chain *chain,
                                 const struct header *header) {
    switch (header->type) {
    case REQUEST_IN:
        return do_in(blk, chain, header->sector);
    case REQUEST_OUT:
        return do_out(blk, chain, header->sector);
    case REQUEST_FLUSH:
        return do_flush(blk);
    case REQUEST_GET_ID:
        return do_get_id(blk, chain);
    case REQUEST_DISCARD:
    case REQUEST_WRITE_ZEROES:
        return do_zero(blk, chain, (enum request_type)header->type);
    default:
        return (struct outcome){.status = REQUEST_UNSUPPORTED};
    }
}

/* The status is the last byte that the device may write. */
static void request_complete(struct virtio_blk *blk, uint16_t head) {
    struct chain chain;
    struct header header;
    struct virtio *virtio = &blk->virtio;
    if (!virtqueue_look(virtio, 0, head, &chain)) {
        return;
    }
    if (chain_read(virtio, &chain, 0, &header, sizeof header) != sizeof header ||
        chain.writable_bytes == 0) {
        virtio_break(virtio);
        return;
    }
    struct outcome outcome = do_request(blk, &chain, &header);
    if (outcome.host_failed) {
        return;
    }
    uint8_t status = (uint8_t)outcome.status;
    chain_write(virtio, &chain, chain.writable_bytes - 1, &status, sizeof status);
    virtqueue_give(virtio, 0, head, (uint32_t)outcome.written_bytes + 1);
}

/* -- Time -------------------------------------------------------------------------------------- */

static void timer_set(struct virtio_blk *blk) {
    if (blk->request_count > 0 && virtio_works(&blk->virtio)) {
        timer_arm(&blk->timer, blk->requests[0].due_ns);
    }
}

static void requests_due(void *owner) {
    struct virtio_blk *blk = owner;
    vtime now = blk->timer.due_ns;
    while (blk->request_count > 0 && blk->requests[0].due_ns <= now && virtio_works(&blk->virtio)) {
        struct request request = blk->requests[0];
        blk->request_count--;
        memmove(blk->requests, blk->requests + 1, blk->request_count * sizeof request);
        request_complete(blk, request.head);
    }
    timer_set(blk);
}

/* With several harts, one whose clock is behind may announce a request after one whose is ahead:
 * the list stays in the order of due times, equal ones in order of arrival. */
static void request_add(struct virtio_blk *blk, uint16_t head) {
    vtime taken_ns = add_sat_i64(blk->latency_ns, sched_delay(blk->sched, head, blk->latency_ns));
    struct request request = {head, add_sat_i64(sched_now(blk->sched), taken_ns)};
    unsigned idx = blk->request_count++;
    for (; idx > 0 && blk->requests[idx - 1].due_ns > request.due_ns; idx--) {
        blk->requests[idx] = blk->requests[idx - 1];
    }
    blk->requests[idx] = request;
}

static void blk_notified(struct virtio *virtio, unsigned queue) {
    struct virtio_blk *blk = of(virtio);
    struct chain chain;
    while (virtqueue_take(virtio, queue, &chain)) {
        if (blk->request_count == virtio->queues[queue].size) {
            virtio_break(virtio);
            return;
        }
        request_add(blk, chain.head);
    }
    timer_set(blk);
}

/* -- Life -------------------------------------------------------------------------------------- */

/* What is under way is not done: the driver has given up waiting for it. */
static void requests_forget(struct virtio_blk *blk) {
    blk->request_count = 0;
    timer_cancel(&blk->timer);
}

static void blk_rested(struct virtio *virtio, unsigned queue) {
    (void)queue;
    requests_forget(of(virtio));
}

static void blk_reset(struct virtio *virtio) {
    requests_forget(of(virtio));
}

static void blk_state(struct virtio *virtio, struct stream *stream) {
    struct virtio_blk *blk = (struct virtio_blk *)virtio;
    stream_count(stream, &blk->request_count, COUNT(blk->requests));
    for (unsigned i = 0; i < blk->request_count; i++) {
        stream_u16(stream, &blk->requests[i].head);
        stream_s64(stream, &blk->requests[i].due_ns);
    }
    timer_state(&blk->timer, stream);
    disk_state(blk->disk, stream);
}

static void blk_free(struct virtio *virtio) {
    timer_cancel(&of(virtio)->timer);
    free(virtio);
}

/* Section 5.2.4. */
static void config_fill(struct virtio_blk *blk) {
    static const struct {
        uint8_t offset, size_bytes;
        uint32_t value;
    } fields[] = {
        {8, 4, SEGMENT_BYTES_MAX},
        {12, 4, SEGMENTS_MAX},
        {20, 4, SECTOR_BYTES},
        {24, 1, 3 /* physical blocks of 2^3 sectors */},
        {26, 2, 8},
        {36, 4, RANGE_SECTORS_MAX},
        {40, 4, RANGES_MAX},
        {44, 4, 8 /* alignment of discards [sectors] */},
        {48, 4, RANGE_SECTORS_MAX},
        {52, 4, RANGES_MAX},
        {56, 1, 1 /* what is zeroed may be unmapped */},
    };
    virtio_config_put(&blk->virtio, 0, disk_sectors(blk->disk), 8);
    for (size_t i = 0; i < COUNT(fields); i++) {
        virtio_config_put(&blk->virtio, fields[i].offset, fields[i].value, fields[i].size_bytes);
    }
}

struct virtio *virtio_blk_new(struct ram *ram, struct sched *sched,
                              const struct virtio_blk_options *options) {
    static const struct virtio_kind kind = {
        .name = "virtio-blk",
        .id = DEVICE_ID,
        .notified = blk_notified,
        .rested = blk_rested,
        .reset = blk_reset,
        .state = blk_state,
        .free = blk_free,
    };
    uint64_t features =
        FEATURE_SIZE_MAX | FEATURE_SEG_MAX | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | FEATURE_TOPOLOGY;
    features |=
        disk_read_only(options->disk) ? FEATURE_READ_ONLY : FEATURE_DISCARD | FEATURE_WRITE_ZEROES;
    struct virtio_blk *blk = calloc(1, sizeof *blk);
    if (blk == NULL) {
        return NULL;
    }
    if (!timer_attach(&sched->timers, &blk->timer, requests_due, blk)) {
        free(blk);
        return NULL;
    }
    virtio_start(
        &blk->virtio, ram,
        &(struct virtio_shape){
            .kind = &kind, .features = features, .queue_count = 1, .config_bytes = CONFIG_BYTES});
    blk->sched = sched;
    blk->disk = options->disk;
    blk->latency_ns = options->latency_ns;
    if (options->serial != NULL) {
        memcpy(blk->serial, options->serial, min_u64(strlen(options->serial), SERIAL_BYTES));
    }
    config_fill(blk);
    return &blk->virtio;
}
