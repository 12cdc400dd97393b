/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Breakpoints and watchpoints: met at exact positions, the same ones in both engines, and a run
 * that has them, or is paused at them, ends like one without. */
#include <string.h>

#include "boot_test.h"

enum { STOP_STEPS = 300000, HARTS_MOST = 4, LOOP_STEPS = 4, HITS_MAX = 1 << 18 };

/* Loads a word behind its page, adds one, stores it, jumps back. */
static const uint32_t loop[] = {
    0x00001317, /* auipc t1, 1 */
    0x10033283, /* ld    t0, 256(t1) */
    0x00128293, /* addi  t0, t0, 1 */
    0x10533023, /* sd    t0, 256(t1) */
    0xff5ff06f, /* jal   zero, -12 */
};
#define LOAD_AT (BOARD_RAM_BASE + 4)
#define ADD_AT (BOARD_RAM_BASE + 8)
#define STORE_AT (BOARD_RAM_BASE + 12)
#define WORD_AT (BOARD_RAM_BASE + 0x1100)

/* Touches the first word of a page in every way there is. */
static const uint32_t kinds[] = {
    0x00001317, /* auipc    t1, 1 */
    0x00300393, /* li       t2, 3 */
    0x007332af, /* amoadd.d t0, t2, (t1) */
    0x100332af, /* lr.d     t0, (t1) */
    0x18533e2f, /* sc.d     t3, t0, (t1) */
    0xfe533e23, /* sd       t0, -4(t1) */
    0x0043200f, /* cbo.zero (t1) */
    0xffc33283, /* ld       t0, -4(t1) */
    0xfe9ff06f, /* jal      zero, -24 */
};
#define PAGE_AT (BOARD_RAM_BASE + 0x1000)

/** Code at the start of RAM. */
struct program {
    const uint32_t *words;
    size_t size_bytes;
};
static const struct program looping = {loop, sizeof loop};
static const struct program touching = {kinds, sizeof kinds};

/** A run of a program. */
struct subject {
    struct machine *machine;
    struct console *console;
    char *path;
    struct rate rates[HARTS_MOST];
    struct hit *hits; /* HITS_MAX of room */
    size_t hit_count;
    uint64_t steps_seen; /* total, at the last hit */
    bool pauses;
};

static bool hit_note(void *owner, const struct hit *hit, uint64_t steps) {
    struct subject *subject = owner;
    assert_true(subject->hit_count < HITS_MAX);
    assert_true(steps >= subject->steps_seen);
    subject->steps_seen = steps;
    subject->hits[subject->hit_count++] = *hit;
    return subject->pauses;
}

static void subject_make_of(struct subject *subject, const struct folder *folder,
                            const struct program *program, enum engine engine, unsigned harts) {
    struct bytes code = bytes_new(program->size_bytes, 0);
    memcpy(code.at, program->words, program->size_bytes);
    *subject = (struct subject){.path = folder_write(folder, "loop", code)};
    struct machine_options options = {
        .bios = subject->path,
        .memory_bytes = MEMORY_MIN_BYTES,
        .hart_count = harts,
        .rates = subject->rates,
        .quantum_ns = QUANTUM_DEFAULT_NS,
        .engine = engine,
        .jit_cache_bytes = JIT_CACHE_MIN_BYTES,
        .stop = {.kind = DESTINATION_STEPS, .number = STOP_STEPS},
    };
    struct error error;
    assert_int_equal(ext_parse("max", &options.ext, &error), STATUS_OK);
    for (unsigned i = 0; i < harts; i++) {
        subject->rates[i] = rate_from_shift(3);
    }
    subject->hits = calloc(HITS_MAX, sizeof *subject->hits);
    subject->console = console_open("null", &error);
    subject->machine = machine_new(&options, subject->console, &error);
    assert_non_null(subject->hits);
    assert_non_null(subject->machine);
}

static void subject_make(struct subject *subject, const struct folder *folder, enum engine engine,
                         unsigned harts) {
    subject_make_of(subject, folder, &looping, engine, harts);
}

static void subject_free(struct subject *subject) {
    machine_free(subject->machine);
    console_close(subject->console);
    free(subject->path);
    free(subject->hits);
}

