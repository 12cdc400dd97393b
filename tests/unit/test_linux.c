/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks and processes of a Linux guest: what is seen at the border of user mode is enough to know
 * who runs, and what lies where. */
#include "linux_test.h"

enum { INIT = 0x1000, SHELL = 0x2000, CHILD = 0x3000, THREAD = 0x4000, ROOT = 1, OTHER_ROOT = 2 };
enum { CLONE_VM = 0x100, CLONE_VFORK = 0x4000, CLONE_THREAD = 0x10000, SIGCHLD = 17 };

static const struct program_plan init_plan = {
    .path = "/sbin/init", .arguments = {"init"}, .program = 0x10000, .build = 0x11};

static struct guest *guest_with_init(void) {
    struct guest *guest = guest_new(0);
    program_begin(guest, INIT, ROOT, &init_plan);
    return guest;
}

static const struct linux_task *task_of(const struct guest *guest, uint64_t key) {
    for (unsigned i = linux_task_count(guest->view); i-- > 0;) {
        const struct linux_task *task = linux_task_get(guest->view, i);
        if (task->key == key) {
            return task;
        }
    }
    fail_msg("no task %" PRIx64, key);
    return NULL;
}

static void assert_mapped(const struct linux_process *process, uint64_t address, const char *path,
                          uint64_t offset, int build) {
    const struct range *range = space_at(process->space, address);
    if (path == NULL) {
        assert_null(range);
        return;
    }
    assert_non_null(range);
    assert_string_equal(range->binary->path, path);
    assert_int_equal(range->offset + address - range->start, offset);
    assert_int_equal(range->binary->build_id_bytes, build < 0 ? 0 : 8);
    assert_int_equal(range->binary->build_id[0], build < 0 ? 0 : build);
}

/* -- Programs ---------------------------------------------------------------------------------- */

static void test_first_program_has_a_name(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    const struct linux_process *init = process_now(guest);
    assert_string_equal(init->path, "/sbin/init");
    assert_int_equal(linux_process_count(guest->view), 1);
    assert_int_equal(linux_task_count(guest->view), 1);
    assert_mapped(init, 0x10000 + 0x20, "/sbin/init", 0x20, 0x11);
    assert_mapped(init, 0x10fff, "/sbin/init", 0xfff, 0x11);
    assert_mapped(init, 0x11000, NULL, 0, 0);
    assert_int_equal(init->pid, 0);
    made(guest, INIT, LINUX_SET_TID_ADDRESS, ARGUMENTS(0), 1);
    made(guest, INIT, LINUX_GETPID, ARGUMENTS(0), 1);
    assert_int_equal(init->pid, 1);
    assert_int_equal(task_of(guest, INIT)->tid, 1);
    guest_free(guest);
}

static void test_headers_are_read_when_they_are_there(void **state) {
    (void)state;
    struct guest *guest = guest_new(0);
    struct program_plan plan = init_plan;
    plan.program = 0x55550000;
    plan.interpreter = 0x7ffe0000;
    plan.lazy = true;
    struct region *program = program_begin(guest, INIT, ROOT, &plan);
    const struct linux_process *init = process_now(guest);
    assert_int_equal(init->space->count, 0);
    calls(guest, INIT, 1, ARGUMENTS(0));
    assert_int_equal(init->space->count, 0);
    program->there = true;
    calls(guest, INIT, 1, ARGUMENTS(0));
    calls(guest, INIT, 1, ARGUMENTS(0));
    assert_mapped(init, 0x55550010, "/sbin/init", 0x10, 0x11);
    assert_mapped(init, 0x7ffe0010, "/lib/ld.so", 0x10, INTERPRETER_BUILD);
    guest_free(guest);
}

/* klibc's interpreter is linked to where it lies, so it has no base. */
/* As from a page fault, which is no call. */
static void test_headers_are_looked_for_at_returns(void **state) {
    (void)state;
    enum { RETURNS = 1000 }; /* more than calls that are waited for */
    struct guest *guest = guest_new(0);
    struct program_plan plan = init_plan;
    plan.program = 0x55550000;
    plan.lazy = true;
    struct region *program = program_begin(guest, INIT, ROOT, &plan);
    const struct linux_process *init = process_now(guest);
    for (int i = 0; i < RETURNS; i++) {
        comes(guest, INIT, 0);
    }
    assert_int_equal(init->space->count, 0);
    program->there = true;
    comes(guest, INIT, 0);
    assert_mapped(init, 0x55550010, "/sbin/init", 0x10, 0x11);
    assert_int_not_equal(guest->gains, 0); /* which is told */
    assert_int_equal(guest->gains, init->space->gains);
    guest_free(guest);
}

