/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells whether a file is what it was.
 *
 * A disk image of many gigabytes is mostly holes, or zeros. So the digest is over the blocks that
 * hold anything else, each with its place: holes are not read, and a copy that has zeros where the
 * original has holes is the same. */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { BLOCK = 64 << 10 };

/** A file that is being read. */
struct reading {
    int descriptor;
    off_t end;
    uint8_t *block; /* BLOCK */
    XXH3_state_t *digest;
};

static bool is_zero(const uint8_t *bytes, size_t size_bytes) {
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size_bytes - 1) == 0;
}

/** Reads the block at @p offset. @return Its size; 0 with errno set. */
static size_t block_read(const struct reading *reading, off_t offset) {
    size_t wanted = min_u64(BLOCK, (uint64_t)(reading->end - offset));
    size_t done = 0;
    while (done < wanted) {
        ssize_t count =
            pread(reading->descriptor, reading->block + done, wanted - done, offset + (off_t)done);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            errno = count == 0 ? EIO : errno;
            return 0;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return done;
}

static bool file_walk(const struct reading *reading) {
    off_t offset = 0;
    while (offset < reading->end) {
        off_t full = lseek(reading->descriptor, offset, SEEK_DATA);
        if (full < 0 && errno == ENXIO) {
            return true; /* all the rest is a hole */
        }
        offset = full < 0 ? offset : full - full % BLOCK;
        size_t size_bytes = block_read(reading, offset);
        if (size_bytes == 0) {
            return false;
        }
        if (!is_zero(reading->block, size_bytes)) {
            uint64_t place = (uint64_t)offset;
            XXH3_128bits_update(reading->digest, &place, sizeof place);
            XXH3_128bits_update(reading->digest, reading->block, size_bytes);
        }
        offset += BLOCK;
    }
    return true;
}

static bool file_open_whole(struct reading *reading, const char *path) {
    reading->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    reading->end = reading->descriptor < 0 ? -1 : lseek(reading->descriptor, 0, SEEK_END);
    return reading->end >= 0;
}

enum status file_digest(const char *path, struct file_digest *digest, struct error *error) {
    struct reading reading = {
        .descriptor = -1, .block = malloc(BLOCK), .digest = XXH3_createState()};
    bool ready = reading.block != NULL && reading.digest != NULL;
    errno = ENOMEM;
    bool done = ready && XXH3_128bits_reset(reading.digest) == XXH_OK;
    done = done && file_open_whole(&reading, path) && file_walk(&reading);
    int first = errno;
    if (done) {
        XXH128_canonical_t canonical;
        digest->size_bytes = (uint64_t)reading.end;
        XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(reading.digest));
        memcpy(digest->digest, canonical.digest, sizeof digest->digest);
    }
    if (reading.descriptor >= 0) {
        close(reading.descriptor);
    }
    free(reading.block);
    XXH3_freeState(reading.digest);
    return done ? STATUS_OK
                : error_set(error, STATUS_BAD_INPUT, "%.400s: %s; name a file that can be read",
                            path, strerror(first));
}
