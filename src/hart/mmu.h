/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory accesses and TLBs as the engines use them. Private to hart/ and engines. */
#ifndef HART_MMU_H
#define HART_MMU_H

#include "hart/hart.h"

/** Where an instruction leaves its engine. */
enum flow {
    FLOW_NEXT,  /* retired; the next instruction of the block follows */
    FLOW_JUMP,  /* retired; hart->pc is set */
    FLOW_LEAVE, /* retired; the block must be left behind this instruction */
    FLOW_TRAP   /* took an exception; hart->pc is set */
};

/* -- mmu.c ------------------------------------------------------------------------------------- */

/** TLB slot for an address in the present data context. */
static inline struct tlb_entry *mmu_entry(struct hart *hart, vaddr address) {
    return &hart->data_tlb[(address >> PAGE_SHIFT) % TLB_ENTRIES];
}

/** The slot in the second way that belongs to a slot. */
static inline struct tlb_entry *mmu_second(struct tlb_entry *entry) {
    return entry + TLB_ENTRIES;
}

/** What a slot's page is compared with: the page of the last byte. An access that crosses into the
 * next page never hits, as that page has another slot. */
static inline uint64_t mmu_tag(vaddr address, unsigned size_bytes) {
    return (address + size_bytes - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

/** Host address of a byte whose slot has been hit. */
static inline uint8_t *mmu_host(const struct tlb_entry *entry, vaddr address) {
    return (uint8_t *)(uintptr_t)(address + entry->host_minus);
}

/** The same for fetches: the first way alone. */
static inline struct fetch_entry *mmu_fetch_entry(struct hart *hart, vaddr address) {
    return &hart->fetch_tlb[(address >> PAGE_SHIFT) % TLB_ENTRIES];
}

/** The page that an address lies in. */
static inline uint64_t mmu_page(vaddr address) {
    return address & ~(uint64_t)(PAGE_BYTES - 1);
}

/** Looks at both ways for the page of @p address; what the second has becomes first. @return NULL:
 * neither. */
struct fetch_entry *mmu_fetch_find(struct hart *hart, vaddr address);

/** Enters a translation into the data TLB; @p address is any address of its page, which RAM holds.
 */
void mmu_fill(struct hart *hart, const struct request *request,
              const struct translation *translation);

/** Parallel: notes, for mmu_flush_page(), what the leaf of an entry maps. */
void mmu_span(struct hart *hart, vaddr address, const struct translation *translation);

/** Flags the page tables that an entry of the hart is about to rest on. */
void mmu_flag_tables(struct hart *hart, const struct translation *translation);

/** Sets a flag on the page of @p address and keeps the invariant of enum page_flag. */
void mmu_flag_page(struct harts *harts, paddr address, enum page_flag flag);

/** Takes write permission for every page away from every TLB. */
void mmu_revoke_writes(struct harts *harts);

/** The page holds no code any more: fetches from it have to flag it first. */
void mmu_code_gone(struct harts *harts, struct code_page *page);

/** The slot of @p address holds something from now on that the note is about. */
void mmu_note(struct slot_note *note, vaddr address);

/** Before a write to a page with table flags: drops the entries that rest on what is about to
 * change. */
void mmu_tables_written(struct harts *harts, paddr address, uint64_t size_bytes);

/** Drops all TLBs of all harts, and the table flags with them. */
void mmu_drop_all(struct harts *harts);

/** How an access that was done leaves its instruction: the block ends when it changed something. */
static inline enum flow mmu_settled(const struct hart *hart) {
    return hart->check || hart->leave ? FLOW_LEAVE : FLOW_NEXT;
}

/* -- point.c ----------------------------------------------------------------------------------- */

/** Is the exact pc that of a breakpoint to be met? Then the engine has to leave before it. */
bool points_break(struct hart *hart);
/** Access bits that a TLB must not grant for the page at @p page, so that its accesses are seen. */
unsigned points_withhold(const struct points *points, vaddr page);
/** A hart is about to touch bytes that lie at @p at, and will not trap any more. */
void points_touch(struct hart *hart, const struct request *request, paddr at);
/** The same for a write to physical memory, before it and after it. */
void points_write_begins(struct harts *harts, paddr address, uint64_t size_bytes);
void points_write_ends(struct harts *harts);
/** Marks in a page of code, about to be fetched from at @p page, where breakpoints are. */
void points_mark(struct harts *harts, struct code_page *code, vaddr page);
/** The same for what is noticed. */
void notices_mark(struct harts *harts, struct code_page *code, vaddr page);
/** The hart is about to execute an instruction that is in no block: tells it, if it is noticed. */
void notices_look(struct hart *hart);

/* -- access.c: accesses off the fast path ------------------------------------------------------ */

/** Store by a hart of the low @p size_bytes (1 to 8) to RAM at a physical address, inside one page;
 * tells the watchers of flagged pages. */
void mmu_ram_store(struct hart *hart, paddr address, uint64_t value, unsigned size_bytes);

/** What an atomic changes. */
struct swap {
    uint64_t expected; /* becomes what memory holds, zero-extended, when that is something else */
    uint64_t value;
    unsigned size_bytes; /* 4 or 8 */
};

/** The same for an atomic of a hart beside others: stores if memory holds what is expected. */
bool mmu_ram_swap(struct hart *hart, paddr address, struct swap *swap);

/**
 * Loads @p size_bytes at @p address for the instruction at hart->pc (exact, like clock->steps).
 * @return FLOW_NEXT, FLOW_LEAVE (a device was read) or FLOW_TRAP (exception taken).
 */
enum flow mmu_load(struct hart *hart, vaddr address, unsigned size_bytes, uint64_t *value);
enum flow mmu_store(struct hart *hart, vaddr address, unsigned size_bytes, uint64_t value);

/**
 * Physical address in RAM for an atomic access or a cache-block operation, naturally aligned,
 * checked for @p access; raises load or store exceptions accordingly (a misaligned address is an
 * exception here; outside RAM an access fault).
 * @return FLOW_NEXT or FLOW_TRAP.
 */
enum flow mmu_atomic(struct hart *hart, const struct request *request, paddr *address);

/** Takes the exception for a failed access. Always FLOW_TRAP. */
enum flow mmu_fault(struct hart *hart, enum access access, enum access_fault fault, vaddr address);

/** Fetches the instruction bits at pc, which may straddle two pages, without keeping them. @return
 * false: trap taken. */
bool mmu_fetch_bits(struct hart *hart, uint32_t *bits);

/**
 * Translates pc and enters it into the fetch TLB when its page is RAM and executable as a whole.
 * Requires code_has_room(). @return false: exception taken at pc.
 */
bool mmu_fetch_fill(struct hart *hart);

#endif
