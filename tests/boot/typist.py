#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Types at a guest's shell, at times and in pieces that are drawn, and in the end powers off.

usage: tests/boot/typist.py SEED SECONDS COMMAND...     (what boots it, with its console on stdio)
"""
import random
import subprocess
import sys
import time

LINES = ("echo hello\n", "ls -l /bin | wc\n", "cat /proc/uptime\n", "cat /proc/interrupts\n",
         "dd if=/dev/zero bs=64k count=20 2>/dev/null | md5sum\n", "sleep 0.1\n", "date\n", "\x03",
         "for i in 1 2 3; do seq $i 300 | sha256sum & done; wait\n", "\x7f\x15\x1b[A\r")


def type_on(drawn, stdin, seconds):
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        line = drawn.choice(LINES).encode()
        while line:
            size = drawn.choice((1, 2, len(line)))
            stdin.write(line[:size])
            line = line[size:]
            time.sleep(drawn.random() * 0.01)
        time.sleep(drawn.random() * 0.15)
    stdin.write(b"\x03\npoweroff -f\n")


def main():
    seed, seconds, *command = sys.argv[1:]
    with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as machine:
        try:
            type_on(random.Random(int(seed)), machine.stdin, float(seconds))
            machine.stdin.close()
        except BrokenPipeError:
            pass
    sys.exit(machine.returncode if machine.returncode >= 0 else 128 - machine.returncode)


if __name__ == "__main__":
    main()
