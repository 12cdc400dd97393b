/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said at the end: the one line of an error; --stats, the numbers of a run as JSON. */
#include "cli/cli.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_fail(const struct error *error) {
    fprintf(stderr, "sandglass: %s\n", error->text);
    return (int)error->status;
}

/* cJSON keeps numbers as doubles, which end being exact at 2^53: so they go in as text. A failed
 * allocation leaves a member out; the caller sees it in the end. */

static bool add_u64(cJSON *object, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

/* Not through %f, whose point depends on the locale. */
static bool add_seconds(cJSON *object, const char *name, double seconds) {
    char text[40];
    uint64_t us = (uint64_t)(seconds * 1e6 + 0.5);
    snprintf(text, sizeof text, "%" PRIu64 ".%06u", us / 1000000, (unsigned)(us % 1000000));
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

static bool add_text(cJSON *object, const char *name, const char *text) {
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool add_flag(cJSON *object, const char *name, bool flag) {
    return cJSON_AddBoolToObject(object, name, flag) != NULL;
}

/** Cost of a step [ns], exactly: "8", "333333333+1/3". */
static bool add_rate(cJSON *object, const struct rate *rate) {
    char text[80];
    int length = snprintf(text, sizeof text, "%" PRIu64, rate->whole_ns);
    if (rate->part != 0) {
        snprintf(text + length, sizeof text - (size_t)length, "+%" PRIu64 "/%" PRIu64, rate->part,
                 rate->parts);
    }
    return add_text(object, "step_ns", text);
}

static bool add_harts(cJSON *root, const struct report *report) {
    const struct machine_options *options = &report->options->machine;
    cJSON *harts = cJSON_AddArrayToObject(root, "per_hart");
    bool done = harts != NULL;
    for (unsigned i = 0; done && i < options->hart_count; i++) {
        struct hart_stats stats = {0};
        cJSON *hart = cJSON_CreateObject();
        if (report->machine != NULL) {
            stats = machine_hart_stats(report->machine, i);
        }
        done = cJSON_AddItemToArray(harts, hart) && add_u64(hart, "steps", stats.steps) &&
               add_u64(hart, "instructions", stats.instructions) &&
               add_u64(hart, "local_ns", (uint64_t)stats.local_ns) &&
               add_u64(hart, "idle_ns", stats.idle_ns) &&
               add_u64(hart, "ahead_max_ns", (uint64_t)stats.ahead_max_ns) &&
               add_u64(hart, "grants", stats.grants) && add_u64(hart, "token_grants", stats.held) &&
               (options->time == TIME_FREE ? add_text(hart, "step_ns", "host")
                                           : add_rate(hart, &options->rates[i]));
    }
    return done;
}

static bool add_exit(cJSON *root, const struct machine_exit *end) {
    cJSON *object = cJSON_AddObjectToObject(root, "exit");
    bool done = add_text(object, "reason", exit_reason_name(end->reason)) &&
                add_u64(object, "code", end->code) &&
                add_u64(object, "status", (uint64_t)end->status);
    return done && (end->reason != EXIT_ERROR || add_text(object, "error", end->error.text));
}

static bool add_host_time(cJSON *root, const struct host_cost *host) {
    cJSON *object = cJSON_AddObjectToObject(root, "host_time");
    return add_seconds(object, "translate_s", host->translate_s) &&
           add_seconds(object, "execute_s", host->execute_s) &&
           add_seconds(object, "time_s", host->time_s) &&
           add_seconds(object, "device_s", host->device_s) &&
           add_seconds(object, "idle_s", host->idle_s);
}

static bool add_timers(cJSON *root, const struct machine_stats *stats) {
    cJSON *object = cJSON_AddObjectToObject(root, "timers");
    return add_u64(object, "fired", stats->timers_fired) &&
           add_u64(object, "late_steps_max", stats->timers_late_steps_max);
}

/** How far VIRTUAL was from the host's clock, where it follows that. */
static bool add_pace(cJSON *root, const struct machine_stats *stats) {
    cJSON *object = cJSON_AddObjectToObject(root, "pace");
    return add_u64(object, "ahead_max_ns", (uint64_t)stats->pace_ahead_max_ns) &&
           add_u64(object, "behind_max_ns", (uint64_t)stats->pace_behind_max_ns);
}

/** Only where there is one. */
static bool add_pulse(cJSON *root, const struct pulse_stats *stats) {
    if (stats->period_ns == 0) {
        return true;
    }
    cJSON *object = cJSON_AddObjectToObject(root, "pulse");
    return add_u64(object, "period_ns", (uint64_t)stats->period_ns) &&
           add_u64(object, "count", stats->count) && add_u64(object, "off", stats->off_count) &&
           add_u64(object, "sum_ns", (uint64_t)stats->sum_ns) &&
           add_u64(object, "median_ns", (uint64_t)stats->median_ns) &&
           add_u64(object, "min_ns", (uint64_t)stats->min_ns) &&
           add_u64(object, "max_ns", (uint64_t)stats->max_ns);
}

static bool add_tlb(cJSON *root, const struct machine_stats *stats) {
    cJSON *object = cJSON_AddObjectToObject(root, "tlb");
    return add_u64(object, "data_fills", stats->tlb_data_fills) &&
           add_u64(object, "fetch_fills", stats->tlb_fetch_fills);
}

static bool add_engine(cJSON *root, const struct machine_stats *stats) {
    if (!stats->translates) {
        return add_text(root, "engine", "interp");
    }
    const char *engine = stats->checks ? "check" : "jit";
    cJSON *object = add_text(root, "engine", engine) ? cJSON_AddObjectToObject(root, "jit") : NULL;
    return add_u64(object, "regions", stats->jit.regions) &&
           add_u64(object, "code_bytes", stats->jit.code_bytes) &&
           add_u64(object, "resets", stats->jit.resets) &&
           add_u64(object, "links", stats->jit.links) &&
           add_u64(object, "entries", stats->jit.entries) &&
           add_u64(object, "interpreter_calls", stats->jit.calls) &&
           add_u64(object, "tail_steps", stats->jit.tail_steps);
}

/** Whatever shapes the schedule, what the run began with, and how exact it is (law 11). */
static bool add_schedule(cJSON *root, const struct machine_options *options) {
    static const char *const names[] = {
        [TIME_LOCKSTEP] = "lockstep", [TIME_TOKEN] = "token", [TIME_FREE] = "free"};
    bool bounded = options->time == TIME_TOKEN;
    const char *class = options->uncounted || options->adapts || options->time == TIME_FREE
                            ? "host-timed"
                        : bounded ? "quantum-bounded"
                                  : "exact";
    return add_text(root, "exactness", class) && add_text(root, "time", names[options->time]) &&
           add_u64(root, "quantum_ns", (uint64_t)options->quantum_ns) &&
           add_flag(root, "monotonic", options->monotonic) &&
           (!options->chaos.wanted || add_u64(root, "chaos", options->chaos.seed)) &&
           add_text(root, "sleep", options->idle_sleeps ? "on" : "off") &&
           add_flag(root, "align", options->aligns) && add_flag(root, "auto", options->adapts) &&
           add_u64(root, "seed", options->seed) &&
           add_u64(root, "rtc_base_ns", options->rtc_base_ns);
}

static bool add_all(cJSON *root, const struct report *report) {
    struct machine_stats stats = {0};
    uint64_t touched_bytes = 0;
    if (report->machine != NULL) {
        machine_stats(report->machine, &stats);
        touched_bytes = machine_touched_bytes(report->machine);
    }
    double wall_s = stats.host.wall_s;
    double mips = wall_s > 0 ? (double)stats.instructions / 1e6 / wall_s : 0;
    return add_u64(root, "steps", stats.steps) &&
           add_u64(root, "instructions", stats.instructions) &&
           add_u64(root, "virtual_ns", (uint64_t)stats.virtual_ns) &&
           add_seconds(root, "wall_s", wall_s) && add_seconds(root, "mips", mips) &&
           add_exit(root, report->exit) &&
           (report->state_hash == NULL || add_text(root, "state_hash", report->state_hash)) &&
           add_host_time(root, &stats.host) && add_timers(root, &stats) &&
           add_u64(root, "touched_bytes", touched_bytes) && add_tlb(root, &stats) &&
           add_pace(root, &stats) && add_pulse(root, &stats.pulse) && add_engine(root, &stats) &&
           add_schedule(root, &report->options->machine) &&
           (!stats.edited || add_flag(root, "edited", true)) && add_harts(root, report);
}

/* -- Clocks ------------------------------------------------------------------------------------ */

static void pulse_print(const struct pulse_stats *stats) {
    double mean_ns = stats->count == 0 ? 0 : (double)stats->sum_ns / (double)stats->count;
    printf("pulse of %" PRId64 " ns: %" PRIu64 " periods, mean %.1f, median %" PRId64
           ", least %" PRId64 ", most %" PRId64 ", %" PRIu64 " of another length\n",
           stats->period_ns, stats->count, mean_ns, stats->median_ns, stats->min_ns, stats->max_ns,
           stats->off_count);
}

enum status clocks_print(const struct report *report, struct error *error) {
    const struct machine *machine = report->machine;
    struct machine_stats stats;
    machine_stats(machine, &stats);
    printf("%4s %20s %20s %20s %20s %15s %7s\n", "hart", "steps", "instructions", "local [ns]",
           "idle [ns]", "ahead max [ns]", "token");
    for (unsigned i = 0; i < report->options->machine.hart_count; i++) {
        struct hart_stats hart = machine_hart_stats(machine, i);
        char share[16] = "-"; /* nobody holds a token in lockstep */
        if (hart.grants > 0) {
            double held = 100.0 * (double)hart.held / (double)hart.grants;
            snprintf(share, sizeof share, "%.1f %%", held);
        }
        printf("%4u %20" PRIu64 " %20" PRIu64 " %20" PRId64 " %20" PRIu64 " %15" PRId64 " %7s\n", i,
               hart.steps, hart.instructions, hart.local_ns, hart.idle_ns, hart.ahead_max_ns,
               share);
    }
    printf("%4s %20" PRIu64 " %20" PRIu64 " %20" PRId64 "\n", "all", stats.steps,
           stats.instructions, stats.virtual_ns);
    if (stats.pulse.period_ns != 0) {
        pulse_print(&stats.pulse);
    }
    if (fflush(stdout) != 0) {
        return error_set(error, STATUS_HOST_IO, "clocks: standard output cannot be written (%s)",
                         strerror(errno));
    }
    return STATUS_OK;
}

/* -- Stats ------------------------------------------------------------------------------------- */

/** All of the stats as text; owned by the caller. NULL when out of memory. */
static char *stats_text(const struct report *report) {
    cJSON *root = cJSON_CreateObject();
    char *json = root != NULL && add_all(root, report) ? cJSON_Print(root) : NULL;
    char *text = NULL;
    if (json != NULL && asprintf(&text, "%s\n", json) < 0) {
        text = NULL;
    }
    cJSON_free(json);
    cJSON_Delete(root);
    return text;
}

enum status stats_write(const struct report *report, struct error *error) {
    char *text = stats_text(report);
    if (text == NULL) {
        return error_set(error, STATUS_HOST_IO, "--stats %s: out of memory",
                         report->options->stats);
    }
    enum status status = output_write(&report->options->outputs, OUTPUT_STATS, text, error);
    free(text);
    return status;
}
