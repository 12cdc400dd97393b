/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address translation, and TLBs that nobody can see.
 *
 * While harts take turns, law 13 wants that no stale translation is ever used, so sfence.vma has
 * nothing to do here. A TLB entry is a pure function of page tables in memory, of its context
 * (translation space, privilege, SUM, MXR) and of PMP and menvcfg:
 *
 * 1. The context is part of the key. A change of satp, privilege, SUM or MXR selects other entries
 * and drops none. ASIDs need no tag of their own: the space is named by satp as a whole, and
 * entries are right under any ASID.
 * 2. A page that holds an entry's leaf carries PAGE_LEAF_TABLE (PAGE_SPAN_TABLE where the leaf maps
 * more than one page), pages that held the pointers to it carry PAGE_POINTER_TABLE. Flagged pages
 * have no write permission in any TLB, so each store to them comes by mmu_tables_written() before
 * it takes place, which looks at what stands there until now:
 *      - an invalid entry: nothing can rest on it, nothing is dropped. Most stores to page tables
 * are these.
 *      - a leaf: the entries that rest on it are found by its place and dropped, on every hart that
 * has had any from that page (table_users, in which 64 harts have a bit each, and more share them).
 *      - a pointer: if the table it leads to is a leaf table, what rests there is dropped; if that
 * table still has pointers, everything is, and all table flags with it.
 * 3. Walks refuse what permission or a missing A or D bit forbids, and entries hold only what walks
 * granted. So an entry never says more than a walk would say now.
 * 4. A change of PMP or menvcfg flushes the hart's TLBs.
 *
 * 5. Whatever takes a permission away sets hart->check on every hart that may have had it, so that
 * an engine that has looked at an entry need not look again before it leaves its block.
 *
 * A page that was a table once and is ordinary memory now loses its flag at one of the next stores
 * to it, so freed tables do not stay slow.
 *
 * Rejected: flushing on sfence.vma alone, as hardware does. It is legal, but then what a guest
 * without fences sees would depend on the size of the TLB, on grants and on cache drops. Harts that
 * run at the same time do just that: there, rule 2 would stop them all at each store to a table. */
#include "hart/mmu.h"

#include <string.h>

#include "hart/code.h"

#define PTE_V ((uint64_t)1 << 0)
#define PTE_R ((uint64_t)1 << 1)
#define PTE_W ((uint64_t)1 << 2)
#define PTE_X ((uint64_t)1 << 3)
#define PTE_U ((uint64_t)1 << 4)
#define PTE_A ((uint64_t)1 << 6)
#define PTE_D ((uint64_t)1 << 7)
#define PTE_RESERVED ((uint64_t)0x7f << 54)
#define PTE_PBMT ((uint64_t)3 << 61)
#define PTE_N ((uint64_t)1 << 63)

enum { SATP_BARE = 0, SATP_SV39 = 8, SPACES = 256, PTES = PAGE_BYTES / 8 };

/* -- Contexts ---------------------------------------------------------------------------------- */

/** Number of the hart's present translation space; a number that stood for another satp takes the
 * TLB along. */
static uint64_t space_number(struct hart *hart) {
    uint64_t satp = bits_get(hart->satp, 63, 60) == SATP_BARE ? 0 : hart->satp;
    uint64_t space = ((satp * UINT64_C(0x9e3779b97f4a7c15)) >> 56) % SPACES;
    if (hart->space_used[space] && hart->space_satp[space] != satp) {
        mmu_flush(hart);
    }
    hart->space_used[space] = true;
    hart->space_satp[space] = satp;
    return space;
}

static uint64_t context_key(uint64_t space, enum privilege priv, uint64_t mstatus) {
    uint64_t sum = (mstatus & MSTATUS_SUM) != 0;
    uint64_t mxr = (mstatus & MSTATUS_MXR) != 0;
    uint64_t context =
        priv == PRIV_M ? (uint64_t)PRIV_M << 2 : space << 4 | (uint64_t)priv << 2 | sum << 1 | mxr;
    return context << 52;
}

enum privilege mmu_data_privilege(const struct hart *hart) {
    if ((hart->mstatus & MSTATUS_MPRV) != 0) {
        return (enum privilege)bits_get(hart->mstatus, 12, 11);
    }
    return (enum privilege)hart->priv;
}

