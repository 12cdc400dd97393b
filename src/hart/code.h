/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoded code by physical page: blocks of straight-line instructions. Private to hart/ and
 * engines. */
#ifndef HART_CODE_H
#define HART_CODE_H

#include "hart/hart.h"

enum { REGISTER_TP = 4 };

enum {
    BLOCK_INSNS_MAX = 63, /* so that a byte offset inside a block fits 8 bits */
    CODE_ARENA_BYTES = 16 << 20,
    CODE_PAGES_MAX = 4096,
    /* Pseudo operations: behind the last instruction of a block; before one that straddles. */
    OP_block_end = OP_COUNT,
    OP_straddle
};

/** Heat of blocks at marks, which is below any floor; and a floor that all others are above. */
#define HEAT_ALONE (INT64_MIN / 2 - 1)
#define HEAT_FLOOR_NONE (INT64_MIN / 2)

/**
 * Straight-line instructions up to the first that ends a block, a page's end, or BLOCK_INSNS_MAX.
 * An instruction that straddles the page's end is a block of its own, with OP_straddle before it:
 * whoever runs it first compares its upper half with what lies in the next page now.
 * Inside a block the field insn.length is replaced by the instruction's place: byte offset from the
 * block's start (even), plus 1 when the instruction is four bytes long. rd of x0 is replaced by
 * X_SINK.
 */
struct block {
    uint8_t count; /* instructions */
    bool alone;    /* one instruction at a mark: who comes to it looks for points first */
    uint16_t bytes;
    uint32_t run; /* number of the run that it last was, as a whole: see runs.c; 0: none yet */
    int64_t heat; /* falls by one each time the interpreter enters; see hart->heat_floor */
    struct insn insns[];
};
_Static_assert(sizeof(struct block) % 16 == 0, "blocks are found by their number in the arena");

/** What is known of the code in one physical page. */
struct code_page {
    uint64_t page;               /* number of the page in RAM */
    uint8_t *copy;               /* what it is decoded from, or NULL: RAM itself */
    uint32_t trusted;            /* value of code_cache.suspicion when copy was last right */
    uint32_t strikes;            /* a translator's: against what it assumes of the code */
    struct slot_note fetch_note; /* where fetch TLBs may lead to the page */
    uint64_t covered[PAGE_BYTES / 2 / 64]; /* bit n: some block holds or held the n-th half word */
    bool markers_alone;                    /* no block may hold a marker */
    bool threads_end;                      /* whatever may write tp ends a block */
    uint64_t starts[PAGE_BYTES / 2 / 64];  /* bit n: a block ends before the n-th half word */
    bool marked;                           /* some bit of marks is set */
    uint64_t marks[PAGE_BYTES / 2 / 64];   /* bit n: the n-th half word has a block of its own */
    uint32_t at[PAGE_BYTES / 2];    /* block that starts at each half word, in 16-byte units of the
                                       arena; 0 = none */
    uint32_t entry[PAGE_BYTES / 2]; /* a translator's: offset of its code for each half word; 0 =
                                       none */
};

struct code_cache {
    uint8_t *arena;
    size_t arena_used_bytes;
    struct code_page *pages;
    unsigned page_count;
    uint16_t *page_of;  /* for each RAM page: 1 + index in pages, 0 = none */
    bool markers_alone; /* of all pages: only to be changed when there are none */
    bool threads_end;   /* the same */
    /* Says where blocks have to end in a page, or NULL; the same. */
    void (*starts)(void *owner, uint64_t page, uint64_t bits[]);
    void *starts_owner;
    int64_t heat;       /* what new blocks begin with */
    uint32_t suspicion; /* how often code_suspect() was called */
};

/**
 * For a hart among others that run at the same time, which may write its code unseen. It then
 * decodes from copies of pages, and is right until its next fence.i, as the architecture has it.
 * Makes the copy of a page, or compares it with RAM if it is suspect; what changed loses its code.
 * @return false when out of memory: nothing of the page can be kept.
 */
bool code_fresh(struct code_cache *code, struct code_page *page, const struct ram *ram);
/** Any page may have changed. Fetch TLBs must be flushed with it. */
static inline void code_suspect(struct code_cache *code) {
    code->suspicion++;
}

/** @return NULL when out of memory. */
struct code_cache *code_new(const struct ram *ram);
void code_free(struct code_cache *code, const struct ram *ram);

/** Has room for one more page? When not, the caller drops everything (code_drop) first. */
bool code_has_room(const struct code_cache *code);

/** The page's entry, made when there is none. Requires code_has_room. The caller flags the RAM
 * page. */
struct code_page *code_page(struct code_cache *code, uint64_t page);

/** The instructions of a block, without what stands before them. */
static inline const struct insn *block_insns(const struct block *block) {
    return &block->insns[block->insns[0].op == OP_straddle];
}

/**
 * Decodes the block at byte @p offset of a page. Forgets all other blocks first when there is no
 * room, but nothing translated.
 * @param bytes  The page, and the one that follows in virtual memory, or NULL: then an instruction
 *               that straddles gives NULL.
 */
struct block *code_build(struct code_cache *code, struct code_page *page,
                         const struct decoder *decoder, const uint8_t *const bytes[2],
                         unsigned offset);

/** Forgets all code of the page if it covers any of the bytes written. @return The page then, or
 * NULL. */
struct code_page *code_wrote(struct code_cache *code, uint64_t page, unsigned offset,
                             unsigned size_bytes);

/** Is there a mark at byte @p offset? What is there has a block of its own, never translated. */
static inline bool code_marked(const struct code_page *page, unsigned offset) {
    return page->marked && (page->marks[offset / 2 / 64] >> offset / 2 % 64 & 1) != 0;
}
/** Sets a mark; the page forgets its code if it had none there. */
void code_mark(struct code_page *page, unsigned offset);
/** Sets one where no block holds anything, if a marker lies there that is to be alone. @param bytes
 * As for code_build(). */
void code_mark_marker(struct code_page *page, const uint8_t *const bytes[2], unsigned offset);
/** Takes all marks of all pages away; those pages forget their code. */
void code_unmark(struct code_cache *code);

/** Forgets all that was translated. @param heat  What all blocks have from now on. */
void code_forget_entries(struct code_cache *code, int64_t heat);

/** Forgets everything; pages lose PAGE_CODE. Fetch TLBs must be flushed with it. */
void code_drop(struct code_cache *code, struct ram *ram);

static inline struct block *code_block(const struct code_cache *code, uint32_t at) {
    return (struct block *)(void *)(code->arena + (size_t)at * 16);
}

/** A decoded instruction as it stands in a block, @p offset bytes from the block's start. */
struct insn code_placed(struct insn insn, unsigned offset);

#endif
