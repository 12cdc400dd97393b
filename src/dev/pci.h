/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions on the PCI bus, as the host bridge sees them; private to dev/.
 *
 * One bus, one function a slot, memory BARs of 32 bits, interrupts by the four INTx lines.
 * @spec PCI Local Bus 3.0, chapter 6 (configuration space); PCI Express Base 4.0, 7.2.2 (ECAM) */
#ifndef DEV_PCI_H
#define DEV_PCI_H

#include "dev/dev.h"

enum { PCI_CONFIG_BYTES = 256, PCI_BARS = 6 };

/** Places in the configuration space, type 0. */
enum pci_config {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS = 0x09, /* interface, subclass, class */
    PCI_CACHE_LINE = 0x0c,
    PCI_BAR = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
    PCI_CAPABILITY_FIRST = 0x40
};

enum {
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_NO_INTX = 1 << 10,
    PCI_STATUS_INTERRUPT = 1 << 3,
    PCI_STATUS_CAPABILITIES = 1 << 4
};

struct pci_function;

/** What functions of a kind do. Constant. Each but free may be NULL. */
struct pci_kind {
    const char *name;
    /** An access to a BAR: inside it, aligned, of 1, 2, 4 or 8 bytes. */
    uint64_t (*read)(struct pci_function *function, unsigned bar, uint64_t offset,
                     unsigned size_bytes);
    void (*write)(struct pci_function *function, unsigned bar, uint64_t offset, uint64_t value,
                  unsigned size_bytes);
    /** Before a read of the configuration, and after a write to it. */
    void (*config_read)(struct pci_function *function, unsigned offset, unsigned size_bytes);
    void (*config_written)(struct pci_function *function, unsigned offset, unsigned size_bytes);
    void (*reset)(struct pci_function *function);
    void (*state)(struct pci_function *function, struct stream *stream);
    void (*free)(struct pci_function *function);
};

/** First member of each function's own struct. */
struct pci_function {
    const struct pci_kind *kind;
    struct pci *pci;
    unsigned slot;
    bool interrupts;              /* pin A, before the command register has its say */
    uint32_t bar_bytes[PCI_BARS]; /* a power of two from 16 on; 0: there is none */
    uint8_t config[PCI_CONFIG_BYTES];
    uint8_t writable[PCI_CONFIG_BYTES]; /* bits that the guest may change */
};

/** What a function says of itself. */
struct pci_identity {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code; /* class, subclass, interface: 24 bits */
    uint8_t revision;
};

/** For constructors: identity, and what every function lets the guest write. */
void pci_function_start(struct pci_function *function, const struct pci_kind *kind,
                        const struct pci_identity *identity);
/** A memory BAR of 32 bits. @param size_bytes  A power of two, at least 4096. */
void pci_function_add_bar(struct pci_function *function, unsigned bar, uint32_t size_bytes);
/** Pin A: it has one, and drives it so. */
void pci_function_interrupt(struct pci_function *function, bool level);
/** May the function read and write memory by itself? */
bool pci_function_is_master(const struct pci_function *function);
/** Little-endian numbers in the configuration. @param size_bytes  1 to 4 */
void pci_config_put(struct pci_function *function, unsigned offset, uint32_t value,
                    unsigned size_bytes);
uint32_t pci_config_get(const struct pci_function *function, unsigned offset, unsigned size_bytes);

/** Puts a function into an empty slot, [0, PCI_SLOTS). It belongs to the bus from now on. */
void pci_plug(struct pci *pci, struct pci_function *function, unsigned slot);

#endif
