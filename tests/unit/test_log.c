/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logs: what goes in comes out; whatever is flipped or cut, what comes out is the beginning of what
 * went in, and said to be no more than that. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/log.h"

static const char HEADER[] = "what it is made of";
enum { EVENTS = 40, FRAME_EVENTS = 7 };

/** A folder of the test's own. */
struct place {
    char folder[64], path[128], copy[128];
};

static int place_make(void **state) {
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    /* In memory where there is such a folder: how slow a disk is does not matter here. */
    bool shm = access("/dev/shm", W_OK) == 0;
    strcpy(place->folder, shm ? "/dev/shm/sandglass-log-XXXXXX" : "/tmp/sandglass-log-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/a.sgl", place->folder);
    snprintf(place->copy, sizeof place->copy, "%s/b.sgl", place->folder);
    *state = place;
    return 0;
}

static int place_free(void **state) {
    struct place *place = *state;
    unlink(place->path);
    unlink(place->copy);
    rmdir(place->folder);
    free(place);
    return 0;
}

/* -- Events that follow from their number ------------------------------------------------------ */

static uint8_t event_bytes[LOG_BYTES_MAX];

static struct log_event event_of(unsigned idx) {
    static const size_t sizes[] = {1, 0, 300, 64, 1514, 2, 127, 128};
    struct log_event event = {
        .kind = idx % 4 == 3 ? LOG_HASH : LOG_ARRIVAL,
        .fresh = idx % 3 != 1,
        .idx = (uint8_t)(idx * 5),
        .at = {.steps = (uint64_t)idx * idx * 1000003,
               .virtual_ns = (vtime)idx * 1000000007,
               .in_round = idx % 5 == 2},
        .bytes = event_bytes,
        .size_bytes = sizes[idx % COUNT(sizes)],
    };
    for (size_t i = 0; i < event.size_bytes; i++) {
        event_bytes[i] = (uint8_t)(idx + i * i);
    }
    return event;
}

static void expect_event(const struct log_event *event, unsigned idx) {
    struct log_event wanted = event_of(idx);
    assert_int_equal(event->kind, wanted.kind);
    assert_int_equal(event->fresh, wanted.fresh);
    assert_int_equal(event->idx, wanted.idx);
    assert_true(log_place_same(event->at, wanted.at));
    assert_int_equal(event->size_bytes, wanted.size_bytes);
    assert_memory_equal(event->bytes, wanted.bytes, wanted.size_bytes);
}

static struct log *log_start(const char *path) {
    struct error error;
    struct log *log = log_create(path, HEADER, sizeof HEADER, &error);
    assert_non_null(log);
    return log;
}

static void log_put(struct log *log, unsigned idx) {
    struct log_event event = event_of(idx);
    log_append(log, &event);
    if (idx % FRAME_EVENTS == FRAME_EVENTS - 1) {
        log_reach(log, event.at, (int64_t)idx * 1000000000);
    }
}

static void log_put_end(struct log *log) {
    struct log_event end = event_of(EVENTS);
    end.kind = LOG_END;
    log_append(log, &end);
}

static void log_make(const char *path, bool threaded) {
    struct log *log = log_start(path);
    struct error error;
    if (threaded) {
        log_begin(log);
    }
    for (unsigned i = 0; i < EVENTS; i++) {
        log_put(log, i);
    }
    log_put_end(log);
    assert_true(log_close(log, &error));
}

/** Reads all there is. @return How many events, of the right ones. */
static unsigned log_expect(struct log *log) {
    unsigned count = 0;
    const struct log_event *event;
    while ((event = log_peek(log)) != NULL && event->kind != LOG_END) {
        assert_true(count < EVENTS);
        expect_event(event, count++);
        log_pass(log);
    }
    if (event != NULL) {
        assert_int_equal(count, EVENTS);
        log_pass(log);
        assert_null(log_peek(log));
    }
    return count;
}

/* -- What goes in comes out -------------------------------------------------------------------- */

