/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One machine's worth of harts for unit tests: RAM, a schedule, and shorthands for CSRs. */
#ifndef TESTS_UNIT_HART_FIXTURE_H
#define TESTS_UNIT_HART_FIXTURE_H

#include "hart/hart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FIXTURE_HARTS = 2 };

#define EXT_ALL (((ext_set)1 << EXT_COUNT) - 1)
#define RAM_BASE ((paddr)0x80000000)
#define RESET_PC ((vaddr)0x80000000)

struct fixture {
    struct bus bus;
    struct sched sched;
    struct harts harts;
    struct hart *hart; /* the last one, so that its id is not 0 */
};

/* 8 ns a step, 100 ns a tick: twelve and a half steps a tick. */
static inline struct fixture *fixture_new(ext_set ext) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    struct rate rates[FIXTURE_HARTS] = {rate_from_shift(3), rate_from_shift(3)};
    struct sched_options options = {
        .vcpu_count = FIXTURE_HARTS, .rates = rates, .quantum_ns = 1000000, .tick_ns = 100};
    assert_int_equal(bus_init(&fixture->bus, RAM_BASE, 1 << 20, NULL), STATUS_OK);
    assert_true(sched_init(&fixture->sched, &options));
    assert_int_equal(
        harts_init(&fixture->harts, ext, &fixture->bus, &fixture->sched, NULL),
        STATUS_OK);
    for (unsigned i = 0; i < FIXTURE_HARTS; i++) {
        hart_reset(fixture->harts.hart[i], RESET_PC, 0);
    }
    fixture->hart = fixture->harts.hart[FIXTURE_HARTS - 1];
    return fixture;
}

static inline void fixture_free(struct fixture *fixture) {
    harts_free(&fixture->harts);
    sched_free(&fixture->sched);
    bus_free(&fixture->bus);
    free(fixture);
}

/* -- Registers ------------------------------------------------------------------------------- */

static inline bool readable(struct hart *hart, unsigned number) {
    uint64_t value;
    return csr_read(hart, number, false, &value);
}

static inline bool writable(struct hart *hart, unsigned number) {
    uint64_t value;
    return csr_read(hart, number, true, &value);
}

/* Reads as M, whatever the mode is. */
static inline uint64_t get(struct hart *hart, unsigned number) {
    uint64_t value = 0;
    uint8_t priv = hart->priv;
    hart->priv = PRIV_M;
    if (!csr_read(hart, number, false, &value)) {
        fail_msg("CSR 0x%03x cannot be read", number);
    }
    hart->priv = priv;
    return value;
}

static inline void set(struct hart *hart, unsigned number, uint64_t value) {
    csr_write(hart, number, value);
}

/* Are the translation contexts those of the present mode and registers? */
static inline bool contexts_current(struct hart *hart) {
    uint64_t data = hart->data_context;
    uint64_t fetch = hart->fetch_context;
    mmu_set_contexts(hart);
    return data == hart->data_context && fetch == hart->fetch_context;
}

/* Everything that keeps a lower mode from a CSR, out of the way. */
static inline void open_all(struct hart *hart) {
    hart->mstatus |= MSTATUS_FS;
    hart->mcounteren = hart->scounteren = UINT32_MAX;
    hart->menvcfg |= ENVCFG_STCE;
}

/* -- Random numbers: the same on every host -------------------------------------------------- */

static inline uint64_t next_random(uint64_t *state) {
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

#endif
