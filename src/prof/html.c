/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report: a page with its style, its program and the profile in it.
 *
 * What lies in src/prof/report/ becomes a part of this program as it is (page.c). The profile goes
 * into the page as JSON in columns, which is small and quick to read. All text in it comes from
 * guests: put_json() lets nothing out of its string, and the page's program never makes markup of
 * text. The page forbids itself the network. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/model.h"
#include "prof/page.h"
#include "prof/put.h"

/* -- JSON -------------------------------------------------------------------------------------- */

static void key_put(struct stream *stream, const char *key) {
    put_format(stream, "\"%s\":", key);
}

static void text_put(struct stream *stream, const char *key, const char *text) {
    key_put(stream, key);
    put_json(stream, text);
    put_text(stream, ",");
}

static void number_put(struct stream *stream, const char *key, uint64_t number) {
    put_format(stream, "\"%s\":%" PRIu64 ",", key, number);
}

/* An array, opened and closed; its numbers have commas between them. */
static void column_begin(struct stream *stream, const char *key) {
    put_format(stream, "\"%s\":[", key);
}

static void column_put(struct stream *stream, uint32_t idx, int64_t number) {
    put_format(stream, idx == 0 ? "%" PRId64 : ",%" PRId64, number);
}

static void column_end(struct stream *stream) {
    put_text(stream, "],\n");
}

/* -- The run ----------------------------------------------------------------------------------- */

static void run_put(const struct profile *profile, struct stream *stream) {
    static const char *const kinds[PROFILE_KINDS] = {"uncounted", "flat", "callers", "sampled"};
    const struct profile_run *run = &profile->run;
    char digest[PROFILE_DIGEST_CHARS];
    profile_digest(profile, digest);
    put_text(stream, "\"run\":{");
    text_put(stream, "kind", kinds[run->kind]);
    text_put(stream, "command", run->command);
    text_put(stream, "version", run->version);
    text_put(stream, "exactness", run->exactness);
    text_put(stream, "schedule", run->schedule);
    text_put(stream, "end", run->end);
    text_put(stream, "digest", digest);
    text_put(stream, "unit", profile_unit(profile));
    number_put(stream, "seed", run->seed);
    number_put(stream, "harts", run->hart_count);
    number_put(stream, "steps", run->steps);
    number_put(stream, "instructions", run->instructions);
    number_put(stream, "ns", (uint64_t)run->virtual_ns);
    number_put(stream, "sample_steps", run->sample_steps);
    number_put(stream, "sample_seed", run->sample_seed);
    number_put(stream, "samples", run->samples);
    put_format(stream, "\"samples_deep\":%" PRIu64 "},\n", run->samples_deep);
}

static void row_put(struct stream *stream, uint32_t idx, const char *const *texts, size_t count) {
    put_text(stream, idx == 0 ? "[" : ",[");
    for (size_t i = 0; i < count; i++) {
        put_text(stream, i == 0 ? "" : ",");
        put_json(stream, texts[i]);
    }
}

static void origin_put(const struct profile *profile, struct stream *stream) {
    column_begin(stream, "inputs");
    for (uint32_t i = 0; i < profile->input_count; i++) {
        const struct profile_input *input = &profile->inputs[i];
        row_put(stream, i, (const char *const[]){input->role, input->path, input->digest}, 3);
        put_text(stream, "]");
    }
    column_end(stream);
    column_begin(stream, "windows");
    for (uint32_t i = 0; i < profile->window_count; i++) {
        const struct profile_window *window = &profile->windows[i];
        row_put(stream, i, (const char *const[]){window->from, window->to}, 2);
        put_format(stream, ",%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%" PRId64 "]", window->from_steps,
                   window->to_steps, window->from_ns, window->to_ns);
    }
    column_end(stream);
}

/* -- Names ------------------------------------------------------------------------------------- */

