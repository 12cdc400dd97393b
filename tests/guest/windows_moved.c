/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A register that loads and stores go off moves from page to page, in every way a register can
 * change: each access is answered by the page that it lies in, also when it lies in two.
 *
 * The pages are mapped in disorder, so what was looked up for one page (src/jit/window.c) gives
 * wrong bytes for any other. Each word holds its own number.
 *
 * expect: exit 0 */
#include "paging.h"

enum { PAGES = 64, WORDS = 512 * PAGES, ROUNDS = 300 };

static volatile uint64_t frames[PAGES][512] __attribute__((aligned(4096)));

/** The word of a number, where it lies in RAM. */
static volatile uint64_t *in_ram(uint64_t word) {
    return &frames[word / 512 * 37 % PAGES][word % 512];
}

/** What a loop found, and where it stopped. */
struct walk {
    volatile uint64_t *at;
    uint64_t sum;
};

/* Loads on both sides of the register, stores, and moves; the stores give each word its number. */
#define MOVES(name, move)                                                                          \
    HOT static struct walk name(volatile uint64_t *at, uint64_t stride) {                          \
        struct walk walk = {at, 0};                                                                \
        uint64_t left = ROUNDS;                                                                    \
        __asm__ volatile(                                                                          \
            LONG("1:  ld    t0, 0(%[at])\n"                                                        \
                 "    add   %[sum], %[sum], t0\n"                                                  \
                 "    ld    t0, 8(%[at])\n"                                                        \
                 "    sd    t0, 8(%[at])\n"                                                        \
                 "    add   %[sum], %[sum], t0\n" move                                             \
                 "    ld    t0, -16(%[at])\n"                                                      \
                 "    add   %[sum], %[sum], t0\n"                                                  \
                 "    ld    t0, 0(%[at])\n"                                                        \
                 "    sd    t0, 0(%[at])\n"                                                        \
                 "    addi  %[left], %[left], -1\n"                                                \
                 "    bnez  %[left], 1b\n")                                                        \
            : [at] "+r"(walk.at), [sum] "+r"(walk.sum), [left] "+r"(left), [stride] "+r"(stride)   \
            :                                                                                      \
            : "t0", "t1", "memory");                                                               \
        return walk;                                                                               \
    }

MOVES(by_immediate, "addi %[at], %[at], 808\n")
MOVES(by_register, "add %[at], %[at], %[stride]\n")
MOVES(back_and_forth, "neg %[stride], %[stride]\n add %[at], %[at], %[stride]\n")
MOVES(through_another, "add t1, %[at], %[stride]\n mv %[at], t1\n")
MOVES(by_branch, "andi t1, %[left], 3\n bnez t1, 2f\n add %[at], %[at], %[stride]\n2:\n")

/** Loads the register itself: each of the words that it meets holds the address of the next. */
HOT static struct walk by_load(volatile uint64_t *at, uint64_t stride) {
    for (uint64_t i = 0, word = 2; i <= ROUNDS; i++, word += stride / 8) {
        *in_ram(word + 3) = (uint64_t)page(0) + 8 * word + stride;
    }
    struct walk walk = {at, 0};
    uint64_t left = ROUNDS;
    __asm__ volatile(LONG("1:  ld    t0, 0(%[at])\n"
                          "    add   %[sum], %[sum], t0\n"
                          "    ld    t0, 8(%[at])\n"
                          "    add   %[sum], %[sum], t0\n"
                          "    ld    %[at], 24(%[at])\n"
                          "    ld    t0, -16(%[at])\n"
                          "    add   %[sum], %[sum], t0\n"
                          "    addi  %[left], %[left], -1\n"
                          "    bnez  %[left], 1b\n")
                     : [at] "+r"(walk.at), [sum] "+r"(walk.sum), [left] "+r"(left)
                     :
                     : "t0", "memory");
    return walk;
}

static void words_fill(void) {
    for (uint64_t i = 0; i < PAGES; i++) {
        leaves[i] = entry(in_ram(512 * i), ALL);
    }
    for (uint64_t word = 0; word < WORDS; word++) {
        *in_ram(word) = word;
    }
}

/* From word 2 on, by strides[i % 4] words in round i. */
static void expect(struct walk walk, const uint64_t strides[4]) {
    uint64_t word = 2;
    uint64_t sum = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        sum += word + word + 1;
        word += strides[i % 4];
        sum += word - 2;
    }
    check(walk.at == page(0) + word);
    check(walk.sum == sum);
}

static void expect_numbers(void) {
    for (uint64_t word = 0; word < WORDS; word++) {
        check(*in_ram(word) == word);
    }
}

/* Words that lie in two pages: four bytes off. */
static void across_pages(void) {
    enum { STRIDE = 512 - 1 };
    volatile uint64_t *start = (volatile uint64_t *)((uint64_t)(page(0) + 2) + 4);
    struct walk walk = by_register(start, STRIDE);
    uint64_t sum = 0;
    for (uint64_t i = 0, at = 20; i < ROUNDS; i++) {
        uint64_t next = at + STRIDE;
        const uint64_t bytes[] = {at, at + 8, next - 16};
        for (unsigned j = 0; j < 3; j++) {
            for (uint64_t k = 0; k < 8; k++) {
                uint64_t byte = bytes[j] + k;
                sum += (uint64_t)((volatile uint8_t *)in_ram(byte / 8))[byte % 8] << 8 * k;
            }
        }
        at = next;
    }
    check(walk.sum == sum);
}

static void supervisor_main(void) {
    words_fill();
    expect(by_immediate(page(0) + 2, 0), (uint64_t[]){101, 101, 101, 101});
    expect(by_register(page(0) + 2, 8 * 107), (uint64_t[]){107, 107, 107, 107});
    expect(by_register(page(0) + 2, 8 * 9), (uint64_t[]){9, 9, 9, 9});
    expect(back_and_forth(page(0) + 2, -8ul * 5000), (uint64_t[]){5000, -5000ul, 5000, -5000ul});
    expect(through_another(page(0) + 2, 8 * 109), (uint64_t[]){109, 109, 109, 109});
    expect(by_branch(page(0) + 2, 8 * 400), (uint64_t[]){400, 0, 0, 0});
    across_pages();
    expect_numbers();
    expect(by_load(page(0) + 2, 8 * 101), (uint64_t[]){101, 101, 101, 101});
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    paging_start(supervisor_main);
    return 1;
}
