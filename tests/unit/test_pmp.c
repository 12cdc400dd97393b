/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PMP against a model that asks byte by byte, and the rules of its registers. */
#include <string.h>

#include "hart_fixture.h"

enum { R = 1, W = 2, X = 4, L = 0x80, OFF = 0 << 3, TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3 };

static const uint8_t modes[] = {PRIV_U, PRIV_S, PRIV_M};

/* Straight into the state, past the locks. */
/* Entries are set behind the registers' back, so what was decided is forgotten by hand. */
static void areas_forget(struct hart *hart) {
    memset(hart->pmp_area, 0, sizeof hart->pmp_area);
}

static void entry_set(struct hart *hart, unsigned entry, unsigned config, uint64_t address) {
    hart->pmpcfg[entry] = (uint8_t)config;
    hart->pmpaddr[entry] = address;
    hart->pmp_count = PMP_ENTRIES;
    areas_forget(hart);
}

/* -- The model: 3.7.1 for one byte ----------------------------------------------------------- */

static bool model_matches(const struct hart *hart, unsigned entry, paddr byte) {
    uint64_t word = byte >> 2;
    uint64_t address = hart->pmpaddr[entry];
    switch (hart->pmpcfg[entry] & NAPOT) {
    case TOR:
        return word < address && (entry == 0 || word >= hart->pmpaddr[entry - 1]);
    case NA4:
        return word == address;
    case NAPOT:
        /* Drop bits from below as long as they are ones, and the zero that ends them. */
        while ((address & 1) != 0) {
            address >>= 1;
            word >>= 1;
        }
        return address >> 1 == word >> 1;
    default:
        return false;
    }
}

static unsigned model_check(const struct hart *hart, paddr address, uint64_t size_bytes,
                            uint8_t priv) {
    for (unsigned entry = 0; entry < PMP_ENTRIES; entry++) {
        uint64_t matched = 0;
        for (uint64_t i = 0; i < size_bytes; i++) {
            matched += model_matches(hart, entry, address + i);
        }
        if (matched == 0) {
            continue;
        }
        if (matched < size_bytes) {
            return 0;
        }
        return priv == PRIV_M && (hart->pmpcfg[entry] & L) == 0 ? R | W | X
                                                                : hart->pmpcfg[entry] & (R | W | X);
    }
    return priv == PRIV_M ? R | W | X : 0;
}

/* -- Checks ---------------------------------------------------------------------------------- */

/* Few distinct addresses, so that entries overlap, nest and cut accesses. */
static void random_entries(struct hart *hart, uint64_t *seed, uint64_t words) {
    for (unsigned entry = 0; entry < PMP_ENTRIES; entry++) {
        uint64_t draw = next_random(seed);
        uint64_t ones = ((uint64_t)1 << (draw >> 8 & 7)) - 1;
        uint64_t address = (draw >> 16) % words;
        unsigned config = (unsigned)draw & (L | NAPOT | X | W | R);
        config = (draw >> 60) < 10 ? config & ~(unsigned)NAPOT : config; /* most are off */
        entry_set(hart, entry, config, (config & NAPOT) == NAPOT ? address | ones : address);
    }
}

static void checks_match_the_model(void **state) {
    (void)state;
    uint64_t seed = 37;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (unsigned round = 0; round < 50000; round++) {
        uint64_t at = seed;
        random_entries(fixture->hart, &seed, 64);
        for (unsigned i = 0; i < 4; i++) { /* the first may decide for others */
            uint64_t draw = next_random(&seed);
            paddr address = (draw >> 8) % 256;
            uint64_t size_bytes = (uint64_t)1 << (draw & 3);
            uint8_t priv = modes[(draw >> 4) % COUNT(modes)];
            unsigned expected = model_check(fixture->hart, address, size_bytes, priv);
            if (pmp_check(fixture->hart, address, size_bytes, priv) != expected) {
                fail_msg("seed %ju: %ju bytes at 0x%jx, privilege %u: not %u", (uintmax_t)at,
                         (uintmax_t)size_bytes, (uintmax_t)address, priv, expected);
            }
        }
    }
    fixture_free(fixture);
}

