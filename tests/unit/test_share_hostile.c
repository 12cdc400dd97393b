/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that means harm: nothing leads out of the folder, no message breaks the server, nothing
 * of the host's runs out. client_teardown() looks whether what lies outside is as it was. */
#include "share_test.h"

#include <sys/resource.h>
#include <sys/wait.h>

/* -- Out of the folder ------------------------------------------------------------------------ */

/* A directory that the host has moved out while the guest held it: its ".." is not its own. */
static void test_directory_moved_out(void **state) {
    struct client *client = *state;
    host_mkdir(client, "a");
    host_mkdir(client, "a/b");
    host_mkdir(client, "a/b/c");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "a/b"), 0);
    assert_int_equal(walk(client, 2, "a/b/c"), 0);
    assert_int_equal(rename(path_in(client, "a/b").text, path_in(client, "../b").text), 0);
    assert_int_equal(ask(client, TWALK, "442s", 1, 3, 1, ".."), ENOENT);
    assert_int_equal(ask(client, TWALK, "442s", 2, 3, 1, ".."), ENOENT);
    assert_int_equal(ask(client, TWALK, "442ss", 1, 3, 2, "..", "secret"), ENOENT);
    assert_int_equal(ask(client, TRENAME, "44s", 2, ROOT, "c"), ENOENT);
    assert_int_equal(ask(client, TREMOVE, "4", 2), ENOENT);
    assert_true(host_has(client, "../b/c"));
    /* Back in, elsewhere. */
    assert_int_equal(rename(path_in(client, "../b").text, path_in(client, "new").text), 0);
    assert_int_equal(ask(client, TWALK, "442s", 1, 3, 1, ".."), 0);
    assert_int_equal(attributes_of(client, 3).qid.file, attributes_of(client, ROOT).qid.file);
}

/* A folder beside it whose name begins the same is not inside. */
static void test_neighbour_with_the_same_beginning(void **state) {
    struct client *client = *state;
    host_mkdir(client, "a");
    host_mkdir(client, "../shared-not");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "a"), 0);
    assert_int_equal(rename(path_in(client, "a").text, path_in(client, "../shared-not/a").text), 0);
    assert_int_equal(ask(client, TWALK, "442s", 1, 2, 1, ".."), ENOENT);
    assert_int_equal(ask(client, TREMOVE, "4", 1), ENOENT);
    assert_true(host_has(client, "../shared-not/a"));
}

/* A link that takes a directory's place between two steps of the guest's. */
static void test_directory_replaced_by_a_link(void **state) {
    struct client *client = *state;
    host_mkdir(client, "a");
    host_write(client, "a/secret", "inside");
    client_open(client, true);
    assert_int_equal(walk(client, 1, "a"), 0);
    assert_int_equal(walk(client, 2, "a/secret"), 0);
    assert_int_equal(rename(path_in(client, "a").text, path_in(client, "b").text), 0);
    assert_int_equal(symlink("..", path_in(client, "a").text), 0);
    assert_int_equal(ask(client, TWALK, "442s", 1, 3, 1, "secret"), 0);
    assert_int_equal(ask(client, TLOPEN, "44", 3, 0), 0);
    assert_int_equal(read_at(client, 3, 0, 100), 6);
    assert_int_equal(walk(client, 4, "a/secret"), ENOENT);
    assert_int_equal(ask(client, TREMOVE, "4", 2), 0);
    assert_false(host_has(client, "b/secret"));
}

/* The guest makes the links itself, and tries each operation through them. */
static void test_own_links_lead_nowhere(void **state) {
    struct client *client = *state;
    client_open(client, true);
    assert_int_equal(ask(client, TSYMLINK, "4ss4", ROOT, "out", "..", 0), 0);
    assert_int_equal(ask(client, TSYMLINK, "4ss4", ROOT, "file", "../secret", 0), 0);
    assert_int_equal(walk(client, 1, "out"), 0);
    assert_int_equal(walk(client, 2, "file"), 0);
    assert_int_equal(ask(client, TWALK, "442s", 1, 3, 1, "secret"), ENOTDIR);
    assert_int_equal(ask(client, TLCREATE, "4s444", 1, "x", 0101, 0644, 0), ENOTDIR);
    assert_int_equal(ask(client, TMKDIR, "4s44", 1, "x", 0755, 0), ENOTDIR);
    assert_int_equal(ask(client, TSYMLINK, "4ss4", 1, "x", "y", 0), ENOTDIR);
    assert_int_equal(ask(client, TMKNOD, "4s4444", 1, "x", S_IFREG, 0, 0, 0), ENOTDIR);
    assert_int_equal(ask(client, TUNLINKAT, "4s4", 1, "secret", 0), ENOTDIR);
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", 1, "secret", ROOT, "got"), ENOTDIR);
    assert_int_equal(ask(client, TRENAMEAT, "4s4s", ROOT, "file", 1, "got"), ENOTDIR);
    assert_int_equal(ask(client, TLINK, "44s", 1, 2, "x"), ENOTDIR);
    assert_int_equal(ask(client, TLOPEN, "44", 2, 01001), ELOOP);
    assert_int_equal(ask(client, TREMOVE, "4", 2), 0); /* the link, that is */
    assert_false(host_has(client, "file"));
    assert_false(host_has(client, "../x"));
}

