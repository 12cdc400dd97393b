/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One computer: build it from options, run it, stop it, look at it. */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "base/base.h"
#include "bus/bus.h"
#include "dev/dev.h"
#include "hart/hart.h"
#include "jit/jit.h"
#include "io/io.h"
#include "isa/isa.h"
#include "machine/destination.h"
#include "machine/profile.h"
#include "vtime/vtime.h"

/* -- The board's map and interrupt numbers: those of QEMU's virt (board.c) --------------------- */

#define BOARD_BOOT_ROM_BASE ((paddr)0x1000)
#define BOARD_SYSCON_BASE ((paddr)0x100000)
#define BOARD_RTC_BASE ((paddr)0x101000)
#define BOARD_CLINT_BASE ((paddr)0x2000000)
#define BOARD_PLIC_BASE ((paddr)0xc000000)
#define BOARD_PCI_PORTS_BASE ((paddr)0x3000000)
#define BOARD_UART_BASE ((paddr)0x10000000)
#define BOARD_SERIAL_BASE ((paddr)0x10010000) /* of the second serial port; others follow */
#define BOARD_VIRTIO_BASE ((paddr)0x10001000) /* the first of BOARD_VIRTIO_COUNT */
#define BOARD_PCI_ECAM_BASE ((paddr)0x30000000)
#define BOARD_PCI_WINDOW_BASE ((paddr)0x40000000)
#define BOARD_RAM_BASE ((paddr)0x80000000)
enum { BOARD_PCI_PORTS_BYTES = 0x10000, BOARD_PCI_WINDOW_BYTES = 0x40000000 };
enum { BOARD_VIRTIO_COUNT = 8, BOARD_VIRTIO_STRIDE = 0x1000, BOARD_SERIAL_STRIDE = 0x1000 };
enum {
    BOARD_VIRTIO_IRQ = 1, /* the first of BOARD_VIRTIO_COUNT */
    BOARD_UART_IRQ = 10,
    BOARD_RTC_IRQ = 11,
    BOARD_SERIAL_IRQ = 12, /* of the second serial port; others follow */
    BOARD_PCI_IRQ = 32     /* INTA; the others follow */
};
enum { BOARD_TIMEBASE_HZ = 10000000, BOARD_TICK_NS = 100 };

/* -- Options ----------------------------------------------------------------------------------- */

enum {
    QUANTUM_MIN_NS = 100,
    QUANTUM_MAX_NS = 10000000,
    QUANTUM_DEFAULT_NS = 20000,    /* docs/time.md, law 10: what others cost */
    QUANTUM_PARALLEL_NS = 1000000, /* or the bound on the skew, if that is less */
    QUANTUM_ALONE_NS = 1000000,    /* of one hart: only inputs wait for a round's end */
};
#define SNAPSHOT_MIN_BYTES ((uint64_t)16 << 20)
#define SNAPSHOT_DEFAULT_BYTES ((uint64_t)1 << 30)
#define SNAPSHOT_MAX_BYTES ((uint64_t)1 << 40)
enum { PULSE_MIN_NS = 1000, PULSE_MAX_NS = 1000000000 };
#define MEMORY_MIN_BYTES ((uint64_t)16 << 20)
#define MEMORY_MAX_BYTES ((uint64_t)64 << 30)

enum grant_kind { GRANT_ALL, GRANT_FIXED, GRANT_RANDOM };

/** What runs the harts' steps: auto translates where the host has a translator; check does, too,
 * and interprets the same run beside it. */
enum engine { ENGINE_AUTO, ENGINE_JIT, ENGINE_INTERP, ENGINE_CHECK };

/** How many harts have time (docs/time.md, law 10): in turns on one thread, or each on its own. */
enum time_policy { TIME_LOCKSTEP, TIME_TOKEN, TIME_FREE };

/** Which bus a virtio device is found on. */
enum transport { TRANSPORT_PCI, TRANSPORT_MMIO };

enum { DRIVES_MAX = 16, DISK_LATENCY_DEFAULT_NS = 20000 };

/** A virtio disk. */
struct drive {
    struct disk *disk; /* not owned */
    vtime latency_ns;  /* from request to completion, [0, 10^9] */
    enum transport transport;
    const char *serial; /* what the guest reads as its serial number: at most 20 characters */
};

/** Serial ports, the console's with them; ports of the virtio console. */
enum { SERIALS_MAX = 4, VIRTCONSOLES_MAX = 4 };

