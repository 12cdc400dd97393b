/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chaos: what is drawn lies where the laws allow it, differs, and is the same when asked again. */
#include "sched_test.h"

enum { SEEDS = 400, QUANTUM_NS = 1000 };

/* -- Draws ------------------------------------------------------------------------------------- */

static void spans_are_short_as_often_as_long(void **state) {
    (void)state;
    unsigned in_half[11] = {0}; /* by powers of two */
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct chaos chaos = {.wanted = true, .seed = seed};
        for (uint64_t name = 0; name < 100; name++) {
            vtime span = chaos_span(&chaos, CHAOS_LENGTH, name, 1024);
            assert_in_range(span, 1, 1024);
            assert_int_equal(span, chaos_span(&chaos, CHAOS_LENGTH, name, 1024));
            assert_int_equal(chaos_span(&chaos, CHAOS_LENGTH, name, 1), 1);
            assert_int_equal(chaos_span(&chaos, CHAOS_LENGTH, name, 0), 1);
            in_half[63 - __builtin_clzll((uint64_t)span * 2 - 1)]++;
        }
    }
    for (unsigned i = 5; i <= 10; i++) {
        assert_in_range(in_half[i], 700, 3000); /* 833 for the longest, more below */
    }
}

static void kinds_names_and_seeds_have_draws_of_their_own(void **state) {
    (void)state;
    unsigned alike[3] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct chaos chaos = {.wanted = true, .seed = seed};
        struct chaos next = {.wanted = true, .seed = seed + 1};
        vtime span = chaos_span(&chaos, CHAOS_LENGTH, 7, 1 << 30);
        alike[0] += span == chaos_span(&chaos, CHAOS_MESSAGE, 7, 1 << 30);
        alike[1] += span == chaos_span(&chaos, CHAOS_LENGTH, 8, 1 << 30);
        alike[2] += span == chaos_span(&next, CHAOS_LENGTH, 7, 1 << 30);
    }
    for (unsigned i = 0; i < COUNT(alike); i++) {
        assert_int_equal(alike[i], 0);
    }
}

static void every_order_comes(void **state) {
    (void)state;
    unsigned seen[256] = {0};
    struct chaos chaos = {.wanted = true, .seed = 1};
    for (uint64_t name = 0; name < 24 * 100; name++) {
        uint32_t order[4], again[4];
        unsigned set = 0, number = 0;
        chaos_order(&chaos, name, order, 4);
        chaos_order(&chaos, name, again, 4);
        assert_memory_equal(order, again, sizeof order);
        for (unsigned i = 0; i < 4; i++) {
            set |= 1U << order[i];
            number = number * 4 + order[i];
        }
        assert_int_equal(set, 15);
        seen[number]++;
    }
    unsigned orders = 0;
    for (unsigned i = 0; i < COUNT(seen); i++) {
        orders += seen[i] > 0;
        assert_true(seen[i] == 0 || (seen[i] > 50 && seen[i] < 200));
    }
    assert_int_equal(orders, 24);
}

/* -- A schedule with chaos --------------------------------------------------------------------- */

static void chaos_start(struct sched *sched, unsigned count, unsigned slow_idx, uint64_t seed) {
    sched_start(sched, count, slow_idx, QUANTUM_NS);
    sched->chaos = (struct chaos){.wanted = true, .seed = seed};
}

/** Lets a whole round run. @param first  Who came first. @return Its length [ns]. */
static vtime round_run(struct sched *sched, unsigned *first) {
    vtime start = sched_virtual(sched);
    unsigned turns = 0, seen = 0;
    for (;;) {
        struct turn turn = sched_next(sched);
        if (turn.kind == TURN_ROUND_END) {
            break;
        }
        assert_int_equal(turn.kind, TURN_RUN);
        *first = turns++ == 0 ? turn.vcpu : *first;
        assert_false(seen >> turn.vcpu & 1);
        seen |= 1U << turn.vcpu;
        sched->vcpus[turn.vcpu].clock.steps += turn.budget_steps;
    }
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        vtime now = local_now(sched, i);
        assert_in_range(now, sched_virtual(sched), sched_virtual(sched) + 7);
    }
    assert_int_equal(sched->late_steps_max, 0);
    return sched_virtual(sched) - start;
}

static void rounds_have_drawn_lengths_and_orders(void **state) {
    (void)state;
    struct sched sched, again;
    chaos_start(&sched, 3, 3, 5);
    chaos_start(&again, 3, 3, 5);
    unsigned firsts[4] = {0}, longer = 0, first = 3, other = 3;
    for (unsigned i = 0; i < SEEDS; i++) {
        vtime length = round_run(&sched, &first);
        assert_in_range(length, 1, QUANTUM_NS);
        assert_int_equal(length, round_run(&again, &other));
        assert_int_equal(first, other);
        firsts[first]++;
        longer += length > QUANTUM_NS / 4;
        first = other = 3; /* of a round in which nobody has a step, nobody is */
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(firsts[i] > SEEDS / 6);
    }
    assert_in_range(longer, SEEDS / 8, SEEDS / 2);
    sched_free(&sched);
    sched_free(&again);
}

