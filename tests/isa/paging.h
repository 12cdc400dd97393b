/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables, and accesses through them.
 *
 * Loads and stores run in M mode under MPRV, so that code needs no mapping; fetches jump into the
 * page, where every word is an ecall. */
#ifndef PAGING_H
#define PAGING_H

#include "isa.h"

#define PTE_V 1ul
#define PTE_R 2ul
#define PTE_W 4ul
#define PTE_X 8ul
#define PTE_U 16ul
#define PTE_G 32ul
#define PTE_A 64ul
#define PTE_D 128ul
#define PTE_N (1ul << 63)
#define PBMT(n) ((uint64_t)(n) << 61)
#define RWX_AD (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)

enum { PAGE = 4096, SV39 = 8, SV48, SV57 };
enum access { LOAD, STORE, FETCH, AMO };

/** What touch() says when nothing trapped; no exception has this number. */
enum { DONE = 99 };

#define page_aligned __attribute__((aligned(4096), unused))
static uint64_t tables[16][512] page_aligned;
static unsigned tables_used;
static uint32_t page_a[1024] page_aligned, page_b[1024] page_aligned;

static inline uint64_t pte_of(uint64_t address, uint64_t flags) {
    return address >> 12 << 10 | flags;
}

static inline uint64_t pte_page(const void *page, uint64_t flags) {
    return pte_of((uint64_t)page, flags);
}

/** Clears all tables; the root is tables[0]. Fills the pages with ecalls. */
static inline void tables_clear(void) {
    for (unsigned i = 0; i < 16 * 512; i++) {
        tables[i / 512][i % 512] = 0;
    }
    tables_used = 1;
    for (unsigned i = 0; i < 1024; i++) {
        page_a[i] = page_b[i] = 0x73;
    }
}

/** The entry that decides about an address at a level (0: pages), with pointers down to it. */
static inline uint64_t *entry_of(uint64_t mode, uint64_t address, unsigned level) {
    uint64_t *table = tables[0];
    for (unsigned at = (unsigned)(mode - SV39) + 2;; at--) {
        uint64_t *entry = &table[address >> (12 + 9 * at) & 511];
        if (at == level) {
            return entry;
        }
        if (*entry == 0) {
            *entry = pte_page(tables[tables_used++], PTE_V);
        }
        table = (uint64_t *)(*entry >> 10 << 12);
    }
}

static inline uint64_t satp_of(uint64_t mode) {
    return mode << 60 | (uint64_t)tables[0] >> 12;
}

static inline void fence(void) {
    __asm__ volatile("sfence.vma\n fence.i" ::: "memory");
}

STUB(mprv_load, "csrs mstatus, a1\n lw a0, 0(a0)\n csrc mstatus, a1");
STUB(mprv_store, "csrs mstatus, a1\n sw a2, 0(a0)\n csrc mstatus, a1");
STUB(mprv_amo, "csrs mstatus, a1\n amoor.w a0, zero, (a0)\n csrc mstatus, a1");

static inline uint64_t page_fault(enum access access) {
    return access == FETCH ? FETCH_PAGE : access == LOAD ? LOAD_PAGE : STORE_PAGE;
}

static inline uint64_t access_fault(enum access access) {
    return access == FETCH ? FETCH_ACCESS : access == LOAD ? LOAD_ACCESS : STORE_ACCESS;
}

/** Accesses a word, an ecall. @return DONE or the cause; 98 when anything else is wrong. */
static inline uint64_t touch(enum access access, enum mode mode, uint64_t address) {
    struct run run;
    const uint32_t *stub = access == LOAD ? mprv_load : access == STORE ? mprv_store : mprv_amo;
    uint64_t at = (uint64_t)(stub + 1);
    if (access == FETCH) {
        run = run_stub(mode, address, 0);
        at = address;
        if (run.cause == (uint64_t)ECALL + mode) {
            return run.epc == address ? DONE : 98;
        }
    } else {
        uint64_t privilege = MPRV | (uint64_t)mode << 11;
        run = run_stub(M, stub, address, privilege, 0x73);
        if (ended(&run, M, at + 8)) {
            return access == STORE || run.a[0] == 0x73 ? DONE : 98;
        }
    }
    return run.epc == at && run.tval == address ? run.cause : 98;
}

/** An address whose entry, in any mode, shares no table index with another address used. */
#define HIGH(mode) (-1ul << (9 * ((mode)-SV39) + 38)) /* the lowest of the upper half */

#endif
