# SPDX-License-Identifier: GPL-2.0-or-later
"""How a measurement fails."""


class Failure(Exception):
    """One line for the user, and an exit status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status
