/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of 9P2000.L for the tests of shares: a temporary folder, messages by format, replies
 * field by field. */
#ifndef TESTS_UNIT_SHARE_TEST_H
#define TESTS_UNIT_SHARE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"

enum { NO_FID = -1, OWNER = 77, GROUP = 88, MSIZE = 64 << 10, ROOT = 0 };

enum message_type {
    TSTATFS = 8,
    TLOPEN = 12,
    TLCREATE = 14,
    TSYMLINK = 16,
    TMKNOD = 18,
    TRENAME = 20,
    TREADLINK = 22,
    TGETATTR = 24,
    TSETATTR = 26,
    TXATTRWALK = 30,
    TXATTRCREATE = 32,
    TREADDIR = 40,
    TFSYNC = 50,
    TLOCK = 52,
    TGETLOCK = 54,
    TLINK = 70,
    TMKDIR = 72,
    TRENAMEAT = 74,
    TUNLINKAT = 76,
    TVERSION = 100,
    TAUTH = 102,
    TATTACH = 104,
    TFLUSH = 108,
    TWALK = 110,
    TREAD = 116,
    TWRITE = 118,
    TCLUNK = 120,
    TREMOVE = 122,
    RLERROR = 7,
};

/** Above the folder lies what the guest must never see or change. */
struct client {
    char above[64];  /* temporary, holds "shared" and "secret" */
    char folder[80]; /* above/shared */
    struct share *share;
    uint8_t message[SHARE_MESSAGE_MAX_BYTES];
    size_t message_bytes;
    uint8_t reply[SHARE_MESSAGE_MAX_BYTES];
    size_t reply_bytes, at; /* at: what has been taken of it */
    size_t room_bytes;      /* for the reply */
    uint16_t tag;
};

/* -- The folder on the host -------------------------------------------------------------------- */

struct path {
    char text[400];
};

static inline struct path path_in(const struct client *client, const char *name) {
    struct path path;
    snprintf(path.text, sizeof path.text, "%s/%s", client->folder, name);
    return path;
}

