/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACLINT from outside: registers as a CLINT has them, and levels at their exact steps. */
#include "dev_test.h"

enum { MSIP = 0x0, MTIMECMP = 0x4000, MTIME = 0xbff8, SOFTWARE_WIRES = 8 };

struct fixture {
    struct sched sched;
    struct wires out; /* timer lines from 0, software lines from SOFTWARE_WIRES */
    void *aclint;
};

static void fixture_init(struct fixture *fixture, unsigned hart_count, vtime quantum_ns) {
    struct line timer[8], software[8];
    memset(fixture, 0, sizeof *fixture);
    sched_start(&fixture->sched, hart_count, quantum_ns);
    for (unsigned i = 0; i < 8; i++) {
        timer[i] = wire(&fixture->out, i);
        software[i] = wire(&fixture->out, SOFTWARE_WIRES + i);
    }
    fixture->aclint = aclint_new(&fixture->sched, timer, software, 5);
    assert_non_null(fixture->aclint);
    run_to(&fixture->sched, 0, 0);
}

static void fixture_free(struct fixture *fixture) {
    aclint_ops.free(fixture->aclint);
    sched_free(&fixture->sched);
}

static uint64_t get(const struct fixture *fixture, uint64_t offset, unsigned size_bytes) {
    return aclint_ops.read(fixture->aclint, offset, size_bytes);
}

static void put(const struct fixture *fixture, uint64_t offset, uint64_t value,
                unsigned size_bytes) {
    aclint_ops.write(fixture->aclint, offset, value, size_bytes);
}

/* -- One hart ---------------------------------------------------------------------------------- */

static void test_mtime_counts_100_ns(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 1, 1000);
    static const uint64_t steps[] = {0, 12, 13, 24, 25, 1000, 1234567};
    for (unsigned i = 0; i < COUNT(steps); i++) {
        run_to(&fixture.sched, 0, steps[i]);
        assert_int_equal(get(&fixture, MTIME, 8), steps[i] * STEP_NS / TICK_NS);
    }
    fixture_free(&fixture);
}

static void test_timer_line_rises_at_its_step(void **state) {
    (void)state;
    for (uint64_t ticks = 1; ticks < 60; ticks++) {
        uint64_t steps = (ticks * TICK_NS + STEP_NS - 1) / STEP_NS;
        struct fixture fixture;
        fixture_init(&fixture, 1, 1000);
        put(&fixture, MTIMECMP, ticks, 8);
        run_to(&fixture.sched, 0, steps - 1);
        assert_false(fixture.out.level[0]);
        assert_int_equal(get(&fixture, MTIME, 8), ticks - 1);
        run_to(&fixture.sched, 0, steps);
        assert_true(fixture.out.level[0]);
        assert_int_equal(get(&fixture, MTIME, 8), ticks);
        assert_int_equal(fixture.sched.late_steps_max, 0);
        put(&fixture, MTIMECMP, ticks + 1, 8);
        assert_false(fixture.out.level[0]);
        put(&fixture, MTIMECMP, 0, 8);
        assert_true(fixture.out.level[0]);
        fixture_free(&fixture);
    }
}

static void test_halves(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 1000);
    assert_int_equal(get(&fixture, MTIMECMP, 8), UINT64_MAX);
    put(&fixture, MTIMECMP + 8, 0x1111222233334444, 8);
    put(&fixture, MTIMECMP + 8, 0xaaaaaaaa55556666, 4); /* what is above 32 bits doesn't count */
    assert_int_equal(get(&fixture, MTIMECMP + 8, 8), 0x1111222255556666);
    put(&fixture, MTIMECMP + 12, 0x77778888, 4);
    assert_int_equal(get(&fixture, MTIMECMP + 8, 8), 0x7777888855556666);
    assert_int_equal(get(&fixture, MTIMECMP + 8, 4), 0x55556666);
    assert_int_equal(get(&fixture, MTIMECMP + 12, 4), 0x77778888);
    put(&fixture, MTIME, 0x123456789abcdef0, 8);
    assert_int_equal(get(&fixture, MTIME, 4), 0x9abcdef0);
    assert_int_equal(get(&fixture, MTIME + 4, 4), 0x12345678);
    put(&fixture, MTIME + 4, 1, 4);
    assert_int_equal(get(&fixture, MTIME, 8), 0x19abcdef0);
    put(&fixture, MTIME, 2, 4);
    assert_int_equal(get(&fixture, MTIME, 8), 0x100000002);
    assert_int_equal(get(&fixture, MTIMECMP, 8), UINT64_MAX);
    fixture_free(&fixture);
}

