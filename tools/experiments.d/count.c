/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user program that counts to a number of instructions known beforehand, among others that are
 * just as busy, and what the machine's counters say that it took.
 *
 * THREADS programs in U mode run the same loop of three instructions; program t lives on hart
 * t % HARTS, and programs that share a hart take turns of a millisecond. The first one does LOOPS
 * rounds, so TARGET instructions, and then calls. The time that it ran is added up from the
 * counters as they stand at its first instruction and behind its last, over all its turns.
 * Harts without a program sleep.
 *
 * It prints the rounds, the three sums, and the position of the call on hart 0 (mcycle counts the
 * steps of the hart since its reset). */
#include "say.h"

#define TARGET 1232203923
enum { LOOPS = TARGET / 3, SLICE_TICKS = 10000, CAUSE_CALL_U = 8 };
_Static_assert((uint64_t)LOOPS * 3 == TARGET, "the loop has three instructions");

/* A program, and its counters: as read in enter and leave below. */
struct thread {
    uint64_t x[32];
    uint64_t pc;
    uint64_t start_instret, start_cycle, start_ticks;
    uint64_t end_instret, end_cycle, end_ticks;
    uint64_t kernel_sp;
    uint64_t instret, cycles, ticks;
    unsigned idx;
};

/* Where a program keeps its count, each in a line of its own. */
struct count {
    uint64_t loops;
    uint64_t unused[7];
};

static struct thread threads[THREADS];
struct count counts[THREADS] __attribute__((aligned(64)));
__asm__(".globl begin_signature, end_signature\n"
        "begin_signature = counts\n"
        "end_signature = counts + 8\n");

void user_program(void);
_Noreturn void enter(struct thread *thread);
void leave(void);
struct thread *trapped(struct thread *thread, uint64_t cause);

/* From the counters in leave to the first instruction of the trap, and from those in enter to the
 * program's first: as the code below has it. */
enum { LEAVE_INSTRET = 2, LEAVE_CYCLE = 4, ENTER_INSTRET = 5, ENTER_CYCLE = 7 };

#define EACH(op)                                                                                   \
#op " x1, 8(t6)\n" #op " x2, 16(t6)\n" #op " x3, 24(t6)\n" #op " x4, 32(t6)\n" #op             \
        " x5, 40(t6)\n" #op " x6, 48(t6)\n" #op " x7, 56(t6)\n" #op " x8, 64(t6)\n" #op            \
        " x9, 72(t6)\n" #op " x10, 80(t6)\n" #op " x11, 88(t6)\n" #op " x12, 96(t6)\n" #op         \
        " x13, 104(t6)\n" #op " x14, 112(t6)\n" #op " x15, 120(t6)\n" #op " x16, 128(t6)\n" #op    \
        " x17, 136(t6)\n" #op " x18, 144(t6)\n" #op " x19, 152(t6)\n" #op " x20, 160(t6)\n" #op    \
        " x21, 168(t6)\n" #op " x22, 176(t6)\n" #op " x23, 184(t6)\n" #op " x24, 192(t6)\n" #op    \
        " x25, 200(t6)\n" #op " x26, 208(t6)\n" #op " x27, 216(t6)\n" #op " x28, 224(t6)\n" #op    \
        " x29, 232(t6)\n"

__asm__(
    ".balign 64\n"
    "user_program:\n"
    "    addi  a0, a0, 1\n"
    "    sd    a0, 0(a1)\n"
    "    bne   a0, a2, user_program\n"
    "    ecall\n"
    ".balign 4\n"
    "leave:\n"
    "    csrrw t6, mscratch, t6\n"
    "    sd    t5, 240(t6)\n"
    "    csrr  t5, minstret\n"
    "    sd    t5, 288(t6)\n"
    "    csrr  t5, mcycle\n"
    "    sd    t5, 296(t6)\n"
    "    csrr  t5, time\n"
    "    sd    t5, 304(t6)\n" EACH(sd) "    csrr  t5, mscratch\n"
                                       "    sd    t5, 248(t6)\n"
                                       "    csrr  t5, mepc\n"
                                       "    sd    t5, 256(t6)\n"
                                       "    ld    sp, 312(t6)\n"
                                       "    mv    a0, t6\n"
                                       "    csrr  a1, mcause\n"
                                       "    call  trapped\n"
                                       "enter:\n"
                                       "    mv    t6, a0\n"
                                       "    csrw  mscratch, t6\n"
                                       "    ld    t5, 256(t6)\n"
                                       "    csrw  mepc, t5\n" EACH(ld) "    csrr  t5, time\n"
                                                                       "    sd    t5, 280(t6)\n"
                                                                       "    csrr  t5, mcycle\n"
                                                                       "    sd    t5, 272(t6)\n"
                                                                       "    csrr  t5, minstret\n"
                                                                       "    sd    t5, 264(t6)\n"
                                                                       "    ld    t5, 240(t6)\n"
                                                                       "    ld    t6, 248(t6)\n"
                                                                       "    mret\n");

static void account(struct thread *thread) {
    thread->instret +=
        thread->end_instret - LEAVE_INSTRET - (thread->start_instret + ENTER_INSTRET);
    thread->cycles += thread->end_cycle - LEAVE_CYCLE - (thread->start_cycle + ENTER_CYCLE);
    thread->ticks += thread->end_ticks - thread->start_ticks;
}

/* The call itself is a step, which does not retire and is no part of the count. */
static _Noreturn void report(const struct thread *thread) {
    say("count:");
    say_number("loops", counts[thread->idx].loops);
    say_number("instret", thread->instret);
    say_number("cycles", thread->cycles - 1);
    say_number("ticks", thread->ticks);
    say_number("call", thread->end_cycle - LEAVE_CYCLE - 1);
    say("\n");
    power_off();
}

struct thread *trapped(struct thread *thread, uint64_t cause) {
    account(thread);
    if (cause == CAUSE_CALL_U) {
        report(thread);
    }
    unsigned hart = thread->idx % HARTS;
    unsigned next = thread->idx + HARTS < THREADS ? thread->idx + HARTS : hart;
    MTIMECMP(hart) += SLICE_TICKS;
    return &threads[next];
}

static void threads_make(unsigned hart, uint64_t sp) {
    for (unsigned i = hart; i < THREADS; i += HARTS) {
        threads[i].pc = (uint64_t)user_program;
        threads[i].kernel_sp = sp;
        threads[i].idx = i;
        threads[i].x[11] = (uint64_t)&counts[i];
        threads[i].x[12] = i == 0 ? LOOPS : 0;
    }
}

uint64_t guest_main(uint64_t hart, const void *device_tree) {
    (void)device_tree;
    csr_write(pmpaddr0, -1);
    csr_write(pmpcfg0, 0x1f);
    csr_write(mtvec, leave);
    if (hart >= THREADS) {
        csr_write(mie, 0);
        for (;;) {
            __asm__ volatile("wfi");
        }
    }
    threads_make((unsigned)hart, (uint64_t)__builtin_frame_address(0));
    if (hart + HARTS < THREADS) {
        MTIMECMP(hart) = MTIME + SLICE_TICKS;
        csr_write(mie, 1 << 7);
    }
    csr_clear(mstatus, 3 << 11);
    csr_set(mstatus, 1 << 7);
    enter(&threads[hart]);
}
