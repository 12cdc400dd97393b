/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoder against a plain reading of insn.def, and against the manual told a second time.
 * SANDGLASS_SEED repeats a run; SANDGLASS_WORDS sets how many random words are decoded. */
#include "isa_test.h"

/* -- The table itself -------------------------------------------------------------------------- */

/** All pairs where one row lies in another: the special case, the general one. */
static const char *const special_cases[][2] = {
    {"pause", "fence"}, {"zext_h", "packw"}, {"c_addi16sp", "c_lui"}, {"c_mop", "c_lui"},
    {"c_jr", "c_mv"},   {"c_jalr", "c_add"}, {"c_ebreak", "c_add"},   {"c_ebreak", "c_jalr"},
};

static bool special_case_known(const char *special, const char *general) {
    for (size_t i = 0; i < COUNT(special_cases); i++) {
        if (strcmp(special_cases[i][0], special) == 0 &&
            strcmp(special_cases[i][1], general) == 0) {
            return true;
        }
    }
    return false;
}

static void rows_overlap_only_as_special_cases(void **state) {
    (void)state;
    size_t special_count = 0;
    for (unsigned i = 0; i < TEST_ROW_COUNT; i++) {
        struct test_row a = test_row(i);
        for (unsigned j = 0; j < TEST_ROW_COUNT; j++) {
            struct test_row b = test_row(j);
            bool overlap =
                i != j && a.length == b.length && ((a.match ^ b.match) & a.mask & b.mask) == 0;
            bool inside = (a.mask & b.mask) == b.mask && a.mask != b.mask;
            if (overlap && inside && special_case_known(a.name, b.name)) {
                special_count++;
            } else if (overlap && !special_case_known(b.name, a.name)) {
                fail_msg("rows %s and %s match the same words", a.name, b.name);
            }
        }
    }
    assert_int_equal(special_count, COUNT(special_cases));
}

static void patterns_have_the_length_they_announce(void **state) {
    (void)state;
    for (unsigned i = 0; i < TEST_ROW_COUNT; i++) {
        struct test_row row = test_row(i);
        if (insn_length(row.match) != row.length || (row.mask & 3) != 3) {
            fail_msg("row %s has %u bytes", row.name, row.length);
        }
    }
}

/* -- A plain decoder --------------------------------------------------------------------------- */

