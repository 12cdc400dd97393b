/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate: order, room, and that nothing is held between an endpoint and its device. */
#include "dev_test.h"
#include "machine/machine.h"

enum { LOG_MAX = 4096 };

/** What has entered, in order: inlet's letter and size. */
struct entered {
    char log[LOG_MAX];
    size_t count;
};

/** An endpoint that has pieces of equal size, and the device behind it. */
struct way {
    struct entered *entered;
    char letter;
    unsigned pieces; /* that the endpoint has */
    size_t piece_bytes;
    size_t room_bytes; /* of the device */
    unsigned served, flushed;
    enum endpoint_state is;
    bool open;
};

static void way_begin(void *of) {
    ((struct way *)of)->served = 100;
}

static void way_serve(void *of) {
    ((struct way *)of)->served++;
}

static bool way_flush(void *of) {
    struct way *way = of;
    return ++way->flushed >= 2;
}

static enum endpoint_state way_state(const void *of, struct error *error) {
    const struct way *way = of;
    if (way->is == ENDPOINT_FAILED) {
        error_set(error, STATUS_HOST_IO, "way %c", way->letter);
    }
    return way->is;
}

static void way_watch(void *of, struct watch *watch, bool admits) {
    (void)of;
    if (admits) {
        watch_ready(watch);
    }
}

static size_t way_take(void *of, uint8_t *bytes, size_t room_bytes) {
    struct way *way = of;
    size_t size_bytes = min_u64(way->piece_bytes, room_bytes);
    if (way->pieces == 0) {
        return 0;
    }
    way->pieces--;
    memset(bytes, way->letter, size_bytes);
    return size_bytes;
}

static bool way_can_come(const void *of, bool admits) {
    return admits && ((const struct way *)of)->open;
}

static const struct endpoint_ops way_ops = {
    .begin = way_begin,
    .serve = way_serve,
    .flush = way_flush,
    .state = way_state,
    .watch = way_watch,
    .take = way_take,
    .can_come = way_can_come,
};

static size_t way_room(void *of) {
    return ((struct way *)of)->room_bytes;
}

static void way_deliver(void *of, const uint8_t *bytes, size_t size_bytes) {
    struct way *way = of;
    assert_true(size_bytes > 0 && size_bytes <= way->room_bytes);
    way->room_bytes -= size_bytes;
    for (size_t i = 0; i < size_bytes; i++) {
        assert_int_equal(bytes[i], way->letter);
    }
    struct entered *entered = way->entered;
    int length = snprintf(entered->log + entered->count, LOG_MAX - entered->count, "%c%zu ",
                          way->letter, size_bytes);
    entered->count += (size_t)length;
    assert_true(entered->count < LOG_MAX);
}

static struct machine *gate_new(struct way *ways, unsigned count, struct entered *entered) {
    struct machine *machine = calloc(1, sizeof *machine);
    assert_non_null(machine);
    machine->watch = watch_new();
    *entered = (struct entered){.count = 0};
    for (unsigned i = 0; i < count; i++) {
        ways[i].entered = entered;
        ways[i].letter = (char)('a' + i);
        inlet_add(machine, &(struct inlet){.ops = &way_ops,
                                           .endpoint = &ways[i],
                                           .room = way_room,
                                           .deliver = way_deliver,
                                           .device = &ways[i]});
    }
    return machine;
}

static void gate_free(struct machine *machine) {
    watch_free(machine->watch);
    free(machine);
}

static void test_order_is_that_of_indices(void **state) {
    (void)state;
    struct entered entered;
    struct way ways[3] = {
        {.pieces = 2, .piece_bytes = 3, .room_bytes = 100},
        {.pieces = 0, .piece_bytes = 3, .room_bytes = 100},
        {.pieces = 3, .piece_bytes = 5, .room_bytes = 100},
    };
    struct machine *machine = gate_new(ways, 3, &entered);
    assert_true(inlets_admit(machine));
    assert_string_equal(entered.log, "a3 a3 c5 c5 c5 ");
    assert_false(inlets_admit(machine));
    gate_free(machine);
}

