/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Token: vCPUs run at the same time, each by its own clock, and one of them moves VIRTUAL.
 *
 * Each vCPU's local time is a function of its steps, its sleeps, and how far it had to catch up. It
 * runs a grant of a quantum at most; then it tells the others how far it is. VIRTUAL is the time of
 * devices and of those that sleep. It follows the local time of the vCPU that holds the token, at
 * the ends of its grants.
 *
 * 1. Whoever runs first takes the token. A holder that falls asleep hands it to the vCPU that runs
 *    and took the most steps in its last grant, the lowest of several. When none runs, nobody holds
 *    it, and VIRTUAL moves by token_skip() alone.
 * 2. VIRTUAL never goes back: a new holder that is behind moves it only once it has come past. A
 *    local clock never goes back either: a vCPU that wakes jumps forward to VIRTUAL, if at all.
 * 3. A vCPU's own deadlines are on its own clock, and exact on it: no grant goes past one.
 *    Deadlines of devices and of sleepers are taken when VIRTUAL comes past; the holder's grants
 *    end there.
 * 4. Messages reach a vCPU between its grants, so at most a quantum of its own late. Whoever runs
 *    it may end a grant before, and so hand over a message sooner.
 * 5. With a bound on the skew, a vCPU that is further ahead than that of another that runs waits
 *    before its next grant. The one furthest behind never waits, so somebody always runs.
 *
 * Free is the same machine with the host's clock in place of all local ones, and nobody to hold a
 * token. What is due fires at the end of the grant in which it came.
 *
 * Rejected: the least of all local times as VIRTUAL (a vCPU that the host does not schedule would
 * hold up all timers); sums and means (no vCPU would ever have lived at that time). */
#include "vtime/vtime.h"

#include <assert.h>
#include <stdlib.h>

bool token_init(struct token *token, struct sched *sched, const struct token_options *options) {
    assert(options->max_skew_ns > 0);
    *token = (struct token){
        .sched = sched,
        .options = *options,
        .racers = calloc(sched->vcpu_count, sizeof *token->racers),
        .holder = VCPU_NONE,
    };
    return token->racers != NULL;
}

void token_free(struct token *token) {
    free(token->racers);
    token->racers = NULL;
}

/* -- Who runs, and who holds the token --------------------------------------------------------- */

static void token_pass(struct token *token) {
    token->holder = VCPU_NONE;
    for (unsigned i = 0; i < token->sched->vcpu_count; i++) {
        const struct racer *racer = &token->racers[i];
        bool first = token->holder == VCPU_NONE;
        if (racer->running &&
            (first || racer->grant_steps > token->racers[token->holder].grant_steps)) {
            token->holder = i;
        }
    }
}

static void racer_rest(struct token *token, unsigned vcpu) {
    struct racer *racer = &token->racers[vcpu];
    racer->due_ns = timers_due(&token->sched->vcpus[vcpu].timers);
    if (racer->running) {
        racer->running = false;
        token->running_count--;
        if (token->holder == vcpu) {
            token_pass(token);
        }
    }
}

static void racer_run(struct token *token, unsigned vcpu) {
    struct racer *racer = &token->racers[vcpu];
    if (!racer->running) {
        racer->running = true;
        racer->now_ns = clock_now(&token->sched->vcpus[vcpu].clock);
        token->running_count++;
    }
    if (token->holder == VCPU_NONE && !token->options.follows_host) {
        token->holder = vcpu;
    }
}

vtime token_limit(const struct token *token) {
    vtime least = VTIME_NEVER;
    for (unsigned i = 0; i < token->sched->vcpu_count; i++) {
        const struct racer *racer = &token->racers[i];
        least = racer->running ? min_i64(least, racer->now_ns) : least;
    }
    return add_sat_i64(least, token->options.max_skew_ns);
}

/** Least local time of the others that run. */
static vtime slowest(const struct token *token, unsigned vcpu) {
    vtime least = VTIME_NEVER;
    for (unsigned i = 0; i < token->sched->vcpu_count; i++) {
        if (i != vcpu && token->racers[i].running) {
            least = min_i64(least, token->racers[i].now_ns);
        }
    }
    return least;
}

/** The next deadline of a sleeper at or after @p from: one before that is waking. */
static vtime sleepers_due(const struct token *token, vtime from) {
    vtime due = VTIME_NEVER;
    for (unsigned i = 0; i < token->sched->vcpu_count; i++) {
        const struct racer *racer = &token->racers[i];
        bool sleeps = !racer->running && racer->due_ns >= from;
        due = sleeps ? min_i64(due, racer->due_ns) : due;
    }
    return due;
}

/* -- Time -------------------------------------------------------------------------------------- */

static void virtual_move(struct sched *sched, vtime to) {
    sched->start_ns = sched->end_ns = max_i64(sched->start_ns, to);
}

