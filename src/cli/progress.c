/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A live line for whoever waits: on a terminal that the guest's console is not on. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static const double QUIET_S = 1.0;

/* What is too long for the terminal is cut there, and does not begin another line. */
#define LINE_BEGIN "\r\033[?7l"
#define LINE_END "\033[K\033[?7h"
enum { LINE_CHARS = 512 };

void progress_init(struct progress *progress) {
    *progress = (struct progress){.wanted = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO)};
}

static void headway_put(const struct headway *headway, FILE *line) {
    if (headway->measured) {
        fprintf(line, ", %u %%", headway->percent);
    }
    if (headway->place[0] != '\0') {
        fprintf(line, "%sto %s", headway->measured ? " " : ", ", headway->place);
    }
}

/** What all runs show. */
static void run_put(const struct machine *machine, const struct machine_stats *stats, FILE *line) {
    struct headway headway;
    machine_headway(machine, &headway);
    fprintf(line, "%.1f s, %.3f G steps, virtual %.3f s, %.0f MIPS", stats->host.wall_s,
            (double)stats->steps / 1e9, (double)stats->virtual_ns / 1e9,
            (double)stats->instructions / 1e6 / stats->host.wall_s);
    headway_put(&headway, line);
}

/* What a narrow terminal cuts off stands last. */
static void profile_put(const struct machine *machine, const struct machine_stats *stats,
                        FILE *line) {
    struct profile_live live;
    machine_profile_live(machine, &live);
    fprintf(line, "virtual %.3f s, %.0f MIPS, %s %u %%", (double)stats->virtual_ns / 1e9,
            (double)stats->instructions / 1e6 / stats->host.wall_s, live.function, live.in_percent);
    if (live.window_count > 0) {
        fprintf(line, ", %swindow %u/%u", live.counts ? "" : "before ", live.window,
                live.window_count);
    }
    headway_put(&live.headway, line);
}

/* In one write, so that the terminal is never left in between. */
void progress_show(struct progress *progress, const struct machine *machine) {
    struct machine_stats stats;
    char text[LINE_CHARS] = "";
    machine_stats(machine, &stats);
    FILE *line = progress->wanted && stats.host.wall_s >= QUIET_S
                     ? fmemopen(text, sizeof text - 1, "w")
                     : NULL;
    if (line == NULL) {
        return;
    }
    progress->shown = true;
    if (machine_profiled(machine)) {
        profile_put(machine, &stats, line);
    } else {
        run_put(machine, &stats, line);
    }
    (void)fclose(line);
    fprintf(stderr, LINE_BEGIN "sandglass: %s" LINE_END, text);
}

void progress_clear(struct progress *progress) {
    if (progress->shown) {
        progress->shown = false;
        fputs("\r\033[K", stderr);
    }
}
