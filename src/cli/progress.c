/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A live line for whoever waits: on a terminal that the guest's console is not on. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static const double QUIET_S = 1.0;

void progress_init(struct progress *progress) {
    *progress = (struct progress){.wanted = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO)};
}

void progress_show(struct progress *progress, const struct machine *machine) {
    struct machine_stats stats;
    machine_stats(machine, &stats);
    if (!progress->wanted || stats.host.wall_s < QUIET_S) {
        return;
    }
    progress->shown = true;
    fprintf(stderr, "\rsandglass: %.1f s, %.3f G steps, virtual %.3f s, %.0f MIPS\033[K",
            stats.host.wall_s, (double)stats.steps / 1e9, (double)stats.virtual_ns / 1e9,
            (double)stats.instructions / 1e6 / stats.host.wall_s);
}

void progress_clear(struct progress *progress) {
    if (progress->shown) {
        progress->shown = false;
        fputs("\r\033[K", stderr);
    }
}
