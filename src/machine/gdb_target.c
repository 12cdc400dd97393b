/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hart as gdb sees it: registers by number, memory by address. Looking changes nothing: no walk
 * marks a page table, no TLB is filled, no device is read. */
#include "machine/gdb.h"
#include "machine/past.h"

#include <string.h>

/* -- Registers --------------------------------------------------------------------------------- */

enum { WORD_BYTES = 8 };

unsigned target_read(struct machine *machine, unsigned hart_idx, unsigned number, uint64_t *value) {
    struct hart *hart = machine->harts.hart[hart_idx];
    *value = 0;
    if (number < REGISTER_PC) {
        *value = hart->x[number];
    } else if (number == REGISTER_PC) {
        *value = hart->pc;
    } else if (number < REGISTER_CSR) {
        *value = hart->f[number - REGISTER_F];
        return hart_has(hart, EXT_f) ? WORD_BYTES : 0;
    } else if (number == REGISTER_PRIV) {
        *value = hart->priv;
    } else {
        return csr_peek(hart, number - REGISTER_CSR, value) ? WORD_BYTES : 0;
    }
    return WORD_BYTES;
}

static bool privilege_set(struct hart *hart, uint64_t value) {
    bool exists = value == PRIV_M || (value == PRIV_S && hart_has(hart, EXT_s)) ||
                  (value == PRIV_U && hart_has(hart, EXT_u));
    if (exists) {
        hart->priv = (uint8_t)value;
        hart_changed(hart);
    }
    return exists;
}

static bool register_write(struct hart *hart, unsigned number, uint64_t value) {
    if (number < REGISTER_PC) {
        hart->x[number] = number == 0 ? 0 : value;
    } else if (number == REGISTER_PC) {
        hart->pc = value & ~(uint64_t)(hart_has(hart, EXT_c) ? 1 : 3);
    } else if (number < REGISTER_CSR) {
        hart->f[number - REGISTER_F] = value;
        hart->mstatus |= MSTATUS_FS;
        return hart_has(hart, EXT_f);
    } else if (number == REGISTER_PRIV) {
        return privilege_set(hart, value);
    } else {
        return number < REGISTER_PRIV && csr_poke(hart, number - REGISTER_CSR, value);
    }
    return true;
}

/* -- Description ------------------------------------------------------------------------------- */

static void registers_describe(struct text *xml, const char *prefix, unsigned first,
                               const char *type) {
    for (unsigned i = 0; i < 32; i++) {
        text_add(xml, "<reg name=\"%s%u\" bitsize=\"64\" type=\"%s\" regnum=\"%u\"/>\n", prefix, i,
                 type, first + i);
    }
}

static void csrs_describe(const struct machine *machine, struct text *xml) {
    text_add(xml, "<feature name=\"org.gnu.gdb.riscv.csr\">\n");
    for (unsigned number = 0; number < CSR_NUMBER_END; number++) {
        uint64_t value;
        bool of_fpu = number <= CSR_FCSR;
        if (!of_fpu && csr_peek(machine->harts.hart[0], number, &value)) {
            text_add(xml, "<reg name=\"%s\" bitsize=\"64\" regnum=\"%u\"/>\n", csr_name(number),
                     REGISTER_CSR + number);
        }
    }
    text_add(xml, "</feature>\n");
}

void target_describe(const struct machine *machine, struct text *xml) {
    text_clear(xml);
    text_add(xml, "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
                  "<target version=\"1.0\">\n<architecture>riscv:rv64</architecture>\n"
                  "<feature name=\"org.gnu.gdb.riscv.cpu\">\n");
    registers_describe(xml, "x", 0, "int");
    text_add(xml, "<reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\" regnum=\"%u\"/>\n</feature>\n",
             REGISTER_PC);
    if (hart_has(machine->harts.hart[0], EXT_f)) {
        bool doubles = hart_has(machine->harts.hart[0], EXT_d);
        text_add(xml, "<feature name=\"org.gnu.gdb.riscv.fpu\">\n");
        registers_describe(xml, "f", REGISTER_F, doubles ? "ieee_double" : "uint64");
        for (unsigned number = CSR_FFLAGS; number <= CSR_FCSR; number++) {
            text_add(xml, "<reg name=\"%s\" bitsize=\"64\" regnum=\"%u\"/>\n", csr_name(number),
                     REGISTER_CSR + number);
        }
        text_add(xml, "</feature>\n");
    }
    csrs_describe(machine, xml);
    text_add(xml,
             "<feature name=\"org.gnu.gdb.riscv.virtual\">\n"
             "<reg name=\"priv\" bitsize=\"64\" regnum=\"%u\"/>\n</feature>\n</target>\n",
             REGISTER_PRIV);
}

/* -- Memory ------------------------------------------------------------------------------------ */

/** Bytes at a physical address, of one page. @return How many could be read. */
static size_t page_read(struct machine *machine, paddr at, uint8_t *bytes, size_t size_bytes) {
    const struct region *region = bus_region(&machine->bus, at);
    if (ram_read(&machine->bus.ram, at, bytes, size_bytes)) {
        return size_bytes;
    }
    size_t done = 0;
    uint64_t value;
    while (done < size_bytes && region != NULL && region->executable &&
           bus_read(&machine->bus, at + done, 1, &value)) {
        bytes[done++] = (uint8_t)value;
    }
    return done;
}

size_t target_memory(struct machine *machine, const struct target_place *place, uint8_t *bytes,
                     size_t size_bytes) {
    struct hart *hart = machine->harts.hart[place->hart];
    size_t done = 0;
    while (done < size_bytes) {
        uint64_t address = place->address + done;
        size_t part = min_u64(size_bytes - done, PAGE_BYTES - address % PAGE_BYTES);
        paddr at = address;
        if (!place->physical && !mmu_peek(hart, address, &at)) {
            break;
        }
        size_t count = page_read(machine, at, bytes + done, part);
        done += count;
        if (count < part) {
            break;
        }
    }
    return done;
}

/* -- Edits ------------------------------------------------------------------------------------- */

/* Clocks are brought up first, as whoever acts on vCPUs from outside has to. What a write to memory
 * meets of points is the debugger's own doing. */
bool debug_edit(struct machine *machine, const struct edit *edit) {
    struct hit own;
    bool done = false;
    sched_catch_up(&machine->sched);
    switch (edit->kind) {
    case EDIT_REGISTER:
        done = register_write(machine->harts.hart[edit->hart], edit->number, edit->value);
        break;
    case EDIT_MEMORY:
        done = ram_write(&machine->bus.ram, edit->address, edit->bytes, edit->size_bytes);
        break;
    }
    (void)points_take(&machine->harts, &own);
    machine->edited = machine->edited || done;
    if (done && machine->travels) { /* what came before does not lead here any more */
        (void)travel_begin(machine);
    }
    return done;
}
