/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pages change, and copies of those: as they are at one moment, though they are taken while
 * memory goes on changing.
 *
 * When a copy begins, nothing is copied: the pages that have changed are only noted as wanted.
 * Whoever has time takes them one by one, from memory itself. A page that is about to be written
 * before its turn has come is put aside first, as every writer says so by ram_touch(). So what
 * beginning costs is one look at a byte for each page, and what a write costs is one page, once. */
#include "bus/bus.h"

#include <stdlib.h>
#include <string.h>

/** A page that was written before its turn came. */
struct aside {
    uint64_t page;
    uint8_t *bytes;
};

struct ram_copy {
    uint8_t *changed; /* 1: since the last copy began */
    uint8_t *wanted;  /* 1: by the copy under way, and not yet written */
    uint64_t page_count;
    uint64_t next; /* no page before it is wanted */
    struct aside *asides;
    size_t aside_count, aside_room;
};

bool ram_follow(struct ram *ram) {
    uint64_t page_count = ram->size_bytes >> PAGE_SHIFT;
    struct ram_copy *copy = calloc(1, sizeof *copy);
    if (copy == NULL) {
        return false;
    }
    copy->changed = calloc(page_count, 1);
    copy->wanted = calloc(page_count, 1);
    copy->page_count = copy->next = page_count;
    ram->copy = copy;
    if (copy->changed == NULL || copy->wanted == NULL) {
        ram_unfollow(ram);
        return false;
    }
    return true;
}

void ram_unfollow(struct ram *ram) {
    struct ram_copy *copy = ram->copy;
    if (copy == NULL) {
        return;
    }
    while (copy->aside_count > 0) {
        free(copy->asides[--copy->aside_count].bytes);
    }
    free(copy->asides);
    free(copy->changed);
    free(copy->wanted);
    free(copy);
    ram->copy = NULL;
}

void ram_copy_touch(struct ram *ram, uint64_t page) {
    struct ram_copy *copy = ram->copy;
    copy->changed[page] = 1;
    if (copy->wanted[page] == 0) {
        return;
    }
    copy->wanted[page] = 0;
    if (copy->aside_count == copy->aside_room) {
        copy->aside_room = 2 * copy->aside_room + 64;
        copy->asides = realloc(copy->asides, copy->aside_room * sizeof *copy->asides);
        ensure(copy->asides != NULL);
    }
    uint8_t *bytes = malloc(PAGE_BYTES);
    ensure(bytes != NULL);
    memcpy(bytes, ram->bytes + (page << PAGE_SHIFT), PAGE_BYTES);
    copy->asides[copy->aside_count++] = (struct aside){page, bytes};
}

void ram_copy_begin(struct ram *ram) {
    struct ram_copy *copy = ram->copy;
    uint8_t *none = copy->wanted;
    ensure(copy->aside_count == 0 && copy->next == copy->page_count);
    copy->wanted = copy->changed;
    copy->changed = none;
    memset(copy->changed, 0, copy->page_count);
    copy->next = 0;
}

bool ram_copy_next(struct ram *ram, uint64_t *page, uint8_t bytes[PAGE_BYTES]) {
    struct ram_copy *copy = ram->copy;
    if (copy->aside_count > 0) {
        struct aside aside = copy->asides[--copy->aside_count];
        *page = aside.page;
        memcpy(bytes, aside.bytes, PAGE_BYTES);
        free(aside.bytes);
        return true;
    }
    const uint8_t *wanted =
        memchr(copy->wanted + copy->next, 1, (size_t)(copy->page_count - copy->next));
    if (wanted == NULL) {
        copy->next = copy->page_count;
        return false;
    }
    *page = copy->next = (uint64_t)(wanted - copy->wanted);
    copy->wanted[*page] = 0;
    memcpy(bytes, ram->bytes + (*page << PAGE_SHIFT), PAGE_BYTES);
    return true;
}
