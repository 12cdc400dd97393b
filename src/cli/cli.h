/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: subcommands, options, reports. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "machine/machine.h"

#define SANDGLASS_VERSION "sandglass 0.1"

/* -- *_command.c: argv[0] is the subcommand ---------------------------------------------------- */

int record_command(int argc, char **argv);
int replay_command(int argc, char **argv);
int snapshot_command(int argc, char **argv);
int restore_command(int argc, char **argv);
int verify_command(int argc, char **argv);
int run_command(int argc, char **argv);
/** The same, with a table of all clocks at the end. */
int clocks_command(int argc, char **argv);
/** The same, standing still before the first step for a debugger. */
int debug_command(int argc, char **argv);
/** The same, or a replay, or a run that goes on, counting what is executed. */
int profile_command(int argc, char **argv);
int disasm_command(int argc, char **argv);
int symbols_command(int argc, char **argv);
int report_command(int argc, char **argv);

/* -- drive.c: disks ---------------------------------------------------------------------------- */

/** One --drive. */
struct drive_options {
    struct disk_options disk;
    struct drive drive; /* its disk is NULL until drives_open() */
    bool snapshot;      /* writes are to be temporary: QEMU's word for what is so anyway */
    char *text;         /* what the others point into; owned */
};

struct run_options;

/** Parses the value of --drive. @param options  Zeros; its text is to be freed whatever comes back.
 */
enum status drive_parse(const char *value, struct drive_options *options, struct error *error);
/** Opens the disks and gives them to the machine. drives_close() comes whatever comes back. */
enum status drives_open(struct run_options *options, struct error *error);
/** Closes the disks. @errors STATUS_HOST_IO when what was written is not safe, and no run said so.
 */
enum status drives_close(struct run_options *options, struct error *error);

/* -- network.c: --net -------------------------------------------------------------------------- */

enum { FORWARDS_MAX = 32 };

/** The network that is asked for. */
struct network {
    bool wanted;
    struct net_options user;
    struct net_forward forwards[FORWARDS_MAX]; /* what user points to */
};

/** Parses the value of --net into @p options. @errors STATUS_USAGE */
enum status network_parse(const char *value, struct run_options *options, struct error *error);

/* -- share.c: --share -------------------------------------------------------------------------- */

/** A folder that is asked for. */
struct shared {
    struct share_options options;
    struct shared_folder folder; /* its share is NULL */
    char *text;                  /* what the others point into; owned */
};

/** Parses the value of --share into @p options. @param qemu  It is -virtfs. @errors STATUS_USAGE */
enum status share_parse(const char *value, bool qemu, struct run_options *options,
                        struct error *error);
/** Part of outside_open(). */
enum status shares_open(struct run_options *options, struct error *error);

/* -- outside.c: the host's ends of consoles, the network and folders --------------------------- */

/** What is open. */
struct outside {
    struct console *console; /* of the first serial port */
    struct console *serials[SERIALS_MAX - 1];
    struct console *virtconsoles[VIRTCONSOLES_MAX];
    struct shared_folder shares[SHARES_MAX];
    struct console *gdb;     /* where a debugger comes to, or NULL */
    struct sysroot *sysroot; /* NULL: there is none */
};

/** Do they go together, and with the rest? */
enum status outside_check(const struct run_options *options, struct error *error);
/** Opens all and gives it to the machine. outside_close() comes whatever comes back. */
enum status outside_open(struct run_options *options, struct error *error);
void outside_close(struct run_options *options);

enum { OUTSIDE_CONSOLES_MAX = SERIALS_MAX + VIRTCONSOLES_MAX + 1 };

/** Lists all that are open. @return How many. */
size_t outside_consoles(const struct outside *outside,
                        struct console *consoles[OUTSIDE_CONSOLES_MAX]);
/** What consoles ask system calls for: enum sandbox_group. */
unsigned outside_groups(const struct outside *outside);

/* -- names.c: files with names for what is executed -------------------------------------------- */

/** Part of outside_open(): opens them, and reads none. */
enum status names_open(struct run_options *options, struct error *error);
/** Part of outside_close(). */
void names_close(struct run_options *options);
/** First look at them, where the run is shut in. @errors STATUS_BAD_INPUT */
enum status names_look(const struct run_options *options, struct error *error);
/** The folder whose files are read during a run, or NULL. */
const char *names_folder(const struct run_options *options);
/** At the end: prints a line for each file without names, if they are not too many. */
void names_defects_tell(const struct run_options *options);

/* -- output.c: files that are written as a whole or not at all --------------------------------- */

struct keeper;

/** Files that appear when a run ends. */
enum output {
    OUTPUT_STATS,
    OUTPUT_SIGNATURE,
    OUTPUT_HASHES,
    OUTPUT_SNAPSHOT,
    OUTPUT_PROFILE,
    OUTPUT_COUNT
};

