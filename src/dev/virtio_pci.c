/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio over PCI: one BAR with a page for each structure, which capabilities in the configuration
 * space point to. */
#include "dev/pci.h"
#include "dev/virtio.h"

#include <stdlib.h>

/** The BAR, in pages. */
enum {
    BAR_BYTES = 0x4000,
    PAGE_COMMON = 0x0000,
    PAGE_CAUSES = 0x1000, /* "ISR status" */
    PAGE_CONFIG = 0x2000,
    PAGE_NOTIFY = 0x3000,
    STRUCTURE_BYTES = 0x1000,
    NOTIFY_BYTES = 4 /* from queue to queue */
};

/** Section 4.1.4.3. */
enum common_register {
    COMMON_DEVICE_FEATURE_SELECT = 0,
    COMMON_DEVICE_FEATURE = 4,
    COMMON_DRIVER_FEATURE_SELECT = 8,
    COMMON_DRIVER_FEATURE = 12,
    COMMON_CONFIG_VECTOR = 16,
    COMMON_QUEUE_COUNT = 18,
    COMMON_STATUS = 20,
    COMMON_QUEUE_SELECT = 22,
    COMMON_QUEUE_SIZE = 24,
    COMMON_QUEUE_VECTOR = 26,
    COMMON_QUEUE_ENABLE = 28,
    COMMON_QUEUE_NOTIFY = 30,
    COMMON_QUEUE_DESCRIPTORS = 32, /* low half, high half */
    COMMON_QUEUE_AVAILABLE = 40,
    COMMON_QUEUE_USED = 48
};

/** Section 4.1.4. */
enum capability {
    CAPABILITY_COMMON = 1,
    CAPABILITY_NOTIFY = 2,
    CAPABILITY_CAUSES = 3,
    CAPABILITY_CONFIG = 4,
    CAPABILITY_ACCESS = 5 /* a way into the BAR through the configuration space */
};

enum {
    CAPABILITY_ID = 9, /* vendor specific */
    CAPABILITY_BYTES = 16,
    CAPABILITY_LONG_BYTES = 20, /* with a number behind it */
    AT_BAR = 4,
    AT_OFFSET = 8,
    AT_LENGTH = 12,
    AT_NUMBER = 16
};

enum { NO_VECTOR = 0xffff };

struct virtio_pci {
    struct pci_function function;
    struct virtio *virtio; /* owned */
    uint32_t device_feature_select;
    uint32_t driver_feature_select;
    uint16_t queue_select;
    unsigned access_at; /* of CAPABILITY_ACCESS; constant */
};

static struct virtio_pci *of(struct pci_function *function) {
    return (struct virtio_pci *)function;
}

/* -- Common structure -------------------------------------------------------------------------- */

static uint32_t queue_register_read(struct virtio_pci *pci, uint64_t offset) {
    const struct virtqueue *queue = virtio_queue(pci->virtio, pci->queue_select);
    if (queue == NULL) {
        return 0;
    }
    switch (offset) {
    case COMMON_QUEUE_SIZE:
        return queue->size;
    case COMMON_QUEUE_ENABLE:
        return queue->ready;
    case COMMON_QUEUE_NOTIFY:
        return pci->queue_select;
    case COMMON_QUEUE_DESCRIPTORS:
        return (uint32_t)queue->descriptors;
    case COMMON_QUEUE_DESCRIPTORS + 4:
        return (uint32_t)(queue->descriptors >> 32);
    case COMMON_QUEUE_AVAILABLE:
        return (uint32_t)queue->available;
    case COMMON_QUEUE_AVAILABLE + 4:
        return (uint32_t)(queue->available >> 32);
    case COMMON_QUEUE_USED:
        return (uint32_t)queue->used;
    case COMMON_QUEUE_USED + 4:
        return (uint32_t)(queue->used >> 32);
    default:
        return 0;
    }
}

static uint32_t common_read(struct virtio_pci *pci, uint64_t offset) {
    const struct virtio *virtio = pci->virtio;
    switch (offset) {
    case COMMON_DEVICE_FEATURE_SELECT:
        return pci->device_feature_select;
    case COMMON_DEVICE_FEATURE:
        return virtio_features(virtio->offered, pci->device_feature_select);
    case COMMON_DRIVER_FEATURE_SELECT:
        return pci->driver_feature_select;
    case COMMON_DRIVER_FEATURE:
        return virtio_features(virtio->accepted, pci->driver_feature_select);
    case COMMON_CONFIG_VECTOR:
    case COMMON_QUEUE_VECTOR:
        return NO_VECTOR;
    case COMMON_QUEUE_COUNT:
        return virtio->queue_count;
    case COMMON_STATUS:
        return virtio->status;
    case COMMON_QUEUE_SELECT:
        return pci->queue_select;
    default:
        return queue_register_read(pci, offset);
    }
}

static void half_write(uint64_t *whole, bool high, uint32_t value) {
    *whole =
        high ? (uint32_t)*whole | (uint64_t)value << 32 : (*whole & ~(uint64_t)UINT32_MAX) | value;
}

