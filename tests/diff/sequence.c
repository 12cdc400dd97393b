/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a case executes: units of one or a few instructions, then an ecall.
 *
 * Most units are a random word that decode() has looked at: kept when its registers fit the rules
 * of place.c, drawn again when not. What needs more than one instruction to have one right outcome
 * is a unit of several: jumps through a register, LR with its SC, a change of a CSR that the
 * harness depends on, code that changes code. Jumps and branches lead to the start of a later unit,
 * so each case ends.
 *
 * What the manual leaves open never comes up:
 * 1. An SC succeeds or fails for sure: it follows the LR of the same address and size with nothing
 *    between that touches memory or traps, or no LR ever reserves what it stores to. (An SC after
 *    an own store, or to another address of the reservation set: Unprivileged ISA 13.2 allows
 *    both.) One that fails has nothing else wrong with it: QEMU does not look at the address then.
 * 2. WFI only where it traps (Privileged ISA 3.3.3 bounds the wait by nothing).
 * 3. Cache-block instructions only if no border of PMP entries divides a block (CMO 1.0, 2.5.2).
 * 4. Misaligned accesses only where no access fault can strike in the middle: they may come in
 *    parts, each with a check and an effect of its own (Privileged ISA 3.7.1).
 * 5. Counters are read into x0: the two machines' times have nothing in common.
 *
 * Nor does what QEMU 10 has wrong in a way that cannot be put right afterwards:
 * 6. sfence.w.inval and sfence.inval.ir in U mode: illegal (Svinval), but QEMU lets them pass.
 * 7. A wfi at the end of a page that traps: QEMU takes the next page's address for its own.
 * 8. cbo.inval, cbo.clean and cbo.flush of addresses without memory: QEMU sees no access fault.
 * 9. fround and froundnx whose result is overwritten in the same block of code: QEMU leaves them
 *    out, and so their flags. A jump after each ends the block.
 * 10. What csrs.c lists. */
#include <string.h>

#include "diff.h"

static const struct {
    const char *format;
} operations[OP_COUNT] = {
#define INSN(name, format, pattern, ext, traits) [OP_##name] = {#format},
#define COMP(name, format, pattern, ext, traits, expands)
#include "isa/insn.def"
#undef INSN
#undef COMP
};

enum { UNITS_MAX = 64 };

enum fixup_kind { FIX_NONE, FIX_B, FIX_J, FIX_CB, FIX_CJ, FIX_I, FIX_RETURN };

struct fixup {
    enum fixup_kind kind;
    unsigned at;     /* byte offset of the instruction */
    unsigned from;   /* what the distance counts from */
    unsigned target; /* unit */
    unsigned extra;  /* added to the distance */
};

struct sequence {
    struct plan *plan;
    unsigned starts[UNITS_MAX + 1];
    unsigned unit_count;
    struct fixup fixups[UNITS_MAX * 2];
    unsigned fixup_count;
};

/* -- Fixups ------------------------------------------------------------------------------------ */

static void later(struct sequence *sequence, enum fixup_kind kind, unsigned at, unsigned from) {
    ensure(sequence->fixup_count < COUNT(sequence->fixups));
    struct random *random = &sequence->plan->random;
    sequence->fixups[sequence->fixup_count++] = (struct fixup){
        .kind = kind,
        .at = at,
        .from = from,
        .target = sequence->unit_count + 1 + (unsigned)random_below(random, 5),
        .extra = kind == FIX_I && random_chance(random, 20) ? 1 : 0,
    };
}

static uint32_t field(uint32_t value, unsigned high, unsigned low, unsigned to) {
    return (uint32_t)bits_get(value, high, low) << to;
}

