/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a profile that grows. Private to machine/.
 *
 *      profile.c       begins and ends it
 *      tasks.c         whose steps a hart takes: what the harts see, to prof/linux.c
 *      functions.c     code that is met, and which function it is of
 *      code_names.c    what that is called: symbols, and files that processes have mapped
 *      sample.c        where harts are, now and then
 *      stack.c         who called what a hart executes
 *      pairs.c         numbers by two keys
 *      host.c          what code costs the host
 *      windows.c       where in the run it is looked at
 *      live.c          what of it is shown while it grows
 *      probes.c        how long functions take, and what the guest marks
 *      user_probes.c   where processes have such functions
 *      timeline.c      what happened when
 *      profile_tell.c  counts (hart/tally.c) with those names into a model (prof/profile.c) */
#ifndef MACHINE_PROFILING_H
#define MACHINE_PROFILING_H

#include "machine/machine.h"
#include "machine/sight.h"

/* -- pairs.c ----------------------------------------------------------------------------------- */

/** Numbers by two keys. Empty when all zeros. */
struct pairs {
    struct pair {
        uint64_t a, b;
        uint32_t value; /* 0: there is none */
    } * list;
    size_t count, room;
};

/** The number of two keys, to be looked at or set at once; 0 where it was never set. */
uint32_t *pairs_at(struct pairs *pairs, uint64_t a, uint64_t b);
void pairs_free(struct pairs *pairs);

/* -- What they share --------------------------------------------------------------------------- */

/** Code that was met. */
struct code_place {
    vaddr pc;                    /* where it was met */
    paddr at;                    /* the same in memory, or TALLY_NOWHERE */
    uint8_t priv;                /* in which mode */
    const struct binary *binary; /* of a user's code; NULL: not known */
    uint32_t process;            /* 1 + index of a user's; 0: none */
    uint64_t minus;              /* if it is: pc less this is an offset in the file */
    uint32_t like; /* 1 + index of a place, 0: none: where the same page was met first */
};

/** Places that were met in a space whose files are not asked for yet. */
struct pending {
    const struct space *space;
    uint32_t *places;
    size_t count, room;
};

/** What function ids stand for: a place each, and what they are found by. */
struct code_ids {
    struct code_key *keys; /* by id */
    size_t key_room;
    uint32_t count;
    uint32_t *slots; /* 1 + id by hash, or 0 */
};

/** The model's function for code. */
struct function_place {
    uint32_t function;
    uint64_t same_bytes; /* so many bytes from there on, and maybe more, are of it too */
    uint64_t offset;     /* of the code in the function */
};

/** What the last count went to: the next one mostly goes there too. */
struct stack_place {
    unsigned hart;
    uint32_t task, root, function, call;
    uint8_t priv;
    bool set;
};

static inline vaddr page_of(vaddr address) {
    return address & ~(uint64_t)(PAGE_BYTES - 1);
}

/** A window that has begun. */
struct window_span {
    struct position from, to;
    bool reached; /* the place where it ends, before the run's end */
};

/** Places are sides of windows: 2n begins window n, 2n + 1 ends it. */
enum { WINDOW_PLACES = 2 * WINDOWS_MAX };

struct windows {
    const struct window *list;          /* the plan's; without any, one that is open throughout */
    unsigned count;                     /* at least 1 */
    struct sight sights[WINDOW_PLACES]; /* of places that are counted */
    unsigned next;                      /* the place that is looked for; 2 * count: none */
    struct position first;              /* where the run began */
    uint64_t since;                     /* how far the place's number was when it was sought */
    struct window_span spans[WINDOWS_MAX];
};

enum { LOOKS_MAX = 32 };

/** Where harts were, when somebody looked. */
struct looks {
    char functions[LOOKS_MAX][PROFILE_LIVE_CHARS];
    unsigned count; /* up to LOOKS_MAX */
    unsigned next;  /* entry that is written next */
    unsigned hart;  /* that is looked at first */
};

enum { BIRTH_PLACES_MAX = 8 };

/** Where new tasks of a kernel begin: it returns there from its first switch to them. */
struct births {
    vaddr places[BIRTH_PLACES_MAX];
    unsigned count;
};

struct profiling {
    struct machine *machine;
    struct profile_plan plan;
    struct windows windows;
    bool on; /* in a window */
    struct looks looks;
    struct symbols *symbols; /* of what was booted, firmware aside; and the kernel's modules */
    struct symbols *besides; /* of firmware, and of other code that there are symbol files for */
    struct symbols *vdso;    /* what the kernel maps into processes; NULL: not known yet */
    struct linux_view *view; /* NULL: what runs is no kernel */
    struct births births;
    uint64_t kernel_virtual;   /* where the kernel's image begins; 0: not known */
    struct code_place *places; /* PROFILE_FLAT: by number of the run; CALLERS: by function id */
    struct host_costs *costs;
    struct sampler *sampler; /* NULL: what is executed is counted */
    size_t place_room;
    struct code_ids ids;
    struct pairs pages;      /* of users' code, by what is in them: 1 + the place met first */
    struct pending *pending; /* one a space */
    size_t pending_count, pending_room;
    uint32_t *present;         /* by hart: its strand outside of firmware */
    struct probes *probes;     /* NULL: nothing is measured */
    struct timeline *timeline; /* NULL: it is not kept */
};

