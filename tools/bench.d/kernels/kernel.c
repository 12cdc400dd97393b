/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs one kernel between two lines on the console, prints its result, powers off. */
#include "kernel.h"

#define UART ((volatile uint8_t *)0x10000000)
#define SYSCON (*(volatile uint32_t *)0x100000)

enum { UART_THR = 0, UART_LSR = 5, LSR_THRE = 0x20, SYSCON_POWER_OFF = 0x5555 };

/* What start.S calls; the guests of tests/guest share it. */
uint64_t guest_main(void);

static void print(const char *text) {
    for (; *text; text++) {
        while (!(UART[UART_LSR] & LSR_THRE)) {
        }
        UART[UART_THR] = (uint8_t)*text;
    }
}

static void print_hex(uint64_t value) {
    char digit[2] = "";
    for (int shift = 60; shift >= 0; shift -= 4) {
        digit[0] = "0123456789abcdef"[value >> shift & 15];
        print(digit);
    }
}

uint64_t guest_main(void) {
    kernel_prepare();
    print("bench: begin\n");
    uint64_t result = kernel_work();
    print("bench: end\nbench: ");
    print_hex(result);
    print("\n");
    SYSCON = SYSCON_POWER_OFF;
    for (;;) {
    }
}