static void test_interpreters_may_have_no_base(void **state) {
    (void)state;
    struct guest *guest = guest_new(0);
    program_begin(guest, INIT, ROOT,
                  &(struct program_plan){
                      .path = "/init", .program = 0x10000, .entry = 0x200100, .build = 0x11});
    assert_string_equal(process_now(guest)->path, "/init");
    assert_mapped(process_now(guest), 0x10000, "/init", 0, 0x11);
    guest_free(guest);
}

static void test_scripts_run_in_their_interpreter(void **state) {
    (void)state;
    static const struct {
        const char *path, *arguments[3], *program;
    } cases[] = {
        {"./build.sh", {"/bin/sh", "./build.sh"}, "/bin/sh"},
        {"/usr/bin/tool", {"/usr/bin/env", "-S", "/usr/bin/tool"}, "/usr/bin/env"},
        {"/bin/sh", {"sh", "/bin/sh"}, "/bin/sh"},
        {"/bin/cat", {"/bin/busybox", "/etc/motd"}, "/bin/cat"},
        {"bin/tool", {"tool"}, "/home/bin/tool"},
        {"./tool", {NULL}, "/home/tool"},
        {"/proc/self/exe", {"sh"}, "/sbin/init"},
        {"/dev/fd/5", {"x"}, "/opt/x"},
        {"/proc/self/fd/5", {"x"}, "/opt/x"},
        {"/dev/fd/6", {"x"}, "/dev/fd/6"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct guest *guest = guest_with_init();
        guest_text(guest, 0x9000, "/home");
        made(guest, INIT, LINUX_CHDIR, ARGUMENTS(0x9000), 0);
        guest_text(guest, 0x9800, "/opt/x");
        made(guest, INIT, LINUX_OPENAT, ARGUMENTS((uint64_t)-100, 0x9800), 5);
        calls(guest, INIT, LINUX_EXECVE, ARGUMENTS(0));
        struct program_plan plan = {.path = cases[i].path, .program = 0x20000, .build = 0x22};
        memcpy(plan.arguments, cases[i].arguments, sizeof plan.arguments);
        program_begin(guest, INIT, OTHER_ROOT, &plan);
        assert_string_equal(process_now(guest)->path, cases[i].program);
        guest_free(guest);
    }
}

static void test_exec_begins_a_new_program_of_the_same_number(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    const struct linux_process *init = process_now(guest);
    made(guest, INIT, LINUX_GETPID, ARGUMENTS(0), 1);
    calls(guest, INIT, LINUX_EXECVE, ARGUMENTS(0));
    back(guest, INIT, (uint64_t)-2); /* no such file */
    assert_ptr_equal(process_now(guest), init);
    calls(guest, INIT, LINUX_EXECVE, ARGUMENTS(0));
    program_begin(guest, INIT, OTHER_ROOT,
                  &(struct program_plan){.path = "/bin/sh", .program = 0x20000, .build = 0x22});
    const struct linux_process *shell = process_now(guest);
    assert_ptr_not_equal(shell, init);
    assert_int_equal(shell->pid, 1);
    assert_null(init->space);
    assert_string_equal(init->path, "/sbin/init");
    assert_int_equal(guest->changes, 1); /* the old one has gone */
    assert_mapped(shell, 0x10000, NULL, 0, 0);
    assert_mapped(shell, 0x20000, "/bin/sh", 0, 0x22);
    guest_free(guest);
}

/* -- Births ------------------------------------------------------------------------------------ */

/* Fork in either order of coming back. */
static void test_children_are_told_from_parents(void **state) {
    (void)state;
    for (int child_first = 0; child_first <= 1; child_first++) {
        struct guest *guest = guest_with_init();
        const struct linux_process *init = process_now(guest);
        calls(guest, INIT, LINUX_CLONE, ARGUMENTS(SIGCHLD));
        for (int i = 0; i <= 1; i++) {
            bool child = (i == 0) == (child_first == 1);
            guest->root = child ? OTHER_ROOT : ROOT;
            back(guest, child ? CHILD : INIT, child ? 0 : 51);
        }
        const struct linux_task *child = task_of(guest, CHILD);
        assert_int_equal(child->tid, 51);
        assert_int_equal(child->process->pid, 51);
        assert_ptr_not_equal(child->process, init);
        assert_string_equal(child->process->path, "/sbin/init");
        assert_mapped(child->process, 0x10000, "/sbin/init", 0, 0x11);
        assert_int_equal(linux_process_count(guest->view), 2);
        assert_ptr_equal(task_of(guest, INIT)->process, init);
        made(guest, CHILD, LINUX_MUNMAP, ARGUMENTS(0x10000, 0x1000), 0);
        assert_mapped(child->process, 0x10000, NULL, 0, 0);
        assert_mapped(init, 0x10000, "/sbin/init", 0, 0x11);
        assert_ptr_equal(guest->changed, child->process->space);
        guest_free(guest);
    }
}

/* Two threads of one process make a thread each, from the same place, at the same time. */
static void test_threads_share_their_process(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    const struct linux_process *init = process_now(guest);
    const uint64_t flags = CLONE_VM | CLONE_THREAD;
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(flags, 0x80000));
    guest->sp = 0x80000;
    back(guest, THREAD, 0);
    guest->sp = STACK_TOP - 0x100;
    back(guest, INIT, 2);
    const uint64_t stacks[] = {0x90000, 0xa0000, 0xa0000};
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_bytes, tls;
    } clone3 = {.flags = flags, .stack = 0x9f000, .stack_bytes = 0x1000};
    guest_put(guest, 0x6000, &clone3, sizeof clone3);
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(flags, stacks[0]));
    guest->sp = 0x80000;
    calls(guest, THREAD, LINUX_CLONE3, ARGUMENTS(0x6000, sizeof clone3));
    guest->sp = stacks[1];
    back(guest, 0x7000, 0);
    guest->sp = stacks[0];
    back(guest, 0x8000, 0);
    guest->sp = 0x80000;
    back(guest, THREAD, 4);
    guest->sp = STACK_TOP - 0x100;
    back(guest, INIT, 3);
    assert_int_equal(task_of(guest, THREAD)->tid, 2);
    assert_int_equal(task_of(guest, 0x7000)->tid, 4);
    assert_int_equal(task_of(guest, 0x8000)->tid, 3);
    for (unsigned i = 0; i < linux_task_count(guest->view); i++) {
        assert_ptr_equal(linux_task_get(guest->view, i)->process, init);
    }
    assert_int_equal(init->pid, 0); /* threads have not named it */
    guest->sp = 0x80000;
    calls(guest, THREAD, LINUX_EXIT, ARGUMENTS(0));
    assert_true(task_of(guest, THREAD)->ended);
    assert_non_null(init->space);
    guest_free(guest);
}

