/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550A from outside: registers, the interrupt line, and what drivers do to find out what
 * it is. */
#include "dev_test.h"

#include <unistd.h>

enum {
    RBR = 0,
    THR = 0,
    DLL = 0, /* read; write; behind DLAB */
    IER = 1,
    DLM = 1,
    IIR = 2,
    FCR = 2,
    LCR = 3,
    MCR = 4,
    LSR = 5,
    MSR = 6,
    SCR = 7,
    LSR_DR = 0x01,
    LSR_OE = 0x02,
    LSR_EMPTY = 0x60,
    IIR_NONE = 0x01,
    IIR_THR_EMPTY = 0x02,
    IIR_DATA = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFOS = 0xc0,
    MCR_LOOP = 0x10
};

struct fixture {
    struct wires out;
    struct console *console;
    struct port port;
    void *uart;
};

static void fixture_init(struct fixture *fixture) {
    memset(fixture, 0, sizeof *fixture);
    fixture->console = console_open("null", NULL);
    assert_non_null(fixture->console);
    port_init(&fixture->port, fixture->console);
    fixture->uart = uart_new(wire(&fixture->out, 0), &fixture->port);
    assert_non_null(fixture->uart);
}

static void fixture_free(struct fixture *fixture) {
    uart_ops.free(fixture->uart);
    console_close(fixture->console);
}

static unsigned get(const struct fixture *fixture, uint64_t offset) {
    uint64_t value = uart_ops.read(fixture->uart, offset, 1);
    assert_true(value <= 0xff);
    return (unsigned)value;
}

static void put(const struct fixture *fixture, uint64_t offset, unsigned value) {
    uart_ops.write(fixture->uart, offset, value, 1);
}

/** Bytes come in from outside. */
static void arrive(struct fixture *fixture, const void *bytes, size_t size_bytes) {
    size_t room_bytes = uart_room(fixture->uart);
    assert_true(size_bytes <= room_bytes);
    uart_deliver(fixture->uart, bytes, size_bytes);
    assert_true(uart_room(fixture->uart) >= room_bytes - size_bytes);
}

/* -- Registers --------------------------------------------------------------------------------- */

static void test_registers_after_reset(void **state) {
    (void)state;
    static const unsigned fresh[8] = {0, 0, IIR_NONE, 0, 0, LSR_EMPTY, 0xb0, 0};
    struct fixture fixture;
    fixture_init(&fixture);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 8; i++) {
            assert_int_equal(get(&fixture, i), fresh[i]);
        }
        for (unsigned i = 0; i < 8; i++) {
            put(&fixture, i, 0xff);
        }
        uart_ops.reset(fixture.uart);
        assert_false(fixture.out.level[0]);
    }
    fixture_free(&fixture);
}

static void test_what_registers_hold(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, IER, 0xff);
    assert_int_equal(get(&fixture, IER), 0x0f);
    put(&fixture, IER, 0);
    put(&fixture, MCR, 0xff);
    assert_int_equal(get(&fixture, MCR), 0x1f);
    put(&fixture, MCR, 0);
    for (unsigned value = 0; value < 256; value++) {
        put(&fixture, SCR, value);
        assert_int_equal(get(&fixture, SCR), value);
        put(&fixture, LCR, value);
        assert_int_equal(get(&fixture, LCR), value);
    }
    put(&fixture, LCR, 3);
    put(&fixture, LSR, 0xff);
    assert_int_equal(get(&fixture, LSR), LSR_EMPTY);
    for (unsigned offset = 8; offset < UART_SIZE_BYTES; offset++) {
        put(&fixture, offset, 0xff);
        assert_int_equal(get(&fixture, offset), 0);
    }
    fixture_free(&fixture);
}

static void test_divisor_latch(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, IER, 1);
    put(&fixture, LCR, 0x83);
    put(&fixture, DLL, 0x12);
    put(&fixture, DLM, 0x34);
    assert_int_equal(get(&fixture, DLL), 0x12);
    assert_int_equal(get(&fixture, DLM), 0x34);
    assert_int_equal(fixture.port.out_bytes, 0);
    put(&fixture, LCR, 0x03);
    assert_int_equal(get(&fixture, IER), 1);
    assert_int_equal(get(&fixture, RBR), 0);
    put(&fixture, THR, 'x');
    assert_int_equal(fixture.port.out_bytes, 1);
    put(&fixture, LCR, 0x83);
    assert_int_equal(get(&fixture, DLL), 0x12);
    fixture_free(&fixture);
}

