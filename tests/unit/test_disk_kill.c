/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that are killed while they write to an overlay: what they had flushed is there, and
 * nothing that they had not written; the image is as it was.
 *
 * SANDGLASS_SEED is the seed, SANDGLASS_ROUNDS says how many are killed. */
#include "disk_test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum { DISK_BYTES = 3 << 20, WRITE_BYTES_MAX = 128 << 10, LIFE_US_MAX = 20000 };

/** What the child tells while it lives: its steps, and those before the last flush that began and
 * the last that ended. */
struct diary {
    _Atomic uint64_t begun, done;
};

/* -- What the child does: a function of the seed and the step ---------------------------------- */

/** Does step @p step to the model, and to the disk if there is one. */
static bool step_take(uint64_t seed, uint64_t step, struct model *model, struct disk *disk) {
    uint64_t random = random_from(seed * 1000003 + step);
    uint64_t at = random_below(&random, DISK_BYTES / 512);
    uint64_t count = 1 + random_below(&random, WRITE_BYTES_MAX / 512);
    count = min_u64(count, DISK_BYTES / 512 - at);
    uint8_t *bytes = model->bytes + at * 512;
    if (random_below(&random, 4) == 0) {
        memset(bytes, 0, count * 512);
        return disk == NULL || disk_zero(disk, at * 512, count * 512);
    }
    for (uint64_t i = 0; i < count * 512; i += 8) {
        uint64_t word = random_next(&random);
        memcpy(bytes + i, &word, 8);
    }
    return disk == NULL || disk_write(disk, at * 512, bytes, count * 512);
}

static bool step_flushes(uint64_t seed, uint64_t step) {
    uint64_t random = random_from(seed * 7919 + step);
    return random_below(&random, 6) == 0;
}

static void child_live(const struct disk_options *options, uint64_t seed, struct model *model,
                       struct diary *diary) {
    struct error error;
    struct disk *disk = disk_open(options, &error);
    for (uint64_t step = 0; disk != NULL; step++) {
        if (!step_take(seed, step, model, disk)) {
            break;
        }
        if (step_flushes(seed, step)) {
            diary->begun = step + 1;
            if (!disk_flush(disk)) {
                break;
            }
            diary->done = step + 1;
        }
    }
    _exit(1); /* it never gets here */
}

/* -- What the parent finds --------------------------------------------------------------------- */

/** Takes the steps [from, to) in the model. */
static void model_move(struct model *model, uint64_t seed, uint64_t from, uint64_t to) {
    for (uint64_t step = from; step < to; step++) {
        (void)step_take(seed, step, model, NULL);
    }
}

/** Waits until a child has flushed, on however slow a host. */
static void flush_wait(const struct diary *diary) {
    enum { PATIENCE_MS = 60000 };
    for (unsigned i = 0; i < PATIENCE_MS && diary->done == 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/** Lets a child live for a random while; an even one, until it has flushed besides.
 * @return false when it ended by itself. */
static bool child_kill(const struct disk_options *options, uint64_t seed, struct model *model,
                       struct diary *diary, uint64_t *random) {
    diary->begun = diary->done = 0;
    struct timespec life = {.tv_nsec = (long)random_below(random, LIFE_US_MAX) * 1000};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        child_live(options, seed, model, diary);
    }
    if (seed % 2 == 0) {
        flush_wait(diary);
    }
    nanosleep(&life, NULL);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void test_killed_writers(void **state) {
    const struct folder *folder = *state;
    uint64_t seed = seed_first();
    uint64_t random = random_from(seed);
    struct model model = model_new(folder->image, DISK_BYTES, &random);
    uint8_t *image = malloc(DISK_BYTES);
    uint8_t *found = malloc(DISK_BYTES);
    struct diary *diary =
        mmap(NULL, sizeof *diary, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct disk_options options = {.path = folder->image, .overlay = folder->overlay};
    uint64_t flushes = 0;
    assert_true(image != NULL && found != NULL && diary != MAP_FAILED);
    memcpy(image, model.bytes, DISK_BYTES);
    for (uint64_t round = 0; round < seed_count(30); round++) {
        uint64_t child_seed = seed * 1000 + round;
        assert_true(child_kill(&options, child_seed, &model, diary, &random));
        flushes += diary->done > 0;
        struct disk *disk = disk_demand(&options);
        assert_true(disk_read(disk, 0, found, DISK_BYTES));
        model_move(&model, child_seed, 0, diary->done);
        bool same = memcmp(found, model.bytes, DISK_BYTES) == 0;
        if (!same && diary->begun > diary->done) {
            model_move(&model, child_seed, diary->done, diary->begun);
            same = memcmp(found, model.bytes, DISK_BYTES) == 0;
        }
        if (!same) {
            fail_msg("round %" PRIu64 ", flushed to step %" PRIu64 "; SANDGLASS_SEED=%" PRIu64,
                     round, (uint64_t)diary->done, seed);
        }
        disk_finish(disk);
    }
    size_t size_bytes;
    uint8_t *now = bytes_load(folder->image, &size_bytes);
    assert_int_equal(size_bytes, DISK_BYTES);
    assert_memory_equal(now, image, DISK_BYTES);
    assert_true(flushes >= seed_count(30) / 2);
    munmap(diary, sizeof *diary);
    free(now);
    free(found);
    free(image);
    free(model.bytes);
}

/* A kill while the overlay is being made leaves none, or an empty one. */
static void test_killed_makers(void **state) {
    const struct folder *folder = *state;
    uint64_t random = random_from(seed_first());
    struct model model = model_new(folder->image, DISK_BYTES, &random);
    const struct disk_options options = {.path = folder->image, .overlay = folder->overlay};
    for (uint64_t round = 0; round < seed_count(20); round++) {
        struct timespec life = {.tv_nsec = (long)random_below(&random, 3000000)};
        unlink(folder->overlay);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)disk_open(&options, &(struct error){0});
            pause();
        }
        nanosleep(&life, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        struct disk *disk = disk_demand(&options);
        model_matches(&model, disk);
        disk_finish(disk);
    }
    char command[PATH_MAX + 32];
    snprintf(command, sizeof command, "rm -f '%s'.??????", folder->overlay);
    assert_int_equal(system(command), 0);
    free(model.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        folder_test(test_killed_writers),
        folder_test(test_killed_makers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
