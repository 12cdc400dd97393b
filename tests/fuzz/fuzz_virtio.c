/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio driver that means harm, to each device over each transport: it breaks nothing but its
 * own device, and a reset mends that.
 *
 * The first byte chooses device and transport. Then come deeds, a byte each and what it needs: raw
 * accesses to registers, to configuration space and to RAM, but also a whole start, well-formed
 * chains and requests, so that the rings are alive when they are attacked. Time passes, input comes
 * in, the machine is reset. Each script runs twice on machines of their own, which must end alike.
 *
 * Buffers may lie upon the rings and upon each other, so devices change what they are reading. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "dev/dev.h"
#include "dev/virtio.h"

#define RAM_BASE ((paddr)0x80000000)
#define MMIO_BASE ((paddr)0x10001000)
#define ECAM_BASE ((paddr)0x30000000)
#define WINDOW_BASE ((paddr)0x40000000)
enum {
    RAM_BYTES = 1 << 18,
    WINDOW_BYTES = 1 << 20,
    SLOT = 1,
    SLOT_BYTES = 1 << 15,
    QUEUE_STRIDE = 0x3000, /* from queue to queue: descriptors, available, used */
    AT_AVAILABLE = 0x1000,
    AT_USED = 0x2000,
    AT_BUFFERS = 0x28000,
    BUFFERS = 24,
    BUFFER_BYTES = 0x1000,
    STEP_NS = 8,
    LATENCY_NS = 20000,
    DISK_BYTES = 1 << 20,
    PORTS = 2,
    DEEDS_MAX = 2000
};

enum kind { RNG, BLK, NET, CONSOLE, P9, KINDS };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_virtio: %s\n", what);
        abort();
    }
}

/* -- What the devices are made of: opened once, put back to the start before each run --------- */

struct outside {
    struct disk *disk;
    struct net *net;
    struct console *consoles[PORTS];
    struct share *share;
};

/* A file that a chain can feed itself with: the next index of the ring, the next offset. */
static void feed_write(const char *folder) {
    enum { RECORDS = 1 << 16, RECORD_BYTES = 10 };
    char path[80];
    snprintf(path, sizeof path, "%s/f", folder);
    FILE *file = fopen(path, "w");
    demand(file != NULL, "cannot make a file");
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint16_t idx = (uint16_t)(i + 2);
        uint64_t next = (i + 1) % RECORDS * RECORD_BYTES;
        demand(fwrite(&idx, sizeof idx, 1, file) == 1 && fwrite(&next, sizeof next, 1, file) == 1,
               "cannot fill a file");
    }
    demand(fclose(file) == 0, "cannot fill a file");
}

static char outside_folder[] = "/dev/shm/fuzz_virtio.XXXXXX";

/* The share needs its folder's files to the end. */
static void outside_remove(void) {
    char path[80];
    snprintf(path, sizeof path, "%s/f", outside_folder);
    unlink(path);
    rmdir(outside_folder);
}

static void outside_open(struct outside *outside) {
    struct error error = {0};
    char path[80];
    demand(mkdtemp(outside_folder) != NULL, "cannot make a folder");
    atexit(outside_remove);
    snprintf(path, sizeof path, "%s/disk", outside_folder);
    int descriptor = open(path, O_RDWR | O_CREAT, 0600);
    demand(descriptor >= 0 && ftruncate(descriptor, DISK_BYTES) == 0, "cannot make a disk");
    close(descriptor);
    outside->disk = disk_open(&(struct disk_options){.path = path, .persist = true}, &error);
    demand(outside->disk != NULL, error.text);
    unlink(path);
    outside->net = net_open(NULL, &error);
    demand(outside->net != NULL, error.text);
    for (unsigned i = 0; i < PORTS; i++) {
        outside->consoles[i] = console_open("null", &error);
        demand(outside->consoles[i] != NULL, error.text);
    }
    feed_write(outside_folder);
    outside->share = share_open(&(struct share_options){.path = outside_folder}, &error);
    demand(outside->share != NULL, error.text);
}

/* -- A machine -------------------------------------------------------------------------------- */

