/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who called whom: every step belongs to a function as it was called, a node of a tree.
 *
 * Nothing is counted while a function runs. The hart knows its node and since which position it has
 * been there; when it goes elsewhere, the steps between are added to the node. So what costs are
 * calls, returns and the like, and no instructions between. Code carries a label, its function's;
 * translated code compares it with hart->label where a block begins, and comes here (calls_arrive)
 * if they differ. A call or a return sets hart->label to a value that no code has.
 *
 * Each task has a stack of what it is in the middle of:
 *
 *     main -> read -> [trap] handle_exception -> sys_read -> [trap] handle_irq -> tick
 *                     U to S                                 S to S
 *
 * 1. A call puts where it will return to, and sp, on the stack. A return looks for that: mostly it
 *    is on top. What returns elsewhere is longjmp(): whatever was called with a lower sp is over.
 * 2. What jumps into another function without a call takes its caller's place: a tail call, a cold
 *    part, a linker's stub. But who jumps to where a call was to return has returned.
 * 3. A trap is a call that nobody made. It may come before anything is executed where a call or a
 *    return has led: that is dealt with when it has returned. Its return is known by the mode it
 *    goes to. Where that is not where it came from: in a user's code a signal handler was put
 *    between, which is such a call too, until somebody returns to where the trap came from; in
 *    another space it is another program, which begins with an empty stack. In the kernel it is a
 *    fixup in the same function.
 * 4. The kernel's switch from one task to another changes the stack, and nothing else: so a task
 *    goes on in the middle of the call that it was left in. A new task has an empty one.
 * 5. A task that moves to another hart takes its stack along: nodes there are others, with the same
 *    functions up to their root.
 * 6. Firmware under an operating system has a stack for each hart, which is empty whenever it is
 *    left.
 * 7. What function code belongs to is asked of who watches, for the space that it runs in. It is
 *    remembered by address; when anything about that changes all is forgotten. Without an operating
 *    system one page may be anywhere, and engines differ in who comes to it where: there it is told
 *    by the address that it was first executed at.
 *
 * Stacks, trees and depth have bounds, for guests that know none: beyond DEPTH_MAX a call takes its
 * caller's place, beyond NODES_MAX steps are the caller's, and of a stack too high the lowest half
 * is forgotten.
 *
 * Rejected: a count for each run in each node (memory); steps counted by address beside it (twice
 * the cost, and it is what runs.c does); frame pointers (leaf functions have none, and programs are
 * built without). */
#include <stdlib.h>
#include <string.h>

#include "hart/counts.h"

enum {
    NODES_MAX = 1 << 21,
    SLOTS_MIN = 1 << 12,
    RECENT = 1 << 14,
    DEPTH_MAX = 400,
    FRAMES_MAX = 4096,
    PLACES = 4096, /* that a hart remembers */
    REGISTER_RA = 1,
    REGISTER_SP = 2,
    REGISTER_T0 = 5
};

/** Part of satp that tells spaces apart: not the ASID. */
#define SATP_SPACE (~(UINT64_C(0xffff) << 44))

enum frame_kind {
    FRAME_CALL,
    FRAME_TRAP,
    FRAME_SIGNAL /* what a trap was to return to, while a handler runs instead */
};

/** What goes on when something returns. */
struct frame {
    uint64_t pc, sp, satp;
    uint32_t node;
    uint32_t label; /* of a trap: how the hart had come to pc */
    uint8_t kind, priv;
};

/** Of a task, or of firmware on a hart. */
struct call_stack {
    struct frame *frames;
    unsigned count, room;
    uint32_t node; /* while another is in use */
    uint32_t task;
    unsigned hart; /* that its nodes are of */
    bool firmware;
};

struct node {
    struct tally_node shown;
    uint32_t next; /* of its slot */
    uint16_t depth;
};

/** A child that was asked for. Many are the same over and over, and these lie close together. */
struct recent {
    uint32_t parent, function, idx;
    uint8_t priv;
};

/** What a hart remembers of an address. */
struct known {
    uint64_t pc, satp;
    struct tally_code_place place;
    uint8_t priv;
    bool valid;
};