/* -- Messages that are none ------------------------------------------------------------------- */

static size_t answer(struct client *client, size_t size_bytes, size_t room_bytes) {
    uint8_t *message = malloc(size_bytes + 1); /* exactly as large, and never of no size */
    uint8_t *reply = malloc(room_bytes + 1);
    memcpy(message + 1, client->message, size_bytes);
    struct share_request request = {.bytes = message + 1, .size_bytes = size_bytes};
    size_t got = share_answer(client->share, request, reply + 1, room_bytes);
    assert_true(got <= room_bytes);
    memcpy(client->reply, reply + 1, got);
    free(message);
    free(reply);
    return got;
}

static void test_no_header_no_answer(void **state) {
    struct client *client = *state;
    client_open(client, false);
    ask(client, TFLUSH, "2", 1);
    for (size_t size = 0; size < 7; size++) {
        assert_int_equal(answer(client, size, 100), 0);
    }
    for (size_t room = 0; room < 11; room++) {
        assert_int_equal(answer(client, client->message_bytes, room), 0);
    }
    assert_int_equal(answer(client, client->message_bytes, 11), 7);
}

static void size_field(struct client *client, uint32_t size_bytes) {
    for (unsigned i = 0; i < 4; i++) {
        client->message[i] = (uint8_t)(size_bytes >> (8 * i));
    }
}

static unsigned defect_of(const struct client *client) {
    return client->reply[4] == RLERROR ? client->reply[7] : 0;
}

static void test_size_that_lies(void **state) {
    static const uint32_t sizes[] = {0, 1, 6, 10, 1000, 0x7fffffff, 0x80000000, UINT32_MAX};
    struct client *client = *state;
    client_open(client, false);
    ask(client, TFLUSH, "2", 1);
    assert_int_equal(client->message_bytes, 9);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_field(client, sizes[i]);
        assert_int_equal(answer(client, 9, 100), 11);
        assert_int_equal(defect_of(client), EPROTO);
        assert_int_equal(client->reply[5], client->message[5]);
    }
    size_field(client, 9); /* what lies behind a message is none of it */
    assert_int_equal(answer(client, 60, 100), 7);
    size_field(client, 8);
    assert_int_equal(answer(client, 9, 100), 11);
    assert_int_equal(defect_of(client), EPROTO);
}

/* One of each, well formed; more than one thing may have to be there first. */
static const struct sample {
    enum message_type type;
    const char *format;
} samples[] = {
    {TSTATFS, "4"},           {TLOPEN, "44"},     {TLCREATE, "4s444"}, {TSYMLINK, "4ss4"},
    {TMKNOD, "4s4444"},       {TRENAME, "44s"},   {TREADLINK, "4"},    {TGETATTR, "48"},
    {TREADDIR, "484"},        {TFSYNC, "44"},     {TLOCK, "414884s"},  {TGETLOCK, "41884s"},
    {TLINK, "44s"},           {TMKDIR, "4s44"},   {TRENAMEAT, "4s4s"}, {TUNLINKAT, "4s4"},
    {TVERSION, "4s"},         {TATTACH, "44ss4"}, {TFLUSH, "2"},       {TWALK, "442s"},
    {TREAD, "484"},           {TWRITE, "484"},    {TCLUNK, "4"},       {TREMOVE, "4"},
    {TSETATTR, "4444488888"},
};

static void sample_build(struct client *client, const struct sample *sample) {
    client->message_bytes = 0;
    message_number(client, 0, 4);
    message_number(client, sample->type, 1);
    message_number(client, 7, 2);
    for (const char *format = sample->format; *format != '\0'; format++) {
        if (*format == 's') {
            message_number(client, 4, 2);
            message_bytes(client, "name", 4);
        } else {
            message_number(client, *format == '2', (unsigned)(*format - '0')); /* one name */
        }
    }
}

