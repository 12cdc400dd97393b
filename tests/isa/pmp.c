/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory protection: how entries match, which one decides, what it forbids to whom, locks,
 * and the walk of page tables. A byte-by-byte model of Privileged ISA 3.7 says what to expect.
 *
 * Entry 15 opens all of memory; those before it are the test's, and speak about one arena.
 *
 * peer:   no, forbids nothing when no entry is on */
#include "paging.h"

enum { P_R = 1, P_W = 2, P_X = 4, OFF = 0, TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, LOCK = 128 };
enum { ARENA_BYTES = 4096, ENTRIES = 8 };

static uint8_t arena[ARENA_BYTES + 8192] __attribute__((aligned(4096)));
#define ARENA ((uint64_t)arena)

static uint64_t addresses[ENTRIES];
static uint8_t configs[ENTRIES];

static void put_entries(void) {
    uint64_t packed = 0;
    for (unsigned i = 0; i < ENTRIES; i++) {
        packed |= (uint64_t)configs[i] << (8 * i);
    }
    write_csr(pmpcfg0, 0);
    write_csr(pmpaddr0, addresses[0]);
    write_csr(pmpaddr1, addresses[1]);
    write_csr(pmpaddr2, addresses[2]);
    write_csr(pmpaddr3, addresses[3]);
    write_csr(pmpaddr4, addresses[4]);
    write_csr(pmpaddr5, addresses[5]);
    write_csr(pmpaddr6, addresses[6]);
    write_csr(pmpaddr7, addresses[7]);
    write_csr(pmpcfg0, packed);
    fence();
}

/* -- The model --------------------------------------------------------------------------------- */

static int covers(unsigned entry, uint64_t byte) {
    uint64_t word = byte >> 2, address = addresses[entry], mask = 1;
    switch (configs[entry] & 0x18) {
    case TOR:
        return (entry == 0 || word >= addresses[entry - 1]) && word < address;
    case NA4:
        return word == address;
    case NAPOT:
        while ((address & mask) == mask) { /* the ones at its end, and the zero above them */
            mask = mask << 1 | 1;
        }
        return (word | mask) == (address | mask);
    default:
        return 0;
    }
}

/* For M mode, which entries without a lock do not bind: but they must cover all or nothing. */
#define UNBOUND 0

/* Is an aligned access allowed? Entry 15 allows what no other speaks of. */
static int allowed(uint64_t address, unsigned size_bytes, unsigned what) {
    for (unsigned entry = 0; entry < ENTRIES; entry++) {
        unsigned count = 0;
        for (unsigned i = 0; i < size_bytes; i++) {
            count += (unsigned)covers(entry, address + i);
        }
        if (count != 0) {
            return count == size_bytes && (what == UNBOUND || (configs[entry] & what) != 0);
        }
    }
    return 1;
}

/* -- Accesses ---------------------------------------------------------------------------------- */

STUB(load_1, "lbu a1, 0(a0)");
STUB(load_2, "lhu a1, 0(a0)");
STUB(load_4, "lwu a1, 0(a0)");
STUB(load_8, "ld a1, 0(a0)");
STUB(store_1, "sb a1, 0(a0)");
STUB(store_2, "sh a1, 0(a0)");
STUB(store_4, "sw a1, 0(a0)");
STUB(store_8, "sd a1, 0(a0)");
STUB(amo_4, "amoor.w a1, zero, (a0)");
STUB(amo_8, "amoor.d a1, zero, (a0)");
STUB(clean, ".word 0x0015200f");
STUB(zero, ".word 0x0045200f");

static const uint32_t *const loads[] = {load_1, load_2, load_4, load_8};
static const uint32_t *const stores[] = {store_1, store_2, store_4, store_8};

static int does(enum mode mode, const uint32_t *stub, uint64_t address, uint64_t fault) {
    struct run run = run_stub(mode, stub, address, 0x0000007300000073);
    return fault == 0 ? ended(&run, mode, (uint64_t)(stub + 1))
                      : trapped(&run, fault, (uint64_t)stub, address);
}

