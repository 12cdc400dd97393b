/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shuts a run in: from its first look at a file to boot it can do to the host what its options ask
 * for, and nothing else, whoever has taken it over.
 *
 * What a guest can reach is large: decoders, devices, a translator whose output is run. So it is
 * taken for granted that a guest may one day make this process do what it likes, and the question
 * is what that is worth. The answer is a filter on system calls, made of the rows in sandbox.def.
 *
 * 1. All files, sockets and terminals are opened before; afterwards there is no open(). Whatever
 *    the caller of this program left open besides is closed first, unless an option names it.
 * 2. No memory becomes code that was not code before. The translator's own memory is mapped twice,
 *    once to write and once to run, from the start; what is written there is shut in, too.
 * 3. No new process, no other program, no signal to anybody else, no tracing.
 * 4. Nothing is ever given back: the kernel keeps a filter until the process ends, for all threads.
 * 5. A call in no row ends the program, with one line and status 70 (by SIGSYS, without a line,
 *    where signals are blocked), for it can only be a defect, of ours or of the table. What
 *    libraries merely try is refused by an error instead.
 * 6. Files that appear whole at the end need a rename, which could as well replace any file of the
 *    user's. So another process does it: see keeper.c.
 *
 * Landlock, where the kernel has it, says once more that there are no files, by another mechanism;
 * and where a folder is shared it is what keeps open() inside that folder (landlock.c).
 *
 * For instance, one hart and no terminal get the rows of BASE. When the guest resets, images are
 * read by pread(); an openat() would find no row, the kernel would send SIGSYS in its place, and
 * the line below would name its number.
 *
 * Considered and dropped: namespaces and chroot (need rights that users lack in many containers,
 * and leave all system calls in reach), a process for each device (costs an exchange for each
 * access, and a guest's devices hold nothing that is not the guest's), killing without a word
 * (nobody could report what was missing), and refusing with EPERM (the run would go on with a call
 * that silently does nothing). A filter that is closed further after the images have been read
 * would bar nothing that matters: they are read again at a reset. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"

/* -- The table --------------------------------------------------------------------------------- */

