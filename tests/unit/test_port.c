/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port: output passes at once, input waits for the gate, in order and without loss. */
#include "dev_test.h"

#include <fcntl.h>
#include <unistd.h>

/** Standard input and output replaced by pipes. */
struct pipes {
    int saved_in, saved_out;
    int to_stdin, from_stdout;
};

static void pipes_open(struct pipes *pipes) {
    int in[2], out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    fflush(stdout);
    pipes->saved_in = dup(STDIN_FILENO);
    pipes->saved_out = dup(STDOUT_FILENO);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    close(in[0]);
    close(out[1]);
    pipes->to_stdin = in[1];
    pipes->from_stdout = out[0];
}

static void pipes_close(struct pipes *pipes) {
    dup2(pipes->saved_in, STDIN_FILENO);
    dup2(pipes->saved_out, STDOUT_FILENO);
    close(pipes->saved_in);
    close(pipes->saved_out);
    close(pipes->to_stdin);
    close(pipes->from_stdout);
}

static void feed(const struct pipes *pipes, const void *bytes, size_t size_bytes) {
    assert_int_equal(write(pipes->to_stdin, bytes, size_bytes), size_bytes);
}

/** What the gate does between rounds. */
static size_t admit(struct port *port) {
    uint8_t bytes[sizeof port->held];
    console_serve(port->console);
    size_t count = console_take(port->console, bytes, port_room(port));
    port_admit(port, bytes, count);
    return count;
}

static void test_input_waits_for_the_gate(void **state) {
    (void)state;
    struct pipes pipes;
    pipes_open(&pipes);
    struct console *console = console_open("stdio", NULL);
    struct port port;
    uint8_t byte = 0;
    port_init(&port, console);
    feed(&pipes, "abc", 3);
    assert_false(port_get(&port, &byte));
    assert_int_equal(admit(&port), 3);
    feed(&pipes, "d", 1);
    for (const char *expected = "abc"; *expected != '\0'; expected++) {
        assert_true(port_get(&port, &byte));
        assert_int_equal(byte, *expected);
    }
    assert_false(port_get(&port, &byte));
    assert_int_equal(admit(&port), 1);
    assert_true(port_get(&port, &byte));
    assert_int_equal(byte, 'd');
    console_close(console);
    pipes_close(&pipes);
}

static void test_no_byte_is_lost_when_full(void **state) {
    (void)state;
    struct pipes pipes;
    pipes_open(&pipes);
    struct console *console = console_open("stdio", NULL);
    struct port port;
    uint8_t bytes[10000];
    port_init(&port, console);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    feed(&pipes, bytes, sizeof bytes);
    size_t taken = 0;
    for (unsigned round = 0; taken < sizeof bytes; round++) {
        assert_true(round < 1000);
        admit(&port);
        assert_true(port.held_count <= sizeof port.held);
        uint8_t byte;
        for (unsigned i = 0; i < 50 && port_get(&port, &byte); i++) {
            assert_int_equal(byte, bytes[taken]);
            taken++;
        }
    }
    assert_int_equal(admit(&port), 0);
    console_close(console);
    pipes_close(&pipes);
}

static void test_output_goes_out(void **state) {
    (void)state;
    struct pipes pipes;
    char seen[8] = {0};
    pipes_open(&pipes);
    struct console *console = console_open("stdio", NULL);
    struct port port;
    port_init(&port, console);
    port_put(&port, 'o');
    port_put(&port, 'k');
    console_flush(console);
    assert_int_equal(read(pipes.from_stdout, seen, sizeof seen), 2);
    assert_string_equal(seen, "ok");
    assert_int_equal(port.out_bytes, 2);
    console_close(console);
    pipes_close(&pipes);
}

static struct state_hash port_hash(struct port *port) {
    struct state_hash hash = {0};
    struct stream stream = {.put = state_hash_put, .owner = &hash};
    port_state(port, &stream);
    return hash;
}

static void test_state_is_what_is_held(void **state) {
    (void)state;
    struct console *console = console_open("null", NULL);
    struct port a, b;
    uint8_t byte;
    port_init(&a, console);
    port_init(&b, console);
    memcpy(a.held, "xyz", 3);
    a.held_count = 3;
    memcpy(b.held, "yz", 2);
    b.held_count = 2;
    assert_int_not_equal(port_hash(&a).value, port_hash(&b).value);
    assert_true(port_get(&a, &byte));
    port_put(&a, 'q');
    assert_int_equal(port_hash(&a).value, port_hash(&b).value);
    b.held[1] = 'Z';
    assert_int_not_equal(port_hash(&a).value, port_hash(&b).value);
    console_close(console);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_waits_for_the_gate),
        cmocka_unit_test(test_no_byte_is_lost_when_full),
        cmocka_unit_test(test_output_goes_out),
        cmocka_unit_test(test_state_is_what_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
