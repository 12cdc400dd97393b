/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console against real pipes, files and a pseudo-terminal. */
#include "dev_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* -- Standard files, replaced and put back ----------------------------------------------------- */

struct stdio {
    int saved[3];
};

static int stdio_setup(void **state) {
    static struct stdio stdio;
    fflush(stdout);
    for (int fd = 0; fd < 3; fd++) {
        stdio.saved[fd] = dup(fd);
    }
    *state = &stdio;
    return 0;
}

/* Also after a failed assertion, so that the next test and the report get their files back. */
static int stdio_teardown(void **state) {
    const struct stdio *stdio = *state;
    fflush(stderr);
    for (int fd = 0; fd < 3; fd++) {
        dup2(stdio->saved[fd], fd);
        close(stdio->saved[fd]);
    }
    return 0;
}

static void become(int fd, int standard) {
    assert_true(dup2(fd, standard) == standard);
    close(fd);
}

/** @return The end to write to. */
static int stdin_from_pipe(void) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    become(ends[0], STDIN_FILENO);
    return ends[1];
}

/** @return The end to read from. */
static int stdout_to_pipe(void) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    become(ends[1], STDOUT_FILENO);
    return ends[0];
}

static struct console *open_stdio(void) {
    struct error error = {0};
    struct console *console = console_open("stdio", &error);
    assert_non_null(console);
    assert_int_equal(error.status, STATUS_OK);
    return console;
}

static void put_text(struct console *console, const char *text) {
    for (; *text != '\0'; text++) {
        console_put(console, (uint8_t)*text);
    }
}

/** Reads what is there, without waiting for more than 2 s. */
static size_t read_now(int fd, char *text, size_t size_bytes) {
    struct timeval limit = {.tv_sec = 2};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    if (select(fd + 1, &set, NULL, NULL, &limit) != 1) {
        return 0;
    }
    ssize_t count = read(fd, text, size_bytes - 1);
    text[count < 0 ? 0 : count] = '\0';
    return count < 0 ? 0 : (size_t)count;
}

static bool failed(const struct console *console, struct error *error) {
    return console_state(console, error) == ENDPOINT_FAILED;
}

static bool left(const struct console *console) {
    return console_state(console, NULL) == ENDPOINT_LEFT;
}

/** Takes what is there now. */
static size_t take(struct console *console, uint8_t *bytes, size_t size_bytes) {
    console_serve(console);
    return console_take(console, bytes, size_bytes);
}

static bool readable_now(int fd) {
    struct timeval none = {0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, &none) == 1;
}

/* -- Opening ----------------------------------------------------------------------------------- */

static void test_words(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "stdio ", "Stdio", "file", "file:", "nul", "pty:", "unix", "serial"};
    for (unsigned i = 0; i < COUNT(bad); i++) {
        struct error error = {0};
        assert_null(console_open(bad[i], &error));
        assert_int_equal(error.status, STATUS_USAGE);
        assert_non_null(strstr(error.text, "use stdio"));
        assert_null(console_open(bad[i], NULL));
    }
    console_close(NULL);
}

static void test_null_swallows(void **state) {
    (void)state;
    uint8_t byte;
    struct console *console = console_open("null", NULL);
    for (unsigned i = 0; i < 100000; i++) {
        console_put(console, 'x');
    }
    console_flush(console);
    assert_false(failed(console, NULL));
    assert_false(console_interactive(console));
    assert_false(console_open_for_input(console));
    assert_int_equal(take(console, &byte, 1), 0);
    console_close(console);
}

static void test_file(void **state) {
    (void)state;
    char path[] = "/tmp/sandglass-console-XXXXXX";
    char spec[64], text[32];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "older and longer contents", 25), 25);
    snprintf(spec, sizeof spec, "file:%s", path);
    struct console *console = console_open(spec, NULL);
    assert_non_null(console);
    assert_false(console_open_for_input(console));
    assert_int_equal(pread(fd, text, sizeof text, 0), 25); /* the run has not begun */
    console_endpoint.begin(console);
    put_text(console, "hello\n");
    console_close(console);
    assert_int_equal(pread(fd, text, sizeof text, 0), 6);
    assert_memory_equal(text, "hello\n", 6);
    close(fd);
    unlink(path);
}