static void names_put(const struct profile *profile, struct stream *stream) {
    column_begin(stream, "modules");
    for (uint32_t i = 0; i < profile->module_count; i++) {
        put_text(stream, i == 0 ? "" : ",");
        put_json(stream, profile->modules[i].name);
    }
    column_end(stream);
    column_begin(stream, "functions");
    for (uint32_t i = 0; i < profile->function_count; i++) {
        char text[PROFILE_NAME_CHARS];
        put_text(stream, i == 0 ? "" : ",");
        put_json(stream, profile_function_text(profile, i, text));
    }
    column_end(stream);
    column_begin(stream, "function_modules");
    for (uint32_t i = 0; i < profile->function_count; i++) {
        uint32_t module = profile->functions[i].module;
        column_put(stream, i, module == PROFILE_NONE ? -1 : (int64_t)module);
    }
    column_end(stream);
    column_begin(stream, "tasks");
    for (uint32_t i = 0; i < profile->task_count; i++) {
        const struct profile_task *task = &profile->tasks[i];
        const char *texts[] = {profile_task_kind_text(task->kind), profile_process_text(task),
                               task->thread};
        row_put(stream, i, texts, COUNT(texts));
        put_format(stream, ",%" PRIu32 ",%" PRIu32 "]", task->pid, task->tid);
    }
    column_end(stream);
}

/* -- Contexts ---------------------------------------------------------------------------------- */

enum column { COLUMN_BACK, COLUMN_FUNCTION, COLUMN_MODE, COLUMN_SELF, COLUMN_CALLS, COLUMNS };

/* Of a root the function's column has its task, and the mode's its hart. */
static int64_t context_field(const struct profile_context *context, uint32_t idx,
                             enum column column) {
    bool root = context->parent == PROFILE_NONE;
    switch (column) {
    case COLUMN_BACK:
        return root ? 0 : (int64_t)(idx - context->parent);
    case COLUMN_FUNCTION:
        return root ? (int64_t)context->task : (int64_t)context->function;
    case COLUMN_MODE:
        return root ? context->hart : context->mode;
    case COLUMN_SELF:
        return (int64_t)context->counts.self;
    default:
        return (int64_t)context->counts.calls;
    }
}

static void contexts_put(const struct profile *profile, struct stream *stream) {
    static const char *const names[COLUMNS] = {"back", "function", "mode", "self", "calls"};
    put_text(stream, "\"contexts\":{");
    for (enum column column = 0; column < COLUMNS; column++) {
        column_begin(stream, names[column]);
        for (uint32_t i = 0; i < profile->context_count; i++) {
            column_put(stream, i, context_field(&profile->contexts[i], i, column));
        }
        put_text(stream, column + 1 == COLUMNS ? "]},\n" : "],\n");
    }
}

/* -- Intervals --------------------------------------------------------------------------------- */

static void spread_put(struct stream *stream, const uint64_t spread[PROFILE_BUCKETS]) {
    unsigned count = PROFILE_BUCKETS;
    while (count > 0 && spread[count - 1] == 0) {
        count--;
    }
    put_text(stream, ",[");
    for (unsigned i = 0; i < count; i++) {
        column_put(stream, i, (int64_t)spread[i]);
    }
    put_text(stream, "]");
}

static void intervals_put(const struct profile *profile, struct stream *stream) {
    column_begin(stream, "intervals");
    for (uint32_t i = 0; i < profile->interval_count; i++) {
        const struct profile_interval *interval = &profile->intervals[i];
        const uint64_t numbers[] = {interval->count,     interval->open_count, interval->steps_sum,
                                    interval->steps_min, interval->steps_max,  interval->ns_sum,
                                    interval->ns_min,    interval->ns_max};
        row_put(stream, i, &interval->name, 1);
        put_format(stream, ",%d,%d,%d", interval->probe,
                   interval->parent == PROFILE_NONE ? -1 : (int)interval->parent,
                   interval->task == PROFILE_NONE ? -1 : (int)interval->task);
        for (size_t n = 0; n < COUNT(numbers); n++) {
            put_format(stream, ",%" PRIu64, numbers[n]);
        }
        spread_put(stream, interval->steps_spread);
        spread_put(stream, interval->ns_spread);
        put_text(stream, "]");
    }
    column_end(stream);
}

/* -- The timeline ------------------------------------------------------------------------------ */

/* Numbers for the names of spans. */
struct span_names {
    struct keys keys;
    const char **names;
};

static uint32_t span_name(struct span_names *names, const char *name) {
    bool fresh;
    uint32_t idx = keys_get(&names->keys, (uint64_t[KEY_WORDS]){(uintptr_t)name}, &fresh);
    if (fresh) {
        names->names = array_grow(names->names, idx, sizeof *names->names);
        names->names[idx] = name;
    }
    return idx;
}

enum span_column {
    SPAN_GAP,
    SPAN_LENGTH,
    SPAN_KIND,
    SPAN_TASK,
    SPAN_NAME,
    SPAN_COUNT,
    SPAN_BUSY,
    SPAN_VALUE,
    SPAN_COLUMNS
};

