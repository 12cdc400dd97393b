/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: subcommands, options, reports. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "machine/machine.h"

/* -- run_command.c, disasm_command.c: argv[0] is the subcommand -------------------------------- */

int run_command(int argc, char **argv);
/** The same, with a table of all clocks at the end. */
int clocks_command(int argc, char **argv);
int disasm_command(int argc, char **argv);

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

/* -- outside.c: the host's ends of consoles and the network ------------------------------------ */

/** What is open. */
struct outside {
    struct console *console; /* of the first serial port */
    struct console *serials[SERIALS_MAX - 1];
    struct console *virtconsoles[VIRTCONSOLES_MAX];
};

/** Do they go together, and with the rest? */
enum status outside_check(const struct run_options *options, struct error *error);
/** Opens all and gives it to the machine. outside_close() comes whatever comes back. */
enum status outside_open(struct run_options *options, struct error *error);
void outside_close(struct run_options *options);

/* -- options.c: options of `run` --------------------------------------------------------------- */

/** What `run` is asked to do. */
struct run_options {
    struct machine_options machine;
    const char *console; /* value of --console, or NULL */
    const char *stats;   /* where to, or NULL */
    const char *dump;    /* --dump-file: where to, or NULL: standard error */
    bool state_hash;
    bool help;
    bool clocks;     /* they are printed at the end */
    char *hash_path; /* --hash-at: where to, or NULL */

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

    struct outside outside; /* outside_open() */

    /* What machine points to. */
    struct rate rates[HARTS_MAX];
    struct drive disks[DRIVES_MAX];
    uint64_t *hash_at;
    char *harts_joined;
};

/**
 * Parses and checks all options of `run`.
 * @param options  To be given to run_options_free() whatever comes back.
 * @errors STATUS_USAGE, one line.
 */
enum status run_options_parse(int argc, char **argv, struct run_options *options,
                              struct error *error);
void run_options_free(struct run_options *options);

/** Prints what `run` accepts to standard output. */
void run_options_help(void);

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

/* -- output.c: files that are written as a whole or not at all --------------------------------- */

/** Can a file be made at @p path? Asked before a long run. @param option  Names it in the error. */
enum status output_check(const char *option, const char *path, struct error *error);

/** Writes a file by rename. @errors STATUS_HOST_IO; nothing is left behind then. */
enum status output_write(const char *option, const char *path, const char *text,
                         struct error *error);

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
