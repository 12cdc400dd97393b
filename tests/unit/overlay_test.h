/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Overlays on a host that forgets: what was not synced when it stops may be there, in part or not
 * at all. */
#ifndef TESTS_UNIT_OVERLAY_TEST_H
#define TESTS_UNIT_OVERLAY_TEST_H

#include <sys/mman.h>

#include "disk_test.h"

/* -- The host ---------------------------------------------------------------------------------- */

enum change_kind { CHANGE_WRITE, CHANGE_PUNCH, CHANGE_TRUNCATE, CHANGE_SYNC };

/** A call that changed the file, or made changes safe. */
struct change {
    enum change_kind kind;
    size_t at, size_bytes; /* of TRUNCATE: at */
    uint8_t *bytes;        /* of WRITE */
};

/** A file of a host, and all that was done to it. */
struct host {
    int descriptor; /* the file as programs see it */
    struct change *changes;
    size_t change_count, change_room;
    uint64_t calls_left; /* then one of its calls fails, and so do all after it */
    int error;           /* how; 0: it never does */
    bool syncs_only;     /* only syncs count and fail */
    bool writes_short;   /* takes only a part of what it is given */
};

static inline bool host_fails(struct host *host, bool syncs) {
    bool counts = host->error != 0 && (syncs || !host->syncs_only);
    if (!counts || host->calls_left > 0) {
        host->calls_left -= counts;
        return false;
    }
    errno = host->error;
    return true;
}

static inline void host_note(struct host *host, enum change_kind kind, size_t at, const void *bytes,
                             size_t size_bytes) {
    if (host->change_count == host->change_room) {
        host->change_room = 2 * host->change_room + 64;
        host->changes = realloc(host->changes, host->change_room * sizeof *host->changes);
        assert_non_null(host->changes);
    }
    struct change *change = &host->changes[host->change_count++];
    *change = (struct change){kind, at, size_bytes, NULL};
    if (bytes != NULL) {
        change->bytes = malloc(size_bytes);
        assert_non_null(change->bytes);
        memcpy(change->bytes, bytes, size_bytes);
    }
}

static ssize_t host_read(struct store *store, void *bytes, size_t size_bytes, off_t at) {
    return host_fails(store->owner, false) ? -1 : pread(store->descriptor, bytes, size_bytes, at);
}

static ssize_t host_write(struct store *store, const void *bytes, size_t size_bytes, off_t at) {
    struct host *host = store->owner;
    if (host_fails(host, false)) {
        return -1;
    }
    if (host->writes_short && size_bytes > 1) {
        size_bytes = size_bytes / 2;
    }
    host_note(host, CHANGE_WRITE, (size_t)at, bytes, size_bytes);
    return pwrite(store->descriptor, bytes, size_bytes, at);
}

static int host_sync(struct store *store) {
    if (host_fails(store->owner, true)) {
        return -1;
    }
    host_note(store->owner, CHANGE_SYNC, 0, NULL, 0);
    return 0;
}

static int host_punch(struct store *store, off_t at, off_t size_bytes) {
    host_note(store->owner, CHANGE_PUNCH, (size_t)at, NULL, (size_t)size_bytes);
    return store_host_ops.punch(store, at, size_bytes);
}

static int host_truncate(struct store *store, off_t size_bytes) {
    host_note(store->owner, CHANGE_TRUNCATE, (size_t)size_bytes, NULL, 0);
    return store_host_ops.truncate(store, size_bytes);
}

static const struct store_ops host_ops = {
    .read = host_read,
    .write = host_write,
    .sync = host_sync,
    .punch = host_punch,
    .truncate = host_truncate,
};

/** @param bytes  What the file holds, safely. */
static inline void host_init(struct host *host, const uint8_t *bytes, size_t size_bytes) {
    *host = (struct host){.descriptor = memfd_create("overlay", 0)};
    assert_true(host->descriptor >= 0);
    assert_int_equal(pwrite(host->descriptor, bytes, size_bytes, 0), size_bytes);
}

static inline void host_forget(struct host *host) {
    for (size_t i = 0; i < host->change_count; i++) {
        free(host->changes[i].bytes);
    }
    host->change_count = 0;
}

static inline void host_free(struct host *host) {
    host_forget(host);
    free(host->changes);
    close(host->descriptor);
}

/** A store on the host's file; any number may come one after the other. */
static inline void host_open(struct host *host, struct store *store) {
    assert_true(store_init(store, dup(host->descriptor), "overlay"));
    store->ops = &host_ops;
    store->owner = host;
}

