/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CSRs: who may touch which, what they keep of what is written, and the counters to the step. */
#include "hart_fixture.h"

static const struct {
    const char *name;
    unsigned number;
    enum ext ext;
} csrs[] = {
#define CSR(name, number, ext, what) {#name, number, EXT_##ext},
#include "isa/csr.def"
#undef CSR
};

static bool listed(unsigned number, ext_set ext) {
    for (size_t i = 0; i < COUNT(csrs); i++) {
        if (csrs[i].number == number) {
            return (ext & ext_bit(csrs[i].ext)) != 0;
        }
    }
    return false;
}

/* -- Access ---------------------------------------------------------------------------------- */

/* Exactly the rows of csr.def exist, and each goes with its extension. */
static void exists_as_listed(void **state) {
    (void)state;
    for (unsigned off = 0; off <= EXT_COUNT; off++) {
        ext_set ext = EXT_ALL & ~((ext_set)1 << off); /* off == EXT_COUNT: nothing is off */
        struct fixture *fixture = fixture_new(ext);
        open_all(fixture->hart);
        for (unsigned number = 0; number < CSR_NUMBER_END; number++) {
            if (readable(fixture->hart, number) != listed(number, ext)) {
                fail_msg("CSR 0x%03x without extension %u", number, off);
            }
        }
        fixture_free(fixture);
    }
}

/* Bits 9:8 are the lowest privilege, bits 11:10 = 3 read-only. */
static void access_follows_the_number(void **state) {
    (void)state;
    static const uint8_t modes[] = {PRIV_U, PRIV_S, PRIV_M};
    struct fixture *fixture = fixture_new(EXT_ALL);
    open_all(fixture->hart);
    for (size_t i = 0; i < COUNT(csrs); i++) {
        unsigned number = csrs[i].number;
        for (size_t mode = 0; mode < COUNT(modes); mode++) {
            fixture->hart->priv = modes[mode];
            bool high_enough = modes[mode] >= (number >> 8 & 3);
            bool writes = (number >> 10 & 3) != 3;
            if (readable(fixture->hart, number) != high_enough ||
                writable(fixture->hart, number) != (high_enough && writes)) {
                fail_msg("%s at privilege %u", csrs[i].name, modes[mode]);
            }
        }
    }
    fixture_free(fixture);
}

/* A counter is open to S when mcounteren says so, to U when both do. */
static void counters_need_enables(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned enables = 0; enables < 4; enables++) {
            uint32_t bit = (uint32_t)1 << i;
            set(hart, CSR_MCOUNTEREN, (enables & 1) != 0 ? bit : ~bit);
            set(hart, CSR_SCOUNTEREN, (enables & 2) != 0 ? bit : ~bit);
            hart->priv = PRIV_M;
            assert_true(readable(hart, CSR_CYCLE + i));
            hart->priv = PRIV_S;
            assert_int_equal(readable(hart, CSR_CYCLE + i), (enables & 1) != 0);
            hart->priv = PRIV_U;
            assert_int_equal(readable(hart, CSR_CYCLE + i), enables == 3);
        }
    }
    fixture_free(fixture);
}

/* Without S mode there is no scounteren to ask. */
static void counters_without_supervisor(void **state) {
    (void)state;
    struct fixture *fixture =
        fixture_new(ext_bit(EXT_zicsr) | ext_bit(EXT_zicntr) | ext_bit(EXT_u));
    fixture->hart->priv = PRIV_U;
    assert_false(readable(fixture->hart, CSR_CYCLE));
    set(fixture->hart, CSR_MCOUNTEREN, 1);
    assert_true(readable(fixture->hart, CSR_CYCLE));
    fixture_free(fixture);
}

static void stimecmp_needs_enables(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (unsigned enables = 0; enables < 4; enables++) {
        set(hart, CSR_MENVCFG, (enables & 1) != 0 ? ENVCFG_STCE : ~ENVCFG_STCE);
        set(hart, CSR_MCOUNTEREN, (enables & 2) != 0 ? 2 : ~(uint64_t)2);
        hart->priv = PRIV_M;
        assert_true(writable(hart, CSR_STIMECMP));
        hart->priv = PRIV_S;
        assert_int_equal(writable(hart, CSR_STIMECMP), enables == 3);
        assert_int_equal(readable(hart, CSR_STIMECMP), enables == 3);
        hart->priv = PRIV_U;
        assert_false(readable(hart, CSR_STIMECMP));
    }
    fixture_free(fixture);
}