static int fetches(enum mode mode, uint64_t address, int works) {
    *(volatile uint32_t *)address = 0x73;
    __asm__ volatile("fence.i");
    struct run run = run_stub(mode, address, 0);
    return works ? ended(&run, mode, address) : trapped(&run, FETCH_ACCESS, address, address);
}

static void check_against_model(enum mode mode, uint64_t address, unsigned size_log2) {
    unsigned size_bytes = 1u << size_log2;
    address &= -(uint64_t)size_bytes;
    int r = allowed(address, size_bytes, P_R), w = allowed(address, size_bytes, P_W);
    check(does(mode, loads[size_log2], address, r ? 0 : LOAD_ACCESS));
    check(does(mode, stores[size_log2], address, w ? 0 : STORE_ACCESS));
    if (size_log2 == 2) {
        check(fetches(mode, address, allowed(address, 4, P_X)));
    }
    if (size_log2 >= 2 && r == w) { /* an AMO needs both */
        check(does(mode, size_log2 == 2 ? amo_4 : amo_8, address, w ? 0 : STORE_ACCESS));
    }
}

/* -- Random entries ---------------------------------------------------------------------------- */

static uint64_t state = 1;

static uint64_t draw(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

static void random_entries(void) {
    for (unsigned round = 0; round < 150; round++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            static const uint8_t matches[] = {OFF, TOR, TOR, NA4, NAPOT, NAPOT};
            configs[i] = (uint8_t)(matches[draw(6)] | draw(8));
            if ((configs[i] & 3) == P_W) {
                configs[i] ^= P_W; /* reserved */
            }
            if (i == 0 && (configs[i] & 0x18) == TOR) {
                configs[i] = OFF; /* it would cover the code */
            }
            uint64_t span = 1ul << draw(10);
            addresses[i] = (ARENA + draw(ARENA_BYTES)) >> 2;
            if ((configs[i] & 0x18) == NAPOT) {
                addresses[i] = (addresses[i] & -span) | (span - 1) >> 1;
            }
        }
        put_entries();
        for (unsigned i = 0; i < 40; i++) {
            isa_item = round << 8 | i;
            uint64_t near = 4 * addresses[draw(ENTRIES)] + draw(16) - 8;
            uint64_t address = draw(2) == 0 ? near : ARENA + draw(ARENA_BYTES);
            if (address - ARENA < ARENA_BYTES) {
                check_against_model(draw(2) == 0 ? U : S, address, (unsigned)draw(4));
                address &= -8ul;
                int works = allowed(address, 8, UNBOUND);
                check(does(M, loads[3], address, works ? 0 : LOAD_ACCESS));
                check(does(M, stores[3], address, works ? 0 : STORE_ACCESS));
            }
        }
    }
    isa_item = 0;
    for (unsigned i = 0; i < ENTRIES; i++) {
        configs[i] = OFF;
        addresses[i] = 0;
    }
    put_entries();
}

/* -- Directed ---------------------------------------------------------------------------------- */

static void set_entry(unsigned entry, unsigned config, uint64_t address) {
    configs[entry] = (uint8_t)config;
    addresses[entry] = address >> 2;
    put_entries();
}

static uint64_t napot(uint64_t base, uint64_t size_bytes) {
    return base | (size_bytes / 2 - 4);
}

/* Without any entry that matches, S and U get nothing; M gets all. */
static void no_match(void) {
    write_csr(pmpaddr14, napot((uint64_t)load_8 & -4096ul, 4096) >> 2);
    write_csr(pmpcfg2, (uint64_t)(NAPOT | P_X | P_R) << 48);
    fence();
    check(does(S, load_8, ARENA, LOAD_ACCESS) && does(U, load_8, ARENA, LOAD_ACCESS));
    check(does(U, load_8, (uint64_t)load_8 & -4096ul, 0));
    check(does(M, load_8, ARENA, 0));
    write_csr(pmpcfg2, 0); /* none at all */
    check(does(S, load_8, ARENA, 0) == 0);
    struct run run = run_stub(U, load_8, ARENA);
    check(trapped(&run, FETCH_ACCESS, (uint64_t)load_8, (uint64_t)load_8));
    open_memory();
}

