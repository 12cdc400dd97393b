/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One hart as the privileged architecture sees it: reset, interrupts, traps, returns, state.
 *
 * Time appears here in one place only: a step that traps does not retire. Interrupts take no step,
 * so they touch no counter (docs/time.md, law 1). */
#include "hart/hart.h"

#include <string.h>

/* -- Reset ----------------------------------------------------------------------------------- */

/* Counters restart at zero although steps go on: each base takes back what was counted so far. */
static void reset_counters(struct hart *hart) {
    hart->mcountinhibit = 0;
    hart->cycle = (struct counter){.base = 0 - hart->clock->steps};
    hart->instret = (struct counter){.base = 0 - hart_retired(hart)};
}

/* Fields that only have one legal value on this CPU start with it. */
static uint64_t reset_mstatus(const struct hart *hart) {
    uint64_t uxl = (uint64_t)2 << 32;
    uint64_t sxl = (uint64_t)2 << 34;
    return hart_has(hart, EXT_s) ? uxl | sxl : hart_has(hart, EXT_u) ? uxl : MSTATUS_MPP;
}

static void reset_supervisor(struct hart *hart) {
    hart->mideleg = hart->medeleg = 0;
    hart->stvec = hart->sscratch = hart->sepc = hart->scause = hart->stval = 0;
    hart->satp = 0;
    hart->menvcfg = hart->senvcfg = 0;
    hart->mcounteren = hart->scounteren = 0;
    hart->stimecmp = UINT64_MAX; /* so that turning STCE on raises nothing by itself */
    comparator_set(&hart->supervisor_timer, hart->stimecmp, false);
}

void hart_reset(struct hart *hart, vaddr pc, uint64_t a1) {
    memset(hart->x, 0, sizeof hart->x);
    memset(hart->f, 0, sizeof hart->f);
    hart->x[10] = hart->id;
    hart->x[11] = a1;
    hart->pc = pc;
    hart->priv = PRIV_M;
    hart->mstatus = reset_mstatus(hart);
    hart->frm = hart->fflags = 0;
    hart->mip = hart->mie = 0;
    hart->mtvec = hart->mscratch = hart->mepc = hart->mcause = hart->mtval = 0;
    hart->reserved = false;
    reset_supervisor(hart);
    reset_counters(hart);
    pmp_reset(hart);
    mmu_flush(hart);
    hart_changed(hart);
    vcpu_wake(hart->vcpu);
}

/* -- Interrupt lines ------------------------------------------------------------------------- */

void hart_set_lines(struct hart *hart, uint64_t bits, bool level) {
    hart->lines = level ? hart->lines | bits : hart->lines & ~bits;
    hart->check = true;
    if (hart_wake_pending(hart)) {
        vcpu_wake(hart->vcpu);
    }
}

uint64_t hart_mip(const struct hart *hart) {
    uint64_t timer_owned = (hart->menvcfg & ENVCFG_STCE) != 0 ? IP_STIP : 0;
    return (hart->mip & ~timer_owned) | hart->lines;
}

bool hart_wake_pending(const struct hart *hart) {
    return (hart_mip(hart) & hart->mie) != 0;
}

/* -- Traps and returns ----------------------------------------------------------------------- */

static uint64_t with_field(uint64_t status, uint64_t field, uint64_t value) {
    uint64_t lowest_bit = field & (0 - field);
    return (status & ~field) | (value * lowest_bit & field);
}

static bool is_set(uint64_t status, uint64_t bit) {
    return (status & bit) != 0;
}

/* Exceptions go to the vector's base, interrupts in vectored mode to one entry a cause. */
static vaddr trap_target(uint64_t tvec, uint64_t cause) {
    vaddr base = tvec & ~(uint64_t)3;
    bool vectored = (tvec & 3) == 1 && (cause & CAUSE_INTERRUPT) != 0;
    return vectored ? base + 4 * (cause & ~CAUSE_INTERRUPT) : base;
}

