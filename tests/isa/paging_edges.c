/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translation at its edges: accesses and fetches over the end of a page, Svnapot, atomics and cache
 * blocks, faults taken in S mode.
 *
 * peer:   no, stores the first half before the second one faults */
#include "paging.h"

#define HERE HIGH(SV39)          /* page_a */
#define NEXT (HIGH(SV39) + PAGE) /* page_b, or what a test puts there */

STUB(load_8, "csrs mstatus, a1\n ld a0, 0(a0)\n csrc mstatus, a1");
STUB(store_8, "csrs mstatus, a1\n sd a2, 0(a0)\n csrc mstatus, a1");

static void map_two(uint64_t first, uint64_t second) {
    tables_clear();
    *entry_of(SV39, HERE, 0) = first;
    *entry_of(SV39, NEXT, 0) = second;
    write_csr(satp, satp_of(SV39));
    fence();
}

/* -- Data over the end of a page: tval is the first byte that cannot be had -------------------- */

static void check_crossing(uint64_t offset, uint64_t cause, uint64_t tval) {
    uint64_t at = HERE + offset;
    struct run run = run_stub(M, load_8, at, MPRV | MPP_S);
    check(trapped(&run, cause, (uint64_t)(load_8 + 1), tval) && run.a[0] == at);
    run = run_stub(M, store_8, at, MPRV | MPP_S, -1ul);
    check(trapped(&run, cause + 2, (uint64_t)(store_8 + 1), tval));
    for (unsigned i = 0; i < 1024; i++) { /* neither part is stored */
        check(page_a[i] == 0x73 && page_b[i] == 0x73);
    }
}

static void data_crossing(void) {
    uint64_t good_a = pte_page(page_a, RWX_AD), good_b = pte_page(page_b, RWX_AD);
    for (uint64_t offset = PAGE - 7; offset < PAGE; offset++) {
        isa_item = offset;
        map_two(good_a, 0);
        check_crossing(offset, LOAD_PAGE, NEXT);
        map_two(0, good_b);
        check_crossing(offset, LOAD_PAGE, HERE + offset);
        map_two(0, 0);
        check_crossing(offset, LOAD_PAGE, HERE + offset);
        map_two(good_a, pte_of(0x20000, RWX_AD));
        check_crossing(offset, LOAD_ACCESS, NEXT);
        map_two(pte_of(0x20000, RWX_AD), good_b);
        check_crossing(offset, LOAD_ACCESS, HERE + offset);
        map_two(good_a, good_b | PTE_U);
        check_crossing(offset, LOAD_PAGE, NEXT);
        map_two(good_a, good_b & ~PTE_W); /* half may be read, but not written */
        struct run run = run_stub(M, load_8, HERE + offset, MPRV | MPP_S);
        check(ended(&run, M, (uint64_t)load_8_end));
        run = run_stub(M, store_8, HERE + offset, MPRV | MPP_S, -1ul);
        check(trapped(&run, STORE_PAGE, (uint64_t)(store_8 + 1), NEXT) && page_a[1023] == 0x73);
        /* The pages need not lie in a row: here in the other order. */
        map_two(good_b, good_a);
        for (unsigned i = 0; i < 8; i++) {
            ((uint8_t *)page_b)[PAGE - 8 + i] = (uint8_t)i;
            ((uint8_t *)page_a)[i] = (uint8_t)(8 + i);
        }
        run = run_stub(M, load_8, HERE + offset, MPRV | MPP_S);
        check(run.a[0] == 0x0706050403020100 + 0x0101010101010101 * (offset - PAGE + 8));
        run = run_stub(M, store_8, HERE + offset, MPRV | MPP_S, 0x8877665544332211);
        check(ended(&run, M, (uint64_t)store_8_end));
        for (uint64_t i = 0; i < 8; i++) {
            uint64_t at = offset + i;
            check((at < PAGE ? (uint8_t *)page_b : (uint8_t *)page_a)[at % PAGE] == 0x11 * (i + 1));
        }
    }
    isa_item = 0;
    tables_clear(); /* over the end of the lower half, into what is no address */
    *entry_of(SV39, (1ul << 38) - PAGE, 0) = good_a;
    struct run run = run_stub(M, load_8, (1ul << 38) - 4, MPRV | MPP_S);
    check(trapped(&run, LOAD_PAGE, (uint64_t)(load_8 + 1), 1ul << 38));
}

/* -- Code over the end of a page: epc is the instruction, tval the half that is missing -------- */

