/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entropy for the guest, drawn from the seed of the run: as good as the seed, and the same each
 * time. */
#include "dev/virtio.h"

#include <stdlib.h>

enum { DEVICE_ID = 4, REQUEST_BYTES_MAX = 4096 };

struct virtio_rng {
    struct virtio virtio;
    uint64_t random; /* goes on over resets: the same bytes are never given twice */
};

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t random_next(uint64_t *state) {
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

/* The device may give less than was asked for. */
static uint32_t chain_fill(struct virtio_rng *rng, const struct chain *chain) {
    uint64_t want_bytes = min_u64(chain->writable_bytes, REQUEST_BYTES_MAX);
    uint64_t done_bytes = 0;
    while (done_bytes < want_bytes) {
        uint64_t word = random_next(&rng->random);
        done_bytes += chain_write(&rng->virtio, chain, done_bytes, &word,
                                  min_u64(sizeof word, want_bytes - done_bytes));
    }
    return (uint32_t)done_bytes;
}

static void rng_notified(struct virtio *virtio, unsigned queue) {
    struct chain chain;
    while (virtqueue_take(virtio, queue, &chain)) {
        virtqueue_give(virtio, queue, chain.head, chain_fill((struct virtio_rng *)virtio, &chain));
    }
}

static void rng_reset(struct virtio *virtio) {
    (void)virtio;
}

static void rng_state(struct virtio *virtio, struct stream *stream) {
    stream_u64(stream, &((struct virtio_rng *)virtio)->random);
}

static void rng_free(struct virtio *virtio) {
    free(virtio);
}

struct virtio *virtio_rng_new(struct ram *ram, uint64_t seed) {
    static const struct virtio_kind kind = {
        .name = "virtio-rng",
        .id = DEVICE_ID,
        .notified = rng_notified,
        .reset = rng_reset,
        .state = rng_state,
        .free = rng_free,
    };
    struct virtio_rng *rng = calloc(1, sizeof *rng);
    if (rng == NULL) {
        return NULL;
    }
    virtio_start(&rng->virtio, ram, &(struct virtio_shape){.kind = &kind, .queue_count = 1});
    rng->random = seed;
    return &rng->virtio;
}
