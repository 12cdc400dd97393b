/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of extensions: the value of --cpu in, the device tree's riscv,isa string out. */
#include "isa/isa.h"

#include <stdio.h>
#include <string.h>

static const ext_set EXT_ALL = (ext_set)-1 >> (64 - EXT_COUNT);

_Static_assert(EXT_COUNT <= 64, "an ext_set holds 64 extensions");

const char *ext_name(enum ext ext) {
    static const char *const names[EXT_COUNT] = {
#define EXT(name, text, needs) [EXT_##name] = #name,
#include "isa/ext.def"
#undef EXT
    };
    return names[ext];
}

/* -- What comes with what ---------------------------------------------------------------------- */

/** Column `needs` of ext.def, whose words are the sets defined here. */
static ext_set ext_needs(unsigned ext) {
#define EXT(name, text, needs)                                                                     \
    const ext_set name = ext_bit(EXT_##name);                                                      \
    (void)name;
#include "isa/ext.def"
#undef EXT
    const ext_set needed[EXT_COUNT] = {
#define EXT(name, text, needs) [EXT_##name] = needs,
#include "isa/ext.def"
#undef EXT
    };
    return needed[ext];
}

/** @p set and all that it needs. */
static ext_set with_needed(ext_set set) {
    for (ext_set before = 0; before != set;) {
        before = set;
        for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
            set |= (before & ext_bit(ext)) != 0 ? ext_needs(ext) : 0;
        }
    }
    return set;
}

/** @p set and all that needs any of it. */
static ext_set with_dependent(ext_set set) {
    for (ext_set before = 0; before != set;) {
        before = set;
        for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
            set |= (ext_needs(ext) & before) != 0 ? ext_bit(ext) : 0;
        }
    }
    return set;
}

/* -- Words of --cpu ---------------------------------------------------------------------------- */

/** A piece of the option's value; not terminated. */
struct word {
    const char *text;
    size_t length;
};

static bool word_is(struct word word, const char *text) {
    return strlen(text) == word.length && memcmp(text, word.text, word.length) == 0;
}

/** Sets @p set to a profile. @return false when there is none of that name. */
static bool profile_find(struct word word, ext_set *set) {
#define EXT(name, text, needs)                                                                     \
    const ext_set name = ext_bit(EXT_##name);                                                      \
    (void)name;
#include "isa/ext.def"
#undef EXT
    const ext_set rv64gc =
        i | m | a | f | d | c | zicsr | zifencei | zicntr | zihpm | u | s | sv39 | smpmp | svade;
    const ext_set rva22s64 = rv64gc | zic64b | zicbom | zicbop | zicboz | ziccamoa | ziccif |
                             zicclsm | ziccrse | zihintpause | za64rs | zfhmin | zba | zbb | zbs |
                             zkt | ssccptr | sscounterenw | sstvala | sstvecd | svinval | svpbmt;
    const struct {
        const char *name;
        ext_set set;
    } profiles[] = {{"rv64gc", rv64gc}, {"rva22s64", rva22s64}, {"max", EXT_ALL}};
    for (size_t row = 0; row < COUNT(profiles); row++) {
        if (word_is(word, profiles[row].name)) {
            *set = profiles[row].set;
            return true;
        }
    }
    return false;
}

/** Extension called @p word, EXT_COUNT when there is none. */
static unsigned ext_find(struct word word) {
    unsigned ext = 0;
    while (ext < EXT_COUNT && !word_is(word, ext_name((enum ext)ext))) {
        ext++;
    }
    return ext;
}

/** Letters to insert, drop or replace to get from @p word to @p name, of less than 16 letters. */
static size_t word_distance(struct word word, const char *name) {
    size_t name_length = strlen(name);
    size_t row[16];
    ensure(name_length < COUNT(row));
    for (size_t j = 0; j <= name_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= word.length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= name_length; j++) {
            size_t replaced = diagonal + (word.text[i - 1] != name[j - 1]);
            diagonal = row[j];
            row[j] = min_u64(replaced, min_u64(row[j - 1], row[j]) + 1);
        }
    }
    return row[name_length];
}

