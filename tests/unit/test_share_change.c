/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing a shared folder: every operation, and many at random beside a model. */
#include "share_test.h"

/* -- Making ------------------------------------------------------------------------------------ */

static unsigned create(struct client *client, unsigned fid, const char *name, unsigned flags,
                       unsigned mode) {
    assert_int_equal(ask(client, TWALK, "442", ROOT, fid, 0), 0);
    unsigned defect = ask(client, TLCREATE, "4s444", fid, name, flags, mode, 0);
    if (defect != 0) {
        assert_int_equal(clunk(client, fid), 0);
    }
    return defect;
}

static void test_create(void **state) {
    struct client *client = *state;
    client_open(client, true);
    assert_int_equal(create(client, 1, "file", 0102, 0604), 0);
    struct seen qid = reply_qid(client);
    assert_int_equal(reply_number(client, 4), 0);
    reply_expect_end(client);
    assert_int_equal(qid.type, 0);
    assert_int_equal(ask(client, TWRITE, "48b", 1, UINT64_C(0), 5, "hello"), 0);
    assert_int_equal(reply_number(client, 4), 5);
    reply_expect_end(client);
    assert_int_equal(ask(client, TWRITE, "48b", 1, UINT64_C(7), 1, "!"), 0);
    assert_int_equal(read_at(client, 1, 0, 100), 8);
    assert_memory_equal(client->reply + client->at, "hello\0\0!", 8);
    assert_int_equal(host_stat(client, "file").st_mode, S_IFREG | 0604);
    assert_int_equal(ask(client, TWALK, "442s", ROOT, 2, 1, "file"), 0);
    reply_number(client, 2);
    assert_int_equal(reply_qid(client).file, qid.file);
    assert_int_equal(ask(client, TWRITE, "48b", 1, UINT64_MAX, 1, "!"), EINVAL);
    assert_int_equal(ask(client, TWRITE, "48b", 2, UINT64_C(0), 1, "!"), EBADF);
    assert_int_equal(ask(client, TLCREATE, "4s444", 1, "file", 1, 0644, 0), EBADF);
    assert_int_equal(ask(client, TLCREATE, "4s444", 2, "file", 1, 0644, 0), ENOTDIR);
}

static void test_create_where_something_is(void **state) {
    struct client *client = *state;
    host_write(client, "file", "old");
    host_mkdir(client, "dir");
    assert_int_equal(symlink("../secret", path_in(client, "link").text), 0);
    assert_int_equal(symlink("../new", path_in(client, "dangling").text), 0);
    client_open(client, true);
    assert_int_equal(create(client, 1, "file", 0302, 0600), EEXIST);
    assert_int_equal(create(client, 1, "dir", 0102, 0600), EEXIST);
    assert_int_equal(create(client, 1, "link", 0102, 0600), EEXIST);
    assert_int_equal(create(client, 1, "dangling", 0102, 0600), EEXIST);
    assert_int_equal(create(client, 1, "link", 01102, 0600), EEXIST);
    assert_false(host_has(client, "../new"));
    assert_int_equal(create(client, 1, "file", 0103, 0600), EINVAL);
    assert_int_equal(create(client, 1, "file", 0102, 0600), 0);
    assert_int_equal(read_at(client, 1, 0, 100), 3);
    assert_int_equal(host_stat(client, "file").st_mode & 0777, 0644); /* as it was */
    assert_int_equal(create(client, 2, "file", 01101, 0600), 0);
    host_expect(client, "file", "");
}

static void test_modes_are_what_was_asked_for(void **state) {
    struct client *client = *state;
    client_open(client, true);
    mode_t mask = umask(077);
    assert_int_equal(create(client, 1, "file", 0101, 06666), 0);
    assert_int_equal(ask(client, TMKDIR, "4s44", ROOT, "dir", 07775, 0), 0);
    assert_int_equal(reply_qid(client).type, 0x80);
    assert_int_equal(ask(client, TMKNOD, "4s4444", ROOT, "fifo", S_IFIFO | 0622, 0, 0, 0), 0);
    umask(mask);
    assert_int_equal(host_stat(client, "file").st_mode, S_IFREG | 0666);
    assert_int_equal(host_stat(client, "dir").st_mode, S_IFDIR | S_ISVTX | 0775);
    assert_int_equal(host_stat(client, "fifo").st_mode, S_IFIFO | 0622);
    assert_int_equal(create(client, 2, "none", 0102, 0), 0); /* open for us all the same */
    assert_int_equal(ask(client, TWRITE, "48b", 2, UINT64_C(0), 5, "hello"), 0);
}

