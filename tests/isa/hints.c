/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that a simple hart has little to do for, and encodings that are none at all: fences,
 * hints, waits for a reservation, cache blocks with their gates in menvcfg and senvcfg.
 *
 * peer:   no, has a hypervisor's instructions */
#include "isa.h"

enum { NOWHERE = 0x20000 }; /* no device, no RAM */

static uint64_t block[24] __attribute__((aligned(64)));

static const enum mode modes[] = {U, S, M};

/* Must run in each mode and change no register. a0 is an address that nothing answers at. */
static void check_hint(uint32_t bits) {
    uint64_t length = (bits & 3) == 3 ? 4 : 2;
    isa_item = bits;
    for (unsigned i = 0; i < 3; i++) {
        struct run run = run_bits(modes[i], bits, (uint64_t[8]){NOWHERE, 2, 3, 4, 5, 6, 7, 8});
        check(ended(&run, modes[i], (uint64_t)scratch_code + length));
        check(run.a[0] == NOWHERE);
        for (unsigned j = 1; j < 8; j++) {
            check(run.a[j] == j + 1);
        }
    }
}

static void check_reserved(uint32_t bits) {
    isa_item = bits;
    for (unsigned i = 0; i < 3; i++) {
        check(is_illegal(modes[i], bits));
    }
}

static void hints(void) {
    static const uint32_t words[] = {
        0x0ff0000f, 0x0330000f, 0x8330000f,             /* fence, fence rw,rw, fence.tso */
        0x0000000f, 0xfff5068f, 0x7ff0000f,             /* fence with reserved fields */
        0x0100000f,                                     /* pause */
        0x0000100f, 0xfff5168f,                         /* fence.i, with reserved fields */
        0x00200033, 0x00300033, 0x00400033, 0x00500033, /* ntl.p1, ntl.pall, ntl.s1, ntl.all */
        0x900a, 0x900e, 0x9012, 0x9016,                 /* the same as c.add */
        0x00050013 | 6 << 12, 0xfe156013, 0x7e356013,   /* prefetch.i, .r, .w at a0 +- */
        0x00d00073, 0x01d00073,                         /* wrs.nto, wrs.sto */
        0x00000013, 0x12345037, 0x12345017, 0x00b50033, /* nop; lui, auipc, add to x0 */
        0x0001, 0x0085, 0x4501 & ~0xf80, 0x6005, 0x802e, 0x0002, 0x0006, 0x9002 | 10 << 2,
        0x81c04073, 0x82004073,                         /* mop.r.0, mop.rr.0 to x0 */
        0x6081, 0x6181, 0x6781,                         /* c.mop.1, .3, .15 */
    };
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        check_hint(words[i]);
    }
}

/* Bits that are an instruction of no extension here. */
static void reserved(void) {
    static const uint32_t words[] = {
        0x0000, 0xffffffff, 0x0000000b, 0x0000002b,             /* zeros, ones, custom */
        0x0000005b, 0x0000007b,
        0x0000001f, 0x0000007f,                         /* longer than 32 bits */
        0x00000057, 0x00000077, 0x0000006b,             /* vectors, their cryptography, reserved */
        0x00007003, 0x00004023, 0x00007023,             /* loads and stores of no width */
        0x00004007, 0x00004027, 0x00005007,            /* quads and vectors */
        0x0200001b | 1 << 12, 0x0200501b, 0x4200501b,   /* slliw, srliw, sraiw by 32 */
        0x0000201b, 0x0000301b, 0x0000401b, 0x0000601b, 0x0000701b, /* OP-IMM-32 */
        0x0200203b, 0x0200303b, 0x0200103b, 0x4000103b, /* OP-32 */
        0x40001033, 0x40002033, 0x80000033, 0x06000033, /* OP */
        0x40001013, 0x80001013, 0x80005013,             /* shifts with odd high bits */
        0x60301013, 0x60601013,                         /* beside cpop, sext.h; Zbkb's zip absent */
        0x0000300f, 0x0000700f, 0x0030200f, 0x0052200f, /* MISC-MEM; cbo of no kind */
        0x00000073 | 2 << 20, 0x00000073 | 1 << 7, 0x00100073 | 1 << 15, /* SYSTEM with operands */
        0x10500073 | 1 << 7, 0x30200073 | 1 << 15, 0x10200073 | 1 << 7,
        0x7b200073, 0x22000073, 0x62000073,             /* dret, hfence.vvma, hfence.gvma */
        0x00004073, 0x81004073, 0xa2004073,             /* not quite Zimop */
        0x2001, 0x3001,                                 /* c.addiw to x0 */
        0x4002, 0x6002, 0x8002,                         /* c.lwsp, c.ldsp to x0; c.jr x0 */
        0x6101, 0x6501, 0x6001, 0x6801,                 /* c.addi16sp, c.lui, c.mop by 0, even */
        0x9cf9, 0x9cfd, 0x9c79, 0x8c40, 0x9c00,         /* beside Zcb */
    };
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        check_reserved(words[i]);
    }
}