static int64_t span_field(const struct profile_span *spans, uint32_t idx, enum span_column column,
                          struct span_names *names) {
    const struct profile_span *span = &spans[idx];
    switch (column) {
    case SPAN_GAP:
        return span->from_ns - (idx == 0 ? 0 : spans[idx - 1].to_ns);
    case SPAN_LENGTH:
        return span->to_ns - span->from_ns;
    case SPAN_KIND:
        return span->kind;
    case SPAN_TASK:
        return span->task == PROFILE_NONE ? -1 : (int64_t)span->task;
    case SPAN_NAME:
        return span_name(names, span->name);
    case SPAN_COUNT:
        return span->count;
    case SPAN_BUSY: /* mostly all of it: then nothing is said */
        return span->count == 1 ? 0 : (int64_t)span->busy_ns;
    default:
        return span->value;
    }
}

static void track_put(const struct track *track, struct span_names *names, struct stream *stream) {
    static const char *const columns[SPAN_COLUMNS] = {"gap",  "length", "kind", "task",
                                                      "name", "many",   "busy", "value"};
    put_format(stream, "{\"grain\":%" PRId64, track->grain_ns);
    for (enum span_column column = 0; column < SPAN_COLUMNS; column++) {
        put_format(stream, ",\"%s\":[", columns[column]);
        for (uint32_t i = 0; i < track->count; i++) {
            column_put(stream, i, span_field(track->spans, i, column, names));
        }
        put_text(stream, "]");
    }
    put_text(stream, "}");
}

static void tracks_put(const struct profile *profile, struct stream *stream) {
    struct span_names names = {0};
    column_begin(stream, "tracks");
    for (uint32_t i = 0; i < profile->track_count; i++) {
        put_text(stream, i == 0 ? "\n" : ",\n");
        track_put(&profile->tracks[i], &names, stream);
    }
    column_end(stream);
    column_begin(stream, "span_names");
    for (uint32_t i = 0; i < names.keys.count; i++) {
        put_text(stream, i == 0 ? "" : ",");
        put_json(stream, names.names[i]);
    }
    column_end(stream);
    keys_free(&names.keys);
    free(names.names);
}

/* -- The host ---------------------------------------------------------------------------------- */

static void host_put(const struct profile *profile, struct stream *stream) {
    const struct profile_host *host = &profile->host;
    column_begin(stream, "regions");
    for (uint32_t i = 0; i < profile->region_count; i++) {
        const struct profile_region *region = &profile->regions[i];
        row_put(stream, i, (const char *const[]){region->function, region->module}, 2);
        put_format(stream, ",\"0x%" PRIx64 "\",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
                   region->address, region->translate_ns, region->execute_ns, region->translations);
    }
    column_end(stream);
    if (profile->hosted) {
        put_format(stream,
                   "\"host\":{\"wall\":%" PRIu64 ",\"translate\":%" PRIu64 ",\"execute\":%" PRIu64
                   ",\"time\":%" PRIu64 ",\"device\":%" PRIu64 ",\"idle\":%" PRIu64 "}}\n",
                   host->wall_ns, host->translate_ns, host->execute_ns, host->time_ns,
                   host->device_ns, host->idle_ns);
    } else {
        put_text(stream, "\"host\":null}\n");
    }
}

/* -- The page ---------------------------------------------------------------------------------- */

/* The page up to where something goes, which is marked; and what follows that. */
static const char *upto(const char *page, const char *mark, struct stream *stream) {
    const char *found = strstr(page, mark);
    ensure(found != NULL);
    stream_put(stream, page, (size_t)(found - page));
    return found + strlen(mark);
}

void profile_html(const struct profile *profile, struct stream *stream) {
    const char *page = upto(page_html, "/* STYLE */", stream);
    put_text(stream, page_css);
    page = upto(page, "/* PROFILE */", stream);
    put_text(stream, "{");
    run_put(profile, stream);
    origin_put(profile, stream);
    names_put(profile, stream);
    contexts_put(profile, stream);
    intervals_put(profile, stream);
    tracks_put(profile, stream);
    host_put(profile, stream);
    page = upto(page, "/* PROGRAM */", stream);
    for (size_t i = 0; page_scripts[i] != NULL; i++) {
        put_text(stream, page_scripts[i]);
    }
    put_text(stream, page);
}
