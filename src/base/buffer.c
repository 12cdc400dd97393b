/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes in memory that grow as they are told, and from which fields can be set again. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

void buffer_free(struct buffer *buffer) {
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

static void buffer_put(void *owner, const void *bytes, size_t size_bytes) {
    struct buffer *buffer = owner;
    if (buffer->size_bytes + size_bytes > buffer->room_bytes) {
        buffer->room_bytes = 2 * (buffer->size_bytes + size_bytes);
        buffer->bytes = realloc(buffer->bytes, buffer->room_bytes);
        ensure(buffer->bytes != NULL);
    }
    memcpy(buffer->bytes + buffer->size_bytes, bytes, size_bytes);
    buffer->size_bytes += size_bytes;
}

static bool buffer_take(void *owner, void *bytes, size_t size_bytes) {
    struct buffer *buffer = owner;
    if (size_bytes > buffer->size_bytes - buffer->taken_bytes) {
        return false;
    }
    memcpy(bytes, buffer->bytes + buffer->taken_bytes, size_bytes);
    buffer->taken_bytes += size_bytes;
    return true;
}

struct stream buffer_tell(struct buffer *buffer) {
    buffer->size_bytes = 0;
    return (struct stream){.put = buffer_put, .owner = buffer};
}

struct stream buffer_set(struct buffer *buffer) {
    buffer->taken_bytes = 0;
    return (struct stream){.take = buffer_take, .owner = buffer};
}
