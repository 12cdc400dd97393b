/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a profile of a run that never was, for tests of what shows profiles.
 *
 * usage: make_profile FILE [KEY=NUMBER]...
 *   seed, harts, processes, stacks, spans, hostile and addressed (0, 1), slower (percent),
 *   kind (0 to 3) */
#include "profile_test.h"

static bool word_take(struct boot *boot, const char *word) {
    const char *value = strchr(word, '=');
    uint64_t number = value == NULL ? 0 : strtoull(value + 1, NULL, 10);
    uint64_t kind = boot->kind, hostile = boot->hostile, harts = boot->harts;
    uint64_t addressed = boot->addressed;
    uint64_t processes = boot->processes, stacks = boot->stacks, spans = boot->spans;
    const struct {
        const char *name;
        uint64_t *to;
    } keys[] = {{"seed=", &boot->random},
                {"harts=", &harts},
                {"processes=", &processes},
                {"stacks=", &stacks},
                {"spans=", &spans},
                {"hostile=", &hostile},
                {"slower=", &boot->slower_percent},
                {"kind=", &kind},
                {"addressed=", &addressed}};
    bool known = false;
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (strncmp(word, keys[i].name, strlen(keys[i].name)) == 0) {
            *keys[i].to = number;
            known = true;
        }
    }
    boot->kind = (enum profile_kind)kind;
    boot->hostile = hostile != 0;
    boot->addressed = addressed != 0;
    boot->harts = (uint32_t)harts;
    boot->processes = (uint32_t)processes;
    boot->stacks = (uint32_t)stacks;
    boot->spans = (uint32_t)spans;
    return known;
}

int main(int argc, char **argv) {
    struct boot boot = {.random = 1,
                        .harts = 4,
                        .processes = 40,
                        .stacks = 12000,
                        .spans = 3000,
                        .kind = PROFILE_CALLERS};
    for (int i = 2; i < argc; i++) {
        if (!word_take(&boot, argv[i])) {
            fprintf(stderr, "make_profile: unknown word %s\n", argv[i]);
            return 64;
        }
    }
    struct buffer bytes = {0};
    FILE *file = argc < 2 ? NULL : fopen(argv[1], "wb");
    if (file == NULL) {
        fprintf(stderr, "usage: make_profile FILE [KEY=NUMBER]...\n");
        return 64;
    }
    boot_make(&boot);
    profile_save(boot.profile, &bytes);
    bool done = fwrite(bytes.bytes, 1, bytes.size_bytes, file) == bytes.size_bytes;
    uint32_t contexts;
    profile_contexts(boot.profile, &contexts);
    printf("%u contexts, %zu bytes\n", contexts, bytes.size_bytes);
    buffer_free(&bytes);
    profile_free(boot.profile);
    return fclose(file) == 0 && done ? 0 : 74;
}
