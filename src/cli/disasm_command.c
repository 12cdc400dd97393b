/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass disasm: code of an ELF file, or words, as text. */
#include "cli/cli.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_insn(const struct decoder *decoder, uint64_t address, uint32_t bits) {
    char text[128];
    struct insn insn = decode(decoder, bits);
    insn_text(&insn, address, text, sizeof text);
    bool compressed = insn.length == 2;
    printf("%16" PRIx64 ":  %0*" PRIx32 "%*s  %s\n", address, compressed ? 4 : 8,
           compressed ? bits & 0xffff : bits, compressed ? 4 : 0, "", text);
}

/* -- Words ------------------------------------------------------------------------------------- */

static int disasm_words(const struct decoder *decoder, int count, char **words) {
    struct error error;
    for (int i = 0; i < count; i++) {
        char *end;
        errno = 0;
        unsigned long long bits = strtoull(words[i], &end, 16);
        if (errno != 0 || end == words[i] || *end != '\0' || bits > UINT32_MAX ||
            words[i][0] == '-') {
            error_set(&error, STATUS_USAGE, "disasm: '%.64s' is not a word; use up to 8 hex digits",
                      words[i]);
            return cli_fail(&error);
        }
        print_insn(decoder, 0, (uint32_t)bits);
    }
    return 0;
}

/* -- Files ------------------------------------------------------------------------------------- */

static void disasm_segment(const struct decoder *decoder, const struct elf_segment *segment) {
    uint64_t at = 0;
    while (at + 2 <= segment->file_bytes) {
        uint32_t bits = 0;
        memcpy(&bits, segment->bytes + at, min_u64(4, segment->file_bytes - at));
        print_insn(decoder, segment->vaddr + at, bits);
        at += insn_length(bits);
    }
}

static enum status file_load(const char *path, uint8_t **bytes, size_t *size, struct error *error) {
    FILE *file = fopen(path, "rb");
    FILE *copy = file == NULL ? NULL : open_memstream((char **)bytes, size);
    bool done = copy != NULL;
    char part[4096];
    size_t got;
    while (done && (got = fread(part, 1, sizeof part, file)) > 0) {
        done = fwrite(part, 1, got, copy) == got;
    }
    done = done && !ferror(file);
    int cause = errno;
    if (file != NULL) {
        fclose(file);
    }
    if (copy != NULL) {
        fclose(copy);
    }
    return done ? STATUS_OK
                : error_set(error, STATUS_BAD_INPUT, "%.200s: %s; name an ELF file", path,
                            strerror(cause));
}

static enum status elf_check(const struct elf *elf, const char *path, struct error *error) {
    if (elf->machine != EM_RISCV) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%.200s: is for another machine; name an ELF file for RISC-V", path);
    }
    return STATUS_OK;
}

static int disasm_file(const struct decoder *decoder, const char *path) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    const char *defect;
    struct elf elf;
    struct error error;
    enum status status = file_load(path, &bytes, &size, &error);
    if (status == STATUS_OK && !elf_open(&elf, bytes, size, &defect)) {
        status = error_set(&error, STATUS_BAD_INPUT, "%.200s: %s", path, defect);
    } else if (status == STATUS_OK) {
        status = elf_check(&elf, path, &error);
        for (unsigned i = 0; status == STATUS_OK && i < elf.segment_count; i++) {
            if (elf.segments[i].executable) {
                disasm_segment(decoder, &elf.segments[i]);
            }
        }
        elf_close(&elf);
    }
    free(bytes);
    return status == STATUS_OK ? 0 : cli_fail(&error);
}

/* -- The command ------------------------------------------------------------------------------- */

static void help(void) {
    puts("usage: sandglass disasm FILE\n"
         "       sandglass disasm --words WORD...\n\n"
         "Disassembles the executable segments of an ELF file, or instructions given in hex.");
}

int disasm_command(int argc, char **argv) {
    struct error error;
    ext_set all;
    bool words = argc >= 3 && (strcmp(argv[1], "--words") == 0 || strcmp(argv[1], "-words") == 0);
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-help") == 0)) {
        help();
        return 0;
    }
    if (argc < 2 || (!words && (argc != 2 || argv[1][0] == '-'))) {
        error_set(&error, STATUS_USAGE,
                  "disasm: give one FILE, or --words WORD...; see sandglass disasm "
                  "--help");
        return cli_fail(&error);
    }
    if (ext_parse("max", &all, &error) != STATUS_OK) {
        return cli_fail(&error);
    }
    struct decoder *decoder = decoder_new(all);
    if (decoder == NULL) {
        error_set(&error, STATUS_USAGE, "disasm: out of memory");
        return cli_fail(&error);
    }
    int result = words ? disasm_words(decoder, argc - 2, argv + 2) : disasm_file(decoder, argv[1]);
    decoder_free(decoder);
    return result;
}