/* -- Cache blocks ------------------------------------------------------------------------------ */

enum { INVAL, CLEAN, FLUSH, ZERO = 4 };

static uint32_t cbo_bits(uint32_t kind) {
    return kind << 20 | 10 << 15 | 2 << 12 | 0x0f;
}

static struct run cbo(enum mode mode, uint32_t kind, uint64_t address) {
    return run_bits(mode, cbo_bits(kind), (uint64_t[8]){address});
}

static void check_cbo(enum mode mode, uint32_t kind, int open) {
    struct run run = cbo(mode, kind, (uint64_t)block);
    if (open) {
        check(ended(&run, mode, (uint64_t)scratch_code + 4));
    } else {
        check(trapped(&run, ILLEGAL, (uint64_t)scratch_code, cbo_bits(kind)));
    }
}

/* S needs menvcfg, U also senvcfg; each kind its own field. */
static void gates(void) {
    static const uint64_t settings[] = {0, CBIE_FLUSH, CBIE_INVAL, CBCFE, CBZE,
                                        CBIE_INVAL | CBCFE | CBZE};
    static const uint32_t kinds[] = {INVAL, CLEAN, FLUSH, ZERO};
    static const uint64_t needs[] = {CBIE_INVAL, CBCFE, CBCFE, CBZE};
    for (unsigned i = 0; i < 36; i++) {
        uint64_t machine = settings[i / 6], supervisor = settings[i % 6];
        write_csr(menvcfg, machine);
        write_csr(senvcfg, supervisor);
        for (unsigned j = 0; j < 4; j++) {
            isa_item = i << 8 | j;
            check_cbo(M, kinds[j], 1);
            check_cbo(S, kinds[j], (machine & needs[j]) != 0);
            check_cbo(U, kinds[j], (machine & needs[j]) != 0 && (supervisor & needs[j]) != 0);
        }
    }
    isa_item = 0;
    write_csr(menvcfg, 0);
    write_csr(senvcfg, 0);
}

static void zeroing(void) {
    for (uint64_t offset = 0; offset < 64; offset++) {
        isa_item = offset;
        for (unsigned i = 0; i < 24; i++) {
            block[i] = -1ul;
        }
        struct run run = cbo(M, ZERO, (uint64_t)(block + 8) + offset);
        check(run.cause == ECALL + M);
        for (unsigned i = 0; i < 24; i++) {
            check(block[i] == (i >= 8 && i < 16 ? 0 : -1ul));
        }
    }
    isa_item = 0;
}

static void management(void) {
    for (unsigned i = 0; i < 24; i++) {
        block[i] = i * 0x0101010101010101;
    }
    check(cbo(M, INVAL, (uint64_t)(block + 8) + 5).cause == ECALL + M);
    check(cbo(M, CLEAN, (uint64_t)(block + 8) + 63).cause == ECALL + M);
    check(cbo(M, FLUSH, (uint64_t)(block + 8)).cause == ECALL + M);
    for (unsigned i = 0; i < 24; i++) {
        check(block[i] == i * 0x0101010101010101);
    }
    static const uint32_t kinds[] = {INVAL, CLEAN, FLUSH, ZERO};
    for (unsigned i = 0; i < 4; i++) {
        isa_item = i;
        struct run run = cbo(M, kinds[i], NOWHERE + 7);
        check(trapped(&run, STORE_ACCESS, (uint64_t)scratch_code, NOWHERE + 7));
    }
    isa_item = 0;
}

void isa_main(uint64_t hart) {
    (void)hart;
    open_memory();
    hints();
    set_csr(mstatus, FS);
    reserved();
    gates();
    zeroing();
    management();
}
