/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass run: builds a machine from options, runs it, reports how it went. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- Signals ----------------------------------------------------------------------------------- */

/* A handler can be given nothing but its number, so the one fact it reports lives here. */
static volatile sig_atomic_t signal_arrived;

static void signal_note(int number) {
    signal_arrived = number;
}

static int signal_ask(void *owner) {
    (void)owner;
    return signal_arrived;
}

/* No SA_RESTART: a wait for input has to end. A closed pipe and a file that is too large are errors
 * of those writes, not signals. */
static void signals_set(void) {
    struct sigaction note = {.sa_handler = signal_note};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &note, NULL);
    sigaction(SIGTERM, &note, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

/* -- Firmware ---------------------------------------------------------------------------------- */

enum { PLACES = 5 };

/** Where the default firmware may be: of the build, of the installation, of Debian. */
struct firmware {
    char paths[PLACES][PATH_MAX];
    const char *list[PLACES + 1];
};

/* The first two hold for out/sandglass and out/MODE/sandglass, the third for
 * PREFIX/bin/sandglass. */
static void firmware_find(struct firmware *firmware) {
    static const char *const places[] = {"guest", "../guest", "../share/sandglass"};
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length < 0 ? 0 : length] = '\0';
    char *slash = strrchr(program, '/');
    size_t count = 0;
    if (slash != NULL) {
        *slash = '\0';
        for (size_t i = 0; i < COUNT(places); i++) {
            char *path = firmware->paths[count];
            int size = snprintf(path, PATH_MAX, "%s/%s/fw_dynamic.bin", program, places[i]);
            firmware->list[count] = path;
            count += size < PATH_MAX;
        }
    }
    firmware->list[count++] = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin";
    firmware->list[count] = NULL;
}

/* -- Sandbox ----------------------------------------------------------------------------------- */

/** Will the run be at places where it has been before? */
static bool goes_back(const struct run_options *options) {
    return options->gdb != NULL || options->machine.rewinds;
}

/** What the options ask system calls for. */
static unsigned groups_wanted(const struct run_options *options) {
    const struct machine_options *machine = &options->machine;
    unsigned groups = outside_groups(&options->outside);
    groups |= machine->time != TIME_LOCKSTEP || machine->uncounted ? SANDBOX_THREADS : 0;
    groups |= machine->drive_count > 0 ? SANDBOX_DISKS : 0;
    groups |= machine->net != NULL && options->command != COMMAND_REPLAY ? SANDBOX_NETWORK : 0;
    groups |= options->command == COMMAND_SNAPSHOT ? SANDBOX_DISKS : 0;
    bool records = options->command == COMMAND_RECORD || goes_back(options);
    groups |= records ? SANDBOX_THREADS | SANDBOX_DISKS : 0;
    for (unsigned i = 0; i < options->share_count && options->command != COMMAND_REPLAY; i++) {
        groups |= SANDBOX_SHARE | (options->shared[i].options.writable ? SANDBOX_CHANGES : 0);
    }
    groups |= names_folder(options) != NULL ? SANDBOX_SYSROOT : 0;
    return groups;
}

/* A host that has no sandbox runs without one, and says so. */
static enum status shut_in(void *owner, struct error *error) {
    const struct run_options *options = owner;
    struct sandbox_folder folders[SHARES_MAX + 1];
    struct sandbox sandbox = {
        .groups = groups_wanted(options),
        .folders = folders,
    };
    for (unsigned i = 0; i < options->share_count && options->command != COMMAND_REPLAY; i++) {
        const struct share_options *share = &options->shared[i].options;
        folders[sandbox.folder_count++] =
            (struct sandbox_folder){.path = share->path, .writable = share->writable};
    }
    if (names_folder(options) != NULL) {
        folders[sandbox.folder_count++] = (struct sandbox_folder){.path = names_folder(options)};
    }
    if (!sandbox_enter(&sandbox, error)) {
        cli_fail(error);
    }
    return STATUS_OK;
}

/* -- A run ------------------------------------------------------------------------------------- */

/** What callbacks need. */
struct session {
    struct progress progress;
    char *hashes; /* text of --hash-at */
    size_t hashes_bytes;
    FILE *hashes_file;
};

