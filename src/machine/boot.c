/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts what is to be booted into RAM and ROM: the state of the machine before its first step.
 *
 * A system boots as on QEMU's virt: the ROM hands each hart its number, the device tree and a
 * fw_dynamic record, the firmware at the start of RAM takes over in M mode, and enters the kernel
 * in S mode. Without firmware (--bios none, --elf) harts start right at the entry in M mode.
 *
 *      RAM start   firmware, and 2 MiB in all for what it allocates; 4 MiB for over 64 harts
 *      + that      kernel Image with its bss (or at its text_offset, when that is higher)
 *                  ...
 *      below 3 GiB device tree, 2 MiB aligned, with room in which the firmware extends it
 *      RAM end     initrd, page aligned; below 4 GiB where it fits
 *
 * 1. Nothing lies on anything else: every byte written is in a span of the layout.
 * 2. The outcome depends on options and files only, so a reset finds what the start found. bss is
 *    made zero only where RAM was written, so that it costs nothing the first time.
 * 3. Files are read one at a time and freed before the next; none of their memory stays taken.
 * 4. Files are opened once, at the start: a reset reads the same ones again, by descriptor. */
#include <elf.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "machine/image.h"
#include "machine/machine.h"

#define KERNEL_UNPACKED_BYTES_MAX ((uint64_t)2 << 30)
#define TREE_LIMIT ((paddr)3 << 30)
#define INITRD_LIMIT ((paddr)4 << 30)
enum {
    FIRMWARE_ALIGN_BYTES = 2 << 20,
    FIRMWARE_HARTS = 64, /* that 2 MiB are enough for */
    TREE_ALIGN_BYTES = 2 << 20,
    TREE_SLACK_BYTES = 64 << 10, /* firmware adds its reserved memory to the tree in place */
    APPEND_CHARS_MAX = 65535
};

/* -- Files ------------------------------------------------------------------------------------- */

static bool word_is(const char *text, const char *word) {
    return text != NULL && strcmp(text, word) == 0;
}

static bool firmware_is_default(const struct machine_options *options) {
    return options->bios == NULL || word_is(options->bios, "default");
}

static const char *firmware_path(const struct machine_options *options) {
    if (!firmware_is_default(options)) {
        return options->bios;
    }
    for (const char *const *path = options->firmware_paths; path != NULL && *path != NULL; path++) {
        if (access(*path, F_OK) == 0) {
            return *path;
        }
    }
    return NULL;
}

static bool firmware_wanted(const struct machine_options *options) {
    return options->elf == NULL && !word_is(options->bios, "none");
}

const char *boot_path(const struct machine_options *options, enum boot_role role) {
    const char *const paths[BOOT_ROLES] = {
        [BOOT_BIOS] = firmware_wanted(options) ? firmware_path(options) : NULL,
        [BOOT_KERNEL] = options->kernel,
        [BOOT_ELF] = options->elf,
        [BOOT_INITRD] = options->initrd,
    };
    return paths[role];
}

static enum status check_options(const struct machine_options *options, struct error *error) {
    bool firmware_alone = !firmware_is_default(options) && !word_is(options->bios, "none");
    if (options->kernel == NULL && options->elf == NULL && !firmware_alone) {
        return error_set(error, STATUS_USAGE,
                         "nothing to run: name a kernel with --kernel, or a bare-metal program "
                         "with --elf");
    }
    if (firmware_wanted(options) && firmware_path(options) == NULL) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--bios default: no fw_dynamic.bin was found; run tools/setup, install "
                         "Debian's opensbi package, or name a file with --bios");
    }
    return STATUS_OK;
}

