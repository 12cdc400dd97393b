/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between two runs of the same steps. Private to machine/. */
#ifndef MACHINE_DIFFER_H
#define MACHINE_DIFFER_H

#include "machine/machine.h"

/** One line under way; what does not fit is cut. */
struct wording {
    char at[384];
    size_t count;
};

void wording_add(struct wording *wording, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** A part of the machine as one engine left it, and as the other did. */
struct pictures {
    struct buffer translated, interpreted;
    struct hart *hart; /* whose they are: it names fields, and its values do not matter */
};

bool pictures_same(const struct pictures *pictures);
/** Adds the fields of a hart that differ, with both values. */
void pictures_tell(const struct pictures *pictures, struct wording *wording);
void pictures_free(struct pictures *pictures);

#endif
