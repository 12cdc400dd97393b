/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile in a file, .sgp: a start, then two parts packed with zstd. docs/profiling.md has it in
 * a table.
 *
 *   1. The first part, the body, is all that is the same in equal runs; the second, what the run
 *      cost the host. Each has its own texts: so the body is equal, too, and profile_digest() is
 *      of it alone, but for the command: a replay has another.
 *   2. Fields are walked once, either way (base's stream). The first walk of a save goes nowhere:
 *      it gathers the texts, which are sorted and written before all that refers to them.
 *   3. Whatever is read is as profile_settle() leaves it, or refused: indices in range, sorted
 *      strictly, parents before children, sums that fit. So nobody who shows a profile has to
 *      look, and saving what was read gives the same bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "prof/model.h"
#include "prof/prof.h"

static const uint8_t magic[8] = {0x89, 'S', 'G', 'P', '\r', '\n', 0x1a, '\n'};

enum { PARTS = 2, PART_BODY = 0, PART_HOST = 1, PACK_LEVEL = 2 };
enum { START_BYTES = 16, HEAD_BYTES = START_BYTES + PARTS * 24 + 8 };
enum { RAW_BYTES_MAX = 1 << 30 };

static const char DAMAGED[] = "is damaged; make it again";

/* -- Walking over fields ----------------------------------------------------------------------- */

struct walk {
    struct stream stream;
    struct profile *profile;
    const char **texts;
    uint32_t text_count;
    bool gathers;      /* texts are collected */
    uint32_t room_max; /* no array has more elements than the part has bytes */
};

static void nowhere(void *owner, const void *bytes, size_t size_bytes) {
    (void)owner;
    (void)bytes;
    (void)size_bytes;
}

static int text_compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void walk_text(struct walk *walk, const char **text) {
    uint32_t idx = 0;
    if (walk->gathers) {
        walk->texts = array_grow(walk->texts, walk->text_count, sizeof *walk->texts);
        walk->texts[walk->text_count++] = *text;
    } else if (!stream_sets(&walk->stream)) {
        const char **found =
            bsearch(text, walk->texts, walk->text_count, sizeof *text, text_compare);
        ensure(found != NULL);
        idx = (uint32_t)(found - walk->texts);
    }
    stream_u32(&walk->stream, &idx);
    if (stream_sets(&walk->stream)) {
        bool there = stream_expect(&walk->stream, idx < walk->text_count, DAMAGED);
        *text = there ? walk->texts[idx] : "";
    }
}

/* An index below a limit, or none where that may be. */
static void walk_idx(struct walk *walk, uint32_t *idx, uint32_t limit, bool may_be_none) {
    stream_u32(&walk->stream, idx);
    (void)stream_expect(&walk->stream, *idx < limit || (may_be_none && *idx == PROFILE_NONE),
                        DAMAGED);
}

static void walk_kind(struct walk *walk, unsigned *kind, unsigned limit) {
    uint8_t byte = (uint8_t)*kind;
    stream_u8(&walk->stream, &byte);
    *kind = stream_expect(&walk->stream, byte < limit, DAMAGED) ? byte : 0;
}

/* A time, or -1 where that may be. */
static void walk_time(struct walk *walk, vtime *ns, vtime least) {
    stream_s64(&walk->stream, ns);
    (void)stream_expect(&walk->stream, *ns >= least, DAMAGED);
}

/* How many; in a walk that sets, room for them: never much more than the file has bytes. */
static void walk_count(struct walk *walk, uint32_t *count, void **array, size_t size_bytes) {
    enum { WIDER_MAX = 16 }; /* that an element may be in memory */
    stream_count(&walk->stream, count,
                 (uint32_t)min_u64(UINT32_MAX, walk->room_max * (uint64_t)WIDER_MAX / size_bytes));
    if (stream_sets(&walk->stream) && *count > 0) {
        *array = calloc(*count, size_bytes);
        ensure(*array != NULL);
    }
}

static bool sound(const struct walk *walk) {
    return stream_sound(&walk->stream);
}

static void expect(struct walk *walk, bool holds) {
    (void)stream_expect(&walk->stream, holds, DAMAGED);
}

/* -- The body ---------------------------------------------------------------------------------- */

static void walk_run(struct walk *walk, struct profile_run *run) {
    struct stream *stream = &walk->stream;
    unsigned kind = run->kind;
    walk_kind(walk, &kind, PROFILE_KINDS);
    run->kind = (enum profile_kind)kind;
    walk_text(walk, &run->command);
    walk_text(walk, &run->version);
    walk_text(walk, &run->exactness);
    walk_text(walk, &run->schedule);
    walk_text(walk, &run->end);
    stream_u64(stream, &run->seed);
    stream_u32(stream, &run->hart_count);
    expect(walk, run->hart_count > 0 && run->hart_count <= PROFILE_HARTS_MAX);
    stream_u64(stream, &run->steps);
    stream_u64(stream, &run->instructions);
    walk_time(walk, &run->virtual_ns, 0);
    stream_u64(stream, &run->sample_steps);
    stream_u64(stream, &run->sample_seed);
    stream_u64(stream, &run->samples);
    stream_u64(stream, &run->samples_deep);
}

static void walk_inputs(struct walk *walk, struct profile *profile) {
    walk_count(walk, &profile->input_count, (void **)&profile->inputs, sizeof *profile->inputs);
    for (uint32_t i = 0; sound(walk) && i < profile->input_count; i++) {
        walk_text(walk, &profile->inputs[i].role);
        walk_text(walk, &profile->inputs[i].path);
        walk_text(walk, &profile->inputs[i].digest);
    }
}

static void walk_windows(struct walk *walk, struct profile *profile) {
    walk_count(walk, &profile->window_count, (void **)&profile->windows, sizeof *profile->windows);
    for (uint32_t i = 0; sound(walk) && i < profile->window_count; i++) {
        struct profile_window *window = &profile->windows[i];
        stream_u64(&walk->stream, &window->from_steps);
        stream_u64(&walk->stream, &window->to_steps);
        walk_time(walk, &window->from_ns, 0);
        walk_time(walk, &window->to_ns, window->from_ns);
        walk_text(walk, &window->from);
        walk_text(walk, &window->to);
        expect(walk, window->from_steps <= window->to_steps);
    }
}

static void walk_modules(struct walk *walk, struct profile *profile) {
    walk_count(walk, &profile->module_count, (void **)&profile->modules, sizeof *profile->modules);
    for (uint32_t i = 0; sound(walk) && i < profile->module_count; i++) {
        struct profile_module *module = &profile->modules[i];
        walk_text(walk, &module->name);
        walk_text(walk, &module->build);
        expect(walk, !sound(walk) || i == 0 || module_compare(module - 1, module) < 0);
    }
}

static void walk_functions(struct walk *walk, struct profile *profile) {
    walk_count(walk, &profile->function_count, (void **)&profile->functions,
               sizeof *profile->functions);
    for (uint32_t i = 0; sound(walk) && i < profile->function_count; i++) {
        struct profile_function *function = &profile->functions[i];
        walk_text(walk, &function->name);
        walk_idx(walk, &function->module, profile->module_count, true);
        stream_u64(&walk->stream, &function->address);
        stream_u64(&walk->stream, &function->size_bytes);
        expect(walk, !sound(walk) || i == 0 || function_compare(function - 1, function) < 0);
    }
}

static void walk_tasks(struct walk *walk, struct profile *profile) {
    walk_count(walk, &profile->task_count, (void **)&profile->tasks, sizeof *profile->tasks);
    for (uint32_t i = 0; sound(walk) && i < profile->task_count; i++) {
        struct profile_task *task = &profile->tasks[i];
        unsigned kind = task->kind;
        walk_kind(walk, &kind, PROFILE_TASK_KINDS);
        task->kind = (enum profile_task_kind)kind;
        stream_u32(&walk->stream, &task->pid);
        stream_u32(&walk->stream, &task->tid);
        walk_text(walk, &task->process);
        walk_text(walk, &task->thread);
        walk_time(walk, &task->since_ns, 0);
        expect(walk, !sound(walk) || i == 0 || task_compare(task - 1, task) < 0);
    }
}

static void walk_counts(struct walk *walk, struct profile_counts *counts) {
    stream_u64(&walk->stream, &counts->self);
    stream_u64(&walk->stream, &counts->instructions);
    stream_u64(&walk->stream, &counts->calls);
}

/* Sums of all of them have to fit. */
static void counts_sum(struct walk *walk, struct profile_counts *sum,
                       const struct profile_counts *counts) {
    bool lost = __builtin_add_overflow(sum->self, counts->self, &sum->self);
    lost |= __builtin_add_overflow(sum->instructions, counts->instructions, &sum->instructions);
    lost |= __builtin_add_overflow(sum->calls, counts->calls, &sum->calls);
    expect(walk, !lost || !stream_sets(&walk->stream));
}

/* The last context with the parent of this one, or PROFILE_NONE, found by going up from the one
 * before: that is how far a tree that is written node by node can jump. Its parent has to lie on
 * that way, too. */
static uint32_t sibling_before(const struct profile_context *contexts, uint32_t idx,
                               bool *follows) {
    uint32_t parent = contexts[idx].parent, at = idx - 1;
    *follows = idx == 0 ? parent == PROFILE_NONE : parent == at;
    if (idx == 0 || *follows) {
        return PROFILE_NONE;
    }
    while (contexts[at].parent != parent && contexts[at].parent != PROFILE_NONE) {
        at = contexts[at].parent;
    }
    *follows = contexts[at].parent == parent;
    return *follows ? at : PROFILE_NONE;
}

static void context_check(struct walk *walk, const struct profile *profile, uint32_t idx) {
    const struct profile_context *context = &profile->contexts[idx];
    bool root = context->parent == PROFILE_NONE, follows;
    uint32_t before = sibling_before(profile->contexts, idx, &follows);
    expect(walk, follows);
    expect(walk,
           before == PROFILE_NONE || context_compare(&profile->contexts[before], context) < 0);
    expect(walk, root == (context->function == PROFILE_NONE));
    expect(walk, context->mode < 4 && context->hart < PROFILE_HARTS_MAX);
    if (root) {
        expect(walk, context->mode == 0 && context->counts.self == 0 &&
                         context->counts.instructions == 0 && context->counts.calls == 0);
    } else if (sound(walk)) {
        expect(walk, context->hart == profile->contexts[context->parent].hart &&
                         context->task == profile->contexts[context->parent].task);
    }
}

static void walk_contexts(struct walk *walk, struct profile *profile) {
    struct profile_counts sum = {0};
    walk_count(walk, &profile->context_count, (void **)&profile->contexts,
               sizeof *profile->contexts);
    for (uint32_t i = 0; sound(walk) && i < profile->context_count; i++) {
        struct profile_context *context = &profile->contexts[i];
        walk_idx(walk, &context->parent, i, true);
        walk_idx(walk, &context->function, profile->function_count, true);
        walk_idx(walk, &context->task, profile->task_count, false);
        stream_u16(&walk->stream, &context->hart);
        stream_u8(&walk->stream, &context->mode);
        walk_counts(walk, &context->counts);
        walk_time(walk, &context->first_ns, -1);
        walk_time(walk, &context->last_ns, context->first_ns);
        counts_sum(walk, &sum, &context->counts);
        if (stream_sets(&walk->stream) && sound(walk)) {
            context_check(walk, profile, i);
        }
    }
}

static void walk_addresses(struct walk *walk, struct profile *profile) {
    struct profile_counts sum = {0};
    walk_count(walk, &profile->address_count, (void **)&profile->addresses,
               sizeof *profile->addresses);
    for (uint32_t i = 0; sound(walk) && i < profile->address_count; i++) {
        struct profile_address *address = &profile->addresses[i];
        walk_idx(walk, &address->function, profile->function_count, false);
        stream_u64(&walk->stream, &address->offset);
        walk_counts(walk, &address->counts);
        counts_sum(walk, &sum, &address->counts);
        expect(walk, !sound(walk) || i == 0 || address_compare(address - 1, address) < 0);
    }
}

/* Only the buckets that are not empty. */
static void walk_spread(struct walk *walk, uint64_t spread[PROFILE_BUCKETS], uint64_t count) {
    uint8_t used = 0;
    for (unsigned i = 0; i < PROFILE_BUCKETS; i++) {
        used = (uint8_t)(used + (spread[i] > 0));
    }
    stream_u8(&walk->stream, &used);
    uint8_t bucket = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; sound(walk) && i < used; i++) {
        while (!stream_sets(&walk->stream) && spread[bucket] == 0) {
            bucket++;
        }
        uint8_t least = bucket;
        stream_u8(&walk->stream, &bucket);
        expect(walk, bucket >= least && bucket < PROFILE_BUCKETS);
        if (sound(walk)) {
            stream_u64(&walk->stream, &spread[bucket]);
            expect(walk, spread[bucket] > 0 && !__builtin_add_overflow(sum, spread[bucket], &sum));
            bucket++;
        }
    }
    expect(walk, !sound(walk) || sum == count);
}

