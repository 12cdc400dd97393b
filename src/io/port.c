/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device's byte port: output passes, what the gate has let in waits until the device takes it. */
#include "io/io.h"

#include <string.h>

void port_init(struct port *port, struct console *console) {
    *port = (struct port){.console = console};
}

void port_put(struct port *port, uint8_t byte) {
    console_put(port->console, byte);
    port->out_bytes++;
}

size_t port_room(const struct port *port) {
    return sizeof port->held - port->held_count;
}

void port_admit(struct port *port, const uint8_t *bytes, size_t size_bytes) {
    ensure(size_bytes <= port_room(port));
    memcpy(port->held + port->held_count, bytes, size_bytes);
    port->held_count += (uint32_t)size_bytes;
}

bool port_get(struct port *port, uint8_t *byte) {
    if (port->held_count == 0) {
        return false;
    }
    *byte = port->held[0];
    port->held_count--;
    memmove(port->held, port->held + 1, port->held_count);
    return true;
}

/* The byte count only reports the past: it decides nothing, so it is not walked. */
void port_state(struct port *port, struct stream *stream) {
    stream_count(stream, &port->held_count, sizeof port->held);
    stream_bytes(stream, port->held, port->held_count);
}
