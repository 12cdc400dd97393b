/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest gone mad: random accesses of every width, offset and value to every device while time
 * runs.
 *
 * After every few accesses the devices must agree with what can be read from them: each PLIC
 * line with a plain recomputation from its registers, the UART's line with IIR, and IIR with
 * LSR, MSR and IER; timer lines with mtime and mtimecmp; the alarm with the time. Each storm
 * runs twice from its seed, the second time with time cut into small grants and more looks at
 * the schedule: both must end in the same state. */
#include "dev_test.h"

enum {
    STORMS = 16,
    ACCESSES = 100000, /* in each storm, twice */
    LOOK_EVERY = 32,
    HARTS_MAX = 4,
    UART_SOURCE = 10,
    RTC_SOURCE = 11
};

enum { SYSCON, RTC, CLINT, PLIC, UART, DEVICE_COUNT };

static const paddr BASES[DEVICE_COUNT] = {0x100000, 0x101000, 0x2000000, 0xc000000, 0x10000000};
static const uint64_t SIZES[DEVICE_COUNT] = {SYSCON_SIZE_BYTES, RTC_SIZE_BYTES, CLINT_SIZE_BYTES,
                                             PLIC_SIZE_BYTES, UART_SIZE_BYTES};
static const unsigned WIDTHS[DEVICE_COUNT][2] = {{2, 4}, {4, 4}, {4, 8}, {4, 4}, {1, 1}};

/** All devices, wired as on the board; every wire ends in a note of its level. */
struct storm {
    struct random random;
    struct bus bus;
    struct sched sched;
    struct console *console;
    struct port port;
    void *uart;
    unsigned hart_count;
    struct wires contexts, timers, software; /* as driven */
    struct wires felt;                       /* contexts again, as messages brought them */
    bool resetting;
    bool source_level[PLIC_SOURCES];
    struct line source[PLIC_SOURCES];
    unsigned power_count, power_expected;
    bool reset_asked;
    uint64_t grant_steps; /* upper limit of one grant */
};

/* -- Building ---------------------------------------------------------------------------------- */

static void source_set(void *owner, unsigned source, bool level) {
    struct storm *storm = owner;
    storm->source_level[source] = level;
    line_set(&storm->source[source], level);
}

static void context_arrives(void *owner, uint64_t value) {
    struct storm *storm = owner;
    wire_set(&storm->felt, (unsigned)(value >> 1), (value & 1) != 0);
}

/* As the board does it: to other harts a level travels for a quantum. */
static void context_set(void *owner, unsigned context, bool level) {
    struct storm *storm = owner;
    uint64_t value = context << 1 | level;
    wire_set(&storm->contexts, context, level);
    if (storm->resetting) {
        context_arrives(storm, value);
    } else {
        uint16_t kind = (uint16_t)(2 + context);
        sched_connect(&storm->sched, context / 2, kind, context_arrives, storm);
        sched_post(&storm->sched, context / 2, kind, value);
    }
}

static void power_asked(void *owner, enum power_request request, uint64_t code) {
    struct storm *storm = owner;
    storm->power_count++;
    storm->reset_asked = storm->reset_asked || request == POWER_RESET;
    expect(code <= 0xffff, &storm->random, "fail code %llx", (unsigned long long)code);
}

static void device_map(struct storm *storm, unsigned which, const struct device_ops *ops,
                       void *device) {
    struct region region = {.base = BASES[which],
                            .size_bytes = SIZES[which],
                            .width_min = WIDTHS[which][0],
                            .width_max = WIDTHS[which][1],
                            .ops = ops,
                            .device = device};
    assert_non_null(device);
    assert_true(bus_map(&storm->bus, &region));
}

