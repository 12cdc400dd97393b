/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions of gdb's about what it talks to, and the commands that a person gives by `monitor`. */
#include "machine/gdb.h"
#include "machine/past.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCH_BYTES = 4096, READ_BYTES_MAX = 4096, LINE_BYTES = 16 };

/* -- Questions --------------------------------------------------------------------------------- */

static void supported(struct gdb *gdb, const char *at) {
    (void)at;
    text_add(&gdb->reply,
             "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak+;"
             "hwbreak+;multiprocess-;ReverseStep+;ReverseContinue+",
             PACKET_BYTES_MAX);
}

static void start_quiet(struct gdb *gdb, const char *at) {
    (void)at;
    gdb->quiet = true;
    text_add(&gdb->reply, "OK");
}

static void threads_first(struct gdb *gdb, const char *at) {
    (void)at;
    for (unsigned i = 0; i < gdb->machine->harts.count; i++) {
        text_add(&gdb->reply, "%c%x", i == 0 ? 'm' : ',', i + 1);
    }
}

static void threads_next(struct gdb *gdb, const char *at) {
    (void)at;
    text_add(&gdb->reply, "l");
}

static const char *privilege_name(unsigned priv) {
    return priv == PRIV_M ? "M" : priv == PRIV_S ? "S" : "U";
}

static void thread_info(struct gdb *gdb, const char *at) {
    struct text line = {0};
    uint64_t number;
    if (!hex_number(&at, &number) || number == 0 || number > gdb->machine->harts.count) {
        text_add(&gdb->reply, "E03");
        return;
    }
    const struct hart *hart = gdb->machine->harts.hart[number - 1];
    const struct vcpu *vcpu = &gdb->machine->sched.vcpus[number - 1];
    text_add(&line, "hart %u, %s mode, %" PRIu64 " steps%s", hart->id, privilege_name(hart->priv),
             vcpu->clock.steps, vcpu->asleep ? ", asleep" : "");
    text_hex(&gdb->reply, line.bytes, line.count);
    text_free(&line);
}

static void thread_present(struct gdb *gdb, const char *at) {
    (void)at;
    text_add(&gdb->reply, "QC%x", gdb->hart_run + 1);
}

static void attached(struct gdb *gdb, const char *at) {
    (void)at;
    text_add(&gdb->reply, "1");
}