enum { SHARES_MAX = 4 };

/** A shared folder. */
struct shared_folder {
    struct share *share; /* not owned */
    const char *tag;     /* what the guest mounts it by */
    enum transport transport;
};

/** What is done with what comes from outside, besides letting it in. */
enum gate_mode {
    GATE_OPEN,
    GATE_RECORDS, /* it is written down */
    GATE_REPLAYS  /* nobody outside is asked: it comes from a log, and so does the end */
};

/** Hashes on the way: as often as half a percent of the run's time allows, or never. */
#define HASH_AT_EASE UINT64_C(0)
#define HASH_NEVER UINT64_MAX

struct gate_options {
    enum gate_mode mode;     /* not GATE_OPEN: lockstep only */
    struct log *log;         /* not owned */
    uint64_t hash_steps;     /* recording: a hash every so many, at the next round's end */
    uint64_t waypoint_steps; /* recording: a state goes into the log every so many; 0: never */
    bool verifies;           /* replaying: hashes are compared */
    uint64_t from_steps;     /* replaying: begin at the last state in the log up to here; 0: at 0 */
    uint64_t to_steps;       /* replaying: stop here; UINT64_MAX: go on to the end */
    vtime to_ns;             /* replaying: stop here; VTIME_NEVER: likewise */
    struct destination to;   /* replaying: stop here; no STEPS and no VTIME */
};

/** Called when all that a run needs is open, and before anything is read from files to boot. */
typedef enum status opened_fn(void *owner, struct error *error);

/**
 * Everything that shapes a run. Strings and arrays are borrowed and must outlive the machine; a
 * NULL stands for what was not given.
 */
struct machine_options {
    const char *kernel, *initrd, *append, *bios, *elf, *signature;
    const struct symbol_file *symbol_files; /* for a profile */
    unsigned symbol_file_count;             /* [0, SYMBOL_FILES_MAX] */
    const char *const *firmware_paths; /* where bios NULL or "default" looks, in order; ends with
                                          NULL */
    uint64_t memory_bytes;             /* [MEMORY_MIN_BYTES, MEMORY_MAX_BYTES], multiple of 4 KiB */
    unsigned hart_count;               /* [1, HARTS_MAX] */
    ext_set ext;
    struct rate *rates; /* one a hart */
    bool idle_sleeps;   /* sleep=on */
    bool aligns;        /* align=on: VIRTUAL waits for the host's clock */
    bool adapts;        /* shift=auto: what a step costs follows the host's speed */
    bool monotonic;
    struct chaos chaos; /* in lockstep only */
    enum time_policy time;
    vtime max_skew_ns; /* token: > 0, or VTIME_NEVER for no bound */
    vtime quantum_ns;  /* [QUANTUM_MIN_NS, QUANTUM_MAX_NS] */
    vtime pulse_ns;    /* period of a device that only measures its periods; 0: there is none */
    enum engine engine;
    size_t jit_cache_bytes; /* room for translated code */
    unsigned dump_items;    /* enum jit_dump: of each region as it is translated */
    struct stream *dump;    /* where to */
    uint64_t seed;
    uint64_t rtc_base_ns; /* wall time at VIRTUAL 0, since 1970 */
    const struct drive *drives;
    unsigned drive_count;           /* [0, DRIVES_MAX] */
    struct console *const *serials; /* of the serial ports behind the first */
    unsigned serial_count;          /* [0, SERIALS_MAX - 1] */
    struct console *const *virtconsoles;
    unsigned virtconsole_count; /* [0, VIRTCONSOLES_MAX] */
    struct net *net;            /* of the network card; NULL: there is none */
    uint8_t net_mac[6];
    enum transport net_transport;
    const struct shared_folder *shares;
    unsigned share_count; /* [0, SHARES_MAX] */
    bool no_reboot;
    bool kept;               /* machine_snapshot() will come: what images hold is told apart */
    uint64_t snapshot_bytes; /* what moments to go back to may cost the host */
    struct destination stop;
    enum grant_kind grant_kind; /* tests: caps every grant; changes nothing else */
    uint64_t grant;             /* the cap, or the seed of random caps */
    bool drop_caches;           /* tests: drop caches at random steps; changes nothing else */
    uint64_t drop_seed;
    bool rewinds; /* tests: goes back in time at random steps; changes nothing else */
    uint64_t rewind_seed;
    bool pauses; /* tests: pause at random steps and times; changes nothing else */
    uint64_t pause_seed;
    bool uncounted;          /* bench: the translator counts no steps; nothing repeats */
    const uint64_t *hash_at; /* tests: total steps, ascending, at which hash_taken is called */
    size_t hash_at_count;
    struct gate_options gate;
    opened_fn *opened; /* may be NULL; where it fails, machine_new() does */
    void *opened_owner;
};

