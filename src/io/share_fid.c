/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fids, the host's descriptors behind them, and the numbers by which the guest knows files.
 *
 * A fid holds one descriptor that is good for nothing but naming a file (O_PATH): to have it opens
 * no device, waits for no FIFO, reads nothing. Whatever needs more goes through /proc/self/fd,
 * which leads to that very file, wherever it has been moved and whatever has its old name. */
#include "io/share.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- Fids: few, and mostly made in ascending order, so a sorted array serves ------------------ */

/** Place of the first fid whose number is not below. */
static size_t fid_place(const struct share *share, uint32_t number) {
    size_t low = 0, high = share->fid_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (share->fids[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct fid *fid_find(struct share *share, uint32_t number) {
    size_t place = fid_place(share, number);
    bool found = place < share->fid_count && share->fids[place].number == number;
    return found ? &share->fids[place] : NULL;
}

struct fid *fid_take(struct share *share, struct p9_reader *in) {
    struct fid *fid = fid_find(share, p9_take_u32(in));
    if (fid == NULL && in->defect == 0) {
        in->defect = EBADF;
    }
    return fid;
}

/** Fills what a fid knows of its file. */
static int fid_describe(struct share *share, struct fid *fid, int descriptor) {
    struct stat status;
    uint64_t file;
    if (fstat(descriptor, &status) != 0) {
        return errno;
    }
    int defect = file_number(share, status.st_dev, status.st_ino, &file);
    if (defect == 0) {
        fid->descriptor = descriptor;
        fid->file = file;
        fid->kind = status.st_mode & S_IFMT;
    }
    return defect;
}

int fid_new(struct share *share, uint32_t number, int descriptor, struct fid **fid) {
    size_t place = fid_place(share, number);
    struct fid made = {.number = number};
    int defect = 0;
    if (fid_find(share, number) != NULL) {
        defect = EBADF;
    } else if (share->fid_count == FIDS_MAX || (uint32_t)descriptor >= share->descriptor_limit) {
        defect = ENFILE; /* descriptors are given out lowest first */
    } else {
        defect = fid_describe(share, &made, descriptor);
    }
    if (defect != 0) {
        close(descriptor);
        return defect;
    }
    *fid = &share->fids[place];
    memmove(*fid + 1, *fid, (share->fid_count - place) * sizeof **fid);
    **fid = made;
    share->fid_count++;
    return 0;
}

int fid_move(struct share *share, struct fid *fid, int descriptor) {
    struct fid moved = {.number = fid->number};
    int defect = fid_describe(share, &moved, descriptor);
    if (defect != 0) {
        close(descriptor);
        return defect;
    }
    listing_drop(share, fid);
    close(fid->descriptor);
    *fid = moved;
    return 0;
}

void fid_drop(struct share *share, struct fid *fid) {
    listing_drop(share, fid);
    close(fid->descriptor);
    share->fid_count--;
    size_t behind = share->fid_count - (size_t)(fid - share->fids);
    memmove(fid, fid + 1, behind * sizeof *fid);
}

void fids_drop(struct share *share) {
    while (share->fid_count > 0) {
        fid_drop(share, &share->fids[share->fid_count - 1]);
    }
}

/* -- Files on the host ------------------------------------------------------------------------ */

int file_find(int directory, const char *name) {
    return openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

struct link_name file_link(int descriptor) {
    struct link_name name;
    snprintf(name.text, sizeof name.text, "%d", descriptor);
    return name;
}

/* Reading must not leave traces, but only a file's owner may ask for that. */
int file_reopen(const struct share *share, int descriptor, int flags) {
    struct link_name name = file_link(descriptor);
    flags |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int opened = -1;
    if ((flags & O_ACCMODE) == O_RDONLY) {
        opened = openat(share->descriptors, name.text, flags | O_NOATIME);
    }
    return opened >= 0 ? opened : openat(share->descriptors, name.text, flags);
}

/** Absolute path of an open file. */
static int descriptor_path(const struct share *share, int descriptor, char path[PATH_MAX]) {
    ssize_t length = readlinkat(share->descriptors, file_link(descriptor).text, path, PATH_MAX);
    if (length < 0 || length == PATH_MAX) {
        return length < 0 ? errno : ENAMETOOLONG;
    }
    path[length] = '\0';
    return 0;
}

/** Walks down to the directory that holds the last name of @p path, and points *last at it. */
static int directory_of(const struct share *share, char *path, int *directory, char **last) {
    int at = openat(share->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *slash;
    while (at >= 0 && (slash = strchr(path, '/')) != NULL) {
        *slash = '\0';
        int next = openat(at, path, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
        int defect = errno;
        close(at);
        errno = defect;
        at = next;
        path = slash + 1;
    }
    *directory = at;
    *last = path;
    return at < 0 ? errno : 0;
}

bool file_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The host's path is only a hint: what is found there must be the file itself. */
int file_place(const struct share *share, int descriptor, int *directory, char name[NAME_MAX + 1]) {
    char root[PATH_MAX], path[PATH_MAX];
    char *last;
    struct stat here, there;
    int defect = descriptor_path(share, share->root, root);
    if (defect == 0) {
        defect = descriptor_path(share, descriptor, path);
    }
    if (defect != 0) {
        return defect;
    }
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strcmp(path, root) == 0) {
        return EBUSY;
    }
    if (strncmp(path, root, length) != 0 || path[length] != '/') {
        return ENOENT;
    }
    defect = directory_of(share, path + length + 1, directory, &last);
    if (defect != 0) {
        return defect == ENOTDIR ? ENOENT : defect;
    }
    if (strlen(last) > NAME_MAX || fstatat(*directory, last, &there, AT_SYMLINK_NOFOLLOW) != 0 ||
        fstat(descriptor, &here) != 0 || !file_same(&here, &there)) {
        close(*directory);
        return ENOENT;
    }
    strcpy(name, last);
    return 0;
}

/* -- Numbers: inode numbers differ from host to host, the order in which a guest looks does not  */

struct file {
    dev_t device;
    ino_t inode;
    uint64_t number;
};

static int file_order(const void *a, const void *b) {
    const struct file *left = a, *right = b;
    if (left->device != right->device) {
        return left->device < right->device ? -1 : 1;
    }
    return (left->inode > right->inode) - (left->inode < right->inode);
}

int file_number(struct share *share, dev_t device, ino_t inode, uint64_t *number) {
    struct file wanted = {.device = device, .inode = inode};
    struct file **found = tfind(&wanted, &share->files, file_order);
    if (found != NULL) {
        *number = (*found)->number;
        return 0;
    }
    if (share->file_count == FILES_MAX) {
        return ENFILE;
    }
    struct file *made = malloc(sizeof *made);
    if (made == NULL) {
        return ENOMEM;
    }
    *made = wanted;
    if (tsearch(made, &share->files, file_order) == NULL) {
        free(made);
        return ENOMEM;
    }
    share->file_count++;
    share->file_number++;
    made->number = *number = share->file_number;
    return 0;
}

void file_forget(struct share *share, dev_t device, ino_t inode) {
    struct file wanted = {.device = device, .inode = inode};
    struct file **found = tfind(&wanted, &share->files, file_order);
    if (found != NULL) {
        struct file *file = *found;
        tdelete(file, &share->files, file_order);
        share->file_count--;
        free(file);
    }
}

void files_forget(struct share *share) {
    tdestroy(share->files, free);
    share->files = NULL;
    share->file_count = 0;
    share->file_number = 0;
}

struct qid file_qid(const struct stat *status, uint64_t number) {
    uint64_t change = (uint64_t)status->st_mtim.tv_sec * 1000000007 ^
                      (uint64_t)status->st_mtim.tv_nsec ^ (uint64_t)status->st_size << 8;
    uint32_t version = (uint32_t)(change ^ change >> 32);
    struct qid qid = {.version = version == 0 ? 1 : version, .file = number};
    if (S_ISDIR(status->st_mode)) {
        qid.type = QID_DIRECTORY;
        qid.version = 1;
    } else if (S_ISLNK(status->st_mode)) {
        qid.type = QID_SYMLINK;
    }
    return qid;
}
