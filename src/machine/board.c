/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board: which devices there are, where, and which wire leads where. */
#include "machine/check.h"
#include "machine/machine.h"
#include "machine/past.h"
#include "machine/profiling.h"
#include "machine/sight.h"
#include "machine/waypoint.h"
#include "machine/ticker.h"

#include <stdlib.h>
#include <string.h>

/* -- Wires ------------------------------------------------------------------------------------- */

/* Kinds of messages between harts, as they stand in the state. */
enum post_kind {
    POST_MTIMECMP,
    POST_MTIME,
    POST_LINES, /* + bit of mip: a kind for each line */
    POST_KINDS = POST_LINES + 64
};

static uint16_t post_of_line(unsigned bit) {
    return (uint16_t)(POST_LINES + bit);
}

static void lines_arrive(void *hart, uint64_t value) {
    hart_set_lines(hart, value >> 1, (value & 1) != 0);
}

/* What one hart does to another's wires travels for a quantum (law 10). A reset is nobody's
 * doing in particular: it acts everywhere at its step. */
static void lines_drive(struct machine *machine, unsigned hart_idx, uint64_t bits, bool level) {
    if (machine->resetting) {
        hart_set_lines(machine->harts.hart[hart_idx], bits, level);
    } else {
        sched_post(&machine->sched, hart_idx, post_of_line((unsigned)__builtin_ctzll(bits)),
                   bits << 1 | level);
    }
}

static void lines_connect(struct machine *machine) {
    static const unsigned travelling = IP_MSIP | IP_MEIP | IP_SEIP;
    for (unsigned i = 0; i < machine->harts.count; i++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            if ((travelling >> bit & 1) != 0) {
                sched_connect(&machine->sched, i, post_of_line(bit), lines_arrive,
                              machine->harts.hart[i]);
            }
        }
    }
}

static void software_line_set(void *owner, unsigned hart_idx, bool level) {
    lines_drive(owner, hart_idx, IP_MSIP, level);
}

/* A comparator fires on its hart's own clock, so its line has no way to go. */
static void timer_line_set(void *owner, unsigned hart_idx, bool level) {
    struct machine *machine = owner;
    hart_set_lines(machine->harts.hart[hart_idx], IP_MTIP, level);
}

static void context_line_set(void *owner, unsigned context, bool level) {
    lines_drive(owner, context / 2, context % 2 == 0 ? IP_MEIP : IP_SEIP, level);
}

/**
 * @p count lines to one function, numbered from 0; NULL when out of memory. The caller frees
 * them.
 */
static struct line *lines_new(unsigned count, line_fn *set, struct machine *machine) {
    struct line *lines = calloc(count, sizeof *lines);
    for (unsigned i = 0; lines != NULL && i < count; i++) {
        lines[i] = (struct line){.set = set, .owner = machine, .number = i};
    }
    return lines;
}

/* Acted on right after the instruction that asks: the engine leaves after each device access, as
 * it does after each store to tohost. */
static void power_asked(void *owner, enum power_request request, uint64_t code) {
    struct machine *machine = owner;
    machine->asked.power = true;
    machine->asked.request = request;
    machine->asked.code = code;
}

static void device_span(void *owner, bool enters) {
    struct machine *machine = owner;
    stopwatch_switch(&machine->stopwatch, enters ? ACTIVITY_DEVICE : ACTIVITY_EXECUTE);
}

enum status out_of_memory(struct error *error) {
    return error_set(error, STATUS_USAGE,
                     "out of memory while building the machine; use a smaller --memory or --smp");
}

/* -- Devices ----------------------------------------------------------------------------------- */