static void queue_register_write(struct virtio_pci *pci, uint64_t offset, uint32_t value) {
    struct virtqueue *queue = virtio_queue(pci->virtio, pci->queue_select);
    if (queue == NULL || queue->ready) {
        return;
    }
    switch (offset) {
    case COMMON_QUEUE_SIZE:
        virtqueue_set_size(queue, value);
        break;
    case COMMON_QUEUE_ENABLE:
        if (value == 1) {
            virtio_queue_enable(pci->virtio, queue);
        }
        break;
    case COMMON_QUEUE_DESCRIPTORS:
    case COMMON_QUEUE_DESCRIPTORS + 4:
        half_write(&queue->descriptors, offset != COMMON_QUEUE_DESCRIPTORS, value);
        break;
    case COMMON_QUEUE_AVAILABLE:
    case COMMON_QUEUE_AVAILABLE + 4:
        half_write(&queue->available, offset != COMMON_QUEUE_AVAILABLE, value);
        break;
    case COMMON_QUEUE_USED:
    case COMMON_QUEUE_USED + 4:
        half_write(&queue->used, offset != COMMON_QUEUE_USED, value);
        break;
    default:
        break;
    }
}

static void common_write(struct virtio_pci *pci, uint64_t offset, uint32_t value) {
    switch (offset) {
    case COMMON_DEVICE_FEATURE_SELECT:
        pci->device_feature_select = value;
        break;
    case COMMON_DRIVER_FEATURE_SELECT:
        pci->driver_feature_select = value;
        break;
    case COMMON_DRIVER_FEATURE:
        virtio_accept(pci->virtio, pci->driver_feature_select, value);
        break;
    case COMMON_STATUS:
        virtio_set_status(pci->virtio, (uint8_t)value);
        break;
    case COMMON_QUEUE_SELECT:
        pci->queue_select = (uint16_t)value;
        break;
    default:
        queue_register_write(pci, offset, value);
    }
}

/* -- The BAR ----------------------------------------------------------------------------------- */

static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset,
                         unsigned size_bytes) {
    struct virtio_pci *pci = of(function);
    uint64_t at = offset % STRUCTURE_BYTES;
    (void)bar;
    switch (offset - at) {
    case PAGE_COMMON: /* the halves of addresses may be read at once */
        return size_bytes == 8 ? common_read(pci, at) | (uint64_t)common_read(pci, at + 4) << 32
                               : common_read(pci, at) & (UINT64_MAX >> (64 - 8 * size_bytes));
    case PAGE_CAUSES:
        return at == 0 ? virtio_acknowledge(pci->virtio, UINT8_MAX) : 0;
    case PAGE_CONFIG:
        return virtio_config_read(pci->virtio, at, size_bytes);
    default:
        return 0;
    }
}

/* A function that may not touch memory gets no work to do. */
static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, uint64_t value,
                      unsigned size_bytes) {
    struct virtio_pci *pci = of(function);
    uint64_t at = offset % STRUCTURE_BYTES;
    (void)bar;
    switch (offset - at) {
    case PAGE_COMMON:
        common_write(pci, at, (uint32_t)value);
        if (size_bytes == 8) {
            common_write(pci, at + 4, (uint32_t)(value >> 32));
        }
        break;
    case PAGE_CONFIG:
        virtio_config_write(pci->virtio, at, value, size_bytes);
        break;
    case PAGE_NOTIFY:
        if (pci_function_is_master(function)) {
            virtio_notify(pci->virtio, (uint32_t)(at / NOTIFY_BYTES));
        }
        break;
    default:
        break;
    }
}

/* -- Capabilities ------------------------------------------------------------------------------ */

/** Where a capability points to. */
struct structure {
    enum capability type;
    uint32_t offset;
    uint32_t length;
};

/* Puts a capability behind the last one, which begins at @p last. @return Where it begins. */
static unsigned capability_add(struct virtio_pci *pci, unsigned last, unsigned at,
                               const struct structure *structure) {
    struct pci_function *function = &pci->function;
    bool is_long = structure->type == CAPABILITY_NOTIFY || structure->type == CAPABILITY_ACCESS;
    pci_config_put(function, last == 0 ? PCI_CAPABILITIES : last + 1, at, 1);
    pci_config_put(function, at, CAPABILITY_ID, 1);
    pci_config_put(function, at + 2, is_long ? CAPABILITY_LONG_BYTES : CAPABILITY_BYTES, 1);
    pci_config_put(function, at + 3, (uint32_t)structure->type, 1);
    pci_config_put(function, at + AT_OFFSET, structure->offset, 4);
    pci_config_put(function, at + AT_LENGTH, structure->length, 4);
    return at + (is_long ? CAPABILITY_LONG_BYTES : CAPABILITY_BYTES);
}