static void code_crossing(void) {
    uint64_t good_a = pte_page(page_a, RWX_AD), good_b = pte_page(page_b, RWX_AD);
    uint64_t at = HERE + PAGE - 2;
    uint16_t *last = (uint16_t *)page_a + 2047, *first = (uint16_t *)page_b;
    map_two(good_a, 0);
    *last = 0x0513; /* li a0, 5 */
    struct run run = run_stub(S, at, 1);
    check(trapped(&run, FETCH_PAGE, at, NEXT) && run.a[0] == 1);
    map_two(0, good_b);
    run = run_stub(S, at, 1);
    check(trapped(&run, FETCH_PAGE, at, at));
    map_two(good_a, pte_of(0x20000, RWX_AD));
    *last = 0x0513;
    run = run_stub(S, at, 1);
    check(trapped(&run, FETCH_ACCESS, at, NEXT));
    map_two(good_a, good_b & ~PTE_X);
    *last = 0x0513;
    run = run_stub(S, at, 1);
    check(trapped(&run, FETCH_PAGE, at, NEXT));
    map_two(good_a, 0); /* a 16-bit instruction does not look there; the next one does */
    *last = 0x4515;     /* c.li a0, 5 */
    run = run_stub(S, at, 1);
    check(trapped(&run, FETCH_PAGE, NEXT, NEXT) && run.a[0] == 5);
    map_two(good_a, good_b);
    *last = 0x0513;
    first[0] = 0x0050;
    first[1] = 0x73;
    first[2] = 0;
    fence();
    run = run_stub(S, at, 1);
    check(run.cause == ECALL + S && run.epc == NEXT + 2 && run.a[0] == 5);
    first[0] = 0x0060; /* the second half changes */
    fence();
    run = run_stub(S, at, 1);
    check(run.cause == ECALL + S && run.a[0] == 6);
    *last = 0x0593; /* the first half: li a1, 6 */
    fence();
    run = run_stub(S, at, 1);
    check(run.cause == ECALL + S && run.a[0] == 1 && run.a[1] == 6);
    *last = 0xffff; /* illegal: tval holds both halves */
    first[0] = 0x1234;
    fence();
    run = run_stub(S, at, 1);
    check(trapped(&run, ILLEGAL, at, 0x1234ffff));
}

/* -- Svnapot: sixteen pages by one leaf, or sixteen copies of it ------------------------------- */

static uint32_t napot_pages[16][1024] __attribute__((aligned(65536)));

static void contiguous(void) {
    uint64_t address = HIGH(SV39);
    tables_clear();
    write_csr(satp, satp_of(SV39));
    for (unsigned i = 0; i < 16; i++) {
        napot_pages[i][0] = 0x73;
        napot_pages[i][1] = 1000 + i;
        *entry_of(SV39, address + i * PAGE, 0) = pte_page(napot_pages[8], RWX_AD | PTE_N);
    }
    fence();
    for (unsigned i = 0; i < 16; i++) {
        isa_item = i;
        uint64_t at = address + i * PAGE;
        struct run run = run_stub(M, mprv_load, at + 4, MPRV | MPP_S);
        check(run.a[0] == 1000 + i);
        check(touch(FETCH, S, at) == DONE && touch(STORE, S, at) == DONE);
        uint64_t *entry = entry_of(SV39, at, 0);
        for (uint64_t size = 0; size < 16; size++) { /* only 1000 is a size */
            *entry = pte_page(napot_pages[size], RWX_AD | PTE_N);
            fence();
            check(touch(LOAD, S, at) == (size == 8 ? DONE : LOAD_PAGE));
            check(touch(FETCH, S, at) == (size == 8 ? DONE : FETCH_PAGE));
        }
        *entry = pte_page(napot_pages[8], RWX_AD | PTE_N);
    }
    isa_item = 0;
    for (unsigned level = 1; level < 3; level++) { /* not for superpages */
        tables_clear();
        *entry_of(SV39, address, level) = pte_of(0x80000000, RWX_AD | PTE_N);
        fence();
        check(touch(LOAD, S, address) == LOAD_PAGE);
        *entry_of(SV39, address, level) = pte_of(0x80000000 + 8 * PAGE, RWX_AD | PTE_N);
        fence();
        check(touch(LOAD, S, address) == LOAD_PAGE);
    }
    tables_clear(); /* Svadu marks the entry that the walk found */
    write_csr(menvcfg, ADUE);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t plain = PTE_V | PTE_R | PTE_W | PTE_N;
        *entry_of(SV39, address + i * PAGE, 0) = pte_page(napot_pages[8], plain);
    }
    fence();
    check(touch(STORE, S, address + 5 * PAGE) == DONE);
    check(*entry_of(SV39, address + 5 * PAGE, 0) ==
          pte_page(napot_pages[8], PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | PTE_N));
    write_csr(menvcfg, 0);
}

/* -- Atomics and cache blocks ------------------------------------------------------------------ */

STUB(reserve, "csrs mstatus, a1\n lr.w a2, (a0)\n csrc mstatus, a1");
STUB(conditional, "csrs mstatus, a1\n sc.w a2, zero, (a0)\n csrc mstatus, a1");
STUB(clean, "csrs mstatus, a1\n .word 0x0015200f\n csrc mstatus, a1");
STUB(zero, "csrs mstatus, a1\n .word 0x0045200f\n csrc mstatus, a1");
STUB(prefetch, "csrs mstatus, a1\n .word 0x00156013\n csrc mstatus, a1");

