/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RISC-V instructions and CSRs as data: tables, decoder, disassembler. Touches no machine state. */
#ifndef ISA_ISA_H
#define ISA_ISA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* -- ext.def: extensions and profiles ---------------------------------------------------------- */

/** Extensions that can be switched, one row each in ext.def. */
enum ext {
#define EXT(name, text, needs) EXT_##name,
#include "isa/ext.def"
#undef EXT
    EXT_COUNT
};

/** Set of extensions: bit n stands for enum ext n. */
typedef uint64_t ext_set;

/** The set that holds just @p ext. */
static inline ext_set ext_bit(enum ext ext) {
    return (ext_set)1 << ext;
}

/** Name of an extension as `--cpu` takes it. Static string. */
const char *ext_name(enum ext ext);

/**
 * Parses the value of `--cpu`: PROFILE[,EXT=on|off…], for example "rva22s64,zfh=on,sstc=off".
 * Profiles: rv64gc, rva22s64, max (everything; the default). What an extension needs comes with
 * it; switching one off takes along what needs it; asking for both is an error.
 *
 * @param text   Value of the option; may not be NULL.
 * @param set    Set on success.
 * @errors       STATUS_USAGE, naming the word and near alternatives.
 */
enum status ext_parse(const char *text, ext_set *set, struct error *error);

/**
 * Writes the device tree's `riscv,isa` string of @p set ("rv64imafdc_zicsr_…", canonical order).
 * @return  Length of the whole string without the terminating zero, as from snprintf: the text has
 *          been cut when that is not less than @p size.
 */
size_t ext_isa_string(ext_set set, char *text, size_t size);

/* -- insn.def: one row an instruction ---------------------------------------------------------- */

/** Operations after decoding. A compressed instruction decodes to the operation it abbreviates. */
enum op {
    OP_illegal, /* imm holds the bits; raises an illegal-instruction exception when executed */
#define INSN(name, format, pattern, ext, traits) OP_##name,
#define COMP(name, format, pattern, ext, traits, expands)
#include "isa/insn.def"
#undef INSN
#undef COMP
    OP_COUNT
};

/** What an engine must know of an operation without knowing its semantics. */
enum insn_traits {
    T_JUMP = 1 << 0,    /* unconditional change of pc: jal, jalr */
    T_BRANCH = 1 << 1,  /* conditional, pc-relative */
    T_LOAD = 1 << 2,    /* reads memory */
    T_STORE = 1 << 3,   /* writes memory */
    T_AMO = 1 << 4,     /* atomic, including lr and sc */
    T_FP = 1 << 5,      /* needs mstatus.FS != Off */
    T_RM = 1 << 6,      /* has a rounding-mode field */
    T_CSR = 1 << 7,     /* reads or writes a CSR */
    T_SYSTEM = 1 << 8,  /* privileged or may change how the next instruction executes */
    T_ENDS = 1 << 9,    /* ends a block: all of the above that may leave the straight line */
    T_NZ_RD = 1 << 10,  /* reserved (illegal) when rd is x0 */
    T_NZ_RS1 = 1 << 11, /* reserved when rs1 is x0 */
    T_NZ_IMM = 1 << 12  /* reserved when the immediate is zero */
};

/**
 * One decoded instruction; 16 bytes, so that a host cache line holds four. Fields that its format
 * lacks are 0. The immediate is sign-extended and complete (that of lui has its low 12 bits). It is
 * the offset from pc for jal and branches, the amount for shifts, the number for CSRs and
 * may-be-operations, aq<<1|rl for atomics, fm<<8|pred<<4|succ for fence.
 */
struct insn {
    uint16_t op;    /* enum op */
    uint8_t length; /* [bytes] 2 or 4 */
    uint8_t rd;     /* destination 0..31, as encoded */
    uint8_t rs1;    /* 0..31, also the zimm of csrr?i and the constant's number of fli */
    uint8_t rs2;    /* 0..31 */
    uint8_t rs3;    /* 0..31, fused multiply-add only */
    uint8_t rm;     /* 0..7 when T_RM */
    int32_t imm;    /* immediate operand */
    uint32_t bits;  /* the instruction as fetched, zero-extended when compressed (for mtval) */
};