static void storm_init(struct storm *storm, uint64_t seed, uint64_t grant_steps) {
    struct line timer[HARTS_MAX], software[HARTS_MAX], contexts[2 * HARTS_MAX];
    memset(storm, 0, sizeof *storm);
    storm->random = random_start(seed);
    storm->grant_steps = grant_steps;
    storm->hart_count = 1 + (unsigned)random_below(&storm->random, HARTS_MAX);
    for (unsigned i = 0; i < storm->hart_count; i++) {
        timer[i] = wire(&storm->timers, i);
        software[i] = wire(&storm->software, i);
        for (unsigned context = 2 * i; context < 2 * i + 2; context++) {
            contexts[context] =
                (struct line){.set = context_set, .owner = storm, .number = context};
        }
    }
    sched_start(&storm->sched, storm->hart_count, 1 + (vtime)random_below(&storm->random, 3000));
    assert_int_equal(bus_init(&storm->bus, 0x80000000, 1 << 20, NULL), STATUS_OK);
    storm->console = console_open("null", NULL);
    assert_non_null(storm->console);
    port_init(&storm->port, storm->console);
    void *plic = plic_new(storm->hart_count, contexts);
    for (unsigned source = 1; source < PLIC_SOURCES; source++) {
        storm->source[source] = plic_source(plic, source);
    }
    struct line uart = {.set = source_set, .owner = storm, .number = UART_SOURCE};
    struct line rtc = {.set = source_set, .owner = storm, .number = RTC_SOURCE};
    storm->uart = uart_new(uart, &storm->port);
    device_map(storm, PLIC, &plic_ops, plic);
    device_map(storm, UART, &uart_ops, storm->uart);
    device_map(storm, RTC, &rtc_ops, rtc_new(&storm->sched, rtc, UINT64_C(0x17fffffff0000000)));
    device_map(storm, SYSCON, &syscon_ops, syscon_new(power_asked, storm));
    device_map(storm, CLINT, &aclint_ops, aclint_new(&storm->sched, timer, software, 0));
}

static void storm_free(struct storm *storm) {
    bus_free(&storm->bus);
    sched_free(&storm->sched);
    console_close(storm->console);
}

/* -- Looking ----------------------------------------------------------------------------------- */

static uint64_t get(struct storm *storm, unsigned which, uint64_t offset, unsigned size_bytes) {
    uint64_t value = 0;
    expect(bus_read(&storm->bus, BASES[which] + offset, size_bytes, &value), &storm->random,
           "read of %u bytes at %llx refused", size_bytes, (unsigned long long)offset);
    expect(size_bytes == 8 || value >> 8 * size_bytes == 0, &storm->random,
           "%llx is wider than %u bytes", (unsigned long long)value, size_bytes);
    return value;
}

static void put(struct storm *storm, unsigned which, uint64_t offset, uint64_t value) {
    expect(bus_write(&storm->bus, BASES[which] + offset, WIDTHS[which][0], value), &storm->random,
           "write at %llx refused", (unsigned long long)offset);
}

static void look_at_plic(struct storm *storm) {
    uint64_t priority[PLIC_SOURCES], pending[PLIC_SOURCES / 32];
    for (unsigned source = 0; source < PLIC_SOURCES; source++) {
        priority[source] = get(storm, PLIC, 4 * source, 4);
    }
    for (unsigned word = 0; word < PLIC_SOURCES / 32; word++) {
        pending[word] = get(storm, PLIC, 0x1000 + 4 * word, 4);
    }
    for (unsigned context = 0; context < 2 * storm->hart_count; context++) {
        uint64_t best = 0;
        for (unsigned source = 1; source < PLIC_SOURCES; source++) {
            unsigned word = source / 32;
            uint64_t enabled = get(storm, PLIC, 0x2000 + 0x80 * context + 4 * word, 4);
            bool waits = (pending[word] & enabled) >> source % 32 & 1;
            best = waits && priority[source] > best ? priority[source] : best;
        }
        uint64_t threshold = get(storm, PLIC, 0x200000 + 0x1000 * context, 4);
        expect(storm->contexts.level[context] == (best > threshold), &storm->random,
               "context %u: line %d, best priority %d, threshold %d", context,
               storm->contexts.level[context], (int)best, (int)threshold);
    }
}

