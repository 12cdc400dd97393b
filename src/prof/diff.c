/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two profiles side by side: what grew most comes first. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/model.h"
#include "prof/put.h"

/* -- Comparing --------------------------------------------------------------------------------- */

static int row_by_name(const void *a, const void *b) {
    const struct profile_row *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->module, right->module);
}

static __int128 growth(const struct profile_change *change) {
    return (__int128)change->self[1] - change->self[0];
}

static int change_compare(const void *a, const void *b) {
    const struct profile_change *left = a, *right = b;
    if (growth(left) != growth(right)) {
        return growth(left) > growth(right) ? -1 : 1;
    }
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->module, right->module);
}

static void change_add(struct profile_diff *diff, const struct profile_row *const rows[2]) {
    const struct profile_row *known = rows[0] == NULL ? rows[1] : rows[0];
    struct profile_change change = {.name = known->name,
                                    .module = known->module,
                                    .fresh = rows[0] == NULL,
                                    .gone = rows[1] == NULL};
    for (size_t i = 0; i < 2; i++) {
        change.self[i] = rows[i] == NULL ? 0 : rows[i]->self;
        change.total[i] = rows[i] == NULL ? 0 : rows[i]->total;
    }
    diff->changes = array_grow(diff->changes, diff->count, sizeof change);
    diff->changes[diff->count++] = change;
}

void profile_compare(const struct profile *const profiles[2], enum profile_by by,
                     struct profile_diff *diff) {
    *diff = (struct profile_diff){0};
    for (size_t i = 0; i < 2; i++) {
        profile_sum(profiles[i], by, &diff->rows[i]);
        diff->self[i] = diff->rows[i].self;
        if (diff->rows[i].count > 0) {
            qsort(diff->rows[i].rows, diff->rows[i].count, sizeof *diff->rows[i].rows, row_by_name);
        }
    }
    uint32_t at[2] = {0, 0};
    while (at[0] < diff->rows[0].count || at[1] < diff->rows[1].count) {
        const struct profile_row *rows[2];
        for (size_t i = 0; i < 2; i++) {
            rows[i] = at[i] < diff->rows[i].count ? &diff->rows[i].rows[at[i]] : NULL;
        }
        int order = rows[0] == NULL ? 1 : rows[1] == NULL ? -1 : row_by_name(rows[0], rows[1]);
        at[0] += order <= 0;
        at[1] += order >= 0;
        rows[0] = order <= 0 ? rows[0] : NULL;
        rows[1] = order >= 0 ? rows[1] : NULL;
        change_add(diff, rows);
    }
    if (diff->count > 0) {
        qsort(diff->changes, diff->count, sizeof *diff->changes, change_compare);
    }
}

void profile_diff_free(struct profile_diff *diff) {
    profile_rows_free(&diff->rows[0]);
    profile_rows_free(&diff->rows[1]);
    free(diff->changes);
    *diff = (struct profile_diff){0};
}

/* -- The table --------------------------------------------------------------------------------- */

static const char *signed_text(uint64_t from, uint64_t to, char text[NUMBER_CHARS]) {
    char digits[NUMBER_CHARS];
    snprintf(text, NUMBER_CHARS, "%s%.30s",
             to > from   ? "+"
             : to < from ? "-"
                         : "",
             number_text(to > from ? to - from : from - to, digits));
    return text;
}

/* By how much of itself it grew. */
static const char *growth_text(uint64_t from, uint64_t to, char text[NUMBER_CHARS]) {
    if (from == 0) {
        return strcpy(text, to == 0 ? "0.00 %" : "new");
    }
    unsigned __int128 by = to > from ? to - from : from - to;
    uint64_t hundredths = (uint64_t)min_u64((uint64_t)(by * 10000 / from), INT64_MAX);
    snprintf(text, NUMBER_CHARS, "%s%" PRIu64 ".%02" PRIu64 " %%",
             to > from   ? "+"
             : to < from ? "-"
                         : "",
             hundredths / 100, hundredths % 100);
    return text;
}

/* How much more of the whole it is, in hundredths of a percentage point. */
static int64_t share_growth(const struct profile_diff *diff, const struct profile_change *change) {
    int64_t shares[2];
    for (size_t i = 0; i < 2; i++) {
        uint64_t whole = diff->self[i] == 0 ? 1 : diff->self[i];
        shares[i] = (int64_t)(((unsigned __int128)change->self[i] * 10000 + whole / 2) / whole);
    }
    return shares[1] - shares[0];
}

static void change_put(const struct profile_diff *diff, const struct profile_change *change,
                       struct stream *stream) {
    char numbers[2][NUMBER_CHARS], by[NUMBER_CHARS], part[NUMBER_CHARS];
    int64_t points = share_growth(diff, change);
    uint64_t size = (uint64_t)(points < 0 ? -points : points);
    char sign = points < 0 ? '-' : '+';
    put_format(stream, "%20s %12s %4c%" PRIu64 ".%02" PRIu64 " %20s %20s  ",
               signed_text(change->self[0], change->self[1], by),
               change->gone ? "gone" : growth_text(change->self[0], change->self[1], part), sign,
               size / 100, size % 100, number_text(change->self[0], numbers[0]),
               number_text(change->self[1], numbers[1]));
    put_line(stream, change->name, "");
    if (change->module[0] != '\0') {
        put_text(stream, " [");
        put_line(stream, change->module, "");
        put_text(stream, "]");
    }
    put_text(stream, "\n");
}

static void profile_line_put(const char *name, const struct profile *profile,
                             struct stream *stream) {
    char digest[PROFILE_DIGEST_CHARS];
    profile_digest(profile, digest);
    put_format(stream, "%-5s %s ", name, digest);
    put_line(stream, profile->run.command, "");
    put_text(stream, "\n");
}

void profile_diff_text(const struct profile *const profiles[2], enum profile_by by,
                       struct stream *stream) {
    struct profile_diff diff;
    char numbers[2][NUMBER_CHARS], change[NUMBER_CHARS], part[NUMBER_CHARS];
    uint32_t same = 0;
    profile_compare(profiles, by, &diff);
    profile_line_put("base", profiles[0], stream);
    profile_line_put("now", profiles[1], stream);
    put_format(stream, "\n%20s %12s %8s %20s %20s\n", "change", "of base", "points", "base", "now");
    put_format(stream, "%20s %12s %8s %20s %20s  all %s\n",
               signed_text(diff.self[0], diff.self[1], change),
               growth_text(diff.self[0], diff.self[1], part), "",
               number_text(diff.self[0], numbers[0]), number_text(diff.self[1], numbers[1]),
               profile_unit(profiles[1]));
    for (uint32_t i = 0; i < diff.count; i++) {
        if (growth(&diff.changes[i]) != 0 || diff.changes[i].fresh || diff.changes[i].gone) {
            change_put(&diff, &diff.changes[i], stream);
        } else {
            same++;
        }
    }
    put_format(stream, "%" PRIu32 " more are the same in both\n", same);
    profile_diff_free(&diff);
}
