/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of a run, and where host time went. */
#include "machine/machine.h"

/* The host's clock is read at every switch: twice a turn and twice a device access, some 25 ns each
 * against tens of microseconds for a turn. So the parts are exact and add up by construction. */
void stopwatch_switch(struct stopwatch *stopwatch, enum activity activity) {
    int64_t now_ns = host_monotonic_ns();
    stopwatch->spent_ns[stopwatch->now] += now_ns - stopwatch->since_ns;
    stopwatch->since_ns = now_ns;
    stopwatch->now = activity;
}

static double seconds(int64_t ns) {
    return (double)ns / 1e9;
}

static struct host_cost host_cost(const struct stopwatch *stopwatch) {
    int64_t wall_ns = 0;
    for (unsigned i = 0; i < ACTIVITY_COUNT; i++) {
        wall_ns += stopwatch->spent_ns[i];
    }
    return (struct host_cost){
        .wall_s = seconds(wall_ns),
        .translate_s = seconds(stopwatch->spent_ns[ACTIVITY_TRANSLATE]),
        .execute_s = seconds(stopwatch->spent_ns[ACTIVITY_EXECUTE]),
        .time_s = seconds(stopwatch->spent_ns[ACTIVITY_TIME]),
        .device_s = seconds(stopwatch->spent_ns[ACTIVITY_DEVICE]),
        .idle_s = seconds(stopwatch->spent_ns[ACTIVITY_IDLE]),
    };
}

struct hart_stats machine_hart_stats(const struct machine *machine, unsigned hart) {
    const struct vcpu *vcpu = &machine->sched.vcpus[hart];
    struct hart_stats stats = {0};
    if (machine->parallel != NULL) {
        parallel_hart_stats(machine->parallel, hart, &stats);
        return stats;
    }
    stats.steps = vcpu->clock.steps;
    stats.instructions = hart_retired(machine->harts.hart[hart]);
    struct clock clock = sched_clock(&machine->sched, hart);
    stats.local_ns = clock_now(&clock);
    stats.idle_ns = sched_idle_ns(&machine->sched, hart);
    stats.ahead_max_ns = vcpu->ahead_max_ns;
    stats.data_fills = machine->harts.hart[hart]->data_fills;
    stats.fetch_fills = machine->harts.hart[hart]->fetch_fills;
    return stats;
}

void machine_stats(const struct machine *machine, struct machine_stats *stats) {
    *stats = (struct machine_stats){
        .virtual_ns =
            machine->parallel != NULL ? sched_virtual(&machine->sched) : sched_now(&machine->sched),
        .timers_fired = machine->sched.fired_count,
        .timers_late_steps_max = machine->sched.late_steps_max,
        .pace_ahead_max_ns = machine->pace.ahead_max_ns,
        .pace_behind_max_ns = machine->pace.behind_max_ns,
        .host = host_cost(&machine->stopwatch),
        .translates = machine->parallel != NULL ? parallel_translates(machine->parallel)
                                                : machine->jit != NULL,
        .checks = machine->check != NULL,
        .edited = machine->edited,
    };
    if (machine->pulse != NULL) {
        stats->pulse = pulse_stats(machine->pulse);
    }
    if (machine->parallel != NULL) {
        stats->jit = parallel_jit_stats(machine->parallel);
    } else if (stats->translates) {
        stats->jit = jit_stats(machine->jit);
    }
    for (unsigned i = 0; i < machine->harts.count; i++) {
        struct hart_stats hart = machine_hart_stats(machine, i);
        stats->tlb_data_fills += hart.data_fills;
        stats->tlb_fetch_fills += hart.fetch_fills;
        stats->steps += hart.steps;
        stats->instructions += hart.instructions;
    }
}

uint64_t machine_touched_bytes(const struct machine *machine) {
    return ram_touched_pages(&machine->bus.ram) * PAGE_BYTES;
}
