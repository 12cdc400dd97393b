/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of loads, stores, atomics and cache-block operations. Included by interp.c. */
#ifndef HART_EXEC_MEM_H
#define HART_EXEC_MEM_H

#include "hart/exec.h"

/* -- Loads and stores -------------------------------------------------------------------------- */

/* rd is written only when the load did not trap. */
#define LOAD(name, type)                                                                           \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {              \
        uint64_t value;                                                                            \
        enum flow flow = exec_load(hart, insn, sizeof(type), &value);                              \
        if (likely(flow != FLOW_TRAP)) {                                                           \
            hart->x[insn->rd] = (uint64_t)(int64_t)(type)value;                                    \
        }                                                                                          \
        return flow;                                                                               \
    }
#define STORE(name, type)                                                                          \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {              \
        return exec_store(hart, insn, sizeof(type), hart->x[insn->rs2]);                           \
    }

LOAD(lb, int8_t)
LOAD(lh, int16_t)
LOAD(lw, int32_t)
LOAD(ld, int64_t)
LOAD(lbu, uint8_t)
LOAD(lhu, uint16_t)
LOAD(lwu, uint32_t)
STORE(sb, uint8_t)
STORE(sh, uint16_t)
STORE(sw, uint32_t)
STORE(sd, uint64_t)

#undef LOAD
#undef STORE

/* -- Atomics ----------------------------------------------------------------------------------- */

/** Translates the address in rs1 for an atomic access. */
static inline enum flow exec_atomic(struct hart *hart, const struct insn *insn, unsigned size_bytes,
                                    enum access access, paddr *address) {
    struct request request = {.address = hart->x[insn->rs1],
                              .size_bytes = size_bytes,
                              .access = access,
                              .priv = mmu_data_privilege(hart),
                              .atomic = access == ACCESS_WRITE && insn->op != OP_sc_w &&
                                        insn->op != OP_sc_d};
    const struct tlb_entry *entry = mmu_entry(hart, request.address);
    const struct ram *ram = &hart->harts->bus->ram;
    uint64_t page = access == ACCESS_READ ? entry->read_page : entry->write_page;
    bool aligned = (request.address & (size_bytes - 1)) == 0;
    if (likely(page == mmu_tag(request.address, size_bytes) && aligned)) {
        *address = ram->base + (uint64_t)(mmu_host(entry, request.address) - ram->bytes);
        return FLOW_NEXT;
    }
    exec_sync(hart, insn);
    return mmu_atomic(hart, &request, address);
}

static inline uint64_t exec_extend(uint64_t value, unsigned size_bytes) {
    return size_bytes == 4 ? (uint64_t)(int64_t)(int32_t)(uint32_t)value : value;
}

/** Loads for an atomic, sign-extended. */
static inline uint64_t exec_atomic_read(const struct hart *hart, paddr address,
                                        unsigned size_bytes) {
    return exec_extend(ram_load(ram_at(&hart->harts->bus->ram, address), size_bytes), size_bytes);
}

static inline enum flow exec_atomic_write(struct hart *hart, const struct insn *insn, paddr address,
                                          uint64_t value, unsigned size_bytes) {
    exec_sync(hart, insn);
    mmu_ram_store(hart, address, value, size_bytes);
    return mmu_settled(hart);
}

static inline enum flow exec_lr(struct hart *hart, const struct insn *insn, unsigned size_bytes) {
    paddr address;
    enum flow flow = exec_atomic(hart, insn, size_bytes, ACCESS_READ, &address);
    if (flow == FLOW_NEXT) {
        if (hart->harts->parallel && (insn->imm & INSN_RL) != 0) {
            __atomic_thread_fence(__ATOMIC_SEQ_CST); /* stores before it are done */
        }
        uint64_t value = exec_atomic_read(hart, address, size_bytes);
        hart->x[insn->rd] = value;
        hart->reserved = true;
        hart->reservation = address & ~(paddr)(CACHE_LINE_BYTES - 1);
        hart->linked.address = address;
        hart->linked.size_bytes = size_bytes;
        hart->linked.value = value;
        flow = mmu_settled(hart); /* the walk may have written */
    }
    return flow;
}

