/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disassembler: known answers for each instruction, then random words against binutils. */
#include "isa_test.h"

#include <unistd.h>

static const uint64_t BASE = 0x80000000;

/* -- Known answers ----------------------------------------------------------------------------- */

static const struct {
    uint32_t word;
    const char *text;
} answers[] = {
#define ANSWER(word, text) {word, text},
#include "isa_answers.def"
#undef ANSWER
};

static void known_words_have_known_texts(void **state) {
    (void)state;
    struct decoder *decoder = decoder_of(ext_of("max"));
    for (size_t i = 0; i < COUNT(answers); i++) {
        char text[128];
        struct insn insn = decode(decoder, answers[i].word);
        size_t length = insn_text(&insn, BASE, text, sizeof text);
        if (strcmp(text, answers[i].text) != 0 || length != strlen(text)) {
            fail_msg("0x%08x is '%s', not '%s'", answers[i].word, text, answers[i].text);
        }
    }
    decoder_free(decoder);
}

static void each_row_has_an_answer(void **state) {
    (void)state;
    for (unsigned row_idx = 0; row_idx < TEST_ROW_COUNT; row_idx++) {
        struct test_row row = test_row(row_idx);
        bool found = false;
        for (size_t i = 0; i < COUNT(answers) && !found; i++) {
            found = insn_length(answers[i].word) == row.length &&
                    (answers[i].word & row.mask) == row.match;
        }
        if (!found) {
            fail_msg("isa_answers.def has no word for %s", row.name);
        }
    }
}

/** @spec Unprivileged ISA 20240411, section 24.1 */
static void fli_names_its_constants(void **state) {
    (void)state;
    static const double constants[32] = {
        -1,     0,   0x1p-16, 0x1p-15, 0x1p-8, 0x1p-7, 0.0625, 0.125, 0.25, 0.3125, 0.375,
        0.4375, 0.5, 0.625,   0.75,    0.875,  1,      1.25,   1.5,   1.75, 2,      2.5,
        3,      4,   8,       16,      128,    256,    32768,  65536, 0,    0};
    struct decoder *decoder = decoder_of(ext_of("max"));
    for (uint32_t i = 0; i < 32; i++) {
        char text[128], wanted[128];
        snprintf(wanted, sizeof wanted, "fli.s   ft0,%a", constants[i]);
        if (i == 1 || i >= 30) {
            const char *name = i == 1 ? "min" : i == 30 ? "inf" : "nan";
            snprintf(wanted, sizeof wanted, "fli.s   ft0,%s", name);
        }
        struct insn insn = decode(decoder, 0xf0100053 | i << 15);
        insn_text(&insn, 0, text, sizeof text);
        assert_string_equal(text, wanted);
    }
    decoder_free(decoder);
}

static void text_is_cut_to_its_place(void **state) {
    (void)state;
    struct decoder *decoder = decoder_of(ext_of("max"));
    struct insn insn = decode(decoder, 0x02a5f543); /* fmadd.d fa0,fa1,fa0,ft0 */
    char whole[128];
    size_t length = insn_text(&insn, 0, whole, sizeof whole);
    assert_string_equal(whole, "fmadd.d fa0,fa1,fa0,ft0");
    for (size_t size = 0; size < length + 2; size++) {
        char text[128];
        memset(text, '#', sizeof text);
        assert_int_equal(insn_text(&insn, 0, text, size), length);
        size_t kept = size == 0 ? 0 : min_u64(size - 1, length);
        assert_memory_equal(text, whole, kept);
        assert_int_equal(text[kept], size == 0 ? '#' : '\0');
        assert_int_equal(text[size], '#');
    }
    decoder_free(decoder);
}

static void targets_wrap_like_addresses(void **state) {
    (void)state;
    struct decoder *decoder = decoder_of(ext_of("max"));
    char text[128];
    struct insn back = decode(decoder, 0xffdff06f); /* jal zero,.-4 */
    insn_text(&back, 0, text, sizeof text);
    assert_string_equal(text, "jal     zero,0xfffffffffffffffc");
    decoder_free(decoder);
}

/* -- CSRs -------------------------------------------------------------------------------------- */

