/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the guests of both experiments talk and end, on any virt board. */
#ifndef SAY_H
#define SAY_H

#include "guest.h"

#define UART ((volatile uint8_t *)0x10000000)
#define SYSCON (*(volatile uint32_t *)0x100000)

static inline void say(const char *text) {
    enum { UART_THR = 0, UART_LSR = 5, LSR_THRE = 0x20 };
    for (; *text; text++) {
        while (!(UART[UART_LSR] & LSR_THRE)) {
        }
        UART[UART_THR] = (uint8_t)*text;
    }
}

/** " NAME NUMBER" */
static inline void say_number(const char *name, uint64_t number) {
    char digits[24];
    char *at = digits + sizeof digits;
    *--at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    say(" ");
    say(name);
    say(" ");
    say(at);
}

static _Noreturn inline void power_off(void) {
    SYSCON = 0x5555;
    for (;;) {
    }
}

#endif
