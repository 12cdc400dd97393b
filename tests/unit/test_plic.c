/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PLIC from outside: source lines in, context lines out, registers in between. */
#include "dev_test.h"

enum { HARTS = 2, CONTEXTS = 2 * HARTS };

struct fixture {
    struct wires out;
    void *plic;
    struct line source[PLIC_SOURCES];
};

static void fixture_init(struct fixture *fixture) {
    struct line lines[CONTEXTS];
    memset(fixture, 0, sizeof *fixture);
    for (unsigned i = 0; i < CONTEXTS; i++) {
        lines[i] = wire(&fixture->out, i);
    }
    fixture->plic = plic_new(HARTS, lines);
    assert_non_null(fixture->plic);
    memset(lines, 0, sizeof lines); /* they are copied */
    for (unsigned i = 1; i < PLIC_SOURCES; i++) {
        fixture->source[i] = plic_source(fixture->plic, i);
    }
}

static void fixture_free(struct fixture *fixture) {
    plic_ops.free(fixture->plic);
}

static uint32_t get(const struct fixture *fixture, uint64_t offset) {
    uint64_t value = plic_ops.read(fixture->plic, offset, 4);
    assert_true(value <= UINT32_MAX);
    return (uint32_t)value;
}

static void put(const struct fixture *fixture, uint64_t offset, uint32_t value) {
    plic_ops.write(fixture->plic, offset, value, 4);
}

static uint64_t enable_at(unsigned context, unsigned source) {
    return 0x2000 + 0x80 * context + source / 32 * 4;
}

static void enable(const struct fixture *fixture, unsigned context, unsigned source) {
    uint64_t offset = enable_at(context, source);
    put(fixture, offset, get(fixture, offset) | UINT32_C(1) << source % 32);
}

static void set_priority(const struct fixture *fixture, unsigned source, uint32_t priority) {
    put(fixture, 4 * source, priority);
}

static void set_threshold(const struct fixture *fixture, unsigned context, uint32_t threshold) {
    put(fixture, 0x200000 + 0x1000 * context, threshold);
}

static uint32_t claim(const struct fixture *fixture, unsigned context) {
    return get(fixture, 0x200004 + 0x1000 * context);
}

static void complete(const struct fixture *fixture, unsigned context, uint32_t source) {
    put(fixture, 0x200004 + 0x1000 * context, source);
}

static bool pending(const struct fixture *fixture, unsigned source) {
    return (get(fixture, 0x1000 + source / 32 * 4) >> source % 32 & 1) != 0;
}

/* -- Registers --------------------------------------------------------------------------------- */

static void test_register_masks(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    for (unsigned source = 0; source < 128; source++) {
        put(&fixture, 4 * source, UINT32_MAX);
        assert_int_equal(get(&fixture, 4 * source), source >= 1 && source < 96 ? 7 : 0);
    }
    for (unsigned context = 0; context < CONTEXTS + 2; context++) {
        bool exists = context < CONTEXTS;
        for (unsigned word = 0; word < 32; word++) {
            uint64_t offset = 0x2000 + 0x80 * context + 4 * word;
            uint32_t all = word == 0 ? UINT32_MAX - 1 : UINT32_MAX;
            put(&fixture, offset, UINT32_MAX);
            assert_int_equal(get(&fixture, offset), exists && word < 3 ? all : 0);
        }
        set_threshold(&fixture, context, UINT32_MAX);
        assert_int_equal(get(&fixture, 0x200000 + 0x1000 * context), exists ? 7 : 0);
        put(&fixture, 0x200008 + 0x1000 * context, UINT32_MAX);
        assert_int_equal(get(&fixture, 0x200008 + 0x1000 * context), 0);
    }
    put(&fixture, 0x1000, UINT32_MAX);
    assert_int_equal(get(&fixture, 0x1000), 0);
    assert_int_equal(get(&fixture, 0x5ffffc), 0);
    fixture_free(&fixture);
}

/* -- One source -------------------------------------------------------------------------------- */