static void walk_intervals(struct walk *walk, struct profile *profile) {
    struct stream *stream = &walk->stream;
    walk_count(walk, &profile->interval_count, (void **)&profile->intervals,
               sizeof *profile->intervals);
    for (uint32_t i = 0; sound(walk) && i < profile->interval_count; i++) {
        struct profile_interval *interval = &profile->intervals[i];
        walk_idx(walk, &interval->parent, i, true);
        walk_idx(walk, &interval->task, profile->task_count, true);
        stream_bool(stream, &interval->probe);
        walk_text(walk, &interval->name);
        stream_u64(stream, &interval->count);
        stream_u64(stream, &interval->open_count);
        stream_u64(stream, &interval->steps_sum);
        stream_u64(stream, &interval->steps_min);
        stream_u64(stream, &interval->steps_max);
        stream_u64(stream, &interval->ns_sum);
        stream_u64(stream, &interval->ns_min);
        stream_u64(stream, &interval->ns_max);
        walk_spread(walk, interval->steps_spread, interval->count);
        walk_spread(walk, interval->ns_spread, interval->count);
    }
}

static void walk_spans(struct walk *walk, struct profile *profile, struct track *track) {
    uint64_t start = 0;
    walk_time(walk, &track->grain_ns, 0);
    walk_count(walk, &track->count, (void **)&track->spans, sizeof *track->spans);
    for (uint32_t i = 0; sound(walk) && i < track->count; i++) {
        struct profile_span *span = &track->spans[i];
        unsigned kind = span->kind;
        walk_kind(walk, &kind, PROFILE_SPAN_KINDS);
        span->kind = (enum profile_span_kind)kind;
        /* From where the one before ended: small numbers pack well. */
        uint64_t gap = (uint64_t)span->from_ns - start;
        uint64_t length = (uint64_t)(span->to_ns - span->from_ns);
        stream_u64(&walk->stream, &gap);
        stream_u64(&walk->stream, &length);
        expect(walk, gap <= (uint64_t)INT64_MAX - start);
        expect(walk, !sound(walk) || length <= (uint64_t)INT64_MAX - start - gap);
        if (sound(walk)) {
            span->from_ns = (vtime)(start + gap);
            span->to_ns = (vtime)(start + gap + length);
            start += gap + length;
        }
        walk_idx(walk, &span->task, profile->task_count, true);
        walk_text(walk, &span->name);
        stream_s64(&walk->stream, &span->value);
        stream_u32(&walk->stream, &span->count);
        stream_u64(&walk->stream, &span->busy_ns);
        expect(walk, span->count > 0 && span->busy_ns <= length);
    }
}

