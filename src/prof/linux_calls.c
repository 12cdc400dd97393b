/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What system calls of a Linux guest do to descriptors, folders and maps of its processes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/linux.h"

/* -- Descriptors ------------------------------------------------------------------------------- */

static struct descriptor *descriptor_find(const struct process *process, int number) {
    for (unsigned i = 0; i < process->descriptor_count; i++) {
        if (process->descriptors[i].number == number) {
            return &process->descriptors[i];
        }
    }
    return NULL;
}

const char *descriptor_path(const struct process *process, int number) {
    const struct descriptor *descriptor = descriptor_find(process, number);
    return descriptor == NULL ? NULL : descriptor->path;
}

static void descriptor_drop(struct process *process, struct descriptor *descriptor) {
    free(descriptor->path);
    *descriptor = process->descriptors[--process->descriptor_count];
}

/* @param path  Taken over; NULL: it is closed, or leads to nothing that has a path. */
static void descriptor_set(struct process *process, int number, char *path, bool close_on_exec) {
    struct descriptor *descriptor = descriptor_find(process, number);
    if (descriptor != NULL) {
        descriptor_drop(process, descriptor);
    }
    if (path == NULL) {
        return;
    }
    unsigned count = process->descriptor_count++;
    process->descriptors =
        realloc(process->descriptors, process->descriptor_count * sizeof *process->descriptors);
    ensure(process->descriptors != NULL);
    process->descriptors[count] = (struct descriptor){number, close_on_exec, path};
}

static char *text_copy(const char *text) {
    char *copy = text == NULL ? NULL : strdup(text);
    ensure(text == NULL || copy != NULL);
    return copy;
}

void descriptors_copy(struct process *process, const struct process *from) {
    for (unsigned i = 0; i < from->descriptor_count; i++) {
        const struct descriptor *descriptor = &from->descriptors[i];
        descriptor_set(process, descriptor->number, text_copy(descriptor->path),
                       descriptor->close_on_exec);
    }
}

void descriptors_free(struct process *process) {
    while (process->descriptor_count > 0) {
        descriptor_drop(process, &process->descriptors[0]);
    }
    free(process->descriptors);
    process->descriptors = NULL;
}

void descriptors_exec(struct process *process) {
    for (unsigned i = process->descriptor_count; i-- > 0;) {
        if (process->descriptors[i].close_on_exec) {
            descriptor_drop(process, &process->descriptors[i]);
        }
    }
}

/* -- Paths ------------------------------------------------------------------------------------- */

char *path_of(const struct process *process, int number, const char *path) {
    if (path[0] == '/' || path[0] == '[') { /* the second is no file */
        return text_copy(path);
    }
    const char *folder = number == AT_FDCWD ? process->folder : descriptor_path(process, number);
    while (strncmp(path, "./", 2) == 0) {
        path += 2;
    }
    char *whole;
    bool slash = folder != NULL && folder[strlen(folder) - 1] != '/';
    int length = asprintf(&whole, "%s%s%s", folder == NULL ? "" : folder, slash ? "/" : "", path);
    ensure(length >= 0);
    return whole;
}

/* Which argument is a path? @return -1: none. */
static int path_argument(uint64_t number) {
    switch (number) {
    case LINUX_OPENAT:
    case LINUX_OPENAT2:
        return 1;
    case LINUX_CHDIR:
    case LINUX_MEMFD_CREATE:
        return 0;
    default:
        return -1;
    }
}

static void path_read(const struct linux_view *view, struct call *call, unsigned hart) {
    int argument = path_argument(call->border.a[7]);
    char text[LINUX_PATH_CHARS];
    if (argument >= 0 && call->path == NULL &&
        view_read_text(view, hart, call->border.a[argument], text)) {
        call->path = text_copy(text);
    }
}

/* -- Files ------------------------------------------------------------------------------------- */

static void opened(const struct linux_view *view, struct process *process, const struct call *call,
                   const struct linux_border *border) {
    const uint64_t *a = call->border.a;
    uint64_t flags = a[2];
    if (a[7] == LINUX_OPENAT2 &&
        !view->guest.read(view->guest.owner, border->hart, a[2], &flags, sizeof flags)) {
        flags = 0;
    }
    char *path = call->path == NULL ? NULL : path_of(process, (int)a[0], call->path);
    descriptor_set(process, (int)border->a[0], path, (flags & O_CLOEXEC) != 0);
}

static void memory_file_made(struct process *process, const struct call *call, int number) {
    enum { MEMFD_CLOEXEC = 1 };
    char *path;
    int length = asprintf(&path, "[memfd:%s]", call->path == NULL ? "" : call->path);
    ensure(length >= 0);
    descriptor_set(process, number, path, (call->border.a[1] & MEMFD_CLOEXEC) != 0);
}