static void test_vfork_shares_until_exec(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    const struct linux_process *init = process_now(guest);
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(CLONE_VM | CLONE_VFORK | SIGCHLD));
    back(guest, CHILD, 0);
    const struct linux_process *between = task_of(guest, CHILD)->process;
    assert_ptr_not_equal(between, init);
    assert_ptr_equal(between->space, init->space);
    calls(guest, CHILD, LINUX_EXECVE, ARGUMENTS(0));
    program_begin(guest, CHILD, OTHER_ROOT,
                  &(struct program_plan){.path = "/bin/ls", .program = 0x20000, .build = 0x22});
    guest->root = ROOT;
    back(guest, INIT, 60);
    assert_ptr_equal(process_now(guest), init);
    assert_mapped(init, 0x10000, "/sbin/init", 0, 0x11);
    assert_string_equal(task_of(guest, CHILD)->process->path, "/bin/ls");
    assert_int_equal(task_of(guest, CHILD)->process->pid, 60);
    assert_int_equal(between->pid, 60);
    guest_free(guest);
}

static void test_exec_ends_the_other_threads(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(CLONE_VM | CLONE_THREAD, 0x80000));
    guest->sp = 0x80000;
    back(guest, THREAD, 0);
    calls(guest, THREAD, LINUX_EXECVE, ARGUMENTS(0));
    program_begin(guest, THREAD, OTHER_ROOT,
                  &(struct program_plan){.path = "/bin/ls", .program = 0x20000, .build = 0x22});
    assert_true(task_of(guest, INIT)->ended);
    assert_null(task_of(guest, INIT)->process->space);
    assert_string_equal(process_now(guest)->path, "/bin/ls");
    guest_free(guest);
}

/* A task that was killed says nothing; its memory becomes another task. */
static void test_addresses_of_dead_tasks_are_used_again(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    for (uint64_t i = 0; i < 3; i++) {
        guest->root = ROOT;
        calls(guest, INIT, LINUX_CLONE, ARGUMENTS(SIGCHLD));
        back(guest, INIT, 100 + i);
        guest->root = 100 + i;
        linux_switch(guest->view, HART, CHILD); /* it is known to the scheduler before */
        back(guest, CHILD, 0);
        assert_int_equal(process_now(guest)->pid, 100 + i);
        calls(guest, CHILD, LINUX_MUNMAP, ARGUMENTS(0x10000, 0x1000)); /* killed in there */
    }
    assert_int_equal(linux_task_count(guest->view), 4);
    assert_int_equal(linux_process_count(guest->view), 4);
    assert_null(linux_process_get(guest->view, 1)->space);
    assert_null(linux_process_get(guest->view, 2)->space);
    assert_non_null(linux_process_get(guest->view, 3)->space);
    guest_free(guest);
}

