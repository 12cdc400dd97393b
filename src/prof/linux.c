/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks and processes of a Linux guest, by what passes between user mode and kernel.
 *
 * Why there and not out of the kernel's structures: docs/profiling.md. This file knows tasks, how
 * they begin and end; linux_calls.c what system calls do to descriptors and maps; linux_exec.c how
 * programs begin.
 *
 * 1. A task is known by its address in the kernel, which is in sscratch while a hart is in user
 *    mode and in tp while it is not. The memory of a dead task is given to new ones.
 * 2. A call begins at an ecall and ends when the same task comes back behind it with the same sp.
 *    In between it may come back elsewhere, into a signal's handler, and make other calls there:
 *    calls stack up. One that is begun again from the same place (the kernel restarts it) replaces
 *    itself.
 * 3. A clone is a birth: kept until the parent is back with a number and the child with a0 = 0, in
 *    either order. The child comes back behind the parent's ecall, on the stack that was asked for
 *    or its parent's, as a task that is not known, or dead, or lived in another page table: what
 *    was killed says no goodbye.
 * 4. Whoever comes to user mode unborn has been begun by the kernel itself: the first process, what
 *    it starts to load modules, or, if the view began late, what was there. Each page table of
 *    these is a process.
 *
 *      hart 0   ecall clone ... return a0=51           parent: birth gets its number
 *      hart 1   ................ return a0=0 sp=new    child: matched by pc and sp
 *
 * All that is told in order of appearance (idx) hangs on the guest alone: a replay tells the same.
 */
#include "prof/intern.h"
#include "prof/linux.h"

#include <stdlib.h>
#include <string.h>

/* -- Birth and death --------------------------------------------------------------------------- */

struct linux_view *linux_view_new(const struct linux_guest *guest) {
    struct linux_view *view = calloc(1, sizeof *view);
    ensure(view != NULL);
    view->guest = *guest;
    view->nameless = guest->init_task == 0;
    view->current = calloc(guest->hart_count, sizeof *view->current);
    ensure(view->current != NULL);
    return view;
}

static void calls_drop(struct task *task, unsigned count) {
    while (task->call_count > count) {
        free(task->calls[--task->call_count].path);
    }
}

static void memory_free(struct memory *memory) {
    space_free(&memory->space);
    free(memory);
}

void linux_view_free(struct linux_view *view) {
    if (view == NULL) {
        return;
    }
    for (unsigned i = 0; i < view->task_count; i++) {
        calls_drop(view->tasks[i], 0);
        free(view->tasks[i]);
    }
    for (unsigned i = 0; i < view->process_count; i++) {
        struct process *process = view->processes[i];
        if (process->memory != NULL && --process->memory->users == 0) {
            memory_free(process->memory);
        }
        descriptors_free(process);
        free(process->folder);
        free(process);
    }
    for (unsigned i = 0; i < view->binary_count; i++) {
        free((char *)(uintptr_t)view->binaries[i]->path);
        free(view->binaries[i]);
    }
    free(view->tasks);
    free(view->processes);
    free(view->binaries);
    free(view->current);
    free(view);
}

const struct binary *view_binary(struct linux_view *view, const char *path, const uint8_t *build_id,
                                 size_t build_id_bytes) {
    for (unsigned i = 0; i < view->binary_count; i++) {
        const struct binary *known = view->binaries[i];
        if (known->build_id_bytes == build_id_bytes && strcmp(known->path, path) == 0 &&
            (build_id_bytes == 0 || memcmp(known->build_id, build_id, build_id_bytes) == 0)) {
            return known;
        }
    }
    struct binary *binary = calloc(1, sizeof *binary);
    ensure(binary != NULL);
    binary->path = strdup(path);
    ensure(binary->path != NULL);
    binary->build_id_bytes = build_id_bytes;
    if (build_id_bytes > 0) {
        memcpy(binary->build_id, build_id, build_id_bytes);
    }
    view->binaries = array_grow(view->binaries, view->binary_count, sizeof *view->binaries);
    view->binaries[view->binary_count++] = binary;
    return binary;
}

