/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What memory held before: of each page, the contents from before its first write after a mark.
 *
 * Marks divide the past into spans, and each mark owns the pages that changed in the span behind
 * it, as they were at the mark. Nothing is copied when a mark is set; a page is copied at its first
 * write behind it, which every writer announces by ram_touch().
 *
 * 1. To go back to mark k, the pages of the last span are put back, then those of the one before,
 *    down to k: what is put back last is the oldest, which is what stood there at k.
 * 2. To forget mark k, its pages go to mark k - 1, but for those that mark has already: its own are
 *    older, and older is what it needs. Of the first mark, all can go.
 * 3. A page that was all zeros costs no copy.
 *
 * Example: page p holds A at mark 0, is written B, mark 1, is written C. Mark 0 owns A, mark 1 owns
 * B. Back to 1 gives B, back to 0 puts B back and then A. After mark 1 is forgotten, B is freed and
 * mark 0 still owns A. */
#include "bus/bus.h"

#include <stdlib.h>
#include <string.h>

/** A page as it was at a mark. */
struct kept {
    uint64_t page;
    uint8_t *bytes; /* NULL: zeros */
};

struct mark {
    struct kept *pages;
    size_t count, room;
};

struct ram_past {
    struct mark *marks;
    size_t count, room;
    uint64_t size_bytes;
    size_t page_count; /* of RAM */
};

/* -- Marks ------------------------------------------------------------------------------------- */

static void kept_free(struct ram_past *past, struct kept *kept) {
    past->size_bytes -= kept->bytes == NULL ? 0 : PAGE_BYTES;
    free(kept->bytes);
}

/** Frees the pages of a mark, and leaves it without any. */
static void mark_clear(struct ram_past *past, struct mark *mark) {
    for (size_t i = 0; i < mark->count; i++) {
        kept_free(past, &mark->pages[i]);
    }
    past->size_bytes -= mark->room * sizeof *mark->pages;
    free(mark->pages);
    *mark = (struct mark){0};
}

void ram_forget_all(struct ram *ram) {
    struct ram_past *past = ram->past;
    while (past != NULL && past->count > 0) {
        mark_clear(past, &past->marks[--past->count]);
    }
    if (past != NULL) {
        free(past->marks);
        free(past);
    }
    free(ram->page_kept);
    ram->past = NULL;
    ram->page_kept = NULL;
}

/** The first mark of all. */
static bool past_new(struct ram *ram) {
    size_t page_count = ram->size_bytes >> PAGE_SHIFT;
    ram->past = calloc(1, sizeof *ram->past);
    ram->page_kept = calloc(page_count, 1);
    if (ram->past == NULL || ram->page_kept == NULL) {
        ram_forget_all(ram);
        return false;
    }
    ram->past->page_count = page_count;
    return true;
}

bool ram_mark(struct ram *ram) {
    if (ram->past == NULL && !past_new(ram)) {
        return false;
    }
    struct ram_past *past = ram->past;
    if (past->count == past->room) {
        size_t room = 2 * past->room + 16;
        struct mark *marks = realloc(past->marks, room * sizeof *marks);
        if (marks == NULL) {
            ram_forget_all(ram);
            return false;
        }
        past->marks = marks;
        past->room = room;
    }
    past->marks[past->count++] = (struct mark){0};
    memset(ram->page_kept, 0, past->page_count);
    return true;
}

size_t ram_marks(const struct ram *ram) {
    return ram->past == NULL ? 0 : ram->past->count;
}

uint64_t ram_past_bytes(const struct ram *ram) {
    return ram->past == NULL ? 0 : ram->past->size_bytes + ram->past->page_count;
}

/* -- Keeping ----------------------------------------------------------------------------------- */

