/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of the remote serial protocol: "$body#sum", sum being two digits for the sum of all bytes
 * between, modulo 256. '}' in front of a byte says that it was XORed with 0x20. Other bytes between
 * packets are '+' and '-', which answer packets, and Ctrl-C. */
#include "machine/gdb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ESCAPE = '}', ESCAPE_XOR = 0x20, CTRL_C = 3, TEXT_FIRST = 256 };

static const char digits[] = "0123456789abcdef";

/* -- Text -------------------------------------------------------------------------------------- */

/** Room for so many more bytes, and the 0. */
static char *text_room(struct text *text, size_t size_bytes) {
    if (text->count + size_bytes >= text->room) {
        text->room = 2 * (text->count + size_bytes) + TEXT_FIRST;
        text->bytes = realloc(text->bytes, text->room);
        ensure(text->bytes != NULL);
    }
    return text->bytes + text->count;
}

void text_put(struct text *text, const void *bytes, size_t size_bytes) {
    char *at = text_room(text, size_bytes);
    memcpy(at, bytes, size_bytes);
    at[size_bytes] = '\0';
    text->count += size_bytes;
}

void text_add(struct text *text, const char *format, ...) {
    char *made = NULL;
    va_list values;
    va_start(values, format);
    int count = vasprintf(&made, format, values);
    va_end(values);
    ensure(count >= 0);
    text_put(text, made, (size_t)count);
    free(made);
}

void text_hex(struct text *text, const void *bytes, size_t size_bytes) {
    const uint8_t *from = bytes;
    char *at = text_room(text, 2 * size_bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        at[2 * i] = digits[from[i] >> 4];
        at[2 * i + 1] = digits[from[i] & 15];
    }
    at[2 * size_bytes] = '\0';
    text->count += 2 * size_bytes;
}

void text_word(struct text *text, uint64_t value, unsigned size_bytes) {
    uint8_t bytes[sizeof value];
    for (unsigned i = 0; i < size_bytes; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    text_hex(text, bytes, size_bytes);
}

void text_binary(struct text *text, const void *bytes, size_t size_bytes) {
    const char *from = bytes;
    for (size_t i = 0; i < size_bytes; i++) {
        bool special = from[i] == '#' || from[i] == '$' || from[i] == '*' || from[i] == ESCAPE;
        const char pair[2] = {ESCAPE, (char)(from[i] ^ ESCAPE_XOR)};
        text_put(text, special ? pair : &from[i], special ? 2 : 1);
    }
}

void text_clear(struct text *text) {
    text->count = 0;
    text_room(text, 0)[0] = '\0';
}

void text_free(struct text *text) {
    free(text->bytes);
    *text = (struct text){0};
}

/* -- Reading packets --------------------------------------------------------------------------- */

static int digit_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

static void packet_begin(struct packet *packet) {
    packet->state = PACKET_INSIDE;
    packet->sum = 0;
    packet->escaped = false;
    packet->huge = false;
    packet->count = 0;
}

static enum packet_event outside_take(struct packet *packet, uint8_t byte) {
    switch (byte) {
    case '$':
        packet_begin(packet);
        return PACKET_MORE;
    case '+':
        return PACKET_TAKEN;
    case '-':
        return PACKET_AGAIN;
    case CTRL_C:
        return PACKET_BREAK;
    default:
        return PACKET_MORE;
    }
}

/* A '$' inside is the begin of another packet: the end of this one was lost. */
static void inside_take(struct packet *packet, uint8_t byte) {
    if (byte == '$') {
        packet_begin(packet);
        return;
    }
    if (byte == '#') {
        packet->state = PACKET_SUM_HIGH;
        packet->body[packet->count] = '\0';
        return;
    }
    packet->sum = (uint8_t)(packet->sum + byte);
    if (byte == ESCAPE && !packet->escaped) {
        packet->escaped = true;
        return;
    }
    if (packet->count == PACKET_BYTES_MAX) {
        packet->huge = true;
        return;
    }
    packet->body[packet->count++] = (char)(packet->escaped ? byte ^ ESCAPE_XOR : byte);
    packet->escaped = false;
}

enum packet_event packet_take(struct packet *packet, uint8_t byte) {
    int digit = digit_value((char)byte);
    switch (packet->state) {
    case PACKET_OUTSIDE:
        return outside_take(packet, byte);
    case PACKET_INSIDE:
        inside_take(packet, byte);
        return PACKET_MORE;
    case PACKET_SUM_HIGH:
        packet->told = (uint8_t)(digit < 0 ? 0 : digit << 4);
        packet->state = digit < 0 ? PACKET_OUTSIDE : PACKET_SUM_LOW;
        return digit < 0 ? PACKET_DAMAGED : PACKET_MORE;
    case PACKET_SUM_LOW:
        break;
    }
    packet->state = PACKET_OUTSIDE;
    bool right = digit >= 0 && (packet->told | digit) == packet->sum;
    return right && !packet->huge && !packet->escaped ? PACKET_WHOLE : PACKET_DAMAGED;
}

void packet_write(struct stream *line, const struct text *body) {
    uint8_t sum = 0;
    for (size_t i = 0; i < body->count; i++) {
        sum = (uint8_t)(sum + (uint8_t)body->bytes[i]);
    }
    const char tail[3] = {'#', digits[sum >> 4], digits[sum & 15]};
    line->put(line->owner, "$", 1);
    line->put(line->owner, body->bytes, body->count);
    line->put(line->owner, tail, sizeof tail);
}

/* -- Words in packets -------------------------------------------------------------------------- */

bool hex_number(const char **at, uint64_t *value) {
    const char *from = *at;
    uint64_t number = 0;
    while (digit_value(*from) >= 0) {
        if (number >> 60 != 0) {
            return false;
        }
        number = number << 4 | (uint64_t)digit_value(*from++);
    }
    bool some = from != *at;
    *at = from;
    *value = number;
    return some;
}

bool hex_bytes(const char **at, uint8_t *bytes, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++) {
        int high = digit_value((*at)[0]);
        int low = high < 0 ? -1 : digit_value((*at)[1]);
        if (low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
        *at += 2;
    }
    return true;
}

bool hex_word(const char **at, uint64_t *value, unsigned size_bytes) {
    uint8_t bytes[sizeof *value];
    if (!hex_bytes(at, bytes, size_bytes)) {
        return false;
    }
    *value = 0;
    for (unsigned i = 0; i < size_bytes; i++) {
        *value |= (uint64_t)bytes[i] << 8 * i;
    }
    return true;
}

bool word_pass(const char **at, const char *word) {
    size_t length = strlen(word);
    bool there = strncmp(*at, word, length) == 0;
    *at += there ? length : 0;
    return there;
}