/* -- board.c: construction --------------------------------------------------------------------- */

struct machine;

/**
 * Builds the machine, loads what is to be booted, resets it: ready for its first step.
 *
 * @param options  Copied; what it points to is not.
 * @param console  Outlives the machine.
 * @return         Machine owned by the caller; NULL on error.
 * @errors STATUS_USAGE (memory, contradictions), STATUS_BAD_INPUT (images), one line naming file or
 *         option.
 */
struct machine *machine_new(const struct machine_options *options, struct console *console,
                            struct error *error);
/** NULL is fine. */
void machine_free(struct machine *machine);

/* -- run.c: the life of a machine -------------------------------------------------------------- */

enum exit_reason {
    EXIT_NONE,      /* still running */
    EXIT_POWER_OFF, /* finisher pass, SBI shutdown */
    EXIT_FAIL,      /* finisher fail: code */
    EXIT_TOHOST,    /* tohost: code 0 is a pass */
    EXIT_NO_REBOOT, /* reset asked for with no_reboot */
    EXIT_STOPPED,   /* --stop-at, --stop-at-vtime */
    EXIT_DEADLOCK,  /* no hart can ever wake */
    EXIT_USER,      /* Ctrl-A X */
    EXIT_SIGNAL,    /* code = signal number */
    EXIT_ERROR      /* host error, see error */
};

/** Exit statuses that are not an enum status. */
enum { EXIT_STATUS_STOPPED = 75, EXIT_STATUS_DEADLOCK = 76, EXIT_STATUS_SIGNAL = 128 };
enum { EXIT_STATUS_GUEST_MAX = 63 };

/** How a run ended. */
struct machine_exit {
    enum exit_reason reason;
    uint64_t code;      /* untruncated */
    int status;         /* exit status of the program */
    struct error error; /* EXIT_ERROR only */
};

/** Word for a reason, as in the stats: "power-off". Static string. */
const char *exit_reason_name(enum exit_reason reason);

/** Asked between rounds and while waiting: number of a signal that has arrived, 0 when none. */
typedef int signal_fn(void *owner);
/** Called at each options.hash_at with the state hash (hex). */
typedef void hash_fn(void *owner, uint64_t steps, const char *hash);
/** Called about ten times a second of host time, for a live line. */
typedef void progress_fn(void *owner, const struct machine *machine);

/** Asked like signal_fn: should the run pause now? */
typedef bool pause_fn(void *owner);
/** Adds what pause_fn has to wait for, whenever the machine waits for the outside. */
typedef void pause_watch_fn(void *owner, struct watch *watch);

/**
 * Told of each point that is met, when all positions are exact; @p steps are those of all harts.
 * @return Should the run pause here? Else it goes on.
 */
typedef bool hit_fn(void *owner, const struct hit *hit, uint64_t steps);

/** Whom the run loop tells and asks. Each may be NULL; without hit_fn every hit pauses. */
struct run_callbacks {
    signal_fn *signal;
    hash_fn *hash_taken;
    progress_fn *progress;
    pause_fn *pause;
    pause_watch_fn *pause_watch;
    hit_fn *hit;
    void *owner;
};

/**
 * Where machine_go() pauses: at whichever comes first, and exactly there, inside a round if need
 * be. What has come already is where the machine is.
 */
struct goal {
    uint64_t steps;      /* of all harts together; UINT64_MAX: never */
    unsigned hart;       /* of hart_steps */
    uint64_t hart_steps; /* position of that hart; UINT64_MAX: never */
    vtime at_ns;         /* before the first step, in the order of execution, at this time or later;
                            or in a sleep; VTIME_NEVER: never */
};

/** No goal: the run's end. */
extern const struct goal goal_none;

/** Why machine_go() came back. */
enum pause {
    PAUSE_NONE, /* the run has ended */
    PAUSE_GOAL,
    PAUSE_ASKED, /* by pause_fn */
    PAUSE_HIT    /* a point was met (hart/hart.h, points_add): see machine_hit() */
};

