/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of 9P messages: taken with every bound checked, put as long as there is room. */
#include "io/share.h"

#include <errno.h>
#include <string.h>

/* -- Taking ----------------------------------------------------------------------------------- */

const uint8_t *p9_take_bytes(struct p9_reader *in, size_t size_bytes) {
    if (in->defect != 0 || (size_t)(in->end - in->at) < size_bytes) {
        in->defect = in->defect == 0 ? EPROTO : in->defect;
        return NULL;
    }
    const uint8_t *bytes = in->at;
    in->at += size_bytes;
    return bytes;
}

static uint64_t take_number(struct p9_reader *in, unsigned size_bytes) {
    const uint8_t *bytes = p9_take_bytes(in, size_bytes);
    uint64_t value = 0;
    for (unsigned i = 0; bytes != NULL && i < size_bytes; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint8_t p9_take_u8(struct p9_reader *in) {
    return (uint8_t)take_number(in, 1);
}

uint16_t p9_take_u16(struct p9_reader *in) {
    return (uint16_t)take_number(in, 2);
}

uint32_t p9_take_u32(struct p9_reader *in) {
    return (uint32_t)take_number(in, 4);
}

uint64_t p9_take_u64(struct p9_reader *in) {
    return take_number(in, 8);
}

void p9_take_text(struct p9_reader *in, char *text, size_t size) {
    size_t length = p9_take_u16(in);
    const uint8_t *bytes = p9_take_bytes(in, length);
    text[0] = '\0';
    if (bytes == NULL) {
        return;
    }
    if (length >= size) {
        in->defect = ENAMETOOLONG;
    } else if (memchr(bytes, '\0', length) != NULL) {
        in->defect = EINVAL;
    } else {
        memcpy(text, bytes, length);
        text[length] = '\0';
    }
}

void p9_take_name(struct p9_reader *in, char name[NAME_MAX + 1]) {
    p9_take_text(in, name, NAME_MAX + 1);
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    if (in->defect == 0 && (name[0] == '\0' || dots || strchr(name, '/') != NULL)) {
        in->defect = EINVAL;
    }
}

int p9_take_end(struct p9_reader *in) {
    if (in->defect == 0 && in->at != in->end) {
        in->defect = EPROTO;
    }
    return in->defect;
}

/* -- Putting ---------------------------------------------------------------------------------- */

size_t p9_room(const struct p9_writer *out) {
    return out->limit_bytes - out->size_bytes;
}

static void put_bytes(struct p9_writer *out, const void *bytes, size_t size_bytes) {
    if (p9_room(out) < size_bytes) {
        out->full = true;
        return;
    }
    memcpy(out->bytes + out->size_bytes, bytes, size_bytes);
    out->size_bytes += size_bytes;
}

static void put_number(struct p9_writer *out, uint64_t value, unsigned size_bytes) {
    uint8_t bytes[8];
    for (unsigned i = 0; i < size_bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    put_bytes(out, bytes, size_bytes);
}

void p9_put_u8(struct p9_writer *out, uint8_t value) {
    put_number(out, value, 1);
}

void p9_put_u16(struct p9_writer *out, uint16_t value) {
    put_number(out, value, 2);
}

void p9_put_u32(struct p9_writer *out, uint32_t value) {
    put_number(out, value, 4);
}

void p9_put_u64(struct p9_writer *out, uint64_t value) {
    put_number(out, value, 8);
}

void p9_put_text(struct p9_writer *out, const char *text) {
    size_t length = strlen(text);
    ensure(length <= UINT16_MAX);
    p9_put_u16(out, (uint16_t)length);
    put_bytes(out, text, length);
}

void p9_put_qid(struct p9_writer *out, const struct qid *qid) {
    p9_put_u8(out, qid->type);
    p9_put_u32(out, qid->version);
    p9_put_u64(out, qid->file);
}
