#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debuggers that come, leave without a word, and come again; packets damaged and cut on the way.

usage: line.py SOCKET
"""
import socket
import sys
import time

PATIENCE_S = 60


class Line:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.socket.connect(path)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def send(self, data):
        self.socket.sendall(data)

    def byte(self):
        got = self.socket.recv(1)
        assert got, "the line was cut"
        return got

    def packet(self):
        """The next packet, whole."""
        while self.byte() != b"$":
            pass
        body = b""
        while True:
            got = self.byte()
            if got == b"#":
                break
            body += got
        total = int(self.byte() + self.byte(), 16)
        assert total == sum(body) % 256, body
        return body

    def ask(self, body):
        self.send(framed(body))
        got = self.byte()
        assert got == b"+", "%r answered by %r" % (body, got)
        return self.packet()


def framed(body):
    return b"$" + body + b"#%02x" % (sum(body) % 256)


def main():
    # One that asks, lets the machine go, and is gone.
    first = Line(sys.argv[1])
    assert first.ask(b"?").startswith(b"T05thread:1;")
    assert first.ask(b"Z0,80000000,2") == b"OK"
    first.send(framed(b"vCont;c"))
    assert first.byte() == b"+"
    assert b"swbreak" in first.packet()
    first.socket.close()

    # Another, while it stands: it finds no points, and acknowledgements on.
    second = Line(sys.argv[1])
    pieces = framed(b"qSupported:swbreak+")
    for i in range(len(pieces)):
        second.send(pieces[i : i + 1])
    assert second.byte() == b"+"
    assert b"PacketSize" in second.packet()
    second.send(b"$g#00")
    assert second.byte() == b"-"
    registers = second.ask(b"g")
    assert len(registers) == 33 * 16
    second.send(b"-")
    assert second.packet() == registers
    assert second.ask(b"QStartNoAckMode") == b"OK"
    second.send(b"+")
    second.send(framed(b"vCont;s:1"))
    assert second.packet().startswith(b"T05thread:1;")
    second.send(framed(b"c"))
    time.sleep(0.2)
    second.send(b"\x03")
    assert second.packet().startswith(b"T02thread:")
    second.send(framed(b"c"))
    second.socket.close()

    # A third finds it running: it stops for it.
    third = Line(sys.argv[1])
    time.sleep(0.2)
    before = third.ask(b"g")
    time.sleep(0.2)
    assert third.ask(b"g") == before
    assert third.ask(b"?").startswith(b"T")
    assert third.ask(b"vCont;x") == b"E22"
    assert third.ask(b"unknown") == b""
    assert third.ask(b"bs").startswith((b"T05", b"E."))
    assert third.ask(b"D") == b"OK"
    third.socket.close()


main()
