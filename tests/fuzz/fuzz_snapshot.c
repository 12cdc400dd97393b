/* SPDX-License-Identifier: GPL-2.0-or-later */
/* States that no machine was ever in: each is refused, or a machine goes on from it, whatever that
 * means, without harm to the program.
 *
 * A machine runs for a while and tells its state; the input changes bytes of that, which no
 * checksum sees here; another machine is set to it, and runs. Then the same with what a snapshot
 * holds, memory and disks included, in frames that are whole. The first byte says for how long the
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
    char program_path[64], disk_path[64];
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
    snprintf(outside->disk_path, sizeof outside->disk_path, "/proc/self/fd/%d",
             open(disk, O_RDONLY));
    unlink(disk);
    file_make(outside->program_path, program, sizeof program, sizeof program);
    outside->console = console_open("null", &error);
    outside->port = console_open("null", &error);
    demand(outside->console != NULL && outside->port != NULL, "what machines share cannot be had");
}

/* A state may write to it: each input has a fresh one. */
static void disk_renew(struct outside *outside) {
    struct error error;
    (void)disk_close(outside->disk, &error);
    outside->disk = disk_open(&(struct disk_options){.path = outside->disk_path}, &error);
    demand(outside->disk != NULL, "no disk");
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
        .kept = true,
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

/* -- Snapshots --------------------------------------------------------------------------------- */

static struct log *log_nameless(void) {
    struct error error;
    struct log *log = log_create(NULL, "", 0, &error);
    demand(log != NULL, "no log");
    return log;
}

/** What a snapshot of the machine holds, without the pieces' heads. */
static void snapshot_tell(struct machine *machine, struct buffer *whole) {
    struct log *log = log_nameless();
    struct stream stream = buffer_tell(whole);
    struct error error;
    const struct log_event *event;
    demand(machine_snapshot(machine, log, &error) == STATUS_OK, "no snapshot");
    log_seek(log, (struct log_cursor){.frame_idx = 1});
    while ((event = log_peek(log)) != NULL && event->kind == LOG_STATE) {
        stream_put(&stream, event->bytes, event->size_bytes);
        log_pass(log);
    }
    (void)log_close(log, &error);
}

/** The same in pieces again, and set. */
static void snapshot_set(struct machine *machine, const struct buffer *whole) {
    enum { PART_BYTES = 32 << 10 };
    struct log *log = log_nameless();
    struct error error = {.text = ""};
    for (size_t done = 0; done < whole->size_bytes; done += PART_BYTES) {
        size_t part = min_u64(whole->size_bytes - done, PART_BYTES);
        bool last = done + part == whole->size_bytes;
        unsigned idx = (done == 0 ? WAYPOINT_FIRST : 0) | (last ? WAYPOINT_LAST : 0);
        log_append(log, &(struct log_event){.kind = LOG_STATE,
                                            .idx = (uint8_t)idx,
                                            .bytes = whole->bytes + done,
                                            .size_bytes = part});
    }
    log_seek(log, (struct log_cursor){.frame_idx = 1});
    demand(machine_restore(machine, log, &error) == STATUS_BAD_INPUT && error.text[0] != '\0',
           "a snapshot without a hash was taken");
    (void)log_close(log, &error);
}

/* -- Both -------------------------------------------------------------------------------------- */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    static struct outside outside;
    struct buffer parts = {0}, whole = {0};
    if (outside.console == NULL) {
        outside_open(&outside);
    }
    if (size_bytes == 0) {
        return 0;
    }
    disk_renew(&outside);
    struct machine *first = machine_of(&outside);
    machine_runs(first, (uint64_t)bytes[0] * EACH_STEPS);
    struct stream told = buffer_tell(&parts);
    parts_walk(first, &told);
    snapshot_tell(first, &whole);
    machine_free(first);
    changes_make(&parts, bytes + 1, size_bytes - 1);
    changes_make(&whole, bytes + 1, size_bytes - 1);
    struct machine *second = machine_of(&outside);
    struct stream set = buffer_set(&parts);
    parts_walk(second, &set);
    if (stream_sound(&set)) {
        machine_settle(second);
        machine_runs(second, AFTER_STEPS);
    }
    machine_free(second);
    second = machine_of(&outside);
    snapshot_set(second, &whole);
    machine_free(second);
    buffer_free(&parts);
    buffer_free(&whole);
    return 0;
}
