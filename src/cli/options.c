/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of `run`: one table that the parser, the help text and the near-name search share.
 *
 * getopt_long_only() takes one dash or two, as QEMU does, and also any abbreviation, which QEMU
 * does not: those are refused here, so that a new option never changes an old command line. */
#include "cli/cli.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_DEFAULT_MIB = 1024, HASHES_MAX = 100000, WORD_CHARS = 64 };

/** 2026-01-01T00:00:00Z: any fixed date will do, and a recent one pleases certificate checks. */
static const uint64_t RTC_DEFAULT_NS = UINT64_C(1767225600) * 1000000000;

/** Where gdb goes if nobody says more, as with QEMU. */
static const char GDB_PORT_DEFAULT[] = "1234";

struct row;
typedef enum status row_fn(struct run_options *options, const struct row *row, const char *value,
                           struct error *error);

struct row {
    const char *name;
    const char *argument; /* as in the help text; NULL: none */
    row_fn *parse;
    size_t offset;    /* for take_text: of the field in struct run_options */
    const char *help; /* NULL: an alias, or for tests only */
};

/* -- Errors that many options share ------------------------------------------------------------ */

static enum status bad_value(const struct row *row, const char *value, const char *accepted,
                             struct error *error) {
    return error_set(error, STATUS_USAGE, "--%s %s: use %s", row->name, value, accepted);
}

/* -- One function a kind of value -------------------------------------------------------------- */

static enum status take_text(struct run_options *options, const struct row *row, const char *value,
                             struct error *error) {
    (void)error;
    memcpy((char *)options + row->offset, &value, sizeof value);
    return STATUS_OK;
}

static enum status take_flag(struct run_options *options, const struct row *row, const char *value,
                             struct error *error) {
    bool on = true;
    (void)value;
    (void)error;
    memcpy((char *)options + row->offset, &on, sizeof on);
    return STATUS_OK;
}

static enum status take_nothing(struct run_options *options, const struct row *row,
                                const char *value, struct error *error) {
    (void)options;
    (void)row;
    (void)value;
    (void)error;
    return STATUS_OK;
}

static enum status take_memory(struct run_options *options, const struct row *row,
                               const char *value, struct error *error) {
    const char *size = value_of(value, "size");
    uint64_t bytes;
    if (!value_bytes(size == NULL ? value : size, &bytes)) {
        return bad_value(row, value, "a size as in 512M or 4G (a plain number is MiB)", error);
    }
    if (bytes < MEMORY_MIN_BYTES || bytes > MEMORY_MAX_BYTES || bytes % PAGE_BYTES != 0) {
        return bad_value(row, value, "16M to 64G, a multiple of 4K", error);
    }
    options->machine.memory_bytes = bytes;
    return STATUS_OK;
}

static enum status take_harts(struct run_options *options, const struct row *row, const char *value,
                              struct error *error) {
    const char *cpus = value_of(value, "cpus");
    uint64_t count;
    if (!value_u64(cpus == NULL ? value : cpus, &count) || count < 1 || count > HARTS_MAX) {
        return error_set(error, STATUS_USAGE, "--%s %s: use 1 to %d harts", row->name, value,
                         HARTS_MAX);
    }
    options->machine.hart_count = (unsigned)count;
    return STATUS_OK;
}

static enum status take_cpu(struct run_options *options, const struct row *row, const char *value,
                            struct error *error) {
    (void)row;
    return ext_parse(value, &options->machine.ext, error);
}

static enum status take_board(struct run_options *options, const struct row *row, const char *value,
                              struct error *error) {
    (void)options;
    return strcmp(value, "virt") == 0
               ? STATUS_OK
               : bad_value(row, value, "virt, the one board there is", error);
}

static enum status take_drive(struct run_options *options, const struct row *row, const char *value,
                              struct error *error) {
    if (options->drive_count == DRIVES_MAX) {
        return error_set(error, STATUS_USAGE, "--%s: more than %d; drop some", row->name,
                         DRIVES_MAX);
    }
    return drive_parse(value, &options->drives[options->drive_count++], error);
}

static enum status take_share(struct run_options *options, const struct row *row, const char *value,
                              struct error *error) {
    return share_parse(value, strcmp(row->name, "virtfs") == 0, options, error);
}

static enum status take_net(struct run_options *options, const struct row *row, const char *value,
                            struct error *error) {
    (void)row;
    return network_parse(value, options, error);
}

