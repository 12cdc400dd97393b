/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A debugger's session: what is asked is answered, and nothing of the machine moves by it. */
#include <inttypes.h>

#include "boot_test.h"
#include "machine/gdb.h"

enum { HARTS = 2, ANSWER_CHARS = 40000 };

/* Loads a word behind its page, adds one, stores it, jumps back. */
static const uint32_t loop[] = {0x00001317, 0x10033283, 0x00128293, 0x10533023, 0xff5ff06f};
#define ADD_AT (BOARD_RAM_BASE + 8)
#define WORD_AT (BOARD_RAM_BASE + 0x1100)

/** A machine, a session, and what that has said. */
struct fixture {
    struct folder *folder;
    char *path;
    struct console *console;
    struct machine *machine;
    struct rate rates[HARTS];
    struct run_callbacks callbacks;
    struct gdb gdb;
    struct packet heard;
    unsigned acks;
    char answer[ANSWER_CHARS]; /* bodies of all packets since the last was sent, a line each */
    size_t answer_count;
};

static void listen(void *owner, const void *bytes, size_t size_bytes) {
    struct fixture *fixture = owner;
    for (size_t i = 0; i < size_bytes; i++) {
        enum packet_event event = packet_take(&fixture->heard, ((const uint8_t *)bytes)[i]);
        assert_true(event != PACKET_DAMAGED);
        fixture->acks += event == PACKET_TAKEN;
        if (event == PACKET_WHOLE) {
            fixture->answer_count += (size_t)snprintf(
                fixture->answer + fixture->answer_count, ANSWER_CHARS - fixture->answer_count,
                "%s%s", fixture->answer_count > 0 ? "\n" : "", fixture->heard.body);
            assert_true(fixture->answer_count < ANSWER_CHARS);
        }
    }
}

static int make(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct bytes code = bytes_new(sizeof loop, 0);
    struct error error;
    assert_non_null(fixture);
    assert_int_equal(folder_make((void **)&fixture->folder), 0);
    memcpy(code.at, loop, sizeof loop);
    fixture->path = folder_write(fixture->folder, "loop", code);
    struct machine_options options = {
        .bios = fixture->path,
        .memory_bytes = MEMORY_MIN_BYTES,
        .hart_count = HARTS,
        .rates = fixture->rates,
        .quantum_ns = QUANTUM_DEFAULT_NS,
        .monotonic = true,
        .jit_cache_bytes = JIT_CACHE_MIN_BYTES,
    };
    assert_int_equal(ext_parse("max", &options.ext, &error), STATUS_OK);
    for (unsigned i = 0; i < HARTS; i++) {
        fixture->rates[i] = rate_from_shift(3);
    }
    fixture->console = console_open("null", &error);
    fixture->machine = machine_new(&options, fixture->console, &error);
    assert_non_null(fixture->machine);
    gdb_init(&fixture->gdb, fixture->machine, &(struct stream){.put = listen, .owner = fixture});
    machine_begin(fixture->machine, &fixture->callbacks);
    *state = fixture;
    return 0;
}

static int drop(void **state) {
    struct fixture *fixture = *state;
    gdb_free(&fixture->gdb);
    machine_free(fixture->machine);
    console_close(fixture->console);
    free(fixture->path);
    folder_remove((void **)&fixture->folder);
    free(fixture);
    return 0;
}

/** Sends a packet, lets the machine go if it says so. @return All answers. */
static const char *ask_bytes(struct fixture *fixture, const void *body, size_t size_bytes) {
    struct text packet = {0}, line = {0};
    text_clear(&packet);
    text_binary(&packet, body, size_bytes);
    uint8_t sum = 0;
    for (size_t i = 0; i < packet.count; i++) {
        sum = (uint8_t)(sum + (uint8_t)packet.bytes[i]);
    }
    text_add(&line, "$");
    text_put(&line, packet.bytes, packet.count);
    text_add(&line, "#%02x", sum);
    fixture->answer_count = 0;
    fixture->answer[0] = '\0';
    for (size_t i = 0; i < line.count; i++) {
        gdb_take(&fixture->gdb, (uint8_t)line.bytes[i]);
    }
    while (fixture->gdb.wish == GDB_GO) {
        gdb_stopped(&fixture->gdb, machine_go(fixture->machine, &fixture->gdb.goal));
    }
    text_free(&packet);
    text_free(&line);
    return fixture->answer;
}

static const char *ask(struct fixture *fixture, const char *body) {
    return ask_bytes(fixture, body, strlen(body));
}