static uint32_t fixed(enum fixup_kind kind, uint32_t bits, uint32_t distance) {
    switch (kind) {
    case FIX_B:
        return (bits & 0x1fff07f) | field(distance, 12, 12, 31) | field(distance, 10, 5, 25) |
               field(distance, 4, 1, 8) | field(distance, 11, 11, 7);
    case FIX_J:
        return (bits & 0xfff) | field(distance, 20, 20, 31) | field(distance, 10, 1, 21) |
               field(distance, 11, 11, 20) | field(distance, 19, 12, 12);
    case FIX_CB:
        return (bits & 0xe383) | field(distance, 8, 8, 12) | field(distance, 4, 3, 10) |
               field(distance, 7, 6, 5) | field(distance, 2, 1, 3) | field(distance, 5, 5, 2);
    case FIX_CJ:
        return (bits & 0xe003) | field(distance, 11, 11, 12) | field(distance, 4, 4, 11) |
               field(distance, 9, 8, 9) | field(distance, 10, 10, 8) | field(distance, 6, 6, 7) |
               field(distance, 7, 7, 6) | field(distance, 3, 1, 3) | field(distance, 5, 5, 2);
    default:
        return (bits & 0xfffff) | distance << 20;
    }
}

static void fixups_apply(struct sequence *sequence) {
    struct plan *plan = sequence->plan;
    for (unsigned i = 0; i < sequence->fixup_count; i++) {
        const struct fixup *fixup = &sequence->fixups[i];
        unsigned target = fixup->target < sequence->unit_count ? fixup->target
                                                               : sequence->unit_count;
        unsigned length = fixup->kind == FIX_CB || fixup->kind == FIX_CJ ? 2 : 4;
        uint32_t bits = 0;
        memcpy(&bits, plan->code + fixup->at, length);
        uint32_t distance = sequence->starts[target] - fixup->from + fixup->extra;
        bits = fixed(fixup->kind, bits, distance);
        memcpy(plan->code + fixup->at, &bits, length);
    }
}

/* -- Single words ------------------------------------------------------------------------------ */

static bool writes_x(const struct insn *insn) {
    const char *format = operations[insn->op].format;
    if ((op_traits(insn->op) & T_FP) == 0) {
        return true;
    }
    return strcmp(format, "F_TO_X") == 0 || strcmp(format, "FCMP") == 0;
}

static bool is_block_op(unsigned op) {
    return op == OP_cbo_inval || op == OP_cbo_clean || op == OP_cbo_flush || op == OP_cbo_zero;
}

static bool is_round(unsigned op) {
    return op == OP_fround_h || op == OP_fround_s || op == OP_fround_d || op == OP_froundnx_h ||
           op == OP_froundnx_s || op == OP_froundnx_d;
}

static bool is_paired(unsigned op) {
    return op == OP_lr_w || op == OP_lr_d || op == OP_sc_w || op == OP_sc_d;
}

/* Steps of a pool register in place, while they stay small. */
static bool drifts(struct plan *plan, const struct insn *insn) {
    if (insn->op != OP_addi || insn->rd != insn->rs1 || insn->rd == plan->lone) {
        return false;
    }
    unsigned distance = (unsigned)(insn->imm < 0 ? -insn->imm : insn->imm);
    if (plan->keeps_aligned && distance % 8 != 0) {
        return false;
    }
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        if (plan->pool[i] == insn->rd && plan->drift[i] + distance <= 1024) {
            plan->drift[i] += distance;
            return true;
        }
    }
    return false;
}

static bool address_ok(struct plan *plan, const struct insn *insn) {
    unsigned traits = op_traits(insn->op);
    if ((traits & (T_LOAD | T_STORE | T_AMO)) == 0 && !is_block_op(insn->op)) {
        return true;
    }
    if (plan_in_pool(plan, insn->rs1)) {
        return insn->rs1 != plan->lone;
    }
    bool load = (traits & (T_LOAD | T_STORE | T_AMO)) == T_LOAD;
    return load && plan->translated && plan->mode != 3 && random_chance(&plan->random, 5);
}