/* With nothing under way, every hart feels what is driven: no older level came after a newer
 * one. */
static void look_at_felt(struct storm *storm) {
    for (unsigned context = 0; context < 2 * storm->hart_count; context++) {
        expect(storm->felt.level[context] == storm->contexts.level[context] ||
                   storm->sched.vcpus[context / 2].inbox_count > 0,
               &storm->random, "context %u: line %d, felt as %d", context,
               storm->contexts.level[context], storm->felt.level[context]);
    }
}

static void look_at_uart(struct storm *storm) {
    uint64_t lcr = get(storm, UART, 3, 1);
    put(storm, UART, 3, lcr & 0x7f);
    bool line = storm->source_level[UART_SOURCE];
    uint64_t ier = get(storm, UART, 1, 1);
    uint64_t iir = get(storm, UART, 2, 1);
    uint64_t lsr = get(storm, UART, 5, 1);
    uint64_t msr = get(storm, UART, 6, 1);
    put(storm, UART, 3, lcr);
    bool line_status = (ier & 4) != 0 && (lsr & 0x1e) != 0;
    bool received = (ier & 1) != 0 && (lsr & 1) != 0;
    bool modem = (ier & 8) != 0 && (msr & 0x0f) != 0;
    uint64_t source = iir & 0x3f;
    bool ok = line == ((iir & 1) == 0) && (lsr & 0xfc) == 0x60;
    if (line_status) {
        ok = ok && source == 0x06;
    } else if (received) {
        ok = ok && (source == 0x04 || (source == 0x0c && iir >> 6 == 3));
    } else if (source != 0x02) {
        ok = ok && source == (modem ? 0x00 : 0x01);
    } else {
        ok = ok && (ier & 2) != 0;
    }
    expect(ok, &storm->random, "uart: line %d, IER %x, IIR %x, LSR %x, MSR %x", line, (unsigned)ier,
           (unsigned)iir, (unsigned)lsr, (unsigned)msr);
}

static void look_at_clint(struct storm *storm) {
    struct sched *sched = &storm->sched;
    sched_catch_up(sched);
    uint64_t mtime = get(storm, CLINT, 0xbff8, 8);
    uint64_t halves = get(storm, CLINT, 0xbffc, 4) << 32 | get(storm, CLINT, 0xbff8, 4);
    expect(mtime == halves && mtime == ticks_read(sched, sched->current), &storm->random,
           "mtime %llx, in halves %llx", (unsigned long long)mtime, (unsigned long long)halves);
    for (unsigned hart = 0; hart < storm->hart_count; hart++) {
        expect(get(storm, CLINT, 4 * hart, 4) == storm->software.level[hart], &storm->random,
               "hart %u: msip and its line differ", hart);
        const struct vcpu *vcpu = &sched->vcpus[hart];
        if (vcpu->inbox_count > 0 || timers_due(&vcpu->timers) <= clock_now(&vcpu->clock)) {
            continue; /* a write is under way, or the next round will fire what the last step met */
        }
        uint64_t compare = get(storm, CLINT, 0x4000 + 8 * hart, 8);
        uint64_t ticks = ticks_read(sched, hart);
        expect(storm->timers.level[hart] == (ticks >= compare), &storm->random,
               "hart %u: timer line %d at %llx, mtimecmp %llx", hart, storm->timers.level[hart],
               (unsigned long long)ticks, (unsigned long long)compare);
    }
}

