/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the table that vectors.py makes. */
#ifndef VECTORS_H
#define VECTORS_H

#include "isa.h"

/** ORDER: vectors.py. */
struct vector {
    uint64_t (*stub)(uint64_t a, uint64_t b, uint64_t c);
    uint64_t frm, a, b, c, result, flags;
};

extern const struct vector vectors[], vectors_end[];

/** The item that fails is the row; `vectors.py int|float --row N` shows it. */
static inline void vectors_check(int floating) {
    check(vectors_end - vectors > 1000); /* a table that came out empty tests nothing */
    for (const struct vector *vector = vectors; vector < vectors_end; vector++) {
        isa_item = (uint64_t)(vector - vectors);
        if (floating) {
            write_csr(fcsr, vector->frm << 5);
        }
        check(vector->stub(vector->a, vector->b, vector->c) == vector->result);
        if (floating) {
            check(read_csr(fcsr) == (vector->frm << 5 | vector->flags));
        }
    }
}

#endif
