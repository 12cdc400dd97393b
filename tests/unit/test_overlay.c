/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The overlay: its file byte by byte, damage, hosts that fail, and what it costs. */
#include "overlay_test.h"

#include <xxhash.h>

/** One leaf, the root; its last block is half a block. */
static const struct image_identity small = {32 * BLOCK_BYTES - 2048, 0xfeedface};
enum { SMALL_BLOCKS = 32 };

/** Three levels, with 256 MiB to each entry of the root. */
static const struct image_identity large = {UINT64_C(64) << 30, 1};

/* -- Overlays in memory ------------------------------------------------------------------------ */

struct bench {
    struct host host;
    struct store store;
    struct overlay *overlay;
    struct image_identity identity;
};

static void bench_new(struct bench *bench, const struct image_identity *identity, bool temporary) {
    *bench = (struct bench){.identity = *identity};
    host_init(&bench->host, NULL, 0);
    host_open(&bench->host, &bench->store);
    bench->overlay = overlay_new(&bench->store, identity, temporary);
    assert_non_null(bench->overlay);
}

/** @return false when it is refused: bench->store.failure. */
static bool bench_open(struct bench *bench) {
    host_open(&bench->host, &bench->store);
    bench->overlay = overlay_open(&bench->store, &bench->identity);
    return bench->overlay != NULL;
}

static bool bench_close(struct bench *bench) {
    bool good = overlay_close(bench->overlay);
    bench->overlay = NULL;
    store_close(&bench->store);
    return good;
}

static void bench_free(struct bench *bench) {
    (void)bench_close(bench);
    host_free(&bench->host);
}

static size_t bench_bytes(const struct bench *bench) {
    struct stat stat;
    assert_int_equal(fstat(bench->host.descriptor, &stat), 0);
    return (size_t)stat.st_size;
}

/** What the host has given for the file. */
static size_t bench_room(const struct bench *bench) {
    struct stat stat;
    assert_int_equal(fstat(bench->host.descriptor, &stat), 0);
    return (size_t)stat.st_blocks * 512;
}

static void put(struct bench *bench, uint64_t block, uint64_t tag) {
    uint8_t bytes[BLOCK_BYTES];
    tag_put(bytes, tag);
    assert_true(overlay_write(bench->overlay, block, 1, bytes));
}

static uint64_t get(struct bench *bench, uint64_t block) {
    uint8_t bytes[BLOCK_BYTES];
    enum extent extent;
    (void)overlay_extent(bench->overlay, block, 1, &extent);
    if (extent != EXTENT_OVERLAY) {
        return extent == EXTENT_IMAGE ? TAG_IMAGE : 0;
    }
    assert_true(overlay_read(bench->overlay, block, 1, bytes));
    return tag_get(bytes);
}

static void refused(struct bench *bench, enum status status, const char *part) {
    assert_false(bench_open(bench));
    if (bench->store.failure.status != status || strstr(bench->store.failure.text, part) == NULL) {
        fail_msg("not '%s' but: %s", part, bench->store.failure.text);
    }
    (void)bench_close(bench);
}

/* -- The file ---------------------------------------------------------------------------------- */

/** Fields of a superblock, as docs/disks.md has them. */
enum {
    AT_VERSION = 8,
    AT_REQUIRED = 16,
    AT_SEQUENCE = 24,
    AT_IMAGE_BYTES = 32,
    AT_IMAGE_DIGEST = 40,
    AT_ROOT_SLOT = 48,
    AT_ROOT_DIGEST = 56,
    AT_DIGEST = 4088
};

static uint64_t field_get(const struct bench *bench, size_t at) {
    uint64_t value;
    assert_int_equal(pread(bench->host.descriptor, &value, 8, (off_t)at), 8);
    return value;
}

static void field_put(const struct bench *bench, size_t at, uint64_t value) {
    assert_int_equal(pwrite(bench->host.descriptor, &value, 8, (off_t)at), 8);
}