/* What holds for a uniform page holds for each access in it. */
static void uniform_pages_are_uniform(void **state) {
    (void)state;
    uint64_t seed = 41;
    unsigned uniform_count = 0;
    unsigned cut_count = 0;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (unsigned round = 0; round < 300; round++) {
        uint64_t at = seed;
        random_entries(hart, &seed, 64);
        for (unsigned entry = 0; entry < PMP_ENTRIES; entry++) {
            /* Some end on pages, some inside. */
            bool inside = next_random(&seed) % 8 == 0;
            hart->pmpaddr[entry] = (hart->pmpaddr[entry] % 4) << 10 | (inside ? 0x155 : 0) |
                                   ((hart->pmpcfg[entry] & NAPOT) == NAPOT ? 0x1ff : 0);
        }
        areas_forget(hart);
        paddr page = next_random(&seed) % 4 << PAGE_SHIFT;
        uint8_t priv = modes[next_random(&seed) % COUNT(modes)];
        bool uniform;
        unsigned allowed =
            pmp_check_page(hart, page + next_random(&seed) % PAGE_BYTES, priv, &uniform);
        unsigned whole = model_check(hart, page, PAGE_BYTES, priv);
        bool same = true;
        for (paddr word = page; word < page + PAGE_BYTES; word += 4) {
            same = same && model_check(hart, word, 4, priv) == whole;
        }
        uniform_count += uniform;
        cut_count += !uniform;
        if (allowed != whole || (uniform && !same)) {
            fail_msg("seed %ju: page 0x%jx, privilege %u", (uintmax_t)at, (uintmax_t)page, priv);
        }
    }
    assert_true(uniform_count > 30 && cut_count > 30); /* both happen often */
    fixture_free(fixture);
}

static void ranges_by_mode(void **state) {
    (void)state;
    static const struct {
        unsigned mode;
        uint64_t below, address;
        paddr first, last; /* last byte covered */
    } rows[] = {
        {NA4, 0, 0x20000000, 0x80000000, 0x80000003},
        {NAPOT, 0, 0x20000000, 0x80000000, 0x80000007},
        {NAPOT, 0, 0x20000001, 0x80000000, 0x8000000f},
        {NAPOT, 0, 0x200001ff, 0x80000000, 0x80000fff},
        {NAPOT, 0, 0x003fffffffffffff, 0, 0x01ffffffffffffff}, /* everything */
        {NAPOT, 0, 0x001fffffffffffff, 0, 0x00ffffffffffffff},
        {TOR, 0x20000000, 0x20000400, 0x80000000, 0x80000fff},
        {TOR, 0, 0x003fffffffffffff, 0, 0x00fffffffffffffb},
        {TOR, 0x20000001, 0x20000002, 0x80000004, 0x80000007},
    };
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (size_t i = 0; i < COUNT(rows); i++) {
        entry_set(hart, 3, OFF, rows[i].below);
        entry_set(hart, 4, rows[i].mode | R, rows[i].address);
        assert_int_equal(pmp_check(hart, rows[i].first, 1, PRIV_S), R);
        assert_int_equal(pmp_check(hart, rows[i].last, 1, PRIV_S), R);
        assert_int_equal(pmp_check(hart, rows[i].last + 1, 1, PRIV_S), 0);
        assert_int_equal(pmp_check(hart, rows[i].last, 2, PRIV_S), 0);
        if (rows[i].first != 0) {
            assert_int_equal(pmp_check(hart, rows[i].first - 1, 1, PRIV_S), 0);
            assert_int_equal(pmp_check(hart, rows[i].first - 1, 2, PRIV_S), 0);
        }
    }
    entry_set(hart, 3, OFF, 0x20000400);
    entry_set(hart, 4, TOR | R, 0x20000000); /* upside down: nothing */
    assert_int_equal(pmp_check(hart, 0x80000800, 4, PRIV_S), 0);
    assert_int_equal(pmp_check(hart, 0x80000800, 4, PRIV_M), R | W | X);
    fixture_free(fixture);
}