/**
 * A run that can pause: machine_begin(), machine_go() as often as wanted, machine_finish().
 * Wherever it pauses, it goes on as if it never had, and all clocks stand still in between.
 * @param callbacks  Used until machine_finish().
 */
void machine_begin(struct machine *machine, const struct run_callbacks *callbacks);
/** Harts that run at the same time have no goals but the end, and nobody pauses them. */
enum pause machine_go(struct machine *machine, const struct goal *goal);
/** What it has paused at, after PAUSE_HIT. */
const struct hit *machine_hit(const struct machine *machine);
/** While it is paused: output goes out; waits for that, for pause_watch_fn, for a signal. */
void machine_rest(struct machine *machine, int64_t timeout_ns);
/** The guest's last words get out, and what it has written to disks. */
struct machine_exit machine_finish(struct machine *machine);

/** All of it: runs until something ends it. */
struct machine_exit machine_run(struct machine *machine, const struct run_callbacks *callbacks);

/**
 * Walks the text of --signature: the memory between begin_signature and end_signature of the ELF,
 * one line of 8 hex digits for each little-endian 32-bit word.
 */
void machine_signature(const struct machine *machine, struct stream *text);

/**
 * After a run that --engine check ended: what was made of the code that the last grant ran
 * through. Writes nothing after other runs.
 */
void machine_check_dump(const struct machine *machine, struct stream *to);

/* -- gdb_line.c: a run with a debugger --------------------------------------------------------- */

/**
 * The same as machine_run(), for gdb's remote protocol at the other end of @p console. Harts take
 * turns, and no second machine checks the first.
 * @param waits  Stands still before the first step until a debugger lets it go.
 */
struct machine_exit machine_debug(struct machine *machine, struct console *console, bool waits,
                                  const struct run_callbacks *callbacks);

/* -- snapshot.c: a machine in a file ----------------------------------------------------------- */

/**
 * Writes the state of a machine that stands still, and that was begun with options.kept.
 * @param log  Fresh; nothing else goes into it.
 */
enum status machine_snapshot(struct machine *machine, struct log *log, struct error *error);
/** Does it hold a state, and not inputs? */
bool log_is_snapshot(struct log *log);
/**
 * Sets the state of a fresh machine, which was built as the log's header says.
 * @errors STATUS_BAD_INPUT: damaged, or of another machine; then the machine can only be freed.
 */
enum status machine_restore(struct machine *machine, struct log *log, struct error *error);

/* -- stats.c, hash.c: numbers out -------------------------------------------------------------- */

enum { STATE_HASH_CHARS = 33 }; /* 32 hex digits and the end */

/** XXH3-128 over exactly what a snapshot would save, hex, canonical byte order. */
void machine_state_hash(struct machine *machine, char hash[STATE_HASH_CHARS]);

/** Where host time went [s]; the parts add up to wall_s. */
struct host_cost {
    double wall_s, translate_s, execute_s, time_s, device_s, idle_s;
};

/** Periods of --pulse, as its handler would have measured them. */
struct pulse_stats {
    vtime period_ns; /* what was asked for; 0: nothing was */
    uint64_t count;
    uint64_t off_count; /* of other lengths */
    vtime sum_ns, median_ns, min_ns, max_ns;
};

/** Numbers of a run so far. */
struct machine_stats {
    uint64_t steps, instructions;
    vtime virtual_ns;
    uint64_t timers_fired, timers_late_steps_max;
    vtime pace_ahead_max_ns, pace_behind_max_ns; /* from the host's clock, where they follow it */
    uint64_t tlb_data_fills, tlb_fetch_fills;
    struct pulse_stats pulse;
    struct host_cost host;
    bool translates, checks;
    bool edited;          /* a debugger has changed something: no other run is like it */
    struct jit_stats jit; /* when it does */
};

void machine_stats(const struct machine *machine, struct machine_stats *stats);

/** RAM that was written, by whomever, in whole pages [bytes]: what the guest costs the host. */
uint64_t machine_touched_bytes(const struct machine *machine);

/** Clocks of one hart. */
struct hart_stats {
    uint64_t steps;
    uint64_t instructions; /* retired */
    vtime local_ns;        /* its own time */
    uint64_t idle_ns;      /* of which it slept */
    vtime ahead_max_ns;    /* the furthest it was ahead of VIRTUAL; token: of another that ran */
    uint64_t grants, held; /* token: grants, and in how many it held the token */
    uint64_t data_fills, fetch_fills; /* of TLBs */
};

