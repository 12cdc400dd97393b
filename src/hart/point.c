/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places that a debugger wants to be told of, at the price of nothing elsewhere.
 *
 * No engine looks at a list of points on its way. What makes it come by:
 *
 * 1. A breakpoint is a virtual address; code is kept by physical page. The two meet where a fetch
 *    TLB entry is filled: there the page of code gets a mark at the offset of each breakpoint in
 *    that virtual page. A marked instruction has a block of its own (code.c) and is not translated;
 *    whoever comes to it asks points_break(), which compares the whole address. A page that is
 *    mapped elsewhere too is only slower there.
 * 2. A watched range is a virtual address as well. TLB entries of its pages lack the permission in
 *    question (points_withhold), so accesses go through access.c, which asks points_touch().
 * 3. A physical range is a flag on its pages, PAGE_WATCHED, as tohost is: every write comes by,
 *    devices' too.
 * 4. Markers are wherever the guest has them. While somebody waits for one, no block holds any:
 *    code is decoded anew, and one that is come to gets a mark like a breakpoint's, for as long.
 * 5. A point that is met is noted, once, and hart->leave is set: so the engine leaves with exact
 *    positions, before the instruction or right behind it, and who runs it takes the note.
 * 6. A breakpoint that was taken is not met again by the same hart at the same position: the next
 *    run executes it.
 *
 * Any change of the points drops all TLBs, and the code of marked pages. Nothing of this is state:
 * a run with points ends like one without.
 *
 * What nobody sees: device writes to ranges by virtual address, as devices have no such addresses;
 * and the values that a device's registers had. An SC that fails counts as a write. */
#include <assert.h>
#include <stdlib.h>

#include "hart/code.h"
#include "hart/mmu.h"

enum { ROOM_FIRST = 16 };

/* -- The list ---------------------------------------------------------------------------------- */

/** Is it about an instruction, and not about memory? */
static bool is_executed(const struct point *point) {
    return point->kind == POINT_BREAK || point->kind == POINT_MARKER;
}

static bool same(const struct point *a, const struct point *b) {
    return a->kind == b->kind && a->address == b->address && a->tag == b->tag &&
           (is_executed(a) || a->size_bytes == b->size_bytes);
}

/** Flags the pages of a physical range, or takes the flag away. */
static void range_flag(struct harts *harts, const struct point *point, bool on) {
    struct ram *ram = &harts->bus->ram;
    uint64_t last = ram_page(ram, point->address + point->size_bytes - 1);
    for (uint64_t page = ram_page(ram, point->address); page <= last; page++) {
        if (on) {
            mmu_flag_page(harts, ram->base + (page << PAGE_SHIFT), PAGE_WATCHED);
        } else {
            ram->page_flags[page] &= (uint8_t)~PAGE_WATCHED;
        }
    }
}

/** The points are others now. */
static void points_changed(struct harts *harts) {
    for (unsigned i = 0; i < harts->count; i++) {
        mmu_flush(harts->hart[i]);
    }
    code_unmark(harts->code);
    if (harts->tohost_set) {
        mmu_flag_page(harts, harts->tohost, PAGE_WATCHED);
    }
    for (size_t i = 0; i < harts->points.count; i++) {
        if (harts->points.list[i].kind == POINT_PHYSICAL) {
            range_flag(harts, &harts->points.list[i], true);
        }
    }
}

/* Blocks that hold markers, or hold none, are not to be found any more. */
static void markers_wanted(struct harts *harts, bool wanted) {
    harts_drop_caches(harts);
    harts->code->markers_alone = wanted || harts->notices_markers;
}

bool points_add(struct harts *harts, const struct point *point) {
    struct points *points = &harts->points;
    assert(!harts->parallel);
    if (point->kind == POINT_PHYSICAL &&
        !ram_holds(&harts->bus->ram, point->address, point->size_bytes)) {
        return false;
    }
    if (points->count == points->room) {
        size_t room = points->room == 0 ? ROOM_FIRST : 2 * points->room;
        struct point *list = realloc(points->list, room * sizeof *list);
        if (list == NULL) {
            return false;
        }
        points->list = list;
        points->room = room;
    }
    points->list[points->count++] = *point;
    if (point->kind == POINT_MARKER && points->markers++ == 0) {
        markers_wanted(harts, true);
    }
    points_changed(harts);
    return true;
}

