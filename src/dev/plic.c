/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Platform interrupts: level-sensitive gateways, priorities, and a claim register for each context.
 *
 * A source is in one of three places: at rest, pending, or in service (claimed, not completed).
 * Its gateway lets a high line through only from rest. A request that has passed stays pending
 * though the line falls, as the specification says; whoever claims it then finds nothing to do. */
#include "dev/dev.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORDS = PLIC_SOURCES / 32,
    PRIORITY_MASK = 7,
    CONTEXTS_MAX = 1024,

    PENDING_BASE = 0x1000,
    ENABLE_BASE = 0x2000,
    ENABLE_STRIDE = 0x80,
    CONTEXT_BASE = 0x200000,
    CONTEXT_STRIDE = 0x1000
};

struct context {
    uint32_t enabled[WORDS];
    uint32_t threshold;
    bool level; /* what its line was last told: follows from the rest, so it is not walked */
    struct line line;
};

struct plic {
    uint8_t priority[PLIC_SOURCES]; /* [0] stays 0 */
    uint32_t high[WORDS];           /* level of each source's line */
    uint32_t pending[WORDS];
    uint32_t in_service[WORDS];
    unsigned context_count;
    struct context contexts[];
};

/* -- Sources and contexts ---------------------------------------------------------------------- */

static bool source_in(const uint32_t *words, unsigned source) {
    return (words[source / 32] >> source % 32 & 1) != 0;
}

static void source_put(uint32_t *words, unsigned source, bool in) {
    uint32_t bit = UINT32_C(1) << source % 32;
    words[source / 32] = in ? words[source / 32] | bit : words[source / 32] & ~bit;
}

/* The pending source that a context would claim; 0 for none. The lowest number wins among
 * equals. */
static unsigned context_best(const struct plic *plic, const struct context *context) {
    unsigned best = 0;
    for (unsigned word = 0; word < WORDS; word++) {
        uint32_t waiting = plic->pending[word] & context->enabled[word];
        for (; waiting != 0; waiting &= waiting - 1) {
            unsigned source = 32 * word + (unsigned)__builtin_ctz(waiting);
            if (plic->priority[source] > plic->priority[best]) {
                best = source;
            }
        }
    }
    return best;
}

static bool context_level(const struct plic *plic, const struct context *context) {
    return plic->priority[context_best(plic, context)] > context->threshold;
}

static void context_update(const struct plic *plic, struct context *context) {
    bool level = context_level(plic, context);
    if (level != context->level) {
        context->level = level;
        line_set(&context->line, level);
    }
}

static void plic_update(struct plic *plic) {
    for (unsigned i = 0; i < plic->context_count; i++) {
        context_update(plic, &plic->contexts[i]);
    }
}

static void gateway_update(struct plic *plic, unsigned source) {
    if (source_in(plic->high, source) && !source_in(plic->pending, source) &&
        !source_in(plic->in_service, source)) {
        source_put(plic->pending, source, true);
        plic_update(plic);
    }
}

static void plic_set_source(void *owner, unsigned source, bool level) {
    struct plic *plic = owner;
    source_put(plic->high, source, level);
    gateway_update(plic, source);
}

struct line plic_source(void *plic, unsigned number) {
    ensure(number >= 1 && number < PLIC_SOURCES);
    return (struct line){.set = plic_set_source, .owner = plic, .number = number};
}

/* The threshold has no say in a claim. */
static unsigned plic_claim(struct plic *plic, const struct context *context) {
    unsigned source = context_best(plic, context);
    if (source != 0) {
        source_put(plic->pending, source, false);
        source_put(plic->in_service, source, true);
        plic_update(plic);
    }
    return source;
}

static void plic_complete(struct plic *plic, const struct context *context, uint64_t source) {
    if (source == 0 || source >= PLIC_SOURCES || !source_in(context->enabled, (unsigned)source)) {
        return;
    }
    source_put(plic->in_service, (unsigned)source, false);
    gateway_update(plic, (unsigned)source);
}

/* -- Registers --------------------------------------------------------------------------------- */

enum kind { PRIORITY, PENDING, ENABLE, THRESHOLD, CLAIM, NOTHING };

/* What an offset means. idx counts sources (PRIORITY) or words (PENDING, ENABLE). */
struct place {
    enum kind kind;
    unsigned idx;
    unsigned context;
};

