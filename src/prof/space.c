/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies where in a process: ranges of files, sorted, as mmap and munmap leave them. */
#include <stdlib.h>
#include <string.h>

#include "prof/prof.h"

void space_free(struct space *space) {
    free(space->ranges);
    *space = (struct space){0};
}

static void room_make(struct space *space, size_t count) {
    if (count > space->room) {
        space->room = 2 * count;
        space->ranges = realloc(space->ranges, space->room * sizeof *space->ranges);
        ensure(space->ranges != NULL);
    }
}

void space_copy(struct space *copy, const struct space *space) {
    room_make(copy, space->count);
    copy->count = space->count;
    if (space->count > 0) {
        memcpy(copy->ranges, space->ranges, space->count * sizeof *space->ranges);
        copy->gains++;
    }
}

/* The first range that ends behind the address. */
static size_t idx_of(const struct space *space, uint64_t address) {
    size_t low = 0, high = space->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (space->ranges[middle].end <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Makes a gap of gap ranges where there were old ones from idx on. */
static void ranges_replace(struct space *space, size_t idx, size_t old, size_t gap) {
    room_make(space, space->count - old + gap);
    size_t behind = space->count - idx - old;
    if (behind > 0) {
        memmove(space->ranges + idx + gap, space->ranges + idx + old,
                behind * sizeof *space->ranges);
    }
    space->count = space->count - old + gap;
}

/* Cuts a range in two where the address is inside it. */
static void range_split(struct space *space, uint64_t address) {
    size_t idx = idx_of(space, address);
    if (idx == space->count || space->ranges[idx].start >= address) {
        return;
    }
    ranges_replace(space, idx, 0, 1);
    struct range *front = &space->ranges[idx], *back = front + 1;
    *front = *back;
    front->end = address;
    back->offset += address - back->start;
    back->start = address;
}

void space_unmap(struct space *space, uint64_t start, uint64_t end) {
    if (start >= end || space->count == 0) {
        return;
    }
    range_split(space, start);
    range_split(space, end);
    size_t first = idx_of(space, start), last = first;
    while (last < space->count && space->ranges[last].start < end) {
        last++;
    }
    ranges_replace(space, first, last - first, 0);
    space->losses += last > first;
}

void space_map(struct space *space, const struct range *range) {
    ensure(range->start < range->end);
    space_unmap(space, range->start, range->end);
    size_t idx = idx_of(space, range->start);
    ranges_replace(space, idx, 0, 1);
    space->ranges[idx] = *range;
    space->gains++;
}

const struct range *space_at(const struct space *space, uint64_t address) {
    size_t idx = idx_of(space, address);
    bool inside = idx < space->count && space->ranges[idx].start <= address;
    return inside ? &space->ranges[idx] : NULL;
}