static void point_drop(struct harts *harts, size_t idx) {
    struct points *points = &harts->points;
    if (points->list[idx].kind == POINT_PHYSICAL) {
        range_flag(harts, &points->list[idx], false);
    }
    if (points->list[idx].kind == POINT_MARKER && --points->markers == 0) {
        markers_wanted(harts, false);
    }
    points->list[idx] = points->list[--points->count];
}

bool points_remove(struct harts *harts, const struct point *point) {
    for (size_t i = 0; i < harts->points.count; i++) {
        if (same(&harts->points.list[i], point)) {
            point_drop(harts, i);
            points_changed(harts);
            return true;
        }
    }
    return false;
}

void points_remove_all(struct harts *harts) {
    while (harts->points.count > 0) {
        point_drop(harts, harts->points.count - 1);
    }
    points_changed(harts);
}

/* -- Being met --------------------------------------------------------------------------------- */

/* What is not fetched from RAM is none. The other half may lie in a page that the fetch TLB has
 * lost: it is looked up without an effect. */
bool points_marker_bits(struct hart *hart, uint32_t *bits) {
    const struct ram *ram = &hart->harts->bus->ram;
    const struct fetch_entry *entry = mmu_fetch_find(hart, hart->pc);
    uint64_t offset = hart->pc & (PAGE_BYTES - 1);
    uint16_t low = 0, high = 0;
    paddr at;
    if (entry == NULL) {
        return false;
    }
    (void)ram_read(ram, entry->base + offset, &low, sizeof low);
    if (offset < PAGE_BYTES - 2) {
        (void)ram_read(ram, entry->base + offset + 2, &high, sizeof high);
    } else if (mmu_peek(hart, hart->pc + 2, &at)) {
        (void)ram_read(ram, at, &high, sizeof high);
    }
    *bits = low | (uint32_t)high << 16;
    return insn_is_marker(*bits);
}

bool points_marker(struct hart *hart, uint64_t *number) {
    uint32_t bits;
    if (!points_marker_bits(hart, &bits) || marker_kind(bits) != MARKER_PLACE) {
        return false;
    }
    *number = marker_number(bits);
    return true;
}

/** Is it about the instruction that the hart is about to execute? */
static bool point_is_here(const struct point *point, struct hart *hart) {
    uint64_t number;
    return (point->kind == POINT_BREAK && point->address == hart->pc) ||
           (point->kind == POINT_MARKER && points_marker(hart, &number) &&
            (point->address == MARKER_ANY || point->address == number));
}

/** Does a point stop the hart here? */
static bool point_stops(struct hart *hart) {
    struct points *points = &hart->harts->points;
    for (size_t i = 0; i < points->count; i++) {
        const struct point *point = &points->list[i];
        if (!point_is_here(point, hart)) {
            continue;
        }
        if (points->passed.set && points->passed.hart == hart->id &&
            points->passed.hart_steps == hart->clock->steps && points->passed.pc == hart->pc) {
            return false;
        }
        points->met = true;
        points->hit =
            (struct hit){.point = *point, .hart = hart->id, .pc = hart->pc, .address = hart->pc};
        hart->leave = true;
        return true;
    }
    return false;
}

bool points_break(struct hart *hart) {
    if (point_stops(hart)) {
        return true;
    }
    if (unlikely(hart->harts->notices != NULL)) {
        notices_look(hart);
    }
    return false;
}

void points_mark(struct harts *harts, struct code_page *code, vaddr page) {
    if (harts->notices != NULL) {
        notices_mark(harts, code, page);
    }
    for (size_t i = 0; i < harts->points.count; i++) {
        const struct point *point = &harts->points.list[i];
        if (point->kind == POINT_BREAK && mmu_page(point->address) == page) {
            code_mark(code, (unsigned)(point->address & (PAGE_BYTES - 1)));
        }
    }
}

/** The accesses that a point is about. Atomics come as writes, and read as well. */
static unsigned point_access(const struct point *point) {
    switch (point->kind) {
    case POINT_WRITE:
        return ACCESS_WRITE;
    case POINT_READ:
    case POINT_ACCESS:
        return ACCESS_READ | ACCESS_WRITE;
    default:
        return 0;
    }
}

