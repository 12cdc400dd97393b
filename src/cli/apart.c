/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run writes is none of the files that it is made of: those would be emptied or replaced. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/** A file, and the option that names it; "": it is what the command names. */
struct named_file {
    const char *option, *path;
};

/* Of those that are read; there are fewer that are written. */
enum { FILES_MAX = RECORDED_FILES_MAX + DRIVES_MAX + SYMBOL_FILES_MAX + 2 };

struct files {
    struct named_file list[FILES_MAX];
    unsigned count;
};

/** Devices can be both. */
static bool is_same_file(const char *a, const char *b) {
    struct stat there_a, there_b;
    return stat(a, &there_a) == 0 && stat(b, &there_b) == 0 && S_ISREG(there_a.st_mode) &&
           there_a.st_dev == there_b.st_dev && there_a.st_ino == there_b.st_ino;
}

static void file_add(struct files *files, const char *option, const char *path) {
    if (path != NULL) {
        ensure(files->count < FILES_MAX);
        files->list[files->count++] = (struct named_file){option, path};
    }
}

/** What stands behind @p kind, "file:" or "disk:"; NULL: it is of another kind, or not given. */
static const char *path_behind(const char *kind, const char *text) {
    return text == NULL || strncmp(text, kind, strlen(kind)) != 0 ? NULL : text + strlen(kind);
}

/** Is the log, or the snapshot, what the run begins with? Else it is written. */
static bool log_is_read(const struct run_options *options) {
    return options->command == COMMAND_REPLAY || options->command == COMMAND_RESTORE;
}

static void inputs_find(const struct run_options *options, struct files *inputs) {
    inputs->count = 0;
    for (unsigned role = 0; role < RECORDED_FILES_MAX; role++) {
        file_add(inputs, recording_role_option(role), recording_role_path(options, role));
    }
    for (unsigned i = 0; i < options->drive_count; i++) {
        file_add(inputs, "--drive", options->drives[i].disk.overlay);
    }
    for (unsigned i = 0; i < options->machine.symbol_file_count; i++) {
        file_add(inputs, "--symbols", options->symbol_files[i].path);
    }
    file_add(inputs, "--sysroot", path_behind("disk:", options->sysroot));
    if (log_is_read(options)) {
        file_add(inputs, "", options->log_path);
    }
}

static enum status written_check(const struct run_options *options, const struct files *inputs,
                                 const struct named_file *written, struct error *error) {
    for (unsigned i = 0; i < inputs->count; i++) {
        const struct named_file *input = &inputs->list[i];
        if (!is_same_file(written->path, input->path)) {
            continue;
        }
        if (input->option[0] != '\0') {
            return error_set(error, STATUS_USAGE, "%s %.300s: is the file of %s too; name another",
                             written->option, written->path, input->option);
        }
        return error_set(error, STATUS_USAGE, "%s %.300s: is what is %s; name another",
                         written->option, written->path,
                         options->profiles                    ? "profiled"
                         : options->command == COMMAND_REPLAY ? "replayed"
                                                              : "restored");
    }
    return STATUS_OK;
}

/* What was a console's file is none in a replay. */
static void consoles_find(const struct run_options *options, struct files *written) {
    if (options->command == COMMAND_REPLAY) {
        return;
    }
    file_add(written, "--console", path_behind("file:", options->console));
    for (unsigned i = 0; i < options->serial_count; i++) {
        file_add(written, "--serial", path_behind("file:", options->serials[i]));
    }
    for (unsigned i = 0; i < options->virtconsole_count; i++) {
        file_add(written, "--virtconsole", path_behind("file:", options->virtconsoles[i]));
    }
}

enum status outputs_apart(const struct run_options *options, struct error *error) {
    struct files inputs, written = {.count = 0};
    inputs_find(options, &inputs);
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        const struct output_file *file = &options->outputs.files[i];
        file_add(&written, file->option, file->path);
    }
    if (!log_is_read(options)) {
        bool snapshot = options->command == COMMAND_SNAPSHOT;
        file_add(&written, snapshot ? "--file" : "--log", options->log_path);
    }
    file_add(&written, "--dump-file", options->dump);
    consoles_find(options, &written);
    enum status status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK && i < written.count; i++) {
        status = written_check(options, &inputs, &written.list[i], error);
    }
    return status;
}
