/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integers: CRC-32 with a table, over a buffer that stays in the first cache. */
#include "kernel.h"

enum { BUFFER_BYTES = 4096, ROUNDS = 80000 };

static uint32_t table[256];
static uint8_t buffer[BUFFER_BYTES];

void kernel_prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? 0xedb88320 ^ crc >> 1 : crc >> 1;
        }
        table[i] = crc;
    }
}

static uint32_t crc_of(const uint8_t *bytes, int count) {
    uint32_t crc = ~UINT32_C(0);
    for (int i = 0; i < count; i++) {
        crc = table[(crc ^ bytes[i]) & 255] ^ crc >> 8;
    }
    return ~crc;
}

uint64_t kernel_work(void) {
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        buffer[round % BUFFER_BYTES]++;
        sum += crc_of(buffer, BUFFER_BYTES);
    }
    return sum;
}