/** Refuses @p word, naming the extensions whose names are nearest to it. */
static enum status ext_unknown(struct word word, struct error *error) {
    char near[128] = "";
    size_t length = 0;
    for (size_t distance = 1; distance <= 2 && length == 0; distance++) {
        for (unsigned ext = 0; ext < EXT_COUNT && length < 64; ext++) {
            const char *name = ext_name((enum ext)ext);
            if (word_distance(word, name) == distance && distance < strlen(name)) {
                length += (size_t)snprintf(near + length, sizeof near - length, "%s%s",
                                           length == 0 ? "; did you mean " : ", ", name);
            }
        }
    }
    return error_set(error, STATUS_USAGE, "--cpu: unknown extension '%.*s'%s%s", (int)word.length,
                     word.text, near, length == 0 ? "; sandglass(1) lists them" : "?");
}

/** Reads EXT=on or EXT=off into one of the two sets. */
static enum status setting_read(struct word word, ext_set *on, ext_set *off, struct error *error) {
    const char *equals = memchr(word.text, '=', word.length);
    struct word name = {word.text, equals == NULL ? word.length : (size_t)(equals - word.text)};
    unsigned ext = ext_find(name);
    if (ext == EXT_COUNT) {
        return ext_unknown(name, error);
    }
    struct word value = {name.text + name.length, word.length - name.length};
    if (word_is(value, "=on")) {
        *on |= ext_bit(ext);
        return STATUS_OK;
    }
    if (!word_is(value, "=off")) {
        return error_set(error, STATUS_USAGE, "--cpu: '%.*s': write %s=on or %s=off",
                         (int)word.length, word.text, ext_name((enum ext)ext),
                         ext_name((enum ext)ext));
    }
    if (ext == EXT_i || ext == EXT_zicsr) {
        return error_set(error, STATUS_USAGE, "--cpu: %s is part of every CPU here; drop '%.*s'",
                         ext_name((enum ext)ext), (int)word.length, word.text);
    }
    *off |= ext_bit(ext);
    return STATUS_OK;
}

/** Refuses a wish that needs what another wish switches off, if there is such a pair. */
static enum status settings_agree(ext_set on, ext_set off, struct error *error) {
    for (unsigned wanted = 0; wanted < EXT_COUNT; wanted++) {
        for (unsigned refused = 0; refused < EXT_COUNT; refused++) {
            bool asked = (on & ext_bit(wanted)) != 0 && (off & ext_bit(refused)) != 0;
            if (asked && (with_needed(ext_bit(wanted)) & ext_bit(refused)) != 0) {
                return error_set(error, STATUS_USAGE, "--cpu: %s=on contradicts %s=off%s; drop one",
                                 ext_name((enum ext)wanted), ext_name((enum ext)refused),
                                 wanted == refused ? "" : ", which it needs");
            }
        }
    }
    return STATUS_OK;
}

enum status ext_parse(const char *text, ext_set *set, struct error *error) {
    struct word word = {text, strcspn(text, ",")};
    ext_set profile = 0;
    if (!profile_find(word, &profile)) {
        return error_set(error, STATUS_USAGE,
                         "--cpu: unknown profile '%.*s'; profiles are rv64gc, rva22s64 and max",
                         (int)word.length, word.text);
    }
    ext_set on = 0;
    ext_set off = 0;
    while (word.text[word.length] == ',') {
        word.text += word.length + 1;
        word.length = strcspn(word.text, ",");
        enum status status = setting_read(word, &on, &off, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = settings_agree(on, off, error);
    if (status == STATUS_OK) {
        *set = with_needed(profile | on) & ~with_dependent(off);
    }
    return status;
}

/* -- Device tree ------------------------------------------------------------------------------- */

size_t ext_isa_string(ext_set set, char *text, size_t size) {
    static const char *const spellings[EXT_COUNT] = {
#define EXT(name, text, needs) [EXT_##name] = text,
#include "isa/ext.def"
#undef EXT
    };
    size_t length = 0;
    const char *separator = "rv64";
    for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
        if ((set & ext_bit(ext)) == 0 || spellings[ext][0] == '\0') {
            continue;
        }
        bool letter = spellings[ext][1] == '\0';
        size_t room = length < size ? size - length : 0;
        length += (size_t)snprintf(room > 0 ? text + length : NULL, room, "%s%s",
                                   length > 0 ? (letter ? "" : "_") : separator, spellings[ext]);
    }
    return length;
}
