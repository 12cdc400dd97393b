/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where steps go: names for addresses. */
#ifndef PROF_PROF_H
#define PROF_PROF_H

#include "base/base.h"
#include "prof/profile.h"

/* -- symbols.c: a table of names --------------------------------------------------------------- */

/** A name for an address. It lasts until something is added to its table, or that is freed. */
struct symbol {
    uint64_t address;
    uint64_t size_bytes; /* where its file says none: up to the next one, or the section's end */
    const char *name;
    const char *module; /* what it came from: "kernel", "libc.so.6" */
    char type;          /* as nm(1) has it: T code, D data, R constants, B zeros, W weak, A not an
                           address; those that only their own file knows in lower case */
    bool owner;         /* addresses from here on are told by this name, and not by an alias of it,
                           or by that of what it is a label inside of */
};

/**
 * Names of one address space, from as many modules as are added. Nothing about it hangs on
 * anything but what was added: not on the order either, except between modules that overlap.
 *
 * Of several names for one address, the owner is the first by: a size that the file says; no mark
 * of a linker script (_text, x_start, x_end, __start_x); fewer leading underscores; global, then
 * weak, then local; the shorter; the alphabet.
 */
struct symbols;

/** Without memory the program ends, here and whenever something is added. */
struct symbols *symbols_new(void);
void symbols_free(struct symbols *symbols);

size_t symbols_count(const struct symbols *symbols);
/** By address; at one address the owner first, then by the rule above. @param idx  Below the count.
 */
const struct symbol *symbols_get(const struct symbols *symbols, size_t idx);

/** The @p nth symbol of this name, by address. @return NULL when there are not so many. */
const struct symbol *symbols_find(const struct symbols *symbols, const char *name, size_t nth);

/**
 * Names that may have been meant, the nearest first: few typing errors away, or with what compilers
 * put behind a name (x.isra.0). Those that are as near as each other come by address.
 * @param near  Filled in with up to @p max.
 * @return      How many.
 */
size_t symbols_near(const struct symbols *symbols, const char *name, const char **near, size_t max);

/** Where an address is. */
struct place {
    const struct symbol *symbol; /* NULL: the module has no name for it */
    const char *module;          /* NULL: it is in none */
    uint64_t offset;             /* from the symbol, else from the module's start, else from 0 */
    uint64_t same_bytes;         /* so many from here on, if not more, differ in the offset alone */
};

struct place symbols_at(const struct symbols *symbols, uint64_t address);

enum { PLACE_CHARS_MAX = 640 };

/** "name+0x1c", "[module]+0x1c" or "0x1c"; without "+0x0". @return text */
const char *place_text(const struct place *place, char text[PLACE_CHARS_MAX]);

/* What modules are made of. */

/** Adds a module, to which symbols can be added. @param name  Copied. @return Its index. */
unsigned symbols_add_module(struct symbols *symbols, const char *name, uint64_t start,
                            uint64_t end);

/** Is there a module of this name that begins here? */
bool symbols_has_module(const struct symbols *symbols, const char *name, uint64_t start);

/** A symbol to add. */
struct symbol_entry {
    const char *name; /* copied */
    uint64_t address;
    uint64_t size_bytes; /* 0: not said */
    uint64_t end;        /* where it ends at the latest, when its size is not said; 0: not said */
    char type;
};

/** Adds one to a module; symbols_settle() has to come before anything is asked. */
void symbols_add(struct symbols *symbols, unsigned module, const struct symbol_entry *entry);
void symbols_settle(struct symbols *symbols);

/* -- object.c: symbols of files and of memory -------------------------------------------------- */

/** Bytes with names in them. */
struct symbol_source {
    const char *path; /* begins error lines */
    const char *module;
    const void *bytes; /* aligned as from malloc */
    size_t size_bytes;
    uint64_t bias; /* what is added to addresses: where it lies, less where it was linked to lie */
};

enum { SYMBOL_FILE_BYTES_MAX = 1 << 30 };

/** Reads a whole file of at most SYMBOL_FILE_BYTES_MAX. @param bytes  Set; free() them. */
enum status symbols_read_file(const char *path, uint8_t **bytes, size_t *size_bytes,
                              struct error *error);

/**
 * Adds the symbols of an ELF file. One without any is only a module then.
 * @errors STATUS_BAD_INPUT
 */
