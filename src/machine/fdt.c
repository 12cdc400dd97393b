/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device tree: what QEMU's virt board would say, for the devices that are here. */
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"
#include "machine/machine.h"

/* Phandles: the PLIC, the finisher, then two a hart. */
enum { PHANDLE_PLIC = 1, PHANDLE_SYSCON = 2, PHANDLE_HARTS = 3 };
enum { ISA_STRING_BYTES = 2048, CBO_BLOCK_BYTES = 64 };

static uint32_t cpu_phandle(unsigned hart_idx) {
    return PHANDLE_HARTS + 2 * hart_idx;
}

static uint32_t intc_phandle(unsigned hart_idx) {
    return PHANDLE_HARTS + 2 * hart_idx + 1;
}

/* -- Writing, one node after the other --------------------------------------------------------- */

/* A blob being written. Nothing more is written after a failure: one look at the end is enough. */
struct tree {
    void *blob;
    int failure; /* 0, or libfdt's error */
};

static void tree_begin(struct tree *tree, const char *name) {
    if (tree->failure == 0) {
        tree->failure = fdt_begin_node(tree->blob, name);
    }
}

static void tree_begin_at(struct tree *tree, const char *name, uint64_t address) {
    char text[64];
    snprintf(text, sizeof text, "%s@%" PRIx64, name, address);
    tree_begin(tree, text);
}

static void tree_end(struct tree *tree) {
    if (tree->failure == 0) {
        tree->failure = fdt_end_node(tree->blob);
    }
}

static void tree_bytes(struct tree *tree, const char *name, const void *bytes, size_t size_bytes) {
    if (tree->failure == 0) {
        tree->failure = fdt_property(tree->blob, name, bytes, (int)size_bytes);
    }
}

static void tree_flag(struct tree *tree, const char *name) {
    tree_bytes(tree, name, NULL, 0);
}

static void tree_string(struct tree *tree, const char *name, const char *value) {
    tree_bytes(tree, name, value, strlen(value) + 1);
}

static void tree_cell(struct tree *tree, const char *name, uint32_t value) {
    fdt32_t cell = cpu_to_fdt32(value);
    tree_bytes(tree, name, &cell, sizeof cell);
}

static void tree_u64(struct tree *tree, const char *name, uint64_t value) {
    fdt64_t cells = cpu_to_fdt64(value);
    tree_bytes(tree, name, &cells, sizeof cells);
}

static void tree_reg(struct tree *tree, uint64_t base, uint64_t size_bytes) {
    fdt64_t cells[2] = {cpu_to_fdt64(base), cpu_to_fdt64(size_bytes)};
    tree_bytes(tree, "reg", cells, sizeof cells);
}

static void tree_address_cells(struct tree *tree, uint32_t address_cells, uint32_t size_cells) {
    tree_cell(tree, "#address-cells", address_cells);
    tree_cell(tree, "#size-cells", size_cells);
}

static void tree_interrupt_controller(struct tree *tree) {
    tree_flag(tree, "interrupt-controller");
    tree_cell(tree, "#interrupt-cells", 1);
    tree_cell(tree, "#address-cells", 0);
}

/* Two wires to each hart's interrupt controller, as the CLINT and the PLIC have. */
static void tree_wires(struct tree *tree, unsigned hart_count, uint32_t first, uint32_t second) {
    void *room = NULL;
    int size_bytes = (int)(hart_count * 4 * sizeof(fdt32_t));
    if (tree->failure == 0) {
        tree->failure =
            fdt_property_placeholder(tree->blob, "interrupts-extended", size_bytes, &room);
    }
    if (tree->failure != 0) {
        return;
    }
    fdt32_t *cells = room;
    for (unsigned i = 0; i < hart_count; i++) {
        cells[4 * i + 0] = cpu_to_fdt32(intc_phandle(i));
        cells[4 * i + 1] = cpu_to_fdt32(first);
        cells[4 * i + 2] = cpu_to_fdt32(intc_phandle(i));
        cells[4 * i + 3] = cpu_to_fdt32(second);
    }
}