static enum status take_serial(struct run_options *options, const struct row *row,
                               const char *value, struct error *error) {
    if (options->serial_count == SERIALS_MAX) {
        return error_set(error, STATUS_USAGE, "--%s: there are only %d; drop some", row->name,
                         SERIALS_MAX);
    }
    options->serials[options->serial_count++] = value;
    return STATUS_OK;
}

static enum status take_virtconsole(struct run_options *options, const struct row *row,
                                    const char *value, struct error *error) {
    if (options->virtconsole_count == VIRTCONSOLES_MAX) {
        return error_set(error, STATUS_USAGE, "--%s: there are only %d; drop some", row->name,
                         VIRTCONSOLES_MAX);
    }
    options->virtconsoles[options->virtconsole_count++] = value;
    return STATUS_OK;
}

static enum status take_time(struct run_options *options, const struct row *row, const char *value,
                             struct error *error) {
    struct machine_options *machine = &options->machine;
    const char *skew = "token,max-skew=";
    uint64_t ns;
    machine->time = TIME_LOCKSTEP;
    machine->monotonic = strcmp(value, "lockstep,monotonic=on") == 0;
    machine->max_skew_ns = VTIME_NEVER;
    if (machine->monotonic || strcmp(value, "lockstep") == 0 ||
        strcmp(value, "lockstep,monotonic=off") == 0) {
        return STATUS_OK;
    }
    machine->time = strcmp(value, "free") == 0 ? TIME_FREE : TIME_TOKEN;
    if (strcmp(value, "free") == 0 || strcmp(value, "token") == 0) {
        return STATUS_OK;
    }
    if (strncmp(value, skew, strlen(skew)) == 0 && value_u64(value + strlen(skew), &ns) && ns > 0 &&
        ns < (uint64_t)VTIME_NEVER) {
        machine->max_skew_ns = (vtime)ns;
        return STATUS_OK;
    }
    return bad_value(row, value, "lockstep[,monotonic=on], token[,max-skew=NS] or free", error);
}

static enum status take_quantum(struct run_options *options, const struct row *row,
                                const char *value, struct error *error) {
    uint64_t ns;
    if (!value_u64(value, &ns) || ns < QUANTUM_MIN_NS || ns > QUANTUM_MAX_NS) {
        return error_set(error, STATUS_USAGE, "--%s %s: use %d to %d ns", row->name, value,
                         QUANTUM_MIN_NS, QUANTUM_MAX_NS);
    }
    options->machine.quantum_ns = (vtime)ns;
    return STATUS_OK;
}

static enum status take_pulse(struct run_options *options, const struct row *row, const char *value,
                              struct error *error) {
    uint64_t ns;
    if (!value_u64(value, &ns) || ns < PULSE_MIN_NS || ns > PULSE_MAX_NS) {
        return error_set(error, STATUS_USAGE, "--%s %s: use %d to %d ns", row->name, value,
                         PULSE_MIN_NS, PULSE_MAX_NS);
    }
    options->machine.pulse_ns = (vtime)ns;
    return STATUS_OK;
}

static enum status take_engine(struct run_options *options, const struct row *row,
                               const char *value, struct error *error) {
    static const char *const names[] = {[ENGINE_AUTO] = "auto",
                                        [ENGINE_JIT] = "jit",
                                        [ENGINE_INTERP] = "interp",
                                        [ENGINE_CHECK] = "check"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            options->machine.engine = (enum engine)i;
            return STATUS_OK;
        }
    }
    return bad_value(row, value, "auto, jit, interp or check", error);
}

static enum status take_jit_cache(struct run_options *options, const struct row *row,
                                  const char *value, struct error *error) {
    uint64_t bytes;
    if (!value_bytes(value, &bytes) || bytes < JIT_CACHE_MIN_BYTES || bytes > JIT_CACHE_MAX_BYTES ||
        bytes % PAGE_BYTES != 0) {
        return bad_value(row, value, "1M to 1G (a plain number is MiB)", error);
    }
    options->machine.jit_cache_bytes = bytes;
    return STATUS_OK;
}

static enum status take_snapshot_memory(struct run_options *options, const struct row *row,
                                        const char *value, struct error *error) {
    uint64_t bytes;
    if (!value_bytes(value, &bytes) || bytes < SNAPSHOT_MIN_BYTES || bytes > SNAPSHOT_MAX_BYTES) {
        return bad_value(row, value, "16M to 1024G (a plain number is MiB)", error);
    }
    options->machine.snapshot_bytes = bytes;
    return STATUS_OK;
}