struct calls {
    struct node *nodes; /* by index; 0 is none */
    uint32_t node_count;
    uint32_t *slots; /* slot_count of them, a power of 2, more than there are nodes */
    uint32_t slot_count;
    struct recent recent[RECENT];
    struct call_stack **tasks; /* by task, from 1 */
    size_t task_room;
    unsigned hart_count;
    struct call_stack *bare, *firmware; /* by hart */
    struct known *known;                /* PLACES a hart */
    uint32_t odd_labels;                /* given to code whose function is not known for good */
};

static struct calls *calls_of(const struct hart *hart) {
    return hart->harts->tally->calls;
}

/* -- Birth and death --------------------------------------------------------------------------- */

struct calls *calls_new(unsigned hart_count) {
    struct calls *calls = calloc(1, sizeof *calls);
    if (calls == NULL) {
        return NULL;
    }
    calls->hart_count = hart_count;
    calls->node_count = 1;
    calls->nodes = pages_map(NODES_MAX * sizeof *calls->nodes, PAGES_FILLED);
    calls->slot_count = SLOTS_MIN;
    calls->slots = calloc(SLOTS_MIN, sizeof *calls->slots);
    calls->bare = calloc(hart_count, sizeof *calls->bare);
    calls->firmware = calloc(hart_count, sizeof *calls->firmware);
    calls->known = calloc((size_t)hart_count * PLACES, sizeof *calls->known);
    if (calls->nodes == NULL || calls->slots == NULL || calls->bare == NULL ||
        calls->firmware == NULL || calls->known == NULL) {
        calls_free(calls);
        return NULL;
    }
    return calls;
}

void calls_free(struct calls *calls) {
    if (calls == NULL) {
        return;
    }
    for (size_t i = 0; i < calls->task_room; i++) {
        if (calls->tasks[i] != NULL) {
            free(calls->tasks[i]->frames);
            free(calls->tasks[i]);
        }
    }
    for (unsigned i = 0; i < calls->hart_count; i++) {
        free(calls->bare == NULL ? NULL : calls->bare[i].frames);
        free(calls->firmware == NULL ? NULL : calls->firmware[i].frames);
    }
    free(calls->tasks);
    free(calls->bare);
    free(calls->firmware);
    free(calls->known);
    free(calls->slots);
    pages_unmap(calls->nodes, NODES_MAX * sizeof *calls->nodes);
    free(calls);
}

/* -- Nodes ------------------------------------------------------------------------------------- */

static bool nodes_same(const struct tally_node *a, const struct tally_node *b) {
    return a->parent == b->parent && a->function == b->function && a->priv == b->priv &&
           (a->parent != TALLY_ROOT || a->hart == b->hart);
}

static uint32_t *slot_of(const struct calls *calls, const struct tally_node *node) {
    uint64_t mixed = ((uint64_t)node->parent << 32 ^ (uint64_t)node->function << 2 ^ node->priv ^
                      (node->parent == TALLY_ROOT ? node->hart << 8 : 0)) *
                     UINT64_C(0x9e3779b97f4a7c15);
    return &calls->slots[(mixed >> 32) & (calls->slot_count - 1)];
}

static void node_link(struct calls *calls, uint32_t idx) {
    uint32_t *slot = slot_of(calls, &calls->nodes[idx].shown);
    calls->nodes[idx].next = *slot;
    *slot = idx;
}

/* Small tables are in the host's caches. */
static void slots_grow(struct calls *calls) {
    free(calls->slots);
    calls->slot_count *= 2;
    calls->slots = calloc(calls->slot_count, sizeof *calls->slots);
    ensure(calls->slots != NULL);
    for (uint32_t i = 1; i < calls->node_count; i++) {
        node_link(calls, i);
    }
}