static void satp_obeys_tvm(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    set(hart, CSR_MSTATUS, MSTATUS_TVM);
    assert_true(writable(hart, CSR_SATP));
    hart->priv = PRIV_S;
    assert_false(readable(hart, CSR_SATP));
    assert_false(writable(hart, CSR_SATP));
    assert_true(writable(hart, CSR_SSCRATCH));
    set(hart, CSR_MSTATUS, 0);
    assert_true(writable(hart, CSR_SATP));
    fixture_free(fixture);
}

/* -- Floating point -------------------------------------------------------------------------- */

static void fp_off_is_illegal(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (unsigned number = CSR_FFLAGS; number <= CSR_FCSR; number++) {
        set(fixture->hart, CSR_MSTATUS, 0);
        assert_false(readable(fixture->hart, number));
        assert_false(writable(fixture->hart, number));
        set(fixture->hart, CSR_MSTATUS, MSTATUS_FS & (0 - MSTATUS_FS));
        assert_true(readable(fixture->hart, number));
        assert_true(writable(fixture->hart, number));
    }
    fixture_free(fixture);
}

static void fp_write_makes_dirty(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (unsigned number = CSR_FFLAGS; number <= CSR_FCSR; number++) {
        set(hart, CSR_MSTATUS, (uint64_t)1 << 13);
        get(hart, number);
        assert_int_equal(get(hart, CSR_MSTATUS) & (MSTATUS_FS | MSTATUS_SD), (uint64_t)1 << 13);
        set(hart, number, 0);
        assert_true((get(hart, CSR_MSTATUS) & (MSTATUS_FS | MSTATUS_SD)) ==
                    (MSTATUS_FS | MSTATUS_SD));
        assert_true((get(hart, CSR_SSTATUS) & (MSTATUS_FS | MSTATUS_SD)) ==
                    (MSTATUS_FS | MSTATUS_SD));
    }
    fixture_free(fixture);
}

static void fcsr_is_frm_and_fflags(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    open_all(hart);
    set(hart, CSR_FCSR, UINT64_MAX);
    assert_int_equal(get(hart, CSR_FCSR), 0xff);
    assert_int_equal(get(hart, CSR_FRM), 7);
    assert_int_equal(get(hart, CSR_FFLAGS), 0x1f);
    set(hart, CSR_FRM, 0xfa);
    set(hart, CSR_FFLAGS, 0xe5);
    assert_int_equal(get(hart, CSR_FCSR), 2 << 5 | 5);
    fixture_free(fixture);
}

/* -- What a write leaves behind -------------------------------------------------------------- */

#define STATUS_XL ((uint64_t)0xa << 32)

