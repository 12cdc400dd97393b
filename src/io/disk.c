/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's disks: a raw image alone, or an image with an overlay over it. */
#include "io/disk.h"

#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { NAME_CHARS = 4096 + 64 };

struct disk {
    struct store image;
    struct store store;      /* of the overlay */
    struct overlay *overlay; /* NULL: the image alone */
    bool read_only;
    bool temporary;
    uint64_t size_bytes;
    uint64_t *written;      /* persist: a bit for each block of the image */
    struct disk_past *past; /* NULL: there is no mark */
    uint64_t *changed;      /* a bit for each block, since the last walk; NULL: nobody asks */
    bool went_back;         /* since then: what has changed is not known */
};

/** A failure before there is a disk. */
static bool refuse(struct error *error, enum status status, const char *path, const char *why) {
    error_set(error, status, "disk %.400s: %s (%s)", path, why, strerror(errno));
    return false;
}

/* -- Files ------------------------------------------------------------------------------------- */

static bool name_store(struct store *store, int descriptor, const char *kind, const char *path,
                       struct error *error) {
    char name[NAME_CHARS];
    snprintf(name, sizeof name, "%s %.300s", kind, path);
    if (!store_init(store, descriptor, name)) {
        return refuse(error, STATUS_HOST_IO, path, "out of memory; free some and try again");
    }
    return true;
}

/** Are its contents those of a disk, not what comes through a pipe or lies in a folder? */
static bool store_is_file(struct store *store) {
    struct stat stat;
    bool good =
        fstat(store->descriptor, &stat) == 0 && (S_ISREG(stat.st_mode) || S_ISBLK(stat.st_mode));
    return good || store_fail(store, STATUS_BAD_INPUT, "%s: is no file; name one", store->name);
}

/* Opening must not wait for the other end of a pipe. */
static bool image_open(struct disk *disk, const struct disk_options *options, struct error *error) {
    int flags = (options->persist ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
    int descriptor = open(options->path, flags);
    if (descriptor < 0) {
        return refuse(error, STATUS_BAD_INPUT, options->path,
                      "cannot be opened; name a raw image that is there");
    }
    return name_store(&disk->image, descriptor, "disk", options->path, error) &&
           store_is_file(&disk->image) &&
           store_lock(&disk->image, options->persist ? STORE_EXCLUSIVE : STORE_SHARED) &&
           raw_check(&disk->image, options->raw, &disk->size_bytes);
}

/** Is it the image itself? Then its own lock would be in the way. */
static bool overlay_is_image(const struct disk *disk) {
    struct stat image, overlay;
    return fstat(disk->image.descriptor, &image) == 0 &&
           fstat(disk->store.descriptor, &overlay) == 0 && image.st_dev == overlay.st_dev &&
           image.st_ino == overlay.st_ino;
}

static bool overlay_open_existing(struct disk *disk, int descriptor, const char *path,
                                  struct error *error) {
    struct image_identity identity;
    if (!name_store(&disk->store, descriptor, "overlay", path, error)) {
        return false;
    }
    if (overlay_is_image(disk)) {
        return store_fail(&disk->store, STATUS_USAGE, "%s: is the image itself; name another file",
                          disk->store.name);
    }
    if (!store_is_file(&disk->store) || !store_lock(&disk->store, STORE_EXCLUSIVE) ||
        !raw_identify(&disk->image, disk->size_bytes, &identity)) {
        return false;
    }
    disk->overlay = overlay_open(&disk->store, &identity);
    return disk->overlay != NULL;
}

/* Not every file system can rename without replacing; those that cannot have links. */
static bool file_rename(const char *from, const char *path) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return true;
    }
    if (errno != EINVAL || link(from, path) != 0) {
        return false;
    }
    unlink(from);
    return true;
}

