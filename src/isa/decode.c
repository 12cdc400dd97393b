/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoder: finds the row of insn.def that a word matches, and takes the word's operands apart.
 *
 * A pattern is a mask (its fixed bits) and a match (their values). To try some 300 of them for each
 * word would be slow, so words are sorted into cells first. The cell of a word is a number made of
 * the bits that tell most rows apart: opcode, funct3 and the top five bits of 32-bit instructions;
 * the quadrant and the top six bits of 16-bit ones. A cell lists the rows that its words can match,
 * and decode() tries only these: at most three in nearly all cells, 13 in the fullest.
 *
 * Invariants:
 * 1. A cell lists a row if and only if some word of the cell matches the row.
 * 2. Rows stand in the order of their number of fixed bits, the most first, and so they do in each
 *    list. A special case comes before the row it lies in (pause before fence), and the first match
 *    is the right one.
 * 3. A decoder holds only rows of its extensions, and nothing changes it after decoder_new().
 *
 * Example: 0x0000100f is fence.i: opcode 00011, funct3 001, top bits 00000. Its cell lists one row,
 * with mask 0x707f and match 0x100f.
 *
 * Rejected: nested switches, which repeat in code what the table says; a generator, which is one
 * more language to learn; an entry for each 16-bit word, which makes a decoder a megabyte. */
#include "isa/isa.h"

#include <stdlib.h>
#include <string.h>

#include "isa/format.h"

enum {
    CELLS_LONG = 1 << 13, /* cells of 32-bit instructions, from 0 */
    CELLS_SHORT = 1 << 8, /* of 16-bit ones, after them */
    CELL_COUNT = CELLS_LONG + CELLS_SHORT,
    LISTED_MAX = 1 << 13 /* room for the lists of all cells, with every extension on */
};

/** Rows of insn.def by number. */
enum {
#define INSN(name, format, pattern, ext, traits) ROW_##name,
#define COMP(name, format, pattern, ext, traits, expands) ROW_##name,
#include "isa/insn.def"
#undef INSN
#undef COMP
    ROW_COUNT
};

struct row {
    uint32_t mask;   /* fixed bits of the pattern */
    uint32_t match;  /* their values */
    uint16_t op;     /* enum op it decodes to */
    uint16_t traits; /* T_RM and T_NZ_… matter here */
    uint8_t format;  /* enum format */
    uint8_t length;  /* [bytes] 2 or 4 */
};

struct decoder {
    uint16_t first[CELL_COUNT + 1]; /* cell n lists listed[first[n]] up to listed[first[n + 1]] */
    uint16_t listed[LISTED_MAX];    /* row_idx */
    struct row rows[ROW_COUNT];
    size_t row_count;
};

/* -- The table as given ------------------------------------------------------------------------ */

/** A row of insn.def before its pattern is read. */
struct definition {
    const char *pattern;
    uint16_t op;
    uint16_t traits;
    uint8_t format;
};

