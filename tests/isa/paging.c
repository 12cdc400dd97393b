/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translation in Sv39, Sv48 and Sv57: what a leaf permits, at which level it may stand, which bits
 * are reserved, which addresses exist. Each rule is that of Privileged ISA 10.3 to 10.6.
 *
 * peer:   no, calls an unreadable table a page fault and takes the reserved memory type */
#include "paging.h"

static const uint64_t modes[] = {SV39, SV48, SV57};

/* -- Permissions: all leaves in all contexts --------------------------------------------------- */

static int permits(uint64_t pte, enum access access, enum mode mode, int sum, int mxr) {
    if ((pte & PTE_V) == 0 || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & (PTE_R | PTE_X)) == 0) {
        return 0;
    }
    if (mode == U ? (pte & PTE_U) == 0 : (pte & PTE_U) != 0 && (access == FETCH || !sum)) {
        return 0;
    }
    int readable = (pte & PTE_R) != 0 || (mxr && (pte & PTE_X) != 0);
    int writable = (pte & PTE_W) != 0;
    return access == FETCH ? (pte & PTE_X) != 0
           : access == LOAD ? readable
           : access == STORE ? writable
                             : writable && readable;
}

/* What an access must do to a leaf; *after is the leaf that must stand there then. */
static uint64_t wanted(uint64_t pte, enum access access, enum mode mode, uint64_t context,
                       uint64_t *after) {
    *after = pte;
    if (!permits(pte, access, mode, (context & 1) != 0, (context & 2) != 0)) {
        return page_fault(access);
    }
    uint64_t needs = access == STORE || access == AMO ? PTE_A | PTE_D : PTE_A;
    if ((pte & needs) == needs) {
        return DONE;
    }
    if ((context & 4) == 0) { /* ADUE off */
        return page_fault(access);
    }
    *after = pte | needs;
    return DONE;
}

static void permissions(uint64_t translation, unsigned level) {
    tables_clear();
    uint64_t address = HIGH(translation);
    uint64_t *entry = entry_of(translation, address, level);
    uint64_t base = level == 0 ? (uint64_t)page_a : level < 3 ? 0x80000000 : 0;
    uint64_t at = address + (uint64_t)page_a - base;
    write_csr(satp, satp_of(translation));
    for (uint64_t i = 0; i < 8 << 8; i++) { /* SUM, MXR, ADUE and the low bits of the leaf */
        uint64_t context = i >> 8, pte = pte_of(base, i & 0xff);
        write_csr(mstatus, (context & 1 ? SUM : 0) | (context & 2 ? MXR : 0));
        write_csr(menvcfg, context & 4 ? ADUE : 0);
        if ((pte & (PTE_R | PTE_W | PTE_X)) == 0 && level > 0) {
            continue; /* a pointer */
        }
        for (unsigned j = 0; j < 8; j++) {
            enum mode mode = j % 2 == 0 ? U : S;
            enum access access = j / 2;
            uint64_t after;
            isa_item = translation << 24 | level << 20 | i << 4 | j;
            *entry = pte;
            fence();
            uint64_t result = wanted(pte, access, mode, context, &after);
            check(touch(access, mode, at) == result);
            check(*entry == after);
        }
    }
    write_csr(satp, 0);
    write_csr(mstatus, 0);
    write_csr(menvcfg, 0);
}

/* -- Levels ------------------------------------------------------------------------------------ */

static void levels(uint64_t translation) {
    unsigned top = (unsigned)(translation - SV39) + 2;
    uint64_t address = HIGH(translation);
    uint64_t pa = (uint64_t)page_a;
    write_csr(satp, satp_of(translation));
    for (unsigned level = 0; level <= top; level++) {
        uint64_t span = (uint64_t)PAGE << (9 * level);
        uint64_t base = pa & ~(span - 1), at = address + (pa & (span - 1));
        isa_item = translation << 4 | level;
        tables_clear();
        uint64_t *entry = entry_of(translation, address, level);
        *entry = pte_of(base, RWX_AD);
        fence();
        check(touch(LOAD, S, at) == DONE && touch(STORE, S, at + 4092) == DONE);
        check(touch(FETCH, S, at + 2048) == DONE && touch(AMO, S, at + 8) == DONE);
        page_a[3] = 0x12345678; /* it is this page */
        struct run run = run_stub(M, mprv_load, at + 12, MPRV | MPP_S);
        check(ended(&run, M, (uint64_t)mprv_load_end) && run.a[0] == 0x12345678);
        page_a[3] = 0x73;
        for (unsigned bit = 0; bit < 9 * level; bit++) { /* a misaligned superpage */
            *entry = pte_of(base, RWX_AD) | 1ul << (10 + bit);
            fence();
            check(touch(LOAD, S, at) == LOAD_PAGE && touch(STORE, S, at) == STORE_PAGE);
            check(touch(FETCH, S, at) == FETCH_PAGE);
        }
    }
    tables_clear(); /* a pointer where only a leaf may stand */
    *entry_of(translation, address, 0) = pte_page(tables[15], PTE_V);
    tables[15][0] = pte_page(page_a, RWX_AD);
    fence();
    check(touch(LOAD, S, address) == LOAD_PAGE);
    write_csr(satp, 0);
}

/* -- Reserved bits, and bits that mean nothing ------------------------------------------------- */

static void check_all(uint64_t address, int works) {
    for (enum access access = LOAD; access <= AMO; access++) {
        check(touch(access, S, address) == (works ? DONE : page_fault(access)));
    }
}