/** The node like this one. @return 0: there is no room for it. */
static uint32_t node_find(struct calls *calls, const struct tally_node *wanted, uint16_t depth) {
    for (uint32_t idx = *slot_of(calls, wanted); idx != 0; idx = calls->nodes[idx].next) {
        if (nodes_same(&calls->nodes[idx].shown, wanted)) {
            return idx;
        }
    }
    if (calls->node_count == NODES_MAX) {
        return 0;
    }
    if (calls->node_count == calls->slot_count) {
        slots_grow(calls);
    }
    uint32_t idx = calls->node_count++;
    calls->nodes[idx] = (struct node){.shown = *wanted, .depth = depth};
    node_link(calls, idx);
    return idx;
}

/* Roots have room from the beginning: as many as tasks that a stack is made for. */
static uint32_t root_of(struct calls *calls, const struct call_stack *stack, unsigned hart) {
    uint32_t idx = node_find(calls,
                             &(struct tally_node){.parent = TALLY_ROOT,
                                                  .function = stack->task,
                                                  .hart = hart,
                                                  .priv = stack->firmware ? PRIV_M : PRIV_U},
                             0);
    return idx == 0 ? 1 : idx;
}

static uint32_t child_of(struct calls *calls, uint32_t parent, uint32_t function, uint8_t priv) {
    struct node *node = &calls->nodes[parent];
    if (node->depth >= DEPTH_MAX) {
        parent = node->shown.parent;
        node = &calls->nodes[parent];
    }
    struct recent *recent =
        &calls->recent[(parent * 0x9e3779b9U ^ function * 0x85ebca6bU) >> 8 & (RECENT - 1)];
    if (recent->parent == parent && recent->function == function && recent->priv == priv) {
        return recent->idx;
    }
    uint32_t idx = node_find(
        calls,
        &(struct tally_node){
            .parent = parent, .function = function, .hart = node->shown.hart, .priv = priv},
        (uint16_t)(node->depth + 1));
    if (idx == 0) {
        return parent;
    }
    *recent = (struct recent){parent, function, idx, priv};
    return idx;
}

/** The same functions under the root of another hart. */
static uint32_t node_moved(struct calls *calls, const struct call_stack *stack, uint32_t idx,
                           unsigned hart) {
    uint32_t path[DEPTH_MAX + 1];
    unsigned length = 0;
    for (; calls->nodes[idx].shown.parent != TALLY_ROOT; idx = calls->nodes[idx].shown.parent) {
        path[length++] = idx;
    }
    uint32_t moved = root_of(calls, stack, hart);
    while (length > 0) {
        const struct tally_node *like = &calls->nodes[path[--length]].shown;
        moved = child_of(calls, moved, like->function, like->priv);
    }
    return moved;
}

/* -- Stacks ------------------------------------------------------------------------------------ */

static struct call_stack *stack_of_task(struct calls *calls, uint32_t task) {
    if (task >= calls->task_room) {
        size_t room = 2 * (size_t)task + 64;
        calls->tasks = realloc(calls->tasks, room * sizeof(struct call_stack *));
        ensure(calls->tasks != NULL);
        for (; calls->task_room < room; calls->task_room++) {
            calls->tasks[calls->task_room] = NULL;
        }
    }
    if (calls->tasks[task] == NULL) {
        calls->tasks[task] = calloc(1, sizeof *calls->tasks[task]);
        ensure(calls->tasks[task] != NULL);
        calls->tasks[task]->task = task;
    }
    return calls->tasks[task];
}

static struct call_stack *stack_wanted(struct hart *hart) {
    struct calls *calls = calls_of(hart);
    if (hart->priv == PRIV_M && hart->harts->tally->watch.firmware_apart) {
        calls->firmware[hart->id].firmware = true;
        return &calls->firmware[hart->id];
    }
    return hart->tally.task == 0 ? &calls->bare[hart->id] : stack_of_task(calls, hart->tally.task);
}

