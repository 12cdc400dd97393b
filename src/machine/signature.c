/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory that a conformance test leaves behind, as text. */
#include "machine/machine.h"

#include <stdio.h>

void machine_signature(const struct machine *machine, struct stream *text) {
    const struct boot *boot = &machine->boot;
    for (paddr at = boot->signature_start; at < boot->signature_end; at += 4) {
        uint32_t word = 0; /* also what lies outside RAM */
        char line[10];
        (void)ram_read(&machine->bus.ram, at, &word, sizeof word);
        snprintf(line, sizeof line, "%08x\n", word);
        stream_put(text, line, 9);
    }
}
