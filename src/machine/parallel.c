/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Harts on host threads: the policies token and free.
 *
 * Each hart has a seat: a thread, an engine, code of its own. It runs grants outside the lock, and
 * everything else inside: asking for the next grant, telling how far it came, devices, comparators.
 * The thread that called machine_run() is the coordinator: the outside, idle time, and the end.
 *
 * 1. Memory is the only thing that harts touch at the same time (hart/hart.h, harts_go_parallel).
 * 2. A hart that sleeps waits on its own condition; whoever leaves a message or moves VIRTUAL past
 *    its deadline signals it. A hart that runs looks after every slice of its grant whether it is
 *    wanted: so a grant may be long, which is cheap, and a message need not wait for its end. Who
 *    arms a device's timer, falls asleep or hands the token over hurries the holder that way, if
 *    something is due before it would look.
 * 3. Whatever ends or resets the machine sets `stops`; each seat sees it behind its grant, which is
 *    bounded; then the coordinator joins them all and acts alone.
 * 4. The coordinator alone waits for the outside, and moves time while all harts sleep. It waits
 *    outside the lock, and seats wake it when there is something to do. */
#include "machine/machine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LOOK_NS = 1000000, FREE_GRANT_STEPS = 100000, SLICE_STEPS = 25000 };

/** What a thread waits for. */
enum wait {
    WAIT_NONE,
    WAIT_READER, /* of the console, who has more to read than there is room for */
    WAIT_OTHERS, /* who are too far behind */
    WAIT_EVENT   /* a message or a deadline: its hart sleeps */
};

/** A hart's thread. */
struct seat {
    struct parallel *parallel;
    unsigned idx;
    struct jit *jit; /* NULL: it interprets */
    vtime until_ns;  /* end of its grant, while it runs one */
    pthread_t thread;
    pthread_cond_t wake;
    uint64_t instructions; /* retired when its last grant ended */
    uint64_t data_fills, fetch_fills;
    struct jit_stats translator;
    atomic_bool wanted; /* it should end its grant soon */
    enum wait wait;
};

struct parallel {
    struct machine *machine;
    struct token token;
    pthread_mutex_t lock;
    struct seat *seats;
    unsigned seat_count; /* whose condition exists */
    unsigned started;    /* threads that run */
    bool stops;
    bool follows_host;
};

/* -- What harts share -------------------------------------------------------------------------- */

static vtime host_now(const struct parallel *parallel) {
    const struct machine *machine = parallel->machine;
    return clocks_read(&machine->clocks, CLOCKS_VIRTUAL_RT, host_time_read(), 0);
}

/* A clock that follows the host's never overtakes it: its steps cost next to nothing. */
static void look(void *owner, struct hart *hart) {
    clock_sleep(hart->clock, host_now(owner));
}

static void want(struct seat *seat) {
    atomic_store_explicit(&seat->wanted, true, memory_order_relaxed);
}

/** Something is due at @p due on VIRTUAL, and perhaps before who moves it would look. */
static void holder_hurry(struct parallel *parallel, vtime due) {
    unsigned holder = parallel->token.holder;
    if (holder != VCPU_NONE && due < parallel->seats[holder].until_ns) {
        want(&parallel->seats[holder]);
    }
}

static void gate(void *owner, struct hart *hart, bool enters) {
    struct parallel *parallel = owner;
    struct sched *sched = &parallel->machine->sched;
    if (!enters) {
        holder_hurry(parallel, timers_due(&sched->timers));
        pthread_mutex_unlock(&parallel->lock);
        return;
    }
    pthread_mutex_lock(&parallel->lock);
    sched->current = hart->id;
    sched->timers.clock = hart->clock;
    if (parallel->follows_host) {
        look(parallel, hart);
    }
}

static void posted(void *owner, unsigned target) {
    struct parallel *parallel = owner;
    want(&parallel->seats[target]);
    pthread_cond_signal(&parallel->seats[target].wake);
}

