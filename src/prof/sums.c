/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of sums: by function, process, mode and hart.
 *
 * A function's total is its own steps and those of all that it called. Where it is called again
 * below itself, the outermost call has all of that already: while one is open, inner ones add
 * nothing. So no total is greater than the whole, however deep a recursion. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/model.h"

/* -- Words ------------------------------------------------------------------------------------- */

const char *profile_function_text(const struct profile *profile, uint32_t function,
                                  char text[PROFILE_NAME_CHARS]) {
    const struct profile_function *found = &profile->functions[function];
    if (found->name[0] != '\0') {
        snprintf(text, PROFILE_NAME_CHARS, "%s", found->name);
    } else if (found->module != PROFILE_NONE) {
        snprintf(text, PROFILE_NAME_CHARS, "[%.600s]+0x%" PRIx64,
                 profile->modules[found->module].name, found->address);
    } else {
        snprintf(text, PROFILE_NAME_CHARS, "0x%" PRIx64, found->address);
    }
    return text;
}

const char *profile_mode_text(unsigned mode) {
    static const char *const names[] = {"user", "kernel", "mode 2", "firmware"};
    return names[mode & 3];
}

const char *profile_task_kind_text(enum profile_task_kind kind) {
    static const char *const names[] = {
        [PROFILE_TASK_BARE] = "bare metal", [PROFILE_TASK_FIRMWARE] = "firmware",
        [PROFILE_TASK_IDLE] = "idle",       [PROFILE_TASK_KERNEL] = "kernel thread",
        [PROFILE_TASK_USER] = "process",
    };
    return names[kind];
}

const char *profile_process_text(const struct profile_task *task) {
    bool named = task->process[0] != '\0';
    return named ? task->process : profile_task_kind_text(task->kind);
}

uint64_t *profile_totals(const struct profile *profile) {
    uint64_t *totals = calloc((size_t)profile->context_count + 1, sizeof *totals);
    ensure(totals != NULL);
    for (uint32_t i = profile->context_count; i-- > 0;) {
        const struct profile_context *context = &profile->contexts[i];
        totals[i] += context->counts.self;
        if (context->parent != PROFILE_NONE) {
            totals[context->parent] += totals[i];
        }
    }
    return totals;
}

uint32_t profile_error(uint64_t count, uint64_t samples) {
    if (samples == 0) {
        return 0;
    }
    double share = (double)count / (double)samples;
    return (uint32_t)ceil(4e6 * sqrt(share * (1 - share) / (double)samples));
}

/* -- Rows -------------------------------------------------------------------------------------- */

/* Rows in the making: who has which. */
struct sums {
    const struct profile *profile;
    struct profile_rows *rows;
    struct keys keys;
};

static uint32_t row_get(struct sums *sums, const char *name, const char *module) {
    struct profile_rows *rows = sums->rows;
    struct profile_row row = {.name = texts_keep(rows->texts, name),
                              .module = texts_keep(rows->texts, module)};
    bool fresh;
    uint64_t key[KEY_WORDS] = {(uintptr_t)row.name, (uintptr_t)row.module};
    uint32_t idx = keys_get(&sums->keys, key, &fresh);
    if (fresh) {
        rows->rows = array_grow(rows->rows, rows->count++, sizeof row);
        rows->rows[idx] = row;
    }
    return idx;
}

static uint32_t function_row(struct sums *sums, uint32_t function) {
    char text[PROFILE_NAME_CHARS];
    uint32_t module = sums->profile->functions[function].module;
    return row_get(sums, profile_function_text(sums->profile, function, text),
                   module == PROFILE_NONE ? "" : sums->profile->modules[module].name);
}

static uint32_t context_row(struct sums *sums, enum profile_by by,
                            const struct profile_context *context) {
    char text[24];
    switch (by) {
    case PROFILE_PROCESSES:
        return row_get(sums, profile_process_text(&sums->profile->tasks[context->task]), "");
    case PROFILE_MODES:
        return row_get(sums, profile_mode_text(context->mode), "");
    default:
        snprintf(text, sizeof text, "hart %u", context->hart);
        return row_get(sums, text, "");
    }
}

static void row_add(struct profile_rows *rows, uint32_t idx, const struct profile_counts *counts) {
    rows->rows[idx].self += counts->self;
    rows->rows[idx].instructions += counts->instructions;
    rows->rows[idx].calls += counts->calls;
}

/* Goes down and up the tree, and counts how many calls of each row are open. */
static void functions_sum(struct sums *sums) {
    const struct profile *profile = sums->profile;
    uint32_t *row_of = calloc((size_t)profile->function_count + 1, sizeof *row_of);
    uint32_t *path = calloc((size_t)profile->context_count + 1, sizeof *path);
    ensure(row_of != NULL && path != NULL);
    for (uint32_t i = 0; i < profile->function_count; i++) {
        row_of[i] = function_row(sums, i);
    }
    uint32_t *open = calloc((size_t)sums->rows->count + 1, sizeof *open);
    uint64_t *totals = profile_totals(profile);
    ensure(open != NULL);
    uint32_t depth = 0;
    for (uint32_t i = 0; i < profile->context_count; i++) {
        const struct profile_context *context = &profile->contexts[i];
        while (depth > 0 && path[depth - 1] != context->parent) {
            open[row_of[profile->contexts[path[--depth]].function]]--;
        }
        if (context->parent == PROFILE_NONE) {
            continue;
        }
        uint32_t row = row_of[context->function];
        row_add(sums->rows, row, &context->counts);
        sums->rows->rows[row].total += open[row]++ == 0 ? totals[i] : 0;
        path[depth++] = i;
    }
    free(row_of);
    free(path);
    free(open);
    free(totals);
}

static int row_compare(const void *a, const void *b) {
    const struct profile_row *left = a, *right = b;
    if (left->self != right->self) {
        return left->self > right->self ? -1 : 1;
    }
    if (left->total != right->total) {
        return left->total > right->total ? -1 : 1;
    }
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->module, right->module);
}

/* Functions whose contexts are all elsewhere have no row. */
static void rows_drop_unseen(struct profile_rows *rows) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct profile_row *row = &rows->rows[i];
        if (row->self > 0 || row->total > 0 || row->calls > 0 || row->instructions > 0) {
            rows->rows[count++] = *row;
        }
    }
    rows->count = count;
}

void profile_sum(const struct profile *profile, enum profile_by by, struct profile_rows *rows) {
    *rows = (struct profile_rows){.texts = calloc(1, sizeof *rows->texts)};
    ensure(rows->texts != NULL);
    struct sums sums = {.profile = profile, .rows = rows};
    if (by == PROFILE_FUNCTIONS) {
        functions_sum(&sums);
    }
    for (uint32_t i = 0; i < profile->context_count; i++) {
        const struct profile_context *context = &profile->contexts[i];
        if (by != PROFILE_FUNCTIONS && context->parent != PROFILE_NONE) {
            uint32_t row = context_row(&sums, by, context);
            row_add(rows, row, &context->counts);
            rows->rows[row].total = rows->rows[row].self;
        }
        rows->self += context->counts.self;
        rows->instructions += context->counts.instructions;
    }
    rows_drop_unseen(rows);
    if (rows->count > 0) {
        qsort(rows->rows, rows->count, sizeof *rows->rows, row_compare);
    }
    keys_free(&sums.keys);
}

void profile_rows_free(struct profile_rows *rows) {
    if (rows->texts != NULL) {
        texts_free(rows->texts);
    }
    free(rows->texts);
    free(rows->rows);
    *rows = (struct profile_rows){0};
}