/* Every message cut off at every byte: an error, and nothing has happened. */
static void test_cut_messages(void **state) {
    struct client *client = *state;
    host_write(client, "file", "text");
    client_open(client, true);
    for (size_t i = 0; i < COUNT(samples); i++) {
        sample_build(client, &samples[i]);
        for (size_t size = 7; size < client->message_bytes; size++) {
            size_field(client, (uint32_t)size);
            assert_int_equal(answer(client, size, 4096), 11);
            assert_int_equal(client->reply[4], RLERROR);
            assert_true(defect_of(client) == EPROTO || defect_of(client) == EBADF);
        }
        size_field(client, (uint32_t)client->message_bytes + 1);
        assert_int_equal(answer(client, client->message_bytes + 1, 4096), 11); /* or too long */
        assert_true(defect_of(client) == EPROTO || defect_of(client) == EBADF);
    }
    assert_int_equal(attributes_of(client, ROOT).qid.file, 1);
    assert_false(host_has(client, "name"));
    host_expect(client, "file", "text");
}

/* Every reply into every room: cut where the protocol has a count, else an error. */
static void test_replies_without_room(void **state) {
    struct client *client = *state;
    host_write(client, "name", "text");
    assert_int_equal(symlink("a longer text, which takes room", path_in(client, "link").text), 0);
    client_open(client, true);
    for (size_t room = 11; room < 260; room++) {
        for (size_t i = 0; i < COUNT(samples); i++) {
            if (samples[i].type == TVERSION || samples[i].type == TREMOVE ||
                samples[i].type == TCLUNK) {
                continue;
            }
            sample_build(client, &samples[i]);
            size_field(client, (uint32_t)client->message_bytes);
            size_t got = answer(client, client->message_bytes, room);
            assert_true(got >= 7 && got <= room);
        }
        client->room_bytes = sizeof client->reply;
        client_begin(client);
        assert_int_equal(walk(client, 1, "link"), 0);
        client->room_bytes = room;
        assert_int_equal(ask(client, TREADLINK, "4", 1), room < 7 + 2 + 31 ? EMSGSIZE : 0);
        client->room_bytes = sizeof client->reply;
    }
}

/* -- Rubbish ---------------------------------------------------------------------------------- */

static uint64_t next(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    return *random ^= *random << 17;
}

static uint64_t telling(uint64_t *random) {
    static const uint64_t values[] = {0, 1, 2, 3, 255, 4096, 0x7fffffff, UINT32_MAX, UINT64_MAX};
    return next(random) % 2 == 0 ? next(random) % 8 : values[next(random) % COUNT(values)];
}

/* Well formed or not, of any type, with fids and names that often exist. */
static void rubbish_build(struct client *client, uint64_t *random) {
    static const char *const names[] = {"a", "b", "c", "..", ".", "", "link", "a/b", "secret"};
    const struct sample *sample = &samples[next(random) % COUNT(samples)];
    client->message_bytes = 0;
    message_number(client, 0, 4);
    message_number(client, next(random) % 50 == 0 ? next(random) : sample->type, 1);
    message_number(client, next(random), 2);
    for (const char *format = sample->format; *format != '\0'; format++) {
        if (*format == 's') {
            const char *name = names[next(random) % COUNT(names)];
            message_number(client, next(random) % 50 == 0 ? telling(random) : strlen(name), 2);
            message_bytes(client, name, strlen(name));
        } else {
            message_number(client, telling(random), (unsigned)(*format - '0'));
        }
    }
    size_t size = next(random) % 20 == 0 ? telling(random) : client->message_bytes;
    size_field(client, (uint32_t)size);
}

static void test_rubbish(void **state) {
    enum { MESSAGES = 100000 };
    struct client *client = *state;
    const char *given = getenv("SEED");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
    host_mkdir(client, "a");
    host_write(client, "b", "text");
    assert_int_equal(symlink("..", path_in(client, "link").text), 0);
    unsigned before = descriptors_in_use();
    client_open(client, true);
    for (unsigned i = 0; i < MESSAGES; i++) {
        if (i % 64 == 0) {
            client_begin(client);
        }
        rubbish_build(client, &random);
        size_t room = next(&random) % 8 == 0 ? next(&random) % 64 : 8192;
        size_t got = answer(client, client->message_bytes, room);
        assert_true(got == 0 ? room < 11 : got >= 7 && got <= room);
        assert_true(got == 0 || client->reply[4] == RLERROR ||
                    client->reply[4] == client->message[4] + 1);
    }
    share_close(client->share);
    client->share = NULL;
    assert_int_equal(descriptors_in_use(), before);
}

