/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that a run does not need, and that have names for what it executes. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "prof/prof.h"

enum status names_open(struct run_options *options, struct error *error) {
    return options->sysroot == NULL
               ? STATUS_OK
               : sysroot_open(options->sysroot, &options->outside.sysroot, error);
}

void names_close(struct run_options *options) {
    sysroot_free(options->outside.sysroot);
}

enum status names_look(const struct run_options *options, struct error *error) {
    struct sysroot *sysroot = options->outside.sysroot;
    return sysroot == NULL ? STATUS_OK : sysroot_look(sysroot, error);
}

const char *names_folder(const struct run_options *options) {
    const char *path = options->sysroot;
    bool disk = path != NULL && strncmp(path, SYSROOT_DISK, strlen(SYSROOT_DISK)) == 0;
    return disk ? NULL : path;
}

/* A sysroot that is not the guest's at all would fill the screen. */
void names_defects_tell(const struct run_options *options) {
    enum { TOLD_MAX = 10 };
    const struct sysroot *sysroot = options->outside.sysroot;
    size_t count = 0;
    const char *defect;
    while (sysroot != NULL && (defect = sysroot_defect(sysroot, count)) != NULL) {
        if (count++ < TOLD_MAX) {
            fprintf(stderr, "sandglass: --sysroot: %s\n", defect);
        }
    }
    if (count > TOLD_MAX) {
        fprintf(stderr, "sandglass: --sysroot: and %zu programs and libraries more\n",
                count - TOLD_MAX);
    }
}
