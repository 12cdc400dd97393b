/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guests in S mode share: Sv39 with devices and RAM where they are, a space that is mapped
 * page by page, and a handler that remembers a fault and goes on behind it. */
#ifndef PAGING_H
#define PAGING_H

#include "guest.h"

enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128, ALL = V | R | W | X | A | D };
enum { CAUSE_FETCH = 12 }; /* a page fault's scause */

#define SPACE 0x40000000ul    /* what root, middle and leaves map */
#define PART_BYTES 0x200000ul /* what an entry of middle maps */

static volatile uint64_t root[512] __attribute__((aligned(4096)));
static volatile uint64_t middle[512] __attribute__((aligned(4096)));
static volatile uint64_t leaves[512] __attribute__((aligned(4096)));

static volatile struct {
    uint64_t count, cause, address; /* the last two of the last fault */
} faults;

/* Goes on behind the instruction, or, after a fetch, at ra. */
__asm__(".option push\n.option norvc\n.balign 4\n"
        "paging_handler:\n"
        "    la    t5, faults\n"
        "    ld    t6, 0(t5)\n"
        "    addi  t6, t6, 1\n"
        "    sd    t6, 0(t5)\n"
        "    csrr  t6, stval\n"
        "    sd    t6, 16(t5)\n"
        "    csrr  t6, scause\n"
        "    sd    t6, 8(t5)\n"
        "    addi  t5, t6, -12\n"
        "    csrr  t6, sepc\n"
        "    addi  t6, t6, 4\n"
        "    bnez  t5, 1f\n"
        "    mv    t6, ra\n"
        "1:  csrw  sepc, t6\n"
        "    sret\n"
        ".option pop\n");
extern char paging_handler[];

/** Assembly of instructions of four bytes each, as the handler wants them. */
#define LONG(text) ".option push\n.option norvc\n" text ".option pop\n"

/** A function whose loops lie in one page, as the translator likes them. */
#define HOT __attribute__((noinline, aligned(512)))

static inline uint64_t entry(const volatile void *to, uint64_t bits) {
    return (uint64_t)to >> 12 << 10 | bits;
}

/** A word of the page at @p idx, with 512 pages to each entry of middle. */
static inline volatile uint64_t *page(unsigned idx) {
    return (volatile uint64_t *)(SPACE + 4096ul * idx);
}

/** Makes the tables and switches them on, for modes below M and for MPRV. */
static inline void paging_map(void) {
    root[0] = entry(0, V | R | W | A | D);    /* devices, 1 GiB */
    root[2] = entry((void *)0x80000000, ALL); /* RAM, 1 GiB */
    root[SPACE >> 30] = entry(middle, V);
    middle[0] = entry(leaves, V);
    csr_write(pmpaddr0, -1);
    csr_write(pmpcfg0, 0x1f);
    csr_write(satp, 8ul << 60 | (uint64_t)root >> 12);
}

/** Goes on in S mode. */
static inline void paging_start(void (*supervisor)(void)) {
    paging_map();
    csr_write(medeleg, 0xb0a0); /* page faults, access faults of loads and stores */
    csr_write(stvec, paging_handler);
    csr_write(mepc, supervisor);
    csr_clear(mstatus, 3 << 11);
    csr_set(mstatus, 1 << 11);
    __asm__ volatile("mret");
}

#endif
