/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents of blocks: digests, zeros, and how state walks see them. */
#include "io/disk.h"

#include <string.h>
#include <xxhash.h>

#define ZEROS_DIGEST UINT64_C(0x93d76fe148c689ba)

uint64_t block_digest(const void *bytes) {
    return XXH3_64bits(bytes, BLOCK_BYTES);
}

/* The digest says no at once, almost always. */
bool block_is_zeros(const void *bytes, uint64_t digest) {
    static const uint8_t zeros[BLOCK_BYTES];
    return digest == ZEROS_DIGEST && memcmp(bytes, zeros, BLOCK_BYTES) == 0;
}

static void run_walk(struct block_walk *walk, uint64_t block, uint64_t count, uint64_t digest) {
    stream_u64(walk->stream, &block);
    stream_u64(walk->stream, &count);
    stream_u64(walk->stream, &digest);
}

static void zeros_walk(struct block_walk *walk) {
    if (walk->zeros_count > 0) {
        run_walk(walk, walk->zeros_from, walk->zeros_count, ZEROS_DIGEST);
        walk->zeros_count = 0;
    }
}

void block_walk_zeros(struct block_walk *walk, uint64_t block, uint64_t count) {
    if (walk->zeros_from + walk->zeros_count != block) {
        zeros_walk(walk);
    }
    if (walk->zeros_count == 0) {
        walk->zeros_from = block;
    }
    walk->zeros_count += count;
}

void block_walk_one(struct block_walk *walk, uint64_t block, uint64_t digest) {
    zeros_walk(walk);
    run_walk(walk, block, 1, digest);
}

void block_walk_end(struct block_walk *walk) {
    uint64_t end = UINT64_MAX;
    zeros_walk(walk);
    stream_u64(walk->stream, &end);
}
