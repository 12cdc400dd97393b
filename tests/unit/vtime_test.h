/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the time core share: random numbers from a printed seed, and checks that say
 * why. */
#ifndef TESTS_UNIT_VTIME_TEST_H
#define TESTS_UNIT_VTIME_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vtime/vtime.h"

/** A stream of random numbers; the seed repeats it. */
struct random {
    uint64_t seed;
    uint64_t state;
};

/** Starts at SANDGLASS_SEED, or at @p seed when that is not set. */
static inline struct random random_start(uint64_t seed) {
    const char *text = getenv("SANDGLASS_SEED");
    if (text != NULL) {
        seed = strtoull(text, NULL, 0);
    }
    return (struct random){.seed = seed, .state = seed * 2 + 1};
}

/** 64 random bits: a linear congruence, of which the good high bits are folded onto the low ones.
 */
static inline uint64_t random_u64(struct random *random) {
    uint64_t high = random->state * UINT64_C(0x9e3779b97f4a7c15) + 0x2545f491;
    random->state = high * UINT64_C(0xd1342543de82ef95) + 1;
    return (high >> 32 ^ random->state) * UINT64_C(0xff51afd7ed558ccd) ^ high;
}

/** In [0, limit). */
static inline uint64_t random_below(struct random *random, uint64_t limit) {
    return (random_u64(random) >> 1) % limit;
}

/** Any width equally likely, and often close to a power of two or to an end of the range. */
static inline uint64_t random_wide(struct random *random) {
    uint64_t value = random_u64(random) >> random_below(random, 64);
    switch (random_below(random, 8)) {
    case 0:
        return UINT64_MAX >> random_below(random, 64);
    case 1:
        return (UINT64_MAX >> random_below(random, 64)) - random_below(random, 3);
    case 2:
        return random_below(random, 4);
    default:
        return value;
    }
}

/** Fails the test with what was seen and how to see it again. */
static inline void expect(bool ok, const struct random *random, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void expect(bool ok, const struct random *random, const char *format, ...) {
    if (ok) {
        return;
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s\nrepeat with SANDGLASS_SEED=0x%llx\n", text, (unsigned long long)random->seed);
    fail();
}

/* -- Bytes of a state walk --------------------------------------------------------------------- */

/** Hash of a state walk, and its length. */
struct state_hash {
    uint64_t value;
    size_t size_bytes;
};

static inline void state_hash_put(void *owner, const void *bytes, size_t size_bytes) {
    struct state_hash *hash = owner;
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size_bytes; i++) {
        hash->value = (hash->value ^ at[i]) * UINT64_C(0x100000001b3);
    }
    hash->size_bytes += size_bytes;
}

#endif
