/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads and stores.
 *
 * The TLB's hit path is inline. The page of the last byte is compared, so an access that crosses a
 * page misses; so does a misaligned atomic, whose low bits are compared as well. Accesses with a
 * window (window.c) or a table (table.c) look at its slot instead. What misses looks again behind
 * the region, and then goes to the interpreter. */
#include "jit/emit.h"

static size_t page_of(enum tlb_use use_as) {
    return use_as == TLB_READ ? offsetof(struct tlb_entry, read_page)
                              : offsetof(struct tlb_entry, write_page);
}

/** Looks at the TLB: RCX becomes what makes addresses of the page the host's. */
static void emit_look(struct emit *e, enum tlb_use use_as, bool aligned, struct x64_mem at) {
    struct x64 *x = e->x;
    unsigned size = e->ir->size;
    struct x64_mem last = at;
    last.disp += (int32_t)size - 1;
    take_address(e, 4, RCX, at);
    x64_shift_ri(x, X64_SHR, 4, RCX, TAG_SHIFT);
    take_address(e, 8, RDX, aligned ? at : last);
    x64_alu_ri(x, X64_AND, 4, RCX, TAG_MASK);
    x64_alu_ri(x, X64_AND, 8, RDX, aligned ? -PAGE_BYTES | ((int32_t)size - 1) : -PAGE_BYTES);
    x64_alu_rm(x, X64_CMP, 8, RDX, x64_at_index(R14, RCX, 1, (int32_t)page_of(use_as)));
}

/** The page of the access is that of the table's last one, and the access is aligned. */
static void emit_table_look(struct emit *e, struct x64_mem at) {
    unsigned table = e->ir->table;
    take_address(e, 8, RDX, at);
    x64_alu_ri(e->x, X64_AND, 8, RDX, -PAGE_BYTES | (e->ir->size - 1));
    x64_alu_rm(e->x, X64_CMP, 8, RDX, table_at(table, TABLE_PAGE, 0));
}

struct x64_mem emit_access(struct emit *e, enum tlb_use use_as, bool aligned, struct detour *rare) {
    const struct ir *ir = e->ir;
    struct x64 *x = e->x;
    enum x64_reg base = use(e, ir->ra, RAX);
    struct x64_mem at = x64_at(base, (int32_t)ir->imm);
    unsigned window = aligned ? NO_WINDOW : e->region->window_of[ir->ra];
    rare->ir = ir;
    if (window != NO_WINDOW) {
        rare->miss_kind = use_as == TLB_READ ? MISS_READ_WINDOW : MISS_WRITE_WINDOW;
        x64_mov_rm(x, 8, RCX, window_at(window, 0));
        x64_test_rr(x, 8, RCX, RCX);
        x64_jcc(x, X64_E, &rare->miss);
    } else if (ir->table != 0) {
        rare->miss_kind = MISS_TABLE;
        emit_table_look(e, at);
        x64_jcc(x, X64_NE, &rare->miss);
        x64_mov_rm(x, 8, RCX, table_at(ir->table, TABLE_HOST_MINUS, 0));
    } else {
        rare->miss_kind = use_as == TLB_READ ? MISS_READ : MISS_WRITE;
        emit_look(e, use_as, aligned, at);
        x64_jcc(x, X64_NE, &rare->miss);
        x64_mov_rm(x, 8, RCX, x64_at_index(R14, RCX, 1, offsetof(struct tlb_entry, host_minus)));
    }
    x64_bind(x, &rare->hit);
    return x64_at_index(base, RCX, 1, (int32_t)ir->imm);
}

/* -- Windows ----------------------------------------------------------------------------------- */

void emit_window_closed(struct emit *e, unsigned guest) {
    unsigned window = e->region->window_of[guest];
    if (window != NO_WINDOW) {
        x64_mov_mi(e->x, 8, window_at(window, 0), 0);
    }
}

/* Where accesses follow, the range is looked up at once, which is cheaper than behind the region.
 */
