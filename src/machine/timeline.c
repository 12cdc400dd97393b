/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened when, on each hart: which task ran and when it slept, which trap or interrupt was
 * handled, when timers were set and when they came, who woke whom, where markers were.
 *
 * 1. Times are those of the hart's own clock at the position of the event. An interrupt takes no
 *    step, and a trap begins behind the step that traps.
 * 2. Handlers nest: the track has the innermost. What firmware handles is stacked up by hart; what
 *    the kernel does, by task, as a task may sleep in the middle of a system call while others run.
 * 3. A return to a lower mode leaves all handlers of the higher one. So what nobody saw being
 *    entered (firmware hands a trap on to the kernel by itself) does not stay for ever.
 * 4. A hart sleeps from its WFI on until it has its next turn: time passes, and no step.
 * 5. A wake-up is one for which the kernel's try_to_wake_up() answers that it did something. Waker
 *    is whoever runs on that hart then, or the interrupt that is under way there. The first one of
 *    a new task is wake_up_new_task(), which always does.
 * 6. Outside of windows all is followed and nothing kept. What goes on where one begins or ends is
 *    cut there.
 * 7. Linux comes to its virtual addresses by a fault of the instruction that switches them on. It
 *    never returns from that, so it is no handler.
 *
 * Spans are gathered in a profile of their own, which thins them out as they come; tasks stand in
 * it by number, since their names are known at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/profiling.h"

enum { HANDLERS_MAX = 8, CAUSES = 16 };

struct handlers {
    unsigned count;
    struct {
        uint8_t cause, from;
        bool interrupt;
    } handler[HANDLERS_MAX];
};

/** What goes on on a hart. */
struct line_now {
    uint32_t strand;
    vtime task_ns, trap_ns; /* since when nothing has changed on that track */
    bool sleeps;            /* since task_ns */
    struct handlers firmware;
};

struct timeline {
    struct profile *spans;
    bool on;                   /* in a window */
    struct line_now *lines;    /* by hart */
    struct handlers *handlers; /* by strand */
    size_t handlers_room;
    uint32_t *tasks; /* by strand: 1 + index in spans */
    size_t tasks_room;
    uint32_t *strands; /* by index in spans */
    size_t strands_room;
    uint32_t task_count;
};

/* -- Spans ------------------------------------------------------------------------------------- */

static vtime time_at(const struct hart *hart, uint64_t steps) {
    struct clock clock = *hart->clock;
    clock.steps = steps;
    return clock_now(&clock);
}

static uint32_t task_of(struct timeline *timeline, uint32_t strand) {
    timeline->tasks =
        zeroed_room(timeline->tasks, &timeline->tasks_room, strand, sizeof *timeline->tasks);
    if (timeline->tasks[strand] == 0) {
        uint32_t task = profile_add_task(timeline->spans, &(struct profile_task){.tid = strand});
        timeline->strands = zeroed_room(timeline->strands, &timeline->strands_room, task,
                                        sizeof *timeline->strands);
        timeline->strands[task] = strand;
        timeline->tasks[strand] = task + 1;
        timeline->task_count++;
    }
    return timeline->tasks[strand] - 1;
}

static void span_add(struct timeline *timeline, unsigned hart, const struct profile_span *span) {
    if (timeline->on) {
        profile_add_span(timeline->spans, (uint16_t)hart, span);
    }
}

/** Up to now the hart ran its task, or slept. */
static void task_close(struct timeline *timeline, unsigned hart, vtime now_ns) {
    struct line_now *line = &timeline->lines[hart];
    if (now_ns > line->task_ns) {
        span_add(timeline, hart,
                 &(struct profile_span){
                     .kind = line->sleeps ? PROFILE_SPAN_IDLE : PROFILE_SPAN_TASK,
                     .from_ns = line->task_ns,
                     .to_ns = now_ns,
                     .task = line->sleeps ? PROFILE_NONE : task_of(timeline, line->strand),
                     .name = ""});
        line->task_ns = now_ns;
    }
}

static struct handlers *handlers_of(struct timeline *timeline, uint32_t strand) {
    timeline->handlers = zeroed_room(timeline->handlers, &timeline->handlers_room, strand,
                                     sizeof *timeline->handlers);
    return &timeline->handlers[strand];
}