static uint64_t digest_of(const struct bench *bench, size_t at, size_t size_bytes) {
    uint8_t bytes[SLOT_BYTES];
    assert_int_equal(pread(bench->host.descriptor, bytes, size_bytes, (off_t)at), size_bytes);
    return XXH3_64bits(bytes, size_bytes);
}

/** Changes a field of both superblocks, and makes them whole. */
static void superblocks_put(const struct bench *bench, size_t at, uint64_t value) {
    for (size_t place = 0; place < 2; place++) {
        size_t base = place * SLOT_BYTES;
        field_put(bench, base + at, value);
        field_put(bench, base + AT_DIGEST, digest_of(bench, base, AT_DIGEST));
    }
}

/** Changes an entry of the root, and makes all above it whole. */
static void root_put(const struct bench *bench, size_t idx, uint64_t slot, uint64_t digest) {
    size_t root = field_get(bench, AT_ROOT_SLOT) * SLOT_BYTES;
    field_put(bench, root + 16 * idx, slot);
    field_put(bench, root + 16 * idx + 8, digest);
    superblocks_put(bench, AT_ROOT_DIGEST, digest_of(bench, root, SLOT_BYTES));
}

/** A closed overlay: block 3 holds 33, block 31 holds 44, blocks 5 and 6 zeros. */
static void sample_make(struct bench *bench) {
    bench_new(bench, &small, false);
    put(bench, 3, 33);
    put(bench, 31, 44);
    put(bench, 5, 55);
    assert_true(overlay_zero(bench->overlay, 5, 2));
    assert_true(bench_close(bench));
}

static void test_format(void **state) {
    (void)state;
    struct bench bench;
    sample_make(&bench);
    size_t root = field_get(&bench, AT_ROOT_SLOT) * SLOT_BYTES;
    for (size_t base = 0; base < 2 * SLOT_BYTES; base += SLOT_BYTES) {
        char magic[9] = {0};
        assert_int_equal(pread(bench.host.descriptor, magic, 8, (off_t)base), 8);
        assert_string_equal(magic, "SglsOvl\n");
        assert_int_equal(field_get(&bench, base + AT_VERSION), 1);
        assert_int_equal(field_get(&bench, base + AT_REQUIRED), 0);
        assert_int_equal(field_get(&bench, base + AT_SEQUENCE) % 2, base / SLOT_BYTES);
        assert_int_equal(field_get(&bench, base + AT_IMAGE_BYTES), small.size_bytes);
        assert_int_equal(field_get(&bench, base + AT_IMAGE_DIGEST), small.digest);
        assert_int_equal(field_get(&bench, base + AT_ROOT_SLOT) * SLOT_BYTES, root);
        assert_int_equal(field_get(&bench, base + AT_ROOT_DIGEST),
                         digest_of(&bench, root, SLOT_BYTES));
        assert_int_equal(field_get(&bench, base + AT_DIGEST), digest_of(&bench, base, AT_DIGEST));
    }
    assert_int_equal(field_get(&bench, root + 16 * 4), 0); /* of the image */
    assert_int_equal(field_get(&bench, root + 16 * 5), 1); /* zeros */
    assert_int_equal(field_get(&bench, root + 16 * 5 + 8), 0);
    size_t slot = field_get(&bench, root + 16 * 31);
    assert_int_equal(field_get(&bench, slot * SLOT_BYTES + 8), 44);
    assert_int_equal(field_get(&bench, root + 16 * 31 + 8),
                     digest_of(&bench, slot * SLOT_BYTES, SLOT_BYTES));
    assert_int_equal(bench_bytes(&bench), 5 * SLOT_BYTES); /* two blocks and the root */
    bench_free(&bench);
}

