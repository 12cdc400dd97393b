/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long it takes from one place of the guest's to another: functions from entry to exit, and
 * what the guest marks as begun and ended.
 *
 *      entry of f    frame: where it will return to (ra), and with which stack (sp)
 *      ... at ra     with that sp, in that task: f is done, and whatever f began and left
 *
 * 1. Nothing of the guest is touched: entries, and each place that was ever returned to, are
 *    noticed (hart/notice.c). Callers are few, so soon no new place comes.
 * 2. Frames are kept by strand (tasks.c). So a function that sleeps, while others enter it, is none
 *    of theirs; recursion has another sp; others that come by a place of return have no frame.
 * 3. What is above a frame that ends has been left without an exit (longjmp, a task that ended): it
 *    stays open. So does a frame when the same call comes again: same function, ra, sp. But a loop
 *    may lead to a function's first instruction, too; so its code is looked at once, and where a
 *    jump in it leads there, that is the same call going on.
 * 4. A tail call has the ra and sp of whoever made it: both end together.
 * 5. Markers and functions nest in each other, but none ends the other.
 * 6. Steps are the strand's own: what others execute while it sleeps or waits is not in it. VIRTUAL
 *    passes for all.
 * 7. Where functions of users' files lie is up to processes (user_probes.c), and those of a
 *    kernel's modules are looked for when a module has been loaded. A user's frames are of one
 *    process: what begins after an exec is inside none of them.
 * 8. A user's first instruction may fault, and is then noticed once more when its page is there:
 *    that is the same call. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/profiling.h"

enum {
    ENTRIES_MAX = 16 * PROBES_MAX,
    FRAMES_MAX = 64,
    NODES_MAX = 1 << 14,
    OTHERS_MAX = PROBES_MAX + 2048,
    CODE_BYTES_MAX = 1 << 14,
    NEAR_MAX = 1,
    WAKES = PROBES_MAX,     /* the number of the function that wakes tasks up */
    BIRTHS = PROBES_MAX + 1 /* of the one that wakes them up for the first time */
};

#define NODE_NONE UINT32_MAX
#define STRAND_SHARED UINT32_MAX

enum frame_kind { FRAME_PROBE, FRAME_MARKER, FRAME_WAKE };

/** System calls that load a module. @spec Linux, include/uapi/asm-generic/unistd.h */
enum { LINUX_INIT_MODULE = 105, LINUX_FINIT_MODULE = 273, LOADS_MAX = 256 };

struct entry {
    vaddr address;
    struct probe_entry entry;
};

/** What was begun and not ended. */
struct frame {
    uint32_t node; /* NODE_NONE: of a wake-up */
    uint16_t number;
    uint8_t kind;
    vaddr ra, sp;     /* of a function */
    uint32_t process; /* of a user's function: 1 + index; else 0 */
    uint64_t steps;
    vtime ns;
    uint64_t key; /* of a wake-up: of the task that is woken */
};

struct strand {
    struct frame *frames;
    unsigned count, room;
    uint32_t first; /* node inside of none: 1 + index */
    uint64_t steps; /* taken before it became the present one */
};

/** An interval inside another, of one strand. */
struct node {
    uint32_t parent, first, next; /* the latter: 1 + index of the first inside it; of a sibling */
    uint32_t strand;
    uint16_t number;
    uint8_t kind;
    struct profile_interval sum;
};

struct probes {
    struct profiling *profiling;
    const char *names[PROBES_MAX];
    struct entry entries[ENTRIES_MAX];
    unsigned entry_count;
    struct strand *strands;
    size_t strand_room;
    struct strand shared;
    struct strand others; /* has the nodes for which there is no room of their own */
    struct node *nodes; /* NODES_MAX, and as many as others can have: memory is the host's until it
                           is touched */
    uint32_t node_count;
    uint64_t *since;           /* by hart: position at which the present strand came to it */
    uint64_t *back;            /* by hart: position at which it came back to user mode last */
    struct user_probes *user;  /* NULL: there are none */
    bool modules;              /* some are of modules */
    bool loaded;               /* modules may have been loaded since they were looked for */
    uint64_t loads[LOADS_MAX]; /* tasks that load one, as their kernel keeps them */
    unsigned load_count;
    uint64_t homeless; /* places for which there was no room */
};

/* -- Counting ---------------------------------------------------------------------------------- */

