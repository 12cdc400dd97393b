/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The physical side of a machine: RAM with page flags, device regions, interrupt lines. */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "base/base.h"

/** Physical address. */
typedef uint64_t paddr;

enum { PAGE_SHIFT = 12, PAGE_BYTES = 1 << PAGE_SHIFT };

/** Pages are counted in chunks too, so that looking for touched ones skips what nobody touched. */
enum { CHUNK_SHIFT = 12, CHUNK_PAGES = 1 << CHUNK_SHIFT };

/* -- line.c: interrupt lines ------------------------------------------------------------------- */

/** Called with the new level; called again with the same level is harmless. */
typedef void line_fn(void *owner, unsigned number, bool level);

/** One end of a wire, held by whoever drives it. A zeroed line leads nowhere. */
struct line {
    line_fn *set;
    void *owner;
    unsigned number;
};

static inline void line_set(const struct line *line, bool level) {
    if (line->set != NULL) {
        line->set(line->owner, line->number, level);
    }
}

/* -- ram.c: memory, taken lazily --------------------------------------------------------------- */

/**
 * Why a page may not be written behind our back. Invariant: while any flag is set on a page, no TLB
 * of any vCPU holds write permission for it, so that every write is seen before and after.
 */
enum page_flag {
    PAGE_CODE = 1,          /* decoded or translated instructions came from it */
    PAGE_LEAF_TABLE = 2,    /* a TLB entry rests on a leaf entry in it that maps one page */
    PAGE_POINTER_TABLE = 4, /* a TLB entry was reached through a pointer in it */
    PAGE_RESERVED = 8,      /* a reservation lies in it */
    PAGE_WATCHED = 16,      /* a watched word (tohost) lies in it */
    PAGE_SPAN_TABLE = 32    /* a TLB entry rests on a leaf entry in it that maps more */
};

/**
 * Told of a hart's writes to flagged pages, and of all writes by others, once for the part that
 * lies in each page. before: the old contents still stand.
 */
typedef void ram_write_fn(void *owner, paddr address, uint64_t size_bytes);

struct ram {
    paddr base;
    uint64_t size_bytes;
    uint8_t *bytes;         /* mapped without reserve: untouched pages cost nothing */
    uint8_t *page_flags;    /* enum page_flag, one byte a page, mapped lazily too */
    uint8_t *page_touched;  /* 1 once a page may have been written: see ram_touch; mapped lazily */
    uint8_t *chunk_touched; /* 1 once a page of the chunk was touched */
    uint8_t *page_kept;     /* 1: its contents at the last mark are kept; NULL: there is no mark */
    struct ram_past *past;  /* NULL: there is no mark */
    struct ram_copy *copy;  /* NULL: nobody wants to know what changes */
    ram_write_fn *before_write; /* before a write that touches a flagged page; may be NULL */
    ram_write_fn *after_write;  /* after it; may be NULL */
    void *owner;
};

/**
 * @param base        Multiple of PAGE_BYTES.
 * @param size_bytes  Multiple of PAGE_BYTES, not 0; base + size_bytes is at most 2^64.
 * @errors STATUS_USAGE when the host cannot give that much: then nothing is held.
 */
enum status ram_init(struct ram *ram, paddr base, uint64_t size_bytes, struct error *error);
void ram_free(struct ram *ram);

/** Does [address, address + size_bytes) lie in RAM as a whole? */
static inline bool ram_holds(const struct ram *ram, paddr address, uint64_t size_bytes) {
    uint64_t offset = address - ram->base;
    return offset < ram->size_bytes && size_bytes <= ram->size_bytes - offset;
}

/** Host address of a physical one that RAM holds. */
static inline uint8_t *ram_at(const struct ram *ram, paddr address) {
    return ram->bytes + (address - ram->base);
}

/* Harts may run at the same time, so what guests read and write is atomic as far as RISC-V wants
 * it: aligned accesses whole, others byte by byte. Loads acquire and stores release, which costs
 * nothing on hosts that keep stores in order, and keeps the guest's dependencies on all. */

typedef uint16_t __attribute__((may_alias)) ram_u16;
typedef uint32_t __attribute__((may_alias)) ram_u32;
typedef uint64_t __attribute__((may_alias)) ram_u64;

static inline uint64_t ram_load_bytes(const uint8_t *at, unsigned size_bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes; i++) {
        value |= (uint64_t)__atomic_load_n(at + i, __ATOMIC_RELAXED) << 8 * i;
    }
    return value;
}

static inline void ram_store_bytes(uint8_t *at, uint64_t value, unsigned size_bytes) {
    for (unsigned i = 0; i < size_bytes; i++) {
        __atomic_store_n(at + i, (uint8_t)(value >> 8 * i), __ATOMIC_RELAXED);
    }
}