/** Goes on in the stack of the present mode and task. */
static void stack_select(struct hart *hart) {
    struct calls *calls = calls_of(hart);
    struct call_stack *stack = stack_wanted(hart);
    if (stack == hart->tally.stack) {
        return;
    }
    if (hart->tally.stack != NULL) {
        hart->tally.stack->node = hart->tally.node;
    }
    if (stack->node == 0) {
        stack->node = root_of(calls, stack, hart->id);
    } else if (stack->hart != hart->id) {
        stack->node = node_moved(calls, stack, stack->node, hart->id);
        for (unsigned i = 0; i < stack->count; i++) {
            stack->frames[i].node = node_moved(calls, stack, stack->frames[i].node, hart->id);
        }
    }
    stack->hart = hart->id;
    hart->tally.stack = stack;
    hart->tally.node = stack->node;
    hart->label = LABEL_STALE;
}

static void stack_empty(struct hart *hart) {
    hart->tally.stack->count = 0;
    hart->tally.node = root_of(calls_of(hart), hart->tally.stack, hart->id);
}

static void frame_push(struct hart *hart, const struct frame *frame) {
    struct call_stack *stack = hart->tally.stack;
    if (stack->count == FRAMES_MAX) {
        stack->count /= 2;
        memmove(stack->frames, stack->frames + stack->count, stack->count * sizeof *stack->frames);
    }
    if (stack->count == stack->room) {
        stack->room = 2 * stack->room + 16;
        stack->frames = realloc(stack->frames, stack->room * sizeof *stack->frames);
        ensure(stack->frames != NULL);
    }
    stack->frames[stack->count++] = *frame;
}

/** Goes on where a frame says, which is over with all above it. */
static void frame_pop(struct hart *hart, unsigned idx) {
    const struct frame *frame = &hart->tally.stack->frames[idx];
    bool jumped = frame->kind != FRAME_CALL && frame->label >= LABEL_CALL_T0;
    hart->tally.stack->count = idx;
    hart->tally.node = frame->node;
    hart->label = jumped ? frame->label : LABEL_STALE;
}

/* -- Jumps ------------------------------------------------------------------------------------- */

static struct tally_code_place place_at(struct hart *hart, uint64_t pc, uint64_t at) {
    const struct tally_watch *watch = &hart->harts->tally->watch;
    uint64_t told = tally_told(hart, pc, at);
    uint64_t satp = hart->priv == PRIV_U && !watch->one_address ? hart->satp : 0;
    struct known *known =
        &calls_of(hart)->known[(size_t)hart->id * PLACES + ((told >> 1 ^ told >> 13) % PLACES)];
    if (!known->valid || known->pc != told || known->satp != satp || known->priv != hart->priv) {
        *known = (struct known){told, satp, watch->function(watch->owner, hart, told, at),
                                hart->priv, true};
    }
    return known->place;
}

static void call_push(struct hart *hart, uint64_t returns_to) {
    frame_push(hart, &(struct frame){.pc = returns_to,
                                     .sp = hart->x[REGISTER_SP],
                                     .node = hart->tally.node,
                                     .kind = FRAME_CALL});
}

/* Nearly always the topmost frame is what is returned to.
 * @param surely  It is a return; else a jump, which may be one by another register than ra. */
static void call_pop(struct hart *hart, uint64_t pc, bool surely) {
    enum { FAR_BYTES = 8 << 20 };
    const struct call_stack *stack = hart->tally.stack;
    uint64_t sp = hart->x[REGISTER_SP];
    unsigned over = stack->count;
    for (unsigned i = stack->count; i > 0 && stack->frames[i - 1].kind == FRAME_CALL; i--) {
        const struct frame *frame = &stack->frames[i - 1];
        if (frame->pc == pc && frame->sp == sp) {
            frame_pop(hart, i - 1);
            return;
        }
        over = sp - frame->sp < FAR_BYTES ? i - 1 : over;
    }
    if (surely && over < stack->count) {
        frame_pop(hart, over);
    }
}

/** Is it in that function already? */
static bool function_runs(const struct hart *hart, const struct tally_code_place *place) {
    const struct tally_node *now = &calls_of(hart)->nodes[hart->tally.node].shown;
    return now->parent != TALLY_ROOT && now->function == place->function && now->priv == hart->priv;
}

