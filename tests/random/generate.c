/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the random program of a seed: what the guest finds in memory, and the machine for it.
 *
 * usage: generate SEED FILE
 *
 * FILE gets the section .areas of the guest (chaos.ld); the options of the machine are printed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"

struct image {
    struct random random;
    struct words *words;
    struct program *program;
    uint8_t *bytes; /* of memory from RAM_BASE on */
};

static uint8_t *area(const struct image *image, uint32_t base) {
    return image->bytes + (base - RAM_BASE);
}

/* -- The machine ------------------------------------------------------------------------------- */

struct rate {
    const char *text;
    uint64_t step_ps;
};

static const struct rate rates[] = {
    {"shift=3", 8000},       {"shift=3", 8000},       {"shift=0", 1000},
    {"shift=5", 32000},      {"shift=10", 1024000},   {"ips=1234567891", 810},
    {"ips=3000017", 333331}, {"ips=20000000", 50000}, {"ips=1T", 1},
};

/* A round of its own for each step, which costs. */
static const struct rate slow_rates[] = {
    {"ips=7/3", UINT64_C(428571428571)},
    {"ips=1", UINT64_C(1000000000000)},
};

static const char *const cpus[] = {
    "max", "max", "max", "rva22s64", "rv64gc", "max,sv57=off,svadu=off", "max,c=off",
};

/** The longest round: from a few steps to so many that each hart runs long. */
static uint64_t quantum_ns(struct random *random, uint64_t step_ps) {
    static const uint32_t steps[] = {4, 12, 125, 1000, 2500, 2500, 10000, 50000};
    uint64_t ns = steps[random_below(random, COUNT(steps))] * step_ps / 1000;
    return ns < 100 ? 100 : min_u64(ns, 10000000);
}

/** Prints the machine's options. @return the time of a step of the slowest [ps]. */
static uint64_t machine_print(struct random *random, const char *cpu) {
    static const unsigned harts[] = {1, 1, 1, 2, 2, 3, 4, 8};
    const struct rate *rate = one_in(random, 40)
                                  ? &slow_rates[random_below(random, COUNT(slow_rates))]
                                  : &rates[random_below(random, COUNT(rates))];
    uint64_t slowest_ps = rate->step_ps;
    printf("--memory 16M --smp %u --icount %s,sleep=off --quantum %" PRIu64 " --cpu %s",
           harts[random_below(random, COUNT(harts))], rate->text, quantum_ns(random, rate->step_ps),
           cpu);
    if (one_in(random, 5)) {
        printf(" --time lockstep,monotonic=on");
    }
    if (one_in(random, 5)) {
        uint64_t others = UINT64_C(1000000000000) / rate->step_ps;
        uint64_t first = 1 + others * (1 + random_below(random, 20)) / 11;
        first = min_u64(first, UINT64_C(1000000000000));
        printf(" --hart 0:ips=%" PRIu64, first);
        uint64_t first_ps = UINT64_C(1000000000000) / first;
        slowest_ps = first_ps > slowest_ps ? first_ps : slowest_ps;
    }
    printf("\n");
    return slowest_ps;
}

/* -- The program ------------------------------------------------------------------------------- */

static uint32_t rubbish_word(const struct image *image, struct random *random) {
    static const uint8_t weights[KIND_COUNT] = {
        [KIND_INTEGER] = 14, [KIND_FLOAT] = 14, [KIND_MEMORY] = 24, [KIND_ATOMIC] = 8,
        [KIND_BRANCH] = 10,  [KIND_JUMP] = 2,   [KIND_CSR] = 8,     [KIND_SYSTEM] = 5,
    };
    if (one_in(random, 100)) {
        return (uint32_t)random_u64(random);
    }
    unsigned roll = random_below(random, 85);
    unsigned kind = 0;
    while (roll >= weights[kind]) {
        roll -= weights[kind++];
    }
    uint32_t word = words_kind(image->words, (enum kind)kind, random);
    if (kind == KIND_BRANCH && !one_in(random, 10)) {
        static const int16_t near[] = {4, 6, 8, 12, 16, 2, -8, 20};
        words_aim(image->words, &word, near[random_below(random, COUNT(near))]);
    }
    return word;
}

static void fill_rubbish(struct image *image, uint8_t *code, uint32_t bytes) {
    for (uint32_t at = 0; at + 4 <= bytes;) {
        uint32_t word = rubbish_word(image, &image->random);
        memcpy(code + at, &word, 4);
        at += insn_length(word);
    }
}

static uint64_t *table_at(const struct image *image, unsigned table) {
    return (uint64_t *)(void *)(area(image, TABLES_BASE) + 4096 * (size_t)table);
}

/* Tidy leaf tables begin with the same code, most often. The last page of values is one, too. */
static void make_tidy(struct image *image) {
    for (unsigned slot = 0; slot < SLOT_DATA; slot++) {
        for (unsigned table = 5; table <= 6; table++) {
            if (!one_in(&image->random, 4)) {
                table_at(image, table)[slot] = table_at(image, 4)[slot];
            }
        }
    }
    for (unsigned i = 0; i < 512; i++) {
        table_at(image, TABLE_RECIPES)[i] = recipe(&image->random, i / RECIPES_EACH);
    }
    memcpy(area(image, VALUES_BASE) + AREA_BYTES - 4096, table_at(image, 4), 4096);
}