enum status boot_open(const struct machine_options *options, struct boot_target *target,
                      struct error *error) {
    static const char *const names[BOOT_ROLES] = {
        [BOOT_BIOS] = "--bios",
        [BOOT_KERNEL] = "--kernel",
        [BOOT_ELF] = "--elf",
        [BOOT_INITRD] = "--initrd",
    };
    enum status status = check_options(options, error);
    for (unsigned role = 0; status == STATUS_OK && role < BOOT_ROLES; role++) {
        struct file file = {.option = names[role], .path = boot_path(options, role)};
        if (file.path != NULL) {
            status = file_open(&file, error);
        }
        if (status == STATUS_OK) {
            target->files[role] = (struct boot_file){file.option, file.path, file.descriptor};
        }
    }
    for (unsigned i = 0; status == STATUS_OK && i < options->symbol_file_count; i++) {
        struct file file = {.option = "--symbols", .path = options->symbol_files[i].path};
        status = file_open(&file, error);
        if (status == STATUS_OK) {
            target->symbols[i] = (struct boot_file){file.option, file.path, file.descriptor};
        }
    }
    if (status != STATUS_OK) {
        boot_close(target);
    }
    return status;
}

static void files_close(struct boot_file *files, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (files[i].path != NULL) {
            close(files[i].descriptor);
        }
        files[i] = (struct boot_file){0};
    }
}

void boot_close(struct boot_target *target) {
    files_close(target->files, BOOT_ROLES);
    files_close(target->symbols, SYMBOL_FILES_MAX);
}

struct loader {
    const struct machine_options *options;
    struct boot_target *target;
    struct boot *boot;
    struct error *error;
    XXH3_state_t *digest;
    struct layout layout;
    bool firmware; /* is there any? */
    paddr firmware_entry;
    paddr firmware_end; /* multiple of 2 or 4 MiB; RAM start when there is none */
    paddr kernel_entry; /* 0 when there is none */
    paddr initrd_start, initrd_end;
};

static struct ram *ram_of(struct loader *loader) {
    return loader->target->ram;
}

/** Names the file of a role. @return false when there is none. */
static bool file_named(const struct loader *loader, enum boot_role role, struct file *file) {
    const struct boot_file *named = &loader->target->files[role];
    *file = (struct file){
        .option = named->option, .path = named->path, .descriptor = named->descriptor};
    return file->path != NULL;
}

static enum status load_file(struct loader *loader, struct file *file) {
    enum status status = file_read(file, ram_of(loader)->size_bytes, loader->error);
    if (status == STATUS_OK) {
        uint64_t size_bytes = file->size_bytes; /* so that moving bytes between files shows */
        XXH3_128bits_update(loader->digest, &size_bytes, sizeof size_bytes);
        XXH3_128bits_update(loader->digest, file->bytes, file->size_bytes);
    }
    return status;
}

/* -- Putting bytes into RAM -------------------------------------------------------------------- */

/* Requires: the range is in RAM. */
static void put_zeros(struct ram *ram, paddr start, uint64_t size_bytes) {
    static const uint8_t zeros[PAGE_BYTES];
    while (size_bytes > 0) {
        uint64_t part_bytes = min_u64(size_bytes, PAGE_BYTES - start % PAGE_BYTES);
        if (ram->page_touched[ram_page(ram, start)] != 0) {
            ensure(ram_write(ram, start, zeros, part_bytes));
        }
        start += part_bytes;
        size_bytes -= part_bytes;
    }
}

/* Takes a fixed place for (a part of) a file's image. */
static enum status take_place(struct loader *loader, const struct file *file, paddr start,
                              uint64_t size_bytes) {
    const struct layout *layout = &loader->layout;
    if (!ram_holds(ram_of(loader), start, size_bytes)) {
        return file_bad(file, loader->error,
                        "needs %" PRIu64 " bytes at 0x%" PRIx64 ", and RAM is 0x%" PRIx64
                        " to 0x%" PRIx64 "; give more with --memory, or link it to lie there",
                        size_bytes, start, layout->ram_start, layout->ram_end - 1);
    }
    const struct span *span = layout_meets(layout, start, size_bytes);
    if (span != NULL && span->what == file->option) {
        return file_bad(file, loader->error,
                        "its segments overlap at 0x%" PRIx64 "; link it without overlaps",
                        start > span->start ? start : span->start);
    }
    if (span != NULL) {
        return file_bad(file, loader->error,
                        "%" PRIu64 " bytes at 0x%" PRIx64 " lie on what %s loads up to 0x%" PRIx64
                        "; link one of them elsewhere",
                        size_bytes, start, span->what, span->end - 1);
    }
    layout_take(&loader->layout, start, size_bytes, file->option);
    return STATUS_OK;
}

