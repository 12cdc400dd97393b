/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goldfish real-time clock: wall time made of virtual time, and one alarm. */
#include "dev/dev.h"

#include <stdlib.h>

enum rtc_register {
    RTC_TIME_LOW = 0x00,
    RTC_TIME_HIGH = 0x04,
    RTC_ALARM_LOW = 0x08,
    RTC_ALARM_HIGH = 0x0c,
    RTC_IRQ_ENABLED = 0x10,
    RTC_CLEAR_ALARM = 0x14,
    RTC_ALARM_STATUS = 0x18,
    RTC_CLEAR_INTERRUPT = 0x1c
};

struct rtc {
    struct sched *sched;
    struct line line;
    uint64_t offset_ns; /* wall time = VIRTUAL + this, modulo 2^64 */
    uint32_t time_high; /* latched by a read of TIME_LOW */
    uint64_t alarm_ns;  /* in wall time */
    bool alarm_running;
    bool irq_enabled;
    bool irq_pending;
    struct timer timer;
};

static uint64_t rtc_now(const struct rtc *rtc) {
    return (uint64_t)sched_now(rtc->sched) + rtc->offset_ns;
}

static void rtc_update_line(const struct rtc *rtc) {
    line_set(&rtc->line, rtc->irq_pending && rtc->irq_enabled);
}

static void rtc_alarm(void *owner) {
    struct rtc *rtc = owner;
    rtc->alarm_running = false;
    rtc->irq_pending = true;
    rtc_update_line(rtc);
}

/* Called when the alarm or the time has been set. An alarm in the past rings at once. */
static void rtc_arm(struct rtc *rtc) {
    timer_cancel(&rtc->timer);
    if (!rtc->alarm_running) {
        return;
    }
    uint64_t now = rtc_now(rtc);
    if (rtc->alarm_ns <= now) {
        rtc_alarm(rtc);
        return;
    }
    uint64_t wait_ns = min_u64(rtc->alarm_ns - now, INT64_MAX);
    timer_arm(&rtc->timer, add_sat_i64(sched_now(rtc->sched), (int64_t)wait_ns));
}

static void rtc_set_time(struct rtc *rtc, uint64_t wall_ns) {
    rtc->offset_ns += wall_ns - rtc_now(rtc);
    rtc_arm(rtc);
}

static uint64_t low_replaced(uint64_t whole, uint64_t low) {
    return (whole & ~(uint64_t)UINT32_MAX) | (uint32_t)low;
}

static uint64_t high_replaced(uint64_t whole, uint64_t high) {
    return (uint32_t)whole | high << 32;
}

static uint64_t rtc_read(void *device, uint64_t offset, unsigned size_bytes) {
    struct rtc *rtc = device;
    (void)size_bytes;
    switch (offset) {
    case RTC_TIME_LOW: {
        uint64_t now = rtc_now(rtc);
        rtc->time_high = (uint32_t)(now >> 32);
        return (uint32_t)now;
    }
    case RTC_TIME_HIGH:
        return rtc->time_high;
    case RTC_ALARM_LOW:
        return (uint32_t)rtc->alarm_ns;
    case RTC_ALARM_HIGH:
        return rtc->alarm_ns >> 32;
    case RTC_IRQ_ENABLED:
        return rtc->irq_enabled;
    case RTC_ALARM_STATUS:
        return rtc->alarm_running;
    default:
        return 0;
    }
}

/* The low half of the alarm sets it going, so drivers write the high half first. */
static void rtc_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    struct rtc *rtc = device;
    (void)size_bytes;
    switch (offset) {
    case RTC_TIME_LOW:
        rtc_set_time(rtc, low_replaced(rtc_now(rtc), value));
        break;
    case RTC_TIME_HIGH:
        rtc_set_time(rtc, high_replaced(rtc_now(rtc), value));
        break;
    case RTC_ALARM_LOW:
        rtc->alarm_ns = low_replaced(rtc->alarm_ns, value);
        rtc->alarm_running = true;
        rtc_arm(rtc);
        break;
    case RTC_ALARM_HIGH:
        rtc->alarm_ns = high_replaced(rtc->alarm_ns, value);
        break;
    case RTC_IRQ_ENABLED:
        rtc->irq_enabled = (value & 1) != 0;
        rtc_update_line(rtc);
        break;
    case RTC_CLEAR_ALARM:
        rtc->alarm_running = false;
        rtc_arm(rtc);
        break;
    case RTC_CLEAR_INTERRUPT:
        rtc->irq_pending = false;
        rtc_update_line(rtc);
        break;
    default:
        break;
    }
}

/* The time that the guest has set stays: a clock of this kind has a battery. */
static void rtc_reset(void *device) {
    struct rtc *rtc = device;
    timer_cancel(&rtc->timer);
    rtc->time_high = 0;
    rtc->alarm_ns = 0;
    rtc->alarm_running = false;
    rtc->irq_enabled = false;
    rtc->irq_pending = false;
    rtc_update_line(rtc);
}

static void rtc_state(void *device, struct stream *stream) {
    struct rtc *rtc = device;
    stream_u64(stream, &rtc->offset_ns);
    stream_u32(stream, &rtc->time_high);
    stream_u64(stream, &rtc->alarm_ns);
    stream_bool(stream, &rtc->alarm_running);
    stream_bool(stream, &rtc->irq_enabled);
    stream_bool(stream, &rtc->irq_pending);
    timer_state(&rtc->timer, stream);
}

static void rtc_free(void *device) {
    struct rtc *rtc = device;
    timer_cancel(&rtc->timer);
    free(rtc);
}

void *rtc_new(struct sched *sched, struct line line, uint64_t base_ns) {
    struct rtc *rtc = calloc(1, sizeof *rtc);
    if (rtc == NULL) {
        return NULL;
    }
    rtc->sched = sched;
    rtc->line = line;
    rtc->offset_ns = base_ns;
    if (!timer_attach(&sched->timers, &rtc->timer, rtc_alarm, rtc)) {
        free(rtc);
        return NULL;
    }
    return rtc;
}

const struct device_ops rtc_ops = {
    .name = "rtc",
    .read = rtc_read,
    .write = rtc_write,
    .reset = rtc_reset,
    .state = rtc_state,
    .free = rtc_free,
};