struct output_file {
    const char *option, *path; /* path NULL: not asked for */
    int stream;                /* of our own, that the path leads to; -1: none */
    const char *fresh;         /* where the contents grow, to be renamed; NULL: they come as text */
};

struct outputs {
    struct output_file files[OUTPUT_COUNT];
    struct keeper *keeper; /* who writes them; NULL: this process does */
};

/** Can a file be made at @p path? Asked before a long run. @param option  Names it in the error. */
enum status output_check(const char *option, const char *path, struct error *error);
/** Checks that all can be made, and finds out which are streams. */
enum status outputs_check(struct outputs *outputs, struct error *error);

/** What a file is to hold. */
struct content {
    const void *bytes;
    size_t size_bytes;
};

/** Writes a file by rename. @errors STATUS_HOST_IO; nothing is left behind then. */
enum status output_write(const struct outputs *outputs, enum output output, const char *text,
                         struct error *error);
/** The same of bytes that are no text. */
enum status output_write_bytes(const struct outputs *outputs, enum output output,
                               struct content content, struct error *error);
/** The same of a file that is none of a run's. */
enum status output_write_file(const char *option, const char *path, struct content content,
                              struct error *error);
/** The same, in this process whatever the run is; not to a stream. */
enum status output_place(const struct output_file *file, struct content content,
                         struct error *error);
/**
 * A name beside what @p path leads to, for a file that is to be renamed to that; the caller's.
 * NULL: what is there cannot be replaced, as a device, and is to be written to.
 */
char *output_fresh(const char *path);
/** Takes away what was not renamed; where there is a keeper, that does. */
void outputs_drop(const struct outputs *outputs);

/* -- apart.c: what is written and what is read ------------------------------------------------- */

/** Is none of the files that the run writes one that it is made of, or begins with?
 * @errors STATUS_USAGE */
enum status outputs_apart(const struct run_options *options, struct error *error);

/* -- keeper.c: what is done for a run that is shut in ------------------------------------------ */

/**
 * Starts a process that writes outputs when asked, and takes back what consoles have made of the
 * host, however the run ends. It ends with the run.
 * @param outputs  Their keeper stays NULL when there is nothing to do for it.
 * @errors STATUS_HOST_IO when the host has no room for another process.
 */
enum status keeper_start(struct outputs *outputs, const struct outside *outside,
                         struct error *error);
/** Has an output written. @errors as output_place(), and when the keeper is gone. */
enum status keeper_write(struct keeper *keeper, enum output output, struct content content,
                         struct error *error);
/** Waits for its end. NULL is fine. */
void keeper_end(struct keeper *keeper);

/* -- sandbox.c, landlock.c: what a run may do to the host -------------------------------------- */

/** What of a run asks for system calls: sandbox.def has them. */
enum sandbox_group {
    SANDBOX_BASE = 1 << 0, /* every run */
    SANDBOX_THREADS = 1 << 1,
    SANDBOX_TERMINAL = 1 << 2,
    SANDBOX_DISKS = 1 << 3,
    SANDBOX_SOCKETS = 1 << 4, /* that are open, or that somebody connects to */
    SANDBOX_NETWORK = 1 << 5,
    SANDBOX_NAMES = 1 << 6, /* of hosts: sandbox_enter() adds it to a network where it can */
    SANDBOX_SHARE = 1 << 7,
    SANDBOX_CHANGES = 1 << 8, /* to shared folders */
    SANDBOX_SYSROOT = 1 << 9,
    SANDBOX_BELOW = 1 << 10, /* the sysroot: sandbox_enter() adds it where it can */
};

/** Part of the host's file system that stays in reach. */
struct sandbox_folder {
    const char *path;
    bool writable;
};

struct sandbox {
    unsigned groups; /* of enum sandbox_group; BASE is always among them */
    const struct sandbox_folder *folders;
    size_t folder_count;
};

/** Closes all descriptors but the standard ones and those that a word names by /fd/N.
 * @param words  Ends with NULL. */
void sandbox_shed(const char *const *words);
/** Can this build be shut in? Not with a sanitizer. */
bool sandbox_possible(void);
/**
 * Shuts the process in, all threads of it, for good. What it still needs is open.
 * @return false with @p error when the kernel has no filter.
 */
bool sandbox_enter(const struct sandbox *sandbox, struct error *error);
/** Its part that knows of paths. @return false when the kernel has none. */
bool landlock_enter(const struct sandbox *sandbox);

/* -- options.c: options of `run` --------------------------------------------------------------- */