/* Page by page, since the next one need not be there. */
bool view_read_text(const struct linux_view *view, unsigned hart, uint64_t address,
                    char text[LINUX_PATH_CHARS]) {
    size_t have = 0;
    while (have < LINUX_PATH_CHARS) {
        size_t room = min_u64(LINUX_PATH_CHARS - have, 4096 - (address + have) % 4096);
        room = min_u64(room, 256);
        if (!view->guest.read(view->guest.owner, hart, address + have, text + have, room)) {
            return false;
        }
        if (memchr(text + have, '\0', room) != NULL) {
            return true;
        }
        have += room;
    }
    return false;
}

void view_change(const struct linux_view *view, const struct memory *memory) {
    if (view->guest.change != NULL) {
        view->guest.change(view->guest.owner, &memory->space);
    }
}

void view_gain(const struct linux_view *view, const struct memory *memory) {
    if (view->guest.gain != NULL) {
        view->guest.gain(view->guest.owner, &memory->space);
    }
}

/* -- Processes --------------------------------------------------------------------------------- */

static struct memory *memory_new(void) {
    struct memory *memory = calloc(1, sizeof *memory);
    ensure(memory != NULL);
    return memory;
}

static void process_enter_memory(struct process *process, struct memory *memory) {
    process->memory = memory;
    process->shown.space = &memory->space;
    memory->users++;
}

void process_leave_memory(const struct linux_view *view, struct process *process) {
    struct memory *memory = process->memory;
    if (memory == NULL) {
        return;
    }
    view_change(view, memory);
    process->memory = NULL;
    process->shown.space = NULL;
    if (--memory->users == 0) {
        memory_free(memory);
    }
}

struct process *process_new(struct linux_view *view) {
    struct process *process = calloc(1, sizeof *process);
    ensure(process != NULL);
    process->shown = (struct linux_process){.idx = view->process_count, .path = ""};
    process->folder = strdup("/");
    ensure(process->folder != NULL);
    process_enter_memory(process, memory_new());
    view->processes = array_grow(view->processes, view->process_count, sizeof *view->processes);
    view->processes[view->process_count++] = process;
    return process;
}

static bool space_meets(const struct space *space, uint64_t start, uint64_t end) {
    for (size_t i = 0; i < space->count; i++) {
        if (space->ranges[i].start < end && space->ranges[i].end > start) {
            return true;
        }
    }
    return false;
}

void memory_unmap(const struct linux_view *view, struct memory *memory, uint64_t start,
                  uint64_t end) {
    if (space_meets(&memory->space, start, end)) {
        view_change(view, memory);
        space_unmap(&memory->space, start, end);
    }
}

void memory_map(const struct linux_view *view, struct memory *memory, const struct range *range) {
    if (range->start < range->end) {
        memory_unmap(view, memory, range->start, range->end);
        space_map(&memory->space, range);
        view_gain(view, memory);
    }
}

static void memory_copy(struct memory *memory, const struct memory *from) {
    space_copy(&memory->space, &from->space);
    memcpy(memory->looks, from->looks, sizeof memory->looks);
    memory->look_count = from->look_count;
}

/* What a clone without CLONE_THREAD makes. Nobody lives in it yet. */
static struct process *process_fork(struct linux_view *view, const struct process *parent,
                                    bool shares_memory) {
    struct process *process = process_new(view);
    process->shown.path = parent->shown.path;
    free(process->folder);
    process->folder = strdup(parent->folder);
    ensure(process->folder != NULL);
    descriptors_copy(process, parent);
    if (parent->memory != NULL && shares_memory) {
        process_leave_memory(view, process);
        process_enter_memory(process, parent->memory);
    } else if (parent->memory != NULL) {
        memory_copy(process->memory, parent->memory);
    }
    return process;
}

/* -- Tasks ------------------------------------------------------------------------------------- */

static struct task **bucket_of(struct linux_view *view, uint64_t key) {
    uint64_t mixed = key * 0x9e3779b97f4a7c15;
    return &view->buckets[mixed >> 32 & (TASK_BUCKETS - 1)];
}

static struct task *task_find(struct linux_view *view, uint64_t key) {
    struct task *task = *bucket_of(view, key);
    while (task != NULL && task->shown.key != key) {
        task = task->next;
    }
    return task;
}

static struct task *task_new(struct linux_view *view, uint64_t key) {
    struct task *task = calloc(1, sizeof *task);
    ensure(task != NULL);
    task->shown = (struct linux_task){.idx = view->task_count, .key = key};
    struct task **bucket = bucket_of(view, key);
    task->next = *bucket;
    *bucket = task;
    view->tasks = array_grow(view->tasks, view->task_count, sizeof *view->tasks);
    view->tasks[view->task_count++] = task;
    return task;
}

