# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs on the host while the guest of a row talks to it over the network."""
import socket
import subprocess
import tempfile

from failure import Failure


class Peer:
    """A server or client, where the row has one. To be used in a `with`, which ends it."""

    def __init__(self, row):
        self.row = row
        self.process = None
        self.port = port_find() if row.has_network else 0
        self.output = tempfile.TemporaryFile()

    def __enter__(self):
        if self.row.server:
            self.start(self.row.server)
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.output.close()

    def call(self):
        """The guest has begun: whoever calls it may do so."""
        if self.row.client:
            self.start(self.row.client)

    def start(self, words):
        command = [str(word).format(port=self.port) for word in words]
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=self.output, stderr=self.output)
        except FileNotFoundError as error:
            raise Failure(69, f"no {words[0]}: run tools/setup bench") from error


def port_find():
    """One of the host's that nobody has; it may be taken before we come to it, and then we fail."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