static void enter_trap(struct hart *hart, uint64_t cause, uint64_t tval, enum privilege target) {
    uint64_t status = hart->mstatus;
    if (unlikely(hart->watched)) {
        tally_enter(hart, cause, target);
    }
    if (target == PRIV_S) {
        hart->scause = cause;
        hart->sepc = hart->pc;
        hart->stval = tval;
        status = with_field(status, MSTATUS_SPIE, is_set(status, MSTATUS_SIE));
        status = with_field(status, MSTATUS_SIE, 0);
        status = with_field(status, MSTATUS_SPP, hart->priv == PRIV_S);
        hart->pc = trap_target(hart->stvec, cause);
    } else {
        hart->mcause = cause;
        hart->mepc = hart->pc;
        hart->mtval = tval;
        status = with_field(status, MSTATUS_MPIE, is_set(status, MSTATUS_MIE));
        status = with_field(status, MSTATUS_MIE, 0);
        status = with_field(status, MSTATUS_MPP, hart->priv);
        hart->pc = trap_target(hart->mtvec, cause);
    }
    hart->mstatus = status;
    hart->priv = (uint8_t)target;
    hart_changed(hart);
}

void hart_exception(struct hart *hart, enum cause cause, uint64_t tval) {
    bool delegated = hart->priv != PRIV_M && (hart->medeleg >> cause & 1) != 0;
    hart->unretired++;
    if (unlikely(hart->watched)) {
        tally_trap(hart, cause);
    }
    enter_trap(hart, cause, tval, delegated ? PRIV_S : PRIV_M);
}

/* An interrupt for a mode is held back while the hart is in a higher one, or in that one with the
 * enable off. */
static bool interruptible(const struct hart *hart, enum privilege target, uint64_t enable) {
    return hart->priv < target || (hart->priv == target && (hart->mstatus & enable) != 0);
}

bool hart_take_interrupt(struct hart *hart) {
    uint64_t pending = hart_mip(hart) & hart->mie;
    if (pending == 0) {
        return false;
    }
    uint64_t machine = interruptible(hart, PRIV_M, MSTATUS_MIE) ? pending & ~hart->mideleg : 0;
    uint64_t supervisor = interruptible(hart, PRIV_S, MSTATUS_SIE) ? pending & hart->mideleg : 0;
    uint64_t takeable = machine != 0 ? machine : supervisor;
    static const uint8_t by_priority[] = {11, 3, 7, 9, 1, 5}; /* MEI MSI MTI SEI SSI STI */
    for (unsigned i = 0; i < COUNT(by_priority); i++) {
        if ((takeable >> by_priority[i] & 1) != 0) {
            enter_trap(hart, CAUSE_INTERRUPT | by_priority[i], 0, machine != 0 ? PRIV_M : PRIV_S);
            return true;
        }
    }
    return false;
}

void hart_mret(struct hart *hart) {
    uint64_t status = hart->mstatus;
    hart->priv = (uint8_t)bits_get(status, 12, 11);
    status = with_field(status, MSTATUS_MIE, is_set(status, MSTATUS_MPIE));
    status = with_field(status, MSTATUS_MPIE, 1);
    status = with_field(status, MSTATUS_MPP, hart_has(hart, EXT_u) ? PRIV_U : PRIV_M);
    if (hart->priv != PRIV_M) {
        status = with_field(status, MSTATUS_MPRV, 0);
    }
    hart->mstatus = status;
    hart->pc = hart->mepc;
    if (unlikely(hart->watched)) {
        tally_back(hart, PRIV_M);
    }
    hart_changed(hart);
}

void hart_sret(struct hart *hart) {
    enum privilege from = (enum privilege)hart->priv;
    uint64_t status = hart->mstatus;
    hart->priv = is_set(status, MSTATUS_SPP) ? PRIV_S : PRIV_U;
    status = with_field(status, MSTATUS_SIE, is_set(status, MSTATUS_SPIE));
    status = with_field(status, MSTATUS_SPIE, 1);
    status = with_field(status, MSTATUS_SPP, 0);
    status = with_field(status, MSTATUS_MPRV, 0); /* either target is below M */
    hart->mstatus = status;
    hart->pc = hart->sepc;
    if (unlikely(hart->watched)) {
        tally_back(hart, from);
    }
    hart_changed(hart);
}

void hart_changed(struct hart *hart) {
    hart->zeroes_blocks = hart_envcfg_allows(hart, ENVCFG_CBZE);
    mmu_set_contexts(hart);
    hart->check = true;
}

uint64_t hart_retired(const struct hart *hart) {
    return hart->clock->steps - hart->unretired;
}

/* -- State ----------------------------------------------------------------------------------- */

