/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The finisher: one register through which the guest asks for power off, failure or reset. */
#include "dev/dev.h"

#include <stdlib.h>

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };

struct syscon {
    power_fn *request;
    void *owner;
};

static uint64_t syscon_read(void *device, uint64_t offset, unsigned size_bytes) {
    (void)device;
    (void)offset;
    (void)size_bytes;
    return 0;
}

static void syscon_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    struct syscon *syscon = device;
    (void)size_bytes;
    if (offset != 0) {
        return;
    }
    switch (bits_get(value, 15, 0)) {
    case FINISHER_PASS:
        syscon->request(syscon->owner, POWER_OFF, 0);
        break;
    case FINISHER_FAIL:
        syscon->request(syscon->owner, POWER_FAIL, bits_get(value, 31, 16));
        break;
    case FINISHER_RESET:
        syscon->request(syscon->owner, POWER_RESET, 0);
        break;
    default:
        break;
    }
}

static void syscon_reset(void *device) {
    (void)device;
}

static void syscon_state(void *device, struct stream *stream) {
    (void)device;
    (void)stream;
}

void *syscon_new(power_fn *request, void *owner) {
    struct syscon *syscon = calloc(1, sizeof *syscon);
    if (syscon != NULL) {
        *syscon = (struct syscon){.request = request, .owner = owner};
    }
    return syscon;
}

const struct device_ops syscon_ops = {
    .name = "syscon",
    .read = syscon_read,
    .write = syscon_write,
    .reset = syscon_reset,
    .state = syscon_state,
    .free = free,
};
