/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles of runs that never were, to test and to look at: a boot of a made-up Debian. */
#ifndef TESTS_UNIT_PROFILE_TEST_H
#define TESTS_UNIT_PROFILE_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/prof.h"

static inline uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit) {
    return random_next(state) % limit;
}

/* Small more often than large: as costs are. */
static inline uint64_t random_skewed(uint64_t *state, uint64_t limit) {
    uint64_t bits = random_below(state, 64 - (uint64_t)__builtin_clzll(limit | 1));
    return 1 + random_next(state) % (1ull << bits);
}

/** What a boot is made of. */
struct boot {
    struct profile *profile;
    uint64_t random;
    uint32_t harts, processes, stacks, spans;
    bool addressed;          /* most is counted by address, too */
    bool hostile;            /* names that want to get out of wherever they are put */
    uint64_t slower_percent; /* some function costs more by this */
    enum profile_kind kind;

    uint32_t modules[5];
    uint32_t *functions[5];
    uint32_t *tasks;
    uint32_t task_count;
    uint64_t steps;
    vtime end_ns; /* of the timeline */
};

enum { KERNEL, FIRMWARE, LIBC, PYTHON, SYSTEMD, MODULES };

static const struct {
    const char *module;
    uint64_t base;
    unsigned count;
    const char *firsts[12], *seconds[12];
} boot_modules[MODULES] = {
    [KERNEL] = {"kernel",
                0xffffffff80002000,
                900,
                {"ext4_", "vfs_", "do_", "__alloc_", "sched_", "rcu_", "tcp_", "blk_mq_",
                 "handle_mm_", "sys_", "irq_", "virtio_"},
                {"read_iter", "fault", "pages", "lookup", "enqueue", "softirq", "sendmsg",
                 "dispatch", "writeback", "open_path", "balance", "map_range"}},
    [FIRMWARE] = {"fw_dynamic",
                  0x80000000,
                  40,
                  {"sbi_", "plat_", "fdt_", "csr_", "hart_", "pmp_", "ipi_", "timer_", "uart_",
                   "tlb_", "trap_", "hsm_"},
                  {"ecall_handler", "init", "send", "event_start", "process", "flush", "get_prop",
                   "redirect", "emulate", "console_putc", "setup", "wait"}},
    [LIBC] = {"libc.so.6",
              0x27000,
              300,
              {"__libc_", "_int_", "str", "mem", "_IO_", "pthread_", "__GI_", "get", "mbs", "q",
               "v", "fd"},
              {"start_main", "malloc", "len", "cpy", "file_xsputn", "mutex_lock", "realpath",
               "line", "rtowcs", "sort", "fprintf", "open"}},
    [PYTHON] = {"python3.12",
                0x41000,
                350,
                {"_PyEval_", "PyObject_", "PyDict_", "unicode_", "list_", "_Py_", "PyUnicode_",
                 "gc_", "code_", "import_", "marshal_", "type_"},
                {"EvalFrameDefault", "Call", "GetItem", "decode", "resize", "dealloc", "Format",
                 "collect_main", "new", "find_spec", "r_object", "lookup"}},
    [SYSTEMD] = {"libsystemd-shared.so",
                 0x60000,
                 250,
                 {"unit_", "sd_bus_", "cg_", "path_", "hashmap_", "manager_", "job_", "log_",
                  "config_", "device_", "dual_", "exec_"},
                 {"load_fragment", "message_append", "attach", "simplify", "put", "dispatch", "run",
                  "internal", "parse", "enumerate", "timestamp", "spawn"}},
};

static const char *const boot_programs[] = {
    "systemd",
    "systemd-udevd",
    "systemd-journald",
    "python3",
    "dbus-daemon",
    "sshd",
    "bash",
    "systemd-networkd",
    "agetty",
    "modprobe",
    "cron",
    "kmod",
    "login",
    "mount",
    "fsck.ext4",
    "sh",
};

/* What breaks out of scripts, attributes, strings, lines; and what is no text at all. */
static const char *const hostile_names[] = {
    "</script><script>document.title='broken out'</script>",
    "<img src=x onerror=\"document.title='broken out'\">",
    "a\"b'c\\d`e${1+1}",
    "line\nbreak\ttab\rreturn",
    "\xe2\x80\xa8separator\xe2\x80\xa9",
    "bad \xff\xfe utf-8 \xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80 end \xe2\x82",
    "fl=(1) calls=3 fn=(9)",
    "semi;colon; 12345",
    "]]> --> <!-- &amp; &lt;",
    "\x01\x1b[31mred\x7f",
    "\xd8\xa7\xd9\x84 \xf0\x9f\x90\xa7 \xe2\x80\xae right to left",
};

