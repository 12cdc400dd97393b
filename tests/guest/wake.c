/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sleeping: WFI costs its step, then time goes on to the deadline exactly and no step passes (law
 * 7).
 *
 * expect: exit 0
 * rates: shift=0 shift=3 shift=10 ips=1234567891 */
#include "guest.h"

enum { SLEEPS = 1000 };

/* Interrupts stay disabled, so WFI just falls through when its time has come. */
static void sleep_check(uint64_t *seed) {
    uint64_t before, after, ticks;
    uint64_t compare = MTIME + 1000 + random_next(seed) % 100000;
    MTIMECMP(0) = compare;
    __asm__ volatile("csrr %0, mcycle\n wfi\n csrr %1, mcycle\n ld %2, 0(%3)"
                     : "=&r"(before), "=&r"(after), "=&r"(ticks)
                     : "r"(0x200bff8)
                     : "memory");
    check(after == before + 2);
    /* After the sleep VIRTUAL was exactly compare x 100 ns, at position `after`; mtime was read one
     * step later. */
    check(ticks == (compare * 100 + law_ns(after + 1) - law_ns(after)) / 100);
    MTIMECMP(0) = -1;
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)hart, (void)device_tree;
    uint64_t seed = 362436069;
    csr_write(mie, 128);
    for (unsigned i = 0; i < SLEEPS; i++) {
        sleep_check(&seed);
    }
    /* An interrupt that is pending already ends WFI at once. */
    MTIMECMP(0) = 0;
    uint64_t cycles = csr_read(mcycle);
    __asm__ volatile("wfi");
    check(csr_read(mcycle) - cycles <= 3);
    return 0;
}