/* With every entry off only M mode may access memory; without PMP everybody may. */
static void no_entry_speaks(void **state) {
    (void)state;
    for (unsigned has_pmp = 0; has_pmp < 2; has_pmp++) {
        struct fixture *fixture =
            fixture_new(has_pmp != 0 ? EXT_ALL : EXT_ALL & ~ext_bit(EXT_smpmp));
        bool uniform = false;
        unsigned lower = has_pmp != 0 ? 0 : R | W | X;
        assert_int_equal(pmp_check(fixture->hart, RAM_BASE, 8, PRIV_M), R | W | X);
        assert_int_equal(pmp_check(fixture->hart, RAM_BASE, 8, PRIV_S), lower);
        assert_int_equal(pmp_check_page(fixture->hart, RAM_BASE, PRIV_U, &uniform), lower);
        assert_true(uniform);
        fixture_free(fixture);
    }
}

/* The last bytes of the address space, where ends would overflow. */
static void top_of_the_address_space(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    bool uniform = false;
    entry_set(fixture->hart, 0, NAPOT | R, 0x003fffffffffffff);
    assert_int_equal(pmp_check(fixture->hart, UINT64_MAX - 7, 8, PRIV_S), 0);
    assert_int_equal(pmp_check_page(fixture->hart, UINT64_MAX, PRIV_M, &uniform), R | W | X);
    assert_true(uniform);
    fixture_free(fixture);
}

/* -- Registers ------------------------------------------------------------------------------- */

static void config_registers_hold_eight_entries(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    set(hart, CSR_PMPCFG0, 0x1f1b191817130f0d);
    set(hart, CSR_PMPCFG2, 0x0d0f131718191b1f);
    assert_true(get(hart, CSR_PMPCFG0) == 0x1f1b191817130f0d);
    assert_true(get(hart, CSR_PMPCFG2) == 0x0d0f131718191b1f);
    assert_int_equal(hart->pmpcfg[0], 0x0d);
    assert_int_equal(hart->pmpcfg[7], 0x1f);
    assert_int_equal(hart->pmpcfg[8], 0x1f);
    assert_int_equal(hart->pmpcfg[15], 0x0d);
    set(hart, CSR_PMPCFG0, 0);
    assert_true(get(hart, CSR_PMPCFG2) == 0x0d0f131718191b1f);
    assert_false(readable(hart, 0x3a1)); /* RV64 has the even ones */
    assert_false(readable(hart, 0x3a3));
    assert_false(readable(hart, 0x3a4)); /* sixteen entries */
    assert_false(readable(hart, 0x3c0));
    fixture_free(fixture);
}

/* Every byte value: reserved bits are zero, W without R grants nothing, the rest is kept. */
static void config_fields_are_legal(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (unsigned value = 0; value < 256; value++) {
        hart->pmpcfg[0] = 0; /* unlocked again */
        set(hart, CSR_PMPCFG0, value);
        unsigned kept = value & ~0x60U;
        unsigned expected = (value & (R | W)) == W ? kept & ~(unsigned)(R | W | X) : kept;
        assert_int_equal(get(hart, CSR_PMPCFG0), expected);
        assert_int_equal(hart->pmp_count > 0, (value & NAPOT) != OFF);
    }
    fixture_free(fixture);
}

static void addresses_are_54_bits(void **state) {
    (void)state;
    struct fixture *fixture = fixture_new(EXT_ALL);
    for (unsigned number = CSR_PMPADDR0; number <= CSR_PMPADDR15; number++) {
        set(fixture->hart, number, UINT64_MAX);
        assert_true(get(fixture->hart, number) == ((uint64_t)1 << 54) - 1);
        set(fixture->hart, number, number);
        assert_int_equal(get(fixture->hart, number), number);
    }
    fixture_free(fixture);
}

