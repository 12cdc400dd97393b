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
    uint64_t base; /* to be pointed somewhere next */
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
    CAUSE_TIMER = 7,                                                     /* an interrupt */
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
    SATP_SV39 = 8,
    BASES = 5,        /* registers that are addresses */
    PIECE_BYTES = 128 /* of code that is healed at once */
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

/* Code becomes what it was at first, or after a while all would be ruins. */
static void heal_code(struct random *random) {
    for (uint32_t n = random_below(random, program()->heals + 1); n > 0; n--) {
        uint64_t offset = PIECE_BYTES * random_below(random, AREA_BYTES / PIECE_BYTES);
        const uint64_t *from = at(PRISTINE_BASE + offset);
        volatile uint64_t *to = at(CODE_BASE + offset);
        for (unsigned i = 0; i < PIECE_BYTES / 8; i++) {
            to[i] = from[i];
        }
    }
}

/* Spaces of tidy tables mostly agree on where code lies, so that it goes on after a switch. */
static void write_entry(struct random *random, unsigned table, unsigned slot) {
    uint64_t entry = rubbish_entry(random, program(), table, slot);
    bool all =
        program()->tidy && table >= 4 && table <= 6 && slot < SLOT_DATA && !one_in(random, 4);
    for (unsigned one = all ? 4 : table; one <= (all ? 6 : table); one++) {
        *(volatile uint64_t *)at(TABLES_BASE + 4096 * one + 8 * slot) = entry;
    }
}

static void damage_tables(struct random *random) {
    static const uint8_t levels[TIDY_TABLES] = TIDY_LEVELS;
    for (uint32_t n = random_below(random, program()->table_words + 1); n > 0; n--) {
        unsigned table = random_below(random, program()->tidy ? TIDY_TABLES : AREA_PAGES);
        unsigned level = program()->tidy ? levels[table] : 0;
        bool anywhere = one_in(random, 12);
        write_entry(random, table,
                    random_below(random, anywhere ? 512 : slots_of(program(), level)));
    }
}

/** All entries in use of tidy tables. */
static void heal_tables(struct random *random) {
    static const uint8_t levels[TIDY_TABLES] = TIDY_LEVELS;
    for (unsigned table = 0; table < TIDY_TABLES; table++) {
        for (unsigned slot = 0; slot < slots_of(program(), levels[table]); slot++) {
            write_entry(random, table, slot);
        }
    }
}

