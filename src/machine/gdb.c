/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A debugger's session: what its packets ask for, and what it is told when the machine stops.
 *
 * Threads are harts, numbered from 1. While the machine stands still, packets are answered and
 * nothing of it moves; the one that lets it go on only leaves a wish, which gdb_line.c fulfils.
 *
 * 1. A step is a step of one hart: the run goes on, as ever, until that hart's position has grown
 *    by one. A hart that stopped at a breakpoint is in the middle of its turn, so nobody else
 *    moves; one whose turn has ended, or who sleeps, lets others run before.
 * 2. `continue` is that of all harts: no packet makes one of them wait for another, as that would
 *    be another machine. So vCont's actions are: the first hart that is to step, or all go.
 * 3. Looking has no effect (gdb_target.c); every change passes through debug_edit().
 * 4. gdb takes a watchpoint of RISC-V's to strike before its access, and lets that happen by one
 *    step, or by a breakpoint behind it. Ours strike behind. So until the machine is to move, the
 *    hart's pc is told as that of the access; and the step that comes next has been taken.
 * 5. A packet that makes no sense gets an error, one that is unknown the empty reply.
 *
 *      gdb                         here
 *      $vCont;s:1;c#..         --> wish = GDB_GO, goal.hart_steps = steps of hart 0 + 1
 *                                  (gdb_line.c: machine_go(), gdb_stopped(PAUSE_GOAL))
 *      <-- $T05thread:1;20:...#.. */
#include "machine/gdb.h"
#include "machine/sight.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNAL_INTERRUPT = 2, SIGNAL_TRAP = 5 };

/** Errors: as errno has them, but gdb only shows the number. */
enum { ERROR_ARGUMENT = 22, ERROR_ADDRESS = 14, ERROR_MEMORY = 12, ERROR_THREAD = 3 };

/** Tags of points: the packet's digit tells breakpoints of two kinds apart. */
enum { TAG_SOFTWARE = 0, TAG_HARDWARE = 1 };

/* -- Replies ----------------------------------------------------------------------------------- */

void gdb_reply(struct gdb *gdb) {
    struct text sent = gdb->last;
    packet_write(&gdb->line, &gdb->reply);
    gdb->last = gdb->reply;
    gdb->reply = sent;
}

static void reply_ok(struct gdb *gdb) {
    text_add(&gdb->reply, "OK");
}

static void reply_error(struct gdb *gdb, unsigned number) {
    text_clear(&gdb->reply);
    text_add(&gdb->reply, "E%02u", number);
}

static void reply_done(struct gdb *gdb, bool done, unsigned number) {
    if (done) {
        reply_ok(gdb);
    } else {
        reply_error(gdb, number);
    }
}

/* -- Threads ----------------------------------------------------------------------------------- */

/**
 * Reads a thread's number.
 * @param hart  Its hart; unchanged for 0 and -1, which stand for any and all.
 */
static bool thread_read(const struct gdb *gdb, const char **at, unsigned *hart) {
    uint64_t number;
    if (word_pass(at, "-1")) {
        return true;
    }
    if (!hex_number(at, &number) || number > gdb->machine->harts.count) {
        return false;
    }
    *hart = number == 0 ? *hart : (unsigned)number - 1;
    return true;
}

static void thread_choose(struct gdb *gdb, const char *body) {
    const char *at = body + 2;
    bool runs = body[1] == 'c';
    bool good = body[1] == 'g' || runs;
    good = good && thread_read(gdb, &at, runs ? &gdb->hart_run : &gdb->hart_looked);
    reply_done(gdb, good && *at == '\0', ERROR_THREAD);
}

static void thread_alive(struct gdb *gdb, const char *at) {
    unsigned hart = 0;
    reply_done(gdb, thread_read(gdb, &at, &hart) && *at == '\0', ERROR_THREAD);
}

/* -- What gdb sees ----------------------------------------------------------------------------- */

