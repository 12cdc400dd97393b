/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which options belong to which command, and which go together. */
#include "cli/options.h"

#include <string.h>

/* -- Whose they are ---------------------------------------------------------------------------- */

bool option_accepted(const struct option_row *row, enum command_kind command, bool profiles) {
    enum option_use use = row->use;
    if (use == USE_PROFILE) {
        return profiles;
    }
    switch (command) {
    case COMMAND_RUN:
    case COMMAND_DEBUG:
        return use <= USE_STOPS || (use == USE_EXPLORES && command == COMMAND_RUN);
    case COMMAND_RECORD:
        return use <= USE_HASHES || use == USE_RECORD;
    case COMMAND_VERIFY:
        return use <= USE_STOPS || use == USE_HASHES || use == USE_VERIFY;
    case COMMAND_REPLAY:
        return use == USE_PLACES || use == USE_LOOKS || use == USE_REPLAY;
    case COMMAND_PROFILE:
        return use <= USE_STOPS;
    case COMMAND_SNAPSHOT:
        return use <= USE_STOPS || use == USE_SNAPSHOT;
    case COMMAND_RESTORE:
        break;
    }
    return use >= USE_DRAWS && use <= USE_EXPLORES;
}

enum status option_refuse(const struct option_row *row, enum command_kind command,
                          struct error *error) {
    static const char *const owners[] = {
        [USE_EXPLORES] = "is of sandglass run, record and restore; drop it",
        [USE_HASHES] = "is of sandglass record and verify; drop it",
        [USE_RECORD] = "is of sandglass record; drop it",
        [USE_REPLAY] = "is of sandglass replay; drop it",
        [USE_SNAPSHOT] = "is of sandglass snapshot; drop it",
        [USE_VERIFY] = "is of sandglass verify; drop it",
        [USE_PROFILE] = "is of sandglass profile; drop it",
    };
    bool recorded = command == COMMAND_REPLAY || command == COMMAND_RESTORE;
    const char *why = (recorded && row->use != USE_PROFILE) || row->use <= USE_STOPS
                          ? "is as it was recorded; drop it"
                          : owners[row->use];
    return error_set(error, STATUS_USAGE, "--%s: %s", row->name, why);
}

/* -- Options that do not go together ----------------------------------------------------------- */

static enum status conflict(struct error *error, const char *a, const char *why) {
    return error_set(error, STATUS_USAGE, "%s %s", a, why);
}

/** What harts that run at the same time cannot have; under free clocks are the host's besides. */
static enum status policy_check(const struct run_options *options, struct error *error) {
    const struct machine_options *machine = &options->machine;
    const char *steps = "needs --time lockstep, where every step has its place";
    const char *rates = "says how long steps take; with --time free time is the host's: drop one";
    if (machine->engine == ENGINE_CHECK) {
        return conflict(error, "--engine check", steps);
    }
    if (machine->hash_at_count > 0) {
        return conflict(error, "--hash-at", steps);
    }
    if (machine->grant_kind != GRANT_ALL || machine->drop_caches || machine->pauses ||
        machine->rewinds || machine->uncounted) {
        return conflict(error, "--grant, --drop-caches, --pause, --rewind, --no-accounting", steps);
    }
    if (machine->dump_items != 0) {
        return conflict(error, "--dump", steps);
    }
    if (options->gdb != NULL) {
        return conflict(error, "--gdb", steps);
    }
    if (machine->chaos.wanted) {
        return conflict(error, "--chaos",
                        "draws the order of turns, and only --time lockstep has turns; drop one");
    }
    if (machine->time == TIME_FREE && options->harts != NULL) {
        return conflict(error, "--hart", rates);
    }
    if (machine->time == TIME_FREE && machine->quantum_ns != 0) {
        return conflict(error, "--quantum", rates);
    }
    return STATUS_OK;
}

/** What would not be the same when it is replayed, or goes on elsewhere. */
static enum status record_check(const struct run_options *options, struct error *error) {
    bool snapshot = options->command == COMMAND_SNAPSHOT;
    if (options->log_path == NULL && options->command != COMMAND_VERIFY) {
        return conflict(error, snapshot ? "snapshot:" : "record:",
                        snapshot ? "where to? give --file FILE" : "where to? give --log FILE");
    }
    if (snapshot && options->machine.stop.kind == DESTINATION_NONE) {
        return conflict(error, "snapshot:", "where? give --stop-at STEPS or --stop-at-vtime NS");
    }
    if (options->machine.time != TIME_LOCKSTEP) {
        return conflict(error, "--time",
                        "token and free leave the order of harts to the host, and that cannot be "
                        "recorded; use lockstep");
    }
    if (options->machine.uncounted) {
        return conflict(error, "--no-accounting",
                        "counts no steps, so nothing has a place; drop it");
    }
    for (unsigned i = 0; i < options->drive_count; i++) {
        const struct disk_options *disk = &options->drives[i].disk;
        if (disk->persist || disk->overlay != NULL) {
            return conflict(error, "--drive",
                            "with persist or overlay= keeps what the run writes, and its replay "
                            "would begin with that; drop it, then writes are temporary");
        }
    }
    return STATUS_OK;
}

