/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that runs out on demand. What includes this is linked with --wrap: see the Makefile. */
#ifndef TESTS_UNIT_MEMORY_TEST_H
#define TESTS_UNIT_MEMORY_TEST_H

#include <stdbool.h>
#include <stddef.h>

/** While set, no allocation of the code under test succeeds. */
static bool memory_is_out;

void *__real_calloc(size_t count, size_t size_bytes);
void *__wrap_calloc(size_t count, size_t size_bytes);
void *__real_realloc(void *old, size_t size_bytes);
void *__wrap_realloc(void *old, size_t size_bytes);

void *__wrap_calloc(size_t count, size_t size_bytes) {
    return memory_is_out ? NULL : __real_calloc(count, size_bytes);
}

void *__wrap_realloc(void *old, size_t size_bytes) {
    return memory_is_out ? NULL : __real_realloc(old, size_bytes);
}

#endif