static bool system_ok(const struct plan *plan, const struct insn *insn) {
    bool user = plan->mode == 0;
    uint64_t status = plan->head[CASE_MSTATUS];
    switch (insn->op) {
    case OP_wfi:
        return user || (plan->mode == 1 && (status >> 21 & 1) != 0);
    case OP_sret:
        return user || (plan->mode == 1 && (status >> 22 & 1) != 0);
    case OP_mret:
        return plan->mode != 3;
    case OP_sfence_w_inval:
    case OP_sfence_inval_ir:
        return !user && !plan->leaves_mode;
    default:
        return true;
    }
}

/** May this instruction stand alone? */
static bool stands_alone(struct plan *plan, const struct insn *insn) {
    if (insn->op == OP_illegal) {
        return sequence_comparable(insn->bits);
    }
    unsigned traits = op_traits(insn->op);
    if ((traits & (T_JUMP | T_BRANCH | T_CSR)) != 0 || is_paired(insn->op)) {
        return false;
    }
    if (is_block_op(insn->op) && (plan->fine_borders || plan->empty_pages || plan->mprv)) {
        return false;
    }
    if (!address_ok(plan, insn) || !system_ok(plan, insn)) {
        return false;
    }
    return !writes_x(insn) || insn->rd == 0 || !plan_in_pool(plan, insn->rd) || drifts(plan, insn);
}

/* The offset of a load or store, without its low bits where a misaligned access might be cut. */
static uint32_t aligned(const struct plan *plan, uint32_t bits) {
    if (!plan->keeps_aligned) {
        return bits;
    }
    switch (bits & 0x7f) {
    case 0x03:
    case 0x07:
        return bits & ~(UINT32_C(7) << 20);
    case 0x23:
    case 0x27:
        return bits & ~(UINT32_C(7) << 7);
    default:
        return bits;
    }
}

static void unit_any(struct sequence *sequence) {
    struct plan *plan = sequence->plan;
    struct insn insn;
    do {
        uint32_t bits = aligned(plan, words_any(plan->words, &plan->random));
        insn = decode(words_decoder(plan->words), bits);
    } while (!stands_alone(plan, &insn));
    while (insn.op == OP_wfi && plan->code_bytes % 8 != 0) {
        emit(plan, 1); /* c.nop */
    }
    emit(plan, insn.bits);
    if (is_round(insn.op)) {
        emit(plan, 0x0040006f); /* jal: 4 bytes on */
    }
}

/* Words of no row, mostly. */
static void unit_noise(struct sequence *sequence) {
    struct plan *plan = sequence->plan;
    struct insn insn;
    do {
        uint32_t bits = (uint32_t)random_u64(&plan->random);
        bits |= random_chance(&plan->random, 70) ? 3 : 0;
        insn = decode(words_decoder(plan->words), aligned(plan, bits));
    } while (!stands_alone(plan, &insn));
    emit(plan, insn.bits);
}

/* -- Jumps ------------------------------------------------------------------------------------- */

static void unit_branch(struct sequence *sequence) {
    static const struct {
        const char *name;
        enum fixup_kind kind;
    } rows[] = {
        {"beq", FIX_B},  {"bne", FIX_B},  {"blt", FIX_B},    {"bge", FIX_B},    {"bltu", FIX_B},
        {"bgeu", FIX_B}, {"jal", FIX_J},  {"c_beqz", FIX_CB}, {"c_bnez", FIX_CB}, {"c_j", FIX_CJ},
    };
    struct plan *plan = sequence->plan;
    unsigned row = (unsigned)random_below(&plan->random, COUNT(rows));
    uint32_t bits;
    do {
        bits = words_named(plan->words, rows[row].name, &plan->random);
    } while (rows[row].kind == FIX_J && plan_in_pool(plan, bits >> 7 & 31));
    later(sequence, rows[row].kind, plan->code_bytes, plan->code_bytes);
    emit(plan, bits);
}

