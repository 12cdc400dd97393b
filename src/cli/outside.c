/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's ends of consoles, the network and folders, as they are opened before a run. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* -- Options ----------------------------------------------------------------------------------- */

/** The first port is stdio unless something else is asked for. */
static const char *first_spec(const struct run_options *options) {
    if (options->console != NULL) {
        return options->console;
    }
    return options->serial_count > 0 ? options->serials[0] : "stdio";
}

/* Two who read standard input would share it out between them. */
enum status outside_check(const struct run_options *options, struct error *error) {
    unsigned count = strcmp(first_spec(options), "stdio") == 0;
    if (options->console != NULL && options->serial_count > 0) {
        return error_set(error, STATUS_USAGE,
                         "--console: is the first --serial by another name; drop it");
    }
    for (unsigned i = 1; i < options->serial_count; i++) {
        count += strcmp(options->serials[i], "stdio") == 0;
    }
    for (unsigned i = 0; i < options->virtconsole_count; i++) {
        count += strcmp(options->virtconsoles[i], "stdio") == 0;
    }
    if (count > 1) {
        return error_set(error, STATUS_USAGE,
                         "stdio: only one console can have it, and the first serial port does "
                         "unless told otherwise; use --console null");
    }
    if (options->network.wanted && !options->machine.idle_sleeps) {
        return error_set(error, STATUS_USAGE,
                         "--net user: needs sleep=on: with sleep=off the guest's time jumps ahead "
                         "of everybody it talks to");
    }
    return STATUS_OK;
}

/* -- Opening and closing ----------------------------------------------------------------------- */

/** @return NULL with a line that names the option. */
static struct console *open_one(const char *option, const char *spec, struct error *error) {
    struct error why;
    struct console *console = console_open(spec, &why);
    if (console == NULL) {
        error_set(error, why.status, "--%s %s", option, why.text);
    }
    return console;
}

/** Where it is cannot be known before, so it has to be told. */
static void place_tell(const char *what, unsigned idx, const struct console *console) {
    const char *place = console_place(console);
    if (place != NULL) {
        fprintf(stderr, "sandglass: %s %u is %s\n", what, idx, place);
    }
}

static enum status serials_open(struct run_options *options, struct error *error) {
    struct outside *outside = &options->outside;
    outside->console =
        open_one(options->console != NULL ? "console" : "serial", first_spec(options), error);
    if (outside->console == NULL) {
        return error->status;
    }
    place_tell("serial port", 0, outside->console);
    options->machine.serials = outside->serials;
    for (unsigned i = 1; i < options->serial_count; i++) {
        outside->serials[i - 1] = open_one("serial", options->serials[i], error);
        if (outside->serials[i - 1] == NULL) {
            return error->status;
        }
        options->machine.serial_count = i;
        place_tell("serial port", i, outside->serials[i - 1]);
    }
    return STATUS_OK;
}

static enum status virtconsoles_open(struct run_options *options, struct error *error) {
    struct outside *outside = &options->outside;
    options->machine.virtconsoles = outside->virtconsoles;
    for (unsigned i = 0; i < options->virtconsole_count; i++) {
        outside->virtconsoles[i] = open_one("virtconsole", options->virtconsoles[i], error);
        if (outside->virtconsoles[i] == NULL) {
            return error->status;
        }
        options->machine.virtconsole_count = i + 1;
        place_tell("virtual console", i, outside->virtconsoles[i]);
    }
    return STATUS_OK;
}

/** The debugger's line: a plain number is a port. */
static enum status gdb_open(struct run_options *options, struct error *error) {
    struct outside *outside = &options->outside;
    char port[32];
    uint64_t number;
    const char *spec = options->gdb;
    if (value_u64(spec, &number)) {
        snprintf(port, sizeof port, "tcp:%.20s", spec);
        spec = port;
    }
    if (strncmp(spec, "tcp:", 4) != 0 && strncmp(spec, "unix:", 5) != 0) {
        return error_set(error, STATUS_USAGE,
                         "--gdb %s: use PORT, tcp:HOST:PORT or unix:PATH, where gdb's `target "
                         "remote` goes",
                         spec);
    }
    outside->gdb = open_one("gdb", spec, error);
    if (outside->gdb != NULL && options->gdb_waits) {
        fprintf(stderr, "sandglass: waiting for gdb: target remote %s\n",
                spec[0] == 'u' ? spec + 5 : strrchr(spec, ':'));
    }
    return outside->gdb == NULL ? error->status : STATUS_OK;
}

enum status outside_open(struct run_options *options, struct error *error) {
    enum status status = serials_open(options, error);
    if (status == STATUS_OK && options->gdb != NULL) {
        status = gdb_open(options, error);
    }
    if (status == STATUS_OK) {
        status = virtconsoles_open(options, error);
    }
    if (status == STATUS_OK && options->network.wanted) {
        bool replays = options->command == COMMAND_REPLAY;
        options->machine.net = net_open(replays ? NULL : &options->network.user, error);
        status = options->machine.net == NULL ? error->status : STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = shares_open(options, error);
    }
    return status == STATUS_OK ? names_open(options, error) : status;
}

void outside_close(struct run_options *options) {
    struct outside *outside = &options->outside;
    console_close(outside->console);
    for (unsigned i = 0; i < COUNT(outside->serials); i++) {
        console_close(outside->serials[i]);
    }
    for (unsigned i = 0; i < COUNT(outside->virtconsoles); i++) {
        console_close(outside->virtconsoles[i]);
    }
    for (unsigned i = 0; i < COUNT(outside->shares); i++) {
        share_close(outside->shares[i].share);
    }
    net_close(options->machine.net);
    names_close(options);
    console_close(outside->gdb);
}

/* -- What others ask about them ---------------------------------------------------------------- */

size_t outside_consoles(const struct outside *outside,
                        struct console *consoles[OUTSIDE_CONSOLES_MAX]) {
    size_t count = 0;
    struct console *all[OUTSIDE_CONSOLES_MAX] = {outside->console};
    memcpy(all + 1, outside->serials, sizeof outside->serials);
    memcpy(all + SERIALS_MAX, outside->virtconsoles, sizeof outside->virtconsoles);
    all[SERIALS_MAX + VIRTCONSOLES_MAX] = outside->gdb;
    for (size_t i = 0; i < COUNT(all); i++) {
        if (all[i] != NULL) {
            consoles[count++] = all[i];
        }
    }
    return count;
}

unsigned outside_groups(const struct outside *outside) {
    struct console *consoles[OUTSIDE_CONSOLES_MAX];
    unsigned groups = 0;
    for (size_t i = outside_consoles(outside, consoles); i > 0; i--) {
        groups |= console_interactive(consoles[i - 1]) ? SANDBOX_TERMINAL : 0;
        groups |= console_listens(consoles[i - 1]) ? SANDBOX_SOCKETS : 0;
    }
    return groups;
}
