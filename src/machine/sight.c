/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Destinations that are noticed when the run comes by: the n-th time that a symbol's instruction is
 * about to be executed, or a marker, or that a line on the first console comes to hold a text.
 *
 * Symbols and markers are points (hart/point.c), with a tag that tells them from a debugger's. Of
 * two points at one place only one is met, so what was met is compared by where it is. Lines are
 * heard as the device says them, also while nobody outside does; every access to a device ends its
 * engine's run, so the place is the step behind the byte that completes the text. A line counts
 * once, however often it holds it.
 *
 * Counting begins where it is asked for. What a moment of the past holds (past.c) includes the
 * counts, so they are those of the place wherever the run goes back to. */
#include "machine/sight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/image.h"
#include "prof/prof.h"

enum { TAG_SIGHT = 0x736774, NEAR_MAX = 1 };

/* -- Symbols ----------------------------------------------------------------------------------- */

static enum status symbol_unknown(const struct symbols *symbols, const char *name,
                                  struct error *error) {
    const char *near[NEAR_MAX];
    size_t count = symbols_near(symbols, name, near, NEAR_MAX);
    return error_set(error, STATUS_USAGE, "symbol:%.100s: there is no such symbol; %s%.100s%s",
                     name, count > 0 ? "did you mean " : "see sandglass symbols",
                     count > 0 ? near[0] : "", count > 0 ? "?" : "");
}

/** Finds all addresses of the name. */
static enum status symbol_find(struct machine *machine, struct sight *sight, struct error *error) {
    const char *name = sight->wanted.text;
    char *end;
    if (strncmp(name, "0x", 2) == 0) {
        sight->addresses[0] = strtoull(name, &end, 16);
        sight->address_count = 1;
        return *end == '\0' && end != name + 2
                   ? STATUS_OK
                   : error_set(error, STATUS_USAGE, "symbol:%.100s: is no address", name);
    }
    struct symbols *symbols = symbols_new();
    enum status status = machine_names(machine, symbols, error);
    const struct symbol *symbol = NULL;
    while (status == STATUS_OK && sight->address_count < SIGHT_ADDRESSES_MAX &&
           (symbol = symbols_find(symbols, name, sight->address_count)) != NULL) {
        sight->addresses[sight->address_count++] = symbol->address;
    }
    if (status == STATUS_OK && sight->address_count == 0) {
        status = symbol_unknown(symbols, name, error);
    }
    symbols_free(symbols);
    return status;
}

/* -- Points ------------------------------------------------------------------------------------ */

static void points_set(struct machine *machine, const struct sight *sight, bool on) {
    struct harts *harts = &machine->harts;
    bool symbol = sight->wanted.kind == DESTINATION_SYMBOL;
    unsigned count = sight->wanted.kind == DESTINATION_MARKER ? 1 : sight->address_count;
    for (unsigned i = 0; i < count; i++) {
        struct point point = {
            .kind = symbol ? POINT_BREAK : POINT_MARKER,
            .address = symbol ? sight->addresses[i] : sight->wanted.number,
            .size_bytes = 1,
            .tag = TAG_SIGHT,
        };
        if (on) {
            ensure(points_add(harts, &point));
        } else {
            (void)points_remove(harts, &point);
        }
    }
}

void sights_arm(struct machine *machine) {
    for (unsigned role = 0; role < SIGHT_ROLES; role++) {
        points_set(machine, &machine->sights[role], true);
    }
}

/* -- Counting ---------------------------------------------------------------------------------- */

static void sight_come_by(struct sight *sight) {
    sight->left -= sight->left > 0;
    sight->met = sight->met || sight->left == 0;
}

static bool sight_is_here(struct machine *machine, const struct sight *sight,
                          const struct hit *hit) {
    uint64_t number;
    if (sight->wanted.kind == DESTINATION_MARKER) {
        return points_marker(machine->harts.hart[hit->hart], &number) &&
               (sight->wanted.number == MARKER_ANY || sight->wanted.number == number);
    }
    for (unsigned i = 0; i < sight->address_count; i++) {
        if (sight->addresses[i] == hit->pc) {
            return true;
        }
    }
    return false;
}

/** A point of a user's at the same place as one of ours. */
static bool others_point(const struct machine *machine, struct hit *hit) {
    const struct points *points = &machine->harts.points;
    for (size_t i = 0; i < points->count; i++) {
        const struct point *point = &points->list[i];
        if (point->tag != TAG_SIGHT && point->kind == POINT_BREAK && point->address == hit->pc) {
            hit->point = *point;
            return true;
        }
    }
    return false;
}

