#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks who includes whom in src/, and that each header compiles alone.

A folder includes only folders that its row names, and of those only the public header, the one
that bears the folder's name; .def tables count as public. System headers that belong to one place
only are listed with it. ARCHITECTURE.md says why.
"""
import pathlib
import re
import subprocess
import sys

ALLOWED = {
    "base": "",
    "vtime": "base",
    "isa": "base",
    "bus": "base",
    "hart": "base vtime isa bus",
    "io": "base vtime",
    "jit": "base vtime isa bus hart",
    "dev": "base vtime bus io",
    "prof": "base vtime isa",
    "cluster": "base vtime io",
    "machine": "base vtime isa bus hart io jit dev prof",
    "plugin": "base vtime isa prof cluster",
    "cli": "base vtime isa bus hart io dev prof cluster machine",
}

ONLY_IN = {  # system header: the one place for it
    "mpi.h": "cluster/link_mpi.c",
    "qemu-plugin.h": "plugin/",
    "termios.h": "io/",
    "poll.h": "io/",
    "time.h": "io/ cli/",
    "sys/socket.h": "io/ cli/sandbox.c",
    "slirp/libslirp.h": "io/net.c",
    "pthread.h": "machine/ cluster/ io/log.c io/log.h",
    "signal.h": "cli/",
    "getopt.h": "cli/",
    "libfdt.h": "machine/",
    "libelf.h": "base/elf.c",
    "gelf.h": "base/elf.c",
    "ext2fs/ext2fs.h": "prof/ext_disk.c",
    "cjson/cJSON.h": "cli/",
    "seccomp.h": "cli/sandbox.c",
    "linux/landlock.h": "cli/landlock.c",
    "capstone/capstone.h": "jit/dump.c",
}

# What an engine needs of hart/ besides its public header.
ENGINE_HEADERS = ("hart/code.h", "hart/mmu.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def include_defect(folder, file, quote, name):
    """What is wrong with one include of a file, or None."""
    if quote == "<":
        places = ONLY_IN.get(name)
        here = f"{folder}/{file.name}"
        inside = places is None or any(here.startswith(place) for place in places.split())
        return None if inside else f"<{name}> belongs into {places}"
    target = name.split("/")[0] if "/" in name else None
    if target not in ALLOWED:
        return f'"{name}" is not relative to src/'
    if target == folder:
        return None
    if target not in ALLOWED[folder].split():
        return f"{folder}/ may not include {target}/"
    if name in ENGINE_HEADERS and folder == "jit":
        return None
    if name != f"{target}/{target}.h" and not name.endswith(".def"):
        return f'"{name}" is private to {target}/'
    return None


def check_includes(src):
    defects = []
    for file in sorted(src.glob("*/*.[ch]")) + sorted(src.glob("*/*.def")):
        folder = file.parent.name
        if folder not in ALLOWED:
            defects.append(f"{file}: folder {folder}/ has no row in tools/layers.py")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            defect = found and include_defect(folder, file, found[1], found[2])
            if defect:
                defects.append(f"{file}:{number}: {defect}")
    return defects


def check_headers(src, compiler):
    defects = []
    for header in sorted(src.glob("*/*.h")):
        command = [compiler, "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{src}"]
        command += ["-Wno-unused-function", "-fsyntax-only", "-x", "c", "-include", str(header)]
        result = subprocess.run(command + ["/dev/null"], capture_output=True, text=True)
        if result.returncode != 0:
            defects.append(f"{header}: does not compile alone:\n{result.stderr.rstrip()}")
    return defects


def main():
    src = pathlib.Path(__file__).resolve().parent.parent / "src"
    compiler = sys.argv[1] if len(sys.argv) > 1 else "cc"
    defects = check_includes(src) + check_headers(src, compiler)
    for defect in defects:
        print(f"layers: {defect}", file=sys.stderr)
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