/** Whether the extensions of a row are there, and those of its expansion. */
static void rows_on(ext_set set, bool on[TEST_ROW_COUNT]) {
#define EXT(name, text, needs)                                                                     \
    const bool name = (set >> EXT_##name & 1) != 0;                                                \
    (void)name;
#include "isa/ext.def"
#undef EXT
    bool op_on[OP_COUNT] = {false};
#define INSN(name, format, pattern, ext, traits) op_on[OP_##name] = ext;
#define COMP(name, format, pattern, ext, traits, expands)
#include "isa/insn.def"
#undef INSN
#undef COMP
#define INSN(name, format, pattern, ext, traits) on[TEST_ROW_##name] = op_on[OP_##name];
#define COMP(name, format, pattern, ext, traits, expands)                                          \
    on[TEST_ROW_##name] = (ext) && op_on[OP_##expands];
#include "isa/insn.def"
#undef INSN
#undef COMP
}

/** Row with the most fixed bits that matches, TEST_ROW_COUNT when none does: all are tried. */
static unsigned plain_decode(const struct test_row *rows, const bool *on, uint32_t bits) {
    unsigned best = TEST_ROW_COUNT;
    int best_fixed = 0;
    uint32_t word = insn_length(bits) == 2 ? bits & 0xffff : bits;
    for (unsigned i = 0; i < TEST_ROW_COUNT; i++) {
        int fixed = __builtin_popcount(rows[i].mask);
        if (on[i] && rows[i].length == insn_length(bits) && fixed > best_fixed &&
            (word & rows[i].mask) == rows[i].match) {
            best = i;
            best_fixed = fixed;
        }
    }
    return best;
}

static void assert_same_as_plain(const struct test_row *rows, const bool *on,
                                 const struct decoder *decoder, uint32_t bits) {
    struct insn insn = decode(decoder, bits);
    unsigned best = plain_decode(rows, on, bits);
    unsigned nz = best < TEST_ROW_COUNT ? rows[best].traits & (T_NZ_RD | T_NZ_RS1 | T_NZ_IMM) : 0;
    enum op wanted = best < TEST_ROW_COUNT ? rows[best].op : OP_illegal;
    bool reserved = nz != 0 && insn.op == OP_illegal; /* exactly when: see compressed_space */
    if (insn.op != wanted && !reserved) {
        fail_msg("0x%08x decodes to %s, not %s; SANDGLASS_SEED=%llu", bits, op_name(insn.op),
                 op_name(wanted), (unsigned long long)random_seed());
    }
    uint32_t fetched = insn_length(bits) == 2 ? bits & 0xffff : bits;
    assert_int_equal(insn.length, insn_length(bits));
    assert_int_equal(insn.bits, fetched);
    if (insn.op == OP_illegal) {
        assert_int_equal((uint32_t)insn.imm, fetched);
        assert_int_equal(insn.rd | insn.rs1 | insn.rs2 | insn.rs3 | insn.rm, 0);
    }
}

/** Compares all rows, with random operands and with one bit flipped, for one set of extensions. */
static void compare_rows(ext_set set, unsigned words_per_row, uint64_t *random) {
    struct decoder *decoder = decoder_of(set);
    struct test_row rows[TEST_ROW_COUNT];
    bool on[TEST_ROW_COUNT];
    rows_on(set, on);
    for (unsigned i = 0; i < TEST_ROW_COUNT; i++) {
        rows[i] = test_row(i);
    }
    for (unsigned i = 0; i < TEST_ROW_COUNT; i++) {
        for (unsigned n = 0; n < words_per_row; n++) {
            uint32_t operands = n == 0 ? 0 : n == 1 ? UINT32_MAX : random_u32(random);
            uint32_t word = rows[i].match | (operands & ~rows[i].mask);
            assert_same_as_plain(rows, on, decoder, word);
            word ^= (uint32_t)1 << (random_u32(random) % 32);
            assert_same_as_plain(rows, on, decoder, word);
        }
    }
    decoder_free(decoder);
}

static void each_row_decodes_to_itself(void **state) {
    (void)state;
    uint64_t random = random_seed();
    compare_rows(ext_of("max"), 200, &random);
}

static void each_extension_takes_its_rows_along(void **state) {
    (void)state;
    uint64_t random = random_seed();
    for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
        compare_rows(ext_of("max") & ~ext_bit((enum ext)ext), 6, &random);
        compare_rows(ext_bit(EXT_i) | ext_bit((enum ext)ext), 6, &random);
    }
    for (unsigned n = 0; n < 50; n++) {
        compare_rows(random_u64(&random) & ext_of("max"), 6, &random);
    }
}

/* -- Extensions, by hand ----------------------------------------------------------------------- */

/** Whether @p name is one of the words of @p list. */
static bool listed(const char *name, const char *list) {
    char padded_name[32], padded_list[1024];
    snprintf(padded_name, sizeof padded_name, " %s ", name);
    snprintf(padded_list, sizeof padded_list, " %s ", list);
    return strstr(padded_list, padded_name) != NULL;
}

static bool starts(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/** Column `ext` of integer and system instructions, once more; ext_by_name has the rest. */
static const struct {
    const char *ext, *names;
} ext_lists[] = {
    {"i", "lui auipc jal jalr beq bne blt bge bltu bgeu lb lh lw ld lbu lhu lwu sb sh sw sd addi "
          "slti sltiu xori ori andi slli srli srai addiw slliw srliw sraiw add sub sll slt sltu "
          "xor srl sra or and addw subw sllw srlw sraw fence ecall ebreak"},
    {"zicsr", "csrrw csrrs csrrc csrrwi csrrsi csrrci mret wfi"},
    {"s", "sret sfence_vma"},
    {"svinval", "sinval_vma sfence_w_inval sfence_inval_ir"},
    {"zifencei", "fence_i"},
    {"zihintpause", "pause"},
    {"zawrs", "wrs_nto wrs_sto"},
    {"zimop", "mop_r mop_rr"},
    {"zicbom", "cbo_inval cbo_clean cbo_flush"},
    {"zicboz", "cbo_zero"},
    {"zicond", "czero_eqz czero_nez"},
    {"m", "mul mulh mulhsu mulhu div divu rem remu mulw divw divuw remw remuw"},
    {"a", "lr_w sc_w amoswap_w amoadd_w amoxor_w amoand_w amoor_w amomin_w amomax_w amominu_w "
          "amomaxu_w lr_d sc_d amoswap_d amoadd_d amoxor_d amoand_d amoor_d amomin_d amomax_d "
          "amominu_d amomaxu_d"},
    {"zba", "add_uw sh1add sh2add sh3add sh1add_uw sh2add_uw sh3add_uw slli_uw"},
    {"zbb || zbkb", "andn orn xnor rol ror rori rolw rorw roriw rev8"},
    {"zbb", "clz ctz cpop sext_b sext_h zext_h orc_b clzw ctzw cpopw min minu max maxu"},
    {"zbc", "clmul clmulr clmulh"},
    {"zbs", "bclr bext binv bset bclri bexti binvi bseti"},
    {"zbkb", "pack packh packw brev8"},
    {"zbkx", "xperm4 xperm8"},
    {"zcb", "c_lbu c_lhu c_lh c_sb c_sh c_mul c_zext_b c_sext_b c_zext_h c_sext_h c_zext_w c_not"},
    {"zcmop", "c_mop"},
};

static const char *ext_by_name(const char *name) {
    for (size_t i = 0; i < COUNT(ext_lists); i++) {
        if (listed(name, ext_lists[i].names)) {
            return ext_lists[i].ext;
        }
    }
    if (starts(name, "c_")) {
        return "c";
    }
    bool half = strstr(name, "_h") != NULL || listed(name, "flh fsh");
    bool twice = strstr(name, "_d") != NULL || listed(name, "fld fsd");
    if (listed(name, "fli_s fli_d fli_h fcvtmod_w_d") || starts(name, "fminm_") ||
        starts(name, "fmaxm_") || starts(name, "fround") || starts(name, "fleq_") ||
        starts(name, "fltq_")) {
        return half ? "zfa && zfh" : twice ? "zfa && d" : "zfa";
    }
    if (listed(name, "fcvt_d_h fcvt_h_d")) {
        return "zfhmin && d";
    }
    if (listed(name, "flh fsh fmv_x_h fmv_h_x fcvt_s_h fcvt_h_s")) {
        return "zfhmin";
    }
    return half ? "zfh" : twice ? "d" : "f";
}

static void rows_name_their_extensions(void **state) {
    (void)state;
    static const struct {
        const char *name, *ext;
    } rows[] = {
#define INSN(name, format, pattern, ext, traits) {#name, #ext},
#define COMP(name, format, pattern, ext, traits, expands) {#name, #ext},
#include "isa/insn.def"
#undef INSN
#undef COMP
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].ext, ext_by_name(rows[i].name)) != 0) {
            fail_msg("%s says %s, not %s", rows[i].name, rows[i].ext, ext_by_name(rows[i].name));
        }
    }
}