/**
 * The set that belongs to @p context, emptied when it belonged to another; the oldest gives way.
 * @param sets  Contexts of the sets. @param next  Set to be given away next.
 */
static unsigned set_of(uint64_t *sets, unsigned *next, uint64_t context, bool *empty) {
    for (unsigned i = 0; i < TLB_SETS; i++) {
        if (sets[i] == context) {
            *empty = false;
            return i;
        }
    }
    unsigned set = *next;
    *next = (set + 1) % TLB_SETS;
    sets[set] = context;
    *empty = true;
    return set;
}

static void data_set_select(struct hart *hart) {
    bool empty;
    unsigned set = set_of(hart->tlb_context, &hart->tlb_next, hart->data_context, &empty);
    hart->data_tlb = hart->tlb[set];
    if (empty) {
        memset(hart->data_tlb, 0xff, sizeof hart->tlb[set]);
    }
}

static void fetch_set_select(struct hart *hart) {
    bool empty;
    unsigned set = set_of(hart->fetch_set_context, &hart->fetch_next, hart->fetch_context, &empty);
    hart->fetch_tlb = hart->fetch[set];
    if (empty) {
        memset(hart->fetch_tlb, 0xff, sizeof hart->fetch[set]);
    }
}

void mmu_set_contexts(struct hart *hart) {
    uint64_t space = space_number(hart);
    hart->data_context = context_key(space, mmu_data_privilege(hart), hart->mstatus);
    hart->fetch_context = context_key(space, (enum privilege)hart->priv, 0);
    data_set_select(hart);
    fetch_set_select(hart);
    if (unlikely(hart->watched)) {
        tally_switch(hart);
    }
}

/* -- Dropping entries -------------------------------------------------------------------------- */

/* Sets are emptied when a context takes them, so only those in use cost anything. */
void mmu_flush(struct hart *hart) {
    memset(hart->tlb_context, 0xff, sizeof hart->tlb_context);
    memset(hart->fetch_set_context, 0xff, sizeof hart->fetch_set_context);
    data_set_select(hart);
    fetch_set_select(hart);
    hart->spans_first = UINT64_MAX;
    hart->spans_last = 0;
    hart->check = true;
}

/* A leaf that maps more than a page has its entries in any slots. All that such leaves map is kept
 * as one range, which a kernel's own memory fills well, and what it unmaps often lies outside. */
void mmu_flush_page(struct hart *hart, vaddr address) {
    if (address >= hart->spans_first && address <= hart->spans_last) {
        mmu_flush(hart);
        return;
    }
    unsigned slot = (unsigned)(address >> PAGE_SHIFT) % TLB_ENTRIES;
    for (unsigned set = 0; set < TLB_SETS; set++) {
        for (unsigned i = slot; i < TLB_SLOTS; i += TLB_ENTRIES) {
            memset(&hart->tlb[set][i], 0xff, sizeof hart->tlb[set][i]);
            memset(&hart->fetch[set][i], 0xff, sizeof hart->fetch[set][i]);
        }
    }
    hart->check = true;
}

void mmu_span(struct hart *hart, vaddr address, const struct translation *translation) {
    if (translation->span_bytes > PAGE_BYTES) {
        vaddr first = address & ~(translation->span_bytes - 1);
        vaddr last = first + (translation->span_bytes - 1);
        hart->spans_first = min_u64(hart->spans_first, first);
        hart->spans_last = last > hart->spans_last ? last : hart->spans_last;
    }
}

void mmu_drop_all(struct harts *harts) {
    for (unsigned i = 0; i < harts->count; i++) {
        mmu_flush(harts->hart[i]);
    }
    for (size_t i = 0; i < harts->table_count; i++) {
        harts->bus->ram.page_flags[harts->tables[i]] &=
            (uint8_t) ~(PAGE_LEAF_TABLE | PAGE_SPAN_TABLE | PAGE_POINTER_TABLE);
        harts->table_users[harts->tables[i]] = 0;
    }
    harts->table_count = 0;
}

/** Entries that rest on leaf entries in [first, end). */
struct leaves {
    paddr first, end;
};

static bool rests_on(paddr leaf, const struct leaves *leaves) {
    return leaf >= leaves->first && leaf < leaves->end;
}

/** Drops what rests on @p leaves from every @p step-th slot of the sets in use, from slot @p slot
 * on. */
