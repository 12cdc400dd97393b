/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Linux guest as far as it can be seen from the border of user mode: memory of which parts are
 * there, harts that call and come back. */
#ifndef UNIT_LINUX_TEST_H
#define UNIT_LINUX_TEST_H

#include <elf.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "elf_test.h"
#include "prof/linux.h"

enum { REGIONS_MAX = 64 };

/* Bytes that lie somewhere in one page table, or in all. */
struct region {
    uint64_t root, address; /* root 0: in all */
    uint8_t *bytes;
    size_t size_bytes;
    bool there;
};

struct guest {
    struct linux_view *view;
    struct region regions[REGIONS_MAX];
    unsigned region_count;
    uint64_t root; /* in force */
    unsigned changes, gains;
    const struct space *changed; /* last */
    uint64_t sp, pc;             /* of who comes next */
};

static inline bool guest_read(void *owner, unsigned hart, uint64_t address, void *bytes,
                              size_t size_bytes) {
    const struct guest *guest = owner;
    assert_in_range(hart, 0, 3);
    for (unsigned i = 0; i < guest->region_count; i++) {
        const struct region *region = &guest->regions[i];
        bool here = region->root == 0 || region->root == guest->root;
        if (here && region->there && address >= region->address &&
            address - region->address <= region->size_bytes &&
            size_bytes <= region->size_bytes - (address - region->address)) {
            memcpy(bytes, region->bytes + (address - region->address), size_bytes);
            return true;
        }
    }
    return false;
}

static inline void guest_changes(void *owner, const struct space *space) {
    struct guest *guest = owner;
    guest->changes++;
    guest->changed = space;
}

static inline void guest_gains(void *owner, const struct space *space) {
    struct guest *guest = owner;
    (void)space;
    guest->gains++;
}

static inline struct guest *guest_new(uint64_t init_task) {
    struct guest *guest = calloc(1, sizeof *guest);
    assert_non_null(guest);
    guest->view = linux_view_new(&(struct linux_guest){.read = guest_read,
                                                       .change = guest_changes,
                                                       .gain = guest_gains,
                                                       .owner = guest,
                                                       .init_task = init_task,
                                                       .hart_count = 4});
    guest->sp = 0x7fff1000;
    guest->pc = 0x5000;
    return guest;
}

static inline void guest_free(struct guest *guest) {
    linux_view_free(guest->view);
    for (unsigned i = 0; i < guest->region_count; i++) {
        free(guest->regions[i].bytes);
    }
    free(guest);
}

/* Copies the bytes in, with room behind them. @return The region. */
static inline struct region *guest_put(struct guest *guest, uint64_t address, const void *bytes,
                                       size_t size_bytes) {
    assert_in_range(guest->region_count, 0, REGIONS_MAX - 1);
    struct region *region = &guest->regions[guest->region_count++];
    *region = (struct region){.root = guest->root,
                              .address = address,
                              .bytes = calloc(1, size_bytes + 512),
                              .size_bytes = size_bytes + 512,
                              .there = true};
    assert_non_null(region->bytes);
    memcpy(region->bytes, bytes, size_bytes);
    return region;
}

static inline struct region *guest_text(struct guest *guest, uint64_t address, const char *text) {
    return guest_put(guest, address, text, strlen(text) + 1);
}

/* -- Harts ------------------------------------------------------------------------------------- */

enum { HART = 1 };

static inline struct linux_border border_of(const struct guest *guest, uint64_t task) {
    return (struct linux_border){
        .hart = HART, .task = task, .root = guest->root, .pc = guest->pc, .sp = guest->sp};
}

/* A task calls, from guest->pc. */
static inline void calls(struct guest *guest, uint64_t task, uint64_t number, const uint64_t a[6]) {
    struct linux_border border = border_of(guest, task);
    memcpy(border.a, a, 6 * sizeof *a);
    border.a[7] = number;
    linux_call(guest->view, &border);
}

/* A task comes back at guest->pc. */
static inline void comes(struct guest *guest, uint64_t task, uint64_t a0) {
    struct linux_border border = border_of(guest, task);
    border.a[0] = a0;
    linux_return(guest->view, &border);
}