static void instructions_need_their_extensions(void **state) {
    (void)state;
    static const struct {
        const char *cpu;
        uint32_t word;
        enum op op;
    } cases[] = {
        {"max,zbb=off", 0x40c5f533, OP_andn}, /* shared by Zbb and Zbkb */
        {"max,zbkb=off", 0x40c5f533, OP_andn},
        {"max,zbb=off,zbkb=off", 0x40c5f533, OP_illegal},
        {"max,zbb=off", 0x0805c53b, OP_packw}, /* zext.h, which only Zbb has */
        {"max,zbkb=off", 0x0805c53b, OP_zext_h},
        {"max", 0x0805c53b, OP_zext_h},
        {"max,zbkb=off", 0x08c5c53b, OP_illegal}, /* packw with rs2 other than x0 */
        {"max", 0x0100000f, OP_pause},
        {"max,zihintpause=off", 0x0100000f, OP_fence},
        {"rv64gc", 0x00051007, OP_illegal}, /* flh */
        {"rva22s64", 0x00051007, OP_flh},
        {"rva22s64", 0x04c5f553, OP_illegal}, /* fadd.h: Zfhmin is not enough */
        {"max", 0x04c5f553, OP_fadd_h},
        {"max", 0x42258553, OP_fcvt_d_h},
        {"max,d=off", 0x42258553, OP_illegal}, /* needs D and Zfhmin */
        {"max,d=off", 0x40258553, OP_fcvt_s_h},
        {"max", 0x28c5a553, OP_fminm_s},
        {"max,d=off", 0x2ac5a553, OP_illegal},   /* fminm.d */
        {"max,zfh=off", 0x2cc5a553, OP_illegal}, /* fminm.h */
        {"max,zfa=off", 0x28c5a553, OP_illegal},
        {"max", 0x2000, OP_fld}, /* c.fld */
        {"max,d=off", 0x2000, OP_illegal},
        {"max,c=off", 0x2000, OP_illegal},
        {"max,c=off", 0x4501, OP_illegal}, /* c.li */
        {"max", 0x9c41, OP_mul},           /* c.mul */
        {"max,m=off", 0x9c41, OP_illegal},
        {"max,zcb=off", 0x9c41, OP_illegal},
        {"max,zba=off", 0x9c71, OP_illegal},       /* c.zext.w */
        {"max,zbb=off", 0x9c69, OP_illegal},       /* c.zext.h */
        {"max,zbb=off", 0x9c61, OP_andi},          /* c.zext.b */
        {"max", 0x6081, OP_addi},                  /* c.mop.1 */
        {"max,zcmop=off", 0x6081, OP_illegal},     /* reserved c.lui */
        {"max,zimop=off", 0x81c04073, OP_illegal}, /* mop.r.0 */
        {"max,s=off", 0x10200073, OP_illegal},     /* sret */
        {"max,s=off", 0x30200073, OP_mret},
        {"max,svinval=off", 0x16000073, OP_illegal}, /* sinval.vma */
        {"max,zicboz=off", 0x0045200f, OP_illegal},  /* cbo.zero */
        {"max,zicbom=off", 0x0045200f, OP_cbo_zero},
        {"max,zawrs=off", 0x00d00073, OP_illegal}, /* wrs.nto */
        {"max,zicbop=off", 0x00006013, OP_ori},    /* prefetch.i is a hint */
        {"max,zihintntl=off", 0x00200033, OP_add}, /* and so is ntl.p1 */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct decoder *decoder = decoder_of(ext_of(cases[i].cpu));
        struct insn insn = decode(decoder, cases[i].word);
        if (insn.op != cases[i].op) {
            fail_msg("--cpu %s: 0x%08x decodes to %s, not %s", cases[i].cpu, cases[i].word,
                     op_name(insn.op), op_name(cases[i].op));
        }
        decoder_free(decoder);
    }
}