static const struct definition definitions[ROW_COUNT] = {
#define INSN(name, format, pattern, ext, traits)                                                   \
    [ROW_##name] = {pattern, OP_##name, traits, FORMAT_##format},
#define COMP(name, format, pattern, ext, traits, expands)                                          \
    [ROW_##name] = {pattern, OP_##expands, traits, FORMAT_##format},
#include "isa/insn.def"
#undef INSN
#undef COMP
};

/** Evaluates the column `ext`, whose words are the constants here, for each row. */
static void rows_provided(ext_set set, bool provided[ROW_COUNT]) {
#define EXT(name, text, needs)                                                                     \
    const bool name = (set & ext_bit(EXT_##name)) != 0;                                            \
    (void)name;
#include "isa/ext.def"
#undef EXT
    const bool ops[OP_COUNT] = {
#define INSN(name, format, pattern, ext, traits) [OP_##name] = ext,
#define COMP(name, format, pattern, ext, traits, expands)
#include "isa/insn.def"
#undef INSN
#undef COMP
    };
    const bool rows[ROW_COUNT] = {
#define INSN(name, format, pattern, ext, traits) [ROW_##name] = ops[OP_##name],
#define COMP(name, format, pattern, ext, traits, expands) [ROW_##name] = (ext) && ops[OP_##expands],
#include "isa/insn.def"
#undef INSN
#undef COMP
    };
    memcpy(provided, rows, sizeof rows);
}

static struct row row_read(const struct definition *definition) {
    struct row row = {
        .op = definition->op, .traits = definition->traits, .format = definition->format};
    unsigned bit_count = 0;
    for (const char *bit = definition->pattern; *bit != '\0'; bit++) {
        if (*bit == ' ') {
            continue;
        }
        row.mask = row.mask << 1 | (*bit != '.');
        row.match = row.match << 1 | (*bit == '1');
        bit_count++;
    }
    ensure(bit_count == 16 || bit_count == 32);
    row.length = (uint8_t)(bit_count / 8);
    return row;
}

/* -- Building ---------------------------------------------------------------------------------- */

/** Bits @p high to @p low of @p bits, moved to bit @p to. */
static inline uint32_t move(uint32_t bits, unsigned high, unsigned low, unsigned to) {
    return (uint32_t)bits_get(bits, high, low) << to;
}

/** Cell of a word, counted from the first cell of its length. Of a mask: the cell's fixed bits. */
static inline unsigned cell_bits(uint32_t bits, unsigned length) {
    if (length == 4) {
        return move(bits, 31, 27, 8) | move(bits, 14, 12, 5) | move(bits, 6, 2, 0);
    }
    return move(bits, 15, 10, 2) | move(bits, 1, 0, 0);
}

/** First cell of the instructions of @p length. */
static inline unsigned cell_base(unsigned length) {
    return length == 4 ? 0 : CELLS_LONG;
}

/** Order of invariant 2; rows with as many fixed bits never match the same word. */
static int row_compare(const void *left, const void *right) {
    const struct row *a = left;
    const struct row *b = right;
    return __builtin_popcount(b->mask) - __builtin_popcount(a->mask);
}

/** Next cell that agrees with @p match in the @p fixed bits; after the last one the first again. */
static unsigned cell_next(unsigned cell, unsigned fixed, unsigned match, unsigned cell_mask) {
    return ((((cell | fixed) + 1) & ~fixed) | match) & cell_mask;
}

/** Counts rows in first[], or with @p listing fills listed[] downwards from there. */
static void row_place(struct decoder *decoder, size_t row_idx, bool listing) {
    const struct row *row = &decoder->rows[row_idx];
    unsigned cell_mask = (row->length == 4 ? CELLS_LONG : CELLS_SHORT) - 1;
    unsigned fixed = cell_bits(row->mask, row->length);
    unsigned match = cell_bits(row->match, row->length);
    unsigned cell = match;
    do {
        uint16_t *first = &decoder->first[cell_base(row->length) + cell];
        if (listing) {
            decoder->listed[--*first] = (uint16_t)row_idx;
        } else {
            ++*first;
        }
        cell = cell_next(cell, fixed, match, cell_mask);
    } while (cell != match);
}

/**
 * Requires: rows in the order of invariant 2, first[] zero.
 * Ensures: invariant 1. Lists are filled from their ends, so the last row goes first.
 */
static void cells_fill(struct decoder *decoder) {
    for (size_t i = 0; i < decoder->row_count; i++) {
        row_place(decoder, i, false);
    }
    size_t end = 0;
    for (unsigned cell = 0; cell <= CELL_COUNT; cell++) {
        end += decoder->first[cell];
        ensure(end <= LISTED_MAX);
        decoder->first[cell] = (uint16_t)end;
    }
    for (size_t i = decoder->row_count; i > 0; i--) {
        row_place(decoder, i - 1, true);
    }
}

struct decoder *decoder_new(ext_set set) {
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) {
        return NULL;
    }
    bool provided[ROW_COUNT];
    rows_provided(set, provided);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (provided[i]) {
            decoder->rows[decoder->row_count++] = row_read(&definitions[i]);
        }
    }
    qsort(decoder->rows, decoder->row_count, sizeof decoder->rows[0], row_compare);
    cells_fill(decoder);
    return decoder;
}

void decoder_free(struct decoder *decoder) {
    free(decoder);
}

/* -- Operands ---------------------------------------------------------------------------------- */

/** Where a format keeps a register number; the words of format.def. */
enum place {
    PLACE_X0,
    PLACE_X1,
    PLACE_X2,
    PLACE_LOW,
    PLACE_MID,
    PLACE_AT_2,
    PLACE_AT_7,
    PLACE_AT_15,
    PLACE_AT_20,
    PLACE_AT_27
};

/** How to get the number: (bits >> shift & mask) + base. */
static const struct {
    uint8_t shift, mask, base;
} places[] = {
    [PLACE_X0] = {0, 0, 0},      [PLACE_X1] = {0, 0, 1},      [PLACE_X2] = {0, 0, 2},
    [PLACE_LOW] = {2, 7, 8},     [PLACE_MID] = {7, 7, 8},     [PLACE_AT_2] = {2, 31, 0},
    [PLACE_AT_7] = {7, 31, 0},   [PLACE_AT_15] = {15, 31, 0}, [PLACE_AT_20] = {20, 31, 0},
    [PLACE_AT_27] = {27, 31, 0},
};

static inline uint8_t register_at(enum place place, uint32_t bits) {
    return (uint8_t)((bits >> places[place].shift & places[place].mask) + places[place].base);
}

/** Kinds of immediates; the words of format.def. */
enum immediate {
    IMM_NONE,
    IMM_ONES,
    IMM_BYTE,
    IMM_I,
    IMM_S,
    IMM_B,
    IMM_U,
    IMM_J,
    IMM_SHAMT,
    IMM_CSR,
    IMM_AQRL,
    IMM_MOP_R,
    IMM_MOP_RR,
    IMM_CI,
    IMM_CI_U,
    IMM_CI_SP,
    IMM_CI_SHAMT,
    IMM_CI_W,
    IMM_CI_D,
    IMM_CSS_W,
    IMM_CSS_D,
    IMM_CIW,
    IMM_CL_B,
    IMM_CL_H,
    IMM_CL_W,
    IMM_CL_D,
    IMM_CB,
    IMM_CJ
};

/** Extends the sign in bit @p bit of @p value. */
static inline int32_t extend(uint32_t value, unsigned bit) {
    return (int32_t)sign_extend(value, bit);
}

/** @spec Unprivileged ISA 20240411, sections 2.3 (immediate variants), 7.1, 11.1, 14.2 */
static int32_t immediate_long(enum immediate kind, uint32_t bits) {
    switch (kind) {
    case IMM_I:
        return extend(move(bits, 31, 20, 0), 11);
    case IMM_S:
        return extend(move(bits, 31, 25, 5) | move(bits, 11, 7, 0), 11);
    case IMM_B:
        return extend(move(bits, 31, 31, 12) | move(bits, 7, 7, 11) | move(bits, 30, 25, 5) |
                          move(bits, 11, 8, 1),
                      12);
    case IMM_U:
        return (int32_t)(bits & 0xfffff000);
    case IMM_J:
        return extend(move(bits, 31, 31, 20) | move(bits, 19, 12, 12) | move(bits, 20, 20, 11) |
                          move(bits, 30, 21, 1),
                      20);
    case IMM_SHAMT:
        return (int32_t)move(bits, 25, 20, 0);
    case IMM_CSR:
        return (int32_t)move(bits, 31, 20, 0);
    case IMM_AQRL:
        return (int32_t)move(bits, 26, 25, 0);
    case IMM_MOP_R:
        return (int32_t)(move(bits, 30, 30, 4) | move(bits, 27, 26, 2) | move(bits, 21, 20, 0));
    case IMM_MOP_RR:
        return (int32_t)(move(bits, 30, 30, 2) | move(bits, 27, 26, 0));
    default:
        return 0;
    }
}

/** @spec Unprivileged ISA 20240411, chapter 26 (C) and section 27.7 (Zcb) */
static int32_t immediate_short(enum immediate kind, uint32_t bits) {
    const uint32_t six = move(bits, 12, 12, 5) | move(bits, 6, 2, 0);
    switch (kind) {
    case IMM_ONES:
        return -1;
    case IMM_BYTE:
        return 255;
    case IMM_CI:
        return extend(six, 5);
    case IMM_CI_U:
        return extend(six << 12, 17);
    case IMM_CI_SP:
        return extend(move(bits, 12, 12, 9) | move(bits, 4, 3, 7) | move(bits, 5, 5, 6) |
                          move(bits, 2, 2, 5) | move(bits, 6, 6, 4),
                      9);
    case IMM_CI_SHAMT:
        return (int32_t)six;
    case IMM_CI_W:
        return (int32_t)(move(bits, 3, 2, 6) | move(bits, 12, 12, 5) | move(bits, 6, 4, 2));
    case IMM_CI_D:
        return (int32_t)(move(bits, 4, 2, 6) | move(bits, 12, 12, 5) | move(bits, 6, 5, 3));
    case IMM_CSS_W:
        return (int32_t)(move(bits, 8, 7, 6) | move(bits, 12, 9, 2));
    case IMM_CSS_D:
        return (int32_t)(move(bits, 9, 7, 6) | move(bits, 12, 10, 3));
    case IMM_CIW:
        return (int32_t)(move(bits, 10, 7, 6) | move(bits, 12, 11, 4) | move(bits, 5, 5, 3) |
                         move(bits, 6, 6, 2));
    case IMM_CL_B:
        return (int32_t)(move(bits, 5, 5, 1) | move(bits, 6, 6, 0));
    case IMM_CL_H:
        return (int32_t)move(bits, 5, 5, 1);
    case IMM_CL_W:
        return (int32_t)(move(bits, 5, 5, 6) | move(bits, 12, 10, 3) | move(bits, 6, 6, 2));
    case IMM_CL_D:
        return (int32_t)(move(bits, 6, 5, 6) | move(bits, 12, 10, 3));
    case IMM_CB:
        return extend(move(bits, 12, 12, 8) | move(bits, 6, 5, 6) | move(bits, 2, 2, 5) |
                          move(bits, 11, 10, 3) | move(bits, 4, 3, 1),
                      8);
    case IMM_CJ:
        return extend(move(bits, 12, 12, 11) | move(bits, 8, 8, 10) | move(bits, 10, 9, 8) |
                          move(bits, 6, 6, 7) | move(bits, 7, 7, 6) | move(bits, 2, 2, 5) |
                          move(bits, 11, 11, 4) | move(bits, 5, 3, 1),
                      11);
    default:
        return 0;
    }
}

/** A row of format.def, without its text. */
static const struct {
    uint8_t rd, rs1, rs2, rs3, imm;
} layouts[FORMAT_COUNT] = {
#define FORMAT(name, rd, rs1, rs2, rs3, imm, text)                                                 \
    [FORMAT_##name] = {PLACE_##rd, PLACE_##rs1, PLACE_##rs2, PLACE_##rs3, IMM_##imm},
#include "isa/format.def"
#undef FORMAT
};

/* -- Decoding ---------------------------------------------------------------------------------- */

static const struct row *row_find(const struct decoder *decoder, uint32_t bits, unsigned length) {
    unsigned cell = cell_base(length) + cell_bits(bits, length);
    for (unsigned i = decoder->first[cell]; i < decoder->first[cell + 1]; i++) {
        const struct row *row = &decoder->rows[decoder->listed[i]];
        if ((bits & row->mask) == row->match) {
            return row;
        }
    }
    return NULL;
}

static bool reserved(unsigned traits, const struct insn *insn) {
    return ((traits & T_NZ_RD) != 0 && insn->rd == 0) ||
           ((traits & T_NZ_RS1) != 0 && insn->rs1 == 0) ||
           ((traits & T_NZ_IMM) != 0 && insn->imm == 0);
}

struct insn decode(const struct decoder *decoder, uint32_t bits) {
    unsigned length = insn_length(bits);
    if (length == 2) {
        bits &= 0xffff;
    }
    struct insn illegal = {
        .op = OP_illegal, .length = (uint8_t)length, .imm = (int32_t)bits, .bits = bits};
    const struct row *row = row_find(decoder, bits, length);
    if (row == NULL) {
        return illegal;
    }
    enum immediate kind = layouts[row->format].imm;
    int32_t imm = length == 4 ? immediate_long(kind, bits) : immediate_short(kind, bits);
    struct insn insn = {.op = row->op,
                        .length = (uint8_t)length,
                        .rd = register_at(layouts[row->format].rd, bits),
                        .rs1 = register_at(layouts[row->format].rs1, bits),
                        .rs2 = register_at(layouts[row->format].rs2, bits),
                        .rs3 = register_at(layouts[row->format].rs3, bits),
                        .rm = (row->traits & T_RM) != 0 ? (uint8_t)move(bits, 14, 12, 0) : 0,
                        .imm = imm,
                        .bits = bits};
    return reserved(row->traits, &insn) ? illegal : insn;
}
