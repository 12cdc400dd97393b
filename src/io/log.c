/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a log: what came from outside, with the places in the run where it came.
 *
 * Events are collected in a batch. Twice a second, or when 64 KiB have come together, the batch is
 * handed to a thread, which makes a frame of it: compressed, with checksums, behind the last one.
 * Then it waits until the host's disk has it. So
 *
 *      run      | e e  e     | e        |          | e ee e | killed
 *      thread        | write, wait | write, wait |
 *      file     [start][header][frame 1: e e e, up to step 812][frame 2: e, up to step 990]
 *
 * what is lost with the program or the host is the last batch and those that the thread has not
 * finished: about a second.
 *
 * 1. Frames are only ever added at the end. Each says from where to where in the run it is
 *    complete, also when nothing came, so that a log that is cut anywhere says how far it goes.
 * 2. The run never waits for a disk, unless the thread is BATCHES_MAX behind: a host that is so
 *    slow must not eat up the memory either.
 * 3. After a failure nothing more is written: behind a gap nothing means anything.
 * 4. States on the way (LOG_WAYPOINT) have frames of their own, so that who reads inputs unpacks
 *    none of them. States are many frames; the disk is only waited for when inputs came, or one is
 *    whole: each wait may take as long as a hundred frames.
 * 5. The thread owns the end of the file, the run the batch in its hand; between them is one list,
 *    under the lock.
 *
 * Rejected: writing from the run itself (one fdatasync is tens of milliseconds on a busy disk);
 * memory-mapped files (an error of the host is a signal, and what is safe is up to the kernel); a
 * file that is renamed at its end (a recording that was killed is the one that is wanted most). */
#include "io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { BATCHES_MAX = 32, ZSTD_LEVEL = 3 };
static const int64_t HAND_NS = INT64_C(500000000);

/* -- Birth and death --------------------------------------------------------------------------- */

struct log *log_new(void) {
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        return NULL;
    }
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->changed, NULL);
    log->end = &log->first;
    log->store.descriptor = -1;
    return log;
}

static void batches_free(struct batch *batch) {
    while (batch != NULL) {
        struct batch *next = batch->next;
        free(batch);
        batch = next;
    }
}

void log_free(struct log *log) {
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->changed);
    batches_free(log->first);
    batches_free(log->spare);
    free(log->batch);
    free(log->stored);
    free(log->page.raw);
    free(log->page.stored);
    ZSTD_freeCCtx(log->packer);
    ZSTD_freeDCtx(log->page.unpacker);
    free(log->frames);
    free(log->header);
    free(log);
}

bool log_frame_add(struct log *log, const struct log_frame *frame) {
    if (log->frame_count == log->frame_room) {
        size_t room = 2 * log->frame_room + 64;
        struct log_frame *frames = realloc(log->frames, room * sizeof *frames);
        if (frames == NULL) {
            return false;
        }
        log->frames = frames;
        log->frame_room = room;
    }
    log->frames[log->frame_count++] = *frame;
    return true;
}

/* -- The end of the file ----------------------------------------------------------------------- */

/** What the frame after the last one is to be joined to. */
static uint64_t sum_before(const struct log *log) {
    uint8_t start[LOG_START_BYTES];
    return log->frame_count == 0 ? log_start_put(start)
                                 : log->frames[log->frame_count - 1].head.sum;
}

/** Head and bytes of a frame, as they lie in the file, in log->stored. @return Their size. */
static size_t frame_make(struct log *log, const struct batch *batch, struct frame_head *head) {
    uint8_t *stored = log->stored + FRAME_HEAD_BYTES;
    size_t size_bytes =
        ZSTD_compressCCtx(log->packer, stored, FRAME_STORED_MAX, batch->raw, batch->raw_bytes,
                          ZSTD_LEVEL);
    if (ZSTD_isError(size_bytes)) {
        return 0;
    }
    *head = (struct frame_head){
        .idx = (uint32_t)log->frame_count,
        .ends = batch->ends,
        .states = batch->states,
        .landmarks = batch->landmarks,
        .raw_bytes = (uint32_t)batch->raw_bytes,
        .stored_bytes = (uint32_t)size_bytes,
        .from = batch->from,
        .to = batch->to,
        .stored_sum = frame_sum(stored, size_bytes),
    };
    frame_head_put(head, sum_before(log), log->stored);
    return FRAME_HEAD_BYTES + size_bytes;
}

