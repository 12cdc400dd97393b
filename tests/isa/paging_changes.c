/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes to translation act from the next instruction on, without any fence: entries, tables,
 * satp, mstatus, menvcfg, by every kind of store (docs/time.md, law 13). Each check first uses a
 * translation, so that a cache has it, then changes what it came from.
 *
 * peer:   no, needs fences */
#include "paging.h"

#define HERE HIGH(SV39)
#define WINDOW (HIGH(SV39) + (1ul << 30)) /* where the tables themselves are mapped */

static uint64_t *leaf;

/* Both pages can be told apart by word 1, and hold ecalls else. */
static void start(void) {
    write_csr(menvcfg, 0);
    write_csr(mstatus, 0);
    tables_clear();
    page_a[1] = 'a';
    page_b[1] = 'b';
    leaf = entry_of(SV39, HERE, 0);
    *leaf = pte_page(page_a, RWX_AD);
    for (unsigned i = 0; i < 16; i++) {
        *entry_of(SV39, WINDOW + i * PAGE, 0) = pte_page(tables[i], RWX_AD);
    }
    write_csr(satp, satp_of(SV39));
}

static uint64_t word_at(uint64_t address) {
    struct run run = run_stub(M, mprv_load, address + 4, MPRV | MPP_S);
    return run.cause == ECALL + M ? run.a[0] : run.cause;
}

/* The address of an entry in the window. */
static uint64_t in_window(const uint64_t *entry) {
    return WINDOW + (uint64_t)entry - (uint64_t)tables;
}

static void warm(void) {
    check(word_at(HERE) == 'a' && touch(STORE, S, HERE) == DONE);
    check(touch(FETCH, S, HERE) == DONE && touch(AMO, S, HERE) == DONE);
}

static void leaves(void) {
    static const struct {
        uint64_t flags, load, store, fetch;
    } rows[] = {
        {0, LOAD_PAGE, STORE_PAGE, FETCH_PAGE},
        {RWX_AD & ~PTE_V, LOAD_PAGE, STORE_PAGE, FETCH_PAGE},
        {RWX_AD & ~PTE_W, DONE, STORE_PAGE, DONE},
        {RWX_AD & ~PTE_X, DONE, DONE, FETCH_PAGE},
        {RWX_AD & ~(PTE_R | PTE_W), LOAD_PAGE, STORE_PAGE, DONE},
        {RWX_AD | PTE_U, LOAD_PAGE, STORE_PAGE, FETCH_PAGE},
        {RWX_AD & ~PTE_D, DONE, STORE_PAGE, DONE},
        {RWX_AD & ~PTE_A, LOAD_PAGE, STORE_PAGE, FETCH_PAGE},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        isa_item = i;
        start();
        warm();
        *leaf = pte_page(page_a, rows[i].flags);
        check(touch(LOAD, S, HERE) == rows[i].load && touch(STORE, S, HERE) == rows[i].store);
        check(touch(FETCH, S, HERE) == rows[i].fetch);
        *leaf = pte_page(page_a, RWX_AD); /* and back again */
        warm();
        *leaf = pte_page(page_b, RWX_AD);
        check(word_at(HERE) == 'b');
    }
    isa_item = 0;
}

static void tables_and_superpages(void) {
    start();
    warm();
    uint64_t *middle = entry_of(SV39, HERE, 1), *top = entry_of(SV39, HERE, 2);
    tables[15][HERE >> 12 & 511] = pte_page(page_b, RWX_AD);
    *middle = pte_page(tables[15], PTE_V); /* another table of pages */
    check(word_at(HERE) == 'b');
    *middle = pte_of((uint64_t)page_a & -1ul << 21, RWX_AD); /* a superpage instead */
    uint64_t offset = (uint64_t)page_a & ((1 << 21) - 1);
    check(word_at(HERE + offset) == 'a');
    *middle = 0;
    check(word_at(HERE + offset) == LOAD_PAGE && touch(FETCH, S, HERE + offset) == FETCH_PAGE);
    *top = pte_of(0x80000000, RWX_AD);
    check(word_at(HERE + (uint64_t)page_b - 0x80000000) == 'b');
    *top = 0;
    check(word_at(HERE) == LOAD_PAGE);
}

/* -- Every kind of store, through the window that maps the tables ------------------------------ */

