/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regions and their intermediate representation. Private to jit/. */
#ifndef JIT_REGION_H
#define JIT_REGION_H

#include "hart/code.h"
#include "hart/hart.h"
#include "jit/x64.h"

enum ir_op {
#define IR(name, text) IR_##name,
#include "jit/ir.def"
#undef IR
    IR_COUNT
};

/** Values of the field rm. @spec Unprivileged ISA 20240411, table 31 */
enum rounding { ROUND_NEAREST, ROUND_TOWARDS_ZERO, ROUND_DOWN, ROUND_UP, ROUND_DYNAMIC = 7 };

/** One operation. Registers are guest registers 0 to 31; 0 reads as zero and is never rd. */
struct ir {
    uint8_t op;       /* enum ir_op */
    uint8_t size;     /* [bytes] 1, 2, 4 or 8 */
    bool is_signed;   /* load */
    bool immediate;   /* b is imm */
    uint8_t rounding; /* enum rounding */
    uint8_t cond;     /* branch: enum x64_cond */
    uint8_t rd, ra, rb, rc;
    uint8_t table;  /* load, fload: which of the region's tables it reads, from 1; 0: none */
    int16_t target; /* branch, jump: index of a block of the region; -1: place */
    int32_t place;  /* [bytes] from the page's start: of target; jumpreg: of the return address */
    uint32_t site;  /* load … fstore, call: what the interpreter needs, see struct site */
    int64_t imm;
};

enum {
    REGION_BLOCKS_MAX = 64,
    REGION_INSNS_MAX = 1024,
    HOST_REGISTERS = 9, /* that guest registers can live in */
    NO_HOST = X64_NONE
};

/** A block of the region: one entry, steps of its own. */
struct region_block {
    struct block *block;
    unsigned offset; /* [bytes] of its first instruction in the page */
    unsigned weight; /* how often it ran before */
    unsigned ir_start, ir_count;
    uint16_t dirty; /* homes that may hold something new where it begins */
    uint16_t live;  /* homes that have to hold something there */
    uint32_t run;   /* of a tally */
    struct tally_label label;
    struct x64_label head;
};

/** Which host register a guest register lives in throughout a region. */
struct register_map {
    uint8_t host[33]; /* by guest register: enum x64_reg or NO_HOST */
    uint8_t guest[HOST_REGISTERS];
    unsigned count;
    uint8_t idx[33]; /* by guest register that has a home: its place in guest */
};

/** Sets of homes: bit n is that of map->guest[n]. */
static inline uint16_t home_bit(const struct register_map *map, unsigned guest) {
    return (uint16_t)(map->host[guest] == NO_HOST ? 0U : 1U << map->idx[guest]);
}

enum { WINDOWS_MAX = 4, NO_WINDOW = 0xff };

/** Accesses of a region through one register that share a look at the TLB: see window.c. */
struct window {
    uint8_t guest; /* the register; it has a home */
    bool writes;
    int32_t first, end; /* [bytes] from its value */
};

/**
 * Code of one page that is translated together: blocks that have run and that direct jumps,
 * branches, fall-through and returns from calls lead to, from the one that got hot.
 */
struct jit_region {
    const struct code_cache *code;
    struct code_page *page;
    unsigned block_count;
    struct region_block blocks[REGION_BLOCKS_MAX]; /* by offset, ascending */
    unsigned ir_count;
    struct ir ir[(REGION_INSNS_MAX + REGION_BLOCKS_MAX) * 2]; /* at most two for each of both */
    struct register_map map;
    unsigned window_count;
    struct window windows[WINDOWS_MAX];
    uint8_t window_of[33]; /* by guest register, or NO_WINDOW */
    unsigned table_count;
    struct x64_features features;
    bool uncounted;          /* see struct jit_options */
    bool parallel;           /* other harts run at the same time */
    struct hart *hart;       /* the one that translates */
    enum tally_kind tallies; /* what its blocks tell; TALLY_WATCHED: nothing */
    const struct ram *ram;
    uint8_t target_mask; /* hart->target_mask: jumps that may trap are left to the interpreter */
};

/**
 * What the interpreter needs to run one instruction of a region: it serves what generated code
 * leaves to it, and all that goes wrong with a memory access.
 */
struct site {
    struct insn insn; /* as it stands in its block */
    uint16_t offset;  /* [bytes] of the instruction in its page */
    uint16_t left;    /* steps of its block from it on, itself included */
    uint32_t map;     /* index of the region's register map */
    uint8_t idx;      /* instructions before it in its block */
    uint32_t run;     /* of a tally: of the block */
};