static void test_life_of_an_interrupt(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    set_priority(&fixture, 10, 1);
    enable(&fixture, 1, 10);
    line_set(&fixture.source[10], true);
    assert_true(pending(&fixture, 10));
    assert_true(fixture.out.level[1]);
    assert_false(fixture.out.level[0] || fixture.out.level[2] || fixture.out.level[3]);
    assert_int_equal(claim(&fixture, 1), 10);
    assert_false(pending(&fixture, 10));
    assert_false(fixture.out.level[1]);
    assert_int_equal(claim(&fixture, 1), 0);
    line_set(&fixture.source[10], true); /* again, the same level */
    assert_false(pending(&fixture, 10));
    complete(&fixture, 1, 10);
    assert_true(pending(&fixture, 10)); /* still high */
    assert_true(fixture.out.level[1]);
    assert_int_equal(claim(&fixture, 1), 10);
    line_set(&fixture.source[10], false);
    complete(&fixture, 1, 10);
    assert_false(pending(&fixture, 10));
    assert_false(fixture.out.level[1]);
    fixture_free(&fixture);
}

/* PLIC 1.0.0, "Interrupt Gateways": a request that the gateway has passed on stays, though the
 * level falls before it is claimed. */
static void test_request_outlives_its_level(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    set_priority(&fixture, 3, 2);
    enable(&fixture, 0, 3);
    line_set(&fixture.source[3], true);
    line_set(&fixture.source[3], false);
    assert_true(pending(&fixture, 3));
    assert_true(fixture.out.level[0]);
    assert_int_equal(claim(&fixture, 0), 3);
    line_set(&fixture.source[3], true); /* up and down while in service: not seen */
    line_set(&fixture.source[3], false);
    complete(&fixture, 0, 3);
    assert_false(pending(&fixture, 3));
    fixture_free(&fixture);
}

static void test_completion_needs_an_enabled_source(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    set_priority(&fixture, 40, 1);
    enable(&fixture, 2, 40);
    line_set(&fixture.source[40], true);
    assert_int_equal(claim(&fixture, 2), 40);
    complete(&fixture, 0, 40); /* not enabled there */
    complete(&fixture, 2, 0);
    complete(&fixture, 2, 96);
    complete(&fixture, 2, 40 + (UINT32_C(1) << 31));
    assert_false(pending(&fixture, 40));
    put(&fixture, enable_at(2, 40), 0);
    complete(&fixture, 2, 40);
    assert_false(pending(&fixture, 40));
    enable(&fixture, 3, 40);
    complete(&fixture, 3, 40); /* any context that has it enabled will do */
    assert_true(pending(&fixture, 40));
    assert_true(fixture.out.level[3]);
    fixture_free(&fixture);
}

/* -- Many sources ------------------------------------------------------------------------------ */

static void test_order_of_claims(void **state) {
    (void)state;
    static const struct {
        unsigned source;
        uint32_t priority;
    } rows[] = {{5, 3}, {95, 7}, {64, 7}, {31, 3}, {33, 1}, {1, 0}};
    static const unsigned order[] = {64, 95, 5, 31, 33, 0};
    struct fixture fixture;
    fixture_init(&fixture);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        set_priority(&fixture, rows[i].source, rows[i].priority);
        enable(&fixture, 0, rows[i].source);
        line_set(&fixture.source[rows[i].source], true);
    }
    for (unsigned i = 0; i < COUNT(order); i++) {
        assert_int_equal(claim(&fixture, 0), order[i]);
    }
    assert_true(pending(&fixture, 1)); /* priority 0 never interrupts */
    assert_false(fixture.out.level[0]);
    fixture_free(&fixture);
}

static void test_threshold_masks_the_line_not_the_claim(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    set_priority(&fixture, 7, 4);
    enable(&fixture, 0, 7);
    enable(&fixture, 1, 7);
    set_threshold(&fixture, 0, 4);
    set_threshold(&fixture, 1, 3);
    line_set(&fixture.source[7], true);
    assert_false(fixture.out.level[0]);
    assert_true(fixture.out.level[1]);
    set_threshold(&fixture, 0, 0);
    assert_true(fixture.out.level[0]);
    set_threshold(&fixture, 0, 7);
    assert_false(fixture.out.level[0]);
    set_priority(&fixture, 7, 3);
    assert_false(fixture.out.level[1]);
    set_priority(&fixture, 7, 7);
    assert_true(fixture.out.level[1]);
    assert_int_equal(claim(&fixture, 0), 7);
    assert_false(fixture.out.level[1]);
    fixture_free(&fixture);
}

