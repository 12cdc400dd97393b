/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at a shared folder: sessions, walks, attributes, contents, listings, links. */
#include "share_test.h"

#include <sys/time.h>

/* -- Sessions --------------------------------------------------------------------------------- */

static void test_version(void **state) {
    struct client *client = *state;
    client_open(client, false);
    assert_int_equal(ask(client, TVERSION, "4s", 8192, "9P2000.L"), 0);
    assert_int_equal(reply_number(client, 4), 8192);
    reply_expect_text(client, "9P2000.L");
    reply_expect_end(client);
    assert_int_equal(clunk(client, ROOT), EBADF); /* a new session has no fids */
    assert_int_equal(ask(client, TVERSION, "4s", UINT32_MAX, "9P2000.L"), 0);
    assert_int_equal(reply_number(client, 4), SHARE_MESSAGE_MAX_BYTES);
    assert_int_equal(ask(client, TVERSION, "4s", 4095, "9P2000.L"), EINVAL);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const others[] = {
            "9P2000", "9P2000.u",
            "a version whose name is longer than any that there will ever be"};
        assert_int_equal(ask(client, TVERSION, "4s", 8192, others[i]), 0);
        reply_number(client, 4);
        reply_expect_text(client, "unknown");
        assert_int_equal(ask(client, TATTACH, "44ss4", ROOT, NO_FID, "", "", 0), EPROTO);
    }
}

static void test_nothing_before_version(void **state) {
    struct client *client = *state;
    client_open(client, false);
    share_reset(client->share);
    assert_int_equal(ask(client, TATTACH, "44ss4", ROOT, NO_FID, "", "", 0), EPROTO);
    client_begin(client);
    assert_int_equal(attributes_of(client, ROOT).qid.file, 1); /* numbers begin again, too */
}

static void test_attach(void **state) {
    struct client *client = *state;
    client_open(client, false);
    assert_int_equal(ask(client, TATTACH, "44ss4", 5, NO_FID, "me", "/", 1000), 0);
    struct seen root = reply_qid(client);
    reply_expect_end(client);
    assert_int_equal(root.type, 0x80);
    assert_int_equal(root.file, attributes_of(client, ROOT).qid.file);
    assert_int_equal(ask(client, TATTACH, "44ss4", 5, NO_FID, "me", "", 0), EBADF);
    assert_int_equal(ask(client, TATTACH, "44ss4", 6, NO_FID, "me", "/etc", 0), ENOENT);
    assert_int_equal(ask(client, TATTACH, "44ss4", 6, NO_FID, "me", "..", 0), ENOENT);
    assert_int_equal(ask(client, TATTACH, "44ss4", 6, 5, "me", "", 0), EINVAL);
    assert_int_equal(ask(client, TAUTH, "4ss4", 6, "me", "", 0), EOPNOTSUPP);
    assert_int_equal(clunk(client, 5), 0);
    assert_int_equal(clunk(client, 5), EBADF);
}

static void test_folders_that_cannot_be_shared(void **state) {
    struct client *client = *state;
    struct error error = {0};
    host_write(client, "file", "x");
    const char *const paths[] = {path_in(client, "none").text, path_in(client, "file").text};
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_null(share_open(&(struct share_options){.path = paths[i]}, &error));
        assert_int_equal(error.status, STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, paths[i]));
        assert_non_null(strstr(error.text, "; "));
    }
}

/** A gate that answers with one byte more each time, or not at all. */
struct teller {
    unsigned asked, noted;
    bool silent;
};

static bool teller_tell(void *owner, uint8_t *reply, size_t room_bytes, size_t *reply_bytes) {
    struct teller *teller = owner;
    if (teller->silent) {
        return false;
    }
    assert_true(room_bytes > teller->asked);
    memset(reply, 'r', ++teller->asked);
    *reply_bytes = teller->asked;
    return true;
}

static void teller_note(void *owner, const uint8_t *reply, size_t reply_bytes) {
    assert_true(reply_bytes > 0 && reply[0] == reply_bytes);
    ((struct teller *)owner)->noted++;
}

static size_t ask_raw(struct share *share, const char *text) {
    uint8_t reply[64];
    struct share_request request = {(const uint8_t *)text, strlen(text)};
    return share_answer(share, request, reply, sizeof reply);
}