/* One that it waited for, or that lived in it, is gone. */
static void process_release(const struct linux_view *view, struct process *process) {
    if (--process->live_tasks == 0) {
        process_leave_memory(view, process);
        descriptors_free(process);
    }
}

static void task_leave(const struct linux_view *view, struct task *task) {
    if (task->process != NULL) {
        process_release(view, task->process);
    }
    task->process = NULL;
}

void task_join(struct linux_view *view, struct task *task, struct process *process) {
    process->live_tasks++;
    task_leave(view, task);
    task->process = process;
    task->shown.process = &process->shown;
}

/* It keeps showing whose it was. */
void task_end(struct linux_view *view, struct task *task) {
    if (!task->shown.ended) {
        task->shown.ended = true;
        calls_drop(task, 0);
        task_leave(view, task);
    }
}

/* -- Names ------------------------------------------------------------------------------------- */

enum { TASK_BYTES = 16 << 10, PIECE_BYTES = 256 };

/* The first task is called swapper, or swapper/0 later on: there all have their names. */
static void name_offset_find(struct linux_view *view, unsigned hart) {
    char bytes[TASK_BYTES + PIECE_BYTES] = {0};
    for (size_t at = 0; at < TASK_BYTES; at += PIECE_BYTES) {
        if (!view->guest.read(view->guest.owner, hart, view->guest.init_task + at, bytes + at,
                              PIECE_BYTES)) {
            return; /* later, when there is a page table */
        }
    }
    for (size_t at = 8; at < TASK_BYTES; at += 8) {
        if (strcmp(bytes + at, "swapper") == 0 || strcmp(bytes + at, "swapper/0") == 0) {
            view->name_offset = at;
            return;
        }
    }
    view->nameless = true;
}

static void name_read(struct linux_view *view, unsigned hart, struct task *task) {
    if (!view->nameless && view->name_offset == 0) {
        name_offset_find(view, hart);
    }
    char name[LINUX_NAME_CHARS];
    if (view->name_offset != 0 &&
        view->guest.read(view->guest.owner, hart, task->shown.key + view->name_offset, name,
                         sizeof name) &&
        memchr(name, '\0', sizeof name) != NULL) {
        memcpy(task->shown.name, name, sizeof name);
    }
}

/* -- Births ------------------------------------------------------------------------------------ */

enum { CLONE_VM = 0x100, CLONE_THREAD = 0x10000 };

/* The order of the others stays. */
static void birth_remove(struct linux_view *view, struct birth *birth) {
    struct birth *end = view->births + view->birth_count--;
    memmove(birth, birth + 1, (size_t)(end - birth - 1) * sizeof *birth);
}

/* There will be no child. Its process was made for nothing, and as a rule is the last. */
static void birth_drop(struct linux_view *view, struct birth *birth) {
    struct process *process = birth->child == NULL ? birth->process : NULL;
    bool last = birth->made && view->processes[view->process_count - 1] == process;
    birth_remove(view, birth);
    if (process != NULL) {
        process_release(view, process);
    }
    if (process != NULL && last) {
        view->process_count--;
        free(process->folder);
        free(process);
    }
}

/* The child gets what its parent has now: soon that may be something else, or the parent gone. */
void birth_begin(struct linux_view *view, struct task *parent, uint64_t flags, uint64_t sp) {
    for (unsigned i = 0; i < view->birth_count; i++) {
        struct birth *birth = &view->births[i];
        if (birth->parent == parent && birth->tid == 0 && birth->child == NULL) {
            birth_drop(view, birth); /* it is begun again */
            break;
        }
    }
    if (view->birth_count == LINUX_BIRTHS_MAX) {
        birth_drop(view, &view->births[0]);
    }
    const struct linux_border *border = &parent->calls[parent->call_count - 1].border;
    bool thread = (flags & CLONE_THREAD) != 0, shares = (flags & CLONE_VM) != 0;
    struct process *process =
        thread ? parent->process : process_fork(view, parent->process, shares);
    process->live_tasks++;
    view->births[view->birth_count++] = (struct birth){
        .parent = parent,
        .process = process,
        .made = !thread,
        .first_idx = view->task_count,
        .pc = border->pc + 4,
        .sp = sp,
    };
}