static void test_output_reaches_the_console(void **state) {
    (void)state;
    char path[] = "/tmp/sandglass-uart-XXXXXX", spec[64], text[16] = {0};
    struct fixture fixture;
    fixture_init(&fixture);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(spec, sizeof spec, "file:%s", path);
    console_close(fixture.console);
    fixture.console = console_open(spec, NULL);
    port_init(&fixture.port, fixture.console);
    for (const char *at = "Hello\n"; *at != '\0'; at++) {
        put(&fixture, THR, (unsigned char)*at);
        assert_int_equal(get(&fixture, LSR), LSR_EMPTY);
    }
    console_flush(fixture.console);
    assert_int_equal(read(fd, text, sizeof text), 6);
    assert_string_equal(text, "Hello\n");
    close(fd);
    unlink(path);
    fixture_free(&fixture);
}

/* -- Receiver ---------------------------------------------------------------------------------- */

static void test_bytes_wait_in_the_port(void **state) {
    (void)state;
    uint8_t bytes[256];
    for (unsigned i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)(i ^ 0x5a);
    }
    for (unsigned fifo = 0; fifo < 2; fifo++) {
        struct fixture fixture;
        fixture_init(&fixture);
        put(&fixture, FCR, fifo);
        arrive(&fixture, bytes, sizeof bytes);
        assert_int_equal(fixture.port.held_count, fifo ? 240 : 255);
        for (unsigned i = 0; i < 256; i++) {
            assert_int_equal(get(&fixture, LSR), LSR_EMPTY | LSR_DR);
            assert_int_equal(get(&fixture, RBR), bytes[i]);
        }
        assert_int_equal(get(&fixture, LSR), LSR_EMPTY);
        fixture_free(&fixture);
    }
}

static void test_receive_interrupt_by_trigger(void **state) {
    (void)state;
    static const unsigned triggers[] = {1, 4, 8, 14};
    for (unsigned code = 0; code < 4; code++) {
        struct fixture fixture;
        fixture_init(&fixture);
        put(&fixture, FCR, code << 6 | 1);
        put(&fixture, IER, 1);
        assert_int_equal(get(&fixture, IIR), IIR_FIFOS | IIR_NONE);
        for (unsigned count = 1; count <= 16; count++) {
            arrive(&fixture, "r", 1);
            unsigned source = count < triggers[code] ? IIR_TIMEOUT : IIR_DATA;
            assert_int_equal(get(&fixture, IIR), IIR_FIFOS | source);
            assert_true(fixture.out.level[0]);
        }
        for (unsigned left = 16; left > 0; left--) {
            assert_true(fixture.out.level[0]);
            get(&fixture, RBR);
        }
        assert_false(fixture.out.level[0]);
        assert_int_equal(get(&fixture, IIR), IIR_FIFOS | IIR_NONE);
        fixture_free(&fixture);
    }
}

static void test_receive_interrupt_without_fifo(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    arrive(&fixture, "ab", 2);
    assert_false(fixture.out.level[0]);
    put(&fixture, IER, 1);
    assert_true(fixture.out.level[0]);
    assert_int_equal(get(&fixture, IIR), IIR_DATA);
    assert_int_equal(get(&fixture, RBR), 'a');
    assert_true(fixture.out.level[0]);
    assert_int_equal(get(&fixture, RBR), 'b');
    assert_false(fixture.out.level[0]);
    fixture_free(&fixture);
}

/* FCR's other bits count only with bit 0; switching the FIFOs clears them; clearing is one-shot. */
static void test_fifo_control(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    arrive(&fixture, "a", 1);
    put(&fixture, FCR, 0x02);
    assert_int_equal(get(&fixture, LSR) & LSR_DR, LSR_DR);
    put(&fixture, FCR, 0x01);
    assert_int_equal(get(&fixture, LSR) & LSR_DR, 0);
    assert_int_equal(get(&fixture, IIR) & IIR_FIFOS, IIR_FIFOS);
    arrive(&fixture, "bcd", 3);
    put(&fixture, FCR, 0x01);
    assert_int_equal(get(&fixture, RBR), 'b');
    put(&fixture, FCR, 0x03);
    assert_int_equal(get(&fixture, LSR) & LSR_DR, 0);
    arrive(&fixture, "e", 1);
    assert_int_equal(get(&fixture, RBR), 'e');
    arrive(&fixture, "f", 1);
    put(&fixture, FCR, 0x00);
    assert_int_equal(get(&fixture, LSR) & LSR_DR, 0);
    assert_int_equal(get(&fixture, IIR) & IIR_FIFOS, 0);
    fixture_free(&fixture);
}

/* -- Transmitter interrupt --------------------------------------------------------------------- */

