/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers for what is met again and again. Private to prof/. */
#ifndef PROF_INTERN_H
#define PROF_INTERN_H

#include "base/base.h"

/** Each text once: equal ones have one address. Empty when all zeros. */
struct texts {
    struct text_block *blocks;
    const char **slots;
    size_t slot_count, count;
};

/** @param text  NULL is "". @return One that lasts until texts_free(). */
const char *texts_keep(struct texts *texts, const char *text);
/** A copy of its own, whether or not there is an equal one. @return As texts_keep(). */
const char *texts_copy(struct texts *texts, const char *text);
void texts_free(struct texts *texts);

enum { KEY_WORDS = 4 };

/** Numbers keys from 0 on, in the order in which they come. Empty when all zeros. */
struct keys {
    uint64_t (*words)[KEY_WORDS];
    uint32_t *slots;
    size_t slot_count, count;
};

/** The number of a key, a new one if there is none. @param fresh  Set: is it new? */
uint32_t keys_get(struct keys *keys, const uint64_t words[KEY_WORDS], bool *fresh);
void keys_free(struct keys *keys);

/** Room for one more behind @p count elements; it is doubled when there is none. */
void *array_grow(void *array, size_t count, size_t size_bytes);

#endif