static void hash_note(void *owner, uint64_t steps, const char *hash) {
    struct session *session = owner;
    if (session->hashes_file != NULL) {
        fprintf(session->hashes_file, "%" PRIu64 " %s\n", steps, hash);
    }
}

static void progress_note(void *owner, const struct machine *machine) {
    struct session *session = owner;
    progress_show(&session->progress, machine);
}

static void append_bytes(void *owner, const void *bytes, size_t size_bytes) {
    (void)fwrite(bytes, 1, size_bytes, owner);
}

static enum status signature_write(const struct machine *machine, const struct outputs *outputs,
                                   struct error *error) {
    const char *path = outputs->files[OUTPUT_SIGNATURE].path;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) {
        return error_set(error, STATUS_HOST_IO, "--signature %s: out of memory", path);
    }
    struct stream stream = {.put = append_bytes, .owner = file};
    machine_signature(machine, &stream);
    enum status status = STATUS_OK;
    if (fclose(file) != 0) {
        status = error_set(error, STATUS_HOST_IO, "--signature %s: out of memory", path);
    } else {
        status = output_write(outputs, OUTPUT_SIGNATURE, text, error);
    }
    free(text);
    return status;
}

/** One line on every end that is not a plain power-off or pass. */
static void end_tell(const struct machine_exit *end, const struct machine *machine) {
    struct machine_stats stats = {0};
    if (machine != NULL) {
        machine_stats(machine, &stats);
    }
    switch (end->reason) {
    case EXIT_FAIL:
    case EXIT_TOHOST:
        if (end->status != 0) {
            fprintf(stderr, "sandglass: the guest failed with code %" PRIu64 "\n", end->code);
        }
        break;
    case EXIT_STOPPED:
        fprintf(stderr, "sandglass: stopped after %" PRIu64 " steps, at %" PRId64 " ns\n",
                stats.steps, stats.virtual_ns);
        break;
    case EXIT_DEADLOCK:
        fprintf(
            stderr,
            "sandglass: no hart can ever wake: all wait for interrupts, no timer is armed and no "
            "input can come (after %" PRIu64 " steps)\n",
            stats.steps);
        break;
    case EXIT_SIGNAL:
        fprintf(stderr, "sandglass: interrupted by signal %" PRIu64 " after %" PRIu64 " steps\n",
                end->code, stats.steps);
        break;
    case EXIT_ERROR:
        cli_fail(&end->error);
        if (machine != NULL) {
            machine_check_dump(machine, &(struct stream){.put = append_bytes, .owner = stderr});
        }
        break;
    default:
        break;
    }
}

/** A replay that was to end before the log does, and did not. An error, or whoever ended it, has
 * said why already. */
static void missed_tell(const struct run_options *options, const struct machine *machine,
                        const struct machine_exit *end) {
    bool cut = end->reason == EXIT_ERROR || end->reason == EXIT_SIGNAL || end->reason == EXIT_USER;
    if (options->to.kind != DESTINATION_NONE && !cut && !machine_came_to(machine)) {
        char place[DESTINATION_CHARS];
        fprintf(stderr, "sandglass: --to %s: the recorded run ended before it came there\n",
                destination_text(&options->to, place));
    }
}

/** A snapshot that lies behind where the run is to stop: it would stop at once. */
static enum status stop_check(const struct run_options *options, const struct machine *machine,
                              struct error *error) {
    const struct destination *stop = &options->machine.stop;
    struct machine_stats stats;
    char place[DESTINATION_CHARS];
    machine_stats(machine, &stats);
    uint64_t hart_steps =
        stop->kind == DESTINATION_HART_STEPS ? machine_hart_stats(machine, stop->hart).steps : 0;
    bool behind = (stop->kind == DESTINATION_STEPS && stop->number < stats.steps) ||
                  (stop->kind == DESTINATION_HART_STEPS && stop->number < hart_steps) ||
                  (stop->kind == DESTINATION_VTIME && stop->number < (uint64_t)stats.virtual_ns);
    return !behind ? STATUS_OK
                   : error_set(error, STATUS_USAGE,
                               "--stop-at %s: lies before the snapshot, which is after %" PRIu64
                               " steps, at %" PRId64 " ns; give a later place, or another snapshot",
                               destination_text(stop, place), stats.steps, stats.virtual_ns);
}

