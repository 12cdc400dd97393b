/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who called whom, where a guest does what a kernel does: switches of tasks, moves between harts,
 * traps out of user mode, signals, exec; and what is kept of calls that are too many. Harts execute
 * nothing here: they are put where they would be. */
#include <string.h>

#include "boot_test.h"
#include "hart/counts.h"

enum { HARTS = 2, FUNCTION_BYTES = 256, RA = 1, SP = 2, TP = 4 };

/** A machine whose harts are moved by hand, and a tree as text. */
struct subject {
    struct machine *machine;
    struct console *console;
    char *image;
    struct hart *hart; /* the one that is moved */
    char paths[64][200];
    uint64_t steps_sum;
    char tree[4000];
};

/** Functions are 'a' and so on, FUNCTION_BYTES each. */
static struct tally_code_place function_of(void *owner, struct hart *hart, uint64_t pc,
                                           uint64_t at) {
    (void)owner, (void)hart, (void)at;
    return (struct tally_code_place){(uint32_t)(pc / FUNCTION_BYTES), pc % FUNCTION_BYTES == 0,
                                     true};
}

/* A kernel whose tp is the number of its task. */
static void thread_note(void *owner, struct hart *hart) {
    (void)owner;
    tally_set_task(hart, (uint32_t)hart->x[TP]);
}

static int subject_make(void **state) {
    static const uint8_t nothing[64];
    static struct rate rates[HARTS];
    struct subject *subject = calloc(1, sizeof *subject);
    struct error error;
    void *folder = NULL;
    assert_int_equal(folder_make(&folder), 0);
    struct bytes code = bytes_new(sizeof nothing, 0);
    subject->image = folder_write(folder, "program", code);
    struct machine_options options = {
        .bios = subject->image,
        .memory_bytes = MEMORY_MIN_BYTES,
        .hart_count = HARTS,
        .rates = rates,
        .quantum_ns = QUANTUM_DEFAULT_NS,
        .engine = ENGINE_INTERP,
    };
    assert_int_equal(ext_parse("max", &options.ext, &error), STATUS_OK);
    for (unsigned i = 0; i < HARTS; i++) {
        rates[i] = rate_from_shift(3);
    }
    subject->console = console_open("null", &error);
    subject->machine = machine_new(&options, subject->console, &error);
    assert_non_null(subject->machine);
    struct tally_watch watch = {
        .thread = thread_note, .function = function_of, .firmware_apart = true};
    for (unsigned i = 0; i < HARTS; i++) {
        struct hart *hart = subject->machine->harts.hart[i];
        hart->priv = PRIV_S;
        hart->medeleg = UINT64_MAX;
        hart->x[SP] = 0x10000;
        hart_changed(hart);
    }
    assert_int_equal(tally_begin(&subject->machine->harts, TALLY_CALLS, &watch, &error), STATUS_OK);
    tally_resume(&subject->machine->harts);
    subject->hart = subject->machine->harts.hart[0];
    assert_int_equal(folder_remove(&folder), 0);
    *state = subject;
    return 0;
}

static int subject_free(void **state) {
    struct subject *subject = *state;
    tally_end(&subject->machine->harts);
    machine_free(subject->machine);
    console_close(subject->console);
    free(subject->image);
    free(subject);
    return 0;
}

/* -- What a hart does -------------------------------------------------------------------------- */

static uint64_t start_of(char function) {
    return (uint64_t)(unsigned char)function * FUNCTION_BYTES;
}

static void arrive(struct subject *subject, uint64_t pc) {
    subject->hart->pc = pc;
    calls_arrive(subject->hart, subject->hart->clock->steps);
}

/** Takes steps where it is. */
static void work(struct subject *subject, unsigned steps) {
    subject->hart->clock->steps += steps;
    subject->hart->pc += 4;
}

/** Calls with the last of its steps. */
static void call(struct subject *subject, char function) {
    work(subject, 1);
    subject->hart->x[RA] = subject->hart->pc;
    subject->hart->label = LABEL_CALL_RA;
    arrive(subject, start_of(function));
    subject->hart->x[SP] -= 16;
}

static void leave(struct subject *subject, uint64_t to) {
    work(subject, 1);
    subject->hart->x[SP] += 16;
    subject->hart->label = LABEL_RETURN;
    arrive(subject, to);
}

