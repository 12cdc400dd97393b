/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A RISC-V hart: architectural state, traps, CSRs, address translation, and the interpreter that
 * defines it all. */
#ifndef HART_HART_H
#define HART_HART_H

#include <stdatomic.h>

#include "bus/bus.h"
#include "hart/tally.h"
#include "isa/isa.h"
#include "vtime/vtime.h"

/** Virtual address. */
typedef uint64_t vaddr;

struct hart;
struct code_cache;
struct notices;

/* -- The harts of one machine ------------------------------------------------------------------ */

enum { TABLES_MAX = 4096 };

enum { HARTS_MAX = 512, CACHE_LINE_BYTES = 64, PMP_ENTRIES = 16, HPM_COUNTERS = 29 };

/** Told when a store of @p size_bytes at @p address has touched the 8 bytes of tohost. */
typedef void tohost_fn(void *owner, paddr address, uint64_t size_bytes);

enum { NOTED_SLOTS = 2 };

/** Slots of TLBs, of any hart and context, that may hold something about a page of RAM. */
struct slot_note {
    uint16_t slot[NOTED_SLOTS];
    uint16_t count; /* more than NOTED_SLOTS: any slot may */
};

/* -- point.c: places that a debugger wants to be told of --------------------------------------- */

enum point_kind {
    POINT_BREAK,    /* an instruction is about to be executed */
    POINT_WRITE,    /* a store */
    POINT_READ,     /* a load */
    POINT_ACCESS,   /* either */
    POINT_PHYSICAL, /* a write by whomever: address is a physical one */
    POINT_MARKER    /* a marker in RAM is about to be executed: address is its number */
};

/** The address of a POINT_MARKER that stands for all of them. */
#define MARKER_ANY UINT64_MAX

/** A place: one instruction, or a range of memory by virtual address, in any space. */
struct point {
    enum point_kind kind;
    uint64_t address;
    uint64_t size_bytes; /* at least 1; of no meaning for POINT_BREAK and POINT_MARKER */
    unsigned tag;        /* its owner's */
};

/** Who met a point: hart numbers, or this. */
#define HIT_BY_DEVICE UINT32_MAX

enum { HIT_VALUE_BYTES = 8 };

/** A point that was met: right before the instruction for POINT_BREAK and POINT_MARKER, else right
 * behind it. */
struct hit {
    struct point point;
    unsigned hart;       /* or HIT_BY_DEVICE */
    vaddr pc;            /* of the instruction */
    uint64_t hart_steps; /* position of the hart now */
    uint64_t address;    /* the first byte of the point that was touched */
    unsigned size_bytes; /* of old and now; 0 when the values are unknown */
    bool wrote;          /* else read */
    uint64_t old, now;   /* what stands at address: little-endian */
};

/** The points of a machine. */
struct points {
    struct point *list;
    size_t count, room;
    unsigned markers; /* how many are POINT_MARKER */
    bool met;         /* hit has happened, and nobody has taken it yet */
    struct hit hit;
    paddr value_at; /* of hit.now */
    bool written;   /* hit is being filled in by a store that is under way */
    struct {
        bool set;
        unsigned hart;
        uint64_t hart_steps;
        vaddr pc;
    } passed; /* the breakpoint taken last: it is not met again before a step */
};

/** What the harts of a machine share: memory, time, decoded code. */
struct hart;

/** Parallel: @p hart is about to touch what all share, or done with it. */
typedef void hart_gate_fn(void *owner, struct hart *hart, bool enters);
typedef void hart_look_fn(void *owner, struct hart *hart);

struct harts {
    struct hart **hart; /* count of them, owned */
    unsigned count;
    struct bus *bus;
    struct sched *sched;
    struct decoder *decoder;
    struct code_cache *code; /* that all harts share, or NULL: each has its own */
    bool parallel;           /* harts run at the same time, each on a thread of its own */
    hart_gate_fn *gate;      /* parallel: around whatever harts share; NULL: nothing is shared */
    hart_look_fn *look;      /* parallel: before a hart looks at its clock; may be NULL */
    void *gate_owner;
    ext_set ext;
    bool tohost_set;
    paddr tohost;
    tohost_fn *tohost_written;
    void *tohost_owner;
    struct hart *writer; /* hart whose store is under way, NULL for a device's */
    uint64_t *tables;    /* RAM pages flagged as page tables: TABLES_MAX of room */
    size_t table_count;
    uint64_t *table_users;         /* for each RAM page: bits of harts that rest on a leaf in it */
    uint64_t table_stores;         /* to pages flagged as page tables */
    struct slot_note *write_notes; /* for each RAM page: write permission in data TLBs */
    struct points points;
    struct notices *notices; /* NULL: nobody wants to be told on the way */
    bool notices_markers;    /* of every marker, too */
    struct tally *tally;     /* NULL: nobody wants to know how often what was executed */
};