/* Only whoever writes changes size_bytes and the index, so it may look at them without the lock. */
static bool batch_write(struct log *log, const struct batch *batch) {
    struct log_frame frame = {.offset_bytes = log->size_bytes};
    size_t size_bytes = frame_make(log, batch, &frame.head);
    bool done =
        size_bytes > 0 && store_write(&log->store, log->stored, size_bytes, frame.offset_bytes);
    pthread_mutex_lock(&log->lock);
    done = done && log_frame_add(log, &frame);
    log->size_bytes += done ? size_bytes : 0;
    pthread_mutex_unlock(&log->lock);
    return done || store_fail(&log->store, STATUS_HOST_IO, "%s: out of memory", log->store.name);
}

/* -- The thread -------------------------------------------------------------------------------- */

/** Writes all that is there, then makes it safe. Called and returns with the lock. */
static void batches_write(struct log *log) {
    bool good = !log->failed;
    bool urgent = false;
    struct batch *batch = log->first;
    size_t count = log->waiting_count;
    pthread_mutex_unlock(&log->lock);
    for (size_t i = 0; i < count; i++) {
        good = good && batch_write(log, batch);
        urgent = urgent || batch->urgent;
        batch = i + 1 < count ? batch->next : batch;
    }
    good = good && (log->nameless || !urgent || store_sync(&log->store));
    pthread_mutex_lock(&log->lock);
    struct batch *rest = batch->next;
    batch->next = log->spare;
    log->spare = log->first;
    log->first = rest;
    log->end = rest == NULL ? &log->first : log->end;
    log->waiting_count -= count;
    log->failed = log->failed || !good;
    pthread_cond_broadcast(&log->changed);
}