static void walk_tracks(struct walk *walk, struct profile *profile) {
    walk_count(walk, &profile->track_count, (void **)&profile->tracks, sizeof *profile->tracks);
    expect(walk, profile->track_count <= PROFILE_HARTS_MAX * PROFILE_TRACKS);
    for (uint32_t i = 0; sound(walk) && i < profile->track_count; i++) {
        walk_spans(walk, profile, &profile->tracks[i]);
    }
}

static void walk_body(struct walk *walk) {
    struct profile *profile = walk->profile;
    walk_run(walk, &profile->run);
    walk_inputs(walk, profile);
    walk_windows(walk, profile);
    walk_modules(walk, profile);
    walk_functions(walk, profile);
    walk_tasks(walk, profile);
    if (!walk->gathers) { /* they are many, and have no texts */
        walk_contexts(walk, profile);
        walk_addresses(walk, profile);
    }
    walk_intervals(walk, profile);
    walk_tracks(walk, profile);
}

/* -- The host's part --------------------------------------------------------------------------- */

static void walk_host(struct walk *walk) {
    struct profile *profile = walk->profile;
    struct stream *stream = &walk->stream;
    uint64_t *const fields[] = {&profile->host.wall_ns,    &profile->host.translate_ns,
                                &profile->host.execute_ns, &profile->host.time_ns,
                                &profile->host.device_ns,  &profile->host.idle_ns};
    stream_bool(stream, &profile->hosted);
    for (size_t i = 0; i < COUNT(fields); i++) {
        stream_u64(stream, fields[i]);
    }
    walk_count(walk, &profile->region_count, (void **)&profile->regions, sizeof *profile->regions);
    for (uint32_t i = 0; sound(walk) && i < profile->region_count; i++) {
        struct profile_region *region = &profile->regions[i];
        walk_text(walk, &region->function);
        walk_text(walk, &region->module);
        stream_u64(stream, &region->address);
        stream_u64(stream, &region->translate_ns);
        stream_u64(stream, &region->execute_ns);
        stream_u64(stream, &region->translations);
        expect(walk, !sound(walk) || i == 0 || region_compare(region - 1, region) < 0);
    }
}

