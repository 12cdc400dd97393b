/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a random program does in each trap: damage, then a return to somewhere.
 *
 * Code, tables and values come from the generator (../generate.c), and from there on change with
 * every trap: instructions are written over code, entries over page tables, anything to devices
 * and CSRs. How much of each is up to struct program.
 *
 * 1. Everything that the hart can see goes into its random state: causes, addresses, counters,
 *    time. So a run that differs in one bit soon differs in all, and no hash can miss it.
 * 2. A trap always ends: the handler uses nothing that it has not set itself, and arms the timer
 *    last, so that code without an end is taken back.
 * 3. Most traps just go on behind the instruction that trapped: what is tested is the code, not
 *    this. */
#include "../rubbish.h"

struct context {
    uint64_t x[32];
    struct random random;
    uint64_t trap_count;
};

/* What the generator fills. */
__attribute__((section(".areas"), used)) static uint8_t areas[AREAS_BYTES];

#define CSR_READ(csr)                                                                              \
    ({                                                                                             \
        uint64_t csr_value;                                                                        \
        __asm__ volatile("csrr %0, " #csr : "=r"(csr_value));                                      \
        csr_value;                                                                                 \
    })
#define CSR_WRITE(csr, value)                                                                      \
    __asm__ volatile("csrw " #csr ", %0" : : "r"((uint64_t)(value)) : "memory")
#define CSR_SET(csr, bits)                                                                         \
    __asm__ volatile("csrs " #csr ", %0" : : "r"((uint64_t)(bits)) : "memory")
#define CSR_CLEAR(csr, bits)                                                                       \
    __asm__ volatile("csrc " #csr ", %0" : : "r"((uint64_t)(bits)) : "memory")

enum {
    CAUSE_FETCH = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_FETCH_PAGE = 12,
    CAUSES_DATA = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 13 | 1 << 15, /* loads and stores */
    MTIP = 1 << 7,
    MPIE = 1 << 7,
    MPP_SHIFT = 11,
    PRIV_U = 0,
    PRIV_S = 1,
    PRIV_M = 3,
    FS_SHIFT = 13,
    FRM_SHIFT = 5,
    SUM = 1 << 18,
    MXR = 1 << 19,
    TRAPS_AS_WANTED = 0x7e01a2, /* TSR TW TVM MXR SUM SPP MPIE SPIE SIE */
    PMP_OPEN = 0x1f,            /* readable, writable, executable; NAPOT */
    PMP_OPEN_ENTRY = 4,         /* the last one in use lets everything pass */
    SATP_SV39 = 8
};

#define MSIP 0x02000000u
#define MTIMECMP 0x02004000u
#define MTIME 0x0200bff8u

/* Its address hides where it points to: the compiler must not reason about it. */
static void *at(uint64_t address) {
    __asm__("" : "+r"(address));
    return (void *)address;
}

static const struct program *program(void) {
    return at(PROGRAM_BASE);
}

static uint64_t mtime(void) {
    return *(volatile uint64_t *)at(MTIME);
}

/* -- Damage ------------------------------------------------------------------------------------ */

static void damage_code(struct random *random) {
    const uint32_t *words = at(WORDS_BASE);
    for (uint32_t n = random_below(random, program()->code_words + 1); n > 0; n--) {
        uint32_t word = words[random_below(random, AREA_WORDS)];
        uint64_t place = CODE_BASE + 2 * random_below(random, AREA_BYTES / 2);
        if (one_in(random, 4)) {
            *(volatile uint16_t *)at(place) = (uint16_t)word;
        } else {
            *(volatile uint32_t *)at(place & ~UINT64_C(3)) = word;
        }
    }
}

static void damage_tables(struct random *random) {
    unsigned tables = program()->tidy ? TIDY_TABLES : AREA_PAGES;
    for (uint32_t n = random_below(random, program()->table_words + 1); n > 0; n--) {
        unsigned table = random_below(random, tables);
        unsigned slot = random_below(random, one_in(random, 12) ? 512 : program()->slots);
        volatile uint64_t *entry = at(TABLES_BASE + 4096 * table + 8 * slot);
        *entry = rubbish_entry(random, program(), table, slot);
    }
}

static void poke_device(struct random *random) {
    uint64_t place = rubbish_device(random);
    uint64_t value = rubbish_value(random, program());
    switch (random_below(random, 8)) {
    case 0: *(volatile uint8_t *)at(place) = (uint8_t)value; break;
    case 1: *(volatile uint16_t *)at(place & ~UINT64_C(1)) = (uint16_t)value; break;
    case 2: *(volatile uint32_t *)at(place & ~UINT64_C(3)) = (uint32_t)value; break;
    case 3: *(volatile uint64_t *)at(place & ~UINT64_C(7)) = value; break;
    case 4: random->state += *(volatile uint8_t *)at(place); break;
    case 5: random->state += *(volatile uint16_t *)at(place & ~UINT64_C(1)); break;
    case 6: random->state += *(volatile uint32_t *)at(place & ~UINT64_C(3)); break;
    default: random->state += *(volatile uint64_t *)at(place & ~UINT64_C(7)); break;
    }
}

static void damage_devices(struct random *random) {
    for (uint32_t n = random_below(random, program()->device_pokes + 1); n > 0; n--) {
        poke_device(random);
    }
    if (one_in(random, 4)) {
        *(volatile uint32_t *)at(MSIP + 4 * random_below(random, HARTS_MAX)) = 1;
    }
    if (one_in(random, 8)) {
        uint64_t other = MTIMECMP + 8 * random_below(random, HARTS_MAX);
        *(volatile uint64_t *)at(other) = mtime() + random_below(random, 100);
    }
    if (one_in(random, 64)) {
        *(volatile uint64_t *)at(MTIME) = mtime() + random_below(random, 1000);
    }
}

#define CSR_DAMAGE(csr, value)                                                                     \
    if (one_in(random, program()->csrs)) {                                                         \
        CSR_WRITE(csr, value);                                                                     \
    }

static void damage_csrs(struct random *random) {
    uint64_t value = rubbish_value(random, program());
    uint64_t other = rubbish_value(random, program());
    uint64_t mostly_zero = value & other & random_u64(random);
    uint64_t vector = one_in(random, 2) ? rubbish_virtual(random, program()) & ~UINT64_C(0xff)
                                        : CODE_BASE + (value & 0xff00);
    CSR_DAMAGE(medeleg, mostly_zero)
    CSR_DAMAGE(mideleg, value)
    CSR_DAMAGE(stvec, vector | (other & 1))
    CSR_DAMAGE(mcounteren, value | ~other)
    CSR_DAMAGE(scounteren, value | ~other)
    CSR_DAMAGE(menvcfg, value | (one_in(random, 2) ? UINT64_C(7) << 61 : 0xf1))
    CSR_DAMAGE(senvcfg, value | 0xf0)
    CSR_DAMAGE(mip, value)
    CSR_DAMAGE(sepc, vector)
    if (one_in(random, 8)) {
        CSR_DAMAGE(mcountinhibit, value)
        CSR_DAMAGE(mcycle, value)
        CSR_DAMAGE(minstret, other)
    }
    if (program()->has_sstc) {
        CSR_DAMAGE(stimecmp, mtime() + random_below(random, program()->slice_ticks))
    }
    CSR_WRITE(mie, (one_in(random, 4) ? 0 : value) | MTIP);
}

static void damage_translation(struct random *random) {
    unsigned deeper = one_in(random, 3) ? random_below(random, 3) : 0;
    unsigned root = program()->tidy ? 2 - deeper : random_below(random, AREA_PAGES);
    uint64_t mode = one_in(random, 5) ? 0 : SATP_SV39 + deeper;
    uint64_t space = one_in(random, 4) ? random_below(random, 4) : 0;
    CSR_WRITE(satp, mode << 60 | space << 44 | (TABLES_BASE / 4096 + root));
}

/* Entries 0 and 1 are a top-of-range pair, 2 and 3 powers of two of any size. */
static void damage_protection(struct random *random) {
    uint64_t open = (uint64_t)PMP_OPEN << 8 * PMP_OPEN_ENTRY;
    uint64_t place = rubbish_physical(random) >> 2;
    uint64_t other = rubbish_physical(random) >> 2;
    CSR_WRITE(pmpaddr4, ~UINT64_C(0));
    CSR_WRITE(pmpaddr0, place);
    CSR_WRITE(pmpaddr1, place + random_below(random, 4096));
    CSR_WRITE(pmpaddr2, other | ((UINT64_C(1) << random_below(random, 14)) - 1));
    CSR_WRITE(pmpaddr3, rubbish_physical(random) >> 2);
    CSR_WRITE(pmpcfg0, open | (one_in(random, 3) ? random_u64(random) & 0x1f1f0f07 : 0));
}

/* Counters, cache blocks, and what else lower modes may be kept from. */
static void permit_all(void) {
    CSR_WRITE(mcounteren, ~UINT64_C(0));
    CSR_WRITE(scounteren, ~UINT64_C(0));
    CSR_WRITE(menvcfg, UINT64_C(7) << 61 | 0xf1);
    CSR_WRITE(senvcfg, 0xf1);
}

static void damage(struct random *random, bool first) {
    damage_code(random);
    damage_tables(random);
    if (one_in(random, program()->devices)) {
        damage_devices(random);
    }
    if (first) {
        permit_all();
    }
    damage_csrs(random);
    if (first || one_in(random, program()->translation)) {
        damage_translation(random);
    }
    if (first || one_in(random, program()->protection)) {
        damage_protection(random);
    }
    if (one_in(random, 8)) {
        __asm__ volatile("sfence.vma" : : : "memory");
    }
    if (one_in(random, 8)) {
        __asm__ volatile("fence.i" : : : "memory");
    }
}

/* -- The way back ------------------------------------------------------------------------------ */

/* What code loads from and stores to. */
static void point_bases(struct random *random, struct context *context, bool physical) {
    static const uint8_t bases[] = {2, 8, 9, 10, 11};
    for (unsigned n = 0; n < sizeof bases; n++) {
        uint64_t data = VALUES_BASE + (random_u64(random) & (AREA_BYTES - 1));
        uint64_t address = one_in(random, 8) ? rubbish_physical(random)
                           : physical        ? data
                                             : virtual_in_slot(random, program(), SLOT_DATA);
        context->x[bases[n]] = one_in(random, 3) ? address : address & ~UINT64_C(7);
    }
}

static bool addresses_are_physical(uint64_t mode) {
    return mode == PRIV_M || CSR_READ(satp) >> 60 == 0;
}

/* mstatus.FS: Initial, Clean or Dirty, unless it is off. */
static uint64_t float_state(struct random *random, bool off) {
    return off ? 0 : (uint64_t)(1 + random_below(random, 3)) << FS_SHIFT;
}

static void go_elsewhere(struct random *random, struct context *context) {
    uint64_t mode = one_in(random, program()->machine_mode) ? PRIV_M
                    : one_in(random, 3)                     ? PRIV_U
                                                            : PRIV_S;
    uint64_t wanted = random_u64(random) & random_u64(random) & TRAPS_AS_WANTED;
    uint64_t floats = float_state(random, one_in(random, 12));
    uint64_t sum = one_in(random, 6) ? 0 : SUM;
    /* without interrupts M mode may stay where it is */
    bool endless = mode == PRIV_M && one_in(random, program()->tidy ? 200 : 16);
    CSR_SET(mstatus, float_state(random, false));
    CSR_WRITE(fcsr, one_in(random, 2) ? 0 : random_below(random, 5) << FRM_SHIFT);
    CSR_WRITE(mstatus, wanted | mode << MPP_SHIFT | floats | sum | (endless ? 0 : MPIE));
    bool physical = addresses_are_physical(mode);
    uint64_t entry_bytes = program()->entry_bytes;
    uint64_t offset = random_u64(random) & (AREA_BYTES - 1) & -entry_bytes;
    uint64_t slot = mode == PRIV_U ? SLOT_USER : SLOT_SUPERVISOR;
    uint64_t page = virtual_in_slot(random, program(), slot) & ~UINT64_C(4095);
    uint64_t place = physical ? CODE_BASE + offset : page + (offset & 4095);
    CSR_WRITE(mepc, one_in(random, 100) ? rubbish_value(random, program()) : place);
    for (uint32_t n = program()->registers; n > 0; n--) {
        context->x[1 + random_below(random, 31)] = rubbish_value(random, program());
    }
    point_bases(random, context, physical);
}

/* No instruction was there, or one of the handler's own trapped: it pokes devices that are not. */
static bool nothing_to_go_on(void) {
    uint64_t cause = CSR_READ(mcause);
    return cause == CAUSE_FETCH || cause == CAUSE_FETCH_PAGE ||
           CSR_READ(mepc) - GUEST_BASE < AREA_BYTES;
}

/* An interrupt goes on where it came, and does not come again; else the way leads behind what
 * trapped, as far as that can be known, often with the reason gone. */
static void go_on(struct random *random, struct context *context) {
    uint64_t cause = CSR_READ(mcause);
    if (cause >> 63 != 0) {
        CSR_CLEAR(mie, UINT64_C(1) << (cause & 63) & ~(uint64_t)MTIP);
        return;
    }
    CSR_WRITE(mepc, CSR_READ(mepc) + (one_in(random, 8) ? 2 : 4));
    if (cause == CAUSE_ILLEGAL) {
        CSR_SET(mstatus, float_state(random, !one_in(random, 4)));
    } else if ((1 << cause & CAUSES_DATA) != 0 && one_in(random, 3)) {
        uint64_t mode = CSR_READ(mstatus) >> MPP_SHIFT & PRIV_M;
        point_bases(random, context, addresses_are_physical(mode));
    }
}

/* Time itself may have been set, to its very end. */
static void timer_arm(uint64_t hart, uint64_t slice_ticks) {
    if (mtime() > UINT64_MAX / 2) {
        *(volatile uint64_t *)at(MTIME) = 0;
    }
    *(volatile uint64_t *)at(MTIMECMP + 8 * hart) = mtime() + slice_ticks;
}

void chaos(struct context *context, uint64_t hart) {
    extern char handler[];
    CSR_WRITE(mtvec, handler);
    struct random *random = &context->random;
    random->state += program()->seed + hart + CSR_READ(mcause) * 31 + CSR_READ(mtval) * 17 +
                     CSR_READ(mepc) * 13 + CSR_READ(minstret) * 7 + (CSR_READ(mip) << 20) +
                     (mtime() << 7) + (CSR_READ(mstatus) << 9) +
                     context->x[1 + context->trap_count % 31];
    random->state += random->state == 0;
    bool first = context->trap_count++ == 0;
    bool damages = first || one_in(random, program()->go_on);
    *(volatile uint32_t *)at(MSIP + 4 * hart) = 0;
    if (damages) {
        damage(random, first);
    }
    if (damages || nothing_to_go_on()) {
        go_elsewhere(random, context);
    } else {
        go_on(random, context);
    }
    timer_arm(hart, 1 + random_below(random, program()->slice_ticks));
}
