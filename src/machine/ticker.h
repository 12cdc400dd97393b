/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock of a machine that counts no steps: it exists to measure what counting costs. Private to
 * machine/. */
#ifndef MACHINE_TICKER_H
#define MACHINE_TICKER_H

struct ticker;

/**
 * Calls @p tick every millisecond of host time.
 * @return NULL when there is no memory or thread for it.
 * @thread tick runs on a thread of its own.
 */
struct ticker *ticker_new(void (*tick)(void *owner), void *owner);
/** No call comes after this. */
void ticker_free(struct ticker *ticker);

#endif
