/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers, addresses, page-table entries and values, for the generator and the guest. */
#ifndef RANDOM_RUBBISH_H
#define RANDOM_RUBBISH_H

#include <stdbool.h>

#include "program.h"

struct random {
    uint64_t state; /* not 0 */
};

/* Xorshift (Marsaglia 2003): cheap, for the guest takes one at each trap. */
static inline uint64_t random_u64(struct random *random) {
    uint64_t x = random->state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random->state = x;
    return x;
}

static inline uint32_t random_below(struct random *random, uint32_t limit) {
    return (uint32_t)((random_u64(random) >> 32) * limit >> 32);
}

/** True once in @p n times; never when it is 0. */
static inline bool one_in(struct random *random, uint32_t n) {
    return n != 0 && random_below(random, n) == 0;
}

/* -- Addresses --------------------------------------------------------------------------------- */

/** Offset in a page; many are near its end, where accesses cross. */
static inline uint64_t rubbish_offset(struct random *random) {
    return one_in(random, 6) ? 4096 - random_below(random, 9) : random_below(random, 4096);
}

/** Entries in use at the start of a table. */
static inline uint32_t slots_of(const struct program *program, unsigned level) {
    return level == 0 ? program->leaf_slots : program->slots;
}

/** An address that the tables may translate: few pages, so that they are met again and again. */
static inline uint64_t rubbish_virtual(struct random *random, const struct program *program) {
    unsigned levels = one_in(random, 4) ? 3 + random_below(random, 3) : 3;
    uint64_t address = 0;
    for (unsigned level = 0; level < levels; level++) {
        bool anywhere = !program->tidy && one_in(random, 12);
        uint64_t slot = random_below(random, anywhere ? 512 : slots_of(program, level));
        address |= slot << (12 + 9 * level);
    }
    if (one_in(random, 16)) {
        address |= ~UINT64_C(0) << (9 * levels + 11);
    }
    if (one_in(random, 100)) {
        address ^= random_u64(random);
    }
    return address + rubbish_offset(random);
}

static inline uint64_t address_in_slot(uint64_t address, uint64_t slot) {
    return (address & ~(UINT64_C(0x1ff) << 12)) | slot << 12;
}

/** The same, in tidy tables most likely a page of the leaf slot @p slot. */
static inline uint64_t virtual_in_slot(struct random *random, const struct program *program,
                                       uint64_t slot) {
    uint64_t address = rubbish_virtual(random, program);
    bool bend = program->tidy && !one_in(random, 16);
    return bend ? address_in_slot(address, slot) : address;
}

/** A register of some device, or beside one. The finisher is left out: programs go on. */
static inline uint64_t rubbish_device(struct random *random) {
    static const struct {
        uint32_t start, bytes;
    } places[] = {
        {0x10000000, 0x10},                       /* UART */
        {0x10000000, 0x110},  {0x02000000, 0x28}, /* MSIP */
        {0x02004000, 0x48},                       /* mtimecmp */
        {0x0200bff0, 0x18},                       /* mtime */
        {0x0c000000, 0x80},                       /* PLIC: priorities */
        {0x0c001000, 0x1100},                     /* pending, enables */
        {0x0c200000, 0x9000},                     /* thresholds, claims */
        {0x00101000, 0x40},                       /* RTC */
    };
    unsigned place = random_below(random, sizeof places / sizeof places[0]);
    return places[place].start + random_below(random, places[place].bytes);
}

static inline uint64_t rubbish_physical(struct random *random) {
    uint64_t page = (uint64_t)random_below(random, AREA_PAGES) << 12;
    switch (random_below(random, 10)) {
    case 0:
        return CODE_BASE + page + rubbish_offset(random);
    case 1:
        return TABLES_BASE + (page & 0x7000) + 8 * random_below(random, LEAF_SLOTS);
    case 2:
        return RAM_END - random_below(random, 20);
    case 3:
        return rubbish_device(random);
    case 4:
        return one_in(random, 4) ? random_u64(random) : WORDS_BASE + page;
    default:
        return VALUES_BASE + page + rubbish_offset(random);
    }
}

/* -- Page-table entries ------------------------------------------------------------------------ */

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_A = 64, PTE_D = 128 };

static inline uint64_t pte_pointer(unsigned table) {
    return (TABLES_BASE / 4096 + table) << 10 | PTE_V;
}