static void reserved_words_are_illegal(void **state) {
    (void)state;
    static const uint32_t words[] = {
        0x00000013 | 1u << 26 | 1u << 12, /* slli with bit 26 */
        0x0200101b,
        0x0200501b,
        0x4200501b, /* *w shifts by 32 */
        0x6200501b, /* roriw by 32 */
        0x00001067, /* jalr with funct3 1 */
        0x1010202f, /* lr.w with rs2 */
        0x0000002f, /* amoadd of bytes */
        0xc0458553,
        0xd0458553, /* fcvt.w.s and fcvt.s.w with rs2 = 4 */
        0x58158553, /* fsqrt.s with rs2 */
        0x06c5f553, /* fadd.q */
        0xc2858553, /* fcvtmod.w.d not towards zero */
        0xe2158553, /* fmvh.x.d, RV32 only */
        0x00007003,
        0x00004023, /* loads and stores without a width */
        0x00003063 & ~0x1000u,
        0x00003063, /* branches with funct3 2, 3 */
        0x00004073, /* funct3 4 of SYSTEM, below the may-be-operations */
        0x000000f3,
        0x00200073,
        0x30300073, /* ecall with rd, uret, mret with another rs2 */
        0x0030200f,
        0x0000208f, /* cbo with another number, cbo.inval with rd */
        0x08001033, /* zip, RV32 only */
        0x0000001f,
        0x0000005f,
        0x0000007f,
        0xffffffff, /* longer than 32 bits */
    };
    struct decoder *decoder = decoder_of(ext_of("max"));
    for (size_t i = 0; i < COUNT(words); i++) {
        struct insn insn = decode(decoder, words[i]);
        if (insn.op != OP_illegal || insn.length != 4) {
            fail_msg("0x%08x decodes to %s", words[i], op_name(insn.op));
        }
    }
    decoder_free(decoder);
}

/* -- Operands ---------------------------------------------------------------------------------- */

/**
 * Moves bits @p high to @p low of @p word to where the manual's text says: "5:4|9:6|2|3" are the
 * numbers of the immediate's bits, highest bit of the field first.
 */
static uint32_t scatter(uint32_t word, unsigned high, unsigned low, const char *text) {
    uint32_t imm = 0;
    unsigned from = high;
    while (*text != '\0') {
        char *end;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = *end == ':' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long to = first + 1; to-- > last; from--) {
            imm |= (word >> from & 1) << to;
        }
        text = *end == '|' ? end + 1 : end;
    }
    assert_int_equal(from + 1, low);
    return imm;
}

/** The other way: bits of @p imm that @p text names, gathered into a field. */
static uint32_t gather(uint32_t imm, const char *text) {
    uint32_t field = 0;
    while (*text != '\0') {
        char *end;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = *end == ':' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long from = first + 1; from-- > last;) {
            field = field << 1 | (imm >> from & 1);
        }
        text = *end == '|' ? end + 1 : end;
    }
    return field;
}

static uint32_t i_type(uint32_t imm, uint32_t rs1, uint32_t funct3, uint32_t rd, uint32_t opcode) {
    return gather(imm, "11:0") << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}

