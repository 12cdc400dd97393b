/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of the remote protocol: whole ones are taken, damaged, cut and huge ones are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "machine/gdb.h"

enum { LINE_BYTES = 2 * PACKET_BYTES_MAX + 16 };

/** A line, and who reads it. */
struct fixture {
    struct packet packet;
    size_t count;
    uint8_t bytes[LINE_BYTES];
};

static void line_put(void *owner, const void *bytes, size_t size_bytes) {
    struct fixture *fixture = owner;
    assert_true(fixture->count + size_bytes <= LINE_BYTES);
    memcpy(fixture->bytes + fixture->count, bytes, size_bytes);
    fixture->count += size_bytes;
}

static int make(void **state) {
    *state = calloc(1, sizeof(struct fixture));
    return *state == NULL;
}

static int drop(void **state) {
    free(*state);
    return 0;
}

/** Writes a packet with that body. */
static void write_packet(struct fixture *fixture, const void *body, size_t size_bytes) {
    struct text text = {0};
    struct stream line = {.put = line_put, .owner = fixture};
    text_clear(&text);
    text_binary(&text, body, size_bytes);
    packet_write(&line, &text);
    text_free(&text);
}

/** Reads all that was written. @return The last event that was one; *wholes counts packets. */
static enum packet_event read_all(struct fixture *fixture, unsigned *wholes) {
    enum packet_event last = PACKET_MORE;
    *wholes = 0;
    for (size_t i = 0; i < fixture->count; i++) {
        enum packet_event event = packet_take(&fixture->packet, fixture->bytes[i]);
        *wholes += event == PACKET_WHOLE;
        last = event == PACKET_MORE ? last : event;
    }
    return last;
}

static void known_packets_are_so(void **state) {
    struct fixture *fixture = *state;
    write_packet(fixture, "OK", 2);
    write_packet(fixture, "", 0);
    write_packet(fixture, "}", 1);
    static const char wanted[] = "$OK#9a$#00$}]#da";
    assert_int_equal(fixture->count, strlen(wanted));
    assert_memory_equal(fixture->bytes, wanted, strlen(wanted));
}

static void all_bytes_pass(void **state) {
    struct fixture *fixture = *state;
    uint8_t body[256];
    unsigned wholes;
    for (unsigned i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)i;
    }
    write_packet(fixture, body, sizeof body);
    assert_int_equal(read_all(fixture, &wholes), PACKET_WHOLE);
    assert_int_equal(fixture->packet.count, sizeof body);
    assert_memory_equal(fixture->packet.body, body, sizeof body);
    assert_int_equal(fixture->packet.body[sizeof body], 0);
}

/* A sum finds every single byte that is another; what follows is read again. */
static void every_damaged_byte_shows(void **state) {
    struct fixture *fixture = *state;
    static const char body[] = "vCont;s:1;c";
    unsigned wholes;
    write_packet(fixture, body, strlen(body));
    const size_t whole = fixture->count;
    for (size_t at = 0; at < whole; at++) {
        for (unsigned value = 0; value < 256; value++) {
            fixture->count = 0;
            write_packet(fixture, body, strlen(body));
            uint8_t old = fixture->bytes[at];
            fixture->bytes[at] = (uint8_t)value;
            bool same_digit = at >= whole - 2 && (value | 0x20) == old && old >= 'a';
            read_all(fixture, &wholes);
            if ((value == old || same_digit) != (wholes == 1)) {
                fail_msg("byte %zu as %u: %u packets", at, value, wholes);
            }
            fixture->count = 0;
            write_packet(fixture, "g", 1);
            write_packet(fixture, "m0,1", 4);
            read_all(fixture, &wholes);
            assert_in_range(wholes, 1, 2); /* the first may have been taken for an end */
            assert_string_equal(fixture->packet.body, "m0,1");
        }
    }
}

static void cut_ones_are_none(void **state) {
    struct fixture *fixture = *state;
    unsigned wholes;
    write_packet(fixture, "qSupported:a}b", 14);
    const size_t whole = fixture->count;
    for (size_t cut = 0; cut < whole; cut++) {
        fixture->packet = (struct packet){0};
        fixture->count = cut;
        read_all(fixture, &wholes);
        assert_int_equal(wholes, 0);
        fixture->count = 0;
        write_packet(fixture, "?", 1);
        read_all(fixture, &wholes);
        assert_in_range(wholes, cut + 1 >= whole || cut == whole - 2 ? 0 : 1, 1);
        fixture->count = 0;
        write_packet(fixture, "qSupported:a}b", 14);
    }
}

static void huge_ones_are_damaged(void **state) {
    struct fixture *fixture = *state;
    char *body = calloc(1, PACKET_BYTES_MAX + 1);
    unsigned wholes;
    assert_non_null(body);
    memset(body, 'a', PACKET_BYTES_MAX + 1);
    write_packet(fixture, body, PACKET_BYTES_MAX);
    assert_int_equal(read_all(fixture, &wholes), PACKET_WHOLE);
    assert_int_equal(fixture->packet.count, PACKET_BYTES_MAX);
    fixture->count = 0;
    write_packet(fixture, body, PACKET_BYTES_MAX + 1);
    assert_int_equal(read_all(fixture, &wholes), PACKET_DAMAGED);
    fixture->count = 0;
    write_packet(fixture, "g", 1);
    assert_int_equal(read_all(fixture, &wholes), PACKET_WHOLE);
    free(body);
}

static void an_escape_at_the_end_is_damage(void **state) {
    struct fixture *fixture = *state;
    static const char line[] = "$a}#de";
    for (size_t i = 0; i < strlen(line); i++) {
        enum packet_event event = packet_take(&fixture->packet, (uint8_t)line[i]);
        assert_int_equal(event, i + 1 < strlen(line) ? PACKET_MORE : PACKET_DAMAGED);
    }
}

static void bytes_between_are_told(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(packet_take(&fixture->packet, '+'), PACKET_TAKEN);
    assert_int_equal(packet_take(&fixture->packet, '-'), PACKET_AGAIN);
    assert_int_equal(packet_take(&fixture->packet, 3), PACKET_BREAK);
    assert_int_equal(packet_take(&fixture->packet, 'x'), PACKET_MORE);
}

static void words_are_read(void **state) {
    (void)state;
    const char *at = "1fF,x";
    uint64_t value;
    uint8_t bytes[2];
    assert_true(hex_number(&at, &value));
    assert_int_equal(value, 0x1ff);
    assert_false(word_pass(&at, ";"));
    assert_true(word_pass(&at, ","));
    assert_false(hex_number(&at, &value));
    at = "ffffffffffffffff";
    assert_true(hex_number(&at, &value));
    assert_true(value == UINT64_MAX);
    at = "10000000000000000";
    assert_false(hex_number(&at, &value));
    at = "abc";
    assert_false(hex_bytes(&at, bytes, 2));
    at = "efcdab8967452301";
    assert_true(hex_word(&at, &value, 8));
    assert_true(value == UINT64_C(0x0123456789abcdef));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_packets_are_so, make, drop),
        cmocka_unit_test_setup_teardown(all_bytes_pass, make, drop),
        cmocka_unit_test_setup_teardown(every_damaged_byte_shows, make, drop),
        cmocka_unit_test_setup_teardown(cut_ones_are_none, make, drop),
        cmocka_unit_test_setup_teardown(huge_ones_are_damaged, make, drop),
        cmocka_unit_test_setup_teardown(an_escape_at_the_end_is_damage, make, drop),
        cmocka_unit_test_setup_teardown(bytes_between_are_told, make, drop),
        cmocka_unit_test(words_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