/** A register of a hart, as gdb is to have it: see 4 above. */
static unsigned register_look(const struct gdb *gdb, unsigned hart, unsigned number,
                              uint64_t *value) {
    unsigned size_bytes = target_read(gdb->machine, hart, number, value);
    if (gdb->done && number == REGISTER_PC && hart == machine_hit(gdb->machine)->hart) {
        *value = machine_hit(gdb->machine)->pc;
    }
    return size_bytes;
}

/* -- Why it stopped ---------------------------------------------------------------------------- */

/** Begins the reply for a stop of @p hart, with the registers that gdb asks for first. */
static void stop_begin(struct gdb *gdb, unsigned signal, unsigned hart) {
    static const unsigned wanted[] = {REGISTER_PC, 2, 8}; /* pc, sp, fp */
    text_clear(&gdb->stop);
    text_add(&gdb->stop, "T%02xthread:%x;", signal, hart + 1);
    for (size_t i = 0; i < COUNT(wanted); i++) {
        uint64_t value;
        unsigned size_bytes = register_look(gdb, hart, wanted[i], &value);
        text_add(&gdb->stop, "%02x:", wanted[i]);
        text_word(&gdb->stop, value, size_bytes);
        text_add(&gdb->stop, ";");
    }
    gdb->hart_looked = hart;
    gdb->hart_run = hart;
}

/** A line on gdb's console. */
static void say(struct gdb *gdb, const struct text *line) {
    text_clear(&gdb->reply);
    text_add(&gdb->reply, "O");
    text_hex(&gdb->reply, line->bytes, line->count);
    gdb_reply(gdb);
}

/* gdb has no word for a write to a physical address, so it is told in ours. */
static void say_physical(struct gdb *gdb, const struct hit *hit) {
    struct text line = {0};
    text_add(&line, "physical 0x%" PRIx64 ": 0x%" PRIx64 " -> 0x%" PRIx64 ", by ", hit->address,
             hit->old, hit->now);
    if (hit->hart == HIT_BY_DEVICE) {
        text_add(&line, "a device\n");
    } else {
        text_add(&line, "hart %u at 0x%" PRIx64 "\n", hit->hart, hit->pc);
    }
    say(gdb, &line);
    text_free(&line);
}

static void stop_hit(struct gdb *gdb, const struct hit *hit) {
    static const char *const names[] = {
        [POINT_WRITE] = "watch", [POINT_READ] = "rwatch", [POINT_ACCESS] = "awatch"};
    stop_begin(gdb, SIGNAL_TRAP, hit->hart == HIT_BY_DEVICE ? gdb->hart_run : hit->hart);
    if (hit->point.kind == POINT_BREAK) {
        text_add(&gdb->stop, hit->point.tag == TAG_HARDWARE ? "hwbreak:;" : "swbreak:;");
    } else if (hit->point.kind != POINT_PHYSICAL) {
        text_add(&gdb->stop, "%s:%" PRIx64 ";", names[hit->point.kind], hit->address);
    } else {
        say_physical(gdb, hit);
    }
}

static void stop_tell(struct gdb *gdb) {
    gdb->wish = GDB_STAY;
    text_clear(&gdb->reply);
    text_put(&gdb->reply, gdb->stop.bytes, gdb->stop.count);
    gdb_reply(gdb);
}

/** Is the step that was taken one of a range that goes on? */
static bool range_goes_on(const struct gdb *gdb) {
    uint64_t pc = gdb->machine->harts.hart[gdb->goal.hart]->pc;
    return gdb->goal.hart_steps != UINT64_MAX && pc >= gdb->range_first && pc < gdb->range_end;
}

void gdb_stopped(struct gdb *gdb, enum pause pause) {
    if (pause == PAUSE_GOAL && range_goes_on(gdb)) {
        gdb->goal.hart_steps++;
        return;
    }
    if (pause == PAUSE_HIT) {
        enum point_kind kind = machine_hit(gdb->machine)->point.kind;
        gdb->done = kind != POINT_BREAK && kind != POINT_PHYSICAL;
        stop_hit(gdb, machine_hit(gdb->machine));
    } else {
        bool stepped = gdb->goal.hart_steps != UINT64_MAX;
        stop_begin(gdb, pause == PAUSE_ASKED ? SIGNAL_INTERRUPT : SIGNAL_TRAP,
                   stepped ? gdb->goal.hart : gdb->hart_run);
    }
    stop_tell(gdb);
}

