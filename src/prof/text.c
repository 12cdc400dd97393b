/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables for people: what a profile is of, and one sum; intervals and the host's cost below. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "prof/model.h"
#include "prof/put.h"

/* -- What it is of ----------------------------------------------------------------------------- */

static const char *kind_text(enum profile_kind kind) {
    static const char *const names[PROFILE_KINDS] = {
        [PROFILE_UNCOUNTED] = "nothing counted",
        [PROFILE_FLAT] = "every step counted",
        [PROFILE_CALLERS] = "every step counted, with callers",
        [PROFILE_SAMPLED] = "sampled",
    };
    return names[kind];
}

static void field_put(struct stream *stream, const char *name, const char *text) {
    if (text[0] != '\0') {
        put_format(stream, "%-10s ", name);
        put_line(stream, text, "");
        put_text(stream, "\n");
    }
}

static void samples_put(const struct profile_run *run, struct stream *stream) {
    char samples[NUMBER_CHARS], share[SHARE_CHARS];
    put_format(stream, "%-10s %s, one of about %" PRIu64 " steps (seed %" PRIu64 "); ", "samples",
               number_text(run->samples, samples), run->sample_steps, run->sample_seed);
    put_format(stream, "callers known in %s; +- is 4 sigma\n",
               share_text(run->samples_deep, run->samples, share));
}

static void windows_put(const struct profile *profile, struct stream *stream) {
    for (uint32_t i = 0; i < profile->window_count; i++) {
        const struct profile_window *window = &profile->windows[i];
        char from[NUMBER_CHARS], to[NUMBER_CHARS];
        put_format(stream, "%-10s from step %s (", "window", number_text(window->from_steps, from));
        put_line(stream, window->from, "");
        put_format(stream, ") to %s (", number_text(window->to_steps, to));
        put_line(stream, window->to, "");
        put_text(stream, ")\n");
    }
}

/* Shares of a part of a run are not to be taken for shares of all of it. */
static void covered_put(const struct profile *profile, struct stream *stream) {
    uint64_t covered = 0;
    char share[SHARE_CHARS];
    for (uint32_t i = 0; i < profile->window_count; i++) {
        covered += profile->windows[i].to_steps - profile->windows[i].from_steps;
    }
    bool counts = profile->window_count > 0 || profile->context_count == 0;
    if (profile->run.kind != PROFILE_UNCOUNTED && counts && covered < profile->run.steps) {
        put_format(stream,
                   "%-10s %s of the run's steps lie in windows; shares below are of these\n",
                   "share", share_text(covered, profile->run.steps, share));
    }
}

/* What all rows add up to: of an exact profile of the whole run, all that it says above. */
static void counted_put(const struct profile *profile, struct stream *stream) {
    struct profile_counts sum = {0};
    char self[NUMBER_CHARS], instructions[NUMBER_CHARS];
    for (uint32_t i = 0; i < profile->context_count; i++) {
        sum.self += profile->contexts[i].counts.self;
        sum.instructions += profile->contexts[i].counts.instructions;
    }
    if (profile->context_count > 0) {
        put_format(stream, "%-10s %s %s", "counted", number_text(sum.self, self),
                   profile_unit(profile));
        if (sum.instructions > 0) {
            put_format(stream, ", %s instructions", number_text(sum.instructions, instructions));
        }
        put_text(stream, "\n");
    }
}

static void head_put(const struct profile *profile, struct stream *stream) {
    const struct profile_run *run = &profile->run;
    char steps[NUMBER_CHARS], instructions[NUMBER_CHARS], seconds[NUMBER_CHARS];
    char digest[PROFILE_DIGEST_CHARS];
    profile_digest(profile, digest);
    field_put(stream, "profile", kind_text(run->kind));
    field_put(stream, "repeat", run->command);
    field_put(stream, "exactness", run->exactness);
    field_put(stream, "schedule", run->schedule);
    field_put(stream, "end", run->end);
    put_format(stream, "%-10s %s steps, %s instructions, %s on %" PRIu32 " harts\n", "run",
               number_text(run->steps, steps), number_text(run->instructions, instructions),
               seconds_text((uint64_t)run->virtual_ns, seconds), run->hart_count);
    counted_put(profile, stream);
    windows_put(profile, stream);
    covered_put(profile, stream);
    if (run->kind == PROFILE_SAMPLED) {
        samples_put(run, stream);
    }
    field_put(stream, "digest", digest);
}

/* -- Sums -------------------------------------------------------------------------------------- */

