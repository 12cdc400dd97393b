/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass record: a run whose inputs are written down. */
#include "cli/cli.h"

int record_command(int argc, char **argv) {
    struct run_options options;
    struct options_source source = {.command = COMMAND_RECORD, .argc = argc, .argv = argv};
    struct error error;
    int result = (int)options_parse(&source, &options, &error);
    if (result != 0) {
        cli_fail(&error);
    } else if (options.help) {
        run_options_help(COMMAND_RECORD);
    } else {
        result = run_options_run(&options, argv);
    }
    run_options_free(&options);
    return result;
}
