/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a machine: one turn, one round's end or one sleep at a time, until it ends.
 *
 * machine_go() is the table of contents of the whole program. The schedule says what comes
 * next; this file gives the turn to an engine, and does between turns what is nobody's else: act
 * on what the guest has asked for, stop where the user wants it, let the outside in.
 *
 * 1. Whatever ends or bends a run is looked at in one order after each turn: what the guest
 *    asked for, then hashes on the way, then stops. So a guest that ends at the step of a stop
 *    ends with its own status, and a hash taken on the way is that of a run stopped there.
 * 2. A grant is cut short for many reasons (a stop, a hash, --grant, a cache drop). None can be
 *    seen from inside: the schedule, asked again, gives the rest of the same grant.
 * 3. The outside comes in only between rounds or while all harts sleep, through inlets_admit().
 *    When exactly that happens is the host's affair, and what comes in is an input; so its
 *    cadence is host time and needs no law. A signal is only a flag, so it is looked at after
 *    every round, and inside one that is very long.
 * 4. Only here does the program wait: when all harts sleep, and for a reader who is slower
 *    than the guest.
 * 5. A pause is nothing but the loop left between two of its rounds: what comes next still is what
 *    the schedule says. A goal in time is found by asking, before each grant, how many steps lie
 *    before it, so no round ends early for it. */
#include "machine/check.h"
#include "machine/gate.h"
#include "machine/machine.h"
#include "machine/past.h"
#include "machine/profiling.h"
#include "machine/sight.h"
#include "machine/waypoint.h"

enum {
    TURN_STEPS_MAX = 1 << 24, /* so that a signal is seen soon in a round of any length */
    POLL_NS = 1000000,        /* a system call is worth some rounds, so not one every round */
    PACE_NS = 500000,         /* likewise */
    PROGRESS_NS = 100000000,
    LAST_WORDS_NS = 1000000,
    GRANT_RANDOM_STEPS_MAX = 4096,
    DROP_STEPS_MAX = 200000,
    REWIND_STEPS_MAX = 300000,
    REWIND_MOMENTS_MAX = 4,
    PAUSE_STEPS_MAX = 200000
};

const struct goal goal_none = {.steps = UINT64_MAX, .hart_steps = UINT64_MAX, .at_ns = VTIME_NEVER};

/* -- Ends -------------------------------------------------------------------------------------- */

const char *exit_reason_name(enum exit_reason reason) {
    static const char *const names[] = {
        [EXIT_NONE] = "running",      [EXIT_POWER_OFF] = "power-off", [EXIT_FAIL] = "fail",
        [EXIT_TOHOST] = "tohost",     [EXIT_NO_REBOOT] = "no-reboot", [EXIT_STOPPED] = "stopped",
        [EXIT_DEADLOCK] = "deadlock", [EXIT_USER] = "user",           [EXIT_SIGNAL] = "signal",
        [EXIT_ERROR] = "error",
    };
    return names[reason];
}

/* A failing guest must not look like a passing one, whatever its code. */
static int guest_status(uint64_t code) {
    return (int)min_u64(code, EXIT_STATUS_GUEST_MAX);
}

static int exit_status(enum exit_reason reason, uint64_t code) {
    switch (reason) {
    case EXIT_FAIL:
        return code == 0 ? 1 : guest_status(code);
    case EXIT_TOHOST:
        return guest_status(code);
    case EXIT_STOPPED:
        return EXIT_STATUS_STOPPED;
    case EXIT_DEADLOCK:
        return EXIT_STATUS_DEADLOCK;
    case EXIT_SIGNAL:
        return EXIT_STATUS_SIGNAL + (int)code;
    default:
        return 0;
    }
}

void machine_end(struct machine *machine, enum exit_reason reason, uint64_t code) {
    if (machine->exit.reason == EXIT_NONE) {
        machine->exit.reason = reason;
        machine->exit.code = code;
        machine->exit.status = exit_status(reason, code);
    }
}

