# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: the rows of the table, in three groups. Each is a fixed piece of work."""
import dataclasses
import fnmatch
import pathlib
import subprocess

from failure import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUEST = ROOT / "out/guest"
BENCH = ROOT / "out/bench"
SOURCES = ROOT / "tools/bench.d/kernels"

# The names that tools/bench.d/guest/init knows, each with -short or -long behind it.
PROGRAMS = ["sha256sum", "gzip", "bzip2", "sort", "awk", "fork", "7zip", "sqlite", "python",
            "aes", "sha", "rsa"]
KERNELS = ["crc", "sort", "chase", "copy", "branchy", "indirect", "matrix"]
GROUPS = ["boot", "programs", "kernels"]

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


def all_rows():
    """Every row, in the order of the table."""
    # The boot's own work ends with a second of sleep, which QEMU without icount would sleep.
    yield Row("boot", "boot", initrd=GUEST / "initramfs.cpio.gz", is_whole=True,
              append="sandglass.run=echo bench: $(uname -srvm)")
    for program in PROGRAMS:
        for size in ("short", "long"):
            name = f"{program}-{size}"
            yield Row(name, "programs", initrd=BENCH / "workloads.cpio",
                      append=f"quiet norandmaps sandglass.work={name}")
    for kernel in KERNELS:
        yield Row(f"{kernel}-kernel", "kernels", elf=BENCH / "kernels" / kernel)


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
    if "programs" in groups:
        status = subprocess.run([ROOT / "tools/bench.d/setup"], check=False).returncode
        if status:
            raise Failure(status, "no programs to measure; the line above says why")
    for row in rows:
        if row.elf:
            compile_kernel(row.elf)


def compile_kernel(elf):
    elf.parent.mkdir(parents=True, exist_ok=True)
    command = [*COMPILE, SOURCES / "kernel.c", SOURCES / f"{elf.name}.c", "-o", elf]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Failure(69, f"no {COMPILE[0]}: run tools/setup") from error
    if result.returncode:
        raise Failure(70, f"{elf.name}.c does not compile: {result.stderr.splitlines()[0]}")
