/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandglass report: profiles as tables, pages and files of other tools; two of them compared; and
 * conditions on them. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/prof.h"

enum { CONDITIONS_MAX = 64, BROKEN_CONDITION = 1 };

struct report_asked {
    bool help, compares;
    const char *paths[2];
    unsigned path_count;
    const struct report_format *format; /* NULL: by the output's name */
    const char *output;                 /* NULL: standard output */
    enum profile_by by;
    struct profile_view view;
    char *filter; /* what the view points into */
    const char *conditions[CONDITIONS_MAX];
    unsigned condition_count;
};

/* -- Formats ----------------------------------------------------------------------------------- */

typedef void put_fn(const struct profile *profile, struct stream *stream);

struct report_format {
    const char *name;
    const char *ending; /* of files that are of it */
    put_fn *put;        /* NULL: profile_text() */
    enum profile_roots roots;
};

static const struct report_format formats[] = {
    {"text", ".txt", NULL, PROFILE_BY_TASK},
    {"html", ".html", profile_html, PROFILE_BY_TASK},
    {"folded", ".folded", profile_folded, PROFILE_BY_PROCESS},
    {"callgrind", ".callgrind", profile_callgrind, PROFILE_BY_TASK},
    {"trace", ".trace.json", profile_trace, PROFILE_BY_TASK},
    {"speedscope", ".speedscope.json", profile_speedscope, PROFILE_BY_PROCESS},
};

static const struct report_format *format_of_name(const char *path) {
    for (size_t i = 0; path != NULL && i < COUNT(formats); i++) {
        size_t length = strlen(path), end = strlen(formats[i].ending);
        if (length > end && strcmp(path + length - end, formats[i].ending) == 0) {
            return &formats[i];
        }
    }
    return &formats[0];
}

/* -- Options ----------------------------------------------------------------------------------- */