/** Whose options they are. */
enum command_kind {
    COMMAND_RUN,
    COMMAND_DEBUG,
    COMMAND_RECORD,
    COMMAND_REPLAY,
    COMMAND_SNAPSHOT,
    COMMAND_RESTORE,
    COMMAND_VERIFY,
    COMMAND_PROFILE
};

/** An option as it was given, which a log's header keeps: name without dashes, and value. */
struct given {
    const char *name, *value;
};

enum { GIVEN_MAX = 256, JOBS_MAX = 64 };

/** Seeds of chaos to run one after the other. */
struct exploration {
    bool wanted;
    uint64_t first, last; /* first <= last */
    bool until_fail;      /* --until-fail */
    unsigned jobs;        /* --jobs: how many at once; 0: as many as the host has processors */
    const char *fail_on;  /* --fail-on: what a console must not say, or NULL */
};

/** What `run` is asked to do. */
struct run_options {
    enum command_kind command;
    bool profiles; /* what is executed is counted */
    struct machine_options machine;
    const char *log_path; /* of record and replay, snapshot and restore */
    char *log_fresh;      /* of snapshot: where it grows, or NULL: in its place */
    struct exploration exploration;
    uint64_t hash_steps;              /* --hash-every */
    const char *against;              /* --against: an engine, or NULL */
    struct profile_plan profile_plan; /* of profile: what is looked at */
    const char *profile_path;         /* --output of profile, or NULL */
    const char *sysroot;              /* --sysroot, or NULL */
    bool verifies;                    /* --verify */
    uint64_t snapshot_steps;          /* --snapshot-every; 0: not given */
    uint64_t from_steps;              /* --from; 0: not given */
    struct destination to;            /* --to, --to-vtime */
    struct log *log;                  /* being read: a log, or a snapshot */
    struct given given[GIVEN_MAX];    /* what shapes the run */
    unsigned given_count;
    const char *console; /* value of --console, or NULL */
    const char *stats;   /* where to, or NULL */
    const char *dump;    /* --dump-file: where to, or NULL: standard error */
    bool state_hash;
    bool help;
    bool clocks;     /* they are printed at the end */
    char *hash_path; /* --hash-at: where to, or NULL */
    bool no_sandbox;
    const char *gdb;        /* where a debugger comes to, or NULL */
    bool gdb_waits;         /* before the first step */
    struct outputs outputs; /* stats, signature, hash_path once more */

    /* Values whose meaning hangs on other options; NULL when not given. */
    const char *icount;
    const char *harts; /* --hart, joined by commas */
    struct drive_options drives[DRIVES_MAX];
    unsigned drive_count;
    const char *serials[SERIALS_MAX];
    unsigned serial_count;
    const char *virtconsoles[VIRTCONSOLES_MAX];
    unsigned virtconsole_count;
    struct network network;
    struct shared shared[SHARES_MAX];
    unsigned share_count;

    struct outside outside; /* outside_open() */

    /* What machine points to. */
    struct symbol_file symbol_files[SYMBOL_FILES_MAX]; /* paths are ours */
    struct rate rates[HARTS_MAX];
    struct drive disks[DRIVES_MAX];
    uint64_t *hash_at;
    char *harts_joined;
};

/** What an option means for a recording. */
enum option_use {
    USE_SHAPES,   /* the run: it is recorded */
    USE_DRAWS,    /* the same, but who goes on from a snapshot may choose another */
    USE_PLACES,   /* the same, but what it names may lie elsewhere when it is replayed */
    USE_LOOKS,    /* changes nothing in the run: each replay has its own */
    USE_STOPS,    /* says where it stops: recorded, but no part of a snapshot */
    USE_EXPLORES, /* of run, record and restore only: more than one run */
    USE_HASHES,   /* of record and verify only */
    USE_RECORD,   /* of record only */
    USE_REPLAY,   /* of replay only */
    USE_SNAPSHOT, /* of snapshot only */
    USE_VERIFY,   /* of verify only */
    USE_PROFILE   /* of profile only, live, of a log, or of a snapshot */
};

struct recording;

/** Where options come from. */
struct options_source {
    enum command_kind command;
    bool profiles;
    int argc; /* argv[0] is passed over */
    char **argv;
    const struct recording *recording; /* what was recorded comes first; or NULL */
};

/**
 * Parses and checks all options.
 * @param options  To be given to run_options_free() whatever comes back.
 * @errors STATUS_USAGE, one line.
 */
enum status options_parse(const struct options_source *source, struct run_options *options,
                          struct error *error);
void run_options_free(struct run_options *options);

/* profile.c: what `profile` looks at and writes. */

#define PROFILE_DEFAULT "profile.sgp"

/** Before the first step. @errors STATUS_USAGE */
enum status profile_begin(struct machine *machine, const struct run_options *options,
                          struct error *error);
