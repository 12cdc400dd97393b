/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integers, loads and stores: sorts random numbers with Shell's method. */
#include "kernel.h"

enum { COUNT = 4096, ROUNDS = 1500 };

static uint64_t numbers[COUNT];

void kernel_prepare(void) {}

static void sort(uint64_t *array, int count) {
    for (int gap = count / 2; gap > 0; gap /= 2) {
        for (int i = gap; i < count; i++) {
            uint64_t value = array[i];
            int hole = i;
            for (; hole >= gap && array[hole - gap] > value; hole -= gap) {
                array[hole] = array[hole - gap];
            }
            array[hole] = value;
        }
    }
}

uint64_t kernel_work(void) {
    uint64_t sum = 0;
    uint64_t random = 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNT; i++) {
            numbers[i] = random_next(&random);
        }
        sort(numbers, COUNT);
        for (int i = 0; i < COUNT; i++) {
            sum = sum * 31 + numbers[i];
        }
    }
    return sum;
}
