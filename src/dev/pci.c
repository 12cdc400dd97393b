/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI host bridge: a bus of functions, found by ECAM, reached through a window, heard by INTx.
 *
 * The configuration space of a function is an array of bytes and one of writable bits. That is all
 * there is to most registers: a BAR answers a write of ones with its size because the bits below
 * its size cannot be written. */
#include "dev/pci.h"

#include <stdlib.h>
#include <string.h>

enum { COMMAND_WRITABLE = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX };

struct pci {
    paddr window_base;
    struct line lines[PCI_LINES];
    struct pci_function *functions[PCI_SLOTS]; /* owned; NULL: the slot is empty */
};

/* -- Functions --------------------------------------------------------------------------------- */

void pci_config_put(struct pci_function *function, unsigned offset, uint32_t value,
                    unsigned size_bytes) {
    for (unsigned i = 0; i < size_bytes; i++) {
        function->config[offset + i] = (uint8_t)(value >> 8 * i);
    }
}

uint32_t pci_config_get(const struct pci_function *function, unsigned offset, unsigned size_bytes) {
    uint32_t value = 0;
    for (unsigned i = 0; i < size_bytes; i++) {
        value |= (uint32_t)function->config[offset + i] << 8 * i;
    }
    return value;
}

static void writable_put(struct pci_function *function, unsigned offset, uint32_t bits,
                         unsigned size_bytes) {
    for (unsigned i = 0; i < size_bytes; i++) {
        function->writable[offset + i] = (uint8_t)(bits >> 8 * i);
    }
}

void pci_function_start(struct pci_function *function, const struct pci_kind *kind,
                        const struct pci_identity *identity) {
    function->kind = kind;
    pci_config_put(function, PCI_VENDOR, identity->vendor, 2);
    pci_config_put(function, PCI_DEVICE, identity->device, 2);
    pci_config_put(function, PCI_REVISION, identity->revision, 1);
    pci_config_put(function, PCI_CLASS, identity->class_code, 3);
    pci_config_put(function, PCI_SUBSYSTEM_VENDOR, identity->subsystem_vendor, 2);
    pci_config_put(function, PCI_SUBSYSTEM, identity->subsystem, 2);
    writable_put(function, PCI_COMMAND, COMMAND_WRITABLE, 2);
    writable_put(function, PCI_CACHE_LINE, UINT8_MAX, 1);
    writable_put(function, PCI_INTERRUPT_LINE, UINT8_MAX, 1);
}

void pci_function_add_bar(struct pci_function *function, unsigned bar, uint32_t size_bytes) {
    ensure(bar < PCI_BARS && size_bytes >= 4096 && (size_bytes & (size_bytes - 1)) == 0);
    function->bar_bytes[bar] = size_bytes;
    writable_put(function, PCI_BAR + 4 * bar, ~(size_bytes - 1), 4);
}

bool pci_function_is_master(const struct pci_function *function) {
    return (pci_config_get(function, PCI_COMMAND, 2) & PCI_COMMAND_MASTER) != 0;
}

/* -- Interrupts -------------------------------------------------------------------------------- */

static bool drives_line(const struct pci_function *function) {
    return function->interrupts &&
           (pci_config_get(function, PCI_COMMAND, 2) & PCI_COMMAND_NO_INTX) == 0;
}

/* Pin A of slot n drives line n mod 4, so a line is the OR of all slots that share it. */
static void line_update(const struct pci *pci, unsigned line) {
    bool level = false;
    for (unsigned slot = line; slot < PCI_SLOTS; slot += PCI_LINES) {
        const struct pci_function *function = pci->functions[slot];
        level = level || (function != NULL && drives_line(function));
    }
    line_set(&pci->lines[line], level);
}

void pci_function_interrupt(struct pci_function *function, bool level) {
    uint32_t status = pci_config_get(function, PCI_STATUS, 2) & ~(uint32_t)PCI_STATUS_INTERRUPT;
    function->interrupts = level;
    pci_config_put(function, PCI_STATUS, level ? status | PCI_STATUS_INTERRUPT : status, 2);
    line_update(function->pci, function->slot % PCI_LINES);
}

/* -- Configuration space ----------------------------------------------------------------------- */

static uint64_t all_ones(unsigned size_bytes) {
    return UINT64_MAX >> (64 - 8 * size_bytes);
}

/** The function that an ECAM offset names, or NULL. Each slot has function 0 only. */
static struct pci_function *function_at(const struct pci *pci, uint64_t offset) {
    uint64_t bus = offset >> 20, slot = offset >> 15 & 31, number = offset >> 12 & 7;
    return bus == 0 && number == 0 ? pci->functions[slot] : NULL;
}

static uint64_t ecam_read(void *device, uint64_t offset, unsigned size_bytes) {
    struct pci_function *function = function_at(device, offset);
    unsigned at = offset & 0xfff;
    if (function == NULL) {
        return all_ones(size_bytes);
    }
    if (at >= PCI_CONFIG_BYTES) {
        return 0;
    }
    if (function->kind->config_read != NULL) {
        function->kind->config_read(function, at, size_bytes);
    }
    return pci_config_get(function, at, size_bytes);
}

static void ecam_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    struct pci_function *function = function_at(device, offset);
    unsigned at = offset & 0xfff;
    if (function == NULL || at >= PCI_CONFIG_BYTES) {
        return;
    }
    for (unsigned i = 0; i < size_bytes; i++) {
        uint8_t mask = function->writable[at + i];
        uint8_t byte = (uint8_t)(value >> 8 * i);
        function->config[at + i] = (uint8_t)((function->config[at + i] & ~mask) | (byte & mask));
    }
    line_update(function->pci, function->slot % PCI_LINES);
    if (function->kind->config_written != NULL) {
        function->kind->config_written(function, at, size_bytes);
    }
}

