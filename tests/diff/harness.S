/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest side of the differential test: runs one case after the other and records what each left.
 *
 * Nothing here knows what a case does. Before each one the test pages are filled from its seed, its
 * page-table entries and memory words are patched in, its code is copied, all registers are loaded;
 * it ends at its last ecall, at a fault of a fetch, or when it has trapped too often. Both trap
 * handlers write down cause, epc, tval and status, and go on behind the instruction.
 *
 * The supervisor's handler runs at HANDLER_OFFSET when there is translation. It ends a case by an
 * ecall of its own, which is never delegated. */
#include "case.h"

#define SAVE_X 0             /* x0 to x31 of the case */
#define SAVE_CASE 256        /* case at hand */
#define SAVE_RECORD 264      /* its record */
#define SAVE_ENTRY 272
#define SAVE_EXIT 280
#define SAVE_DELTA 288       /* code as addressed - physical */
#define SAVE_HANDLER 296     /* this page as the supervisor addresses it - physical */
#define SAVE_LEFT 304        /* cases left */
#define SAVE_COUNT 312       /* traps so far */
#define SAVE_RETIRED 320     /* minstret at its start */
#define SAVE_TRAP 328        /* trap records */

#define X1_TO_X30 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
#define ALL_X_REGISTERS X1_TO_X30,31
#define ALL_F_REGISTERS 0,ALL_X_REGISTERS

        .option norvc
        .section .text
        .globl  _start
_start:
        csrw    mie, zero
        csrr    t0, mhartid
        bnez    t0, park
        la      t0, fatal
        csrw    mtvec, t0
        li      t0, 0x2004000           /* mtimecmp: never */
        li      t1, -1
        sd      t1, 0(t0)
        li      t0, 1 << 63             /* menvcfg.STCE, to reach stimecmp */
        csrs    menvcfg, t0
        csrw    0x14d, t1
        csrc    menvcfg, t0
        call    tables_init

        li      s0, SAVE_AREA
        li      s1, CASES_BASE
        ld      t0, 0(s1)               /* how many */
        sd      t0, SAVE_LEFT(s0)
        addi    s1, s1, 8
        sd      s1, SAVE_CASE(s0)
        li      t0, RESULT_BASE
        sd      t0, SAVE_RECORD(s0)

/* -- One case ---------------------------------------------------------------------------------- */

next_case:
        li      s0, SAVE_AREA
        ld      t0, SAVE_LEFT(s0)
        beqz    t0, all_done
        addi    t0, t0, -1
        sd      t0, SAVE_LEFT(s0)
        ld      s1, SAVE_CASE(s0)
        csrw    pmpcfg0, zero
        la      t0, fatal
        csrw    mtvec, t0

        /* memory: pattern, then code between ebreaks, then patches */
        li      t0, TEST_BASE
        li      t1, TEST_END
        ld      t2, 8*CASE_FILL(s1)
        li      t3, 6364136223846793005
        li      t4, 1442695040888963407
1:      mul     t2, t2, t3
        add     t2, t2, t4
        srli    t5, t2, 29
        xor     t5, t5, t2
        sd      t5, 0(t0)
        addi    t0, t0, 8
        bltu    t0, t1, 1b

        li      t0, CODE_BASE
        li      t1, CODE_BASE + CODE_PAGES * 0x1000
        li      t2, 0x9002900290029002
1:      sd      t2, 0(t0)
        addi    t0, t0, 8
        bltu    t0, t1, 1b

        ld      t0, 8*CASE_CODE_START(s1)
        ld      t1, 8*CASE_CODE_WORDS(s1)
        addi    t2, s1, 8*CASE_CODE
        j       2f
1:      ld      t3, 0(t2)
        sd      t3, 0(t0)
        addi    t2, t2, 8
        addi    t0, t0, 8
        addi    t1, t1, -1
2:      bnez    t1, 1b

        ld      t1, 8*CASE_PATCH_COUNT(s1)
        j       2f
1:      ld      t0, 0(t2)
        ld      t3, 8(t2)
        sd      t3, 0(t0)
        addi    t2, t2, 16
        addi    t1, t1, -1