typedef void walk_fn(struct walk *walk);
static walk_fn *const walks[PARTS] = {[PART_BODY] = walk_body, [PART_HOST] = walk_host};

/* -- Texts ------------------------------------------------------------------------------------- */

static void texts_tell(struct walk *walk) {
    uint32_t count = 0;
    if (walk->text_count > 0) {
        qsort(walk->texts, walk->text_count, sizeof *walk->texts, text_compare);
    }
    for (uint32_t i = 0; i < walk->text_count; i++) {
        if (count == 0 || strcmp(walk->texts[count - 1], walk->texts[i]) != 0) {
            walk->texts[count++] = walk->texts[i];
        }
    }
    walk->text_count = count;
    stream_u32(&walk->stream, &count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = (uint32_t)strlen(walk->texts[i]);
        stream_u32(&walk->stream, &length);
        stream_put(&walk->stream, walk->texts[i], length);
    }
}

static void texts_set(struct walk *walk) {
    char *text = NULL;
    walk_count(walk, &walk->text_count, (void **)&walk->texts, sizeof *walk->texts);
    for (uint32_t i = 0; sound(walk) && i < walk->text_count; i++) {
        uint32_t length = 0;
        stream_count(&walk->stream, &length, walk->room_max);
        text = realloc(text, (size_t)length + 1);
        ensure(text != NULL);
        stream_bytes(&walk->stream, text, length);
        text[length] = '\0';
        expect(walk, strlen(text) == length);
        expect(walk, i == 0 || strcmp(walk->texts[i - 1], text) < 0);
        walk->texts[i] = texts_keep(&walk->profile->texts, text);
    }
    free(text);
}