/** 0: there is no such item. */
static unsigned dump_item(const char *word) {
    static const struct {
        const char *name;
        enum jit_dump item;
    } items[] = {{"isa", JIT_DUMP_ISA}, {"ir", JIT_DUMP_IR}, {"x64", JIT_DUMP_X64}};
    for (size_t i = 0; i < COUNT(items); i++) {
        if (strcmp(word, items[i].name) == 0) {
            return items[i].item;
        }
    }
    return 0;
}

static enum status take_dump(struct run_options *options, const struct row *row, const char *value,
                             struct error *error) {
    const char *list = value;
    char word[WORD_CHARS];
    bool good = true;
    while (good && value_word(&list, word, sizeof word)) {
        unsigned item = dump_item(word);
        options->machine.dump_items |= item;
        good = item != 0;
    }
    return good && *list == '\0' && value[0] != '\0'
               ? STATUS_OK
               : bad_value(row, value, "isa, ir, x64 or several of them, as in isa,x64", error);
}

static enum status take_stop(struct run_options *options, const struct row *row, const char *value,
                             struct error *error) {
    struct machine_options *machine = &options->machine;
    char hart_text[WORD_CHARS];
    const char *colon = strchr(value, ':');
    uint64_t hart = 0;
    int length = colon == NULL ? 0 : (int)(colon - value);
    snprintf(hart_text, sizeof hart_text, "%.*s", length, value);
    if (!value_u64(colon == NULL ? value : colon + 1, &machine->stop_steps) ||
        (colon != NULL && (!value_u64(hart_text, &hart) || hart >= HARTS_MAX))) {
        return bad_value(row, value, "STEPS of all harts, or HART:STEPS of one", error);
    }
    if (machine->stop_kind == STOP_AT_VTIME) {
        return error_set(error, STATUS_USAGE,
                         "--stop-at and --stop-at-vtime: give only one of them");
    }
    machine->stop_kind = colon == NULL ? STOP_AT_STEPS : STOP_AT_HART_STEPS;
    machine->stop_hart = (unsigned)hart;
    return STATUS_OK;
}

static enum status take_stop_vtime(struct run_options *options, const struct row *row,
                                   const char *value, struct error *error) {
    struct machine_options *machine = &options->machine;
    uint64_t ns;
    if (!value_u64(value, &ns) || ns >= (uint64_t)VTIME_NEVER) {
        return bad_value(row, value, "nanoseconds of VIRTUAL time below 2^63 - 1", error);
    }
    if (machine->stop_kind != STOP_NEVER) {
        return error_set(error, STATUS_USAGE,
                         "--stop-at and --stop-at-vtime: give only one of them");
    }
    machine->stop_kind = STOP_AT_VTIME;
    machine->stop_ns = (vtime)ns;
    return STATUS_OK;
}

static enum status take_gdb_default(struct run_options *options, const struct row *row,
                                    const char *value, struct error *error) {
    (void)row;
    (void)value;
    (void)error;
    options->gdb = GDB_PORT_DEFAULT;
    return STATUS_OK;
}

static enum status take_seed(struct run_options *options, const struct row *row, const char *value,
                             struct error *error) {
    if (strcmp(value, "host") == 0) {
        options->machine.seed = host_entropy();
        return STATUS_OK;
    }
    return value_u64(value, &options->machine.seed)
               ? STATUS_OK
               : bad_value(row, value, "a decimal number below 2^64, or host", error);
}

static enum status take_rtc(struct run_options *options, const struct row *row, const char *value,
                            struct error *error) {
    const char *accepted =
        "base=DATE as in 2026-01-01 or 2026-01-01T12:00:00 (UTC), base=SECONDS since 1970, or "
        "base=utc for now; the clock runs on VIRTUAL time";
    char word[WORD_CHARS];
    const char *list = value;
    while (value_word(&list, word, sizeof word)) {
        const char *base = value_of(word, "base");
        if (base != NULL && strcmp(base, "utc") == 0) {
            options->machine.rtc_base_ns = (uint64_t)host_time_read().wall_ns;
        } else if (strcmp(word, "clock=vm") != 0 &&
                   (base == NULL || !value_date(base, &options->machine.rtc_base_ns))) {
            return bad_value(row, value, accepted, error);
        }
    }
    return *list == '\0' && value[0] != '\0' ? STATUS_OK : bad_value(row, value, accepted, error);
}

