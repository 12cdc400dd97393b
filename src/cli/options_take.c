/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options: one function a kind of value, and the table that all who ask about options share. */
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASHES_MAX = 100000 };

#define SAMPLE_STEPS_MAX UINT64_C(1000000000000)

/* -- Errors that many options share ------------------------------------------------------------ */

static enum status bad_value(const struct option_row *row, const char *value, const char *accepted,
                             struct error *error) {
    return error_set(error, STATUS_USAGE, "--%s %s: use %s", row->name, value, accepted);
}

/* -- One function a kind of value -------------------------------------------------------------- */

static enum status take_text(struct run_options *options, const struct option_row *row,
                             const char *value, struct error *error) {
    (void)error;
    memcpy((char *)options + row->offset, &value, sizeof value);
    return STATUS_OK;
}

static enum status take_flag(struct run_options *options, const struct option_row *row,
                             const char *value, struct error *error) {
    bool on = true;
    (void)value;
    (void)error;
    memcpy((char *)options + row->offset, &on, sizeof on);
    return STATUS_OK;
}

static enum status take_nothing(struct run_options *options, const struct option_row *row,
                                const char *value, struct error *error) {
    (void)options;
    (void)row;
    (void)value;
    (void)error;
    return STATUS_OK;
}

static enum status take_memory(struct run_options *options, const struct option_row *row,
                               const char *value, struct error *error) {
    const char *size = value_of(value, "size");
    uint64_t bytes;
    if (!value_bytes(size == NULL ? value : size, &bytes)) {
        return bad_value(row, value, "a size as in 512M or 4G (a plain number is MiB)", error);
    }
    if (bytes < MEMORY_MIN_BYTES || bytes > MEMORY_MAX_BYTES || bytes % PAGE_BYTES != 0) {
        return bad_value(row, value, "16M to 64G, a multiple of 4K", error);
    }
    options->machine.memory_bytes = bytes;
    return STATUS_OK;
}

static enum status take_harts(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    const char *cpus = value_of(value, "cpus");
    uint64_t count;
    if (!value_u64(cpus == NULL ? value : cpus, &count) || count < 1 || count > HARTS_MAX) {
        return error_set(error, STATUS_USAGE, "--%s %s: use 1 to %d harts", row->name, value,
                         HARTS_MAX);
    }
    options->machine.hart_count = (unsigned)count;
    return STATUS_OK;
}

static enum status take_cpu(struct run_options *options, const struct option_row *row,
                            const char *value, struct error *error) {
    (void)row;
    return ext_parse(value, &options->machine.ext, error);
}

static enum status take_board(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    (void)options;
    return strcmp(value, "virt") == 0
               ? STATUS_OK
               : bad_value(row, value, "virt, the one board there is", error);
}

static enum status take_drive(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    if (options->drive_count == DRIVES_MAX) {
        return error_set(error, STATUS_USAGE, "--%s: more than %d; drop some", row->name,
                         DRIVES_MAX);
    }
    return drive_parse(value, &options->drives[options->drive_count++], error);
}

static enum status take_share(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    return share_parse(value, strcmp(row->name, "virtfs") == 0, options, error);
}

static enum status take_net(struct run_options *options, const struct option_row *row,
                            const char *value, struct error *error) {
    (void)row;
    return network_parse(value, options, error);
}

static enum status take_serial(struct run_options *options, const struct option_row *row,
                               const char *value, struct error *error) {
    if (options->serial_count == SERIALS_MAX) {
        return error_set(error, STATUS_USAGE, "--%s: there are only %d; drop some", row->name,
                         SERIALS_MAX);
    }
    options->serials[options->serial_count++] = value;
    return STATUS_OK;
}

static enum status take_virtconsole(struct run_options *options, const struct option_row *row,
                                    const char *value, struct error *error) {
    if (options->virtconsole_count == VIRTCONSOLES_MAX) {
        return error_set(error, STATUS_USAGE, "--%s: there are only %d; drop some", row->name,
                         VIRTCONSOLES_MAX);
    }
    options->virtconsoles[options->virtconsole_count++] = value;
    return STATUS_OK;
}

