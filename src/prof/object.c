/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads symbols from ELF files and kernels, in files or in memory. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/kallsyms.h"
#include "prof/object.h"
#include "prof/prof.h"

static enum status source_bad(const struct symbol_source *source, const char *defect,
                              struct error *error) {
    return error_set(error, STATUS_BAD_INPUT, "%.200s: %s", source->path, defect);
}

/* -- Files ------------------------------------------------------------------------------------- */

ssize_t descriptor_read(int descriptor, uint8_t *bytes, size_t size_bytes, int64_t at) {
    size_t have = 0;
    while (have < size_bytes) {
        ssize_t got = pread(descriptor, bytes + have, size_bytes - have, at + (int64_t)have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : (ssize_t)have;
        }
        have += (size_t)got;
    }
    return (ssize_t)have;
}

const char *object_read(int descriptor, uint8_t **bytes, size_t *size_bytes) {
    struct stat there;
    if (fstat(descriptor, &there) != 0) {
        return "cannot be read; check the file system it is on";
    }
    if (!S_ISREG(there.st_mode)) {
        return "is not a regular file; name a kernel or an ELF file";
    }
    if (there.st_size == 0 || there.st_size > SYMBOL_FILE_BYTES_MAX) {
        return there.st_size == 0 ? "is empty; build or copy it again"
                                  : "is too large for a kernel or program (over 1 GiB)"
                                    "; name one";
    }
    *bytes = malloc((size_t)there.st_size);
    ensure(*bytes != NULL);
    ssize_t got = descriptor_read(descriptor, *bytes, (size_t)there.st_size, 0);
    if (got <= 0) {
        free(*bytes);
        return "cannot be read; check the disk it is on";
    }
    *size_bytes = (size_t)got;
    return NULL;
}

enum status symbols_read_file(const char *path, uint8_t **bytes, size_t *size_bytes,
                              struct error *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) {
        return error_set(error, STATUS_BAD_INPUT, "%.200s: %s; check the path and its permissions",
                         path, strerror(errno));
    }
    const char *defect = object_read(descriptor, bytes, size_bytes);
    close(descriptor);
    return defect == NULL ? STATUS_OK
                          : error_set(error, STATUS_BAD_INPUT, "%.200s: %s", path, defect);
}

/* -- ELF --------------------------------------------------------------------------------------- */

struct elf_walk {
    struct symbols *symbols;
    unsigned module;
    uint64_t bias;
};

static void elf_symbol_add(void *owner, const struct elf_symbol *symbol) {
    const struct elf_walk *walk = owner;
    bool absolute = symbol->type == 'A' || symbol->type == 'a';
    uint64_t bias = absolute ? 0 : walk->bias;
    symbols_add(walk->symbols, walk->module,
                &(struct symbol_entry){
                    .name = symbol->name,
                    .address = symbol->value + bias,
                    .size_bytes = symbol->size_bytes,
                    .end = symbol->end == 0 ? 0 : symbol->end + bias,
                    .type = symbol->type,
                });
}

/* The stretch that all segments lie in. */
static void elf_extent(const struct elf *elf, uint64_t *start, uint64_t *end) {
    *start = *end = 0;
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        uint64_t segment_end = segment->vaddr + segment->memory_bytes;
        *start = i == 0 ? segment->vaddr : min_u64(*start, segment->vaddr);
        *end = segment_end > *end ? segment_end : *end;
    }
}

static enum status elf_open_source(struct elf *elf, const struct symbol_source *source,
                                   struct error *error) {
    const char *defect;
    if (!elf_open_names(elf, source->bytes, source->size_bytes, &defect)) {
        return source_bad(source, defect, error);
    }
    if (elf->machine != EM_RISCV) {
        elf_close(elf);
        return source_bad(source, "is for another machine; name an ELF file for RISC-V", error);
    }
    return STATUS_OK;
}