static void expect_answer(struct fixture *fixture, const char *body, const char *answer) {
    if (strcmp(ask(fixture, body), answer) != 0) {
        fail_msg("%s: '%s', not '%s'", body, fixture->answer, answer);
    }
}

/** @p answer is how it begins. */
static void expect_start(struct fixture *fixture, const char *body, const char *answer) {
    if (strncmp(ask(fixture, body), answer, strlen(answer)) != 0) {
        fail_msg("%s: '%s', not '%s...'", body, fixture->answer, answer);
    }
}

static void expect_holds(struct fixture *fixture, const char *body, const char *part) {
    if (strstr(ask(fixture, body), part) == NULL) {
        fail_msg("%s: '%s' is not in '%s'", body, part, fixture->answer);
    }
}

/** Text of a `monitor` command. */
static const char *monitor(struct fixture *fixture, const char *command) {
    struct text body = {0};
    text_add(&body, "qRcmd,");
    text_hex(&body, command, strlen(command));
    const char *at = ask(fixture, body.bytes);
    size_t count = 0;
    text_free(&body);
    while (*at == 'O' && at[1] != 'K') {
        at++;
        while (hex_bytes(&at, (uint8_t *)fixture->answer + count, 1)) {
            count++; /* never past what is read */
        }
        at += *at == '\n';
    }
    assert_string_equal(at, "OK");
    fixture->answer[count] = '\0';
    return fixture->answer;
}

/* -- Tests ------------------------------------------------------------------------------------- */

static void a_session_begins(void **state) {
    struct fixture *fixture = *state;
    expect_holds(fixture, "qSupported:swbreak+;xmlRegisters=i386", "PacketSize=4000;");
    expect_holds(fixture, "qSupported", "ReverseStep+");
    assert_int_equal(fixture->acks, 2);
    expect_answer(fixture, "vMustReplyEmpty", "");
    expect_answer(fixture, "QStartNoAckMode", "OK");
    assert_int_equal(fixture->acks, 4);
    expect_answer(fixture, "qAttached", "1");
    assert_int_equal(fixture->acks, 4);
    expect_answer(fixture, "QNonStop:1", "");
    expect_answer(fixture, "vCont?", "vCont;c;C;s;S;r");
    expect_start(fixture, "?", "T05thread:1;20:");
    gdb_renew(&fixture->gdb);
    expect_answer(fixture, "qAttached", "1");
    assert_int_equal(fixture->acks, 5);
}

static void threads_are_harts(void **state) {
    struct fixture *fixture = *state;
    expect_answer(fixture, "qfThreadInfo", "m1,2");
    expect_answer(fixture, "qsThreadInfo", "l");
    expect_answer(fixture, "qC", "QC1");
    expect_answer(fixture, "T2", "OK");
    expect_answer(fixture, "T3", "E03");
    expect_answer(fixture, "Hg2", "OK");
    expect_answer(fixture, "pf55", "0100000000000000"); /* mhartid */
    expect_answer(fixture, "Hg0", "OK");
    expect_answer(fixture, "pf55", "0100000000000000");
    expect_answer(fixture, "Hg1", "OK");
    expect_answer(fixture, "pf55", "0000000000000000");
    expect_answer(fixture, "Hc-1", "OK");
    expect_answer(fixture, "Hx1", "E03");
    expect_answer(fixture, "Hg9", "E03");
    expect_answer(fixture, "qThreadExtraInfo,3", "E03");
    expect_start(fixture, "qThreadExtraInfo,2", "686172742031"); /* "hart 1" */
}

static void the_description_comes_in_pieces(void **state) {
    struct fixture *fixture = *state;
    struct text xml = {0};
    char body[80];
    do {
        snprintf(body, sizeof body, "qXfer:features:read:target.xml:%zx,3f1", xml.count);
        ask(fixture, body);
        assert_true(fixture->answer[0] == 'm' || fixture->answer[0] == 'l');
        text_put(&xml, fixture->answer + 1, strlen(fixture->answer) - 1);
    } while (fixture->answer[0] == 'm');
    static const char *const parts[] = {
        "riscv:rv64",  "org.gnu.gdb.riscv.cpu",     "name=\"x31\"", "org.gnu.gdb.riscv.fpu",
        "name=\"f0\"", "org.gnu.gdb.riscv.csr",     "\"mstatus\"",  "\"satp\"",
        "\"fcsr\"",    "org.gnu.gdb.riscv.virtual", "\"priv\"",     "</target>"};
    for (size_t i = 0; i < COUNT(parts); i++) {
        assert_non_null(strstr(xml.bytes, parts[i]));
    }
    text_free(&xml);
    expect_answer(fixture, "qXfer:features:read:target.xml:fffff,10", "E22");
    expect_answer(fixture, "qXfer:features:read:target.xml:0", "E22");
    expect_answer(fixture, "qXfer:features:read:other.xml:0,10", "");
}