/* The words of the manual's table. */
static const char *trap_name(bool interrupt, unsigned cause) {
    static const char *const interrupts[CAUSES] = {
        [1] = "software interrupt of S", [3] = "software interrupt of M",
        [5] = "timer interrupt of S",    [7] = "timer interrupt of M",
        [9] = "external interrupt of S", [11] = "external interrupt of M",
    };
    static const char *const traps[CAUSES] = {
        [CAUSE_FETCH_MISALIGNED] = "instruction address misaligned",
        [CAUSE_FETCH_ACCESS] = "instruction access fault",
        [CAUSE_ILLEGAL] = "illegal instruction",
        [CAUSE_BREAKPOINT] = "breakpoint",
        [CAUSE_LOAD_MISALIGNED] = "load address misaligned",
        [CAUSE_LOAD_ACCESS] = "load access fault",
        [CAUSE_STORE_MISALIGNED] = "store address misaligned",
        [CAUSE_STORE_ACCESS] = "store access fault",
        [CAUSE_ECALL_U] = "environment call from U",
        [CAUSE_ECALL_S] = "environment call from S",
        [CAUSE_ECALL_M] = "environment call from M",
        [CAUSE_FETCH_PAGE] = "instruction page fault",
        [CAUSE_LOAD_PAGE] = "load page fault",
        [CAUSE_STORE_PAGE] = "store page fault",
    };
    const char *name = cause >= CAUSES ? NULL : interrupt ? interrupts[cause] : traps[cause];
    return name == NULL ? "trap" : name;
}

/** Up to now the innermost handler ran, if there is one. */
static void trap_close(struct timeline *timeline, unsigned hart, vtime now_ns) {
    struct line_now *line = &timeline->lines[hart];
    const struct handlers *handlers =
        line->firmware.count > 0 ? &line->firmware : handlers_of(timeline, line->strand);
    if (handlers->count > 0 && now_ns > line->trap_ns) {
        bool interrupt = handlers->handler[handlers->count - 1].interrupt;
        unsigned cause = handlers->handler[handlers->count - 1].cause;
        span_add(
            timeline, hart,
            &(struct profile_span){.kind = interrupt ? PROFILE_SPAN_INTERRUPT : PROFILE_SPAN_TRAP,
                                   .from_ns = line->trap_ns,
                                   .to_ns = now_ns,
                                   .task = task_of(timeline, line->strand),
                                   .name = trap_name(interrupt, cause)});
    }
    line->trap_ns = now_ns;
}

static void instant_add(struct timeline *timeline, unsigned hart, const struct profile_span *span) {
    struct profile_span added = *span;
    added.to_ns = added.from_ns;
    span_add(timeline, hart, &added);
}

/* -- Traps ------------------------------------------------------------------------------------- */

void timeline_trap(struct profiling *profiling, const struct hart *hart,
                   const struct tally_passage *passage) {
    struct timeline *timeline = profiling->timeline;
    struct line_now *line = &timeline->lines[hart->id];
    bool moves = profiling->view != NULL && passage->cause == CAUSE_FETCH_PAGE &&
                 passage->from == PRIV_S && passage->to == PRIV_S; /* see 7 */
    trap_close(timeline, hart->id, time_at(hart, passage->steps));
    struct handlers *handlers =
        passage->to == PRIV_M ? &line->firmware : handlers_of(timeline, line->strand);
    if (handlers->count < HANDLERS_MAX && !moves) {
        handlers->handler[handlers->count].cause = (uint8_t)passage->cause;
        handlers->handler[handlers->count].interrupt = (passage->cause & CAUSE_INTERRUPT) != 0;
        handlers->handler[handlers->count].from = (uint8_t)passage->from;
        handlers->count++;
    }
}

void timeline_back(struct profiling *profiling, const struct hart *hart,
                   const struct tally_passage *passage) {
    struct timeline *timeline = profiling->timeline;
    struct line_now *line = &timeline->lines[hart->id];
    trap_close(timeline, hart->id, time_at(hart, passage->steps));
    struct handlers *handlers =
        passage->from == PRIV_M ? &line->firmware : handlers_of(timeline, line->strand);
    if (passage->to != passage->from) {
        handlers->count = 0;
    } else if (handlers->count > 0 &&
               handlers->handler[handlers->count - 1].from == (uint8_t)passage->from) {
        handlers->count--;
    }
}

/* -- Tasks ------------------------------------------------------------------------------------- */

void timeline_switch(struct profiling *profiling, const struct hart *hart, uint32_t strand,
                     uint64_t steps) {
    struct timeline *timeline = profiling->timeline;
    vtime now_ns = time_at(hart, steps);
    task_close(timeline, hart->id, now_ns);
    trap_close(timeline, hart->id, now_ns);
    timeline->lines[hart->id].strand = strand;
}

void timeline_turn(struct profiling *profiling, const struct hart *hart, bool begins) {
    struct timeline *timeline = profiling->timeline;
    struct line_now *line = &timeline->lines[hart->id];
    if (begins ? line->sleeps : hart->vcpu->asleep) {
        task_close(timeline, hart->id, clock_now(hart->clock));
        line->sleeps = !begins;
    }
}

/* -- Events ------------------------------------------------------------------------------------ */