/* Loads all segments, moved by bias, and finds the physical entry. */
static enum status put_elf(struct loader *loader, const struct file *file, const struct elf *elf,
                           uint64_t bias, paddr *entry) {
    struct ram *ram = ram_of(loader);
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        paddr start = segment->paddr + bias;
        enum status status = take_place(loader, file, start, segment->memory_bytes);
        if (status != STATUS_OK) {
            return status;
        }
        ensure(ram_write(ram, start, segment->bytes, segment->file_bytes));
        put_zeros(ram, start + segment->file_bytes, segment->memory_bytes - segment->file_bytes);
    }
    /* Linkers give a virtual entry; some kernels' scripts give a physical one. */
    *entry = elf_physical(elf, elf->entry, entry) ? *entry + bias : elf->entry;
    const struct span *span = layout_meets(&loader->layout, *entry, 1);
    if (span == NULL || span->what != file->option || *entry % 2 != 0) {
        return file_bad(file, loader->error,
                        "its entry 0x%" PRIx64
                        " is no even address in a segment; link it with an entry point",
                        elf->entry);
    }
    return STATUS_OK;
}

/* Memory behind the file is the image's own to clear. */
static enum status put_flat(struct loader *loader, const struct file *file, paddr start,
                            uint64_t memory_bytes) {
    ensure(file->size_bytes <= memory_bytes);
    enum status status = take_place(loader, file, start, memory_bytes);
    if (status == STATUS_OK) {
        ensure(ram_write(ram_of(loader), start, file->bytes, file->size_bytes));
    }
    return status;
}

/* -- Firmware ---------------------------------------------------------------------------------- */

/* OpenSBI is linked for address 0, and moves itself to where it finds itself. */
uint64_t firmware_bias(const struct elf *elf) {
    uint64_t lowest = UINT64_MAX;
    for (unsigned i = 0; i < elf->segment_count; i++) {
        lowest = min_u64(lowest, elf->segments[i].paddr);
    }
    bool moves = elf->type == ET_DYN && lowest < BOARD_RAM_BASE;
    return moves ? BOARD_RAM_BASE - lowest : 0;
}

static enum status put_firmware(struct loader *loader, const struct file *file) {
    if (!elf_magic(file->bytes, file->size_bytes)) {
        loader->firmware_entry = loader->layout.ram_start;
        return put_flat(loader, file, loader->firmware_entry, file->size_bytes);
    }
    struct elf elf;
    enum status status = image_elf(file, &elf, loader->error);
    if (status == STATUS_OK) {
        uint64_t bias = firmware_bias(&elf);
        status = put_elf(loader, file, &elf, bias, &loader->firmware_entry);
        elf_close(&elf);
    }
    return status;
}

/* What firmware allocates behind its image is nobody else's. OpenSBI takes a stack for each hart
 * and a list for each pair, protects a power of two around all of it, and hangs without a word
 * when the kernel lies in there: at 2 MiB that is so from about 100 harts on. */
static void firmware_take_rest(struct loader *loader) {
    struct layout *layout = &loader->layout;
    bool many = loader->options->hart_count > FIRMWARE_HARTS;
    paddr align_bytes = many ? 2 * FIRMWARE_ALIGN_BYTES : FIRMWARE_ALIGN_BYTES;
    paddr end = layout->ram_start;
    for (unsigned i = 0; i < layout->count; i++) {
        end = layout->spans[i].end > end ? layout->spans[i].end : end;
    }
    paddr rounded = (end + align_bytes - 1) & ~(align_bytes - 1);
    loader->firmware_end = min_u64(rounded, layout->ram_end);
    if (end < loader->firmware_end) {
        layout_take(layout, end, loader->firmware_end - end, "--bios");
    }
}

static enum status load_firmware(struct loader *loader) {
    struct file file;
    loader->firmware_end = loader->layout.ram_start;
    loader->firmware = file_named(loader, BOOT_BIOS, &file);
    if (!loader->firmware) {
        return STATUS_OK;
    }
    enum status status = load_file(loader, &file);
    if (status == STATUS_OK) {
        status = put_firmware(loader, &file);
    }
    file_free(&file);
    if (status == STATUS_OK) {
        firmware_take_rest(loader);
    }
    return status;
}