static void slots_drop(struct hart *hart, const struct leaves *leaves, unsigned slot,
                       unsigned step) {
    for (unsigned set = 0; set < TLB_SETS; set++) {
        for (unsigned i = slot; hart->tlb_context[set] != TLB_EMPTY && i < TLB_SLOTS; i += step) {
            if (rests_on(hart->tlb[set][i].leaf, leaves)) {
                memset(&hart->tlb[set][i], 0xff, sizeof hart->tlb[set][i]);
            }
        }
    }
    for (unsigned set = 0; set < TLB_SETS; set++) {
        for (unsigned i = slot; hart->fetch_set_context[set] != TLB_EMPTY && i < TLB_SLOTS;
             i += step) {
            if (rests_on(hart->fetch[set][i].leaf, leaves)) {
                memset(&hart->fetch[set][i], 0xff, sizeof hart->fetch[set][i]);
            }
        }
    }
}

static uint64_t user_bit(unsigned hart_idx) {
    return UINT64_C(1) << hart_idx % 64;
}

/** May the hart have entries that rest on a leaf in the page of @p leaf? */
static bool table_used(const struct harts *harts, unsigned hart_idx, paddr leaf) {
    return (harts->table_users[ram_page(&harts->bus->ram, leaf)] & user_bit(hart_idx)) != 0;
}

static void leaves_drop(struct harts *harts, const struct leaves *leaves, unsigned slot,
                        unsigned step) {
    for (unsigned i = 0; i < harts->count; i++) {
        if (table_used(harts, i, leaves->first)) {
            slots_drop(harts->hart[i], leaves, slot, step);
            harts->hart[i]->check = true;
        }
    }
}

/** Does any entry rest on a leaf in the page? */
static bool page_rests(const struct hart *hart, paddr page) {
    const struct leaves leaves = {page, page + PAGE_BYTES};
    for (unsigned set = 0; set < TLB_SETS; set++) {
        for (unsigned i = 0; hart->tlb_context[set] != TLB_EMPTY && i < TLB_SLOTS; i++) {
            if (rests_on(hart->tlb[set][i].leaf, &leaves)) {
                return true;
            }
        }
        for (unsigned i = 0; hart->fetch_set_context[set] != TLB_EMPTY && i < TLB_SLOTS; i++) {
            if (rests_on(hart->fetch[set][i].leaf, &leaves)) {
                return true;
            }
        }
    }
    return false;
}

static void leaf_flags_clear(struct harts *harts, paddr leaf) {
    for (unsigned i = 0; i < harts->count; i++) {
        harts->hart[i]->check = true; /* rule 5: an engine may hold what the TLB has forgotten */
    }
    uint64_t page = ram_page(&harts->bus->ram, leaf);
    harts->bus->ram.page_flags[page] &= (uint8_t) ~(PAGE_LEAF_TABLE | PAGE_SPAN_TABLE);
    harts->table_users[page] = 0;
}

/** Now and then: a page in which nothing rests any more is no table. What was reached through
 * pointers nobody knows, so there everything goes. */
static void table_review(struct harts *harts, paddr at, uint8_t flags) {
    enum { REVIEW_STORES = 256 };
    if (++harts->table_stores % REVIEW_STORES != 0) {
        return;
    }
    if ((flags & PAGE_POINTER_TABLE) != 0) {
        mmu_drop_all(harts);
        return;
    }
    for (unsigned i = 0; i < harts->count; i++) {
        if (table_used(harts, i, at) && page_rests(harts->hart[i], at & ~(paddr)(PAGE_BYTES - 1))) {
            return;
        }
    }
    leaf_flags_clear(harts, at);
}

/* A leaf of the lowest level says by its place which slots its page can have: its index in the
 * table is the low nine bits of the page number. */
static void leaf_written(struct harts *harts, paddr leaf, uint8_t flags) {
    const struct leaves leaves = {leaf, leaf + 1};
    bool spans = (flags & PAGE_SPAN_TABLE) != 0;
    unsigned idx = (unsigned)(leaf % PAGE_BYTES / 8);
    leaves_drop(harts, &leaves, spans ? 0 : idx, spans ? 1 : PTES);
}