/** Goes to a function: by a call, or in the place of the one that ran. */
static void function_enter(struct hart *hart, const struct tally_code_place *place, bool called) {
    struct calls *calls = calls_of(hart);
    const struct tally_node *now = &calls->nodes[hart->tally.node].shown;
    if (!called && function_runs(hart, place)) {
        return;
    }
    bool below = called || now->parent == TALLY_ROOT;
    uint32_t parent = below ? hart->tally.node : now->parent;
    hart->tally.node = child_of(calls, parent, place->function, hart->priv);
    hart->tally.called = called || place->starts;
    calls->nodes[hart->tally.node].shown.calls += hart->tally.called;
}

static void arrive(struct hart *hart, uint64_t at, const struct tally_code_place *place,
                   uint64_t pc) {
    uint32_t how = hart->label;
    calls_settle(hart, at);
    if (how == LABEL_CALL_RA || how == LABEL_CALL_T0) {
        call_push(hart, hart->x[how == LABEL_CALL_RA ? REGISTER_RA : REGISTER_T0]);
    } else if (how == LABEL_RETURN) {
        call_pop(hart, pc, true);
    } else if (how < LABEL_CALL_T0 && !place->starts && !function_runs(hart, place)) {
        call_pop(hart, pc, false);
    }
    function_enter(hart, place, how == LABEL_CALL_RA || how == LABEL_CALL_T0 || how == LABEL_TRAP);
}

static void arrive_where(struct hart *hart, uint64_t at, uint64_t where) {
    struct tally_code_place place = place_at(hart, hart->pc, where);
    if (hart->label != place.function) {
        arrive(hart, at, &place, hart->pc);
        hart->label = place.function;
    }
}

void calls_arrive(struct hart *hart, uint64_t at) {
    arrive_where(hart, at, tally_place(hart, hart->pc));
}

void calls_miss(struct hart *hart, uint64_t at) {
    arrive_where(hart, at, TALLY_NOWHERE);
}

/* A user's file may have another name in another process. Flat: this is done millions of times a
 * second, and was a sixth of its instructions slower with calls inside. */
__attribute__((flatten)) void tally_moved(struct hart *hart, uint64_t pc, uint64_t at,
                                          const struct tally_label *label) {
    struct tally_code_place place = {label->value, label->starts, true};
    bool users = hart->priv == PRIV_U && !hart->harts->tally->watch.one_address;
    if (!label->whole || users) {
        place = place_at(hart, pc, tally_place(hart, pc));
    }
    arrive(hart, at, &place, pc);
    hart->label = label->value;
}

struct tally_label tally_label(struct hart *hart, const struct tally_code *code) {
    struct calls *calls = calls_of(hart);
    struct tally_code_place place = place_at(hart, code->pc, code->at);
    if (place.whole || hart->harts->tally->watch.one_address) {
        return (struct tally_label){place.function, place.starts, true};
    }
    calls->odd_labels = (calls->odd_labels + 1) % TALLY_FUNCTIONS_MAX;
    return (struct tally_label){TALLY_FUNCTIONS_MAX + calls->odd_labels, false, false};
}

/* -- Traps and tasks --------------------------------------------------------------------------- */

void calls_trapped(struct hart *hart, enum privilege before) {
    if (hart->tally.stack != stack_wanted(hart)) {
        stack_select(hart);
        stack_empty(hart);
    } else {
        frame_push(hart, &(struct frame){.pc = hart->priv == PRIV_M ? hart->mepc : hart->sepc,
                                         .sp = hart->x[REGISTER_SP],
                                         .satp = hart->satp & SATP_SPACE,
                                         .node = hart->tally.node,
                                         .label = hart->label,
                                         .kind = FRAME_TRAP,
                                         .priv = (uint8_t)before});
    }
    hart->label = LABEL_TRAP;
}

/** Does the hart come back to where a frame's trap was, or right behind a system call there? */
static bool comes_back(const struct hart *hart, const struct frame *frame) {
    return hart->pc == frame->pc || hart->pc == frame->pc + 4;
}