static struct strand *strand_of(struct probes *probes, uint32_t strand) {
    if (strand == STRAND_SHARED) {
        return &probes->shared;
    }
    probes->strands =
        zeroed_room(probes->strands, &probes->strand_room, strand, sizeof *probes->strands);
    return &probes->strands[strand];
}

/** Steps of a strand so far, of which the hart takes the next. */
static uint64_t strand_steps(struct probes *probes, uint32_t strand, const struct hart *hart) {
    if (strand == STRAND_SHARED) {
        return sched_steps(&probes->profiling->machine->sched);
    }
    if (!strand_moves(strand)) {
        return hart->clock->steps;
    }
    return strand_of(probes, strand)->steps + hart->clock->steps - probes->since[hart->id];
}

void probes_switch(struct probes *probes, const struct hart *hart, uint32_t from) {
    strand_of(probes, from)->steps += hart->clock->steps - probes->since[hart->id];
    probes->since[hart->id] = hart->clock->steps;
}

/** The node of an interval inside @p parent. */
static uint32_t node_get(struct probes *probes, uint32_t strand, uint32_t parent,
                         const struct frame *frame) {
    bool full = probes->node_count >= NODES_MAX;
    struct strand *owner = full ? &probes->others : strand_of(probes, strand);
    uint32_t *link = parent == NODE_NONE || full ? &owner->first : &probes->nodes[parent].first;
    for (uint32_t at = *link; at != 0; at = probes->nodes[at - 1].next) {
        struct node *node = &probes->nodes[at - 1];
        if (node->number == frame->number && node->kind == frame->kind) {
            return at - 1;
        }
    }
    uint32_t idx = probes->node_count++;
    probes->nodes[idx] = (struct node){.parent = full ? NODE_NONE : parent,
                                       .next = *link,
                                       .strand = full ? STRAND_SHARED : strand,
                                       .number = frame->number,
                                       .kind = frame->kind};
    *link = idx + 1;
    return idx;
}

static void frame_open(struct probes *probes, const struct frame *frame) {
    if (frame->node != NODE_NONE) {
        probes->nodes[frame->node].sum.open_count++;
    }
}

/* What begins outside of windows is not measured. */
static void frame_begin(struct probes *probes, const struct hart *hart, uint32_t strand,
                        struct frame *frame) {
    struct strand *on = strand_of(probes, strand);
    uint32_t parent = NODE_NONE;
    if (!probes->profiling->on) {
        return;
    }
    if (on->count == FRAMES_MAX) {
        frame_open(probes, &on->frames[0]);
        memmove(on->frames, on->frames + 1, --on->count * sizeof *on->frames);
    }
    if (on->count == on->room) {
        on->room = 2 * on->room + 4;
        on->frames = realloc(on->frames, on->room * sizeof *on->frames);
        ensure(on->frames != NULL);
    }
    for (unsigned i = on->count; i-- > 0 && parent == NODE_NONE;) {
        parent = on->frames[i].node;
    }
    frame->node = frame->kind == FRAME_WAKE ? NODE_NONE : node_get(probes, strand, parent, frame);
    on = strand_of(probes, strand);
    frame->steps = strand_steps(probes, strand, hart);
    frame->ns = clock_now(hart->clock);
    on->frames[on->count++] = *frame;
}

/* A task may go on on a hart whose clock is behind, by a round at most. */
static void frame_end(struct probes *probes, const struct hart *hart, uint32_t strand,
                      const struct frame *frame) {
    vtime ns = clock_now(hart->clock) - frame->ns;
    if (frame->kind == FRAME_WAKE) {
        if (hart->x[10] != 0) {
            timeline_wake(probes->profiling, hart, frame->ns, frame->key);
        }
        return;
    }
    profile_interval_add(&probes->nodes[frame->node].sum,
                         strand_steps(probes, strand, hart) - frame->steps,
                         (uint64_t)max_i64(ns, 0));
}

/** 1 + index of the process whose code the hart executes; 0: none. */
static uint32_t process_here(const struct probes *probes, const struct hart *hart) {
    const struct linux_view *view = probes->profiling->view;
    const struct linux_task *task =
        view == NULL || hart->priv != PRIV_U ? NULL : linux_current(view, hart->id);
    return task == NULL || task->process == NULL ? 0 : task->process->idx + 1;
}

/* -- Functions --------------------------------------------------------------------------------- */

