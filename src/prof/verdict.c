/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conditions on a profile, for whoever wants to be told when something got slower.
 *
 *   condition = subject '>' limit          "func:vfs_read>+2%"
 *   subject   = 'all' | ('func' | 'self' | 'process' | 'mode' | 'hart' | 'probe') ':' name
 *   limit     = ['+'] number ['%' | 'pp']
 *
 * Behind '+' a limit is of growth against a base, otherwise of the value itself. '%' is of the base
 * behind '+', else of the whole; 'pp' are percentage points of the share. The last '>' counts:
 * names may have others. Values are whole numbers, and limits are kept as millionths: so nothing is
 * rounded where it matters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/model.h"
#include "prof/prof.h"
#include "prof/put.h"

enum { MILLION = 1000000 };

enum unit { UNIT_PLAIN, UNIT_PERCENT, UNIT_POINTS };

struct limit {
    bool growth;
    enum unit unit;
    uint64_t millionths;
};

enum subject {
    SUBJECT_FUNC,
    SUBJECT_SELF,
    SUBJECT_PROCESS,
    SUBJECT_MODE,
    SUBJECT_HART,
    SUBJECT_PROBE,
    SUBJECT_ALL,
    SUBJECTS
};

static const struct {
    const char *word;
    enum profile_by by;
} subjects[SUBJECTS] = {
    [SUBJECT_FUNC] = {"func:", PROFILE_FUNCTIONS},
    [SUBJECT_SELF] = {"self:", PROFILE_FUNCTIONS},
    [SUBJECT_PROCESS] = {"process:", PROFILE_PROCESSES},
    [SUBJECT_MODE] = {"mode:", PROFILE_MODES},
    [SUBJECT_HART] = {"hart:", PROFILE_HARTS},
    [SUBJECT_PROBE] = {"probe:", PROFILE_BYS},
    [SUBJECT_ALL] = {"all", PROFILE_MODES},
};

struct condition {
    enum subject subject;
    char name[PROFILE_NAME_CHARS];
    struct limit limit;
};

/* -- Understanding ----------------------------------------------------------------------------- */

/* Digits, and up to six behind a point. @return What follows them, or NULL. */
static const char *millionths_parse(const char *text, uint64_t *millionths) {
    uint64_t value = 0, unit = MILLION;
    bool point = false, digits = false;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        uint64_t digit = (uint64_t)(*text - '0');
        digits = true;
        unit /= point ? 10 : 1;
        if ((point && unit == 0) ||
            (!point && (__builtin_mul_overflow(value, 10, &value) ||
                        __builtin_add_overflow(value, digit * MILLION, &value))) ||
            (point && __builtin_add_overflow(value, digit * unit, &value))) {
            return NULL;
        }
    }
    *millionths = value;
    return digits ? text : NULL;
}

static bool limit_parse(const char *text, struct limit *limit) {
    limit->growth = *text == '+';
    text = millionths_parse(text + limit->growth, &limit->millionths);
    if (text == NULL) {
        return false;
    }
    limit->unit = strcmp(text, "%") == 0    ? UNIT_PERCENT
                  : strcmp(text, "pp") == 0 ? UNIT_POINTS
                                            : UNIT_PLAIN;
    return (*text == '\0' || limit->unit != UNIT_PLAIN) &&
           (limit->unit != UNIT_POINTS || limit->growth);
}

static bool condition_parse(const char *text, struct condition *condition) {
    const char *end = strrchr(text, '>');
    if (end == NULL || !limit_parse(end + 1, &condition->limit)) {
        return false;
    }
    for (unsigned i = 0; i < SUBJECTS; i++) {
        size_t length = strlen(subjects[i].word), left = (size_t)(end - text) - length;
        if ((size_t)(end - text) < length || strncmp(text, subjects[i].word, length) != 0) {
            continue;
        }
        condition->subject = (enum subject)i;
        snprintf(condition->name, sizeof condition->name, "%s%.*s",
                 i == SUBJECT_HART ? "hart " : "", (int)min_u64(left, 600), text + length);
        return (i == SUBJECT_ALL) == (left == 0);
    }
    return false;
}

/* -- Measuring --------------------------------------------------------------------------------- */

struct measure {
    bool found;
    uint64_t value, whole; /* whole is 0 where there is no share of it */
    uint64_t times;        /* that value is the sum of; else 1 */
};

static struct measure probe_measure(const struct profile *profile, const char *name) {
    struct measure measure = {0};
    for (uint32_t i = 0; i < profile->interval_count; i++) {
        const struct profile_interval *interval = &profile->intervals[i];
        if (strcmp(interval->name, name) == 0) {
            measure.found = true;
            measure.value = add_sat_u64(measure.value, interval->ns_sum);
            measure.times += interval->count;
        }
    }
    measure.value = measure.times == 0 ? 0 : measure.value / measure.times;
    return measure;
}

static struct measure measure_make(const struct profile *profile,
                                   const struct condition *condition) {
    if (condition->subject == SUBJECT_PROBE) {
        return probe_measure(profile, condition->name);
    }
    struct profile_rows rows;
    profile_sum(profile, subjects[condition->subject].by, &rows);
    struct measure measure = {.whole = rows.self};
    for (uint32_t i = 0; i < rows.count; i++) {
        const struct profile_row *row = &rows.rows[i];
        if (condition->subject == SUBJECT_ALL || strcmp(row->name, condition->name) == 0) {
            measure.found = true;
            measure.value += condition->subject == SUBJECT_FUNC ? row->total : row->self;
        }
    }
    measure.found = measure.found || condition->subject == SUBJECT_ALL;
    profile_rows_free(&rows);
    return measure;
}