static void look_at_rtc(struct storm *storm) {
    uint64_t low = get(storm, RTC, 0x00, 4);
    uint64_t now = get(storm, RTC, 0x04, 4) << 32 | low;
    uint64_t alarm = get(storm, RTC, 0x0c, 4) << 32 | get(storm, RTC, 0x08, 4);
    bool enabled = get(storm, RTC, 0x10, 4) != 0;
    /* ALARM_HIGH alone may be changed under a running alarm, so only its own deadline is
     * certain. */
    expect(enabled || !storm->source_level[RTC_SOURCE], &storm->random,
           "rtc: line up while disabled, now %llx, alarm %llx", (unsigned long long)now,
           (unsigned long long)alarm);
    put(storm, RTC, 0x08, alarm);
    bool running = get(storm, RTC, 0x18, 4) != 0;
    expect(running == (alarm > now), &storm->random, "rtc: alarm %s, now %llx, alarm %llx",
           running ? "running" : "off", (unsigned long long)now, (unsigned long long)alarm);
    expect(running || !enabled || storm->source_level[RTC_SOURCE], &storm->random,
           "rtc: alarm rang without a line");
}

static void look(struct storm *storm) {
    look_at_plic(storm);
    look_at_felt(storm);
    look_at_uart(storm);
    look_at_clint(storm);
    look_at_rtc(storm);
    expect(storm->power_count == storm->power_expected, &storm->random,
           "finisher: %u requests, %u expected", storm->power_count, storm->power_expected);
    expect(storm->sched.late_steps_max == 0, &storm->random, "a timer came late");
}

/* -- Doing ------------------------------------------------------------------------------------- */

/** An offset where there is something, most of the time; else anywhere, and a little beyond. */
static uint64_t random_offset(struct storm *storm, unsigned which) {
    struct random *random = &storm->random;
    uint64_t hart = random_below(random, storm->hart_count + 1);
    uint64_t context = random_below(random, 2 * storm->hart_count + 1);
    uint64_t word = random_below(random, 4);
    uint64_t source = random_below(random, 100);
    if (random_below(random, 8) == 0) {
        return random_below(random, SIZES[which] + 16) - 8;
    }
    switch (which) {
    case PLIC: {
        const uint64_t offsets[] = {4 * source, 0x1000 + 4 * word,
                                    0x2000 + 0x80 * context + 4 * word, 0x200000 + 0x1000 * context,
                                    0x200004 + 0x1000 * context};
        return offsets[random_below(random, COUNT(offsets))];
    }
    case CLINT: {
        const uint64_t offsets[] = {4 * hart, 0x4000 + 8 * hart + 4 * word,
                                    0xbff8 + 4 * (word & 1)};
        return offsets[random_below(random, COUNT(offsets))];
    }
    case UART:
        return random_below(random, 8);
    case RTC:
        return 4 * random_below(random, 9);
    default:
        return 0;
    }
}

/** A value that does something, most of the time. */
static uint64_t random_value(struct storm *storm, unsigned which) {
    struct random *random = &storm->random;
    static const uint64_t finisher[] = {0x5555, 0x3333, 0x7777, 0x12343333};
    uint64_t near = random_below(random, 4000);
    switch (random_below(random, 4) == 0 ? DEVICE_COUNT : which) {
    case SYSCON:
        return finisher[random_below(random, random_below(random, 64) == 0 ? 3 : 2)];
    case CLINT:
        return get(storm, CLINT, 0xbff8, 8) + near / 100 - 5;
    case RTC:
        return get(storm, RTC, 0x00, 4) + near - 500;
    case PLIC:
        return random_below(random, 100);
    default:
        return random_wide(random);
    }
}

static void reset(struct storm *storm) {
    for (unsigned i = 0; i < storm->hart_count; i++) {
        storm->sched.vcpus[i].inbox_count = 0;
    }
    storm->resetting = true;
    bus_reset(&storm->bus);
    storm->resetting = false;
    storm->reset_asked = false;
    for (unsigned i = 0; i < 2 * storm->hart_count; i++) {
        expect(!storm->contexts.level[i] && !storm->timers.level[i / 2] &&
                   !storm->software.level[i / 2],
               &storm->random, "a line is up after reset");
    }
}

