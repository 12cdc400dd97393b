#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the files that fuzzing starts from: small sound ones of each kind.

usage: seeds.py FOLDER      makes a folder in it for each target
"""
import gzip
import os
import struct
import sys

RAM = 0x80000000


def linux_image():
    """Header of a Linux `Image` (boot-image-header.rst) and a little code."""
    body = b"\x13\0\0\0" * 64
    head = struct.pack("<IIQQQIIQQII", 0x6F, 0, 0x200000, 64 + len(body), 0, 2, 0, 0,
                       0x5643534952, 0x05435352, 0)
    return head + body


def elf_section(name, kind, addr, where, size, link=0, entry=0):
    return struct.pack("<IIQQQQIIQQ", name, kind, 0, addr, where, size, link, 1, 8, entry)


def elf_program():
    """An executable with two segments and the symbols that the loader looks for."""
    names = b"\0tohost\0fromhost\0begin_signature\0end_signature\0"
    sections = b"\0.symtab\0.strtab\0.shstrtab\0"
    symbols = bytes(24)
    for symbol, value in (("tohost", 0x1000), ("fromhost", 0x1040),
                          ("begin_signature", 0x1080), ("end_signature", 0x10C0)):
        at = names.index(b"\0" + symbol.encode() + b"\0") + 1
        symbols += struct.pack("<IBBHQQ", at, 0x10, 0, 1, RAM + value, 0)
    text = b"\x6f\0\0\0" * 16
    at_text = 64 + 2 * 56
    at_symbols = at_text + len(text)
    at_names = at_symbols + len(symbols)
    at_sections = at_names + len(names)
    at_table = (at_sections + len(sections) + 7) & ~7
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 243, 1, RAM, 64, at_table, 0, 64, 56, 2, 64, 4, 3)
    parts = struct.pack("<IIQQQQQQ", 1, 5, at_text, RAM, RAM, len(text), len(text), 4096)
    parts += struct.pack("<IIQQQQQQ", 1, 6, at_text, RAM + 0x1000, RAM + 0x1000, 0, 4096, 4096)
    table = bytes(64) + elf_section(1, 2, 0, at_symbols, len(symbols), 2, 24)
    table += elf_section(9, 3, 0, at_names, len(names))
    table += elf_section(17, 3, 0, at_sections, len(sections))
    body = head + parts + text + symbols + names + sections
    return body + bytes(at_table - len(body)) + table


def kernel_symbols(new_order, offsets):
    """What a kernel has of kallsyms: a layout since 6.4 or before, addresses from a base or whole.
    Letters are their own tokens; the other bytes stand for two letters."""
    letters = "TDtbr_aeionstchkdlmpuvwxfgyz0123456789."
    names = ["T_stext"] + [f"t{a}{b}_{a}{c}" for a in "abcdefg" for b in "stuvwx"
                           for c in "1234567"]
    names += ["rlong_" + "x" * 140, "D_end"]
    pairs = [a + b for a in letters[6:] for b in letters[6:]]
    tokens = [chr(i) if chr(i) in letters else pairs.pop(0) for i in range(256)]
    table = {token: i for i, token in enumerate(tokens)}
    packed, markers = b"", b""
    for i, name in enumerate(names):
        if i % 256 == 0:
            markers += struct.pack("<I", len(packed))
        coded = bytes(table[letter] for letter in name)
        size = len(coded)
        packed += bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        packed += coded

    def aligned(part):
        return part + bytes(-len(part) % 8)

    base = 0xFFFFFFFF80000000
    where = range(0, 48 * len(names), 48)
    if offsets:
        places = aligned(b"".join(struct.pack("<I", at) for at in where)) + struct.pack("<Q", base)
    else:
        places = b"".join(struct.pack("<Q", base + at) for at in where)
    text = b"".join(token.encode() + b"\0" for token in tokens)
    index = [0]
    for token in tokens[:-1]:
        index.append(index[-1] + len(token) + 1)
    parts = [struct.pack("<II", len(names), 0), aligned(packed), aligned(markers), aligned(text),
             struct.pack("<256H", *index)]
    parts = parts + [places] if new_order else [places] + parts
    return bytes(64) + b"".join(parts) + bytes(64)


def linux_events():
    """Events of a guest and its memory (fuzz_linux.c): a program begins, has a thread and a child,
    maps a library, another program begins in the child."""
    call, back, switch = range(3)
    home, program, library, stack = 0x1000, 0x2000, 0x3000, 0x4000

    def event(kind, task, root, number=0, args=(), result=0, sp=stack - 64, pc=0x100):
        args = [result] if kind == back else list(args)
        return struct.pack("<4B3H7h", kind, task % 2, task, root, pc + 4 * (kind == back), sp,
                           number, *args, *[0] * (7 - len(args)))

    def begin(task, root):
        return event(back, task, root, sp=stack, pc=program + 0x100 - 4)

    texts = b"swapper\0/bin/sh\0/lib/libz.so\0"
    shell, path = home + 0x108, home + 0x110
    start = struct.pack("<20Q", 1, shell, 0, shell, 0, 3, program + 64, 4, 56, 5, 2, 6, 4096, 9,
                        program + 0x100, 31, shell, 0, 0, 0)
    events = [event(switch, 9, 0), begin(1, 1), event(call, 1, 1, 96), event(back, 1, 1, result=1)]
    events += [event(call, 1, 1, 220, (0x10100 - 0x10000, 0x700)), event(back, 1, 1, result=2),
               event(back, 2, 1, result=0, sp=0x700)]
    events += [event(call, 1, 1, 56, (-100, path)), event(back, 1, 1, result=3),
               event(call, 1, 1, 222, (0, 0x1000, 5, 2, 3, 0)), event(back, 1, 1, result=library),
               event(call, 1, 1, 226, (0x5000, 0x1000, 5)), event(back, 1, 1, result=0),
               event(call, 1, 1, 216, (library, 0x1000, 0x1000)),
               event(back, 1, 1, result=0x6000)]
    events += [event(call, 1, 1, 220, (17,)), event(back, 3, 2, result=0),
               event(back, 1, 1, result=7), event(call, 3, 2, 221), begin(3, 3),
               event(call, 3, 3, 64), event(call, 3, 3, 94), event(call, 1, 1, 215, (0x6000, 16))]
    memory = bytes(0x100) + texts
    for content, at in ((elf_program(), program), (elf_program(), library), (start, stack)):
        memory = memory.ljust(at - home, b"\0") + content
    memory = memory.ljust(17 << 10, b"\0")
    return struct.pack("<H", len(events)) + b"".join(events) + memory


class Profile:
    """What is packed into a profile: src/prof/profile_file.c has the fields. Texts are sorted."""

    def __init__(self, *texts):
        self.texts = sorted(text.encode() for text in texts)
        self.bytes = struct.pack("<I", len(self.texts))
        for text in self.texts:
            self.bytes += struct.pack("<I", len(text)) + text

    def put(self, layout, *fields):
        fields = [self.texts.index(field.encode()) if isinstance(field, str) else field
                  for field in fields]
        self.bytes += struct.pack("<" + layout, *fields)


NONE = 0xFFFFFFFF


def profile(kind):
    """A run of two harts in which main called itself and work; a probe; some of a timeline."""
    body = Profile("", "exact", "kernel", "main", "sh", "timer", "work")
    body.put("B5IQI", kind, "", "", "exact", "", "", 7, 2)
    body.put("QQq4Q", 900, 880, 7200, 100 * (kind == 3), 1, 9, 8)
    body.put("I3I", 1, "kernel", "kernel", "")
    body.put("IQQqqII", 1, 0, 900, 0, 7200, "", "")
    body.put("I2I", 1, "kernel", "")
    body.put("I", 3)
    for name, module, address in (("main", 0, 0x1000), ("work", 0, 0x2000), ("", NONE, 0x77)):
        body.put("IIQQ", name, module, address, 64)
    body.put("I", 2)
    body.put("BIIIIq", 2, 0, 0, "", "", 0)
    body.put("BIIIIq", 4, 1, 1, "sh", "sh", 100)
    contexts = ((NONE, NONE, 0, 0, 0, 0), (0, 2, 0, 0, 3, 5), (NONE, NONE, 1, 1, 0, 0),
                (2, 0, 1, 1, 0, 10), (3, 0, 1, 1, 1, 20), (4, 1, 1, 1, 1, 30), (3, 1, 1, 1, 0, 40))
    body.put("I", len(contexts))
    for parent, function, task, hart, mode, self in contexts:
        body.put("IIIHB", parent, function, task, hart, mode)
        body.put("QQQqq", self, self, self // 10, -1, -1)
    body.put("IIQQQQ", 1, 1, 4, 30, 30, 0)
    body.put("IIIBI", 1, NONE, 1, 1, "work")
    body.put("8Q", 2, 1, 12, 4, 8, 96, 32, 64)
    body.put("BBQBQ", 2, 3, 1, 4, 1)
    body.put("BBQBQ", 2, 6, 1, 7, 1)
    body.put("I", 3)
    body.put("qIBQQIIqIQ", 0, 1, 0, 8, 80, 1, "", 0, 1, 80)
    body.put("qIBQQIIqIQ", 64, 1, 3, 8, 80, NONE, "timer", 0, 5, 60)
    body.put("qIBQQIIqIQ", 0, 1, 7, 8, 0, 1, "", 0, 1, 0)
    host = Profile("kernel", "work")
    host.put("B6QI", 1, 10, 1, 5, 1, 1, 1, 1)
    host.put("IIQQQQ", "work", "kernel", 8, 3, 4, 5)
    return struct.pack("<I", len(body.bytes)) + body.bytes + host.bytes


OPTIONS = (
    "--elf F --drive file=F,overlay=G,latency=5,serial=x,bus=mmio --drive file=a,,b,ro,cache=none",
    "--kernel F --initrd G --append quiet --memory 512M --smp 4 --icount shift=3,sleep=off",
    "--elf F --signature S --cpu rv64gc,zba=on,sstc=off --console null --stop-at 1:1000",
    "--elf F --icount ips=1234567891/7 --hart 0-1:ips=2e9,2:shift=4 --smp 3 --quantum 1000",
    "--elf F --gdb unix:/x --gdb-wait -S --smp 2",
    "--elf F --time lockstep,monotonic=on --engine interp --grant random:7 --seed 5",
    "--elf F --stop-at-vtime 123456 --stats /dev/null --state-hash --rtc base=2026-01-02T03:04:05",
    "--kernel F --net user,hostfwd=tcp::2222-:22,restrict=off,net=10.1.0.0/16,bus=mmio",
    "--elf F -nic user,hostfwd=udp:127.0.0.1:53-10.0.2.9:53,mac=52:54:00:12:34:56,model=virtio",
    "--elf F --serial null --serial tcp:1 --serial unix:S --virtconsole file:V --virtconsole pty",
    "-kernel F -m 1G -machine virt -nographic --no-reboot --bios none --hash-at 1,2,3:H",
)


def overlay(image_bytes, root, slots):
    """An overlay whose digests are still to be put right: slots from 2 on, each text or the entries
    of a node by index."""
    def superblock(sequence):
        return (b"SglsOvl\n" + struct.pack("<IIQQQQQQ", 1, 0, 0, sequence, image_bytes, 7, root, 0)
                ).ljust(4096, b"\0")

    def slot(content):
        if isinstance(content, str):
            return (content.encode() * 4096)[:4096]
        entries = bytearray(4096)
        for idx, to in content.items():
            entries[16 * idx:16 * idx + 8] = struct.pack("<Q", to)
        return bytes(entries)
    return superblock(4) + superblock(5) + b"".join(map(slot, slots))


OVERLAYS = {
    "empty": ((1 << 20) - 512, 0, ()),
    "leaf": ((1 << 20) - 512, 2, ({0: 3, 5: 1, 255: 4}, "block", "other")),
    "short": (5632, 3, ("tail", {1: 2})),
    "levels": (3 << 30, 2, ({0: 3, 7: 1, 11: 4}, {0: 5, 255: 6}, {255: 7, 100: 1},
                            {0: 8, 1: 9}, {255: 10}, {255: 11, 0: 1}, "a", "b", "c", "d")),
    "all-zeros": (1 << 40, 2, ({i: 1 for i in range(64)},)),
}

# Messages to a share: type, and fields by the sizes that the letters of struct stand for; s: text.
SHARE = {
    "look": [(110, "IIHss", 0, 1, 2, "a", "b"), (24, "IQ", 1, 0x7ff), (12, "II", 1, 0),
             (116, "IQI", 1, 0, 100), (110, "IIH", 0, 2, 0), (12, "II", 2, 0),
             (40, "IQI", 2, 0, 4096), (110, "IIHs", 0, 3, 1, "l"), (22, "I", 3), (8, "I", 0),
             (110, "IIHss", 1, 4, 2, "..", ".."), (120, "I", 1), (108, "H", 1)],
    "make": [(110, "IIH", 0, 1, 0), (14, "IsIII", 1, "n", 0o102, 0o644, 0),
             (118, "IQIs", 1, 0, 5, "abc"),
             (26, "IIIIIQQQQQ", 1, 0x1b9, 0o700, 0, 0, 9, 1, 2, 3, 4),
             (116, "IQI", 1, 0, 100), (50, "II", 1, 0), (72, "IsII", 0, "d", 0o755, 0),
             (16, "IssI", 0, "m", "..", 0), (18, "IsIIII", 0, "f", 0o10644, 0, 0, 0)],
    "move": [(110, "IIHs", 0, 1, 1, "a"), (110, "IIHs", 0, 2, 1, "c"), (70, "IIs", 1, 2, "e"),
             (74, "IsIs", 0, "c", 1, "f"), (20, "IIs", 2, 0, "g"), (76, "IsI", 1, "b", 0),
             (76, "IsI", 0, "a", 0x200), (122, "I", 2), (52, "IBIQQIs", 1, 1, 0, 0, 0, 1, "x"),
             (54, "IBQQIs", 1, 1, 0, 0, 1, "x"), (30, "IIs", 0, 5, "user.x")],
}


def share_messages(messages):
    body = b""
    for kind, letters, *fields in messages:
        message = bytes([kind])
        for letter, field in zip(letters, fields):
            text = field.encode() if letter == "s" else b""
            number = struct.pack("<" + letter.replace("s", "H"), len(text) if text else field)
            message += number + text
        body += struct.pack("<HB", len(message), 0) + message
    return body


# Scripts of a virtio driver (fuzz_virtio.c), over MMIO and PCI: it starts, sends a request in a
# chain of its own, lets time pass, takes what comes in. By name: device, queue, sizes of readable
# and of writable parts, contents of the first part.
START, NOTIFY, TIME, DELIVER, BYTES, CHAIN = 0, 6, 7, 8, 11, 12
REQUESTS = {
    "rng": (0, 0, (), (100, 28), b""),
    "blk-read": (1, 0, (16,), (512, 1), struct.pack("<IIQ", 0, 0, 3)),
    "blk-write": (1, 0, (16, 512), (1,), struct.pack("<IIQ", 1, 0, 3)),
    "blk-flush": (1, 0, (16,), (1,), struct.pack("<IIQ", 4, 0, 0)),
    "blk-name": (1, 0, (16,), (20, 1), struct.pack("<IIQ", 8, 0, 0)),
    "blk-discard": (1, 0, (32,), (1,), struct.pack("<IIQQII", 11, 0, 0, 8, 8, 0)),
    "blk-zero": (1, 0, (32,), (1,), struct.pack("<IIQQII", 13, 0, 0, 8, 8, 1)),
    "net-send": (2, 1, (12, 60), (), bytes(12)),
    "console-text": (3, 1, (5,), (), b"text\n"),
    "console-ready": (3, 3, (8,), (), struct.pack("<IHH", 0, 0, 1)),
    "console-port": (3, 3, (8,), (), struct.pack("<IHH", 1, 3, 1)),
    "9p": (4, 0, (21,), (100,), struct.pack("<IBHIH8s", 21, 100, 0, 8192, 8, b"9P2000.L")),
}


def virtio_chain(queue, features, first, readable, writable):
    shape = 0x80 | len(readable) | len(writable) << 3 | (features & 1) << 6
    parts = enumerate(readable + writable)
    return struct.pack("<BBBB", CHAIN, queue, shape, first) + b"".join(
        struct.pack("<HH", number << 12, size) for number, size in parts)


def virtio_script(request, pci, features):
    device, queue, readable, writable, contents = request
    script = bytes([device + (0x80 if pci else 0), START, features])
    if device == 3:  # somewhere to be told of ports
        script += virtio_chain(2, 0, 0, (), (8,)) + virtio_chain(2, 0, 1, (), (8,))
    script += struct.pack("<BHB", BYTES, 0, len(contents)) + contents
    for first in (0, 4):
        script += virtio_chain(queue, features, first, readable, writable)
        script += struct.pack("<BH", TIME, 3000)
    if device in (2, 3):
        script += virtio_chain(0, features, 0, (), (4096,)) + struct.pack("<BHB", DELIVER, 100, 0)
    return script + bytes([NOTIFY, queue])


PACKETS = {
    "greet": ("qSupported:swbreak+;hwbreak+", "vMustReplyEmpty", "?", "QStartNoAckMode", "g", "qC"),
    "describe": ("qXfer:features:read:target.xml:0,fff", "qfThreadInfo", "qsThreadInfo",
                 "qThreadExtraInfo,2", "Hg2", "T1", "qAttached"),
    "registers": ("p20", "P5=1122334455667788", "p5", "p1041", "P1041=0000000000000000", "p341",
                  "P381=efcdab8967452301", "G" + "00" * 264),
    "memory": ("m80000000,40", "M80001100,4:01020304", "X80001200,3:a}\x03b", "Qqemu.PhyMemMode:1",
               "m1000,10", "qSearch:memory:80000000;1000;\x13", "qqemu.PhyMemMode"),
    "points": ("Z0,80000008,4", "vCont;c", "z0,80000008,4", "Z2,80001100,8", "vCont;c:1",
               "Z3,80001100,4", "Z4,80001100,1", "c", "Z1,8000000c,4", "c"),
    "steps": ("vCont?", "vCont;s:1;c", "vCont;s:2", "s", "S05", "bs", "bc", "vCont;C05",
              "vCont;r80000000,80000010:1"),
    "monitor": tuple("qRcmd," + words.encode().hex() for words in (
        "help", "time", "where", "stats", "seek 5000", "snapshot", "read 0x80000000 20",
        "watch 0x80001100 8", "unwatch 0x80001100 8")) + ("c", "D", "k"),
}


def packet(body):
    raw = body.encode("latin-1")
    return b"$%s#%02x" % (raw, sum(raw) % 256)


def log_number(value):
    """Seven bits a byte, the least significant first."""
    head = b""
    while value >= 128:
        head += bytes([value & 127 | 128])
        value >>= 7
    return head + bytes([value])


def log_frame(*events):
    """What fuzz_log makes a frame of: events {kind and marks, index, steps, time, bytes}."""
    raw = b""
    for kind, idx, steps, time, content in events:
        raw += bytes([kind, idx]) + log_number(steps) + log_number(time)
        raw += log_number(len(content)) + content
    return bytes([len(raw)]) + raw


LOGS = {
    "typed": log_frame() + log_frame((64, 0, 1000, 8000, b"ls\n"), (0, 0, 0, 0, b"\x03")) +
             log_frame((64, 1, 5, 1 << 40, bytes(60))),
    "all": log_frame() + log_frame((64, 3, 0, 0, b"x"), (192 + 1, 2, 7, 0, b"reply"),
                                   (2, 0, 1, 20000, bytes(24)), (3, 0, 0, 0, b"f" * 32)) +
           log_frame((68, 0, 300, 1 << 33, bytes(60))),
    "start": b"\x89SGL\r\n\x1a\n\x01\0\0\0\0\0\0\0SGLf" + bytes(76),
}


# For how long the machine runs before, and changes of its state: where, and what.
SNAPSHOTS = {
    "plain": b"\x40",
    "fresh": b"\x00" + bytes([0, 0, 0, 3, 44, 0, 0, 255, 60, 0, 0, 1]),
    "later": b"\xff" + bytes(number for at in range(40, 2000, 90)
                             for number in (at % 256, at // 256, 0, at % 7)),
}


def main(folder):
    images = {"image": linux_image(), "elf": elf_program()}
    images["image.gz"] = gzip.compress(images["image"], mtime=0)
    images["elf.gz"] = gzip.compress(images["elf"], mtime=0)
    for name, content in images.items():
        write(os.path.join(folder, "image"), name, content)
    write(os.path.join(folder, "linux"), "programs", linux_events())
    symbols = {"elf": images["elf"]}
    for new_order in (False, True):
        for offsets in (False, True):
            symbols[f"kernel-{new_order:d}{offsets:d}"] = kernel_symbols(new_order, offsets)
    symbols["kernel.gz"] = gzip.compress(symbols["kernel-11"], mtime=0)
    for name, content in symbols.items():
        write(os.path.join(folder, "symbols"), name, content)
    for kind in range(4):
        write(os.path.join(folder, "profile"), str(kind), profile(kind))
    for name, messages in SHARE.items():
        for writable in (0, 1):
            content = bytes([writable]) + share_messages(messages)
            write(os.path.join(folder, "share"), f"{name}-{writable}", content)
    for name, content in OVERLAYS.items():
        write(os.path.join(folder, "overlay"), name, overlay(*content))
    for name, request in REQUESTS.items():
        for bus, pci in (("mmio", False), ("pci", True)):
            for features in (0x30, 0x33, 0x87):
                script = virtio_script(request, pci, features)
                write(os.path.join(folder, "virtio"), f"{name}-{bus}-{features:x}", script)
    for name, bodies in PACKETS.items():
        content = b"+" + b"".join(map(packet, bodies)) + b"\x03-"
        write(os.path.join(folder, "gdb"), name + "-strict", b"0" + content)
        write(os.path.join(folder, "gdb"), name, b"1" + content)
    for name, content in SNAPSHOTS.items():
        write(os.path.join(folder, "snapshot"), name, content)
    for name, content in LOGS.items():
        write(os.path.join(folder, "log"), name, content)
    for number, words in enumerate(OPTIONS):
        write(os.path.join(folder, "options"), str(number), words.replace(" ", "\n").encode())


def write(folder, name, content):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


main(sys.argv[1])
