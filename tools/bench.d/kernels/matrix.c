/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Double precision: multiplies matrices of 64 by 64, each product a factor of the next. */
#include "kernel.h"

enum { SIZE = 64, ROUNDS = 500 };

typedef double matrix[SIZE][SIZE];

static matrix a, b, c;

void kernel_prepare(void) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = 0.5 * i + j;
            b[i][j] = 1.0 / (1 + i + j);
        }
    }
}

static void multiply(matrix product, matrix left, matrix right) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            double sum = 0;
            for (int k = 0; k < SIZE; k++) {
                sum += left[i][k] * right[k][j];
            }
            product[i][j] = sum;
        }
    }
}

uint64_t kernel_work(void) {
    for (int round = 0; round < ROUNDS; round++) {
        multiply(c, a, b);
        for (int i = 0; i < SIZE; i++) {
            a[i][round % SIZE] += c[round % SIZE][i] / (1 + c[i][i]);
        }
    }
    union {
        double number;
        uint64_t bits;
    } sum = {0};
    for (int i = 0; i < SIZE; i++) {
        sum.number += c[i][SIZE - 1 - i];
    }
    return sum.bits;
}