struct machine {
    enum kind kind;
    bool pci;
    struct bus bus;
    struct sched sched;
    struct virtio *virtio; /* owned by its transport */
    bool line;
    uint64_t steps;
    uint16_t available[VIRTIO_QUEUES_MAX]; /* what the driver has announced */
    bool was_broken;                       /* before the present deed */
    uint64_t given_before;
};

static void line_note(void *owner, unsigned number, bool level) {
    struct machine *machine = owner;
    machine->line = number == SLOT % PCI_LINES ? level : machine->line;
}

static struct virtio *device_new(struct machine *machine, struct outside *outside) {
    struct ram *ram = &machine->bus.ram;
    static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};
    switch (machine->kind) {
    case RNG:
        return virtio_rng_new(ram, 1);
    case BLK:
        return virtio_blk_new(ram, &machine->sched,
                              &(struct virtio_blk_options){.disk = outside->disk,
                                                           .latency_ns = LATENCY_NS,
                                                           .serial = "serial"});
    case NET:
        return virtio_net_new(ram, outside->net, mac);
    case CONSOLE:
        return virtio_console_new(ram, outside->consoles, PORTS);
    default:
        return virtio_9p_new(ram, &machine->sched, outside->share, "tag");
    }
}

static void region_map(struct machine *machine, paddr base, const struct device_ops *ops,
                       void *device) {
    struct region region = {
        .base = base,
        .size_bytes = ops == &virtio_mmio_ops ? VIRTIO_MMIO_SIZE_BYTES
                      : ops == &pci_ecam_ops  ? PCI_ECAM_SIZE_BYTES
                                              : WINDOW_BYTES,
        .width_min = 1,
        .width_max = ops == &pci_ecam_ops ? 4 : 8,
        .ops = ops,
        .device = device,
    };
    demand(device != NULL && bus_map(&machine->bus, &region), "cannot map a device");
}

static void machine_make(struct machine *machine, struct outside *outside) {
    struct rate rate = rate_from_shift(3);
    struct sched_options timing = {
        .vcpu_count = 1, .rates = &rate, .quantum_ns = 100000, .tick_ns = 100, .kind_count = 1};
    demand(bus_init(&machine->bus, RAM_BASE, RAM_BYTES, NULL) == STATUS_OK &&
               sched_init(&machine->sched, &timing),
           "out of memory");
    sched_next(&machine->sched);
    machine->virtio = device_new(machine, outside);
    demand(machine->virtio != NULL, "out of memory");
    struct line line = {.set = line_note, .owner = machine, .number = SLOT % PCI_LINES};
    if (!machine->pci) {
        region_map(machine, MMIO_BASE, &virtio_mmio_ops, virtio_mmio_new(line, machine->virtio));
    } else {
        struct line lines[PCI_LINES];
        for (unsigned i = 0; i < PCI_LINES; i++) {
            lines[i] = (struct line){.set = line_note, .owner = machine, .number = i};
        }
        struct pci *pci = pci_new(WINDOW_BASE, lines);
        region_map(machine, ECAM_BASE, &pci_ecam_ops, pci);
        region_map(machine, WINDOW_BASE, &pci_window_ops, pci);
        demand(pci_plug_virtio(pci, SLOT, machine->virtio), "out of memory");
    }
    bus_reset(&machine->bus);
}

static void machine_drop(struct machine *machine) {
    bus_free(&machine->bus);
    sched_free(&machine->sched);
}

/* As the run loop does it, with a hart that only waits. */
static void time_pass(struct machine *machine, uint64_t steps) {
    struct clock *clock = &machine->sched.vcpus[0].clock;
    for (uint64_t end = clock->steps + steps; clock->steps < end;) {
        struct turn turn = sched_next(&machine->sched);
        if (turn.kind == TURN_RUN) {
            clock->steps += min_u64(turn.budget_steps, end - clock->steps);
        }
    }
    while (sched_next(&machine->sched).kind != TURN_RUN) {
    }
}

/* -- The driver's words ----------------------------------------------------------------------- */

static void out(struct machine *machine, paddr at, uint64_t value, unsigned size_bytes) {
    bus_write(&machine->bus, at, size_bytes, value);
}

static uint64_t in(struct machine *machine, paddr at, unsigned size_bytes) {
    uint64_t value = 0;
    return bus_read(&machine->bus, at, size_bytes, &value) ? value : 0;
}

