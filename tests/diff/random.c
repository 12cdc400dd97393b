/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers, and values that bring out mistakes. */
#include "diff.h"

static uint64_t mix(uint64_t value) {
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

struct random random_of_case(uint64_t seed, uint64_t number) {
    return (struct random){mix(mix(seed) + number * UINT64_C(0x9e3779b97f4a7c15))};
}

uint64_t random_u64(struct random *random) {
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(random->state);
}

uint64_t random_below(struct random *random, uint64_t limit) {
    return random_u64(random) % limit;
}

bool random_chance(struct random *random, unsigned percent) {
    return random_below(random, 100) < percent;
}

uint64_t random_value(struct random *random) {
    static const uint64_t corners[] = {
        0,
        1,
        2,
        UINT64_MAX,
        UINT64_MAX - 1,
        INT64_MAX,
        (uint64_t)INT64_MIN,
        (uint64_t)INT64_MIN + 1,
        INT32_MAX,
        UINT64_C(0x80000000),
        UINT64_C(0xffffffff80000000),
        UINT64_C(0xffffffff7fffffff),
        UINT64_C(0xffffffff),
        UINT64_C(0x100000000),
        31,
        32,
        63,
        64,
        UINT64_C(0x5555555555555555),
        UINT64_C(0x0102030405060708),
        UINT64_C(0x8000800080008000),
        UINT64_C(0x80808080ff007f01),
    };
    uint64_t any = random_u64(random);
    switch (random_below(random, 8)) {
    case 0:
    case 1:
    case 2:
        return corners[random_below(random, COUNT(corners))];
    case 3:
        return UINT64_C(1) << (any & 63);
    case 4:
        return (UINT64_C(1) << (any & 63)) - 1;
    case 5:
        return (uint64_t)(int64_t)(int32_t)any;
    case 6:
        return any & 0xff;
    default:
        return any;
    }
}

/* Sign, exponent and fraction of a width, each at random or extreme. */
static uint64_t float_parts(struct random *random, unsigned exponent_bits, unsigned fraction_bits) {
    uint64_t exponent_max = (UINT64_C(1) << exponent_bits) - 1;
    uint64_t fraction_max = (UINT64_C(1) << fraction_bits) - 1;
    uint64_t middle = exponent_max >> 1;
    const uint64_t exponents[] = {
        0, 0, 1, exponent_max, exponent_max, exponent_max - 1, middle, middle + 1, middle - 1,
        middle + fraction_bits, middle + 31, middle + 32, middle + 63, middle + 64, middle + 15,
        middle - 14, middle - 15, middle - 24, middle - 127,
    };
    const uint64_t fractions[] = {
        0, 0, 1, fraction_max, fraction_max - 1, fraction_max / 2 + 1, fraction_max / 2,
    };
    uint64_t exponent = random_chance(random, 70)
                            ? exponents[random_below(random, COUNT(exponents))]
                            : random_u64(random);
    uint64_t fraction = random_chance(random, 50)
                            ? fractions[random_below(random, COUNT(fractions))]
                            : random_u64(random);
    if (random_chance(random, 20)) { /* few bits set: sums and products are exact or tie */
        fraction &= fraction_max << random_below(random, fraction_bits);
    }
    uint64_t sign = random_u64(random) & 1;
    return sign << (exponent_bits + fraction_bits) | (exponent & exponent_max) << fraction_bits |
           (fraction & fraction_max);
}

uint64_t random_float(struct random *random) {
    bool boxed = random_chance(random, 90);
    uint64_t above = boxed ? UINT64_MAX : random_u64(random);
    switch (random_below(random, 8)) {
    case 0:
    case 1:
        return above << 16 | float_parts(random, 5, 10);
    case 2:
    case 3:
    case 4:
        return above << 32 | float_parts(random, 8, 23);
    case 5:
    case 6:
        return float_parts(random, 11, 52);
    default:
        return random_value(random);
    }
}
