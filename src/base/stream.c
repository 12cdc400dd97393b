/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fixed-width little-endian fields, the same bytes on every host. */
#include "base/base.h"

static void stream_number(struct stream *stream, uint64_t value, unsigned size_bytes) {
    uint8_t bytes[8];
    for (unsigned i = 0; i < size_bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    stream->put(stream->owner, bytes, size_bytes);
}

void stream_u8(struct stream *stream, uint8_t value) {
    stream_number(stream, value, 1);
}

void stream_u16(struct stream *stream, uint16_t value) {
    stream_number(stream, value, 2);
}

void stream_u32(struct stream *stream, uint32_t value) {
    stream_number(stream, value, 4);
}

void stream_u64(struct stream *stream, uint64_t value) {
    stream_number(stream, value, 8);
}

void stream_bool(struct stream *stream, bool value) {
    stream_number(stream, value ? 1 : 0, 1);
}

void stream_bytes(struct stream *stream, const void *bytes, size_t size_bytes) {
    stream->put(stream->owner, bytes, size_bytes);
}

void stream_name(struct stream *stream, const char *name, size_t size_bytes) {
    if (stream->name != NULL) {
        stream->name(stream->owner, name, size_bytes);
    }
}
