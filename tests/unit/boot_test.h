/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of image loading share: a folder of their own, kernels and ELF files to order. */
#ifndef TESTS_UNIT_BOOT_TEST_H
#define TESTS_UNIT_BOOT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "machine/image.h"
#include "machine/machine.h"

/* -- Errors ------------------------------------------------------------------------------------ */

/** One line that holds each of the words: what, which file or option, and the remedy. */
static inline void expect_error(const struct error *error, enum status status,
                                const char *const words[3]) {
    if (error->status != status) {
        fail_msg("status %d, not %d: %s", error->status, status, error->text);
    }
    for (int i = 0; i < 3; i++) {
        if (words[i] != NULL && strstr(error->text, words[i]) == NULL) {
            fail_msg("'%s' does not say '%s'", error->text, words[i]);
        }
    }
    assert_null(strchr(error->text, '\n'));
    assert_true(strlen(error->text) + 1 < sizeof error->text);
}

/* -- Bytes made to order ----------------------------------------------------------------------- */

/** Contents of a file. */
struct bytes {
    uint8_t *at;
    size_t count;
};

static inline struct bytes bytes_new(size_t count, uint8_t seed) {
    struct bytes bytes = {calloc(1, count + 1), count};
    assert_non_null(bytes.at);
    for (size_t i = 0; seed != 0 && i < count; i++) {
        bytes.at[i] = (uint8_t)(seed + i * 7 + i / 251);
    }
    return bytes;
}

static inline void put(struct bytes bytes, size_t offset, uint64_t value, unsigned size_bytes) {
    assert_true(offset + size_bytes <= bytes.count);
    memcpy(bytes.at + offset, &value, size_bytes);
}

/** A Linux Image of @p count bytes. */
static inline struct bytes kernel_new(size_t count, uint64_t text_offset, uint64_t memory_bytes) {
    struct bytes image = bytes_new(count, 3);
    put(image, 0x00, 0x0000106f, 8);
    put(image, 0x08, text_offset, 8);
    put(image, 0x10, memory_bytes, 8);
    put(image, 0x18, 0, 8);
    put(image, 0x20, 2, 8);
    memcpy(image.at + 0x30, "RISCV\0\0\0", 8);
    memcpy(image.at + 0x38, "RSC\x05", 4);
    put(image, 0x3c, 0, 4);
    return image;
}

enum { STUB_MACHINE = 0x44, STUB_SECTIONS = 0x46, STUB_SECOND_SIZE = 0xa0 };

/** The same with an EFI stub: PE header at 0x40, two sections that end where the file does. */
static inline struct bytes stub_new(size_t count, uint64_t text_offset, uint64_t memory_bytes) {
    struct bytes image = kernel_new(count, text_offset, memory_bytes);
    memcpy(image.at, "MZ", 2);
    put(image, 0x3c, 0x40, 4);
    memset(image.at + 0x40, 0, 0xc0);
    memcpy(image.at + 0x40, "PE\0\0", 4);
    put(image, STUB_MACHINE, 0x5064, 2);
    put(image, STUB_SECTIONS, 2, 2);
    put(image, 0x54, 0x10, 2);       /* optional header */
    put(image, 0x68 + 16, 0x100, 4); /* first section: raw size, raw offset */
    put(image, 0x68 + 20, 0x100, 4);
    put(image, STUB_SECOND_SIZE, count - 0x200, 4);
    put(image, STUB_SECOND_SIZE + 4, 0x200, 4);
    return image;
}

