/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lockstep: vCPUs take turns in rounds of virtual time, and every event finds its one place in
 * between.
 *
 * Each vCPU has a clock of its own, and runs alone while it holds the turn. A round takes all of
 * them from S to E; who is first inside it is fixed, by number or by the seed of chaos, so nothing
 * depends on the host. sched_next() is the whole machine:
 *
 *     between rounds    settle, then wait (all asleep, stopped, end of time) or begin a round
 *     in a turn         fire what is due; then, before E, sleep until the next event or run
 *     end of the turn   the next vCPU that has one, or the end of the round: VIRTUAL = E
 *
 * 1. It decides from the state alone. A caller that runs fewer steps than granted, and asks again,
 *    gets the rest of the same grant: how a run is cut into grants cannot be seen.
 * 2. A grant ends at the first position at which anything can happen to its vCPU: E, its own next
 *    deadline, its next message, a device deadline before E. clock_position() names that position
 *    exactly.
 * 3. At the start of a turn no device deadline lies before E, because E is the first of them at
 *    most. One that does later was armed in this very turn, and fires in it.
 * 4. Time only moves forward: at a round's end every local clock is at or beyond E. Beyond it when
 *    a step takes longer than the round; then that vCPU runs none until the rounds have caught up.
 * 5. A message leaves at its sender's time, at or after S, and arrives one quantum later, at or
 *    after E. So no vCPU can meet one from its own future, whatever the order of turns. This is all
 *    that the others rest on: with chaos, where each message takes as long as is drawn for it,
 *    nothing is drawn before E.
 * 6. Time ends at TIME_END, one before VTIME_NEVER, so that "never" and "the last moment" stay
 *    different.
 * 7. Sleepers cost nothing. due_ns names for each vCPU a time before which it sleeps and nothing
 *    comes to it: lowered by whatever is armed, sent or woken, exact at the end of each turn. Where
 *    that is E or later, the whole turn would be one sleep to E; so there is none.
 * 8. The clock of one that was passed over lags, and by 4 that says how far: what it lacks to S (to
 *    E, when its place in the round is over) it has slept. It catches up as its next turn goes
 *    to sleep, before something comes to it between rounds, and for whoever looks (sched_clock). A
 *    sleep in one go gives the same clock as one in parts, to the bit (clock_sleep).
 *
 * Example: two vCPUs of 8 ns a step, quantum 100 ns. Round 1 is [0, 100): each runs positions 0 to
 * 12 (96 ns), thus 13 steps, and stands at 104 ns. Round 2 is [100, 200): positions 13 to 24, 12
 * steps. A device deadline at 150 makes that round [100, 150) instead: positions 13 to 18, and it
 * fires at VIRTUAL = 150 with both at 152 ns.
 *
 * What chaos draws for a round is a function of its S, so a state that is set in the middle of a
 * round finds its order again.
 *
 * Of 128 vCPUs of which one runs, a round then looks at 127 words, and touches no sleeper.
 *
 * Rejected: one clock for all vCPUs that sums their steps (a vCPU's speed would depend on its
 * neighbours); barriers between host threads (the order inside a round would be the host's); a
 * heap of vCPUs by due_ns (a few hundred words are read faster than it is kept in order). */
#include "vtime/vtime.h"

#include <assert.h>
#include <stdlib.h>

static const vtime TIME_END = VTIME_NEVER - 1;

/* -- Birth and death --------------------------------------------------------------------------- */

bool sched_init(struct sched *sched, const struct sched_options *options) {
    assert(options->vcpu_count >= 1 && options->vcpu_count <= 4096);
    assert(options->quantum_ns >= 1 && options->quantum_ns <= 1000000000 && options->tick_ns >= 1);
    size_t receivers_bytes = options->kind_count * sizeof(struct receiver);
    size_t order_bytes = sizeof *sched->order + sizeof *sched->place;
    size_t vcpu_bytes =
        sizeof *sched->vcpus + sizeof *sched->due_ns + receivers_bytes + order_bytes;
    *sched = (struct sched){
        .vcpus = calloc(options->vcpu_count, vcpu_bytes),
        .vcpu_count = options->vcpu_count,
        .quantum_ns = options->quantum_ns,
        .tick_ns = options->tick_ns,
        .monotonic = options->monotonic,
        .chaos = options->chaos,
        .kind_count = options->kind_count,
        .current = VCPU_NONE,
        .stop_ns = VTIME_NEVER,
    };
    if (sched->vcpus == NULL) {
        return false;
    }
    sched->due_ns = (vtime *)(sched->vcpus + sched->vcpu_count);
    struct receiver *receivers = (struct receiver *)(sched->due_ns + sched->vcpu_count);
    sched->order = (uint32_t *)(receivers + sched->vcpu_count * options->kind_count);
    sched->place = sched->order + sched->vcpu_count;
    timers_init(&sched->timers, &sched->arming_order);
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        struct vcpu *vcpu = &sched->vcpus[i];
        clock_init(&vcpu->clock, options->rates[i]);
        timers_init(&vcpu->timers, &sched->arming_order);
        vcpu->timers.clock = &vcpu->clock;
        vcpu->due_ns = vcpu->timers.due_ns = &sched->due_ns[i];
        vcpu->receivers = receivers + i * options->kind_count;
        sched->order[i] = sched->place[i] = i;
    }
    return true;
}

