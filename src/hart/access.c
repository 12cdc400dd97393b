/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads, stores and fetches that the TLBs do not answer: faults, devices, page crossings, watched
 * pages. */
#include <string.h>

#include "hart/code.h"
#include "hart/mmu.h"

/* -- Faults ------------------------------------------------------------------------------------ */

static enum cause fault_cause(enum access access, enum access_fault fault) {
    bool page = fault == FAULT_PAGE;
    switch (access) {
    case ACCESS_FETCH:
        return page ? CAUSE_FETCH_PAGE : CAUSE_FETCH_ACCESS;
    case ACCESS_READ:
        return page ? CAUSE_LOAD_PAGE : CAUSE_LOAD_ACCESS;
    default:
        return page ? CAUSE_STORE_PAGE : CAUSE_STORE_ACCESS;
    }
}

enum flow mmu_fault(struct hart *hart, enum access access, enum access_fault fault, vaddr address) {
    hart_exception(hart, fault_cause(access, fault), address);
    return FLOW_TRAP;
}

/* -- Stores that somebody watches -------------------------------------------------------------- */

static void watched_store(struct hart *hart, paddr address, uint64_t value, unsigned size_bytes) {
    struct ram *ram = &hart->harts->bus->ram;
    hart_gate(hart, true);
    hart->harts->writer = hart;
    ram->before_write(ram->owner, address, size_bytes);
    ram_store(ram_at(ram, address), value, size_bytes);
    ram->after_write(ram->owner, address, size_bytes);
    hart->harts->writer = NULL;
    hart_gate(hart, false);
}

void mmu_ram_store(struct hart *hart, paddr address, uint64_t value, unsigned size_bytes) {
    struct ram *ram = &hart->harts->bus->ram;
    ram_touch(ram, address);
    if (ram->page_flags[ram_page(ram, address)] != 0) {
        watched_store(hart, address, value, size_bytes);
    } else {
        ram_store(ram_at(ram, address), value, size_bytes);
    }
}

static bool watched_swap(struct hart *hart, paddr address, struct swap *swap) {
    struct ram *ram = &hart->harts->bus->ram;
    hart_gate(hart, true);
    hart->harts->writer = hart;
    ram->before_write(ram->owner, address, swap->size_bytes);
    bool done = ram_swap(ram_at(ram, address), swap->size_bytes, &swap->expected, swap->value);
    if (done) {
        ram->after_write(ram->owner, address, swap->size_bytes);
    }
    hart->harts->writer = NULL;
    hart_gate(hart, false);
    return done;
}

bool mmu_ram_swap(struct hart *hart, paddr address, struct swap *swap) {
    struct ram *ram = &hart->harts->bus->ram;
    ram_touch(ram, address);
    if (ram->page_flags[ram_page(ram, address)] != 0) {
        return watched_swap(hart, address, swap);
    }
    return ram_swap(ram_at(ram, address), swap->size_bytes, &swap->expected, swap->value);
}

/* -- Data -------------------------------------------------------------------------------------- */

static struct request data_request(const struct hart *hart, vaddr address, unsigned size_bytes,
                                   enum access access) {
    return (struct request){.address = address,
                            .size_bytes = size_bytes,
                            .access = access,
                            .priv = mmu_data_privilege(hart)};
}

static unsigned bytes_in_page(vaddr address, unsigned size_bytes) {
    unsigned left = PAGE_BYTES - (unsigned)(address & (PAGE_BYTES - 1));
    return left < size_bytes ? left : size_bytes;
}

/** Translates and, where the page is RAM, fills the TLB. *device tells that the page is not RAM. */
static enum access_fault data_translate(struct hart *hart, const struct request *request,
                                        paddr *address, bool *device) {
    struct translation translation;
    enum access_fault fault = mmu_translate(hart, request, &translation);
    if (fault != FAULT_NONE) {
        return fault;
    }
    *address = translation.address;
    *device = !ram_holds(&hart->harts->bus->ram, translation.address, request->size_bytes);
    if (!*device) {
        mmu_fill(hart, request, &translation);
    }
    return FAULT_NONE;
}

/** An access that crosses pages, as its two parts; both must be RAM, and both are checked before
 * either is touched. */
