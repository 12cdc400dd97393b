/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in the header of a log: all that shapes the run, and digests of the files it is made
 * of.
 *
 * A list of fields: tag, size, bytes. Options stand there as they were given, in order, and a
 * replay takes them once more by the same table; so what an option means is known in one place.
 * What was drawn from the host (--seed host, --rtc base=utc) stands there as the number that came
 * of it. Fields with a tag that is not known are an error: the header is what makes a replay the
 * same run, and half of it does not. */
#include "cli/cli.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field { FIELD_VERSION = 1, FIELD_SEED, FIELD_RTC, FIELD_OPTION, FIELD_FILE };
enum { ROLE_DRIVES = BOOT_ROLES, FIELD_HEAD_BYTES = 5 };
_Static_assert((int)RECORDED_FILES_MAX == BOOT_ROLES + DRIVES_MAX, "a role for each file");

/* -- The files --------------------------------------------------------------------------------- */

const char *recording_role_path(const struct run_options *options, unsigned role) {
    if (role < ROLE_DRIVES) {
        return boot_path(&options->machine, (enum boot_role)role);
    }
    unsigned idx = role - ROLE_DRIVES;
    return idx < options->drive_count ? options->drives[idx].disk.path : NULL;
}

const char *recording_role_option(unsigned role) {
    static const char *const names[] = {
        [BOOT_BIOS] = "--bios",     [BOOT_KERNEL] = "--kernel", [BOOT_ELF] = "--elf",
        [BOOT_INITRD] = "--initrd", [ROLE_DRIVES] = "--drive",
    };
    return names[min_u64(role, ROLE_DRIVES)];
}

static enum status role_digest(const struct run_options *options, unsigned role,
                               struct file_digest *digest, struct error *error) {
    struct error why;
    enum status status = file_digest(recording_role_path(options, role), digest, &why);
    return status == STATUS_OK
               ? STATUS_OK
               : error_set(error, status, "%s %s", recording_role_option(role), why.text);
}

/* -- Writing ----------------------------------------------------------------------------------- */

static bool field_put(struct recording *recording, enum field tag, const void *bytes,
                      size_t size_bytes) {
    uint8_t *at = recording->bytes + recording->size_bytes;
    if (size_bytes > sizeof recording->bytes - recording->size_bytes - FIELD_HEAD_BYTES) {
        return false;
    }
    uint32_t size = (uint32_t)size_bytes;
    at[0] = (uint8_t)tag;
    memcpy(at + 1, &size, sizeof size);
    memcpy(at + FIELD_HEAD_BYTES, bytes, size_bytes);
    recording->size_bytes += FIELD_HEAD_BYTES + size_bytes;
    return true;
}

static bool text_put(struct recording *recording, enum field tag, const char *text) {
    return field_put(recording, tag, text, strlen(text) + 1);
}

static bool option_put(struct recording *recording, const struct given *given) {
    char *joined = NULL;
    int length = asprintf(&joined, "%s%c%s", given->name, '\0', given->value);
    bool done = length >= 0 && field_put(recording, FIELD_OPTION, joined, (size_t)length + 1);
    free(length < 0 ? NULL : joined);
    return done;
}

static bool options_put(struct recording *recording, const struct run_options *options) {
    uint64_t seed = options->machine.seed;
    uint64_t rtc_ns = options->machine.rtc_base_ns;
    bool done = text_put(recording, FIELD_VERSION, SANDGLASS_VERSION) &&
                field_put(recording, FIELD_SEED, &seed, sizeof seed) &&
                field_put(recording, FIELD_RTC, &rtc_ns, sizeof rtc_ns);
    for (unsigned i = 0; done && i < options->given_count; i++) {
        done = option_put(recording, &options->given[i]);
    }
    return done;
}

/** A file's field: this, and its path. */
struct file_head {
    uint64_t role;
    struct file_digest digest;
};

/* By a path that leads there from any folder. */
static bool file_put(struct recording *recording, const struct file_head *head, const char *path) {
    char bytes[sizeof *head + PATH_MAX];
    if (realpath(path, bytes + sizeof *head) == NULL) {
        return false;
    }
    memcpy(bytes, head, sizeof *head);
    return field_put(recording, FIELD_FILE, bytes, sizeof *head + strlen(bytes + sizeof *head) + 1);
}

enum status recording_make(const struct run_options *options, struct recording *recording,
                           struct error *error) {
    recording->size_bytes = 0;
    bool done = options_put(recording, options);
    for (unsigned role = 0; done && role < RECORDED_FILES_MAX; role++) {
        struct file_head head = {.role = role};
        const char *path = recording_role_path(options, role);
        if (path == NULL) {
            continue;
        }
        if (role_digest(options, role, &head.digest, error) != STATUS_OK) {
            return error->status;
        }
        done = file_put(recording, &head, path);
    }
    return done ? STATUS_OK
                : error_set(error, STATUS_USAGE, "--log: the options are too long; shorten them");
}

/* -- Reading ----------------------------------------------------------------------------------- */