STUB(one_store, "csrs mstatus, a1\n sd a2, 0(a0)\n lw a3, 4(a4)\n csrc mstatus, a1");
STUB(two_halves, "csrs mstatus, a1\n sw a2, 0(a0)\n srli a5, a2, 32\n sw a5, 4(a0)\n"
                 "lw a3, 4(a4)\n csrc mstatus, a1");
STUB(swapped, "csrs mstatus, a1\n amoswap.d a5, a2, (a0)\n lw a3, 4(a4)\n csrc mstatus, a1");
STUB(conditional, "csrs mstatus, a1\n lr.d a5, (a0)\n sc.d a5, a2, (a0)\n lw a3, 4(a4)\n"
                  "csrc mstatus, a1");
STUB(float_store, "csrs mstatus, a1\n fmv.d.x fa0, a2\n fsd fa0, 0(a0)\n lw a3, 4(a4)\n"
                  "csrc mstatus, a1");
STUB(misaligned_store, "csrs mstatus, a1\n srli a5, a2, 8\n sw a5, 1(a0)\n lw a3, 4(a4)\n"
                       "csrc mstatus, a1");
STUB(block_zero, "csrs mstatus, a1\n .word 0x0045200f\n lw a3, 4(a4)\n csrc mstatus, a1");

#define check_store(stub)                                                                          \
    do {                                                                                           \
        start();                                                                                   \
        set_csr(mstatus, FS);                                                                      \
        warm();                                                                                    \
        for (unsigned i = 0; i < 4; i++) {                                                         \
            uint64_t pte = pte_page(i % 2 == 0 ? page_b : page_a, RWX_AD);                         \
            struct run result = run_stub(M, stub, in_window(leaf), MPRV | MPP_S, pte, 0, HERE);    \
            check(ended(&result, M, (uint64_t)stub##_end));                                        \
            check(result.a[3] == (i % 2 == 0 ? 'b' : 'a'));                                        \
        }                                                                                          \
    } while (0)

static void stores(void) {
    check_store(one_store);
    check_store(two_halves);
    check_store(swapped);
    check_store(conditional);
    check_store(float_store);
    check_store(misaligned_store);
    start();
    write_csr(menvcfg, CBZE);
    warm();
    struct run run = run_stub(M, block_zero, in_window(leaf), MPRV | MPP_S, 0, 0, HERE);
    check(run.cause == LOAD_PAGE && run.tval == HERE + 4);
    start(); /* a store that unmaps the table that it stands in, or another one */
    uint64_t *own = entry_of(SV39, in_window(leaf), 0), *other = entry_of(SV39, WINDOW, 0);
    run = run_stub(M, one_store, in_window(own), MPRV | MPP_S, 0, 0, in_window(leaf));
    check(run.cause == LOAD_PAGE && run.tval == in_window(leaf) + 4);
    start();
    own = entry_of(SV39, in_window(other), 0);
    run = run_stub(M, one_store, in_window(own), MPRV | MPP_S, 0, 0, in_window(own));
    check(run.cause == LOAD_PAGE && run.tval == in_window(own) + 4);
}

/* -- Code: the instruction behind a change already comes from elsewhere ------------------------ */

/* Runs in S mode at HERE: rewrites its own leaf; page_b goes on at the same address. */
static void code(void) {
    enum { STORE_A1_AT_A0 = 0x00b53023, LI_A2_1 = 0x00100613, LI_A2_2 = 0x00200613 };
    start();
    page_a[0] = page_b[0] = STORE_A1_AT_A0;
    page_a[1] = LI_A2_1;
    page_b[1] = LI_A2_2;
    for (unsigned i = 0; i < 4; i++) {
        isa_item = i;
        *leaf = pte_page(page_a, RWX_AD);
        struct run run = run_stub(S, HERE, in_window(leaf), pte_page(page_a, RWX_AD));
        check(run.cause == ECALL + S && run.epc == HERE + 8 && run.a[2] == 1);
        run = run_stub(S, HERE, in_window(leaf), pte_page(page_b, RWX_AD));
        check(run.cause == ECALL + S && run.epc == HERE + 8 && run.a[2] == 2);
        run = run_stub(S, HERE, in_window(leaf), 0);
        check(run.cause == FETCH_PAGE && run.epc == HERE + 4);
    }
    isa_item = 0;
    start(); /* a store into the code itself */
    page_a[0] = 0x00b52023; /* sw a1, 0(a0) */
    page_a[1] = LI_A2_1;
    struct run run = run_stub(S, HERE, HERE + 4, LI_A2_2);
    check(run.cause == ECALL + S && run.a[2] == 2);
    page_a[1] = LI_A2_1;
    run = run_stub(S, HERE, HERE + 4, LI_A2_2);
    check(run.a[2] == 2);
}

/* -- Registers --------------------------------------------------------------------------------- */

STUB(satp_twice, "csrs mstatus, a1\n lw a3, 4(a0)\n csrw satp, a2\n lw a4, 4(a0)\n"
                 "csrw satp, a5\n lw a6, 4(a0)\n csrc mstatus, a1");
STUB(sum_and_mxr, "csrs mstatus, a1\n csrs mstatus, a2\n lw a3, 4(a0)\n csrc mstatus, a2\n"
                  "lw a4, 4(a0)\n csrc mstatus, a1");

static uint64_t other_root[512] page_aligned;

static void registers(void) {
    start(); /* two roots, with ASIDs and without, and one page each that is global */
    uint64_t here = satp_of(SV39), there = 8ul << 60 | (uint64_t)other_root >> 12;
    uint64_t *middle = tables[14], *pages = tables[15];
    other_root[HERE >> 30 & 511] = pte_page(middle, PTE_V);
    middle[HERE >> 21 & 511] = pte_page(pages, PTE_V);
    for (uint64_t asid = 0; asid < 4; asid++) {
        uint64_t global = asid % 2 == 0 ? 0 : PTE_G;
        isa_item = asid;
        *leaf = pte_page(page_a, RWX_AD | global);
        pages[HERE >> 12 & 511] = pte_page(page_b, RWX_AD | global);
        uint64_t a5 = here | asid << 44, a2 = there | (asid ^ 1) << 44;
        struct run run = run_stub(M, satp_twice, HERE, MPRV | MPP_S, a2, 0, 0, a5);
        check(run.a[3] == 'a' && run.a[4] == 'b' && run.a[6] == 'a');
        run = run_stub(M, satp_twice, HERE, MPRV | MPP_S, there | asid << 44, 0, 0, a5);
        check(run.a[3] == 'a' && run.a[4] == 'b' && run.a[6] == 'a'); /* the same ASID */
        write_csr(satp, here);
    }
    isa_item = 0;
    start();
    *leaf = pte_page(page_a, RWX_AD | PTE_U);
    struct run run = run_stub(M, sum_and_mxr, HERE, MPRV | MPP_S, SUM);
    check(trapped(&run, LOAD_PAGE, (uint64_t)(sum_and_mxr + 4), HERE + 4) && run.a[3] == 'a');
    *leaf = pte_page(page_a, RWX_AD & ~(PTE_R | PTE_W));
    write_csr(mstatus, 0);
    run = run_stub(M, sum_and_mxr, HERE, MPRV | MPP_S, MXR);
    check(trapped(&run, LOAD_PAGE, (uint64_t)(sum_and_mxr + 4), HERE + 4) && run.a[3] == 'a');
    write_csr(mstatus, 0);
    start();
    *leaf = pte_page(page_a, RWX_AD) | PBMT(1);
    check(word_at(HERE) == LOAD_PAGE);
    write_csr(menvcfg, PBMTE);
    check(word_at(HERE) == 'a');
    write_csr(menvcfg, 0);
    check(word_at(HERE) == LOAD_PAGE);
    *leaf = pte_page(page_a, RWX_AD & ~(PTE_A | PTE_D));
    check(word_at(HERE) == LOAD_PAGE);
    write_csr(menvcfg, ADUE);
    check(word_at(HERE) == 'a' && *leaf == pte_page(page_a, RWX_AD & ~PTE_D));
    check(touch(STORE, S, HERE) == DONE && *leaf == pte_page(page_a, RWX_AD));
    write_csr(menvcfg, 0);
    *leaf = pte_page(page_a, RWX_AD & ~PTE_D);
    check(touch(STORE, S, HERE) == STORE_PAGE && word_at(HERE) == 'a');
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    leaves();
    tables_and_superpages();
    stores();
    code();
    registers();
    write_csr(satp, 0);
}