/**
 * Makes one hart for each vCPU of @p sched, not yet reset, on @p bus; both outlive the harts.
 * Installs itself as the RAM's write watcher.
 * @errors STATUS_USAGE when out of memory.
 */
enum status harts_init(struct harts *harts, ext_set ext, struct bus *bus, struct sched *sched,
                       struct error *error);

/**
 * Harts will run at the same time, each on a thread of its own. To be called before any has run.
 * Then a hart touches nothing of another but memory, which is atomic (bus/bus.h); what all share it
 * touches inside @p gate; and TLBs and code are stale until a fence, as the architecture has it.
 * @errors STATUS_USAGE when out of memory.
 */
enum status harts_go_parallel(struct harts *harts, hart_gate_fn *gate, hart_look_fn *look,
                              void *owner, struct error *error);
void harts_free(struct harts *harts);

/** Drops every cache (TLBs, decoded code) of every hart. Changes no result (law 13). */
void harts_drop_caches(struct harts *harts);
/** Between turns: marks what memory holds (bus/bus.h). @return false: out of memory, no marks. */
bool harts_mark(struct harts *harts);
/** Between turns: a copy of what has changed begins (bus/bus.h). */
void harts_copy(struct harts *harts);
/** Between turns: whoever wants to may write all of memory, as no hart has it in hand. */
void harts_still(struct harts *harts);
/** Between turns: memory is as at mark @p idx. What else harts have is to be set behind this. */
void harts_back(struct harts *harts, size_t idx);

/** Parallel: memory has changed behind the hart, which does not run. */
void hart_suspect_code(struct hart *hart);
/** Drops decoded code because there is no room for more: that of @p hart, or what all share. */
void hart_drop_code(struct hart *hart);

/** Watches the 8 bytes at @p address (8-byte aligned, in RAM) for stores. */
void harts_watch_tohost(struct harts *harts, paddr address, tohost_fn *written, void *owner);

/**
 * Adds a point, while no hart runs; harts take turns. An engine leaves when it meets one.
 * @return false: out of memory, or POINT_PHYSICAL outside RAM.
 */
bool points_add(struct harts *harts, const struct point *point);
/** Takes one like it away. @return false: there is none. */
bool points_remove(struct harts *harts, const struct point *point);
void points_remove_all(struct harts *harts);
/** After an engine has left: what was met, once. @return false: nothing was. */
bool points_take(struct harts *harts, struct hit *hit);
/** The number of the marker that a hart is about to execute. @return false: it is none. */
bool points_marker(struct hart *hart, uint64_t *number);
/** The same for markers of all kinds. @param bits  The instruction. */
bool points_marker_bits(struct hart *hart, uint32_t *bits);
/** The breakpoint that was taken last may be met again at once: harts have been moved. */
void points_rearm(struct harts *harts);

/* -- notice.c: instructions that somebody is told of on the way ------------------------------- */

/**
 * A hart is about to execute what is noticed; positions are exact. It goes on at once, and nothing
 * of it may be changed.
 * @param what    As it was added, or 0.
 * @param marker  The marker that it is about to execute, or 0.
 */
typedef void notice_fn(void *owner, struct hart *hart, uint64_t what, uint32_t marker);

/**
 * Between turns, of harts in turns: from now on what is added is told. Caches are dropped.
 * @param markers  So is every marker.
 * @return false: out of memory.
 */
bool notices_begin(struct harts *harts, notice_fn *tell, void *owner, bool markers);
void notices_end(struct harts *harts);
/**
 * One more, in any space. To be called between turns, or while something is told.
 * @param what  Bits, not 0; those of one address add up.
 * @return false: there are too many (2^20).
 */
bool notices_add(struct harts *harts, vaddr address, uint64_t what);

/** Walks all harts with their reservations, in order. */
void harts_state(struct harts *harts, struct stream *stream);

/** To be called before another hart has its turn: the page that hart @p idx has a reservation in
 * loses its write permission in all TLBs. */