static void comparator_told(void *owner, const struct comparator *comparator, bool fired,
                            vtime due_ns) {
    struct profiling *profiling = owner;
    const struct hart *hart = profiling->machine->harts.hart[comparator->vcpu];
    bool supervisor = comparator == &hart->supervisor_timer;
    instant_add(profiling->timeline, hart->id,
                &(struct profile_span){.kind = fired ? PROFILE_SPAN_FIRED : PROFILE_SPAN_ARMED,
                                       .from_ns = clock_now(hart->clock),
                                       .task = PROFILE_NONE,
                                       .name = supervisor ? "stimecmp" : "mtimecmp",
                                       .value = due_ns});
}

static void wake_add(struct timeline *timeline, const struct hart *hart, vtime at_ns,
                     const struct linux_task *task) {
    instant_add(timeline, hart->id,
                &(struct profile_span){.kind = PROFILE_SPAN_WAKE,
                                       .from_ns = at_ns,
                                       .task = task_of(timeline, strand_of_task(task)),
                                       .name = ""});
}

void timeline_wake(struct profiling *profiling, const struct hart *hart, vtime at_ns,
                   uint64_t key) {
    const struct linux_task *task = linux_task_at(profiling->view, hart->id, key);
    if (profiling->timeline != NULL && task != NULL) {
        wake_add(profiling->timeline, hart, at_ns, task);
    }
}

void timeline_birth(struct profiling *profiling, const struct hart *hart, uint64_t key) {
    const struct linux_task *task = linux_task_born(profiling->view, hart->id, key);
    if (profiling->timeline != NULL) {
        wake_add(profiling->timeline, hart, clock_now(hart->clock), task);
    }
}

void timeline_marker(struct profiling *profiling, const struct hart *hart, uint32_t bits) {
    static const char *const words[] = {
        [MARKER_PLACE] = "marker",
        [MARKER_BEGIN] = "begin",
        [MARKER_END] = "end",
        [MARKER_BEGIN_SHARED] = "begin shared",
        [MARKER_END_SHARED] = "end shared",
    };
    struct timeline *timeline = profiling->timeline;
    char name[32];
    if (timeline != NULL) {
        snprintf(name, sizeof name, "%s %u", words[marker_kind(bits)], marker_number(bits));
        instant_add(
            timeline, hart->id,
            &(struct profile_span){.kind = PROFILE_SPAN_MARKER,
                                   .from_ns = clock_now(hart->clock),
                                   .task = task_of(timeline, timeline->lines[hart->id].strand),
                                   .name = name,
                                   .value = (int64_t)hart->x[marker_register(bits)]});
    }
}

/* -- Birth, telling, death --------------------------------------------------------------------- */

enum status timeline_begin(struct profiling *profiling, struct error *error) {
    struct machine *machine = profiling->machine;
    struct timeline *timeline = calloc(1, sizeof *timeline);
    if (timeline != NULL) {
        timeline->lines = calloc(machine->harts.count, sizeof *timeline->lines);
    }
    if (timeline == NULL || timeline->lines == NULL) {
        free(timeline);
        return error_set(error, STATUS_USAGE, "profile: out of memory; free some and try again");
    }
    timeline->spans = profile_new();
    for (unsigned i = 0; i < machine->harts.count; i++) {
        timeline->lines[i].strand = i;
    }
    profiling->timeline = timeline;
    machine->sched.comparator_told = comparator_told;
    machine->sched.comparator_owner = profiling;
    return STATUS_OK;
}

void timeline_window(struct profiling *profiling, bool on) {
    struct timeline *timeline = profiling->timeline;
    if (timeline == NULL) {
        return;
    }
    for (unsigned i = 0; i < profiling->machine->harts.count; i++) {
        struct clock clock = sched_clock(&profiling->machine->sched, i);
        vtime now_ns = clock_now(&clock);
        task_close(timeline, i, now_ns);
        trap_close(timeline, i, now_ns);
        timeline->lines[i].task_ns = max_i64(timeline->lines[i].task_ns, now_ns);
    }
    timeline->on = on;
}

void timeline_tell(const struct telling *telling) {
    const struct profiling *profiling = telling->profiling;
    struct timeline *timeline = profiling->timeline;
    if (timeline == NULL) {
        return;
    }
    uint32_t *tasks = calloc(timeline->task_count + 1, sizeof *tasks);
    ensure(tasks != NULL);
    for (uint32_t i = 0; i < timeline->task_count; i++) {
        tasks[i] = strand_tell(telling, timeline->strands[i]);
    }
    profile_take_spans(telling->profile, timeline->spans, tasks);
    free(tasks);
}

void timeline_free(struct timeline *timeline) {
    if (timeline != NULL) {
        profile_free(timeline->spans);
        free(timeline->lines);
        free(timeline->handlers);
        free(timeline->tasks);
        free(timeline->strands);
        free(timeline);
    }
}
