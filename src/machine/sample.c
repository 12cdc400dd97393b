/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where harts are, now and then, and who called.
 *
 * 1. A hart's positions are cut into stretches of N; of each one step is looked at, which is drawn
 *    from the seed, the hart and the stretch's number, and from nothing else. So a loop cannot keep
 *    time with the samples, and they are the same in both engines, under every grant, and
 *    whatever part of a run is looked at.
 * 2. Spread like this, samples are at least as good as if each were drawn from the whole run: the
 *    report's 4 sigma is an upper bound.
 * 3. A sample is the instruction that takes the step: an interrupt that is taken there comes first.
 *    The engine would do the same at once, and finds nothing left to do.
 * 4. A sample ends the engine's run, but not the grant: what it costs is leaving and entering code.
 * 5. Stacks are kept as a tree, by address; what the one before has in common with this one is not
 *    looked for again. Names are looked up at the end, once for each node. */
#include <stdlib.h>

#include "machine/profiling.h"

enum { NODES_MAX = 1 << 24 };

/** A function's address as it was called, or a root: a task on a hart in a mode. */
struct node {
    uint64_t key;    /* pc; of a root hart, task and mode */
    uint64_t count;  /* samples */
    uint32_t parent; /* 0: a root */
    uint32_t place;  /* in U */
};

/** The last stack of a hart, the outermost first. */
struct path {
    uint32_t root;
    unsigned count;
    vaddr pc[1 + STACK_CALLERS_MAX];
    uint32_t node[1 + STACK_CALLERS_MAX];
};

struct sampler {
    struct profiling *profiling;
    struct stacks stacks;
    uint64_t steps, seed;
    uint64_t count, deep_count;
    int64_t execute_ns;   /* of turns since the last sample */
    struct pairs root_of; /* by key and scope */
    struct pairs node_of; /* by parent and key */
    struct node *nodes;   /* the first is none */
    uint32_t node_count;
    size_t node_room;
    uint32_t place_count;
    uint64_t *next;    /* by hart: the position of its next sample */
    struct path *last; /* by hart */
};

/* -- When -------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t value) {
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/** The position that is looked at in a stretch. */
static uint64_t position_in(const struct sampler *sampler, unsigned hart, uint64_t stretch) {
    uint64_t drawn = mix(sampler->seed + (hart + 1) * UINT64_C(0x9e3779b97f4a7c15));
    return stretch * sampler->steps + mix(drawn ^ mix(stretch)) % sampler->steps;
}

/** The first that is at @p position or behind it. */
static uint64_t position_from(const struct sampler *sampler, unsigned hart, uint64_t position) {
    uint64_t stretch = position / sampler->steps;
    uint64_t at = position_in(sampler, hart, stretch);
    return at >= position ? at : position_in(sampler, hart, stretch + 1);
}

/* -- Taking ------------------------------------------------------------------------------------ */

static uint32_t node_add(struct sampler *sampler, const struct node *node) {
    uint32_t idx = sampler->node_count++;
    sampler->nodes = zeroed_room(sampler->nodes, &sampler->node_room, idx, sizeof *node);
    sampler->nodes[idx] = *node;
    return idx;
}

static uint32_t root_find(struct sampler *sampler, const struct hart *hart, uint64_t scope) {
    uint64_t key = (uint64_t)hart->id << 40 | (uint64_t)tally_task(hart) << 2 | hart->priv;
    uint32_t *idx = pairs_at(&sampler->root_of, key, scope);
    if (*idx == 0) {
        *idx = node_add(sampler, &(struct node){.key = key});
    }
    return *idx;
}

static uint32_t call_find(struct sampler *sampler, struct hart *hart, uint32_t parent, vaddr pc) {
    uint32_t *idx = pairs_at(&sampler->node_of, parent, pc);
    if (*idx == 0) {
        struct node node = {.key = pc, .parent = parent};
        if (hart->priv == PRIV_U && sampler->profiling->view != NULL) {
            node.place = ++sampler->place_count;
            functions_met(sampler->profiling, hart, node.place, pc);
        }
        *idx = node_add(sampler, &node);
    }
    return *idx;
}

/** Within which a pc in U is the same code: a process, until something of it is unmapped. */
static uint64_t scope_of(const struct sampler *sampler, const struct hart *hart) {
    const struct linux_view *view = sampler->profiling->view;
    const struct linux_task *task = view == NULL ? NULL : linux_current(view, hart->id);
    const struct linux_process *process = task == NULL ? NULL : task->process;
    if (hart->priv != PRIV_U || view == NULL) {
        return 0;
    }
    uint64_t losses = process == NULL || process->space == NULL ? 0 : process->space->losses;
    return (process == NULL ? UINT32_MAX : process->idx + 1ULL) << 32 | losses;
}

/** The node of a stack. */
static uint32_t stack_find(struct sampler *sampler, struct hart *hart, uint32_t root,
                           const struct stack *stack) {
    struct path *last = &sampler->last[hart->id];
    bool same = root == last->root;
    bool full = sampler->node_count >= NODES_MAX;
    unsigned count = full ? 1 : stack->count;
    uint32_t node = root;
    for (unsigned i = 0; i < count; i++) {
        vaddr pc = stack->pc[count - 1 - i];
        same = same && i < last->count && last->pc[i] == pc;
        node = same ? last->node[i] : call_find(sampler, hart, node, pc);
        last->pc[i] = pc;
        last->node[i] = node;
    }
    last->root = root;
    last->count = count;
    return node;
}

/** A step that was looked at. */
struct look {
    uint32_t node; /* 0: none was */
    bool deep;     /* who called is known */
};