/** What the board offers at each place: everything about a region but its device. */
static const struct region rom_place = {
    .base = BOARD_BOOT_ROM_BASE,
    .size_bytes = BOOT_ROM_SIZE_BYTES,
    .width_min = 1,
    .width_max = 8,
    .executable = true,
    .ops = &boot_rom_ops,
};
static const struct region syscon_place = {
    .base = BOARD_SYSCON_BASE,
    .size_bytes = SYSCON_SIZE_BYTES,
    .width_min = 2,
    .width_max = 4,
    .ops = &syscon_ops,
};
static const struct region rtc_place = {
    .base = BOARD_RTC_BASE,
    .size_bytes = RTC_SIZE_BYTES,
    .width_min = 4,
    .width_max = 4,
    .ops = &rtc_ops,
};
static const struct region aclint_place = {
    .base = BOARD_CLINT_BASE,
    .size_bytes = CLINT_SIZE_BYTES,
    .width_min = 4,
    .width_max = 8,
    .ops = &aclint_ops,
};
static const struct region plic_place = {
    .base = BOARD_PLIC_BASE,
    .size_bytes = PLIC_SIZE_BYTES,
    .width_min = 4,
    .width_max = 4,
    .ops = &plic_ops,
};
bool board_map(struct machine *machine, const struct region *place, void *device) {
    struct region region = *place;
    region.device = device;
    if (device == NULL) {
        return false;
    }
    if (!bus_map(&machine->bus, &region)) {
        region.ops->free(device);
        return false;
    }
    return true;
}

static void *board_new_aclint(struct machine *machine) {
    unsigned hart_count = machine->options.hart_count;
    struct line *timer = lines_new(hart_count, timer_line_set, machine);
    struct line *software = lines_new(hart_count, software_line_set, machine);
    void *aclint = NULL;
    if (timer != NULL && software != NULL) {
        aclint = aclint_new(&machine->sched, timer, software, POST_MTIMECMP);
    }
    free(timer);
    free(software);
    return aclint;
}

static void *board_new_plic(struct machine *machine) {
    unsigned hart_count = machine->options.hart_count;
    struct line *contexts = lines_new(2 * hart_count, context_line_set, machine);
    void *plic = contexts == NULL ? NULL : plic_new(hart_count, contexts);
    free(contexts);
    return plic;
}

paddr board_uart_base(unsigned idx) {
    return idx == 0 ? BOARD_UART_BASE : BOARD_SERIAL_BASE + (paddr)(idx - 1) * BOARD_SERIAL_STRIDE;
}

unsigned board_uart_irq(unsigned idx) {
    return idx == 0 ? BOARD_UART_IRQ : BOARD_SERIAL_IRQ + idx - 1;
}

static bool board_add_uart(struct machine *machine, void *plic, unsigned idx) {
    const struct machine_options *options = &machine->options;
    struct console *console = idx == 0 ? machine->console : options->serials[idx - 1];
    struct port *port = &machine->ports[idx];
    struct region place = {
        .base = board_uart_base(idx),
        .size_bytes = UART_SIZE_BYTES,
        .width_min = 1,
        .width_max = 1,
        .ops = &uart_ops,
    };
    port_init(port, console);
    struct inlet inlet = {
        .ops = &console_endpoint,
        .endpoint = console,
        .room = uart_room,
        .deliver = uart_deliver,
        .device = uart_new(plic_source(plic, board_uart_irq(idx)), port),
    };
    if (!board_map(machine, &place, inlet.device)) {
        return false;
    }
    inlet_add(machine, &inlet);
    return true;
}

static enum status board_add_devices(struct machine *machine, struct error *error) {
    void *rom = boot_rom_new(BOOT_ROM_SIZE_BYTES, &machine->target.rom);
    void *plic = board_new_plic(machine);
    bool done = board_map(machine, &rom_place, rom);
    done = board_map(machine, &syscon_place, syscon_new(power_asked, machine)) && done;
    done = board_map(machine, &aclint_place, board_new_aclint(machine)) && done;
    if (!board_map(machine, &plic_place, plic) || !done) {
        return out_of_memory(error);
    }
    struct line rtc_line = plic_source(plic, BOARD_RTC_IRQ);
    void *rtc = rtc_new(&machine->sched, rtc_line, machine->options.rtc_base_ns);
    done = board_map(machine, &rtc_place, rtc);
    for (unsigned i = 0; i <= machine->options.serial_count; i++) {
        done = board_add_uart(machine, plic, i) && done;
    }
    return done ? slots_fill(machine, plic, error) : out_of_memory(error);
}

/* -- Construction and reset -------------------------------------------------------------------- */

