/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How programs begin in a Linux guest: what the kernel puts on a new stack, and what lies where.
 *
 *      sp ─> argc                        auxiliary vector
 *            argv[0] … NULL                AT_EXECFN   path that was given to exec
 *            envp[0] … NULL                AT_PHDR     program headers, in memory
 *            auxiliary vector … AT_NULL    AT_BASE     the interpreter (ld.so), 0: none
 *                                          AT_ENTRY    where the program itself begins
 *
 * A return from exec, or of somebody unknown, is taken for the begin of a program if that is there,
 * and the return goes to AT_ENTRY or into the interpreter.
 *
 * The headers' page is rarely there yet, since nothing has touched it. What is to be looked at
 * waits (struct look), and each call that the program makes is a new chance, as is each return to
 * it: when its first page is brought in, that of its headers mostly comes along; and before ld.so
 * opens its first library it has read all of these headers itself.
 *
 * AT_EXECFN of a script is the script. What runs is argv[0] then, which the kernel has put before
 * the script's path.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/linux.h"

enum {
    PAGE_BYTES = 4096,
    HEADERS_MAX = 32,
    AUX_MAX = 64,
    WORDS_MAX = 1 << 16,          /* arguments and environment */
    INTERPRETER_BYTES = 16 << 20, /* its entry is no further in */
    NOTES_BYTES_MAX = 1024,
    TRIES_MAX = 300
};

/* -- The stack --------------------------------------------------------------------------------- */

/* What the stack says. */
struct start {
    uint64_t argument, second, third; /* where the first three are; 0: none */
    uint64_t aux[AUX_MAX];            /* by AT_ number */
};

static bool word_read(const struct linux_view *view, const struct linux_border *border,
                      uint64_t address, uint64_t *word) {
    return view->guest.read(view->guest.owner, border->hart, address, word, sizeof *word);
}

/* Reads up to the end of the auxiliary vector. */
static bool start_read(const struct linux_view *view, const struct linux_border *border,
                       struct start *start) {
    uint64_t argc, at = border->sp, word;
    *start = (struct start){0};
    if (at % 16 != 0 || !word_read(view, border, at, &argc) || argc > WORDS_MAX) {
        return false;
    }
    uint64_t *arguments[] = {&start->argument, &start->second, &start->third};
    for (uint64_t i = 0; i < argc && i < COUNT(arguments); i++) {
        if (!word_read(view, border, at + 8 * (1 + i), arguments[i])) {
            return false;
        }
    }
    at += 8 * (1 + argc);
    if (!word_read(view, border, at, &word) || word != 0) {
        return false;
    }
    for (unsigned i = 0; i < WORDS_MAX; i++) {
        at += 8;
        if (!word_read(view, border, at, &word)) {
            return false;
        }
        if (word == 0) {
            break;
        }
    }
    for (unsigned i = 0; i < AUX_MAX; i++) {
        uint64_t type, value;
        if (!word_read(view, border, at + 8, &type) || !word_read(view, border, at + 16, &value)) {
            return false;
        }
        if (type == AT_NULL) {
            return true;
        }
        if (type < AUX_MAX) {
            start->aux[type] = value;
        }
        at += 16;
    }
    return false;
}

/* An interpreter that is linked to a fixed address has no base, as that of klibc. */
static bool start_sound(const struct start *start, const struct linux_border *border) {
    const uint64_t *aux = start->aux;
    bool in_interpreter = aux[AT_BASE] == 0 || border->pc - aux[AT_BASE] < INTERPRETER_BYTES;
    return aux[AT_ENTRY] != 0 && aux[AT_PHENT] == sizeof(Elf64_Phdr) &&
           aux[AT_PAGESZ] == PAGE_BYTES && (border->pc == aux[AT_ENTRY] || in_interpreter);
}

/* The program's path, as it was given. */
static void program_path(const struct linux_view *view, const struct linux_border *border,
                         const struct start *start, char path[LINUX_PATH_CHARS]) {
    char first[LINUX_PATH_CHARS], other[LINUX_PATH_CHARS];
    if (start->aux[AT_EXECFN] == 0 ||
        !view_read_text(view, border->hart, start->aux[AT_EXECFN], path) || path[0] == '\0') {
        strcpy(path, "[program]");
        return;
    }
    if (start->argument == 0 || !view_read_text(view, border->hart, start->argument, first) ||
        first[0] != '/') {
        return;
    }
    const uint64_t places[] = {start->second, start->third}; /* #! may have a word of its own */
    for (size_t i = 0; i < COUNT(places); i++) {
        if (places[i] != 0 && view_read_text(view, border->hart, places[i], other) &&
            strcmp(other, path) == 0) {
            strcpy(path, first);
            return;
        }
    }
}

/* -- A new program ----------------------------------------------------------------------------- */

/* Threads of the process besides this one do not survive exec. */
static void others_end(struct linux_view *view, const struct task *task) {
    const struct process *process = task->process;
    for (unsigned i = 0; i < view->task_count && process->live_tasks > 1; i++) {
        struct task *other = view->tasks[i];
        if (other != task && other->process == process) {
            task_end(view, other);
        }
    }
}

