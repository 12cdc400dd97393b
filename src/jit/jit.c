/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine that translates: interprets what is cold, translates what got hot, runs it. */
#define _GNU_SOURCE 1 /* memfd_create */
#include "jit/jit.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hart/mmu.h"
#include "jit/dump.h"
#include "jit/region.h"

enum {
    HEAT = 40,                    /* entries after which a block is translated */
    REGION_BYTES_MAX = 256 << 10, /* more than any region's code takes */
    REHEAT = 4 * HEAT,            /* entries after all code was forgotten: what does not fit should
                                     not be made again and again */
    SITES_MAX = 1 << SITE_BITS,
    MAPS_MAX = 1 << 16
};

/** Generated code: enters it with the hart and the steps it may take; gives the steps left. */
typedef uint64_t enter_fn(struct hart *hart, uint64_t budget_steps, const uint8_t *code);

struct jit {
    struct harts *harts;
    struct jit_options options;
    uint8_t *write;      /* the code memory as it is written */
    const uint8_t *code; /* the same memory as it is run */
    size_t size_bytes;
    struct x64 x;
    size_t stub_bytes;
    size_t released_bytes; /* of the view that is written */
    enter_fn *enter;
    struct stubs stubs;
    struct site *sites;
    uint32_t site_count;
    struct register_map *maps;
    uint32_t map_count;
    struct jit_region region;
    struct dump *dump; /* NULL when nobody wants to see anything */
    struct jit_stats stats;
};

/* -- Calls of generated code ------------------------------------------------------------------- */

uint32_t jit_site(struct jit *jit, const struct site *site) {
    jit->sites[jit->site_count] = *site;
    return jit->site_count++;
}

enum { MXCSR_DEFAULT = 0x1f80, MXCSR_FLAGS = 0x3d, MXCSR_ROUNDING_SHIFT = 13 };

/** What the host's unit has while code runs: no flags, and frm's rounding mode, if it has that. */
static uint32_t mxcsr_of(const struct hart *hart) {
    static const uint8_t modes[8] = {
        [ROUND_NEAREST] = 0, [ROUND_TOWARDS_ZERO] = 3, [ROUND_DOWN] = 1, [ROUND_UP] = 2};
    return MXCSR_DEFAULT | (uint32_t)modes[hart->frm & 7] << MXCSR_ROUNDING_SHIFT;
}

/** Adds what code has raised on the host to fflags. */
static void take_flags(struct hart *hart) {
    uint32_t raised = hart->region.mxcsr & MXCSR_FLAGS;
    if (raised == 0) {
        return;
    }
    unsigned flags = (raised & 1) << 4 | (raised & 4) << 1 | (raised & 8) >> 1 |
                     (raised & 16) >> 3 | (raised & 32) >> 5;
    if ((flags | hart->fflags) != hart->fflags) {
        hart->fflags |= (uint8_t)flags;
        hart->mstatus |= MSTATUS_FS;
    }
}

/** How code goes on behind an instruction that it left to the interpreter. */
enum resume {
    RESUME_C,    /* in C: pc and all registers stand in the hart */
    RESUME_NEXT, /* at the next instruction */
    RESUME_JUMP  /* at hart->pc; all registers stand in the hart */
};

/* Where C would do nothing but take an interrupt and look for code, that is done here. */
static enum resume resume_at_pc(struct hart *hart, uint64_t left_steps) {
    if (hart->leave || left_steps == 0) {
        return RESUME_C;
    }
    if (hart->check) {
        hart->clock->steps = hart->watched ? hart->region.end - left_steps : hart->clock->steps;
        hart_take_interrupt(hart);
        hart->check = false;
    }
    return RESUME_JUMP;
}

/**
 * Runs a site's instruction in the interpreter.
 * @param saved  Host registers by number; changed to what code goes on with.
 * @param what   The site, and the homes that are dirty: see stubs.interpret.
 */
