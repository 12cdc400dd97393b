/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file of the host: whole reads and writes, and the first failure kept. */
#include "io/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* -- The host's calls -------------------------------------------------------------------------- */

static ssize_t host_read(struct store *store, void *bytes, size_t size_bytes, off_t offset_bytes) {
    return pread(store->descriptor, bytes, size_bytes, offset_bytes);
}

static ssize_t host_write(struct store *store, const void *bytes, size_t size_bytes,
                          off_t offset_bytes) {
    return pwrite(store->descriptor, bytes, size_bytes, offset_bytes);
}

static int host_sync(struct store *store) {
    return fdatasync(store->descriptor);
}

static int host_punch(struct store *store, off_t offset_bytes, off_t size_bytes) {
    return fallocate(store->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset_bytes,
                     size_bytes);
}

static int host_truncate(struct store *store, off_t size_bytes) {
    return ftruncate(store->descriptor, size_bytes);
}

const struct store_ops store_host_ops = {
    .read = host_read,
    .write = host_write,
    .sync = host_sync,
    .punch = host_punch,
    .truncate = host_truncate,
};

/* -- Opening and closing ----------------------------------------------------------------------- */

int nameless_open(const char **folder) {
    char path[PATH_MAX];
    const char *wanted = getenv("TMPDIR");
    *folder = wanted == NULL || wanted[0] == '\0' ? "/var/tmp" : wanted;
    int descriptor = open(*folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    int length = snprintf(path, sizeof path, "%s/sandglass-XXXXXX", *folder);
    if (descriptor < 0 && length < PATH_MAX) {
        descriptor = mkostemp(path, O_CLOEXEC);
        if (descriptor >= 0) {
            unlink(path);
        }
    }
    return descriptor;
}

bool store_init(struct store *store, int descriptor, const char *name) {
    *store = (struct store){.ops = &store_host_ops, .descriptor = descriptor, .name = strdup(name)};
    if (store->name == NULL) {
        close(descriptor);
    }
    return store->name != NULL;
}

bool store_close(struct store *store) {
    bool closed = true;
    if (store->name != NULL && close(store->descriptor) != 0 && errno != EINTR) {
        closed = store_fail(store, STATUS_HOST_IO, "%s: cannot be written (%s); make room",
                            store->name, strerror(errno));
    }
    free(store->name);
    store->name = NULL;
    return closed;
}

/* A host without locks only fails us where two runs would spoil a file. */
bool store_lock(struct store *store, enum store_lock lock) {
    bool exclusive = lock == STORE_EXCLUSIVE;
    if (flock(store->descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) {
        return true;
    }
    if (errno == EWOULDBLOCK) {
        return store_fail(store, STATUS_HOST_IO, "%s: in use by another run%s", store->name,
                          exclusive ? "; end that one, or use a copy"
                                    : " that writes to it; end that one, or use a copy");
    }
    return !exclusive || store_fail(store, STATUS_HOST_IO,
                                    "%s: cannot be locked (%s); put it on a local file system",
                                    store->name, strerror(errno));
}

bool store_size(struct store *store, uint64_t *size_bytes) {
    off_t end = lseek(store->descriptor, 0, SEEK_END);
    *size_bytes = end < 0 ? 0 : (uint64_t)end;
    return end >= 0 || store_fail(store, STATUS_BAD_INPUT, "%s: has no size (%s); use a file",
                                  store->name, strerror(errno));
}

/* -- Reading and writing ----------------------------------------------------------------------- */

bool store_fail(struct store *store, enum status status, const char *format, ...) {
    if (store->failure.status == STATUS_OK) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(store->failure.text, sizeof store->failure.text, format, arguments);
        va_end(arguments);
        store->failure.status = status;
    }
    return false;
}

bool store_read(struct store *store, void *bytes, size_t size_bytes, uint64_t offset_bytes) {
    uint8_t *at = bytes;
    while (size_bytes > 0 && store->failure.status == STATUS_OK) {
        ssize_t count = store->ops->read(store, at, size_bytes, (off_t)offset_bytes);
        if (count > 0) {
            at += count;
            offset_bytes += (uint64_t)count;
            size_bytes -= (size_t)count;
        } else if (count == 0) {
            store_fail(store, STATUS_BAD_INPUT,
                       "%s: ends at offset %" PRIu64 ", where more is wanted; use a whole copy",
                       store->name, offset_bytes);
        } else if (errno != EINTR) {
            store_fail(store, STATUS_HOST_IO,
                       "%s: cannot read at offset %" PRIu64 " (%s); look after the host's disk",
                       store->name, offset_bytes, strerror(errno));
        }
    }
    return store->failure.status == STATUS_OK;
}

static bool write_failed(struct store *store, uint64_t offset_bytes) {
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return store_fail(store, STATUS_HOST_IO, "%s: cannot write at offset %" PRIu64 " (%s); %s",
                      store->name, offset_bytes, strerror(errno),
                      full ? "make room for it" : "look after the host's disk");
}

bool store_write(struct store *store, const void *bytes, size_t size_bytes, uint64_t offset_bytes) {
    const uint8_t *at = bytes;
    while (size_bytes > 0 && store->failure.status == STATUS_OK) {
        ssize_t count = store->ops->write(store, at, size_bytes, (off_t)offset_bytes);
        if (count > 0) {
            at += count;
            offset_bytes += (uint64_t)count;
            size_bytes -= (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            errno = count == 0 ? ENOSPC : errno;
            write_failed(store, offset_bytes);
        }
    }
    return store->failure.status == STATUS_OK;
}

/* After a sync that failed nobody knows what is safe, so it is never tried again. */
bool store_sync(struct store *store) {
    while (store->failure.status == STATUS_OK && store->ops->sync(store) != 0) {
        if (errno != EINTR) {
            store_fail(store, STATUS_HOST_IO,
                       "%s: cannot be made safe (%s); look after the host's "
                       "disk and the room on it",
                       store->name, strerror(errno));
        }
    }
    return store->failure.status == STATUS_OK;
}

bool store_punch(struct store *store, uint64_t offset_bytes, uint64_t size_bytes) {
    return store->failure.status == STATUS_OK &&
           store->ops->punch(store, (off_t)offset_bytes, (off_t)size_bytes) == 0;
}

void store_truncate(struct store *store, uint64_t size_bytes) {
    if (store->failure.status == STATUS_OK) {
        (void)!store->ops->truncate(store, (off_t)size_bytes);
    }
}
