#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Talks to gdb as an IDE does: its machine interface, with the target running in the background.

usage: mi.py GDB SCRIPT ELF SOCKET

A line of SCRIPT is a command, whose answer must be no error, or "wait TEXT": for a record that
holds TEXT.
"""
import queue
import subprocess
import sys
import threading

PATIENCE_S = 60


def fail(what, seen):
    print("mi.py: %s; gdb's last words:" % what)
    print("".join(seen[-12:]))
    sys.exit(1)


def main():
    program, script, elf, socket = sys.argv[1:]
    gdb = subprocess.Popen(
        [program, "-nx", "-quiet", "-i=mi"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = queue.Queue()
    seen = []

    def read():
        for line in gdb.stdout:
            lines.put(line)
        lines.put("")

    def wait_for(what, wanted):
        while True:
            try:
                line = lines.get(timeout=PATIENCE_S)
            except queue.Empty:
                fail("no answer: " + what, seen)
            seen.append(line)
            if line == "" or wanted(line):
                return line

    threading.Thread(target=read, daemon=True).start()
    with open(script) as commands:
        for command in commands.read().splitlines():
            if command == "" or command.startswith("#"):
                continue
            if command.startswith("wait "):
                text = command[5:]
                if wait_for(command, lambda line: line[0] in "*=" and text in line) == "":
                    fail("gdb left before: " + command, seen)
                continue
            command = command.replace("ELF", elf).replace("SOCKET", socket)
            gdb.stdin.write(command + "\n")
            gdb.stdin.flush()
            answer = wait_for(command, lambda line: line[0] == "^")
            if answer.startswith("^error"):
                fail("refused: " + command, seen)
    sys.exit(gdb.wait(PATIENCE_S))


main()
