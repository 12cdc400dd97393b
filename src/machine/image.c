/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells kernel files apart, unpacks them, and refuses what is no RISC-V kernel by its name. */
#include "machine/image.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- Little-endian fields ---------------------------------------------------------------------- */

static uint64_t field(const struct file *file, uint64_t offset, unsigned size_bytes) {
    uint64_t value = 0;
    ensure(offset <= file->size_bytes && size_bytes <= file->size_bytes - offset);
    for (unsigned i = 0; i < size_bytes; i++) {
        value |= (uint64_t)file->bytes[offset + i] << (8 * i);
    }
    return value;
}

static bool has(const struct file *file, uint64_t offset, const char *bytes, size_t size_bytes) {
    return offset <= file->size_bytes && size_bytes <= file->size_bytes - offset &&
           memcmp(file->bytes + offset, bytes, size_bytes) == 0;
}

/* -- gzip -------------------------------------------------------------------------------------- */

static enum status unpack_error(const struct file *file, enum gzip outcome, uint64_t limit_bytes,
                                struct error *error) {
    switch (outcome) {
    case GZIP_DONE:
        return STATUS_OK;
    case GZIP_NO_MEMORY:
        return file_bad(file, error, "there is no host memory to unpack it into; free some");
    case GZIP_LONG:
        return file_bad(file, error,
                        "unpacks to more than the machine's memory (%" PRIu64
                        " bytes); give more with --memory",
                        limit_bytes);
    case GZIP_TRUNCATED:
        return file_bad(file, error, "is truncated: its gzip stream has no end; copy it again");
    default:
        return file_bad(file, error, "has a damaged gzip stream; build or copy it again");
    }
}

enum status image_unpack(struct file *file, uint64_t limit_bytes, struct error *error) {
    if (!gzip_magic(file->bytes, file->size_bytes)) {
        return STATUS_OK;
    }
    struct file output = {
        .option = file->option, .path = file->path, .descriptor = file->descriptor};
    enum status status = unpack_error(
        file,
        gzip_unpack(file->bytes, file->size_bytes, limit_bytes, &output.bytes, &output.size_bytes),
        limit_bytes, error);
    if (status == STATUS_OK && output.size_bytes == 0) {
        status = file_bad(file, error, "unpacks to nothing; build or copy it again");
    }
    if (status != STATUS_OK) {
        file_free(&output);
        return status;
    }
    file_free(file);
    *file = output;
    return STATUS_OK;
}

/* -- Linux Image ------------------------------------------------------------------------------- */

/* Offsets and bits of the header, as the boot-image-header document names them. */
enum {
    IMAGE_TEXT_OFFSET = 0x08,
    IMAGE_SIZE = 0x10,
    IMAGE_FLAGS = 0x18,
    IMAGE_MAGIC = 0x30,
    IMAGE_MAGIC2 = 0x38,
    IMAGE_PE_OFFSET = 0x3c,
    IMAGE_HEADER_BYTES = 0x40,
    IMAGE_FLAG_BIG_ENDIAN = 1
};
#define IMAGE_BYTES_MAX ((uint64_t)64 << 30)

/* What people hand in by mistake. */
static const struct {
    unsigned offset, size_bytes;
    const char *magic, *defect;
} other_kinds[] = {
    {0x004, 4, "zimg", "is an EFI zboot image; give the Image that is packed in it"},
    {0x038, 4, "ARM\x64", "is a kernel for arm64; give one for riscv64"},
    {0x202, 4, "HdrS", "is a kernel for x86; give one for riscv64"},
    {0x000, 4, "\x27\x05\x19\x56", "is a U-Boot uImage; give the Image that is packed in it"},
    {0x000, 4, "\xd0\x0d\xfe\xed", "is a device tree or FIT image; give the kernel Image"},
    {0x000, 5, "\xfd\x37zXZ", "is packed with xz; unpack it first"},
    {0x000, 4, "\x28\xb5\x2f\xfd", "is packed with zstd; unpack it first"},
    {0x000, 3, "BZh", "is packed with bzip2; unpack it first"},
    {0x000, 4, "\x02\x21\x4c\x18", "is packed with lz4; unpack it first"},
    {0x000, 3, "\x5d\x00\x00", "is packed with lzma; unpack it first"},
    {0x000, 2, "\x1f\x8b", "is packed with gzip twice; unpack it first"},
    {0x000, 6, "070701", "is a cpio archive; give it with --initrd, and a kernel with --kernel"},
};

