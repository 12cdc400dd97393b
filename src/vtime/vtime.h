/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The time core: steps become nanoseconds, deadlines become steps, and rounds order it all.
 *
 * Passive and pure: no host call, no thread, no float, no knowledge of what a vCPU executes. Host
 * readings come in as arguments. The laws are stated in docs/time.md; "law N" below refers to
 * them. */
#ifndef VTIME_VTIME_H
#define VTIME_VTIME_H

#include "base/base.h"

/** Virtual time [ns] since the machine was switched on. */
typedef int64_t vtime;

/** A deadline that never comes; also where conversions saturate. */
#define VTIME_NEVER INT64_MAX

/* -- rate.c: what a step costs (law 2) --------------------------------------------------------- */

/** Cost of a step: the mixed number whole_ns + part/parts [ns], > 0; 0 <= part < parts <= 10^12. */
struct rate {
    uint64_t whole_ns;
    uint64_t part;
    uint64_t parts;
};

/** 2^shift ns a step. @param shift in [0, 10]. */
struct rate rate_from_shift(unsigned shift);

/**
 * Steps a second as the user writes them: "1234567891", "2.5e9", "2G" (k, M, G, T: powers of 1000),
 * or "N/D". The value must lie in [1, 10^12]. It is kept exactly: in lowest terms, the two parts of
 * its fraction must lie in [1, 10^12] as well.
 * @errors STATUS_USAGE with the text and what is accepted; @p rate is then unchanged.
 */
enum status rate_parse_ips(const char *text, struct rate *rate, struct error *error);

/** Is it one that a clock can have? */
bool rate_valid(const struct rate *rate);

/** floor(steps x cost) [ns], saturating at VTIME_NEVER. */
vtime rate_ns(const struct rate *rate, uint64_t steps);

/** Smallest number of steps that cost at least @p ns; 0 for ns <= 0; UINT64_MAX when too many. */
uint64_t rate_steps(const struct rate *rate, vtime ns);

/* -- clock.c: the local clock of one vCPU (laws 2, 5, 7) --------------------------------------- */

/** VIRTUAL of one vCPU = floor((steps - base_steps) x cost) + base_ns. */
struct clock {
    struct rate rate;
    uint64_t steps;       /* position: steps completed; exact whenever the engine calls out */
    uint64_t base_steps;  /* position of the last change of rate */
    vtime base_ns;        /* time at base_steps, plus every sleep since */
    uint64_t slept_steps; /* position of the last sleep; only clock_arrival() looks at it */
};

void clock_init(struct clock *clock, struct rate rate);

/** Local time at the present position [ns]. */
vtime clock_now(const struct clock *clock);

/**
 * First position at which @p due has arrived: clock_now() there is >= due, and one step earlier it
 * is not.
 * @return Position [steps]; clock->steps when due has come already; UINT64_MAX for never.
 */
uint64_t clock_position(const struct clock *clock, vtime due);

/**
 * The same, looking back too: where @p due has come already, the position at which it came. Exact
 * for what came since the last sleep or change of rate; for older dues it answers the position of
 * that sleep or change.
 */
uint64_t clock_arrival(const struct clock *clock, vtime due);

/** Sleeps: adds exactly until - now; nothing when @p until has passed. No step passes. */
void clock_sleep(struct clock *clock, vtime until);

/** Changes the rate at the present position. Time stays continuous, and counts on from whole ns. */
void clock_set_rate(struct clock *clock, struct rate rate);

/** Walks rate, position and base. */
void clock_state(struct clock *clock, struct stream *stream);

/* -- clocks.c: the four clocks (law 3), idle skipping in real time (law 7) --------------------- */

enum clock_kind {
    CLOCKS_REALTIME,  /* host monotonic, always runs */
    CLOCKS_HOST,      /* host wall clock, always runs */
    CLOCKS_VIRTUAL,   /* the guest's time */
    CLOCKS_VIRTUAL_RT /* host monotonic, runs only while the machine runs */
};