/** Orders of an atomic, in its immediate. */
enum { INSN_RL = 1, INSN_AQ = 2 };

/* -- decode.c ---------------------------------------------------------------------------------- */

struct decoder;

/**
 * Builds the decoder for a CPU with the extensions of @p set from insn.def.
 * @return  Decoder owned by the caller, NULL when out of memory.
 * @thread  Immutable: any thread may use it.
 */
struct decoder *decoder_new(ext_set set);
void decoder_free(struct decoder *decoder);

/**
 * Decodes one instruction.
 * @param bits  The 32 bits at pc; of a compressed instruction the upper half is ignored.
 * @return      op is OP_illegal for anything that set does not hold; length is right even then.
 *              Words of more than 32 bits are illegal, with length 4.
 * @spec        Unprivileged ISA 20240411, section 1.5
 */
struct insn decode(const struct decoder *decoder, uint32_t bits);

/** What a marker says, by the upper bits of its immediate. */
enum marker_kind {
    MARKER_PLACE,        /* numbers are 0 to 2047 */
    MARKER_BEGIN,        /* an interval of its task begins; numbers are 0 to 511 */
    MARKER_END,          /* it ends */
    MARKER_BEGIN_SHARED, /* the same for all tasks together */
    MARKER_END_SHARED
};

/**
 * Is it a marker: slti x0, rs1, immediate? A hint of the base ISA that does nothing, set aside for
 * uses like this one (docs/markers.md).
 * @spec Unprivileged ISA 20240411, section 2.9
 */
static inline bool insn_is_marker(uint32_t bits) {
    return (bits & 0x7fff) == 0x2013;
}

static inline enum marker_kind marker_kind(uint32_t bits) {
    return (bits >> 31) == 0 ? MARKER_PLACE : (enum marker_kind)(MARKER_BEGIN + (bits >> 29 & 3));
}

static inline uint32_t marker_number(uint32_t bits) {
    return (bits >> 31) == 0 ? bits >> 20 : bits >> 20 & 511;
}

/** The register that holds its value. */
static inline unsigned marker_register(uint32_t bits) {
    return bits >> 15 & 31;
}

/** Length in bytes that the low half word of an instruction announces: 2 or 4. */
static inline unsigned insn_length(uint32_t bits) {
    return (bits & 3) == 3 ? 4 : 2;
}

/* -- disasm.c ---------------------------------------------------------------------------------- */

/**
 * Text of an instruction in the style of binutils without aliases: "addi    a0,a0,-1".
 * @param pc    Address, for targets of jumps and branches.
 * @return      Length of the whole text without the terminating zero, as from snprintf: the text
 *              has been cut when that is not less than @p size.
 */
size_t insn_text(const struct insn *insn, uint64_t pc, char *text, size_t size);

/** Names of registers 0 to 31 in the calling convention: "a0", "fa0". Static strings. */
const char *x_name(unsigned number);
const char *f_name(unsigned number);

/* -- csr.def ----------------------------------------------------------------------------------- */

/** CSR numbers, spelled as in the manual: CSR_MSTATUS = 0x300. */
enum csr_number {
#define CSR(name, number, ext, what) CSR_##name = number,
#include "isa/csr.def"
#undef CSR
    CSR_NUMBER_END = 0x1000
};

/* -- tables.c ---------------------------------------------------------------------------------- */

/** Traits of an operation. */
unsigned op_traits(enum op op);

/** Extension an operation belongs to (its first, where several provide it). */
enum ext op_ext(enum op op);

/** Mnemonic as assemblers write it, for example "fcvt.w.s". Static string. */
const char *op_name(enum op op);

/** Name of a CSR in lower case ("mstatus"), or NULL when csr.def has no such row. */
const char *csr_name(unsigned number);

#endif