void sched_free(struct sched *sched) {
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        timers_free(&sched->vcpus[i].timers);
        free(sched->vcpus[i].inbox);
    }
    free(sched->vcpus);
    timers_free(&sched->timers);
}

/* -- Reading ----------------------------------------------------------------------------------- */

vtime sched_now(const struct sched *sched) {
    if (sched->current == VCPU_NONE) {
        return sched->start_ns;
    }
    return clock_now(&sched->vcpus[sched->current].clock);
}

vtime sched_virtual(const struct sched *sched) {
    return sched->start_ns;
}

uint64_t sched_steps(const struct sched *sched) {
    uint64_t steps = 0;
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        steps += sched->vcpus[i].clock.steps;
    }
    return steps;
}

/* -- Passing over sleepers --------------------------------------------------------------------- */

/** The first vCPU from @p idx on that may have something to do before @p end, or vcpu_count. */
static unsigned next_due(const struct sched *sched, unsigned idx, vtime end) {
    while (idx < sched->vcpu_count && sched->due_ns[idx] >= end) {
        idx++;
    }
    return idx;
}

/** How far a vCPU is at least. Those that run at the same time know that themselves. */
static vtime passed_ns(const struct sched *sched, unsigned idx) {
    if (sched->posted != NULL) {
        return 0;
    }
    bool over =
        sched->current < sched->vcpu_count && sched->place[idx] < sched->place[sched->current];
    return over ? sched->end_ns : sched->start_ns;
}

static void vcpu_sleep_until(struct vcpu *vcpu, vtime until) {
    vtime now = clock_now(&vcpu->clock);
    if (until > now) {
        vcpu->idle_ns += (uint64_t)(until - now);
        clock_sleep(&vcpu->clock, until);
    }
}

static void vcpu_catch_up(struct sched *sched, unsigned idx) {
    vcpu_sleep_until(&sched->vcpus[idx], passed_ns(sched, idx));
}

void sched_catch_up(struct sched *sched) {
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        vcpu_catch_up(sched, i);
    }
}

struct clock sched_clock(const struct sched *sched, unsigned vcpu) {
    struct clock clock = sched->vcpus[vcpu].clock;
    clock_sleep(&clock, passed_ns(sched, vcpu));
    return clock;
}

uint64_t sched_idle_ns(const struct sched *sched, unsigned vcpu) {
    struct clock clock = sched_clock(sched, vcpu);
    vtime lag_ns = clock_now(&clock) - clock_now(&sched->vcpus[vcpu].clock);
    return sched->vcpus[vcpu].idle_ns + (uint64_t)lag_ns;
}

/* -- Messages ---------------------------------------------------------------------------------- */

static bool post_before(const struct post *a, const struct post *b) {
    if (a->at_ns != b->at_ns) {
        return a->at_ns < b->at_ns;
    }
    return a->sender != b->sender ? a->sender < b->sender : a->order < b->order;
}

static vtime inbox_due(const struct vcpu *vcpu) {
    return vcpu->inbox_count == 0 ? VTIME_NEVER : vcpu->inbox[0].at_ns;
}