static void csrs_have_their_names(void **state) {
    (void)state;
    static const struct {
        unsigned number;
        const char *name;
    } names[] = {
        {0x001, "fflags"},        {0x100, "sstatus"},    {0x14d, "stimecmp"},
        {0x180, "satp"},          {0x300, "mstatus"},    {0x30a, "menvcfg"},
        {0x320, "mcountinhibit"}, {0x323, "mhpmevent3"}, {0x33f, "mhpmevent31"},
        {0x3a0, "pmpcfg0"},       {0x3a2, "pmpcfg2"},    {0x3b0, "pmpaddr0"},
        {0x3bf, "pmpaddr15"},     {0xb00, "mcycle"},     {0xb02, "minstret"},
        {0xb1f, "mhpmcounter31"}, {0xc00, "cycle"},      {0xc01, "time"},
        {0xc03, "hpmcounter3"},   {0xf15, "mconfigptr"},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_string_equal(csr_name(names[i].number), names[i].name);
    }
    static const unsigned none[] = {0x000, 0x3a1, 0x3c0, 0xb01, 0xb20, 0x5c0, 0xfff, 0x1000};
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_null(csr_name(none[i]));
    }
    assert_int_equal(CSR_MHPMEVENT31, 0x33f);
    assert_int_equal(CSR_HPMCOUNTER31, 0xc1f);
}

static void csr_rows_are_distinct(void **state) {
    (void)state;
    static const struct {
        const char *name;
        unsigned number;
        enum ext ext;
    } rows[] = {
#define CSR(name, number, ext, what) {#name, number, EXT_##ext},
#include "isa/csr.def"
#undef CSR
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(rows[i].number < CSR_NUMBER_END);
        for (size_t j = 0; j < i; j++) {
            if (rows[i].number == rows[j].number || strcmp(rows[i].name, rows[j].name) == 0) {
                fail_msg("csr.def: %s and %s", rows[i].name, rows[j].name);
            }
        }
        /* Bits 9:8 are the lowest mode: 0 user, 1 supervisor. Supervisor registers need S. */
        if ((rows[i].number >> 8 & 3) == 1 && rows[i].ext != EXT_s && rows[i].ext != EXT_sstc) {
            fail_msg("csr.def: %s without supervisor mode", rows[i].name);
        }
    }
}

/* -- Against binutils -------------------------------------------------------------------------- */

#define OBJDUMP_ARCH                                                                               \
    "rv64imafdc_zicsr_zifencei_zihintpause_zicbom_zicbop_zicboz_zawrs_zfh_zba_zbb_zbc_zbs_zbkb_"   \
    "zbkx_svinval"

/** Words that are compared: rows of insn.def with random operands, and plain random words. */
enum { WORDS_PER_ROW = 40, RANDOM_WORDS = 20000 };

/**
 * Where binutils 2.40 says something else, and why that is no error here.
 * @return The reason, NULL when both have to agree.
 */
static const char *exception(const struct insn *insn) {
    unsigned traits = op_traits(insn->op);
    enum ext ext = op_ext(insn->op);
    bool widens = insn->op == OP_fcvt_d_s || insn->op == OP_fcvt_s_h || insn->op == OP_fcvt_d_h ||
                  insn->op == OP_fcvt_d_w || insn->op == OP_fcvt_d_wu;
    if (ext == EXT_zfa || ext == EXT_zicond || ext == EXT_zimop) {
        return "2.40 does not know the extension";
    }
    if (insn->op == OP_fence_i || (insn->op == OP_fence && (insn->bits & 0xf00fff80) != 0)) {
        return "fields that the manual lets fences ignore are an unknown word to binutils";
    }
    if (widens && insn->rm != 0) {
        return "exact conversions have a rounding mode; binutils wants rne";
    }
    if ((traits & T_CSR) != 0 && csr_name((unsigned)insn->imm) == NULL) {
        return "registers that this machine lacks have a name in binutils";
    }
    if (insn->op == OP_ori && insn->rd == 0) {
        return "binutils shows prefetches under their own name";
    }
    return NULL;
}

/** Words for binutils, some from each row and RANDOM_WORDS of any kind up to 32 bits. */
static size_t words_make(uint32_t *words) {
    uint64_t random = random_seed();
    size_t count = 0;
    for (unsigned i = 0; i < TEST_ROW_COUNT; i++) {
        struct test_row row = test_row(i);
        for (unsigned n = 0; n < WORDS_PER_ROW && row.length == 4; n++) {
            uint32_t operands = random_u32(&random) & ~row.mask;
            bool plain_fence = row.op == OP_fence && n % 2 == 0; /* or each one is an exception */
            words[count++] = row.match | (plain_fence ? operands & 0x0ff00000 : operands);
        }
    }
    for (unsigned n = 0; n < RANDOM_WORDS; n++) {
        uint32_t word = random_u32(&random) | 3;
        words[count++] = (word & 0x1c) == 0x1c ? word ^ 4 : word; /* longer ones end in 11111 */
    }
    return count;
}

