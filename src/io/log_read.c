/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a log, one that is whole, one that ends too soon, and one that is still being written.
 *
 * All checksums are looked at when a log is opened: what lies behind the first frame that is not
 * as it was written is not there. So whoever reads knows from the beginning how far he will come,
 * and is never told half of an event. After that a frame is unpacked when the reader gets to it;
 * what cannot be unpacked in spite of its checksum was not written by us. */
#include "io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static const char END_MISSING[] = "its end is missing";
static const char DAMAGED[] = "it is damaged";

static bool page_make(struct log *log) {
    struct page *page = &log->page;
    page->raw = page->raw == NULL ? malloc(FRAME_RAW_MAX) : page->raw;
    page->stored = page->stored == NULL ? malloc(FRAME_STORED_MAX) : page->stored;
    page->unpacker = page->unpacker == NULL ? ZSTD_createDCtx() : page->unpacker;
    return page->raw != NULL && page->stored != NULL && page->unpacker != NULL;
}

/* -- Opening ----------------------------------------------------------------------------------- */

/** What is there of the file from an offset on. */
struct rest {
    uint64_t offset_bytes, left_bytes;
};

/* A host that crashed may have given room to what it had not written yet. */
static bool rest_is_zeros(struct log *log, struct rest rest) {
    uint8_t bytes[512];
    while (rest.left_bytes > 0) {
        size_t part = min_u64(rest.left_bytes, sizeof bytes);
        if (!store_read(&log->store, bytes, part, rest.offset_bytes)) {
            return false;
        }
        for (size_t i = 0; i < part; i++) {
            if (bytes[i] != 0) {
                return false;
            }
        }
        rest.offset_bytes += part;
        rest.left_bytes -= part;
    }
    return true;
}

/** Does a frame go on where the one before stopped? */
static bool frame_follows(const struct log *log, const struct frame_head *head) {
    struct log_place before = log->reached;
    bool first = log->frame_count == 0;
    return head->idx == log->frame_count && log_place_same(head->from, before) &&
           head->to.steps >= before.steps && head->to.virtual_ns >= before.virtual_ns &&
           (!first || (head->raw_bytes <= LOG_BYTES_MAX && log_place_same(head->to, before)));
}

/**
 * Checks the next frame, and adds it to the index.
 * @return false: there is no other; log->defect says why if that should not be.
 */
static bool frame_scan(struct log *log, struct rest *rest, uint64_t *sum) {
    uint8_t bytes[FRAME_HEAD_BYTES];
    struct log_frame frame = {.offset_bytes = rest->offset_bytes};
    struct frame_head *head = &frame.head;
    if (rest->left_bytes < sizeof bytes) {
        bool over = log->frame_count > 0 && log->frames[log->frame_count - 1].head.ends;
        log->defect = !over ? END_MISSING : rest->left_bytes > 0 ? DAMAGED : NULL;
        return false;
    }
    log->defect = DAMAGED;
    if (!store_read(&log->store, bytes, sizeof bytes, rest->offset_bytes)) {
        return false;
    }
    if (!frame_head_get(head, *sum, bytes) || !frame_follows(log, head)) {
        log->defect = rest_is_zeros(log, *rest) ? END_MISSING : DAMAGED;
        return false;
    }
    if (rest->left_bytes - sizeof bytes < head->stored_bytes) {
        log->defect = END_MISSING;
        return false;
    }
    if (!store_read(&log->store, log->page.stored, head->stored_bytes,
                    rest->offset_bytes + sizeof bytes)) {
        return false;
    }
    if (head->stored_sum != frame_sum(log->page.stored, head->stored_bytes)) {
        /* Room without contents at the very end is a host that crashed, too. */
        bool last = rest->left_bytes - sizeof bytes == head->stored_bytes;
        struct rest tail = {rest->offset_bytes + sizeof bytes, head->stored_bytes};
        log->defect = last && rest_is_zeros(log, tail) ? END_MISSING : DAMAGED;
        return false;
    }
    *sum = head->sum;
    log->reached = head->to;
    rest->offset_bytes += sizeof bytes + head->stored_bytes;
    rest->left_bytes -= sizeof bytes + head->stored_bytes;
    return log_frame_add(log, &frame) && !head->ends;
}

