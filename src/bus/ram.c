/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM that costs the host only what the guest touched, and that tells of writes to flagged
 * pages. */
#include "bus/bus.h"

#include <errno.h>
#include <string.h>

static uint64_t page_count(const struct ram *ram) {
    return ram->size_bytes >> PAGE_SHIFT;
}

static uint64_t chunk_count(const struct ram *ram) {
    return (page_count(ram) + CHUNK_PAGES - 1) >> CHUNK_SHIFT;
}

enum status ram_init(struct ram *ram, paddr base, uint64_t size_bytes, struct error *error) {
    ensure(base % PAGE_BYTES == 0 && size_bytes % PAGE_BYTES == 0 && size_bytes > 0);
    ensure(size_bytes - 1 <= UINT64_MAX - base);
    *ram = (struct ram){.base = base, .size_bytes = size_bytes};
    ram->bytes = pages_map(size_bytes, PAGES_SPARSE);
    ram->page_flags = pages_map(page_count(ram), PAGES_SPARSE);
    ram->page_touched = pages_map(page_count(ram), PAGES_SPARSE);
    ram->chunk_touched = pages_map(chunk_count(ram), PAGES_SPARSE);
    if (ram->bytes == NULL || ram->page_flags == NULL || ram->page_touched == NULL ||
        ram->chunk_touched == NULL) {
        int cause = errno;
        ram_free(ram);
        return error_set(error, STATUS_USAGE,
                         "memory: the host cannot map %llu MiB (%s); ask for less with --memory",
                         (unsigned long long)(size_bytes >> 20), strerror(cause));
    }
    return STATUS_OK;
}

void ram_free(struct ram *ram) {
    ram_forget_all(ram);
    ram_unfollow(ram);
    pages_unmap(ram->bytes, ram->size_bytes);
    pages_unmap(ram->page_flags, page_count(ram));
    pages_unmap(ram->page_touched, page_count(ram));
    pages_unmap(ram->chunk_touched, chunk_count(ram));
    *ram = (struct ram){.base = ram->base};
}

/* Is it something that harts read and write as a whole? */
static bool is_word(paddr address, uint64_t size_bytes) {
    return (size_bytes == 2 || size_bytes == 4 || size_bytes == 8) && address % size_bytes == 0;
}

static void bytes_put(uint8_t *at, const uint8_t *bytes, uint64_t size_bytes) {
    uint64_t value = 0;
    memcpy(&value, bytes, size_bytes);
    ram_store(at, value, (unsigned)size_bytes);
}

/* Requires: the range lies in one page. */
static void page_write(struct ram *ram, paddr address, const uint8_t *bytes, uint64_t size_bytes) {
    if (ram->before_write != NULL) {
        ram->before_write(ram->owner, address, size_bytes);
    }
    ram_touch(ram, address);
    if (is_word(address, size_bytes)) {
        bytes_put(ram_at(ram, address), bytes, size_bytes);
    } else {
        memcpy(ram_at(ram, address), bytes, size_bytes);
    }
    if (ram->after_write != NULL) {
        ram->after_write(ram->owner, address, size_bytes);
    }
}

bool ram_write(struct ram *ram, paddr address, const void *bytes, uint64_t size_bytes) {
    if (!ram_holds(ram, address, size_bytes)) {
        return false;
    }
    const uint8_t *from = bytes;
    while (size_bytes > 0) {
        uint64_t part_bytes = min_u64(size_bytes, PAGE_BYTES - address % PAGE_BYTES);
        page_write(ram, address, from, part_bytes);
        address += part_bytes;
        from += part_bytes;
        size_bytes -= part_bytes;
    }
    return true;
}

bool ram_read(const struct ram *ram, paddr address, void *bytes, uint64_t size_bytes) {
    if (!ram_holds(ram, address, size_bytes)) {
        return false;
    }
    if (is_word(address, size_bytes)) {
        uint64_t value = ram_load(ram_at(ram, address), (unsigned)size_bytes);
        memcpy(bytes, &value, size_bytes);
    } else if (size_bytes > 0) {
        memcpy(bytes, ram_at(ram, address), size_bytes);
    }
    return true;
}

/* First touched page at or after one, or the page count. Looks into touched chunks only. */
static uint64_t page_touched_from(const struct ram *ram, uint64_t page) {
    uint64_t count = page_count(ram);
    while (page < count) {
        uint64_t chunk = page >> CHUNK_SHIFT;
        uint64_t end = min_u64((chunk + 1) << CHUNK_SHIFT, count);
        if (ram->chunk_touched[chunk] != 0) {
            const uint8_t *hit = memchr(ram->page_touched + page, 1, end - page);
            if (hit != NULL) {
                return (uint64_t)(hit - ram->page_touched);
            }
        }
        page = end;
    }
    return count;
}

uint64_t ram_touched_pages(const struct ram *ram) {
    uint64_t count = page_count(ram);
    uint64_t touched = 0;
    for (uint64_t page = page_touched_from(ram, 0); page < count;
         page = page_touched_from(ram, page + 1)) {
        touched++;
    }
    return touched;
}

static bool page_is_zero(const uint8_t *bytes) {
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0;
}

/* -- State ------------------------------------------------------------------------------------- */

static const uint64_t NO_PAGE = UINT64_MAX;

static void pages_tell(struct ram *ram, struct stream *stream) {
    uint64_t count = page_count(ram);
    for (uint64_t page = page_touched_from(ram, 0); page < count;
         page = page_touched_from(ram, page + 1)) {
        uint8_t *bytes = ram->bytes + (page << PAGE_SHIFT);
        if (!page_is_zero(bytes)) {
            uint64_t number = page;
            stream_u64(stream, &number);
            stream_bytes(stream, bytes, PAGE_BYTES);
        }
    }
    uint64_t end = NO_PAGE;
    stream_u64(stream, &end);
}

static void page_set(struct ram *ram, uint64_t page, const uint8_t *bytes) {
    if (memcmp(ram->bytes + (page << PAGE_SHIFT), bytes, PAGE_BYTES) != 0) {
        page_write(ram, ram->base + (page << PAGE_SHIFT), bytes, PAGE_BYTES);
    }
}

/** Pages that are not told are zeros: those from @p page on, before @p end. */
static void pages_clear(struct ram *ram, uint64_t page, uint64_t end) {
    static const uint8_t zeros[PAGE_BYTES];
    for (page = page_touched_from(ram, page); page < end; page = page_touched_from(ram, page + 1)) {
        page_set(ram, page, zeros);
    }
}

static void pages_take(struct ram *ram, struct stream *stream) {
    uint8_t bytes[PAGE_BYTES];
    uint64_t count = page_count(ram);
    uint64_t next = 0;
    for (;;) {
        uint64_t page = NO_PAGE;
        stream_u64(stream, &page);
        bool ends = page == NO_PAGE || !stream_sound(stream);
        if (ends || !stream_expect(stream, page >= next && page < count,
                                   "holds a page that is not in memory")) {
            break;
        }
        stream_bytes(stream, bytes, sizeof bytes);
        pages_clear(ram, next, page);
        page_set(ram, page, bytes);
        next = page + 1;
    }
    pages_clear(ram, next, count);
}

void ram_state(struct ram *ram, struct stream *stream) {
    stream_constant(stream, ram->base, "is of a machine with memory elsewhere");
    stream_constant(stream, ram->size_bytes, "is of a machine with another --memory");
    if (stream_sets(stream)) {
        pages_take(ram, stream);
    } else {
        pages_tell(ram, stream);
    }
}
