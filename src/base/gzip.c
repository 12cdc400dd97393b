/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unpacks gzip in memory, up to a limit. */
#include "base/base.h"

#include <stdlib.h>
#include <zlib.h>

struct output {
    uint8_t *bytes;
    uint64_t size_bytes, room_bytes;
};

/* Doubles the room, from four times the input, up to the limit and one byte more. */
static bool output_grow(struct output *output, uint64_t input_bytes, uint64_t limit_bytes) {
    uint64_t wanted = output->room_bytes == 0 ? 4 * input_bytes : 2 * output->room_bytes;
    uint64_t room_bytes = min_u64(wanted, limit_bytes + 1);
    uint8_t *bytes = realloc(output->bytes, room_bytes);
    if (bytes == NULL) {
        return false;
    }
    output->bytes = bytes;
    output->room_bytes = room_bytes;
    return true;
}

/* Inflates one member. Returns Z_STREAM_END when done, Z_OK when the output passes the limit, else
 * zlib's error. */
static int inflate_all(z_stream *stream, struct output *output, uint64_t input_bytes,
                       uint64_t limit_bytes) {
    uint64_t read = 0;
    int outcome = Z_OK;
    while (outcome == Z_OK && output->size_bytes <= limit_bytes) {
        if (output->size_bytes == output->room_bytes &&
            !output_grow(output, input_bytes, limit_bytes)) {
            return Z_MEM_ERROR;
        }
        uInt input = (uInt)min_u64(input_bytes - read, 1 << 30);
        uInt room = (uInt)min_u64(output->room_bytes - output->size_bytes, 1 << 30);
        stream->avail_in = input;
        stream->avail_out = room;
        stream->next_out = output->bytes + output->size_bytes;
        outcome = inflate(stream, Z_NO_FLUSH);
        output->size_bytes += room - stream->avail_out;
        read += input - stream->avail_in;
    }
    return outcome == Z_STREAM_END && output->size_bytes > limit_bytes ? Z_OK : outcome;
}

static enum gzip outcome_of(int outcome) {
    switch (outcome) {
    case Z_STREAM_END:
        return GZIP_DONE;
    case Z_OK:
        return GZIP_LONG;
    case Z_BUF_ERROR:
        return GZIP_TRUNCATED;
    case Z_MEM_ERROR:
        return GZIP_NO_MEMORY;
    default:
        return GZIP_DAMAGED;
    }
}

bool gzip_magic(const void *bytes, size_t size_bytes) {
    const uint8_t *magic = bytes;
    return size_bytes >= 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

enum gzip gzip_unpack(const void *bytes, size_t size_bytes, uint64_t limit_bytes,
                      uint8_t **unpacked, size_t *unpacked_bytes) {
    /* zlib takes what it reads from as it pleases, but does not write to it. */
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes};
    enum { GZIP_ONLY = 16 };
    if (inflateInit2(&stream, GZIP_ONLY + MAX_WBITS) != Z_OK) {
        return GZIP_NO_MEMORY;
    }
    struct output output = {0};
    enum gzip outcome = outcome_of(inflate_all(&stream, &output, size_bytes, limit_bytes));
    inflateEnd(&stream);
    if (outcome != GZIP_DONE) {
        free(output.bytes);
        return outcome;
    }
    *unpacked = output.bytes;
    *unpacked_bytes = output.size_bytes;
    return GZIP_DONE;
}