enum status symbols_add_elf(struct symbols *symbols, const struct symbol_source *source,
                            struct error *error);

/**
 * Adds the symbols of a Linux kernel: an Image or an ELF file, also stripped, also gzip'ed, or a
 * stretch of a guest's memory that holds all of it.
 * @param source  In memory the kernel has moved its tables along with itself: bias is 0 there.
 * @errors STATUS_BAD_INPUT, also when there are no names in it.
 */
enum status symbols_add_kernel(struct symbols *symbols, const struct symbol_source *source,
                               struct error *error);

/** As symbols_add_kernel() or symbols_add_elf(), as the file at source->path, whose bytes are read,
 * turns out to be: an ELF file with symbols is not taken for a kernel. */
enum status symbols_add_file(struct symbols *symbols, const struct symbol_source *source,
                             struct error *error);

/* -- modules.c: symbols of a kernel's modules -------------------------------------------------- */

/** Memory of a guest, as its kernel has it mapped. */
struct kernel_memory {
    /** Reads it without effect. @return false if not all of it is there. */
    bool (*read)(void *owner, uint64_t address, void *bytes, size_t size_bytes);
    void *owner;
};

/**
 * Adds the symbols of the modules that a running kernel has loaded by now, and that are not there
 * yet. Those that have been removed since stay.
 * @param symbols  Has the kernel's own.
 * @return         How many modules were added.
 */
size_t symbols_add_modules(struct symbols *symbols, const struct kernel_memory *memory);

/* -- space.c: what lies where in a process ----------------------------------------------------- */

/** A file as processes have it mapped. */
struct binary {
    const char *path; /* in the guest; or "[vdso]", "[anon]" and the like */
    uint8_t build_id[BUILD_ID_BYTES_MAX];
    size_t build_id_bytes; /* 0: not known */
};

/** Part of a space: a stretch of a file. */
struct range {
    uint64_t start, end;         /* never empty */
    uint64_t offset;             /* of start in the file */
    const struct binary *binary; /* outlives the space */
};

/** Ranges that do not overlap, by address. Empty when all zeros. */
struct space {
    struct range *ranges;
    size_t count, room;
    uint32_t losses; /* times that something was taken away: until the next, what is there stays */
    uint32_t gains;  /* times that something was added, or became known better */
};

void space_free(struct space *space);
/** @p copy becomes equal to @p space. What was in it is gone. */
void space_copy(struct space *copy, const struct space *space);
/** Adds a range; what was there is gone. */
void space_map(struct space *space, const struct range *range);
/** Takes [start, end) away, from the middle of a range too. */
void space_unmap(struct space *space, uint64_t start, uint64_t end);
/** The range that holds @p address, until the space changes. @return NULL when none does. */
const struct range *space_at(const struct space *space, uint64_t address);

/* -- sysroot.c: symbols of the guest's programs ------------------------------------------------ */

/** The guest's files at the guest's paths. They are read when they are first asked for. */
struct sysroot;

/** How a sysroot is told that is on a disk. */
#define SYSROOT_DISK "disk:"

/**
 * Opens it, and looks at nothing in it.
 * @param path  A folder; or "disk:" and an image with an ext2, ext3 or ext4 file system.
 * @errors STATUS_BAD_INPUT
 */
enum status sysroot_open(const char *path, struct sysroot **sysroot, struct error *error);
/** Is there a file system? To be asked once, before anything else is. @errors STATUS_BAD_INPUT */
enum status sysroot_look(struct sysroot *sysroot, struct error *error);
/** NULL is fine. */
void sysroot_free(struct sysroot *sysroot);

/**
 * What is at an offset into a binary. Its module is the path's last part; without a symbol the
 * place's offset is that into the file.
 * @param sysroot  NULL: then there are no symbols.
 */
struct place sysroot_at(struct sysroot *sysroot, const struct binary *binary, uint64_t offset);

/* What is known of a file before any process has it mapped. */

/** A file in the sysroot, as it was when it was read. */
struct program;

/** The file at a guest's path, which is read now. Paths that lead to one file give one program. It
 * lasts as long as the sysroot. */
const struct program *sysroot_program(struct sysroot *sysroot, const char *path);
/** Why it has no symbols: one line, as of sysroot_defect(). @return NULL: nothing is wrong. */
const char *program_defect(const struct program *program);
/** Its symbols, at the addresses that it is linked to. */
const struct symbols *program_symbols(const struct program *program);
/** How far into the file lies what is linked to lie there. @return false: it is in no part of the
 * file. */
