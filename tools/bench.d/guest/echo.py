#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Small messages that are sent back.

usage: echo.py serve PORT | ask HOST PORT COUNT
"""
import socket
import sys

MESSAGE_BYTES = 64


def serve(port):
    """Serves one client."""
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while message := connection.recv(MESSAGE_BYTES):
        connection.sendall(message)


def ask(host, port, count):
    """Sends so many messages, each when the one before has come back, and says when."""
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        mark("begin")
        answered = sum(is_answered(connection, idx) for idx in range(int(count)))
        mark("end")
    print(f"{answered} of {count} messages answered")


def mark(word):
    with open("/dev/console", "w", encoding="ascii") as console:
        print(f"bench: {word}", file=console)


def is_answered(connection, idx):
    message = f"{idx:0{MESSAGE_BYTES}}".encode()
    connection.sendall(message)
    return connection.recv(MESSAGE_BYTES, socket.MSG_WAITALL) == message


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
