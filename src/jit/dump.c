/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regions as text: guest instructions, operations, host code.
 *
 * Headings are those of QEMU's -d in_asm,op,out_asm. Guest addresses are physical, because a region
 * is of a page and not of an address; host addresses are offsets in the code memory, so that two
 * runs give the same text. An operation is shown by the words of its row in ir.def, with the names
 * of its operands put in.
 *
 * For --engine check, what a region was made from is remembered, and its text made when somebody
 * asks: text of all regions would be many times as large. Decoded code may be forgotten long before
 * the code that was made from it, so a record is a copy. */
#include "jit/dump.h"

#include <capstone/capstone.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** One guest instruction of a region. */
struct word {
    uint32_t bits;
    uint16_t offset; /* [bytes] in the page */
};

/** A block of a region. */
struct part {
    const uint8_t *head; /* of its code, as it is written */
    unsigned offset;     /* [bytes] in the page */
    unsigned word_start, word_count;
    unsigned ir_start, ir_count;
};

/** A region that has been made. */
struct record {
    uint64_t number; /* counted as they are made */
    paddr page;
    const uint8_t *start; /* of its code, as it is run */
    size_t size_bytes;
    unsigned part_count;
    struct part *parts; /* allocated, with room for the next two behind them */
    struct ir *ir;
    struct word *words;
};

struct dump {
    const struct harts *harts;
    const struct jit_options *options;
    struct dump_code code;
    csh disassembler;
    struct record *records;
    size_t count, room;
    uint64_t number; /* of the region made last */
};

/* -- Birth and death --------------------------------------------------------------------------- */

struct dump *dump_new(const struct harts *harts, const struct jit_options *options,
                      const struct dump_code *code) {
    if (options->dump_items == 0 && !options->remembers) {
        return NULL;
    }
    struct dump *dump = calloc(1, sizeof *dump);
    if (dump == NULL || cs_open(CS_ARCH_X86, CS_MODE_64, &dump->disassembler) != CS_ERR_OK) {
        free(dump);
        return NULL;
    }
    dump->harts = harts;
    dump->options = options;
    dump->code = *code;
    return dump;
}

static void record_free(struct record *record) {
    free(record->parts);
}

void dump_forget(struct dump *dump) {
    if (dump != NULL) {
        for (size_t i = 0; i < dump->count; i++) {
            record_free(&dump->records[i]);
        }
        dump->count = 0;
    }
}

void dump_free(struct dump *dump) {
    if (dump != NULL) {
        dump_forget(dump);
        cs_close(&dump->disassembler);
        free(dump->records);
        free(dump);
    }
}

/* -- Text -------------------------------------------------------------------------------------- */

/** One region on its way to a stream. */
struct writer {
    const struct dump *dump;
    const struct record *record;
    struct stream *to;
};

__attribute__((format(printf, 2, 3))) static void put(const struct writer *writer,
                                                      const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    stream_put(writer->to, text, min_u64((uint64_t)count, sizeof text - 1));
}

/* -- Guest instructions ------------------------------------------------------------------------ */

static void put_insns(const struct writer *writer) {
    const struct record *record = writer->record;
    for (unsigned i = 0; i < record->part_count; i++) {
        const struct part *part = &record->parts[i];
        put(writer, "%s", i == 0 ? "IN:\n" : "\n");
        for (unsigned j = 0; j < part->word_count; j++) {
            char text[128];
            const struct word *word = &record->words[part->word_start + j];
            paddr at = record->page + word->offset;
            struct insn insn = decode(writer->dump->harts->decoder, word->bits);
            insn_text(&insn, at, text, sizeof text);
            put(writer, "0x%08" PRIx64 ":  %0*" PRIx32 "%*s  %s\n", at, insn.length * 2, word->bits,
                insn.length == 2 ? 4 : 0, "", text);
        }
    }
}

/* -- Operations -------------------------------------------------------------------------------- */

static void put_number(const struct writer *writer, int64_t number) {
    if (number > -4096 && number < 4096) {
        put(writer, "%" PRId64, number);
    } else {
        put(writer, "0x%" PRIx64, (uint64_t)number);
    }
}

static void put_target(const struct writer *writer, const struct ir *ir) {
    if (ir->target >= 0) {
        put(writer, "block 0x%08" PRIx64,
            writer->record->page + writer->record->parts[ir->target].offset);
    } else {
        put(writer, "the page %c 0x%x", ir->place < 0 ? '-' : '+', (unsigned)abs(ir->place));
    }
}

static void put_cond(const struct writer *writer, unsigned cond) {
    static const char *const names[X64_G + 1] = {
        [X64_B] = "< (unsigned)",
        [X64_AE] = ">= (unsigned)",
        [X64_E] = "==",
        [X64_NE] = "!=",
        [X64_L] = "<",
        [X64_GE] = ">=",
    };
    put(writer, "%s", names[cond] == NULL ? "cond" : names[cond]);
}