static enum status take_hart_rates(struct run_options *options, const struct row *row,
                                   const char *value, struct error *error) {
    char *joined = NULL;
    bool first = options->harts_joined == NULL;
    int length = first ? asprintf(&joined, "%s", value)
                       : asprintf(&joined, "%s,%s", options->harts_joined, value);
    if (length < 0) {
        return error_set(error, STATUS_USAGE, "--%s: out of memory", row->name);
    }
    free(options->harts_joined);
    options->harts_joined = joined;
    options->harts = joined;
    return STATUS_OK;
}

/* -- Options of record and replay -------------------------------------------------------------- */

static enum status take_hash_every(struct run_options *options, const struct row *row,
                                   const char *value, struct error *error) {
    uint64_t *steps = &options->hash_steps;
    bool never = strcmp(value, "never") == 0;
    bool good = never || (value_u64(value, steps) && *steps > 0 && *steps < HASH_NEVER);
    *steps = never ? HASH_NEVER : *steps;
    return good ? STATUS_OK : bad_value(row, value, "STEPS of at least 1, or never", error);
}

static enum status take_to(struct run_options *options, const struct row *row, const char *value,
                           struct error *error) {
    bool good = value_u64(value, &options->to_steps);
    return good ? STATUS_OK : bad_value(row, value, "STEPS of all harts", error);
}

static enum status take_to_vtime(struct run_options *options, const struct row *row,
                                 const char *value, struct error *error) {
    uint64_t ns;
    if (!value_u64(value, &ns) || ns >= (uint64_t)VTIME_NEVER) {
        return bad_value(row, value, "nanoseconds of VIRTUAL time below 2^63 - 1", error);
    }
    options->to_ns = (vtime)ns;
    return STATUS_OK;
}

/* -- Options for tests ------------------------------------------------------------------------- */

static enum status take_grant(struct run_options *options, const struct row *row, const char *value,
                              struct error *error) {
    struct machine_options *machine = &options->machine;
    bool random = strncmp(value, "random:", 7) == 0;
    if (!value_u64(random ? value + 7 : value, &machine->grant) ||
        (!random && machine->grant == 0)) {
        return bad_value(row, value, "STEPS of at least 1, or random:SEED", error);
    }
    machine->grant_kind = random ? GRANT_RANDOM : GRANT_FIXED;
    return STATUS_OK;
}

/** The seed of something for tests that happens at random. */
static enum status random_take(const struct row *row, const char *value, uint64_t *seed, bool *on,
                               struct error *error) {
    *on = strncmp(value, "random:", 7) == 0 && value_u64(value + 7, seed);
    return *on ? STATUS_OK : bad_value(row, value, "random:SEED", error);
}

static enum status take_drop_caches(struct run_options *options, const struct row *row,
                                    const char *value, struct error *error) {
    struct machine_options *machine = &options->machine;
    return random_take(row, value, &machine->drop_seed, &machine->drop_caches, error);
}

static enum status take_rewind(struct run_options *options, const struct row *row,
                               const char *value, struct error *error) {
    struct machine_options *machine = &options->machine;
    return random_take(row, value, &machine->rewind_seed, &machine->rewinds, error);
}

static enum status take_pause(struct run_options *options, const struct row *row, const char *value,
                              struct error *error) {
    struct machine_options *machine = &options->machine;
    return random_take(row, value, &machine->pause_seed, &machine->pauses, error);
}

static enum status take_hash_at(struct run_options *options, const struct row *row,
                                const char *value, struct error *error) {
    const char *accepted = "N,N,...:FILE, with total steps N in ascending order";
    const char *colon = strchr(value, ':');
    if (colon == NULL || colon[1] == '\0') {
        return bad_value(row, value, accepted, error);
    }
    char *list = strndup(value, (size_t)(colon - value));
    options->hash_at = calloc(HASHES_MAX, sizeof *options->hash_at);
    options->hash_path = strdup(colon + 1);
    size_t count = 0;
    bool good = list != NULL && options->hash_at != NULL && options->hash_path != NULL;
    const char *left = list;
    char word[WORD_CHARS];
    while (good && count < HASHES_MAX && value_word(&left, word, sizeof word)) {
        uint64_t *at = &options->hash_at[count];
        good = value_u64(word, at) && (count == 0 || at[-1] < *at);
        count++;
    }
    good = good && count > 0 && *left == '\0';
    free(list);
    options->machine.hash_at = options->hash_at;
    options->machine.hash_at_count = count;
    return good ? STATUS_OK : bad_value(row, value, accepted, error);
}

