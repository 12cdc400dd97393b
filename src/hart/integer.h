/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer operations of RISC-V that C has no operator for. Private to hart/ and engines. */
#ifndef HART_INTEGER_H
#define HART_INTEGER_H

#include <stdint.h>

/** Signed quotient: -1 by zero, the dividend on overflow. @spec Unprivileged ISA 20240411, table 11
 */
static inline uint64_t int_div(int64_t a, int64_t b) {
    if (b == 0) {
        return UINT64_MAX;
    }
    return b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b);
}

/** Signed remainder: the dividend by zero, 0 on overflow. */
static inline uint64_t int_rem(int64_t a, int64_t b) {
    if (b == 0) {
        return (uint64_t)a;
    }
    return b == -1 ? 0 : (uint64_t)(a % b);
}

/** @param by  Any; taken modulo 64. */
static inline uint64_t int_rotate_right(uint64_t a, uint64_t by) {
    return a >> (by & 63) | a << ((64 - by) & 63);
}

/** Rotates the low half, giving 32 bits. */
static inline uint64_t int_rotate_right_w(uint64_t a, uint64_t by) {
    uint32_t low = (uint32_t)a;
    return (uint32_t)(low >> (by & 31) | low << ((32 - by) & 31));
}

/** Each byte all ones if any of its bits is set. */
static inline uint64_t int_orc_b(uint64_t a) {
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t high = (((a & low7) + low7) | a) & ~low7; /* bit 7 of each byte that is not zero */
    return (high >> 7) * 0xff;
}

/** Reverses the bits inside each byte. */
static inline uint64_t int_brev8(uint64_t a) {
    a = (a >> 1 & UINT64_C(0x5555555555555555)) | (a & UINT64_C(0x5555555555555555)) << 1;
    a = (a >> 2 & UINT64_C(0x3333333333333333)) | (a & UINT64_C(0x3333333333333333)) << 2;
    return (a >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (a & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
}

/** Looks each @p width-bit index of @p indices up in @p table; an index past the end gives 0. */
static inline uint64_t int_xperm(uint64_t table, uint64_t indices, unsigned width) {
    uint64_t mask = (UINT64_C(1) << width) - 1;
    uint64_t result = 0;
    for (unsigned at = 0; at < 64; at += width) {
        uint64_t index = indices >> at & mask;
        if (index < 64 / width) {
            result |= (table >> (index * width) & mask) << at;
        }
    }
    return result;
}

/** Low half of the carry-less product. */
static inline uint64_t int_clmul(uint64_t a, uint64_t b) {
    uint64_t product = 0;
    for (; b != 0; b &= b - 1) {
        product ^= a << __builtin_ctzll(b);
    }
    return product;
}

/** High half of the carry-less product. */
static inline uint64_t int_clmul_high(uint64_t a, uint64_t b) {
    uint64_t product = 0;
    for (b &= ~UINT64_C(1); b != 0; b &= b - 1) {
        product ^= a >> (64 - __builtin_ctzll(b));
    }
    return product;
}

#endif