static void test_open_flags(void **state) {
    struct client *client = *state;
    host_write(client, "file", "0123456789");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 3), EINVAL);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 02001), 0);
    assert_int_equal(ask(client, TWRITE, "48b", 1, UINT64_C(0), 3, "abc"), 0);
    host_expect(client, "file", "0123456789abc");
    assert_int_equal(ask(client, TREAD, "484", 1, UINT64_C(0), 3), EBADF);
    assert_int_equal(walk(client, 2, "file"), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 2, 0), 0);
    assert_int_equal(ask(client, TWRITE, "48b", 2, UINT64_C(0), 3, "abc"), EBADF);
    assert_int_equal(walk(client, 3, "file"), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 3, 01002 | 0300), 0);
    host_expect(client, "file", "");
    assert_int_equal(ask(client, TFSYNC, "44", 3, 1), 0);
    assert_int_equal(ask(client, TWALK, "442", ROOT, 4, 0), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 4, 1), EISDIR);
    assert_int_equal(ask(client, TLOPEN, "44", 4, 0), 0);
    assert_int_equal(ask(client, TFSYNC, "44", 4, 0), 0);
}

static void test_nodes(void **state) {
    struct client *client = *state;
    client_open(client, true);
    assert_int_equal(ask(client, TMKNOD, "4s4444", ROOT, "file", S_IFREG | 0640, 0, 0, 0), 0);
    assert_int_equal(reply_qid(client).type, 0);
    reply_expect_end(client);
    static const unsigned kinds[] = {S_IFCHR, S_IFBLK, S_IFSOCK, S_IFDIR, S_IFLNK, 0, S_IFMT};
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        assert_int_equal(ask(client, TMKNOD, "4s4444", ROOT, "x", kinds[i] | 0666, 1, 5, 0), EPERM);
    }
    assert_false(host_has(client, "x"));
    assert_int_equal(ask(client, TMKNOD, "4s4444", ROOT, "file", S_IFREG, 0, 0, 0), EEXIST);
    assert_int_equal(ask(client, TMKDIR, "4s44", ROOT, "file", 0755, 0), EEXIST);
}

static void test_names_that_cannot_be_made(void **state) {
    static const char *const names[] = {"", ".", "..", "a/b", "/tmp/x", "../x"};
    struct client *client = *state;
    host_mkdir(client, "a");
    client_open(client, true);
    for (unsigned i = 0; i < COUNT(names); i++) {
        const char *name = names[i];
        assert_int_equal(create(client, 1, name, 0101, 0600), EINVAL);
        assert_int_equal(ask(client, TMKDIR, "4s44", ROOT, name, 0755, 0), EINVAL);
        assert_int_equal(ask(client, TSYMLINK, "4ss4", ROOT, name, "to", 0), EINVAL);
        assert_int_equal(ask(client, TMKNOD, "4s4444", ROOT, name, S_IFREG, 0, 0, 0), EINVAL);
        assert_int_equal(ask(client, TLINK, "44s", ROOT, ROOT, name), EINVAL);
        assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, name, ROOT, "b"), EINVAL);
        assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, "a", ROOT, name), EINVAL);
        assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, name, 0), EINVAL);
        assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, name, 0x200), EINVAL);
    }
    assert_true(host_has(client, "a"));
}

/* -- Links ------------------------------------------------------------------------------------- */

