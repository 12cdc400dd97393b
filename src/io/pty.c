/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pseudo-terminal: a serial line as terminal programs know it. */
#include "io/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { NAME_CHARS = 64 };

struct pty {
    int fd;
    char name[NAME_CHARS]; /* of the other end */
    char *link;            /* that we have made, or NULL */
};

/* Raw, or the line would echo to the guest what it says itself. Whoever opens it can change that.
 * Closed again, it counts as left: so pty_attached() is right before the first one comes. */
static bool other_end_prepare(const struct pty *pty) {
    struct termios raw;
    int other = open(pty->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool done = other >= 0 && tcgetattr(other, &raw) == 0;
    if (done) {
        cfmakeraw(&raw);
        done = tcsetattr(other, TCSANOW, &raw) == 0;
    }
    if (other >= 0) {
        close(other);
    }
    return done;
}

/* A link in the way is one that a killed run has left. */
static enum status link_make(struct pty *pty, const char *link, struct error *error) {
    struct stat there;
    if (lstat(link, &there) == 0 && S_ISLNK(there.st_mode)) {
        unlink(link);
    }
    if (symlink(pty->name, link) != 0) {
        return error_set(error, STATUS_HOST_IO, "pty:%s: cannot make this link (%s); name another",
                         link, strerror(errno));
    }
    pty->link = strdup(link);
    return STATUS_OK;
}

struct pty *pty_open(const char *link, struct error *error) {
    struct pty *pty = calloc(1, sizeof *pty);
    if (pty == NULL) {
        error_set(error, STATUS_USAGE, "pty: out of memory; free some and try again");
        return NULL;
    }
    pty->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    enum status status = STATUS_OK;
    if (pty->fd < 0 || grantpt(pty->fd) != 0 || unlockpt(pty->fd) != 0 ||
        ptsname_r(pty->fd, pty->name, sizeof pty->name) != 0 || !other_end_prepare(pty)) {
        status = error_set(error, STATUS_HOST_IO,
                           "pty: the host gives no pseudo-terminal (%s); use unix:PATH",
                           strerror(errno));
    } else if (link != NULL) {
        status = link_make(pty, link, error);
    }
    if (status != STATUS_OK) {
        pty_close(pty);
        return NULL;
    }
    return pty;
}

void pty_close(struct pty *pty) {
    if (pty == NULL) {
        return;
    }
    if (pty->link != NULL) {
        unlink(pty->link);
        free(pty->link);
    }
    if (pty->fd >= 0) {
        close(pty->fd);
    }
    free(pty);
}

void pty_entrust(struct pty *pty) {
    if (pty != NULL) {
        free(pty->link);
        pty->link = NULL;
    }
}

int pty_descriptor(const struct pty *pty) {
    return pty->fd;
}

const char *pty_name(const struct pty *pty) {
    return pty->name;
}

bool pty_attached(const struct pty *pty) {
    struct pollfd line = {.fd = pty->fd};
    return poll(&line, 1, 0) == 0 || (line.revents & POLLHUP) == 0;
}