/* -- CPUs -------------------------------------------------------------------------------------- */

struct isa_text {
    char string[ISA_STRING_BYTES];
    char list[ISA_STRING_BYTES]; /* the same as separate strings, with the parts of M, A and C */
    size_t list_bytes;
};

static void list_add(struct isa_text *isa, const char *name, size_t length) {
    ensure(isa->list_bytes + length + 1 <= sizeof isa->list);
    memcpy(isa->list + isa->list_bytes, name, length);
    isa->list[isa->list_bytes + length] = '\0';
    isa->list_bytes += length + 1;
}

/* "rv64imac_zba" becomes "i", "m", "a", "c", "zba". */
static void isa_text_fill(struct isa_text *isa, ext_set ext) {
    ensure(ext_isa_string(ext, isa->string, sizeof isa->string) < sizeof isa->string);
    isa->list_bytes = 0;
    const char *at = isa->string + strlen("rv64");
    for (; *at != '\0' && *at != '_'; at++) {
        list_add(isa, at, 1);
    }
    while (*at == '_') {
        size_t length = strcspn(at + 1, "_");
        list_add(isa, at + 1, length);
        at += 1 + length;
    }
    static const struct {
        const char *name;
        ext_set of;
    } parts[] = {
        {"zmmul", (ext_set)1 << EXT_m},
        {"zaamo", (ext_set)1 << EXT_a},
        {"zalrsc", (ext_set)1 << EXT_a},
        {"zca", (ext_set)1 << EXT_c},
        {"zcd", (ext_set)1 << EXT_c | (ext_set)1 << EXT_d},
    };
    for (size_t i = 0; i < COUNT(parts); i++) {
        if ((ext & parts[i].of) == parts[i].of) {
            list_add(isa, parts[i].name, strlen(parts[i].name));
        }
    }
}

static const char *mmu_type(ext_set ext) {
    if (ext & ext_bit(EXT_sv57)) {
        return "riscv,sv57";
    }
    if (ext & ext_bit(EXT_sv48)) {
        return "riscv,sv48";
    }
    return ext & ext_bit(EXT_sv39) ? "riscv,sv39" : "riscv,none";
}

static void tree_cpu(struct tree *tree, ext_set ext, const struct isa_text *isa,
                     unsigned hart_idx) {
    tree_begin_at(tree, "cpu", hart_idx);
    tree_cell(tree, "phandle", cpu_phandle(hart_idx));
    tree_string(tree, "device_type", "cpu");
    tree_cell(tree, "reg", hart_idx);
    tree_string(tree, "status", "okay");
    tree_string(tree, "compatible", "riscv");
    tree_string(tree, "mmu-type", mmu_type(ext));
    tree_string(tree, "riscv,isa", isa->string);
    tree_string(tree, "riscv,isa-base", "rv64i");
    tree_bytes(tree, "riscv,isa-extensions", isa->list, isa->list_bytes);
    if (ext & ext_bit(EXT_zicbom)) {
        tree_cell(tree, "riscv,cbom-block-size", CBO_BLOCK_BYTES);
    }
    if (ext & ext_bit(EXT_zicboz)) {
        tree_cell(tree, "riscv,cboz-block-size", CBO_BLOCK_BYTES);
    }
    if (ext & ext_bit(EXT_zicbop)) {
        tree_cell(tree, "riscv,cbop-block-size", CBO_BLOCK_BYTES);
    }
    tree_begin(tree, "interrupt-controller");
    tree_cell(tree, "phandle", intc_phandle(hart_idx));
    tree_string(tree, "compatible", "riscv,cpu-intc");
    tree_interrupt_controller(tree);
    tree_end(tree);
    tree_end(tree);
}

static void tree_cpu_map(struct tree *tree, unsigned hart_count) {
    tree_begin(tree, "cpu-map");
    tree_begin(tree, "cluster0");
    for (unsigned i = 0; i < hart_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "core%u", i);
        tree_begin(tree, name);
        tree_cell(tree, "cpu", cpu_phandle(i));
        tree_end(tree);
    }
    tree_end(tree);
    tree_end(tree);
}

