/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks of every kind against a model in memory. */
#include "disk_test.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <xxhash.h>

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
    uint64_t random = random_from(seed);
    print_message("SANDGLASS_SEED=%" PRIu64 ", kind %d, %zu bytes\n", seed, kind, size_bytes);
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
    for (uint64_t round = 0; round < seed_count(1); round++) {
        for (size_t i = 0; i < COUNT(sectors); i++) {
            for (enum kind kind = 0; kind < KINDS; kind++) {
                live(*state, kind, sectors[i] * SECTOR_BYTES, seed_first() + round);
            }
        }
    }
}

/* -- Opening ----------------------------------------------------------------------------------- */

enum { IMAGE_BYTES = 3 << 20 };

static struct model sample(const struct folder *folder) {
    uint64_t random = random_from(1);
    return model_new(folder->image, IMAGE_BYTES, &random);
}

static void test_contradictions(void **state) {
    const struct folder *folder = *state;
    disk_refused(&(struct disk_options){.path = folder->image, .read_only = true, .persist = true},
                 STATUS_USAGE, "read-only");
    disk_refused(&(struct disk_options){.path = folder->image,
                                        .read_only = true,
                                        .overlay = folder->overlay},
                 STATUS_USAGE, "read-only");
    disk_refused(
        &(struct disk_options){.path = folder->image, .persist = true, .overlay = folder->overlay},
        STATUS_USAGE, "choose one");
}

static void test_what_is_no_image(void **state) {
    const struct folder *folder = *state;
    const struct disk_options options = {.path = folder->image};
    disk_refused(&options, STATUS_BAD_INPUT, "No such file");
    bytes_save(folder->image, "", 0);
    disk_refused(&options, STATUS_BAD_INPUT, "has 0 bytes");
    bytes_save(folder->image, folder, 511);
    disk_refused(&options, STATUS_BAD_INPUT, "has 511 bytes, which is no multiple of 512");
    disk_refused(&(struct disk_options){.path = folder->path}, STATUS_BAD_INPUT, "is no file");
}

static void test_other_formats(void **state) {
    const struct folder *folder = *state;
    static const struct {
        size_t at;
        const char *magic, *says;
    } formats[] = {
        {0, "QFI\xfb", "qcow2 image, and only raw ones are read; convert it with 'qemu-img"},
        {0, "KDMV", "vmdk image"},
        {0, "# Disk DescriptorFile", "vmdk image"},
        {64, "\x7f\x10\xda\xbe", "vdi image"},
        {0, "vhdxfile", "vhdx image"},
        {0, "conectix", "vpc image"},
        {65536 - 512, "conectix", "vpc image"},
        {65536 - 512, "koly", "dmg image"},
        {0, "WithoutFreeSpace", "parallels image"},
        {0, "\x1f\x8b\x08", "packed; unpack it with gunzip"},
        {0,
         "\xfd"
         "7zXZ",
         "packed; unpack it with unxz"},
        {0, "\x28\xb5\x2f\xfd", "packed; unpack it with unzstd"},
    };
    for (size_t i = 0; i < COUNT(formats); i++) {
        uint8_t bytes[65536] = {0};
        memcpy(bytes + formats[i].at, formats[i].magic, strlen(formats[i].magic));
        bytes_save(folder->image, bytes, sizeof bytes);
        disk_refused(&(struct disk_options){.path = folder->image}, STATUS_BAD_INPUT,
                     formats[i].says);
        disk_finish(disk_demand(&(struct disk_options){.path = folder->image, .raw = true}));
    }
}

static void test_read_only(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    struct disk *disk =
        disk_demand(&(struct disk_options){.path = folder->image, .read_only = true});
    assert_true(disk_read_only(disk));
    model_matches(&model, disk);
    assert_true(disk_flush(disk));
    disk_finish(disk);
    free(model.bytes);
}