/** One field that lies in the header. */
struct field_at {
    enum field tag;
    const char *bytes;
    size_t size_bytes;
};

/** @return false at the end, or where it is no field: then the offset is not the size. */
static bool field_next(const struct recording *recording, size_t *offset, struct field_at *field) {
    uint32_t size;
    size_t left = recording->size_bytes - *offset;
    if (left < FIELD_HEAD_BYTES) {
        return false;
    }
    const uint8_t *at = recording->bytes + *offset;
    memcpy(&size, at + 1, sizeof size);
    if (size > left - FIELD_HEAD_BYTES) {
        return false;
    }
    *field = (struct field_at){(enum field)at[0],
                               (const char *)recording->bytes + *offset + FIELD_HEAD_BYTES, size};
    *offset += FIELD_HEAD_BYTES + size;
    return true;
}

static bool is_text(const struct field_at *field) {
    return field->size_bytes > 0 && field->bytes[field->size_bytes - 1] == '\0';
}

static bool file_take(struct recording *recording, const struct field_at *field) {
    struct file_head head;
    if (field->size_bytes <= sizeof head) {
        return false;
    }
    memcpy(&head, field->bytes, sizeof head);
    if (head.role >= RECORDED_FILES_MAX) {
        return false;
    }
    recording->files[head.role] = (struct recorded_file){field->bytes + sizeof head, head.digest};
    return true;
}

/** @return false: it is not what such a field may hold. */
static bool field_take(struct recording *recording, const struct field_at *field) {
    switch (field->tag) {
    case FIELD_VERSION:
        recording->version = field->bytes;
        return is_text(field);
    case FIELD_SEED:
        memcpy(&recording->seed, field->bytes, min_u64(field->size_bytes, 8));
        return field->size_bytes == 8;
    case FIELD_RTC:
        memcpy(&recording->rtc_base_ns, field->bytes, min_u64(field->size_bytes, 8));
        return field->size_bytes == 8;
    case FIELD_OPTION:
        if (!is_text(field) || strlen(field->bytes) + 2 > field->size_bytes ||
            recording->given_count == GIVEN_MAX) {
            return false;
        }
        recording->given[recording->given_count++] =
            (struct given){field->bytes, field->bytes + strlen(field->bytes) + 1};
        return true;
    case FIELD_FILE:
        return is_text(field) && file_take(recording, field);
    }
    return false;
}

enum status recording_read(const struct log *log, struct recording *recording,
                           struct error *error) {
    size_t size_bytes;
    const void *bytes = log_header(log, &size_bytes);
    *recording = (struct recording){.size_bytes = min_u64(size_bytes, sizeof recording->bytes)};
    memcpy(recording->bytes, bytes, recording->size_bytes);
    size_t offset = 0;
    struct field_at field;
    bool good = size_bytes <= sizeof recording->bytes;
    while (good && field_next(recording, &offset, &field)) {
        good = field_take(recording, &field);
    }
    if (recording->version != NULL && strcmp(recording->version, SANDGLASS_VERSION) != 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%.200s: was recorded by %.60s, and this is %s; replay it with that one",
                         log_name(log), recording->version, SANDGLASS_VERSION);
    }
    if (!good || offset != recording->size_bytes || recording->version == NULL) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%.200s: its header says what this program does not know; replay it with "
                         "the program that recorded it",
                         log_name(log));
    }
    return STATUS_OK;
}

void recording_place(const struct recording *recording, struct run_options *options) {
    const char **const boot[BOOT_ROLES] = {
        [BOOT_BIOS] = &options->machine.bios,
        [BOOT_KERNEL] = &options->machine.kernel,
        [BOOT_ELF] = &options->machine.elf,
        [BOOT_INITRD] = &options->machine.initrd,
    };
    for (unsigned role = 0; role < RECORDED_FILES_MAX; role++) {
        const char *path = recording->files[role].path;
        if (path != NULL && role < ROLE_DRIVES) {
            *boot[role] = path;
        } else if (path != NULL && role - ROLE_DRIVES < options->drive_count) {
            options->drives[role - ROLE_DRIVES].disk.path = path;
        }
    }
}

enum status recording_compare(const struct recording *recording, const struct run_options *options,
                              struct error *error) {
    for (unsigned role = 0; role < RECORDED_FILES_MAX; role++) {
        const struct recorded_file *file = &recording->files[role];
        const char *path = recording_role_path(options, role);
        struct file_digest now;
        if ((path == NULL) != (file->path == NULL)) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s: was recorded with%s such a file; drop what says otherwise",
                             recording_role_option(role), file->path == NULL ? "out" : "");
        }
        if (path == NULL) {
            continue;
        }
        if (role_digest(options, role, &now, error) != STATUS_OK) {
            return error->status;
        }
        if (now.size_bytes != file->digest.size_bytes ||
            memcmp(now.digest, file->digest.digest, sizeof now.digest) != 0) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s %.300s: is not the file that was recorded with: its contents have "
                             "changed; bring the old one back",
                             recording_role_option(role), path);
        }
    }
    return STATUS_OK;
}