static void test_contents_survive(void **state) {
    (void)state;
    struct bench bench;
    sample_make(&bench);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(bench_open(&bench));
        assert_int_equal(get(&bench, 2), TAG_IMAGE);
        assert_int_equal(get(&bench, 3), 33);
        assert_int_equal(get(&bench, 5), 0);
        assert_int_equal(get(&bench, 6), 0);
        assert_int_equal(get(&bench, 31), 44);
        size_t before = bench.host.change_count;
        assert_true(bench_close(&bench));
        for (size_t at = before; at < bench.host.change_count; at++) {
            assert_int_not_equal(bench.host.changes[at].kind, CHANGE_WRITE);
        }
    }
    bench_free(&bench);
}

/* -- Damage ------------------------------------------------------------------------------------ */

/** One bit has rotted: right contents, or a word about where. @return Were they right? */
static bool bit_harmless(struct bench *bench, size_t at) {
    uint64_t right[SMALL_BLOCKS];
    uint64_t tags[SMALL_BLOCKS];
    for (unsigned i = 0; i < SMALL_BLOCKS; i++) {
        right[i] = TAG_IMAGE;
    }
    right[3] = 33;
    right[31] = 44;
    right[5] = right[6] = 0;
    bool opened = bench_open(bench);
    bool read = opened && tags_read(bench->overlay, tags, SMALL_BLOCKS);
    if (read) {
        assert_memory_equal(tags, right, sizeof right);
    } else {
        char where[32];
        snprintf(where, sizeof where, "offset %zu;", at / SLOT_BYTES * SLOT_BYTES);
        assert_int_equal(bench->store.failure.status, STATUS_BAD_INPUT);
        if (strstr(bench->store.failure.text, where) == NULL) {
            fail_msg("byte %zu: %s", at, bench->store.failure.text);
        }
    }
    store_fail(&bench->store, STATUS_HOST_IO, "nothing is to be written");
    (void)bench_close(bench);
    return read;
}

/* Either superblock may rot as a whole; of the rest, no bit. */
static void test_every_rotten_byte_is_found(void **state) {
    (void)state;
    struct bench bench;
    sample_make(&bench);
    size_t size_bytes = bench_bytes(&bench);
    for (size_t at = 0; at < size_bytes; at += at % SLOT_BYTES < 64 ? 1 : 17) {
        uint8_t byte;
        assert_int_equal(pread(bench.host.descriptor, &byte, 1, (off_t)at), 1);
        byte ^= (uint8_t)(1u << at % 8);
        assert_int_equal(pwrite(bench.host.descriptor, &byte, 1, (off_t)at), 1);
        assert_true(bit_harmless(&bench, at) == (at < 2 * SLOT_BYTES));
        byte ^= (uint8_t)(1u << at % 8);
        assert_int_equal(pwrite(bench.host.descriptor, &byte, 1, (off_t)at), 1);
    }
    bench_free(&bench);
}

static void test_files_of_others(void **state) {
    (void)state;
    struct bench bench = {.identity = small};
    static const char text[] = "Dear diary, today I wrote a block.";
    host_init(&bench.host, (const uint8_t *)text, sizeof text);
    refused(&bench, STATUS_BAD_INPUT, "not an overlay; name one");
    assert_int_equal(ftruncate(bench.host.descriptor, 0), 0);
    refused(&bench, STATUS_BAD_INPUT, "not an overlay; name one");
    assert_int_equal(ftruncate(bench.host.descriptor, 1 << 20), 0);
    refused(&bench, STATUS_BAD_INPUT, "not an overlay; name one");
    bench_free(&bench);
}