struct hart_stats machine_hart_stats(const struct machine *machine, unsigned hart);
/** Has a replay come to the place where it was to end (gate.to, to_steps, to_ns)? */
bool machine_came_to(const struct machine *machine);
/** To where the run ends, as options or its log have it; for who is told of progress. */
void machine_headway(const struct machine *machine, struct headway *headway);

/* -- fdt.c: the device tree -------------------------------------------------------------------- */

/** What the device tree tells the guest. */
struct fdt_inputs {
    uint64_t memory_bytes;
    unsigned hart_count;
    unsigned serial_count; /* of serial ports behind the first */
    ext_set ext;
    const char *append;             /* kernel command line, may be NULL */
    paddr initrd_start, initrd_end; /* equal when none */
    uint64_t seed;                  /* rng-seed is 32 bytes drawn from it */
};

/**
 * Builds the flattened device tree of the board: same nodes, addresses and interrupt numbers as
 * QEMU's virt.
 * @return malloc'd blob and its size; NULL when out of memory.
 */
void *fdt_build(const struct fdt_inputs *inputs, size_t *size_bytes);

/* -- boot.c, image.c: images before step 0 ----------------------------------------------------- */

/** Where things were put, and how harts start. */
struct boot {
    vaddr entry; /* every hart's first pc after reset */
    paddr fdt;   /* a1 of every hart */
    bool tohost_set;
    paddr tohost, fromhost;               /* fromhost is 0 when the ELF has none */
    paddr signature_start, signature_end; /* equal when the ELF has none */
    paddr image;                          /* where a kernel's Image lies, unpacked */
    uint64_t image_bytes;                 /* 0: it was none */
};

/** A file to boot. It stays open: a reset needs nothing more of the host than to read it. */
struct boot_file {
    const char *option, *path; /* path NULL: there is none */
    int descriptor;            /* of a regular file */
};

enum boot_role { BOOT_BIOS, BOOT_KERNEL, BOOT_ELF, BOOT_INITRD, BOOT_ROLES };

/** What boot_load fills, and from what. */
struct boot_target {
    struct ram *ram;
    uint8_t *rom; /* boot ROM: reset vector code and the fw_dynamic record */
    size_t rom_bytes;
    struct boot_file files[BOOT_ROLES];         /* open from boot_open() to boot_close() */
    struct boot_file symbols[SYMBOL_FILES_MAX]; /* likewise; no part of what is booted */
    uint8_t digest[16]; /* of all files read; all zero before the first load */
};

/** The file of a role, found where the options leave it open; NULL: there is none. */
const char *boot_path(const struct machine_options *options, enum boot_role role);

/**
 * Opens all files of the options, and reads none.
 * @param target  Without open files.
 * @errors STATUS_BAD_INPUT naming the file and the remedy, STATUS_USAGE when the options leave
 *         nothing to run; then no file is open.
 */
enum status boot_open(const struct machine_options *options, struct boot_target *target,
                      struct error *error);
/** Closes what is open. */
void boot_close(struct boot_target *target);

/**
 * Loads all images of the options into RAM and says where to start: firmware (default, file, none),
 * kernel (Image, PE stub, gzip), initrd, ELF, device tree, boot ROM contents. Used again, with the
 * same result, at each reset (law 14): files are read again and must still have the same contents
 * (XXH3-128 kept in digest: all zero at first, then checked).
 *
 * @param target  What to fill, from its open files; target->digest all zero the first time.
 * @errors STATUS_BAD_INPUT naming the file, what is wrong (also: does not fit into memory) and the
 *         remedy; STATUS_USAGE when there is no room for the device tree.
 */
enum status boot_load(const struct machine_options *options, struct boot_target *target,
                      struct boot *boot, struct error *error);

/* -- Inside: for the files of this folder only ------------------------------------------------- */

/** What host time is spent on. */
enum activity {
    ACTIVITY_TIME,
    ACTIVITY_TRANSLATE,
    ACTIVITY_EXECUTE,
    ACTIVITY_DEVICE,
    ACTIVITY_IDLE,
    ACTIVITY_COUNT
};

/** Exact host time by activity: the clock is read twice a turn and twice a device access. */
struct stopwatch {
    enum activity now;
    int64_t since_ns; /* host monotonic time of the last switch */
    int64_t spent_ns[ACTIVITY_COUNT];
};