2:      bnez    t1, 1b

        sd      zero, SAVE_COUNT(s0)
        addi    t0, s0, SAVE_TRAP
        li      t1, RECORD_TRAP_MAX * 4
1:      sd      zero, 0(t0)
        addi    t0, t0, 8
        addi    t1, t1, -1
        bnez    t1, 1b

        ld      t0, 8*CASE_ENTRY(s1)
        sd      t0, SAVE_ENTRY(s0)
        csrw    mepc, t0
        ld      t0, 8*CASE_EXIT(s1)
        sd      t0, SAVE_EXIT(s0)
        ld      t0, 8*CASE_CODE_DELTA(s1)
        sd      t0, SAVE_DELTA(s0)

        /* CSRs; the supervisor's addresses depend on translation */
        li      t1, HANDLER_OFFSET
        ld      t0, 8*CASE_SATP(s1)
        csrw    satp, t0
        bnez    t0, 1f
        li      t1, 0
1:      sd      t1, SAVE_HANDLER(s0)
        add     t0, s0, t1
        csrw    sscratch, t0
        la      t0, supervisor_trap
        add     t0, t0, t1
        csrw    stvec, t0
        csrw    mscratch, s0
        ld      t0, 8*CASE_MEDELEG(s1)
        csrw    medeleg, t0
        csrw    menvcfg, zero           /* so that all of mip can be written */
        csrw    mip, zero
        ld      t0, 8*CASE_MENVCFG(s1)
        csrw    menvcfg, t0
        ld      t0, 8*CASE_SENVCFG(s1)
        csrw    senvcfg, t0
        ld      t0, 8*CASE_MCOUNTEREN(s1)
        csrw    mcounteren, t0
        ld      t0, 8*CASE_SCOUNTEREN(s1)
        csrw    scounteren, t0
        ld      t0, 8*CASE_MIDELEG(s1)
        csrw    mideleg, t0
        ld      t0, 8*CASE_MIE(s1)
        csrw    mie, t0
        ld      t0, 8*CASE_MIP(s1)
        csrw    mip, t0
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        ld      t0, 8*(CASE_PMPADDR+\n)(s1)
        csrw    pmpaddr\n, t0
        .endr
        ld      t0, 8*CASE_PMPCFG(s1)
        csrw    pmpcfg0, t0
        csrw    sepc, zero
        csrw    scause, zero
        csrw    stval, zero
        csrw    mcause, zero
        csrw    mtval, zero

        li      t0, 10 << 32 | 3 << 13 # UXL and SXL stay 64 bits
        csrw    mstatus, t0
        .irp    n, ALL_F_REGISTERS
        fld     f\n, 8*(CASE_F+\n)(s1)
        .endr
        ld      t0, 8*CASE_FCSR(s1)
        csrw    fcsr, t0
        la      t0, machine_trap
        csrw    mtvec, t0
        csrr    t0, minstret
        sd      t0, SAVE_RETIRED(s0)
        fence.i
        sfence.vma
        ld      t0, 8*CASE_MSTATUS(s1)
        csrw    mstatus, t0
        .irp    n, 1,2,3,4,5,6,7,8,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        ld      x\n, 8*(CASE_X+\n-1)(s1)
        .endr
        ld      x9, 8*(CASE_X+9-1)(s1)
        mret

/* -- Traps ------------------------------------------------------------------------------------- */

/* The code pages as the supervisor's handler reads them: the second leaf of its table. */
#define HANDLER_CODE (HANDLER_OFFSET + CODE_BASE)

/* The same handler twice. s0: save area; t5: this page's addresses - physical ones. */
        .macro  handler mode, scratch, cause, epc, tval, status, enables, mark
        csrrw   x31, \scratch, x31
        .irp    n, X1_TO_X30
        sd      x\n, 8*\n(x31)
        .endr
        csrr    x1, \scratch
        sd      x1, 8*31(x31)
        csrw    \scratch, x31
        mv      s0, x31
        csrr    t0, \cause
        csrr    t1, \epc
        csrr    t2, \tval
        csrr    t3, \status
        .if     \mark == 0
        li      t4, 9
        bne     t0, t4, 3f
        la      t4, supervisor_exit
        ld      t5, SAVE_HANDLER(s0)
        add     t4, t4, t5
        beq     t1, t4, case_done