/* A child that has not taken a step when its parent forks again is not born a second time. */
static void test_nobody_is_born_twice(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(SIGCHLD));
    back(guest, INIT, 100);
    guest->root = OTHER_ROOT;
    back(guest, CHILD, 0);
    const struct linux_process *child = process_now(guest);
    guest->root = ROOT;
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(SIGCHLD));
    guest->root = OTHER_ROOT;
    back(guest, CHILD, 0); /* back from a timer's interrupt */
    assert_ptr_equal(process_now(guest), child);
    guest->root = ROOT;
    back(guest, INIT, 101);
    guest->root = 3;
    back(guest, THREAD, 0);
    assert_int_equal(process_now(guest)->pid, 101);
    assert_int_equal(child->pid, 100);
    guest_free(guest);
}

/* A daemon's parent is gone before its child has come. */
static void test_children_outlive_their_parents(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    guest_text(guest, 0x9000, "/lib/libz.so");
    made(guest, INIT, LINUX_OPENAT, ARGUMENTS((uint64_t)-100, 0x9000), 3);
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(SIGCHLD));
    back(guest, INIT, 77);
    made(guest, INIT, LINUX_MUNMAP, ARGUMENTS(0x10000, 0x1000), 0);
    calls(guest, INIT, LINUX_EXIT_GROUP, ARGUMENTS(0));
    assert_null(linux_process_get(guest->view, 0)->space);
    guest->root = OTHER_ROOT;
    back(guest, CHILD, 0);
    const struct linux_process *child = process_now(guest);
    assert_int_equal(child->pid, 77);
    assert_mapped(child, 0x10000, "/sbin/init", 0, 0x11);
    made(guest, CHILD, LINUX_MMAP, ARGUMENTS(0, 0x1000, 5, 2, 3, 0x1000), 0x50000000);
    assert_mapped(child, 0x50000000, "/lib/libz.so", 0x1000, -1);
    guest_free(guest);
}

/* The thread that made another is gone before that has come. */
static void test_threads_outlive_their_makers(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(CLONE_VM | CLONE_THREAD, 0x80000));
    back(guest, INIT, 2);
    calls(guest, INIT, LINUX_EXIT, ARGUMENTS(0));
    guest->sp = 0x80000;
    back(guest, THREAD, 0);
    assert_mapped(process_now(guest), 0x10000, "/sbin/init", 0, 0x11);
    calls(guest, THREAD, LINUX_EXIT, ARGUMENTS(0));
    assert_null(linux_process_get(guest->view, 0)->space);
    guest_free(guest);
}

static void test_failed_clones_make_nobody(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(SIGCHLD));
    assert_int_equal(linux_process_count(guest->view), 2);
    back(guest, INIT, (uint64_t)-11);
    assert_int_equal(linux_process_count(guest->view), 1);
    guest->root = OTHER_ROOT;
    back(guest, CHILD, 0); /* no child, so a stranger */
    assert_string_equal(process_now(guest)->path, "");
    guest_free(guest);
}

static void test_strangers_are_processes_by_page_table(void **state) {
    (void)state;
    struct guest *guest = guest_new(0);
    guest->root = ROOT;
    comes(guest, INIT, 5);
    comes(guest, THREAD, 5);
    guest->root = OTHER_ROOT;
    calls(guest, SHELL, 1, ARGUMENTS(0));
    assert_int_equal(linux_process_count(guest->view), 2);
    assert_ptr_equal(task_of(guest, INIT)->process, task_of(guest, THREAD)->process);
    assert_string_equal(task_of(guest, INIT)->process->path, "");
    assert_null(linux_current(guest->view, 0));
    guest_free(guest);
}

/* -- Calls ------------------------------------------------------------------------------------- */

enum { MAP_ANONYMOUS = 0x22, MAP_PRIVATE = 2, PROT_RX = 5, LIBRARY = 0x3f000000 };

static void library_open(struct guest *guest, uint64_t flags, int number) {
    guest_text(guest, 0x9000, "/lib/libz.so");
    made(guest, INIT, LINUX_OPENAT, ARGUMENTS((uint64_t)-100, 0x9000, flags), (uint64_t)number);
}

