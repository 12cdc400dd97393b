/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --engine check: a run of two machines that stay the same ends like any other; whatever is changed
 * in one of them, register, memory, device or schedule, ends it and is named. */
#include <string.h>

#include "boot_test.h"

enum { STOP_STEPS = 600000, CHANGED_ROUND = 40, ROUND_STEPS = 2500, HARTS = 2 };

/* Counts in t0, stores t0 behind the code, jumps back. */
static const uint32_t loop[] = {
    0x00000317, /* auipc t1, 0 */
    0x00128293, /* addi  t0, t0, 1 */
    0x10533023, /* sd    t0, 256(t1) */
    0xff9ff06f, /* jal   zero, -8 */
};

/** A machine, and what is done to it once. */
struct subject {
    struct machine *machine;
    void (*change)(struct machine *machine);
    unsigned rounds;
};

/* Asked between rounds. */
static int round_passed(void *owner) {
    struct subject *subject = owner;
    if (++subject->rounds == CHANGED_ROUND && subject->change != NULL) {
        subject->change(subject->machine);
    }
    return 0;
}

/** Text that a dump has given. */
struct dumped {
    char text[8192];
    size_t count;
};

static void dumped_put(void *owner, const void *bytes, size_t size_bytes) {
    struct dumped *dumped = owner;
    assert_true(dumped->count + size_bytes < sizeof dumped->text);
    memcpy(dumped->text + dumped->count, bytes, size_bytes);
    dumped->count += size_bytes;
}

static bool dumped_holds(const struct dumped *dumped, const char *word) {
    return strstr(dumped->text, word) != NULL;
}

/** Runs the loop with one change. @return How it ended; skips without a translator. */
static struct machine_exit run_changed(const struct folder *folder,
                                       void (*change)(struct machine *machine),
                                       struct dumped *dumped) {
    struct rate rates[HARTS];
    struct bytes code = bytes_new(sizeof loop, 0);
    memcpy(code.at, loop, sizeof loop);
    char *path = folder_write(folder, "loop", code);
    struct machine_options options = {
        .bios = path,
        .memory_bytes = MEMORY_MIN_BYTES,
        .hart_count = HARTS,
        .rates = rates,
        .quantum_ns = QUANTUM_DEFAULT_NS,
        .engine = ENGINE_CHECK,
        .jit_cache_bytes = JIT_CACHE_MIN_BYTES,
        .stop = {.kind = DESTINATION_STEPS, .number = STOP_STEPS},
    };
    struct error error;
    assert_int_equal(ext_parse("max", &options.ext, &error), STATUS_OK);
    for (unsigned i = 0; i < HARTS; i++) {
        rates[i] = rate_from_shift(3);
    }
    struct console *console = console_open("null", &error);
    struct machine *machine = machine_new(&options, console, &error);
    if (machine == NULL) {
        expect_error(&error, STATUS_USAGE, (const char *[3]){"--engine check", "no translator"});
        skip();
    }
    struct subject subject = {.machine = machine, .change = change};
    struct run_callbacks callbacks = {.signal = round_passed, .owner = &subject};
    struct machine_exit end = machine_run(machine, &callbacks);
    *dumped = (struct dumped){.count = 0};
    machine_check_dump(machine, &(struct stream){.put = dumped_put, .owner = dumped});
    machine_free(machine);
    console_close(console);
    free(path);
    return end;
}

static void the_same_stays_the_same(void **state) {
    struct dumped dumped;
    struct machine_exit end = run_changed(*state, NULL, &dumped);
    assert_int_equal(end.reason, EXIT_STOPPED);
    assert_int_equal(end.status, EXIT_STATUS_STOPPED);
    assert_int_equal(dumped.count, 0);
}