/* -- The table --------------------------------------------------------------------------------- */

#define TEXT(field) take_text, offsetof(struct run_options, field)
#define FLAG(field) take_flag, offsetof(struct run_options, field)

static const struct row rows[] = {
    {"kernel", "FILE", TEXT(machine.kernel),
     "Linux kernel to boot (Image, vmlinux with PE stub, gzip'd)"},
    {"initrd", "FILE", TEXT(machine.initrd), "initial RAM disk for the kernel"},
    {"append", "TEXT", TEXT(machine.append), "command line for the kernel"},
    {"bios", "FILE", TEXT(machine.bios), "M-mode firmware; default (OpenSBI), or none"},
    {"elf", "FILE", TEXT(machine.elf),
     "bare-metal program, loaded at its addresses, started in M mode"},
    {"signature", "FILE", TEXT(machine.signature),
     "with --elf: write its signature memory at the end"},
    {"memory", "SIZE", take_memory, 0, "RAM, 16M to 64G (1G); a plain number is MiB"},
    {"m", "SIZE", take_memory, 0, NULL},
    {"smp", "N", take_harts, 0, "number of harts (1)"},
    {"cpu", "SPEC", take_cpu, 0, "PROFILE[,EXT=on|off]...: rv64gc, rva22s64, max (max)"},
    {"machine", "virt", take_board, 0, NULL},
    {"M", "virt", take_board, 0, NULL},
    {"drive", "SPEC", take_drive, 0,
     "add a disk: file=IMAGE[,ro | ,overlay=FILE | ,persist][,latency=NS][,...]"},
    {"net", "SPEC", take_net, 0, "none, or user[,hostfwd=tcp::2222-:22][,restrict=off] (none)"},
    {"nic", "SPEC", take_net, 0, NULL},
    {"console", "WHERE", TEXT(console),
     "guest's console: stdio, null, file:, unix:, tcp:, pty (stdio)"},
    {"serial", "WHERE", take_serial, 0, "a serial port, up to 4; the first is the console"},
    {"virtconsole", "WHERE", take_virtconsole, 0, "a port of a virtio console, up to 4"},
    {"share", "SPEC", take_share, 0,
     "path=DIR,tag=NAME[,rw]: a folder for the guest, over 9P; up to 4"},
    {"virtfs", "SPEC", take_share, 0, NULL},
    {"nographic", NULL, take_nothing, 0, NULL},
    {"icount", "SPEC", TEXT(icount),
     "shift=N (2^N ns a step) or ips=RATE [,sleep=on|off] (shift=3,sleep=on)"},
    {"hart", "SPEC", take_hart_rates, 0, "rates of single harts: 0-3:ips=2e9,4-7:shift=3"},
    {"time", "POLICY", take_time, 0, "lockstep[,monotonic=on], token[,max-skew=NS], free"},
    {"quantum", "NS", take_quantum, 0, "longest round, 100 to 10000000 (20000; one hart: 1000000)"},
    {"pulse", "NS", take_pulse, 0, "add a device timer of that period, and measure its periods"},
    {"engine", "NAME", take_engine, 0, "auto, jit, interp, or check: both, compared (auto)"},
    {"jit-cache", "SIZE", take_jit_cache, 0, "room for translated code, 1M to 1G (16M)"},
    {"snapshot-memory", "SIZE", take_snapshot_memory, 0,
     "what going back under a debugger may cost the host, 16M to 1024G (1G)"},
    {"seed", "N|host", take_seed, 0, "what the guest's entropy is drawn from (0)"},
    {"rtc", "base=DATE|utc", take_rtc, 0, "wall time at the start, UTC (2026-01-01T00:00:00)"},
    {"no-reboot", NULL, FLAG(machine.no_reboot), "end the run where the guest would restart"},
    {"stop-at", "[HART:]STEPS", take_stop, 0,
     "stop after exactly so many steps of all harts, or of one"},
    {"stop-at-vtime", "NS", take_stop_vtime, 0, "stop at a VIRTUAL time: no later step is run"},
    {"stats", "FILE", TEXT(stats), "write numbers of the run as JSON"},
    {"state-hash", NULL, FLAG(state_hash), "print a hash of the whole state at the end"},
    {"dump", "ITEMS", take_dump, 0,
     "show translated code: isa, ir, x64 (guest's, between, host's)"},
    {"d", "ITEMS", take_dump, 0, NULL},
    {"dump-file", "FILE", TEXT(dump), "where --dump goes (standard error)"},
    {"D", "FILE", TEXT(dump), NULL},
    {"gdb", "PORT", TEXT(gdb), "let gdb come: PORT, tcp:HOST:PORT or unix:PATH; see debug"},
    {"gdb-wait", NULL, FLAG(gdb_waits), "with --gdb: stand still until gdb lets the run go"},
    {"s", NULL, take_gdb_default, 0, NULL},
    {"S", NULL, FLAG(gdb_waits), NULL},
    {"no-sandbox", NULL, FLAG(no_sandbox),
     "let the run do what it likes to the host: for debuggers"},
    {"help", NULL, FLAG(help), "this text"},
    {"log", "FILE", TEXT(log_path), "the log to write"},
    {"hash-every", "STEPS|never", take_hash_every, 0,
     "how often a hash of the state is recorded (as half a percent of the time allows)"},
    {"file", "FILE", TEXT(log_path), "the snapshot to write"},
    {"to", "STEPS", take_to, 0, "stop after exactly so many steps of all harts"},
    {"to-vtime", "NS", take_to_vtime, 0, "stop at a VIRTUAL time: no later step is run"},
    {"verify", NULL, FLAG(verifies), "compare the hashes that were recorded on the way"},
    {"against", "ENGINE", TEXT(against), "what the second run uses: jit, interp, check (auto)"},
    {"grant", "SPEC", take_grant, 0, NULL},
    {"drop-caches", "SPEC", take_drop_caches, 0, NULL},
    {"rewind", "SPEC", take_rewind, 0, NULL},
    {"pause", "SPEC", take_pause, 0, NULL},
    {"hash-at", "SPEC", take_hash_at, 0, NULL},
    {"no-accounting", NULL, FLAG(machine.uncounted), NULL},
};

