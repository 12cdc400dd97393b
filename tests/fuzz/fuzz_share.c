/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any messages to a share: every reply is well formed, and nothing outside the folder is seen or
 * changed.
 *
 * The first byte says whether the folder is writable; then come messages: two bytes of length, one
 * that says how much room there is for the reply, the type, and the fields. Size and tag are filled
 * in, unless the length's top bit is set: then the bytes are sent as they are. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"

enum { RLERROR = 7, RGETATTR = 25, ROOM_BYTES = 16384, MESSAGE_MAX_BYTES = 4096 };
enum { SECRET_BYTES = 31337, MESSAGES_MAX = 200, SIZE_OFFSET = 7 + 8 + 13 + 12 + 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_share: %s\n", what);
        abort();
    }
}

/* -- The folder, made anew for each input ----------------------------------------------------- */

struct place {
    char above[64];
    char folder[80];
};

/* A guest may have made folders that nobody may read, and links to anywhere. */
static void remove_all(const char *path) {
    struct stat status;
    demand(lstat(path, &status) == 0, "cannot look at what is there");
    if (S_ISDIR(status.st_mode)) {
        DIR *folder = chmod(path, 0700) == 0 ? opendir(path) : NULL;
        demand(folder != NULL, "cannot read a folder");
        for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            char *inner = NULL;
            bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
            demand(asprintf(&inner, "%s/%s", path, entry->d_name) > 0, "out of memory");
            if (!self) {
                remove_all(inner);
            }
            free(inner);
        }
        closedir(folder);
    }
    demand(remove(path) == 0, "cannot remove what is there");
}

static void file_make(const char *folder, const char *name, off_t size_bytes) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    demand(descriptor >= 0 && ftruncate(descriptor, size_bytes) == 0, "cannot make a file");
    close(descriptor);
}

static void place_make(struct place *place) {
    char path[128];
    snprintf(place->above, sizeof place->above, "/dev/shm/fuzz_share.XXXXXX");
    demand(mkdtemp(place->above) != NULL, "cannot make a folder");
    file_make(place->above, "secret", SECRET_BYTES);
    snprintf(place->folder, sizeof place->folder, "%s/shared", place->above);
    demand(mkdir(place->folder, 0755) == 0, "cannot make a folder");
    snprintf(path, sizeof path, "%s/a", place->folder);
    demand(mkdir(path, 0755) == 0, "cannot make a folder");
    file_make(place->folder, "a/b", 100);
    file_make(place->folder, "c", 5000);
    snprintf(path, sizeof path, "%s/l", place->folder);
    demand(symlink("../secret", path) == 0, "cannot make a link");
    snprintf(path, sizeof path, "%s/p", place->folder);
    demand(mkfifo(path, 0644) == 0, "cannot make a FIFO");
}

/* Only what was made above may be there, and as it was. */
static void place_check(const struct place *place) {
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/secret", place->above);
    demand(lstat(path, &status) == 0 && status.st_size == SECRET_BYTES && status.st_nlink == 1 &&
               status.st_mode == (S_IFREG | 0644) && status.st_mtim.tv_sec > 1000000,
           "what lies outside has changed");
    demand(unlink(path) == 0, "cannot remove a file");
    remove_all(place->folder);
    demand(rmdir(place->above) == 0, "something is outside");
}

/* -- Messages --------------------------------------------------------------------------------- */

static void put_u32(uint8_t *bytes, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_number(const uint8_t *bytes, unsigned size_bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static void reply_check(const uint8_t *message, const uint8_t *reply, size_t got) {
    demand(got >= 7 && get_number(reply, 4) == got, "size that is not the reply's");
    demand(reply[4] == RLERROR || reply[4] == message[4] + 1, "reply of another type");
    demand(reply[4] != RLERROR || (got == 11 && get_number(reply + 7, 4) - 1 < 4095), "no errno");
    demand(memcmp(reply + 5, message + 5, 2) == 0, "tag that is not the message's");
    if (reply[4] == RGETATTR) {
        demand(get_number(reply + SIZE_OFFSET, 8) != SECRET_BYTES, "sees what lies outside");
    }
}

static void message_send(struct share *share, const uint8_t *bytes, size_t size_bytes,
                         size_t room_bytes) {
    uint8_t *message = malloc(size_bytes + 1);
    uint8_t *reply = malloc(room_bytes + 1);
    demand(message != NULL && reply != NULL, "out of memory");
    memcpy(message + 1, bytes, size_bytes);
    struct share_request request = {.bytes = message + 1, .size_bytes = size_bytes};
    size_t got = share_answer(share, request, reply + 1, room_bytes);
    demand(got <= room_bytes, "more than there is room for");
    demand((got == 0) == (size_bytes < 7 || room_bytes < 11), "no answer, or one to nobody");
    if (got > 0) {
        reply_check(message + 1, reply + 1, got);
    }
    free(message);
    free(reply);
}

static void session_begin(struct share *share) {
    static const uint8_t version[] = {21, 0, 0,   0,   100, 0,   0,   0,   64,  0,  0,
                                      8,  0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
    static const uint8_t attach[] = {23,  0,   0,   0, 104, 0, 0, 0, 0, 0, 0, 255,
                                     255, 255, 255, 0, 0,   0, 0, 0, 0, 0, 0};
    message_send(share, version, sizeof version, ROOM_BYTES);
    message_send(share, attach, sizeof attach, ROOM_BYTES);
}

static void messages_send(struct share *share, const uint8_t *bytes, size_t size_bytes) {
    uint8_t message[7 + MESSAGE_MAX_BYTES];
    for (unsigned i = 0; i < MESSAGES_MAX && size_bytes > 4; i++) {
        size_t length = get_number(bytes, 2) & 0x0fff;
        bool raw = (bytes[1] & 0x80) != 0;
        size_t room_bytes = bytes[2] < 128 ? ROOM_BYTES : bytes[2] - 128u;
        bytes += 3;
        size_bytes -= 3;
        length = min_u64(length, size_bytes);
        if (raw) {
            message_send(share, bytes, length, room_bytes);
        } else if (length > 0) {
            put_u32(message, (uint32_t)(6 + length));
            message[4] = bytes[0];
            message[5] = (uint8_t)i;
            message[6] = 0;
            memcpy(message + 7, bytes + 1, length - 1);
            message_send(share, message, 6 + length, room_bytes);
        }
        bytes += length;
        size_bytes -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    struct place place;
    struct error error;
    if (size_bytes == 0) {
        return 0;
    }
    umask(022);
    place_make(&place);
    struct share_options options = {.path = place.folder, .writable = bytes[0] % 2 == 1};
    struct share *share = share_open(&options, &error);
    demand(share != NULL, "cannot open the folder");
    session_begin(share);
    messages_send(share, bytes + 1, size_bytes - 1);
    share_close(share);
    place_check(&place);
    return 0;
}
