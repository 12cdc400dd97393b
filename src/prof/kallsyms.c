/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names that a Linux kernel carries about itself, found in its image or in memory.
 *
 * A kernel built with KALLSYMS has all its symbols in read-only tables, also when its file is
 * stripped. Nothing says where they are, and their order has changed, so they are known by what
 * they must be to each other. Each begins at a multiple of 8:
 *
 *      before 6.4                      since 6.4
 *      addresses, or offsets + base    count     u32
 *      count     u32                   names
 *      names                           markers
 *      markers                         tokens
 *      order     3 × count (6.2 on)    index
 *      tokens                          addresses, or offsets + base
 *      index     u16 × 256             order     3 × count
 *
 *   tokens   256 strings, each with its NUL
 *   index    where in tokens each of them begins
 *   names    each a length, then so many bytes, each of them a token; the first character of what
 *            the tokens spell is the type. A length of 128 or more takes a second byte.
 *   markers  u32: where in names each 256th of them begins
 *   order    the names' indices by name, of which nothing is needed here
 *
 * 1. An index is 256 rising numbers that begin with 0, a small step apart; before it lie tokens
 *    with a NUL in front of each place that it names. Chance makes no such thing, so this is where
 *    the search begins.
 * 2. Markers begin with 0 too and rise by what 256 names can take. Before them lies a count whose
 *    names end where they begin, and meet each of them.
 * 3. Addresses lie behind the index or before the count, and rise. Forms are tried from the most
 *    usual one on.
 * 4. What was found has to spell names, and among these that text begins (_stext or _text) before
 *    it ends (_etext or _end).
 *
 * In memory all is the same, but for the base and absolute addresses, which a kernel that moved has
 * moved too. So addresses found there are those that the guest uses.
 *
 * Rejected: asking the version (a string that says little of a kernel with patches), and looking
 * for the tables through the symbols kallsyms_names and so on, which are not among the names.
 */
#include "prof/kallsyms.h"

#include <string.h>

enum {
    ALIGN_BYTES = 8,
    INDEX_BYTES = 2 * KALLSYMS_TOKENS,
    TOKEN_BYTES_MAX = 128, /* with the NUL; real ones are short */
    BLOCK_NAMES = 256,     /* between two markers */
    /* What one name takes: a length of a byte or two, at least one token. */
    NAME_BYTES_LEAST = 2,
    NAME_BYTES_MOST = 2 + KALLSYMS_NAME_BYTES_MAX,
    BLOCK_BYTES_LEAST = BLOCK_NAMES * NAME_BYTES_LEAST,
    BLOCK_BYTES_MOST = BLOCK_NAMES * NAME_BYTES_MOST,
    COUNT_MAX = 1 << 22
};

static uint64_t load(const struct kallsyms *kallsyms, size_t at, unsigned size_bytes) {
    ensure(at <= kallsyms->size_bytes && size_bytes <= kallsyms->size_bytes - at);
    uint64_t value = 0;
    memcpy(&value, kallsyms->bytes + at, size_bytes); /* hosts are little-endian */
    return value;
}