/** A guest that was to keep up with the host's clock, and could not. */
static void pace_tell(const struct run_options *options, const struct machine *machine) {
    enum { BEHIND_MS = 100 };
    struct machine_stats stats;
    machine_stats(machine, &stats);
    if (options->machine.aligns && stats.pace_behind_max_ns > (vtime)BEHIND_MS * 1000000) {
        fprintf(stderr,
                "sandglass: align=on: virtual time fell up to %" PRId64 " ms behind the host's "
                "clock; a greater cost of a step (shift=) would let it keep up\n",
                stats.pace_behind_max_ns / 1000000);
    }
}

/** Says @p error, and lets it be the end of the run when there is none worse. */
static void end_spoil(struct machine_exit *end, const struct error *error) {
    cli_fail(error);
    end->status = (int)error->status;
}

static void session_close(struct session *session, const struct run_options *options,
                          struct machine_exit *end) {
    struct error error;
    if (session->hashes_file == NULL) {
        return;
    }
    if (fclose(session->hashes_file) != 0) {
        error_set(&error, STATUS_HOST_IO, "--hash-at: out of memory");
        end_spoil(end, &error);
    } else if (output_write(&options->outputs, OUTPUT_HASHES, session->hashes, &error) !=
               STATUS_OK) {
        end_spoil(end, &error);
    }
    free(session->hashes);
}

static struct machine_exit run(struct machine *machine, const struct run_options *options) {
    struct session session = {0};
    progress_init(&session.progress);
    if (options->hash_path != NULL) {
        session.hashes_file = open_memstream(&session.hashes, &session.hashes_bytes);
    }
    struct run_callbacks callbacks = {
        .signal = signal_ask,
        .hash_taken = hash_note,
        .progress = progress_note,
        .owner = &session,
    };
    struct console *gdb = options->outside.gdb;
    struct machine_exit end = {.reason = EXIT_ERROR};
    if (options->profiles && profile_begin(machine, options, &end.error) != STATUS_OK) {
        end.status = (int)end.error.status;
        return end;
    }
    end = gdb == NULL ? machine_run(machine, &callbacks)
                      : machine_debug(machine, gdb, options->gdb_waits, &callbacks);
    progress_clear(&session.progress);
    session_close(&session, options, &end);
    return end;
}

/** Everything that is written after a run. @p machine is NULL when there was none. */
static void report_all(struct machine *machine, const struct run_options *options,
                       struct machine_exit *end) {
    char hash[STATE_HASH_CHARS];
    struct error error;
    struct report report = {.options = options, .machine = machine, .exit = end};
    if (machine != NULL && options->state_hash) {
        machine_state_hash(machine, hash);
        report.state_hash = hash;
        fprintf(stderr, "state-hash %s\n", hash);
    }
    if (machine != NULL && options->machine.signature != NULL &&
        signature_write(machine, &options->outputs, &error) != STATUS_OK) {
        end_spoil(end, &error);
    }
    if (machine != NULL && machine_profiled(machine) &&
        profile_write(machine, options, end, &error) != STATUS_OK) {
        end_spoil(end, &error);
    }
    if (options->stats != NULL && stats_write(&report, &error) != STATUS_OK) {
        end_spoil(end, &error);
    }
    if (machine != NULL && options->clocks && clocks_print(&report, &error) != STATUS_OK) {
        end_spoil(end, &error);
    }
}

/** All of it, under its name. */
static enum status snapshot_write(struct machine *machine, const struct run_options *options,
                                  struct error *error) {
    if (machine_snapshot(machine, options->log, error) != STATUS_OK) {
        return error->status;
    }
    if (!log_flush(options->log)) {
        (void)log_failed(options->log, error);
        return error->status;
    }
    return options->log_fresh == NULL ? STATUS_OK
                                      : output_write(&options->outputs, OUTPUT_SNAPSHOT, "", error);
}