static void usage_print(enum command_kind command) {
    static const char *const usages[] = {
        [COMMAND_RUN] =
            "usage: sandglass run --kernel FILE [--initrd FILE] [--append TEXT] [OPTION]...\n"
            "       sandglass run --elf FILE [OPTION]...\n\n"
            "Runs a 64-bit RISC-V machine whose time is the instructions it executes.\n",
        [COMMAND_DEBUG] = "usage: sandglass debug [OPTION of run]...\n\n"
                          "Runs a machine that waits for gdb before its first step.\n",
        [COMMAND_RECORD] = "usage: sandglass record --log FILE [OPTION of run]...\n\n"
                           "Runs a machine, and writes down what comes to it from outside.\n",
        [COMMAND_VERIFY] =
            "usage: sandglass verify [--against ENGINE] [OPTION of run]...\n\n"
            "Runs a machine, replays it, and compares both: states on the way, words, ends.\n",
        [COMMAND_REPLAY] =
            "usage: sandglass replay FILE [OPTION]...\n\n"
            "Runs a machine again as it was recorded, to the same end and the same bits.\n",
        [COMMAND_SNAPSHOT] =
            "usage: sandglass snapshot --file FILE --stop-at STEPS [OPTION of run]...\n\n"
            "Runs a machine, and keeps its state where it stops.\n",
        [COMMAND_RESTORE] = "usage: sandglass restore FILE [OPTION]...\n\n"
                            "Lets a machine go on from a snapshot.\n",
    };
    fputs(usages[command], stdout);
    puts("Options take one dash or two; names cannot be abbreviated. Defaults in parentheses.\n");
}

void run_options_help(enum command_kind command) {
    usage_print(command);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        if (!option_accepted(row->name, command)) {
            continue;
        }
        const char *argument = row->argument == NULL ? "" : row->argument;
        int width = 24 - (int)strlen(row->name);
        if (row->help != NULL) {
            printf("  --%s %-*s %s\n", row->name, width > 0 ? width : 0, argument, row->help);
        }
    }
    puts("\nQEMU's -m, -d, -D, -s, -S, -nic, -machine virt, -nographic are understood too.\n"
         "Exit status: 0 power-off or pass, 1 to 63 the guest's fail code, 64 usage, 65 bad file,\n"
         "70 internal error, 74 host I/O error, 75 stopped by --stop-at..., 76 no hart can wake,\n"
         "130/143 interrupted. See sandglass(1).");
}

