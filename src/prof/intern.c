/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open addressing, twice: texts and keys. Numbers hang on the order of arrival alone. */
#include "prof/intern.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { BLOCK_BYTES = 64 << 10, SLOTS_MIN = 64 };

/* Powers of two are when it is full: so no array has to keep its room. */
void *array_grow(void *array, size_t count, size_t size_bytes) {
    if ((count & (count - 1)) != 0) {
        return array;
    }
    ensure(count < UINT32_MAX / 2);
    array = reallocarray(array, count == 0 ? 1 : 2 * count, size_bytes);
    ensure(array != NULL);
    return array;
}

/* -- Texts ------------------------------------------------------------------------------------- */

struct text_block {
    struct text_block *next;
    size_t used_bytes, room_bytes;
    char text[];
};

const char *texts_copy(struct texts *texts, const char *text) {
    size_t size_bytes = strlen(text) + 1;
    struct text_block *block = texts->blocks;
    if (block == NULL || size_bytes > block->room_bytes - block->used_bytes) {
        size_t room_bytes = size_bytes > BLOCK_BYTES ? size_bytes : BLOCK_BYTES;
        block = malloc(sizeof *block + room_bytes);
        ensure(block != NULL);
        *block = (struct text_block){.next = texts->blocks, .room_bytes = room_bytes};
        texts->blocks = block;
    }
    char *copy = block->text + block->used_bytes;
    memcpy(copy, text, size_bytes);
    block->used_bytes += size_bytes;
    return copy;
}

static const char **text_slot(const struct texts *texts, const char *text, size_t length) {
    size_t at = XXH3_64bits(text, length) & (texts->slot_count - 1);
    while (texts->slots[at] != NULL && strcmp(texts->slots[at], text) != 0) {
        at = (at + 1) & (texts->slot_count - 1);
    }
    return &texts->slots[at];
}

static void texts_widen(struct texts *texts) {
    struct texts wide = *texts;
    wide.slot_count = texts->slot_count == 0 ? SLOTS_MIN : 2 * texts->slot_count;
    wide.slots = calloc(wide.slot_count, sizeof *wide.slots);
    ensure(wide.slots != NULL);
    for (size_t i = 0; i < texts->slot_count; i++) {
        const char *text = texts->slots[i];
        if (text != NULL) {
            *text_slot(&wide, text, strlen(text)) = text;
        }
    }
    free(texts->slots);
    *texts = wide;
}

const char *texts_keep(struct texts *texts, const char *text) {
    text = text == NULL ? "" : text;
    if (2 * (texts->count + 1) > texts->slot_count) {
        texts_widen(texts);
    }
    size_t length = strlen(text);
    const char **slot = text_slot(texts, text, length);
    if (*slot == NULL) {
        *slot = texts_copy(texts, text);
        texts->count++;
    }
    return *slot;
}

void texts_free(struct texts *texts) {
    for (struct text_block *block = texts->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(texts->slots);
    *texts = (struct texts){0};
}

/* -- Keys -------------------------------------------------------------------------------------- */

static uint32_t *key_slot(const struct keys *keys, const uint64_t words[KEY_WORDS]) {
    size_t size_bytes = KEY_WORDS * sizeof words[0];
    size_t at = XXH3_64bits(words, size_bytes) & (keys->slot_count - 1);
    while (keys->slots[at] != UINT32_MAX &&
           memcmp(keys->words[keys->slots[at]], words, size_bytes) != 0) {
        at = (at + 1) & (keys->slot_count - 1);
    }
    return &keys->slots[at];
}

static void keys_widen(struct keys *keys) {
    keys->slot_count = keys->slot_count == 0 ? SLOTS_MIN : 2 * keys->slot_count;
    free(keys->slots);
    keys->slots = malloc(keys->slot_count * sizeof *keys->slots);
    ensure(keys->slots != NULL);
    memset(keys->slots, 0xff, keys->slot_count * sizeof *keys->slots);
    for (size_t i = 0; i < keys->count; i++) {
        *key_slot(keys, keys->words[i]) = (uint32_t)i;
    }
}

uint32_t keys_get(struct keys *keys, const uint64_t words[KEY_WORDS], bool *fresh) {
    if (2 * (keys->count + 1) > keys->slot_count) {
        keys_widen(keys);
    }
    uint32_t *slot = key_slot(keys, words);
    *fresh = *slot == UINT32_MAX;
    if (*fresh) {
        keys->words = array_grow(keys->words, keys->count, sizeof *keys->words);
        memcpy(keys->words[keys->count], words, sizeof *keys->words);
        *slot = (uint32_t)keys->count++;
    }
    return *slot;
}

void keys_free(struct keys *keys) {
    free(keys->words);
    free(keys->slots);
    *keys = (struct keys){0};
}
