/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --drive: disks, in QEMU's words where these mean the same. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { SERIAL_CHARS_MAX = 20 };
#define LATENCY_MAX_NS UINT64_C(1000000000)

/* -- Words ------------------------------------------------------------------------------------- */

struct word;
/** @param value  NULL: none was given. @return Is it good? */
typedef bool word_fn(struct drive_options *options, const struct word *word, const char *value);

/** What may stand between two commas. */
struct word {
    const char *name;
    const char *accepted; /* as an error says it */
    word_fn *take;
    size_t offset; /* of the field in struct drive_options */
};

static bool take_path(struct drive_options *options, const struct word *word, const char *value) {
    memcpy((char *)options + word->offset, &value, sizeof value);
    return value != NULL && value[0] != '\0';
}

static bool take_serial(struct drive_options *options, const struct word *word, const char *value) {
    return take_path(options, word, value) && strlen(value) <= SERIAL_CHARS_MAX;
}

static bool take_switch(struct drive_options *options, const struct word *word, const char *value) {
    bool on = value == NULL || strcmp(value, "on") == 0;
    memcpy((char *)options + word->offset, &on, sizeof on);
    return on || strcmp(value, "off") == 0;
}

/* QEMU's means that writes go to the image, which nobody shall get by accident. */
static bool take_snapshot(struct drive_options *options, const struct word *word,
                          const char *value) {
    return take_switch(options, word, value) && options->snapshot;
}

static bool take_raw(struct drive_options *options, const struct word *word, const char *value) {
    (void)word;
    options->disk.raw = value != NULL && strcmp(value, "raw") == 0;
    return options->disk.raw;
}

static bool take_latency(struct drive_options *options, const struct word *word,
                         const char *value) {
    uint64_t ns = 0;
    (void)word;
    bool good = value != NULL && value_u64(value, &ns) && ns <= LATENCY_MAX_NS;
    options->drive.latency_ns = (vtime)ns;
    return good;
}

static bool take_bus(struct drive_options *options, const struct word *word, const char *value) {
    (void)word;
    bool mmio = value != NULL && strcmp(value, "mmio") == 0;
    options->drive.transport = mmio ? TRANSPORT_MMIO : TRANSPORT_PCI;
    return mmio || (value != NULL && strcmp(value, "pci") == 0);
}

/** Changes nothing, but has to be one of the words that are accepted. */
static bool take_same(struct drive_options *options, const struct word *word, const char *value) {
    const char *list = word->accepted;
    char choice[32];
    bool found = false;
    (void)options;
    while (value != NULL && !found && value_word(&list, choice, sizeof choice)) {
        found = strcmp(value, choice) == 0;
    }
    return found;
}

static bool take_any(struct drive_options *options, const struct word *word, const char *value) {
    (void)options;
    (void)word;
    return value != NULL;
}

#define FIELD(field) offsetof(struct drive_options, field)

static const struct word words[] = {
    {"file", "the path of a raw image", take_path, FIELD(disk.path)},
    {"overlay", "the path of a file for writes", take_path, FIELD(disk.overlay)},
    {"persist", "on or off", take_switch, FIELD(disk.persist)},
    {"ro", "on or off", take_switch, FIELD(disk.read_only)},
    {"readonly", "on or off", take_switch, FIELD(disk.read_only)},
    {"read-only", "on or off", take_switch, FIELD(disk.read_only)},
    {"snapshot", "persist to let writes go to the image", take_snapshot, FIELD(snapshot)},
    {"format", "raw, after 'qemu-img convert -O raw'", take_raw, 0},
    {"latency", "0 to 1000000000 ns", take_latency, 0},
    {"bus", "pci or mmio", take_bus, 0},
    {"serial", "1 to 20 characters", take_serial, FIELD(drive.serial)},
    {"id", "a name", take_any, 0},
    {"if", "virtio", take_same, 0},
    {"media", "disk", take_same, 0},
    {"cache", "writeback,none,unsafe", take_same, 0},
    {"aio", "threads,native,io_uring", take_same, 0},
    {"discard", "unmap,on", take_same, 0},
};

/* -- Parsing ----------------------------------------------------------------------------------- */

static const struct word *word_find(const char *name, struct error *error) {
    const char *names[COUNT(words) + 1] = {NULL};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(name, words[i].name) == 0) {
            return &words[i];
        }
        names[i] = words[i].name;
    }
    const char *near = value_near(name, names);
    if (near == NULL) {
        error_set(error, STATUS_USAGE,
                  "--drive: unknown '%.60s'; see sandglass(1) for what it takes", name);
    } else {
        error_set(error, STATUS_USAGE, "--drive: unknown '%.60s'; did you mean %s?", name, near);
    }
    return NULL;
}

static enum status word_take(char *text, struct drive_options *options, bool *seen,
                             struct error *error) {
    char *equals = strchr(text, '=');
    if (equals != NULL) {
        *equals = '\0';
    }
    const struct word *word = word_find(text, error);
    if (word == NULL) {
        return error->status;
    }
    if (seen[word - words]) {
        return error_set(error, STATUS_USAGE, "--drive: %s= is given twice; keep one", word->name);
    }
    seen[word - words] = true;
    const char *value = equals == NULL ? NULL : equals + 1;
    if (!word->take(options, word, value)) {
        return error_set(error, STATUS_USAGE, "--drive %s%s%.100s: use %s", word->name,
                         value == NULL ? "" : "=", value == NULL ? "" : value, word->accepted);
    }
    return STATUS_OK;
}

static enum status drive_check(const struct drive_options *options, struct error *error) {
    if (options->disk.path == NULL) {
        return error_set(error, STATUS_USAGE, "--drive: names no image; give file=IMAGE");
    }
    if (options->snapshot && (options->disk.persist || options->disk.overlay != NULL)) {
        return error_set(error, STATUS_USAGE,
                         "--drive: snapshot=on forgets all writes at the end; drop it, or persist "
                         "and overlay");
    }
    return STATUS_OK;
}

enum status drive_parse(const char *value, struct drive_options *options, struct error *error) {
    bool seen[COUNT(words)] = {false};
    options->text = strdup(value);
    options->drive = (struct drive){.latency_ns = DISK_LATENCY_DEFAULT_NS, .serial = ""};
    if (options->text == NULL) {
        return error_set(error, STATUS_USAGE, "--drive: out of memory");
    }
    char *list = options->text;
    enum status status = STATUS_OK;
    for (char *text = value_cut(&list); status == STATUS_OK && text != NULL;
         text = value_cut(&list)) {
        status = word_take(text, options, seen, error);
    }
    return status == STATUS_OK ? drive_check(options, error) : status;
}

/* -- Opening ----------------------------------------------------------------------------------- */

enum status drives_open(struct run_options *options, struct error *error) {
    for (unsigned i = 0; i < options->drive_count; i++) {
        options->disks[i] = options->drives[i].drive;
        options->disks[i].disk = disk_open(&options->drives[i].disk, error);
        if (options->disks[i].disk == NULL) {
            return error->status;
        }
        options->machine.drive_count = i + 1;
    }
    options->machine.drives = options->disks;
    return STATUS_OK;
}

enum status drives_close(struct run_options *options, struct error *error) {
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < options->machine.drive_count; i++) {
        struct disk *disk = options->disks[i].disk;
        struct error failure;
        bool told = disk_failed(disk, &failure);
        if (!disk_close(disk, &failure) && !told) {
            *error = failure;
            status = error->status;
        }
    }
    return status;
}
