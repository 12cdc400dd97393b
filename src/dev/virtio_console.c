/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Consoles for the guest: hvc0 and the others on Linux.
 *
 * Each port has a queue for each direction. A driver that knows of one port only (without the
 * feature MULTIPORT) gets port 0. Others are told of the ports by messages on a pair of control
 * queues: that a port exists, that it is a console, that it is open. What is still to be told of a
 * port is a set of bits, so that it needs no memory while the driver has no buffers for it. */
#include "dev/virtio.h"

#include <stdlib.h>
#include <string.h>

enum { DEVICE_ID = 3, CONFIG_BYTES = 12, PIECE_BYTES = 4096, WRITE_BYTES_MAX = 1 << 20 };

/** Section 5.3.3. */
enum feature { FEATURE_MULTIPORT = 1 << 1, FEATURE_EMERGENCY_WRITE = 1 << 2 };

/** Section 5.3.4. */
enum config { CONFIG_PORTS_MAX = 4, CONFIG_EMERGENCY = 8 };

/** Section 5.3.2: the first port's queues, the control queues, the other ports'. */
enum { QUEUE_CONTROL_IN = 2, QUEUE_CONTROL_OUT = 3 };

/** Section 5.3.6.2. */
enum event {
    EVENT_DEVICE_READY = 0,
    EVENT_PORT_ADD = 1,
    EVENT_PORT_READY = 3,
    EVENT_CONSOLE_PORT = 4,
    EVENT_PORT_OPEN = 6
};

/** A message on the control queues, little-endian. */
struct control {
    uint32_t port;
    uint16_t event;
    uint16_t value;
};

/** What is still to be told of a port, in this order. */
enum { TELL_ADD = 1, TELL_CONSOLE = 2, TELL_OPEN = 4 };

struct virtio_console {
    struct virtio virtio;
    unsigned port_count;
    uint8_t tell[VIRTIO_CONSOLE_PORTS_MAX];
    struct virtio_port ports[VIRTIO_CONSOLE_PORTS_MAX];
};

static unsigned queue_in(unsigned port) {
    return port == 0 ? 0 : 2 + 2 * port;
}

static unsigned queue_out(unsigned port) {
    return queue_in(port) + 1;
}

static struct virtio_console *of(struct virtio *virtio) {
    return (struct virtio_console *)virtio;
}

/* -- Control ----------------------------------------------------------------------------------- */

/** The first thing to tell of a port. Requires: there is one. */
static enum event tell_first(uint8_t *tell) {
    static const struct {
        uint8_t bit;
        enum event event;
    } order[] = {{TELL_ADD, EVENT_PORT_ADD},
                 {TELL_CONSOLE, EVENT_CONSOLE_PORT},
                 {TELL_OPEN, EVENT_PORT_OPEN}};
    unsigned idx = 0;
    while ((*tell & order[idx].bit) == 0) {
        idx++;
    }
    *tell &= (uint8_t)~order[idx].bit;
    return order[idx].event;
}

/* As much as the driver has buffers for; what is left waits for the next ones. */
static void ports_tell(struct virtio_console *console) {
    struct virtio *virtio = &console->virtio;
    struct chain chain;
    for (unsigned port = 0; port < console->port_count; port++) {
        while (console->tell[port] != 0 && virtqueue_take(virtio, QUEUE_CONTROL_IN, &chain)) {
            struct control control = {.port = port, .value = 1};
            control.event = (uint16_t)tell_first(&console->tell[port]);
            size_t done = chain_write(virtio, &chain, 0, &control, sizeof control);
            virtqueue_give(virtio, QUEUE_CONTROL_IN, chain.head, (uint32_t)done);
        }
    }
}

static void control_take(struct virtio_console *console, const struct control *control) {
    if (control->event == EVENT_DEVICE_READY && control->value == 1) {
        memset(console->tell, TELL_ADD, console->port_count);
    } else if (control->event == EVENT_PORT_READY && control->value == 1 &&
               control->port < console->port_count) {
        console->tell[control->port] |= TELL_CONSOLE | TELL_OPEN;
    }
}

static void control_notified(struct virtio_console *console) {
    struct virtio *virtio = &console->virtio;
    struct chain chain;
    while (virtqueue_take(virtio, QUEUE_CONTROL_OUT, &chain)) {
        struct control control;
        if (chain_read(virtio, &chain, 0, &control, sizeof control) == sizeof control) {
            control_take(console, &control);
        }
        virtqueue_give(virtio, QUEUE_CONTROL_OUT, chain.head, 0);
    }
}