static void test_superblocks_refused(void **state) {
    (void)state;
    struct bench bench;
    sample_make(&bench);
    superblocks_put(&bench, AT_VERSION, 2);
    refused(&bench, STATUS_BAD_INPUT, "version 2, features 0x0, this program knows version 1; use");
    superblocks_put(&bench, AT_VERSION, 1);
    superblocks_put(&bench, AT_REQUIRED, 0x100);
    refused(&bench, STATUS_BAD_INPUT, "version 1, features 0x100, this program");
    superblocks_put(&bench, AT_REQUIRED, 0);
    bench.identity.digest++;
    refused(&bench, STATUS_BAD_INPUT, "belongs to another image");
    bench.identity.digest--;
    bench.identity.size_bytes += 512;
    refused(&bench, STATUS_BAD_INPUT, "of 129024 bytes, this one has 129536; use it with");
    bench.identity = small;
    uint64_t root = field_get(&bench, AT_ROOT_SLOT);
    superblocks_put(&bench, AT_ROOT_SLOT, 1);
    refused(&bench, STATUS_BAD_INPUT, "damaged at offset");
    superblocks_put(&bench, AT_ROOT_SLOT, 0); /* but it has a digest */
    refused(&bench, STATUS_BAD_INPUT, "damaged at offset");
    superblocks_put(&bench, AT_ROOT_SLOT, UINT64_MAX / 4096);
    refused(&bench, STATUS_BAD_INPUT, "damaged at offset");
    superblocks_put(&bench, AT_ROOT_SLOT, root);
    /* A later one, but in the other's place. */
    field_put(&bench, SLOT_BYTES + AT_SEQUENCE, 1000);
    field_put(&bench, SLOT_BYTES + AT_ROOT_SLOT, 1);
    field_put(&bench, SLOT_BYTES + AT_DIGEST, digest_of(&bench, SLOT_BYTES, AT_DIGEST));
    assert_true(bench_open(&bench));
    assert_int_equal(get(&bench, 3), 33);
    bench_free(&bench);
}

/* An entry is a place without a digest, or a slot that nobody else has, of a block that exists. */
static void test_entries_refused(void **state) {
    (void)state;
    struct bench bench;
    sample_make(&bench);
    size_t root = field_get(&bench, AT_ROOT_SLOT);
    size_t slot = field_get(&bench, root * SLOT_BYTES + 16 * 3);
    uint64_t digest = field_get(&bench, root * SLOT_BYTES + 16 * 3 + 8);
    size_t unused = bench_bytes(&bench) / SLOT_BYTES;
    assert_int_equal(ftruncate(bench.host.descriptor, (off_t)(unused + 1) * SLOT_BYTES), 0);
    const struct {
        size_t idx;
        uint64_t slot, digest;
    } bad[] = {
        {4, slot, digest},
        {4, root, 0},
        {4, unused + 1, 0},
        {4, UINT64_MAX, 0},
        {4, UINT64_C(1) << 52, 0},
        {4, 0, digest},
        {4, 1, 1},
        {SMALL_BLOCKS, unused, digest},
        {255, UINT64_C(1) << 63, 0},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        root_put(&bench, bad[i].idx, bad[i].slot, bad[i].digest);
        refused(&bench, STATUS_BAD_INPUT, "damaged at offset");
        root_put(&bench, bad[i].idx, 0, 0);
    }
    assert_true(bench_open(&bench));
    bench_free(&bench);
}

/* -- Hosts that fail --------------------------------------------------------------------------- */

/* Each call in turn, and all that follow; the last commit stays. */
static void test_failing_calls(void **state) {
    (void)state;
    static const int errors[] = {ENOSPC, EIO, EDQUOT};
    bool failed = true;
    unsigned failures = 0;
    for (uint64_t calls = 0; failed; calls++) {
        struct bench bench;
        bench_new(&bench, &large, false);
        put(&bench, 7, 1);
        put(&bench, 70000, 2);
        assert_true(overlay_commit(bench.overlay));
        bench.host.error = errors[calls % COUNT(errors)];
        bench.host.calls_left = calls;
        uint8_t bytes[BLOCK_BYTES];
        tag_put(bytes, 3);
        bool good = overlay_write(bench.overlay, 7, 1, bytes);
        good = overlay_write(bench.overlay, 1000, 1, bytes) && good;
        good = overlay_read(bench.overlay, 70000, 1, bytes) && good;
        good = overlay_commit(bench.overlay) && good;
        good = bench_close(&bench) && good;
        failed = bench.store.failure.status != STATUS_OK;
        assert_true(good == !failed);
        if (failed) {
            failures++;
            assert_int_equal(bench.store.failure.status, STATUS_HOST_IO);
            assert_non_null(strstr(bench.store.failure.text, strerror(bench.host.error)));
        }
        bench.host.error = 0;
        assert_true(bench_open(&bench));
        assert_int_equal(get(&bench, 70000), 2);
        assert_int_equal(get(&bench, 7), get(&bench, 1000) == 3 ? 3 : 1);
        assert_true(failed || get(&bench, 7) == 3);
        bench_free(&bench);
    }
    assert_in_range(failures, 10, 30);
}

