/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state a case starts in: mode, CSRs, page tables, memory, registers.
 *
 * Addresses of data stand in a pool of registers that nothing else writes, so that most accesses
 * reach the test pages: some well inside, some across the end of a page, some misaligned, some to
 * pages that are forbidden, absent or broken. A pool register is never nearer to foreign memory
 * than an offset of 12 bits and its drift reach: the pads of the test pages see to that.
 *
 * Addresses that mean a device in one board and none in the other never come up: without
 * translation only pool registers are used as addresses. */
#include "diff.h"

#define PTE_V UINT64_C(0x01)
#define PTE_R UINT64_C(0x02)
#define PTE_W UINT64_C(0x04)
#define PTE_X UINT64_C(0x08)
#define PTE_U UINT64_C(0x10)
#define PTE_A UINT64_C(0x40)
#define PTE_D UINT64_C(0x80)
#define PTE_N (UINT64_C(1) << 63)

#define WINDOW_LOW ((uint64_t)INDEX_WINDOW << 30)
#define WINDOW_HIGH UINT64_C(0xffffffffc0000000)
#define GIGA ((uint64_t)INDEX_GIGA << 30)
#define MEGA_BYTES UINT64_C(0x200000)

/* Small pages of the window: random ones, a run of 16 for Svnapot, good ones, code. */
enum { PAGE_NAPOT = 16, PAGE_GOOD = 48, PAGE_RANDOM_END = 53, PAGE_CODE = 60, MEGA_COUNT = 8 };

#define STATUS_SIE (UINT64_C(1) << 1)
#define STATUS_MPIE (UINT64_C(1) << 7)
#define STATUS_FS (UINT64_C(3) << 13)
#define STATUS_MPP_SHIFT 11
#define STATUS_SUM (UINT64_C(1) << 18)
#define STATUS_MXR (UINT64_C(1) << 19)
#define STATUS_TVM (UINT64_C(1) << 20)
#define STATUS_TW (UINT64_C(1) << 21)
#define STATUS_TSR (UINT64_C(1) << 22)

bool plan_in_pool(const struct plan *plan, unsigned reg) {
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        if (plan->pool[i] == reg) {
            return true;
        }
    }
    return reg == plan->lone;
}

static void patch(struct plan *plan, uint64_t address, uint64_t value) {
    ensure(plan->patch_count < COUNT(plan->patches));
    plan->patches[plan->patch_count][0] = address;
    plan->patches[plan->patch_count][1] = value;
    plan->patch_count++;
}

/* -- Page tables ------------------------------------------------------------------------------- */

static uint64_t leaf(uint64_t physical, uint64_t flags) {
    return physical >> 2 | flags;
}

/* U as the mode of the data asks; in M mode with MPRV that is settled later, so either. */
static uint64_t user_bit(struct plan *plan) {
    if (plan->mode == 3) {
        return random_chance(&plan->random, 50) ? PTE_U : 0;
    }
    return plan->mode == 0 ? PTE_U : 0;
}

static uint64_t random_leaf(struct plan *plan, uint64_t physical) {
    struct random *random = &plan->random;
    uint64_t flags = random_u64(random) & 0x320; /* RSW and G */
    flags |= random_chance(random, 96) ? PTE_V : 0;
    flags |= random_chance(random, 60) ? PTE_R | PTE_W : random_u64(random) & (PTE_R | PTE_W);
    flags |= random_u64(random) & PTE_X;
    flags |= user_bit(plan);
    flags ^= random_chance(random, 15) ? PTE_U : 0;
    flags |= random_chance(random, 80) ? PTE_A : 0;
    flags |= random_chance(random, 75) ? PTE_D : 0;
    if (random_chance(random, 6)) {
        flags |= UINT64_C(1) << (54 + random_below(random, 10));
    }
    if ((flags & PTE_N) != 0) {
        /* a reserved encoding, a fault: QEMU would set A and D before it sees that */
        flags |= PTE_A | PTE_D;
    }
    if (plan->empty_pages && random_chance(random, 10)) {
        /* never a pointer: a table that is not there is an access fault, for QEMU a page fault */
        flags |= (flags & PTE_X) == 0 ? PTE_R : 0;
        physical = UINT64_C(0xfffffff0000000) & ~(UINT64_C(0x1fffff) << (random_below(random, 2)));
    }
    return leaf(physical, flags);
}