/** Loads @p size_bytes, 1 to 8, zero-extended. */
static ALWAYS_INLINE uint64_t ram_load(const uint8_t *at, unsigned size_bytes) {
    bool aligned = ((uintptr_t)at & (size_bytes - 1)) == 0;
    if (size_bytes == 1) {
        return __atomic_load_n(at, __ATOMIC_ACQUIRE);
    }
    if (size_bytes == 2 && likely(aligned)) {
        return __atomic_load_n((const ram_u16 *)(const void *)at, __ATOMIC_ACQUIRE);
    }
    if (size_bytes == 4 && likely(aligned)) {
        return __atomic_load_n((const ram_u32 *)(const void *)at, __ATOMIC_ACQUIRE);
    }
    if (size_bytes == 8 && likely(aligned)) {
        return __atomic_load_n((const ram_u64 *)(const void *)at, __ATOMIC_ACQUIRE);
    }
    return ram_load_bytes(at, size_bytes);
}

/** Stores the low @p size_bytes, 1 to 8. */
static ALWAYS_INLINE void ram_store(uint8_t *at, uint64_t value, unsigned size_bytes) {
    bool aligned = ((uintptr_t)at & (size_bytes - 1)) == 0;
    if (size_bytes == 1) {
        __atomic_store_n(at, (uint8_t)value, __ATOMIC_RELEASE);
    } else if (size_bytes == 2 && likely(aligned)) {
        __atomic_store_n((ram_u16 *)(void *)at, (uint16_t)value, __ATOMIC_RELEASE);
    } else if (size_bytes == 4 && likely(aligned)) {
        __atomic_store_n((ram_u32 *)(void *)at, (uint32_t)value, __ATOMIC_RELEASE);
    } else if (size_bytes == 8 && likely(aligned)) {
        __atomic_store_n((ram_u64 *)(void *)at, value, __ATOMIC_RELEASE);
    } else {
        ram_store_bytes(at, value, size_bytes);
    }
}

/**
 * If @p size_bytes (4 or 8, aligned) still are those of *expected, they become those of @p value,
 * in one order with all other such changes.
 * @return false: they are not, and *expected is what they are, zero-extended.
 */
