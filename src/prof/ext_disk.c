/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files out of an image of a disk with an ext2, ext3 or ext4 file system, which is only read.
 *
 * The image is opened before a run is shut in, and its file system is looked at inside: a guest may
 * have written it. So the library gets at it by a descriptor, through calls of ours. Its own would
 * do for that, but they ask the host for more, another release for other things; and they keep
 * blocks, while the guest whose drive it is may go on writing. */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/object.h"
#include "prof/prof.h"

struct ext_disk {
    int descriptor;
    char *path;
    ext2_filsys files; /* NULL: not looked at yet */
};

/* -- Blocks ------------------------------------------------------------------------------------ */

static io_manager blocks_manager(void);

/* The name is the descriptor's number. */
static errcode_t blocks_open(const char *name, int flags, io_channel *channel) {
    (void)flags;
    struct struct_io_channel *opened = calloc(1, sizeof *opened);
    int *descriptor = malloc(sizeof *descriptor);
    ensure(opened != NULL && descriptor != NULL);
    *descriptor = atoi(name);
    *opened = (struct struct_io_channel){.magic = EXT2_ET_MAGIC_IO_CHANNEL,
                                         .manager = blocks_manager(),
                                         .block_size = SUPERBLOCK_OFFSET,
                                         .refcount = 1,
                                         .private_data = descriptor};
    opened->name = strdup(name);
    ensure(opened->name != NULL);
    *channel = opened;
    return 0;
}

static errcode_t blocks_close(io_channel channel) {
    if (--channel->refcount == 0) {
        free(channel->name);
        free(channel->private_data);
        free(channel);
    }
    return 0;
}

static errcode_t blocks_set_size(io_channel channel, int size_bytes) {
    channel->block_size = size_bytes;
    return 0;
}

/** @param count  Of blocks; if it is less than 0, of bytes. */
static errcode_t blocks_read64(io_channel channel, unsigned long long block, int count,
                               void *bytes) {
    const int *descriptor = channel->private_data;
    size_t size_bytes =
        count < 0 ? 0U - (size_t)count : (size_t)count * (size_t)channel->block_size;
    int64_t at;
    if (__builtin_mul_overflow(block, (unsigned)channel->block_size, &at)) {
        return EXT2_ET_SHORT_READ;
    }
    return descriptor_read(*descriptor, bytes, size_bytes, at) == (ssize_t)size_bytes
               ? 0
               : EXT2_ET_SHORT_READ;
}

static errcode_t blocks_read(io_channel channel, unsigned long block, int count, void *bytes) {
    return blocks_read64(channel, block, count, bytes);
}

static errcode_t blocks_write64(io_channel channel, unsigned long long block, int count,
                                const void *bytes) {
    (void)channel, (void)block, (void)count, (void)bytes;
    return EXT2_ET_RO_FILSYS;
}

static errcode_t blocks_write(io_channel channel, unsigned long block, int count,
                              const void *bytes) {
    return blocks_write64(channel, block, count, bytes);
}

static errcode_t blocks_flush(io_channel channel) {
    (void)channel;
    return 0;
}

static const struct struct_io_manager blocks = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "descriptor",
    .open = blocks_open,
    .close = blocks_close,
    .set_blksize = blocks_set_size,
    .read_blk = blocks_read,
    .read_blk64 = blocks_read64,
    .write_blk = blocks_write,
    .write_blk64 = blocks_write64,
    .flush = blocks_flush,
};

/* The library asks for one that it could write to, and does not. */
static io_manager blocks_manager(void) {
    return (io_manager)(uintptr_t)&blocks;
}

/* -- Disks ------------------------------------------------------------------------------------- */

