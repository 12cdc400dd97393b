# SPDX-License-Identifier: GPL-2.0-or-later
# Start of every bare-metal guest: a stack for each hart, then guest_main(hart, device tree); its
# result ends the run.
    .section .text.start, "ax"
    .globl _start
_start:
    la      sp, stacks
    addi    t0, a0, 1
    slli    t0, t0, 14
    add     sp, sp, t0
    la      t0, unexpected
    csrw    mtvec, t0
    li      t0, 1 << 13             # mstatus.FS = Initial
    csrs    mstatus, t0
    call    guest_main
    .globl guest_end
guest_end:                          # a0: 0 passes, n fails with code n
    slli    a0, a0, 1
    ori     a0, a0, 1
    la      t0, tohost
    sd      a0, 0(t0)
1:  j       1b

    .balign 4
unexpected:                         # a trap that no test asked for
    li      a0, 63
    j       guest_end

    .section .tohost, "aw"
    .balign 64
    .globl tohost
tohost:
    .dword 0
    .balign 64
    .globl fromhost
fromhost:
    .dword 0
