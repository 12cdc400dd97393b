/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An overlay: the blocks of a disk that differ from its image, in a file that no crash can spoil.
 *
 * The file is cut into slots of 4 KiB. Two of them are superblocks; the others hold a block of the
 * disk or a node of a tree. A node has 256 entries, and an entry says of one 256th of its node's
 * span: not here (read the image), reads as zeros, or lies in slot s and has digest d. Leaves
 * point to blocks, other nodes to nodes; the root's entry stands in the superblock. So a digest at
 * the top vouches for every byte that the guest has ever written.
 *
 * 1. What the committed tree needs (slots "held") is never written. A block that changes goes to a
 *    fresh slot; once there, it changes in place until the next commit.
 * 2. A commit writes the nodes that have changed, children first, each to a fresh slot; syncs;
 *    writes the older superblock; syncs. The write of that one sector is when the disk changes from
 *    the one commit to the next. Before it the old tree is whole by rule 1, after it the new one
 *    is safe, and a superblock that is torn is not whole: then the other one holds.
 * 3. What only the former tree needed is free after the second sync, not before.
 * 4. So whenever the host stops, the disk is as of the last commit, exactly: not a mixture, and
 *    nothing that was written after it. Commits come with each flush of the guest and at the end.
 * 5. Nothing unverified reaches the guest: nodes are checked when the overlay is opened, all of
 *    them, and blocks whenever they are read.
 * 6. No slot has two owners. An overlay that says otherwise is damaged.
 * 7. At the end both superblocks are made to say the same, so that one of them may rot.
 *
 * Example: a disk of 2 MiB, so a root (level 1) over leaves (level 0). The guest writes block 300
 * and flushes. The block goes to slot 2; leaf 1 gets {2, digest} as its entry 44 and goes to slot
 * 3; the root gets {3, digest} as its entry 1 and goes to slot 4; the superblock gets {4, digest}.
 * The guest writes block 300 again: slot 2 is held, so it goes to slot 5. Crash: the tree in slot
 * 4 still says slot 2, and 5 is free again. Flush instead: leaf in slot 6, root in slot 7, and
 * slots 2 to 4 are free.
 *
 * All nodes are kept in memory, 4 KiB for each MiB of the disk in which something was written, so
 * reading costs no reads of nodes, and the free slots are known without being written down.
 *
 * Rejected: a journal beside blocks in place (each block written twice, and recovery is code that
 * runs only when something is wrong already); a log of blocks (grows with every write, and has to
 * be cleaned); a table of blocks in the file, changed in place, as simple formats have it (a torn
 * sector of the table loses blocks that were safe); one sync for a commit, with the digests telling
 * whether it got there (each block of the last commit would have to be read at every open). */
#include "io/disk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FANOUT_SHIFT = 8, FANOUT = 1 << FANOUT_SHIFT };
/** When free slots are given back, and how many must lie together to be worth a call. */
enum { SWEEP_SLOTS = 4096, SWEEP_RUN = 16 };

/** What stands for a slot where there is none. */
enum place { PLACE_IMAGE, PLACE_ZEROS };
_Static_assert((int)PLACE_ZEROS < (int)SLOT_FIRST, "no slot has the number of a place");

/** A part of the tree, as in the file. */
struct node {
    struct entry entries[FANOUT];
    bool dirty;              /* it or a node below differs from the file */
    struct node *children[]; /* FANOUT, in a leaf none; NULL: the entry is a place */
};
_Static_assert(sizeof(struct entry[FANOUT]) == SLOT_BYTES, "a node's entries are a slot");

struct overlay {
    struct store *store; /* not owned */
    struct image_identity image;
    uint64_t block_count;
    bool temporary;
    unsigned level; /* of the root; leaves are 0 */
    struct node *root;
    struct superblock superblock; /* as written last */
    struct slots slots;
};

static bool out_of_memory(struct overlay *overlay) {
    return store_fail(overlay->store, STATUS_HOST_IO, "%s: out of memory; free some and try again",
                      overlay->store->name);
}

static bool damaged(struct overlay *overlay, uint64_t slot) {
    return store_fail(overlay->store, STATUS_BAD_INPUT,
                      "%s: damaged at offset %" PRIu64 "; use a copy of it, or a new overlay",
                      overlay->store->name, slot * SLOT_BYTES);
}

/* -- Nodes ------------------------------------------------------------------------------------- */

