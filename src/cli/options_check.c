/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which options belong to which command, and which go together. */
#include "cli/cli.h"

#include <string.h>

/* -- Whose they are ---------------------------------------------------------------------------- */

/** All others shape the run. */
static const struct {
    const char *name;
    enum option_use use;
} uses[] = {
    {"kernel", USE_PLACES},     {"initrd", USE_PLACES},
    {"bios", USE_PLACES},       {"elf", USE_PLACES},
    {"console", USE_PLACES},    {"signature", USE_LOOKS},
    {"engine", USE_LOOKS},      {"jit-cache", USE_LOOKS},
    {"stats", USE_LOOKS},       {"state-hash", USE_LOOKS},
    {"dump", USE_LOOKS},        {"d", USE_LOOKS},
    {"dump-file", USE_LOOKS},   {"D", USE_LOOKS},
    {"no-sandbox", USE_LOOKS},  {"help", USE_LOOKS},
    {"grant", USE_LOOKS},       {"drop-caches", USE_LOOKS},
    {"rewind", USE_LOOKS},      {"pause", USE_LOOKS},
    {"gdb", USE_LOOKS},         {"gdb-wait", USE_LOOKS},
    {"s", USE_LOOKS},           {"S", USE_LOOKS},
    {"hash-at", USE_LOOKS},     {"log", USE_RECORD},
    {"hash-every", USE_RECORD}, {"to", USE_REPLAY},
    {"to-vtime", USE_REPLAY},   {"verify", USE_REPLAY},
    {"stop-at", USE_STOPS},     {"stop-at-vtime", USE_STOPS},
    {"file", USE_SNAPSHOT},     {"against", USE_VERIFY},
};

enum option_use option_use(const char *name) {
    for (size_t i = 0; i < COUNT(uses); i++) {
        if (strcmp(uses[i].name, name) == 0) {
            return uses[i].use;
        }
    }
    return USE_SHAPES;
}

bool option_accepted(const char *name, enum command_kind command) {
    enum option_use use = option_use(name);
    switch (command) {
    case COMMAND_RUN:
    case COMMAND_DEBUG:
        return use <= USE_STOPS;
    case COMMAND_RECORD:
        return use <= USE_STOPS || use == USE_RECORD;
    case COMMAND_VERIFY:
        return use <= USE_STOPS || use == USE_VERIFY || strcmp(name, "hash-every") == 0;
    case COMMAND_REPLAY:
        return use == USE_PLACES || use == USE_LOOKS || use == USE_REPLAY;
    case COMMAND_SNAPSHOT:
        return use <= USE_STOPS || use == USE_SNAPSHOT;
    case COMMAND_RESTORE:
        break;
    }
    return use == USE_PLACES || use == USE_LOOKS || use == USE_STOPS;
}

enum status option_refuse(const char *name, enum command_kind command, struct error *error) {
    static const char *const owners[] = {
        [USE_RECORD] = "is of sandglass record; drop it",
        [USE_REPLAY] = "is of sandglass replay; drop it",
        [USE_SNAPSHOT] = "is of sandglass snapshot; drop it",
        [USE_VERIFY] = "is of sandglass verify; drop it",
    };
    bool recorded = command == COMMAND_REPLAY || command == COMMAND_RESTORE;
    enum option_use use = option_use(name);
    const char *why = recorded || use <= USE_STOPS ? "is as it was recorded; drop it" : owners[use];
    return error_set(error, STATUS_USAGE, "--%s: %s", name, why);
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
    if (snapshot && options->machine.stop_kind == STOP_NEVER) {
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
    bool records = options->command == COMMAND_RECORD || options->command == COMMAND_SNAPSHOT ||
                   options->command == COMMAND_VERIFY;
    if (records && record_check(options, error) != STATUS_OK) {
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
    if (machine->stop_kind == STOP_AT_HART_STEPS && machine->stop_hart >= machine->hart_count) {
        return error_set(error, STATUS_USAGE,
                         "--stop-at: there is no hart %u; --smp gives harts 0 to %u",
                         machine->stop_hart, machine->hart_count - 1);
    }
    return STATUS_OK;
}
