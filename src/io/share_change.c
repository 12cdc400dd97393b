/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations of 9P2000.L that change the folder. share_answer() lets them through only where it may
 * be changed; p9_remove() looks for itself, because it drops its fid even then.
 *
 * What is made belongs on the host to who runs the program, and its mode is what the guest asked
 * for, whatever the host's umask: but no set-user-ID or set-group-ID bit ever gets to the host. */
#include "io/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MODE_FILE = 0777, MODE_DIRECTORY = 0777 | S_ISVTX };

static int outcome(int result) {
    return result == 0 ? 0 : errno;
}

/* -- Making ----------------------------------------------------------------------------------- */

/** Sets the mode of any open file but a link. */
static int mode_set(const struct share *share, int descriptor, mode_t mode) {
    return outcome(fchmodat(share->descriptors, file_link(descriptor).text, mode, 0));
}

/** Ends a message that has made something: gives it its @p mode, puts its qid. */
static int made(struct share *share, const struct fid *directory, const char *name,
                const mode_t *mode, struct p9_writer *out) {
    struct stat status;
    uint64_t file;
    int descriptor = file_find(directory->descriptor, name);
    if (descriptor < 0) {
        return errno;
    }
    int defect = mode == NULL ? 0 : mode_set(share, descriptor, *mode);
    if (defect == 0) {
        defect = outcome(fstat(descriptor, &status));
    }
    if (defect == 0) {
        defect = file_number(share, status.st_dev, status.st_ino, &file);
    }
    close(descriptor);
    if (defect == 0) {
        struct qid qid = file_qid(&status, file);
        p9_put_qid(out, &qid);
    }
    return defect;
}

/** Opens a regular file that is there already. @return Descriptor, or -1 with errno. */
static int open_present(const struct share *share, int directory, const char *name, int flags) {
    struct stat status;
    int opened = -1;
    int descriptor = file_find(directory, name);
    if (descriptor < 0) {
        return -1;
    }
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
        opened = file_reopen(share, descriptor, flags);
    } else {
        errno = EEXIST;
    }
    int defect = errno;
    close(descriptor);
    errno = defect;
    return opened;
}

/** Makes and opens a file, or opens the one that is there. @return As open_present(). */
static int create(const struct share *share, int directory, const char *name, int flags) {
    int descriptor =
        openat(directory, name, (flags & ~O_TRUNC) | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
    if (descriptor < 0 && errno == EEXIST && (flags & O_EXCL) == 0) {
        return open_present(share, directory, name, flags);
    }
    return descriptor;
}

/* The fid of the directory becomes the file's.
 * fid[4] name text, flags[4] mode[4] gid[4]: qid[13] unit[4] */
int p9_create(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    char name[NAME_MAX + 1];
    struct stat before, status;
    struct fid *fid = fid_take(share, in);
    p9_take_name(in, name);
    int flags = p9_open_flags(p9_take_u32(in));
    mode_t mode = p9_take_u32(in) & MODE_FILE;
    p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (fid->opened || (flags & O_ACCMODE) == (O_WRONLY | O_RDWR)) {
        return fid->opened ? EBADF : EINVAL;
    }
    bool present = fstatat(fid->descriptor, name, &before, AT_SYMLINK_NOFOLLOW) == 0;
    int descriptor = create(share, fid->descriptor, name, flags);
    if (descriptor < 0) {
        return errno;
    }
    if (!present && fchmod(descriptor, mode) != 0) {
        defect = errno;
        close(descriptor);
        return defect;
    }
    defect = fid_move(share, fid, descriptor);
    if (defect != 0) {
        return defect;
    }
    fid->opened = true;
    if (fstat(fid->descriptor, &status) != 0) {
        return errno;
    }
    struct qid qid = file_qid(&status, fid->file);
    p9_put_qid(out, &qid);
    p9_put_u32(out, 0);
    return 0;
}

/* fid[4] name text, mode[4] gid[4]: qid[13] */
int p9_mkdir(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    char name[NAME_MAX + 1];
    const struct fid *fid = fid_take(share, in);
    p9_take_name(in, name);
    mode_t mode = p9_take_u32(in) & MODE_DIRECTORY;
    p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect == 0) {
        defect = outcome(mkdirat(fid->descriptor, name, 0700));
    }
    return defect == 0 ? made(share, fid, name, &mode, out) : defect;
}

/* fid[4] name text, target text, gid[4]: qid[13] */
int p9_symlink(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    char name[NAME_MAX + 1], target[PATH_MAX];
    const struct fid *fid = fid_take(share, in);
    p9_take_name(in, name);
    p9_take_text(in, target, sizeof target);
    p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect == 0) {
        defect = outcome(symlinkat(target, fid->descriptor, name));
    }
    return defect == 0 ? made(share, fid, name, NULL, out) : defect;
}

