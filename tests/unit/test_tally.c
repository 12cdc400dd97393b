/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting what is executed: known counts come out, by both engines, whatever grants and caches do;
 * sums are those of the hart itself. */
#include <string.h>

#include "boot_test.h"

enum { STOP_STEPS = 400000, HARTS = 2 };

#define CODE_BASE UINT64_C(0x80000000)

/* Sets a trap handler, then loops: counts, stores, and every 16th time traps. */
static const uint32_t program[] = {
    0x00000317,             /* auipc t1, 0 */
    0x04030393,             /* addi  t2, t1, 64: the handler */
    0x30539073,             /* csrw  mtvec, t2 */
    0x00128293,             /* loop: addi  t0, t0, 1 */
    0x10533023,             /* sd    t0, 256(t1) */
    0x00f2fe13,             /* andi  t3, t0, 15 */
    0x000e0463,             /* beqz  t3, +8 */
    0xff1ff06f,             /* j     loop */
    0x00000073,             /* ecall */
    0x001e8e93,             /* addi  t4, t4, 1 */
    0xfe5ff06f,             /* j     loop */
    0,          0, 0, 0, 0, /* never reached */
    0x34102f73,             /* handler: csrr  t5, mepc */
    0x004f0f13,             /* addi  t5, t5, 4 */
    0x341f1073,             /* csrw  mepc, t5 */
    0x30200073,             /* mret */
};

/** Sums by instruction, of one hart. */
struct sums {
    int64_t steps[COUNT(program)], unretired[COUNT(program)];
    int64_t other_steps; /* of the boot ROM */
    int64_t all_steps, all_unretired;
};

static void sums_add(void *owner, const struct tally_context *context,
                     const struct tally_count *count) {
    struct sums *sums = owner;
    sums += context->hart;
    assert_true(context->hart < HARTS);
    assert_int_equal(context->priv, PRIV_M);
    assert_int_equal(context->satp, 0);
    assert_int_equal(count->code.at, count->code.pc);
    assert_int_equal(count->code.wide, UINT64_MAX >> (64 - count->code.count));
    for (unsigned i = 0; i < count->code.count; i++) {
        uint64_t idx = (count->code.at - CODE_BASE) / 4 + i;
        if (idx < COUNT(program)) {
            sums->steps[idx] += count->steps;
            sums->unretired[idx] += count->unretired;
        } else {
            sums->other_steps += count->steps;
        }
        sums->all_steps += count->steps;
        sums->all_unretired += count->unretired;
    }
}

/** How it is run. */
struct way {
    enum engine engine;
    enum grant_kind grants;
    uint64_t grant;
    bool drops;
};

static void program_run(const struct folder *folder, const struct way *way,
                        struct sums sums[HARTS]) {
    struct rate rates[HARTS];
    struct bytes code = bytes_new(sizeof program, 0);
    memcpy(code.at, program, sizeof program);
    char *image = folder_write(folder, "program", code);
    struct machine_options options = {
        .bios = image,
        .memory_bytes = MEMORY_MIN_BYTES,
        .hart_count = HARTS,
        .rates = rates,
        .quantum_ns = QUANTUM_DEFAULT_NS,
        .engine = way->engine,
        .jit_cache_bytes = JIT_CACHE_MIN_BYTES,
        .grant_kind = way->grants,
        .grant = way->grant,
        .drop_caches = way->drops,
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
        expect_error(&error, STATUS_USAGE, (const char *[3]){"--engine jit", "no translator"});
        skip();
    }
    assert_int_equal(tally_begin(&machine->harts, TALLY_RUNS, NULL, &error), STATUS_OK);
    tally_resume(&machine->harts);
    struct run_callbacks callbacks = {.owner = NULL};
    assert_int_equal(machine_run(machine, &callbacks).reason, EXIT_STOPPED);
    memset(sums, 0, HARTS * sizeof *sums);
    tally_pause(&machine->harts);
    tally_walk(&machine->harts, sums_add, sums);
    for (unsigned i = 0; i < HARTS; i++) {
        assert_int_equal(sums[i].all_steps, machine->harts.hart[i]->clock->steps);
        assert_int_equal(sums[i].all_unretired, machine->harts.hart[i]->unretired);
    }
    tally_end(&machine->harts);
    machine_free(machine);
    console_close(console);
    free(image);
}

/* 16 turns of the loop take 15 * 5 steps, and 7 and 4 more where they trap. */
static void counts_are_what_is_known(void **state) {
    struct sums sums[HARTS];
    program_run(*state, &(struct way){.engine = ENGINE_INTERP}, sums);
    for (unsigned i = 0; i < HARTS; i++) {
        int64_t in_program = sums[i].all_steps - sums[i].other_steps - 3;
        int64_t sixteens = in_program / 86, rest = in_program % 86;
        assert_in_range(sums[i].other_steps, 1, 20);
        assert_int_equal(sums[i].steps[0], 1);
        assert_int_equal(sums[i].steps[3],
                         16 * sixteens + (min_i64(rest, 75) + 4) / 5 + (rest > 75));
        assert_int_equal(sums[i].steps[7], 15 * sixteens + min_i64(rest, 75) / 5);
        assert_int_equal(sums[i].steps[8], sixteens + (rest > 79));
        assert_int_equal(sums[i].unretired[8], sums[i].steps[8]);
        assert_int_equal(sums[i].all_unretired, sums[i].steps[8]);
        assert_int_equal(sums[i].steps[16], sixteens + (rest > 80));
        assert_int_equal(sums[i].steps[19], sixteens + (rest > 83));
    }
}

static void ways_agree(void **state) {
    static const struct way ways[] = {
        {.engine = ENGINE_JIT},
        {.engine = ENGINE_JIT, .grants = GRANT_FIXED, .grant = 7},
        {.engine = ENGINE_JIT, .grants = GRANT_RANDOM, .grant = 5, .drops = true},
        {.engine = ENGINE_INTERP, .grants = GRANT_FIXED, .grant = 1},
        {.engine = ENGINE_INTERP, .drops = true},
    };
    struct sums wanted[HARTS], sums[HARTS];
    program_run(*state, &(struct way){.engine = ENGINE_INTERP}, wanted);
    for (size_t i = 0; i < COUNT(ways); i++) {
        program_run(*state, &ways[i], sums);
        assert_memory_equal(wanted, sums, sizeof sums);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_what_is_known),
        cmocka_unit_test(ways_agree),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
