/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that the files have which were booted: those of a program, or of a kernel; and others
 * that were asked for. */
#include <string.h>

#include "machine/image.h"
#include "machine/machine.h"
#include "prof/prof.h"

static enum status names_add(struct machine *machine, enum boot_role role, struct symbols *symbols,
                             struct error *error) {
    const struct boot_file *named = &machine->target.files[role];
    struct symbol_source source = {.path = named->path,
                                   .module = role == BOOT_ELF ? "program" : "kernel"};
    if (named->path == NULL) {
        return STATUS_OK;
    }
    const struct boot *boot = &machine->boot;
    if (role == BOOT_KERNEL && boot->image_bytes > 0 && machine->steps == 0) {
        source.bytes = ram_at(&machine->bus.ram, boot->image); /* as in its file, but unpacked */
        source.size_bytes = boot->image_bytes;
        return symbols_add_file(symbols, &source, error);
    }
    struct file file = {
        .option = named->option, .path = named->path, .descriptor = named->descriptor};
    enum status status = file_read(&file, SYMBOL_FILE_BYTES_MAX, error);
    if (status == STATUS_OK) {
        source.bytes = file.bytes;
        source.size_bytes = file.size_bytes;
        status = symbols_add_file(symbols, &source, error);
    }
    file_free(&file);
    return status;
}

enum status machine_names(struct machine *machine, struct symbols *symbols, struct error *error) {
    enum status status = names_add(machine, BOOT_ELF, symbols, error);
    return status == STATUS_OK ? names_add(machine, BOOT_KERNEL, symbols, error) : status;
}

/* -- Besides ----------------------------------------------------------------------------------- */

static const char *path_end(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

/** Of an ELF file, moved to where it lies. @param placed  NULL: it is firmware that was booted. */
static enum status elf_add(const struct file *file, const struct symbol_file *placed,
                           struct symbols *symbols, struct error *error) {
    struct symbol_source source = {.path = file->path,
                                   .module = placed == NULL ? "firmware" : path_end(file->path),
                                   .bytes = file->bytes,
                                   .size_bytes = file->size_bytes};
    struct elf elf;
    const char *defect;
    if (!elf_open_names(&elf, file->bytes, file->size_bytes, &defect)) {
        return file_bad(file, error, "%s", defect);
    }
    if (placed == NULL) {
        source.bias = firmware_bias(&elf);
    } else if (placed->placed) {
        uint64_t lowest = UINT64_MAX;
        for (unsigned i = 0; i < elf.segment_count; i++) {
            lowest = min_u64(lowest, elf.segments[i].vaddr);
        }
        source.bias = placed->address - lowest;
    }
    elf_close(&elf);
    size_t before = symbols_count(symbols);
    enum status status = symbols_add_elf(symbols, &source, error);
    return status != STATUS_OK || placed == NULL || symbols_count(symbols) > before
               ? status
               : file_bad(file, error, "has no symbols; name a file that is not stripped");
}

/** @param placed  As above. */
static enum status besides_add(const struct boot_file *boot, const struct symbol_file *placed,
                               struct symbols *symbols, struct error *error) {
    struct file file = {.option = boot->option, .path = boot->path, .descriptor = boot->descriptor};
    enum status status = file_read(&file, SYMBOL_FILE_BYTES_MAX, error);
    if (status == STATUS_OK && (placed != NULL || elf_magic(file.bytes, file.size_bytes))) {
        status = elf_add(&file, placed, symbols, error);
    }
    file_free(&file);
    return status;
}

enum status machine_names_besides(struct machine *machine, struct symbols *symbols,
                                  struct error *error) {
    const struct machine_options *options = &machine->options;
    const struct boot_target *target = &machine->target;
    enum status status = STATUS_OK;
    if (target->files[BOOT_BIOS].path != NULL) {
        status = besides_add(&target->files[BOOT_BIOS], NULL, symbols, error);
    }
    for (unsigned i = 0; status == STATUS_OK && i < options->symbol_file_count; i++) {
        status = besides_add(&target->symbols[i], &options->symbol_files[i], symbols, error);
    }
    return status;
}
