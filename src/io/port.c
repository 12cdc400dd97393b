/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device's byte port: output passes, input waits behind the gate until the run loop lets it
 * in. */
#include "io/io.h"

#include <string.h>

void port_init(struct port *port, struct console *console) {
    *port = (struct port){.console = console};
}

void port_put(struct port *port, uint8_t byte) {
    console_put(port->console, byte);
    port->out_bytes++;
}

/* Asks the console even when there is no room: it has to see a person's wish to leave. */
size_t port_admit(struct port *port) {
    size_t count = console_take(port->console, port->held + port->held_count,
                                sizeof port->held - port->held_count);
    port->held_count += count;
    port->in_bytes += count;
    return count;
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

/* The byte counts only report the past: they decide nothing, so they are not walked. */
void port_state(const struct port *port, struct stream *stream) {
    stream_u32(stream, (uint32_t)port->held_count);
    stream_bytes(stream, port->held, port->held_count);
}