/** "OFFSET,LENGTH" of the description. */
static void description(struct gdb *gdb, const char *at) {
    uint64_t offset, size_bytes;
    if (!hex_number(&at, &offset) || !word_pass(&at, ",") || !hex_number(&at, &size_bytes) ||
        *at != '\0' || offset > gdb->xml.count) {
        text_add(&gdb->reply, "E22");
        return;
    }
    size_t left = gdb->xml.count - offset;
    size_t part = min_u64(min_u64(left, size_bytes), PACKET_BYTES_MAX / 2);
    text_add(&gdb->reply, "%c", part < left ? 'm' : 'l');
    text_binary(&gdb->reply, gdb->xml.bytes + offset, part);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static void mode_read(struct gdb *gdb, const char *at) {
    (void)at;
    text_add(&gdb->reply, "%d", gdb->physical);
}

static void mode_write(struct gdb *gdb, const char *at) {
    bool good = (at[0] == '0' || at[0] == '1') && at[1] == '\0';
    gdb->physical = good ? at[0] == '1' : gdb->physical;
    text_add(&gdb->reply, good ? "OK" : "E22");
}

/** What is looked for, and where. */
struct search {
    uint64_t address, size_bytes;
    const uint8_t *pattern;
    size_t pattern_bytes;
};

/** Windows overlap by a pattern, less one byte. @return Found, at *where. */
static bool search_memory(struct gdb *gdb, const struct search *search, uint64_t *where) {
    uint8_t window[SEARCH_BYTES + PACKET_BYTES_MAX];
    for (uint64_t done = 0; search->size_bytes - done >= search->pattern_bytes;) {
        size_t wanted =
            min_u64(search->size_bytes - done, SEARCH_BYTES - 1 + search->pattern_bytes);
        struct target_place place = {gdb->hart_looked, gdb->physical, search->address + done};
        size_t count = target_memory(gdb->machine, &place, window, wanted);
        const uint8_t *found = memmem(window, count, search->pattern, search->pattern_bytes);
        if (found != NULL) {
            *where = search->address + done + (uint64_t)(found - window);
            return true;
        }
        if (count < wanted || wanted < SEARCH_BYTES) {
            return false;
        }
        done += SEARCH_BYTES;
    }
    return false;
}

/** "ADDRESS;LENGTH;PATTERN" */
static void search(struct gdb *gdb, const char *at) {
    struct search search = {0};
    uint64_t where;
    bool good = hex_number(&at, &search.address) && word_pass(&at, ";") &&
                hex_number(&at, &search.size_bytes) && word_pass(&at, ";");
    search.pattern = (const uint8_t *)at;
    search.pattern_bytes = gdb->packet.count - (size_t)(at - gdb->packet.body);
    if (!good || search.pattern_bytes == 0) {
        text_add(&gdb->reply, "E22");
    } else if (search_memory(gdb, &search, &where)) {
        text_add(&gdb->reply, "1,%" PRIx64, where);
    } else {
        text_add(&gdb->reply, "0");
    }
}

/* -- Commands of `monitor` --------------------------------------------------------------------- */

static void tell_time(struct gdb *gdb, const char *words, struct text *answer) {
    struct machine *machine = gdb->machine;
    vtime virtual_ns = sched_virtual(&machine->sched);
    (void)words;
    static const char *const names[] = {
        [CLOCKS_REALTIME] = "REALTIME",
        [CLOCKS_HOST] = "HOST",
        [CLOCKS_VIRTUAL] = "VIRTUAL",
        [CLOCKS_VIRTUAL_RT] = "VIRTUAL_RT",
    };
    for (unsigned kind = 0; kind < COUNT(names); kind++) {
        int64_t ns =
            clocks_read(&machine->clocks, (enum clock_kind)kind, host_time_read(), virtual_ns);
        text_add(answer, "%-10s %" PRId64 " ns\n", names[kind], ns);
    }
    text_add(answer, "steps      %" PRIu64 "\n", machine->steps);
    for (unsigned i = 0; i < machine->harts.count; i++) {
        struct hart_stats stats = machine_hart_stats(machine, i);
        text_add(answer, "hart %-5u %" PRIu64 " steps, %" PRId64 " ns\n", i, stats.steps,
                 stats.local_ns);
    }
}

static void tell_where(struct gdb *gdb, const char *words, struct text *answer) {
    const struct machine *machine = gdb->machine;
    (void)words;
    for (unsigned i = 0; i < machine->harts.count; i++) {
        const struct hart *hart = machine->harts.hart[i];
        const struct vcpu *vcpu = &machine->sched.vcpus[i];
        bool turn = machine->sched.current == i;
        text_add(answer, "hart %u at 0x%" PRIx64 ", %s mode, after %" PRIu64 " steps%s%s\n", i,
                 hart->pc, privilege_name(hart->priv), vcpu->clock.steps,
                 vcpu->asleep ? ", asleep" : "", turn ? ", has its turn" : "");
    }
    text_add(answer, "after %" PRIu64 " steps of all harts%s\n", machine->steps,
             machine->edited ? "; edited" : "");
}

static void tell_stats(struct gdb *gdb, const char *words, struct text *answer) {
    struct machine_stats stats;
    (void)words;
    machine_stats(gdb->machine, &stats);
    text_add(answer, "steps %" PRIu64 "\ninstructions %" PRIu64 "\nvirtual_ns %" PRId64 "\n",
             stats.steps, stats.instructions, stats.virtual_ns);
    text_add(answer, "timers fired %" PRIu64 ", late at most %" PRIu64 " steps\n",
             stats.timers_fired, stats.timers_late_steps_max);
    text_add(answer, "TLB fills: data %" PRIu64 ", fetch %" PRIu64 "\n", stats.tlb_data_fills,
             stats.tlb_fetch_fills);
    text_add(answer, "moments %zu, %" PRIu64 " MiB\n", past_count(gdb->machine),
             past_bytes(gdb->machine) >> 20);
    text_add(answer, "regions translated %" PRIu64 "\n", stats.jit.regions);
}

static void tell_hash(struct gdb *gdb, const char *words, struct text *answer) {
    char hash[STATE_HASH_CHARS];
    (void)words;
    machine_state_hash(gdb->machine, hash);
    text_add(answer, "state-hash %s after %" PRIu64 " steps\n", hash, gdb->machine->steps);
}

/** A decimal number, or one in hexadecimal behind 0x. */
static bool number_read(const char **words, uint64_t *value) {
    char *end;
    bool hexadecimal = (*words)[0] == '0' && ((*words)[1] == 'x' || (*words)[1] == 'X');
    *value = strtoull(*words, &end, hexadecimal ? 16 : 10);
    bool some = end != *words && **words != '-';
    *words = end + strspn(end, " ");
    return some;
}

/** How going to another place went. */
static void tell_place(const struct gdb *gdb, enum status status, const struct error *error,
                       struct text *answer) {
    if (status != STATUS_OK) {
        text_add(answer, "%s\n", error->text);
    } else {
        bool ended = gdb->machine->exit.reason != EXIT_NONE;
        text_add(answer,
                 "after %" PRIu64 " steps%s; tell gdb by `maintenance flush "
                 "register-cache`\n",
                 gdb->machine->steps, ended ? ", at the run's end" : "");
    }
}

static void seek(struct gdb *gdb, const char *words, struct text *answer) {
    struct destination destination = {.kind = DESTINATION_STEPS};
    struct error error;
    const char *at = words;
    if ((number_read(&at, &destination.number) && *at == '\0') ||
        destination_parse(words, &destination)) {
        tell_place(gdb, debug_seek(gdb->machine, &destination, &error), &error, answer);
    } else {
        text_add(answer, "seek PLACE: " DESTINATION_FORMS "\n");
    }
}

static void seek_time(struct gdb *gdb, const char *words, struct text *answer) {
    struct destination destination = {.kind = DESTINATION_VTIME};
    struct error error;
    if (!number_read(&words, &destination.number) || *words != '\0' ||
        destination.number >= (uint64_t)VTIME_NEVER) {
        text_add(answer, "seek-time NS: nanoseconds of VIRTUAL time\n");
    } else {
        tell_place(gdb, debug_seek(gdb->machine, &destination, &error), &error, answer);
    }
}

static void snapshot(struct gdb *gdb, const char *words, struct text *answer) {
    struct error error;
    (void)words;
    bool done = debug_snapshot(gdb->machine, &error) == STATUS_OK;
    text_add(answer, "%s\n", done ? "kept" : error.text);
}

static void read_physical(struct gdb *gdb, const char *words, struct text *answer) {
    uint8_t bytes[READ_BYTES_MAX];
    uint64_t address, count;
    if (!number_read(&words, &address) || !number_read(&words, &count) || *words != '\0' ||
        count > sizeof bytes) {
        text_add(answer, "read ADDRESS COUNT: a physical address, and up to %d bytes\n",
                 READ_BYTES_MAX);
        return;
    }
    struct target_place place = {.physical = true, .address = address};
    size_t done = target_memory(gdb->machine, &place, bytes, count);
    for (size_t i = 0; i < done; i++) {
        if (i % LINE_BYTES == 0) {
            text_add(answer, "0x%" PRIx64 ":", address + i);
        }
        bool ends = i % LINE_BYTES == LINE_BYTES - 1 || i == done - 1;
        text_add(answer, " %02x%s", bytes[i], ends ? "\n" : "");
    }
    if (done < count) {
        text_add(answer, "0x%" PRIx64 ": no memory\n", address + done);
    }
}

/** @param adds  Else takes away. */
static void watch_change(struct gdb *gdb, const char *words, struct text *answer, bool adds) {
    struct harts *harts = &gdb->machine->harts;
    struct point point = {.kind = POINT_PHYSICAL};
    const char *name = adds ? "watch" : "unwatch";
    if (!number_read(&words, &point.address) || !number_read(&words, &point.size_bytes) ||
        *words != '\0' || point.size_bytes == 0) {
        text_add(answer, "%s ADDRESS COUNT: a physical range\n", name);
    } else if (!(adds ? points_add(harts, &point) : points_remove(harts, &point))) {
        text_add(answer, "%s: %s\n", name, adds ? "not all of it is RAM" : "there is none like it");
    }
}

static void watch(struct gdb *gdb, const char *words, struct text *answer) {
    watch_change(gdb, words, answer, true);
}

static void unwatch(struct gdb *gdb, const char *words, struct text *answer) {
    watch_change(gdb, words, answer, false);
}

struct command {
    const char *name, *arguments, *text;
    void (*run)(struct gdb *gdb, const char *words, struct text *answer);
};

static const struct command commands[] = {
    {"time", "", "the four clocks, and positions", tell_time},
    {"where", "", "where each hart is", tell_where},
    {"stats", "", "numbers of the run so far", tell_stats},
    {"hash", "", "the state hash", tell_hash},
    {"seek", " PLACE", "go there: STEPS, vtime:NS, symbol:NAME#N, line:TEXT#N, ...", seek},
    {"seek-time", " NS", "seek vtime:NS", seek_time},
    {"snapshot", "", "keep what going back to here needs", snapshot},
    {"read", " ADDRESS COUNT", "show physical memory", read_physical},
    {"watch", " ADDRESS COUNT", "stop after writes to physical memory, devices' too", watch},
    {"unwatch", " ADDRESS COUNT", "no longer", unwatch},
};

void gdb_monitor(struct gdb *gdb, const char *command, struct text *answer) {
    size_t length = strcspn(command, " ");
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (strlen(commands[i].name) == length && strncmp(command, commands[i].name, length) == 0) {
            const char *words = command + length;
            commands[i].run(gdb, words + strspn(words, " "), answer);
            return;
        }
    }
    if (strcmp(command, "help") != 0) {
        text_add(answer, "%.40s: no such command; there are:\n", command);
    }
    for (size_t i = 0; i < COUNT(commands); i++) {
        int width = 24 - (int)strlen(commands[i].name);
        text_add(answer, "%s%-*s%s\n", commands[i].name, width, commands[i].arguments,
                 commands[i].text);
    }
}