static inline void boot_functions(struct boot *boot) {
    for (unsigned m = 0; m < MODULES; m++) {
        boot->modules[m] = profile_add_module(
            boot->profile, &(struct profile_module){boot_modules[m].module, "3c9a0f"});
        boot->functions[m] = calloc(boot_modules[m].count, sizeof **boot->functions);
        for (unsigned i = 0; i < boot_modules[m].count; i++) {
            char name[64];
            unsigned first = i % 12, second = i / 12 % 12, third = i / 144;
            snprintf(name, sizeof name, "%s%s", boot_modules[m].firsts[first],
                     boot_modules[m].seconds[(second + first) % 12]);
            if (third > 0) {
                snprintf(name + strlen(name), 16, "_%u", third + 1);
            }
            struct profile_function function = {name, boot->modules[m],
                                                boot_modules[m].base + 0x140 * (uint64_t)i, 0x140};
            if (i % 61 == 60) {
                function.name = ""; /* there are always some without */
            }
            if (boot->hostile && i < 11 && m == KERNEL) {
                function.name = hostile_names[i];
            }
            boot->functions[m][i] = profile_add_function(boot->profile, &function);
        }
    }
}

static inline void boot_tasks(struct boot *boot) {
    static const char *const threads[] = {"kworker/0:1", "rcu_sched",   "ksoftirqd/0",
                                          "kswapd0",     "jbd2/vda1-8", "migration/0",
                                          "kthreadd",    "khungtaskd"};
    boot->tasks = calloc(boot->processes * 2 + 10, sizeof *boot->tasks);
    boot->tasks[boot->task_count++] = profile_add_task(
        boot->profile, &(struct profile_task){.kind = PROFILE_TASK_IDLE, .process = "idle"});
    for (uint32_t i = 0; i < COUNT(threads); i++) {
        boot->tasks[boot->task_count++] = profile_add_task(
            boot->profile, &(struct profile_task){PROFILE_TASK_KERNEL, 2 + i, 2 + i, threads[i],
                                                  threads[i], 1000 * i});
    }
    for (uint32_t i = 0; i < boot->processes; i++) {
        const char *name = boot_programs[i % COUNT(boot_programs)];
        name = boot->hostile && i < COUNT(hostile_names) ? hostile_names[i] : name;
        uint32_t pid = i == 0 ? 1 : 100 + 7 * i;
        vtime since_ns = 40000000 * (vtime)i;
        boot->tasks[boot->task_count++] =
            profile_add_task(boot->profile, &(struct profile_task){PROFILE_TASK_USER, pid, pid,
                                                                   name, name, since_ns});
    }
}

/* One of a module's functions that another is likely to call: each calls a few, again and again. */
static inline uint32_t boot_callee(struct boot *boot, unsigned module, uint32_t seed, bool early) {
    uint64_t spread = 1 + random_skewed(&boot->random, early ? 4 : 12);
    uint64_t hash = (seed * 2654435761u + spread * 40503u) ^ (seed >> 7);
    return boot->functions[module][hash % boot_modules[module].count];
}

/* Calls from a context on, one below the other, each with some steps of its own. */
static inline void boot_stack(struct boot *boot, uint32_t context, unsigned module,
                              unsigned depth) {
    uint32_t caller = module * 977 + 13;
    while (depth > 0) {
        enum profile_mode mode = module == KERNEL     ? PROFILE_KERNEL
                                 : module == FIRMWARE ? PROFILE_FIRMWARE
                                                      : PROFILE_USER;
        uint32_t function = boot_callee(boot, module, caller, depth > 6);
        context = profile_add_call(boot->profile, context, function, mode);
        uint64_t steps = random_skewed(&boot->random, depth == 1 ? 1 << 20 : 1 << 10);
        if (boot->slower_percent > 0 && function % 50 == 7) {
            steps += steps * boot->slower_percent / 100;
        }
        steps = boot->kind == PROFILE_SAMPLED ? steps / 4096 : steps;
        profile_count(boot->profile, context,
                      &(struct profile_counts){steps, steps - steps / 50, 1 + steps % 3});
        if (boot->addressed && steps % 8 != 0) {
            profile_count_address(boot->profile, function, steps % 80 * 4,
                                  &(struct profile_counts){steps, steps - steps / 50, 0});
        }
        profile_seen(boot->profile, context, (vtime)boot->steps, (vtime)(boot->steps + steps) * 8);
        boot->steps += steps;
        caller = function;
        if (module != KERNEL && module != FIRMWARE && random_below(&boot->random, 6) == 0) {
            module = random_below(&boot->random, 2) == 0 ? KERNEL : LIBC;
            caller = module;
        } else if (module == KERNEL && random_below(&boot->random, 40) == 0) {
            module = FIRMWARE;
            depth = depth > 3 ? 3 : depth;
            caller = module;
        }
        depth--;
    }
}