void emit_window_moved(struct emit *e, unsigned guest, bool used) {
    struct x64 *x = e->x;
    unsigned idx = e->region->window_of[guest];
    if (idx == NO_WINDOW) {
        return;
    }
    if (!used) {
        emit_window_closed(e, guest);
        return;
    }
    const struct window *window = &e->region->windows[idx];
    enum x64_reg base = (enum x64_reg)e->map->host[guest];
    struct x64_label known = {0};
    x64_lea(x, 4, RCX, x64_at(base, window->first));
    x64_shift_ri(x, X64_SHR, 4, RCX, TAG_SHIFT);
    x64_lea(x, 8, RDX, x64_at(base, window->end - 1));
    x64_alu_ri(x, X64_AND, 4, RCX, TAG_MASK);
    x64_alu_ri(x, X64_AND, 8, RDX, -PAGE_BYTES);
    x64_mov_ri(x, RAX, 0);
    x64_alu_rm(x, X64_CMP, 8, RDX,
               x64_at_index(R14, RCX, 1, (int32_t)page_of(window->writes ? TLB_WRITE : TLB_READ)));
    x64_jcc(x, X64_NE, &known);
    x64_mov_rm(x, 8, RAX, x64_at_index(R14, RCX, 1, offsetof(struct tlb_entry, host_minus)));
    x64_bind(x, &known);
    x64_mov_mr(x, 8, window_at(idx, 0), RAX);
}

/* For each window a routine that looks its range up and fills the slot: RCX is that then, and ZF
 * 1. */
void emit_window_looks(struct emit *e) {
    struct x64 *x = e->x;
    for (unsigned i = 0; i < e->region->window_count; i++) {
        const struct window *window = &e->region->windows[i];
        enum x64_reg base = (enum x64_reg)e->map->host[window->guest];
        struct x64_label none = {0};
        x64_bind(x, &e->looks[i]);
        x64_lea(x, 8, RAX, x64_at(base, window->first));
        x64_lea(x, 8, RDX, x64_at(base, window->end - 1));
        x64_call(x, window->writes ? &e->stubs->probe_write : &e->stubs->probe_read);
        x64_jcc(x, X64_NE, &none);
        x64_mov_mr(x, 8, window_at(i, 8), RCX);
        x64_bind(x, &none);
        x64_ret(x);
    }
}

/* -- Tables ------------------------------------------------------------------------------------ */

void emit_tables_closed(struct emit *e) {
    for (unsigned table = 1; table <= e->region->table_count; table++) {
        x64_mov_mi(e->x, 8, table_at(table, TABLE_PAGE, 0), -1);
    }
}

/** A miss soon after the last one is a strike; the page's last one is reported. Spends RCX. */
static void emit_strike(struct emit *e, unsigned table) {
    struct x64 *x = e->x;
    struct x64_label late = {0};
    x64_alu_mi(x, X64_CMP, 8, table_at(table, TABLE_PAGE, 8), -1);
    x64_jcc(x, X64_E, &late); /* the first since code was entered */
    x64_mov_rm(x, 8, RCX, table_at(table, TABLE_MISSED, 8));
    x64_alu_rr(x, X64_SUB, 8, RCX, R15);
    x64_alu_ri(x, X64_CMP, 8, RCX, STRIKE_STEPS);
    x64_jcc(x, X64_G, &late);
    x64_mov_ri(x, RCX, (uint64_t)(uintptr_t)e->region->page);
    x64_alu_mi(x, X64_ADD, 4, x64_at(RCX, offsetof(struct code_page, strikes)), 1);
    x64_alu_mi(x, X64_CMP, 4, x64_at(RCX, offsetof(struct code_page, strikes)), STRIKES_MAX);
    x64_jcc(x, X64_NE, &late);
    x64_mov_mr(x, 8, x64_at(RBP, offsetof(struct hart, region.struck)), RCX);
    x64_bind(x, &late);
    x64_mov_mr(x, 8, table_at(table, TABLE_MISSED, 8), R15);
}

/* For each table a routine that looks up the bytes from RAX to RDX and remembers their page: RCX is
 * what makes its addresses the host's, and ZF 1. */