static void registers_are_written(void **state) {
    struct fixture *fixture = *state;
    struct hart *hart = fixture->machine->harts.hart[0];
    assert_false(fixture->machine->edited);
    expect_answer(fixture, "P5=efcdab8967452301", "OK");
    assert_true(fixture->machine->edited);
    assert_true(hart->x[5] == UINT64_C(0x0123456789abcdef));
    expect_answer(fixture, "p5", "efcdab8967452301");
    expect_answer(fixture, "P0=ffffffffffffffff", "OK");
    expect_answer(fixture, "p0", "0000000000000000");
    expect_answer(fixture, "P21=000000000000f83f", "OK"); /* f0 */
    expect_answer(fixture, "p21", "000000000000f83f");
    expect_answer(fixture, "P381=3412000000000000", "OK"); /* mscratch: 65 + 0x340 */
    assert_int_equal(hart->mscratch, 0x1234);
    expect_answer(fixture, "Pb41=6400000000000000", "OK"); /* mcycle: 65 + 0xb00 */
    expect_answer(fixture, "pb41", "6400000000000000");
    expect_answer(fixture, "P1041=0100000000000000", "OK"); /* priv */
    assert_int_equal(hart->priv, PRIV_S);
    expect_answer(fixture, "P1041=0200000000000000", "E22");
    expect_answer(fixture, "pb41", "6400000000000000");     /* whatever the mode may read */
    expect_answer(fixture, "Pf55=0100000000000000", "E22"); /* mhartid: read-only */
    expect_answer(fixture, "p1042", "E22");
    expect_answer(fixture, "p7ff", "E22");
    expect_answer(fixture, "P5=12", "E22");
    expect_answer(fixture, "P5", "E22");
    char all[33 * 16 + 2] = "G";
    memcpy(all + 1, ask(fixture, "g"), 33 * 16 + 1);
    memcpy(all + 1 + 6 * 16, "1122334455667788", 16);
    expect_answer(fixture, all, "OK");
    expect_answer(fixture, "g", all + 1);
    assert_true(hart->x[6] == UINT64_C(0x8877665544332211));
    expect_answer(fixture, "G00", "E22");
}

static void memory_is_read_and_written(void **state) {
    struct fixture *fixture = *state;
    expect_answer(fixture, "m80000000,8", "1713000083320310");
    expect_answer(fixture, "m80ffffff,1", "00");
    expect_answer(fixture, "m80ffffff,8", "00"); /* the end of RAM: what there is */
    expect_answer(fixture, "m81000000,8", "E14");
    expect_answer(fixture, "m10000000,1", "E14"); /* a device is not read */
    expect_answer(fixture, "mffffffffffffffff,2", "E14");
    expect_answer(fixture, "m80000000,0", "");
    expect_answer(fixture, "m80000000", "E22");
    expect_answer(fixture, "mx,1", "E22");
    expect_start(fixture, "m1000,4", ""); /* the boot ROM */
    assert_int_equal(strlen(fixture->answer), 8);
    assert_false(fixture->machine->edited);
    expect_answer(fixture, "M80001ffe,4:a1a2a3a4", "OK");
    expect_answer(fixture, "m80001ffe,4", "a1a2a3a4");
    assert_true(fixture->machine->edited);
    static const uint8_t binary[] = "X80001000,5:#$}*\0";
    assert_string_equal(ask_bytes(fixture, binary, sizeof binary - 1), "OK");
    expect_answer(fixture, "m80001000,5", "23247d2a00");
    expect_answer(fixture, "M80fffffe,4:a1a2a3a4", "E14"); /* not all of it: none of it */
    expect_answer(fixture, "m80fffffe,2", "0000");
    expect_answer(fixture, "M80001000,2:00", "E22");
    expect_answer(fixture, "M80001000,1:0000", "E22");
    expect_answer(fixture, "M1000,1:00", "E14");
    expect_answer(fixture, "qSearch:memory:80001000;1000;\xa2\xa3", "0");
    expect_answer(fixture, "qSearch:memory:80001000;1001;\xa1\xa2\xa3", "1,80001ffe");
    expect_answer(fixture, "qSearch:memory:80001000;10;", "E22");
}

