/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --engine check: the translator, with the interpreter at its side in lockstep.
 *
 * The interpreter runs a whole second machine, the shadow: made of the same options, given the same
 * grants and the same inputs, heard by nobody. Since a machine is a function of exactly these, the
 * two must be the same wherever they are looked at, and where they first are not, the fault lies in
 * the grant before.
 *
 * 1. The schedules are asked side by side, and must say the same.
 * 2. After each grant, both engines have taken the same steps and left their hart in the same
 *    state. After each round, so are all harts and the schedule. Memory and devices are compared
 *    every LOOK_STEPS and at the end, by the state hash. A wrong store is found sooner when
 *    somebody loads it, which is what stores are for.
 * 3. What differs is told field by field (differ.c).
 * 4. The first difference ends the run. Nothing behind it means anything.
 * 5. The shadow goes step by step and notes where it was, so that afterwards the path through the
 *    grant is known. That makes a check almost three times as slow, and what it finds easy to read.
 * 6. Nothing of this can be seen by the guest or in a hash: the shadow has a memory, a schedule and
 *    devices of its own.
 *
 * Rejected: one machine that is run twice from copies of its state (stores would have to be taken
 * back, devices too); comparing with a log (hundreds of bytes for each grant, and a file). */
#include "machine/check.h"
#include "machine/differ.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_STEPS = 1 << 25, REGIONS_SHOWN_MAX = 64 };

/** Where the shadow was before a step of the present grant. */
struct check_place {
    vaddr pc;
    uint64_t satp;
    uint8_t priv;
};

/** Answers of a shared folder, that the shadow is still to get: each with its size before it. */
struct heard {
    struct buffer answers;
    struct stream put, take;
};

struct check {
    struct machine *machine; /* the one that translates */
    struct machine *shadow;
    struct console *console; /* the shadow's, which leads nowhere; it has no other */
    struct console *consoles[SERIALS_MAX + VIRTCONSOLES_MAX]; /* the same, as often as need be */
    struct net *net;                                          /* that leads nowhere, too */
    struct drive drives[DRIVES_MAX];                          /* the shadow's */
    struct shared_folder shares[SHARES_MAX];                  /* and folders */
    struct heard heard[SHARES_MAX];
    struct pictures pictures;
    uint64_t looked_steps; /* total, when all was last the same */
    unsigned vcpu;         /* of the present grant */
    uint64_t from_steps;   /* total, before it */
    size_t place_count;
    struct check_place places[CHECK_GRANT_STEPS_MAX];
    bool differs;
};

/* -- Birth and death --------------------------------------------------------------------------- */

/** Gives the shadow disks of its own. */
static bool drives_twin(struct check *check, const struct machine_options *options,
                        struct error *error) {
    for (unsigned i = 0; i < options->drive_count; i++) {
        check->drives[i] = options->drives[i];
        check->drives[i].disk = disk_twin(options->drives[i].disk, error);
        if (check->drives[i].disk == NULL) {
            return false;
        }
    }
    return true;
}

/** Consoles and a network that lead nowhere, in the place of all that the machine has. */
static bool ends_make(struct check *check, struct machine_options *options, struct error *error) {
    check->console = console_open("null", error);
    check->net = net_open(NULL, error);
    for (size_t i = 0; i < COUNT(check->consoles); i++) {
        check->consoles[i] = check->console;
    }
    options->serials = options->virtconsoles = check->consoles;
    options->net = options->net == NULL ? NULL : check->net;
    return check->console != NULL && check->net != NULL;
}

/** What the first machine was answered comes to the shadow in the same order. */
static bool answer_give(void *owner, uint8_t *reply, size_t room_bytes, size_t *reply_bytes) {
    struct heard *heard = owner;
    uint64_t size_bytes = 0;
    stream_u64(&heard->take, &size_bytes);
    *reply_bytes = min_u64(size_bytes, room_bytes);
    stream_bytes(&heard->take, reply, *reply_bytes);
    return true;
}

