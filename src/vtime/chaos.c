/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Draws that choose one of the many lawful schedules by a seed.
 *
 * A draw is a function of the seed, of what is drawn, and of a name that the state has anyway: of a
 * round, its start; of a message, its order. So there is no generator that runs along, nothing to
 * keep in a snapshot, and a draw that is asked for again is the same.
 *
 * Spans are short as often as long, by halves: a race of a few instructions wants many ends of
 * turns, one of thousands wants a turn that lasts. The rejected alternative, equal chances for
 * all lengths, ends a turn in a given place as often, but hardly ever twice in a row nearby. */
#include "vtime/vtime.h"

enum { HALVINGS = 6 };

/* The last steps of SplitMix64 (Steele, Lea, Flood 2014): each bit hangs on each. */
static uint64_t mix(uint64_t z) {
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t draw(const struct chaos *chaos, enum chaos_draw what, uint64_t name) {
    return mix(mix(mix(chaos->seed) + (uint64_t)what) + name);
}

vtime chaos_span(const struct chaos *chaos, enum chaos_draw what, uint64_t name, vtime most_ns) {
    uint64_t limit = (uint64_t)most_ns >> draw(chaos, what, name) % HALVINGS;
    return (vtime)(1 + mix(draw(chaos, what, name)) % (limit == 0 ? 1 : limit));
}

/* Fisher and Yates's shuffle. */
void chaos_order(const struct chaos *chaos, uint64_t name, uint32_t *order, unsigned count) {
    uint64_t drawn = draw(chaos, CHAOS_ORDER, name);
    for (unsigned i = 0; i < count; i++) {
        drawn = mix(drawn);
        unsigned other = (unsigned)(drawn % (i + 1));
        order[i] = order[other];
        order[other] = i;
    }
}