static enum status take_time(struct run_options *options, const struct option_row *row,
                             const char *value, struct error *error) {
    struct machine_options *machine = &options->machine;
    const char *skew = "token,max-skew=";
    uint64_t ns;
    machine->time = TIME_LOCKSTEP;
    machine->monotonic = strcmp(value, "lockstep,monotonic=on") == 0;
    machine->max_skew_ns = VTIME_NEVER;
    if (machine->monotonic || strcmp(value, "lockstep") == 0 ||
        strcmp(value, "lockstep,monotonic=off") == 0) {
        return STATUS_OK;
    }
    machine->time = strcmp(value, "free") == 0 ? TIME_FREE : TIME_TOKEN;
    if (strcmp(value, "free") == 0 || strcmp(value, "token") == 0) {
        return STATUS_OK;
    }
    if (strncmp(value, skew, strlen(skew)) == 0 && value_u64(value + strlen(skew), &ns) && ns > 0 &&
        ns < (uint64_t)VTIME_NEVER) {
        machine->max_skew_ns = (vtime)ns;
        return STATUS_OK;
    }
    return bad_value(row, value, "lockstep[,monotonic=on], token[,max-skew=NS] or free", error);
}

static enum status take_quantum(struct run_options *options, const struct option_row *row,
                                const char *value, struct error *error) {
    uint64_t ns;
    if (!value_u64(value, &ns) || ns < QUANTUM_MIN_NS || ns > QUANTUM_MAX_NS) {
        return error_set(error, STATUS_USAGE, "--%s %s: use %d to %d ns", row->name, value,
                         QUANTUM_MIN_NS, QUANTUM_MAX_NS);
    }
    options->machine.quantum_ns = (vtime)ns;
    return STATUS_OK;
}

/** Seeds are below 2^63. */
static bool chaos_seed(const char *text, size_t length, uint64_t *seed) {
    char digits[OPTION_WORD_CHARS];
    snprintf(digits, sizeof digits, "%.*s", (int)length, text);
    return value_u64(digits, seed) && *seed <= INT64_MAX;
}

static enum status take_chaos(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    struct exploration *exploration = &options->exploration;
    struct chaos *chaos = &options->machine.chaos;
    const char *dots = strstr(value, "..");
    chaos->wanted = true;
    if (dots == NULL && chaos_seed(value, strlen(value), &chaos->seed)) {
        return STATUS_OK;
    }
    exploration->wanted = true;
    if (dots != NULL && chaos_seed(value, (size_t)(dots - value), &exploration->first) &&
        chaos_seed(dots + 2, strlen(dots + 2), &exploration->last) &&
        exploration->first <= exploration->last) {
        return STATUS_OK;
    }
    return bad_value(row, value, "SEED or FIRST..LAST, numbers below 2^63 in ascending order",
                     error);
}

static enum status take_jobs(struct run_options *options, const struct option_row *row,
                             const char *value, struct error *error) {
    uint64_t count;
    if (!value_u64(value, &count) || count < 1 || count > JOBS_MAX) {
        return bad_value(row, value, "1 to 64", error);
    }
    options->exploration.jobs = (unsigned)count;
    return STATUS_OK;
}

static enum status take_count(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    static const struct {
        const char *name;
        enum profile_kind kind;
    } kinds[] = {
        {"callers", PROFILE_CALLERS}, {"flat", PROFILE_FLAT}, {"nothing", PROFILE_UNCOUNTED}};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(value, kinds[i].name) == 0) {
            options->profile_plan.kind = kinds[i].kind;
            return STATUS_OK;
        }
    }
    return bad_value(row, value, "callers, flat or nothing", error);
}