/* Both ends are known. */
static void birth_done(struct linux_view *view, struct birth *birth) {
    if (birth->tid == 0 || birth->child == NULL) {
        return;
    }
    birth->child->shown.tid = birth->tid;
    if (birth->made && birth->child->process != NULL) {
        birth->child->process->shown.pid = birth->tid; /* it may have been faster to exec */
    }
    birth_remove(view, birth);
}

/* The parent is back: with the child's number, or it has none. */
static void birth_parent_back(struct linux_view *view, const struct task *parent, uint64_t a0) {
    for (unsigned i = 0; i < view->birth_count; i++) {
        struct birth *birth = &view->births[i];
        if (birth->parent != parent || birth->tid != 0) {
            continue;
        }
        if ((int64_t)a0 <= 0) {
            birth_drop(view, birth);
        } else {
            birth->tid = a0;
            birth->process->shown.pid = birth->made ? a0 : birth->process->shown.pid;
            birth_done(view, birth);
        }
        return;
    }
}

static struct birth *birth_find(struct linux_view *view, const struct task *known,
                                const struct linux_border *border) {
    if (border->a[0] != 0) {
        return NULL;
    }
    for (unsigned i = view->birth_count; i-- > 0;) { /* the latest first */
        struct birth *birth = &view->births[i];
        if (birth->child == NULL && birth->parent != known && birth->pc == border->pc &&
            birth->sp == border->sp) {
            return birth;
        }
    }
    return NULL;
}

/* @param known  The task that was last seen there, or NULL. Where it has not been to user mode, and
 *               was first seen after the clone, it is the child on its way there. */
static struct task *child_begin(struct linux_view *view, struct birth *birth, struct task *known,
                                uint64_t key) {
    bool on_its_way = known != NULL && !known->shown.ended && known->process == NULL &&
                      known->shown.idx >= birth->first_idx;
    if (known != NULL && !on_its_way) {
        task_end(view, known);
    }
    struct task *task = on_its_way ? known : task_new(view, key);
    task_join(view, task, birth->process);
    process_release(view, birth->process); /* which it was waited for in */
    birth->child = task;
    birth_done(view, birth);
    return task;
}

/* -- Border ------------------------------------------------------------------------------------ */

/* Is the known task another one than that which is here now, in its memory? */
static bool reborn(const struct task *task, const struct linux_border *border) {
    return task->shown.ended || task->process == NULL || task->process->memory == NULL ||
           task->process->memory->root != border->root;
}

/* Somebody whom the kernel has begun, or who was there before. */
static struct task *stranger_begin(struct linux_view *view, const struct linux_border *border) {
    struct task *task = task_find(view, border->task);
    if (task == NULL || task->shown.ended) {
        task = task_new(view, border->task);
    }
    if (exec_seen(view, task, border)) {
        return task;
    }
    struct process *process = NULL;
    for (unsigned i = 0; i < view->process_count && process == NULL; i++) {
        const struct memory *memory = view->processes[i]->memory;
        bool here = memory != NULL && memory->root == border->root;
        process = here ? view->processes[i] : NULL;
    }
    task_join(view, task, process == NULL ? process_new(view) : process);
    return task;
}

/* The task that comes back to user mode here. */
static struct task *task_back(struct linux_view *view, const struct linux_border *border) {
    struct task *task = task_find(view, border->task);
    if (task != NULL && !task->shown.ended && task->process != NULL && task->call_count == 0 &&
        !reborn(task, border)) {
        return task; /* nearly always */
    }
    bool other = task == NULL || reborn(task, border);
    struct birth *birth = other ? birth_find(view, task, border) : NULL;
    if (birth != NULL) {
        return child_begin(view, birth, task, border->task);
    }
    bool known = task != NULL && !task->shown.ended && task->process != NULL;
    return known ? task : stranger_begin(view, border);
}

static void call_finish(struct linux_view *view, struct task *task, unsigned idx,
                        const struct linux_border *border) {
    struct call call = task->calls[idx];
    task->calls[idx].path = NULL;
    calls_drop(task, idx); /* it and those of handlers that were left by a jump */
    if (call.border.a[7] == LINUX_CLONE || call.border.a[7] == LINUX_CLONE3) {
        birth_parent_back(view, task, border->a[0]);
    }
    call_end(view, task, &call, border);
    free(call.path);
}