static void small_pages(struct plan *plan) {
    struct random *random = &plan->random;
    for (unsigned i = 0; i < PAGE_RANDOM_END; i++) {
        uint64_t physical = DATA_BASE + 0x1000 * random_below(random, DATA_PAGES);
        patch(plan, TABLE_PAGE + 8 * i, random_leaf(plan, physical));
    }
    if (random_chance(random, 60)) {
        /* 64 KiB from TEST_BASE; bit 3 of the page number alone is the legal encoding */
        uint64_t encoding = random_chance(random, 90) ? 8 : random_below(random, 16);
        uint64_t napot = random_leaf(plan, TEST_BASE) | PTE_N | encoding << 10;
        napot |= encoding == 8 ? 0 : PTE_A | PTE_D; /* as in random_leaf() */
        for (unsigned i = 0; i < 16; i++) {
            patch(plan, TABLE_PAGE + 8 * (PAGE_NAPOT + i), napot);
        }
    }
    for (unsigned i = 0; i < DATA_PAGES; i++) {
        uint64_t flags = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | user_bit(plan);
        patch(plan, TABLE_PAGE + 8 * (PAGE_GOOD + i), leaf(DATA_BASE + 0x1000 * i, flags));
    }
}

static void large_pages(struct plan *plan) {
    struct random *random = &plan->random;
    for (unsigned i = 1; i < MEGA_COUNT; i++) {
        uint64_t physical = TEST_BASE + (random_chance(random, 8) ? 0x1000 : 0);
        patch(plan, TABLE_MEGA + 8 * i, random_leaf(plan, physical));
    }
    uint64_t physical = RAM_BASE + (random_chance(random, 8) ? MEGA_BYTES : 0);
    patch(plan, TABLE_SV39 + 8 * INDEX_GIGA, random_leaf(plan, physical));
    if (random_chance(random, 4)) { /* a pointer with a bit it must not have */
        uint64_t wrong = random_chance(random, 50) ? PTE_A | PTE_D | PTE_U : UINT64_C(1) << 61;
        patch(plan, TABLE_MEGA + 8 * 1, leaf(TABLE_PAGE, PTE_V | (wrong & random_u64(random))));
    }
}

/* The code is mapped by two small pages, or lies in a large one. */
static void code_pages(struct plan *plan) {
    struct random *random = &plan->random;
    plan->writable_code = random_chance(random, 40);
    uint64_t flags = PTE_V | PTE_X | PTE_A | (plan->mode == 0 ? PTE_U : 0);
    flags |= plan->writable_code ? PTE_R | PTE_W | PTE_D : random_u64(random) & PTE_R;
    uint64_t base = random_chance(random, 50) ? WINDOW_LOW : WINDOW_HIGH;
    if (random_chance(random, 70)) {
        for (unsigned i = 0; i < CODE_PAGES; i++) {
            uint64_t page = leaf(CODE_BASE + 0x1000 * i, flags);
            bool broken = i == 1 && random_chance(random, 10);
            patch(plan, TABLE_PAGE + 8 * (PAGE_CODE + i),
                  broken ? random_leaf(plan, CODE_BASE + 0x1000) : page);
        }
        plan->head[CASE_CODE_DELTA] = base + 0x1000 * PAGE_CODE - CODE_BASE;
    } else if (random_chance(random, 70)) {
        patch(plan, TABLE_MEGA + 8 * (MEGA_COUNT - 1), leaf(TEST_BASE, flags));
        plan->head[CASE_CODE_DELTA] = base + MEGA_BYTES * (MEGA_COUNT - 1) - TEST_BASE;
    } else {
        patch(plan, TABLE_SV39 + 8 * INDEX_GIGA, leaf(RAM_BASE, flags));
        plan->head[CASE_CODE_DELTA] = GIGA - RAM_BASE;
    }
}

static void tables_choose(struct plan *plan) {
    static const struct {
        uint64_t mode;
        uint64_t root;
    } spaces[] = {{8, TABLE_SV39}, {9, TABLE_SV48}, {10, TABLE_SV57}};
    unsigned space = (unsigned)random_below(&plan->random, COUNT(spaces));
    uint64_t asid = random_chance(&plan->random, 50) ? random_below(&plan->random, 0x10000) : 0;
    plan->head[CASE_SATP] = spaces[space].mode << 60 | asid << 44 | spaces[space].root >> 12;
    plan->empty_pages = random_chance(&plan->random, 30);
    plan->keeps_aligned = plan->empty_pages;
    small_pages(plan);
    large_pages(plan);
    if (plan->mode != 3) {
        code_pages(plan);
    }
}

/* -- Data addresses ---------------------------------------------------------------------------- */

static uint64_t offset_choose(struct random *random) {
    switch (random_below(random, 6)) {
    case 0:
        return 4080 + random_below(random, 16);
    case 1:
        return random_below(random, 16);
    case 2:
        return 64 * random_below(random, 64);
    case 3:
        return random_below(random, 4096);
    default:
        return 8 * random_below(random, 512);
    }
}

