#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints two runs side by side, and whether they agree.

usage: tools/compare-runs.py FIRST SECOND

Of each run there are FIRST.json, from --stats --state-hash, and FIRST.console, what its guest
printed. Exit status: 0 they agree in all that is the guest's, 1 they do not.
"""
import json
import pathlib
import sys

COLUMN = 33  # a state hash and a space


class Run:
    """One run, as cells of the table."""

    def __init__(self, name):
        self.stats = json.loads(pathlib.Path(f"{name}.json").read_text())
        self.console = pathlib.Path(f"{name}.console").read_bytes()

    def guest_rows(self):
        """What must be the same in both: label, cell, all that is compared."""
        stats = self.stats
        harts, timers, virtual_ns = stats["per_hart"], stats["timers"], stats["virtual_ns"]
        lines = self.console.count(b"\n")
        return [
            ("end", stats["exit"]["reason"], stats["exit"]),
            ("steps", f"{stats['steps']:,}", [hart["steps"] for hart in harts]),
            ("instructions", f"{stats['instructions']:,}", harts),
            ("virtual time", f"{virtual_ns // 10**9}.{virtual_ns % 10**9:09} s", virtual_ns),
            ("timers", f"{timers['fired']:,} fired, {timers['late_steps_max']} late", timers),
            ("console", f"{lines:,} lines, {len(self.console):,} bytes", self.console),
            ("state hash", stats["state_hash"], stats["state_hash"]),
        ]

    def host_rows(self):
        """What may differ: label, cell."""
        wall_s = self.stats["wall_s"]
        rows = [("wall time", f"{wall_s:.3f} s")]
        for key, spent_s in self.stats["host_time"].items():
            share = 100 * spent_s / wall_s if wall_s else 0
            rows.append((f"  {key.removesuffix('_s')}", f"{share:.1f} %{spent_s:9.3f} s"))
        return rows + [("MIPS", f"{self.stats['mips']:.1f}")]


def print_rows(first, second):
    for (label, one, *_), (_, other, *_) in zip(first, second):
        print(f"{label:12}{one:>{COLUMN}}{other:>{COLUMN}}")
    print()


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: tools/compare-runs.py FIRST SECOND")
    first, second = Run(sys.argv[1]), Run(sys.argv[2])
    guest = first.guest_rows(), second.guest_rows()
    print(f"{'':12}{'first run':>{COLUMN}}{'second run':>{COLUMN}}")
    print_rows(*guest)
    print_rows(first.host_rows(), second.host_rows())
    differ = [one[0] for one, other in zip(*guest) if one[2] != other[2]]
    if differ:
        print(f"The two runs DIFFER: {', '.join(differ)}.")
        return 1
    print("The two runs agree in everything but the host's time.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
