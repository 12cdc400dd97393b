/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exact conversions between steps and nanoseconds, and rates as users write them.
 *
 * The cost of a step is a rational number of nanoseconds. At 3 steps a second it is 333,333,333 1/3
 * ns; at 10^12 it is 1/1000 ns. Neither a float nor a rounded fixed-point factor holds such
 * numbers: their error, however small, is multiplied by the step count and grows without bound. So
 * a rate keeps the fraction itself, as a mixed number, and every conversion starts from the whole
 * step count:
 *
 *     ns(steps) = floor(steps x cost)        one way, rounded down
 *     steps(ns) = ceil(ns / cost)            the other way, rounded up
 *
 * 1. Adjoint: ns(steps(D)) >= D > ns(steps(D) - 1). For whole D, n x cost >= D and floor(n x cost)
 *    >= D are the same statement, so the smallest n is ceil(D / cost). This is why a deadline is
 *    neither early nor late.
 * 2. Inverse: when cost >= 1 ns (up to 10^9 steps a second), steps(ns(n)) == n: no two counts share
 *    a time. Above that several counts share one nanosecond, and steps() names the first of them.
 * 3. No drift: nothing is accumulated, so nothing can add up.
 * 4. Saturating: a time past the end is VTIME_NEVER, a count past the end is UINT64_MAX.
 *    Adjointness holds there as far as the numbers reach.
 *
 * The mixed number is what lets 128 bits do. whole_ns <= 10^9, part < parts <= 10^12 < 2^40, so
 * steps x whole_ns < 2^94 and steps x part < 2^104; the other way ns x parts < 2^103, and the
 * divisor whole_ns x parts + part <= 10^21 < 2^70.
 *
 * Example: 3 steps a second. cost = 333333333 1/3. ns(1) = 333333333, ns(2) = 666666666, ns(3) =
 * 10^9 exactly; steps(333333333) = 1, steps(333333334) = 2.
 *
 * Rejected: a 64-bit multiplier and shift (as host clock sources use), fast but inexact; an
 * accumulator of the remainder, exact but then time depends on how a run was cut, unless each cut
 * is carried in every snapshot. */
#include "vtime/vtime.h"

#include <assert.h>
#include <string.h>

__extension__ typedef unsigned __int128 uint128;

static const uint64_t NS_PER_S = 1000000000;
static const uint64_t RATE_LIMIT = 1000000000000; /* of both terms of the fraction */

/* -- Conversions ------------------------------------------------------------------------------- */

bool rate_valid(const struct rate *rate) {
    return rate->parts >= 1 && rate->parts <= RATE_LIMIT && rate->part < rate->parts &&
           rate->whole_ns <= NS_PER_S && rate->whole_ns + rate->part > 0;
}

struct rate rate_from_shift(unsigned shift) {
    assert(shift <= 10);
    return (struct rate){.whole_ns = UINT64_C(1) << shift, .part = 0, .parts = 1};
}

vtime rate_ns(const struct rate *rate, uint64_t steps) {
    uint128 ns = (uint128)steps * rate->whole_ns;
    if (rate->parts != 1) {
        ns += (uint128)steps * rate->part / rate->parts;
    }
    return ns < VTIME_NEVER ? (vtime)ns : VTIME_NEVER;
}

uint64_t rate_steps(const struct rate *rate, vtime ns) {
    if (ns <= 0) {
        return 0;
    }
    if (rate->parts == 1) {
        return ((uint64_t)ns + rate->whole_ns - 1) / rate->whole_ns;
    }
    uint128 cost = (uint128)rate->whole_ns * rate->parts + rate->part;
    uint128 steps = ((uint128)ns * rate->parts + cost - 1) / cost;
    return steps < UINT64_MAX ? (uint64_t)steps : UINT64_MAX;
}

/* -- Reading a rate ---------------------------------------------------------------------------- */

#define DIGITS_MAX 30 /* 10^30 < 2^100: room to spare, and more than any rate in range needs */

/** A rate on its way from text: steps a second as a fraction. */
struct fraction {
    uint128 over;
    uint128 under;
};

/**
 * Appends the decimal digits at @p at to @p number. @return What follows; NULL when none, or too
 * many.
 */
static const char *digits_read(const char *at, uint128 *number, unsigned *count) {
    const char *start = at;
    for (; *at >= '0' && *at <= '9'; at++) {
        *number = *number * 10 + (unsigned)(*at - '0');
        if (++*count > DIGITS_MAX) {
            return NULL;
        }
    }
    return at == start ? NULL : at;
}

/** Reads "e9", "e+09", "k" and the like, or nothing. @return What follows, or NULL. */
static const char *power_read(const char *at, uint128 *power) {
    static const char suffixes[] = "kMGT";
    unsigned count = 0;
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' ? 2 : 1;
        return digits_read(at, power, &count);
    }
    const char *suffix = *at == '\0' ? NULL : strchr(suffixes, *at);
    if (suffix == NULL) {
        return at;
    }
    *power = 3 * (uint128)(suffix - suffixes + 1);
    return at + 1;
}

static bool scale_up(uint128 *number, uint128 power) {
    for (; power > 0; power--) {
        if (*number > (uint128)RATE_LIMIT * RATE_LIMIT) {
            return false;
        }
        *number *= 10;
    }
    return true;
}

/** Reads "N/D", or a decimal with an exponent or suffix. @return false when @p text is neither. */
static bool fraction_read(const char *text, struct fraction *fraction) {
    unsigned count = 0;
    const char *at = digits_read(text, &fraction->over, &count);
    if (at != NULL && *at == '/') {
        count = 0;
        at = digits_read(at + 1, &fraction->under, &count);
        return at != NULL && *at == '\0';
    }
    unsigned whole_count = count;
    if (at != NULL && *at == '.') {
        at = digits_read(at + 1, &fraction->over, &count);
    }
    uint128 power = 0;
    if (at != NULL) {
        at = power_read(at, &power);
    }
    fraction->under = 1;
    return at != NULL && *at == '\0' && fraction->over != 0 && scale_up(&fraction->over, power) &&
           scale_up(&fraction->under, count - whole_count);
}

static uint128 common_divisor(uint128 a, uint128 b) {
    while (b != 0) {
        uint128 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/** Puts @p fraction into lowest terms. @return Whether it is then a rate that we keep. */
static bool fraction_reduce(struct fraction *fraction) {
    if (fraction->under == 0) {
        return false;
    }
    uint128 divisor = common_divisor(fraction->over, fraction->under);
    fraction->over /= divisor;
    fraction->under /= divisor;
    return fraction->over >= fraction->under && fraction->over <= RATE_LIMIT;
}

enum status rate_parse_ips(const char *text, struct rate *rate, struct error *error) {
    struct fraction ips = {0, 0};
    if (!fraction_read(text, &ips) || !fraction_reduce(&ips)) {
        return error_set(error, STATUS_USAGE,
                         "'%.64s' is not a rate: give 1 to 10^12 steps a second as in 1234567891, "
                         "2.5e9, 2G, or N/D with N and D up to 10^12",
                         text);
    }
    uint128 step_ns = NS_PER_S * ips.under;
    uint64_t part = (uint64_t)(step_ns % ips.over);
    uint64_t divisor = (uint64_t)common_divisor(part, ips.over);
    rate->whole_ns = (uint64_t)(step_ns / ips.over);
    rate->part = part / divisor;
    rate->parts = (uint64_t)ips.over / divisor;
    return STATUS_OK;
}