/* -- Limits ----------------------------------------------------------------------------------- */

static void test_fids_are_limited(void **state) {
    enum { FIDS = 4096 };
    struct client *client = *state;
    host_write(client, "file", "text");
    unsigned before = descriptors_in_use();
    client_open(client, false);
    for (unsigned i = 1; i < FIDS; i++) {
        /* In an order that is neither up nor down. */
        assert_int_equal(walk(client, 1 + i * 2654435761u % 1000000007u, "file"), 0);
    }
    assert_int_equal(walk(client, 0x7fffffff, "file"), ENFILE);
    assert_int_equal(ask(client, TATTACH, "44ss4", 0x7fffffff, NO_FID, "", "", 0), ENFILE);
    unsigned last = 1 + (FIDS - 1) * 2654435761u % 1000000007u;
    assert_int_equal(ask(client, TLOPEN, "44", last, 0), 0); /* takes no more */
    assert_int_equal(read_at(client, last, 0, 100), 4);
    assert_int_equal(clunk(client, last), 0);
    assert_int_equal(walk(client, 0x7fffffff, "file"), 0);
    share_reset(client->share);
    client_begin(client);
    assert_int_equal(clunk(client, 0x7fffffff), EBADF);
    share_close(client->share);
    client->share = NULL;
    assert_int_equal(descriptors_in_use(), before);
}

/* The last descriptors are for others. */
static void test_descriptors_are_left(void **state) {
    enum { LIMIT = 600, RESERVED = 256 };
    struct client *client = *state;
    struct rlimit limit, few = {.rlim_cur = LIMIT, .rlim_max = LIMIT};
    host_write(client, "file", "text");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few.rlim_max = limit.rlim_max;
    pid_t child = fork();
    if (child == 0) {
        few.rlim_max = LIMIT; /* which nobody but root could take back */
        setrlimit(RLIMIT_NOFILE, &few);
        client_open(client, false);
        unsigned made = 0;
        while (walk(client, 1 + made, "file") == 0) {
            made++;
        }
        unsigned defect = walk(client, 1 + made, "file");
        unsigned used = descriptors_in_use();
        _exit(defect == ENFILE && made > 300 && used <= LIMIT - RESERVED ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* -- State ------------------------------------------------------------------------------------ */

/** A digest that depends on the order of bytes. */
static void digest_put(void *owner, const void *bytes, size_t size_bytes) {
    uint64_t *digest = owner;
    for (size_t i = 0; i < size_bytes; i++) {
        *digest = (*digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
}

static uint64_t state_of(const struct client *client) {
    uint64_t digest = 1;
    share_state(client->share, &(struct stream){.put = digest_put, .owner = &digest});
    return digest;
}

static void test_state_tells_what_the_guest_holds(void **state) {
    struct client *client = *state;
    host_write(client, "file", "text");
    client_open(client, false);
    uint64_t seen[6];
    seen[0] = state_of(client);
    assert_int_equal(walk(client, 1, "file"), 0);
    seen[1] = state_of(client);
    assert_int_equal(ask(client, TLOPEN, "44", 1, 0), 0);
    seen[2] = state_of(client);
    assert_int_equal(walk(client, 2, ""), 0);
    seen[3] = state_of(client);
    assert_int_equal(ask(client, TLOPEN, "44", 2, 0), 0);
    seen[4] = state_of(client);
    assert_int_equal(clunk(client, 1), 0);
    seen[5] = state_of(client);
    for (unsigned i = 0; i < COUNT(seen); i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_true(seen[i] != seen[j]);
        }
    }
    struct client fresh = {.share = share_hollow()};
    assert_non_null(fresh.share);
    share_reset(client->share);
    assert_true(state_of(client) == state_of(&fresh));
    share_close(fresh.share);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        share_test(test_directory_moved_out),
        share_test(test_neighbour_with_the_same_beginning),
        share_test(test_directory_replaced_by_a_link),
        share_test(test_own_links_lead_nowhere),
        share_test(test_no_header_no_answer),
        share_test(test_size_that_lies),
        share_test(test_cut_messages),
        share_test(test_replies_without_room),
        share_test(test_rubbish),
        share_test(test_fids_are_limited),
        share_test(test_descriptors_are_left),
        share_test(test_state_tells_what_the_guest_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