/* Sv39: the gigabyte at 0 is that of RAM, by one leaf without A and D, which the CPU would set. */
static void looking_marks_no_page_table(void **state) {
    struct fixture *fixture = *state;
    struct hart *hart = fixture->machine->harts.hart[0];
    const paddr table = BOARD_RAM_BASE + 0x10000;
    const uint64_t leaf = (BOARD_RAM_BASE >> PAGE_SHIFT) << 10 | 0x0f;
    char hash[STATE_HASH_CHARS], after[STATE_HASH_CHARS];
    assert_true(ram_write(&fixture->machine->bus.ram, table, &leaf, sizeof leaf));
    assert_true(csr_poke(hart, CSR_MENVCFG, ENVCFG_ADUE));
    assert_true(csr_poke(hart, CSR_SATP, UINT64_C(8) << 60 | table >> PAGE_SHIFT));
    expect_answer(fixture, "P1041=0100000000000000", "OK");
    machine_state_hash(fixture->machine, hash);
    expect_answer(fixture, "m0,8", "1713000083320310");
    expect_answer(fixture, "m80000000,8", "E14");
    expect_answer(fixture, "Qqemu.PhyMemMode:1", "OK");
    expect_answer(fixture, "qqemu.PhyMemMode", "1");
    expect_answer(fixture, "m80000000,8", "1713000083320310");
    expect_answer(fixture, "m0,8", "E14");
    expect_answer(fixture, "Qqemu.PhyMemMode:0", "OK");
    expect_answer(fixture, "Qqemu.PhyMemMode:2", "E22");
    machine_state_hash(fixture->machine, after);
    assert_string_equal(after, hash);
    expect_answer(fixture, "M1100,1:7f", "OK");
    expect_answer(fixture, "m1100,1", "7f");
    uint64_t now;
    assert_true(ram_read(&fixture->machine->bus.ram, table, &now, sizeof now));
    assert_true(now == leaf);
}

/* All registers, also time under monotonic=on, whose reads by guests are state. */
static void looking_moves_nothing(void **state) {
    struct fixture *fixture = *state;
    char hash[STATE_HASH_CHARS], after[STATE_HASH_CHARS];
    expect_start(fixture, "vCont;s:2", "T05thread:2;");
    machine_state_hash(fixture->machine, hash);
    for (unsigned hart = 1; hart <= HARTS; hart++) {
        char body[32];
        snprintf(body, sizeof body, "Hg%u", hart);
        expect_answer(fixture, body, "OK");
        for (unsigned number = 0; number <= REGISTER_PRIV; number++) {
            snprintf(body, sizeof body, "p%x", number);
            ask(fixture, body);
        }
    }
    static const char *const commands[] = {"time", "where", "stats", "read 0x80000000 64", "help"};
    for (size_t i = 0; i < COUNT(commands); i++) {
        assert_true(strlen(monitor(fixture, commands[i])) > 0);
    }
    machine_state_hash(fixture->machine, after);
    assert_string_equal(after, hash);
    assert_false(fixture->machine->edited);
}

static void steps_are_those_of_a_hart(void **state) {
    struct fixture *fixture = *state;
    const struct vcpu *vcpus = fixture->machine->sched.vcpus;
    expect_start(fixture, "vCont;s:1;c", "T05thread:1;");
    assert_int_equal(vcpus[0].clock.steps, 1);
    assert_int_equal(vcpus[1].clock.steps, 0);
    expect_start(fixture, "s", "T05thread:1;");
    assert_int_equal(vcpus[0].clock.steps, 2);
    expect_start(fixture, "vCont;s:2", "T05thread:2;"); /* after the rest of hart 0's turn */
    assert_int_equal(vcpus[0].clock.steps, QUANTUM_DEFAULT_NS / 8);
    assert_int_equal(vcpus[1].clock.steps, 1);
    expect_start(fixture, "S05", "T05thread:2;");
    assert_int_equal(vcpus[1].clock.steps, 2);
    static const char *const wrong[] = {"vCont;", "vCont;x",  "vCont;s:3", "vCont;c;",
                                        "vContc", "vCont;s:", "vCont;C",   "s80000000",
                                        "C",      "Cxx",      "vCont;t",   "vCont;r0:1"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        expect_answer(fixture, wrong[i], "E22");
    }
    assert_int_equal(fixture->machine->steps, QUANTUM_DEFAULT_NS / 8 + 2);
}