/* Messages under way are of the life before; and every line is driven anew. */
static void board_reset(struct machine *machine) {
    struct sched *sched = &machine->sched;
    machine->resetting = true;
    for (unsigned i = 0; i < sched->vcpu_count; i++) {
        sched->vcpus[i].inbox_count = 0;
    }
    bus_reset(&machine->bus);
    machine->resetting = false;
}

enum status machine_reset(struct machine *machine, struct error *error) {
    enum status status = boot_load(&machine->options, &machine->target, &machine->boot, error);
    if (status != STATUS_OK) {
        return status;
    }
    board_reset(machine);
    for (unsigned i = 0; i < machine->harts.count; i++) {
        hart_reset(machine->harts.hart[i], machine->boot.entry, machine->boot.fdt);
    }
    machine->asked = (struct asked){0};
    machine->half = (struct half){0};
    return STATUS_OK;
}

/* Clocks follow the host's; steps move them by next to nothing, so never past it. */
static void rates_free(const struct machine_options *options) {
    for (unsigned i = 0; i < options->hart_count; i++) {
        options->rates[i] = (struct rate){.whole_ns = 0, .part = 1, .parts = 1000};
    }
}

struct goal destination_goal(const struct destination *destination) {
    struct goal goal = goal_none;
    switch (destination->kind) {
    case DESTINATION_STEPS:
        goal.steps = destination->number;
        break;
    case DESTINATION_HART_STEPS:
        goal.hart = destination->hart;
        goal.hart_steps = destination->number;
        break;
    case DESTINATION_VTIME:
        goal.at_ns = (vtime)destination->number;
        break;
    default:
        break;
    }
    return goal;
}

/** Everything but the images and the engine. On failure machine_free() takes back what there is. */
static enum status machine_build(struct machine *machine, struct error *error) {
    const struct machine_options *options = &machine->options;
    if (options->time == TIME_FREE) {
        rates_free(options);
    }
    struct sched_options timing = {
        .vcpu_count = options->hart_count,
        .rates = options->rates,
        .quantum_ns = options->quantum_ns,
        .tick_ns = BOARD_TICK_NS,
        .monotonic = options->monotonic,
        .kind_count = POST_KINDS,
        .chaos = options->chaos,
    };
    struct bus *bus = &machine->bus;
    enum status status = bus_init(bus, BOARD_RAM_BASE, options->memory_bytes, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (!sched_init(&machine->sched, &timing)) {
        return out_of_memory(error);
    }
    machine->last = destination_goal(&options->stop);
    machine->to = destination_goal(&options->gate.to);
    machine->sched.stop_ns = machine->last.at_ns; /* its round ends there */
    status = harts_init(&machine->harts, options->ext, bus, &machine->sched, error);
    if (status != STATUS_OK) {
        return status;
    }
    lines_connect(machine);
    bus->span = device_span;
    bus->span_owner = machine;
    machine->watch = watch_new();
    machine->target.ram = &bus->ram;
    machine->target.rom_bytes = BOOT_ROM_SIZE_BYTES;
    status = machine->watch != NULL ? board_add_devices(machine, error) : out_of_memory(error);
    if (status == STATUS_OK && options->pulse_ns != 0) {
        machine->pulse = pulse_new(&machine->sched, options->pulse_ns);
        status = machine->pulse != NULL ? STATUS_OK : out_of_memory(error);
    }
    return status;
}

enum status machine_boot(struct machine *machine, struct error *error) {
    enum status status = machine_reset(machine, error);
    if (status != STATUS_OK) {
        return status;
    }
    const struct boot *boot = &machine->boot;
    if (machine->options.signature != NULL && boot->signature_start == boot->signature_end) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--signature: %s has no symbols begin_signature and end_signature",
                         machine->options.elf);
    }
    if (boot->tohost_set) {
        harts_watch_tohost(&machine->harts, boot->tohost, tohost_touched, machine);
    }
    return machine->check == NULL ? STATUS_OK : check_boot(machine->check, error);
}

/* Before translation, the machine was executing; so it is after it. */
static void translating(void *owner, bool begins) {
    struct machine *machine = owner;
    stopwatch_switch(&machine->stopwatch, begins ? ACTIVITY_TRANSLATE : ACTIVITY_EXECUTE);
    if (machine->profiling != NULL) {
        costs_translating(machine->profiling, machine->harts.hart[machine->turn_vcpu], begins);
    }
}