static void test_enable_acts_at_once(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    set_priority(&fixture, 70, 1);
    line_set(&fixture.source[70], true);
    for (unsigned context = 0; context < CONTEXTS; context++) {
        assert_int_equal(claim(&fixture, context), 0);
        assert_false(fixture.out.level[context]);
        enable(&fixture, context, 70);
        assert_true(fixture.out.level[context]);
    }
    put(&fixture, enable_at(3, 70), 0);
    assert_false(fixture.out.level[3]);
    assert_int_equal(claim(&fixture, 2), 70); /* the first to claim gets it */
    assert_int_equal(claim(&fixture, 0), 0);
    for (unsigned context = 0; context < CONTEXTS; context++) {
        assert_false(fixture.out.level[context]);
    }
    fixture_free(&fixture);
}

static void test_sources_without_number(void **state) {
    (void)state;
    struct line lines[2] = {{0}};
    void *plic = plic_new(1, lines);
    assert_non_null(plic);
    /* Lines that lead nowhere are fine. */
    plic_ops.write(plic, 4, 1, 4);
    plic_ops.write(plic, 0x2000, 2, 4);
    struct line first = plic_source(plic, 1);
    line_set(&first, true);
    assert_int_equal(plic_ops.read(plic, 0x200004, 4), 1);
    plic_ops.free(plic);
}

/* -- Reset and state --------------------------------------------------------------------------- */

static void test_reset(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    uint64_t fresh = device_state_hash(&plic_ops, fixture.plic);
    set_priority(&fixture, 9, 5);
    set_priority(&fixture, 8, 5);
    enable(&fixture, 1, 9);
    enable(&fixture, 1, 8);
    set_threshold(&fixture, 1, 1);
    line_set(&fixture.source[8], true);
    line_set(&fixture.source[9], true);
    assert_int_equal(claim(&fixture, 1), 8);
    assert_true(fixture.out.level[1]);
    assert_int_not_equal(device_state_hash(&plic_ops, fixture.plic), fresh);
    plic_ops.reset(fixture.plic);
    assert_false(fixture.out.level[1]);
    assert_int_equal(device_state_hash(&plic_ops, fixture.plic), fresh);
    for (uint64_t offset = 0; offset < 0x3000; offset += 4) {
        assert_int_equal(get(&fixture, offset), 0);
    }
    set_priority(&fixture, 8, 1);
    enable(&fixture, 1, 8);
    line_set(&fixture.source[8], true);
    assert_true(fixture.out.level[1]); /* not in service any more */
    fixture_free(&fixture);
}

static void test_state_sees_the_gateway(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    uint64_t seen[5];
    set_priority(&fixture, 6, 1);
    enable(&fixture, 0, 6);
    seen[0] = device_state_hash(&plic_ops, fixture.plic);
    line_set(&fixture.source[6], true);
    seen[1] = device_state_hash(&plic_ops, fixture.plic);
    line_set(&fixture.source[6], false);
    seen[2] = device_state_hash(&plic_ops, fixture.plic);
    assert_int_equal(claim(&fixture, 0), 6);
    seen[3] = device_state_hash(&plic_ops, fixture.plic);
    line_set(&fixture.source[6], true);
    seen[4] = device_state_hash(&plic_ops, fixture.plic);
    for (unsigned i = 0; i < COUNT(seen); i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_int_not_equal(seen[i], seen[j]);
        }
    }
    line_set(&fixture.source[6], false);
    complete(&fixture, 0, 6);
    assert_int_equal(device_state_hash(&plic_ops, fixture.plic), seen[0]);
    fixture_free(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register_masks),
        cmocka_unit_test(test_life_of_an_interrupt),
        cmocka_unit_test(test_request_outlives_its_level),
        cmocka_unit_test(test_completion_needs_an_enabled_source),
        cmocka_unit_test(test_order_of_claims),
        cmocka_unit_test(test_threshold_masks_the_line_not_the_claim),
        cmocka_unit_test(test_enable_acts_at_once),
        cmocka_unit_test(test_sources_without_number),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_state_sees_the_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
