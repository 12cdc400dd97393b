/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random programs on 1 to 40 vCPUs: the same history however grants are cut, each event at its
 * place, and nobody can tell who has been passed over.
 *
 * A program is a list of random acts at random positions: arm and cancel deadlines, sleep, send,
 * read and write the time base, change the rate. It is run several times, each time by an engine
 * that takes its grants in pieces of another size. Every step, act, firing, arrival and round end
 * goes into a history, with a hash of the state; the histories must be equal, row by row. On the
 * way each event is held against the law: not before its time, and not one position later than the
 * first that has reached it.
 *
 * In some runs nobody is passed over: before each question the schedule is told that something may
 * come to every vCPU at once. So each has its turn in each round, and every sleep is in parts. */
#include "vtime_test.h"

#include <string.h>

#define VCPUS 8    /* at most */
#define CROWD 40   /* at most, in worlds in which most of them sleep */
#define ALARMS 3   /* for each vCPU, and for the device */
#define LETTERS 64 /* messages under way whose time is known */
#define ROUNDS 60  /* of each run */

/* -- The history ------------------------------------------------------------------------------- */

/** One thing that happened: what, to whom, and two numbers. */
struct row {
    char what;
    unsigned who;
    uint64_t a;
    uint64_t b;
};

struct history {
    struct row *rows;
    size_t count;
    size_t room;
};

static void history_add(struct history *history, struct row row) {
    if (history->count == history->room) {
        history->room = 2 * history->room + 1024;
        history->rows = realloc(history->rows, history->room * sizeof row);
        assert_non_null(history->rows);
    }
    history->rows[history->count++] = row;
}

/* -- A machine to try -------------------------------------------------------------------------- */

struct world;

/** How a run is made. It must not be seen. */
struct engine {
    uint64_t grant_steps; /* 0: random */
    bool passes_nobody;
    bool forgets; /* all but what a walk has told, now and then */
};

/** A deadline of the random program, on a vCPU's clock or on the device's. */
struct alarm {
    struct timer timer;
    struct world *world;
    unsigned name;
    vtime armed_ns; /* time when it was armed, as its arming saw it */
};

/** A vCPU with its program. */
struct core {
    struct random random;
    uint64_t act_steps; /* position of the next act */
    struct alarm alarms[ALARMS];
    struct comparator comparator;
    struct world *world;
    unsigned idx;
};

struct world {
    struct sched sched;
    unsigned core_count;
    struct core cores[CROWD];
    unsigned sleep_acts; /* of the kinds of acts, how many more are sleeps */
    struct alarm device[ALARMS];
    vtime letters[LETTERS]; /* when each message under way has to arrive; 0: at once */
    uint64_t letter_count;
    uint64_t grid_seen;   /* highest place on the tick grid that anyone has read */
    struct random inputs; /* what comes from outside, between rounds */
    struct random cuts;   /* of the engine; not a part of the machine */
    struct engine engine;
    uint64_t lag_count; /* clocks that lagged at the ends of rounds */
    struct history history;
    const struct random *seed;
};

static struct vcpu *current_vcpu(struct world *world) {
    struct sched *sched = &world->sched;
    return sched->current == VCPU_NONE ? NULL : &sched->vcpus[sched->current];
}

/** Writes down that something happened, here and now. */
static void note(struct world *world, char what, unsigned who) {
    const struct vcpu *vcpu = current_vcpu(world);
    uint64_t place = vcpu == NULL ? UINT64_MAX : vcpu->clock.steps;
    uint64_t now = (uint64_t)sched_now(&world->sched);
    history_add(&world->history, (struct row){what, who, place, now});
}

/** The state, and how long all have slept. */
static void note_state(struct world *world) {
    struct state_hash hash = {0, 0};
    struct stream stream = {.put = state_hash_put, .owner = &hash};
    uint64_t idle_ns = 0;
    sched_state(&world->sched, &stream);
    for (unsigned i = 0; i < world->core_count; i++) {
        idle_ns += sched_idle_ns(&world->sched, i);
    }
    history_add(&world->history, (struct row){'#', world->sched.current, hash.value, idle_ns});
}