static void tree_cpus(struct tree *tree, const struct fdt_inputs *inputs) {
    struct isa_text isa;
    isa_text_fill(&isa, inputs->ext);
    tree_begin(tree, "cpus");
    tree_address_cells(tree, 1, 0);
    tree_cell(tree, "timebase-frequency", BOARD_TIMEBASE_HZ);
    for (unsigned i = 0; i < inputs->hart_count; i++) {
        tree_cpu(tree, inputs->ext, &isa, i);
    }
    tree_cpu_map(tree, inputs->hart_count);
    tree_end(tree);
}

/* -- Devices ----------------------------------------------------------------------------------- */

static void tree_interrupt(struct tree *tree, uint32_t number) {
    tree_cell(tree, "interrupt-parent", PHANDLE_PLIC);
    tree_cell(tree, "interrupts", number);
}

static void tree_clint(struct tree *tree, unsigned hart_count) {
    static const char compatible[] = "sifive,clint0\0riscv,clint0";
    enum { SOFTWARE = 3, TIMER = 7 };
    tree_begin_at(tree, "clint", BOARD_CLINT_BASE);
    tree_bytes(tree, "compatible", compatible, sizeof compatible);
    tree_reg(tree, BOARD_CLINT_BASE, CLINT_SIZE_BYTES);
    tree_wires(tree, hart_count, SOFTWARE, TIMER);
    tree_end(tree);
}

static void tree_plic(struct tree *tree, unsigned hart_count) {
    static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    enum { EXTERNAL_M = 11, EXTERNAL_S = 9 };
    tree_begin_at(tree, "plic", BOARD_PLIC_BASE);
    tree_cell(tree, "phandle", PHANDLE_PLIC);
    tree_bytes(tree, "compatible", compatible, sizeof compatible);
    tree_reg(tree, BOARD_PLIC_BASE, PLIC_SIZE_BYTES);
    tree_interrupt_controller(tree);
    tree_cell(tree, "riscv,ndev", PLIC_SOURCES - 1);
    tree_wires(tree, hart_count, EXTERNAL_M, EXTERNAL_S);
    tree_end(tree);
}

static void tree_small_devices(struct tree *tree) {
    static const char finisher[] = "sifive,test1\0sifive,test0\0syscon";
    tree_begin_at(tree, "test", BOARD_SYSCON_BASE);
    tree_cell(tree, "phandle", PHANDLE_SYSCON);
    tree_bytes(tree, "compatible", finisher, sizeof finisher);
    tree_reg(tree, BOARD_SYSCON_BASE, SYSCON_SIZE_BYTES);
    tree_end(tree);

    tree_begin_at(tree, "rtc", BOARD_RTC_BASE);
    tree_string(tree, "compatible", "google,goldfish-rtc");
    tree_reg(tree, BOARD_RTC_BASE, RTC_SIZE_BYTES);
    tree_interrupt(tree, BOARD_RTC_IRQ);
    tree_end(tree);
}

static void tree_serial(struct tree *tree, unsigned idx) {
    enum { UART_CLOCK_HZ = 3686400 };
    paddr base = board_uart_base(idx);
    tree_begin_at(tree, "serial", base);
    tree_string(tree, "compatible", "ns16550a");
    tree_reg(tree, base, UART_SIZE_BYTES);
    tree_cell(tree, "clock-frequency", UART_CLOCK_HZ);
    tree_interrupt(tree, board_uart_irq(idx));
    tree_end(tree);
}

static void tree_virtio(struct tree *tree) {
    for (unsigned i = 0; i < BOARD_VIRTIO_COUNT; i++) {
        paddr base = BOARD_VIRTIO_BASE + (paddr)i * BOARD_VIRTIO_STRIDE;
        tree_begin_at(tree, "virtio_mmio", base);
        tree_string(tree, "compatible", "virtio,mmio");
        tree_reg(tree, base, VIRTIO_MMIO_SIZE_BYTES);
        tree_interrupt(tree, BOARD_VIRTIO_IRQ + i);
        tree_end(tree);
    }
}

