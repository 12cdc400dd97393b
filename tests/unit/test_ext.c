/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --cpu: profiles, what comes with what, refusals that help; and the device tree's string. */
#include "isa_test.h"

static ext_set bits_of(const enum ext *exts, size_t count) {
    ext_set set = 0;
    for (size_t i = 0; i < count; i++) {
        set |= ext_bit(exts[i]);
    }
    return set;
}

static void profiles_hold_what_they_name(void **state) {
    (void)state;
    static const enum ext gc[] = {EXT_i,     EXT_m,        EXT_a, EXT_f, EXT_d,    EXT_c,
                                  EXT_zicsr, EXT_zifencei, EXT_s, EXT_u, EXT_sv39, EXT_zicntr};
    static const enum ext beyond_gc[] = {EXT_zba, EXT_zfh,  EXT_zfa,   EXT_sstc,
                                         EXT_zcb, EXT_sv48, EXT_zimop, EXT_svadu};
    /* RVA Profiles 1.0, section 5.1 and 5.2, beyond RV64GC */
    static const enum ext rva22[] = {
        EXT_zihpm,       EXT_ziccif,  EXT_ziccrse,      EXT_ziccamoa, EXT_zicclsm, EXT_za64rs,
        EXT_zihintpause, EXT_zba,     EXT_zbb,          EXT_zbs,      EXT_zic64b,  EXT_zicbom,
        EXT_zicbop,      EXT_zicboz,  EXT_zfhmin,       EXT_zkt,      EXT_svade,   EXT_ssccptr,
        EXT_sstvecd,     EXT_sstvala, EXT_sscounterenw, EXT_svpbmt,   EXT_svinval};
    ext_set rv64gc = ext_of("rv64gc");
    assert_int_equal(rv64gc & bits_of(gc, COUNT(gc)), bits_of(gc, COUNT(gc)));
    assert_int_equal(rv64gc & bits_of(beyond_gc, COUNT(beyond_gc)), 0);
    assert_int_equal(ext_of("rva22s64"), rv64gc | bits_of(rva22, COUNT(rva22)));
    assert_int_equal(ext_of("max"), ((ext_set)1 << EXT_COUNT) - 1);
}

static void needs_come_along(void **state) {
    (void)state;
    assert_true(ext_of("rv64gc,zfh=on") & ext_bit(EXT_zfhmin));
    assert_int_equal(ext_of("rv64gc,zfh=on"),
                     ext_of("rv64gc") | ext_bit(EXT_zfh) | ext_bit(EXT_zfhmin));
    assert_int_equal(ext_of("rv64gc,sv57=on"),
                     ext_of("rv64gc") | ext_bit(EXT_sv48) | ext_bit(EXT_sv57));
    assert_int_equal(ext_of("rv64gc"), ext_of("rv64gc,m=on"));
}

static void dependents_go_along(void **state) {
    (void)state;
    ext_set set = ext_of("max,f=off");
    static const enum ext gone[] = {EXT_f, EXT_d, EXT_zfh, EXT_zfhmin, EXT_zfa};
    assert_int_equal(set, ext_of("max") & ~bits_of(gone, COUNT(gone)));
    static const enum ext without_c[] = {EXT_c, EXT_zcb, EXT_zcmop};
    assert_int_equal(ext_of("max,c=off"), ext_of("max") & ~bits_of(without_c, COUNT(without_c)));
    set = ext_of("max,u=off");
    static const enum ext privileged[] = {EXT_u,     EXT_s,       EXT_sv39,    EXT_sv48,
                                          EXT_sv57,  EXT_sstc,    EXT_svinval, EXT_svadu,
                                          EXT_svade, EXT_svnapot, EXT_svpbmt};
    assert_int_equal(set & bits_of(privileged, COUNT(privileged)), 0);
    assert_int_equal(ext_of("max,zfh=off,zfhmin=on"), ext_of("max") & ~ext_bit(EXT_zfh));
}

static void order_does_not_matter(void **state) {
    (void)state;
    assert_int_equal(ext_of("rva22s64,zfh=on,sstc=on,zba=off"),
                     ext_of("rva22s64,zba=off,sstc=on,zfh=on"));
    assert_int_equal(ext_of("max,zfh=off,f=off"), ext_of("max,f=off,zfh=off"));
    assert_int_equal(ext_of("max,f=off,f=off"), ext_of("max,f=off"));
}