/* The three stores by which a 32-bit driver changes mtimecmp never let it fire in between. */
static void test_a_driver_with_halves_sees_no_false_interrupt(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 1, 1000);
    put(&fixture, MTIME, 0x5fffffff0, 8);
    put(&fixture, MTIMECMP, 0x600000001, 8);
    put(&fixture, MTIMECMP, UINT32_MAX, 4);
    put(&fixture, MTIMECMP + 4, 6, 4);
    put(&fixture, MTIMECMP, 0x10, 4);
    assert_int_equal(fixture.out.changes[0], 0);
    run_to(&fixture.sched, 0, 399); /* 32 ticks are 400 steps */
    assert_false(fixture.out.level[0]);
    run_to(&fixture.sched, 0, 400);
    assert_true(fixture.out.level[0]);
    fixture_free(&fixture);
}

static void test_mtime_write_stays_on_the_grid(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 1, 1000);
    run_to(&fixture.sched, 0, 20); /* 160 ns: in the middle of a tick */
    put(&fixture, MTIME, 1000, 8);
    assert_int_equal(get(&fixture, MTIME, 8), 1000);
    run_to(&fixture.sched, 0, 24); /* 192 ns */
    assert_int_equal(get(&fixture, MTIME, 8), 1000);
    run_to(&fixture.sched, 0, 25); /* 200 ns */
    assert_int_equal(get(&fixture, MTIME, 8), 1001);
    put(&fixture, MTIMECMP, 1002, 8);
    put(&fixture, MTIME, 500, 8); /* back */
    run_to(&fixture.sched, 0, 100);
    assert_false(fixture.out.level[0]);
    put(&fixture, MTIME, 1002, 8); /* forth */
    assert_true(fixture.out.level[0]);
    fixture_free(&fixture);
}

static void test_msip(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 3, 1000);
    for (unsigned hart = 0; hart < 3; hart++) {
        put(&fixture, MSIP + 4 * hart, UINT32_MAX - 1, 4);
        assert_false(fixture.out.level[SOFTWARE_WIRES + hart]);
        put(&fixture, MSIP + 4 * hart, UINT32_MAX, 4);
        assert_int_equal(get(&fixture, MSIP + 4 * hart, 4), 1);
        for (unsigned other = 0; other < 3; other++) {
            assert_int_equal(fixture.out.level[SOFTWARE_WIRES + other], other <= hart);
        }
    }
    put(&fixture, MSIP + 12, 1, 4); /* no such hart */
    assert_int_equal(get(&fixture, MSIP + 12, 4), 0);
    assert_int_equal(get(&fixture, MSIP, 8), 0x100000001);
    assert_int_equal(get(&fixture, MSIP + 8, 8), 1);
    put(&fixture, MSIP, 0x100000000, 8);
    assert_false(fixture.out.level[SOFTWARE_WIRES]);
    assert_true(fixture.out.level[SOFTWARE_WIRES + 1]);
    put(&fixture, MSIP + 4, 0, 4);
    put(&fixture, MSIP + 4, 0, 4);
    assert_int_equal(fixture.out.calls[SOFTWARE_WIRES + 1], 2); /* only when it changes */
    fixture_free(&fixture);
}

static void test_other_offsets_are_empty(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 1000);
    uint64_t before = device_state_hash(&aclint_ops, fixture.aclint);
    for (uint64_t offset = 8; offset < CLINT_SIZE_BYTES; offset += 4) {
        if (offset == MTIMECMP) {
            offset += 16;
        }
        if (offset == MTIME) {
            offset += 8;
        }
        put(&fixture, offset, UINT64_MAX, 4);
        assert_int_equal(get(&fixture, offset, 4), 0);
        if (offset % 8 == 0) {
            put(&fixture, offset, UINT64_MAX, 8);
            assert_int_equal(get(&fixture, offset, 8), 0);
        }
    }
    assert_int_equal(device_state_hash(&aclint_ops, fixture.aclint), before);
    fixture_free(&fixture);
}

/* -- Several harts ----------------------------------------------------------------------------- */