/* Which source of the PLIC each pin of each slot drives. Both numbers count only modulo the lines,
 * as the mask says. */
static void tree_pci_interrupts(struct tree *tree) {
    enum { ROW_CELLS = 6, PINS = PCI_LINES };
    static const uint32_t mask[] = {(PCI_LINES - 1) << 11, 0, 0, 7};
    fdt32_t cells[PCI_LINES * PINS * ROW_CELLS];
    fdt32_t *row = cells;
    for (uint32_t slot = 0; slot < PCI_LINES; slot++) {
        for (uint32_t pin = 1; pin <= PINS; pin++, row += ROW_CELLS) {
            uint32_t values[ROW_CELLS] = {
                slot << 11, 0, 0, pin, PHANDLE_PLIC, BOARD_PCI_IRQ + (slot + pin - 1) % PCI_LINES};
            for (unsigned i = 0; i < ROW_CELLS; i++) {
                row[i] = cpu_to_fdt32(values[i]);
            }
        }
    }
    fdt32_t mask_cells[COUNT(mask)];
    for (unsigned i = 0; i < COUNT(mask); i++) {
        mask_cells[i] = cpu_to_fdt32(mask[i]);
    }
    tree_cell(tree, "#interrupt-cells", 1);
    tree_bytes(tree, "interrupt-map-mask", mask_cells, sizeof mask_cells);
    tree_bytes(tree, "interrupt-map", cells, sizeof cells);
}

/* Ports, then the window: what it is, where it begins on the bus and in memory, its size. */
static void tree_pci_ranges(struct tree *tree) {
    enum { SPACE_PORTS = 0x01000000, SPACE_MEMORY = 0x02000000 };
    const uint32_t values[] = {
        SPACE_PORTS,
        0,
        0,
        0,
        (uint32_t)BOARD_PCI_PORTS_BASE,
        0,
        BOARD_PCI_PORTS_BYTES,
        SPACE_MEMORY,
        0,
        (uint32_t)BOARD_PCI_WINDOW_BASE,
        0,
        (uint32_t)BOARD_PCI_WINDOW_BASE,
        0,
        BOARD_PCI_WINDOW_BYTES,
    };
    fdt32_t cells[COUNT(values)];
    for (unsigned i = 0; i < COUNT(values); i++) {
        cells[i] = cpu_to_fdt32(values[i]);
    }
    tree_bytes(tree, "ranges", cells, sizeof cells);
}

static void tree_pci(struct tree *tree) {
    const fdt32_t buses[] = {cpu_to_fdt32(0), cpu_to_fdt32(255)};
    tree_begin_at(tree, "pci", BOARD_PCI_ECAM_BASE);
    tree_string(tree, "compatible", "pci-host-ecam-generic");
    tree_string(tree, "device_type", "pci");
    tree_address_cells(tree, 3, 2);
    tree_cell(tree, "linux,pci-domain", 0);
    tree_bytes(tree, "bus-range", buses, sizeof buses);
    tree_flag(tree, "dma-coherent");
    tree_reg(tree, BOARD_PCI_ECAM_BASE, PCI_ECAM_SIZE_BYTES);
    tree_pci_ranges(tree);
    tree_pci_interrupts(tree);
    tree_end(tree);
}

static void tree_soc(struct tree *tree, const struct fdt_inputs *inputs) {
    tree_begin(tree, "soc");
    tree_address_cells(tree, 2, 2);
    tree_string(tree, "compatible", "simple-bus");
    tree_flag(tree, "ranges");
    tree_small_devices(tree);
    for (unsigned i = 0; i <= inputs->serial_count; i++) {
        tree_serial(tree, i);
    }
    tree_clint(tree, inputs->hart_count);
    tree_plic(tree, inputs->hart_count);
    tree_virtio(tree);
    tree_pci(tree);
    tree_end(tree);
}

