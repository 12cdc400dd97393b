/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass-mark: markers for shell scripts in a guest. It executes one marker (marker.h), which
 * does nothing on real hardware.
 *
 *     sandglass-mark NUMBER [VALUE]    the place NUMBER, 0 to 2047
 *     sandglass-mark begin NUMBER      interval NUMBER, 0 to 511, begins
 *     sandglass-mark end NUMBER        and ends
 *
 * Each call is a process of its own, so intervals are those that all tasks share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 2048, INTERVALS = 512, BEGIN_SHARED = 3072, END_SHARED = 3584, USAGE = 64 };

/* Numbers are part of the instruction, so each has one: 8 bytes apart, called with the value. */
__asm__("        .option push\n"
        "        .option norvc\n"
        "        .balign 8\n"
        "markers:\n"
        "        .set    number, 0\n"
        "        .rept   4096\n"
        "        .word   number << 20 | 10 << 15 | 0x2013\n"
        "        ret\n"
        "        .set    number, number + 1\n"
        "        .endr\n"
        "        .option pop\n");
extern const char markers[];

static void mark(unsigned idx, unsigned long value) {
    typedef void marker_fn(unsigned long value);
    ((marker_fn *)(markers + 8 * idx))(value);
}

/** @return false: it is none, or greater. */
static int number_read(const char *text, unsigned long max, unsigned long *number) {
    char *end;
    *number = strtoul(text, &end, 0);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *number <= max;
}

int main(int argc, char **argv) {
    unsigned long number, value = 0;
    int begins = argc == 3 && strcmp(argv[1], "begin") == 0;
    int ends = argc == 3 && strcmp(argv[1], "end") == 0;
    if ((begins || ends) && number_read(argv[2], INTERVALS - 1, &number)) {
        mark((unsigned)number + (begins ? BEGIN_SHARED : END_SHARED), 0);
        return 0;
    }
    if ((argc == 2 || argc == 3) && number_read(argv[1], PLACES - 1, &number) &&
        (argc == 2 || number_read(argv[2], (unsigned long)-1, &value))) {
        mark((unsigned)number, value);
        return 0;
    }
    fputs("sandglass-mark: use NUMBER [VALUE] with 0 to 2047, or begin or end with 0 to 511\n",
          stderr);
    return USAGE;
}