void harts_end_turn(struct harts *harts, unsigned idx);

/* -- State ------------------------------------------------------------------------------------- */

enum privilege { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

enum { X_SINK = 32 }; /* x[X_SINK] swallows writes to x0 */

/* A set has two ways, one behind the other: what is looked at first, and what that pushed out. */
enum { TLB_SETS = 8, TLB_ENTRIES = 512, TLB_SLOTS = 2 * TLB_ENTRIES };

/** Translation for loads and stores of one page in the context that its set belongs to. */
struct tlb_entry {
    uint64_t read_page;  /* virtual address of the page, or TLB_EMPTY, which never matches */
    uint64_t write_page; /* the same for stores */
    uint64_t host_minus; /* host address of a byte - its virtual address, modulo 2^64 */
    paddr leaf;          /* address of the leaf page-table entry it rests on, or TLB_NO_LEAF */
};

/** Translation for instruction fetch of one page, likewise. */
struct fetch_entry {
    uint64_t page; /* virtual address of the page, or TLB_EMPTY */
    struct code_page *code;
    paddr base; /* physical address of the page */
    paddr leaf;
};

#define TLB_EMPTY UINT64_MAX
#define TLB_NO_LEAF UINT64_MAX

/** Trap causes as in mcause. @spec Privileged ISA 20240411, table 14 */
enum cause {
    CAUSE_FETCH_MISALIGNED = 0,
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_S = 9,
    CAUSE_ECALL_M = 11,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15
};

/** Set in mcause and scause when an interrupt was taken. */
#define CAUSE_INTERRUPT ((uint64_t)1 << 63)

/** Bits of mip and mie. */
enum {
    IP_SSIP = 1 << 1,
    IP_MSIP = 1 << 3,
    IP_STIP = 1 << 5,
    IP_MTIP = 1 << 7,
    IP_SEIP = 1 << 9,
    IP_MEIP = 1 << 11
};

/** Bits of mstatus that exist here. */
#define MSTATUS_SIE ((uint64_t)1 << 1)
#define MSTATUS_MIE ((uint64_t)1 << 3)
#define MSTATUS_SPIE ((uint64_t)1 << 5)
#define MSTATUS_MPIE ((uint64_t)1 << 7)
#define MSTATUS_SPP ((uint64_t)1 << 8)
#define MSTATUS_MPP ((uint64_t)3 << 11)
#define MSTATUS_FS ((uint64_t)3 << 13)
#define MSTATUS_MPRV ((uint64_t)1 << 17)
#define MSTATUS_SUM ((uint64_t)1 << 18)
#define MSTATUS_MXR ((uint64_t)1 << 19)
#define MSTATUS_TVM ((uint64_t)1 << 20)
#define MSTATUS_TW ((uint64_t)1 << 21)
#define MSTATUS_TSR ((uint64_t)1 << 22)
#define MSTATUS_UXL ((uint64_t)3 << 32)
#define MSTATUS_SXL ((uint64_t)3 << 34)
#define MSTATUS_SD ((uint64_t)1 << 63)

/** Bits of menvcfg and senvcfg. */
#define ENVCFG_FIOM ((uint64_t)1 << 0)
#define ENVCFG_CBIE ((uint64_t)3 << 4)
#define ENVCFG_CBCFE ((uint64_t)1 << 6)
#define ENVCFG_CBZE ((uint64_t)1 << 7)
#define ENVCFG_ADUE ((uint64_t)1 << 61)
#define ENVCFG_PBMTE ((uint64_t)1 << 62)
#define ENVCFG_STCE ((uint64_t)1 << 63)

/** Bytes [first, end) for which physical memory protection decides alike; empty when unknown. */
struct pmp_area {
    paddr first, end;
    unsigned allowed; /* OR of enum access */
};

/** One of mcycle and minstret: reads as base + count since; while inhibited it stands at base. */
struct counter {
    uint64_t base; /* value - count when running, value when inhibited; modulo 2^64 */
    bool inhibited;
};

struct hart {
    /* What the fast paths touch. */
    uint64_t x[33];
    uint64_t pc;                   /* exact between blocks and whenever the hart calls out */
    struct tlb_entry *data_tlb;    /* the set of data_context */
    struct fetch_entry *fetch_tlb; /* the set of fetch_context */
    uint64_t data_context;         /* context of loads and stores, in bits 63:52 */
    uint64_t fetch_context;        /* context of fetches, in bits 63:52 */
    struct clock
        *clock; /* its vCPU's: clock->steps is the position, exact whenever the hart calls out */
    const struct insn *block_insns; /* the block being executed, its address, its first position */
    uint64_t block_pc;
    uint64_t block_steps;
    int64_t *sheet; /* TALLY_RUNS: counts by run, in the present context; else NULL */
    uint32_t label; /* TALLY_CALLS: that of the code which runs, or LABEL_... */
    bool watched;   /* somebody is told where it goes: see tally.h */
    bool counted;   /* and that is counted */
    uint64_t f[32];
    uint64_t mstatus; /* without SD, which is derived */
    uint8_t frm;
    uint8_t fflags;
    uint8_t priv;       /* enum privilege */
    bool check;         /* interrupts or translations may have changed: leave the block */
    bool leave;         /* deadlines or the machine may have changed: leave the engine */
    int64_t heat_floor; /* the interpreter stops before a block whose heat is below */
    struct {
        uint64_t page;       /* virtual address of the page that translated code runs in */
        uint64_t end;        /* position at which its grant ends */
        const uint8_t *code; /* what entries of code pages are offsets from */
        uint32_t mxcsr;      /* the host's floating-point state, as code finds and leaves it */
        void *struck;        /* page of code that has too many strikes */
        atomic_bool stop;    /* code that counts no steps leaves when it sees this */
    } region;                /* a translator's */
    bool zeroes_blocks;      /* cbo.zero is allowed in the present mode */
    uint8_t target_mask;     /* address bits that a jump target may not have: 2 without C, else 0 */

