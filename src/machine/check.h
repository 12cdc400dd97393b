/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second machine that interprets what the first one translates. Private to machine/. */
#ifndef MACHINE_CHECK_H
#define MACHINE_CHECK_H

#include "machine/machine.h"

enum { CHECK_GRANT_STEPS_MAX = 4096 }; /* grants are no longer, so that a fault is found near */

/** Makes the second machine, before the first is booted. NULL with @p error. */
struct check *check_new(struct machine *machine, struct error *error);
/** Boots it. */
enum status check_boot(struct check *check, struct error *error);
/** NULL is fine. */
void check_free(struct check *check);
/** The second machine. */
struct machine *check_shadow(struct check *check);
/** Asks the second schedule, too. @return false: something differs, and the run has ended. */
bool check_next(struct check *check, const struct turn *turn);
/** After the first machine has run, and before what its guest asked for is done. */
void check_turn(struct check *check, unsigned vcpu, uint64_t budget_steps, uint64_t ran_steps);
/** An arrival that the first machine gets at this moment. */
void check_admit(struct check *check, unsigned inlet_idx, const uint8_t *bytes, size_t size_bytes);
/** The first machine's guest was answered so by a shared folder; now the second one will be. */
void check_answer(struct check *check, unsigned share_idx, const uint8_t *reply,
                  size_t reply_bytes);
/** All harts of the first machine have another rate. */
void check_rate(struct check *check, struct rate rate);
/** The first machine has slept. */
void check_skip(struct check *check, vtime until);
/** The run has ended: a last look at everything. */
void check_end(struct check *check);

#endif
