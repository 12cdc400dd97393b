/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tohost: how bare-metal programs end, and print, without a device.
 *
 * The word names a device (bits 63:56), a command (55:48) and a payload. Device 0 ends the run
 * when the payload is odd, else it points to a system call: eight 64-bit words, number first.
 * Device 1 is a console. What is served is answered in fromhost; what is not is dropped. Either
 * way tohost is cleared, which tells the guest that it may go on.
 *
 * A store of all eight bytes is acted on at once. Programs for both register widths store
 * halves, in either order, and half a word must not be taken for a whole one: the low half of a
 * console byte alone looks like a failure.
 *
 * 1. The high half stored while the low one is zero: the low one must follow.
 * 2. The low half stored while the high one is zero: the high one may follow. The next store to
 *    tohost settles it (the high half, or the same again in a loop). A program that stores it
 *    once and then waits has said all it will: that is settled HALF_WAIT_STEPS later, or when
 *    the hart sleeps. */
#include "machine/machine.h"

#include <string.h>

enum { HTIF_CONSOLE = 1, HTIF_PUTCHAR = 1, SYSCALL_WRITE = 64, STDOUT = 1, STDERR = 2 };
enum { HALF_WAIT_STEPS = 64, WRITE_MAX_BYTES = 65536 };

/* -- Serving ----------------------------------------------------------------------------------- */

static uint64_t word_read(const struct machine *machine, paddr address) {
    uint64_t word = 0;
    (void)ram_read(&machine->bus.ram, address, &word, sizeof word);
    return word;
}

/* An address outside RAM is the guest's mistake and has no effect. */
static void word_write(struct machine *machine, paddr address, uint64_t word) {
    (void)ram_write(&machine->bus.ram, address, &word, sizeof word);
}

static void answer(struct machine *machine, uint64_t fromhost) {
    word_write(machine, machine->boot.tohost, 0);
    if (machine->boot.fromhost != 0) {
        word_write(machine, machine->boot.fromhost, fromhost);
    }
}

/** @return What the guest's write() returns: bytes written, or -EFAULT. One step does bounded work,
 *          so a long write is a short one. */
static uint64_t write_serve(struct machine *machine, uint64_t file, paddr bytes, uint64_t count) {
    const struct ram *ram = &machine->bus.ram;
    if (file != STDOUT && file != STDERR) {
        return (uint64_t)-9; /* EBADF */
    }
    if (!ram_holds(ram, bytes, count)) {
        return (uint64_t)-14; /* EFAULT */
    }
    count = min_u64(count, WRITE_MAX_BYTES);
    for (uint64_t i = 0; i < count; i++) {
        console_put(machine->console, *ram_at(ram, bytes + i));
    }
    return count;
}

/* The result replaces the call's number. */
static void syscall_serve(struct machine *machine, paddr call) {
    uint64_t words[4];
    uint64_t result = (uint64_t)-38; /* ENOSYS */
    if (!ram_read(&machine->bus.ram, call, words, sizeof words)) {
        answer(machine, 0);
        return;
    }
    if (words[0] == SYSCALL_WRITE) {
        result = write_serve(machine, words[1], words[2], words[3]);
    }
    word_write(machine, call, result);
    answer(machine, 1);
}

static void tohost_serve(struct machine *machine) {
    uint64_t word = word_read(machine, machine->boot.tohost);
    uint64_t device = bits_get(word, 63, 56);
    uint64_t command = bits_get(word, 55, 48);
    uint64_t payload = bits_get(word, 47, 0);
    if (word == 0) {
        return;
    }
    if (device == HTIF_CONSOLE) {
        if (command == HTIF_PUTCHAR) {
            console_put(machine->console, (uint8_t)payload);
        }
        answer(machine, command == HTIF_PUTCHAR ? word - payload : 0);
    } else if ((word & 1) != 0) {
        machine_end(machine, EXIT_TOHOST, word >> 1);
    } else if (device == 0 && command == 0) {
        syscall_serve(machine, payload);
    } else {
        answer(machine, 0);
    }
}

/* -- Looking ----------------------------------------------------------------------------------- */

/* Called in the middle of a store; the engine leaves after the instruction, and tohost_look()
 * follows. */
void tohost_touched(void *owner, paddr address, uint64_t size_bytes) {
    struct machine *machine = owner;
    paddr tohost = machine->boot.tohost;
    bool low = address < tohost + 4;
    bool high = address + size_bytes > tohost + 4;
    uint64_t word = word_read(machine, tohost);
    if (low && !high && word >> 32 == 0 && !machine->half.waits) {
        machine->asked.tohost_half = true;
    } else if (low || (uint32_t)word != 0) {
        machine->asked.tohost = true;
    }
}

uint64_t tohost_left_steps(const struct machine *machine, unsigned vcpu) {
    const struct half *half = &machine->half;
    if (!half->waits || half->hart != vcpu) {
        return UINT64_MAX;
    }
    return half->until_steps - machine->sched.vcpus[vcpu].clock.steps;
}

static bool half_is_due(const struct machine *machine, unsigned vcpu) {
    bool asleep = machine->half.hart == vcpu && machine->sched.vcpus[vcpu].asleep;
    return machine->half.waits && (asleep || tohost_left_steps(machine, vcpu) == 0);
}

void tohost_look(struct machine *machine, unsigned vcpu) {
    struct asked *asked = &machine->asked;
    if (asked->tohost_half) {
        uint64_t position = machine->sched.vcpus[vcpu].clock.steps;
        machine->half = (struct half){true, vcpu, position + HALF_WAIT_STEPS};
    }
    if (asked->tohost || half_is_due(machine, vcpu)) {
        machine->half.waits = false;
        tohost_serve(machine);
    }
    asked->tohost = asked->tohost_half = false;
}

void tohost_state(struct machine *machine, struct stream *stream) {
    struct half *half = &machine->half;
    if (!half->waits) {
        *half = (struct half){0};
    }
    stream_bool(stream, &half->waits);
    stream_count(stream, &half->hart, machine->options.hart_count - 1);
    stream_u64(stream, &half->until_steps);
}
