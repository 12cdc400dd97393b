/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosts that stop at every moment of an overlay's life, and lose what was not synced.
 *
 * The law: whatever is lost, the overlay opens, and is as of its last commit, or as of the one that
 * was under way. SANDGLASS_SEED is the first seed, SANDGLASS_ROUNDS says how many are taken. */
#include "overlay_test.h"

enum { BLOCKS = 300, COMMITS_MAX = 128, LIVES = 4, STEPS = 60 };

static const struct image_identity identity = {BLOCKS * BLOCK_BYTES - SECTOR_BYTES, 0x1234567};

/** What the disk held at a commit, and between which changes of the host that was written. */
struct commit {
    size_t begun, done; /* changes before */
    uint64_t tags[BLOCKS];
};

struct life {
    uint64_t seed, random;
    uint64_t tag_last;
    uint64_t tags[BLOCKS]; /* as the guest sees them now */
    struct commit commits[COMMITS_MAX];
    size_t commit_count;
};

/** The first commit of a life is the overlay as it was found. */
static void life_begin(struct life *life) {
    life->commit_count = 1;
    memcpy(life->commits[0].tags, life->tags, sizeof life->tags);
    life->commits[0].begun = life->commits[0].done = 0;
}

/* -- What a guest does ------------------------------------------------------------------------- */

/* Few blocks, so that slots are used again and again; some at the seams of leaves. */
static uint64_t block_choose(struct life *life, uint64_t *count) {
    static const uint64_t places[] = {0, 250, 280};
    uint64_t block = places[random_below(&life->random, 3)] + random_below(&life->random, 12);
    *count = 1 + random_below(&life->random, 8);
    return block;
}

static bool write_some(struct life *life, struct overlay *overlay) {
    static uint8_t bytes[8 * BLOCK_BYTES];
    uint64_t count;
    uint64_t block = block_choose(life, &count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t tag = random_below(&life->random, 8) == 0 ? 0 : ++life->tag_last;
        tag_put(bytes + i * BLOCK_BYTES, tag);
        life->tags[block + i] = tag;
    }
    return overlay_write(overlay, block, count, bytes);
}

static bool zero_some(struct life *life, struct overlay *overlay) {
    uint64_t count;
    uint64_t block = block_choose(life, &count);
    if (random_below(&life->random, 8) == 0) {
        block = random_below(&life->random, 2) * 256;
        count = random_below(&life->random, 2) == 0 ? BLOCKS - block : 44;
    }
    memset(&life->tags[block], 0, count * sizeof life->tags[0]);
    return overlay_zero(overlay, block, count);
}

/** @param act  overlay_commit() or overlay_close(). */
static bool commit_some(struct life *life, const struct host *host, struct overlay *overlay,
                        bool (*act)(struct overlay *overlay)) {
    assert_true(life->commit_count < COMMITS_MAX);
    struct commit *commit = &life->commits[life->commit_count++];
    memcpy(commit->tags, life->tags, sizeof life->tags);
    commit->begun = host->change_count;
    commit->done = SIZE_MAX;
    if (!act(overlay)) {
        return false;
    }
    commit->done = host->change_count;
    return true;
}

/** @return false when the host has failed. */
static bool live(struct life *life, const struct host *host, struct overlay *overlay) {
    bool good = true;
    for (unsigned i = 0; good && i < STEPS; i++) {
        uint64_t what = random_below(&life->random, 16);
        good = what < 2   ? commit_some(life, host, overlay, overlay_commit)
               : what < 5 ? zero_some(life, overlay)
                          : write_some(life, overlay);
    }
    return good;
}

/* -- What is found afterwards ------------------------------------------------------------------ */

/** Are these the tags of a commit, as they may be after so many changes? */
static bool tags_lawful(const struct life *life, const uint64_t *tags, size_t change_count) {
    size_t last = 0;
    size_t size_bytes = sizeof life->tags;
    for (size_t i = 1; i < life->commit_count; i++) {
        last = life->commits[i].done <= change_count ? i : last;
    }
    if (memcmp(tags, life->commits[last].tags, size_bytes) == 0) {
        return true;
    }
    const struct commit *next = &life->commits[last + 1];
    return last + 1 < life->commit_count && next->begun < change_count &&
           memcmp(tags, next->tags, size_bytes) == 0;
}

