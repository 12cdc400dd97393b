/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass replay and restore: a run again, as a log says, or on from a snapshot; and profile,
 * which counts the one or the other. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* -- Where output goes ------------------------------------------------------------------------- */

/** Nobody types, so what was a terminal is only written to; what else there was is not there. */
static const char *console_now(const char *spec) {
    return strcmp(spec, "stdio") == 0 || strcmp(spec, "stdout") == 0 ? "stdout" : "null";
}

/* The first console says what it has to say to whoever replays, wherever it went then. */
static void consoles_place(const struct recording *recording, struct run_options *options) {
    bool heard = false;
    for (unsigned i = 0; i < options->virtconsole_count; i++) {
        options->virtconsoles[i] = console_now(options->virtconsoles[i]);
        heard = heard || strcmp(options->virtconsoles[i], "stdout") == 0;
    }
    for (unsigned i = 1; i < options->serial_count; i++) {
        options->serials[i] = console_now(options->serials[i]);
        heard = heard || strcmp(options->serials[i], "stdout") == 0;
    }
    const char *first = options->console;
    bool recorded = first == NULL;
    for (unsigned i = 0; i < recording->given_count; i++) {
        recorded = recorded || first == recording->given[i].value;
    }
    if (!recorded) {
        first = strcmp(first, "stdio") == 0 ? "stdout" : first;
    } else {
        first = first == NULL && options->serial_count > 0 ? options->serials[0] : first;
        bool silent = first != NULL && strcmp(first, "null") == 0;
        first = silent || heard ? "null" : "stdout";
    }
    if (options->serial_count > 0) {
        options->serials[0] = first;
        options->console = NULL;
    } else {
        options->console = first;
    }
}

/* -- The command ------------------------------------------------------------------------------- */

/** A snapshot is no log of inputs, and the other way round. */
static enum status kind_check(struct log *log, enum command_kind command, struct error *error) {
    bool snapshot = log_is_snapshot(log);
    if (snapshot == (command == COMMAND_RESTORE)) {
        return STATUS_OK;
    }
    if (command == COMMAND_RESTORE && log_defect(log) != NULL) {
        return error_set(error, STATUS_BAD_INPUT, "%.300s: %s; restore another snapshot",
                         log_name(log), log_defect(log));
    }
    return error_set(error, STATUS_BAD_INPUT, "%.300s: %s", log_name(log),
                     snapshot ? "is a snapshot; use sandglass restore"
                              : "is a log of inputs; use sandglass replay");
}

/** Checks and runs what has been parsed. */
static int options_run(struct run_options *options, const struct recording *recording,
                       char **argv) {
    struct error error;
    options->log_path = log_name(options->log);
    if (options->command == COMMAND_REPLAY) {
        consoles_place(recording, options);
    }
    if (recording_compare(recording, options, &error) != STATUS_OK ||
        outputs_apart(options, &error) != STATUS_OK) {
        return cli_fail(&error);
    }
    return options->exploration.wanted ? explore_run(options, argv)
                                       : run_options_run(options, argv);
}

static int go_on(struct log *log, struct recording *recording,
                 const struct options_source *source) {
    struct run_options options;
    struct error error;
    enum status status = recording_read(log, recording, &error);
    if (status == STATUS_OK) {
        status = kind_check(log, source->command, &error);
    }
    if (status != STATUS_OK) {
        return cli_fail(&error);
    }
    int result = (int)options_parse(source, &options, &error);
    options.log = log;
    if (result != 0) {
        cli_fail(&error);
    } else if (options.help) {
        run_options_help(source->profiles ? COMMAND_PROFILE : source->command);
    } else {
        result = options_run(&options, recording, source->argv);
    }
    run_options_free(&options);
    return result;
}

static int command(int argc, char **argv, enum command_kind kind) {
    bool profiles = kind == COMMAND_PROFILE;
    struct error error;
    if (argc < 2) {
        error_set(&error, STATUS_USAGE, "%s: names no file; use sandglass %s FILE [OPTION]...",
                  argv[0], argv[0]);
        return cli_fail(&error);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-help") == 0) {
        run_options_help(kind);
        return 0;
    }
    if (argv[1][0] == '-') {
        error_set(&error, STATUS_USAGE, "%s: the file comes first: %s FILE %.100s ...", argv[0],
                  argv[0], argv[1]);
        return cli_fail(&error);
    }
    if (sandbox_possible()) {
        sandbox_shed((const char *const *)argv);
    }
    struct recording *recording = malloc(sizeof *recording);
    struct log *log = recording == NULL ? NULL : log_open(argv[1], &error);
    int result;
    if (recording == NULL) {
        error_set(&error, STATUS_USAGE, "%s: out of memory; free some and try again", argv[0]);
    }
    if (log == NULL) {
        result = cli_fail(&error);
    } else {
        enum command_kind found = log_is_snapshot(log) ? COMMAND_RESTORE : COMMAND_REPLAY;
        result = go_on(log, recording,
                       &(struct options_source){.command = profiles ? found : kind,
                                                .profiles = profiles,
                                                .argc = argc - 1,
                                                .argv = argv + 1,
                                                .recording = recording});
        (void)log_close(log, &error);
    }
    free(recording);
    return result;
}

int replay_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_REPLAY);
}

int restore_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_RESTORE);
}

int profile_command(int argc, char **argv) {
    bool file = argc > 1 && argv[1][0] != '-';
    return file ? command(argc, argv, COMMAND_PROFILE) : profile_live(argc, argv);
}
