/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No file of the host can be named any more, but those in folders that the guest shares.
 *
 * Landlock is the kernel's own check of paths, per process, without privileges. Files that are open
 * stay so. It has grown with time, so each version of it is asked for all that it knows of. The
 * C library has no functions for it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"

/* All rights that versions 1, 2, ... know; later ones know no less than the last. */
static const uint64_t rights_known[] = {0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff};

static const uint64_t RIGHTS_FILE = LANDLOCK_ACCESS_FS_READ_FILE;
static const uint64_t RIGHTS_FOLDER = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t RIGHTS_CHANGED =
    ~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                LANDLOCK_ACCESS_FS_MAKE_BLOCK);

/** 0 when there is none. */
static uint64_t rights_handled(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) {
        return 0;
    }
    size_t last = COUNT(rights_known) - 1;
    return rights_known[(size_t)version - 1 < last ? (size_t)version - 1 : last];
}

static bool path_allow(int rules, const char *path, uint64_t rights) {
    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights,
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    bool done = rule.parent_fd >= 0 &&
                syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    if (rule.parent_fd >= 0) {
        close(rule.parent_fd);
    }
    return done;
}

static bool paths_allow(const struct sandbox *sandbox, int rules, uint64_t handled) {
    bool done = true;
    for (size_t i = 0; done && i < sandbox->folder_count; i++) {
        const struct sandbox_folder *folder = &sandbox->folders[i];
        uint64_t rights = folder->writable ? handled & RIGHTS_CHANGED : RIGHTS_FOLDER;
        done = path_allow(rules, folder->path, rights);
    }
    if (done && (sandbox->groups & SANDBOX_NETWORK)) {
        path_allow(rules, "/etc/resolv.conf", RIGHTS_FILE); /* there may be none */
    }
    return done;
}

bool landlock_enter(const struct sandbox *sandbox) {
    struct landlock_ruleset_attr attributes = {.handled_access_fs = rights_handled()};
    if (attributes.handled_access_fs == 0) {
        return false;
    }
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (rules < 0) {
        return false;
    }
    bool done = paths_allow(sandbox, rules, attributes.handled_access_fs) &&
                syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    close(rules);
    return done;
}
