/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `profile` looks at, and what it writes when its run has ended: counts, and which run they
 * are of. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/prof.h"

/** A word as a shell takes it. */
static void word_put(FILE *file, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=+./,:@%";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        fputs(word, file);
        return;
    }
    fputc('\'', file);
    for (; *word != '\0'; word++) {
        fputs(*word == '\'' ? "'\\''" : (char[2]){*word}, file);
    }
    fputc('\'', file);
}

/** How to run it again. @return NULL: out of memory; else to be freed. */
static char *command_text(const struct run_options *options) {
    char *text = NULL;
    size_t size_bytes;
    FILE *file = open_memstream(&text, &size_bytes);
    if (file == NULL) {
        return NULL;
    }
    fputs("sandglass profile", file);
    if (options->log_path != NULL) {
        fputc(' ', file);
        word_put(file, options->log_path);
    }
    for (unsigned i = 0; i < options->given_count; i++) {
        fprintf(file, " --%s", options->given[i].name);
        if (options->given[i].value[0] != '\0') {
            fputc(' ', file);
            word_put(file, options->given[i].value);
        }
    }
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* What shapes the schedule stands in the command; here is what it was by default. */
static void schedule_text(const struct machine_options *machine, char text[128]) {
    snprintf(text, 128, "quantum %lld ns%s%s", (long long)machine->quantum_ns,
             machine->monotonic ? ", monotonic" : "", machine->chaos.wanted ? ", chaos" : "");
}

static void run_tell(struct machine *machine, const struct run_options *options,
                     const struct machine_exit *end, struct profile *profile) {
    struct machine_stats stats;
    uint64_t samples, samples_deep;
    char schedule[128];
    char *command = command_text(options);
    machine_stats(machine, &stats);
    machine_profile_samples(machine, &samples, &samples_deep);
    schedule_text(&options->machine, schedule);
    profile_set_run(profile, &(struct profile_run){
                                 .kind = options->profile_plan.kind,
                                 .command = command,
                                 .version = SANDGLASS_VERSION,
                                 .exactness = options->machine.adapts ? "host-timed" : "exact",
                                 .schedule = schedule,
                                 .end = exit_reason_name(end->reason),
                                 .seed = options->machine.seed,
                                 .hart_count = options->machine.hart_count,
                                 .steps = stats.steps,
                                 .instructions = stats.instructions,
                                 .virtual_ns = stats.virtual_ns,
                                 .sample_steps = options->profile_plan.sample_steps,
                                 .sample_seed = options->profile_plan.sample_seed,
                                 .samples = samples,
                                 .samples_deep = samples_deep,
                             });
    profile_set_host(profile, &(struct profile_host){
                                  .wall_ns = (uint64_t)(stats.host.wall_s * 1e9),
                                  .translate_ns = (uint64_t)(stats.host.translate_s * 1e9),
                                  .execute_ns = (uint64_t)(stats.host.execute_s * 1e9),
                                  .time_ns = (uint64_t)(stats.host.time_s * 1e9),
                                  .device_ns = (uint64_t)(stats.host.device_s * 1e9),
                                  .idle_ns = (uint64_t)(stats.host.idle_s * 1e9),
                              });
    free(command);
}

enum status profile_begin(struct machine *machine, const struct run_options *options,
                          struct error *error) {
    struct profile_plan plan = options->profile_plan;
    plan.sysroot = options->outside.sysroot;
    enum status status = names_look(options, error);
    return status == STATUS_OK ? machine_profile(machine, &plan, error) : status;
}

/** One line for all windows that the run did not come to. */
static void windows_missed_tell(const struct machine *machine, const struct run_options *options) {
    unsigned missed = machine_windows_missed(machine);
    if (missed > 0) {
        char from[DESTINATION_CHARS], to[DESTINATION_CHARS], others[64] = "";
        const struct window *windows = options->profile_plan.windows;
        const struct window *window = &windows[options->profile_plan.window_count - missed];
        if (missed > 1) {
            snprintf(others, sizeof others, ", nor in the %u behind it", missed - 1);
        }
        destination_text(&window->from, from);
        fprintf(stderr,
                "sandglass: --window %s..%s: the run did not come to %s, so nothing is counted in "
                "it%s\n",
                from, destination_text(&window->to, to), from[0] == '\0' ? "its beginning" : from,
                others);
    }
}

/** One line for each probe that measured nothing because there was nothing of it. */
static void probes_missed_tell(const struct machine *machine) {
    char line[PROBE_LINE_CHARS];
    for (unsigned i = 0; machine_probes_missed(machine, i, line); i++) {
        fprintf(stderr, "sandglass: %s\n", line);
    }
}

enum status profile_write(struct machine *machine, const struct run_options *options,
                          const struct machine_exit *end, struct error *error) {
    if (machine->profiling == NULL) { /* profile_begin() has failed */
        return STATUS_OK;
    }
    struct profile *profile = profile_new();
    struct buffer bytes = {0};
    windows_missed_tell(machine, options);
    probes_missed_tell(machine);
    run_tell(machine, options, end, profile);
    machine_profile_tell(machine, profile);
    names_defects_tell(options);
    profile_settle(profile);
    profile_save(profile, &bytes);
    struct content content = {bytes.bytes, bytes.size_bytes};
    enum status status = output_write_bytes(&options->outputs, OUTPUT_PROFILE, content, error);
    buffer_free(&bytes);
    profile_free(profile);
    return status;
}
