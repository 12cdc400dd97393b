/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disassembler: an instruction as binutils writes it with `-M no-aliases`.
 *
 * Column `text` of format.def is the operand list; its letters stand for
 *
 *   d s t r   integer register in rd, rs1, rs2, rs3      i   immediate, decimal
 *   D S T R   floating-point register in the same        x   shift amount, hexadecimal
 *   b         target of a jump or branch                 u   upper 20 bits, hexadecimal
 *   c         CSR                                        z   unsigned immediate in rs1
 *   p q       predecessors and successors of a fence     l   constant that fli loads
 *
 * and all others for themselves. A rounding mode follows at the end, if it is not the one that
 * assemblers take by themselves: rne where the result is exact, else dyn. */
#include "isa/isa.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "isa/format.h"

enum { MNEMONIC_WIDTH = 7, FENCE_TSO = 0x833, RM_RNE = 0, RM_DYN = 7 };

/** Text under construction. */
struct output {
    char *text;
    size_t size;
    size_t length; /* of the whole text, also where it has been cut */
};

__attribute__((format(printf, 2, 3))) static void put(struct output *output, const char *format,
                                                      ...) {
    size_t room = output->length < output->size ? output->size - output->length : 0;
    va_list arguments;
    va_start(arguments, format);
    char *end = room > 0 ? output->text + output->length : NULL;
    int length = vsnprintf(end, room, format, arguments);
    va_end(arguments);
    output->length += (size_t)length;
}

static const char *const x_names[32] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                        "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                        "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                        "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

static const char *const f_names[32] = {"ft0", "ft1", "ft2",  "ft3",  "ft4", "ft5", "ft6",  "ft7",
                                        "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
                                        "fa6", "fa7", "fs2",  "fs3",  "fs4", "fs5", "fs6",  "fs7",
                                        "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};

const char *x_name(unsigned number) {
    return x_names[number & 31];
}

const char *f_name(unsigned number) {
    return f_names[number & 31];
}

/** @spec Unprivileged ISA 20240411, section 24.1; numbers as C writes them with %a */
static const char *const fli_names[32] = {
    "-0x1p+0", "min",      "0x1p-16",  "0x1p-15",  "0x1p-8",  "0x1p-7",   "0x1p-4",   "0x1p-3",
    "0x1p-2",  "0x1.4p-2", "0x1.8p-2", "0x1.cp-2", "0x1p-1",  "0x1.4p-1", "0x1.8p-1", "0x1.cp-1",
    "0x1p+0",  "0x1.4p+0", "0x1.8p+0", "0x1.cp+0", "0x1p+1",  "0x1.4p+1", "0x1.8p+1", "0x1p+2",
    "0x1p+3",  "0x1p+4",   "0x1p+7",   "0x1p+8",   "0x1p+15", "0x1p+16",  "inf",      "nan"};

static const char *const rm_names[8] = {"rne", "rtz",     "rdn",     "rup",
                                        "rmm", "unknown", "unknown", "dyn"};

/** Operations before or after a fence, bits 3 to 0 of @p set. */
static void put_fence_set(struct output *output, int32_t set) {
    if ((set & 15) == 0) {
        put(output, "unknown");
    }
    for (int bit = 3; bit >= 0; bit--) {
        if ((set >> bit & 1) != 0) {
            put(output, "%c", "wroi"[bit]);
        }
    }
}

static void put_csr(struct output *output, unsigned number) {
    const char *name = csr_name(number);
    if (name != NULL) {
        put(output, "%s", name);
    } else {
        put(output, "0x%x", number);
    }
}

static void put_operand(struct output *output, char letter, const struct insn *insn, uint64_t pc) {
    switch (letter) {
    case 'd':
        put(output, "%s", x_names[insn->rd]);
        break;
    case 's':
        put(output, "%s", x_names[insn->rs1]);
        break;
    case 't':
        put(output, "%s", x_names[insn->rs2]);
        break;
    case 'D':
        put(output, "%s", f_names[insn->rd]);
        break;
    case 'S':
        put(output, "%s", f_names[insn->rs1]);
        break;
    case 'T':
        put(output, "%s", f_names[insn->rs2]);
        break;
    case 'R':
        put(output, "%s", f_names[insn->rs3]);
        break;
    case 'i':
        put(output, "%" PRId32, insn->imm);
        break;
    case 'x':
        put(output, "0x%" PRIx32, (uint32_t)insn->imm);
        break;
    case 'u':
        put(output, "0x%" PRIx32, (uint32_t)insn->imm >> 12);
        break;
    case 'b':
        put(output, "0x%" PRIx64, pc + (uint64_t)(int64_t)insn->imm);
        break;
    case 'c':
        put_csr(output, (unsigned)insn->imm);
        break;
    case 'z':
        put(output, "%u", insn->rs1);
        break;
    case 'p':
        put_fence_set(output, insn->imm >> 4);
        break;
    case 'q':
        put_fence_set(output, insn->imm);
        break;
    case 'l':
        put(output, "%s", fli_names[insn->rs1]);
        break;
    default:
        put(output, "%c", letter);
        break;
    }
}

/** The name with what belongs to it: .aqrl, or the number of a may-be-operation. */
static void put_mnemonic(struct output *output, const struct insn *insn, enum format format) {
    static const char *const orders[4] = {"", ".rl", ".aq", ".aqrl"};
    put(output, "%s", op_name(insn->op));
    if (format == FORMAT_AMO || format == FORMAT_LR) {
        put(output, "%s", orders[insn->imm & 3]);
    }
    if (format == FORMAT_MOP_R || format == FORMAT_MOP_RR) {
        put(output, ".%" PRId32, insn->imm);
    }
    if (format == FORMAT_FENCE && insn->imm == FENCE_TSO) {
        put(output, ".tso");
    }
}

size_t insn_text(const struct insn *insn, uint64_t pc, char *text, size_t size) {
    static const uint8_t formats[OP_COUNT] = {
        [OP_illegal] = FORMAT_NONE,
#define INSN(name, format, pattern, ext, traits) [OP_##name] = FORMAT_##format,
#define COMP(name, format, pattern, ext, traits, expands)
#include "isa/insn.def"
#undef INSN
#undef COMP
    };
    static const char *const texts[FORMAT_COUNT] = {
#define FORMAT(name, rd, rs1, rs2, rs3, imm, text) [FORMAT_##name] = text,
#include "isa/format.def"
#undef FORMAT
    };
    struct output output = {text, size, 0};
    if (insn->op == OP_illegal) {
        put(&output, ".%ubyte  0x%" PRIx32, insn->length, insn->bits);
        return output.length;
    }
    enum format format = formats[insn->op];
    put_mnemonic(&output, insn, format);
    bool fence_tso = format == FORMAT_FENCE && insn->imm == FENCE_TSO;
    const char *letters = fence_tso ? "" : texts[format];
    if (*letters != '\0') {
        bool fits = output.length < MNEMONIC_WIDTH;
        put(&output, "%*s ", fits ? (int)(MNEMONIC_WIDTH - output.length) : 0, "");
    }
    for (; *letters != '\0'; letters++) {
        put_operand(&output, *letters, insn, pc);
    }
    unsigned rm_default = format == FORMAT_WIDEN || format == FORMAT_X_TO_D ? RM_RNE : RM_DYN;
    if ((op_traits(insn->op) & T_RM) != 0 && insn->rm != rm_default) {
        put(&output, ",%s", rm_names[insn->rm]);
    }
    return output.length;
}
