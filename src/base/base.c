/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors as values, and the one way out when we find a defect of our own. */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum status error_set(struct error *error, enum status status, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return status;
}

void panic(const char *file, int line, const char *what) {
    fprintf(stderr, "sandglass: internal error at %s:%d: %s; please report it\n", file, line, what);
    exit(STATUS_INTERNAL);
}