/** Steps that ran; pieces that follow each other are one row, as their cuts must not be seen. */
static void note_steps(struct world *world, unsigned vcpu, uint64_t from, uint64_t to) {
    struct history *history = &world->history;
    struct row *last = history->count == 0 ? NULL : &history->rows[history->count - 1];
    if (last != NULL && last->what == 'x' && last->who == vcpu && last->b == from) {
        last->b = to;
        return;
    }
    history_add(history, (struct row){'x', vcpu, from, to});
}

/* -- What the law says ------------------------------------------------------------------------- */

static vtime time_before_last_step(struct clock clock) {
    clock.steps--;
    return clock_now(&clock);
}

/* In a turn, an event that was known before the last step must not have been due there, unless the
 * vCPU slept or changed its rate since: then its clock was another one at that step. */
static void expect_on_time(struct world *world, vtime due, bool known, char what) {
    const struct vcpu *vcpu = current_vcpu(world);
    vtime now = sched_now(&world->sched);
    expect(now >= due, world->seed, "%c due at %lld happened at %lld", what, (long long)due,
           (long long)now);
    if (vcpu == NULL) {
        expect(now == due || !known, world->seed, "%c due at %lld happened between rounds at %lld",
               what, (long long)due, (long long)now);
        return;
    }
    const struct clock *clock = &vcpu->clock;
    bool moved = clock->steps == clock->slept_steps || clock->steps == clock->base_steps;
    expect(!known || moved || time_before_last_step(*clock) < due, world->seed,
           "%c due at %lld happened a step too late", what, (long long)due);
}

/* -- Events ------------------------------------------------------------------------------------ */

static void letter_arrive(void *owner, uint64_t value) {
    struct core *core = owner;
    struct world *world = core->world;
    uint64_t letter = value >> 8;
    vtime due = world->letters[letter % LETTERS];
    note(world, 'm', core->idx);
    history_add(&world->history, (struct row){'v', core->idx, value, 0});
    if (due != 0) {
        expect_on_time(world, due, true, 'm');
    }
    struct alarm *alarm = &core->alarms[value % ALARMS];
    switch (value % 4) {
    case 0:
        alarm->armed_ns = clock_now(&world->sched.vcpus[core->idx].clock);
        timer_arm(&alarm->timer, alarm->armed_ns + (vtime)(value % 256));
        break;
    case 1:
        ticks_set_offset(&world->sched, core->idx, value);
        break;
    default:
        vcpu_wake(&world->sched.vcpus[core->idx]);
    }
}

/** With chaos: when the message that was sent last will arrive, which is never before E. */
static vtime letter_drawn(const struct world *world, unsigned to) {
    const struct sched *sched = &world->sched;
    const struct vcpu *vcpu = &sched->vcpus[to];
    for (size_t i = 0; i < vcpu->inbox_count; i++) {
        const struct post *post = &vcpu->inbox[i];
        if (post->order == sched->post_order - 1) {
            expect(post->at_ns >= sched->end_ns && post->at_ns <= sched->end_ns + sched->quantum_ns,
                   world->seed, "a message comes at %lld, the round's end is %lld",
                   (long long)post->at_ns, (long long)sched->end_ns);
            return post->at_ns;
        }
    }
    expect(false, world->seed, "a message is not under way");
    return 0;
}

static void letter_send(struct world *world, unsigned to, uint64_t value) {
    uint64_t letter = world->letter_count++;
    const struct vcpu *from = current_vcpu(world);
    bool drawn = world->sched.chaos.wanted && world->sched.current != to;
    bool at_once = from == NULL || world->sched.current == to;
    world->letters[letter % LETTERS] =
        at_once ? 0 : clock_now(&from->clock) + world->sched.quantum_ns;
    uint16_t kind = (uint16_t)letter; /* none overtakes another */
    sched_connect(&world->sched, to, kind, letter_arrive, &world->cores[to]);
    sched_post(&world->sched, to, kind, letter << 8 | value % 256);
    if (drawn) {
        world->letters[letter % LETTERS] = letter_drawn(world, to);
    }
}

