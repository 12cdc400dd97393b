/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel files: each kind is told from the others, each defect named together with its remedy. */
#include "boot_test.h"

static struct file file_of(struct bytes bytes) {
    return (struct file){
        .option = "--kernel", .path = "some/kernel", .bytes = bytes.at, .size_bytes = bytes.count};
}

/* -- Image ------------------------------------------------------------------------------------- */

static void test_reads_image_headers(void **state) {
    (void)state;
    static const struct {
        size_t count;
        uint64_t text_offset, memory_bytes, needs;
        bool stub;
    } cases[] = {
        {4096, 0x200000, 8192, 8192, false},
        {4096, 0x200000, 8192, 8192, true},
        {4096, 0, 4096, 4096, false},
        {4096, 0x400000, 0, 4096, false},   /* older than the field */
        {4096, 0x200000, 4000, 4096, true}, /* signed: longer than it says */
        {64, 0x200000, 64, 64, false},
        {4096, (uint64_t)64 << 30, (uint64_t)64 << 30, (uint64_t)64 << 30, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes bytes =
            cases[i].stub ? stub_new(cases[i].count, cases[i].text_offset, cases[i].memory_bytes)
                          : kernel_new(cases[i].count, cases[i].text_offset, cases[i].memory_bytes);
        struct file file = file_of(bytes);
        struct linux_image image;
        struct error error = {0};
        assert_int_equal(image_linux(&file, &image, &error), STATUS_OK);
        assert_int_equal(image.text_offset, cases[i].text_offset);
        assert_int_equal(image.memory_bytes, cases[i].needs);
        free(bytes.at);
    }
}

static void test_either_magic_will_do(void **state) {
    (void)state;
    for (size_t clear = 0x30; clear <= 0x38; clear += 8) {
        struct bytes bytes = kernel_new(4096, 0x200000, 4096);
        memset(bytes.at + clear, 0, 4);
        struct file file = file_of(bytes);
        struct linux_image image;
        assert_int_equal(image_linux(&file, &image, NULL), STATUS_OK);
        memset(bytes.at + 0x30, 0, 12);
        assert_int_equal(image_linux(&file, &image, NULL), STATUS_BAD_INPUT);
        free(bytes.at);
    }
}

/* Patches of a good file and what is said of the outcome. */
static void test_names_defects_of_images(void **state) {
    (void)state;
    static const struct {
        size_t count, offset;
        uint64_t value;
        unsigned size_bytes;
        const char *words[3];
    } cases[] = {
        {63, 0, 0, 0, {"not a RISC-V kernel image", "--elf"}},
        {60, 0, 0, 0, {"not a RISC-V kernel image"}},
        {1, 0, 0, 0, {"not a RISC-V kernel image"}},
        {4096, 0x18, 1, 8, {"big-endian", "build it little-endian"}},
        {4096, 0x08, 0x201000, 8, {"damaged Image header", "again"}},
        {4096, 0x08, UINT64_MAX << 21, 8, {"damaged Image header"}},
        {4096, 0x10, UINT64_MAX, 8, {"damaged Image header"}},
        {4096, STUB_MACHINE, 0x8664, 2, {"EFI stub for another machine", "riscv64"}},
        {4096,
         STUB_SECOND_SIZE,
         4096 - 0x200 + 1,
         4,
         {"truncated: it has 4096 bytes of at least 4097", "again"}},
        {4096, STUB_SECOND_SIZE, UINT32_MAX, 4, {"truncated"}},
        {4096, STUB_SECTIONS, 0xffff, 2, {"truncated", "again"}},
        {0x60, STUB_SECTIONS, 1, 2, {"truncated inside its PE header"}},
        {0x50, 0, 0, 0, {"truncated inside its PE header"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes bytes = stub_new(4096, 0x200000, 8192);
        put(bytes, cases[i].offset, cases[i].value, cases[i].size_bytes);
        bytes.at =
            realloc(bytes.at, cases[i].count); /* so that a sanitizer sees reads past the end */
        bytes.count = cases[i].count;
        if (cases[i].size_bytes == 0 && cases[i].count > 0x40) {
            put(bytes, 0x3c, 0x40, 4);
        }
        struct file file = file_of(bytes);
        struct linux_image image;
        struct error error = {0};
        image_linux(&file, &image, &error);
        expect_error(&error, STATUS_BAD_INPUT, cases[i].words);
        expect_error(&error, STATUS_BAD_INPUT, (const char *[3]){"--kernel some/kernel: ", "; "});
        free(bytes.at);
    }
}

static void test_names_what_it_is_instead(void **state) {
    (void)state;
    static const struct {
        size_t offset, size_bytes;
        const char *magic, *says;
    } cases[] = {
        {0x004, 4, "zimg", "EFI zboot"},
        {0x038, 4, "ARM\x64", "for arm64"},
        {0x202, 4, "HdrS", "for x86"},
        {0x000, 4, "\x27\x05\x19\x56", "U-Boot"},
        {0x000, 4, "\xd0\x0d\xfe\xed", "device tree"},
        {0x000, 5, "\xfd\x37zXZ", "with xz"},
        {0x000, 4, "\x28\xb5\x2f\xfd", "with zstd"},
        {0x000, 3, "BZh", "with bzip2"},
        {0x000, 4, "\x02\x21\x4c\x18", "with lz4"},
        {0x000, 3, "\x5d\x00\x00", "with lzma"},
        {0x000, 2, "\x1f\x8b", "gzip twice"},
        {0x000, 6, "070701", "--initrd"},
        {0x000, 0, "", "not a RISC-V kernel image"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes bytes = bytes_new(4096, 0);
        memcpy(bytes.at + cases[i].offset, cases[i].magic, cases[i].size_bytes);
        struct file file = file_of(bytes);
        struct linux_image image;
        struct error error = {0};
        image_linux(&file, &image, &error);
        expect_error(&error, STATUS_BAD_INPUT,
                     (const char *[3]){cases[i].says, "--kernel some/kernel: ", "; "});
        free(bytes.at);
    }
    /* A zboot image has all the magic of an Image besides. */
    struct bytes bytes = stub_new(4096, 0x200000, 8192);
    memcpy(bytes.at + 4, "zimg", 4);
    struct file file = file_of(bytes);
    struct linux_image image;
    struct error error = {0};
    image_linux(&file, &image, &error);
    expect_error(&error, STATUS_BAD_INPUT, (const char *[3]){"EFI zboot"});
    free(bytes.at);
}

/* -- gzip -------------------------------------------------------------------------------------- */

static void test_unpacks_up_to_the_limit(void **state) {
    (void)state;
    enum { PLAIN_BYTES = 300001 };
    for (uint64_t limit = PLAIN_BYTES - 2; limit <= PLAIN_BYTES + 2; limit++) {
        struct bytes plain = bytes_new(PLAIN_BYTES, 5);
        struct bytes packed = gzip_new(plain);
        struct file file = file_of(packed);
        struct error error = {0};
        enum status status = image_unpack(&file, limit, &error);
        if (limit < PLAIN_BYTES) {
            assert_int_equal(status, STATUS_BAD_INPUT);
            expect_error(&error, STATUS_BAD_INPUT,
                         (const char *[3]){"unpacks to more", "--memory", "--kernel "});
            assert_ptr_equal(file.bytes, packed.at);
        } else {
            assert_int_equal(status, STATUS_OK);
            assert_int_equal(file.size_bytes, PLAIN_BYTES);
            assert_memory_equal(file.bytes, plain.at, PLAIN_BYTES);
        }
        file_free(&file);
        free(plain.at);
    }
}

static void test_leaves_what_is_not_packed(void **state) {
    (void)state;
    struct bytes plain = kernel_new(4096, 0x200000, 4096);
    struct file file = file_of(plain);
    assert_int_equal(image_unpack(&file, 1 << 20, NULL), STATUS_OK);
    assert_ptr_equal(file.bytes, plain.at);
    file_free(&file);
}

static void test_names_defects_of_gzip(void **state) {
    (void)state;
    struct bytes plain = bytes_new(100000, 9);
    struct bytes packed = gzip_new(plain);
    for (size_t count = 2; count < packed.count; count++) {
        struct bytes cut = bytes_new(count, 0);
        memcpy(cut.at, packed.at, count);
        struct file file = file_of(cut);
        struct error error = {0};
        image_unpack(&file, 1 << 20, &error);
        expect_error(&error, STATUS_BAD_INPUT,
                     (const char *[3]){"truncated", "--kernel some/kernel: ", "; "});
        file_free(&file);
    }
    for (size_t offset = 10; offset < packed.count; offset += 7) {
        struct bytes bent = bytes_new(packed.count, 0);
        memcpy(bent.at, packed.at, packed.count);
        bent.at[offset] ^= 0x10;
        struct file file = file_of(bent);
        struct error error = {0};
        assert_int_equal(image_unpack(&file, 1 << 20, &error),
                         STATUS_BAD_INPUT); /* a check sum at the latest */
        file_free(&file);
    }
    struct file empty = file_of(gzip_new((struct bytes){plain.at, 0}));
    struct error error = {0};
    image_unpack(&empty, 1 << 20, &error);
    expect_error(&error, STATUS_BAD_INPUT, (const char *[3]){"unpacks to nothing", "; "});
    file_free(&empty);
    free(packed.at);
    free(plain.at);
}

/* -- ELF --------------------------------------------------------------------------------------- */

static const struct elf_recipe program = {
    .type = ET_EXEC,
    .machine = EM_RISCV,
    .entry = 0x80000000,
    .parts = {{0x80000000, 0x80000000, 512, 4096}, {0x90001000, 0x80001000, 0, 64}},
    .names = {{"tohost", 0x80000100}, {"somewhere", 0x90001008}},
};

static void test_reads_elf(void **state) {
    (void)state;
    struct file file = file_of(elf_new(&program));
    struct elf elf;
    struct error error = {0};
    assert_int_equal(image_elf(&file, &elf, &error), STATUS_OK);
    assert_int_equal(elf.type, ET_EXEC);
    assert_int_equal(elf.entry, 0x80000000);
    assert_int_equal(elf.segment_count, 2);
    assert_int_equal(elf.segments[0].file_bytes, 512);
    assert_int_equal(elf.segments[0].memory_bytes, 4096);
    assert_ptr_equal(elf.segments[0].bytes, file.bytes + ELF_TEXT_OFFSET);
    assert_int_equal(elf.segments[1].paddr, 0x80001000);
    uint64_t value;
    assert_true(elf_symbol(&elf, "tohost", &value));
    assert_int_equal(value, 0x80000100);
    assert_true(elf_symbol(&elf, "somewhere", &value));
    assert_int_equal(value, 0x90001008);
    assert_false(elf_symbol(&elf, "tohos", &value));
    assert_false(elf_symbol(&elf, "tohost2", &value));
    elf_close(&elf);
    file_free(&file);
}

static void test_undefined_symbols_are_none(void **state) {
    (void)state;
    struct bytes bytes = elf_new(&program);
    uint64_t tables = ((Elf64_Ehdr *)(void *)bytes.at)->e_shoff;
    put(bytes, tables + 3 * sizeof(Elf64_Shdr) + sizeof(Elf64_Sym) + offsetof(Elf64_Sym, st_shndx),
        SHN_UNDEF, 2);
    struct file file = file_of(bytes);
    struct elf elf;
    uint64_t value;
    assert_int_equal(image_elf(&file, &elf, NULL), STATUS_OK);
    assert_false(elf_symbol(&elf, "tohost", &value));
    assert_true(elf_symbol(&elf, "somewhere", &value));
    elf_close(&elf);
    file_free(&file);
}

static void test_maps_virtual_to_physical(void **state) {
    (void)state;
    /* The second segment begins where the first ends, and lies elsewhere. */
    const struct elf elf = {
        .segment_count = 2,
        .segments = {{.vaddr = 0x1000, .paddr = 0x80000000, .memory_bytes = 0x100},
                     {.vaddr = 0x1100, .paddr = 0x90000000, .memory_bytes = 0x100}},
    };
    static const struct {
        uint64_t address, physical;
    } cases[] = {
        {0x0fff, 0},          {0x1000, 0x80000000}, {0x10ff, 0x800000ff},
        {0x1100, 0x90000000}, {0x1200, 0x90000100}, {0x1201, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t physical = 0;
        assert_int_equal(elf_physical(&elf, cases[i].address, &physical), cases[i].physical != 0);
        assert_int_equal(physical, cases[i].physical);
    }
}

static void test_names_defects_of_elf(void **state) {
    (void)state;
    enum { FIRST = sizeof(Elf64_Ehdr) };
    static const struct {
        size_t offset;
        uint64_t value;
        unsigned size_bytes;
        const char *words[3];
    } cases[] = {
        {0, 0, 1, {"not an ELF file"}},
        {EI_CLASS, ELFCLASS32, 1, {"32-bit ELF", "64 bits"}},
        {EI_CLASS, 7, 1, {"damaged ELF header"}},
        {EI_DATA, ELFDATA2MSB, 1, {"not a little-endian"}},
        {offsetof(Elf64_Ehdr, e_machine), EM_X86_64, 2, {"for x86-64", "RISC-V"}},
        {offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2, {"for arm64"}},
        {offsetof(Elf64_Ehdr, e_machine), EM_68K, 2, {"for another machine"}},
        {offsetof(Elf64_Ehdr, e_type), ET_REL, 2, {"not an executable", "link it"}},
        {offsetof(Elf64_Ehdr, e_phnum), 0, 2, {"nothing to load", "link it"}},
        {offsetof(Elf64_Ehdr, e_phnum), 0x7fff, 2, {"program headers"}},
        {offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX, 8, {"program headers"}},
        {FIRST + offsetof(Elf64_Phdr, p_offset), UINT64_MAX, 8, {"truncated: a segment", "again"}},
        {FIRST + offsetof(Elf64_Phdr, p_offset), 1 << 20, 8, {"truncated: a segment"}},
        {FIRST + offsetof(Elf64_Phdr, p_filesz), 1 << 20, 8, {"truncated: a segment"}},
        {FIRST + offsetof(Elf64_Phdr, p_memsz), 511, 8, {"larger in the file than in memory"}},
        {FIRST + offsetof(Elf64_Phdr, p_paddr), UINT64_MAX - 4094, 8, {"end of the address space"}},
        {FIRST + offsetof(Elf64_Phdr, p_vaddr), UINT64_MAX - 4094, 8, {"end of the address space"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes bytes = elf_new(&program);
        put(bytes, cases[i].offset, cases[i].value, cases[i].size_bytes);
        struct file file = file_of(bytes);
        struct elf elf;
        struct error error = {0};
        image_elf(&file, &elf, &error);
        expect_error(&error, STATUS_BAD_INPUT, cases[i].words);
        expect_error(&error, STATUS_BAD_INPUT, (const char *[3]){"--kernel some/kernel: ", "; "});
        file_free(&file);
    }
}

static void test_truncated_elf_at_any_length(void **state) {
    (void)state;
    struct bytes whole = elf_new(&program);
    for (size_t count = 1; count < ELF_TEXT_OFFSET + 512; count += count < 200 ? 1 : 97) {
        struct bytes cut = {malloc(count), count};
        memcpy(cut.at, whole.at, count);
        struct file file = file_of(cut);
        struct elf elf;
        struct error error = {0};
        image_elf(&file, &elf, &error);
        expect_error(&error, STATUS_BAD_INPUT, (const char *[3]){"; "});
        file_free(&file);
    }
    free(whole.at);
}

static void test_segments_are_limited(void **state) {
    (void)state;
    for (unsigned count = ELF_SEGMENTS_MAX; count <= ELF_SEGMENTS_MAX + 1; count++) {
        struct elf_recipe recipe = {.type = ET_EXEC, .machine = EM_RISCV};
        for (unsigned i = 0; i < count; i++) {
            recipe.parts[i] = (struct elf_part){0x80000000 + i * 4096, 0x80000000 + i * 4096, 8, 8};
        }
        struct file file = file_of(elf_new(&recipe));
        struct elf elf;
        struct error error = {0};
        enum status status = image_elf(&file, &elf, &error);
        if (count == ELF_SEGMENTS_MAX) {
            assert_int_equal(status, STATUS_OK);
            assert_int_equal(elf.segment_count, ELF_SEGMENTS_MAX);
            elf_close(&elf);
        } else {
            expect_error(&error, STATUS_BAD_INPUT, (const char *[3]){"more than 64", "; "});
        }
        file_free(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_image_headers),
        cmocka_unit_test(test_either_magic_will_do),
        cmocka_unit_test(test_names_defects_of_images),
        cmocka_unit_test(test_names_what_it_is_instead),
        cmocka_unit_test(test_unpacks_up_to_the_limit),
        cmocka_unit_test(test_leaves_what_is_not_packed),
        cmocka_unit_test(test_names_defects_of_gzip),
        cmocka_unit_test(test_reads_elf),
        cmocka_unit_test(test_undefined_symbols_are_none),
        cmocka_unit_test(test_maps_virtual_to_physical),
        cmocka_unit_test(test_names_defects_of_elf),
        cmocka_unit_test(test_truncated_elf_at_any_length),
        cmocka_unit_test(test_segments_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
