/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What code of the guest costs the host: how long translating it took, and, in a sampled profile,
 * executing it.
 *
 * The time between two samples goes to the code that the second one finds. Samples are spread over
 * steps and not over time, so where code is slow for the host each of its samples has more time.
 * Counted profiles know no time within a turn, and have translation alone. */
#include <stdlib.h>

#include "machine/profiling.h"

/** Code that lies close together. */
struct host_spot {
    struct code_place place;
    uint64_t translate_ns, execute_ns, translations;
};

struct host_costs {
    struct pairs spot_of; /* 1 + index, by address, and by mode and process */
    struct host_spot *spots;
    size_t spot_room;
    uint32_t spot_count;
    int64_t since_ns; /* a translation has begun */
};

enum { SPOT_SHIFT = 4 };

static struct host_spot *spot_at(struct profiling *profiling, struct hart *hart) {
    struct host_costs *costs = profiling->costs;
    struct code_place place = functions_here(profiling, hart);
    uint32_t *idx = pairs_at(&costs->spot_of, place.pc >> SPOT_SHIFT,
                             (uint64_t)place.process << 2 | place.priv);
    if (*idx == 0) {
        costs->spots =
            zeroed_room(costs->spots, &costs->spot_room, costs->spot_count, sizeof *costs->spots);
        costs->spots[costs->spot_count++].place = place;
        *idx = costs->spot_count;
    }
    return &costs->spots[*idx - 1];
}

struct host_costs *costs_new(void) {
    return calloc(1, sizeof(struct host_costs));
}

void costs_free(struct host_costs *costs) {
    if (costs != NULL) {
        pairs_free(&costs->spot_of);
        free(costs->spots);
        free(costs);
    }
}

void costs_translating(struct profiling *profiling, struct hart *hart, bool begins) {
    struct host_costs *costs = profiling->costs;
    int64_t now_ns = host_monotonic_ns();
    if (begins) {
        costs->since_ns = now_ns;
        return;
    }
    struct host_spot *spot = spot_at(profiling, hart);
    spot->translate_ns += (uint64_t)(now_ns - costs->since_ns);
    spot->translations++;
}

void costs_executed(struct profiling *profiling, struct hart *hart, int64_t ns) {
    spot_at(profiling, hart)->execute_ns += (uint64_t)ns;
}

void costs_tell(const struct telling *telling) {
    const struct host_costs *costs = telling->profiling->costs;
    for (uint32_t i = 0; i < costs->spot_count; i++) {
        const struct host_spot *spot = &costs->spots[i];
        struct place known = code_symbol(telling->profiling, &spot->place);
        bool named = known.symbol != NULL;
        profile_add_region(telling->profile,
                           &(struct profile_region){
                               .function = named ? known.symbol->name : "",
                               .module = known.module,
                               .address = named ? known.symbol->address : page_of(known.offset),
                               .translate_ns = spot->translate_ns,
                               .execute_ns = spot->execute_ns,
                               .translations = spot->translations,
                           });
    }
}
