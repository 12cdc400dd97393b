/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run did, by function, task and time: built from counts, kept in a file, shown. A part of
 * prof/prof.h, which others include. */
#ifndef PROF_PROFILE_H
#define PROF_PROFILE_H

#include "base/base.h"
#include "vtime/vtime.h"

/* -- profile.c: what a profile holds ----------------------------------------------------------- */

/** An index that names nothing. */
#define PROFILE_NONE UINT32_MAX

enum { PROFILE_HARTS_MAX = 1024 };

enum profile_kind {
    PROFILE_UNCOUNTED, /* nothing but intervals, the timeline or the host's cost */
    PROFILE_FLAT,      /* every step; a root's calls are its functions */
    PROFILE_CALLERS,   /* every step, with who called */
    PROFILE_SAMPLED,   /* one step of many */
    PROFILE_KINDS
};

/** Privilege modes, as the architecture numbers them, by whose code runs in them. */
enum profile_mode { PROFILE_USER = 0, PROFILE_KERNEL = 1, PROFILE_FIRMWARE = 3 };

/** A run, and what of it was looked at. Of texts NULL is as good as "". */
struct profile_run {
    enum profile_kind kind;
    const char *command;   /* repeats it, as a shell takes it */
    const char *version;   /* of the program */
    const char *exactness; /* its class: "exact", "quantum-bounded", "host-timed" */
    const char *schedule;  /* whatever shaped the schedule, in words */
    const char *end;       /* how it ended: "power-off" */
    uint64_t seed;
    uint32_t hart_count;            /* [1, PROFILE_HARTS_MAX] */
    uint64_t steps, instructions;   /* of all harts, from the first step to the end */
    vtime virtual_ns;               /* at the end */
    uint64_t sample_steps;          /* mean distance of samples; 0: not sampled */
    uint64_t sample_seed;           /* what distances were drawn from */
    uint64_t samples, samples_deep; /* taken; those of which callers are known */
};

/** A file that the run was made from. */
struct profile_input {
    const char *role, *path; /* "kernel", "disk 0"; as it was given */
    const char *digest;      /* in hex */
};

/** A part of the run: what a profile counts lies in one of its windows. */
struct profile_window {
    uint64_t from_steps, to_steps;
    vtime from_ns, to_ns;
    const char *from, *to; /* what began and ended it, in words */
};

/** A file, or the kernel, that functions are of. */
struct profile_module {
    const char *name;  /* "kernel", "libc.so.6" */
    const char *build; /* what tells it from others of its name: a build-id in hex, or "" */
};

struct profile_function {
    const char *name; /* "": there is none for this code; then it is shown by module and address */
    uint32_t module;  /* PROFILE_NONE: of nothing that is known */
    uint64_t address; /* where it begins, as its module's file says */
    uint64_t size_bytes; /* 0: not known */
};

enum profile_task_kind {
    PROFILE_TASK_BARE, /* a hart without an operating system */
    PROFILE_TASK_FIRMWARE,
    PROFILE_TASK_IDLE,
    PROFILE_TASK_KERNEL, /* a kernel thread */
    PROFILE_TASK_USER,
    PROFILE_TASK_KINDS
};

struct profile_task {
    enum profile_task_kind kind;
    uint32_t pid, tid;
    const char *process, *thread; /* names; the same if the thread has none of its own */
    vtime since_ns;               /* tells it from an earlier one with the same numbers */
};

/** What adds up. */
struct profile_counts {
    uint64_t self; /* steps; samples, where the profile is sampled: its unit */
    uint64_t instructions, calls;
};

/** A function as it was called: a node of a tree. Roots are tasks on harts. */
struct profile_context {
    uint32_t parent;   /* PROFILE_NONE: a root */
    uint32_t function; /* PROFILE_NONE in a root */
    uint32_t task;     /* of its root, as is the hart */
    uint16_t hart;
    uint8_t mode; /* enum profile_mode; 0 in a root */
    struct profile_counts counts;
    vtime first_ns, last_ns; /* when it was seen; -1: not known */
};

/** What was executed at one address. */
struct profile_address {
    uint32_t function;
    uint64_t offset; /* from where that begins */
    struct profile_counts counts;
};

/** Measured from one point to another, over and over. Those inside of others have them as parents.
 */