/** A pair of host readings taken together [ns]; io/ supplies them. */
struct host_time {
    int64_t monotonic_ns;
    int64_t wall_ns;
};

struct clocks {
    bool running;
    int64_t paused_ns;     /* monotonic time that VIRTUAL_RT leaves out */
    int64_t pause_from_ns; /* monotonic reading when the present pause began */
};

/** Paused, with VIRTUAL_RT at 0. */
void clocks_init(struct clocks *clocks, struct host_time host);
/** Starts VIRTUAL_RT (idempotent). VIRTUAL moves only by steps and skips, so it needs no switch. */
void clocks_resume(struct clocks *clocks, struct host_time host);
/** Stops VIRTUAL_RT (idempotent). */
void clocks_pause(struct clocks *clocks, struct host_time host);
/** Reads a clock. @param virtual_now  What CLOCKS_VIRTUAL answers. */
int64_t clocks_read(const struct clocks *clocks, enum clock_kind kind, struct host_time host,
                    vtime virtual_now);

/** A sleep of the whole machine with sleep=on: VIRTUAL follows VIRTUAL_RT from here. */
struct idle {
    vtime from_ns;      /* VIRTUAL when it began */
    int64_t from_rt_ns; /* VIRTUAL_RT then */
    vtime until_ns;     /* next deadline, or VTIME_NEVER */
};

/** VIRTUAL during the sleep: from + elapsed VIRTUAL_RT, never past until, never before from. */
vtime idle_now(const struct idle *idle, int64_t virtual_rt_ns);
/** VIRTUAL_RT to wait until the deadline [ns], 0 when reached; INT64_MAX when there is none. */
int64_t idle_left_ns(const struct idle *idle, int64_t virtual_rt_ns);

/* -- timer.c: deadlines in order (laws 3, 8) --------------------------------------------------- */

/** Called when a deadline has come. The timer is disarmed before, and may be armed again inside. */
typedef void timer_fn(void *owner);

/** One deadline. Lives inside its owner; its address must not change while attached. */
struct timer {
    struct timers *timers; /* where it is attached */
    timer_fn *fire;
    void *owner;
    vtime due_ns;
    uint64_t order;       /* of arming, over all heaps of a schedule: ties fire in this order */
    uint64_t armed_steps; /* position of the heap's clock when armed, for measuring lateness */
    size_t heap_idx;      /* place in the heap, TIMER_IDLE when not armed */
};

#define TIMER_IDLE SIZE_MAX

/** Heap of armed timers of one clock. */
struct timers {
    struct timer **heap;
    size_t armed_count;
    size_t attached_count;     /* room: arming never allocates */
    uint64_t *order;           /* the next arming order, shared by all heaps of a schedule */
    vtime *due_ns;             /* lowered to each deadline that is armed, or NULL */
    const struct clock *clock; /* its vCPU's; of device deadlines: who holds the turn, or NULL */
};

void timers_init(struct timers *timers, uint64_t *order);
void timers_free(struct timers *timers);
/** Attaches @p timer, disarmed. @return false when out of memory. */
bool timer_attach(struct timers *timers, struct timer *timer, timer_fn *fire, void *owner);
/**
 * Arms or re-arms, and takes the next arming order. A due in the past fires before the next
 * instruction.
 * @param due  [ns] on the heap's clock. Below 0 counts as 0; VTIME_NEVER disarms, taking no order.
 */
void timer_arm(struct timer *timer, vtime due);
/** Disarms; does nothing when not armed. due_ns keeps its value, also inside fire(). */
void timer_cancel(struct timer *timer);
static inline bool timer_armed(const struct timer *timer) {
    return timer->heap_idx != TIMER_IDLE;
}
/** Whether @p a fires before @p b: by (due_ns, order). */
bool timer_before(const struct timer *a, const struct timer *b);
/** Earliest timer, or NULL. */
struct timer *timers_first(const struct timers *timers);
/** Earliest deadline, or VTIME_NEVER. */
vtime timers_due(const struct timers *timers);
/** Armed?, deadline and order of one timer, for the state walk of its owner. */
void timer_state(struct timer *timer, struct stream *stream);

