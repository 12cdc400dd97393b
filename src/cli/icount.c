/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --icount and --hart: what a step costs on each hart, and what happens when all sleep. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { SHIFT_DEFAULT = 3, SHIFT_MAX = 10, WORD_CHARS = 64 };

static enum status bad_word(struct error *error, const char *option, const char *word) {
    return error_set(
        error, STATUS_USAGE, "%s: '%s' is not understood; use shift=N (0 to 10) or ips=RATE%s",
        option, word,
        strcmp(option, "--hart") == 0 ? " behind a list of harts, as in 0-3:ips=2e9,4-7:shift=3"
                                      : ", then sleep=on or sleep=off");
}

static enum status shift_parse(const char *option, const char *text, struct rate *rate,
                               struct error *error) {
    uint64_t shift;
    if (strcmp(text, "auto") == 0) {
        return error_set(error, STATUS_USAGE,
                         "%s: shift=auto is for all harts, in --icount; use shift=N or ips=RATE",
                         option);
    }
    if (!value_u64(text, &shift) || shift > SHIFT_MAX) {
        return error_set(error, STATUS_USAGE,
                         "%s: shift=%s is out of range; use 0 to 10 (2^N ns a step)", option, text);
    }
    *rate = rate_from_shift((unsigned)shift);
    return STATUS_OK;
}

static enum status ips_parse(const char *option, const char *text, struct rate *rate,
                             struct error *error) {
    struct error cause = {0};
    if (rate_parse_ips(text, rate, &cause) != STATUS_OK) {
        return error_set(error, cause.status, "%s: %s", option, cause.text);
    }
    return STATUS_OK;
}

/* -- --icount ---------------------------------------------------------------------------------- */

/** What --icount has said so far. */
struct icount {
    struct rate rate;
    bool rate_set;
    bool adapts; /* shift=auto */
    bool sleep_set;
    bool sleeps;
    bool aligns;
};

static enum status on_off(const char *word, const char *value, bool *on, struct error *error) {
    *on = strcmp(value, "on") == 0;
    if (!*on && strcmp(value, "off") != 0) {
        return error_set(error, STATUS_USAGE, "--icount: '%s': use on or off", word);
    }
    return STATUS_OK;
}

static enum status said_twice(const char *what, struct error *error) {
    return error_set(error, STATUS_USAGE, "--icount: %s is given twice; keep one", what);
}

static enum status icount_word(struct icount *icount, const char *word, struct error *error) {
    const char *shift = value_of(word, "shift");
    const char *ips = value_of(word, "ips");
    const char *sleep = value_of(word, "sleep");
    const char *align = value_of(word, "align");
    if (shift != NULL || ips != NULL) {
        if (icount->rate_set) {
            return said_twice("the rate", error);
        }
        icount->rate_set = true;
        icount->adapts = shift != NULL && strcmp(shift, "auto") == 0;
        if (icount->adapts) {
            return STATUS_OK;
        }
        return shift != NULL ? shift_parse("--icount", shift, &icount->rate, error)
                             : ips_parse("--icount", ips, &icount->rate, error);
    }
    if (sleep != NULL) {
        if (icount->sleep_set) {
            return said_twice("sleep", error);
        }
        icount->sleep_set = true;
        return on_off(word, sleep, &icount->sleeps, error);
    }
    if (align != NULL) {
        return on_off(word, align, &icount->aligns, error);
    }
    return bad_word(error, "--icount", word);
}