void gdb_stopped_back(struct gdb *gdb, enum reverse reverse) {
    if (reverse == REVERSE_HIT) {
        stop_hit(gdb, machine_hit(gdb->machine));
    } else {
        stop_begin(gdb, SIGNAL_TRAP, gdb->hart_run);
    }
    if (reverse == REVERSE_BEGIN) {
        text_add(&gdb->stop, "replaylog:begin;");
    }
    stop_tell(gdb);
}

/* Not an exit: behind that gdb would not go back. It has a word for the end of what can be run. */
void gdb_stopped_at_end(struct gdb *gdb) {
    struct text line = {0};
    text_add(
        &line,
        "The run has ended: %s, status %d. From here it goes back; continue ends it for good.\n",
        exit_reason_name(gdb->machine->exit.reason), gdb->machine->exit.status);
    say(gdb, &line);
    text_free(&line);
    stop_begin(gdb, SIGNAL_TRAP, gdb->hart_run);
    text_add(&gdb->stop, "replaylog:end;");
    stop_tell(gdb);
}

void gdb_ended(struct gdb *gdb, const struct machine_exit *end) {
    text_clear(&gdb->reply);
    if (end->reason == EXIT_SIGNAL) {
        text_add(&gdb->reply, "X%02x", (unsigned)end->code & 0xff);
    } else {
        text_add(&gdb->reply, "W%02x", (unsigned)end->status & 0xff);
    }
    gdb_reply(gdb);
}

/* -- Going on ---------------------------------------------------------------------------------- */

/** What a hart, or each of them, is to do. */
struct action {
    bool steps;
    unsigned hart;       /* that is to step */
    uint64_t first, end; /* it goes on stepping in here; equal: one step */
};

/** Is the step that gdb wants to take over a watched access what has happened already? */
static bool step_is_done(const struct gdb *gdb, const struct action *action) {
    const struct points *points = &gdb->machine->harts.points;
    uint64_t pc = gdb->machine->harts.hart[gdb->hart_run]->pc;
    bool breaks = false;
    for (size_t i = 0; i < points->count && !breaks; i++) {
        breaks = points->list[i].kind == POINT_BREAK && points->list[i].address == pc;
    }
    bool steps = action->steps && action->hart == gdb->hart_run && action->end == 0;
    return gdb->done && (action->steps ? steps : breaks);
}

/** What to do is in wish; the reply comes when it is done, or now if it has been done. */
static void go(struct gdb *gdb, const struct action *action) {
    bool stays = step_is_done(gdb, action);
    gdb->goal = goal_none;
    gdb->wish = stays ? GDB_STAY : GDB_GO;
    gdb->range_first = action->first;
    gdb->range_end = action->end;
    gdb->done = false;
    if (stays) {
        stop_begin(gdb, SIGNAL_TRAP, gdb->hart_run);
        text_add(&gdb->stop, action->steps ? "" : "swbreak:;");
        text_put(&gdb->reply, gdb->stop.bytes, gdb->stop.count);
    } else if (action->steps) {
        gdb->hart_run = action->hart;
        gdb->goal.hart = action->hart;
        gdb->goal.hart_steps = gdb->machine->sched.vcpus[action->hart].clock.steps + 1;
    }
}

/** One action of vCont. @return false: it makes no sense. */
static bool action_read(const struct gdb *gdb, const char **at, struct action *action) {
    uint64_t signal;
    char letter = **at;
    bool good = letter != '\0' && strchr("cCsSr", letter) != NULL;
    *at += good;
    *action = (struct action){.steps = letter != 'c' && letter != 'C', .hart = gdb->hart_run};
    if (letter == 'C' || letter == 'S') {
        good = hex_number(at, &signal);
    } else if (letter == 'r') {
        good = hex_number(at, &action->first) && word_pass(at, ",") && hex_number(at, &action->end);
    }
    return good && (!word_pass(at, ":") || thread_read(gdb, at, &action->hart));
}