static void capabilities_add(struct virtio_pci *pci) {
    static const struct structure structures[] = {
        {CAPABILITY_COMMON, PAGE_COMMON, STRUCTURE_BYTES},
        {CAPABILITY_CAUSES, PAGE_CAUSES, STRUCTURE_BYTES},
        {CAPABILITY_CONFIG, PAGE_CONFIG, STRUCTURE_BYTES},
        {CAPABILITY_NOTIFY, PAGE_NOTIFY, STRUCTURE_BYTES},
        {CAPABILITY_ACCESS, 0, 0},
    };
    struct pci_function *function = &pci->function;
    unsigned last = 0;
    unsigned at = PCI_CAPABILITY_FIRST;
    for (size_t i = 0; i < COUNT(structures); i++) {
        unsigned next = capability_add(pci, last, at, &structures[i]);
        if (structures[i].type == CAPABILITY_NOTIFY) {
            pci_config_put(function, at + AT_NUMBER, NOTIFY_BYTES, 4);
        }
        last = at;
        at = next;
    }
    pci->access_at = last;
    for (unsigned i = 0; i < CAPABILITY_LONG_BYTES; i++) {
        bool guests = i == AT_BAR || i >= AT_OFFSET;
        function->writable[last + i] = guests ? UINT8_MAX : 0;
    }
    pci_config_put(function, PCI_STATUS, PCI_STATUS_CAPABILITIES, 2);
}

/* Section 4.1.4.9: what the capability names is read when its data are, and written when they
 * are. */
static bool access_meant(const struct virtio_pci *pci, unsigned offset, unsigned size_bytes,
                         uint32_t *at, uint32_t *length) {
    const struct pci_function *function = &pci->function;
    unsigned number = pci->access_at + AT_NUMBER;
    *at = pci_config_get(function, pci->access_at + AT_OFFSET, 4);
    *length = pci_config_get(function, pci->access_at + AT_LENGTH, 4);
    bool fits = *length == 1 || *length == 2 || *length == 4;
    return offset < number + 4 && number < offset + size_bytes && fits && *at % *length == 0 &&
           *at <= BAR_BYTES - *length && function->config[pci->access_at + AT_BAR] == 0;
}

static void config_read(struct pci_function *function, unsigned offset, unsigned size_bytes) {
    struct virtio_pci *pci = of(function);
    uint32_t at, length;
    if (access_meant(pci, offset, size_bytes, &at, &length)) {
        uint32_t value = (uint32_t)bar_read(function, 0, at, length);
        pci_config_put(function, pci->access_at + AT_NUMBER, value, 4);
    }
}

static void config_written(struct pci_function *function, unsigned offset, unsigned size_bytes) {
    struct virtio_pci *pci = of(function);
    uint32_t at, length;
    if (access_meant(pci, offset, size_bytes, &at, &length)) {
        uint32_t value = pci_config_get(function, pci->access_at + AT_NUMBER, (unsigned)length);
        bar_write(function, 0, at, value, length);
    }
}

/* -- Life -------------------------------------------------------------------------------------- */

static void line_changed(void *owner, unsigned number, bool level) {
    (void)number;
    pci_function_interrupt(owner, level);
}

static void virtio_pci_reset(struct pci_function *function) {
    struct virtio_pci *pci = of(function);
    pci->device_feature_select = 0;
    pci->driver_feature_select = 0;
    pci->queue_select = 0;
    virtio_reset(pci->virtio);
}

static void virtio_pci_state(struct pci_function *function, struct stream *stream) {
    struct virtio_pci *pci = (struct virtio_pci *)function;
    stream_u32(stream, &pci->device_feature_select);
    stream_u32(stream, &pci->driver_feature_select);
    stream_u16(stream, &pci->queue_select);
    virtio_state(pci->virtio, stream);
}

static void virtio_pci_free(struct pci_function *function) {
    virtio_free(of(function)->virtio);
    free(function);
}

/** Class, subclass and interface by device ID. */
static uint32_t class_of(uint16_t id) {
    switch (id) {
    case 1:
        return 0x020000; /* network, Ethernet */
    case 2:
        return 0x018000; /* mass storage, other */
    case 3:
        return 0x078000; /* communication, other */
    default:
        return 0x00ff00;
    }
}

bool pci_plug_virtio(struct pci *bus, unsigned slot, struct virtio *virtio) {
    static const struct pci_kind kind = {
        .name = "virtio-pci",
        .read = bar_read,
        .write = bar_write,
        .config_read = config_read,
        .config_written = config_written,
        .reset = virtio_pci_reset,
        .state = virtio_pci_state,
        .free = virtio_pci_free,
    };
    struct virtio_pci *pci = virtio == NULL ? NULL : calloc(1, sizeof *pci);
    if (pci == NULL) {
        virtio_free(virtio);
        return false;
    }
    pci_function_start(&pci->function, &kind,
                       &(struct pci_identity){.vendor = 0x1af4,
                                              .device = (uint16_t)(0x1040 + virtio->kind->id),
                                              .subsystem_vendor = 0x1af4,
                                              .subsystem = 0x1100,
                                              .class_code = class_of(virtio->kind->id),
                                              .revision = 1});
    pci_config_put(&pci->function, PCI_INTERRUPT_PIN, 1, 1);
    pci_function_add_bar(&pci->function, 0, BAR_BYTES);
    capabilities_add(pci);
    pci->virtio = virtio;
    virtio->line = (struct line){.set = line_changed, .owner = &pci->function};
    pci_plug(bus, &pci->function, slot);
    return true;
}
