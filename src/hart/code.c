/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoded code.
 *
 * Instructions are decoded once, into blocks kept by physical address, so that they survive
 * address-space switches and serve every hart. What makes that safe:
 *
 * 1. A block depends on nothing but the bytes of one physical page and the machine's extensions. An
 * instruction that straddles two pages is kept with the first one, and whoever runs it looks first
 * whether its other half still is what it was.
 * 2. While a page has blocks or translations it carries PAGE_CODE, so no TLB lets a store pass
 * unseen, and code_wrote() forgets what the store touched. A fence.i has nothing left to do.
 * 3. A page forgets all its code at once, as translated code may lead from any place to any.
 * 4. Forgetting only unlinks. Memory of blocks is reused by code_build() and code_drop() alone,
 * which are never called inside a block.
 *
 * A store to a page that also holds code costs one look at a map of its half words. So data beside
 * code is slow by a constant, not by a re-decode. Space is bounded: when the arena runs out, all
 * blocks are forgotten and decoded again, which costs less, and is simpler, than choosing what to
 * keep; what was translated, the hot part, stays. When pages run out, everything goes. */
#include "hart/code.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_START_BYTES = 16 }; /* so that no block is number 0 */

static size_t page_of_bytes(const struct ram *ram) {
    return (size_t)(ram->size_bytes >> PAGE_SHIFT) * sizeof(uint16_t);
}

struct code_cache *code_new(const struct ram *ram) {
    struct code_cache *code = calloc(1, sizeof *code);
    if (code == NULL) {
        return NULL;
    }
    code->arena = pages_map(CODE_ARENA_BYTES, PAGES_FILLED);
    code->pages = pages_map(CODE_PAGES_MAX * sizeof *code->pages, PAGES_SPARSE);
    code->page_of = pages_map(page_of_bytes(ram), PAGES_SPARSE);
    code->heat = INT64_MAX;
    code->arena_used_bytes = ARENA_START_BYTES;
    if (code->arena == NULL || code->pages == NULL || code->page_of == NULL) {
        code_free(code, ram);
        return NULL;
    }
    return code;
}

void code_free(struct code_cache *code, const struct ram *ram) {
    if (code != NULL) {
        for (unsigned i = 0; i < code->page_count; i++) {
            free(code->pages[i].copy);
        }
        pages_unmap(code->arena, CODE_ARENA_BYTES);
        pages_unmap(code->pages, CODE_PAGES_MAX * sizeof *code->pages);
        pages_unmap(code->page_of, page_of_bytes(ram));
        free(code);
    }
}

bool code_has_room(const struct code_cache *code) {
    return code->page_count < CODE_PAGES_MAX;
}

struct code_page *code_page(struct code_cache *code, uint64_t page) {
    if (code->page_of[page] == 0) {
        code->pages[code->page_count].page = page;
        code->pages[code->page_count].markers_alone = code->markers_alone;
        code->pages[code->page_count].threads_end = code->threads_end;
        if (code->starts != NULL) {
            code->starts(code->starts_owner, page, code->pages[code->page_count].starts);
        }
        code->page_count++;
        code->page_of[page] = (uint16_t)code->page_count;
    }
    return &code->pages[code->page_of[page] - 1];
}

struct insn code_placed(struct insn insn, unsigned offset) {
    insn.length = (uint8_t)(offset | (insn.length == 4 ? 1 : 0));
    insn.rd = insn.rd == 0 ? X_SINK : insn.rd;
    return insn;
}

/** @param high  Where the upper half of a long instruction lies. */
static uint32_t fetch_bits(const uint8_t *low_bytes, const uint8_t *high_bytes) {
    uint16_t low;
    uint16_t high = 0;
    memcpy(&low, low_bytes, sizeof low);
    if (insn_length(low) == 4) {
        memcpy(&high, high_bytes, sizeof high);
    }
    return low | (uint32_t)high << 16;
}

static bool straddles(const uint8_t *bytes, unsigned offset) {
    return offset == PAGE_BYTES - 2 && insn_length(bytes[offset]) == 4;
}