/* Names are for people who compare two harts: see stream_name(). */

static void state_u64s(struct stream *stream, const char *name, uint64_t *values, size_t count) {
    stream_name(stream, name, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        stream_u64(stream, &values[i]);
    }
}

static void state_u32(struct stream *stream, const char *name, uint32_t *value) {
    stream_name(stream, name, sizeof *value);
    stream_u32(stream, value);
}

static void state_u8(struct stream *stream, const char *name, uint8_t *value) {
    stream_name(stream, name, sizeof *value);
    stream_u8(stream, value);
}

#define REGISTER(name)                                                                             \
    { #name, &hart->name }

static void state_traps(struct hart *hart, struct stream *stream) {
    const struct {
        const char *name;
        uint64_t *value;
    } registers[] = {
        {"interrupt lines", &hart->lines},
        REGISTER(mip),
        REGISTER(mie),
        REGISTER(mideleg),
        REGISTER(medeleg),
        REGISTER(mtvec),
        REGISTER(mscratch),
        REGISTER(mepc),
        REGISTER(mcause),
        REGISTER(mtval),
        REGISTER(stvec),
        REGISTER(sscratch),
        REGISTER(sepc),
        REGISTER(scause),
        REGISTER(stval),
        REGISTER(satp),
        REGISTER(stimecmp),
        REGISTER(menvcfg),
        REGISTER(senvcfg),
        REGISTER(mstatus),
    };
    for (size_t i = 0; i < COUNT(registers); i++) {
        state_u64s(stream, registers[i].name, registers[i].value, 1);
    }
}

/* What a guest can make of its registers is less than what bytes can hold. */
static void state_set(struct hart *hart, struct stream *stream) {
    bool modes = hart->priv == PRIV_M ||
                 ((hart->priv == PRIV_S || hart->priv == PRIV_U) && hart_has(hart, EXT_u));
    const struct ram *ram = &hart->harts->bus->ram;
    bool reserves = !hart->reserved || (hart->reservation % CACHE_LINE_BYTES == 0 &&
                                        ram_holds(ram, hart->reservation, CACHE_LINE_BYTES));
    bool sound = modes && hart->fflags < 32 && hart->frm < 8 && reserves;
    if (!stream_expect(stream, sound, "holds a register that no hart has")) {
        hart->priv = PRIV_M;
        hart->frm = hart->fflags = 0;
        hart->reserved = false;
    }
    hart->x[0] = 0;
    hart->leave = false;
    csr_state_set(hart);
    pmp_state_set(hart);
}

void hart_state(struct hart *hart, struct stream *stream) {
    uint64_t reservation = hart->reserved ? hart->reservation : 0;
    state_u64s(stream, "x", hart->x, X_SINK);
    state_u64s(stream, "f", hart->f, COUNT(hart->f));
    state_u64s(stream, "pc", &hart->pc, 1);
    state_u8(stream, "privilege", &hart->priv);
    state_u8(stream, "frm", &hart->frm);
    state_u8(stream, "fflags", &hart->fflags);
    state_traps(hart, stream);
    state_u32(stream, "mcounteren", &hart->mcounteren);
    state_u32(stream, "scounteren", &hart->scounteren);
    state_u32(stream, "mcountinhibit", &hart->mcountinhibit);
    state_u64s(stream, "mcycle less steps", &hart->cycle.base, 1);
    state_u64s(stream, "minstret less retired", &hart->instret.base, 1);
    state_u64s(stream, "steps not retired", &hart->unretired, 1);
    stream_name(stream, "configuration of PMP entry ", 1);
    stream_bytes(stream, hart->pmpcfg, sizeof hart->pmpcfg);
    state_u64s(stream, "pmpaddr", hart->pmpaddr, PMP_ENTRIES);
    stream_name(stream, "reservation held", 1);
    stream_bool(stream, &hart->reserved);
    state_u64s(stream, "reservation", &reservation, 1);
    hart->reservation = reservation;
    stream_name(stream, "supervisor timer, byte ", 1);
    timer_state(&hart->supervisor_timer.timer, stream);
    if (stream_sets(stream)) {
        state_set(hart, stream);
    }
}

void harts_state(struct harts *harts, struct stream *stream) {
    for (unsigned i = 0; i < harts->count; i++) {
        hart_state(harts->hart[i], stream);
    }
}