void machine_fail(struct machine *machine, const struct error *error) {
    if (machine->exit.reason != EXIT_ERROR) {
        machine->exit.reason = EXIT_ERROR;
        machine->exit.status = (int)error->status;
        machine->exit.error = *error;
    }
}

/* -- Goals ------------------------------------------------------------------------------------- */

/** Steps of @p vcpu up to what a goal says in steps. */
static uint64_t goal_left_steps(const struct machine *machine, const struct goal *goal,
                                unsigned vcpu) {
    uint64_t left_steps = goal->steps - machine->steps;
    if (goal->hart_steps != UINT64_MAX && goal->hart == vcpu) {
        uint64_t position = machine->sched.vcpus[vcpu].clock.steps;
        left_steps = min_u64(left_steps, goal->hart_steps - position);
    }
    return left_steps;
}

/** Steps of @p vcpu, whose turn it is, before the goal's time. */
static uint64_t goal_left_before(const struct machine *machine, unsigned vcpu) {
    const struct clock *clock = &machine->sched.vcpus[vcpu].clock;
    uint64_t position = clock_position(clock, machine->goal.at_ns);
    return position - min_u64(position, clock->steps);
}

bool goal_reached(const struct machine *machine, const struct goal *goal) {
    return machine->steps >= goal->steps || sched_virtual(&machine->sched) >= goal->at_ns ||
           (goal->hart_steps != UINT64_MAX &&
            machine_hart_stats(machine, goal->hart).steps >= goal->hart_steps);
}

bool stop_reached(const struct machine *machine) {
    return goal_reached(machine, &machine->last) || goal_reached(machine, &machine->to);
}

/* -- A turn ------------------------------------------------------------------------------------ */

/* SplitMix64 (Steele, Lea, Flood 2014): any seed is as good as another. */
static uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/** In [1, max], small numbers as likely as large ones. */
static uint64_t random_steps(uint64_t *state, uint64_t max) {
    uint64_t limit = max >> random_next(state) % 12;
    return 1 + random_next(state) % (limit == 0 ? 1 : limit);
}

uint64_t turn_budget(struct machine *machine, const struct turn *turn) {
    const struct machine_options *options = &machine->options;
    uint64_t budget_steps = min_u64(turn->budget_steps, TURN_STEPS_MAX);
    budget_steps = min_u64(budget_steps, goal_left_steps(machine, &machine->last, turn->vcpu));
    budget_steps = min_u64(budget_steps, goal_left_steps(machine, &machine->to, turn->vcpu));
    budget_steps = min_u64(budget_steps, goal_left_steps(machine, &machine->goal, turn->vcpu));
    if (machine->goal.at_ns != VTIME_NEVER) {
        budget_steps = min_u64(budget_steps, goal_left_before(machine, turn->vcpu));
    }
    if (machine->hash_next_idx < options->hash_at_count) {
        uint64_t next = options->hash_at[machine->hash_next_idx];
        budget_steps = min_u64(budget_steps, next - machine->steps);
    }
    budget_steps = min_u64(budget_steps, tohost_left_steps(machine, turn->vcpu));
    budget_steps = min_u64(budget_steps, gate_left_steps(machine));
    if (options->grant_kind == GRANT_FIXED) {
        budget_steps = min_u64(budget_steps, options->grant);
    } else if (options->grant_kind == GRANT_RANDOM) {
        uint64_t cap = random_steps(&machine->grant_random, GRANT_RANDOM_STEPS_MAX);
        budget_steps = min_u64(budget_steps, cap);
    }
    if (machine->check != NULL) {
        budget_steps = min_u64(budget_steps, CHECK_GRANT_STEPS_MAX);
    }
    if (options->rewinds) {
        budget_steps = min_u64(budget_steps, machine->rewind_left_steps);
    }
    budget_steps = min_u64(budget_steps, past_left_steps(machine));
    return options->drop_caches ? min_u64(budget_steps, machine->drop_left_steps) : budget_steps;
}

