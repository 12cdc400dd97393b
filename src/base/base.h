/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What everything stands on: statuses and errors, assertions, bits, checked arithmetic, memory, and
 * byte streams. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -- Statuses and errors ---------------------------------------------------------------------- */

/** Outcome of a call that the user or the host can make fail; the values are exit statuses. */
enum status {
    STATUS_OK = 0,
    STATUS_USAGE =
        64, /* options: unknown, contradictory, out of range; memory that cannot be had */
    STATUS_BAD_INPUT = 65, /* file: missing, unreadable, truncated, wrong type or version */
    STATUS_INTERNAL = 70,  /* our own defect */
    STATUS_HOST_IO = 74    /* host input or output failed: closed console, full disk */
};

/** One line for the user: what, which file or option, and the remedy. Only cli/ prints it. */
struct error {
    enum status status;
    char text[512];
};

/** Fills @p error (may be NULL) from a printf format and returns @p status, so that callers
 * `return` it. */
enum status error_set(struct error *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Reports a defect of ours on standard error and ends the program with STATUS_INTERNAL. */
_Noreturn void panic(const char *file, int line, const char *what);

/** Always-on check of something that only a defect of ours can break. */
#define ensure(condition) ((condition) ? (void)0 : panic(__FILE__, __LINE__, #condition))

/* -- Hints and bits --------------------------------------------------------------------------- */

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/** For the few functions whose callers' constants decide their speed. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/** Number of elements of an array. */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** Bits @p high to @p low of @p value, moved down to bit 0. */
static inline uint64_t bits_get(uint64_t value, unsigned high, unsigned low) {
    return (value >> low) & (UINT64_MAX >> (63 - (high - low)));
}

/** @p value with its bit @p bit as the sign. bit in [0, 63]. */
static inline int64_t sign_extend(uint64_t value, unsigned bit) {
    return (int64_t)(value << (63 - bit)) >> (63 - bit);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static inline int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/** a + b, or UINT64_MAX when that does not fit. */
static inline uint64_t add_sat_u64(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/** a + b, or the end of the range on the side it would pass. */
static inline int64_t add_sat_i64(int64_t a, int64_t b) {
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) {
        return sum;
    }
    return a < 0 ? INT64_MIN : INT64_MAX;
}

/* -- pages.c: memory that is the host's until it is touched ----------------------------------- */

/** What becomes of it. */
enum pages_use {
    PAGES_SPARSE, /* some of it is touched, anywhere: a byte costs a small page */
    PAGES_FILLED  /* it is filled from its start on: where the host has huge pages it costs these */
};

/** Zeros. @return NULL: the host has no room. */
void *pages_map(size_t size_bytes, enum pages_use use);
/** As malloc() gives, and for free(): will be filled at once. @return NULL: there is no room. */
void *pages_alloc(size_t size_bytes);
/** All of that will be read soon: what was not touched does not fault any more, if the host can do
 * that. */
void pages_look(void *bytes, size_t size_bytes);
/** @param bytes  All of what pages_map() gave, or NULL. */
void pages_unmap(void *bytes, size_t size_bytes);

/* -- stream.c: a walk over fields, either way ------------------------------------------------- */

/** Receives bytes of a walk in order. */
typedef void stream_fn(void *owner, const void *bytes, size_t size_bytes);
/** Gives the next bytes of a walk. @return false when there are not so many. */
typedef bool stream_take_fn(void *owner, void *bytes, size_t size_bytes);
/** Receives the name of the fields that follow, each of @p size_bytes, up to the next name. */
typedef void stream_name_fn(void *owner, const char *name, size_t size_bytes);

/**
 * State walks go over fields in a fixed order, little-endian and without padding, and either tell
 * them (put) or set them (take). Owners of state have one function `x_state(x, stream)` that names
 * each field once. What follows from fields they make anew behind them, where stream_sets() says
 * so. The first defect ends a walk that sets: all that follows is zero.
 */
struct stream {
    stream_fn *put;       /* tells: receives each field; NULL in a walk that sets */
    stream_take_fn *take; /* sets: gives each field; NULL in a walk that tells */
    void *owner;
    stream_name_fn *name; /* may be NULL: only who shows fields to people wants their names */
    const char *defect;   /* sets: why these bytes are no state, to follow a file's name; or NULL */
};

/** Does this walk set the fields? */
static inline bool stream_sets(const struct stream *stream) {
    return stream->take != NULL;
}

/** Is all well so far? Where not, what has been set is zero or in its range, but means nothing. */
static inline bool stream_sound(const struct stream *stream) {
    return stream->defect == NULL;
}

/** A walk that sets goes on only if @p holds. @return stream_sound(). */
bool stream_expect(struct stream *stream, bool holds, const char *defect);

void stream_u8(struct stream *stream, uint8_t *value);
void stream_u16(struct stream *stream, uint16_t *value);
void stream_u32(struct stream *stream, uint32_t *value);
void stream_u64(struct stream *stream, uint64_t *value);
void stream_s64(struct stream *stream, int64_t *value);
void stream_bool(struct stream *stream, bool *value);
void stream_bytes(struct stream *stream, void *bytes, size_t size_bytes);
/** A number that tells how many, or which: at most @p max, or it is a defect and becomes 0. */
void stream_count(struct stream *stream, uint32_t *value, uint32_t max);
/** What two machines of one kind have in common: other bytes are a defect. */
void stream_constant(struct stream *stream, uint64_t value, const char *defect);
/** Names what comes next: a field, or several of @p size_bytes each. */
void stream_name(struct stream *stream, const char *name, size_t size_bytes);

/** A walk that only tells, for text and the like. */
void stream_put(struct stream *stream, const void *bytes, size_t size_bytes);

/* -- buffer.c: walks kept in memory ------------------------------------------------------------ */

/** Empty when all zeros. Growing it never fails: without memory the program ends. */
struct buffer {
    uint8_t *bytes;
    size_t size_bytes, room_bytes;
    size_t taken_bytes; /* by a walk that sets */
};

void buffer_free(struct buffer *buffer);
/** A walk into the buffer, which is emptied first and must not move meanwhile. */
struct stream buffer_tell(struct buffer *buffer);
/** A walk that sets fields from the start of the buffer. */
struct stream buffer_set(struct buffer *buffer);

/* -- gzip.c: unpacking in memory --------------------------------------------------------------- */

/** How unpacking went. */
enum gzip { GZIP_DONE, GZIP_LONG, GZIP_TRUNCATED, GZIP_DAMAGED, GZIP_NO_MEMORY };

/** Does it begin like a gzip file? */
bool gzip_magic(const void *bytes, size_t size_bytes);

/**
 * Unpacks one gzip member; what follows it is not looked at.
 * @param limit_bytes  GZIP_LONG when there is more than this.
 * @param unpacked     Set when done; free() it.
 */
enum gzip gzip_unpack(const void *bytes, size_t size_bytes, uint64_t limit_bytes,
                      uint8_t **unpacked, size_t *unpacked_bytes);

/* -- elf.c: segments and symbols of ELF files -------------------------------------------------- */

enum { ELF_SEGMENTS_MAX = 64 };

/** Part of the file that belongs into memory (PT_LOAD, never empty). bytes lie in the caller's
 * buffer. */
struct elf_segment {
    uint64_t vaddr, paddr;
    uint64_t
        memory_bytes; /* neither vaddr nor paddr plus this passes the end of the address space */
    const uint8_t *bytes; /* the first file_bytes of it; the rest is zero */
    uint64_t file_bytes;  /* [0, memory_bytes] */
    bool executable;      /* holds code */
};

/** A 64-bit little-endian ELF file in memory. */
struct elf {
    void *libelf;
    unsigned type, machine; /* e_type, e_machine: ET_ and EM_ of <elf.h> */
    uint64_t entry;
    unsigned segment_count;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
};

/** Does it begin like an ELF file of any kind? */
bool elf_magic(const void *bytes, size_t size_bytes);

/**
 * Opens an ELF file that lies in memory, whatever it holds.
 * @param bytes   Borrowed until elf_close(); aligned as from malloc.
 * @param defect  On failure what is wrong and the remedy, to follow the file's name.
 * @return        false when it is damaged or of another kind; then there is nothing to close.
 */
bool elf_open(struct elf *elf, const void *bytes, size_t size_bytes, const char **defect);
void elf_close(struct elf *elf);

/** Value of the defined symbol @p name. @return false when there is none. */
bool elf_symbol(const struct elf *elf, const char *name, uint64_t *value);

/** A symbol of a symbol table. */
struct elf_symbol {
    const char *name;    /* the file's; not empty */
    uint64_t value;      /* an address, in a relocatable file an offset into its section */
    uint64_t size_bytes; /* 0: the file does not say */
    uint64_t end;        /* how far it may reach, as value counts: to the end of its section; 0: it
                            has none */
    char type;           /* as nm(1) has it: T code, D data, B zeros, R constants, A no address,
                            W weak; local ones in lower case */
};
typedef void elf_symbol_fn(void *owner, const struct elf_symbol *symbol);

/** elf_open() for what is only looked at: a file without segments will do, and has none then. */
bool elf_open_names(struct elf *elf, const void *bytes, size_t size_bytes, const char **defect);

/** Tells all defined symbols of the symbol table, or where there is none of the dynamic one, in
 * their order; but not sections, files, thread-local ones, and what assemblers make up ($x, .L1).
 * @return How many. */
size_t elf_symbols_tell(const struct elf *elf, elf_symbol_fn *tell, void *owner);

/** Contents of the first section called @p name, which lie in the caller's buffer.
 * @return NULL when there is none. */
const void *elf_section(const struct elf *elf, const char *name, size_t *size_bytes);

enum { BUILD_ID_BYTES_MAX = 64 };

/** What the linker said that tells this file from all others (NT_GNU_BUILD_ID).
 * @return Its size [bytes]; 0: there is none. */
size_t elf_build_id(const struct elf *elf, uint8_t build_id[BUILD_ID_BYTES_MAX]);

/** Physical address of a virtual one inside a segment, or one past its end. @return false when in
 * none. */
bool elf_physical(const struct elf *elf, uint64_t address, uint64_t *physical);

#endif