static void library_map(struct guest *guest, int number, uint64_t offset, uint64_t address) {
    made(guest, INIT, LINUX_MMAP,
         ARGUMENTS(0, 0x1f00, PROT_RX, MAP_PRIVATE, (uint64_t)number, offset), address);
}

static void test_libraries_come_by_mmap(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    const struct linux_process *init = process_now(guest);
    library_open(guest, 0, 3);
    library_map(guest, 3, 0, LIBRARY);
    assert_mapped(init, LIBRARY + 0x1fff, "/lib/libz.so", 0x1fff, -1);
    library_map(guest, 3, 0x5000, LIBRARY + 0x2000);
    file_put(guest, LIBRARY, 0x33, NULL);
    calls(guest, INIT, 1, ARGUMENTS(0));
    assert_mapped(init, LIBRARY, "/lib/libz.so", 0, 0x33);
    assert_mapped(init, LIBRARY + 0x2010, "/lib/libz.so", 0x5010, 0x33);
    library_map(guest, 3, 0x7000, LIBRARY + 0x4000); /* its build is known by now */
    assert_mapped(init, LIBRARY + 0x4000, "/lib/libz.so", 0x7000, 0x33);
    unsigned changes = guest->changes;
    made(guest, INIT, LINUX_MREMAP, ARGUMENTS(LIBRARY + 0x2000, 0x2000, 0x3000), 0x70000000);
    assert_mapped(init, LIBRARY + 0x2000, NULL, 0, 0);
    assert_mapped(init, 0x70002fff, "/lib/libz.so", 0x7fff, 0x33);
    made(guest, INIT, LINUX_MUNMAP, ARGUMENTS(LIBRARY, 0x1000), (uint64_t)-22);
    assert_mapped(init, LIBRARY, "/lib/libz.so", 0, 0x33);
    made(guest, INIT, LINUX_MUNMAP, ARGUMENTS(LIBRARY, 0x1000), 0);
    assert_mapped(init, LIBRARY, NULL, 0, 0);
    assert_mapped(init, LIBRARY + 0x1000, "/lib/libz.so", 0x1000, 0x33);
    assert_int_equal(guest->changes, changes + 2);
    guest_free(guest);
}

static void test_made_code_is_anonymous(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    const struct linux_process *init = process_now(guest);
    const uint64_t none = (uint64_t)-1;
    library_open(guest, 0, 3);
    library_map(guest, 3, 0, LIBRARY);
    made(guest, INIT, LINUX_MMAP, ARGUMENTS(LIBRARY, 0x1000, 3, MAP_ANONYMOUS, none), LIBRARY);
    assert_mapped(init, LIBRARY, NULL, 0, 0);
    made(guest, INIT, LINUX_MPROTECT, ARGUMENTS(LIBRARY, 0x1000, PROT_RX), 0);
    assert_mapped(init, LIBRARY + 8, "[anon]", 8, -1);
    made(guest, INIT, LINUX_MPROTECT, ARGUMENTS(LIBRARY + 0x1000, 0x1000, PROT_RX), 0);
    assert_mapped(init, LIBRARY + 0x1008, "/lib/libz.so", 0x1008, -1);
    made(guest, INIT, LINUX_MMAP, ARGUMENTS(0, 0x1000, 7, MAP_ANONYMOUS, none), 0x60000000);
    assert_mapped(init, 0x60000008, "[anon]", 8, -1);
    library_map(guest, 9, 0, 0x61000000);
    assert_mapped(init, 0x61000000, "[file]", 0, -1);
    guest_text(guest, 0x9900, "jit");
    made(guest, INIT, LINUX_MEMFD_CREATE, ARGUMENTS(0x9900), 7);
    library_map(guest, 7, 0x1000, 0x62000000);
    assert_mapped(init, 0x62000000, "[memfd:jit]", 0x1000, -1);
    guest_free(guest);
}