/* Entry 0 in top-of-range mode begins at address 0. */
static void first_range(void) {
    set_entry(0, TOR | P_R | P_X, ARENA + 128);
    check(does(U, store_8, ARENA + 120, STORE_ACCESS) && does(U, load_8, ARENA + 120, 0));
    check(does(U, store_8, ARENA + 128, 0));
    set_entry(0, OFF, 0);
}

/* A cache block is 64 bytes: all of them count. */
static void blocks(void) {
    write_csr(menvcfg, CBCFE | CBZE);
    write_csr(senvcfg, CBCFE | CBZE);
    for (uint64_t offset = 0; offset < 64; offset += 4) {
        isa_item = offset;
        set_entry(0, NA4 | P_R, ARENA + 64 + offset); /* one word of it cannot be written */
        arena[64 + offset] = 0x55;
        check(does(U, zero, ARENA + 64 + 60 - offset, STORE_ACCESS));
        check(arena[64 + offset] == 0x55);
        set_entry(0, NAPOT | P_R, napot(ARENA + 64, 64));
        check(does(U, clean, ARENA + 64 + offset, 0) && does(U, zero, ARENA + 64, STORE_ACCESS));
        set_entry(0, NAPOT, napot(ARENA + 64, 64));
        check(does(U, clean, ARENA + 64 + offset, STORE_ACCESS));
        set_entry(0, NAPOT | P_R | P_W, napot(ARENA + 64, 64));
        check(does(U, zero, ARENA + 64 + offset, 0) && arena[64 + offset] == 0);
    }
    isa_item = 0;
    set_entry(0, OFF, 0);
    write_csr(menvcfg, 0);
    write_csr(senvcfg, 0);
}

/* MPRV asks with the privilege of MPP; entries change at once; walks are S-mode accesses. */
static void translated(void) {
    tables_clear();
    uint64_t address = HIGH(SV39);
    *entry_of(SV39, address, 0) = pte_page(page_a, RWX_AD | PTE_U);
    set_entry(0, NAPOT | P_R, napot((uint64_t)page_a, 4096));
    check(touch(LOAD, U, (uint64_t)page_a) == DONE);
    check(touch(STORE, S, (uint64_t)page_a) == STORE_ACCESS);
    check(touch(FETCH, U, (uint64_t)page_a) == FETCH_ACCESS);
    write_csr(satp, satp_of(SV39));
    check(touch(LOAD, U, address) == DONE && touch(STORE, U, address) == STORE_ACCESS);
    set_entry(0, NAPOT | P_R | P_W, napot((uint64_t)page_a, 4096));
    check(touch(STORE, U, address) == DONE && touch(FETCH, U, address) == FETCH_ACCESS);
    for (unsigned i = 0; i < tables_used; i++) { /* a table that cannot be read */
        isa_item = i;
        set_entry(0, NAPOT | P_X, napot((uint64_t)tables[i], 4096));
        check(touch(LOAD, U, address) == LOAD_ACCESS);
        check(touch(STORE, U, address) == STORE_ACCESS);
        check(touch(FETCH, U, address) == FETCH_ACCESS);
        set_entry(0, NAPOT | P_R, napot((uint64_t)tables[i], 4096));
        check(touch(STORE, U, address) == DONE);
    }
    isa_item = 0;
    /* A and D cannot be set in a table that cannot be written. */
    write_csr(menvcfg, ADUE);
    uint64_t *leaf = entry_of(SV39, address, 0);
    *leaf = pte_page(page_a, PTE_V | PTE_R | PTE_W | PTE_U);
    set_entry(0, NA4 | P_R, (uint64_t)leaf);
    set_entry(1, NA4 | P_R, (uint64_t)leaf + 4);
    check(touch(LOAD, U, address) == LOAD_ACCESS); /* the walk reads eight bytes: no one entry */
    set_entry(0, NAPOT | P_R, napot((uint64_t)leaf, 8));
    check(touch(LOAD, U, address) == LOAD_ACCESS && touch(STORE, U, address) == STORE_ACCESS);
    check(*leaf == pte_page(page_a, PTE_V | PTE_R | PTE_W | PTE_U));
    set_entry(0, NAPOT | P_R | P_W, napot((uint64_t)leaf, 8));
    check(touch(STORE, U, address) == DONE);
    write_csr(menvcfg, 0);
    write_csr(satp, 0);
    set_entry(0, OFF, 0);
    set_entry(1, OFF, 0);
}

