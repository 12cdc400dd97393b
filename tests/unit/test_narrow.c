/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay --verify: whatever makes a replay another run than the recorded one is told apart, and
 * what the translator alone does wrong is found to the step. */
#include <string.h>

#include "boot_test.h"

enum { STOP_STEPS = 300000, ROUND_STEPS = 2500, HASH_STEPS = 100000, HARTS = 2 };

/** Total steps at the end of a round, where something goes wrong. */
enum { WRONG_STEPS = 30 * ROUND_STEPS * HARTS };

/* Counts in t0, stores t0 behind the code, jumps back. */
static const uint32_t loop[] = {
    0x00000317, /* auipc t1, 0 */
    0x00128293, /* addi  t0, t0, 1 */
    0x10533023, /* sd    t0, 256(t1) */
    0xff9ff06f, /* jal   zero, -8 */
};

/** When t3 of hart 1 is changed. */
enum fault { FAULT_NEVER, FAULT_ONCE, FAULT_ALWAYS, FAULT_TRANSLATED };

struct subject {
    struct machine *machine;
    enum fault fault;
    unsigned fault_count;
};

/* Asked between rounds, also of the way that is gone again. */
static int round_passed(void *owner) {
    struct subject *subject = owner;
    struct machine *machine = subject->machine;
    bool here = machine->steps == WRONG_STEPS;
    bool now = subject->fault == FAULT_ALWAYS ||
               (subject->fault == FAULT_ONCE && subject->fault_count == 0) ||
               (subject->fault == FAULT_TRANSLATED && !machine->interprets);
    if (here && now) {
        machine->harts.hart[1]->x[28] = 0x40;
        subject->fault_count++;
    }
    return 0;
}

/** A run through a log. */
static struct machine_exit run_through(const char *image, enum engine engine,
                                       const struct gate_options *gate, enum fault fault) {
    struct rate rates[HARTS];
    struct machine_options options = {
        .bios = image,
        .memory_bytes = MEMORY_MIN_BYTES,
        .hart_count = HARTS,
        .rates = rates,
        .quantum_ns = QUANTUM_DEFAULT_NS,
        .engine = engine,
        .jit_cache_bytes = JIT_CACHE_MIN_BYTES,
        .stop = {.kind = DESTINATION_STEPS, .number = STOP_STEPS},
        .gate = *gate,
    };
    struct error error;
    assert_int_equal(ext_parse("max", &options.ext, &error), STATUS_OK);
    for (unsigned i = 0; i < HARTS; i++) {
        rates[i] = rate_from_shift(3);
    }
    struct console *console = console_open("null", &error);
    struct machine *machine = machine_new(&options, console, &error);
    if (machine == NULL) {
        expect_error(&error, STATUS_USAGE, (const char *[3]){"--engine jit", "no translator"});
        skip();
    }
    struct subject subject = {.machine = machine, .fault = fault};
    struct run_callbacks callbacks = {.signal = round_passed, .owner = &subject};
    struct machine_exit end = machine_run(machine, &callbacks);
    assert_true((subject.fault_count > 0) == (fault != FAULT_NEVER));
    machine_free(machine);
    console_close(console);
    return end;
}

/** Records the loop and replays it, each with a fault. @return How the replay ended. */
static struct machine_exit replay(const struct folder *folder, enum engine engine,
                                  enum fault recorded, enum fault replayed) {
    struct bytes code = bytes_new(sizeof loop, 0);
    memcpy(code.at, loop, sizeof loop);
    char *image = folder_write(folder, "loop", code);
    char path[PATH_MAX];
    struct error error;
    snprintf(path, sizeof path, "%s.sgl", image);
    struct gate_options gate = {.mode = GATE_RECORDS,
                                .hash_steps = HASH_STEPS,
                                .verifies = true,
                                .to_steps = UINT64_MAX,
                                .to_ns = VTIME_NEVER};
    gate.log = log_create(path, "", 0, &error);
    assert_non_null(gate.log);
    assert_int_equal(run_through(image, ENGINE_INTERP, &gate, recorded).reason, EXIT_STOPPED);
    assert_true(log_close(gate.log, &error));
    gate.mode = GATE_REPLAYS;
    gate.log = log_open(path, &error);
    assert_non_null(gate.log);
    struct machine_exit end = run_through(image, engine, &gate, replayed);
    assert_true(log_close(gate.log, &error));
    free(image);
    return end;
}

static void expect_differs(const struct machine_exit *end, const char *what, const char *where) {
    assert_int_equal(end->reason, EXIT_ERROR);
    expect_error(&end->error, STATUS_INTERNAL, (const char *[3]){"another hash", what, where});
}

static void the_same_is_verified(void **state) {
    assert_int_equal(replay(*state, ENGINE_JIT, FAULT_NEVER, FAULT_NEVER).reason, EXIT_STOPPED);
    assert_int_equal(replay(*state, ENGINE_INTERP, FAULT_ALWAYS, FAULT_ALWAYS).reason,
                     EXIT_STOPPED);
}

/* What is wrong at a round's end is seen in the first step behind it. */
static void a_fault_of_the_translator_is_found(void **state) {
    char step[80];
    struct machine_exit end = replay(*state, ENGINE_JIT, FAULT_NEVER, FAULT_TRANSLATED);
    snprintf(step, sizeof step, "the engines part in the step after %d: hart 1, 0x80000",
             WRONG_STEPS);
    expect_differs(&end, step, "x28 = 0x40 translated, 0x0 interpreted");
}

static void a_recording_of_another_state_is_told(void **state) {
    struct machine_exit end = replay(*state, ENGINE_JIT, FAULT_ALWAYS, FAULT_NEVER);
    expect_differs(&end, "between steps", "both engines come to this state");
    end = replay(*state, ENGINE_INTERP, FAULT_ALWAYS, FAULT_NEVER);
    expect_differs(&end, "between steps", "no translator to ask");
}

static void a_host_that_does_not_repeat_is_told(void **state) {
    struct machine_exit end = replay(*state, ENGINE_JIT, FAULT_NEVER, FAULT_ONCE);
    expect_differs(&end, "between steps", "this host does not repeat itself");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_verified),
        cmocka_unit_test(a_fault_of_the_translator_is_found),
        cmocka_unit_test(a_recording_of_another_state_is_told),

        cmocka_unit_test(a_host_that_does_not_repeat_is_told),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