/* One packet for all steps up to where pc leaves the range, or meets a point. */
static void ranges_are_stepped(void **state) {
    struct fixture *fixture = *state;
    const struct clock *clock = &fixture->machine->sched.vcpus[0].clock;
    struct hart *hart = fixture->machine->harts.hart[0];
    while (hart->pc != BOARD_RAM_BASE) {
        expect_start(fixture, "vCont;s:1", "T05thread:1;");
    }
    uint64_t before = clock->steps;
    expect_start(fixture, "vCont;r80000000,80000010:1", "T05thread:1;");
    assert_int_equal(hart->pc, BOARD_RAM_BASE + 16);
    assert_int_equal(clock->steps, before + 4);
    expect_start(fixture, "vCont;r80000010,80000010:1;c", "T05thread:1;");
    assert_int_equal(clock->steps, before + 5);
    expect_answer(fixture, "Z0,80000010,4", "OK");
    expect_holds(fixture, "vCont;r80000000,80000100:1", "swbreak:;");
    assert_int_equal(clock->steps, before + 8);
    assert_int_equal(hart->pc, BOARD_RAM_BASE + 16);
}

static void points_stop_it(void **state) {
    struct fixture *fixture = *state;
    struct hart *hart = fixture->machine->harts.hart[0];
    expect_answer(fixture, "Z0,80000008,4", "OK");
    expect_answer(fixture, "Z0,80000008,4", "OK"); /* twice is once */
    expect_holds(fixture, "vCont;c", "swbreak:;");
    assert_int_equal(hart->pc, ADD_AT);
    expect_answer(fixture, "Z1,8000000c,4", "OK");
    expect_holds(fixture, "c", "hwbreak:;");
    expect_answer(fixture, "z1,8000000c,4", "OK");
    expect_answer(fixture, "z1,8000000c,4", "OK");
    expect_answer(fixture, "z0,80000008,4", "OK");
    expect_answer(fixture, "Z2,80001104,2", "OK");
    expect_holds(fixture, "c", "watch:80001104;");
    expect_answer(fixture, "z2,80001104,2", "OK");
    expect_answer(fixture, "Z3,80001100,8", "OK");
    expect_holds(fixture, "c", "rwatch:80001100;");
    expect_answer(fixture, "z3,80001100,8", "OK");
    expect_answer(fixture, "Z4,80001107,1", "OK");
    expect_holds(fixture, "c", "awatch:80001107;");
    expect_answer(fixture, "z4,80001107,1", "OK");
    assert_int_equal(fixture->machine->harts.points.count, 0);
    expect_answer(fixture, "Z5,0,1", "");
    expect_answer(fixture, "Z2,80001100,0", "E22");
    expect_answer(fixture, "Z2,ffffffffffffffff,2", "E22");
    expect_answer(fixture, "Z0,80000008", "E22");
    expect_answer(fixture, "Zx", "E22");
    assert_int_equal(fixture->machine->harts.points.count, 0);
    expect_answer(fixture, "Z0,80000008,4", "OK");
    expect_answer(fixture, "D", "OK");
    assert_int_equal(fixture->gdb.wish, GDB_DETACH);
    assert_int_equal(fixture->machine->harts.points.count, 0);
}

/* gdb has RISC-V's watchpoints strike before the access, and steps over it, in either way. */
static void accesses_are_stepped_over(void **state) {
    struct fixture *fixture = *state;
    const struct clock *clock = &fixture->machine->sched.vcpus[0].clock;
    expect_answer(fixture, "Z2,80001100,8", "OK");
    expect_holds(fixture, "c", "20:0c00008000000000;"); /* the store's */
    uint64_t steps = clock->steps;
    expect_answer(fixture, "p20", "0c00008000000000");
    expect_answer(fixture, "m80001100,1", "01");
    expect_holds(fixture, "vCont;s:1", "20:1000008000000000;");
    assert_int_equal(clock->steps, steps);
    expect_holds(fixture, "vCont;s:1", "20:0400008000000000;");
    assert_int_equal(clock->steps, steps + 1);
    expect_holds(fixture, "c", "20:0c00008000000000;");
    steps = clock->steps;
    expect_answer(fixture, "Z0,80000010,4", "OK");
    expect_holds(fixture, "vCont;c:1", "20:1000008000000000;");
    assert_int_equal(clock->steps, steps);
    expect_answer(fixture, "z0,80000010,4", "OK");
    expect_holds(fixture, "c", "20:0c00008000000000;");
    steps = clock->steps;
    assert_false(fixture->machine->edited);
    expect_answer(fixture, "P20=0800008000000000", "OK");
    expect_answer(fixture, "p20", "0800008000000000");
    expect_holds(fixture, "s", "20:0c00008000000000;");
    assert_int_equal(clock->steps, steps + 1);
}