static bool is_word(const char *word, size_t length, const char *name) {
    return strlen(name) == length && strncmp(word, name, length) == 0;
}

/** General registers of an operation by their names in ir.def; NULL: no register. */
static const uint8_t *register_named(const struct ir *ir, const char *word, size_t length) {
    const struct {
        const char *name;
        const uint8_t *number;
    } registers[] = {{"rd", &ir->rd}, {"ra", &ir->ra}, {"rb", &ir->rb}, {"rc", &ir->rc}};
    for (size_t i = 0; i < COUNT(registers); i++) {
        if (is_word(word, length, registers[i].name)) {
            return registers[i].number;
        }
    }
    return is_word(word, length, "b") && !ir->immediate ? &ir->rb : NULL;
}

/** A word of an operation's row: what it stands for, or itself. */
static void put_word(const struct writer *writer, const struct ir *ir, const char *word,
                     size_t length) {
    const uint8_t *number = register_named(ir, word, length);
    if (number != NULL) {
        put(writer, "%s", x_name(*number));
    } else if (is_word(word, length, "imm") || is_word(word, length, "b")) {
        put_number(writer, ir->imm);
    } else if (is_word(word, length, "place")) {
        put_number(writer, ir->place);
    } else if (is_word(word, length, "size")) {
        put(writer, "%u", ir->size);
    } else if (is_word(word, length, "signedness")) {
        put(writer, "%ssigned", ir->is_signed ? "" : "un");
    } else if (is_word(word, length, "target")) {
        put_target(writer, ir);
    } else if (is_word(word, length, "cond")) {
        put_cond(writer, ir->cond);
    } else {
        put(writer, "%.*s", (int)length, word);
    }
}

/** An operation's row with its operands put in, up to what holds for other sizes. Registers f[…]
 * are the floating-point ones. */
static void put_row(const struct writer *writer, const struct ir *ir, const char *row) {
    const char *other = strstr(row, "; size");
    const char *end = other == NULL ? row + strlen(row) : other;
    for (size_t length = 1; row < end; row += length, length = 1) {
        size_t word = strspn(row, "abcdefghijklmnopqrstuvwxyz_.");
        if (strncmp(row, "f[", 2) == 0) {
            const uint8_t *number = register_named(ir, row + 2, 2);
            put(writer, "%s", number == NULL ? "f" : f_name(*number));
            length = strcspn(row, "]") + 1;
        } else if (word > 0) {
            put_word(writer, ir, row, word);
            length = word;
        } else {
            put(writer, "%c", *row);
        }
    }
    put(writer, "\n");
}

static void put_operations(const struct writer *writer) {
    static const char *const names[] = {
#define IR(name, text) #name,
#include "jit/ir.def"
#undef IR
    };
    static const char *const rows[] = {
#define IR(name, text) text,
#include "jit/ir.def"
#undef IR
    };
    const struct record *record = writer->record;
    put(writer, "OP:\n");
    for (unsigned i = 0; i < record->part_count; i++) {
        const struct part *part = &record->parts[i];
        put(writer, "block 0x%08" PRIx64 ", %u steps:\n", record->page + part->offset,
            part->word_count);
        for (unsigned j = 0; j < part->ir_count; j++) {
            const struct ir *ir = &record->ir[part->ir_start + j];
            put(writer, "  %-8s %u  ", names[ir->op], ir->size);
            put_row(writer, ir, rows[ir->op]);
        }
    }
}

/* -- Host code --------------------------------------------------------------------------------- */

/** What to say behind a jump or call to a stub, else "". */
static const char *stub_named(const struct dump *dump, const cs_insn *insn) {
    const struct stubs *stubs = dump->code.stubs;
    bool jumps = insn->mnemonic[0] == 'j' || strcmp(insn->mnemonic, "call") == 0;
    bool leads = jumps && insn->op_str[0] >= '0' && insn->op_str[0] <= '9';
    const uint8_t *target = dump->code.write + strtoull(insn->op_str, NULL, 16);
    const struct {
        const char *name;
        const uint8_t *at;
    } named[] = {
        {"  # leave", stubs->leave.at},
        {"  # leave_at", stubs->leave_at.at},
        {"  # far", stubs->far.at},
        {"  # interpret", stubs->interpret.at},
        {"  # second_read", stubs->second_read.at},
        {"  # second_write", stubs->second_write.at},
        {"  # probe_read", stubs->probe_read.at},
        {"  # probe_write", stubs->probe_write.at},
    };
    for (size_t i = 0; i < COUNT(named); i++) {
        if (leads && named[i].at == target) {
            return named[i].name;
        }
    }
    return "";
}

/** Says which block begins at @p offset of the code memory, if one does. */
static void put_head(const struct writer *writer, uint64_t offset) {
    const struct record *record = writer->record;
    for (unsigned i = 0; i < record->part_count; i++) {
        if (record->parts[i].head == writer->dump->code.write + offset) {
            put(writer, "block 0x%08" PRIx64 ":\n", record->page + record->parts[i].offset);
        }
    }
}