/** "vCont;ACTION[:THREAD]..." @param at  Behind vCont. */
static void continue_by_actions(struct gdb *gdb, const char *at) {
    struct action chosen = {0};
    do {
        struct action action;
        if (!word_pass(&at, ";") || !action_read(gdb, &at, &action)) {
            reply_error(gdb, ERROR_ARGUMENT);
            return;
        }
        chosen = action.steps && !chosen.steps ? action : chosen;
    } while (*at != '\0');
    go(gdb, &chosen);
}

/** "c", "s", "CNN", "SNN"; there is no way to go on elsewhere. */
static void continue_plainly(struct gdb *gdb, const char *body) {
    const char *at = body;
    struct action action;
    if (action_read(gdb, &at, &action) && *at == '\0') {
        go(gdb, &action);
    } else {
        reply_error(gdb, ERROR_ARGUMENT);
    }
}

static void back(struct gdb *gdb, const char *body) {
    gdb->done = false;
    if (strcmp(body, "bs") == 0) {
        gdb->wish = GDB_BACK_STEP;
    } else if (strcmp(body, "bc") == 0) {
        gdb->wish = GDB_BACK;
    }
}

/* -- Registers --------------------------------------------------------------------------------- */

static void registers_read(struct gdb *gdb) {
    for (unsigned number = 0; number < REGISTERS_GENERAL; number++) {
        uint64_t value;
        unsigned size_bytes = register_look(gdb, gdb->hart_looked, number, &value);
        text_word(&gdb->reply, value, size_bytes);
    }
}

static bool register_set(struct gdb *gdb, unsigned number, uint64_t value) {
    gdb->done = gdb->done && number != REGISTER_PC;
    return debug_edit(gdb->machine, &(struct edit){.kind = EDIT_REGISTER,
                                                   .hart = gdb->hart_looked,
                                                   .number = number,
                                                   .value = value});
}

/** All are read before one is changed; those that stay as they are are no edits. */
static void registers_write(struct gdb *gdb, const char *at) {
    uint64_t values[REGISTERS_GENERAL];
    for (unsigned i = 0; i < REGISTERS_GENERAL; i++) {
        if (!hex_word(&at, &values[i], sizeof values[i])) {
            reply_error(gdb, ERROR_ARGUMENT);
            return;
        }
    }
    bool done = true;
    for (unsigned i = 0; i < REGISTERS_GENERAL; i++) {
        uint64_t old;
        (void)register_look(gdb, gdb->hart_looked, i, &old);
        done = (values[i] == old || register_set(gdb, i, values[i])) && done;
    }
    reply_done(gdb, done, ERROR_ARGUMENT);
}

static void register_read(struct gdb *gdb, const char *at) {
    uint64_t number, value;
    if (!hex_number(&at, &number) || *at != '\0' || number > REGISTER_PRIV) {
        reply_error(gdb, ERROR_ARGUMENT);
        return;
    }
    unsigned size_bytes = register_look(gdb, gdb->hart_looked, (unsigned)number, &value);
    if (size_bytes == 0) {
        reply_error(gdb, ERROR_ARGUMENT);
    } else {
        text_word(&gdb->reply, value, size_bytes);
    }
}

static void register_write(struct gdb *gdb, const char *at) {
    uint64_t number, value;
    bool good = hex_number(&at, &number) && number <= REGISTER_PRIV && word_pass(&at, "=") &&
                hex_word(&at, &value, sizeof value) && *at == '\0';
    reply_done(gdb, good && register_set(gdb, (unsigned)number, value), ERROR_ARGUMENT);
}

/* -- Memory ------------------------------------------------------------------------------------ */

/** "ADDRESS,LENGTH" */
static bool range_read(const char **at, uint64_t *address, uint64_t *size_bytes) {
    return hex_number(at, address) && word_pass(at, ",") && hex_number(at, size_bytes);
}

