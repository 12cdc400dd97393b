/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of options, from text. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool value_u64(const char *text, uint64_t *value) {
    uint64_t sum = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)*text - '0';
        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, digit, &sum)) {
            return false;
        }
    }
    *value = sum;
    return true;
}

bool value_word(const char **list, char *word, size_t size) {
    size_t length = strcspn(*list, ",");
    bool dangling = (*list)[length] == ',' && (*list)[length + 1] == '\0';
    if (**list == '\0' || length >= size || dangling) {
        return false;
    }
    memcpy(word, *list, length);
    word[length] = '\0';
    *list += length + ((*list)[length] == ',');
    return true;
}

char *value_cut(char **list) {
    char *word = *list;
    char *from = word;
    char *to = word;
    if (word == NULL) {
        return NULL;
    }
    while (*from != '\0' && (from[0] != ',' || from[1] == ',')) {
        from += *from == ',';
        *to++ = *from++;
    }
    *list = *from == '\0' ? NULL : from + 1;
    *to = '\0';
    return word;
}

const char *value_of(const char *word, const char *key) {
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

bool value_bytes(const char *text, uint64_t *bytes) {
    static const char suffixes[] = "KMGT";
    char digits[24];
    size_t length = strlen(text);
    unsigned shift = 20;
    const char *suffix = length == 0 ? NULL : strchr(suffixes, text[length - 1] & ~0x20);
    if (suffix != NULL) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        length--;
    }
    if (length >= sizeof digits) {
        return false;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    uint64_t count;
    return value_u64(digits, &count) && !__builtin_mul_overflow(count, UINT64_C(1) << shift, bytes);
}

/* A date that does not exist comes back from timegm() as another one. */
static bool date_seconds(const char *text, uint64_t *seconds) {
    struct tm asked = {0};
    int end = 0;
    int year;
    int month;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &asked.tm_mday, &end) != 3) {
        return false;
    }
    if (text[end] == 'T') {
        const char *time = text + end + 1;
        if (sscanf(time, "%2d:%2d:%2d%n", &asked.tm_hour, &asked.tm_min, &asked.tm_sec, &end) !=
            3) {
            return false;
        }
        text = time;
    }
    asked.tm_year = year - 1900;
    asked.tm_mon = month - 1;
    struct tm real = asked;
    time_t since = timegm(&real);
    *seconds = (uint64_t)since;
    return text[end] == '\0' && since >= 0 && real.tm_mon == asked.tm_mon &&
           real.tm_mday == asked.tm_mday && real.tm_hour == asked.tm_hour &&
           real.tm_min == asked.tm_min && real.tm_sec == asked.tm_sec;
}

bool value_date(const char *text, uint64_t *ns) {
    uint64_t seconds;
    if (!value_u64(text, &seconds) && !date_seconds(text, &seconds)) {
        return false;
    }
    return !__builtin_mul_overflow(seconds, UINT64_C(1000000000), ns);
}

/* -- Near names -------------------------------------------------------------------------------- */

enum { NAME_CHARS_MAX = 32 };

/* Edits that turn one into the other: insertions, deletions, replacements. */
static unsigned distance(const char *a, const char *b) {
    unsigned row[NAME_CHARS_MAX + 1];
    size_t width = strlen(b);
    if (width > NAME_CHARS_MAX) {
        return UINT32_MAX;
    }
    for (unsigned j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (unsigned i = 0; a[i] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (unsigned j = 0; j < width; j++) {
            unsigned replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            unsigned shorter = 1 + (row[j] < diagonal ? row[j] : diagonal);
            row[j + 1] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[width];
}

/* An abbreviation is near, whatever it lacks; else two edits are, in a word long enough to have
 * them. */
const char *value_near(const char *text, const char *const *names) {
    const char *best = NULL;
    unsigned best_distance = strlen(text) < 4 ? 2 : 3;
    for (; *names != NULL; names++) {
        if (strlen(text) >= 2 && strncmp(text, *names, strlen(text)) == 0) {
            return *names;
        }
        unsigned edits = distance(text, *names);
        if (edits < best_distance) {
            best = *names;
            best_distance = edits;
        }
    }
    return best;
}