static inline void boot_stacks(struct boot *boot) {
    for (uint32_t i = 0; i < boot->stacks; i++) {
        uint16_t hart = (uint16_t)random_below(&boot->random, boot->harts);
        uint32_t which = (uint32_t)random_below(&boot->random, boot->task_count);
        which = random_below(&boot->random, 2) == 0 ? which : which / 3;
        unsigned module = which < 9        ? KERNEL
                          : which % 4 == 0 ? PYTHON
                          : which % 4 == 1 ? SYSTEMD
                                           : LIBC;
        uint32_t root = profile_add_root(boot->profile, hart, boot->tasks[which]);
        unsigned depth = boot->kind == PROFILE_FLAT
                             ? 1
                             : 3 + (unsigned)random_below(&boot->random, which == 0 ? 3 : 22);
        boot_stack(boot, root, module, depth);
    }
}

static inline void boot_trap(struct boot *boot, uint16_t hart, vtime at_ns, vtime length_ns) {
    static const char *const traps[] = {"system call", "page fault", "load page fault"};
    static const char *const interrupts[] = {"timer", "software", "external: virtio-blk",
                                             "external: uart"};
    bool trap = random_below(&boot->random, 3) > 0;
    struct profile_span span = {
        .kind = trap ? PROFILE_SPAN_TRAP : PROFILE_SPAN_INTERRUPT,
        .from_ns = at_ns,
        .to_ns = at_ns + length_ns,
        .task = PROFILE_NONE,
        .name = trap ? traps[random_below(&boot->random, COUNT(traps))]
                     : interrupts[random_below(&boot->random, COUNT(interrupts))]};
    profile_add_span(boot->profile, hart, &span);
}

static inline void boot_event(struct boot *boot, uint16_t hart, vtime at_ns) {
    static const enum profile_span_kind kinds[] = {PROFILE_SPAN_ARMED, PROFILE_SPAN_FIRED,
                                                   PROFILE_SPAN_WAKE, PROFILE_SPAN_WAKE,
                                                   PROFILE_SPAN_MARKER};
    enum profile_span_kind kind = kinds[random_below(&boot->random, COUNT(kinds))];
    bool wakes = kind == PROFILE_SPAN_WAKE;
    bool marks = kind == PROFILE_SPAN_MARKER;
    profile_add_span(
        boot->profile, hart,
        &(struct profile_span){
            .kind = kind,
            .from_ns = at_ns,
            .to_ns = at_ns,
            .task = wakes ? boot->tasks[1 + random_below(&boot->random, boot->task_count - 1)]
                          : PROFILE_NONE,
            .name = wakes   ? ""
                    : marks ? "boot: stage"
                            : "stimecmp",
            .value = at_ns + 4000000});
}

static inline void boot_timeline(struct boot *boot) {
    for (uint16_t hart = 0; hart < boot->harts; hart++) {
        vtime now_ns = 0;
        for (uint32_t i = 0; i < boot->spans; i++) {
            vtime length_ns = 20000 + (vtime)random_skewed(&boot->random, 1 << 24);
            bool idle = random_below(&boot->random, 4) == 0;
            uint32_t task =
                boot->tasks[idle ? 0 : 1 + random_below(&boot->random, boot->task_count - 1)];
            struct profile_span span = {.kind = idle ? PROFILE_SPAN_IDLE : PROFILE_SPAN_TASK,
                                        .from_ns = now_ns,
                                        .to_ns = now_ns + length_ns,
                                        .task = idle ? PROFILE_NONE : task};
            if (hart % 2 == 0 || random_below(&boot->random, 6) > 0) { /* else nobody saw it */
                profile_add_span(boot->profile, hart, &span);
            }
            for (vtime at_ns = now_ns; !idle && at_ns < now_ns + length_ns - 9000;) {
                vtime trap_ns = 300 + (vtime)random_below(&boot->random, 4000);
                boot_trap(boot, hart, at_ns, trap_ns);
                at_ns += trap_ns + (vtime)random_skewed(&boot->random, 1 << 22);
            }
            boot_event(boot, hart, now_ns + length_ns / 2);
            now_ns += length_ns;
        }
        boot->end_ns = now_ns > boot->end_ns ? now_ns : boot->end_ns;
    }
}

