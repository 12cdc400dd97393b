/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traps and returns in every mode, interrupts against a model, reset, the state walk. */
#include "hart_fixture.h"

#include <string.h>

enum { SSI = 1, MSI = 3, STI = 5, MTI = 7, SEI = 9, MEI = 11 };

static const uint8_t modes[] = {PRIV_U, PRIV_S, PRIV_M};

/* A hart about to execute something at 0x80001234 in a mode, handlers set up. */
static struct hart *hart_at(struct fixture *fixture, uint8_t priv) {
    struct hart *hart = fixture->hart;
    hart_reset(hart, 0x80001234, 0);
    set(hart, CSR_MTVEC, 0x80004000);
    set(hart, CSR_STVEC, 0x80008000);
    hart->priv = priv;
    return hart;
}

/* -- Exceptions ------------------------------------------------------------------------------ */

static const uint8_t causes[] = {
    CAUSE_FETCH_MISALIGNED, CAUSE_FETCH_ACCESS, CAUSE_ILLEGAL,          CAUSE_BREAKPOINT,
    CAUSE_LOAD_MISALIGNED,  CAUSE_LOAD_ACCESS,  CAUSE_STORE_MISALIGNED, CAUSE_STORE_ACCESS,
    CAUSE_ECALL_U,          CAUSE_ECALL_S,      CAUSE_ECALL_M,          CAUSE_FETCH_PAGE,
    CAUSE_LOAD_PAGE,        CAUSE_STORE_PAGE,
};

static void exceptions_by_mode_and_delegation(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (size_t i = 0; i < COUNT(causes) * COUNT(modes) * 2; i++) {
        enum cause cause = causes[i % COUNT(causes)];
        uint8_t priv = modes[i / COUNT(causes) % COUNT(modes)];
        bool asked = i / COUNT(causes) / COUNT(modes) == 1;
        struct hart *hart = hart_at(fixture, priv);
        set(hart, CSR_MEDELEG, asked ? UINT64_MAX : 0);
        bool delegated = asked && priv != PRIV_M && cause != CAUSE_ECALL_M;
        hart->check = false;
        hart_exception(hart, cause, 0xabcd);
        assert_int_equal(hart->priv, delegated ? PRIV_S : PRIV_M);
        assert_int_equal(hart->pc, delegated ? 0x80008000 : 0x80004000);
        assert_int_equal(get(hart, delegated ? CSR_SCAUSE : CSR_MCAUSE), cause);
        assert_int_equal(get(hart, delegated ? CSR_SEPC : CSR_MEPC), 0x80001234);
        assert_int_equal(get(hart, delegated ? CSR_STVAL : CSR_MTVAL), 0xabcd);
        assert_int_equal(get(hart, delegated ? CSR_MCAUSE : CSR_SCAUSE), 0);
        assert_int_equal(get(hart, delegated ? CSR_MEPC : CSR_SEPC), 0);
        assert_int_equal(get(hart, delegated ? CSR_MTVAL : CSR_STVAL), 0);
        assert_true(hart->check && contexts_current(hart));
    }
    fixture_free(fixture);
}

/* One bit of medeleg moves one cause. */
static void delegation_is_by_cause(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (size_t i = 0; i < COUNT(causes); i++) {
        for (size_t bit = 0; bit < COUNT(causes); bit++) {
            struct hart *hart = hart_at(fixture, PRIV_U);
            set(hart, CSR_MEDELEG, (uint64_t)1 << causes[bit]);
            hart_exception(hart, causes[i], 0);
            bool delegated = i == bit && causes[i] != CAUSE_ECALL_M;
            assert_int_equal(hart->priv, delegated ? PRIV_S : PRIV_M);
        }
    }
    fixture_free(fixture);
}

