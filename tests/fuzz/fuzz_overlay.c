/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as an overlay: refused in one line, or a disk that can be written and found again.
 *
 * Once as they are; once more with all digests put right, bottom-up, since no fuzzer guesses them.
 *
 * For libFuzzer: clang -fsanitize=fuzzer,address,undefined with this file, src/base/{base,stream}.c
 * and src/io/{blocks,overlay,slots,store,superblock}.c, -lxxhash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "io/disk.h"

enum { FILE_SLOTS_MAX = 256, FANOUT = 256, PROBES = 700, AT_DIGEST = 4088 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_overlay: %s\n", what);
        abort();
    }
}

/* -- The file ---------------------------------------------------------------------------------- */

struct file {
    uint8_t slots[FILE_SLOTS_MAX][SLOT_BYTES];
    size_t slot_count;
    bool mended[FILE_SLOTS_MAX];
};

static uint64_t word_get(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static void word_put(uint8_t *at, uint64_t word) {
    memcpy(at, &word, sizeof word);
}

/** Of an image that the first superblock may speak of. */
static struct image_identity identity_of(const struct file *file) {
    uint64_t size_bytes = word_get(file->slots[0] + 32) % (UINT64_C(1) << 42);
    return (struct image_identity){.size_bytes = (size_bytes | 512) & ~UINT64_C(511),
                                   .digest = word_get(file->slots[0] + 40)};
}

static unsigned root_level(const struct image_identity *image) {
    unsigned level = 0;
    while (((image->size_bytes - 1) / BLOCK_BYTES) >> 8 * level >= FANOUT) {
        level++;
    }
    return level;
}

/** Puts right what an entry says of what it points to, and first all that lies below. */
static void entry_mend(struct file *file, uint8_t *entry, unsigned level) {
    uint64_t slot = word_get(entry);
    if (slot < SLOT_FIRST) {
        word_put(entry + 8, 0);
        return;
    }
    if (slot >= file->slot_count) {
        return;
    }
    uint8_t *to = file->slots[slot];
    if (level > 0 && !file->mended[slot]) {
        file->mended[slot] = true;
        for (unsigned i = 0; i < FANOUT; i++) {
            entry_mend(file, to + 16 * i, level - 1);
        }
    }
    word_put(entry + 8, XXH3_64bits(to, SLOT_BYTES));
}

static void superblock_mend(struct file *file, const struct image_identity *image, unsigned place) {
    static const char magic[8] = {'S', 'g', 'l', 's', 'O', 'v', 'l', '\n'};
    uint8_t *record = file->slots[place];
    memset(file->mended, 0, sizeof file->mended);
    memcpy(record, magic, sizeof magic);
    word_put(record + 8, 1);
    word_put(record + 16, 0);
    word_put(record + 24, (word_get(record + 24) & ~UINT64_C(1)) | place);
    word_put(record + 32, image->size_bytes);
    word_put(record + 40, image->digest);
    entry_mend(file, record + 48, root_level(image) + 1);
    word_put(record + AT_DIGEST, XXH3_64bits(record, AT_DIGEST));
}

/* The one that holds comes last: what it mends may have been part of the other's tree. */
static void file_mend(struct file *file) {
    struct image_identity image = identity_of(file);
    uint64_t first = word_get(file->slots[0] + 24) / 2;
    uint64_t second = word_get(file->slots[1] + 24) / 2;
    superblock_mend(file, &image, first > second);
    superblock_mend(file, &image, first <= second);
}

/* -- What is tried ----------------------------------------------------------------------------- */

static uint64_t block_count(const struct image_identity *image) {
    return (image->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

/** Blocks from all over the disk, those at the ends among them. */
static uint64_t probe_block(const struct image_identity *image, unsigned probe) {
    uint64_t count = block_count(image);
    return probe < 300   ? probe % count
           : probe < 600 ? count - 1 - (probe - 300) % count
                         : count / (PROBES - 600) * (probe - 600);
}

/** Digests of the probes. @return false when one is damaged. */
static bool probes_read(struct overlay *overlay, const struct image_identity *image,
                        uint64_t *digests) {
    uint8_t bytes[BLOCK_BYTES];
    for (unsigned i = 0; i < PROBES; i++) {
        enum extent extent;
        uint64_t block = probe_block(image, i);
        uint64_t count = overlay_extent(overlay, block, block_count(image) - block, &extent);
        demand(count > 0 && count <= block_count(image) - block, "an extent outside the disk");
        if (extent == EXTENT_OVERLAY && !overlay_read(overlay, block, 1, bytes)) {
            return false;
        }
        digests[i] = extent == EXTENT_OVERLAY ? block_digest(bytes) : (uint64_t)extent;
    }
    return true;
}

static void digest_add(void *owner, const void *bytes, size_t size_bytes) {
    uint64_t *digest = owner;
    *digest = XXH3_64bits_withSeed(bytes, size_bytes, *digest);
}

static uint64_t state_of(const struct overlay *overlay) {
    uint64_t digest = 0;
    overlay_state(overlay, &(struct stream){.put = digest_add, .owner = &digest});
    return digest;
}

static void refused(const struct store *store) {
    const struct error *failure = &store->failure;
    demand(failure->status == STATUS_BAD_INPUT, "another status");
    demand(strchr(failure->text, '\n') == NULL && strstr(failure->text, "; ") != NULL,
           "line without remedy");
}

static void store_begin(struct store *store, int descriptor) {
    demand(store_init(store, dup(descriptor), "overlay"), "no memory");
}

/** Writes a block and a run of zeros, closes, and finds all of it again. */
static void live_on(struct overlay *overlay, struct store *store,
                    const struct image_identity *image, int descriptor) {
    uint8_t bytes[BLOCK_BYTES];
    uint64_t before[PROBES], after[PROBES];
    uint64_t count = block_count(image);
    memset(bytes, 0x5a, sizeof bytes);
    demand(overlay_write(overlay, count / 2, 1, bytes), "cannot write");
    demand(overlay_zero(overlay, count / 3, count / 7), "cannot write zeros");
    demand(overlay_commit(overlay), "cannot commit");
    demand(overlay_write(overlay, count - 1, 1, bytes), "cannot write again");
    demand(probes_read(overlay, image, before), "damaged by writing");
    uint64_t state = state_of(overlay);
    demand(overlay_close(overlay), "cannot close");
    store_close(store);
    store_begin(store, descriptor);
    overlay = overlay_open(store, image);
    demand(overlay != NULL && probes_read(overlay, image, after), "does not open again");
    demand(memcmp(before, after, sizeof before) == 0, "another disk when opened again");
    demand(state == state_of(overlay), "another state when opened again");
    demand(overlay_close(overlay), "cannot close again");
}

static void overlay_try(const struct file *file, bool mended) {
    static int descriptor = -1;
    struct store store;
    uint64_t digests[PROBES];
    struct image_identity image = identity_of(file);
    if (descriptor < 0) {
        descriptor = memfd_create("overlay", 0);
    }
    size_t size_bytes = file->slot_count * SLOT_BYTES;
    demand(ftruncate(descriptor, 0) == 0 &&
               pwrite(descriptor, file->slots, size_bytes, 0) == (ssize_t)size_bytes,
           "cannot write the file");
    store_begin(&store, descriptor);
    struct overlay *overlay = overlay_open(&store, &image);
    if (overlay == NULL) {
        refused(&store);
    } else if (!probes_read(overlay, &image, digests)) {
        demand(!mended, "damaged in spite of all digests");
        refused(&store);
        (void)overlay_close(overlay);
    } else {
        live_on(overlay, &store, &image, descriptor);
    }
    store_close(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    static struct file file;
    memset(&file, 0, sizeof file);
    size_bytes = min_u64(size_bytes, sizeof file.slots);
    memcpy(file.slots, bytes, size_bytes);
    file.slot_count = (size_bytes + SLOT_BYTES - 1) / SLOT_BYTES;
    overlay_try(&file, false);
    file.slot_count = file.slot_count < SLOT_FIRST ? SLOT_FIRST : file.slot_count;
    file_mend(&file);
    overlay_try(&file, true);
    return 0;
}