static void wait_for(struct parallel *parallel, pthread_cond_t *condition, int64_t ns) {
    int64_t until_ns = host_monotonic_ns() + ns;
    struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    pthread_cond_timedwait(condition, &parallel->lock, &until);
}

/* -- One hart ---------------------------------------------------------------------------------- */

static void stop_all(struct parallel *parallel) {
    parallel->stops = true;
    watch_wake(parallel->machine->watch);
    for (unsigned i = 0; i < parallel->seat_count; i++) {
        posted(parallel, i);
    }
}

/** Time has moved, or a hart has gone to sleep: wakes those that waited for it. */
static void others_wake(struct parallel *parallel) {
    const struct token *token = &parallel->token;
    vtime limit = token_limit(token);
    for (unsigned i = 0; i < parallel->seat_count; i++) {
        struct seat *seat = &parallel->seats[i];
        bool freed = seat->wait == WAIT_OTHERS && token->racers[i].now_ns <= limit;
        bool sleeper = !token->racers[i].running && token_wakes(token, i);
        if (freed || sleeper) {
            pthread_cond_signal(&seat->wake);
        }
    }
}

static void printers_wake(struct parallel *parallel) {
    for (unsigned i = 0; i < parallel->seat_count; i++) {
        if (parallel->seats[i].wait == WAIT_READER) {
            pthread_cond_signal(&parallel->seats[i].wake);
        }
    }
}

static uint64_t engine_run(struct seat *seat, struct hart *hart, uint64_t steps, bool loosely) {
    return seat->jit == NULL ? interp_run(hart, steps)
           : loosely         ? jit_run_loosely(seat->jit, hart, steps)
                             : jit_run(seat->jit, hart, steps);
}

/** Runs a grant, slice by slice. @return Steps taken. */
static uint64_t slices_run(struct seat *seat, struct hart *hart, uint64_t budget_steps,
                           bool loosely) {
    uint64_t left_steps = budget_steps;
    bool ends = false;
    while (left_steps > 0 && !ends) {
        bool last = left_steps <= SLICE_STEPS;
        uint64_t slice_steps = last ? left_steps : SLICE_STEPS;
        left_steps -= engine_run(seat, hart, slice_steps, !last || loosely);
        ends = hart->leave || (last && loosely) ||
               atomic_load_explicit(&seat->wanted, memory_order_relaxed);
    }
    return budget_steps - left_steps;
}

static void grant_run(struct seat *seat, const struct turn *turn) {
    struct parallel *parallel = seat->parallel;
    struct machine *machine = parallel->machine;
    struct hart *hart = machine->harts.hart[seat->idx];
    uint64_t budget_steps = turn_budget(machine, turn);
    bool loosely = turn->loose && budget_steps == turn->budget_steps;
    seat->until_ns = turn->until_ns;
    pthread_mutex_unlock(&parallel->lock);
    uint64_t ran_steps = slices_run(seat, hart, budget_steps, loosely);
    pthread_mutex_lock(&parallel->lock);
    machine->sched.current = seat->idx;
    machine->steps += ran_steps;
    token_ran(&parallel->token, seat->idx, ran_steps);
    seat->instructions = hart_retired(hart);
    seat->translator = seat->jit != NULL ? jit_stats(seat->jit) : seat->translator;
    seat->data_fills = hart->data_fills;
    seat->fetch_fills = hart->fetch_fills;
    tohost_look(machine, seat->idx);
    if (stop_reached(machine)) {
        machine_end(machine, EXIT_STOPPED, 0);
    }
    if (machine->asked.power || machine->exit.reason != EXIT_NONE) {
        stop_all(parallel);
    }
    others_wake(parallel);
}

static bool all_idle(const struct parallel *parallel) {
    bool idle = parallel->token.running_count == 0;
    for (unsigned i = 0; idle && i < parallel->seat_count; i++) {
        idle = parallel->seats[i].wait == WAIT_EVENT && !token_wakes(&parallel->token, i);
    }
    return idle;
}