/* Which of @p names, that end with NULL, a value is. @return false with the error. */
static bool choose(const char *option, const char *value, const char *const *names, size_t *which,
                   struct error *error) {
    char all[200] = "";
    for (*which = 0; names[*which] != NULL; ++*which) {
        if (strcmp(names[*which], value) == 0) {
            return true;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", *which == 0 ? "" : ", ", names[*which]);
    }
    error_set(error, STATUS_USAGE, "report: --%s cannot be '%.100s'; give one of %s", option, value,
              all);
    return false;
}

static enum status format_take(struct report_asked *asked, const char *value, struct error *error) {
    const char *names[COUNT(formats) + 1] = {NULL};
    size_t which;
    for (size_t i = 0; i < COUNT(formats); i++) {
        names[i] = formats[i].name;
    }
    if (!choose("format", value, names, &which, error)) {
        return STATUS_USAGE;
    }
    asked->format = &formats[which];
    return STATUS_OK;
}

static enum status output_take(struct report_asked *asked, const char *value, struct error *error) {
    (void)error;
    asked->output = value;
    return STATUS_OK;
}

static enum status by_take(struct report_asked *asked, const char *value, struct error *error) {
    static const char *const names[] = {[PROFILE_FUNCTIONS] = "function",
                                        [PROFILE_PROCESSES] = "process",
                                        [PROFILE_MODES] = "mode",
                                        [PROFILE_HARTS] = "hart",
                                        [PROFILE_BYS] = NULL};
    size_t which;
    if (!choose("by", value, names, &which, error)) {
        return STATUS_USAGE;
    }
    asked->by = (enum profile_by)which;
    return STATUS_OK;
}

static bool filter_word_take(struct report_asked *asked, char *word) {
    static const unsigned modes[] = {PROFILE_USER, PROFILE_KERNEL, PROFILE_FIRMWARE};
    for (size_t i = 0; i < COUNT(modes); i++) {
        if (strcmp(word, profile_mode_text(modes[i])) == 0) {
            asked->view.modes |= 1u << modes[i];
            return true;
        }
    }
    uint64_t hart;
    if (strncmp(word, "hart:", 5) == 0 && value_u64(word + 5, &hart) && hart < PROFILE_HARTS_MAX) {
        asked->view.one_hart = true;
        asked->view.hart = (uint16_t)hart;
        return true;
    }
    if (strncmp(word, "process:", 8) == 0) {
        asked->view.process = word + 8;
        return true;
    }
    return false;
}

static enum status filter_take(struct report_asked *asked, const char *value, struct error *error) {
    free(asked->filter);
    asked->filter = strdup(value);
    asked->view = (struct profile_view){0};
    ensure(asked->filter != NULL);
    char *list = asked->filter, *word;
    while ((word = value_cut(&list)) != NULL) {
        if (!filter_word_take(asked, word)) {
            return error_set(error, STATUS_USAGE,
                             "report: --filter cannot have '%.100s'; give firmware, kernel, user, "
                             "hart:N or process:NAME, with commas between them",
                             word);
        }
    }
    return STATUS_OK;
}

static enum status condition_take(struct report_asked *asked, const char *value,
                                  struct error *error) {
    if (asked->condition_count == CONDITIONS_MAX) {
        return error_set(error, STATUS_USAGE, "report: more than %d --fail-if; give fewer",
                         CONDITIONS_MAX);
    }
    asked->conditions[asked->condition_count++] = value;
    return STATUS_OK;
}

typedef enum status take_fn(struct report_asked *asked, const char *value, struct error *error);

static const struct {
    const char *name;
    take_fn *take;
} options[] = {
    {"format", format_take}, {"output", output_take},     {"by", by_take},
    {"filter", filter_take}, {"fail-if", condition_take},
};

static enum status unknown_option(const char *word, struct error *error) {
    const char *names[COUNT(options) + 1] = {NULL};
    for (size_t i = 0; i < COUNT(options); i++) {
        names[i] = options[i].name;
    }
    const char *near = value_near(word + strspn(word, "-"), names);
    return near == NULL
               ? error_set(error, STATUS_USAGE,
                           "report: unknown option '%.100s'; see sandglass report --help", word)
               : error_set(error, STATUS_USAGE,
                           "report: unknown option '%.100s'; did you mean --%s?", word, near);
}

/* Takes one option and its value. @param at  Moves past them. */
static enum status option_take(struct report_asked *asked, char **words, int *at,
                               struct error *error) {
    const char *name = words[*at] + (words[*at][1] == '-' ? 2 : 1);
    size_t length = strcspn(name, "=");
    for (size_t i = 0; i < COUNT(options); i++) {
        if (strlen(options[i].name) != length || strncmp(name, options[i].name, length) != 0) {
            continue;
        }
        const char *value = name[length] == '=' ? name + length + 1 : words[*at + 1];
        if (value == NULL) {
            return error_set(error, STATUS_USAGE,
                             "report: --%s needs a value; see sandglass report --help",
                             options[i].name);
        }
        *at += name[length] == '=' ? 1 : 2;
        return options[i].take(asked, value, error);
    }
    return unknown_option(words[*at], error);
}

static enum status asked_check(const struct report_asked *asked, struct error *error) {
    unsigned wanted = asked->compares ? 2 : 1;
    if (asked->path_count < wanted) {
        return error_set(error, STATUS_USAGE, "report: give %s; see sandglass report --help",
                         asked->compares ? "two profiles to compare" : "a profile");
    }
    if (asked->compares && asked->format != NULL && asked->format != &formats[0]) {
        return error_set(error, STATUS_USAGE,
                         "report: two profiles are compared as text; leave out --format %s",
                         asked->format->name);
    }
    return STATUS_OK;
}

static enum status asked_parse(struct report_asked *asked, int argc, char **argv,
                               struct error *error) {
    enum status status = STATUS_OK;
    for (int at = 1; status == STATUS_OK && at < argc;) {
        const char *word = argv[at];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-help") == 0) {
            asked->help = true;
            return STATUS_OK;
        }
        if (word[0] == '-' && word[1] != '\0') {
            status = option_take(asked, argv, &at, error);
            continue;
        }
        if (at == 1 && strcmp(word, "diff") == 0) {
            asked->compares = true;
        } else if (asked->path_count < (asked->compares ? 2u : 1u)) {
            asked->paths[asked->path_count++] = word;
        } else {
            return error_set(error, STATUS_USAGE, "report: '%.100s' is one profile too many; %s",
                             word,
                             asked->compares ? "give two" : "to compare two, use report diff");
        }
        at++;
    }
    return status == STATUS_OK ? asked_check(asked, error) : status;
}

static void help(void) {
    puts("usage: sandglass report FILE [OPTION]...\n"
         "       sandglass report diff BASE FILE [OPTION]...\n\n"
         "Shows a profile, or what changed from one to another. To compare a file with one called\n"
         "diff, write ./diff.\n\n"
         "  --format FORMAT    text (default), html, folded, callgrind, trace or speedscope;\n"
         "                     else as the output's name ends\n"
         "  --output FILE      write there instead of to standard output\n"
         "  --by TABLE         of text: function (default), process, mode or hart\n"
         "  --filter LIST      only firmware, kernel, user, hart:N, process:NAME\n"
         "  --fail-if COND     end with status 1 if so: func:NAME>+2%, self:NAME>1000,\n"
         "                     process:NAME>5%, mode:kernel>+1pp, probe:NAME>+10%, all>+0%\n"
         "  --help             this text");
}