/* -- Parsing ----------------------------------------------------------------------------------- */

/** The option part of an argument: no dashes, no "=value". */
static void option_name(const char *argument, char *name, size_t size) {
    argument += strspn(argument, "-");
    snprintf(name, size, "%.*s", (int)strcspn(argument, "="), argument);
}

static enum status unknown_option(const char *argument, struct error *error) {
    const char *names[COUNT(rows) + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].help != NULL) {
            names[count++] = rows[i].name;
        }
    }
    char name[WORD_CHARS];
    option_name(argument, name, sizeof name);
    const char *near = value_near(name, names);
    if (near != NULL) {
        return error_set(error, STATUS_USAGE, "unknown option %.100s; did you mean --%s?", argument,
                         near);
    }
    return error_set(error, STATUS_USAGE, "unknown option %.100s; see sandglass run --help",
                     argument);
}

/* getopt takes abbreviations; the argument it has just taken must be the full name. */
static bool written_out(const struct row *row, char **argv) {
    char name[WORD_CHARS];
    const char *argument = argv[optind - 1];
    if (optarg != NULL && optarg == argument) {
        argument = argv[optind - 2];
    }
    option_name(argument, name, sizeof name);
    return strcmp(name, row->name) == 0;
}

/** What an option and its aliases share: which one was given already. */
static bool seen_before(const struct row *row, bool *seen) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool same = rows[i].parse == row->parse && rows[i].offset == row->offset;
        if (same && seen[i]) {
            return true;
        }
    }
    static row_fn *const again[] = {take_hart_rates, take_nothing,     take_drive,
                                    take_serial,     take_virtconsole, take_share};
    bool once = true;
    for (size_t i = 0; i < COUNT(again); i++) {
        once = once && row->parse != again[i];
    }
    seen[row - rows] = once;
    return false;
}

/** Keeps what a recording has to say of the run. */
static enum status given_note(struct run_options *options, const struct row *row, const char *value,
                              struct error *error) {
    enum option_use use = option_use(row->name);
    bool kept = use == USE_SHAPES || use == USE_PLACES ||
                (use == USE_STOPS && options->command == COMMAND_RECORD);
    if (!kept || (options->command != COMMAND_RECORD && options->command != COMMAND_SNAPSHOT)) {
        return STATUS_OK;
    }
    if (options->given_count == GIVEN_MAX) {
        return error_set(error, STATUS_USAGE, "more than %d options; drop some", GIVEN_MAX);
    }
    options->given[options->given_count++] = (struct given){row->name, value};
    return STATUS_OK;
}

static enum status take_option(struct run_options *options, const struct row *row, bool *seen,
                               char **argv, struct error *error) {
    if (!written_out(row, argv)) {
        return unknown_option(argv[optind - (optarg == argv[optind - 1] ? 2 : 1)], error);
    }
    if (seen_before(row, seen)) {
        return error_set(error, STATUS_USAGE, "--%s is given twice; keep one", row->name);
    }
    if (!option_accepted(row->name, options->command)) {
        return option_refuse(row->name, options->command, error);
    }
    const char *value = optarg == NULL ? "" : optarg;
    enum status status = given_note(options, row, value, error);
    return status == STATUS_OK ? row->parse(options, row, value, error) : status;
}

/** What was recorded, by the same rows. */
static enum status recorded_take(const struct recording *recording, struct run_options *options,
                                 struct error *error) {
    enum status status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK && i < recording->given_count; i++) {
        const struct given *given = &recording->given[i];
        size_t row = 0;
        while (row < COUNT(rows) && strcmp(rows[row].name, given->name) != 0) {
            row++;
        }
        status = row < COUNT(rows) ? rows[row].parse(options, &rows[row], given->value, error)
                                   : error_set(error, STATUS_BAD_INPUT,
                                               "--%.100s: was recorded, and is not known here; "
                                               "replay it with the program that recorded it",
                                               given->name);
    }
    recording_place(recording, options);
    options->machine.seed = recording->seed;
    options->machine.rtc_base_ns = recording->rtc_base_ns;
    return status;
}