static struct look sample_look(struct sampler *sampler, struct hart *hart) {
    struct stack stack;
    uint64_t scope = scope_of(sampler, hart);
    stack_walk(&sampler->stacks, hart, scope, &stack);
    uint32_t root = root_find(sampler, hart, scope);
    return (struct look){stack_find(sampler, hart, root, &stack), stack.count > 1};
}

static void sample_count(struct sampler *sampler, const struct look *look) {
    sampler->count++;
    sampler->deep_count += look->deep;
    sampler->nodes[look->node].count++;
}

/** All that was executed since the last sample led here. @return Now. */
static int64_t executed(struct sampler *sampler, struct hart *hart, int64_t since_ns) {
    int64_t now_ns = host_monotonic_ns();
    costs_executed(sampler->profiling, hart, sampler->execute_ns + now_ns - since_ns);
    sampler->execute_ns = 0;
    return now_ns;
}

uint64_t sample_run(struct machine *machine, struct hart *hart, uint64_t budget_steps) {
    struct sampler *sampler = machine->profiling->sampler;
    uint64_t *next = &sampler->next[hart->id];
    uint64_t left_steps = budget_steps, part_steps, ran_steps;
    int64_t since_ns = host_monotonic_ns();
    do {
        uint64_t at = hart->clock->steps;
        struct look look = {0};
        if (*next < at) {
            *next = position_from(sampler, hart->id, at);
        }
        if (*next == at) {
            (void)hart_take_interrupt(hart);
            since_ns = executed(sampler, hart, since_ns);
            look = sample_look(sampler, hart);
            *next = position_in(sampler, hart->id, at / sampler->steps + 1);
        }
        part_steps = min_u64(left_steps, *next - at);
        ran_steps = machine_engine(machine, hart, part_steps);
        if (look.node != 0 && ran_steps > 0) {
            sample_count(sampler, &look);
        } else if (look.node != 0) { /* a point was met: its step may lie behind a window */
            *next = at;
        }
        left_steps -= ran_steps;
    } while (left_steps > 0 && ran_steps == part_steps && !hart->leave);
    sampler->execute_ns += host_monotonic_ns() - since_ns;
    return budget_steps - left_steps;
}

/* -- Birth and death --------------------------------------------------------------------------- */

struct sampler *sampler_new(struct profiling *profiling) {
    unsigned hart_count = profiling->machine->harts.count;
    struct sampler *sampler = calloc(1, sizeof *sampler);
    if (sampler == NULL) {
        return NULL;
    }
    sampler->profiling = profiling;
    sampler->steps = profiling->plan.sample_steps;
    sampler->seed = profiling->plan.sample_seed;
    sampler->node_count = 1;
    sampler->next = calloc(hart_count, sizeof *sampler->next);
    sampler->last = calloc(hart_count, sizeof *sampler->last);
    stacks_init(&sampler->stacks, profiling);
    if (sampler->next == NULL || sampler->last == NULL) {
        sampler_free(sampler);
        return NULL;
    }
    for (unsigned i = 0; i < hart_count; i++) {
        sampler->next[i] =
            position_from(sampler, i, profiling->machine->harts.hart[i]->clock->steps);
    }
    return sampler;
}

void sampler_free(struct sampler *sampler) {
    if (sampler != NULL) {
        stacks_free(&sampler->stacks);
        pairs_free(&sampler->root_of);
        pairs_free(&sampler->node_of);
        free(sampler->nodes);
        free(sampler->next);
        free(sampler->last);
        free(sampler);
    }
}

/* -- Telling ----------------------------------------------------------------------------------- */

/* Before the kernel has a page table its code is where its image lies. */
static struct code_place place_of(const struct profiling *profiling, const struct node *node,
                                  uint8_t priv) {
    struct code_place place = {.pc = node->key, .at = node->key};
    if (node->place != 0) {
        place = *functions_place(profiling, node->place);
    }
    place.priv = priv;
    return place;
}

void sampler_tell(const struct telling *telling) {
    const struct sampler *sampler = telling->profiling->sampler;
    uint32_t *contexts = calloc(sampler->node_count, sizeof *contexts);
    uint8_t *modes = calloc(sampler->node_count, sizeof *modes);
    ensure(contexts != NULL && modes != NULL);
    for (uint32_t i = 1; i < sampler->node_count; i++) { /* parents come first */
        const struct node *node = &sampler->nodes[i];
        if (node->parent == 0) {
            modes[i] = (uint8_t)(node->key & 3);
            uint32_t task = tasks_tell(telling, (uint32_t)(node->key >> 2 & UINT32_MAX),
                                       (enum privilege)modes[i]);
            contexts[i] = profile_add_root(telling->profile, (uint16_t)(node->key >> 40), task);
            continue;
        }
        modes[i] = modes[node->parent];
        struct code_place place = place_of(telling->profiling, node, modes[i]);
        contexts[i] =
            profile_add_call(telling->profile, contexts[node->parent],
                             functions_tell(telling, &place).function, (enum profile_mode)modes[i]);
        struct profile_counts counts = {.self = node->count};
        profile_count(telling->profile, contexts[i], &counts);
    }
    free(contexts);
    free(modes);
}

void machine_profile_samples(const struct machine *machine, uint64_t *count, uint64_t *deep_count) {
    const struct profiling *profiling = machine->profiling;
    const struct sampler *sampler = profiling == NULL ? NULL : profiling->sampler;
    *count = sampler == NULL ? 0 : sampler->count;
    *deep_count = sampler == NULL ? 0 : sampler->deep_count;
}
