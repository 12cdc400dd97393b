/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a schedule keeps: messages under way in their order, memory, and the state that decides. */
#include "memory_test.h"
#include "sched_test.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- Messages under way ------------------------------------------------------------------------ */

/** The last message that arrived: its time, and how many were sent before it. */
struct key {
    vtime at_ns;
    uint64_t count;
    unsigned arrived_count;
};

static void key_arrive(void *owner, uint64_t value) {
    struct key *last = owner;
    vtime at = (vtime)(value >> 20);
    assert_true(last->arrived_count == 0 || at > last->at_ns ||
                (at == last->at_ns && value % (1 << 20) > last->count));
    last->at_ns = at;
    last->count = value % (1 << 20);
    last->arrived_count++;
}

static void crowded_inboxes_keep_their_order(void **state) {
    (void)state;
    struct random random = random_start(9);
    struct key last = {.arrived_count = 0};
    struct sched sched;
    uint64_t count = 0;
    sched_start(&sched, 8, 8, 1000);
    while (sched.start_ns < 100000) {
        struct turn turn = sched_next(&sched);
        if (turn.kind != TURN_RUN) {
            continue;
        }
        struct clock *clock = &sched.vcpus[turn.vcpu].clock;
        clock->steps += 1 + random_below(&random, turn.budget_steps);
        if (turn.vcpu != 7 && clock_now(clock) < sched.end_ns) {
            uint64_t value = (uint64_t)(clock_now(clock) + 1000) << 20 | count++;
            uint16_t kind = (uint16_t)count; /* each of its own: none overtakes another */
            sched_connect(&sched, 7, kind, key_arrive, &last);
            sched_post(&sched, 7, kind, value);
        }
    }
    expect(last.arrived_count > 1000, &random, "only %u messages", last.arrived_count);
    sched_free(&sched);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static void a_schedule_needs_memory(void **state) {
    (void)state;
    struct sched sched;
    struct rate rate = rate_from_shift(3);
    memory_is_out = true;
    struct sched_options options = {
        .vcpu_count = 1, .rates = &rate, .quantum_ns = 1000, .tick_ns = 100};
    bool had = sched_init(&sched, &options);
    memory_is_out = false;
    assert_false(had);
}

static void a_lost_message_is_a_defect(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct probe probe = {.sched = &sched};
    expect_run(&sched, 0, 125, 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        assert_non_null(freopen("/dev/null", "w", stderr));
        memory_is_out = true;
        probe_post(&probe, 1, 'm');
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), STATUS_INTERNAL);
    sched_free(&sched);
}

static void inboxes_grow(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    expect_run(&sched, 0, 125, 0);
    for (char name = 'A'; name <= 'Z'; name++) {
        probe_post(&probe, 1, name);
    }
    expect_run(&sched, 0, 125, 125);
    expect_run(&sched, 1, 125, 125);
    expect_round_end(&sched, 1000);
    for (char name = 'A'; name <= 'Z'; name++) {
        expect_row(&trace, name, VCPU_NONE, 0, 1000);
    }
    sched_free(&sched);
}

/* -- State ------------------------------------------------------------------------------------- */

static uint64_t hash_of(struct sched *sched) {
    struct state_hash hash = {0, 0};
    struct stream stream = {.put = state_hash_put, .owner = &hash};
    sched_state(sched, &stream);
    return hash.value;
}

static void the_state_does_not_know_the_layout_of_a_heap(void **state) {
    (void)state;
    struct sched one, two;
    sched_start(&one, 4, 4, 1000);
    sched_start(&two, 4, 4, 1000);
    struct trace trace = {.count = 0};
    struct probe probe_one = probe_of(&one, &trace, '-');
    struct probe probe_two = probe_of(&two, &trace, '-');
    send_four(&one, &probe_one);
    send_four(&two, &probe_two);
    struct post *inbox = two.vcpus[3].inbox;
    assert_int_equal(two.vcpus[3].inbox_count, 6);
    assert_true(inbox[4].at_ns < inbox[3].at_ns);
    struct post swap = inbox[4]; /* two leaves of one parent: any order is a heap */
    inbox[4] = inbox[3];
    inbox[3] = swap;
    assert_true(hash_of(&one) == hash_of(&two));
    assert_true(hash_of(&one) == hash_of(&one));
    inbox[5].value++;
    assert_true(hash_of(&one) != hash_of(&two));
    sched_free(&one);
    sched_free(&two);
}

