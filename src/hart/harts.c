/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All harts of a machine together, and what a store by one of them means to the others. */
#include <stdlib.h>

#include "hart/code.h"
#include "hart/mmu.h"

/* -- Watching stores --------------------------------------------------------------------------- */

static bool ranges_meet(paddr a, uint64_t a_bytes, paddr b, uint64_t b_bytes) {
    return a < b + b_bytes && b < a + a_bytes;
}

/** Ends the reservations of other harts in the bytes written; the page loses its flag with the last
 * one in it. */
static void reservations_end(struct harts *harts, paddr address, uint64_t size_bytes) {
    bool others_in_page = false;
    for (unsigned i = 0; i < harts->count; i++) {
        struct hart *hart = harts->hart[i];
        if (hart == harts->writer || !hart->reserved) {
            continue;
        }
        if (ranges_meet(hart->reservation, CACHE_LINE_BYTES, address, size_bytes)) {
            hart->reserved = false;
        } else if (hart->reservation >> PAGE_SHIFT == address >> PAGE_SHIFT) {
            others_in_page = true;
        }
    }
    if (!others_in_page) {
        harts->bus->ram.page_flags[ram_page(&harts->bus->ram, address)] &= (uint8_t)~PAGE_RESERVED;
    }
}

static void code_changed(struct harts *harts, paddr address, uint64_t size_bytes) {
    unsigned offset = (unsigned)(address & (PAGE_BYTES - 1));
    uint64_t page = ram_page(&harts->bus->ram, address);
    struct code_page *gone = code_wrote(harts->code, page, offset, (unsigned)size_bytes);
    if (gone != NULL) {
        mmu_code_gone(harts, gone);
        harts->bus->ram.page_flags[page] &= (uint8_t)~PAGE_CODE;
    }
}

static void before_write(void *owner, paddr address, uint64_t size_bytes) {
    struct harts *harts = owner;
    uint8_t flags = harts->bus->ram.page_flags[ram_page(&harts->bus->ram, address)];
    if ((flags & PAGE_WATCHED) != 0 && harts->points.count > 0) {
        points_write_begins(harts, address, size_bytes);
    }
    if ((flags & (PAGE_LEAF_TABLE | PAGE_SPAN_TABLE | PAGE_POINTER_TABLE)) != 0) {
        mmu_tables_written(harts, address, size_bytes);
    }
    if ((flags & PAGE_CODE) != 0) {
        code_changed(harts, address, size_bytes);
    }
    /* The reservation of the hart whose turn it is flags no page, and a device's write ends it.
     * Harts that run at the same time compare what they reserved instead. */
    if ((flags & PAGE_RESERVED) != 0 || (harts->writer == NULL && !harts->parallel)) {
        reservations_end(harts, address, size_bytes);
    }
}

static void after_write(void *owner, paddr address, uint64_t size_bytes) {
    struct harts *harts = owner;
    if (harts->tohost_set && ranges_meet(harts->tohost, 8, address, size_bytes)) {
        harts->tohost_written(harts->tohost_owner, address, size_bytes);
        if (harts->writer != NULL) {
            harts->writer->leave = true;
        }
    }
    if (harts->points.written) {
        points_write_ends(harts);
    }
}

void harts_watch_tohost(struct harts *harts, paddr address, tohost_fn *written, void *owner) {
    harts->tohost_set = true;
    harts->tohost = address;
    harts->tohost_written = written;
    harts->tohost_owner = owner;
    mmu_flag_page(harts, address, PAGE_WATCHED);
}

/* A hart's own stores leave its reservation alone, so the page of the one that runs needs no flag,
 * and may lose it. Those of the others have theirs from the ends of their own turns. */
void harts_end_turn(struct harts *harts, unsigned idx) {
    const struct hart *hart = harts->hart[idx];
    if (hart->reserved) {
        mmu_flag_page(harts, hart->reservation, PAGE_RESERVED);
    }
}

void harts_drop_caches(struct harts *harts) {
    mmu_drop_all(harts);
    code_drop(harts->code, &harts->bus->ram);
}

bool harts_mark(struct harts *harts) {
    mmu_revoke_writes(harts);
    return ram_mark(&harts->bus->ram);
}

void harts_copy(struct harts *harts) {
    mmu_revoke_writes(harts);
    ram_copy_begin(&harts->bus->ram);
}