/* @return How many symbols. */
static size_t elf_add(struct symbols *symbols, const struct symbol_source *source,
                      const struct elf *elf) {
    uint64_t start, end;
    elf_extent(elf, &start, &end);
    struct elf_walk walk = {
        .symbols = symbols,
        .module =
            symbols_add_module(symbols, source->module, start + source->bias, end + source->bias),
        .bias = source->bias,
    };
    size_t count = elf_symbols_tell(elf, elf_symbol_add, &walk);
    symbols_settle(symbols);
    return count;
}

enum status symbols_add_elf(struct symbols *symbols, const struct symbol_source *source,
                            struct error *error) {
    struct elf elf;
    enum status status = elf_open_source(&elf, source, error);
    if (status == STATUS_OK) {
        elf_add(symbols, source, &elf);
        elf_close(&elf);
    }
    return status;
}

/* -- Kernels ----------------------------------------------------------------------------------- */

/* The module reaches from the first name in text or data to the last one. */
static void kallsyms_add(struct symbols *symbols, const struct symbol_source *source,
                         const struct kallsyms *kallsyms) {
    uint64_t end = kallsyms->last;
    unsigned module = symbols_add_module(symbols, source->module, kallsyms->first + source->bias,
                                         end + source->bias);
    for (struct kallsyms_walk walk = {0}; kallsyms_next(kallsyms, &walk);) {
        bool absolute = walk.type == 'A' || walk.type == 'a';
        symbols_add(symbols, module,
                    &(struct symbol_entry){
                        .name = walk.name,
                        .address = walk.address + (absolute ? 0 : source->bias),
                        .end = absolute ? 0 : end + source->bias,
                        .type = walk.type,
                    });
    }
    symbols_settle(symbols);
}

/* A vmlinux that was not stripped tells more than its own tables; one that was may hold them. */
static bool elf_has_symbols(const struct symbol_source *source) {
    struct elf elf;
    if (elf_open_source(&elf, source, NULL) != STATUS_OK) {
        return false;
    }
    size_t size_bytes;
    bool has = elf_section(&elf, ".symtab", &size_bytes) != NULL;
    elf_close(&elf);
    return has;
}

static enum status kernel_add(struct symbols *symbols, const struct symbol_source *source,
                              struct error *error) {
    struct kallsyms kallsyms;
    if (elf_magic(source->bytes, source->size_bytes) && elf_has_symbols(source)) {
        return symbols_add_elf(symbols, source, error);
    }
    if (!kallsyms_find(&kallsyms, source->bytes, source->size_bytes)) {
        return source_bad(source,
                          "has no symbols of a kernel in it; name an Image or vmlinux built with "
                          "CONFIG_KALLSYMS",
                          error);
    }
    kallsyms_add(symbols, source, &kallsyms);
    return STATUS_OK;
}

enum status symbols_add_kernel(struct symbols *symbols, const struct symbol_source *source,
                               struct error *error) {
    if (!gzip_magic(source->bytes, source->size_bytes)) {
        return kernel_add(symbols, source, error);
    }
    struct symbol_source unpacked = *source;
    uint8_t *bytes;
    if (gzip_unpack(source->bytes, source->size_bytes, SYMBOL_FILE_BYTES_MAX, &bytes,
                    &unpacked.size_bytes) != GZIP_DONE) {
        return source_bad(source, "has a damaged gzip stream; build or copy it again", error);
    }
    unpacked.bytes = bytes;
    enum status status = kernel_add(symbols, &unpacked, error);
    free(bytes);
    return status;
}

enum status symbols_add_file(struct symbols *symbols, const struct symbol_source *source,
                             struct error *error) {
    struct kallsyms kallsyms;
    if (!elf_magic(source->bytes, source->size_bytes)) {
        return symbols_add_kernel(symbols, source, error);
    }
    if (elf_has_symbols(source) || !kallsyms_find(&kallsyms, source->bytes, source->size_bytes)) {
        return symbols_add_elf(symbols, source, error);
    }
    kallsyms_add(symbols, source, &kallsyms);
    return STATUS_OK;
}
