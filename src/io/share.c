/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder of the host, served to a guest in 9P2000.L: one message in, one message out.
 *
 * A guest may be hostile, and the folder may hold anything, so this file and its share_*.c stand on
 * these rules:
 *
 * 1. Nothing outside the folder is ever reached. There is one way down, file_find(): one name
 *    without a slash, relative to the descriptor of a directory, following no link. The one way up,
 *    "..", walks down from the root again to where the directory lies now, or fails when it lies in
 *    the folder no longer; the root's ".." is the root. Links are text that the guest reads and
 *    resolves by itself, in its own tree.
 * 2. Nothing but regular files and directories is opened. Everything else is only ever named, by a
 *    descriptor made with O_PATH, and what opens goes through that descriptor, so that nothing can
 *    be put in its place between the look and the opening.
 * 3. Nothing of the host's runs out: fids, numbers of files and bytes of listings have limits, and
 *    the last descriptors are left to the rest of the program.
 * 4. Every field of a message is checked before it means anything; a message that is not well
 *    formed gets an error and changes nothing. Without a header there is nobody to answer.
 * 5. The same folder gives the same answers on any host, for any user. Files are numbered as
 *    the guest first sees them, listings are sorted, all files have one owner, what file systems
 *    make up for themselves (block counts, sizes and links of directories, other times than that of
 *    the contents, free room) is replaced. What remains are names, contents, modes and that time:
 *    the folder as an input of the run, the same in every copy.
 *
 * Worked example, Linux reading a/b: Twalk(fid 1 = root, new fid 2, "a", "b") opens a under the
 * root and b under a, both O_PATH, and fid 2 holds b's descriptor. Tlopen(2) sees a regular file
 * and opens /proc/self/fd/N for reading, which is b whatever has happened to its name; that
 * descriptor takes the place of the first. Tread(2, offset, count) is one pread(). Tclunk(2) closes
 * it.
 *
 * Considered and dropped: a path kept with each fid (a rename has to find and mend them all, and
 * each use walks anew), openat2() with RESOLVE_BENEATH (single names need none of it, and it would
 * be one more system call to allow), owners and inode numbers as on the host (they differ between
 * hosts that hold the same files). */
#include "io/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    HEADER_BYTES = 7,              /* size[4] type[1] tag[2] */
    ERROR_BYTES = HEADER_BYTES + 4 /* the shortest room in which every message can be answered */
};

enum { P9_RLERROR = 7, P9_TVERSION = 100 };

/* -- Messages --------------------------------------------------------------------------------- */

/* Every Tversion begins a session.
 * msize[4] version text: msize[4] version text */
static int p9_version(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    char version[32];
    uint32_t msize_bytes = p9_take_u32(in);
    p9_take_text(in, version, sizeof version);
    int defect = p9_take_end(in);
    if (defect != 0 && defect != ENAMETOOLONG) {
        return defect;
    }
    if (msize_bytes < SHARE_MESSAGE_MIN_BYTES) {
        return EINVAL;
    }
    bool known = defect == 0 && strcmp(version, "9P2000.L") == 0;
    msize_bytes = (uint32_t)min_u64(msize_bytes, SHARE_MESSAGE_MAX_BYTES);
    fids_drop(share);
    share->msize_bytes = known ? msize_bytes : 0;
    p9_put_u32(out, msize_bytes);
    p9_put_text(out, known ? version : "unknown");
    return 0;
}

/* Every message is answered before the next is looked at, so there is nothing to stop.
 * tag[2]: nothing */
static int p9_flush(struct share *share, struct p9_reader *in, struct p9_writer *out) {
    (void)share;
    (void)out;
    p9_take_u16(in);
    return p9_take_end(in);
}

static const struct {
    uint8_t type; /* of the message; its reply's is one more */
    bool changes; /* refused where nothing may be changed */
    p9_fn *answer;
} messages[] = {
    {8, false, p9_statfs},    {12, false, p9_open},    {14, true, p9_create},
    {16, true, p9_symlink},   {18, true, p9_mknod},    {20, true, p9_rename},
    {22, false, p9_readlink}, {24, false, p9_getattr}, {26, true, p9_setattr},
    {40, false, p9_readdir},  {50, false, p9_fsync},   {52, false, p9_lock},
    {54, false, p9_getlock},  {70, true, p9_link},     {72, true, p9_mkdir},
    {74, true, p9_renameat},  {76, true, p9_unlinkat}, {P9_TVERSION, false, p9_version},
    {104, false, p9_attach},  {108, false, p9_flush},  {110, false, p9_walk},
    {116, false, p9_read},    {118, true, p9_write},   {120, false, p9_clunk},
    {122, false, p9_remove},
};

/** Authentication (102), extended attributes (30, 32) and the older dialects have no row. */
static int answer(struct share *share, uint8_t type, struct p9_reader *in, struct p9_writer *out) {
    if (share->msize_bytes == 0 && type != P9_TVERSION) {
        return EPROTO;
    }
    for (size_t i = 0; i < COUNT(messages); i++) {
        if (messages[i].type == type) {
            bool refused = messages[i].changes && !share->options.writable;
            return refused ? EROFS : messages[i].answer(share, in, out);
        }
    }
    return EOPNOTSUPP;
}

