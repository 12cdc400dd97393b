/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places in a run, as users name them. A part of machine/machine.h, which others include. */
#ifndef MACHINE_DESTINATION_H
#define MACHINE_DESTINATION_H

#include "hart/hart.h"

enum destination_kind {
    DESTINATION_NONE,
    DESTINATION_STEPS,      /* of all harts together, in the order of execution */
    DESTINATION_HART_STEPS, /* position of one hart */
    DESTINATION_VTIME,      /* before the first step at that VIRTUAL time or later */
    /* Those from here on are counted when the run comes by. */
    DESTINATION_SYMBOL, /* before its instruction is executed */
    DESTINATION_LINE,   /* behind the step that says the last byte of a text that is new to its line
                           on the first console */
    DESTINATION_MARKER  /* before it is executed */
};

enum { DESTINATION_TEXT_MAX = 200, MARKER_NUMBER_MAX = 2047 };

struct destination {
    enum destination_kind kind;
    uint64_t number;                     /* steps; [ns]; a marker's, or MARKER_ANY */
    unsigned hart;                       /* DESTINATION_HART_STEPS */
    uint64_t nth;                        /* of those that are counted: which time, from 1 */
    char text[DESTINATION_TEXT_MAX + 1]; /* DESTINATION_SYMBOL, DESTINATION_LINE */
};

/** What destination_parse() takes. */
#define DESTINATION_FORMS                                                                          \
    "STEPS, HART:STEPS, vtime:NS, symbol:NAME[#N], line:TEXT[#N] or marker[:NUMBER][#N]"

/** @return false: it is none of DESTINATION_FORMS. */
bool destination_parse(const char *text, struct destination *destination);
/** Is it one of those that are counted? */
bool destination_counted(const struct destination *destination);

/** What destination_text() needs at most: the words, the text, numbers. */
enum { DESTINATION_CHARS = DESTINATION_TEXT_MAX + 64 };

/** As destination_parse() takes it, in one way for each place. @return text */
const char *destination_text(const struct destination *destination, char text[DESTINATION_CHARS]);

/** How far a run is on its way to a destination. */
struct headway {
    char place[DESTINATION_CHARS]; /* as a user is told; "": nobody knows where it ends */
    bool measured;
    unsigned percent; /* of the way, if so; else it can only be met */
};

/** A part of a run. */
struct window {
    struct destination
        from;              /* DESTINATION_NONE: where the run begins, or the window before ended */
    struct destination to; /* DESTINATION_NONE: the end of the run */
};

enum { WINDOWS_MAX = 16 };

/** "FROM..TO"; either may be empty. Texts may hold dots: the first two that have a place, or
 * nothing, on either side are meant. @return false: there are none. */
bool window_parse(const char *text, struct window *window);
/** Does some place lie before one that is named before it, as numbers tell? */
bool windows_disordered(const struct window *windows, unsigned count);

#endif
