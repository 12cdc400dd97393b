/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bare-metal guests share: registers of the machine, and a check that ends the run. */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

#define MSIP(hart) (*(volatile uint32_t *)(0x2000000 + 4 * (uintptr_t)(hart)))
#define MTIMECMP(hart) (*(volatile uint64_t *)(0x2004000 + 8 * (uintptr_t)(hart)))
#define MTIME (*(volatile uint64_t *)0x200bff8)

#define csr_read(name)                                                                             \
    ({                                                                                             \
        uint64_t csr_value;                                                                        \
        __asm__ volatile("csrr %0, " #name : "=r"(csr_value));                                     \
        csr_value;                                                                                 \
    })
#define csr_write(name, value)                                                                     \
    __asm__ volatile("csrw " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_set(name, value)                                                                       \
    __asm__ volatile("csrs " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_clear(name, value)                                                                     \
    __asm__ volatile("csrc " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

/** How many times as many rounds as usual a litmus test takes. */
#ifndef SCALE
#define SCALE 1
#endif

_Noreturn void guest_end(uint64_t code);
uint64_t guest_main(uint64_t hart, const void *device_tree);

/** Ends the run with the source line as fail code (truncated to 63 as exit status, whole in the
 * stats). */
#define check(condition) ((condition) ? (void)0 : guest_end(__LINE__))

static inline uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/** Harts of the machine, which may not all have begun: as many as the device tree has. */
static inline uint64_t harts_count(const void *device_tree) {
    const unsigned char *tree = device_tree;
    unsigned bytes = (unsigned)tree[4] << 24 | tree[5] << 16 | tree[6] << 8 | tree[7];
    uint64_t count = 0;
    for (unsigned i = 0; i + 4 <= bytes; i++) {
        const unsigned char *at = tree + i;
        count += at[0] == 'c' && at[1] == 'p' && at[2] == 'u' && at[3] == '@';
    }
    return count;
}

/* Rate of a step, as law 2 has it: RATE_NS / RATE_STEPS nanoseconds. */
#ifdef RATE_NS
/** VIRTUAL at a position, without sleeps. */
static inline uint64_t law_ns(uint64_t position) {
    return (uint64_t)((unsigned __int128)position * RATE_NS / RATE_STEPS);
}

/** First position at which mtime >= ticks, without sleeps. */
static inline uint64_t law_position(uint64_t ticks) {
    return (uint64_t)(((unsigned __int128)ticks * 100 * RATE_STEPS + RATE_NS - 1) / RATE_NS);
}
#endif

#endif