static void poke_device(struct random *random) {
    uint64_t place = rubbish_device(random);
    uint64_t value = rubbish_value(random, program());
    switch (random_below(random, 8)) {
    case 0:
        *(volatile uint8_t *)at(place) = (uint8_t)value;
        break;
    case 1:
        *(volatile uint16_t *)at(place & ~UINT64_C(1)) = (uint16_t)value;
        break;
    case 2:
        *(volatile uint32_t *)at(place & ~UINT64_C(3)) = (uint32_t)value;
        break;
    case 3:
        *(volatile uint64_t *)at(place & ~UINT64_C(7)) = value;
        break;
    case 4:
        random->state += *(volatile uint8_t *)at(place);
        break;
    case 5:
        random->state += *(volatile uint16_t *)at(place & ~UINT64_C(1));
        break;
    case 6:
        random->state += *(volatile uint32_t *)at(place & ~UINT64_C(3));
        break;
    default:
        random->state += *(volatile uint64_t *)at(place & ~UINT64_C(7));
        break;
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
    unsigned root = !program()->tidy ? random_below(random, AREA_PAGES)
                    : deeper != 0    ? 2 - deeper
                                     : table_of(random, 2);
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
    heal_code(random);
    damage_tables(random);
    if (program()->heals != 0 && one_in(random, 16)) {
        heal_tables(random);
    }
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

/** Near a boundary between pages: seldom that of the whole address space. */
static uint64_t near_boundary(struct random *random, uint64_t page) {
    static const uint16_t reaches[] = {16, 64, 512, 4096, 4096};
    uint32_t reach = reaches[random_below(random, sizeof reaches / sizeof reaches[0])];
    uint64_t near = (uint64_t)random_below(random, reach) - reach / 2;
    return (one_in(random, 20) ? 0 : page) + (one_in(random, 3) ? near : near & ~UINT64_C(7));
}

/* All anchors in one part of the address space: the tables that they lead to are most likely those
 * that the frame rests on. */
static void point_anchors(struct random *random, struct context *context, bool physical) {
    uint64_t middle = physical ? TABLES_BASE + 2048
                               : (rubbish_virtual(random, program()) & ~UINT64_C(4095)) + 2048;
    uint64_t page = physical ? VALUES_BASE + 4096 * (1 + random_below(random, AREA_PAGES - 1))
                             : address_in_slot(middle - 2048, SLOT_NEXT);
    unsigned level = 1 + one_in(random, 3);
    uint64_t *x = context->x;
    x[X_FRAME] = near_boundary(random, page);
    x[X_LEAVES] =
        physical ? middle + 4096 * table_of(random, 0) : address_in_slot(middle, SLOT_LEAVES);
    x[X_POINTERS] =
        physical ? middle + 4096 * table_of(random, level) : address_in_slot(middle, SLOT_POINTERS);
    x[X_RECIPES] = physical ? middle + 4096 * TABLE_RECIPES : address_in_slot(middle, SLOT_RECIPES);
}

/* What code loads from and stores to. */
static void point_base(struct random *random, struct context *context, bool physical) {
    static const uint8_t bases[BASES] = {2, 8, 9, 10, 11};
    uint64_t data = VALUES_BASE + (random_u64(random) & (AREA_BYTES - 1));
    uint64_t slot = one_in(random, 12) ? SLOT_SPARE : SLOT_DATA;
    uint64_t address = one_in(random, 16) ? rubbish_physical(random)
                       : physical         ? data
                                          : virtual_in_slot(random, program(), slot);
    context->x[bases[context->base++ % BASES]] =
        one_in(random, 3) ? address : address & ~UINT64_C(7);
}

static void point_all(struct random *random, struct context *context, bool physical) {
    for (unsigned n = 0; n < BASES; n++) {
        point_base(random, context, physical);
    }
    if (program()->leaf_slots == LEAF_SLOTS) {
        point_anchors(random, context, physical);
    }
}

static bool addresses_are_physical(uint64_t mode) {
    return mode == PRIV_M || CSR_READ(satp) >> 60 == 0;
}

/* mstatus.FS: Initial, Clean or Dirty, unless it is off. */
static uint64_t float_state(struct random *random, bool off) {
    return off ? 0 : (uint64_t)(1 + random_below(random, 3)) << FS_SHIFT;
}

/** Where code of loops starts: in a page for the mode. */
static uint64_t entry_place(struct random *random, uint64_t mode) {
    uint64_t offset = random_u64(random) & (AREA_BYTES - 1) & -(uint64_t)program()->entry_bytes;
    if (program()->leaf_slots != LEAF_SLOTS || one_in(random, 16)) {
        return offset;
    }
    unsigned first = mode == PRIV_M   ? PAGES_USER + PAGES_SUPERVISOR
                     : mode == PRIV_S ? PAGES_USER
                                      : 0;
    unsigned count = mode == PRIV_M   ? AREA_PAGES - PAGES_USER - PAGES_SUPERVISOR
                     : mode == PRIV_S ? PAGES_SUPERVISOR
                                      : PAGES_USER;
    return (offset & 4095) + 4096 * (first + random_below(random, count));
}

/* Calls, and perhaps faults of data, to S mode's own handler in a page of its code. */
static void delegate(struct random *random, bool physical) {
    bool some = one_in(random, program()->supervisor);
    uint64_t page = physical
                        ? CODE_BASE + 4096 * (PAGES_USER + random_below(random, PAGES_SUPERVISOR))
                        : virtual_in_slot(random, program(), SLOT_SUPERVISOR) & ~UINT64_C(4095);
    CSR_WRITE(medeleg, !some ? 0 : one_in(random, 2) ? CAUSES_DATA | 1 << 8 : 1 << 8);
    CSR_WRITE(mideleg, some ? 2 : 0);
    if (some) {
        CSR_WRITE(stvec, page + HANDLER_OFFSET);
        CSR_SET(mie, 2);
    }
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
    uint64_t slot = mode == PRIV_U ? SLOT_USER : SLOT_SUPERVISOR;
    uint64_t page = virtual_in_slot(random, program(), slot) & ~UINT64_C(4095);
    uint64_t offset = entry_place(random, mode);
    uint64_t place = physical ? CODE_BASE + offset : page + (offset & 4095);
    CSR_WRITE(mepc, one_in(random, 100) ? rubbish_value(random, program()) : place);
    for (uint32_t n = program()->registers; n > 0; n--) {
        context->x[1 + random_below(random, 31)] = rubbish_value(random, program());
    }
    point_all(random, context, physical);
    if (program()->supervisor != 0) {
        delegate(random, physical);
    }
}

/* No instruction was there, or one of the handler's own trapped: it pokes devices that are not. */
static bool nothing_to_go_on(struct random *random) {
    uint64_t cause = CSR_READ(mcause);
    if (CSR_READ(mepc) - GUEST_BASE < AREA_BYTES) {
        return true;
    }
    uint64_t slot = CSR_READ(mtval) >> 12 & 511;
    if (cause == CAUSE_FETCH_PAGE && slot < SLOT_DATA && slot < program()->leaf_slots) {
        for (unsigned table = 4; table <= 6; table++) {
            write_entry(random, table, (unsigned)slot);
        }
        return one_in(random, 4);
    }
    return cause == CAUSE_FETCH || cause == CAUSE_FETCH_PAGE;
}

/* Behind the back of code that goes on where it was. */
static void surprise(struct random *random) {
    switch (random_below(random, 5)) {
    case 0:
        damage_protection(random);
        break;
    case 1:
        damage_translation(random);
        break;
    case 2:
        CSR_WRITE(fcsr, random_below(random, 5) << FRM_SHIFT);
        break;
    case 3:
        CSR_WRITE(senvcfg, random_u64(random));
        break;
    default:
        damage_tables(random);
        break;
    }
}

/* After a load or store that trapped: perhaps the next one will not. */
static void give_reason(struct random *random, struct context *context, bool physical) {
    uint64_t slot = CSR_READ(mtval) >> 12 & 511;
    switch (random_below(random, 12)) {
    case 0:
    case 1:
        point_base(random, context, physical);
        break;
    case 2:
        if (program()->leaf_slots == LEAF_SLOTS) {
            point_anchors(random, context, physical);
        }
        break;
    case 3:
        CSR_WRITE(pmpcfg0, (uint64_t)PMP_OPEN << 8 * PMP_OPEN_ENTRY);
        break;
    case 4:
    case 5:
        if (slot < program()->leaf_slots && program()->tidy) {
            write_entry(random, table_of(random, 0), (unsigned)slot);
        }
        break;
    default:
        break;
    }
}

/* An interrupt goes on where it came, and does not come again; else the way leads behind what
 * trapped, as far as that can be known, often with the reason gone. */
static void go_on(struct random *random, struct context *context) {
    uint64_t cause = CSR_READ(mcause);
    uint64_t mode = CSR_READ(mstatus) >> MPP_SHIFT & PRIV_M;
    if (one_in(random, program()->surprises)) {
        surprise(random);
    }
    if (cause >> 63 != 0) {
        uint64_t bit = UINT64_C(1) << (cause & 63);
        CSR_CLEAR(mip, bit);
        if ((CSR_READ(mip) & bit) != 0 || one_in(random, 16)) {
            CSR_CLEAR(mie, bit & ~(uint64_t)MTIP);
        }
        return;
    }
    if (cause == CAUSE_FETCH_PAGE) {
        return; /* the page is there now */
    }
    CSR_WRITE(mepc, CSR_READ(mepc) + (one_in(random, 8) ? 2 : 4));
    if (cause == CAUSE_ILLEGAL) {
        CSR_SET(mstatus, float_state(random, one_in(random, 8)));
    } else if ((1 << cause & CAUSES_DATA) != 0) {
        give_reason(random, context, addresses_are_physical(mode));
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
    bool timer = CSR_READ(mcause) == (UINT64_C(1) << 63 | CAUSE_TIMER);
    bool hurries = timer && program()->heals != 0;
    bool damages = first || one_in(random, hurries ? program()->go_on / 4 : program()->go_on);
    *(volatile uint32_t *)at(MSIP + 4 * hart) = 0;
    if (damages) {
        damage(random, first);
    }
    if (damages || nothing_to_go_on(random)) {
        go_elsewhere(random, context);
    } else {
        go_on(random, context);
    }
    timer_arm(hart, 1 + random_below(random, program()->slice_ticks));
}
