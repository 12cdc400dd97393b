/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks of every kind against a model in memory. */
#include "disk_test.h"

/* -- The model --------------------------------------------------------------------------------- */

enum kind { TEMPORARY, OVERLAY, PERSISTENT, KINDS };

static struct disk_options options_of(const struct folder *folder, enum kind kind) {
    return (struct disk_options){.path = folder->image,
                                 .persist = kind == PERSISTENT,
                                 .overlay = kind == OVERLAY ? folder->overlay : NULL};
}

/** A range of sectors: small ones, whole blocks, and now and then most of the disk. */
static void range_choose(uint64_t *random, size_t size_bytes, size_t *at, size_t *part) {
    uint64_t sectors = size_bytes / SECTOR_BYTES;
    static const uint64_t longest[] = {1, 8, 9, 64, 700, 1 << 20};
    uint64_t first = random_below(random, sectors);
    uint64_t most = longest[random_below(random, COUNT(longest))];
    uint64_t count = 1 + random_below(random, min_u64(most, sectors - first));
    if (random_below(random, 3) == 0) {
        first &= ~UINT64_C(7);
    }
    if (random_below(random, 16) == 0) {
        count = sectors - first;
    }
    *at = first * SECTOR_BYTES;
    *part = count * SECTOR_BYTES;
}

static void write_some(struct disk *disk, struct model *model, uint64_t *random) {
    size_t at, part;
    range_choose(random, model->size_bytes, &at, &part);
    if (random_below(random, 8) == 0) {
        memset(model->bytes + at, 0, part);
    } else {
        random_fill(random, model->bytes + at, part);
    }
    assert_true(disk_write(disk, at, model->bytes + at, part));
}

static void zero_some(struct disk *disk, struct model *model, uint64_t *random) {
    size_t at, part;
    range_choose(random, model->size_bytes, &at, &part);
    memset(model->bytes + at, 0, part);
    assert_true(disk_zero(disk, at, part));
}

static void read_some(struct disk *disk, const struct model *model, uint64_t *random) {
    size_t at, part;
    range_choose(random, model->size_bytes, &at, &part);
    uint8_t *bytes = malloc(part);
    assert_non_null(bytes);
    assert_true(disk_read(disk, at, bytes, part));
    assert_memory_equal(bytes, model->bytes + at, part);
    free(bytes);
}

static void live(const struct folder *folder, enum kind kind, size_t size_bytes, uint64_t seed) {
    enum { STEPS = 400 };
    uint64_t random = random_seed(seed);
    print_message("seed %" PRIu64 ", kind %d, %zu bytes\n", seed, kind, size_bytes);
    struct model model = model_new(folder->image, size_bytes, &random);
    struct model image = {malloc(size_bytes), size_bytes};
    struct disk_options options = options_of(folder, kind);
    struct disk *disk = disk_demand(&options);
    memcpy(image.bytes, model.bytes, size_bytes);
    for (unsigned step = 0; step < STEPS; step++) {
        switch (random_below(&random, 16)) {
        case 0:
            assert_true(disk_flush(disk));
            break;
        case 1:
            disk_finish(disk);
            disk = disk_demand(&options);
            if (kind == TEMPORARY) {
                memcpy(model.bytes, image.bytes, size_bytes);
            }
            model_matches(&model, disk);
            break;
        case 2:
        case 3:
            zero_some(disk, &model, &random);
            break;
        case 4:
        case 5:
        case 6:
            read_some(disk, &model, &random);
            break;
        default:
            write_some(disk, &model, &random);
        }
    }
    model_matches(&model, disk);
    disk_finish(disk);
    size_t now_bytes;
    uint8_t *now = bytes_load(folder->image, &now_bytes);
    assert_int_equal(now_bytes, size_bytes);
    assert_memory_equal(now, kind == PERSISTENT ? model.bytes : image.bytes, size_bytes);
    free(now);
    free(model.bytes);
    free(image.bytes);
    unlink(folder->overlay);
}

/* One sector, parts of a block, a leaf and a bit, and several leaves. */
static void test_disks_hold_what_was_written(void **state) {
    static const size_t sectors[] = {1, 7, 8, 9, 64, 2048, 2049, 9000};
    for (size_t i = 0; i < COUNT(sectors); i++) {
        for (enum kind kind = 0; kind < KINDS; kind++) {
            live(*state, kind, sectors[i] * SECTOR_BYTES, i);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        folder_test(test_disks_hold_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
