/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols of the guest's programs, out of a folder or disk that has its files at their paths. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/object.h"
#include "prof/prof.h"

/* Part of a file that is linked to lie at an address. */
struct part {
    uint64_t offset, size_bytes, address;
};

/* A binary that was asked for. */
struct program {
    struct program *next;
    struct binary binary; /* its path is ours */
    const char *module;   /* end of the path */
    struct binary there;  /* the build-id that the sysroot's file has */
    struct symbols *symbols;
    struct part parts[ELF_SEGMENTS_MAX];
    unsigned part_count;
    char *defect; /* NULL: none */
};

struct sysroot {
    int folder;            /* -1: there is a disk */
    struct ext_disk *disk; /* NULL: there is a folder */
    struct program *programs, **last;
};

/* -- Files ------------------------------------------------------------------------------------- */

static enum status folder_open(const char *path, int *folder, struct error *error) {
    *folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *folder >= 0 ? STATUS_OK
                        : error_set(error, STATUS_BAD_INPUT,
                                    "--sysroot %.200s: %s; name a folder with the guest's files, "
                                    "or disk:FILE",
                                    path, strerror(errno));
}

enum status sysroot_open(const char *path, struct sysroot **sysroot, struct error *error) {
    int folder = -1;
    struct ext_disk *disk = NULL;
    size_t kind_chars = strlen(SYSROOT_DISK);
    enum status status = strncmp(path, SYSROOT_DISK, kind_chars) == 0
                             ? ext_disk_open(path + kind_chars, &disk, error)
                             : folder_open(path, &folder, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct sysroot *opened = calloc(1, sizeof *opened);
    ensure(opened != NULL);
    opened->folder = folder;
    opened->disk = disk;
    opened->last = &opened->programs;
    *sysroot = opened;
    return STATUS_OK;
}

enum status sysroot_look(struct sysroot *sysroot, struct error *error) {
    return sysroot->disk == NULL ? STATUS_OK : ext_disk_look(sysroot->disk, error);
}

void sysroot_free(struct sysroot *sysroot) {
    if (sysroot == NULL) {
        return;
    }
    for (struct program *program = sysroot->programs, *next; program != NULL; program = next) {
        next = program->next;
        symbols_free(program->symbols);
        free((char *)(uintptr_t)program->binary.path);
        free(program->defect);
        free(program);
    }
    if (sysroot->folder >= 0) {
        close(sysroot->folder);
    }
    ext_disk_close(sysroot->disk);
    free(sysroot);
}

/* Opens a file as the guest would, whose root the folder is: no link leads out of it. */
static int file_open_inside(const struct sysroot *sysroot, const char *path) {
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, sysroot->folder, path, &how, sizeof how);
}

/* @return What is wrong, or NULL. */
static const char *file_read_inside(const struct sysroot *sysroot, const char *path,
                                    uint8_t **bytes, size_t *size_bytes) {
    if (sysroot->disk != NULL) {
        return ext_disk_read(sysroot->disk, path, bytes, size_bytes);
    }
    int descriptor = file_open_inside(sysroot, path);
    if (descriptor < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? OBJECT_MISSING
                   : "cannot be read in the sysroot; check its permissions, and that the host has "
                     "Landlock (else --no-sandbox)";
    }
    const char *defect = object_read(descriptor, bytes, size_bytes);
    close(descriptor);
    return defect;
}

/* What tells a file from others. */
struct identity {
    uint64_t device, number;
};