static void rounds_without_a_step_are_passed_in_one_here_too(void **state) {
    (void)state;
    struct sched sched;
    chaos_start(&sched, 1, 0, 1); /* 3 steps a second */
    struct turn turn = sched_next(&sched);
    assert_int_equal(turn.kind, TURN_RUN);
    sched.vcpus[0].clock.steps++;
    turn = sched_next(&sched);
    assert_int_equal(turn.kind, TURN_ROUND_END);
    vtime short_ns = turn.until_ns;
    assert_in_range(short_ns, 1, QUANTUM_NS);
    turn = sched_next(&sched);
    assert_int_equal(turn.kind, TURN_ROUND_END);
    assert_in_range(turn.until_ns, 333332334, 333333333);
    assert_int_equal((turn.until_ns - short_ns) % QUANTUM_NS, 0);
    unsigned rounds = 0;
    for (; sched.vcpus[0].clock.steps < 2; rounds++) {
        turn = sched_next(&sched);
        sched.vcpus[0].clock.steps += turn.kind == TURN_RUN;
    }
    assert_in_range(rounds, 1, 100);
    sched_free(&sched);
}

/* -- Messages ---------------------------------------------------------------------------------- */

static void messages_come_within_a_quantum_of_the_end(void **state) {
    (void)state;
    unsigned soon = 0, late = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct sched sched;
        struct trace trace = {.count = 0};
        chaos_start(&sched, 2, 2, seed);
        struct probe probe = probe_of(&sched, &trace, 'm');
        struct turn turn = sched_next(&sched);
        probe_post(&probe, 1 - turn.vcpu, 'm');
        probe_post(&probe, turn.vcpu, 's');
        expect_row(&trace, 's', turn.vcpu, 0, 0); /* what is one's own comes at once */
        vtime end = sched.end_ns, at = sched.vcpus[1 - turn.vcpu].inbox[0].at_ns;
        assert_in_range(at, end, end + QUANTUM_NS);
        soon += at < end + QUANTUM_NS / 8;
        late += at > end + QUANTUM_NS / 2;
        while (trace.count == 0) {
            turn = sched_next(&sched);
            sched.vcpus[turn.vcpu % 2].clock.steps += turn.budget_steps;
        }
        assert_int_equal(trace.rows[0].name, 'm');
        assert_in_range(trace.rows[0].now, at, at + 7);
        assert_int_equal(sched.late_steps_max, 0);
        sched_free(&sched);
    }
    assert_true(soon > SEEDS / 4 && late > SEEDS / 32);
}

static void what_devices_say_between_rounds_is_under_way_as_well(void **state) {
    (void)state;
    unsigned at_once = 0;
    for (uint64_t seed = 0; seed < 8 * SEEDS; seed++) {
        struct sched sched;
        struct trace trace = {.count = 0};
        chaos_start(&sched, 1, 1, seed);
        struct probe probe = probe_of(&sched, &trace, 'm');
        vcpu_sleep(&sched.vcpus[0]);
        probe_post(&probe, 0, 'm');
        assert_int_equal(trace.count, 0);
        vtime at = sched.vcpus[0].inbox[0].at_ns;
        assert_in_range(at, 0, QUANTUM_NS);
        if (at == 0) {
            expect_idle(&sched, VTIME_NEVER);
            at_once++;
        } else {
            expect_idle(&sched, at);
            sched_skip(&sched, at);
        }
        expect_row(&trace, 'm', VCPU_NONE, 0, at);
        sched_free(&sched);
    }
    assert_true(at_once > 0);
}

static void devices_take_longer(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, QUANTUM_NS);
    assert_int_equal(sched_delay(&sched, 1, 500), 0);
    sched.chaos.wanted = true;
    unsigned shorter = 0, differ = 0;
    for (uint64_t name = 0; name < SEEDS; name++) {
        vtime delay = sched_delay(&sched, name, 500);
        assert_in_range(delay, 0, 500);
        assert_int_equal(sched_delay(&sched, name, 0), 0);
        assert_int_equal(delay, sched_delay(&sched, name, 500));
        shorter += delay < 250;
        differ += delay != sched_delay(&sched, name + 1, 500);
    }
    assert_in_range(shorter, SEEDS / 2, SEEDS - SEEDS / 32);
    assert_true(differ > SEEDS / 2);
    sched_free(&sched);
}

