/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests that need a pseudo-terminal of the host's, which not every container has. */
#ifndef TESTS_UNIT_PTY_TEST_H
#define TESTS_UNIT_PTY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

/** Skips the test that calls it where there are none. */
static inline void pty_needed(void) {
    int person = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (person < 0) {
        print_message("skipped: no pseudo-terminals here\n");
        skip();
    }
    close(person);
}

#endif