/* -- Kernel, or program without one ------------------------------------------------------------ */

/* Linux's vmlinux is linked for physical address 0 but runs wherever it lies: it goes where an
 * Image would. Its entry, in the upper half of the virtual addresses, tells it from a program that
 * was linked for another board. */
static uint64_t kernel_bias(const struct loader *loader, const struct elf *elf) {
    uint64_t lowest = UINT64_MAX;
    for (unsigned i = 0; i < elf->segment_count; i++) {
        lowest = min_u64(lowest, elf->segments[i].paddr);
    }
    bool movable = lowest < loader->layout.ram_start && lowest % KERNEL_ALIGN_BYTES == 0 &&
                   elf->entry >> 63 != 0;
    return movable ? loader->firmware_end - lowest : 0;
}

static enum status put_kernel(struct loader *loader, const struct file *file) {
    if (elf_magic(file->bytes, file->size_bytes)) {
        struct elf elf;
        enum status status = image_elf(file, &elf, loader->error);
        if (status == STATUS_OK) {
            status = put_elf(loader, file, &elf, kernel_bias(loader, &elf), &loader->kernel_entry);
            elf_close(&elf);
        }
        return status;
    }
    struct linux_image image;
    enum status status = image_linux(file, &image, loader->error);
    if (status != STATUS_OK) {
        return status;
    }
    paddr wanted = loader->layout.ram_start + image.text_offset;
    loader->kernel_entry = wanted > loader->firmware_end ? wanted : loader->firmware_end;
    loader->boot->image = loader->kernel_entry;
    loader->boot->image_bytes = file->size_bytes;
    return put_flat(loader, file, loader->kernel_entry, image.memory_bytes);
}

static enum status load_kernel(struct loader *loader) {
    struct file file;
    if (!file_named(loader, BOOT_KERNEL, &file)) {
        return STATUS_OK;
    }
    enum status status = load_file(loader, &file);
    if (status == STATUS_OK) {
        uint64_t limit_bytes = min_u64(ram_of(loader)->size_bytes, KERNEL_UNPACKED_BYTES_MAX);
        status = image_unpack(&file, limit_bytes, loader->error);
    }
    if (status == STATUS_OK) {
        status = put_kernel(loader, &file);
    }
    file_free(&file);
    return status;
}

/* Physical address of the aligned word that a symbol names; 0 when there is no such symbol. */
static enum status word_symbol(struct loader *loader, const struct file *file,
                               const struct elf *elf, const char *name, paddr *address) {
    enum { WORD_BYTES = 8 };
    uint64_t value;
    *address = 0;
    if (!elf_symbol(elf, name, &value)) {
        return STATUS_OK;
    }
    if (!elf_physical(elf, value, address)) {
        *address = value; /* outside the segments, yet maybe in RAM */
    }
    if (*address % WORD_BYTES != 0 || !ram_holds(ram_of(loader), *address, WORD_BYTES)) {
        return file_bad(file, loader->error,
                        "its symbol %s (0x%" PRIx64
                        ") is not 8 aligned bytes in RAM; align it to 8 in the source",
                        name, value);
    }
    return STATUS_OK;
}

static enum status signature_symbols(struct loader *loader, const struct file *file,
                                     const struct elf *elf) {
    struct boot *boot = loader->boot;
    uint64_t start, end;
    bool named =
        elf_symbol(elf, "begin_signature", &start) && elf_symbol(elf, "end_signature", &end);
    bool usable = named && start < end && (end - start) % 4 == 0 &&
                  elf_physical(elf, start, &boot->signature_start) &&
                  ram_holds(ram_of(loader), boot->signature_start, end - start);
    boot->signature_start = usable ? boot->signature_start : 0;
    boot->signature_end = usable ? boot->signature_start + (end - start) : 0;
    if (!usable && loader->options->signature != NULL) {
        return file_bad(file, loader->error,
                        "its symbols begin_signature and end_signature do not bound 32-bit words "
                        "in RAM, as --signature needs; add them, or leave --signature out");
    }
    return STATUS_OK;
}

