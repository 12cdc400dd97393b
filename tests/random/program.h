/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A random program as the generator leaves it in memory and the guest finds it. */
#ifndef RANDOM_PROGRAM_H
#define RANDOM_PROGRAM_H

#include <stdint.h>

/* -- Physical memory ---------------------------------------------------------------------------
 *
 * Everything that a program plays with lies at the start of RAM, so that a page table's superpages
 * lead to it, too. What keeps a program alive, the trap handler and its contexts, lies apart. */

#define RAM_BASE 0x80000000u
#define RAM_END 0x81000000u
#define CODE_BASE RAM_BASE        /* instructions to run, 64 KiB */
#define TABLES_BASE 0x80010000u   /* page tables */
#define VALUES_BASE 0x80020000u   /* what loads and stores are at */
#define WORDS_BASE 0x80030000u    /* instructions that the guest writes over code */
#define PRISTINE_BASE 0x80040000u /* the instructions to run as they were at first */
#define PROGRAM_BASE 0x80050000u
#define AREAS_BYTES (PROGRAM_BASE + 4096 - RAM_BASE)
#define CONTEXT_BASE 0x80100000u /* 1 MiB for each hart */
#define GUEST_BASE 0x80a00000u
#define SPARE_BASE 0x80e00000u /* what superpages map: nothing else lies there */

#define AREA_BYTES 0x10000u
#define AREA_PAGES (AREA_BYTES / 4096)
#define AREA_WORDS (AREA_BYTES / 4)
#define HARTS_MAX 8

/* -- Page tables ------------------------------------------------------------------------------- */

/* In tidy tables pages 0 to 8 of the tables are of these levels, and lead to each other: roots of
 * Sv57, Sv48 and Sv39, the last twice, and what is below. In rubbish, any entry leads anywhere. */
#define TIDY_LEVELS                                                                                \
    { 4, 3, 2, 1, 0, 0, 0, 1, 2 }
#define TIDY_TABLES 9
#define TIDY_SLOTS 3
#define TABLE_RECIPES 9 /* page of the tables that has recipes instead */

/* Slots of tidy leaf tables: what the page of that number holds. */
enum {
    SLOT_SUPERVISOR, /* code; the next page follows it */
    SLOT_SUPERVISOR_NEXT,
    SLOT_USER,
    SLOT_USER_NEXT,
    SLOT_DATA,
    SLOT_NEXT,
    SLOT_LEAVES,   /* a leaf table */
    SLOT_POINTERS, /* another table */
    SLOT_RECIPES,
    SLOT_SPARE,
    LEAF_SLOTS
};

/* Entries and CSR values that code takes from a page to write them where they act. */
enum {
    RECIPE_DATA,
    RECIPE_SUPERVISOR,
    RECIPE_USER,
    RECIPE_TO_LEAVES,
    RECIPE_TO_POINTERS,
    RECIPE_SPAN,
    RECIPE_SATP,
    RECIPE_PROTECTION,
    RECIPE_KINDS,
    RECIPES_EACH = 512 / RECIPE_KINDS
};

/* -- Pages of code and registers of loops ------------------------------------------------------ */

/* Code pages for U mode come first, those for S mode next, then those for M mode. */
enum { PAGES_USER = 4, PAGES_SUPERVISOR = 8, HANDLER_OFFSET = 192 };

/* Anchors: registers that loops never write. A page's middle is what they point at, but for the
 * frame, which is near a boundary between pages. */
enum { X_FRAME = 24, X_LEAVES, X_RECIPES, X_POINTERS };

/* What was loaded is added up here, or the next time around would hide that it was wrong. */
enum { X_SUM = 23 };

/** How a program behaves. "One in n": chance that something is done in a trap; 0 is never. */
struct program {
    uint64_t seed;
    uint32_t tidy;         /* page tables mostly make sense */
    uint32_t slots;        /* entries in use at the start of each table */
    uint32_t leaf_slots;   /* of a leaf table */
    uint32_t entry_bytes;  /* code is entered at multiples of this */
    uint32_t slice_ticks;  /* until the next timer interrupt, at most */
    uint32_t go_on;        /* of so many traps, one is more than a return to where it happened */
    uint32_t code_words;   /* written over code in a trap, at most */
    uint32_t table_words;  /* written over page tables in a trap, at most */
    uint32_t device_pokes; /* accesses of devices, when there are any */
    uint32_t devices;      /* one in n */
    uint32_t csrs;         /* one in n, for each of them */
    uint32_t translation;  /* one in n: satp */
    uint32_t protection;   /* one in n: PMP */
    uint32_t machine_mode; /* one in n: what runs next runs in M mode */
    uint32_t registers;    /* changed in a trap */
    uint32_t heals;        /* pieces of code that become again what they were, in a trap */
    uint32_t supervisor;   /* one in n: some traps go to S mode's own handler */
    uint32_t surprises;    /* one in n: something changes, and code goes on where it was */
    uint32_t has_sstc;     /* the CPU has stimecmp */
};

#endif