static enum status take_sample(struct run_options *options, const struct option_row *row,
                               const char *value, struct error *error) {
    const char *accepted = "STEPS[,seed=N]: 1 to 1000000000000 steps, and a number below 2^64";
    char word[OPTION_WORD_CHARS];
    const char *list = value;
    if (!value_word(&list, word, sizeof word) ||
        !value_u64(word, &options->profile_plan.sample_steps) ||
        options->profile_plan.sample_steps < 1 ||
        options->profile_plan.sample_steps > SAMPLE_STEPS_MAX) {
        return bad_value(row, value, accepted, error);
    }
    options->profile_plan.sample_seed = 0;
    options->profile_plan.kind = PROFILE_SAMPLED;
    while (value_word(&list, word, sizeof word)) {
        const char *seed = value_of(word, "seed");
        if (seed == NULL || !value_u64(seed, &options->profile_plan.sample_seed)) {
            return bad_value(row, value, accepted, error);
        }
    }
    return *list == '\0' ? STATUS_OK : bad_value(row, value, accepted, error);
}

static enum status take_pulse(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    uint64_t ns;
    if (!value_u64(value, &ns) || ns < PULSE_MIN_NS || ns > PULSE_MAX_NS) {
        return error_set(error, STATUS_USAGE, "--%s %s: use %d to %d ns", row->name, value,
                         PULSE_MIN_NS, PULSE_MAX_NS);
    }
    options->machine.pulse_ns = (vtime)ns;
    return STATUS_OK;
}

/** @return false: there is no such engine. */
static bool engine_read(const char *value, enum engine *engine) {
    static const char *const names[] = {[ENGINE_AUTO] = "auto",
                                        [ENGINE_JIT] = "jit",
                                        [ENGINE_INTERP] = "interp",
                                        [ENGINE_CHECK] = "check"};
    size_t idx = 0;
    while (idx < COUNT(names) && strcmp(value, names[idx]) != 0) {
        idx++;
    }
    *engine = (enum engine)idx;
    return idx < COUNT(names);
}

static const char ENGINES[] = "auto, jit, interp or check";

static enum status take_engine(struct run_options *options, const struct option_row *row,
                               const char *value, struct error *error) {
    return engine_read(value, &options->machine.engine) ? STATUS_OK
                                                        : bad_value(row, value, ENGINES, error);
}

/* The second run takes it again: this only is to find out before the first one. */
static enum status take_against(struct run_options *options, const struct option_row *row,
                                const char *value, struct error *error) {
    enum engine engine;
    options->against = value;
    return engine_read(value, &engine) ? STATUS_OK : bad_value(row, value, ENGINES, error);
}

static enum status take_jit_cache(struct run_options *options, const struct option_row *row,
                                  const char *value, struct error *error) {
    uint64_t bytes;
    if (!value_bytes(value, &bytes) || bytes < JIT_CACHE_MIN_BYTES || bytes > JIT_CACHE_MAX_BYTES ||
        bytes % PAGE_BYTES != 0) {
        return bad_value(row, value, "1M to 1G (a plain number is MiB)", error);
    }
    options->machine.jit_cache_bytes = bytes;
    return STATUS_OK;
}

static enum status take_snapshot_memory(struct run_options *options, const struct option_row *row,
                                        const char *value, struct error *error) {
    uint64_t bytes;
    if (!value_bytes(value, &bytes) || bytes < SNAPSHOT_MIN_BYTES || bytes > SNAPSHOT_MAX_BYTES) {
        return bad_value(row, value, "16M to 1024G (a plain number is MiB)", error);
    }
    options->machine.snapshot_bytes = bytes;
    return STATUS_OK;
}

/** 0: there is no such item. */
static unsigned dump_item(const char *word) {
    static const struct {
        const char *name;
        enum jit_dump item;
    } items[] = {{"isa", JIT_DUMP_ISA}, {"ir", JIT_DUMP_IR}, {"x64", JIT_DUMP_X64}};
    for (size_t i = 0; i < COUNT(items); i++) {
        if (strcmp(word, items[i].name) == 0) {
            return items[i].item;
        }
    }
    return 0;
}