static enum status put_program(struct loader *loader, const struct file *file,
                               const struct elf *elf) {
    struct boot *boot = loader->boot;
    if (elf->type != ET_EXEC) {
        return file_bad(file, loader->error,
                        "is position-independent; link it with -static -no-pie");
    }
    enum status status = put_elf(loader, file, elf, 0, &loader->kernel_entry);
    if (status == STATUS_OK) {
        status = word_symbol(loader, file, elf, "tohost", &boot->tohost);
    }
    if (status == STATUS_OK) {
        status = word_symbol(loader, file, elf, "fromhost", &boot->fromhost);
    }
    boot->tohost_set = boot->tohost != 0;
    return status == STATUS_OK ? signature_symbols(loader, file, elf) : status;
}

static enum status load_program(struct loader *loader) {
    struct file file;
    if (!file_named(loader, BOOT_ELF, &file)) {
        return STATUS_OK;
    }
    struct elf elf;
    enum status status = load_file(loader, &file);
    if (status == STATUS_OK) {
        status = image_elf(&file, &elf, loader->error);
        if (status == STATUS_OK) {
            status = put_program(loader, &file, &elf);
            elf_close(&elf);
        }
    }
    file_free(&file);
    return status;
}

/* -- Initrd and device tree -------------------------------------------------------------------- */

/* The highest free place below limit, or else the highest of all. */
static bool place_below(const struct layout *layout, uint64_t size_bytes, uint64_t align_bytes,
                        paddr limit, paddr *start) {
    return layout_place(layout, size_bytes, align_bytes, limit, start) ||
           layout_place(layout, size_bytes, align_bytes, layout->ram_end, start);
}

static enum status load_initrd(struct loader *loader) {
    struct file file;
    if (!file_named(loader, BOOT_INITRD, &file)) {
        return STATUS_OK;
    }
    enum status status = load_file(loader, &file);
    if (status == STATUS_OK && !place_below(&loader->layout, file.size_bytes, PAGE_BYTES,
                                            INITRD_LIMIT, &loader->initrd_start)) {
        status = file_bad(&file, loader->error,
                          "its %zu bytes do not fit beside firmware and kernel; give more with "
                          "--memory",
                          file.size_bytes);
    }
    if (status == STATUS_OK) {
        status = put_flat(loader, &file, loader->initrd_start, file.size_bytes);
        loader->initrd_end = loader->initrd_start + file.size_bytes;
    }
    file_free(&file);
    return status;
}

static enum status load_tree(struct loader *loader) {
    const struct machine_options *options = loader->options;
    if (options->append != NULL && strlen(options->append) > APPEND_CHARS_MAX) {
        return error_set(loader->error, STATUS_USAGE,
                         "--append: is too long; keep it below %d characters",
                         APPEND_CHARS_MAX + 1);
    }
    struct fdt_inputs inputs = {
        .memory_bytes = ram_of(loader)->size_bytes,
        .hart_count = options->hart_count,
        .serial_count = options->serial_count,
        .ext = options->ext,
        .append = options->append,
        .initrd_start = loader->initrd_start,
        .initrd_end = loader->initrd_end,
        .seed = options->seed,
    };
    size_t size_bytes;
    void *tree = fdt_build(&inputs, &size_bytes);
    if (tree == NULL) {
        return error_set(loader->error, STATUS_USAGE,
                         "there is no host memory for the device tree; free some");
    }
    enum status status = STATUS_OK;
    uint64_t room_bytes = size_bytes + TREE_SLACK_BYTES;
    paddr *start = &loader->boot->fdt;
    if (place_below(&loader->layout, room_bytes, TREE_ALIGN_BYTES, TREE_LIMIT, start)) {
        layout_take(&loader->layout, *start, room_bytes, "the device tree");
        ensure(ram_write(ram_of(loader), *start, tree, size_bytes));
    } else {
        status = error_set(loader->error, STATUS_USAGE,
                           "--memory: the images leave no room for the device tree (%" PRIu64
                           " bytes at a multiple of 2 MiB); give more",
                           room_bytes);
    }
    free(tree);
    return status;
}