static void blocks_make_room(struct code_cache *code) {
    size_t block_bytes = sizeof(struct block) + (BLOCK_INSNS_MAX + 2) * sizeof(struct insn);
    if (code->arena_used_bytes + block_bytes > CODE_ARENA_BYTES) {
        for (unsigned i = 0; i < code->page_count; i++) {
            memset(code->pages[i].at, 0, sizeof code->pages[i].at);
        }
        code->arena_used_bytes = ARENA_START_BYTES;
    }
}

static void cover(struct code_page *page, unsigned start, unsigned end) {
    for (unsigned half = start / 2; half < end / 2; half++) {
        page->covered[half / 64] |= (uint64_t)1 << half % 64;
    }
}

static bool starts_at(const struct code_page *page, unsigned offset) {
    return (page->starts[offset / 2 / 64] >> offset / 2 % 64 & 1) != 0;
}

static bool marker_alone(const struct code_page *page, const uint8_t *bytes) {
    return page->markers_alone && insn_is_marker(fetch_bits(bytes, bytes + 2));
}

/** The instructions from byte @p offset on up to the first that ends a block, or to what has been
 * translated: so one that begins in the middle of hot code, where a grant ended or an interrupt
 * returns to, leads back into it. @return Where it ends. */
static unsigned block_decode(struct block *block, const struct decoder *decoder,
                             const struct code_page *page, const uint8_t *bytes, unsigned offset) {
    unsigned start = offset;
    bool ended = false;
    while (!ended && block->count < BLOCK_INSNS_MAX && offset < PAGE_BYTES &&
           !straddles(bytes, offset) &&
           (offset == start || (page->entry[offset / 2] == 0 && !code_marked(page, offset) &&
                                !starts_at(page, offset) && !marker_alone(page, bytes + offset)))) {
        const uint8_t *at = bytes + offset;
        struct insn insn = decode(decoder, fetch_bits(at, at + 2));
        ended = insn.op == OP_illegal || (op_traits(insn.op) & T_ENDS) != 0 ||
                (page->threads_end && insn.rd == REGISTER_TP);
        block->insns[block->count++] = code_placed(insn, offset - start);
        ended = ended || block->alone;
        offset += insn.length;
    }
    block->insns[block->count] =
        code_placed((struct insn){.op = OP_block_end, .length = 2}, offset - start);
    return offset;
}

static unsigned straddler_decode(struct block *block, const struct decoder *decoder,
                                 const uint8_t *const bytes[2]) {
    struct insn insn = decode(decoder, fetch_bits(bytes[0] + PAGE_BYTES - 2, bytes[1]));
    block->count = 1;
    block->insns[0] = (struct insn){.op = OP_straddle};
    block->insns[1] = code_placed(insn, 0);
    block->insns[2] = code_placed((struct insn){.op = OP_block_end, .length = 2}, 4);
    return PAGE_BYTES + 2;
}

struct block *code_build(struct code_cache *code, struct code_page *page,
                         const struct decoder *decoder, const uint8_t *const bytes[2],
                         unsigned offset) {
    bool straddler = straddles(bytes[0], offset);
    if (straddler && bytes[1] == NULL) {
        return NULL;
    }
    blocks_make_room(code);
    uint32_t at = (uint32_t)(code->arena_used_bytes / 16);
    struct block *block = code_block(code, at);
    block->count = 0;
    block->run = 0;
    block->alone = code_marked(page, offset);
    block->heat = block->alone ? HEAT_ALONE : page->entry[offset / 2] != 0 ? 0 : code->heat;
    unsigned end = straddler ? straddler_decode(block, decoder, bytes)
                             : block_decode(block, decoder, page, bytes[0], offset);
    block->bytes = (uint16_t)(end - offset);
    code->arena_used_bytes += sizeof *block + (block->count + 1U + straddler) * sizeof(struct insn);
    page->at[offset / 2] = at;
    cover(page, offset, straddler ? PAGE_BYTES : end);
    return block;
}

