# SPDX-License-Identifier: GPL-2.0-or-later
"""IEEE 754 arithmetic as RISC-V has it, on rational numbers: slow, and short enough to be believed.

Numbers are bit patterns. Each operation works out the exact result as a fraction, and pack() rounds
it once. Modes are those of frm, flags those of fflags.
"""
from fractions import Fraction
from math import isqrt

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
RNE, RTZ, RDN, RUP, RMM = range(5)


class Format:
    def __init__(self, exponent, mantissa):
        self.mantissa = mantissa
        self.bits = 1 + exponent + mantissa
        self.hidden = 1 << mantissa
        self.infinity = ((1 << exponent) - 1) << mantissa
        self.nan = self.infinity | self.hidden >> 1
        self.least = 2 - (1 << (exponent - 1))  # exponent of the smallest normal number
        self.most = (1 << (exponent - 1)) - 1


HALF, SINGLE, DOUBLE = Format(5, 10), Format(8, 23), Format(11, 52)


def sign_of(fmt, bits):
    return bits >> (fmt.bits - 1)


def magnitude(fmt, bits):
    return bits & ((1 << (fmt.bits - 1)) - 1)


def is_nan(fmt, bits):
    return magnitude(fmt, bits) > fmt.infinity


def is_signaling(fmt, bits):
    return is_nan(fmt, bits) and not bits & fmt.hidden >> 1


def is_infinite(fmt, bits):
    return magnitude(fmt, bits) == fmt.infinity


def finite(fmt, bits):
    return magnitude(fmt, bits) < fmt.infinity


def is_zero(fmt, bits):
    return magnitude(fmt, bits) == 0


def value(fmt, bits):
    """Of a finite number; the sign of zero is lost."""
    fraction = bits & (fmt.hidden - 1)
    exponent = magnitude(fmt, bits) >> fmt.mantissa
    if exponent:
        fraction |= fmt.hidden
    exact = Fraction(fraction) * Fraction(2) ** (max(exponent, 1) - 1 + fmt.least - fmt.mantissa)
    return -exact if sign_of(fmt, bits) else exact


# -- Rounding --------------------------------------------------------------------------------------

def integer_of(exact, sign, mode):
    """The magnitude `exact` rounded to a whole number."""
    whole = exact.numerator // exact.denominator
    rest = exact - whole
    if mode == RNE:
        up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole & 1)
    elif mode == RMM:
        up = rest >= Fraction(1, 2)
    else:
        up = rest > 0 and mode == (RDN if sign else RUP)
    return whole + up


def exponent_of(exact):
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    return exponent if exact >= Fraction(2) ** exponent else exponent - 1


def pack(fmt, sign, exact, mode):
    """The magnitude `exact` with a sign as (bits, flags). Tininess is looked for after rounding."""
    top = sign << (fmt.bits - 1)
    if exact == 0:
        return top, 0
    exponent = max(exponent_of(exact), fmt.least)
    unit = Fraction(2) ** (exponent - fmt.mantissa)
    whole = integer_of(exact / unit, sign, mode)
    inexact = whole * unit != exact
    if whole * unit >= Fraction(2) ** (fmt.most + 1):
        to_infinity = mode in (RNE, RMM) or mode == (RDN if sign else RUP)
        return top | fmt.infinity - (not to_infinity), OF | NX
    flags = NX if inexact else 0
    free = Fraction(2) ** (exponent_of(exact) - fmt.mantissa)  # as if exponents had no end
    if inexact and integer_of(exact / free, sign, mode) * free < Fraction(2) ** fmt.least:
        flags |= UF
    # A carry out of the mantissa, and the step from subnormal to normal, add up by themselves.
    return top | (exponent - fmt.least) * fmt.hidden + whole, flags


def from_fraction(fmt, exact, mode):
    return pack(fmt, int(exact < 0), abs(exact), mode)


def nan_result(fmt, *operands):
    """When any operand is a NaN: the canonical one, and NV for a signaling one. Else None."""
    if any(is_nan(fmt, bits) for bits in operands):
        return fmt.nan, NV if any(is_signaling(fmt, bits) for bits in operands) else 0
    return None