/** One in @p odds lacks a permission, for each of them. */
static inline uint64_t pte_leaf(struct random *random, uint64_t address, uint32_t odds) {
    static const uint8_t lacking[] = {PTE_R, PTE_W, PTE_X, PTE_A, PTE_D};
    uint64_t flags = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
    for (unsigned i = 0; i < sizeof lacking; i++) {
        flags &= one_in(random, odds) ? ~(uint64_t)lacking[i] : ~UINT64_C(0);
    }
    if ((flags & PTE_R) == 0 && !one_in(random, 8)) {
        flags &= ~(uint64_t)PTE_W; /* or it is reserved */
    }
    if (one_in(random, 8 * odds)) {
        flags ^= UINT64_C(1) << random_below(random, 10);
    }
    if (one_in(random, 8 * odds)) {
        return (address >> 12 | 8) << 10 | flags | UINT64_C(1) << 63; /* Svnapot, 64 KiB */
    }
    return address >> 12 << 10 | flags | (one_in(random, 8 * odds) ? UINT64_C(1) << 61 : 0);
}

static inline uint64_t pte_any_page(struct random *random) {
    uint64_t page = (uint64_t)random_below(random, AREA_PAGES) << 12;
    uint64_t user = one_in(random, 3) ? PTE_U : 0;
    switch (random_below(random, 10)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return pte_leaf(random, CODE_BASE + page, 6) | user;
    case 4:
        return pte_leaf(random, TABLES_BASE + (page & 0x7000), 6) | user;
    case 5:
        return pte_leaf(random, one_in(random, 2) ? rubbish_device(random) : RAM_END - 4096, 6);
    case 6:
        return pte_leaf(random, RAM_BASE, 6) | user;
    default:
        return pte_leaf(random, VALUES_BASE + page, 6) | user;
    }
}

static inline uint64_t pte_code(struct random *random, bool user) {
    uint64_t page = user ? random_below(random, PAGES_USER)
                         : PAGES_USER + random_below(random, PAGES_SUPERVISOR);
    return pte_leaf(random, CODE_BASE + (page << 12), 20) | (user ? PTE_U : 0);
}

static inline uint64_t pte_data(struct random *random) {
    uint64_t page = (uint64_t)random_below(random, AREA_PAGES) << 12;
    return pte_leaf(random, VALUES_BASE + page, 20) | PTE_U;
}

/** A page of the tables as data. */
static inline uint64_t pte_table(struct random *random, unsigned table) {
    return pte_leaf(random, TABLES_BASE + (table << 12), 40) | PTE_U;
}

/** A tidy table of so low a level: 0, 1 or 2. */
static inline unsigned table_of(struct random *random, unsigned level) {
    static const uint8_t tables[3][4] = {{4, 5, 6, 4}, {3, 7, 3, 7}, {2, 8, 2, 8}};
    return tables[level][random_below(random, 4)];
}

static inline uint64_t tidy_leaf(struct random *random, unsigned table, unsigned slot) {
    switch (slot) {
    case SLOT_SUPERVISOR:
    case SLOT_SUPERVISOR_NEXT:
        return pte_code(random, false);
    case SLOT_USER:
    case SLOT_USER_NEXT:
        return pte_code(random, true);
    case SLOT_LEAVES:
        return pte_table(random, one_in(random, 2) ? table : table_of(random, 0));
    case SLOT_POINTERS:
        return pte_table(random, table_of(random, 1 + one_in(random, 3)));
    case SLOT_RECIPES:
        return pte_table(random, TABLE_RECIPES);
    case SLOT_SPARE:
        return pte_any_page(random);
    default:
        return one_in(random, 8) ? pte_any_page(random) : pte_data(random);
    }
}

/** What stands in an entry of the table page @p table. */
static inline uint64_t rubbish_entry(struct random *random, const struct program *program,
                                     unsigned table, unsigned slot) {
    static const uint8_t levels[TIDY_TABLES] = TIDY_LEVELS;
    if (one_in(random, program->tidy ? 60 : 20)) {
        return one_in(random, 2) ? 0 : random_u64(random);
    }
    if (!program->tidy) {
        return one_in(random, 3) ? pte_pointer(random_below(random, AREA_PAGES))
                                 : pte_any_page(random);
    }
    unsigned level = table < TIDY_TABLES ? levels[table] : 0;
    if (level == 0) {
        return tidy_leaf(random, table, slot);
    }
    if (one_in(random, level == 1 ? 12 : 60)) {
        return pte_leaf(random, one_in(random, 2) ? RAM_BASE : SPARE_BASE, 20) | PTE_U;
    }
    if (one_in(random, 40)) {
        return pte_pointer(random_below(random, TIDY_TABLES));
    }
    return pte_pointer(level == 4 ? 1 : table_of(random, level - 1));
}