static void *log_thread(void *of) {
    struct log *log = of;
    pthread_mutex_lock(&log->lock);
    while (log->first != NULL || !log->leaving) {
        if (log->first != NULL) {
            batches_write(log);
        } else {
            pthread_cond_wait(&log->changed, &log->lock);
        }
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* Without a thread the run writes by itself: slower, and the same file. */
void log_begin(struct log *log) {
    if (log->writable && !log->threaded) {
        log->threaded = pthread_create(&log->thread, NULL, log_thread, log) == 0;
    }
}

/* -- The run's side ---------------------------------------------------------------------------- */

/** A batch to fill, from where the log has come to. */
static void batch_begin(struct log *log) {
    struct batch *batch = log->spare;
    if (batch != NULL) {
        log->spare = batch->next;
    } else {
        batch = malloc(sizeof *batch);
        ensure(batch != NULL);
    }
    batch->next = NULL;
    batch->raw_bytes = 0;
    batch->ends = batch->states = batch->landmarks = batch->urgent = false;
    batch->from = batch->to = log->reached;
    log->last = log->reached;
    log->batch = batch;
}

/** Gives the batch away, complete up to log->reached. */
static void batch_hand(struct log *log) {
    struct batch *batch = log->batch;
    batch->to = log->reached;
    batch->urgent = batch->urgent || batch->raw_bytes == 0;
    pthread_mutex_lock(&log->lock);
    while (log->waiting_count >= BATCHES_MAX) {
        pthread_cond_wait(&log->changed, &log->lock);
    }
    *log->end = batch;
    log->end = &batch->next;
    log->waiting_count++;
    if (log->threaded) {
        pthread_cond_broadcast(&log->changed);
    } else {
        batches_write(log);
    }
    log->batch_idx++;
    batch_begin(log);
    pthread_mutex_unlock(&log->lock);
}

static enum status create_fail(const char *path, struct error *error) {
    return error_set(error, STATUS_HOST_IO, "%.400s: cannot be written (%s); name a file that can",
                     path, strerror(errno));
}

/** The start and the header's frame, before anything else. */
static bool log_start_write(struct log *log) {
    uint8_t start[LOG_START_BYTES];
    log_start_put(start);
    store_truncate(&log->store, 0);
    log->size_bytes = sizeof start;
    batch_begin(log);
    memcpy(log->batch->raw, log->header, log->header_bytes);
    log->batch->raw_bytes = log->header_bytes;
    log->batch->urgent = true;
    if (store_write(&log->store, start, sizeof start, 0)) {
        batch_hand(log);
    }
    return log->store.failure.status == STATUS_OK;
}

static bool log_file_open(struct log *log, const char *path) {
    const char *folder;
    int descriptor = path == NULL ? nameless_open(&folder)
                                  : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    return descriptor >= 0 &&
           store_init(&log->store, descriptor, path == NULL ? "temporary log" : path);
}

struct log *log_create(const char *path, const void *header, size_t size_bytes,
                       struct error *error) {
    struct log *log = log_new();
    const char *name = path == NULL ? "temporary log" : path;
    ensure(size_bytes <= LOG_BYTES_MAX);
    if (log == NULL || !log_file_open(log, path)) {
        create_fail(name, error);
        if (log != NULL) {
            log_free(log);
        }
        return NULL;
    }
    log->writable = true;
    log->nameless = path == NULL;
    log->next.frame_idx = 1;
    log->header = malloc(size_bytes + 1);
    log->header_bytes = size_bytes;
    log->stored = malloc(FRAME_HEAD_BYTES + FRAME_STORED_MAX);
    log->packer = ZSTD_createCCtx();
    if (log->header != NULL && log->stored != NULL && log->packer != NULL) {
        memcpy(log->header, header, size_bytes);
        if (store_lock(&log->store, STORE_EXCLUSIVE) && log_start_write(log)) {
            return log;
        }
    }
    *error = log->store.failure;
    if (error->status == STATUS_OK) {
        create_fail(name, error);
    }
    store_close(&log->store);
    log_free(log);
    return NULL;
}

void log_append(struct log *log, const struct log_event *event) {
    bool state = event->kind == LOG_WAYPOINT;
    ensure(log->writable && event->size_bytes <= LOG_BYTES_MAX);
    if (log->batch->raw_bytes > 0 && log->batch->states != state) {
        batch_hand(log);
    }
    struct batch *batch = log->batch;
    uint8_t *at = batch->raw + batch->raw_bytes;
    uint8_t head[EVENT_HEAD_MAX];
    size_t head_bytes = event_head_put(event, log->last, head);
    memcpy(at, head, head_bytes);
    if (event->size_bytes > 0) {
        memcpy(at + head_bytes, event->bytes, event->size_bytes);
    }
    batch->raw_bytes += head_bytes + event->size_bytes;
    batch->ends = event->kind == LOG_END;
    batch->states = state;
    batch->landmarks = batch->landmarks || (state && event->idx != 0);
    batch->urgent = batch->urgent || batch->landmarks || !(state || event->kind == LOG_STATE);
    log->last = log->reached = event->at;
    if (batch->raw_bytes >= FRAME_FULL_BYTES) {
        batch_hand(log);
    }
}

bool log_has_room(struct log *log) {
    pthread_mutex_lock(&log->lock);
    bool room = log->waiting_count < BATCHES_MAX / 2;
    pthread_mutex_unlock(&log->lock);
    return room;
}

void log_reach(struct log *log, struct log_place place, int64_t host_ns) {
    log->reached = place;
    if (host_ns - log->handed_ns >= HAND_NS) {
        log->handed_ns = host_ns;
        batch_hand(log);
    }
}

bool log_flush(struct log *log) {
    if (log->batch->raw_bytes > 0 || !log_place_same(log->batch->from, log->reached)) {
        batch_hand(log);
    }
    pthread_mutex_lock(&log->lock);
    while (log->first != NULL) {
        pthread_cond_wait(&log->changed, &log->lock);
    }
    bool good = !log->failed;
    pthread_mutex_unlock(&log->lock);
    return good;
}

bool log_failed(struct log *log, struct error *error) {
    pthread_mutex_lock(&log->lock);
    bool failed = log->failed;
    pthread_mutex_unlock(&log->lock);
    if (failed) {
        *error = log->store.failure;
    } else if (log->failure.status != STATUS_OK) {
        *error = log->failure;
        failed = true;
    }
    return failed;
}

bool log_close(struct log *log, struct error *error) {
    if (log == NULL) {
        return true;
    }
    bool good = !log->writable || log_flush(log);
    if (log->threaded) {
        pthread_mutex_lock(&log->lock);
        log->leaving = true;
        pthread_cond_broadcast(&log->changed);
        pthread_mutex_unlock(&log->lock);
        pthread_join(log->thread, NULL);
    }
    good = store_close(&log->store) && good;
    if (!good) {
        *error = log->store.failure;
    }
    log_free(log);
    return good;
}

uint64_t log_size_bytes(const struct log *log) {
    struct log *shared = (struct log *)log;
    pthread_mutex_lock(&shared->lock);
    uint64_t size_bytes = log->size_bytes;
    pthread_mutex_unlock(&shared->lock);
    return size_bytes;
}