/** Does the range of @p point share a byte with @p size_bytes at @p address? Both may end at 2^64.
 */
static bool point_meets(const struct point *point, uint64_t address, uint64_t size_bytes) {
    return address - point->address < point->size_bytes || point->address - address < size_bytes;
}

unsigned points_withhold(const struct points *points, vaddr page) {
    unsigned withheld = 0;
    for (size_t i = 0; i < points->count; i++) {
        if (point_meets(&points->list[i], page, PAGE_BYTES)) {
            withheld |= point_access(&points->list[i]);
        }
    }
    return withheld;
}

/** Fills in the hit of @p size_bytes at @p address, which lie at @p at. */
static void note(struct harts *harts, const struct point *point, uint64_t address,
                 uint64_t size_bytes, paddr at) {
    struct points *points = &harts->points;
    uint64_t skipped = point->address > address && point->address - address < size_bytes
                           ? point->address - address
                           : 0;
    uint64_t left = min_u64(size_bytes - skipped,
                            point->address + point->size_bytes - 1 - (address + skipped) + 1);
    unsigned value_bytes = (unsigned)min_u64(left, HIT_VALUE_BYTES);
    points->value_at = at + skipped;
    bool known = ram_holds(&harts->bus->ram, points->value_at, value_bytes);
    points->hit = (struct hit){
        .point = *point,
        .hart = HIT_BY_DEVICE,
        .address = address + skipped,
        .size_bytes = known ? value_bytes : 0,
        .old = known ? ram_load_bytes(ram_at(&harts->bus->ram, points->value_at), value_bytes) : 0,
    };
}

void points_touch(struct hart *hart, const struct request *request, paddr at) {
    struct points *points = &hart->harts->points;
    for (size_t i = 0; i < points->count && !points->met; i++) {
        const struct point *point = &points->list[i];
        bool reads = request->access == ACCESS_READ || request->atomic;
        bool writes = request->access == ACCESS_WRITE;
        bool wanted = (reads && (point->kind == POINT_READ || point->kind == POINT_ACCESS)) ||
                      (writes && (point->kind == POINT_WRITE || point->kind == POINT_ACCESS));
        if (wanted && point_meets(point, request->address, request->size_bytes)) {
            note(hart->harts, point, request->address, request->size_bytes, at);
            points->hit.hart = hart->id;
            points->hit.pc = hart->pc;
            points->hit.wrote = writes;
            points->met = true;
            hart->leave = true;
        }
    }
}

void points_write_begins(struct harts *harts, paddr address, uint64_t size_bytes) {
    struct points *points = &harts->points;
    for (size_t i = 0; i < points->count && !points->met; i++) {
        const struct point *point = &points->list[i];
        if (point->kind == POINT_PHYSICAL && point_meets(point, address, size_bytes)) {
            note(harts, point, address, size_bytes, address);
            points->hit.wrote = true;
            points->written = true;
            points->met = true;
        }
    }
}

void points_write_ends(struct harts *harts) {
    struct hart *writer = harts->writer;
    harts->points.written = false;
    if (writer != NULL) {
        harts->points.hit.hart = writer->id;
        harts->points.hit.pc = writer->pc;
        writer->leave = true;
    }
}

bool points_take(struct harts *harts, struct hit *hit) {
    struct points *points = &harts->points;
    if (!points->met) {
        return false;
    }
    points->met = false;
    *hit = points->hit;
    if (hit->hart != HIT_BY_DEVICE) {
        hit->hart_steps = harts->hart[hit->hart]->clock->steps;
    }
    if (hit->size_bytes > 0) {
        hit->now = ram_load_bytes(ram_at(&harts->bus->ram, points->value_at), hit->size_bytes);
    }
    if (is_executed(&hit->point)) {
        points->passed.set = true;
        points->passed.hart = hit->hart;
        points->passed.hart_steps = hit->hart_steps;
        points->passed.pc = hit->pc;
    }
    return true;
}

void points_rearm(struct harts *harts) {
    harts->points.passed.set = false;
}
