/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be done from inside the sandbox: exactly this, each thing tried by a process of its
 * own. */
#include "sandbox_test.h"

#include <errno.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
    ALL_GROUPS = SANDBOX_BASE | SANDBOX_THREADS | SANDBOX_TERMINAL | SANDBOX_DISKS |
                 SANDBOX_SOCKETS | SANDBOX_NETWORK | SANDBOX_SHARE | SANDBOX_CHANGES |
                 SANDBOX_SYSROOT
};

/** One line that names the call, and status 70. */
static bool ended_refused(const struct ending *ending, long number) {
    char line[128];
    snprintf(line, sizeof line, "sandglass: sandbox: system call %ld refused; ", number);
    return ended_with(ending, STATUS_INTERNAL) && strncmp(ending->said, line, strlen(line)) == 0 &&
           strstr(ending->said, "--no-sandbox") &&
           strchr(ending->said, '\n') == ending->said + strlen(ending->said) - 1;
}

/* -- Calls ------------------------------------------------------------------------------------- */

struct call {
    const char *name;
    long arguments[6];
};

static long call_make(const struct call *call) {
    const long *a = call->arguments;
    return syscall(seccomp_syscall_resolve_name(call->name), a[0], a[1], a[2], a[3], a[4], a[5]);
}

static struct ending try_inside(const struct sandbox *sandbox, int (*inside)(void *owner),
                                const void *owner) {
    return do_inside(sandbox, &(struct deed){.inside = inside, .owner = (void *)(uintptr_t)owner});
}

/* What the kernel says of it does not matter, if it was asked. */
static int make_call(void *call) {
    call_make(call);
    return WORKED;
}

/** Fails in the kernel with the errno of the last argument. */
static int make_call_in_vain(void *of) {
    const struct call *call = of;
    return call_make(call) == -1 && errno == call->arguments[5] ? WORKED : FAILED;
}

#define PATH(text) (long)(text)