/** Runs it to its end. @return How often it paused. */
static unsigned subject_run(struct subject *subject, char hash[STATE_HASH_CHARS]) {
    struct run_callbacks callbacks = {.hit = hit_note, .owner = subject};
    unsigned pauses = 0;
    machine_begin(subject->machine, &callbacks);
    enum pause pause = machine_go(subject->machine, &goal_none);
    while (pause != PAUSE_NONE) {
        assert_int_equal(pause, PAUSE_HIT);
        assert_memory_equal(machine_hit(subject->machine), &subject->hits[pauses],
                            sizeof(struct hit));
        pauses++;
        pause = machine_go(subject->machine, &goal_none);
    }
    struct machine_exit end = machine_finish(subject->machine);
    assert_int_equal(end.reason, EXIT_STOPPED);
    machine_state_hash(subject->machine, hash);
    return pauses;
}

/** Each of the harts meets it once a round of the loop, from its first on. */
static void expect_hits(const struct subject *subject, const struct point *point, vaddr pc,
                        unsigned harts) {
    uint64_t last[HARTS_MOST] = {0};
    size_t count = 0;
    for (size_t i = 0; i < subject->hit_count; i++) {
        const struct hit *hit = &subject->hits[i];
        if (hit->point.kind != point->kind || hit->pc != pc) {
            continue;
        }
        assert_true(hit->hart < harts);
        assert_int_equal(hit->point.address, point->address);
        if (last[hit->hart] != 0) {
            assert_int_equal(hit->hart_steps, last[hit->hart] + LOOP_STEPS);
        }
        last[hit->hart] = hit->hart_steps;
        count++;
    }
    assert_in_range(count, STOP_STEPS / LOOP_STEPS - 20 * harts, STOP_STEPS / LOOP_STEPS);
}

static const struct point points[] = {
    {.kind = POINT_BREAK, .address = STORE_AT},
    {.kind = POINT_WRITE, .address = WORD_AT, .size_bytes = 8},
    {.kind = POINT_READ, .address = WORD_AT + 7, .size_bytes = 1},
    {.kind = POINT_PHYSICAL, .address = WORD_AT - 2, .size_bytes = 4},
};

/** Hits of a run with one of the points, in both engines; the end is that of @p plain. */
static void expect_point(const struct folder *folder, const struct point *point, unsigned harts,
                         const char *plain) {
    static const enum engine engines[] = {ENGINE_INTERP, ENGINE_AUTO};
    struct subject subjects[COUNT(engines)];
    for (size_t i = 0; i < COUNT(engines); i++) {
        char hash[STATE_HASH_CHARS];
        subject_make(&subjects[i], folder, engines[i], harts);
        subjects[i].pauses = engines[i] == ENGINE_AUTO;
        assert_true(points_add(&subjects[i].machine->harts, point));
        unsigned pauses = subject_run(&subjects[i], hash);
        if (subjects[i].pauses) { /* at the end of the run nothing pauses any more */
            assert_in_range(pauses, subjects[i].hit_count - 1, subjects[i].hit_count);
        }
        assert_string_equal(hash, plain);
        expect_hits(&subjects[i], point, point->kind == POINT_READ ? LOAD_AT : STORE_AT, harts);
    }
    assert_int_equal(subjects[0].hit_count, subjects[1].hit_count);
    assert_memory_equal(subjects[0].hits, subjects[1].hits,
                        subjects[0].hit_count * sizeof(struct hit));
    for (size_t i = 0; i < COUNT(engines); i++) {
        subject_free(&subjects[i]);
    }
}

static void points_are_met_exactly(void **state) {
    for (unsigned harts = 1; harts <= HARTS_MOST; harts *= 2) {
        struct subject plain;
        char hash[STATE_HASH_CHARS];
        subject_make(&plain, *state, ENGINE_AUTO, harts);
        subject_run(&plain, hash);
        assert_int_equal(plain.hit_count, 0);
        subject_free(&plain);
        for (size_t i = 0; i < COUNT(points); i++) {
            expect_point(*state, &points[i], harts, hash);
        }
    }
}