/* Who writes an image or an overlay has it alone; who reads an image shares it with readers. */
static void test_locks(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    const struct disk_options temporary = {.path = folder->image};
    const struct disk_options persistent = {.path = folder->image, .persist = true};
    const struct disk_options read_only = {.path = folder->image, .read_only = true};
    const struct disk_options kept = {.path = folder->image, .overlay = folder->overlay};
    struct disk *reader = disk_demand(&read_only);
    struct disk *other = disk_demand(&temporary);
    disk_refused(&persistent, STATUS_HOST_IO, "in use by another run");
    disk_finish(reader);
    disk_finish(other);
    struct disk *writer = disk_demand(&persistent);
    disk_refused(&persistent, STATUS_HOST_IO, "in use by another run");
    disk_refused(&read_only, STATUS_HOST_IO, "in use by another run that writes to it");
    disk_refused(&temporary, STATUS_HOST_IO, "in use by another run that writes to it");
    disk_finish(writer);
    writer = disk_demand(&kept);
    disk_refused(&kept, STATUS_HOST_IO, "in use by another run");
    disk_finish(writer);
    disk_refused(&(struct disk_options){.path = folder->image, .overlay = folder->image},
                 STATUS_USAGE, "is the image itself");
    free(model.bytes);
}

/* -- Overlays and their images ----------------------------------------------------------------- */

/* What stands at the ends of an image is known byte by byte, the rest by samples. */
static void test_overlay_knows_its_image(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    const struct disk_options kept = {.path = folder->image, .overlay = folder->overlay};
    disk_finish(disk_demand(&kept));
    static const size_t places[] = {0, 1000000, IMAGE_BYTES - 1, IMAGE_BYTES - 65536,
                                    IMAGE_BYTES / 256 * 200};
    for (size_t i = 0; i < COUNT(places); i++) {
        model.bytes[places[i]] ^= 1;
        bytes_save(folder->image, model.bytes, IMAGE_BYTES);
        disk_refused(&kept, STATUS_BAD_INPUT, "its image was changed since");
        model.bytes[places[i]] ^= 1;
    }
    bytes_save(folder->image, model.bytes, IMAGE_BYTES - 512);
    disk_refused(&kept, STATUS_BAD_INPUT, "belongs to an image of 3145728 bytes");
    bytes_save(folder->image, model.bytes, IMAGE_BYTES);
    disk_finish(disk_demand(&kept));
    free(model.bytes);
}

/* An overlay that is made has its name once it is whole, and has only that one. */
static void test_overlay_is_made(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    struct stat stat_made;
    mode_t mask = umask(027);
    struct disk *disk =
        disk_demand(&(struct disk_options){.path = folder->image, .overlay = folder->overlay});
    umask(mask);
    assert_int_equal(stat(folder->overlay, &stat_made), 0);
    assert_int_equal(stat_made.st_mode & 0777, 0640);
    disk_finish(disk);
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/none/overlay", folder->path);
    disk_refused(&(struct disk_options){.path = folder->image, .overlay = path}, STATUS_HOST_IO,
                 "cannot be made as an overlay");
    disk_refused(&(struct disk_options){.path = folder->image, .overlay = folder->path},
                 STATUS_BAD_INPUT, "cannot be opened as an overlay");
    free(model.bytes);
}