static void jump(struct subject *subject, char function) {
    work(subject, 1);
    arrive(subject, start_of(function));
}

/** The kernel, in its function 'k', goes on with another task. */
static void task_switch(struct subject *subject, uint32_t task) {
    struct hart *hart = subject->hart;
    work(subject, 1);
    hart->x[TP] = task;
    tally_thread(hart, hart->clock->steps);
    arrive(subject, hart->pc);
}

static void trap(struct subject *subject, enum cause cause, char handler) {
    struct hart *hart = subject->hart;
    hart->stvec = start_of(handler);
    hart_exception(hart, cause, 0);
    hart->clock->steps++;
    arrive(subject, hart->pc);
}

static void trap_return(struct subject *subject, uint64_t to) {
    subject->hart->sepc = to;
    hart_sret(subject->hart);
    subject->hart->clock->steps++;
    arrive(subject, subject->hart->pc);
}

/** To user mode, which it may never have been in. */
static void user_enter(struct subject *subject, char function) {
    subject->hart->mstatus &= ~MSTATUS_SPP;
    trap_return(subject, start_of(function));
}

/* -- The tree ---------------------------------------------------------------------------------- */

static void node_note(void *owner, uint32_t idx, const struct tally_node *node) {
    struct subject *subject = owner;
    assert_true(idx < COUNT(subject->paths));
    char *path = subject->paths[idx];
    char parent[200] = "";
    if (node->parent != TALLY_ROOT) {
        memcpy(parent, subject->paths[node->parent], sizeof parent);
    }
    if (node->parent == TALLY_ROOT) {
        snprintf(path, sizeof subject->paths[0], "%u:%s%u", node->hart,
                 node->priv == PRIV_M ? "fw" : "", node->function);
    } else {
        snprintf(path, sizeof subject->paths[0], "%.190s%c", parent, (char)node->function);
    }
    if (node->steps > 0) {
        size_t used = strlen(subject->tree);
        snprintf(subject->tree + used, sizeof subject->tree - used, "%s=%d ", path,
                 (int)node->steps);
    }
    subject->steps_sum += node->steps;
}

/** Each step is somewhere. */
static const char *tree_of(struct subject *subject) {
    uint64_t steps = 0;
    tally_pause(&subject->machine->harts);
    tally_walk_calls(&subject->machine->harts, node_note, subject);
    for (unsigned i = 0; i < HARTS; i++) {
        steps += subject->machine->harts.hart[i]->clock->steps;
    }
    assert_int_equal(subject->steps_sum, steps);
    return subject->tree;
}

/* -- Tests ------------------------------------------------------------------------------------- */

static void tasks_go_on_where_they_were(void **state) {
    struct subject *subject = *state;
    arrive(subject, start_of('a'));
    task_switch(subject, 1);
    call(subject, 'b');
    uint64_t sp = subject->hart->x[SP];
    call(subject, 'k'); /* switches to a new task */
    uint64_t back = subject->hart->x[RA];
    task_switch(subject, 2);
    subject->hart->x[SP] = 0x20000;
    jump(subject, 'n'); /* its first function */
    call(subject, 'k');
    task_switch(subject, 1);
    subject->hart->x[SP] = sp - 16;
    leave(subject, back);
    work(subject, 5);
    assert_string_equal(tree_of(subject), "0:0a=1 0:1a=1 0:1ab=6 0:1abk=2 0:2k=1 0:2n=1 0:2nk=1 ");
}

static void a_task_takes_its_calls_along(void **state) {
    struct subject *subject = *state;
    arrive(subject, start_of('a'));
    task_switch(subject, 1);
    call(subject, 'b');
    uint64_t sp = subject->hart->x[SP];
    call(subject, 'k');
    uint64_t back = subject->hart->x[RA];
    task_switch(subject, 2);
    subject->hart = subject->machine->harts.hart[1];
    arrive(subject, start_of('k'));
    task_switch(subject, 1);
    subject->hart->x[SP] = sp - 16;
    leave(subject, back);
    work(subject, 5);
    assert_string_equal(tree_of(subject),
                        "0:0a=1 0:1a=1 0:1ab=1 0:1abk=1 1:0k=1 1:1ab=5 1:1abk=1 ");
}

