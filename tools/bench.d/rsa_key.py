#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes an RSA key that is the same everywhere, and so no secret, for a program to sign with.

usage: tools/bench.d/rsa_key.py FILE
"""
import base64
import math
import random
import sys
import textwrap

PRIME_BITS = 2048
EXPONENT = 65537
SMALL_PRIMES_PRODUCT = math.prod(n for n in range(3, 5000) if all(n % d for d in range(2, n)))


def is_probable_prime(n):
    """To base 2 alone: numbers that deceive it are rarer than bad memory."""
    return math.gcd(n, SMALL_PRIMES_PRODUCT) == 1 and pow(2, n - 1, n) == 1


def next_prime(n):
    """The first prime from n on that suits the exponent."""
    n |= 1
    while not (is_probable_prime(n) and (n - 1) % EXPONENT):
        n += 2
    return n


def der(tag, content):
    """One element of ASN.1's distinguished encoding."""
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8 or 1, "big")
    if len(content) >= 0x80:
        length = bytes([0x80 | len(length)]) + length
    return bytes([tag]) + length + content


def der_integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def key():
    """RSAPrivateKey of RFC 8017, appendix A.1.2."""
    draw = random.Random(1)
    top = 3 << (PRIME_BITS - 2)
    p, q = (next_prime(top | draw.getrandbits(PRIME_BITS - 2)) for _ in range(2))
    p, q = max(p, q), min(p, q)
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    fields = (0, p * q, EXPONENT, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    return der(0x30, b"".join(map(der_integer, fields)))


def main():
    body = "\n".join(textwrap.wrap(base64.b64encode(key()).decode(), 64))
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write(f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n")


if __name__ == "__main__":
    main()