/* Law 10: the register at once, what the other feels one quantum after the writer's time. */
static void test_mtimecmp_of_another_hart(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 800);
    run_to(&fixture.sched, 0, 130);    /* 1040 ns, in the round [800, 1600) */
    put(&fixture, MTIMECMP + 8, 3, 8); /* long past */
    assert_int_equal(get(&fixture, MTIMECMP + 8, 8), 3);
    assert_false(fixture.out.level[1]);
    run_to(&fixture.sched, 1, 229); /* 1832 ns: one step before 1040 + 800 */
    assert_false(fixture.out.level[1]);
    assert_int_equal(get(&fixture, MTIMECMP + 8, 8), 3);
    run_to(&fixture.sched, 1, 230);
    assert_true(fixture.out.level[1]);
    put(&fixture, MTIMECMP + 8, UINT64_MAX, 8); /* its own: at once */
    assert_false(fixture.out.level[1]);
    fixture_free(&fixture);
}

static void test_messages_are_told_apart(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 800);
    put(&fixture, MTIMECMP + 8, 7, 8);
    put(&fixture, MTIME, 70, 8);
    const struct vcpu *other = &fixture.sched.vcpus[1];
    assert_int_equal(other->inbox_count, 2);
    assert_int_equal(other->inbox[0].kind, 5);
    assert_int_equal(other->inbox[0].value, 7);
    assert_int_equal(other->inbox[1].kind, 6);
    assert_int_equal(other->inbox[1].value, 70);
    fixture_free(&fixture);
}

/* Two values written one after the other arrive one after the other. */
static void test_messages_keep_their_order(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 800);
    put(&fixture, MTIMECMP + 8, 0, 8);
    run_to(&fixture.sched, 0, 10);
    put(&fixture, MTIMECMP + 8, UINT64_MAX, 8);
    run_to(&fixture.sched, 1, 99);
    assert_false(fixture.out.level[1]);
    run_to(&fixture.sched, 1, 100);
    assert_true(fixture.out.level[1]);
    assert_int_equal(get(&fixture, MTIMECMP + 8, 8), UINT64_MAX);
    run_to(&fixture.sched, 1, 109);
    assert_true(fixture.out.level[1]);
    run_to(&fixture.sched, 1, 110);
    assert_false(fixture.out.level[1]);
    fixture_free(&fixture);
}

static void test_mtime_write_reaches_all_harts(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 800);
    run_to(&fixture.sched, 0, 25); /* 200 ns: tick 2 */
    put(&fixture, MTIME, 1002, 8);
    assert_int_equal(get(&fixture, MTIME, 8), 1002);
    run_to(&fixture.sched, 1, 50);
    assert_int_equal(get(&fixture, MTIME, 8), 4); /* its own, as before */
    run_to(&fixture.sched, 1, 124);               /* 992 ns */
    assert_int_equal(get(&fixture, MTIME, 8), 9);
    run_to(&fixture.sched, 1, 125); /* 1000 ns: the write has come, and both agree */
    assert_int_equal(get(&fixture, MTIME, 8), 1010);
    run_to(&fixture.sched, 0, 250);
    assert_int_equal(get(&fixture, MTIME, 8), 1020);
    fixture_free(&fixture);
}

/* Hart 1 writes, hart 0 writes after it in the order of turns, but feels its own write first.
 * What is under way is older: it must not come back and leave hart 0 with a value that no
 * register shows. */
static void test_a_later_write_is_not_undone(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 800);
    run_to(&fixture.sched, 1, 90); /* 720 ns: would arrive at 1520 ns */
    put(&fixture, MTIMECMP, 0, 8);
    run_to(&fixture.sched, 0, 110); /* 880 ns, in the next round */
    assert_int_equal(get(&fixture, MTIMECMP, 8), 0);
    put(&fixture, MTIMECMP, UINT64_MAX, 8);
    run_to(&fixture.sched, 0, 1000);
    assert_int_equal(get(&fixture, MTIMECMP, 8), UINT64_MAX);
    assert_int_equal(fixture.out.changes[0], 0);
    fixture_free(&fixture);
}

/* Writes to mtime that cross: the last one stays, and all harts agree again. */
static void test_crossing_writes_to_mtime(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 800);
    run_to(&fixture.sched, 0, 75); /* 600 ns */
    put(&fixture, MTIME, 1000000, 8);
    run_to(&fixture.sched, 1, 50); /* 400 ns, later in the order of turns */
    put(&fixture, MTIME, 2000000, 8);
    run_to(&fixture.sched, 0, 1000);
    assert_int_equal(get(&fixture, MTIME, 8), 2000000 + 76);
    run_to(&fixture.sched, 1, 1000);
    assert_int_equal(get(&fixture, MTIME, 8), 2000000 + 76);
    fixture_free(&fixture);
}

/* -- Reset and state --------------------------------------------------------------------------- */