/** A console that each of many runs can have. */
static bool console_shared(const char *spec) {
    return spec == NULL || strcmp(spec, "stdio") == 0 || strcmp(spec, "stdout") == 0 ||
           strcmp(spec, "null") == 0;
}

/** What is there once, and would have to be shared by runs that know nothing of each other. */
static const char *explore_shares(const struct run_options *options) {
    bool consoles = console_shared(options->console);
    for (unsigned i = 0; i < options->serial_count; i++) {
        consoles = consoles && console_shared(options->serials[i]);
    }
    for (unsigned i = 0; i < options->virtconsole_count; i++) {
        consoles = consoles && console_shared(options->virtconsoles[i]);
    }
    for (unsigned i = 0; i < options->drive_count; i++) {
        const struct disk_options *disk = &options->drives[i].disk;
        if (disk->persist || disk->overlay != NULL) {
            return "--drive with persist or overlay=";
        }
    }
    for (unsigned i = 0; i < options->share_count; i++) {
        if (options->shared[i].options.writable) {
            return "--share with rw";
        }
    }
    return !consoles                                 ? "a console other than stdio and null"
           : options->network.user.forward_count > 0 ? "hostfwd="
           : options->gdb != NULL                    ? "--gdb"
           : options->machine.signature != NULL      ? "--signature"
           : options->dump != NULL                   ? "--dump-file"
           : options->hash_path != NULL              ? "--hash-at"
                                                     : NULL;
}

static enum status explore_check(const struct run_options *options, struct error *error) {
    const struct exploration *exploration = &options->exploration;
    if (!exploration->wanted) {
        bool asked = exploration->until_fail || exploration->jobs > 0 || exploration->fail_on;
        return asked
                   ? conflict(error, "--until-fail, --fail-on, --jobs", "need --chaos FIRST..LAST")
                   : STATUS_OK;
    }
    const char *shares = explore_shares(options);
    if ((options->command != COMMAND_RUN && options->command != COMMAND_RECORD &&
         options->command != COMMAND_RESTORE) ||
        options->profiles) {
        return conflict(error, "--chaos FIRST..LAST",
                        "is for run, record and restore; give one seed");
    }
    if (options->command == COMMAND_RECORD && !exploration->until_fail) {
        return conflict(error, "--chaos FIRST..LAST",
                        "with record keeps one log: add --until-fail");
    }
    if (shares != NULL) {
        return error_set(error, STATUS_USAGE,
                         "--chaos FIRST..LAST: its runs cannot share %s; drop it, and repeat with "
                         "the seed that is found",
                         shares);
    }
    bool silent = options->console != NULL && strcmp(options->console, "null") == 0;
    if (exploration->fail_on != NULL && (silent || exploration->fail_on[0] == '\0')) {
        return conflict(error, "--fail-on",
                        silent ? "reads the console; drop --console null"
                               : "needs a text that is not empty");
    }
    return STATUS_OK;
}

static enum status place_check(const char *option, const struct destination *place,
                               const struct machine_options *machine, struct error *error) {
    bool executed = place->kind == DESTINATION_SYMBOL || place->kind == DESTINATION_MARKER;
    if (place->kind == DESTINATION_HART_STEPS && place->hart >= machine->hart_count) {
        return error_set(error, STATUS_USAGE, "%s: there is no hart %u; --smp gives harts 0 to %u",
                         option, place->hart, machine->hart_count - 1);
    }
    if (destination_counted(place) && (machine->time != TIME_LOCKSTEP || machine->uncounted)) {
        return error_set(error, STATUS_USAGE,
                         "%s: symbols, lines and markers have their places under --time lockstep",
                         option);
    }
    if (executed && machine->engine == ENGINE_CHECK) {
        return error_set(error, STATUS_USAGE,
                         "%s: symbols and markers cannot go with --engine check; use another",
                         option);
    }
    return STATUS_OK;
}