static uint32_t s_type(uint32_t imm, uint32_t rs2, uint32_t rs1, uint32_t funct3, uint32_t opcode) {
    return gather(imm, "11:5") << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 |
           gather(imm, "4:0") << 7 | opcode;
}

static uint32_t b_type(uint32_t imm, uint32_t rs2, uint32_t rs1, uint32_t funct3) {
    return gather(imm, "12|10:5") << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 |
           gather(imm, "4:1|11") << 7 | 0x63;
}

static uint32_t u_type(uint32_t imm, uint32_t rd, uint32_t opcode) {
    return gather(imm, "31:12") << 12 | rd << 7 | opcode;
}

static uint32_t j_type(uint32_t imm, uint32_t rd) {
    return gather(imm, "20|10:1|11|19:12") << 12 | rd << 7 | 0x6f;
}

static uint32_t r_type(uint32_t funct7, uint32_t rs2, uint32_t rs1, uint32_t funct3, uint32_t rd,
                       uint32_t opcode) {
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}

static void assert_insn(const struct decoder *decoder, uint32_t word, struct insn wanted) {
    struct insn insn = decode(decoder, word);
    wanted.length = 4;
    wanted.bits = word;
    if (memcmp(&insn, &wanted, sizeof insn) != 0) {
        fail_msg("0x%08x: %s rd %u rs1 %u rs2 %u rs3 %u rm %u imm %d; SANDGLASS_SEED=%llu", word,
                 op_name(insn.op), insn.rd, insn.rs1, insn.rs2, insn.rs3, insn.rm, insn.imm,
                 (unsigned long long)random_seed());
    }
}

static void operands_come_back(void **state) {
    (void)state;
    uint64_t random = random_seed();
    struct decoder *decoder = decoder_of(ext_of("max"));
    for (unsigned n = 0; n < 20000; n++) {
        uint32_t r = random_u32(&random);
        uint8_t rd = r & 31, rs1 = r >> 5 & 31, rs2 = r >> 10 & 31;
        uint8_t rs3 = r >> 15 & 31, rm = r >> 20 & 7;
        int32_t i = (int32_t)random_u32(&random);
        int32_t imm12 = i >> 20, imm13 = (i >> 20) * 2, imm21 = (i >> 12) * 2, upper = i & ~0xfff;
        assert_insn(decoder, i_type((uint32_t)imm12, rs1, 0, rd, 0x13),
                    (struct insn){.op = OP_addi, .rd = rd, .rs1 = rs1, .imm = imm12});
        assert_insn(decoder, i_type((uint32_t)imm12, rs1, 0, rd, 0x67),
                    (struct insn){.op = OP_jalr, .rd = rd, .rs1 = rs1, .imm = imm12});
        assert_insn(decoder, s_type((uint32_t)imm12, rs2, rs1, 3, 0x23),
                    (struct insn){.op = OP_sd, .rs1 = rs1, .rs2 = rs2, .imm = imm12});
        assert_insn(decoder, b_type((uint32_t)imm13, rs2, rs1, 6),
                    (struct insn){.op = OP_bltu, .rs1 = rs1, .rs2 = rs2, .imm = imm13});
        assert_insn(decoder, u_type((uint32_t)upper, rd, 0x17),
                    (struct insn){.op = OP_auipc, .rd = rd, .imm = upper});
        assert_insn(decoder, j_type((uint32_t)imm21, rd),
                    (struct insn){.op = OP_jal, .rd = rd, .imm = imm21});
        assert_insn(decoder, i_type(0x400 | (i & 63), rs1, 5, rd, 0x13),
                    (struct insn){.op = OP_srai, .rd = rd, .rs1 = rs1, .imm = i & 63});
        assert_insn(decoder, i_type(i & 4095, rs1, 7, rd, 0x73),
                    (struct insn){.op = OP_csrrci, .rd = rd, .rs1 = rs1, .imm = i & 4095});
        assert_insn(decoder, r_type(4 | (i & 3), rs2, rs1, 2, rd, 0x2f),
                    (struct insn){OP_amoswap_w, 4, rd, rs1, rs2, 0, 0, i & 3, 0});
        assert_insn(decoder, r_type((uint32_t)rs3 << 2 | 1, rs2, rs1, rm, rd, 0x43),
                    (struct insn){OP_fmadd_d, 4, rd, rs1, rs2, rs3, rm, 0, 0});
        assert_insn(decoder, r_type(0x70, 0, rs1, 1, rd, 0x53),
                    (struct insn){.op = OP_fclass_s, .rd = rd, .rs1 = rs1});
    }
    decoder_free(decoder);
}

