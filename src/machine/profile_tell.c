/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What harts counted, with names and tasks, into a model. */
#include <stdlib.h>

#include "machine/profiling.h"

/** Of a context. Counts of runs that were left early are less than 0; their sums are not. */
struct sum {
    int64_t steps, unretired;
};

static void count_tell(void *owner, const struct tally_context *context,
                       const struct tally_count *count) {
    struct telling *telling = owner;
    enum privilege priv = (enum privilege)context->priv;
    struct code_place place = *functions_place(telling->profiling, count->run);
    place.pc = count->pc;
    place.at = count->at;
    place.priv = context->priv;
    uint32_t root = profile_add_root(telling->profile, (uint16_t)context->hart,
                                     tasks_tell(telling, context->task, priv));
    uint32_t call = profile_add_call(telling->profile, root, functions_tell(telling, &place),
                                     (enum profile_mode)priv);
    telling->sums = zeroed_room(telling->sums, &telling->sum_room, call, sizeof *telling->sums);
    telling->sums[call].steps += count->steps;
    telling->sums[call].unretired += count->unretired;
}

void machine_profile_tell(struct machine *machine, struct profile *profile) {
    struct profiling *profiling = machine->profiling;
    struct telling telling = {.profiling = profiling, .profile = profile};
    if (profiling == NULL) {
        return;
    }
    functions_settle(profiling);
    tally_walk(&machine->harts, count_tell, &telling);
    for (size_t i = 0; i < telling.sum_room; i++) {
        const struct sum *sum = &telling.sums[i];
        if (sum->steps > 0) {
            struct profile_counts counts = {.self = (uint64_t)sum->steps,
                                            .instructions =
                                                (uint64_t)(sum->steps - sum->unretired)};
            profile_count(profile, (uint32_t)i, &counts);
        }
    }
    free(telling.sums);
}