static void names_add(struct symbols *symbols, const struct profile *profile,
                      const struct condition *condition) {
    struct profile_rows rows;
    bool probes = condition->subject == SUBJECT_PROBE;
    struct symbol_entry entry = {.type = 'T'};
    unsigned module = symbols_add_module(symbols, "names", 0, UINT64_MAX);
    for (uint32_t i = 0; probes && i < profile->interval_count; i++) {
        entry.name = profile->intervals[i].name;
        entry.address = i;
        symbols_add(symbols, module, &entry);
    }
    profile_sum(profile, probes ? PROFILE_MODES : subjects[condition->subject].by, &rows);
    for (uint32_t i = 0; !probes && i < rows.count; i++) {
        entry.name = rows.rows[i].name;
        entry.address = i;
        symbols_add(symbols, module, &entry);
    }
    profile_rows_free(&rows);
}

static enum status unknown_set(const struct profile *profile, const struct condition *condition,
                               struct error *error) {
    struct symbols *symbols = symbols_new();
    const char *near[2];
    names_add(symbols, profile, condition);
    symbols_settle(symbols);
    size_t count = symbols_near(symbols, condition->name, near, COUNT(near));
    enum status status =
        count == 0 ? error_set(error, STATUS_USAGE,
                               "report: there is no %s%.100s in this profile; see its tables",
                               subjects[condition->subject].word, condition->name)
                   : error_set(error, STATUS_USAGE,
                               "report: there is no %s%.100s in this profile; did you mean "
                               "%.100s%s%.100s?",
                               subjects[condition->subject].word, condition->name, near[0],
                               count > 1 ? " or " : "", count > 1 ? near[1] : "");
    symbols_free(symbols);
    return status;
}

/* -- Judging ----------------------------------------------------------------------------------- */

/* a/b > c/d, for b and d above 0. */
static bool greater(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    /* 192 bits would do: a whole part and a remainder each are 128. */
    if (a / b != c / d) {
        return a / b > c / d;
    }
    return (unsigned __int128)(a % b) * d > (unsigned __int128)(c % d) * b;
}

/* value/whole in millionths of a percent. */
static uint64_t share(const struct measure *measure) {
    uint64_t whole = measure->whole == 0 ? 1 : measure->whole;
    return (uint64_t)((unsigned __int128)measure->value * 100 * MILLION / whole);
}

static bool exceeds(const struct limit *limit, const struct measure *base,
                    const struct measure *now) {
    uint64_t grown = now->value > base->value ? now->value - base->value : 0;
    uint64_t part = limit->growth ? grown : now->value;
    uint64_t whole = limit->growth ? base->value : now->whole;
    switch (limit->unit) {
    case UNIT_PERCENT:
        return whole == 0 ? part > 0 : greater(part, whole, limit->millionths, 100 * MILLION);
    case UNIT_POINTS:
        return share(now) > share(base) && share(now) - share(base) > limit->millionths;
    default:
        return greater(part, 1, limit->millionths, MILLION);
    }
}

static void verdict_put(const struct profile *profile, const char *condition,
                        const struct measure measures[2], struct profile_verdict *verdict) {
    char base[NUMBER_CHARS], now[NUMBER_CHARS], part[SHARE_CHARS];
    bool probe = measures[1].whole == 0;
    snprintf(verdict->text, sizeof verdict->text, "%.700s: %s: %s%s%s %s%s%s", condition,
             verdict->holds ? "yes" : "no",
             measures[0].found ? number_text(measures[0].value, base) : "",
             measures[0].found ? " -> " : "", number_text(measures[1].value, now),
             probe ? "ns" : profile_unit(profile), probe ? "" : ", ",
             probe ? "" : share_text(measures[1].value, measures[1].whole, part));
}

enum status profile_judge(const struct profile *base, const struct profile *profile,
                          const char *condition, struct profile_verdict *verdict,
                          struct error *error) {
    struct condition parsed;
    if (!condition_parse(condition, &parsed)) {
        return error_set(error, STATUS_USAGE,
                         "report: cannot understand the condition '%.100s'; write for instance "
                         "func:NAME>+2%%",
                         condition);
    }
    if (parsed.limit.growth && base == NULL) {
        return error_set(error, STATUS_USAGE,
                         "report: '%.100s' is about growth, which needs a base; use report diff "
                         "BASE FILE",
                         condition);
    }
    if (parsed.subject == SUBJECT_PROBE && parsed.limit.unit != UNIT_PLAIN &&
        !(parsed.limit.growth && parsed.limit.unit == UNIT_PERCENT)) {
        return error_set(error, STATUS_USAGE,
                         "report: '%.100s': a probe's mean time has no share; give ns, or +N%%",
                         condition);
    }
    struct measure measures[2] = {{0}, measure_make(profile, &parsed)};
    if (base != NULL) {
        measures[0] = measure_make(base, &parsed);
    }
    if (!measures[0].found && !measures[1].found) {
        return unknown_set(profile, &parsed, error);
    }
    verdict->holds = exceeds(&parsed.limit, &measures[0], &measures[1]);
    verdict_put(profile, condition, measures, verdict);
    return STATUS_OK;
}
