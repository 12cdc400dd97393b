/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fixed-width little-endian fields, the same bytes on every host: all hosts are little-endian. */
#include "base/base.h"

#include <string.h>

/* -- Walks that set ---------------------------------------------------------------------------- */

bool stream_expect(struct stream *stream, bool holds, const char *defect) {
    ensure(holds || stream_sets(stream));
    if (!holds && stream->defect == NULL) {
        stream->defect = defect;
    }
    return stream_sound(stream);
}

static void bytes_take(struct stream *stream, void *bytes, size_t size_bytes) {
    if (stream_sound(stream) && !stream->take(stream->owner, bytes, size_bytes)) {
        stream->defect = "ends too early";
    }
    if (!stream_sound(stream)) {
        memset(bytes, 0, size_bytes);
    }
}

/* -- Fields ------------------------------------------------------------------------------------ */

static uint64_t number_walk(struct stream *stream, uint64_t value, unsigned size_bytes) {
    if (!stream_sets(stream)) {
        stream->put(stream->owner, &value, size_bytes);
        return value;
    }
    value = 0;
    bytes_take(stream, &value, size_bytes);
    return value;
}

void stream_u8(struct stream *stream, uint8_t *value) {
    *value = (uint8_t)number_walk(stream, *value, 1);
}

void stream_u16(struct stream *stream, uint16_t *value) {
    *value = (uint16_t)number_walk(stream, *value, 2);
}

void stream_u32(struct stream *stream, uint32_t *value) {
    *value = (uint32_t)number_walk(stream, *value, 4);
}

void stream_u64(struct stream *stream, uint64_t *value) {
    *value = number_walk(stream, *value, 8);
}

void stream_s64(struct stream *stream, int64_t *value) {
    *value = (int64_t)number_walk(stream, (uint64_t)*value, 8);
}

void stream_bool(struct stream *stream, bool *value) {
    uint64_t byte = number_walk(stream, *value ? 1 : 0, 1);
    *value = stream_expect(stream, byte <= 1, "holds a truth that is neither 0 nor 1") && byte == 1;
}

void stream_bytes(struct stream *stream, void *bytes, size_t size_bytes) {
    if (stream_sets(stream)) {
        bytes_take(stream, bytes, size_bytes);
    } else {
        stream->put(stream->owner, bytes, size_bytes);
    }
}

void stream_count(struct stream *stream, uint32_t *value, uint32_t max) {
    stream_u32(stream, value);
    if (!stream_expect(stream, *value <= max, "holds a number that is too great")) {
        *value = 0;
    }
}

void stream_constant(struct stream *stream, uint64_t value, const char *defect) {
    uint64_t found = number_walk(stream, value, 8);
    (void)stream_expect(stream, found == value, defect);
}

void stream_name(struct stream *stream, const char *name, size_t size_bytes) {
    if (stream->name != NULL) {
        stream->name(stream->owner, name, size_bytes);
    }
}

void stream_put(struct stream *stream, const void *bytes, size_t size_bytes) {
    stream->put(stream->owner, bytes, size_bytes);
}
