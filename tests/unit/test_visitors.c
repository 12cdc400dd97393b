/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Consoles whose readers come and go: sockets and pseudo-terminals. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#include "net_test.h"
#include "pty_test.h"

enum { PATIENCE_MS = 3000, PATH_CHARS = 100 };

/* -- A folder of our own ----------------------------------------------------------------------- */

struct place {
    char folder[PATH_CHARS];
    char path[PATH_CHARS + 8];
    char spec[PATH_CHARS + 16];
};

static void place_make(struct place *place, const char *kind) {
    const char *tmp = getenv("TMPDIR");
    snprintf(place->folder, sizeof place->folder, "%s/visitors.XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/x", place->folder);
    snprintf(place->spec, sizeof place->spec, "%s:%s", kind, place->path);
}

/** Nothing may be left in it. */
static void place_remove(const struct place *place) {
    assert_int_equal(rmdir(place->folder), 0);
}

static struct console *open_console(const char *spec) {
    struct error error = {0};
    struct console *console = console_open(spec, &error);
    if (console == NULL) {
        fail_msg("%s", error.text);
    }
    return console;
}

/* -- Visitors ---------------------------------------------------------------------------------- */

static int visit_file(const struct place *place) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(at.sun_path, place->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static int visit_line(const char *path) {
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void say(struct console *console, const char *text) {
    for (; *text != '\0'; text++) {
        console_put(console, (uint8_t)*text);
    }
}

/** Waits until the guest has been told @p text, and nothing else. */
static void hears(struct console *console, const char *text) {
    uint8_t bytes[64];
    size_t count = 0;
    for (unsigned ms = 0; ms < PATIENCE_MS && count < strlen(text); ms++) {
        console_serve(console);
        count += console_take(console, bytes + count, sizeof bytes - count);
        host_sleep_ns(1000000);
    }
    assert_int_equal(count, strlen(text));
    assert_memory_equal(bytes, text, count);
}

/** Waits until a visitor has been told @p text, and nothing else. */
static void told(struct console *console, int fd, const char *text) {
    char bytes[64];
    size_t count = 0;
    for (unsigned ms = 0; ms < PATIENCE_MS && count < strlen(text); ms++) {
        struct pollfd there = {.fd = fd, .events = POLLIN};
        console_serve(console);
        if (poll(&there, 1, 1) > 0 && (there.revents & POLLIN) != 0) {
            ssize_t part = read(fd, bytes + count, sizeof bytes - count);
            assert_true(part > 0);
            count += (size_t)part;
        }
    }
    assert_int_equal(count, strlen(text));
    assert_memory_equal(bytes, text, count);
}

static void type(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void look(struct console *console) {
    for (unsigned i = 0; i < 3; i++) {
        console_serve(console);
    }
}

/* -- Sockets ----------------------------------------------------------------------------------- */

static void test_clients_come_and_go(void **state) {
    (void)state;
    struct place place;
    place_make(&place, "unix");
    struct console *console = open_console(place.spec);
    for (unsigned i = 0; i < 3; i++) {
        say(console, "nobody hears this");
        look(console);
        assert_true(console_open_for_input(console));
        int fd = visit_file(&place);
        type(fd, "to the guest");
        hears(console, "to the guest");
        say(console, "to the client");
        told(console, fd, "to the client");
        type(fd, "last");
        close(fd);
        hears(console, "last");
        assert_int_equal(console_state(console, NULL), ENDPOINT_READY);
    }
    console_close(console);
    place_remove(&place);
}

static void test_one_client_at_a_time(void **state) {
    (void)state;
    struct place place;
    place_make(&place, "unix");
    struct console *console = open_console(place.spec);
    int first = visit_file(&place);
    look(console);
    int second = visit_file(&place);
    type(second, "b");
    look(console);
    type(first, "a");
    hears(console, "a");
    close(first);
    hears(console, "b");
    say(console, "you");
    told(console, second, "you");
    close(second);
    console_close(console);
    place_remove(&place);
}

/* As `echo word | nc -N -U PATH` does: it has said all, and wants the answer. */
static void test_a_client_that_only_listens_on(void **state) {
    (void)state;
    struct place place;
    place_make(&place, "unix");
    struct console *console = open_console(place.spec);
    int first = visit_file(&place);
    type(first, "word");
    shutdown(first, SHUT_WR);
    hears(console, "word");
    look(console);
    say(console, "answer");
    told(console, first, "answer");
    int second = visit_file(&place); /* makes the first one go */
    type(second, "next");
    hears(console, "next");
    char byte;
    assert_int_equal(read(first, &byte, 1), 0);
    close(first);
    close(second);
    console_close(console);
    place_remove(&place);
}

static void test_a_file_in_the_way(void **state) {
    (void)state;
    struct place place;
    struct error error = {0};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    place_make(&place, "unix");
    strcpy(at.sun_path, place.path);
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&at, sizeof at), 0);
    close(stale);
    struct console *console = open_console(place.spec);
    assert_null(console_open(place.spec, &error)); /* this one is in use */
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_non_null(strstr(error.text, place.spec));
    int fd = visit_file(&place);
    type(fd, "still here");
    hears(console, "still here");
    close(fd);
    console_close(console);

    int file = open(place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(file);
    assert_null(console_open(place.spec, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_int_equal(unlink(place.path), 0);
    place_remove(&place);
}

static void test_ports(void **state) {
    (void)state;
    char spec[64];
    struct error error = {0};
    unsigned port = free_port(SOCK_STREAM);
    snprintf(spec, sizeof spec, "tcp:%u,server=on,wait=off", port);
    struct console *console = open_console(spec);
    int fd = host_connect(port);
    assert_int_equal(write(fd, "in", 2), 2);
    hears(console, "in");
    say(console, "out");
    told(console, fd, "out");
    struct sockaddr_in other = loopback(port);
    other.sin_addr.s_addr = htonl(LOOPBACK_IP + 1);
    int elsewhere = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(elsewhere, (struct sockaddr *)&other, sizeof other), -1);
    close(elsewhere);
    snprintf(spec, sizeof spec, "tcp:localhost:%u", port);
    assert_null(console_open(spec, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_non_null(strstr(error.text, strerror(EADDRINUSE)));
    close(fd);
    console_close(console);
}

static void test_words(void **state) {
    (void)state;
    static const char *const bad[] = {
        "unix:",         "unix:,server=on", "tcp:",           "tcp:0",      "tcp:65536",
        "tcp:x",         "tcp:80x",         "tcp:1.2.3:80",   "tcp:a.b:80", "tcp:-1",
        "tcp:1,wait=on", "tcp:1,",          "tcp:1,server=o", "tcp:::1:80", "tcp:127.0.0.1:"};
    char path[200];
    struct error error;
    for (unsigned i = 0; i < COUNT(bad); i++) {
        assert_null(console_open(bad[i], &error));
        assert_int_equal(error.status, STATUS_USAGE);
        assert_memory_equal(error.text, bad[i], strlen(bad[i]));
    }
    snprintf(path, sizeof path, "unix:/%0150d", 0);
    assert_null(console_open(path, &error));
    assert_int_equal(error.status, STATUS_USAGE);
}

/* -- Pseudo-terminals -------------------------------------------------------------------------- */

static void test_pseudo_terminal(void **state) {
    (void)state;
    pty_needed();
    struct place place;
    struct termios termios;
    place_make(&place, "pty");
    assert_int_equal(symlink("/nonexistent", place.path), 0); /* left by a killed run */
    struct console *console = open_console(place.spec);
    assert_false(console_interactive(console));
    for (unsigned i = 0; i < 2; i++) {
        say(console, "nobody hears this");
        look(console);
        int fd = visit_line(i == 0 ? place.path : console_place(console));
        assert_int_equal(tcgetattr(fd, &termios), 0);
        assert_int_equal(termios.c_lflag & (ECHO | ICANON | ISIG), 0);
        type(fd, "in\x03\r");
        hears(console, "in\x03\r");
        say(console, "out\n");
        told(console, fd, "out\n");
        assert_true(console_open_for_input(console));
        close(fd);
        look(console);
        assert_true(console_open_for_input(console));
        assert_int_equal(console_state(console, NULL), ENDPOINT_READY);
    }
    console_close(console);
    place_remove(&place);
}

static void test_a_link_that_cannot_be(void **state) {
    (void)state;
    pty_needed();
    struct place place;
    struct error error = {0};
    place_make(&place, "pty");
    close(open(place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_null(console_open(place.spec, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_non_null(strstr(error.text, place.path));
    assert_int_equal(unlink(place.path), 0); /* it was not ours to take away */
    place_remove(&place);
}

/* A line that nobody has opened must not end waits again and again. */
static void test_waiting_for_nobody(void **state) {
    (void)state;
    pty_needed();
    struct place place;
    static const char *const kinds[] = {"unix", "pty"};
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        place_make(&place, kinds[i]);
        struct console *console = open_console(place.spec);
        struct watch *watch = watch_new();
        int64_t start_ns = host_monotonic_ns();
        say(console, "x");
        console_serve(console);
        watch_begin(watch);
        console_endpoint.watch(console, watch, true);
        assert_false(watch_wait(watch, 30000000));
        assert_true(host_monotonic_ns() - start_ns >= 30000000);
        int fd = i == 0 ? visit_file(&place) : visit_line(place.path);
        console_serve(console);
        type(fd, "y");
        watch_begin(watch);
        console_endpoint.watch(console, watch, true);
        assert_true(watch_wait(watch, 30000000));
        close(fd);
        watch_free(watch);
        console_close(console);
        place_remove(&place);
    }
}

/* -- Readers who don't read -------------------------------------------------------------------- */

enum { FLOOD_BYTES = 1 << 20 };

/** Says much more than lies ready to be read. */
static void flood(struct console *console) {
    for (unsigned i = 0; i < FLOOD_BYTES; i++) {
        console_put(console, 'f');
    }
    assert_int_equal(console_state(console, NULL), ENDPOINT_FULL);
}

static unsigned drained(int fd) {
    char bytes[4096];
    unsigned sum = 0;
    struct pollfd there = {.fd = fd, .events = POLLIN};
    ssize_t count = 1;
    while (count > 0 && poll(&there, 1, 0) > 0 && (there.revents & POLLIN) != 0) {
        count = read(fd, bytes, sizeof bytes);
        sum += count > 0 ? (unsigned)count : 0;
    }
    return sum;
}

/* The guest waits for a slow one; one that takes nothing at all is given up, and so the guest goes
 * on. What comes later is said to whoever reads again. */
static void test_readers_who_take_nothing(void **state) {
    (void)state;
    pty_needed();
    struct place socket_place, line_place;
    place_make(&socket_place, "unix");
    place_make(&line_place, "pty");
    struct console *consoles[2] = {open_console(socket_place.spec), open_console(line_place.spec)};
    int client = visit_file(&socket_place);
    int line = visit_line(line_place.path);
    bool full = true;
    int64_t start_ns = host_monotonic_ns();
    for (unsigned i = 0; i < 2; i++) {
        console_serve(consoles[i]);
        flood(consoles[i]);
    }
    while (full && host_monotonic_ns() - start_ns < INT64_C(20000000000)) {
        full = false;
        for (unsigned i = 0; i < 2; i++) {
            full = !console_flush(consoles[i]) || full;
        }
        host_sleep_ns(5000000);
    }
    assert_false(full);
    assert_true(host_monotonic_ns() - start_ns >= INT64_C(4000000000));
    assert_int_equal(console_state(consoles[0], NULL), ENDPOINT_READY);
    assert_int_equal(console_state(consoles[1], NULL), ENDPOINT_READY);

    say(consoles[0], "lost");
    say(consoles[1], "lost");
    assert_in_range(drained(client), 1, FLOOD_BYTES - 1);
    assert_in_range(drained(line), 1, FLOOD_BYTES - 1);
    close(client);
    client = visit_file(&socket_place);
    look(consoles[0]);
    look(consoles[1]);
    say(consoles[0], "heard");
    say(consoles[1], "heard");
    told(consoles[0], client, "heard");
    told(consoles[1], line, "heard");
    close(client);
    close(line);
    for (unsigned i = 0; i < 2; i++) {
        console_close(consoles[i]);
    }
    place_remove(&socket_place);
    place_remove(&line_place);
}

/** A slow reader loses nothing. */
static void test_a_slow_reader(void **state) {
    (void)state;
    struct place place;
    place_make(&place, "unix");
    struct console *console = open_console(place.spec);
    int client = visit_file(&place);
    unsigned came = 0;
    console_serve(console);
    flood(console);
    while (came < FLOOD_BYTES) {
        console_flush(console);
        unsigned part = drained(client);
        assert_true(part > 0);
        came += part;
    }
    assert_int_equal(came, FLOOD_BYTES);
    assert_true(console_flush(console));
    close(client);
    console_close(console);
    place_remove(&place);
}

/* -- Descriptors ------------------------------------------------------------------------------- */

static unsigned open_files(void) {
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void test_nothing_stays_open(void **state) {
    (void)state;
    pty_needed();
    static const char *const kinds[] = {"unix", "pty", "file"};
    unsigned before = open_files();
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        struct place place;
        place_make(&place, kinds[i]);
        struct console *console = open_console(place.spec);
        int fd = i == 0 ? visit_file(&place) : visit_line(place.path);
        look(console);
        assert_true(open_files() > before + 1);
        assert_null(console_open("unix:/nonexistent/x", NULL));
        assert_null(console_open("pty:/nonexistent/x", NULL));
        close(fd);
        console_close(console);
        assert_int_equal(open_files(), before);
        assert_int_equal(unlink(place.path), i == 2 ? 0 : -1);
        place_remove(&place);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_come_and_go),
        cmocka_unit_test(test_one_client_at_a_time),
        cmocka_unit_test(test_a_client_that_only_listens_on),
        cmocka_unit_test(test_a_file_in_the_way),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_pseudo_terminal),
        cmocka_unit_test(test_a_link_that_cannot_be),
        cmocka_unit_test(test_waiting_for_nobody),
        cmocka_unit_test(test_readers_who_take_nothing),
        cmocka_unit_test(test_a_slow_reader),
        cmocka_unit_test(test_nothing_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