/* What has no room stays where it is: with the host. */
static void test_no_more_than_there_is_room_for(void **state) {
    (void)state;
    struct entered entered;
    struct way ways[2] = {
        {.pieces = 10, .piece_bytes = 4, .room_bytes = 10},
        {.pieces = 10, .piece_bytes = 9000, .room_bytes = 0},
    };
    struct machine *machine = gate_new(ways, 2, &entered);
    assert_true(inlets_admit(machine));
    assert_string_equal(entered.log, "a4 a4 a2 ");
    assert_int_equal(ways[0].pieces, 7);
    assert_int_equal(ways[1].pieces, 10);
    assert_false(inlets_admit(machine));
    assert_int_equal(ways[0].pieces, 7);
    ways[1].room_bytes = FRAME_BYTES_MAX;
    assert_true(inlets_admit(machine));
    assert_string_equal(entered.log, "a4 a4 a2 b1514 ");
    gate_free(machine);
}

static void test_one_inlet_cannot_shut_out_others(void **state) {
    (void)state;
    struct entered entered;
    struct way ways[2] = {
        {.pieces = UINT32_MAX, .piece_bytes = 1, .room_bytes = SIZE_MAX},
        {.pieces = 1, .piece_bytes = 1, .room_bytes = 1},
    };
    struct machine *machine = gate_new(ways, 2, &entered);
    assert_true(inlets_admit(machine));
    assert_non_null(strstr(entered.log, "b1"));
    gate_free(machine);
}

static void test_what_can_come(void **state) {
    (void)state;
    struct entered entered;
    struct way ways[2] = {{.open = true}, {.room_bytes = 1}};
    struct machine *machine = gate_new(ways, 2, &entered);
    assert_false(inlets_can_come(machine)); /* one has no room, the other is closed */
    inlets_watch(machine, true);
    ways[1].open = true;
    assert_true(inlets_can_come(machine));
    gate_free(machine);
}

static void test_who_is_waited_for(void **state) {
    (void)state;
    struct entered entered;
    struct way ways[1] = {{.room_bytes = 1}};
    struct machine *machine = gate_new(ways, 1, &entered);
    for (unsigned i = 0; i < 4; i++) {
        bool admits = i % 2 == 1;
        ways[0].room_bytes = i / 2;
        int64_t start_ns = host_monotonic_ns();
        inlets_watch(machine, admits);
        run_wait(machine, 20000000);
        bool waited = host_monotonic_ns() - start_ns >= 20000000;
        assert_int_equal(waited, !(admits && ways[0].room_bytes > 0));
    }
    gate_free(machine);
}

static void test_all_endpoints_are_served(void **state) {
    (void)state;
    struct entered entered;
    struct way ways[2] = {{.pieces = 0}, {.pieces = 0}};
    struct machine *machine = gate_new(ways, 2, &entered);
    inlets_begin(machine);
    inlets_serve(machine);
    assert_int_equal(ways[0].served, 101);
    assert_int_equal(ways[1].served, 101);
    assert_false(inlets_flush(machine));
    assert_int_equal(ways[1].flushed, 1); /* though the first is not done */
    assert_true(inlets_flush(machine));
    assert_false(inlets_full(machine));
    ways[1].is = ENDPOINT_FULL;
    assert_true(inlets_full(machine));
    inlets_look(machine);
    assert_int_equal(machine->exit.reason, EXIT_NONE);
    gate_free(machine);
}

static void test_ends(void **state) {
    (void)state;
    struct entered entered;
    struct way ways[2] = {{.is = ENDPOINT_LEFT}, {.is = ENDPOINT_READY}};
    struct machine *machine = gate_new(ways, 2, &entered);
    inlets_look(machine);
    assert_int_equal(machine->exit.reason, EXIT_USER);
    ways[1].is = ENDPOINT_FAILED;
    inlets_look(machine);
    assert_int_equal(machine->exit.reason, EXIT_ERROR);
    assert_string_equal(machine->exit.error.text, "way b");
    assert_int_equal(machine->exit.status, STATUS_HOST_IO);
    gate_free(machine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_that_of_indices),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
        cmocka_unit_test(test_one_inlet_cannot_shut_out_others),
        cmocka_unit_test(test_what_can_come),
        cmocka_unit_test(test_who_is_waited_for),
        cmocka_unit_test(test_all_endpoints_are_served),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