static void all_comes_back(void **state) {
    struct place *place = *state;
    for (unsigned threaded = 0; threaded < 2; threaded++) {
        struct error error;
        size_t size_bytes;
        log_make(place->path, threaded);
        struct log *log = log_open(place->path, &error);
        assert_non_null(log);
        assert_null(log_defect(log));
        assert_memory_equal(log_header(log, &size_bytes), HEADER, sizeof HEADER);
        assert_int_equal(size_bytes, sizeof HEADER);
        assert_int_equal(log_expect(log), EVENTS);
        assert_true(log_place_same(log_reached(log), event_of(EVENTS).at));
        assert_false(log_failed(log, &error));
        assert_true(log_close(log, &error));
    }
}

/* As large as events get, and many of them at once. */
static void great_ones_come_back(void **state) {
    struct place *place = *state;
    struct error error;
    struct log *log = log_start(place->path);
    uint64_t random = 1;
    uint8_t *bytes = malloc(LOG_BYTES_MAX);
    assert_non_null(bytes);
    for (size_t i = 0; i < LOG_BYTES_MAX; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(random >> 56);
    }
    log_begin(log);
    for (unsigned i = 0; i < 50; i++) {
        struct log_event event = {.at = {.steps = i}, .bytes = bytes, .size_bytes = LOG_BYTES_MAX};
        event.size_bytes -= i * 20000;
        log_append(log, &event);
    }
    assert_true(log_close(log, &error));
    log = log_open(place->path, &error);
    assert_non_null(log);
    assert_string_equal(log_defect(log), "its end is missing");
    for (unsigned i = 0; i < 50; i++) {
        const struct log_event *event = log_peek(log);
        assert_non_null(event);
        assert_int_equal(event->at.steps, i);
        assert_int_equal(event->size_bytes, LOG_BYTES_MAX - i * 20000);
        assert_memory_equal(event->bytes, bytes, event->size_bytes);
        log_pass(log);
    }
    assert_null(log_peek(log));
    assert_true(log_close(log, &error));
    free(bytes);
}

/* A log that is being written is read from any place that was noted, and then goes on. */
static void one_goes_back_while_it_is_written(void **state) {
    struct place *place = *state;
    struct error error;
    struct log_cursor cursors[EVENTS];
    for (unsigned named = 0; named < 2; named++) {
        struct log *log = log_start(named ? place->path : NULL);
        log_begin(log);
        for (unsigned i = 0; i < EVENTS; i++) {
            cursors[i] = log_cursor_end(log);
            log_put(log, i);
            unsigned back = i * 7 % (i + 1);
            log_seek(log, cursors[back]);
            for (unsigned j = back; j <= i; j++) {
                const struct log_event *event = log_peek(log);
                assert_non_null(event);
                expect_event(event, j);
                struct log_cursor here = log_cursor(log);
                log_seek(log, here);
                expect_event(log_peek(log), j);
                log_pass(log);
            }
            assert_null(log_peek(log));
            assert_true(log_place_same(log_reached(log), event_of(i).at));
        }
        log_put_end(log);
        assert_true(log_close(log, &error));
    }
    struct log *log = log_open(place->path, &error);
    assert_non_null(log);
    assert_int_equal(log_expect(log), EVENTS);
    assert_true(log_close(log, &error));
}

/* It says how far it is complete also where nothing came. */
static void nothing_is_something(void **state) {
    struct place *place = *state;
    struct error error;
    struct log *log = log_start(place->path);
    struct log_place at = {.steps = 1000000, .virtual_ns = 8000000};
    log_reach(log, at, 1000000000);
    at.steps *= 2;
    log_reach(log, at, 1400000000);
    assert_true(log_place_same(log_reached(log), at));
    assert_true(log_close(log, &error));
    log = log_open(place->path, &error);
    assert_non_null(log);
    assert_true(log_place_same(log_reached(log), at));
    assert_null(log_peek(log));
    assert_true(log_close(log, &error));
}

/* -- Damage ------------------------------------------------------------------------------------ */

struct bytes {
    uint8_t *at;
    size_t count;
};

static struct bytes file_get(const char *path) {
    struct stat stat_of;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &stat_of) == 0);
    struct bytes bytes = {malloc((size_t)stat_of.st_size), (size_t)stat_of.st_size};
    assert_non_null(bytes.at);
    assert_int_equal(read(fd, bytes.at, bytes.count), bytes.count);
    close(fd);
    return bytes;
}

static void file_put(const char *path, const uint8_t *bytes, size_t count) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), count);
    close(fd);
}