static inline struct bytes gzip_new(struct bytes plain) {
    z_stream stream = {.next_in = plain.at, .avail_in = (uInt)plain.count};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    struct bytes packed = bytes_new(deflateBound(&stream, plain.count), 0);
    stream.next_out = packed.at;
    stream.avail_out = (uInt)packed.count;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.count = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

/* -- ELF files --------------------------------------------------------------------------------- */

enum { ELF_TEXT_OFFSET = 0x1000, ELF_SYMBOLS_MAX = 8, ELF_PARTS_MAX = 80 };

struct elf_part {
    uint64_t vaddr, paddr, file_bytes, memory_bytes;
};

struct elf_name {
    const char *name;
    uint64_t value;
};

/** What an ELF file is to hold; both lists end with a zero. All segments hold bytes_new(n, 11). */
struct elf_recipe {
    unsigned type, machine;
    uint64_t entry;
    struct elf_part parts[ELF_PARTS_MAX];
    struct elf_name names[ELF_SYMBOLS_MAX];
};

static inline size_t elf_add_symbols(struct bytes file, size_t at,
                                     const struct elf_recipe *recipe) {
    Elf64_Shdr *sections = (Elf64_Shdr *)(void *)(file.at + at);
    Elf64_Sym *symbols = (Elf64_Sym *)(void *)(sections + 3);
    char *strings = (char *)(symbols + ELF_SYMBOLS_MAX + 1);
    size_t string_bytes = 1, count = 1;
    for (; count <= ELF_SYMBOLS_MAX && recipe->names[count - 1].name != NULL; count++) {
        const struct elf_name *name = &recipe->names[count - 1];
        symbols[count].st_name = (Elf64_Word)string_bytes;
        symbols[count].st_value = name->value;
        symbols[count].st_shndx = SHN_ABS;
        strcpy(strings + string_bytes, name->name);
        string_bytes += strlen(name->name) + 1;
    }
    sections[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                               .sh_offset = (size_t)((uint8_t *)symbols - file.at),
                               .sh_size = count * sizeof(Elf64_Sym),
                               .sh_entsize = sizeof(Elf64_Sym),
                               .sh_addralign = 8,
                               .sh_link = 2};
    sections[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
                               .sh_offset = (size_t)((uint8_t *)strings - file.at),
                               .sh_size = string_bytes,
                               .sh_addralign = 1};
    return (size_t)((uint8_t *)strings - file.at) + string_bytes;
}

static inline struct bytes elf_new(const struct elf_recipe *recipe) {
    uint64_t longest = 0;
    unsigned part_count = 0;
    for (; part_count < ELF_PARTS_MAX && recipe->parts[part_count].memory_bytes != 0;
         part_count++) {
        uint64_t bytes = recipe->parts[part_count].file_bytes;
        longest = bytes > longest ? bytes : longest;
    }
    size_t tables = (ELF_TEXT_OFFSET + longest + 15) & ~(size_t)15;
    struct bytes file = bytes_new(tables + 4096, 0);
    struct bytes text = bytes_new(longest, 11);
    memcpy(file.at + ELF_TEXT_OFFSET, text.at, longest);
    free(text.at);
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)file.at;
    *header = (Elf64_Ehdr){.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                           .e_type = (Elf64_Half)recipe->type,
                           .e_machine = (Elf64_Half)recipe->machine,
                           .e_version = EV_CURRENT,
                           .e_entry = recipe->entry,
                           .e_phoff = sizeof *header,
                           .e_shoff = tables,
                           .e_ehsize = sizeof *header,
                           .e_phentsize = sizeof(Elf64_Phdr),
                           .e_phnum = (Elf64_Half)part_count,
                           .e_shentsize = sizeof(Elf64_Shdr),
                           .e_shnum = 3};
    Elf64_Phdr *parts = (Elf64_Phdr *)(void *)(header + 1);
    for (unsigned i = 0; i < part_count; i++) {
        const struct elf_part *part = &recipe->parts[i];
        parts[i] = (Elf64_Phdr){.p_type = PT_LOAD,
                                .p_offset = ELF_TEXT_OFFSET,
                                .p_vaddr = part->vaddr,
                                .p_paddr = part->paddr,
                                .p_filesz = part->file_bytes,
                                .p_memsz = part->memory_bytes};
    }
    file.count = elf_add_symbols(file, tables, recipe);
    return file;
}

/* -- Files ------------------------------------------------------------------------------------- */

/** A folder that goes when the test ends. */
struct folder {
    char path[PATH_MAX / 2];
};

static inline int folder_make(void **state) {
    struct folder *folder = calloc(1, sizeof *folder);
    const char *parent = getenv("TMPDIR");
    snprintf(folder->path, sizeof folder->path, "%s/sandglass-XXXXXX",
             parent == NULL ? "/tmp" : parent);
    *state = folder;
    return mkdtemp(folder->path) == NULL ? -1 : 0;
}

static inline int folder_remove(void **state) {
    struct folder *folder = *state;
    char command[PATH_MAX];
    snprintf(command, sizeof command, "rm -rf '%s'", folder->path);
    free(folder);
    return system(command);
}

/** Path of a name in the folder; the caller frees it. */
static inline char *folder_path(const struct folder *folder, const char *name) {
    char *path = malloc(PATH_MAX);
    snprintf(path, PATH_MAX, "%s/%s", folder->path, name);
    return path;
}

/** Writes a file and frees its contents. @return its path, which the caller frees. */
static inline char *folder_write(const struct folder *folder, const char *name,
                                 struct bytes contents) {
    char *path = folder_path(folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(contents.at, 1, contents.count, file), contents.count);
    assert_int_equal(fclose(file), 0);
    free(contents.at);
    return path;
}

#endif