/** A place in a run; in a sleep VIRTUAL moves alone. */
struct position {
    uint64_t steps; /* of all harts */
    vtime virtual_ns;
};

/** What the guest has asked for during the present instruction: acted on right after it. */
struct asked {
    bool tohost;      /* a store has touched it: look */
    bool tohost_half; /* a store has touched its low half, and the high one is zero */
    bool power;
    enum power_request request;
    uint64_t code;
};

/** The low half of tohost has been stored alone, and its high half may follow: see tohost.c. */
struct half {
    bool waits;
    uint32_t hart;
    uint64_t until_steps; /* position of that hart at which it is taken for all there is */
};

struct check;
struct past;
struct sight;
struct waypoints;
struct parallel;
struct pulse;

/**
 * Where input enters: an endpoint, and the device behind it. Devices offer, in dev/dev.h,
 *
 *     size_t x_room(void *device);
 *     void x_deliver(void *device, const uint8_t *bytes, size_t size_bytes);
 *
 * room: how many bytes can be delivered now, 0 for none; asked often, so cheap. A device of a
 * network has room for a frame of FRAME_BYTES_MAX or for none. deliver: takes all of @p bytes, at
 * most what room has just said, never 0; for a network exactly one frame. Both are called between
 * rounds or while all harts sleep, where lines act at once; under token and free inside the lock.
 */
struct inlet {
    const struct endpoint_ops *ops;
    void *endpoint; /* outlives the machine */
    size_t (*room)(void *device);
    void (*deliver)(void *device, const uint8_t *bytes, size_t size_bytes);
    void *device;
};

/** A shared folder as the gate sees it. */
struct share_way {
    struct machine *machine;
    unsigned idx;
};

/** A reply that is being made. */
struct answer {
    uint8_t *bytes;
    size_t room_bytes, size_bytes;
};

/** The gate's part of a run. */
struct gate {
    enum gate_mode mode;
    struct log *log;
    bool fresh;   /* the schedule was asked since the last event */
    vtime due_ns; /* replaying: VIRTUAL at which the log has something to say; else VTIME_NEVER */

    int64_t hash_due_ns; /* recording: host time of the next hash, or total steps */
    uint64_t hash_due_steps;

    bool goes_on; /* replaying: behind the end of the log, recording goes on */
    bool ended;   /* the log had the run end here */
    bool stopped; /* options.gate.to did */
    struct share_way ways[SHARES_MAX];
    struct log_place same; /* the last place that was found to be as it was recorded */
    bool sound;            /* it is here, and the next turn has not come yet */
    bool differs;          /* replaying: it is not so any more */
};

/* UART 0 is inlet 0, the other UARTs come next, then virtio devices. ORDER: indices are part of
 * what a run is, so of what is recorded. */
enum { INLETS_MAX = 16 };

struct machine {
    struct machine_options options;
    struct bus bus;
    struct sched sched;
    struct harts harts;
    struct clocks clocks;
    struct console *console;
    struct port ports[SERIALS_MAX]; /* of the UARTs */
    struct inlet inlets[INLETS_MAX];
    unsigned inlet_count;
    struct gate gate;
    struct watch *watch;
    struct pulse *pulse; /* of --pulse, else NULL */
    struct boot_target target;
    struct boot boot;
    struct jit *jit;             /* NULL: the interpreter is the engine */
    bool interprets;             /* it is for now, all the same */
    struct ticker *ticker;       /* NULL: steps are counted */
    struct check *check;         /* of --engine check, else NULL */
    struct parallel *parallel;   /* of --time token and free, else NULL */
    struct past *past;           /* moments to go back to; NULL: there is none */
    struct profiling *profiling; /* NULL: nothing is counted */
    bool samples;                /* it takes samples */
    struct waypoints *waypoints; /* of the log; NULL: there is none */
    bool resetting;              /* lines act at once, none travels */
    struct asked asked;
    struct half half;

