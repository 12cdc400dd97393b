/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A debugger's session: the remote serial protocol of gdb. Private to machine/. */
#ifndef MACHINE_GDB_H
#define MACHINE_GDB_H

#include "machine/debug.h"
#include "machine/machine.h"

/* -- gdb_packet.c: packets and the words in them ----------------------------------------------- */

enum { PACKET_BYTES_MAX = 16384 };

/** Text that grows. */
struct text {
    char *bytes; /* ends with a 0 that does not count; NULL while empty */
    size_t count, room;
};

void text_put(struct text *text, const void *bytes, size_t size_bytes);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Two digits a byte. */
void text_hex(struct text *text, const void *bytes, size_t size_bytes);
/** The low @p size_bytes of a number, two digits a byte, the lowest first. */
void text_word(struct text *text, uint64_t value, unsigned size_bytes);
/** Bytes as the protocol has them: what has a meaning of its own is escaped. */
void text_binary(struct text *text, const void *bytes, size_t size_bytes);
void text_clear(struct text *text);
void text_free(struct text *text);

/** What a byte from the debugger was the end of. */
enum packet_event {
    PACKET_MORE,    /* nothing yet */
    PACKET_WHOLE,   /* a packet: body and count */
    PACKET_DAMAGED, /* one with a wrong sum, or longer than PACKET_BYTES_MAX */
    PACKET_TAKEN,   /* '+': the last packet has arrived */
    PACKET_AGAIN,   /* '-': it has not */
    PACKET_BREAK    /* Ctrl-C */
};

enum packet_state { PACKET_OUTSIDE, PACKET_INSIDE, PACKET_SUM_HIGH, PACKET_SUM_LOW };

/** Where the reader of packets is. */
struct packet {
    enum packet_state state;
    uint8_t sum, told;
    bool escaped, huge;
    size_t count;
    char body[PACKET_BYTES_MAX + 1]; /* unescaped; a 0 follows */
};

enum packet_event packet_take(struct packet *packet, uint8_t byte);
/** Writes a packet with @p body: "$body#sum". */
void packet_write(struct stream *line, const struct text *body);

/** Reads digits. @return false, with nothing read, when there are none or too many. */
bool hex_number(const char **at, uint64_t *value);
/** Reads exactly @p size_bytes as pairs of digits. */
bool hex_bytes(const char **at, uint8_t *bytes, size_t size_bytes);
/** Reads a number as text_word() writes it. */
bool hex_word(const char **at, uint64_t *value, unsigned size_bytes);
/** Is @p word there? Then passes it. */
bool word_pass(const char **at, const char *word);

/* -- gdb_target.c: what gdb sees of a hart ----------------------------------------------------- */

/* Numbers of registers, as gdb itself has them. */
enum {
    REGISTER_PC = 32,
    REGISTER_F = 33,
    REGISTER_CSR = 65,
    REGISTER_PRIV = REGISTER_CSR + 4096,
    REGISTERS_GENERAL = 33 /* those in one packet: x0 to x31, pc */
};

/** @return Size [bytes]; 0: the hart has none of that number. */
unsigned target_read(struct machine *machine, unsigned hart, unsigned number, uint64_t *value);
/** The description of all registers, as XML. */
void target_describe(const struct machine *machine, struct text *xml);
/** Where memory is looked at. */
struct target_place {
    unsigned hart; /* as whose loads addresses are translated */
    bool physical; /* they are not */
    uint64_t address;
};

/**
 * Reads memory without any effect: RAM, and what code can be fetched from.
 * @return Bytes read before the first that cannot be.
 */
size_t target_memory(struct machine *machine, const struct target_place *place, uint8_t *bytes,
                     size_t size_bytes);

/* -- gdb.c: the session ------------------------------------------------------------------------ */

/** What the debugger wants to happen next. */
enum gdb_wish {
    GDB_STAY,      /* nothing: it asks and looks */
    GDB_GO,        /* to the goal */
    GDB_BACK_STEP, /* one step of hart_run back */
    GDB_BACK,      /* back to the hit before */
    GDB_DETACH,
    GDB_KILL
};

struct gdb {
    struct machine *machine;
    struct stream line; /* to the debugger */
    struct packet packet;
    struct text reply, last; /* the one being made, the one sent last */
    struct text xml;
    bool quiet;    /* no packet is acknowledged any more */
    bool physical; /* addresses of memory are physical ones */
    bool told;     /* some packet has come */
    bool broken;   /* Ctrl-C has come */
    bool done;     /* the step that comes next has been taken already */
    bool at_end;   /* the run has ended, and it knows */
    bool busy;     /* a command of monitor is being done, which may take long */
    unsigned hart_looked, hart_run;
    struct text stop; /* the last stop's reply */
    enum gdb_wish wish;
    struct goal goal;
    uint64_t range_first, range_end; /* a step goes on while its hart's pc is in here */
};

/** @param line  Where to. */
void gdb_init(struct gdb *gdb, struct machine *machine, const struct stream *line);
void gdb_free(struct gdb *gdb);
/** Another debugger is there: all begins anew, with no points. */
void gdb_renew(struct gdb *gdb);
/** A byte from it; what it asks for is answered, or stands in wish. */
void gdb_take(struct gdb *gdb, uint8_t byte);
/** While it is busy: a dot on gdb's console, so that gdb goes on waiting. */
void gdb_alive(struct gdb *gdb);
/** The machine has paused: tells why, and stays; or takes one more step of a range. */
void gdb_stopped(struct gdb *gdb, enum pause pause);
/** After going back. */
void gdb_stopped_back(struct gdb *gdb, enum reverse reverse);
/** The machine has ended, and stands still where it did: tells so, and stays. */
void gdb_stopped_at_end(struct gdb *gdb);
/** The machine has ended for good. */
void gdb_ended(struct gdb *gdb, const struct machine_exit *end);

/** Sends what has been made as the reply. */
void gdb_reply(struct gdb *gdb);

/* -- gdb_query.c: questions, and the commands of `monitor` ------------------------------------- */

/** 'q' and 'Q' packets; without a reply where they are unknown. */
void gdb_query(struct gdb *gdb, const char *body);
/** One command of `monitor`; its answer goes to @p answer. */
void gdb_monitor(struct gdb *gdb, const char *command, struct text *answer);

#endif