/** Blocks that an entry at this level speaks of, as a power of two. */
static unsigned level_shift(unsigned level) {
    return FANOUT_SHIFT * level;
}

static unsigned level_idx(unsigned level, uint64_t block) {
    return (unsigned)(block >> level_shift(level)) % FANOUT;
}

/** @param place  What all its entries say. @return NULL: out of memory. */
static struct node *node_new(unsigned level, enum place place) {
    struct node *node = calloc(1, sizeof *node + (level > 0 ? FANOUT * sizeof node : 0));
    if (node != NULL && place != PLACE_IMAGE) {
        for (unsigned i = 0; i < FANOUT; i++) {
            node->entries[i].slot = place;
        }
    }
    return node;
}

static void node_free(struct node *node, unsigned level) {
    if (node == NULL) {
        return;
    }
    for (unsigned i = 0; level > 0 && i < FANOUT; i++) {
        node_free(node->children[i], level - 1);
    }
    free(node);
}

/** Lets @p entry say @p place, and gives up what it said before. */
static void entry_clear(struct overlay *overlay, struct entry *entry, enum place place) {
    if (entry->slot >= SLOT_FIRST) {
        slots_drop(&overlay->slots, entry->slot);
    }
    *entry = (struct entry){.slot = place};
}

/** Gives up all that lies under a node, and the node. */
static void node_drop(struct overlay *overlay, struct node *node, unsigned level) {
    for (unsigned i = 0; i < FANOUT; i++) {
        if (level > 0 && node->children[i] != NULL) {
            node_drop(overlay, node->children[i], level - 1);
        }
        entry_clear(overlay, &node->entries[i], PLACE_IMAGE);
    }
    free(node);
}

/** The child for writing, made if need be. @return NULL on failure. */
static struct node *node_child(struct overlay *overlay, struct node *node, unsigned level,
                               unsigned idx) {
    struct node *child = node->children[idx];
    if (child == NULL) {
        child = node_new(level - 1, (enum place)node->entries[idx].slot);
        if (child == NULL) {
            out_of_memory(overlay);
            return NULL;
        }
        node->children[idx] = child;
        node->entries[idx] = (struct entry){.slot = PLACE_IMAGE};
    }
    child->dirty = true;
    return child;
}

/** The leaf that speaks of @p block, for writing. @return NULL on failure. */
static struct node *leaf_for_writing(struct overlay *overlay, uint64_t block) {
    struct node *node = overlay->root;
    node->dirty = true;
    for (unsigned level = overlay->level; node != NULL && level > 0; level--) {
        node = node_child(overlay, node, level, level_idx(level, block));
    }
    return node;
}

/* -- Opening ----------------------------------------------------------------------------------- */

static struct node *node_load(struct overlay *overlay, const struct entry *from, unsigned level,
                              uint64_t block);

/** Checks entry @p idx of a node that was read, and reads what it points to. */
static bool entry_load(struct overlay *overlay, struct node *node, unsigned level, unsigned idx,
                       uint64_t block) {
    const struct entry *entry = &node->entries[idx];
    bool inside = block < overlay->block_count;
    if (entry->slot < SLOT_FIRST) {
        return entry->digest == 0;
    }
    if (!inside || !slots_claim(&overlay->slots, entry->slot)) {
        return false;
    }
    if (level > 0) {
        node->children[idx] = node_load(overlay, entry, level - 1, block);
    }
    return level == 0 || node->children[idx] != NULL;
}

/* Anything may stand in the file. That no slot is claimed twice keeps the tree from being larger
 * than the file. @param from  Its slot is claimed. */
static struct node *node_load(struct overlay *overlay, const struct entry *from, unsigned level,
                              uint64_t block) {
    struct node *node = node_new(level, PLACE_IMAGE);
    if (node == NULL) {
        out_of_memory(overlay);
        return NULL;
    }
    bool good = store_read(overlay->store, node->entries, SLOT_BYTES, from->slot * SLOT_BYTES) &&
                block_digest(node->entries) == from->digest;
    for (unsigned i = 0; good && i < FANOUT; i++) {
        good = entry_load(overlay, node, level, i, block + ((uint64_t)i << level_shift(level)));
    }
    if (!good) {
        damaged(overlay, from->slot);
        node_free(node, level);
        return NULL;
    }
    return node;
}

