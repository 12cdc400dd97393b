#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`make run` as a person meets it: tools/demo --interactive on a pseudo-terminal.

SANDGLASS is the program under test (out/sandglass). A failure shows what the terminal showed last.
"""
import os
import pathlib
import select
import signal
import subprocess
import sys
import termios
import time

DEMO = pathlib.Path(__file__).resolve().parents[2] / "tools/demo"
PATIENCE_S = 300  # a boot under a sanitizer on a busy host
LFLAG = 3  # index of the local modes in what tcgetattr() gives
PROMPT = "~ # "
CTRL_A = "\x01"
CTRL_C = "\x03"


class Failure(Exception):
    """What was not as it should be."""


class Session:
    """One run of the demo, and the terminal it has to itself."""

    def __init__(self):
        self.ours, self.theirs = os.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.seen = ""
        self.process = subprocess.Popen([DEMO, "--interactive"], stdin=self.theirs,
                                        stdout=self.theirs, stderr=self.theirs,
                                        start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)

    def read(self, timeout_s):
        """Takes what has come, after waiting for it; False when nothing came."""
        if not select.select([self.ours], [], [], max(timeout_s, 0))[0]:
            return False
        self.seen += os.read(self.ours, 4096).decode(errors="replace")
        return True

    def type(self, text):
        """Types, and forgets what was seen before."""
        self.seen = ""
        os.write(self.ours, text.encode())

    def expect(self, text):
        deadline_s = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            if not self.read(deadline_s - time.monotonic()):
                raise Failure(f"no {text!r} within {PATIENCE_S} s; last seen: {self.seen[-500:]!r}")

    def expect_raw(self):
        """The terminal hands keys on as they are typed: Ctrl-C is a byte, nothing is echoed."""
        deadline_s = time.monotonic() + PATIENCE_S
        cooked = termios.ICANON | termios.ISIG | termios.ECHO
        while termios.tcgetattr(self.theirs)[LFLAG] & cooked:
            if time.monotonic() > deadline_s:
                raise Failure("the terminal never went raw")
            self.read(0.1)

    def expect_end(self, status):
        """The session ends, and leaves the terminal as it was."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            if time.monotonic() > deadline_s:
                raise Failure(f"no end within {PATIENCE_S} s; last seen: {self.seen[-500:]!r}")
            self.read(0.1)
        while self.read(0):
            pass
        if self.process.returncode != status:
            raise Failure(f"status {self.process.returncode}, not {status}")
        if termios.tcgetattr(self.theirs) != self.before:
            raise Failure("the terminal is not as it was")


def a_shell_answers_and_ctrl_a_x_leaves(session):
    session.expect(PROMPT)
    session.expect_raw()
    session.type("echo $((6 * 7)) is it\r")
    session.expect("42 is it")
    session.expect(PROMPT)
    session.type(CTRL_A + "h")
    session.expect("Ctrl-A X leaves")
    session.type("echo $((7 * 6)) and sleep; sleep 1000\r")
    session.expect("42 and sleep")  # not the echo: from here on the guest's terminal takes Ctrl-C
    session.type(CTRL_C)
    session.expect(PROMPT)
    session.type(CTRL_A + "x")
    session.expect_end(0)
    if "Power down" in session.seen:
        raise Failure("the guest powered off by itself")


def the_end_of_the_shell_powers_off(session):
    session.expect(PROMPT)
    session.type("exit\r")
    session.expect_end(0)
    if "reboot: Power down" not in session.seen:
        raise Failure(f"no power-off; last seen: {session.seen[-500:]!r}")


def sigterm_restores_the_terminal(session):
    session.expect_raw()
    session.process.send_signal(signal.SIGTERM)
    session.expect_end(128 + signal.SIGTERM)


def main():
    tests = [a_shell_answers_and_ctrl_a_x_leaves, the_end_of_the_shell_powers_off,
             sigterm_restores_the_terminal]
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as error:
        print(f"no pseudo-terminals here: {error}", file=sys.stderr)
        print(f"0 passed, 0 failed, {len(tests)} skipped")
        return 0
    failed = 0
    for test in tests:
        try:
            with Session() as session:
                test(session)
        except Failure as failure:
            failed += 1
            print(f"FAILED {test.__name__}\n  {failure}", file=sys.stderr)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