static void traps_are_called_by_what_they_interrupt(void **state) {
    struct subject *subject = *state;
    arrive(subject, start_of('k'));
    user_enter(subject, 'm');
    call(subject, 'r');
    work(subject, 3);
    uint64_t at = subject->hart->pc;
    trap(subject, CAUSE_ECALL_U, 's');
    call(subject, 't');
    uint64_t inside = subject->hart->pc;
    trap(subject, CAUSE_LOAD_PAGE, 'f');
    work(subject, 2);
    trap_return(subject, inside + 8); /* a fixup in the same function */
    work(subject, 4);
    trap_return(subject, at + 4);
    work(subject, 6);
    assert_string_equal(tree_of(subject), "0:0k=1 0:0m=1 0:0mr=10 0:0mrs=1 0:0mrst=6 0:0mrstf=3 ");
}

static void a_signal_is_a_call_too(void **state) {
    struct subject *subject = *state;
    arrive(subject, start_of('k'));
    user_enter(subject, 'm');
    call(subject, 'w');
    uint64_t at = subject->hart->pc;
    trap(subject, CAUSE_ECALL_U, 's');
    trap_return(subject, start_of('h')); /* the handler */
    work(subject, 7);
    trap(subject, CAUSE_ECALL_U, 's'); /* sigreturn */
    trap_return(subject, at);
    work(subject, 9);
    assert_string_equal(tree_of(subject), "0:0k=1 0:0m=1 0:0mw=10 0:0mws=1 0:0mwh=8 0:0mwhs=1 ");
}

static void exec_begins_anew(void **state) {
    struct subject *subject = *state;
    arrive(subject, start_of('k'));
    user_enter(subject, 'm');
    call(subject, 'x');
    trap(subject, CAUSE_ECALL_U, 's');
    subject->hart->satp = UINT64_C(1) << 12;
    trap_return(subject, start_of('p'));
    work(subject, 3);
    assert_string_equal(tree_of(subject), "0:0k=1 0:0m=1 0:0mx=1 0:0mxs=1 0:0p=3 ");
}

static void firmware_is_apart(void **state) {
    struct subject *subject = *state;
    struct hart *hart = subject->hart;
    arrive(subject, start_of('k'));
    call(subject, 'b');
    hart->medeleg = 0;
    hart->mtvec = start_of('o');
    hart_exception(hart, CAUSE_ECALL_S, 0);
    hart->clock->steps++;
    arrive(subject, hart->pc);
    call(subject, 'q');
    work(subject, 2);
    hart->mepc = start_of('b') + 8;
    hart_mret(hart);
    hart->clock->steps++;
    arrive(subject, hart->pc);
    work(subject, 4);
    assert_string_equal(tree_of(subject), "0:0k=1 0:0kb=5 0:fw0o=1 0:fw0oq=3 ");
}

struct extent {
    uint32_t nodes;
    uint64_t steps;
};

static void extent_note(void *owner, uint32_t idx, const struct tally_node *node) {
    struct extent *extent = owner;
    (void)idx;
    extent->nodes++;
    extent->steps += node->steps;
}

/* The root, 400 inside each other, and no more. */
static void calls_without_end_have_one(void **state) {
    enum { DEEP = 20000 };
    struct subject *subject = *state;
    struct extent extent = {0};
    arrive(subject, start_of('a'));
    for (unsigned i = 0; i < DEEP; i++) {
        call(subject, 'a');
    }
    for (unsigned i = 0; i < DEEP; i++) {
        leave(subject, start_of('a') + 4);
    }
    tally_pause(&subject->machine->harts);
    tally_walk_calls(&subject->machine->harts, extent_note, &extent);
    assert_int_equal(extent.nodes, 401);
    assert_int_equal(extent.steps, 2 * DEEP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tasks_go_on_where_they_were, subject_make, subject_free),
        cmocka_unit_test_setup_teardown(a_task_takes_its_calls_along, subject_make, subject_free),
        cmocka_unit_test_setup_teardown(traps_are_called_by_what_they_interrupt, subject_make,
                                        subject_free),
        cmocka_unit_test_setup_teardown(a_signal_is_a_call_too, subject_make, subject_free),
        cmocka_unit_test_setup_teardown(exec_begins_anew, subject_make, subject_free),
        cmocka_unit_test_setup_teardown(firmware_is_apart, subject_make, subject_free),
        cmocka_unit_test_setup_teardown(calls_without_end_have_one, subject_make, subject_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
