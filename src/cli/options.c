/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options: parsing, help and near names, from one table.
 *
 * getopt_long_only() takes one dash or two, as QEMU does, and also any abbreviation, which QEMU
 * does not: those are refused here, so that a new option never changes an old command line. */
#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_DEFAULT_MIB = 1024, OPTIONS_MAX = 128 };

/** 2026-01-01T00:00:00Z: any fixed date will do, and a recent one pleases certificate checks. */
static const uint64_t RTC_DEFAULT_NS = UINT64_C(1767225600) * 1000000000;

static void usage_print(enum command_kind command) {
    static const char *const usages[] = {
        [COMMAND_RUN] =
            "usage: sandglass run --kernel FILE [--initrd FILE] [--append TEXT] [OPTION]...\n"
            "       sandglass run --elf FILE [OPTION]...\n\n"
            "Runs a 64-bit RISC-V machine whose time is the instructions it executes.\n",
        [COMMAND_DEBUG] = "usage: sandglass debug [OPTION of run]...\n\n"
                          "Runs a machine that waits for gdb before its first step.\n",
        [COMMAND_RECORD] = "usage: sandglass record --log FILE [OPTION of run]...\n\n"
                           "Runs a machine, and writes down what comes to it from outside.\n",
        [COMMAND_VERIFY] =
            "usage: sandglass verify [--against ENGINE] [OPTION of run]...\n\n"
            "Runs a machine, replays it, and compares both: states on the way, words, ends.\n",
        [COMMAND_PROFILE] =
            "usage: sandglass profile [--output FILE] [OPTION of run]...\n"
            "       sandglass profile FILE [--output FILE] [OPTION of replay or restore]...\n\n"
            "Runs a machine, replays a log, or goes on from a snapshot; and counts what is\n"
            "executed, step by step.\n",
        [COMMAND_REPLAY] =
            "usage: sandglass replay FILE [OPTION]...\n\n"
            "Runs a machine again as it was recorded, to the same end and the same bits.\n",
        [COMMAND_SNAPSHOT] =
            "usage: sandglass snapshot --file FILE --stop-at STEPS [OPTION of run]...\n\n"
            "Runs a machine, and keeps its state where it stops.\n",
        [COMMAND_RESTORE] = "usage: sandglass restore FILE [OPTION]...\n\n"
                            "Lets a machine go on from a snapshot.\n",
    };
    fputs(usages[command], stdout);
    puts("Options take one dash or two; names cannot be abbreviated. Defaults in parentheses.\n");
}

void run_options_help(enum command_kind command) {
    usage_print(command);
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        if (!option_accepted(row, command, command == COMMAND_PROFILE)) {
            continue;
        }
        const char *argument = row->argument == NULL ? "" : row->argument;
        int width = 24 - (int)strlen(row->name);
        if (row->help != NULL) {
            printf("  --%s %-*s %s\n", row->name, width > 0 ? width : 0, argument, row->help);
        }
    }
    puts("\nQEMU's -m, -d, -D, -s, -S, -nic, -machine virt, -nographic are understood too.\n"
         "Exit status: 0 power-off or pass, 1 to 63 the guest's fail code, 64 usage, 65 bad file,\n"
         "70 internal error, 74 host I/O error, 75 stopped by --stop-at..., 76 no hart can wake,\n"
         "130/143 interrupted. See sandglass(1).");
}

/* -- Parsing ----------------------------------------------------------------------------------- */

/** The option part of an argument: no dashes, no "=value". */
static void option_name(const char *argument, char *name, size_t size) {
    argument += strspn(argument, "-");
    snprintf(name, size, "%.*s", (int)strcspn(argument, "="), argument);
}

static const char *command_name(const struct run_options *options) {
    static const char *const names[] = {
        [COMMAND_RUN] = "run",       [COMMAND_DEBUG] = "debug",       [COMMAND_RECORD] = "record",
        [COMMAND_REPLAY] = "replay", [COMMAND_SNAPSHOT] = "snapshot", [COMMAND_RESTORE] = "restore",
        [COMMAND_VERIFY] = "verify", [COMMAND_PROFILE] = "profile",
    };
    return options->profiles ? "profile" : names[options->command];
}

