/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store to a page table acts on the next access, without any fence, on loads, stores and fetches
 * alike (law 13): new mappings, other frames, lost permissions, tables torn out in the middle, A
 * and D bits, and a store that takes away the very page that the code runs on. S mode, Sv39.
 *
 * expect: exit 0 */
#include "guest.h"

enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128, ALL = V | R | W | X | A | D };
enum { CAUSE_FETCH = 12, CAUSE_LOAD = 13, CAUSE_STORE = 15 };

static volatile uint64_t root[512] __attribute__((aligned(4096)));
static volatile uint64_t middle[512] __attribute__((aligned(4096)));
static volatile uint64_t leaves[512] __attribute__((aligned(4096)));
static volatile uint64_t other_leaves[512] __attribute__((aligned(4096)));
static volatile uint64_t frames[4][512] __attribute__((aligned(4096)));

#define WINDOW 0x40000000ul /* mapped through middle and leaves, page by page */
#define PAGE(n) ((volatile uint64_t *)(WINDOW + 4096ul * (n)))

static uint64_t entry(const volatile void *to, uint64_t bits) {
    return (uint64_t)to >> 12 << 10 | bits;
}

/* The handler leaves the cause in `trapped` and goes on behind the instruction, or, for a fetch, at
 * ra. */
static volatile uint64_t trapped;
__asm__(".option push\n.option norvc\n.balign 4\n"
        "tables_handler:\n"
        "    csrr  t5, scause\n"
        "    la    t6, trapped\n"
        "    sd    t5, 0(t6)\n"
        "    addi  t5, t5, -12\n"
        "    csrr  t6, sepc\n"
        "    addi  t6, t6, 4\n"
        "    bnez  t5, 1f\n"
        "    mv    t6, ra\n"
        "1:  csrw  sepc, t6\n"
        "    sret\n"
        ".option pop\n");
extern char tables_handler[];

static uint64_t load(unsigned page) {
    uint64_t value = 0;
    trapped = 0;
    __asm__ volatile(".option push\n.option norvc\n ld %0, 0(%1)\n.option pop"
                     : "+r"(value)
                     : "r"(PAGE(page))
                     : "t5", "t6", "memory");
    return value;
}

static void store(unsigned page, uint64_t value) {
    trapped = 0;
    __asm__ volatile(".option push\n.option norvc\n sd %1, 0(%0)\n.option pop" ::"r"(PAGE(page)),
                     "r"(value)
                     : "t5", "t6", "memory");
}

static void call(unsigned page) {
    trapped = 0;
    __asm__ volatile("jalr %0" ::"r"(PAGE(page)) : "ra", "t5", "t6", "a0", "memory");
}

static void frames_and_permissions(void) {
    frames[0][0] = 100;
    frames[1][0] = 101;
    load(0);
    check(trapped == CAUSE_LOAD);
    leaves[0] = entry(frames[0], ALL);
    check(load(0) == 100 && trapped == 0);
    leaves[0] = entry(frames[1], ALL);
    check(load(0) == 101);
    store(0, 7);
    check(trapped == 0 && frames[1][0] == 7);
    leaves[0] = entry(frames[1], ALL & ~W);
    store(0, 8);
    check(trapped == CAUSE_STORE && frames[1][0] == 7 && load(0) == 7);
    ((volatile uint8_t *)&leaves[0])[0] = V | X | A | D; /* part of an entry */
    load(0);
    check(trapped == CAUSE_LOAD);
    csr_set(sstatus, 1 << 19); /* MXR */
    check(load(0) == 7 && trapped == 0);
    csr_clear(sstatus, 1 << 19);
    load(0);
    check(trapped == CAUSE_LOAD);
    leaves[0] = entry(frames[1], ALL | U);
    load(0);
    check(trapped == CAUSE_LOAD);
    csr_set(sstatus, 1 << 18); /* SUM */
    check(load(0) == 7 && trapped == 0);
    csr_clear(sstatus, 1 << 18);
    leaves[0] = 0;
    load(0);
    check(trapped == CAUSE_LOAD);
}

static void tables_torn_out(void) {
    frames[2][0] = 102;
    frames[3][0] = 103;
    leaves[1] = entry(frames[2], ALL);
    other_leaves[1] = entry(frames[3], ALL);
    check(load(1) == 102);
    middle[0] = entry(other_leaves, V);
    check(load(1) == 103);
    root[WINDOW >> 30] = 0;
    load(1);
    check(trapped == CAUSE_LOAD);
    root[WINDOW >> 30] = entry(middle, V);
    middle[0] = entry(leaves, V);
    check(load(1) == 102 && trapped == 0);
    /* Seen as data through its own mapping, a table still is one. */
    leaves[2] = entry(leaves, ALL);
    PAGE(2)[1] = entry(frames[3], ALL);
    check(load(1) == 103);
}

static void accessed_and_dirty(void) {
    leaves[3] = entry(frames[0], ALL & ~(A | D));
    load(3);
    check(trapped == CAUSE_LOAD); /* Svade: menvcfg.ADUE is off */
    leaves[3] = entry(frames[0], ALL & ~D);
    load(3);
    check(trapped == 0);
    store(3, 1);
    check(trapped == CAUSE_STORE);
    leaves[3] |= D;
    store(3, 1);
    check(trapped == 0);
}

static void code(void) {
    frames[0][0] = 0x0000806700150513; /* addi a0, a0, 1; ret */
    leaves[4] = entry(frames[0], ALL);
    call(4);
    check(trapped == 0);
    leaves[4] = entry(frames[0], ALL & ~X);
    call(4);
    check(trapped == CAUSE_FETCH);
    /* sd a1, 0(a0); then the next instruction of the same page must not be fetched any more. */
    frames[0][0] = 0x0000806700b53023;
    leaves[4] = entry(frames[0], ALL);
    trapped = 0;
    register uint64_t a0 __asm__("a0") = (uint64_t)&leaves[4];
    register uint64_t a1 __asm__("a1") = 0;
    __asm__ volatile("jalr %2" : "+r"(a0), "+r"(a1) : "r"(PAGE(4)) : "ra", "t5", "t6", "memory");
    check(trapped == CAUSE_FETCH && leaves[4] == 0);
}

static void supervisor_main(void) {
    root[0] = entry(0, V | R | W | A | D);    /* devices, 1 GiB */
    root[2] = entry((void *)0x80000000, ALL); /* RAM, 1 GiB */
    root[WINDOW >> 30] = entry(middle, V);
    middle[0] = entry(leaves, V);
    csr_write(stvec, tables_handler);
    csr_write(satp, 8ul << 60 | (uint64_t)root >> 12);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 8; i++) {
            leaves[i] = other_leaves[i] = 0;
        }
        frames_and_permissions();
        tables_torn_out();
        accessed_and_dirty();
        code();
    }
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    csr_write(medeleg, 0xb000);
    csr_write(pmpaddr0, -1);
    csr_write(pmpcfg0, 0x1f);
    csr_write(mepc, supervisor_main);
    csr_clear(mstatus, 3 << 11);
    csr_set(mstatus, 1 << 11);
    __asm__ volatile("mret");
    return 1;
}