static enum flow crossing_translate(struct hart *hart, const struct request *whole,
                                    paddr parts[2]) {
    struct request request = *whole;
    for (unsigned i = 0; i < 2; i++) {
        bool device;
        unsigned first_bytes = bytes_in_page(whole->address, whole->size_bytes);
        request.address = i == 0 ? whole->address : whole->address + first_bytes;
        request.size_bytes = i == 0 ? first_bytes : whole->size_bytes - first_bytes;
        enum access_fault fault = data_translate(hart, &request, &parts[i], &device);
        if (fault == FAULT_NONE && device) {
            fault = FAULT_ACCESS;
        }
        if (fault != FAULT_NONE) {
            return mmu_fault(hart, whole->access, fault, request.address);
        }
    }
    return FLOW_NEXT;
}

/** An access of a hart goes through: does somebody want to know? */
static void access_look(struct hart *hart, const struct request *request, paddr at) {
    if (unlikely(hart->harts->points.count > 0)) {
        points_touch(hart, request, at);
    }
}

/** The same for the two parts of one that crosses pages. */
static void crossing_look(struct hart *hart, const struct request *whole, const paddr parts[2]) {
    struct request part = *whole;
    part.size_bytes = bytes_in_page(whole->address, whole->size_bytes);
    access_look(hart, &part, parts[0]);
    part.address = whole->address + part.size_bytes;
    part.size_bytes = whole->size_bytes - part.size_bytes;
    access_look(hart, &part, parts[1]);
}

enum flow mmu_load(struct hart *hart, vaddr address, unsigned size_bytes, uint64_t *value) {
    struct bus *bus = hart->harts->bus;
    struct request request = data_request(hart, address, size_bytes, ACCESS_READ);
    unsigned first_bytes = bytes_in_page(address, size_bytes);
    const struct tlb_entry *second = mmu_second(mmu_entry(hart, address));
    *value = 0;
    if (second->read_page == mmu_tag(address, size_bytes)) {
        *value = ram_load(mmu_host(second, address), size_bytes);
        return FLOW_NEXT;
    }
    if (first_bytes < size_bytes) {
        paddr parts[2];
        enum flow flow = crossing_translate(hart, &request, parts);
        if (flow == FLOW_NEXT) {
            crossing_look(hart, &request, parts);
            *value = ram_load_bytes(ram_at(&bus->ram, parts[0]), first_bytes);
            *value |= ram_load_bytes(ram_at(&bus->ram, parts[1]), size_bytes - first_bytes)
                      << 8 * first_bytes;
            flow = mmu_settled(hart); /* the walk may have set A in an entry that is code, too */
        }
        return flow;
    }
    paddr at;
    bool device;
    enum access_fault fault = data_translate(hart, &request, &at, &device);
    if (fault != FAULT_NONE) {
        return mmu_fault(hart, ACCESS_READ, fault, address);
    }
    if (!device) {
        access_look(hart, &request, at);
        *value = ram_load(ram_at(&bus->ram, at), size_bytes);
        return mmu_settled(hart);
    }
    hart_gate(hart, true);
    bool answered = bus_read(bus, at, size_bytes, value);
    hart_gate(hart, false);
    if (!answered) {
        return mmu_fault(hart, ACCESS_READ, FAULT_ACCESS, address);
    }
    access_look(hart, &request, at);
    hart->leave = true;
    return FLOW_LEAVE;
}

enum flow mmu_store(struct hart *hart, vaddr address, unsigned size_bytes, uint64_t value) {
    struct bus *bus = hart->harts->bus;
    struct request request = data_request(hart, address, size_bytes, ACCESS_WRITE);
    unsigned first_bytes = bytes_in_page(address, size_bytes);
    const struct tlb_entry *second = mmu_second(mmu_entry(hart, address));
    if (second->write_page == mmu_tag(address, size_bytes)) {
        ram_store(mmu_host(second, address), value, size_bytes);
        return FLOW_NEXT;
    }
    if (first_bytes < size_bytes) {
        paddr parts[2];
        enum flow flow = crossing_translate(hart, &request, parts);
        if (flow != FLOW_NEXT) {
            return flow;
        }
        crossing_look(hart, &request, parts);
        mmu_ram_store(hart, parts[0], value, first_bytes);
        mmu_ram_store(hart, parts[1], value >> 8 * first_bytes, size_bytes - first_bytes);
        return mmu_settled(hart);
    }
    paddr at;
    bool device;
    enum access_fault fault = data_translate(hart, &request, &at, &device);
    if (fault != FAULT_NONE) {
        return mmu_fault(hart, ACCESS_WRITE, fault, address);
    }
    if (!device) {
        access_look(hart, &request, at);
        mmu_ram_store(hart, at, value, size_bytes);
        return mmu_settled(hart);
    }
    hart_gate(hart, true);
    bool answered = bus_write(bus, at, size_bytes, value);
    hart_gate(hart, false);
    if (!answered) {
        return mmu_fault(hart, ACCESS_WRITE, FAULT_ACCESS, address);
    }
    access_look(hart, &request, at);
    hart->leave = true;
    return FLOW_LEAVE;
}