static enum resume interpret(struct hart *hart, uint64_t *saved, uint32_t what) {
    struct jit *jit = hart->translator;
    const struct site *site = &jit->sites[what % SITES_MAX];
    const struct register_map *map = &jit->maps[site->map];
    for (unsigned dirty = what >> SITE_BITS; dirty != 0; dirty &= dirty - 1) {
        unsigned guest = map->guest[__builtin_ctz(dirty)];
        hart->x[guest] = saved[map->host[guest]];
    }
    take_flags(hart);
    jit->stats.calls++;
    hart->pc = hart->region.page + site->offset;
    unsigned left = jit->options.uncounted ? 0 : site->left;
    int64_t *sheet = hart->sheet;
    uint64_t at = hart->region.end - saved[R15] - left;
    enum flow flow = (enum flow)interp_one(hart, &site->insn, at);
    hart->region.mxcsr = mxcsr_of(hart);
    if (unlikely(hart->watched)) {
        if (sheet != NULL) {
            tally_trapped(hart, sheet, site->run, site->idx);
        }
        hart->tally.trapped = false;
        if (flow == FLOW_JUMP) {
            tally_jumped(hart, &site->insn);
        }
        if (site->insn.rd == REGISTER_TP) {
            tally_thread(hart, at + 1);
        }
    }
    if (flow == FLOW_NEXT && !hart->check && !hart->leave) {
        for (unsigned i = 0; i < map->count; i++) {
            saved[map->host[map->guest[i]]] = hart->x[map->guest[i]];
        }
        return RESUME_NEXT;
    }
    if (flow == FLOW_NEXT) {
        hart->pc += (site->insn.length & 1U) != 0 ? 4 : 2;
    }
    if (unlikely(sheet != NULL)) {
        tally_cut(hart, sheet, site->run, site->idx + 1U, site->left - 1U);
    }
    saved[R15] += left == 0 ? 0 : left - 1;
    return resume_at_pc(hart, saved[R15]);
}

/** As struct stubs' moved says. */
static void moved(struct hart *hart, uint64_t left_steps, uint32_t block, uint32_t value) {
    struct tally_label label = {value, (block & MOVED_STARTS) != 0, (block & MOVED_WHOLE) != 0};
    uint32_t steps = block % MOVED_WHOLE >> MOVED_COUNT_SHIFT;
    uint64_t pc = hart->region.page + block % (1U << MOVED_COUNT_SHIFT);
    tally_moved(hart, pc, hart->region.end - left_steps - steps, &label);
}

/* -- Stubs ------------------------------------------------------------------------------------- */

static const uint8_t kept[] = {RBX, RBP, R12, R13, R14, R15};

static void stub_enter(struct x64 *x) {
    for (unsigned i = 0; i < COUNT(kept); i++) {
        x64_push(x, (enum x64_reg)kept[i]);
    }
    x64_alu_ri(x, X64_SUB, 8, RSP, FRAME_BYTES);
    x64_mov_rr(x, 8, RBP, RDI);
    x64_mov_rr(x, 8, R15, RSI);
    x64_mov_rm(x, 8, R14, x64_at(RBP, offsetof(struct hart, data_tlb)));
    x64_ldmxcsr(x, x64_at(RBP, offsetof(struct hart, region.mxcsr)));
    x64_jmp_r(x, RDX);
}

/** Takes the flags of the host's unit, and gives it back to C as C knows it. Spends @p scratch. */
static void give_unit_back(struct x64 *x, struct x64_mem scratch) {
    x64_stmxcsr(x, x64_at(RBP, offsetof(struct hart, region.mxcsr)));
    x64_mov_mi(x, 4, scratch, MXCSR_DEFAULT);
    x64_ldmxcsr(x, scratch);
}

static void stub_leave(struct x64 *x) {
    give_unit_back(x, x64_at(RSP, RAX * 8));
    x64_mov_rr(x, 8, RAX, R15);
    x64_alu_ri(x, X64_ADD, 8, RSP, FRAME_BYTES);
    for (unsigned i = COUNT(kept); i-- > 0;) {
        x64_pop(x, (enum x64_reg)kept[i]);
    }
    x64_ret(x);
}