static void test_file_that_cannot_be_written(void **state) {
    (void)state;
    struct error error = {0};
    assert_null(console_open("file:/nonexistent/dir/log", &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_non_null(strstr(error.text, "/nonexistent/dir/log"));
    assert_null(console_open("file:/", &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
}

/* -- Output ------------------------------------------------------------------------------------ */

static void test_output_is_queued_until_flushed(void **state) {
    (void)state;
    char text[64];
    stdin_from_pipe();
    int out = stdout_to_pipe();
    struct console *console = open_stdio();
    assert_false(console_interactive(console));
    put_text(console, "line\n");
    assert_false(readable_now(out));
    console_flush(console);
    assert_int_equal(read_now(out, text, sizeof text), 5);
    assert_string_equal(text, "line\n");
    put_text(console, "rest");
    console_close(console);
    assert_int_equal(read_now(out, text, sizeof text), 4);
    assert_string_equal(text, "rest");
    close(out);
}

static void test_output_flushes_itself_when_much(void **state) {
    (void)state;
    stdin_from_pipe();
    int out = stdout_to_pipe();
    struct console *console = open_stdio();
    for (unsigned i = 0; i < 20000; i++) {
        console_put(console, 'm');
    }
    assert_true(readable_now(out));
    console_close(console);
    close(out);
}

static void test_closed_reader_is_a_host_error(void **state) {
    (void)state;
    struct error error = {0};
    signal(SIGPIPE, SIG_IGN);
    stdin_from_pipe();
    close(stdout_to_pipe());
    struct console *console = open_stdio();
    put_text(console, "nobody reads this");
    assert_false(failed(console, &error));
    assert_int_equal(error.status, STATUS_OK);
    console_flush(console);
    assert_true(failed(console, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_non_null(strstr(error.text, strerror(EPIPE)));
    for (unsigned i = 0; i < 100000; i++) {
        console_put(console, 'x');
    }
    assert_true(failed(console, NULL));
    console_close(console);
}

static void test_full_disk_is_a_host_error(void **state) {
    (void)state;
    struct error error = {0};
    struct console *console = console_open("file:/dev/full", NULL);
    assert_non_null(console);
    put_text(console, "x");
    console_flush(console);
    assert_true(failed(console, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_non_null(strstr(error.text, "/dev/full"));
    console_close(console);
}

static void on_alarm(int number) {
    (void)number;
}

/** Signals every 20 ms, and system calls are not restarted. */
static void alarms(bool on) {
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval every = {.it_interval.tv_usec = on ? 20000 : 0,
                              .it_value.tv_usec = on ? 20000 : 0};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 13 + (i >> 7));
}

/** Reads to the end and compares with the pattern. @return Bytes read, or -1 on a difference. */
static long pattern_drain(int fd) {
    uint8_t bytes[1000];
    size_t count = 0;
    ssize_t part;
    while ((part = read(fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < part; i++) {
            if (bytes[i] != pattern(count++)) {
                return -1;
            }
        }
    }
    return (long)count;
}

/* With nobody reading, a signal gets control back; later everything comes out, in order. */
static void test_signal_ends_a_stuck_flush(void **state) {
    (void)state;
    enum { BYTES = 200000 }; /* more than a pipe holds */
    stdin_from_pipe();
    int out = stdout_to_pipe();
    struct console *console = open_stdio();
    alarms(true);
    for (size_t i = 0; i < BYTES; i++) {
        console_put(console, pattern(i));
    }
    console_flush(console);
    alarms(false);
    assert_false(failed(console, NULL));
    pid_t child = fork();
    if (child == 0) {
        close(STDOUT_FILENO);
        _exit(pattern_drain(out) == BYTES ? 0 : 1);
    }
    console_close(console);
    close(STDOUT_FILENO);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(out);
}

static void test_nonblocking_output_loses_nothing(void **state) {
    (void)state;
    enum { BYTES = 300000 };
    stdin_from_pipe();
    int out = stdout_to_pipe();
    fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
    pid_t child = fork();
    if (child == 0) {
        close(STDOUT_FILENO);
        usleep(50000);
        _exit(pattern_drain(out) == BYTES ? 0 : 1);
    }
    struct console *console = open_stdio();
    for (size_t i = 0; i < BYTES; i++) {
        console_put(console, pattern(i));
    }
    console_close(console);
    close(STDOUT_FILENO);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(out);
}

/* -- Input ------------------------------------------------------------------------------------- */

static void test_input_from_a_pipe(void **state) {
    (void)state;
    uint8_t bytes[16];
    int in = stdin_from_pipe();
    stdout_to_pipe();
    struct console *console = open_stdio();
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(take(console, bytes, sizeof bytes), 0);
    assert_true(console_open_for_input(console));
    /* Ctrl-A has no meaning without a person. */
    assert_int_equal(write(in, "a\x01xb", 4), 4);
    assert_int_equal(take(console, bytes, 3), 3);
    assert_memory_equal(bytes, "a\x01x", 3);
    assert_int_equal(take(console, bytes, sizeof bytes), 1);
    assert_false(left(console));
    assert_int_equal(write(in, "last", 4), 4);
    close(in);
    assert_int_equal(take(console, bytes, 2), 2);
    assert_true(console_open_for_input(console));
    assert_int_equal(take(console, bytes, sizeof bytes), 2);
    assert_int_equal(take(console, bytes, sizeof bytes), 0);
    assert_false(console_open_for_input(console));
    assert_false(failed(console, NULL));
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
    console_close(console);
}

static void test_closed_input_is_the_end(void **state) {
    (void)state;
    uint8_t byte;
    stdout_to_pipe();
    close(STDIN_FILENO);
    struct console *console = open_stdio();
    assert_int_equal(take(console, &byte, 1), 0);
    assert_false(console_open_for_input(console));
    assert_false(failed(console, NULL));
    console_close(console);
}

/** Waits for what the console says it waits for. */
static bool wait_for(struct console *console, bool admits, int64_t timeout_ns) {
    struct watch *watch = watch_new();
    assert_non_null(watch);
    watch_begin(watch);
    console_endpoint.watch(console, watch, admits);
    bool ready = watch_wait(watch, timeout_ns);
    watch_free(watch);
    return ready;
}

static void test_what_it_waits_for(void **state) {
    (void)state;
    uint8_t byte;
    int in = stdin_from_pipe();
    stdout_to_pipe();
    struct console *console = open_stdio();
    assert_false(wait_for(console, true, 0));
    assert_int_equal(write(in, "kl", 2), 2);
    assert_true(wait_for(console, true, INT64_MAX));
    assert_false(wait_for(console, false, 0)); /* nobody has room for it */
    assert_int_equal(take(console, &byte, 1), 1);
    /* What it has read itself needs no waiting. */
    int64_t start = host_monotonic_ns();
    assert_true(wait_for(console, true, INT64_MAX));
    assert_true(host_monotonic_ns() - start < 50000000);
    assert_false(wait_for(console, false, 0)); /* but nobody has room */
    assert_int_equal(take(console, &byte, 1), 1);
    put_text(console, "out");
    assert_true(wait_for(console, false, INT64_MAX));
    console_flush(console);
    assert_false(wait_for(console, false, 0));
    close(in);
    assert_true(wait_for(console, true, INT64_MAX)); /* the end, to be read */
    assert_int_equal(take(console, &byte, 1), 0);
    assert_false(wait_for(console, true, 0));
    console_close(console);
}

static void test_what_can_come(void **state) {
    (void)state;
    int in = stdin_from_pipe();
    stdout_to_pipe();
    struct console *console = open_stdio();
    assert_true(console_endpoint.can_come(console, true));
    assert_false(console_endpoint.can_come(console, false));
    close(in);
    console_serve(console);
    assert_false(console_endpoint.can_come(console, true));
    console_close(console);
}

/* -- A terminal -------------------------------------------------------------------------------- */

/** Standard input and output become a terminal. @return The person's end. */
static int stdio_to_terminal(struct termios *before) {
    int person = posix_openpt(O_RDWR | O_NOCTTY);
    if (person < 0 || grantpt(person) != 0 || unlockpt(person) != 0) {
        print_message("skipped: no pseudo-terminals here\n");
        skip();
    }
    int terminal = open(ptsname(person), O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    assert_true(dup2(terminal, STDIN_FILENO) == STDIN_FILENO);
    become(terminal, STDOUT_FILENO);
    assert_int_equal(tcgetattr(STDIN_FILENO, before), 0);
    return person;
}

static void test_terminal_goes_raw_and_back(void **state) {
    (void)state;
    struct termios before, during, after;
    int person = stdio_to_terminal(&before);
    assert_true((before.c_lflag & ICANON) != 0);
    struct console *console = open_stdio();
    assert_true(console_interactive(console));
    assert_int_equal(tcgetattr(STDIN_FILENO, &during), 0);
    assert_int_equal(during.c_lflag & (ICANON | ISIG | ECHO), 0);
    assert_int_equal(during.c_iflag & (ICRNL | IXON), 0);
    console_close(console);
    assert_int_equal(tcgetattr(STDIN_FILENO, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_int_equal(after.c_iflag, before.c_iflag);
    assert_int_equal(after.c_cflag, before.c_cflag);
    close(person);
}

static void test_terminal_is_restored_by_exit(void **state) {
    (void)state;
    struct termios before, after;
    int person = stdio_to_terminal(&before);
    pid_t child = fork();
    if (child == 0) {
        struct console *volatile left_open = console_open("stdio", NULL);
        exit(left_open != NULL ? 7 : 8);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(tcgetattr(STDIN_FILENO, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_int_equal(after.c_iflag, before.c_iflag);
    close(person);
}

static void test_terminal_shows_lines_at_once(void **state) {
    (void)state;
    char text[64];
    struct termios before;
    int person = stdio_to_terminal(&before);
    struct console *console = open_stdio();
    put_text(console, "half");
    assert_false(readable_now(person));
    put_text(console, " whole\n");
    read_now(person, text, sizeof text);
    assert_string_equal(text, "half whole\r\n");
    console_close(console);
    close(person);
}

static void type(int person, const char *text, size_t size_bytes) {
    assert_int_equal(write(person, text, size_bytes), size_bytes);
}

/* Ctrl-C, Ctrl-Z, Ctrl-D and Enter are bytes for the guest; an escape may be cut in two. */
static void test_escapes(void **state) {
    (void)state;
    uint8_t bytes[32];
    struct termios before;
    int errors[2];
    char text[256];
    int person = stdio_to_terminal(&before);
    assert_int_equal(pipe(errors), 0);
    become(errors[1], STDERR_FILENO);
    struct console *console = open_stdio();
    type(person, "a\x03\x1a\x04\r", 5);
    assert_int_equal(take(console, bytes, sizeof bytes), 5);
    assert_memory_equal(bytes, "a\x03\x1a\x04\r", 5);
    type(person,
         "b\x01\x01"
         "c\x01q"
         "d\x01",
         8);
    assert_int_equal(take(console, bytes, sizeof bytes), 4);
    assert_memory_equal(bytes,
                        "b\x01"
                        "cd",
                        4);
    type(person, "\x01", 1);
    assert_int_equal(take(console, bytes, sizeof bytes), 1);
    assert_int_equal(bytes[0], 1);
    assert_false(readable_now(errors[0]));
    type(person, "\x01h", 2);
    assert_int_equal(take(console, bytes, sizeof bytes), 0);
    fflush(stderr);
    assert_true(read_now(errors[0], text, sizeof text) > 0);
    assert_non_null(strstr(text, "Ctrl-A X"));
    assert_false(left(console));
    type(person, "\x01x", 2);
    assert_int_equal(take(console, bytes, sizeof bytes), 0);
    assert_true(left(console));
    console_close(console);
    close(errors[0]);
    close(person);
}

/* A guest that reads nothing cannot keep its user from leaving. */
static void test_leaving_a_guest_that_does_not_read(void **state) {
    (void)state;
    struct termios before;
    int person = stdio_to_terminal(&before);
    struct console *console = open_stdio();
    for (unsigned i = 0; i < 100; i++) {
        char typed[100];
        memset(typed, 'z', sizeof typed);
        type(person, typed, sizeof typed);
        assert_true(console_endpoint.can_come(console, false));
        assert_true(wait_for(console, false, INT64_MAX));
        console_serve(console);
    }
    assert_false(wait_for(console, false, 0)); /* what finds no room is lost, not waited for */
    assert_false(left(console));
    type(person, "\x01x", 2);
    console_serve(console);
    assert_true(left(console));
    console_close(console);
    close(person);
}

/* -- Host clocks ------------------------------------------------------------------------------- */

static void test_host_clocks(void **state) {
    (void)state;
    int64_t a = host_monotonic_ns();
    struct host_time time = host_time_read();
    int64_t b = host_monotonic_ns();
    assert_true(a <= time.monotonic_ns && time.monotonic_ns <= b);
    assert_true(time.wall_ns > INT64_C(1600000000000000000));
}

#define console_test(name) cmocka_unit_test_setup_teardown(name, stdio_setup, stdio_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        console_test(test_words),
        console_test(test_null_swallows),
        console_test(test_file),
        console_test(test_file_that_cannot_be_written),
        console_test(test_output_is_queued_until_flushed),
        console_test(test_output_flushes_itself_when_much),
        console_test(test_closed_reader_is_a_host_error),
        console_test(test_full_disk_is_a_host_error),
        console_test(test_signal_ends_a_stuck_flush),
        console_test(test_nonblocking_output_loses_nothing),
        console_test(test_input_from_a_pipe),
        console_test(test_closed_input_is_the_end),
        console_test(test_what_it_waits_for),
        console_test(test_what_can_come),
        console_test(test_terminal_goes_raw_and_back),
        console_test(test_terminal_is_restored_by_exit),
        console_test(test_terminal_shows_lines_at_once),
        console_test(test_escapes),
        console_test(test_leaving_a_guest_that_does_not_read),
        console_test(test_host_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