static enum status take_dump(struct run_options *options, const struct option_row *row,
                             const char *value, struct error *error) {
    const char *list = value;
    char word[OPTION_WORD_CHARS];
    bool good = true;
    while (good && value_word(&list, word, sizeof word)) {
        unsigned item = dump_item(word);
        options->machine.dump_items |= item;
        good = item != 0;
    }
    return good && *list == '\0' && value[0] != '\0'
               ? STATUS_OK
               : bad_value(row, value, "isa, ir, x64 or several of them, as in isa,x64", error);
}

/** A place that stands alone: no other option names one, too. */
static enum status place_take(const struct option_row *row, const char *value,
                              struct destination *place, const char *options, struct error *error) {
    if (place->kind != DESTINATION_NONE) {
        return error_set(error, STATUS_USAGE, "%s: give only one of them", options);
    }
    return destination_parse(value, place) ? STATUS_OK
                                           : bad_value(row, value, DESTINATION_FORMS, error);
}

/** The same for a time alone. */
static enum status time_take(const struct option_row *row, const char *value,
                             struct destination *place, const char *options, struct error *error) {
    uint64_t ns;
    if (!value_u64(value, &ns) || ns >= (uint64_t)VTIME_NEVER) {
        return bad_value(row, value, "nanoseconds of VIRTUAL time below 2^63 - 1", error);
    }
    if (place->kind != DESTINATION_NONE) {
        return error_set(error, STATUS_USAGE, "%s: give only one of them", options);
    }
    *place = (struct destination){.kind = DESTINATION_VTIME, .number = ns};
    return STATUS_OK;
}

static const char STOP_OPTIONS[] = "--stop-at and --stop-at-vtime";
static const char TO_OPTIONS[] = "--to and --to-vtime";

static enum status take_stop(struct run_options *options, const struct option_row *row,
                             const char *value, struct error *error) {
    return place_take(row, value, &options->machine.stop, STOP_OPTIONS, error);
}

static enum status take_stop_vtime(struct run_options *options, const struct option_row *row,
                                   const char *value, struct error *error) {
    return time_take(row, value, &options->machine.stop, STOP_OPTIONS, error);
}

static enum status take_to(struct run_options *options, const struct option_row *row,
                           const char *value, struct error *error) {
    return place_take(row, value, &options->to, TO_OPTIONS, error);
}

static enum status take_to_vtime(struct run_options *options, const struct option_row *row,
                                 const char *value, struct error *error) {
    return time_take(row, value, &options->to, TO_OPTIONS, error);
}

static enum status take_window(struct run_options *options, const struct option_row *row,
                               const char *value, struct error *error) {
    if (options->profile_plan.window_count == WINDOWS_MAX) {
        return error_set(error, STATUS_USAGE, "--%s: more than %d; drop some", row->name,
                         WINDOWS_MAX);
    }
    if (!window_parse(value, &options->profile_plan.windows[options->profile_plan.window_count])) {
        return bad_value(row, value, "FROM..TO, of which either may be empty: " DESTINATION_FORMS,
                         error);
    }
    options->profile_plan.window_count++;
    return STATUS_OK;
}

static enum status take_gdb_default(struct run_options *options, const struct option_row *row,
                                    const char *value, struct error *error) {
    (void)row;
    (void)value;
    (void)error;
    options->gdb = GDB_PORT_DEFAULT;
    return STATUS_OK;
}

static enum status take_seed(struct run_options *options, const struct option_row *row,
                             const char *value, struct error *error) {
    if (strcmp(value, "host") == 0) {
        options->machine.seed = host_entropy();
        return STATUS_OK;
    }
    return value_u64(value, &options->machine.seed)
               ? STATUS_OK
               : bad_value(row, value, "a decimal number below 2^64, or host", error);
}