static void ticked(void *owner) {
    jit_stop(owner);
}

static enum status engine_make(struct machine *machine, struct error *error) {
    const struct machine_options *options = &machine->options;
    if (options->time != TIME_LOCKSTEP) {
        machine->parallel = parallel_new(machine, error);
        return machine->parallel == NULL ? error->status : STATUS_OK;
    }
    if (options->engine == ENGINE_INTERP) {
        return STATUS_OK;
    }
    bool check = options->engine == ENGINE_CHECK;
    bool dumps = options->dump_items != 0;
    machine->jit = jit_new(&machine->harts, &(struct jit_options){
                                                .cache_bytes = options->jit_cache_bytes,
                                                .translating = translating,
                                                .owner = machine,
                                                .dump_items = options->dump_items,
                                                .dump = options->dump,
                                                .remembers = check,
                                                .uncounted = options->uncounted,
                                            });
    if (machine->jit == NULL && (options->engine != ENGINE_AUTO || dumps)) {
        return error_set(error, STATUS_USAGE,
                         "%s: this host has no translator, or no memory for it; use --engine auto "
                         "without --dump, or a smaller --jit-cache",
                         check   ? "--engine check"
                         : dumps ? "--dump"
                                 : "--engine jit");
    }
    if (machine->jit != NULL && options->uncounted) {
        machine->ticker = ticker_new(ticked, machine->jit);
    }
    machine->check = check ? check_new(machine, error) : NULL;
    return check && machine->check == NULL ? error->status : STATUS_OK;
}

static enum status rewind_check(const struct machine *machine, struct error *error) {
    if (!machine->options.rewinds || past_possible(machine)) {
        return STATUS_OK;
    }
    return error_set(error, STATUS_USAGE,
                     "--rewind: this run cannot go back in time; drop --time token and free, "
                     "--engine check, --no-accounting, shift=auto, --share, and persist of disks");
}

struct machine *machine_make(const struct machine_options *options, struct console *console,
                             struct error *error) {
    struct machine *machine = calloc(1, sizeof *machine);
    if (machine == NULL) {
        out_of_memory(error);
        return NULL;
    }
    machine->options = *options;
    machine->console = console;
    machine->turn_vcpu = VCPU_NONE;
    machine->sights = sights_new();
    if (machine->sights == NULL) {
        free(machine);
        out_of_memory(error);
        return NULL;
    }
    if (machine_build(machine, error) != STATUS_OK || rewind_check(machine, error) != STATUS_OK ||
        boot_open(options, &machine->target, error) != STATUS_OK ||
        engine_make(machine, error) != STATUS_OK) {
        machine_free(machine);
        return NULL;
    }
    return machine;
}

struct machine *machine_new(const struct machine_options *options, struct console *console,
                            struct error *error) {
    struct machine *machine = machine_make(options, console, error);
    enum status status = machine == NULL ? error->status : STATUS_OK;
    if (status == STATUS_OK && options->opened != NULL) {
        status = options->opened(options->opened_owner, error);
    }
    if (status == STATUS_OK) {
        status = machine_boot(machine, error);
    }
    if (status == STATUS_OK) {
        status = sights_begin(machine, error);
    }
    if (status != STATUS_OK) {
        machine_free(machine);
        return NULL;
    }
    return machine;
}

/* In the reverse order of their making: devices and harts are attached to the schedule's timers. */
void machine_free(struct machine *machine) {
    if (machine == NULL) {
        return;
    }
    check_free(machine->check);
    parallel_free(machine->parallel);
    ticker_free(machine->ticker);
    past_forget_all(machine);
    waypoints_free(machine->waypoints);
    sights_end(machine);
    jit_free(machine->jit);
    pulse_free(machine->pulse);
    profiling_free(machine->profiling);
    harts_free(&machine->harts);
    bus_free(&machine->bus);
    sched_free(&machine->sched);
    boot_close(&machine->target);
    watch_free(machine->watch);
    free(machine);
}