static void reserved_bits(uint64_t translation) {
    uint64_t address = HIGH(translation);
    tables_clear();
    uint64_t *leaf = entry_of(translation, address, 0);
    uint64_t *pointer = entry_of(translation, address, 1), pointed = *pointer;
    write_csr(satp, satp_of(translation));
    for (unsigned bit = 4; bit < 64; bit++) {
        int is_free = bit == 8 || bit == 9; /* for software */
        isa_item = translation << 8 | bit;
        if (bit >= 10 && bit < 54) {
            continue;
        }
        *leaf = pte_page(page_a, RWX_AD) ^ 1ul << bit;
        fence();
        int is_flag = bit == 4 || bit == 6 || bit == 7; /* U, A, D: another rule */
        if (!is_flag) {
            check_all(address, is_free || bit == 5);
        }
        *leaf = pte_page(page_a, RWX_AD);
        *pointer = pointed | 1ul << bit; /* U, A and D are reserved here */
        fence();
        check_all(address, is_free || bit == 5);
        *pointer = pointed;
    }
    write_csr(menvcfg, PBMTE); /* two bits more mean something, in leaves */
    for (uint64_t type = 0; type < 4; type++) {
        isa_item = translation << 8 | type;
        *leaf = pte_page(page_a, RWX_AD) | PBMT(type);
        fence();
        check_all(address, type != 3);
        *leaf = pte_page(page_a, RWX_AD);
        *pointer = pointed | PBMT(type);
        fence();
        check_all(address, type == 0);
        *pointer = pointed;
    }
    write_csr(menvcfg, 0);
    write_csr(satp, 0);
}

/* -- Addresses --------------------------------------------------------------------------------- */

/* All bits above the translated ones are copies of the highest of these. */
static void canonical(uint64_t translation) {
    unsigned top = 9 * (unsigned)(translation - SV39) + 38;
    static const uint64_t offsets[] = {0, 0x5000};
    tables_clear();
    for (unsigned i = 0; i < 2; i++) {
        *entry_of(translation, offsets[i], 0) = pte_page(page_a, RWX_AD);
        *entry_of(translation, offsets[i] | 1ul << top, 0) = pte_page(page_a, RWX_AD);
    }
    write_csr(satp, satp_of(translation));
    fence();
    for (unsigned i = 0; i < 2; i++) {
        uint64_t high = offsets[i] | -1ul << top;
        check_all(offsets[i], 1);
        check_all(high, 1);
        for (unsigned bit = top; bit < 64; bit++) {
            isa_item = translation << 8 | bit;
            check_all(offsets[i] | 1ul << bit, 0);
            check_all(high & ~(1ul << bit), 0);
        }
    }
    write_csr(satp, 0);
}

/* -- Physical addresses ------------------------------------------------------------------------ */

/* What is not there, or is no memory, is an access fault, for leaves and for tables. */
static void physical(uint64_t translation) {
    static const uint64_t nowhere[] = {0x20000, 0x90000000, 1ul << 55, 0xfffffffffff000};
    uint64_t address = HIGH(translation);
    isa_item = translation;
    tables_clear();
    uint64_t *leaf = entry_of(translation, address, 0);
    uint64_t *pointer = entry_of(translation, address, 1);
    write_csr(satp, satp_of(translation));
    for (unsigned i = 0; i < 4; i++) {
        for (enum access access = LOAD; access <= AMO; access++) {
            *leaf = pte_of(nowhere[i], RWX_AD);
            fence();
            check(touch(access, S, address) == access_fault(access));
            uint64_t kept = *pointer;
            *pointer = pte_of(nowhere[i], PTE_V);
            fence();
            check(touch(access, S, address) == access_fault(access));
            *pointer = kept;
        }
    }
    write_csr(satp, translation << 60 | 0x20000 >> 12); /* the root itself */
    fence();
    check(touch(LOAD, S, address) == LOAD_ACCESS && touch(FETCH, S, address) == FETCH_ACCESS);
    check(touch(STORE, S, address) == STORE_ACCESS);
    write_csr(satp, 0);
}

/* -- Who is translated ------------------------------------------------------------------------- */

static void contexts(void) {
    uint64_t address = (uint64_t)page_a; /* mapped to the other page */
    tables_clear();
    page_a[0] = 1;
    page_b[0] = 2;
    *entry_of(SV39, address, 0) = pte_page(page_b, RWX_AD);
    write_csr(satp, satp_of(SV39));
    fence();
    struct run run = run_stub(M, mprv_load, address, 0); /* M is not */
    check(run.a[0] == 1);
    run = run_stub(M, mprv_load, address, MPRV | MPP); /* MPRV with M is not */
    check(run.a[0] == 1);
    run = run_stub(M, mprv_load, address, MPP_S); /* MPP without MPRV is not */
    check(run.a[0] == 1);
    run = run_stub(M, mprv_load, address, MPRV | MPP_S);
    check(run.a[0] == 2);
    write_csr(satp, 0);
    fence();
    run = run_stub(M, mprv_load, address, MPRV | MPP_S);
    check(run.a[0] == 1);
    /* Without translation a high address is just far away. */
    check(touch(LOAD, S, 1ul << 63) == LOAD_ACCESS && touch(FETCH, U, -4ul) == FETCH_ACCESS);
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    write_csr(menvcfg, 0);
    for (unsigned i = 0; i < 3; i++) {
        levels(modes[i]);
        reserved_bits(modes[i]);
        canonical(modes[i]);
        physical(modes[i]);
        permissions(modes[i], i == 0 ? 0 : i == 1 ? 1 : 3);
    }
    contexts();
}