static void put_code(const struct writer *writer) {
    const struct dump *dump = writer->dump;
    const uint8_t *at = writer->record->start;
    size_t left_bytes = writer->record->size_bytes;
    uint64_t offset = (uint64_t)(at - dump->code.memory);
    cs_insn *insn = cs_malloc(dump->disassembler);
    put(writer, "OUT: [size=%zu]\n", left_bytes);
    while (insn != NULL && left_bytes > 0) {
        put_head(writer, offset);
        if (!cs_disasm_iter(dump->disassembler, &at, &left_bytes, &offset, insn)) {
            put(writer, "0x%08" PRIx64 ":  %zu bytes that are no code\n", offset, left_bytes);
            break;
        }
        put(writer, "0x%08" PRIx64 ":  %-8s %s%s\n", insn->address, insn->mnemonic, insn->op_str,
            stub_named(dump, insn));
    }
    cs_free(insn, 1);
}

static void put_record(const struct dump *dump, const struct record *record, unsigned items,
                       struct stream *to) {
    struct writer writer = {.dump = dump, .record = record, .to = to};
    put(&writer, "----------------\nregion %" PRIu64 ", %u blocks\n", record->number,
        record->part_count);
    if ((items & JIT_DUMP_ISA) != 0) {
        put_insns(&writer);
        put(&writer, "\n");
    }
    if ((items & JIT_DUMP_IR) != 0) {
        put_operations(&writer);
        put(&writer, "\n");
    }
    if ((items & JIT_DUMP_X64) != 0) {
        put_code(&writer);
        put(&writer, "\n");
    }
}

/* -- Remembering ------------------------------------------------------------------------------- */

/** Copies what a region was made from. @return false when out of memory. */
static bool record_fill(struct record *record, const struct jit_region *region) {
    size_t word_count = 0;
    size_t parts_bytes = region->block_count * sizeof *record->parts;
    size_t ir_bytes = region->ir_count * sizeof *record->ir;
    for (unsigned i = 0; i < region->block_count; i++) {
        word_count += region->blocks[i].block->count;
    }
    uint8_t *room = malloc(parts_bytes + ir_bytes + word_count * sizeof *record->words);
    if (room == NULL) {
        return false;
    }
    record->part_count = region->block_count;
    record->parts = (void *)room;
    record->ir = (void *)(room + parts_bytes);
    record->words = (void *)(room + parts_bytes + ir_bytes);
    memcpy(record->ir, region->ir, ir_bytes);
    word_count = 0;
    for (unsigned i = 0; i < region->block_count; i++) {
        const struct region_block *from = &region->blocks[i];
        record->parts[i] = (struct part){
            .head = from->head.at,
            .offset = from->offset,
            .word_start = (unsigned)word_count,
            .word_count = from->block->count,
            .ir_start = from->ir_start,
            .ir_count = from->ir_count,
        };
        for (unsigned j = 0; j < from->block->count; j++) {
            const struct insn *insn = &block_insns(from->block)[j];
            unsigned offset = from->offset + (insn->length & 0xfeU); /* see struct block */
            record->words[word_count++] = (struct word){insn->bits, (uint16_t)offset};
        }
    }
    return true;
}

/** @return false when out of memory. */
static bool remember(struct dump *dump, const struct record *record) {
    if (dump->count == dump->room) {
        size_t room = 2 * dump->room + 1024;
        struct record *records = realloc(dump->records, room * sizeof *records);
        if (records == NULL) {
            return false;
        }
        dump->records = records;
        dump->room = room;
    }
    dump->records[dump->count++] = *record;
    return true;
}

void dump_region(struct dump *dump, const struct jit_region *region, const uint8_t *start,
                 const uint8_t *end) {
    if (dump == NULL) {
        return;
    }
    struct record made = {
        .number = ++dump->number,
        .page = dump->harts->bus->ram.base + (region->page->page << PAGE_SHIFT),
        .start = dump->code.memory + (start - dump->code.write),
        .size_bytes = (size_t)(end - start),
    };
    if (!record_fill(&made, region)) {
        return;
    }
    if (dump->options->dump_items != 0) {
        put_record(dump, &made, dump->options->dump_items, dump->options->dump);
    }
    if (!dump->options->remembers || !remember(dump, &made)) {
        record_free(&made);
    }
}

/* The newest that begins a block there: others have been forgotten with their page. */
int64_t dump_find(const struct dump *dump, paddr address) {
    for (size_t i = dump == NULL ? 0 : dump->count; i-- > 0;) {
        const struct record *record = &dump->records[i];
        for (unsigned j = 0; j < record->part_count; j++) {
            if (record->page + record->parts[j].offset == address) {
                return (int64_t)i;
            }
        }
    }
    return JIT_NO_REGION;
}

void dump_write(const struct dump *dump, int64_t region, struct stream *to) {
    put_record(dump, &dump->records[region], JIT_DUMP_ISA | JIT_DUMP_IR | JIT_DUMP_X64, to);
}