/* -- Refusals ---------------------------------------------------------------------------------- */

static void refusals_name_word_and_remedy(void **state) {
    (void)state;
    static const struct {
        const char *cpu, *text;
    } cases[] = {
        {"", "--cpu: unknown profile ''; profiles are rv64gc, rva22s64 and max"},
        {"rv64", "--cpu: unknown profile 'rv64'; profiles are rv64gc, rva22s64 and max"},
        {"zfh=off", "--cpu: unknown profile 'zfh=off'; profiles are rv64gc, rva22s64 and max"},
        {"MAX", "--cpu: unknown profile 'MAX'; profiles are rv64gc, rva22s64 and max"},
        {"maximal", "--cpu: unknown profile 'maximal'; profiles are rv64gc, rva22s64 and max"},
        {"max,zicbon=off", "--cpu: unknown extension 'zicbon'; did you mean "
                           "zicbom, zicbop, zicboz?"},
        {"max,svinvl=on", "--cpu: unknown extension 'svinvl'; did you mean svinval?"},
        {"max,vector=on", "--cpu: unknown extension 'vector'; sandglass(1) lists them"},
        {"max,", "--cpu: unknown extension ''; sandglass(1) lists them"},
        {"max,,zfh=on", "--cpu: unknown extension ''; sandglass(1) lists them"},
        {"max,=off", "--cpu: unknown extension ''; sandglass(1) lists them"},
        {"max,zfh", "--cpu: 'zfh': write zfh=on or zfh=off"},
        {"max,zfh=", "--cpu: 'zfh=': write zfh=on or zfh=off"},
        {"max,zfh=offf", "--cpu: 'zfh=offf': write zfh=on or zfh=off"},
        {"max,i=off", "--cpu: i is part of every CPU here; drop 'i=off'"},
        {"max,zicsr=off", "--cpu: zicsr is part of every CPU here; drop 'zicsr=off'"},
        {"max,zfh=on,f=off", "--cpu: zfh=on contradicts f=off, which it needs; drop one"},
        {"max,f=off,zfh=on", "--cpu: zfh=on contradicts f=off, which it needs; drop one"},
        {"max,u=off,sv57=on", "--cpu: sv57=on contradicts u=off, which it needs; drop one"},
        {"max,zba=on,zba=off", "--cpu: zba=on contradicts zba=off; drop one"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        ext_set set = 12345;
        struct error error = {STATUS_OK, ""};
        assert_int_equal(ext_parse(cases[i].cpu, &set, &error), STATUS_USAGE);
        assert_int_equal(error.status, STATUS_USAGE);
        assert_string_equal(error.text, cases[i].text);
        assert_int_equal(set, 12345);
    }
}

static void long_words_are_refused_in_one_line(void **state) {
    (void)state;
    char cpu[5000] = "max,";
    memset(cpu + 4, 'z', sizeof cpu - 5);
    cpu[sizeof cpu - 1] = '\0';
    ext_set set;
    struct error error = {STATUS_OK, ""};
    assert_int_equal(ext_parse(cpu, &set, &error), STATUS_USAGE);
    assert_true(strlen(error.text) < sizeof error.text);
}

/** Whether all of @p on can be there without any of @p off. */
static bool possible(const ext_set needed[EXT_COUNT], ext_set on, ext_set off) {
    for (unsigned pass = 0; pass < EXT_COUNT; pass++) {
        for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
            on |= (on & ext_bit((enum ext)ext)) != 0 ? needed[ext] : 0;
        }
    }
    return ((on | ext_bit(EXT_i) | ext_bit(EXT_zicsr)) & off) == 0;
}

