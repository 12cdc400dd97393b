/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device tree, read back: QEMU virt's nodes, wires to the right hart, nothing dtc warns of. */
#include "boot_test.h"

#include <inttypes.h>
#include <libfdt.h>

/* -- Reading ----------------------------------------------------------------------------------- */

static void *tree_of(const struct fdt_inputs *inputs) {
    size_t size_bytes;
    void *tree = fdt_build(inputs, &size_bytes);
    assert_non_null(tree);
    assert_int_equal(fdt_check_full(tree, size_bytes), 0);
    assert_int_equal(fdt_totalsize(tree), size_bytes);
    return tree;
}

static struct fdt_inputs inputs_of(const char *cpu, unsigned hart_count) {
    struct fdt_inputs inputs = {.memory_bytes = 1 << 30, .hart_count = hart_count};
    struct error error = {0};
    if (ext_parse(cpu, &inputs.ext, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return inputs;
}

static int node_of(const void *tree, const char *path) {
    int node = fdt_path_offset(tree, path);
    if (node < 0) {
        fail_msg("no node %s", path);
    }
    return node;
}

static const void *bytes_of(const void *tree, const char *path, const char *name, int *length) {
    const void *value = fdt_getprop(tree, node_of(tree, path), name, length);
    if (value == NULL) {
        fail_msg("no property %s of %s", name, path);
    }
    return value;
}

static bool tree_has(const void *tree, const char *path, const char *name) {
    return fdt_getprop(tree, node_of(tree, path), name, NULL) != NULL;
}

static uint32_t cell_of(const void *tree, const char *path, const char *name, int idx) {
    int length;
    const uint8_t *cells = bytes_of(tree, path, name, &length);
    assert_true((idx + 1) * 4 <= length);
    return fdt32_ld((const fdt32_t *)(const void *)(cells + idx * 4));
}

static uint64_t u64_of(const void *tree, const char *path, const char *name, int idx) {
    return (uint64_t)cell_of(tree, path, name, 2 * idx) << 32 |
           cell_of(tree, path, name, 2 * idx + 1);
}

static void property_is(const void *tree, const char *path, const char *name, const char *value) {
    int length;
    const char *text = bytes_of(tree, path, name, &length);
    assert_int_equal(length, strlen(value) + 1);
    assert_string_equal(text, value);
}

/* -- Devices ----------------------------------------------------------------------------------- */

static void test_devices_lie_where_virt_has_them(void **state) {
    (void)state;
    static const struct {
        const char *path, *compatible; /* one of those it names */
        uint64_t base, size_bytes;
        uint32_t irq;
    } devices[] = {
        {"/soc/test@100000", "sifive,test1", 0x100000, 0x1000, 0},
        {"/soc/test@100000", "sifive,test0", 0x100000, 0x1000, 0},
        {"/soc/test@100000", "syscon", 0x100000, 0x1000, 0},
        {"/soc/rtc@101000", "google,goldfish-rtc", 0x101000, 0x1000, 11},
        {"/soc/clint@2000000", "sifive,clint0", 0x2000000, 0x10000, 0},
        {"/soc/clint@2000000", "riscv,clint0", 0x2000000, 0x10000, 0},
        {"/soc/plic@c000000", "sifive,plic-1.0.0", 0xc000000, 0x600000, 0},
        {"/soc/plic@c000000", "riscv,plic0", 0xc000000, 0x600000, 0},
        {"/soc/serial@10000000", "ns16550a", 0x10000000, 0x100, 10},
    };
    struct fdt_inputs inputs = inputs_of("max", 1);
    void *tree = tree_of(&inputs);
    uint32_t plic = cell_of(tree, "/soc/plic@c000000", "phandle", 0);
    for (size_t i = 0; i < COUNT(devices); i++) {
        const char *path = devices[i].path;
        int length;
        const char *compatible = bytes_of(tree, path, "compatible", &length);
        assert_true(fdt_stringlist_contains(compatible, length, devices[i].compatible));
        assert_int_equal(u64_of(tree, path, "reg", 0), devices[i].base);
        assert_int_equal(u64_of(tree, path, "reg", 1), devices[i].size_bytes);
        assert_int_equal(tree_has(tree, path, "interrupts"), devices[i].irq != 0);
        if (devices[i].irq != 0) {
            assert_int_equal(cell_of(tree, path, "interrupts", 0), devices[i].irq);
            assert_int_equal(cell_of(tree, path, "interrupt-parent", 0), plic);
        }
    }
    assert_int_equal(cell_of(tree, "/soc/plic@c000000", "riscv,ndev", 0), 95);
    assert_int_equal(cell_of(tree, "/soc/serial@10000000", "clock-frequency", 0), 3686400);
    free(tree);
}

static void test_serial_ports(void **state) {
    (void)state;
    struct fdt_inputs inputs = inputs_of("max", 1);
    for (inputs.serial_count = 0; inputs.serial_count < SERIALS_MAX; inputs.serial_count++) {
        void *tree = tree_of(&inputs);
        for (unsigned i = 0; i < SERIALS_MAX; i++) {
            static const char *const paths[] = {"/soc/serial@10000000", "/soc/serial@10010000",
                                                "/soc/serial@10011000", "/soc/serial@10012000"};
            static const uint32_t irqs[] = {10, 12, 13, 14};
            char alias[16];
            snprintf(alias, sizeof alias, "serial%u", i);
            assert_int_equal(tree_has(tree, "/aliases", alias), i <= inputs.serial_count);
            assert_int_equal(fdt_path_offset(tree, paths[i]) >= 0, i <= inputs.serial_count);
            if (i <= inputs.serial_count) {
                assert_string_equal(bytes_of(tree, "/aliases", alias, NULL), paths[i]);
                assert_string_equal(bytes_of(tree, paths[i], "compatible", NULL), "ns16550a");
                assert_int_equal(cell_of(tree, paths[i], "interrupts", 0), irqs[i]);
                assert_int_equal(u64_of(tree, paths[i], "reg", 1), 0x100);
            }
        }
        free(tree);
    }
}

static void test_power_goes_through_the_finisher(void **state) {
    (void)state;
    static const struct {
        const char *path, *compatible;
        uint32_t value;
    } nodes[] = {{"/poweroff", "syscon-poweroff", 0x5555}, {"/reboot", "syscon-reboot", 0x7777}};
    struct fdt_inputs inputs = inputs_of("max", 1);
    void *tree = tree_of(&inputs);
    for (size_t i = 0; i < COUNT(nodes); i++) {
        property_is(tree, nodes[i].path, "compatible", nodes[i].compatible);
        assert_int_equal(cell_of(tree, nodes[i].path, "value", 0), nodes[i].value);
        assert_int_equal(cell_of(tree, nodes[i].path, "offset", 0), 0);
        assert_int_equal(
            fdt_node_offset_by_phandle(tree, cell_of(tree, nodes[i].path, "regmap", 0)),
            node_of(tree, "/soc/test@100000"));
    }
    free(tree);
}

/* -- Harts ------------------------------------------------------------------------------------- */

static void hart_check(const void *tree, unsigned idx) {
    char cpu[64], intc[96], core[64];
    snprintf(cpu, sizeof cpu, "/cpus/cpu@%x", idx);
    snprintf(intc, sizeof intc, "%s/interrupt-controller", cpu);
    snprintf(core, sizeof core, "/cpus/cpu-map/cluster0/core%u", idx);
    assert_int_equal(cell_of(tree, cpu, "reg", 0), idx);
    property_is(tree, cpu, "device_type", "cpu");
    property_is(tree, cpu, "compatible", "riscv");
    property_is(tree, cpu, "status", "okay");
    property_is(tree, intc, "compatible", "riscv,cpu-intc");
    assert_int_equal(cell_of(tree, core, "cpu", 0), cell_of(tree, cpu, "phandle", 0));
    static const struct {
        const char *path;
        uint32_t causes[2];
    } wires[] = {{"/soc/clint@2000000", {3, 7}}, {"/soc/plic@c000000", {11, 9}}};
    for (size_t i = 0; i < COUNT(wires); i++) {
        for (int wire = 0; wire < 2; wire++) {
            int cell = 4 * (int)idx + 2 * wire;
            uint32_t phandle = cell_of(tree, wires[i].path, "interrupts-extended", cell);
            assert_int_equal(fdt_node_offset_by_phandle(tree, phandle), node_of(tree, intc));
            assert_int_equal(cell_of(tree, wires[i].path, "interrupts-extended", cell + 1),
                             wires[i].causes[wire]);
        }
    }
}

static void test_each_hart_is_wired(void **state) {
    (void)state;
    static const unsigned counts[] = {1, 2, 3, 8, 17, HARTS_MAX};
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct fdt_inputs inputs = inputs_of("max", counts[i]);
        void *tree = tree_of(&inputs);
        /* Paths are looked up from the start each time: of many harts only some. */
        for (unsigned hart = 0; hart < counts[i]; hart += hart < 16 ? 1 : 31) {
            hart_check(tree, hart);
        }
        hart_check(tree, counts[i] - 1);
        int cpus = 0, node;
        fdt_for_each_subnode(node, tree, node_of(tree, "/cpus")) {
            cpus += strncmp(fdt_get_name(tree, node, NULL), "cpu@", 4) == 0;
        }
        assert_int_equal(cpus, counts[i]);
        int length;
        bytes_of(tree, "/soc/plic@c000000", "interrupts-extended", &length);
        assert_int_equal(length, counts[i] * 16);
        free(tree);
    }
}

static void test_phandles_are_unique(void **state) {
    (void)state;
    struct fdt_inputs inputs = inputs_of("max", 8);
    void *tree = tree_of(&inputs);
    bool seen[64] = {false};
    unsigned count = 0;
    for (int node = 0; node >= 0; node = fdt_next_node(tree, node, NULL)) {
        uint32_t phandle = fdt_get_phandle(tree, node);
        if (phandle != 0) {
            assert_true(phandle < COUNT(seen));
            assert_false(seen[phandle]);
            seen[phandle] = true;
            count++;
        }
    }
    assert_int_equal(count, 2 + 2 * 8);
    free(tree);
}

static bool isa_lists(const void *tree, const char *name) {
    int length;
    const char *list = bytes_of(tree, "/cpus/cpu@0", "riscv,isa-extensions", &length);
    return fdt_stringlist_contains(list, length, name) != 0;
}

static void test_cpu_says_what_it_can(void **state) {
    (void)state;
    static const struct {
        const char *cpu, *mmu, *has[6], *lacks[6];
    } cases[] = {
        {"max",
         "riscv,sv57",
         {"i", "zba", "zca", "zcd", "zaamo", "svade"},
         {"h", "v", "sv57", "smpmp"}},
        {"max,sv57=off", "riscv,sv48", {"i"}, {"sv48"}},
        {"max,sv48=off", "riscv,sv39", {"i"}, {"sv39"}},
        {"max,sv39=off", "riscv,none", {"i", "m"}, {"svade"}},
        {"rv64gc", "riscv,sv39", {"i", "m", "a", "f", "d", "c"}, {"zba", "sstc"}},
        {"max,a=off", "riscv,sv57", {"m", "zmmul"}, {"a", "zaamo", "zalrsc"}},
        {"max,m=off", "riscv,sv57", {"a"}, {"m", "zmmul"}},
        {"max,c=off", "riscv,sv57", {"d"}, {"c", "zca", "zcd", "zcb"}},
        {"max,d=off", "riscv,sv57", {"c", "zca"}, {"d", "zcd"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fdt_inputs inputs = inputs_of(cases[i].cpu, 1);
        void *tree = tree_of(&inputs);
        const char *cpu = "/cpus/cpu@0";
        char isa[2048];
        assert_true(ext_isa_string(inputs.ext, isa, sizeof isa) < sizeof isa);
        property_is(tree, cpu, "riscv,isa", isa);
        property_is(tree, cpu, "riscv,isa-base", "rv64i");
        property_is(tree, cpu, "mmu-type", cases[i].mmu);
        for (size_t k = 0; k < COUNT(cases[i].has); k++) {
            if (cases[i].has[k] != NULL && !isa_lists(tree, cases[i].has[k])) {
                fail_msg("%s: %s is missing", cases[i].cpu, cases[i].has[k]);
            }
            if (cases[i].lacks[k] != NULL && isa_lists(tree, cases[i].lacks[k])) {
                fail_msg("%s: %s is there", cases[i].cpu, cases[i].lacks[k]);
            }
        }
        free(tree);
    }
}

/* The list is the string taken apart: as many names, each once. */
static void test_isa_list_repeats_nothing(void **state) {
    (void)state;
    struct fdt_inputs inputs = inputs_of("max", 1);
    void *tree = tree_of(&inputs);
    int node = node_of(tree, "/cpus/cpu@0");
    int count = fdt_stringlist_count(tree, node, "riscv,isa-extensions");
    assert_true(count > 40);
    for (int i = 0; i < count; i++) {
        const char *name = fdt_stringlist_get(tree, node, "riscv,isa-extensions", i, NULL);
        assert_true(strlen(name) > 0);
        assert_null(strchr(name, '_'));
        assert_int_equal(fdt_stringlist_search(tree, node, "riscv,isa-extensions", name), i);
    }
    free(tree);
}

static void test_cache_blocks_follow_extensions(void **state) {
    (void)state;
    static const struct {
        const char *off, *property;
    } cases[] = {
        {"max,zicbom=off", "riscv,cbom-block-size"},
        {"max,zicboz=off", "riscv,cboz-block-size"},
        {"max,zicbop=off", "riscv,cbop-block-size"},
    };
    struct fdt_inputs with = inputs_of("max", 1);
    void *tree = tree_of(&with);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fdt_inputs without = inputs_of(cases[i].off, 1);
        void *other = tree_of(&without);
        assert_int_equal(cell_of(tree, "/cpus/cpu@0", cases[i].property, 0), 64);
        assert_false(tree_has(other, "/cpus/cpu@0", cases[i].property));
        free(other);
    }
    free(tree);
}

/* -- What differs from run to run -------------------------------------------------------------- */

static void test_chosen_says_how_to_boot(void **state) {
    (void)state;
    struct fdt_inputs inputs = inputs_of("max", 1);
    void *tree = tree_of(&inputs);
    property_is(tree, "/chosen", "bootargs", "");
    property_is(tree, "/chosen", "stdout-path", "/soc/serial@10000000");
    property_is(tree, "/aliases", "serial0", "/soc/serial@10000000");
    assert_false(tree_has(tree, "/chosen", "linux,initrd-start"));
    free(tree);

    char append[5000];
    memset(append, 'x', sizeof append);
    append[sizeof append - 1] = '\0';
    inputs.append = append;
    inputs.initrd_start = 0x1234567000;
    inputs.initrd_end = 0x1234567891;
    tree = tree_of(&inputs);
    property_is(tree, "/chosen", "bootargs", append);
    assert_int_equal(u64_of(tree, "/chosen", "linux,initrd-start", 0), 0x1234567000);
    assert_int_equal(u64_of(tree, "/chosen", "linux,initrd-end", 0), 0x1234567891);
    free(tree);
}

static void test_memory_of_any_size(void **state) {
    (void)state;
    static const uint64_t sizes[] = {(uint64_t)16 << 20, (uint64_t)5 << 30, (uint64_t)64 << 30};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct fdt_inputs inputs = inputs_of("max", 1);
        inputs.memory_bytes = sizes[i];
        void *tree = tree_of(&inputs);
        property_is(tree, "/memory@80000000", "device_type", "memory");
        assert_int_equal(u64_of(tree, "/memory@80000000", "reg", 0), 0x80000000);
        assert_int_equal(u64_of(tree, "/memory@80000000", "reg", 1), sizes[i]);
        assert_int_equal(cell_of(tree, "/cpus", "timebase-frequency", 0), 10000000);
        free(tree);
    }
}

static void test_same_inputs_same_bytes_other_seed_other_bytes(void **state) {
    (void)state;
    struct fdt_inputs inputs = inputs_of("max", 4);
    void *first = tree_of(&inputs), *second = tree_of(&inputs);
    assert_memory_equal(first, second, fdt_totalsize(first));
    free(second);
    uint8_t seeds[16][32];
    for (unsigned i = 0; i < COUNT(seeds); i++) {
        inputs.seed = i;
        void *tree = tree_of(&inputs);
        int length;
        const void *seed = bytes_of(tree, "/chosen", "rng-seed", &length);
        assert_int_equal(length, sizeof seeds[i]);
        memcpy(seeds[i], seed, sizeof seeds[i]);
        for (unsigned k = 0; k < i; k++) {
            assert_memory_not_equal(seeds[i], seeds[k], 8);
        }
        free(tree);
    }
    /* The first two numbers that SplitMix64 gives from 0, as its author printed them. */
    static const uint8_t known[16] = {0xe2, 0x20, 0xa8, 0x39, 0x7b, 0x1d, 0xcd, 0xaf,
                                      0x6e, 0x78, 0x9e, 0x6a, 0xa1, 0xb9, 0x65, 0xf4};
    assert_memory_equal(seeds[0], known, sizeof known);
    free(first);
}

/* -- Another pair of eyes ---------------------------------------------------------------------- */

static void test_device_tree_compiler_has_nothing_to_say(void **state) {
    const struct folder *folder = *state;
    if (system("command -v dtc >/dev/null 2>&1") != 0) {
        print_message("skipped: dtc is not installed (package device-tree-compiler)\n");
        skip();
    }
    struct fdt_inputs inputs = inputs_of("max", 3);
    inputs.append = "console=ttyS0";
    inputs.initrd_start = 0x81000000;
    inputs.initrd_end = 0x81000123;
    void *tree = tree_of(&inputs);
    struct bytes blob = bytes_new(fdt_totalsize(tree), 0);
    memcpy(blob.at, tree, blob.count);
    free(tree);
    char *path = folder_write(folder, "tree.dtb", blob);
    char *said = folder_path(folder, "said");
    char command[3 * PATH_MAX];
    snprintf(command, sizeof command, "dtc -I dtb -O dts -o /dev/null '%s' 2>'%s'", path, said);
    assert_int_equal(system(command), 0);
    FILE *file = fopen(said, "r");
    assert_non_null(file);
    char line[256];
    if (fgets(line, sizeof line, file) != NULL) {
        fail_msg("dtc: %s", line);
    }
    fclose(file);
    free(said);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_lie_where_virt_has_them),
        cmocka_unit_test(test_serial_ports),
        cmocka_unit_test(test_power_goes_through_the_finisher),
        cmocka_unit_test(test_each_hart_is_wired),
        cmocka_unit_test(test_phandles_are_unique),
        cmocka_unit_test(test_cpu_says_what_it_can),
        cmocka_unit_test(test_isa_list_repeats_nothing),
        cmocka_unit_test(test_cache_blocks_follow_extensions),
        cmocka_unit_test(test_chosen_says_how_to_boot),
        cmocka_unit_test(test_memory_of_any_size),
        cmocka_unit_test(test_same_inputs_same_bytes_other_seed_other_bytes),
        cmocka_unit_test_setup_teardown(test_device_tree_compiler_has_nothing_to_say, folder_make,
                                        folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
