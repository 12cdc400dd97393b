/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes to a disk in rounds for ever, each flushed; at its start it looks whether the disk is as
 * of the end of a round.
 *
 * A round writes some runs of blocks, and zeros others; which ones follows from its number, so the
 * number of the last round tells what every block must hold: the number of the round that wrote it
 * last, in each word. Block 0 is written in each round. The image that it begins with is all ones.
 *
 * Prints "found N" at the start, where N is the last round that the disk knows of, or "found none",
 * and "flushed N" after each round. Ends only when something is wrong, with the line as fail code.
 */
#include "guest.h"

enum { BLOCKS = 768, BLOCK_WORDS = 512, BLOCK_SECTORS = 8, RUNS = 16, RUN_BLOCKS_MAX = 16 };
#define NEVER UINT64_MAX

/* -- Console ----------------------------------------------------------------------------------- */

static void print(const char *text) {
    for (; *text != '\0'; text++) {
        *(volatile uint8_t *)0x10000000 = (uint8_t)*text;
    }
}

static void print_number(uint64_t number) {
    char digits[21];
    char *at = digits + 20;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    print(at);
}

/* -- A virtio disk over MMIO, one request at a time -------------------------------------------- */

enum { MMIO_FEATURES = 0x20, MMIO_FEATURES_SEL = 0x24, MMIO_QUEUE_SIZE = 0x38 };
enum { MMIO_QUEUE_READY = 0x44, MMIO_NOTIFY = 0x50, MMIO_STATUS = 0x70, MMIO_QUEUE = 0x80 };
enum { REQUEST_IN = 0, REQUEST_OUT = 1, REQUEST_FLUSH = 4, REQUEST_WRITE_ZEROES = 13 };
enum { QUEUE_SIZE = 4, NEXT = 1, WRITE = 2 };

static struct {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
} descriptors[QUEUE_SIZE] __attribute__((aligned(16)));
static volatile uint16_t available[2 + QUEUE_SIZE] __attribute__((aligned(4096)));
static volatile uint16_t used[2 + 4 * QUEUE_SIZE] __attribute__((aligned(4096)));
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static volatile uint8_t outcome;

static volatile uint32_t *mmio(uint64_t offset) {
    return (volatile uint32_t *)(0x10001000 + offset);
}

static void place_tell(uint64_t offset, const volatile void *place) {
    *mmio(offset) = (uint32_t)(uintptr_t)place;
    *mmio(offset + 4) = (uint32_t)((uintptr_t)place >> 32);
}

static void disk_begin(void) {
    check(*mmio(8) == 2);
    *mmio(MMIO_STATUS) = 3;
    *mmio(MMIO_FEATURES_SEL) = 0;
    *mmio(MMIO_FEATURES) = 1 << 9 | 1 << 14; /* flush, write zeroes */
    *mmio(MMIO_FEATURES_SEL) = 1;
    *mmio(MMIO_FEATURES) = 1; /* version 1 */
    *mmio(MMIO_STATUS) = 11;
    check(*mmio(MMIO_STATUS) == 11);
    *mmio(MMIO_QUEUE_SIZE) = QUEUE_SIZE;
    place_tell(MMIO_QUEUE, descriptors);
    place_tell(MMIO_QUEUE + 0x10, available);
    place_tell(MMIO_QUEUE + 0x20, used);
    *mmio(MMIO_QUEUE_READY) = 1;
    *mmio(MMIO_STATUS) = 15;
}

static void descriptor_set(unsigned idx, const volatile void *place, uint32_t size,
                           uint16_t flags) {
    descriptors[idx].address = (uintptr_t)place;
    descriptors[idx].size = size;
    descriptors[idx].flags = flags;
    descriptors[idx].next = (uint16_t)(idx + 1);
}