/* Plain files and FIFOs; devices and sockets would mean something on the host.
 * fid[4] name text, mode[4] major[4] minor[4] gid[4]: qid[13] */
int p9_mknod(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    char name[NAME_MAX + 1];
    const struct fid *fid = fid_take(share, in);
    p9_take_name(in, name);
    uint32_t asked = p9_take_u32(in);
    p9_take_bytes(in, 4 + 4 + 4);
    int defect = p9_take_end(in);
    mode_t kind = asked & S_IFMT, mode = asked & MODE_FILE;
    if (defect == 0 && kind != S_IFREG && kind != S_IFIFO) {
        defect = EPERM;
    }
    if (defect == 0) {
        defect = outcome(mknodat(fid->descriptor, name, kind | 0600, 0));
    }
    return defect == 0 ? made(share, fid, name, &mode, out) : defect;
}

/* directory[4] fid[4] name text: nothing */
int p9_link(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    (void)out;
    char name[NAME_MAX + 1];
    const struct fid *directory = fid_take(share, in);
    const struct fid *fid = fid_take(share, in);
    p9_take_name(in, name);
    int defect = p9_take_end(in);
    return defect != 0 ? defect
                       : outcome(linkat(share->descriptors, file_link(fid->descriptor).text,
                                        directory->descriptor, name, AT_SYMLINK_FOLLOW));
}

/* -- Changing what is there ------------------------------------------------------------------- */

/* fid[4] offset[8] count[4], the bytes: count[4] */
int p9_write(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    const struct fid *fid = fid_take(share, in);
    uint64_t offset = p9_take_u64(in);
    uint32_t count = p9_take_u32(in);
    const uint8_t *bytes = p9_take_bytes(in, count);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    if (!fid->opened || offset > INT64_MAX - UINT32_MAX) {
        return fid->opened ? EINVAL : EBADF;
    }
    size_t done = 0;
    while (done < count) {
        ssize_t part = pwrite(fid->descriptor, bytes + done, count - done, (off_t)(offset + done));
        if (part < 0 && errno != EINTR) {
            defect = errno;
            break;
        }
        done += part > 0 ? (size_t)part : 0;
    }
    p9_put_u32(out, (uint32_t)done);
    return done > 0 ? 0 : defect;
}

/** What Tsetattr asks for. */
struct change {
    uint32_t valid, mode, uid, gid;
    uint64_t size;
    struct timespec times[2];
};

enum {
    SET_MODE = 1 << 0,
    SET_UID = 1 << 1,
    SET_GID = 1 << 2,
    SET_SIZE = 1 << 3,
    SET_ATIME = 1 << 4,
    SET_MTIME = 1 << 5,
    ATIME_GIVEN = 1 << 7,
    MTIME_GIVEN = 1 << 8,
};

/* utimensat() has words of its own among the nanoseconds: none of them comes from the guest. */
static int take_time(struct p9_reader *in, uint32_t asked, struct timespec *time) {
    uint64_t seconds = p9_take_u64(in);
    uint64_t ns = p9_take_u64(in);
    *time = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)ns};
    if (asked == 0) {
        time->tv_nsec = UTIME_OMIT;
    } else if ((asked & (ATIME_GIVEN | MTIME_GIVEN)) == 0) {
        time->tv_nsec = UTIME_NOW;
    } else if (ns >= 1000000000) {
        return EINVAL;
    }
    return 0;
}

/* A file that was opened for writing stays so, whatever its mode has become. */
static int size_set(const struct share *share, const struct fid *fid, uint64_t size) {
    if (fid->kind != S_IFREG || size > INT64_MAX) {
        return fid->kind == S_IFDIR ? EISDIR : EINVAL;
    }
    if (fid->opened && (fcntl(fid->descriptor, F_GETFL) & O_ACCMODE) != O_RDONLY) {
        return outcome(ftruncate(fid->descriptor, (off_t)size));
    }
    int descriptor = file_reopen(share, fid->descriptor, O_WRONLY);
    if (descriptor < 0) {
        return errno;
    }
    int defect = outcome(ftruncate(descriptor, (off_t)size));
    close(descriptor);
    return defect;
}

static int change_apply(const struct share *share, const struct fid *fid,
                        const struct change *change) {
    int defect = 0;
    if (((change->valid & SET_UID) != 0 && change->uid != share->options.uid) ||
        ((change->valid & SET_GID) != 0 && change->gid != share->options.gid)) {
        return EPERM;
    }
    if ((change->valid & SET_MODE) != 0) {
        mode_t allowed = fid->kind == S_IFDIR ? MODE_DIRECTORY : MODE_FILE;
        defect = fid->kind == S_IFLNK ? EOPNOTSUPP
                                      : mode_set(share, fid->descriptor, change->mode & allowed);
    }
    if (defect == 0 && (change->valid & SET_SIZE) != 0) {
        defect = size_set(share, fid, change->size);
    }
    if (defect == 0 && (change->valid & (SET_ATIME | SET_MTIME)) != 0) {
        defect = outcome(
            utimensat(share->descriptors, file_link(fid->descriptor).text, change->times, 0));
    }
    return defect;
}