static enum status unknown_option(const struct run_options *options, const char *argument,
                                  struct error *error) {
    const char *names[OPTIONS_MAX + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < option_row_count; i++) {
        if (option_rows[i].help != NULL) {
            names[count++] = option_rows[i].name;
        }
    }
    char name[OPTION_WORD_CHARS];
    option_name(argument, name, sizeof name);
    const char *near = value_near(name, names);
    if (near != NULL) {
        return error_set(error, STATUS_USAGE, "unknown option %.100s; did you mean --%s?", argument,
                         near);
    }
    return error_set(error, STATUS_USAGE, "unknown option %.100s; see sandglass %s --help",
                     argument, command_name(options));
}

/* getopt takes abbreviations; the argument it has just taken must be the full name. */
static bool written_out(const struct option_row *row, char **argv) {
    char name[OPTION_WORD_CHARS];
    const char *argument = argv[optind - 1];
    if (optarg != NULL && optarg == argument) {
        argument = argv[optind - 2];
    }
    option_name(argument, name, sizeof name);
    return strcmp(name, row->name) == 0;
}

/** What an option and its aliases share: which one was given already. */
static bool seen_before(const struct option_row *row, bool *seen) {
    for (size_t i = 0; i < option_row_count; i++) {
        bool same = option_rows[i].parse == row->parse && option_rows[i].offset == row->offset;
        if (same && seen[i]) {
            return true;
        }
    }
    seen[row - option_rows] = !option_repeats(row);
    return false;
}

/** Does it say what a profile counts? */
static bool profile_shapes(const struct option_row *row) {
    return row->use == USE_PROFILE && row->offset != offsetof(struct run_options, profile_path);
}

/** Keeps what a recording or a profile has to say of the run. */
static enum status given_note(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error) {
    enum option_use use = row->use;
    enum command_kind command = options->command;
    bool tells = command == COMMAND_RECORD || options->profiles;
    bool looks = options->profiles && (use == USE_REPLAY || profile_shapes(row));
    bool kept = use == USE_SHAPES || use == USE_DRAWS || use == USE_PLACES ||
                (use == USE_STOPS && tells) || looks;
    if (!kept || (!tells && command != COMMAND_SNAPSHOT)) {
        return STATUS_OK;
    }
    if (options->given_count == GIVEN_MAX) {
        return error_set(error, STATUS_USAGE, "more than %d options; drop some", GIVEN_MAX);
    }
    options->given[options->given_count++] = (struct given){row->name, value};
    return STATUS_OK;
}

static enum status take_option(struct run_options *options, const struct option_row *row,
                               bool *seen, char **argv, struct error *error) {
    if (!written_out(row, argv)) {
        return unknown_option(options, argv[optind - (optarg == argv[optind - 1] ? 2 : 1)], error);
    }
    if (seen_before(row, seen)) {
        return error_set(error, STATUS_USAGE, "--%s is given twice; keep one", row->name);
    }
    if (!option_accepted(row, options->command, options->profiles)) {
        return option_refuse(row, options->command, error);
    }
    const char *value = optarg == NULL ? "" : optarg;
    enum status status = given_note(options, row, value, error);
    return status == STATUS_OK ? row->parse(options, row, value, error) : status;
}

/** What was recorded, by the same rows. */
static enum status recorded_take(const struct recording *recording, struct run_options *options,
                                 struct error *error) {
    enum status status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK && i < recording->given_count; i++) {
        const struct given *given = &recording->given[i];
        size_t row = 0;
        while (row < option_row_count && strcmp(option_rows[row].name, given->name) != 0) {
            row++;
        }
        status = row < option_row_count
                     ? option_rows[row].parse(options, &option_rows[row], given->value, error)
                     : error_set(error, STATUS_BAD_INPUT,
                                 "--%.100s: was recorded, and is not known here; "
                                 "replay it with the program that recorded it",
                                 given->name);
    }
    recording_place(recording, options);
    options->machine.seed = recording->seed;
    options->machine.rtc_base_ns = recording->rtc_base_ns;
    return status;
}