static void test_links(void **state) {
    struct client *client = *state;
    host_write(client, "file", "text");
    client_open(client, true);
    assert_int_equal(ask(client, TSYMLINK, "4ss4", ROOT, "link", "/etc/passwd", 0), 0);
    assert_int_equal(reply_qid(client).type, 0x02);
    assert_int_equal(walk(client, 1, "link"), 0);
    assert_int_equal(ask(client, TREADLINK, "4", 1), 0);
    reply_expect_text(client, "/etc/passwd");
    assert_int_equal(walk(client, 2, "file"), 0);
    assert_int_equal(ask(client, TLINK, "44s", ROOT, 2, "other"), 0);
    assert_int_equal(attributes_of(client, 2).links, 2);
    assert_int_equal(walk(client, 3, "other"), 0);
    assert_int_equal(attributes_of(client, 3).qid.file, attributes_of(client, 2).qid.file);
    assert_int_equal(ask(client, TLINK, "44s", ROOT, 2, "other"), EEXIST);
    assert_int_equal(ask(client, TLINK, "44s", ROOT, ROOT, "dir"), EPERM);
    /* A link to a link is another name of the link, not of what it leads to. */
    assert_int_equal(ask(client, TLINK, "44s", ROOT, 1, "again"), 0);
    assert_int_equal(host_stat(client, "again").st_mode & S_IFMT, S_IFLNK);
}

/* -- Attributes -------------------------------------------------------------------------------- */

enum { MODE = 1, UID = 2, GID = 4, SIZE = 8, ATIME = 0x10, MTIME = 0x20 };
enum { CTIME = 0x40, ATIME_SET = 0x80, MTIME_SET = 0x100 };

static unsigned set(struct client *client, unsigned fid, unsigned valid, unsigned mode,
                    uint64_t size) {
    return ask(client, TSETATTR, "4444488888", fid, valid, mode, OWNER, GROUP, size, UINT64_C(11),
               UINT64_C(12), UINT64_C(13), UINT64_C(14));
}

static void test_set_mode(void **state) {
    struct client *client = *state;
    host_write(client, "file", "text");
    host_mkdir(client, "dir");
    assert_int_equal(symlink("../secret", path_in(client, "link").text), 0);
    client_open(client, true);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(set(client, 1, MODE, 07751, 0), 0);
    reply_expect_end(client);
    assert_int_equal(host_stat(client, "file").st_mode, S_IFREG | 0751);
    assert_int_equal(walk(client, 2, "dir"), 0);
    assert_int_equal(set(client, 2, MODE, 07751, 0), 0);
    assert_int_equal(host_stat(client, "dir").st_mode, S_IFDIR | S_ISVTX | 0751);
    assert_int_equal(walk(client, 3, "link"), 0);
    mode_t before = host_stat(client, "../secret").st_mode;
    assert_int_equal(set(client, 3, MODE, 0777, 0), EOPNOTSUPP);
    assert_int_equal(host_stat(client, "../secret").st_mode, before);
}

static void test_set_owner(void **state) {
    struct client *client = *state;
    host_write(client, "file", "text");
    client_open(client, true);
    struct stat before = host_stat(client, "file");
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(set(client, 1, UID | GID, 0, 0), 0);
    assert_int_equal(ask(client, TSETATTR, "4444488888", 1, UID | MODE, 0, OWNER + 1, GROUP,
                         UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0)),
                     EPERM);
    struct stat after = host_stat(client, "file");
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(after.st_gid, before.st_gid);
    assert_int_equal(after.st_mode, before.st_mode);
}

static void test_set_size(void **state) {
    struct client *client = *state;
    host_write(client, "file", "0123456789");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(set(client, 1, SIZE, 0, 3), 0);
    host_expect(client, "file", "012");
    assert_int_equal(set(client, 1, SIZE, 0, 1000), 0);
    assert_int_equal(host_stat(client, "file").st_size, 1000);
    assert_int_equal(set(client, 1, SIZE, 0, UINT64_MAX), EINVAL);
    assert_int_equal(set(client, ROOT, SIZE, 0, 0), EISDIR);
    assert_int_equal(symlink("file", path_in(client, "link").text), 0);
    assert_int_equal(walk(client, 2, "link"), 0);
    assert_int_equal(set(client, 2, SIZE, 0, 0), EINVAL);
    assert_int_equal(host_stat(client, "file").st_size, 1000);
    /* By a descriptor that was opened for writing before the mode forbade it. */
    assert_int_equal(create(client, 3, "readonly", 0101, 0444), 0);
    assert_int_equal(set(client, 3, SIZE, 0, 5), 0);
    assert_int_equal(host_stat(client, "readonly").st_size, 5);
}