/* The reservation of whoever had the turn lies in a page without a flag: now all have theirs. */
void harts_still(struct harts *harts) {
    harts->writer = NULL;
    mmu_drop_all(harts);
    harts->points.met = harts->points.written = harts->points.passed.set = false;
}

void harts_back(struct harts *harts, size_t idx) {
    harts_still(harts);
    ram_back(&harts->bus->ram, idx);
    harts->points.met = harts->points.written = false;
}

void hart_drop_code(struct hart *hart) {
    if (hart->harts->parallel) {
        mmu_flush(hart);
        code_drop(hart->code, &hart->harts->bus->ram);
    } else {
        harts_drop_caches(hart->harts);
    }
}

void hart_suspect_code(struct hart *hart) {
    code_suspect(hart->code);
    mmu_flush(hart);
}

enum status harts_go_parallel(struct harts *harts, hart_gate_fn *gate, hart_look_fn *look,
                              void *owner, struct error *error) {
    for (unsigned i = 0; i < harts->count; i++) {
        harts->hart[i]->code = code_new(&harts->bus->ram);
        if (harts->hart[i]->code == NULL) {
            return error_set(error, STATUS_USAGE,
                             "no memory for the code of %u harts: use a smaller --smp",
                             harts->count);
        }
    }
    harts->parallel = true;
    harts->gate = gate;
    harts->look = look;
    harts->gate_owner = owner;
    return STATUS_OK;
}

/* -- Birth and death --------------------------------------------------------------------------- */

static void timer_changed(void *owner, bool level) {
    hart_set_lines(owner, IP_STIP, level);
}

static struct hart *hart_new(struct harts *harts, unsigned id) {
    struct hart *hart = calloc(1, sizeof *hart);
    if (hart == NULL) {
        return NULL;
    }
    hart->id = id;
    hart->harts = harts;
    hart->code = harts->code;
    hart->vcpu = &harts->sched->vcpus[id];
    hart->clock = &hart->vcpu->clock;
    hart->target_mask = (harts->ext & ext_bit(EXT_c)) != 0 ? 0 : 2;
    hart->heat_floor = HEAT_FLOOR_NONE;
    mmu_flush(hart);
    if (!comparator_attach(harts->sched, id, &hart->supervisor_timer, timer_changed, hart)) {
        free(hart);
        return NULL;
    }
    return hart;
}

enum status harts_init(struct harts *harts, ext_set ext, struct bus *bus, struct sched *sched,
                       struct error *error) {
    *harts = (struct harts){.bus = bus, .sched = sched, .ext = ext};
    unsigned count = sched->vcpu_count;
    harts->hart = calloc(count, sizeof(struct hart *));
    harts->tables = calloc(TABLES_MAX, sizeof *harts->tables);
    harts->table_users = calloc(bus->ram.size_bytes >> PAGE_SHIFT, sizeof *harts->table_users);
    harts->write_notes = calloc(bus->ram.size_bytes >> PAGE_SHIFT, sizeof *harts->write_notes);
    harts->decoder = decoder_new(ext);
    harts->code = code_new(&bus->ram);
    bool complete = harts->hart != NULL && harts->tables != NULL && harts->table_users != NULL &&
                    harts->write_notes != NULL && harts->decoder != NULL && harts->code != NULL;
    while (complete && harts->count < count) {
        harts->hart[harts->count] = hart_new(harts, harts->count);
        complete = harts->hart[harts->count] != NULL;
        harts->count += complete ? 1 : 0;
    }
    if (!complete) {
        harts_free(harts);
        return error_set(error, STATUS_USAGE, "no memory for %u harts: use a smaller --smp", count);
    }
    bus->ram.before_write = before_write;
    bus->ram.after_write = after_write;
    bus->ram.owner = harts;
    return STATUS_OK;
}

void harts_free(struct harts *harts) {
    tally_end(harts);
    notices_end(harts);
    for (unsigned i = 0; i < harts->count; i++) {
        struct hart *hart = harts->hart[i];
        if (hart->code != harts->code) {
            code_free(hart->code, &harts->bus->ram);
        }
        free(hart);
    }
    free(harts->hart);
    free(harts->tables);
    free(harts->table_users);
    free(harts->write_notes);
    free(harts->points.list);
    decoder_free(harts->decoder);
    code_free(harts->code, &harts->bus->ram);
    *harts = (struct harts){.bus = harts->bus};
}
