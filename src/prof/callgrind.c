/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Callgrind's format, for KCachegrind and callgrind_annotate.
 *
 * It knows functions and who called whom, not whole stacks. A call's cost is all that happened
 * below it; of a call inside of one between the same two functions the outer one has that already.
 * Where counts by address are known each has its line; what they leave over stands where the
 * function begins. */
#include <inttypes.h>
#include <stdlib.h>

#include "prof/model.h"
#include "prof/put.h"

/* What one function called of another. */
struct edge {
    uint32_t caller, callee;
    uint64_t calls, self, instructions; /* with all below */
    uint32_t open;                      /* calls in which we are */
};

struct graph {
    const struct profile *profile;
    struct stream *stream;
    bool retires; /* instructions were counted, too */
    struct profile_counts *functions;
    struct keys keys;
    struct edge *edges; /* by caller and callee once all are there */
    uint32_t edge_count;
    bool *named_functions, *named_modules;
};

/* -- The graph --------------------------------------------------------------------------------- */

static struct edge *edge_get(struct graph *graph, uint32_t caller, uint32_t callee) {
    bool fresh;
    uint32_t idx = keys_get(&graph->keys, (uint64_t[KEY_WORDS]){caller, callee}, &fresh);
    if (fresh) {
        graph->edges = array_grow(graph->edges, graph->edge_count++, sizeof *graph->edges);
        graph->edges[idx] = (struct edge){.caller = caller, .callee = callee};
    }
    return &graph->edges[idx];
}

static struct profile_counts *totals_new(const struct profile *profile) {
    struct profile_counts *totals = calloc((size_t)profile->context_count + 1, sizeof *totals);
    ensure(totals != NULL);
    for (uint32_t i = profile->context_count; i-- > 0;) {
        const struct profile_context *context = &profile->contexts[i];
        totals[i].self += context->counts.self;
        totals[i].instructions += context->counts.instructions;
        if (context->parent != PROFILE_NONE) {
            totals[context->parent].self += totals[i].self;
            totals[context->parent].instructions += totals[i].instructions;
        }
    }
    return totals;
}

/* The edge by which a context was reached; NULL: it is a root, or was called by none. */
static struct edge *edge_of(struct graph *graph, uint32_t idx) {
    const struct profile_context *contexts = graph->profile->contexts;
    uint32_t parent = contexts[idx].parent;
    bool called = parent != PROFILE_NONE && contexts[parent].parent != PROFILE_NONE;
    return called ? edge_get(graph, contexts[parent].function, contexts[idx].function) : NULL;
}

static void edge_leave(struct graph *graph, uint32_t idx) {
    struct edge *edge = edge_of(graph, idx);
    if (edge != NULL) {
        edge->open--;
    }
}

static void edge_enter(struct graph *graph, uint32_t idx, const struct profile_counts *total) {
    struct edge *edge = edge_of(graph, idx);
    if (edge == NULL) {
        return;
    }
    edge->calls += graph->profile->contexts[idx].counts.calls;
    if (edge->open++ == 0) {
        edge->self += total->self;
        edge->instructions += total->instructions;
    }
}

static int edge_compare(const void *a, const void *b) {
    const struct edge *left = a, *right = b;
    if (left->caller != right->caller) {
        return left->caller < right->caller ? -1 : 1;
    }
    return left->callee < right->callee ? -1 : left->callee > right->callee;
}

static void graph_make(struct graph *graph) {
    const struct profile *profile = graph->profile;
    struct profile_counts *totals = totals_new(profile);
    uint32_t *path = calloc((size_t)profile->context_count + 1, sizeof *path);
    ensure(path != NULL);
    uint32_t depth = 0;
    for (uint32_t i = 0; i < profile->context_count; i++) {
        const struct profile_context *context = &profile->contexts[i];
        while (depth > 0 && path[depth - 1] != context->parent) {
            edge_leave(graph, path[--depth]);
        }
        path[depth++] = i;
        edge_enter(graph, i, &totals[i]);
        if (context->parent != PROFILE_NONE) {
            graph->functions[context->function].self += context->counts.self;
            graph->functions[context->function].instructions += context->counts.instructions;
            graph->retires |= context->counts.instructions > 0;
        }
    }
    if (graph->edge_count > 0) {
        qsort(graph->edges, graph->edge_count, sizeof *graph->edges, edge_compare);
    }
    free(totals);
    free(path);
}

/* -- Lines ------------------------------------------------------------------------------------- */

/* A name the first time, later its number. */
static void module_put(struct graph *graph, const char *key, uint32_t module) {
    uint32_t idx = module == PROFILE_NONE ? graph->profile->module_count : module;
    put_format(graph->stream, "%s=(%" PRIu32 ")", key, idx + 1);
    if (!graph->named_modules[idx]) {
        graph->named_modules[idx] = true;
        put_text(graph->stream, " ");
        put_line(graph->stream,
                 module == PROFILE_NONE ? "???" : graph->profile->modules[module].name, "");
    }
    put_text(graph->stream, "\n");
}