# -- Arithmetic ------------------------------------------------------------------------------------

def negate(fmt, bits):
    return bits ^ 1 << (fmt.bits - 1)


def sum_of(fmt, a_sign, a, b_sign, b, mode):
    """Of finite numbers whose signs are known apart, for the sign of zero."""
    total = a + b
    if total == 0:
        sign = a_sign if a_sign == b_sign and a == 0 else int(mode == RDN)
        return sign << (fmt.bits - 1), 0
    return from_fraction(fmt, total, mode)


def add(fmt, a, b, mode):
    nan = nan_result(fmt, a, b)
    if nan:
        return nan
    if is_infinite(fmt, a) or is_infinite(fmt, b):
        if is_infinite(fmt, a) and is_infinite(fmt, b) and a != b:
            return fmt.nan, NV
        return (a if is_infinite(fmt, a) else b), 0
    return sum_of(fmt, sign_of(fmt, a), value(fmt, a), sign_of(fmt, b), value(fmt, b), mode)


def subtract(fmt, a, b, mode):
    return add(fmt, a, b if is_nan(fmt, b) else negate(fmt, b), mode)


def multiply(fmt, a, b, mode):
    nan = nan_result(fmt, a, b)
    if nan:
        return nan
    sign = sign_of(fmt, a) ^ sign_of(fmt, b)
    if is_infinite(fmt, a) or is_infinite(fmt, b):
        if is_zero(fmt, a) or is_zero(fmt, b):
            return fmt.nan, NV
        return sign << (fmt.bits - 1) | fmt.infinity, 0
    return pack(fmt, sign, abs(value(fmt, a) * value(fmt, b)), mode)


def fused(fmt, a, b, c, mode, negate_product=0, negate_addend=0):
    invalid = (is_infinite(fmt, a) and is_zero(fmt, b)) or (is_zero(fmt, a) and is_infinite(fmt, b))
    nan = nan_result(fmt, a, b, c)
    if nan or invalid:
        return fmt.nan, NV if invalid else nan[1]
    sign = sign_of(fmt, a) ^ sign_of(fmt, b) ^ negate_product
    if negate_addend:
        c = negate(fmt, c)
    if is_infinite(fmt, a) or is_infinite(fmt, b):
        if is_infinite(fmt, c) and sign_of(fmt, c) != sign:
            return fmt.nan, NV
        return sign << (fmt.bits - 1) | fmt.infinity, 0
    if is_infinite(fmt, c):
        return c, 0
    product = value(fmt, a) * value(fmt, b)
    product = -product if negate_product else product
    return sum_of(fmt, sign, product, sign_of(fmt, c), value(fmt, c), mode)


def divide(fmt, a, b, mode):
    nan = nan_result(fmt, a, b)
    if nan:
        return nan
    top = (sign_of(fmt, a) ^ sign_of(fmt, b)) << (fmt.bits - 1)
    if (is_infinite(fmt, a) and is_infinite(fmt, b)) or (is_zero(fmt, a) and is_zero(fmt, b)):
        return fmt.nan, NV
    if is_infinite(fmt, a):
        return top | fmt.infinity, 0
    if is_infinite(fmt, b):
        return top, 0
    if is_zero(fmt, b):
        return top | fmt.infinity, DZ
    return pack(fmt, top >> (fmt.bits - 1), abs(value(fmt, a) / value(fmt, b)), mode)


