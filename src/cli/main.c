/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass: subcommands. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* NULL: not built yet */
    const char *text;
};

static const struct command commands[] = {
    {"run", run_command, "run a machine"},
    {"clocks", clocks_command, "run a machine, then show each hart's clock"},
    {"debug", debug_command, "run a machine under gdb"},
    {"disasm", disasm_command, "disassemble an ELF file or words"},
    {"symbols", symbols_command, "names of kernels and programs, and for addresses"},
    {"record", record_command, "run and write down what comes from outside"},
    {"replay", replay_command, "run again from such a log"},
    {"snapshot", snapshot_command, "run, and keep the state where it stops"},
    {"restore", restore_command, "go on from such a state"},
    {"verify", verify_command, "run a machine twice and compare"},
    {"profile", profile_command, "count exactly where steps go"},
    {"report", report_command, "show profiles, compare them, judge them"},
    {"cluster", NULL, "run several machines in one time"},
    {"qemu", NULL, "run QEMU on this time"},
};

static void help(void) {
    puts("usage: sandglass COMMAND [OPTION]...\n\n"
         "A 64-bit RISC-V machine whose only clock is the instructions it executes.\n");
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (commands[i].run != NULL) {
            printf("  %-8s %s\n", commands[i].name, commands[i].text);
        }
    }
    puts("\nsandglass COMMAND --help tells more; so does the manual page sandglass(1).");
}

static int unknown_command(const char *name) {
    struct error error;
    const char *names[COUNT(commands) + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (commands[i].run != NULL) {
            names[count++] = commands[i].name;
        }
    }
    const char *near = value_near(name, names);
    if (name[0] == '-') {
        error_set(&error, STATUS_USAGE,
                  "a command comes first: try sandglass run %.100s ..., or sandglass --help", name);
    } else if (near != NULL) {
        error_set(&error, STATUS_USAGE, "unknown command '%.100s'; did you mean %s?", name, near);
    } else {
        error_set(&error, STATUS_USAGE, "unknown command '%.100s'; see sandglass --help", name);
    }
    return cli_fail(&error);
}

static bool asks_for(const char *argument, const char *name) {
    size_t dashes = strspn(argument, "-");
    return (dashes == 1 || dashes == 2) && strcmp(argument + dashes, name) == 0;
}

/* A descriptor that the caller closed would be given to the next file that is opened: messages
 * would end in the guest's console, say. So it is taken, and opened the wrong way round, which
 * keeps its use an error. */
static void descriptors_take(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        }
    }
}

/** What was printed has to get out, or the command has failed. */
static int output_end(int result) {
    struct error error;
    bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (!lost || result != 0) {
        return result;
    }
    error_set(&error, STATUS_HOST_IO,
              "cannot write to standard output (%s); give it a reader or room", strerror(errno));
    return cli_fail(&error);
}

static int command_run(int argc, char **argv) {
    struct error error;
    if (argc < 2) {
        error_set(&error, STATUS_USAGE, "a command is missing; see sandglass --help");
        return cli_fail(&error);
    }
    if (asks_for(argv[1], "help") || strcmp(argv[1], "help") == 0) {
        help();
        return 0;
    }
    if (asks_for(argv[1], "version")) {
        puts(SANDGLASS_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            if (commands[i].run != NULL) {
                return commands[i].run(argc - 1, argv + 1);
            }
            error_set(&error, STATUS_USAGE, "%s: not built yet; see sandglass --help for what is",
                      argv[1]);
            return cli_fail(&error);
        }
    }
    return unknown_command(argv[1]);
}

int main(int argc, char **argv) {
    descriptors_take();
    return output_end(command_run(argc, argv));
}