static enum status take_rtc(struct run_options *options, const struct option_row *row,
                            const char *value, struct error *error) {
    const char *accepted =
        "base=DATE as in 2026-01-01 or 2026-01-01T12:00:00 (UTC), base=SECONDS since 1970, or "
        "base=utc for now; the clock runs on VIRTUAL time";
    char word[OPTION_WORD_CHARS];
    const char *list = value;
    while (value_word(&list, word, sizeof word)) {
        const char *base = value_of(word, "base");
        if (base != NULL && strcmp(base, "utc") == 0) {
            options->machine.rtc_base_ns = (uint64_t)host_time_read().wall_ns;
        } else if (strcmp(word, "clock=vm") != 0 &&
                   (base == NULL || !value_date(base, &options->machine.rtc_base_ns))) {
            return bad_value(row, value, accepted, error);
        }
    }
    return *list == '\0' && value[0] != '\0' ? STATUS_OK : bad_value(row, value, accepted, error);
}

static enum status take_hart_rates(struct run_options *options, const struct option_row *row,
                                   const char *value, struct error *error) {
    char *joined = NULL;
    bool first = options->harts_joined == NULL;
    int length = first ? asprintf(&joined, "%s", value)
                       : asprintf(&joined, "%s,%s", options->harts_joined, value);
    if (length < 0) {
        return error_set(error, STATUS_USAGE, "--%s: out of memory", row->name);
    }
    free(options->harts_joined);
    options->harts_joined = joined;
    options->harts = joined;
    return STATUS_OK;
}

/* -- Options of record and replay -------------------------------------------------------------- */

static enum status take_hash_every(struct run_options *options, const struct option_row *row,
                                   const char *value, struct error *error) {
    uint64_t *steps = &options->hash_steps;
    bool never = strcmp(value, "never") == 0;
    bool good = never || (value_u64(value, steps) && *steps > 0 && *steps < HASH_NEVER);
    *steps = never ? HASH_NEVER : *steps;
    return good ? STATUS_OK : bad_value(row, value, "STEPS of at least 1, or never", error);
}

static enum status take_snapshot_every(struct run_options *options, const struct option_row *row,
                                       const char *value, struct error *error) {
    bool good = value_u64(value, &options->snapshot_steps) && options->snapshot_steps > 0;
    return good ? STATUS_OK : bad_value(row, value, "STEPS of at least 1", error);
}

static enum status take_from(struct run_options *options, const struct option_row *row,
                             const char *value, struct error *error) {
    bool good = value_u64(value, &options->from_steps);
    return good ? STATUS_OK : bad_value(row, value, "STEPS of all harts", error);
}

/* -- Options of profile ------------------------------------------------------------------------ */

static enum status take_symbols(struct run_options *options, const struct option_row *row,
                                const char *value, struct error *error) {
    const char *accepted = "FILE, or FILE@ADDRESS with an address as in 0x80000000; up to 8 files";
    struct symbol_file *file = &options->symbol_files[options->machine.symbol_file_count];
    const char *at = strrchr(value, '@');
    char *end = NULL;
    file->placed = at != NULL && strncmp(at, "@0x", 3) == 0;
    if (file->placed) {
        errno = 0;
        file->address = strtoull(at + 3, &end, 16);
    }
    bool bad_address = file->placed && (errno != 0 || end == at + 3 || *end != '\0');
    size_t chars = file->placed ? (size_t)(at - value) : strlen(value);
    if (options->machine.symbol_file_count == SYMBOL_FILES_MAX || chars == 0 || bad_address) {
        return bad_value(row, value, accepted, error);
    }
    char *path = strndup(value, chars);
    if (path == NULL) {
        return error_set(error, STATUS_USAGE, "--%s: out of memory", row->name);
    }
    file->path = path;
    options->machine.symbol_files = options->symbol_files;
    options->machine.symbol_file_count++;
    return STATUS_OK;
}

