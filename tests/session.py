# SPDX-License-Identifier: GPL-2.0-or-later
"""A command on a pseudo-terminal, as a person has it: types, and waits for what appears."""
import os
import select
import subprocess
import termios
import time

LFLAG = 3  # index of the local modes in what tcgetattr() gives


class Failure(Exception):
    """What was not as it should be."""


class Session:
    """One run of a command, and the terminal it has to itself."""

    def __init__(self, command, patience_s=300, log=None):
        """Its patience is for a boot under a sanitizer on a busy host. What appears goes to log."""
        self.ours, self.theirs = os.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.seen = ""
        self.patience_s = patience_s
        self.log = log
        self.process = subprocess.Popen(command, stdin=self.theirs, stdout=self.theirs,
                                        stderr=self.theirs, start_new_session=True)

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
        text = os.read(self.ours, 4096).decode(errors="replace")
        self.seen += text
        if self.log:
            self.log.write(text)
        return True

    def type(self, text):
        """Types, and forgets what was seen before."""
        self.seen = ""
        os.write(self.ours, text.encode())

    def late(self, what):
        return Failure(f"{what} within {self.patience_s} s; last seen: {self.seen[-500:]!r}")

    def expect(self, text):
        deadline_s = time.monotonic() + self.patience_s
        while text not in self.seen:
            if not self.read(deadline_s - time.monotonic()):
                raise self.late(f"no {text!r}")

    def expect_raw(self):
        """The terminal hands keys on as they are typed: Ctrl-C is a byte, nothing is echoed."""
        deadline_s = time.monotonic() + self.patience_s
        cooked = termios.ICANON | termios.ISIG | termios.ECHO
        while termios.tcgetattr(self.theirs)[LFLAG] & cooked:
            if time.monotonic() > deadline_s:
                raise Failure("the terminal never went raw")
            self.read(0.1)

    def expect_end(self, status):
        """The session ends, and leaves the terminal as it was."""
        deadline_s = time.monotonic() + self.patience_s
        while self.process.poll() is None:
            if time.monotonic() > deadline_s:
                raise self.late("no end")
            self.read(0.1)
        while self.read(0):
            pass
        if self.process.returncode != status:
            raise Failure(f"status {self.process.returncode}, not {status}")
        if termios.tcgetattr(self.theirs) != self.before:
            raise Failure("the terminal is not as it was")
