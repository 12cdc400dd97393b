/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating point in all rounding modes, hot, on operands of which the manual speaks. Results and
 * flags are kept, so both engines have to agree on each of them.
 *
 * expect: exit 0 */
#include "guest.h"

static uint64_t seen;

static void keep(uint64_t value) {
    seen = seen * 33 + value + csr_read(fflags);
    csr_write(fflags, 0);
}

#define FLOAT2(text)                                                                               \
    ({                                                                                             \
        double float_result;                                                                       \
        __asm__ volatile(text " %0, %1, %2" : "=f"(float_result) : "f"(a), "f"(b));                \
        keep(bits_of(float_result));                                                               \
    })
#define FLOAT3(text)                                                                               \
    ({                                                                                             \
        double float_result;                                                                       \
        __asm__ volatile(text " %0, %1, %2, %1" : "=f"(float_result) : "f"(a), "f"(b));            \
        keep(bits_of(float_result));                                                               \
    })
#define FLOAT1(text, mode)                                                                         \
    ({                                                                                             \
        double float_result;                                                                       \
        __asm__ volatile(text " %0, %1" mode : "=f"(float_result) : "f"(a));                       \
        keep(bits_of(float_result));                                                               \
    })
#define TO_INTEGER(text, mode)                                                                     \
    ({                                                                                             \
        uint64_t integer_result;                                                                   \
        __asm__ volatile(text " %0, %1, " mode : "=r"(integer_result) : "f"(a));                   \
        keep(integer_result);                                                                      \
    })
#define TO_INTEGER_ALL(text)                                                                       \
    (TO_INTEGER(text, "dyn"), TO_INTEGER(text, "rne"), TO_INTEGER(text, "rtz"),                    \
     TO_INTEGER(text, "rdn"), TO_INTEGER(text, "rup"), TO_INTEGER(text, "rmm"))
#define FROM_INTEGER(text)                                                                         \
    ({                                                                                             \
        double float_result;                                                                       \
        __asm__ volatile(text " %0, %1" : "=f"(float_result) : "r"(integer));                      \
        keep(bits_of(float_result));                                                               \
    })

static uint64_t bits_of(double value) {
    uint64_t bits;
    __asm__("fmv.x.d %0, %1" : "=r"(bits) : "f"(value));
    return bits;
}

/** The double, or boxed single, of these bits. */
static double float_of(uint64_t bits) {
    double value;
    __asm__("fmv.d.x %0, %1" : "=f"(value) : "r"(bits));
    return value;
}

static void doubles(double a, double b) {
    FLOAT2("fadd.d"), FLOAT2("fsub.d"), FLOAT2("fmul.d"), FLOAT2("fdiv.d");
    FLOAT2("fmin.d"), FLOAT2("fmax.d"), FLOAT3("fmadd.d"), FLOAT3("fnmsub.d");
    FLOAT3("fmsub.d"), FLOAT3("fnmadd.d"), FLOAT1("fsqrt.d", ""), FLOAT1("fcvt.s.d", "");
    FLOAT1("fcvt.s.d", ", rtz"), FLOAT1("fsqrt.d", ", rup"), FLOAT1("fsqrt.d", ", rmm");
    TO_INTEGER_ALL("fcvt.w.d"), TO_INTEGER_ALL("fcvt.l.d");
    TO_INTEGER_ALL("fcvt.wu.d"), TO_INTEGER_ALL("fcvt.lu.d");
}

static void singles(double a, double b) {
    FLOAT2("fadd.s"), FLOAT2("fsub.s"), FLOAT2("fmul.s"), FLOAT2("fdiv.s");
    FLOAT2("fmin.s"), FLOAT2("fmax.s"), FLOAT3("fmadd.s"), FLOAT3("fnmsub.s");
    FLOAT3("fmsub.s"), FLOAT3("fnmadd.s"), FLOAT1("fsqrt.s", ""), FLOAT1("fcvt.d.s", "");
    TO_INTEGER_ALL("fcvt.w.s"), TO_INTEGER_ALL("fcvt.l.s");
    TO_INTEGER_ALL("fcvt.wu.s"), TO_INTEGER_ALL("fcvt.lu.s");
}

static void integers(uint64_t integer) {
    FROM_INTEGER("fcvt.d.w"), FROM_INTEGER("fcvt.d.wu");
    FROM_INTEGER("fcvt.d.l"), FROM_INTEGER("fcvt.d.lu");
    FROM_INTEGER("fcvt.s.w"), FROM_INTEGER("fcvt.s.wu");
    FROM_INTEGER("fcvt.s.l"), FROM_INTEGER("fcvt.s.lu");
}

/* Zeros, ones, halves; around 2^31, 2^32, 2^63 and 2^64; infinities, quiet and signalling NaNs; the
 * greatest, the least normal, subnormals; and some whose sums and products are not exact. */
static const uint64_t doubles_of[] = {
    0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
    0x3fe0000000000000, 0xbfe0000000000000, 0xbfefffffffffffff, 0x3ff8000000000000,
    0xbff8000000000000, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000200000,
    0x41efffffffe00000, 0x41effffffff00000, 0x41f0000000000000, 0x43dfffffffffffff,
    0x43e0000000000000, 0xc3e0000000000000, 0xc3e0000000000001, 0x43efffffffffffff,
    0x43f0000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
    0x7ff0000000000001, 0x7fefffffffffffff, 0x0010000000000000, 0x000fffffffffffff,
    0x0000000000000001, 0x3fd5555555555555, 0x400921fb54442d18, 0x36a0000000000001};
static const uint32_t singles_of[] = {
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x3f000000, 0xbf000000, 0xbf7fffff, 0x3fc00000,
    0xbfc00000, 0x4effffff, 0x4f000000, 0xcf000000, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000,
    0xdf000000, 0x5f7fffff, 0x5f800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0x7f7fffff,
    0x00800000, 0x007fffff, 0x00000001, 0x3eaaaaab, 0x40490fdb};
static const uint64_t integers_of[] = {0,
                                       1,
                                       0xffffffffffffffff,
                                       0x7fffffff,
                                       0x80000000,
                                       0xffffffff,
                                       0x100000001,
                                       0x20000000000001,
                                       0x7fffffffffffffff,
                                       0x8000000000000000,
                                       0xfffffffffffffbff,
                                       0x8000008000000001};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void all(void) {
    for (unsigned i = 0; i < COUNT(doubles_of); i++) {
        for (unsigned j = 0; j < COUNT(doubles_of); j++) {
            doubles(float_of(doubles_of[i]), float_of(doubles_of[j]));
        }
    }
    for (unsigned i = 0; i < COUNT(singles_of); i++) {
        for (unsigned j = 0; j < COUNT(singles_of); j++) {
            uint64_t box = j % 8 == 7 ? 0 : 0xffffffff00000000; /* without it a NaN */
            singles(float_of(0xffffffff00000000 | singles_of[i]), float_of(box | singles_of[j]));
        }
    }
    for (unsigned i = 0; i < COUNT(integers_of); i++) {
        integers(integers_of[i]);
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    for (uint64_t mode = 0; mode < 5; mode++) {
        csr_write(frm, mode);
        all();
    }
    csr_write(frm, 0);
    all(); /* what was translated under another mode serves this one */
    check(seen != 0);
    return 0;
}
