/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay --verify: from two hashes to the instruction.
 *
 * A log holds hashes and no states. So when a replay is not the run that was recorded, two places
 * are known: at one the state was the same, at the other it is not. At the former a moment was kept
 * (past.c), and from there the way is gone again:
 *
 * 1. As it was. If it comes out as recorded now, something here does not repeat itself.
 * 2. By translator and by interpreter, to the middle of the way, and then in the half where they
 *    part, until that half is one step: the first instruction on which the engines disagree. A half
 *    on which they agree is left behind by a new moment. So all of it takes about as long as four
 *    times the way.
 * 3. If they agree on all of it, what was recorded was computed by something else: another build,
 *    another host, a fault there. Its states are not here to be compared, so the two places stay.
 *
 * Nobody outside hears anything of this: all of it was heard before (past.c, rule 2). The run ends
 * where the narrowing has led to. */
#include "machine/differ.h"
#include "machine/gate.h"
#include "machine/past.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INSN_CHARS = 64 };

/** The way on which the run differs: from the moment that is kept to a place. */
struct way {
    struct machine *machine;
    uint64_t from_steps, to_steps;
};

bool narrow_possible(const struct machine *machine) {
    const struct machine_options *options = &machine->options;
    return options->gate.verifies && !options->rewinds && !machine->travels &&
           past_possible(machine);
}

void narrow_mark(struct machine *machine) {
    if (narrow_possible(machine) && past_mark(machine)) {
        while (past_count(machine) > 1) {
            past_forget(machine, 0);
        }
    }
}

/* -- Going the way again ----------------------------------------------------------------------- */

/** A signal came, or the host has no memory for moments. */
static bool is_stopped(struct machine *machine) {
    return machine->exit.reason == EXIT_SIGNAL || past_count(machine) == 0;
}

/** Back to the moment, and on. */
static void way_go(const struct way *way, uint64_t steps, bool interprets) {
    struct machine *machine = way->machine;
    struct goal goal = goal_none;
    goal.steps = steps;
    if (is_stopped(machine)) {
        return;
    }
    past_back(machine, 0);
    machine->gate.differs = false;
    machine->interprets = interprets;
    (void)machine_go(machine, &goal);
}

static void way_hash(const struct way *way, uint64_t steps, bool interprets,
                     char hash[STATE_HASH_CHARS]) {
    way_go(way, steps, interprets);
    machine_state_hash(way->machine, hash);
}

/** Does it come out as before? */
static bool differs_again(const struct way *way) {
    struct machine *machine = way->machine;
    way_go(way, add_sat_u64(way->to_steps, 1), false);
    if (machine->exit.reason != EXIT_NONE && machine->exit.reason != EXIT_ERROR) {
        replay_end(machine);
    }
    return machine->gate.differs;
}

/** Do the engines agree after so many steps? Afterwards the machine is there, translated. */
static bool engines_agree(const struct way *way, uint64_t steps) {
    char interpreted[STATE_HASH_CHARS], translated[STATE_HASH_CHARS];
    way_hash(way, steps, true, interpreted);
    way_hash(way, steps, false, translated);
    return strcmp(interpreted, translated) == 0;
}

/** @return false: it was stopped. */
static bool way_halve(struct way *way) {
    struct machine *machine = way->machine;
    while (way->to_steps - way->from_steps > 1 && !is_stopped(machine)) {
        uint64_t middle = way->from_steps + (way->to_steps - way->from_steps) / 2;
        if (!engines_agree(way, middle)) {
            way->to_steps = middle;
        } else if (past_mark(machine)) {
            past_forget(machine, 0);
            way->from_steps = middle;
        }
    }
    return !is_stopped(machine);
}

/* -- Telling ----------------------------------------------------------------------------------- */

/** What stands at a hart's pc. */
static void insn_tell(const struct machine *machine, struct hart *hart, char text[INSN_CHARS]) {
    paddr address;
    uint64_t bits;
    snprintf(text, INSN_CHARS, "at 0x%" PRIx64, hart->pc);
    if (mmu_peek(hart, hart->pc, &address) && ram_read(&machine->bus.ram, address, &bits, 4)) {
        struct insn insn = decode(machine->harts.decoder, (uint32_t)bits);
        int count = snprintf(text, INSN_CHARS, "0x%" PRIx64 ": ", hart->pc);
        (void)insn_text(&insn, hart->pc, text + count, (size_t)(INSN_CHARS - count));
    }
}

/** Goes the way, and takes a picture of a hart. */
static void hart_picture(const struct way *way, unsigned idx, bool interprets,
                         struct buffer *picture) {
    way_go(way, way->to_steps, interprets);
    struct stream stream = buffer_tell(picture);
    hart_state(way->machine->harts.hart[idx], &stream);
}

/** Adds what one step leaves different in a hart. @return Something does. */
static bool hart_tell(const struct way *way, unsigned idx, struct wording *wording) {
    struct machine *machine = way->machine;
    struct pictures pictures = {.hart = machine->harts.hart[idx]};
    hart_picture(way, idx, true, &pictures.interpreted);
    hart_picture(way, idx, false, &pictures.translated);
    bool same = pictures_same(&pictures);
    if (!same) {
        char insn[INSN_CHARS];
        struct wording fields = {.count = 0};
        pictures_tell(&pictures, &fields);
        way_go(way, way->from_steps, false);
        insn_tell(machine, pictures.hart, insn);
        wording_add(wording, "hart %u, %s: %s", idx, insn, fields.at);
    }
    pictures_free(&pictures);
    return !same;
}

static void step_tell(const struct way *way, struct wording *wording) {
    unsigned idx = 0;
    wording_add(wording, "; the engines part in the step after %" PRIu64 ": ", way->from_steps);
    while (idx < way->machine->harts.count && !hart_tell(way, idx, wording)) {
        idx++;
    }
    if (idx == way->machine->harts.count) {
        wording_add(wording, "memory or a device differs");
    }
}

static void way_tell(struct way *way, struct wording *wording) {
    if (!differs_again(way)) {
        wording_add(wording,
                    "; gone again it is as it was recorded: this host does not repeat itself");
    } else if (way->machine->jit == NULL) {
        wording_add(wording, "; gone again it is the same, and there is no translator to ask");
    } else if (engines_agree(way, way->to_steps)) {
        wording_add(wording, "; both engines come to this state, so the recording had another");
    } else if (way_halve(way)) {
        step_tell(way, wording);
    }
}

void narrow(struct machine *machine) {
    struct machine_exit end = machine->exit;
    if (!narrow_possible(machine) || past_count(machine) == 0 || end.reason != EXIT_ERROR) {
        return;
    }
    struct way way = {machine, past_position(machine, 0).steps, machine->steps};
    struct wording wording = {.count = 0};
    way_tell(&way, &wording);
    wording.count = is_stopped(machine) ? 0 : wording.count;
    machine->interprets = false;
    machine->exit = end;
    size_t length = strlen(end.error.text);
    snprintf(machine->exit.error.text + length, sizeof end.error.text - length, "%.*s",
             (int)wording.count, wording.at);
}
