/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that the files have which were booted: those of a program, or of a kernel. */
#include "machine/image.h"
#include "machine/machine.h"
#include "prof/prof.h"

static enum status names_add(struct machine *machine, enum boot_role role, struct symbols *symbols,
                             struct error *error) {
    const struct boot_file *boot = &machine->target.files[role];
    struct file file = {.option = boot->option, .path = boot->path, .descriptor = boot->descriptor};
    if (boot->path == NULL) {
        return STATUS_OK;
    }
    enum status status = file_read(&file, SYMBOL_FILE_BYTES_MAX, error);
    if (status == STATUS_OK) {
        struct symbol_source source = {.path = boot->path,
                                       .module = role == BOOT_ELF ? "program" : "kernel",
                                       .bytes = file.bytes,
                                       .size_bytes = file.size_bytes};
        status = symbols_add_file(symbols, &source, error);
    }
    file_free(&file);
    return status;
}

enum status machine_names(struct machine *machine, struct symbols *symbols, struct error *error) {
    enum status status = names_add(machine, BOOT_ELF, symbols, error);
    return status == STATUS_OK ? names_add(machine, BOOT_KERNEL, symbols, error) : status;
}
