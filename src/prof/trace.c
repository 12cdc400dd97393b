/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The timeline in the Trace Event Format, which Chrome and Perfetto open.
 *
 * What the format calls a process is a hart here, and its threads are the hart's tracks. Times are
 * VIRTUAL, in microseconds with their nanoseconds behind the point. A wake-up is a flow: an arrow
 * from where it happened to where the woken task runs next, if it does; both ends lie in slices.
 * One that happened where no slice is, in a gap of what was recorded, is an instant only. */
#include <inttypes.h>
#include <stdlib.h>

#include "prof/model.h"
#include "prof/put.h"

/* A task begins to run on a hart. */
struct task_run {
    uint32_t task, hart;
    vtime from_ns;
};

struct trace {
    const struct profile *profile;
    struct stream *stream;
    bool begun;
    struct task_run *runs; /* by task and time */
    uint32_t run_count;
    uint64_t flow; /* number of the last one */
};

/* -- Events ------------------------------------------------------------------------------------ */

static void event_begin(struct trace *trace, const char *phase, uint32_t hart, uint32_t track) {
    put_format(trace->stream, "%s{\"ph\":\"%s\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32,
               trace->begun ? ",\n" : "\n", phase, hart + 1, track + 1);
    trace->begun = true;
}

static void time_put(struct trace *trace, const char *key, uint64_t ns) {
    put_format(trace->stream, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

static void name_put(struct trace *trace, const char *key, const char *name) {
    put_format(trace->stream, ",\"%s\":", key);
    put_json(trace->stream, name);
}

static void metadata_put(struct trace *trace, uint32_t hart, uint32_t track, const char *name) {
    bool whole = track == PROFILE_TRACKS;
    event_begin(trace, "M", hart, whole ? 0 : track);
    name_put(trace, "name", whole ? "process_name" : "thread_name");
    put_text(trace->stream, ",\"args\":{\"name\":");
    put_json(trace->stream, name);
    put_text(trace->stream, "}}");
    event_begin(trace, "M", hart, whole ? 0 : track);
    name_put(trace, "name", whole ? "process_sort_index" : "thread_sort_index");
    put_format(trace->stream, ",\"args\":{\"sort_index\":%" PRIu32 "}}", whole ? hart : track);
}

static void task_put(struct trace *trace, uint32_t idx) {
    const struct profile_task *task = &trace->profile->tasks[idx];
    put_format(trace->stream, ",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32, task->pid, task->tid);
    name_put(trace, "process", profile_process_text(task));
    if (task->thread[0] != '\0') {
        name_put(trace, "thread", task->thread);
    }
}

static void arguments_put(struct trace *trace, const struct profile_span *span) {
    put_format(trace->stream, ",\"args\":{\"count\":%" PRIu32, span->count);
    if (span->count > 1) {
        put_format(trace->stream, ",\"busy_ns\":%" PRIu64, span->busy_ns);
    }
    if (span->task != PROFILE_NONE) {
        task_put(trace, span->task);
    }
    if (span->kind == PROFILE_SPAN_ARMED || span->kind == PROFILE_SPAN_FIRED) {
        put_format(trace->stream, ",\"deadline_ns\":%" PRId64, span->value);
    } else if (span->kind == PROFILE_SPAN_MARKER) {
        put_format(trace->stream, ",\"value\":%" PRId64, span->value);
    }
    put_text(trace->stream, "}");
}

static const char *const categories[PROFILE_SPAN_KINDS] = {
    [PROFILE_SPAN_TASK] = "task",     [PROFILE_SPAN_IDLE] = "idle",
    [PROFILE_SPAN_TRAP] = "trap",     [PROFILE_SPAN_INTERRUPT] = "interrupt",
    [PROFILE_SPAN_ARMED] = "armed",   [PROFILE_SPAN_FIRED] = "fired",
    [PROFILE_SPAN_MARKER] = "marker", [PROFILE_SPAN_WAKE] = "wake-up",
};

static const char *span_name(const struct profile *profile, const struct profile_span *span) {
    if (span->name[0] != '\0') {
        return span->name;
    }
    bool task = span->task != PROFILE_NONE;
    return task ? profile_process_text(&profile->tasks[span->task]) : categories[span->kind];
}

static void span_put(struct trace *trace, uint32_t hart, uint32_t track,
                     const struct profile_span *span) {
    bool instant = track == PROFILE_TRACK_EVENTS && span->count == 1;
    event_begin(trace, instant ? "i" : "X", hart, track);
    time_put(trace, "ts", (uint64_t)span->from_ns);
    if (instant) {
        put_text(trace->stream, ",\"s\":\"t\"");
    } else {
        time_put(trace, "dur", (uint64_t)(span->to_ns - span->from_ns));
    }
    name_put(trace, "cat", categories[span->kind]);
    name_put(trace, "name", span_name(trace->profile, span));
    arguments_put(trace, span);
    put_text(trace->stream, "}");
}

/* -- Wake-ups ---------------------------------------------------------------------------------- */

/* Does a slice of the hart's tasks hold this instant? */
static bool slice_holds(const struct profile *profile, uint32_t hart, vtime ns) {
    uint32_t count;
    const struct profile_span *spans =
        profile_spans(profile, (uint16_t)hart, PROFILE_TRACK_TASKS, &count);
    uint32_t low = 0, high = count; /* the first that ends behind it */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (spans[middle].to_ns > ns) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low < count && spans[low].from_ns <= ns;
}

static int run_compare(const void *a, const void *b) {
    const struct task_run *left = a, *right = b;
    if (left->task != right->task) {
        return left->task < right->task ? -1 : 1;
    }
    if (left->from_ns != right->from_ns) {
        return left->from_ns < right->from_ns ? -1 : 1;
    }
    return left->hart < right->hart ? -1 : left->hart > right->hart;
}

static void runs_gather(struct trace *trace) {
    for (uint32_t hart = 0; hart < trace->profile->run.hart_count; hart++) {
        uint32_t count;
        const struct profile_span *spans =
            profile_spans(trace->profile, (uint16_t)hart, PROFILE_TRACK_TASKS, &count);
        for (uint32_t i = 0; i < count; i++) {
            if (spans[i].task != PROFILE_NONE) {
                trace->runs = array_grow(trace->runs, trace->run_count, sizeof *trace->runs);
                trace->runs[trace->run_count++] =
                    (struct task_run){spans[i].task, hart, spans[i].from_ns};
            }
        }
    }
    if (trace->run_count > 0) {
        qsort(trace->runs, trace->run_count, sizeof *trace->runs, run_compare);
    }
}

/* Where a task runs from then on, first; or NULL. */
static const struct task_run *run_next(const struct trace *trace, uint32_t task, vtime ns) {
    struct task_run wanted = {task, 0, ns};
    uint32_t low = 0, high = trace->run_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (run_compare(&trace->runs[middle], &wanted) >= 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low < trace->run_count && trace->runs[low].task == task ? &trace->runs[low] : NULL;
}

static void flow_end_put(struct trace *trace, const char *phase, uint32_t hart, vtime ns) {
    event_begin(trace, phase, hart, PROFILE_TRACK_TASKS);
    time_put(trace, "ts", (uint64_t)ns);
    put_format(trace->stream, ",\"id\":%" PRIu64 ",\"cat\":\"wake-up\",\"name\":\"wake-up\"%s}",
               trace->flow, *phase == 'f' ? ",\"bp\":\"e\"" : "");
}

static void flow_put(struct trace *trace, uint32_t hart, const struct profile_span *wake) {
    if (wake->count > 1 || wake->task == PROFILE_NONE ||
        !slice_holds(trace->profile, hart, wake->from_ns)) {
        return;
    }
    const struct task_run *to = run_next(trace, wake->task, wake->from_ns);
    if (to != NULL) {
        trace->flow++;
        flow_end_put(trace, "s", hart, wake->from_ns);
        flow_end_put(trace, "f", to->hart, to->from_ns);
    }
}

/* -- The file ---------------------------------------------------------------------------------- */

static void hart_put(struct trace *trace, uint32_t hart) {
    static const char *const names[PROFILE_TRACKS] = {"tasks", "traps and interrupts",
                                                      "timers, markers, wake-ups"};
    char text[NUMBER_CHARS + 8] = "hart ";
    number_text(hart, text + 5);
    metadata_put(trace, hart, PROFILE_TRACKS, text);
    for (uint32_t track = 0; track < PROFILE_TRACKS; track++) {
        uint32_t count;
        const struct profile_span *spans =
            profile_spans(trace->profile, (uint16_t)hart, (enum profile_track)track, &count);
        metadata_put(trace, hart, track, names[track]);
        for (uint32_t i = 0; i < count; i++) {
            span_put(trace, hart, track, &spans[i]);
            if (spans[i].kind == PROFILE_SPAN_WAKE) {
                flow_put(trace, hart, &spans[i]);
            }
        }
    }
}

void profile_trace(const struct profile *profile, struct stream *stream) {
    struct trace trace = {.profile = profile, .stream = stream};
    put_text(stream, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"version\":");
    put_json(stream, profile->run.version);
    put_text(stream, ",\"command\":");
    put_json(stream, profile->run.command);
    put_text(stream, ",\"exactness\":");
    put_json(stream, profile->run.exactness);
    put_text(stream, "},\n\"traceEvents\":[");
    runs_gather(&trace);
    for (uint32_t hart = 0; hart < profile->run.hart_count; hart++) {
        hart_put(&trace, hart);
    }
    put_text(stream, "\n]}\n");
    free(trace.runs);
}
