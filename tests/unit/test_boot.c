/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading: what lies where in any RAM, the same again at reset, one line for whatever is wrong. */
#include "boot_test.h"

#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <sys/syscall.h>

static const uint64_t MIB = 1 << 20;

/* -- A pread() that misbehaves on demand ------------------------------------------------------- */

enum trouble {
    TROUBLE_NONE,
    TROUBLE_INTERRUPTED,
    TROUBLE_SHORT,
    TROUBLE_FAILS,
    TROUBLE_SHRINKS,
    TROUBLE_GROWS
};

static struct {
    enum trouble kind; /* for the next read */
    const char *path;
} trouble;

/* Stands in for the C library's: who changes files while they are read has to be in between. */
ssize_t pread(int descriptor, void *bytes, size_t size_bytes, off_t offset) {
    enum trouble kind = trouble.kind;
    trouble.kind = kind == TROUBLE_SHORT ? TROUBLE_SHORT : TROUBLE_NONE;
    if (kind == TROUBLE_INTERRUPTED || kind == TROUBLE_FAILS) {
        errno = kind == TROUBLE_FAILS ? EIO : EINTR;
        return -1;
    }
    if (kind == TROUBLE_SHRINKS) {
        assert_int_equal(truncate(trouble.path, 10), 0);
    }
    if (kind == TROUBLE_GROWS) {
        FILE *file = fopen(trouble.path, "ab");
        assert_non_null(file);
        assert_int_equal(fputc('x', file), 'x');
        assert_int_equal(fclose(file), 0);
    }
    return syscall(SYS_pread64, descriptor, bytes,
                   kind == TROUBLE_SHORT && size_bytes > 7 ? 7 : size_bytes, offset);
}

/* -- One machine's worth of memory ------------------------------------------------------------- */

struct rig {
    struct folder *folder;
    struct ram ram;
    uint8_t rom[4096];
    struct machine_options options;
    struct boot_target target;
    struct boot boot;
    struct error error;
    char *paths[8]; /* freed at the end */
    size_t path_count;
};

static void rig_start(struct rig *rig, void **state, uint64_t memory_bytes) {
    memset(rig, 0, sizeof *rig);
    rig->folder = *state;
    assert_int_equal(ram_init(&rig->ram, BOARD_RAM_BASE, memory_bytes, NULL), STATUS_OK);
    rig->options = (struct machine_options){.memory_bytes = memory_bytes, .hart_count = 2};
    assert_int_equal(ext_parse("max", &rig->options.ext, NULL), STATUS_OK);
    rig->target =
        (struct boot_target){.ram = &rig->ram, .rom = rig->rom, .rom_bytes = sizeof rig->rom};
}

static void rig_end(struct rig *rig) {
    boot_close(&rig->target);
    ram_free(&rig->ram);
    for (size_t i = 0; i < rig->path_count; i++) {
        free(rig->paths[i]);
    }
}

static const char *rig_file(struct rig *rig, const char *name, struct bytes contents) {
    assert_true(rig->path_count < COUNT(rig->paths));
    return rig->paths[rig->path_count++] = folder_write(rig->folder, name, contents);
}

/* As at a reset: the files stay open. */
static enum status rig_load_again(struct rig *rig) {
    rig->error = (struct error){0};
    return boot_load(&rig->options, &rig->target, &rig->boot, &rig->error);
}

static enum status rig_load(struct rig *rig) {
    boot_close(&rig->target);
    rig->error = (struct error){0};
    enum status status = boot_open(&rig->options, &rig->target, &rig->error);
    return status == STATUS_OK ? rig_load_again(rig) : status;
}

static void rig_loads(struct rig *rig) {
    if (rig_load(rig) != STATUS_OK) {
        fail_msg("%s", rig->error.text);
    }
}

static void rig_refuses(struct rig *rig, enum status status, const char *const words[3]) {
    assert_int_equal(rig_load(rig), status);
    expect_error(&rig->error, status, words);
}

static void expect_ram(struct rig *rig, paddr address, struct bytes contents) {
    assert_true(ram_holds(&rig->ram, address, contents.count));
    assert_memory_equal(ram_at(&rig->ram, address), contents.at, contents.count);
    free(contents.at);
}

static uint64_t rom_word(const struct rig *rig, size_t offset) {
    uint64_t word;
    memcpy(&word, rig->rom + offset, sizeof word);
    return word;
}

/* The same, packed. */
static struct bytes packed(struct bytes plain) {
    struct bytes packed = gzip_new(plain);
    free(plain.at);
    return packed;
}

/* Firmware, and a kernel that needs 1 MiB more than its file has. */
enum { FIRMWARE_BYTES = 300 << 10, KERNEL_BYTES = 5 << 20, KERNEL_NEEDS_BYTES = 6 << 20 };