static void values_are_told(void **state) {
    for (size_t i = 1; i < COUNT(points); i++) {
        struct subject subject;
        char hash[STATE_HASH_CHARS];
        subject_make(&subject, *state, ENGINE_AUTO, 1);
        assert_true(points_add(&subject.machine->harts, &points[i]));
        subject_run(&subject, hash);
        for (size_t j = 0; j < subject.hit_count; j++) {
            const struct hit *hit = &subject.hits[j];
            bool reads = points[i].kind == POINT_READ;
            unsigned mask = points[i].kind == POINT_PHYSICAL ? 0xffff : 0xffffffff;
            assert_int_equal(hit->wrote, !reads);
            assert_int_equal(hit->address, reads ? WORD_AT + 7 : WORD_AT);
            assert_int_equal(hit->size_bytes, reads ? 1 : mask == 0xffff ? 2 : 8);
            assert_int_equal(hit->old, reads ? 0 : j & mask);
            assert_int_equal(hit->now, reads ? 0 : (j + 1) & mask);
        }
        subject_free(&subject);
    }
}

/* Two kinds at once, in the same instruction and in others. */
static void accesses_are_both(void **state) {
    struct subject subject;
    char hash[STATE_HASH_CHARS];
    const struct point access = {.kind = POINT_ACCESS, .address = WORD_AT + 2, .size_bytes = 1};
    subject_make(&subject, *state, ENGINE_AUTO, 2);
    assert_true(points_add(&subject.machine->harts, &access));
    subject_run(&subject, hash);
    expect_hits(&subject, &access, LOAD_AT, 2);
    expect_hits(&subject, &access, STORE_AT, 2);
    subject_free(&subject);
}

/** An instruction that touches the word, and how: offset of its pc. */
struct touch {
    unsigned at;
    bool reads, writes;
    unsigned size_bytes;
};

static const struct touch touches[] = {
    {0x08, true, true, 8},                                                  /* amoadd */
    {0x0c, true, false, 8}, {0x10, false, true, 8}, {0x14, false, true, 4}, /* its second half */
    {0x18, false, true, 8}, /* cbo.zero: as much as is told */
    {0x1c, true, false, 4},
};

static bool touch_meets(const struct touch *touch, enum point_kind kind) {
    bool reads = kind == POINT_READ || kind == POINT_ACCESS;
    return (touch->writes && kind != POINT_READ) || (touch->reads && reads);
}

/* Each instruction once a round, in their order, whatever else it touches. */
static void expect_touches(const struct folder *folder, enum engine engine, enum point_kind kind) {
    struct subject subject;
    char hash[STATE_HASH_CHARS];
    const struct point point = {.kind = kind, .address = PAGE_AT, .size_bytes = 8};
    subject_make_of(&subject, folder, &touching, engine, 1);
    assert_true(points_add(&subject.machine->harts, &point));
    subject_run(&subject, hash);
    size_t next = 0;
    for (size_t i = 0; i < subject.hit_count; i++) {
        const struct hit *hit = &subject.hits[i];
        while (!touch_meets(&touches[next], kind)) {
            next = (next + 1) % COUNT(touches);
        }
        const struct touch *touch = &touches[next];
        assert_int_equal(hit->pc, BOARD_RAM_BASE + touch->at);
        assert_int_equal(hit->wrote, touch->writes);
        assert_int_equal(hit->address, PAGE_AT);
        assert_int_equal(hit->size_bytes, touch->size_bytes);
        assert_true(hit->wrote || hit->old == hit->now);
        next = (next + 1) % COUNT(touches);
    }
    assert_in_range(subject.hit_count, 2 * STOP_STEPS / 7, 6 * STOP_STEPS / 7);
    subject_free(&subject);
}

static void all_kinds_of_accesses_are_seen(void **state) {
    for (enum point_kind kind = POINT_WRITE; kind <= POINT_PHYSICAL; kind++) {
        expect_touches(*state, ENGINE_INTERP, kind);
        expect_touches(*state, ENGINE_AUTO, kind);
    }
}

