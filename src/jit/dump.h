/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the translator tells of the regions that it makes. Private to jit/. */
#ifndef JIT_DUMP_H
#define JIT_DUMP_H

#include "jit/jit.h"
#include "jit/region.h"

struct dump;

/** Where code lies: as a dump names it, an address is an offset in this memory. */
struct dump_code {
    const uint8_t *memory; /* all of it, as it is run */
    const uint8_t *write;  /* the same as it is written: labels point into it */
    const struct stubs *stubs;
};

/** NULL when the options ask for no dump at all, or without memory. */
struct dump *dump_new(const struct harts *harts, const struct jit_options *options,
                      const struct dump_code *code);
/** NULL is fine. */
void dump_free(struct dump *dump);

/** A region has been made: its code lies at [start, end) of the memory as it is written. */
void dump_region(struct dump *dump, const struct jit_region *region, const uint8_t *start,
                 const uint8_t *end);

/** All code has been dropped. */
void dump_forget(struct dump *dump);

/** As the functions of the translator. */
int64_t dump_find(const struct dump *dump, paddr address);
void dump_write(const struct dump *dump, int64_t region, struct stream *to);

#endif
