/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to prof/: the names that a Linux kernel carries about itself. */
#ifndef PROF_KALLSYMS_H
#define PROF_KALLSYMS_H

#include "base/base.h"

enum {
    KALLSYMS_TOKENS = 256,
    KALLSYMS_NAME_BYTES_MAX = 512,
    KALLSYMS_SHORT_BYTES = 8 /* most tokens are no longer, and are spelled at once */
};

/** How the addresses are kept. */
enum kallsyms_form {
    KALLSYMS_ABSOLUTE, /* 64 bits each */
    KALLSYMS_RELATIVE, /* 32 bits each, unsigned, from a base */
    KALLSYMS_PERCPU    /* 32 bits each, signed: one that is not negative is an address itself, the
                          others lie -1 - value behind the base */
};

/** What a byte of a name stands for. */
struct kallsyms_token {
    char first[KALLSYMS_SHORT_BYTES]; /* letters, then zeros */
    const char *letters;              /* all of them, not ended by a NUL */
    uint16_t length;                  /* at least 1 */
    bool spells;                      /* none of them is a blank or worse */
};

/** Where the tables are: offsets into bytes. */
struct kallsyms {
    const uint8_t *bytes;
    size_t size_bytes;
    size_t index_at, tokens_at, markers_at, names_at, addresses_at;
    uint32_t count; /* of names */
    enum kallsyms_form form;
    uint64_t base;        /* of addresses that are relative */
    uint64_t first, last; /* of names in text or data: the lowest address and the highest */
    struct kallsyms_token tokens[KALLSYMS_TOKENS];
};

/**
 * Finds the tables of a 64-bit little-endian kernel, wherever they are.
 * @param bytes  Borrowed.
 * @return false when there are none that are whole.
 */
bool kallsyms_find(struct kallsyms *kallsyms, const void *bytes, size_t size_bytes);

/** A walk over the names, in their order: all zeros to begin with. */
struct kallsyms_walk {
    uint32_t idx; /* names told */
    size_t at;    /* of the last, encoded */
    size_t size_bytes;
    uint64_t address;                                          /* of the last */
    char type;                                                 /* of the last; as nm(1) has it */
    char name[KALLSYMS_NAME_BYTES_MAX + KALLSYMS_SHORT_BYTES]; /* of the last, with its NUL */
};

/** @return false when there are no more. */
bool kallsyms_next(const struct kallsyms *kallsyms, struct kallsyms_walk *walk);

#endif