static void alarm_fire(void *owner) {
    struct alarm *alarm = owner;
    struct world *world = alarm->world;
    note(world, 't', alarm->name);
    expect_on_time(world, alarm->timer.due_ns, alarm->armed_ns < alarm->timer.due_ns, 't');
    letter_send(world, alarm->name % world->core_count, 2); /* wakes its vCPU, now or later */
}

static void comparator_change(void *owner, bool level) {
    struct core *core = owner;
    note(core->world, level ? 'C' : 'c', core->idx);
    vcpu_wake(&core->world->sched.vcpus[core->idx]);
}

/* -- Acts of a program ------------------------------------------------------------------------- */

static void alarm_arm(struct alarm *alarm, vtime now, struct random *random) {
    vtime span = 3 * alarm->world->sched.quantum_ns + 1;
    alarm->armed_ns = now;
    timer_arm(&alarm->timer, now - 20 + (vtime)random_below(random, (uint64_t)span));
}

static void act_read_ticks(struct world *world, struct core *core) {
    const struct vcpu *vcpu = &world->sched.vcpus[core->idx];
    uint64_t peeked = ticks_peek(&world->sched, core->idx) - vcpu->tick_offset;
    uint64_t grid = ticks_read(&world->sched, core->idx) - vcpu->tick_offset;
    expect(peeked == grid, world->seed, "a read gives other ticks than a peek");
    note(world, 'r', (unsigned)grid);
    expect(grid == (uint64_t)(clock_now(&vcpu->clock) / 10) || world->sched.monotonic, world->seed,
           "ticks off the grid");
    expect(grid >= world->grid_seen || !world->sched.monotonic, world->seed, "ticks fell");
    world->grid_seen = grid > world->grid_seen ? grid : world->grid_seen;
}

static void act_write_ticks(struct world *world, struct core *core, uint64_t ahead) {
    struct vcpu *vcpu = &world->sched.vcpus[core->idx];
    ticks_set(&world->sched, core->idx, 0 - ahead);
    letter_send(world, (core->idx + 1) % world->core_count, vcpu->tick_offset << 2 | 1);
}

/** A rate for a vCPU that need not hold the turn. */
static void rate_change(struct world *world, unsigned idx, struct random *random) {
    static const unsigned shifts[] = {0, 1, 3, 5};
    struct rate rate = rate_from_shift(shifts[random_below(random, COUNT(shifts))]);
    note_state(world);
    sched_catch_up(&world->sched);
    note_state(world);
    clock_set_rate(&world->sched.vcpus[idx].clock, rate);
}

/** The instruction at the present position. */
static void act(struct world *world, struct core *core) {
    struct random *random = &core->random;
    struct vcpu *vcpu = &world->sched.vcpus[core->idx];
    vtime now = clock_now(&vcpu->clock);
    note_state(world);
    note(world, 'a', core->idx);
    switch (random_below(random, 12 + world->sleep_acts)) {
    case 0:
    case 1:
        alarm_arm(&world->device[random_below(random, ALARMS)], now, random);
        break;
    case 2:
    case 3:
        alarm_arm(&core->alarms[random_below(random, ALARMS)], now, random);
        break;
    case 4:
        timer_cancel(&core->alarms[random_below(random, ALARMS)].timer);
        timer_cancel(&world->device[random_below(random, ALARMS)].timer);
        break;
    case 5:
    case 6:
        vcpu_sleep(vcpu);
        break;
    case 7:
    case 8:
        letter_send(world, (unsigned)random_below(random, world->core_count), random_u64(random));
        break;
    case 9:
        comparator_set(&core->comparator,
                       ticks_read(&world->sched, core->idx) + random_below(random, 30) - 3,
                       random_below(random, 4) > 0);
        break;
    case 10:
        act_write_ticks(world, core, random_below(random, 20));
        break;
    case 11:
        rate_change(world, core->idx, random);
        break;
    default:
        vcpu_sleep(vcpu);
    }
    act_read_ticks(world, core);
    core->act_steps = vcpu->clock.steps + 1 + random_below(random, 40);
}

