/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two first slots of an overlay: each says which tree is the disk; the later one holds. */
#include "io/disk.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

enum { FORMAT_VERSION = 1, PLACES = 2 };

/** Required features that are understood: none yet. */
static const uint64_t FEATURES_KNOWN = 0;
static const char MAGIC[8] = {'S', 'g', 'l', 's', 'O', 'v', 'l', '\n'};

/** As it lies in the file. Magic, version, required and digest stay where they are in
 * every version. */
struct record {
    char magic[8];
    uint32_t version;
    uint32_t unused;
    uint64_t required;
    uint64_t sequence;
    uint64_t image_bytes, image_digest;
    uint64_t root_slot, root_digest;
    uint8_t rest[SLOT_BYTES - 72];
    uint64_t digest; /* XXH3-64 of all before it */
};
_Static_assert(sizeof(struct record) == SLOT_BYTES, "a record is a slot");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are written as they lie here");

static uint64_t record_digest(const struct record *record) {
    return XXH3_64bits(record, offsetof(struct record, digest));
}

static bool refuse(struct store *store, const char *why) {
    return store_fail(store, STATUS_BAD_INPUT, "%s: %s", store->name, why);
}

/* -- Reading ----------------------------------------------------------------------------------- */

static bool record_ours(const struct record *record) {
    return memcmp(record->magic, MAGIC, sizeof MAGIC) == 0;
}

/** Written by us as a whole, in its place. */
static bool record_whole(const struct record *record, unsigned place) {
    return record_ours(record) && record->digest == record_digest(record) &&
           record->sequence % PLACES == place;
}

/** The record that holds, or NULL. */
static const struct record *record_choose(const struct record records[PLACES]) {
    bool whole[PLACES] = {record_whole(&records[0], 0), record_whole(&records[1], 1)};
    if (whole[0] && whole[1]) {
        return &records[records[0].sequence < records[1].sequence];
    }
    return whole[0] ? &records[0] : whole[1] ? &records[1] : NULL;
}

static bool record_check(struct store *store, const struct record *record,
                         const struct image_identity *image) {
    if (record->version != FORMAT_VERSION || (record->required & ~FEATURES_KNOWN) != 0) {
        return store_fail(store, STATUS_BAD_INPUT,
                          "%s: of format version %" PRIu32 ", features 0x%" PRIx64
                          ", this program knows version %d; use the one that made it",
                          store->name, record->version, record->required, FORMAT_VERSION);
    }
    if (record->image_bytes != image->size_bytes) {
        return store_fail(store, STATUS_BAD_INPUT,
                          "%s: belongs to an image of %" PRIu64 " bytes, this one has %" PRIu64
                          "; use it with its own image, or a new overlay",
                          store->name, record->image_bytes, image->size_bytes);
    }
    return record->image_digest == image->digest ||
           refuse(store,
                  "belongs to another image, or its image was changed since; use it with its "
                  "own image as it was, or a new overlay");
}

/** Do both say the same, so that either may be lost? */
static bool records_agree(const struct record records[PLACES]) {
    return record_whole(&records[0], 0) && record_whole(&records[1], 1) &&
           records[0].root_slot == records[1].root_slot &&
           records[0].root_digest == records[1].root_digest;
}

bool superblock_read(struct store *store, const struct image_identity *image,
                     struct superblock *superblock) {
    struct record records[PLACES];
    uint64_t size_bytes;
    memset(records, 0, sizeof records);
    if (!store_size(store, &size_bytes) ||
        !store_read(store, records, min_u64(size_bytes, sizeof records), 0)) {
        return false;
    }
    const struct record *record = record_choose(records);
    if (record == NULL) {
        return refuse(store, record_ours(&records[0]) || record_ours(&records[1])
                                 ? "damaged: neither superblock is whole; use a copy of it, or a "
                                   "new overlay"
                                 : "not an overlay; name one, or a file that does not exist yet");
    }
    *superblock = (struct superblock){
        .sequence = record->sequence,
        .root = {record->root_slot, record->root_digest},
        .doubled = records_agree(records),
    };
    return record_check(store, record, image);
}

/* -- Writing ----------------------------------------------------------------------------------- */

bool superblock_write(struct store *store, const struct image_identity *image,
                      const struct superblock *superblock) {
    struct record record = {
        .version = FORMAT_VERSION,
        .sequence = superblock->sequence,
        .image_bytes = image->size_bytes,
        .image_digest = image->digest,
        .root_slot = superblock->root.slot,
        .root_digest = superblock->root.digest,
    };
    memcpy(record.magic, MAGIC, sizeof MAGIC);
    record.digest = record_digest(&record);
    return store_write(store, &record, sizeof record, superblock->sequence % PLACES * SLOT_BYTES) &&
           store_sync(store);
}
