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
#define CODE_BASE RAM_BASE      /* instructions to run, 64 KiB */
#define TABLES_BASE 0x80010000u /* page tables */
#define VALUES_BASE 0x80020000u /* what loads and stores are at */
#define WORDS_BASE 0x80030000u  /* instructions that the guest writes over code */
#define PROGRAM_BASE 0x80040000u
#define AREAS_BYTES (PROGRAM_BASE + 4096 - RAM_BASE)
#define CONTEXT_BASE 0x80100000u /* 1 MiB for each hart */
#define GUEST_BASE 0x80a00000u

#define AREA_BYTES 0x10000u
#define AREA_PAGES (AREA_BYTES / 4096)
#define AREA_WORDS (AREA_BYTES / 4)
#define HARTS_MAX 8

/* -- Page tables ------------------------------------------------------------------------------- */

/* In tidy tables page 0 is a root of Sv57, whose first entries lead to page 1, the root of Sv48,
 * and so on to the leaves in pages 4 and 5. In rubbish, any entry leads anywhere. */
#define TIDY_LEAVES 4
#define TIDY_TABLES 6

/** How a program behaves. "One in n": chance that something is done in a trap; 0 is never. */
struct program {
    uint64_t seed;
    uint32_t tidy;         /* page tables mostly make sense */
    uint32_t slots;        /* entries in use at the start of each table */
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
    uint32_t has_sstc;     /* the CPU has stimecmp */
};

#endif