static void function_put(struct graph *graph, const char *key, uint32_t function) {
    put_format(graph->stream, "%s=(%" PRIu32 ")", key, function + 1);
    if (!graph->named_functions[function]) {
        char text[PROFILE_NAME_CHARS];
        graph->named_functions[function] = true;
        put_text(graph->stream, " ");
        put_line(graph->stream, profile_function_text(graph->profile, function, text), "");
    }
    put_text(graph->stream, "\n");
}

static bool addressed(const struct graph *graph) {
    return graph->profile->address_count > 0;
}

static void position_put(struct graph *graph, uint64_t address) {
    if (addressed(graph)) {
        put_format(graph->stream, "0x%" PRIx64, address);
    } else {
        put_text(graph->stream, "0");
    }
}

static void cost_put(struct graph *graph, uint64_t self, uint64_t instructions) {
    put_format(graph->stream, " %" PRIu64, self);
    if (graph->retires) {
        put_format(graph->stream, " %" PRIu64, instructions);
    }
    put_text(graph->stream, "\n");
}

static void self_put(struct graph *graph, uint32_t function, uint32_t *address) {
    const struct profile *profile = graph->profile;
    struct profile_counts rest = graph->functions[function];
    uint64_t start = profile->functions[function].address;
    for (; *address < profile->address_count && profile->addresses[*address].function == function;
         ++*address) {
        const struct profile_address *at = &profile->addresses[*address];
        position_put(graph, start + at->offset);
        cost_put(graph, at->counts.self, at->counts.instructions);
        rest.self -= min_u64(rest.self, at->counts.self);
        rest.instructions -= min_u64(rest.instructions, at->counts.instructions);
    }
    if (rest.self > 0 || rest.instructions > 0) {
        position_put(graph, start);
        cost_put(graph, rest.self, rest.instructions);
    }
}

static void edge_put(struct graph *graph, const struct edge *edge) {
    const struct profile_function *functions = graph->profile->functions;
    module_put(graph, "cob", functions[edge->callee].module);
    function_put(graph, "cfn", edge->callee);
    /* It was called: samples only do not tell how often. */
    put_format(graph->stream, "calls=%" PRIu64 " ", edge->calls > 0 ? edge->calls : 1);
    position_put(graph, functions[edge->callee].address);
    put_text(graph->stream, "\n");
    position_put(graph, functions[edge->caller].address);
    cost_put(graph, edge->self, edge->instructions);
}

static void head_put(struct graph *graph) {
    const struct profile *profile = graph->profile;
    const struct profile_run *run = &profile->run;
    struct stream *stream = graph->stream;
    bool sampled = run->kind == PROFILE_SAMPLED;
    struct profile_counts sum = {0};
    for (uint32_t i = 0; i < profile->function_count; i++) {
        sum.self += graph->functions[i].self;
        sum.instructions += graph->functions[i].instructions;
    }
    put_text(stream, "# callgrind format\nversion: 1\ncreator: ");
    put_line(stream, run->version, "");
    put_text(stream, "\ncmd: ");
    put_line(stream, run->command, "");
    put_text(stream, "\ndesc: Exactness: ");
    put_line(stream, run->exactness, "");
    put_text(stream, "\ndesc: Schedule: ");
    put_line(stream, run->schedule, "");
    put_format(stream,
               "\npositions: %s\nevents: %s%s\nsummary:", addressed(graph) ? "instr" : "line",
               sampled ? "Samples" : "Steps", graph->retires ? " Instructions" : "");
    cost_put(graph, sum.self, sum.instructions);
    put_text(stream, "\nfl=(1) ???\n");
}

void profile_callgrind(const struct profile *profile, struct stream *stream) {
    struct graph graph = {
        .profile = profile,
        .stream = stream,
        .functions = calloc((size_t)profile->function_count + 1, sizeof *graph.functions),
        .named_functions = calloc((size_t)profile->function_count + 1, sizeof(bool)),
        .named_modules = calloc((size_t)profile->module_count + 1, sizeof(bool))};
    ensure(graph.functions != NULL && graph.named_functions != NULL && graph.named_modules != NULL);
    graph_make(&graph);
    head_put(&graph);
    uint32_t edge = 0, address = 0;
    for (uint32_t i = 0; i < profile->function_count; i++) {
        put_text(stream, "\n");
        module_put(&graph, "ob", profile->functions[i].module);
        function_put(&graph, "fn", i);
        self_put(&graph, i, &address);
        while (edge < graph.edge_count && graph.edges[edge].caller == i) {
            edge_put(&graph, &graph.edges[edge++]);
        }
    }
    keys_free(&graph.keys);
    free(graph.edges);
    free(graph.functions);
    free(graph.named_functions);
    free(graph.named_modules);
}