/** @return false when nothing at @p offset can be translated. */
bool region_find(struct jit_region *region, const struct code_cache *code, struct code_page *page,
                 unsigned offset);

struct jit;

enum { SITE_BITS = 20 };
enum { MOVED_COUNT_SHIFT = 12, MOVED_WHOLE = 1 << 29, MOVED_STARTS = 1 << 30 };

/** Appends a site. @return Its index. */
uint32_t jit_site(struct jit *jit, const struct site *site);

/** Fills region->ir. @param map  Index that the region's register map will have. */
void region_lift(struct jit *jit, struct jit_region *region, uint32_t map);

/** The guest register that an operation may change, itself or through the interpreter; 0 for none.
 */
unsigned ir_changes(const struct ir *ir);
/** The same, by its code alone. */
unsigned ir_writes(const struct ir *ir);
/** The guest registers that its code reads; 0 for none. */
void ir_reads(const struct ir *ir, unsigned read[2]);
/** The block of the region that it leads to; -1 for none. */
int ir_target(const struct ir *ir);

/** Finds blocks' dirty and live homes. */
void region_flow(struct jit_region *region);

enum {
    TABLES_USED_MAX = 2,
    STRIKES_MAX = 400,
    STRIKE_STEPS = 64 /* misses less than this apart are strikes */
};

/** Finds accesses that remember the page of the last one: see table.c. */
void region_tables(struct jit_region *region);

/** Is it an access that may share a look at the TLB? */
bool ir_uses_window(const struct ir *ir);

/** Finds accesses that share a look at the TLB; homes are known. */
void region_windows(struct jit_region *region);

/** Gives host registers to the guest registers that are used most. */
void region_allocate(struct jit_region *region);

/* The frame of translated code: 16 host registers by number, the windows' slots, the tables', 8
 * bytes so that calls are aligned. */
enum {
    FRAME_WINDOWS_BYTES = 16 * 8,
    FRAME_TABLES_BYTES = FRAME_WINDOWS_BYTES + WINDOWS_MAX * 8,
    TABLE_BYTES = 3 * 8,
    FRAME_BYTES = FRAME_TABLES_BYTES + TABLES_USED_MAX * TABLE_BYTES + 8
};

/* Index of a TLB slot, in bytes: the address shifted, and masked. */
enum { TAG_SHIFT = PAGE_SHIFT - 5, TAG_MASK = (TLB_ENTRIES - 1) * (int)sizeof(struct tlb_entry) };
_Static_assert(sizeof(struct tlb_entry) == 1 << 5, "a TLB index is an address shifted by 7");
_Static_assert(sizeof(struct fetch_entry) == 1 << 5, "and that of the fetch TLB");

/** Shared pieces of code, made once for each code memory. */
struct stubs {
    struct x64_label leave;     /* back to C; pc is set */
    struct x64_label leave_at;  /* back to C; pc = the page + rcx */
    struct x64_label far;       /* to the code for address rax, or back to C */
    struct x64_label interpret; /* run a site in the interpreter: ecx is its number and, from bit
                                   SITE_BITS on, the set of homes that are dirty */
    struct x64_label moved;     /* to a block, with the label's value in edx; in ecx its offset in
                                   the page, from bit MOVED_COUNT_SHIFT on its steps, and the
                                   label's other fields at their bits; homes stay as they are */
    struct x64_label second_read, second_write; /* a TLB's second way; see emit_mem.c */
    struct x64_label probe_read, probe_write;   /* a whole look at the TLB */
};

/* -- lookup.c: from an address to its code ----------------------------------------------------- */

/** What lies between both ways of a TLB slot. */
enum { SECOND_WAY_BYTES = TLB_ENTRIES * (int)sizeof(struct tlb_entry) };

/** Jumps to the code for address RAX; homes have been written back. */
void emit_lookup(struct x64 *x, struct stubs *stubs);

/** The same, as a stub, with all that may be missing. */
void stub_far(struct x64 *x, struct stubs *stubs);

/** Exchanges the ways of the TLB slot whose first is at @p first. Spends XMM0 and XMM1. */
void exchange_ways(struct x64 *x, struct x64_mem first);

/* -- emit.c ------------------------------------------------------------------------------------ */

/** Writes the region's code, and enters it in its blocks. @return false when full. */
bool region_emit(struct jit_region *region, struct x64 *x, struct stubs *stubs,
                 const uint8_t *base);

#endif