    /* Of the run. */
    const struct run_callbacks *callbacks;
    struct machine_exit exit;
    struct goal last;      /* where the run ends, as the options say */
    struct goal to;        /* and where its replay does */
    struct sight *sights;  /* SIGHT_ROLES of them */
    struct goal goal;      /* where it pauses before */
    bool goal_due;         /* the next step is at the goal's time or later */
    enum pause pause;      /* somebody wants it to pause now */
    struct hit hit;        /* the last one */
    bool edited;           /* a debugger has changed something */
    uint64_t steps;        /* of all harts */
    unsigned turn_vcpu;    /* whose turn was prepared last, or VCPU_NONE */
    size_t hash_next_idx;  /* in options.hash_at */
    uint64_t grant_random; /* state of the generator of --grant random */
    uint64_t drop_random;  /* the same of --drop-caches */
    uint64_t drop_left_steps;
    uint64_t rewind_random; /* the same of --rewind */
    uint64_t rewind_left_steps;
    bool travels;      /* moments are kept */
    int64_t marked_ns; /* host time of the last one */
    hit_fn *hit_told;  /* asked of hits instead of callbacks, if not NULL */
    void *hit_owner;
    bool retraces;            /* it is where it has been before, and the outside hears nothing */
    struct position furthest; /* up to where, if so */
    int64_t polled_ns;        /* host time of the last look at the outside */
    bool arrived;             /* the last wait has seen something since */
    int64_t progress_ns;      /* host time of the last progress call */
    uint64_t pause_random;    /* the same of --pause */
    struct stopwatch stopwatch;
    struct pace pace;
    int64_t paced_ns; /* host time of the last look at it, and VIRTUAL then */
    vtime paced_virtual_ns;
};

/** profile.c: NULL is fine. */
void profiling_free(struct profiling *profiling);
/** sample.c: runs an engine on a grant, and takes the samples that fall into it. @return Steps
 * taken. */
uint64_t sample_run(struct machine *machine, struct hart *hart, uint64_t budget_steps);
/** profile.c: a turn of the hart is about to begin, or has ended. */
void profiling_turn(struct profiling *profiling, const struct hart *hart, bool begins);

/** run.c: ends the run; the loop returns after what it is doing now. The first reason wins. */
void machine_end(struct machine *machine, enum exit_reason reason, uint64_t code);
/** run.c: the same for an error, which a guest's end just before does not hide. */
void machine_fail(struct machine *machine, const struct error *error);
/** run.c: runs the engine that the machine has. @return Steps taken. */
uint64_t machine_engine(struct machine *machine, struct hart *hart, uint64_t budget_steps);
/** run.c: what is left of a turn's grant after all that cuts it short; at least 1. */
uint64_t turn_budget(struct machine *machine, const struct turn *turn);
/** run.c: is it reached, or behind? Its time, by VIRTUAL; inside a round see goal_due. */
bool goal_reached(const struct machine *machine, const struct goal *goal);
/** run.c: does the run stop here? Harts that run at once count as far as they have told. */
bool stop_reached(const struct machine *machine);
/** run.c: before an engine runs steps of @p vcpu. */
void turn_prepare(struct machine *machine, unsigned vcpu);
/** run.c: after it has: does what the guest has asked for. */
void turn_settle(struct machine *machine, unsigned vcpu);

/** run.c: signals, the outside, progress, when it is time to. */
void run_look_outside(struct machine *machine);
/**
 * run.c: waits for what inlets_watch() has collected. run_look_outside() looks at once after a wait
 * that has seen something.
 */
void run_wait(struct machine *machine, int64_t timeout_ns);

/* inlet.c: the gate. */

/** While the machine is built: its next inlet. */
void inlet_add(struct machine *machine, const struct inlet *inlet);
/** Lets in what has been fetched, in the order of inlets. @return Something has come in. */
bool inlets_admit(struct machine *machine);
/** One arrival, for the shadow of --engine check, too. */
void inlet_enter(struct machine *machine, unsigned idx, const uint8_t *bytes, size_t size_bytes);
/** One arrival, which the device has room for. */
void inlet_deliver(struct machine *machine, unsigned idx, const uint8_t *bytes, size_t size_bytes);
/** The run begins. */
void inlets_begin(struct machine *machine);
/** Output goes out, input is fetched. */
void inlets_serve(struct machine *machine);
/** Output goes out. @return All is out. */
bool inlets_flush(struct machine *machine);
/** Has the guest said more than some reader has taken? */
bool inlets_full(const struct machine *machine);
/** Ends the run when an endpoint has failed, or its person has left. */
void inlets_look(struct machine *machine);
/** Can anything still come in that a guest could notice? */
bool inlets_can_come(const struct machine *machine);
/** Collects what to wait for. @param admits  Also input, where there is room for it. */
void inlets_watch(struct machine *machine, bool admits);

/** The outside hears nothing from now on, or hears again. */
void inlets_mute(struct machine *machine, bool mutes);

