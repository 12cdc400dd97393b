/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers by two keys: open addressing, at most half full, nothing is ever taken out. */
#include <stdlib.h>

#include "machine/profiling.h"

enum { ROOM_FIRST = 4096 };

static struct pair *slot_of(const struct pairs *pairs, uint64_t a, uint64_t b) {
    uint64_t mixed = (a * UINT64_C(0x9e3779b97f4a7c15) ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
    size_t mask = pairs->room - 1; /* room is a power of two */
    size_t idx = (size_t)(mixed ^ mixed >> 31) & mask;
    while (pairs->list[idx].value != 0 && (pairs->list[idx].a != a || pairs->list[idx].b != b)) {
        idx = (idx + 1) & mask;
    }
    return &pairs->list[idx];
}

static void pairs_grow(struct pairs *pairs) {
    struct pairs grown = {.count = pairs->count,
                          .room = pairs->room == 0 ? ROOM_FIRST : 2 * pairs->room};
    grown.list = calloc(grown.room, sizeof *grown.list);
    ensure(grown.list != NULL);
    for (size_t i = 0; i < pairs->room; i++) {
        const struct pair *pair = &pairs->list[i];
        if (pair->value != 0) {
            *slot_of(&grown, pair->a, pair->b) = *pair;
        }
    }
    free(pairs->list);
    *pairs = grown;
}

/* What was looked for in vain is counted, since it is about to be set. */
uint32_t *pairs_at(struct pairs *pairs, uint64_t a, uint64_t b) {
    if (2 * pairs->count >= pairs->room) {
        pairs_grow(pairs);
    }
    struct pair *pair = slot_of(pairs, a, b);
    if (pair->value == 0) {
        pair->a = a;
        pair->b = b;
        pairs->count++;
    }
    return &pair->value;
}

void pairs_free(struct pairs *pairs) {
    free(pairs->list);
    *pairs = (struct pairs){0};
}
