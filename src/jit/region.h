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

/** One operation. Registers are guest registers 0 to 31; 0 reads as zero and is never rd. */
struct ir {
    uint8_t op;     /* enum ir_op */
    uint8_t size;   /* [bytes] 1, 2, 4 or 8 */
    bool is_signed; /* load */
    bool immediate; /* b is imm */
    bool dynamic;   /* the rounding mode is that of frm */
    uint8_t cond;   /* branch: enum x64_cond */
    uint8_t rd, ra, rb, rc;
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
    unsigned weight; /* guess of how often it runs */
    unsigned ir_start, ir_count;
    struct x64_label head;
};

/** Which host register a guest register lives in throughout a region. */
struct register_map {
    uint8_t host[33]; /* by guest register: enum x64_reg or NO_HOST */
    uint8_t guest[HOST_REGISTERS];
    unsigned count;
    uint32_t written; /* bit n: some operation writes guest register n */
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
    struct ir ir[REGION_INSNS_MAX * 2];
    struct register_map map;
    struct x64_features features;
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
};

/** @return false when nothing at @p offset can be translated. */
bool region_find(struct jit_region *region, const struct code_cache *code, struct code_page *page,
                 unsigned offset);

struct jit;

/** Appends a site. @return Its index. */
uint32_t jit_site(struct jit *jit, const struct site *site);

/** Fills region->ir. @param map  Index that the region's register map will have. */
void region_lift(struct jit *jit, struct jit_region *region, uint32_t map);

/** Gives host registers to the guest registers that are used most. */
void region_allocate(struct jit_region *region);

/** Shared pieces of code, made once for each code memory. */
struct stubs {
    struct x64_label leave;     /* back to C; pc is set */
    struct x64_label leave_at;  /* back to C; pc = the page + rcx */
    struct x64_label far;       /* to the code for address rax, or back to C */
    struct x64_label interpret; /* run site ecx in the interpreter */
    struct x64_label second_read, second_write; /* a TLB's second way; see emit_address */
};

/** Writes the region's code, and enters it in its blocks. @return false when full. */
bool region_emit(struct jit_region *region, struct x64 *x, struct stubs *stubs,
                 const uint8_t *base);

#endif