/** Puts one space where there are several blanks, and drops 0x and the <symbol> of a target. */
static void simplify(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0' && *from != '<' && *from != '\n'; from++) {
        bool blank = *from == ' ' || *from == '\t';
        if (from[0] == '0' && from[1] == 'x') {
            from++;
        } else if (!blank) {
            *to++ = *from;
        } else if (to > text && to[-1] != ' ') {
            *to++ = ' ';
        }
    }
    while (to > text && to[-1] == ' ') {
        to--;
    }
    *to = '\0';
}

/** Assembles @p words and starts their disassembly. @return NULL when binutils is not there. */
static FILE *objdump_start(const char *directory, const uint32_t *words, size_t count) {
    char path[64], command[512];
    if (system("command -v riscv64-linux-gnu-as riscv64-linux-gnu-objdump >/dev/null") != 0) {
        return NULL;
    }
    snprintf(path, sizeof path, "%s/words.s", directory);
    FILE *source = fopen(path, "w");
    assert_non_null(source);
    for (size_t i = 0; i < count; i++) {
        fprintf(source, ".insn 4, 0x%08x\n", words[i]);
    }
    assert_int_equal(fclose(source), 0);
    snprintf(command, sizeof command, "riscv64-linux-gnu-as -march=%s -o %s.o %s", OBJDUMP_ARCH,
             path, path);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "riscv64-linux-gnu-objdump -d -M no-aliases %s.o", path);
    return popen(command, "r");
}

/** What binutils 2.41 and newer write as ".insn 4, 0x0133e2db" was ".4byte 0x133e2db" before. */
static void name_unknown(char *text) {
    unsigned word;
    if (sscanf(text, ".insn 4, %x", &word) == 1) {
        sprintf(text, ".4byte %x", word);
    }
}

/** Compares each line of objdump's output with our text. @return how many lines were compared. */
static size_t objdump_compare(FILE *objdump, const uint32_t *words, size_t count) {
    struct decoder *decoder = decoder_of(ext_of("max"));
    size_t seen_count = 0, compared_count = 0;
    char line[256];
    while (fgets(line, sizeof line, objdump) != NULL) {
        unsigned long long address;
        char theirs[200], ours[200];
        if (sscanf(line, " %llx: %*x %199[^\n]", &address, theirs) != 2) {
            continue;
        }
        assert_true(address == 4 * seen_count && seen_count < count);
        struct insn insn = decode(decoder, words[seen_count++]);
        insn_text(&insn, address, ours, sizeof ours);
        char *comment = strstr(theirs, " # ");
        if (comment != NULL) {
            *comment = '\0';
        }
        simplify(ours);
        simplify(theirs);
        name_unknown(theirs);
        if (exception(&insn) == NULL) {
            compared_count++;
            if (strcmp(ours, theirs) != 0) {
                fail_msg("0x%08x: '%s', binutils '%s'; SANDGLASS_SEED=%llu", insn.bits, ours,
                         theirs, (unsigned long long)random_seed());
            }
        }
    }
    assert_int_equal(seen_count, count);
    decoder_free(decoder);
    return compared_count;
}

static void random_words_read_as_in_binutils(void **state) {
    (void)state;
    static uint32_t words[TEST_ROW_COUNT * WORDS_PER_ROW + RANDOM_WORDS];
    size_t count = words_make(words);
    char directory[] = "/tmp/test_disasm.XXXXXX", command[64];
    assert_non_null(mkdtemp(directory));
    FILE *objdump = objdump_start(directory, words, count);
    size_t compared_count = 0;
    int status = 0;
    if (objdump != NULL) {
        compared_count = objdump_compare(objdump, words, count);
        status = pclose(objdump);
    }
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    if (objdump == NULL) {
        fprintf(stderr, "SKIPPED: binutils-riscv64-linux-gnu is not installed\n");
        skip();
    }
    assert_int_equal(status, 0);
    assert_true(compared_count > count * 3 / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_words_have_known_texts),
        cmocka_unit_test(each_row_has_an_answer),
        cmocka_unit_test(fli_names_its_constants),
        cmocka_unit_test(text_is_cut_to_its_place),
        cmocka_unit_test(targets_wrap_like_addresses),
        cmocka_unit_test(csrs_have_their_names),
        cmocka_unit_test(csr_rows_are_distinct),
        cmocka_unit_test(random_words_read_as_in_binutils),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