/** What would count steps twice, or cannot say where they are. */
static enum status profile_check(const struct run_options *options, struct error *error) {
    const struct machine_options *machine = &options->machine;
    bool twice = machine->engine == ENGINE_CHECK || machine->rewinds || options->gdb != NULL;
    if (twice || machine->time != TIME_LOCKSTEP || machine->uncounted) {
        return conflict(error, "profile",
                        "counts each step once, under --time lockstep: drop --time, --gdb, "
                        "--rewind, --engine check, --no-accounting");
    }
    if (options->profile_plan.by_address && options->profile_plan.kind != PROFILE_FLAT) {
        return conflict(error, "--by-address", "is for --count flat, where all else is left out");
    }
    if (options->sysroot != NULL && machine->kernel == NULL) {
        return conflict(error, "--sysroot",
                        "names the programs of a Linux guest, and there is no --kernel; drop it");
    }
    for (unsigned i = 0; i < options->profile_plan.probe_count; i++) {
        if (options->sysroot == NULL && probe_is_user(options->profile_plan.probes[i])) {
            return conflict(error, "--probe FILE:SYMBOL",
                            "needs --sysroot, which has the file, and so where the function is");
        }
    }
    enum status status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK && i < options->profile_plan.window_count; i++) {
        const struct window *window = &options->profile_plan.windows[i];
        status = place_check("--window", &window->from, machine, error);
        if (status == STATUS_OK) {
            status = place_check("--window", &window->to, machine, error);
        }
    }
    return status == STATUS_OK && windows_disordered(options->profile_plan.windows,
                                                     options->profile_plan.window_count)
               ? conflict(error, "--window",
                          "ends before it begins, or before an earlier one does; "
                          "give them in the order of the run")
               : status;
}

enum status options_check(const struct run_options *options, struct error *error) {
    const struct machine_options *machine = &options->machine;
    bool bios_file = machine->bios != NULL && strcmp(machine->bios, "none") != 0 &&
                     strcmp(machine->bios, "default") != 0;
    if (machine->uncounted && machine->engine != ENGINE_AUTO && machine->engine != ENGINE_JIT) {
        return conflict(error, "--no-accounting", "is for the translator; use --engine jit");
    }
    if (machine->time != TIME_LOCKSTEP && policy_check(options, error) != STATUS_OK) {
        return error->status;
    }
    if (explore_check(options, error) != STATUS_OK) {
        return error->status;
    }
    bool records = options->command == COMMAND_RECORD || options->command == COMMAND_SNAPSHOT ||
                   options->command == COMMAND_VERIFY;
    if (records && record_check(options, error) != STATUS_OK) {
        return error->status;
    }
    if (options->profiles && profile_check(options, error) != STATUS_OK) {
        return error->status;
    }
    if (machine->elf != NULL) {
        const char *without =
            "cannot go with --elf, which starts a program on the bare machine; drop one";
        if (machine->kernel != NULL) {
            return conflict(error, "--kernel", without);
        }
        if (machine->initrd != NULL) {
            return conflict(error, "--initrd", without);
        }
        if (machine->append != NULL) {
            return conflict(error, "--append", without);
        }
        if (machine->bios != NULL && strcmp(machine->bios, "none") != 0) {
            return conflict(error, "--bios", without);
        }
    } else {
        if (machine->kernel == NULL && !bios_file) {
            return conflict(error,
                            "nothing to run:", "give --kernel FILE, --elf FILE or --bios FILE");
        }
        if (machine->kernel == NULL && machine->initrd != NULL) {
            return conflict(error, "--initrd", "needs --kernel");
        }
        if (machine->kernel == NULL && machine->append != NULL) {
            return conflict(error, "--append", "needs --kernel");
        }
        if (machine->signature != NULL) {
            return conflict(error, "--signature", "needs --elf");
        }
    }
    if (options->dump != NULL && machine->dump_items == 0) {
        return conflict(error, "--dump-file", "needs --dump");
    }
    if (options->gdb_waits && options->gdb == NULL) {
        return conflict(error, "--gdb-wait", "needs --gdb");
    }
    if (options->gdb != NULL &&
        (machine->engine == ENGINE_CHECK || machine->uncounted || machine->pauses)) {
        return conflict(error, "--gdb", "cannot go with --engine check, --pause, --no-accounting");
    }
    if (machine->dump_items != 0 && machine->engine == ENGINE_INTERP) {
        return conflict(error, "--dump", "shows what is translated: drop --engine interp");
    }
    return place_check("--stop-at", &machine->stop, machine, error) != STATUS_OK
               ? error->status
               : place_check("--to", &options->to, machine, error);
}
