/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations of 9P2000.L that change nothing on the host.
 *
 * Above each stands what the message holds behind its header, and what its reply does: name[bytes],
 * text for a string. */
#include "io/share.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { WALK_MAX = 16, NO_FID = -1 };

/** The other descriptor of the same open file; -1 with errno. */
static int descriptor_copy(int descriptor) {
    return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

/* -- Attaching, walking, letting go ----------------------------------------------------------- */

/* fid[4] afid[4] user text, tree text, user[4]: qid[13] */
int p9_attach(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    char user[PATH_MAX], tree[PATH_MAX];
    struct fid *fid;
    uint32_t number = p9_take_u32(in);
    uint32_t auth = p9_take_u32(in);
    p9_take_text(in, user, sizeof user);
    p9_take_text(in, tree, sizeof tree);
    p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (auth != (uint32_t)NO_FID) {
        return EINVAL; /* there is no authentication */
    }
    if (tree[0] != '\0' && strcmp(tree, "/") != 0) {
        return ENOENT;
    }
    int root = descriptor_copy(share->root);
    if (root < 0) {
        return errno;
    }
    defect = fid_new(share, number, root, &fid);
    if (defect == 0) {
        p9_put_qid(out, &(struct qid){.type = QID_DIRECTORY, .version = 1, .file = fid->file});
    }
    return defect;
}

/** One step up, never above the root. */
static int walk_up(const struct share *share, int directory) {
    struct stat here, root;
    char name[NAME_MAX + 1];
    int above;
    if (fstat(directory, &here) != 0 || fstat(share->root, &root) != 0) {
        return -1;
    }
    if (file_same(&here, &root)) {
        return descriptor_copy(share->root);
    }
    int defect = S_ISDIR(here.st_mode) ? file_place(share, directory, &above, name) : ENOTDIR;
    if (defect != 0) {
        errno = defect;
        return -1;
    }
    return above;
}

/** A name to walk to: ".." is one. */
static void take_step(struct p9_reader *in, char name[NAME_MAX + 1]) {
    p9_take_text(in, name, NAME_MAX + 1);
    bool bad = name[0] == '\0' || strcmp(name, ".") == 0 || strchr(name, '/') != NULL;
    if (in->defect == 0 && bad) {
        in->defect = EINVAL;
    }
}

/** A walk under way. */
struct walk {
    int descriptor; /* where it has come */
    unsigned taken; /* steps */
    struct qid qids[WALK_MAX];
};

/** @return 0 when the step is taken. */
static int walk_step(struct share *share, struct walk *walk, const char *name) {
    struct stat status;
    uint64_t file;
    int next = strcmp(name, "..") == 0 ? walk_up(share, walk->descriptor)
                                       : file_find(walk->descriptor, name);
    if (next < 0) {
        return errno;
    }
    int defect = fstat(next, &status) == 0 ? 0 : errno;
    if (defect == 0) {
        defect = file_number(share, status.st_dev, status.st_ino, &file);
    }
    if (defect != 0) {
        close(next);
        return defect;
    }
    close(walk->descriptor);
    walk->descriptor = next;
    walk->qids[walk->taken] = file_qid(&status, file);
    walk->taken++;
    return 0;
}

/* Only a whole walk makes a fid; one that ends early tells how far it has come. */
static int walk_end(struct share *share, struct walk *walk, struct fid *from, uint32_t to) {
    struct fid *made;
    return from->number == to ? fid_move(share, from, walk->descriptor)
                              : fid_new(share, to, walk->descriptor, &made);
}

/* fid[4] new[4] count[2], names as texts: count[2], a qid[13] for each */
int p9_walk(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    char names[WALK_MAX][NAME_MAX + 1];
    struct fid *fid = fid_take(share, in);
    uint32_t to = p9_take_u32(in);
    unsigned count = p9_take_u16(in);
    if (in->defect == 0 && count > WALK_MAX) {
        return EINVAL;
    }
    for (unsigned i = 0; i < count && in->defect == 0; i++) {
        take_step(in, names[i]);
    }
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (to == fid->number ? fid->opened : fid_find(share, to) != NULL) {
        return EBADF;
    }
    struct walk walk = {.descriptor = descriptor_copy(fid->descriptor)};
    if (walk.descriptor < 0) {
        return errno;
    }
    while (defect == 0 && walk.taken < count) {
        defect = walk_step(share, &walk, names[walk.taken]);
    }
    if (defect == 0) {
        defect = walk_end(share, &walk, fid, to);
    } else {
        close(walk.descriptor);
        defect = walk.taken == 0 ? defect : 0;
    }
    p9_put_u16(out, (uint16_t)walk.taken);
    for (unsigned i = 0; i < walk.taken; i++) {
        p9_put_qid(out, &walk.qids[i]);
    }
    return defect;
}

/* fid[4]: nothing */
int p9_clunk(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    (void)out;
    struct fid *fid = fid_take(share, in);
    int defect = p9_take_end(in);
    if (defect == 0) {
        fid_drop(share, fid);
    }
    return defect;
}

/* -- What a file is --------------------------------------------------------------------------- */

static void put_time(struct p9_writer *out, const struct timespec *time) {
    p9_put_u64(out, (uint64_t)time->tv_sec);
    p9_put_u64(out, (uint64_t)time->tv_nsec);
}

/* Sizes of directories, blocks, links of directories, and the times of access and of the last
 * change of status are the host file system's own affair, and differ between folders that hold the
 * same: they are replaced by what does not. */
static void put_attributes(const struct share *share, const struct stat *status,
                           struct p9_writer *out) {
    enum { BLOCK_BYTES = 4096, UNIT_BYTES = 512 };
    static const struct timespec none = {0};
    bool directory = S_ISDIR(status->st_mode);
    uint64_t size = directory ? BLOCK_BYTES : (uint64_t)status->st_size;
    p9_put_u32(out, status->st_mode & (S_IFMT | S_ISVTX | 0777));
    p9_put_u32(out, share->options.uid);
    p9_put_u32(out, share->options.gid);
    p9_put_u64(out, directory ? 1 : status->st_nlink);
    p9_put_u64(out, status->st_rdev);
    p9_put_u64(out, size);
    p9_put_u64(out, BLOCK_BYTES);
    p9_put_u64(out, size / UNIT_BYTES + (size % UNIT_BYTES != 0));
    put_time(out, &status->st_mtim); /* of access */
    put_time(out, &status->st_mtim);
    put_time(out, &status->st_mtim); /* of the status */
    put_time(out, &none); /* of birth, which is not among the valid fields; like the next two */
    p9_put_u64(out, 0);   /* generation */
    p9_put_u64(out, 0);   /* version */
}

/* fid[4] wanted[8]: valid[8] qid[13] mode[4] uid[4] gid[4] links[8] device[8] size[8] block[8]
 * blocks[8], times as seconds[8] ns[8]: access, contents, status, birth; generation[8]
 * version[8] */
int p9_getattr(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    enum { VALID_BASIC = 0x7ff };
    struct stat status;
    const struct fid *fid = fid_take(share, in);
    p9_take_u64(in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (fstat(fid->descriptor, &status) != 0) {
        return errno;
    }
    struct qid qid = file_qid(&status, fid->file);
    p9_put_u64(out, VALID_BASIC);
    p9_put_qid(out, &qid);
    put_attributes(share, &status, out);
    return 0;
}

/* fid[4]: target text */
int p9_readlink(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    char target[PATH_MAX];
    const struct fid *fid = fid_take(share, in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (!S_ISLNK(fid->kind)) {
        return EINVAL;
    }
    ssize_t length = readlinkat(fid->descriptor, "", target, sizeof target);
    if (length < 0 || length == sizeof target) {
        return length < 0 ? errno : ENAMETOOLONG;
    }
    target[length] = '\0';
    p9_put_text(out, target);
    return 0;
}

/* How much room the host has is no matter of the guest's, and never the same twice.
 * fid[4]: type[4] block[4] blocks[8] free[8] available[8] files[8] free[8] id[8] name[4] */
int p9_statfs(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    enum { TYPE = 0x01021997, BLOCK_BYTES = 4096 };
    const uint64_t blocks = UINT64_C(1) << 32, files = UINT64_C(1) << 32;
    bool writable = share->options.writable;
    (void)fid_take(share, in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    p9_put_u32(out, TYPE);
    p9_put_u32(out, BLOCK_BYTES);
    p9_put_u64(out, blocks);
    p9_put_u64(out, writable ? blocks / 2 : 0);
    p9_put_u64(out, writable ? blocks / 2 : 0);
    p9_put_u64(out, files);
    p9_put_u64(out, writable ? files / 2 : 0);
    p9_put_u64(out, 0);
    p9_put_u32(out, NAME_MAX);
    return 0;
}

/* -- Opening and reading ---------------------------------------------------------------------- */

/* The protocol's flags are Linux's as most processors have them, but not the host's everywhere. */
int p9_open_flags(uint32_t flags) {
    static const struct {
        uint32_t flag;
        int host;
    } rows[] = {
        {0x1, O_WRONLY},   {0x2, O_RDWR},     {0x80, O_EXCL},     {0x200, O_TRUNC},
        {0x400, O_APPEND}, {0x1000, O_DSYNC}, {0x101000, O_SYNC},
    };
    int host = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        host |= (flags & rows[i].flag) == rows[i].flag ? rows[i].host : 0;
    }
    return host;
}

static int open_file(const struct share *share, struct fid *fid, int flags) {
    int descriptor = file_reopen(share, fid->descriptor, flags & ~O_EXCL);
    if (descriptor < 0) {
        return errno;
    }
    close(fid->descriptor);
    fid->descriptor = descriptor;
    return 0;
}

/** Devices, FIFOs and sockets are the guest's own business, links are for it to follow. */
static int open_any(struct share *share, struct fid *fid, int flags) {
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
    if ((flags & O_ACCMODE) == (O_WRONLY | O_RDWR)) {
        return EINVAL;
    }
    if (writes && !share->options.writable) {
        return EROFS;
    }
    switch (fid->kind) {
    case S_IFREG:
        return open_file(share, fid, flags);
    case S_IFDIR:
        return writes ? EISDIR : listing_read(share, fid);
    case S_IFLNK:
        return ELOOP;
    default:
        return EPERM;
    }
}

/* fid[4] flags[4]: qid[13] unit[4] */
int p9_open(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    struct stat status;
    struct fid *fid = fid_take(share, in);
    uint32_t flags = p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    defect = fid->opened ? EBADF : open_any(share, fid, p9_open_flags(flags));
    if (defect != 0) {
        return defect;
    }
    fid->opened = true;
    if (fstat(fid->descriptor, &status) != 0) {
        return errno;
    }
    struct qid qid = file_qid(&status, fid->file);
    p9_put_qid(out, &qid);
    p9_put_u32(out, 0); /* as much at a time as a message holds */
    return 0;
}

/** Reads up to @p size_bytes. @return How many, or -1 with errno. */
static ssize_t read_all(int descriptor, uint8_t *bytes, size_t size_bytes, uint64_t offset) {
    size_t done = 0;
    while (done < size_bytes) {
        ssize_t part = pread(descriptor, bytes + done, size_bytes - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part < 0 && done == 0) {
            return -1;
        }
        if (part <= 0) {
            break;
        }
        done += (size_t)part;
    }
    return (ssize_t)done;
}

/** Puts a count[4] that is known only when what follows it is there. */
static void put_count(struct p9_writer *out, size_t at, size_t count) {
    struct p9_writer field = {.bytes = out->bytes + at, .limit_bytes = 4};
    p9_put_u32(&field, (uint32_t)count);
}

/* fid[4] offset[8] count[4]: count[4], the bytes */
int p9_read(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    const struct fid *fid = fid_take(share, in);
    uint64_t offset = p9_take_u64(in);
    uint32_t count = p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (!fid->opened || offset > INT64_MAX - UINT32_MAX) {
        return fid->opened ? EINVAL : EBADF;
    }
    if (fid->kind == S_IFDIR) {
        return EISDIR;
    }
    size_t field = out->size_bytes;
    p9_put_u32(out, 0);
    size_t size_bytes = min_u64(count, p9_room(out));
    ssize_t got = read_all(fid->descriptor, out->bytes + out->size_bytes, size_bytes, offset);
    if (got < 0) {
        return errno;
    }
    if (!out->full) {
        put_count(out, field, (size_t)got);
        out->size_bytes += (size_t)got;
    }
    return 0;
}

/* Going back to the start means to look anew.
 * fid[4] offset[8] count[4]: count[4], entries as qid[13] offset[8] of the next, kind[1] name
 * text */
int p9_readdir(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    struct fid *fid = fid_take(share, in);
    uint64_t offset = p9_take_u64(in);
    uint32_t count = p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (!fid->opened || fid->kind != S_IFDIR) {
        return fid->opened ? ENOTDIR : EBADF;
    }
    if (fid->listing == NULL || (offset == 0 && listing_begun(fid->listing))) {
        defect = listing_read(share, fid);
    }
    size_t field = out->size_bytes;
    p9_put_u32(out, 0);
    size_t first = out->size_bytes, limit_bytes = out->limit_bytes;
    out->limit_bytes = first + min_u64(count, p9_room(out));
    if (defect == 0) {
        defect = listing_put(fid->listing, offset, out);
    }
    out->limit_bytes = limit_bytes;
    if (defect == 0 && !out->full) {
        put_count(out, field, out->size_bytes - first);
    }
    return defect;
}

/* -- Flushing and locking --------------------------------------------------------------------- */

/* fid[4] contents only[4]: nothing */
int p9_fsync(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    (void)out;
    const struct fid *fid = fid_take(share, in);
    p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (!fid->opened) {
        return EBADF;
    }
    if (!share->options.writable) {
        return 0;
    }
    int descriptor = fid->kind == S_IFDIR ? file_reopen(share, fid->descriptor, O_RDONLY)
                                          : descriptor_copy(fid->descriptor);
    if (descriptor < 0) {
        return errno;
    }
    defect = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    return defect;
}

/* One guest has one share, and its kernel has settled among its own programs who gets a lock.
 * fid[4] type[1] flags[4] start[8] length[8] process[4] client text: status[1] */
int p9_lock(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    enum { LOCK_SUCCESS = 0 };
    char client[NAME_MAX + 1];
    const struct fid *fid = fid_take(share, in);
    p9_take_bytes(in, 1 + 4 + 8 + 8 + 4);
    p9_take_text(in, client, sizeof client);
    int defect = p9_take_end(in);
    if (defect == 0 && !fid->opened) {
        return EBADF;
    }
    p9_put_u8(out, LOCK_SUCCESS);
    return defect;
}

/* fid[4] type[1] start[8] length[8] process[4] client text: the same without the fid */
int p9_getlock(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    enum { LOCK_NONE = 2 };
    char client[NAME_MAX + 1];
    const struct fid *fid = fid_take(share, in);
    p9_take_u8(in);
    uint64_t start = p9_take_u64(in);
    uint64_t length = p9_take_u64(in);
    uint32_t process = p9_take_u32(in);
    p9_take_text(in, client, sizeof client);
    int defect = p9_take_end(in);
    if (defect == 0 && !fid->opened) {
        return EBADF;
    }
    p9_put_u8(out, LOCK_NONE);
    p9_put_u64(out, start);
    p9_put_u64(out, length);
    p9_put_u32(out, process);
    p9_put_text(out, client);
    return defect;
}