/* Each way to get a descriptor leads to the file, until it is closed. */
static void test_descriptors_have_paths(void **state) {
    (void)state;
    enum { CLOEXEC = 0x80000, F_DUPFD = 0, F_SETFD = 2, F_DUPFD_CLOEXEC = 1030 };
    struct guest *guest = guest_with_init();
    const struct linux_process *init = process_now(guest);
    library_open(guest, CLOEXEC, 3);
    made(guest, INIT, LINUX_DUP, ARGUMENTS(3), 4);
    made(guest, INIT, LINUX_DUP3, ARGUMENTS(3, 5, CLOEXEC), 5);
    made(guest, INIT, LINUX_FCNTL, ARGUMENTS(3, F_DUPFD, 6), 6);
    made(guest, INIT, LINUX_FCNTL, ARGUMENTS(3, F_DUPFD_CLOEXEC, 7), 7);
    made(guest, INIT, LINUX_FCNTL, ARGUMENTS(3, 3), 8); /* tells flags: 8 is no descriptor */
    made(guest, INIT, LINUX_DUP, ARGUMENTS(3), 9);
    made(guest, INIT, LINUX_FCNTL, ARGUMENTS(9, F_SETFD, 1), 0);
    made(guest, INIT, LINUX_DUP, ARGUMENTS(3), 10);
    made(guest, INIT, LINUX_CLOSE, ARGUMENTS(10), 0);
    guest_text(guest, 0x9a00, "z.so");
    made(guest, INIT, LINUX_OPENAT, ARGUMENTS(4, 0x9a00), 12); /* in what 4 is */
    made(guest, INIT, LINUX_FCHDIR, ARGUMENTS(4), 0);
    guest_text(guest, 0x9e00, "./y.so");
    made(guest, INIT, LINUX_OPENAT, ARGUMENTS((uint64_t)-100, 0x9e00), 13);
    static const char *const before[] = {"/lib/libz.so",      "/lib/libz.so",     "/lib/libz.so",
                                         "/lib/libz.so",      "/lib/libz.so",     "[file]",
                                         "/lib/libz.so",      "[file]",           "[file]",
                                         "/lib/libz.so/z.so", "/lib/libz.so/y.so"};
    for (int i = 3; i <= 13; i++) {
        library_map(guest, i, 0x1000, LIBRARY);
        assert_mapped(init, LIBRARY, before[i - 3], 0x1000, -1);
    }
    made(guest, INIT, LINUX_CLOSE_RANGE, ARGUMENTS(12, 12, 0), 0);
    made(guest, INIT, LINUX_CLOSE_RANGE, ARGUMENTS(13, UINT32_MAX, 4), 0);
    calls(guest, INIT, LINUX_EXECVE, ARGUMENTS(0));
    program_begin(guest, INIT, OTHER_ROOT,
                  &(struct program_plan){.path = "/bin/sh", .program = 0x20000, .build = 0x22});
    for (int i = 3; i <= 13; i++) {
        library_map(guest, i, 0x1000, LIBRARY);
        bool stays = i == 4 || i == 6;
        assert_mapped(process_now(guest), LIBRARY, stays ? "/lib/libz.so" : "[file]", 0x1000, -1);
    }
    guest_free(guest);
}

static void test_paths_that_come_later_are_read_later(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    struct region *path = guest_text(guest, 0x9000, "/lib/libz.so");
    path->there = false;
    calls(guest, INIT, LINUX_OPENAT, ARGUMENTS((uint64_t)-100, 0x9000));
    path->there = true; /* the kernel has touched it */
    back(guest, INIT, 3);
    library_map(guest, 3, 0x1000, LIBRARY);
    assert_mapped(process_now(guest), LIBRARY, "/lib/libz.so", 0x1000, -1);
    guest_free(guest);
}

/* A signal comes before a call is back: its handler runs and calls, then the call comes back; or it
 * is made once more. */
static void test_calls_outlive_signals(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    library_open(guest, 0, 3);
    const uint64_t *map = ARGUMENTS(0, 0x1000, PROT_RX, MAP_PRIVATE, 3, 0x1000);
    uint64_t sp = guest->sp;
    calls(guest, INIT, LINUX_MMAP, map);
    guest->pc = 0x7770;
    guest->sp -= 0x400;
    comes(guest, INIT, 14); /* the handler, with the signal's number */
    made(guest, INIT, LINUX_DUP, ARGUMENTS(3), 4);
    guest->pc = 0x5000;
    guest->sp = sp;
    back(guest, INIT, LIBRARY);
    assert_mapped(process_now(guest), LIBRARY, "/lib/libz.so", 0x1000, -1);
    calls(guest, INIT, LINUX_MMAP, map);
    calls(guest, INIT, LINUX_MMAP, map); /* once more */
    back(guest, INIT, 0x50000000);
    back(guest, INIT, 0x51000000); /* nothing is under way any more */
    assert_mapped(process_now(guest), 0x50000000, "/lib/libz.so", 0x1000, -1);
    assert_mapped(process_now(guest), 0x51000000, NULL, 0, 0);
    for (int i = 0; i < 10; i++) { /* handlers that are left by jumps pile up no further */
        guest->sp -= 0x400;
        calls(guest, INIT, LINUX_MMAP, map);
    }
    back(guest, INIT, 0x52000000);
    assert_mapped(process_now(guest), 0x52000000, "/lib/libz.so", 0x1000, -1);
    guest_free(guest);
}

