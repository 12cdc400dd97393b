#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Visits a console of a guest that echoes: visit.py KIND PLACE TEXT...

KIND is unix, tcp or pty; PLACE a path or a port. Each TEXT is a visit of its own: it is said, and
the same must come back. A TEXT that begins with ! is only said; of one with a slash, what stands
before it is waited for first. --stay at the end makes the last
visit one that never ends, by somebody who reads nothing. Fails after PATIENCE_S.
"""
import os
import socket
import sys
import time

PATIENCE_S = 30


class Visit:
    """One connection, or one opening of a line."""

    def __init__(self, kind, place):
        if kind == "pty":
            self.fd = os.open(place, os.O_RDWR | os.O_NOCTTY)
        else:
            family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
            visitor = socket.socket(family, socket.SOCK_STREAM)
            try:
                visitor.connect(place if kind == "unix" else ("127.0.0.1", int(place)))
            except OSError:
                visitor.close()
                raise
            self.fd = visitor.detach()

    def say(self, text):
        os.write(self.fd, text)

    def hear(self, size):
        text = b""
        while len(text) < size:
            part = os.read(self.fd, size - len(text))
            if not part:
                break
            text += part
        return text

    def close(self):
        os.close(self.fd)


def visit(kind, place):
    """Waits until the program has opened the place."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return Visit(kind, place)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def main(kind, place, *texts):
    stays = texts[-1] == "--stay"
    for text in texts[:-1] if stays else texts:
        visitor = visit(kind, place)
        first, _, rest = text.rpartition("/")
        if visitor.hear(len(first)) != first.encode():
            sys.exit(f"visit {kind}: no {first}")
        said = rest.lstrip("!").encode()
        visitor.say(said)
        heard = said if rest.startswith("!") else visitor.hear(len(said))
        while stays:
            time.sleep(1)
        visitor.close()
        if heard != said:
            sys.exit(f"visit {kind}: said {said}, heard {heard}")


main(*sys.argv[1:])
