/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What physical memory is made of: RAM does everything, holes nothing, devices only what they say.
 *
 * peer:   no, answers everywhere */
#include "isa.h"

#define RAM 0x80000000ul
#define RAM_END 0x84000000ul /* 64 MiB: run.sh */
#define UART 0x10000000ul
#define MSIP 0x2000000ul

STUB(load_1, "lbu a1, 0(a0)");
STUB(load_2, "lhu a1, 0(a0)");
STUB(load_4, "lwu a1, 0(a0)");
STUB(load_8, "ld a1, 0(a0)");
STUB(load_float, "fld fa0, 0(a0)");
STUB(store_1, "sb zero, 0(a0)");
STUB(store_8, "sd zero, 0(a0)");
STUB(reserve, "lr.w a1, (a0)");
STUB(conditional, "sc.w a1, zero, (a0)");
STUB(amo, "amoadd.w a1, zero, (a0)");
STUB(block_zero, ".word 0x0045200f");
STUB(block_clean, ".word 0x0015200f");
STUB(jump, "jr a0");

static void check_nothing_at(uint64_t address) {
    isa_item = address;
    check_trap(M, load_1, 0, LOAD_ACCESS, address, address);
    check_trap(S, load_8, 0, LOAD_ACCESS, address, address);
    check_trap(M, load_float, 0, LOAD_ACCESS, address, address);
    check_trap(M, store_1, 0, STORE_ACCESS, address, address);
    check_trap(U, store_8, 0, STORE_ACCESS, address, address);
    check_trap(M, reserve, 0, LOAD_ACCESS, address, address);
    check_trap(M, conditional, 0, STORE_ACCESS, address, address);
    check_trap(M, amo, 0, STORE_ACCESS, address, address);
    check_trap(M, block_zero, 0, STORE_ACCESS, address, address);
    check_trap(M, block_clean, 0, STORE_ACCESS, address, address);
    struct run run = run_stub(M, jump, address);
    check(trapped(&run, FETCH_ACCESS, address, address));
    isa_item = 0;
}

/* The last bytes of RAM are there, the next are not; an access over the end names the first byte
 * that is not. */
static void ends_of_ram(void) {
    check_runs(M, load_8, RAM_END - 8);
    check_runs(M, store_8, RAM_END - 8);
    check_runs(M, block_zero, RAM_END - 1);
    for (uint64_t short_of = 1; short_of < 8; short_of++) {
        isa_item = short_of;
        check_trap(M, load_8, 0, LOAD_ACCESS, RAM_END, RAM_END - short_of);
        check_trap(M, store_8, 0, STORE_ACCESS, RAM_END, RAM_END - short_of);
        check_trap(M, load_8, 0, LOAD_ACCESS, RAM - short_of, RAM - short_of);
        check_trap(M, store_8, 0, STORE_ACCESS, RAM - short_of, RAM - short_of);
    }
    isa_item = 0;
    *(volatile uint16_t *)(RAM_END - 2) = 0x0513; /* half an instruction */
    __asm__ volatile("fence.i");
    struct run run = run_stub(M, jump, RAM_END - 2);
    check(trapped(&run, FETCH_ACCESS, RAM_END - 2, RAM_END));
}

/* Devices: no atomics, no cache blocks of zeros, no code, no access over two registers. */
static void devices(void) {
    check_runs(M, load_1, UART + 5);
    check_runs(U, load_4, MSIP);
    check_runs(M, load_8, 0x200bff8);
    check_trap(M, amo, 0, STORE_ACCESS, MSIP, MSIP);
    check_trap(M, reserve, 0, LOAD_ACCESS, MSIP, MSIP);
    check_trap(M, conditional, 0, STORE_ACCESS, MSIP, MSIP);
    check_trap(M, block_zero, 0, STORE_ACCESS, MSIP, MSIP);
    check_runs(M, block_clean, MSIP); /* what can be loaded can be cleaned */
    check_trap(M, load_4, 0, LOAD_ACCESS, MSIP + 2, MSIP + 2);
    check_trap(M, load_8, 0, LOAD_ACCESS, 0x200bff8 - 4, 0x200bff8 - 4);
    struct run run = run_stub(M, jump, MSIP);
    check(trapped(&run, FETCH_ACCESS, MSIP, MSIP));
}

void isa_main(uint64_t hart) {
    static const uint64_t holes[] = {
        0x20000,   0x20000000,      RAM_END,            RAM_END + 0x100000,
        1ul << 40, 1ul << 55 | RAM, 0x4000000080000000, -64ul,
    };
    (void)hart;
    open_memory();
    set_csr(mstatus, FS);
    write_csr(menvcfg, CBCFE | CBZE);
    for (unsigned i = 0; i < sizeof holes / sizeof holes[0]; i++) {
        check_nothing_at(holes[i]);
    }
    check_runs(M, load_2, RAM_END - 3);
    ends_of_ram();
    devices();
}
