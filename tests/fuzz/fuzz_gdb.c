/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes on a debugger's line: what is answered are sound packets, the machine goes where it is
 * told and no further, and nothing else of the program is touched.
 *
 * If the first byte is odd, the sums of all packets are put right, so that damage gets further. The
 * machine has two harts that count in memory; what lets it go on does so for few steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/gdb.h"

enum { HARTS = 2, STEPS_MAX = 20000, STEPS_ALL_MAX = 400000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

/* Loads a word behind its page, adds one, stores it, jumps back. */
static const uint32_t loop[] = {0x00001317, 0x10033283, 0x00128293, 0x10533023, 0xff5ff06f};

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_gdb: %s\n", what);
        abort();
    }
}

/** What the session says, checked as it comes. */
struct listener {
    struct packet packet;
    size_t count;
};

static void listen(void *owner, const void *bytes, size_t size_bytes) {
    struct listener *listener = owner;
    for (size_t i = 0; i < size_bytes; i++) {
        enum packet_event event = packet_take(&listener->packet, ((const uint8_t *)bytes)[i]);
        demand(event != PACKET_DAMAGED && event != PACKET_BREAK, "an unsound packet");
        listener->count += event == PACKET_WHOLE;
    }
}

/** The guest, in a file that is gone again. */
static struct machine *machine_start(struct console *console) {
    static struct rate rates[HARTS] = {{.whole_ns = 8, .parts = 1}, {.whole_ns = 8, .parts = 1}};
    char path[] = "/tmp/fuzz-gdb-XXXXXX";
    int file = mkstemp(path);
    struct error error = {0};
    demand(file >= 0 && write(file, loop, sizeof loop) == sizeof loop && close(file) == 0, path);
    struct machine_options options = {
        .bios = path,
        .memory_bytes = MEMORY_MIN_BYTES,
        .hart_count = HARTS,
        .rates = rates,
        .quantum_ns = QUANTUM_DEFAULT_NS,
        .engine = ENGINE_INTERP,
        .stop = {.kind = DESTINATION_STEPS, .number = STEPS_ALL_MAX},
    };
    demand(ext_parse("max", &options.ext, &error) == STATUS_OK, error.text);
    struct machine *machine = machine_new(&options, console, &error);
    demand(machine != NULL, error.text);
    unlink(path);
    return machine;
}

static void go(struct gdb *gdb) {
    struct goal goal = gdb->goal;
    goal.steps = min_u64(goal.steps, gdb->machine->steps + STEPS_MAX);
    enum pause pause = machine_go(gdb->machine, &goal);
    demand(gdb->machine->steps <= goal.steps, "went too far");
    gdb_stopped(gdb, pause == PAUSE_NONE ? PAUSE_GOAL : pause);
}

/** @p byte, or what it should be as a part of the sum of a packet. */
static uint8_t put_right(const struct packet *packet, uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    bool low = packet->state == PACKET_SUM_LOW;
    bool sum = low || packet->state == PACKET_SUM_HIGH;
    return sum ? (uint8_t)digits[low ? packet->sum & 15 : packet->sum >> 4] : byte;
}

static void take_all(struct gdb *gdb, const uint8_t *bytes, size_t size_bytes) {
    bool rights = size_bytes > 0 && (bytes[0] & 1) != 0;
    for (size_t i = 1; i < size_bytes && gdb->wish != GDB_KILL; i++) {
        uint64_t before = gdb->machine->steps;
        gdb->wish = GDB_STAY;
        gdb_take(gdb, rights ? put_right(&gdb->packet, bytes[i]) : bytes[i]);
        bool seeks = gdb->packet.body[0] == 'q';
        demand(seeks || gdb->machine->steps == before, "moved by itself");
        while (gdb->wish == GDB_GO && gdb->machine->exit.reason == EXIT_NONE) {
            go(gdb);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    struct error error;
    struct listener listener = {0};
    struct run_callbacks callbacks = {0};
    struct console *console = console_open("null", &error);
    struct machine *machine = machine_start(console);
    struct gdb *gdb = calloc(1, sizeof *gdb);
    demand(gdb != NULL, "out of memory");
    gdb_init(gdb, machine, &(struct stream){.put = listen, .owner = &listener});
    machine_begin(machine, &callbacks);
    take_all(gdb, bytes, size_bytes);
    machine_finish(machine);
    gdb_free(gdb);
    free(gdb);
    machine_free(machine);
    console_close(console);
    return 0;
}