enum { PROFILE_BUCKETS = 65 };
struct profile_interval {
    uint32_t parent; /* PROFILE_NONE: inside of none */
    uint32_t task;   /* PROFILE_NONE: of no single one */
    bool probe;      /* of a function, from entry to exit; else between markers */
    const char *name;
    uint64_t count, open_count; /* ended; begun, and never ended */
    uint64_t steps_sum, steps_min, steps_max;
    uint64_t ns_sum, ns_min, ns_max;
    uint64_t steps_spread[PROFILE_BUCKETS]; /* how many of 0; of [2^(i-1), 2^i) */
    uint64_t ns_spread[PROFILE_BUCKETS];
};

struct profile;

/** Without memory the program ends, here and whenever something is added. */
struct profile *profile_new(void);
void profile_free(struct profile *profile);

/* What is added has an index until profile_settle() orders all; the same added twice is one. Texts
 * are copied. */

void profile_set_run(struct profile *profile, const struct profile_run *run);
void profile_add_input(struct profile *profile, const struct profile_input *input);
void profile_add_window(struct profile *profile, const struct profile_window *window);
uint32_t profile_add_module(struct profile *profile, const struct profile_module *module);
uint32_t profile_add_function(struct profile *profile, const struct profile_function *function);
uint32_t profile_add_task(struct profile *profile, const struct profile_task *task);

/** The context of a task on a hart, in which nothing was called yet. */
uint32_t profile_add_root(struct profile *profile, uint16_t hart, uint32_t task);
/** A function called in a context. */
uint32_t profile_add_call(struct profile *profile, uint32_t context, uint32_t function,
                          enum profile_mode mode);
/** Adds to what was counted in a context that is not a root. */
void profile_count(struct profile *profile, uint32_t context, const struct profile_counts *counts);
/** The context was seen at these times, too. */
void profile_seen(struct profile *profile, uint32_t context, vtime first_ns, vtime last_ns);
/** Adds to what was counted at an address. Contexts do not get it. */
void profile_count_address(struct profile *profile, uint32_t function, uint64_t offset,
                           const struct profile_counts *counts);

/** @param interval  Of it parent, task, probe and name are looked at. */
uint32_t profile_add_interval(struct profile *profile, const struct profile_interval *interval);
/** Adds what was measured elsewhere to it: of @p sum all that adds up. */
void profile_measure_all(struct profile *profile, uint32_t interval,
                         const struct profile_interval *sum);
/** One more that ended, in a sum that may be part of no profile. */
void profile_interval_add(struct profile_interval *sum, uint64_t steps, uint64_t ns);
/** One more that ended. */
void profile_measure(struct profile *profile, uint32_t interval, uint64_t steps, uint64_t ns);
/** One more that did not. */
void profile_leave_open(struct profile *profile, uint32_t interval);

/**
 * Brings all into one order, whatever it was added in, and drops what nothing refers to: equal
 * profiles are equal bytes. Indices are new. Comes before anything is asked for or written.
 */
void profile_settle(struct profile *profile);

/* What there is. Names are as NUL-terminated bytes of whatever the guest made them. */

const struct profile_run *profile_run(const struct profile *profile);
/** "steps" or "samples". */
const char *profile_unit(const struct profile *profile);
const struct profile_input *profile_inputs(const struct profile *profile, uint32_t *count);
const struct profile_window *profile_windows(const struct profile *profile, uint32_t *count);
const struct profile_module *profile_modules(const struct profile *profile, uint32_t *count);
const struct profile_function *profile_functions(const struct profile *profile, uint32_t *count);
const struct profile_task *profile_tasks(const struct profile *profile, uint32_t *count);
/** Each root with all below it, parents before what they called. */
const struct profile_context *profile_contexts(const struct profile *profile, uint32_t *count);
/** By function and offset. */
const struct profile_address *profile_addresses(const struct profile *profile, uint32_t *count);
/** Each with all inside it. */
const struct profile_interval *profile_intervals(const struct profile *profile, uint32_t *count);

