# SPDX-License-Identifier: GPL-2.0-or-later
"""What the experiments are run on, how their guests are built, and how what they say is read."""
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/bench.d"))

# pylint: disable=wrong-import-position
from failure import Failure
from machines import QEMU, QEMU_CPU, SANDGLASS
from rows import compile_guest

MADE = ROOT / "out/experiments"
SOURCES = ROOT / "tools/experiments.d"
PATIENCE_S = 1800

# Of token with a bound: the most that a hart may be ahead of another at the end of a quantum, and
# the quantum, which is the same by default.
TOKEN_NS = 20000


@dataclasses.dataclass(frozen=True)
class Emulator:
    """One way to run a guest; a column or a block of a table."""
    key: str
    title: str
    words: tuple
    is_qemu: bool = False
    busy: int = 0  # processes that keep the host busy meanwhile

    def command(self, elf, harts, *more):
        common = ["-m", "1G", "-smp", str(harts), "-nographic"]
        guest = ["-bios", "none", "-kernel", elf] if self.is_qemu else ["-elf", elf]
        return [*self.words, *common, *guest, *more]


def emulators():
    """All that this host has, by key."""
    ours = (SANDGLASS, "run", "--icount", "shift=3,sleep=off")
    token = f"token,max-skew={TOKEN_NS}"
    found = [
        Emulator("lockstep", "lockstep", ours),
        Emulator("lockstep-busy", "lockstep, busy host", ours, busy=2 * (os.cpu_count() or 1)),
        Emulator("token", "token", (*ours, "--time", "token")),
        Emulator("bounded", token, (*ours, "--time", token)),
    ]
    if QEMU.is_file():
        qemu = (QEMU, "-M", "virt", "-cpu", QEMU_CPU, "-rtc", "clock=vm")
        found.append(Emulator("icount", "QEMU -icount shift=3",
                              (*qemu, "-icount", "shift=3,sleep=off"), True))
        found.append(Emulator("qemu", "QEMU", qemu, True))
    else:
        tell("no QEMU to compare with: run tools/setup peer")
    return {emulator.key: emulator for emulator in found}


def choose(text, keys):
    """A list of words out of those that there are; all of them for None."""
    words = list(keys) if text is None else text.split(",")
    for word in words:
        if word not in keys:
            raise Failure(64, f"'{word}' is none of {', '.join(keys)}")
    return words


def tell(text):
    print(f"{pathlib.Path(sys.argv[0]).name}: {text}", file=sys.stderr)


def build(source, name, **defines):
    """Compiles a guest of this folder."""
    elf = MADE / name
    flags = [f"-D{key}={value}" for key, value in defines.items()]
    compile_guest(elf, f"-I{ROOT / 'tests/guest'}", *flags, SOURCES / source)
    return elf


@contextlib.contextmanager
def busy_host(count):
    """Keeps the host busy with so many processes."""
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def run(emulator, command, statuses=(0,)):
    """What a run wrote to standard output, its stats, and the host's seconds."""
    with tempfile.TemporaryDirectory() as folder, busy_host(emulator.busy):
        stats = pathlib.Path(folder) / "stats.json"
        more = [] if emulator.is_qemu else ["--stats", stats]
        start_s = time.monotonic()
        try:
            result = subprocess.run([*command, *more], stdin=subprocess.DEVNULL, check=False,
                                    capture_output=True, text=True, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise Failure(70, f"{emulator.title}: no end after {PATIENCE_S} s") from error
        wall_s = time.monotonic() - start_s
        if result.returncode not in statuses:
            said = (result.stderr or "nothing").strip().splitlines()[-1]
            raise Failure(70, f"{emulator.title} ended with {result.returncode}: {said}")
        figures = None if emulator.is_qemu else json.loads(stats.read_text(encoding="utf-8"))
    return result.stdout, figures, wall_s


def numbers(output, word):
    """The line of a guest that begins with a word, as {name: number}."""
    for line in output.splitlines():
        if line.startswith(f"{word} ") or line.startswith(f"{word}: "):
            return {name: int(value) for name, value in re.findall(r"([a-z-]+) (\d+)", line)}
    raise Failure(70, f"the guest did not say '{word}'")


def main(work):
    """Runs a tool's work, which returns how many rows broke their law."""
    try:
        sys.exit(1 if work() else 0)
    except Failure as failure:
        tell(failure)
        sys.exit(failure.status)
    except KeyboardInterrupt:
        sys.exit(130)