/* -- Kernel threads ---------------------------------------------------------------------------- */

static void test_kernel_threads_have_the_kernels_names(void **state) {
    (void)state;
    static char task[16 << 10];
    const uint64_t init_task = 0xffffffff81c10180, thread = 0xff60000002690000;
    struct guest *guest = guest_new(init_task);
    strcpy(task + 0x7b0, "swapper/0");
    struct region *first = guest_put(guest, init_task, task, sizeof task);
    first->there = false;
    linux_switch(guest->view, HART, init_task);
    assert_string_equal(linux_current(guest->view, HART)->name, "");
    first->there = true;
    strcpy(task + 0x7b0, "kthreadd");
    struct region *other = guest_put(guest, thread, task, sizeof task);
    linux_switch(guest->view, HART, thread);
    assert_string_equal(linux_current(guest->view, HART)->name, "kthreadd");
    assert_null(linux_current(guest->view, HART)->process);
    strcpy((char *)other->bytes + 0x7b0, "kworker/0:1");
    linux_switch(guest->view, HART, init_task);
    linux_switch(guest->view, HART, thread);
    assert_string_equal(linux_current(guest->view, HART)->name, "kworker/0:1");
    assert_int_equal(linux_task_count(guest->view), 2);
    guest_free(guest);
}

/* The memory of a thread that has ended is another thread's. */
static void test_kernel_threads_are_born(void **state) {
    (void)state;
    const uint64_t thread = 0xff60000002690000;
    struct guest *guest = guest_new(0);
    linux_begin(guest->view, thread);
    linux_switch(guest->view, HART, thread);
    assert_int_equal(linux_current(guest->view, HART)->idx, 0);
    linux_begin(guest->view, thread + 0x1000); /* known, as it was woken up, and never ran */
    assert_int_equal(linux_task_at(guest->view, HART, thread + 0x1000)->idx, 1);
    linux_begin(guest->view, thread + 0x1000);
    linux_switch(guest->view, HART, thread + 0x1000);
    assert_int_equal(linux_current(guest->view, HART)->idx, 1);
    linux_begin(guest->view, thread);
    linux_switch(guest->view, HART, thread);
    assert_int_equal(linux_current(guest->view, HART)->idx, 2);
    assert_true(linux_task_get(guest->view, 0)->ended);
    linux_switch(guest->view, HART, thread + 0x1000);
    assert_int_equal(linux_current(guest->view, HART)->idx, 1);
    assert_int_equal(linux_task_count(guest->view), 3);
    guest_free(guest);
}

/* A task whose first wake-up was seen is the one that runs then, and no dead one's. */
static void test_tasks_are_known_by_their_first_wake_up(void **state) {
    (void)state;
    const uint64_t thread = 0xff60000002690000;
    struct guest *guest = guest_new(0);
    assert_int_equal(linux_task_born(guest->view, HART, thread)->idx, 0);
    linux_begin(guest->view, thread);
    linux_switch(guest->view, HART, thread);
    assert_int_equal(linux_current(guest->view, HART)->idx, 0);
    assert_int_equal(linux_task_born(guest->view, HART, thread)->idx, 1); /* its end was not seen */
    assert_true(linux_task_get(guest->view, 0)->ended);
    assert_int_equal(linux_task_born(guest->view, HART, thread)->idx, 2); /* it never ran */
    linux_begin(guest->view, thread);
    linux_switch(guest->view, HART, thread);
    assert_int_equal(linux_current(guest->view, HART)->idx, 2);
    assert_int_equal(linux_task_count(guest->view), 3);
    guest_free(guest);
}

/* So is a child: it is woken up while its parent is in the call. */
static void test_children_are_known_by_their_first_wake_up(void **state) {
    (void)state;
    struct guest *guest = guest_with_init();
    calls(guest, INIT, LINUX_CLONE, ARGUMENTS(SIGCHLD));
    unsigned idx = linux_task_born(guest->view, HART, CHILD)->idx;
    back(guest, INIT, 100);
    linux_begin(guest->view, CHILD);
    linux_switch(guest->view, HART, CHILD);
    guest->root = OTHER_ROOT;
    back(guest, CHILD, 0);
    const struct linux_task *child = linux_current(guest->view, HART);
    assert_int_equal(child->idx, idx);
    assert_int_equal(child->tid, 100);
    assert_string_equal(child->process->path, "/sbin/init");
    guest_free(guest);
}

