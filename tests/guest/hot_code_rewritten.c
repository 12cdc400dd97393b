/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hot loop rewrites itself: whatever stores, and however little, the new instruction runs from
 * the next step on, in front of the store as well as behind it (law 13).
 *
 * What was translated of the page must be left behind the store, in the middle of the loop. Then
 * the loop gets hot again before the next store. patch.c does the same to code that is cold.
 *
 * expect: exit 0 */
#include "guest.h"

enum { ROUNDS = 600, ABOVE_ROUNDS = 400, BELOW_ROUNDS = 200 };
enum { ADDI_1 = 0x00130313, ADDI_16 = 0x01030313 }; /* addi t1, t1, … */

/** A reservation's 64 bytes; the loops store here most of the time. */
static _Alignas(64) volatile uint64_t beside[8];

typedef uint64_t loop_fn(uint64_t instruction);

/* Two instructions add 1 each, and 16 each when they have been rewritten: the one above the store
 * when ABOVE_ROUNDS are left, the one right below it when BELOW_ROUNDS are. */
#define REWRITES(name, store)                                                                      \
    __attribute__((noinline, aligned(512))) static uint64_t name(uint64_t instruction) {           \
        uint64_t sum;                                                                              \
        __asm__ volatile(".option push\n.option norvc\n.balign 8\n"                                \
                         "    li    t1, 0\n"                                                       \
                         "    li    t2, %[rounds]\n"                                               \
                         "    la    t3, beside\n"                                                  \
                         "1:  addi  t1, t1, 1\n"                                                   \
                         "    li    t0, %[above]\n"                                                \
                         "    bne   t2, t0, 2f\n"                                                  \
                         "    la    t3, 1b\n"                                                      \
                         "2:  li    t0, %[below]\n"                                                \
                         "    bne   t2, t0, 3f\n"                                                  \
                         "    la    t3, 4f\n"                                                      \
                         "3:\n" store "4:  addi  t1, t1, 1\n"                                      \
                         "    la    t3, beside\n"                                                  \
                         "    addi  t2, t2, -1\n"                                                  \
                         "    bnez  t2, 1b\n"                                                      \
                         "    mv    %[sum], t1\n"                                                  \
                         ".option pop\n"                                                           \
                         : [sum] "=r"(sum)                                                         \
                         : [instruction] "r"(instruction), [rounds] "i"(ROUNDS),                   \
                           [above] "i"(ABOVE_ROUNDS), [below] "i"(BELOW_ROUNDS)                    \
                         : "t0", "t1", "t2", "t3", "ft0", "memory");                               \
        return sum;                                                                                \
    }

REWRITES(by_word, "sw %[instruction], 0(t3)\n")
REWRITES(by_half, "srli t0, %[instruction], 16\n sh t0, 2(t3)\n")
REWRITES(by_byte, "srli t0, %[instruction], 24\n sb t0, 3(t3)\n")
REWRITES(by_float, "fmv.w.x ft0, %[instruction]\n fsw ft0, 0(t3)\n")
REWRITES(by_swap, "amoswap.w t0, %[instruction], (t3)\n")
REWRITES(by_or, "amoor.w t0, %[instruction], (t3)\n")
REWRITES(by_condition, "lr.w t0, (t3)\n sc.w t0, %[instruction], (t3)\n")

static void expect(loop_fn *loop, uint64_t above, uint64_t below) {
    uint64_t sum = loop(ADDI_16);
    uint64_t above_rounds = ABOVE_ROUNDS - 1; /* from the next round on */
    check(sum == (ROUNDS - above_rounds) + above_rounds * above + (ROUNDS - BELOW_ROUNDS) +
                     BELOW_ROUNDS * below);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    expect(by_word, 16, 16);
    expect(by_half, 16, 16);
    expect(by_float, 16, 16);
    expect(by_swap, 16, 16);
    expect(by_byte, 17, 17); /* the lower bits of 1 stay */
    expect(by_or, 17, 17);
    expect(by_condition, 16, 16);
    return 0;
}
