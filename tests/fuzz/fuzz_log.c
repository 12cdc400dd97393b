/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a log: refused in one line, or events in the order of their places, up to a defect
 * that is told.
 *
 * Once as they are; once more as the contents of frames, compressed and with all checksums right,
 * since no fuzzer guesses these.
 *
 * For libFuzzer: clang -fsanitize=fuzzer,address,undefined with this file, src/base/{base,stream}.c
 * and src/io/{host,log,log_frame,log_read,store}.c, -lxxhash -lzstd. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "io/log.h"

enum { FRAMES_MAX = 64, PATH_CHARS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_log: %s\n", what);
        abort();
    }
}

/* -- The file ---------------------------------------------------------------------------------- */

static void file_put(int file, const void *bytes, size_t size_bytes) {
    demand(write(file, bytes, size_bytes) == (ssize_t)size_bytes, "the host has no memory");
}

/** The end of what is joined so far. */
struct chain {
    uint64_t sum;
    struct log_place at;
    uint32_t count;
};

static void frame_put(int file, struct chain *chain, const uint8_t *raw, size_t raw_bytes) {
    uint8_t bytes[FRAME_HEAD_BYTES];
    size_t room_bytes = ZSTD_compressBound(raw_bytes);
    uint8_t *stored = malloc(room_bytes);
    demand(stored != NULL, "the host has no memory");
    size_t stored_bytes = ZSTD_compress(stored, room_bytes, raw, raw_bytes, 1);
    demand(!ZSTD_isError(stored_bytes), "zstd");
    struct frame_head head = {
        .idx = chain->count,
        .raw_bytes = (uint32_t)raw_bytes,
        .stored_bytes = (uint32_t)stored_bytes,
        .from = chain->at,
        .stored_sum = frame_sum(stored, stored_bytes),
    };
    if (chain->count++ > 0) {
        chain->at.steps += 1 << 20;
        chain->at.virtual_ns += INT64_C(1) << 50;
    }
    head.to = chain->at;
    frame_head_put(&head, chain->sum, bytes);
    chain->sum = head.sum;
    file_put(file, bytes, sizeof bytes);
    file_put(file, stored, stored_bytes);
    free(stored);
}

/* Each frame's size stands before it; the first is the header's. */
static void frames_put(int file, const uint8_t *bytes, size_t size_bytes) {
    uint8_t start[LOG_START_BYTES];
    struct chain chain = {.sum = log_start_put(start)};
    file_put(file, start, sizeof start);
    while (size_bytes > 0 && chain.count < FRAMES_MAX) {
        size_t part = min_u64(bytes[0], size_bytes - 1);
        frame_put(file, &chain, bytes + 1, part);
        bytes += 1 + part;
        size_bytes -= 1 + part;
    }
}

/* -- Reading ----------------------------------------------------------------------------------- */

static uint64_t events_read(struct log *log) {
    struct log_place before = {0};
    struct log_cursor first = log_cursor(log);
    const struct log_event *event;
    uint64_t sum = 0, count = 0;
    while ((event = log_peek(log)) != NULL) {
        demand(event->kind < LOG_KINDS && event->size_bytes <= LOG_BYTES_MAX, "no event");
        demand(event->at.steps >= before.steps && event->at.virtual_ns >= before.virtual_ns,
               "events out of order");
        sum += frame_sum(event->bytes, event->size_bytes) + ++count;
        before = event->at;
        log_pass(log);
    }
    log_seek(log, first);
    return sum;
}

static void file_read(int file) {
    char path[PATH_CHARS];
    struct error error = {.text = ""};
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct log *log = log_open(path, &error);
    if (log == NULL) {
        demand(error.status == STATUS_BAD_INPUT && strstr(error.text, path) != NULL &&
                   strchr(error.text, '\n') == NULL,
               "refused without a clear line");
        return;
    }
    uint64_t sum = events_read(log);
    demand(log_failed(log, &error) || events_read(log) == sum, "read twice, and not the same");
    demand(log_close(log, &error), "cannot be closed");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    int file = memfd_create("log", MFD_CLOEXEC);
    demand(file >= 0, "the host has no memory");
    file_put(file, bytes, size_bytes);
    file_read(file);
    demand(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0, "the host has no memory");
    frames_put(file, bytes, size_bytes);
    file_read(file);
    close(file);
    return 0;
}