/** After a run whose steps were counted; says which windows never began. @errors STATUS_HOST_IO */
enum status profile_write(struct machine *machine, const struct run_options *options,
                          const struct machine_exit *end, struct error *error);

/** Prints what a command accepts to standard output. */
void run_options_help(enum command_kind command);

/** A run that is counted from its first step: `profile` without a file. */
int profile_live(int argc, char **argv);

/** Runs what is asked for, from opening files to the last report. @return Exit status. */
int run_options_run(struct run_options *options, char *const *argv);

/* -- explore.c: --chaos FIRST..LAST ------------------------------------------------------------ */

/**
 * Runs what is asked for once a seed, each run in a process of its own.
 * @return Exit status of the run that failed, 0 when none did.
 */
int explore_run(struct run_options *options, char **argv);

/* -- recording.c: the header of a log ---------------------------------------------------------- */

enum { RECORDING_BYTES_MAX = 256 << 10, RECORDED_FILES_MAX = BOOT_ROLES + DRIVES_MAX };

/** A file that the run was made from. */
struct recorded_file {
    const char *path; /* NULL: there was none in this role */
    struct file_digest digest;
};

/** What it says. */
struct recording {
    const char *version; /* of the program */
    uint64_t seed, rtc_base_ns;
    struct given given[GIVEN_MAX];
    unsigned given_count;
    struct recorded_file files[RECORDED_FILES_MAX]; /* enum boot_role, then disks */
    size_t size_bytes;
    uint8_t bytes[RECORDING_BYTES_MAX]; /* what the others point into */
};

/** Path of a file that the run is made of: enum boot_role, then disks; and the option that names
 * it. NULL: there is none in that role. */
const char *recording_role_path(const struct run_options *options, unsigned role);
const char *recording_role_option(unsigned role);

/** Writes the header, for which it reads all files. Only bytes and their size are filled in. */
enum status recording_make(const struct run_options *options, struct recording *recording,
                           struct error *error);
/** @errors STATUS_BAD_INPUT: of another version of the program, or not to be understood. */
enum status recording_read(const struct log *log, struct recording *recording, struct error *error);
/** Names the files by the paths that they had. */
void recording_place(const struct recording *recording, struct run_options *options);
/** Are the files what they were? @errors STATUS_BAD_INPUT */
enum status recording_compare(const struct recording *recording, const struct run_options *options,
                              struct error *error);

/* -- icount.c: rates (law 2) ------------------------------------------------------------------- */

/** Applies --icount and --hart to rates and idle_sleeps. Requires: hart_count is set. */
enum status icount_apply(struct run_options *options, struct error *error);

/* -- values.c: numbers, sizes, dates, lists ---------------------------------------------------- */

/** Decimal, all of @p text, no sign. @return false when it is anything else. */
bool value_u64(const char *text, uint64_t *value);

/**
 * Cuts the next word off a list: up to a comma or the end.
 * @return false at the end of the list; also when the word does not fit or nothing follows a comma:
 *         then *list stays where it is.
 */
bool value_word(const char **list, char *word, size_t size);

/** Cuts the next word off, in place: a comma ends it, two commas are one. @return NULL: no more. */
char *value_cut(char **list);

/** The rest of @p word behind "key=", or NULL when it does not begin so. */
const char *value_of(const char *word, const char *key);

/** Size with suffix K, M, G, T; plain numbers are MiB, as QEMU's -m has it. */
bool value_bytes(const char *text, uint64_t *bytes);

/** "2026-01-01", "2026-01-01T12:34:56" (UTC) or seconds since 1970. */
bool value_date(const char *text, uint64_t *ns);

/** The name nearest to @p text, or NULL when none is near. @param names  Ends with NULL. */
const char *value_near(const char *text, const char *const *names);

/* -- report.c: what is said at the end, stats -------------------------------------------------- */

/** Prints "sandglass: " and the line on standard error. @return error->status, for `return`. */
int cli_fail(const struct error *error);

/** How a run went. */
struct report {
    const struct run_options *options;
    const struct machine *machine; /* NULL when it could not be built */
    const struct machine_exit *exit;
    const char *state_hash; /* hex, or NULL */
};

/** Prints each hart's clock to standard output. There is a machine. */
enum status clocks_print(const struct report *report, struct error *error);

/** Writes --stats. */
enum status stats_write(const struct report *report, struct error *error);

/* -- progress.c: a live line ------------------------------------------------------------------- */

struct progress {
    bool wanted; /* somebody looks at standard error, and the guest's console is elsewhere */
    bool shown;
};

void progress_init(struct progress *progress);
/** After one second of running: shows or renews the line. */
void progress_show(struct progress *progress, const struct machine *machine);
/** Takes the line away. */
void progress_clear(struct progress *progress);

#endif