/* -- Reports ----------------------------------------------------------------------------------- */

/* Of what is left of a profile, in the shape that is shown. */
static struct profile *shaped(const struct profile *profile, const struct report_asked *asked,
                              enum profile_roots roots) {
    struct profile_view view = asked->view;
    view.roots = roots;
    return profile_part(profile, &view);
}

static bool view_is_whole(const struct report_asked *asked) {
    return asked->view.modes == 0 && asked->view.process == NULL && !asked->view.one_hart;
}

static void report_put(const struct report_asked *asked, const struct profile *profile,
                       struct stream *stream) {
    const struct report_format *format =
        asked->format == NULL ? format_of_name(asked->output) : asked->format;
    struct profile *part = view_is_whole(asked) && format->roots == PROFILE_BY_TASK
                               ? NULL
                               : shaped(profile, asked, format->roots);
    const struct profile *shown = part == NULL ? profile : part;
    if (format->put == NULL) {
        profile_text(shown, asked->by, stream);
    } else {
        format->put(shown, stream);
    }
    profile_free(part);
}

static void diff_put(const struct report_asked *asked, struct profile *const profiles[2],
                     struct stream *stream) {
    struct profile *parts[2] = {shaped(profiles[0], asked, PROFILE_BY_TASK),
                                shaped(profiles[1], asked, PROFILE_BY_TASK)};
    profile_diff_text((const struct profile *const[]){parts[0], parts[1]}, asked->by, stream);
    profile_free(parts[0]);
    profile_free(parts[1]);
}

static enum status report_write(const struct report_asked *asked, const struct buffer *text,
                                struct error *error) {
    if (asked->output == NULL) {
        fwrite(text->bytes, 1, text->size_bytes, stdout); /* main() looks for errors */
        return STATUS_OK;
    }
    return output_write_file("--output", asked->output,
                             (struct content){text->bytes, text->size_bytes}, error);
}

/* @param broken  Set if one of the conditions holds. */
static enum status conditions_judge(const struct report_asked *asked,
                                    struct profile *const profiles[2], bool *broken,
                                    struct error *error) {
    struct profile *parts[2] = {NULL, NULL};
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < asked->path_count; i++) {
        parts[i] = view_is_whole(asked) ? NULL : shaped(profiles[i], asked, PROFILE_BY_TASK);
    }
    const struct profile *now = profiles[asked->path_count - 1];
    const struct profile *base = asked->compares ? profiles[0] : NULL;
    if (!view_is_whole(asked)) {
        now = parts[asked->path_count - 1];
        base = asked->compares ? parts[0] : NULL;
    }
    for (unsigned i = 0; status == STATUS_OK && i < asked->condition_count; i++) {
        struct profile_verdict verdict = {0};
        status = profile_judge(base, now, asked->conditions[i], &verdict, error);
        if (status == STATUS_OK) {
            puts(verdict.text);
        }
        *broken = *broken || verdict.holds;
    }
    profile_free(parts[0]);
    profile_free(parts[1]);
    return status;
}

/* With conditions alone, tables are not what was asked for. */
static bool shows(const struct report_asked *asked) {
    return asked->condition_count == 0 || asked->format != NULL || asked->output != NULL;
}

static enum status report_make(const struct report_asked *asked, bool *broken,
                               struct error *error) {
    struct profile *profiles[2] = {NULL, NULL};
    enum status status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK && i < asked->path_count; i++) {
        status = profile_load_file(asked->paths[i], &profiles[i], error);
    }
    if (status == STATUS_OK && shows(asked)) {
        struct buffer text = {0};
        struct stream stream = buffer_tell(&text);
        if (asked->compares) {
            diff_put(asked, profiles, &stream);
        } else {
            report_put(asked, profiles[0], &stream);
        }
        status = report_write(asked, &text, error);
        buffer_free(&text);
    }
    if (status == STATUS_OK) {
        status = conditions_judge(asked, profiles, broken, error);
    }
    profile_free(profiles[0]);
    profile_free(profiles[1]);
    return status;
}

int report_command(int argc, char **argv) {
    struct error error;
    struct report_asked asked = {0};
    bool broken = false;
    enum status status = asked_parse(&asked, argc, argv, &error);
    if (status == STATUS_OK && asked.help) {
        help();
    } else if (status == STATUS_OK) {
        status = report_make(&asked, &broken, &error);
    }
    free(asked.filter);
    if (status != STATUS_OK) {
        return cli_fail(&error);
    }
    return broken ? BROKEN_CONDITION : 0;
}