/** Into which profile. */
struct telling {
    struct profiling *profiling;
    struct profile *profile;
    struct sum *sums; /* by context */
    size_t sum_room;
    struct recent *recent; /* by run */
    size_t recent_room;
    struct address_sum *addresses; /* by instruction, if that is wanted */
    size_t address_room;
    uint32_t address_count;
    struct pairs address_numbers; /* of these, from 1, by function and offset */
    struct stack_place last;
};

/** An array whose entries are all zeros until they are set: makes room for that of index @p idx.
 * @return The array. */
void *zeroed_room(void *entries, size_t *room, size_t idx, size_t entry_bytes);

/* -- tasks.c ----------------------------------------------------------------------------------- */

/** The kernel's memory, as hart 0 has it mapped: struct kernel_memory's read. @param owner  The
 * machine. */
bool tasks_kernel_read(void *owner, uint64_t address, void *bytes, size_t size_bytes);
/** Begins to follow the guest's tasks. @return What harts are to tell of. */
struct tally_watch tasks_follow(struct profiling *profiling);
/** The run begins here: harts outside of firmware, which a state of some run has, are at once given
 * the tasks whose steps they take. */
void tasks_begin(struct profiling *profiling);
/** Begins to watch traps alone, of a guest without tasks. */
struct tally_watch tasks_none(const struct profiling *profiling);

/* A strand is what has a stack of its own: a task; or a hart, as long as there are no tasks on it:
 * in firmware or without an operating system, and in its kernel's beginnings. Numbers are those of
 * harts, HARTS_MAX plus those, 2 HARTS_MAX plus those of tasks. */

/** Of what the hart executes. */
uint32_t tasks_strand(const struct profiling *profiling, const struct hart *hart);
uint32_t strand_of_task(const struct linux_task *task);
/** May it go on on another hart? */
static inline bool strand_moves(uint32_t strand) {
    return strand >= 2 * (uint32_t)HARTS_MAX;
}
/** The model's task for a strand. */
uint32_t strand_tell(const struct telling *telling, uint32_t strand);
/** The model's task for a context's number and mode. */
uint32_t tasks_tell(const struct telling *telling, uint32_t task, enum privilege priv);

/* -- host.c ------------------------------------------------------------------------------------ */

/** @return NULL: out of memory. */
struct host_costs *costs_new(void);
void costs_free(struct host_costs *costs);
/** Translation of what the hart is about to execute begins, or has ended. */
void costs_translating(struct profiling *profiling, struct hart *hart, bool begins);
/** The host has spent that on executing what led to where the hart is. */
void costs_executed(struct profiling *profiling, struct hart *hart, int64_t ns);
void costs_tell(const struct telling *telling);

/* -- windows.c --------------------------------------------------------------------------------- */

/* All but the first may be called for a machine that is not profiled. */

/** Finds the places of the plan's windows. @errors STATUS_USAGE: no such symbol. */
enum status windows_find(struct profiling *profiling, struct error *error);
/** The run begins here: nothing is counted until a window does. */
void windows_begin(struct machine *machine);
/** Brings a goal forward to the next place, if that is not counted. */
void windows_limit(const struct machine *machine, struct goal *goal);
/** After machine_go(): begins and ends windows, if it has come to their places. */
void windows_look(struct machine *machine);
/** The run is over, and with it the window. Nothing is counted any more. */
void windows_end(struct machine *machine);
/** The window that is open, or looked for, and how far its place is. */
void windows_live(const struct machine *machine, struct profile_live *live);
void windows_tell(const struct profiling *profiling, struct profile *profile);
/* -- probes.c ---------------------------------------------------------------------------------- */

/** A function's first instruction. */
struct probe_entry {
    uint64_t size_bytes;
    uint16_t probe;
    uint16_t besides;   /* what the timeline looks at here, too; 0: nothing */
    bool looked, loops; /* its code was looked at; a jump in it leads to its beginning */
};

/** Of what is noticed: a call may return to here; a process may have an entry here. The other bits
 * are 1 + index of an entry. */
#define NOTICE_BACK ((uint64_t)1 << 63)
#define NOTICE_USER ((uint64_t)1 << 62)

/** @errors STATUS_USAGE: a symbol is unknown, or out of memory. STATUS_BAD_INPUT: a file is. */
enum status probes_begin(struct profiling *profiling, struct error *error);
/** The hart leaves a strand. */
void probes_switch(struct probes *probes, const struct hart *hart, uint32_t from);
/** The hart has called its kernel from user mode; it is back there. */
void probes_call(struct probes *probes, const struct hart *hart);
void probes_back(struct probes *probes, const struct hart *hart);
void probes_tell(const struct telling *telling);
void probes_free(struct probes *probes);

/* -- user_probes.c ----------------------------------------------------------------------------- */

