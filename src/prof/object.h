/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to prof/: files that are read whole, from folders and disks. */
#ifndef PROF_OBJECT_H
#define PROF_OBJECT_H

#include <sys/types.h>

#include "base/base.h"

/* -- object.c ---------------------------------------------------------------------------------- */

/** Reads up to so many bytes of an open file. @return How many; -1 with errno. */
ssize_t descriptor_read(int descriptor, uint8_t *bytes, size_t size_bytes, int64_t at);
/**
 * Reads a whole open file of at most SYMBOL_FILE_BYTES_MAX.
 * @param bytes  Set; free() them.
 * @return       NULL, or what is wrong and the remedy, to follow the file's name.
 */
const char *object_read(int descriptor, uint8_t **bytes, size_t *size_bytes);

/** The defect of a path that leads to nothing. */
#define OBJECT_MISSING "is not in the sysroot; put it there to see its functions"

/* -- ext_disk.c -------------------------------------------------------------------------------- */

/** An image of a disk with a file system of the ext family. */
struct ext_disk;

/** Opens the image, and reads nothing of it. @errors STATUS_BAD_INPUT */
enum status ext_disk_open(const char *path, struct ext_disk **disk, struct error *error);
/** Finds the file system, once, before anything is read. @errors STATUS_BAD_INPUT */
enum status ext_disk_look(struct ext_disk *disk, struct error *error);
/** NULL is fine. */
void ext_disk_close(struct ext_disk *disk);
/** The file system's number of the file at a path. @return false: there is none. */
bool ext_disk_number(struct ext_disk *disk, const char *path, uint64_t *number);
/** As object_read(), for the file at a path in the image; links are followed inside it. */
const char *ext_disk_read(struct ext_disk *disk, const char *path, uint8_t **bytes,
                          size_t *size_bytes);

#endif
