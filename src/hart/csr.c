/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control and status registers.
 *
 * Three questions, three parts: may this instruction touch the register (csr.def says which exist,
 * the rules below when), what does it read, what does it keep of what is written (every field is
 * WARL or read-only somewhere). Reads and writes are switches that read like the manual, one a
 * privilege level.
 *
 * Time (docs/time.md, law 5). An instruction at position p reads the counters of p, so that
 * rdinstret does not count itself. What it writes holds from p + 1 on: the very next instruction
 * reads the value written. A counter therefore is a base to be added to what the hart has counted,
 * and the base is computed for p + 1:
 *
 *     position          p                    p + 1          p + 2
 *     instruction       csrw minstret, 100   rdinstret      rdinstret
 *     retired           41                   42             43
 *     base              ...                  100 - 42       58
 *     reads                                  100            101
 *
 * mcountinhibit works by the same rule: the instruction that stops a counter is still counted, the
 * one that starts it is not.
 *
 * @spec Privileged ISA 20240411, chapters 2, 3, 10 and the chapters on Sstc and Svadu. */
#include "hart/hart.h"

/* Identity: a non-commercial implementation without an assigned architecture number. */
enum { MVENDORID = 0, MARCHID = 0, MIMPID = 1 };

/* Version 1 of the trigger specification; the trigger selected does not exist. */
enum { TINFO = 1 << 24 | 1 };

enum { COUNTER_CY = 1 << 0, COUNTER_TM = 1 << 1, COUNTER_IR = 1 << 2 };

#define SUPERVISOR_INTERRUPTS ((uint64_t)(IP_SSIP | IP_STIP | IP_SEIP))
#define MACHINE_INTERRUPTS ((uint64_t)(IP_MSIP | IP_MTIP | IP_MEIP))

/* Every exception but the environment call from M, which no lower mode can raise. */
#define DELEGABLE_EXCEPTIONS ((uint64_t)0xb3ff)

/* -- May it be touched? ---------------------------------------------------------------------- */

