/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What harts counted, with names and tasks, into a model. */
#include <stdlib.h>

#include "machine/profiling.h"

/** Of a context. Counts of runs that were left early are less than 0; their sums are not. */
struct sum {
    int64_t steps, unretired;
};

/** Of an instruction, in all contexts. */
struct address_sum {
    uint32_t function;
    uint64_t offset;
    struct sum sum;
};

/** What was found out of a run. A run is met in each context. */
struct recent {
    vaddr pc;
    uint64_t same_bytes; /* 0: nothing yet */
    uint64_t offset;     /* of pc in the function */
    uint32_t function;
};

/** Of code's first instruction, and how far on it is the same. Of what has no run of its own
 * nothing is kept: it differs by context. */
static struct function_place function_of(struct telling *telling, uint8_t priv, uint32_t run,
                                         const struct tally_code *code) {
    telling->recent =
        zeroed_room(telling->recent, &telling->recent_room, run, sizeof *telling->recent);
    struct recent *recent = &telling->recent[run];
    uint64_t offset = code->pc - recent->pc;
    if (offset < recent->same_bytes) {
        return (struct function_place){recent->function, recent->same_bytes - offset,
                                       recent->offset + offset};
    }
    struct code_place place = *functions_place(telling->profiling, run);
    place.pc = code->pc;
    place.at = code->at;
    place.priv = priv;
    struct function_place found = functions_tell(telling, &place);
    if (run != TALLY_ANY) {
        *recent = (struct recent){code->pc, found.same_bytes, found.offset, found.function};
    }
    return found;
}

static unsigned first_bytes(const struct tally_code *code) {
    return (code->wide & 1) != 0 ? 4 : 2;
}

static void first_drop(struct tally_code *code) {
    unsigned length = first_bytes(code);
    code->pc += length;
    code->at += code->at == TALLY_NOWHERE ? 0 : length;
    code->wide >>= 1;
    code->count--;
}

/** Takes the first instructions off: those that begin in so many bytes, at least one. @return How
 * many these are; 0: there are no more. */
static unsigned code_take(struct tally_code *code, uint64_t same_bytes) {
    if (code->count > 0 && tally_code_bytes(code) <= same_bytes) { /* mostly */
        unsigned all = code->count;
        code->count = 0;
        return all;
    }
    unsigned taken = 0;
    for (uint64_t bytes = 0; code->count > 0 && (taken == 0 || bytes < same_bytes); taken++) {
        bytes += first_bytes(code);
        first_drop(code);
    }
    return taken;
}

/** @return The model's context. */
static uint32_t call_of(struct telling *telling, const struct tally_context *context,
                        uint32_t function) {
    struct stack_place *last = &telling->last;
    bool same = last->set && last->hart == context->hart && last->task == context->task &&
                last->priv == context->priv;
    if (same && last->function == function) {
        return last->call;
    }
    if (!same) {
        enum privilege priv = (enum privilege)context->priv;
        *last = (struct stack_place){
            .hart = context->hart, .task = context->task, .priv = context->priv};
        last->root = profile_add_root(telling->profile, (uint16_t)context->hart,
                                      tasks_tell(telling, context->task, priv));
    }
    last->function = function;
    last->call =
        profile_add_call(telling->profile, last->root, function, (enum profile_mode)context->priv);
    last->set = true;
    return last->call;
}

static struct address_sum *address_of(struct telling *telling, uint32_t function, uint64_t offset) {
    uint32_t *number = pairs_at(&telling->address_numbers, function, offset);
    if (*number == 0) {
        telling->addresses = zeroed_room(telling->addresses, &telling->address_room,
                                         telling->address_count, sizeof *telling->addresses);
        telling->addresses[telling->address_count++] =
            (struct address_sum){.function = function, .offset = offset};
        *number = telling->address_count;
    }
    return &telling->addresses[*number - 1];
}

/** The same by instruction, of the first ones, which are of one function. */
static void addresses_add(struct telling *telling, struct function_place place,
                          const struct tally_code *code, const struct tally_count *count) {
    struct tally_code left = *code;
    for (uint64_t bytes = 0; left.count > 0 && (bytes == 0 || bytes < place.same_bytes);) {
        struct address_sum *sum = address_of(telling, place.function, place.offset + bytes);
        sum->sum.steps += count->steps;
        sum->sum.unretired += count->unretired;
        bytes += first_bytes(&left);
        first_drop(&left);
    }
}