#define RUNS 0ul
#define check_kind(stub, flags, cause)                                                             \
    do {                                                                                           \
        map_two(pte_page(page_a, flags), 0);                                                       \
        struct run result = run_stub(M, stub, HERE + 12, MPRV | MPP_S);                            \
        check((uint64_t)(cause) == RUNS                                                            \
                  ? ended(&result, M, (uint64_t)stub##_end)                                        \
                  : trapped(&result, cause, (uint64_t)((stub) + 1), HERE + 12));                   \
    } while (0)

static void kinds(void) {
    uint64_t v = PTE_V | PTE_A;
    check_kind(reserve, v | PTE_R, RUNS);
    check_kind(reserve, v | PTE_X, LOAD_PAGE);
    check_kind(reserve, PTE_V | PTE_R, LOAD_PAGE); /* A */
    check_kind(conditional, v | PTE_R, STORE_PAGE); /* also without a reservation */
    check_kind(conditional, v | PTE_R | PTE_W, STORE_PAGE); /* D */
    check_kind(conditional, v | PTE_R | PTE_W | PTE_D, RUNS);
    check_kind(mprv_amo, v | PTE_R, STORE_PAGE);
    check_kind(mprv_amo, 0, STORE_PAGE);
    check_kind(clean, v | PTE_R, RUNS); /* a page that can be read is enough */
    check_kind(clean, 0, STORE_PAGE);
    check_kind(clean, v | PTE_R | PTE_U, STORE_PAGE);
    check_kind(zero, v | PTE_R, STORE_PAGE);
    check_kind(zero, v | PTE_R | PTE_W, STORE_PAGE);
    check_kind(zero, v | PTE_R | PTE_W | PTE_D, RUNS);
    check(page_a[0] == 0 && page_a[15] == 0 && page_a[16] == 0x73);
    check_kind(prefetch, 0, RUNS);
}

/* -- In S and U mode, handled in S mode -------------------------------------------------------- */

STUB(user_load, "ld a1, 0(a0)");
STUB(user_store, "sd a1, 0(a0)");
STUB(user_jump, "jr a0");

static void delegated(void) {
    uint64_t user = 0x40000000; /* RAM for U mode */
    write_csr(medeleg, 0xb3ff & ~(1ul << BREAKPOINT));
    isa_leave_by_ebreak = 1;
    tables_clear();
    *entry_of(SV39, 0x80000000, 2) = pte_of(0x80000000, RWX_AD);
    *entry_of(SV39, user, 2) = pte_of(0x80000000, RWX_AD | PTE_U);
    write_csr(satp, satp_of(SV39));
    fence();
    for (enum mode mode = U; mode <= S; mode++) {
        uint64_t moved = mode == U ? 0x80000000 - user : 0;
        isa_item = mode;
        struct run run = run_stub(mode, (uint64_t)user_load - moved, 0x12345678ff8);
        check(trapped(&run, LOAD_PAGE, (uint64_t)user_load - moved, 0x12345678ff8));
        check(run.level == S && (run.status & SPP) == (mode == S ? SPP : 0));
        run = run_stub(mode, (uint64_t)user_store - moved, 0xffffffff00000001);
        check(trapped(&run, STORE_PAGE, (uint64_t)user_store - moved, 0xffffffff00000001));
        run = run_stub(mode, (uint64_t)user_jump - moved, -2ul << 40);
        check(trapped(&run, FETCH_PAGE, -2ul << 40, -2ul << 40) && run.level == S);
        run = run_stub(mode, (uint64_t)user_jump - moved, mode == U ? 0x80000000 : user);
        check(run.cause == FETCH_PAGE); /* the other one's page, SUM or not */
        set_csr(mstatus, SUM);
        run = run_stub(mode, (uint64_t)user_jump - moved, mode == U ? 0x80000000 : user);
        check(run.cause == FETCH_PAGE);
        run = run_stub(mode, (uint64_t)user_load - moved, user + 0x1000);
        check(run.cause == (uint64_t)ECALL + mode); /* with SUM S may */
        clear_csr(mstatus, SUM);
        run = run_stub(mode, (uint64_t)user_load - moved, user + 0x1000);
        check(run.cause == (mode == S ? LOAD_PAGE : (uint64_t)ECALL + mode));
    }
    write_csr(medeleg, 0);
    isa_leave_by_ebreak = 0;
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    write_csr(menvcfg, 0);
    data_crossing();
    code_crossing();
    contiguous();
    write_csr(menvcfg, CBCFE | CBZE);
    kinds();
    delegated();
    write_csr(satp, 0);
}
