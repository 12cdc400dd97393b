#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`make run` as a person meets it: tools/demo --interactive on a pseudo-terminal.

SANDGLASS is the program under test (out/sandglass). A failure shows what the terminal showed last.
"""
import os
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
from session import Failure, Session  # pylint: disable=wrong-import-position

DEMO = [ROOT / "tools/demo", "--interactive"]
PROMPT = "~ # "
CTRL_A = "\x01"
CTRL_C = "\x03"


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
            with Session(DEMO) as session:
                test(session)
        except Failure as failure:
            failed += 1
            print(f"FAILED {test.__name__}\n  {failure}", file=sys.stderr)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
