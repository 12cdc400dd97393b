/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots of an overlay against a list of what each is used for. */
#include "disk_test.h"

enum { SLOTS_MAX = 3000, STEPS = 20000 };

enum use { USE_FREE, USE_NOW = 1, USE_HELD = 2 };

struct model_slots {
    uint8_t uses[SLOTS_MAX];
    uint64_t free_count; /* of those below the count */
};

static void take_some(struct slots *slots, struct model_slots *model) {
    uint64_t slot;
    uint64_t count = slots->count;
    assert_true(slots_take(slots, &slot));
    assert_in_range(slot, SLOT_FIRST, SLOTS_MAX - 1);
    assert_int_equal(model->uses[slot], USE_FREE);
    assert_true(slot < count || slot == count);
    model->uses[slot] = USE_NOW;
}

static void drop_some(struct slots *slots, struct model_slots *model, uint64_t *random) {
    uint64_t from = random_below(random, slots->count);
    for (uint64_t slot = from; slot < min_u64(from + 40, slots->count); slot++) {
        if ((model->uses[slot] & USE_NOW) != 0) {
            slots_drop(slots, slot);
            model->uses[slot] &= (uint8_t)~USE_NOW;
        }
    }
}

static void model_check(const struct slots *slots, const struct model_slots *model) {
    uint64_t free_count = 0;
    for (uint64_t slot = SLOT_FIRST; slot < slots->count; slot++) {
        free_count += model->uses[slot] == USE_FREE;
        assert_int_equal(slots_held(slots, slot), (model->uses[slot] & USE_HELD) != 0);
    }
    assert_int_equal(slots->free_count, free_count);
}

static void test_slots_have_one_use(void **state) {
    (void)state;
    uint64_t seed = seed_first();
    uint64_t random = random_from(seed);
    struct model_slots model = {.free_count = 0};
    struct slots slots;
    print_message("SANDGLASS_SEED=%" PRIu64 "\n", seed);
    assert_true(slots_init(&slots, 100));
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t what = random_below(&random, 100);
        if (what == 0) {
            slots_commit(&slots);
            for (unsigned slot = 0; slot < SLOTS_MAX; slot++) {
                model.uses[slot] = (model.uses[slot] & USE_NOW) != 0 ? USE_NOW | USE_HELD : 0;
            }
        } else if (what < 5) {
            drop_some(&slots, &model, &random);
        } else if (slots.count < SLOTS_MAX - 1) {
            take_some(&slots, &model);
        }
        if (i % 64 == 0) {
            model_check(&slots, &model);
        }
    }
    uint64_t left = slots_trim(&slots);
    for (uint64_t slot = left; slot < SLOTS_MAX; slot++) {
        assert_int_equal(model.uses[slot], USE_FREE);
    }
    assert_int_not_equal(model.uses[left - 1], USE_FREE);
    model_check(&slots, &model);
    slots_free(&slots);
}

/* What is taken one after the other lies one behind the other. */
static void test_slots_ascend(void **state) {
    (void)state;
    struct slots slots;
    uint64_t slot;
    assert_true(slots_init(&slots, 0));
    for (uint64_t i = SLOT_FIRST; i < 1000; i++) {
        assert_true(slots_take(&slots, &slot));
        assert_int_equal(slot, i);
    }
    slots_free(&slots);
}

static void test_claims(void **state) {
    (void)state;
    struct slots slots;
    assert_true(slots_init(&slots, 70));
    assert_false(slots_claim(&slots, 0));
    assert_false(slots_claim(&slots, 1));
    assert_false(slots_claim(&slots, 70));
    assert_false(slots_claim(&slots, UINT64_MAX));
    assert_true(slots_claim(&slots, 69));
    assert_false(slots_claim(&slots, 69));
    assert_true(slots_held(&slots, 69));
    assert_int_equal(slots.free_count, 67);
    slots_free(&slots);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_have_one_use),
        cmocka_unit_test(test_slots_ascend),
        cmocka_unit_test(test_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