static void poke(struct machine *machine, paddr at, uint64_t value, unsigned size_bytes) {
    ram_write(&machine->bus.ram, at, &value, size_bytes);
}

static uint64_t peek(const struct machine *machine, paddr at, unsigned size_bytes) {
    uint64_t value = 0;
    ram_read(&machine->bus.ram, at, &value, size_bytes);
    return value;
}

static paddr ring(unsigned queue, unsigned at) {
    return RAM_BASE + queue % VIRTIO_QUEUES_MAX * QUEUE_STRIDE + at;
}

static paddr buffer(unsigned idx) {
    return RAM_BASE + AT_BUFFERS + idx % BUFFERS * BUFFER_BYTES;
}

static paddr ecam_at(unsigned offset) {
    return ECAM_BASE + SLOT * SLOT_BYTES + offset;
}

/** Registers that both transports have, where each has them. */
enum reg { FEATURES_SELECT, FEATURES, STATUS, QUEUE, SIZE, DESCRIPTORS, AVAILABLE, USED, ENABLE };

static void reg_put(struct machine *machine, enum reg reg, uint64_t value) {
    static const struct {
        uint16_t mmio, pci;
        uint8_t size_bytes; /* over PCI; over MMIO it is 4, twice for 8 */
    } places[] = {
        {0x24, 8, 4},  {0x20, 12, 4}, {0x70, 20, 1}, {0x30, 22, 2}, {0x38, 24, 2},
        {0x80, 32, 8}, {0x90, 40, 8}, {0xa0, 48, 8}, {0x44, 28, 2},
    };
    if (machine->pci) {
        out(machine, WINDOW_BASE + places[reg].pci, value, places[reg].size_bytes);
        return;
    }
    out(machine, MMIO_BASE + places[reg].mmio, (uint32_t)value, 4);
    if (places[reg].size_bytes == 8) {
        out(machine, MMIO_BASE + places[reg].mmio + 4, value >> 32, 4);
    }
}

static void notify(struct machine *machine, unsigned queue) {
    paddr at = machine->pci ? WINDOW_BASE + 0x3000 + 4 * (paddr)queue : MMIO_BASE + 0x50;
    out(machine, at, queue, machine->pci ? 2 : 4);
}

static void queue_start(struct machine *machine, unsigned queue, unsigned size) {
    static const uint8_t zeros[QUEUE_STRIDE];
    ram_write(&machine->bus.ram, ring(queue, 0), zeros, sizeof zeros);
    reg_put(machine, QUEUE, queue);
    reg_put(machine, SIZE, size);
    reg_put(machine, DESCRIPTORS, ring(queue, 0));
    reg_put(machine, AVAILABLE, ring(queue, AT_AVAILABLE));
    reg_put(machine, USED, ring(queue, AT_USED));
    reg_put(machine, ENABLE, 1);
    machine->available[queue] = 0;
}

/** From whatever there was to a device that works (section 3.1). */
static void device_start(struct machine *machine, uint64_t features, unsigned size) {
    if (machine->pci) {
        out(machine, ecam_at(0x10), WINDOW_BASE, 4);
        out(machine, ecam_at(0x04), 6, 2);
    }
    features &= machine->virtio->offered;
    reg_put(machine, STATUS, 0);
    machine->was_broken = false;
    reg_put(machine, STATUS, 3);
    for (unsigned half = 0; half < 2; half++) {
        reg_put(machine, FEATURES_SELECT, half);
        reg_put(machine, FEATURES, (uint32_t)((features | VIRTIO_VERSION_1) >> 32 * half));
    }
    reg_put(machine, STATUS, 11);
    for (unsigned queue = 0; queue < machine->virtio->queue_count; queue++) {
        queue_start(machine, queue, size);
    }
    reg_put(machine, STATUS, 15);
}

static void descriptor_put(struct machine *machine, paddr at, const struct virtio_part *part,
                           unsigned flags, unsigned next) {
    poke(machine, at, part->address, 8);
    poke(machine, at + 8, part->size_bytes, 4);
    poke(machine, at + 12, flags, 2);
    poke(machine, at + 14, next, 2);
}

