/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text, numbers and JSON into streams. Nothing here depends on a locale. */
#include "prof/put.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void put_text(struct stream *stream, const char *text) {
    stream_put(stream, text, strlen(text));
}

void put_format(struct stream *stream, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ensure(length >= 0 && (size_t)length < sizeof text);
    stream_put(stream, text, (size_t)length);
}

/* -- Text of guests ---------------------------------------------------------------------------- */

unsigned utf8_length(const char *text) {
    const uint8_t *bytes = (const uint8_t *)text;
    unsigned length = bytes[0] < 0x80                       ? 1
                      : bytes[0] >= 0xc2 && bytes[0] < 0xe0 ? 2
                      : bytes[0] >= 0xe0 && bytes[0] < 0xf0 ? 3
                      : bytes[0] >= 0xf0 && bytes[0] < 0xf5 ? 4
                                                            : 0;
    for (unsigned i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) { /* the end of the text, too */
            return 0;
        }
    }
    /* Longer than need be, half of a pair, or beyond the last one. */
    bool other = (bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] >= 0xa0) ||
                 (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] >= 0x90);
    return length > 1 && other ? 0 : length;
}

/* @return What stands for the character in JSON, or NULL: itself. */
static const char *json_escape(const char *text, unsigned length, char escape[8]) {
    uint8_t byte = (uint8_t)*text;
    if (length == 0) {
        return "\\ufffd";
    }
    if (length == 3 && memcmp(text, "\xe2\x80", 2) == 0 && (text[2] & ~1) == (char)0xa8) {
        return text[2] == (char)0xa8 ? "\\u2028" : "\\u2029";
    }
    if (length > 1 || (byte >= ' ' && strchr("\"\\<>&'\x7f", byte) == NULL)) {
        return NULL;
    }
    snprintf(escape, 8, "\\u%04x", byte);
    return escape;
}

void put_json(struct stream *stream, const char *text) {
    const char *plain = text;
    char escape[8];
    stream_put(stream, "\"", 1);
    while (*text != '\0') {
        unsigned length = utf8_length(text);
        const char *other = json_escape(text, length, escape);
        if (other != NULL) {
            stream_put(stream, plain, (size_t)(text - plain));
            put_text(stream, other);
            plain = text + (length > 0 ? length : 1);
        }
        text += length > 0 ? length : 1;
    }
    stream_put(stream, plain, (size_t)(text - plain));
    stream_put(stream, "\"", 1);
}

void put_line(struct stream *stream, const char *text, const char *banned) {
    for (; *text != '\0'; text++) {
        bool out = (uint8_t)*text < ' ' || *text == 0x7f || strchr(banned, *text) != NULL;
        stream_put(stream, out ? "?" : text, 1);
    }
}

/* -- Numbers ----------------------------------------------------------------------------------- */

const char *share_text(uint64_t part, uint64_t whole, char text[SHARE_CHARS]) {
    if (whole == 0) {
        return strcpy(text, "-");
    }
    unsigned hundredths = (unsigned)(((unsigned __int128)part * 10000 + whole / 2) / whole);
    snprintf(text, SHARE_CHARS, "%u.%02u %%", hundredths / 100, hundredths % 100);
    return text;
}

const char *number_text(uint64_t number, char text[NUMBER_CHARS]) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *to++ = ' ';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *seconds_text(uint64_t ns, char text[NUMBER_CHARS]) {
    snprintf(text, NUMBER_CHARS, "%" PRIu64 ".%09" PRIu64 " s", ns / 1000000000, ns % 1000000000);
    return text;
}
