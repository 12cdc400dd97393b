/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loops at random, each run often enough to be translated.
 *
 * A page begins at the same places in every page, so that a call or a jump may go to any:
 *
 *      0  where the loop at the end of the page before goes on, its first two bytes being the upper
 *         half of an instruction that straddles the boundary
 *     64  functions, FUNCTION_BYTES each
 *    192  S mode's trap handler (HANDLER_OFFSET)
 *    256  one loop after the other, at a multiple of LOOP_BYTES if there is room, so that the guest
 *         finds its start:
 *
 *              addi  counter, x0, times
 *        head: items: straight code, branches forward, calls, jump tables, inner loops, ...
 *              addi  counter, counter, -1
 *              bne   counter, x0, head     or another condition
 *              the next loop, a trap, or a jump
 *   3840  the loop that ends in the page behind
 *
 * Nothing else writes the counters and the link register, or no loop would end as planned, and
 * seldom addresses; all other registers are everybody's. A loop may also write itself: two of its
 * instructions change places now and then, so that what was translated is wrong, and what is
 * written is legal.
 *
 * A program favours a few kinds of items, and has none of a few others: what meets only when there
 * is much of both does meet. */
#include "generate.h"

enum { STRADDLING_OFFSET = PAGE - LOOP_BYTES, STRADDLING_COUNTER = 3, C_NOP = 1 };

/* -- Items ------------------------------------------------------------------------------------- */

static const struct item *item_numbered(unsigned number) {
    const struct item *list;
    unsigned count = items_plain(&list);
    if (number < count) {
        return &list[number];
    }
    unsigned more = items_attack(&list);
    return number - count < more ? &list[number - count] : NULL;
}

/* Swarm testing (Groce et al. 2012): leaving out is as good as putting in. */
static void weigh_items(struct random *random, uint8_t weights[ITEMS_MAX], bool rewrites) {
    static const uint8_t factors[] = {0, 0, 1, 1, 1, 2, 8};
    const struct item *item;
    for (unsigned i = 0; (item = item_numbered(i)) != NULL; i++) {
        ensure(i < ITEMS_MAX);
        unsigned factor = factors[random_below(random, COUNT(factors))];
        factor = one_in(random, 40) ? 50 : factor;
        factor = i == 0 ? 1 : rewrites && item->rewrites ? 12 : factor;
        weights[i] = (uint8_t)min_u64(item->weight * factor, UINT8_MAX);
    }
}

static void item_any(struct writer *w) {
    const struct item *item;
    unsigned sum = 0;
    for (unsigned i = 0; (item = item_numbered(i)) != NULL; i++) {
        sum += (item->modes & w->mode) != 0 ? w->weights[i] : 0;
    }
    unsigned roll = random_below(w->random, sum);
    unsigned i = 0;
    for (; (item = item_numbered(i)) != NULL; i++) {
        unsigned weight = (item->modes & w->mode) != 0 ? w->weights[i] : 0;
        if (roll < weight) {
            break;
        }
        roll -= weight;
    }
    item->emit(w);
}

/* -- Loops, functions, pages ------------------------------------------------------------------- */

static void functions(struct writer *w) {
    for (unsigned n = 1; n <= FUNCTIONS; n++) {
        w->at = n * FUNCTION_BYTES;
        unsigned end = w->at + FUNCTION_BYTES - 4 - 2 * random_below(w->random, 16);
        while (w->at + 4 <= end) {
            emit(w, straight(w));
        }
        emit(w, insn_i(OP_jalr, 0, LINK, 0));
    }
}

/* What S mode's handler does beyond going back: changes what may be done in U mode, the space, or
 * a page. */