/**
 * Opens what was damaged: one clear line, or the beginning of what was written, of which it is
 * known that it is no more.
 * @return Events that came; -1: it could not be opened.
 */
static int damaged_expect(const char *path, const char *defect) {
    struct error error = {.text = ""};
    struct log *log = log_open(path, &error);
    if (log == NULL) {
        assert_int_equal(error.status, STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, path));
        assert_null(strchr(error.text, '\n'));
        return -1;
    }
    assert_non_null(log_defect(log));
    if (defect != NULL) {
        assert_string_equal(log_defect(log), defect);
    }
    unsigned count = log_expect(log);
    assert_true(count % FRAME_EVENTS == 0 || count == EVENTS);
    assert_false(log_failed(log, &error));
    struct log_place reached = log_reached(log);
    struct log_place last = count == 0 ? (struct log_place){0} : event_of(count - 1).at;
    assert_true(log_place_same(reached, last));
    assert_true(log_close(log, &error));
    return (int)count;
}

static void every_byte_that_is_flipped_is_found(void **state) {
    struct place *place = *state;
    log_make(place->path, false);
    struct bytes bytes = file_get(place->path);
    int most = 0;
    for (size_t i = 0; i < bytes.count; i++) {
        uint8_t flip = (uint8_t)(1u << (i % 8));
        bytes.at[i] ^= flip;
        file_put(place->copy, bytes.at, bytes.count);
        int count = damaged_expect(place->copy, NULL);
        most = count > most ? count : most;
        assert_true(count < EVENTS);
        bytes.at[i] ^= flip;
    }
    assert_int_equal(most, EVENTS / FRAME_EVENTS * FRAME_EVENTS);
    free(bytes.at);
}

static void every_cut_is_found(void **state) {
    struct place *place = *state;
    log_make(place->path, false);
    struct bytes bytes = file_get(place->path);
    int before = -1;
    for (size_t size = 0; size < bytes.count; size++) {
        file_put(place->copy, bytes.at, size);
        int count = damaged_expect(place->copy, "its end is missing");
        assert_true(count >= before);
        before = count;
    }
    assert_int_equal(before, EVENTS / FRAME_EVENTS * FRAME_EVENTS);
    free(bytes.at);
}

/* A host that crashed leaves zeros where it had not written yet. */
static void zeros_at_the_end_are_a_missing_end(void **state) {
    struct place *place = *state;
    log_make(place->path, false);
    struct bytes bytes = file_get(place->path);
    for (size_t size = 200; size < bytes.count; size += 37) {
        uint8_t *copy = calloc(1, bytes.count + 100);
        assert_non_null(copy);
        memcpy(copy, bytes.at, size);
        file_put(place->copy, copy, bytes.count + 100);
        (void)damaged_expect(place->copy, NULL);
        free(copy);
    }
    free(bytes.at);
}

/* Frames are joined: none can be left out, come twice or stand before another. */
static void frames_keep_their_order(void **state) {
    enum { START_BYTES = 16, HEAD_BYTES = 80 };
    struct place *place = *state;
    log_make(place->path, false);
    struct bytes bytes = file_get(place->path);
    size_t at[16];
    size_t count = 0;
    for (size_t i = START_BYTES; i < bytes.count;) {
        uint32_t stored;
        at[count++] = i;
        memcpy(&stored, bytes.at + i + 12, sizeof stored);
        i += HEAD_BYTES + (stored & INT32_MAX);
    }
    assert_int_equal(count, 2 + EVENTS / FRAME_EVENTS);
    uint8_t *copy = malloc(bytes.count);
    assert_non_null(copy);
    for (size_t i = 1; i + 1 < count; i++) {
        size_t left = bytes.count - at[i + 1];
        memcpy(copy, bytes.at, at[i]);
        memcpy(copy + at[i], bytes.at + at[i + 1], left);
        file_put(place->copy, copy, at[i] + left);
        assert_int_equal(damaged_expect(place->copy, "it is damaged"), (i - 1) * FRAME_EVENTS);
    }
    free(copy);
    free(bytes.at);
}