static void request(uint32_t type, uint64_t sector, void *bytes, uint32_t size) {
    unsigned last = size == 0 ? 1 : 2;
    header.type = type;
    header.sector = sector;
    outcome = 0xff;
    descriptor_set(0, &header, sizeof header, NEXT);
    descriptor_set(1, bytes, size, type == REQUEST_IN ? NEXT | WRITE : NEXT);
    descriptor_set(last, &outcome, 1, WRITE);
    available[2 + available[1] % QUEUE_SIZE] = 0;
    __asm__ volatile("fence" ::: "memory");
    available[1]++;
    __asm__ volatile("fence" ::: "memory");
    *mmio(MMIO_NOTIFY) = 0;
    while (used[1] != available[1]) {
    }
    __asm__ volatile("fence" ::: "memory");
    check(outcome == 0);
}

/* -- Rounds ------------------------------------------------------------------------------------ */

struct run {
    unsigned first, count;
    int zeros;
};

static struct run run_choose(uint64_t *random) {
    struct run run;
    run.first = 1 + random_next(random) % (BLOCKS - 1);
    run.count = 1 + random_next(random) % RUN_BLOCKS_MAX;
    run.zeros = random_next(random) % 4 == 0;
    if (run.first + run.count > BLOCKS) {
        run.count = BLOCKS - run.first;
    }
    return run;
}

static uint64_t round_random(uint64_t round) {
    return (round + 1) * 0x9e3779b97f4a7c15;
}

static uint64_t words[RUN_BLOCKS_MAX * BLOCK_WORDS];

static void run_write(const struct run *run, uint64_t round) {
    struct {
        uint64_t sector;
        uint32_t count, flags;
    } range = {run->first * BLOCK_SECTORS, run->count * BLOCK_SECTORS, 0};
    if (run->zeros) {
        request(REQUEST_WRITE_ZEROES, 0, &range, sizeof range);
        return;
    }
    for (unsigned i = 0; i < run->count * BLOCK_WORDS; i++) {
        words[i] = round << 16 | (run->first + i / BLOCK_WORDS);
    }
    request(REQUEST_OUT, range.sector, words, run->count * BLOCK_WORDS * 8);
}

static void round_write(uint64_t round) {
    uint64_t random = round_random(round);
    struct run first = {0, 1, 0};
    run_write(&first, round);
    for (unsigned i = 0; i < RUNS; i++) {
        struct run run = run_choose(&random);
        run_write(&run, round);
    }
    request(REQUEST_FLUSH, 0, 0, 0);
}

/* -- What is found ----------------------------------------------------------------------------- */

static uint64_t expected[BLOCKS];

static void round_expect(uint64_t round) {
    uint64_t random = round_random(round);
    expected[0] = round << 16;
    for (unsigned i = 0; i < RUNS; i++) {
        struct run run = run_choose(&random);
        for (unsigned block = run.first; block < run.first + run.count; block++) {
            expected[block] = run.zeros ? 0 : round << 16 | block;
        }
    }
}

/** Reads the whole disk. @return The next round. */
static uint64_t disk_look(void) {
    request(REQUEST_IN, 0, words, BLOCK_WORDS * 8);
    uint64_t rounds = words[0] == NEVER ? 0 : (words[0] >> 16) + 1;
    for (unsigned block = 0; block < BLOCKS; block++) {
        expected[block] = NEVER;
    }
    for (uint64_t round = 0; round < rounds; round++) {
        round_expect(round);
    }
    for (unsigned block = 0; block < BLOCKS; block++) {
        request(REQUEST_IN, block * BLOCK_SECTORS, words, BLOCK_WORDS * 8);
        for (unsigned i = 0; i < BLOCK_WORDS; i++) {
            check(words[i] == expected[block]);
        }
    }
    return rounds;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart;
    (void)device_tree;
    disk_begin();
    uint64_t round = disk_look();
    print("found ");
    if (round == 0) {
        print("none");
    } else {
        print_number(round - 1);
    }
    print("\n");
    for (;; round++) {
        round_write(round);
        print("flushed ");
        print_number(round);
        print("\n");
    }
}