static struct place place_at(const struct plic *plic, uint64_t offset) {
    struct place place = {.kind = NOTHING};
    if (offset < PENDING_BASE) {
        place.kind = PRIORITY;
        place.idx = (unsigned)offset / 4;
    } else if (offset < ENABLE_BASE) {
        place.kind = PENDING;
        place.idx = (unsigned)(offset - PENDING_BASE) / 4;
    } else if (offset < CONTEXT_BASE) {
        place.kind = ENABLE;
        place.idx = (unsigned)(offset - ENABLE_BASE) % ENABLE_STRIDE / 4;
        place.context = (unsigned)(offset - ENABLE_BASE) / ENABLE_STRIDE;
    } else if (offset % CONTEXT_STRIDE <= 4) {
        place.kind = offset % CONTEXT_STRIDE == 0 ? THRESHOLD : CLAIM;
        place.context = (unsigned)(offset - CONTEXT_BASE) / CONTEXT_STRIDE;
    }
    unsigned idx_end = place.kind == PRIORITY ? PLIC_SOURCES : WORDS;
    if (place.idx >= idx_end || place.context >= plic->context_count) {
        place.kind = NOTHING;
    }
    return place;
}

static uint64_t plic_read(void *device, uint64_t offset, unsigned size_bytes) {
    struct plic *plic = device;
    struct place place = place_at(plic, offset);
    struct context *context = &plic->contexts[place.kind == NOTHING ? 0 : place.context];
    (void)size_bytes;
    switch (place.kind) {
    case PRIORITY:
        return plic->priority[place.idx];
    case PENDING:
        return plic->pending[place.idx];
    case ENABLE:
        return context->enabled[place.idx];
    case THRESHOLD:
        return context->threshold;
    case CLAIM:
        return plic_claim(plic, context);
    case NOTHING:
        break;
    }
    return 0;
}

static void plic_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    struct plic *plic = device;
    struct place place = place_at(plic, offset);
    struct context *context = &plic->contexts[place.kind == NOTHING ? 0 : place.context];
    (void)size_bytes;
    switch (place.kind) {
    case PRIORITY:
        plic->priority[place.idx] = place.idx == 0 ? 0 : (uint8_t)(value & PRIORITY_MASK);
        plic_update(plic);
        break;
    case ENABLE:
        context->enabled[place.idx] = (uint32_t)(place.idx == 0 ? value & ~UINT64_C(1) : value);
        context_update(plic, context);
        break;
    case THRESHOLD:
        context->threshold = (uint32_t)(value & PRIORITY_MASK);
        context_update(plic, context);
        break;
    case CLAIM:
        plic_complete(plic, context, (uint32_t)value);
        break;
    case PENDING:
    case NOTHING:
        break;
    }
}

/* Lines of sources count as low from here: every device is reset at the same moment and drives
 * its own. Context lines are told, low or not: word of their last change may have been lost on
 * its way. */
static void plic_reset(void *device) {
    struct plic *plic = device;
    memset(plic->priority, 0, sizeof plic->priority);
    memset(plic->high, 0, sizeof plic->high);
    memset(plic->pending, 0, sizeof plic->pending);
    memset(plic->in_service, 0, sizeof plic->in_service);
    for (unsigned i = 0; i < plic->context_count; i++) {
        memset(plic->contexts[i].enabled, 0, sizeof plic->contexts[i].enabled);
        plic->contexts[i].threshold = 0;
        plic->contexts[i].level = false;
        line_set(&plic->contexts[i].line, false);
    }
}

static void words_state(uint32_t *words, struct stream *stream) {
    for (unsigned i = 0; i < WORDS; i++) {
        stream_u32(stream, &words[i]);
    }
}

/* What lines were told is no field; where they lead it has been felt, or is under way. */
static void state_set(struct plic *plic) {
    plic->priority[0] = 0;
    for (unsigned i = 0; i < PLIC_SOURCES; i++) {
        plic->priority[i] &= PRIORITY_MASK;
    }
    for (unsigned i = 0; i < plic->context_count; i++) {
        plic->contexts[i].level = context_level(plic, &plic->contexts[i]);
    }
}

static void plic_state(void *device, struct stream *stream) {
    struct plic *plic = device;
    stream_bytes(stream, plic->priority, sizeof plic->priority);
    words_state(plic->high, stream);
    words_state(plic->pending, stream);
    words_state(plic->in_service, stream);
    for (unsigned i = 0; i < plic->context_count; i++) {
        words_state(plic->contexts[i].enabled, stream);
        stream_u32(stream, &plic->contexts[i].threshold);
    }
    if (stream_sets(stream)) {
        state_set(plic);
    }
}

void *plic_new(unsigned hart_count, const struct line *context_lines) {
    unsigned context_count = 2 * hart_count;
    ensure(hart_count >= 1 && context_count <= CONTEXTS_MAX);
    struct plic *plic = calloc(1, sizeof *plic + context_count * sizeof plic->contexts[0]);
    if (plic == NULL) {
        return NULL;
    }
    plic->context_count = context_count;
    for (unsigned i = 0; i < context_count; i++) {
        plic->contexts[i].line = context_lines[i];
    }
    return plic;
}

const struct device_ops plic_ops = {
    .name = "plic",
    .read = plic_read,
    .write = plic_write,
    .reset = plic_reset,
    .state = plic_state,
    .free = free,
};
