/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories as the guest reads them: whole, at one moment, sorted by name.
 *
 * The host gives entries in an order that comes from hashes of its own; here they come in the order
 * of their bytes. A place in a listing is a plain index, so it stays good however the directory
 * changes under its reader. */
#include "io/share.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
    dev_t device;
    ino_t inode;
    mode_t kind;
    struct qid qid;
    char name[];
};

struct listing {
    bool begun;
    size_t bytes; /* what it adds to the share's listings_bytes */
    size_t count, room;
    struct entry **entries;
};

/** Like fstatat(), but ".." of the root is the root, whatever lies above it. */
static bool entry_look(const struct share *share, int directory, const char *name,
                       struct stat *status) {
    struct stat root, here;
    if (strcmp(name, "..") == 0 && fstat(share->root, &root) == 0 && fstat(directory, &here) == 0 &&
        file_same(&root, &here)) {
        *status = root;
        return true;
    }
    return fstatat(directory, name, status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0;
}

static bool listing_grow(struct listing *listing) {
    if (listing->count < listing->room) {
        return true;
    }
    size_t room = listing->room == 0 ? 16 : 2 * listing->room;
    struct entry **entries = realloc(listing->entries, room * sizeof *entries);
    if (entries != NULL) {
        listing->entries = entries;
        listing->room = room;
    }
    return entries != NULL;
}

static int listing_add(struct share *share, struct fid *fid, const char *name) {
    struct listing *listing = fid->listing;
    struct stat status;
    if (!entry_look(share, fid->descriptor, name, &status)) {
        return 0; /* gone again */
    }
    size_t length = strlen(name);
    size_t bytes = sizeof(struct entry) + length + 1 + 2 * sizeof(struct entry *);
    if (share->listings_bytes + bytes > LISTINGS_BYTES_MAX || !listing_grow(listing)) {
        return ENOMEM;
    }
    struct entry *entry = malloc(sizeof *entry + length + 1);
    if (entry == NULL) {
        return ENOMEM;
    }
    *entry = (struct entry){
        .device = status.st_dev,
        .inode = status.st_ino,
        .kind = status.st_mode & S_IFMT,
        .qid = file_qid(&status, 0),
    };
    memcpy(entry->name, name, length + 1);
    listing->entries[listing->count] = entry;
    listing->count++;
    listing->bytes += bytes;
    share->listings_bytes += bytes;
    return 0;
}

static int listing_collect(struct share *share, struct fid *fid, DIR *directory) {
    for (;;) {
        errno = 0;
        const struct dirent *found = readdir(directory);
        if (found == NULL) {
            return errno;
        }
        int defect = listing_add(share, fid, found->d_name);
        if (defect != 0) {
            return defect;
        }
    }
}

static int name_order(const void *a, const void *b) {
    const struct entry *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* Numbers come last, because they are given out in the order of names. A directory that has been
 * removed has no entries at all. */
static int listing_order(struct share *share, struct listing *listing) {
    int defect = 0;
    if (listing->count > 0) {
        qsort(listing->entries, listing->count, sizeof *listing->entries, name_order);
    }
    for (size_t i = 0; defect == 0 && i < listing->count; i++) {
        struct entry *entry = listing->entries[i];
        defect = file_number(share, entry->device, entry->inode, &entry->qid.file);
    }
    return defect;
}

int listing_read(struct share *share, struct fid *fid) {
    listing_drop(share, fid);
    int descriptor = file_reopen(share, fid->descriptor, O_RDONLY | O_DIRECTORY);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (directory == NULL) {
        int defect = errno;
        if (descriptor >= 0) {
            close(descriptor);
        }
        return defect;
    }
    fid->listing = calloc(1, sizeof *fid->listing);
    int defect = fid->listing == NULL ? ENOMEM : listing_collect(share, fid, directory);
    closedir(directory);
    if (defect == 0) {
        defect = listing_order(share, fid->listing);
    }
    if (defect != 0) {
        listing_drop(share, fid);
    }
    return defect;
}

void listing_drop(struct share *share, struct fid *fid) {
    struct listing *listing = fid->listing;
    if (listing == NULL) {
        return;
    }
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->entries[i]);
    }
    share->listings_bytes -= listing->bytes;
    free(listing->entries);
    free(listing);
    fid->listing = NULL;
}

bool listing_begun(const struct listing *listing) {
    return listing->begun;
}

/* DT_ values are the S_IFMT bits moved down, here as on every Linux. */
int listing_put(struct listing *listing, uint64_t first, struct p9_writer *out) {
    enum { FIXED_BYTES = QID_BYTES + 8 + 1 + 2 };
    listing->begun = true;
    for (uint64_t i = first; i < listing->count; i++) {
        const struct entry *entry = listing->entries[i];
        if (p9_room(out) < FIXED_BYTES + strlen(entry->name)) {
            return i == first ? EINVAL : 0;
        }
        p9_put_qid(out, &entry->qid);
        p9_put_u64(out, i + 1);
        p9_put_u8(out, (uint8_t)(entry->kind >> 12));
        p9_put_text(out, entry->name);
    }
    return 0;
}