3:
        .endif
        ld      t4, SAVE_COUNT(s0)
        slli    t5, t4, 5
        add     t5, t5, s0
        addi    t4, t4, 1
        sd      t4, SAVE_COUNT(s0)
        li      t6, \mark << 62
        or      t6, t6, t0
        sd      t6, SAVE_TRAP(t5)
        sd      t1, SAVE_TRAP+8(t5)
        sd      t2, SAVE_TRAP+16(t5)
        sd      t3, SAVE_TRAP+24(t5)
        csrw    \tval, zero             /* the record has it; QEMU's may need correction */
        li      t5, RECORD_TRAP_MAX
        bgeu    t4, t5, 9f
        ld      t5, SAVE_EXIT(s0)
        beq     t1, t5, 9f
        bltz    t0, 4f
        /* faults of fetches: causes 0, 1 and 12 */
        li      t5, 1 << 12 | 3
        srl     t5, t5, t0
        andi    t5, t5, 1
        bnez    t5, 9f
        ld      t5, SAVE_DELTA(s0)
        sub     t5, t1, t5
        li      t6, CODE_BASE
        sub     t5, t5, t6
        li      t6, CODE_PAGES * 0x1000
        bgeu    t5, t6, 9f
        /* behind the instruction */
        .if     \mark
        ld      t4, SAVE_HANDLER(s0)
        beqz    t4, 5f
        li      t6, HANDLER_CODE
        j       6f
        .endif
5:      li      t6, CODE_BASE
6:      add     t5, t5, t6
        lhu     t5, 0(t5)
        andi    t5, t5, 3
        addi    t1, t1, 2
        addi    t5, t5, -3
        bnez    t5, 7f
        addi    t1, t1, 2
7:      csrw    \epc, t1
        j       8f
4:      csrw    \enables, zero
8:      mv      x31, s0
        .irp    n, X1_TO_X30
        ld      x\n, 8*\n(x31)
        .endr
        ld      x31, 8*31(x31)
        \mode\()ret
        .endm

        .balign 8
machine_trap:
        handler m, mscratch, mcause, mepc, mtval, mstatus, mie, 0
9:      j       case_done

        .balign 8
supervisor_trap:
        handler s, sscratch, scause, sepc, stval, sstatus, sie, 1
9:      mv      x31, s0                 /* the machine's handler finds the case's registers */
        .irp    n, X1_TO_X30
        ld      x\n, 8*\n(x31)
        .endr
        ld      x31, 8*31(x31)
supervisor_exit:
        ecall
        j       .

/* -- What the case left ------------------------------------------------------------------------ */

        .balign 8
case_done:
        li      s0, SAVE_AREA
        la      t0, fatal
        csrw    mtvec, t0
        csrw    mie, zero
        /* an access that matches an entry only in part fails in M mode, too */
        csrr    s4, pmpcfg0
        csrw    pmpcfg0, zero
        ld      s1, SAVE_CASE(s0)
        ld      s2, SAVE_RECORD(s0)
        csrr    t0, minstret
        ld      t1, SAVE_RETIRED(s0)
        sub     t0, t0, t1
        sd      t0, 8*RECORD_RETIRED(s2)
        csrr    s3, mstatus
        li      t0, 3 << 13
        csrs    mstatus, t0
        ld      t0, 8*CASE_NUMBER(s1)
        addi    t0, t0, 1
        sd      t0, 0(s2)
        .irp    n, ALL_X_REGISTERS
        ld      t0, 8*\n(s0)
        sd      t0, 8*(RECORD_X+\n-1)(s2)
        .endr
        .irp    n, ALL_F_REGISTERS
        fsd     f\n, 8*(RECORD_F+\n)(s2)
        .endr
        csrr    t0, fcsr
        sd      t0, 8*RECORD_FCSR(s2)
        ld      t0, SAVE_COUNT(s0)
        sd      t0, 8*RECORD_TRAPS(s2)

        addi    t0, s2, 8*RECORD_CSRS
        sd      s3, 0(t0)
        .macro  keep csr, n
        csrr    t1, \csr
        sd      t1, 8*\n(t0)
        .endm
        keep    mepc, 1
        keep    mcause, 2
        keep    mtval, 3
        keep    sepc, 4
        keep    scause, 5
        keep    stval, 6
        keep    satp, 7
        keep    medeleg, 8
        keep    mideleg, 9
        keep    mip, 10
        keep    menvcfg, 11
        keep    senvcfg, 12
        keep    mcounteren, 13
        keep    scounteren, 14
        keep    stvec, 15
        keep    sscratch, 16
        sd      s4, 8*17(t0)
        keep    pmpaddr2, 18
        keep    pmpaddr3, 19
        keep    mscratch, 20

        addi    t0, s0, SAVE_TRAP
        addi    t1, s2, 8*RECORD_TRAP
        li      t2, RECORD_TRAP_MAX * 4