/* A task comes back from its call. */
static inline void back(struct guest *guest, uint64_t task, uint64_t a0) {
    guest->pc += 4;
    comes(guest, task, a0);
    guest->pc -= 4;
}

static inline uint64_t made(struct guest *guest, uint64_t task, uint64_t number,
                            const uint64_t a[6], uint64_t result) {
    calls(guest, task, number, a);
    back(guest, task, result);
    return result;
}

#define ARGUMENTS(...) ((const uint64_t[6]){__VA_ARGS__})

static inline const struct linux_process *process_now(const struct guest *guest) {
    const struct linux_task *task = linux_current(guest->view, HART);
    assert_non_null(task);
    assert_non_null(task->process);
    return task->process;
}

/* -- Programs ---------------------------------------------------------------------------------- */

/* What exec has left behind in a new page table. */
struct program_plan {
    const char *path;         /* AT_EXECFN */
    const char *arguments[3]; /* NULL: no more */
    uint64_t program, interpreter;
    uint64_t entry; /* where it really begins; 0: where it should */
    uint8_t build;
    bool lazy; /* the program's page is not there yet */
};

enum { STACK_TOP = 0x7fff8000, INTERPRETER_BUILD = 0x77 };

/* Puts a file into memory. @param interpreter  Path of one, or NULL. */
static inline struct region *file_put(struct guest *guest, uint64_t address, uint8_t build,
                                      const char *interpreter) {
    struct elf_file file;
    elf_file_make(&file, NULL, build);
    if (interpreter != NULL) {
        memcpy(file.code, interpreter, strlen(interpreter) + 1); /* nothing else reads code */
        file.segments[2] =
            (Elf64_Phdr){.p_type = PT_INTERP,
                         .p_vaddr = ELF_FILE_ADDRESS + offsetof(struct elf_file, code),
                         .p_filesz = strlen(interpreter) + 1};
    }
    return guest_put(guest, address, &file, sizeof file);
}

/* Makes the page table and its stack, and comes to user mode in the task. @return The program's
 * region, to be there later if it is lazy. */
static inline struct region *program_begin(struct guest *guest, uint64_t task, uint64_t root,
                                           const struct program_plan *plan) {
    guest->root = root;
    bool interpreted = plan->interpreter != 0;
    struct region *program =
        file_put(guest, plan->program, plan->build, interpreted ? "/lib/ld.so" : NULL);
    program->there = !plan->lazy;
    if (interpreted) {
        file_put(guest, plan->interpreter, INTERPRETER_BUILD, NULL);
    }
    uint64_t headers = plan->program + offsetof(struct elf_file, segments);
    uint64_t words[64] = {0}, count = 0, text = STACK_TOP + 0x800;
    uint64_t *argc = &words[count++];
    for (unsigned i = 0; i < 3 && plan->arguments[i] != NULL; i++) {
        guest_text(guest, text, plan->arguments[i]);
        words[count++] = text;
        text += 0x400;
        ++*argc;
    }
    words[count++] = 0;
    words[count++] = text; /* one word of environment; nothing is there */
    words[count++] = 0;
    text += 0x400;
    guest_text(guest, text, plan->path);
    uint64_t entry = plan->program + 0x1234;
    const uint64_t aux[] = {
        AT_PHDR,  headers, AT_PHNUM,  3,    AT_PHENT,  56,   AT_BASE, plan->interpreter,
        AT_ENTRY, entry,   AT_PAGESZ, 4096, AT_EXECFN, text, AT_NULL, 0};
    memcpy(words + count, aux, sizeof aux);
    guest_put(guest, STACK_TOP, words, sizeof words);
    guest->sp = STACK_TOP;
    guest->pc = plan->interpreter != 0 ? plan->interpreter + 0x100 : entry;
    guest->pc = plan->entry != 0 ? plan->entry : guest->pc;
    comes(guest, task, 0);
    guest->sp = STACK_TOP - 0x100;
    guest->pc = 0x5000;
    return program;
}

#endif