/** A pointer to the table at @p table changes: what was reached through it is dropped. */
static void pointer_written(struct harts *harts, paddr table) {
    struct ram *ram = &harts->bus->ram;
    uint8_t flags = ram_holds(ram, table, PAGE_BYTES) ? ram->page_flags[ram_page(ram, table)] : 0;
    for (unsigned i = 0; (flags & PAGE_POINTER_TABLE) != 0 && i < PTES; i++) {
        uint64_t pte;
        memcpy(&pte, ram_at(ram, table + 8 * i), sizeof pte);
        if ((pte & PTE_V) != 0 && (pte & (PTE_R | PTE_W | PTE_X)) == 0) {
            mmu_drop_all(harts);
            return;
        }
    }
    if ((flags & (PAGE_LEAF_TABLE | PAGE_SPAN_TABLE)) != 0) {
        const struct leaves leaves = {table, table + PAGE_BYTES};
        leaves_drop(harts, &leaves, 0, 1);
        leaf_flags_clear(harts, table);
    }
}

void mmu_tables_written(struct harts *harts, paddr address, uint64_t size_bytes) {
    struct ram *ram = &harts->bus->ram;
    for (paddr at = address & ~(paddr)7; at < address + size_bytes; at += 8) {
        uint64_t old;
        memcpy(&old, ram_at(ram, at), sizeof old);
        uint8_t flags = ram->page_flags[ram_page(ram, at)];
        table_review(harts, at, flags);
        bool valid = (old & PTE_V) != 0;
        bool pointer = (old & (PTE_R | PTE_W | PTE_X)) == 0;
        if (valid && pointer && (flags & PAGE_POINTER_TABLE) != 0) {
            pointer_written(harts, bits_get(old, 53, 10) << PAGE_SHIFT);
        } else if (valid && !pointer && (flags & (PAGE_LEAF_TABLE | PAGE_SPAN_TABLE)) != 0) {
            leaf_written(harts, at, flags);
        }
    }
}

/** Slots to be looked at, both ways of each counted. */
static unsigned note_slots(const struct slot_note *note) {
    return note->count > NOTED_SLOTS ? TLB_SLOTS : 2U * note->count;
}

static unsigned note_slot(const struct slot_note *note, unsigned idx) {
    bool any = note->count > NOTED_SLOTS;
    return any ? idx : note->slot[idx / 2] + idx % 2 * TLB_ENTRIES;
}

void mmu_note(struct slot_note *note, vaddr address) {
    unsigned slot = (unsigned)(address >> PAGE_SHIFT) % TLB_ENTRIES;
    for (unsigned i = 0; i < note->count; i++) {
        if (note->count > NOTED_SLOTS || note->slot[i] == slot) {
            return;
        }
    }
    if (note->count < NOTED_SLOTS) {
        note->slot[note->count] = (uint16_t)slot;
    }
    note->count++;
}

/** Takes write permission for a page away from every TLB. */
static void page_revoke(struct harts *harts, uint64_t page) {
    const uint8_t *host = harts->bus->ram.bytes + (page << PAGE_SHIFT);
    struct slot_note *note = &harts->write_notes[page];
    unsigned count = note_slots(note);
    for (unsigned i = 0; i < harts->count; i++) {
        struct hart *hart = harts->hart[i];
        for (unsigned j = 0; j < TLB_SETS * count; j++) {
            struct tlb_entry *entry = &hart->tlb[j / count][note_slot(note, j % count)];
            if (mmu_host(entry, entry->write_page) == host) {
                entry->write_page = TLB_EMPTY;
            }
        }
        hart->check |= count > 0;
    }
    note->count = 0;
}

void mmu_revoke_writes(struct harts *harts) {
    for (unsigned i = 0; i < harts->count; i++) {
        struct hart *hart = harts->hart[i];
        for (unsigned set = 0; set < TLB_SETS; set++) {
            for (unsigned slot = 0; hart->tlb_context[set] != TLB_EMPTY && slot < TLB_SLOTS;
                 slot++) {
                hart->tlb[set][slot].write_page = TLB_EMPTY;
            }
        }
        hart->check = true;
    }
}

void mmu_code_gone(struct harts *harts, struct code_page *page) {
    struct slot_note *note = &page->fetch_note;
    unsigned count = note_slots(note);
    for (unsigned i = 0; i < harts->count; i++) {
        struct hart *hart = harts->hart[i];
        for (unsigned j = 0; j < TLB_SETS * count; j++) {
            struct fetch_entry *entry = &hart->fetch[j / count][note_slot(note, j % count)];
            if (entry->code == page) {
                memset(entry, 0xff, sizeof *entry);
            }
        }
        hart->check = true;
    }
    note->count = 0;
}