/* What is answered is answered by the gate, whether there is a folder or not. */
static void test_gate_answers(void **state) {
    struct teller teller = {0};
    struct share_gate gate = {.tell = teller_tell, .told = teller_note, .owner = &teller};
    (void)state;
    struct share *share = share_hollow();
    assert_non_null(share);
    assert_int_equal(ask_raw(share, "a request"), 0);
    share_set_gate(share, &gate);
    assert_int_equal(ask_raw(share, "a request"), 1);
    assert_int_equal(ask_raw(share, "a request"), 2);
    teller.silent = true;
    assert_int_equal(ask_raw(share, "a request"), 0);
    assert_int_equal(teller.noted, 0);
    share_reset(share);
    share_close(share);
}

/* While the folder rests, its fids stay as they are; it takes over where the gate is silent. */
static void test_folder_rests(void **state) {
    struct client *client = *state;
    struct teller teller = {0};
    struct share_gate gate = {.tell = teller_tell, .told = teller_note, .owner = &teller};
    host_write(client, "file", "same");
    client_open(client, false);
    share_set_gate(client->share, &gate);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(teller.noted, 1);
    share_rest(client->share, true);
    assert_int_equal(ask_raw(client->share, "a request"), 1);
    share_reset(client->share);
    assert_int_equal(teller.noted, 1);
    teller.silent = true;
    assert_int_equal(attributes_of(client, 1).size, 4);
    share_rest(client->share, false);
    assert_int_equal(clunk(client, 1), 0);
    assert_int_equal(teller.noted, 3);
}

/* -- Walks ------------------------------------------------------------------------------------ */

static void test_walk(void **state) {
    struct client *client = *state;
    host_mkdir(client, "a");
    host_mkdir(client, "a/b");
    host_write(client, "a/b/file", "12345");
    client_open(client, false);
    assert_int_equal(walk(client, 1, "a/b/file"), 0);
    struct seen a = reply_qid(client), b = reply_qid(client), file = reply_qid(client);
    reply_expect_end(client);
    assert_int_equal(a.type, 0x80);
    assert_int_equal(b.type, 0x80);
    assert_int_equal(file.type, 0);
    assert_int_equal(attributes_of(client, 1).qid.file, file.file);
    assert_int_equal(attributes_of(client, 1).qid.version, file.version);
    assert_int_equal(attributes_of(client, 1).size, 5);
    /* One that ends early tells how far it came, and makes no fid. */
    assert_int_equal(ask(client, TWALK, "442sss", ROOT, 2, 3, "a", "none", "file"), 0);
    assert_int_equal(reply_number(client, 2), 1);
    assert_int_equal(reply_qid(client).file, a.file);
    reply_expect_end(client);
    assert_int_equal(clunk(client, 2), EBADF);
    assert_int_equal(ask(client, TWALK, "442s", ROOT, 2, 1, "none"), ENOENT);
    assert_int_equal(ask(client, TWALK, "442s", 1, 2, 1, "x"), ENOTDIR);
    assert_int_equal(ask(client, TWALK, "442s", 1, 2, 1, ".."), ENOTDIR);
    /* Into a fid that is there only if it is the same one. */
    assert_int_equal(ask(client, TWALK, "442s", ROOT, 1, 1, "a"), EBADF);
    assert_int_equal(ask(client, TWALK, "442", ROOT, 3, 0), 0);
    assert_int_equal(ask(client, TWALK, "442s", 3, 3, 1, "a"), 0);
    assert_int_equal(attributes_of(client, 3).qid.file, a.file);
    assert_int_equal(ask(client, TWALK, "442s", 3, 3, 1, "none"), ENOENT);
    assert_int_equal(attributes_of(client, 3).qid.file, a.file);
    assert_int_equal(ask(client, TWALK, "442s", 99, 4, 1, "a"), EBADF);
}