struct user_probes;

struct user_probes *user_probes_new(struct profiling *profiling);
/** NULL is fine. */
void user_probes_free(struct user_probes *probes);
/** @param text  FILE:SYMBOL. @errors STATUS_USAGE: there is no such function, or it is measured
 * already. STATUS_BAD_INPUT: there is no such file, or it is none. */
enum status user_probes_add(struct user_probes *probes, const char *text, unsigned probe,
                            struct error *error);
/** The hart is back in user mode: finds what its process has mapped since it was there last. */
void user_probes_look(struct user_probes *probes, const struct hart *hart);
/** What the hart, in user mode, is about to enter. @return NULL: nothing that is measured. */
struct probe_entry *user_probes_at(struct user_probes *probes, const struct hart *hart);
/** Why nothing can have been measured. @return NULL: it can. */
const char *user_probes_missed(const struct user_probes *probes, unsigned probe);
/** How many places had no notice, since there were too many. */
uint64_t user_probes_homeless(const struct user_probes *probes);

/* -- timeline.c -------------------------------------------------------------------------------- */

enum status timeline_begin(struct profiling *profiling, struct error *error);
void timeline_trap(struct profiling *profiling, const struct hart *hart,
                   const struct tally_passage *passage);
void timeline_back(struct profiling *profiling, const struct hart *hart,
                   const struct tally_passage *passage);
/** From position @p steps on the hart executes that strand. */
void timeline_switch(struct profiling *profiling, const struct hart *hart, uint32_t strand,
                     uint64_t steps);
/** From now on what happens is kept, or is not. */
void timeline_window(struct profiling *profiling, bool on);
/** A turn of the hart is about to begin, or has ended. */
void timeline_turn(struct profiling *profiling, const struct hart *hart, bool begins);
/** A task has been woken up on that hart. @param key  As its kernel keeps it. */
void timeline_wake(struct profiling *profiling, const struct hart *hart, vtime at_ns, uint64_t key);
/** A new task is woken up on that hart for the first time, now. */
void timeline_birth(struct profiling *profiling, const struct hart *hart, uint64_t key);
void timeline_marker(struct profiling *profiling, const struct hart *hart, uint32_t bits);
void timeline_tell(const struct telling *telling);
void timeline_free(struct timeline *timeline);

/* -- functions.c ------------------------------------------------------------------------------- */

/** Code in U was met for the first time, by a hart that has not moved on. @param idx  Of its
 * place. */
void functions_met(struct profiling *profiling, struct hart *hart, uint32_t idx, vaddr pc);
/** Which function is at an address? See struct tally_watch. @param owner  The profiling. */
struct tally_code_place functions_at(void *owner, struct hart *hart, uint64_t pc, uint64_t at);
/** The code that the hart is about to execute, as far as it is known now. */
struct code_place functions_here(struct profiling *profiling, struct hart *hart);
void functions_starts(void *owner, uint64_t page, uint64_t bits[]);
/** What lies in this space is about to change, or the space to go. */
void functions_space_change(struct profiling *profiling, const struct space *space);
/** All that can be known of places is known by now: no code runs any more. */
void functions_settle(struct profiling *profiling);
void functions_free(struct profiling *profiling);
/** The file of the place of that index, if it has one. */
const struct code_place *functions_place(const struct profiling *profiling, uint32_t idx);

/* -- code_names.c ------------------------------------------------------------------------------ */

/** Where the symbols have it that code is: before it has a page table, a kernel runs where its
 * image lies. */
vaddr code_linked(const struct profiling *profiling, vaddr pc, paddr at);
/** What symbols say of a place. */
struct place code_symbol(struct profiling *profiling, const struct code_place *place);
/** What is at a place. */
struct function_place functions_tell(const struct telling *telling, const struct code_place *place);

/* -- stack.c ----------------------------------------------------------------------------------- */

enum { STACK_CALLERS_MAX = 64 };

/** Walks stacks by frame pointers, with no effect on the guest, whose memory may hold anything. */
struct stacks {
    const struct symbols *symbols;
    bool linux_guest;
    vaddr traps_first, traps_end; /* the kernel's way into it and out; equal: not known */
    struct pairs kinds;           /* what is known of code, by scope and pc */
    struct pairs frames;          /* how far into functions their frames begin, by address */
};

/** An instruction about to be executed, and who called. */
struct stack {
    vaddr pc[1 + STACK_CALLERS_MAX]; /* the innermost first; callers are inside their calls */
    unsigned count;
};

void stacks_init(struct stacks *stacks, const struct profiling *profiling);
void stacks_free(struct stacks *stacks);
/** @param scope  Of code in U: where the same pc is the same code. Else 0. */
void stack_walk(struct stacks *stacks, struct hart *hart, uint64_t scope, struct stack *stack);

/* -- sample.c ---------------------------------------------------------------------------------- */

/** @return NULL: out of memory. */
struct sampler *sampler_new(struct profiling *profiling);
void sampler_free(struct sampler *sampler);
void sampler_tell(const struct telling *telling);

#endif