/** The set holds what its members need, whatever is asked for; only the impossible is refused. */
static void random_settings_stay_consistent(void **state) {
    (void)state;
#define EXT(name, text, needs)                                                                     \
    const ext_set name = ext_bit(EXT_##name);                                                      \
    (void)name;
#include "isa/ext.def"
#undef EXT
    const ext_set needed[EXT_COUNT] = {
#define EXT(name, text, needs) needs,
#include "isa/ext.def"
#undef EXT
    };
    static const char *const profiles[] = {"rv64gc", "rva22s64", "max"};
    uint64_t random = random_seed();
    unsigned accepted_count = 0;
    for (unsigned n = 0; n < 20000; n++) {
        char cpu[256];
        ext_set on = 0, off = 0;
        int length = snprintf(cpu, sizeof cpu, "%s", profiles[random_u32(&random) % 3]);
        for (unsigned k = random_u32(&random) % 5; k > 0; k--) {
            enum ext ext = (enum ext)(random_u32(&random) % EXT_COUNT);
            bool is_on = random_u32(&random) % 2;
            *(is_on ? &on : &off) |= ext_bit(ext);
            length += snprintf(cpu + length, sizeof cpu - (size_t)length, ",%s=%s", ext_name(ext),
                               is_on ? "on" : "off");
        }
        ext_set set = 0;
        bool accepted = ext_parse(cpu, &set, NULL) == STATUS_OK;
        if (accepted != possible(needed, on, off)) {
            fail_msg("--cpu %s is %s", cpu, accepted ? "accepted" : "refused");
        }
        if (!accepted) {
            continue;
        }
        accepted_count++;
        bool consistent = (set & on) == on && (set & off) == 0 && (set >> EXT_COUNT) == 0;
        for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
            consistent &= (set & ext_bit((enum ext)ext)) == 0 || (needed[ext] & ~set) == 0;
        }
        if (!consistent) {
            fail_msg("--cpu %s gives %#llx", cpu, (unsigned long long)set);
        }
    }
    assert_in_range(accepted_count, 5000, 19999);
}

/* -- Device tree ------------------------------------------------------------------------------- */

static void isa_string_is_canonical(void **state) {
    (void)state;
    char text[1024];
    size_t length = ext_isa_string(ext_of("rv64gc"), text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_string_equal(text, "rv64imafdc_zicntr_zicsr_zifencei_zihpm_svade");
    ext_isa_string(ext_of("rv64gc,f=off,c=off,zba=on,sstc=on"), text, sizeof text);
    assert_string_equal(text, "rv64ima_zicntr_zicsr_zifencei_zihpm_zba_sstc_svade");
    ext_isa_string(ext_bit(EXT_i) | ext_bit(EXT_sv39) | ext_bit(EXT_s), text, sizeof text);
    assert_string_equal(text, "rv64i");
    ext_isa_string(ext_of("max"), text, sizeof text);
    assert_string_equal(text,
                        "rv64imafdc_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_"
                        "zicntr_zicond_zicsr_zifencei_zihintntl_zihintpause_zihpm_zimop_za64rs_"
                        "zawrs_zfa_zfh_zfhmin_zcb_zcmop_zba_zbb_zbc_zbkb_zbkx_zbs_zkt_ssccptr_"
                        "sscounterenw_sstc_sstvala_sstvecd_svade_svadu_svinval_svnapot_svpbmt");
}

static void isa_string_is_cut_to_its_place(void **state) {
    (void)state;
    char whole[1024];
    size_t length = ext_isa_string(ext_of("max"), whole, sizeof whole);
    for (size_t size = 0; size < length + 2; size++) {
        char text[1024];
        memset(text, '#', sizeof text);
        assert_int_equal(ext_isa_string(ext_of("max"), text, size), length);
        size_t kept = size == 0 ? 0 : min_u64(size - 1, length);
        assert_memory_equal(text, whole, kept);
        assert_int_equal(text[kept], size == 0 ? '#' : '\0');
        assert_int_equal(text[size], '#');
    }
}

static void names_are_words(void **state) {
    (void)state;
    for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
        const char *name = ext_name((enum ext)ext);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789"), strlen(name));
        assert_in_range(strlen(name), 1, 15);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_hold_what_they_name),
        cmocka_unit_test(needs_come_along),
        cmocka_unit_test(dependents_go_along),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(refusals_name_word_and_remedy),
        cmocka_unit_test(long_words_are_refused_in_one_line),
        cmocka_unit_test(random_settings_stay_consistent),
        cmocka_unit_test(isa_string_is_canonical),
        cmocka_unit_test(isa_string_is_cut_to_its_place),
        cmocka_unit_test(names_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
