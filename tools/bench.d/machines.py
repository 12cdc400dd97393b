# SPDX-License-Identifier: GPL-2.0-or-later
"""What measures are taken on: the columns of the table. Each is a way to call an emulator."""
import dataclasses
import os
import pathlib
import subprocess
import sys

from failure import Failure
from rows import GUEST, ROOT

SANDGLASS = pathlib.Path(os.environ.get("SANDGLASS", ROOT / "out/sandglass")).resolve()
QEMU = ROOT / "out/peer/qemu-system-riscv64"

# QEMU's processor, made to have what Sandglass has by default: /proc/cpuinfo is compared.
QEMU_CPU = ("rv64,h=off,svvptc=off,zicond=on,zimop=on,zcmop=on,zcb=on,zfh=on,zbkb=on,zbkx=on,"
            "zkt=on,svinval=on,svnapot=on,svpbmt=on")
ICOUNT = "shift=3,sleep={sleep}"
GUEST_PORT = 5201  # where iperf3 listens
UNCOUNTED = "--no-accounting"  # Sandglass then does everything but count



@dataclasses.dataclass(frozen=True)
class Machine:
    """A column: a program and the options that make it this one."""
    key: str
    title: str
    words: tuple
    is_qemu: bool
    has_icount: bool

    @property
    def is_uncounted(self):
        return self.key == "uncounted"

    def command(self, row, port):
        """What runs a row's guest, and lets it have this port of the host if it has a network."""
        return [*self.words, *self.clock(row), "-m", "1G", "-smp", "1", "-nographic",
                *self.guest(row, port), *self.disk(row), *self.network(row, port)]

    def clock(self, row):
        """Whoever talks to the outside cannot let time jump."""
        sleep = "on" if row.has_network else "off"
        return ["-icount", ICOUNT.format(sleep=sleep)] if self.has_icount else []

    def guest(self, row, port):
        if row.elf:
            return ["-bios", "none", "-kernel", row.elf] if self.is_qemu else ["-elf", row.elf]
        append = f"{row.append} sandglass.port={port}" if row.has_network else row.append
        return ["-bios", GUEST / "fw_dynamic.bin", "-kernel", GUEST / "vmlinux",
                "-initrd", row.initrd, "-append", append]

    def disk(self, row):
        """Both write to a temporary file, through the host's page cache, and never sync it."""
        if not row.disk:
            return []
        snapshot = ",if=virtio,snapshot=on" if self.is_qemu else ""
        return ["-drive", f"file={row.disk},format=raw{snapshot}"]

    def network(self, row, port):
        if not row.has_network:
            return []
        words = "user,restrict=off"
        if row.client:
            words += f",hostfwd=tcp:127.0.0.1:{port}-:{GUEST_PORT}"
        if self.is_qemu:
            return ["-netdev", f"{words},id=net0",
                    "-device", "virtio-net-pci,netdev=net0,romfile="]
        return ["-net", words]


def machines():
    """The columns that this host can have, Sandglass first."""
    if not SANDGLASS.is_file():
        raise Failure(69, f"no {SANDGLASS}: run make")
    sandglass = (SANDGLASS, "run")
    columns = [Machine("sandglass", "Sandglass", sandglass, False, True)]
    if takes(UNCOUNTED):
        title = f"Sandglass {UNCOUNTED}"
        columns.append(Machine("uncounted", title, (*sandglass, UNCOUNTED), False, True))
    if QEMU.is_file():
        qemu = (QEMU, "-M", "virt", "-cpu", QEMU_CPU)
        columns.append(Machine("icount", "QEMU -icount shift=3", qemu, True, True))
        columns.append(Machine("qemu", "QEMU without -icount", qemu, True, False))
    else:
        print("tools/bench: no QEMU to compare with: run tools/setup peer", file=sys.stderr)
    return columns


def takes(option):
    """Whether this Sandglass knows an option, which its help need not name."""
    result = subprocess.run([SANDGLASS, "run", option], capture_output=True, text=True,
                            check=False)
    return f"unknown option {option}" not in result.stderr


def qemu_version():
    output = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False).stdout
    return output.splitlines()[0] if output else "QEMU of unknown version"


def host_name():
    """Which processor this is measured on."""
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {models[0] if models else os.uname().machine}"