static void test_transmit_interrupt(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, IER, 2);
    assert_true(fixture.out.level[0]);
    assert_int_equal(get(&fixture, IIR), IIR_THR_EMPTY);
    assert_false(fixture.out.level[0]); /* reading IIR acknowledged it */
    assert_int_equal(get(&fixture, IIR), IIR_NONE);
    put(&fixture, IER, 2); /* no change, no interrupt */
    assert_false(fixture.out.level[0]);
    put(&fixture, THR, 'x');
    assert_true(fixture.out.level[0]);
    assert_int_equal(get(&fixture, IIR), IIR_THR_EMPTY);
    put(&fixture, IER, 0);
    put(&fixture, IER, 2); /* enabled anew */
    assert_true(fixture.out.level[0]);
    put(&fixture, IER, 0);
    assert_false(fixture.out.level[0]);
    fixture_free(&fixture);
}

static void test_priority_of_sources(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, MCR, MCR_LOOP); /* all modem inputs fall: deltas */
    put(&fixture, THR, '1');
    put(&fixture, THR, '2'); /* overrun */
    put(&fixture, IER, 0x0f);
    assert_int_equal(get(&fixture, IIR), IIR_LINE);
    assert_int_equal(get(&fixture, IIR), IIR_LINE); /* IIR acknowledges THR-empty only */
    assert_int_equal(get(&fixture, LSR), LSR_EMPTY | LSR_DR | LSR_OE);
    assert_int_equal(get(&fixture, LSR), LSR_EMPTY | LSR_DR);
    assert_int_equal(get(&fixture, IIR), IIR_DATA);
    assert_int_equal(get(&fixture, RBR), '2'); /* the later one is there */
    assert_int_equal(get(&fixture, IIR), IIR_THR_EMPTY);
    assert_true(fixture.out.level[0]);
    assert_int_equal(get(&fixture, IIR), 0x00);
    assert_int_equal(get(&fixture, MSR), 0x0b);
    assert_false(fixture.out.level[0]);
    assert_int_equal(get(&fixture, IIR), IIR_NONE);
    assert_int_equal(get(&fixture, MSR), 0);
    fixture_free(&fixture);
}

/* -- Loopback and modem lines ------------------------------------------------------------------ */

static void test_loopback_fifo_overrun(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, FCR, 1);
    put(&fixture, MCR, MCR_LOOP);
    for (unsigned i = 0; i < 20; i++) {
        put(&fixture, THR, 'A' + i);
    }
    assert_int_equal(fixture.port.out_bytes, 0);
    assert_int_equal(get(&fixture, LSR), LSR_EMPTY | LSR_DR | LSR_OE);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(get(&fixture, RBR), 'A' + i);
    }
    assert_int_equal(get(&fixture, LSR), LSR_EMPTY);
    fixture_free(&fixture);
}

static void test_loopback_shuts_the_outside_out(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, FCR, 1);
    put(&fixture, MCR, MCR_LOOP);
    arrive(&fixture, "in", 2);
    assert_int_equal(get(&fixture, LSR), LSR_EMPTY);
    put(&fixture, MCR, 0);
    assert_int_equal(get(&fixture, RBR), 'i');
    assert_int_equal(get(&fixture, RBR), 'n');
    fixture_free(&fixture);
}

static void test_loopback_of_modem_lines(void **state) {
    (void)state;
    static const unsigned inputs[4] = {0x20, 0x10, 0x40, 0x80}; /* DTR, RTS, OUT1, OUT2 */
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, MCR, MCR_LOOP);
    get(&fixture, MSR);
    for (unsigned bit = 0; bit < 4; bit++) {
        unsigned delta = inputs[bit] >> 4;
        put(&fixture, MCR, MCR_LOOP | 1u << bit);
        assert_int_equal(get(&fixture, MSR), inputs[bit] | (bit == 2 ? 0 : delta));
        put(&fixture, MCR, MCR_LOOP);
        assert_int_equal(get(&fixture, MSR), delta);
        assert_int_equal(get(&fixture, MSR), 0);
    }
    put(&fixture, IER, 8);
    assert_false(fixture.out.level[0]);
    put(&fixture, MCR, MCR_LOOP | 2);
    assert_true(fixture.out.level[0]);
    get(&fixture, MSR);
    assert_false(fixture.out.level[0]);
    fixture_free(&fixture);
}

/* -- What drivers do --------------------------------------------------------------------------- */

