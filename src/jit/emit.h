/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that emit code share. Private to jit/. */
#ifndef JIT_EMIT_H
#define JIT_EMIT_H

#include <stddef.h>

#include "jit/region.h"

/** How an access can miss the TLB's first way, or its window. */
enum miss_kind {
    MISS_NEVER,
    MISS_READ,
    MISS_WRITE,
    MISS_READ_WINDOW,
    MISS_WRITE_WINDOW,
    MISS_TABLE
};

/** Something behind the region that the straight path jumps to, and comes back from. */
struct detour {
    struct x64_label there, back;
    struct x64_label miss, hit; /* of an access: looked at again, and found */
    enum miss_kind miss_kind;
    const struct ir *ir; /* of an access with a window or a table */
    uint32_t site;
    uint16_t dirty; /* homes */
};

enum { DETOURS_MAX = REGION_INSNS_MAX + 8 };

struct emit {
    struct x64 *x;
    struct jit_region *region;
    const struct register_map *map;
    struct stubs *stubs;
    unsigned detour_count;
    struct x64_label looks[WINDOWS_MAX]; /* routines that fill the windows' slots */
    struct x64_label table_looks[TABLES_USED_MAX];
    unsigned block_idx;
    const struct ir *ir;
    /* What is known at this place of the block. */
    uint16_t dirty;   /* homes that may hold something new */
    bool float_on;    /* mstatus.FS is not Off */
    bool float_dirty; /* it is Dirty */
    uint32_t boxed;   /* bit n: f[n] holds a boxed single */
    /* These are not set before they are needed: there are many. */
    struct x64_label short_of[REGION_BLOCKS_MAX]; /* the grant ends inside the block */
    struct x64_label moved[REGION_BLOCKS_MAX], stays[REGION_BLOCKS_MAX]; /* code has another label
                                                                            than the hart; behind */
    struct detour detours[DETOURS_MAX];
};

static inline struct x64_mem guest_at(unsigned guest) {
    return x64_at(RBP, (int32_t)(offsetof(struct hart, x) + guest * 8));
}

static inline struct x64_mem float_at(unsigned number) {
    return x64_at(RBP, (int32_t)(offsetof(struct hart, f) + number * 8));
}

static inline bool has_home(const struct emit *e, unsigned guest) {
    return e->map->host[guest] != NO_HOST;
}

/** A host register that holds the guest register: its home, or @p scratch. */
static inline enum x64_reg use(struct emit *e, unsigned guest, enum x64_reg scratch) {
    if (has_home(e, guest)) {
        return (enum x64_reg)e->map->host[guest];
    }
    if (guest == 0) {
        x64_alu_rr(e->x, X64_XOR, 4, scratch, scratch);
    } else {
        x64_mov_rm(e->x, 8, scratch, guest_at(guest));
    }
    return scratch;
}

/** to op= the guest register, wherever it lives. */
static inline void apply(struct emit *e, enum x64_alu op, unsigned size, enum x64_reg to,
                         unsigned guest) {
    if (has_home(e, guest)) {
        x64_alu_rr(e->x, op, size, to, (enum x64_reg)e->map->host[guest]);
    } else if (guest == 0) {
        x64_alu_ri(e->x, op, size, to, 0);
    } else {
        x64_alu_rm(e->x, op, size, to, guest_at(guest));
    }
}

/** The guest register in @p to, which may then be changed. */
static inline void fetch(struct emit *e, unsigned guest, enum x64_reg to) {
    enum x64_reg from = use(e, guest, to);
    if (from != to) {
        x64_mov_rr(e->x, 8, to, from);
    }
}

/** Where the result may be built. */
static inline enum x64_reg result(const struct emit *e, enum x64_reg scratch) {
    unsigned rd = e->ir->rd;
    return has_home(e, rd) ? (enum x64_reg)e->map->host[rd] : scratch;
}

/** The same, but not where an operand that is still needed lives. */
static inline enum x64_reg result_beside(const struct emit *e, unsigned operand,
                                         enum x64_reg scratch) {
    return e->ir->rd == operand ? scratch : result(e, scratch);
}