/* -- The engine -------------------------------------------------------------------------------- */

static uint64_t engine_grant(struct world *world) {
    uint64_t grant_steps = world->engine.grant_steps;
    return grant_steps != 0 ? grant_steps : 1 + random_below(&world->cuts, 50);
}

/** Runs a grant, or less; always leaves after an act, which may have changed what comes next. */
static void engine_run(struct world *world, const struct turn *turn) {
    struct core *core = &world->cores[turn->vcpu];
    struct clock *clock = &world->sched.vcpus[turn->vcpu].clock;
    expect(turn->budget_steps > 0 && !world->sched.vcpus[turn->vcpu].asleep, world->seed, "grant");
    uint64_t end = clock->steps + min_u64(turn->budget_steps, engine_grant(world));
    uint64_t plain = min_u64(end, core->act_steps);
    if (plain > clock->steps) {
        note_steps(world, turn->vcpu, clock->steps, plain);
        clock->steps = plain;
        expect(time_before_last_step(*clock) < world->sched.end_ns, world->seed, "ran past E");
    }
    if (clock->steps < end) {
        expect(clock_now(clock) < world->sched.end_ns, world->seed, "acted past E");
        act(world, core);
        note_steps(world, turn->vcpu, clock->steps, clock->steps + 1);
        clock->steps++;
    }
}

/** What comes from outside: enters between rounds, decided by nothing but the inputs' own numbers.
 */
static void input(struct world *world) {
    uint64_t kind = random_below(&world->inputs, 8);
    note(world, 'i', (unsigned)kind);
    if (kind == 0) {
        alarm_arm(&world->device[0], sched_now(&world->sched), &world->inputs);
    }
    if (kind <= 1) {
        letter_send(world, (unsigned)random_below(&world->inputs, world->core_count), 2);
    }
    if (kind == 3) {
        letter_send(world, (unsigned)random_below(&world->inputs, world->core_count),
                    random_u64(&world->inputs));
    }
    if (kind == 2) {
        rate_change(world, (unsigned)random_below(&world->inputs, world->core_count),
                    &world->inputs);
    }
}

static void check_between_rounds(struct world *world) {
    const struct sched *sched = &world->sched;
    expect(timers_due(&sched->timers) > sched->start_ns, world->seed, "a device deadline is left");
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        const struct vcpu *vcpu = &sched->vcpus[i];
        bool lags = clock_now(&vcpu->clock) < sched->start_ns;
        world->lag_count += lags;
        expect(vcpu->asleep || !lags, world->seed, "a clock lags behind, and its vCPU is awake");
        expect(timers_due(&vcpu->timers) > sched->start_ns, world->seed, "a deadline is left");
        expect(vcpu->inbox_count == 0 || vcpu->inbox[0].at_ns > sched->start_ns, world->seed,
               "a message is left");
    }
    expect(sched->late_steps_max == 0, world->seed, "late by %llu steps",
           (unsigned long long)sched->late_steps_max);
}

/** All sleep: on to the next deadline, or only a part of the way because of an input. */
static void idle_skip(struct world *world, vtime until) {
    vtime now = sched_now(&world->sched);
    vtime to = min_i64(until, now + (vtime)random_below(&world->inputs, 1000));
    bool whole = until != VTIME_NEVER && random_below(&world->inputs, 4) > 0;
    sched_skip(&world->sched, whole ? until : to);
    note(world, 'z', 0);
    check_between_rounds(world);
    if (!whole) {
        letter_send(world, (unsigned)random_below(&world->inputs, world->core_count), 2);
    }
}