/* -- chaos.c: draws that choose another lawful schedule (law 10) ------------------------------- */

/** Whether and from what a schedule draws what the laws leave open. */
struct chaos {
    bool wanted;
    uint64_t seed;
};

/** What is drawn: draws of different kinds have nothing to do with each other. */
enum chaos_draw { CHAOS_LENGTH, CHAOS_ORDER, CHAOS_MESSAGE, CHAOS_DEVICE };

/**
 * Draws a span in [1, max(1, most_ns)]: short ones are as likely as long ones.
 * @param name  Tells draws of one kind apart; the same name gives the same span.
 */
vtime chaos_span(const struct chaos *chaos, enum chaos_draw what, uint64_t name, vtime most_ns);

/** Draws an order of 0 to @p count - 1; each is as likely as any other. */
void chaos_order(const struct chaos *chaos, uint64_t name, uint32_t *order, unsigned count);

/* -- sched.c: vCPUs in lockstep rounds (laws 4, 8, 10) ----------------------------------------- */

/** What a message does when it arrives at its vCPU. */
typedef void post_fn(void *owner, uint64_t value);

/** Who feels messages of one kind on one vCPU. */
struct receiver {
    post_fn *arrive; /* NULL: nobody */
    void *owner;
    uint64_t felt; /* order of the newest message felt; older ones are void */
};

/** A message under way to a vCPU. Order of arrival: (at_ns, sender, order). */
struct post {
    vtime at_ns;
    uint32_t sender;
    uint64_t order;
    uint64_t value;
    uint16_t kind; /* names the receiver */
};

/** Per-vCPU part of a schedule. */
struct vcpu {
    struct clock clock;             /* lags while the vCPU is passed over; see sched_clock() */
    vtime *due_ns;                  /* its entry in sched.due_ns */
    struct timers timers;           /* deadlines on this vCPU's own clock */
    bool asleep;                    /* waits for an event; see vcpu_sleep() */
    bool dozes;                     /* asleep, but no longer than its turn; see vcpu_doze() */
    uint64_t tick_offset;           /* mtime = floor(VIRTUAL / tick) + this, modulo 2^64 */
    struct comparator *comparators; /* list, in order of attachment */
    struct post *inbox;             /* heap of messages under way */
    size_t inbox_count;
    size_t inbox_room;
    struct receiver *receivers; /* by kind */
    uint64_t idle_ns;           /* time slept, for the stats; lags with the clock */
    vtime ahead_max_ns; /* the furthest it was ahead of VIRTUAL when a turn of it ended, likewise */
};

/** No vCPU holds the turn: between rounds. */
#define VCPU_NONE UINT32_MAX

struct sched_options {
    unsigned vcpu_count;      /* [1, 4096] */
    const struct rate *rates; /* one a vCPU */
    vtime quantum_ns;         /* [1, 10^9] */
    vtime tick_ns;            /* period of mtime: 100 */
    bool monotonic;           /* see ticks_read() */
    unsigned kind_count;      /* kinds of messages, [0, 65536] */
    struct chaos chaos;       /* in lockstep only */
};

struct comparator;
/** Told when a comparator's level is to change to true at @p due_ns of its vCPU's clock; or, with
 * @p fired, that it has: the deadline was @p due_ns. */
typedef void comparator_told_fn(void *owner, const struct comparator *comparator, bool fired,
                                vtime due_ns);

/** Parallel: told when a message for another vCPU has been left. */
typedef void posted_fn(void *owner, unsigned target);

