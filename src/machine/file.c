/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens files, reads them whole, and says in one line what is wrong with those that cannot be
 * read. */
#include "machine/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A path longer than this is cut in front, so that the remedy still fits on the line. */
enum { PATH_SHOWN_CHARS = 200 };

enum status file_bad(const struct file *file, struct error *error, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t length = strlen(file->path);
    const char *shown =
        length > PATH_SHOWN_CHARS ? file->path + length - PATH_SHOWN_CHARS : file->path;
    return error_set(error, STATUS_BAD_INPUT, "%s %s%s: %s", file->option,
                     shown == file->path ? "" : "...", shown, text);
}

/* Without waiting, so that a FIFO cannot hold us up. */
enum status file_open(struct file *file, struct error *error) {
    struct stat there;
    file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->descriptor < 0) {
        return file_bad(file, error, "%s; check the path and its permissions", strerror(errno));
    }
    enum status status = STATUS_OK;
    if (fstat(file->descriptor, &there) != 0) {
        status = file_bad(file, error, "%s; check the file system it is on", strerror(errno));
    } else if (S_ISDIR(there.st_mode)) {
        status = file_bad(file, error, "is a directory; name a file in it");
    } else if (!S_ISREG(there.st_mode)) {
        status = file_bad(file, error, "is not a regular file; copy what it gives to a file first");
    }
    if (status != STATUS_OK) {
        close(file->descriptor);
    }
    return status;
}

/* Reads size_bytes, and finds out whether that is still all of it. */
static enum status contents_read(struct file *file, struct error *error) {
    size_t have = 0;
    uint8_t beyond;
    for (;;) {
        bool full = have == file->size_bytes;
        ssize_t got = pread(file->descriptor, full ? &beyond : file->bytes + have,
                            full ? 1 : file->size_bytes - have, (off_t)have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return file_bad(file, error, "%s; check the disk it is on", strerror(errno));
        }
        if (full && got == 0) {
            return STATUS_OK;
        }
        if (full || got == 0) {
            return file_bad(file, error, "%s while it was read; wait until nothing writes to it",
                            full ? "grew" : "became shorter");
        }
        have += (size_t)got;
    }
}

enum status file_read(struct file *file, uint64_t limit_bytes, struct error *error) {
    off_t end = lseek(file->descriptor, 0, SEEK_END);
    if (end < 0) {
        return file_bad(file, error, "%s; check the disk it is on", strerror(errno));
    }
    if (end == 0) {
        return file_bad(file, error, "is empty; build or copy it again");
    }
    if ((uint64_t)end > limit_bytes) {
        return file_bad(file, error,
                        "is too large: %" PRIu64 " bytes, and the machine has %" PRIu64
                        " bytes of memory; give more with --memory",
                        (uint64_t)end, limit_bytes);
    }
    file->size_bytes = (size_t)end;
    file->bytes = pages_alloc(file->size_bytes);
    if (file->bytes == NULL) {
        return error_set(error, STATUS_USAGE,
                         "%s: there is no host memory to read %zu bytes into; free some",
                         file->option, file->size_bytes);
    }
    enum status status = contents_read(file, error);
    if (status != STATUS_OK) {
        file_free(file);
    }
    return status;
}

void file_free(struct file *file) {
    free(file->bytes);
    file->bytes = NULL;
    file->size_bytes = 0;
}