void gdb_alive(struct gdb *gdb) {
    struct text dot = {0};
    text_add(&dot, "O2e");
    packet_write(&gdb->line, &dot);
    text_free(&dot);
}

/** "HEX OF A COMMAND": the answer comes as text for gdb's console, then OK. */
static void monitor(struct gdb *gdb, const char *at) {
    enum { PIECE_BYTES = PACKET_BYTES_MAX / 4 };
    size_t size_bytes = strlen(at) / 2;
    char command[PACKET_BYTES_MAX / 2 + 1];
    struct text answer = {0};
    if (!hex_bytes(&at, (uint8_t *)command, size_bytes) || *at != '\0') {
        text_add(&gdb->reply, "E22");
        return;
    }
    command[size_bytes] = '\0';
    gdb->busy = true;
    gdb_monitor(gdb, command, &answer);
    gdb->busy = false;
    for (size_t done = 0; done < answer.count; done += PIECE_BYTES) {
        text_clear(&gdb->reply);
        text_add(&gdb->reply, "O");
        text_hex(&gdb->reply, answer.bytes + done, min_u64(answer.count - done, PIECE_BYTES));
        gdb_reply(gdb);
    }
    text_clear(&gdb->reply);
    text_add(&gdb->reply, "OK");
    text_free(&answer);
}

/* -- The table --------------------------------------------------------------------------------- */

struct question {
    const char *name; /* with what separates it from its arguments, if it has any */
    void (*answer)(struct gdb *gdb, const char *at);
};

static const struct question questions[] = {
    {"qSupported", supported},
    {"QStartNoAckMode", start_quiet},
    {"qfThreadInfo", threads_first},
    {"qsThreadInfo", threads_next},
    {"qThreadExtraInfo,", thread_info},
    {"qC", thread_present},
    {"qAttached", attached},
    {"qXfer:features:read:target.xml:", description},
    {"qqemu.PhyMemMode", mode_read},
    {"Qqemu.PhyMemMode:", mode_write},
    {"qSearch:memory:", search},
    {"qRcmd,", monitor},
};

/* A name without arguments ends there, or before ':' and ';' with words that we need not know. */
void gdb_query(struct gdb *gdb, const char *body) {
    for (size_t i = 0; i < COUNT(questions); i++) {
        const char *at = body;
        const char *name = questions[i].name;
        bool open = strchr(":,", name[strlen(name) - 1]) != NULL;
        if (word_pass(&at, name) && (open || strchr(":;", *at) != NULL)) {
            questions[i].answer(gdb, at);
            return;
        }
    }
}