bool sights_hit(struct machine *machine, struct hit *hit) {
    if (hit->point.kind != POINT_BREAK && hit->point.kind != POINT_MARKER) {
        return true;
    }
    for (unsigned role = 0; role < SIGHT_ROLES; role++) {
        struct sight *sight = &machine->sights[role];
        bool again = sight->last_hart == hit->hart && sight->last_hart_steps == hit->hart_steps;
        if (!again && sight_is_here(machine, sight, hit)) {
            sight->last_hart = hit->hart;
            sight->last_hart_steps = hit->hart_steps;
            sight_come_by(sight);
        }
    }
    return hit->point.tag != TAG_SIGHT || others_point(machine, hit);
}

/** A byte of a line: keeps as many of the last ones as the text has. */
static void line_hear(struct sight *sight, uint8_t byte) {
    size_t length = strlen(sight->wanted.text);
    if (byte == '\n') {
        sight->line_count = 0;
        sight->line_counted = false;
        return;
    }
    if (sight->line_count == length) {
        memmove(sight->line, sight->line + 1, --sight->line_count);
    }
    sight->line[sight->line_count++] = (char)byte;
    if (!sight->line_counted && sight->line_count == length &&
        memcmp(sight->line, sight->wanted.text, length) == 0) {
        sight->line_counted = true;
        sight_come_by(sight);
    }
}

static void lines_hear(void *owner, uint8_t byte) {
    struct machine *machine = owner;
    for (unsigned role = 0; role < SIGHT_ROLES; role++) {
        if (machine->sights[role].wanted.kind == DESTINATION_LINE) {
            line_hear(&machine->sights[role], byte);
        }
    }
}

void sights_look(struct machine *machine) {
    for (unsigned role = 0; role < SIGHT_ROLES; role++) {
        if (!machine->sights[role].met) {
            continue;
        }
        if (role >= SIGHT_SEEK) {
            machine->pause = PAUSE_GOAL;
        } else {
            machine->gate.stopped = machine->gate.stopped || role == SIGHT_TO;
            machine_end(machine, EXIT_STOPPED, 0);
        }
    }
}

/* -- Setting ----------------------------------------------------------------------------------- */

enum status sight_find(struct machine *machine, const struct destination *wanted,
                       struct sight *sight, struct error *error) {
    *sight = (struct sight){.wanted = *wanted, .left = wanted->nth, .last_hart = HARTS_MAX};
    ensure(destination_counted(wanted));
    return wanted->kind == DESTINATION_SYMBOL ? symbol_find(machine, sight, error) : STATUS_OK;
}

void sight_start(struct machine *machine, enum sight_role role, const struct sight *sight) {
    sight_clear(machine, role);
    machine->sights[role] = *sight;
    points_set(machine, sight, true);
    console_hear(machine->console, lines_hear, machine);
}

enum status sight_set(struct machine *machine, enum sight_role role,
                      const struct destination *wanted, struct error *error) {
    struct sight sight;
    enum status status = sight_find(machine, wanted, &sight, error);
    if (status == STATUS_OK) {
        sight_start(machine, role, &sight);
    }
    return status;
}

void sight_clear(struct machine *machine, enum sight_role role) {
    points_set(machine, &machine->sights[role], false);
    machine->sights[role] = (struct sight){.wanted = {.kind = DESTINATION_NONE}};
}

/* Where a recorded run stopped is in its log: a replay may begin behind what was counted. */
enum status sights_begin(struct machine *machine, struct error *error) {
    const struct machine_options *options = &machine->options;
    bool replays = options->gate.mode == GATE_REPLAYS;
    enum status status = STATUS_OK;
    if (destination_counted(&options->stop) && !replays) {
        status = sight_set(machine, SIGHT_STOP, &options->stop, error);
    }
    if (status == STATUS_OK && destination_counted(&options->gate.to)) {
        status = sight_set(machine, SIGHT_TO, &options->gate.to, error);
    }
    return status;
}

struct sight *sights_new(void) {
    return calloc(SIGHT_ROLES, sizeof(struct sight));
}

void sights_end(struct machine *machine) {
    if (machine->sights != NULL && sights_count(machine)) {
        console_hear(machine->console, NULL, NULL);
    }
    free(machine->sights);
}

bool sights_count(const struct machine *machine) {
    bool count = false;
    for (unsigned role = 0; role < SIGHT_ROLES; role++) {
        count = count || machine->sights[role].wanted.kind != DESTINATION_NONE;
    }
    return count;
}