static void test_walk_up(void **state) {
    struct client *client = *state;
    host_mkdir(client, "a");
    host_mkdir(client, "a/b");
    client_open(client, false);
    uint64_t root = attributes_of(client, ROOT).qid.file;
    assert_int_equal(walk(client, 1, "a"), 0);
    uint64_t a = attributes_of(client, 1).qid.file;
    assert_int_equal(walk(client, 2, "a/b/.."), 0);
    assert_int_equal(attributes_of(client, 2).qid.file, a);
    assert_int_equal(walk(client, 3, "a/b/../.."), 0);
    assert_int_equal(attributes_of(client, 3).qid.file, root);
    assert_int_equal(walk(client, 4, "../../../a/../.."), 0);
    assert_int_equal(attributes_of(client, 4).qid.file, root);
    assert_int_equal(ask(client, TWALK, "442s", 3, 5, 1, "secret"), ENOENT);
}

static void test_names_that_are_none(void **state) {
    static const char *const names[] = {"", ".", "/", "a/b", "/etc", "../secret", "a/", "./a"};
    struct client *client = *state;
    char name[300];
    host_mkdir(client, "a");
    client_open(client, false);
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(ask(client, TWALK, "442s", ROOT, 1, 1, names[i]), EINVAL);
    }
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    assert_int_equal(ask(client, TWALK, "442s", ROOT, 1, 1, name), ENOENT);
    name[255] = 'n';
    name[256] = '\0';
    assert_int_equal(ask(client, TWALK, "442s", ROOT, 1, 1, name), ENAMETOOLONG);
    /* A NUL inside would end the name for the host, not for the guest. */
    assert_int_equal(ask(client, TWALK, "4422111", ROOT, 1, 1, 3, 'a', 0, 'b'), EINVAL);
}

static void test_walk_of_many_names(void **state) {
    struct client *client = *state;
    client_open(client, false);
    assert_int_equal(walk(client, 1, "../../../../../../../../../../../../../../../.."), 0);
    assert_int_equal(walk(client, 2, "../../../../../../../../../../../../../../../../.."), EINVAL);
    assert_int_equal(ask(client, TWALK, "442", ROOT, 2, 65535), EINVAL);
}

/* -- Attributes ------------------------------------------------------------------------------- */

static void test_attributes(void **state) {
    struct client *client = *state;
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1700000000, .tv_nsec = 123456789}};
    host_write(client, "file", "12345");
    host_mkdir(client, "dir");
    assert_int_equal(chmod(path_in(client, "file").text, 06741), 0);
    assert_int_equal(chmod(path_in(client, "dir").text, 03750), 0);
    assert_int_equal(utimensat(AT_FDCWD, path_in(client, "file").text, times, 0), 0);
    client_open(client, false);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(walk(client, 2, "dir"), 0);
    struct attributes file = attributes_of(client, 1), dir = attributes_of(client, 2);
    assert_int_equal(file.mode, S_IFREG | 0741);
    assert_int_equal(file.uid, OWNER);
    assert_int_equal(file.gid, GROUP);
    assert_int_equal(file.links, 1);
    assert_int_equal(file.size, 5);
    assert_int_equal(file.blocks, 1);
    assert_int_equal(file.contents_s, 1700000000);
    assert_int_equal(file.contents_ns, 123456789);
    assert_int_equal(file.access_s, 1700000000);
    assert_int_equal(file.access_ns, 123456789);
    assert_int_equal(file.status_s, 1700000000);
    assert_int_equal(file.status_ns, 123456789);
    assert_int_equal(dir.mode, S_IFDIR | S_ISVTX | 0750);
    assert_int_equal(dir.links, 1);
    assert_int_equal(dir.size, 4096);
    assert_int_equal(dir.blocks, 8);
    host_write(client, "file", "123456");
    assert_int_not_equal(attributes_of(client, 1).qid.version, file.qid.version);
    assert_int_equal(attributes_of(client, 1).qid.file, file.qid.file);
}

static void test_statfs_is_constant(void **state) {
    struct client *client = *state;
    for (unsigned writable = 0; writable < 2; writable++) {
        client_open(client, writable == 1);
        assert_int_equal(ask(client, TSTATFS, "4", ROOT), 0);
        assert_int_equal(reply_number(client, 4), 0x01021997);
        assert_int_equal(reply_number(client, 4), 4096);
        assert_int_equal(reply_number(client, 8), UINT64_C(1) << 32);
        assert_int_equal(reply_number(client, 8), (uint64_t)writable << 31);
        client->at += 32;
        assert_int_equal(reply_number(client, 4), 255);
        reply_expect_end(client);
        share_close(client->share);
        client->share = NULL;
    }
}