static void memory_read(struct gdb *gdb, const char *at) {
    uint8_t bytes[PACKET_BYTES_MAX / 2];
    uint64_t address, size_bytes;
    if (!range_read(&at, &address, &size_bytes) || *at != '\0') {
        reply_error(gdb, ERROR_ARGUMENT);
        return;
    }
    size_t wanted = min_u64(size_bytes, sizeof bytes);
    struct target_place place = {gdb->hart_looked, gdb->physical, address};
    size_t count = target_memory(gdb->machine, &place, bytes, wanted);
    if (count == 0 && wanted > 0) {
        reply_error(gdb, ERROR_ADDRESS);
    } else {
        text_hex(&gdb->reply, bytes, count);
    }
}

/** Writes page by page, where all of it can be written. */
static bool memory_set(struct gdb *gdb, uint64_t address, const uint8_t *bytes, size_t size_bytes) {
    struct machine *machine = gdb->machine;
    for (unsigned check = 1; check <= 2; check++) {
        for (size_t done = 0; done < size_bytes;) {
            size_t part = min_u64(size_bytes - done, PAGE_BYTES - (address + done) % PAGE_BYTES);
            struct edit edit = {.kind = EDIT_MEMORY,
                                .address = address + done,
                                .bytes = bytes + done,
                                .size_bytes = part};
            struct hart *hart = machine->harts.hart[gdb->hart_looked];
            if ((!gdb->physical && !mmu_peek(hart, address + done, &edit.address)) ||
                !ram_holds(&machine->bus.ram, edit.address, part)) {
                return false;
            }
            ensure(check == 1 || debug_edit(machine, &edit));
            done += part;
        }
    }
    return true;
}

/** "MADDRESS,LENGTH:DIGITS", "XADDRESS,LENGTH:BYTES" */
static void memory_write(struct gdb *gdb) {
    uint8_t bytes[PACKET_BYTES_MAX];
    const struct packet *packet = &gdb->packet;
    const char *at = packet->body + 1;
    uint64_t address, size_bytes;
    bool good =
        range_read(&at, &address, &size_bytes) && word_pass(&at, ":") && size_bytes <= sizeof bytes;
    size_t left = packet->count - (size_t)(at - packet->body);
    if (good && packet->body[0] == 'M') {
        good = left == 2 * size_bytes && hex_bytes(&at, bytes, size_bytes);
    } else if (good) {
        good = left == size_bytes;
        memcpy(bytes, at, good ? size_bytes : 0);
    }
    if (!good) {
        reply_error(gdb, ERROR_ARGUMENT);
    } else {
        reply_done(gdb, memory_set(gdb, address, bytes, size_bytes), ERROR_ADDRESS);
    }
}

/* -- Points ------------------------------------------------------------------------------------ */

/** "ZTYPE,ADDRESS,KIND[;...]" and "zTYPE,..."; for watches KIND is a length. */
static void point_change(struct gdb *gdb, const char *body) {
    static const enum point_kind kinds[] = {POINT_BREAK, POINT_BREAK, POINT_WRITE, POINT_READ,
                                            POINT_ACCESS};
    struct harts *harts = &gdb->machine->harts;
    struct point point = {0};
    const char *at = body + 1;
    uint64_t type;
    if (!hex_number(&at, &type) || !word_pass(&at, ",") ||
        !range_read(&at, &point.address, &point.size_bytes)) {
        reply_error(gdb, ERROR_ARGUMENT);
        return;
    }
    if (type >= COUNT(kinds)) {
        return;
    }
    point.kind = kinds[type];
    point.tag = type == 1 ? TAG_HARDWARE : TAG_SOFTWARE;
    if (point.kind != POINT_BREAK &&
        (point.size_bytes == 0 || point.address + (point.size_bytes - 1) < point.address)) {
        reply_error(gdb, ERROR_ARGUMENT);
        return;
    }
    (void)points_remove(harts, &point); /* both may come twice */
    bool good = body[0] == 'z' || points_add(harts, &point);
    reply_done(gdb, good, ERROR_MEMORY);
}

/* -- Packets ----------------------------------------------------------------------------------- */

static void multi_letter(struct gdb *gdb, const char *body) {
    const char *at = body;
    if (word_pass(&at, "vCont?")) {
        text_add(&gdb->reply, "vCont;c;C;s;S;r");
    } else if (word_pass(&at, "vCont")) {
        continue_by_actions(gdb, at);
    } else if (word_pass(&at, "vKill;")) {
        gdb->wish = GDB_KILL;
        reply_ok(gdb);
    }
}