/* -- Parts ------------------------------------------------------------------------------------- */

/* One walk for both ways: this one changes nothing, whatever its type says. */
static void part_tell(const struct profile *profile, unsigned part, struct buffer *raw) {
    struct walk walk = {.stream = {.put = nowhere},
                        .profile = (struct profile *)(uintptr_t)profile,
                        .gathers = true,
                        .room_max = UINT32_MAX};
    walks[part](&walk);
    walk.stream = buffer_tell(raw);
    walk.gathers = false;
    texts_tell(&walk);
    walks[part](&walk);
    free(walk.texts);
}

static const char *part_set(struct profile *profile, unsigned part, struct buffer *raw) {
    struct walk walk = {
        .stream = buffer_set(raw), .profile = profile, .room_max = (uint32_t)raw->size_bytes};
    texts_set(&walk);
    walks[part](&walk);
    expect(&walk, raw->taken_bytes == raw->size_bytes);
    free(walk.texts);
    return walk.stream.defect == NULL ? NULL : DAMAGED;
}

static void part_pack(const struct buffer *raw, struct buffer *stored) {
    stored->room_bytes = ZSTD_compressBound(raw->size_bytes);
    stored->bytes = malloc(stored->room_bytes);
    ensure(stored->bytes != NULL);
    stored->size_bytes =
        ZSTD_compress(stored->bytes, stored->room_bytes, raw->bytes, raw->size_bytes, PACK_LEVEL);
    ensure(!ZSTD_isError(stored->size_bytes));
}