/* As DMA does; what is written beside it is not met. */
static void devices_are_seen(void **state) {
    struct subject subject;
    struct hit hit;
    const struct point word = {.kind = POINT_PHYSICAL, .address = WORD_AT, .size_bytes = 2};
    const uint8_t bytes[] = {1, 2, 3, 4};
    subject_make(&subject, *state, ENGINE_AUTO, 1);
    struct harts *harts = &subject.machine->harts;
    struct ram *ram = &subject.machine->bus.ram;
    assert_true(points_add(harts, &word));
    assert_true(ram_write(ram, WORD_AT - 4, bytes, 4));
    assert_false(points_take(harts, &hit));
    assert_true(ram_write(ram, WORD_AT + 2, bytes, 4));
    assert_false(points_take(harts, &hit));
    assert_true(ram_write(ram, WORD_AT - 3, bytes, 4));
    assert_true(points_take(harts, &hit));
    assert_int_equal(hit.hart, HIT_BY_DEVICE);
    assert_int_equal(hit.address, WORD_AT);
    assert_int_equal(hit.size_bytes, 1);
    assert_int_equal(hit.old, 0);
    assert_int_equal(hit.now, 4);
    assert_false(points_take(harts, &hit));
    subject_free(&subject);
}

static bool few_hits(void *owner, const struct hit *hit, uint64_t steps) {
    (void)hit, (void)steps;
    return ++*(unsigned *)owner == 5;
}

/* Nothing of a point stays when it is taken away. */
static void points_go(void **state) {
    for (size_t i = 0; i < COUNT(points); i++) {
        struct subject subject;
        unsigned hits = 0;
        struct run_callbacks callbacks = {.hit = few_hits, .owner = &hits};
        subject_make(&subject, *state, ENGINE_AUTO, 2);
        struct harts *harts = &subject.machine->harts;
        struct goal far = goal_none;
        far.steps = STOP_STEPS / 2;
        machine_begin(subject.machine, &callbacks);
        assert_int_equal(machine_go(subject.machine, &far), PAUSE_GOAL);
        assert_false(points_remove(harts, &points[i]));
        assert_true(points_add(harts, &points[i]));
        assert_int_equal(machine_go(subject.machine, &goal_none), PAUSE_HIT);
        assert_true(points_remove(harts, &points[i]));
        assert_int_equal(machine_go(subject.machine, &goal_none), PAUSE_NONE);
        assert_int_equal(hits, 5);
        assert_int_equal(harts->bus->ram.page_flags[1], 0);
        machine_finish(subject.machine);
        subject_free(&subject);
    }
}

/* Where one stands at a breakpoint already: it is met, unless it was what paused the run. */
static void met_once(void **state) {
    struct subject subject;
    struct run_callbacks callbacks = {.owner = &subject};
    const struct point add = {.kind = POINT_BREAK, .address = ADD_AT};
    subject_make(&subject, *state, ENGINE_AUTO, 1);
    struct hart *hart = subject.machine->harts.hart[0];
    machine_begin(subject.machine, &callbacks);
    assert_true(points_add(&subject.machine->harts, &add));
    assert_int_equal(machine_go(subject.machine, &goal_none), PAUSE_HIT);
    assert_int_equal(hart->pc, ADD_AT);
    uint64_t position = hart->clock->steps;
    points_rearm(&subject.machine->harts);
    assert_int_equal(machine_go(subject.machine, &goal_none), PAUSE_HIT);
    assert_int_equal(hart->clock->steps, position);
    struct goal step = goal_none;
    step.hart_steps = position + 1;
    assert_int_equal(machine_go(subject.machine, &step), PAUSE_GOAL);
    assert_int_equal(hart->pc, STORE_AT);
    assert_int_equal(machine_go(subject.machine, &goal_none), PAUSE_HIT);
    assert_int_equal(hart->clock->steps, position + LOOP_STEPS);
    subject_free(&subject);
}

static void outside_ram_is_refused(void **state) {
    struct subject subject;
    subject_make(&subject, *state, ENGINE_AUTO, 1);
    const struct point outside[] = {
        {.kind = POINT_PHYSICAL, .address = BOARD_UART_BASE, .size_bytes = 1},
        {.kind = POINT_PHYSICAL, .address = BOARD_RAM_BASE - 1, .size_bytes = 2},
        {.kind = POINT_PHYSICAL, .address = BOARD_RAM_BASE + MEMORY_MIN_BYTES - 1, .size_bytes = 2},
    };
    for (size_t i = 0; i < COUNT(outside); i++) {
        assert_false(points_add(&subject.machine->harts, &outside[i]));
    }
    subject_free(&subject);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(points_are_met_exactly, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(values_are_told, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(accesses_are_both, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(all_kinds_of_accesses_are_seen, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(devices_are_seen, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(points_go, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(met_once, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(outside_ram_is_refused, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