static void page_forget(struct code_page *page) {
    memset(page->covered, 0, sizeof page->covered);
    memset(page->at, 0, sizeof page->at);
    memset(page->entry, 0, sizeof page->entry);
    page->strikes = 0;
}

struct code_page *code_wrote(struct code_cache *code, uint64_t page_number, unsigned offset,
                             unsigned size_bytes) {
    if (code->page_of[page_number] == 0) {
        return NULL;
    }
    struct code_page *page = &code->pages[code->page_of[page_number] - 1];
    for (unsigned half = offset / 2; half <= (offset + size_bytes - 1) / 2; half++) {
        if ((page->covered[half / 64] >> half % 64 & 1) != 0) {
            page_forget(page);
            return page;
        }
    }
    return NULL;
}

void code_mark(struct code_page *page, unsigned offset) {
    if (!code_marked(page, offset)) {
        page_forget(page);
        page->marked = true;
        page->marks[offset / 2 / 64] |= (uint64_t)1 << offset / 2 % 64;
    }
}

void code_mark_marker(struct code_page *page, const uint8_t *const bytes[2], unsigned offset) {
    bool straddler = straddles(bytes[0], offset);
    const uint8_t *high = straddler ? bytes[1] : bytes[0] + offset + 2;
    if (!page->markers_alone || offset > PAGE_BYTES - (straddler ? 2 : 4) || high == NULL ||
        !insn_is_marker(fetch_bits(bytes[0] + offset, high))) {
        return;
    }
    page->marked = true;
    page->marks[offset / 2 / 64] |= (uint64_t)1 << offset / 2 % 64;
}

void code_unmark(struct code_cache *code) {
    for (unsigned i = 0; i < code->page_count; i++) {
        struct code_page *page = &code->pages[i];
        if (page->marked) {
            page_forget(page);
            page->marked = false;
            memset(page->marks, 0, sizeof page->marks);
        }
    }
}

/* Blocks lie one behind the other in the arena. */
static struct block *block_after(struct block *block) {
    unsigned insns = block->count + 1U + (block->insns[0].op == OP_straddle);
    return (struct block *)(void *)&block->insns[insns];
}

void code_forget_entries(struct code_cache *code, int64_t heat) {
    const uint8_t *end = code->arena + code->arena_used_bytes;
    struct block *block = code_block(code, ARENA_START_BYTES / 16);
    while ((uint8_t *)block < end) {
        block->heat = block->alone ? HEAT_ALONE : heat;
        block = block_after(block);
    }
    for (unsigned i = 0; i < code->page_count; i++) {
        memset(code->pages[i].entry, 0, sizeof code->pages[i].entry);
    }
}

bool code_fresh(struct code_cache *code, struct code_page *page, const struct ram *ram) {
    const uint8_t *bytes = ram->bytes + (page->page << PAGE_SHIFT);
    bool changed = page->copy == NULL;
    if (!changed && page->trusted == code->suspicion) {
        return true;
    }
    page->copy = page->copy == NULL ? malloc(PAGE_BYTES) : page->copy;
    if (page->copy == NULL) {
        return false;
    }
    for (unsigned i = 0; i < PAGE_BYTES; i += 8) {
        uint64_t now = ram_load(bytes + i, 8);
        changed |= memcmp(page->copy + i, &now, sizeof now) != 0;
        memcpy(page->copy + i, &now, sizeof now);
    }
    if (changed) {
        page_forget(page);
    }
    page->trusted = code->suspicion;
    return true;
}

void code_drop(struct code_cache *code, struct ram *ram) {
    for (unsigned i = 0; i < code->page_count; i++) {
        uint64_t page = code->pages[i].page;
        code->page_of[page] = 0;
        if (code->pages[i].copy == NULL) {
            ram->page_flags[page] &= (uint8_t)~PAGE_CODE;
        }
        free(code->pages[i].copy);
    }
    memset(code->pages, 0, code->page_count * sizeof *code->pages);
    code->page_count = 0;
    code->arena_used_bytes = ARENA_START_BYTES;
}