/** Folders that are not asked twice. */
static bool shares_make(struct check *check, const struct machine_options *options,
                        struct error *error) {
    for (unsigned i = 0; i < options->share_count; i++) {
        struct heard *heard = &check->heard[i];
        heard->put = buffer_tell(&heard->answers);
        heard->take = buffer_set(&heard->answers);
        check->shares[i] = options->shares[i];
        check->shares[i].share = share_hollow();
        if (check->shares[i].share == NULL) {
            return out_of_memory(error) == STATUS_OK;
        }
        share_set_gate(check->shares[i].share,
                       &(struct share_gate){.tell = answer_give, .owner = heard});
    }
    return true;
}

struct check *check_new(struct machine *machine, struct error *error) {
    struct machine_options options = machine->options;
    struct check *check = calloc(1, sizeof *check);
    options.engine = ENGINE_INTERP;
    options.dump_items = 0;
    options.gate = (struct gate_options){.mode = GATE_OPEN};
    if (check == NULL) {
        error_set(error, STATUS_USAGE, "--engine check: out of memory; use a smaller --memory");
        return NULL;
    }
    check->machine = machine;
    bool good = ends_make(check, &options, error) && drives_twin(check, &options, error) &&
                shares_make(check, &options, error);
    options.drives = check->drives;
    options.shares = check->shares;
    if (good) {
        check->shadow = machine_make(&options, check->console, error);
    }
    if (check->shadow == NULL) {
        check_free(check);
        return NULL;
    }
    return check;
}

enum status check_boot(struct check *check, struct error *error) {
    return machine_boot(check->shadow, error);
}

struct machine *check_shadow(struct check *check) {
    return check->shadow;
}

void check_free(struct check *check) {
    if (check != NULL) {
        machine_free(check->shadow);
        console_close(check->console);
        net_close(check->net);
        for (unsigned i = 0; i < DRIVES_MAX; i++) {
            (void)disk_close(check->drives[i].disk, &(struct error){0});
        }
        for (unsigned i = 0; i < SHARES_MAX; i++) {
            share_close(check->shares[i].share);
            buffer_free(&check->heard[i].answers);
        }
        pictures_free(&check->pictures);
        free(check);
    }
}

/* -- Pictures ---------------------------------------------------------------------------------- */

/** Takes pictures of one hart of both machines. @return Are they the same? */
static bool hart_same(struct check *check, unsigned idx) {
    struct stream mine = buffer_tell(&check->pictures.translated);
    struct stream other = buffer_tell(&check->pictures.interpreted);
    check->pictures.hart = check->machine->harts.hart[idx];
    hart_state(check->pictures.hart, &mine);
    hart_state(check->shadow->harts.hart[idx], &other);
    return pictures_same(&check->pictures);
}

static bool sched_same(struct check *check) {
    struct stream mine = buffer_tell(&check->pictures.translated);
    struct stream other = buffer_tell(&check->pictures.interpreted);
    sched_state(&check->machine->sched, &mine);
    sched_state(&check->shadow->sched, &other);
    return pictures_same(&check->pictures);
}

static bool device_same(struct check *check, unsigned idx) {
    const struct region *region = &check->machine->bus.regions[idx];
    struct stream mine = buffer_tell(&check->pictures.translated);
    struct stream other = buffer_tell(&check->pictures.interpreted);
    region->ops->state(region->device, &mine);
    region->ops->state(check->shadow->bus.regions[idx].device, &other);
    return pictures_same(&check->pictures);
}

/* -- Telling what differs ---------------------------------------------------------------------- */