/* A locked entry stands until reset, with its address and, for TOR, the address below. */
static void locks_hold(void **state) {
    (void)state;
    static const unsigned configs[] = {OFF, TOR, NA4, NAPOT};
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (size_t i = 0; i < COUNT(configs) * 16; i++) {
        unsigned entry = (unsigned)(i % 16);
        unsigned config = configs[i / 16] | R | L;
        unsigned shift = 8 * (entry % 8);
        unsigned number = entry < 8 ? CSR_PMPCFG0 : CSR_PMPCFG2;
        hart_reset(hart, RESET_PC, 0);
        set(hart, CSR_PMPADDR0 + entry, 0x1000);
        set(hart, number, (uint64_t)config << shift);
        set(hart, number, UINT64_MAX);
        assert_int_equal(hart->pmpcfg[entry], config);
        set(hart, CSR_PMPADDR0 + entry, 0x2000);
        assert_int_equal(get(hart, CSR_PMPADDR0 + entry), 0x1000);
        set(hart, number, 0);
        assert_int_equal(hart->pmpcfg[entry], config);
        hart_reset(hart, RESET_PC, 0);
        assert_int_equal(hart->pmp_count, 0);
        assert_int_equal(get(hart, number), 0);
        assert_int_equal(get(hart, CSR_PMPADDR0 + entry), 0);
    }
    fixture_free(fixture);
}

static void locked_tor_holds_the_address_below(void **state) {
    (void)state;
    static const struct {
        unsigned config;
        bool held;
    } rows[] = {
        {TOR | L, true}, {TOR, false}, {NAPOT | L, false}, {NA4 | L, false}, {OFF | L, false}};
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (size_t i = 0; i < COUNT(rows) * 15; i++) {
        unsigned below = (unsigned)(i % 15);
        unsigned above = below + 1;
        hart_reset(hart, RESET_PC, 0);
        set(hart, above < 8 ? CSR_PMPCFG0 : CSR_PMPCFG2,
            (uint64_t)rows[i / 15].config << 8 * (above % 8));
        set(hart, CSR_PMPADDR0 + below, 0x2000);
        assert_int_equal(get(hart, CSR_PMPADDR0 + below), rows[i / 15].held ? 0 : 0x2000);
    }
    fixture_free(fixture);
}

/* A write acts from the next instruction on: the hart looks, and no old translation is left. */
static void writes_drop_translations(void **state) {
    (void)state;
    static const unsigned numbers[] = {CSR_PMPCFG0, CSR_PMPCFG2, CSR_PMPADDR0, CSR_PMPADDR15};
    struct fixture *fixture = fixture_new(EXT_ALL);
    struct hart *hart = fixture->hart;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        hart->check = false;
        hart->data_tlb[5].read_page = hart->data_tlb[5].write_page = hart->data_context | 0x80000;
        set(hart, numbers[i], 0x1000);
        assert_true(hart->check);
        assert_true(hart->data_tlb[5].read_page == TLB_EMPTY);
        assert_true(hart->data_tlb[5].write_page == TLB_EMPTY);
    }
    fixture_free(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_match_the_model),
        cmocka_unit_test(uniform_pages_are_uniform),
        cmocka_unit_test(ranges_by_mode),
        cmocka_unit_test(no_entry_speaks),
        cmocka_unit_test(top_of_the_address_space),
        cmocka_unit_test(config_registers_hold_eight_entries),
        cmocka_unit_test(config_fields_are_legal),
        cmocka_unit_test(addresses_are_54_bits),
        cmocka_unit_test(locks_hold),
        cmocka_unit_test(locked_tor_holds_the_address_below),
        cmocka_unit_test(writes_drop_translations),
    };
    return cmocka_run_group_tests_name("pmp", tests, NULL, NULL);
}
