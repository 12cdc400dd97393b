/* SPDX-License-Identifier: GPL-2.0-or-later */
/* speedscope's file: frames once, then for each process a sampled profile whose stacks weigh what
 * was counted in them. */
#include <inttypes.h>
#include <stdlib.h>

#include "prof/model.h"
#include "prof/put.h"

static void frames_put(const struct profile *profile, struct stream *stream) {
    for (uint32_t i = 0; i < profile->function_count; i++) {
        const struct profile_function *function = &profile->functions[i];
        char text[PROFILE_NAME_CHARS];
        put_text(stream, i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
        put_json(stream, profile_function_text(profile, i, text));
        if (function->module != PROFILE_NONE) {
            put_text(stream, ",\"file\":");
            put_json(stream, profile->modules[function->module].name);
        }
        put_text(stream, "}");
    }
}

/* A root and all below it. */
struct span_of_contexts {
    uint32_t from, to;
};

static void stacks_put(const struct profile *profile, struct span_of_contexts span, uint32_t *path,
                       struct stream *stream) {
    uint32_t depth = 0;
    bool first = true;
    for (uint32_t i = span.from + 1; i < span.to; i++) {
        const struct profile_context *context = &profile->contexts[i];
        while (depth > 0 && path[depth - 1] != context->parent) {
            depth--;
        }
        path[depth++] = i;
        if (context->counts.self == 0) {
            continue;
        }
        put_text(stream, first ? "\n[" : ",\n[");
        for (uint32_t at = 0; at < depth; at++) {
            put_format(stream, at == 0 ? "%" PRIu32 : ",%" PRIu32,
                       profile->contexts[path[at]].function);
        }
        put_text(stream, "]");
        first = false;
    }
}

static void weights_put(const struct profile *profile, struct span_of_contexts span,
                        struct stream *stream) {
    bool first = true;
    for (uint32_t i = span.from + 1; i < span.to; i++) {
        if (profile->contexts[i].counts.self > 0) {
            put_format(stream, first ? "%" PRIu64 : ",%" PRIu64, profile->contexts[i].counts.self);
            first = false;
        }
    }
}

void profile_speedscope(const struct profile *profile, struct stream *stream) {
    uint64_t *totals = profile_totals(profile);
    uint32_t *path = calloc((size_t)profile->context_count + 1, sizeof *path);
    ensure(path != NULL);
    put_text(stream, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
                     "\"exporter\":");
    put_json(stream, profile->run.version);
    put_text(stream, ",\n\"name\":");
    put_json(stream, profile->run.command);
    put_text(stream, ",\n\"shared\":{\"frames\":[");
    frames_put(profile, stream);
    put_text(stream, "]},\n\"profiles\":[");
    bool first = true;
    for (struct span_of_contexts span = {0, 0}; span.from < profile->context_count;
         span.from = span.to) {
        span.to = span.from + 1;
        while (span.to < profile->context_count &&
               profile->contexts[span.to].parent != PROFILE_NONE) {
            span.to++;
        }
        put_text(stream, first ? "\n{\"type\":\"sampled\",\"name\":"
                               : ",\n{\"type\":\"sampled\",\"name\":");
        put_json(stream, profile_process_text(&profile->tasks[profile->contexts[span.from].task]));
        put_format(stream,
                   ",\"unit\":\"none\",\"startValue\":0,\"endValue\":%" PRIu64 ",\n\"samples\":[",
                   totals[span.from]);
        stacks_put(profile, span, path, stream);
        put_text(stream, "],\n\"weights\":[");
        weights_put(profile, span, stream);
        put_text(stream, "]}");
        first = false;
    }
    put_text(stream, "]}\n");
    free(totals);
    free(path);
}