static void more_behind_the_end_is_damage(void **state) {
    struct place *place = *state;
    struct error error;
    log_make(place->path, false);
    struct bytes bytes = file_get(place->path);
    uint8_t *copy = malloc(bytes.count + 1);
    assert_non_null(copy);
    memcpy(copy, bytes.at, bytes.count);
    copy[bytes.count] = 7;
    file_put(place->copy, copy, bytes.count + 1);
    struct log *log = log_open(place->copy, &error);
    assert_non_null(log);
    assert_string_equal(log_defect(log), "it is damaged");
    assert_true(log_close(log, &error));
    free(copy);
    free(bytes.at);
}

/* -- States on the way ------------------------------------------------------------------------- */

enum { STATES = 6, PIECES = 4, INPUTS = 5, PIECE_BYTES = 700 };

/* States of 1 to PIECES pieces, and inputs before each of these and behind the last. */
static struct log_event piece_of(unsigned state, unsigned idx) {
    unsigned count = 1 + state % PIECES;
    struct log_event event = event_of(0);
    event.kind = LOG_WAYPOINT;
    event.idx = (uint8_t)((idx == 0 ? WAYPOINT_FIRST : 0) | (idx + 1 == count ? WAYPOINT_LAST : 0));
    event.size_bytes = PIECE_BYTES + state;
    memset(event_bytes, (int)(16 * state + idx), event.size_bytes);
    return event;
}

static void states_make(const char *path) {
    struct log *log = log_start(path);
    struct error error;
    unsigned input = 0;
    for (unsigned state = 0; state < STATES; state++) {
        for (unsigned idx = 0; idx <= state % PIECES; idx++) {
            struct log_place at = event_of(input).at;
            log_put(log, input++);
            struct log_event piece = piece_of(state, idx);
            piece.at = at;
            log_append(log, &piece);
        }
    }
    while (input < EVENTS) {
        log_put(log, input++);
    }
    log_put_end(log);
    assert_true(log_close(log, &error));
}

/** Reads all states. @return How many are whole. */
static unsigned states_expect(struct log *log) {
    struct log_cursor firsts[STATES];
    unsigned count = 0;
    bool open = false;
    const struct log_event *event;
    log_seek_states(log, (struct log_cursor){.frame_idx = 1});
    while ((event = log_peek_landmark(log)) != NULL) {
        assert_int_equal(event->kind, LOG_WAYPOINT);
        assert_true(count < STATES && open == ((event->idx & WAYPOINT_FIRST) == 0));
        if (!open) {
            firsts[count] = log_cursor(log);
        }
        open = (event->idx & WAYPOINT_LAST) == 0;
        count += !open;
        log_pass(log);
    }
    for (unsigned state = count; state-- > 0;) {
        log_seek_states(log, firsts[state]);
        for (unsigned idx = 0; idx <= state % PIECES; idx++) {
            event = log_peek(log);
            assert_non_null(event);
            struct log_event wanted = piece_of(state, idx);
            assert_int_equal(event->idx, wanted.idx);
            assert_int_equal(event->size_bytes, wanted.size_bytes);
            assert_memory_equal(event->bytes, wanted.bytes, wanted.size_bytes);
            log_pass(log);
        }
    }
    log_seek(log, (struct log_cursor){.frame_idx = 1});
    return count;
}

static void states_lie_beside_inputs(void **state) {
    struct place *place = *state;
    struct error error;
    states_make(place->path);
    struct log *log = log_open(place->path, &error);
    assert_non_null(log);
    assert_int_equal(log_expect(log), EVENTS);
    assert_int_equal(states_expect(log), STATES);
    assert_int_equal(log_expect(log), EVENTS);
    assert_true(log_close(log, &error));
}

/* What is read of a damaged log are the first inputs and states; @return how many states. */
static unsigned damaged_states_expect(const char *path, int most) {
    struct error error;
    struct log *log = log_open(path, &error);
    unsigned count = 0;
    if (log != NULL) {
        assert_non_null(log_defect(log));
        count = states_expect(log);
        assert_true((int)log_expect(log) <= most);
        assert_true(log_close(log, &error));
    }
    return count;
}