/* Two writes, then what is read: the first makes the second's effect on WARL fields visible. */
static void warl_fields(void **state) {
    (void)state;
    static const struct {
        unsigned number;
        uint64_t before, write, reads;
    } rows[] = {
        {CSR_MSTATUS, 0, UINT64_MAX, 0x80000000007e79aa | STATUS_XL},
        {CSR_MSTATUS, UINT64_MAX, 0, STATUS_XL},
        {CSR_MSTATUS, 0x0800, 0x1000, 0x0800 | STATUS_XL}, /* MPP 2 is no mode */
        {CSR_MSTATUS, 0x1800, 0x1000, 0x1800 | STATUS_XL},
        {CSR_MSTATUS, 0, 0x1002, 0x0002 | STATUS_XL},
        {CSR_SSTATUS, 0, UINT64_MAX, 0x80000002000c6122},
        {CSR_MISA, 0, 0, 0x800000000014112f},
        {CSR_MEDELEG, 0, UINT64_MAX, 0xb3ff},
        {CSR_MIDELEG, 0, UINT64_MAX, 0x222},
        {CSR_MIE, 0, UINT64_MAX, 0xaaa},
        {CSR_MIP, 0, UINT64_MAX, 0x222},
        {CSR_MTVEC, 0, 0xfffffffffffffffd, 0xfffffffffffffffd},
        {CSR_MTVEC, 0x1001, 0x2002, 0x1001},
        {CSR_MTVEC, 0x1001, 0x2003, 0x1001},
        {CSR_STVEC, 0, 0x3c, 0x3c},
        {CSR_STVEC, 0x1000, 0x2002, 0x1000},
        {CSR_STVEC, 0x1000, UINT64_MAX, 0x1000},
        {CSR_MEPC, 0, UINT64_MAX, 0xfffffffffffffffe},
        {CSR_SEPC, 0, UINT64_MAX, 0xfffffffffffffffe},
        {CSR_MCAUSE, 0, UINT64_MAX, UINT64_MAX},
        {CSR_SCAUSE, 0, UINT64_MAX, UINT64_MAX},
        {CSR_MTVAL, 0, UINT64_MAX, UINT64_MAX},
        {CSR_STVAL, 0, UINT64_MAX, UINT64_MAX},
        {CSR_MSCRATCH, 0, UINT64_MAX, UINT64_MAX},
        {CSR_SSCRATCH, 0, UINT64_MAX, UINT64_MAX},
        {CSR_STIMECMP, 0, UINT64_MAX, UINT64_MAX},
        {CSR_STIMECMP, 0, 0x123456789, 0x123456789},
        {CSR_MCOUNTEREN, 0, UINT64_MAX, UINT32_MAX},
        {CSR_SCOUNTEREN, 0, UINT64_MAX, UINT32_MAX},
        {CSR_MCOUNTINHIBIT, 0, UINT64_MAX, 5},
        {CSR_MENVCFG, 0, UINT64_MAX, 0xe0000000000000f1},
        {CSR_MENVCFG, 0x10, 0x20, 0x10}, /* CBIE 2 is reserved */
        {CSR_MENVCFG, 0x30, 0x61, 0x71},
        {CSR_SENVCFG, 0, UINT64_MAX, 0xf1},
        {CSR_SENVCFG, 0x10, 0x20, 0x10},
        {CSR_SENVCFG, 0x30, 0x00, 0x00},
        {CSR_SATP, 0, 0x8fffffffffffffff, 0x8fffffffffffffff},
        {CSR_SATP, 0, 0x9000000000000001, 0x9000000000000001},
        {CSR_SATP, 0, 0xa000000000000001, 0xa000000000000001},
        {CSR_SATP, 0x8000000000000001, 0xb000000000000002, 0x8000000000000001},
        {CSR_SATP, 0x8000000000000001, 0x1000000000000002, 0x8000000000000001},
        {CSR_SATP, 0x8000000000000001, 0x7000000000000002, 0x8000000000000001},
        {CSR_SATP, 0x8000000000000001, UINT64_MAX, 0x8000000000000001},
        {CSR_SATP, 0x8000000000000001, 0, 0},
        {CSR_MHPMCOUNTER3, 0, UINT64_MAX, 0},
        {CSR_MHPMCOUNTER31, 0, UINT64_MAX, 0},
        {CSR_MHPMEVENT3, 0, UINT64_MAX, 0},
        {CSR_MHPMEVENT31, 0, UINT64_MAX, 0},
        {CSR_TSELECT, 0, UINT64_MAX, 0},
        {CSR_TDATA1, 0, UINT64_MAX, 0}, /* type 0: no trigger here */
        {CSR_TINFO, 0, 0, 0x01000001},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture *fixture = fixture_new(EXT_ALL);
        set(fixture->hart, rows[i].number, rows[i].before);
        set(fixture->hart, rows[i].number, rows[i].write);
        uint64_t reads = get(fixture->hart, rows[i].number);
        if (reads != rows[i].reads) {
            fail_msg("row %zu: CSR 0x%03x reads 0x%jx", i, rows[i].number, (uintmax_t)reads);
        }
        fixture_free(fixture);
    }
}