/* -- Contents --------------------------------------------------------------------------------- */

static void test_read(void **state) {
    struct client *client = *state;
    host_write(client, "file", "0123456789");
    client_open(client, false);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(ask(client, TREAD, "484", 1, UINT64_C(0), 5), EBADF);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0100000), 0);
    assert_int_equal(reply_qid(client).type, 0);
    assert_int_equal(reply_number(client, 4), 0);
    reply_expect_end(client);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), EBADF);
    assert_int_equal(read_at(client, 1, 0, 100), 10);
    assert_memory_equal(client->reply + client->at, "0123456789", 10);
    assert_int_equal(read_at(client, 1, 7, 2), 2);
    assert_memory_equal(client->reply + client->at, "78", 2);
    assert_int_equal(read_at(client, 1, 10, 100), 0);
    assert_int_equal(read_at(client, 1, 0, 0), 0);
    assert_int_equal(read_at(client, 1, 5, UINT32_MAX), 5);
    assert_int_equal(ask(client, TREAD, "484", 1, UINT64_MAX, 5), EINVAL);
    assert_int_equal(ask(client, TREAD, "484", 1, (uint64_t)INT64_MAX, 5), EINVAL);
    client->room_bytes = 11 + 3;
    assert_int_equal(read_at(client, 1, 2, 100), 3);
    assert_memory_equal(client->reply + client->at, "234", 3);
    client->room_bytes = 11;
    assert_int_equal(read_at(client, 1, 2, 100), 0);
}

static void test_read_is_cut_to_a_message(void **state) {
    struct client *client = *state;
    host_write(client, "file", "");
    assert_int_equal(truncate(path_in(client, "file").text, 10 << 20), 0);
    client_open(client, false);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), 0);
    assert_int_equal(read_at(client, 1, 0, 10 << 20), MSIZE - 11);
    assert_int_equal(client->reply_bytes, MSIZE);
}

/* What is open stays what it is, whatever becomes of the name. */
static void test_reading_what_was_replaced(void **state) {
    struct client *client = *state;
    host_write(client, "file", "first");
    client_open(client, false);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(walk(client, 2, "file"), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), 0);
    assert_int_equal(rename(path_in(client, "file").text, path_in(client, "old").text), 0);
    host_write(client, "file", "second");
    assert_int_equal(read_at(client, 1, 0, 100), 5);
    assert_int_equal(ask(client, TLOPEN, "44", 2, 0), 0); /* found before, opened after */
    assert_int_equal(read_at(client, 2, 0, 100), 5);
    assert_memory_equal(client->reply + client->at, "first", 5);
    /* A copy of an open fid is not open. */
    assert_int_equal(ask(client, TWALK, "442", 2, 3, 0), 0);
    assert_int_equal(ask(client, TREAD, "484", 3, UINT64_C(0), 5), EBADF);
    assert_int_equal(ask(client, TLOPEN, "44", 3, 0), 0);
    assert_int_equal(read_at(client, 3, 0, 100), 5);
}

/* Reading leaves no trace on the host: not even a time of access. */
static void test_reading_leaves_no_trace(void **state) {
    struct client *client = *state;
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    host_write(client, "file", "text");
    assert_int_equal(utimensat(AT_FDCWD, path_in(client, "file").text, times, 0), 0);
    client_open(client, false);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), 0);
    assert_int_equal(read_at(client, 1, 0, 100), 4);
    assert_int_equal(host_stat(client, "file").st_atim.tv_sec, 1000);
}

/* -- Listings --------------------------------------------------------------------------------- */

struct listed {
    char names[4096]; /* each followed by a space */
    unsigned count;
    struct seen qids[300];
    unsigned kinds[300];
};

/** Reads a directory to its end, @p count bytes at a time, from the start. */
static void list(struct client *client, unsigned fid, unsigned count, struct listed *listed) {
    uint64_t offset = 0;
    size_t length = 0;
    *listed = (struct listed){0};
    for (;;) {
        assert_int_equal(ask(client, TREADDIR, "484", fid, offset, count), 0);
        size_t got = reply_number(client, 4);
        assert_true(got <= count);
        assert_int_equal(client->at + got, client->reply_bytes);
        if (got == 0) {
            return;
        }
        while (client->at < client->reply_bytes) {
            char name[256];
            listed->qids[listed->count] = reply_qid(client);
            offset = reply_number(client, 8);
            listed->kinds[listed->count] = (unsigned)reply_number(client, 1);
            reply_text(client, name, sizeof name);
            length += (size_t)sprintf(listed->names + length, "%s ", name);
            listed->count++;
        }
    }
}