/* -- The 16-bit space, told a second time ------------------------------------------------------ */

/** Quadrant 0. @return the 32-bit instruction that @p w abbreviates, 0 when it is reserved. */
static uint32_t expand_q0(uint32_t w) {
    uint32_t low = 8 + (w >> 2 & 7), mid = 8 + (w >> 7 & 7);
    uint32_t imm_w = scatter(w, 12, 10, "5:3") | scatter(w, 6, 5, "2|6");
    uint32_t imm_d = scatter(w, 12, 10, "5:3") | scatter(w, 6, 5, "7:6");
    uint32_t imm_b = scatter(w, 6, 5, "0|1"), imm_h = scatter(w, 5, 5, "1");
    uint32_t imm_spn = scatter(w, 12, 5, "5:4|9:6|2|3");
    switch (w >> 13) {
    case 0:
        return imm_spn != 0 ? i_type(imm_spn, 2, 0, low, 0x13) : 0;
    case 1:
        return i_type(imm_d, mid, 3, low, 0x07);
    case 2:
        return i_type(imm_w, mid, 2, low, 0x03);
    case 3:
        return i_type(imm_d, mid, 3, low, 0x03);
    case 5:
        return s_type(imm_d, low, mid, 3, 0x27);
    case 6:
        return s_type(imm_w, low, mid, 2, 0x23);
    case 7:
        return s_type(imm_d, low, mid, 3, 0x23);
    default:
        break;
    }
    switch (w >> 10 & 7) { /* Zcb */
    case 0:
        return i_type(imm_b, mid, 4, low, 0x03);
    case 1:
        return i_type(imm_h, mid, (w & 0x40) == 0 ? 5 : 1, low, 0x03);
    case 2:
        return s_type(imm_b, low, mid, 0, 0x23);
    case 3:
        return (w & 0x40) == 0 ? s_type(imm_h, low, mid, 1, 0x23) : 0;
    default:
        return 0;
    }
}

/** Quadrant 1, funct3 100: arithmetic on x8 to x15. */
static uint32_t expand_q1_alu(uint32_t w) {
    uint32_t low = 8 + (w >> 2 & 7), mid = 8 + (w >> 7 & 7);
    uint32_t shamt = scatter(w, 12, 12, "5") | scatter(w, 6, 2, "4:0");
    uint32_t imm = shamt | (shamt & 32 ? ~31u : 0);
    switch (w >> 10 & 3) {
    case 0:
        return i_type(shamt, mid, 5, mid, 0x13);
    case 1:
        return i_type(0x400 | shamt, mid, 5, mid, 0x13);
    case 2:
        return i_type(imm, mid, 7, mid, 0x13);
    default:
        break;
    }
    switch ((w >> 12 & 1) << 2 | (w >> 5 & 3)) {
    case 0:
        return r_type(32, low, mid, 0, mid, 0x33);
    case 1:
        return r_type(0, low, mid, 4, mid, 0x33);
    case 2:
        return r_type(0, low, mid, 6, mid, 0x33);
    case 3:
        return r_type(0, low, mid, 7, mid, 0x33);
    case 4:
        return r_type(32, low, mid, 0, mid, 0x3b);
    case 5:
        return r_type(0, low, mid, 0, mid, 0x3b);
    case 6:
        return r_type(1, low, mid, 0, mid, 0x33);
    default:
        break;
    }
    switch (w >> 2 & 7) { /* Zcb */
    case 0:
        return i_type(255, mid, 7, mid, 0x13);
    case 1:
        return i_type(0x604, mid, 1, mid, 0x13);
    case 2:
        return r_type(4, 0, mid, 4, mid, 0x3b);
    case 3:
        return i_type(0x605, mid, 1, mid, 0x13);
    case 4:
        return r_type(4, 0, mid, 0, mid, 0x3b);
    case 5:
        return i_type(0xfff, mid, 4, mid, 0x13);
    default:
        return 0;
    }
}

