/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text into streams. Private to prof/. */
#ifndef PROF_PUT_H
#define PROF_PUT_H

#include "prof/profile.h"

/** As printf() does, up to some hundred characters. */
void put_format(struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void put_text(struct stream *stream, const char *text);

/** A string of JSON with its quotes, whatever bytes there are: what is no UTF-8 is replaced, and
 * nothing of it ends a script of HTML or a line of JavaScript. */
void put_json(struct stream *stream, const char *text);

/** A text that stays on its line: control characters and @p banned ones become '?'. */
void put_line(struct stream *stream, const char *text, const char *banned);

/** part/whole as "12.34 %", at most 100; "-" of nothing. */
enum { SHARE_CHARS = 16 };
const char *share_text(uint64_t part, uint64_t whole, char text[SHARE_CHARS]);

/** Digits in groups of three. */
enum { NUMBER_CHARS = 32 };
const char *number_text(uint64_t number, char text[NUMBER_CHARS]);

/** "1.234567890 s", as many digits as there are. */
const char *seconds_text(uint64_t ns, char text[NUMBER_CHARS]);

/** How many of the bytes are one character of UTF-8; 0: none. */
unsigned utf8_length(const char *text);

#endif