static void physical_writes_are_told(void **state) {
    struct fixture *fixture = *state;
    assert_string_equal(monitor(fixture, "watch 0x80001100 4"), "");
    const char *answer = ask(fixture, "c");
    assert_int_equal(answer[0], 'O');
    assert_non_null(strstr(answer, "\nT05thread:1;"));
    assert_string_equal(monitor(fixture, "unwatch 0x80001100 4"), "");
    assert_non_null(strstr(monitor(fixture, "unwatch 0x80001100 4"), "none like it"));
    assert_non_null(strstr(monitor(fixture, "watch 0x10000000 1"), "not all of it is RAM"));
    assert_non_null(strstr(monitor(fixture, "watch 5"), "a physical range"));
    assert_int_equal(fixture->machine->harts.points.count, 0);
}

static void monitor_answers(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(strstr(monitor(fixture, "seek 1000"), "after 1000 steps"));
    assert_int_equal(fixture->machine->steps, 1000);
    assert_non_null(strstr(monitor(fixture, "where"), "after 1000 steps of all harts\n"));
    assert_non_null(strstr(monitor(fixture, "time"), "hart 0     1000 steps, 8000 ns\n"));
    assert_non_null(strstr(monitor(fixture, "stats"), "steps 1000\n"));
    assert_string_equal(monitor(fixture, "read 0x80000000 4"), "0x80000000: 17 13 00 00\n");
    assert_non_null(strstr(monitor(fixture, "read 0x80ffffff 2"), "0x81000000: no memory\n"));
    assert_non_null(strstr(monitor(fixture, "read 0 99999"), "up to 4096 bytes"));
    assert_non_null(strstr(monitor(fixture, "fly"), "no such command"));
    assert_null(strstr(monitor(fixture, "help"), "no such command"));
    assert_non_null(strstr(monitor(fixture, "seek 0x7d0"), "after 2000 steps"));
    assert_non_null(strstr(monitor(fixture, "seek 02500"), "after 2500 steps"));
    assert_non_null(strstr(monitor(fixture, "seek"), "seek PLACE: STEPS"));
    assert_non_null(strstr(monitor(fixture, "seek-time 30000"), "after "));
    assert_non_null(strstr(monitor(fixture, "time"), "hart 0     3750 steps, 30000 ns\n"));
    assert_non_null(strstr(monitor(fixture, "time"), "hart 1     2500 steps, 20000 ns\n"));
    assert_non_null(strstr(monitor(fixture, "seek-time -1"), "nanoseconds"));
    assert_non_null(strstr(monitor(fixture, "seek-time 9223372036854775807"), "nanoseconds"));
    expect_answer(fixture, "qRcmd,6", "E22");
    expect_answer(fixture, "qRcmd,6g", "E22");
}

static void what_was_lost_is_said_again(void **state) {
    struct fixture *fixture = *state;
    char first[32];
    snprintf(first, sizeof first, "%s", ask(fixture, "qC"));
    fixture->answer_count = 0;
    gdb_take(&fixture->gdb, '-');
    assert_string_equal(fixture->answer, first);
    expect_answer(fixture, "k", "");
    assert_int_equal(fixture->gdb.wish, GDB_KILL);
}

static void the_end_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture->answer_count = 0;
    gdb_ended(&fixture->gdb, &(struct machine_exit){.reason = EXIT_FAIL, .status = 7});
    assert_string_equal(fixture->answer, "W07");
    fixture->answer_count = 0;
    gdb_ended(&fixture->gdb, &(struct machine_exit){.reason = EXIT_SIGNAL, .code = 15});
    assert_string_equal(fixture->answer, "X0f");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_session_begins),
        TEST(threads_are_harts),
        TEST(the_description_comes_in_pieces),
        TEST(registers_are_written),
        TEST(memory_is_read_and_written),
        TEST(looking_marks_no_page_table),
        TEST(looking_moves_nothing),
        TEST(steps_are_those_of_a_hart),
        TEST(ranges_are_stepped),
        TEST(points_stop_it),
        TEST(accesses_are_stepped_over),
        TEST(physical_writes_are_told),
        TEST(monitor_answers),
        TEST(what_was_lost_is_said_again),
        TEST(the_end_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
