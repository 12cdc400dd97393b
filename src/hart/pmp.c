/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory protection: sixteen entries, four-byte granularity.
 *
 * @spec Privileged ISA 20240411, section 3.7. What it leaves open is settled so: reserved bits 5
 * and 6 of a configuration read as zero, and who asks for the reserved W without R gets none of R,
 * W and X. */
#include "hart/hart.h"

#include <string.h>

enum { PMP_R = 1, PMP_W = 2, PMP_X = 4, PMP_L = 0x80, PMP_RWX = 7, PMP_RESERVED = 0x60 };

/* How an entry says what it covers: bits 4:3 of its configuration. */
enum { PMP_OFF, PMP_TOR, PMP_NA4, PMP_NAPOT };

#define PMP_ADDRESS_MASK (((uint64_t)1 << 54) - 1)

_Static_assert((int)PMP_R == (int)ACCESS_READ && (int)PMP_W == (int)ACCESS_WRITE &&
                   (int)PMP_X == (int)ACCESS_FETCH,
               "ORDER: a configuration's low bits are enum access");

/* -- Which bytes an entry covers ------------------------------------------------------------- */

/* [first, end), empty when first >= end. */
struct pmp_range {
    paddr first;
    paddr end;
};

static unsigned entry_mode(const struct hart *hart, unsigned entry) {
    return (unsigned)bits_get(hart->pmpcfg[entry], 4, 3);
}

static struct pmp_range entry_range(const struct hart *hart, unsigned entry) {
    uint64_t address = hart->pmpaddr[entry];
    uint64_t below = entry == 0 ? 0 : hart->pmpaddr[entry - 1];
    uint64_t free = address ^ (address + 1); /* the trailing ones and the zero above them */
    switch (entry_mode(hart, entry)) {
    case PMP_TOR:
        return (struct pmp_range){below << 2, address << 2};
    case PMP_NA4:
        return (struct pmp_range){address << 2, (address + 1) << 2};
    case PMP_NAPOT:
        return (struct pmp_range){(address & ~free) << 2, ((address | free) + 1) << 2};
    default:
        return (struct pmp_range){0, 0};
    }
}

/* -- Checks ---------------------------------------------------------------------------------- */

/* What privilege priv may do where no entry speaks. */
static unsigned unmatched(const struct hart *hart, enum privilege priv) {
    return priv == PRIV_M || !hart_has(hart, EXT_smpmp) ? PMP_RWX : 0;
}

/** Narrows @p area, in which @p bytes lie, to what lies on their side of @p other. */
static void area_narrow(struct pmp_range *area, struct pmp_range bytes, struct pmp_range other) {
    if (other.end <= bytes.first && other.end > area->first) {
        area->first = other.end;
    } else if (other.first >= bytes.end && other.first < area->end) {
        area->end = other.first;
    }
}

/* The lowest entry that touches any byte decides; *cut says that it does not cover them all. What
 * was decided holds for an area around the bytes, and is kept until an entry changes: most accesses
 * ask about the area of the one before. */
static unsigned permissions_find(struct hart *hart, struct pmp_range bytes, enum privilege priv,
                                 bool *cut) {
    struct pmp_range area = {0, UINT64_MAX};
    unsigned allowed = unmatched(hart, priv);
    *cut = false;
    for (unsigned entry = 0; entry < hart->pmp_count; entry++) {
        struct pmp_range range = entry_range(hart, entry);
        if (range.first >= range.end) {
            continue;
        }
        if (range.end <= bytes.first || bytes.end <= range.first) {
            area_narrow(&area, bytes, range);
            continue;
        }
        if (bytes.first < range.first || range.end < bytes.end) {
            *cut = true;
            return 0;
        }
        area.first = range.first > area.first ? range.first : area.first;
        area.end = range.end < area.end ? range.end : area.end;
        bool binds = priv != PRIV_M || (hart->pmpcfg[entry] & PMP_L) != 0;
        allowed = binds ? hart->pmpcfg[entry] & PMP_RWX : PMP_RWX;
        break;
    }
    hart->pmp_area[priv] = (struct pmp_area){area.first, area.end, allowed};
    return allowed;
}

static unsigned permissions(struct hart *hart, struct pmp_range bytes, enum privilege priv,
                            bool *cut) {
    const struct pmp_area *area = &hart->pmp_area[priv];
    if (likely(bytes.first >= area->first && bytes.end <= area->end)) {
        *cut = false;
        return area->allowed;
    }
    return permissions_find(hart, bytes, priv, cut);
}

unsigned pmp_check(struct hart *hart, paddr address, uint64_t size_bytes, enum privilege priv) {
    bool cut;
    struct pmp_range bytes = {address, add_sat_u64(address, size_bytes)};
    return permissions(hart, bytes, priv, &cut);
}

unsigned pmp_check_page(struct hart *hart, paddr address, enum privilege priv, bool *uniform) {
    paddr page = address & ~(paddr)(PAGE_BYTES - 1);
    struct pmp_range bytes = {page, add_sat_u64(page, PAGE_BYTES)};
    bool cut;
    unsigned allowed = permissions(hart, bytes, priv, &cut);
    *uniform = !cut;
    return allowed;
}

/* -- Registers ------------------------------------------------------------------------------- */

static void areas_forget(struct hart *hart) {
    memset(hart->pmp_area, 0, sizeof hart->pmp_area);
}

void pmp_state_set(struct hart *hart) {
    hart->pmp_count = 0;
    for (unsigned entry = 0; entry < PMP_ENTRIES; entry++) {
        hart->pmp_count = entry_mode(hart, entry) != PMP_OFF ? entry + 1 : hart->pmp_count;
    }
    areas_forget(hart);
    mmu_flush(hart);
    hart_changed(hart);
}

void pmp_reset(struct hart *hart) {
    memset(hart->pmpcfg, 0, sizeof hart->pmpcfg);
    memset(hart->pmpaddr, 0, sizeof hart->pmpaddr);
    hart->pmp_count = 0;
    areas_forget(hart);
}

uint64_t pmp_config(const struct hart *hart, unsigned first) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)hart->pmpcfg[first + i] << (8 * i);
    }
    return value;
}

void pmp_set_config(struct hart *hart, unsigned first, uint64_t value) {
    for (unsigned i = 0; i < 8; i++) {
        if ((hart->pmpcfg[first + i] & PMP_L) != 0) {
            continue;
        }
        unsigned config = (unsigned)(value >> (8 * i)) & 0xff & ~(unsigned)PMP_RESERVED;
        if ((config & (PMP_R | PMP_W)) == PMP_W) {
            config &= ~(unsigned)PMP_RWX;
        }
        hart->pmpcfg[first + i] = (uint8_t)config;
    }
    pmp_state_set(hart);
}

void pmp_set_address(struct hart *hart, unsigned entry, uint64_t value) {
    /* The lock of a top-of-range entry also holds its bottom, the address of the entry below it. */
    bool bottom_locked = entry + 1 < PMP_ENTRIES && entry_mode(hart, entry + 1) == PMP_TOR &&
                         (hart->pmpcfg[entry + 1] & PMP_L) != 0;
    if (bottom_locked || (hart->pmpcfg[entry] & PMP_L) != 0) {
        return;
    }
    hart->pmpaddr[entry] = value & PMP_ADDRESS_MASK;
    pmp_state_set(hart);
}
