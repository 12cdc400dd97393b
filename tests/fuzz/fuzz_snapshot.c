/* SPDX-License-Identifier: GPL-2.0-or-later */
/* States that no machine was ever in: each is refused, or a machine goes on from it, whatever that
 * means, without harm to the program.
 *
 * A machine runs for a while and tells its state; the input changes bytes of that, which no
 * checksum sees here; another machine is set to it, and runs. The first byte says for how long the
 * first one runs; then come changes of four bytes each: where, in 24 bits, and what. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/past.h"

enum { HARTS = 2, DISK_BYTES = 1 << 20, CHANGES_MAX = 64, AFTER_STEPS = 3000, EACH_STEPS = 40 };

/* Loads, stores, an atomic, counters, a timer, a sleep, and the console. */
static const uint32_t program[] = {
    0xf1402573, /* csrr a0, mhartid */
    0x80100293, /* li t0, -2047 */
    0x0ff00313, /* li t1, 255 */
    0x30431073, /* csrw mie, t1 */
    0x10000e37, /* lui t3, 0x10000: the UART */
    0x02004eb7, /* lui t4, 0x2004: mtimecmp */
    0xc01023f3, /* rdtime t2 */
    0x00738393, /* addi t2, t2, 7 */
    0x007eb023, /* sd t2, 0(t4) */
    0x006e0023, /* sb t1, 0(t3) */
    0x10500073, /* wfi */
    0xfedff06f, /* j to rdtime */
};

/** What all machines share. */
struct outside {
    struct console *console;
    struct console *port;
    struct disk *disk;
    char program_path[64];
};

static void demand(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "fuzz_snapshot: %s\n", what);
        abort();
    }
}

static void file_make(char *path, const void *bytes, size_t size_bytes, off_t length) {
    int descriptor = mkstemp(path);
    demand(descriptor >= 0 && write(descriptor, bytes, size_bytes) == (ssize_t)size_bytes &&
               ftruncate(descriptor, length) == 0,
           "no temporary file");
    close(descriptor);
}

static void outside_open(struct outside *outside) {
    struct error error;
    char disk[] = "/tmp/sandglass-fuzz.XXXXXX";
    strcpy(outside->program_path, "/tmp/sandglass-fuzz.XXXXXX");
    file_make(disk, "", 0, DISK_BYTES);
    file_make(outside->program_path, program, sizeof program, sizeof program);
    outside->console = console_open("null", &error);
    outside->port = console_open("null", &error);
    outside->disk = disk_open(&(struct disk_options){.path = disk}, &error);
    demand(outside->console != NULL && outside->port != NULL && outside->disk != NULL,
           "what machines share cannot be had");
    unlink(disk);
}

static struct machine *machine_of(struct outside *outside) {
    static struct rate rates[HARTS];
    static struct drive drive;
    struct error error;
    struct machine_options options = {
        .bios = outside->program_path,
        .memory_bytes = MEMORY_MIN_BYTES,
        .hart_count = HARTS,
        .rates = rates,
        .quantum_ns = QUANTUM_DEFAULT_NS,
        .engine = ENGINE_INTERP,
        .drives = &drive,
        .drive_count = 1,
        .virtconsoles = &outside->port,
        .virtconsole_count = 1,
        .snapshot_bytes = SNAPSHOT_DEFAULT_BYTES,
        .no_reboot = true,
    };
    drive = (struct drive){.disk = outside->disk, .latency_ns = 1000};
    demand(ext_parse("max", &options.ext, &error) == STATUS_OK, "no extensions");
    for (unsigned i = 0; i < HARTS; i++) {
        rates[i] = rate_from_shift(3);
    }
    struct machine *machine = machine_new(&options, outside->console, &error);
    demand(machine != NULL, "no machine");
    return machine;
}

static void machine_runs(struct machine *machine, uint64_t steps) {
    struct goal goal = goal_none;
    struct run_callbacks callbacks = {.owner = NULL};
    machine_begin(machine, &callbacks);
    goal.steps = add_sat_u64(machine->steps, steps);
    (void)machine_go(machine, &goal);
    (void)machine_finish(machine);
}

static void parts_walk(struct machine *machine, struct stream *stream) {
    machine_parts_state(machine, stream);
    sched_counts_state(&machine->sched, stream);
}

static void changes_make(struct buffer *parts, const uint8_t *bytes, size_t size_bytes) {
    for (size_t i = 0; i < CHANGES_MAX && size_bytes >= 4; i++, bytes += 4, size_bytes -= 4) {
        size_t at = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
        parts->bytes[at % parts->size_bytes] = bytes[3];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    static struct outside outside;
    struct buffer parts = {0};
    if (outside.console == NULL) {
        outside_open(&outside);
    }
    if (size_bytes == 0) {
        return 0;
    }
    struct machine *first = machine_of(&outside);
    machine_runs(first, (uint64_t)bytes[0] * EACH_STEPS);
    struct stream told = buffer_tell(&parts);
    parts_walk(first, &told);
    machine_free(first);
    changes_make(&parts, bytes + 1, size_bytes - 1);
    struct machine *second = machine_of(&outside);
    struct stream set = buffer_set(&parts);
    parts_walk(second, &set);
    if (stream_sound(&set)) {
        machine_settle(second);
        machine_runs(second, AFTER_STEPS);
    }
    machine_free(second);
    buffer_free(&parts);
    return 0;
}