static bool part_unpack(const uint8_t *stored, size_t stored_bytes, uint64_t raw_bytes,
                        struct buffer *raw) {
    if (raw_bytes == 0 || raw_bytes > RAW_BYTES_MAX ||
        ZSTD_getFrameContentSize(stored, stored_bytes) != raw_bytes) {
        return false;
    }
    raw->bytes = malloc(raw_bytes);
    ensure(raw->bytes != NULL);
    raw->room_bytes = raw->size_bytes = raw_bytes;
    return ZSTD_decompress(raw->bytes, raw_bytes, stored, stored_bytes) == raw_bytes;
}

/* -- The file ---------------------------------------------------------------------------------- */

/** What stands in the head about a part. */
struct part {
    uint64_t raw_bytes, stored_bytes, stored_sum;
};

static void head_tell(struct stream *stream, struct part parts[PARTS]) {
    uint32_t version = PROFILE_VERSION, features = PROFILE_FEATURES;
    stream_put(stream, magic, sizeof magic);
    stream_u32(stream, &version);
    stream_u32(stream, &features);
    for (unsigned i = 0; i < PARTS; i++) {
        stream_u64(stream, &parts[i].raw_bytes);
        stream_u64(stream, &parts[i].stored_bytes);
        stream_u64(stream, &parts[i].stored_sum);
    }
}

void profile_save(const struct profile *profile, struct buffer *bytes) {
    struct buffer raw[PARTS] = {{0}}, stored[PARTS] = {{0}};
    struct part parts[PARTS];
    for (unsigned i = 0; i < PARTS; i++) {
        part_tell(profile, i, &raw[i]);
        ensure(raw[i].size_bytes <= RAW_BYTES_MAX);
        part_pack(&raw[i], &stored[i]);
        parts[i] = (struct part){raw[i].size_bytes, stored[i].size_bytes,
                                 XXH3_64bits(stored[i].bytes, stored[i].size_bytes)};
    }
    struct stream stream = buffer_tell(bytes);
    head_tell(&stream, parts);
    uint64_t sum = XXH3_64bits(bytes->bytes, bytes->size_bytes);
    stream_u64(&stream, &sum);
    for (unsigned i = 0; i < PARTS; i++) {
        stream_put(&stream, stored[i].bytes, stored[i].size_bytes);
        buffer_free(&raw[i]);
        buffer_free(&stored[i]);
    }
}