static void test_set_times(void **state) {
    struct client *client = *state;
    host_write(client, "file", "text");
    assert_int_equal(symlink("file", path_in(client, "link").text), 0);
    client_open(client, true);
    static const char *const names[] = {"file", "link", "."};
    for (unsigned i = 0; i < COUNT(names); i++) {
        assert_int_equal(walk(client, 1, i == 2 ? "" : names[i]), 0);
        assert_int_equal(set(client, 1, ATIME | ATIME_SET | MTIME | MTIME_SET, 0, 0), 0);
        struct stat status = host_stat(client, names[i]);
        assert_int_equal(status.st_atim.tv_sec, 11);
        assert_int_equal(status.st_atim.tv_nsec, 12);
        assert_int_equal(status.st_mtim.tv_sec, 13);
        assert_int_equal(status.st_mtim.tv_nsec, 14);
        assert_int_equal(set(client, 1, MTIME | CTIME, 0, 0), 0); /* now */
        status = host_stat(client, names[i]);
        assert_int_equal(status.st_atim.tv_sec, 11);
        assert_true(status.st_mtim.tv_sec > 1600000000);
        assert_int_equal(clunk(client, 1), 0);
    }
    /* Nanoseconds that are none, among them words of the host's interface. */
    static const uint64_t none[] = {1000000000, 0x3fffffff, 0x3ffffffe, UINT64_MAX};
    assert_int_equal(walk(client, 1, "file"), 0);
    for (unsigned i = 0; i < COUNT(none); i++) {
        assert_int_equal(ask(client, TSETATTR, "4444488888", 1, MTIME | MTIME_SET, 0, 0, 0,
                             UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(1), none[i]),
                         EINVAL);
    }
}

/* -- Moving and removing ----------------------------------------------------------------------- */

static void test_renameat(void **state) {
    struct client *client = *state;
    host_write(client, "file", "text");
    host_write(client, "other", "other");
    host_mkdir(client, "dir");
    host_mkdir(client, "dir/sub");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "dir"), 0);
    assert_int_equal(walk(client, 2, "file"), 0);
    assert_int_equal(walk(client, 3, "dir/sub"), 0);
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, "file", 1, "moved"), 0);
    reply_expect_end(client);
    host_expect(client, "dir/moved", "text");
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, "file", 1, "moved"), ENOENT);
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, "dir", 3, "loop"), EINVAL);
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", 1, "moved", ROOT, "other"), 0);
    host_expect(client, "other", "text");
    /* Fids follow. */
    assert_int_equal(ask(client, TLOPEN, "44", 2, 0), 0);
    assert_int_equal(read_at(client, 2, 0, 100), 4);
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", 1, "sub", ROOT, "sub"), 0);
    assert_int_equal(ask(client, TWALK, "442s", 3, 4, 1, ".."), 0);
    assert_int_equal(attributes_of(client, 4).qid.file, attributes_of(client, ROOT).qid.file);
}