static void test_failure_stays(void **state) {
    (void)state;
    struct bench bench;
    uint8_t bytes[BLOCK_BYTES] = {1};
    bench_new(&bench, &small, false);
    put(&bench, 1, 1);
    bench.host.error = ENOSPC;
    assert_false(overlay_write(bench.overlay, 2, 1, bytes));
    bench.host.error = 0;
    size_t changes = bench.host.change_count;
    assert_false(overlay_write(bench.overlay, 2, 1, bytes));
    assert_false(overlay_zero(bench.overlay, 2, 1));
    assert_false(overlay_read(bench.overlay, 1, 1, bytes));
    assert_false(overlay_commit(bench.overlay));
    assert_false(bench_close(&bench));
    assert_int_equal(bench.host.change_count, changes);
    bench_free(&bench);
}

static void test_short_writes_and_reads(void **state) {
    (void)state;
    struct bench bench;
    bench_new(&bench, &small, false);
    bench.host.writes_short = true;
    put(&bench, 3, 7);
    put(&bench, 4, 8);
    assert_true(bench_close(&bench));
    assert_true(bench_open(&bench));
    assert_int_equal(get(&bench, 3), 7);
    assert_int_equal(get(&bench, 4), 8);
    bench_free(&bench);
}

/* The file is cut behind our back: never anything but the word. */
static void test_file_cut_off(void **state) {
    (void)state;
    struct bench bench;
    uint8_t bytes[BLOCK_BYTES];
    sample_make(&bench);
    assert_true(bench_open(&bench));
    assert_int_equal(ftruncate(bench.host.descriptor, 2 * SLOT_BYTES), 0);
    assert_false(overlay_read(bench.overlay, 3, 1, bytes));
    assert_int_equal(bench.store.failure.status, STATUS_BAD_INPUT);
    (void)bench_close(&bench);
    refused(&bench, STATUS_BAD_INPUT, "damaged at offset");
    bench_free(&bench);
}

/* -- Costs ------------------------------------------------------------------------------------- */

/* Slots that nobody needs are used again, whatever a guest does. */
static void test_file_stays_small(void **state) {
    (void)state;
    enum { BLOCKS = 600, KEPT = 4 };
    struct bench bench;
    uint64_t random = random_from(1);
    bench_new(&bench, &large, false);
    for (unsigned i = 0; i < 4000; i++) {
        uint64_t block = random_below(&random, BLOCKS);
        if (random_below(&random, 4) == 0) {
            assert_true(overlay_zero(bench.overlay, block, 1 + random_below(&random, 8)));
        } else {
            put(&bench, block, i + 1);
        }
        if (random_below(&random, 10) == 0) {
            assert_true(overlay_commit(bench.overlay));
        }
    }
    /* All blocks twice, nodes, an eighth that is not looked for. */
    assert_in_range(bench_bytes(&bench) / SLOT_BYTES, 100, 2 * BLOCKS + BLOCKS / 2);
    assert_true(overlay_zero(bench.overlay, KEPT, BLOCKS));
    assert_true(bench_close(&bench));
    assert_in_range(bench_room(&bench) / SLOT_BYTES, KEPT + 5, 16 * (KEPT + 7)); /* gaps stay */
    assert_true(bench_open(&bench));
    assert_true(overlay_zero(bench.overlay, 0, large.size_bytes / BLOCK_BYTES));
    assert_true(bench_close(&bench));
    assert_in_range(bench_room(&bench) / SLOT_BYTES, 3, 3 + 3 * 16);
    assert_true(bench_open(&bench));
    put(&bench, 0, 1);
    assert_true(bench_close(&bench));
    assert_in_range(bench_bytes(&bench) / SLOT_BYTES, 3, 8);
    bench_free(&bench);
}

