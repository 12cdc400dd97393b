/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the virtio devices are plugged in.
 *
 * On PCI each device has its own slot, whatever else there is, so that a guest finds it under the
 * same name when another one comes or goes. On MMIO there are eight places, filled in the order of
 * the options. */
#include "machine/machine.h"

/** Slots of the PCI bus; the bridge has the first. */
enum slot {
    SLOT_RNG = 1,
    SLOT_NET = 2,
    SLOT_CONSOLE = 3,
    SLOT_DRIVES = 8,
    SLOT_SHARES = SLOT_DRIVES + DRIVES_MAX
};

static const struct region ecam_place = {
    .base = BOARD_PCI_ECAM_BASE,
    .size_bytes = PCI_ECAM_SIZE_BYTES,
    .width_min = 1,
    .width_max = 4,
    .ops = &pci_ecam_ops,
};
static const struct region window_place = {
    .base = BOARD_PCI_WINDOW_BASE,
    .size_bytes = BOARD_PCI_WINDOW_BYTES,
    .width_min = 1,
    .width_max = 8,
    .ops = &pci_window_ops,
};
static const struct region ports_place = {
    .base = BOARD_PCI_PORTS_BASE,
    .size_bytes = BOARD_PCI_PORTS_BYTES,
    .width_min = 1,
    .width_max = 4,
    .ops = &pci_ports_ops,
};

/** Places that are being filled. */
struct slots {
    struct machine *machine;
    struct pci *pci;
    struct virtio *mmio[BOARD_VIRTIO_COUNT];
    unsigned mmio_count;
};

static struct pci *pci_make(struct machine *machine, void *plic) {
    struct line lines[PCI_LINES];
    for (unsigned i = 0; i < PCI_LINES; i++) {
        lines[i] = plic_source(plic, BOARD_PCI_IRQ + i);
    }
    struct pci *pci = pci_new(BOARD_PCI_WINDOW_BASE, lines);
    if (!board_map(machine, &ecam_place, pci)) {
        return NULL;
    }
    bool done = board_map(machine, &window_place, pci);
    return board_map(machine, &ports_place, pci) && done ? pci : NULL;
}

/* The device is given away here, or freed. */
static enum status slot_take(struct slots *slots, enum transport transport, unsigned pci_slot,
                             struct virtio *virtio, struct error *error) {
    if (transport == TRANSPORT_PCI) {
        return pci_plug_virtio(slots->pci, pci_slot, virtio) ? STATUS_OK : out_of_memory(error);
    }
    if (virtio == NULL) {
        return out_of_memory(error);
    }
    if (slots->mmio_count == BOARD_VIRTIO_COUNT) {
        virtio_free(virtio);
        return error_set(error, STATUS_USAGE,
                         "bus=mmio: the board has places for %d devices; put the others on bus=pci",
                         BOARD_VIRTIO_COUNT);
    }
    slots->mmio[slots->mmio_count++] = virtio;
    return STATUS_OK;
}

static enum status drives_plug(struct slots *slots, struct error *error) {
    struct machine *machine = slots->machine;
    const struct machine_options *options = &machine->options;
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < options->drive_count && status == STATUS_OK; i++) {
        const struct drive *drive = &options->drives[i];
        struct virtio *virtio = virtio_blk_new(
            &machine->bus.ram, &machine->sched,
            &(struct virtio_blk_options){
                .disk = drive->disk, .latency_ns = drive->latency_ns, .serial = drive->serial});
        status = slot_take(slots, drive->transport, SLOT_DRIVES + i, virtio, error);
    }
    return status;
}

static enum status rng_plug(struct slots *slots, struct error *error) {
    struct machine *machine = slots->machine;
    struct virtio *rng = virtio_rng_new(&machine->bus.ram, machine->options.seed);
    return slot_take(slots, TRANSPORT_PCI, SLOT_RNG, rng, error);
}

static enum status net_plug(struct slots *slots, struct error *error) {
    struct machine *machine = slots->machine;
    const struct machine_options *options = &machine->options;
    if (options->net == NULL) {
        return STATUS_OK;
    }
    struct inlet inlet = {
        .ops = &net_endpoint,
        .endpoint = options->net,
        .room = virtio_net_room,
        .deliver = virtio_net_deliver,
        .device = virtio_net_new(&machine->bus.ram, options->net, options->net_mac),
    };
    enum status status = slot_take(slots, options->net_transport, SLOT_NET, inlet.device, error);
    if (status == STATUS_OK) {
        inlet_add(machine, &inlet);
    }
    return status;
}

static enum status virtconsoles_plug(struct slots *slots, struct error *error) {
    struct machine *machine = slots->machine;
    const struct machine_options *options = &machine->options;
    if (options->virtconsole_count == 0) {
        return STATUS_OK;
    }
    struct virtio *virtio =
        virtio_console_new(&machine->bus.ram, options->virtconsoles, options->virtconsole_count);
    enum status status = slot_take(slots, TRANSPORT_PCI, SLOT_CONSOLE, virtio, error);
    for (unsigned i = 0; i < options->virtconsole_count && status == STATUS_OK; i++) {
        inlet_add(machine, &(struct inlet){
                               .ops = &console_endpoint,
                               .endpoint = options->virtconsoles[i],
                               .room = virtio_port_room,
                               .deliver = virtio_port_deliver,
                               .device = virtio_console_port(virtio, i),
                           });
    }
    return status;
}

static enum status shares_plug(struct slots *slots, struct error *error) {
    const struct machine_options *options = &slots->machine->options;
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < options->share_count && status == STATUS_OK; i++) {
        const struct shared_folder *folder = &options->shares[i];
        struct virtio *virtio = virtio_9p_new(&slots->machine->bus.ram, &slots->machine->sched,
                                              folder->share, folder->tag);
        status = slot_take(slots, folder->transport, SLOT_SHARES + i, virtio, error);
    }
    return status;
}

static enum status devices_plug(struct slots *slots, struct error *error) {
    typedef enum status plug_fn(struct slots * slots, struct error * error);
    static plug_fn *const plugs[] = {rng_plug, net_plug, virtconsoles_plug, drives_plug,
                                     shares_plug};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < COUNT(plugs) && status == STATUS_OK; i++) {
        status = plugs[i](slots, error);
    }
    return status;
}

/** All eight, with devices or without; those of places that could not be made are freed. */
static enum status mmio_map(struct slots *slots, void *plic, struct error *error) {
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < BOARD_VIRTIO_COUNT; i++) {
        struct region place = {
            .base = BOARD_VIRTIO_BASE + (paddr)i * BOARD_VIRTIO_STRIDE,
            .size_bytes = VIRTIO_MMIO_SIZE_BYTES,
            .width_min = 1,
            .width_max = 8,
            .ops = &virtio_mmio_ops,
        };
        struct line line = plic_source(plic, BOARD_VIRTIO_IRQ + i);
        if (!board_map(slots->machine, &place, virtio_mmio_new(line, slots->mmio[i]))) {
            status = out_of_memory(error);
        }
    }
    return status;
}

enum status slots_fill(struct machine *machine, void *plic, struct error *error) {
    struct slots slots = {.machine = machine, .pci = pci_make(machine, plic)};
    if (slots.pci == NULL) {
        return out_of_memory(error);
    }
    enum status status = devices_plug(&slots, error);
    enum status mapped = mmio_map(&slots, plic, error);
    return status == STATUS_OK ? mapped : status;
}