/** Makes an entry of a folder safe, if the host can. */
static void folder_sync(const char *path) {
    char folder[NAME_CHARS];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

/** A new file beside @p path, whose name is put into @p unnamed. @return -1: errno. */
static int unnamed_open(const char *path, char unnamed[NAME_CHARS]) {
    mode_t mask = umask(0);
    umask(mask);
    snprintf(unnamed, NAME_CHARS, "%s.XXXXXX", path);
    int descriptor = mkostemp(unnamed, O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fchmod(descriptor, 0666 & ~mask);
    }
    return descriptor;
}

/* It gets its name when it is whole: a crash leaves no file, or an empty overlay. */
static bool overlay_create(struct disk *disk, const char *path, struct error *error) {
    char unnamed[NAME_CHARS];
    struct image_identity identity;
    int descriptor = unnamed_open(path, unnamed);
    if (descriptor < 0) {
        return refuse(error, STATUS_HOST_IO, path,
                      "cannot be made as an overlay; name a file in a folder that can be written");
    }
    bool good = name_store(&disk->store, descriptor, "overlay", path, error) &&
                store_lock(&disk->store, STORE_EXCLUSIVE) &&
                raw_identify(&disk->image, disk->size_bytes, &identity);
    if (good) {
        disk->overlay = overlay_new(&disk->store, &identity, false);
        good = disk->overlay != NULL;
    }
    if (good && !file_rename(unnamed, path)) {
        good = refuse(error, STATUS_HOST_IO, path, "cannot be made as an overlay; try again");
    }
    if (good) {
        folder_sync(path);
    } else {
        unlink(unnamed);
    }
    return good;
}

static bool overlay_open_path(struct disk *disk, const char *path, struct error *error) {
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (descriptor >= 0) {
        return overlay_open_existing(disk, descriptor, path, error);
    }
    if (errno != ENOENT) {
        return refuse(error, STATUS_BAD_INPUT, path,
                      "cannot be opened as an overlay; name a file that can be written");
    }
    return overlay_create(disk, path, error);
}

static bool overlay_open_nameless(struct disk *disk, struct error *error) {
    const char *folder;
    int descriptor = nameless_open(&folder);
    if (descriptor < 0) {
        return refuse(error, STATUS_HOST_IO, folder,
                      "cannot hold a temporary overlay; name a folder in TMPDIR");
    }
    struct image_identity identity = {.size_bytes = disk->size_bytes};
    disk->temporary = true;
    if (!name_store(&disk->store, descriptor, "temporary overlay in TMPDIR,", folder, error)) {
        return false;
    }
    disk->overlay = overlay_new(&disk->store, &identity, true);
    return disk->overlay != NULL;
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static bool written_new(struct disk *disk, struct error *error) {
    uint64_t blocks = (disk->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    disk->written = calloc(blocks / 64 + 1, sizeof *disk->written);
    return disk->written != NULL ||
           error_set(error, STATUS_HOST_IO, "disk: out of memory; free some and try again") ==
               STATUS_OK;
}

static bool options_check(const struct disk_options *options, struct error *error) {
    const char *why = NULL;
    if (options->read_only && (options->persist || options->overlay != NULL)) {
        why = "read-only, so nothing is written: drop persist, overlay or ro";
    } else if (options->persist && options->overlay != NULL) {
        why = "writes go to the image (persist) or to an overlay; choose one";
    }
    return why == NULL ||
           error_set(error, STATUS_USAGE, "disk %.400s: %s", options->path, why) == STATUS_OK;
}

/** Frees all but what an overlay still has to write. @return The first failure, if any. */
static bool disk_free(struct disk *disk, struct error *error) {
    store_close(&disk->store);
    store_close(&disk->image);
    bool good = !disk_failed(disk, error);
    free(disk->written);
    free(disk->changed);
    disk_past_free(disk->past);
    free(disk);
    return good;
}

static bool parts_open(struct disk *disk, const struct disk_options *options, struct error *error) {
    if (!image_open(disk, options, error)) {
        return false;
    }
    if (options->persist) {
        return written_new(disk, error);
    }
    if (options->overlay != NULL) {
        return overlay_open_path(disk, options->overlay, error);
    }
    return disk->read_only || overlay_open_nameless(disk, error);
}

struct disk *disk_open(const struct disk_options *options, struct error *error) {
    if (!options_check(options, error)) {
        return NULL;
    }
    struct disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL) {
        error_set(error, STATUS_HOST_IO, "disk: out of memory; free some and try again");
        return NULL;
    }
    disk->read_only = options->read_only;
    if (!parts_open(disk, options, error)) {
        overlay_close(disk->overlay);
        disk_free(disk, error);
        return NULL;
    }
    return disk;
}

/* The image stays the same open file, whatever has become of its name, and stays locked. */
struct disk *disk_twin(const struct disk *disk, struct error *error) {
    if (!disk->read_only && !disk->temporary) {
        error_set(error, STATUS_USAGE,
                  "%s: --engine check runs two machines, which cannot both write to one file; "
                  "drop persist or overlay",
                  disk->image.name);
        return NULL;
    }
    struct disk *twin = calloc(1, sizeof *twin);
    int descriptor = fcntl(disk->image.descriptor, F_DUPFD_CLOEXEC, 0);
    if (twin == NULL || descriptor < 0 || !store_init(&twin->image, descriptor, disk->image.name)) {
        error_set(error, STATUS_HOST_IO, "%s: cannot be opened twice; free memory and files",
                  disk->image.name);
        free(twin);
        return NULL;
    }
    twin->size_bytes = disk->size_bytes;
    twin->read_only = disk->read_only;
    if (!disk->read_only && !overlay_open_nameless(twin, error)) {
        disk_free(twin, error);
        return NULL;
    }
    return twin;
}

bool disk_close(struct disk *disk, struct error *error) {
    if (disk == NULL) {
        return true;
    }
    (void)disk_flush(disk);
    overlay_close(disk->overlay);
    return disk_free(disk, error);
}

uint64_t disk_sectors(const struct disk *disk) {
    return disk->size_bytes / SECTOR_BYTES;
}

bool disk_read_only(const struct disk *disk) {
    return disk->read_only;
}

bool disk_failed(const struct disk *disk, struct error *error) {
    const struct error *failure =
        disk->image.failure.status != STATUS_OK ? &disk->image.failure : &disk->store.failure;
    if (failure->status == STATUS_OK) {
        return false;
    }
    *error = *failure;
    return true;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static bool sound(const struct disk *disk) {
    return disk->image.failure.status == STATUS_OK && disk->store.failure.status == STATUS_OK;
}

/** Blocks that [offset_bytes, offset_bytes + size_bytes) touches. */
static uint64_t blocks_touched(uint64_t offset_bytes, uint64_t size_bytes) {
    return (offset_bytes % BLOCK_BYTES + size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

/** Reads from the overlay, of one extent. @return Bytes read; 0 on failure. */
static uint64_t overlay_part(struct disk *disk, uint64_t offset_bytes, uint8_t *bytes,
                             uint64_t size_bytes) {
    uint8_t whole[BLOCK_BYTES];
    uint64_t block = offset_bytes / BLOCK_BYTES;
    uint64_t within = offset_bytes % BLOCK_BYTES;
    if (within == 0 && size_bytes >= BLOCK_BYTES) {
        uint64_t count = size_bytes / BLOCK_BYTES;
        return overlay_read(disk->overlay, block, count, bytes) ? count * BLOCK_BYTES : 0;
    }
    uint64_t part = min_u64(BLOCK_BYTES - within, size_bytes);
    if (!overlay_read(disk->overlay, block, 1, whole)) {
        return 0;
    }
    memcpy(bytes, whole + within, part);
    return part;
}

/** Reads the start of a range, as far as it lies together. @return Bytes read; 0 on failure. */
static uint64_t part_read(struct disk *disk, uint64_t offset_bytes, uint8_t *bytes,
                          uint64_t size_bytes) {
    enum extent extent;
    uint64_t count = overlay_extent(disk->overlay, offset_bytes / BLOCK_BYTES,
                                    blocks_touched(offset_bytes, size_bytes), &extent);
    uint64_t part = min_u64(count * BLOCK_BYTES - offset_bytes % BLOCK_BYTES, size_bytes);
    switch (extent) {
    case EXTENT_IMAGE:
        return store_read(&disk->image, bytes, part, offset_bytes) ? part : 0;
    case EXTENT_ZEROS:
        memset(bytes, 0, part);
        return part;
    case EXTENT_OVERLAY:
        break;
    }
    return overlay_part(disk, offset_bytes, bytes, part);
}

bool disk_read(struct disk *disk, uint64_t offset_bytes, void *bytes, size_t size_bytes) {
    uint8_t *at = bytes;
    bool good = sound(disk);
    if (disk->overlay == NULL) {
        return good && store_read(&disk->image, bytes, size_bytes, offset_bytes);
    }
    while (good && size_bytes > 0) {
        uint64_t part = part_read(disk, offset_bytes, at, size_bytes);
        good = part > 0;
        at += part;
        offset_bytes += part;
        size_bytes -= part;
    }
    return good;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/** Sets the bits of all blocks of a range. */
static void blocks_note(uint64_t *bits, uint64_t offset_bytes, uint64_t size_bytes) {
    uint64_t first = offset_bytes / BLOCK_BYTES;
    uint64_t end = first + blocks_touched(offset_bytes, size_bytes);
    for (uint64_t block = first; block < end;) {
        uint64_t count = min_u64(64 - block % 64, end - block);
        bits[block / 64] |= UINT64_MAX >> (64 - count) << block % 64;
        block += count;
    }
}

/** Reads a whole block; what lies past the disk's end is zeros. */
static bool block_read(struct disk *disk, uint64_t block, uint8_t bytes[BLOCK_BYTES]) {
    uint64_t offset_bytes = block * BLOCK_BYTES;
    size_t part = min_u64(BLOCK_BYTES, disk->size_bytes - offset_bytes);
    memset(bytes + part, 0, BLOCK_BYTES - part);
    return disk_read(disk, offset_bytes, bytes, part);
}

/** Writes a part of one block. @param bytes  NULL: zeros. */
static bool block_change(struct disk *disk, uint64_t offset_bytes, const uint8_t *bytes,
                         size_t size_bytes) {
    uint8_t whole[BLOCK_BYTES];
    uint64_t block = offset_bytes / BLOCK_BYTES;
    uint8_t *at = whole + offset_bytes % BLOCK_BYTES;
    if (!block_read(disk, block, whole)) {
        return false;
    }
    if (bytes == NULL) {
        memset(at, 0, size_bytes);
    } else {
        memcpy(at, bytes, size_bytes);
    }
    return overlay_write(disk->overlay, block, 1, whole);
}

/** Writes whole blocks. @param bytes  NULL: zeros. */
static bool blocks_change(struct disk *disk, uint64_t offset_bytes, const uint8_t *bytes,
                          uint64_t size_bytes) {
    uint64_t block = offset_bytes / BLOCK_BYTES;
    uint64_t count = (size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    return bytes == NULL ? overlay_zero(disk->overlay, block, count)
                         : overlay_write(disk->overlay, block, count, bytes);
}

/* A past that cannot be kept whole is worth nothing. */
static void change_begins(struct disk *disk, uint64_t offset_bytes, uint64_t size_bytes) {
    if (disk->changed != NULL) {
        blocks_note(disk->changed, offset_bytes, size_bytes);
    }
    if (disk->past != NULL && !disk_past_keep(disk->past, disk->overlay, offset_bytes / BLOCK_BYTES,
                                              blocks_touched(offset_bytes, size_bytes))) {
        disk_forget_all(disk);
    }
}

/* The last block of a disk may be a part of one; zeros make it whole, as nothing lies behind. */
static bool range_change(struct disk *disk, uint64_t offset_bytes, const uint8_t *bytes,
                         uint64_t size_bytes) {
    change_begins(disk, offset_bytes, size_bytes);
    while (size_bytes > 0) {
        uint64_t within = offset_bytes % BLOCK_BYTES;
        uint64_t part = size_bytes - size_bytes % BLOCK_BYTES;
        bool whole = within == 0 && part > 0;
        if (within == 0 && bytes == NULL && offset_bytes + size_bytes == disk->size_bytes) {
            whole = true;
            part = size_bytes;
        }
        if (!whole) {
            part = min_u64(BLOCK_BYTES - within, size_bytes);
        }
        if (!(whole ? blocks_change(disk, offset_bytes, bytes, part)
                    : block_change(disk, offset_bytes, bytes, part))) {
            return false;
        }
        offset_bytes += part;
        size_bytes -= part;
        bytes = bytes == NULL ? NULL : bytes + part;
    }
    return true;
}

bool disk_write(struct disk *disk, uint64_t offset_bytes, const void *bytes, size_t size_bytes) {
    ensure(!disk->read_only);
    if (disk->overlay != NULL) {
        return sound(disk) && range_change(disk, offset_bytes, bytes, size_bytes);
    }
    blocks_note(disk->written, offset_bytes, size_bytes);
    return store_write(&disk->image, bytes, size_bytes, offset_bytes);
}

/** Zeros of an image itself: a hole where the host has holes. */
static bool image_zero(struct disk *disk, uint64_t offset_bytes, uint64_t size_bytes) {
    static const uint8_t zeros[64 << 10];
    blocks_note(disk->written, offset_bytes, size_bytes);
    if (store_punch(&disk->image, offset_bytes, size_bytes)) {
        return true;
    }
    bool good = sound(disk);
    while (good && size_bytes > 0) {
        size_t part = min_u64(size_bytes, sizeof zeros);
        good = store_write(&disk->image, zeros, part, offset_bytes);
        offset_bytes += part;
        size_bytes -= part;
    }
    return good;
}

bool disk_zero(struct disk *disk, uint64_t offset_bytes, uint64_t size_bytes) {
    ensure(!disk->read_only);
    if (disk->overlay != NULL) {
        return sound(disk) && range_change(disk, offset_bytes, NULL, size_bytes);
    }
    return image_zero(disk, offset_bytes, size_bytes);
}

bool disk_flush(struct disk *disk) {
    if (!sound(disk) || disk->read_only) {
        return sound(disk);
    }
    return disk->overlay != NULL ? overlay_commit(disk->overlay) : store_sync(&disk->image);
}

/* -- Contents ---------------------------------------------------------------------------------- */

static const uint64_t NO_BLOCK = UINT64_MAX;

/** One block of contents, or a run of zeros. */
static void blocks_tell(struct disk *disk, struct stream *stream, uint64_t block, uint64_t count,
                        enum extent extent) {
    uint8_t bytes[BLOCK_BYTES];
    for (uint64_t i = 0; i < count; i += extent == EXTENT_ZEROS ? count : 1) {
        uint64_t number = block + i, run = extent == EXTENT_ZEROS ? count : 0;
        stream_u64(stream, &number);
        stream_u64(stream, &run);
        if (extent == EXTENT_OVERLAY) {
            (void)overlay_read(disk->overlay, number, 1, bytes); /* a failure shows */
            stream_bytes(stream, bytes, sizeof bytes);
        }
    }
}

static void contents_tell(struct disk *disk, struct stream *stream) {
    uint64_t count = (disk->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    uint64_t end = NO_BLOCK;
    for (uint64_t block = 0; block < count;) {
        enum extent extent;
        uint64_t run = overlay_extent(disk->overlay, block, count - block, &extent);
        if (extent != EXTENT_IMAGE) {
            blocks_tell(disk, stream, block, run, extent);
        }
        block += run;
    }
    stream_u64(stream, &end);
}

static void contents_take(struct disk *disk, struct stream *stream) {
    uint64_t count = (disk->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    uint8_t bytes[BLOCK_BYTES];
    for (;;) {
        uint64_t block = 0, run = 0;
        stream_u64(stream, &block);
        if (block == NO_BLOCK || !stream_sound(stream)) {
            return;
        }
        stream_u64(stream, &run);
        if (!stream_expect(stream, block < count && run <= count - block,
                           "holds a block that is not on the disk")) {
            return;
        }
        change_begins(disk, block * BLOCK_BYTES, (run > 0 ? run : 1) * BLOCK_BYTES);
        if (run > 0) {
            (void)overlay_zero(disk->overlay, block, run);
        } else {
            stream_bytes(stream, bytes, sizeof bytes);
            (void)overlay_write(disk->overlay, block, 1, bytes);
        }
    }
}

void disk_contents(struct disk *disk, struct stream *stream) {
    if (disk->read_only || !disk->temporary) {
        return;
    }
    if (stream_sets(stream)) {
        contents_take(disk, stream);
    } else {
        contents_tell(disk, stream);
    }
}

static uint64_t block_count(const struct disk *disk) {
    return (disk->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

static size_t changed_bytes(const struct disk *disk) {
    return (size_t)((block_count(disk) + 63) / 64 * sizeof *disk->changed);
}

bool disk_follow(struct disk *disk) {
    if (!disk->read_only && disk->temporary) {
        free(disk->changed);
        disk->changed = calloc(1, changed_bytes(disk));
        return disk->changed != NULL;
    }
    return true;
}

static void changes_tell(struct disk *disk, struct stream *stream) {
    uint64_t end = NO_BLOCK;
    for (uint64_t block = 0; block < block_count(disk);) {
        uint64_t word = disk->changed[block / 64] >> block % 64;
        uint64_t other = (word & 1) != 0 ? ~word : word;
        uint64_t run = 64 - block % 64; /* of blocks that are alike */
        run = other == 0 ? run : min_u64(run, (unsigned)__builtin_ctzll(other));
        run = min_u64(run, block_count(disk) - block);
        if ((word & 1) != 0) {
            enum extent extent;
            run = overlay_extent(disk->overlay, block, run, &extent);
            blocks_tell(disk, stream, block, extent == EXTENT_IMAGE ? 0 : run, extent);
        }
        block += run;
    }
    stream_u64(stream, &end);
}

/* Where a disk goes back to and in which blocks is its past's affair; so then all of it is told. */
void disk_changes(struct disk *disk, struct stream *stream) {
    if (disk->read_only || !disk->temporary) {
        return;
    }
    bool whole = disk->went_back;
    stream_bool(stream, &whole);
    if (stream_sets(stream)) {
        if (whole && stream_sound(stream)) {
            change_begins(disk, 0, disk->size_bytes);
            (void)overlay_forget(disk->overlay, 0, block_count(disk));
        }
        contents_take(disk, stream);
        return;
    }
    if (whole) {
        contents_tell(disk, stream);
    } else {
        changes_tell(disk, stream);
    }
    disk->went_back = false;
    memset(disk->changed, 0, changed_bytes(disk));
}

/* -- The past ---------------------------------------------------------------------------------- */

bool disk_can_mark(const struct disk *disk) {
    return disk->read_only || disk->overlay != NULL;
}

bool disk_mark(struct disk *disk) {
    ensure(disk_can_mark(disk));
    if (disk->read_only) {
        return true;
    }
    if (disk->past == NULL) {
        disk->past = disk_past_new((disk->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
    }
    if (disk->past == NULL || !disk_past_mark(disk->past)) {
        disk_forget_all(disk);
        return false;
    }
    return true;
}

bool disk_marked(const struct disk *disk) {
    return disk->read_only || disk->past != NULL;
}

bool disk_back(struct disk *disk, size_t idx) {
    disk->went_back = true;
    return disk->read_only || disk_past_back(disk->past, disk->overlay, idx);
}

void disk_forget(struct disk *disk, size_t idx) {
    if (disk->past != NULL &&
        (!disk_past_forget(disk->past, idx) || disk_past_marks(disk->past) == 0)) {
        disk_forget_all(disk);
    }
}

void disk_forget_all(struct disk *disk) {
    disk_past_free(disk->past);
    disk->past = NULL;
}

uint64_t disk_past_size(const struct disk *disk) {
    return disk->past == NULL ? 0 : disk_past_bytes(disk->past);
}

/* -- State ------------------------------------------------------------------------------------- */

/* What cannot be read counts as zeros: the disk has failed then, and so has the run. */
static void image_state(struct disk *disk, struct stream *stream) {
    struct block_walk walk = {.stream = stream};
    uint8_t bytes[BLOCK_BYTES];
    uint64_t blocks = (disk->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    for (uint64_t block = 0; block < blocks; block++) {
        uint64_t left = disk->written[block / 64] >> block % 64;
        if (left == 0) {
            block |= 63;
        } else if ((left & 1) != 0) {
            bool read = block_read(disk, block, bytes);
            uint64_t digest = block_digest(bytes);
            if (!read || block_is_zeros(bytes, digest)) {
                block_walk_zeros(&walk, block, 1);
            } else {
                block_walk_one(&walk, block, digest);
            }
        }
    }
    block_walk_end(&walk);
}

static void digest_put(void *owner, const void *bytes, size_t size_bytes) {
    uint64_t *digest = owner;
    *digest = XXH3_64bits_withSeed(bytes, size_bytes, *digest);
}

void disk_state(struct disk *disk, struct stream *stream) {
    uint64_t digest = 0;
    struct stream contents = {.put = digest_put, .owner = &digest};
    if (disk->overlay != NULL) {
        overlay_state(disk->overlay, &contents);
    } else if (disk->written != NULL) {
        image_state(disk, &contents);
    }
    stream_constant(stream, disk->size_bytes, "is of a machine with another disk");
    stream_constant(stream, digest, "was taken with other contents of a disk");
}