/* -- Anything ---------------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void event_draw(struct guest *guest, uint64_t *random) {
    static const uint16_t numbers[] = {23,  24,  25,  49,  50,  56,  57,  93,  94,  96,  172, 178,
                                       215, 216, 220, 221, 222, 226, 279, 281, 435, 436, 437, 64};
    struct linux_border border = {.hart = (unsigned)(random_next(random) % 4),
                                  .task = 0x1000 + 0x1000 * (random_next(random) % 6),
                                  .root = 1 + random_next(random) % 3,
                                  .pc = 0x5000 + 4 * (random_next(random) % 4),
                                  .sp = STACK_TOP - 0x100 * (random_next(random) % 3)};
    guest->root = border.root;
    for (int i = 0; i < 7; i++) {
        static const uint64_t values[] = {0, 1, 3, 0x1000, 0x10000, 0x9000, (uint64_t)-100};
        border.a[i] = values[random_next(random) % COUNT(values)];
    }
    border.a[7] = numbers[random_next(random) % COUNT(numbers)];
    switch (random_next(random) % 6) {
    case 5:
        (void)linux_task_born(guest->view, border.hart, border.task);
        break;
    case 0:
    case 1:
        linux_call(guest->view, &border);
        break;
    case 2:
    case 3:
        linux_return(guest->view, &border);
        break;
    default:
        linux_switch(guest->view, border.hart, border.task);
    }
}

static void view_check(const struct guest *guest) {
    for (unsigned i = 0; i < linux_task_count(guest->view); i++) {
        const struct linux_task *task = linux_task_get(guest->view, i);
        assert_int_equal(task->idx, i);
        bool lives = task->process != NULL && !task->ended;
        assert_true(!lives || task->process->space != NULL);
    }
    for (unsigned i = 0; i < linux_process_count(guest->view); i++) {
        const struct linux_process *process = linux_process_get(guest->view, i);
        assert_int_equal(process->idx, i);
        for (size_t j = 0; process->space != NULL && j + 1 < process->space->count; j++) {
            assert_true(process->space->ranges[j].end <= process->space->ranges[j + 1].start);
        }
    }
}

/* Whatever a guest does, nothing of ours breaks. */
static void test_any_events_do_no_harm(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed * 0x9e3779b97f4a7c15 | 1;
        struct guest *guest = guest_with_init();
        for (unsigned i = 0; i < 3; i++) {
            guest->root = 0;
            uint64_t words[64];
            for (size_t j = 0; j < COUNT(words); j++) {
                words[j] = random_next(&random) % 3 == 0 ? random_next(&random) : 0x9000 + j;
            }
            guest_put(guest, i == 0 ? 0x9000 : STACK_TOP - 0x100 * i, words, sizeof words);
        }
        for (int i = 0; i < 400; i++) {
            event_draw(guest, &random);
        }
        view_check(guest);
        guest_free(guest);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_program_has_a_name),
        cmocka_unit_test(test_headers_are_read_when_they_are_there),
        cmocka_unit_test(test_headers_are_looked_for_at_returns),
        cmocka_unit_test(test_interpreters_may_have_no_base),
        cmocka_unit_test(test_scripts_run_in_their_interpreter),
        cmocka_unit_test(test_exec_begins_a_new_program_of_the_same_number),
        cmocka_unit_test(test_children_are_told_from_parents),
        cmocka_unit_test(test_threads_share_their_process),
        cmocka_unit_test(test_vfork_shares_until_exec),
        cmocka_unit_test(test_exec_ends_the_other_threads),
        cmocka_unit_test(test_addresses_of_dead_tasks_are_used_again),
        cmocka_unit_test(test_nobody_is_born_twice),
        cmocka_unit_test(test_children_outlive_their_parents),
        cmocka_unit_test(test_threads_outlive_their_makers),
        cmocka_unit_test(test_failed_clones_make_nobody),
        cmocka_unit_test(test_strangers_are_processes_by_page_table),
        cmocka_unit_test(test_libraries_come_by_mmap),
        cmocka_unit_test(test_made_code_is_anonymous),
        cmocka_unit_test(test_descriptors_have_paths),
        cmocka_unit_test(test_paths_that_come_later_are_read_later),
        cmocka_unit_test(test_calls_outlive_signals),
        cmocka_unit_test(test_kernel_threads_have_the_kernels_names),
        cmocka_unit_test(test_kernel_threads_are_born),
        cmocka_unit_test(test_tasks_are_known_by_their_first_wake_up),
        cmocka_unit_test(test_children_are_known_by_their_first_wake_up),
        cmocka_unit_test(test_any_events_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
