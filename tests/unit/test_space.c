/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spaces of processes: random mappings agree with an array that has an entry for each address. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/prof.h"

enum { SPAN = 300, BINARIES = 3, STEPS = 60 };

static const struct binary binaries[BINARIES] = {{.path = "/a"}, {.path = "/b"}, {.path = "/c"}};

/* What lies at each address. */
struct reference {
    const struct binary *binary[SPAN];
    uint64_t offset[SPAN];
};

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void change(struct space *space, struct reference *reference, uint64_t *random) {
    uint64_t start = random_next(random) % SPAN;
    uint64_t end = start + random_next(random) % (SPAN - start + 1);
    const struct binary *binary = &binaries[random_next(random) % BINARIES];
    uint64_t offset = random_next(random) % 1000;
    bool maps = random_next(random) % 3 > 0 && start < end;
    if (maps) {
        space_map(space, &(struct range){start, end, offset, binary});
    } else {
        space_unmap(space, start, end);
    }
    for (uint64_t i = start; i < end; i++) {
        reference->binary[i] = maps ? binary : NULL;
        reference->offset[i] = offset + i - start;
    }
}

static void compare(const struct space *space, const struct reference *reference, uint64_t seed) {
    for (uint64_t i = 0; i < SPAN; i++) {
        const struct range *range = space_at(space, i);
        const struct binary *found = range == NULL ? NULL : range->binary;
        if (found != reference->binary[i] ||
            (found != NULL && range->offset + i - range->start != reference->offset[i])) {
            fail_msg("seed %" PRIu64 ": something else at %" PRIu64, seed, i);
        }
    }
    for (size_t i = 0; i < space->count; i++) {
        assert_true(space->ranges[i].start < space->ranges[i].end);
        assert_true(i == 0 || space->ranges[i - 1].end <= space->ranges[i].start);
    }
}

static void test_random_mappings_agree_with_an_array(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
        struct space space = {0}, copy = {0};
        static struct reference reference, before;
        memset(&reference, 0, sizeof reference);
        for (int i = 0; i < STEPS; i++) {
            if (i == STEPS / 2) {
                space_copy(&copy, &space);
                before = reference;
            }
            change(&space, &reference, &random);
            compare(&space, &reference, seed);
        }
        compare(&copy, &before, seed); /* what came later is not in it */
        space_copy(&copy, &space);
        compare(&copy, &reference, seed);
        space_free(&space);
        space_free(&copy);
    }
}

static void test_empty_spaces_hold_nothing(void **state) {
    (void)state;
    struct space space = {0}, copy = {0};
    space_unmap(&space, 0, UINT64_MAX);
    space_copy(&copy, &space);
    assert_null(space_at(&copy, 0));
    space_map(&space, &(struct range){0, UINT64_MAX, 0, &binaries[0]});
    space_unmap(&space, 1, 1);
    assert_int_equal(space.count, 1);
    assert_non_null(space_at(&space, UINT64_MAX - 1));
    assert_null(space_at(&space, UINT64_MAX));
    space_copy(&space, &copy);
    assert_int_equal(space.count, 0);
    space_free(&space);
    space_free(&copy);
}

static void test_what_is_added_is_seen(void **state) {
    (void)state;
    struct space space = {0}, copy = {0};
    space_copy(&copy, &space);
    assert_int_equal(copy.gains, 0); /* as those that begin */
    space_map(&space, &(struct range){10, 20, 0, &binaries[0]});
    assert_int_equal(space.gains, 1);
    space_unmap(&space, 12, 14);
    assert_int_equal(space.gains, 1);
    space_copy(&copy, &space);
    assert_int_equal(copy.gains, 1);
    space_free(&space);
    space_free(&copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_mappings_agree_with_an_array),
        cmocka_unit_test(test_empty_spaces_hold_nothing),
        cmocka_unit_test(test_what_is_added_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
