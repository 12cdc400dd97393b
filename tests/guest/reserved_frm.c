/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dynamic rounding mode that is reserved makes an instruction illegal, also where nothing is
 * rounded. Hot enough that the translator has it, and entered with a valid mode before.
 *
 * expect: exit 0 */
#include "guest.h"

static volatile uint64_t traps;

/* Counts, and goes on behind the instruction, which is four bytes long. */
__asm__("    .balign 4\n"
        "on_trap:\n"
        "    csrr    t5, mepc\n"
        "    addi    t5, t5, 4\n"
        "    csrw    mepc, t5\n"
        "    la      t5, traps\n"
        "    ld      t6, 0(t5)\n"
        "    addi    t6, t6, 1\n"
        "    sd      t6, 0(t5)\n"
        "    mret\n");
extern char on_trap[];

/** fcvt.d.w fa0, a0, dyn; fcvt.d.s fa0, fa1, dyn; fadd.d fa0, fa0, fa0, dyn. */
static void convert(void) {
    __asm__ volatile(".insn r 0x53, 7, 0x69, fa0, a0, x0\n\t"
                     ".insn r 0x53, 7, 0x21, fa0, fa1, f0\n\t"
                     ".insn r 0x53, 7, 0x01, fa0, fa0, fa0" ::
                         : "t5", "t6", "fa0", "memory");
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    enum { COUNT = 200 };
    (void)hart, (void)device_tree;
    csr_write(mtvec, on_trap);
    __asm__ volatile("fmv.w.x fa1, zero");
    for (uint64_t mode = 0; mode < 8; mode++) {
        traps = 0;
        csr_write(frm, mode);
        for (unsigned i = 0; i < COUNT; i++) {
            convert();
        }
        check(traps == (mode < 5 ? 0 : 3 * COUNT));
    }
    return 0;
}