static void test_discard_gives_room_back(void **state) {
    (void)state;
    enum { BLOCKS = 8192 };
    struct bench bench;
    for (unsigned temporary = 0; temporary < 2; temporary++) {
        bench_new(&bench, &large, temporary != 0);
        for (unsigned i = 0; i < BLOCKS; i++) {
            put(&bench, i, i + 1);
        }
        assert_true(overlay_commit(bench.overlay));
        assert_true(bench_room(&bench) >= (size_t)BLOCKS * BLOCK_BYTES);
        assert_true(overlay_zero(bench.overlay, 10, BLOCKS - 20));
        assert_true(overlay_commit(bench.overlay));
        assert_true(bench_room(&bench) < 200 * SLOT_BYTES);
        assert_int_equal(get(&bench, 9), 10);
        assert_int_equal(get(&bench, 10), 0);
        assert_int_equal(get(&bench, BLOCKS - 1), BLOCKS);
        bench_free(&bench);
    }
}

static void test_zeros_take_no_room(void **state) {
    (void)state;
    struct bench bench;
    static const uint8_t zeros[256 * BLOCK_BYTES];
    assert_true(block_is_zeros(zeros, block_digest(zeros)));
    bench_new(&bench, &large, false);
    put(&bench, 5, 5);
    for (unsigned i = 0; i < 64; i++) {
        assert_true(overlay_write(bench.overlay, i * 256, 256, zeros));
    }
    assert_int_equal(get(&bench, 5), 0);
    assert_true(bench_bytes(&bench) <= 3 * SLOT_BYTES);
    bench_free(&bench);
}

/* A discard of a whole disk, as mkfs does it, costs nothing to speak of. */
static void test_large_zeros_are_one_entry(void **state) {
    (void)state;
    enum extent extent;
    uint64_t blocks = large.size_bytes / BLOCK_BYTES;
    struct bench bench;
    bench_new(&bench, &large, false);
    assert_true(overlay_zero(bench.overlay, 1, blocks - 1));
    assert_int_equal(get(&bench, 0), TAG_IMAGE);
    assert_int_equal(overlay_extent(bench.overlay, 70000, 1000, &extent), 1000);
    assert_int_equal(extent, EXTENT_ZEROS);
    put(&bench, 70000, 9);
    assert_true(bench_close(&bench));
    assert_true(bench_bytes(&bench) <= 12 * SLOT_BYTES);
    assert_true(bench_open(&bench));
    assert_int_equal(get(&bench, 0), TAG_IMAGE);
    assert_int_equal(get(&bench, 1), 0);
    assert_int_equal(get(&bench, 69999), 0);
    assert_int_equal(get(&bench, 70000), 9);
    assert_int_equal(get(&bench, blocks - 1), 0);
    bench_free(&bench);
}

/* What was written together is written, and read, in one call. */
static void test_calls_are_few(void **state) {
    (void)state;
    enum { COUNT_BLOCKS = 700 };
    struct bench bench;
    enum extent extent;
    uint8_t *bytes = malloc(COUNT_BLOCKS * BLOCK_BYTES);
    assert_non_null(bytes);
    memset(bytes, 7, COUNT_BLOCKS * BLOCK_BYTES);
    for (unsigned temporary = 0; temporary < 2; temporary++) {
        bench_new(&bench, &large, temporary != 0);
        for (unsigned i = 0; i < 4; i++) {
            size_t before = bench.host.change_count;
            assert_true(overlay_write(bench.overlay, 100, COUNT_BLOCKS, bytes));
            assert_in_range(bench.host.change_count - before, 1, 4);
            assert_int_equal(overlay_extent(bench.overlay, 100, COUNT_BLOCKS, &extent), 156);
            assert_int_equal(overlay_extent(bench.overlay, 256, COUNT_BLOCKS, &extent), 256);
            assert_true(overlay_commit(bench.overlay));
        }
        bench_free(&bench);
    }
    free(bytes);
}