enum flow mmu_atomic(struct hart *hart, const struct request *request, paddr *address) {
    if ((request->address & (request->size_bytes - 1)) != 0) {
        enum cause cause =
            request->access == ACCESS_READ ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED;
        hart_exception(hart, cause, request->address);
        return FLOW_TRAP;
    }
    bool device;
    enum access_fault fault = data_translate(hart, request, address, &device);
    if (fault == FAULT_NONE && device) {
        fault = FAULT_ACCESS;
    }
    if (fault != FAULT_NONE) {
        return mmu_fault(hart, request->access, fault, request->address);
    }
    access_look(hart, request, *address);
    return FLOW_NEXT;
}

/* -- Fetches ----------------------------------------------------------------------------------- */

/** Translates for a fetch and takes the exception when that fails. */
static bool fetch_translate(struct hart *hart, vaddr address, struct translation *translation) {
    struct request request = {.address = address,
                              .size_bytes = 2,
                              .access = ACCESS_FETCH,
                              .priv = (enum privilege)hart->priv};
    enum access_fault fault = mmu_translate(hart, &request, translation);
    if (fault != FAULT_NONE) {
        mmu_fault(hart, ACCESS_FETCH, fault, address);
    }
    return fault == FAULT_NONE;
}

/** Half of an instruction, from RAM or an executable region such as the boot ROM. */
static bool fetch_half(struct hart *hart, vaddr address, uint16_t *half) {
    struct bus *bus = hart->harts->bus;
    struct translation translation;
    if (!fetch_translate(hart, address, &translation)) {
        return false;
    }
    if (ram_holds(&bus->ram, translation.address, sizeof *half)) {
        *half = (uint16_t)ram_load(ram_at(&bus->ram, translation.address), sizeof *half);
        return true;
    }
    const struct region *region = bus_region(bus, translation.address);
    uint64_t value;
    bool answered = false;
    if (region != NULL && region->executable) {
        hart_gate(hart, true);
        answered = bus_read(bus, translation.address, sizeof *half, &value);
        hart_gate(hart, false);
    }
    if (!answered) {
        mmu_fault(hart, ACCESS_FETCH, FAULT_ACCESS, address);
        return false;
    }
    *half = (uint16_t)value;
    return true;
}

bool mmu_fetch_bits(struct hart *hart, uint32_t *bits) {
    uint16_t low;
    uint16_t high = 0;
    if (!fetch_half(hart, hart->pc, &low)) {
        return false;
    }
    if (insn_length(low) == 4 && !fetch_half(hart, hart->pc + 2, &high)) {
        return false;
    }
    *bits = low | (uint32_t)high << 16;
    return true;
}

bool mmu_fetch_fill(struct hart *hart) {
    struct harts *harts = hart->harts;
    struct translation translation;
    if (!fetch_translate(hart, hart->pc, &translation)) {
        return false;
    }
    if (!translation.whole_page || !ram_holds(&harts->bus->ram, translation.address, 2)) {
        return true;
    }
    struct ram *ram = &harts->bus->ram;
    struct code_page *code = code_page(hart->code, ram_page(ram, translation.address));
    if (unlikely(harts->points.count > 0 || harts->notices != NULL)) {
        points_mark(harts, code, mmu_page(hart->pc));
    }
    if (harts->parallel && !code_fresh(hart->code, code, ram)) {
        return true;
    }
    hart->fetch_fills++;
    if (harts->parallel) {
        mmu_span(hart, hart->pc, &translation);
    } else {
        mmu_flag_tables(hart, &translation);
        mmu_note(&code->fetch_note, hart->pc);
        mmu_flag_page(harts, translation.address, PAGE_CODE);
    }
    struct fetch_entry *entry = mmu_fetch_entry(hart, hart->pc);
    if (entry->page != TLB_EMPTY && entry->page != mmu_page(hart->pc)) {
        entry[TLB_ENTRIES] = *entry;
    }
    *entry = (struct fetch_entry){
        .page = mmu_page(hart->pc),
        .code = code,
        .base = translation.address & ~(paddr)(PAGE_BYTES - 1),
        .leaf = translation.leaf,
    };
    return true;
}