/** Unpacks a frame whose bytes are in page.stored. */
static bool frame_unpack(struct log *log, const struct frame_head *head) {
    struct page *page = &log->page;
    page->raw_bytes = ZSTD_decompressDCtx(page->unpacker, page->raw, FRAME_RAW_MAX, page->stored,
                                          head->stored_bytes);
    return !ZSTD_isError(page->raw_bytes) && page->raw_bytes == head->raw_bytes;
}

static bool frame_read(struct log *log, uint64_t frame_idx) {
    pthread_mutex_lock(&log->lock);
    struct log_frame frame = log->frames[frame_idx];
    pthread_mutex_unlock(&log->lock);
    return store_read(&log->store, log->page.stored, frame.head.stored_bytes,
                      frame.offset_bytes + FRAME_HEAD_BYTES) &&
           frame_sum(log->page.stored, frame.head.stored_bytes) == frame.head.stored_sum &&
           frame_unpack(log, &frame.head);
}

static bool header_read(struct log *log) {
    if (log->frame_count == 0 || !frame_read(log, 0)) {
        return false;
    }
    log->header_bytes = log->page.raw_bytes;
    log->header = malloc(log->header_bytes + 1);
    if (log->header != NULL) {
        memcpy(log->header, log->page.raw, log->header_bytes);
    }
    return log->header != NULL;
}

/** @return NULL, or what is wrong, to follow the file's name. */
static const char *log_scan(struct log *log) {
    uint8_t start[LOG_START_BYTES];
    struct rest rest = {.offset_bytes = sizeof start};
    const char *defect;
    uint64_t sum;
    if (!store_size(&log->store, &rest.left_bytes) || rest.left_bytes < sizeof start) {
        return "is no log; name a file that sandglass record has made";
    }
    rest.left_bytes -= sizeof start;
    if (!store_read(&log->store, start, sizeof start, 0)) {
        return "cannot be read; look after the host's disk";
    }
    if (!log_start_get(start, &sum, &defect)) {
        return defect;
    }
    while (frame_scan(log, &rest, &sum)) {
    }
    log->size_bytes = rest.offset_bytes;
    if (!header_read(log)) {
        return "is damaged at its very beginning; nothing of it can be replayed";
    }
    /* What lies behind the end was not written by whoever wrote the end. */
    bool over = log->frames[log->frame_count - 1].head.ends;
    log->defect = over ? (rest.left_bytes > 0 ? DAMAGED : NULL) : log->defect;
    return NULL;
}

struct log *log_open(const char *path, struct error *error) {
    struct stat there;
    struct log *log = log_new();
    int descriptor = log == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        error_set(error, STATUS_BAD_INPUT, "%.400s: %s; name a log that can be read", path,
                  strerror(errno));
    } else if (fstat(descriptor, &there) != 0 || !S_ISREG(there.st_mode)) {
        error_set(error, STATUS_BAD_INPUT, "%.400s: is no file; name a log", path);
        close(descriptor);
    } else if (!store_init(&log->store, descriptor, path) || !page_make(log)) {
        error_set(error, STATUS_USAGE, "%.400s: out of memory; free some and try again", path);
    } else {
        const char *defect = log_scan(log);
        if (defect == NULL) {
            log->next = (struct log_cursor){.frame_idx = 1};
            return log;
        }
        error_set(error, STATUS_BAD_INPUT, "%.400s: %s", path, defect);
    }
    if (log != NULL) {
        store_close(&log->store);
        log_free(log);
    }
    return NULL;
}

/* -- What is known of it ----------------------------------------------------------------------- */

const char *log_name(const struct log *log) {
    return log->store.name;
}

const void *log_header(const struct log *log, size_t *size_bytes) {
    *size_bytes = log->header_bytes;
    return log->header;
}

struct log_place log_reached(const struct log *log) {
    return log->reached;
}

const char *log_defect(const struct log *log) {
    return log->defect;
}

/* -- Events ------------------------------------------------------------------------------------ */

static uint64_t frames_there(struct log *log) {
    pthread_mutex_lock(&log->lock);
    uint64_t count = log->frame_count;
    pthread_mutex_unlock(&log->lock);
    return count;
}

static struct frame_head frame_head_of(struct log *log, uint64_t frame_idx) {
    pthread_mutex_lock(&log->lock);
    struct frame_head head = log->frames[frame_idx].head;
    pthread_mutex_unlock(&log->lock);
    return head;
}

