#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A session with Debian over ssh, through a forwarded port.

usage: tests/debian/ssh.py SSH-CONFIG COMMAND...     (what boots it)
"""
import socket
import subprocess
import sys
import time

PATIENCE_S = 1800
BYTES = 8 << 20  # each way


class Failure(Exception):
    """What was not as it should be."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(ssh):
    return subprocess.run([*ssh, "-o", "ConnectTimeout=60", "true"], check=False,
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def wait_until_up(machine, ssh):
    deadline_s = time.monotonic() + PATIENCE_S
    while not answers(ssh):
        if machine.poll() is not None:
            raise Failure(f"the machine ended with status {machine.returncode}")
        if time.monotonic() > deadline_s:
            raise Failure(f"no ssh within {PATIENCE_S} s")
        time.sleep(5)


def over(ssh, command, given=b""):
    result = subprocess.run([*ssh, command], check=False, input=given, capture_output=True,
                            timeout=PATIENCE_S)
    if result.returncode != 0:
        raise Failure(f"{command}: status {result.returncode}: {result.stderr[-500:]!r}")
    return result.stdout


def use(machine, ssh, passed):
    wait_until_up(machine, ssh)
    passed.append("login")
    if over(ssh, "uname -m") != b"riscv64\n":
        raise Failure("uname -m is not riscv64")
    passed.append("uname")
    if b"inet 10.0.2.15/24" not in over(ssh, "ip address"):
        raise Failure("the address is not 10.0.2.15")
    passed.append("address")
    # A pattern whose period divides no packet and no block.
    pattern = bytes(number * number % 251 for number in range(65521))
    sent = (pattern * (BYTES // len(pattern) + 1))[:BYTES]
    if over(ssh, "cat", sent) != sent:
        raise Failure(f"{BYTES} bytes came back otherwise")
    passed.append("copy")
    subprocess.run([*ssh, "poweroff"], check=False, stdin=subprocess.DEVNULL)
    if machine.wait(PATIENCE_S) != 0:
        raise Failure(f"power-off ended with status {machine.returncode}")
    passed.append("poweroff")


def main():
    config, *command = sys.argv[1:]
    port = free_port()
    ssh = ["ssh", "-F", config, "-p", str(port), "sandglass"]
    passed = []
    failed = 0
    with subprocess.Popen([*command, "--net", f"user,hostfwd=tcp::{port}-:22", "--console",
                           "null"], stdin=subprocess.DEVNULL) as machine:
        try:
            use(machine, ssh, passed)
        except (Failure, subprocess.TimeoutExpired) as failure:
            failed = 1
            print(f"FAILED after {passed[-1:]}\n  {failure}", file=sys.stderr)
            machine.kill()
    print(f"{len(passed)} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