/* Start of some page of data, in the addresses that the case uses. */
static uint64_t page_choose(struct plan *plan) {
    struct random *random = &plan->random;
    uint64_t page = random_below(random, DATA_PAGES);
    if (!plan->translated) {
        return DATA_BASE + 0x1000 * page;
    }
    uint64_t base = random_chance(random, 50) ? WINDOW_LOW : WINDOW_HIGH;
    uint64_t in_mega = (1 + page) * 0x1000;
    switch (random_below(random, 16)) {
    case 0:
    case 1:
    case 2:
        page = random_below(random, PAGE_RANDOM_END);
        if (page >= PAGE_NAPOT && page < PAGE_NAPOT + 16) { /* to data; not to code or lone SCs */
            page = PAGE_NAPOT + 1 + page % DATA_PAGES;
        }
        return base + 0x1000 * page;
    case 3:
        return base + 0x1000 * (PAGE_NAPOT + 1 + page);
    case 4:
    case 5:
        return base + MEGA_BYTES * (1 + random_below(random, MEGA_COUNT - 1)) + in_mega;
    case 6:
        return GIGA + MEGA_BYTES + in_mega;
    case 7:
        return random_chance(random, 50)
                   ? WINDOW_LOW ^ UINT64_C(1) << (38 + random_below(random, 26))
                   : base - 0x10000;
    default:
        return base + 0x1000 * (PAGE_GOOD + page);
    }
}

static void pool_choose(struct plan *plan) {
    struct random *random = &plan->random;
    plan->pool[0] = 2;
    for (unsigned i = 1; i < POOL_SIZE; i++) {
        do {
            plan->pool[i] = (uint8_t)(i < 4 ? 8 + random_below(random, 8)
                                            : 1 + random_below(random, 31));
            plan->good[i] = 0;
            for (unsigned j = 0; j < i; j++) {
                plan->good[i] |= plan->pool[j] == plan->pool[i];
            }
        } while (plan->good[i] != 0);
    }
    do {
        plan->lone = (uint8_t)(16 + random_below(random, 16));
        plan->drift[0] = 0;
        for (unsigned i = 0; i < POOL_SIZE; i++) {
            plan->drift[0] |= plan->pool[i] == plan->lone;
        }
    } while (plan->drift[0] != 0);
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        uint64_t address = page_choose(plan) + offset_choose(random);
        address &= plan->keeps_aligned ? ~UINT64_C(7) : UINT64_MAX;
        plan->good[i] = address;
        plan->drift[i] = 0;
        plan->head[CASE_X + plan->pool[i] - 1] = address;
    }
}

static void registers_choose(struct plan *plan) {
    struct random *random = &plan->random;
    for (unsigned i = 1; i < 32; i++) {
        plan->head[CASE_X + i - 1] = random_value(random);
    }
    for (unsigned i = 0; i < 32; i++) {
        plan->head[CASE_F + i] = random_float(random);
    }
    plan->head[CASE_FCSR] |= random_below(random, 5) << 5 | (random_u64(random) & 0x1f);
    if (random_chance(random, 5)) {
        plan->head[CASE_FCSR] |= 5 << 5;
    }
    pool_choose(plan);
    bool page_ok = plan->translated;
    plan->head[CASE_X + plan->lone - 1] =
        (page_ok ? WINDOW_LOW + 0x1000 * (PAGE_GOOD + 8) : LONE_BASE) + 0x800;
    if (page_ok) {
        uint64_t flags = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | user_bit(plan);
        patch(plan, TABLE_PAGE + 8 * (PAGE_GOOD + 8), leaf(LONE_BASE, flags));
    }
    for (unsigned i = 0; i < POOL_SIZE; i++) { /* something of interest where accesses go */
        uint64_t at = DATA_BASE + 0x1000 * random_below(random, DATA_PAGES);
        patch(plan, (at + (plan->good[i] & 0xff8) + 8 * random_below(random, 4)) & ~UINT64_C(7),
              random_chance(random, 50) ? random_value(random) : random_float(random));
    }
}

/* -- CSRs -------------------------------------------------------------------------------------- */

