/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to machine/: files that are to be booted, what is in them, and where they go. */
#ifndef MACHINE_IMAGE_H
#define MACHINE_IMAGE_H

#include "base/base.h"
#include "bus/bus.h"

/* -- file.c: whole files, read with limits ----------------------------------------------------- */

/** A file that an option names. */
struct file {
    const char *option; /* "--kernel": what the user wrote in front of it */
    const char *path;
    int descriptor;
    uint8_t *bytes; /* owned; NULL before file_read() */
    size_t size_bytes;
};

/**
 * Opens a regular file.
 * @errors STATUS_BAD_INPUT; then there is no descriptor to close.
 */
enum status file_open(struct file *file, struct error *error);
/**
 * Reads a whole open file that is not empty, from its beginning.
 * @param limit_bytes  More than this cannot be meant: memory of the machine.
 * @errors STATUS_BAD_INPUT for all that can be wrong with the file; then nothing is owned.
 */
enum status file_read(struct file *file, uint64_t limit_bytes, struct error *error);
/** Forgets the contents; the file stays open. */
void file_free(struct file *file);

/** Error line "OPTION PATH: " and the text. @return STATUS_BAD_INPUT */
enum status file_bad(const struct file *file, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* -- image.c: what is in a kernel file --------------------------------------------------------- */

enum { KERNEL_ALIGN_BYTES = 2 << 20 };

/** Header of a Linux `Image`. @spec Linux, Documentation/arch/riscv/boot-image-header.rst */
struct linux_image {
    uint64_t text_offset;  /* from the start of RAM; multiple of 2 MiB, below 64 GiB */
    uint64_t memory_bytes; /* needed from there on, bss included; [size of the file, 64 GiB] */
};

/** Replaces gzip'd contents by what is packed in them; leaves others as they are. */
enum status image_unpack(struct file *file, uint64_t limit_bytes, struct error *error);

/** @errors STATUS_BAD_INPUT: what the file is instead, where that can be told, and the remedy. */
enum status image_linux(const struct file *file, struct linux_image *image, struct error *error);

/** Opens a RISC-V ELF executable; elf_close() when done. Borrows the file's bytes. */
enum status image_elf(const struct file *file, struct elf *elf, struct error *error);

/* -- boot.c ------------------------------------------------------------------------------------ */

/** What is added to the addresses of firmware: it lies at the start of RAM if it can lie anywhere,
 * and was linked to lie below. */
uint64_t firmware_bias(const struct elf *elf);

/* -- layout.c: who has which addresses --------------------------------------------------------- */

enum { SPANS_MAX = ELF_SEGMENTS_MAX * 2 + 8 };

/** Addresses that are taken. */
struct span {
    paddr start, end;
    const char *what;
};

struct layout {
    paddr ram_start, ram_end;
    struct span spans[SPANS_MAX];
    unsigned count;
};

/** What of the layout meets [start, start + size_bytes), or NULL. */
const struct span *layout_meets(const struct layout *layout, paddr start, uint64_t size_bytes);

/** Takes addresses that are in RAM and free. */
void layout_take(struct layout *layout, paddr start, uint64_t size_bytes, const char *what);

/**
 * Finds the highest free place in RAM that ends at @p limit or below.
 * @param align_bytes  Power of two that divides the start of RAM.
 * @return false when there is none.
 */
bool layout_place(const struct layout *layout, uint64_t size_bytes, uint64_t align_bytes,
                  paddr limit, paddr *start);

/* -- names.c ----------------------------------------------------------------------------------- */

struct machine;
struct symbols;

/** Adds the symbols of what was booted. @errors STATUS_BAD_INPUT: there are none. */
enum status machine_names(struct machine *machine, struct symbols *symbols, struct error *error);
/**
 * Adds those of firmware that is an ELF file, and of all symbol files.
 * @errors STATUS_BAD_INPUT: a symbol file is damaged, or has none.
 */
enum status machine_names_besides(struct machine *machine, struct symbols *symbols,
                                  struct error *error);

#endif