/** Reads the whole tree. @return NULL on failure. */
static struct node *root_load(struct overlay *overlay) {
    const struct entry *root = &overlay->superblock.root;
    if (root->slot == PLACE_IMAGE && root->digest == 0) {
        struct node *node = node_new(overlay->level, PLACE_IMAGE);
        if (node == NULL) {
            out_of_memory(overlay);
        }
        return node;
    }
    if (!slots_claim(&overlay->slots, root->slot)) {
        damaged(overlay, overlay->superblock.sequence % SLOT_FIRST);
        return NULL;
    }
    return node_load(overlay, root, overlay->level, 0);
}

/** With no tree and all slots of the file free. @return NULL on failure. */
static struct overlay *overlay_make(struct store *store, const struct image_identity *image) {
    struct overlay *overlay = calloc(1, sizeof *overlay);
    uint64_t file_bytes;
    if (overlay == NULL) {
        store_fail(store, STATUS_HOST_IO, "%s: out of memory; free some and try again",
                   store->name);
        return NULL;
    }
    overlay->store = store;
    overlay->image = *image;
    overlay->block_count = (image->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    while ((overlay->block_count - 1) >> level_shift(overlay->level) >= FANOUT) {
        overlay->level++;
    }
    if (!store_size(store, &file_bytes)) {
        free(overlay);
        return NULL;
    }
    if (!slots_init(&overlay->slots, file_bytes / SLOT_BYTES)) {
        out_of_memory(overlay);
        free(overlay);
        return NULL;
    }
    return overlay;
}

/** Frees memory alone. */
static void overlay_free(struct overlay *overlay) {
    node_free(overlay->root, overlay->level);
    slots_free(&overlay->slots);
    free(overlay);
}

/* What a killed run has written may not be safe yet. It has to be before anything is written to
 * slots that only the tree before that needs. */
struct overlay *overlay_open(struct store *store, const struct image_identity *image) {
    struct superblock superblock;
    if (!store_sync(store) || !superblock_read(store, image, &superblock)) {
        return NULL;
    }
    struct overlay *overlay = overlay_make(store, image);
    if (overlay == NULL) {
        return NULL;
    }
    overlay->superblock = superblock;
    overlay->root = root_load(overlay);
    if (overlay->root == NULL) {
        overlay_free(overlay);
        return NULL;
    }
    return overlay;
}

struct overlay *overlay_new(struct store *store, const struct image_identity *image,
                            bool temporary) {
    struct overlay *overlay = overlay_make(store, image);
    if (overlay == NULL) {
        return NULL;
    }
    overlay->temporary = temporary;
    overlay->root = node_new(overlay->level, PLACE_IMAGE);
    bool good = overlay->root != NULL || out_of_memory(overlay);
    if (!temporary) {
        good = good && superblock_write(store, image, &overlay->superblock);
    }
    if (!good) {
        overlay_free(overlay);
        return NULL;
    }
    return overlay;
}

/* -- Reading ----------------------------------------------------------------------------------- */

/** How many of the entries from @p idx on lie one after the other, or are the same place. */
static uint64_t entries_together(const struct entry *entries, unsigned idx) {
    uint64_t first = entries[idx].slot;
    uint64_t step = first >= SLOT_FIRST;
    uint64_t count = 1;
    while (idx + count < FANOUT && entries[idx + count].slot == first + count * step) {
        count++;
    }
    return count;
}

/* A place that stands high in the tree speaks of many blocks at once. */
uint64_t overlay_extent(const struct overlay *overlay, uint64_t block, uint64_t count_max,
                        enum extent *extent) {
    const struct node *node = overlay->root;
    unsigned level = overlay->level;
    unsigned idx = level_idx(level, block);
    while (level > 0 && node->children[idx] != NULL) {
        node = node->children[idx];
        level--;
        idx = level_idx(level, block);
    }
    uint64_t slot = node->entries[idx].slot;
    *extent = slot == PLACE_IMAGE   ? EXTENT_IMAGE
              : slot == PLACE_ZEROS ? EXTENT_ZEROS
                                    : EXTENT_OVERLAY;
    if (level > 0) {
        uint64_t span = UINT64_C(1) << level_shift(level);
        return min_u64(span - block % span, count_max);
    }
    return min_u64(entries_together(node->entries, idx), count_max);
}

/** Entry of a block that is here. */
static const struct entry *block_entry(const struct overlay *overlay, uint64_t block) {
    const struct node *node = overlay->root;
    for (unsigned level = overlay->level; level > 0; level--) {
        node = node->children[level_idx(level, block)];
    }
    return &node->entries[level_idx(0, block)];
}

/* The blocks of an extent have neighbouring entries. */
bool overlay_read(struct overlay *overlay, uint64_t block, uint64_t count, void *bytes) {
    const struct entry *entry = block_entry(overlay, block);
    const uint8_t *at = bytes;
    if (!store_read(overlay->store, bytes, count * BLOCK_BYTES, entry->slot * SLOT_BYTES)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (block_digest(at + i * BLOCK_BYTES) != entry[i].digest) {
            return damaged(overlay, entry[i].slot);
        }
    }
    return true;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/** Blocks on their way to neighbouring slots. */
struct slot_run {
    uint64_t slot, count;
    const uint8_t *bytes;
};

static bool run_write(struct overlay *overlay, struct slot_run *run) {
    uint64_t count = run->count;
    run->count = 0;
    return count == 0 ||
           store_write(overlay->store, run->bytes, count * SLOT_BYTES, run->slot * SLOT_BYTES);
}

/** Lets @p entry point to a slot that may be written. */
static bool entry_make_writable(struct overlay *overlay, struct entry *entry) {
    if (entry->slot >= SLOT_FIRST && !slots_held(&overlay->slots, entry->slot)) {
        return true;
    }
    entry_clear(overlay, entry, PLACE_IMAGE);
    uint64_t slot;
    if (!slots_take(&overlay->slots, &slot)) {
        return out_of_memory(overlay);
    }
    entry->slot = slot;
    return true;
}

/** Lets @p entry speak of new contents, which join @p run. Blocks of zeros take no slot. */
static bool block_write(struct overlay *overlay, struct entry *entry, const uint8_t *bytes,
                        struct slot_run *run) {
    uint64_t digest = block_digest(bytes);
    if (block_is_zeros(bytes, digest)) {
        entry_clear(overlay, entry, PLACE_ZEROS);
        return run_write(overlay, run);
    }
    if (!entry_make_writable(overlay, entry)) {
        return false;
    }
    entry->digest = digest;
    if (run->count > 0 && entry->slot != run->slot + run->count && !run_write(overlay, run)) {
        return false;
    }
    if (run->count == 0) {
        *run = (struct slot_run){.slot = entry->slot, .bytes = bytes};
    }
    run->count++;
    return true;
}

bool overlay_write(struct overlay *overlay, uint64_t block, uint64_t count, const void *bytes) {
    const uint8_t *at = bytes;
    struct slot_run run = {0};
    struct node *leaf = NULL;
    bool good = overlay->store->failure.status == STATUS_OK;
    for (uint64_t i = 0; good && i < count; i++) {
        unsigned idx = level_idx(0, block + i);
        if (leaf == NULL || idx == 0) {
            leaf = leaf_for_writing(overlay, block + i);
        }
        good =
            leaf != NULL && block_write(overlay, &leaf->entries[idx], at + i * BLOCK_BYTES, &run);
    }
    return good && run_write(overlay, &run);
}

/* -- Places ------------------------------------------------------------------------------------ */

/** Blocks that are all to be found at one place. */
struct placing {
    struct overlay *overlay;
    enum place place;
};

/** Lets one entry of a node say so. */
static void entry_place(const struct placing *placing, struct node *node, unsigned level,
                        unsigned idx) {
    if (level > 0 && node->children[idx] != NULL) {
        node_drop(placing->overlay, node->children[idx], level - 1);
        node->children[idx] = NULL;
    }
    entry_clear(placing->overlay, &node->entries[idx], placing->place);
}

/** Blocks [first, end) of those that a node speaks of. */
static bool node_place(const struct placing *placing, struct node *node, unsigned level,
                       uint64_t first, uint64_t end) {
    struct overlay *overlay = placing->overlay;
    uint64_t span = UINT64_C(1) << level_shift(level);
    bool good = true;
    node->dirty = true;
    while (good && first < end) {
        unsigned idx = level_idx(level, first);
        uint64_t part_end = min_u64((first | (span - 1)) + 1, end);
        bool reaches = part_end % span == 0 || part_end == overlay->block_count;
        if (first % span == 0 && reaches) {
            entry_place(placing, node, level, idx);
        } else {
            struct node *child = node_child(overlay, node, level, idx);
            good = child != NULL && node_place(placing, child, level - 1, first, part_end);
        }
        first = part_end;
    }
    return good;
}

static void sweep(struct overlay *overlay) {
    if (overlay->slots.backed_count >= SWEEP_SLOTS) {
        slots_sweep(&overlay->slots, overlay->store, SWEEP_RUN);
    }
}

static bool range_place(struct overlay *overlay, uint64_t block, uint64_t count, enum place place) {
    const struct placing placing = {overlay, place};
    bool good = overlay->store->failure.status == STATUS_OK &&
                node_place(&placing, overlay->root, overlay->level, block, block + count);
    if (good) {
        sweep(overlay);
    }
    return good;
}

bool overlay_zero(struct overlay *overlay, uint64_t block, uint64_t count) {
    return range_place(overlay, block, count, PLACE_ZEROS);
}

bool overlay_forget(struct overlay *overlay, uint64_t block, uint64_t count) {
    return range_place(overlay, block, count, PLACE_IMAGE);
}

/* -- Committing -------------------------------------------------------------------------------- */

/** Writes what has changed under a node and the node itself. @param entry  That speaks of it. */
static bool node_commit(struct overlay *overlay, struct node *node, unsigned level,
                        struct entry *entry) {
    for (unsigned i = 0; level > 0 && i < FANOUT; i++) {
        struct node *child = node->children[i];
        if (child != NULL && child->dirty &&
            !node_commit(overlay, child, level - 1, &node->entries[i])) {
            return false;
        }
    }
    if (!entry_make_writable(overlay, entry)) {
        return false;
    }
    entry->digest = block_digest(node->entries);
    node->dirty = false;
    return store_write(overlay->store, node->entries, SLOT_BYTES, entry->slot * SLOT_BYTES);
}

bool overlay_commit(struct overlay *overlay) {
    if (overlay->temporary || !overlay->root->dirty ||
        overlay->store->failure.status != STATUS_OK) {
        return overlay->store->failure.status == STATUS_OK;
    }
    struct superblock next = {.sequence = overlay->superblock.sequence + 1,
                              .root = overlay->superblock.root};
    if (!node_commit(overlay, overlay->root, overlay->level, &next.root) ||
        !store_sync(overlay->store) || !superblock_write(overlay->store, &overlay->image, &next)) {
        return false;
    }
    overlay->superblock = next;
    slots_commit(&overlay->slots);
    sweep(overlay);
    return true;
}

/** Writes the superblock once more, over the other one. */
static bool superblock_double(struct overlay *overlay) {
    if (overlay->superblock.doubled) {
        return true;
    }
    overlay->superblock.sequence++;
    return superblock_write(overlay->store, &overlay->image, &overlay->superblock);
}

/* Room is given back only once neither superblock speaks of it. */
bool overlay_close(struct overlay *overlay) {
    if (overlay == NULL) {
        return true;
    }
    bool good = overlay_commit(overlay);
    if (good && !overlay->temporary) {
        good = superblock_double(overlay);
        if (good) {
            slots_sweep(&overlay->slots, overlay->store, SWEEP_RUN);
            store_truncate(overlay->store, slots_trim(&overlay->slots) * SLOT_BYTES);
        }
    }
    overlay_free(overlay);
    return good;
}

/* -- State ------------------------------------------------------------------------------------- */

static void node_walk(const struct overlay *overlay, const struct node *node, unsigned level,
                      uint64_t block, struct block_walk *walk) {
    uint64_t span = UINT64_C(1) << level_shift(level);
    for (unsigned i = 0; i < FANOUT && block < overlay->block_count; i++, block += span) {
        if (level > 0 && node->children[i] != NULL) {
            node_walk(overlay, node->children[i], level - 1, block, walk);
        } else if (node->entries[i].slot == PLACE_ZEROS) {
            block_walk_zeros(walk, block, min_u64(span, overlay->block_count - block));
        } else if (node->entries[i].slot >= SLOT_FIRST) {
            block_walk_one(walk, block, node->entries[i].digest);
        }
    }
}

void overlay_state(const struct overlay *overlay, struct stream *stream) {
    struct block_walk walk = {.stream = stream};
    node_walk(overlay, overlay->root, overlay->level, 0, &walk);
    block_walk_end(&walk);
}