/* What waits was sent within the last quantum, one message a step at most. */
static void inbox_push(struct vcpu *vcpu, const struct post *post) {
    if (vcpu->inbox_count == vcpu->inbox_room) {
        size_t room = 2 * vcpu->inbox_room + 8;
        struct post *inbox = realloc(vcpu->inbox, room * sizeof *inbox);
        ensure(inbox != NULL);
        vcpu->inbox = inbox;
        vcpu->inbox_room = room;
    }
    size_t idx = vcpu->inbox_count++;
    while (idx > 0 && post_before(post, &vcpu->inbox[(idx - 1) / 2])) {
        vcpu->inbox[idx] = vcpu->inbox[(idx - 1) / 2];
        idx = (idx - 1) / 2;
    }
    vcpu->inbox[idx] = *post;
    *vcpu->due_ns = min_i64(*vcpu->due_ns, post->at_ns);
}

static struct post inbox_pop(struct vcpu *vcpu) {
    struct post *inbox = vcpu->inbox;
    struct post first = inbox[0];
    struct post last = inbox[--vcpu->inbox_count];
    size_t idx = 0;
    for (size_t child = 1; child < vcpu->inbox_count; child = 2 * idx + 1) {
        if (child + 1 < vcpu->inbox_count && post_before(&inbox[child + 1], &inbox[child])) {
            child++;
        }
        if (post_before(&last, &inbox[child])) {
            break;
        }
        inbox[idx] = inbox[child];
        idx = child;
    }
    inbox[idx] = last;
    return first;
}

/** Is it older than what has been felt of its kind? */
static bool post_void(const struct vcpu *vcpu, const struct post *post) {
    return post->order < vcpu->receivers[post->kind].felt;
}

/* What has been felt is not undone by an older word that was longer on its way. Otherwise a line
 * could stay at a level that nobody drives: low, sent inside a round, would arrive after the high
 * that a device sent at once at the round's end, and that interrupt would be lost. The first
 * message of an inbox is never void; others are passed over when they come first. */
static void vcpu_feel(struct vcpu *vcpu, const struct post *post) {
    struct receiver *receiver = &vcpu->receivers[post->kind];
    receiver->felt = post->order;
    while (vcpu->inbox_count > 0 && post_void(vcpu, vcpu->inbox)) {
        inbox_pop(vcpu);
    }
    receiver->arrive(receiver->owner, post->value);
}

static void inbox_deliver(struct vcpu *vcpu) {
    struct post post = inbox_pop(vcpu);
    vcpu_feel(vcpu, &post);
}

void inbox_empty(struct vcpu *vcpu) {
    while (vcpu->inbox_count > 0) {
        inbox_deliver(vcpu);
    }
}

void sched_connect(struct sched *sched, unsigned vcpu, uint16_t kind, post_fn *arrive,
                   void *owner) {
    assert(vcpu < sched->vcpu_count && kind < sched->kind_count);
    sched->vcpus[vcpu].receivers[kind] = (struct receiver){.arrive = arrive, .owner = owner};
}

void sched_post(struct sched *sched, unsigned target, uint16_t kind, uint64_t value) {
    assert(target < sched->vcpu_count && kind < sched->kind_count);
    struct post post = {.order = sched->post_order++, .value = value, .kind = kind};
    bool at_once = sched->current == VCPU_NONE && sched->posted == NULL && !sched->chaos.wanted;
    if (at_once || sched->current == target) {
        vcpu_catch_up(sched, target);
        vcpu_feel(&sched->vcpus[target], &post);
        return;
    }
    post.at_ns = add_sat_i64(sched_now(sched), sched->quantum_ns);
    if (sched->chaos.wanted) {
        vtime span = chaos_span(&sched->chaos, CHAOS_MESSAGE, post.order, sched->quantum_ns + 1);
        post.at_ns = add_sat_i64(sched->end_ns, span - 1);
    }
    post.sender = sched->current;
    inbox_push(&sched->vcpus[target], &post);
    if (sched->posted != NULL) {
        sched->posted(sched->posted_owner, target);
    }
}