/** run.c: from now on all harts have that rate. */
void rates_change(struct machine *machine, struct rate rate);

/* parallel.c: harts on threads of their own. */

/** NULL with @p error. */
struct parallel *parallel_new(struct machine *machine, struct error *error);
/** NULL is fine. */
void parallel_free(struct parallel *parallel);
/** The machine's life; returns when it has ended. */
void parallel_run(struct parallel *parallel);
/** Fills in what a hart told when its last grant ended. @thread the coordinator's */
void parallel_hart_stats(const struct parallel *parallel, unsigned hart, struct hart_stats *stats);
/** Do harts translate? */
bool parallel_translates(const struct parallel *parallel);
/** The sum over all translators. */
struct jit_stats parallel_jit_stats(const struct parallel *parallel);

/* headway.c: progress. */

/** How far the run is, in what a place is told in; 0 of one that is counted. */
uint64_t headway_passed(const struct machine *machine, const struct destination *place);
/** @param role  SIGHT_, of a place that is counted. @param from  headway_passed(), where the way
 * began. @param headway  All zeros. */
void headway_to(const struct machine *machine, const struct destination *place, unsigned role,
                uint64_t from, struct headway *headway);

/* pulse.c: a device that measures its own periods. */

/** Fires at each multiple of @p period_ns from now on. NULL: no memory. */
struct pulse *pulse_new(struct sched *sched, vtime period_ns);
/** NULL is fine. */
void pulse_free(struct pulse *pulse);
struct pulse_stats pulse_stats(const struct pulse *pulse);
/** Walks when it fires next. */
void pulse_state(struct pulse *pulse, struct stream *stream);

/** board.c: a destination that is not counted, as a goal; goal_none for others. */
struct goal destination_goal(const struct destination *destination);
/** board.c: machine_new() up to where all is open; machine_boot() has to follow. */
struct machine *machine_make(const struct machine_options *options, struct console *console,
                             struct error *error);
/** board.c: the first reset, of its shadow, too. */
enum status machine_boot(struct machine *machine, struct error *error);
/**
 * board.c: loads the images and puts everything at its reset value (law 14); steps and VIRTUAL
 * go on.
 */
enum status machine_reset(struct machine *machine, struct error *error);

/**
 * slots.c: maps the PCI bus and the places for virtio on MMIO, and plugs in the virtio devices that
 * the options ask for.
 * @errors STATUS_USAGE: out of memory, or more devices than places.
 */
enum status slots_fill(struct machine *machine, void *plic, struct error *error);
/** board.c: where a serial port is, the first being 0, and its interrupt. */
paddr board_uart_base(unsigned idx);
unsigned board_uart_irq(unsigned idx);
/** board.c: plugs in a device, or frees it. @return false when there is none, or no room. */
bool board_map(struct machine *machine, const struct region *place, void *device);
/** board.c: the line of an error that hardly anybody sees. */
enum status out_of_memory(struct error *error);

/** stats.c: host time up to now goes to the present activity; from now on to @p activity. */
void stopwatch_switch(struct stopwatch *stopwatch, enum activity activity);

/** hash.c: walks all of the state but RAM; a machine that has ended can't be set. */
void machine_parts_state(struct machine *machine, struct stream *stream);
/** hash.c: after a walk that has set them all: what follows from it. */
void machine_settle(struct machine *machine);
/** hash.c: walks all of the state. */
void machine_state(struct machine *machine, struct stream *stream);

/** tohost.c: a store has touched tohost; a tohost_fn. */
void tohost_touched(void *machine, paddr address, uint64_t size_bytes);
/**
 * After a turn of @p vcpu: looks at tohost when it has to be, and serves what the guest has put
 * there.
 */
void tohost_look(struct machine *machine, unsigned vcpu);
/** Steps until tohost_look() is due on @p vcpu; UINT64_MAX when it is not. */
uint64_t tohost_left_steps(const struct machine *machine, unsigned vcpu);
/** Walks what waits. */
void tohost_state(struct machine *machine, struct stream *stream);

/**
 * boot_rom.c: read-only memory of @p size_bytes; *bytes is where its contents go. NULL: no
 * memory.
 */
void *boot_rom_new(size_t size_bytes, uint8_t **bytes);
extern const struct device_ops boot_rom_ops;
enum { BOOT_ROM_SIZE_BYTES = 0xf000 };

#endif