static void detach(struct gdb *gdb) {
    points_remove_all(&gdb->machine->harts);
    sights_arm(gdb->machine);
    gdb->wish = GDB_DETACH;
    reply_ok(gdb);
}

static void packet_answer(struct gdb *gdb) {
    const char *body = gdb->packet.body;
    switch (body[0]) {
    case '?':
        text_put(&gdb->reply, gdb->stop.bytes, gdb->stop.count);
        break;
    case 'b':
        back(gdb, body);
        break;
    case 'c':
    case 'C':
    case 's':
    case 'S':
        continue_plainly(gdb, body);
        break;
    case 'D':
        detach(gdb);
        break;
    case 'g':
        registers_read(gdb);
        break;
    case 'G':
        registers_write(gdb, body + 1);
        break;
    case 'H':
        thread_choose(gdb, body);
        break;
    case 'k':
        gdb->wish = GDB_KILL;
        break;
    case 'm':
        memory_read(gdb, body + 1);
        break;
    case 'M':
    case 'X':
        memory_write(gdb);
        break;
    case 'p':
        register_read(gdb, body + 1);
        break;
    case 'P':
        register_write(gdb, body + 1);
        break;
    case 'q':
    case 'Q':
        gdb_query(gdb, body);
        break;
    case 'T':
        thread_alive(gdb, body + 1);
        break;
    case 'v':
        multi_letter(gdb, body);
        break;
    case 'z':
    case 'Z':
        point_change(gdb, body);
        break;
    default:
        break;
    }
}

/** Is the answer to come later, or never? */
static bool answers_later(const struct gdb *gdb) {
    return gdb->wish == GDB_GO || gdb->wish == GDB_BACK || gdb->wish == GDB_BACK_STEP ||
           (gdb->wish == GDB_KILL && gdb->packet.body[0] == 'k');
}

static void packet_serve(struct gdb *gdb) {
    bool quiet = gdb->quiet;
    gdb->told = true;
    gdb->wish = GDB_STAY;
    text_clear(&gdb->reply);
    packet_answer(gdb);
    if (!quiet) {
        gdb->line.put(gdb->line.owner, "+", 1);
    }
    if (!answers_later(gdb) || gdb->reply.count > 0) {
        gdb_reply(gdb);
    }
}

void gdb_take(struct gdb *gdb, uint8_t byte) {
    switch (packet_take(&gdb->packet, byte)) {
    case PACKET_WHOLE:
        packet_serve(gdb);
        break;
    case PACKET_DAMAGED:
        if (!gdb->quiet) {
            gdb->line.put(gdb->line.owner, "-", 1);
        }
        break;
    case PACKET_AGAIN:
        if (!gdb->quiet && gdb->last.count > 0) {
            packet_write(&gdb->line, &gdb->last);
        }
        break;
    case PACKET_BREAK:
        gdb->broken = true;
        break;
    case PACKET_MORE:
    case PACKET_TAKEN:
        break;
    }
}

/* -- Birth and death --------------------------------------------------------------------------- */

void gdb_init(struct gdb *gdb, struct machine *machine, const struct stream *line) {
    *gdb = (struct gdb){.machine = machine, .line = *line, .goal = goal_none};
    target_describe(machine, &gdb->xml);
    gdb_renew(gdb);
}

void gdb_renew(struct gdb *gdb) {
    points_remove_all(&gdb->machine->harts);
    sights_arm(gdb->machine);
    gdb->packet.state = PACKET_OUTSIDE;
    gdb->quiet = gdb->physical = gdb->told = gdb->broken = gdb->done = false;
    gdb->hart_looked = gdb->hart_run = 0;
    gdb->wish = GDB_STAY;
    text_clear(&gdb->reply);
    text_clear(&gdb->last);
    stop_begin(gdb, SIGNAL_TRAP, 0);
}

void gdb_free(struct gdb *gdb) {
    text_free(&gdb->reply);
    text_free(&gdb->last);
    text_free(&gdb->xml);
    text_free(&gdb->stop);
}