/** Does a jump in a function lead to its first instruction, which the hart is about to execute? */
static bool entry_loops(struct hart *hart, const struct probe_entry *entry) {
    const struct ram *ram = &hart->harts->bus->ram;
    uint64_t size_bytes = min_u64(entry->size_bytes, CODE_BYTES_MAX);
    for (uint64_t at = 0; at < size_bytes;) {
        uint16_t half[2] = {0};
        paddr from;
        for (unsigned i = 0; i < 2; i++) {
            if (mmu_peek(hart, hart->pc + at + 2 * i, &from)) {
                (void)ram_read(ram, from, &half[i], sizeof half[i]);
            }
        }
        struct insn insn = decode(hart->harts->decoder, half[0] | (uint32_t)half[1] << 16);
        bool jumps = insn.op == OP_beq || insn.op == OP_bne || insn.op == OP_blt ||
                     insn.op == OP_bge || insn.op == OP_bltu || insn.op == OP_bgeu ||
                     (insn.op == OP_jal && insn.rd == 0);
        if (jumps && at + (uint64_t)(int64_t)insn.imm == 0) {
            return true;
        }
        at += insn.length;
    }
    return false;
}

/** Has the hart executed nothing, or one instruction, since it came back to user mode? */
static bool just_back(const struct probes *probes, const struct hart *hart) {
    return hart->priv == PRIV_U && hart->clock->steps - probes->back[hart->id] <= 1;
}

/** The same call is here again. @return It goes on; else it has been left. */
static bool call_again(struct probes *probes, struct hart *hart, struct probe_entry *entry,
                       const struct frame *call, struct strand *strand) {
    for (unsigned i = strand->count; i-- > 0;) {
        const struct frame *frame = &strand->frames[i];
        if (frame->kind == FRAME_MARKER || frame->number != call->number || frame->ra != call->ra ||
            frame->sp != call->sp || frame->process != call->process) {
            continue;
        }
        if (!entry->looked) {
            entry->looked = true;
            entry->loops = entry_loops(hart, entry);
        }
        if (entry->loops || just_back(probes, hart)) {
            return true;
        }
        while (strand->count > i) {
            frame_open(probes, &strand->frames[--strand->count]);
        }
        return false;
    }
    return false;
}

/** Functions of programs that the task ran before an exec are open for ever. */
static void programs_leave(struct probes *probes, struct strand *strand, uint32_t process) {
    unsigned end = strand->count;
    strand->count = 0;
    for (unsigned i = 0; i < end; i++) {
        struct frame frame = strand->frames[i];
        if (frame.process != 0 && frame.process != process) {
            frame_open(probes, &frame);
        } else {
            strand->frames[strand->count++] = frame;
        }
    }
}

/** @param number  Of a probe; or WAKES or BIRTHS. */
static void function_enter(struct probes *probes, struct hart *hart, struct probe_entry *entry,
                           uint16_t number) {
    if (number == BIRTHS) {
        timeline_birth(probes->profiling, hart, hart->x[10]);
        return;
    }
    uint32_t strand = tasks_strand(probes->profiling, hart);
    struct frame frame = {.number = number,
                          .kind = number == WAKES ? FRAME_WAKE : FRAME_PROBE,
                          .ra = hart->x[1],
                          .sp = hart->x[2],
                          .process = process_here(probes, hart),
                          .key = hart->x[10]};
    if (frame.process != 0) {
        programs_leave(probes, strand_of(probes, strand), frame.process);
    }
    if (!call_again(probes, hart, entry, &frame, strand_of(probes, strand))) {
        frame_begin(probes, hart, strand, &frame);
        probes->homeless += !notices_add(hart->harts, frame.ra, NOTICE_BACK);
    }
}

static bool returns_here(const struct frame *frame, const struct hart *hart, uint32_t process) {
    return frame->kind != FRAME_MARKER && frame->ra == hart->pc && frame->sp == hart->x[2] &&
           frame->process == process;
}

static void function_leave(struct probes *probes, const struct hart *hart) {
    uint32_t number = tasks_strand(probes->profiling, hart);
    struct strand *strand = strand_of(probes, number);
    uint32_t process = process_here(probes, hart);
    unsigned from = strand->count;
    for (unsigned i = strand->count; i-- > 0;) {
        from = returns_here(&strand->frames[i], hart, process) ? i : from;
    }
    unsigned end = strand->count;
    strand->count = from;
    for (unsigned i = from; i < end; i++) {
        struct frame *frame = &strand->frames[i];
        if (frame->kind == FRAME_MARKER) {
            strand->frames[strand->count++] = *frame;
        } else if (returns_here(frame, hart, process)) {
            frame_end(probes, hart, number, frame);
        } else {
            frame_open(probes, frame);
        }
    }
}

