/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each atomic, in both sizes, with its old value wanted and not, of several harts on the same word:
 * what comes out has a closed form, or is ordered, whoever runs when.
 *
 * expect: exit 0
 * harts: 1 2 4
 * policies: token free */
#include "guest.h"

enum { ROUNDS = 5000, MANY_ROUNDS = 40000, HARTS_MAX = 4 };

/* What is contended for, with neighbours that have to stay. */
static struct {
    uint64_t before;
    volatile uint64_t added, fields, greatest, greatest_u, least, least_u, swapped, linked;
    uint64_t after;
} d;
static struct {
    uint32_t before;
    volatile uint32_t added, fields, greatest, greatest_u, least, least_u, swapped, linked;
    uint32_t after;
} w;

static volatile uint64_t harts, arrived;
static struct {
    uint64_t meetings, old_sum[2], swapped_in[2], swapped_out[2], fields[2];
} of[HARTS_MAX];

/** rd = the old value. */
#define AMO(name, at, operand)                                                                     \
    ({                                                                                             \
        int64_t old_;                                                                              \
        __asm__ volatile(name " %0, %2, (%1)"                                                      \
                         : "=&r"(old_)                                                             \
                         : "r"(at), "r"((uint64_t)(operand))                                       \
                         : "memory");                                                              \
        old_;                                                                                      \
    })
#define AMO_FORGET(name, at, operand)                                                              \
    __asm__ volatile(name " zero, %1, (%0)" ::"r"(at), "r"((uint64_t)(operand)) : "memory")

/** All harts are here. */
static void meet(uint64_t hart) {
    uint64_t wanted = ++of[hart].meetings * harts;
    AMO_FORGET("amoadd.d.aqrl", &arrived, 1);
    while (arrived < wanted) {
    }
    __asm__ volatile("fence rw, rw" ::: "memory");
}

/* Rounds are short. Now and then all wait for each other, so that a host with room runs them at
 * once. */
static void meet_often(uint64_t hart, uint64_t round) {
    if (round % 1000 == 0) {
        meet(hart);
    }
}

/* Old values are all different, so their sum has a closed form. The word's pass its sign. */
enum { ADD_FROM_W = 0x7fffff00 };

static void add(uint64_t hart) {
    for (uint64_t round = 0; round < MANY_ROUNDS; round++) {
        meet_often(hart, round);
        of[hart].old_sum[0] += (uint64_t)AMO("amoadd.w", &w.added, 1);
        of[hart].old_sum[1] += (uint64_t)AMO("amoadd.d", &d.added, 1);
    }
    meet(hart);
    for (uint64_t round = 0; round < MANY_ROUNDS; round++) {
        meet_often(hart, round);
        AMO_FORGET("amoadd.w", &w.added, -1l);
        AMO_FORGET("amoadd.d", &d.added, -((int64_t)1 << 33));
    }
}

static int is_extended(int64_t value, uint64_t size_bytes) {
    return size_bytes == 8 || value == (int32_t)value;
}

/* Each hart has a byte of the word. It alone changes it, by operations on the whole word, so it
 * knows what stands there. */
#define CHANGE(bits, size, name, operand, result)                                                  \
    do {                                                                                           \
        uint64_t field_ = (uint64_t)0xff << 8 * hart;                                              \
        int64_t old_ = AMO(name size, bits, operand);                                              \
        check(((uint64_t)old_ & field_) == mine && is_extended(old_, sizeof *(bits)));             \
        mine = (result)&field_;                                                                    \
        AMO_FORGET(name size, bits, operand);                                                      \
        mine = (result)&field_;                                                                    \
    } while (0)
#define CHANGES(bits, size, keep)                                                                  \
    uint64_t keep(uint64_t hart, uint64_t seed) {                                                  \
        uint64_t mine = 0;                                                                         \
        for (uint64_t round = 0; round < ROUNDS; round++) {                                        \
            meet_often(hart, round);                                                               \
            uint64_t some = (random_next(&seed) & 0xff) << 8 * hart;                               \
            uint64_t others = ~((uint64_t)0xff << 8 * hart);                                       \
            CHANGE(bits, size, "amoor", some, mine | some);                                        \
            some = (random_next(&seed) & 0xff) << 8 * hart;                                        \
            CHANGE(bits, size, "amoxor", some, mine ^ some);                                       \
            some = (random_next(&seed) & 0xff) << 8 * hart;                                        \
            CHANGE(bits, size, "amoand", some | others, (mine & some));                            \
        }                                                                                          \
        return mine;                                                                               \
    }
static CHANGES(&w.fields, ".w", change_words) static CHANGES(&d.fields, ".d", change_doubles)

/* Operands go one way, across the point where signs change: what a hart has put there no other
 * takes back. Every other operand loses. */
#define RACE(type, at, name, from, direction, loses_to)                                            \
    do {                                                                                           \
        type last = (type)(from);                                                                  \
        for (int64_t round = 0; round < ROUNDS; round++) {                                         \
            meet_often(hart, (uint64_t)round);                                                     \
            type next =                                                                            \
                (type)((uint64_t)(from) +                                                          \
                       (uint64_t)(direction) * (uint64_t)(round * HARTS_MAX + (int64_t)hart + 1)); \
            type old = (type)AMO(name, at, sizeof(type) == 4 ? (int32_t)next : (int64_t)next);     \
            check(!(old loses_to last));                                                           \
            old = (type)AMO(name, at, sizeof(type) == 4 ? (int32_t)last : (int64_t)last);          \
            check(!(old loses_to next));                                                           \
            AMO_FORGET(name, at, sizeof(type) == 4 ? (int32_t)last : (int64_t)last);               \
            last = next;                                                                           \
        }                                                                                          \
    } while (0)
    enum {
        HALF_WAY = ROUNDS * HARTS_MAX / 2
    };
