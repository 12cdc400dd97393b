/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that calls and comes back as it likes, with whatever it likes in memory: the view of its
 * tasks stays whole.
 *
 * Input: number of events, u16; the events, 24 bytes each; the rest is memory from MEMORY_AT on. An
 * event is four bytes (kind, hart, task, page table), then u16: pc, sp, number of the call, and a0
 * to a6, which have a sign. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/prof.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

enum { EVENT_BYTES = 24, MEMORY_AT = 0x1000, HARTS = 4 };

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_linux: %s\n", what);
        abort();
    }
}

struct memory_bytes {
    const uint8_t *bytes;
    size_t size_bytes;
    unsigned reads;
};

static bool memory_read(void *owner, unsigned hart, uint64_t address, void *bytes,
                        size_t size_bytes) {
    struct memory_bytes *memory = owner;
    demand(hart < HARTS, "a hart that is none");
    memory->reads++;
    uint64_t at = address - MEMORY_AT;
    if (at > memory->size_bytes || size_bytes > memory->size_bytes - at) {
        return false;
    }
    memcpy(bytes, memory->bytes + at, size_bytes);
    return true;
}

static void space_changes(void *owner, const struct space *space) {
    (void)owner;
    demand(space->count == 0 || space->ranges != NULL, "a space that is none");
}

static uint16_t word(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void event(struct linux_view *view, const uint8_t *bytes) {
    struct linux_border border = {.hart = bytes[1] % HARTS,
                                  .task = bytes[2],
                                  .root = bytes[3],
                                  .pc = word(bytes + 4),
                                  .sp = word(bytes + 6)};
    border.a[7] = word(bytes + 8);
    for (int i = 0; i < 7; i++) {
        border.a[i] = (uint64_t)(int16_t)word(bytes + 10 + 2 * i);
    }
    switch (bytes[0] % 3) {
    case 0:
        linux_call(view, &border);
        break;
    case 1:
        linux_return(view, &border);
        break;
    default:
        linux_switch(view, border.hart, border.task);
    }
    demand(linux_current(view, border.hart)->key == border.task, "another task is here");
}

static void space_check(const struct space *space) {
    for (size_t i = 0; i < space->count; i++) {
        const struct range *range = &space->ranges[i];
        demand(range->start < range->end && range->binary->path[0] != '\0', "a range of nothing");
        demand(i == 0 || range[-1].end <= range->start, "ranges that overlap");
    }
}

static void view_check(const struct linux_view *view) {
    for (unsigned i = 0; i < linux_task_count(view); i++) {
        const struct linux_task *task = linux_task_get(view, i);
        demand(task->idx == i && memchr(task->name, '\0', sizeof task->name) != NULL, "a bad task");
        demand(task->process == NULL || task->ended || task->process->space != NULL,
               "a task that lives nowhere");
    }
    for (unsigned i = 0; i < linux_process_count(view); i++) {
        const struct linux_process *process = linux_process_get(view, i);
        demand(process->idx == i && process->path != NULL, "a bad process");
        if (process->space != NULL) {
            space_check(process->space);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    if (size_bytes < 2) {
        return 0;
    }
    size_t count = min_u64(word(bytes), (size_bytes - 2) / EVENT_BYTES);
    struct memory_bytes memory = {.bytes = bytes + 2 + EVENT_BYTES * count,
                                  .size_bytes = size_bytes - 2 - EVENT_BYTES * count};
    struct linux_view *view = linux_view_new(&(struct linux_guest){.read = memory_read,
                                                                   .change = space_changes,
                                                                   .owner = &memory,
                                                                   .init_task = MEMORY_AT,
                                                                   .hart_count = HARTS});
    for (size_t i = 0; i < count; i++) {
        event(view, bytes + 2 + EVENT_BYTES * i);
    }
    view_check(view);
    linux_view_free(view);
    return 0;
}