vtime sched_delay(const struct sched *sched, uint64_t name, vtime most_ns) {
    if (!sched->chaos.wanted) {
        return 0;
    }
    name += (uint64_t)sched_now(sched) << 16;
    return chaos_span(&sched->chaos, CHAOS_DEVICE, name, most_ns + 1) - 1;
}

/* -- Sleeping ---------------------------------------------------------------------------------- */

void vcpu_sleep(struct vcpu *vcpu) {
    vcpu->asleep = true;
}

void vcpu_doze(struct vcpu *vcpu) {
    vcpu->asleep = true;
    vcpu->dozes = true;
}

void vcpu_wake(struct vcpu *vcpu) {
    vcpu->asleep = false;
    vcpu->dozes = false;
    *vcpu->due_ns = 0;
}

static bool all_asleep(const struct sched *sched) {
    unsigned idx = next_due(sched, 0, 1);
    while (idx < sched->vcpu_count && sched->vcpus[idx].asleep) {
        idx = next_due(sched, idx + 1, 1);
    }
    return idx == sched->vcpu_count;
}

/* -- Firing ------------------------------------------------------------------------------------ */

static void late_note(struct sched *sched, uint64_t late_steps) {
    if (late_steps > sched->late_steps_max) {
        sched->late_steps_max = late_steps;
    }
}

void timer_fire(struct sched *sched, struct timer *timer) {
    timer_cancel(timer);
    sched->fired_count++;
    timer->fire(timer->owner);
}

/** The earlier of two timers, either of which may be NULL. */
static struct timer *timer_earlier(struct timer *a, struct timer *b) {
    if (a == NULL || b == NULL) {
        return a == NULL ? b : a;
    }
    return timer_before(b, a) ? b : a;
}

/* Where the law wants a timer that was armed too late to be on time: before the next instruction,
 * so one step after the position of the instruction that armed it. */
void late_measure(struct sched *sched, const struct clock *clock, const struct timer *timer) {
    uint64_t arrival = clock_arrival(clock, timer->due_ns);
    uint64_t lawful = timer->armed_steps < arrival ? arrival : timer->armed_steps + 1;
    late_note(sched, clock->steps > lawful ? clock->steps - lawful : 0);
}

/** In a turn: fires the one thing that is first of all due by @p limit. @return false if none. */
static bool turn_fire(struct sched *sched, struct vcpu *vcpu, vtime limit) {
    struct timer *timer = timer_earlier(timers_first(&sched->timers), timers_first(&vcpu->timers));
    if (timer != NULL && timer->due_ns <= limit) {
        late_measure(sched, &vcpu->clock, timer);
        timer_fire(sched, timer);
        return true;
    }
    if (inbox_due(vcpu) <= limit) {
        inbox_deliver(vcpu);
        return true;
    }
    return false;
}

/** The one of two vCPUs whose next message comes first; NULL is a vCPU without any. */
static struct vcpu *receiver_earlier(struct vcpu *a, struct vcpu *b) {
    if (a == NULL || b->inbox_count == 0) {
        return b->inbox_count == 0 ? a : b;
    }
    return post_before(b->inbox, a->inbox) ? b : a;
}

/** Between rounds: the same, for all that has come by VIRTUAL. */
static bool round_fire(struct sched *sched) {
    struct timer *timer = timers_first(&sched->timers);
    struct vcpu *receiver = NULL;
    vtime end = sched->start_ns + 1;
    for (unsigned i = next_due(sched, 0, end); i < sched->vcpu_count;
         i = next_due(sched, i + 1, end)) {
        vcpu_catch_up(sched, i);
        timer = timer_earlier(timer, timers_first(&sched->vcpus[i].timers));
        receiver = receiver_earlier(receiver, &sched->vcpus[i]);
    }
    if (timer != NULL && timer->due_ns <= sched->start_ns) {
        timer_fire(sched, timer);
        return true;
    }
    if (receiver != NULL && receiver->inbox[0].at_ns <= sched->start_ns) {
        inbox_deliver(receiver);
        return true;
    }
    return false;
}

static void round_settle(struct sched *sched) {
    while (round_fire(sched)) {
    }
}

/* -- Turns and rounds -------------------------------------------------------------------------- */

