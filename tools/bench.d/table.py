# SPDX-License-Identifier: GPL-2.0-or-later
"""The table: a line for each row as it is done, geometric means of each group at the end.

Runs come in rounds, one run of each machine. A ratio is taken within a round, so that what the
host does meanwhile meets both; the table shows the median of the rounds with the least and the
greatest. Ratios tell how many times as fast Sandglass is.
"""
import math
import statistics

OURS = "sandglass"
UNCOUNTED = "uncounted"
PEERS = ("icount", "qemu")
CLOCKS = ("wall_s", "cpu_s")
MIB = 2**20


class Result:
    """What a row came to: for each machine's key its runs, by rounds."""

    def __init__(self, row, runs):
        self.row = row
        self.runs = runs

    def median(self, key, clock):
        return statistics.median(getattr(run, clock) for run in self.runs[key])

    def ratios(self, key, clock):
        """How many times as fast as this machine, in each round."""
        return [getattr(theirs, clock) / getattr(ours, clock)
                for ours, theirs in zip(self.runs[OURS], self.runs[key])]

    def ratio(self, key, clock):
        return statistics.median(self.ratios(key, clock))


def cost_percent(ratio):
    """What counting costs, of a time without it divided by the time with it."""
    return (1 / ratio - 1) * 100


class Table:
    """Prints results; clock is wall_s or cpu_s."""

    def __init__(self, machines, clock):
        self.machines = machines
        self.clock = clock
        self.keys = [machine.key for machine in machines]
        self.peers = [machine for machine in machines if machine.key in PEERS]

    def print_head(self):
        line = f"{'median [s]':16}" + "".join(f"{key:>10}" for key in self.keys)
        for machine in self.peers:
            line += f"{'times ' + machine.key:>20}"
        if UNCOUNTED in self.keys:
            line += f"{'counting costs':>21}"
        print(line)

    def print_result(self, result):
        line = f"{result.row.name:16}"
        line += "".join(f"{result.median(key, self.clock):10.2f}" for key in self.keys)
        for machine in self.peers:
            ratios = result.ratios(machine.key, self.clock)
            spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
            line += f"{statistics.median(ratios):7.2f} {spread:>12}"
        if UNCOUNTED in self.keys:
            costs = [cost_percent(ratio) for ratio in result.ratios(UNCOUNTED, self.clock)]
            spread = f"({min(costs):+.0f} to {max(costs):+.0f})"
            line += f"{statistics.median(costs):+7.1f} % {spread:>11}"
        print(line, flush=True)

    def print_failure(self, row):
        print(f"{row.name:16} FAILED", flush=True)

    def print_means(self, results):
        """For each group the geometric mean of the rows' ratios and the row with the least."""
        for group in dict.fromkeys(result.row.group for result in results):
            rows = [result for result in results if result.row.group == group]
            print(f"\n{group}, geometric mean of {len(rows)} row{'s' * (len(rows) > 1)}:")
            for machine in self.peers:
                self.print_mean(rows, machine.key, machine.title)
            if UNCOUNTED in self.keys:
                wall, cpu = (cost_percent(mean(rows, UNCOUNTED, clock)) for clock in CLOCKS)
                print(f"  counting costs {wall:+.1f} % of wall time, {cpu:+.1f} % of CPU time")
            self.print_peaks(rows)

    def print_mean(self, rows, key, title):
        wall, cpu = (mean(rows, key, clock) for clock in CLOCKS)
        least = min(rows, key=lambda result: result.ratio(key, self.clock))
        print(f"  {wall:.2f} times as fast as {title} in wall time, {cpu:.2f} in CPU time; "
              f"least: {least.ratio(key, self.clock):.2f} ({least.row.name})")

    def print_peaks(self, rows):
        """The most host memory that a run took."""
        peaks = {key: max(run.peak_bytes for row in rows for run in row.runs[key]) // MIB
                 for key in self.keys}
        print("  peak memory: " + ", ".join(f"{key} {peak} MiB" for key, peak in peaks.items()))


def mean(rows, key, clock):
    return math.exp(statistics.fmean(math.log(row.ratio(key, clock)) for row in rows))
