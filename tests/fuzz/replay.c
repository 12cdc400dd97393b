/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target without a fuzzer: each file as it is, then a number of damaged copies of it.
 *
 * usage: fuzz_NAME SEED COPIES FILE... */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Cuts the end off, flips bits, writes telling values, near the start more often than not: that is
 * where headers are. */
static size_t damage(uint8_t *bytes, size_t size_bytes, uint64_t *random) {
    static const uint64_t telling[] = {0, 1, 0x7f, 0xff, 0x7fffffff, UINT64_MAX, INT64_MAX, 4096};
    uint64_t changes = 1 + random_next(random) % 6;
    for (uint64_t i = 0; i < changes && size_bytes > 0; i++) {
        size_t within = random_next(random) % 4 == 0 ? size_bytes : min_u64(size_bytes, 256);
        size_t at = random_next(random) % within;
        size_t room = size_bytes - at;
        uint64_t value = telling[random_next(random) % COUNT(telling)];
        switch (random_next(random) % 4) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << random_next(random) % 8);
            break;
        case 1:
            bytes[at] = (uint8_t)random_next(random);
            break;
        case 2:
            memcpy(bytes + at, &value, room < 8 ? room : (size_t)1 << random_next(random) % 4);
            break;
        default:
            size_bytes = random_next(random) % 4 == 0 ? at : size_bytes;
        }
    }
    return size_bytes;
}

static bool replay(const char *path, uint64_t copies, uint64_t seed) {
    enum { FILE_MAX_BYTES = 1 << 20 };
    FILE *file = fopen(path, "rb");
    uint8_t *whole = malloc(FILE_MAX_BYTES);
    size_t size_bytes = file == NULL || whole == NULL ? 0 : fread(whole, 1, FILE_MAX_BYTES, file);
    if (size_bytes == 0) {
        fprintf(stderr, "%s: nothing to read\n", path);
        return false;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(whole, size_bytes);
    for (uint64_t i = 0; i < copies; i++) {
        uint64_t random = (seed + i) * 0x9e3779b97f4a7c15 | 1;
        uint8_t *copy = malloc(size_bytes); /* exactly as large, so that a step beyond it shows */
        if (copy == NULL) {
            return false;
        }
        memcpy(copy, whole, size_bytes);
        LLVMFuzzerTestOneInput(copy, damage(copy, size_bytes, &random));
        free(copy);
    }
    free(whole);
    return true;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: %s SEED COPIES FILE...\n", argv[0]);
        return 64;
    }
    uint64_t seed = strtoull(argv[1], NULL, 10);
    uint64_t copies = strtoull(argv[2], NULL, 10);
    bool done = true;
    for (int i = 3; i < argc; i++) {
        fprintf(stderr, "%s, seed %" PRIu64 "\n", argv[i], seed); /* the last one stands here */
        done = replay(argv[i], copies, seed) && done;
    }
    return done ? 0 : 1;
}