/* Whoever can do one of these is out, or can harm somebody else. */
static const struct call attacks[] = {
    {"open", {PATH("/etc/passwd"), O_RDONLY}},
    {"creat", {PATH("/tmp/sandglass-was-here"), 0600}},
    {"openat", {AT_FDCWD, PATH("/tmp/sandglass-was-here"), O_WRONLY | O_CREAT, 0600}},
    {"openat", {AT_FDCWD, PATH("/etc/passwd"), O_RDWR}},
    {"openat", {AT_FDCWD, PATH("/tmp"), O_RDWR | O_TMPFILE, 0600}},
    {"openat2", {AT_FDCWD, PATH("/etc/passwd"), 0, 24}},
    {"open_by_handle_at", {-1, 0, 0}},
    {"rename", {PATH("/tmp/a"), PATH("/tmp/b")}},
    {"renameat", {AT_FDCWD, PATH("/tmp/a"), AT_FDCWD, PATH("/tmp/b")}},
    {"renameat2", {AT_FDCWD, PATH("/tmp/a"), AT_FDCWD, PATH("/tmp/b")}},
    {"link", {PATH("/tmp/a"), PATH("/tmp/b")}},
    {"linkat", {AT_FDCWD, PATH("/tmp/a"), AT_FDCWD, PATH("/tmp/b")}},
    {"symlinkat", {PATH("/tmp/a"), AT_FDCWD, PATH("/tmp/b")}},
    {"unlinkat", {AT_FDCWD, PATH("/tmp/a")}},
    {"mkdirat", {AT_FDCWD, PATH("/tmp/a"), 0700}},
    {"mknodat", {AT_FDCWD, PATH("/tmp/a"), S_IFIFO}},
    {"fchmodat", {AT_FDCWD, PATH("/tmp/a"), 0777}},
    {"fchownat", {AT_FDCWD, PATH("/tmp/a"), 0, 0}},
    {"truncate", {PATH("/tmp/a"), 0}},
    {"chdir", {PATH("/")}},
    {"chroot", {PATH("/")}},
    {"mount", {0}},
    {"memfd_create", {PATH("code"), 0}},
    {"execve", {PATH("/bin/true"), 0, 0}},
    {"execveat", {AT_FDCWD, PATH("/bin/true"), 0, 0}},
    {"fork", {0}},
    {"vfork", {0}},
    {"clone", {SIGCHLD}},
    {"clone", {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUSER}},
    {"clone", {CLONE_VM | CLONE_VFORK | SIGCHLD}},
    {"ptrace", {0}},
    {"process_vm_readv", {1, 0, 0, 0, 0}},
    {"process_vm_writev", {1, 0, 0, 0, 0}},
    {"pidfd_open", {1}},
    {"kill", {0, 0}},
    {"tkill", {1, 0}},
    {"tgkill", {1, 1, 0}},
    {"rt_sigqueueinfo", {1, 0, 0}},
    {"mmap", {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
    {"mmap", {0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
    {"mprotect", {0x10000, 4096, PROT_READ | PROT_EXEC}},
    {"pkey_mprotect", {0x10000, 4096, PROT_EXEC, -1}},
    {"personality", {0x0400000}}, /* READ_IMPLIES_EXEC */
    {"socket", {AF_UNIX, SOCK_STREAM}},
    {"socket", {AF_NETLINK, SOCK_RAW}},
    {"socket", {AF_PACKET, SOCK_RAW}},
    {"socketpair", {AF_UNIX, SOCK_STREAM}},
    {"ioctl", {0, TIOCSTI}},
    {"ioctl", {0, TIOCLINUX}},
    {"ioctl", {0, TIOCSTI | 1L << 32}},
    {"prctl", {PR_SET_DUMPABLE, 1}},
    {"seccomp", {0}},
    {"setrlimit", {RLIMIT_CORE}},
    {"prlimit64", {0, RLIMIT_CORE}},
    {"setuid", {0}},
    {"setresuid", {0, 0, 0}},
    {"unshare", {CLONE_NEWUSER}},
    {"setns", {0}},
    {"bpf", {0}},
    {"perf_event_open", {0}},
    {"userfaultfd", {0}},
    {"io_uring_setup", {1, 0}},
    {"keyctl", {0}},
    {"add_key", {0}},
    {"shmget", {0}},
    {"msgget", {0}},
    {"mq_open", {0}},
    {"inotify_init1", {0}},
    {"fanotify_init", {0}},
    {"timer_create", {0}},
    {"vmsplice", {0}},
    {"process_madvise", {0}},
    {"init_module", {0}},
    {"finit_module", {0}},
    {"kexec_load", {0}},
    {"reboot", {0}},
    {"settimeofday", {0}},
    {"sethostname", {0}},
    {"sched_setaffinity", {0}},
    {"setpgid", {0, 0}},
    {"setsid", {0}},
    {"dup", {0}},
};

static bool exists(const char *name) {
    return seccomp_syscall_resolve_name(name) >= 0;
}

static void test_attacks_end_the_run(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    for (size_t i = 0; i < COUNT(attacks); i++) {
        const struct call *attack = &attacks[i];
        if (!exists(attack->name)) {
            continue;
        }
        struct ending ending = try_inside(&(struct sandbox){0}, make_call, attack);
        if (!ended_refused(&ending, seccomp_syscall_resolve_name(attack->name))) {
            fail_msg("attack %zu, %s: status %x, said '%s'", i, attack->name,
                     (unsigned)ending.status, ending.said);
        }
    }
}

/* -- Everything else --------------------------------------------------------------------------- */

/* Once more what sandbox.def says, and nothing from there: a new row is to be meant. */
static const char *const base_calls =
    " read readv pread64 write writev lseek ftruncate close poll ppoll ioctl fstat newfstatat "
    "statx "
    "brk mmap mprotect mremap munmap madvise clock_gettime clock_nanosleep nanosleep futex "
    "sched_yield restart_syscall getrandom sched_getaffinity sysinfo rt_sigreturn rt_sigprocmask "
    "rt_sigaction getpid gettid tgkill wait4 exit exit_group ";
static const char *const group_calls =
    " clone clone3 set_robust_list rseq preadv pwrite64 pwritev fsync fdatasync fallocate accept "
    "accept4 recvfrom recvmsg sendto getsockopt setsockopt shutdown socket connect bind listen "
    "sendmsg getsockname getpeername fcntl open openat openat2 readlinkat getdents64 mkdirat "
    "mknodat "
    "linkat "
    "symlinkat unlinkat renameat renameat2 fchmod fchmodat utimensat ";

static bool listed(const char *list, const char *name) {
    char word[64];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(list, word) != NULL;
}

static int make_numbered_call(void *number) {
    syscall(*(const long *)number, -1, -1, -1, -1, -1, -1);
    return WORKED;
}

static void expect_refusals(unsigned groups, const char *more) {
    enum { NUMBERS_END = 600 };
    unsigned refused = 0;
    for (long number = 0; number < NUMBERS_END; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
        if (name != NULL && !listed(base_calls, name) && !listed(more, name)) {
            struct ending ending =
                try_inside(&(struct sandbox){.groups = groups}, make_numbered_call, &number);
            if (!ended_refused(&ending, number)) {
                fail_msg("%s: status %x, said '%s'", name, (unsigned)ending.status, ending.said);
            }
            refused++;
        }
        free(name);
    }
    assert_true(refused > 200);
}

static void test_no_other_call_is_allowed(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    expect_refusals(SANDBOX_BASE, "");
}

static void test_no_other_call_is_allowed_by_any_group(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    expect_refusals(ALL_GROUPS, group_calls);
}

/* -- What has to work -------------------------------------------------------------------------- */

/* Each makes the kernel say a certain error, and no answer of the filter's is one of these. */
static const struct {
    unsigned group;
    struct call call;
} needs[] = {
    {SANDBOX_BASE, {"read", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_BASE, {"pread64", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_BASE, {"writev", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_BASE, {"ftruncate", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_BASE, {"mprotect", {1, 4096, PROT_READ, 0, 0, EINVAL}}},
    {SANDBOX_BASE, {"ioctl", {-1, TCGETS, 0, 0, 0, EBADF}}},
    {SANDBOX_BASE, {"newfstatat", {AT_FDCWD, PATH("/"), 0, 0, 0, EACCES}}},
    {SANDBOX_TERMINAL, {"ioctl", {-1, TCSETS, 0, 0, 0, EBADF}}},
    {SANDBOX_TERMINAL, {"ioctl", {-1, TIOCGWINSZ, 0, 0, 0, EBADF}}},
    {SANDBOX_THREADS, {"clone3", {0, 0, 0, 0, 0, ENOSYS}}},
    {SANDBOX_DISKS, {"pwrite64", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_DISKS, {"fdatasync", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_DISKS, {"fallocate", {-1, 0, 0, 1, 0, EBADF}}},
    {SANDBOX_SOCKETS, {"accept4", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_SOCKETS, {"recvfrom", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_NETWORK, {"socket", {AF_INET, 99, 0, 0, 0, EINVAL}}},
    {SANDBOX_NETWORK, {"connect", {-1, 0, 0, 0, 0, EBADF}}},
    {SANDBOX_NETWORK, {"openat", {AT_FDCWD, PATH("/etc/passwd"), O_RDONLY, 0, 0, EACCES}}},
    {SANDBOX_CHANGES, {"unlinkat", {-1, PATH("a"), 0, 0, 0, EBADF}}},
};

static void test_each_group_has_what_it_needs(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    for (size_t i = 0; i < COUNT(needs); i++) {
        const struct call *call = &needs[i].call;
        struct sandbox sandbox = {.groups = needs[i].group};
        struct ending ending = try_inside(&sandbox, make_call_in_vain, call);
        if (!ended_with(&ending, WORKED)) {
            fail_msg("need %zu, %s: status %x, said '%s'", i, call->name, (unsigned)ending.status,
                     ending.said);
        }
        sandbox.groups = SANDBOX_BASE;
        ending = try_inside(&sandbox, make_call_in_vain, call);
        if (needs[i].group != SANDBOX_BASE &&
            !ended_refused(&ending, seccomp_syscall_resolve_name(call->name))) {
            fail_msg("need %zu, %s, without its group: status %x, said '%s'", i, call->name,
                     (unsigned)ending.status, ending.said);
        }
    }
}

static void *thread_run(void *of) {
    *(int *)of = getpid();
    return of;
}

/* Two threads at work in the C library at once, and the end of one. */
static int make_thread(void *of) {
    (void)of;
    pthread_t thread;
    int pid = 0;
    return pthread_create(&thread, NULL, thread_run, &pid) == 0 &&
                   pthread_join(thread, NULL) == 0 && pid == getpid()
               ? WORKED
               : FAILED;
}

static void test_threads_start_where_there_are_any(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    struct ending ending =
        try_inside(&(struct sandbox){.groups = SANDBOX_THREADS}, make_thread, NULL);
    assert_true(ended_with(&ending, WORKED));
    ending = try_inside(&(struct sandbox){0}, make_thread, NULL);
    /* The C library blocks all signals meanwhile, so that nobody can say a word. */
    assert_true(WIFSIGNALED(ending.status));
    assert_int_equal(WTERMSIG(ending.status), SIGSYS);
}

/* Memory in all sizes, text of all kinds, and abort(): what any code of ours may do. */
static int use_the_c_library(void *of) {
    (void)of;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    for (size_t bytes = 16; bytes < (size_t)64 << 20; bytes *= 4) {
        char *memory = realloc(calloc(1, bytes), 2 * bytes);
        memory[2 * bytes - 1] = 1;
        fprintf(file, "%zu %.3f\n", bytes, (double)bytes);
        free(memory);
    }
    fclose(file);
    printf("%s", text);
    fprintf(stderr, "%s", strerror(errno));
    free(text);
    fflush(stdout);
    abort();
}

static void test_the_c_library_works(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    struct ending ending = try_inside(&(struct sandbox){0}, use_the_c_library, NULL);
    assert_true(WIFSIGNALED(ending.status));
    assert_int_equal(WTERMSIG(ending.status), SIGABRT);
    assert_false(WCOREDUMP(ending.status));
}

/* -- Folders ----------------------------------------------------------------------------------- */

static int open_path(void *path) {
    return open(path, O_RDONLY) >= 0 ? WORKED : errno;
}

static int create_path(void *path) {
    return open(path, O_WRONLY | O_CREAT, 0600) >= 0 ? WORKED : errno;
}

static bool landlock_works(void) {
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static void test_only_shared_folders_can_be_reached(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    if (!landlock_works()) {
        skip();
    }
    char folder[] = "/tmp/sandglass-XXXXXX", inside[64], fresh[64];
    assert_non_null(mkdtemp(folder));
    snprintf(inside, sizeof inside, "%s/inside", folder);
    snprintf(fresh, sizeof fresh, "%s/fresh", folder);
    close(open(inside, O_WRONLY | O_CREAT, 0600));
    for (int writable = 0; writable <= 1; writable++) {
        struct sandbox_folder shared = {.path = folder, .writable = writable};
        struct sandbox sandbox = {.groups = SANDBOX_SHARE | (writable ? SANDBOX_CHANGES : 0),
                                  .folders = &shared,
                                  .folder_count = 1};
        struct ending in = try_inside(&sandbox, open_path, inside);
        struct ending out = try_inside(&sandbox, open_path, "/etc/passwd");
        struct ending up = try_inside(&sandbox, open_path, "/tmp");
        struct ending create = try_inside(&sandbox, create_path, fresh);
        struct ending create_out = try_inside(&sandbox, create_path, "/tmp/sandglass-was-here");
        assert_true(ended_with(&in, WORKED));
        assert_true(ended_with(&out, EACCES));
        assert_true(ended_with(&up, EACCES));
        assert_true(writable ? ended_with(&create, WORKED) : ended_refused(&create, SYS_openat));
        assert_true(writable ? ended_with(&create_out, EACCES)
                             : ended_refused(&create_out, SYS_openat));
        assert_int_equal(access(fresh, F_OK), writable ? 0 : -1);
    }
    unlink(fresh);
    unlink(inside);
    rmdir(folder);
}

/* What a filter cannot see of openat2() Landlock does: no other folder, no writing. */
static int open_below(const void *of, uint64_t flags) {
    struct open_how how = {.flags = flags, .mode = flags & O_CREAT ? 0600 : 0};
    return syscall(SYS_openat2, AT_FDCWD, of, &how, sizeof how) >= 0 ? WORKED : errno;
}

static int read_below(void *path) {
    return open_below(path, O_RDONLY);
}

static int write_below(void *path) {
    return open_below(path, O_WRONLY);
}

static int create_below(void *path) {
    return open_below(path, O_WRONLY | O_CREAT);
}

static void test_sysroots_are_read_and_nothing_else(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    bool landlock = landlock_works();
    char folder[] = "/tmp/sandglass-XXXXXX", inside[64], fresh[64];
    assert_non_null(mkdtemp(folder));
    snprintf(inside, sizeof inside, "%s/inside", folder);
    snprintf(fresh, sizeof fresh, "%s/fresh", folder);
    close(open(inside, O_WRONLY | O_CREAT, 0600));
    struct sandbox_folder below = {.path = folder};
    struct sandbox sandbox = {.groups = SANDBOX_SYSROOT, .folders = &below, .folder_count = 1};
    const struct {
        int (*deed)(void *path);
        const char *path;
        int outcome;
    } tries[] = {{read_below, inside, landlock ? WORKED : EACCES},
                 {write_below, inside, EACCES},
                 {create_below, fresh, EACCES},
                 {read_below, "/etc/passwd", EACCES},
                 {read_below, "/tmp", EACCES},
                 {create_below, "/tmp/sandglass-was-here", EACCES}};
    for (size_t i = 0; i < COUNT(tries); i++) {
        struct ending ending = try_inside(&sandbox, tries[i].deed, tries[i].path);
        if (!ended_with(&ending, tries[i].outcome)) {
            fail_msg("try %zu: status %x, said '%s'", i, (unsigned)ending.status, ending.said);
        }
    }
    struct ending other = try_inside(&sandbox, open_path, inside);
    assert_true(ended_refused(&other, SYS_openat));
    unlink(inside);
    rmdir(folder);
}

/* -- Hosts that have none ---------------------------------------------------------------------- */

/* As a kernel without it says. */
static void forbid_filters(void *of) {
    (void)of;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                     SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0));
    seccomp_load(filter);
}

static void test_a_host_without_filters_is_told_of(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    struct deed deed = {.prepare = forbid_filters, .inside = do_nothing};
    struct ending ending = do_inside(&(struct sandbox){0}, &deed);
    assert_true(ended_with(&ending, NO_SANDBOX_HERE));
    assert_non_null(strstr(ending.said, "cannot filter system calls ("));
    assert_null(strchr(ending.said, '\n'));
}

/* -- Descriptors ------------------------------------------------------------------------------- */

static void test_closes_what_no_option_names(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        static const char *const words[] = {
            "run",   "--stats=/dev/fd/17", "--kernel", "/proc/self/fd/9", "/fd/120",
            "--elf", "/dev/fd/8x",         NULL};
        static const int open_ones[] = {3, 8, 9, 12, 17, 18, 20, 120, 300};
        static const bool stays[] = {0, 1, 1, 0, 1, 0, 0, 1, 0};
        for (size_t i = 0; i < COUNT(open_ones); i++) {
            dup2(STDERR_FILENO, open_ones[i]);
        }
        sandbox_shed(words);
        for (size_t i = 0; i < COUNT(open_ones); i++) {
            if ((fcntl(open_ones[i], F_GETFD) >= 0) != stays[i]) {
                _exit(open_ones[i] & 0xff);
            }
        }
        _exit(fcntl(STDERR_FILENO, F_GETFD) >= 0 ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attacks_end_the_run),
        cmocka_unit_test(test_no_other_call_is_allowed),
        cmocka_unit_test(test_no_other_call_is_allowed_by_any_group),
        cmocka_unit_test(test_each_group_has_what_it_needs),
        cmocka_unit_test(test_threads_start_where_there_are_any),
        cmocka_unit_test(test_the_c_library_works),
        cmocka_unit_test(test_sysroots_are_read_and_nothing_else),
        cmocka_unit_test(test_only_shared_folders_can_be_reached),
        cmocka_unit_test(test_a_host_without_filters_is_told_of),
        cmocka_unit_test(test_closes_what_no_option_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
