/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot ROM: memory that the guest can read but not write, filled before step 0. */
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

struct boot_rom {
    size_t size_bytes;
    uint8_t bytes[];
};

static uint64_t boot_rom_read(void *device, uint64_t offset, unsigned size_bytes) {
    const struct boot_rom *rom = device;
    uint64_t value = 0;
    memcpy(&value, rom->bytes + offset, size_bytes);
    return value;
}

static void boot_rom_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    (void)device;
    (void)offset;
    (void)value;
    (void)size_bytes;
}

static void boot_rom_reset(void *device) {
    (void)device;
}

static void boot_rom_state(void *device, struct stream *stream) {
    struct boot_rom *rom = device;
    stream_bytes(stream, rom->bytes, rom->size_bytes);
}

void *boot_rom_new(size_t size_bytes, uint8_t **bytes) {
    struct boot_rom *rom = calloc(1, sizeof *rom + size_bytes);
    if (rom != NULL) {
        rom->size_bytes = size_bytes;
        *bytes = rom->bytes;
    }
    return rom;
}

const struct device_ops boot_rom_ops = {
    .name = "boot-rom",
    .read = boot_rom_read,
    .write = boot_rom_write,
    .reset = boot_rom_reset,
    .state = boot_rom_state,
    .free = free,
};