/* The enable goes to the previous enable, the mode to the previous mode; the rest stays. */
static void exceptions_stack_mstatus(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (size_t i = 0; i < COUNT(modes) * 4; i++) {
        uint8_t priv = modes[i % COUNT(modes)];
        bool on = (i / COUNT(modes) & 1) != 0;
        bool to_s = i / COUNT(modes) >= 2 && priv != PRIV_M;
        uint64_t enable = to_s ? MSTATUS_SIE : MSTATUS_MIE;
        uint64_t previous = to_s ? MSTATUS_SPIE : MSTATUS_MPIE;
        struct hart *hart = hart_at(fixture, priv);
        set(hart, CSR_MEDELEG, to_s ? UINT64_MAX : 0);
        set(hart, CSR_MSTATUS, on ? UINT64_MAX & ~previous : previous | MSTATUS_MPRV);
        uint64_t before = get(hart, CSR_MSTATUS);
        hart_exception(hart, CAUSE_ILLEGAL, 0);
        uint64_t mode_field = to_s ? MSTATUS_SPP : MSTATUS_MPP;
        uint64_t mode = to_s ? (uint64_t)priv << 8 : (uint64_t)priv << 11;
        uint64_t expected =
            (before & ~(enable | previous | mode_field)) | (on ? previous : 0) | mode;
        assert_true(get(hart, CSR_MSTATUS) == expected);
    }
    fixture_free(fixture);
}

static void exceptions_do_not_retire(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = hart_at(fixture, PRIV_U);
    hart->clock->steps = 100;
    uint64_t retired = hart_retired(hart);
    hart_exception(hart, CAUSE_ECALL_U, 0);
    hart->clock->steps++;
    assert_int_equal(hart_retired(hart), retired);
    hart->clock->steps++;
    assert_int_equal(hart_retired(hart), retired + 1);
    fixture_free(fixture);
}

/* Vectored mode is for interrupts alone. */
static void exceptions_go_to_the_base(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (unsigned delegated = 0; delegated < 2; delegated++) {
        struct hart *hart = hart_at(fixture, PRIV_U);
        set(hart, CSR_MEDELEG, delegated != 0 ? UINT64_MAX : 0);
        set(hart, CSR_MTVEC, 0x80004001);
        set(hart, CSR_STVEC, 0x80008001);
        hart_exception(hart, CAUSE_LOAD_PAGE, 0);
        assert_int_equal(hart->pc, delegated != 0 ? 0x80008000 : 0x80004000);
    }
    fixture_free(fixture);
}

/* Law 10: only a store or an SC ends a reservation. */
static void traps_keep_the_reservation(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = hart_at(fixture, PRIV_U);
    hart->reserved = true;
    hart->reservation = 0x80000040;
    hart_exception(hart, CAUSE_ECALL_U, 0);
    hart_mret(hart);
    assert_true(hart->reserved);
    hart_reset(hart, RESET_PC, 0);
    assert_false(hart->reserved);
    fixture_free(fixture);
}

/* -- Interrupts ------------------------------------------------------------------------------ */

/* The manual, read a second time: M-level ones first, each level in the order of 3.1.9, the level's
 * enable only asked in its own mode, a lower level never in a higher mode. -1: none. */
static int expected_interrupt(const struct hart *hart, bool *to_supervisor) {
    static const uint8_t order[] = {MEI, MSI, MTI, SEI, SSI, STI};
    for (unsigned level = 0; level < 2; level++) {
        for (size_t i = 0; i < COUNT(order); i++) {
            uint64_t bit = (uint64_t)1 << order[i];
            bool pending = ((hart->mip | hart->lines) & hart->mie & bit) != 0;
            bool delegated = (hart->mideleg & bit) != 0;
            if (!pending || delegated != (level == 1)) {
                continue;
            }
            bool m_on = hart->priv < PRIV_M || (hart->mstatus & MSTATUS_MIE) != 0;
            bool s_on = hart->priv == PRIV_U ||
                        (hart->priv == PRIV_S && (hart->mstatus & MSTATUS_SIE) != 0);
            if (delegated ? s_on : m_on) {
                *to_supervisor = delegated;
                return order[i];
            }
        }
    }
    return -1;
}

/* Six interrupts by the bits of a small number. */
static uint64_t six(unsigned bits) {
    static const uint8_t numbers[] = {SSI, MSI, STI, MTI, SEI, MEI};
    uint64_t mask = 0;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        mask |= (uint64_t)(bits >> i & 1) << numbers[i];
    }
    return mask;
}