def square_root(fmt, a, mode):
    nan = nan_result(fmt, a)
    if nan:
        return nan
    if is_zero(fmt, a):
        return a, 0
    if sign_of(fmt, a):
        return fmt.nan, NV
    if is_infinite(fmt, a):
        return a, 0
    exact = value(fmt, a)
    shift = 2 * (fmt.mantissa + 8 + max(0, -exponent_of(exact)))
    scaled = exact * 2 ** shift
    assert scaled.denominator == 1
    root = isqrt(scaled.numerator)
    # A root that is not exact lies strictly between two neighbours; where does not matter.
    between = Fraction(0) if root * root == scaled.numerator else Fraction(1, 2)
    return pack(fmt, 0, (root + between) / 2 ** (shift // 2), mode)


# -- The rest --------------------------------------------------------------------------------------

def ordered(fmt, bits):
    """A number that orders non-NaNs, with -0 below +0."""
    size = magnitude(fmt, bits)
    return -size - 1 if sign_of(fmt, bits) else size


def extreme(fmt, a, b, largest, nan_wins):
    nan = nan_result(fmt, a, b)
    if nan:
        if nan_wins or (is_nan(fmt, a) and is_nan(fmt, b)):
            return nan
        return (b if is_nan(fmt, a) else a), nan[1]
    return (max if largest else min)(a, b, key=lambda bits: ordered(fmt, bits)), 0


def compare(fmt, a, b, relation, quiet):
    nan = nan_result(fmt, a, b)
    if nan:
        return 0, nan[1] if quiet else NV
    both_zero = is_zero(fmt, a) and is_zero(fmt, b)
    less = ordered(fmt, a) < ordered(fmt, b) and not both_zero
    equal = a == b or both_zero
    return int({"eq": equal, "lt": less, "le": less or equal}[relation]), 0


def classify(fmt, a):
    if is_nan(fmt, a):
        return 1 << (8 if is_signaling(fmt, a) else 9)
    if is_infinite(fmt, a):
        place = 0
    elif is_zero(fmt, a):
        place = 3
    else:
        place = 2 if magnitude(fmt, a) < fmt.hidden else 1
    return 1 << (place if sign_of(fmt, a) else 7 - place)


def round_to_integer(fmt, a, mode, exact):
    nan = nan_result(fmt, a)
    if nan:
        return nan
    if is_infinite(fmt, a) or is_zero(fmt, a):
        return a, 0
    whole = integer_of(abs(value(fmt, a)), sign_of(fmt, a), mode)
    bits, _ = pack(fmt, sign_of(fmt, a), Fraction(whole), mode)
    return bits, NX if exact and whole != abs(value(fmt, a)) else 0


def to_integer(fmt, a, mode, bits, is_signed):
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)
    if is_nan(fmt, a) or is_infinite(fmt, a):
        below = is_infinite(fmt, a) and sign_of(fmt, a)
        result, flags = (low if below else high), NV
    else:
        exact = value(fmt, a)
        result = integer_of(abs(exact), sign_of(fmt, a), mode)
        result = -result if exact < 0 else result
        flags = NX if result != exact else 0
        if not low <= result <= high:
            result, flags = (low if result < low else high), NV
    if bits == 32:  # sign-extended, also when unsigned
        result = (result + (1 << 31)) % (1 << 32) - (1 << 31)
    return result % (1 << 64), flags


def to_modular_word(fmt, a):
    if not finite(fmt, a):
        return 0, NV
    exact = value(fmt, a)
    whole = integer_of(abs(exact), sign_of(fmt, a), RTZ)
    whole = -whole if exact < 0 else whole
    flags = NV if not -(1 << 31) <= whole < 1 << 31 else NX if whole != exact else 0
    return ((whole + (1 << 31)) % (1 << 32) - (1 << 31)) % (1 << 64), flags


def convert(fmt, to, a, mode):
    if is_nan(fmt, a):
        return to.nan, NV if is_signaling(fmt, a) else 0
    top = sign_of(fmt, a) << (to.bits - 1)
    if is_infinite(fmt, a):
        return top | to.infinity, 0
    return pack(to, sign_of(fmt, a), abs(value(fmt, a)), mode)


def load_immediates(fmt):
    """The 32 constants of fli; 2^16 is infinite as a half."""
    numbers = [Fraction(2) ** fmt.least]
    numbers += [Fraction(2) ** power for power in (-16, -15, -8, -7, -4, -3)]
    sixteenths = (4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 128, 256)
    numbers += [Fraction(n, 16) for n in sixteenths]
    numbers += [Fraction(2) ** power for power in (7, 8, 15, 16)]
    patterns = [pack(fmt, 0, number, RNE)[0] for number in numbers]
    return [pack(fmt, 1, Fraction(1), RNE)[0]] + patterns + [fmt.infinity, fmt.nan]