static enum status options_take(int argc, char **argv, struct run_options *options,
                                struct error *error) {
    struct option known[COUNT(rows) + 1] = {{0}};
    bool seen[COUNT(rows)] = {false};
    for (size_t i = 0; i < COUNT(rows); i++) {
        known[i] = (struct option){
            .name = rows[i].name, .has_arg = rows[i].argument != NULL, .val = (int)i + 1000};
    }
    opterr = 0;
    optind = 1;
    for (;;) {
        int got = getopt_long_only(argc, argv, "+:", known, NULL);
        if (got == -1) {
            break;
        }
        if (got == ':') {
            return error_set(error, STATUS_USAGE, "%.100s needs a value; see sandglass run --help",
                             argv[optind - 1]);
        }
        if (got == '?') {
            return unknown_option(argv[optind - 1], error);
        }
        enum status status = take_option(options, &rows[got - 1000], seen, argv, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return optind == argc
               ? STATUS_OK
               : error_set(error, STATUS_USAGE,
                           "unexpected argument '%.100s'; see sandglass run --help", argv[optind]);
}

/* -- All together ------------------------------------------------------------------------------ */

/** Files that will be written must be writable now, not after an hour. */
static enum status writable_check(struct run_options *options, struct error *error) {
    options->outputs = (struct outputs){
        .files = {
            [OUTPUT_STATS] = {.option = "--stats", .path = options->stats},
            [OUTPUT_SIGNATURE] = {.option = "--signature", .path = options->machine.signature},
            [OUTPUT_HASHES] = {.option = "--hash-at", .path = options->hash_path},
        }};
    enum status status = outputs_check(&options->outputs, error);
    if (status == STATUS_OK && options->dump != NULL) {
        status = output_check("--dump-file", options->dump, error);
    }
    return status;
}

static void options_defaults(struct run_options *options) {
    *options = (struct run_options){
        .machine =
            {
                .memory_bytes = (uint64_t)MEMORY_DEFAULT_MIB << 20,
                .hart_count = 1,
                .jit_cache_bytes = JIT_CACHE_DEFAULT_BYTES,
                .snapshot_bytes = SNAPSHOT_DEFAULT_BYTES,
                .max_skew_ns = VTIME_NEVER,
                .rtc_base_ns = RTC_DEFAULT_NS,
            },
        .hash_steps = HASH_AT_EASE,
        .to_steps = UINT64_MAX,
        .to_ns = VTIME_NEVER,
    };
    options->machine.rates = options->rates;
}

static vtime quantum_default(const struct machine_options *machine) {
    if (machine->time != TIME_LOCKSTEP) {
        return max_i64(min_i64(QUANTUM_PARALLEL_NS, machine->max_skew_ns), QUANTUM_MIN_NS);
    }
    return machine->hart_count == 1 ? QUANTUM_ALONE_NS : QUANTUM_DEFAULT_NS;
}

enum status run_options_parse(int argc, char **argv, struct run_options *options,
                              struct error *error) {
    bool debug = strcmp(argv[0], "debug") == 0;
    struct options_source source = {
        .command = debug ? COMMAND_DEBUG : COMMAND_RUN, .argc = argc, .argv = argv};
    return options_parse(&source, options, error);
}

enum status options_parse(const struct options_source *source, struct run_options *options,
                          struct error *error) {
    options_defaults(options);
    options->command = source->command;
    enum status status = ext_parse("max", &options->machine.ext, error);
    if (status == STATUS_OK && source->recording != NULL) {
        status = recorded_take(source->recording, options, error);
    }
    if (status == STATUS_OK) {
        status = options_take(source->argc, source->argv, options, error);
    }
    if (status != STATUS_OK || options->help) {
        return status;
    }
    bool debug = source->command == COMMAND_DEBUG;
    options->gdb_waits = options->gdb_waits || debug;
    options->gdb = options->gdb == NULL && debug ? GDB_PORT_DEFAULT : options->gdb;
    status = options_check(options, error);
    if (status == STATUS_OK) {
        status = icount_apply(options, error);
    }
    if (status == STATUS_OK) {
        status = outside_check(options, error);
    }
    if (options->machine.quantum_ns == 0) {
        options->machine.quantum_ns = quantum_default(&options->machine);
    }
    return status == STATUS_OK ? writable_check(options, error) : status;
}

void run_options_free(struct run_options *options) {
    free(options->hash_at);
    free(options->hash_path);
    free(options->harts_joined);
    for (unsigned i = 0; i < options->drive_count; i++) {
        free(options->drives[i].text);
    }
    for (unsigned i = 0; i < options->share_count; i++) {
        free(options->shared[i].text);
    }
}
