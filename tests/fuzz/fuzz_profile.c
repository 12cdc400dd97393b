/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a profile: refused in one line, or read, and then it can be shown in every way, and
 * gives the same bytes when it is saved and read again.
 *
 * Checksums would keep damage from getting anywhere. So the input is also taken as what is behind
 * them: the length of the body [4 bytes], the body, the host's part; which are packed and summed
 * here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "prof/prof.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_profile: %s\n", what);
        abort();
    }
}

static void nowhere(void *owner, const void *bytes, size_t size_bytes) {
    (void)bytes;
    *(size_t *)owner += size_bytes;
}

static void shown(const struct profile *profile) {
    size_t size_bytes = 0;
    struct stream stream = {.put = nowhere, .owner = &size_bytes};
    for (enum profile_by by = 0; by < PROFILE_BYS; by++) {
        profile_text(profile, by, &stream);
        profile_diff_text((const struct profile *const[]){profile, profile}, by, &stream);
    }
    profile_callgrind(profile, &stream);
    profile_trace(profile, &stream);
    profile_html(profile, &stream);
    struct profile *part =
        profile_part(profile, &(struct profile_view){.modes = 1, .roots = PROFILE_BY_PROCESS});
    profile_folded(part, &stream);
    profile_speedscope(part, &stream);
    profile_free(part);
    struct profile_verdict verdict;
    (void)profile_judge(profile, profile, "all>+0%", &verdict, NULL);
    demand(!verdict.holds && size_bytes > 0, "all grew beside itself");
}

static void same_again(const struct profile *profile) {
    struct buffer first = {0}, second = {0};
    struct profile *again;
    profile_save(profile, &first);
    demand(profile_load("x", first.bytes, first.size_bytes, &again, NULL) == STATUS_OK,
           "what was saved cannot be read");
    profile_save(again, &second);
    demand(first.size_bytes == second.size_bytes &&
               memcmp(first.bytes, second.bytes, first.size_bytes) == 0,
           "saved again, it is another");
    profile_free(again);
    buffer_free(&first);
    buffer_free(&second);
}

static void try_file(const void *bytes, size_t size_bytes) {
    struct profile *profile;
    struct error error = {0};
    enum status status = profile_load("some/file", bytes, size_bytes, &profile, &error);
    if (status == STATUS_OK) {
        shown(profile);
        same_again(profile);
        profile_free(profile);
    } else {
        demand(status == STATUS_BAD_INPUT && error.status == status && profile == NULL,
               "another status");
        demand(strchr(error.text, '\n') == NULL && strstr(error.text, "; ") != NULL,
               "line without remedy");
    }
}

static void part_tell(struct stream *head, struct buffer *stored, const uint8_t *raw,
                      size_t raw_bytes) {
    size_t room = ZSTD_compressBound(raw_bytes);
    stored->bytes = malloc(room);
    demand(stored->bytes != NULL, "no memory");
    stored->size_bytes = ZSTD_compress(stored->bytes, room, raw, raw_bytes, 1);
    uint64_t numbers[] = {raw_bytes, stored->size_bytes,
                          XXH3_64bits(stored->bytes, stored->size_bytes)};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        stream_u64(head, &numbers[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    static const uint8_t magic[] = {0x89, 'S', 'G', 'P', '\r', '\n', 0x1a, '\n', PROFILE_VERSION,
                                    0,    0,   0,   0,   0,    0,    0};
    try_file(bytes, size_bytes);
    if (size_bytes < 4) {
        return 0;
    }
    size_t body_bytes =
        min_u64(bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16, size_bytes - 4);
    struct buffer file = {0}, parts[2] = {{0}};
    struct stream stream = buffer_tell(&file);
    stream_put(&stream, magic, sizeof magic);
    part_tell(&stream, &parts[0], bytes + 4, body_bytes);
    part_tell(&stream, &parts[1], bytes + 4 + body_bytes, size_bytes - 4 - body_bytes);
    uint64_t sum = XXH3_64bits(file.bytes, file.size_bytes);
    stream_u64(&stream, &sum);
    for (size_t i = 0; i < COUNT(parts); i++) {
        stream_put(&stream, parts[i].bytes, parts[i].size_bytes);
        buffer_free(&parts[i]);
    }
    try_file(file.bytes, file.size_bytes);
    buffer_free(&file);
    return 0;
}