/* Fields of extensions that are off read as zero, or as the constant that the manual wants. */
static void fields_go_with_extensions(void **state) {
    (void)state;
    const ext_set all = EXT_ALL;
    const ext_set user_only = all & ~(ext_bit(EXT_s) | ext_bit(EXT_sv39));
    const struct {
        ext_set ext;
        unsigned number;
        uint64_t write, reads;
    } rows[] = {
        {all & ~ext_bit(EXT_f), CSR_MSTATUS, UINT64_MAX, 0x7e19aa | STATUS_XL},
        {all & ~ext_bit(EXT_sv39), CSR_MSTATUS, MSTATUS_SUM | MSTATUS_TVM, STATUS_XL},
        {all & ~ext_bit(EXT_sv39), CSR_SATP, 0x8000000000000001, 0},
        {all & ~ext_bit(EXT_sv48), CSR_SATP, 0x9000000000000001, 0},
        {all & ~ext_bit(EXT_sv57), CSR_SATP, 0xa000000000000001, 0},
        {all & ~ext_bit(EXT_sv57), CSR_SATP, 0x9000000000000001, 0x9000000000000001},
        {user_only, CSR_MSTATUS, UINT64_MAX, 0x8000000000227888 | (uint64_t)2 << 32},
        {user_only, CSR_MSTATUS, 0x800, (uint64_t)2 << 32},
        {user_only, CSR_MIE, UINT64_MAX, 0x888},
        {user_only, CSR_MIP, UINT64_MAX, 0},
        {user_only, CSR_MENVCFG, UINT64_MAX, 0xe0000000000000f0},
        {ext_bit(EXT_zicsr), CSR_MSTATUS, UINT64_MAX, 0x1888},
        {ext_bit(EXT_zicsr), CSR_MSTATUS, 0, 0x1800},
        {all & ~ext_bit(EXT_c), CSR_MEPC, UINT64_MAX, 0xfffffffffffffffc},
        {all & ~ext_bit(EXT_c), CSR_SEPC, UINT64_MAX, 0xfffffffffffffffc},
        {all & ~ext_bit(EXT_svadu), CSR_MENVCFG, UINT64_MAX, 0xc0000000000000f1},
        {all & ~ext_bit(EXT_svpbmt), CSR_MENVCFG, UINT64_MAX, 0xa0000000000000f1},
        {all & ~ext_bit(EXT_sstc), CSR_MENVCFG, UINT64_MAX, 0x60000000000000f1},
        {all & ~ext_bit(EXT_zicbom), CSR_MENVCFG, UINT64_MAX, 0xe000000000000081},
        {all & ~ext_bit(EXT_zicboz), CSR_SENVCFG, UINT64_MAX, 0x71},
        {all & ~ext_bit(EXT_zba), CSR_MISA, 0, 0x800000000014112d},
        {all & ~ext_bit(EXT_zbb), CSR_MISA, 0, 0x800000000014112d},
        {all & ~ext_bit(EXT_zbs), CSR_MISA, 0, 0x800000000014112d},
        {ext_bit(EXT_i) | ext_bit(EXT_zicsr), CSR_MISA, 0, 0x8000000000000100},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture *fixture = fixture_new(rows[i].ext);
        set(fixture->hart, rows[i].number, rows[i].write);
        uint64_t reads = get(fixture->hart, rows[i].number);
        if (reads != rows[i].reads) {
            fail_msg("row %zu: CSR 0x%03x reads 0x%jx", i, rows[i].number, (uintmax_t)reads);
        }
        fixture_free(fixture);
    }
}

/* Whatever is written, what is then read is legal: writing it back changes nothing. */
static void legal_values_stick(void **state) {
    (void)state;
    uint64_t seed = 20240411;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    open_all(hart);
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t at = seed;
        size_t i = next_random(&seed) % COUNT(csrs);
        unsigned number = csrs[i].number;
        bool moves = number == CSR_MCYCLE || number == CSR_MINSTRET;
        bool locks = number >= CSR_PMPCFG0 && number <= CSR_PMPADDR15; /* test_pmp.c */
        if ((number >> 10 & 3) == 3 || moves || locks || !readable(hart, number)) {
            continue;
        }
        set(hart, number, next_random(&seed) & next_random(&seed));
        uint64_t first = get(hart, number);
        set(hart, number, first);
        if (get(hart, number) != first) {
            fail_msg("seed %ju: %s does not keep 0x%jx", (uintmax_t)at, csrs[i].name,
                     (uintmax_t)first);
        }
        open_all(hart);
    }
    fixture_free(fixture);
}

static void identity(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    assert_int_equal(get(fixture->hart, CSR_MVENDORID), 0);
    assert_int_equal(get(fixture->hart, CSR_MARCHID), 0);
    assert_int_not_equal(get(fixture->hart, CSR_MIMPID), 0);
    assert_int_equal(get(fixture->hart, CSR_MCONFIGPTR), 0);
    assert_int_equal(get(fixture->harts.hart[0], CSR_MHARTID), 0);
    assert_int_equal(get(fixture->harts.hart[1], CSR_MHARTID), 1);
    fixture_free(fixture);
}

/* -- Interrupt registers --------------------------------------------------------------------- */

