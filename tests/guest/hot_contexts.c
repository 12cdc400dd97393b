/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hot loop changes how its own accesses are translated and what they may do: satp, SUM, MXR, MPRV
 * and PMP act on the next load, and back again.
 *
 * In M mode with MPRV, whose loads are S mode's, so that one loop can change all of these. The
 * loads go off one register, and share a look at the TLB as long as nothing changes.
 *
 * expect: exit 0 */
#include "paging.h"

enum { ROUNDS = 200, MPRV = 1 << 17, SUM = 1 << 18, MXR = 1 << 19, MPP_S = 1 << 11 };

static volatile uint64_t frames[2][512] __attribute__((aligned(4096)));
static volatile uint64_t other_root[512] __attribute__((aligned(4096)));
static volatile uint64_t ram_middle[512] __attribute__((aligned(4096)));
static volatile uint64_t ram_leaves[512] __attribute__((aligned(4096)));

/* Counts, and goes on behind the instruction, as S mode in the eyes of MPRV again. */
__asm__(".option push\n.option norvc\n.balign 4\n"
        "contexts_handler:\n"
        "    la    t5, faults\n"
        "    ld    t6, 0(t5)\n"
        "    addi  t6, t6, 1\n"
        "    sd    t6, 0(t5)\n"
        "    li    t5, 1 << 12\n"
        "    csrc  mstatus, t5\n"
        "    csrr  t6, mepc\n"
        "    jr    4(t6)\n"
        ".option pop\n");
extern char contexts_handler[];

/** What the loads gave before a change, while it lasted, and behind it. */
struct seen {
    uint64_t before, between, behind;
};

typedef struct seen loop_fn(volatile uint64_t *at, uint64_t there, uint64_t back);

#define CHANGES(name, change, restore)                                                             \
    HOT static struct seen name(volatile uint64_t *at, uint64_t there, uint64_t back) {            \
        struct seen seen = {0, 0, 0};                                                              \
        uint64_t left = ROUNDS;                                                                    \
        csr_set(mstatus, MPRV);                                                                    \
        __asm__ volatile(LONG("1:  li    t0, 0\n"                                                  \
                              "    ld    t0, 0(%[at])\n"                                           \
                              "    add   %[before], %[before], t0\n" change                        \
                              "    li    t0, 0\n"                                                  \
                              "    ld    t0, 8(%[at])\n"                                           \
                              "    add   %[between], %[between], t0\n" restore                     \
                              "    li    t0, 0\n"                                                  \
                              "    ld    t0, 16(%[at])\n"                                          \
                              "    add   %[behind], %[behind], t0\n"                               \
                              "    addi  %[left], %[left], -1\n"                                   \
                              "    bnez  %[left], 1b\n")                                           \
                         : [before] "+r"(seen.before), [between] "+r"(seen.between),               \
                           [behind] "+r"(seen.behind), [left] "+r"(left)                           \
                         : [at] "r"(at), [there] "r"(there), [back] "r"(back)                      \
                         : "t0", "t5", "t6", "memory");                                            \
        csr_clear(mstatus, MPRV);                                                                  \
        return seen;                                                                               \
    }

CHANGES(satp_changes, "csrw satp, %[there]\n", "csrw satp, %[back]\n")
CHANGES(bit_is_set, "csrs mstatus, %[there]\n", "csrc mstatus, %[there]\n")
CHANGES(bit_is_clear, "csrc mstatus, %[there]\n", "csrs mstatus, %[there]\n")
CHANGES(pmp_changes, "csrw pmpcfg0, %[there]\n", "csrw pmpcfg0, %[back]\n")

static void expect(struct seen seen, uint64_t before, uint64_t between, uint64_t behind) {
    unsigned lost = (before == 0) + (between == 0) + (behind == 0);
    check(seen.before == ROUNDS * before);
    check(seen.between == ROUNDS * between);
    check(seen.behind == ROUNDS * behind);
    check(faults.count == lost * ROUNDS);
    faults.count = 0;
}

/* A space of another root, where the page is the other frame; and other numbers of this space. */
static void spaces(void) {
    uint64_t here = 8ul << 60 | (uint64_t)root >> 12;
    other_root[SPACE >> 30] = entry(ram_middle, V);
    ram_middle[0] = entry(ram_leaves, V);
    ram_leaves[0] = entry(frames[1], ALL);
    leaves[0] = entry(frames[0], ALL);
    expect(satp_changes(page(0), 8ul << 60 | (uint64_t)other_root >> 12, here), 10, 21, 12);
    expect(satp_changes(page(0), here | 1ul << 44, here), 10, 11, 12);
    other_root[SPACE >> 30] = 0;
    expect(satp_changes(page(0), 8ul << 60 | (uint64_t)other_root >> 12, here), 10, 0, 12);
}

/* Loads that a bit allows fault without it. */
static void permissions(void) {
    static const struct { uint64_t bit, page; } kinds[] = {{SUM, ALL | U}, {MXR, V | X | A | D}};
    for (unsigned i = 0; i < 2; i++) {
        leaves[0] = entry(frames[0], kinds[i].page);
        expect(bit_is_set(page(0), kinds[i].bit, 0), 0, 11, 0);
        csr_set(mstatus, kinds[i].bit);
        expect(bit_is_clear(page(0), kinds[i].bit, 0), 10, 0, 12);
        csr_clear(mstatus, kinds[i].bit);
    }
}

/* An address in RAM that S mode has mapped to the other frame. */
static void privileges(void) {
    uint64_t address = (uint64_t)frames[0];
    for (uint64_t i = 0; i < 512; i++) {
        ram_middle[i] = entry((void *)(0x80000000 + i * PART_BYTES), ALL);
    }
    ram_middle[address / PART_BYTES % 512] = entry(ram_leaves, V);
    ram_leaves[address / 4096 % 512] = entry(frames[1], ALL);
    root[2] = entry(ram_middle, V);
    expect(bit_is_clear(frames[0], MPRV, 0), 20, 11, 22);
    root[2] = entry((void *)0x80000000, ALL);
}

/* Entry 0 of the PMP takes the page, or half of it, away and gives it back. */
static void protection(void) {
    leaves[0] = entry(frames[0], ALL);
    csr_write(pmpaddr1, -1);
    for (uint64_t size_bytes = 2048; size_bytes <= 4096; size_bytes *= 2) {
        csr_write(pmpaddr0, (uint64_t)frames[0] >> 2 | (size_bytes / 8 - 1));
        csr_write(pmpcfg0, 0x1f1f);
        expect(pmp_changes(page(0), 0x1f18, 0x1f1f), 10, 0, 12);
        csr_write(pmpcfg0, 0x1f18);
        expect(pmp_changes(page(0), 0x1f1f, 0x1f18), 0, 11, 0);
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    paging_map();
    csr_write(mtvec, contexts_handler);
    csr_clear(mstatus, 3 << 11);
    csr_set(mstatus, MPP_S);
    for (unsigned frame = 0; frame < 2; frame++) {
        for (unsigned word = 0; word < 3; word++) {
            frames[frame][word] = 10 * (frame + 1) + word;
        }
    }
    spaces();
    permissions();
    privileges();
    protection();
    return 0;
}
