/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of a share: messages of 9P2000.L, fids, and the operations on them. */
#ifndef IO_SHARE_H
#define IO_SHARE_H

#include "io/io.h"

#include <limits.h>
#include <sys/stat.h>

enum {
    FIDS_MAX = 4096,              /* each holds one descriptor of the host's */
    FILES_MAX = 1 << 22,          /* that have a number at the same time */
    LISTINGS_BYTES_MAX = 1 << 26, /* of all directories that are being read */
    DESCRIPTORS_RESERVED = 256,   /* that a guest leaves to the rest of the program */
};

/* -- share_message.c: fields of messages, little-endian and without padding ------------------- */

/** Takes a message's fields in order. The first defect stays; what is taken behind it is 0. */
struct p9_reader {
    const uint8_t *at, *end;
    int defect; /* errno: EPROTO when the message is too short, or what is wrong with a name */
};

uint8_t p9_take_u8(struct p9_reader *in);
uint16_t p9_take_u16(struct p9_reader *in);
uint32_t p9_take_u32(struct p9_reader *in);
uint64_t p9_take_u64(struct p9_reader *in);
/** The next @p size_bytes of the message, or NULL when there are not so many. */
const uint8_t *p9_take_bytes(struct p9_reader *in, size_t size_bytes);
/** A string of at most @p size - 1 bytes, without a NUL in it. @errors ENAMETOOLONG, EINVAL */
void p9_take_text(struct p9_reader *in, char *text, size_t size);
/** A name in a directory: not empty, no slash, neither "." nor "..". @errors EINVAL besides */
void p9_take_name(struct p9_reader *in, char name[NAME_MAX + 1]);
/** Was that all? @return 0, or the first defect; EPROTO when something is left. */
int p9_take_end(struct p9_reader *in);

/** Puts a reply together, at most limit_bytes of it. */
struct p9_writer {
    uint8_t *bytes;
    size_t size_bytes, limit_bytes;
    bool full; /* something did not fit */
};

/** What the guest knows a file by. */
struct qid {
    uint8_t type;     /* enum qid_type */
    uint32_t version; /* changes when the contents do; never 0, which would mean "do not cache" */
    uint64_t file;    /* its number in this share */
};

enum qid_type { QID_FILE = 0, QID_SYMLINK = 0x02, QID_DIRECTORY = 0x80 };
enum { QID_BYTES = 13 };

void p9_put_u8(struct p9_writer *out, uint8_t value);
void p9_put_u16(struct p9_writer *out, uint16_t value);
void p9_put_u32(struct p9_writer *out, uint32_t value);
void p9_put_u64(struct p9_writer *out, uint64_t value);
void p9_put_text(struct p9_writer *out, const char *text);
void p9_put_qid(struct p9_writer *out, const struct qid *qid);
/** Bytes that still fit. */
size_t p9_room(const struct p9_writer *out);

/* -- share_fid.c: what the guest's fids stand for --------------------------------------------- */

/** A file on the host that the guest holds on to. */
struct fid {
    uint32_t number;         /* the guest's word for it */
    int descriptor;          /* O_PATH, until it is opened */
    uint64_t file;           /* number of the file in this share */
    mode_t kind;             /* S_IFMT part of its mode */
    bool opened;             /* Tlopen or Tlcreate has come; a directory's stays O_PATH */
    struct listing *listing; /* of an opened directory, else NULL */
};

/** An open share. */
struct share {
    struct share_options options; /* path is a copy */
    int root;                     /* the folder, O_PATH */
    int descriptors;              /* /proc/self/fd: where O_PATH descriptors become others */
    uint32_t descriptor_limit;    /* descriptors of fids lie below */
    uint32_t msize_bytes;         /* longest message, either way; 0: no Tversion has come */
    struct fid fids[FIDS_MAX];    /* ascending */
    size_t fid_count;
    void *files;          /* tree of struct file, by the host's identity */
    size_t file_count;    /* in the tree */
    uint64_t file_number; /* last one given out */
    size_t listings_bytes;
    uint64_t digest; /* of all requests and replies since the reset */
    bool rests;      /* the gate answers */
    struct share_gate gate;
};

/* All that return int return 0, or an errno. */

/** Takes the number of a fid from the message. @errors EBADF when there is no such fid */
struct fid *fid_take(struct share *share, struct p9_reader *in);
struct fid *fid_find(struct share *share, uint32_t number);
/**
 * A new fid for an open file.
 * @param descriptor  Owned by the fid from now on; closed on failure.
 * @param fid         Valid until the next fid is made or dropped.
 * @errors EBADF when the number is taken, ENFILE when there are too many
 */
int fid_new(struct share *share, uint32_t number, int descriptor, struct fid **fid);
/** Points an existing fid at another file. @p descriptor as for fid_new(). */
int fid_move(struct share *share, struct fid *fid, int descriptor);
void fid_drop(struct share *share, struct fid *fid);
void fids_drop(struct share *share);

/** A descriptor for the file @p name of a directory, O_PATH: never follows a link, never waits.
 * @return Descriptor, or -1 with errno. */
int file_find(int directory, const char *name);
/** Opens for real the regular file or directory behind a descriptor, with the host's @p flags.
 * @return As file_find(). */
int file_reopen(const struct share *share, int descriptor, int flags);
/** The name of a descriptor in share->descriptors. */
struct link_name {
    char text[16];
};
struct link_name file_link(int descriptor);
/**
 * Where an open file lies now, by a walk from the root that follows no link.
 * @param directory  Descriptor, to be closed by the caller.
 * @errors ENOENT when it is no longer in the folder, EBUSY for the root itself
 */
int file_place(const struct share *share, int descriptor, int *directory, char name[NAME_MAX + 1]);
/** Is it the same file? */
bool file_same(const struct stat *a, const struct stat *b);
/** The number of a file, a new one at first sight. @errors ENOMEM, ENFILE */
int file_number(struct share *share, dev_t device, ino_t inode, uint64_t *number);
/** Forgets the number of a file that is gone: the host may use its identity again. */
void file_forget(struct share *share, dev_t device, ino_t inode);
void files_forget(struct share *share);
struct qid file_qid(const struct stat *status, uint64_t number);

/* -- share_listing.c: directories, in the order of names -------------------------------------- */

/** Reads a whole directory anew into the fid. @errors ENOMEM when it is too large */
int listing_read(struct share *share, struct fid *fid);
void listing_drop(struct share *share, struct fid *fid);
/** Has listing_put() been called? */
bool listing_begun(const struct listing *listing);
/** Puts entries from the @p first on, as many as fit. @errors EINVAL when not one does */
int listing_put(struct listing *listing, uint64_t first, struct p9_writer *out);

/* -- share_look.c, share_change.c: the operations --------------------------------------------- */

/** Answers one message: takes its fields, puts the reply's. @return 0, or the errno of Rlerror. */
typedef int p9_fn(struct share *share, struct p9_reader *in, struct p9_writer *out);

p9_fn p9_attach, p9_walk, p9_clunk, p9_getattr, p9_open, p9_read, p9_readdir, p9_readlink,
    p9_statfs, p9_fsync, p9_lock, p9_getlock;
p9_fn p9_create, p9_write, p9_setattr, p9_mkdir, p9_symlink, p9_mknod, p9_link, p9_rename,
    p9_renameat, p9_unlinkat, p9_remove;

/** Flags of Tlopen and Tlcreate as the host has them; creating is another matter. */
int p9_open_flags(uint32_t flags);

#endif
