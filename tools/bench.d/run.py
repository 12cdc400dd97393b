# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of one row on one machine, measured from outside.

The guest prints "bench: begin" and "bench: end" around its work. This reads its console from a pipe
and takes the host's time, and the processor time of the emulator with all of its threads, when each
of them arrives. What the guest makes of its own clock plays no part. The other lines with "bench:"
are what came out; every machine has to print the same.
"""
import ctypes
import os
import select
import subprocess
import sys
import tempfile
import time

from failure import Failure
from peer import Peer

BEGIN = b"bench: begin"
END = b"bench: end"
ERROR = "bench: error"
LEAST_S = 0.02
PATIENCE_S = 900
ON_TERMINAL = sys.stderr.isatty()
LIBC = ctypes.CDLL(None)


class Run:
    """Times [s], what came out, and peak memory [bytes]."""

    def __init__(self, machine, row, text):
        self.machine = machine
        self.begin = self.end = None
        self.console = b""
        with tempfile.TemporaryFile() as errors, Peer(row) as peer:
            start_s = time.monotonic()
            self.process = subprocess.Popen(machine.command(row, peer.port), stderr=errors,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            try:
                self.follow(f"{text} on {machine.title}", start_s, peer)
            except BaseException:
                self.process.kill()
                raise
            finally:
                usage = self.wait()
                show("")
            exit_s = time.monotonic()
            errors.seek(0)
            self.complaint = errors.read().decode(errors="replace").strip()
        if row.is_whole:
            self.begin, self.end = (start_s, 0), (exit_s, usage.ru_utime + usage.ru_stime)
        self.peak_bytes = usage.ru_maxrss * 1024
        self.check(row)

    def follow(self, text, start_s, peer):
        """Reads the console until it is closed, and notes when the markers come."""
        pipe = self.process.stdout.fileno()
        while True:
            elapsed_s = time.monotonic() - start_s
            if elapsed_s > PATIENCE_S:
                self.process.kill()
                break
            if select.select([pipe], [], [], 1)[0]:
                piece = os.read(pipe, 65536)
                if not piece:
                    break
                self.console += piece
                self.note(self.now(), peer)
            elif ON_TERMINAL:
                show(f"{text}, {elapsed_s:.0f} s")

    def note(self, now, peer):
        """Markers that come at once get one time, and check() finds it out."""
        if not self.begin and BEGIN in self.console:
            self.begin = now
            peer.call()
        if not self.end and END in self.console:
            self.end = now

    def now(self):
        """The host's time and the emulator's processor time."""
        clock = ctypes.c_int()
        if LIBC.clock_getcpuclockid(self.process.pid, ctypes.byref(clock)):
            return time.monotonic(), 0
        return time.monotonic(), time.clock_gettime(clock.value)

    def wait(self):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.process.stdout.close()
        return usage

    def check(self, row):
        """A run that did not do all of its work, or not between the markers, measures nothing."""
        title = f"{row.name} on {self.machine.title}"
        lines = self.console.decode(errors="replace").splitlines()
        self.output = [line for line in lines if line.startswith("bench: ")]
        errors = [line for line in self.output if line.startswith(ERROR)]
        last = self.complaint or (lines[-1] if lines else "it said nothing")
        if errors:
            raise Failure(70, f"{title}: {errors[0].removeprefix('bench: error: ')}")
        if self.process.returncode or not self.begin or not self.end or not self.output:
            raise Failure(70, f"{title} did not get to its end (status "
                              f"{self.process.returncode}): {last.splitlines()[-1]}")
        self.wall_s, self.cpu_s = (end - begin for begin, end in zip(self.begin, self.end))
        if min(self.wall_s, self.cpu_s) < LEAST_S:
            raise Failure(70, f"{title} took less than {LEAST_S} s: are its markers on time?")

    def figures(self):
        return {"wall_s": round(self.wall_s, 4), "cpu_s": round(self.cpu_s, 4),
                "peak_bytes": self.peak_bytes}


def show(text):
    """A live line, for whoever waits at a terminal."""
    if ON_TERMINAL:
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