static void protection_choose(struct plan *plan) {
    struct random *random = &plan->random;
    uint64_t config = UINT64_C(0x1f) << 56; /* entry 7: everything */
    plan->head[CASE_PMPADDR + 7] = UINT64_MAX >> 10;
    if (random_chance(random, 20)) {
        plan->head[CASE_MEDELEG] = 0; /* the supervisor's handler might not reach its page */
        plan->keeps_aligned = true;
        plan->fine_borders = random_chance(random, 60);
        uint64_t coarse = plan->fine_borders ? 0 : 15; /* words of a cache block, less 1 */
        uint64_t at = DATA_BASE >> 2;
        for (unsigned entry = 1; entry < 6; entry++) {
            uint64_t bits = random_u64(random) & 0x1f;
            uint64_t address = at + (random_below(random, DATA_PAGES * 0x1000 / 4) & ~coarse);
            uint64_t ones = ((UINT64_C(1) << random_below(random, 10)) - 1) | coarse >> 1;
            bits |= !plan->fine_borders && (bits >> 3 & 3) == 2 ? 0x18 : 0; /* not NA4 */
            bool range = (bits >> 3 & 3) == 3;
            bits &= (bits & 3) == 2 ? ~UINT64_C(2) : UINT64_MAX;
            plan->head[CASE_PMPADDR + entry] = range ? (address & ~(ones * 2 + 1)) | ones : address;
            config |= bits << (8 * entry);
        }
        plan->head[CASE_PMPADDR] = random_chance(random, 50) ? at : 0;
        /* a range from 0 up would cut off code and harness: none starts at entry 0's 0 */
        if (plan->head[CASE_PMPADDR] == 0) {
            config &= ~(UINT64_C(0x18) << 8);
        }
    }
    plan->head[CASE_PMPCFG] = config;
}

static void traps_choose(struct plan *plan) {
    struct random *random = &plan->random;
    /* Never delegated: the supervisor's own ecall, by which its handler ends a case. */
    uint64_t delegated = random_chance(random, 50) ? random_u64(random) : 0;
    plan->head[CASE_MEDELEG] = delegated & 0xb1ff;
    plan->head[CASE_MENVCFG] = random_u64(random) & (UINT64_C(7) << 61 | 0xf1);
    if ((plan->head[CASE_MENVCFG] & 0x30) == 0x20) {
        plan->head[CASE_MENVCFG] ^= 0x10;
    }
    if (random_chance(random, 40)) {
        uint64_t stip = (plan->head[CASE_MENVCFG] >> 63) != 0 ? 0 : 0x20;
        plan->head[CASE_MIE] = random_u64(random) & 0xaaa;
        plan->head[CASE_MIDELEG] = random_u64(random) & 0x222;
        plan->head[CASE_MIP] = random_u64(random) & (0x202 | stip);
    }
    plan->head[CASE_SENVCFG] = random_u64(random) & 0xf1;
    if ((plan->head[CASE_SENVCFG] & 0x30) == 0x20) {
        plan->head[CASE_SENVCFG] ^= 0x10;
    }
    plan->head[CASE_MCOUNTEREN] = random_u64(random) & UINT32_MAX;
    plan->head[CASE_SCOUNTEREN] = random_u64(random) & UINT32_MAX;
}

static void status_choose(struct plan *plan) {
    struct random *random = &plan->random;
    uint64_t status = STATUS_XL | (uint64_t)plan->mode << STATUS_MPP_SHIFT;
    uint64_t fs = random_chance(random, 85) ? 3 : random_below(random, 3);
    status |= fs << 13;
    if (fs != 3) { /* flags that change make it dirty; QEMU forgets that of results in x */
        plan->head[CASE_FCSR] |= 0x1f;
    }
    status |= random_chance(random, 50) ? STATUS_SUM : 0;
    status |= random_chance(random, 30) ? STATUS_MXR : 0;
    status |= random_chance(random, 20) ? STATUS_TVM : 0;
    status |= random_chance(random, 20) ? STATUS_TW : 0;
    status |= random_chance(random, 50) ? STATUS_MPIE | STATUS_SIE : 0;
    if (random_chance(random, 20)) {
        status |= STATUS_TSR; /* the supervisor's handler could not return */
        plan->head[CASE_MEDELEG] = 0;
    }
    plan->head[CASE_MSTATUS] = status;
}

void place_choose(struct plan *plan, uint64_t number) {
    struct random *random = &plan->random;
    static const uint8_t modes[] = {0, 1, 3};
    plan->mode = modes[random_below(random, COUNT(modes))];
    plan->head[CASE_NUMBER] = number;
    plan->head[CASE_FILL] = random_u64(random);
    plan->mprv = plan->mode == 3 && random_chance(random, 40);
    plan->translated = plan->mode == 3 ? plan->mprv : random_chance(random, 70);
    plan->writable_code = true;
    if (plan->translated) {
        tables_choose(plan);
    }
    traps_choose(plan);
    status_choose(plan);
    protection_choose(plan);
    registers_choose(plan);
}