static void the_state_does_not_know_void_messages(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    expect_run(&sched, 0, 125, 0);
    probe_post(&probe, 1, 'k');
    probe_post_value(&probe, 1, 'a');
    expect_run(&sched, 0, 125, 125);
    expect_run(&sched, 1, 125, 0);
    probe_post_value(&probe, 1, 'b'); /* felt at once: a is void, but not first in the inbox */
    uint64_t base = hash_of(&sched);
    assert_int_equal(sched.vcpus[1].inbox_count, 2);
    sched.vcpus[1].inbox[1].value++;
    assert_true(hash_of(&sched) == base);
    sched.vcpus[1].inbox[0].value++;
    assert_true(hash_of(&sched) != base);
    sched_free(&sched);
}

static void no_change(void *owner, bool level) {
    (void)owner;
    (void)level;
}

static void the_state_walk_names_all_that_decides(void **state) {
    (void)state;
    struct sched sched;
    sched_start(&sched, 2, 2, 1000);
    struct comparator comparator;
    struct trace trace = {.count = 0};
    struct probe probe = probe_of(&sched, &trace, '-');
    assert_true(comparator_attach(&sched, 0, &comparator, no_change, NULL));
    comparator_set(&comparator, 5, true);
    expect_run(&sched, 0, 63, 0);
    probe_post(&probe, 1, 'm');
    uint64_t *const words[] = {
        (uint64_t *)&sched.quantum_ns,
        (uint64_t *)&sched.tick_ns,
        &sched.drawn.seed,
        &sched.ticks_seen,
        (uint64_t *)&sched.start_ns,
        (uint64_t *)&sched.end_ns,
        &sched.arming_order,
        &sched.post_order,
        &sched.vcpus[1].clock.steps,
        &sched.vcpus[1].tick_offset,
        &comparator.compare,
        &comparator.timer.order,
        (uint64_t *)&sched.vcpus[1].inbox->at_ns,
        &sched.vcpus[1].inbox->order,
        &sched.vcpus[1].inbox->value,
    };
    bool *const flags[] = {&sched.monotonic, &sched.drawn.wanted, &sched.vcpus[1].asleep,
                           &comparator.enabled, &comparator.level};
    uint64_t base = hash_of(&sched);
    for (size_t i = 0; i < COUNT(words); i++) {
        *words[i] ^= 1;
        assert_true(hash_of(&sched) != base);
        *words[i] ^= 1;
    }
    for (size_t i = 0; i < COUNT(flags); i++) {
        *flags[i] = !*flags[i];
        assert_true(hash_of(&sched) != base);
        *flags[i] = !*flags[i];
    }
    sched.vcpus[1].inbox->sender ^= 1;
    assert_true(hash_of(&sched) != base);
    sched.vcpus[1].inbox->sender ^= 1;
    sched.vcpus[1].inbox->kind ^= 1;
    assert_true(hash_of(&sched) != base);
    sched.vcpus[1].inbox->kind ^= 1;
    sched.current = 1;
    assert_true(hash_of(&sched) != base);
    sched.current = 0;
    assert_true(hash_of(&sched) == base);
    sched_free(&sched);
}

/* -- Setting it -------------------------------------------------------------------------------- */

/** Two schedules in the middle of a round, with a deadline and messages under way. */
struct twins {
    struct sched scheds[2];
    struct trace trace;
    struct probe probes[2];
    struct comparator comparators[2];
    struct buffer told; /* of the first */
};

static void twins_init(struct twins *twins) {
    *twins = (struct twins){.trace = {.count = 0}};
    for (unsigned i = 0; i < 2; i++) {
        struct sched *sched = &twins->scheds[i];
        sched_start(sched, 4, 4, 1000);
        twins->probes[i] = probe_of(sched, &twins->trace, '-');
        assert_true(comparator_attach(sched, 0, &twins->comparators[i], no_change, NULL));
        for (char name = 'a'; name <= 'f'; name++) {
            sched_connect(sched, 3, (uint16_t)name, probe_arrive, &twins->probes[i]);
        }
    }
    send_four(&twins->scheds[0], &twins->probes[0]);
    comparator_set(&twins->comparators[0], 700, true);
    struct stream stream = buffer_tell(&twins->told);
    sched_state(&twins->scheds[0], &stream);
}

static const char *twins_set(struct twins *twins) {
    struct stream stream = buffer_set(&twins->told);
    sched_state(&twins->scheds[1], &stream);
    return stream.defect;
}

static void twins_free(struct twins *twins) {
    sched_free(&twins->scheds[0]);
    sched_free(&twins->scheds[1]);
    buffer_free(&twins->told);
}

static void what_was_told_can_be_set(void **state) {
    (void)state;
    struct twins twins;
    twins_init(&twins);
    assert_null(twins_set(&twins));
    assert_true(hash_of(&twins.scheds[0]) == hash_of(&twins.scheds[1]));
    for (unsigned i = 0; i < 2; i++) {
        struct sched *sched = &twins.scheds[i];
        expect_run(sched, 3, 125, 125);
        expect_round_end(sched, 1000);
        for (const char *name = "abc"; *name != '\0'; name++) {
            expect_row(&twins.trace, *name, VCPU_NONE, 0, 1000);
        }
        assert_int_equal(timers_due(&sched->vcpus[0].timers), 70000);
    }
    twins_free(&twins);
}