/** The first word of RAM that differs. @return false when none does. */
static bool memory_tell(const struct check *check, struct wording *wording) {
    const struct ram *mine = &check->machine->bus.ram;
    const struct ram *other = &check->shadow->bus.ram;
    for (uint64_t page = 0; page < mine->size_bytes >> PAGE_SHIFT; page++) {
        paddr address = mine->base + (page << PAGE_SHIFT);
        if ((mine->page_touched[page] | other->page_touched[page]) == 0 ||
            memcmp(ram_at(mine, address), ram_at(other, address), PAGE_BYTES) == 0) {
            continue;
        }
        while (memcmp(ram_at(mine, address), ram_at(other, address), 8) == 0) {
            address += 8;
        }
        uint64_t words[2];
        (void)ram_read(mine, address, &words[0], 8);
        (void)ram_read(other, address, &words[1], 8);
        wording_add(wording,
                    "memory at 0x%" PRIx64 " = 0x%" PRIx64 " translated, 0x%" PRIx64 " interpreted",
                    address, words[0], words[1]);
        return true;
    }
    return false;
}

static void everything_tell(struct check *check, struct wording *wording) {
    if (memory_tell(check, wording)) {
        return;
    }
    for (unsigned i = 0; i < check->machine->bus.region_count; i++) {
        if (!device_same(check, i)) {
            wording_add(wording, "the device %s", check->machine->bus.regions[i].ops->name);
            return;
        }
    }
    wording_add(wording, "the state hash");
}

/** Ends the run: @p text says what differs between two positions of the whole machine. */
static void check_differs(struct check *check, const char *where, uint64_t from_steps,
                          const struct wording *wording) {
    struct error error;
    error_set(&error, STATUS_INTERNAL,
              "--engine check: between steps %" PRIu64 " and %" PRIu64 "%s: %s", from_steps,
              check->machine->steps, where, wording->at);
    check->differs = true;
    machine_fail(check->machine, &error);
}

static void hart_differs(struct check *check, uint64_t from_steps) {
    struct wording wording = {.count = 0};
    char where[32];
    snprintf(where, sizeof where, " on hart %u", check->vcpu);
    pictures_tell(&check->pictures, &wording);
    check_differs(check, where, from_steps, &wording);
}

/* -- Looking ----------------------------------------------------------------------------------- */

static bool turns_same(const struct turn *a, const struct turn *b) {
    return a->kind == b->kind && a->vcpu == b->vcpu && a->budget_steps == b->budget_steps &&
           a->until_ns == b->until_ns;
}

/** All harts, the schedule. */
static bool round_look(struct check *check) {
    struct wording wording = {.count = 0};
    for (unsigned i = 0; i < check->machine->harts.count; i++) {
        if (!hart_same(check, i)) {
            check->vcpu = i;
            hart_differs(check, check->from_steps);
            return false;
        }
    }
    if (!sched_same(check)) {
        wording_add(&wording, "the schedule");
        check_differs(check, "", check->from_steps, &wording);
        return false;
    }
    return true;
}

static bool everything_look(struct check *check) {
    char mine[STATE_HASH_CHARS];
    char other[STATE_HASH_CHARS];
    struct wording wording = {.count = 0};
    machine_state_hash(check->machine, mine);
    machine_state_hash(check->shadow, other);
    if (strcmp(mine, other) != 0) {
        everything_tell(check, &wording);
        check_differs(check, "", check->looked_steps, &wording);
        return false;
    }
    check->looked_steps = check->machine->steps;
    return true;
}

bool check_next(struct check *check, const struct turn *turn) {
    struct turn other = sched_next(&check->shadow->sched);
    struct wording wording = {.count = 0};
    if (!turns_same(turn, &other)) {
        wording_add(&wording, "the schedule");
        check_differs(check, "", check->from_steps, &wording);
        return false;
    }
    if (turn->kind != TURN_RUN && !round_look(check)) {
        return false;
    }
    return check->machine->steps - check->looked_steps < LOOK_STEPS || everything_look(check);
}

/* -- The shadow's part ------------------------------------------------------------------------- */