void emit_table_looks(struct emit *e) {
    struct x64 *x = e->x;
    for (unsigned table = 1; table <= e->region->table_count; table++) {
        struct x64_label none = {0};
        x64_bind(x, &e->table_looks[table - 1]);
        emit_strike(e, table);
        x64_call(x, &e->stubs->probe_read);
        x64_jcc(x, X64_NE, &none);
        x64_mov_mr(x, 8, table_at(table, TABLE_PAGE, 8), RDX);
        x64_mov_mr(x, 8, table_at(table, TABLE_HOST_MINUS, 8), RCX);
        x64_bind(x, &none);
        x64_ret(x);
    }
}

static void emit_table_miss(struct emit *e, struct detour *rare) {
    const struct ir *ir = rare->ir;
    enum x64_reg base = has_home(e, ir->ra) ? (enum x64_reg)e->map->host[ir->ra] : RAX;
    x64_lea(e->x, 8, RDX, x64_at(base, (int32_t)ir->imm + ir->size - 1));
    x64_lea(e->x, 8, RAX, x64_at(base, (int32_t)ir->imm));
    x64_call(e->x, &e->table_looks[ir->table - 1]);
    x64_lea(e->x, 8, RAX, x64_at(RAX, -(int32_t)ir->imm)); /* the base, where it has no home */
    x64_jcc(e->x, X64_E, &rare->hit);
}

/* -- Misses ------------------------------------------------------------------------------------ */

/* Each look says in ZF whether it was a hit. */
static void emit_window_miss(struct emit *e, struct detour *rare) {
    const struct ir *ir = rare->ir;
    enum x64_reg base = (enum x64_reg)e->map->host[ir->ra];
    x64_call(e->x, &e->looks[e->region->window_of[ir->ra]]);
    x64_jcc(e->x, X64_E, &rare->hit);
    x64_lea(e->x, 8, RAX, x64_at(base, (int32_t)ir->imm));
    x64_lea(e->x, 8, RDX, x64_at(base, (int32_t)ir->imm + ir->size - 1));
    x64_call(e->x,
             rare->miss_kind == MISS_READ_WINDOW ? &e->stubs->probe_read : &e->stubs->probe_write);
    x64_jcc(e->x, X64_E, &rare->hit);
}

void emit_miss(struct emit *e, struct detour *rare) {
    if (rare->miss_kind == MISS_NEVER) {
        return;
    }
    x64_bind(e->x, &rare->miss);
    if (rare->miss_kind == MISS_READ_WINDOW || rare->miss_kind == MISS_WRITE_WINDOW) {
        emit_window_miss(e, rare);
        return;
    }
    if (rare->miss_kind == MISS_TABLE) {
        emit_table_miss(e, rare);
        return;
    }
    x64_call(e->x, rare->miss_kind == MISS_READ ? &e->stubs->second_read : &e->stubs->second_write);
    x64_jcc(e->x, X64_E, &rare->hit);
}

/* -- Operations -------------------------------------------------------------------------------- */

void emit_load(struct emit *e) {
    struct detour *rare = detour(e);
    struct x64_mem from = emit_access(e, TLB_READ, false, rare);
    enum x64_reg to = result(e, RAX);
    if (e->ir->is_signed && e->ir->size < 8) {
        x64_movsx_rm(e->x, e->ir->size, to, from);
    } else {
        x64_mov_rm(e->x, e->ir->size, to, from);
    }
    put(e, to);
    x64_bind(e->x, &rare->back);
}

void emit_store(struct emit *e) {
    struct detour *rare = detour(e);
    struct x64_mem to = emit_access(e, TLB_WRITE, false, rare);
    if (e->ir->rb == 0) {
        x64_mov_mi(e->x, e->ir->size, to, 0);
    } else {
        x64_mov_mr(e->x, e->ir->size, to, use(e, e->ir->rb, RDX));
    }
    x64_bind(e->x, &rare->back);
}

void emit_float_load(struct emit *e, struct detour *rare) {
    x64_mov_rm(e->x, e->ir->size, RAX, emit_access(e, TLB_READ, false, rare));
}

void emit_float_store(struct emit *e, struct detour *rare) {
    struct x64_mem to = emit_access(e, TLB_WRITE, false, rare);
    x64_mov_rm(e->x, e->ir->size, RDX, float_at(e->ir->rb));
    x64_mov_mr(e->x, e->ir->size, to, RDX);
}