/* fid[4] valid[4] mode[4] uid[4] gid[4] size[8], times as seconds[8] ns[8]: access, contents */
int p9_setattr(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    (void)out;
    const struct fid *fid = fid_take(share, in);
    struct change change;
    change.valid = p9_take_u32(in);
    change.mode = p9_take_u32(in);
    change.uid = p9_take_u32(in);
    change.gid = p9_take_u32(in);
    change.size = p9_take_u64(in);
    int access = take_time(in, change.valid & (SET_ATIME | ATIME_GIVEN), &change.times[0]);
    int contents = take_time(in, change.valid & (SET_MTIME | MTIME_GIVEN), &change.times[1]);
    int defect = p9_take_end(in);
    if (defect == 0) {
        defect = access != 0 ? access : contents;
    }
    return defect == 0 ? change_apply(share, fid, &change) : defect;
}

/* -- Moving and removing ---------------------------------------------------------------------- */

/** A name that is about to lose its file: will the file be gone with it? */
static bool last_name(int directory, const char *name, struct stat *status) {
    return fstatat(directory, name, status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (S_ISDIR(status->st_mode) || status->st_nlink == 1);
}

static int unlink_name(struct share *share, int directory, const char *name, int flags) {
    struct stat status;
    bool last = last_name(directory, name, &status);
    int defect = outcome(unlinkat(directory, name, flags));
    if (defect == 0 && last) {
        file_forget(share, status.st_dev, status.st_ino);
    }
    return defect;
}

/** A name in a directory. */
struct place {
    int directory;
    const char *name;
};

static int rename_name(struct share *share, struct place from, struct place to) {
    struct stat replaced, moved;
    bool last = last_name(to.directory, to.name, &replaced) &&
                fstatat(from.directory, from.name, &moved, AT_SYMLINK_NOFOLLOW) == 0 &&
                !file_same(&moved, &replaced);
    int defect = outcome(renameat(from.directory, from.name, to.directory, to.name));
    if (defect == 0 && last) {
        file_forget(share, replaced.st_dev, replaced.st_ino);
    }
    return defect;
}

/* from[4] name text, to[4] name text: nothing */
int p9_renameat(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    (void)out;
    char from[NAME_MAX + 1], to[NAME_MAX + 1];
    const struct fid *from_fid = fid_take(share, in);
    p9_take_name(in, from);
    const struct fid *to_fid = fid_take(share, in);
    p9_take_name(in, to);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    return rename_name(share, (struct place){from_fid->descriptor, from},
                       (struct place){to_fid->descriptor, to});
}

/* fid[4] directory[4] name text: nothing */
int p9_rename(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    (void)out;
    char from[NAME_MAX + 1], to[NAME_MAX + 1];
    int directory;
    const struct fid *fid = fid_take(share, in);
    const struct fid *to_fid = fid_take(share, in);
    p9_take_name(in, to);
    int defect = p9_take_end(in);
    if (defect == 0) {
        defect = file_place(share, fid->descriptor, &directory, from);
    }
    if (defect != 0) {
        return defect;
    }
    defect =
        rename_name(share, (struct place){directory, from}, (struct place){to_fid->descriptor, to});
    close(directory);
    return defect;
}

/* directory[4] name text, flags[4]: nothing */
int p9_unlinkat(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    enum { REMOVE_DIRECTORY = 0x200 };
    (void)out;
    char name[NAME_MAX + 1];
    const struct fid *fid = fid_take(share, in);
    p9_take_name(in, name);
    uint32_t flags = p9_take_u32(in);
    int defect = p9_take_end(in);
    if (defect == 0 && (flags & ~(uint32_t)REMOVE_DIRECTORY) != 0) {
        defect = EINVAL;
    }
    return defect != 0 ? defect
                       : unlink_name(share, fid->descriptor, name, flags == 0 ? 0 : AT_REMOVEDIR);
}

static int remove_file(struct share *share, const struct fid *fid) {
    char name[NAME_MAX + 1];
    int directory;
    int defect = file_place(share, fid->descriptor, &directory, name);
    if (defect == 0) {
        defect = unlink_name(share, directory, name, fid->kind == S_IFDIR ? AT_REMOVEDIR : 0);
        close(directory);
    }
    return defect;
}

/* fid[4]: nothing; the fid is gone in any case */
int p9_remove(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    (void)out;
    struct fid *fid = fid_take(share, in);
    int defect = p9_take_end(in);
    if (defect != 0) {
        return defect;
    }
    defect = share->options.writable ? remove_file(share, fid) : EROFS;
    fid_drop(share, fid);
    return defect;
}