static bool file_identify(const struct sysroot *sysroot, const char *path,
                          struct identity *identity) {
    *identity = (struct identity){0};
    if (sysroot->disk != NULL) {
        return ext_disk_number(sysroot->disk, path, &identity->number);
    }
    struct stat there;
    int descriptor = file_open_inside(sysroot, path);
    bool known = descriptor >= 0 && fstat(descriptor, &there) == 0;
    if (known) {
        *identity = (struct identity){there.st_dev, there.st_ino};
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return known;
}

/* -- Programs ---------------------------------------------------------------------------------- */

enum { HEX_CHARS_MAX = 2 * BUILD_ID_BYTES_MAX + 1 };

static const char *hex_of(const struct binary *binary, char text[HEX_CHARS_MAX]) {
    for (size_t i = 0; i < binary->build_id_bytes; i++) {
        snprintf(text + 2 * i, 3, "%02x", binary->build_id[i]);
    }
    text[2 * binary->build_id_bytes] = '\0';
    return text;
}

/* Paths are the guest's, and may hold anything, a terminal's commands too. */
static void defect_set(struct program *program, const char *defect) {
    int length = asprintf(&program->defect, "%.400s: %s", program->binary.path, defect);
    ensure(length >= 0);
    for (char *at = program->defect; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
    }
}

static bool both_known(const struct binary *a, const struct binary *b) {
    return a->build_id_bytes != 0 && b->build_id_bytes != 0;
}

static bool ids_same(const struct binary *a, const struct binary *b) {
    return a->build_id_bytes == b->build_id_bytes &&
           memcmp(a->build_id, b->build_id, a->build_id_bytes) == 0;
}

/* Is the file the one that the guest has? Where either has no id, nothing speaks against it. */
static bool same_build(struct program *program) {
    const struct binary *guest = &program->binary, *there = &program->there;
    if (!both_known(guest, there) || ids_same(guest, there)) {
        return true;
    }
    char wanted[HEX_CHARS_MAX], found[HEX_CHARS_MAX];
    char defect[200 + 2 * HEX_CHARS_MAX];
    snprintf(
        defect, sizeof defect,
        "the guest has build %s, the sysroot %s; give the sysroot that the guest was made from",
        hex_of(guest, wanted), hex_of(there, found));
    defect_set(program, defect);
    return false;
}

static void parts_note(struct program *program, const struct elf *elf, const uint8_t *bytes) {
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        program->parts[program->part_count++] =
            (struct part){.offset = (uint64_t)(segment->bytes - bytes),
                          .size_bytes = segment->file_bytes,
                          .address = segment->vaddr};
    }
}

static enum status symbols_read(struct program *program, const uint8_t *bytes, size_t size_bytes) {
    return symbols_add_elf(program->symbols,
                           &(struct symbol_source){.path = program->binary.path,
                                                   .module = program->module,
                                                   .bytes = bytes,
                                                   .size_bytes = size_bytes},
                           NULL);
}

