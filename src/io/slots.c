/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which slots of an overlay's file are in use: three bits a slot.
 *
 * Free slots are taken in ascending order from a cursor, so that what is written together lies
 * together. At the end of the file the cursor goes back to its start only when an eighth of the
 * file is free: looking through a full file for each slot would cost more than the file saves. */
#include "io/disk.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_SLOTS = 64, REUSE_SHARE = 8 };

struct slot_word {
    uint64_t now;    /* the tree needs the slot */
    uint64_t held;   /* the committed tree does */
    uint64_t backed; /* the host may have room for it */
};

static uint64_t slot_bit(uint64_t slot) {
    return UINT64_C(1) << slot % WORD_SLOTS;
}

static bool slots_grow(struct slots *slots, uint64_t count) {
    uint64_t needed = count / WORD_SLOTS + 1;
    if (needed > slots->word_count) {
        uint64_t room = needed + slots->word_count;
        struct slot_word *words = realloc(slots->words, room * sizeof *words);
        if (words == NULL) {
            return false;
        }
        memset(words + slots->word_count, 0, (room - slots->word_count) * sizeof *words);
        slots->words = words;
        slots->word_count = room;
    }
    return true;
}

bool slots_init(struct slots *slots, uint64_t count) {
    *slots = (struct slots){.count = count > SLOT_FIRST ? count : SLOT_FIRST, .cursor = SLOT_FIRST};
    if (!slots_grow(slots, slots->count)) {
        return false;
    }
    for (uint64_t slot = SLOT_FIRST; slot < slots->count; slot++) {
        slots->words[slot / WORD_SLOTS].backed |= slot_bit(slot);
    }
    slots->free_count = slots->count - SLOT_FIRST;
    slots->backed_count = slots->free_count;
    return true;
}

void slots_free(struct slots *slots) {
    free(slots->words);
}

/** The first free slot from the cursor on, or slots->count. */
static uint64_t slots_find(const struct slots *slots) {
    uint64_t skipped = slot_bit(slots->cursor) - 1;
    for (uint64_t word = slots->cursor / WORD_SLOTS; word * WORD_SLOTS < slots->count; word++) {
        uint64_t busy = slots->words[word].now | slots->words[word].held | skipped;
        if (busy != UINT64_MAX) {
            uint64_t slot = word * WORD_SLOTS + (unsigned)__builtin_ctzll(~busy);
            return slot < slots->count ? slot : slots->count;
        }
        skipped = 0;
    }
    return slots->count;
}

bool slots_take(struct slots *slots, uint64_t *slot) {
    *slot = slots_find(slots);
    if (*slot == slots->count && slots->free_count > slots->count / REUSE_SHARE) {
        slots->cursor = SLOT_FIRST;
        *slot = slots_find(slots);
    }
    if (*slot == slots->count) {
        if (!slots_grow(slots, slots->count)) {
            return false;
        }
        slots->count++;
    } else {
        slots->free_count--;
    }
    struct slot_word *word = &slots->words[*slot / WORD_SLOTS];
    word->now |= slot_bit(*slot);
    word->backed |= slot_bit(*slot);
    slots->cursor = *slot + 1;
    return true;
}

bool slots_claim(struct slots *slots, uint64_t slot) {
    if (slot < SLOT_FIRST || slot >= slots->count) {
        return false;
    }
    struct slot_word *word = &slots->words[slot / WORD_SLOTS];
    if ((word->now & slot_bit(slot)) != 0) {
        return false;
    }
    word->now |= slot_bit(slot);
    word->held |= slot_bit(slot);
    slots->free_count--;
    return true;
}

void slots_drop(struct slots *slots, uint64_t slot) {
    struct slot_word *word = &slots->words[slot / WORD_SLOTS];
    word->now &= ~slot_bit(slot);
    if ((word->held & slot_bit(slot)) == 0) {
        slots->free_count++;
        slots->backed_count++;
    }
}

bool slots_held(const struct slots *slots, uint64_t slot) {
    return (slots->words[slot / WORD_SLOTS].held & slot_bit(slot)) != 0;
}

void slots_commit(struct slots *slots) {
    for (uint64_t i = 0; i < slots->word_count; i++) {
        struct slot_word *word = &slots->words[i];
        uint64_t freed = (uint64_t)__builtin_popcountll(word->held & ~word->now);
        slots->free_count += freed;
        slots->backed_count += freed;
        word->held = word->now;
    }
}

/** Free slots of a word that the host may have room for. */
static uint64_t word_idle(const struct slot_word *word) {
    return word->backed & ~word->now & ~word->held;
}

/** Gives back @p run_count slots before @p end. */
static void run_punch(struct slots *slots, struct store *store, uint64_t end, uint64_t run_count) {
    uint64_t start = end - run_count;
    if (!store_punch(store, start * SLOT_BYTES, run_count * SLOT_BYTES)) {
        return;
    }
    for (uint64_t slot = start; slot < end; slot++) {
        slots->words[slot / WORD_SLOTS].backed &= ~slot_bit(slot);
    }
}

void slots_sweep(struct slots *slots, struct store *store, uint64_t run_min) {
    uint64_t run_count = 0;
    for (uint64_t slot = SLOT_FIRST; slot < slots->count; slot++) {
        uint64_t idle = word_idle(&slots->words[slot / WORD_SLOTS]);
        if ((idle & slot_bit(slot)) != 0) {
            run_count++;
            continue;
        }
        if (run_count >= run_min) {
            run_punch(slots, store, slot, run_count);
        }
        run_count = 0;
        if (idle == 0) {
            slot |= WORD_SLOTS - 1;
        }
    }
    if (run_count >= run_min) {
        run_punch(slots, store, slots->count, run_count);
    }
    slots->backed_count = 0;
}

uint64_t slots_trim(struct slots *slots) {
    while (slots->count > SLOT_FIRST) {
        const struct slot_word *word = &slots->words[(slots->count - 1) / WORD_SLOTS];
        if (((word->now | word->held) & slot_bit(slots->count - 1)) != 0) {
            break;
        }
        slots->count--;
        slots->free_count--;
    }
    return slots->count;
}