bool program_offset(const struct program *program, uint64_t address, uint64_t *offset);

/** What a file that a process has mapped is to a program. */
enum program_match {
    PROGRAM_OTHER,   /* another file */
    PROGRAM_REBUILT, /* at its path, but another build of it */
    PROGRAM_SAME
};

/** By their build-ids, if both have one: then paths may differ, as by links. Else by their paths,
 * and by where these lead to in the sysroot. */
enum program_match sysroot_match(const struct sysroot *sysroot, const struct program *program,
                                 const struct binary *binary);

/** Why there are no symbols for some binaries: one line each, of printable characters, in the order
 * in which they were asked for. @return NULL when @p idx is not below their number. */
const char *sysroot_defect(const struct sysroot *sysroot, size_t idx);

/* -- linux.c: processes of a Linux guest ------------------------------------------------------- */

/** What it needs of the guest. */
struct linux_guest {
    /** Reads memory as the kernel of that hart would now, with no effect. @return false if not all
     * of it is there. */
    bool (*read)(void *owner, unsigned hart, uint64_t address, void *bytes, size_t size_bytes);
    /** What lies in this space is about to change, or the space to go. May be NULL. */
    void (*change)(void *owner, const struct space *space);
    /** Something was added to a space, or has become known better. May be NULL. */
    void (*gain)(void *owner, const struct space *space);
    void *owner;
    uint64_t
        init_task; /* address of that symbol; 0: not known, then kernel threads have no names */
    unsigned hart_count;
};

/** A program that runs, or ran. It lasts as long as the view. */
struct linux_process {
    unsigned idx;              /* in order of appearance */
    uint64_t pid;              /* 0: not known */
    const char *path;          /* of the program; "": it was there before the view began */
    const struct space *space; /* NULL: it has ended */
};

enum { LINUX_NAME_CHARS = 16 };

/** A thread, of a process or the kernel's. It lasts as long as the view. */
struct linux_task {
    unsigned idx;                        /* in order of appearance */
    uint64_t key;                        /* where the kernel keeps it */
    uint64_t tid;                        /* 0: not known */
    char name[LINUX_NAME_CHARS];         /* of the thread, as the kernel shows it; "": not known */
    const struct linux_process *process; /* NULL: the kernel's */
    bool ended;
};

/** A view of a guest's tasks and processes, by what passes between user mode and kernel. */
struct linux_view;

struct linux_view *linux_view_new(const struct linux_guest *guest);
void linux_view_free(struct linux_view *view);

/** A hart at the border of user mode. */
struct linux_border {
    unsigned hart;
    uint64_t task; /* sscratch, as it is in user mode */
    uint64_t root; /* satp without ASID */
    uint64_t pc;   /* of the ecall; or where the return goes to */
    uint64_t sp;
    uint64_t a[8]; /* a0 to a7 */
};

/** An ecall in user mode. */
void linux_call(struct linux_view *view, const struct linux_border *border);
/** A return to user mode, from whatever it was left by. */
void linux_return(struct linux_view *view, const struct linux_border *border);
/** In the kernel a task is about to go on that never ran: who was known by this address is gone. */
void linux_begin(struct linux_view *view, uint64_t task);
/** In the kernel another task goes on: tp has changed. */
void linux_switch(struct linux_view *view, unsigned hart, uint64_t task);

/** The task that a kernel keeps at @p key, which lives: a new one, if none was seen there.
 * @return NULL: that which was seen there has ended. */
const struct linux_task *linux_task_at(struct linux_view *view, unsigned hart, uint64_t key);
/** A new one, which the kernel is about to wake up for the first time: who was known there is
 * gone. */
const struct linux_task *linux_task_born(struct linux_view *view, unsigned hart, uint64_t key);

/** Whose steps a hart takes. @return NULL before anything was seen of it. */
const struct linux_task *linux_current(const struct linux_view *view, unsigned hart);

unsigned linux_task_count(const struct linux_view *view);
const struct linux_task *linux_task_get(const struct linux_view *view, unsigned idx);
unsigned linux_process_count(const struct linux_view *view);
const struct linux_process *linux_process_get(const struct linux_view *view, unsigned idx);

#endif
