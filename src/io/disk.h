/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What disks are made of: files of the host, slots of a file, the overlay. Private to io/. */
#ifndef IO_DISK_H
#define IO_DISK_H

#include <sys/types.h>

#include "base/base.h"

/* -- store.c: a file of the host, which once failed stays failed ------------------------------- */

struct store;

/** The system calls under a file, so that a test can stand in for the host. They return -1 and set
 * errno when they fail. */
struct store_ops {
    ssize_t (*read)(struct store *store, void *bytes, size_t size_bytes, off_t offset_bytes);
    ssize_t (*write)(struct store *store, const void *bytes, size_t size_bytes, off_t offset_bytes);
    int (*sync)(struct store *store); /* what was written is safe when it returns */
    int (*punch)(struct store *store, off_t offset_bytes, off_t size_bytes);
    int (*truncate)(struct store *store, off_t size_bytes);
};

/** The host's own. */
extern const struct store_ops store_host_ops;

struct store {
    const struct store_ops *ops;
    void *owner; /* of ops that are not the host's */
    int descriptor;
    char *name;           /* for messages */
    struct error failure; /* the first; status 0: none */
};

/**
 * Opens a file without a name, that is gone when it is closed.
 * @param folder  Set to where: TMPDIR, or /var/tmp.
 * @return -1 with errno set when the host has none.
 */
int nameless_open(const char **folder);

enum store_lock { STORE_SHARED, STORE_EXCLUSIVE };

/** Wraps an open descriptor, which is the file's from then on. @return false: out of memory. */
bool store_init(struct store *store, int descriptor, const char *name);
/** Closes. A file of zeros is fine. @return false when the host says that writes were lost. */
bool store_close(struct store *store);
/**
 * Shared: nobody may write the file while we read it. Exclusive: nobody else may open it.
 * @return false when somebody does: store->failure.
 */
bool store_lock(struct store *store, enum store_lock lock);
/** The file's size or, of a block device, the device's. */
bool store_size(struct store *store, uint64_t *size_bytes);

/* All or nothing: false from the first failure on, which stays in store->failure. */
bool store_read(struct store *store, void *bytes, size_t size_bytes, uint64_t offset_bytes);
bool store_write(struct store *store, const void *bytes, size_t size_bytes, uint64_t offset_bytes);
bool store_sync(struct store *store);
/** Takes the host's room of a range, which reads as zeros then. @return false: cannot be done here,
 * and nothing has failed. */