static void world_state(struct world *world, struct stream *stream) {
    sched_state(&world->sched, stream);
    sched_counts_state(&world->sched, stream);
    for (unsigned i = 0; i < ALARMS; i++) {
        timer_state(&world->device[i].timer, stream);
        for (unsigned j = 0; j < world->core_count; j++) {
            timer_state(&world->cores[j].alarms[i].timer, stream);
        }
    }
}

/** Tells the state, makes another one of it, and sets it. */
static void world_forget(struct world *world) {
    struct buffer buffer = {0};
    struct stream told = buffer_tell(&buffer);
    world_state(world, &told);
    sched_catch_up(&world->sched);
    world->sched.current = world->sched.current == VCPU_NONE ? 0 : VCPU_NONE;
    world->sched.in_round = !world->sched.in_round;
    for (unsigned i = 0; i < world->core_count; i++) {
        struct core *core = &world->cores[i];
        timer_arm(&core->alarms[i % ALARMS].timer, world->sched.start_ns);
        world->sched.vcpus[i].asleep = !world->sched.vcpus[i].asleep;
        world->sched.vcpus[i].clock.steps += 100;
        world->sched.vcpus[i].inbox_count /= 2;
        world->sched.due_ns[i] = VTIME_NEVER;
    }
    struct stream set = buffer_set(&buffer);
    world_state(world, &set);
    expect(stream_sound(&set) && buffer.taken_bytes == buffer.size_bytes, world->seed, "%s",
           set.defect == NULL ? "bytes are left" : set.defect);
    buffer_free(&buffer);
}

static struct turn world_next(struct world *world) {
    if (world->engine.forgets && random_below(&world->cuts, 4) == 0) {
        world_forget(world);
    }
    for (unsigned i = 0; world->engine.passes_nobody && i < world->core_count; i++) {
        world->sched.due_ns[i] = 0;
    }
    return sched_next(&world->sched);
}

static void world_run(struct world *world) {
    for (unsigned rounds = 0; rounds < ROUNDS;) {
        struct turn turn = world_next(world);
        switch (turn.kind) {
        case TURN_RUN:
            engine_run(world, &turn);
            break;
        case TURN_ROUND_END:
            rounds++;
            note(world, 'e', 0);
            note_state(world);
            check_between_rounds(world);
            input(world);
            break;
        case TURN_IDLE:
            rounds++;
            idle_skip(world, turn.until_ns);
            break;
        }
    }
}

/* -- Setting up -------------------------------------------------------------------------------- */

static struct rate random_rate(struct random *random) {
    static const char *const texts[] = {"1234567891", "2.5e9",      "3",      "1e6", "1000000000/3",
                                        "125M",       "97654321/7", "3000/7", "1G",  "5e8"};
    struct rate rate;
    if (random_below(random, 3) == 0) {
        return rate_from_shift((unsigned)random_below(random, 11));
    }
    const char *text = texts[random_below(random, COUNT(texts))];
    assert_int_equal(rate_parse_ips(text, &rate, NULL), STATUS_OK);
    return rate;
}

static void alarm_attach(struct world *world, struct alarm *alarm, struct timers *timers,
                         unsigned name) {
    alarm->world = world;
    alarm->name = name;
    assert_true(timer_attach(timers, &alarm->timer, alarm_fire, alarm));
}