struct fetch_entry *mmu_fetch_find(struct hart *hart, vaddr address) {
    struct fetch_entry *first = mmu_fetch_entry(hart, address);
    struct fetch_entry *second = first + TLB_ENTRIES;
    if (first->page != mmu_page(address) && second->page == mmu_page(address)) {
        struct fetch_entry found = *second;
        *second = *first;
        *first = found;
    }
    return first->page == mmu_page(address) ? first : NULL;
}

void mmu_flag_page(struct harts *harts, paddr address, enum page_flag flag) {
    struct ram *ram = &harts->bus->ram;
    uint64_t page = ram_page(ram, address);
    if (ram->page_flags[page] == 0) {
        page_revoke(harts, page);
    }
    ram->page_flags[page] |= (uint8_t)flag;
}

/** Flags a page as a page table and remembers it, so that the flag can go when everything is
 * dropped. */
static void table_flag(struct harts *harts, paddr address, enum page_flag flag) {
    uint64_t page = ram_page(&harts->bus->ram, address);
    uint8_t flags = harts->bus->ram.page_flags[page];
    if ((flags & flag) != 0) {
        return;
    }
    if ((flags & (PAGE_LEAF_TABLE | PAGE_SPAN_TABLE | PAGE_POINTER_TABLE)) == 0) {
        harts->tables[harts->table_count++] = page;
    }
    mmu_flag_page(harts, address, flag);
}

/* -- The walk ---------------------------------------------------------------------------------- */

/** One translation under way. */
struct walk {
    struct hart *hart;
    vaddr address;
    enum access access;
    enum privilege priv;
    bool peeks; /* whatever is allowed, and without marking the leaf */
    unsigned level;
    paddr at; /* of the entry last read */
    uint64_t pte;
    struct translation *out;
};

static bool pte_reserved(const struct walk *walk, bool leaf) {
    const struct hart *hart = walk->hart;
    uint64_t pte = walk->pte;
    uint64_t pbmt = pte & PTE_PBMT;
    bool napot = (pte & PTE_N) != 0;
    if ((pte & PTE_RESERVED) != 0 || pbmt == PTE_PBMT) {
        return true;
    }
    if (!leaf) {
        return pbmt != 0 || napot || (pte & (PTE_A | PTE_D | PTE_U)) != 0;
    }
    if (pbmt != 0 && (hart->menvcfg & ENVCFG_PBMTE) == 0) {
        return true;
    }
    if (napot) {
        bool svnapot = (hart->harts->ext & ext_bit(EXT_svnapot)) != 0;
        return !svnapot || walk->level != 0 || bits_get(pte, 13, 10) != 8;
    }
    return bits_get(pte, 53, 10) & (((uint64_t)1 << (9 * walk->level)) - 1);
}

/** What the leaf's bits allow in this context, D not yet looked at. */
static unsigned leaf_allows(const struct walk *walk) {
    uint64_t mstatus = walk->hart->mstatus;
    bool user = (walk->pte & PTE_U) != 0;
    if (user != (walk->priv == PRIV_U) &&
        (walk->priv == PRIV_U || walk->access == ACCESS_FETCH || (mstatus & MSTATUS_SUM) == 0)) {
        return 0;
    }
    unsigned allowed = (walk->pte & PTE_R) != 0 ? ACCESS_READ : 0;
    if ((walk->pte & PTE_W) != 0) {
        allowed |= ACCESS_WRITE;
    }
    if ((walk->pte & PTE_X) != 0) {
        allowed |= (mstatus & MSTATUS_MXR) != 0 ? ACCESS_READ | ACCESS_FETCH : ACCESS_FETCH;
    }
    return walk->access == ACCESS_FETCH ? allowed & ACCESS_FETCH
                                        : allowed & (ACCESS_READ | ACCESS_WRITE);
}

static bool table_allowed(const struct walk *walk, enum access access) {
    struct hart *hart = walk->hart;
    return ram_holds(&hart->harts->bus->ram, walk->at, 8) &&
           (walk->peeks || (pmp_check(hart, walk->at, 8, PRIV_S) & access) != 0);
}