static void power_act(struct machine *machine) {
    struct asked asked = machine->asked;
    machine->asked.power = false;
    struct error error;
    if (asked.request == POWER_OFF) {
        machine_end(machine, EXIT_POWER_OFF, 0);
    } else if (asked.request == POWER_FAIL) {
        machine_end(machine, EXIT_FAIL, asked.code);
    } else if (machine->options.no_reboot) {
        machine_end(machine, EXIT_NO_REBOOT, 0);
    } else if (machine_reset(machine, &error) != STATUS_OK) {
        machine_fail(machine, &error);
    }
}

static void hash_on_the_way(struct machine *machine) {
    const struct machine_options *options = &machine->options;
    while (machine->hash_next_idx < options->hash_at_count &&
           options->hash_at[machine->hash_next_idx] == machine->steps) {
        const struct run_callbacks *callbacks = machine->callbacks;
        machine->hash_next_idx++;
        if (callbacks->hash_taken != NULL) {
            char hash[STATE_HASH_CHARS];
            machine_state_hash(machine, hash);
            callbacks->hash_taken(callbacks->owner, machine->steps, hash);
        }
    }
}

static void caches_count_down(struct machine *machine, uint64_t ran_steps) {
    machine->drop_left_steps -= ran_steps;
    if (machine->drop_left_steps == 0) {
        harts_drop_caches(&machine->harts);
        machine->drop_left_steps = random_steps(&machine->drop_random, DROP_STEPS_MAX);
    }
}

/* Each way back takes a moment along, and few are kept: so the run gets on. */
static void rewind_count_down(struct machine *machine, uint64_t ran_steps) {
    machine->rewind_left_steps -= ran_steps;
    if (machine->rewind_left_steps > 0) {
        return;
    }
    machine->rewind_left_steps = random_steps(&machine->rewind_random, REWIND_STEPS_MAX);
    uint64_t choice = random_next(&machine->rewind_random);
    size_t count = past_count(machine);
    if (count == 0 || choice % 4 != 0) {
        (void)past_mark(machine);
        count = past_count(machine);
        if (count > REWIND_MOMENTS_MAX) {
            past_forget(machine, choice / 4 % count);
        }
    } else {
        past_back(machine, choice / 4 % count);
        past_forget(machine, past_count(machine) - 1);
    }
}

/** Hashes and stops. */
static void run_look(struct machine *machine) {
    hash_on_the_way(machine);
    if (stop_reached(machine)) {
        machine->gate.stopped = goal_reached(machine, &machine->to);
        machine_end(machine, EXIT_STOPPED, 0);
    }
}

void turn_settle(struct machine *machine, unsigned vcpu) {
    tohost_look(machine, vcpu);
    if (machine->asked.power) {
        power_act(machine);
    }
}

static int signal_asked(const struct machine *machine) {
    const struct run_callbacks *callbacks = machine->callbacks;
    return callbacks->signal == NULL ? 0 : callbacks->signal(callbacks->owner);
}

/** Somebody outside wants the run to end, or to pause. */
static void signal_look(struct machine *machine) {
    const struct run_callbacks *callbacks = machine->callbacks;
    int signal = signal_asked(machine);
    if (signal != 0) {
        machine_end(machine, EXIT_SIGNAL, (uint64_t)signal);
    }
    if (callbacks->pause != NULL && callbacks->pause(callbacks->owner)) {
        machine->pause = PAUSE_ASKED;
    }
}

/** Does nobody want it to come back? */
static bool run_goes_on(const struct machine *machine) {
    return machine->exit.reason == EXIT_NONE && machine->pause == PAUSE_NONE;
}