static enum status not_a_kernel(const struct file *file, struct error *error) {
    for (size_t i = 0; i < COUNT(other_kinds); i++) {
        if (has(file, other_kinds[i].offset, other_kinds[i].magic, other_kinds[i].size_bytes)) {
            return file_bad(file, error, "%s", other_kinds[i].defect);
        }
    }
    return file_bad(file, error,
                    "is not a RISC-V kernel image; give an Image (also gzip'd) or an ELF file, "
                    "bare-metal programs with --elf");
}

/* The PE header of the EFI stub knows where the file ends; the Image header does not. */
static enum status pe_check(const struct file *file, struct error *error) {
    enum { COFF_MACHINE = 4, COFF_SECTIONS = 6, COFF_OPTIONAL_SIZE = 20, COFF_BYTES = 24 };
    enum { SECTION_RAW_SIZE = 16, SECTION_RAW_OFFSET = 20, SECTION_BYTES = 40, RISCV64 = 0x5064 };
    uint64_t header = field(file, IMAGE_PE_OFFSET, 4);
    if (!has(file, header, "PE\0", 4)) {
        return STATUS_OK; /* no stub: the first instruction just looks like one */
    }
    if (file->size_bytes - header < COFF_BYTES) {
        return file_bad(file, error, "is truncated inside its PE header; copy it again");
    }
    if (field(file, header + COFF_MACHINE, 2) != RISCV64) {
        return file_bad(file, error,
                        "has an EFI stub for another machine; give a kernel for riscv64");
    }
    uint64_t section = header + COFF_BYTES + field(file, header + COFF_OPTIONAL_SIZE, 2);
    for (uint64_t left = field(file, header + COFF_SECTIONS, 2); left > 0; left--) {
        if (section + SECTION_BYTES > file->size_bytes) {
            return file_bad(file, error, "is truncated inside its PE header; copy it again");
        }
        uint64_t end = field(file, section + SECTION_RAW_OFFSET, 4) +
                       field(file, section + SECTION_RAW_SIZE, 4);
        if (end > file->size_bytes) {
            return file_bad(file, error,
                            "is truncated: it has %zu bytes of at least %" PRIu64 "; copy it again",
                            file->size_bytes, end);
        }
        section += SECTION_BYTES;
    }
    return STATUS_OK;
}

enum status image_linux(const struct file *file, struct linux_image *image, struct error *error) {
    bool named = has(file, IMAGE_MAGIC, "RISCV\0\0", 8) || has(file, IMAGE_MAGIC2, "RSC\x05", 4);
    if (!named || file->size_bytes < IMAGE_HEADER_BYTES || has(file, 4, "zimg", 4)) {
        return not_a_kernel(file, error);
    }
    if (field(file, IMAGE_FLAGS, 8) & IMAGE_FLAG_BIG_ENDIAN) {
        return file_bad(file, error, "is a big-endian kernel; build it little-endian");
    }
    image->text_offset = field(file, IMAGE_TEXT_OFFSET, 8);
    image->memory_bytes = field(file, IMAGE_SIZE, 8);
    if (image->memory_bytes < file->size_bytes) {
        image->memory_bytes = file->size_bytes; /* signed or padded behind its end */
    }
    if (image->text_offset % KERNEL_ALIGN_BYTES != 0 || image->text_offset > IMAGE_BYTES_MAX ||
        image->memory_bytes > IMAGE_BYTES_MAX) {
        return file_bad(file, error, "has a damaged Image header; build or copy it again");
    }
    return has(file, 0, "MZ", 2) ? pe_check(file, error) : STATUS_OK;
}

/* -- ELF --------------------------------------------------------------------------------------- */

static const char *machine_name(unsigned machine) {
    switch (machine) {
    case EM_X86_64:
        return "x86-64";
    case EM_AARCH64:
        return "arm64";
    case EM_PPC64:
        return "ppc64";
    case EM_S390:
        return "s390x";
    default:
        return "another machine";
    }
}

enum status image_elf(const struct file *file, struct elf *elf, struct error *error) {
    const char *defect;
    if (!elf_open(elf, file->bytes, file->size_bytes, &defect)) {
        return file_bad(file, error, "%s", defect);
    }
    enum status status = STATUS_OK;
    if (elf->machine != EM_RISCV) {
        status = file_bad(file, error, "is an ELF file for %s; build it for RISC-V",
                          machine_name(elf->machine));
    } else if (elf->type != ET_EXEC && elf->type != ET_DYN) {
        status = file_bad(file, error, "is an ELF file but not an executable; link it to one");
    }
    if (status != STATUS_OK) {
        elf_close(elf);
    }
    return status;
}