bool store_punch(struct store *store, uint64_t offset_bytes, uint64_t size_bytes);
/** Cuts the end off, if the host can. */
void store_truncate(struct store *store, uint64_t size_bytes);
/** Sets store->failure, unless there is one. @return false, for `return`. */
bool store_fail(struct store *store, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* -- slots.c: which parts of an overlay's file are in use -------------------------------------- */

enum { SLOT_BYTES = 4096, SLOT_FIRST = 2 }; /* before it: the superblocks */

struct slot_word;

/** A slot is free when neither the tree nor the one committed last needs it. */
struct slots {
    struct slot_word *words;
    uint64_t word_count;
    uint64_t count;  /* slots at or beyond this are free and have no room on the host */
    uint64_t cursor; /* where to look for a free one next */
    uint64_t free_count;
    uint64_t backed_count; /* free ones that the host may have room for: about */
};

/** @param count  Slots of the file so far, all of them free. @return false: out of memory. */
bool slots_init(struct slots *slots, uint64_t count);
void slots_free(struct slots *slots);
/** Takes a free slot, the one behind the last if it can. @return false: out of memory. */
bool slots_take(struct slots *slots, uint64_t *slot);
/** Marks a slot as used by the committed tree. @return false when it is already or does not exist.
 */
bool slots_claim(struct slots *slots, uint64_t slot);
/** The tree needs the slot no more. */
void slots_drop(struct slots *slots, uint64_t slot);
/** Does the committed tree need it, so that it must not be written? */
bool slots_held(const struct slots *slots, uint64_t slot);
/** The tree is now the committed one: frees what only the last one needed. */
void slots_commit(struct slots *slots);
/** Gives room of free slots back to the host, in runs of at least @p run_min. */
void slots_sweep(struct slots *slots, struct store *store, uint64_t run_min);
/** Forgets free slots at the end. @return The slots that are left. */
uint64_t slots_trim(struct slots *slots);

/* -- raw.c: images ----------------------------------------------------------------------------- */

/** What tells images apart. */
struct image_identity {
    uint64_t size_bytes;
    uint64_t digest; /* of some of its contents */
};

/**
 * Looks whether an image can be used as it is.
 * @param any  It is known to be raw, whatever it looks like.
 * @return     false, and image->failure, when it is of another format or size.
 */
bool raw_check(struct store *image, bool any, uint64_t *size_bytes);
/** Identifies an image. Reads 2 MiB of it at most. */
bool raw_identify(struct store *image, uint64_t size_bytes, struct image_identity *identity);

/* -- superblock.c: which tree of an overlay is the disk ---------------------------------------- */

/** What a node says of one of its parts. */
struct entry {
    uint64_t slot;   /* or below SLOT_FIRST: an enum place */
    uint64_t digest; /* XXH3-64 of what the slot holds; 0 when there is none */
};

struct superblock {
    uint64_t sequence; /* one more with each write */
    struct entry root;
    bool doubled; /* either of the two places may be lost */
};

/** Reads the one that holds. @return false when there is none for this image: store->failure. */
bool superblock_read(struct store *store, const struct image_identity *image,
                     struct superblock *superblock);
/** Writes over the older one, and syncs. */
bool superblock_write(struct store *store, const struct image_identity *image,
                      const struct superblock *superblock);

/* -- overlay.c: blocks that differ from an image ----------------------------------------------- */

enum { BLOCK_BYTES = SLOT_BYTES };

struct overlay;

/** Where blocks are found. */
enum extent { EXTENT_IMAGE, EXTENT_ZEROS, EXTENT_OVERLAY };

/**
 * Opens an overlay for writing.
 * @param store  Locked. Stays the caller's, who closes it after the overlay.
 * @return      NULL on failure, which shows in @p store.
 */
struct overlay *overlay_open(struct store *store, const struct image_identity *image);
/** Makes one in an empty file; or a temporary one, which is never committed. */
struct overlay *overlay_new(struct store *store, const struct image_identity *image,
                            bool temporary);
/** Commits, unless the file has failed. NULL is fine. */
bool overlay_close(struct overlay *overlay);

/* Blocks lie inside the image. Past its end, the last one holds zeros. */

/** Where @p block is. @return How many from it on [1, count_max] lie together with it. */
uint64_t overlay_extent(const struct overlay *overlay, uint64_t block, uint64_t count_max,
                        enum extent *extent);
/** Reads blocks of one EXTENT_OVERLAY, and checks them. */
bool overlay_read(struct overlay *overlay, uint64_t block, uint64_t count, void *bytes);
bool overlay_write(struct overlay *overlay, uint64_t block, uint64_t count, const void *bytes);
bool overlay_zero(struct overlay *overlay, uint64_t block, uint64_t count);
/** The blocks are those of the image again. */
bool overlay_forget(struct overlay *overlay, uint64_t block, uint64_t count);
/** Everything written so far is safe, or the file has failed and opens again as it was before. */
bool overlay_commit(struct overlay *overlay);
/** Tells of each run of blocks that are here, in order; sets nothing. */
void overlay_state(const struct overlay *overlay, struct stream *stream);

/* -- disk_past.c: what blocks were before ------------------------------------------------------ */

struct disk_past;

/** Without a mark. @return NULL: out of memory. */
struct disk_past *disk_past_new(uint64_t block_count);
/** NULL is fine. */
void disk_past_free(struct disk_past *past);
bool disk_past_mark(struct disk_past *past);
/** Before blocks change; there is a mark. @return false: out of memory, or the overlay failed. */
bool disk_past_keep(struct disk_past *past, struct overlay *overlay, uint64_t block,
                    uint64_t count);
/** Puts back what has changed since mark @p idx; later marks are gone. */
bool disk_past_back(struct disk_past *past, struct overlay *overlay, size_t idx);
bool disk_past_forget(struct disk_past *past, size_t idx);
size_t disk_past_marks(const struct disk_past *past);
uint64_t disk_past_bytes(const struct disk_past *past);

/* -- blocks.c: contents of blocks, as state walks see them ------------------------------------- */

/** A walk over written blocks, ascending. Neighbours of zeros become one run, whoever made them. */
struct block_walk {
    struct stream *stream;
    uint64_t zeros_from, zeros_count; /* not yet walked */
};

/** XXH3-64 of a block. */
uint64_t block_digest(const void *bytes);
/** @param digest  Of the block. */
bool block_is_zeros(const void *bytes, uint64_t digest);
void block_walk_zeros(struct block_walk *walk, uint64_t block, uint64_t count);
void block_walk_one(struct block_walk *walk, uint64_t block, uint64_t digest);
void block_walk_end(struct block_walk *walk);

#endif