/** Collects what to wait for. */
static void outside_watch(struct machine *machine, bool admits) {
    const struct run_callbacks *callbacks = machine->callbacks;
    inlets_watch(machine, admits);
    if (callbacks->pause_watch != NULL) {
        callbacks->pause_watch(callbacks->owner, machine->watch);
    }
}

/** The guest has said more than its reader has taken: it stands still until that changes. */
static void reader_wait(struct machine *machine) {
    stopwatch_switch(&machine->stopwatch, ACTIVITY_IDLE);
    inlets_serve(machine);
    while (run_goes_on(machine) && inlets_full(machine)) {
        inlets_look(machine);
        signal_look(machine);
        outside_watch(machine, false);
        run_wait(machine, INT64_MAX);
        inlets_serve(machine);
    }
    stopwatch_switch(&machine->stopwatch, ACTIVITY_TIME);
}

void turn_prepare(struct machine *machine, unsigned vcpu) {
    if (vcpu != machine->turn_vcpu && machine->turn_vcpu != VCPU_NONE) {
        harts_end_turn(&machine->harts, machine->turn_vcpu);
    }
    machine->turn_vcpu = vcpu;
}

uint64_t machine_engine(struct machine *machine, struct hart *hart, uint64_t budget_steps) {
    return machine->jit != NULL && !machine->interprets ? jit_run(machine->jit, hart, budget_steps)
                                                        : interp_run(hart, budget_steps);
}

/** Runs the engine, or both. @return Steps taken. */
static uint64_t turn_execute(struct machine *machine, unsigned vcpu, uint64_t budget_steps) {
    struct hart *hart = machine->harts.hart[vcpu];
    stopwatch_switch(&machine->stopwatch, ACTIVITY_EXECUTE);
    if (machine->profiling != NULL) {
        profiling_turn(machine->profiling, hart, true);
    }
    uint64_t ran_steps = machine->samples ? sample_run(machine, hart, budget_steps)
                                          : machine_engine(machine, hart, budget_steps);
    machine->steps += ran_steps;
    if (machine->profiling != NULL) {
        profiling_turn(machine->profiling, hart, false);
    }
    if (machine->check != NULL) {
        check_turn(machine->check, vcpu, budget_steps, ran_steps);
    }
    stopwatch_switch(&machine->stopwatch, ACTIVITY_TIME);
    return ran_steps;
}

static void turn_run(struct machine *machine, const struct turn *turn) {
    gate_look_inside(machine);
    uint64_t budget_steps = turn_budget(machine, turn);
    if (machine->exit.reason != EXIT_NONE) {
        return;
    }
    if (budget_steps == 0) { /* the goal's time has come for this hart */
        machine->pause = PAUSE_GOAL;
        machine->goal_due = true;
        return;
    }
    turn_prepare(machine, turn->vcpu);
    uint64_t ran_steps = turn_execute(machine, turn->vcpu, budget_steps);
    if (machine->options.drop_caches) {
        caches_count_down(machine, ran_steps);
    }
    past_look(machine);
    turn_settle(machine, turn->vcpu);
    run_look(machine); /* invariant 1 */
    gate_look_inside(machine);
    if (ran_steps == TURN_STEPS_MAX) {
        signal_look(machine);
    }
    if (inlets_full(machine)) {
        reader_wait(machine);
    }
    if (machine->options.rewinds && machine->exit.reason == EXIT_NONE) {
        rewind_count_down(machine, ran_steps);
    }
}

/* -- The outside ------------------------------------------------------------------------------- */

/** A host that cannot read or write a disk ends the run: no guest can be asked to live with it. */
static void disks_look(struct machine *machine) {
    struct error error;
    for (unsigned i = 0; i < machine->options.drive_count; i++) {
        if (disk_failed(machine->options.drives[i].disk, &error)) {
            machine_fail(machine, &error);
        }
    }
}