enum status ext_disk_open(const char *path, struct ext_disk **disk, struct error *error) {
    struct stat there;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool found = descriptor >= 0 && fstat(descriptor, &there) == 0;
    if (!found || (!S_ISREG(there.st_mode) && !S_ISBLK(there.st_mode))) {
        error_set(error, STATUS_BAD_INPUT,
                  "--sysroot disk:%.200s: %s; name an image that you may read", path,
                  found ? "is no file" : strerror(errno));
        if (descriptor >= 0) {
            close(descriptor);
        }
        return error->status;
    }
    struct ext_disk *opened = calloc(1, sizeof *opened);
    ensure(opened != NULL);
    *opened = (struct ext_disk){.descriptor = descriptor, .path = strdup(path)};
    ensure(opened->path != NULL);
    *disk = opened;
    return STATUS_OK;
}

enum status ext_disk_look(struct ext_disk *disk, struct error *error) {
    char name[16];
    snprintf(name, sizeof name, "%d", disk->descriptor);
    errcode_t failure = ext2fs_open(name, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP, 0, 0,
                                    blocks_manager(), &disk->files);
    if (failure != 0) {
        disk->files = NULL;
        return error_set(error, STATUS_BAD_INPUT,
                         "--sysroot disk:%.200s: has no ext2, ext3 or ext4 file system that can be "
                         "read; give an image without partitions, or a folder",
                         disk->path);
    }
    return STATUS_OK;
}

void ext_disk_close(struct ext_disk *disk) {
    if (disk != NULL) {
        if (disk->files != NULL) {
            ext2fs_close_free(&disk->files);
        }
        close(disk->descriptor);
        free(disk->path);
        free(disk);
    }
}

/* -- Files ------------------------------------------------------------------------------------- */

static const char DAMAGED[] = "cannot be read; check the image's file system (e2fsck -fn)";

/* @return false: it cannot be read, or not all of it. */
static bool contents_read(ext2_file_t file, uint8_t *bytes, size_t size_bytes) {
    size_t have = 0;
    while (have < size_bytes) {
        unsigned got = 0;
        unsigned part = (unsigned)min_u64(size_bytes - have, 1 << 20);
        if (ext2fs_file_read(file, bytes + have, part, &got) != 0 || got == 0) {
            return false;
        }
        have += got;
    }
    return true;
}

static const char *file_read(ext2_file_t file, uint8_t **bytes, size_t *size_bytes) {
    __u64 size;
    if (ext2fs_file_get_lsize(file, &size) != 0 || size == 0 || size > SYMBOL_FILE_BYTES_MAX) {
        return "is empty or too large for a program (over 1 GiB); give another sysroot";
    }
    *bytes = malloc(size);
    ensure(*bytes != NULL);
    if (!contents_read(file, *bytes, size)) {
        free(*bytes);
        return DAMAGED;
    }
    *size_bytes = size;
    return NULL;
}

bool ext_disk_number(struct ext_disk *disk, const char *path, uint64_t *number) {
    ext2_ino_t found;
    if (ext2fs_namei_follow(disk->files, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &found) != 0) {
        return false;
    }
    *number = found;
    return true;
}

const char *ext_disk_read(struct ext_disk *disk, const char *path, uint8_t **bytes,
                          size_t *size_bytes) {
    ext2_ino_t number;
    struct ext2_inode inode;
    errcode_t failure =
        ext2fs_namei_follow(disk->files, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &number);
    if (failure != 0) {
        bool missing = failure == EXT2_ET_FILE_NOT_FOUND || failure == EXT2_ET_NO_DIRECTORY;
        return missing ? OBJECT_MISSING : DAMAGED;
    }
    if (ext2fs_read_inode(disk->files, number, &inode) != 0) {
        return DAMAGED;
    }
    if (!LINUX_S_ISREG(inode.i_mode)) {
        return "is not a regular file; give the sysroot that the guest was made from";
    }
    ext2_file_t file;
    if (ext2fs_file_open(disk->files, number, 0, &file) != 0) {
        return DAMAGED;
    }
    const char *defect = file_read(file, bytes, size_bytes);
    ext2fs_file_close(file);
    return defect;
}
