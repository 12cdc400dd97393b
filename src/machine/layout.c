/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps images from lying on each other: a short list of taken addresses, searched from the top. */
#include "machine/image.h"

const struct span *layout_meets(const struct layout *layout, paddr start, uint64_t size_bytes) {
    for (unsigned i = 0; i < layout->count; i++) {
        const struct span *span = &layout->spans[i];
        if (start < span->end && span->start < start + size_bytes) {
            return span;
        }
    }
    return NULL;
}

void layout_take(struct layout *layout, paddr start, uint64_t size_bytes, const char *what) {
    ensure(start >= layout->ram_start && start <= layout->ram_end);
    ensure(size_bytes <= layout->ram_end - start);
    ensure(layout_meets(layout, start, size_bytes) == NULL);
    ensure(layout->count < SPANS_MAX);
    layout->spans[layout->count++] = (struct span){start, start + size_bytes, what};
}

bool layout_place(const struct layout *layout, uint64_t size_bytes, uint64_t align_bytes,
                  paddr limit, paddr *start) {
    paddr end = min_u64(limit, layout->ram_end);
    while (end >= layout->ram_start && end - layout->ram_start >= size_bytes) {
        paddr candidate = (end - size_bytes) & ~(align_bytes - 1);
        const struct span *span = layout_meets(layout, candidate, size_bytes);
        if (span == NULL) {
            *start = candidate;
            return true;
        }
        end = span->start; /* lower each time: it ends */
    }
    return false;
}