/* -- Markers ----------------------------------------------------------------------------------- */

static void marker_end(struct probes *probes, const struct hart *hart, uint32_t number,
                       uint32_t marker) {
    struct strand *strand = strand_of(probes, number);
    unsigned from = strand->count;
    for (unsigned i = strand->count; i-- > 0 && from == strand->count;) {
        const struct frame *frame = &strand->frames[i];
        from = frame->kind == FRAME_MARKER && frame->number == marker ? i : from;
    }
    unsigned end = strand->count;
    strand->count = from;
    for (unsigned i = from; i < end; i++) {
        struct frame *frame = &strand->frames[i];
        if (i == from) {
            frame_end(probes, hart, number, frame);
        } else if (frame->kind == FRAME_MARKER) {
            frame_open(probes, frame);
        } else {
            strand->frames[strand->count++] = *frame;
        }
    }
}

static void marker_look(struct probes *probes, const struct hart *hart, uint32_t bits) {
    enum marker_kind kind = marker_kind(bits);
    bool shared = kind == MARKER_BEGIN_SHARED || kind == MARKER_END_SHARED;
    uint32_t strand = shared ? STRAND_SHARED : tasks_strand(probes->profiling, hart);
    uint32_t number = marker_number(bits);
    struct frame frame = {.number = (uint16_t)number, .kind = FRAME_MARKER};
    if (kind == MARKER_BEGIN || kind == MARKER_BEGIN_SHARED) {
        frame_begin(probes, hart, strand, &frame);
    } else if (kind != MARKER_PLACE) {
        marker_end(probes, hart, strand, number);
    }
    timeline_marker(probes->profiling, hart, bits);
}

/* -- Being told -------------------------------------------------------------------------------- */

static void noticed(void *owner, struct hart *hart, uint64_t what, uint32_t marker) {
    struct probes *probes = owner;
    uint64_t entry = what & ~(NOTICE_BACK | NOTICE_USER);
    bool user = (what & NOTICE_USER) != 0 && hart->priv == PRIV_U;
    struct probe_entry *there = user ? user_probes_at(probes->user, hart) : NULL;
    if ((what & NOTICE_BACK) != 0) {
        function_leave(probes, hart);
    }
    there = entry != 0 ? &probes->entries[entry - 1].entry : there;
    if (there != NULL) {
        function_enter(probes, hart, there, there->probe);
    }
    if (there != NULL && there->besides != 0) {
        function_enter(probes, hart, there, there->besides);
    }
    if (marker != 0) {
        marker_look(probes, hart, marker);
    }
}

/* -- Setting ----------------------------------------------------------------------------------- */

static bool entry_add(struct probes *probes, const struct entry *entry) {
    for (unsigned i = 0; i < probes->entry_count; i++) {
        struct entry *other = &probes->entries[i];
        if (other->address == entry->address) { /* a probe came first */
            bool timeline = entry->entry.probe >= PROBES_MAX && other->entry.probe < PROBES_MAX;
            other->entry.besides = timeline ? entry->entry.probe : other->entry.besides;
            return false;
        }
    }
    if (probes->entry_count == ENTRIES_MAX) {
        probes->homeless++;
        return false;
    }
    probes->entries[probes->entry_count++] = *entry;
    return notices_add(&probes->profiling->machine->harts, entry->address, probes->entry_count);
}

/** Is it of the module? There - and _ are one. @param module  Not ended; NULL: any will do. */
static bool is_of(const struct symbol *symbol, const char *module, size_t chars) {
    bool same = module == NULL || strlen(symbol->module) == chars;
    for (size_t i = 0; module != NULL && same && i < chars; i++) {
        char wanted = module[i] == '-' ? '_' : module[i];
        char found = symbol->module[i] == '-' ? '_' : symbol->module[i];
        same = wanted == found;
    }
    return same;
}

