/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The finisher: three words mean something, at one offset; the rest is ignored. */
#include "dev_test.h"

struct asked {
    unsigned count;
    enum power_request request;
    uint64_t code;
};

static void power_asked(void *owner, enum power_request request, uint64_t code) {
    struct asked *asked = owner;
    asked->count++;
    asked->request = request;
    asked->code = code;
}

static void test_requests(void **state) {
    (void)state;
    static const struct {
        uint64_t value;
        unsigned size_bytes;
        enum power_request request;
        uint64_t code;
    } rows[] = {
        {0x5555, 4, POWER_OFF, 0},           {0x5555, 2, POWER_OFF, 0},
        {0x3333, 4, POWER_FAIL, 0},          {0x00013333, 4, POWER_FAIL, 1},
        {0xffff3333, 4, POWER_FAIL, 0xffff}, {0x3333, 2, POWER_FAIL, 0},
        {0x7777, 4, POWER_RESET, 0},         {0x00057777, 4, POWER_RESET, 0},
        {0x00015555, 4, POWER_OFF, 0},
    };
    struct asked asked = {0};
    void *syscon = syscon_new(power_asked, &asked);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        syscon_ops.write(syscon, 0, rows[i].value, rows[i].size_bytes);
        assert_int_equal(asked.count, i + 1);
        assert_int_equal(asked.request, rows[i].request);
        assert_int_equal(asked.code, rows[i].code);
    }
    syscon_ops.free(syscon);
}

static void test_ignores_the_rest(void **state) {
    (void)state;
    struct asked asked = {0};
    void *syscon = syscon_new(power_asked, &asked);
    static const uint64_t words[] = {0, 1, 0x5554, 0x5555 << 8, 0x55550000, 0x7777ffff, 0x3332};
    for (unsigned i = 0; i < COUNT(words); i++) {
        syscon_ops.write(syscon, 0, words[i], 4);
    }
    for (uint64_t offset = 2; offset < SYSCON_SIZE_BYTES; offset += 2) {
        syscon_ops.write(syscon, offset, 0x5555, 2);
        assert_int_equal(syscon_ops.read(syscon, offset, 2), 0);
    }
    assert_int_equal(syscon_ops.read(syscon, 0, 4), 0);
    syscon_ops.reset(syscon);
    assert_int_equal(asked.count, 0);
    syscon_ops.free(syscon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_ignores_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