    /* The rest of the architecture. */
    unsigned id;
    struct harts *harts;
    struct code_cache *code; /* decoded code */
    void *translator;        /* of an engine that has one */
    struct vcpu *vcpu;
    uint64_t lines; /* mip bits driven from outside: MSIP MTIP MEIP SEIP and, with STCE, STIP */
    uint64_t mip;   /* mip bits that software holds: SSIP STIP SEIP */
    uint64_t mie, mideleg, medeleg;
    uint64_t mtvec, mscratch, mepc, mcause, mtval;
    uint64_t stvec, sscratch, sepc, scause, stval;
    uint64_t satp, stimecmp, menvcfg, senvcfg;
    uint32_t mcounteren, scounteren;
    uint32_t mcountinhibit;
    struct counter cycle, instret;
    uint64_t unretired; /* steps that did not retire: retired = steps - unretired */
    uint8_t pmpcfg[PMP_ENTRIES];
    uint64_t pmpaddr[PMP_ENTRIES];
    bool reserved; /* holds a reservation on the aligned 64 bytes at reservation */
    paddr reservation;
    struct hart_tally tally;
    struct {
        paddr address; /* of the LR */
        unsigned size_bytes;
        uint64_t value;                 /* that it read: its low size_bytes count */
    } linked;                           /* parallel: what an SC compares with */
    struct comparator supervisor_timer; /* stimecmp, on the hart's own clock */