/** Sets what was told, with the 8 bytes at @p at changed; once it was cut behind them, too. */
static void expect_defect(size_t at, uint64_t value, const char *defect) {
    struct twins twins;
    twins_init(&twins);
    assert_true(at + sizeof value <= twins.told.size_bytes);
    memcpy(twins.told.bytes + at, &value, sizeof value);
    assert_string_equal(twins_set(&twins), defect);
    assert_true(twins.scheds[1].current == VCPU_NONE || twins.scheds[1].current < 4);
    twins_free(&twins);
}

/** Places of fields in the walk. */
enum {
    AT_VCPUS = 0,
    AT_QUANTUM = 8,
    AT_TICK = 16,
    AT_MONOTONIC = 24,
    AT_DRAWN = 32,
    AT_START = 49,
    AT_END = 57,
    AT_CURRENT = 65,
    AT_CLOCK = 85,
};

static void what_no_schedule_tells_is_a_defect(void **state) {
    (void)state;
    expect_defect(AT_VCPUS, 5, "is of a machine with another number of harts");
    expect_defect(AT_QUANTUM, 999, "is of a machine with another quantum");
    expect_defect(AT_TICK, 10, "is of a machine with another time base");
    expect_defect(AT_MONOTONIC, 1, "is of a machine with another --time");
    expect_defect(AT_DRAWN, 2, "holds a truth that is neither 0 nor 1");
    const char *round = "holds a round that is none";
    expect_defect(AT_START, 1000, round);
    expect_defect(AT_START, UINT64_MAX, round);
    expect_defect(AT_END, 0, round);
    expect_defect(AT_END, INT64_MAX, round);
    expect_defect(AT_CURRENT, 4, round);
    expect_defect(AT_CURRENT, UINT32_MAX, round);
    const char *clock = "holds a clock that runs backwards";
    expect_defect(AT_CLOCK, UINT64_C(1000000001), clock);
    expect_defect(AT_CLOCK, 0, clock); /* with a part of 0: steps that cost nothing */
    expect_defect(AT_CLOCK + 8, 1, clock);
    expect_defect(AT_CLOCK + 16, 0, clock);
    expect_defect(AT_CLOCK + 16, UINT64_C(1000000000001), clock);
    expect_defect(AT_CLOCK + 32, 126, clock);
}

static void deadlines_lie_in_time(void **state) {
    (void)state;
    struct twins twins;
    struct timer *timer = &twins.comparators[0].timer;
    twins_init(&twins);
    vtime due_ns = timer->due_ns;
    for (size_t at = 0; at + 8 <= twins.told.size_bytes; at++) {
        if (memcmp(twins.told.bytes + at, &due_ns, 8) == 0) {
            twins.told.bytes[at + 7] |= 0x80;
        }
    }
    assert_string_equal(twins_set(&twins), "holds a deadline before time 0");
    twins_free(&twins);
}

static void messages_are_for_somebody(void **state) {
    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        struct twins twins;
        twins_init(&twins);
        if (how == 0) {
            sched_connect(&twins.scheds[1], 3, 'd', NULL, NULL);
        } else {
            twins.scheds[1].kind_count = 'd';
        }
        assert_string_equal(twins_set(&twins), "holds a message for nobody");
        twins_free(&twins);
    }
}

static void walks_that_are_cut_are_a_defect(void **state) {
    (void)state;
    struct twins twins;
    twins_init(&twins);
    for (size_t whole = twins.told.size_bytes; twins.told.size_bytes > 0;) {
        twins.told.size_bytes--;
        assert_non_null(twins_set(&twins));
        assert_true(twins.told.size_bytes < whole);
    }
    twins_free(&twins);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crowded_inboxes_keep_their_order),
        cmocka_unit_test(a_schedule_needs_memory),
        cmocka_unit_test(a_lost_message_is_a_defect),
        cmocka_unit_test(inboxes_grow),
        cmocka_unit_test(the_state_does_not_know_the_layout_of_a_heap),
        cmocka_unit_test(the_state_does_not_know_void_messages),
        cmocka_unit_test(the_state_walk_names_all_that_decides),
        cmocka_unit_test(what_was_told_can_be_set),
        cmocka_unit_test(what_no_schedule_tells_is_a_defect),
        cmocka_unit_test(deadlines_lie_in_time),
        cmocka_unit_test(messages_are_for_somebody),
        cmocka_unit_test(walks_that_are_cut_are_a_defect),
    };
    return cmocka_run_group_tests_name("sched_state", tests, NULL, NULL);
}
