/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a log lies in its file: the start, heads of frames, heads of events. docs/record.md has it in
 * tables.
 *
 * Each frame's checksum goes into the next one's, and the start's into the first one's: so frames
 * that are whole but in another order or of another log are damage, too. */
#include "io/log.h"

#include <string.h>
#include <xxhash.h>

static const uint8_t magic[8] = {0x89, 'S', 'G', 'L', '\r', '\n', 0x1a, '\n'};
static const uint8_t frame_magic[4] = {'S', 'G', 'L', 'f'};

/* -- Numbers ----------------------------------------------------------------------------------- */

static void number_put(uint8_t *bytes, uint64_t value, unsigned size_bytes) {
    for (unsigned i = 0; i < size_bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t number_get(const uint8_t *bytes, unsigned size_bytes) {
    uint64_t value = 0;
    for (unsigned i = size_bytes; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/** Seven bits a byte, the least significant first; the last byte is below 128. */
static size_t short_put(uint8_t *bytes, uint64_t value) {
    size_t count = 0;
    while (value >= 128) {
        bytes[count++] = (uint8_t)(value | 128);
        value >>= 7;
    }
    bytes[count++] = (uint8_t)value;
    return count;
}

/** @return How many bytes it takes; 0: it is not whole, or not the shortest way to write it. */
static size_t short_get(const uint8_t *bytes, size_t size_bytes, uint64_t *value) {
    enum { BYTES_MAX = 10 };
    *value = 0;
    for (size_t i = 0; i < size_bytes && i < BYTES_MAX; i++) {
        *value |= (uint64_t)(bytes[i] & 127) << (7 * i);
        if (bytes[i] < 128) {
            bool good = (i == 0 || bytes[i] != 0) && (i < BYTES_MAX - 1 || bytes[i] == 1);
            return good ? i + 1 : 0;
        }
    }
    return 0;
}

/* -- The start --------------------------------------------------------------------------------- */

uint64_t log_start_put(uint8_t bytes[LOG_START_BYTES]) {
    memcpy(bytes, magic, sizeof magic);
    number_put(bytes + 8, LOG_VERSION, 4);
    number_put(bytes + 12, LOG_FEATURES, 4);
    return XXH3_64bits(bytes, LOG_START_BYTES);
}

bool log_start_get(const uint8_t bytes[LOG_START_BYTES], uint64_t *sum, const char **defect) {
    *sum = XXH3_64bits(bytes, LOG_START_BYTES);
    if (memcmp(bytes, magic, sizeof magic) != 0) {
        *defect = "is no log; name a file that sandglass record has made";
    } else if (number_get(bytes + 8, 4) != LOG_VERSION) {
        *defect = "is a log of another format version; use the program that recorded it";
    } else if ((number_get(bytes + 12, 4) & ~(uint64_t)LOG_FEATURES) != 0) {
        *defect = "needs features that this version lacks; use the program that recorded it";
    } else {
        return true;
    }
    return false;
}

/* -- Frames ------------------------------------------------------------------------------------ */

uint64_t frame_sum(const void *stored, size_t size_bytes) {
    return XXH3_64bits(stored, size_bytes);
}

enum { PLACE_BYTES = 24, HEAD_SUMMED_BYTES = FRAME_HEAD_BYTES - 8 };

static void place_put(uint8_t *bytes, struct log_place place) {
    number_put(bytes, place.steps, 8);
    number_put(bytes + 8, (uint64_t)place.virtual_ns, 8);
    number_put(bytes + 16, place.in_round, 8);
}

static bool place_get(const uint8_t *bytes, struct log_place *place) {
    uint64_t in_round = number_get(bytes + 16, 8);
    place->steps = number_get(bytes, 8);
    place->virtual_ns = (vtime)number_get(bytes + 8, 8);
    place->in_round = in_round != 0;
    return in_round <= 1 && place->virtual_ns >= 0;
}

static const uint32_t HEAD_ENDS = UINT32_C(1) << 31;
static const uint32_t HEAD_STATES = UINT32_C(1) << 30;
static const uint32_t HEAD_LANDMARKS = UINT32_C(1) << 29;
static const uint32_t STORED_BYTES = (UINT32_C(1) << 29) - 1;

static uint32_t flags_put(const struct frame_head *head) {
    return (head->ends ? HEAD_ENDS : 0) | (head->states ? HEAD_STATES : 0) |
           (head->landmarks ? HEAD_LANDMARKS : 0);
}

void frame_head_put(struct frame_head *head, uint64_t before, uint8_t bytes[FRAME_HEAD_BYTES]) {
    memcpy(bytes, frame_magic, sizeof frame_magic);
    number_put(bytes + 4, head->idx, 4);
    number_put(bytes + 8, head->raw_bytes, 4);
    number_put(bytes + 12, head->stored_bytes | flags_put(head), 4);
    place_put(bytes + 16, head->from);
    place_put(bytes + 16 + PLACE_BYTES, head->to);
    number_put(bytes + 16 + 2 * PLACE_BYTES, head->stored_sum, 8);
    _Static_assert(16 + 2 * PLACE_BYTES + 8 + 8 == FRAME_HEAD_BYTES, "a head has room for all");
    head->sum = XXH3_64bits_withSeed(bytes, HEAD_SUMMED_BYTES, before);
    number_put(bytes + HEAD_SUMMED_BYTES, head->sum, 8);
}

bool frame_head_get(struct frame_head *head, uint64_t before,
                    const uint8_t bytes[FRAME_HEAD_BYTES]) {
    uint32_t stored = (uint32_t)number_get(bytes + 12, 4);
    head->idx = (uint32_t)number_get(bytes + 4, 4);
    head->raw_bytes = (uint32_t)number_get(bytes + 8, 4);
    head->stored_bytes = stored & STORED_BYTES;
    head->ends = (stored & HEAD_ENDS) != 0;
    head->states = (stored & HEAD_STATES) != 0;
    head->landmarks = (stored & HEAD_LANDMARKS) != 0;
    head->stored_sum = number_get(bytes + 16 + 2 * PLACE_BYTES, 8);
    head->sum = number_get(bytes + HEAD_SUMMED_BYTES, 8);
    return place_get(bytes + 16, &head->from) && place_get(bytes + 16 + PLACE_BYTES, &head->to) &&
           memcmp(bytes, frame_magic, sizeof frame_magic) == 0 &&
           head->sum == XXH3_64bits_withSeed(bytes, HEAD_SUMMED_BYTES, before) &&
           head->raw_bytes <= FRAME_RAW_MAX && head->stored_bytes <= FRAME_STORED_MAX;
}

/* -- Events ------------------------------------------------------------------------------------ */

bool log_place_same(struct log_place a, struct log_place b) {
    return a.steps == b.steps && a.virtual_ns == b.virtual_ns && a.in_round == b.in_round;
}

enum { EVENT_FRESH = 1 << 6, EVENT_IN_ROUND = 1 << 7, EVENT_KIND = EVENT_FRESH - 1 };

size_t event_head_put(const struct log_event *event, struct log_place before,
                      uint8_t bytes[EVENT_HEAD_MAX]) {
    size_t count = 2;
    bytes[0] = (uint8_t)((unsigned)event->kind | (event->fresh ? EVENT_FRESH : 0) |
                         (event->at.in_round ? EVENT_IN_ROUND : 0));
    bytes[1] = event->idx;
    count += short_put(bytes + count, event->at.steps - before.steps);
    count += short_put(bytes + count, (uint64_t)(event->at.virtual_ns - before.virtual_ns));
    return count + short_put(bytes + count, event->size_bytes);
}

size_t event_get(struct log_event *event, struct log_place before, const uint8_t *bytes,
                 size_t size_bytes) {
    uint64_t numbers[3]; /* steps, VIRTUAL, size */
    size_t count = 2;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        size_t part =
            count > size_bytes ? 0 : short_get(bytes + count, size_bytes - count, &numbers[i]);
        if (part == 0) {
            return 0;
        }
        count += part;
    }
    *event = (struct log_event){
        .kind = (enum log_kind)(bytes[0] & EVENT_KIND),
        .fresh = (bytes[0] & EVENT_FRESH) != 0,
        .idx = bytes[1],
        .at = {before.steps + numbers[0], (vtime)((uint64_t)before.virtual_ns + numbers[1]),
               (bytes[0] & EVENT_IN_ROUND) != 0},
        .bytes = bytes + count,
        .size_bytes = numbers[2],
    };
    bool good = event->kind < LOG_KINDS && event->at.steps >= before.steps &&
                event->at.virtual_ns >= before.virtual_ns && numbers[2] <= LOG_BYTES_MAX &&
                numbers[2] <= size_bytes - count;
    return good ? count + event->size_bytes : 0;
}