static void handler_extra(struct writer *w) {
    switch (random_below(w->random, 5)) {
    case 0:
        emit(w, insn_csr(2, T0, CSR_SENVCFG, 0));
        emit(w, insn_i(OP_xori, T0, T0, 0x80));
        emit(w, insn_csr(1, 0, CSR_SENVCFG, T0));
        break;
    case 1:
    case 2: {
        unsigned kind = one_in(w->random, 2) ? RECIPE_SATP : RECIPE_DATA;
        int32_t offset = 8 * (int32_t)(kind * RECIPES_EACH + random_below(w->random, RECIPES_EACH));
        emit(w, insn_i(OP_ld, T0, X_RECIPES, offset - 2048));
        emit(w, kind == RECIPE_SATP ? insn_csr(1, 0, CSR_SATP, T0)
                                    : insn_s(OP_sd, T0, X_LEAVES, 8 * SLOT_NEXT - 2048));
        break;
    }
    case 3:
        emit(w, insn_lui(T0, 2));
        emit(w, insn_csr(3, 0, CSR_SSTATUS, T0));
        break;
    default:
        break;
    }
}

/* Goes back behind the instruction that trapped; interrupts of software are acknowledged. */
static void handler(struct writer *w) {
    w->at = HANDLER_OFFSET;
    emit(w, insn_csr(1, 0, CSR_SSCRATCH, T0));
    emit(w, insn_csr(2, T0, CSR_SCAUSE, 0));
    unsigned from = w->at;
    w->at += 4;
    emit(w, insn_csr(2, T0, CSR_SEPC, 0));
    emit(w, insn_i(OP_addi, T0, T0, 4));
    emit(w, insn_csr(1, 0, CSR_SEPC, T0));
    handler_extra(w);
    emit(w, insn_csr(2, T0, CSR_SSCRATCH, 0));
    emit(w, words_op(w->words, OP_sret, w->random));
    unsigned interrupt = w->at;
    emit(w, insn_csr(7, 0, CSR_SIP, 2));
    emit(w, insn_csr(2, T0, CSR_SSCRATCH, 0));
    emit(w, words_op(w->words, OP_sret, w->random));
    w->at = from;
    emit_to(w, insn_branch(OP_blt, T0, 0), interrupt);
    w->at = HANDLER_OFFSET + FUNCTION_BYTES;
}

static void loop_end(struct writer *w) {
    switch (random_below(w->random, 8)) {
    case 0:
        emit(w, words_op(w->words, OP_ecall, w->random));
        break;
    case 1:
        emit(w, words_op(w->words, OP_ebreak, w->random));
        break;
    case 2:
        emit_to(w, insn_jal(0), LOOP_BYTES * (1 + random_below(w->random, PAGE / LOOP_BYTES - 1)));
        break;
    case 3:
        emit(w, insn_i(OP_jalr, 0, LINK, 0));
        break;
    default:
        break;
    }
}

static void loop_begin(struct writer *w, unsigned counter, unsigned inner) {
    w->counter = counter;
    w->inner = inner;
    w->kept = UINT32_C(1) << counter | UINT32_C(1) << inner | UINT32_C(1) << LINK | ANCHORS;
    w->kept |= one_in(w->random, 4) ? 0 : BASES;
    w->tame = !one_in(w->random, 6);
    w->floats = one_in(w->random, 3) ? random_below(w->random, 8) : 1;
    w->mark_count = 0;
    int32_t times = one_in(w->random, 4) ? 3 : 45 + (int32_t)random_below(w->random, 300);
    emit(w, insn_i(OP_addi, w->counter, 0, times));
}

static void loop(struct writer *w) {
    static const uint8_t counters[] = {3, 4, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31};
    unsigned counter = counters[random_below(w->random, COUNT(counters) / 2)];
    unsigned inner = counters[COUNT(counters) / 2 + random_below(w->random, COUNT(counters) / 2)];
    loop_begin(w, counter, inner);
    unsigned head = w->at;
    for (unsigned n = 2 + random_below(w->random, 9); n > 0; n--) {
        if (w->at + 2 * ITEM_BYTES_MAX < w->limit) {
            item_any(w);
        }
    }
    emit_back(w, w->counter, head);
    loop_end(w);
}

/* -- Across the end of a page ------------------------------------------------------------------ */

/* An upper half makes sense behind each of these lower ones: an immediate, and the greater part of
 * a register's number, x8 to x11 or an anchor. */
static uint16_t upper_half(struct random *random) {
    static const uint8_t registers[] = {4, 5, 4, 5, X_FRAME / 2};
    uint32_t immediate = one_in(random, 2) ? random_below(random, 16) : random_below(random, 512);
    return (uint16_t)(immediate << 6 | registers[random_below(random, COUNT(registers))]);
}