static uint32_t expand_q1(uint32_t w) {
    uint32_t rd = w >> 7 & 31, mid = 8 + (w >> 7 & 7);
    uint32_t six = scatter(w, 12, 12, "5") | scatter(w, 6, 2, "4:0");
    uint32_t imm = six | (six & 32 ? ~31u : 0);
    uint32_t imm_sp = scatter(w, 12, 12, "9") | scatter(w, 6, 2, "4|6|8:7|5");
    uint32_t imm_j = scatter(w, 12, 2, "11|4|9:8|10|6|7|3:1|5");
    uint32_t imm_b = scatter(w, 12, 10, "8|4:3") | scatter(w, 6, 2, "7:6|2:1|5");
    imm_sp |= imm_sp & 0x200 ? ~0x3ffu : 0;
    imm_j |= imm_j & 0x800 ? ~0xfffu : 0;
    imm_b |= imm_b & 0x100 ? ~0x1ffu : 0;
    switch (w >> 13) {
    case 0:
        return i_type(imm, rd, 0, rd, 0x13);
    case 1:
        return rd != 0 ? i_type(imm, rd, 0, rd, 0x1b) : 0;
    case 2:
        return i_type(imm, 0, 0, rd, 0x13);
    case 3:
        if (imm == 0) { /* Zcmop takes x1, x3, …, x15 */
            return rd < 16 && rd % 2 == 1 ? 0x00000013 : 0;
        }
        return rd == 2 ? i_type(imm_sp, 2, 0, 2, 0x13) : u_type(imm << 12, rd, 0x37);
    case 4:
        return expand_q1_alu(w);
    case 5:
        return j_type(imm_j, 0);
    case 6:
        return b_type(imm_b, 0, mid, 0);
    default:
        return b_type(imm_b, 0, mid, 1);
    }
}

static uint32_t expand_q2(uint32_t w) {
    uint32_t rd = w >> 7 & 31, rs2 = w >> 2 & 31;
    uint32_t shamt = scatter(w, 12, 12, "5") | scatter(w, 6, 2, "4:0");
    uint32_t load_w = scatter(w, 12, 12, "5") | scatter(w, 6, 2, "4:2|7:6");
    uint32_t load_d = scatter(w, 12, 12, "5") | scatter(w, 6, 2, "4:3|8:6");
    uint32_t store_w = scatter(w, 12, 7, "5:2|7:6"), store_d = scatter(w, 12, 7, "5:3|8:6");
    switch (w >> 13) {
    case 0:
        return i_type(shamt, rd, 1, rd, 0x13);
    case 1:
        return i_type(load_d, 2, 3, rd, 0x07);
    case 2:
        return rd != 0 ? i_type(load_w, 2, 2, rd, 0x03) : 0;
    case 3:
        return rd != 0 ? i_type(load_d, 2, 3, rd, 0x03) : 0;
    case 5:
        return s_type(store_d, rs2, 2, 3, 0x27);
    case 6:
        return s_type(store_w, rs2, 2, 2, 0x23);
    case 7:
        return s_type(store_d, rs2, 2, 3, 0x23);
    default:
        break;
    }
    bool linked = (w & 0x1000) != 0;
    if (rs2 != 0) {
        return r_type(0, rs2, linked ? rd : 0, 0, rd, 0x33);
    }
    if (rd != 0) {
        return i_type(0, rd, 0, linked, 0x67);
    }
    return linked ? 0x00100073 : 0;
}

static void compressed_space(void **state) {
    (void)state;
    struct decoder *decoder = decoder_of(ext_of("max"));
    for (uint32_t word = 0; word < 0x10000; word++) {
        if ((word & 3) == 3) {
            continue;
        }
        uint32_t expanded = (word & 3) == 0   ? expand_q0(word)
                            : (word & 3) == 1 ? expand_q1(word)
                                              : expand_q2(word);
        struct insn insn = decode(decoder, word | 0xabcd0000);
        struct insn wanted = decode(decoder, expanded);
        wanted.length = 2;
        wanted.bits = word;
        if (expanded == 0) {
            wanted.imm = (int32_t)word;
        }
        if ((expanded == 0) != (insn.op == OP_illegal) ||
            memcmp(&insn, &wanted, sizeof insn) != 0) {
            fail_msg("0x%04x: %s rd %u rs1 %u rs2 %u imm %d; the manual says 0x%08x", word,
                     op_name(insn.op), insn.rd, insn.rs1, insn.rs2, insn.imm, expanded);
        }
    }
    decoder_free(decoder);
}

/* -- Traits ------------------------------------------------------------------------------------ */