static void test_rename_and_remove_by_fid(void **state) {
    struct client *client = *state;
    host_mkdir(client, "a");
    host_mkdir(client, "b");
    host_write(client, "a/file", "text");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "a/file"), 0);
    assert_int_equal(walk(client, 2, "b"), 0);
    assert_int_equal(ask(client, TRENAME, "44s", 1, 2, "new"), 0);
    host_expect(client, "b/new", "text");
    assert_int_equal(ask(client, TRENAME, "44s", 1, ROOT, "newer"), 0);
    host_expect(client, "newer", "text");
    assert_int_equal(ask(client, TRENAME, "44s", ROOT, 2, "root"), EBUSY);
    assert_int_equal(walk(client, 3, "a"), 0);
    assert_int_equal(ask(client, TREMOVE, "4", 1), 0);
    assert_false(host_has(client, "newer"));
    assert_int_equal(clunk(client, 1), EBADF);
    assert_int_equal(walk(client, 1, "a"), 0);
    assert_int_equal(ask(client, TREMOVE, "4", 1), 0);
    assert_false(host_has(client, "a"));
    assert_int_equal(ask(client, TREMOVE, "4", 3), ENOENT); /* the same one, gone already */
    assert_int_equal(ask(client, TREMOVE, "4", ROOT), EBUSY);
    assert_true(host_has(client, "b"));
}

/* Where a file of the same name has come instead, that one is left alone. */
static void test_remove_by_fid_what_was_replaced(void **state) {
    struct client *client = *state;
    host_write(client, "file", "old");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "file"), 0);
    assert_int_equal(walk(client, 2, "file"), 0);
    assert_int_equal(unlink(path_in(client, "file").text), 0);
    host_write(client, "file", "new");
    host_write(client, "file (deleted)", "named so");
    assert_int_equal(ask(client, TRENAME, "44s", 2, ROOT, "moved"), ENOENT);
    assert_int_equal(ask(client, TREMOVE, "4", 1), ENOENT);
    host_expect(client, "file", "new");
    host_expect(client, "file (deleted)", "named so");
    assert_int_equal(walk(client, 1, "file (deleted)"), 0);
    assert_int_equal(ask(client, TREMOVE, "4", 1), 0);
    assert_false(host_has(client, "file (deleted)"));
}

static void test_unlinkat(void **state) {
    struct client *client = *state;
    host_mkdir(client, "dir");
    host_write(client, "dir/file", "text");
    assert_int_equal(symlink("../secret", path_in(client, "link").text), 0);
    client_open(client, true);
    assert_int_equal(walk(client, 1, "dir"), 0);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "dir", 0), EISDIR);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "dir", 0x200), ENOTEMPTY);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", 1, "file", 0x200), ENOTDIR);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", 1, "file", 1), EINVAL);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", 1, "file", 0), 0);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "dir", 0x200), 0);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "link", 0), 0);
    assert_false(host_has(client, "link"));
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "none", 0), ENOENT);
    /* What is open lives on without a name. */
    assert_int_equal(create(client, 2, "file", 0102, 0600), 0);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "file", 0), 0);
    assert_int_equal(ask(client, TWRITE, "48b", 2, UINT64_C(0), 4, "text"), 0);
    assert_int_equal(read_at(client, 2, 0, 100), 4);
    assert_int_equal(attributes_of(client, 2).links, 0);
}

/* It has not even the entries that every directory has. */
static void test_removed_directory(void **state) {
    struct client *client = *state;
    host_mkdir(client, "dir");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "dir"), 0);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "dir", 0x200), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), 0);
    assert_int_equal(ask(client, TREADDIR, "484", 1, UINT64_C(0), 4096), 0);
    assert_int_equal(reply_number(client, 4), 0);
    assert_int_equal(ask(client, TWALK, "442s", 1, 2, 1, ".."), ENOENT);
    assert_int_equal(ask(client, TMKDIR, "4s44", 1, "sub", 0755, 0), ENOENT);
}

/* The host may give a new file the inode of one that is gone; the guest must see another file. */
static void test_numbers_are_not_used_again(void **state) {
    struct client *client = *state;
    client_open(client, true);
    uint64_t last = attributes_of(client, ROOT).qid.file;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(create(client, 1, "file", 0302, 0600), 0);
        uint64_t file = attributes_of(client, 1).qid.file;
        assert_int_equal(file, last + 1);
        last = file;
        assert_int_equal(clunk(client, 1), 0);
        if (i % 2 == 0) {
            assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "file", 0), 0);
        } else {
            assert_int_equal(create(client, 1, "other", 0302, 0600), 0);
            last = attributes_of(client, 1).qid.file;
            assert_int_equal(clunk(client, 1), 0);
            assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, "other", ROOT, "file"), 0);
            assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, "file", 0), 0);
        }
    }
}

