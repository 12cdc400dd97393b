/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map from physical addresses to devices, and the rules an access has to meet to reach one. */
#include "bus/bus.h"

#include <string.h>

enum status bus_init(struct bus *bus, paddr ram_base, uint64_t ram_bytes, struct error *error) {
    memset(bus, 0, sizeof *bus);
    return ram_init(&bus->ram, ram_base, ram_bytes, error);
}

void bus_free(struct bus *bus) {
    for (unsigned i = 0; i < bus->region_count; i++) {
        bus->regions[i].ops->free(bus->regions[i].device);
    }
    bus->region_count = 0;
    ram_free(&bus->ram);
}

/* Number of regions that begin at or before an address; the last of them is the one that may
 * hold it. */
static unsigned regions_up_to(const struct bus *bus, paddr address) {
    unsigned low = 0;
    unsigned high = bus->region_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (bus->regions[middle].base <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Requires: neither range is empty or passes the end of the address space. */
static bool ranges_overlap(paddr a, uint64_t a_bytes, paddr b, uint64_t b_bytes) {
    return a <= b + (b_bytes - 1) && b <= a + (a_bytes - 1);
}

static bool region_fits(const struct bus *bus, const struct region *region) {
    if (bus->region_count == BUS_REGIONS_MAX || region->size_bytes == 0 ||
        region->size_bytes - 1 > UINT64_MAX - region->base) {
        return false;
    }
    for (unsigned i = 0; i < bus->region_count; i++) {
        if (ranges_overlap(bus->regions[i].base, bus->regions[i].size_bytes, region->base,
                           region->size_bytes)) {
            return false;
        }
    }
    return !ranges_overlap(bus->ram.base, bus->ram.size_bytes, region->base, region->size_bytes);
}

bool bus_map(struct bus *bus, const struct region *region) {
    const struct device_ops *ops = region->ops;
    ensure(ops->read && ops->write && ops->reset && ops->state && ops->free);
    ensure(1 <= region->width_min && region->width_min <= region->width_max);
    ensure(region->width_max <= 8 && region->base % region->width_max == 0);
    if (!region_fits(bus, region)) {
        return false;
    }
    unsigned place = regions_up_to(bus, region->base);
    memmove(&bus->regions[place + 1], &bus->regions[place],
            (bus->region_count - place) * sizeof bus->regions[0]);
    bus->regions[place] = *region;
    bus->region_count++;
    return true;
}

const struct region *bus_region(const struct bus *bus, paddr address) {
    unsigned count = regions_up_to(bus, address);
    if (count == 0) {
        return NULL;
    }
    const struct region *region = &bus->regions[count - 1];
    return address - region->base < region->size_bytes ? region : NULL;
}

/* The region that takes this access, or NULL for an access fault. */
static const struct region *region_for(const struct bus *bus, paddr address, unsigned size_bytes) {
    const struct region *region = bus_region(bus, address);
    if (region == NULL || size_bytes < region->width_min || size_bytes > region->width_max) {
        return NULL;
    }
    uint64_t offset = address - region->base;
    if ((offset & (size_bytes - 1)) != 0 || size_bytes > region->size_bytes - offset) {
        return NULL;
    }
    return region;
}

static void span_mark(const struct bus *bus, bool enters) {
    if (bus->span != NULL) {
        bus->span(bus->span_owner, enters);
    }
}

bool bus_read(struct bus *bus, paddr address, unsigned size_bytes, uint64_t *value) {
    const struct region *region = region_for(bus, address, size_bytes);
    if (region == NULL) {
        return false;
    }
    span_mark(bus, true);
    *value = region->ops->read(region->device, address - region->base, size_bytes);
    span_mark(bus, false);
    return true;
}

bool bus_write(struct bus *bus, paddr address, unsigned size_bytes, uint64_t value) {
    const struct region *region = region_for(bus, address, size_bytes);
    if (region == NULL) {
        return false;
    }
    span_mark(bus, true);
    region->ops->write(region->device, address - region->base, value, size_bytes);
    span_mark(bus, false);
    return true;
}

void bus_reset(struct bus *bus) {
    for (unsigned i = 0; i < bus->region_count; i++) {
        bus->regions[i].ops->reset(bus->regions[i].device);
    }
}

void bus_state(struct bus *bus, struct stream *stream) {
    for (unsigned i = 0; i < bus->region_count; i++) {
        stream_constant(stream, bus->regions[i].base, "is of a machine with other devices");
        bus->regions[i].ops->state(bus->regions[i].device, stream);
    }
}
