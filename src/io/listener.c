/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that wait for clients of a console, in the file system or on a port of the host. */
#include "io/console.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAITING_MAX = 4 };

/** Where a socket is. */
union place {
    struct sockaddr any;
    struct sockaddr_un file;
    struct sockaddr_in port;
};

struct listener {
    int fd;
    union place place;
    socklen_t place_bytes;
    bool made; /* a file, which is ours to take away */
};

bool listener_wanted(const char *spec) {
    return strncmp(spec, "unix:", 5) == 0 || strncmp(spec, "tcp:", 4) == 0;
}

/* -- Words ------------------------------------------------------------------------------------- */

/** All that may follow says that we are the one who listens, and wait for nobody. */
static bool words_known(const char *words) {
    static const char *const known[] = {",server=on", ",server", ",wait=off", ",nowait"};
    while (*words != '\0') {
        size_t length = 1 + strcspn(words + 1, ",");
        bool found = false;
        for (size_t i = 0; i < COUNT(known) && !found; i++) {
            found = strlen(known[i]) == length && strncmp(words, known[i], length) == 0;
        }
        if (!found) {
            return false;
        }
        words += length;
    }
    return true;
}

static bool place_file(struct listener *listener, const char *path) {
    struct sockaddr_un *file = &listener->place.file;
    file->sun_family = AF_UNIX;
    listener->place_bytes = sizeof *file;
    if (*path == '\0' || strlen(path) >= sizeof file->sun_path) {
        return false;
    }
    strcpy(file->sun_path, path);
    return true;
}

static bool place_port(struct listener *listener, const char *text) {
    struct sockaddr_in *port = &listener->place.port;
    char host[INET_ADDRSTRLEN] = "127.0.0.1";
    const char *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    const char *digits = colon == NULL ? text : colon + 1;
    if (length >= sizeof host) {
        return false;
    }
    if (length > 0 && (length != 9 || strncmp(text, "localhost", 9) != 0)) {
        memcpy(host, text, length);
        host[length] = '\0';
    }
    unsigned number = 0;
    for (const char *at = digits; *at >= '0' && *at <= '9' && number <= UINT16_MAX; at++) {
        number = number * 10 + (unsigned)(*at - '0');
    }
    port->sin_family = AF_INET;
    port->sin_port = htons((uint16_t)number);
    listener->place_bytes = sizeof *port;
    return strspn(digits, "0123456789") == strlen(digits) && number >= 1 && number <= UINT16_MAX &&
           inet_pton(AF_INET, host, &port->sin_addr) == 1;
}

static enum status place_parse(struct listener *listener, const char *spec, struct error *error) {
    const char *words = strchrnul(spec, ',');
    char *place = strndup(spec, (size_t)(words - spec));
    bool good = place != NULL && words_known(words);
    good = good &&
           (place[0] == 'u' ? place_file(listener, place + 5) : place_port(listener, place + 4));
    free(place);
    return good ? STATUS_OK
                : error_set(error, STATUS_USAGE,
                            "%s: use unix:PATH (at most 107 characters), tcp:PORT or "
                            "tcp:HOST:PORT, HOST an IPv4 address",
                            spec);
}

/* -- Opening and closing ----------------------------------------------------------------------- */

/* A run that was killed leaves its file behind: nobody answers there. */
static void stale_remove(const struct listener *listener) {
    const char *path = listener->place.file.sun_path;
    struct stat there;
    if (lstat(path, &there) != 0 || !S_ISSOCK(there.st_mode)) {
        return;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe >= 0 && connect(probe, &listener->place.any, listener->place_bytes) != 0 &&
        errno == ECONNREFUSED) {
        unlink(path);
    }
    if (probe >= 0) {
        close(probe);
    }
}

/** @return false with errno set. */
static bool listener_start(struct listener *listener) {
    int family = listener->place.any.sa_family;
    int on = 1;
    listener->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return false;
    }
    if (family == AF_UNIX) {
        stale_remove(listener);
    } else if (setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        return false;
    }
    if (bind(listener->fd, &listener->place.any, listener->place_bytes) != 0) {
        return false;
    }
    listener->made = family == AF_UNIX;
    return listen(listener->fd, WAITING_MAX) == 0;
}

struct listener *listener_open(const char *spec, struct error *error) {
    struct listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL) {
        error_set(error, STATUS_USAGE, "%s: out of memory; free some and try again", spec);
        return NULL;
    }
    listener->fd = -1;
    enum status status = place_parse(listener, spec, error);
    if (status == STATUS_OK && !listener_start(listener)) {
        status = error_set(error, STATUS_HOST_IO, "%s: cannot listen (%s); name another place",
                           spec, strerror(errno));
    }
    if (status != STATUS_OK) {
        listener_close(listener);
        return NULL;
    }
    return listener;
}

void listener_close(struct listener *listener) {
    if (listener == NULL) {
        return;
    }
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    if (listener->made) {
        unlink(listener->place.file.sun_path);
    }
    free(listener);
}

void listener_entrust(struct listener *listener) {
    if (listener != NULL) {
        listener->made = false;
    }
}

int listener_descriptor(const struct listener *listener) {
    return listener->fd;
}

/* Keys are single bytes that somebody waits for: each goes out at once. */
int listener_accept(const struct listener *listener) {
    int on = 1;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && listener->place.any.sa_family == AF_INET) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return fd;
}
