/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any words as options of `run`: taken, or refused in one line with status 64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { WORDS_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void demand(bool condition, const char *what, const char *text) {
    if (!condition) {
        fprintf(stderr, "fuzz_options: %s: %s\n", what, text);
        abort();
    }
}

static void parse(char *text) {
    char *argv[WORDS_MAX + 2] = {"run"};
    int argc = 1;
    for (char *word = strtok(text, "\n"); word != NULL && argc <= WORDS_MAX;
         word = strtok(NULL, "\n")) {
        argv[argc++] = word;
    }
    struct run_options options;
    struct error error = {0};
    struct options_source source = {
        .command = (enum command_kind)((unsigned char)text[0] % (COMMAND_VERIFY + 1)),
        .argc = argc,
        .argv = argv};
    enum status status = options_parse(&source, &options, &error);
    if (status == STATUS_OK) {
        demand(options.help || (options.machine.hart_count > 0 && options.machine.quantum_ns > 0),
               "taken, but makes no machine", "");
    } else {
        demand(status == STATUS_USAGE || status == STATUS_HOST_IO, "another status", error.text);
        demand(error.status == status && error.text[0] != '\0', "refused without a word", "");
        demand(strchr(error.text, '\n') == NULL, "more than a line", error.text);
    }
    run_options_free(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    char *text = strndup((const char *)bytes, size_bytes);
    if (text != NULL) {
        parse(text);
        free(text);
    }
    return 0;
}