static void check_interrupt(struct hart *hart, unsigned number) {
    bool to_supervisor = false;
    int expected = expected_interrupt(hart, &to_supervisor);
    uint64_t status = hart->mstatus;
    uint8_t priv = hart->priv;
    bool taken = hart_take_interrupt(hart);
    if (taken != (expected >= 0)) {
        fail_msg("case %u: %s", number, taken ? "taken" : "not taken");
    }
    if (!taken) {
        assert_true(hart->pc == 0x80001234 && hart->priv == priv && hart->mstatus == status);
        return;
    }
    uint64_t cause = to_supervisor ? hart->scause : hart->mcause;
    if (cause != (CAUSE_INTERRUPT | (uint64_t)expected)) {
        fail_msg("case %u: cause %jx instead of %d", number, (uintmax_t)cause, expected);
    }
    assert_int_equal(hart->priv, to_supervisor ? PRIV_S : PRIV_M);
    assert_int_equal(hart->pc, to_supervisor ? 0x80008000 : 0x80004000 + 4 * (unsigned)expected);
    assert_int_equal(to_supervisor ? hart->sepc : hart->mepc, 0x80001234);
    assert_int_equal(to_supervisor ? hart->stval : hart->mtval, 0);
}

/* Every mode, enable, delegation, mie and pending set. */
static void interrupts_by_truth_table(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = hart_at(fixture, PRIV_M);
    set(hart, CSR_MTVEC, 0x80004001);
    for (unsigned i = 0; i < 64 * 64 * 8 * 4 * 3; i++) {
        unsigned pending = i % 64;
        unsigned enabled = i / 64 % 64;
        unsigned delegated = i / 64 / 64 % 8;
        unsigned enables = i / 64 / 64 / 8 % 4;
        hart->priv = modes[i / 64 / 64 / 8 / 4];
        hart->pc = 0x80001234;
        hart->mstatus = (enables & 1) * MSTATUS_MIE | (enables >> 1) * MSTATUS_SIE;
        hart->mideleg = six((delegated & 1) | (delegated & 2) << 1 | (delegated & 4) << 2);
        hart->mie = six(enabled);
        hart->mip = six(pending) & 0x222;
        hart->lines = six(pending) & 0x888;
        check_interrupt(hart, i);
    }
    fixture_free(fixture);
}

static void interrupts_take_no_step(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = hart_at(fixture, PRIV_U);
    hart->clock->steps = 50;
    uint64_t retired = hart_retired(hart);
    set(hart, CSR_MIE, IP_MTIP);
    hart_set_lines(hart, IP_MTIP, true);
    assert_true(hart_take_interrupt(hart));
    assert_int_equal(hart->clock->steps, 50);
    assert_int_equal(hart_retired(hart), retired);
    assert_false(hart_take_interrupt(hart)); /* MIE is off in the handler */
    fixture_free(fixture);
}

static void supervisor_interrupts_are_vectored_too(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = hart_at(fixture, PRIV_U);
    set(hart, CSR_STVEC, 0x80008001);
    set(hart, CSR_MIDELEG, UINT64_MAX);
    set(hart, CSR_MIE, UINT64_MAX);
    set(hart, CSR_MIP, IP_STIP);
    assert_true(hart_take_interrupt(hart));
    assert_int_equal(hart->pc, 0x80008000 + 4 * STI);
    fixture_free(fixture);
}

/* A line that rises wakes when mie enables it, whatever mstatus says (WFI, 3.3.3). */
static void lines_wake_when_enabled(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (unsigned enabled = 0; enabled < 2; enabled++) {
        struct hart *hart = hart_at(fixture, PRIV_M);
        set(hart, CSR_MIE, enabled != 0 ? IP_MSIP : IP_MTIP);
        vcpu_sleep(hart->vcpu);
        hart->check = false;
        hart_set_lines(hart, IP_MSIP, true);
        assert_int_equal(hart->vcpu->asleep, enabled == 0);
        assert_int_equal(hart_wake_pending(hart), enabled != 0);
        assert_true(hart->check);
        hart_set_lines(hart, IP_MSIP, false);
        assert_int_equal(get(hart, CSR_MIP), 0);
    }
    fixture_free(fixture);
}