static uint64_t number_get(const uint8_t *bytes, unsigned size_bytes) {
    uint64_t value = 0;
    for (unsigned i = size_bytes; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* @return What is wrong, to follow the file's name, or NULL. */
static const char *head_get(const uint8_t *bytes, size_t size_bytes, struct part parts[PARTS]) {
    if (size_bytes < START_BYTES || memcmp(bytes, magic, sizeof magic) != 0) {
        return "is no profile; name a file that sandglass profile has made";
    }
    if (number_get(bytes + 8, 4) != PROFILE_VERSION) {
        return "is a profile of another format version; use the program that made it";
    }
    if ((number_get(bytes + 12, 4) & ~(uint64_t)PROFILE_FEATURES) != 0) {
        return "needs features that this version lacks; use the program that made it";
    }
    if (size_bytes < HEAD_BYTES ||
        XXH3_64bits(bytes, HEAD_BYTES - 8) != number_get(bytes + HEAD_BYTES - 8, 8)) {
        return DAMAGED;
    }
    uint64_t left_bytes = size_bytes - HEAD_BYTES;
    for (unsigned i = 0; i < PARTS; i++) {
        const uint8_t *at = bytes + START_BYTES + 24 * (size_t)i;
        parts[i] = (struct part){number_get(at, 8), number_get(at + 8, 8), number_get(at + 16, 8)};
        if (parts[i].stored_bytes > left_bytes) {
            return "is cut short; make it again";
        }
        left_bytes -= parts[i].stored_bytes;
    }
    return left_bytes == 0 ? NULL : DAMAGED;
}

static const char *part_load(struct profile *profile, unsigned idx, const struct part *part,
                             const uint8_t *stored) {
    struct buffer raw = {0};
    const char *defect = DAMAGED;
    if (XXH3_64bits(stored, part->stored_bytes) == part->stored_sum &&
        part_unpack(stored, part->stored_bytes, part->raw_bytes, &raw)) {
        defect = part_set(profile, idx, &raw);
    }
    buffer_free(&raw);
    return defect;
}

enum status profile_load(const char *name, const void *bytes, size_t size_bytes,
                         struct profile **profile, struct error *error) {
    struct part parts[PARTS];
    const char *defect = head_get(bytes, size_bytes, parts);
    const uint8_t *stored = (const uint8_t *)bytes + HEAD_BYTES;
    *profile = NULL;
    struct profile *loaded = profile_new();
    for (unsigned i = 0; defect == NULL && i < PARTS; i++) {
        defect = part_load(loaded, i, &parts[i], stored);
        stored += parts[i].stored_bytes;
    }
    if (defect != NULL) {
        profile_free(loaded);
        return error_set(error, STATUS_BAD_INPUT, "%.200s: %s", name, defect);
    }
    *profile = loaded;
    return STATUS_OK;
}

enum status profile_load_file(const char *path, struct profile **profile, struct error *error) {
    uint8_t *bytes;
    size_t size_bytes;
    *profile = NULL;
    enum status status = symbols_read_file(path, &bytes, &size_bytes, error);
    if (status == STATUS_OK) {
        status = profile_load(path, bytes, size_bytes, profile, error);
        free(bytes);
    }
    return status;
}

void profile_digest(const struct profile *profile, char digest[PROFILE_DIGEST_CHARS]) {
    struct buffer raw = {0};
    struct profile same = *profile; /* a replay is another command, and the same run */
    same.run.command = "";
    part_tell(&same, PART_BODY, &raw);
    XXH128_hash_t hash = XXH3_128bits(raw.bytes, raw.size_bytes);
    snprintf(digest, PROFILE_DIGEST_CHARS, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64,
             (uint64_t)hash.low64);
    buffer_free(&raw);
}