/* jalr with the distance in it, or c.jr and c.jalr after an addi. */
static void unit_jump_register(struct sequence *sequence) {
    struct plan *plan = sequence->plan;
    unsigned at = plan->code_bytes;
    unsigned base = spare(plan);
    emit(plan, auipc(base));
    later(sequence, FIX_I, plan->code_bytes, at);
    if (random_chance(&plan->random, 60)) {
        unsigned link = random_chance(&plan->random, 30) ? base : spare(plan);
        emit(plan, insn_i(0x67, random_chance(&plan->random, 30) ? 0 : link, base, 0));
        return;
    }
    emit(plan, addi(base, base, 0));
    bool links = random_chance(&plan->random, 50) && !plan_in_pool(plan, 1);
    emit(plan, (links ? 0x9002 : 0x8002) | base << 7);
}

/* To another mode and on at a later unit. Only without translation is the code there, too. */
static void unit_return(struct sequence *sequence) {
    struct plan *plan = sequence->plan;
    struct random *random = &plan->random;
    bool machine = plan->mode == 3 && random_chance(random, 70);
    unsigned at = plan->code_bytes;
    unsigned base = spare(plan);
    plan->leaves_mode = true;
    emit(plan, auipc(base));
    later(sequence, FIX_RETURN, plan->code_bytes, at);
    emit(plan, addi(base, base, 0));
    emit(plan, csr(1, 0, machine ? CSR_MEPC : CSR_SEPC, base));
    if (machine && random_chance(random, 70)) {
        emit_constant(plan, base, 0x1800);
        emit(plan, csr(3, 0, CSR_MSTATUS, base));
        if (random_chance(random, 60)) {
            emit_constant(plan, base, random_chance(random, 60) ? 0x800 : 0x1800);
            emit(plan, csr(2, 0, CSR_MSTATUS, base));
        }
    } else if (!machine) {
        emit_constant(plan, base, 0x100);
        emit(plan, csr(random_chance(random, 70) ? 2 : 3, 0, CSR_SSTATUS, base));
    }
    emit(plan, machine ? 0x30200073 : 0x10200073);
}

/* -- Atomics ----------------------------------------------------------------------------------- */

static uint32_t insn_amo(unsigned funct, unsigned width, unsigned rd, unsigned rs1, unsigned rs2) {
    return 0x2f | rd << 7 | width << 12 | rs1 << 15 | rs2 << 20 | funct << 27;
}

/* An instruction that neither traps nor touches memory, for between LR and SC. */
static void filler(struct plan *plan, unsigned loaded) {
    unsigned rd = spare_but(plan, loaded);
    emit(plan, random_chance(&plan->random, 50) ? addi(rd, rd, 5) : lui(rd, 0x12345000));
}

/* Without a reservation, where nothing else is wrong. */
static void unit_alone(struct plan *plan) {
    struct random *random = &plan->random;
    unsigned width = 2 + (unsigned)random_below(random, 2);
    unsigned orders = (unsigned)random_below(random, 4);
    unsigned value = (unsigned)random_below(random, 32);
    emit(plan, insn_amo(3, width, spare(plan), plan->lone, value) | orders << 25);
}

/* LR and then SC; not SC when the LR has trapped, which leaves the marker in its register. */
static void unit_reserved(struct plan *plan) {
    struct random *random = &plan->random;
    const uint32_t marker = 0x5eed0123;
    unsigned width = 2 + (unsigned)random_below(random, 2);
    unsigned orders = (unsigned)random_below(random, 16);
    unsigned base = plan->pool[random_below(random, POOL_SIZE)];
    unsigned loaded = spare(plan);
    unsigned same = spare_but(plan, loaded);
    emit_constant(plan, loaded, marker);
    emit(plan, insn_amo(2, width, loaded, base, 0) | (orders & 3) << 25);
    for (unsigned i = (unsigned)random_below(random, 3); i > 0; i--) {
        filler(plan, loaded);
    }
    emit_constant(plan, same, marker);
    emit(plan, 0x463 | loaded << 15 | same << 20); /* beq: 8 bytes on */
    unsigned result = random_chance(random, 10) ? 0 : spare(plan);
    unsigned value = (unsigned)random_below(random, 32);
    emit(plan, insn_amo(3, width, result, base, value) | (orders >> 2) << 25);
}