static uint16_t lower_half(struct writer *w) {
    static const uint16_t codes[] = {0x0013, 0x4013, 0x7013, 0x001b,
                                     0x3003, 0x2003, 0x3023, 0x0023};
    static const uint8_t registers[] = {5, 6, 7, 18, 20};
    uint32_t code = codes[random_below(w->random, COUNT(codes))];
    uint32_t field = (code & 0x7f) == 0x23 ? 8 * random_below(w->random, 4)
                                           : registers[random_below(w->random, COUNT(registers))];
    return (uint16_t)(code | field << 7 | random_below(w->random, 2) << 15);
}

/** A loop that ends in the next page, whichever that is. */
static void straddling_begin(struct writer *w) {
    w->at = STRADDLING_OFFSET;
    w->limit = PAGE;
    loop_begin(w, STRADDLING_COUNTER, 31);
    if (one_in(w->random, 2)) {
        item_any(w);
    }
    while (w->at + 6 <= PAGE) {
        emit(w, w->at + 8 <= PAGE ? straight(w) : w->has_short ? C_NOP : insn_i(OP_addi, 0, 0, 0));
    }
    uint16_t half = lower_half(w);
    if (w->has_short && w->at == PAGE - 4) {
        emit(w, C_NOP);
    }
    if (w->at == PAGE - 2) {
        w->code[w->at] = (uint8_t)half;
        w->code[w->at + 1] = (uint8_t)(half >> 8);
    } else {
        emit(w, insn_i(OP_addi, 0, 0, 0));
    }
}

static void straddling_end(struct writer *w) {
    uint16_t half = upper_half(w->random);
    w->at = 0;
    w->counter = STRADDLING_COUNTER;
    w->kept |= UINT32_C(1) << STRADDLING_COUNTER;
    if (w->has_short) {
        w->code[0] = (uint8_t)half;
        w->code[1] = (uint8_t)(half >> 8);
        w->at = 2;
    }
    for (unsigned n = random_below(w->random, 6); n > 0; n--) {
        emit(w, straight(w));
    }
    emit(w, insn_i(OP_addi, STRADDLING_COUNTER, STRADDLING_COUNTER, -1));
    uint32_t back = insn_branch(OP_bne, STRADDLING_COUNTER, 0);
    words_aim(w->words, &back, STRADDLING_OFFSET + 4 - PAGE - (int32_t)w->at);
    emit(w, back);
    loop_end(w);
    while (w->at + 4 <= FUNCTION_BYTES) {
        emit(w, straight(w));
    }
}

static void page(struct writer *w) {
    straddling_end(w);
    functions(w);
    handler(w);
    w->limit = STRADDLING_OFFSET;
    while (w->at + 3 * ITEM_BYTES_MAX < STRADDLING_OFFSET) {
        loop(w);
        unsigned next = (w->at + LOOP_BYTES - 1) & ~(LOOP_BYTES - 1U);
        while (w->at < next && next + LOOP_BYTES <= STRADDLING_OFFSET) {
            emit(w, straight(w));
        }
    }
    while (w->at + 4 <= STRADDLING_OFFSET) {
        emit(w, straight(w));
    }
    straddling_begin(w);
}

void loops_fill(const struct words *words, struct random *random, uint8_t *code, bool rewrites) {
    uint8_t weights[ITEMS_MAX];
    weigh_items(random, weights, rewrites);
    for (unsigned i = 0; i < AREA_PAGES; i++) {
        struct writer w = {.words = words,
                           .random = random,
                           .code = code + i * PAGE,
                           .weights = weights,
                           .limit = PAGE,
                           .mode = i < PAGES_USER                      ? MODE_USER
                                   : i < PAGES_USER + PAGES_SUPERVISOR ? MODE_SUPERVISOR
                                                                       : MODE_MACHINE,
                           .has_short = words_decode(words, C_NOP).op != OP_illegal,
                           .kept = UINT32_C(1) << LINK | ANCHORS,
                           .tame = true,
                           .floats = 1};
        page(&w);
    }
}
