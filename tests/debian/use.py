#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A session with Debian on its console, as a person would have it.

usage: tests/debian/use.py FILE COMMAND...     (where to keep what appears, and what boots it)
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
from session import Failure, Session  # pylint: disable=wrong-import-position

PATIENCE_S = 3600  # 2 GiB on a busy host
PROMPT = "root@sandglass:~# "

# What is typed, and what has to appear besides a status of 0.
COMMANDS = [
    ("systemctl is-system-running --wait", "running"),
    ("python3 -c 'print(sum(range(1000000)))'", "499999500000"),
    ("gdb -q -batch -ex 'set breakpoint pending on' -ex 'break _exit' -ex run -ex bt /bin/true",
     "Breakpoint 1, "),
    ("strace -e trace=write true 2>&1", "+++ exited with 0 +++"),
    ("perf stat -e task-clock true", "task-clock"),
    ("stress-ng --cpu 1 --cpu-ops 20 --pipe 1 --pipe-ops 20000 --hdd 1 --hdd-ops 50 --verify "
     "--temp-path /var/tmp", "successful run completed"),
    ("iperf3 -s -1 -D && sleep 1 && iperf3 -c 127.0.0.1 -n 64M -f M", "receiver"),
    ("fio --name=mixed --filename=/var/tmp/mixed --size=64M --rw=randrw --bs=4k --direct=1 "
     "--ioengine=libaio --iodepth=16 --verify=crc32c", "err= 0"),
    ("apt-get update && apt-get install -y hello jq", "Setting up jq"),
    ("hello && echo '{\"answer\": 42}' | jq .answer", "Hello, world!"),
    ("fio --name=large --filename=/var/tmp/large --size=2G --rw=write --bs=1M --direct=1 "
     "--verify=crc32c --do_verify=1 --verify_fatal=1 --end_fsync=1", "err= 0"),
    ("rm /var/tmp/large /var/tmp/mixed && fstrim -v /", "trimmed"),
]
AFTER_REBOOT = [
    ("hello", "Hello, world!"),
    ("journalctl --list-boots --no-pager | wc -l", ""),
    ("systemctl --failed --no-pager", "0 loaded units listed"),
]


class Console:
    """Debian's console: logs in, runs commands, and counts how they went."""

    def __init__(self, session):
        self.session = session
        self.passed = 0
        self.failed = 0

    def report(self, what, complaint):
        if complaint:
            self.failed += 1
            print(f"FAILED {what}\n  {complaint}: {self.session.seen[-800:]!r}", file=sys.stderr)
        else:
            self.passed += 1

    def log_in(self):
        self.session.expect("sandglass login: ")
        self.session.type("root\r")
        self.session.expect("Password: ")
        self.session.type("sandglass\r")
        self.session.expect(PROMPT)
        self.report("login", None)

    def run(self, command, wanted):
        """Runs one command; its end is told by a line that was not typed like that."""
        self.session.type(f"{command}; echo status $(($? + 1000))\r")
        self.session.expect("status 1")
        self.session.expect(PROMPT)
        if "status 1000" not in self.session.seen:
            self.report(command, "it failed")
        elif wanted not in self.session.seen:
            self.report(command, f"no {wanted!r}")
        else:
            self.report(command, None)


def use(console):
    console.log_in()
    for command, wanted in COMMANDS:
        console.run(command, wanted)
    console.session.type("reboot\r")
    console.log_in()
    for command, wanted in AFTER_REBOOT:
        console.run(command, wanted)
    console.session.type("poweroff\r")
    console.session.expect_end(0)
    console.report("poweroff", None)


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as shown, \
         Session(sys.argv[2:], PATIENCE_S, shown) as session:
        console = Console(session)
        try:
            use(console)
        except Failure as failure:
            console.report("the session", str(failure))
    print(f"{console.passed} passed, {console.failed} failed")
    return min(console.failed, 1)


if __name__ == "__main__":
    sys.exit(main())