static void progress_tell(struct machine *machine) {
    const struct run_callbacks *callbacks = machine->callbacks;
    if (callbacks->progress != NULL && machine->polled_ns - machine->progress_ns >= PROGRESS_NS) {
        machine->progress_ns = machine->polled_ns;
        callbacks->progress(callbacks->owner, machine);
    }
}

/** Output goes out, input comes in. @return true when some came. */
static bool poll_outside(struct machine *machine) {
    machine->polled_ns = machine->stopwatch.since_ns;
    machine->arrived = false;
    inlets_serve(machine);
    inlets_look(machine);
    disks_look(machine);
    bool came = inlets_admit(machine);
    gate_look(machine);
    progress_tell(machine);
    return came;
}

void run_look_outside(struct machine *machine) {
    bool due = machine->stopwatch.since_ns - machine->polled_ns >= POLL_NS;
    signal_look(machine);
    if (machine->exit.reason == EXIT_NONE && (due || machine->arrived || gate_due(machine))) {
        poll_outside(machine);
    }
}

void run_wait(struct machine *machine, int64_t timeout_ns) {
    if (watch_wait(machine->watch, timeout_ns)) {
        machine->arrived = true;
    }
}

static void outside_wait(struct machine *machine, int64_t timeout_ns) {
    stopwatch_switch(&machine->stopwatch, ACTIVITY_IDLE);
    inlets_flush(machine);
    outside_watch(machine, true);
    run_wait(machine, min_i64(timeout_ns, gate_patience_ns(machine)));
    stopwatch_switch(&machine->stopwatch, ACTIVITY_TIME);
}

/* -- Pace -------------------------------------------------------------------------------------- */

static int64_t virtual_rt_now(const struct machine *machine) {
    return clocks_read(&machine->clocks, CLOCKS_VIRTUAL_RT, host_time_read(),
                       sched_virtual(&machine->sched));
}

/** align=on: stands still until the host's clock has come up, the outside served meanwhile. */
static void pace_wait(struct machine *machine) {
    vtime virtual_ns = sched_virtual(&machine->sched);
    vtime lead_ns = pace_lead(&machine->pace, virtual_ns, virtual_rt_now(machine));
    while (lead_ns > 0 && run_goes_on(machine)) {
        outside_wait(machine, lead_ns);
        run_look_outside(machine);
        lead_ns = virtual_ns - virtual_rt_now(machine);
    }
}

void rates_change(struct machine *machine, struct rate rate) {
    struct sched *sched = &machine->sched;
    sched_catch_up(sched);
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        clock_set_rate(&sched->vcpus[i].clock, rate);
    }
    if (machine->check != NULL) {
        check_rate(machine->check, rate);
    }
}

/** shift=auto: the same cost for all harts, by the one that ran the most. */
static void pace_change(struct machine *machine) {
    struct sched *sched = &machine->sched;
    uint64_t steps = 0;
    struct rate rate;
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        uint64_t hart_steps = sched->vcpus[i].clock.steps;
        steps = hart_steps > steps ? hart_steps : steps;
    }
    if (!pace_adapt(&machine->pace, sched_virtual(sched), virtual_rt_now(machine), steps, &rate)) {
        return;
    }
    record_rate(machine, rate);
    rates_change(machine, rate);
}

static void pace_look(struct machine *machine) {
    vtime virtual_ns = sched_virtual(&machine->sched);
    if (gate_replays(machine) || (machine->stopwatch.since_ns - machine->paced_ns < PACE_NS &&
                                  virtual_ns - machine->paced_virtual_ns < PACE_NS)) {
        return;
    }
    machine->paced_ns = machine->stopwatch.since_ns;
    machine->paced_virtual_ns = virtual_ns;
    if (machine->options.aligns) {
        pace_wait(machine);
    } else if (machine->options.adapts) {
        pace_change(machine);
    }
}