static void test_listing(void **state) {
    struct client *client = *state;
    struct listed listed;
    host_write(client, "b", "");
    host_mkdir(client, "a");
    host_write(client, "Z", "");
    host_write(client, "\xff", "");
    assert_int_equal(symlink("nowhere", path_in(client, "c").text), 0);
    assert_int_equal(mkfifo(path_in(client, "d").text, 0644), 0);
    client_open(client, false);
    assert_int_equal(walk(client, 1, ""), 0);
    assert_int_equal(ask(client, TREADDIR, "484", 1, UINT64_C(0), 100), EBADF);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0200000), 0);
    assert_int_equal(reply_qid(client).type, 0x80);
    list(client, 1, 4096, &listed);
    assert_string_equal(listed.names, ". .. Z a b c d \xff ");
    static const unsigned kinds[] = {4, 4, 8, 4, 8, 10, 1, 8}; /* as in DT_DIR */
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        assert_int_equal(listed.kinds[i], kinds[i]);
    }
    uint64_t root = attributes_of(client, ROOT).qid.file;
    assert_int_equal(listed.qids[0].file, root);
    assert_int_equal(listed.qids[1].file, root); /* not what lies above */
    assert_int_equal(walk(client, 2, "b"), 0);
    assert_int_equal(attributes_of(client, 2).qid.file, listed.qids[4].file);
    assert_int_equal(ask(client, TLOPEN, "44", 2, 0), 0);
    assert_int_equal(ask(client, TREADDIR, "484", 2, UINT64_C(0), 100), ENOTDIR);
    assert_int_equal(ask(client, TREAD, "484", 1, UINT64_C(0), 100), EISDIR);
    assert_int_equal(walk(client, 3, "a"), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 3, 0), 0);
    list(client, 3, 4096, &listed);
    assert_string_equal(listed.names, ". .. ");
    assert_int_equal(listed.qids[1].file, root);
}

static void test_listing_in_pieces(void **state) {
    struct client *client = *state;
    struct listed whole, pieces;
    for (unsigned i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "file-%u", i * 7919 % 1000);
        host_write(client, name, "");
    }
    client_open(client, false);
    assert_int_equal(walk(client, 1, ""), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), 0);
    list(client, 1, 60000, &whole);
    assert_int_equal(whole.count, 202);
    for (unsigned count = 32; count < 200; count += 13) {
        list(client, 1, count, &pieces);
        assert_string_equal(pieces.names, whole.names);
    }
    /* Not even one fits: an error, because an empty answer would be the end. */
    assert_int_equal(ask(client, TREADDIR, "484", 1, UINT64_C(3), 20), EINVAL);
    assert_int_equal(ask(client, TREADDIR, "484", 1, UINT64_C(3), 0), EINVAL);
    assert_int_equal(ask(client, TREADDIR, "484", 1, UINT64_MAX, 4096), 0);
    assert_int_equal(reply_number(client, 4), 0);
    /* In the middle nothing moves; from the start on it is looked at anew. */
    host_write(client, "a-new-one", "");
    assert_int_equal(ask(client, TREADDIR, "484", 1, UINT64_C(201), 4096), 0);
    reply_number(client, 4);
    client->at += 13 + 8 + 1;
    reply_expect_text(client, "file-987");
    list(client, 1, 60000, &pieces);
    assert_int_equal(pieces.count, 203);
}