static void damage_leaves_whole_states(void **state) {
    struct place *place = *state;
    states_make(place->path);
    struct bytes bytes = file_get(place->path);
    unsigned before = 0, seen = 0;
    for (size_t i = 0; i < bytes.count; i++) {
        uint8_t flip = (uint8_t)(1u << (i % 8));
        file_put(place->copy, bytes.at, i);
        unsigned count = damaged_states_expect(place->copy, EVENTS);
        assert_true(count >= before);
        before = count;
        bytes.at[i] ^= flip;
        file_put(place->copy, bytes.at, bytes.count);
        count = damaged_states_expect(place->copy, EVENTS);
        assert_true(count <= before + 1);
        seen |= 1u << count;
        bytes.at[i] ^= flip;
    }
    assert_int_equal(before, STATES);
    assert_int_equal(seen, (1u << (STATES + 1)) - 1);
    free(bytes.at);
}

/* -- The host ---------------------------------------------------------------------------------- */

/* -- What is to be safe ------------------------------------------------------------------------ */

/** How often the host's disk was waited for. */
static unsigned sync_count;

static int sync_note(struct store *store) {
    (void)store;
    sync_count++;
    return 0;
}

/* Each wait takes as long as many frames. */
static void a_state_is_safe_when_it_is_whole(void **state) {
    struct place *place = *state;
    struct store_ops ops = store_host_ops;
    struct error error;
    struct log *log = log_start(place->path);
    ops.sync = sync_note;
    log->store.ops = &ops;
    sync_count = 0;
    for (unsigned i = 0; i < 20; i++) {
        log_append(log, &(struct log_event){
                            .kind = LOG_STATE, .bytes = event_bytes, .size_bytes = LOG_BYTES_MAX});
    }
    assert_int_equal(sync_count, 0);
    log_put_end(log);
    assert_true(log_close(log, &error));
    assert_int_equal(sync_count, 1);
}

static void a_folder_that_is_not_there(void **state) {
    struct error error;
    (void)state;
    assert_null(log_create("/nonexistent/a.sgl", HEADER, sizeof HEADER, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_null(log_open("/nonexistent/a.sgl", &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_null(log_open("/tmp", &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
}

static void two_do_not_write_to_one(void **state) {
    struct place *place = *state;
    struct error error;
    struct log *log = log_start(place->path);
    assert_null(log_create(place->path, HEADER, sizeof HEADER, &error));
    assert_int_equal(error.status, STATUS_HOST_IO);
    assert_non_null(strstr(error.text, "in use by another run"));
    log_put(log, 0);
    assert_true(log_close(log, &error));
}

/* /dev/full takes nothing: the run is told. */
static void a_full_disk_is_told(void **state) {
    struct error error = {.text = ""};
    (void)state;
    struct log *log = log_create("/dev/full", HEADER, sizeof HEADER, &error);
    if (log == NULL) {
        assert_int_equal(error.status, STATUS_HOST_IO);
        assert_non_null(strstr(error.text, "/dev/full"));
        return;
    }
    log_put(log, 0);
    assert_false(log_flush(log));
    assert_true(log_failed(log, &error));
    assert_false(log_close(log, &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_comes_back, place_make, place_free),
        cmocka_unit_test_setup_teardown(great_ones_come_back, place_make, place_free),
        cmocka_unit_test_setup_teardown(one_goes_back_while_it_is_written, place_make, place_free),
        cmocka_unit_test_setup_teardown(nothing_is_something, place_make, place_free),
        cmocka_unit_test_setup_teardown(every_byte_that_is_flipped_is_found, place_make,
                                        place_free),
        cmocka_unit_test_setup_teardown(every_cut_is_found, place_make, place_free),
        cmocka_unit_test_setup_teardown(zeros_at_the_end_are_a_missing_end, place_make, place_free),
        cmocka_unit_test_setup_teardown(frames_keep_their_order, place_make, place_free),
        cmocka_unit_test_setup_teardown(more_behind_the_end_is_damage, place_make, place_free),
        cmocka_unit_test_setup_teardown(states_lie_beside_inputs, place_make, place_free),
        cmocka_unit_test_setup_teardown(damage_leaves_whole_states, place_make, place_free),
        cmocka_unit_test_setup_teardown(a_state_is_safe_when_it_is_whole, place_make, place_free),
        cmocka_unit_test(a_folder_that_is_not_there),
        cmocka_unit_test_setup_teardown(two_do_not_write_to_one, place_make, place_free),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