/* The call that comes back here, the last begun first. @return call_count: none does. */
static unsigned call_back(const struct task *task, const struct linux_border *border) {
    for (unsigned i = task->call_count; i-- > 0;) {
        const struct linux_border *begun = &task->calls[i].border;
        if (begun->pc + 4 == border->pc && begun->sp == border->sp) {
            return i;
        }
    }
    return task->call_count;
}

static bool execs(const struct task *task) {
    uint64_t number = task->call_count == 0 ? 0 : task->calls[task->call_count - 1].border.a[7];
    return number == LINUX_EXECVE || number == LINUX_EXECVEAT;
}

void linux_return(struct linux_view *view, const struct linux_border *border) {
    struct task *task = task_back(view, border);
    view->current[border->hart] = task;
    task->ran = true;
    unsigned idx = call_back(task, border);
    if (idx < task->call_count) {
        call_finish(view, task, idx, border);
    } else if (execs(task) && exec_seen(view, task, border)) {
        calls_drop(task, 0);
    }
    if (task->process != NULL && task->process->memory != NULL) {
        task->process->memory->root = border->root;
        if (task->process->memory->look_count > 0) {
            looks_try(view, task->process, border->hart, false);
        }
    }
}

void linux_call(struct linux_view *view, const struct linux_border *border) {
    struct task *task = task_find(view, border->task);
    if (task == NULL || task->shown.ended || task->process == NULL) {
        task = stranger_begin(view, border);
    }
    view->current[border->hart] = task;
    task->ran = true;
    if (task->process->memory != NULL && task->process->memory->look_count > 0) {
        looks_try(view, task->process, border->hart, true);
    }
    if (!call_matters(border->a[7])) {
        return;
    }
    for (unsigned i = 0; i < task->call_count; i++) {
        const struct linux_border *begun = &task->calls[i].border;
        if (begun->pc == border->pc && begun->sp == border->sp) {
            calls_drop(task, i); /* begun again */
        }
    }
    if (task->call_count == LINUX_CALLS_MAX) {
        free(task->calls[0].path);
        memmove(task->calls, task->calls + 1, (LINUX_CALLS_MAX - 1) * sizeof *task->calls);
        task->call_count--;
    }
    struct call *call = &task->calls[task->call_count++];
    *call = (struct call){.border = *border};
    call_begin(view, task, call);
}

void linux_begin(struct linux_view *view, uint64_t key) {
    struct task *task = task_find(view, key);
    if (task != NULL && task->ran) {
        task_end(view, task);
    }
}

void linux_switch(struct linux_view *view, unsigned hart, uint64_t key) {
    struct task *task = task_find(view, key);
    if (task == NULL || task->shown.ended) {
        task = task_new(view, key);
    }
    name_read(view, hart, task);
    view->current[hart] = task;
    task->ran = true;
}

const struct linux_task *linux_task_at(struct linux_view *view, unsigned hart, uint64_t key) {
    struct task *task = task_find(view, key);
    if (task == NULL) {
        task = task_new(view, key);
        name_read(view, hart, task);
    }
    return task->shown.ended ? NULL : &task->shown;
}

const struct linux_task *linux_task_born(struct linux_view *view, unsigned hart, uint64_t key) {
    struct task *task = task_find(view, key);
    if (task != NULL) {
        task_end(view, task);
    }
    task = task_new(view, key);
    name_read(view, hart, task);
    return &task->shown;
}

/* -- Asking ------------------------------------------------------------------------------------ */

const struct linux_task *linux_current(const struct linux_view *view, unsigned hart) {
    const struct task *task = view->current[hart];
    return task == NULL ? NULL : &task->shown;
}

unsigned linux_task_count(const struct linux_view *view) {
    return view->task_count;
}

const struct linux_task *linux_task_get(const struct linux_view *view, unsigned idx) {
    ensure(idx < view->task_count);
    return &view->tasks[idx]->shown;
}

unsigned linux_process_count(const struct linux_view *view) {
    return view->process_count;
}

const struct linux_process *linux_process_get(const struct linux_view *view, unsigned idx) {
    ensure(idx < view->process_count);
    return &view->processes[idx]->shown;
}