/** Reads the event at the cursor. @return false: there is none that belongs there. */
static bool event_read(struct log *log) {
    const struct log_cursor *next = &log->next;
    struct page *page = &log->page;
    struct log_place to = frame_head_of(log, next->frame_idx).to;
    size_t size_bytes = event_get(&log->event, next->before, page->raw + next->offset_bytes,
                                  page->raw_bytes - next->offset_bytes);
    bool good = size_bytes > 0 && log->event.at.steps <= to.steps &&
                log->event.at.virtual_ns <= to.virtual_ns;
    log->event_bytes = good ? size_bytes : 0;
    return good;
}

/** Has the frame of the cursor in the page. @return false: it is not there, or cannot be read. */
static bool page_turn(struct log *log) {
    struct page *page = &log->page;
    if (page->loaded && page->frame_idx == log->next.frame_idx) {
        return true;
    }
    if (log->next.frame_idx >= frames_there(log)) {
        return false;
    }
    page->frame_idx = log->next.frame_idx;
    page->loaded = page_make(log) && frame_read(log, page->frame_idx);
    if (!page->loaded && log->failure.status == STATUS_OK) {
        error_set(&log->failure, STATUS_BAD_INPUT,
                  "%.300s: frame %" PRIu64 " cannot be unpacked; nothing behind it can be replayed",
                  log->store.name, page->frame_idx);
    }
    return page->loaded;
}

/** Has the cursor in a frame that holds what is read now. @return false: there is no other. */
static bool frame_turn(struct log *log) {
    struct log_cursor *next = &log->next;
    uint64_t count = frames_there(log);
    uint64_t idx = next->frame_idx;
    while (idx < count && frame_head_of(log, idx).states != log->reads_states) {
        idx++;
    }
    if (idx != next->frame_idx && idx < count) {
        *next = (struct log_cursor){.frame_idx = idx};
    }
    return idx < count && page_turn(log);
}

const struct log_event *log_peek(struct log *log) {
    struct log_cursor *next = &log->next;
    struct page *page = &log->page;
    if (log->event_bytes > 0) {
        return &log->event;
    }
    while (log->failure.status == STATUS_OK && frame_turn(log)) {
        if (next->offset_bytes == 0) {
            next->before = frame_head_of(log, next->frame_idx).from;
        }
        if (next->offset_bytes < page->raw_bytes) {
            if (event_read(log)) {
                return &log->event;
            }
            error_set(&log->failure, STATUS_BAD_INPUT,
                      "%.300s: frame %" PRIu64 " holds what is no event; nothing behind it can be "
                      "replayed",
                      log->store.name, next->frame_idx);
            return NULL;
        }
        if (next->frame_idx + 1 >= frames_there(log)) {
            return NULL;
        }
        *next = (struct log_cursor){.frame_idx = next->frame_idx + 1};
    }
    return NULL;
}

void log_pass(struct log *log) {
    ensure(log->event_bytes > 0);
    log->next.offset_bytes += log->event_bytes;
    log->next.before = log->event.at;
    log->event_bytes = 0;
}

struct log_cursor log_cursor(const struct log *log) {
    return log->next;
}

struct log_cursor log_cursor_end(const struct log *log) {
    return (struct log_cursor){
        .frame_idx = log->batch_idx, .offset_bytes = log->batch->raw_bytes, .before = log->last};
}

void log_seek(struct log *log, struct log_cursor cursor) {
    if (log->writable) {
        (void)log_flush(log);
    }
    log->next = cursor;
    log->event_bytes = 0;
    log->reads_states = false;
}

void log_seek_states(struct log *log, struct log_cursor cursor) {
    log_seek(log, cursor);
    log->reads_states = true;
}

const struct log_event *log_peek_landmark(struct log *log) {
    const struct log_event *event = log_peek(log);
    while (event != NULL && event->idx == 0) {
        log_pass(log);
        uint64_t count = frames_there(log);
        uint64_t idx = log->next.frame_idx;
        while (idx < count && !frame_head_of(log, idx).landmarks) {
            idx++;
        }
        if (idx == count) {
            return NULL;
        }
        if (idx != log->next.frame_idx) {
            log->next = (struct log_cursor){.frame_idx = idx};
        }
        event = log_peek(log);
    }
    return event;
}