static const uint64_t signs_d = (uint64_t)1 << 63;
static const uint32_t signs_w = (uint32_t)1 << 31;

static void race(uint64_t hart) {
    RACE(int32_t, &w.greatest, "amomax.w", -HALF_WAY, 1, <);
    RACE(int64_t, &d.greatest, "amomax.d", -HALF_WAY, 1, <);
    RACE(int32_t, &w.least, "amomin.w", HALF_WAY, -1, >);
    RACE(int64_t, &d.least, "amomin.d", HALF_WAY, -1, >);
    RACE(uint32_t, &w.greatest_u, "amomaxu.w", signs_w - HALF_WAY, 1, <);
    RACE(uint64_t, &d.greatest_u, "amomaxu.d", signs_d - HALF_WAY, 1, <);
    RACE(uint32_t, &w.least_u, "amominu.w", signs_w + HALF_WAY, -1, >);
    RACE(uint64_t, &d.least_u, "amominu.d", signs_d + HALF_WAY, -1, >);
}

/* What was put in comes out once, but for what stands there at the end. */
static void swap(uint64_t hart) {
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        meet_often(hart, round);
        uint64_t in = round * 0x9e3779b97f4a7c15 + hart;
        of[hart].swapped_in[0] += (uint64_t)(int32_t)in;
        of[hart].swapped_in[1] += in;
        of[hart].swapped_out[0] += (uint64_t)AMO("amoswap.w", &w.swapped, in);
        of[hart].swapped_out[1] += (uint64_t)AMO("amoswap.d", &d.swapped, in);
    }
}

#define ADD_LINKED(size, at, step)                                                                 \
    do {                                                                                           \
        uint64_t value_, failed_;                                                                  \
        do {                                                                                       \
            __asm__ volatile("lr" size " %0, (%2)\n add %0, %0, %3\n sc" size " %1, %0, (%2)"      \
                             : "=&r"(value_), "=&r"(failed_)                                       \
                             : "r"(at), "r"((uint64_t)(step))                                      \
                             : "memory");                                                          \
            check(failed_ <= 1);                                                                   \
        } while (failed_ != 0);                                                                    \
    } while (0)

static void link(uint64_t hart) {
    for (uint64_t round = 0; round < MANY_ROUNDS; round++) {
        meet_often(hart, round);
        ADD_LINKED(".w", &w.linked, 0x10001);
        ADD_LINKED(".d", &d.linked, 0x100000001);
    }
}

/* -- What came out ----------------------------------------------------------------------------- */

static void check_sums(void) {
    uint64_t all = harts * MANY_ROUNDS, old_w = 0, old_d = 0;
    uint64_t in_w = 0, in_d = 0, out_w = w.swapped, out_d = d.swapped;
    out_w = (uint64_t)(int32_t)out_w;
    for (uint64_t i = 0; i < all; i++) {
        old_w += (uint64_t)(int32_t)(ADD_FROM_W + (uint32_t)i);
    }
    for (uint64_t i = 0; i < harts; i++) {
        old_w -= of[i].old_sum[0];
        old_d += of[i].old_sum[1];
        in_w += of[i].swapped_in[0];
        in_d += of[i].swapped_in[1];
        out_w += of[i].swapped_out[0];
        out_d += of[i].swapped_out[1];
    }
    check(old_w == 0);
    check(old_d == all * (all - 1) / 2);
    check(in_w == out_w);
    check(in_d == out_d);
    check(w.added == ADD_FROM_W);
    check(d.added == all - (all << 33));
    check(w.linked == (uint32_t)(all * 0x10001));
    check(d.linked == all * 0x100000001);
}

static void check_rest(void) {
    uint64_t fields_w = 0, fields_d = 0;
    int64_t most = (ROUNDS - 1) * HARTS_MAX + (int64_t)harts - HALF_WAY;
    for (uint64_t i = 0; i < harts; i++) {
        fields_w |= of[i].fields[0];
        fields_d |= of[i].fields[1];
    }
    check(w.fields == (uint32_t)fields_w);
    check(d.fields == fields_d);
    check((int32_t)w.greatest == most && (int32_t)w.least == -most);
    check((int64_t)d.greatest == most && (int64_t)d.least == -most);
    check(w.greatest_u == signs_w + (uint32_t)most && w.least_u == signs_w - (uint32_t)most);
    check(d.greatest_u == signs_d + (uint64_t)most);
    check(d.least_u == signs_d - (uint64_t)most);
    check(w.before == 0 && w.after == 0 && d.before == 0 && d.after == 0);
}

static void prepare(const void *device_tree) {
    harts = harts_count(device_tree);
    w.added = ADD_FROM_W;
    w.greatest = (uint32_t)-HALF_WAY;
    d.greatest = (uint64_t)-HALF_WAY;
    w.least = d.least = HALF_WAY;
    w.greatest_u = signs_w - HALF_WAY;
    d.greatest_u = signs_d - HALF_WAY;
    w.least_u = signs_w + HALF_WAY;
    d.least_u = signs_d + HALF_WAY;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    static volatile uint64_t ready;
    if (hart == 0) {
        prepare(device_tree);
        __asm__ volatile("fence rw, rw" ::: "memory");
        ready = 1;
    }
    while (ready == 0) {
    }
    __asm__ volatile("fence rw, rw" ::: "memory");
    add(hart);
    meet(hart);
    of[hart].fields[0] = change_words(hart, 1234567 + hart);
    of[hart].fields[1] = change_doubles(hart, 7654321 + hart);
    meet(hart);
    race(hart);
    meet(hart);
    swap(hart);
    link(hart);
    meet(hart);
    for (; hart != 0;) {
    }
    check_sums();
    check_rest();
    return 0;
}