static unsigned traits_by_name(const char *name) {
    bool amo = starts(name, "amo") || starts(name, "lr.") || starts(name, "sc.");
    bool fp = name[0] == 'f' && !starts(name, "fence");
    bool load =
        listed(name, "lb lh lw ld lbu lhu lwu flh flw fld lr.w lr.d") || starts(name, "amo");
    bool store = listed(name, "sb sh sw sd fsh fsw fsd sc.w sc.d cbo.zero") || starts(name, "amo");
    bool jump = listed(name, "jal jalr");
    bool branch = listed(name, "beq bne blt bge bltu bgeu");
    bool csr = starts(name, "csrr");
    bool system = listed(name, "ecall ebreak sret mret wfi sfence.vma sinval.vma sfence.w.inval "
                               "sfence.inval.ir wrs.nto wrs.sto fence.i");
    bool rounds = starts(name, "fadd") || starts(name, "fsub") || starts(name, "fmul") ||
                  starts(name, "fdiv") || starts(name, "fsqrt") || starts(name, "fmadd") ||
                  starts(name, "fmsub") || starts(name, "fnm") || starts(name, "fcvt.") ||
                  starts(name, "fround");
    bool ends = jump || branch || csr || system || strcmp(name, "illegal") == 0;
    return (jump ? T_JUMP : 0u) | (branch ? T_BRANCH : 0u) | (load ? T_LOAD : 0u) |
           (store ? T_STORE : 0u) | (amo ? T_AMO : 0u) | (fp ? T_FP : 0u) | (rounds ? T_RM : 0u) |
           (csr ? T_CSR : 0u) | (system ? T_SYSTEM : 0u) | (ends ? T_ENDS : 0u);
}

static void traits_follow_from_names(void **state) {
    (void)state;
    for (unsigned op = 0; op < OP_COUNT; op++) {
        unsigned wanted = traits_by_name(op_name((enum op)op));
        if (op_traits((enum op)op) != wanted) {
            fail_msg("%s has traits 0x%x, not 0x%x", op_name((enum op)op), op_traits((enum op)op),
                     wanted);
        }
    }
    for (unsigned i = 0; i < TEST_ROW_COUNT; i++) {
        struct test_row row = test_row(i);
        if (row.length == 2 && (row.traits & ~(unsigned)(T_NZ_RD | T_NZ_RS1 | T_NZ_IMM)) != 0) {
            fail_msg("%s has traits of its own", row.name);
        }
    }
}

static void operations_know_their_extension(void **state) {
    (void)state;
    assert_int_equal(op_ext(OP_addi), EXT_i);
    assert_int_equal(op_ext(OP_illegal), EXT_i);
    assert_int_equal(op_ext(OP_andn), EXT_zbb);
    assert_int_equal(op_ext(OP_fli_h), EXT_zfa);
    assert_int_equal(op_ext(OP_fcvt_d_h), EXT_zfhmin);
    assert_int_equal(op_ext(OP_csrrw), EXT_zicsr);
    for (unsigned op = 0; op < OP_COUNT; op++) {
        assert_in_range(op_ext((enum op)op), 0, EXT_COUNT - 1);
    }
}

/* -- Random words ------------------------------------------------------------------------------ */

static void random_words_decode(void **state) {
    (void)state;
    const char *text = getenv("SANDGLASS_WORDS");
    unsigned long count = text != NULL ? strtoul(text, NULL, 0) : 1000000;
    uint64_t random = random_seed();
    struct decoder *decoder = decoder_of(ext_of("max"));
    char line[128];
    unsigned long legal_count = 0;
    for (unsigned long n = 0; n < count; n++) {
        uint32_t bits = random_u32(&random);
        struct insn insn = decode(decoder, bits);
        bool small = insn.rd < 32 && insn.rs1 < 32 && insn.rs2 < 32 && insn.rs3 < 32 && insn.rm < 8;
        size_t length = insn_text(&insn, n, line, sizeof line);
        if (insn.op >= OP_COUNT || insn.length != insn_length(bits) || !small || length == 0 ||
            length >= 64) {
            fail_msg("0x%08x decodes to rubbish; SANDGLASS_SEED=%llu", bits,
                     (unsigned long long)random_seed());
        }
        legal_count += insn.op != OP_illegal;
    }
    assert_true(legal_count > count / 2); /* the 16-bit space alone is nearly full */
    decoder_free(decoder);
}

static void an_instruction_has_16_bytes(void **state) {
    (void)state;
    assert_int_equal(sizeof(struct insn), 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_overlap_only_as_special_cases),
        cmocka_unit_test(patterns_have_the_length_they_announce),
        cmocka_unit_test(each_row_decodes_to_itself),
        cmocka_unit_test(each_extension_takes_its_rows_along),
        cmocka_unit_test(rows_name_their_extensions),
        cmocka_unit_test(instructions_need_their_extensions),
        cmocka_unit_test(reserved_words_are_illegal),
        cmocka_unit_test(operands_come_back),
        cmocka_unit_test(compressed_space),
        cmocka_unit_test(traits_follow_from_names),
        cmocka_unit_test(operations_know_their_extension),
        cmocka_unit_test(random_words_decode),
        cmocka_unit_test(an_instruction_has_16_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