static bool mark_add(struct ram_past *past, struct mark *mark, struct kept kept) {
    if (mark->count == mark->room) {
        size_t room = 2 * mark->room + 64;
        struct kept *pages = realloc(mark->pages, room * sizeof *pages);
        if (pages == NULL) {
            return false;
        }
        past->size_bytes += (room - mark->room) * sizeof *pages;
        mark->pages = pages;
        mark->room = room;
    }
    mark->pages[mark->count++] = kept;
    return true;
}

void ram_keep(struct ram *ram, uint64_t page) {
    struct ram_past *past = ram->past;
    struct kept kept = {.page = page};
    const uint8_t *bytes = ram->bytes + (page << PAGE_SHIFT);
    bool good = true;
    ram->page_kept[page] = 1;
    if (ram->page_touched[page] != 0) {
        kept.bytes = malloc(PAGE_BYTES);
        good = kept.bytes != NULL;
        past->size_bytes += good ? PAGE_BYTES : 0;
    }
    if (kept.bytes != NULL) {
        memcpy(kept.bytes, bytes, PAGE_BYTES);
    }
    if (!good || !mark_add(past, &past->marks[past->count - 1], kept)) {
        free(kept.bytes);
        ram_forget_all(ram);
    }
}

/* -- Going back -------------------------------------------------------------------------------- */

/* Nothing is kept of what is put back. What holds it already is not written, so that code which was
 * made from it stays. */
static void mark_put_back(struct ram *ram, const struct mark *mark) {
    static const uint8_t zeros[PAGE_BYTES];
    for (size_t i = 0; i < mark->count; i++) {
        const struct kept *kept = &mark->pages[i];
        const uint8_t *bytes = kept->bytes == NULL ? zeros : kept->bytes;
        if (memcmp(ram->bytes + (kept->page << PAGE_SHIFT), bytes, PAGE_BYTES) != 0) {
            ensure(ram_write(ram, ram->base + (kept->page << PAGE_SHIFT), bytes, PAGE_BYTES));
        }
    }
}

void ram_back(struct ram *ram, size_t idx) {
    struct ram_past *past = ram->past;
    ensure(past != NULL && idx < past->count);
    memset(ram->page_kept, 1, past->page_count);
    for (size_t i = past->count; i-- > idx;) {
        mark_put_back(ram, &past->marks[i]);
        mark_clear(past, &past->marks[i]);
    }
    past->count = idx + 1;
    memset(ram->page_kept, 0, past->page_count);
}

/* -- Forgetting -------------------------------------------------------------------------------- */

/** Gives the pages of @p from that @p to has not got to it. @return false: out of memory. */
static bool mark_merge(struct ram_past *past, struct mark *to, struct mark *from) {
    uint8_t *has = calloc(past->page_count, 1);
    bool good = has != NULL;
    for (size_t i = 0; good && i < to->count; i++) {
        has[to->pages[i].page] = 1;
    }
    while (good && from->count > 0) {
        struct kept *kept = &from->pages[from->count - 1];
        if (has[kept->page] != 0) {
            kept_free(past, kept);
        } else {
            good = mark_add(past, to, *kept);
        }
        from->count -= good ? 1 : 0;
    }
    free(has);
    return good;
}

/* The last mark's span is not over: what it lacks is kept for the one before from now on, and what
 * both have stays marked as kept. */
void ram_forget(struct ram *ram, size_t idx) {
    struct ram_past *past = ram->past;
    ensure(past != NULL && idx < past->count);
    struct mark *mark = &past->marks[idx];
    bool last = idx + 1 == past->count;
    if (idx > 0 && !mark_merge(past, mark - 1, mark)) {
        ram_forget_all(ram);
        return;
    }
    mark_clear(past, mark);
    memmove(mark, mark + 1, (past->count - idx - 1) * sizeof *mark);
    past->count--;
    if (past->count == 0) {
        ram_forget_all(ram);
    } else if (last) {
        memset(ram->page_kept, 0, past->page_count);
        for (size_t i = 0; i < past->marks[past->count - 1].count; i++) {
            ram->page_kept[past->marks[past->count - 1].pages[i].page] = 1;
        }
    }
}