/* -- Boot ROM ---------------------------------------------------------------------------------- */

/* What the ROM holds behind its code.
 * @spec OpenSBI, docs/firmware/fw_dynamic.md: struct fw_dynamic_info */
struct rom_record {
    uint64_t firmware, tree;
    uint64_t magic, version, next_entry, next_mode, options, boot_hart;
};

static enum status fill_rom(struct loader *loader) {
    static const uint32_t code[] = {
        0x000012b7, /* lui   t0, 1            the ROM's own address    */
        0xf1402573, /* csrr  a0, mhartid                               */
        0x0202b303, /* ld    t1, 32(t0)       firmware                 */
        0x0282b583, /* ld    a1, 40(t0)       device tree              */
        0x03028613, /* addi  a2, t0, 48       fw_dynamic record        */
        0x00030067, /* jr    t1                                        */
    };
    enum { RECORD_OFFSET = 32, NEXT_IS_S_MODE = 1 };
    _Static_assert(BOARD_BOOT_ROM_BASE == 0x1000, "the first instruction names it");
    _Static_assert(sizeof code <= RECORD_OFFSET, "the record lies behind the code");
    struct boot_target *target = loader->target;
    memset(target->rom, 0, target->rom_bytes);
    if (!loader->firmware) {
        loader->boot->entry = loader->kernel_entry;
        return STATUS_OK;
    }
    const struct rom_record record = {
        .firmware = loader->firmware_entry,
        .tree = loader->boot->fdt,
        .magic = 0x4942534f, /* "OSBI" */
        .version = 2,
        .next_entry = loader->kernel_entry,
        .next_mode = NEXT_IS_S_MODE,
        .options = 0,
        .boot_hart = 0,
    };
    ensure(target->rom_bytes >= RECORD_OFFSET + sizeof record);
    memcpy(target->rom, code, sizeof code);
    memcpy(target->rom + RECORD_OFFSET, &record, sizeof record);
    loader->boot->entry = BOARD_BOOT_ROM_BASE;
    return STATUS_OK;
}

/* -- Table of contents ------------------------------------------------------------------------- */

/* The first load sets the digest, later ones are held against it. */
static enum status check_digest(struct loader *loader) {
    static const uint8_t none[sizeof loader->target->digest];
    uint8_t *digest = loader->target->digest;
    XXH128_canonical_t now;
    XXH128_canonicalFromHash(&now, XXH3_128bits_digest(loader->digest));
    _Static_assert(sizeof now.digest == sizeof none, "XXH3-128");
    if (memcmp(digest, none, sizeof none) == 0) {
        memcpy(digest, now.digest, sizeof none);
    }
    if (memcmp(digest, now.digest, sizeof none) == 0) {
        return STATUS_OK;
    }
    struct file file;
    if (!file_named(loader, BOOT_KERNEL, &file) && !file_named(loader, BOOT_ELF, &file)) {
        file_named(loader, BOOT_BIOS, &file);
    }
    return file_bad(&file, loader->error,
                    "this file, or another one booted with it, has changed since the machine was "
                    "started; leave them as they are while it runs");
}

enum status boot_load(const struct machine_options *options, struct boot_target *target,
                      struct boot *boot, struct error *error) {
    static enum status (*const steps[])(struct loader *) = {
        load_firmware, load_kernel, load_program, load_initrd, load_tree, fill_rom, check_digest,
    };
    struct loader loader = {
        .options = options,
        .target = target,
        .boot = boot,
        .error = error,
        .digest = XXH3_createState(),
        .layout = {.ram_start = target->ram->base,
                   .ram_end = target->ram->base + target->ram->size_bytes},
    };
    if (loader.digest == NULL) {
        return error_set(error, STATUS_USAGE, "there is no host memory to load images; free some");
    }
    XXH3_128bits_reset(loader.digest);
    *boot = (struct boot){0};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < COUNT(steps); i++) {
        status = steps[i](&loader);
    }
    XXH3_freeState(loader.digest);
    malloc_trim(0); /* what the files took would stay with us for the whole run */
    return status;
}