static struct process *process_exec(struct linux_view *view, struct task *task) {
    struct process *process = process_new(view), *before = task->process;
    if (before != NULL) {
        others_end(view, task);
        process->shown.pid = before->shown.pid;
        task->shown.tid = before->shown.pid != 0 ? before->shown.pid : task->shown.tid;
        free(process->folder);
        process->folder = strdup(before->folder);
        ensure(process->folder != NULL);
        descriptors_copy(process, before);
        descriptors_exec(process);
    }
    task_join(view, task, process);
    return process;
}

/* fexecve() names the descriptor; and a program may begin itself again. */
static char *path_resolve(const struct process *process, const char *path) {
    int number;
    bool numbered =
        sscanf(path, "/dev/fd/%d", &number) == 1 || sscanf(path, "/proc/self/fd/%d", &number) == 1;
    if (strcmp(path, "/proc/self/exe") == 0) {
        path = process->shown.path[0] == '\0' ? "[program]" : process->shown.path;
    } else if (numbered && descriptor_path(process, number) != NULL) {
        path = descriptor_path(process, number);
    }
    return path_of(process, AT_FDCWD, path);
}

bool exec_seen(struct linux_view *view, struct task *task, const struct linux_border *border) {
    struct start start;
    if (!start_read(view, border, &start) || !start_sound(&start, border)) {
        return false;
    }
    char given[LINUX_PATH_CHARS];
    program_path(view, border, &start, given);
    struct process *before = task->process;
    char *path = before == NULL ? strdup(given) : path_resolve(before, given);
    ensure(path != NULL);
    struct process *process = process_exec(view, task);
    process->shown.path = view_binary(view, path, NULL, 0)->path;
    free(path);
    process->memory->root = border->root;
    look_add(process->memory, &(struct look){.kind = LOOK_PROGRAM,
                                             .address = start.aux[AT_PHDR],
                                             .count = start.aux[AT_PHNUM],
                                             .interpreter = start.aux[AT_BASE],
                                             .path = process->shown.path});
    uint64_t vdso = start.aux[AT_SYSINFO_EHDR];
    if (vdso != 0) {
        look_add(process->memory,
                 &(struct look){.kind = LOOK_FILE,
                                .address = vdso,
                                .path = view_binary(view, "[vdso]", NULL, 0)->path});
    }
    looks_try(view, process, border->hart, false);
    return true;
}

/* -- Looking ----------------------------------------------------------------------------------- */

/* Where the headers of a file are, that lies in memory. */
struct headers {
    const struct linux_view *view;
    unsigned hart;
    uint64_t bias; /* of addresses */
    Elf64_Phdr segments[HEADERS_MAX];
    unsigned count;
};

static bool headers_read(struct headers *headers, uint64_t address, uint64_t count) {
    const struct linux_guest *guest = &headers->view->guest;
    headers->count = (unsigned)min_u64(count, HEADERS_MAX);
    return guest->read(guest->owner, headers->hart, address, headers->segments,
                       headers->count * sizeof *headers->segments);
}

static const Elf64_Phdr *segment_find(const struct headers *headers, unsigned type) {
    for (unsigned i = 0; i < headers->count; i++) {
        bool first = type != PT_LOAD || headers->segments[i].p_offset == 0;
        if (headers->segments[i].p_type == type && first) {
            return &headers->segments[i];
        }
    }
    return NULL;
}

/* @return Size of the build-id in the notes; 0: there is none in them. */
static size_t build_id_in(const uint8_t *notes, size_t size_bytes, uint8_t *build_id) {
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= size_bytes;) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note, rest = size_bytes - name;
        size_t name_bytes = ((size_t)note.n_namesz + 3) & ~(size_t)3;
        size_t text_bytes = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        if (name_bytes > rest || text_bytes > rest - name_bytes) {
            return 0;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0 && note.n_descsz <= BUILD_ID_BYTES_MAX) {
            memcpy(build_id, notes + name + name_bytes, note.n_descsz);
            return note.n_descsz;
        }
        at = name + name_bytes + text_bytes;
    }
    return 0;
}

/* @return false: the notes are not there yet. */
static bool build_id_read(const struct headers *headers, uint8_t *build_id, size_t *size_bytes) {
    const struct linux_guest *guest = &headers->view->guest;
    *size_bytes = 0;
    for (unsigned i = 0; i < headers->count && *size_bytes == 0; i++) {
        const Elf64_Phdr *segment = &headers->segments[i];
        uint8_t notes[NOTES_BYTES_MAX];
        if (segment->p_type != PT_NOTE || segment->p_filesz > sizeof notes) {
            continue;
        }
        if (!guest->read(guest->owner, headers->hart, headers->bias + segment->p_vaddr, notes,
                         segment->p_filesz)) {
            return false;
        }
        *size_bytes = build_id_in(notes, segment->p_filesz, build_id);
    }
    return true;
}