/* -- The window -------------------------------------------------------------------------------- */

/** Where an address of the bus leads. */
struct target {
    struct pci_function *function; /* NULL: nowhere */
    unsigned bar;
    uint64_t offset;
};

static bool bar_holds(const struct pci_function *function, unsigned bar, paddr address,
                      unsigned size_bytes) {
    uint64_t base = pci_config_get(function, PCI_BAR + 4 * bar, 4);
    uint64_t bytes = function->bar_bytes[bar];
    return bytes != 0 && address >= base && address - base <= bytes - size_bytes &&
           address - base < bytes;
}

static struct target window_target(const struct pci *pci, paddr address, unsigned size_bytes) {
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        struct pci_function *function = pci->functions[slot];
        if (function == NULL ||
            (pci_config_get(function, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) == 0) {
            continue;
        }
        for (unsigned bar = 0; bar < PCI_BARS; bar++) {
            if (bar_holds(function, bar, address, size_bytes)) {
                uint64_t base = pci_config_get(function, PCI_BAR + 4 * bar, 4);
                return (struct target){function, bar, address - base};
            }
        }
    }
    return (struct target){0};
}

static uint64_t window_read(void *device, uint64_t offset, unsigned size_bytes) {
    const struct pci *pci = device;
    struct target target = window_target(pci, pci->window_base + offset, size_bytes);
    if (target.function == NULL || target.function->kind->read == NULL) {
        return all_ones(size_bytes);
    }
    return target.function->kind->read(target.function, target.bar, target.offset, size_bytes);
}

static void window_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    const struct pci *pci = device;
    struct target target = window_target(pci, pci->window_base + offset, size_bytes);
    if (target.function != NULL && target.function->kind->write != NULL) {
        target.function->kind->write(target.function, target.bar, target.offset, value, size_bytes);
    }
}

/* Nothing on this bus has I/O ports. */
static uint64_t ports_read(void *device, uint64_t offset, unsigned size_bytes) {
    (void)device;
    (void)offset;
    return all_ones(size_bytes);
}

static void ports_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    (void)device;
    (void)offset;
    (void)value;
    (void)size_bytes;
}

/* -- Life -------------------------------------------------------------------------------------- */

/* What the guest can write goes back to zero. */
static void function_reset(struct pci_function *function) {
    for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++) {
        function->config[i] &= (uint8_t)~function->writable[i];
    }
    if (function->kind->reset != NULL) {
        function->kind->reset(function);
    }
}

static void ecam_reset(void *device) {
    struct pci *pci = device;
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        if (pci->functions[slot] != NULL) {
            function_reset(pci->functions[slot]);
        }
    }
    for (unsigned line = 0; line < PCI_LINES; line++) {
        line_update(pci, line);
    }
}

static void ecam_state(void *device, struct stream *stream) {
    struct pci *pci = device;
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        struct pci_function *function = pci->functions[slot];
        if (function == NULL) {
            continue;
        }
        stream_constant(stream, slot, "is of a machine with other PCI devices");
        stream_bytes(stream, function->config, sizeof function->config);
        function->interrupts =
            (pci_config_get(function, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT) != 0;
        if (function->kind->state != NULL) {
            function->kind->state(function, stream);
        }
    }
}

static void ecam_free(void *device) {
    struct pci *pci = device;
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        if (pci->functions[slot] != NULL) {
            pci->functions[slot]->kind->free(pci->functions[slot]);
        }
    }
    free(pci);
}

/* The other regions belong to the same device: what happens to it once happens by ECAM. */
static void region_reset(void *device) {
    (void)device;
}

static void region_state(void *device, struct stream *stream) {
    (void)device;
    (void)stream;
}

void pci_plug(struct pci *pci, struct pci_function *function, unsigned slot) {
    ensure(slot < PCI_SLOTS && pci->functions[slot] == NULL);
    function->pci = pci;
    function->slot = slot;
    pci->functions[slot] = function;
}

static void bridge_free(struct pci_function *function) {
    free(function);
}

static struct pci_function *bridge_new(void) {
    static const struct pci_kind kind = {.name = "host-bridge", .free = bridge_free};
    static const struct pci_identity identity = {.vendor = 0x1b36, /* as QEMU's generic bridge */
                                                 .device = 0x0008,
                                                 .subsystem_vendor = 0x1af4,
                                                 .subsystem = 0x1100,
                                                 .class_code = 0x060000};
    struct pci_function *bridge = calloc(1, sizeof *bridge);
    if (bridge != NULL) {
        pci_function_start(bridge, &kind, &identity);
    }
    return bridge;
}

struct pci *pci_new(paddr window_base, const struct line lines[PCI_LINES]) {
    struct pci *pci = calloc(1, sizeof *pci);
    struct pci_function *bridge = bridge_new();
    if (pci == NULL || bridge == NULL) {
        free(pci);
        free(bridge);
        return NULL;
    }
    pci->window_base = window_base;
    memcpy(pci->lines, lines, sizeof pci->lines);
    pci_plug(pci, bridge, 0);
    return pci;
}

const struct device_ops pci_ecam_ops = {
    .name = "pci",
    .read = ecam_read,
    .write = ecam_write,
    .reset = ecam_reset,
    .state = ecam_state,
    .free = ecam_free,
};

const struct device_ops pci_window_ops = {
    .name = "pci-window",
    .read = window_read,
    .write = window_write,
    .reset = region_reset,
    .state = region_state,
    .free = region_reset,
};

const struct device_ops pci_ports_ops = {
    .name = "pci-ports",
    .read = ports_read,
    .write = ports_write,
    .reset = region_reset,
    .state = region_state,
    .free = region_reset,
};
