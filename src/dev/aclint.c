/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine timer and software interrupts: comparators on each hart's own clock, behind CLINT
 * registers.
 *
 * Registers change at once, for every reader. What a hart can feel of them (its comparator, its
 * ticks) changes by message: at once when it writes itself or nobody runs, one quantum later
 * when another hart writes (law 10). So a cell holds mtimecmp as written, and its comparator
 * holds the value that has arrived. */
#include "dev/dev.h"

#include <stdlib.h>

/* msip begins at 0. */
enum { HARTS_MAX = 4095, MTIMECMP_BASE = 0x4000, MTIME = 0xbff8 };

/* One hart's registers. */
struct cell {
    struct aclint *aclint;
    unsigned hart;
    bool msip;
    uint64_t mtimecmp;
    struct comparator comparator;
    struct line timer_line;
    struct line software_line;
};

struct aclint {
    struct sched *sched;
    uint16_t post_kind;
    struct cell cells[];
};

/* -- What harts feel --------------------------------------------------------------------------- */

static void timer_changed(void *owner, bool level) {
    struct cell *cell = owner;
    line_set(&cell->timer_line, level);
}

static void mtimecmp_arrives(void *owner, uint64_t value) {
    struct cell *cell = owner;
    comparator_set(&cell->comparator, value, true);
}

static void mtime_arrives(void *owner, uint64_t offset) {
    struct cell *cell = owner;
    ticks_set_offset(cell->aclint->sched, cell->hart, offset);
}

static void mtimecmp_write(struct cell *cell, uint64_t value) {
    const struct aclint *aclint = cell->aclint;
    cell->mtimecmp = value;
    sched_post(aclint->sched, cell->hart, aclint->post_kind, value);
}

/* Harts agree on the ticks when they have the same offset: it makes the ticks read value here
 * and now. */
static void mtime_write(struct aclint *aclint, uint64_t value) {
    struct sched *sched = aclint->sched;
    uint64_t offset = value - (uint64_t)(sched_now(sched) / sched->tick_ns);
    for (unsigned hart = 0; hart < sched->vcpu_count; hart++) {
        sched_post(sched, hart, (uint16_t)(aclint->post_kind + 1), offset);
    }
}

static uint64_t mtime_read(const struct aclint *aclint) {
    struct sched *sched = aclint->sched;
    if (sched->current == VCPU_NONE) {
        sched_catch_up(sched);
        return ticks_read(sched, 0);
    }
    return ticks_read(sched, sched->current);
}

static uint64_t msip_read(const struct aclint *aclint, unsigned hart) {
    return hart < aclint->sched->vcpu_count && aclint->cells[hart].msip;
}

static void msip_write(struct aclint *aclint, unsigned hart, bool value) {
    if (hart < aclint->sched->vcpu_count && aclint->cells[hart].msip != value) {
        aclint->cells[hart].msip = value;
        line_set(&aclint->cells[hart].software_line, value);
    }
}

/* -- Registers --------------------------------------------------------------------------------- */

/* All registers lie in aligned lanes of 8 bytes: an mtimecmp, mtime, or the msip of two harts. A
 * 4-byte access is to one half of its lane. */

static unsigned hart_of_msip(uint64_t lane) {
    return (unsigned)(lane / 4);
}

static unsigned hart_of_mtimecmp(uint64_t lane) {
    return (unsigned)(lane - MTIMECMP_BASE) / 8;
}

static uint64_t lane_read(const struct aclint *aclint, uint64_t lane) {
    if (lane == MTIME) {
        return mtime_read(aclint);
    }
    if (lane < MTIMECMP_BASE) {
        unsigned hart = hart_of_msip(lane);
        return msip_read(aclint, hart) | msip_read(aclint, hart + 1) << 32;
    }
    unsigned hart = hart_of_mtimecmp(lane);
    return hart < aclint->sched->vcpu_count ? aclint->cells[hart].mtimecmp : 0;
}