static enum status take_probe(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    struct profile_plan *plan = &options->profile_plan;
    if (plan->probe_count == PROBES_MAX) {
        return error_set(error, STATUS_USAGE, "--%s: more than %d; drop some", row->name,
                         PROBES_MAX);
    }
    const char *colon = strrchr(value, ':');
    bool whole = colon == NULL ? value[0] != '\0' && !probe_is_user(value)
                               : colon != value && colon[1] != '\0' && strchr(colon, '/') == NULL;
    if (!whole) {
        return bad_value(row, value, "the name of a function, SYMBOL, FILE:SYMBOL or MODULE:SYMBOL",
                         error);
    }
    plan->probes[plan->probe_count++] = value;
    return STATUS_OK;
}

/* -- Options for tests ------------------------------------------------------------------------- */

static enum status take_grant(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    struct machine_options *machine = &options->machine;
    bool random = strncmp(value, "random:", 7) == 0;
    if (!value_u64(random ? value + 7 : value, &machine->grant) ||
        (!random && machine->grant == 0)) {
        return bad_value(row, value, "STEPS of at least 1, or random:SEED", error);
    }
    machine->grant_kind = random ? GRANT_RANDOM : GRANT_FIXED;
    return STATUS_OK;
}

/** The seed of something for tests that happens at random. */
static enum status random_take(const struct option_row *row, const char *value, uint64_t *seed,
                               bool *on, struct error *error) {
    *on = strncmp(value, "random:", 7) == 0 && value_u64(value + 7, seed);
    return *on ? STATUS_OK : bad_value(row, value, "random:SEED", error);
}

static enum status take_drop_caches(struct run_options *options, const struct option_row *row,
                                    const char *value, struct error *error) {
    struct machine_options *machine = &options->machine;
    return random_take(row, value, &machine->drop_seed, &machine->drop_caches, error);
}

static enum status take_rewind(struct run_options *options, const struct option_row *row,
                               const char *value, struct error *error) {
    struct machine_options *machine = &options->machine;
    return random_take(row, value, &machine->rewind_seed, &machine->rewinds, error);
}

static enum status take_pause(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    struct machine_options *machine = &options->machine;
    return random_take(row, value, &machine->pause_seed, &machine->pauses, error);
}

static enum status take_hash_at(struct run_options *options, const struct option_row *row,
                                const char *value, struct error *error) {
    const char *accepted = "N,N,...:FILE, with total steps N in ascending order";
    const char *colon = strchr(value, ':');
    if (colon == NULL || colon[1] == '\0') {
        return bad_value(row, value, accepted, error);
    }
    char *list = strndup(value, (size_t)(colon - value));
    options->hash_at = calloc(HASHES_MAX, sizeof *options->hash_at);
    options->hash_path = strdup(colon + 1);
    size_t count = 0;
    bool good = list != NULL && options->hash_at != NULL && options->hash_path != NULL;
    const char *left = list;
    char word[OPTION_WORD_CHARS];
    while (good && count < HASHES_MAX && value_word(&left, word, sizeof word)) {
        uint64_t *at = &options->hash_at[count];
        good = value_u64(word, at) && (count == 0 || at[-1] < *at);
        count++;
    }
    good = good && count > 0 && *left == '\0';
    free(list);
    options->machine.hash_at = options->hash_at;
    options->machine.hash_at_count = count;
    return good ? STATUS_OK : bad_value(row, value, accepted, error);
}

/* -- The table --------------------------------------------------------------------------------- */

#define TEXT(field) take_text, offsetof(struct run_options, field)
#define FLAG(field) take_flag, offsetof(struct run_options, field)
#define CALL(kind) take_##kind, 0
#define OPTION(use, name, argument, taken, help) {name, argument, USE_##use, taken, help},

const struct option_row option_rows[] = {
#include "cli/options.def"
};
const size_t option_row_count = COUNT(option_rows);

bool option_repeats(const struct option_row *row) {
    static option_fn *const again[] = {take_hart_rates, take_nothing,     take_drive,
                                       take_serial,     take_virtconsole, take_share,
                                       take_symbols,    take_window,      take_probe};
    bool repeats = false;
    for (size_t i = 0; i < COUNT(again); i++) {
        repeats = repeats || row->parse == again[i];
    }
    return repeats;
}