/** Draws who comes when in the round that begins at S, or lets the lowest come first. */
static void order_draw(struct sched *sched, struct chaos chaos) {
    sched->drawn = chaos;
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        sched->order[i] = i;
    }
    if (chaos.wanted) {
        chaos_order(&chaos, (uint64_t)sched->start_ns, sched->order, sched->vcpu_count);
    }
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        sched->place[sched->order[i]] = i;
    }
}

/** The first vCPU from @p place on that has something to do before E, or vcpu_count. */
static unsigned next_in_order(const struct sched *sched, unsigned place) {
    if (!sched->drawn.wanted) {
        return next_due(sched, place, sched->end_ns);
    }
    while (place < sched->vcpu_count && sched->due_ns[sched->order[place]] >= sched->end_ns) {
        place++;
    }
    return place < sched->vcpu_count ? sched->order[place] : sched->vcpu_count;
}

/** Gives the turn to it. */
static void turn_begin(struct sched *sched, unsigned place) {
    sched->current = next_in_order(sched, place);
    if (sched->current < sched->vcpu_count) {
        sched->timers.clock = &sched->vcpus[sched->current].clock;
    }
}

/**
 * Fires and sleeps until the vCPU can run. @return What it may run up to [ns], or VTIME_NEVER: its
 * turn is over.
 */
static vtime turn_advance(struct sched *sched, struct vcpu *vcpu) {
    for (;;) {
        vtime now = clock_now(&vcpu->clock);
        if (turn_fire(sched, vcpu, min_i64(now, sched->end_ns - 1))) {
            continue;
        }
        if (now >= sched->end_ns) {
            return VTIME_NEVER;
        }
        vtime until = min_i64(sched->end_ns, timers_due(&sched->timers));
        until = min_i64(until, timers_due(&vcpu->timers));
        until = min_i64(until, inbox_due(vcpu));
        if (!vcpu->asleep) {
            return until;
        }
        vcpu_sleep_until(vcpu, until);
    }
}

/** The next time at which a vCPU takes a step, or something comes to it. */
static vtime vcpu_due(const struct vcpu *vcpu) {
    vtime due = min_i64(timers_due(&vcpu->timers), inbox_due(vcpu));
    return vcpu->asleep ? due : min_i64(due, clock_now(&vcpu->clock));
}

/* The end of a round is a deadline too: its vCPU must stand exactly where the law wants it. */
static void turn_end(struct sched *sched, struct vcpu *vcpu) {
    const struct clock *clock = &vcpu->clock;
    late_note(sched, clock->steps - min_u64(clock->steps, clock_arrival(clock, sched->end_ns)));
    vcpu->ahead_max_ns = max_i64(vcpu->ahead_max_ns, clock_now(clock) - sched->start_ns);
    if (vcpu->dozes) {
        vcpu_wake(vcpu);
    }
    *vcpu->due_ns = vcpu->asleep ? vcpu_due(vcpu) : 0;
}

/** Next time at which a vCPU could do something, or the machine has to stop. */
static vtime sched_horizon(const struct sched *sched) {
    vtime until = min_i64(sched->stop_ns, timers_due(&sched->timers));
    for (unsigned i = next_due(sched, 0, until); i < sched->vcpu_count;
         i = next_due(sched, i + 1, until)) {
        until = min_i64(until, vcpu_due(&sched->vcpus[i]));
    }
    return until;
}

/* Rounds in which nobody would run, because every step takes longer than a quantum, are passed in
 * one go. Their ends stay where they would have been. */
static vtime round_length(const struct sched *sched) {
    vtime quanta = (sched_horizon(sched) - sched->start_ns) / sched->quantum_ns;
    if (sched->chaos.wanted && quanta == 0) {
        return chaos_span(&sched->chaos, CHAOS_LENGTH, (uint64_t)sched->start_ns,
                          sched->quantum_ns);
    }
    return max_i64(quanta, 1) * sched->quantum_ns;
}

static void round_begin(struct sched *sched) {
    vtime end = min_i64(add_sat_i64(sched->start_ns, round_length(sched)), TIME_END);
    end = min_i64(end, timers_due(&sched->timers));
    sched->end_ns = min_i64(end, sched->stop_ns);
    sched->in_round = true;
    if (sched->chaos.wanted) {
        order_draw(sched, sched->chaos);
    }
    turn_begin(sched, 0);
}