static void announce(struct machine *machine, unsigned queue, unsigned head) {
    queue %= machine->virtio->queue_count;
    unsigned size = machine->virtio->queues[queue].size;
    paddr at = ring(queue, AT_AVAILABLE);
    poke(machine, at + 4 + 2 * (machine->available[queue] % size), head, 2);
    machine->available[queue]++;
    poke(machine, at + 2, machine->available[queue], 2);
}

/* -- What must hold after every deed ---------------------------------------------------------- */

static bool is_broken(const struct machine *machine) {
    return (machine->virtio->status & VIRTIO_NEEDS_RESET) != 0;
}

static uint64_t given_sum(const struct machine *machine) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < machine->virtio->queue_count; i++) {
        sum += machine->virtio->queues[i].given;
    }
    return sum;
}

static void deed_begins(struct machine *machine) {
    machine->was_broken = is_broken(machine);
    machine->given_before = given_sum(machine);
}

static void deed_check(struct machine *machine) {
    const struct virtio *virtio = machine->virtio;
    for (unsigned i = 0; i < virtio->queue_count; i++) {
        const struct virtqueue *queue = &virtio->queues[i];
        uint16_t under_way = (uint16_t)(queue->taken - queue->given);
        demand(!queue->ready || under_way <= queue->size + 1, "gives more than it has taken");
        demand(queue->size > 0 && queue->size <= VIRTIO_QUEUE_SIZE_MAX, "size that cannot be");
    }
    demand(!machine->was_broken || !is_broken(machine) ||
               given_sum(machine) <= machine->given_before,
           "a broken device goes on");
    bool masked = machine->pci && (in(machine, ecam_at(4), 2) & 1 << 10) != 0;
    demand(machine->line == (virtio->causes != 0 && !masked), "line and causes disagree");
}

/* -- Scripts ---------------------------------------------------------------------------------- */

struct script {
    const uint8_t *at, *end;
};

static uint64_t take(struct script *script, unsigned size_bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes && script->at < script->end; i++) {
        value |= (uint64_t)*script->at++ << 8 * i;
    }
    return value;
}

static unsigned take_width(struct script *script) {
    return 1u << take(script, 1) % 4;
}

/** Mostly buffers and rings, and the edges of everything. */
static paddr take_address(struct script *script) {
    unsigned code = (unsigned)take(script, 2);
    unsigned low = code & 0xfff;
    switch (code >> 12) {
    case 8:
        return ring(0, low);
    case 9:
        return ring(0, AT_AVAILABLE + low % 16);
    case 10:
        return ring(0, AT_USED + low % 64);
    case 11:
        return ring(low >> 8, low & 0xff);
    case 12:
        return RAM_BASE + RAM_BYTES - low;
    case 13:
        return RAM_BASE - low;
    case 14:
        return MMIO_BASE + low;
    case 15:
        return UINT64_MAX - low;
    default:
        return buffer(code >> 12) + low;
    }
}

static uint32_t take_size(struct script *script) {
    static const uint32_t telling[] = {0, 1, 16, 512, 4096, 1 << 20, INT32_MAX, UINT32_MAX};
    unsigned code = (unsigned)take(script, 2);
    return code < 0x8000 ? code % 0x2000 : telling[code % COUNT(telling)];
}

/** A chain of its own: so many readable parts, so many writable ones, announced. */
static void do_chain(struct machine *machine, struct script *script) {
    unsigned queue = (unsigned)take(script, 1) % machine->virtio->queue_count;
    unsigned shape = (unsigned)take(script, 1);
    unsigned first = (unsigned)take(script, 1);
    unsigned readable = shape & 7, count = readable + (shape >> 3 & 7);
    bool indirect = (shape & 0x40) != 0;
    unsigned size = machine->virtio->queues[queue].size;
    paddr table = indirect ? buffer(BUFFERS - 1) : ring(queue, 0);
    for (unsigned i = 0; i < count; i++) {
        struct virtio_part part = {.address = take_address(script)};
        part.size_bytes = take_size(script);
        unsigned idx = indirect ? i : (first + i) % size;
        unsigned flags = (i >= readable ? 2u : 0u) | (i + 1 < count ? 1u : 0u);
        descriptor_put(machine, table + 16 * idx, &part, flags,
                       indirect ? i + 1 : (idx + 1) % size);
    }
    if (indirect) {
        struct virtio_part part = {.address = table, .size_bytes = 16 * count};
        descriptor_put(machine, ring(queue, 16 * (first % size)), &part, 4, 0);
    }
    announce(machine, queue, first % size);
    if ((shape & 0x80) != 0) {
        notify(machine, queue);
    }
}