struct sched {
    struct vcpu *vcpus;
    vtime *due_ns; /* of each vCPU: it sleeps, and nothing comes to it, before this; 0 if awake */
    uint32_t vcpu_count;
    unsigned kind_count; /* of messages */
    vtime quantum_ns;
    vtime tick_ns;
    bool monotonic;
    struct chaos chaos;   /* what is drawn from */
    struct chaos drawn;   /* what the order of the present round was drawn from */
    uint32_t *order;      /* vCPUs as they take their turns in it */
    uint32_t *place;      /* of each vCPU in that order */
    uint64_t ticks_seen;  /* with monotonic: highest tick read, before offsets */
    struct timers timers; /* device deadlines, on VIRTUAL */
    uint64_t arming_order;
    uint64_t post_order;
    vtime start_ns;   /* S of the present round, or VIRTUAL between rounds */
    vtime end_ns;     /* E of the present round */
    uint32_t current; /* vCPU that holds the turn, or VCPU_NONE */
    bool in_round;
    vtime stop_ns;     /* no step at or after this time; to be set between rounds only */
    posted_fn *posted; /* NULL: vCPUs take turns. Else messages wait for their receiver */
    void *posted_owner;
    comparator_told_fn *comparator_told; /* NULL: nobody wants to know */
    void *comparator_owner;
    uint64_t fired_count;    /* timers fired */
    uint64_t late_steps_max; /* most steps a deadline came late: 0 unless a grant was overrun */
};

/** What to do next. */
enum turn_kind {
    TURN_RUN,       /* run vcpu for at most budget_steps (>= 1), then call sched_next again */
    TURN_ROUND_END, /* VIRTUAL is now until_ns: hand in inputs, look at stops, call again */
    TURN_IDLE       /* all sleep: sched_skip(until_ns or earlier), or end when it is VTIME_NEVER */
};

struct turn {
    enum turn_kind kind;
    unsigned vcpu;
    uint64_t budget_steps;
    vtime until_ns;
    bool loose; /* nothing is due at its end: a vCPU may stop some steps before */
};

/**
 * @param sched    Its address must not change until sched_free().
 * @param options  Copied.
 * @return         false when out of memory; nothing is then held.
 */
bool sched_init(struct sched *sched, const struct sched_options *options);
void sched_free(struct sched *sched);

/**
 * Advances the schedule up to the next thing that somebody else must do. Inside, in this order:
 * fires what is due (device and local timers merged by (deadline, order), then messages), lets
 * sleepers sleep, ends turns and rounds. E = min(S + quantum, next device deadline, stop); with
 * chaos, a drawn span of at most a quantum takes the quantum's place. A vCPU runs the steps whose
 * position's time lies before E; a TURN_RUN's budget also ends at its next local deadline, message,
 * and any device deadline before E. Calling it again without running just asks again: it depends
 * only on the state.
 *
 * The engine advances vcpu->clock.steps itself, exact at each call-out and at its return, and
 * returns after an instruction that armed a timer, posted, slept or woke. At the end of time,
 * VTIME_NEVER - 1, nobody runs any more: TURN_IDLE until VTIME_NEVER.
 */
struct turn sched_next(struct sched *sched);

/**
 * Between rounds, all asleep: VIRTUAL jumps to @p until (<= turn.until_ns); nobody takes a step;
 * what is due there fires.
 */
void sched_skip(struct sched *sched, vtime until);

/** The time a device sees: local time of the vCPU that holds the turn, else VIRTUAL. */
vtime sched_now(const struct sched *sched);

/** Global VIRTUAL: the end of the last completed round. */
vtime sched_virtual(const struct sched *sched);

/** Sum of all vCPUs' steps. */
uint64_t sched_steps(const struct sched *sched);

/**
 * The clock of a vCPU as it stands. In lockstep, that of one that sleeps lags behind until
 * something comes to it: whoever looks at it from outside asks here.
 */