1:      ld      t3, 0(t0)
        sd      t3, 0(t1)
        addi    t0, t0, 8
        addi    t1, t1, 8
        addi    t2, t2, -1
        bnez    t2, 1b

        li      t0, TABLE_SV39
        li      t1, TEST_END
        li      t3, 6364136223846793005
        li      t4, 0
1:      ld      t2, 0(t0)
        mul     t4, t4, t3
        add     t4, t4, t2
        ld      t2, 8(t0)
        mul     t4, t4, t3
        add     t4, t4, t2
        addi    t0, t0, 16
        bltu    t0, t1, 1b
        sd      t4, 8*RECORD_MEMORY(s2)

        ld      t0, 0(s1)
        add     s1, s1, t0
        sd      s1, SAVE_CASE(s0)
        addi    s2, s2, 8*RECORD_WORDS/2
        addi    s2, s2, 8*RECORD_WORDS/2
        sd      s2, SAVE_RECORD(s0)
        j       next_case

/* -- Page tables: pointers and the handler's own leaves; cases patch the rest ------------------ */

        .macro  entry table, index, physical, flags
        li      t0, \table + 8*\index
        li      t1, (\physical >> 2) | \flags
        sd      t1, 0(t0)
        .endm
tables_init:
        entry   TABLE_SV57, 0, TABLE_SV48, 1
        entry   TABLE_SV57, 511, TABLE_SV48, 1
        entry   TABLE_SV48, 0, TABLE_SV39, 1
        entry   TABLE_SV48, 511, TABLE_SV39, 1
        entry   TABLE_SV39, INDEX_WINDOW, TABLE_MEGA, 1
        entry   TABLE_SV39, INDEX_HIGH, TABLE_MEGA, 1
        entry   TABLE_SV39, INDEX_HANDLER, TABLE_HANDLER, 1
        entry   TABLE_HANDLER, 0, RAM_BASE, 0xcf
        entry   TABLE_HANDLER, 1, TEST_BASE, 0xc3
        entry   TABLE_MEGA, 0, TABLE_PAGE, 1
        ret

/* -- Ends: the HTIF word for one emulator, the finisher for the other -------------------------- */

        .balign 4
fatal:  li      t0, 3
        li      t2, 0x13333
        j       end
all_done:
        li      t0, 1
        li      t2, 0x5555
end:    la      t1, tohost
        sd      t0, 0(t1)
        li      t1, 0x100000
        sw      t2, 0(t1)
        j       .

/* QEMU's second hart is there so that its AMOs are atomic ones, which tell loads from stores. */
park:   wfi
        j       park

        .section .tohost, "aw"
        .balign 64
        .globl  tohost
tohost: .dword  0
        .globl  fromhost
fromhost: .dword 0

/* From the leaf tables to the records of all cases. */
        .section .signature, "aw", @nobits
        .globl  begin_signature
begin_signature:
        .space  RESULT_BASE - TABLE_SV39 + COUNT * RECORD_WORDS * 8
        .globl  end_signature
end_signature:

        .section .cases, "a"
        .incbin CASES