static void lane_write(struct aclint *aclint, uint64_t lane, uint64_t value) {
    if (lane == MTIME) {
        mtime_write(aclint, value);
    } else if (lane < MTIMECMP_BASE) {
        unsigned hart = hart_of_msip(lane);
        msip_write(aclint, hart, (value & 1) != 0);
        msip_write(aclint, hart + 1, (value >> 32 & 1) != 0);
    } else if (hart_of_mtimecmp(lane) < aclint->sched->vcpu_count) {
        mtimecmp_write(&aclint->cells[hart_of_mtimecmp(lane)], value);
    }
}

static uint64_t aclint_read(void *device, uint64_t offset, unsigned size_bytes) {
    uint64_t value = lane_read(device, offset & ~UINT64_C(7));
    if (size_bytes == 8) {
        return value;
    }
    return (uint32_t)(value >> 8 * (offset & 4));
}

static void aclint_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    uint64_t lane = offset & ~UINT64_C(7);
    if (size_bytes == 4) {
        unsigned shift = 8 * (offset & 4);
        uint64_t half = (uint64_t)UINT32_MAX << shift;
        value = (lane_read(device, lane) & ~half) | (value << shift & half);
    }
    lane_write(device, lane, value);
}

/* Reset is no access of one hart: it acts on all of them at once, so nothing here is sent as a
 * message. It comes between two instructions, perhaps inside a round, when local times differ.
 * mtime restarts at zero on the hart that is furthest behind: the others read a little more, and
 * none reads a time before zero. Messages sent before the reset must not arrive after it; they
 * are the schedule's, and whoever resets the machine drops them. */
static void aclint_reset(void *device) {
    struct aclint *aclint = device;
    struct sched *sched = aclint->sched;
    vtime earliest = VTIME_NEVER;
    sched_catch_up(sched);
    for (unsigned hart = 0; hart < sched->vcpu_count; hart++) {
        earliest = min_i64(earliest, clock_now(&sched->vcpus[hart].clock));
    }
    for (unsigned hart = 0; hart < sched->vcpu_count; hart++) {
        struct cell *cell = &aclint->cells[hart];
        cell->msip = false;
        line_set(&cell->software_line, false);
        cell->mtimecmp = UINT64_MAX;
        ticks_set_offset(sched, hart, 0 - (uint64_t)(earliest / sched->tick_ns));
        comparator_set(&cell->comparator, UINT64_MAX, true);
    }
}

/* Comparators are walked with their vCPU. */
static void aclint_state(void *device, struct stream *stream) {
    struct aclint *aclint = device;
    for (unsigned hart = 0; hart < aclint->sched->vcpu_count; hart++) {
        struct cell *cell = &aclint->cells[hart];
        stream_bool(stream, &cell->msip);
        stream_u64(stream, &cell->mtimecmp);
    }
}

void *aclint_new(struct sched *sched, const struct line *timer_lines,
                 const struct line *software_lines, uint16_t post_kind) {
    ensure(sched->vcpu_count <= HARTS_MAX);
    struct aclint *aclint = calloc(1, sizeof *aclint + sched->vcpu_count * sizeof aclint->cells[0]);
    if (aclint == NULL) {
        return NULL;
    }
    aclint->sched = sched;
    aclint->post_kind = post_kind;
    for (unsigned hart = 0; hart < sched->vcpu_count; hart++) {
        struct cell *cell = &aclint->cells[hart];
        *cell = (struct cell){.aclint = aclint,
                              .hart = hart,
                              .mtimecmp = UINT64_MAX,
                              .timer_line = timer_lines[hart],
                              .software_line = software_lines[hart]};
        if (!comparator_attach(sched, hart, &cell->comparator, timer_changed, cell)) {
            free(aclint);
            return NULL;
        }
        comparator_set(&cell->comparator, UINT64_MAX, true);
        sched_connect(sched, hart, post_kind, mtimecmp_arrives, cell);
        sched_connect(sched, hart, (uint16_t)(post_kind + 1), mtime_arrives, cell);
    }
    return aclint;
}

const struct device_ops aclint_ops = {
    .name = "aclint",
    .read = aclint_read,
    .write = aclint_write,
    .reset = aclint_reset,
    .state = aclint_state,
    .free = free,
};