static void do_bytes(struct machine *machine, struct script *script) {
    paddr at = take_address(script);
    unsigned count = (unsigned)take(script, 1);
    for (unsigned i = 0; i < count; i++) {
        poke(machine, at + i, take(script, 1), 1);
    }
}

static void do_descriptor(struct machine *machine, struct script *script) {
    unsigned queue = (unsigned)take(script, 1);
    unsigned idx = (unsigned)take(script, 1);
    struct virtio_part part = {.address = take_address(script)};
    part.size_bytes = take_size(script);
    unsigned flags = (unsigned)take(script, 1);
    descriptor_put(machine, ring(queue % machine->virtio->queue_count, 16 * idx), &part, flags,
                   (unsigned)take(script, 1));
}

static void do_register(struct machine *machine, struct script *script) {
    unsigned code = (unsigned)take(script, 2);
    unsigned width = take_width(script);
    paddr at = (machine->pci ? WINDOW_BASE : MMIO_BASE) + (code & 0x3fff) / width * width;
    if ((code & 0x8000) != 0) {
        in(machine, at, width);
    } else {
        out(machine, at, take(script, width), width);
    }
}

static void do_config(struct machine *machine, struct script *script) {
    unsigned code = (unsigned)take(script, 2);
    unsigned width = take_width(script) % 8;
    paddr at = machine->pci ? ecam_at(code & 0xff) : MMIO_BASE + 0x100 + (code & 0xff);
    width = width == 0 ? 4 : width;
    at -= at % width;
    if ((code & 0x8000) != 0) {
        in(machine, at, width);
    } else {
        out(machine, at, take(script, width), width);
    }
}

/* As the gate does it: never more than there is room for. */
static void do_deliver(struct machine *machine, struct script *script) {
    static const uint8_t bytes[FRAME_BYTES_MAX];
    size_t want_bytes = take(script, 2) % sizeof bytes + 1;
    unsigned port = (unsigned)take(script, 1) % PORTS;
    if (machine->kind == NET) {
        size_t room_bytes = virtio_net_room(machine->virtio);
        if (room_bytes >= want_bytes) {
            virtio_net_deliver(machine->virtio, bytes, want_bytes);
        }
    } else if (machine->kind == CONSOLE) {
        struct virtio_port *to = virtio_console_port(machine->virtio, port);
        size_t room_bytes = virtio_port_room(to);
        if (room_bytes > 0) {
            virtio_port_deliver(to, bytes, min_u64(room_bytes, want_bytes));
        }
    }
}

static void do_start(struct machine *machine, struct script *script) {
    unsigned code = (unsigned)take(script, 1);
    uint64_t features = ((code & 1) != 0 ? VIRTIO_INDIRECT : 0) |
                        ((code & 2) != 0 ? VIRTIO_EVENT_IDX : 0) | ((code & 4) != 0 ? 0xffffff : 0);
    device_start(machine, features, 1u << (code >> 4) % 9);
}

static void do_index(struct machine *machine, struct script *script) {
    unsigned queue = (unsigned)take(script, 1) % machine->virtio->queue_count;
    machine->available[queue] = (uint16_t)(machine->available[queue] + (int8_t)take(script, 1));
    poke(machine, ring(queue, AT_AVAILABLE + 2), machine->available[queue], 2);
}

static void deed_do(struct machine *machine, struct script *script) {
    unsigned width;
    switch (take(script, 1) % 14) {
    case 0:
        do_start(machine, script);
        break;
    case 1:
    case 2:
        do_register(machine, script);
        break;
    case 3:
        width = take_width(script);
        poke(machine, RAM_BASE + take(script, 3) % RAM_BYTES, take(script, width), width);
        break;
    case 4:
        do_descriptor(machine, script);
        break;
    case 5:
        announce(machine, (unsigned)take(script, 1), (unsigned)take(script, 1));
        break;
    case 6:
        notify(machine, (unsigned)take(script, 1));
        break;
    case 7:
        time_pass(machine, take(script, 2) % 0x2000);
        break;
    case 8:
        do_deliver(machine, script);
        break;
    case 9:
        do_config(machine, script);
        break;
    case 10:
        bus_reset(&machine->bus);
        break;
    case 11:
        do_bytes(machine, script);
        break;
    case 12:
        do_chain(machine, script);
        break;
    default:
        do_index(machine, script);
    }
}

