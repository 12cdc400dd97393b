/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers of 500 us while every hart is busy: when do their handlers begin?
 *
 * Hart 0 has the alarm of the real-time clock, a device whose interrupt comes through the PLIC.
 * Each other hart has its own timer compare. A handler first reads the hart's cycle counter and the
 * time. All harts compute, walk memory, and meet in atomics meanwhile, until each has seen COUNT
 * periods.
 *
 * It prints for hart 0 the periods in ticks of 100 ns and in steps (of 8 ns), and for all others
 * together the shortest and the longest in ticks. */
#include "say.h"

#define PERIOD_NS 500000
#define PERIOD_TICKS (PERIOD_NS / 100)
enum { COUNT = 2000, HARTS_MAX = 128, RTC_IRQ = 11, CAUSE_EXTERNAL = 11 };

#define RTC(offset) (*(volatile uint32_t *)(0x101000 + (offset)))
#define PLIC(offset) (*(volatile uint32_t *)(0xc000000 + (offset)))
enum { RTC_NOW_LOW = 0, RTC_NOW_HIGH = 4, RTC_ALARM_LOW = 8, RTC_ALARM_HIGH = 12 };
enum { RTC_IRQ_ENABLED = 16, RTC_CLEAR = 28 };
enum { PLIC_ENABLE = 0x2000, PLIC_THRESHOLD = 0x200000, PLIC_CLAIM = 0x200004 };

static struct seen {
    uint64_t cycle[COUNT + 1], ticks[COUNT + 1];
    uint64_t count;
    uint64_t next;     /* hart 0: wall time of the next alarm; others: their next mtimecmp */
    uint64_t own[512]; /* to work on */
} seen[HARTS_MAX];
static uint64_t done;
static uint64_t shared[64];

static void alarm_set(uint64_t wall_ns) {
    RTC(RTC_ALARM_HIGH) = (uint32_t)(wall_ns >> 32);
    RTC(RTC_ALARM_LOW) = (uint32_t)wall_ns;
}

__attribute__((interrupt("machine"), aligned(4))) static void handler(void) {
    uint64_t cycle = csr_read(mcycle);
    uint64_t ticks = csr_read(time);
    uint64_t hart = csr_read(mhartid);
    struct seen *mine = &seen[hart];
    if (hart == 0) {
        uint32_t source = PLIC(PLIC_CLAIM);
        mine->next += PERIOD_NS;
        RTC(RTC_CLEAR) = 1;
        alarm_set(mine->next);
        PLIC(PLIC_CLAIM) = source;
    } else {
        mine->next += PERIOD_TICKS;
        MTIMECMP(hart) = mine->next;
    }
    if (mine->count <= COUNT) {
        mine->cycle[mine->count] = cycle;
        mine->ticks[mine->count] = ticks;
        if (mine->count++ == COUNT) {
            __atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
        }
    }
}

static void start(uint64_t hart) {
    csr_write(mtvec, handler);
    if (hart == 0) {
        PLIC(4 * RTC_IRQ) = 1;
        PLIC(PLIC_ENABLE) = 1 << RTC_IRQ;
        PLIC(PLIC_THRESHOLD) = 0;
        RTC(RTC_IRQ_ENABLED) = 1;
        uint64_t now = RTC(RTC_NOW_LOW);
        now |= (uint64_t)RTC(RTC_NOW_HIGH) << 32;
        seen[0].next = now / PERIOD_NS * PERIOD_NS + 2 * PERIOD_NS;
        alarm_set(seen[0].next);
        csr_write(mie, 1 << 11);
    } else {
        seen[hart].next = (MTIME / PERIOD_TICKS + 2) * PERIOD_TICKS;
        MTIMECMP(hart) = seen[hart].next;
        csr_write(mie, 1 << 7);
    }
    csr_set(mstatus, 1 << 3);
}

/* Something of everything that harts do. */
static void work(uint64_t hart) {
    uint64_t random = hart + 1;
    uint64_t *own = seen[hart].own;
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < HARTS) {
        for (int i = 0; i < 200; i++) {
            uint64_t *at = &own[random_next(&random) % 512];
            *at += random * (*at | 3);
        }
        __atomic_fetch_add(&shared[random % 64], own[random % 512] | 1, __ATOMIC_RELAXED);
    }
}

/* Shell sort, so that the median can be read off. */
static void sort(uint64_t *at, unsigned count) {
    for (unsigned gap = count / 2; gap > 0; gap /= 2) {
        for (unsigned i = gap; i < count; i++) {
            uint64_t value = at[i];
            unsigned j = i;
            for (; j >= gap && at[j - gap] > value; j -= gap) {
                at[j] = at[j - gap];
            }
            at[j] = value;
        }
    }
}

/** Makes periods out of moments, in order of length. */
static void periods(uint64_t *at) {
    for (unsigned i = 0; i < COUNT; i++) {
        at[i] = at[i + 1] - at[i];
    }
    sort(at, COUNT);
}

static void report_one(const char *name, uint64_t *at, uint64_t right) {
    uint64_t sum = at[COUNT] - at[0];
    periods(at);
    say(name);
    say_number("count", COUNT);
    say_number("sum", sum);
    say_number("median", at[(COUNT - 1) / 2]);
    say_number("min", at[0]);
    say_number("max", at[COUNT - 1]);
    unsigned off = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        off += at[i] != right;
    }
    say_number("off", off);
    say("\n");
}

static void report_others(void) {
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    for (unsigned hart = 1; hart < HARTS; hart++) {
        periods(seen[hart].ticks);
        uint64_t first = seen[hart].ticks[0];
        uint64_t last = seen[hart].ticks[COUNT - 1];
        min = first < min ? first : min;
        max = last > max ? last : max;
    }
    say("compare");
    say_number("min", min);
    say_number("max", max);
    say("\n");
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    start(hart);
    work(hart);
    csr_clear(mstatus, 1 << 3);
    if (hart > 0) {
        csr_write(mie, 0);
        for (;;) {
            __asm__ volatile("wfi");
        }
    }
    report_one("ticks", seen[0].ticks, PERIOD_TICKS);
    report_one("steps", seen[0].cycle, PERIOD_NS / 8);
    if (HARTS > 1) {
        report_others();
    }
    power_off();
}
