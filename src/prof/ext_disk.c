/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files out of an image of a disk with an ext2, ext3 or ext4 file system, which is only read. */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#include "prof/object.h"
#include "prof/prof.h"

struct ext_disk {
    ext2_filsys files;
};

enum status ext_disk_open(const char *path, struct ext_disk **disk, struct error *error) {
    ext2_filsys files;
    errcode_t failure =
        ext2fs_open(path, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP, 0, 0, unix_io_manager, &files);
    if (failure == ENOENT || failure == EACCES || failure == EISDIR) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--sysroot disk:%.200s: %s; check the path and its permissions", path,
                         strerror((int)failure));
    }
    if (failure != 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--sysroot disk:%.200s: has no ext2, ext3 or ext4 file system that can be "
                         "read; give an image without partitions, or a folder",
                         path);
    }
    struct ext_disk *opened = malloc(sizeof *opened);
    ensure(opened != NULL);
    opened->files = files;
    *disk = opened;
    return STATUS_OK;
}

void ext_disk_close(struct ext_disk *disk) {
    if (disk != NULL) {
        ext2fs_close_free(&disk->files);
        free(disk);
    }
}

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
        return "cannot be read; check the image's file system (e2fsck -fn)";
    }
    *size_bytes = size;
    return NULL;
}

const char *ext_disk_read(struct ext_disk *disk, const char *path, uint8_t **bytes,
                          size_t *size_bytes) {
    ext2_ino_t number;
    struct ext2_inode inode;
    if (ext2fs_namei_follow(disk->files, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &number) != 0) {
        return OBJECT_MISSING;
    }
    if (ext2fs_read_inode(disk->files, number, &inode) != 0 || !LINUX_S_ISREG(inode.i_mode)) {
        return "is not a regular file; give the sysroot that the guest was made from";
    }
    ext2_file_t file;
    if (ext2fs_file_open(disk->files, number, 0, &file) != 0) {
        return "cannot be read; check the image's file system (e2fsck -fn)";
    }
    const char *defect = file_read(file, bytes, size_bytes);
    ext2fs_file_close(file);
    return defect;
}