static void seat_wait(struct seat *seat, enum wait why) {
    struct parallel *parallel = seat->parallel;
    seat->wait = why;
    if (why == WAIT_EVENT) {
        if (all_idle(parallel)) {
            watch_wake(parallel->machine->watch);
        }
        others_wake(parallel); /* it no longer holds anybody up */
    }
    if (why != WAIT_EVENT || !token_wakes(&parallel->token, seat->idx)) {
        pthread_cond_wait(&seat->wake, &parallel->lock);
    }
    seat->wait = WAIT_NONE;
}

/** align=on: notes how far VIRTUAL is ahead. @return How far the hart is: it waits as long. */
static vtime pace_look(const struct seat *seat) {
    struct parallel *parallel = seat->parallel;
    struct machine *machine = parallel->machine;
    if (!machine->options.aligns || !parallel->token.racers[seat->idx].running) {
        return 0;
    }
    vtime host_ns = host_now(parallel);
    if (parallel->token.holder == seat->idx) {
        pace_lead(&machine->pace, sched_virtual(&machine->sched), host_ns);
    }
    return clock_now(&machine->sched.vcpus[seat->idx].clock) - host_ns;
}

static void *seat_run(void *of) {
    struct seat *seat = of;
    struct parallel *parallel = seat->parallel;
    pthread_mutex_lock(&parallel->lock);
    while (!parallel->stops) {
        if (inlets_full(parallel->machine)) {
            seat_wait(seat, WAIT_READER);
            continue;
        }
        vtime lead_ns = pace_look(seat);
        if (lead_ns > 0) {
            wait_for(parallel, &seat->wake, lead_ns);
            continue;
        }
        vtime now = parallel->follows_host ? host_now(parallel) : 0;
        atomic_store_explicit(&seat->wanted, false, memory_order_relaxed);
        unsigned holder = parallel->token.holder;
        struct turn turn = token_next(&parallel->token, seat->idx, now);
        if (turn.kind == TURN_IDLE) { /* others move VIRTUAL to where it wakes */
            bool handed = parallel->token.holder != holder;
            holder_hurry(parallel, handed ? 0 : turn.until_ns);
        }
        if (turn.kind == TURN_RUN) {
            grant_run(seat, &turn);
        } else {
            seat_wait(seat, turn.kind == TURN_IDLE ? WAIT_EVENT : WAIT_OTHERS);
        }
    }
    pthread_mutex_unlock(&parallel->lock);
    return NULL;
}

/* -- The coordinator --------------------------------------------------------------------------- */

/** Waits for the outside, or for a seat that wakes it. */
static void outside_wait(struct parallel *parallel, int64_t timeout_ns) {
    struct machine *machine = parallel->machine;
    inlets_flush(machine);
    inlets_watch(machine, !inlets_full(machine));
    pthread_mutex_unlock(&parallel->lock);
    run_wait(machine, timeout_ns);
    pthread_mutex_lock(&parallel->lock);
}

static void skip(struct parallel *parallel, vtime until) {
    token_skip(&parallel->token, until);
    others_wake(parallel);
}

/** All sleep: VIRTUAL goes with the host's clock, or jumps. */
static void idle_pass(struct parallel *parallel) {
    struct machine *machine = parallel->machine;
    vtime until = token_horizon(&parallel->token);
    bool real_time = machine->options.idle_sleeps || parallel->follows_host;
    bool never = until >= VTIME_NEVER - 1;
    stopwatch_switch(&machine->stopwatch, ACTIVITY_IDLE);
    if (never && !inlets_can_come(machine)) {
        machine_end(machine, EXIT_DEADLOCK, 0);
    } else if (!never && !real_time) {
        skip(parallel, min_i64(until, machine->sched.stop_ns));
    } else if (!real_time) {
        outside_wait(parallel, INT64_MAX);
    } else {
        vtime from = sched_virtual(&machine->sched);
        vtime to = max_i64(from, min_i64(until, machine->sched.stop_ns));
        struct idle idle = {from, host_now(parallel), to};
        outside_wait(parallel, idle_left_ns(&idle, idle.from_rt_ns));
        if (all_idle(parallel)) {
            skip(parallel, idle_now(&idle, host_now(parallel)));
        }
    }
    stopwatch_switch(&machine->stopwatch, ACTIVITY_EXECUTE);
    if (stop_reached(machine)) {
        machine_end(machine, EXIT_STOPPED, 0);
    }
}