/** The store of an SC among harts that run: it succeeds where memory still holds what the LR read,
 * whatever it held in between. */
static inline bool exec_sc_swap(struct hart *hart, const struct insn *insn, paddr address,
                                unsigned size_bytes) {
    struct swap swap = {hart->linked.value, hart->x[insn->rs2], size_bytes};
    exec_sync(hart, insn);
    return hart->linked.address == address && hart->linked.size_bytes == size_bytes &&
           mmu_ram_swap(hart, address, &swap);
}

/* The address is checked for a store even when the reservation is gone, so that the outcome never
 * hides a fault. */
static inline enum flow exec_sc(struct hart *hart, const struct insn *insn, unsigned size_bytes) {
    paddr address;
    enum flow flow = exec_atomic(hart, insn, size_bytes, ACCESS_WRITE, &address);
    if (flow != FLOW_NEXT) {
        return flow;
    }
    uint64_t value = hart->x[insn->rs2];
    bool holds = hart->reserved && hart->reservation == (address & ~(paddr)(CACHE_LINE_BYTES - 1));
    hart->reserved = false;
    if (holds && hart->harts->parallel) {
        holds = exec_sc_swap(hart, insn, address, size_bytes);
        flow = mmu_settled(hart);
    } else {
        flow =
            holds ? exec_atomic_write(hart, insn, address, value, size_bytes) : mmu_settled(hart);
    }
    hart->x[insn->rd] = holds ? 0 : 1;
    return flow;
}

/* a: old value, b: operand; for .w both are sign-extended, which keeps their order, signed and
 * unsigned. */
#define AMO_SIZED(name, size_bytes, extend, expression)                                            \
    static inline enum flow exec_##name(struct hart *hart, const struct insn *insn) {              \
        paddr address;                                                                             \
        enum flow flow = exec_atomic(hart, insn, size_bytes, ACCESS_WRITE, &address);              \
        if (flow != FLOW_NEXT) {                                                                   \
            return flow;                                                                           \
        }                                                                                          \
        uint64_t a = exec_atomic_read(hart, address, size_bytes);                                  \
        const uint64_t b = extend(hart->x[insn->rs2]);                                             \
        if (hart->harts->parallel) {                                                               \
            struct swap swap = {a, (expression), size_bytes};                                      \
            exec_sync(hart, insn);                                                                 \
            while (!mmu_ram_swap(hart, address, &swap)) {                                          \
                a = extend(swap.expected);                                                         \
                swap.value = (expression);                                                         \
            }                                                                                      \
            flow = mmu_settled(hart);                                                              \
        } else {                                                                                   \
            flow = exec_atomic_write(hart, insn, address, (expression), size_bytes);               \
        }                                                                                          \
        hart->x[insn->rd] = a;                                                                     \
        return flow;                                                                               \
    }
