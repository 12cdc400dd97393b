/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --share, and QEMU's -virtfs for the same thing. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** UID or UID:GID, below 2^32 - 1, which stands for nobody. */
static bool owner_take(struct share_options *options, char *text) {
    char *colon = strchr(text, ':');
    uint64_t uid, gid;
    if (colon != NULL) {
        *colon = '\0';
    }
    if (!value_u64(text, &uid) || !value_u64(colon == NULL ? text : colon + 1, &gid) ||
        uid >= UINT32_MAX || gid >= UINT32_MAX) {
        return false;
    }
    options->uid = (uint32_t)uid;
    options->gid = (uint32_t)gid;
    return true;
}

static bool tag_take(struct shared *shared, const char *tag) {
    shared->folder.tag = tag;
    return tag[0] != '\0' && strlen(tag) <= VIRTIO_9P_TAG_MAX;
}

static bool path_take(struct shared *shared, const char *path) {
    shared->options.path = path;
    return path[0] != '\0';
}

/** One word of --share. */
static bool word_take(struct shared *shared, char *word) {
    char *value = strchr(word, '=');
    value = value == NULL ? word : value + 1;
    if (value_of(word, "path") != NULL) {
        return path_take(shared, value);
    }
    if (value_of(word, "tag") != NULL) {
        return tag_take(shared, value);
    }
    if (value_of(word, "owner") != NULL) {
        return owner_take(&shared->options, value);
    }
    if (strcmp(word, "rw") == 0 || strcmp(word, "ro") == 0) {
        shared->options.writable = strcmp(word, "rw") == 0;
        return true;
    }
    bool mmio = strcmp(word, "bus=mmio") == 0;
    shared->folder.transport = mmio ? TRANSPORT_MMIO : TRANSPORT_PCI;
    return mmio || strcmp(word, "bus=pci") == 0;
}

/** One word of -virtfs, where a folder is writable unless it is said not to be. */
static bool qemu_word_take(struct shared *shared, char *word) {
    static const char *const same[] = {"local", "readonly=off", "security_model=none"};
    const char *tag = value_of(word, "mount_tag");
    if (tag != NULL) {
        return tag_take(shared, tag);
    }
    if (value_of(word, "path") != NULL) {
        return word_take(shared, word);
    }
    if (strcmp(word, "readonly=on") == 0 || strcmp(word, "readonly") == 0) {
        shared->options.writable = false;
        return true;
    }
    for (size_t i = 0; i < COUNT(same); i++) {
        if (strcmp(word, same[i]) == 0) {
            return true;
        }
    }
    return value_of(word, "id") != NULL;
}

static enum status shared_check(const struct run_options *options, const struct shared *shared,
                                struct error *error) {
    if (shared->options.path == NULL || shared->folder.tag == NULL) {
        return error_set(error, STATUS_USAGE, "--share: give both path=DIR and tag=NAME");
    }
    for (const struct shared *other = options->shared; other < shared; other++) {
        if (strcmp(other->folder.tag, shared->folder.tag) == 0) {
            return error_set(error, STATUS_USAGE, "--share: tag=%s is taken; choose another",
                             shared->folder.tag);
        }
    }
    return STATUS_OK;
}

enum status share_parse(const char *value, bool qemu, struct run_options *options,
                        struct error *error) {
    struct shared *shared = &options->shared[options->share_count];
    if (options->share_count == SHARES_MAX) {
        return error_set(error, STATUS_USAGE,
                         "--share: more than %d; share a folder that holds some", SHARES_MAX);
    }
    options->share_count++;
    shared->options.writable = qemu;
    shared->text = strdup(value);
    if (shared->text == NULL) {
        return error_set(error, STATUS_USAGE, "--share: out of memory");
    }
    char *list = shared->text;
    for (char *word = value_cut(&list); word != NULL; word = value_cut(&list)) {
        if (!(qemu ? qemu_word_take(shared, word) : word_take(shared, word))) {
            return error_set(
                error, STATUS_USAGE, "--%s %.100s: use %s", qemu ? "virtfs" : "share", value,
                qemu ? "local,path=DIR,mount_tag=NAME,security_model=none[,readonly=on]"
                     : "path=DIR,tag=NAME[,rw][,owner=UID[:GID]][,bus=pci|mmio], with a NAME of at "
                       "most 31 characters");
        }
    }
    return shared_check(options, shared, error);
}

enum status shares_open(struct run_options *options, struct error *error) {
    options->machine.shares = options->outside.shares;
    for (unsigned i = 0; i < options->share_count; i++) {
        struct shared_folder *folder = &options->outside.shares[i];
        *folder = options->shared[i].folder;
        bool replays = options->command == COMMAND_REPLAY;
        folder->share = replays ? share_hollow() : share_open(&options->shared[i].options, error);
        if (folder->share == NULL) {
            return replays ? error_set(error, STATUS_USAGE, "--share: out of memory")
                           : error->status;
        }
        options->machine.share_count = i + 1;
    }
    return STATUS_OK;
}