/* Everything armed is at or after the new VIRTUAL. What is not, came too late. */
static void sched_advance(struct sched *sched, vtime to) {
    sched->start_ns = to;
    sched->end_ns = to;
    late_note(sched, rate_steps(&sched->vcpus[0].clock.rate, to - timers_due(&sched->timers)));
    for (unsigned i = next_due(sched, 0, to); i < sched->vcpu_count;
         i = next_due(sched, i + 1, to)) {
        const struct vcpu *vcpu = &sched->vcpus[i];
        late_note(sched, rate_steps(&vcpu->clock.rate, to - timers_due(&vcpu->timers)));
    }
    round_settle(sched);
}

static void round_end(struct sched *sched) {
    sched->current = VCPU_NONE;
    sched->timers.clock = NULL;
    sched->in_round = false;
    if (sched->drawn.wanted) {
        order_draw(sched, (struct chaos){.wanted = false});
    }
    sched_advance(sched, sched->end_ns);
}

static struct turn turn_none(enum turn_kind kind, vtime until) {
    return (struct turn){.kind = kind, .vcpu = VCPU_NONE, .until_ns = until};
}

struct turn sched_next(struct sched *sched) {
    if (!sched->in_round) {
        round_settle(sched);
        if (sched->stop_ns <= sched->start_ns) {
            return turn_none(TURN_ROUND_END, sched->start_ns);
        }
        if (sched->start_ns >= TIME_END) {
            return turn_none(TURN_IDLE, VTIME_NEVER);
        }
        if (all_asleep(sched)) {
            return turn_none(TURN_IDLE, sched_horizon(sched));
        }
        round_begin(sched);
    }
    while (sched->current < sched->vcpu_count) {
        struct vcpu *vcpu = &sched->vcpus[sched->current];
        vtime until = turn_advance(sched, vcpu);
        if (until != VTIME_NEVER) {
            uint64_t budget_steps = clock_position(&vcpu->clock, until) - vcpu->clock.steps;
            return (struct turn){.kind = TURN_RUN,
                                 .vcpu = sched->current,
                                 .budget_steps = budget_steps,
                                 .until_ns = until};
        }
        turn_end(sched, vcpu);
        turn_begin(sched, sched->place[sched->current] + 1);
    }
    round_end(sched);
    return turn_none(TURN_ROUND_END, sched->start_ns);
}

void sched_skip(struct sched *sched, vtime until) {
    assert(!sched->in_round && until >= sched->start_ns && until <= TIME_END);
    assert(all_asleep(sched));
    sched_advance(sched, until);
}

/* -- State ------------------------------------------------------------------------------------- */

static int post_compare(const void *a, const void *b) {
    return post_before(a, b) ? -1 : 1;
}

static void post_state(struct post *post, struct stream *stream) {
    stream_u32(stream, &post->sender);
    stream_u64(stream, &post->order);
    stream_u16(stream, &post->kind);
    stream_u64(stream, &post->value);
}

/* Each message begins with its time; VTIME_NEVER is none's. A sorted array is a heap as well, so
 * the walk may put the inbox in order: no one can tell. */
static void inbox_tell(struct vcpu *vcpu, struct stream *stream) {
    vtime end = VTIME_NEVER;
    if (vcpu->inbox_count > 0) {
        qsort(vcpu->inbox, vcpu->inbox_count, sizeof vcpu->inbox[0], post_compare);
    }
    for (size_t i = 0; i < vcpu->inbox_count; i++) {
        struct post *post = &vcpu->inbox[i];
        if (!post_void(vcpu, post)) {
            stream_s64(stream, &post->at_ns);
            post_state(post, stream);
        }
    }
    stream_s64(stream, &end);
}

