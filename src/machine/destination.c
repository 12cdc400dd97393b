/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places in a run, as users name them. */
#include "machine/destination.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Decimal, all of it, no sign. */
static bool number_parse(const char *text, uint64_t *number) {
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            return false;
        }
    }
    *number = value;
    return at != text && *at == '\0';
}

/** Cuts "#N" off the end of a text, if it ends so. */
static void nth_cut(struct destination *destination) {
    char *hash = strrchr(destination->text, '#');
    uint64_t nth;
    if (hash != NULL && number_parse(hash + 1, &nth) && nth > 0) {
        destination->nth = nth;
        *hash = '\0';
    }
}

/** What stands behind the kind's name. */
static bool rest_parse(const char *rest, struct destination *destination) {
    if (strlen(rest) > DESTINATION_TEXT_MAX) {
        return false;
    }
    strcpy(destination->text, rest);
    nth_cut(destination);
    switch (destination->kind) {
    case DESTINATION_VTIME:
        return number_parse(rest, &destination->number) &&
               destination->number < (uint64_t)VTIME_NEVER;
    case DESTINATION_MARKER:
        destination->number = MARKER_ANY;
        return destination->text[0] == '\0' ||
               (number_parse(destination->text, &destination->number) &&
                destination->number <= MARKER_NUMBER_MAX);
    default:
        return destination->text[0] != '\0';
    }
}

/** "STEPS" or "HART:STEPS" */
static bool steps_parse(const char *text, struct destination *destination) {
    const char *colon = strchr(text, ':');
    uint64_t hart;
    if (colon == NULL) {
        destination->kind = DESTINATION_STEPS;
        return number_parse(text, &destination->number);
    }
    size_t length = (size_t)(colon - text);
    if (length > DESTINATION_TEXT_MAX) {
        return false;
    }
    memcpy(destination->text, text, length);
    destination->kind = DESTINATION_HART_STEPS;
    bool good = number_parse(destination->text, &hart) && hart < HARTS_MAX &&
                number_parse(colon + 1, &destination->number);
    destination->hart = good ? (unsigned)hart : 0;
    return good;
}

bool destination_parse(const char *text, struct destination *destination) {
    static const struct {
        const char *name;
        enum destination_kind kind;
    } kinds[] = {{"vtime:", DESTINATION_VTIME},
                 {"symbol:", DESTINATION_SYMBOL},
                 {"line:", DESTINATION_LINE},
                 {"marker:", DESTINATION_MARKER},
                 {"marker", DESTINATION_MARKER}};
    *destination = (struct destination){.nth = 1};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        size_t length = strlen(kinds[i].name);
        if (strncmp(text, kinds[i].name, length) == 0) {
            destination->kind = kinds[i].kind;
            return rest_parse(text + length, destination);
        }
    }
    return steps_parse(text, destination);
}

bool destination_counted(const struct destination *destination) {
    return destination->kind >= DESTINATION_SYMBOL;
}

/** "#N" behind a place that is counted, if it is not the first time. */
static void nth_text(const struct destination *destination, char text[DESTINATION_CHARS]) {
    size_t length = strlen(text);
    size_t text_length = strlen(destination->text);
    bool looks_so = text_length > 0 && strchr(destination->text, '#') != NULL;
    if (destination->nth > 1 || (looks_so && destination->kind != DESTINATION_MARKER)) {
        snprintf(text + length, DESTINATION_CHARS - length, "#%" PRIu64, destination->nth);
    }
}

const char *destination_text(const struct destination *destination, char text[DESTINATION_CHARS]) {
    uint64_t number = destination->number;
    switch (destination->kind) {
    case DESTINATION_NONE:
        text[0] = '\0';
        return text;
    case DESTINATION_STEPS:
        snprintf(text, DESTINATION_CHARS, "%" PRIu64, number);
        return text;
    case DESTINATION_HART_STEPS:
        snprintf(text, DESTINATION_CHARS, "%u:%" PRIu64, destination->hart, number);
        return text;
    case DESTINATION_VTIME:
        snprintf(text, DESTINATION_CHARS, "vtime:%" PRIu64, number);
        return text;
    case DESTINATION_SYMBOL:
        snprintf(text, DESTINATION_CHARS, "symbol:%s", destination->text);
        break;
    case DESTINATION_LINE:
        snprintf(text, DESTINATION_CHARS, "line:%s", destination->text);
        break;
    case DESTINATION_MARKER:
        snprintf(text, DESTINATION_CHARS, number == MARKER_ANY ? "marker" : "marker:%" PRIu64,
                 number);
        break;
    }
    nth_text(destination, text);
    return text;
}

/* -- Windows ----------------------------------------------------------------------------------- */

/** One side of a window, which may be empty. */
static bool side_parse(const char *text, size_t length, struct destination *side) {
    char word[DESTINATION_CHARS];
    *side = (struct destination){.kind = DESTINATION_NONE};
    if (length == 0) {
        return true;
    }
    if (length >= sizeof word) {
        return false;
    }
    memcpy(word, text, length);
    word[length] = '\0';
    return destination_parse(word, side);
}

bool window_parse(const char *text, struct window *window) {
    const char *dots = text;
    while ((dots = strstr(dots, "..")) != NULL) {
        if (side_parse(text, (size_t)(dots - text), &window->from) &&
            side_parse(dots + 2, strlen(dots + 2), &window->to)) {
            return true;
        }
        dots++;
    }
    return false;
}

/** Is there an earlier place in the same count that lies behind this one? */
static bool lies_before(const struct destination *place, const struct destination *earlier) {
    return place->kind == earlier->kind && place->kind != DESTINATION_NONE &&
           !destination_counted(place) && place->hart == earlier->hart &&
           place->number < earlier->number;
}

static const struct destination *side(const struct window *windows, unsigned idx) {
    return idx % 2 == 0 ? &windows[idx / 2].from : &windows[idx / 2].to;
}

bool windows_disordered(const struct window *windows, unsigned count) {
    for (unsigned i = 1; i < 2 * count; i++) {
        for (unsigned earlier = 0; earlier < i; earlier++) {
            if (lies_before(side(windows, i), side(windows, earlier))) {
                return true;
            }
        }
    }
    return false;
}
