/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an overlay said of blocks before they changed: marks like those of memory (bus/past.c).
 *
 * Each mark owns, of every block that has changed since, what was there at the mark: the image,
 * zeros or contents. Neighbours at one place are one record, so a discard of a whole disk is. */
#include "io/disk.h"

#include <stdlib.h>
#include <string.h>

/** Blocks as they were at a mark. */
struct record {
    uint64_t block, count; /* one, if it has contents */
    enum extent extent;
    uint8_t *bytes; /* EXTENT_OVERLAY */
};

struct mark {
    struct record *records;
    size_t count, room;
};

struct disk_past {
    struct mark *marks;
    size_t count, room;
    uint64_t *kept; /* a bit for each block: its mark owns it already */
    uint64_t block_count;
    uint64_t size_bytes;
};

/* -- Bits of blocks ---------------------------------------------------------------------------- */

static size_t kept_bytes(const struct disk_past *past) {
    return (past->block_count + 63) / 64 * sizeof *past->kept;
}

static bool bit_get(const uint64_t *bits, uint64_t block) {
    return (bits[block / 64] >> block % 64 & 1) != 0;
}

static void bits_put(uint64_t *bits, uint64_t block, uint64_t count) {
    for (; count > 0; count--, block++) {
        bits[block / 64] |= UINT64_C(1) << block % 64;
    }
}

static void mark_bits(const struct mark *mark, uint64_t *bits) {
    for (size_t i = 0; i < mark->count; i++) {
        bits_put(bits, mark->records[i].block, mark->records[i].count);
    }
}

/* -- Marks ------------------------------------------------------------------------------------- */

static void record_free(struct disk_past *past, struct record *record) {
    past->size_bytes -= record->bytes == NULL ? 0 : BLOCK_BYTES;
    free(record->bytes);
}

static void mark_clear(struct disk_past *past, struct mark *mark) {
    for (size_t i = 0; i < mark->count; i++) {
        record_free(past, &mark->records[i]);
    }
    past->size_bytes -= mark->room * sizeof *mark->records;
    free(mark->records);
    *mark = (struct mark){0};
}

void disk_past_free(struct disk_past *past) {
    if (past != NULL) {
        while (past->count > 0) {
            mark_clear(past, &past->marks[--past->count]);
        }
        free(past->marks);
        free(past->kept);
        free(past);
    }
}

struct disk_past *disk_past_new(uint64_t block_count) {
    struct disk_past *past = calloc(1, sizeof *past);
    if (past != NULL) {
        past->block_count = block_count;
        past->kept = calloc(1, kept_bytes(past));
        if (past->kept == NULL) {
            free(past);
            return NULL;
        }
    }
    return past;
}

bool disk_past_mark(struct disk_past *past) {
    if (past->count == past->room) {
        size_t room = 2 * past->room + 16;
        struct mark *marks = realloc(past->marks, room * sizeof *marks);
        if (marks == NULL) {
            return false;
        }
        past->marks = marks;
        past->room = room;
    }
    past->marks[past->count++] = (struct mark){0};
    memset(past->kept, 0, kept_bytes(past));
    return true;
}

size_t disk_past_marks(const struct disk_past *past) {
    return past->count;
}

uint64_t disk_past_bytes(const struct disk_past *past) {
    return past->size_bytes + kept_bytes(past);
}

/* -- Keeping ----------------------------------------------------------------------------------- */

static bool mark_add(struct disk_past *past, struct mark *mark, const struct record *record) {
    if (mark->count == mark->room) {
        size_t room = 2 * mark->room + 64;
        struct record *records = realloc(mark->records, room * sizeof *records);
        if (records == NULL) {
            return false;
        }
        past->size_bytes += (room - mark->room) * sizeof *records;
        mark->records = records;
        mark->room = room;
    }
    mark->records[mark->count++] = *record;
    return true;
}

/** Keeps the first block of those from @p block on, or all that are a place together. */
static uint64_t blocks_keep(struct disk_past *past, struct overlay *overlay, uint64_t block,
                            uint64_t count_max) {
    struct record record = {.block = block};
    record.count = overlay_extent(overlay, block, count_max, &record.extent);
    bool good = true;
    if (record.extent == EXTENT_OVERLAY) {
        record.count = 1;
        record.bytes = malloc(BLOCK_BYTES);
        good = record.bytes != NULL && overlay_read(overlay, block, 1, record.bytes);
        past->size_bytes += record.bytes == NULL ? 0 : BLOCK_BYTES;
    }
    if (!good || !mark_add(past, &past->marks[past->count - 1], &record)) {
        record_free(past, &record);
        return 0;
    }
    bits_put(past->kept, block, record.count);
    return record.count;
}

bool disk_past_keep(struct disk_past *past, struct overlay *overlay, uint64_t block,
                    uint64_t count) {
    uint64_t end = block + count;
    while (block < end) {
        uint64_t next = block;
        while (next < end && !bit_get(past->kept, next)) {
            next++;
        }
        uint64_t done = next == block ? 1 : blocks_keep(past, overlay, block, next - block);
        if (done == 0) {
            return false;
        }
        block += done;
    }
    return true;
}

/* -- Going back and forgetting ----------------------------------------------------------------- */

static bool record_put_back(struct overlay *overlay, const struct record *record) {
    switch (record->extent) {
    case EXTENT_IMAGE:
        return overlay_forget(overlay, record->block, record->count);
    case EXTENT_ZEROS:
        return overlay_zero(overlay, record->block, record->count);
    case EXTENT_OVERLAY:
        break;
    }
    return overlay_write(overlay, record->block, 1, record->bytes);
}

bool disk_past_back(struct disk_past *past, struct overlay *overlay, size_t idx) {
    ensure(idx < past->count);
    bool good = true;
    for (size_t i = past->count; i-- > idx;) {
        struct mark *mark = &past->marks[i];
        for (size_t j = mark->count; good && j-- > 0;) {
            good = record_put_back(overlay, &mark->records[j]);
        }
        mark_clear(past, mark);
    }
    past->count = idx + 1;
    memset(past->kept, 0, kept_bytes(past));
    return good;
}

/* What @p to lacks of what @p from owns goes to it; places cost nothing, so they all do. They come
 * behind its own, and so are put back before them. */
static bool mark_merge(struct disk_past *past, struct mark *to, struct mark *from) {
    uint64_t *has = calloc(1, kept_bytes(past));
    bool good = has != NULL;
    if (good) {
        mark_bits(to, has);
    }
    for (size_t i = 0; good && i < from->count; i++) {
        struct record *record = &from->records[i];
        if (record->bytes != NULL && bit_get(has, record->block)) {
            continue;
        }
        good = mark_add(past, to, record);
        record->bytes = good ? NULL : record->bytes;
    }
    free(has);
    return good;
}

bool disk_past_forget(struct disk_past *past, size_t idx) {
    ensure(idx < past->count);
    struct mark *mark = &past->marks[idx];
    bool last = idx + 1 == past->count;
    if (idx > 0 && !mark_merge(past, mark - 1, mark)) {
        return false;
    }
    mark_clear(past, mark);
    memmove(mark, mark + 1, (past->count - idx - 1) * sizeof *mark);
    past->count--;
    if (last) {
        memset(past->kept, 0, kept_bytes(past));
        if (past->count > 0) {
            mark_bits(&past->marks[past->count - 1], past->kept);
        }
    }
    return true;
}