/* -- Ports ------------------------------------------------------------------------------------- */

/* No driver says so much at once, and nobody is kept waiting for it. */
static void chain_print(struct virtio_port *port, const struct chain *chain) {
    struct virtio *virtio = &port->console->virtio;
    uint8_t bytes[PIECE_BYTES];
    if (chain->readable_bytes > WRITE_BYTES_MAX) {
        virtio_break(virtio);
        return;
    }
    for (uint64_t done = 0; done < chain->readable_bytes; done += sizeof bytes) {
        size_t count = chain_read(virtio, chain, done, bytes, sizeof bytes);
        for (size_t i = 0; i < count; i++) {
            console_put(port->outside, bytes[i]);
        }
    }
}

static void port_notified(struct virtio_port *port) {
    struct virtio *virtio = &port->console->virtio;
    struct chain chain;
    while (virtqueue_take(virtio, queue_out(port->idx), &chain)) {
        chain_print(port, &chain);
        virtqueue_give(virtio, queue_out(port->idx), chain.head, 0);
    }
}

static void console_notified(struct virtio *virtio, unsigned queue) {
    struct virtio_console *console = of(virtio);
    if (queue == QUEUE_CONTROL_OUT) {
        control_notified(console);
    }
    for (unsigned port = 0; port < console->port_count; port++) {
        if (queue == queue_out(port)) {
            port_notified(&console->ports[port]);
        }
    }
    ports_tell(console);
}

/* A chain is looked at and put back: what comes must not be more than there is room for. */
size_t virtio_port_room(void *device) {
    struct virtio_port *port = device;
    struct virtio *virtio = &port->console->virtio;
    unsigned queue = queue_in(port->idx);
    struct chain chain;
    if (!virtqueue_waiting(virtio, queue) || !virtqueue_take(virtio, queue, &chain)) {
        return 0;
    }
    virtqueue_untake(virtio, queue);
    return chain.writable_bytes;
}

void virtio_port_deliver(void *device, const uint8_t *bytes, size_t size_bytes) {
    struct virtio_port *port = device;
    struct virtio *virtio = &port->console->virtio;
    unsigned queue = queue_in(port->idx);
    struct chain chain;
    if (virtqueue_take(virtio, queue, &chain)) {
        size_t done = chain_write(virtio, &chain, 0, bytes, size_bytes);
        virtqueue_give(virtio, queue, chain.head, (uint32_t)done);
    }
}

struct virtio_port *virtio_console_port(struct virtio *virtio, unsigned port) {
    ensure(port < of(virtio)->port_count);
    return &of(virtio)->ports[port];
}

/* -- Life -------------------------------------------------------------------------------------- */

/* A character that goes out without any queue: for those whose driver is not there yet. */
static void console_configured(struct virtio *virtio, unsigned offset, uint64_t value,
                               unsigned size_bytes) {
    (void)size_bytes;
    if (offset == CONFIG_EMERGENCY) {
        console_put(of(virtio)->ports[0].outside, (uint8_t)value);
    }
}

static void console_reset(struct virtio *virtio) {
    memset(of(virtio)->tell, 0, sizeof of(virtio)->tell);
}

static void console_walk(struct virtio *virtio, struct stream *stream) {
    struct virtio_console *console = (struct virtio_console *)virtio;
    stream_bytes(stream, console->tell, console->port_count);
}

static void console_free(struct virtio *virtio) {
    free(virtio);
}

struct virtio *virtio_console_new(struct ram *ram, struct console *const *consoles,
                                  unsigned count) {
    static const struct virtio_kind kind = {
        .name = "virtio-console",
        .id = DEVICE_ID,
        .notified = console_notified,
        .configured = console_configured,
        .reset = console_reset,
        .state = console_walk,
        .free = console_free,
    };
    ensure(count >= 1 && count <= VIRTIO_CONSOLE_PORTS_MAX);
    struct virtio_console *console = calloc(1, sizeof *console);
    if (console == NULL) {
        return NULL;
    }
    virtio_start(&console->virtio, ram,
                 &(struct virtio_shape){.kind = &kind,
                                        .features = FEATURE_MULTIPORT | FEATURE_EMERGENCY_WRITE,
                                        .queue_count = 2 + 2 * count,
                                        .config_bytes = CONFIG_BYTES});
    virtio_config_put(&console->virtio, CONFIG_PORTS_MAX, count, 4);
    console->port_count = count;
    for (unsigned i = 0; i < count; i++) {
        console->ports[i] = (struct virtio_port){console, i, consoles[i]};
    }
    return &console->virtio;
}
