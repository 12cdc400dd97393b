/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks to try out: a folder of their own, images of rubbish, and what a disk must hold. */
#ifndef TESTS_UNIT_DISK_TEST_H
#define TESTS_UNIT_DISK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/disk.h"
#include "io/io.h"

/* -- Numbers ----------------------------------------------------------------------------------- */

static inline uint64_t random_next(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint64_t random_below(uint64_t *random, uint64_t end) {
    return (random_next(random) >> 20) % end;
}

static inline uint64_t number_of(const char *variable, uint64_t otherwise) {
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

/** The first seed of a test that takes several: what a failure says. */
static inline uint64_t seed_first(void) {
    return number_of("SANDGLASS_SEED", 1);
}

/** How many seeds it takes. */
static inline uint64_t seed_count(uint64_t otherwise) {
    return number_of("SANDGLASS_ROUNDS", otherwise);
}

static inline uint64_t random_from(uint64_t seed) {
    return (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static inline void random_fill(uint64_t *random, uint8_t *bytes, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++) {
        bytes[i] = (uint8_t)(random_next(random) >> 32);
    }
}

/* -- Files ------------------------------------------------------------------------------------- */

/** A folder, and names of files in it. */
struct folder {
    char path[PATH_MAX - 32];
    char image[PATH_MAX], overlay[PATH_MAX];
};

static inline int folder_setup(void **state) {
    static struct folder folder;
    const char *place = getenv("TMPDIR");
    snprintf(folder.path, sizeof folder.path, "%s/disk.XXXXXX", place == NULL ? "/tmp" : place);
    if (mkdtemp(folder.path) == NULL) {
        return -1;
    }
    snprintf(folder.image, sizeof folder.image, "%s/image", folder.path);
    snprintf(folder.overlay, sizeof folder.overlay, "%s/overlay", folder.path);
    *state = &folder;
    return 0;
}

static inline int folder_teardown(void **state) {
    const struct folder *folder = *state;
    unlink(folder->image);
    unlink(folder->overlay);
    return rmdir(folder->path);
}

#define folder_test(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

static inline void bytes_save(const char *path, const void *bytes, size_t size_bytes) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, size_bytes), size_bytes);
    close(descriptor);
}

/** A whole file. @return Bytes to be freed. */
static inline uint8_t *bytes_load(const char *path, size_t *size_bytes) {
    int descriptor = open(path, O_RDONLY);
    assert_true(descriptor >= 0);
    *size_bytes = (size_t)lseek(descriptor, 0, SEEK_END);
    uint8_t *bytes = malloc(*size_bytes + 1);
    assert_non_null(bytes);
    assert_int_equal(pread(descriptor, bytes, *size_bytes, 0), *size_bytes);
    close(descriptor);
    return bytes;
}

/* -- Disks ------------------------------------------------------------------------------------- */

static inline struct disk *disk_demand(const struct disk_options *options) {
    struct error error = {0};
    struct disk *disk = disk_open(options, &error);
    if (disk == NULL) {
        fail_msg("%s", error.text);
    }
    return disk;
}

static inline void disk_refused(const struct disk_options *options, enum status status,
                                const char *part) {
    struct error error = {0};
    struct disk *disk = disk_open(options, &error);
    assert_null(disk);
    if (error.status != status || strstr(error.text, part) == NULL ||
        strchr(error.text, '\n') != NULL) {
        fail_msg("status %d: %s", error.status, error.text);
    }
}

static inline void disk_finish(struct disk *disk) {
    struct error error = {0};
    if (!disk_close(disk, &error)) {
        fail_msg("%s", error.text);
    }
}

/** What a disk must hold. */
struct model {
    uint8_t *bytes;
    size_t size_bytes;
};

/** An image of rubbish, with some zeros in it, and its model. */
static inline struct model model_new(const char *path, size_t size_bytes, uint64_t *random) {
    struct model model = {malloc(size_bytes), size_bytes};
    assert_non_null(model.bytes);
    random_fill(random, model.bytes, size_bytes);
    memset(model.bytes + size_bytes / 2, 0, size_bytes / 8);
    bytes_save(path, model.bytes, size_bytes);
    return model;
}

static inline void model_matches(const struct model *model, struct disk *disk) {
    uint8_t *bytes = malloc(model->size_bytes);
    assert_non_null(bytes);
    assert_int_equal(disk_sectors(disk) * SECTOR_BYTES, model->size_bytes);
    assert_true(disk_read(disk, 0, bytes, model->size_bytes));
    for (size_t at = 0; at < model->size_bytes; at++) {
        if (bytes[at] != model->bytes[at]) {
            fail_msg("offset %zu: 0x%02x instead of 0x%02x", at, bytes[at], model->bytes[at]);
        }
    }
    free(bytes);
}

#endif