static void rig_add_system(struct rig *rig, struct bytes kernel) {
    rig->options.bios = rig_file(rig, "firmware", bytes_new(FIRMWARE_BYTES, 21));
    rig->options.kernel = rig_file(rig, "kernel", kernel);
}

/* -- The list of taken addresses --------------------------------------------------------------- */

enum { LAYOUT_BYTES = 64 };

/* The highest place by trying each, given which bytes are taken. */
static int place_by_hand(const bool taken[LAYOUT_BYTES], unsigned size_bytes, unsigned align_bytes,
                         unsigned limit) {
    for (int start = LAYOUT_BYTES - (int)size_bytes; start >= 0; start--) {
        bool fits = (unsigned)start % align_bytes == 0 && (unsigned)start + size_bytes <= limit;
        for (unsigned i = 0; fits && i < size_bytes; i++) {
            fits = !taken[(unsigned)start + i];
        }
        if (fits) {
            return start;
        }
    }
    return -1;
}

static void test_layout_finds_the_highest_free_place(void **state) {
    (void)state;
    uint64_t random = 1;
    for (unsigned round = 0; round < 2000; round++) {
        struct layout layout = {.ram_start = 0x1000, .ram_end = 0x1000 + LAYOUT_BYTES};
        bool taken[LAYOUT_BYTES] = {false};
        for (unsigned turn = 0; turn < 12; turn++) {
            random = random * 6364136223846793005 + 1442695040888963407;
            unsigned size_bytes = 1 + (unsigned)(random >> 33) % 20;
            unsigned align_bytes = 1u << (random >> 40) % 5;
            unsigned limit = (unsigned)(random >> 50) % (LAYOUT_BYTES + 10);
            int wanted = place_by_hand(taken, size_bytes, align_bytes, limit);
            paddr start;
            bool found = layout_place(&layout, size_bytes, align_bytes, 0x1000 + limit, &start);
            if (found != (wanted >= 0) || (found && start != 0x1000 + (paddr)wanted)) {
                fail_msg("round %u, turn %u", round, turn);
            }
            if (found) {
                layout_take(&layout, start, size_bytes, "test");
                memset(taken + wanted, true, size_bytes);
            }
        }
    }
}

/* -- Layout ------------------------------------------------------------------------------------ */

static paddr chosen_u64(const struct rig *rig, const char *name) {
    const void *tree = ram_at(&rig->ram, rig->boot.fdt);
    int length;
    const fdt64_t *value = fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), name, &length);
    assert_non_null(value);
    assert_int_equal(length, 8);
    return fdt64_ld(value);
}

/* Everything where it should be, untouched by its neighbours, on each reset as at the start. */
static void system_check(struct rig *rig, size_t initrd_bytes) {
    const paddr ram_end = rig->ram.base + rig->ram.size_bytes;
    const paddr kernel = BOARD_RAM_BASE + 2 * MIB, kernel_end = kernel + KERNEL_NEEDS_BYTES;
    expect_ram(rig, BOARD_RAM_BASE, bytes_new(FIRMWARE_BYTES, 21));
    expect_ram(rig, kernel, kernel_new(KERNEL_BYTES, 0x200000, KERNEL_NEEDS_BYTES));

    const void *tree = ram_at(&rig->ram, rig->boot.fdt);
    assert_int_equal(fdt_check_header(tree), 0);
    assert_int_equal(rig->boot.fdt % (2 * MIB), 0);
    assert_true(rig->boot.fdt >= kernel_end);
    paddr tree_end = rig->boot.fdt + fdt_totalsize(tree) + (64 << 10);
    assert_true(tree_end <= ram_end);
    assert_true(tree_end <= (paddr)3 << 30);

    if (initrd_bytes > 0) {
        paddr start = chosen_u64(rig, "linux,initrd-start"),
              end = chosen_u64(rig, "linux,initrd-end");
        assert_int_equal(end - start, initrd_bytes);
        assert_int_equal(start % PAGE_BYTES, 0);
        assert_true(start >= kernel_end && end <= ram_end);
        assert_true(end <= (paddr)4 << 30);
        assert_true(end <= rig->boot.fdt || start >= tree_end);
        expect_ram(rig, start, bytes_new(initrd_bytes, 99));
    } else {
        assert_null(
            fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "linux,initrd-start", NULL));
    }
}

