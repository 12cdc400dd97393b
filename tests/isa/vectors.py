#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Known answers of all instructions that only compute, as a table in assembly.

usage: vectors.py int|float [--row N]

Each row is a stub (a function of a0, a1, a2 around one instruction), a value for frm, three
operands, the result and the flags. Answers come from whole and rational numbers here, after the
text of the manual (Unprivileged ISA 20240411); encodings that binutils 2.40 lacks are spelled out.
"""
import random
import sys
from fractions import Fraction
from math import isqrt

import softfloat as sf

ONES = (1 << 64) - 1
rng = random.Random(20240411)
stubs = {}  # text -> number
rows = []


def stub(*lines):
    text = "\n".join("    " + line for line in lines)
    return stubs.setdefault(text, len(stubs))


def row(stub_number, result, flags=0, a=0, b=0, c=0, frm=0):
    rows.append((stub_number, frm, a & ONES, b & ONES, c & ONES, result & ONES, flags))


# -- Integers --------------------------------------------------------------------------------------

def signed(value, bits=64):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def low(value, bits=32):
    return value & ((1 << bits) - 1)


def word(value):
    return signed(value, 32)


def divide(a, b):
    """Towards zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def div(a, b, bits):
    a, b = signed(a, bits), signed(b, bits)
    return -1 if b == 0 else divide(a, b)


def rem(a, b, bits):
    a, b = signed(a, bits), signed(b, bits)
    return a if b == 0 else a - b * divide(a, b)


def divu(a, b, bits):
    a, b = low(a, bits), low(b, bits)
    return -1 if b == 0 else a // b


def remu(a, b, bits):
    a, b = low(a, bits), low(b, bits)
    return a if b == 0 else a % b


def rotate_right(a, count, bits):
    count %= bits
    a = low(a, bits)
    return a >> count | a << (bits - count)


def clmul(a, b):
    product = 0
    for i in range(64):
        if b >> i & 1:
            product ^= a << i
    return product


def leading_zeros(a, bits):
    return bits - low(a, bits).bit_length()


def trailing_zeros(a, bits):
    a = low(a, bits)
    return bits if a == 0 else (a & -a).bit_length() - 1


def by_bytes(a, function):
    return int.from_bytes(bytes(function(byte) for byte in a.to_bytes(8, "little")), "little")