static void duplicated(struct process *process, int from, int to, bool close_on_exec) {
    char *path = text_copy(descriptor_path(process, from));
    descriptor_set(process, to, path, close_on_exec);
}

static void controlled(struct process *process, const uint64_t *a, int result) {
    struct descriptor *descriptor = descriptor_find(process, (int)a[0]);
    if (a[1] == F_DUPFD || a[1] == F_DUPFD_CLOEXEC) {
        duplicated(process, (int)a[0], result, a[1] == F_DUPFD_CLOEXEC);
    } else if (a[1] == F_SETFD && descriptor != NULL) {
        descriptor->close_on_exec = (a[2] & FD_CLOEXEC) != 0;
    }
}

static void range_closed(struct process *process, const uint64_t *a) {
    enum { CLOSE_RANGE_CLOEXEC = 4 };
    for (unsigned i = process->descriptor_count; i-- > 0;) {
        struct descriptor *descriptor = &process->descriptors[i];
        uint64_t number = (uint64_t)descriptor->number;
        bool meant = number >= (uint32_t)a[0] && number <= (uint32_t)a[1];
        if (meant && (a[2] & CLOSE_RANGE_CLOEXEC) != 0) {
            descriptor->close_on_exec = true;
        } else if (meant) {
            descriptor_drop(process, descriptor);
        }
    }
}

static void folder_changed(struct process *process, const struct call *call) {
    char *folder = call->border.a[7] == LINUX_FCHDIR
                       ? text_copy(descriptor_path(process, (int)call->border.a[0]))
                   : call->path != NULL ? path_of(process, AT_FDCWD, call->path)
                                        : NULL;
    if (folder != NULL && folder[0] != '\0') {
        free(process->folder);
        process->folder = folder;
    } else {
        free(folder);
    }
}

/* -- Maps -------------------------------------------------------------------------------------- */

enum { GUEST_PROT_EXEC = 4, GUEST_MAP_ANONYMOUS = 0x20, PAGE_BYTES = 4096 };