/* -- A model ----------------------------------------------------------------------------------- */

enum { NAMES = 12, BYTES = 200, OPERATIONS = 20000 };

/** Flat: names, and which file each stands for. A file lives as long as a name or fid has it. */
struct model {
    int file_of_name[NAMES]; /* -1: none */
    int file_of_fid[NAMES];  /* -1: none; all are open, for reading and writing */
    struct {
        uint8_t bytes[BYTES];
        size_t size;
    } files[2 * NAMES];
};

static uint64_t next(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    return *random ^= *random << 17;
}

static int model_free_file(const struct model *model) {
    bool used[2 * NAMES] = {false};
    for (unsigned i = 0; i < NAMES; i++) {
        if (model->file_of_name[i] >= 0) {
            used[model->file_of_name[i]] = true;
        }
        if (model->file_of_fid[i] >= 0) {
            used[model->file_of_fid[i]] = true;
        }
    }
    int file = 0;
    while (used[file]) {
        file++;
    }
    return file;
}

static void model_open(struct client *client, struct model *model, unsigned fid, unsigned name) {
    char text[8];
    snprintf(text, sizeof text, "n%u", name);
    int *file = &model->file_of_fid[fid];
    if (*file >= 0) {
        assert_int_equal(clunk(client, fid + 1), 0);
        *file = -1;
    }
    assert_int_equal(create(client, fid + 1, text, 0102, 0600), 0);
    *file = model->file_of_name[name];
    if (*file < 0) {
        *file = model_free_file(model);
        model->file_of_name[name] = *file;
        model->files[*file].size = 0;
    }
}

static void model_write(struct client *client, struct model *model, unsigned fid,
                        uint64_t *random) {
    uint8_t bytes[BYTES];
    int file = model->file_of_fid[fid];
    size_t offset = next(random) % BYTES, size = next(random) % (BYTES - offset);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)next(random);
    }
    assert_int_equal(ask(client, TWRITE, "48b", fid + 1, (uint64_t)offset, (unsigned)size, bytes),
                     file >= 0 ? 0 : EBADF);
    if (file < 0 || size == 0) {
        return;
    }
    size_t *whole = &model->files[file].size;
    if (offset > *whole) {
        memset(model->files[file].bytes + *whole, 0, offset - *whole);
    }
    memcpy(model->files[file].bytes + offset, bytes, size);
    *whole = offset + size > *whole ? offset + size : *whole;
}

static void model_read(struct client *client, const struct model *model, unsigned fid) {
    int file = model->file_of_fid[fid];
    if (file < 0) {
        assert_int_equal(ask(client, TREAD, "484", fid + 1, UINT64_C(0), BYTES), EBADF);
        return;
    }
    assert_int_equal(read_at(client, fid + 1, 0, BYTES), model->files[file].size);
    assert_true(
        memcmp(client->reply + client->at, model->files[file].bytes, model->files[file].size) == 0);
}

static void model_truncate(struct client *client, struct model *model, unsigned fid, size_t size) {
    int file = model->file_of_fid[fid];
    assert_int_equal(set(client, fid + 1, SIZE, 0, size), file >= 0 ? 0 : EBADF);
    if (file < 0) {
        return;
    }
    size_t *whole = &model->files[file].size;
    if (size > *whole) {
        memset(model->files[file].bytes + *whole, 0, size - *whole);
    }
    *whole = size;
}

static void model_rename(struct client *client, struct model *model, unsigned from, unsigned to) {
    char from_text[8], to_text[8];
    snprintf(from_text, sizeof from_text, "n%u", from);
    snprintf(to_text, sizeof to_text, "n%u", to);
    int file = model->file_of_name[from];
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, from_text, ROOT, to_text),
                     file >= 0 ? 0 : ENOENT);
    /* Two names of one file stay two names. */
    if (file >= 0 && model->file_of_name[to] != file) {
        model->file_of_name[to] = file;
        model->file_of_name[from] = -1;
    }
}