/** Sets A, and D for a write, where the hart may. */
static enum access_fault leaf_mark(struct walk *walk) {
    uint64_t wanted = walk->access == ACCESS_WRITE ? PTE_A | PTE_D : PTE_A;
    if ((walk->pte & wanted) == wanted) {
        return FAULT_NONE;
    }
    if ((walk->hart->menvcfg & ENVCFG_ADUE) == 0) {
        return FAULT_PAGE;
    }
    if (!table_allowed(walk, ACCESS_WRITE)) {
        return FAULT_ACCESS;
    }
    uint64_t marked = walk->pte | wanted;
    if (walk->hart->harts->parallel) {
        uint8_t *at = ram_at(&walk->hart->harts->bus->ram, walk->at);
        return ram_swap(at, sizeof marked, &walk->pte, marked) ? FAULT_NONE : FAULT_AGAIN;
    }
    walk->pte = marked;
    mmu_ram_store(walk->hart, walk->at, marked, sizeof marked);
    return FAULT_NONE;
}

static paddr leaf_address(const struct walk *walk) {
    uint64_t span = ((uint64_t)PAGE_BYTES << (9 * walk->level)) - 1;
    paddr page = bits_get(walk->pte, 53, 10) << PAGE_SHIFT;
    if ((walk->pte & PTE_N) != 0) {
        span = 0xffff;
        page &= ~span;
    }
    walk->out->span_bytes = span + 1;
    return page | (walk->address & span);
}

static enum access_fault walk_leaf(struct walk *walk) {
    unsigned allowed = walk->peeks ? (unsigned)ACCESS_READ : leaf_allows(walk);
    if (pte_reserved(walk, true) || (allowed & walk->access) == 0) {
        return FAULT_PAGE;
    }
    enum access_fault fault = walk->peeks ? FAULT_NONE : leaf_mark(walk);
    if ((walk->pte & PTE_D) == 0) {
        allowed &= ~(unsigned)ACCESS_WRITE;
    }
    walk->out->allowed = allowed;
    walk->out->address = leaf_address(walk);
    walk->out->leaf = walk->at;
    walk->out->spans = walk->level > 0;
    return fault;
}

static enum access_fault walk_tables(struct walk *walk) {
    uint64_t satp = walk->hart->satp;
    unsigned levels = 3 + (unsigned)(bits_get(satp, 63, 60) - SATP_SV39);
    unsigned top = PAGE_SHIFT + 9 * levels - 1;
    if ((uint64_t)sign_extend(walk->address, top) != walk->address) {
        return FAULT_PAGE;
    }
    paddr table = bits_get(satp, 43, 0) << PAGE_SHIFT;
    for (walk->level = levels; walk->level-- > 0;) {
        unsigned shift = PAGE_SHIFT + 9 * walk->level;
        walk->at = table + 8 * bits_get(walk->address, shift + 8, shift);
        if (!table_allowed(walk, ACCESS_READ)) {
            return FAULT_ACCESS;
        }
        walk->pte = ram_load(ram_at(&walk->hart->harts->bus->ram, walk->at), sizeof walk->pte);
        if ((walk->pte & PTE_V) == 0 || (walk->pte & (PTE_R | PTE_W)) == PTE_W) {
            return FAULT_PAGE;
        }
        if ((walk->pte & (PTE_R | PTE_X)) != 0) {
            return walk_leaf(walk);
        }
        if (pte_reserved(walk, false)) {
            return FAULT_PAGE;
        }
        walk->out->pointers[walk->out->pointer_count++] = walk->at;
        table = bits_get(walk->pte, 53, 10) << PAGE_SHIFT;
    }
    return FAULT_PAGE;
}

enum access_fault mmu_translate(struct hart *hart, const struct request *request,
                                struct translation *out) {
    *out =
        (struct translation){.address = request->address, .leaf = TLB_NO_LEAF, .whole_page = true};
    out->allowed = ACCESS_READ | ACCESS_WRITE | ACCESS_FETCH;
    if (request->priv != PRIV_M && bits_get(hart->satp, 63, 60) != SATP_BARE) {
        struct walk walk = {.hart = hart,
                            .address = request->address,
                            .access = request->access,
                            .priv = request->priv,
                            .out = out};
        enum access_fault fault;
        do {
            out->pointer_count = 0;
            fault = walk_tables(&walk);
        } while (fault == FAULT_AGAIN);
        if (fault != FAULT_NONE) {
            return fault;
        }
    }
    if (hart->pmp_count > 0 || request->priv != PRIV_M) {
        bool uniform;
        unsigned page = pmp_check_page(hart, out->address, request->priv, &uniform);
        if (!uniform) {
            out->whole_page = false;
            page = pmp_check(hart, out->address, request->size_bytes, request->priv);
        }
        out->allowed &= page;
    }
    return (out->allowed & request->access) != 0 ? FAULT_NONE : FAULT_ACCESS;
}