/* Maps the file's segments as the kernel has. */
static void segments_map(const struct headers *headers, struct memory *memory,
                         const struct binary *binary) {
    for (unsigned i = 0; i < headers->count; i++) {
        const Elf64_Phdr *segment = &headers->segments[i];
        uint64_t within = segment->p_vaddr % PAGE_BYTES;
        uint64_t start = headers->bias + segment->p_vaddr - within;
        uint64_t bytes = within + segment->p_filesz + PAGE_BYTES - 1;
        if (segment->p_type == PT_LOAD && segment->p_filesz > 0) {
            memory_map(headers->view, memory,
                       &(struct range){.start = start,
                                       .end = start + bytes - bytes % PAGE_BYTES,
                                       .offset = segment->p_offset - within,
                                       .binary = binary});
        }
    }
}

/* The file is known by its build-id from now on, wherever it lies in this memory. */
static void build_known(const struct linux_view *view, struct memory *memory,
                        const struct binary *binary) {
    for (size_t i = 0; i < memory->space.count; i++) {
        struct range *range = &memory->space.ranges[i];
        if (range->binary->build_id_bytes == 0 && strcmp(range->binary->path, binary->path) == 0) {
            range->binary = binary;
            memory->space.gains++;
            view_gain(view, memory);
        }
    }
}

/* @return false: not all of it is there yet, and there is still hope. */
static bool file_look(struct linux_view *view, struct memory *memory, const struct look *look,
                      struct headers *headers) {
    uint8_t build_id[BUILD_ID_BYTES_MAX];
    size_t build_id_bytes;
    if (!build_id_read(headers, build_id, &build_id_bytes) && look->tries < TRIES_MAX) {
        return false;
    }
    const struct binary *binary = view_binary(view, look->path, build_id, build_id_bytes);
    if (look->kind == LOOK_BUILD) {
        build_known(view, memory, binary);
    } else {
        segments_map(headers, memory, binary);
    }
    return true;
}

/* An ELF header lies where the file begins. */
static bool elf_look(struct linux_view *view, struct memory *memory, const struct look *look,
                     struct headers *headers) {
    const struct linux_guest *guest = &view->guest;
    Elf64_Ehdr header;
    if (!guest->read(guest->owner, headers->hart, look->address, &header, sizeof header)) {
        return false;
    }
    if (!elf_magic(&header, sizeof header) || header.e_phentsize != sizeof(Elf64_Phdr)) {
        return true; /* another kind of file */
    }
    if (!headers_read(headers, look->address + header.e_phoff, header.e_phnum)) {
        return false;
    }
    const Elf64_Phdr *first = segment_find(headers, PT_LOAD);
    if (first == NULL) {
        return true;
    }
    headers->bias = look->address - first->p_vaddr;
    return file_look(view, memory, look, headers);
}

/* Headers of a program follow its ELF header, unless they say where they are. */
static bool program_look(struct linux_view *view, struct memory *memory, const struct look *look,
                         struct headers *headers) {
    if (!headers_read(headers, look->address, look->count)) {
        return false;
    }
    const Elf64_Phdr *self = segment_find(headers, PT_PHDR);
    const Elf64_Phdr *first = segment_find(headers, PT_LOAD);
    const Elf64_Phdr *interpreter = segment_find(headers, PT_INTERP);
    if (self != NULL) {
        headers->bias = look->address - self->p_vaddr;
    } else if (first != NULL) {
        headers->bias = look->address - sizeof(Elf64_Ehdr) - first->p_vaddr;
    } else {
        return true;
    }
    char path[LINUX_PATH_CHARS];
    bool interpreted = interpreter != NULL && look->interpreter != 0;
    if (interpreted &&
        !view_read_text(view, headers->hart, headers->bias + interpreter->p_vaddr, path)) {
        return false;
    }
    if (!file_look(view, memory, look, headers)) {
        return false;
    }
    if (interpreted && path[0] != '\0') {
        look_add(memory, &(struct look){.kind = LOOK_FILE,
                                        .address = look->interpreter,
                                        .path = view_binary(view, path, NULL, 0)->path});
    }
    return true;
}

void look_add(struct memory *memory, const struct look *look) {
    if (memory->look_count == LINUX_LOOKS_MAX) {
        memory->look_count--;
        memmove(memory->looks, memory->looks + 1, memory->look_count * sizeof *memory->looks);
    }
    memory->looks[memory->look_count++] = *look;
}

void looks_try(struct linux_view *view, struct process *process, unsigned hart, bool calls) {
    struct memory *memory = process->memory;
    unsigned count = memory->look_count;
    memory->look_count = 0;
    struct look looks[LINUX_LOOKS_MAX];
    memcpy(looks, memory->looks, count * sizeof *looks);
    for (unsigned i = 0; i < count; i++) {
        struct headers headers = {.view = view, .hart = hart};
        bool done = looks[i].kind == LOOK_PROGRAM ? program_look(view, memory, &looks[i], &headers)
                                                  : elf_look(view, memory, &looks[i], &headers);
        looks[i].tries += !done && calls;
        if (!done && looks[i].tries <= TRIES_MAX) {
            look_add(memory, &looks[i]);
        }
    }
}
