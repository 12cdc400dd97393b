/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest can do anything: loads, stores and jumps at random addresses, widths and alignments, most
 * of them at devices. It gets what the architecture says (a value or an access fault), and never
 * more. The finisher is left alone.
 *
 * expect: exit 0
 * harts: 1 2
 * args: --console null */
#include "guest.h"

enum { ACCESSES = 30000 };

static volatile uint64_t harts_done;

/* Counts in mscratch what trapped; goes on behind a load or store, and at ra after a jump. */
__asm__(".option push\n.option norvc\n.balign 4\n"
        "hammer_handler:\n"
        "    csrr  t5, mscratch\n"
        "    addi  t5, t5, 1\n"
        "    csrw  mscratch, t5\n"
        "    csrr  t5, mcause\n"
        "    addi  t5, t5, -1\n"
        "    mv    t6, ra\n"
        "    beqz  t5, 1f\n" /* fetch access fault */
        "    addi  t5, t5, -1\n"
        "    beqz  t5, 1f\n" /* illegal instruction: it jumped into something */
        "    csrr  t6, mepc\n"
        "    addi  t6, t6, 4\n"
        "1:  csrw  mepc, t6\n"
        "    mret\n"
        ".option pop\n");
extern char hammer_handler[];

static const struct {
    uint64_t base, size;
} places[] = {
    {0x1000, 0xf000},      /* boot ROM and around it */
    {0x101000, 0x1100},    /* RTC */
    {0x2000000, 0x10100},  /* CLINT */
    {0xc000000, 0x600100}, /* PLIC */
    {0xc200000, 0x4000},   /* its contexts */
    {0x10000000, 0x200},   /* UART */
    {0x7ffffff0, 0x10},    /* before RAM */
    {0x83fffff0, 0x40},    /* the end of RAM and beyond */
    {0, UINT64_MAX},       /* anywhere */
};

static void access(uint64_t kind, uint64_t address, uint64_t value) {
#define ACCESS(number, text)                                                                       \
    case number:                                                                                   \
        __asm__ volatile(".option push\n.option norvc\n" text "\n.option pop"                      \
                         : "+r"(value)                                                             \
                         : "r"(address)                                                            \
                         : "t5", "t6", "memory");                                                  \
        break;
    switch (kind) {
        ACCESS(0, "lb %0, 0(%1)")
        ACCESS(1, "lh %0, 0(%1)")
        ACCESS(2, "lw %0, 0(%1)")
        ACCESS(3, "ld %0, 0(%1)")
        ACCESS(4, "sb %0, 0(%1)")
        ACCESS(5, "sh %0, 0(%1)")
        ACCESS(6, "sw %0, 0(%1)")
        ACCESS(7, "sd %0, 0(%1)")
        ACCESS(8, "lr.w %0, (%1)")
        ACCESS(9, "amoadd.d %0, %0, (%1)")
        ACCESS(10, "sc.d %0, %0, (%1)")
        ACCESS(11, "lw %0, 0(%1)")
        ACCESS(12, "sw %0, 0(%1)")
    }
}

static int is_ours(uint64_t address) {
    int finisher = address >= 0x100000 - 8 && address < 0x101000;
    int image = address >= 0x80000000 - 8 && address < 0x80100000;
    return finisher || image;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    uint64_t seed = 123456789 + hart;
    csr_write(mtvec, hammer_handler);
    for (unsigned i = 0; i < ACCESSES; i++) {
        uint64_t at = random_next(&seed) % (sizeof places / sizeof places[0]);
        uint64_t address = places[at].base + random_next(&seed) % places[at].size;
        uint64_t kind = random_next(&seed) % 16;
        if (kind >= 11) {
            address &= ~3ul; /* registers at their width are what devices listen to */
        }
        if (is_ours(address)) {
            continue;
        }
        if (kind == 13 && at == 8) {
            __asm__ volatile("jalr %0" ::"r"(address) : "ra", "t5", "t6", "memory");
        } else {
            access(kind, address, random_next(&seed));
        }
    }
    uint64_t trap_count = csr_read(mscratch);
    check(trap_count > ACCESSES / 10 && trap_count < ACCESSES);
    __atomic_fetch_add(&harts_done, 1, __ATOMIC_SEQ_CST);
    for (; hart != 0;) {
    }
    for (volatile unsigned i = 0; i < 200000; i++) {
    }
    return 0;
}
