/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairs of instructions that compilers write and a translator may make one of, hot, against what C
 * says they compute.
 *
 * expect: exit 0 */
#include "guest.h"

#define PAIR(first, second)                                                                        \
    ({                                                                                             \
        uint64_t pair_result;                                                                      \
        __asm__ volatile(first "\n\t" second                                                       \
                         : "=&r"(pair_result)                                                      \
                         : "r"(a), "r"(b), "r"(&words[0])                                          \
                         : "memory");                                                              \
        pair_result;                                                                               \
    })

static const uint64_t values[] = {0,
                                  1,
                                  0x7f,
                                  0x80,
                                  0xff,
                                  0x7fff,
                                  0x8000,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  0x100000000,
                                  0x123456789abcdef0,
                                  0x8000000000000000,
                                  0xffffffff80000000,
                                  0xfffffffffffff800,
                                  0xffffffffffffffff};

enum { COUNT = sizeof values / sizeof values[0] };

static uint64_t words[2];

static uint64_t sext(uint64_t value) {
    return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
}

/** Shifted left, then right. */
static void shifts(uint64_t a) {
    uint64_t b = 0;
    check(PAIR("slli %0, %1, 32", "srli %0, %0, 32") == (uint32_t)a);
    check(PAIR("slli %0, %1, 48", "srli %0, %0, 48") == (uint16_t)a);
    check(PAIR("slli %0, %1, 56", "srli %0, %0, 56") == (uint8_t)a);
    check(PAIR("slli %0, %1, 32", "srai %0, %0, 32") == sext(a));
    check(PAIR("slli %0, %1, 48", "srai %0, %0, 48") == (uint64_t)(int16_t)a);
    check(PAIR("slli %0, %1, 56", "srai %0, %0, 56") == (uint64_t)(int8_t)a);
    check(PAIR("slli %0, %1, 32", "srli %0, %0, 30") == (uint64_t)(uint32_t)a << 2);
    check(PAIR("slli %0, %1, 32", "srli %0, %0, 31") == (uint64_t)(uint32_t)a << 1);
    check(PAIR("slli %0, %1, 32", "srli %0, %0, 1") == (uint64_t)(uint32_t)a << 31);
    check(PAIR("slli %0, %1, 32", "srli %0, %0, 33") == (uint32_t)a >> 1);
    check(PAIR("slli %0, %1, 32", "srli %0, %0, 63") == (uint32_t)a >> 31);
    check(PAIR("slli %0, %1, 32", "srai %0, %0, 36") == (uint64_t)((int64_t)sext(a) >> 4));
    check(PAIR("slli %0, %1, 32", "srai %0, %0, 31") == (uint64_t)((int64_t)(a << 32) >> 31));
    check(PAIR("slli %0, %1, 31", "srli %0, %0, 32") == a << 31 >> 32);
    check(PAIR("slli %0, %1, 48", "srli %0, %0, 56") == (uint8_t)(a >> 8));
}

/** An index, shifted and added to a base. */
static void addresses(uint64_t a, uint64_t b) {
    check(PAIR("slli %0, %1, 1", "add %0, %0, %2") == (a << 1) + b);
    check(PAIR("slli %0, %1, 3", "add %0, %2, %0") == (a << 3) + b);
    check(PAIR("slli %0, %1, 4", "add %0, %2, %0") == (a << 4) + b);
    check(PAIR("slli %0, %1, 2", "add %0, %0, %0") == (a << 2) * 2);
    check(PAIR("slliw %0, %1, 2", "add %0, %0, %2") == sext(a << 2) + b);
    check(PAIR("slli %0, %1, 32\n\tsrli %0, %0, 29", "add %0, %0, %2") ==
          ((uint64_t)(uint32_t)a << 3) + b);
    check(PAIR("slli %0, %1, 32\n\tsrli %0, %0, 28", "add %0, %0, %2") ==
          ((uint64_t)(uint32_t)a << 4) + b);
}

/** What may be a sign-extended word already, sign-extended. */
static void word_values(uint64_t a, uint64_t b) {
    words[0] = a;
    check(PAIR("lw %0, 0(%3)", "sext.w %0, %0") == sext(a));
    check(PAIR("lwu %0, 0(%3)", "sext.w %0, %0") == sext(a));
    check(PAIR("ld %0, 0(%3)", "sext.w %0, %0") == sext(a));
    check(PAIR("lhu %0, 0(%3)", "sext.w %0, %0") == (uint16_t)a);
    check(PAIR("and %0, %1, %2", "sext.w %0, %0") == sext(a & b));
    check(PAIR("addw %0, %1, %2", "sext.w %0, %0") == sext(a + b));
    check(PAIR("lw %0, 0(%3)\n\txor %0, %0, %2", "sext.w %0, %0") == sext(a ^ b));
    check(PAIR("lw %0, 0(%3)\n\tadd %0, %0, %0", "sext.w %0, %0") == sext(a + a));
    check(PAIR("lwu %0, 0(%3)\n\tori %0, %0, 1", "sext.w %0, %0") == sext(a | 1));
    check(PAIR("lw %0, 0(%3)\n\txori %0, %0, -1", "sext.w %0, %0") == sext(~a));
    check(PAIR("srli %0, %1, 31", "sext.w %0, %0") == sext(a >> 31));
    check(PAIR("srli %0, %1, 32", "sext.w %0, %0") == sext(a >> 32));
    check(PAIR("srli %0, %1, 33", "sext.w %0, %0") == a >> 33);
    check(PAIR("srai %0, %1, 31", "sext.w %0, %0") == sext((uint64_t)((int64_t)a >> 31)));
    check(PAIR("sltu %0, %1, %2", "sext.w %0, %0") == (a < b));
    check(PAIR("lw %0, 0(%3)\n\tmv %0, %1", "sext.w %0, %0") == sext(a));
}

static void constants(void) {
    uint64_t a = 0;
    uint64_t b = 0;
    check(PAIR("lui %0, 0x80000", "addi %0, %0, -1") == 0xffffffff7fffffff);
    check(PAIR("lui %0, 0x80000", "addiw %0, %0, -1") == 0x7fffffff);
    check(PAIR("lui %0, 0x7ffff", "addi %0, %0, 2047") == 0x7ffff7ff);
    check(PAIR("auipc %0, 0", "auipc %0, 1") != 0);
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            shifts(values[i]);
            constants();
            for (unsigned j = 0; j < COUNT; j++) {
                addresses(values[i], values[j]);
                word_values(values[i], values[j]);
            }
        }
    }
    return 0;
}
