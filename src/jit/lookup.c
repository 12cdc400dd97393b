/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an address to its code: the fetch TLB, then the entries of the page.
 *
 * The first way of the TLB is looked at in each place that jumps through a register or to another
 * page, so that each has an indirect jump of its own, whose targets the host's predictor learns:
 * returns mostly go where they went before. The rest is shared. */
#include <stddef.h>

#include "jit/region.h"

/** RDX is the TLB slot, RCX the page that it must hold. */
static void slot_find(struct x64 *x) {
    x64_mov_rr(x, 4, RDX, RAX);
    x64_shift_ri(x, X64_SHR, 4, RDX, TAG_SHIFT);
    x64_alu_ri(x, X64_AND, 4, RDX, TAG_MASK);
    x64_alu_rm(x, X64_ADD, 8, RDX, x64_at(RBP, offsetof(struct hart, fetch_tlb)));
    x64_mov_rr(x, 8, RCX, RAX);
    x64_alu_ri(x, X64_AND, 8, RCX, -PAGE_BYTES);
}

static void slot_follow(struct x64 *x) {
    x64_mov_mr(x, 8, x64_at(RBP, offsetof(struct hart, region.page)), RCX);
    x64_mov_rm(x, 8, RDX, x64_at(RDX, offsetof(struct fetch_entry, code)));
    x64_mov_rr(x, 4, RCX, RAX);
    x64_alu_ri(x, X64_AND, 4, RCX, PAGE_BYTES - 1); /* where there is no code: see leave_at */
    x64_mov_rm(x, 4, RAX, x64_at_index(RDX, RCX, 2, offsetof(struct code_page, entry)));
    x64_alu_rm(x, X64_ADD, 8, RAX, x64_at(RBP, offsetof(struct hart, region.code)));
    x64_jmp_r(x, RAX);
}

void emit_lookup(struct x64 *x, struct stubs *stubs) {
    slot_find(x);
    x64_alu_rm(x, X64_CMP, 8, RCX, x64_at(RDX, offsetof(struct fetch_entry, page)));
    x64_jcc(x, X64_NE, &stubs->far);
    slot_follow(x);
}

void exchange_ways(struct x64 *x, struct x64_mem first) {
    struct x64_mem second = first;
    second.disp += SECOND_WAY_BYTES;
    for (unsigned i = 0; i < sizeof(struct tlb_entry) / 8; i++) {
        x64_movs_xm(x, 8, XMM0, first);
        x64_movs_xm(x, 8, XMM1, second);
        x64_movs_mx(x, 8, second, XMM0);
        x64_movs_mx(x, 8, first, XMM1);
        first.disp += 8;
        second.disp += 8;
    }
}

void stub_far(struct x64 *x, struct stubs *stubs) {
    struct x64_label miss = {0}, found = {0};
    slot_find(x);
    x64_alu_rm(x, X64_CMP, 8, RCX, x64_at(RDX, offsetof(struct fetch_entry, page)));
    x64_jcc(x, X64_E, &found);
    x64_alu_rm(x, X64_CMP, 8, RCX,
               x64_at(RDX, SECOND_WAY_BYTES + (int32_t)offsetof(struct fetch_entry, page)));
    x64_jcc(x, X64_NE, &miss);
    exchange_ways(x, x64_at(RDX, 0));
    x64_bind(x, &found);
    slot_follow(x);
    x64_bind(x, &miss);
    x64_mov_mr(x, 8, x64_at(RBP, offsetof(struct hart, pc)), RAX);
    x64_jmp(x, &stubs->leave);
}