static void stub_leave_at(struct x64 *x, struct stubs *stubs) {
    x64_mov_rm(x, 8, RAX, x64_at(RBP, offsetof(struct hart, region.page)));
    x64_alu_rr(x, X64_ADD, 8, RAX, RCX);
    x64_mov_mr(x, 8, x64_at(RBP, offsetof(struct hart, pc)), RAX);
    x64_jmp(x, &stubs->leave);
}

/* What it calls counts, and does no arithmetic: the host's unit may stay as code has it. */
static void stub_moved(struct x64 *x) {
    static const uint8_t lost[] = {RSI, RDI, R8, R9, R10, R11};
    for (unsigned i = 0; i < COUNT(lost); i++) {
        x64_mov_mr(x, 8, x64_at(RSP, 8 + lost[i] * 8), (enum x64_reg)lost[i]);
    }
    x64_mov_rr(x, 8, RDI, RBP);
    x64_mov_rr(x, 8, RSI, R15);
    x64_mov_rr(x, 4, RAX, RCX);
    x64_mov_rr(x, 4, RCX, RDX);
    x64_mov_rr(x, 4, RDX, RAX);
    x64_alu_ri(x, X64_SUB, 8, RSP, 8);
    x64_mov_ri(x, RAX, (uint64_t)(uintptr_t)moved);
    x64_call_r(x, RAX);
    x64_alu_ri(x, X64_ADD, 8, RSP, 8);
    for (unsigned i = 0; i < COUNT(lost); i++) {
        x64_mov_rm(x, 8, (enum x64_reg)lost[i], x64_at(RSP, 8 + lost[i] * 8));
    }
    x64_ret(x);
}

static void stub_interpret(struct x64 *x, struct stubs *stubs) {
    static const uint8_t saved[] = {RBX, RSI, RDI, R8, R9, R10, R11, R12, R13, R15};
    for (unsigned i = 0; i < COUNT(saved); i++) {
        x64_mov_mr(x, 8, x64_at(RSP, 8 + saved[i] * 8), (enum x64_reg)saved[i]);
    }
    give_unit_back(x, x64_at(RSP, 8 + RAX * 8));
    x64_mov_rr(x, 8, RDI, RBP);
    x64_lea(x, 8, RSI, x64_at(RSP, 8));
    x64_mov_rr(x, 4, RDX, RCX);
    x64_alu_ri(x, X64_SUB, 8, RSP, 8);
    x64_mov_ri(x, RAX, (uint64_t)(uintptr_t)interpret);
    x64_call_r(x, RAX);
    x64_alu_ri(x, X64_ADD, 8, RSP, 8);
    x64_ldmxcsr(x, x64_at(RBP, offsetof(struct hart, region.mxcsr)));
    for (unsigned i = 0; i < COUNT(saved); i++) {
        x64_mov_rm(x, 8, (enum x64_reg)saved[i], x64_at(RSP, 8 + saved[i] * 8));
    }
    struct x64_label ends = {0};
    x64_alu_ri(x, X64_CMP, 4, RAX, RESUME_NEXT);
    x64_jcc(x, X64_NE, &ends);
    x64_ret(x);
    x64_bind(x, &ends);
    x64_lea(x, 8, RSP, x64_at(RSP, 8));
    x64_jcc(x, X64_B, &stubs->leave);
    x64_mov_rm(x, 8, R14, x64_at(RBP, offsetof(struct hart, data_tlb)));
    x64_mov_rm(x, 8, RAX, x64_at(RBP, offsetof(struct hart, pc)));
    x64_jmp(x, &stubs->far);
}

/** Exchanges both ways of slot RCX if the second holds page RDX; else jumps to @p none. */
static void second_way(struct x64 *x, size_t page, struct x64_label *none) {
    x64_alu_rm(x, X64_CMP, 8, RDX, x64_at_index(R14, RCX, 1, SECOND_WAY_BYTES + (int32_t)page));
    x64_jcc(x, X64_NE, none);
    exchange_ways(x, x64_at_index(R14, RCX, 1, 0));
}

/** After the first way of slot RCX missed page RDX: if the second has it, RCX becomes what makes
 * addresses of it the host's, and ZF 1. */
