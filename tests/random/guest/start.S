# SPDX-License-Identifier: GPL-2.0-or-later
# Trap handler of random programs, and where all harts start: registers to the hart's context and
# back, with chaos(context, hart) in between.
#
# It is alone in a hostile place: any CSR and any memory may have been changed, and only one
# register can be had (through mscratch). So the context's address is made of mhartid alone.
    .option norvc
    .option norelax
    .section .text.start, "ax"
    .globl _start
_start:
    .globl handler
handler:
    csrw    mscratch, x31
    lui     x31, 1 << 17 >> 12      # mstatus.MPRV: memory as M mode sees it
    csrc    mstatus, x31
    csrr    x31, mhartid
    addi    x31, x31, 2047
    addi    x31, x31, 2
    slli    x31, x31, 20            # CONTEXT_BASE + hart MiB
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, \
            25, 26, 27, 28, 29, 30
    sd      x\n, 8 * \n(x31)
    .endr
    csrr    x1, mscratch
    sd      x1, 8 * 31(x31)
    mv      a0, x31
    csrr    a1, mhartid
    lui     sp, 16                  # the stack lies above the context, in 64 KiB
    add     sp, sp, a0
    call    chaos
    csrr    x31, mhartid
    addi    x31, x31, 2047
    addi    x31, x31, 2
    slli    x31, x31, 20
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, \
            25, 26, 27, 28, 29, 30
    ld      x\n, 8 * \n(x31)
    .endr
    ld      x31, 8 * 31(x31)
    mret
