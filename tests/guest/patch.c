/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code that changes itself: a store to code acts on the next instruction, without fence.i (law 13),
 * also from the middle of straight-line code, for halves of an instruction, across a page's end,
 * and on pages that hold data as well.
 *
 * expect: exit 0 */
#include "guest.h"

enum { ADDI_1 = 0x00150513, ADDI_2 = 0x00250513, RET = 0x00008067, SW_A2_A1 = 0x00c5a023 };

static uint32_t page[2048] __attribute__((aligned(4096)));

static uint64_t call(const uint32_t *code, uint64_t a0, uint64_t a1, uint64_t a2) {
    return ((uint64_t(*)(uint64_t, uint64_t, uint64_t))code)(a0, a1, a2);
}

static void in_straight_line(void) {
    page[0] = SW_A2_A1; /* overwrites page[1], which comes next */
    page[1] = ADDI_1;
    page[2] = RET;
    check(call(page, 10, (uint64_t)&page[1], ADDI_2) == 12);
    check(call(page, 10, (uint64_t)&page[1], ADDI_1) == 11);
    check(call(page, 10, (uint64_t)&page[1], ADDI_2) == 12);
}

static void by_halves_and_bytes(void) {
    page[0] = ADDI_1;
    page[1] = RET;
    check(call(page, 0, 0, 0) == 1);
    ((volatile uint16_t *)page)[1] = 0x0025;
    check(call(page, 0, 0, 0) == 2);
    ((volatile uint8_t *)page)[2] = 0x35;
    check(call(page, 0, 0, 0) == 3);
}

static void across_pages(void) {
    volatile uint16_t *half = (uint16_t *)page;
    half[2047] = ADDI_1 & 0xffff; /* the instruction's halves lie in two pages */
    half[2048] = ADDI_1 >> 16;
    half[2049] = 0x8082; /* c.ret */
    check(call((uint32_t *)(uintptr_t)&half[2047], 0, 0, 0) == 1);
    half[2048] = ADDI_2 >> 16;
    check(call((uint32_t *)(uintptr_t)&half[2047], 0, 0, 0) == 2);
    half[2047] = 0x4509; /* c.li a0, 2: now two short instructions */
    half[2048] = 0x0509; /* c.addi a0, 2 */
    check(call((uint32_t *)(uintptr_t)&half[2047], 0, 0, 0) == 4);
}

static void beside_data(void) {
    volatile uint32_t *counter = &page[100];
    page[0] = ADDI_1;
    page[1] = RET;
    *counter = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < 1000; i++) {
        sum = call(page, sum, 0, 0);
        *counter += 1;
        page[0] = i % 2 == 0 ? ADDI_2 : ADDI_1;
    }
    check(*counter == 1000 && sum == 1500);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    in_straight_line();
    by_halves_and_bytes();
    across_pages();
    beside_data();
    return 0;
}