static void supervisor_views(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    set(hart, CSR_MIE, 0x888);
    set(hart, CSR_MIP, 0x222);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t delegated = (i & 1) * IP_SSIP | (i >> 1 & 1) * IP_STIP | (i >> 2) * IP_SEIP;
        set(hart, CSR_MIDELEG, delegated);
        set(hart, CSR_SIE, UINT64_MAX);
        assert_int_equal(get(hart, CSR_SIE), delegated);
        assert_int_equal(get(hart, CSR_MIE), 0x888 | delegated);
        set(hart, CSR_SIE, 0);
        assert_int_equal(get(hart, CSR_MIE), 0x888);
        assert_int_equal(get(hart, CSR_SIP), delegated);
        set(hart, CSR_SIP, 0);
        assert_int_equal(get(hart, CSR_MIP), 0x222 & ~(delegated & IP_SSIP)); /* SSIP alone */
        set(hart, CSR_SIP, UINT64_MAX);
        assert_int_equal(get(hart, CSR_MIP), 0x222);
    }
    fixture_free(fixture);
}

/* A read of SEIP sees software or line; csrrs and csrrc must not copy the line into the bit. */
static void seip_is_bit_or_line(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    hart_set_lines(hart, IP_SEIP | IP_MEIP | IP_MTIP | IP_MSIP, true);
    uint64_t value = get(hart, CSR_MIP);
    assert_int_equal(value, IP_SEIP | IP_MEIP | IP_MTIP | IP_MSIP);
    set(hart, CSR_MIP, csr_modify_base(hart, CSR_MIP, value) | IP_SSIP);
    hart_set_lines(hart, IP_SEIP | IP_MEIP, false);
    assert_int_equal(get(hart, CSR_MIP), IP_SSIP | IP_MTIP | IP_MSIP);
    set(hart, CSR_MIP, csr_modify_base(hart, CSR_MIP, get(hart, CSR_MIP)) | IP_SEIP);
    assert_int_equal(get(hart, CSR_MIP), IP_SSIP | IP_SEIP | IP_MTIP | IP_MSIP);
    hart_set_lines(hart, IP_SEIP, true);
    set(hart, CSR_MIP, csr_modify_base(hart, CSR_MIP, get(hart, CSR_MIP)) & ~(uint64_t)IP_SEIP);
    assert_true((get(hart, CSR_MIP) & IP_SEIP) != 0);
    hart_set_lines(hart, IP_SEIP, false);
    assert_true((get(hart, CSR_MIP) & IP_SEIP) == 0);
    assert_int_equal(csr_modify_base(hart, CSR_MSCRATCH, 0x3ff), 0x3ff);
    fixture_free(fixture);
}

/* With STCE the comparator owns STIP; without it the bit is software's and comes back as it was. */
static void stip_follows_stimecmp(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    set(hart, CSR_MIP, IP_STIP);
    set(hart, CSR_MENVCFG, ENVCFG_STCE);
    assert_int_equal(get(hart, CSR_MIP), 0); /* reset value of stimecmp: nothing is due */
    set(hart, CSR_MIP, UINT64_MAX);
    assert_int_equal(get(hart, CSR_MIP), IP_SSIP | IP_SEIP);
    hart->clock->steps = 125; /* 1000 ns, 10 ticks */
    set(hart, CSR_STIMECMP, 11);
    assert_int_equal(get(hart, CSR_MIP) & IP_STIP, 0);
    assert_int_equal(timers_due(&hart->vcpu->timers), 1100);
    set(hart, CSR_STIMECMP, 10);
    assert_int_equal(get(hart, CSR_MIP) & IP_STIP, IP_STIP);
    set(hart, CSR_MIP, 0);
    assert_int_equal(get(hart, CSR_MIP), IP_STIP);
    set(hart, CSR_STIMECMP, 1000);
    assert_int_equal(get(hart, CSR_MIP), 0);
    set(hart, CSR_STIMECMP, 0);
    set(hart, CSR_MENVCFG, 0);
    assert_int_equal(get(hart, CSR_MIP), IP_STIP); /* software's, from the first line */
    set(hart, CSR_MIP, 0);
    set(hart, CSR_STIMECMP, 1);
    assert_int_equal(get(hart, CSR_MIP), 0);
    assert_int_equal(timers_due(&hart->vcpu->timers), VTIME_NEVER);
    fixture_free(fixture);
}