/* How software turns the machine off or resets it: a value to write to the finisher. */
static void tree_power(struct tree *tree, const char *name, const char *compatible,
                       uint32_t value) {
    tree_begin(tree, name);
    tree_string(tree, "compatible", compatible);
    tree_cell(tree, "regmap", PHANDLE_SYSCON);
    tree_cell(tree, "offset", 0);
    tree_cell(tree, "value", value);
    tree_end(tree);
}

/* -- The rest ---------------------------------------------------------------------------------- */

/* SplitMix64: neighbouring seeds give unrelated streams. */
static uint64_t seed_next(uint64_t *state) {
    uint64_t mixed = *state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

static void tree_chosen(struct tree *tree, const struct fdt_inputs *inputs, const char *console) {
    tree_begin(tree, "chosen");
    tree_string(tree, "stdout-path", console);
    tree_string(tree, "bootargs", inputs->append == NULL ? "" : inputs->append);
    if (inputs->initrd_start != inputs->initrd_end) {
        tree_u64(tree, "linux,initrd-start", inputs->initrd_start);
        tree_u64(tree, "linux,initrd-end", inputs->initrd_end);
    }
    fdt64_t seed[4];
    uint64_t state = inputs->seed;
    for (size_t i = 0; i < COUNT(seed); i++) {
        seed[i] = cpu_to_fdt64(seed_next(&state));
    }
    tree_bytes(tree, "rng-seed", seed, sizeof seed);
    tree_end(tree);
}

enum { PATH_CHARS = 64 };

static void serial_path(unsigned idx, char path[PATH_CHARS]) {
    snprintf(path, PATH_CHARS, "/soc/serial@%" PRIx64, board_uart_base(idx));
}

static void tree_aliases(struct tree *tree, unsigned serial_count) {
    tree_begin(tree, "aliases");
    for (unsigned i = 0; i <= serial_count; i++) {
        char name[16];
        char path[PATH_CHARS];
        snprintf(name, sizeof name, "serial%u", i);
        serial_path(i, path);
        tree_string(tree, name, path);
    }
    tree_end(tree);
}

static void tree_root(struct tree *tree, const struct fdt_inputs *inputs) {
    char console[PATH_CHARS];
    serial_path(0, console);
    tree_begin(tree, "");
    tree_address_cells(tree, 2, 2);
    tree_string(tree, "compatible", "riscv-virtio");
    tree_string(tree, "model", "sandglass,virt");
    tree_aliases(tree, inputs->serial_count);
    tree_chosen(tree, inputs, console);
    tree_begin_at(tree, "memory", BOARD_RAM_BASE);
    tree_string(tree, "device_type", "memory");
    tree_reg(tree, BOARD_RAM_BASE, inputs->memory_bytes);
    tree_end(tree);
    tree_cpus(tree, inputs);
    tree_soc(tree, inputs);
    tree_power(tree, "poweroff", "syscon-poweroff", 0x5555);
    tree_power(tree, "reboot", "syscon-reboot", 0x7777);
    tree_end(tree);
}

void *fdt_build(const struct fdt_inputs *inputs, size_t *size_bytes) {
    /* More than all nodes can take: two ISA strings a hart, and what depends on nothing. */
    enum { FIXED_BYTES = 16384, HART_BYTES = 2 * ISA_STRING_BYTES + 1024 };
    size_t append_bytes = inputs->append == NULL ? 0 : strlen(inputs->append);
    size_t room_bytes = FIXED_BYTES + inputs->hart_count * (size_t)HART_BYTES + append_bytes;
    ensure(room_bytes <= INT32_MAX);
    struct tree tree = {.blob = calloc(1, room_bytes)};
    if (tree.blob == NULL) {
        return NULL;
    }
    tree.failure = fdt_create(tree.blob, (int)room_bytes);
    if (tree.failure == 0) {
        tree.failure = fdt_finish_reservemap(tree.blob);
    }
    tree_root(&tree, inputs);
    if (tree.failure == 0) {
        tree.failure = fdt_finish(tree.blob);
    }
    ensure(tree.failure == 0);
    *size_bytes = fdt_totalsize(tree.blob);
    return tree.blob;
}