static enum status options_take(int argc, char **argv, struct run_options *options,
                                struct error *error) {
    struct option known[OPTIONS_MAX + 1] = {{0}};
    bool seen[OPTIONS_MAX] = {false};
    for (size_t i = 0; i < option_row_count; i++) {
        known[i] = (struct option){.name = option_rows[i].name,
                                   .has_arg = option_rows[i].argument != NULL,
                                   .val = (int)i + 1000};
    }
    opterr = 0;
    optind = 1;
    for (;;) {
        int got = getopt_long_only(argc, argv, "+:", known, NULL);
        if (got == -1) {
            break;
        }
        if (got == ':') {
            return error_set(error, STATUS_USAGE, "%.100s needs a value; see sandglass %s --help",
                             argv[optind - 1], command_name(options));
        }
        if (got == '?') {
            return unknown_option(options, argv[optind - 1], error);
        }
        enum status status = take_option(options, &option_rows[got - 1000], seen, argv, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return optind == argc ? STATUS_OK
                          : error_set(error, STATUS_USAGE,
                                      "unexpected argument '%.100s'; see sandglass %s --help",
                                      argv[optind], command_name(options));
}

/* -- All together ------------------------------------------------------------------------------ */

/** Files that will be written must be writable now, not after an hour. */
static enum status writable_check(struct run_options *options, struct error *error) {
    const char *snapshot = options->command == COMMAND_SNAPSHOT ? options->log_path : NULL;
    options->log_fresh = snapshot == NULL ? NULL : output_fresh(snapshot);
    options->outputs = (struct outputs){
        .files = {
            [OUTPUT_STATS] = {.option = "--stats", .path = options->stats},
            [OUTPUT_SIGNATURE] = {.option = "--signature", .path = options->machine.signature},
            [OUTPUT_HASHES] = {.option = "--hash-at", .path = options->hash_path},
            [OUTPUT_SNAPSHOT] = {.option = "--file", .path = snapshot, .fresh = options->log_fresh},
            [OUTPUT_PROFILE] = {.option = "--output", .path = options->profile_path},
        }};
    enum status status = outputs_apart(options, error);
    if (status == STATUS_OK) {
        status = outputs_check(&options->outputs, error);
    }
    if (status == STATUS_OK && options->dump != NULL) {
        status = output_check("--dump-file", options->dump, error);
    }
    return status;
}

static void options_defaults(struct run_options *options) {
    *options = (struct run_options){
        .machine =
            {
                .memory_bytes = (uint64_t)MEMORY_DEFAULT_MIB << 20,
                .hart_count = 1,
                .jit_cache_bytes = JIT_CACHE_DEFAULT_BYTES,
                .snapshot_bytes = SNAPSHOT_DEFAULT_BYTES,
                .max_skew_ns = VTIME_NEVER,
                .rtc_base_ns = RTC_DEFAULT_NS,
            },
        .hash_steps = HASH_AT_EASE,
        .profile_plan = {.kind = PROFILE_CALLERS},
    };
    options->machine.rates = options->rates;
}

static vtime quantum_default(const struct machine_options *machine) {
    if (machine->time != TIME_LOCKSTEP) {
        return max_i64(min_i64(QUANTUM_PARALLEL_NS, machine->max_skew_ns), QUANTUM_MIN_NS);
    }
    return machine->hart_count == 1 ? QUANTUM_ALONE_NS : QUANTUM_DEFAULT_NS;
}

enum status options_parse(const struct options_source *source, struct run_options *options,
                          struct error *error) {
    options_defaults(options);
    options->command = source->command;
    options->profiles = source->profiles;
    enum status status = ext_parse("max", &options->machine.ext, error);
    if (status == STATUS_OK && source->recording != NULL) {
        status = recorded_take(source->recording, options, error);
    }
    if (status == STATUS_OK) {
        status = options_take(source->argc, source->argv, options, error);
    }
    if (status != STATUS_OK || options->help) {
        return status;
    }
    bool debug = source->command == COMMAND_DEBUG;
    options->profile_path = options->profiles && options->profile_path == NULL
                                ? PROFILE_DEFAULT
                                : options->profile_path;
    options->gdb_waits = options->gdb_waits || debug;
    options->gdb = options->gdb == NULL && debug ? GDB_PORT_DEFAULT : options->gdb;
    status = options_check(options, error);
    if (status == STATUS_OK) {
        status = icount_apply(options, error);
    }
    if (status == STATUS_OK) {
        status = outside_check(options, error);
    }
    if (options->machine.quantum_ns == 0) {
        options->machine.quantum_ns = quantum_default(&options->machine);
    }
    return status == STATUS_OK ? writable_check(options, error) : status;
}

void run_options_free(struct run_options *options) {
    free(options->hash_at);
    free(options->hash_path);
    free(options->log_fresh);
    free(options->harts_joined);
    for (unsigned i = 0; i < options->machine.symbol_file_count; i++) {
        free((char *)(uintptr_t)options->symbol_files[i].path);
    }
    for (unsigned i = 0; i < options->drive_count; i++) {
        free(options->drives[i].text);
    }
    for (unsigned i = 0; i < options->share_count; i++) {
        free(options->shared[i].text);
    }
}