/* A thread shares everything with its process, and gets nothing new of its own. */
#define CLONE_OF_A_THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define CLONE_KINDS                                                                                \
    (CLONE_OF_A_THREAD | CLONE_VFORK | CLONE_PTRACE | CLONE_PIDFD | CLONE_NEWNS |                  \
     CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
/* In the flags of an open() that only reads all of these are zero. */
#define OPEN_CHANGES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))
/* As <asm/ioctls.h> has them, which needs a struct termios2 that cannot be had in peace. */
#define GET_TERMIOS2 0x802c542a
#define SET_TERMIOS2 0x402c542b
#define SET_TERMIOS2_DRAINED 0x402c542c

enum test_kind { TEST_NOTHING, TEST_BITS, TEST_OWN };

/** Of one argument. */
struct test {
    enum test_kind kind;
    unsigned argument;
    uint64_t mask, value;
};

struct row {
    const char *name;
    int number; /* negative: this architecture has no such call */
    unsigned group;
    int answer;
    struct test test;
};

enum { ALLOW = 0 }; /* else an errno */

#define ANY                                                                                        \
    { TEST_NOTHING, 0, 0, 0 }
#define SAME(argument, value)                                                                      \
    { TEST_BITS, argument, UINT64_MAX, value }
#define BITS(argument, mask, value)                                                                \
    { TEST_BITS, argument, mask, value }
#define OWN(argument)                                                                              \
    { TEST_OWN, argument, 0, 0 }

static const struct row rows[] = {
#define CALL(name, group, answer, ...)                                                             \
    {#name, SCMP_SYS(name), SANDBOX_##group, answer, __VA_ARGS__},
#include "cli/sandbox.def"
#undef CALL
};

/** A row that allows beats one that refuses. */
static bool beaten(const struct row *row, unsigned groups) {
    for (size_t i = 0; row->answer != ALLOW && i < COUNT(rows); i++) {
        if (rows[i].number == row->number && rows[i].answer == ALLOW && (rows[i].group & groups)) {
            return true;
        }
    }
    return false;
}

/** @return 0, or a negative errno. */
static int row_add(scmp_filter_ctx filter, const struct row *row) {
    const struct test *test = &row->test;
    uint32_t action = row->answer == ALLOW ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((unsigned)row->answer);
    bool own = test->kind == TEST_OWN;
    struct scmp_arg_cmp condition = {
        .arg = test->argument,
        .op = SCMP_CMP_MASKED_EQ,
        .datum_a = own ? UINT64_MAX : test->mask,
        .datum_b = own ? (uint64_t)getpid() : test->value,
    };
    unsigned count = test->kind != TEST_NOTHING;
    int outcome = seccomp_rule_add_array(filter, action, row->number, count, &condition);
    return outcome == -EEXIST ? 0 : outcome; /* a row of another group says the same */
}

static int rows_add(scmp_filter_ctx filter, unsigned groups) {
    int outcome = 0;
    for (size_t i = 0; outcome == 0 && i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        if (row->number >= 0 && (row->group & groups) && !beaten(row, groups)) {
            outcome = row_add(filter, row);
        }
    }
    return outcome;
}

/* -- The filter -------------------------------------------------------------------------------- */

/* A tree instead of a list: some kernels run the filter for every call. What the host does against
 * speculation stays as for programs without a filter: older kernels would slow the run down. */
static int filter_load(unsigned groups) {
    enum { TREE = 2 };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    if (filter == NULL) {
        return -ENOMEM;
    }
    seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, TREE);
    seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    int outcome = rows_add(filter, groups);
    outcome = outcome == 0 ? seccomp_load(filter) : outcome;
    seccomp_release(filter);
    return outcome;
}

/* Whatever was interrupted may hold any lock, so nothing is called here but the kernel. The keeper
 * gives the terminal back. */
static void call_refused(int signal_number, siginfo_t *signal, void *context) {
    (void)signal_number, (void)context;
    char line[160] = "sandglass: sandbox: system call ";
    char digits[16];
    size_t count = sizeof digits;
    unsigned number = (unsigned)signal->si_syscall;
    do {
        digits[--count] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    strncat(line, digits + count, sizeof digits - count);
    strcat(line, " refused; please report it, and use --no-sandbox until it is allowed\n");
    (void)!write(STDERR_FILENO, line, strlen(line));
    _exit(STATUS_INTERNAL);
}

bool sandbox_enter(const struct sandbox *sandbox, struct error *error) {
    struct sigaction refused = {.sa_sigaction = call_refused, .sa_flags = SA_SIGINFO};
    unsigned groups = sandbox->groups | SANDBOX_BASE;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (landlock_enter(sandbox)) {
        groups |= groups & SANDBOX_NETWORK ? SANDBOX_NAMES : 0;
        groups |= groups & SANDBOX_SYSROOT ? SANDBOX_BELOW : 0;
    }
    sigaction(SIGSYS, &refused, NULL);
    int outcome = filter_load(groups);
    if (outcome != 0) {
        error_set(error, STATUS_HOST_IO,
                  "sandbox: this host cannot filter system calls (%s); the run goes on without, as "
                  "--no-sandbox has it",
                  strerror(-outcome));
    }
    return outcome == 0;
}

/* -- Before it --------------------------------------------------------------------------------- */

/* Their runtimes open files and start processes at times of their own. */
extern void __sanitizer_print_stack_trace(void) __attribute__((weak));

bool sandbox_possible(void) {
    return __sanitizer_print_stack_trace == NULL;
}

/** Does a word name descriptor @p fd, as /dev/fd/9 or /proc/self/fd/9 do? */
static bool descriptor_named(int fd, const char *const *words) {
    char tail[24];
    int length = snprintf(tail, sizeof tail, "/fd/%d", fd);
    for (; *words != NULL; words++) {
        const char *at = *words;
        while ((at = strstr(at, tail)) != NULL) {
            at += length;
            if (*at < '0' || *at > '9') {
                return true;
            }
        }
    }
    return false;
}

/* A shell's own are below 256; what lies above goes unseen. */
void sandbox_shed(const char *const *words) {
    enum { FIRST = STDERR_FILENO + 1, NAMED_END = 256 };
    for (int fd = FIRST; fd < NAMED_END; fd++) {
        if (!descriptor_named(fd, words)) {
            close(fd);
        }
    }
    close_range(NAMED_END, ~0U, 0);
}