static void test_reset_of_one_hart_is_exact(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 1, 1000);
    uint64_t fresh = device_state_hash(&aclint_ops, fixture.aclint);
    run_to(&fixture.sched, 0, 777);
    put(&fixture, MTIME, UINT64_MAX, 8);
    assert_true(fixture.out.level[0]); /* mtimecmp is at the very end */
    put(&fixture, MTIMECMP, 5, 8);
    put(&fixture, MSIP, 1, 4);
    aclint_ops.reset(fixture.aclint);
    assert_int_equal(get(&fixture, MTIME, 8), 0);
    assert_int_equal(get(&fixture, MTIMECMP, 8), UINT64_MAX);
    assert_int_equal(get(&fixture, MSIP, 4), 0);
    assert_false(fixture.out.level[0]);
    assert_false(fixture.out.level[SOFTWARE_WIRES]);
    assert_int_equal(device_state_hash(&aclint_ops, fixture.aclint), fresh);
    put(&fixture, MTIMECMP, 10, 8);
    run_to(&fixture.sched, 0, 899); /* it came at 6216 ns, in tick 62: tick 10 begins at 7200 ns */
    assert_false(fixture.out.level[0]);
    run_to(&fixture.sched, 0, 900);
    assert_true(fixture.out.level[0]);
    fixture_free(&fixture);
}

/* Inside a round some harts are behind: none may read a time before zero, and no line may rise. */
static void test_reset_inside_a_round(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 3, 800);
    run_to(&fixture.sched, 1, 150); /* hart 0 at 1600 ns, 1 at 1200 ns, 2 at 800 ns */
    for (unsigned hart = 0; hart < 3; hart++) {
        put(&fixture, MTIMECMP + 8 * hart, 0, 8);
        put(&fixture, MSIP + 4 * hart, 1, 4);
    }
    for (unsigned hart = 0; hart < 3; hart++) {
        fixture.sched.vcpus[hart].inbox_count = 0; /* as the machine's reset does */
    }
    aclint_ops.reset(fixture.aclint);
    for (unsigned hart = 0; hart < 3; hart++) {
        assert_false(fixture.out.level[hart]);
        assert_false(fixture.out.level[SOFTWARE_WIRES + hart]);
    }
    assert_int_equal(get(&fixture, MTIME, 8), 4);
    run_to(&fixture.sched, 2, 100);
    assert_int_equal(get(&fixture, MTIME, 8), 0);
    run_to(&fixture.sched, 0, 300);
    assert_int_equal(get(&fixture, MTIME, 8), 16);
    run_to(&fixture.sched, 2, 1000);
    for (unsigned hart = 0; hart < 3; hart++) {
        assert_false(fixture.out.level[hart]);
        assert_int_equal(get(&fixture, MTIMECMP + 8 * hart, 8), UINT64_MAX);
    }
    fixture_free(&fixture);
}

static void test_state_sees_registers(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, 2, 1000);
    uint64_t fresh = device_state_hash(&aclint_ops, fixture.aclint);
    put(&fixture, MTIMECMP + 8, 9, 8);
    uint64_t armed = device_state_hash(&aclint_ops, fixture.aclint);
    assert_int_not_equal(armed, fresh);
    put(&fixture, MSIP + 4, 1, 4);
    assert_int_not_equal(device_state_hash(&aclint_ops, fixture.aclint), armed);
    put(&fixture, MSIP + 4, 0, 4);
    put(&fixture, MTIMECMP + 8, UINT64_MAX, 8);
    assert_int_equal(device_state_hash(&aclint_ops, fixture.aclint), fresh);
    fixture_free(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mtime_counts_100_ns),
        cmocka_unit_test(test_timer_line_rises_at_its_step),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_a_driver_with_halves_sees_no_false_interrupt),
        cmocka_unit_test(test_mtime_write_stays_on_the_grid),
        cmocka_unit_test(test_msip),
        cmocka_unit_test(test_other_offsets_are_empty),
        cmocka_unit_test(test_mtimecmp_of_another_hart),
        cmocka_unit_test(test_messages_are_told_apart),
        cmocka_unit_test(test_messages_keep_their_order),
        cmocka_unit_test(test_mtime_write_reaches_all_harts),
        cmocka_unit_test(test_a_later_write_is_not_undone),
        cmocka_unit_test(test_crossing_writes_to_mtime),
        cmocka_unit_test(test_reset_of_one_hart_is_exact),
        cmocka_unit_test(test_reset_inside_a_round),
        cmocka_unit_test(test_state_sees_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