/* Law 6: what may make an interrupt takeable makes the hart look before the next instruction; what
 * may bring a deadline nearer makes it leave its grant. */
static void writes_that_make_the_hart_look(void **state) {
    (void)state;
    static const unsigned takeable[] = {CSR_MSTATUS, CSR_SSTATUS, CSR_MIE,  CSR_SIE,    CSR_MIP,
                                        CSR_SIP,     CSR_MIDELEG, CSR_SATP, CSR_MENVCFG};
    static const unsigned deadline[] = {CSR_STIMECMP, CSR_MENVCFG};
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (size_t i = 0; i < COUNT(takeable); i++) {
        fixture->hart->check = false;
        set(fixture->hart, takeable[i], 0);
        assert_true(fixture->hart->check);
    }
    for (size_t i = 0; i < COUNT(deadline); i++) {
        fixture->hart->leave = false;
        set(fixture->hart, deadline[i], 0);
        assert_true(fixture->hart->leave);
    }
    fixture_free(fixture);
}

/* Law 13: no access is ever translated by what these said before. */
static void translation_follows_its_fields(void **state) {
    (void)state;
    static const struct {
        unsigned number;
        uint64_t value;
    } rows[] = {
        {CSR_MSTATUS, MSTATUS_MPRV},
        {CSR_MSTATUS, MSTATUS_MPRV | (uint64_t)PRIV_S << 11},
        {CSR_SATP, 0x8000000000080000},
        {CSR_MSTATUS, MSTATUS_MPRV | (uint64_t)PRIV_S << 11 | MSTATUS_SUM},
        {CSR_SATP, 0x8000000000080001},
        {CSR_SSTATUS, MSTATUS_MXR},
        {CSR_SSTATUS, MSTATUS_SUM},
        {CSR_SATP, 0},
        {CSR_MSTATUS, 0},
    };
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        set(fixture->hart, rows[i].number, rows[i].value);
        assert_true(contexts_current(fixture->hart));
    }
    static const uint64_t walk_bits[] = {ENVCFG_ADUE, ENVCFG_PBMTE};
    for (size_t i = 0; i < COUNT(walk_bits); i++) {
        fixture->hart->data_tlb[5].read_page = 0;
        set(fixture->hart, CSR_MENVCFG, get(fixture->hart, CSR_MENVCFG) ^ walk_bits[i]);
        assert_true(fixture->hart->data_tlb[5].read_page == TLB_EMPTY);
    }
    fixture_free(fixture);
}

/* -- Counters (law 5) ------------------------------------------------------------------------ */

/* Ends the instruction at the present position. */
static void retire(struct hart *hart) {
    hart->clock->steps++;
}

static void trap(struct hart *hart) {
    hart_exception(hart, CAUSE_ILLEGAL, 0);
    hart->clock->steps++;
}

static void reads_do_not_count_themselves(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(get(hart, CSR_MINSTRET), i);
        assert_int_equal(get(hart, CSR_INSTRET), i);
        assert_int_equal(get(hart, CSR_MCYCLE), i);
        assert_int_equal(get(hart, CSR_CYCLE), i);
        retire(hart);
    }
    trap(hart);
    assert_int_equal(get(hart, CSR_INSTRET), 5);
    assert_int_equal(get(hart, CSR_CYCLE), 6);
    fixture_free(fixture);
}

static void next_instruction_reads_what_was_written(void **state) {
    (void)state;
    static const unsigned counters[][2] = {{CSR_MINSTRET, CSR_INSTRET}, {CSR_MCYCLE, CSR_CYCLE}};
    static const uint64_t values[] = {0, 100, UINT64_MAX - 1, UINT64_MAX, (uint64_t)1 << 63};
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (size_t i = 0; i < COUNT(counters) * COUNT(values); i++) {
        const unsigned *counter = counters[i % COUNT(counters)];
        uint64_t value = values[i / COUNT(counters)];
        trap(hart);
        set(hart, counter[0], value);
        retire(hart);
        assert_int_equal(get(hart, counter[1]), value);
        retire(hart);
        assert_int_equal(get(hart, counter[0]), value + 1);
    }
    fixture_free(fixture);
}