    /* Caches of the above: never part of the state. */
    struct tlb_entry tlb[TLB_SETS][TLB_SLOTS]; /* a set for each context that is in use */
    struct fetch_entry fetch[TLB_SETS][TLB_SLOTS];
    uint64_t tlb_context[TLB_SETS];       /* data_context that a set belongs to, or TLB_EMPTY */
    uint64_t fetch_set_context[TLB_SETS]; /* fetch_context, likewise */
    unsigned tlb_next, fetch_next;        /* set to be given to the next context */
    vaddr spans_first, spans_last;        /* all that entries rest on whose leaf maps more pages */
    uint64_t space_satp[256];             /* satp that a translation space number stands for */
    bool space_used[256];
    unsigned pmp_count;               /* PMP entries up to the last that is on */
    struct pmp_area pmp_area[4];      /* what was decided last, by privilege */
    struct insn single[64];           /* room for a block that is part of another, and its end */
    uint64_t data_fills, fetch_fills; /* TLB entries made so far: misses that memory answered */
};

/** Parallel: enters or leaves the part of the machine that all harts share. */
static inline void hart_gate(struct hart *hart, bool enters) {
    if (hart->harts->gate != NULL) {
        hart->harts->gate(hart->harts->gate_owner, hart, enters);
    }
}

/** Does the CPU have this extension? */
static inline bool hart_has(const struct hart *hart, enum ext ext) {
    return (hart->harts->ext & ext_bit(ext)) != 0;
}

/** Does menvcfg, and in U mode senvcfg, have any of @p bits on, as the mode asks? */
static inline bool hart_envcfg_allows(const struct hart *hart, uint64_t bits) {
    if (hart->priv != PRIV_M && (hart->menvcfg & bits) == 0) {
        return false;
    }
    return hart->priv != PRIV_U || (hart->senvcfg & bits) != 0;
}

/* -- hart.c: reset, traps, interrupts ---------------------------------------------------------- */

/** Reset state: M mode, pc, a0 = hart id, a1 = device tree; counters 0; steps go on; lines stay as
 * driven. */
void hart_reset(struct hart *hart, vaddr pc, uint64_t a1);

/** Drives mip bits from outside (MSIP, MTIP, MEIP, SEIP). Wakes the vCPU when that makes an enabled
 * one pending. */
void hart_set_lines(struct hart *hart, uint64_t bits, bool level);

/** mip as a read of the CSR gives it. */
uint64_t hart_mip(const struct hart *hart);

/**
 * Takes the highest-priority interrupt that is pending, enabled and allowed now, if any: no step
 * (law 1).
 * @return true when one was taken.
 * @spec Privileged ISA 20240411, 3.1.6.1, 3.1.9
 */
bool hart_take_interrupt(struct hart *hart);

/** Is an interrupt pending that mie enables (whatever mstatus says)? What ends WFI. */
bool hart_wake_pending(const struct hart *hart);

/**
 * Takes an exception at hart->pc (which must be exact). Counts the step as unretired; moves pc and
 * privilege. The step itself is counted by the engine.
 */
void hart_exception(struct hart *hart, enum cause cause, uint64_t tval);

/** MRET and SRET; the caller has checked that they are legal. Sets pc. */
void hart_mret(struct hart *hart);
void hart_sret(struct hart *hart);

/** After a change of privilege, mstatus, satp, PMP or envcfg: recomputes contexts; sets check. */
void hart_changed(struct hart *hart);

/** Walks the hart's state, with names. */
void hart_state(struct hart *hart, struct stream *stream);

/** Instructions retired. */
uint64_t hart_retired(const struct hart *hart);

/* -- csr.c: control and status registers ------------------------------------------------------- */

/**
 * Reads a CSR for a CSR instruction in the present mode. hart->clock->steps must be exact.
 * @param writes  The same instruction also writes (read-only CSRs are then illegal).
 * @return false: illegal instruction.
 */
bool csr_read(struct hart *hart, unsigned number, bool writes, uint64_t *value);
/**
 * What csrrs/csrrc modify, where it differs from what is read: mip and sip, whose SEIP reads as
 * software | line but is modified from the software bit alone. Called after csr_read with its
 * value.
 */
uint64_t csr_modify_base(const struct hart *hart, unsigned number, uint64_t value);
/** Writes a CSR that csr_read has allowed. Takes effect after the instruction: position + 1 for
 * counters. */
void csr_write(struct hart *hart, unsigned number, uint64_t value);

/**
 * Reads a CSR for a debugger: in any mode, with no effect.
 * @return false: there is none of that number.
 */
bool csr_peek(struct hart *hart, unsigned number, uint64_t *value);
/** Writes one for a debugger, between steps, all clocks caught up. @return false: cannot be. */
bool csr_poke(struct hart *hart, unsigned number, uint64_t value);

/** Is the FP unit on and the rounding mode rm (7 = dynamic) valid? Gives the mode to use. */
static inline bool fp_round_mode(const struct hart *hart, unsigned rm, unsigned *round) {
    *round = rm == 7 ? hart->frm : rm;
    return *round <= 4;
}

/** After a walk that has set registers: what follows from counters' registers. */
void csr_state_set(struct hart *hart);

/* -- pmp.c: physical memory protection --------------------------------------------------------- */

enum access { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_FETCH = 4 };

/** Permissions (OR of enum access) for all of [address, address + size) at @p priv; partial matches
 * give none. */
unsigned pmp_check(struct hart *hart, paddr address, uint64_t size_bytes, enum privilege priv);
/** The same for the page around @p address; *uniform = false when entries cut the page, then check
 * each access. */
unsigned pmp_check_page(struct hart *hart, paddr address, enum privilege priv, bool *uniform);

/** All entries off and unlocked; the caller then calls mmu_flush and hart_changed. */
void pmp_reset(struct hart *hart);
/** After a walk that has set registers: what follows from PMP's. Then TLBs are empty. */
void pmp_state_set(struct hart *hart);
/** The registers: pmpcfg of the eight entries from @p first (0 or 8), pmpaddr of one entry. */
uint64_t pmp_config(const struct hart *hart, unsigned first);
void pmp_set_config(struct hart *hart, unsigned first, uint64_t value);
void pmp_set_address(struct hart *hart, unsigned entry, uint64_t value);

/* -- mmu.c: translation, TLB, memory accesses off the fast path -------------------------------- */

/** Why an access did not go through, or that it did. */
enum access_fault {
    FAULT_NONE,
    FAULT_PAGE,
    FAULT_ACCESS,
    FAULT_AGAIN /* inside the walk: another hart changed the entry */
};

enum { WALK_LEVELS_MAX = 5 };

/** One access to be translated; it lies within one page. */
struct request {
    vaddr address;
    unsigned size_bytes;
    enum access access;
    enum privilege priv; /* effective */
    bool atomic;         /* writes what it has read */
};

/** A successful translation. */
struct translation {
    paddr address;
    unsigned allowed; /* enum access bits under the asking context; fetch on its own, read and write
                         together */
    paddr leaf;       /* address of the leaf entry, TLB_NO_LEAF when untranslated */
    bool spans;       /* the leaf maps more than one page */
    uint64_t span_bytes; /* that it maps, or says so with its neighbours; 0 when untranslated */
    bool whole_page;     /* allowed holds for the whole page: may go to a TLB */
    paddr pointers[WALK_LEVELS_MAX]; /* addresses of the entries that led to the leaf */
    unsigned pointer_count;
};

/**
 * Translates one access; updates A and D when Svadu is on; checks PMP.
 * @spec Privileged ISA 20240411, 11.3.2
 */
enum access_fault mmu_translate(struct hart *hart, const struct request *request,
                                struct translation *out);

/**
 * Translates for a debugger, as loads of the hart are: with no effect, and where there is a
 * mapping, whatever it allows.
 * @return false: there is none.
 */
bool mmu_peek(struct hart *hart, vaddr address, paddr *at);
/** The same, for another mode than the present one. */
bool mmu_peek_as(struct hart *hart, enum privilege priv, vaddr address, paddr *at);
/** Loads 8 bytes as mmu_peek() sees them. @return false: not aligned, or there is no RAM. */
bool mmu_peek_word(struct hart *hart, vaddr address, uint64_t *value);

/** Effective privilege of loads and stores (MPRV). */
enum privilege mmu_data_privilege(const struct hart *hart);

/** Drops this hart's TLBs. */
void mmu_flush(struct hart *hart);
/** Drops whatever rests on the leaf that maps @p address, in any space, or did so before. */
void mmu_flush_page(struct hart *hart, vaddr address);

/** Contexts for the TLB keys; called by hart_changed. */
void mmu_set_contexts(struct hart *hart);

/* For tally.c, besides tally.h. */

/** A handler is about to be entered. */
void tally_enter(struct hart *hart, uint64_t cause, enum privilege target);
/** MRET or SRET has left a mode. */
void tally_back(struct hart *hart, enum privilege from);

/* -- interp.c: the engine that defines the semantics ------------------------------------------- */

/**
 * Runs at most @p budget_steps steps; stops early when the vCPU sleeps or something outside must be
 * looked at. clock->steps has moved by the result. Interrupts that are takeable are taken first.
 * @return Steps taken, at least 1 unless the vCPU sleeps.
 */
uint64_t interp_run(struct hart *hart, uint64_t budget_steps);

/* What a translator needs of the interpreter. */

/**
 * Runs from pc at position @p at until position @p end, until hart->check or hart->leave is set, or
 * until the block at pc has less heat than hart->heat_floor.
 * @return The position reached; pc is exact, clock->steps is not.
 */
uint64_t interp_blocks(struct hart *hart, uint64_t at, uint64_t end);

/**
 * Runs one instruction of a block, whose place in it is insn->length, at hart->pc and position
 * @p at.
 * @return As the instruction's body (enum flow); pc is exact unless it is FLOW_NEXT.
 */
unsigned interp_one(struct hart *hart, const struct insn *insn, uint64_t at);

#endif