/** As interp_run(), but a step at a time, and each step's place is noted. */
static void shadow_run(struct check *check, struct hart *hart, uint64_t budget_steps) {
    uint64_t start = hart->clock->steps;
    uint64_t end = start + budget_steps;
    uint64_t at = start;
    hart->leave = false;
    do {
        hart->check = false;
        hart_take_interrupt(hart);
        hart->check = false;
        while (at < end && !hart->check && !hart->leave) {
            check->places[at - start] = (struct check_place){hart->pc, hart->satp, hart->priv};
            at = interp_blocks(hart, at, at + 1);
        }
        hart->clock->steps = at;
    } while (at < end && !hart->leave);
    check->place_count = at - start;
}

void check_turn(struct check *check, unsigned vcpu, uint64_t budget_steps, uint64_t ran_steps) {
    struct machine *shadow = check->shadow;
    ensure(budget_steps <= CHECK_GRANT_STEPS_MAX);
    turn_prepare(shadow, vcpu);
    check->vcpu = vcpu;
    check->from_steps = check->machine->steps - ran_steps;
    shadow_run(check, shadow->harts.hart[vcpu], budget_steps);
    if (!hart_same(check, vcpu)) {
        hart_differs(check, check->from_steps);
    } else if (check->place_count != ran_steps) {
        struct wording wording = {.count = 0};
        wording_add(&wording, "%" PRIu64 " steps translated, %zu interpreted", ran_steps,
                    check->place_count);
        check_differs(check, "", check->from_steps, &wording);
    }
    shadow->steps += check->place_count;
    turn_settle(shadow, vcpu);
}

void check_admit(struct check *check, unsigned inlet_idx, const uint8_t *bytes, size_t size_bytes) {
    inlet_deliver(check->shadow, inlet_idx, bytes, size_bytes);
}

void check_answer(struct check *check, unsigned share_idx, const uint8_t *reply,
                  size_t reply_bytes) {
    struct heard *heard = &check->heard[share_idx];
    uint64_t size_bytes = reply_bytes;
    if (heard->answers.taken_bytes == heard->answers.size_bytes) {
        heard->put = buffer_tell(&heard->answers);
        heard->take = buffer_set(&heard->answers);
    }
    stream_u64(&heard->put, &size_bytes);
    stream_put(&heard->put, reply, reply_bytes);
}

void check_rate(struct check *check, struct rate rate) {
    rates_change(check->shadow, rate);
}

void check_skip(struct check *check, vtime until) {
    sched_skip(&check->shadow->sched, until);
}

void check_end(struct check *check) {
    if (check->machine->exit.reason != EXIT_ERROR && round_look(check)) {
        everything_look(check);
    }
}

/* -- What ran ---------------------------------------------------------------------------------- */

/** Physical address that the code at a place came from. */
static bool place_address(struct hart *hart, const struct check_place *place, paddr *address) {
    struct translation translation;
    struct request request = {
        .address = place->pc,
        .size_bytes = 2,
        .access = ACCESS_FETCH,
        .priv = (enum privilege)place->priv,
    };
    hart->satp = place->satp; /* the shadow has no further use for its own */
    if (mmu_translate(hart, &request, &translation) != FAULT_NONE) {
        return false;
    }
    *address = translation.address;
    return true;
}

static bool shown_before(const int64_t *shown, size_t count, int64_t region) {
    for (size_t i = 0; i < count; i++) {
        if (shown[i] == region) {
            return true;
        }
    }
    return false;
}

void machine_check_dump(const struct machine *machine, struct stream *to) {
    const struct check *check = machine->check;
    int64_t shown[REGIONS_SHOWN_MAX];
    size_t count = 0;
    if (check == NULL || !check->differs) {
        return;
    }
    struct hart *hart = check->shadow->harts.hart[check->vcpu];
    for (size_t i = 0; i < check->place_count && count < REGIONS_SHOWN_MAX; i++) {
        paddr address;
        if (!place_address(hart, &check->places[i], &address)) {
            continue;
        }
        int64_t region = jit_region_at(machine->jit, address);
        if (region != JIT_NO_REGION && !shown_before(shown, count, region)) {
            shown[count++] = region;
            jit_region_dump(machine->jit, region, to);
        }
    }
}
