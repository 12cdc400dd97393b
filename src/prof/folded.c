/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folded stacks: one line for each, as flame graph tools take them. */
#include <inttypes.h>
#include <stdlib.h>

#include "prof/model.h"
#include "prof/put.h"

void profile_folded(const struct profile *profile, struct stream *stream) {
    uint32_t *path = calloc((size_t)profile->context_count + 1, sizeof *path);
    ensure(path != NULL);
    uint32_t depth = 0;
    for (uint32_t i = 0; i < profile->context_count; i++) {
        const struct profile_context *context = &profile->contexts[i];
        while (depth > 0 && path[depth - 1] != context->parent) {
            depth--;
        }
        path[depth++] = i;
        if (context->counts.self == 0) {
            continue;
        }
        put_line(stream, profile_process_text(&profile->tasks[context->task]), ";");
        for (uint32_t at = 1; at < depth; at++) {
            char text[PROFILE_NAME_CHARS];
            put_text(stream, ";");
            put_line(stream,
                     profile_function_text(profile, profile->contexts[path[at]].function, text),
                     ";");
        }
        put_format(stream, " %" PRIu64 "\n", context->counts.self);
    }
    free(path);
}