/* Made in another order, at another place: the guest cannot tell. */
static void test_same_folder_same_answers(void **state) {
    struct client *client = *state;
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    uint8_t *replies = malloc(2 * sizeof client->reply);
    size_t sizes[2];
    for (unsigned copy = 0; copy < 2; copy++) {
        snprintf(client->folder, sizeof client->folder, "%.60s/copy%u", client->above, copy);
        assert_int_equal(mkdir(client->folder, 0755), 0);
        for (unsigned i = 0; i < 50; i++) {
            char name[32];
            snprintf(name, sizeof name, "%u", copy == 0 ? i : 49 - i);
            host_write(client, name, "x");
            utimensat(AT_FDCWD, path_in(client, name).text, times, 0);
        }
        client_open(client, false);
        assert_int_equal(walk(client, 1, ""), 0);
        assert_int_equal(ask(client, TLOPEN, "44", 1, 0), 0);
        assert_int_equal(ask(client, TREADDIR, "484", 1, UINT64_C(0), 60000), 0);
        sizes[copy] = client->reply_bytes - 7;
        memcpy(replies + copy * sizeof client->reply, client->reply + 7, sizes[copy]);
        share_close(client->share);
        client->share = NULL;
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_true(memcmp(replies, replies + sizeof client->reply, sizes[0]) == 0);
    free(replies);
    snprintf(client->folder, sizeof client->folder, "%.60s/shared", client->above);
}

/* -- Links and other kinds -------------------------------------------------------------------- */

static void test_links_are_text(void **state) {
    struct client *client = *state;
    host_mkdir(client, "dir");
    assert_int_equal(symlink("/etc", path_in(client, "etc").text), 0);
    assert_int_equal(symlink("../secret", path_in(client, "secret").text), 0);
    assert_int_equal(symlink("dir", path_in(client, "inner").text), 0);
    client_open(client, false);
    assert_int_equal(walk(client, 1, "secret"), 0);
    assert_int_equal(reply_qid(client).type, 0x02);
    assert_int_equal(attributes_of(client, 1).mode & S_IFMT, S_IFLNK);
    assert_int_equal(attributes_of(client, 1).size, 9);
    assert_int_equal(ask(client, TREADLINK, "4", 1), 0);
    reply_expect_text(client, "../secret");
    reply_expect_end(client);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), ELOOP);
    assert_int_equal(ask(client, TREADLINK, "4", ROOT), EINVAL);
    static const char *const links[] = {"etc", "inner"};
    for (unsigned i = 0; i < COUNT(links); i++) {
        assert_int_equal(walk(client, 2 + i, links[i]), 0);
        assert_int_equal(ask(client, TWALK, "442s", 2 + i, 9, 1, "passwd"), ENOTDIR);
        assert_int_equal(ask(client, TWALK, "442s", 2 + i, 9, 1, ".."), ENOTDIR);
        assert_int_equal(ask(client, TLOPEN, "44", 2 + i, 0200000), ELOOP);
    }
}

/* Opening a FIFO that nobody writes to would wait for ever. */
static void test_other_kinds_are_not_opened(void **state) {
    struct client *client = *state;
    bool device = mknod(path_in(client, "device").text, S_IFCHR | 0666, 0x0501) == 0;
    assert_int_equal(mkfifo(path_in(client, "fifo").text, 0666), 0);
    client_open(client, true);
    assert_int_equal(walk(client, 1, "fifo"), 0);
    assert_int_equal(attributes_of(client, 1).mode, host_stat(client, "fifo").st_mode);
    for (unsigned flags = 0; flags < 3; flags++) {
        assert_int_equal(ask(client, TLOPEN, "44", 1, flags), EPERM);
        assert_int_equal(ask(client, TWALK, "442", ROOT, 3, 0), 0);
        assert_int_equal(ask(client, TLCREATE, "4s444", 3, "fifo", flags, 0644, 0), EEXIST);
        assert_int_equal(clunk(client, 3), 0);
    }
    if (device) {
        assert_int_equal(walk(client, 2, "device"), 0);
        assert_int_equal(attributes_of(client, 2).device, 0x0501);
        assert_int_equal(ask(client, TLOPEN, "44", 2, 0), EPERM);
    }
}

/* -- What changes nothing or is not there ----------------------------------------------------- */