struct clock sched_clock(const struct sched *sched, unsigned vcpu);
/** How long a vCPU has slept [ns]. */
uint64_t sched_idle_ns(const struct sched *sched, unsigned vcpu);
/** Brings up all clocks, for who is about to act on vCPUs that do not hold the turn. */
void sched_catch_up(struct sched *sched);

/** While the machine is built: what messages of a kind do on a vCPU. */
void sched_connect(struct sched *sched, unsigned vcpu, uint16_t kind, post_fn *arrive, void *owner);

/**
 * Makes @p value felt by vCPU @p target, by what is connected to the kind there: at once when
 * target holds the turn or between rounds, else as a message at the sender's time + quantum (law
 * 10). What was sent earlier to the same target in the same kind, and is still under way when this
 * is felt, is dropped. With chaos, whatever target does not send itself comes a drawn span after
 * the round's end, a quantum at most.
 */
void sched_post(struct sched *sched, unsigned target, uint16_t kind, uint64_t value);

/**
 * How much longer than usual a device shall take, which it asks when it begins: at most
 * @p most_ns, and nothing without chaos.
 * @param name  Tells what it begins at one time apart.
 */
vtime sched_delay(const struct sched *sched, uint64_t name, vtime most_ns);

/** The vCPU waits until vcpu_wake: its steps stop, its clock follows events. */
void vcpu_sleep(struct vcpu *vcpu);
/** The vCPU that holds the turn waits until vcpu_wake, or until its turn ends. */
void vcpu_doze(struct vcpu *vcpu);
void vcpu_wake(struct vcpu *vcpu);

/* For token.c. */

/** Disarms a timer and lets it fire. */
void timer_fire(struct sched *sched, struct timer *timer);
/** Notes how late a timer of a vCPU that is about to fire is. */
void late_measure(struct sched *sched, const struct clock *clock, const struct timer *timer);
/** Delivers all messages of a vCPU, whatever their time. */
void inbox_empty(struct vcpu *vcpu);

/** Walks clocks, sleepers, comparators, messages under way, the place in the round, orders. */
void sched_state(struct sched *sched, struct stream *stream);
/** Walks what has been counted for the stats, which is no state: it decides nothing. */
void sched_counts_state(struct sched *sched, struct stream *stream);

/* -- token.c: vCPUs that run at the same time, with clocks of their own ------------------------ */

/** A vCPU as the others see it: what it told when its last grant ended. */
struct racer {
    bool running;
    vtime now_ns;
    uint64_t idle_ns;     /* of which it slept or caught up */
    uint64_t steps;       /* position */
    uint64_t grant_steps; /* of its last grant: how active it is */
    vtime due_ns;         /* asleep: its own next deadline */
    uint64_t grants;      /* so far */
    uint64_t held;        /* of which it held the token */
    vtime ahead_max_ns;   /* the furthest it was ahead of another that runs */
};

struct token_options {
    vtime max_skew_ns;    /* > 0: who is further ahead of another that runs has to wait; or NEVER */
    bool follows_host;    /* free: all clocks are the host's; nobody holds a token */
    uint64_t grant_steps; /* free: steps of a grant */
};

/**
 * Clocks and deadlines of vCPUs that run at the same time, each on a host thread of its own. One
 * that runs holds the token: its local time moves VIRTUAL.
 *
 * @thread All functions, and all of sched's, are called inside one lock; a vCPU's clock, timers and
 *         inbox are its own thread's.
 */
struct token {
    struct sched *sched;
    struct token_options options;
    struct racer *racers;
    unsigned holder; /* vCPU_NONE: all sleep */
    unsigned running_count;
};

/** @return false when out of memory. */
bool token_init(struct token *token, struct sched *sched, const struct token_options *options);
void token_free(struct token *token);

/**
 * What a vCPU does next, asked by its own thread: fires what is due for it, and what is due for all
 * when it holds the token.
 * @param host_ns  VIRTUAL_RT; only free looks at it.
 * @return TURN_RUN: at most budget_steps, then token_ran(). TURN_IDLE: it sleeps, wait until
 *         token_wakes(). TURN_ROUND_END: it is too far ahead, wait until another's grant ends.
 */