/** sandglass snapshot: stopping is what was wanted. */
static void snapshot_keep(struct machine *machine, const struct run_options *options,
                          struct machine_exit *end) {
    struct error error;
    if (options->command != COMMAND_SNAPSHOT || end->reason == EXIT_ERROR) {
        return;
    }
    if (end->reason != EXIT_STOPPED && end->reason != EXIT_SIGNAL && end->reason != EXIT_USER) {
        error_set(&error, STATUS_USAGE,
                  "snapshot: the guest has ended before; let it stop earlier, by --stop-at");
        end_spoil(end, &error);
    } else if (snapshot_write(machine, options, &error) != STATUS_OK) {
        end_spoil(end, &error);
    } else if (end->reason == EXIT_STOPPED) {
        end->status = STATUS_OK;
    }
}

/** The machine's life, from options to stats. */
static int life(const struct run_options *options, struct console *console) {
    struct machine_exit end = {.reason = EXIT_ERROR};
    struct machine *machine = machine_new(&options->machine, console, &end.error);
    if (machine != NULL && options->command == COMMAND_RESTORE &&
        (machine_restore(machine, options->log, &end.error) != STATUS_OK ||
         stop_check(options, machine, &end.error) != STATUS_OK)) {
        machine_free(machine);
        machine = NULL;
    }
    if (machine != NULL) {
        end = run(machine, options);
        snapshot_keep(machine, options, &end);
    } else {
        end.status = (int)end.error.status;
    }
    end_tell(&end, machine);
    if (machine != NULL) {
        missed_tell(options, machine, &end);
        pace_tell(options, machine);
    }
    report_all(machine, options, &end);
    machine_free(machine);
    return end.status;
}

/* A dump is long and of use while it grows, so it is not a file that appears at the end. */
static int run_with(struct run_options *options, struct console *console) {
    struct error error;
    FILE *file = options->dump == NULL ? stderr : fopen(options->dump, "w");
    struct stream dump = {.put = append_bytes, .owner = file};
    options->machine.dump = &dump;
    if (file == NULL) {
        error_set(&error, STATUS_HOST_IO, "--dump-file %s: cannot be written (%s); name another",
                  options->dump, strerror(errno));
        return cli_fail(&error);
    }
    int result = life(options, console);
    if (options->dump != NULL && fclose(file) != 0) {
        error_set(&error, STATUS_HOST_IO, "--dump-file %s: cannot be written (%s); make room",
                  options->dump, strerror(errno));
        result = cli_fail(&error);
    }
    return result;
}

/** Makes the log, which needs to know all files. */
static struct log *log_make(const struct run_options *options, struct error *error) {
    struct recording *recording = malloc(sizeof *recording);
    struct log *log = NULL;
    if (recording == NULL) {
        error_set(error, STATUS_USAGE, "--log: out of memory; free some and try again");
    } else if (recording_make(options, recording, error) == STATUS_OK) {
        struct error why;
        const char *path = options->log_fresh == NULL ? options->log_path : options->log_fresh;
        log = log_create(path, recording->bytes, recording->size_bytes, &why);
        if (log == NULL) {
            error_set(error, why.status, "--%s %s",
                      options->command == COMMAND_SNAPSHOT ? "file" : "log", why.text);
        }
    }
    free(recording);
    return log;
}

/** A run whose inputs are written down. */
static int run_into(struct log *log, uint64_t hash_steps, struct run_options *options,
                    struct console *console) {
    options->machine.gate = (struct gate_options){
        .mode = GATE_RECORDS,
        .log = log,
        .hash_steps = hash_steps,
        .waypoint_steps = options->snapshot_steps,
        .to_steps = UINT64_MAX,
        .to_ns = VTIME_NEVER,
    };
    return run_with(options, console);
}

static int run_recorded(struct run_options *options, struct console *console) {
    struct error error;
    struct log *log = log_make(options, &error);
    if (log == NULL) {
        return cli_fail(&error);
    }
    int result = run_into(log, options->hash_steps, options, console);
    return log_close(log, &error) || result == STATUS_HOST_IO ? result : cli_fail(&error);
}

static int run_replayed(struct run_options *options, struct console *console) {
    options->machine.gate = (struct gate_options){
        .mode = GATE_REPLAYS,
        .log = options->log,
        .verifies = options->verifies,
        .from_steps = options->from_steps,
        .to_steps = UINT64_MAX,
        .to_ns = VTIME_NEVER,
    };
    struct gate_options *gate = &options->machine.gate;
    switch (options->to.kind) {
    case DESTINATION_STEPS:
        gate->to_steps = options->to.number;
        break;
    case DESTINATION_VTIME:
        gate->to_ns = (vtime)options->to.number;
        break;
    default:
        gate->to = options->to;
    }
    return run_with(options, console);
}