/* -- State ------------------------------------------------------------------------------------- */

struct walked {
    uint64_t words[64];
    size_t count;
};

static void walked_put(void *owner, const void *bytes, size_t size_bytes) {
    struct walked *walked = owner;
    assert_int_equal(size_bytes, 8);
    assert_true(walked->count < COUNT(walked->words));
    memcpy(&walked->words[walked->count++], bytes, 8);
}

static struct walked walk(const struct bench *bench) {
    struct walked walked = {.count = 0};
    overlay_state(bench->overlay, &(struct stream){.put = walked_put, .owner = &walked});
    return walked;
}

/* By whatever way they came, and whether they have been committed: the same blocks, the same walk.
 */
static void test_state_is_of_contents(void **state) {
    (void)state;
    uint8_t bytes[BLOCK_BYTES] = {0};
    uint64_t of_zeros = block_digest(bytes);
    uint64_t blocks = large.size_bytes / BLOCK_BYTES;
    struct bench a, b;
    tag_put(bytes, 5);
    uint64_t of_five = block_digest(bytes);
    bench_new(&a, &large, false);
    bench_new(&b, &large, true);
    assert_int_equal(walk(&a).count, 1);
    assert_int_equal(walk(&a).words[0], UINT64_MAX);
    put(&a, 300, 5);
    put(&a, 4, 5);
    assert_true(overlay_zero(a.overlay, 1000, blocks - 1000));
    put(&b, 4, 6);
    assert_true(overlay_zero(b.overlay, 500, blocks - 500));
    put(&b, 299, 1);
    put(&b, 300, 5);
    put(&b, 4, 5);
    const uint64_t want[] = {4,       1,    of_five,       300,      1,
                             of_five, 1000, blocks - 1000, of_zeros, UINT64_MAX};
    struct walked walked = walk(&a);
    assert_int_equal(walked.count, COUNT(want));
    assert_memory_equal(walked.words, want, sizeof want);
    assert_true(overlay_commit(a.overlay));
    walked = walk(&a);
    assert_memory_equal(walked.words, want, sizeof want);
    for (uint64_t block = 500; block < 1000; block++) {
        put(&a, block, block % 2 == 0 ? 0 : 1);
        put(&a, block, 0);
    }
    put(&a, 299, 1);
    struct walked other = walk(&b);
    walked = walk(&a);
    assert_int_equal(walked.count, other.count);
    assert_memory_equal(walked.words, other.words, walked.count * 8);
    assert_int_equal(walked.count, 13);
    put(&a, 299, 2);
    other = walk(&a);
    assert_memory_not_equal(walked.words, other.words, walked.count * 8);
    bench_free(&a);
    bench_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_contents_survive),
        cmocka_unit_test(test_every_rotten_byte_is_found),
        cmocka_unit_test(test_files_of_others),
        cmocka_unit_test(test_superblocks_refused),
        cmocka_unit_test(test_entries_refused),
        cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_failure_stays),
        cmocka_unit_test(test_short_writes_and_reads),
        cmocka_unit_test(test_file_cut_off),
        cmocka_unit_test(test_file_stays_small),
        cmocka_unit_test(test_discard_gives_room_back),
        cmocka_unit_test(test_zeros_take_no_room),
        cmocka_unit_test(test_large_zeros_are_one_entry),
        cmocka_unit_test(test_calls_are_few),
        cmocka_unit_test(test_state_is_of_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
