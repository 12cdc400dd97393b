/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a log is made of. Private to io/. */
#ifndef IO_LOG_H
#define IO_LOG_H

#include <pthread.h>

#include "io/disk.h"
#include "io/io.h"

/* -- log_frame.c: how it lies in the file ------------------------------------------------------ */

enum { LOG_VERSION = 2, LOG_FEATURES = 0, LOG_START_BYTES = 16, FRAME_HEAD_BYTES = 80 };
enum {
    FRAME_FULL_BYTES = 64 << 10,
    FRAME_RAW_MAX = FRAME_FULL_BYTES + LOG_BYTES_MAX + 64,
    FRAME_STORED_MAX = FRAME_RAW_MAX + (FRAME_RAW_MAX >> 7)
};

/** Before the bytes of each frame. */
struct frame_head {
    uint32_t idx;
    bool ends;      /* it holds LOG_END */
    bool states;    /* it holds LOG_WAYPOINT, and nothing else */
    bool landmarks; /* one of these is the first or the last of a state */
    uint32_t raw_bytes, stored_bytes;
    struct log_place from, to;
    uint64_t stored_sum; /* of the bytes */
    uint64_t sum;        /* of all this, and of the frame before: set by frame_head_put() */
};

/** What every log begins with. @return Its checksum, for the first frame. */
uint64_t log_start_put(uint8_t bytes[LOG_START_BYTES]);
/** @return false with what is wrong, to follow the file's name. */
bool log_start_get(const uint8_t bytes[LOG_START_BYTES], uint64_t *sum, const char **defect);

/** @param before  sum of the frame before, or of the start. */
void frame_head_put(struct frame_head *head, uint64_t before, uint8_t bytes[FRAME_HEAD_BYTES]);
/** @return false: damaged. */
bool frame_head_get(struct frame_head *head, uint64_t before,
                    const uint8_t bytes[FRAME_HEAD_BYTES]);
uint64_t frame_sum(const void *stored, size_t size_bytes);

enum { EVENT_HEAD_MAX = 40 };

/** What stands before an event's bytes. @return Its size. */
size_t event_head_put(const struct log_event *event, struct log_place before,
                      uint8_t bytes[EVENT_HEAD_MAX]);
/**
 * Reads an event that begins at @p bytes.
 * @return Its size with all its bytes; 0: there is none that is whole.
 */
size_t event_get(struct log_event *event, struct log_place before, const uint8_t *bytes,
                 size_t size_bytes);

/* -- log.c ------------------------------------------------------------------------------------- */

/** A frame of the file. */
struct log_frame {
    uint64_t offset_bytes; /* of its head */
    struct frame_head head;
};

/** A frame that is not in the file yet. */
struct batch {
    struct batch *next;
    struct log_place from, to;
    bool ends, states, landmarks; /* as in its head */
    bool urgent;                  /* the host's disk is to have it soon: not a part of a state */
    size_t raw_bytes;
    uint8_t raw[FRAME_RAW_MAX];
};

/** A frame that has been read. */
struct page {
    uint64_t frame_idx;
    bool loaded;
    uint8_t *raw;    /* FRAME_RAW_MAX */
    uint8_t *stored; /* FRAME_STORED_MAX */
    size_t raw_bytes;
    struct ZSTD_DCtx_s *unpacker;
};

struct log {
    struct store store;
    void *header;
    size_t header_bytes;
    bool writable;
    bool nameless;      /* nobody would find it after a crash */
    const char *defect; /* of one that was opened */
    struct error failure;

    /* What whoever appends has in hand. */
    struct batch *batch;
    uint64_t batch_idx; /* of the frame that it will be */
    struct log_place last;
    struct log_place reached;
    int64_t handed_ns; /* host time when the batch before was handed over */

    /* What is shared with the thread: under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool threaded, leaving;
    struct batch *first, **end; /* handed over, not in the file yet */
    size_t waiting_count;
    struct batch *spare;
    bool failed;
    struct log_frame *frames;
    size_t frame_count, frame_room;
    uint64_t size_bytes;

    /* The thread's. */
    pthread_t thread;
    uint8_t *stored; /* FRAME_STORED_MAX */
    struct ZSTD_CCtx_s *packer;

    /* The reader's. */
    struct page page;
    bool reads_states;      /* instead of inputs */
    struct log_cursor next; /* of the event that log_peek() gives */
    size_t event_bytes;     /* its size; 0: not read yet */
    struct log_event event;
};

/** One more frame in the index. @return false: out of memory. */
bool log_frame_add(struct log *log, const struct log_frame *frame);
/** Empty, with its lock. NULL: out of memory. */
struct log *log_new(void);
/** Takes all back but the store's descriptor. */
void log_free(struct log *log);

#endif
