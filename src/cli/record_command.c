/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass record and snapshot: a run whose inputs, or whose state, are written down. */
#include "cli/cli.h"

static int command(int argc, char **argv, enum command_kind kind) {
    struct run_options options;
    struct options_source source = {.command = kind, .argc = argc, .argv = argv};
    struct error error;
    int result = (int)options_parse(&source, &options, &error);
    if (result != 0) {
        cli_fail(&error);
    } else if (options.help) {
        run_options_help(kind);
    } else {
        result = run_options_run(&options, argv);
    }
    run_options_free(&options);
    return result;
}

int record_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_RECORD);
}

int snapshot_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_SNAPSHOT);
}