static size_t folder_answer(struct share *share, struct share_request request, uint8_t *reply,
                            size_t room_bytes) {
    struct p9_reader in = {.at = request.bytes, .end = request.bytes + request.size_bytes};
    struct p9_writer out = {.bytes = reply, .limit_bytes = room_bytes};
    if (request.size_bytes < HEADER_BYTES || room_bytes < ERROR_BYTES) {
        return 0;
    }
    uint32_t size_bytes = p9_take_u32(&in);
    uint8_t type = p9_take_u8(&in);
    uint16_t tag = p9_take_u16(&in);
    int defect = EPROTO;
    out.size_bytes = HEADER_BYTES;
    if (size_bytes >= HEADER_BYTES && size_bytes <= request.size_bytes) {
        in.end = request.bytes + size_bytes;
        if (share->msize_bytes != 0) {
            out.limit_bytes = min_u64(room_bytes, share->msize_bytes);
        }
        defect = answer(share, type, &in, &out);
    }
    if (defect == 0 && out.full) {
        defect = EMSGSIZE;
    }
    if (defect != 0) {
        out = (struct p9_writer){
            .bytes = reply, .size_bytes = HEADER_BYTES, .limit_bytes = room_bytes};
        p9_put_u32(&out, (uint32_t)defect);
    }
    struct p9_writer header = {.bytes = reply, .limit_bytes = HEADER_BYTES};
    p9_put_u32(&header, (uint32_t)out.size_bytes);
    p9_put_u8(&header, defect == 0 ? (uint8_t)(type + 1) : P9_RLERROR);
    p9_put_u16(&header, tag);
    return out.size_bytes;
}

/* -- The gate ---------------------------------------------------------------------------------- */

void share_set_gate(struct share *share, const struct share_gate *gate) {
    share->gate = *gate;
}

void share_rest(struct share *share, bool rests) {
    share->rests = rests;
}

size_t share_answer(struct share *share, struct share_request request, uint8_t *reply,
                    size_t room_bytes) {
    const struct share_gate *gate = &share->gate;
    size_t reply_bytes = 0;
    bool told = share->rests && gate->tell != NULL &&
                gate->tell(gate->owner, reply, room_bytes, &reply_bytes);
    if (!told && share->root >= 0) {
        reply_bytes = folder_answer(share, request, reply, room_bytes);
        if (gate->told != NULL) {
            gate->told(gate->owner, reply, reply_bytes);
        }
    }
    share->digest = XXH3_64bits_withSeed(request.bytes, request.size_bytes, share->digest);
    share->digest = XXH3_64bits_withSeed(reply, reply_bytes, share->digest);
    return reply_bytes;
}

/* What the folder's side holds follows from what was asked and answered. */
void share_state(struct share *share, struct stream *stream) {
    uint64_t digest = share->digest;
    bool logged = share->rests || share->gate.logged;
    stream_u64(stream, &digest);
    if (stream_expect(stream, digest == share->digest || logged,
                      "was taken while the guest used a shared folder")) {
        share->digest = digest;
    }
}

/* -- Opening and closing ---------------------------------------------------------------------- */

/* A program may have as many descriptors as its hard limit says; the soft one is for those that
 * cannot handle many. */
static uint32_t descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        limit.rlim_cur = soft;
    }
    uint64_t count = min_u64(limit.rlim_cur, INT32_MAX);
    return count < DESCRIPTORS_RESERVED ? 0 : (uint32_t)count - DESCRIPTORS_RESERVED;
}

static enum status folder_open(struct share *share, struct error *error) {
    const char *path = share->options.path;
    share->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (share->root < 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--share %s: cannot be opened (%s); name a folder", path, strerror(errno));
    }
    int wanted = share->options.writable ? R_OK | W_OK | X_OK : R_OK | X_OK;
    if (faccessat(share->root, ".", wanted, AT_EACCESS) != 0) {
        return error_set(error, STATUS_BAD_INPUT, "--share %s: %s; %s", path, strerror(errno),
                         share->options.writable ? "leave out rw, or name another folder"
                                                 : "name a folder that you can read");
    }
    share->descriptors = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (share->descriptors < 0) {
        return error_set(error, STATUS_HOST_IO, "--share %s: /proc/self/fd: %s; mount /proc", path,
                         strerror(errno));
    }
    return STATUS_OK;
}

struct share *share_open(const struct share_options *options, struct error *error) {
    struct share *share = calloc(1, sizeof *share);
    char *path = strdup(options->path);
    if (share == NULL || path == NULL) {
        free(share);
        free(path);
        error_set(error, STATUS_USAGE, "--share %s: out of memory", options->path);
        return NULL;
    }
    share->options = *options;
    share->options.path = path;
    share->root = share->descriptors = -1;
    share->descriptor_limit = descriptor_limit();
    if (folder_open(share, error) != STATUS_OK) {
        share_close(share);
        return NULL;
    }
    return share;
}

struct share *share_hollow(void) {
    struct share *share = calloc(1, sizeof *share);
    if (share != NULL) {
        share->root = share->descriptors = -1;
        share->rests = true;
    }
    return share;
}

static void folder_reset(struct share *share) {
    fids_drop(share);
    files_forget(share);
    share->msize_bytes = 0;
}

void share_reset(struct share *share) {
    share->digest = 0;
    if (!share->rests) {
        folder_reset(share);
    }
}

static void descriptor_close(int descriptor) {
    if (descriptor >= 0) {
        close(descriptor);
    }
}

void share_close(struct share *share) {
    if (share == NULL) {
        return;
    }
    folder_reset(share);
    descriptor_close(share->root);
    descriptor_close(share->descriptors);
    free((char *)share->options.path);
    free(share);
}