/* The steps by which a driver of this family tells a 16550A from its relatives. */
static void test_probe_finds_a_16550a(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, IER, 0);
    assert_int_equal(get(&fixture, IER) & 0x0f, 0);
    put(&fixture, IER, 0x0f);
    assert_int_equal(get(&fixture, IER) & 0x0f, 0x0f);
    put(&fixture, IER, 0);
    put(&fixture, MCR, MCR_LOOP | 0x0a);
    assert_int_equal(get(&fixture, MSR) & 0xf0, 0x90); /* RTS is CTS, OUT2 is DCD */
    put(&fixture, MCR, 0);
    put(&fixture, LCR, 0xbf);
    put(&fixture, FCR, 0);
    put(&fixture, LCR, 0);
    put(&fixture, FCR, 1);
    assert_int_equal(get(&fixture, IIR) >> 6, 3); /* working FIFOs */
    put(&fixture, FCR, 0x21);                     /* a 16750 would show 64-byte FIFOs behind DLAB */
    assert_int_equal(get(&fixture, IIR) >> 5, 6);
    put(&fixture, LCR, 0x80);
    put(&fixture, FCR, 0x21);
    assert_int_equal(get(&fixture, IIR) >> 5, 6);
    put(&fixture, LCR, 0);
    put(&fixture, IER, 0x40); /* an XScale unit enable would stick */
    assert_int_equal(get(&fixture, IER), 0);
    fixture_free(&fixture);
}

/* Counting how many looped-back bytes fit shows the size of the FIFO. */
static void test_probe_measures_the_fifo(void **state) {
    (void)state;
    struct fixture fixture;
    unsigned count = 0;
    fixture_init(&fixture);
    put(&fixture, FCR, 0x07);
    put(&fixture, MCR, MCR_LOOP);
    put(&fixture, LCR, 0x80);
    put(&fixture, DLL, 1);
    put(&fixture, DLM, 0);
    put(&fixture, LCR, 3);
    for (unsigned i = 0; i < 256; i++) {
        put(&fixture, THR, i);
    }
    while ((get(&fixture, LSR) & LSR_DR) != 0 && count < 256) {
        assert_int_equal(get(&fixture, RBR), count);
        count++;
    }
    assert_int_equal(count, 16);
    fixture_free(&fixture);
}

/* The THR-empty interrupt must come again when it is switched off and on: else drivers poll by
 * timer. */
static void test_probe_trusts_the_transmit_interrupt(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    put(&fixture, FCR, 1);
    put(&fixture, IER, 2);
    assert_int_equal(get(&fixture, IIR) & IIR_NONE, 0);
    put(&fixture, IER, 0);
    put(&fixture, IER, 2);
    assert_int_equal(get(&fixture, IIR) & IIR_NONE, 0);
    put(&fixture, IER, 0);
    assert_int_equal(get(&fixture, IIR) & IIR_NONE, IIR_NONE);
    fixture_free(&fixture);
}

/* -- State ------------------------------------------------------------------------------------- */

static void test_state_sees_every_register(void **state) {
    (void)state;
    static const struct {
        unsigned offset, value;
    } writes[] = {{IER, 1},   {SCR, 7},    {MCR, 3}, {FCR, 1}, {FCR, 0x41},
                  {THR, 'x'}, {LCR, 0x80}, {DLL, 9}, {DLM, 9}};
    struct fixture fixture;
    uint64_t seen[COUNT(writes) + 1];
    fixture_init(&fixture);
    seen[0] = device_state_hash(&uart_ops, fixture.uart);
    for (unsigned i = 0; i < COUNT(writes); i++) {
        put(&fixture, writes[i].offset, writes[i].value);
        seen[i + 1] = device_state_hash(&uart_ops, fixture.uart);
        for (unsigned j = 0; j <= i; j++) {
            assert_int_not_equal(seen[i + 1], seen[j]);
        }
    }
    arrive(&fixture, "0123456789abcdefg", 17);
    uint64_t full = device_state_hash(&uart_ops, fixture.uart);
    fixture.port.held[0] ^= 1;
    assert_int_not_equal(device_state_hash(&uart_ops, fixture.uart), full);
    fixture_free(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers_after_reset),
        cmocka_unit_test(test_what_registers_hold),
        cmocka_unit_test(test_divisor_latch),
        cmocka_unit_test(test_output_reaches_the_console),
        cmocka_unit_test(test_bytes_wait_in_the_port),
        cmocka_unit_test(test_receive_interrupt_by_trigger),
        cmocka_unit_test(test_receive_interrupt_without_fifo),
        cmocka_unit_test(test_fifo_control),
        cmocka_unit_test(test_transmit_interrupt),
        cmocka_unit_test(test_priority_of_sources),
        cmocka_unit_test(test_loopback_fifo_overrun),
        cmocka_unit_test(test_loopback_shuts_the_outside_out),
        cmocka_unit_test(test_loopback_of_modem_lines),
        cmocka_unit_test(test_probe_finds_a_16550a),
        cmocka_unit_test(test_probe_measures_the_fifo),
        cmocka_unit_test(test_probe_trusts_the_transmit_interrupt),
        cmocka_unit_test(test_state_sees_every_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