bool mmu_peek(struct hart *hart, vaddr address, paddr *at) {
    return mmu_peek_as(hart, mmu_data_privilege(hart), address, at);
}

bool mmu_peek_as(struct hart *hart, enum privilege priv, vaddr address, paddr *at) {
    struct translation out = {.address = address};
    struct walk walk = {.hart = hart,
                        .address = address,
                        .access = ACCESS_READ,
                        .priv = priv,
                        .peeks = true,
                        .out = &out};
    bool translated = priv != PRIV_M && bits_get(hart->satp, 63, 60) != SATP_BARE;
    if (translated && walk_tables(&walk) != FAULT_NONE) {
        return false;
    }
    *at = out.address;
    return true;
}

bool mmu_peek_word(struct hart *hart, vaddr address, uint64_t *value) {
    const struct ram *ram = &hart->harts->bus->ram;
    struct tlb_entry *entry = mmu_entry(hart, address);
    paddr at;
    if (address % sizeof *value != 0) {
        return false;
    }
    if (entry->read_page != mmu_page(address)) {
        entry = mmu_second(entry);
    }
    if (entry->read_page == mmu_page(address)) {
        *value = ram_load(mmu_host(entry, address), sizeof *value);
        return true;
    }
    if (!mmu_peek(hart, address, &at) || !ram_holds(ram, at, sizeof *value)) {
        return false;
    }
    *value = ram_load(ram_at(ram, at), sizeof *value);
    return true;
}

/* -- Filling ----------------------------------------------------------------------------------- */

void mmu_flag_tables(struct hart *hart, const struct translation *translation) {
    struct harts *harts = hart->harts;
    if (harts->table_count + WALK_LEVELS_MAX > TABLES_MAX) {
        mmu_drop_all(harts);
    }
    for (unsigned i = 0; i < translation->pointer_count; i++) {
        table_flag(harts, translation->pointers[i], PAGE_POINTER_TABLE);
    }
    if (translation->leaf != TLB_NO_LEAF) {
        table_flag(harts, translation->leaf,
                   translation->spans ? PAGE_SPAN_TABLE : PAGE_LEAF_TABLE);
        harts->table_users[ram_page(&harts->bus->ram, translation->leaf)] |= user_bit(hart->id);
    }
}

/* A page that is not kept yet gets write permission with its first write, not with a load: else all
 * that is only read would be kept, too. */
void mmu_fill(struct hart *hart, const struct request *request,
              const struct translation *translation) {
    vaddr address = request->address;
    struct ram *ram = &hart->harts->bus->ram;
    if (!translation->whole_page) {
        return;
    }
    hart->data_fills++;
    if (hart->harts->parallel) {
        mmu_span(hart, address, translation);
    } else {
        mmu_flag_tables(hart, translation);
    }
    vaddr start = address & ~(vaddr)(PAGE_BYTES - 1);
    uint64_t page = ram_page(ram, translation->address);
    const uint8_t *host = ram->bytes + (page << PAGE_SHIFT);
    unsigned allowed = translation->allowed;
    if (unlikely(hart->harts->points.count > 0)) {
        allowed &= ~points_withhold(&hart->harts->points, start);
    }
    bool writable = (allowed & ACCESS_WRITE) != 0 && ram->page_flags[page] == 0 &&
                    (request->access == ACCESS_WRITE || ram_kept(ram, page));
    struct tlb_entry *entry = mmu_entry(hart, address);
    if (entry->read_page != TLB_EMPTY && entry->read_page != start) {
        *mmu_second(entry) = *entry;
    }
    *entry = (struct tlb_entry){
        .read_page = (allowed & ACCESS_READ) != 0 ? start : TLB_EMPTY,
        .write_page = writable ? start : TLB_EMPTY,
        .host_minus = (uintptr_t)host - start,
        .leaf = translation->leaf,
    };
    if (writable) {
        ram_touch(ram, translation->address);
        if (!hart->harts->parallel) {
            mmu_note(&hart->harts->write_notes[page], address);
        }
    }
}
