/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An instruction whose halves lie in two pages is what both pages say now: when the other half is
 * rewritten, when another page takes its place or none does, and when one first page lies before
 * several second ones (law 13).
 *
 * Nothing tells the first page, where its code is kept, what happens to the second. Each change
 * comes after the instruction has got hot.
 *
 * expect: exit 0 */
#include "paging.h"

enum { CALLS = 100, ROUNDS = 1000, CHANGES = 4, HALVES = 2048 };
enum { C_RET = 0x8082, C_ADDI_1 = 0x0505, C_ADDI_2 = 0x0509 }; /* c.addi a0, … */
enum { ADDI_LOW = 0x0513 }; /* addi a0, a0, …: the upper half says how much */

static volatile uint16_t firsts[HALVES] __attribute__((aligned(4096)));
static volatile uint16_t seconds[2][HALVES] __attribute__((aligned(4096)));
static volatile uint64_t beside;

static uint16_t addi_high(unsigned number) {
    return (uint16_t)(number << 4 | 5);
}

/** Where the straddling instruction of the pages @p idx and @p idx + 1 begins. */
static volatile char *straddler(unsigned idx) {
    return (volatile char *)page(idx + 1) - 2;
}

/* Calls @p code CALLS times; beforehand, every time, stores @p half to @p to. */
HOT static uint64_t call_after_store(volatile char *code, volatile void *to, uint64_t half) {
    register uint64_t sum __asm__("a0") = 0;
    uint64_t left = CALLS;
    __asm__ volatile(LONG("1:  sh    %[half], 0(%[to])\n"
                          "    jalr  ra, 0(%[code])\n"
                          "    addi  %[left], %[left], -1\n"
                          "    bnez  %[left], 1b\n")
                     : [sum] "+r"(sum), [left] "+r"(left)
                     : [code] "r"(code), [to] "r"(to), [half] "r"(half)
                     : "ra", "t5", "t6", "memory");
    return sum;
}

static uint64_t call(volatile char *code) {
    return call_after_store(code, &beside, 0);
}

static void pages_fill(void) {
    firsts[HALVES - 1] = ADDI_LOW;
    for (unsigned i = 0; i < 2; i++) {
        seconds[i][0] = addi_high(1 + i);
        seconds[i][1] = C_RET;
    }
    leaves[0] = entry(firsts, ALL);
    leaves[1] = entry(seconds[0], ALL);
    faults.count = 0;
}

static void other_half_is_written(void) {
    pages_fill();
    check(call(straddler(0)) == CALLS);
    for (unsigned number = 3; number < 3 + CHANGES; number++) {
        seconds[0][0] = addi_high(number);
        check(call(straddler(0)) == CALLS * number);
        check(call_after_store(straddler(0), &seconds[0][0], addi_high(number + 1)) ==
              CALLS * (number + 1));
        check(call_after_store(straddler(0), page(1), addi_high(number)) == CALLS * number);
    }
}

/* The other half alone is an instruction, too, and stays as it is. */
static void first_half_is_written(void) {
    pages_fill();
    seconds[0][0] = C_ADDI_1;
    for (unsigned i = 0; i < CHANGES; i++) {
        firsts[HALVES - 1] = ADDI_LOW;
        check(call(straddler(0)) == CALLS * (C_ADDI_1 >> 4));
        firsts[HALVES - 1] = C_ADDI_2;
        check(call(straddler(0)) == CALLS * 3);
    }
}

static void another_second_page(void) {
    pages_fill();
    for (unsigned i = 0; i < CHANGES; i++) {
        leaves[1] = entry(seconds[i % 2], ALL);
        check(call(straddler(0)) == CALLS * (1 + i % 2));
    }
    leaves[1] = entry(seconds[0], ALL & ~X);
    check(call(straddler(0)) == 0 && faults.count == CALLS);
    check(faults.cause == CAUSE_FETCH && faults.address == (uint64_t)page(1));
    leaves[1] = entry(seconds[1], ALL);
    check(call(straddler(0)) == CALLS * 2 && faults.count == CALLS);
    leaves[0] = 0;
    check(call(straddler(0)) == 0 && faults.count == 2 * CALLS);
    check(faults.cause == CAUSE_FETCH && faults.address == (uint64_t)page(1) - 2);
}

/* One first page, mapped twice, before two second ones; called in turn. */
static void two_second_pages(void) {
    pages_fill();
    leaves[2] = entry(firsts, ALL);
    leaves[3] = entry(seconds[1], ALL);
    for (unsigned i = 0; i < CHANGES; i++) {
        check(call(straddler(0)) == CALLS);
        check(call(straddler(2)) == CALLS * 2);
    }
}

/* a0: sum, a1: rounds. Each adds bits 3 to 0 of a1 >> a3, as the instruction says that a2 points
 * into. */
__asm__(".option push\n.option norvc\n"
        "counting:\n"
        "    srl   t0, a1, a3\n"
        "    andi  t0, t0, 15\n"
        "    slli  t0, t0, 4\n"
        "    addi  t0, t0, 5\n"
        "    sh    t0, 0(a2)\n"
        "counting_addi:\n"
        "    addi  a0, a0, 0\n"
        "    addi  a1, a1, -1\n"
        "    bnez  a1, counting\n"
        "    ret\n"
        "counting_end:\n"
        ".option pop\n");
extern const uint16_t counting[], counting_addi[], counting_end[];
typedef uint64_t counting_fn(uint64_t sum, uint64_t rounds, volatile uint16_t *half, uint64_t bits);

/* A loop in both pages writes the other half in the step before, in each round or now and then. */
static void written_in_the_loop(void) {
    long begin = HALVES - 1 - (counting_addi - counting);
    pages_fill();
    for (long i = 0; i < counting_end - counting; i++) {
        long at = begin + i;
        *(at < HALVES ? &firsts[at] : &seconds[0][at - HALVES]) = counting[i];
    }
    counting_fn *loop = (counting_fn *)((uint64_t)page(0) + 2 * (uint64_t)begin);
    for (uint64_t bits = 0; bits < 10; bits++) {
        uint64_t sum = 0;
        for (uint64_t left = ROUNDS; left > 0; left--) {
            sum += left >> bits & 15;
        }
        check(loop(0, ROUNDS, &seconds[0][0], bits) == sum);
    }
}

static void supervisor_main(void) {
    other_half_is_written();
    first_half_is_written();
    another_second_page();
    two_second_pages();
    written_in_the_loop();
    guest_end(0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    paging_start(supervisor_main);
    return 1;
}