/** Between rounds: VIRTUAL has moved. */
static void round_look(struct machine *machine) {
    if (stop_reached(machine)) {
        machine_end(machine, EXIT_STOPPED, 0);
    }
    pace_look(machine);
    run_look_outside(machine);
}

/* -- Sleep ------------------------------------------------------------------------------------- */

/** All sleep, up to VIRTUAL @p until. */
static void skip_to(struct machine *machine, vtime until) {
    sched_skip(&machine->sched, until);
    if (machine->check != NULL) {
        check_skip(machine->check, until);
    }
}

/** sleep=on: VIRTUAL goes with the host's time until @p until, an input, or the end of one wait. */
static void sleep_in_real_time(struct machine *machine, vtime until) {
    int64_t now_rt_ns = virtual_rt_now(machine);
    struct idle idle = {sched_virtual(&machine->sched), now_rt_ns, until};
    outside_wait(machine, idle_left_ns(&idle, now_rt_ns));
    skip_to(machine, idle_now(&idle, virtual_rt_now(machine)));
}

/**
 * All harts sleep until @p until. Inputs that are there already come first: they may wake one at
 * this very moment. After a skip the stop and the signal are looked at, as after a round.
 */
static void sleep_until(struct machine *machine, vtime until) {
    until = min_i64(until, machine->gate.due_ns);
    vtime to = min_i64(until, machine->goal.at_ns);
    if (machine->retraces) { /* only up to where it has been, and then this is asked again */
        to = min_i64(to, machine->furthest.virtual_ns);
    }
    if (machine->retraces && !gate_replays(machine)) {
        skip_to(machine, to);
        past_look(machine);
        return;
    }
    bool over = sched_virtual(&machine->sched) >= VTIME_NEVER - 1; /* 292 years have passed */
    bool never = until >= VTIME_NEVER - 1;
    if (!over && (poll_outside(machine) || machine->exit.reason != EXIT_NONE)) {
        return;
    }
    if (over || (never && !inlets_can_come(machine))) {
        machine_end(machine, EXIT_DEADLOCK, 0);
    } else if (machine->options.idle_sleeps && !gate_replays(machine)) {
        sleep_in_real_time(machine, to);
    } else if (never) {
        outside_wait(machine, INT64_MAX);
    } else {
        skip_to(machine, to);
        past_look(machine);
    }
    round_look(machine);
}

/* -- The loop ---------------------------------------------------------------------------------- */

void machine_begin(struct machine *machine, const struct run_callbacks *callbacks) {
    machine->callbacks = callbacks;
    machine->goal = goal_none;
    inlets_begin(machine);
    gate_begin(machine);
    snapshot_prepare(machine);
    machine->grant_random = machine->options.grant;
    machine->drop_random = machine->options.drop_seed;
    machine->drop_left_steps = random_steps(&machine->drop_random, DROP_STEPS_MAX);
    machine->rewind_random = machine->options.rewind_seed;
    machine->rewind_left_steps = random_steps(&machine->rewind_random, REWIND_STEPS_MAX);
    machine->pause_random = machine->options.pause_seed;
    machine->stopwatch.since_ns = host_monotonic_ns();
    machine->progress_ns = machine->stopwatch.since_ns;
    clocks_init(&machine->clocks, host_time_read());
    run_look(machine);
    round_look(machine);
}

static void hit_look(struct machine *machine) {
    const struct run_callbacks *callbacks = machine->callbacks;
    if (!points_take(&machine->harts, &machine->hit) || !sights_hit(machine, &machine->hit)) {
        return;
    }
    hit_fn *told = machine->hit_told != NULL ? machine->hit_told : callbacks->hit;
    void *owner = machine->hit_told != NULL ? machine->hit_owner : callbacks->owner;
    if (told == NULL || told(owner, &machine->hit, machine->steps)) {
        machine->pause = PAUSE_HIT;
    }
}

const struct hit *machine_hit(const struct machine *machine) {
    return &machine->hit;
}

