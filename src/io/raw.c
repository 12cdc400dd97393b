/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw images: what looks like another format is refused with the way to convert it, and what an
 * overlay belongs to is known by a digest of samples. */
#include "io/disk.h"

#include "io/io.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* -- Other formats ----------------------------------------------------------------------------- */

enum { MAGIC_BYTES_MAX = 8, HEAD_BYTES = 512, TAIL_BYTES = 512 };

/** How a format is known; its name is the one that qemu-img has for it, NULL: packed by @p unpack.
 */
struct format {
    const char *name;
    const char *unpack;
    int offset; /* negative: from the end */
    size_t magic_bytes;
    char magic[MAGIC_BYTES_MAX];
};

static const struct format formats[] = {
    {"qcow2", NULL, 0, 4, "QFI\xfb"},
    {"qed", NULL, 0, 4, {'Q', 'E', 'D', 0}},
    {"vmdk", NULL, 0, 4, "KDMV"},
    {"vmdk", NULL, 0, 4, "COWD"},
    {"vmdk", NULL, 0, 8, {'#', ' ', 'D', 'i', 's', 'k', ' ', 'D'}},
    {"vdi", NULL, 64, 4, "\x7f\x10\xda\xbe"},
    {"vhdx", NULL, 0, 8, {'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e'}},
    {"vpc", NULL, 0, 8, {'c', 'o', 'n', 'e', 'c', 't', 'i', 'x'}},
    {"vpc", NULL, -512, 8, {'c', 'o', 'n', 'e', 'c', 't', 'i', 'x'}},
    {"dmg", NULL, -512, 4, "koly"},
    {"parallels", NULL, 0, 8, {'W', 'i', 't', 'h', 'o', 'u', 't', 'F'}},
    {"parallels", NULL, 0, 8, {'W', 'i', 't', 'h', 'o', 'u', 'F', 'r'}},
    {NULL, "gunzip", 0, 3, "\x1f\x8b\x08"},
    {NULL, "unxz", 0, 6, {'\xfd', '7', 'z', 'X', 'Z', 0}},
    {NULL, "unzstd", 0, 4, "\x28\xb5\x2f\xfd"},
    {NULL, "bunzip2", 0, 4, "BZh9"},
};

static bool format_matches(const struct format *format, const uint8_t *head, const uint8_t *tail) {
    const uint8_t *at =
        format->offset < 0 ? tail + TAIL_BYTES + format->offset : head + format->offset;
    return memcmp(at, format->magic, format->magic_bytes) == 0;
}

static bool format_check(struct store *image, uint64_t size_bytes) {
    uint8_t head[HEAD_BYTES] = {0};
    uint8_t tail[TAIL_BYTES] = {0};
    uint64_t part = min_u64(size_bytes, HEAD_BYTES);
    if (!store_read(image, head, part, 0) ||
        !store_read(image, tail + TAIL_BYTES - part, part, size_bytes - part)) {
        return false;
    }
    for (size_t i = 0; i < COUNT(formats); i++) {
        const struct format *format = &formats[i];
        if (!format_matches(format, head, tail)) {
            continue;
        }
        if (format->name == NULL) {
            return store_fail(image, STATUS_BAD_INPUT, "%s: is packed; unpack it with %s",
                              image->name, format->unpack);
        }
        return store_fail(image, STATUS_BAD_INPUT,
                          "%s: is a %s image, and only raw ones are read; convert it with "
                          "'qemu-img convert -O raw', and use what that makes",
                          image->name, format->name);
    }
    return true;
}

bool raw_check(struct store *image, bool any, uint64_t *size_bytes) {
    if (!store_size(image, size_bytes) || (!any && !format_check(image, *size_bytes))) {
        return false;
    }
    if (*size_bytes == 0 || *size_bytes % SECTOR_BYTES != 0) {
        return store_fail(image, STATUS_BAD_INPUT,
                          "%s: has %" PRIu64 " bytes, which is no multiple of %d; make it one with "
                          "truncate -s %%%d",
                          image->name, *size_bytes, SECTOR_BYTES, SECTOR_BYTES);
    }
    return true;
}

/* -- Identity ---------------------------------------------------------------------------------- */

enum { FIRST_BYTES = 1 << 20, LAST_BYTES = 64 << 10, SPREAD_COUNT = 256, SPREAD_BYTES = 4096 };

/* What says most about an image is at its ends (partition tables, superblocks); what is spread over
 * the rest finds most files of the same size that differ elsewhere. */
bool raw_identify(struct store *image, uint64_t size_bytes, struct image_identity *identity) {
    XXH3_state_t *digest = XXH3_createState();
    uint8_t *bytes = malloc(FIRST_BYTES);
    bool good = digest != NULL && bytes != NULL && XXH3_64bits_reset(digest) == XXH_OK;
    if (!good) {
        store_fail(image, STATUS_HOST_IO, "%s: out of memory; free some and try again",
                   image->name);
    }
    for (unsigned i = 0; good && i < SPREAD_COUNT + 2; i++) {
        uint64_t at = i == 0 ? 0 : size_bytes / SPREAD_COUNT * (i - 1);
        uint64_t part = i == 0 ? FIRST_BYTES : SPREAD_BYTES;
        if (i == SPREAD_COUNT + 1) {
            at = size_bytes - min_u64(size_bytes, LAST_BYTES);
            part = LAST_BYTES;
        }
        part = min_u64(part, size_bytes - at);
        good = store_read(image, bytes, part, at);
        (void)XXH3_64bits_update(digest, bytes, good ? part : 0);
    }
    if (good) {
        *identity = (struct image_identity){size_bytes, XXH3_64bits_digest(digest)};
    }
    XXH3_freeState(digest);
    free(bytes);
    return good;
}