def crossbar(table, index, bits):
    result = 0
    for i in range(64 // bits):
        at = (index >> (bits * i) & ((1 << bits) - 1)) * bits
        result |= (table >> at & ((1 << bits) - 1) if at < 64 else 0) << (bits * i)
    return result


TWO = {  # rd from rs1, rs2
    "i": {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "xor": lambda a, b: a ^ b,
        "or": lambda a, b: a | b,
        "and": lambda a, b: a & b, "sll": lambda a, b: a << (b & 63),
        "srl": lambda a, b: a >> (b & 63),
        "sra": lambda a, b: signed(a) >> (b & 63), "slt": lambda a, b: signed(a) < signed(b),
        "sltu": lambda a, b: a < b, "addw": lambda a, b: word(a + b),
        "subw": lambda a, b: word(a - b),
        "sllw": lambda a, b: word(a << (b & 31)), "srlw": lambda a, b: word(low(a) >> (b & 31)),
        "sraw": lambda a, b: word(a) >> (b & 31),
    },
    "m": {
        "mul": lambda a, b: a * b, "mulh": lambda a, b: signed(a) * signed(b) >> 64,
        "mulhu": lambda a, b: a * b >> 64, "mulhsu": lambda a, b: signed(a) * b >> 64,
        "mulw": lambda a, b: word(a * b), "div": lambda a, b: div(a, b, 64),
        "rem": lambda a, b: rem(a, b, 64),
        "divu": lambda a, b: divu(a, b, 64), "remu": lambda a, b: remu(a, b, 64),
        "divw": lambda a, b: word(div(a, b, 32)), "remw": lambda a, b: word(rem(a, b, 32)),
        "divuw": lambda a, b: word(divu(a, b, 32)), "remuw": lambda a, b: word(remu(a, b, 32)),
    },
    "zba": {
        "add.uw": lambda a, b: low(a) + b, "sh1add": lambda a, b: 2 * a + b,
        "sh2add": lambda a, b: 4 * a + b,
        "sh3add": lambda a, b: 8 * a + b, "sh1add.uw": lambda a, b: 2 * low(a) + b,
        "sh2add.uw": lambda a, b: 4 * low(a) + b, "sh3add.uw": lambda a, b: 8 * low(a) + b,
    },
    "zbb": {
        "andn": lambda a, b: a & ~b, "orn": lambda a, b: a | ~b, "xnor": lambda a, b: ~(a ^ b),
        "min": lambda a, b: min(signed(a), signed(b)),
        "max": lambda a, b: max(signed(a), signed(b)),
        "minu": min, "maxu": max, "rol": lambda a, b: rotate_right(a, -b, 64),
        "ror": lambda a, b: rotate_right(a, b, 64),
        "rolw": lambda a, b: word(rotate_right(a, -b, 32)),
        "rorw": lambda a, b: word(rotate_right(a, b, 32)),
    },
    "zbc": {
        "clmul": clmul, "clmulh": lambda a, b: clmul(a, b) >> 64,
        "clmulr": lambda a, b: clmul(a, b) >> 63,
    },
    "zbs": {
        "bclr": lambda a, b: a & ~(1 << (b & 63)), "bset": lambda a, b: a | 1 << (b & 63),
        "binv": lambda a, b: a ^ 1 << (b & 63), "bext": lambda a, b: a >> (b & 63) & 1,
    },
    "zbkb": {
        "pack": lambda a, b: low(a) | low(b) << 32,
        "packh": lambda a, b: low(a, 8) | low(b, 8) << 8,
        "packw": lambda a, b: word(low(a, 16) | low(b, 16) << 16),
    },
    "zbkx": {
        "xperm4": lambda a, b: crossbar(a, b, 4), "xperm8": lambda a, b: crossbar(a, b, 8),
    },
}

ONE = {  # rd from rs1
    "zbb": {
        "clz": lambda a: leading_zeros(a, 64), "clzw": lambda a: leading_zeros(a, 32),
        "ctz": lambda a: trailing_zeros(a, 64), "ctzw": lambda a: trailing_zeros(a, 32),
        "cpop": lambda a: bin(a).count("1"), "cpopw": lambda a: bin(low(a)).count("1"),
        "sext.b": lambda a: signed(a, 8), "sext.h": lambda a: signed(a, 16),
        "zext.h": lambda a: low(a, 16),
        "rev8": lambda a: int.from_bytes(a.to_bytes(8, "little"), "big"),
        "orc.b": lambda a: by_bytes(a, lambda byte: 255 if byte else 0),
    },
    "zbkb": {
        "brev8": lambda a: by_bytes(a, lambda byte: int(f"{byte:08b}"[::-1], 2)),
    },
}

IMMEDIATE = {  # rd from rs1 and a constant
    "i": {
        "addi": lambda a, i: a + i, "slti": lambda a, i: signed(a) < i,
        "sltiu": lambda a, i: a < i & ONES,
        "xori": lambda a, i: a ^ i & ONES, "ori": lambda a, i: a | i & ONES,
        "andi": lambda a, i: a & i & ONES,
        "addiw": lambda a, i: word(a + i),
    },
}

SHIFT = {  # rd from rs1 and six bits
    "i": {"slli": lambda a, i: a << i, "srli": lambda a, i: a >> i,
    "srai": lambda a, i: signed(a) >> i},
    "zba": {"slli.uw": lambda a, i: low(a) << i},
    "zbb": {"rori": lambda a, i: rotate_right(a, i, 64)},
    "zbs": {
        "bclri": lambda a, i: a & ~(1 << i), "bseti": lambda a, i: a | 1 << i,
        "binvi": lambda a, i: a ^ 1 << i,
        "bexti": lambda a, i: a >> i & 1,
    },
}

SHIFT_WORD = {  # ... and five bits
    "i": {
        "slliw": lambda a, i: word(a << i), "srliw": lambda a, i: word(low(a) >> i),
        "sraiw": lambda a, i: word(a) >> i,
    },
    "zbb": {"roriw": lambda a, i: word(rotate_right(a, i, 32))},
}

COMPRESSED = {  # text -> function of a0, a1; result in a0
    "c.add a0, a1": lambda a, b: a + b, "c.mv a0, a1": lambda a, b: b,
    "c.sub a0, a1": lambda a, b: a - b,
    "c.xor a0, a1": lambda a, b: a ^ b, "c.or a0, a1": lambda a, b: a | b,
    "c.and a0, a1": lambda a, b: a & b,
    "c.subw a0, a1": lambda a, b: word(a - b), "c.addw a0, a1": lambda a, b: word(a + b),
    "c.addi a0, -32": lambda a, b: a - 32, "c.addi a0, 31": lambda a, b: a + 31,
    "c.addi a0, 1": lambda a, b: a + 1, "c.addiw a0, -32": lambda a, b: word(a - 32),
    "c.addiw a0, 0": lambda a, b: word(a), "c.addiw a0, 31": lambda a, b: word(a + 31),
    "c.li a0, -32": lambda a, b: -32, "c.li a0, 31": lambda a, b: 31, "c.li a0, 0": lambda a, b: 0,
    "c.lui a0, 1": lambda a, b: 0x1000, "c.lui a0, 31": lambda a, b: 0x1f000,
    "c.lui a0, 0xfffe0": lambda a, b: -0x20000, "c.lui a0, 0xfffff": lambda a, b: -0x1000,
    "c.andi a0, -32": lambda a, b: a & -32, "c.andi a0, 31": lambda a, b: a & 31,
    "c.slli a0, 1": lambda a, b: a << 1, "c.slli a0, 32": lambda a, b: a << 32,
    "c.slli a0, 63": lambda a, b: a << 63, "c.srli a0, 1": lambda a, b: a >> 1,
    "c.srli a0, 32": lambda a, b: a >> 32, "c.srli a0, 63": lambda a, b: a >> 63,
    "c.srai a0, 1": lambda a, b: signed(a) >> 1, "c.srai a0, 32": lambda a, b: signed(a) >> 32,
    "c.srai a0, 63": lambda a, b: signed(a) >> 63,
    "c.nop": lambda a, b: a,
    # Hints change nothing: c.li and c.lui to x0, c.mv to x0, c.slli of x0, c.addi by 0.
    ".2byte 0x4005": lambda a, b: a, ".2byte 0x6005": lambda a, b: a,
    ".2byte 0x802e": lambda a, b: a,
    ".2byte 0x0006": lambda a, b: a, ".2byte 0x0501": lambda a, b: a,
    # Zcb; a0 is register 2 of eight, a1 register 3.
    f".2byte {0x9c61 | 2 << 7:#x}": lambda a, b: low(a, 8),
    f".2byte {0x9c65 | 2 << 7:#x}": lambda a, b: signed(a, 8),
    f".2byte {0x9c69 | 2 << 7:#x}": lambda a, b: low(a, 16),
    f".2byte {0x9c6d | 2 << 7:#x}": lambda a, b: signed(a, 16),
    f".2byte {0x9c71 | 2 << 7:#x}": lambda a, b: low(a),
    f".2byte {0x9c75 | 2 << 7:#x}": lambda a, b: ~a,
    f".2byte {0x9c41 | 2 << 7 | 3 << 2:#x}": lambda a, b: a * b,
}
# Zcmop: c.mop.1 to c.mop.15 write nothing.
for odd in range(1, 16, 2):
    COMPRESSED[f".2byte {0x6001 | odd << 7:#x}"] = lambda a, b: a

EDGES = [0, 1, 2, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
         0xffffffff, 0x100000000, 0x0123456789abcdef, 0x7fffffffffffffff, 0x8000000000000000,
         0x8000000000000001, 0xaaaaaaaaaaaaaaaa, 0xffffffff80000000, 0xffffffffffffff80,
         0xfffffffffffffffe, 0xffffffffffffffff]


def some_word():
    return rng.choice([rng.getrandbits(64), rng.getrandbits(32),
                       rng.getrandbits(rng.randint(1, 64)),
                       ONES ^ rng.getrandbits(rng.randint(1, 64))])


def pairs(count):
    chosen = [(rng.choice(EDGES), rng.choice(EDGES)) for _ in range(count)]
    return chosen + [(some_word(), some_word()) for _ in range(count)] + [(a, a) for a in EDGES]


def r_type(funct7, funct3, opcode=0x33, rs2=11):
    """rd = rs1 = a0."""
    return f".word {funct7 << 25 | rs2 << 20 | 10 << 15 | funct3 << 12 | 10 << 7 | opcode:#x}"


def integer_rows():
    def arch(ext):
        return [] if ext in "im" else [f".option arch, +{ext}"]

    for ext, group in TWO.items():
        for name, function in group.items():
            number = stub(*arch(ext), f"{name} a0, a0, a1")
            for a, b in pairs(50):
                row(number, int(function(a, b)), a=a, b=b)
    for function3, keeps in ((5, lambda b: b != 0), (7, lambda b: b == 0)):  # czero.eqz, czero.nez
        number = stub(r_type(7, function3))
        for a, b in pairs(20) + [(a, 0) for a in EDGES]:
            row(number, a if keeps(b) else 0, a=a, b=b)
    for ext, group in ONE.items():
        for name, function in group.items():
            number = stub(*arch(ext), f"{name} a0, a0")
            for a in EDGES + [some_word() for _ in range(30)] + [1 << i for i in range(64)]:
                row(number, function(a), a=a)
    for name, function in IMMEDIATE["i"].items():
        for immediate in (-2048, -1365, -1, 0, 1, 1023, 2047):
            number = stub(f"{name} a0, a0, {immediate}")
            for a in EDGES + [some_word() for _ in range(5)]:
                row(number, int(function(a, immediate)), a=a)
    shifts = ((SHIFT, (0, 1, 7, 31, 32, 33, 62, 63)), (SHIFT_WORD, (0, 1, 7, 15, 30, 31)))
    for groups, counts in shifts:
        for ext, group in groups.items():
            for name, function in group.items():
                for count in counts:
                    number = stub(*arch(ext), f"{name} a0, a0, {count}")
                    for a in EDGES + [some_word() for _ in range(5)]:
                        row(number, function(a, count), a=a)
    for text, function in COMPRESSED.items():
        is_encoded = text.startswith(".")
        number = stub(".option rvc", text, ".balign 4, 1" if is_encoded else ".option norvc")
        for a, b in pairs(8):
            row(number, function(a, b), a=a, b=b)
    may_be_operations()


def may_be_operations():
    for n in range(32):
        code = 0x81c04073 | (n >> 4) << 30 | (n >> 2 & 3) << 26 | (n & 3) << 20 | 10 << 15 | 10 << 7
        row(stub(f".word {code:#x}"), 0, a=ONES)
    for n in range(8):
        code = 0x82004073 | (n >> 2) << 30 | (n & 3) << 26 | 11 << 20 | 10 << 15 | 10 << 7
        row(stub(f".word {code:#x}"), 0, a=ONES, b=ONES)


# -- Floating point --------------------------------------------------------------------------------

FORMATS = {"h": sf.HALF, "s": sf.SINGLE, "d": sf.DOUBLE}
CODES = {"s": 0, "d": 1, "h": 2}  # field fmt


def boxed(fmt, bits):
    return bits | ONES << fmt.bits & ONES


def read(fmt, register):
    """The value of a register, which is the canonical NaN when it is not boxed."""
    return low(register, fmt.bits) if register >> fmt.bits == ONES >> fmt.bits else fmt.nan


def specials(fmt):
    top = 1 << (fmt.bits - 1)
    one = sf.pack(fmt, 0, Fraction(1), 0)[0]
    positive = [0, 1, fmt.hidden - 1, fmt.hidden, one, one + 1, one - 1, one | fmt.hidden >> 1,
                fmt.infinity - 1, fmt.infinity, fmt.nan, fmt.infinity + 1]
    return positive + [value | top for value in positive]


def some_float(fmt):
    kind = rng.randrange(6)
    bits = rng.getrandbits(fmt.bits)
    one = sf.pack(fmt, 0, Fraction(1), 0)[0]
    if kind == 0:
        return bits
    if kind == 1:  # subnormal
        return bits & ~fmt.infinity
    if kind == 2:  # few mantissa bits: ties and exact results
        return bits & ~(fmt.hidden - 1) | rng.randrange(4) << (fmt.mantissa - 2)
    if kind == 3:  # an integer or a half
        return sf.pack(fmt, bits & 1, Fraction(rng.randrange(1, 4096), 2), 0)[0]
    near = one + rng.randrange(-6, 7) * fmt.hidden + rng.getrandbits(fmt.mantissa)
    return near | (bits & 1) << (fmt.bits - 1)


def fp_stub(instruction, operands, to_x=False, from_x=False, zfa=False):
    moves = [] if from_x else [f"fmv.d.x fa{i}, a{i}" for i in range(operands)]
    arch = [] if zfa else [".option arch, +zfh"]
    return stub(*moves, *arch, instruction, *([] if to_x else ["fmv.x.d a0, fa0"]))


def unboxed_cases(fmt, operands):
    """Operands one of which is not boxed."""
    if fmt is sf.DOUBLE:
        return []
    one = sf.pack(fmt, 0, Fraction(1), 0)[0]
    cases = []
    for wrong in range(operands):
        values = [boxed(fmt, one)] * operands
        values[wrong] ^= 1 << rng.randrange(fmt.bits, 64)
        cases.append(values)
    return cases


def fp_rows(number, fmt, function, cases, modes, result_format=None):
    """function(values..., mode) -> bits, flags; modes None: it has none, frm does not count."""
    for case in cases:
        for frm in modes if modes is not None else [rng.randrange(8)]:
            result, flags = function(*[read(fmt, value) for value in case], frm)
            if result_format is not None:
                result = boxed(result_format, result)
            a, b, c = (list(case) + [0, 0])[:3]
            row(number, result, flags, a, b, c, frm)


def cases_of(fmt, operands, count):
    special = specials(fmt)
    if operands == 1:
        chosen = [[value] for value in special]
    elif operands == 2:
        chosen = [[a, b] for a in special for b in special if rng.random() < 0.4]
    else:
        chosen = [[rng.choice(special) for _ in range(3)] for _ in range(150)]
    chosen += [[some_float(fmt) for _ in range(operands)] for _ in range(count)]
    return [[boxed(fmt, value) for value in case] for case in chosen] + unboxed_cases(fmt, operands)


def near_ties(fmt, count):
    """Operands of fused operations whose sum nearly cancels or nearly ties."""
    cases = []
    for _ in range(count):
        a, b = some_float(fmt), some_float(fmt)
        product, _ = sf.multiply(fmt, a, b, rng.randrange(5))
        c = product ^ 1 << (fmt.bits - 1) if rng.random() < 0.6 else product
        if rng.random() < 0.5 and fmt.infinity > low(c, fmt.bits - 1) > fmt.mantissa * fmt.hidden:
            c -= fmt.mantissa * fmt.hidden
        cases.append([boxed(fmt, a), boxed(fmt, b), boxed(fmt, c)])
    return cases


MODES = range(5)


def arithmetic_rows(s, fmt):
    basic = {"fadd": sf.add, "fsub": sf.subtract, "fmul": sf.multiply, "fdiv": sf.divide}
    for name, function in basic.items():
        number = fp_stub(f"{name}.{s} fa0, fa0, fa1", 2)
        fp_rows(number, fmt, lambda a, b, m, f=function: f(fmt, a, b, m),
                cases_of(fmt, 2, 50), MODES, fmt)
    number = fp_stub(f"fsqrt.{s} fa0, fa0", 1)
    fp_rows(number, fmt, lambda a, m: sf.square_root(fmt, a, m), cases_of(fmt, 1, 80), MODES, fmt)
    signs = (("fmadd", 0, 0), ("fmsub", 0, 1), ("fnmsub", 1, 0), ("fnmadd", 1, 1))
    for name, product, addend in signs:
        number = fp_stub(f"{name}.{s} fa0, fa0, fa1, fa2", 3)
        fp_rows(number, fmt,
                lambda a, b, c, m, p=product, n=addend: sf.fused(fmt, a, b, c, m, p, n),
                cases_of(fmt, 3, 30) + near_ties(fmt, 30), MODES, fmt)
    # A rounding mode in the instruction goes before frm, which may then hold anything.
    one, ulp = boxed(fmt, sf.pack(fmt, 0, Fraction(1), 0)[0]), boxed(fmt, 1)
    minus = one ^ 1 << (fmt.bits - 1)
    for mode, text in enumerate(("rne", "rtz", "rdn", "rup", "rmm")):
        number = fp_stub(f"fadd.{s} fa0, fa0, fa1, {text}", 2)
        for a in (one, minus):
            for frm in range(8):
                result, flags = sf.add(fmt, read(fmt, a), read(fmt, ulp), mode)
                row(number, boxed(fmt, result), flags, a, ulp, 0, frm)


def plain_rows(s, fmt):
    sign = 1 << (fmt.bits - 1)
    two = cases_of(fmt, 2, 30)
    injections = {"fsgnj": lambda a, b: a & ~sign | b & sign,
                  "fsgnjn": lambda a, b: a & ~sign | ~b & sign,
                  "fsgnjx": lambda a, b: a ^ b & sign}
    for name, function in injections.items():
        number = fp_stub(f"{name}.{s} fa0, fa0, fa1", 2)
        fp_rows(number, fmt, lambda a, b, m, f=function: (f(a, b) & (2 * sign - 1), 0),
                two, None, fmt)
    for name, largest in (("fmin", False), ("fmax", True)):
        number = fp_stub(f"{name}.{s} fa0, fa0, fa1", 2)
        fp_rows(number, fmt, lambda a, b, m, big=largest: sf.extreme(fmt, a, b, big, False),
                two, None, fmt)
        number = fp_stub(fp_word(0x14 | CODES[s], 11, 2 + largest), 2, zfa=True)
        fp_rows(number, fmt, lambda a, b, m, big=largest: sf.extreme(fmt, a, b, big, True),
                two, None, fmt)
    for name, relation in (("feq", "eq"), ("flt", "lt"), ("fle", "le")):
        number = fp_stub(f"{name}.{s} a0, fa0, fa1", 2, to_x=True)
        fp_rows(number, fmt, lambda a, b, m, r=relation: sf.compare(fmt, a, b, r, r == "eq"),
                two, None)
    for funct3, relation in ((4, "le"), (5, "lt")):  # fleq, fltq
        number = fp_stub(fp_word(0x50 | CODES[s], 11, funct3), 2, to_x=True, zfa=True)
        fp_rows(number, fmt, lambda a, b, m, r=relation: sf.compare(fmt, a, b, r, True), two, None)
    one = cases_of(fmt, 1, 40)
    number = fp_stub(f"fclass.{s} a0, fa0", 1, to_x=True)
    fp_rows(number, fmt, lambda a, m: (sf.classify(fmt, a), 0), one, None)
    fround = one + [[boxed(fmt, sf.pack(fmt, n & 1, Fraction(n, 4), 0)[0])] for n in range(1, 40)]
    for rs2, exact in ((4, False), (5, True)):
        number = fp_stub(fp_word(0x20 | CODES[s], rs2, 7), 1, zfa=True)
        fp_rows(number, fmt, lambda a, m, e=exact: sf.round_to_integer(fmt, a, m, e),
                fround, MODES, fmt)
    for constant, value in enumerate(sf.load_immediates(fmt)):
        number = fp_stub(fp_word(0x78 | CODES[s], 1, 0, rs1=constant), 0, zfa=True)
        row(number, boxed(fmt, value), 0, frm=rng.randrange(8))
    # Moves see the bits as they are, boxed or not.
    wide = {"h": 16, "s": 32, "d": 64}[s]
    letter = {"h": "h", "s": "w", "d": "d"}[s]
    for value in EDGES + [some_word() for _ in range(10)]:
        row(fp_stub(f"fmv.x.{letter} a0, fa0", 1, to_x=True), signed(value, wide), a=value)
        number = fp_stub(f"fmv.{letter}.x fa0, a0", 0, from_x=True)
        row(number, boxed(fmt, low(value, wide)), a=value)


def fp_word(funct7, rs2, rm, rs1=10):
    """rd = 10: fa0 or a0."""
    return f".word {funct7 << 25 | rs2 << 20 | rs1 << 15 | rm << 12 | 10 << 7 | 0x53:#x}"


def narrow_edges(fmt, narrow):
    """Values of the wide format about the narrow one's ends and ties."""
    edges = []
    for value in specials(narrow):
        if sf.finite(narrow, value):
            exact = abs(sf.value(narrow, value))
            for part in (0, 2, 1, 3):
                near = exact + sf.value(narrow, 1) * Fraction(part, 4)
                edges.append([boxed(fmt, sf.pack(fmt, sf.sign_of(narrow, value), near, 0)[0])])
    return edges


def conversion_rows(s, fmt):
    limits = []
    for power in (31, 32, 63, 64):
        for quarters in (-6, -4, -2, -1, 0, 1, 2, 4, 4 * 513):
            for sign in (0, 1):
                near = (1 << power) + Fraction(quarters, 4)
                limits.append([boxed(fmt, sf.pack(fmt, sign, near, 1)[0])])
    small = [[boxed(fmt, sf.pack(fmt, n & 1, Fraction(n, 4), 0)[0])] for n in range(1, 24)]
    kinds = (("w", 32, True), ("wu", 32, False), ("l", 64, True), ("lu", 64, False))
    for letter, bits, is_signed in kinds:
        number = fp_stub(f"fcvt.{letter}.{s} a0, fa0, dyn", 1, to_x=True)
        fp_rows(number, fmt, lambda a, m, n=bits, i=is_signed: sf.to_integer(fmt, a, m, n, i),
                cases_of(fmt, 1, 40) + limits + small, MODES)
        exact = s == "d" and bits == 32
        number = fp_stub(f"fcvt.{s}.{letter} fa0, a0" + ("" if exact else ", dyn"), 0, from_x=True)
        for a in EDGES + [some_word() for _ in range(30)] + [(1 << n) + 1 for n in range(8, 64, 3)]:
            value = signed(a, bits) if is_signed else low(a, bits)
            for frm in MODES:
                result, flags = sf.from_fraction(fmt, Fraction(value), frm)
                row(number, boxed(fmt, result), flags, a, frm=frm)
    for t, other in FORMATS.items():
        if t != s:
            rounds = other.bits < fmt.bits
            number = fp_stub(f"fcvt.{t}.{s} fa0, fa0" + (", dyn" if rounds else ""), 1)
            edges = narrow_edges(fmt, other) if rounds else []
            fp_rows(number, fmt, lambda a, m, o=other: sf.convert(fmt, o, a, m),
                    cases_of(fmt, 1, 60) + edges, MODES, other)


def modular_rows():
    number = fp_stub(fp_word(0x61, 8, 1), 1, to_x=True, zfa=True)
    fmt = sf.DOUBLE
    wide = []
    for n in range(200):
        some = Fraction(rng.getrandbits(53) << rng.randrange(0, 40), 1 << rng.randrange(0, 54))
        wide.append([sf.pack(fmt, n & 1, some, 0)[0]])
    fp_rows(number, fmt, lambda a, m: sf.to_modular_word(fmt, a), cases_of(fmt, 1, 60) + wide, None)


def float_rows():
    for s, fmt in FORMATS.items():
        arithmetic_rows(s, fmt)
        plain_rows(s, fmt)
        conversion_rows(s, fmt)
    modular_rows()


# -- Output ----------------------------------------------------------------------------------------

def main():
    {"int": integer_rows, "float": float_rows}[sys.argv[1]]()
    if len(sys.argv) == 4:
        number, frm, a, b, c, result, flags = rows[int(sys.argv[3])]
        print([text for text, at in stubs.items() if at == number][0])
        print(f"a {a:#x} b {b:#x} c {c:#x} frm {frm} -> {result:#x} flags {flags:#x}")
        return
    print(f"# Made by tests/isa/vectors.py {sys.argv[1]}.\n    .text")
    for text, number in stubs.items():
        print(f"    .option push\n    .balign 4\nvector_{number}:\n{text}\n    ret")
        print("    .option pop")
    print("    .section .rodata\n    .balign 8\n    .globl vectors, vectors_end\nvectors:")
    for number, *values in rows:
        print(f"    .dword vector_{number}, " + ", ".join(f"{value:#x}" for value in values))
    print("vectors_end:")


main()
