/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says in words in what two pictures of a hart differ: hart_state() itself names the fields. */
#include "machine/differ.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS_SHOWN_MAX = 4 };

bool pictures_same(const struct pictures *pictures) {
    const struct buffer *a = &pictures->translated, *b = &pictures->interpreted;
    return a->size_bytes == b->size_bytes && memcmp(a->bytes, b->bytes, a->size_bytes) == 0;
}

void pictures_free(struct pictures *pictures) {
    buffer_free(&pictures->translated);
    buffer_free(&pictures->interpreted);
}

/* -- Fields ------------------------------------------------------------------------------------ */

/** The field around one byte of a hart's walk. */
struct field {
    size_t wanted; /* the byte */
    size_t walked_bytes;
    const char *name;
    size_t start, end;  /* of what bears the name: one field or several */
    size_t field_bytes; /* each of them */
};

static void field_put(void *owner, const void *bytes, size_t size_bytes) {
    struct field *field = owner;
    (void)bytes;
    field->walked_bytes += size_bytes;
}

static void field_name(void *owner, const char *name, size_t size_bytes) {
    struct field *field = owner;
    if (field->walked_bytes <= field->wanted) {
        field->name = name;
        field->start = field->walked_bytes;
        field->field_bytes = size_bytes;
    } else if (field->end == 0) {
        field->end = field->walked_bytes;
    }
}

static uint64_t field_value(const struct buffer *picture, size_t at, size_t size_bytes) {
    uint64_t value = 0;
    for (size_t i = size_bytes; i-- > 0;) {
        value = value << 8 | picture->bytes[at + i];
    }
    return value;
}

/** The field that byte @p at of both pictures lies in. */
static struct field field_at(struct hart *hart, size_t at) {
    struct field field = {.wanted = at};
    struct stream stream = {.put = field_put, .owner = &field, .name = field_name};
    hart_state(hart, &stream);
    field.end = field.end == 0 ? field.walked_bytes : field.end;
    return field;
}

void wording_add(struct wording *wording, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(wording->at + wording->count, sizeof wording->at - wording->count, format,
                          arguments);
    va_end(arguments);
    wording->count = min_u64(wording->count + (size_t)count, sizeof wording->at - 1);
}

/** Says what differs in the field that byte @p at lies in. @return The first byte behind it. */
static size_t field_tell(const struct pictures *pictures, size_t at, struct wording *wording) {
    struct field field = field_at(pictures->hart, at);
    size_t idx = (at - field.start) / field.field_bytes;
    size_t start = field.start + idx * field.field_bytes;
    wording_add(wording, "%s%s", wording->count == 0 ? "" : ", ", field.name);
    if (field.end - field.start > field.field_bytes) {
        wording_add(wording, "%zu", idx);
    }
    wording_add(wording, " = 0x%" PRIx64 " translated, 0x%" PRIx64 " interpreted",
                field_value(&pictures->translated, start, field.field_bytes),
                field_value(&pictures->interpreted, start, field.field_bytes));
    return start + field.field_bytes;
}

void pictures_tell(const struct pictures *pictures, struct wording *wording) {
    const uint8_t *translated = pictures->translated.bytes;
    const uint8_t *interpreted = pictures->interpreted.bytes;
    size_t at = 0;
    unsigned more = 0;
    for (unsigned told = 0; at < pictures->translated.size_bytes;) {
        if (translated[at] == interpreted[at]) {
            at++;
        } else if (told < FIELDS_SHOWN_MAX) {
            at = field_tell(pictures, at, wording);
            told++;
        } else {
            struct field field = field_at(pictures->hart, at);
            at += field.field_bytes - (at - field.start) % field.field_bytes;
            more++;
        }
    }
    if (more > 0) {
        wording_add(wording, ", and %u more", more);
    }
}