/* -- Files in memory --------------------------------------------------------------------------- */

/** What is on the host's disk. */
struct platter {
    uint8_t *bytes;
    size_t size_bytes, room_bytes;
};

static inline void platter_resize(struct platter *platter, size_t size_bytes) {
    if (size_bytes > platter->room_bytes) {
        platter->room_bytes = 2 * size_bytes;
        platter->bytes = realloc(platter->bytes, platter->room_bytes);
        assert_non_null(platter->bytes);
    }
    if (size_bytes > platter->size_bytes) {
        memset(platter->bytes + platter->size_bytes, 0, size_bytes - platter->size_bytes);
    }
    platter->size_bytes = size_bytes;
}

static inline void platter_copy(struct platter *to, const struct platter *from) {
    to->size_bytes = 0;
    platter_resize(to, from->size_bytes);
    if (from->size_bytes > 0) {
        memcpy(to->bytes, from->bytes, from->size_bytes);
    }
}

/** Does a part of a change. */
static inline void platter_change(struct platter *platter, const struct change *change, size_t from,
                                  size_t part) {
    size_t at = change->at + from;
    switch (change->kind) {
    case CHANGE_WRITE:
        if (at + part > platter->size_bytes) {
            platter_resize(platter, at + part);
        }
        memcpy(platter->bytes + at, change->bytes + from, part);
        break;
    case CHANGE_PUNCH:
        if (at < platter->size_bytes) {
            memset(platter->bytes + at, 0, min_u64(part, platter->size_bytes - at));
        }
        break;
    case CHANGE_TRUNCATE:
        platter_resize(platter, change->at);
        break;
    case CHANGE_SYNC:
        break;
    }
}

/** How much of what was not synced gets to the disk; the last leaves things most mixed up. */
enum luck { LUCK_NONE, LUCK_ALL, LUCK_ALL_BUT_ONE, LUCK_CHANGES, LUCK_SECTORS, LUCKS };

/** The host stops with these changes not synced. */
static inline void platter_lose(struct platter *platter, const struct change *changes, size_t count,
                                enum luck luck, uint64_t *random) {
    size_t loser = count == 0 ? 0 : random_below(random, count);
    for (size_t i = 0; i < count; i++) {
        const struct change *change = &changes[i];
        bool kept = luck == LUCK_ALL || (luck == LUCK_ALL_BUT_ONE && i != loser) ||
                    (luck == LUCK_CHANGES && random_below(random, 2) == 0);
        if (luck == LUCK_SECTORS && change->kind != CHANGE_TRUNCATE) {
            for (size_t at = 0; at < change->size_bytes; at += SECTOR_BYTES) {
                if (random_below(random, 2) == 0) {
                    platter_change(platter, change, at,
                                   min_u64(SECTOR_BYTES, change->size_bytes - at));
                }
            }
        } else if (kept) {
            platter_change(platter, change, 0, change->size_bytes);
        }
    }
}

/* -- Blocks ------------------------------------------------------------------------------------ */

/** Contents of a block stand for a number; 0: zeros. */
static inline void tag_put(uint8_t *bytes, uint64_t tag) {
    for (size_t i = 0; i < BLOCK_BYTES; i += sizeof tag) {
        memcpy(bytes + i, &tag, sizeof tag);
    }
}

static inline uint64_t tag_get(const uint8_t *bytes) {
    uint64_t tag, next;
    memcpy(&tag, bytes, sizeof tag);
    for (size_t i = 0; i < BLOCK_BYTES; i += sizeof tag) {
        memcpy(&next, bytes + i, sizeof next);
        if (next != tag) {
            fail_msg("a block of two kinds");
        }
    }
    return tag;
}

/** Tag of a block that is not in the overlay. */
#define TAG_IMAGE UINT64_MAX

/** Reads all blocks. @return false when the overlay has failed. */
static inline bool tags_read(struct overlay *overlay, uint64_t *tags, uint64_t count) {
    uint8_t bytes[BLOCK_BYTES];
    enum extent extent;
    for (uint64_t block = 0; block < count;) {
        uint64_t run = overlay_extent(overlay, block, count - block, &extent);
        for (uint64_t end = block + run; block < end; block++) {
            tags[block] = extent == EXTENT_IMAGE ? TAG_IMAGE : 0;
            if (extent == EXTENT_OVERLAY) {
                if (!overlay_read(overlay, block, 1, bytes)) {
                    return false;
                }
                tags[block] = tag_get(bytes);
            }
        }
    }
    return true;
}

#endif