/* -- The place in a round ---------------------------------------------------------------------- */

/** Tells @p from, and sets @p to. */
static void carry(struct sched *from, struct sched *to) {
    struct buffer buffer = {0};
    struct stream told = buffer_tell(&buffer);
    sched_state(from, &told);
    struct stream set = buffer_set(&buffer);
    sched_state(to, &set);
    assert_true(stream_sound(&set));
    buffer_free(&buffer);
}

static void a_restored_round_goes_on_in_its_order(void **state) {
    (void)state;
    struct sched sched, copy;
    chaos_start(&sched, 4, 4, 9);
    for (unsigned turns = 0; turns < SEEDS; turns++) {
        struct turn turn = sched_next(&sched);
        if (turn.kind == TURN_RUN) {
            sched.vcpus[turn.vcpu].clock.steps += (turn.budget_steps + 1) / 2;
        }
        chaos_start(&copy, 4, 4, 9);
        carry(&sched, &copy);
        assert_memory_equal(sched.place, copy.place, sched.in_round ? 4 * sizeof *copy.place : 0);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(local_now(&sched, i), local_now(&copy, i));
        }
        sched_free(&copy);
    }
    sched_free(&sched);
}

/** Lets a round end that is under way. @return Who had turns, as digits in their order. */
static unsigned round_rest(struct sched *sched) {
    unsigned turns = 0;
    for (;;) {
        struct turn turn = sched_next(sched);
        if (turn.kind == TURN_ROUND_END) {
            return turns;
        }
        turns = turns * 10 + turn.vcpu;
        sched->vcpus[turn.vcpu].clock.steps += turn.budget_steps;
    }
}

static void a_round_under_way_keeps_its_order_under_any_seed(void **state) {
    (void)state;
    unsigned others = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct sched sched, plain, other;
        chaos_start(&sched, 4, 4, seed);
        struct turn turn = sched_next(&sched);
        while (sched.end_ns - sched.start_ns < 100) { /* in which each has a step */
            sched.vcpus[turn.vcpu % 4].clock.steps += turn.budget_steps;
            turn = sched_next(&sched);
        }
        sched_start(&plain, 4, 4, QUANTUM_NS);
        chaos_start(&other, 4, 4, seed + 1);
        carry(&sched, &plain);
        carry(&sched, &other);
        unsigned rest = round_rest(&sched);
        assert_int_equal(round_rest(&plain), rest);
        assert_int_equal(round_rest(&other), rest);
        vtime end = sched_virtual(&sched);
        assert_int_equal(round_rest(&plain), 123); /* 0 first, and a whole quantum */
        assert_int_equal(sched_virtual(&plain), end + QUANTUM_NS);
        others += round_rest(&other) != round_rest(&sched);
        expect_run(&plain, 0, QUANTUM_NS / 8, 1);
        carry(&plain, &other);
        assert_int_equal(round_rest(&other), 123); /* and 0 before, which is no digit of it */
        sched_free(&sched);
        sched_free(&plain);
        sched_free(&other);
    }
    assert_true(others > 40);
}

static void who_has_slept_through_a_place_is_at_the_end(void **state) {
    (void)state;
    unsigned passed = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct sched sched;
        chaos_start(&sched, 3, 3, seed);
        vcpu_sleep(&sched.vcpus[1]);
        sched.due_ns[1] = VTIME_NEVER;
        struct turn turn = sched_next(&sched);
        bool before = sched.place[1] < sched.place[turn.vcpu];
        assert_int_equal(turn.kind, TURN_RUN);
        assert_int_equal(local_now(&sched, 1), before ? sched.end_ns : 0);
        passed += before;
        sched_free(&sched);
    }
    assert_in_range(passed, SEEDS / 6, SEEDS / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_short_as_often_as_long),
        cmocka_unit_test(kinds_names_and_seeds_have_draws_of_their_own),
        cmocka_unit_test(every_order_comes),
        cmocka_unit_test(rounds_have_drawn_lengths_and_orders),
        cmocka_unit_test(rounds_without_a_step_are_passed_in_one_here_too),
        cmocka_unit_test(messages_come_within_a_quantum_of_the_end),
        cmocka_unit_test(what_devices_say_between_rounds_is_under_way_as_well),
        cmocka_unit_test(devices_take_longer),
        cmocka_unit_test(a_restored_round_goes_on_in_its_order),
        cmocka_unit_test(a_round_under_way_keeps_its_order_under_any_seed),
        cmocka_unit_test(who_has_slept_through_a_place_is_at_the_end),
    };
    return cmocka_run_group_tests_name("chaos", tests, NULL, NULL);
}