/** @p to = the operand's address: where that is a register's value, by a move, which is cheaper. */
static inline void take_address(struct emit *e, unsigned size, enum x64_reg to, struct x64_mem of) {
    if (of.index == X64_NONE && of.disp == 0) {
        x64_mov_rr(e->x, size, to, (enum x64_reg)of.base);
    } else {
        x64_lea(e->x, size, to, of);
    }
}

static inline void put(struct emit *e, enum x64_reg from) {
    unsigned rd = e->ir->rd;
    if (!has_home(e, rd)) {
        x64_mov_mr(e->x, 8, guest_at(rd), from);
    } else if (e->map->host[rd] != from) {
        x64_mov_rr(e->x, 8, (enum x64_reg)e->map->host[rd], from);
    }
}

/** A detour for the present operation. */
static inline struct detour *detour(struct emit *e) {
    struct detour *added = &e->detours[e->detour_count++];
    *added = (struct detour){.site = e->ir->site, .dirty = e->dirty};
    return added;
}

/** Slot of a window; @p pushed bytes have been pushed since code was entered. */
static inline struct x64_mem window_at(unsigned window, unsigned pushed_bytes) {
    return x64_at(RSP, (int32_t)(FRAME_WINDOWS_BYTES + window * 8 + pushed_bytes));
}

/** What a table's slot holds: the page last read, what makes its addresses the host's, and r15 at
 * the last miss. */
enum table_field { TABLE_PAGE, TABLE_HOST_MINUS, TABLE_MISSED };

/** @param table  From 1, as in struct ir. */
static inline struct x64_mem table_at(unsigned table, enum table_field field,
                                      unsigned pushed_bytes) {
    return x64_at(
        RSP, (int32_t)(FRAME_TABLES_BYTES + (table - 1) * TABLE_BYTES + field * 8 + pushed_bytes));
}

/* -- emit_mem.c -------------------------------------------------------------------------------- */

enum tlb_use { TLB_READ, TLB_WRITE };

/**
 * Finds the bytes of a memory access, or takes the detour.
 * @param aligned  A misaligned access takes the detour, too.
 * @return Where they lie on the host, by RCX and RAX or a home. RDX is spent.
 */
struct x64_mem emit_access(struct emit *e, enum tlb_use use, bool aligned, struct detour *rare);

void emit_load(struct emit *e);
void emit_store(struct emit *e);
/** The same for the bytes of a float, in RAX; they take the detour without closing it. */
void emit_float_load(struct emit *e, struct detour *rare);
void emit_float_store(struct emit *e, struct detour *rare);

/** Behind the region: what is tried before a detour's access goes to the interpreter. */
void emit_miss(struct emit *e, struct detour *rare);
/** Behind the region: the windows' and tables' looks at the TLB. */
void emit_window_looks(struct emit *e);
void emit_table_looks(struct emit *e);
/** Code was entered: no table remembers a page. */
void emit_tables_closed(struct emit *e);
/** The register of a window was changed by the present operation. @param used  Accesses follow. */
void emit_window_moved(struct emit *e, unsigned guest, bool used);
/** The guest register may have changed, or code was entered: its window knows nothing. */
void emit_window_closed(struct emit *e, unsigned guest);

/* -- emit.c ------------------------------------------------------------------------------------ */

/** Closes an operation whose result stands in @p at: sign-extends a 32-bit one. */
void close_result(struct emit *e, enum x64_reg at);

/* -- emit_bits.c ------------------------------------------------------------------------------- */

/** Emits one of the operations from IR_clmul to IR_orcb. */
void emit_bits(struct emit *e);

/* -- emit_atomic.c ----------------------------------------------------------------------------- */

/** Emits one of the operations from IR_zero to IR_fetchmaxu. */
void emit_atomic(struct emit *e);

/* -- emit_fp.c --------------------------------------------------------------------------------- */

/** Emits one of the operations from IR_fload to IR_fmove_from. */
void emit_float(struct emit *e);

#endif