/* -- Code that changes code -------------------------------------------------------------------- */

/* Puts another instruction in place of the unit's last one. */
static void unit_modify(struct sequence *sequence) {
    struct plan *plan = sequence->plan;
    unsigned value = spare(plan);
    unsigned base = spare_but(plan, value);
    unsigned rd = spare(plan);
    emit_constant(plan, value, addi(rd, (unsigned)random_below(&plan->random, 32), 77));
    unsigned at = plan->code_bytes;
    emit(plan, auipc(base));
    unsigned distance = random_chance(&plan->random, 80) ? 12 : 16;
    emit(plan, 0x2023 | base << 15 | value << 20 | distance << 7); /* sw */
    emit(plan, 0x100f);                                           /* fence.i */
    emit(plan, addi(rd, 0, 1));
    ensure(plan->code_bytes == at + 16);
    emit(plan, addi(rd, rd, 3));
}

/* -- The whole --------------------------------------------------------------------------------- */

static void unit_make(struct sequence *sequence) {
    unsigned draw = (unsigned)random_below(&sequence->plan->random, 100);
    const struct plan *plan = sequence->plan;
    if (draw < 8) {
        unit_branch(sequence);
    } else if (draw < 10) {
        unit_jump_register(sequence);
    } else if (draw < 12) {
        unit_reserved(sequence->plan);
    } else if (draw < 13 && !plan->mprv) {
        unit_alone(sequence->plan);
    } else if (draw < 22) {
        csr_access(sequence->plan);
    } else if (draw < 23) {
        unit_modify(sequence);
    } else if (draw < 28) {
        unit_noise(sequence);
    } else if (draw < 30 && (plan->mode == 3 || plan->mode == 1)) {
        unit_return(sequence);
    } else {
        unit_any(sequence);
    }
}

/* In M mode with MPRV: the mode of the data is set by the case itself. */
static void mprv_set(struct plan *plan) {
    unsigned value = spare(plan);
    emit_constant(plan, value, 0x1800);
    emit(plan, csr(3, 0, CSR_MSTATUS, value));
    emit_constant(plan, value, random_chance(&plan->random, 60) ? 0x20800 : 0x20000);
    emit(plan, csr(2, 0, CSR_MSTATUS, value));
}

void sequence_make(struct plan *plan) {
    struct random *random = &plan->random;
    struct sequence sequence = {.plan = plan};
    unsigned lead = 2 * (unsigned)random_below(random, 4);
    memset(plan->code, 0, sizeof plan->code);
    for (unsigned i = 0; i < lead; i += 2) {
        plan->code[i] = 1; /* c.nop */
    }
    plan->code_bytes = lead;
    if (plan->mprv) {
        mprv_set(plan);
    }
    unsigned units = 12 + (unsigned)random_below(random, 36);
    for (sequence.unit_count = 0; sequence.unit_count < units; sequence.unit_count++) {
        sequence.starts[sequence.unit_count] = plan->code_bytes;
        unit_make(&sequence);
    }
    sequence.starts[sequence.unit_count] = plan->code_bytes;
    unsigned exit_at = plan->code_bytes;
    emit(plan, 0x73);
    fixups_apply(&sequence);
    unsigned room = CODE_PAGES * 0x1000 - CODE_BYTES_MAX;
    unsigned start = (unsigned)random_below(random, room);
    if (random_chance(random, 40)) {
        start = 0x1000 - (unsigned)random_below(random, exit_at);
    }
    start &= ~7U;
    plan->head[CASE_CODE_START] = CODE_BASE + start;
    plan->head[CASE_CODE_WORDS] = (plan->code_bytes + 7) / 8;
    uint64_t base = CODE_BASE + start + plan->head[CASE_CODE_DELTA];
    plan->head[CASE_ENTRY] = base + lead;
    plan->head[CASE_EXIT] = base + exit_at;
}

/* -- What QEMU takes otherwise ----------------------------------------------------------------- */

bool sequence_comparable(uint32_t bits) {
    (void)bits;
    return true;
}