/* Distributions put what they strip from a file where its build-id says. */
static bool debug_file_read(const struct sysroot *sysroot, struct program *program,
                            const struct elf *elf) {
    size_t size_bytes;
    if (program->there.build_id_bytes < 2 || elf_section(elf, ".symtab", &size_bytes) != NULL) {
        return false;
    }
    char hex[HEX_CHARS_MAX], path[64 + HEX_CHARS_MAX];
    hex_of(&program->there, hex);
    snprintf(path, sizeof path, "/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
    uint8_t *bytes;
    if (file_read_inside(sysroot, path, &bytes, &size_bytes) != NULL) {
        return false;
    }
    bool read = symbols_read(program, bytes, size_bytes) == STATUS_OK;
    free(bytes);
    return read;
}

static void program_parse(const struct sysroot *sysroot, struct program *program,
                          const uint8_t *bytes, size_t size_bytes) {
    struct elf elf;
    const char *defect;
    if (!elf_open_names(&elf, bytes, size_bytes, &defect)) {
        defect_set(program, defect);
        return;
    }
    program->there.build_id_bytes = elf_build_id(&elf, program->there.build_id);
    if (elf.machine != EM_RISCV) {
        defect_set(program, "is for another machine; give a sysroot for RISC-V");
    } else if (same_build(program)) {
        parts_note(program, &elf, bytes);
        if (!debug_file_read(sysroot, program, &elf)) {
            (void)symbols_read(program, bytes, size_bytes); /* it is sound, as we know by now */
        }
    }
    elf_close(&elf);
}

static void program_read(const struct sysroot *sysroot, struct program *program) {
    program->symbols = symbols_new();
    if (program->binary.path[0] != '/') {
        return; /* no file */
    }
    uint8_t *bytes;
    size_t size_bytes;
    const char *defect = file_read_inside(sysroot, program->binary.path, &bytes, &size_bytes);
    if (defect != NULL) {
        defect_set(program, defect);
        return;
    }
    program_parse(sysroot, program, bytes, size_bytes);
    free(bytes);
}

static bool same_binary(const struct binary *a, const struct binary *b) {
    return ids_same(a, b) && strcmp(a->path, b->path) == 0;
}

static const char *module_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

static struct program *program_of(struct sysroot *sysroot, const struct binary *binary) {
    for (struct program *program = sysroot->programs; program != NULL; program = program->next) {
        if (same_binary(&program->binary, binary)) {
            return program;
        }
    }
    struct program *program = calloc(1, sizeof *program);
    ensure(program != NULL);
    program->binary = *binary;
    program->binary.path = strdup(binary->path);
    ensure(program->binary.path != NULL);
    program->module = module_of(program->binary.path);
    program_read(sysroot, program);
    *sysroot->last = program;
    sysroot->last = &program->next;
    return program;
}

/* -- Asking ------------------------------------------------------------------------------------ */

struct place sysroot_at(struct sysroot *sysroot, const struct binary *binary, uint64_t offset) {
    struct place nameless = {.module = module_of(binary->path), .offset = offset};
    nameless.same_bytes = sysroot == NULL ? UINT64_MAX - offset : 0;
    const struct program *program = sysroot == NULL ? NULL : program_of(sysroot, binary);
    for (unsigned i = 0; program != NULL && i < program->part_count; i++) {
        const struct part *part = &program->parts[i];
        if (offset >= part->offset && offset - part->offset < part->size_bytes) {
            uint64_t inside = offset - part->offset;
            struct place place = symbols_at(program->symbols, part->address + inside);
            nameless.same_bytes = min_u64(place.same_bytes, part->size_bytes - inside);
            place.same_bytes = nameless.same_bytes;
            return place.symbol != NULL ? place : nameless;
        }
    }
    return nameless;
}

/* -- Before a process has it mapped ------------------------------------------------------------ */

const char *program_defect(const struct program *program) {
    return program->defect;
}

const struct symbols *program_symbols(const struct program *program) {
    return program->symbols;
}

bool program_offset(const struct program *program, uint64_t address, uint64_t *offset) {
    for (unsigned i = 0; i < program->part_count; i++) {
        const struct part *part = &program->parts[i];
        if (address >= part->address && address - part->address < part->size_bytes) {
            *offset = part->offset + (address - part->address);
            return true;
        }
    }
    return false;
}

enum program_match sysroot_match(const struct sysroot *sysroot, const struct program *program,
                                 const struct binary *binary) {
    bool path_same = strcmp(program->binary.path, binary->path) == 0;
    struct identity one, other;
    if (binary->path[0] != '/') {
        return PROGRAM_OTHER;
    }
    if (both_known(&program->there, binary)) {
        return ids_same(&program->there, binary) ? PROGRAM_SAME
               : path_same                       ? PROGRAM_REBUILT
                                                 : PROGRAM_OTHER;
    }
    bool same = path_same || (file_identify(sysroot, program->binary.path, &one) &&
                              file_identify(sysroot, binary->path, &other) &&
                              one.device == other.device && one.number == other.number);
    return same ? PROGRAM_SAME : PROGRAM_OTHER;
}

const struct program *sysroot_program(struct sysroot *sysroot, const char *path) {
    const struct binary binary = {.path = path};
    for (const struct program *known = sysroot->programs; known != NULL; known = known->next) {
        if (known->defect == NULL && sysroot_match(sysroot, known, &binary) == PROGRAM_SAME) {
            return known;
        }
    }
    return program_of(sysroot, &binary);
}

/* -- What was wrong ---------------------------------------------------------------------------- */

const char *sysroot_defect(const struct sysroot *sysroot, size_t idx) {
    for (struct program *program = sysroot->programs; program != NULL; program = program->next) {
        if (program->defect != NULL && idx-- == 0) {
            return program->defect;
        }
    }
    return NULL;
}