/** @param name  SYMBOL or MODULE:SYMBOL. @return How many places it has that had none before. */
static unsigned entries_add(struct probes *probes, const char *name, unsigned probe) {
    const struct symbols *symbols = probes->profiling->symbols;
    const char *colon = strchr(name, ':');
    const char *module = colon == NULL ? NULL : name;
    size_t chars = colon == NULL ? 0 : (size_t)(colon - name);
    const struct symbol *symbol;
    unsigned count = 0;
    name = colon == NULL ? name : colon + 1;
    for (size_t i = 0; (symbol = symbols_find(symbols, name, i)) != NULL; i++) {
        if (is_of(symbol, module, chars)) {
            count += entry_add(probes, &(struct entry){.address = symbol->address,
                                                       .entry = {.size_bytes = symbol->size_bytes,
                                                                 .probe = (uint16_t)probe}});
        }
    }
    return count;
}

static enum status probe_add(struct probes *probes, const char *name, unsigned probe,
                             struct error *error) {
    const struct symbols *symbols = probes->profiling->symbols;
    const char *near[NEAR_MAX];
    probes->names[probe] = name;
    if (probe_is_user(name)) {
        probes->user = probes->user == NULL ? user_probes_new(probes->profiling) : probes->user;
        return user_probes_add(probes->user, name, probe, error);
    }
    if (strchr(name, ':') != NULL && probes->profiling->view != NULL) {
        probes->modules = probes->loaded = true; /* a snapshot's are there from the start */
        (void)entries_add(probes, name, probe);
        return STATUS_OK;
    }
    if (symbols_find(symbols, name, 0) == NULL) {
        size_t count = symbols_near(symbols, name, near, NEAR_MAX);
        return error_set(error, STATUS_USAGE, "--probe %.100s: there is no such symbol; %s%.100s%s",
                         name, count > 0 ? "did you mean " : "see sandglass symbols",
                         count > 0 ? near[0] : "", count > 0 ? "?" : "");
    }
    if (entries_add(probes, name, probe) == 0) {
        return error_set(error, STATUS_USAGE,
                         "--probe %.100s: is where another probe is already; drop one", name);
    }
    return STATUS_OK;
}

enum status probes_begin(struct profiling *profiling, struct error *error) {
    const struct profile_plan *plan = &profiling->plan;
    struct machine *machine = profiling->machine;
    const char *waker = "try_to_wake_up";
    bool wakes = !plan->no_timeline && profiling->view != NULL &&
                 symbols_find(profiling->symbols, waker, 0) != NULL;
    if (plan->probe_count == 0 && !plan->markers && !wakes) {
        return STATUS_OK;
    }
    struct probes *probes = calloc(1, sizeof *probes);
    profiling->probes = probes;
    if (probes != NULL) {
        probes->profiling = profiling;
        probes->nodes = calloc(NODES_MAX + OTHERS_MAX, sizeof *probes->nodes);
        probes->since = calloc(machine->harts.count, sizeof *probes->since);
        probes->back = calloc(machine->harts.count, sizeof *probes->back);
    }
    if (probes == NULL || probes->nodes == NULL || probes->since == NULL || probes->back == NULL ||
        !notices_begin(&machine->harts, noticed, probes, plan->markers)) {
        return error_set(error, STATUS_USAGE, "profile: out of memory; free some and try again");
    }
    for (unsigned i = 0; i < plan->probe_count; i++) {
        if (probe_add(probes, plan->probes[i], i, error) != STATUS_OK) {
            return error->status;
        }
    }
    if (wakes) {
        (void)entries_add(probes, waker, WAKES);
        (void)entries_add(probes, "wake_up_new_task", BIRTHS);
    }
    return STATUS_OK;
}

void probes_free(struct probes *probes) {
    if (probes != NULL) {
        for (size_t i = 0; i < probes->strand_room; i++) {
            free(probes->strands[i].frames);
        }
        free(probes->shared.frames);
        free(probes->strands);
        free(probes->nodes);
        free(probes->since);
        free(probes->back);
        user_probes_free(probes->user);
        free(probes);
    }
}

/* -- The border of user mode ------------------------------------------------------------------- */

void probes_call(struct probes *probes, const struct hart *hart) {
    uint64_t number = hart->x[17];
    bool loads = number == LINUX_INIT_MODULE || number == LINUX_FINIT_MODULE;
    if (loads && probes->modules && probes->load_count < LOADS_MAX) {
        probes->loads[probes->load_count++] = hart->sscratch;
    }
}

