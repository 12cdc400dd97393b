# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: the rows of the table, in five groups. Each is a fixed piece of work."""
import dataclasses
import fnmatch
import hashlib
import pathlib
import subprocess
import sys

from failure import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUEST = ROOT / "out/guest"
BENCH = ROOT / "out/bench"
SOURCES = ROOT / "tools/bench.d/kernels"

# The names that tools/bench.d/guest/programs knows, each with -short or -long behind it.
PROGRAMS = ["sha256sum", "gzip", "bzip2", "sort", "awk", "fork", "7zip", "sqlite", "python",
            "aes", "sha", "rsa"]
KERNELS = ["crc", "sort", "chase", "copy", "branchy", "indirect", "matrix"]
# Those of tools/bench.d/guest/disk, each with -direct or -cached behind it.
DISK = ["read", "write", "randread", "randwrite"]
GROUPS = ["boot", "programs", "kernels", "disk", "network"]

DISK_MIB = 512
# What runs on the host beside a guest with a network.
IPERF_SERVER = ("iperf3", "--server", "--one-off", "--bind", "127.0.0.1", "--port", "{port}")
IPERF_CLIENT = ("iperf3", "--client", "127.0.0.1", "--port", "{port}", "--bytes", "128M",
                "--reverse")
ECHO = (sys.executable, ROOT / "tools/bench.d/guest/echo.py", "serve", "{port}")

COMPILE = ["riscv64-linux-gnu-gcc", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany", "-O2",
           "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib", "-static", "-no-pie",
           "-fno-pic", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments",
           "-T", ROOT / "tests/guest/guest.ld", ROOT / "tests/guest/start.S"]


@dataclasses.dataclass(frozen=True)
class Row:
    """A row: a guest that prints marker lines around what is timed, or is timed as a whole."""
    name: str
    group: str
    initrd: pathlib.Path = None  # of a Linux guest
    append: str = ""             # the same guest's command line
    elf: pathlib.Path = None     # of a bare-metal guest
    is_whole: bool = False       # timed from start to exit
    disk: pathlib.Path = None    # an image that the guest may write to, and that stays as it is
    server: tuple = ()           # a command for the host, which the guest can reach at {port}
    client: tuple = ()           # one that calls the guest, by {port}, from the first marker on

    @property
    def has_network(self):
        return bool(self.server or self.client)


def all_rows():
    """Every row, in the order of the table."""
    # The boot's own work ends with a second of sleep, which QEMU without icount would sleep.
    yield Row("boot", "boot", initrd=GUEST / "initramfs.cpio.gz", is_whole=True,
              append="sandglass.run=echo bench: $(uname -srvm)")
    for program in PROGRAMS:
        for size in ("short", "long"):
            yield work_row(f"{program}-{size}", "programs")
    for kernel in KERNELS:
        yield Row(f"{kernel}-kernel", "kernels", elf=BENCH / "kernels" / kernel)
    for kind in DISK:
        for way in ("direct", "cached"):
            yield work_row(f"disk-{kind}-{way}", "disk", disk=BENCH / "disk.img")
    yield work_row("network-send", "network", server=IPERF_SERVER)
    yield work_row("network-receive", "network", server=IPERF_SERVER)
    yield work_row("network-serve", "network", client=IPERF_CLIENT)
    yield work_row("network-answer", "network", server=ECHO)


def work_row(name, group, **more):
    """A piece of work that tools/bench.d/guest/init knows."""
    return Row(name, group, initrd=BENCH / "workloads.cpio",
               append=f"quiet norandmaps sandglass.work={name}", **more)


def choose_rows(text):
    """The rows that a list of names, patterns and groups means; all of them for None."""
    rows = list(all_rows())
    if text is None:
        return rows
    chosen = set()
    for word in text.split(","):
        found = {row for row in rows if word == row.group or fnmatch.fnmatchcase(row.name, word)}
        if not found:
            raise Failure(64, f"--rows: no row '{word}'; groups are {', '.join(GROUPS)}, rows "
                              f"{', '.join(row.name for row in rows)}")
        chosen |= found
    return [row for row in rows if row in chosen]


def make_guests(rows):
    """Makes what the rows need and is not there, or not of today."""
    groups = {row.group for row in rows}
    for name in ("fw_dynamic.bin", "vmlinux", "initramfs.cpio.gz"):
        if groups != {"kernels"} and not (GUEST / name).is_file():
            raise Failure(69, f"no {GUEST / name}: run tools/setup")
    if any(row.initrd == BENCH / "workloads.cpio" for row in rows):
        status = subprocess.run([ROOT / "tools/bench.d/setup"], check=False).returncode
        if status:
            raise Failure(status, "no programs to measure; the line above says why")
    for row in rows:
        if row.elf:
            compile_guest(row.elf, SOURCES / "kernel.c", SOURCES / f"{row.elf.name}.c")
        if row.disk and not row.disk.is_file():
            make_disk(row.disk)


def make_disk(path):
    """Contents that are the same everywhere, and that nobody can press together."""
    new = path.with_suffix(".new")
    with open(new, "wb") as file:
        for idx in range(DISK_MIB):
            file.write(hashlib.shake_128(str(idx).encode()).digest(2**20))
    new.replace(path)


def compile_guest(elf, *words):
    """Makes a bare-metal guest of sources and flags."""
    elf.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = subprocess.run([*COMPILE, *words, "-o", elf], capture_output=True, text=True,
                                check=False)
    except FileNotFoundError as error:
        raise Failure(69, f"no {COMPILE[0]}: run tools/setup") from error
    if result.returncode:
        raise Failure(70, f"{elf} does not compile: {result.stderr.splitlines()[0]}")