static enum status icount_parse(const char *list, struct icount *icount, struct error *error) {
    char word[WORD_CHARS];
    while (value_word(&list, word, sizeof word)) {
        enum status status = icount_word(icount, word, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return *list == '\0' ? STATUS_OK : bad_word(error, "--icount", list);
}

/* -- --hart ------------------------------------------------------------------------------------ */

enum { HART_UNTOUCHED, HART_LISTED, HART_SET };

/** Marks "N" or "N-M" as listed. */
static enum status harts_list(const char *range, unsigned hart_count, uint8_t *marks,
                              struct error *error) {
    char first_text[WORD_CHARS];
    const char *dash = strchr(range, '-');
    uint64_t first;
    uint64_t last;
    snprintf(first_text, sizeof first_text, "%.*s",
             dash == NULL ? WORD_CHARS - 1 : (int)(dash - range), range);
    if (!value_u64(first_text, &first) || !value_u64(dash == NULL ? range : dash + 1, &last) ||
        first > last) {
        return bad_word(error, "--hart", range);
    }
    if (last >= hart_count) {
        return error_set(error, STATUS_USAGE,
                         "--hart: there is no hart %llu; --smp gives harts 0 to %u",
                         (unsigned long long)last, hart_count - 1);
    }
    for (uint64_t hart = first; hart <= last; hart++) {
        if (marks[hart] != HART_UNTOUCHED) {
            return error_set(error, STATUS_USAGE, "--hart: hart %llu is listed twice; keep one",
                             (unsigned long long)hart);
        }
        marks[hart] = HART_LISTED;
    }
    return STATUS_OK;
}

static void harts_set(struct run_options *options, uint8_t *marks, struct rate rate) {
    for (unsigned hart = 0; hart < options->machine.hart_count; hart++) {
        if (marks[hart] == HART_LISTED) {
            marks[hart] = HART_SET;
            options->rates[hart] = rate;
        }
    }
}

/* A comma may go on with a list ("0,2:shift=3") or begin the next one: a rate ends its list. */
static enum status hart_word(struct run_options *options, uint8_t *marks, char *word,
                             struct error *error) {
    char *colon = strchr(word, ':');
    if (colon != NULL) {
        *colon = '\0';
    }
    enum status status = harts_list(word, options->machine.hart_count, marks, error);
    if (status != STATUS_OK || colon == NULL) {
        return status;
    }
    struct rate rate;
    const char *shift = value_of(colon + 1, "shift");
    const char *ips = value_of(colon + 1, "ips");
    if (shift == NULL && ips == NULL) {
        return bad_word(error, "--hart", colon + 1);
    }
    status = shift != NULL ? shift_parse("--hart", shift, &rate, error)
                           : ips_parse("--hart", ips, &rate, error);
    if (status == STATUS_OK) {
        harts_set(options, marks, rate);
    }
    return status;
}

static enum status harts_parse(struct run_options *options, struct error *error) {
    uint8_t marks[HARTS_MAX] = {HART_UNTOUCHED};
    const char *list = options->harts;
    char word[WORD_CHARS];
    while (value_word(&list, word, sizeof word)) {
        enum status status = hart_word(options, marks, word, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (unsigned hart = 0; hart < options->machine.hart_count; hart++) {
        if (marks[hart] == HART_LISTED) {
            return error_set(error, STATUS_USAGE,
                             "--hart: hart %u has no rate; end its list with :ips=RATE or :shift=N",
                             hart);
        }
    }
    return *list == '\0' ? STATUS_OK : bad_word(error, "--hart", list);
}

/** What contradicts itself is refused, with the reason. */
static enum status icount_check(const struct run_options *options, const struct icount *icount,
                                struct error *error) {
    const char *reason = NULL;
    if (icount->aligns && !icount->sleeps) {
        reason = "align=on waits for the host's clock, sleep=off jumps ahead of it; drop one";
    } else if (icount->adapts && !icount->sleeps) {
        reason = "shift=auto follows the host's clock, sleep=off jumps ahead of it; drop one";
    } else if (icount->adapts && icount->aligns) {
        reason = "shift=auto and align=on both follow the host's clock; drop one";
    } else if (icount->adapts && options->harts != NULL) {
        reason = "shift=auto gives all harts one rate, --hart gives them their own; drop one";
    } else if (icount->adapts && options->machine.time != TIME_LOCKSTEP) {
        reason = "shift=auto needs --time lockstep, where all harts have one rate; drop one";
    } else if (icount->aligns && options->machine.time == TIME_FREE) {
        reason = "align=on waits for the host's clock, --time free follows it; drop one";
    } else if (icount->adapts && options->machine.engine == ENGINE_CHECK &&
               options->command != COMMAND_REPLAY) {
        reason = "shift=auto changes with the host, --engine check compares; drop one";
    }
    return reason == NULL ? STATUS_OK : error_set(error, STATUS_USAGE, "--icount: %s", reason);
}

enum status icount_apply(struct run_options *options, struct error *error) {
    struct icount icount = {.rate = rate_from_shift(SHIFT_DEFAULT), .sleeps = true};
    if (options->icount != NULL) {
        enum status status = icount_parse(options->icount, &icount, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (icount_check(options, &icount, error) != STATUS_OK) {
        return error->status;
    }
    options->machine.idle_sleeps = icount.sleeps;
    options->machine.aligns = icount.aligns;
    options->machine.adapts = icount.adapts;
    for (unsigned hart = 0; hart < options->machine.hart_count; hart++) {
        options->rates[hart] = icount.rate;
    }
    return options->harts == NULL ? STATUS_OK : harts_parse(options, error);
}