static void stub_second(struct x64 *x, size_t page) {
    struct x64_label none = {0};
    second_way(x, page, &none);
    x64_mov_rm(x, 8, RCX, x64_at_index(R14, RCX, 1, offsetof(struct tlb_entry, host_minus)));
    x64_alu_rr(x, X64_CMP, 4, RDX, RDX);
    x64_bind(x, &none);
    x64_ret(x);
}

/** Looks for the page of the bytes from RAX to RDX: if it is there, RCX becomes what makes
 * addresses of it the host's, and ZF 1. */
static void stub_probe(struct x64 *x, size_t page) {
    struct x64_label none = {0}, found = {0};
    x64_mov_rr(x, 4, RCX, RAX);
    x64_shift_ri(x, X64_SHR, 4, RCX, TAG_SHIFT);
    x64_alu_ri(x, X64_AND, 4, RCX, TAG_MASK);
    x64_alu_ri(x, X64_AND, 8, RDX, -PAGE_BYTES);
    x64_alu_rm(x, X64_CMP, 8, RDX, x64_at_index(R14, RCX, 1, (int32_t)page));
    x64_jcc(x, X64_E, &found);
    second_way(x, page, &none);
    x64_alu_rr(x, X64_CMP, 4, RDX, RDX);
    x64_bind(x, &found);
    x64_mov_rm(x, 8, RCX, x64_at_index(R14, RCX, 1, offsetof(struct tlb_entry, host_minus)));
    x64_bind(x, &none);
    x64_ret(x);
}

/* An entry of 0 stands for no code: what lies there goes back to C. */
static void stubs_make(struct jit *jit) {
    struct x64 *x = &jit->x;
    *x = x64_into(jit->write, jit->size_bytes);
    x64_bind(x, &jit->stubs.leave_at);
    stub_leave_at(x, &jit->stubs);
    x64_bind(x, &jit->stubs.leave);
    stub_leave(x);
    x64_bind(x, &jit->stubs.far);
    stub_far(x, &jit->stubs);
    x64_bind(x, &jit->stubs.second_read);
    stub_second(x, offsetof(struct tlb_entry, read_page));
    x64_bind(x, &jit->stubs.second_write);
    stub_second(x, offsetof(struct tlb_entry, write_page));
    x64_bind(x, &jit->stubs.probe_read);
    stub_probe(x, offsetof(struct tlb_entry, read_page));
    x64_bind(x, &jit->stubs.probe_write);
    stub_probe(x, offsetof(struct tlb_entry, write_page));
    x64_bind(x, &jit->stubs.interpret);
    stub_interpret(x, &jit->stubs);
    x64_bind(x, &jit->stubs.moved);
    stub_moved(x);
    jit->enter = (enter_fn *)(uintptr_t)(jit->code + (x->at - x->start));
    stub_enter(x);
    jit->stub_bytes = (size_t)(x->at - x->start);
}

/* -- Memory ------------------------------------------------------------------------------------ */