/** Each change ends the run in status 70, with one line that holds the words. */
static void expect_found(void **state, void (*change)(struct machine *machine),
                         const char *const words[3]) {
    struct dumped dumped;
    struct machine_exit end = run_changed(*state, change, &dumped);
    assert_int_equal(end.reason, EXIT_ERROR);
    assert_int_equal(end.status, STATUS_INTERNAL);
    expect_error(&end.error, STATUS_INTERNAL, words);
}

static void change_register(struct machine *machine) {
    machine->harts.hart[1]->x[5] += 0x1000000;
}

/* The position of the change is known: rounds are of 2500 steps on each hart. */
static void a_register_is_named(void **state) {
    char steps[64];
    uint64_t changed = (uint64_t)(CHANGED_ROUND - 1) * ROUND_STEPS * HARTS;
    snprintf(steps, sizeof steps, "between steps %d and %d on hart 1", (int)changed + ROUND_STEPS,
             (int)changed + 2 * ROUND_STEPS);
    expect_found(state, change_register, (const char *[3]){steps, "x5 = 0x1"});
}

static void the_regions_are_shown(void **state) {
    struct dumped dumped;
    run_changed(*state, change_register, &dumped);
    assert_true(dumped_holds(&dumped, "IN:\n0x80000004:  00128293  addi    t0,t0,1\n"));
    assert_true(dumped_holds(&dumped, "t0 = t0 + 1\n"));
    assert_true(dumped_holds(&dumped, "OUT: ["));
}

static void change_float(struct machine *machine) {
    machine->harts.hart[0]->f[7] ^= 1;
}

static void change_csr(struct machine *machine) {
    machine->harts.hart[0]->mscratch ^= (uint64_t)1 << 63;
}

static void change_flags(struct machine *machine) {
    machine->harts.hart[0]->fflags = 0x11;
}

static void change_pmp(struct machine *machine) {
    machine->harts.hart[0]->pmpaddr[3] = 5;
}

static void change_reservation(struct machine *machine) {
    machine->harts.hart[0]->reserved = true;
}

static void other_state_is_named(void **state) {
    static const struct {
        void (*change)(struct machine *machine);
        const char *words[3];
    } changes[] = {
        {change_float, {"hart 0: f7 = 0x1 translated, 0x0 interpreted"}},
        {change_csr, {"hart 0: mscratch = 0x8000000000000000 translated, 0x0 interpreted"}},
        {change_flags, {"hart 0: fflags = 0x11 translated, 0x0 interpreted"}},
        {change_pmp, {"hart 0: pmpaddr3 = 0x5 translated, 0x0 interpreted"}},
        {change_reservation, {"hart 0: reservation held = 0x1 translated, 0x0 interpreted"}},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        expect_found(state, changes[i].change, changes[i].words);
    }
}

static void change_memory(struct machine *machine) {
    paddr address = BOARD_RAM_BASE + 0x100003;
    ram_touch(&machine->bus.ram, address); /* as a store does */
    *ram_at(&machine->bus.ram, address) = 0x80;
}

static void memory_is_named_at_the_end(void **state) {
    char steps[64];
    snprintf(steps, sizeof steps, "between steps 0 and %d", STOP_STEPS);
    expect_found(state, change_memory,
                 (const char *[3]){steps, "memory at 0x80100000 = 0x80000000 translated"});
}

static void change_device(struct machine *machine) {
    assert_true(bus_write(&machine->bus, BOARD_PLIC_BASE + 4, 4, 3));
}

static void a_device_is_named(void **state) {
    expect_found(state, change_device, (const char *[3]){"the device plic"});
}

static void change_schedule(struct machine *machine) {
    machine->sched.post_order++;
}

static void the_schedule_is_named(void **state) {
    expect_found(state, change_schedule, (const char *[3]){"the schedule"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_stays_the_same),
        cmocka_unit_test(a_register_is_named),
        cmocka_unit_test(the_regions_are_shown),
        cmocka_unit_test(other_state_is_named),
        cmocka_unit_test(memory_is_named_at_the_end),
        cmocka_unit_test(a_device_is_named),
        cmocka_unit_test(the_schedule_is_named),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