/** Fires the first of @p timers if it is due by @p now. */
static bool first_fire(struct sched *sched, const struct timers *timers, vtime now) {
    struct timer *timer = timers_first(timers);
    if (timer == NULL || timer->due_ns > now) {
        return false;
    }
    if (timers != &sched->timers) {
        late_measure(sched, &sched->vcpus[sched->current].clock, timer);
    }
    timer_fire(sched, timer);
    return true;
}

static void fire_all(struct token *token, struct vcpu *vcpu, bool devices) {
    struct sched *sched = token->sched;
    while (first_fire(sched, &vcpu->timers, clock_now(&vcpu->clock)) ||
           (devices && first_fire(sched, &sched->timers, sched->start_ns))) {
    }
    inbox_empty(vcpu);
}

static struct turn turn_for(const struct token *token, unsigned idx) {
    const struct sched *sched = token->sched;
    const struct vcpu *vcpu = &sched->vcpus[idx];
    vtime now = clock_now(&vcpu->clock);
    struct turn turn = {.kind = TURN_RUN, .vcpu = idx};
    if (token->options.follows_host) {
        turn.loose = true;
        turn.until_ns = VTIME_NEVER;
        turn.budget_steps = token->options.grant_steps;
        return turn;
    }
    vtime quantum_end = add_sat_i64(now, sched->quantum_ns);
    turn.until_ns = min_i64(quantum_end, timers_due(&vcpu->timers));
    if (token->holder == idx) {
        turn.until_ns = min_i64(turn.until_ns, timers_due(&sched->timers));
        turn.until_ns = min_i64(turn.until_ns, sleepers_due(token, sched->start_ns + 1));
    }
    turn.loose = turn.until_ns == quantum_end;
    turn.budget_steps = clock_position(&vcpu->clock, turn.until_ns) - vcpu->clock.steps;
    turn.budget_steps += turn.budget_steps == 0; /* a step may be longer than a quantum */
    return turn;
}

struct turn token_next(struct token *token, unsigned idx, vtime host_ns) {
    struct sched *sched = token->sched;
    struct vcpu *vcpu = &sched->vcpus[idx];
    struct racer *racer = &token->racers[idx];
    if (token->options.follows_host) {
        virtual_move(sched, host_ns);
    }
    if (!racer->running || token->options.follows_host) {
        vtime before = clock_now(&vcpu->clock);
        clock_sleep(&vcpu->clock, sched->start_ns);
        vcpu->idle_ns += racer->running ? 0 : (uint64_t)(clock_now(&vcpu->clock) - before);
    }
    sched->current = idx;
    sched->timers.clock = &vcpu->clock;
    fire_all(token, vcpu, token->holder == idx || token->options.follows_host);
    if (vcpu->asleep) {
        racer_rest(token, idx);
        return (struct turn){.kind = TURN_IDLE, .vcpu = idx, .until_ns = racer->due_ns};
    }
    racer_run(token, idx);
    vtime limit = add_sat_i64(slowest(token, idx), token->options.max_skew_ns);
    if (clock_now(&vcpu->clock) > limit) {
        return (struct turn){.kind = TURN_ROUND_END, .vcpu = idx, .until_ns = limit};
    }
    return turn_for(token, idx);
}

void token_ran(struct token *token, unsigned idx, uint64_t ran_steps) {
    const struct clock *clock = &token->sched->vcpus[idx].clock;
    struct racer *racer = &token->racers[idx];
    vtime now = clock_now(clock);
    racer->now_ns = now;
    racer->idle_ns = token->sched->vcpus[idx].idle_ns;
    racer->steps = clock->steps;
    racer->grant_steps = ran_steps;
    racer->grants++;
    if (token->holder == idx) {
        racer->held++;
        virtual_move(token->sched, now);
    }
    vtime behind = slowest(token, idx);
    racer->ahead_max_ns = max_i64(racer->ahead_max_ns, behind == VTIME_NEVER ? 0 : now - behind);
    if (token->sched->vcpus[idx].dozes) { /* its grant is its turn */
        vcpu_wake(&token->sched->vcpus[idx]);
    }
}

/* -- Sleep ------------------------------------------------------------------------------------- */

bool token_wakes(const struct token *token, unsigned vcpu) {
    return token->sched->vcpus[vcpu].inbox_count > 0 ||
           token->racers[vcpu].due_ns <= token->sched->start_ns;
}

vtime token_horizon(const struct token *token) {
    assert(token->running_count == 0);
    return min_i64(sleepers_due(token, 0), timers_due(&token->sched->timers));
}

void token_skip(struct token *token, vtime until) {
    struct sched *sched = token->sched;
    assert(token->running_count == 0);
    virtual_move(sched, until);
    sched->current = VCPU_NONE;
    sched->timers.clock = NULL;
    while (first_fire(sched, &sched->timers, sched->start_ns)) {
    }
}

void token_rest(struct token *token) {
    for (unsigned i = 0; i < token->sched->vcpu_count; i++) {
        token->racers[i].running = false;
    }
    token->running_count = 0;
    token->holder = VCPU_NONE;
}