static void model_link(struct client *client, struct model *model, unsigned fid, unsigned name) {
    char text[8];
    snprintf(text, sizeof text, "n%u", name);
    int file = model->file_of_fid[fid];
    bool named = false;
    for (unsigned i = 0; i < NAMES; i++) {
        named |= file >= 0 && model->file_of_name[i] == file;
    }
    unsigned expected = file < 0                         ? EBADF
                        : model->file_of_name[name] >= 0 ? EEXIST
                        : named                          ? 0
                                                         : ENOENT;
    assert_int_equal(ask(client, TLINK, "44s", ROOT, fid + 1, text), expected);
    if (expected == 0) {
        model->file_of_name[name] = file;
    }
}

static void model_unlink(struct client *client, struct model *model, unsigned name) {
    char text[8];
    snprintf(text, sizeof text, "n%u", name);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", ROOT, text, 0),
                     model->file_of_name[name] >= 0 ? 0 : ENOENT);
    model->file_of_name[name] = -1;
}

/* Same file, same number: names and fids agree on it, and different files have different ones. */
static void model_compare(struct client *client, const struct model *model) {
    uint64_t numbers[2 * NAMES] = {0};
    for (unsigned i = 0; i < 2 * NAMES; i++) {
        bool is_name = i < NAMES;
        int file = is_name ? model->file_of_name[i] : model->file_of_fid[i - NAMES];
        char text[8];
        snprintf(text, sizeof text, "n%u", i % NAMES);
        if (is_name) {
            assert_int_equal(walk(client, 99, text), file >= 0 ? 0 : ENOENT);
        }
        if (file < 0) {
            continue;
        }
        struct attributes it = attributes_of(client, is_name ? 99 : i % NAMES + 1);
        assert_int_equal(it.size, model->files[file].size);
        assert_true(numbers[file] == 0 || numbers[file] == it.qid.file);
        numbers[file] = it.qid.file;
        if (is_name) {
            assert_int_equal(clunk(client, 99), 0);
        }
    }
    for (unsigned i = 0; i < 2 * NAMES; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_true(numbers[i] == 0 || numbers[i] != numbers[j]);
        }
    }
}

static void test_many_operations_beside_a_model(void **state) {
    struct client *client = *state;
    const char *given = getenv("SEED");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
    struct model *model = calloc(1, sizeof *model);
    memset(model->file_of_name, -1, sizeof model->file_of_name);
    memset(model->file_of_fid, -1, sizeof model->file_of_fid);
    client_open(client, true);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        unsigned fid = (unsigned)(next(&random) % NAMES);
        unsigned name = (unsigned)(next(&random) % NAMES);
        switch (next(&random) % 8) {
        case 0:
            model_open(client, model, fid, name);
            break;
        case 1:
        case 2:
            model_write(client, model, fid, &random);
            break;
        case 3:
            model_read(client, model, fid);
            break;
        case 4:
            model_truncate(client, model, fid, next(&random) % BYTES);
            break;
        case 5:
            model_rename(client, model, fid, name);
            break;
        case 6:
            model_link(client, model, fid, name);
            break;
        default:
            model_unlink(client, model, name);
        }
        if (i % 16 == 0) {
            model_compare(client, model);
        }
    }
    free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        share_test(test_create),
        share_test(test_create_where_something_is),
        share_test(test_modes_are_what_was_asked_for),
        share_test(test_open_flags),
        share_test(test_nodes),
        share_test(test_names_that_cannot_be_made),
        share_test(test_links),
        share_test(test_set_mode),
        share_test(test_set_owner),
        share_test(test_set_size),
        share_test(test_set_times),
        share_test(test_renameat),
        share_test(test_rename_and_remove_by_fid),
        share_test(test_remove_by_fid_what_was_replaced),
        share_test(test_unlinkat),
        share_test(test_removed_directory),
        share_test(test_numbers_are_not_used_again),
        share_test(test_many_operations_beside_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
