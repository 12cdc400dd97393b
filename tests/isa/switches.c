/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extensions that are switched off: their instructions are illegal, their registers are not there,
 * and what misa says agrees. OFF names the one that this run lacks.
 *
 * peer:   no, one program is enough there
 * cpu:    max
 * define: -DOFF=NONE
 * cpu:    max,m=off
 * define: -DOFF=EXT_M
 * cpu:    max,a=off
 * define: -DOFF=EXT_A
 * cpu:    max,f=off
 * define: -DOFF=EXT_F
 * cpu:    max,d=off
 * define: -DOFF=EXT_D
 * cpu:    max,c=off
 * define: -DOFF=EXT_C -march=rv64g
 * cpu:    max,zba=off
 * define: -DOFF=ZBA
 * cpu:    max,zbb=off,zbkb=off
 * define: -DOFF=ZBB
 * cpu:    max,zbc=off
 * define: -DOFF=ZBC
 * cpu:    max,zbs=off
 * define: -DOFF=ZBS
 * cpu:    max,zbkx=off
 * define: -DOFF=ZBKX
 * cpu:    max,zicond=off
 * define: -DOFF=ZICOND
 * cpu:    max,zimop=off
 * define: -DOFF=ZIMOP
 * cpu:    max,zicbom=off
 * define: -DOFF=ZICBOM
 * cpu:    max,zicboz=off
 * define: -DOFF=ZICBOZ
 * cpu:    max,zawrs=off
 * define: -DOFF=ZAWRS
 * cpu:    max,zfa=off
 * define: -DOFF=ZFA
 * cpu:    max,zcb=off
 * define: -DOFF=ZCB
 * cpu:    max,zcmop=off
 * define: -DOFF=ZCMOP
 * cpu:    max,svinval=off
 * define: -DOFF=SVINVAL
 * cpu:    max,sstc=off
 * define: -DOFF=SSTC
 * cpu:    max,zicntr=off
 * define: -DOFF=ZICNTR */
#include "isa.h"

#ifndef OFF
#define OFF NONE
#endif

enum {
    NONE, EXT_M, EXT_A, EXT_F, EXT_D, EXT_C, ZBA, ZBB, ZBC, ZBS, ZBKX, ZICOND, ZIMOP, ZICBOM,
    ZICBOZ, ZAWRS, ZFA, ZCB, ZCMOP, SVINVAL, SSTC, ZICNTR
};

/* needs and also: extensions without which the instruction is illegal. */
static const struct {
    uint32_t bits;
    int needs, also;
} rows[] = {
    {0x02b50533, EXT_M, 0},      /* mul a0, a0, a1 */
    {0x02b55533, EXT_M, 0},      /* divu */
    {0x1005262f, EXT_A, 0},      /* lr.w a2, (a0) */
    {0x00b50553, EXT_F, 0},      /* fadd.s */
    {0x02b50553, EXT_D, EXT_F},  /* fadd.d */
    {0x04b50553, EXT_F, 0},      /* fadd.h */
    {0x00302573, EXT_F, 0},      /* csrr a0, fcsr */
    {0x0505, EXT_C, 0},          /* c.addi a0, 1 */
    {0x20b52533, ZBA, 0},        /* sh1add */
    {0x60051513, ZBB, 0},        /* clz */
    {0x40b57533, ZBB, 0},        /* andn: Zbkb would have it, too */
    {0x0ab51533, ZBC, 0},        /* clmul */
    {0x28b51533, ZBS, 0},        /* bset */
    {0x28b52533, ZBKX, 0},       /* xperm4 */
    {0x0eb55533, ZICOND, 0},     /* czero.eqz */
    {0x81c54573, ZIMOP, 0},      /* mop.r.0 */
    {0x0015200f, ZICBOM, 0},     /* cbo.clean (a0) */
    {0x0045200f, ZICBOZ, 0},     /* cbo.zero (a0) */
    {0x00d00073, ZAWRS, EXT_A},  /* wrs.nto */
    {0xf0108553, ZFA, EXT_F},    /* fli.s */
    {0x9d61, ZCB, EXT_C},        /* c.zext.b a0 */
    {0x6081, ZCMOP, EXT_C},      /* c.mop.1 */
    {0x16000073, SVINVAL, 0},    /* sinval.vma */
    {0x14d02573, SSTC, ZICNTR},  /* csrr a0, stimecmp */
    {0xc0102573, ZICNTR, 0},     /* csrr a0, time */
    {0x00a00513, NONE, NONE},    /* li a0, 10 */
};

static uint64_t block[8] __attribute__((aligned(64)));

static int has(char letter) {
    return (int)(read_csr(misa) >> (letter - 'A') & 1);
}

/* Without C a jump to what is no multiple of 4 traps, at the jump, and links nothing. */
STUB(jump, "jalr a1, 2(a0)");
STUB(jump_far, ".word 0x006005ef");    /* jal a1, . + 6 */
STUB(branch_far, ".word 0x00b50363");  /* beq a0, a1, . + 6 */

static void alignment(void) {
    struct run run = run_stub(M, jump, (uint64_t)jump, 7);
    check(trapped(&run, FETCH_MISALIGNED, (uint64_t)jump, (uint64_t)jump + 2) && run.a[1] == 7);
    run = run_stub(M, jump_far, 0, 7);
    check(trapped(&run, FETCH_MISALIGNED, (uint64_t)jump_far, (uint64_t)jump_far + 6));
    check(run.a[1] == 7);
    run = run_stub(U, jump, (uint64_t)jump, 7); /* PMP is closed: not even the jump is fetched */
    check(run.cause == FETCH_ACCESS);
    open_memory();
    check_trap(U, branch_far, 0, FETCH_MISALIGNED, (uint64_t)branch_far + 6, 5, 5);
    check_runs(U, branch_far, 5, 6); /* not taken */
    check_runs(M, jump, (uint64_t)jump_end - 1); /* bit 0 of a target is cleared */
    check((kept_csr(mepc, 0x80000006) & 3) == 0 && (kept_csr(sepc, -1ul) & 3) == 0);
}

void isa_main(uint64_t hart) {
    (void)hart;
    if (OFF != EXT_F) {
        set_csr(mstatus, FS);
    }
    check((kept_csr(mstatus, FS) & FS) == (OFF == EXT_F ? 0 : FS));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int off = OFF != NONE && (rows[i].needs == OFF || rows[i].also == OFF);
        isa_item = rows[i].bits;
        check(behaves_with(M, rows[i].bits, !off, block));
    }
    isa_item = 0;
    check(has('M') == (OFF != EXT_M) && has('C') == (OFF != EXT_C));
    check(has('A') == (OFF != EXT_A) && has('F') == (OFF != EXT_F));
    check(has('D') == (OFF != EXT_D && OFF != EXT_F));
    check(has('B') == (OFF != ZBA && OFF != ZBB && OFF != ZBS));
    if (OFF == EXT_C) {
        alignment();
    }
}