static inline void boot_intervals(struct boot *boot) {
    static const char *const names[] = {"vfs_read",       "ext4_read_iter", "boot: initramfs",
                                        "boot: services", "do_fault",       "malloc"};
    uint32_t parent = PROFILE_NONE;
    for (uint32_t i = 0; i < COUNT(names); i++) {
        for (uint32_t t = 0; t < 4; t++) {
            struct profile_interval interval = {
                .parent = i == 1 && t == 0 ? parent : PROFILE_NONE,
                .task = boot->tasks[(9 + 5 * i + t) % boot->task_count],
                .probe = strncmp(names[i], "boot", 4) != 0,
                .name = boot->hostile && t == 0 ? hostile_names[i] : names[i]};
            uint32_t idx = profile_add_interval(boot->profile, &interval);
            parent = i == 0 && t == 0 ? idx : parent;
            for (unsigned n = 0; n < 200; n++) {
                uint64_t steps = 40 + random_skewed(&boot->random, 1 << 18);
                profile_measure(boot->profile, idx, steps, 8 * steps + 100);
            }
        }
    }
}

static inline void boot_host(struct boot *boot) {
    profile_set_host(boot->profile, &(struct profile_host){23900000000, 3100000000, 15200000000,
                                                           900000000, 2400000000, 2300000000});
    for (uint32_t i = 0; i < 60; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", boot_modules[i % 3].firsts[i % 12],
                 boot_modules[i % 3].seconds[i / 5]);
        profile_add_region(boot->profile, &(struct profile_region){
                                              name, boot_modules[i % 3].module, 64 * (uint64_t)i,
                                              random_skewed(&boot->random, 1 << 24),
                                              random_skewed(&boot->random, 1 << 30), 17 + i});
    }
}

static inline void boot_run(struct boot *boot) {
    bool sampled = boot->kind == PROFILE_SAMPLED;
    profile_set_run(boot->profile,
                    &(struct profile_run){
                        .kind = boot->kind,
                        .command = "sandglass profile --kernel vmlinux --append 'root=/dev/vda1 "
                                   "quiet' --drive file=debian.img --smp 4 --memory 1G",
                        .version = "sandglass 0.1",
                        .exactness = "exact",
                        .schedule = "lockstep, quantum 100000 ns, 8 ns a step on each hart, "
                                    "sleep=off",
                        .end = "power-off",
                        .seed = 7,
                        .hart_count = boot->harts,
                        .steps = sampled ? boot->steps * 4096 : boot->steps,
                        .instructions = boot->steps - boot->steps / 50,
                        .virtual_ns = boot->end_ns,
                        .sample_steps = sampled ? 4096 : 0,
                        .sample_seed = sampled ? 11 : 0,
                        .samples = sampled ? boot->steps : 0,
                        .samples_deep = sampled ? boot->steps * 9 / 10 : 0});
    profile_add_input(boot->profile, &(struct profile_input){"kernel", "vmlinux",
                                                             "5d41402abc4b2a76b9719d911017c592"});
    profile_add_input(boot->profile, &(struct profile_input){"disk 0", "debian.img",
                                                             "7d793037a0760186574b0282f2f435e7"});
    profile_add_window(boot->profile, &(struct profile_window){0, boot->steps, 0, boot->end_ns,
                                                               "the first step", "the end"});
}

/** @param boot  Its profile is set, and settled; the rest says what is wanted. */
static inline void boot_make(struct boot *boot) {
    boot->profile = profile_new();
    boot_functions(boot);
    boot_tasks(boot);
    if (boot->kind != PROFILE_UNCOUNTED) {
        boot_stacks(boot);
    }
    boot_timeline(boot);
    boot_intervals(boot);
    boot_host(boot);
    boot_run(boot);
    profile_settle(boot->profile);
    for (unsigned m = 0; m < MODULES; m++) {
        free(boot->functions[m]);
    }
    free(boot->tasks);
}

#endif