static void count_tell(void *owner, const struct tally_context *context,
                       const struct tally_count *count) {
    struct telling *telling = owner;
    struct tally_code left = count->code;
    while (left.count > 0) {
        struct function_place place = function_of(telling, context->priv, count->run, &left);
        uint32_t call = call_of(telling, context, place.function);
        if (telling->profiling->plan.by_address) {
            addresses_add(telling, place, &left, count);
        }
        int64_t insns = code_take(&left, place.same_bytes);
        telling->sums = zeroed_room(telling->sums, &telling->sum_room, call, sizeof *telling->sums);
        telling->sums[call].steps += count->steps * insns;
        telling->sums[call].unretired += count->unretired * insns;
    }
}

/** The same for nodes of calls. */
struct tree_telling {
    struct telling telling;
    uint32_t *contexts; /* in the model, by node */
    size_t context_room;
    uint32_t *functions; /* 1 + that in the model, by id */
    size_t function_room;
};

static uint32_t node_function(struct tree_telling *tree, uint32_t id) {
    tree->functions =
        zeroed_room(tree->functions, &tree->function_room, id, sizeof *tree->functions);
    if (tree->functions[id] == 0) {
        const struct code_place *place = functions_place(tree->telling.profiling, id);
        tree->functions[id] = 1 + functions_tell(&tree->telling, place).function;
    }
    return tree->functions[id] - 1;
}

/* A root has steps of its own only if the tree is full. */
static void node_tell(void *owner, uint32_t idx, const struct tally_node *node) {
    struct tree_telling *tree = owner;
    struct profile *profile = tree->telling.profile;
    enum privilege priv = (enum privilege)node->priv;
    bool root = node->parent == TALLY_ROOT;
    uint32_t context =
        root ? profile_add_root(profile, (uint16_t)node->hart,
                                tasks_tell(&tree->telling, node->function, priv))
             : profile_add_call(profile, tree->contexts[node->parent],
                                node_function(tree, node->function), (enum profile_mode)priv);
    tree->contexts = zeroed_room(tree->contexts, &tree->context_room, idx, sizeof *tree->contexts);
    tree->contexts[idx] = context;
    if (node->steps + node->calls > 0) {
        struct profile_function nameless = {.module = PROFILE_NONE};
        profile_count(profile,
                      root ? profile_add_call(profile, context,
                                              profile_add_function(profile, &nameless),
                                              (enum profile_mode)priv)
                           : context,
                      &(struct profile_counts){.self = node->steps,
                                               .instructions = node->steps - node->unretired,
                                               .calls = node->calls});
    }
}

static void tree_tell(struct machine *machine, const struct telling *telling) {
    struct tree_telling tree = {.telling = *telling};
    tally_walk_calls(&machine->harts, node_tell, &tree);
    free(tree.contexts);
    free(tree.functions);
}

static struct profile_counts sum_counts(const struct sum *sum) {
    return (struct profile_counts){.self = (uint64_t)sum->steps,
                                   .instructions = (uint64_t)(sum->steps - sum->unretired)};
}

static void flat_tell(struct machine *machine, struct telling *telling) {
    tally_walk(&machine->harts, count_tell, telling);
    for (size_t i = 0; i < telling->sum_room; i++) {
        if (telling->sums[i].steps > 0) {
            struct profile_counts counts = sum_counts(&telling->sums[i]);
            profile_count(telling->profile, (uint32_t)i, &counts);
        }
    }
    for (uint32_t i = 0; i < telling->address_count; i++) {
        const struct address_sum *at = &telling->addresses[i];
        if (at->sum.steps > 0) {
            struct profile_counts counts = sum_counts(&at->sum);
            profile_count_address(telling->profile, at->function, at->offset, &counts);
        }
    }
    pairs_free(&telling->address_numbers);
    free(telling->addresses);
    free(telling->sums);
    free(telling->recent);
}

void machine_profile_tell(struct machine *machine, struct profile *profile) {
    struct profiling *profiling = machine->profiling;
    struct telling telling = {.profiling = profiling, .profile = profile};
    if (profiling == NULL) {
        return;
    }
    tally_pause(&machine->harts);
    windows_tell(profiling, profile);
    functions_settle(profiling);
    switch (profiling->plan.kind) {
    case PROFILE_SAMPLED:
        sampler_tell(&telling);
        break;
    case PROFILE_CALLERS:
        tree_tell(machine, &telling);
        break;
    case PROFILE_FLAT:
        flat_tell(machine, &telling);
        break;
    default:
        break;
    }
    costs_tell(&telling);
    probes_tell(&telling);
    timeline_tell(&telling);
}