static struct world *world_new(const struct random *seed, const struct engine *engine) {
    struct random random = *seed;
    struct world *world = calloc(1, sizeof *world);
    struct rate rates[CROWD];
    assert_non_null(world);
    bool crowded = random_below(&random, 3) == 0;
    world->seed = seed;
    world->engine = *engine;
    world->core_count = 1 + (unsigned)random_below(&random, crowded ? CROWD : VCPUS);
    world->sleep_acts = crowded ? 24 : 0;
    for (unsigned i = 0; i < CROWD; i++) {
        rates[i] = random_rate(&random);
    }
    const struct sched_options options = {
        .vcpu_count = world->core_count,
        .rates = rates,
        .quantum_ns = 1 + (vtime)random_below(&random, 400),
        .tick_ns = 10,
        .monotonic = random_below(&random, 2) == 0,
        .kind_count = 65536,
        .chaos = {.wanted = random_below(&random, 3) == 0, .seed = random_u64(&random)},
    };
    assert_true(sched_init(&world->sched, &options));
    for (unsigned i = 0; i < ALARMS; i++) {
        alarm_attach(world, &world->device[i], &world->sched.timers, i);
    }
    for (unsigned i = 0; i < world->core_count; i++) {
        struct core *core = &world->cores[i];
        core->world = world;
        core->idx = i;
        core->random.state = random_u64(&random);
        for (unsigned j = 0; j < ALARMS; j++) {
            alarm_attach(world, &core->alarms[j], &world->sched.vcpus[i].timers, i);
        }
        assert_true(
            comparator_attach(&world->sched, i, &core->comparator, comparator_change, core));
    }
    world->inputs.state = random_u64(&random);
    world->cuts.state = engine->grant_steps + 99;
    return world;
}

static void world_free(struct world *world) {
    sched_free(&world->sched);
    free(world->history.rows);
    free(world);
}

/* -- The test ---------------------------------------------------------------------------------- */

static void expect_same(const struct history *a, const struct history *b,
                        const struct engine *engine, const struct random *seed) {
    const char *passing = engine->passes_nobody ? "nobody passed over" : "sleepers passed over";
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const struct row *x = &a->rows[i];
        const struct row *y = &b->rows[i];
        expect(x->what == y->what && x->who == y->who && x->a == y->a && x->b == y->b, seed,
               "grant %llu, %s, row %zu: %c %u %llu %llu instead of %c %u %llu %llu",
               (unsigned long long)engine->grant_steps, passing, i, y->what, y->who,
               (unsigned long long)y->a, (unsigned long long)y->b, x->what, x->who,
               (unsigned long long)x->a, (unsigned long long)x->b);
    }
    expect(a->count == b->count, seed, "grant %llu, %s: another length",
           (unsigned long long)engine->grant_steps, passing);
}

static void histories_do_not_depend_on_the_engine(void **state) {
    (void)state;
    static const struct engine best = {.grant_steps = UINT64_MAX};
    static const struct engine others[] = {
        {1, false, false},         {2, false, false}, {7, false, false}, {0, false, false},
        {UINT64_MAX, true, false}, {0, true, false},  {0, false, true},  {UINT64_MAX, false, true}};
    struct random seeds = random_start(8);
    size_t seen[128] = {0};
    uint64_t lag_count = 0;
    for (unsigned run = 0; run < 150; run++) {
        struct random seed = {.seed = seeds.seed + run, .state = (seeds.seed + run) * 2 + 1};
        struct world *whole = world_new(&seed, &best);
        world_run(whole);
        lag_count += whole->lag_count;
        for (size_t i = 0; i < whole->history.count; i++) {
            seen[(unsigned char)whole->history.rows[i].what]++;
        }
        for (size_t i = 0; i < COUNT(others); i++) {
            struct world *other = world_new(&seed, &others[i]);
            world_run(other);
            expect(!others[i].passes_nobody || other->lag_count == 0, &seed, "passed over");
            expect_same(&whole->history, &other->history, &others[i], &seed);
            world_free(other);
        }
        world_free(whole);
    }
    expect(lag_count > 10000, &seeds, "hardly anybody was passed over");
    for (const char *what = "xatmvCcrize#"; *what != '\0'; what++) {
        expect(seen[(unsigned char)*what] > 100, &seeds, "%c was hardly tested", *what);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_do_not_depend_on_the_engine),
    };
    return cmocka_run_group_tests_name("sched_cuts", tests, NULL, NULL);
}