/* What is told is not void, so nothing has been felt that is newer. */
static void inbox_set(struct sched *sched, struct vcpu *vcpu, struct stream *stream) {
    vcpu->inbox_count = 0;
    for (unsigned kind = 0; kind < sched->kind_count; kind++) {
        vcpu->receivers[kind].felt = 0;
    }
    for (;;) {
        struct post post = {0};
        stream_s64(stream, &post.at_ns);
        if (post.at_ns == VTIME_NEVER || !stream_sound(stream)) {
            return;
        }
        post_state(&post, stream);
        bool known = post.kind < sched->kind_count && vcpu->receivers[post.kind].arrive != NULL;
        if (!stream_expect(stream, known, "holds a message for nobody")) {
            return;
        }
        inbox_push(vcpu, &post);
    }
}

static void comparator_state(struct comparator *comparator, struct stream *stream) {
    stream_u64(stream, &comparator->compare);
    stream_bool(stream, &comparator->enabled);
    stream_bool(stream, &comparator->level);
    timer_state(&comparator->timer, stream);
}

static void vcpu_state(struct sched *sched, struct vcpu *vcpu, struct stream *stream) {
    stream_bool(stream, &vcpu->asleep);
    stream_bool(stream, &vcpu->dozes);
    stream_u64(stream, &vcpu->tick_offset);
    for (struct comparator *at = vcpu->comparators; at != NULL; at = at->next) {
        comparator_state(at, stream);
    }
    if (stream_sets(stream)) {
        inbox_set(sched, vcpu, stream);
        *vcpu->due_ns = 0; /* which is never too late */
    } else {
        inbox_tell(vcpu, stream);
    }
}

/** What each vCPU's clock lacks is no state: the clock is told as it would be. */
static void clocks_state(struct sched *sched, struct stream *stream) {
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        struct vcpu *vcpu = &sched->vcpus[i];
        struct clock clock = sched_clock(sched, i);
        clock_state(&clock, stream);
        vcpu->clock = stream_sets(stream) ? clock : vcpu->clock;
        vcpu_state(sched, vcpu, stream);
    }
}

/** The place in a round. Outside of one, and in it, the same things are always so. */
static void place_set(struct sched *sched, struct stream *stream) {
    bool sound = sched->current == VCPU_NONE
                     ? sched->start_ns == sched->end_ns
                     : sched->current < sched->vcpu_count && sched->start_ns < sched->end_ns;
    sound = sound && 0 <= sched->start_ns && sched->end_ns <= TIME_END;
    if (!stream_expect(stream, sound, "holds a round that is none")) {
        sched->start_ns = sched->end_ns = 0;
        sched->current = VCPU_NONE;
    }
    sched->in_round = sched->current != VCPU_NONE;
    order_draw(sched, sched->drawn);
    sched->timers.clock = sched->in_round ? &sched->vcpus[sched->current].clock : NULL;
}

/* The stop is left out, and what chaos is to draw from next: wishes of whoever runs the machine,
 * not a part of it. */
void sched_state(struct sched *sched, struct stream *stream) {
    stream_constant(stream, sched->vcpu_count, "is of a machine with another number of harts");
    stream_constant(stream, (uint64_t)sched->quantum_ns, "is of a machine with another quantum");
    stream_constant(stream, (uint64_t)sched->tick_ns, "is of a machine with another time base");
    stream_constant(stream, sched->monotonic, "is of a machine with another --time");
    stream_bool(stream, &sched->drawn.wanted);
    stream_u64(stream, &sched->drawn.seed);
    stream_u64(stream, &sched->ticks_seen);
    stream_s64(stream, &sched->start_ns);
    stream_s64(stream, &sched->end_ns);
    stream_u32(stream, &sched->current);
    stream_u64(stream, &sched->arming_order);
    stream_u64(stream, &sched->post_order);
    if (stream_sets(stream)) {
        place_set(sched, stream);
    }
    clocks_state(sched, stream);
}

void sched_counts_state(struct sched *sched, struct stream *stream) {
    stream_u64(stream, &sched->fired_count);
    stream_u64(stream, &sched->late_steps_max);
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        struct vcpu *vcpu = &sched->vcpus[i];
        uint64_t idle_ns = sched_idle_ns(sched, i);
        stream_u64(stream, &idle_ns);
        stream_s64(stream, &vcpu->ahead_max_ns);
        vcpu->idle_ns = stream_sets(stream) ? idle_ns : vcpu->idle_ns;
    }
}