static void row_put(const struct profile *profile, const struct profile_rows *rows,
                    const struct profile_row *row, struct stream *stream) {
    char self[NUMBER_CHARS], total[NUMBER_CHARS], calls[NUMBER_CHARS];
    char shares[2][SHARE_CHARS];
    bool sampled = profile->run.kind == PROFILE_SAMPLED;
    put_format(stream, "%9s", share_text(row->self, rows->self, shares[0]));
    if (sampled) {
        uint32_t error = profile_error(row->self, rows->self);
        put_format(stream, " %4u.%02u", error / 10000, error / 100 % 100);
    }
    put_format(stream, " %20s %9s %20s %16s  ", number_text(row->self, self),
               share_text(row->total, rows->self, shares[1]), number_text(row->total, total),
               sampled ? "-" : number_text(row->calls, calls));
    put_line(stream, row->name, "");
    if (row->module[0] != '\0') {
        put_text(stream, " [");
        put_line(stream, row->module, "");
        put_text(stream, "]");
    }
    put_text(stream, "\n");
}

static void rows_put(const struct profile *profile, enum profile_by by, struct stream *stream) {
    static const char *const names[PROFILE_BYS] = {"function", "process", "mode", "hart"};
    struct profile_rows rows;
    char self[NUMBER_CHARS];
    profile_sum(profile, by, &rows);
    put_format(stream, "\n%9s%s %20s %9s %20s %16s  %s\n", "self",
               profile->run.kind == PROFILE_SAMPLED ? "     +-" : "", profile_unit(profile),
               "total", profile_unit(profile), "calls", names[by]);
    for (uint32_t i = 0; i < rows.count; i++) {
        row_put(profile, &rows, &rows.rows[i], stream);
    }
    put_format(stream, "%9s%s %20s\n", "all", profile->run.kind == PROFILE_SAMPLED ? "       " : "",
               number_text(rows.self, self));
    profile_rows_free(&rows);
}

/* -- The rest ---------------------------------------------------------------------------------- */

static void interval_put(const struct profile *profile, uint32_t idx, struct stream *stream) {
    const struct profile_interval *interval = &profile->intervals[idx];
    char count[NUMBER_CHARS], mean[NUMBER_CHARS], least[NUMBER_CHARS], most[NUMBER_CHARS];
    char mean_ns[NUMBER_CHARS];
    uint64_t ends = interval->count == 0 ? 1 : interval->count;
    put_format(stream, "%14s %16s %16s %16s %18s  ", number_text(interval->count, count),
               number_text(interval->steps_sum / ends, mean),
               number_text(interval->steps_min, least), number_text(interval->steps_max, most),
               number_text(interval->ns_sum / ends, mean_ns));
    for (uint32_t at = interval->parent; at != PROFILE_NONE; at = profile->intervals[at].parent) {
        put_text(stream, "  ");
    }
    put_line(stream, interval->name, "");
    if (interval->task != PROFILE_NONE) {
        put_text(stream, " [");
        put_line(stream, profile_process_text(&profile->tasks[interval->task]), "");
        put_text(stream, "]");
    }
    if (interval->open_count > 0) {
        put_format(stream, ", %" PRIu64 " without an end", interval->open_count);
    }
    put_text(stream, "\n");
}

static void intervals_put(const struct profile *profile, struct stream *stream) {
    if (profile->interval_count == 0) {
        return;
    }
    put_format(stream, "\n%14s %16s %16s %16s %18s  %s\n", "times", "mean [steps]", "least", "most",
               "mean [ns]", "from one point to another");
    for (uint32_t i = 0; i < profile->interval_count; i++) {
        interval_put(profile, i, stream);
    }
}

static void host_put(const struct profile *profile, struct stream *stream) {
    const struct profile_host *host = &profile->host;
    const struct {
        const char *name;
        uint64_t ns;
    } parts[] = {{"translating", host->translate_ns},
                 {"executing", host->execute_ns},
                 {"keeping time", host->time_ns},
                 {"devices", host->device_ns},
                 {"idle", host->idle_ns},
                 {"all", host->wall_ns}};
    if (!profile->hosted) {
        return;
    }
    put_text(stream, "\nWhat it cost the host, which differs from run to run:\n");
    for (size_t i = 0; i < COUNT(parts); i++) {
        char seconds[NUMBER_CHARS], share[SHARE_CHARS];
        put_format(stream, "%9s %20s  %s\n", share_text(parts[i].ns, host->wall_ns, share),
                   seconds_text(parts[i].ns, seconds), parts[i].name);
    }
}

void profile_text(const struct profile *profile, enum profile_by by, struct stream *stream) {
    head_put(profile, stream);
    if (profile->context_count > 0) {
        rows_put(profile, by, stream);
    }
    intervals_put(profile, stream);
    host_put(profile, stream);
}