/* The comparator of stimecmp raises its line at the step, and the schedule brings it about. */
static void stimecmp_fires_at_its_step(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = hart_at(fixture, PRIV_M);
    vcpu_sleep(fixture->harts.hart[0]->vcpu);
    set(hart, CSR_MENVCFG, ENVCFG_STCE);
    set(hart, CSR_STIMECMP, 3); /* 300 ns: 37.5 steps */
    struct turn turn = sched_next(&fixture->sched);
    assert_int_equal(turn.kind, TURN_RUN);
    assert_int_equal(turn.vcpu, hart->id);
    assert_int_equal(turn.budget_steps, 38);
    hart->clock->steps += turn.budget_steps;
    assert_int_equal(get(hart, CSR_MIP), 0);
    sched_next(&fixture->sched);
    assert_int_equal(get(hart, CSR_MIP), IP_STIP);
    assert_int_equal(get(hart, CSR_TIME), 3);
    fixture_free(fixture);
}

/* -- Returns --------------------------------------------------------------------------------- */

static void mret_unstacks(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (unsigned i = 0; i < 3 * 2 * 2; i++) {
        uint8_t previous = modes[i % 3];
        bool mpie = (i / 3 & 1) != 0;
        bool mprv = i / 6 != 0;
        struct hart *hart = hart_at(fixture, PRIV_M);
        uint64_t others = MSTATUS_SIE | MSTATUS_SPP | MSTATUS_SUM | MSTATUS_TSR;
        set(hart, CSR_MSTATUS,
            others | (uint64_t)previous << 11 | (mpie ? MSTATUS_MPIE : MSTATUS_MIE) |
                (mprv ? MSTATUS_MPRV : 0));
        set(hart, CSR_MEPC, 0x80002346);
        hart->check = false;
        hart_mret(hart);
        assert_int_equal(hart->priv, previous);
        assert_int_equal(hart->pc, 0x80002346);
        uint64_t kept = mprv && previous == PRIV_M ? MSTATUS_MPRV : 0;
        uint64_t expected = others | MSTATUS_MPIE | (mpie ? MSTATUS_MIE : 0) | kept;
        assert_true((get(hart, CSR_MSTATUS) & UINT32_MAX) == expected);
        assert_true(hart->check && contexts_current(hart));
    }
    fixture_free(fixture);
}

static void sret_unstacks(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (unsigned i = 0; i < 2 * 2 * 2; i++) {
        bool spp = (i & 1) != 0;
        bool spie = (i & 2) != 0;
        struct hart *hart = hart_at(fixture, (i & 4) != 0 ? PRIV_M : PRIV_S);
        uint64_t others = MSTATUS_MIE | MSTATUS_MPP | MSTATUS_MXR;
        set(hart, CSR_MSTATUS,
            others | MSTATUS_MPRV | (spp ? MSTATUS_SPP : 0) | (spie ? MSTATUS_SPIE : MSTATUS_SIE));
        set(hart, CSR_SEPC, 0x80002346);
        hart->check = false;
        hart_sret(hart);
        assert_int_equal(hart->priv, spp ? PRIV_S : PRIV_U);
        assert_int_equal(hart->pc, 0x80002346);
        uint64_t expected = others | MSTATUS_SPIE | (spie ? MSTATUS_SIE : 0);
        assert_true((get(hart, CSR_MSTATUS) & UINT32_MAX) == expected);
        assert_true(hart->check && contexts_current(hart));
    }
    fixture_free(fixture);
}

/* Without user mode the least privileged mode is M. */
static void mret_without_user_mode(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(ext_bit(EXT_zicsr));
    hart_exception(fixture->hart, CAUSE_ILLEGAL, 0);
    hart_mret(fixture->hart);
    assert_int_equal(fixture->hart->priv, PRIV_M);
    assert_int_equal(get(fixture->hart, CSR_MSTATUS) & MSTATUS_MPP, MSTATUS_MPP);
    fixture_free(fixture);
}

/* -- Reset (law 14) -------------------------------------------------------------------------- */

