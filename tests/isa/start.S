# SPDX-License-Identifier: GPL-2.0-or-later
# Start, end and trap handlers of every directed test, and isa_enter(), which runs a piece of code
# in a mode until it traps. Needs no extension but Zicsr, and S only where misa says it is there.
    .option norvc

# Offsets in struct run (isa.h) and in a saved context.
    .equ RUN_CAUSE, 64
    .equ RUN_EPC, 72
    .equ RUN_TVAL, 80
    .equ RUN_STATUS, 88
    .equ RUN_LEVEL, 96
    .equ RUN_ENTRY, 104
    .equ CONTEXT_RUN, 0
    .equ CONTEXT_RA, 8
    .equ CONTEXT_GP, 16
    .equ CONTEXT_TP, 24
    .equ CONTEXT_S, 32
    .equ CONTEXT_BYTES, 144

    .section .text.start, "ax"
    .globl _start
_start:
    bnez    a0, park                # hart 0 tests
    la      sp, stacks
    addi    t0, a0, 1
    slli    t0, t0, 14
    add     sp, sp, t0
    la      t0, machine_vector
    csrw    mtvec, t0
    csrr    t0, misa
    srli    t0, t0, 'S' - 'A'
    andi    t0, t0, 1
    beqz    t0, 2f
    la      t0, supervisor_vector
    csrw    stvec, t0
2:  call    isa_main
    li      a0, 0
    j       isa_end
park:
    wfi
    j       park

    .globl isa_end
isa_end:                            # a0: 0 passes; else it goes to the UART in hexadecimal
    beqz    a0, 3f
    li      t0, 0x10000000
    li      t1, 60
1:  srl     t2, a0, t1
    andi    t2, t2, 15
    addi    t2, t2, '0'
    li      t3, '9'
    ble     t2, t3, 2f
    addi    t2, t2, 'a' - '0' - 10
2:  sb      t2, 0(t0)
    addi    t1, t1, -4
    bgez    t1, 1b
    li      t2, 10
    sb      t2, 0(t0)
3:  slli    t1, a0, 1
    ori     t1, t1, 1
    la      t0, tohost
    sd      t1, 0(t0)
    li      t0, 0x100000            # a machine without tohost has a finisher
    li      t1, 0x5555
    beqz    a0, 1f
    slli    t1, a0, 16
    li      t2, 0x3333
    or      t1, t1, t2
1:  sw      t1, 0(t0)
2:  j       2b

# What the compiler calls by itself.
    .globl memset
memset:
    mv      t0, a0
    add     a2, a0, a2
1:  beq     t0, a2, 2f
    sb      a1, 0(t0)
    addi    t0, t0, 1
    j       1b
2:  ret
    .globl memcpy
memcpy:
    mv      t0, a0
    add     a2, a0, a2
1:  beq     t0, a2, 2f
    lb      t1, 0(a1)
    sb      t1, 0(t0)
    addi    t0, t0, 1
    addi    a1, a1, 1
    j       1b
2:  ret

# -- isa_enter(run, mode, pc) ------------------------------------------------------------------

    .text
    .globl isa_enter
isa_enter:
    addi    sp, sp, -CONTEXT_BYTES
    sd      a0, CONTEXT_RUN(sp)
    sd      ra, CONTEXT_RA(sp)
    sd      gp, CONTEXT_GP(sp)
    sd      tp, CONTEXT_TP(sp)
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd      s\n, CONTEXT_S + 8 * \n(sp)
    .endr
    csrw    mscratch, sp
    csrr    t0, misa
    srli    t0, t0, 'S' - 'A'
    andi    t0, t0, 1
    beqz    t0, 1f
    csrw    sscratch, sp
1:  sd      zero, RUN_LEVEL(a0)
    li      t0, 3 << 11
    csrc    mstatus, t0
    slli    a1, a1, 11
    csrs    mstatus, a1
    csrw    mepc, a2
    mv      t0, a0
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
    ld      a\n, 8 * \n(t0)
    .endr
    mret

# -- Handlers: what trapped comes back as the result of isa_enter -------------------------------

    .macro  record level, cause, epc, tval, status, scratch, vector
    csrrw   sp, \scratch, sp        # its context; the other stack pointer is of no more use
    ld      t0, CONTEXT_RUN(sp)
    ld      t1, RUN_LEVEL(t0)
    bnez    t1, 1f                  # the supervisor's handler has recorded already
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
    sd      a\n, 8 * \n(t0)
    .endr
    csrr    t1, \cause
    sd      t1, RUN_CAUSE(t0)
    csrr    t1, \epc
    sd      t1, RUN_EPC(t0)
    csrr    t1, \tval
    sd      t1, RUN_TVAL(t0)
    csrr    t1, \status
    sd      t1, RUN_STATUS(t0)
    li      t1, \level
    sd      t1, RUN_LEVEL(t0)
    la      t1, \vector + 4
    sub     ra, ra, t1
    srai    ra, ra, 2
    sd      ra, RUN_ENTRY(t0)
1:
    .endm

    .balign 256
    .globl machine_vector
machine_vector:                     # entry n of vectored mode; entry 0 of direct mode
    .rept   16
    jal     ra, machine_common
    .endr
machine_common:
    record  3, mcause, mepc, mtval, mstatus, mscratch, machine_vector
    li      t1, 1 << 17             # MPRV
    csrc    mstatus, t1
    ld      ra, CONTEXT_RA(sp)
    ld      gp, CONTEXT_GP(sp)
    ld      tp, CONTEXT_TP(sp)
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld      s\n, CONTEXT_S + 8 * \n(sp)
    .endr
    addi    sp, sp, CONTEXT_BYTES
    ret

    .balign 256
    .globl supervisor_vector
supervisor_vector:
    .rept   16
    jal     ra, supervisor_common
    .endr
supervisor_common:
    record  1, scause, sepc, stval, sstatus, sscratch, supervisor_vector
    la      t1, isa_leave_by_ebreak
    lw      t1, 0(t1)
    bnez    t1, 2f
    ecall
2:  ebreak

    .section .tohost, "aw"
    .balign 64
    .globl tohost
tohost:
    .dword 0
    .balign 64
    .globl fromhost
fromhost:
    .dword 0
    .balign 64
    .globl isa_leave_by_ebreak
isa_leave_by_ebreak:                # how the supervisor's handler reaches the machine's
    .word 0
    .balign 8
    .globl isa_item
isa_item:
    .dword 0