static void access_once(struct storm *storm) {
    struct random *random = &storm->random;
    unsigned which = (unsigned)random_below(random, DEVICE_COUNT);
    unsigned size = random_below(random, 8) == 0 ? 1u << random_below(random, 4)
                                                 : WIDTHS[which][random_below(random, 2)];
    uint64_t offset = random_offset(storm, which);
    uint64_t value = random_value(storm, which);
    bool writes = random_below(random, 3) != 0;
    bool inside = offset < SIZES[which];
    bool passes =
        inside && size >= WIDTHS[which][0] && size <= WIDTHS[which][1] && offset % size == 0;
    paddr address = BASES[which] + offset;
    if (inside || bus_region(&storm->bus, address) == NULL) {
        bool done = writes ? bus_write(&storm->bus, address, size, value)
                           : bus_read(&storm->bus, address, size, &value);
        expect(done == passes, random, "%s of %u bytes at %llx: %d", writes ? "write" : "read",
               size, (unsigned long long)address, done);
    }
    uint64_t word = value & 0xffff;
    bool power = word == 0x5555 || word == 0x3333 || word == 0x7777;
    storm->power_expected += passes && writes && which == SYSCON && offset == 0 && power;
}

static void source_wiggle(struct storm *storm) {
    unsigned source = 12 + (unsigned)random_below(&storm->random, PLIC_SOURCES - 12);
    source_set(storm, source, !storm->source_level[source]);
}

/** Between rounds bytes may come in. */
static void input_arrive(struct storm *storm) {
    for (uint64_t left = random_below(&storm->random, 3); left > 0 && uart_room(storm->uart) > 0;
         left--) {
        uint8_t byte = (uint8_t)random_u64(&storm->random);
        uart_deliver(storm->uart, &byte, 1);
    }
}

/** Takes so many steps, of whichever hart's turn it is. */
static void advance(struct storm *storm, uint64_t steps) {
    for (;;) {
        struct turn turn = sched_next(&storm->sched);
        if (turn.kind == TURN_ROUND_END) {
            input_arrive(storm);
            continue;
        }
        assert_int_equal(turn.kind, TURN_RUN);
        if (steps == 0) {
            return;
        }
        uint64_t taken = min_u64(min_u64(turn.budget_steps, steps), storm->grant_steps);
        storm->sched.vcpus[turn.vcpu].clock.steps += taken;
        steps -= taken;
    }
}

static uint64_t storm_run(uint64_t seed, uint64_t grant_steps) {
    struct storm storm;
    storm_init(&storm, seed, grant_steps);
    advance(&storm, 0);
    for (unsigned i = 0; i < ACCESSES; i++) {
        access_once(&storm);
        if (storm.reset_asked) {
            reset(&storm);
        }
        if (random_below(&storm.random, 4) == 0) {
            source_wiggle(&storm);
        }
        /* What an access brought forward is taken before the next instruction. */
        advance(&storm, 1);
        if (i % LOOK_EVERY == 0) {
            look(&storm);
            advance(&storm, 1 + random_below(&storm.random, 200));
            look(&storm);
            advance(&storm, 1);
        }
    }
    struct state_hash hash = {0};
    struct stream stream = {.put = state_hash_put, .owner = &hash};
    bus_state(&storm.bus, &stream);
    sched_state(&storm.sched, &stream);
    storm_free(&storm);
    return hash.value;
}

static void test_storm(void **state) {
    (void)state;
    for (uint64_t i = 0; i < STORMS; i++) {
        struct random random = random_start(0x57040000 + i);
        uint64_t whole = storm_run(random.seed, UINT64_MAX);
        uint64_t cut = storm_run(random.seed, 3);
        expect(whole == cut, &random, "the same storm, cut differently, ends differently");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_storm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
