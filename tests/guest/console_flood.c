/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One hart prints more than the console takes at once, while the others never sleep: all of it goes
 * out, and the run ends.
 *
 * expect: exit 0
 * harts: 2 4
 * policies: token free */
#include "guest.h"

#define UART ((volatile uint8_t *)0x10000000)
enum { UART_THR = 0, UART_LSR = 5, LSR_THRE = 0x20, FLOOD_BYTES = 300000 };

static volatile uint64_t printed;

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    if (hart != 0) {
        for (;;) {
            printed++;
        }
    }
    for (unsigned i = 0; i < FLOOD_BYTES; i++) {
        while (!(UART[UART_LSR] & LSR_THRE)) {
        }
        UART[UART_THR] = i % 64 == 63 ? '\n' : '.';
    }
    return 0;
}