static void test_nothing_overlaps_in_any_memory(void **state) {
    static const uint64_t sizes_mib[] = {16,   17,   18,   24,   31,   64,    127,  256,
                                         1024, 1025, 2048, 2050, 4096, 16384, 65536};
    for (size_t i = 0; i < COUNT(sizes_mib); i++) {
        for (size_t initrd_bytes = 0; initrd_bytes <= 5 * MIB; initrd_bytes += 5 * MIB / 2 - 1) {
            struct rig rig;
            rig_start(&rig, state, sizes_mib[i] * MIB);
            rig_add_system(&rig, kernel_new(KERNEL_BYTES, 0x200000, KERNEL_NEEDS_BYTES));
            if (initrd_bytes > 0) {
                rig.options.initrd = rig_file(&rig, "initrd", bytes_new(initrd_bytes, 99));
            }
            rig_loads(&rig);
            system_check(&rig, initrd_bytes);
            rig_loads(&rig);
            system_check(&rig, initrd_bytes);
            rig_end(&rig);
        }
    }
}

static void test_initrd_of_any_size_fits_or_is_refused(void **state) {
    size_t fitted = 0, refused = 0;
    for (size_t initrd_bytes = 3 * MIB; initrd_bytes < 9 * MIB; initrd_bytes += 111111) {
        struct rig rig;
        rig_start(&rig, state, 16 * MIB);
        rig_add_system(&rig, kernel_new(KERNEL_BYTES, 0x200000, KERNEL_NEEDS_BYTES));
        rig.options.initrd = rig_file(&rig, "initrd", bytes_new(initrd_bytes, 99));
        if (rig_load(&rig) == STATUS_OK) {
            assert_int_equal(refused, 0);
            system_check(&rig, initrd_bytes);
            fitted++;
        } else {
            assert_non_null(strstr(rig.error.text, "--memory"));
            refused++;
        }
        rig_end(&rig);
    }
    assert_true(fitted > 0 && refused > 0);
}

static void test_rom_leads_to_firmware(void **state) {
    struct rig rig;
    rig_start(&rig, state, 64 * MIB);
    rig_add_system(&rig, kernel_new(KERNEL_BYTES, 0x200000, KERNEL_NEEDS_BYTES));
    memset(rig.rom, 0xff, sizeof rig.rom);
    rig_loads(&rig);
    assert_int_equal(rig.boot.entry, BOARD_BOOT_ROM_BASE);
    assert_int_equal(rom_word(&rig, 32), BOARD_RAM_BASE);
    assert_int_equal(rom_word(&rig, 40), rig.boot.fdt);
    assert_int_equal(rom_word(&rig, 48), 0x4942534f);               /* magic */
    assert_int_equal(rom_word(&rig, 56), 2);                        /* version */
    assert_int_equal(rom_word(&rig, 64), BOARD_RAM_BASE + 2 * MIB); /* next address */
    assert_int_equal(rom_word(&rig, 72), 1);                        /* next mode: S */
    assert_int_equal(rom_word(&rig, 80), 0);                        /* options */
    assert_int_equal(rom_word(&rig, 88), 0);                        /* boot hart */
    for (size_t offset = 96; offset < sizeof rig.rom; offset += 8) {
        assert_int_equal(rom_word(&rig, offset), 0);
    }
    assert_false(rig.boot.tohost_set);
    rig_end(&rig);
}

/* The six instructions, put together from the fields of their formats. */
static void test_rom_code_is_as_its_comments_say(void **state) {
    static const uint32_t code[] = {
        (uint32_t)BOARD_BOOT_ROM_BASE | 5 << 7 | 0x37,  /* lui t0 */
        0xf14u << 20 | 2 << 12 | 10 << 7 | 0x73,        /* csrrs a0, mhartid, x0 */
        32u << 20 | 5 << 15 | 3 << 12 | 6 << 7 | 0x03,  /* ld t1, 32(t0) */
        40u << 20 | 5 << 15 | 3 << 12 | 11 << 7 | 0x03, /* ld a1, 40(t0) */
        48u << 20 | 5 << 15 | 12 << 7 | 0x13,           /* addi a2, t0, 48 */
        6u << 15 | 0x67,                                /* jalr x0, 0(t1) */
    };
    struct rig rig;
    rig_start(&rig, state, 64 * MIB);
    rig_add_system(&rig, kernel_new(KERNEL_BYTES, 0x200000, KERNEL_NEEDS_BYTES));
    rig_loads(&rig);
    assert_memory_equal(rig.rom, code, sizeof code);
    rig_end(&rig);
}