static void coordinate(struct parallel *parallel) {
    struct machine *machine = parallel->machine;
    pthread_mutex_lock(&parallel->lock);
    while (!parallel->stops) {
        if (all_idle(parallel)) {
            idle_pass(parallel);
        } else {
            outside_wait(parallel, LOOK_NS);
            stopwatch_switch(&machine->stopwatch, ACTIVITY_EXECUTE); /* the outside goes by it */
        }
        machine->sched.current = VCPU_NONE;
        machine->sched.timers.clock = NULL;
        run_look_outside(machine);
        if (machine->exit.reason != EXIT_NONE) {
            stop_all(parallel);
        }
        others_wake(parallel);
        if (!inlets_full(machine)) {
            printers_wake(parallel);
        }
    }
    pthread_mutex_unlock(&parallel->lock);
}

static void seats_start(struct parallel *parallel) {
    struct error error;
    parallel->stops = false;
    for (unsigned i = 0; i < parallel->seat_count; i++) {
        parallel->token.racers[i].due_ns = timers_due(&parallel->machine->sched.vcpus[i].timers);
    }
    for (unsigned i = 0; i < parallel->seat_count; i++) {
        struct seat *seat = &parallel->seats[i];
        int failed = pthread_create(&seat->thread, NULL, seat_run, seat);
        if (failed != 0) {
            error_set(&error, STATUS_USAGE,
                      "--time: the host gives no thread for hart %u; use a smaller --smp", i);
            machine_fail(parallel->machine, &error);
            pthread_mutex_lock(&parallel->lock);
            stop_all(parallel);
            pthread_mutex_unlock(&parallel->lock);
            return;
        }
        parallel->started++;
    }
}

static void seats_join(struct parallel *parallel) {
    while (parallel->started > 0) {
        pthread_join(parallel->seats[--parallel->started].thread, NULL);
    }
    parallel->machine->sched.current = VCPU_NONE;
    parallel->machine->sched.timers.clock = NULL;
}

/** After a reset: memory is another, and all are awake. */
static void harts_restart(struct parallel *parallel) {
    struct harts *harts = &parallel->machine->harts;
    for (unsigned i = 0; i < harts->count; i++) {
        hart_suspect_code(harts->hart[i]);
    }
    token_rest(&parallel->token);
}

void parallel_run(struct parallel *parallel) {
    struct machine *machine = parallel->machine;
    while (machine->exit.reason == EXIT_NONE) {
        stopwatch_switch(&machine->stopwatch, ACTIVITY_EXECUTE);
        seats_start(parallel);
        coordinate(parallel);
        seats_join(parallel);
        stopwatch_switch(&machine->stopwatch, ACTIVITY_TIME);
        if (machine->asked.power) {
            turn_settle(machine, 0);
            harts_restart(parallel);
        }
    }
}

/* -- Birth and death --------------------------------------------------------------------------- */

static bool seats_make(struct parallel *parallel) {
    struct machine *machine = parallel->machine;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&parallel->lock, NULL);
    unsigned count = machine->harts.count;
    parallel->seats = calloc(count, sizeof *parallel->seats);
    for (unsigned i = 0; parallel->seats != NULL && i < count; i++) {
        parallel->seats[i] = (struct seat){.parallel = parallel, .idx = i};
        pthread_cond_init(&parallel->seats[i].wake, &monotonic);
        parallel->seat_count++;
    }
    pthread_condattr_destroy(&monotonic);
    return parallel->seats != NULL;
}