static void reset_starts_over(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    hart->clock->steps = 1000;
    hart_set_lines(hart, IP_MSIP, true);
    open_all(hart);
    for (unsigned number = 0; number < 0xc00; number++) {
        if (writable(hart, number)) {
            set(hart, number, number == CSR_SATP ? 0x8000000000080000 : UINT64_MAX);
        }
    }
    set(hart, CSR_STIMECMP, 0);
    hart_exception(hart, CAUSE_ILLEGAL, 0);
    hart->clock->steps++;
    memset(hart->x, 0xff, sizeof hart->x);
    memset(hart->f, 0xff, sizeof hart->f);
    hart->priv = PRIV_U;
    hart->data_tlb[5].read_page = 0;
    hart->check = false;
    vcpu_sleep(hart->vcpu);

    hart_reset(hart, 0x1000, 0x87000000);

    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(hart->x[i], i == 10 ? hart->id : i == 11 ? 0x87000000 : 0);
        assert_int_equal(hart->f[i], 0);
    }
    assert_int_equal(hart->pc, 0x1000);
    assert_int_equal(hart->priv, PRIV_M);
    assert_false(hart->vcpu->asleep);
    assert_int_equal(hart->frm | hart->fflags, 0);
    assert_true(hart->check && contexts_current(hart));
    assert_true(hart->data_tlb[5].read_page == TLB_EMPTY);
    assert_false(hart->supervisor_timer.enabled);
    for (unsigned number = 0x100; number < 0xc00; number++) {
        uint64_t expected = number == CSR_MSTATUS    ? (uint64_t)0xa << 32
                            : number == CSR_SSTATUS  ? (uint64_t)2 << 32
                            : number == CSR_STIMECMP ? UINT64_MAX
                            : number == CSR_MIP      ? IP_MSIP
                            : number == CSR_MISA     ? get(hart, CSR_MISA)
                            : number == CSR_TINFO    ? get(hart, CSR_TINFO)
                                                     : 0;
        if (readable(hart, number) && get(hart, number) != expected) {
            fail_msg("CSR 0x%03x is 0x%jx after reset", number, (uintmax_t)get(hart, number));
        }
    }
    assert_int_equal(hart->clock->steps, 1001);
    assert_int_equal(hart_retired(hart), 1000); /* a life's worth, for the stats */
    hart->clock->steps++;
    assert_int_equal(get(hart, CSR_MCYCLE), 1);
    assert_int_equal(get(hart, CSR_MINSTRET), 1);
    set(hart, CSR_MENVCFG, ENVCFG_STCE);
    assert_int_equal(get(hart, CSR_MIP), IP_MSIP); /* nothing due in stimecmp */
    fixture_free(fixture);
}

/* -- State walk ------------------------------------------------------------------------------ */

struct walk {
    uint8_t bytes[4096];
    size_t size_bytes;
};

static void walk_put(void *owner, const void *bytes, size_t size_bytes) {
    struct walk *walk = owner;
    assert_true(walk->size_bytes + size_bytes <= sizeof walk->bytes);
    memcpy(walk->bytes + walk->size_bytes, bytes, size_bytes);
    walk->size_bytes += size_bytes;
}

static bool walk_differs(struct harts *harts, const struct walk *before) {
    struct walk now = {.size_bytes = 0};
    struct stream stream = {.put = walk_put, .owner = &now};
    harts_state(harts, &stream);
    return now.size_bytes != before->size_bytes ||
           memcmp(now.bytes, before->bytes, now.size_bytes) != 0;
}

struct field {
    const char *name;
    size_t offset;
    size_t size_bytes;
};