static inline void host_write(const struct client *client, const char *name, const char *text) {
    FILE *file = fopen(path_in(client, name).text, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static inline void host_expect(const struct client *client, const char *name, const char *text) {
    char bytes[256] = "";
    FILE *file = fopen(path_in(client, name).text, "r");
    assert_non_null(file);
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(bytes, text);
}

static inline bool host_has(const struct client *client, const char *name) {
    struct stat status;
    return lstat(path_in(client, name).text, &status) == 0;
}

static inline struct stat host_stat(const struct client *client, const char *name) {
    struct stat status = {0};
    assert_int_equal(lstat(path_in(client, name).text, &status), 0);
    return status;
}

static inline void host_mkdir(const struct client *client, const char *name) {
    assert_int_equal(mkdir(path_in(client, name).text, 0755), 0);
}

static inline int remove_one(const char *path, const struct stat *status, int kind,
                             struct FTW *walk) {
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline unsigned descriptors_in_use(void) {
    unsigned count = 0;
    for (int i = 0; i < 10000; i++) {
        count += fcntl(i, F_GETFD) >= 0;
    }
    return count;
}

/* -- Messages ---------------------------------------------------------------------------------- */

static inline void message_number(struct client *client, uint64_t value, unsigned size_bytes) {
    for (unsigned i = 0; i < size_bytes; i++) {
        client->message[client->message_bytes] = (uint8_t)(value >> (8 * i));
        client->message_bytes++;
    }
}

static inline void message_bytes(struct client *client, const void *bytes, size_t size_bytes) {
    memcpy(client->message + client->message_bytes, bytes, size_bytes);
    client->message_bytes += size_bytes;
}

/** Formats: 1 2 4 8 are numbers of so many bytes (all but 8 as unsigned), s a text, b a count and
 * so many bytes. */
static inline void message_build(struct client *client, uint8_t type, const char *format,
                                 va_list fields) {
    client->message_bytes = 0;
    message_number(client, 0, 4);
    message_number(client, type, 1);
    message_number(client, ++client->tag, 2);
    for (; *format != '\0'; format++) {
        if (*format == '8') {
            message_number(client, va_arg(fields, uint64_t), 8);
        } else if (*format == 's') {
            const char *text = va_arg(fields, const char *);
            message_number(client, strlen(text), 2);
            message_bytes(client, text, strlen(text));
        } else if (*format == 'b') {
            unsigned count = va_arg(fields, unsigned);
            message_number(client, count, 4);
            message_bytes(client, va_arg(fields, const void *), count);
        } else {
            message_number(client, va_arg(fields, unsigned), (unsigned)(*format - '0'));
        }
    }
    size_t size_bytes = client->message_bytes;
    client->message_bytes = 0;
    message_number(client, size_bytes, 4);
    client->message_bytes = size_bytes;
}

/** The next number of the reply. */
static inline uint64_t reply_number(struct client *client, unsigned size_bytes) {
    uint64_t value = 0;
    assert_true(client->at + size_bytes <= client->reply_bytes);
    for (unsigned i = 0; i < size_bytes; i++) {
        value |= (uint64_t)client->reply[client->at + i] << (8 * i);
    }
    client->at += size_bytes;
    return value;
}

static inline void reply_text(struct client *client, char *text, size_t size) {
    size_t length = reply_number(client, 2);
    assert_true(length < size && client->at + length <= client->reply_bytes);
    memcpy(text, client->reply + client->at, length);
    text[length] = '\0';
    client->at += length;
}

static inline void reply_expect_text(struct client *client, const char *expected) {
    char text[PATH_MAX];
    reply_text(client, text, sizeof text);
    assert_string_equal(text, expected);
}

static inline void reply_expect_end(const struct client *client) {
    assert_int_equal(client->at, client->reply_bytes);
}

/** Sends what lies in client->message. @return The errno of an Rlerror, or 0: then the reply's
 * fields are to be taken. */
static inline unsigned send_built(struct client *client) {
    uint8_t *message = malloc(client->message_bytes); /* exactly as large: a step beyond shows */
    uint8_t *reply = malloc(client->room_bytes);
    memcpy(message, client->message, client->message_bytes);
    struct share_request request = {.bytes = message, .size_bytes = client->message_bytes};
    client->reply_bytes = share_answer(client->share, request, reply, client->room_bytes);
    assert_true(client->reply_bytes <= client->room_bytes);
    memcpy(client->reply, reply, client->reply_bytes);
    free(message);
    free(reply);
    client->at = 0;
    assert_true(client->reply_bytes >= 7);
    assert_int_equal(reply_number(client, 4), client->reply_bytes);
    unsigned type = (unsigned)reply_number(client, 1);
    assert_int_equal(reply_number(client, 2), client->message[5] | client->message[6] << 8);
    if (type == RLERROR) {
        unsigned defect = (unsigned)reply_number(client, 4);
        assert_true(defect > 0 && defect < 4096);
        reply_expect_end(client);
        return defect;
    }
    assert_int_equal(type, client->message[4] + 1);
    return 0;
}

static inline unsigned ask(struct client *client, enum message_type type, const char *format, ...) {
    va_list fields;
    va_start(fields, format);
    message_build(client, (uint8_t)type, format, fields);
    va_end(fields);
    return send_built(client);
}

/** A qid of the reply. */
struct seen {
    unsigned type;
    uint32_t version;
    uint64_t file;
};

static inline struct seen reply_qid(struct client *client) {
    struct seen seen;
    seen.type = (unsigned)reply_number(client, 1);
    seen.version = (uint32_t)reply_number(client, 4);
    seen.file = reply_number(client, 8);
    return seen;
}

/* -- Usual sequences --------------------------------------------------------------------------- */

static inline void client_begin(struct client *client) {
    client->room_bytes = sizeof client->reply;
    assert_int_equal(ask(client, TVERSION, "4s", MSIZE, "9P2000.L"), 0);
    assert_int_equal(ask(client, TATTACH, "44ss4", ROOT, NO_FID, "root", "", 0), 0);
}

static inline void client_open(struct client *client, bool writable) {
    struct error error = {0};
    struct share_options options = {
        .path = client->folder, .writable = writable, .uid = OWNER, .gid = GROUP};
    client->share = share_open(&options, &error);
    assert_non_null(client->share);
    client_begin(client);
}

/** From the root; names joined by slashes, "" for the root itself. @return Errno. */
static inline unsigned walk(struct client *client, unsigned to, const char *path) {
    char names[1024];
    va_list none = {0};
    unsigned count = 0;
    snprintf(names, sizeof names, "%s", path);
    message_build(client, TWALK, "", none);
    message_number(client, ROOT, 4);
    message_number(client, to, 4);
    message_number(client, 0, 2);
    for (char *name = strtok(names, "/"); name != NULL; name = strtok(NULL, "/")) {
        message_number(client, strlen(name), 2);
        message_bytes(client, name, strlen(name));
        count++;
    }
    size_t size_bytes = client->message_bytes;
    client->message_bytes = 0;
    message_number(client, size_bytes, 4);
    client->message_bytes = 15;
    message_number(client, count, 2);
    client->message_bytes = size_bytes;
    unsigned defect = send_built(client);
    if (defect == 0 && reply_number(client, 2) != count) {
        return ENOENT;
    }
    return defect;
}

static inline unsigned clunk(struct client *client, unsigned fid) {
    return ask(client, TCLUNK, "4", fid);
}

/** What Rgetattr tells. */
struct attributes {
    struct seen qid;
    uint32_t mode, uid, gid;
    uint64_t links, device, size, blocks;
    uint64_t access_s, access_ns, contents_s, contents_ns, status_s, status_ns;
};

static inline struct attributes attributes_of(struct client *client, unsigned fid) {
    struct attributes it;
    assert_int_equal(ask(client, TGETATTR, "48", fid, UINT64_C(0x7ff)), 0);
    assert_int_equal(reply_number(client, 8), 0x7ff);
    it.qid = reply_qid(client);
    it.mode = (uint32_t)reply_number(client, 4);
    it.uid = (uint32_t)reply_number(client, 4);
    it.gid = (uint32_t)reply_number(client, 4);
    it.links = reply_number(client, 8);
    it.device = reply_number(client, 8);
    it.size = reply_number(client, 8);
    assert_int_equal(reply_number(client, 8), 4096);
    it.blocks = reply_number(client, 8);
    it.access_s = reply_number(client, 8);
    it.access_ns = reply_number(client, 8);
    it.contents_s = reply_number(client, 8);
    it.contents_ns = reply_number(client, 8);
    it.status_s = reply_number(client, 8);
    it.status_ns = reply_number(client, 8);
    client->at += 32;
    reply_expect_end(client);
    return it;
}

/** @return Bytes read. */
static inline size_t read_at(struct client *client, unsigned fid, uint64_t offset, unsigned count) {
    assert_int_equal(ask(client, TREAD, "484", fid, offset, count), 0);
    size_t got = reply_number(client, 4);
    assert_int_equal(client->at + got, client->reply_bytes);
    return got;
}

/* -- Set up and down --------------------------------------------------------------------------- */

static inline int client_setup(void **state) {
    struct client *client = calloc(1, sizeof *client);
    assert_non_null(client);
    const char *tmp = getenv("TMPDIR");
    snprintf(client->above, sizeof client->above, "%s/share.XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(client->above));
    snprintf(client->folder, sizeof client->folder, "%.64s/shared", client->above);
    assert_int_equal(mkdir(client->folder, 0755), 0);
    host_write(client, "../secret", "the host's own");
    *state = client;
    return 0;
}

static inline int client_teardown(void **state) {
    struct client *client = *state;
    share_close(client->share);
    host_expect(client, "../secret", "the host's own");
    nftw(client->above, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(client);
    return 0;
}

#define share_test(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

#endif