/** How many bits a number has: the bucket of profile_interval that counts it. */
static inline unsigned profile_bucket(uint64_t value) {
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* -- timeline.c: what happened when ------------------------------------------------------------ */

enum profile_track {
    PROFILE_TRACK_TASKS,
    PROFILE_TRACK_TRAPS,
    PROFILE_TRACK_EVENTS,
    PROFILE_TRACKS
};

enum profile_span_kind {
    PROFILE_SPAN_TASK, /* a task runs */
    PROFILE_SPAN_IDLE, /* a hart sleeps */
    PROFILE_SPAN_TRAP, /* an exception is handled */
    PROFILE_SPAN_INTERRUPT,
    PROFILE_SPAN_ARMED,  /* a timer; value is its deadline [ns] */
    PROFILE_SPAN_FIRED,  /* a timer; value was its deadline [ns] */
    PROFILE_SPAN_MARKER, /* value is the guest's */
    PROFILE_SPAN_WAKE,   /* task is who was woken, by the one that ran here, or by an interrupt */
    PROFILE_SPAN_KINDS
};

/** Something that took time on a hart, or that happened at an instant. */
struct profile_span {
    enum profile_span_kind kind;
    vtime from_ns, to_ns; /* equal: an instant */
    uint32_t task;        /* PROFILE_NONE: none */
    const char *name;     /* of a trap, an interrupt, a timer, a marker; or "" */
    int64_t value;
    /* Several short ones in one: how many, and how much of its time was in them. The rest is that
     * of the longest of them. 1, and all of it: as it was. */
    uint32_t count;
    uint64_t busy_ns;
};

/** What tracks hold at most; beyond that short spans that are near each other become one. */
enum { PROFILE_SPANS_MAX = 20000 };

/**
 * Adds to the end of a hart's track, which the kind says. Spans of a track come in order and do not
 * overlap: one that is interrupted is two. Its count and busy_ns are set here.
 */
void profile_add_span(struct profile *profile, uint16_t hart, const struct profile_span *span);
/**
 * Adds all spans of another, behind those that are here.
 * @param from   Not settled.
 * @param tasks  By index there: the task here.
 */
void profile_take_spans(struct profile *profile, const struct profile *from, const uint32_t *tasks);
/** In order of time. @param hart  Below the run's hart_count. */
const struct profile_span *profile_spans(const struct profile *profile, uint16_t hart,
                                         enum profile_track track, uint32_t *count);
/** Spans shorter than this may have become one with others; 0: all are as they were. */
vtime profile_spans_grain(const struct profile *profile, uint16_t hart, enum profile_track track);

/* -- The host's cost, which differs from run to run: apart from all else ----------------------- */

struct profile_host {
    uint64_t wall_ns, translate_ns, execute_ns, time_ns, device_ns, idle_ns;
};

/** What a stretch of guest code cost the host. */
struct profile_region {
    const char *function, *module;
    uint64_t address;
    uint64_t translate_ns, execute_ns;
    uint64_t translations; /* how often some of it was translated */
};

void profile_set_host(struct profile *profile, const struct profile_host *host);
/** Of one place it is the sum. */
void profile_add_region(struct profile *profile, const struct profile_region *region);
/** @return NULL: it was not measured. */
const struct profile_host *profile_host(const struct profile *profile);
/** The dearest first. */
const struct profile_region *profile_regions(const struct profile *profile, uint32_t *count);

/* -- profile_file.c: the file ------------------------------------------------------------------ */

enum { PROFILE_VERSION = 1, PROFILE_FEATURES = 0 };
enum { PROFILE_DIGEST_CHARS = 33 };

/** Its bytes. @param bytes  Replaced. */
void profile_save(const struct profile *profile, struct buffer *bytes);
/**
 * @param name     Of the file, begins error lines.
 * @param profile  Set; profile_free() it.
 * @errors STATUS_BAD_INPUT
 */
enum status profile_load(const char *name, const void *bytes, size_t size_bytes,
                         struct profile **profile, struct error *error);
/** Reads a file. */
enum status profile_load_file(const char *path, struct profile **profile, struct error *error);
/** XXH3-128 of all but the host's cost and the command, in hex: equal runs have equal ones, and so
 * have their replays. */
void profile_digest(const struct profile *profile, char digest[PROFILE_DIGEST_CHARS]);

/* -- view.c: parts of a profile ---------------------------------------------------------------- */

enum profile_roots { PROFILE_BY_TASK, PROFILE_BY_PROCESS };

/** What is wanted of a profile. Zeros: all of it. */
struct profile_view {
    unsigned modes;      /* a bit for each enum profile_mode; 0: all */
    const char *process; /* of this name alone; NULL: all */
    bool one_hart;
    uint16_t hart;            /* if so */
    enum profile_roots roots; /* BY_PROCESS: threads and harts of a name as one */
};

/**
 * A profile of its own, settled, of the contexts that are wanted. What a left-out function called
 * counts as called by whoever called that. Addresses and all that is no context are left out when
 * anything is.
 */
struct profile *profile_part(const struct profile *profile, const struct profile_view *view);

/* -- sums.c: tables ---------------------------------------------------------------------------- */

enum profile_by { PROFILE_FUNCTIONS, PROFILE_PROCESSES, PROFILE_MODES, PROFILE_HARTS, PROFILE_BYS };

enum { PROFILE_NAME_CHARS = 640 };

struct profile_row {
    const char *name;   /* owned by the rows */
    const char *module; /* of a function, or "" */
    uint64_t self, instructions, calls;
    uint64_t total; /* self, and that of all that was called: of nested calls the outermost counts.
                       The same as self in other tables. */
};

struct profile_rows {
    struct profile_row *rows; /* the greatest self first, then the greatest total, then by name */
    uint32_t count;
    uint64_t self, instructions; /* of all */
    struct texts *texts;         /* that names are kept in */
};

/** Functions of one name in one module are one row. @param rows  Set; profile_rows_free() it. */
void profile_sum(const struct profile *profile, enum profile_by by, struct profile_rows *rows);
void profile_rows_free(struct profile_rows *rows);

/** "name", "[module]+0x1c" or "0x1c". @return text, cut if need be */
const char *profile_function_text(const struct profile *profile, uint32_t function,
                                  char text[PROFILE_NAME_CHARS]);
const char *profile_mode_text(unsigned mode);
const char *profile_task_kind_text(enum profile_task_kind kind);
/** The process that a task is shown by. */
const char *profile_process_text(const struct profile_task *task);
/** Each context's self and that of all below it. @return An array; free() it. */
uint64_t *profile_totals(const struct profile *profile);
/**
 * How far a share of a sampled profile may be off: 4 sigma [parts in 10^6].
 * @param count  Of all samples. 0 where there are none.
 */
uint32_t profile_error(uint64_t count, uint64_t samples);

/* -- text.c, folded.c, callgrind.c, trace.c, speedscope.c, html.c: shown ----------------------- */

/* All write to a stream that tells. */

/** Tables for people. */
void profile_text(const struct profile *profile, enum profile_by by, struct stream *stream);
/** A line for each stack: "process;function;function count". Requires: roots BY_PROCESS. */
void profile_folded(const struct profile *profile, struct stream *stream);
/** For KCachegrind and callgrind_annotate. */
void profile_callgrind(const struct profile *profile, struct stream *stream);
/** The timeline, in the Trace Event Format of Chrome, which Perfetto opens. */
void profile_trace(const struct profile *profile, struct stream *stream);
/** For speedscope. Requires: roots BY_PROCESS. */
void profile_speedscope(const struct profile *profile, struct stream *stream);
/** All in one page that needs nothing else. */
void profile_html(const struct profile *profile, struct stream *stream);

/* -- diff.c: two profiles ---------------------------------------------------------------------- */

/** What became of a row. */
struct profile_change {
    const char *name, *module; /* owned by the diff */
    bool fresh, gone;          /* only in the second; only in the first */
    uint64_t self[2], total[2];
};

struct profile_diff {
    struct profile_change *changes; /* what grew most comes first, what shrank most last */
    uint32_t count;
    uint64_t self[2]; /* of all */
    struct profile_rows rows[2];
};

/** @param profiles  A base, and what is compared with it. @param diff  Set; free it. */
void profile_compare(const struct profile *const profiles[2], enum profile_by by,
                     struct profile_diff *diff);
void profile_diff_free(struct profile_diff *diff);
void profile_diff_text(const struct profile *const profiles[2], enum profile_by by,
                       struct stream *stream);

/* -- verdict.c: conditions --------------------------------------------------------------------- */

struct profile_verdict {
    bool holds;
    char text[1024]; /* one line: the condition, and what was found */
};

/**
 * Does a condition hold? docs/profiling.md has its grammar.
 * @param base  May be NULL, if the condition needs none.
 * @errors STATUS_USAGE: it cannot be understood, needs a base, or names what is not there.
 */
enum status profile_judge(const struct profile *base, const struct profile *profile,
                          const char *condition, struct profile_verdict *verdict,
                          struct error *error);

#endif