/** Has the task that is back loaded a module? */
static bool load_done(struct probes *probes, const struct hart *hart) {
    for (unsigned i = 0; i < probes->load_count; i++) {
        if (probes->loads[i] == hart->sscratch) {
            probes->loads[i] = probes->loads[--probes->load_count];
            return true;
        }
    }
    return false;
}

static void modules_look(struct probes *probes) {
    struct profiling *profiling = probes->profiling;
    probes->loaded = false;
    (void)symbols_add_modules(profiling->symbols,
                              &(struct kernel_memory){tasks_kernel_read, profiling->machine});
    for (unsigned i = 0; i < profiling->plan.probe_count; i++) {
        if (!probe_is_user(probes->names[i]) && strchr(probes->names[i], ':') != NULL) {
            (void)entries_add(probes, probes->names[i], i);
        }
    }
}

void probes_back(struct probes *probes, const struct hart *hart) {
    probes->back[hart->id] = hart->clock->steps;
    if (load_done(probes, hart) || probes->loaded) {
        modules_look(probes);
    }
    if (probes->user != NULL) {
        user_probes_look(probes->user, hart);
    }
}

/* -- Telling ----------------------------------------------------------------------------------- */

static bool entry_known(const struct probes *probes, unsigned probe) {
    for (unsigned i = 0; i < probes->entry_count; i++) {
        if (probes->entries[i].entry.probe == probe) {
            return true;
        }
    }
    return false;
}

static bool module_known(const struct symbols *symbols, const char *name) {
    size_t chars = strcspn(name, ":");
    for (size_t i = 0; i < symbols_count(symbols); i++) {
        if (is_of(symbols_get(symbols, i), name, chars)) {
            return true;
        }
    }
    return false;
}

/** Why nothing can have been measured. @return NULL: it can. */
static const char *missed_why(const struct probes *probes, unsigned probe) {
    const char *name = probes->names[probe];
    if (probe_is_user(name)) {
        return user_probes_missed(probes->user, probe);
    }
    return entry_known(probes, probe)                       ? NULL
           : module_known(probes->profiling->symbols, name) ? "the module has no such function"
                                                            : "the guest has loaded no such module";
}

bool machine_probes_missed(const struct machine *machine, unsigned idx,
                           char line[PROBE_LINE_CHARS]) {
    const struct probes *probes = machine->profiling->probes;
    unsigned count = probes == NULL ? 0 : machine->profiling->plan.probe_count;
    for (unsigned i = 0; i < count; i++) {
        const char *why = missed_why(probes, i);
        if (why != NULL && idx-- == 0) {
            snprintf(line, PROBE_LINE_CHARS, "--probe %.200s: %s", probes->names[i], why);
            return true;
        }
    }
    uint64_t homeless = probes == NULL ? 0 : probes->homeless;
    homeless += count == 0 || probes->user == NULL ? 0 : user_probes_homeless(probes->user);
    snprintf(line, PROBE_LINE_CHARS,
             "--probe: too many places of functions and of returns to them; %" PRIu64
             " were left out, so some calls are missing: give fewer, or boot with norandmaps",
             homeless);
    return homeless > 0 && idx == 0;
}

static void strand_close(struct probes *probes, struct strand *strand) {
    while (strand->count > 0) {
        frame_open(probes, &strand->frames[--strand->count]);
    }
}

void probes_tell(const struct telling *telling) {
    struct probes *probes = telling->profiling->probes;
    if (probes == NULL) {
        return;
    }
    for (size_t i = 0; i < probes->strand_room; i++) {
        strand_close(probes, &probes->strands[i]);
    }
    strand_close(probes, &probes->shared);
    uint32_t *told = calloc(probes->node_count + 1, sizeof *told);
    ensure(told != NULL);
    for (uint32_t i = 0; i < probes->node_count; i++) {
        const struct node *node = &probes->nodes[i];
        char marker[32];
        snprintf(marker, sizeof marker, "marker %u", node->number);
        told[i] = profile_add_interval(
            telling->profile,
            &(struct profile_interval){
                .parent = node->parent == NODE_NONE ? PROFILE_NONE : told[node->parent],
                .task = node->strand == STRAND_SHARED ? PROFILE_NONE
                                                      : strand_tell(telling, node->strand),
                .probe = node->kind == FRAME_PROBE,
                .name = node->kind == FRAME_PROBE ? probes->names[node->number] : marker,
            });
        profile_measure_all(telling->profile, told[i], &node->sum);
    }
    free(told);
}