static void fill_tables(struct image *image) {
    static const uint8_t levels[TIDY_TABLES] = TIDY_LEVELS;
    const struct program *program = image->program;
    for (unsigned table = 0; table < AREA_PAGES; table++) {
        unsigned level = program->tidy && table < TIDY_TABLES ? levels[table] : 0;
        for (unsigned slot = 0; slot < 512; slot++) {
            if (slot < slots_of(program, level) || slot >= 508 || one_in(&image->random, 20)) {
                table_at(image, table)[slot] = rubbish_entry(&image->random, program, table, slot);
            }
        }
    }
    if (program->tidy) {
        make_tidy(image);
    }
}

static void fill_values(struct image *image) {
    uint64_t *values = (uint64_t *)(void *)area(image, VALUES_BASE);
    for (unsigned i = 0; i < AREA_BYTES / 8; i++) {
        values[i] = one_in(&image->random, 2) ? rubbish_float(&image->random)
                                              : rubbish_value(&image->random, image->program);
    }
}

static void fill_words(struct image *image) {
    uint32_t *words = (uint32_t *)(void *)area(image, WORDS_BASE);
    for (unsigned i = 0; i < AREA_WORDS; i++) {
        words[i] = rubbish_word(image, &image->random);
    }
}

/* Loops that get hot; page tables that change under rubbish; rubbish everywhere. */
static void behave(struct program *program, struct random *random) {
    switch (program->seed % 5) {
    case 0:
    case 1:
    case 2:
        *program = (struct program){.tidy = 1,
                                    .entry_bytes = LOOP_BYTES,
                                    .go_on = 30,
                                    .code_words = one_in(random, 2),
                                    .table_words = one_in(random, 2),
                                    .devices = 8,
                                    .device_pokes = 1,
                                    .csrs = 16,
                                    .translation = 8,
                                    .protection = 16,
                                    .machine_mode = 4,
                                    .registers = 8,
                                    .heals = 3,
                                    .supervisor = 2,
                                    .surprises = 30};
        break;
    case 3:
        *program = (struct program){.tidy = 1,
                                    .entry_bytes = 2,
                                    .go_on = 12,
                                    .code_words = 2,
                                    .table_words = 3,
                                    .devices = 8,
                                    .device_pokes = 1,
                                    .csrs = 8,
                                    .translation = 8,
                                    .protection = 16,
                                    .machine_mode = 5,
                                    .registers = 5};
        break;
    default:
        *program = (struct program){.tidy = one_in(random, 3),
                                    .entry_bytes = 2,
                                    .go_on = 6,
                                    .code_words = 5,
                                    .table_words = 4,
                                    .devices = 2,
                                    .device_pokes = one_in(random, 3) ? 30 : 2,
                                    .csrs = 4,
                                    .translation = 3,
                                    .protection = 3,
                                    .machine_mode = 3,
                                    .registers = 5};
        break;
    }
    program->slots = program->tidy ? TIDY_SLOTS : 2 * TIDY_SLOTS;
    program->leaf_slots = program->tidy ? (uint32_t)LEAF_SLOTS : program->slots;
}

static uint32_t slice_ticks(const struct image *image, uint64_t step_ps) {
    uint64_t steps = image->program->entry_bytes == LOOP_BYTES ? 8000 : 3000;
    uint64_t ticks = steps * step_ps / 100000;
    return (uint32_t)min_u64(ticks == 0 ? 1 : ticks, UINT32_MAX);
}

static void fill(struct image *image, uint64_t seed, const char *cpu, ext_set set) {
    struct program *program = image->program;
    program->seed = seed;
    behave(program, &image->random);
    program->seed = random_u64(&image->random);
    program->has_sstc = (set & ext_bit(EXT_sstc)) != 0;
    program->slice_ticks = slice_ticks(image, machine_print(&image->random, cpu));
    image->words = words_new(set);
    if (program->entry_bytes == LOOP_BYTES) {
        loops_fill(image->words, &image->random, area(image, CODE_BASE), seed % 30 == 1);
    } else {
        fill_rubbish(image, area(image, CODE_BASE), AREA_BYTES);
    }
    memcpy(area(image, PRISTINE_BASE), area(image, CODE_BASE), AREA_BYTES);
    fill_values(image);
    fill_tables(image);
    fill_words(image);
    words_free(image->words);
}

static bool image_write(const struct image *image, const char *path) {
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(image->bytes, 1, AREAS_BYTES, file) == AREAS_BYTES;
    return file != NULL && fclose(file) == 0 && written;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: generate SEED FILE\n");
        return 64;
    }
    uint64_t seed = strtoull(argv[1], NULL, 0);
    struct image image = {.random = {(seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1}};
    for (unsigned i = 0; i < 8; i++) {
        random_u64(&image.random);
    }
    image.bytes = calloc(1, AREAS_BYTES);
    ensure(image.bytes != NULL);
    image.program = (struct program *)(void *)area(&image, PROGRAM_BASE);
    ext_set set;
    const char *cpu = cpus[random_below(&image.random, COUNT(cpus))];
    ensure(ext_parse(cpu, &set, NULL) == STATUS_OK);
    fill(&image, seed, cpu, set);
    bool written = image_write(&image, argv[2]);
    free(image.bytes);
    if (!written) {
        perror(argv[2]);
        return 74;
    }
    return 0;
}