#define FIELD(name)                                                                                \
    { #name, offsetof(struct hart, name), sizeof(((struct hart *)0)->name) }

/* Does changing any byte of the field change the walk? */
static void each_byte(struct fixture *fixture, const struct field *field, bool state) {
    struct walk before = {.size_bytes = 0};
    struct stream stream = {.put = walk_put, .owner = &before};
    harts_state(&fixture->harts, &stream);
    for (size_t i = 0; i < field->size_bytes; i++) {
        uint8_t *byte = (uint8_t *)fixture->hart + field->offset + i;
        *byte ^= 1;
        if (walk_differs(&fixture->harts, &before) != state) {
            fail_msg("byte %zu of %s", i, field->name);
        }
        *byte ^= 1;
    }
}

static void state_is_the_architecture(void **state) {
    (void)state;
    static const struct field architecture[] = {
        FIELD(pc),          FIELD(f),
        FIELD(mstatus),     FIELD(frm),
        FIELD(fflags),      FIELD(priv),
        FIELD(lines),       FIELD(mip),
        FIELD(mie),         FIELD(mideleg),
        FIELD(medeleg),     FIELD(mtvec),
        FIELD(mscratch),    FIELD(mepc),
        FIELD(mcause),      FIELD(mtval),
        FIELD(stvec),       FIELD(sscratch),
        FIELD(sepc),        FIELD(scause),
        FIELD(stval),       FIELD(satp),
        FIELD(stimecmp),    FIELD(menvcfg),
        FIELD(senvcfg),     FIELD(mcounteren),
        FIELD(scounteren),  FIELD(mcountinhibit),
        FIELD(cycle.base),  FIELD(instret.base),
        FIELD(unretired),   FIELD(pmpcfg),
        FIELD(pmpaddr),     FIELD(reserved),
        FIELD(reservation), {"x", offsetof(struct hart, x), X_SINK * sizeof(uint64_t)},
    };
    static const struct field caches[] = {
        FIELD(check),
        FIELD(leave),
        FIELD(data_context),
        FIELD(fetch_context),
        FIELD(space_used),
        FIELD(pmp_count),
        {"x[X_SINK]", offsetof(struct hart, x[X_SINK]), sizeof(uint64_t)},
    };
    struct fixture *fixture = fixture_new(EXT_ALL);
    fixture->hart->reserved = true;
    for (size_t i = 0; i < COUNT(architecture); i++) {
        each_byte(fixture, &architecture[i], true);
    }
    for (size_t i = 0; i < COUNT(caches); i++) {
        each_byte(fixture, &caches[i], false);
    }
    fixture_free(fixture);
}

/* Where a reservation was does not matter once it is gone. */
static void state_forgets_an_ended_reservation(void **state) {
    (void)state;
    static const struct field where = FIELD(reservation);
    struct fixture *fixture = fixture_new(EXT_ALL);
    fixture->hart->reserved = false;
    each_byte(fixture, &where, false);
    fixture_free(fixture);
}

static void state_holds_the_armed_timer(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    set(fixture->hart, CSR_MENVCFG, ENVCFG_STCE);
    set(fixture->hart, CSR_STIMECMP, 1000);
    struct walk before = {.size_bytes = 0};
    struct stream stream = {.put = walk_put, .owner = &before};
    harts_state(&fixture->harts, &stream);
    timer_arm(&fixture->hart->supervisor_timer.timer, 1001);
    assert_true(walk_differs(&fixture->harts, &before));
    fixture_free(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exceptions_by_mode_and_delegation),
        cmocka_unit_test(delegation_is_by_cause),
        cmocka_unit_test(exceptions_stack_mstatus),
        cmocka_unit_test(exceptions_do_not_retire),
        cmocka_unit_test(exceptions_go_to_the_base),
        cmocka_unit_test(traps_keep_the_reservation),
        cmocka_unit_test(interrupts_by_truth_table),
        cmocka_unit_test(interrupts_take_no_step),
        cmocka_unit_test(supervisor_interrupts_are_vectored_too),
        cmocka_unit_test(lines_wake_when_enabled),
        cmocka_unit_test(stimecmp_fires_at_its_step),
        cmocka_unit_test(mret_unstacks),
        cmocka_unit_test(sret_unstacks),
        cmocka_unit_test(mret_without_user_mode),
        cmocka_unit_test(reset_starts_over),
        cmocka_unit_test(state_is_the_architecture),
        cmocka_unit_test(state_forgets_an_ended_reservation),
        cmocka_unit_test(state_holds_the_armed_timer),
    };
    return cmocka_run_group_tests_name("trap", tests, NULL, NULL);
}