/* The instruction that stops a counter is counted, the one that starts it is not. */
static void inhibit_takes_effect_after(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (unsigned i = 0; i < 10; i++) {
        retire(hart);
    }
    set(hart, CSR_MCOUNTINHIBIT, 1); /* cycle stops */
    retire(hart);
    assert_int_equal(get(hart, CSR_MCYCLE), 11);
    assert_int_equal(get(hart, CSR_MINSTRET), 11);
    retire(hart);
    assert_int_equal(get(hart, CSR_MCYCLE), 11);
    set(hart, CSR_MCOUNTINHIBIT, 4); /* cycle starts, instret stops */
    retire(hart);
    assert_int_equal(get(hart, CSR_MCYCLE), 11);
    assert_int_equal(get(hart, CSR_MINSTRET), 13);
    retire(hart);
    assert_int_equal(get(hart, CSR_MCYCLE), 12);
    assert_int_equal(get(hart, CSR_MINSTRET), 13);
    set(hart, CSR_MINSTRET, 7); /* stands, so it stays there */
    retire(hart);
    retire(hart);
    assert_int_equal(get(hart, CSR_MINSTRET), 7);
    set(hart, CSR_MCOUNTINHIBIT, 0);
    retire(hart);
    assert_int_equal(get(hart, CSR_MINSTRET), 7);
    retire(hart);
    assert_int_equal(get(hart, CSR_MINSTRET), 8);
    fixture_free(fixture);
}

/* mcountinhibit stops counters, never time (law 5). */
static void time_goes_on(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    set(hart, CSR_MCOUNTINHIBIT, UINT64_MAX);
    assert_int_equal(get(hart, CSR_TIME), 0);
    hart->clock->steps = 12; /* 96 ns */
    assert_int_equal(get(hart, CSR_TIME), 0);
    hart->clock->steps = 13; /* 104 ns */
    assert_int_equal(get(hart, CSR_TIME), 1);
    assert_int_equal(get(fixture->harts.hart[0], CSR_TIME), 0); /* each hart has its own clock */
    fixture_free(fixture);
}

/* Against a model that counts one by one. */
static void random_walk_of_the_counters(void **state) {
    (void)state;
    uint64_t seed = 5;
    uint64_t cycle = 0;
    uint64_t instret = 0;
    uint64_t inhibit = 0;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (unsigned i = 0; i < 100000; i++) {
        if (get(hart, CSR_MCYCLE) != cycle || get(hart, CSR_MINSTRET) != instret) {
            fail_msg("seed 5, step %u", i);
        }
        uint64_t draw = next_random(&seed);
        uint64_t next_cycle = cycle + !(inhibit & 1);
        uint64_t next_instret = instret + !(inhibit >> 2 & 1);
        switch (draw % 8) {
        case 0:
            set(hart, CSR_MCYCLE, draw);
            next_cycle = draw;
            break;
        case 1:
            set(hart, CSR_MINSTRET, draw);
            next_instret = draw;
            break;
        case 2:
            inhibit = draw >> 8 & 5;
            set(hart, CSR_MCOUNTINHIBIT, inhibit);
            break;
        case 3:
            hart_exception(hart, CAUSE_ECALL_M, 0);
            next_instret = instret;
            break;
        default:
            break;
        }
        hart->clock->steps++;
        cycle = next_cycle;
        instret = next_instret;
    }
    fixture_free(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exists_as_listed),
        cmocka_unit_test(access_follows_the_number),
        cmocka_unit_test(counters_need_enables),
        cmocka_unit_test(counters_without_supervisor),
        cmocka_unit_test(stimecmp_needs_enables),
        cmocka_unit_test(satp_obeys_tvm),
        cmocka_unit_test(fp_off_is_illegal),
        cmocka_unit_test(fp_write_makes_dirty),
        cmocka_unit_test(fcsr_is_frm_and_fflags),
        cmocka_unit_test(warl_fields),
        cmocka_unit_test(fields_go_with_extensions),
        cmocka_unit_test(legal_values_stick),
        cmocka_unit_test(identity),
        cmocka_unit_test(supervisor_views),
        cmocka_unit_test(seip_is_bit_or_line),
        cmocka_unit_test(stip_follows_stimecmp),
        cmocka_unit_test(writes_that_make_the_hart_look),
        cmocka_unit_test(translation_follows_its_fields),
        cmocka_unit_test(reads_do_not_count_themselves),
        cmocka_unit_test(next_instruction_reads_what_was_written),
        cmocka_unit_test(inhibit_takes_effect_after),
        cmocka_unit_test(time_goes_on),
        cmocka_unit_test(random_walk_of_the_counters),
    };
    return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
