/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to prof/: the names that a Linux kernel carries about itself. */
#ifndef PROF_KALLSYMS_H
#define PROF_KALLSYMS_H

#include "base/base.h"

enum { KALLSYMS_TOKENS = 256, KALLSYMS_NAME_BYTES_MAX = 512 };

/** How the addresses are kept. */
enum kallsyms_form {
    KALLSYMS_ABSOLUTE, /* 64 bits each */
    KALLSYMS_RELATIVE, /* 32 bits each, unsigned, from a base */
    KALLSYMS_PERCPU    /* 32 bits each, signed: one that is not negative is an address itself, the
                          others lie -1 - value behind the base */
};

/** Where the tables are: offsets into bytes. */
struct kallsyms {
    const uint8_t *bytes;
    size_t size_bytes;
    size_t index_at, tokens_at, markers_at, names_at, addresses_at;
    uint32_t count; /* of names */
    enum kallsyms_form form;
    uint64_t base; /* of addresses that are relative */
};

/**
 * Finds the tables of a 64-bit little-endian kernel, wherever they are.
 * @param bytes  Borrowed.
 * @return false when there are none that are whole.
 */
bool kallsyms_find(struct kallsyms *kallsyms, const void *bytes, size_t size_bytes);

/** A walk over the names, in their order: all zeros to begin with. */
struct kallsyms_walk {
    uint32_t idx;                           /* names told */
    size_t at;                              /* behind the last */
    uint64_t address;                       /* of the last */
    char type;                              /* of the last; as nm(1) has it */
    char name[KALLSYMS_NAME_BYTES_MAX + 1]; /* of the last */
};

/** @return false when there are no more. */
bool kallsyms_next(const struct kallsyms *kallsyms, struct kallsyms_walk *walk);

#endif