/* -- Afterwards ------------------------------------------------------------------------------- */

/* One request that every driver makes: whatever came before, it is answered. */
static void device_prove(struct machine *machine) {
    static const uint8_t version[] = {21, 0, 0,   0,   100, 0,   0,   0,   32,  0,  0,
                                      8,  0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
    static const struct {
        unsigned queue;
        uint32_t readable_bytes, writable_bytes, used_bytes;
    } requests[] = {[RNG] = {0, 0, 64, 64},
                    [BLK] = {0, 16, 513, 513},
                    [NET] = {1, 100, 0, 0},
                    [CONSOLE] = {1, 5, 0, 0},
                    [P9] = {0, sizeof version, 100, sizeof version}};
    unsigned queue = requests[machine->kind].queue;
    uint32_t readable = requests[machine->kind].readable_bytes;
    device_start(machine, 0, 8);
    for (unsigned i = 0; i < readable; i++) {
        poke(machine, buffer(0) + i, machine->kind == P9 ? version[i] : 0, 1);
    }
    struct virtio_part from = {buffer(0), readable};
    struct virtio_part to = {buffer(1), requests[machine->kind].writable_bytes};
    bool both = readable > 0 && to.size_bytes > 0;
    if (readable > 0) {
        descriptor_put(machine, ring(queue, 0), &from, both ? 1 : 0, 1);
    }
    if (to.size_bytes > 0) {
        descriptor_put(machine, ring(queue, both ? 16 : 0), &to, 2, 0);
    }
    announce(machine, queue, 0);
    notify(machine, queue);
    time_pass(machine, LATENCY_NS / STEP_NS + 1);
    demand(!is_broken(machine), "a reset does not mend the device");
    demand(peek(machine, ring(queue, AT_USED + 2), 2) == 1, "no answer after a reset");
    demand(peek(machine, ring(queue, AT_USED + 8), 4) == requests[machine->kind].used_bytes,
           "another answer after a reset");
    demand(machine->line, "no interrupt after a reset");
}

static void digest_put(void *owner, const void *bytes, size_t size_bytes) {
    XXH3_64bits_update(owner, bytes, size_bytes);
}

/** Of state and RAM. */
static uint64_t machine_digest(const struct machine *machine) {
    XXH3_state_t *digest = XXH3_createState();
    demand(digest != NULL && XXH3_64bits_reset(digest) == XXH_OK, "out of memory");
    virtio_state(machine->virtio, &(struct stream){.put = digest_put, .owner = digest});
    XXH3_64bits_update(digest, ram_at(&machine->bus.ram, RAM_BASE), RAM_BYTES);
    uint64_t value = XXH3_64bits_digest(digest);
    XXH3_freeState(digest);
    return value;
}

static uint64_t run(struct outside *outside, const uint8_t *bytes, size_t size_bytes) {
    struct machine machine = {.kind = (enum kind)((bytes[0] & 0x7f) % KINDS),
                              .pci = (bytes[0] & 0x80) != 0};
    struct script script = {bytes + 1, bytes + size_bytes};
    demand(machine.kind != BLK || disk_zero(outside->disk, 0, DISK_BYTES), "the disk fails");
    machine_make(&machine, outside);
    for (unsigned i = 0; i < DEEDS_MAX && script.at < script.end; i++) {
        deed_begins(&machine);
        deed_do(&machine, &script);
        deed_check(&machine);
    }
    uint64_t digest = machine_digest(&machine);
    device_prove(&machine);
    machine_drop(&machine);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    static struct outside outside;
    if (outside.disk == NULL) {
        outside_open(&outside);
    }
    if (size_bytes > 0) {
        uint64_t first = run(&outside, bytes, size_bytes);
        demand(run(&outside, bytes, size_bytes) == first, "another end the second time");
    }
    return 0;
}