static void test_other_messages(void **state) {
    struct client *client = *state;
    host_write(client, "file", "");
    client_open(client, false);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(ask(client, TFSYNC, "44", 1, 0), EBADF);
    assert_int_equal(ask(client, TLOCK, "414884s", 1, 1, 0, UINT64_C(0), UINT64_C(0), 7, "me"),
                     EBADF);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), 0);
    assert_int_equal(ask(client, TFSYNC, "44", 1, 0), 0);
    assert_int_equal(ask(client, TLOCK, "414884s", 1, 1, 0, UINT64_C(0), UINT64_C(0), 7, "me"), 0);
    assert_int_equal(reply_number(client, 1), 0);
    assert_int_equal(ask(client, TGETLOCK, "41884s", 1, 1, UINT64_C(5), UINT64_C(6), 7, "me"), 0);
    assert_int_equal(reply_number(client, 1), 2);
    assert_int_equal(reply_number(client, 8), 5);
    assert_int_equal(reply_number(client, 8), 6);
    assert_int_equal(reply_number(client, 4), 7);
    reply_expect_text(client, "me");
    reply_expect_end(client);
    assert_int_equal(ask(client, TFLUSH, "2", 5), 0);
    reply_expect_end(client);
    assert_int_equal(ask(client, TXATTRWALK, "44s", 1, 2, "user.x"), EOPNOTSUPP);
    assert_int_equal(ask(client, TXATTRCREATE, "4s84", 1, "user.x", UINT64_C(3), 0), EOPNOTSUPP);
    for (unsigned type = 0; type < 256; type += type == 6 ? 2 : 1) {
        unsigned defect = ask(client, (enum message_type)type, "");
        assert_int_not_equal(defect, 0);
        assert_true(type % 2 == 0 || defect == EOPNOTSUPP); /* replies are no messages */
    }
}

/* Every message that would change something, and opening in order to. */
static void test_read_only(void **state) {
    struct client *client = *state;
    host_mkdir(client, "dir");
    host_write(client, "file", "text");
    client_open(client, false);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(walk(client, 2, "dir"), 0);
    static const unsigned flags[] = {1, 2, 01000, 01001};
    for (unsigned i = 0; i < COUNT(flags); i++) {
        assert_int_equal(ask(client, TLOPEN, "44", 1, flags[i]), EROFS);
    }
    assert_int_equal(ask(client, TLCREATE, "4s444", 2, "new", 1, 0644, 0), EROFS);
    assert_int_equal(ask(client, TLCREATE, "4s444", ROOT, "file", 0, 0644, 0), EROFS);
    assert_int_equal(ask(client, TSYMLINK, "4ss4", 2, "new", "to", 0), EROFS);
    assert_int_equal(ask(client, TMKNOD, "4s4444", 2, "new", S_IFREG, 0, 0, 0), EROFS);
    assert_int_equal(ask(client, TRENAME, "44s", 1, 2, "new"), EROFS);
    assert_int_equal(ask(client, TSETATTR, "4444488888", 1, 8, 0, 0, 0, UINT64_C(0), UINT64_C(0),
                         UINT64_C(0), UINT64_C(0), UINT64_C(0)),
                     EROFS);
    assert_int_equal(ask(client, TLINK, "44s", 2, 1, "new"), EROFS);
    assert_int_equal(ask(client, TMKDIR, "4s44", 2, "new", 0755, 0), EROFS);
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, "file", 2, "new"), EROFS);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "file", 0), EROFS);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 02000), 0);
    assert_int_equal(ask(client, TWRITE, "48b", 1, UINT64_C(0), 3, "new"), EROFS);
    assert_int_equal(ask(client, TREMOVE, "4", 1), EROFS);
    assert_int_equal(clunk(client, 1), EBADF); /* gone all the same, as the protocol has it */
    host_expect(client, "file", "text");
    assert_int_equal(rmdir(path_in(client, "dir").text), 0); /* still empty */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        share_test(test_version),
        share_test(test_nothing_before_version),
        share_test(test_attach),
        share_test(test_folders_that_cannot_be_shared),
        share_test(test_gate_answers),
        share_test(test_folder_rests),
        share_test(test_walk),
        share_test(test_walk_up),
        share_test(test_names_that_are_none),
        share_test(test_walk_of_many_names),
        share_test(test_attributes),
        share_test(test_statfs_is_constant),
        share_test(test_read),
        share_test(test_read_is_cut_to_a_message),
        share_test(test_reading_what_was_replaced),
        share_test(test_reading_leaves_no_trace),
        share_test(test_listing),
        share_test(test_listing_in_pieces),
        share_test(test_same_folder_same_answers),
        share_test(test_links_are_text),
        share_test(test_other_kinds_are_not_opened),
        share_test(test_other_messages),
        share_test(test_read_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