enum pause machine_go(struct machine *machine, const struct goal *goal) {
    machine->goal = *goal;
    machine->goal_due = false;
    machine->pause = PAUSE_NONE;
    clocks_resume(&machine->clocks, host_time_read());
    stopwatch_switch(&machine->stopwatch, ACTIVITY_TIME);
    if (machine->parallel != NULL) {
        parallel_run(machine->parallel);
    }
    while (run_goes_on(machine) && !goal_reached(machine, goal)) {
        gate_turn(machine);
        struct turn turn = sched_next(&machine->sched);
        if (machine->check != NULL && !check_next(machine->check, &turn)) {
            break;
        }
        switch (turn.kind) {
        case TURN_RUN:
            turn_run(machine, &turn);
            break;
        case TURN_ROUND_END:
            round_look(machine);
            break;
        case TURN_IDLE:
            sleep_until(machine, turn.until_ns);
            break;
        }
        hit_look(machine);
        sights_look(machine);
        if (machine->exit.reason == EXIT_NONE) {
            travel_look(machine);
            waypoints_look(machine);
        }
    }
    clocks_pause(&machine->clocks, host_time_read());
    stopwatch_switch(&machine->stopwatch, ACTIVITY_IDLE);
    if (machine->exit.reason != EXIT_NONE) {
        return PAUSE_NONE;
    }
    return machine->pause == PAUSE_NONE ? PAUSE_GOAL : machine->pause;
}

void machine_rest(struct machine *machine, int64_t timeout_ns) {
    inlets_serve(machine);
    inlets_look(machine);
    disks_look(machine);
    bool over = machine->exit.reason != EXIT_NONE; /* a debugger may stay behind the end */
    signal_look(machine);
    if (signal_asked(machine) == 0 && (over || machine->exit.reason == EXIT_NONE)) {
        outside_watch(machine, false);
        run_wait(machine, timeout_ns);
    }
}

/* Nobody waits for the reader of the guest's last words once a signal has come. */
struct machine_exit machine_finish(struct machine *machine) {
    if (machine->check != NULL) {
        check_end(machine->check);
    }
    while (!inlets_flush(machine) && signal_asked(machine) == 0) {
        watch_begin(machine->watch);
        watch_wait(machine->watch, LAST_WORDS_NS);
    }
    inlets_look(machine);
    for (unsigned i = 0; i < machine->options.drive_count; i++) {
        (void)disk_flush(machine->options.drives[i].disk);
    }
    disks_look(machine);
    gate_end(machine);
    stopwatch_switch(&machine->stopwatch, ACTIVITY_TIME);
    return machine->exit;
}

/** Some steps or some time ahead, for tests. */
static struct goal goal_random(struct machine *machine) {
    struct goal goal = goal_none;
    uint64_t ahead = random_steps(&machine->pause_random, PAUSE_STEPS_MAX);
    switch (random_next(&machine->pause_random) % 3) {
    case 0:
        goal.steps = machine->steps + ahead;
        break;
    case 1:
        goal.hart = (unsigned)(random_next(&machine->pause_random) % machine->sched.vcpu_count);
        goal.hart_steps = machine->sched.vcpus[goal.hart].clock.steps + ahead;
        break;
    default:
        goal.at_ns = add_sat_i64(sched_virtual(&machine->sched), (vtime)(8 * ahead));
        break;
    }
    return goal;
}

struct machine_exit machine_run(struct machine *machine, const struct run_callbacks *callbacks) {
    enum pause pause;
    machine_begin(machine, callbacks);
    waypoint_start(machine);
    windows_begin(machine);
    do {
        struct goal goal = machine->options.pauses ? goal_random(machine) : goal_none;
        windows_limit(machine, &goal);
        pause = machine_go(machine, &goal);
        windows_look(machine);
    } while (pause != PAUSE_NONE);
    windows_end(machine);
    return machine_finish(machine);
}