/* The same memory twice: no page is ever both writable and executable. */
static bool code_map(struct jit *jit) {
    int file = memfd_create("sandglass-code", MFD_CLOEXEC);
    if (file < 0) {
        return false;
    }
    void *write = MAP_FAILED;
    void *code = MAP_FAILED;
    if (ftruncate(file, (off_t)jit->size_bytes) == 0) {
        write = mmap(NULL, jit->size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        code = mmap(NULL, jit->size_bytes, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    }
    close(file);
    jit->write = write == MAP_FAILED ? NULL : write;
    jit->code = code == MAP_FAILED ? NULL : code;
    return jit->write != NULL && jit->code != NULL;
}

struct jit *jit_new(struct harts *harts, const struct jit_options *options) {
    struct x64_features features = x64_features_read();
    struct jit *jit = features.x64 ? calloc(1, sizeof *jit) : NULL;
    if (jit == NULL) {
        return NULL;
    }
    jit->harts = harts;
    jit->options = *options;
    jit->size_bytes = options->cache_bytes;
    jit->sites = calloc(SITES_MAX, sizeof *jit->sites);
    jit->maps = calloc(MAPS_MAX, sizeof *jit->maps);
    if (!code_map(jit) || jit->sites == NULL || jit->maps == NULL) {
        jit_free(jit);
        return NULL;
    }
    jit->region.features = features;
    jit->region.uncounted = options->uncounted;
    jit->region.ram = &harts->bus->ram;
    jit->region.parallel = harts->parallel;
    stubs_make(jit);
    jit->dump =
        dump_new(harts, &jit->options, &(struct dump_code){jit->code, jit->write, &jit->stubs});
    for (unsigned i = 0; i < harts->count; i++) {
        struct hart *hart = harts->hart[i];
        if (options->hart == NULL || options->hart == hart) {
            hart->translator = jit;
            hart->code->heat = HEAT;
            hart->region.code = jit->code;
        }
    }
    return jit;
}

void jit_free(struct jit *jit) {
    if (jit == NULL) {
        return;
    }
    if (jit->write != NULL) {
        munmap(jit->write, jit->size_bytes);
    }
    if (jit->code != NULL) {
        munmap((void *)(uintptr_t)jit->code, jit->size_bytes);
    }
    dump_free(jit->dump);
    free(jit->sites);
    free(jit->maps);
    free(jit);
}

static void code_reset(struct jit *jit) {
    jit->x.at = jit->x.start + jit->stub_bytes;
    jit->x.full = false;
    jit->released_bytes = 0;
    jit->site_count = 0;
    jit->map_count = 0;
    jit->stats.resets++;
    dump_forget(jit->dump);
}

/* What has been written is seen through the other view from now on; this view of it need not stay
 * in the host's memory as well. */
static void written_release(struct jit *jit) {
    enum { RELEASE_BYTES = 1 << 20 };
    size_t written = (size_t)(jit->x.at - jit->x.start) & ~(size_t)(PAGE_BYTES - 1);
    if (written >= jit->released_bytes + RELEASE_BYTES) {
        madvise(jit->write + jit->released_bytes, written - jit->released_bytes, MADV_DONTNEED);
        jit->released_bytes = written;
    }
}

static bool has_room(const struct jit *jit) {
    return jit->x.end - jit->x.at > REGION_BYTES_MAX &&
           jit->site_count + REGION_INSNS_MAX < SITES_MAX && jit->map_count < MAPS_MAX;
}

/* -- Running ----------------------------------------------------------------------------------- */

/** The page that pc lies in, when the fetch TLB knows it. */
static struct code_page *page_at(struct hart *hart) {
    const struct fetch_entry *entry = mmu_fetch_find(hart, hart->pc);
    return entry != NULL ? entry->code : NULL;
}

/** Where the code for pc lies; 0 when there is none. */
static uint32_t entry_at(struct hart *hart) {
    const struct code_page *page = page_at(hart);
    return page == NULL ? 0 : page->entry[(hart->pc & (PAGE_BYTES - 1)) / 2];
}

/** Ways out of the region that lead to code which is there already. */
static unsigned links_count(const struct jit_region *region) {
    unsigned count = 0;
    for (unsigned i = 0; i < region->ir_count; i++) {
        const struct ir *ir = &region->ir[i];
        bool leads = (ir->op == IR_jump || ir->op == IR_branch) && ir->target < 0;
        bool inside = leads && ir->place >= 0 && ir->place < PAGE_BYTES;
        count += inside && region->page->entry[ir->place / 2] != 0;
    }
    return count;
}

/** Translates what got hot at pc; when that fails, the interpreter keeps it for good. */
static void translate(struct jit *jit, struct hart *hart) {
    unsigned offset = (unsigned)(hart->pc & (PAGE_BYTES - 1));
    if (!has_room(jit)) {
        code_forget_entries(hart->code, REHEAT);
        code_reset(jit);
    }
    struct code_page *page = page_at(hart);
    struct jit_region *region = &jit->region;
    uint8_t *start = jit->x.at;
    region->target_mask = hart->target_mask;
    region->hart = hart;
    region->tallies = tally_kind(hart);
    if (region_find(region, hart->code, page, offset)) {
        region_lift(jit, region, jit->map_count);
        region_allocate(region);
        region_windows(region);
        region_tables(region);
        region_flow(region);
        jit->maps[jit->map_count++] = region->map;
        if (region_emit(region, &jit->x, &jit->stubs, jit->write)) {
            jit->stats.regions++;
            jit->stats.links += links_count(region);
            jit->stats.code_bytes += (uint64_t)(jit->x.at - start);
            dump_region(jit->dump, region, start, jit->x.at);
            written_release(jit);
            return;
        }
        jit->x.at = start;
        jit->x.full = false;
    }
    code_block(hart->code, page->at[offset / 2])->heat = INT64_MAX;
}

static uint64_t code_run(struct jit *jit, struct hart *hart, uint64_t at, uint64_t end,
                         uint32_t entry) {
    jit->stats.entries++;
    hart->region.page = hart->pc & ~(uint64_t)(PAGE_BYTES - 1);
    hart->region.end = end;
    hart->region.mxcsr = mxcsr_of(hart);
    hart->tally.block_sheet = NULL;
    uint64_t left_steps = jit->enter(hart, end - at, jit->code + entry);
    take_flags(hart);
    if (hart->region.struck != NULL) { /* it will be hot at once, and translated without tables */
        struct code_page *page = hart->region.struck;
        memset(page->entry, 0, sizeof page->entry);
        hart->region.struck = NULL;
    }
    if (atomic_load(&hart->region.stop)) {
        atomic_store(&hart->region.stop, false); /* not every host exchanges bytes */
        return end;
    }
    return end - left_steps;
}

/** From position @p at to @p end, or until something is to be looked at; if @p loosely, no further
 * than code goes. */
static uint64_t run_until(struct jit *jit, struct hart *hart, uint64_t at, uint64_t end,
                          bool loosely) {
    uint64_t start = at;
    while (at < end && !hart->check && !hart->leave) {
        uint32_t entry = entry_at(hart);
        uint64_t before = at;
        vaddr pc = hart->pc;
        if (entry != 0) {
            at = code_run(jit, hart, at, end, entry);
        }
        bool moved = entry != 0 && (at != before || hart->pc != pc);
        bool ends = end - at < BLOCK_INSNS_MAX; /* code would not go far, if it goes at all */
        if (hart->check || hart->leave || (moved && !ends)) {
            continue;
        }
        if (loosely && ends && at > start) {
            break;
        }
        uint64_t from = at;
        hart->heat_floor = entry != 0 ? HEAT_FLOOR_NONE : 0;
        at = interp_blocks(hart, at, entry != 0 ? min_u64(end, at + BLOCK_INSNS_MAX) : end);
        if (entry != 0) {
            jit->stats.tail_steps += at - from;
        } else if (at < end && !hart->check && !hart->leave && entry_at(hart) == 0) {
            jit->options.translating(jit->options.owner, true);
            translate(jit, hart);
            jit->options.translating(jit->options.owner, false);
        }
    }
    return at;
}

static uint64_t run(struct jit *jit, struct hart *hart, uint64_t budget_steps, bool loosely) {
    uint64_t start = hart->clock->steps;
    uint64_t end = start + min_u64(budget_steps, INT64_MAX);
    uint64_t at = start;
    hart->leave = false;
    do {
        hart->check = false;
        hart_take_interrupt(hart);
        hart->check = false;
        at = run_until(jit, hart, at, end, loosely);
        hart->clock->steps = at;
    } while (at < end && !hart->leave && hart->check);
    return at - start;
}

uint64_t jit_run(struct jit *jit, struct hart *hart, uint64_t budget_steps) {
    return run(jit, hart, budget_steps, false);
}

uint64_t jit_run_loosely(struct jit *jit, struct hart *hart, uint64_t budget_steps) {
    return run(jit, hart, budget_steps, true);
}

void jit_stop(struct jit *jit) {
    for (unsigned i = 0; i < jit->harts->count; i++) {
        atomic_store(&jit->harts->hart[i]->region.stop, true);
    }
}

struct jit_stats jit_stats(const struct jit *jit) {
    return jit->stats;
}

int64_t jit_region_at(const struct jit *jit, paddr address) {
    return dump_find(jit->dump, address);
}

void jit_region_dump(const struct jit *jit, int64_t region, struct stream *to) {
    dump_write(jit->dump, region, to);
}