/* Who may go back wants what came in on the way to come in again: it is kept in a nameless file. */
static int run_live(struct run_options *options, struct console *console) {
    struct error error;
    if (!goes_back(options)) {
        return run_with(options, console);
    }
    struct log *log = log_create(NULL, "", 0, &error);
    if (log == NULL) {
        return cli_fail(&error);
    }
    int result = run_into(log, HASH_NEVER, options, console);
    (void)log_close(log, &error); /* it is gone with the run in any case */
    return result;
}

/* A snapshot is written when the run stands still; then stopping is what was wanted. */
static int run_kept(struct run_options *options, struct console *console) {
    struct error error;
    options->machine.kept = true;
    options->log = log_make(options, &error);
    if (options->log == NULL) {
        return cli_fail(&error);
    }
    int result = run_live(options, console);
    return log_close(options->log, &error) || result == STATUS_HOST_IO ? result : cli_fail(&error);
}

/* What goes wrong at the very end still is how the run ended. */
static int run_with_drives(struct run_options *options, struct console *console) {
    static int (*const runs[])(struct run_options *, struct console *) = {
        [COMMAND_RUN] = run_live,        [COMMAND_DEBUG] = run_live,
        [COMMAND_RECORD] = run_recorded, [COMMAND_REPLAY] = run_replayed,
        [COMMAND_SNAPSHOT] = run_kept,   [COMMAND_RESTORE] = run_live,
        [COMMAND_PROFILE] = run_live,
    };
    struct error error;
    enum status status = drives_open(options, &error);
    int result = status == STATUS_OK ? runs[options->command](options, console) : cli_fail(&error);
    if (drives_close(options, &error) != STATUS_OK && status == STATUS_OK) {
        result = cli_fail(&error);
    }
    return result;
}

/** Opens what the run needs; unless told otherwise it is shut in behind that. A file that grows
 * under another name has a keeper in any case: no killed run leaves it behind. */
static int run_shut_in(struct run_options *options, char *const *argv) {
    struct error error;
    bool shut = !options->no_sandbox && sandbox_possible();
    options->machine.opened = shut ? shut_in : NULL;
    options->machine.opened_owner = options;
    if (shut && options->log == NULL) { /* else it was done before that was opened */
        sandbox_shed((const char *const *)argv);
    }
    signals_set();
    enum status status = outside_open(options, &error);
    if (status == STATUS_OK && (shut || options->log_fresh != NULL)) {
        status = keeper_start(&options->outputs, &options->outside, &error);
    }
    int result =
        status == STATUS_OK ? run_with_drives(options, options->outside.console) : cli_fail(&error);
    outside_close(options);
    outputs_drop(&options->outputs);
    keeper_end(options->outputs.keeper);
    return result;
}

int run_options_run(struct run_options *options, char *const *argv) {
    struct firmware firmware;
    firmware_find(&firmware);
    options->machine.firmware_paths = firmware.list;
    return run_shut_in(options, argv);
}

static int command(int argc, char **argv, enum command_kind kind, bool clocks) {
    struct run_options options;
    struct options_source source = {
        .command = kind, .profiles = kind == COMMAND_PROFILE, .argc = argc, .argv = argv};
    struct error error;
    int result = (int)options_parse(&source, &options, &error);
    if (result != 0) {
        cli_fail(&error);
    } else if (options.help) {
        run_options_help(kind);
    } else {
        options.clocks = clocks;
        result = options.exploration.wanted ? explore_run(&options, argv)
                                            : run_options_run(&options, argv);
    }
    run_options_free(&options);
    return result;
}

int run_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_RUN, false);
}

int clocks_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_RUN, true);
}

int debug_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_DEBUG, false);
}

int profile_live(int argc, char **argv) {
    return command(argc, argv, COMMAND_PROFILE, false);
}

int record_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_RECORD, false);
}

int snapshot_command(int argc, char **argv) {
    return command(argc, argv, COMMAND_SNAPSHOT, false);
}