/* The second page of an access that crosses pages may be forbidden. */
static void crossing(void) {
    set_entry(0, NAPOT, napot(ARENA + 4096, 4096));
    struct run run = run_stub(U, load_8, ARENA + 4092);
    check(trapped(&run, LOAD_ACCESS, (uint64_t)load_8, ARENA + 4096));
    run = run_stub(U, store_8, ARENA + 4092, -1ul);
    check(trapped(&run, STORE_ACCESS, (uint64_t)store_8, ARENA + 4096) && arena[4092] != 0xff);
    set_entry(0, NAPOT, napot(ARENA, 4096));
    run = run_stub(U, load_8, ARENA + 4092);
    check(trapped(&run, LOAD_ACCESS, (uint64_t)load_8, ARENA + 4092));
    set_entry(0, OFF, 0);
}

/* Locked entries bind M, too, and stay as they are; so does the bottom of a locked range. */
static void locks(void) {
    set_entry(3, NAPOT | P_R | LOCK, napot(ARENA + 256, 64));
    check(does(M, load_8, ARENA + 256, 0) && does(M, store_8, ARENA + 256, STORE_ACCESS));
    check(does(M, store_8, ARENA + 320, 0) && does(M, zero, ARENA + 256, STORE_ACCESS));
    check(fetches(M, ARENA + 320, 1));
    struct run run = run_stub(M, ARENA + 256, 0);
    check(trapped(&run, FETCH_ACCESS, ARENA + 256, ARENA + 256));
    uint64_t kept = (uint64_t)(NAPOT | P_R | LOCK) << 24;
    check(kept_csr(pmpcfg0, 0) == kept && kept_csr(pmpcfg0, -1) >> 32 == 0x9f9f9f9f);
}

static void locked_ranges(void) {
    /* All of pmpcfg0 is locked now; these are the entries from 8 on. */
    write_csr(pmpaddr8, (ARENA + 512) >> 2);
    write_csr(pmpaddr9, (ARENA + 576) >> 2);
    set_csr(pmpcfg2, (uint64_t)(TOR | LOCK) << 8);
    check(kept_csr(pmpaddr9, 0) == (ARENA + 576) >> 2);
    check(kept_csr(pmpaddr8, 0) == (ARENA + 512) >> 2); /* its bottom */
    set_csr(pmpcfg2, NA4 | P_R);                        /* whose own configuration is free */
    check((read_csr(pmpcfg2) & 0xff) == (NA4 | P_R));
    check(does(M, load_8, ARENA + 568, LOAD_ACCESS) && does(M, load_8, ARENA + 576, 0));
    check(does(U, load_4, ARENA + 512, 0) && does(U, load_4, ARENA + 516, LOAD_ACCESS));
    check(does(M, load_8, ARENA + 512, LOAD_ACCESS)); /* a part match fails in M, too */
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    write_csr(menvcfg, 0);
    random_entries();
    first_range();
    no_match();
    blocks();
    translated();
    crossing();
    locks();
    locked_ranges();
}