static void test_kernel_goes_to_its_offset_or_behind_firmware(void **state) {
    static const struct {
        bool firmware;
        uint64_t text_offset, lies_at;
    } cases[] = {
        {true, 0, 0x200000}, {true, 0x200000, 0x200000},  {true, 0x400000, 0x400000},
        {false, 0, 0},       {false, 0x200000, 0x200000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        rig_start(&rig, state, 32 * MIB);
        rig_add_system(&rig, packed(kernel_new(70000, cases[i].text_offset, 80000)));
        rig.options.bios = cases[i].firmware ? rig.options.bios : "none";
        rig_loads(&rig);
        paddr kernel = BOARD_RAM_BASE + cases[i].lies_at;
        expect_ram(&rig, kernel, kernel_new(70000, cases[i].text_offset, 80000));
        assert_int_equal(cases[i].firmware ? rom_word(&rig, 64) : rig.boot.entry, kernel);
        rig_end(&rig);
    }
}

static void test_large_firmware_moves_the_kernel(void **state) {
    struct rig rig;
    rig_start(&rig, state, 32 * MIB);
    rig.options.bios = rig_file(&rig, "firmware", bytes_new(2 * MIB + 1, 21));
    rig.options.kernel = rig_file(&rig, "kernel", kernel_new(70000, 0x200000, 80000));
    rig_loads(&rig);
    assert_int_equal(rom_word(&rig, 64), BOARD_RAM_BASE + 4 * MIB);
    expect_ram(&rig, BOARD_RAM_BASE, bytes_new(2 * MIB + 1, 21));
    rig_end(&rig);
}

static void test_default_firmware_is_the_first_there_is(void **state) {
    struct rig rig;
    rig_start(&rig, state, 32 * MIB);
    rig_add_system(&rig, kernel_new(70000, 0x200000, 80000));
    char *missing = folder_path(rig.folder, "not-there");
    const char *found[] = {missing, rig.options.bios, rig.options.kernel, NULL};
    const char *nowhere[] = {missing, NULL};
    for (int named = 0; named < 2; named++) {
        rig.options.bios = named ? "default" : NULL;
        rig.options.firmware_paths = found;
        rig_loads(&rig);
        expect_ram(&rig, BOARD_RAM_BASE, bytes_new(FIRMWARE_BYTES, 21));
        rig.options.firmware_paths = nowhere;
        rig_refuses(&rig, STATUS_BAD_INPUT,
                    (const char *[3]){"--bios default", "tools/setup", "opensbi"});
        rig.options.firmware_paths = NULL;
        rig_refuses(&rig, STATUS_BAD_INPUT, (const char *[3]){"--bios default"});
    }
    free(missing);
    rig_end(&rig);
}

/* -- ELF --------------------------------------------------------------------------------------- */

static const struct elf_recipe program = {
    .type = ET_EXEC,
    .machine = EM_RISCV,
    .entry = 0x80000010,
    .parts = {{0x80000000, 0x80000000, 0x500, 0x3000}, {0x80800000, 0x80800000, 8, 16}},
    .names = {{"tohost", 0x80001000},
              {"fromhost", 0x80001040},
              {"begin_signature", 0x80002000},
              {"end_signature", 0x80002010}},
};

static void test_loads_a_program(void **state) {
    struct rig rig;
    rig_start(&rig, state, 16 * MIB);
    rig.options.elf = rig_file(&rig, "program", elf_new(&program));
    rig_loads(&rig);
    expect_ram(&rig, 0x80000000, bytes_new(0x500, 11));
    expect_ram(&rig, 0x80800000, bytes_new(8, 11));
    assert_int_equal(rig.boot.entry, 0x80000010);
    assert_true(rig.boot.tohost_set);
    assert_int_equal(rig.boot.tohost, 0x80001000);
    assert_int_equal(rig.boot.fromhost, 0x80001040);
    assert_int_equal(rig.boot.signature_start, 0x80002000);
    assert_int_equal(rig.boot.signature_end, 0x80002010);
    assert_int_equal(fdt_check_header(ram_at(&rig.ram, rig.boot.fdt)), 0);
    rig_end(&rig);
}

/* bss costs nothing at first, is zero again after a reset, and what nobody loaded stays. */
static void test_reset_clears_bss_only(void **state) {
    struct rig rig;
    struct elf_recipe big = program;
    big.parts[0].memory_bytes = 7 * MIB;
    rig_start(&rig, state, 16 * MIB);
    rig.options.elf = rig_file(&rig, "program", elf_new(&big));
    rig_loads(&rig);
    assert_true(ram_touched_pages(&rig.ram) < 8);
    uint8_t dirt[3 * PAGE_BYTES];
    memset(dirt, 0xee, sizeof dirt);
    assert_true(ram_write(&rig.ram, 0x80000100, dirt, sizeof dirt));
    assert_true(ram_write(&rig.ram, 0x80000000 + 7 * MIB - 5, dirt, sizeof dirt));
    rig_loads(&rig);
    expect_ram(&rig, 0x80000000, bytes_new(0x500, 11));
    expect_ram(&rig, 0x80000500, bytes_new(7 * MIB - 0x500, 0));
    assert_int_equal(*ram_at(&rig.ram, 0x80000000 + 7 * MIB), 0xee);
    rig_end(&rig);
}

static void test_tree_finds_room_between_segments(void **state) {
    struct rig rig;
    struct elf_recipe tight = program;
    tight.parts[0].memory_bytes = 4 * MIB;
    tight.parts[1] = (struct elf_part){0x80600000, 0x80600000, 8, 10 * MIB};
    rig_start(&rig, state, 16 * MIB);
    rig.options.elf = rig_file(&rig, "program", elf_new(&tight));
    rig_loads(&rig);
    assert_int_equal(rig.boot.fdt, 0x80400000);
    tight.parts[0].memory_bytes = 4 * MIB + 1;
    rig.target.digest[0] = 0;
    rig.options.elf = rig_file(&rig, "tighter", elf_new(&tight));
    rig_refuses(&rig, STATUS_USAGE, (const char *[3]){"--memory", "device tree", "give more"});
    rig_end(&rig);
}

static void test_names_defects_of_programs(void **state) {
    static const struct {
        struct elf_part part; /* the second one */
        uint64_t entry, tohost;
        const char *words[3];
    } cases[] = {
        {{0, 0x80002fff, 8, 16}, 0x80000010, 0x80001000, {"overlap", "0x80002fff", "link it"}},
        {{0, 0x7ffffff8, 8, 16},
         0x80000010,
         0x80001000,
         {"RAM is 0x80000000 to 0x80ffffff", "--memory"}},
        {{0, 0x80fffff8, 8, 16}, 0x80000010, 0x80001000, {"RAM is", "--memory"}},
        {{0, 0x1000, 8, 16}, 0x80000010, 0x80001000, {"RAM is", "link it"}},
        {{0, UINT64_MAX - 16, 8, 16}, 0x80000010, 0x80001000, {"RAM is", "link it"}},
        {{0, 0x80800000, 8, 16}, 0x80003000, 0x80001000, {"entry 0x80003000", "link it"}},
        {{0, 0x80800000, 8, 16}, 0x80000011, 0x80001000, {"entry 0x80000011", "link it"}},
        {{0, 0x80800000, 8, 16}, UINT64_MAX, 0x80001000, {"entry 0xffff", "link it"}},
        {{0, 0x80800000, 8, 16}, 0x80000010, 0x80001004, {"tohost (0x80001004)", "align it"}},
        {{0, 0x80800000, 8, 16}, 0x80000010, 0x40001000, {"tohost (0x40001000)", "in RAM"}},
        {{0, 0x80800000, 8, 16}, 0x80000010, 0x81000000, {"tohost (0x81000000)", "in RAM"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        struct elf_recipe recipe = program;
        recipe.parts[1] = cases[i].part;
        recipe.parts[1].vaddr = 0x70000000;
        recipe.entry = cases[i].entry;
        recipe.names[0].value = cases[i].tohost;
        rig_start(&rig, state, 16 * MIB);
        rig.options.elf = rig_file(&rig, "program", elf_new(&recipe));
        rig_refuses(&rig, STATUS_BAD_INPUT, cases[i].words);
        expect_error(&rig.error, STATUS_BAD_INPUT, (const char *[3]){"--elf ", "/program: ", "; "});
        rig_end(&rig);
    }
}

static void test_program_must_be_at_a_fixed_place(void **state) {
    struct rig rig;
    struct elf_recipe recipe = program;
    recipe.type = ET_DYN;
    rig_start(&rig, state, 16 * MIB);
    rig.options.elf = rig_file(&rig, "program", elf_new(&recipe));
    rig_refuses(&rig, STATUS_BAD_INPUT,
                (const char *[3]){"position-independent", "-no-pie", "--elf "});
    rig_end(&rig);
}

static void test_symbols_are_optional(void **state) {
    struct rig rig;
    struct elf_recipe recipe = program;
    recipe.names[0].name = NULL;
    rig_start(&rig, state, 16 * MIB);
    rig.options.elf = rig_file(&rig, "program", elf_new(&recipe));
    rig_loads(&rig);
    assert_false(rig.boot.tohost_set);
    assert_int_equal(rig.boot.fromhost, 0);
    assert_int_equal(rig.boot.signature_start, rig.boot.signature_end);
    rig_end(&rig);
}

static void test_signature_must_be_words_in_ram(void **state) {
    static const uint64_t bounds[][2] = {
        {0x80002000, 0x80002000}, {0x80002010, 0x80002000}, {0x80002000, 0x80002002},
        {0x60000000, 0x60000010}, {0x80002000, 0x81000004},
    };
    for (size_t i = 0; i < COUNT(bounds); i++) {
        struct rig rig;
        struct elf_recipe recipe = program;
        recipe.names[2].value = bounds[i][0];
        recipe.names[3].value = bounds[i][1];
        rig_start(&rig, state, 16 * MIB);
        rig.options.elf = rig_file(&rig, "program", elf_new(&recipe));
        rig_loads(&rig);
        assert_int_equal(rig.boot.signature_start, 0);
        assert_int_equal(rig.boot.signature_end, 0);
        rig.options.signature = "signature";
        rig_refuses(&rig, STATUS_BAD_INPUT,
                    (const char *[3]){"begin_signature", "--signature", "/program: "});
        rig_end(&rig);
    }
}

static void test_elf_as_firmware_and_kernel(void **state) {
    const struct elf_recipe firmware = {
        .type = ET_DYN,
        .machine = EM_RISCV,
        .entry = 0x80000040,
        .parts = {{0x80000000, 0x80000000, 0x500, 0x300000}},
    };
    /* As Linux links vmlinux: at physical 0, entered at a virtual address of the upper half. */
    const uint64_t top = 0xffffffff80000000;
    const struct elf_recipe kernel = {
        .type = ET_DYN,
        .machine = EM_RISCV,
        .entry = top + 2,
        .parts = {{top, 0, 0x600, 0x1000}, {top + 0x200000, 0x200000, 0x300, 0x1000}},
    };
    struct rig rig;
    rig_start(&rig, state, 32 * MIB);
    rig.options.bios = rig_file(&rig, "firmware", elf_new(&firmware));
    rig.options.kernel = rig_file(&rig, "vmlinux", packed(elf_new(&kernel)));
    rig_loads(&rig);
    assert_int_equal(rom_word(&rig, 32), 0x80000040);
    assert_int_equal(rom_word(&rig, 64), 0x80400002);
    expect_ram(&rig, 0x80000000, bytes_new(0x500, 11));
    expect_ram(&rig, 0x80400000, bytes_new(0x600, 11));
    expect_ram(&rig, 0x80600000, bytes_new(0x300, 11));
    rig_end(&rig);
}

static void test_elf_kernel_on_bare_metal(void **state) {
    struct rig rig;
    rig_start(&rig, state, 16 * MIB);
    rig.options.bios = "none";
    rig.options.kernel = rig_file(&rig, "program", elf_new(&program));
    rig_loads(&rig);
    assert_int_equal(rig.boot.entry, 0x80000010);
    expect_ram(&rig, 0x80000000, bytes_new(0x500, 11));
    /* With firmware in the same place it cannot be. */
    memset(rig.target.digest, 0, sizeof rig.target.digest);
    rig.options.bios = rig_file(&rig, "firmware", bytes_new(100, 1));
    rig_refuses(&rig, STATUS_BAD_INPUT,
                (const char *[3]){"--kernel ", "lie on what --bios loads", "link one"});
    rig_end(&rig);
}

/* A program for another board has no business being moved. */
static void test_other_low_elf_kernels_are_refused(void **state) {
    static const struct {
        uint64_t vaddr, paddr;
        const char *says;
    } cases[] = {{0, 0, "at 0x0"}, {0xffffffff80000000, 0x1000, "at 0x1000"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct elf_recipe recipe = program;
        recipe.entry = cases[i].vaddr + 0x10;
        recipe.parts[0] = (struct elf_part){cases[i].vaddr, cases[i].paddr, 0x500, 0x3000};
        struct rig rig;
        rig_start(&rig, state, 16 * MIB);
        rig.options.bios = "none";
        rig.options.kernel = rig_file(&rig, "program", elf_new(&recipe));
        rig_refuses(&rig, STATUS_BAD_INPUT, (const char *[3]){cases[i].says, "RAM is", "link it"});
        rig_end(&rig);
    }
}

static void test_kernel_entry_is_its_own(void **state) {
    struct elf_recipe recipe = program;
    recipe.parts[0].vaddr = recipe.parts[0].paddr = 0x80400000;
    recipe.entry = 0x80000000;
    struct rig rig;
    rig_start(&rig, state, 16 * MIB);
    rig.options.bios = rig_file(&rig, "firmware", bytes_new(100, 1));
    rig.options.kernel = rig_file(&rig, "program", elf_new(&recipe));
    rig_refuses(&rig, STATUS_BAD_INPUT,
                (const char *[3]){"--kernel ", "entry 0x80000000", "link it"});
    rig_end(&rig);
}

static void test_empty_segments_are_nowhere(void **state) {
    struct bytes bytes = elf_new(&program);
    Elf64_Phdr *second = (Elf64_Phdr *)(void *)(bytes.at + sizeof(Elf64_Ehdr)) + 1;
    second->p_paddr = second->p_filesz = second->p_memsz = 0;
    struct rig rig;
    rig_start(&rig, state, 16 * MIB);
    rig.options.elf = rig_file(&rig, "program", bytes);
    rig_loads(&rig);
    rig_end(&rig);
}

/* -- Files ------------------------------------------------------------------------------------- */

/* The same file under each option that names one. */
static void each_option_refuses(void **state, const char *path, const char *says,
                                const char *remedy) {
    for (int option = 0; option < 4; option++) {
        struct rig rig;
        rig_start(&rig, state, 16 * MIB);
        rig_add_system(&rig, kernel_new(70000, 0x200000, 80000));
        const char **options[] = {&rig.options.kernel, &rig.options.bios, &rig.options.initrd,
                                  &rig.options.elf};
        static const char *const names[] = {"--kernel ", "--bios ", "--initrd ", "--elf "};
        if (options[option] == &rig.options.elf) {
            rig.options.kernel = NULL;
        }
        *options[option] = path;
        rig_refuses(&rig, STATUS_BAD_INPUT, (const char *[3]){names[option], says, remedy});
        assert_non_null(strstr(rig.error.text, path));
        rig_end(&rig);
    }
}

static void test_names_files_that_cannot_be_read(void **state) {
    struct folder *folder = *state;
    char *missing = folder_path(folder, "missing");
    each_option_refuses(state, missing, "No such file", "check the path");
    char *empty = folder_write(folder, "empty", bytes_new(0, 0));
    each_option_refuses(state, empty, "is empty", "again");
    each_option_refuses(state, folder->path, "is a directory", "name a file");
    each_option_refuses(state, "/dev/null", "not a regular file", "copy");
    char *fifo = folder_path(folder, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    each_option_refuses(state, fifo, "not a regular file", "copy");
    char *loop = folder_path(folder, "loop");
    assert_int_equal(symlink(loop, loop), 0);
    each_option_refuses(state, loop, "symbolic links", "check the path");
    char *huge = folder_write(folder, "huge", bytes_new(1, 1));
    assert_int_equal(truncate(huge, (off_t)1 << 40), 0);
    each_option_refuses(state, huge, "too large: 1099511627776 bytes", "--memory");
    char *locked = folder_write(folder, "locked", bytes_new(1, 1));
    assert_int_equal(chmod(locked, 0), 0);
    if (access(locked, R_OK) == 0) {
        print_message("skipped: files without permission, for a user who may read everything\n");
    } else {
        each_option_refuses(state, locked, "Permission denied", "permissions");
    }
    char *all[] = {missing, empty, fifo, loop, huge, locked};
    for (size_t i = 0; i < COUNT(all); i++) {
        free(all[i]);
    }
}

static void test_long_paths_leave_room_for_the_remedy(void **state) {
    struct rig rig;
    rig_start(&rig, state, 16 * MIB);
    char path[3000];
    memset(path, 'x', sizeof path - 1);
    memcpy(path + sizeof path - 5, "/end", 5);
    rig.options.elf = path;
    rig_refuses(&rig, STATUS_BAD_INPUT, (const char *[3]){"--elf ...", "/end: ", "check the path"});
    rig_end(&rig);
}

static void test_names_files_that_change_while_read(void **state) {
    static const struct {
        enum trouble kind;
        const char *words[3];
    } cases[] = {
        {TROUBLE_INTERRUPTED, {NULL}},
        {TROUBLE_SHORT, {NULL}},
        {TROUBLE_FAILS, {"Input/output error", "check the disk", "--elf "}},
        {TROUBLE_SHRINKS, {"became shorter while it was read", "wait", "--elf "}},
        {TROUBLE_GROWS, {"grew while it was read", "wait", "--elf "}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        rig_start(&rig, state, 16 * MIB);
        rig.options.elf = rig_file(&rig, "program", elf_new(&program));
        trouble.path = rig.options.elf;
        trouble.kind = cases[i].kind;
        if (cases[i].words[0] == NULL) {
            rig_loads(&rig);
        } else {
            rig_refuses(&rig, STATUS_BAD_INPUT, cases[i].words);
        }
        trouble.kind = TROUBLE_NONE;
        rig_end(&rig);
    }
}

static void test_names_images_that_do_not_fit(void **state) {
    struct rig rig;
    rig_start(&rig, state, 16 * MIB);
    rig_add_system(&rig, kernel_new(70000, 0x200000, 14 * MIB + 1));
    rig_refuses(&rig, STATUS_BAD_INPUT,
                (const char *[3]){"--kernel ", "needs 14680065 bytes", "--memory"});
    rig.options.kernel = rig_file(&rig, "packed", packed(bytes_new(16 * MIB + 1, 0)));
    rig_refuses(&rig, STATUS_BAD_INPUT,
                (const char *[3]){"--kernel ", "unpacks to more", "--memory"});
    rig.options.kernel = rig_file(&rig, "full", kernel_new(70000, 0x200000, 14 * MIB));
    rig_refuses(&rig, STATUS_USAGE, (const char *[3]){"--memory", "device tree", "give more"});
    rig.options.initrd = rig_file(&rig, "initrd", bytes_new(1, 1));
    rig_refuses(&rig, STATUS_BAD_INPUT, (const char *[3]){"--initrd ", "do not fit", "--memory"});
    rig_end(&rig);
}

static void test_notices_files_that_changed_since(void **state) {
    for (int changed = 0; changed < 4; changed++) {
        struct rig rig;
        rig_start(&rig, state, 64 * MIB);
        rig_add_system(&rig, kernel_new(70000, 0x200000, 80000));
        rig.options.initrd = rig_file(&rig, "initrd", bytes_new(5000, 99));
        rig_loads(&rig);
        const char *paths[] = {NULL, rig.options.bios, rig.options.kernel, rig.options.initrd};
        if (paths[changed] == NULL) {
            assert_int_equal(rig_load_again(&rig), STATUS_OK);
        } else {
            FILE *file = fopen(paths[changed], "r+b");
            assert_non_null(file);
            assert_int_equal(fseek(file, 4000, SEEK_SET), 0);
            assert_int_equal(fputc(0x55, file), 0x55);
            assert_int_equal(fclose(file), 0);
            const char *words[3] = {"--kernel ", "/kernel: ", "has changed since"};
            assert_int_equal(rig_load_again(&rig), STATUS_BAD_INPUT);
            expect_error(&rig.error, STATUS_BAD_INPUT, words);
        }
        rig_end(&rig);
    }
}

/* Once open, a file is read by nothing but its descriptor. */
static void test_a_reset_needs_no_paths(void **state) {
    struct rig rig;
    rig_start(&rig, state, 64 * MIB);
    rig_add_system(&rig, kernel_new(70000, 0x200000, 80000));
    rig.options.initrd = rig_file(&rig, "initrd", bytes_new(5000, 99));
    rig_loads(&rig);
    struct boot first = rig.boot;
    assert_int_equal(unlink(rig.options.initrd), 0);
    assert_int_equal(unlink(rig.options.bios), 0);
    assert_int_equal(rename(rig_file(&rig, "other", bytes_new(100, 1)), rig.options.kernel), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rig_load_again(&rig), STATUS_OK);
        assert_memory_equal(&rig.boot, &first, sizeof first);
    }
    expect_ram(&rig, rom_word(&rig, 64), kernel_new(70000, 0x200000, 80000));
    rig_end(&rig);
}

static void test_names_options_that_lead_nowhere(void **state) {
    struct rig rig;
    rig_start(&rig, state, 16 * MIB);
    static const char *const without[] = {NULL, "none", "default"};
    for (size_t i = 0; i < COUNT(without); i++) {
        rig.options.bios = without[i];
        rig_refuses(&rig, STATUS_USAGE, (const char *[3]){"nothing to run", "--kernel", "--elf"});
    }
    rig.options.bios = rig_file(&rig, "firmware", bytes_new(100, 1));
    rig_loads(&rig); /* firmware may carry all it needs */
    assert_int_equal(rom_word(&rig, 64), 0);
    char *append = calloc(1, 70000);
    memset(append, 'x', 65535);
    rig.options.append = append;
    rig_loads(&rig);
    append[65535] = 'x';
    rig_refuses(&rig, STATUS_USAGE, (const char *[3]){"--append", "too long", "65536"});
    free(append);
    rig_end(&rig);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_layout_finds_the_highest_free_place),
        TEST(test_nothing_overlaps_in_any_memory),
        TEST(test_initrd_of_any_size_fits_or_is_refused),
        TEST(test_rom_leads_to_firmware),
        TEST(test_rom_code_is_as_its_comments_say),
        TEST(test_kernel_goes_to_its_offset_or_behind_firmware),
        TEST(test_large_firmware_moves_the_kernel),
        TEST(test_default_firmware_is_the_first_there_is),
        TEST(test_loads_a_program),
        TEST(test_reset_clears_bss_only),
        TEST(test_tree_finds_room_between_segments),
        TEST(test_names_defects_of_programs),
        TEST(test_program_must_be_at_a_fixed_place),
        TEST(test_symbols_are_optional),
        TEST(test_signature_must_be_words_in_ram),
        TEST(test_elf_as_firmware_and_kernel),
        TEST(test_elf_kernel_on_bare_metal),
        TEST(test_other_low_elf_kernels_are_refused),
        TEST(test_kernel_entry_is_its_own),
        TEST(test_empty_segments_are_nowhere),
        TEST(test_names_files_that_cannot_be_read),
        TEST(test_long_paths_leave_room_for_the_remedy),
        TEST(test_names_files_that_change_while_read),
        TEST(test_names_images_that_do_not_fit),
        TEST(test_notices_files_that_changed_since),
        TEST(test_a_reset_needs_no_paths),
        TEST(test_names_options_that_lead_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
