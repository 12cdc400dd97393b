/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are written as a whole or not at all. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status cannot_write(const char *option, const char *path, struct error *error) {
    return error_set(
        error, STATUS_HOST_IO,
        "%s %s: cannot be written (%s); name a file in a folder that has room and can be "
        "written",
        option, path, strerror(errno));
}

enum { FOLDER_CHARS = 4096 };

/** Folder of @p path. @return false with errno set when it is too long. */
static bool folder_of(const char *path, char folder[FOLDER_CHARS]) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (length + 2 > FOLDER_CHARS) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(folder, path, length);
    strcpy(folder + length, length == 0 ? "." : "");
    return true;
}

/* Devices and pipes, /dev/stdout for one, cannot be replaced: they are written to. */
static bool is_special(const char *path) {
    struct stat there;
    return stat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode);
}

/* Where our own output already goes must not be emptied or replaced under it: /dev/stdout leads to
 * such a file. @return STDOUT_FILENO, STDERR_FILENO, or -1. */
static int stream_of(const char *path) {
    struct stat there, ours;
    for (int stream = STDOUT_FILENO; stream <= STDERR_FILENO; stream++) {
        if (stat(path, &there) == 0 && fstat(stream, &ours) == 0 && there.st_dev == ours.st_dev &&
            there.st_ino == ours.st_ino) {
            return stream;
        }
    }
    return -1;
}

static bool is_folder(const char *path) {
    struct stat there;
    return stat(path, &there) == 0 && S_ISDIR(there.st_mode);
}

enum status output_check(const char *option, const char *path, struct error *error) {
    char folder[FOLDER_CHARS];
    bool possible;
    if (is_folder(path)) {
        errno = EISDIR;
        possible = false;
    } else if (is_special(path) || stream_of(path) >= 0) {
        possible = access(path, W_OK) == 0;
    } else {
        possible = folder_of(path, folder) && access(folder, W_OK | X_OK) == 0;
    }
    return possible ? STATUS_OK : cannot_write(option, path, error);
}

enum status outputs_check(struct outputs *outputs, struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < OUTPUT_COUNT; i++) {
        struct output_file *file = &outputs->files[i];
        if (file->path != NULL) {
            status = output_check(file->option, file->path, error);
            file->stream = stream_of(file->path);
        }
    }
    return status;
}

static bool all_put(FILE *file, struct content content) {
    return fwrite(content.bytes, 1, content.size_bytes, file) == content.size_bytes &&
           fflush(file) == 0;
}

/** All of it to a new file. @return false with errno set. */
static bool write_new(const char *path, struct content content) {
    FILE *file = fopen(path, "wx");
    if (file == NULL) {
        return false;
    }
    bool done = all_put(file, content) && fsync(fileno(file)) == 0;
    int first = errno;
    if (fclose(file) != 0 || !done) {
        errno = done ? errno : first;
        return false;
    }
    return true;
}

static bool replace(const char *path, const char *fresh, struct content content) {
    if (write_new(fresh, content) && rename(fresh, path) == 0) {
        return true;
    }
    int first = errno;
    unlink(fresh);
    errno = first;
    return false;
}

static bool write_through(const char *path, struct content content) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    bool done = all_put(file, content);
    return fclose(file) == 0 && done;
}

static bool write_stream(int stream, struct content content) {
    const char *bytes = content.bytes;
    size_t left = content.size_bytes;
    while (left > 0) {
        ssize_t count = write(stream, bytes, left);
        if (count <= 0 && errno != EINTR) {
            return false;
        }
        bytes += count > 0 ? count : 0;
        left -= count > 0 ? (size_t)count : 0;
    }
    return true;
}

static bool is_link(const char *path) {
    struct stat there;
    return lstat(path, &there) == 0 && S_ISLNK(there.st_mode);
}

/** @p path with ".PID.new" behind it; owned by the caller. NULL when out of memory. */
static char *fresh_name(const char *path) {
    size_t size = strlen(path) + 32;
    char *fresh = malloc(size);
    if (fresh != NULL) {
        snprintf(fresh, size, "%s.%ld.new", path, (long)getpid());
    }
    return fresh;
}

char *output_fresh(const char *path) {
    char *real = realpath(path, NULL);
    bool replaced = !is_special(path) && (real != NULL || !is_link(path));
    char *fresh = replaced ? fresh_name(real == NULL ? path : real) : NULL;
    free(real);
    return fresh;
}

void outputs_drop(const struct outputs *outputs) {
    for (size_t i = 0; outputs->keeper == NULL && i < OUTPUT_COUNT; i++) {
        if (outputs->files[i].fresh != NULL) {
            unlink(outputs->files[i].fresh);
        }
    }
}

/* A link stays, and what it leads to is replaced; what it would lead to is made. */
enum status output_place(const struct output_file *file, struct content content,
                         struct error *error) {
    const char *path = file->path;
    bool done = false;
    char *real = realpath(path, NULL);
    if (file->fresh != NULL) {
        done = rename(file->fresh, real == NULL ? path : real) == 0;
    } else if (is_special(path) || (real == NULL && is_link(path))) {
        done = write_through(path, content);
    } else {
        const char *target = real == NULL ? path : real;
        char *fresh = fresh_name(target);
        done = fresh != NULL && replace(target, fresh, content);
        free(fresh);
    }
    free(real);
    return done ? STATUS_OK : cannot_write(file->option, path, error);
}

enum status output_write_bytes(const struct outputs *outputs, enum output output,
                               struct content content, struct error *error) {
    const struct output_file *file = &outputs->files[output];
    if (file->stream >= 0) {
        return write_stream(file->stream, content) ? STATUS_OK
                                                   : cannot_write(file->option, file->path, error);
    }
    return outputs->keeper == NULL ? output_place(file, content, error)
                                   : keeper_write(outputs->keeper, output, content, error);
}

enum status output_write(const struct outputs *outputs, enum output output, const char *text,
                         struct error *error) {
    return output_write_bytes(outputs, output, (struct content){text, strlen(text)}, error);
}

enum status output_write_file(const char *option, const char *path, struct content content,
                              struct error *error) {
    struct output_file file = {.option = option, .path = path, .stream = stream_of(path)};
    if (file.stream >= 0) {
        return write_stream(file.stream, content) ? STATUS_OK : cannot_write(option, path, error);
    }
    return output_place(&file, content, error);
}
