/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of options. Private to cli/. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/cli.h"

/** Where gdb goes if nobody says more, as with QEMU. */
#define GDB_PORT_DEFAULT "1234"

enum { OPTION_WORD_CHARS = 64 };

struct option_row;
typedef enum status option_fn(struct run_options *options, const struct option_row *row,
                              const char *value, struct error *error);

/** A row of options.def. */
struct option_row {
    const char *name;
    const char *argument; /* NULL: none */
    enum option_use use;
    option_fn *parse;
    size_t offset;    /* of the field in struct run_options that parse fills in, if there is one */
    const char *help; /* NULL: not shown */
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

/** May it be given more than once? */
bool option_repeats(const struct option_row *row);

/* options_check.c: what belongs to whom, and what goes together. */

bool option_accepted(const struct option_row *row, enum command_kind command, bool profiles);
/** The line for one that is not. */
enum status option_refuse(const struct option_row *row, enum command_kind command,
                          struct error *error);
/** Do they go together? */
enum status options_check(const struct run_options *options, struct error *error);

#endif