static void translating(void *owner, bool begins) {
    (void)owner, (void)begins;
}

static bool engines_make(struct parallel *parallel) {
    struct machine *machine = parallel->machine;
    for (unsigned i = 0; i < parallel->seat_count; i++) {
        struct jit_options options = {.hart = machine->harts.hart[i],
                                      .translating = translating,
                                      .cache_bytes = machine->options.jit_cache_bytes};
        parallel->seats[i].jit = jit_new(&machine->harts, &options);
        if (parallel->seats[i].jit == NULL) {
            return false;
        }
    }
    return true;
}

struct parallel *parallel_new(struct machine *machine, struct error *error) {
    const struct machine_options *options = &machine->options;
    struct parallel *parallel = calloc(1, sizeof *parallel);
    if (parallel == NULL) {
        error_set(error, STATUS_USAGE, "--time: out of memory; use a smaller --smp");
        return NULL;
    }
    parallel->machine = machine;
    parallel->follows_host = options->time == TIME_FREE;
    struct token_options timing = {.max_skew_ns = options->max_skew_ns,
                                   .follows_host = parallel->follows_host,
                                   .grant_steps = FREE_GRANT_STEPS};
    bool done = token_init(&parallel->token, &machine->sched, &timing) && seats_make(parallel);
    done = done && harts_go_parallel(&machine->harts, gate, parallel->follows_host ? look : NULL,
                                     parallel, error) == STATUS_OK;
    if (!done) {
        error_set(error, STATUS_USAGE, "--time: no memory for %u harts; use a smaller --smp",
                  machine->harts.count);
    } else if (options->engine != ENGINE_INTERP && !engines_make(parallel) &&
               options->engine != ENGINE_AUTO) {
        error_set(error, STATUS_USAGE,
                  "--engine jit: this host has no translator, or no memory for one a hart; use "
                  "--engine auto, or a smaller --jit-cache");
        done = false;
    }
    if (!done) {
        parallel_free(parallel);
        return NULL;
    }
    machine->sched.posted = posted;
    machine->sched.posted_owner = parallel;
    machine->bus.span = NULL; /* the stopwatch is the coordinator's */
    return parallel;
}

void parallel_free(struct parallel *parallel) {
    if (parallel == NULL) {
        return;
    }
    for (unsigned i = 0; i < parallel->seat_count; i++) {
        jit_free(parallel->seats[i].jit);
        pthread_cond_destroy(&parallel->seats[i].wake);
    }
    token_free(&parallel->token);
    free(parallel->seats);
    pthread_mutex_destroy(&parallel->lock);
    free(parallel);
}

/* -- Numbers ----------------------------------------------------------------------------------- */

void parallel_hart_stats(const struct parallel *parallel, unsigned hart, struct hart_stats *stats) {
    const struct racer *racer = &parallel->token.racers[hart];
    stats->steps = racer->steps;
    stats->instructions = parallel->seats[hart].instructions;
    stats->local_ns = racer->now_ns;
    stats->idle_ns = racer->idle_ns;
    stats->data_fills = parallel->seats[hart].data_fills;
    stats->fetch_fills = parallel->seats[hart].fetch_fills;
    stats->ahead_max_ns = racer->ahead_max_ns;
    stats->grants = racer->grants;
    stats->held = racer->held;
}

bool parallel_translates(const struct parallel *parallel) {
    return parallel->seats[0].jit != NULL;
}

struct jit_stats parallel_jit_stats(const struct parallel *parallel) {
    struct jit_stats sum = {0};
    for (unsigned i = 0; i < parallel->seat_count && parallel->seats[i].jit != NULL; i++) {
        const struct jit_stats stats = parallel->seats[i].translator;
        sum.regions += stats.regions;
        sum.code_bytes += stats.code_bytes;
        sum.resets += stats.resets;
        sum.links += stats.links;
        sum.entries += stats.entries;
        sum.calls += stats.calls;
        sum.tail_steps += stats.tail_steps;
    }
    return sum;
}