/** A user's code goes on elsewhere than it was left at. */
static void signal_enter(struct hart *hart, unsigned idx) {
    const struct call_stack *stack = hart->tally.stack;
    for (unsigned i = idx; i > 0; i--) {
        if (stack->frames[i - 1].kind == FRAME_SIGNAL && comes_back(hart, &stack->frames[i - 1])) {
            frame_pop(hart, i - 1);
            return;
        }
    }
    struct frame frame = stack->frames[idx];
    frame_pop(hart, idx);
    frame.kind = FRAME_SIGNAL;
    frame_push(hart, &frame);
    hart->label = LABEL_TRAP;
}

/** Returns to what the topmost trap out of the present mode was in the middle of. */
static void trap_pop(struct hart *hart) {
    const struct call_stack *stack = hart->tally.stack;
    unsigned i = stack->count;
    while (i > 0 &&
           !(stack->frames[i - 1].kind == FRAME_TRAP && stack->frames[i - 1].priv == hart->priv)) {
        i--;
    }
    bool user = hart->priv == PRIV_U;
    if (i == 0 || (user && stack->frames[i - 1].satp != (hart->satp & SATP_SPACE))) {
        stack_empty(hart);
    } else if (user && !comes_back(hart, &stack->frames[i - 1])) {
        signal_enter(hart, i - 1);
    } else {
        frame_pop(hart, i - 1);
    }
}

void calls_returned(struct hart *hart, enum privilege before) {
    hart->label = LABEL_STALE;
    if (before == PRIV_M && hart->tally.stack != stack_wanted(hart)) {
        stack_empty(hart);
        stack_select(hart);
    } else {
        trap_pop(hart);
    }
}

void calls_task(struct hart *hart) {
    stack_select(hart);
}

/* -- Counting ---------------------------------------------------------------------------------- */

void calls_begin(struct hart *hart) {
    hart->tally.from_steps = hart->clock->steps;
    hart->tally.called = false;
    hart->tally.stack = NULL;
    stack_select(hart);
}

/* A call that nothing of was executed is none yet. */
void calls_end(struct hart *hart) {
    calls_settle(hart, hart->clock->steps);
    calls_of(hart)->nodes[hart->tally.node].shown.calls -= hart->tally.called;
    hart->tally.called = false;
    hart->tally.stack = NULL;
}

static void stack_forget(struct call_stack *stack) {
    stack->count = 0;
    stack->node = 0;
}

void calls_forget(struct calls *calls) {
    for (size_t i = 0; i < calls->task_room; i++) {
        if (calls->tasks[i] != NULL) {
            stack_forget(calls->tasks[i]);
        }
    }
    for (unsigned i = 0; i < calls->hart_count; i++) {
        stack_forget(&calls->bare[i]);
        stack_forget(&calls->firmware[i]);
    }
}

void calls_settle(struct hart *hart, uint64_t at) {
    hart->tally.called = hart->tally.called && at == hart->tally.from_steps;
    calls_of(hart)->nodes[hart->tally.node].shown.steps += at - hart->tally.from_steps;
    hart->tally.from_steps = at;
}

void calls_unretired(struct hart *hart) {
    calls_of(hart)->nodes[hart->tally.node].shown.unretired++;
}

void calls_stale(struct hart *hart) {
    struct known *known = &calls_of(hart)->known[(size_t)hart->id * PLACES];
    for (unsigned i = 0; i < PLACES; i++) {
        known[i].valid = false;
    }
    if (hart->label < TALLY_FUNCTIONS_MAX * 2U) {
        hart->label = LABEL_STALE;
    }
}

void tally_walk_calls(struct harts *harts, tally_node_fn *tell, void *owner) {
    const struct calls *calls = harts->tally->calls_kept;
    uint64_t *totals = calloc(calls->node_count, sizeof *totals);
    ensure(totals != NULL);
    for (uint32_t i = calls->node_count; i-- > 1;) {
        const struct tally_node *node = &calls->nodes[i].shown;
        totals[i] += node->steps;
        if (node->parent != TALLY_ROOT) {
            totals[node->parent] += totals[i];
        }
    }
    for (uint32_t i = 1; i < calls->node_count; i++) {
        if (totals[i] > 0) {
            tell(owner, i, &calls->nodes[i].shown);
        }
    }
    free(totals);
}