struct turn token_next(struct token *token, unsigned vcpu, vtime host_ns);

/** A grant has ended. Moves VIRTUAL if the vCPU holds the token. */
void token_ran(struct token *token, unsigned vcpu, uint64_t ran_steps);

/** With a bound on the skew: a vCPU whose local time is at most this need not wait for others. */
vtime token_limit(const struct token *token);

/** A vCPU that sleeps: has something come for it? */
bool token_wakes(const struct token *token, unsigned vcpu);

/** Nobody runs any more: the threads have ended. They may begin again. */
void token_rest(struct token *token);

/** All sleep: the next deadline of any, or VTIME_NEVER. */
vtime token_horizon(const struct token *token);
/** All sleep: VIRTUAL is @p until now, and what is due there fires. Who wakes is to be asked. */
void token_skip(struct token *token, vtime until);

/* -- pace.c: VIRTUAL beside the host's clock (law 2, shift=auto; align=on) --------------------- */

/** Both clocks begin at 0. Zeroed to begin with. */
struct pace {
    int64_t since_rt_ns; /* the interval under way: VIRTUAL_RT and steps when it began */
    uint64_t since_steps;
    bool adapted;                      /* the speed is known */
    vtime ahead_max_ns, behind_max_ns; /* the furthest apart that both were seen */
};

/** How far VIRTUAL is ahead of VIRTUAL_RT; negative: behind. Remembers the extremes. */
vtime pace_lead(struct pace *pace, vtime virtual_ns, int64_t virtual_rt_ns);

/**
 * What a step should cost from now on, so that both clocks meet an interval of 20 ms later. VIRTUAL
 * goes at a quarter to four times the host's speed.
 * @param steps  Of the vCPU that took the most.
 * @return false: nothing to change, the interval is not over or has nothing to say.
 */
bool pace_adapt(struct pace *pace, vtime virtual_ns, int64_t virtual_rt_ns, uint64_t steps,
                struct rate *rate);

/* -- ticks.c: the time base that guests read, and comparators on it (law 5) -------------------- */

/** Called when ticks >= compare changes on a vCPU, with the new level. */
typedef void comparator_fn(void *owner, bool level);

/**
 * level = (ticks >= compare), unsigned 64-bit, exact on its vCPU's clock, also through wrap-around
 * of ticks. Lives inside its owner.
 */
struct comparator {
    struct sched *sched;
    unsigned vcpu;
    uint64_t compare;
    bool level;
    bool enabled; /* level is false and nothing is armed while not */
    comparator_fn *change;
    void *owner;
    struct timer timer; /* at the next change of level */
    struct comparator *next;
};

/** Attaches, not enabled, with compare = UINT64_MAX. @return false when out of memory. */
bool comparator_attach(struct sched *sched, unsigned vcpu, struct comparator *comparator,
                       comparator_fn *change, void *owner);
/** Sets compare, enables or disables. If that changes the level, change() is called inside. */
void comparator_set(struct comparator *comparator, uint64_t compare, bool enabled);

/**
 * Ticks of a vCPU that holds the turn, or has caught up, as a guest reads them. With monotonic, the
 * place on the grid is never below what any vCPU has read; a wrap or a write of the ticks still
 * shows.
 */
uint64_t ticks_read(struct sched *sched, unsigned vcpu);

/** The same for any vCPU, as nobody's read: it changes nothing. */
uint64_t ticks_peek(const struct sched *sched, unsigned vcpu);

/** Sets the ticks of one vCPU at its present time. They stay on the grid; comparators follow. */
void ticks_set(struct sched *sched, unsigned vcpu, uint64_t value);
/** The same by offset, for messages: all vCPUs given the same offset agree on their ticks. */
void ticks_set_offset(struct sched *sched, unsigned vcpu, uint64_t offset);

#endif
