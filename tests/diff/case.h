/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the generator, the guest harness and the comparison agree on: addresses, cases, records. */
#ifndef DIFF_CASE_H
#define DIFF_CASE_H

/* -- Physical memory; RAM starts at 0x80000000 ------------------------------------------------- */

#define RAM_BASE 0x80000000
#define SAVE_AREA 0x80010000    /* harness: registers of the interrupted case, trap records */
#define TABLE_SV57 0x801fa000   /* root tables; the leaves are in the last three pages */
#define TABLE_SV48 0x801fb000
#define TABLE_HANDLER 0x801fc000
#define TABLE_SV39 0x801fd000
#define TABLE_MEGA 0x801fe000
#define TABLE_PAGE 0x801ff000
#define TEST_BASE 0x80200000    /* pages: pad, data 0 to 3, pad, code 0 and 1, pad, lone SCs, pad */
#define TEST_PAGES 11
#define DATA_BASE (TEST_BASE + 0x1000)
#define DATA_PAGES 4
#define CODE_BASE (TEST_BASE + 0x6000)
#define CODE_PAGES 2
#define LONE_BASE (TEST_BASE + 0x9000)
#define TEST_END (TEST_BASE + TEST_PAGES * 0x1000)
#define RESULT_BASE 0x80210000
#define CASES_BASE 0x84000000

/* -- Virtual memory, the same addresses in Sv39, Sv48 and Sv57 --------------------------------- */

/* Indices into TABLE_SV39; 511 leads where 1 leads, at the top of the address space. */
#define INDEX_WINDOW 0x40 /* 64 GiB: no board has anything there, should it be taken as physical */
#define INDEX_GIGA 0xb3
#define INDEX_HANDLER 0xa5
#define INDEX_HIGH 511
#define HANDLER_OFFSET (INDEX_HANDLER * 0x40000000 - RAM_BASE) /* VA - PA, first 2 MiB of RAM */

/* -- A case: 64-bit words ---------------------------------------------------------------------- */

#define CASE_BYTES 0       /* of the whole case */
#define CASE_NUMBER 1
#define CASE_MSTATUS 2     /* MPP: the mode it runs in */
#define CASE_SATP 3
#define CASE_MEDELEG 4
#define CASE_MENVCFG 5
#define CASE_SENVCFG 6
#define CASE_MCOUNTEREN 7
#define CASE_SCOUNTEREN 8
#define CASE_PMPCFG 9      /* pmpcfg0 */
#define CASE_PMPADDR 10    /* pmpaddr0 to 7 */
#define CASE_ENTRY 18      /* first instruction, as the case addresses it */
#define CASE_EXIT 19       /* the last one, an ecall */
#define CASE_CODE_DELTA 20 /* as addressed - physical */
#define CASE_CODE_START 21 /* physical, a multiple of 8 */
#define CASE_CODE_WORDS 22
#define CASE_PATCH_COUNT 23
#define CASE_FILL 24       /* seed of the memory pattern */
#define CASE_FCSR 25
#define CASE_MIE 26
#define CASE_MIP 27
#define CASE_MIDELEG 28
#define CASE_X 29          /* x1 to x31 */
#define CASE_F 60          /* f0 to f31 */
#define CASE_CODE 92       /* then code, then patches (address, value) */

/* -- A record: 64-bit words -------------------------------------------------------------------- */

#define RECORD_NUMBER 0    /* 1 + the case's number */
#define RECORD_X 1         /* x1 to x31 */
#define RECORD_F 32
#define RECORD_FCSR 64
#define RECORD_TRAPS 65
#define RECORD_MEMORY 66   /* hash of tables and test pages */
#define RECORD_CSRS 67
#define RECORD_CSR_COUNT 21
#define RECORD_TRAP 88     /* cause, epc, tval, mstatus or sstatus each */
#define RECORD_TRAP_MAX 25
#define RECORD_RETIRED 188 /* instructions, those of the trap handlers included; not compared */
#define RECORD_WORDS 192

/* What of RECORD_RETIRED is the harness's own, at most. */
#define HANDLER_INSNS_MAX 122 /* of a trap after which the case goes on */
#define FRAME_INSNS_MAX 117   /* before the case, and of the trap that ends it */
#define LEAVE_INSNS_MAX 71    /* more if the supervisor took that */

#define TRAP_SUPERVISOR_BIT 62 /* in the cause: taken by the supervisor */

#endif