static int entry_counts(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int entry_count(const char *path) {
    struct dirent **entries;
    int count = scandir(path, &entries, entry_counts, NULL);
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
    return count;
}

/** Sets TMPDIR. @return What it was, for the next call, which frees it. */
static char *tmpdir_set(const char *path, char *before) {
    const char *now = getenv("TMPDIR");
    char *kept = now == NULL ? NULL : strdup(now);
    assert_int_equal(path == NULL ? unsetenv("TMPDIR") : setenv("TMPDIR", path, 1), 0);
    free(before);
    return kept;
}

static void test_temporary_leaves_nothing(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/none", folder->path);
    char *before = tmpdir_set(path, NULL);
    disk_refused(&(struct disk_options){.path = folder->image}, STATUS_HOST_IO, "in TMPDIR");
    free(tmpdir_set(folder->path, NULL));
    struct disk *disk = disk_demand(&(struct disk_options){.path = folder->image});
    memset(model.bytes, 3, 100000 / 512 * 512);
    assert_true(disk_write(disk, 0, model.bytes, 100000 / 512 * 512));
    assert_int_equal(entry_count(folder->path), 1); /* the image */
    model_matches(&model, disk);
    disk_finish(disk);
    assert_int_equal(entry_count(folder->path), 1);
    free(tmpdir_set(before, before));
    free(model.bytes);
}

/* -- Twins ------------------------------------------------------------------------------------- */

static void test_twin(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    struct error error = {0};
    uint8_t *before = malloc(IMAGE_BYTES);
    assert_non_null(before);
    memcpy(before, model.bytes, IMAGE_BYTES);
    struct disk *disk = disk_demand(&(struct disk_options){.path = folder->image});
    memset(model.bytes + 4096, 1, 8192);
    assert_true(disk_write(disk, 4096, model.bytes + 4096, 8192));
    struct disk *twin = disk_twin(disk, &error);
    assert_non_null(twin);
    model_matches(&(struct model){before, IMAGE_BYTES}, twin);
    assert_true(disk_zero(twin, 0, 4096));
    model_matches(&model, disk);
    disk_finish(disk);
    memset(before, 0, 4096);
    model_matches(&(struct model){before, IMAGE_BYTES}, twin);
    disk_refused(&(struct disk_options){.path = folder->image, .persist = true}, STATUS_HOST_IO,
                 "in use"); /* the twin's lock */
    disk_finish(twin);
    const struct disk_options writers[] = {
        {.path = folder->image, .persist = true},
        {.path = folder->image, .overlay = folder->overlay},
    };
    for (size_t i = 0; i < COUNT(writers); i++) {
        disk = disk_demand(&writers[i]);
        assert_null(disk_twin(disk, &error));
        assert_int_equal(error.status, STATUS_USAGE);
        assert_non_null(strstr(error.text, "drop persist or overlay"));
        disk_finish(disk);
    }
    disk = disk_demand(&(struct disk_options){.path = folder->image, .read_only = true});
    twin = disk_twin(disk, &error);
    assert_non_null(twin);
    assert_true(disk_read_only(twin));
    disk_finish(disk);
    disk_finish(twin);
    free(before);
    free(model.bytes);
}

/* -- Hosts that fail --------------------------------------------------------------------------- */

/** Files may grow to so many bytes. */
static void room_set(rlim_t size_bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size_bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The host is full: what was flushed is there once there is room again. */
static void test_full_host(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    const struct disk_options options = {.path = folder->image, .overlay = folder->overlay};
    struct error error = {0};
    struct disk *disk = disk_demand(&options);
    uint64_t random = random_from(2);
    random_fill(&random, model.bytes, 1 << 20);
    assert_true(disk_write(disk, 0, model.bytes, 1 << 20));
    assert_true(disk_flush(disk));
    assert_false(disk_failed(disk, &error));
    signal(SIGXFSZ, SIG_IGN);
    room_set(2 << 20);
    uint8_t *more = malloc(2 << 20);
    assert_non_null(more);
    random_fill(&random, more, 2 << 20);
    assert_false(disk_write(disk, 1 << 19, more, 2 << 20));
    assert_true(disk_failed(disk, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_non_null(strstr(error.text, "(File too large); make room for it"));
    room_set(RLIM_INFINITY);
    assert_false(disk_write(disk, 0, more, 512));
    assert_false(disk_zero(disk, 0, 512));
    assert_false(disk_read(disk, 0, more, 512));
    assert_false(disk_flush(disk));
    assert_false(disk_close(disk, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    disk = disk_demand(&options);
    model_matches(&model, disk);
    disk_finish(disk);
    free(more);
    free(model.bytes);
}

static void test_full_host_of_a_temporary_disk(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    struct error error = {0};
    struct disk *disk = disk_demand(&(struct disk_options){.path = folder->image});
    signal(SIGXFSZ, SIG_IGN);
    room_set(1 << 20);
    assert_false(disk_write(disk, 0, model.bytes, IMAGE_BYTES / 3));
    room_set(RLIM_INFINITY);
    assert_true(disk_failed(disk, &error));
    assert_non_null(strstr(error.text, "temporary overlay in TMPDIR, "));
    assert_false(disk_close(disk, &error));
    free(model.bytes);
}

static void test_image_that_shrinks(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    struct error error = {0};
    uint8_t bytes[512];
    struct disk *disk = disk_demand(&(struct disk_options){.path = folder->image});
    assert_int_equal(truncate(folder->image, 4096), 0);
    assert_true(disk_read(disk, 0, bytes, sizeof bytes));
    assert_false(disk_read(disk, 8192, bytes, sizeof bytes));
    assert_true(disk_failed(disk, &error));
    assert_non_null(strstr(error.text, "ends at offset 8192"));
    assert_false(disk_read(disk, 0, bytes, sizeof bytes));
    assert_false(disk_close(disk, &error));
    free(model.bytes);
}

/* A block of the overlay that has rotted is never handed out. */
static void test_rotten_block(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    const struct disk_options options = {.path = folder->image, .overlay = folder->overlay};
    struct error error = {0};
    struct disk *disk = disk_demand(&options);
    assert_true(disk_write(disk, 8192, model.bytes, 8192));
    disk_finish(disk);
    size_t size_bytes;
    uint8_t *bytes = bytes_load(folder->overlay, &size_bytes);
    bytes[2 * SLOT_BYTES + 5000] ^= 4; /* the second of the two */
    bytes_save(folder->overlay, bytes, size_bytes);
    disk = disk_demand(&options);
    assert_true(disk_read(disk, 8192, bytes, 4096));
    assert_false(disk_failed(disk, &error));
    assert_false(disk_read(disk, 13312, bytes, 512));
    assert_true(disk_failed(disk, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "damaged at offset 12288"));
    assert_false(disk_close(disk, &error));
    free(bytes);
    free(model.bytes);
}

/* -- State ------------------------------------------------------------------------------------- */

static void digest_put(void *owner, const void *bytes, size_t size_bytes) {
    uint64_t *digest = owner;
    *digest = XXH3_64bits_withSeed(bytes, size_bytes, *digest);
}

static uint64_t state_of(struct disk *disk) {
    uint64_t digest = 0;
    disk_state(disk, &(struct stream){.put = digest_put, .owner = &digest});
    return digest;
}

/* It is of the same blocks, wherever they lie; of those that were not written, none. */
static void test_state(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    uint64_t fresh[KINDS], written[KINDS];
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct disk_options options = options_of(folder, kind);
        struct disk *disk = disk_demand(&options);
        fresh[kind] = state_of(disk);
        assert_true(disk_write(disk, 5 * 512, model.bytes, 512));
        assert_true(state_of(disk) != fresh[kind]);
        assert_true(disk_zero(disk, 4096 * 8, 4096 * 90));
        assert_true(disk_write(disk, 4096 * 10, model.bytes, 4096));
        written[kind] = state_of(disk);
        assert_true(disk_flush(disk));
        assert_true(state_of(disk) == written[kind]);
        disk_finish(disk);
        if (kind == OVERLAY) {
            disk = disk_demand(&options); /* its life goes on */
            assert_true(state_of(disk) == written[kind]);
            disk_finish(disk);
        }
    }
    assert_true(fresh[TEMPORARY] == fresh[OVERLAY]);
    assert_true(written[TEMPORARY] == written[OVERLAY]);
    assert_true(written[TEMPORARY] == written[PERSISTENT]);
    free(model.bytes);
}

/* -- Marks ------------------------------------------------------------------------------------- */

enum { MARKS = 5 };

/** What the disk held at each mark. */
struct marks {
    uint8_t *bytes[MARKS];
    uint64_t states[MARKS];
    size_t count;
};

static void mark_drop(struct marks *marks, size_t idx) {
    free(marks->bytes[idx]);
    marks->count--;
    for (size_t i = idx; i < marks->count; i++) {
        marks->bytes[i] = marks->bytes[i + 1];
        marks->states[i] = marks->states[i + 1];
    }
}

static void marks_act(struct disk *disk, struct model *model, struct marks *marks,
                      uint64_t *random) {
    uint64_t choice = random_below(random, 16);
    size_t idx = marks->count == 0 ? 0 : random_below(random, marks->count);
    if (choice < 4 && marks->count < MARKS) {
        assert_true(disk_mark(disk));
        marks->bytes[marks->count] = malloc(model->size_bytes);
        assert_non_null(marks->bytes[marks->count]);
        memcpy(marks->bytes[marks->count], model->bytes, model->size_bytes);
        marks->states[marks->count++] = state_of(disk);
    } else if (choice < 6 && marks->count > 0) {
        assert_true(disk_back(disk, idx));
        while (marks->count > idx + 1) {
            mark_drop(marks, marks->count - 1);
        }
        memcpy(model->bytes, marks->bytes[idx], model->size_bytes);
        assert_true(state_of(disk) == marks->states[idx]);
    } else if (choice < 8 && marks->count > 0) {
        disk_forget(disk, idx);
        mark_drop(marks, idx);
        assert_true(disk_marked(disk) == (marks->count > 0));
    } else if (choice < 10) {
        zero_some(disk, model, random);
    } else {
        write_some(disk, model, random);
    }
}

/* Wherever the disk goes back to, it holds what it did, and its state is what it was. */
static void test_marks(void **state) {
    const struct folder *folder = *state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct model model = sample(folder);
        struct disk_options options = options_of(folder, kind);
        struct disk *disk = disk_demand(&options);
        struct marks marks = {.count = 0};
        uint64_t random = 77 + (uint64_t)kind;
        assert_true(disk_can_mark(disk) == (kind != PERSISTENT));
        for (unsigned i = 0; disk_can_mark(disk) && i < 2000; i++) {
            marks_act(disk, &model, &marks, &random);
            read_some(disk, &model, &random);
        }
        while (marks.count > 0) {
            mark_drop(&marks, marks.count - 1);
        }
        disk_finish(disk);
        free(model.bytes);
    }
}

/* -- Changes ----------------------------------------------------------------------------------- */

static void changes_move(struct disk *from, struct disk *to) {
    struct buffer changes = {0};
    struct stream told = buffer_tell(&changes);
    disk_changes(from, &told);
    struct stream set = buffer_set(&changes);
    disk_changes(to, &set);
    assert_true(stream_sound(&set));
    assert_int_equal(changes.taken_bytes, changes.size_bytes);
    buffer_free(&changes);
}

/* A disk that gets all changes of another holds what that one does, though it goes back in time. */
static void test_changes(void **state) {
    const struct folder *folder = *state;
    struct model model = sample(folder);
    struct disk_options options = options_of(folder, TEMPORARY);
    struct disk *disk = disk_demand(&options);
    struct disk *other = disk_demand(&options);
    struct marks marks = {.count = 0};
    uint64_t random = random_from(seed_first());
    assert_true(disk_follow(disk));
    for (unsigned i = 0; i < 3000; i++) {
        marks_act(disk, &model, &marks, &random);
        if (random_below(&random, 20) == 0) {
            changes_move(disk, other);
            assert_true(state_of(other) == state_of(disk));
            read_some(other, &model, &random);
        }
    }
    while (marks.count > 0) {
        mark_drop(&marks, marks.count - 1);
    }
    disk_finish(other);
    disk_finish(disk);
    free(model.bytes);
}

/* -- Large disks ------------------------------------------------------------------------------- */

static void test_large_image(void **state) {
    const struct folder *folder = *state;
    const uint64_t size_bytes = (UINT64_C(1) << 40) + 512;
    uint8_t bytes[512];
    uint8_t wanted[512];
    memset(wanted, 9, sizeof wanted);
    bytes_save(folder->image, "", 0);
    assert_int_equal(truncate(folder->image, (off_t)size_bytes), 0);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct disk_options options = options_of(folder, kind);
        struct disk *disk = disk_demand(&options);
        assert_int_equal(disk_sectors(disk), size_bytes / 512);
        assert_true(disk_zero(disk, 512, size_bytes - 512));
        assert_true(disk_write(disk, size_bytes - 512, wanted, 512));
        assert_true(disk_flush(disk));
        assert_true(disk_read(disk, size_bytes - 512, bytes, 512));
        assert_memory_equal(bytes, wanted, 512);
        if (kind != PERSISTENT) {
            (void)state_of(disk);
        }
        disk_finish(disk);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        folder_test(test_disks_hold_what_was_written),
        folder_test(test_contradictions),
        folder_test(test_what_is_no_image),
        folder_test(test_other_formats),
        folder_test(test_read_only),
        folder_test(test_locks),
        folder_test(test_overlay_knows_its_image),
        folder_test(test_overlay_is_made),
        folder_test(test_temporary_leaves_nothing),
        folder_test(test_twin),
        folder_test(test_full_host),
        folder_test(test_full_host_of_a_temporary_disk),
        folder_test(test_image_that_shrinks),
        folder_test(test_rotten_block),
        folder_test(test_state),
        folder_test(test_marks),
        folder_test(test_changes),
        folder_test(test_large_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
