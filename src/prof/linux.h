/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to prof/: what is known of a Linux guest, for linux.c, linux_calls.c, linux_exec.c. */
#ifndef PROF_LINUX_H
#define PROF_LINUX_H

#include "prof/prof.h"

enum {
    LINUX_PATH_CHARS = 4096,
    LINUX_CALLS_MAX = 4,    /* under way in one task, each inside a signal of the one before */
    LINUX_BIRTHS_MAX = 256, /* clones of which one end has not been seen */
    LINUX_LOOKS_MAX = 64,
    TASK_BUCKETS = 1024
};

/** System calls that matter here. @spec Linux, include/uapi/asm-generic/unistd.h */
enum {
    LINUX_DUP = 23,
    LINUX_DUP3 = 24,
    LINUX_FCNTL = 25,
    LINUX_CHDIR = 49,
    LINUX_FCHDIR = 50,
    LINUX_OPENAT = 56,
    LINUX_CLOSE = 57,
    LINUX_EXIT = 93,
    LINUX_EXIT_GROUP = 94,
    LINUX_SET_TID_ADDRESS = 96,
    LINUX_GETPID = 172,
    LINUX_GETTID = 178,
    LINUX_MUNMAP = 215,
    LINUX_MREMAP = 216,
    LINUX_CLONE = 220,
    LINUX_EXECVE = 221,
    LINUX_MMAP = 222,
    LINUX_MPROTECT = 226,
    LINUX_MEMFD_CREATE = 279,
    LINUX_EXECVEAT = 281,
    LINUX_CLONE3 = 435,
    LINUX_CLOSE_RANGE = 436,
    LINUX_OPENAT2 = 437
};

/* -- What a process has ------------------------------------------------------------------------ */

/** Something in memory that is to be looked at once its page is there. */
struct look {
    enum look_kind {
        LOOK_PROGRAM, /* program headers of what exec has begun */
        LOOK_FILE,    /* ELF header of what the kernel has mapped by itself */
        LOOK_BUILD    /* ELF header of what mmap has mapped: only its build-id is not known */
    } kind;
    uint64_t address;
    uint64_t count;       /* of program headers */
    uint64_t interpreter; /* where LOOK_PROGRAM's begins; 0: it has none */
    const char *path;     /* kept by the view */
    unsigned tries;
};

/** An address space. Processes share it between vfork and exec. */
struct memory {
    unsigned users; /* processes */
    uint64_t root;  /* as of the last return in it; 0: none yet */
    struct space space;
    struct look looks[LINUX_LOOKS_MAX];
    unsigned look_count;
};

struct descriptor {
    int number;
    bool close_on_exec;
    char *path; /* owned */
};

struct process {
    struct linux_process shown;
    struct memory *memory; /* NULL: ended */
    unsigned live_tasks;   /* also those that are being born */
    struct descriptor *descriptors;
    unsigned descriptor_count;
    char *folder; /* it is in; owned */
};

/** A system call under way. */
struct call {
    struct linux_border border;
    char *path; /* that it names; NULL: none, or not there yet */
};

struct task {
    struct linux_task shown;
    bool ran;          /* it was somewhere on a hart */
    struct task *next; /* of its bucket; the latest first, and only that lives */
    struct process *process;
    struct call calls[LINUX_CALLS_MAX];
    unsigned call_count;
};

/** A clone of which one end has not been seen. */
struct birth {
    struct task *parent;
    struct process *process; /* the child's: made when the parent called, or the parent's */
    bool made;
    unsigned first_idx; /* a task from here on is younger than the call */
    uint64_t pc, sp;    /* how the child comes back */
    uint64_t tid;       /* 0: the parent is not back */
    struct task *child; /* NULL: the child is not */
};

struct linux_view {
    struct linux_guest guest;
    struct task *buckets[TASK_BUCKETS];
    struct task **tasks;
    unsigned task_count;
    struct process **processes;
    unsigned process_count;
    struct task **current; /* by hart */
    struct birth births[LINUX_BIRTHS_MAX];
    unsigned birth_count;
    struct binary **binaries; /* each once */
    unsigned binary_count;
    uint64_t name_offset; /* of a task's name; 0: not found yet */
    bool nameless;        /* there is none to be found */
};

/* -- linux.c ----------------------------------------------------------------------------------- */

/** A file, as often as it is asked for the same. @param build_id_bytes  0: not known. */
const struct binary *view_binary(struct linux_view *view, const char *path, const uint8_t *build_id,
                                 size_t build_id_bytes);

/** Reads a string. @return false when it is not there, or longer than a path. */
bool view_read_text(const struct linux_view *view, unsigned hart, uint64_t address,
                    char text[LINUX_PATH_CHARS]);

/** Tells whoever looks that a space is about to change; that it has more now. */
void view_change(const struct linux_view *view, const struct memory *memory);
void view_gain(const struct linux_view *view, const struct memory *memory);

/** Takes what a process had away from it. */
void process_leave_memory(const struct linux_view *view, struct process *process);

/** A new process in a new memory. */
struct process *process_new(struct linux_view *view);

/** Maps a range in a memory, or takes one away. Tells of it where something was there. */
void memory_map(const struct linux_view *view, struct memory *memory, const struct range *range);
void memory_unmap(const struct linux_view *view, struct memory *memory, uint64_t start,
                  uint64_t end);

/** The last call of a task is a clone. @param sp  The child's. */
void birth_begin(struct linux_view *view, struct task *parent, uint64_t flags, uint64_t sp);

/** The task is no more. */
void task_end(struct linux_view *view, struct task *task);
/** Moves a task to a process. */
void task_join(struct linux_view *view, struct task *task, struct process *process);

/* -- linux_calls.c ----------------------------------------------------------------------------- */

/** Is anything to be done about a call of this number? */
bool call_matters(uint64_t number);
/** A call begins. */
void call_begin(struct linux_view *view, struct task *task, struct call *call);
/** A call has come back with a0 where it began; the births it is about are dealt with. */
void call_end(struct linux_view *view, struct task *task, struct call *call,
              const struct linux_border *border);

/** A path as the process means it: from its folder, if it does not begin with a slash.
 * @param number  Descriptor of a folder instead; AT_FDCWD: none. @return Owned by the caller. */
char *path_of(const struct process *process, int number, const char *path);
/** Path of a descriptor. @return NULL when it is not known. */
const char *descriptor_path(const struct process *process, int number);
void descriptors_copy(struct process *process, const struct process *from);
void descriptors_free(struct process *process);
/** Those that exec closes. */
void descriptors_exec(struct process *process);

/* -- linux_exec.c ------------------------------------------------------------------------------ */

/** Has a program just begun here? If so the task is in a process of its own, with a new memory; the
 * number and descriptors of that before go on. */
bool exec_seen(struct linux_view *view, struct task *task, const struct linux_border *border);

/** Forgets the oldest when there are too many. */
void look_add(struct memory *memory, const struct look *look);
/** Looks at what is there by now. @param calls  At a call: so many of them are enough. */
void looks_try(struct linux_view *view, struct process *process, unsigned hart, bool calls);

#endif