/** Opens what a platter holds. @return Whether its blocks are those of a commit. */
static bool platter_holds(const struct platter *platter, struct life *life, size_t change_count,
                          char *why, size_t why_size) {
    uint64_t tags[BLOCKS];
    struct host host;
    struct store store;
    host_init(&host, platter->bytes, platter->size_bytes);
    host_open(&host, &store);
    struct overlay *overlay = overlay_open(&store, &identity);
    bool read = overlay != NULL && tags_read(overlay, tags, BLOCKS);
    bool good = read && tags_lawful(life, tags, change_count);
    snprintf(why, why_size, "%s", read ? "it holds something else" : store.failure.text);
    if (good) {
        memcpy(life->tags, tags, sizeof tags);
    }
    (void)overlay_close(overlay);
    store_close(&store);
    host_free(&host);
    return good;
}

/** The host stops after each of the changes in turn. @param found  What is there after the last. */
static void stop_everywhere(struct life *life, const struct host *host, struct platter *safe,
                            struct platter *found) {
    size_t synced = 0;
    char why[512];
    for (size_t count = 0; count <= host->change_count; count++) {
        if (count > 0 && host->changes[count - 1].kind == CHANGE_SYNC) {
            platter_lose(safe, host->changes + synced, count - synced, LUCK_ALL, &life->random);
            synced = count;
        }
        for (unsigned luck = 0; luck < LUCKS; luck++) {
            platter_copy(found, safe);
            platter_lose(found, host->changes + synced, count - synced, luck, &life->random);
            if (!platter_holds(found, life, count, why, sizeof why)) {
                fail_msg("stopped after change %zu of %zu, luck %u: %s; SANDGLASS_SEED=%" PRIu64,
                         count, host->change_count, luck, why, life->seed);
            }
        }
    }
}

/** A program's run, from what the host has now to its end, or to a call at which it is killed. */
static void run_live(struct life *life, struct host *host, bool killed) {
    struct store store;
    host_open(host, &store);
    struct overlay *overlay = overlay_open(&store, &identity);
    if (overlay == NULL || !tags_read(overlay, life->tags, BLOCKS) ||
        !tags_lawful(life, life->tags, host->change_count)) {
        fail_msg("between runs: %s; SANDGLASS_SEED=%" PRIu64, store.failure.text, life->seed);
    }
    /* What was under way when the last run was killed is done, or never will be. */
    life->commits[life->commit_count] =
        (struct commit){.begun = host->change_count, .done = host->change_count};
    memcpy(life->commits[life->commit_count++].tags, life->tags, sizeof life->tags);
    host->error = killed ? EIO : 0;
    host->syncs_only = random_below(&life->random, 2) == 0;
    host->calls_left = random_below(&life->random, host->syncs_only ? 8 : 120);
    if (live(life, host, overlay)) {
        (void)commit_some(life, host, overlay, overlay_close);
    } else {
        (void)overlay_close(overlay);
    }
    host->error = 0;
    store_close(&store);
}

/* Programs are killed, others begin, and the host goes on; then it stops, too. */
static void life_live(struct life *life, struct host *host) {
    unsigned runs = 1 + (unsigned)random_below(&life->random, 4);
    for (unsigned run = 0; run < runs; run++) {
        run_live(life, host, random_below(&life->random, 3) > 0);
    }
}

static void lives(uint64_t seed) {
    static struct life life;
    struct platter safe = {0};
    struct platter found = {0};
    struct host host;
    struct store store;
    life = (struct life){.seed = seed, .random = random_from(seed)};
    for (unsigned i = 0; i < BLOCKS; i++) {
        life.tags[i] = TAG_IMAGE;
    }
    host_init(&host, NULL, 0);
    host_open(&host, &store);
    struct overlay *made = overlay_new(&store, &identity, false);
    assert_non_null(made);
    store_fail(&store, STATUS_HOST_IO, "killed");
    (void)overlay_close(made);
    store_close(&store);
    platter_lose(&found, host.changes, host.change_count, LUCK_ALL, &life.random);
    host_free(&host);
    for (unsigned i = 0; i < LIVES; i++) {
        platter_copy(&safe, &found);
        host_init(&host, safe.bytes, safe.size_bytes);
        life_begin(&life);
        life_live(&life, &host);
        stop_everywhere(&life, &host, &safe, &found);
        host_free(&host);
    }
    free(safe.bytes);
    free(found.bytes);
}

static void test_hosts_that_stop(void **state) {
    (void)state;
    for (uint64_t i = 0; i < seed_count(4); i++) {
        lives(seed_first() + i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts_that_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
