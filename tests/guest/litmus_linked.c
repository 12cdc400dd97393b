/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When an SC succeeds, whoever runs it and its LR: the interpreter, which runs code that is new and
 * accesses that the TLB does not know, or the translator. While harts take turns, that is a matter
 * of the line reserved; else of the place, size and value that the LR read.
 *
 * expect: exit 0
 * harts: 1 2
 * policies: token free */
#include "guest.h"

enum { ROUNDS = 100, TLB_PAGES = 512, PAGE = 4096 };

static struct { _Alignas(64) volatile uint64_t word[16]; } lines[2];

/** Loads that take the slots of @p at in a TLB of two ways. */
static void push_out(volatile uint64_t *at) {
    const uintptr_t span = (uintptr_t)TLB_PAGES * PAGE;
    uintptr_t address = (uintptr_t)at + span;
    for (unsigned i = 0; i < 4; i++, address += span) {
        (void)*(volatile uint64_t *)address;
    }
}

static uint64_t load_reserved(volatile uint64_t *at, int word) {
    uint64_t value;
    if (word) {
        __asm__ volatile("lr.w %0, (%1)" : "=r"(value) : "r"(at) : "memory");
    } else {
        __asm__ volatile("lr.d %0, (%1)" : "=r"(value) : "r"(at) : "memory");
    }
    return value;
}

static uint64_t store_conditional(volatile uint64_t *at, uint64_t value, int word) {
    uint64_t failed;
    if (word) {
        __asm__ volatile("sc.w %0, %2, (%1)" : "=&r"(failed) : "r"(at), "r"(value) : "memory");
    } else {
        __asm__ volatile("sc.d %0, %2, (%1)" : "=&r"(failed) : "r"(at), "r"(value) : "memory");
    }
    return failed;
}

enum between { NOTHING, PUSH_OUT, STORE_SAME, STORE_OTHER, LINK_ELSEWHERE, SC_ELSEWHERE, BETWEENS };
enum target { SAME, NEIGHBOUR, OTHER_LINE, TARGETS };

/** One case: an LR, something, an SC. */
struct trial {
    int lr_word, sc_word, pushed_out;
    enum target target;
    enum between between;
};

static int is_to_succeed(const struct trial *trial, int by_line) {
    int elsewhere = trial->between == LINK_ELSEWHERE;
    if (trial->between == SC_ELSEWHERE) {
        return 0;
    }
    if (by_line) {
        return (trial->target == OTHER_LINE) == elsewhere;
    }
    return trial->target == (elsewhere ? OTHER_LINE : SAME) && trial->lr_word == trial->sc_word &&
           trial->between != STORE_OTHER;
}

/* All words are the same, so that a comparison of values alone is not enough. */
static void try(volatile uint64_t *word, const struct trial *trial, int by_line) {
    volatile uint64_t *const targets[] = {word, word + 1, word + 8};
    volatile uint64_t *to = targets[trial->target];
    word[0] = word[1] = word[8] = 5;
    if (trial->pushed_out) {
        push_out(word);
    }
    check(load_reserved(word, trial->lr_word) == 5);
    switch (trial->between) {
    case PUSH_OUT:
        push_out(word);
        break;
    case STORE_SAME:
        word[0] = 5;
        break;
    case STORE_OTHER:
        word[0] = 6;
        break;
    case LINK_ELSEWHERE:
        load_reserved(word + 8, trial->lr_word);
        break;
    case SC_ELSEWHERE:
        store_conditional(word + 9, 0, trial->sc_word);
        break;
    default:
        break;
    }
    uint64_t before = *to;
    uint64_t value = 0x123456789a;
    uint64_t failed = store_conditional(to, value, trial->sc_word);
    uint64_t stored = trial->sc_word ? (uint32_t)value : value;
    check(failed == !is_to_succeed(trial, by_line));
    check(*to == (failed ? before : stored));
    check(store_conditional(to, *to, trial->sc_word) == 1 && *to == (failed ? before : stored));
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    volatile uint64_t *word = lines[hart].word;
    load_reserved(word, 0);
    int by_line = store_conditional(word + 1, 0, 0) == 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < 8 * TARGETS * BETWEENS; i++) {
            struct trial trial = {.lr_word = i & 1,
                                  .sc_word = i >> 1 & 1,
                                  .pushed_out = i >> 2 & 1,
                                  .target = i / 8 % TARGETS,
                                  .between = i / 8 / TARGETS};
            try(word, &trial, by_line);
        }
    }
    for (; hart != 0;) {
    }
    return 0;
}