static uint64_t page_up(uint64_t bytes) {
    return (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

/* The file as this memory has it already: then its build-id may be known. */
static const struct binary *binary_mapped(struct linux_view *view, const struct memory *memory,
                                          const char *path) {
    for (size_t i = 0; i < memory->space.count; i++) {
        const struct binary *binary = memory->space.ranges[i].binary;
        if (strcmp(binary->path, path) == 0) {
            return binary;
        }
    }
    return view_binary(view, path, NULL, 0);
}

static void mapped(struct linux_view *view, struct process *process, const uint64_t *a,
                   uint64_t start) {
    struct range range = {.start = start, .end = start + page_up(a[1]), .offset = a[5]};
    if ((a[3] & GUEST_MAP_ANONYMOUS) != 0) {
        memory_unmap(view, process->memory, range.start, range.end);
        if ((a[2] & GUEST_PROT_EXEC) == 0) {
            return;
        }
        range.offset = 0;
        range.binary = view_binary(view, "[anon]", NULL, 0);
        memory_map(view, process->memory, &range);
        return;
    }
    const char *path = descriptor_path(process, (int)a[4]);
    path = path != NULL && path[0] == '\0' ? NULL : path;
    range.binary = binary_mapped(view, process->memory, path == NULL ? "[file]" : path);
    memory_map(view, process->memory, &range);
    if (path != NULL && path[0] == '/' && a[5] == 0 && range.binary->build_id_bytes == 0) {
        look_add(process->memory,
                 &(struct look){.kind = LOOK_BUILD, .address = start, .path = range.binary->path});
    }
}

static void remapped(struct linux_view *view, struct memory *memory, const uint64_t *a,
                     uint64_t start) {
    const struct range *found = space_at(&memory->space, a[0]);
    struct range range = found == NULL ? (struct range){0} : *found;
    range.offset += found == NULL ? 0 : a[0] - found->start;
    memory_unmap(view, memory, a[0], a[0] + page_up(a[1]));
    memory_unmap(view, memory, start, start + page_up(a[2]));
    if (found != NULL) {
        range.start = start;
        range.end = start + page_up(a[2]);
        memory_map(view, memory, &range);
    }
}

/* Code that a program has made itself becomes executable. */
static void protected(struct linux_view *view, struct memory *memory, const uint64_t *a) {
    if ((a[2] & GUEST_PROT_EXEC) != 0 && space_at(&memory->space, a[0]) == NULL) {
        memory_map(view, memory,
                   &(struct range){.start = a[0],
                                   .end = a[0] + page_up(a[1]),
                                   .binary = view_binary(view, "[anon]", NULL, 0)});
    }
}

/* -- Calls ------------------------------------------------------------------------------------- */

bool call_matters(uint64_t number) {
    static const uint16_t numbers[] = {
        LINUX_DUP,    LINUX_DUP3,    LINUX_FCNTL,       LINUX_CHDIR,           LINUX_FCHDIR,
        LINUX_OPENAT, LINUX_CLOSE,   LINUX_EXIT,        LINUX_EXIT_GROUP,      LINUX_GETPID,
        LINUX_GETTID, LINUX_MUNMAP,  LINUX_MREMAP,      LINUX_SET_TID_ADDRESS, LINUX_CLONE,
        LINUX_EXECVE, LINUX_MMAP,    LINUX_MPROTECT,    LINUX_MEMFD_CREATE,    LINUX_EXECVEAT,
        LINUX_CLONE3, LINUX_OPENAT2, LINUX_CLOSE_RANGE,
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return false;
}

/* @spec Linux, include/uapi/linux/sched.h, struct clone_args */
static void clone_begin(struct linux_view *view, struct task *task, const struct call *call) {
    const uint64_t *a = call->border.a;
    uint64_t flags = a[0], sp = a[1];
    if (a[7] == LINUX_CLONE3) {
        enum { FLAGS = 0, STACK = 5, STACK_BYTES = 6, WORDS = 8 };
        uint64_t words[WORDS];
        if (!view->guest.read(view->guest.owner, call->border.hart, a[0], words, sizeof words)) {
            return;
        }
        flags = words[FLAGS];
        sp = words[STACK] == 0 ? 0 : words[STACK] + words[STACK_BYTES];
    }
    birth_begin(view, task, flags, sp == 0 ? call->border.sp : sp);
}

void call_begin(struct linux_view *view, struct task *task, struct call *call) {
    switch (call->border.a[7]) {
    case LINUX_CLONE:
    case LINUX_CLONE3:
        clone_begin(view, task, call);
        break;
    case LINUX_EXIT:
    case LINUX_EXIT_GROUP:
        task_end(view, task);
        break;
    default:
        path_read(view, call, call->border.hart);
    }
}

/* It has succeeded. @return false: it is not about descriptors. */
static bool file_call_end(const struct linux_view *view, struct process *process,
                          const struct call *call, const struct linux_border *border) {
    const uint64_t *a = call->border.a;
    int result = (int)border->a[0];
    switch (a[7]) {
    case LINUX_OPENAT:
    case LINUX_OPENAT2:
        opened(view, process, call, border);
        return true;
    case LINUX_MEMFD_CREATE:
        memory_file_made(process, call, result);
        return true;
    case LINUX_CLOSE:
        descriptor_set(process, (int)a[0], NULL, false);
        return true;
    case LINUX_CLOSE_RANGE:
        range_closed(process, a);
        return true;
    case LINUX_DUP:
        duplicated(process, (int)a[0], result, false);
        return true;
    case LINUX_DUP3:
        duplicated(process, (int)a[0], result, (a[2] & O_CLOEXEC) != 0);
        return true;
    case LINUX_FCNTL:
        controlled(process, a, result);
        return true;
    case LINUX_CHDIR:
    case LINUX_FCHDIR:
        folder_changed(process, call);
        return true;
    default:
        return false;
    }
}

static void map_call_end(struct linux_view *view, struct process *process, const uint64_t *a,
                         uint64_t result) {
    if (process->memory == NULL) {
        return;
    }
    switch (a[7]) {
    case LINUX_MMAP:
        mapped(view, process, a, result);
        break;
    case LINUX_MUNMAP:
        memory_unmap(view, process->memory, a[0], a[0] + page_up(a[1]));
        break;
    case LINUX_MREMAP:
        remapped(view, process->memory, a, result);
        break;
    case LINUX_MPROTECT:
        protected
        (view, process->memory, a);
        break;
    default:
        break;
    }
}

void call_end(struct linux_view *view, struct task *task, struct call *call,
              const struct linux_border *border) {
    uint64_t number = call->border.a[7], result = border->a[0];
    struct process *process = task->process;
    if (result > (uint64_t)-4096 || process == NULL) {
        return; /* it has failed */
    }
    path_read(view, call, border->hart); /* the kernel has brought it in by now */
    if (number == LINUX_GETPID && process->shown.pid == 0) {
        process->shown.pid = result;
    } else if ((number == LINUX_GETTID || number == LINUX_SET_TID_ADDRESS) &&
               task->shown.tid == 0) {
        task->shown.tid = result;
    } else if (!file_call_end(view, process, call, border)) {
        map_call_end(view, process, call->border.a, result);
    }
}