static inline bool ram_swap(uint8_t *at, unsigned size_bytes, uint64_t *expected, uint64_t value) {
    if (size_bytes == 8) {
        return __atomic_compare_exchange_n((ram_u64 *)(void *)at, expected, value, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    /* With the word beside it: gcc 12 on riscv64 compares a word as 64 bits before it exchanges it,
     * as 32 bits behind, and so reports exchanges that it has not done. */
    unsigned offset_bytes = (unsigned)((uintptr_t)at & 4);
    ram_u64 *pair = (ram_u64 *)(void *)(at - offset_bytes);
    uint64_t old = __atomic_load_n(pair, __ATOMIC_SEQ_CST);
    uint64_t mask = (uint64_t)UINT32_MAX << 8 * offset_bytes;
    uint64_t wanted = (uint32_t)value;
    while ((uint32_t)(old >> 8 * offset_bytes) == (uint32_t)*expected) {
        uint64_t changed = (old & ~mask) | wanted << 8 * offset_bytes;
        if (__atomic_compare_exchange_n(pair, &old, changed, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    *expected = (uint32_t)(old >> 8 * offset_bytes);
    return false;
}

static inline uint64_t ram_page(const struct ram *ram, paddr address) {
    return (address - ram->base) >> PAGE_SHIFT;
}

/** Has a page been written since the last mark, or is there none? */
static inline bool ram_kept(const struct ram *ram, uint64_t page) {
    return ram->page_kept == NULL || ram->page_kept[page] != 0;
}

/** past.c: keeps the contents of a page that is about to be written for the first time since. */
void ram_keep(struct ram *ram, uint64_t page);

/** copy.c: a page is about to be written. */
void ram_copy_touch(struct ram *ram, uint64_t page);

/**
 * Marks the page of an address as touched. Whoever writes into RAM does this first, or grants write
 * permission (TLB fill) only after it; ram_write does it by itself.
 */
static inline void ram_touch(struct ram *ram, paddr address) {
    uint64_t page = ram_page(ram, address);
    if (unlikely(!ram_kept(ram, page))) {
        ram_keep(ram, page);
    }
    if (unlikely(ram->copy != NULL)) {
        ram_copy_touch(ram, page);
    }
    __atomic_store_n(&ram->page_touched[page], 1, __ATOMIC_RELAXED);
    __atomic_store_n(&ram->chunk_touched[page >> CHUNK_SHIFT], 1, __ATOMIC_RELAXED);
}

/**
 * Writes as a device or loader does (DMA): honours page flags, marks pages touched. Aligned words
 * of 2, 4 and 8 bytes are written and read as a whole, with the order of ram_store and ram_load.
 * @return false, with nothing written, when the range is not all RAM.
 */
bool ram_write(struct ram *ram, paddr address, const void *bytes, uint64_t size_bytes);
bool ram_read(const struct ram *ram, paddr address, void *bytes, uint64_t size_bytes);

/** Pages that may hold something other than zeros. */
uint64_t ram_touched_pages(const struct ram *ram);

/**
 * Walks base, size, number and contents of every page that is not all zeros, in order, and
 * UINT64_MAX as the end. Cost in proportion to what was touched. What is set and was so before is
 * not written.
 */
void ram_state(struct ram *ram, struct stream *stream);

/* -- past.c: what memory held before ----------------------------------------------------------- */

/* Marks are a stack, numbered from 0. Before a mark is set, and after memory has gone back to one,
 * no TLB may hold write permission for any page: see harts_revoke_writes(). Not for harts that run
 * at the same time. */

/** What memory holds now can be had back. @return false: out of memory, and there is no mark. */
bool ram_mark(struct ram *ram);
/** How many marks there are. All are lost when the host has no memory to keep what they need. */
size_t ram_marks(const struct ram *ram);
/** Memory is as it was at mark @p idx. That mark stays; later ones are gone. */
void ram_back(struct ram *ram, size_t idx);
/** One mark is not needed any more; those behind it move down by one. */
void ram_forget(struct ram *ram, size_t idx);
/** No mark is needed any more. */
void ram_forget_all(struct ram *ram);
/** What the marks cost the host [bytes]. */
uint64_t ram_past_bytes(const struct ram *ram);

/* -- copy.c: what has changed, copied while memory goes on changing --------------------------- */

/* Before a copy begins, no TLB may hold write permission for any page: see harts_copy(). Not for
 * harts that run at the same time. */

/** From now on it is known what changes. @return false: out of memory. */
bool ram_follow(struct ram *ram);
void ram_unfollow(struct ram *ram);
/**
 * Begins a copy of the pages that have changed since the last one began, or since ram_follow(): as
 * they are now. The last one is at its end.
 */
void ram_copy_begin(struct ram *ram);
/** The next page of it, in no order. @return false: that was all. */
bool ram_copy_next(struct ram *ram, uint64_t *page, uint8_t bytes[PAGE_BYTES]);

/* -- bus.c: device regions --------------------------------------------------------------------- */

/**
 * What a device offers the bus. It never learns where it is mapped: offsets only.
 * Widths outside the region's rule never reach it; offset is aligned to size.
 */
struct device_ops {
    const char *name;
    uint64_t (*read)(void *device, uint64_t offset, unsigned size_bytes);
    void (*write)(void *device, uint64_t offset, uint64_t value, unsigned size_bytes);
    void (*reset)(void *device);
    void (*state)(void *device, struct stream *stream);
    void (*free)(void *device);
};

/** A device as it is plugged into a bus. */
struct region {
    paddr base;
    uint64_t size_bytes;
    unsigned width_min; /* [bytes] 1, 2, 4, 8: other widths give an access fault */
    unsigned width_max;
    const struct device_ops *ops;
    void *device;    /* owned by the bus once mapped: bus_free frees it through ops */
    bool executable; /* harts may fetch from it: reads of 2 bytes exist and change nothing */
};

enum { BUS_REGIONS_MAX = 64 };

/**
 * Told when an access enters and leaves a device, for measuring where host time goes. May be NULL.
 */
typedef void bus_span_fn(void *owner, bool enters);

struct bus {
    struct ram ram;
    struct region regions[BUS_REGIONS_MAX]; /* sorted by base */
    unsigned region_count;
    bus_span_fn *span;
    void *span_owner;
};

enum status bus_init(struct bus *bus, paddr ram_base, uint64_t ram_bytes, struct error *error);
void bus_free(struct bus *bus);

/**
 * Maps a device. Its base is a multiple of width_max, all its ops are there.
 * @return false when it overlaps RAM or another region or there is no room: then nothing is owned.
 */
bool bus_map(struct bus *bus, const struct region *region);

/** The region that holds an address, or NULL. */
const struct region *bus_region(const struct bus *bus, paddr address);

/**
 * Device access. @param size_bytes  1, 2, 4 or 8.
 * @return false for an access fault: nobody there, misaligned, or width not offered.
 */
bool bus_read(struct bus *bus, paddr address, unsigned size_bytes, uint64_t *value);
bool bus_write(struct bus *bus, paddr address, unsigned size_bytes, uint64_t value);

/** Resets every device, in address order. */
void bus_reset(struct bus *bus);
/** Walks every device, in address order. RAM is walked by itself. */
void bus_state(struct bus *bus, struct stream *stream);

#endif