/* csr.def as a set. */
static bool csr_exists(const struct hart *hart, unsigned number) {
    switch (number) {
#define CSR(name, value, ext, what)                                                                \
    case value:                                                                                    \
        return hart_has(hart, EXT_##ext);
#include "isa/csr.def"
#undef CSR
    default:
        return false;
    }
}

static bool fp_on(const struct hart *hart) {
    return (hart->mstatus & MSTATUS_FS) != 0;
}

/* cycle, time, instret and hpmcounters below M: each higher mode has a say. */
static bool counter_open(const struct hart *hart, unsigned number) {
    uint32_t bit = (uint32_t)1 << (number & 31);
    if (hart->priv == PRIV_M) {
        return true;
    }
    bool supervisor_agrees =
        hart->priv == PRIV_S || !hart_has(hart, EXT_s) || (hart->scounteren & bit) != 0;
    return (hart->mcounteren & bit) != 0 && supervisor_agrees;
}

static bool stimecmp_open(const struct hart *hart) {
    bool handed_down = (hart->menvcfg & ENVCFG_STCE) != 0 && (hart->mcounteren & COUNTER_TM) != 0;
    return hart->priv == PRIV_M || handed_down;
}

static bool csr_open(const struct hart *hart, unsigned number, bool writes) {
    bool read_only = bits_get(number, 11, 10) == 3;
    if (hart->priv < bits_get(number, 9, 8) || (read_only && writes) || !csr_exists(hart, number)) {
        return false;
    }
    switch (number) {
    case CSR_FFLAGS:
    case CSR_FRM:
    case CSR_FCSR:
        return fp_on(hart);
    case CSR_SATP:
        return hart->priv == PRIV_M || (hart->mstatus & MSTATUS_TVM) == 0;
    case CSR_STIMECMP:
        return stimecmp_open(hart);
    default:
        return number < CSR_CYCLE || number > CSR_HPMCOUNTER31 || counter_open(hart, number);
    }
}

/* -- Counters -------------------------------------------------------------------------------- */

/* Event counters exist and count nothing, and there are no triggers: writes change neither. */
static bool is_always_zero(unsigned number) {
    return (number >= CSR_HPMCOUNTER3 && number <= CSR_HPMCOUNTER31) ||
           (number >= CSR_MHPMCOUNTER3 && number <= CSR_MHPMCOUNTER31) ||
           (number >= CSR_MHPMEVENT3 && number <= CSR_MHPMEVENT31) ||
           (number >= CSR_TSELECT && number <= CSR_TDATA3);
}

static uint64_t counter_read(const struct counter *counter, uint64_t count) {
    return counter->inhibited ? counter->base : counter->base + count;
}

/* @param next  The count that the next instruction will find. */
static void counter_write(struct counter *counter, uint64_t value, uint64_t next) {
    counter->base = counter->inhibited ? value : value - next;
}

static void counter_inhibit(struct counter *counter, bool inhibited, uint64_t next) {
    uint64_t value = counter_read(counter, next);
    counter->inhibited = inhibited;
    counter_write(counter, value, next);
}

void csr_state_set(struct hart *hart) {
    hart->cycle.inhibited = (hart->mcountinhibit & COUNTER_CY) != 0;
    hart->instret.inhibited = (hart->mcountinhibit & COUNTER_IR) != 0;
}

static void set_mcountinhibit(struct hart *hart, uint64_t value) {
    hart->mcountinhibit = (uint32_t)value & (COUNTER_CY | COUNTER_IR);
    counter_inhibit(&hart->cycle, (value & COUNTER_CY) != 0, hart->clock->steps + 1);
    counter_inhibit(&hart->instret, (value & COUNTER_IR) != 0, hart_retired(hart) + 1);
}

/* -- Fields ---------------------------------------------------------------------------------- */

static uint64_t merge(uint64_t old, uint64_t value, uint64_t mask) {
    return (old & ~mask) | (value & mask);
}

/* What of mstatus a write can change on this CPU: see 3.1.6 for which field needs which mode. */
static uint64_t mstatus_mask(const struct hart *hart) {
    uint64_t mask = MSTATUS_MIE | MSTATUS_MPIE;
    if (hart_has(hart, EXT_u)) {
        mask |= MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TW;
    }
    if (hart_has(hart, EXT_s)) {
        mask |= MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_MXR | MSTATUS_TSR;
    }
    if (hart_has(hart, EXT_sv39)) {
        mask |= MSTATUS_SUM | MSTATUS_TVM;
    }
    if (hart_has(hart, EXT_f)) {
        mask |= MSTATUS_FS;
    }
    return mask;
}

#define SSTATUS_MASK                                                                               \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR)

/* Fields that decide how addresses are translated or checked. */
#define MSTATUS_TRANSLATES (MSTATUS_MPRV | MSTATUS_MPP | MSTATUS_SUM | MSTATUS_MXR)

static uint64_t status_read(const struct hart *hart, uint64_t mask) {
    bool dirty = (hart->mstatus & MSTATUS_FS) == MSTATUS_FS;
    return (hart->mstatus | (dirty ? MSTATUS_SD : 0)) & mask;
}

static bool privilege_exists(const struct hart *hart, uint64_t privilege) {
    return privilege == PRIV_M || (privilege == PRIV_S && hart_has(hart, EXT_s)) ||
           (privilege == PRIV_U && hart_has(hart, EXT_u));
}

/* A mode that does not exist leaves MPP as it is. */
static void status_write(struct hart *hart, uint64_t value, uint64_t mask) {
    uint64_t status = merge(hart->mstatus, value, mask & mstatus_mask(hart));
    if (!privilege_exists(hart, bits_get(status, 12, 11))) {
        status = merge(status, hart->mstatus, MSTATUS_MPP);
    }
    uint64_t changed = status ^ hart->mstatus;
    hart->mstatus = status;
    hart->check = true;
    if ((changed & MSTATUS_TRANSLATES) != 0) {
        hart_changed(hart);
    }
}

static uint64_t misa(const struct hart *hart) {
    static const struct {
        char letter;
        ext_set needs;
    } rows[] = {
        {'A', (ext_set)1 << EXT_a},
        {'B', (ext_set)1 << EXT_zba | (ext_set)1 << EXT_zbb | (ext_set)1 << EXT_zbs},
        {'C', (ext_set)1 << EXT_c},
        {'D', (ext_set)1 << EXT_d},
        {'F', (ext_set)1 << EXT_f},
        {'I', (ext_set)1 << EXT_i},
        {'M', (ext_set)1 << EXT_m},
        {'S', (ext_set)1 << EXT_s},
        {'U', (ext_set)1 << EXT_u},
    };
    uint64_t value = (uint64_t)2 << 62; /* MXL: 64 bits */
    for (unsigned i = 0; i < COUNT(rows); i++) {
        if ((hart->harts->ext & rows[i].needs) == rows[i].needs) {
            value |= (uint64_t)1 << (rows[i].letter - 'A');
        }
    }
    return value;
}

/* Reserved modes leave the register as it is. */
static uint64_t tvec_value(uint64_t old, uint64_t value) {
    return (value & 3) <= 1 ? value : old;
}

static uint64_t epc_value(const struct hart *hart, uint64_t value) {
    return value & ~(uint64_t)(hart_has(hart, EXT_c) ? 1 : 3);
}

/* A mode that the CPU lacks leaves all of satp as it is. */
static void set_satp(struct hart *hart, uint64_t value) {
    static const enum ext needs[16] = {[8] = EXT_sv39, [9] = EXT_sv48, [10] = EXT_sv57};
    uint64_t mode = bits_get(value, 63, 60);
    bool known = mode == 0 || (mode >= 8 && mode <= 10 && hart_has(hart, needs[mode]));
    if (known) {
        hart->satp = value;
        hart_changed(hart);
    }
}

/* The part that menvcfg and senvcfg share. The reserved value 2 leaves CBIE as it is. */
static uint64_t envcfg_mask(const struct hart *hart, uint64_t value) {
    bool inval_valid = (value & ENVCFG_CBIE) != (uint64_t)2 << 4;
    uint64_t zicbom = ENVCFG_CBCFE | (inval_valid ? ENVCFG_CBIE : 0);
    return (hart_has(hart, EXT_s) ? ENVCFG_FIOM : 0) | (hart_has(hart, EXT_zicbom) ? zicbom : 0) |
           (hart_has(hart, EXT_zicboz) ? ENVCFG_CBZE : 0);
}

static void set_supervisor_timer(struct hart *hart) {
    hart_gate(hart, true);
    comparator_set(&hart->supervisor_timer, hart->stimecmp, (hart->menvcfg & ENVCFG_STCE) != 0);
    hart_gate(hart, false);
    hart->leave = true; /* the deadline may be nearer than the grant's end */
}

static void set_menvcfg(struct hart *hart, uint64_t value) {
    uint64_t mask = envcfg_mask(hart, value) | (hart_has(hart, EXT_svadu) ? ENVCFG_ADUE : 0) |
                    (hart_has(hart, EXT_svpbmt) ? ENVCFG_PBMTE : 0) |
                    (hart_has(hart, EXT_sstc) ? ENVCFG_STCE : 0);
    uint64_t changed = (hart->menvcfg ^ value) & mask;
    hart->menvcfg ^= changed;
    if ((changed & (ENVCFG_ADUE | ENVCFG_PBMTE)) != 0) {
        mmu_flush(hart); /* walks have another outcome now */
    }
    set_supervisor_timer(hart);
    hart_changed(hart);
}

static void set_stimecmp(struct hart *hart, uint64_t value) {
    hart->stimecmp = value;
    set_supervisor_timer(hart);
}

/* -- Interrupt registers --------------------------------------------------------------------- */

/* Bits of mip that software holds. With STCE, stimecmp drives STIP. */
static uint64_t mip_mask(const struct hart *hart) {
    bool timer_owned = (hart->menvcfg & ENVCFG_STCE) != 0;
    uint64_t mask = SUPERVISOR_INTERRUPTS & ~(uint64_t)(timer_owned ? IP_STIP : 0);
    return hart_has(hart, EXT_s) ? mask : 0;
}

static uint64_t mie_mask(const struct hart *hart) {
    return MACHINE_INTERRUPTS | (hart_has(hart, EXT_s) ? SUPERVISOR_INTERRUPTS : 0);
}

/* All four may make an interrupt takeable: it then comes before the next instruction (law 6). */
static void set_interrupts(struct hart *hart, uint64_t *which, uint64_t value, uint64_t mask) {
    *which = merge(*which, value, mask);
    hart->check = true;
}

uint64_t csr_modify_base(const struct hart *hart, unsigned number, uint64_t value) {
    return number == CSR_MIP || number == CSR_SIP ? merge(value, hart->mip, IP_SEIP) : value;
}

static uint64_t time_read(struct hart *hart) {
    const struct harts *harts = hart->harts;
    if (harts->look != NULL) {
        harts->look(harts->gate_owner, hart);
    }
    return ticks_read(harts->sched, hart->id);
}

/* -- Reading --------------------------------------------------------------------------------- */

static uint64_t read_user(struct hart *hart, unsigned number) {
    switch (number) {
    case CSR_FFLAGS:
        return hart->fflags;
    case CSR_FRM:
        return hart->frm;
    case CSR_FCSR:
        return (uint64_t)hart->frm << 5 | hart->fflags;
    case CSR_CYCLE:
        return counter_read(&hart->cycle, hart->clock->steps);
    case CSR_TIME:
        return time_read(hart);
    case CSR_INSTRET:
        return counter_read(&hart->instret, hart_retired(hart));
    default:
        panic(__FILE__, __LINE__, "a user CSR without a value");
    }
}

static uint64_t read_supervisor(const struct hart *hart, unsigned number) {
    switch (number) {
    case CSR_SSTATUS:
        return status_read(hart, SSTATUS_MASK | MSTATUS_UXL | MSTATUS_SD);
    case CSR_SIE:
        return hart->mie & hart->mideleg;
    case CSR_STVEC:
        return hart->stvec;
    case CSR_SCOUNTEREN:
        return hart->scounteren;
    case CSR_SENVCFG:
        return hart->senvcfg;
    case CSR_SSCRATCH:
        return hart->sscratch;
    case CSR_SEPC:
        return hart->sepc;
    case CSR_SCAUSE:
        return hart->scause;
    case CSR_STVAL:
        return hart->stval;
    case CSR_SIP:
        return hart_mip(hart) & hart->mideleg;
    case CSR_STIMECMP:
        return hart->stimecmp;
    case CSR_SATP:
        return hart->satp;
    default:
        panic(__FILE__, __LINE__, "a supervisor CSR without a value");
    }
}

static uint64_t read_machine(const struct hart *hart, unsigned number) {
    switch (number) {
    case CSR_MVENDORID:
        return MVENDORID;
    case CSR_MARCHID:
        return MARCHID;
    case CSR_MIMPID:
        return MIMPID;
    case CSR_MHARTID:
        return hart->id;
    case CSR_MCONFIGPTR:
        return 0;
    case CSR_MSTATUS:
        return status_read(hart, UINT64_MAX);
    case CSR_MISA:
        return misa(hart);
    case CSR_MEDELEG:
        return hart->medeleg;
    case CSR_MIDELEG:
        return hart->mideleg;
    case CSR_MIE:
        return hart->mie;
    case CSR_MTVEC:
        return hart->mtvec;
    case CSR_MCOUNTEREN:
        return hart->mcounteren;
    case CSR_MENVCFG:
        return hart->menvcfg;
    case CSR_MCOUNTINHIBIT:
        return hart->mcountinhibit;
    case CSR_MSCRATCH:
        return hart->mscratch;
    case CSR_MEPC:
        return hart->mepc;
    case CSR_MCAUSE:
        return hart->mcause;
    case CSR_MTVAL:
        return hart->mtval;
    case CSR_MIP:
        return hart_mip(hart);
    case CSR_MCYCLE:
        return counter_read(&hart->cycle, hart->clock->steps);
    case CSR_MINSTRET:
        return counter_read(&hart->instret, hart_retired(hart));
    case CSR_TINFO:
        return TINFO;
    case CSR_PMPCFG0:
        return pmp_config(hart, 0);
    case CSR_PMPCFG2:
        return pmp_config(hart, 8);
    default:
        ensure(number >= CSR_PMPADDR0 && number <= CSR_PMPADDR15);
        return hart->pmpaddr[number - CSR_PMPADDR0];
    }
}

static uint64_t read_any(struct hart *hart, unsigned number) {
    if (is_always_zero(number)) {
        return 0;
    }
    switch (bits_get(number, 9, 8)) {
    case PRIV_U:
        return read_user(hart, number);
    case PRIV_S:
        return read_supervisor(hart, number);
    default:
        return read_machine(hart, number);
    }
}

bool csr_read(struct hart *hart, unsigned number, bool writes, uint64_t *value) {
    if (!csr_open(hart, number, writes)) {
        return false;
    }
    *value = read_any(hart, number);
    return true;
}

bool csr_peek(struct hart *hart, unsigned number, uint64_t *value) {
    if (!csr_exists(hart, number)) {
        return false;
    }
    *value = number == CSR_TIME ? ticks_peek(hart->harts->sched, hart->id) : read_any(hart, number);
    return true;
}

/* -- Writing --------------------------------------------------------------------------------- */

static void write_user(struct hart *hart, unsigned number, uint64_t value) {
    hart->mstatus |= MSTATUS_FS; /* dirty */
    switch (number) {
    case CSR_FFLAGS:
        hart->fflags = value & 0x1f;
        break;
    case CSR_FRM:
        hart->frm = value & 7;
        break;
    case CSR_FCSR:
        hart->fflags = value & 0x1f;
        hart->frm = (uint8_t)bits_get(value, 7, 5);
        break;
    default:
        panic(__FILE__, __LINE__, "a user CSR that cannot be written");
    }
}

static void write_supervisor(struct hart *hart, unsigned number, uint64_t value) {
    switch (number) {
    case CSR_SSTATUS:
        status_write(hart, value, SSTATUS_MASK);
        break;
    case CSR_SIE:
        set_interrupts(hart, &hart->mie, value, hart->mideleg);
        break;
    case CSR_STVEC:
        hart->stvec = tvec_value(hart->stvec, value);
        break;
    case CSR_SCOUNTEREN:
        hart->scounteren = (uint32_t)value;
        break;
    case CSR_SENVCFG:
        hart->senvcfg = merge(hart->senvcfg, value, envcfg_mask(hart, value));
        hart_changed(hart);
        break;
    case CSR_SSCRATCH:
        hart->sscratch = value;
        break;
    case CSR_SEPC:
        hart->sepc = epc_value(hart, value);
        break;
    case CSR_SCAUSE:
        hart->scause = value;
        break;
    case CSR_STVAL:
        hart->stval = value;
        break;
    case CSR_SIP:
        set_interrupts(hart, &hart->mip, value, IP_SSIP & hart->mideleg);
        break;
    case CSR_STIMECMP:
        set_stimecmp(hart, value);
        break;
    case CSR_SATP:
        set_satp(hart, value);
        break;
    default:
        panic(__FILE__, __LINE__, "a supervisor CSR that cannot be written");
    }
}

static void write_machine(struct hart *hart, unsigned number, uint64_t value) {
    switch (number) {
    case CSR_MSTATUS:
        status_write(hart, value, UINT64_MAX);
        break;
    case CSR_MISA:
    case CSR_TINFO:
        break;
    case CSR_MEDELEG:
        hart->medeleg = value & DELEGABLE_EXCEPTIONS;
        break;
    case CSR_MIDELEG:
        set_interrupts(hart, &hart->mideleg, value, SUPERVISOR_INTERRUPTS);
        break;
    case CSR_MIE:
        set_interrupts(hart, &hart->mie, value, mie_mask(hart));
        break;
    case CSR_MTVEC:
        hart->mtvec = tvec_value(hart->mtvec, value);
        break;
    case CSR_MCOUNTEREN:
        hart->mcounteren = (uint32_t)value;
        break;
    case CSR_MENVCFG:
        set_menvcfg(hart, value);
        break;
    case CSR_MCOUNTINHIBIT:
        set_mcountinhibit(hart, value);
        break;
    case CSR_MSCRATCH:
        hart->mscratch = value;
        break;
    case CSR_MEPC:
        hart->mepc = epc_value(hart, value);
        break;
    case CSR_MCAUSE:
        hart->mcause = value;
        break;
    case CSR_MTVAL:
        hart->mtval = value;
        break;
    case CSR_MIP:
        set_interrupts(hart, &hart->mip, value, mip_mask(hart));
        break;
    case CSR_MCYCLE:
        counter_write(&hart->cycle, value, hart->clock->steps + 1);
        break;
    case CSR_MINSTRET:
        counter_write(&hart->instret, value, hart_retired(hart) + 1);
        break;
    case CSR_PMPCFG0:
        pmp_set_config(hart, 0, value);
        break;
    case CSR_PMPCFG2:
        pmp_set_config(hart, 8, value);
        break;
    default:
        ensure(number >= CSR_PMPADDR0 && number <= CSR_PMPADDR15);
        pmp_set_address(hart, number - CSR_PMPADDR0, value);
    }
}

void csr_write(struct hart *hart, unsigned number, uint64_t value) {
    if (is_always_zero(number)) {
        return;
    }
    switch (bits_get(number, 9, 8)) {
    case PRIV_U:
        write_user(hart, number, value);
        break;
    case PRIV_S:
        write_supervisor(hart, number, value);
        break;
    default:
        write_machine(hart, number, value);
    }
}

/* No instruction is under way, so counters are to read at once as they are written. */
bool csr_poke(struct hart *hart, unsigned number, uint64_t value) {
    bool read_only = bits_get(number, 11, 10) == 3;
    if (read_only || !csr_exists(hart, number)) {
        return false;
    }
    bool counts = (number == CSR_MCYCLE && !hart->cycle.inhibited) ||
                  (number == CSR_MINSTRET && !hart->instret.inhibited);
    csr_write(hart, number, value + counts);
    return true;
}