static inline uint64_t recipe_satp(struct random *random) {
    static const uint8_t roots[] = {2, 8, 2, 8, 1, 0};
    static const uint8_t modes[] = {8, 8, 8, 8, 9, 10};
    unsigned root = random_below(random, sizeof roots);
    uint64_t space = random_below(random, 12);
    return one_in(random, 24)
               ? 0
               : (uint64_t)modes[root] << 60 | space << 44 | (TABLES_BASE / 4096 + roots[root]);
}

static inline uint64_t recipe(struct random *random, unsigned kind) {
    unsigned roll = random_below(random, 12);
    switch (kind) {
    case RECIPE_DATA:
        return roll == 0 ? 0 : roll < 3 ? pte_any_page(random) : pte_data(random);
    case RECIPE_SUPERVISOR:
    case RECIPE_USER:
        return roll == 0 ? 0 : pte_code(random, kind == RECIPE_USER);
    case RECIPE_TO_LEAVES:
        return roll == 0   ? 0
               : roll == 1 ? (VALUES_BASE / 4096 + AREA_PAGES - 1) << 10 | PTE_V
                           : pte_pointer(table_of(random, 0));
    case RECIPE_TO_POINTERS:
        return roll == 0   ? 0
               : roll == 1 ? pte_pointer(table_of(random, 2))
               : roll == 2 ? pte_leaf(random, RAM_BASE, 20) | PTE_U
                           : pte_pointer(table_of(random, 1));
    case RECIPE_SPAN:
        return pte_leaf(random,
                        roll < 2    ? RAM_BASE
                        : roll == 2 ? VALUES_BASE
                                    : SPARE_BASE,
                        12) |
               PTE_U;
    case RECIPE_SATP:
        return recipe_satp(random);
    default:
        return rubbish_physical(random) >> 2 | random_below(random, 1024); /* for pmpaddr */
    }
}

/* -- Values ------------------------------------------------------------------------------------ */

static inline uint64_t rubbish_number(struct random *random) {
    static const uint64_t corners[] = {
        0,
        1,
        UINT64_MAX,
        UINT64_C(1) << 63,
        UINT64_C(1) << 31,
        INT64_MAX,
        INT32_MAX,
        UINT64_C(0xffffffff80000000),
        UINT64_C(0xffffffff),
        31,
        32,
        63,
    };
    uint64_t any = random_u64(random);
    switch (random_below(random, 4)) {
    case 0:
        return corners[any % (sizeof corners / sizeof corners[0])];
    case 1:
        return (uint64_t)((int64_t)any >> (any & 63));
    case 2:
        return UINT64_C(1) << (any & 63);
    default:
        return any;
    }
}

/** Doubles, singles in their boxes and out of them; corners as often as plain numbers. */
static inline uint64_t rubbish_float(struct random *random) {
    static const uint16_t corners[] = {
        0x0000, 0x8000, 0x7ff0, 0xfff0, 0x7ff8, 0x7ff4, 0x0001, 0x7fef, 0x3ff0, 0xbff0, 0x4340,
    };
    static const uint16_t single_corners[] = {
        0x0000, 0x8000, 0x7f80, 0xff80, 0x7fc0, 0x7fa0, 0x0001, 0x7f7f, 0x3f80, 0xbf80, 0x4b00,
    };
    uint64_t any = random_u64(random);
    unsigned corner = random_below(random, sizeof corners / sizeof corners[0]);
    switch (random_below(random, 6)) {
    case 0:
        return (uint64_t)corners[corner] << 48 | (any & 1);
    case 1:
        return (UINT64_C(0x3f0) + (any & 31)) << 52 | any >> 12;
    case 2:
        return UINT64_C(0xffffffff) << 32 | (uint32_t)single_corners[corner] << 16 | (any & 1);
    case 3:
        return UINT64_C(0xffffffff) << 32 | (UINT64_C(0x3c000000) + (any & 0x7ffffff));
    case 4:
        return UINT64_C(0xffffffff) << 32 | any >> 32;
    default:
        return any;
    }
}

static inline uint64_t rubbish_value(struct random *random, const struct program *program) {
    switch (random_below(random, 4)) {
    case 0:
        return rubbish_virtual(random, program);
    case 1:
        return rubbish_physical(random);
    default:
        return rubbish_number(random);
    }
}

#endif
