# SPDX-License-Identifier: GPL-2.0-or-later
"""A few loops in pure Python, each a different kind of work."""

def sieve(limit):
    """Lists and slices."""
    is_prime = bytearray([1]) * limit
    for n in range(2, int(limit ** 0.5) + 1):
        if is_prime[n]:
            is_prime[n * n::n] = bytes(len(range(n * n, limit, n)))
    return sum(is_prime) - 2


def fibonacci(n):
    """Calls."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def queens(size, row=0, columns=0, left=0, right=0):
    """Integers and recursion."""
    if row == size:
        return 1
    found = 0
    free = ~(columns | left | right) & ((1 << size) - 1)
    while free:
        bit = free & -free
        free ^= bit
        found += queens(size, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)
    return found


def orbit(steps):
    """Floating point and attributes."""
    class Body:
        def __init__(self, x, y, vx, vy):
            self.x, self.y, self.vx, self.vy = x, y, vx, vy
    body = Body(1.0, 0.0, 0.0, 1.0)
    for _ in range(steps):
        pull = (body.x * body.x + body.y * body.y) ** -1.5
        body.vx -= body.x * pull * 0.001
        body.vy -= body.y * pull * 0.001
        body.x += body.vx * 0.001
        body.y += body.vy * 0.001
    return f"{body.x:.9f} {body.y:.9f}"


def words(count):
    """Strings, dictionaries and sorting."""
    seen = {}
    seed = 1
    for _ in range(count):
        seed = seed * 1103515245 + 12345 & 0x7fffffff
        word = "".join("abcdefgh"[seed >> shift & 7] for shift in (8, 11, 14))
        seen[word] = seen.get(word, 0) + 1
    return sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:3]


print(sieve(100000), fibonacci(15), queens(5), orbit(1000), words(500))