static size_t align_up(size_t at) {
    return (at + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
}

/* -- Tokens ------------------------------------------------------------------------------------ */

static size_t token_at(const struct kallsyms *kallsyms, unsigned token) {
    return kallsyms->tokens_at + load(kallsyms, kallsyms->index_at + 2 * token, 2);
}

static struct kallsyms_token token_get(const struct kallsyms *kallsyms, unsigned token) {
    const char *letters = (const char *)kallsyms->bytes + token_at(kallsyms, token);
    struct kallsyms_token got = {
        .letters = letters, .length = (uint16_t)strlen(letters), .spells = true};
    for (size_t i = 0; i < got.length; i++) {
        got.spells = got.spells && letters[i] > ' ' && letters[i] < 0x7f;
    }
    memcpy(got.first, letters, min_u64(got.length, KALLSYMS_SHORT_BYTES));
    return got;
}

static void tokens_take(struct kallsyms *kallsyms) {
    for (unsigned i = 0; i < KALLSYMS_TOKENS; i++) {
        kallsyms->tokens[i] = token_get(kallsyms, i);
    }
}

static bool index_here(const struct kallsyms *kallsyms) {
    uint64_t last = load(kallsyms, kallsyms->index_at, 2);
    if (last != 0) {
        return false;
    }
    for (unsigned i = 1; i < KALLSYMS_TOKENS; i++) {
        uint64_t next = load(kallsyms, kallsyms->index_at + 2 * i, 2);
        if (next < last + 2 || next > last + TOKEN_BYTES_MAX) {
            return false;
        }
        last = next;
    }
    return true;
}

/* Requires: tokens_at is so far before index_at that each place of the index lies before it. */
static bool tokens_here(const struct kallsyms *kallsyms) {
    size_t last = token_at(kallsyms, KALLSYMS_TOKENS - 1);
    size_t end = last + strnlen((const char *)kallsyms->bytes + last, kallsyms->index_at - last);
    if (end == kallsyms->index_at || align_up(end + 1) != kallsyms->index_at) {
        return false;
    }
    for (unsigned i = 0; i + 1 < KALLSYMS_TOKENS; i++) {
        size_t start = token_at(kallsyms, i);
        size_t next = token_at(kallsyms, i + 1);
        if (strnlen((const char *)kallsyms->bytes + start, next - start) != next - start - 1) {
            return false;
        }
    }
    return true;
}

static bool tokens_find(struct kallsyms *kallsyms) {
    size_t reach = load(kallsyms, kallsyms->index_at + INDEX_BYTES - 2, 2);
    for (size_t last = NAME_BYTES_LEAST; last < TOKEN_BYTES_MAX + ALIGN_BYTES; last++) {
        size_t back = reach + last;
        bool fits = back <= kallsyms->index_at && (kallsyms->index_at - back) % ALIGN_BYTES == 0;
        if (fits) {
            kallsyms->tokens_at = kallsyms->index_at - back;
            if (tokens_here(kallsyms)) {
                return true;
            }
        }
    }
    return false;
}

/* -- Names ------------------------------------------------------------------------------------- */

static uint64_t marker(const struct kallsyms *kallsyms, uint32_t idx) {
    return load(kallsyms, kallsyms->markers_at + 4 * (size_t)idx, 4);
}

/* How many numbers at markers_at could be markers. */
static uint32_t markers_run(const struct kallsyms *kallsyms) {
    size_t room = (kallsyms->tokens_at - kallsyms->markers_at) / 4;
    uint32_t run = 1;
    while (run < room && run < COUNT_MAX / BLOCK_NAMES) {
        uint64_t step = marker(kallsyms, run) - marker(kallsyms, run - 1);
        if (step < BLOCK_BYTES_LEAST || step > BLOCK_BYTES_MOST) {
            break;
        }
        run++;
    }
    return run;
}

/* Length of the encoded name at @p at, and where its bytes begin. @return 0: there is none. */
static size_t name_length(const struct kallsyms *kallsyms, size_t at, size_t *start) {
    size_t end = kallsyms->markers_at;
    if (end - at < NAME_BYTES_LEAST) {
        return 0;
    }
    size_t length = kallsyms->bytes[at++];
    if (length >= 0x80) {
        length = (length & 0x7f) | (size_t)kallsyms->bytes[at++] << 7;
    }
    *start = at;
    return length <= end - at && length <= KALLSYMS_NAME_BYTES_MAX ? length : 0;
}

/* Requires: names_at, count and markers_at are a guess. */
static bool names_here(const struct kallsyms *kallsyms) {
    size_t at = kallsyms->names_at;
    for (uint32_t i = 0; i < kallsyms->count; i++) {
        if (i % BLOCK_NAMES == 0 && at - kallsyms->names_at != marker(kallsyms, i / BLOCK_NAMES)) {
            return false;
        }
        size_t start;
        size_t length = name_length(kallsyms, at, &start);
        if (length == 0) {
            return false;
        }
        at = start + length;
    }
    return align_up(at) == kallsyms->markers_at;
}

/* Looks for a count and names that end at markers_at. */
static bool names_find(struct kallsyms *kallsyms) {
    uint32_t run = markers_run(kallsyms);
    if (run < 2) {
        return false;
    }
    size_t furthest = marker(kallsyms, run - 1) + BLOCK_BYTES_MOST + ALIGN_BYTES;
    for (size_t back = ALIGN_BYTES; back <= furthest; back += ALIGN_BYTES) {
        if (back + ALIGN_BYTES > kallsyms->markers_at) {
            return false;
        }
        kallsyms->names_at = kallsyms->markers_at - back;
        uint64_t count = load(kallsyms, kallsyms->names_at - ALIGN_BYTES, 8);
        if (count > BLOCK_NAMES && count <= (uint64_t)run * BLOCK_NAMES) {
            kallsyms->count = (uint32_t)count;
            if (names_here(kallsyms)) {
                return true;
            }
        }
    }
    return false;
}

/* Markers lie before the tokens, right there but for a table that is no longer than 3 bytes a name.
 */
static bool markers_find(struct kallsyms *kallsyms) {
    for (size_t at = kallsyms->tokens_at; at >= ALIGN_BYTES;) {
        at -= ALIGN_BYTES;
        if (load(kallsyms, at, 4) == 0) {
            kallsyms->markers_at = at;
            if (names_find(kallsyms)) {
                return true;
            }
        }
    }
    return false;
}

/* -- Addresses --------------------------------------------------------------------------------- */

static uint64_t address_get(const struct kallsyms *kallsyms, uint32_t idx) {
    size_t at = kallsyms->addresses_at;
    if (kallsyms->form == KALLSYMS_ABSOLUTE) {
        return load(kallsyms, at + 8 * (size_t)idx, 8);
    }
    uint64_t offset = load(kallsyms, at + 4 * (size_t)idx, 4);
    if (kallsyms->form == KALLSYMS_RELATIVE) {
        return kallsyms->base + offset;
    }
    bool negative = offset >> 31 != 0;
    return negative ? kallsyms->base - 1 - (uint64_t)sign_extend(offset, 31) : offset;
}

/* -- Walking ----------------------------------------------------------------------------------- */

static const struct kallsyms_token *token_of(const struct kallsyms *kallsyms,
                                             const struct kallsyms_walk *walk, size_t idx) {
    return &kallsyms->tokens[kallsyms->bytes[walk->at + idx]];
}

/* To the next name, which is not spelled. */
static bool name_move(const struct kallsyms *kallsyms, struct kallsyms_walk *walk) {
    if (walk->idx == kallsyms->count) {
        return false;
    }
    size_t at = walk->idx == 0 ? kallsyms->names_at : walk->at + walk->size_bytes;
    walk->size_bytes = name_length(kallsyms, at, &walk->at);
    if (walk->size_bytes == 0) {
        return false;
    }
    walk->type = token_of(kallsyms, walk, 0)->letters[0];
    walk->address = address_get(kallsyms, walk->idx++);
    return true;
}

/* Is it a name: a letter for its type, and others that can be shown? */
static bool name_sound(const struct kallsyms *kallsyms, const struct kallsyms_walk *walk) {
    size_t length = 0;
    bool spells = true;
    for (size_t i = 0; i < walk->size_bytes; i++) {
        const struct kallsyms_token *token = token_of(kallsyms, walk, i);
        spells = spells && token->spells;
        length += token->length;
    }
    char type = (char)(walk->type | 0x20);
    return spells && length > 1 && length <= KALLSYMS_NAME_BYTES_MAX && type >= 'a' && type <= 'z';
}

/* Requires: it is sound. */
static void name_spell(const struct kallsyms *kallsyms, struct kallsyms_walk *walk) {
    const struct kallsyms_token *token = token_of(kallsyms, walk, 0);
    size_t spelled = token->length - 1U;
    memcpy(walk->name, token->letters + 1, spelled);
    for (size_t i = 1; i < walk->size_bytes; i++) {
        token = token_of(kallsyms, walk, i);
        memcpy(walk->name + spelled, token->first, KALLSYMS_SHORT_BYTES);
        if (token->length > KALLSYMS_SHORT_BYTES) {
            memcpy(walk->name + spelled, token->letters, token->length);
        }
        spelled += token->length;
    }
    walk->name[spelled] = '\0';
}

static bool begins_with(const struct kallsyms *kallsyms, const struct kallsyms_walk *walk,
                        char letter) {
    const struct kallsyms_token *token = token_of(kallsyms, walk, 0);
    return token->length > 1 ? token->letters[1] == letter
                             : token_of(kallsyms, walk, 1)->letters[0] == letter;
}

/* -- What they have to be ---------------------------------------------------------------------- */

/* Does the walk stand at one of two names? */
static void anchor_note(const struct kallsyms_walk *walk, const char *const names[2],
                        uint64_t *address) {
    if (strcmp(walk->name, names[0]) == 0 || strcmp(walk->name, names[1]) == 0) {
        *address = walk->address;
    }
}

/* On the way it is seen how far the names reach. */
static bool anchors_hold(struct kallsyms *kallsyms) {
    static const char *const starts[2] = {"_stext", "_text"};
    static const char *const ends[2] = {"_etext", "_end"};
    uint64_t start = UINT64_MAX, end = 0;
    struct kallsyms_walk walk = {0};
    kallsyms->first = UINT64_MAX;
    kallsyms->last = 0;
    bool sound = true;
    while (sound && name_move(kallsyms, &walk)) {
        sound = name_sound(kallsyms, &walk);
        if (sound && begins_with(kallsyms, &walk, '_')) {
            name_spell(kallsyms, &walk);
            anchor_note(&walk, starts, &start);
            anchor_note(&walk, ends, &end);
        }
        if (walk.type != 'A' && walk.type != 'a') {
            kallsyms->first = min_u64(kallsyms->first, walk.address);
            kallsyms->last = walk.address > kallsyms->last ? walk.address : kallsyms->last;
        }
    }
    return sound && walk.idx == kallsyms->count && start < end;
}

static bool addresses_rise(const struct kallsyms *kallsyms) {
    uint64_t last = 0;
    for (uint32_t i = 0; i < kallsyms->count; i++) {
        uint64_t address = address_get(kallsyms, i);
        if (address < last) {
            return false;
        }
        last = address;
    }
    return true;
}

/* Tries one place and form. @param base_at  Of the base; any for absolute addresses. */
static bool addresses_here(struct kallsyms *kallsyms, size_t at, size_t base_at,
                           enum kallsyms_form form) {
    size_t each_bytes = form == KALLSYMS_ABSOLUTE ? 8 : 4;
    size_t end = form == KALLSYMS_ABSOLUTE ? at + each_bytes * kallsyms->count : base_at + 8;
    if (end > kallsyms->size_bytes) {
        return false;
    }
    kallsyms->addresses_at = at;
    kallsyms->form = form;
    kallsyms->base = form == KALLSYMS_ABSOLUTE ? 0 : load(kallsyms, base_at, 8);
    return addresses_rise(kallsyms) && anchors_hold(kallsyms);
}

static bool addresses_find(struct kallsyms *kallsyms) {
    size_t behind = kallsyms->index_at + INDEX_BYTES;
    size_t before = kallsyms->names_at - ALIGN_BYTES;
    size_t offsets_bytes = align_up(4 * (size_t)kallsyms->count);
    size_t absolute_bytes = 8 * (size_t)kallsyms->count;
    for (int percpu = 0; percpu <= 1; percpu++) {
        enum kallsyms_form form = percpu ? KALLSYMS_PERCPU : KALLSYMS_RELATIVE;
        if (addresses_here(kallsyms, behind, behind + offsets_bytes, form) ||
            (before >= offsets_bytes + 8 &&
             addresses_here(kallsyms, before - 8 - offsets_bytes, before - 8, form))) {
            return true;
        }
    }
    return addresses_here(kallsyms, behind, 0, KALLSYMS_ABSOLUTE) ||
           (before >= absolute_bytes &&
            addresses_here(kallsyms, before - absolute_bytes, 0, KALLSYMS_ABSOLUTE));
}

/* -- All of it --------------------------------------------------------------------------------- */

/* Is this inside an index: do four numbers rise? */
static bool rises_at(const uint8_t *bytes) {
    uint16_t numbers[ALIGN_BYTES / 2];
    bool rises = true;
    memcpy(numbers, bytes, sizeof numbers);
    for (unsigned i = 1; i < COUNT(numbers); i++) {
        rises =
            rises && numbers[i] > numbers[i - 1] && numbers[i] - numbers[i - 1] <= TOKEN_BYTES_MAX;
    }
    return rises;
}

static bool kallsyms_at(struct kallsyms *kallsyms, size_t at) {
    kallsyms->index_at = at;
    if (at + INDEX_BYTES > kallsyms->size_bytes || !index_here(kallsyms) ||
        !tokens_find(kallsyms)) {
        return false;
    }
    tokens_take(kallsyms);
    return markers_find(kallsyms) && addresses_find(kallsyms);
}

/* An index is so long that it meets one of the places that are looked at. */
bool kallsyms_find(struct kallsyms *kallsyms, const void *bytes, size_t size_bytes) {
    enum { STRIDE_BYTES = INDEX_BYTES / 2 };
    const uint8_t *start = bytes;
    *kallsyms = (struct kallsyms){.bytes = bytes, .size_bytes = size_bytes};
    for (size_t look = 0; look + ALIGN_BYTES <= size_bytes; look += STRIDE_BYTES) {
        size_t first = look == 0 ? 0 : look - STRIDE_BYTES + ALIGN_BYTES;
        for (size_t at = first; at <= look && rises_at(start + look); at += ALIGN_BYTES) {
            if (kallsyms_at(kallsyms, at)) {
                return true;
            }
        }
    }
    return false;
}

/* All names are sound: anchors_hold() has looked. */
bool kallsyms_next(const struct kallsyms *kallsyms, struct kallsyms_walk *walk) {
    bool more = name_move(kallsyms, walk);
    if (more) {
        name_spell(kallsyms, walk);
    }
    return more;
}