#define EXTEND_W(value) ((uint64_t)(int64_t)(int32_t)(uint32_t)(value))
#define EXTEND_D(value) (value)
#define AMO(name, expression)                                                                      \
    AMO_SIZED(name##_w, 4, EXTEND_W, expression)                                                   \
    AMO_SIZED(name##_d, 8, EXTEND_D, expression)

AMO(amoswap, ((void)a, b))
AMO(amoadd, a + b)
AMO(amoxor, a ^ b)
AMO(amoand, a &b)
AMO(amoor, a | b)
AMO(amomin, (int64_t)a < (int64_t)b ? a : b)
AMO(amomax, (int64_t)a > (int64_t)b ? a : b)
AMO(amominu, a < b ? a : b)
AMO(amomaxu, a > b ? a : b)

#undef AMO
#undef AMO_SIZED
#undef EXTEND_W
#undef EXTEND_D

static inline enum flow exec_lr_w(struct hart *hart, const struct insn *insn) {
    return exec_lr(hart, insn, 4);
}

static inline enum flow exec_lr_d(struct hart *hart, const struct insn *insn) {
    return exec_lr(hart, insn, 8);
}

static inline enum flow exec_sc_w(struct hart *hart, const struct insn *insn) {
    return exec_sc(hart, insn, 4);
}

static inline enum flow exec_sc_d(struct hart *hart, const struct insn *insn) {
    return exec_sc(hart, insn, 8);
}

/* -- Cache blocks: without caches they only check ---------------------------------------------- */

/** Translates the block of the address in rs1: what is allowed there must hold for all 64 bytes. */
static inline enum access_fault exec_block(struct hart *hart, const struct insn *insn,
                                           enum access access, paddr *address) {
    struct request request = {.address = hart->x[insn->rs1] & ~(vaddr)(CACHE_LINE_BYTES - 1),
                              .size_bytes = CACHE_LINE_BYTES,
                              .access = access,
                              .priv = mmu_data_privilege(hart)};
    struct translation translation;
    enum access_fault fault = mmu_translate(hart, &request, &translation);
    *address = translation.address;
    if (fault == FAULT_NONE && ram_holds(&hart->harts->bus->ram, *address, CACHE_LINE_BYTES)) {
        mmu_fill(hart, &request, &translation); /* the page's other blocks follow */
    }
    return fault;
}

/** The block is about to be written: does somebody want to know? */
static inline void exec_block_look(struct hart *hart, const struct insn *insn, paddr address) {
    if (unlikely(hart->harts->points.count > 0)) {
        struct request request = {.address = hart->x[insn->rs1] & ~(vaddr)(CACHE_LINE_BYTES - 1),
                                  .size_bytes = CACHE_LINE_BYTES,
                                  .access = ACCESS_WRITE};
        points_touch(hart, &request, address);
    }
}

/** cbo.inval, cbo.clean, cbo.flush: load or store permission is enough; faults are those of a
 * store. */
static inline enum flow exec_cbo(struct hart *hart, const struct insn *insn, uint64_t envcfg_bits) {
    if (!hart_envcfg_allows(hart, envcfg_bits)) {
        return exec_illegal(hart, insn);
    }
    const struct bus *bus = hart->harts->bus;
    paddr address;
    exec_sync(hart, insn);
    enum access_fault fault = exec_block(hart, insn, ACCESS_READ, &address);
    if (fault != FAULT_NONE) {
        fault = exec_block(hart, insn, ACCESS_WRITE, &address);
    }
    if (fault == FAULT_NONE && !ram_holds(&bus->ram, address, CACHE_LINE_BYTES) &&
        bus_region(bus, address) == NULL) {
        fault = FAULT_ACCESS;
    }
    return fault == FAULT_NONE ? mmu_settled(hart)
                               : mmu_fault(hart, ACCESS_WRITE, fault, hart->x[insn->rs1]);
}

static inline enum flow exec_cbo_inval(struct hart *hart, const struct insn *insn) {
    return exec_cbo(hart, insn, ENVCFG_CBIE);
}

static inline enum flow exec_cbo_clean(struct hart *hart, const struct insn *insn) {
    return exec_cbo(hart, insn, ENVCFG_CBCFE);
}

static inline enum flow exec_cbo_flush(struct hart *hart, const struct insn *insn) {
    return exec_cbo(hart, insn, ENVCFG_CBCFE);
}

static inline enum flow exec_cbo_zero(struct hart *hart, const struct insn *insn) {
    if (!hart->zeroes_blocks) {
        return exec_illegal(hart, insn);
    }
    paddr address;
    exec_sync(hart, insn);
    enum access_fault fault = exec_block(hart, insn, ACCESS_WRITE, &address);
    if (fault == FAULT_NONE && !ram_holds(&hart->harts->bus->ram, address, CACHE_LINE_BYTES)) {
        fault = FAULT_ACCESS;
    }
    if (fault != FAULT_NONE) {
        return mmu_fault(hart, ACCESS_WRITE, fault, hart->x[insn->rs1]);
    }
    exec_block_look(hart, insn, address);
    for (unsigned at_bytes = 0; at_bytes < CACHE_LINE_BYTES; at_bytes += 8) {
        mmu_ram_store(hart, address + at_bytes, 0, 8);
    }
    return mmu_settled(hart);
}

#endif
